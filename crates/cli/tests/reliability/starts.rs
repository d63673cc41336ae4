//! Two hundred starts at once on one directory.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::support::world::{Done, Running, World, side_by_side, signal, wait_for};

const STARTS: usize = 200;

fn start(world: &World) -> Running {
    // So long that nobody comes too late: it is stopped when all others have ended.
    let local = ["--local", "--local-build-seconds", "3600"];
    world.start(&[&local[..], &["apply", "airline.yaml", "--output", "json"]].concat())
}

#[test]
fn of_two_hundred_starts_at_once_one_runs_and_the_others_name_it() {
    let world = World::airline();
    let under_way = Mutex::new(BTreeSet::new());
    let started = side_by_side(&[(); STARTS], |()| {
        let running = start(&world);
        under_way.lock().unwrap().insert(running.pid());
        Mutex::new(Some(running))
    });
    let ends = std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            let one = || under_way.lock().unwrap().len() == 1 && world.built().len() == 5;
            wait_for("the end of all but one", one);
            signal(*under_way.lock().unwrap().first().unwrap(), "INT");
        });
        let ends = side_by_side(&started, |running| {
            let running = running.lock().unwrap().take().unwrap();
            let pid = running.pid();
            let end = running.end();
            under_way.lock().unwrap().remove(&pid);
            (pid, end)
        });
        stop.join().unwrap();
        ends
    });
    let (ran, refused): (Vec<_>, Vec<_>) =
        ends.into_iter().partition(|(_, end)| end.code == Some(130));
    let [(pid, end)] = ran.try_into().unwrap_or_else(|ran| panic!("{ran:?}"));
    for (_, other) in &refused {
        names_the_holder(other, pid);
    }
    assert_eq!(refused.len(), STARTS - 1);
    assert_eq!(end.indexes("accepted").len(), 5, "one a table: {}", end.text());
}

fn names_the_holder(other: &Done, pid: u32) {
    let other = other.clone().exits(5);
    assert_eq!(other.indexes("creating"), [""; 0]);
    other.says(&format!("pid {pid}")).says("gsictl --local --local-build-seconds 3600 apply");
}
