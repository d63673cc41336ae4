//! Every violation is found, none other, and each table is read once.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{Item, Value};
use gsictl_core::check::Outcome;
use gsictl_core::definition::{Definitions, Projection};
use gsictl_core::event::Event;
use gsictl_core::index_key::Fault;

use super::model::{Expected, expected};
use super::run::{Run, Wanted, sorted};
use super::samples::{
    B, Hash, N, Range, S, by_pk, definitions, id, index, item, items, keys_only, number, put,
    table, text,
};
use super::service::{Form, Service};

/// What was told and reported of an index, in the model's form.
fn found(run: &Run<'_>, table: &str, index: &str) -> Expected {
    let report = run.report();
    let of_index = report.of(&id(table, index)).unwrap();
    let told = run.violations().into_iter().filter(|v| v.table == table && v.index == index);
    let mut violations: Vec<_> = told
        .map(|v| {
            let key = v.key["pk"].to_string();
            (key, v.attribute.clone(), v.fault.to_string(), v.found.clone(), v.bytes)
        })
        .collect();
    violations.sort_unstable();
    let faults = of_index.faults.iter();
    Expected {
        counts: of_index.items.as_ref().unwrap().counts,
        faults: faults.map(|f| ((f.attribute.clone(), f.fault.to_string()), f.items)).collect(),
        violations,
    }
}

fn assert_as_expected(run: &Run<'_>, service: &Service, definitions: &Definitions) {
    for definition in &definitions.indexes {
        let (table, index) = (definition.id.table.as_str(), definition.id.index.as_str());
        assert_eq!(found(run, table, index), expected(definition, service.items(table)), "{index}");
    }
}

/// A value of each type and length that may matter, the good ones more often.
fn value(random: &mut fastrand::Rng) -> Value {
    let lengths = [0, 1, 500, 600, 1_024, 1_025, 2_048, 2_049];
    let length = lengths[random.usize(..lengths.len())];
    let sparing = random.u8(..10) > 0;
    match random.u8(..26) {
        0..=6 if sparing => text(format!("good-{}", random.u16(..))),
        7..=11 if sparing => number(random.i32(..)),
        12..=15 if sparing => Value::B(vec![random.u8(..); 1 + random.usize(..9)]),
        0..=8 => text("é\"\\".chars().cycle().take(length / 2).collect::<String>()),
        9..=13 => number(["1e126", "-1e-131", "0", "1e125", "-9.9e125"][random.usize(..5)]),
        14..=16 => Value::B(vec![7; length]),
        17 => number("1".repeat(39)),
        18 => Value::Null,
        19 => Value::Bool(true),
        20 => Value::L(vec![text("in a list"), Value::Null]),
        21 => Value::M(item([("a", number(1))])),
        22 => Value::Ss(["a".to_owned(), "b".to_owned()].into()),
        23 => Value::Ns(["1".to_owned()].into()),
        24 => Value::Bs([vec![1, 2]].into()),
        _ => text("x".repeat(length)),
    }
}

/// Attributes that need names of their own in an expression: reserved words, dots,
/// quotes, a hash sign.
const NAMES: [&str; 5] = ["status", "a.b", "say \"so\"", "#size", "año"];

fn mixed(count: usize, seed: u64) -> Vec<Item> {
    let mut random = fastrand::Rng::with_seed(seed);
    items(count, |_, item| {
        for name in NAMES {
            if random.u8(..8) > 0 {
                put(item, name, value(&mut random));
            }
        }
        put(item, "beside", text("z".repeat(random.usize(..300))));
    })
}

fn every_kind_of_key(table: &str) -> [gsictl_core::definition::IndexDefinition; 7] {
    let [a, b, c, d, e] = NAMES;
    [
        keys_only(table, "text", &[(a, Hash, S)]),
        keys_only(table, "number", &[(b, Hash, N)]),
        index(table, "binary", &[(c, Hash, B)], Projection::All),
        keys_only(table, "sorted", &[(d, Hash, S), (e, Range, S)]),
        keys_only(table, "sorted-by-binary", &[(a, Hash, S), (c, Range, B)]),
        keys_only(
            table,
            "several",
            &[(a, Hash, S), (e, Hash, S), (d, Range, S), ("beside", Range, S)],
        ),
        keys_only(table, "mixed", &[(d, Hash, S), (c, Hash, B), (b, Range, N), (e, Range, S)]),
    ]
}

#[test]
fn every_planted_violation_is_told_and_none_other_in_both_forms_of_a_page() {
    let wanted = Wanted::new(definitions(every_kind_of_key("orders")));
    let mut told = Vec::new();
    let mut reports = Vec::new();
    for form in [Form::Items, Form::Json] {
        let mut service = Service::new();
        service.form = form;
        service.table(by_pk("orders"), mixed(2_000, 17));
        let run = wanted.run(&service);
        assert_as_expected(&run, &service, &wanted.definitions);
        told.push(sorted(run.violations()));
        reports.push(run.report());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(reports[0], reports[1]);
    let kinds: BTreeSet<_> =
        reports[0].indexes.iter().flat_map(|i| &i.faults).map(|fault| fault.fault).collect();
    assert_eq!(kinds, BTreeSet::from(Fault::ALL), "the sample holds every kind");
    let types: BTreeSet<_> =
        told[0].iter().filter_map(|v| v.split("\"found\":\"").nth(1)).collect();
    for word in ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"] {
        assert!(types.iter().any(|t| t.starts_with(&format!("{word}\""))), "{word}");
    }
}

#[test]
fn an_item_that_breaks_with_two_indexes_is_told_for_each() {
    let mut service = Service::new();
    service.table(
        by_pk("orders"),
        items(100, |n, item| put(item, "kind", if n == 42 { number(1) } else { text("k") })),
    );
    let wanted = Wanted::new(definitions([
        keys_only("orders", "one", &[("kind", Hash, S)]),
        index("orders", "two", &[("pk", Hash, S), ("kind", Range, S)], Projection::All),
        keys_only("orders", "other", &[("kind", Hash, S), ("absent", Range, S)]),
    ]));
    let run = wanted.run(&service);
    let told: Vec<_> =
        run.violations().iter().map(|v| (v.index.as_str(), v.key["pk"]["S"].as_str())).collect();
    let item = Some("item-000042");
    assert_eq!(told, [("one", item), ("two", item), ("other", item)]);
    assert_as_expected(&run, &service, &wanted.definitions);
    assert_eq!(run.report().totals.violating_items, 3);
}

#[test]
fn all_indexes_of_a_table_share_one_pass_for_no_more_than_the_keys() {
    let mut service = Service::new();
    service.table(by_pk("orders"), mixed(2_000, 3));
    let one = Wanted::new(definitions([keys_only("orders", "text", &[("status", Hash, S)])]));
    let alone = one.run(&service);
    let several = Wanted::new(definitions([
        keys_only("orders", "text", &[("status", Hash, S)]),
        keys_only("orders", "number", &[("a.b", Hash, N)]),
        keys_only("orders", "both", &[("status", Hash, S), ("a.b", Range, N)]),
    ]));
    let together = several.run(&service);
    assert_eq!(alone.calls.len(), together.calls.len());
    assert_eq!(together.read.iter().map(|read| read.items).sum::<usize>(), 2_000);
    assert!(together.calls.iter().all(|(_, scan)| scan.attributes == ["pk", "status", "a.b"]));
}

#[test]
fn tables_are_read_side_by_side_and_each_by_its_own_keys() {
    let mut service = Service::new();
    service.page_bytes = 8_192;
    let names = ["first", "second", "third"];
    for (n, name) in names.into_iter().enumerate() {
        service.table(by_pk(name), mixed(300, n as u64));
    }
    let indexes = names.map(|name| keys_only(name, "by-kind", &[("status", Hash, S)]));
    let wanted = Wanted::new(definitions(indexes));
    let run = wanted.run(&service);
    assert_as_expected(&run, &service, &wanted.definitions);
    let first: BTreeSet<_> = run.calls.iter().take(6).map(|(_, scan)| scan.table.clone()).collect();
    assert_eq!(first.len(), 3, "all of them begin at once");
    assert_eq!(run.told(|event| matches!(event, Event::Checked { items: 300, .. })), 3);
}

#[test]
fn the_key_of_a_violating_item_is_whole_and_its_value_only_told_where_asked_for() {
    let mut service = Service::new();
    let description = table("orders", &[("pk", Hash, S), ("at", Range, N)]);
    let one = item([("pk", text("a")), ("at", number(-1)), ("kind", number("1.50"))]);
    let list = item([("pk", text("a")), ("at", number(2)), ("kind", Value::L(Vec::new()))]);
    service.table(description, vec![one, list]);
    let mut wanted =
        Wanted::new(definitions([keys_only("orders", "by-kind", &[("kind", Hash, S)])]));
    let values = |wanted: &Wanted| -> BTreeMap<_, _> {
        let run = wanted.run(&service);
        run.violations().iter().map(|v| (v.key.to_string(), v.value.clone())).collect()
    };
    let [first, second] =
        [r#"{"pk":{"S":"a"},"at":{"N":"-1"}}"#, r#"{"pk":{"S":"a"},"at":{"N":"2"}}"#]
            .map(str::to_owned);
    let silent = BTreeMap::from([(first.clone(), None), (second.clone(), None)]);
    assert_eq!(values(&wanted), silent);
    wanted.options.values = true;
    let told = BTreeMap::from([(first, Some(serde_json::json!({"N": "1.50"}))), (second, None)]);
    assert_eq!(values(&wanted), told);
}

#[test]
fn the_report_shows_the_first_few_of_each_index_and_counts_all() {
    let mut service = Service::new();
    service.table(by_pk("orders"), items(500, |_, item| put(item, "kind", Value::Null)));
    let mut wanted = Wanted::new(definitions([
        keys_only("orders", "by-kind", &[("kind", Hash, S)]),
        keys_only("orders", "by-item", &[("pk", Hash, S), ("kind", Range, N)]),
    ]));
    for (stream, told) in [(true, 1_000), (false, 0)] {
        wanted.options.stream = stream;
        wanted.options.shown = 7;
        let run = wanted.run(&service);
        assert_eq!(run.violations().len(), told);
        for index in run.report().indexes {
            assert_eq!((index.outcome, index.violations.len()), (Outcome::Violations, 7));
            assert_eq!(index.items.unwrap().counts.violating, 500);
        }
    }
}
