//! The file as a whole: read, written, damaged, and read by the seeds' tool.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::format::SERIALS;
use super::testing::{at, attempt, definitions, file, files, id, intend, seen_active, state};
use super::*;
use crate::endpoint::Endpoint;

const SAMPLES: [&str; 2] = ["archived_with_failed.json", "midrun_in_progress_kill9.json"];

fn text(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.bytes).unwrap()
}

#[test]
fn what_the_seeds_tool_wrote_is_read_in_full() {
    for name in SAMPLES {
        let bytes = file(name);
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        let state = State::parse(&bytes).unwrap();
        assert!(state.foreign() && !state.is_dirty());
        assert_eq!(serde_json::to_value(state.summary()).unwrap(), written["summary"]);
        assert_eq!(state.script_name(), "my_gsi_script.py");
        assert_eq!((state.serial().get(), state.lineage().len()), (0, 32));
        let seen = state.entries().map(|(id, _)| id.to_string());
        let keys = written["gsis"].as_object().unwrap().keys().cloned();
        assert_eq!(seen.collect::<Vec<_>>(), keys.collect::<Vec<_>>());
        assert!(
            state.entries().all(|(_, e)| *e.record() == Record::default()),
            "nothing of it is ours"
        );
    }
}

/// The state file as the seeds document it, and nothing else beside the object
/// that their tool ignores.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedsFile {
    version: String,
    created_at: String,
    updated_at: String,
    script_name: String,
    gsis: BTreeMap<String, SeedsEntry>,
    summary: SeedsSummary,
    gsictl: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedsEntry {
    table_name: String,
    index_name: String,
    status: String,
    creation_time: Option<String>,
    retry_count: u64,
    last_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedsSummary {
    total: u64,
    pending: u64,
    in_progress: u64,
    active: u64,
    failed: u64,
}

fn busy_state() -> State {
    let ids = ["one", "two", "three", "four"].map(|name| id("bookings", name));
    let mut state = state(&ids);
    let lost = Step::Lost { attempt: attempt(2) };
    let validated =
        Step::Validated { value: serde_json::json!({ "verdict": "functional", "checked": 3 }) };
    let steps = [
        (0, intend(1, Some("T1"))),
        (0, Step::Acknowledge),
        (0, seen_active(4, Some("T1"))),
        (0, validated),
        (1, intend(2, Some("T1"))),
        (1, lost),
        (2, seen_active(3, Some("T1"))),
    ];
    for (n, step) in steps {
        state.apply(&ids[n], step).unwrap();
    }
    state.set_target(Target {
        account: Some("123456789012".to_owned()),
        region: Some("eu-central-1".to_owned()),
        endpoint: None,
    });
    state.set_definitions_digest("sha256:1f".to_owned());
    state
}

#[test]
fn a_reader_that_knows_only_the_seeds_fields_reads_what_we_write() {
    let rendered = busy_state().render(at(60));
    let read: SeedsFile = serde_json::from_slice(&rendered.bytes).unwrap();
    assert_eq!((read.version.as_str(), read.gsis.len()), ("1.0", 4));
    assert_eq!(read.script_name, "airline.yaml");
    assert!(read.created_at.ends_with('Z') && read.updated_at.ends_with('Z'));
    let entry = &read.gsis["bookings.two"];
    assert_eq!((&*entry.table_name, &*entry.index_name), ("bookings", "two"));
    assert_eq!((&*entry.status, entry.retry_count), ("in_progress", 1));
    assert!(entry.creation_time.is_some() && entry.last_error.is_some());
    let s = read.summary;
    assert_eq!([s.total, s.pending, s.in_progress, s.active, s.failed], [4, 1, 1, 2, 0]);
    assert!(read.gsictl.is_some());
}

#[test]
fn the_file_reads_well_and_in_the_order_of_the_seeds() {
    let rendered = busy_state().render(at(60));
    let shown = text(&rendered).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_file_of_the_seeds_tool_is_written_back_as_it_was_but_for_the_fractions() {
    for name in SAMPLES {
        let bytes = file(name);
        let mut expected: Value = serde_json::from_slice(&bytes).unwrap();
        let rendered = State::parse(&bytes).unwrap().render(at(60));
        let mut written: Value = serde_json::from_slice(&rendered.bytes).unwrap();
        written.as_object_mut().unwrap().shift_remove("gsictl").unwrap();
        expected["updated_at"] = at(60).to_string().into();
        whole_seconds(&mut expected);
        assert_eq!(
            serde_json::to_string_pretty(&written).unwrap(),
            serde_json::to_string_pretty(&expected).unwrap()
        );
    }
}

fn whole_seconds(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(whole_seconds),
        Value::String(text) => {
            if let Ok(time) = Timestamp::parse(text) {
                *text = time.whole_seconds().to_string();
            }
        }
        _ => {}
    }
}

#[test]
fn a_saved_state_is_read_back_the_same() {
    let mut state = busy_state();
    let rendered = state.render(at(60));
    let read = State::parse(&rendered.bytes).unwrap();
    assert_eq!(read, state);
    assert_eq!((read.serial(), read.foreign()), (rendered.serial, false));
}

#[test]
fn every_save_has_a_higher_serial_and_its_time() {
    let mut state = busy_state();
    let serials = [1, 2, 3].map(|n| state.render(at(n)).serial.get());
    assert_eq!((serials, state.updated_at()), ([1, 2, 3], at(3)));
    assert_eq!(state.created_at(), at(0));
    let mut read = State::parse(&state.render(at(4)).bytes).unwrap();
    assert_eq!(read.render(at(5)).serial.get(), 5, "also in the next run");
}

#[test]
fn only_what_changed_is_rendered_again() {
    let ids: Vec<_> = (0..100).map(|n| id("bookings", &format!("by-{n}"))).collect();
    let mut state = state(&ids);
    assert_eq!((state.changed(), state.is_dirty()), (100, true));
    assert_eq!(state.render(at(1)).entries_rendered, 100);
    assert_eq!((state.changed(), state.is_dirty()), (0, false));
    state.apply(&ids[7], intend(2, None)).unwrap();
    assert_eq!(state.changed(), 1);
    let rendered = state.render(at(2));
    assert_eq!(rendered.entries_rendered, 1);
    assert_eq!(State::parse(&rendered.bytes).unwrap(), state);
    state.apply(&ids[8], Step::SeenAbsent).unwrap();
    assert!(!state.is_dirty(), "a pending entry seen absent is as it was");
    assert_eq!(state.render(at(3)).entries_rendered, 0);
}

#[test]
fn a_state_that_was_read_is_clean_until_an_entry_changes() {
    let index = id("bookings", "passenger-flight-index");
    let mut state = State::parse(&file("ours.json")).unwrap();
    let same_table = seen_active(600, Some("0a1b"));
    state.apply(&index, same_table).unwrap();
    state.adopt("airline.yaml");
    state.set_target(Target::default());
    assert!(!state.is_dirty());
    state.apply(&index, Step::SeenAbsent).unwrap();
    assert!(state.is_dirty());
}

#[test]
fn two_pairs_that_share_a_key_are_told_apart_for_life() {
    let pairs = [id("aaa.bbb", "ccc.ddd"), id("aaa", "bbb.ccc.ddd"), id("aaa.bbb.ccc", "ddd")];
    let mut state = state(&pairs[1..2]);
    state.enlist(&definitions(&pairs));
    state.apply(&pairs[1], intend(1, None)).unwrap();
    let rendered = state.render(at(2));
    let written: Value = serde_json::from_slice(&rendered.bytes).unwrap();
    let keys: Vec<_> = written["gsis"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["aaa.bbb/ccc.ddd", "aaa.bbb.ccc.ddd", "aaa.bbb.ccc/ddd"],
        "who was there first keeps the plain key"
    );
    let read = State::parse(&rendered.bytes).unwrap();
    assert_eq!(read, state);
    assert_eq!(read.status(&pairs[1]), Some(Status::InProgress));
    assert_eq!(read.status(&pairs[0]), Some(Status::Pending));
}

#[test]
fn new_definitions_are_added_in_their_order_and_unnamed_entries_kept() {
    let [a, b, c, d] = ["aaa", "bbb", "ccc", "ddd"].map(|name| id("bookings", name));
    let mut state = state(&[a.clone(), b.clone(), c.clone()]);
    state.apply(&a, intend(1, None)).unwrap();
    let enlisted = state.enlist(&definitions(&[d.clone(), c.clone(), a.clone()]));
    assert_eq!(enlisted.added, std::slice::from_ref(&d));
    assert_eq!(enlisted.unnamed, std::slice::from_ref(&b));
    let order: Vec<_> = state.entries().map(|(id, _)| id.clone()).collect();
    assert_eq!(order, [d, c, a.clone(), b]);
    assert_eq!(state.status(&a), Some(Status::InProgress));
}

#[test]
fn fields_that_we_do_not_know_survive_a_rewrite() {
    let mut tree: Value = serde_json::from_slice(&file("ours.json")).unwrap();
    let index = "bookings.passenger-flight-index";
    tree["notes"] =
        serde_json::json!({ "by": "Zoë", "list": [1, -2, -9.24700890502617e39, null, true] });
    tree["gsis"][index]["priority"] = 1.into();
    tree["gsictl"]["later"] = serde_json::json!([{}]);
    tree["gsictl"]["entries"][index]["note"] = "kept".into();
    let mut state = State::parse(tree.to_string().as_bytes()).unwrap();
    let changed = id("bookings", "passenger-flight-index");
    state.apply(&changed, Step::SeenAbsent).unwrap();
    let written: Value = serde_json::from_slice(&state.render(at(1)).bytes).unwrap();
    assert_eq!(written["notes"], tree["notes"]);
    assert_eq!(written["gsis"][index]["priority"], 1);
    assert_eq!(written["gsictl"]["later"], tree["gsictl"]["later"]);
    assert_eq!(written["gsictl"]["entries"][index]["note"], "kept");
}

#[test]
fn every_field_that_we_write_is_one_that_we_know() {
    let mut state = busy_state();
    let index = id("bookings", "one");
    let slot = &mut state.slots[&index];
    slot.entry.record.attempts.push(attempt(1));
    slot.entry.record.deleted_at = Some(at(0));
    slot.text = None;
    let read = State::parse(&state.render(at(1)).bytes).unwrap();
    assert_eq!(read.unknown, Unknown::default());
    assert!(read.slots.values().all(|s| s.unknown == Unknown::default()));
    let record = serde_json::to_value(read.slots[&index].entry.record()).unwrap();
    assert_eq!(record.as_object().unwrap().len(), 9, "a record in full");
}

#[test]
fn the_summary_of_a_file_is_counted_and_not_believed() {
    let mut tree: Value = serde_json::from_slice(&file("ours.json")).unwrap();
    tree["summary"] = "many".into();
    let state = State::parse(tree.to_string().as_bytes()).unwrap();
    assert_eq!((state.summary().total, state.summary().active), (3, 1));
}

#[test]
fn a_file_without_our_object_or_with_half_of_it_falls_back_to_found() {
    let mut tree: Value = serde_json::from_slice(&file("ours.json")).unwrap();
    tree["gsictl"]["entries"] = serde_json::json!({ "no.such-index": {} });
    let state = State::parse(tree.to_string().as_bytes()).unwrap();
    assert!(!state.foreign());
    assert!(state.entries().all(|(_, e)| e.record().owner.is_none()));
}

#[test]
fn what_is_written_is_ascii() {
    let mut state = busy_state();
    let index = id("bookings", "four");
    let reason = "naïve \u{1f600} \u{7f} \\ \" \n".to_owned();
    let step = Step::Obstacle { reason: reason.clone() };
    state.apply(&index, step).unwrap();
    let rendered = state.render(at(1));
    assert!(rendered.bytes.is_ascii());
    let read = State::parse(&rendered.bytes).unwrap();
    assert_eq!(read.entry(&index).unwrap().last_error(), Some(&*reason));
}

#[test]
fn no_credentials_of_an_endpoint_are_kept() {
    let target =
        |endpoint: &str| Target { endpoint: Some(Endpoint::read(endpoint)), ..Target::default() };
    let mut state = busy_state();
    state.set_target(target("http://user:p%40ss@localhost:8000/x@y"));
    let endpoint = state.target().endpoint.as_ref().map(Endpoint::as_str);
    assert_eq!(endpoint, Some("http://localhost:8000"));
    assert!(!text(&state.render(at(1))).contains("p%40ss"));
    let again = target("http://other:word@localhost:8000/x@y");
    assert_eq!(state.check_belongs(&again, Looked::NotYet), Ok(()));
}

#[test]
fn a_state_of_another_place_is_refused_naming_both() {
    let state = busy_state();
    let here = state.target().clone();
    assert_eq!(state.check_belongs(&here, Looked::Tables), Ok(()));
    assert_eq!(
        state.check_belongs(&Target::default(), Looked::NotYet),
        Ok(()),
        "what is not known is not compared"
    );
    let refused = |change: fn(&mut Target)| {
        let mut target = here.clone();
        change(&mut target);
        state.check_belongs(&target, Looked::Tables).unwrap_err().to_string()
    };
    let errors = [
        refused(|t| t.account = Some("210987654321".into())),
        refused(|t| t.region = Some("us-east-1".into())),
        refused(|t| {
            t.account = None;
            t.endpoint = Some(Endpoint::read("http://localhost"));
        }),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the state file belongs to account "123456789012", this run is about "210987654321"
    the state file belongs to region "eu-central-1", this run is about "us-east-1"
    the state file belongs to account "123456789012", this run is about "no account, but http://localhost"
    "#);
}

#[test]
fn the_definitions_file_is_a_label() {
    let mut state = busy_state();
    state.relabel("other.yaml");
    assert_eq!(state.script_name(), "other.yaml");
    assert_eq!(state.check_belongs(&state.target().clone(), Looked::Tables), Ok(()));
}

#[test]
fn a_foreign_file_belongs_to_whoever_adopts_it() {
    let mut state = State::parse(&file(SAMPLES[0])).unwrap();
    let anywhere = Target { region: Some("eu-west-1".to_owned()), ..Target::default() };
    assert_eq!(state.check_belongs(&anywhere, Looked::Tables), Ok(()));
    state.adopt("airline.yaml");
    let read = State::parse(&state.render(at(1)).bytes).unwrap();
    assert!(!read.foreign());
    assert_eq!(read.script_name(), "airline.yaml");
    assert_eq!(read.check_belongs(&anywhere, Looked::Tables), Ok(()));
}

#[test]
fn every_damaged_file_is_refused_with_its_place() {
    let mut errors = String::new();
    for path in files("damaged") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let error = State::parse(&std::fs::read(&path).unwrap()).expect_err(&name);
        errors += &format!("{name}\n    {error}\n");
    }
    assert!(errors.lines().count() >= 2 * 40);
    insta::assert_snapshot!(errors);
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let bytes = file("ours.json");
    let end = bytes.trim_ascii_end().len();
    for cut in 0..end {
        assert!(State::parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(State::parse(&bytes[..end]).is_ok());
}

#[test]
fn a_serial_at_the_edge_is_refused_in_plain_words_and_never_wraps() {
    let mut state = busy_state();
    let text = String::from_utf8(state.render(at(1)).bytes).unwrap();
    let serial = format!("\"serial\": {}", state.serial());
    assert!(text.contains(&serial));
    let with = |number: &str| text.replace(&serial, &format!("\"serial\": {number}"));
    for number in ["-1", "1.5", "1e3", "18446744073709551616", "null", "\"7\""] {
        let text = with(number);
        let error = State::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ParseError::Corrupt { .. }), "{number}: {error}");
    }
    for number in [SERIALS, i64::MAX.unsigned_abs(), u64::MAX] {
        let text = with(&number.to_string());
        let error = State::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(&format!("serial {number} is too large")), "{error}");
    }
    let last = SERIALS - 1;
    let mut state = State::parse(with(&last.to_string()).as_bytes()).unwrap();
    assert_eq!(state.render(at(2)).serial.get(), last + 1);
    assert_eq!(state.render(at(3)).serial.get(), last + 2, "a run that goes on");
}

#[test]
fn what_a_file_becomes_is_bounded() {
    let mut state = busy_state();
    let text = String::from_utf8(state.render(at(1)).bytes).unwrap();
    let refused = |text: String| State::parse(text.as_bytes()).unwrap_err().to_string();
    let unknown = format!("\"x\": [{}0],\n  \"summary\"", "[0],".repeat(200_000));
    let error = refused(text.replacen("\"summary\"", &unknown, 1));
    assert!(error.contains("more than 300000 values"), "{error}");
    let verdict = format!("\"validation\": [{}0], \"owner\":\"found\"", "0,".repeat(400_000));
    let error = refused(text.replacen("\"owner\":\"found\"", &verdict, 1));
    assert!(error.contains("more than 300000 values"), "{error}");
    let records = (0..100_001).map(|n| format!("\"{n}\": {{}},")).collect::<String>();
    let error = refused(text.replacen("\"entries\": {", &format!("\"entries\": {{{records}"), 1));
    assert!(error.contains("more than 100000 entries"), "{error}");
    let name = format!("\"script_name\": \"{}", "x".repeat(5_000));
    let error = refused(text.replacen("\"script_name\": \"", &name, 1));
    assert!(error.contains("longer than any name"), "{error}");
    let quoted = text.replacen("\"pending\"", &format!("\"{}\"", "x".repeat(100_000)), 1);
    assert!(refused(quoted).len() < 1_500, "an error quotes no megabytes");
}
