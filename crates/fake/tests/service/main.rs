//! What the fake answers at which moment, without a wire: the facts that tests of
//! gsictl rest on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::time::Duration;

use gsictl_fake::{AwsRefusal, ControlPlane, Elapsed, FakeTable};
use serde_json::{Value, json};

mod builds;
mod changes;
mod command;
mod items;
mod regions;
mod rules;
mod wire;

const HOME: &str = "eu-west-1";
const OTHER: &str = "us-east-1";

fn seconds(seconds: u64) -> Elapsed {
    Duration::from_secs(seconds)
}

fn on_demand() -> ControlPlane {
    ControlPlane::new(HOME).with_table(FakeTable::on_demand("orders").key("id", "S"))
}

/// An UpdateTable that creates an index on one attribute.
fn create_body(index: &str, attribute: &str, more: Value) -> Value {
    let mut create = json!({
        "IndexName": index,
        "KeySchema": [{ "AttributeName": attribute, "KeyType": "HASH" }],
        "Projection": { "ProjectionType": "ALL" },
    });
    if let Value::Object(more) = more {
        create.as_object_mut().unwrap().extend(more);
    }
    json!({
        "TableName": "orders",
        "AttributeDefinitions": [{ "AttributeName": attribute, "AttributeType": "S" }],
        "GlobalSecondaryIndexUpdates": [{ "Create": create }],
    })
}

fn create(plane: &mut ControlPlane, at: u64, index: &str) -> Result<Value, AwsRefusal> {
    let body = create_body(index, "email", json!({}));
    plane.perform(seconds(at), HOME, "UpdateTable", &body)
}

fn delete(plane: &mut ControlPlane, at: u64, index: &str) -> Result<Value, AwsRefusal> {
    let body = json!({
        "TableName": "orders",
        "GlobalSecondaryIndexUpdates": [{ "Delete": { "IndexName": index } }],
    });
    plane.perform(seconds(at), HOME, "UpdateTable", &body)
}

fn describe(plane: &mut ControlPlane, at: u64, region: &str) -> Value {
    let body = json!({ "TableName": "orders" });
    plane.perform(seconds(at), region, "DescribeTable", &body).unwrap()["Table"].clone()
}

/// `ACTIVE: by-email CREATING backfilling`.
fn seen(plane: &mut ControlPlane, at: u64, region: &str) -> String {
    told(&describe(plane, at, region))
}

fn told(table: &Value) -> String {
    let mut line = format!("{}:", table["TableStatus"].as_str().unwrap());
    for list in ["GlobalSecondaryIndexes", "VectorIndexes"] {
        for index in table[list].as_array().into_iter().flatten() {
            let word = |member: &str| index[member].as_str().unwrap().to_owned();
            line += &format!(" {} {}", word("IndexName"), word("IndexStatus"));
            match index["Backfilling"].as_bool() {
                Some(true) => line += " backfilling",
                Some(false) => line += " not-yet-backfilling",
                None => {}
            }
        }
    }
    line
}
