//! What bounds a build, and what is advised.

use super::*;
use crate::definition::WarmThroughput;

const UNITS: ProvisionedThroughput =
    ProvisionedThroughput { read_capacity_units: 7, write_capacity_units: 5 };

fn by_flight() -> IndexDefinition {
    wanted("bookings.by-flight", "flight")
}

/// 900 million items on a table with 7 read and 5 write units.
fn large(billing_mode: BillingMode) -> TableDescription {
    changed(&table("bookings", vec![]), |table| {
        table.billing_mode = billing_mode;
        table.provisioned_throughput = Some(UNITS);
        table.item_count = Some(900_000_000);
    })
}

#[test]
fn the_units_of_the_index_bound_a_provisioned_build_and_raising_them_helps() {
    let outlook = Outlook::of(&by_flight(), &large(BillingMode::Provisioned));
    assert_eq!(outlook.takes.as_secs() / 3_600, 50_000);
    let bound = outlook.bound.unwrap();
    assert!(bound.to_string().starts_with("bounded by the index's 5 write units a second"));
    assert!(bound.advice_before().contains("WriteCapacityUnits 40000"));
    assert_eq!(bound.then().as_secs() / 3_600, 6);
    insta::assert_snapshot!(bound.advice_now(&by_flight().id), @r#"raise them (once it is backfilling): `aws dynamodb update-table --table-name bookings --global-secondary-index-updates '[{"Update":{"IndexName":"by-flight","ProvisionedThroughput":{"ReadCapacityUnits":7,"WriteCapacityUnits":40000}}}]'`, and lower them when it is built"#);
    let own = with(by_flight(), |index| index.provisioned_throughput = Some(units(40_000)));
    assert_eq!(Outlook::of(&own, &large(BillingMode::Provisioned)).bound, None);
}

#[test]
fn a_small_table_is_bounded_by_nothing_that_more_units_would_help() {
    let mut small = large(BillingMode::Provisioned);
    small.item_count = Some(2_000);
    assert_eq!(Outlook::of(&by_flight(), &small).bound, None);
    small.item_count = None;
    assert_eq!(Outlook::of(&by_flight(), &small).takes.as_secs(), 540);
}

#[test]
fn on_demand_a_limit_or_what_is_there_at_first_bounds_it() {
    let table = large(BillingMode::PayPerRequest);
    let id = by_flight().id;
    let bound = Outlook::of(&by_flight(), &table).bound.unwrap();
    assert!(bound.to_string().contains("4000 write units a second that an index on demand"));
    assert!(bound.advice_now(&id).contains(r#""WarmThroughput":{"WriteUnitsPerSecond":40000}"#));
    let limited = with(by_flight(), |index| {
        index.on_demand_throughput =
            Some(OnDemandThroughput { max_write_request_units: Some(100), ..Default::default() });
    });
    let bound = Outlook::of(&limited, &table).bound.unwrap();
    assert!(bound.to_string().contains("limit of 100 write units"));
    let advice = bound.advice_now(&id);
    assert!(advice.contains(r#""OnDemandThroughput":{"MaxWriteRequestUnits":40000}"#), "{advice}");
    let warm = with(by_flight(), |index| {
        index.warm_throughput =
            Some(WarmThroughput { write_units_per_second: Some(40_000), ..Default::default() });
    });
    assert_eq!(Outlook::of(&warm, &table).bound, None, "more than the quota helps nobody");
}

#[test]
fn of_what_is_being_built_the_units_that_it_has_count() {
    let mut table = large(BillingMode::Provisioned);
    let building = IndexDescription {
        provisioned_throughput: Some(units(30_000)),
        ..index("by-flight", "flight", IndexStatus::Creating)
    };
    table.indexes = vec![building.clone()];
    assert_eq!(Outlook::of(&by_flight(), &table).bound, None);
    assert_eq!(Outlook::of_build(&building, &table).takes.as_secs(), 540 + 30_000);
}

#[test]
fn a_plan_says_what_slows_a_build_down_and_what_to_do() {
    let scene = Scene::one(found(large(BillingMode::Provisioned)));
    let mut preview = scene.preview();
    let slow = preview.tables[0].indexes[0].slow.clone().unwrap();
    assert!(slow.cause.contains("5 write units") && slow.next_step.contains("raise them"));
    assert_eq!(preview.advice().len(), 1, "its commands are completed too");
    let scene = Scene::one(found(table("bookings", vec![active("by-flight", "flight")])));
    assert_eq!(scene.preview().tables[0].indexes[0].slow, None);
}
