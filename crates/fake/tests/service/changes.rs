//! Changes of throughput and billing, and trouble of tables.

use gsictl_fake::FakeIndex;
use serde_json::json;

use super::*;

fn provisioned() -> ControlPlane {
    let index = FakeIndex::new("by-day").key("day", "S").units(5, 5);
    let table = FakeTable::provisioned("orders", 5, 5).key("id", "S").index(index);
    ControlPlane::new(HOME).with_table(table)
}

fn change(plane: &mut ControlPlane, at: u64, write: u64) -> Result<Value, AwsRefusal> {
    let units = json!({ "ReadCapacityUnits": 5, "WriteCapacityUnits": write });
    let update = json!({ "IndexName": "by-day", "ProvisionedThroughput": units });
    let body = json!({
        "TableName": "orders",
        "GlobalSecondaryIndexUpdates": [{ "Update": update }],
    });
    plane.perform(seconds(at), HOME, "UpdateTable", &body)
}

fn write_units(table: &Value) -> u64 {
    let throughput = &table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"];
    throughput["WriteCapacityUnits"].as_u64().unwrap()
}

#[test]
fn the_answer_to_a_change_of_throughput_tells_the_old_one() {
    let mut plane = provisioned();
    let answer = change(&mut plane, 0, 8).unwrap();
    assert_eq!(write_units(&answer["TableDescription"]), 5);
    assert_eq!(told(&answer["TableDescription"]), "ACTIVE: by-day UPDATING");
    let refused = delete(&mut plane, 3, "by-day").unwrap_err();
    assert_eq!(
        refused.message,
        "Attempt to change a resource which is still in use: Index is being updated. Table: \
         orders Index: by-day"
    );
    let table = describe(&mut plane, 4, HOME);
    assert_eq!((told(&table), write_units(&table)), ("ACTIVE: by-day ACTIVE".to_owned(), 8));
    let same = change(&mut plane, 10, 8).unwrap_err();
    assert!(same.message.contains("will not change"), "{same:?}");
}

#[test]
fn after_four_decreases_the_next_waits_for_its_hour() {
    let mut plane = provisioned();
    for (number, write) in [4, 3, 2].into_iter().enumerate() {
        change(&mut plane, 10 * number as u64, write).unwrap();
    }
    change(&mut plane, 100, 9).unwrap();
    change(&mut plane, 110, 8).unwrap();
    let refused = change(&mut plane, 200, 7).unwrap_err();
    assert_eq!(refused.short_code(), "LimitExceededException");
    assert!(refused.message.contains("at most once every 3600 seconds"), "{refused:?}");
    change(&mut plane, 3_710, 7).unwrap();
}

#[test]
fn a_table_whose_key_is_lost_is_neither_changed_nor_well() {
    let mut plane = on_demand();
    plane.set_status(seconds(100), "orders", "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    assert_eq!(seen(&mut plane, 99, HOME), "ACTIVE:");
    assert_eq!(seen(&mut plane, 100, HOME), "INACCESSIBLE_ENCRYPTION_CREDENTIALS:");
    let sse = describe(&mut plane, 150, HOME)["SSEDescription"].clone();
    assert_eq!(sse["InaccessibleEncryptionDateTime"], 1_790_000_100.0);
    assert_eq!(
        create(&mut plane, 101, "by-email").unwrap_err().short_code(),
        "ResourceInUseException"
    );
}

#[test]
fn a_table_that_changes_is_updating_and_takes_no_other_change() {
    let mut plane = provisioned();
    let units = json!({ "ReadCapacityUnits": 9, "WriteCapacityUnits": 9 });
    let body = json!({ "TableName": "orders", "ProvisionedThroughput": units });
    plane.perform(seconds(0), HOME, "UpdateTable", &body).unwrap();
    assert_eq!(seen(&mut plane, 9, HOME), "UPDATING: by-day ACTIVE");
    let refused = delete(&mut plane, 9, "by-day").unwrap_err();
    assert!(refused.message.ends_with("Table is being updated: orders"), "{refused:?}");
    delete(&mut plane, 10, "by-day").unwrap();
}
