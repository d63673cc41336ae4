//! One run at a time, and what becomes of a state that is touched under a run.
//! Two hundred starts at once are in `reliability/starts.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::skipped::skipped;
use crate::world::{DATABASE, Done, LOCK, Running, STATE, World, wait_for};

fn start(world: &World, seconds: &str) -> Running {
    let local = ["--local", "--local-build-seconds", seconds];
    world.start(&[&local[..], &["apply", "airline.yaml", "--output", "json"]].concat())
}

#[test]
fn a_second_apply_names_the_holder_and_the_first_is_unharmed() {
    let world = World::airline();
    let mut first = start(&world, "300");
    first.until("accepted");
    let pid = first.pid();
    let second = world.local(&["apply", "airline.yaml"]).exits(5);
    second
        .says(&format!("pid {pid}"))
        .says("gsictl --local --local-build-seconds 300 apply airline.yaml")
        .says("wait until it ends");
    for args in [&["state", "archive"][..], &["state", "rebuild", "airline.yaml"]] {
        world.local(args).exits(5).says(&format!("pid {pid}"));
    }
    // Reading needs no lock.
    world.local(&["status"]).exits(0);
    world.local(&["apply", "airline.yaml", "--dry-run"]).exits(0);
    first.signal("INT");
    first.end().exits(130);
    assert_eq!(world.built().len(), 5);
}

#[test]
fn a_killed_run_frees_its_lock() {
    let world = World::airline();
    let mut first = start(&world, "1");
    first.until("accepted");
    first.kill();
    start(&world, "1").end().exits(0);
}

/// Lets a run create its first five indexes, then meddles with its state, and
/// returns the run's end. The sixth waits for its table, and is never created.
fn meddled(world: &World, meddle: impl Fn(&Path)) -> Done {
    let mut run = start(world, "8");
    for _ in 0..5 {
        run.until("accepted");
    }
    meddle(world.root());
    let done = run.end().exits(5);
    assert_eq!(done.indexes("creating").len(), 5, "{}", done.text());
    assert_eq!(done.finished()["exit_code"], 5);
    let failed = |e: &Value| e["event"] == "save_failed";
    assert_eq!(done.events().into_iter().filter(failed).count(), 1, "{}", done.text());
    done
}

fn next_run_finishes(world: &World) {
    let done = start(world, "0.3").end().exits(0);
    assert_eq!(world.all_indexes().len(), 6);
    assert_eq!(done.indexes("accepted"), ["bookings.flight-status-index"], "{}", done.text());
}

#[test]
fn a_state_removed_under_a_run_stops_it_and_the_next_finds_the_indexes() {
    let world = World::airline();
    let done = meddled(&world, |dir| fs::remove_file(dir.join(STATE)).unwrap());
    done.says("was removed during this run");
    assert!(!world.exists(STATE));
    next_run_finishes(&world);
}

#[test]
fn a_state_replaced_under_a_run_is_not_written_over() {
    let world = World::airline();
    let done = meddled(&world, |dir| {
        let bytes = fs::read(dir.join(STATE)).unwrap();
        fs::write(dir.join("other"), bytes).unwrap();
        fs::rename(dir.join("other"), dir.join(STATE)).unwrap();
        fs::copy(dir.join(STATE), dir.join("replacement")).unwrap();
    });
    done.says("was changed by another program");
    assert_eq!(world.read(STATE), world.read("replacement"));
    next_run_finishes(&world);
}

#[test]
fn a_lock_removed_under_a_run_stops_it() {
    let world = World::airline();
    let done = meddled(&world, |dir| fs::remove_file(dir.join(LOCK)).unwrap());
    done.says(".gsi_creation_state.lock was removed during this run");
    next_run_finishes(&world);
}

/// The creates that the state knows to be acknowledged.
fn acknowledged(world: &World) -> usize {
    let state = world.state();
    let entries = state["gsictl"]["entries"].as_object().unwrap();
    entries.values().filter(|entry| entry["acknowledged"] == true).count()
}

#[test]
fn people_are_told_that_the_state_cannot_be_saved_and_what_goes_on() {
    let world = World::airline();
    let run = world.start(&["--local", "--local-build-seconds", "8", "apply", "airline.yaml"]);
    // Then nothing is saved until a build ends.
    wait_for("the save of five answers", || world.exists(STATE) && acknowledged(&world) == 5);
    fs::remove_file(world.path(STATE)).unwrap();
    let done = run.end().exits(5);
    done.says("The state cannot be saved").says("No further call is made");
}

#[test]
fn a_directory_that_becomes_read_only_stops_a_run() {
    let world = World::airline();
    // Nobody is asked for modes who is root; this flag binds root too.
    fs::create_dir(world.path("state")).unwrap();
    let Some(flag) = Immutable::try_on(&world.path("state")) else {
        return skipped("chattr +i is not allowed here");
    };
    drop(flag);
    let mut run = start_elsewhere(&world);
    for _ in 0..5 {
        run.until("accepted");
    }
    let flag = Immutable::try_on(&world.path("state"));
    let done = run.end().exits(5);
    assert_eq!(done.indexes("creating").len(), 5, "{}", done.text());
    let done = done.says("--state-dir");
    // Even the report cannot be written: that is told too.
    done.says("cannot be written").says("the report could not be written");
    drop(flag);
    start_elsewhere(&world).end().exits(0);
}

#[test]
fn a_directory_that_is_read_only_from_the_beginning_is_refused_before_any_call() {
    let world = World::airline();
    fs::create_dir(world.path("state")).unwrap();
    let Some(_flag) = Immutable::try_on(&world.path("state")) else {
        return skipped("chattr +i is not allowed here");
    };
    start_elsewhere(&world).end().exits(5).says("--state-dir");
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn a_disk_that_fills_up_stops_a_run_and_keeps_what_was_saved() {
    let world = World::airline();
    fs::create_dir(world.path("state")).unwrap();
    let Some(_disk) = SmallDisk::try_mount(&world.path("state")) else {
        return skipped("a small file system cannot be mounted here");
    };
    let mut run = start_elsewhere(&world);
    for _ in 0..5 {
        run.until("accepted");
    }
    let filler = world.path("state/filler");
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    let done = run.end().exits(5);
    assert_eq!(done.indexes("creating").len(), 5, "{}", done.text());
    done.says("the disk is full").says("make room and run again");
    // The newest save that was durable is whole.
    let state = world.json(&format!("state/{STATE}"));
    assert_eq!(state["summary"]["in_progress"], 5);
    fs::remove_file(filler).unwrap();
    let done = start_elsewhere(&world).end().exits(0);
    assert_eq!(done.indexes("accepted"), ["bookings.flight-status-index"], "{}", done.text());
}

#[test]
fn a_missing_state_directory_is_named_and_not_made() {
    let world = World::airline();
    let done = world.local(&["--state-dir", "no/such", "apply", "airline.yaml"]);
    // The engine's own file would be there.
    assert_ne!(done.code, Some(0), "{}", done.text());
    let database = format!("--local={DATABASE}");
    let done = world.run(&[&database, "--state-dir", "no/such", "apply", "airline.yaml"]).exits(5);
    done.says("there is no state directory no/such").says("--state-dir");
    assert!(!world.exists("no"));
}

/// A run that keeps its state in `state`, and its tables elsewhere.
fn start_elsewhere(world: &World) -> Running {
    let database = format!("--local={DATABASE}");
    world.start(&[
        &database,
        "--local-build-seconds",
        "8",
        "--state-dir",
        "state",
        "--output",
        "json",
        "apply",
        "airline.yaml",
    ])
}

/// No name of the directory can be made, moved or removed.
struct Immutable(PathBuf);

impl Immutable {
    fn try_on(dir: &Path) -> Option<Self> {
        let guard = Self(dir.to_owned());
        (guard.chattr("+i") && fs::write(dir.join("probe"), "").is_err()).then_some(guard)
    }

    fn chattr(&self, flag: &str) -> bool {
        quietly(Command::new("chattr").arg(flag).arg(&self.0))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.chattr("-i");
    }
}

/// A file system with room for a state and not much more.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn try_mount(dir: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(dir);
        quietly(&mut mount).then(|| Self(dir.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        quietly(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn quietly(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
