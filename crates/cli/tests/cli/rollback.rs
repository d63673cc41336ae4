//! Taking back what was created, and nothing else.

use serde_json::Value;

use crate::support::service::{Service, service};
use crate::world::{Done, STATE, World, airline, one_index, statuses, wait_for};

const ARCHIVE: &str = ".gsi_creation_state_";

fn built() -> World {
    let world = World::airline();
    world.local(&["apply", "airline.yaml"]).exits(0);
    world
}

fn rollback(world: &World, more: &[&str]) -> Done {
    world.local(&[&["rollback", "--output", "json"], more].concat())
}

fn newest_archive(world: &World) -> Value {
    world.json(world.named(ARCHIVE).last().unwrap())
}

#[test]
fn what_a_finished_run_created_is_deleted_from_its_archive() {
    let world = built();
    let done = rollback(&world, &["--yes"]).exits(0);
    let mut deleted = done.indexes("deleted");
    deleted.sort();
    assert_eq!(deleted, airline());
    assert_eq!(world.all_indexes(), [""; 0]);
    assert!(!world.exists(STATE));
    assert_eq!(world.named(ARCHIVE).len(), 2);
    let owned =
        |id: &String| newest_archive(&world)["gsictl"]["entries"][id]["deleted_at"].is_string();
    assert!(airline().iter().all(owned));
    let report = done.finished()["report"].clone();
    assert_eq!(report["totals"]["deleted"], 6);

    let again = rollback(&world, &["--yes"]).exits(0);
    assert_eq!(again.indexes("deleting"), [""; 0]);
    // And it can be built again.
    world.local(&["apply", "airline.yaml"]).exits(0);
    assert_eq!(world.all_indexes(), airline());
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_deleted_and_the_names_are_shown() {
    let world = built();
    let before = world.files();
    let done = world.local(&["rollback"]).exits(2);
    let done = done.says("delete  passenger-flight-index").says("--yes");
    done.does_not_say("Deleting GSI");
    let dry = world.local(&["rollback", "--dry-run"]).exits(0);
    dry.says("delete  flight-status-index").does_not_say("Deleting GSI");
    let unchanged = |(name, bytes): (String, Vec<u8>)| {
        name.contains("gsictl-local") || name.ends_with(".lock") || before[&name] == bytes
    };
    assert!(world.files().into_iter().all(unchanged));
    assert_eq!(world.all_indexes(), airline());
}

#[test]
fn in_a_terminal_only_the_word_yes_is_taken_for_it() {
    for (answer, code) in [("no", 2), ("y", 2), ("yes", 0)] {
        let world = built();
        let line = "gsictl --local --local-build-seconds 0.3 rollback";
        let Some(mut terminal) = world.in_terminal(line) else {
            return crate::skipped::skipped(
                "there is no `script` of util-linux; install util-linux",
            );
        };
        terminal.stdin(std::process::Stdio::piped());
        let done = crate::world::with_input(terminal, format!("{answer}\n").as_bytes());
        let done = done.exits(code).says("Only 'yes' is taken for it");
        assert_eq!(world.all_indexes().is_empty(), code == 0, "{}", done.text());
    }
}

#[test]
fn an_index_that_was_there_before_is_kept() {
    let world = World::airline();
    let yaml = format!("bookings:\n{}", one_index("by-seat", "seat", "S"));
    world.write("before.yaml", yaml.as_bytes());
    world.local(&["apply", "before.yaml"]).exits(0);
    // The state that made it is lost.
    for name in world.named(ARCHIVE) {
        std::fs::remove_file(world.path(&name)).unwrap();
    }
    let both = format!("{yaml}{}", one_index("by-gate", "gate", "S"));
    world.write("both.yaml", both.as_bytes());
    world.local(&["apply", "both.yaml"]).exits(0);
    let done = rollback(&world, &["--yes"]).exits(0);
    assert_eq!(done.indexes("deleted"), ["bookings.by-gate"]);
    assert_eq!(done.indexes("kept"), ["bookings.by-seat"]);
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn killed_half_way_it_is_finished_by_the_next() {
    let world = built();
    let args = ["--local", "--local-build-seconds", "6", "rollback", "--yes", "--output", "json"];
    let mut running = world.start(&args);
    running.until("accepted");
    let first = running.kill();
    assert_eq!(first.code, None, "{}", first.text());
    let entries = &world.state()["gsictl"]["entries"];
    assert!(entries.as_object().unwrap().values().any(|e| e["delete_intent_at"].is_string()));
    let second = rollback(&world, &["--yes"]).exits(0);
    assert_eq!(world.all_indexes(), [""; 0], "{}\n{}", first.text(), second.text());
    assert!(!world.exists(STATE));
}

#[test]
fn interrupted_it_says_how_to_go_on_and_the_state_is_saved() {
    let world = built();
    let args = ["--local", "--local-build-seconds", "3", "rollback", "--yes"];
    let running = world.start(&args);
    let begun = || String::from_utf8_lossy(&world.read(STATE)).contains("delete_intent_at");
    wait_for("a deletion", || world.exists(STATE) && begun());
    running.signal("INT");
    let done = running.end().exits(130);
    done.says("Go on with: gsictl --local --local-build-seconds 3 rollback --yes");
    assert!(world.exists(STATE));
    rollback(&world, &["--yes"]).exits(0);
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn filters_limit_it_and_the_state_stays_until_all_is_deleted() {
    let world = built();
    let done = rollback(&world, &["--yes", "--table", "bookings"]).exits(0);
    assert_eq!(done.indexes("deleted").len(), 2);
    assert_eq!(statuses(&world.state()).values().filter(|s| *s == "active").count(), 4);
    rollback(&world, &["--yes", "--table", "no-such-table"]).exits(2).says("--table");
    rollback(&world, &["--yes"]).exits(0);
    assert!(!world.exists(STATE));
}

#[test]
fn there_has_to_be_a_state_and_it_has_to_be_this_one() {
    let world = World::airline();
    rollback(&world, &["--yes"]).exits(5).says("no archive").says("--state-dir");
    world.write(STATE, b"{ half");
    rollback(&world, &["--yes"]).exits(5).says("gsictl state list");
    assert_eq!(world.read(STATE), b"{ half");

    let world = built();
    let archive = world.named(ARCHIVE).pop().unwrap();
    world.local(&["apply", "airline.yaml", "--no-wait"]).exits(0);
    world.write(STATE, b"{}");
    let other = rollback(&world, &["--yes", "--state", &archive]).exits(5);
    other.says("gsictl state archive");
    std::fs::remove_file(world.path(STATE)).unwrap();
    let done = rollback(&world, &["--yes", "--state", &archive]).exits(0);
    assert_eq!(done.indexes("deleted").len(), 6);
}

#[test]
fn a_state_of_another_place_is_refused_and_both_are_named() {
    let world = built();
    let other = ["--local=other.db", "rollback", "--yes"];
    let done = world.run(&other).exits(5).says("gsictl-local.db").says("other.db");
    done.does_not_say("Deleting GSI");
    assert_eq!(world.all_indexes(), airline());
}

// On Amazon DynamoDB Local.

fn made() -> Option<Service> {
    let service = service()?.airline();
    service.apply().exits(0);
    Some(service)
}

#[test]
fn on_a_service_each_index_is_deleted_with_one_call() {
    let Some(service) = made() else { return };
    let creates = service.proxy.count("UpdateTable");
    let done = service.world.run(&["rollback", "--yes", "--output", "json"]).exits(0);
    assert_eq!(done.indexes("deleted").len(), 6, "{}", done.text());
    assert!(service.indexes().is_empty());
    assert_eq!(service.proxy.count("UpdateTable") - creates, 6);
    let attributes = service.tables.describe("bookings").attributes;
    assert_eq!(attributes.len(), 1, "only the table's key is left: {attributes:?}");
}

#[test]
fn on_a_service_an_index_that_somebody_made_again_with_other_keys_is_left_and_named() {
    let Some(service) = made() else { return };
    service.tables.delete_index("bookings", "flight-status-index");
    let gone = || !service.indexes().contains_key("bookings.flight-status-index");
    wait_for("the end of the deletion", gone);
    service.tables.create_index("bookings", "flight-status-index", "seat");
    let done = service.world.run(&["rollback", "--yes", "--output", "json"]).exits(0);
    assert_eq!(done.indexes("kept"), ["bookings.flight-status-index"]);
    assert_eq!(done.indexes("deleted").len(), 5);
    let left: Vec<_> = service.indexes().into_keys().collect();
    assert_eq!(left, ["bookings.flight-status-index"]);
    let kept = &done.finished()["report"]["indexes"];
    let reason = kept.as_array().unwrap().iter().find_map(|i| i["reason"].as_str()).unwrap();
    assert!(reason.contains("seat S HASH"), "{reason}");
}

/// The archive of a rollback, and the one of the apply before it.
fn rolled_back(world: &World) -> (String, String) {
    let applied = world.named(ARCHIVE).pop().unwrap();
    rollback(world, &["--yes"]).exits(0);
    let after = world.named(ARCHIVE).into_iter().find(|name| *name != applied).unwrap();
    (applied, after)
}

fn of_one() -> World {
    let world = World::airline();
    let yaml = format!("bookings:\n{}", one_index("by-seat", "seat", "S"));
    world.write("one.yaml", yaml.as_bytes());
    world.local(&["apply", "one.yaml"]).exits(0);
    world
}

/// Somebody else makes the index again, with the same keys.
fn made_by_another(world: &World) {
    let elsewhere = world.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let database = format!("--local={}", world.path("gsictl-local.db").display());
    let args = ["--local-build-seconds", "0.3", "apply", "one.yaml", "--state-dir", "elsewhere"];
    world.run(&[&[database.as_str()], &args[..]].concat()).exits(0);
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn an_archive_that_a_later_one_supersedes_is_refused_with_what_that_one_knows() {
    let world = of_one();
    let (applied, after) = rolled_back(&world);
    made_by_another(&world);
    let refused = world.local(&["rollback", "--yes", "--state", &applied]).exits(5);
    refused.says(&after).says("bookings.by-seat: deleted at").says("--superseded");
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
    // Who believes it all the same is told what is risked.
    let believed = ["rollback", "--dry-run", "--state", &applied, "--superseded"];
    let dry = world.local(&believed).exits(0);
    dry.says("warning").says("bookings.by-seat: deleted at").says("delete  by-seat");
    let events = rollback(&world, &["--dry-run", "--state", &applied, "--superseded"]).exits(0);
    let told = events.events().into_iter().find(|event| event["event"] == "superseded").unwrap();
    assert_eq!((&told["by"], &told["knows"][0]["index"]), (&after.into(), &"by-seat".into()));
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn the_newest_archive_is_that_of_the_highest_serial_though_the_clock_was_set_back() {
    let world = of_one();
    let (applied, after) = rolled_back(&world);
    // As a clock that was set back before the rollback would have named it.
    let earlier = ".gsi_creation_state_20200101_000000.json";
    std::fs::rename(world.path(&after), world.path(earlier)).unwrap();
    made_by_another(&world);
    let done = rollback(&world, &["--yes"]).exits(0);
    assert_eq!(done.indexes("deleting"), [""; 0], "{}", done.text());
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
    assert_ne!(applied, earlier);
    world.local(&["status"]).exits(0).says(earlier);
}

#[test]
fn a_state_file_that_an_archive_supersedes_is_not_believed_by_apply_either() {
    let world = of_one();
    let (applied, after) = rolled_back(&world);
    let bytes = world.read(&applied);
    world.write(STATE, &bytes);
    made_by_another(&world);
    let refused = world.local(&["apply", "one.yaml"]).exits(5);
    refused.says(&after).says("move the state file away");
    world.local(&["rollback", "--yes"]).exits(5).says(&after);
    assert_eq!(world.read(STATE), bytes);
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn an_archive_that_cannot_be_read_may_be_the_newest_and_is_named() {
    let world = of_one();
    let damaged = ".gsi_creation_state_20200101_000000.json";
    world.write(damaged, b"{\"version\": \"1.0\"");
    let refused = world.local(&["rollback", "--yes"]).exits(5);
    refused.says(damaged).says("may be the newest");
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn a_newer_state_that_only_a_newer_version_understands_is_named() {
    let world = of_one();
    let own = world.named(ARCHIVE).pop().unwrap();
    let newer = ".gsi_creation_state_20200101_000000.json";
    let of_newer = br#"{"version":"9.0","gsictl":{"format":7,"lineage":"x","serial":1000}}"#;
    world.write(newer, of_newer);
    for args in [&["rollback", "--yes", "--state", &own][..], &["rollback", "--yes"]] {
        world.local(args).exits(5).says(newer);
    }
    assert_eq!(world.all_indexes(), ["bookings.by-seat"]);
}

#[test]
fn archives_of_one_lineage_never_have_one_serial() {
    let world = of_one();
    let applied = world.named(ARCHIVE).pop().unwrap();
    world.write(STATE, &world.read(&applied));
    // It changes nothing, and is archived all the same.
    world.local(&["apply", "one.yaml"]).exits(0);
    world.write(STATE, &world.read(&applied));
    world.local(&["state", "archive"]).exits(5).says("a later save of it");
    std::fs::remove_file(world.path(STATE)).unwrap();
    let place = |name: &String| {
        let own = world.json(name)["gsictl"].clone();
        (own["lineage"].to_string(), own["serial"].as_u64().unwrap())
    };
    let mut places: Vec<_> = world.named(ARCHIVE).iter().map(place).collect();
    let count = places.len();
    places.sort();
    places.dedup();
    assert_eq!((count, places.len()), (2, 2), "{places:?}");
}

#[test]
fn a_rollback_that_was_killed_before_its_archive_is_finished_by_whatever_comes_next() {
    for next in [&["rollback", "--yes"][..], &["apply", "other.yaml"]] {
        let world = of_one();
        let (_, after) = rolled_back(&world);
        // All is deleted and saved, and the state was not put away.
        std::fs::rename(world.path(&after), world.path(STATE)).unwrap();
        let yaml = format!("flights:\n{}", one_index("by-gate", "gate", "S"));
        world.write("other.yaml", yaml.as_bytes());
        let done = world.local(next).exits(0);
        done.says("State file archived to");
        assert!(!world.exists(STATE), "after {next:?}");
    }
}
