//! Answers that are no answers: about another table, of no page, damaged, without an end.
//! Nothing is built, deleted or called clean on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use serde_json::{Value, json};

use crate::http::{Answer, Server};
use crate::world::{World, one_index};

fn world() -> World {
    let mut world = World::new();
    world
        .set("AWS_REGION", "eu-west-1")
        .set("AWS_ACCESS_KEY_ID", "any")
        .set("AWS_SECRET_ACCESS_KEY", "any");
    world
        .write("wanted.yaml", format!("orders:\n{}", one_index("by-kind", "kind", "S")).as_bytes());
    world
}

/// As DynamoDB describes a table with a key `pk`, and this index, if any.
fn described(table: &str, status: Option<&str>) -> Value {
    let key = |name: &str| json!([{ "AttributeName": name, "KeyType": "HASH" }]);
    let indexes: Vec<_> = status
        .map(|status| {
            json!({ "IndexName": "by-kind", "IndexStatus": status, "KeySchema": key("kind"),
                "Projection": { "ProjectionType": "ALL" } })
        })
        .into_iter()
        .collect();
    json!({
        "TableName": table,
        "TableArn": format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{table}"),
        "TableStatus": "ACTIVE",
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "KeySchema": key("pk"),
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "kind", "AttributeType": "S" },
        ],
        "GlobalSecondaryIndexes": indexes,
        "ItemCount": 10,
        "TableSizeBytes": 1_000,
    })
}

fn say(body: &Value) -> Answer {
    Answer::Say(200, body.to_string())
}

/// A table of ten items, of whose Scan this is the answer.
fn scanned(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Server {
    Server::by_operation(move |operation| match operation {
        "DescribeTable" => say(&json!({ "Table": described("orders", None) })),
        _ => answer(),
    })
}

#[test]
fn a_description_of_another_table_is_believed_by_no_command() {
    let world = world();
    // 0: there is no index yet. 1: our own is there.
    let (made, other) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicBool::new(false)));
    let (now, told) = (Arc::clone(&made), Arc::clone(&other));
    let server = Server::by_operation(move |operation| {
        let table = if told.load(Ordering::SeqCst) { "others" } else { "orders" };
        if operation == "UpdateTable" {
            now.store(1, Ordering::SeqCst);
            return say(&json!({ "TableDescription": described(table, Some("CREATING")) }));
        }
        let status = (now.load(Ordering::SeqCst) > 0 || table == "others").then_some("ACTIVE");
        say(&json!({ "Table": described(table, status) }))
    });
    let endpoint = server.endpoint();
    let run = |args: &[&str]| world.run(&[args, &["--endpoint-url", &endpoint]].concat());
    let commands: [&[&str]; 6] = [
        &["plan", "wanted.yaml"],
        &["apply", "wanted.yaml"],
        &["check", "wanted.yaml"],
        &["validate", "wanted.yaml"],
        &["export", "orders"],
        &["wait", "orders"],
    ];
    let words = "the answer is about table others, but table orders was asked for";
    other.store(true, Ordering::SeqCst);
    for command in commands {
        let done = run(command).exits(1).says(words);
        assert_eq!(done.stdout, "", "{}", done.text());
    }
    assert_eq!(server.count("UpdateTable"), 0);
    other.store(false, Ordering::SeqCst);
    run(&["apply", "wanted.yaml"]).exits(0);
    assert_eq!(server.count("UpdateTable"), 1);
    other.store(true, Ordering::SeqCst);
    run(&["rollback", "--yes"]).exits(1).says(words);
    run(&["rollback", "--dry-run"]).exits(1).says(words);
    assert_eq!(server.count("UpdateTable"), 1, "nothing was deleted");
}

#[test]
fn nothing_is_clean_or_built_on_what_is_no_page() {
    let item = r#"{"pk":{"S":"x"},"kind":{"S":"k"}}"#;
    let bodies = [
        "{}".to_owned(),
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oops"}"#
            .to_owned(),
        r#"{"login":"required"}"#.to_owned(),
        "<html>log in</html>".to_owned(),
        r#"{"Count":10,"ScannedCount":10}"#.to_owned(),
        r#"{"Count":10,"ScannedCount":10,"Items":[]}"#.to_owned(),
        format!(r#"{{"Count":2,"ScannedCount":2,"Items":[{item}]}}"#),
        r#"{"Count":1,"Items":[{"id":{"S":"of another table"},"kind":{"S":"k"}}]}"#.to_owned(),
        r#"{"Count":0,"Items":[],"ConsumedCapacity":{"TableName":"others"}}"#.to_owned(),
        r#"{"Count":0,"Items":[],"LastEvaluatedKey":{"id":{"S":"x"}}}"#.to_owned(),
    ];
    for body in bodies {
        let world = world();
        let said = body.clone();
        let server = scanned(move || Answer::Say(200, said.clone()));
        let endpoint = server.endpoint();
        let run = |args: &[&str]| world.run(&[args, &["--endpoint-url", &endpoint]].concat());
        let done = run(&["check", "wanted.yaml"]).exits(3).says("not-checked");
        assert!(done.stdout.contains("0 clean"), "{body}: {}", done.text());
        run(&["apply", "wanted.yaml", "--check"]).exits(3).says("UnreadableAnswer");
        assert_eq!(server.count("UpdateTable"), 0, "{body}");
    }
}

#[test]
fn pages_that_come_round_in_a_circle_end_the_check() {
    let world = world();
    let turn = AtomicU8::new(0);
    let server = scanned(move || {
        let key = if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { "a" } else { "b" };
        let key = json!({ "pk": { "S": key } });
        say(&json!({ "Count": 1, "Items": [key], "LastEvaluatedKey": key }))
    });
    let args = ["check", "wanted.yaml", "--segments", "1", "--endpoint-url", &server.endpoint()];
    world.run(&args).exits(3).says("come round in a circle").says("0 clean");
    assert!(server.count("Scan") < 10);
}

#[test]
fn hardly_any_item_of_many_is_a_warning_with_its_reason() {
    let world = world();
    let server = Server::by_operation(|operation| {
        if operation == "Scan" {
            return say(&json!({ "Count": 0, "Items": [] }));
        }
        let mut table = described("orders", None);
        table["ItemCount"] = json!(10_000_000);
        say(&json!({ "Table": table }))
    });
    let endpoint = server.endpoint();
    let check = ["check", "wanted.yaml", "--endpoint-url", &endpoint];
    let words = "0 items were read where DynamoDB counts 10000000";
    let done = world.run(&check).exits(0);
    assert!(done.stdout.contains(&format!("Warning: orders: {words}")), "{}", done.text());
    assert!(!done.stdout.contains("the table is empty"), "{}", done.text());
    let document = world.run(&[&check[..], &["--output", "json"]].concat()).exits(0).document();
    let table = &document["check"]["tables"][0];
    assert_eq!(table["expected_items"], 10_000_000);
    assert!(table["warning"].as_str().unwrap().contains(words), "{table}");
    let markdown = world.files().into_iter().find(|(name, _)| name.ends_with(".md")).unwrap().1;
    assert!(String::from_utf8(markdown).unwrap().contains(words));
}

#[test]
fn capacity_that_cannot_be_is_neither_shown_nor_believed() {
    for units in ["-7.5", "-1e300", "1e300", "\"NaN\""] {
        let world = world();
        let body = format!(
            r#"{{"Count":1,"Items":[{{"pk":{{"S":"x"}}}}],"ConsumedCapacity":{{"CapacityUnits":{units}}}}}"#
        );
        let server = scanned(move || Answer::Say(200, body.clone()));
        let check =
            ["check", "wanted.yaml", "--segments", "1", "--endpoint-url", &server.endpoint()];
        world.run(&check).exits(0).says("with 0.0 read units");
        let limited = [&check[..], &["--max-rcu", "5"]].concat();
        world.run(&limited).exits(3).says("--max-rcu cannot be held").does_not_say("7.5");
        assert_eq!(server.count("Scan"), 2, "{units}");
    }
}

#[test]
fn a_damaged_answer_is_none() {
    let world = world();
    let server = Server::by_operation(|_| {
        let headers = "Content-Type: application/x-amz-json-1.0\r\nx-amz-crc32: 7";
        Answer::Headed(headers, json!({ "Table": described("orders", Some("ACTIVE")) }).to_string())
    });
    for command in ["plan", "apply", "validate"] {
        let done = world.run(&[command, "wanted.yaml", "--endpoint-url", &server.endpoint()]);
        done.exits(1).says("UnreadableAnswer: the answer does not fit its checksum");
    }
}

/// The limit is on addresses, of which a build for tests takes some hundred MB.
#[test]
fn an_answer_without_an_end_takes_no_more_memory_than_an_answer_may() {
    let world = world();
    for status in [200, 500] {
        let server = Server::by_operation(move |_| Answer::Endless(status));
        let line = format!(
            "ulimit -v 1000000; exec gsictl plan wanted.yaml --endpoint-url {}",
            server.endpoint()
        );
        let done = crate::world::with_input(world.in_shell(&line), b"");
        done.exits(1).says("UnreadableAnswer: the answer has more than 4194304 bytes");
    }
}

#[test]
fn a_thread_that_cannot_be_started_is_an_error() {
    let mut world = world();
    // No system has room for the stack of such a thread.
    world.set("RUST_MIN_STACK", "70368744177664");
    for command in ["plan", "apply", "check"] {
        let done = world.local(&[command, "wanted.yaml"]).exits(1).says("cannot start: ");
        done.says("next: see whether a limit on processes and threads is reached");
    }
}
