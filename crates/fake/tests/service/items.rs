//! Items: read in pages and segments, and what indexes hold of them.

use gsictl_fake::FakeIndex;
use serde_json::json;

use super::*;

fn item(number: u32) -> Value {
    let group = if number.is_multiple_of(2) { "even" } else { "odd" };
    json!({
        "id": { "S": format!("item {number}") },
        "group": { "S": group },
        "number": { "N": number.to_string() },
        "more": { "S": "x".repeat(1_000) },
    })
}

fn filled(items: u32) -> ControlPlane {
    let index = FakeIndex::new("by-group").key("group", "S").sorted_by("number", "N").keys_only();
    let table = FakeTable::on_demand("orders").key("id", "S").index(index);
    ControlPlane::new(HOME).with_table(table.items((0..items).map(item)))
}

fn ask(plane: &mut ControlPlane, operation: &str, body: &Value) -> Result<Value, AwsRefusal> {
    plane.perform(seconds(0), HOME, operation, body)
}

/// Every page until the last.
fn pages(plane: &mut ControlPlane, operation: &str, mut body: Value) -> Vec<Value> {
    let mut pages = Vec::new();
    loop {
        let page = ask(plane, operation, &body).unwrap();
        let next = page.get("LastEvaluatedKey").cloned();
        pages.push(page);
        match next {
            Some(next) => body["ExclusiveStartKey"] = next,
            None => return pages,
        }
    }
}

fn keys(pages: &[Value]) -> Vec<String> {
    let items = pages.iter().flat_map(|page| page["Items"].as_array().unwrap());
    items.map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect()
}

fn query(group: &str, more: Value) -> Value {
    let mut body = json!({
        "TableName": "orders",
        "IndexName": "by-group",
        "KeyConditionExpression": "#n0 = :v0",
        "ExpressionAttributeNames": { "#n0": "group" },
        "ExpressionAttributeValues": { ":v0": { "S": group } },
        "ReturnConsumedCapacity": "INDEXES",
    });
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    body
}

#[test]
fn a_scan_ends_its_pages_at_a_megabyte() {
    let mut plane = filled(2_500);
    let found = pages(&mut plane, "Scan", json!({ "TableName": "orders" }));
    assert_eq!(found.len(), 3);
    assert_eq!(keys(&found).len(), 2_500);
}

#[test]
fn segments_are_the_whole_table_each_item_once() {
    let mut plane = filled(100);
    let mut all = Vec::new();
    for segment in 0..4 {
        let body = json!({
            "TableName": "orders", "Limit": 7, "Segment": segment, "TotalSegments": 4,
        });
        let found = keys(&pages(&mut plane, "Scan", body));
        assert!(!found.is_empty());
        all.extend(found);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 100);
    let body = json!({ "TableName": "orders", "Segment": 4, "TotalSegments": 4 });
    assert_eq!(ask(&mut plane, "Scan", &body).unwrap_err().short_code(), "ValidationException");
}

#[test]
fn a_query_reads_an_index_in_the_order_of_its_sort_key() {
    let mut plane = filled(50);
    let found = pages(&mut plane, "Query", query("odd", json!({ "Limit": 10 })));
    assert_eq!(keys(&found)[..3], ["item 1", "item 3", "item 5"]);
    assert_eq!((keys(&found).len(), found.len()), (25, 3));
    let consumed = &found[0]["ConsumedCapacity"];
    assert_eq!(consumed["GlobalSecondaryIndexes"]["by-group"]["CapacityUnits"], 0.5);
    assert_eq!(consumed["Table"]["CapacityUnits"], 0.0);
    assert_eq!(found[0]["Items"][0].as_object().unwrap().len(), 3, "keys only");
}

#[test]
fn a_filter_leaves_out_what_was_read() {
    let mut plane = filled(10);
    let body = query(
        "odd",
        json!({
            "FilterExpression": "#n1 = :v1",
            "ExpressionAttributeNames": { "#n0": "group", "#n1": "id" },
            "ExpressionAttributeValues": { ":v0": { "S": "odd" }, ":v1": { "S": "item 3" } },
        }),
    );
    let page = ask(&mut plane, "Query", &body).unwrap();
    assert_eq!((&page["Count"], &page["ScannedCount"]), (&json!(1), &json!(5)));
}

#[test]
fn an_index_leaves_out_what_its_keys_cannot_hold() {
    let odd = |group: Value| json!({ "id": { "S": group.to_string() }, "group": group, "number": { "N": "1" } });
    let groups = [
        json!({ "N": "1" }),
        json!({ "S": "" }),
        json!({ "S": "y".repeat(2_049) }),
        json!({ "S": "ok" }),
    ];
    let index = FakeIndex::new("by-group").key("group", "S").sorted_by("number", "N");
    let table = FakeTable::on_demand("orders").key("id", "S").items(groups.map(odd));
    let mut plane = ControlPlane::new(HOME).with_table(table.index(index));
    assert_eq!(describe(&mut plane, 0, HOME)["GlobalSecondaryIndexes"][0]["ItemCount"], 1);
    let put = json!({ "TableName": "orders", "Item": odd(json!({ "N": "2" })) });
    let refused = ask(&mut plane, "PutItem", &put).unwrap_err();
    assert!(refused.message.contains("Type mismatch for Index Key group Expected: S Actual: N"));
}

#[test]
fn an_index_in_the_making_is_not_read_and_a_missing_one_is_told_apart() {
    let mut plane = filled(10);
    create(&mut plane, 0, "by-email").unwrap();
    let mut message = |index: &str| {
        let body = query("odd", json!({ "IndexName": index }));
        ask(&mut plane, "Query", &body).unwrap_err().message
    };
    assert_eq!(
        message("by-email"),
        "Cannot read from backfilling global secondary index: by-email"
    );
    assert_eq!(message("by-day"), "The table does not have the specified index: by-day");
}

#[test]
fn items_are_counted_every_six_hours_and_an_index_is_empty_until_then() {
    let mut plane = filled(10);
    let count = |plane: &mut ControlPlane, at| {
        let table = describe(plane, at, HOME);
        let index = &table["GlobalSecondaryIndexes"].as_array().unwrap().last().unwrap().clone();
        (table["ItemCount"].as_u64().unwrap(), index["ItemCount"].as_u64().unwrap())
    };
    let create = json!({
        "TableName": "orders",
        "AttributeDefinitions": [{ "AttributeName": "group", "AttributeType": "S" }],
        "GlobalSecondaryIndexUpdates": [{ "Create": {
            "IndexName": "new",
            "KeySchema": [{ "AttributeName": "group", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "ALL" },
        } }],
    });
    plane.perform(seconds(0), HOME, "UpdateTable", &create).unwrap();
    let put = json!({ "RequestItems": { "orders": [{ "PutRequest": { "Item": item(10) } }] } });
    plane.perform(seconds(100), HOME, "BatchWriteItem", &put).unwrap();
    assert_eq!(count(&mut plane, 21_599), (10, 0));
    assert_eq!(count(&mut plane, 21_600), (11, 11));
}

#[test]
fn a_table_without_its_key_can_neither_be_read_nor_written() {
    let mut plane = filled(10);
    plane.set_status(seconds(0), "orders", "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let refused = ask(&mut plane, "Scan", &json!({ "TableName": "orders" })).unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.dynamodb.v20120810#AccessDeniedException");
    assert!(refused.message.starts_with("KMS key access denied error"), "{refused:?}");
    let missing = ask(&mut plane, "Scan", &json!({ "TableName": "nowhere" })).unwrap_err();
    assert_eq!(missing.message, "Requested resource not found");
}
