//! `--max-rcu`: units a second, whatever items and calls are like.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::check::Outcome;

use super::run::{Run, START, Wanted};
use super::samples::{Hash, S, by_pk, definitions, id, items, keys_only, put, text};
use super::service::{Fault, Form, Service};

/// DynamoDB's page of 1 MB.
const PAGE: f64 = 128.0;

fn wanted(max_rcu: f64, segments: u32) -> Wanted {
    let mut wanted =
        Wanted::new(definitions([keys_only("orders", "by-kind", &[("kind", Hash, S)])]));
    wanted.options.max_rcu = Some(max_rcu);
    wanted.segments = Some(segments);
    wanted
}

fn service(count: usize, latency: (u64, u64), bytes: impl Fn(usize) -> usize) -> Service {
    let mut service = Service::new();
    service.form = Form::Items;
    service.latency = latency;
    let items = items(count, |_, item| put(item, "kind", text("k")));
    service.table_with_ballast(by_pk("orders"), items, bytes);
    service
}

fn units(run: &Run<'_>, from: Duration, to: Duration) -> f64 {
    let span = START + from..START + to;
    run.read.iter().filter(|read| span.contains(&read.at)).map(|read| read.units).sum()
}

/// The minute is used up, and no part of it used more than its share and a page.
fn assert_minute(run: &Run<'_>, max_rcu: f64, what: &str) {
    let secs = Duration::from_secs;
    let page = run.read.iter().map(|read| read.units).fold(0.0, f64::max).min(PAGE);
    let minute = units(run, secs(0), secs(60));
    let share = minute / (60.0 * max_rcu);
    assert!((0.95..=1.05).contains(&share), "{what} at {max_rcu}: {share}");
    assert!(minute <= 60.0 * max_rcu + page, "{what}: {minute}");
    for n in 0..200 {
        let from = Duration::from_millis(n * 250);
        let ten = units(run, from, from + secs(10));
        // A second may have been saved up.
        assert!(ten <= 11.0 * max_rcu + page, "{what} from {from:?}: {ten}");
    }
}

#[test]
fn over_a_minute_it_is_held_and_used_whatever_the_size_of_items() {
    type Bytes = fn(usize) -> usize;
    let sizes: [(&str, usize, f64, Bytes); 4] = [
        ("small", 22_000, 10.0, |_| 250),
        ("40 KB", 1_300, 100.0, |_| 40_000),
        ("mixed", 5_000, 50.0, |n| if n.is_multiple_of(7) { 40_000 } else { 150 }),
        ("the largest", 1_000, 200.0, |_| 409_000),
    ];
    for (what, count, max_rcu, bytes) in sizes {
        let mut service = service(count, (0, 0), bytes);
        for latency in [(5, 10), (200, 400)] {
            service.latency = latency;
            for segments in [1, 16] {
                let mut run = wanted(max_rcu, segments).begin(&service);
                run.to(START + Duration::from_secs(60));
                assert!(run.now >= START + Duration::from_secs(60), "{what}: too few items");
                assert_minute(&run, max_rcu, &format!("{what} {latency:?} {segments}"));
            }
        }
    }
}

#[test]
fn a_large_limit_is_used_by_several_segments_at_once() {
    let service = service(18_000, (300, 200), |_| 40_000);
    let mut run = wanted(1_200.0, 32).begin(&service);
    run.to(START + Duration::from_secs(60));
    assert_minute(&run, 1_200.0, "1,200 units in pages of 128");
}

#[test]
fn where_nobody_knows_how_large_items_are_the_first_pages_find_out() {
    let mut service = service(22_000, (20, 20), |_| 250);
    service.description("orders").size_bytes = None;
    service.description("orders").item_count = None;
    let mut run = wanted(10.0, 8).begin(&service);
    run.to(START + Duration::from_secs(60));
    assert_eq!(run.calls[0].1.limit, Some(1), "it may be of 400 KB");
    assert_minute(&run, 10.0, "not described");
}

#[test]
fn less_than_a_unit_a_second_reads_pages_of_one_unit_and_waits_between_them() {
    let mut service = service(12_000, (20, 20), |_| 80);
    service.description("orders").size_bytes = None;
    let mut run = wanted(0.5, 8).begin(&service);
    run.to(START + Duration::from_secs(300));
    let used = units(&run, Duration::ZERO, Duration::from_secs(300));
    assert!((142.0..=151.0).contains(&used), "{used}");
    assert!(run.check.items() > 7_000, "{}", run.check.items());
}

#[test]
fn no_segment_waits_for_the_others() {
    let service = service(22_000, (20, 100), |_| 250);
    let mut run = wanted(10.0, 8).begin(&service);
    run.to(START + Duration::from_secs(60));
    let mut pages = BTreeMap::<u32, usize>::new();
    for read in &run.read {
        *pages.entry(read.scan.segment.unwrap().number).or_default() += 1;
    }
    let (least, most) = (pages.values().min().unwrap(), pages.values().max().unwrap());
    assert!(pages.len() == 8 && most - least <= 2, "{pages:?}");
}

#[test]
fn each_table_has_the_limit_for_itself() {
    let mut service = service(1_300, (50, 50), |_| 40_000);
    let more = items(1_300, |_, item| put(item, "kind", text("k")));
    service.table_with_ballast(by_pk("users"), more, |_| 40_000);
    let mut wanted = wanted(100.0, 8);
    wanted.definitions.indexes.push(keys_only("users", "by-kind", &[("kind", Hash, S)]));
    let mut run = wanted.begin(&service);
    run.to(START + Duration::from_secs(60));
    let all = std::mem::take(&mut run.read);
    for table in ["orders", "users"] {
        run.read = all.iter().filter(|r| r.scan.table.as_str() == table).cloned().collect();
        assert_minute(&run, 100.0, table);
    }
}

#[test]
fn what_was_refused_costs_nothing() {
    let mut service = service(1_300, (50, 50), |_| 40_000);
    service.faults = Box::new(|asking| asking.number.is_multiple_of(5).then_some(Fault::Server));
    let mut run = wanted(100.0, 16).begin(&service);
    run.to(START + Duration::from_secs(60));
    assert_minute(&run, 100.0, "with server errors");
}

#[test]
fn a_service_that_tells_no_capacity_ends_the_table_and_names_the_option() {
    let mut service = service(1_000, (20, 20), |_| 250);
    service.faults = Box::new(|_| Some(Fault::Untold));
    let run = wanted(10.0, 4).run(&service);
    let report = run.report();
    let index = report.of(&id("orders", "by-kind")).unwrap();
    assert_eq!((index.outcome, index.items.clone()), (Outcome::NotChecked, None));
    assert!(index.reason.as_ref().unwrap().contains("--max-rcu cannot be held"), "{index:?}");
    assert!(index.remedy.as_ref().unwrap().contains("leave out --max-rcu"), "{index:?}");
    let mut without = wanted(10.0, 4);
    without.options.max_rcu = None;
    let run = without.run(&service);
    assert_eq!(run.report().of(&id("orders", "by-kind")).unwrap().outcome, Outcome::Clean);
}

#[test]
fn figures_that_dynamodb_cannot_mean_are_neither_believed_nor_shown() {
    for units in [-1.0, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 2_000.0, 0.0] {
        let mut service = service(1_000, (20, 20), |_| 250);
        service.faults = Box::new(move |_| Some(Fault::Units(units)));
        let run = wanted(10.0, 4).run(&service);
        let report = run.report();
        let index = report.of(&id("orders", "by-kind")).unwrap();
        assert_eq!(index.outcome, Outcome::NotChecked, "{units}");
        assert!(index.reason.as_ref().unwrap().contains("--max-rcu cannot be held"), "{index:?}");
        let mut without = wanted(10.0, 4);
        without.options.max_rcu = None;
        let report = without.run(&service).report();
        assert_eq!(report.of(&id("orders", "by-kind")).unwrap().outcome, Outcome::Clean);
        assert_eq!(report.tables[0].read_units.to_bits(), 0.0_f64.to_bits(), "{units}");
    }
}
