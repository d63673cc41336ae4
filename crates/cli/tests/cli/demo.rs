//! `gsictl demo`, through every interruption.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value;

use crate::world::{Done, Embedded, Running, TABLES, World, airline, side_by_side, text, wait_for};

/// A demo at a test's pace.
fn demo(world: &World, more: &[&str]) -> Running {
    demo_of("0.5", world, more)
}

fn demo_of(build_seconds: &str, world: &World, more: &[&str]) -> Running {
    let args = ["demo", "--items", "3", "--local-build-seconds", build_seconds];
    world.start(&[&args, more].concat())
}

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777
}

/// The demo's indexes with their statuses, as the engine has them.
fn built(world: &World) -> BTreeMap<String, String> {
    let path = world.path("gsictl-demo/gsictl-local.db");
    if !path.exists() {
        return BTreeMap::new();
    }
    let engine = Embedded::open(&path, 0.0);
    let mut built = BTreeMap::new();
    for (table, _) in TABLES {
        let name = gsictl_core::name::TableName::new(table).unwrap();
        let call = gsictl_core::call::Call::DescribeTable(name);
        if let Ok(gsictl_core::call::Reply::Table(table)) = engine.call(call) {
            for index in &table.indexes {
                built.insert(format!("{}.{}", table.name, index.name), index.status.to_string());
            }
        }
    }
    built
}

#[test]
fn a_fresh_demo_ends_with_six_active_indexes_an_archive_and_a_report() {
    let world = World::new();
    // Long beside all else that it does, however slow the machine is.
    let done = demo_of("3", &world, &[]).end().exits(0);
    let done = done.says("All GSIs created successfully!").says("State file archived to");
    assert!(done.stdout.contains("the same builds one after the other take"), "{}", done.text());

    assert_eq!(built(&world).into_keys().collect::<Vec<_>>(), airline());
    assert!(built(&world).values().all(|status| status == "ACTIVE"));
    assert!(!world.exists("gsictl-demo/.gsi_creation_state.json"));
    let archives = world.named("gsictl-demo/.gsi_creation_state_");
    assert_eq!(archives.len(), 1, "{archives:?}");
    let reports = world.reports("gsictl-demo/");
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!((mode(&world, &archives[0]), mode(&world, &reports[0])), (0o600, 0o600));

    let report = world.json(&reports[0]);
    assert_eq!(report["totals"]["created"], 6);
    let seconds = |name: &str| report[name].as_f64().unwrap();
    assert!(seconds("build_seconds_sum") > seconds("seconds"), "{report}");
    for index in report["indexes"].as_array().unwrap() {
        assert!(index["build_seconds"].as_f64().unwrap() > 0.0, "{index}");
        assert!(text(&index["creation_time"]).ends_with('Z'), "{index}");
        assert_eq!((&index["result"], &index["owner"]), (&"created".into(), &"run".into()));
    }
}

#[test]
fn a_second_demo_changes_nothing() {
    let world = World::new();
    demo(&world, &[]).end().exits(0);
    let before = world.files();
    let done = demo(&world, &[]).end().exits(0);
    let done = done.says("Skipping bookings.passenger-flight-index (already active)");
    done.says("nothing was changed");
    assert_eq!(world.files(), before);
}

#[test]
fn a_fresh_demo_over_an_old_one_begins_anew_and_removes_only_its_own_files() {
    let world = World::new();
    demo(&world, &[]).end().exits(0);
    let old = world.named("gsictl-demo/.gsi_creation_state_");
    world.write("gsictl-demo/notes.txt", b"mine");
    let done = demo(&world, &["--fresh", "--output", "json"]).end().exits(0);
    let mut accepted = done.indexes("accepted");
    accepted.sort();
    assert_eq!(accepted, airline());
    assert_eq!(world.read("gsictl-demo/notes.txt"), b"mine");
    assert!(!world.exists(&old[0]), "{old:?} is left");
}

#[test]
fn a_signal_saves_the_state_and_the_next_demo_finishes() {
    side_by_side(&["INT", "TERM", "HUP"], |signal| {
        let world = World::new();
        let mut running = demo_of("4", &world, &["--output", "json"]);
        running.until("accepted");
        running.signal(signal);
        let first = running.end().exits(130);
        assert_eq!(first.finished()["report"]["ended"], "stopped", "{signal}");
        let state = world.json("gsictl-demo/.gsi_creation_state.json");
        assert_eq!(state["summary"]["total"], 6, "{signal}");

        let second = demo(&world, &["--output", "json"]).end().exits(0);
        assert_eq!(second.finished()["exit_code"], 0);
        created_once(&[&first, &second]);
        assert!(built(&world).values().all(|status| status == "ACTIVE"));
    });
}

#[test]
fn an_interrupted_demo_says_what_goes_on_and_how_to_resume() {
    let world = World::new();
    let running = demo_of("30", &world, &[]);
    wait_for("five builds", || built(&world).len() == 5);
    running.signal("INT");
    let done = running.end().exits(130);
    let done = done.says("Interrupted by user!").says("State has been saved.");
    let done = done.says("These go on building in DynamoDB:").says("Resume with: gsictl demo");
    assert!(done.stdout.contains("bookings.passenger-flight-index"), "{}", done.text());
}

#[test]
fn a_demo_killed_at_any_moment_finishes_later_and_creates_no_index_twice() {
    let moments = [
        ("planned", 1),
        ("creating", 1),
        ("creating", 5),
        ("accepted", 1),
        ("accepted", 3),
        ("accepted", 5),
        ("activated", 1),
        ("activated", 3),
        ("creating", 6),
        ("accepted", 6),
    ];
    let runs = side_by_side(&moments, |(event, times)| {
        let world = World::new();
        let mut running = demo(&world, &["--output", "json"]);
        for _ in 0..*times {
            running.until(event);
        }
        let first = running.kill();
        // On a busy machine it may be over before the kill comes.
        assert!(matches!(first.code, None | Some(0)), "{}", first.text());
        let there = built(&world);
        let second = demo(&world, &["--output", "json"]).end().exits(0);
        created_once(&[&first, &second]);
        for id in second.indexes("creating") {
            assert!(!there.contains_key(&id), "{id} was there: {}", second.text());
        }
        assert_eq!(built(&world).into_keys().collect::<Vec<_>>(), airline());
        assert!(built(&world).values().all(|status| status == "ACTIVE"));
        assert!(!world.exists("gsictl-demo/.gsi_creation_state.json"));
        there.len()
    });
    // The kills met different moments: before the creates, and after the last.
    assert!(runs.contains(&0) && runs.contains(&6), "{runs:?}");
}

/// A demo that is killed again and again gets there too.
#[test]
fn a_demo_killed_time_and_again_finishes_at_last() {
    let world = World::new();
    let mut runs = Vec::new();
    for delay in [60, 120, 200, 300, 420, 550, 700, 900] {
        let running = demo(&world, &["--output", "json"]);
        std::thread::sleep(Duration::from_millis(delay));
        runs.push(running.kill());
    }
    let last = demo(&world, &["--output", "json"]).end().exits(0);
    runs.push(last);
    created_once(&runs.iter().collect::<Vec<_>>());
    assert_eq!(built(&world).into_keys().collect::<Vec<_>>(), airline());
    assert!(built(&world).values().all(|status| status == "ACTIVE"));
}

#[test]
fn a_demo_under_way_holds_the_lock() {
    let world = World::new();
    let mut first = demo_of("300", &world, &["--output", "json"]);
    first.until("accepted");
    let pid = first.pid();
    for more in [&[][..], &["--fresh"]] {
        let second = demo(&world, more).end().exits(5);
        second.says(&format!("pid {pid}")).says("gsictl demo");
    }
    first.signal("INT");
    first.end().exits(130);
}

#[test]
fn only_the_tables_are_made_where_only_they_are_wanted() {
    let world = World::new();
    let done = demo(&world, &["--tables-only"]).end().exits(0);
    let done = done.says("Made 9 tables with 3 items each.").says("Next: gsictl plan");
    assert!(!done.stdout.contains("Creating"), "{}", done.text());
    assert!(built(&world).is_empty());
    let files = ["airline.yaml", "gsictl-local.db", "priority2.yaml", "priority3.yaml"];
    for file in files {
        assert!(world.exists(&format!("gsictl-demo/{file}")), "{file}");
    }
    let before = world.files();
    let again = demo(&world, &["--tables-only", "--output", "json"]).end().exits(0);
    assert_eq!(again.document()["exit_code"], 0);
    assert_eq!(world.files(), before);

    // The three sets of definitions, one after the other.
    let args = ["--local", "--state-dir", "gsictl-demo", "--local-build-seconds", "0.3", "apply"];
    for (file, indexes) in [("airline.yaml", 6), ("priority2.yaml", 3), ("priority3.yaml", 4)] {
        let file = format!("gsictl-demo/{file}");
        let done = world.run(&[&args[..], &[&file, "--output", "json"]].concat()).exits(0);
        assert_eq!(done.finished()["report"]["totals"]["created"], indexes, "{}", done.text());
    }
}

#[test]
fn a_demo_of_five_tables_is_not_taken_for_one_of_nine() {
    let world = World::new();
    demo(&world, &[]).end().exits(0);
    let before = built(&world);
    let done = demo(&world, &["--tables-only"]).end().exits(2);
    done.says("without CargoShipments").says("next: `gsictl demo --tables-only --fresh`");
    assert_eq!(built(&world), before);
    demo(&world, &["--tables-only", "--fresh"]).end().exits(0);
    assert!(built(&world).is_empty());
}

fn created_once(runs: &[&Done]) {
    let mut accepted: BTreeMap<String, u32> = BTreeMap::new();
    for id in runs.iter().flat_map(|run| run.indexes("accepted")) {
        *accepted.entry(id).or_default() += 1;
    }
    let twice: Vec<_> = accepted.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let refused = |event: &Value| event["event"] == "attempt_failed";
    let refusals: Vec<_> = runs.iter().flat_map(|run| run.events()).filter(refused).collect();
    assert!(refusals.is_empty(), "{refusals:?}");
}
