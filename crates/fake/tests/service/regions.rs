//! Global tables, other accounts.

use gsictl_fake::FakeIndex;
use serde_json::json;

use super::*;

fn global() -> FakeTable {
    FakeTable::on_demand("orders").key("id", "S").in_regions(&[HOME, OTHER])
}

/// The whole timeline as it was recorded.
#[test]
fn a_create_fans_out_and_each_region_shows_it_in_its_own_time() {
    let mut plane = ControlPlane::new(HOME).with_table(global());
    let answer = create(&mut plane, 0, "by-email").unwrap();
    assert_eq!(told(&answer["TableDescription"]), "UPDATING:", "not even in the answer");
    let line = |plane: &mut ControlPlane, at| (seen(plane, at, HOME), seen(plane, at, OTHER));
    let creating = |status: &str| format!("{status}: by-email CREATING not-yet-backfilling");
    let updating = "UPDATING:".to_owned();
    let backfilling = "ACTIVE: by-email CREATING backfilling".to_owned();
    let ready = "ACTIVE: by-email ACTIVE".to_owned();
    assert_eq!(line(&mut plane, 30), (updating.clone(), updating.clone()));
    assert_eq!(line(&mut plane, 31), (updating, creating("UPDATING")));
    assert_eq!(line(&mut plane, 58), (creating("UPDATING"), creating("UPDATING")));
    assert_eq!(line(&mut plane, 89), (backfilling.clone(), backfilling.clone()));
    assert_eq!(line(&mut plane, 545), (backfilling, ready.clone()));
    assert_eq!(line(&mut plane, 575), (ready.clone(), ready));
}

#[test]
fn a_replica_lists_an_index_by_its_name_alone() {
    let mut plane = ControlPlane::new(HOME).with_table(global());
    create(&mut plane, 0, "by-email").unwrap();
    let replicas = |plane: &mut ControlPlane, at| describe(plane, at, HOME)["Replicas"].clone();
    assert_eq!(replicas(&mut plane, 57)[0]["GlobalSecondaryIndexes"], json!([]));
    let shown = json!([{
        "RegionName": OTHER,
        "ReplicaStatus": "ACTIVE",
        "GlobalSecondaryIndexes": [{ "IndexName": "by-email" }],
    }]);
    assert_eq!(replicas(&mut plane, 58), shown);
}

#[test]
fn a_busy_global_table_tells_no_details() {
    let mut plane = ControlPlane::new(HOME).with_table(global());
    create(&mut plane, 0, "by-email").unwrap();
    let mut refused = vec![create(&mut plane, 10, "by-day").unwrap_err()];
    refused.push(create(&mut plane, 200, "by-day").unwrap_err());
    plane.add_replica(seconds(600), "orders", "ap-south-1");
    assert_eq!(seen(&mut plane, 650, HOME), "ACTIVE: by-email ACTIVE");
    refused.push(create(&mut plane, 650, "by-day").unwrap_err());
    for refused in refused {
        let words = "The resource which you are attempting to change is in use.";
        assert_eq!((refused.short_code(), &*refused.message), ("ResourceInUseException", words));
    }
    create(&mut plane, 900, "by-day").unwrap();
}

#[test]
fn a_delete_takes_longer_on_a_global_table() {
    let table = global().index(FakeIndex::new("by-email").key("email", "S"));
    let mut plane = ControlPlane::new(HOME).with_table(table);
    delete(&mut plane, 0, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 29, OTHER), "UPDATING: by-email DELETING");
    assert_eq!(seen(&mut plane, 30, OTHER), "ACTIVE:");
    assert_eq!(seen(&mut plane, 37, HOME), "UPDATING: by-email DELETING");
    assert_eq!(seen(&mut plane, 38, HOME), "ACTIVE:");
}

#[test]
fn a_provisioned_global_table_scales_the_writes_of_all_its_indexes_or_takes_no_change() {
    let old = FakeIndex::new("by-day").key("day", "S").units(5, 5);
    let table = FakeTable::provisioned("orders", 5, 5).key("id", "S").index(old).autoscaled();
    let mut plane = ControlPlane::new(HOME).with_table(table.in_regions(&[HOME, OTHER]));
    let units = json!({ "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 });
    let body = create_body("by-email", "email", json!({ "ProvisionedThroughput": units }));
    let refused = plane.perform(seconds(0), HOME, "UpdateTable", &body).unwrap_err();
    let words = "GSI write capacity should either be Pay-Per-Request or AutoScaled.";
    assert_eq!((refused.short_code(), &*refused.message), ("ValidationException", words));
    let ask = json!({ "TableName": "orders" });
    let scaled = |plane: &mut ControlPlane, at| {
        let operation = "DescribeTableReplicaAutoScaling";
        let told = plane.perform(seconds(at), HOME, operation, &ask).unwrap();
        let replicas = told["TableAutoScalingDescription"]["Replicas"].clone();
        let settings = |replica: &Value| {
            let indexes = replica["GlobalSecondaryIndexes"].as_array().unwrap().clone();
            let of = |i: &Value| {
                i["ProvisionedWriteCapacityAutoScalingSettings"]["MaximumUnits"].as_u64()
            };
            indexes.iter().map(of).collect::<Vec<_>>()
        };
        replicas.as_array().unwrap().iter().map(settings).collect::<Vec<_>>()
    };
    assert_eq!(scaled(&mut plane, 0), [[None], [None]]);
    plane.autoscale("orders", "by-day", true);
    plane.perform(seconds(0), HOME, "UpdateTable", &body).unwrap();
    // AWS registers the new one by itself, in every region.
    assert_eq!(scaled(&mut plane, 600), [[Some(10), Some(10)], [Some(10), Some(10)]]);
}

#[test]
fn another_accounts_table_is_reached_by_its_arn_alone() {
    let table = FakeTable::on_demand("orders").key("id", "S").of_account("210987654321");
    let mut plane = ControlPlane::new(HOME).with_table(table);
    let mut ask = |region: &str, name: &str| {
        let body = json!({ "TableName": name });
        plane.perform(seconds(0), region, "DescribeTable", &body)
    };
    let arn = "arn:aws:dynamodb:eu-west-1:210987654321:table/orders";
    let told = ask(HOME, arn).unwrap();
    assert_eq!(told["Table"]["TableName"], "orders");
    assert_eq!(told["Table"]["TableArn"], arn);
    let refused = ask(HOME, "orders").unwrap_err();
    assert_eq!(refused.message, "Requested resource not found: Table: orders not found");
    assert!(ask(OTHER, arn).is_err());
    assert!(ask(HOME, "arn:aws:dynamodb:eu-west-1:123456789012:table/orders").is_err());
}
