//! `gsictl apply` on the embedded engine.

use serde_json::{Value, json};

use crate::world::{
    DATABASE, Done, Embedded, STATE, World, airline, one_index, project, statuses, text,
};

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn apply(world: &World, more: &[&str]) -> Done {
    world.local(&[&["apply", "airline.yaml", "--output", "json"], more].concat())
}

fn result(done: &Done, index: &str) -> Value {
    let report = &done.finished()["report"];
    let found = report["indexes"].as_array().unwrap().iter().find(|i| i["index"] == index);
    found.unwrap_or_else(|| panic!("no {index} in {report}")).clone()
}

#[test]
fn apply_creates_what_is_missing_and_archives_the_state() {
    let world = World::airline();
    let done = world.local(&["apply", "airline.yaml"]).exits(0);
    done.says("Creating GSI: bookings.passenger-flight-index")
        .says("bookings.passenger-flight-index: GSI created successfully")
        .says("State file archived to .gsi_creation_state_")
        .says("All GSIs created successfully!")
        .says("6 created, 0 already active, 0 failed, 0 unfinished; success rate 100 %");
    assert_eq!(sorted(world.all_indexes()), airline());
    assert!(!world.exists(STATE));
    assert_eq!(world.named(".gsi_creation_state_").len(), 1);
    assert_eq!(world.only_report()["totals"]["created"], 6);
}

#[test]
fn a_second_apply_changes_nothing_anywhere() {
    let world = World::airline();
    apply(&world, &[]).exits(0);
    let before = world.files();
    let human = world.local(&["apply", "airline.yaml"]).exits(0);
    human
        .says("Skipping Baggage.location-status-index (already active)")
        .says("nothing was changed");
    let done = apply(&world, &[]).exits(0);
    assert_eq!(sorted(done.indexes("already_active")), airline());
    assert_eq!(done.indexes("creating"), [""; 0]);
    assert!(world.files() == before, "files changed: {:?}", world.files().keys());
}

#[test]
fn apply_without_a_state_on_finished_tables_writes_neither_state_nor_report() {
    let world = World::airline();
    apply(&world, &[]).exits(0);
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    let database = format!("--local={DATABASE}");
    let done = world.run(&[&database, "--state-dir", "elsewhere", "apply", "airline.yaml"]);
    done.exits(0).says("nothing was changed");
    assert_eq!(world.named("elsewhere/"), ["elsewhere/.gsi_creation_state.lock"]);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_writes_nothing() {
    let world = World::airline();
    let before = world.files();
    let done = world.local(&["apply", "airline.yaml", "--dry-run"]).exits(0);
    assert_eq!(done.stdout.matches("  create ").count(), 6, "{}", done.text());
    let done = apply(&world, &["--dry-run"]).exits(0);
    let planned = &done.events()[0];
    assert_eq!(
        (&planned["event"], &planned["indexes"][5]["action"]),
        (&json!("planned"), &json!("create"))
    );
    assert!(world.files() == before, "files changed: {:?}", world.files().keys());
}

#[test]
fn filters_limit_what_is_run_and_not_what_is_recorded() {
    let world = World::airline();
    let done = apply(&world, &["--table", "bookings", "--table", "flights"]).exits(0);
    let wanted = [
        "bookings.flight-status-index",
        "bookings.passenger-flight-index",
        "flights.aircraft-rotation-index",
    ];
    assert_eq!(sorted(done.indexes("accepted")), wanted);
    assert_eq!(
        world.state()["summary"],
        json!({"total": 6, "pending": 3, "in_progress": 0, "active": 3, "failed": 0})
    );

    let both = [
        "--table",
        "Baggage",
        "--index",
        "location-status-index",
        "--index",
        "crew-duty-date-index",
    ];
    let done = apply(&world, &both).exits(0);
    assert_eq!(done.indexes("accepted"), ["Baggage.location-status-index"]);

    let done = apply(&world, &[]).exits(0);
    let left = ["CrewRoster.crew-duty-date-index", "passengers.passenger-elite-tier-index"];
    assert_eq!(sorted(done.indexes("accepted")), left);
    assert!(!world.exists(STATE));
}

#[test]
fn a_filter_that_nothing_matches_is_a_mistake_of_usage() {
    let world = World::airline();
    let before = world.files();
    apply(&world, &["--table", "bookigns"]).exits(2).says("bookigns");
    apply(&world, &["--index", "no-such-index"]).exits(2).says("no-such-index");
    let neither = ["--table", "bookings", "--index", "location-status-index"];
    apply(&world, &neither).exits(2).says("no definition matches both --table and --index");
    assert!(world.files() == before);
}

#[test]
fn without_waiting_each_pass_starts_what_it_can_until_all_is_done() {
    let world = World::airline();
    let first = apply(&world, &["--no-wait"]).exits(4);
    assert_eq!(first.indexes("accepted").len(), 5, "{}", first.text());
    assert_eq!(result(&first, "flight-status-index")["result"], "waiting");
    assert_eq!(result(&first, "passenger-flight-index")["result"], "building");
    let mut accepted = first.indexes("accepted");
    let last = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let done = apply(&world, &["--no-wait"]);
        accepted.extend(done.indexes("accepted"));
        (!world.exists(STATE)).then_some(done)
    });
    last.expect("it ends").exits(0);
    assert_eq!(sorted(accepted), airline());
}

#[test]
fn one_pass_tells_people_what_was_started_and_what_waits() {
    let world = World::airline();
    let done = world.local(&["--local-build-seconds=60", "apply", "airline.yaml", "--no-wait"]);
    // The option is given twice.
    done.exits(2);
    let done = world
        .run(&["--local", "--local-build-seconds", "60", "apply", "airline.yaml", "--no-wait"])
        .exits(4);
    done.says("Started, and building in DynamoDB:\n  - bookings.passenger-flight-index")
        .says("Not started yet:\n  - bookings.flight-status-index")
        .says("Go on with: gsictl --local --local-build-seconds 60 apply airline.yaml --no-wait");
}

/// A state in which flights' index failed in an earlier run, and all others are
/// built.
fn with_a_failed_entry() -> World {
    let world = World::airline();
    let others = ["bookings", "Baggage", "CrewRoster", "passengers"];
    let filters: Vec<_> = others.iter().flat_map(|table| ["--table", table]).collect();
    apply(&world, &filters).exits(0);
    let mut state = world.state();
    let entry = &mut state["gsis"]["flights.aircraft-rotation-index"];
    entry["status"] = json!("failed");
    entry["retry_count"] = json!(5);
    entry["last_error"] = json!("LimitExceededException: too many");
    entry["creation_time"] = json!("2026-02-01T10:33:00Z");
    state["summary"] =
        json!({"total": 6, "pending": 0, "in_progress": 0, "active": 5, "failed": 1});
    world.write(STATE, serde_json::to_string_pretty(&state).unwrap().as_bytes());
    world
}

#[test]
fn a_failed_entry_is_named_and_left_until_it_is_to_be_retried() {
    let world = with_a_failed_entry();
    let before = world.state();
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    let done =
        done.says("flights.aircraft-rotation-index").says("LimitExceededException: too many");
    done.says("--retry-failed").does_not_say("Creating GSI").does_not_say("already; nothing");
    assert_eq!(world.state()["gsis"], before["gsis"]);

    let done = apply(&world, &["--retry-failed"]).exits(0);
    assert_eq!(done.indexes("accepted"), ["flights.aircraft-rotation-index"]);
    let archive = world.json(&world.named(".gsi_creation_state_")[0]);
    let entry = &archive["gsis"]["flights.aircraft-rotation-index"];
    assert_eq!((&entry["status"], &entry["last_error"]), (&json!("active"), &Value::Null));
    assert_eq!(entry["creation_time"], "2026-02-01T10:33:00Z");
}

#[test]
fn retrying_starts_failed_entries_only() {
    let world = with_a_failed_entry();
    let mut state = world.state();
    state["gsis"]["passengers.passenger-elite-tier-index"] = json!({
        "table_name": "passengers", "index_name": "passenger-elite-tier-index",
        "status": "pending", "creation_time": null, "retry_count": 0, "last_error": null,
    });
    state["gsictl"]["entries"]
        .as_object_mut()
        .unwrap()
        .remove("passengers.passenger-elite-tier-index");
    world.write(STATE, state.to_string().as_bytes());
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    engine.delete_index("passengers", "passenger-elite-tier-index");

    let done = apply(&world, &["--retry-failed"]);
    assert_eq!(done.indexes("accepted"), ["flights.aircraft-rotation-index"], "{}", done.text());
    assert_eq!(statuses(&world.state())["passengers.passenger-elite-tier-index"], "pending");
    let done = apply(&world, &[]).exits(0);
    assert_eq!(done.indexes("accepted"), ["passengers.passenger-elite-tier-index"]);
}

#[test]
fn resuming_without_a_state_is_a_mistake_of_usage() {
    let world = World::airline();
    apply(&world, &["--resume"]).exits(2).says("there is no state file to resume");
    assert_eq!(world.all_indexes(), [""; 0]);
    assert!(!world.exists(STATE));
}

#[test]
fn resuming_a_state_goes_on_with_it() {
    let world = World::airline();
    apply(&world, &["--table", "flights"]).exits(0);
    let done = apply(&world, &["--resume"]).exits(0);
    assert_eq!(done.indexes("accepted").len(), 5);
}

/// An index of the airline's name on other keys.
fn with_a_conflict() -> World {
    let world = World::airline();
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    engine.create_index("bookings", "passenger-flight-index", "seat");
    world
}

#[test]
fn an_index_of_other_keys_is_a_conflict_with_both_schemas_and_the_others_are_built() {
    let world = with_a_conflict();
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    done.says(
        "bookings.passenger-flight-index: an index of that name exists with another definition",
    )
    .says("passenger_id S HASH, flight_id S RANGE; ALL")
    .says("seat S HASH; ALL")
    .says("choose another IndexName, or delete the index first")
    .says("5 created, 0 already active, 1 failed")
    .does_not_say("Creating GSI: bookings.passenger-flight-index");
    assert_eq!(world.all_indexes().len(), 6);
    let table = Embedded::open(&world.path(DATABASE), 0.0).describe("bookings");
    let index = table.indexes.iter().find(|i| i.name.as_str() == "passenger-flight-index").unwrap();
    assert_eq!(index.key_schema[0].attribute_name, "seat");
    let entry = &world.state()["gsis"]["bookings.passenger-flight-index"];
    assert_eq!(entry["status"], "pending");
    assert!(text(&entry["last_error"]).contains("seat S HASH"), "{entry}");
}

#[test]
fn a_conflict_that_stays_is_told_again_and_not_called_done() {
    let world = with_a_conflict();
    apply(&world, &[]).exits(3);
    let again = world.local(&["apply", "airline.yaml"]).exits(3);
    again.says("seat S HASH; ALL").does_not_say("All GSIs are active");
    let again = apply(&world, &[]).exits(3);
    assert_eq!(again.indexes("obstructed"), ["bookings.passenger-flight-index"]);
    assert_eq!(again.indexes("creating"), [""; 0]);
}

#[test]
fn an_active_index_that_was_made_again_with_other_keys_keeps_the_state_open() {
    let world = World::airline();
    apply(&world, &[]).exits(0);
    let archive = world.named(".gsi_creation_state_").pop().unwrap();
    world.write(".gsi_creation_state.json", &world.read(&archive));
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    engine.delete_index("bookings", "passenger-flight-index");
    engine.create_index("bookings", "passenger-flight-index", "seat");

    let done = apply(&world, &[]).exits(3);
    assert_eq!(done.indexes("obstructed"), ["bookings.passenger-flight-index"]);
    let entry = &world.state()["gsis"]["bookings.passenger-flight-index"];
    assert_eq!(entry["status"], "active");
    assert!(text(&entry["last_error"]).contains("seat S HASH"), "{entry}");
}

#[test]
fn a_conflict_that_is_resolved_is_built_by_the_next_run() {
    let world = with_a_conflict();
    apply(&world, &[]).exits(3);
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    engine.delete_index("bookings", "passenger-flight-index");
    let done = apply(&world, &[]).exits(0);
    assert_eq!(done.indexes("accepted"), ["bookings.passenger-flight-index"]);
}

#[test]
fn after_the_first_failure_a_run_that_fails_fast_starts_nothing_new() {
    let world = with_a_conflict();
    let done = apply(&world, &["--fail-fast"]).exits(3);
    assert_eq!(done.indexes("creating"), [""; 0], "{}", done.text());
    assert_eq!(result(&done, "passenger-flight-index")["result"], "obstructed");
    assert_eq!(result(&done, "location-status-index")["result"], "waiting");
}

#[test]
fn an_activation_timeout_leaves_the_build_for_the_next_run() {
    let world = World::airline();
    let start = |more: &[&str]| {
        let args = [
            "--local",
            "--local-build-seconds",
            "8",
            "apply",
            "airline.yaml",
            "--table",
            "flights",
        ];
        world.run(&[&args, more].concat())
    };
    let first = start(&["--activation-timeout", "0.5s"]).exits(3);
    first.says("still CREATING").says("gsictl wait flights aircraft-rotation-index");
    let entry = &world.state()["gsis"]["flights.aircraft-rotation-index"];
    assert_eq!(entry["status"], "in_progress");
    assert!(text(&entry["last_error"]).contains("still CREATING"), "{entry}");
    assert_eq!(entry["retry_count"], 0);

    let second = start(&["--output", "json"]).exits(0);
    assert_eq!(second.indexes("creating"), [""; 0], "{}", second.text());
    assert_eq!(second.indexes("activated"), ["flights.aircraft-rotation-index"]);
    let entry = &world.state()["gsis"]["flights.aircraft-rotation-index"];
    assert_eq!((&entry["status"], &entry["last_error"]), (&json!("active"), &Value::Null));
}

#[test]
fn a_missing_table_is_an_obstacle_and_nothing_makes_it() {
    let world = World::airline();
    let yaml = format!(
        "nowhere:\n{}flights:\n{}",
        one_index("some-index", "a", "S"),
        one_index("other-index", "a", "S")
    );
    world.write("airline.yaml", yaml.as_bytes());
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    done.says("nowhere.some-index: the table does not exist").says("create the table");
    assert_eq!(world.all_indexes(), ["flights.other-index"]);
}

#[test]
fn a_key_attribute_that_nobody_defines_is_found_with_its_place() {
    let world = World::airline();
    let yaml = "flights:\n  - IndexName: some-index\n    KeySchema:\n      - { AttributeName: gate, KeyType: HASH }\n    Projection: { ProjectionType: ALL }\n";
    world.write("airline.yaml", yaml.as_bytes());
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    done.says("airline.yaml:4:")
        .says("the type of gate")
        .says("add the attribute to AttributeDefinitions");
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn a_key_attribute_of_another_type_in_the_table_is_found_before_any_call() {
    let world = World::airline();
    let yaml = format!("flights:\n{}", one_index("some-index", "flight_id", "N"));
    world.write("airline.yaml", yaml.as_bytes());
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    done.says("attribute flight_id is of type N here and of type S in the table")
        .says("give the attribute the type that the table uses")
        .does_not_say("Creating GSI");
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn definitions_that_gained_an_index_add_it_to_the_state() {
    let world = World::airline();
    let one = format!("flights:\n{}", one_index("first-index", "a", "S"));
    // What stands in the way keeps the state from being archived.
    let blocked = format!("{one}nowhere:\n{}", one_index("some-index", "a", "S"));
    world.write("airline.yaml", blocked.as_bytes());
    apply(&world, &[]).exits(3);
    let gained = format!(
        "{one}{}nowhere:\n{}",
        one_index("second-index", "b", "S"),
        one_index("some-index", "a", "S")
    );
    world.write("airline.yaml", gained.as_bytes());
    let done = apply(&world, &[]).exits(3);
    assert_eq!(done.indexes("accepted"), ["flights.second-index"]);
    assert_eq!(world.state()["summary"]["total"], 3);
}

#[test]
fn entries_that_the_definitions_no_longer_name_are_kept_and_not_built() {
    let world = World::airline();
    apply(&world, &["--table", "flights"]).exits(0);
    let yaml = format!("bookings:\n{}", one_index("new-index", "a", "S"));
    world.write("airline.yaml", yaml.as_bytes());
    let done = world.local(&["apply", "airline.yaml"]).exits(0);
    done.says(
        "In the state but not in the definitions, left alone: bookings.passenger-flight-index",
    );
    assert_eq!(
        sorted(world.all_indexes()),
        ["bookings.new-index", "flights.aircraft-rotation-index"]
    );
    // Everything that the definitions name is active, so the state is archived
    // with what it kept.
    let archive = world.json(&world.named(".gsi_creation_state_")[0]);
    assert_eq!(archive["summary"]["total"], 7);
}

#[test]
fn definitions_in_other_formats_and_from_standard_input_do_the_same() {
    for file in ["examples/airline.json", "examples/airline.toml"] {
        let world = World::airline();
        let path = project(file);
        let name = path.to_str().unwrap();
        world
            .local(&["apply", name, "--dry-run"])
            .exits(0)
            .says("create    passenger-flight-index");
    }
    let world = World::airline();
    let command = world.command(&["--local", "apply", "-", "--format", "yaml", "--dry-run"]);
    let input = world.read("airline.yaml");
    crate::world::with_input(command, &input).exits(0).says("create    passenger-flight-index");
}
