//! What an index comes to where items are not what decides.

use gsictl_core::catalog::{Catalog, IndexDescription, IndexStatus, Sighting};
use gsictl_core::check::{IndexCheck, Outcome};
use gsictl_core::definition::{IndexDefinition, Projection};

use super::run::{Run, START, Wanted};
use super::samples::{Hash, N, S, by_pk, definitions, id, items, keys_only, number, put, text};
use super::service::Service;

fn service() -> Service {
    let mut service = Service::new();
    let fill =
        |n: usize, item: &mut _| put(item, "kind", if n < 3 { number(n) } else { text("k") });
    service.table(by_pk("orders"), items(100, fill));
    service
}

fn there(definition: &IndexDefinition, status: IndexStatus) -> IndexDescription {
    IndexDescription {
        name: definition.id.index.clone(),
        backfilling: status == IndexStatus::Creating,
        status,
        key_schema: definition.key_schema.clone(),
        projection: definition.projection.clone(),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }
}

fn one() -> IndexDefinition {
    keys_only("orders", "by-kind", &[("kind", Hash, S)])
}

fn of_index(run: &Run<'_>) -> IndexCheck {
    run.report().of(&id("orders", "by-kind")).unwrap().clone()
}

#[test]
fn a_missing_and_a_denied_table_are_not_checked_and_say_what_to_do() {
    let service = service();
    let mut wanted = Wanted::new(definitions([
        one(),
        keys_only("missing", "by-kind", &[("kind", Hash, S)]),
        keys_only("denied", "by-kind", &[("kind", Hash, S)]),
        keys_only("not-surveyed", "by-kind", &[("kind", Hash, S)]),
    ]));
    let mut catalog: Catalog = service.catalog();
    let mut see = |name: &str, sighting| {
        catalog.insert(id(name, "any").table, START, sighting);
    };
    see("missing", Sighting::Missing);
    see("denied", Sighting::Denied("not authorized".to_owned()));
    wanted.catalog = Some(catalog);
    let run = wanted.run(&service);
    let report = run.report();
    let of = |table: &str| report.of(&id(table, "by-kind")).unwrap();
    for (table, reason, remedy) in [
        ("missing", "the table does not exist", "create the table"),
        ("not-surveyed", "the table does not exist", "create the table"),
        ("denied", "cannot be described: not authorized", "allow dynamodb:DescribeTable"),
    ] {
        let check = of(table);
        assert_eq!((check.outcome, check.items.clone()), (Outcome::NotChecked, None));
        assert!(check.reason.as_ref().unwrap().contains(reason), "{check:?}");
        assert!(check.remedy.as_ref().unwrap().contains(remedy), "{check:?}");
    }
    assert_eq!(of("orders").outcome, Outcome::Violations);
    let totals = report.totals;
    assert_eq!((totals.total, totals.violations, totals.not_checked), (4, 1, 3));
    assert_eq!((totals.violating_items, report.tables.len()), (3, 1));
    assert!(!report.is_good());
}

#[test]
fn nothing_that_can_be_checked_is_over_at_once() {
    let wanted = Wanted::new(definitions([keys_only("missing", "by-kind", &[("kind", Hash, S)])]));
    let service = Service::new();
    let mut run = wanted.run(&service);
    assert_eq!((run.steps, run.calls.len()), (0, 0));
    run.stop();
    assert!(!run.check.is_interrupted());
}

#[test]
fn an_index_that_exists_is_left_out_unless_it_is_asked_for() {
    let mut service = service();
    service.description("orders").indexes.push(there(&one(), IndexStatus::Active));
    service.description("orders").attributes.insert("kind".to_owned(), S);
    let mut wanted = Wanted::new(definitions([one()]));
    let run = wanted.run(&service);
    let check = of_index(&run);
    assert_eq!((check.outcome, check.exists, run.calls.len()), (Outcome::Exists, true, 0));
    assert!(check.notes[0].contains("--existing"), "{:?}", check.notes);
    assert!(run.report().is_good());
    wanted.options.existing = true;
    let check = of_index(&wanted.run(&service));
    assert_eq!((check.outcome, check.exists), (Outcome::Violations, true));
    assert_eq!(check.items.unwrap().counts.violating, 3);
}

#[test]
fn one_that_is_being_built_or_deleted_is_checked() {
    for (status, exists) in [(IndexStatus::Creating, true), (IndexStatus::Deleting, false)] {
        let mut service = service();
        service.description("orders").indexes.push(there(&one(), status));
        let check = of_index(&Wanted::new(definitions([one()])).run(&service));
        assert_eq!((check.outcome, check.exists), (Outcome::Violations, exists));
    }
}

#[test]
fn a_name_that_is_taken_and_a_type_that_differs_keep_an_index_from_being_checked() {
    let mut service = service();
    let other = keys_only("orders", "by-kind", &[("other", Hash, S)]);
    service.description("orders").indexes.push(there(&other, IndexStatus::Active));
    let wanted =
        Wanted::new(definitions([one(), keys_only("orders", "typed", &[("pk", Hash, N)])]));
    let run = wanted.run(&service);
    assert_eq!(run.calls.len(), 0);
    let report = run.report();
    let conflict = of_index(&run);
    assert_eq!(conflict.outcome, Outcome::NotChecked);
    assert!(conflict.reason.unwrap().contains("exists with another definition"));
    assert!(conflict.remedy.unwrap().contains("choose another IndexName"));
    let typed = report.of(&id("orders", "typed")).unwrap();
    assert_eq!(typed.outcome, Outcome::NotChecked);
    assert!(typed.reason.as_ref().unwrap().contains("pk is of type N here and of type S"));
    assert_eq!(report.totals.not_checked, 2);
}

#[test]
fn a_full_table_keeps_no_index_from_being_checked() {
    let mut service = service();
    for n in 0..20 {
        let other = keys_only("orders", &format!("other-{n}"), &[("other", Hash, S)]);
        service.description("orders").indexes.push(there(&other, IndexStatus::Active));
    }
    let check = of_index(&Wanted::new(definitions([one()])).run(&service));
    assert_eq!(check.outcome, Outcome::Violations);
}

#[test]
fn a_type_that_only_the_table_knows_is_the_one_that_counts() {
    let mut service = service();
    service.description("orders").attributes.insert("kind".to_owned(), N);
    let mut untyped = one();
    untyped.attributes.clear();
    untyped.projection = Projection::All;
    let check = of_index(&Wanted::new(definitions([untyped])).run(&service));
    let counts = check.items.unwrap().counts;
    assert_eq!((counts.included, counts.violating), (3, 97));
}
