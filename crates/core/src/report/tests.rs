use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::check::{
    Capacity, CheckReport, Counts, Estimate, Estimated, FaultCount, Forecast, HotKey, IndexCheck,
    Items, Outcome as Checked, Skew, TableCheck, Totals as CheckTotals, Violation,
};
use crate::definition::{Format, Source};
use crate::endpoint::Endpoint;
use crate::engine::{Ended, Outcome, Stats, Verdict};
use crate::index_key::Fault;
use crate::name::{IndexId, IndexName, TableName};
use crate::state::{Attempt, Owner, State, Step, Target};

fn at(minute: i64) -> Timestamp {
    Timestamp::parse("2026-02-01T10:30:00Z").unwrap()
        + std::time::Duration::from_secs(u64::try_from(minute * 60).unwrap())
}

fn attempt(minute: i64, message: &str, strategy: &str, delay_seconds: u64) -> Attempt {
    let (kind, message) = ("Throttled".to_owned(), message.to_owned());
    Attempt { at: at(minute), kind, message, strategy: strategy.to_owned(), delay_seconds }
}

fn index(id: (&str, &str), result: Result) -> IndexReport {
    IndexReport {
        table: id.0.to_owned(),
        index: id.1.to_owned(),
        result,
        build_seconds: None,
        creation_time: None,
        activated_at: None,
        retry_count: 0,
        error: None,
        next_steps: Vec::new(),
        attempts: Vec::new(),
        owner: None,
    }
}

/// An index of each result, and texts that mean something to Markdown.
fn everything() -> Report {
    let built = IndexReport {
        build_seconds: Some(500.0),
        creation_time: Some(at(0)),
        activated_at: Some(at(9)),
        owner: Some(Owner::Run),
        ..index(("bookings", "passenger-flight-index"), Result::Created)
    };
    let retried = IndexReport {
        retry_count: 1,
        attempts: vec![attempt(1, "ThrottlingException: Rate exceeded", "back_off", 30)],
        ..built.clone()
    };
    let failed = IndexReport {
        creation_time: Some(at(2)),
        retry_count: 2,
        error: Some("ValidationException: `a|b`\nis <no> attribute".to_owned()),
        next_steps: vec!["correct the definition".to_owned(), "then run it again".to_owned()],
        attempts: vec![
            attempt(2, "InternalServerError: *again*", "back_off", 60),
            attempt(3, "ValidationException: `a|b`\nis <no> attribute", "give_up", 0),
        ],
        ..index(("flights", "aircraft-rotation-index"), Result::Failed)
    };
    let obstructed = IndexReport {
        error: Some("the table does not exist".to_owned()),
        next_steps: vec!["create the table".to_owned()],
        ..index(("nowhere", "some-index"), Result::Obstructed)
    };
    let tables = vec![TableReport {
        table: "flights".to_owned(),
        status: "UPDATING".to_owned(),
        indexes: BTreeMap::from([
            ("gate-index".to_owned(), "CREATING (backfilling)".to_owned()),
            ("other-index".to_owned(), "ACTIVE".to_owned()),
        ]),
    }];
    Report {
        envelope: Envelope::new("apply", "apply", "failed", (at(0), at(12))),
        script_name: "airline.yaml".to_owned(),
        target: Target {
            account: Some("123456789012".to_owned()),
            region: Some("eu-west-1".to_owned()),
            endpoint: None,
        },
        ended: "done".to_owned(),
        seconds: 720.0,
        build_seconds_sum: 1_500.0,
        totals: Totals {
            total: 11,
            created: 3,
            already_active: 1,
            failed: 4,
            unfinished: 3,
            success_rate: 400.0 / 11.0,
        },
        indexes: vec![
            built.clone(),
            IndexReport { index: "flight-status-index".to_owned(), ..retried },
            IndexReport { result: Result::Adopted, index: "adopted-index".to_owned(), ..built },
            index(("passengers", "passenger-elite-tier-index"), Result::AlreadyActive),
            failed,
            obstructed,
            index(("Baggage", "location-status-index"), Result::LeftFailed),
            index(("flights", "gate-index"), Result::TimedOut),
            index(("CrewRoster", "crew-duty-date-index"), Result::Building),
            index(("CrewRoster", "crew-base-index"), Result::Waiting),
            index(("CrewRoster", "crew-rank-index"), Result::Left),
        ],
        tables,
        skipped_regions: Vec::new(),
        cost: Cost { describe_table: 31, update_table: 6, saves: 14 },
    }
}

#[test]
fn a_report_reads_well() {
    insta::assert_snapshot!(everything().markdown());
}

#[test]
fn what_did_not_happen_has_no_section() {
    let mut report = everything();
    report.indexes.truncate(1);
    report.tables.clear();
    let text = report.markdown();
    let headings: Vec<_> = text.lines().filter(|line| line.starts_with("##")).collect();
    assert_eq!(headings, ["## Summary", "## Created (1)", "## Calls"]);
}

#[test]
fn every_row_of_a_table_has_the_cells_of_its_head() {
    let text = everything().markdown().replace("\\|", "");
    let mut head = None;
    for line in text.lines() {
        let cells = line.starts_with('|').then(|| line.matches('|').count());
        assert!(head.is_none() || cells.is_none() || head == cells, "{line}");
        head = cells;
    }
}

/// The report of a run that ended so.
fn ended_so(ended: Ended, verdicts: Vec<Verdict>) -> Report {
    let id = |n| {
        let index = IndexName::new(&format!("index-{n}")).unwrap();
        IndexId::new(TableName::new("bookings").unwrap(), index)
    };
    let verdicts = verdicts.into_iter().enumerate().map(|(n, verdict)| (id(n), verdict)).collect();
    let outcome = Outcome { ended, verdicts, tables: Vec::new(), stats: Stats::default() };
    let state = State::new("airline.yaml", at(0), "lineage".to_owned());
    let about = About { command: "demo", started_at: at(0), ended_at: at(1), surveyed: 1 };
    Report::new(&about, &outcome, &state)
}

#[test]
fn a_build_that_began_ahead_of_its_end_has_no_length() {
    let index = IndexName::new("index-0").unwrap();
    let id = IndexId::new(TableName::new("bookings").unwrap(), index);
    let reported = |intent| {
        let mut state = State::new("airline.yaml", at(0), "lineage".to_owned());
        let indexes = vec![crate::definition::IndexDefinition { id: id.clone(), ..definition() }];
        state.enlist(&crate::definition::Definitions { indexes });
        let spec = "sha256:2e".to_owned();
        for step in [
            Step::Intend { at: intent, table_id: None, spec },
            Step::SeenActive { at: at(9), table_id: None },
        ] {
            state.apply(&id, step).unwrap();
        }
        let took = std::time::Duration::from_secs(60);
        let outcome = Outcome {
            ended: Ended::Done,
            verdicts: vec![(id.clone(), Verdict::Activated(took))],
            tables: Vec::new(),
            stats: Stats::default(),
        };
        let about = About { command: "apply", started_at: at(0), ended_at: at(10), surveyed: 1 };
        let report = Report::new(&about, &outcome, &state);
        let least = report.markdown().contains("Builds one after the other | at least");
        (report.indexes[0].build_seconds, least)
    };
    assert_eq!(reported(at(8)), (Some(60.0), false));
    assert_eq!(reported(at(70)), (None, true), "the clock was set back");
}

#[test]
fn no_report_hides_what_others_wrote_or_takes_it_for_markdown() {
    let hostile = "\n## x\u{1b}[8m\u{202e}\u{2028}<b>|`[a](b)&#x202e;".to_owned();
    let mut applied = everything();
    let mut rolled_back = taken_back();
    for text in [&mut applied.script_name, &mut applied.ended, &mut rolled_back.script_name] {
        text.clone_from(&hostile);
    }
    applied.target.account = Some(hostile.clone());
    // The name of an embedded engine's file is anything.
    applied.target.endpoint = Some(Endpoint::read(&format!("/{hostile}")));
    let attempt =
        Attempt { kind: hostile.clone(), strategy: hostile.clone(), ..attempt(1, &hostile, "", 0) };
    for index in &mut applied.indexes {
        index.error = Some(hostile.clone());
        index.next_steps.push(hostile.clone());
        index.attempts.push(attempt.clone());
    }
    for table in &mut applied.tables {
        table.status.clone_from(&hostile);
    }
    for index in &mut rolled_back.indexes {
        index.reason = Some(hostile.clone());
        index.attempts.push(attempt.clone());
    }
    for text in [applied.markdown(), rolled_back.markdown()] {
        assert!(!text.contains(|c| crate::text::is_hidden(c) && c != '\n'), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("## x")), "{text}");
        for (raw, escaped) in [("<b>", "\\<b>"), ("&#x", "\\&#x"), ("[a]", "\\[a]")] {
            assert_eq!(text.matches(raw).count(), text.matches(escaped).count(), "{text}");
        }
    }
}

#[test]
fn a_run_is_told_in_a_word() {
    let failed = Verdict::LeftFailed;
    let cases = [
        (Ended::Done, vec![Verdict::AlreadyActive], "done"),
        (Ended::Done, vec![Verdict::AlreadyActive, Verdict::Waiting], "unfinished"),
        (Ended::Done, vec![Verdict::Building, failed.clone()], "failed"),
        (Ended::Stopped, vec![failed], "stopped"),
        (Ended::SaveFailed("disk full".to_owned()), vec![Verdict::Waiting], "not_saved"),
    ];
    for (ended, verdicts, word) in cases {
        let report = ended_so(ended, verdicts);
        assert_eq!((report.envelope.result, report.kind()), (word, "apply"));
        assert!(apply::WORDS.contains(&word));
        let glance = Glance::read(report.json().to_string().as_bytes()).unwrap();
        assert_eq!((glance.kind.as_str(), glance.command.as_str()), ("apply", "demo"));
        assert_eq!((glance.result.as_str(), glance.ended_at), (word, at(1)));

        // As it was before reports had a kind.
        let mut old = report.json();
        for field in ["kind", "result"] {
            old.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(Glance::read(old.to_string().as_bytes()), Ok(glance), "{old}");
    }
}

#[test]
fn a_state_that_could_not_be_saved_is_told() {
    let text = ended_so(Ended::SaveFailed("disk full".to_owned()), vec![]).markdown();
    assert!(text.starts_with("# gsictl demo: the state could not be saved\n"), "{text}");
    assert!(text.contains("| The state could not be saved | disk full |"), "{text}");
}

#[test]
fn what_is_no_report_says_why() {
    let good = everything().json();
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        Glance::read(changed.to_string().as_bytes())
    };
    assert!(Glance::read(good.to_string().as_bytes()).is_ok());
    assert_eq!(with("format", json!(2)), Err(NoReport::Newer(2)));
    for (field, value) in [
        ("format", json!("1")),
        ("tool", json!("other 1.0")),
        ("ended_at", json!("yesterday")),
        ("command", json!(null)),
    ] {
        assert_eq!(with(field, value), Err(NoReport::Foreign), "{field}");
    }
    for other in [json!({}), json!([]), json!(7), json!({ "gsis": {}, "version": "1.0" })] {
        assert_eq!(Glance::read(other.to_string().as_bytes()), Err(NoReport::Foreign), "{other}");
    }
    assert!(NoReport::Newer(2).to_string().contains("format 2"));
}

/// The schemas that speak of `value`: this one, and those that it leads to.
fn parts<'s>(root: &'s Value, schema: &'s Value, value: &Value) -> Vec<&'s Value> {
    let schema = match schema["$ref"].as_str() {
        Some(path) => root.pointer(&path[1..]).expect(path),
        None => schema,
    };
    let mut all = vec![schema];
    for choice in schema["allOf"].as_array().into_iter().flatten() {
        let wanted = &choice["if"]["properties"]["kind"]["const"];
        if *wanted == value["kind"] {
            all.extend(parts(root, &choice["then"], value));
        }
    }
    all
}

/// What of `value` does not fit `schema`, a field that it does not name included.
fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let parts = parts(root, schema, value);
    for part in &parts {
        let types = part["type"].as_array().cloned().unwrap_or_else(|| vec![part["type"].clone()]);
        let is = |name: &Value| match name.as_str() {
            None => true,
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("null") => value.is_null(),
            Some(other) => panic!("{other}"),
        };
        let listed = part["enum"].as_array().is_none_or(|words| words.contains(value));
        let constant = part.get("const").is_none_or(|constant| constant == value);
        if !(types.iter().any(is) && listed && constant) {
            return Some(format!("{at}: {value}"));
        }
        let required = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(missing) = required.into_iter().find(|field| value.get(field).is_none()) {
            return Some(format!("{at}: no {missing}"));
        }
    }
    let items = value.as_array().into_iter().flatten();
    let items = items.filter_map(|item| misfit(root, &parts[0]["items"], item, at));
    let fields = value.as_object().into_iter().flatten().filter_map(|(name, inner)| {
        let at = format!("{at}.{name}");
        let named = parts.iter().filter_map(|part| part["properties"].get(name));
        let other = parts.iter().filter_map(|part| part.get("additionalProperties"));
        let mut said = named.chain(other).peekable();
        if said.peek().is_none() {
            return Some(format!("{at} is not named"));
        }
        said.find_map(|schema| misfit(root, schema, inner, &at))
    });
    items.chain(fields).next()
}

#[test]
fn the_schema_names_every_field_of_a_report() {
    let schema = json_schema();
    for report in [everything(), ended_so(Ended::Done, vec![Verdict::AlreadyActive])] {
        assert_eq!(misfit(&schema, &schema, &report.json(), ""), None);
    }
}

/// A rollback that came to everything one can come to.
fn taken_back() -> RollbackReport {
    let id = |n| {
        let index = IndexName::new(&format!("index-{n}")).unwrap();
        IndexId::new(TableName::new("bookings").unwrap(), index)
    };
    let mut state = State::new("airline.yaml", at(0), "lineage".to_owned());
    state.enlist(&crate::definition::Definitions {
        indexes: vec![crate::definition::IndexDefinition { id: id(3), ..definition() }],
    });
    let attempt = attempt(5, "ThrottlingException: Rate exceeded", "backoff", 30);
    for step in [
        Step::SeenActive { at: at(1), table_id: None },
        Step::IntendDelete { at: at(4) },
        Step::DeleteFailed { attempt },
    ] {
        state.apply(&id(3), step).unwrap();
    }
    let failed = || Verdict::Failed { error: "throttled | again".into(), remedy: "wait".into() };
    let verdicts = vec![
        Verdict::Deleted(std::time::Duration::from_millis(1_234)),
        Verdict::Gone,
        Verdict::Kept(crate::rollback::Kept::NotOurs),
        failed(),
        Verdict::Deleting,
        Verdict::Waiting,
    ];
    let verdicts = verdicts.into_iter().enumerate().map(|(n, v)| (id(n), v)).collect();
    let stats = Stats { describes: 5, deletes: 4, ..Stats::default() };
    let outcome = Outcome { ended: Ended::Done, verdicts, tables: Vec::new(), stats };
    RollbackReport::new((at(0), at(7)), 1, &outcome, &state)
}

fn definition() -> crate::definition::IndexDefinition {
    let yaml = "bookings: [{ IndexName: index-3, KeySchema: [{ AttributeName: a, KeyType: HASH }], \
                Projection: { ProjectionType: ALL } }]";
    let source = Source { file: "a.yaml", format: Format::Yaml, text: yaml.as_bytes() };
    crate::definition::parse(&[source]).unwrap().indexes.remove(0)
}

#[test]
fn the_schema_names_every_field_of_a_rollback() {
    let schema = json_schema();
    let report = taken_back();
    assert_eq!(misfit(&schema, &schema, &report.json(), ""), None);
    assert_eq!(report.envelope.result, "failed");
    insta::assert_snapshot!(report.markdown());
}

/// A check in which everything is told that can be.
fn checked() -> CheckReport {
    let figure = |value| Estimate { value, margin: Some(2.5) };
    let counts = Counts { included: 900, sparse: 60, violating: 40 };
    let violation = |fault| Violation {
        table: "bookings".to_owned(),
        index: "by-seat".to_owned(),
        key: json!({ "pk": { "S": "a" } }),
        attribute: "seat".to_owned(),
        fault,
        found: "N".to_owned(),
        wanted: "S".to_owned(),
        bytes: 2,
        value: Some(json!({ "N": "12" })),
    };
    let forecast = |capacity| Forecast {
        items: figure(3_600.0),
        entry_bytes: figure(1_500.0),
        bytes: figure(5_400_000.0),
        storage_bytes: figure(5_760_000.0),
        write_units: Estimate { value: 7_200.0, margin: None },
        capacity,
        hottest: 0.25,
        seconds: (506.2, 1_001.8),
        bound_by_hot_key: true,
        write_cost: Some(figure(0.01)),
        storage_cost: Some(figure(0.02)),
    };
    let estimated =
        Estimated { included: figure(3_600.0), sparse: figure(240.0), violating: figure(160.0) };
    let index = |index: &str, outcome| IndexCheck {
        table: "bookings".to_owned(),
        index: index.to_owned(),
        spec: "767ce2071d6fbf17".to_owned(),
        outcome,
        exists: false,
        reason: None,
        remedy: None,
        items: None,
        faults: Vec::new(),
        violations: Vec::new(),
        skew: None,
        forecast: None,
        notes: Vec::new(),
    };
    let violating = IndexCheck {
        items: Some(Items { read: 1_000, counts, estimated: Some(estimated) }),
        faults: Fault::ALL
            .map(|fault| FaultCount { attribute: "seat".to_owned(), fault, items: 7 })
            .into(),
        violations: Fault::ALL.map(violation).into(),
        skew: Some(Skew {
            hottest: vec![HotKey { value: "12A".to_owned(), items: 450, share: 0.5 }],
            error: 0.001,
            threshold: 0.1,
            is_hot: true,
        }),
        forecast: Some(forecast(Capacity::OnDemand { from: 4_000.0, to: 40_000.0 })),
        notes: vec!["hot key".to_owned()],
        ..index("by-seat", Checked::Violations)
    };
    let none = Counts { included: 940, violating: 0, ..counts };
    let clean = IndexCheck {
        items: Some(Items { read: 1_000, counts: none, estimated: None }),
        forecast: Some(forecast(Capacity::Provisioned { wcu: 5 })),
        ..index("by-gate", Checked::Clean)
    };
    let unable = IndexCheck {
        reason: Some("its table could not be read".to_owned()),
        remedy: Some("allow dynamodb:Scan".to_owned()),
        ..index("by-fare", Checked::NotChecked)
    };
    let there = IndexCheck { exists: true, ..index("by-day", Checked::Exists) };
    CheckReport {
        envelope: Envelope::new("check", "check", "failed", (at(0), at(1))),
        script_name: "airline.yaml".to_owned(),
        target: everything().target,
        seconds: 60.0,
        sample: Some(25.0),
        totals: CheckTotals {
            total: 4,
            clean: 1,
            violations: 1,
            not_checked: 1,
            exists: 1,
            violating_items: 40,
        },
        indexes: vec![violating, clean, unable, there],
        tables: vec![TableCheck {
            table: "bookings".to_owned(),
            items: 1_000,
            pages: 4,
            read_units: 31.5,
            segments: 32,
            segments_read: 8,
            expected_items: Some(1_000),
            warning: Some("0 items were read where DynamoDB counts 1000".to_owned()),
            error: Some("AccessDeniedException: no".to_owned()),
        }],
        violations_file: Some("found.jsonl".to_owned()),
    }
}

#[test]
fn the_schema_names_every_field_of_a_check() {
    let schema = json_schema();
    let report = checked();
    assert_eq!(misfit(&schema, &schema, &report.json(), ""), None);
    for (path, value) in [
        ("/indexes/0/outcome", json!("good")),
        ("/indexes/0/faults/0/fault", json!("bad")),
        ("/indexes/0/violations/0", json!({ "key": {} })),
        ("/indexes/0/items/estimated/sparse", json!(7)),
        ("/indexes/1/forecast/capacity/mode", json!("any")),
        ("/tables/0/pages", json!(-1)),
    ] {
        let mut bad = report.json();
        *bad.pointer_mut(path).expect(path) = value;
        assert!(misfit(&schema, &schema, &bad, "").is_some(), "{path}");
    }
    insta::assert_snapshot!(report.markdown());
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let schema = json_schema();
    for (path, value) in [
        ("/format", json!(2)),
        ("/kind", json!("other")),
        ("/result", json!("fine")),
        ("/seconds", json!("7")),
        ("/totals", json!({})),
        ("/target/region", json!(7)),
        ("/indexes/0/result", json!("ok")),
        ("/indexes/0/retry_count", json!(-1)),
        ("/indexes/1/attempts/0", json!({ "at": "now" })),
        ("/tables/0/indexes/gate-index", json!(1)),
        ("/cost", json!({ "describe_table": 1 })),
    ] {
        let mut bad = everything().json();
        *bad.pointer_mut(path).expect(path) = value;
        assert!(misfit(&schema, &schema, &bad, "").is_some(), "{path}");
    }
}

#[test]
fn the_published_schema_is_the_one_of_this_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
    let published = std::fs::read_to_string(path).unwrap_or_default();
    let current = format!("{:#}\n", json_schema());
    assert!(published == current, "gsictl schema report > docs/report.schema.json");
}
