//! Two hundred starts at once on one directory.

use crate::support::world::{Done, Running, World, airline, side_by_side};

const STARTS: usize = 200;

fn start(world: &World) -> Running {
    // So long that nobody comes too late.
    let local = ["--local", "--local-build-seconds", "8"];
    world.start(&[&local[..], &["apply", "airline.yaml", "--output", "json"]].concat())
}

#[test]
fn of_two_hundred_starts_at_once_one_runs_and_the_others_name_it() {
    let world = World::airline();
    let ends = side_by_side(&[(); STARTS], |()| {
        let running = start(&world);
        (running.pid(), running.end())
    });
    let (ran, refused): (Vec<_>, Vec<_>) =
        ends.into_iter().partition(|(_, end)| end.code == Some(0));
    let [(pid, end)] = ran.try_into().unwrap_or_else(|ran| panic!("{ran:?}"));
    for (_, other) in &refused {
        names_the_holder(other, pid);
    }
    assert_eq!(refused.len(), STARTS - 1);
    let mut accepted = end.indexes("accepted");
    accepted.sort();
    assert_eq!(accepted, airline());
    assert!(world.built().values().all(|status| status == "ACTIVE"));
}

fn names_the_holder(other: &Done, pid: u32) {
    let other = other.clone().exits(5);
    assert_eq!(other.indexes("creating"), [""; 0]);
    other.says(&format!("pid {pid}")).says("gsictl --local --local-build-seconds 8 apply");
}
