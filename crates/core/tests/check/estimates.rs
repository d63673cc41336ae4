//! Samples and forecasts: the margins hold the truth as often as they say.

use gsictl_core::check::{Estimate, Forecast, IndexCheck, Outcome};
use gsictl_core::definition::Projection;

use super::model::expected;
use super::run::{Run, Wanted};
use super::samples::{
    Hash, N, S, by_pk, definitions, id, index, items, keys_only, number, put, text,
};
use super::service::{Fault, Form, Service, size};

const SEEDS: u64 = 100;

/// Items with `kind` (one of `rare` a number), some without, and a text of any length.
fn service(count: usize, rare: usize) -> Service {
    let mut random = fastrand::Rng::with_seed(21);
    let mut service = Service::new();
    service.form = Form::Items;
    service.page_bytes = 32_768;
    let fill = |_: usize, item: &mut gsictl_core::call::Item| {
        match random.usize(..rare) {
            0 => put(item, "kind", number(1)),
            n if n % 4 == 1 => {}
            _ => put(item, "kind", text("k".repeat(random.usize(1..20)))),
        }
        let long = if random.u8(..10) == 0 { 3_000 } else { 300 };
        put(item, "beside", text("b".repeat(random.usize(..long))));
        put(item, "other", number(random.u32(..)));
    };
    service.table(by_pk("orders"), items(count, fill));
    service
}

fn wanted(projection: Projection) -> Wanted {
    let keys = [("kind", Hash, S)];
    let mut wanted = Wanted::new(definitions([index("orders", "by-kind", &keys, projection)]));
    wanted.options.stream = false;
    wanted
}

fn of_index(run: &Run<'_>) -> IndexCheck {
    run.report().of(&id("orders", "by-kind")).unwrap().clone()
}

fn holds(estimate: Estimate, truth: f64) -> bool {
    (estimate.value - truth).abs() <= estimate.margin.unwrap() + 1e-6
}

#[test]
fn a_sample_reads_its_share_and_its_margins_hold_the_truth() {
    let service = service(6_000, 40);
    let mut wanted = wanted(Projection::KeysOnly);
    wanted.options.sample = Some(10.0);
    let truth = expected(&wanted.definitions.indexes[0], service.items("orders")).counts;
    let (mut held, mut widest) = ([0; 3], 0.0_f64);
    for seed in 0..SEEDS {
        wanted.seed = seed;
        let run = wanted.run(&service);
        let items = of_index(&run).items.unwrap();
        assert!((400..800).contains(&items.read), "{}", items.read);
        let estimated = items.estimated.unwrap();
        let all = [
            (estimated.included, truth.included),
            (estimated.sparse, truth.sparse),
            (estimated.violating, truth.violating),
        ];
        for (held, (estimate, truth)) in held.iter_mut().zip(all) {
            assert!(!estimate.is_exact());
            *held += u32::from(holds(estimate, truth as f64));
        }
        widest = widest.max(estimated.included.relative().unwrap());
    }
    assert!(held.iter().all(|held| *held >= 88), "{held:?} of {SEEDS}");
    assert!(widest < 0.4, "{widest}");
}

#[test]
fn of_what_a_sample_did_not_meet_it_says_how_much_there_may_be() {
    let mut service = service(6_000, 40);
    let keep: Vec<_> = service.items("orders").cloned().collect();
    let rare = |(n, mut item): (usize, gsictl_core::call::Item)| {
        put(&mut item, "kind", if n < 10 { number(1) } else { text("k") });
        item
    };
    service.table(by_pk("orders"), keep.into_iter().rev().enumerate().map(rare).collect());
    let mut wanted = wanted(Projection::KeysOnly);
    wanted.options.sample = Some(10.0);
    let (mut clean, mut held) = (0, 0);
    for seed in 0..SEEDS {
        wanted.seed = seed;
        let check = of_index(&wanted.run(&service));
        let items = check.items.unwrap();
        let violating = items.estimated.unwrap().violating;
        assert!(!violating.is_exact(), "{violating:?}");
        held += u32::from(holds(violating, 10.0));
        if items.counts.violating == 0 {
            clean += 1;
            assert_eq!(check.outcome, Outcome::Clean);
            let note = check.notes.iter().find(|note| note.contains("a sample of")).unwrap();
            let most = format!("fewer than {:.3} %", 300.0 / items.read as f64);
            assert!(note.contains(&most) && note.contains("only a whole check"), "{note}");
        }
    }
    assert!(clean > 5, "{clean}");
    assert!(held >= 85, "{held} of {SEEDS}");
}

#[test]
fn a_sample_of_all_is_a_whole_check() {
    let mut service = service(2_000, 1_000_000);
    for percent in [100.0, 99.0] {
        let mut wanted = wanted(Projection::KeysOnly);
        wanted.options.sample = Some(percent);
        let check = of_index(&wanted.run(&service));
        let items = check.items.unwrap();
        let truth = expected(&wanted.definitions.indexes[0], service.items("orders"));
        assert_eq!((items.read, items.counts), (2_000, truth.counts));
        let estimated = items.estimated.unwrap();
        assert!(estimated.included.is_exact() && estimated.violating.is_exact());
        assert_eq!(estimated.included.value as u64, truth.counts.included);
        assert!(
            !check.notes.iter().any(|note| note.contains("only a whole check")),
            "{:?}",
            check.notes
        );
        assert!(check.forecast.unwrap().bytes.is_exact());
    }
    service.table(by_pk("orders"), Vec::new());
    let mut wanted = wanted(Projection::All);
    wanted.options.sample = Some(10.0);
    let check = of_index(&wanted.run(&service));
    assert_eq!(check.outcome, Outcome::Clean);
}

/// What the index will hold: bytes and write units of all entries.
fn truth(service: &Service, attributes: Option<&[&str]>) -> (f64, f64) {
    let included = service
        .items("orders")
        .filter(|item| matches!(item.get("kind"), Some(gsictl_core::call::Value::S(_))));
    let sizes: Vec<usize> = included
        .map(|item| {
            let mut item = item.clone();
            item.retain(|name, _| attributes.is_none_or(|all| all.contains(&name.as_str())));
            size(&item)
        })
        .collect();
    let units = sizes.iter().map(|bytes| bytes.div_ceil(1_024).max(1)).sum::<usize>();
    (sizes.iter().sum::<usize>() as f64, units as f64)
}

#[test]
fn the_sizes_of_keys_are_exact() {
    let service = service(3_000, 50);
    let check = of_index(&wanted(Projection::KeysOnly).run(&service));
    let forecast = check.forecast.unwrap();
    let (bytes, units) = truth(&service, Some(&["pk", "kind"]));
    assert!(forecast.bytes.is_exact() && forecast.write_units.is_exact());
    assert!((forecast.bytes.value - bytes).abs() < 1e-3, "{} {bytes}", forecast.bytes.value);
    assert!((forecast.write_units.value - units).abs() < 1e-6);
    let included = check.items.unwrap().counts.included as f64;
    assert_eq!(forecast.items, Estimate::exact(included));
    let overhead = forecast.storage_bytes.value - forecast.bytes.value;
    assert!((overhead - 100.0 * included).abs() < 1e-3);
}

#[test]
fn sizes_of_what_was_read_in_part_have_margins_that_hold_the_truth() {
    let service = service(1_600, 50);
    let include = Projection::Include { non_key_attributes: ["beside".to_owned()].into() };
    let mut wanted = wanted(Projection::All);
    wanted.segments = Some(16);
    let keys = [("kind", Hash, S)];
    wanted.definitions.indexes.push(index("orders", "included", &keys, include));
    let truths = [truth(&service, None), truth(&service, Some(&["pk", "kind", "beside"]))];
    let (mut held, mut widest) = ([(0, 0); 2], 0.0_f64);
    for seed in 0..SEEDS {
        wanted.seed = seed;
        let forecasts = wanted.run(&service).report().indexes.into_iter().map(|i| i.forecast);
        for ((forecast, truth), held) in forecasts.zip(truths).zip(&mut held) {
            let Forecast { bytes, write_units, items, .. } = forecast.unwrap();
            assert!(items.is_exact() && !bytes.is_exact());
            held.0 += u32::from(holds(bytes, truth.0));
            held.1 += u32::from(holds(write_units, truth.1));
            widest = widest.max(bytes.relative().unwrap());
        }
    }
    assert!(held.iter().all(|(bytes, units)| *bytes.min(units) >= 88), "{held:?} of {SEEDS}");
    assert!(widest < 0.4, "{widest}");
}

#[test]
fn sizes_are_exact_where_the_first_pages_hold_all() {
    let service = service(60, 20);
    let forecast = of_index(&wanted(Projection::All).run(&service)).forecast.unwrap();
    let (bytes, units) = truth(&service, None);
    assert!(forecast.bytes.is_exact() && forecast.write_units.is_exact());
    assert!((forecast.bytes.value - bytes).abs() < 1e-6);
    assert!((forecast.write_units.value - units).abs() < 1e-6);
}

#[test]
fn pages_that_were_refused_do_not_count_as_read_whole() {
    let mut service = service(60, 20);
    service.faults = Box::new(|asking| (asking.number < 20).then_some(Fault::Throttled));
    let forecast = of_index(&wanted(Projection::All).run(&service)).forecast.unwrap();
    assert!(forecast.bytes.is_exact(), "{forecast:?}");
}

#[test]
fn the_forecast_of_a_sample_holds_the_truth() {
    let service = service(4_000, 50);
    let mut wanted = wanted(Projection::All);
    wanted.options.sample = Some(20.0);
    let (bytes, units) = truth(&service, None);
    let (mut bytes_held, mut units_held) = (0, 0);
    for seed in 0..SEEDS {
        wanted.seed = seed;
        let forecast = of_index(&wanted.run(&service)).forecast.unwrap();
        bytes_held += u32::from(holds(forecast.bytes, bytes));
        units_held += u32::from(holds(forecast.write_units, units));
    }
    assert!(bytes_held >= 88 && units_held >= 88, "{bytes_held} {units_held} of {SEEDS}");
}

#[test]
fn an_empty_table_is_clean_and_its_index_takes_nothing() {
    let mut service = Service::new();
    service.table(by_pk("orders"), Vec::new());
    for projection in [Projection::All, Projection::KeysOnly] {
        let check = of_index(&wanted(projection).run(&service));
        assert_eq!(check.outcome, Outcome::Clean);
        assert!(check.notes[0].contains("the table is empty"), "{:?}", check.notes);
        let forecast = check.forecast.unwrap();
        let none = Estimate::exact(0.0);
        assert_eq!((forecast.items, forecast.bytes, forecast.write_units), (none, none, none));
        assert_eq!(check.skew, None);
    }
}

#[test]
fn keys_of_the_table_need_no_check_and_that_is_noted() {
    let mut service = Service::new();
    let keys = [("pk", Hash, S), ("at", super::samples::Range, N)];
    let fill = |n: usize, item: &mut _| put(item, "at", number(n));
    service.table(super::samples::table("orders", &keys), items(50, fill));
    let note = "its keys are keys of the table: no item can violate it";
    let notes = |keys: &[super::samples::Key<'_>]| {
        let wanted = Wanted::new(definitions([keys_only("orders", "by-kind", keys)]));
        of_index(&wanted.run(&service)).notes
    };
    assert_eq!(
        notes(&[("at", Hash, N), ("pk", Hash, S)]),
        [] as [&str; 0],
        "together they may be too long"
    );
    assert_eq!(notes(&[("at", Hash, N)]), [note]);
    assert_eq!(
        notes(&[("at", Hash, N), ("pk", super::samples::Range, S)]),
        [] as [&str; 0],
        "1,024 bytes"
    );
    let absent = notes(&[("absent", Hash, N)]);
    assert_eq!(absent, ["no item has its keys: the index will be empty"]);
}

#[test]
fn a_hot_partition_key_is_named_with_its_share() {
    let mut service = Service::new();
    let mut random = fastrand::Rng::with_seed(4);
    let fill = |n: usize, item: &mut _| {
        let hot = random.u8(..10) < 3;
        put(item, "kind", text(if hot { "hot".to_owned() } else { format!("k{n}") }));
    };
    service.table(by_pk("orders"), items(8_000, fill));
    let check = of_index(&wanted(Projection::KeysOnly).run(&service));
    let skew = check.skew.unwrap();
    assert!(skew.is_hot && skew.hottest[0].value == "hot", "{skew:?}");
    assert!((0.28..0.32).contains(&(skew.hottest[0].share + skew.error)), "{skew:?}");
    assert!(check.notes.iter().any(|note| note.starts_with("hot key")), "{:?}", check.notes);
}
