//! Throughput that cannot be is found before any call.

use gsictl_fake::{FakeIndex, FakeTable};

use crate::world::one_index;
use crate::{OnAws, aws, quick, table};

fn of(table: &str, throughput: &str) -> String {
    format!("{table}:\n{}    {throughput}\n", one_index("by-email", "email", "S"))
}

#[test]
fn throughput_that_aws_refuses_is_an_obstacle_and_nothing_is_called() {
    let tables = ["units-on-demand", "warm-too-low"];
    let plane = tables.iter().fold(aws(), |plane, name| plane.with_table(table(name)));
    let plane =
        plane.with_table(FakeTable::provisioned("limit-on-provisioned", 5, 5).key("id", "S"));
    let yaml = [
        of(
            "units-on-demand",
            "ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 }",
        ),
        of("warm-too-low", "WarmThroughput: { ReadUnitsPerSecond: 500 }"),
        of("limit-on-provisioned", "OnDemandThroughput: { MaxReadRequestUnits: 100 }"),
    ];
    let on = OnAws::with_definitions(plane, &yaml.concat());
    let done = on.apply(&[]).exits(3);
    done.says("units-on-demand").says("warm-too-low").says("limit-on-provisioned");
    assert!(on.changes().is_empty());
}

#[test]
fn no_limit_is_left_out_of_the_create_that_aws_would_refuse_it_in() {
    let yaml =
        of("orders", "OnDemandThroughput: { MaxReadRequestUnits: -1, MaxWriteRequestUnits: 500 }");
    let on = OnAws::with_definitions(quick().with_table(table("orders")), &yaml);
    on.apply(&[]).exits(0);
    let create = &on.changes()[0].body["GlobalSecondaryIndexUpdates"][0]["Create"];
    assert_eq!(create["OnDemandThroughput"], serde_json::json!({ "MaxWriteRequestUnits": 500 }));
}

#[test]
fn what_aws_computed_is_not_exported_as_what_somebody_asked_for() {
    let warm = FakeIndex::new("by-email").key("email", "S").warm(83_411, 41_000);
    let plane = quick().with_table(table("orders").index(warm)).with_table(table("copy"));
    let on = OnAws::new(plane, &["orders"]);
    let exported = on.run(&["export", "orders"]).exits(0).stdout;
    let asked: Vec<_> =
        exported.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    assert!(!asked.concat().contains("83411"), "{exported}");
    on.world.write("copy.yaml", exported.replace("orders:", "copy:").as_bytes());
    on.run(&["apply", "copy.yaml"]).exits(0);
}
