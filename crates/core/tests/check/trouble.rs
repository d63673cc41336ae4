//! What goes wrong with calls, and what is done about it.

use std::time::Duration;

use gsictl_core::check::Outcome;
use gsictl_core::event::Event;

use super::model::expected;
use super::run::{Run, START, Wanted};
use super::samples::{Hash, S, by_pk, definitions, id, items, keys_only, number, put, text};
use super::service::{Asking, Fault, Form, Service};

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn service(tables: &[&str]) -> Service {
    let mut service = Service::new();
    service.page_bytes = 4_096;
    service.latency = (40, 40);
    for name in tables {
        let fill = |n: usize, item: &mut _| {
            put(item, "kind", if n.is_multiple_of(50) { number(n) } else { text("k") });
            put(item, "beside", text("b".repeat(200)));
        };
        service.table(by_pk(name), items(1_000, fill));
    }
    service
}

fn wanted<const K: usize>(tables: [&str; K]) -> Wanted {
    let mut wanted = Wanted::new(definitions(
        tables.map(|name| keys_only(name, "by-kind", &[("kind", Hash, S)])),
    ));
    wanted.segments = Some(8);
    wanted
}

/// Nothing was lost, nothing read twice.
fn assert_whole(run: &Run<'_>, service: &Service, wanted: &Wanted) {
    for definition in &wanted.definitions.indexes {
        let table = definition.id.table.as_str();
        let counts = run.report().of(&definition.id).unwrap().items.as_ref().unwrap().counts;
        let expected = expected(definition, service.items(table));
        assert_eq!(counts, expected.counts, "{table}");
        let told = run.violations().iter().filter(|v| v.table == table).count();
        assert_eq!(told, expected.violations.len());
    }
}

fn refusals(run: &Run<'_>) -> Vec<(bool, Duration)> {
    let refusal = |(_, event): &(_, Event)| match event {
        Event::PageRefused { throttled, retry_in, .. } => Some((*throttled, *retry_in)),
        _ => None,
    };
    run.events.iter().filter_map(refusal).collect()
}

#[test]
fn throttling_now_and_then_loses_nothing_and_reads_nothing_twice() {
    for seed in 0..10_u64 {
        let mut service = service(&["orders"]);
        service.faults = Box::new(move |asking| {
            let dice = (asking.number as u64).wrapping_mul(0x9E37_79B9).wrapping_add(seed) >> 3;
            dice.is_multiple_of(3).then_some(Fault::Throttled)
        });
        let wanted = wanted(["orders"]);
        let run = wanted.run(&service);
        assert_whole(&run, &service, &wanted);
        let read: usize = run.read.iter().map(|read| read.items).sum();
        assert_eq!(read, 1_000, "seed {seed}");
        assert!(refusals(&run).iter().all(|(throttled, _)| *throttled));
    }
}

#[test]
fn a_throttled_segment_waits_longer_each_time_while_others_go_on() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| (asking.segment() == 3).then_some(Fault::Throttled));
    let wanted = wanted(["orders"]);
    let mut run = wanted.begin(&service);
    run.to(START + secs(1_800));
    assert!(!gsictl_core::machine::Machine::is_over(&run.check), "it never gives up");
    let mine: Vec<_> = run.calls.iter().filter(|(_, s)| s.segment.unwrap().number == 3).collect();
    let waits: Vec<f64> =
        mine.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).collect();
    let growing = waits.iter().zip([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    for (waited, least) in growing {
        assert!((least..least * 1.5 + 1.0).contains(waited), "{waits:?}");
    }
    let progress = run.progress();
    assert_eq!(progress.last().unwrap().1.segments_done, 7, "the others are done");
    let most = |from: u64, to: u64| {
        let span = START + secs(from)..START + secs(to);
        progress.iter().filter(|(at, _)| span.contains(at)).map(|(_, p)| p.at_once).max().unwrap()
    };
    assert!(most(30, 1_800) <= 2, "{}", most(30, 1_800));
    assert!(waits.len() < 70, "{}", waits.len());
}

#[test]
fn one_that_was_throttled_for_long_is_not_given_up_at_the_first_server_error() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| {
        let since = asking.now.since(START);
        match asking.segment() {
            2 if since < secs(900) => Some(Fault::Throttled),
            2 if since < secs(960) => Some(Fault::Server),
            _ => None,
        }
    });
    let wanted = wanted(["orders"]);
    let run = wanted.run(&service);
    assert_whole(&run, &service, &wanted);
}

#[test]
fn one_that_waited_long_for_credentials_is_not_given_up_at_the_first_server_error() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| {
        let since = asking.now.since(START);
        match () {
            () if since < secs(120) => Some(Fault::Expired),
            () if since < secs(126) => Some(Fault::Connection),
            () => None,
        }
    });
    let wanted = wanted(["orders"]);
    let run = wanted.run(&service);
    assert_whole(&run, &service, &wanted);
}

#[test]
fn throttling_of_all_halves_what_is_read_at_once() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| {
        (asking.now.since(START) > secs(3) && asking.number.is_multiple_of(4))
            .then_some(Fault::Throttled)
    });
    let mut wanted = wanted(["orders"]);
    wanted.options.segments = Some(16);
    service.latency = (1_000, 500);
    let run = wanted.run(&service);
    let at_once: Vec<_> = run.progress().iter().map(|(_, p)| p.at_once).collect();
    assert_eq!(at_once[0], 16);
    assert!(at_once.contains(&8) && at_once.iter().all(|n| *n >= 1), "{at_once:?}");
    assert_whole(&run, &service, &wanted);
}

#[test]
fn server_errors_are_repeated_and_end_the_one_table_after_eight_in_a_row() {
    for fault in [Fault::Server, Fault::Connection] {
        let mut service = service(&["broken", "sound"]);
        service.faults = Box::new(move |asking| {
            (asking.scan.table.as_str() == "broken" && asking.segment() == 5).then_some(fault)
        });
        let wanted = wanted(["broken", "sound"]);
        let run = wanted.run(&service);
        let asked = |n| {
            let of = |s: &&(_, gsictl_core::call::Scan)| {
                s.1.table.as_str() == "broken" && s.1.segment.unwrap().number == n
            };
            run.calls.iter().filter(of).count()
        };
        assert_eq!(asked(5), 8);
        let report = run.report();
        let bad = report.of(&id("broken", "by-kind")).unwrap();
        assert_eq!((bad.outcome, bad.items.clone()), (Outcome::NotChecked, None));
        assert!(bad.reason.as_ref().unwrap().contains("its table could not be read"));
        assert!(bad.remedy.as_ref().is_some_and(|text| !text.contains('{')));
        assert_eq!(report.of(&id("sound", "by-kind")).unwrap().outcome, Outcome::Violations);
        assert_eq!(report.of(&id("sound", "by-kind")).unwrap().items.as_ref().unwrap().read, 1_000);
        assert_eq!(run.told(|event| matches!(event, Event::NotChecked { .. })), 1);
        assert!(!report.is_good());
    }
}

#[test]
fn seven_errors_in_a_row_are_survived_each_time() {
    let mut service = service(&["orders"]);
    let counts = std::cell::RefCell::new(std::collections::BTreeMap::<u32, u32>::new());
    service.faults = Box::new(move |asking| {
        let mut counts = counts.borrow_mut();
        let count = counts.entry(asking.segment()).or_default();
        *count += 1;
        (!count.is_multiple_of(8)).then_some(Fault::Server)
    });
    let wanted = wanted(["orders"]);
    let run = wanted.run(&service);
    assert_whole(&run, &service, &wanted);
}

#[test]
fn a_denied_table_is_given_up_at_once_and_the_permission_named() {
    let mut service = service(&["broken", "sound"]);
    service.faults =
        Box::new(|asking| (asking.scan.table.as_str() == "broken").then_some(Fault::Denied));
    let wanted = wanted(["broken", "sound"]);
    let run = wanted.run(&service);
    let report = run.report();
    let bad = report.of(&id("broken", "by-kind")).unwrap();
    assert_eq!(bad.outcome, Outcome::NotChecked);
    assert_eq!(
        bad.remedy.as_deref(),
        Some("allow dynamodb:Scan on table broken for these credentials")
    );
    let asked = run.calls.iter().filter(|(_, scan)| scan.table.as_str() == "broken").count();
    assert!(asked <= 2, "only what was under way: {asked}");
    assert_eq!(refusals(&run), []);
    assert_eq!(report.tables[0].error.as_deref(), Some("AccessDeniedException: not authorized"));
}

#[test]
fn of_a_table_that_failed_nothing_more_is_told() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| match asking.number {
        0..6 => None,
        6 => Some(Fault::Denied),
        n if n % 2 == 0 => Some(Fault::Server),
        _ => None,
    });
    let mut wanted = wanted(["orders"]);
    wanted.options.segments = Some(8);
    let run = wanted.run(&service);
    let at = run.events.iter().position(|(_, e)| matches!(e, Event::NotChecked { .. })).unwrap();
    assert_eq!(run.events[at + 1..], []);
}

#[test]
fn a_table_that_is_deleted_meanwhile_is_told_to_be_missing() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| (asking.number > 5).then_some(Fault::NotFound));
    let run = wanted(["orders"]).run(&service);
    let report = run.report();
    let index = report.of(&id("orders", "by-kind")).unwrap();
    assert_eq!(index.outcome, Outcome::NotChecked);
    let remedy = index.remedy.as_deref().unwrap();
    assert_eq!(remedy, "create orders, or correct its name, the region or the endpoint");
}

#[test]
fn expired_credentials_are_waited_for_and_told_once_each_way() {
    let mut service = service(&["orders", "users"]);
    service.faults = Box::new(|asking| {
        let span = START + secs(1)..START + secs(901);
        span.contains(&asking.now).then_some(Fault::Expired)
    });
    let wanted = wanted(["orders", "users"]);
    let run = wanted.run(&service);
    assert_whole(&run, &service, &wanted);
    let lost = run.told(|event| matches!(event, Event::CredentialsLost { .. }));
    let back = run.told(|event| matches!(event, Event::CredentialsBack));
    assert_eq!((lost, back), (1, 1));
    assert_eq!(refusals(&run), []);
    assert!(run.calls.len() < 4_000, "{}", run.calls.len());
}

#[test]
fn what_is_no_page_ends_the_table_with_a_hint_at_the_endpoint() {
    let mut service = service(&["orders"]);
    service.faults = Box::new(|asking| (asking.number == 4).then_some(Fault::Garbage));
    let run = wanted(["orders"]).run(&service);
    let report = run.report();
    let index = report.of(&id("orders", "by-kind")).unwrap();
    assert_eq!(index.outcome, Outcome::NotChecked);
    assert!(index.reason.as_ref().unwrap().contains("UnreadableAnswer"), "{index:?}");
    assert!(index.remedy.as_ref().unwrap().contains("--endpoint-url"), "{index:?}");
}

/// The table is given up with this reason, whatever the form of its pages.
#[track_caller]
fn is_given_up(fault: impl Fn(&Asking<'_>) -> Option<Fault> + Copy + 'static, why: &str) {
    for form in [Form::Items, Form::Json] {
        let mut service = service(&["orders"]);
        service.form = form;
        service.faults = Box::new(fault);
        let mut wanted = wanted(["orders"]);
        wanted.segments = Some(1);
        let run = wanted.run(&service);
        let report = run.report();
        let index = report.of(&id("orders", "by-kind")).unwrap();
        assert_eq!((index.outcome, index.items.clone()), (Outcome::NotChecked, None), "{form:?}");
        assert!(index.reason.as_ref().unwrap().contains(why), "{form:?} {index:?}");
        assert!(run.calls.len() < 100, "{form:?}: {}", run.calls.len());
    }
}

#[test]
fn items_without_the_primary_key_end_the_table() {
    let third = |asking: &Asking<'_>| (asking.number == 2).then_some(Fault::Keyless);
    is_given_up(third, "an item without the primary key");
}

#[test]
fn pages_that_come_round_end_the_table_whatever_the_length_of_the_circle() {
    let same = |_: &Asking<'_>| Some(Fault::Behind(40));
    let two = |asking: &Asking<'_>| Some(Fault::Behind(40 + 20 * (asking.number % 2)));
    let late = |asking: &Asking<'_>| {
        (asking.number >= 7).then(|| Fault::Behind(40 + 20 * (asking.number % 5)))
    };
    is_given_up(same, "come round in a circle");
    is_given_up(two, "come round in a circle");
    is_given_up(late, "come round in a circle");
}

#[test]
fn hardly_any_item_of_many_is_told_with_its_reason() {
    let warning = |counted: u64, every: usize, sample: Option<f64>| {
        let mut service = service(&["orders"]);
        service.description("orders").item_count = Some(counted);
        service.faults =
            Box::new(move |asking| (asking.number % every != 0).then_some(Fault::Empty));
        let mut wanted = wanted(["orders"]);
        wanted.options.sample = sample;
        let run = wanted.run(&service);
        let mut report = run.report();
        let told = report.tables.remove(0).warning;
        let event = |event: &Event| matches!(event, Event::Checked { warning: Some(_), .. });
        assert_eq!(run.told(event), usize::from(told.is_some()), "{counted}");
        told
    };
    // All of it was read: 1,000 items.
    for counted in [0, 1, 900, 1_000, 9_000] {
        assert_eq!(warning(counted, 1, None), None, "{counted}");
    }
    let told = warning(10_000_000, 1, None).unwrap();
    assert!(told.starts_with("1000 items were read where DynamoDB counts 10000000"), "{told}");
    for counted in [1, 10, 10_000_000] {
        let told = warning(counted, usize::MAX, Some(50.0));
        assert_eq!(told.is_some(), counted > 1_000, "a sample of few may find none: {told:?}");
    }
}

#[test]
fn progress_is_told_every_second_and_never_goes_back() {
    let mut service = service(&["orders"]);
    service.page_bytes = 1_024;
    service.latency = (900, 400);
    let wanted = wanted(["orders"]);
    let run = wanted.run(&service);
    let progress = run.progress();
    assert!(progress.len() > 20, "{}", progress.len());
    for (n, (at, told)) in progress.iter().enumerate() {
        assert_eq!(*at, START + secs(n as u64 + 1));
        assert_eq!(told.expected, Some(1_000));
        assert_eq!(told.segments, 8);
    }
    for pair in progress.windows(2) {
        let (one, two) = (pair[0].1, pair[1].1);
        assert!(one.items <= two.items && one.segments_done <= two.segments_done);
        assert!(one.violating <= two.violating);
    }
    let last = progress.last().unwrap();
    let left = run.now - last.0;
    let remaining = last.1.remaining.unwrap_or_default();
    assert!(remaining < left + secs(8), "{remaining:?} {left:?}");
}
