//! Files that the program writes: who can read them, and that nobody else chooses
//! which they are.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::world::{DATABASE, Done, LOCK, Running, STATE, World};

fn shell(world: &World, line: &str) -> Done {
    let command = world.in_shell(line);
    Running::new(command, line.to_owned()).end()
}

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_that_is_written_can_be_read_by_others_whatever_the_umask() {
    let world = World::airline();
    fs::remove_file(world.path(DATABASE)).unwrap();
    fs::remove_file(world.path(&format!("{DATABASE}.lock"))).unwrap();
    let local = "gsictl --local=gsictl-demo/gsictl-local.db --local-build-seconds 0.3";
    let line = format!(
        "umask 000; gsictl demo --tables-only --items 3 --quiet && \
         {local} plan airline.yaml --save plan.json && \
         {local} check airline.yaml --values --violations found.csv && \
         {local} check airline.yaml --violations found.jsonl && \
         {local} apply airline.yaml --no-wait; gsictl --local export bookings"
    );
    shell(&world, &line);
    let all = world.named("");
    let ours: Vec<_> = all.iter().filter(|name| *name != "airline.yaml").collect();
    let wanted = [STATE, LOCK, DATABASE, "plan.json", "found.csv", "found.jsonl"];
    for name in wanted.into_iter().chain(["gsictl-demo/airline.yaml"]) {
        assert!(ours.iter().any(|there| *there == name), "no {name} among {ours:?}");
    }
    for name in ours {
        assert_eq!(mode(&world, name), 0o600, "{name}");
    }
}

#[test]
fn a_plan_is_saved_over_no_link_no_second_name_and_no_device() {
    let world = World::airline();
    world.write("victim", b"precious");
    // The name that a saved plan had while it was written.
    symlink(world.path("victim"), world.path("plan.json.gsictl-tmp")).unwrap();
    world.local(&["plan", "airline.yaml", "--save", "plan.json"]).exits(0);
    assert!(world.path("plan.json").symlink_metadata().unwrap().is_file());

    symlink(world.path("plan.json"), world.path("link.json")).unwrap();
    fs::hard_link(world.path("plan.json"), world.path("second.json")).unwrap();
    for (file, what) in [
        ("link.json", "symbolic link"),
        ("second.json", "hard link"),
        ("plan.json", "hard link"),
        ("/dev/full", "device"),
        ("home", "directory"),
    ] {
        let done = world.local(&["plan", "airline.yaml", "--save", file]).exits(2);
        done.says(what).says("next: name a file that you may write with --save");
    }
    assert_eq!(world.read("victim"), b"precious");
}

#[test]
fn a_lock_that_is_a_second_name_of_another_file_does_not_empty_it() {
    for lock in [LOCK.to_owned(), format!("{DATABASE}.lock")] {
        let world = World::airline();
        world.write("victim", b"precious");
        let _ = fs::remove_file(world.path(&lock));
        fs::hard_link(world.path("victim"), world.path(&lock)).unwrap();
        let done = world.local(&["apply", "airline.yaml", "--no-wait"]);
        assert_ne!(done.code, Some(0), "{}", done.text());
        done.says("hard link");
        assert_eq!(world.read("victim"), b"precious", "{lock}");
    }
}

#[test]
fn a_database_reached_by_a_link_is_not_opened() {
    let world = World::airline();
    fs::rename(world.path(DATABASE), world.path("elsewhere.db")).unwrap();
    symlink(world.path("elsewhere.db"), world.path(DATABASE)).unwrap();
    world.local(&["plan", "airline.yaml"]).exits(1).says("symbolic link");
}

#[test]
fn a_fresh_demo_follows_no_link_and_names_what_it_leaves() {
    let world = World::new();
    fs::create_dir(world.path("gsictl-demo")).unwrap();
    fs::create_dir(world.path("outside")).unwrap();
    world.write("outside/apply_1.json", b"mine");
    world.write("gsictl-demo/gsictl-local.db.backup", b"mine");
    symlink(world.path("outside"), world.path("gsictl-demo/gsi_creation_reports")).unwrap();
    let done = world.run(&["demo", "--tables-only", "--fresh", "--items", "3"]).exits(0);
    done.says("gsi_creation_reports").says("gsictl-local.db.backup");
    assert_eq!(world.read("outside/apply_1.json"), b"mine");

    let world = World::new();
    fs::create_dir(world.path("outside")).unwrap();
    symlink(world.path("outside"), world.path("gsictl-demo")).unwrap();
    world.run(&["demo", "--tables-only", "--items", "3"]).exits(1).says("symbolic link");
    assert_eq!(fs::read_dir(world.path("outside")).unwrap().count(), 0);
}
