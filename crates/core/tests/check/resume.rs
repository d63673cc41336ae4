//! What was interrupted goes on and comes to the same.

use gsictl_core::check::{CheckReport, Cursor, CursorError};
use gsictl_core::event::Event;
use gsictl_core::name::TableName;

use super::run::{Wanted, sorted};
use super::samples::{Hash, N, Range, S, by_pk, definitions, items, keys_only, number, put, text};
use super::service::{Fault, Service};

fn service() -> Service {
    let mut service = Service::new();
    service.page_bytes = 1_024;
    service.latency = (1_000, 3_000);
    let mut random = fastrand::Rng::with_seed(5);
    for (name, count) in [("orders", 500), ("users", 200)] {
        let fill = |n: usize, item: &mut gsictl_core::call::Item| {
            let kind = if n.is_multiple_of(9) { number(n) } else { text(format!("k{}", n % 40)) };
            put(item, "kind", kind);
            if random.bool() {
                put(item, "size", if random.u8(..6) == 0 { text("") } else { number(n) });
            }
            put(item, "beside", text("b".repeat(100)));
        };
        service.table(by_pk(name), items(count, fill));
    }
    service
}

fn wanted() -> Wanted {
    let mut wanted = Wanted::new(definitions([
        keys_only("orders", "kinds", &[("kind", Hash, S)]),
        keys_only("orders", "sizes", &[("kind", Hash, S), ("size", Range, N)]),
        keys_only("users", "kinds", &[("kind", Hash, S)]),
    ]));
    wanted.options.saves = true;
    wanted.segments = Some(5);
    wanted
}

/// All that must not depend on whether it was interrupted.
fn totals(report: &CheckReport) -> impl PartialEq + std::fmt::Debug + use<> {
    let indexes = report.indexes.iter().map(|index| {
        let skew = index.skew.clone();
        (index.outcome, index.items.clone(), index.faults.clone(), skew, index.forecast.clone())
    });
    let tables = report.tables.iter().map(|table| (table.items, table.segments));
    (report.totals, indexes.collect::<Vec<_>>(), tables.collect::<Vec<_>>())
}

#[test]
fn a_check_stopped_anywhere_and_resumed_comes_to_what_an_unbroken_one_does() {
    let (service, wanted) = (service(), wanted());
    let whole = wanted.run(&service);
    let all = sorted(whole.violations());
    assert!(whole.steps > 60 && all.len() > 70, "{} {}", whole.steps, all.len());
    for stop_after in (0..whole.steps).step_by(7) {
        let mut first = wanted.begin(&service);
        if !first.steps(stop_after) {
            break;
        }
        first.stop();
        assert!(first.check.is_interrupted());
        let saved = first.saves.last().unwrap();
        let cursor = Cursor::parse(&saved.bytes).unwrap();
        assert_eq!(cursor.told as usize, first.violations().len(), "all of them");
        assert_eq!(cursor.items(), first.check.items());
        let mut second = wanted.resume(&service, &saved.bytes).unwrap();
        second.finish();
        let told = sorted(first.violations().into_iter().chain(second.violations()));
        assert_eq!(told, all, "stopped after {stop_after}");
        assert_eq!(totals(&second.report()), totals(&whole.report()), "after {stop_after}");
        let last = second.check.items() - cursor.items();
        assert_eq!(second.read.iter().map(|read| read.items as u64).sum::<u64>(), last);
    }
}

#[test]
fn after_a_crash_the_newest_durable_place_goes_on_and_told_says_where_the_file_is_cut() {
    let (service, wanted) = (service(), wanted());
    let whole = wanted.run(&service);
    let all = sorted(whole.violations());
    let mut resumed = 0;
    let mut first = wanted.begin(&service);
    for crash_after in 0..whole.steps {
        first.step();
        let Some(saved) = first.durable() else { continue };
        let cursor = Cursor::parse(&saved.bytes).unwrap();
        assert_eq!(cursor.told as usize, saved.told, "those before the save, and no others");
        if crash_after % 5 != 0 {
            continue;
        }
        resumed += 1;
        let mut second = wanted.resume(&service, &saved.bytes).unwrap();
        second.finish();
        let file = first.violations().into_iter().take(saved.told);
        assert_eq!(sorted(file.chain(second.violations())), all, "crashed after {crash_after}");
        assert_eq!(totals(&second.report()), totals(&whole.report()), "after {crash_after}");
    }
    assert!(resumed > 5, "{resumed}");
}

#[test]
fn an_interrupted_sample_goes_on_with_the_segments_that_were_drawn() {
    let (service, mut wanted) = (service(), wanted());
    wanted.options.sample = Some(60.0);
    let whole = wanted.run(&service);
    for stop_after in [0, 5, 20, 33] {
        let mut first = wanted.begin(&service);
        assert!(first.steps(stop_after));
        first.stop();
        let mut later = wanted.clone();
        later.seed = 77;
        let mut second = later.resume(&service, &first.saves.last().unwrap().bytes).unwrap();
        second.finish();
        assert_eq!(totals(&second.report()), totals(&whole.report()), "after {stop_after}");
    }
}

#[test]
fn interrupted_again_and_again_it_still_comes_to_the_same() {
    let (service, wanted) = (service(), wanted());
    let whole = wanted.run(&service);
    let mut told = Vec::new();
    let mut run = wanted.begin(&service);
    for _ in 0..500 {
        let goes_on = run.steps(7);
        if goes_on {
            run.stop();
        }
        told.extend(run.violations().into_iter().cloned());
        if !goes_on {
            break;
        }
        let bytes = run.saves.last().unwrap().bytes.clone();
        let serial = Cursor::parse(&bytes).unwrap().serial;
        run = wanted.resume(&service, &bytes).unwrap();
        assert!(serial >= 1);
    }
    assert_eq!(sorted(&told), sorted(whole.violations()));
    assert_eq!(totals(&run.report()), totals(&whole.report()));
    assert_eq!(run.report().envelope.started_at, super::run::START, "of the first run");
}

#[test]
fn saving_is_told_before_each_save_and_ten_seconds_lie_between_them() {
    let (service, wanted) = (service(), wanted());
    let run = wanted.run(&service);
    let saving: Vec<_> =
        run.events.iter().filter(|(_, e)| *e == Event::SavingCursor).map(|(at, _)| *at).collect();
    assert!(saving.len() > 1 && saving.len() == run.saves.len(), "{saving:?}");
    assert!(
        saving.windows(2).all(|pair| (10.0..12.0).contains(&(pair[1] - pair[0]).as_secs_f64()))
    );
}

/// The bytes of a check that was stopped half way.
fn interrupted(service: &Service, wanted: &Wanted) -> Vec<u8> {
    let mut run = wanted.begin(service);
    assert!(run.steps(40));
    run.stop();
    run.saves.last().unwrap().bytes.clone()
}

#[test]
fn another_question_is_refused_with_what_differs() {
    let (mut service, wanted) = (service(), wanted());
    let bytes = interrupted(&service, &wanted);
    let refused = |wanted: &Wanted, service: &Service| {
        wanted.resume(service, &bytes).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let mut other = wanted.clone();
    other.asked.definitions = "another digest".to_owned();
    assert!(refused(&other, &service).contains("the definitions are not those"));
    let mut other = wanted.clone();
    other.asked.target.region = Some("eu-central-1".to_owned());
    other.asked.target.endpoint =
        Some(gsictl_core::endpoint::Endpoint::read("http://localhost:8000"));
    let text = refused(&other, &service);
    assert!(
        text.contains("no region") && text.contains("eu-central-1 at http://localhost"),
        "{text}"
    );
    let mut other = wanted.clone();
    other.options.sample = Some(10.0);
    assert!(refused(&other, &service).contains("a sample of it was read"));
    let mut other = wanted.clone();
    other.definitions.indexes.remove(1);
    assert!(refused(&other, &service).contains("other indexes of it are to be checked"));
    other.definitions.indexes.retain(|d| d.id.table.as_str() == "users");
    assert!(refused(&other, &service).contains("table orders is not as it was"));
    assert!(refused(&wanted, &Service::new()).contains("it cannot be checked now"));
    for again in [Some("second".to_owned()), None] {
        service.description("users").table_id = again;
        let text = refused(&wanted, &service);
        assert!(text.contains("table users") && text.contains("deleted and made again"), "{text}");
    }
}

#[test]
fn a_newer_form_and_one_that_is_no_check_are_refused() {
    let (service, wanted) = (service(), wanted());
    let bytes = interrupted(&service, &wanted);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let newer = text.replacen("\"version\":1", "\"version\":2,\"new\":[]", 1);
    assert_eq!(Cursor::parse(newer.as_bytes()), Err(CursorError::Newer(2)));
    for damaged in
        ["", "{}", "[]", "{\"format\":\"gsictl-state\",\"version\":1}", &text[..text.len() / 2]]
    {
        assert!(
            matches!(Cursor::parse(damaged.as_bytes()), Err(CursorError::Damaged(_))),
            "{damaged}"
        );
    }
    let cursor = Cursor::parse(&bytes).unwrap();
    assert_eq!(Cursor::parse(&cursor.render()), Ok(cursor), "read and written unchanged");
}

#[test]
fn damage_is_refused_or_goes_on_and_never_ends_the_program() {
    let (service, wanted) = (service(), wanted());
    let bytes = interrupted(&service, &wanted);
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for (path, put) in [
        ("/tables/0/counted/tallies", serde_json::json!([])),
        ("/tables/0/counted/first", serde_json::json!([[]])),
        ("/tables/0/counted/segments", serde_json::json!(1)),
        ("/tables/0/counted/parts/1/number", serde_json::json!(77)),
        ("/tables/0/counted/parts", serde_json::json!([])),
    ] {
        let mut damaged = json.clone();
        *damaged.pointer_mut(path).unwrap() = put;
        let resumed = wanted.resume(&service, damaged.to_string().as_bytes());
        let refused = matches!(resumed.err(), Some(CursorError::Damaged(_)));
        assert!(refused, "{path}");
    }
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        damaged.remove(random.usize(..damaged.len()));
        let at = random.usize(..damaged.len());
        damaged[at] ^= 1 << random.u8(..7);
        let _ = wanted.resume(&service, &damaged).map(|_| ());
    }
}

#[test]
fn a_table_that_could_not_be_read_does_not_keep_the_others_from_going_on() {
    let (mut service, wanted) = (service(), wanted());
    let whole = totals(&wanted.run(&service).report());
    service.faults =
        Box::new(|asking| (asking.scan.table.as_str() == "users").then_some(Fault::Denied));
    let bytes = interrupted(&service, &wanted);
    service.faults = Box::new(|_| None);
    let mut second = wanted.resume(&service, &bytes).unwrap();
    second.finish();
    assert_eq!(totals(&second.report()), whole, "it was allowed meanwhile");
    let u = TableName::new("users").unwrap();
    assert_eq!(second.told(|e| matches!(e, Event::Checked { table, .. } if *table == u)), 1);
}

#[test]
fn a_save_that_fails_is_told_once_and_the_check_goes_on_without() {
    let (service, wanted) = (service(), wanted());
    let mut run = wanted.begin(&service);
    run.fail_saves = true;
    run.finish();
    assert_eq!(run.told(|event| matches!(event, Event::CursorNotSaved { .. })), 1);
    assert_eq!(run.saves.len(), 1);
    assert_eq!(totals(&run.report()), totals(&wanted.run(&service).report()));
}
