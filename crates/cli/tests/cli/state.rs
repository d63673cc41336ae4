//! The state file: damaged, foreign, somebody else's, shown and put away.

use std::fs;

use gsictl_core::definition::ScalarType;
use serde_json::{Value, json};

use crate::world::{
    DATABASE, Embedded, STATE, World, one_index, project, side_by_side, statuses, text, wait_for,
};

/// The sample that the seeds' tool wrote, from the tests of the state's format.
fn sample(name: &str) -> Vec<u8> {
    fs::read(project("crates/core/tests/state").join(name)).unwrap()
}

const MIDRUN: &str = "midrun_in_progress_kill9.json";
const WITH_FAILED: &str = "archived_with_failed.json";

fn damages() -> Vec<(&'static str, Vec<u8>)> {
    let whole = sample(MIDRUN);
    let newer = String::from_utf8(whole.clone()).unwrap().replace("\"1.0\"", "\"9.0\"");
    vec![
        ("cut off in the middle", whole[..whole.len() / 2].to_vec()),
        ("of a newer version", newer.into_bytes()),
        ("binary", (0..=255).cycle().take(4_096).collect()),
        ("empty", Vec::new()),
    ]
}

#[test]
fn a_damaged_state_is_left_as_it_is_and_the_way_out_is_named() {
    side_by_side(&damages(), |(what, bytes)| {
        let world = World::airline();
        world.write(STATE, bytes);
        for args in
            [&["apply", "airline.yaml"][..], &["apply", "airline.yaml", "--dry-run"], &["status"]]
        {
            let done = world.local(args).exits(5);
            done.says(".gsi_creation_state.json").says("gsictl state rebuild");
            assert_eq!(&world.read(STATE), bytes, "{what}");
        }
        assert_eq!(world.all_indexes(), [""; 0], "{what}");
        assert!(!world.exists("gsi_creation_reports"), "{what}");
    });
}

#[test]
fn a_rebuilt_state_is_good_and_the_damaged_one_is_kept() {
    side_by_side(&damages(), |(what, bytes)| {
        let world = World::airline();
        let engine = Embedded::open(&world.path(DATABASE), 0.0);
        engine.create_index("bookings", "some-other-index", "seat");
        world.local(&["apply", "airline.yaml", "--table", "flights"]).exits(0);
        world.write(STATE, bytes);
        world
            .local(&["state", "rebuild", "airline.yaml"])
            .exits(0)
            .says("The old state file is now");
        let kept = world.named(".gsi_creation_state.json.");
        assert_eq!(kept.len(), 1, "{what}: {kept:?}");
        assert_eq!(&world.read(&kept[0]), bytes, "{what}");
        let statuses = statuses(&world.state());
        assert_eq!(statuses["flights.aircraft-rotation-index"], "active");
        assert_eq!(statuses["bookings.passenger-flight-index"], "pending");
        let entries = &world.state()["gsictl"]["entries"];
        assert_eq!(entries["flights.aircraft-rotation-index"]["owner"], "found");

        let done = world.local(&["apply", "airline.yaml", "--output", "json"]).exits(0);
        assert_eq!(done.indexes("accepted").len(), 5, "{what}: {}", done.text());
    });
}

#[test]
fn what_has_the_name_of_the_state_and_is_none_is_left_alone_with_the_way_out() {
    let directory = |world: &World| fs::create_dir(world.path(STATE)).unwrap();
    let huge =
        |world: &World| fs::File::create(world.path(STATE)).unwrap().set_len(300 << 20).unwrap();
    type Make = fn(&World);
    let cases: [(Make, &str); 2] =
        [(directory, "is not a plain file"), (huge, "no file of gsictl has")];
    for (make, words) in cases {
        let world = World::airline();
        make(&world);
        for args in
            [&["apply", "airline.yaml"][..], &["state", "rebuild", "airline.yaml"], &["status"]]
        {
            world.local(args).exits(5).says(words).says("move it away; `gsictl state rebuild ");
        }
        assert!(world.exists(STATE));
        assert_eq!(world.named(".gsi_creation_state.json."), [""; 0]);
        assert_eq!(world.all_indexes(), [""; 0]);
    }
}

#[test]
fn a_state_of_the_seeds_is_resumed_to_the_end_and_keeps_their_fields() {
    let world = World::airline();
    // What that run had done: one index active, one building.
    let definitions = world.read("airline.yaml");
    world.local(&["apply", "airline.yaml", "--index", "passenger-flight-index"]).exits(0);
    world.write(STATE, &sample(MIDRUN));
    world.write("my_gsi_script.yaml", &definitions);

    let done = world.local(&["apply", "my_gsi_script.yaml"]).exits(0);
    done.says("written by another tool for my_gsi_script.py")
        .says("Skipping bookings.passenger-flight-index (already active)")
        .says("State file archived to");
    let archives = world.named(".gsi_creation_state_");
    let archive = world.json(&archives[0]);
    let old: Value = serde_json::from_slice(&sample(MIDRUN)).unwrap();
    let names =
        |state: &Value| state["gsis"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&archive), names(&old), "the order of the entries");
    for (key, entry) in archive["gsis"].as_object().unwrap() {
        let fields = |entry: &Value| entry.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(entry), fields(&old["gsis"][key]), "{key}");
        assert_eq!((&entry["status"], &entry["last_error"]), (&json!("active"), &Value::Null));
    }
    // Times of theirs stay the same instant.
    let first = &archive["gsis"]["bookings.passenger-flight-index"];
    assert!(text(&first["creation_time"]).starts_with("2026-11-22T03:52:38"), "{first}");
    assert_eq!(first["retry_count"], 1);
    assert!(text(&archive["created_at"]).starts_with("2026-11-22T03:52:38"));
    assert_eq!(archive["version"], "1.0");
}

#[test]
fn a_failed_entry_of_the_seeds_is_retried_when_asked() {
    let world = World::airline();
    let others = ["bookings", "Baggage", "CrewRoster", "passengers"];
    let filters: Vec<_> = others.iter().flat_map(|table| ["--table", table]).collect();
    world.local(&[&["apply", "airline.yaml"], &filters[..]].concat()).exits(0);
    world.write(STATE, &sample(WITH_FAILED));
    let done = world.local(&["apply", "airline.yaml"]).exits(3);
    done.says("flights.aircraft-rotation-index")
        .says("Cannot do operations on a non-existent table");
    let done =
        world.local(&["apply", "airline.yaml", "--retry-failed", "--output", "json"]).exits(0);
    assert_eq!(done.indexes("accepted"), ["flights.aircraft-rotation-index"]);
}

#[test]
fn an_active_entry_whose_index_is_gone_is_said_aloud_and_built_again() {
    let world = World::airline();
    world.write(STATE, &sample(MIDRUN));
    let done = world.local(&["apply", "airline.yaml"]).exits(0);
    done.says(
        "bookings.passenger-flight-index: the state says active, but DynamoDB has no such index",
    );
    assert_eq!(world.all_indexes().len(), 6);
}

/// A state that a run of `airline.yaml` left.
fn with_a_state() -> World {
    let world = World::airline();
    world.local(&["apply", "airline.yaml", "--table", "flights"]).exits(0);
    world
}

#[test]
fn other_definitions_go_on_with_the_state_and_say_so() {
    for files in [&["other.yaml"][..], &["a-first.yaml", "airline.yaml"]] {
        let world = with_a_state();
        world.write("other.yaml", &world.read("airline.yaml"));
        let first = format!("orders:\n{}", one_index("by-gate", "gate", "S"));
        world.write("a-first.yaml", first.as_bytes());
        Embedded::open(&world.path(DATABASE), 0.0).create_table("orders", "id", ScalarType::S);
        let done = world.local(&[&["apply"], files].concat()).exits(0);
        done.says("The state was last run for airline.yaml")
            .says("Skipping flights.aircraft-rotation-index (already active)")
            .says("State file archived to");
        let archive = world.json(&world.named(".gsi_creation_state_")[0]);
        assert_eq!(archive["script_name"], files[0]);
        let entry = &archive["gsictl"]["entries"]["flights.aircraft-rotation-index"];
        assert_eq!(entry["owner"], "run", "what was made here stays ours");
    }
}

#[test]
fn a_plan_is_made_without_a_state_that_belongs_elsewhere_or_cannot_be_read() {
    let world = with_a_state();
    let kept = world.read(STATE);
    world.write("other.db", &world.read(DATABASE));
    let done = world.run(&["--local=other.db", "plan", "airline.yaml"]).exits(0);
    done.says("planned without the state").says(DATABASE).says("other.db");
    assert_eq!(world.read(STATE), kept);
    for (what, bytes) in damages() {
        world.write(STATE, &bytes);
        let done = world.local(&["plan", "airline.yaml"]).exits(0);
        done.says("planned without the state").says("Plan: 5 to create, 1 there already");
        assert_eq!(world.read(STATE), bytes, "{what}");
    }
}

#[test]
fn a_run_that_everything_is_in_the_way_of_writes_nothing() {
    let world = World::airline();
    let gone = format!("gone:\n{}", one_index("by-gate", "gate", "S"));
    world.write("gone.yaml", gone.as_bytes());
    let done = world.local(&["apply", "gone.yaml"]).exits(3);
    done.says("gone.by-gate: the table does not exist").does_not_say("no reason is known");
    assert_eq!(world.named(".gsi_creation_state"), [".gsi_creation_state.lock"]);
    assert!(!world.exists("gsi_creation_reports"));
    let done = world.local(&["apply", "gone.yaml", "--output", "json"]).exits(3);
    assert_eq!(done.indexes("obstructed").len(), 1, "{}", done.text());
}

#[test]
fn a_state_with_an_unfinished_index_that_no_definitions_name_is_not_archived() {
    let world = World::airline();
    world.write(STATE, &sample(WITH_FAILED));
    let text = String::from_utf8(world.read("airline.yaml")).unwrap();
    let (before, after) = text.split_once("\nflights:").expect("a table of that name");
    let rest = after.split_once("\npassengers:").map(|(_, rest)| format!("\npassengers:{rest}"));
    world.write("less.yaml", format!("{before}{}", rest.unwrap_or_default()).as_bytes());
    world.local(&["apply", "less.yaml"]).exits(0).says("left alone: flights.");
    assert_eq!(world.named(".gsi_creation_state_"), [""; 0]);
    assert_eq!(statuses(&world.state())["flights.aircraft-rotation-index"], "failed");
}

#[test]
fn the_live_status_asks_the_place_that_the_state_names_and_no_other() {
    let mut world = with_a_state();
    // What the environment names is not asked.
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1").set("AWS_REGION", "eu-west-1");
    let done = world.run(&["status", "--live", "--output", "json"]).exits(0);
    let indexes = done.document()["state"]["indexes"].clone();
    let flights = indexes.as_array().unwrap().iter().find(|i| i["table"] == "flights").unwrap();
    assert_eq!((&flights["live"], &flights["differs"]), (&json!("ACTIVE"), &json!(false)));
    world.write("other.db", &world.read(DATABASE));
    world.run(&["--local=other.db", "status", "--live"]).exits(5).says("other.db").says(DATABASE);
    world.run(&["--region", "us-east-1", "status", "--live"]).exits(5).says("us-east-1");
    fs::remove_file(world.path(DATABASE)).unwrap();
    world.run(&["status", "--live"]).exits(5).says("which is not there");
    assert!(!world.exists(DATABASE), "none is made in its place");
}

#[test]
fn a_state_of_another_database_is_refused_with_both_places() {
    let world = with_a_state();
    world.write("other.db", &world.read(DATABASE));
    let done = world.run(&["--local=other.db", "apply", "airline.yaml"]).exits(5);
    done.says(DATABASE).says("other.db");
}

#[test]
fn a_state_of_another_region_or_endpoint_is_refused_before_any_call() {
    let mut world = World::airline();
    world.set("AWS_ACCESS_KEY_ID", "local").set("AWS_SECRET_ACCESS_KEY", "local");
    let state = |region: &str, endpoint: Value| {
        let mut state: Value = serde_json::from_slice(&sample("ours.json")).unwrap();
        state["gsictl"]["target"] =
            json!({"account": null, "region": region, "endpoint": endpoint});
        state.to_string()
    };
    // Nothing listens there: whoever called would say so, with exit code 1.
    let here = "http://127.0.0.1:1";
    let apply = |world: &World| {
        world.run(&["apply", "airline.yaml", "--region", "eu-west-1", "--endpoint-url", here])
    };
    world.write(STATE, state("us-east-1", json!(here)).as_bytes());
    apply(&world).exits(5).says("eu-west-1").says("us-east-1");
    world.write(STATE, state("eu-west-1", json!("http://127.0.0.1:2")).as_bytes());
    apply(&world).exits(5).says("http://127.0.0.1:1").says("http://127.0.0.1:2");
    world.write(STATE, state("eu-west-1", Value::Null).as_bytes());
    apply(&world).exits(5).says("http://127.0.0.1:1");
    world.write(STATE, state("eu-west-1", json!(here)).as_bytes());
    apply(&world).exits(1);
}

#[test]
fn archiving_puts_the_state_away_and_the_list_shows_all() {
    let world = World::airline();
    world.run(&["state", "list"]).exits(0).says("no state file and no archive");
    world.run(&["state", "archive"]).exits(2).says("there is no state file to archive");
    world.local(&["apply", "airline.yaml", "--table", "flights"]).exits(0);
    let bytes = world.read(STATE);
    world.run(&["state", "list"]).exits(0).says(".gsi_creation_state.json  airline.yaml: 1 active");
    world.run(&["state", "archive"]).exits(0).says("State file archived to");
    assert!(!world.exists(STATE));
    let archives = world.named(".gsi_creation_state_");
    assert_eq!((archives.len(), world.read(&archives[0])), (1, bytes));
    world.write(STATE, b"{");
    let done = world.run(&["state", "list", "--output", "json"]).exits(0);
    let files = done.document()["files"].clone();
    assert_eq!(files[0]["file"], STATE);
    assert!(files[0]["damaged"].is_string(), "{files}");
    assert_eq!(files[1]["file"], archives[0].as_str());
    assert_eq!(files[1]["summary"]["active"], 1);
}

#[test]
fn the_status_is_shown_for_people_and_for_programs_without_a_call() {
    let mut world = with_a_state();
    // Neither region nor credentials: a call could not be made.
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let before = world.files();
    let done = world.run(&["status"]).exits(0);
    done.says("Total: 6")
        .says("Active: 1")
        .says("Pending: 5")
        .says("flights.aircraft-rotation-index");
    let document = world.run(&["status", "--output", "json"]).exits(0).document();
    assert_eq!(document["state"]["summary"]["active"], 1);
    let indexes = document["state"]["indexes"].as_array().unwrap();
    assert_eq!(indexes.len(), 6);
    assert_eq!(indexes[0]["index"], "passenger-flight-index");
    assert!(world.files() == before);
}

/// Whatever is wrong with a state: damaged, newer, or with a history that cannot be.
#[test]
fn the_status_refuses_what_every_other_command_refuses_in_the_same_words() {
    let damaged = fs::read_dir(project("crates/core/tests/state/damaged")).unwrap();
    let damaged: Vec<_> = damaged.map(|file| file.unwrap().path()).collect();
    assert!(damaged.len() > 60);
    side_by_side(&damaged, |file| {
        let world = World::airline();
        world.write(STATE, &fs::read(file).unwrap());
        let said = |args: &[&str]| {
            let done = world.local(args);
            let said = done.stderr.lines().next().unwrap_or_default().to_owned();
            (done.code, said)
        };
        let of_apply = said(&["apply", "airline.yaml"]);
        assert_eq!(of_apply.0, Some(5), "{}", file.display());
        for status in [&["status"][..], &["status", "--output", "json"], &["status", "--live"]] {
            assert_eq!(said(status), of_apply, "{}", file.display());
        }
    });
}

#[test]
fn a_state_is_not_held_against_tables_of_another_place() {
    let world = with_a_state();
    world.write("other.db", &world.read(DATABASE));
    let done = world.run(&["--local=other.db", "status", "--live"]).exits(5);
    done.says(DATABASE).says("other.db").says("--local");
    world.run(&["--local=other.db", "status"]).exits(0);
}

#[test]
fn the_status_without_a_state_names_the_newest_archive() {
    let world = World::airline();
    world.run(&["status"]).exits(0).says("There is no state file; no archive either.");
    world.local(&["apply", "airline.yaml"]).exits(0);
    let archive = world.named(".gsi_creation_state_").pop().unwrap();
    world.run(&["status"]).exits(0).says(&format!("the newest archive is {archive}"));
    let document = world.run(&["status", "--output", "json"]).exits(0).document();
    assert_eq!(document, json!({"state": null, "newest_archive": archive}));
}

#[test]
fn the_live_status_shows_where_dynamodb_differs() {
    let world = with_a_state();
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    engine.delete_index("flights", "aircraft-rotation-index");
    engine.create_index("bookings", "passenger-flight-index", "seat");
    let done = world.local(&["status", "--live"]).exits(0);
    done.says("DynamoDB: absent  <- differs").says("DynamoDB: ACTIVE  <- differs");
    let document = world.local(&["status", "--live", "--output", "json"]).exits(0).document();
    let indexes = document["state"]["indexes"].as_array().unwrap().clone();
    let of = |name: &str| indexes.iter().find(|i| i["index"] == name).unwrap().clone();
    assert_eq!(of("aircraft-rotation-index")["live"], "absent");
    assert_eq!(of("aircraft-rotation-index")["differs"], true);
    assert_eq!(of("crew-duty-date-index")["differs"], false);
}

#[test]
fn a_watched_status_follows_a_run_to_its_end() {
    let world = World::airline();
    let pass = || world.local(&["apply", "airline.yaml", "--no-wait"]);
    pass().exits(4);
    let mut watch = world.start(&["status", "--watch", "--output", "json"]);
    let active = |shown: Value| shown["state"]["summary"]["active"].clone();
    assert_eq!(active(watch.event().unwrap()), 0);
    wait_for("five indexes", || world.built().values().all(|status| status == "ACTIVE"));
    pass().exits(0);
    assert_eq!(active(watch.event().unwrap()), 5);
    wait_for("the sixth", || world.built().values().all(|status| status == "ACTIVE"));
    pass().exits(0);
    let done = watch.end().exits(0);
    assert!(done.events().last().unwrap()["state"].is_null(), "{}", done.text());
}

#[test]
fn a_watch_that_is_interrupted_ends_at_once() {
    let world = with_a_state();
    let mut watch = world.start(&["status", "--watch", "--output", "json"]);
    // Before it shows anything it listens.
    watch.event().unwrap();
    watch.signal("INT");
    watch.end().exits(130);
}

#[test]
fn names_with_dots_that_would_share_a_key_have_keys_of_their_own() {
    let world = World::new();
    let engine = Embedded::open(&world.path(DATABASE), 0.0);
    for table in ["aaa", "aaa.bbb"] {
        engine.create_table(table, "id", ScalarType::S);
    }
    let yaml = format!(
        "aaa:\n{}aaa.bbb:\n{}nowhere:\n{}",
        one_index("bbb.ccc", "a", "S"),
        one_index("ccc", "b", "S"),
        one_index("some-index", "c", "S"),
    );
    world.write("dots.yaml", yaml.as_bytes());
    world.local(&["apply", "dots.yaml"]).exits(3).says("nowhere.some-index");
    let state = world.state();
    let keys: Vec<_> = state["gsis"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["aaa.bbb.ccc", "aaa.bbb/ccc", "nowhere.some-index"]);
    assert_eq!(state["gsis"]["aaa.bbb/ccc"]["table_name"], "aaa.bbb");
    assert_eq!(state["gsis"]["aaa.bbb/ccc"]["status"], "active");
    let again = world.local(&["apply", "dots.yaml", "--output", "json"]).exits(3);
    assert_eq!(again.indexes("already_active").len(), 2, "{}", again.text());
}
