use super::*;
use crate::call::{Item, Query, Scan};
use crate::catalog::{BillingMode, IndexDescription, IndexStatus, Scaling, TableStatus};
use crate::definition::{Projection, ScalarType};
use crate::name::IndexName;

fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

fn key(attribute: &str, key_type: KeyType) -> KeyElement {
    KeyElement { attribute_name: attribute.to_owned(), key_type }
}

fn index(name: &str) -> IndexDescription {
    IndexDescription {
        name: IndexName::new(name).unwrap(),
        status: IndexStatus::Active,
        backfilling: false,
        key_schema: vec![key("kind", KeyType::Hash)],
        projection: Projection::All,
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }
}

fn description(name: &str) -> TableDescription {
    TableDescription {
        name: table(name),
        table_id: None,
        created_at: None,
        arn: Some(format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{name}")),
        status: TableStatus::Active,
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
        attributes: [("pk".to_owned(), ScalarType::S)].into(),
        key_schema: vec![key("pk", KeyType::Hash)],
        indexes: vec![index("by-kind"), index("by-time")],
        vector_indexes: Vec::new(),
        local_indexes: vec![IndexName::new("local").unwrap()],
        local_included: 0,
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    }
}

fn describe() -> Call {
    Call::DescribeTable(table("orders"))
}

fn delete() -> Call {
    Call::DeleteIndex { table: table("orders"), index: IndexName::new("by-kind").unwrap() }
}

fn query() -> Call {
    Call::Query(Box::new(Query {
        table: table("orders"),
        index: None,
        keys: Vec::new(),
        matching: Vec::new(),
        attributes: Vec::new(),
        limit: None,
        after: None,
    }))
}

fn scan(form: PageForm) -> Call {
    Call::Scan(Box::new(Scan {
        table: table("orders"),
        segment: None,
        attributes: Vec::new(),
        limit: None,
        after: None,
        form,
    }))
}

fn put() -> Call {
    Call::PutItems { table: table("orders"), items: vec![Item::new()] }
}

fn shown(found: TableDescription) -> Reply {
    Reply::Table(Box::new(found))
}

#[test]
fn a_description_of_the_table_that_was_asked_for_is_taken_as_it_is() {
    let reply = shown(description("orders"));
    assert_eq!(describe().accept(reply.clone()), Ok(reply.clone()));
    assert_eq!(delete().accept(reply.clone()), Ok(reply));
    // An emulator's ARN may have a form of its own; one in a partition is as good.
    for arn in [None, Some("none"), Some("arn:aws-cn:dynamodb:ddblocal:0:table/orders")] {
        let arn = arn.map(str::to_owned);
        let reply = shown(TableDescription { arn, ..description("orders") });
        assert!(describe().accept(reply).is_ok());
    }
}

#[test]
fn a_description_that_cannot_be_that_of_the_table_is_no_answer() {
    let of = description;
    let arn = |name: &str| {
        let arn = Some(format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{name}"));
        TableDescription { arn, ..of("orders") }
    };
    let keyless = IndexDescription { key_schema: Vec::new(), ..index("by-kind") };
    let ranges = IndexDescription { key_schema: vec![key("a", KeyType::Range)], ..index("x-x") };
    let two = vec![key("pk", KeyType::Hash), key("pk", KeyType::Range)];
    let cases = [
        (of("other"), "the answer is about table other, but table orders was asked for"),
        (arn("other"), "the answer is about table other, but table orders was asked for"),
        (arn("other/index/by-kind"), "about table other"),
        (TableDescription { key_schema: Vec::new(), ..of("orders") }, "keys that no table has"),
        (TableDescription { key_schema: two, ..of("orders") }, "keys that no table has"),
        (
            TableDescription { indexes: vec![index("by-kind"), index("by-kind")], ..of("orders") },
            "lists index orders.by-kind twice",
        ),
        (
            TableDescription { indexes: vec![index("local")], ..of("orders") },
            "lists index orders.local twice",
        ),
        (TableDescription { indexes: vec![keyless], ..of("orders") }, "index orders.by-kind keys"),
        (TableDescription { indexes: vec![ranges], ..of("orders") }, "index orders.x-x keys"),
    ];
    for (found, words) in cases {
        let asked = describe().accept(shown(found.clone())).unwrap_err();
        assert_eq!((asked.code.as_str(), asked.effect), ("UnreadableAnswer", Effect::NotApplied));
        assert!(asked.message.contains(words), "{asked}");
        let changed = delete().accept(shown(found)).unwrap_err();
        assert_eq!((changed.message, changed.effect), (asked.message, Effect::Unknown));
    }
}

#[test]
fn an_answer_of_another_kind_is_no_answer() {
    let (page, json) = (Reply::Page(Page::default()), Reply::Json(b"{}".to_vec()));
    let found = shown(description("orders"));
    let taken = [
        (describe(), vec![&found]),
        (delete(), vec![&found, &Reply::Done]),
        (put(), vec![&Reply::Done]),
        (query(), vec![&page]),
        (scan(PageForm::Items), vec![&page]),
        (scan(PageForm::Json), vec![&page, &json]),
    ];
    for (call, taken) in taken {
        for reply in [&page, &json, &found, &Reply::Done] {
            let accepted = call.accept(reply.clone());
            assert_eq!(accepted.is_ok(), taken.contains(&reply), "{call:?} {reply:?}");
        }
    }
    let error = query().accept(Reply::Done).unwrap_err();
    assert_eq!(error.to_string(), "UnreadableAnswer: the answer to Query is empty");
}

#[test]
fn figures_of_capacity_that_nobody_can_believe_are_left_out() {
    let consumed = |table: f64, index: f64| {
        let indexes = [("by-kind".to_owned(), index)].into();
        Some(Consumed { table, indexes })
    };
    let taken = |consumed| {
        let reply = Reply::Page(Page { consumed, ..Page::default() });
        query().accept(reply).unwrap().into_page().unwrap().consumed
    };
    assert_eq!(taken(consumed(0.0, 512.0)), consumed(0.0, 512.0));
    for bad in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert_eq!(taken(consumed(bad, 1.0)), None, "{bad}");
        assert_eq!(taken(consumed(1.0, bad)), None, "{bad}");
    }
}

#[test]
fn what_scan_and_query_do_not_find_is_the_table_and_what_a_delete_does_not_find_the_index() {
    let said = || {
        CallError::from_service(
            "ResourceNotFoundException",
            "Requested resource not found",
            Some(400),
        )
    };
    let of = |call: &Call| said().answering(call).kind;
    assert_eq!(of(&query()), ErrorKind::TableNotFound);
    let put = Call::PutItems { table: table("orders"), items: Vec::new() };
    assert_eq!(of(&put), ErrorKind::TableNotFound);
    assert_eq!(of(&delete()), ErrorKind::IndexNotFound);
    let missing = "The table does not have the specified index: by-kind";
    let missing = CallError::from_service("ValidationException", missing, Some(400));
    assert_eq!(missing.answering(&query()).kind, ErrorKind::IndexNotFound);
}

#[test]
fn a_server_error_without_a_text_is_the_requests_fault_where_a_throughput_has_no_member() {
    let create = |warm_throughput| {
        Call::CreateIndex(Box::new(CreateIndex {
            table: table("orders"),
            index: IndexName::new("by-kind").unwrap(),
            key_schema: vec![key("kind", KeyType::Hash)],
            projection: Projection::All,
            attributes: [("kind".to_owned(), ScalarType::S)].into(),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput,
        }))
    };
    let said = |text| CallError::from_service("InternalFailure", text, Some(500));
    let refused = said("").answering(&create(Some(WarmThroughput::default())));
    assert_eq!((refused.kind, refused.effect), (ErrorKind::Validation, Effect::NotApplied));
    assert!(refused.message.contains("WarmThroughput"), "{refused}");
    let trouble = |text, warm| said(text).answering(&create(warm)).kind;
    assert_eq!(trouble("", None), ErrorKind::Server);
    assert_eq!(trouble("oops", Some(WarmThroughput::default())), ErrorKind::Server);
}

#[test]
fn a_table_that_was_asked_for_by_its_arn_is_held_against_it_and_keeps_that_name() {
    const ARN: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
    let asked = table(ARN);
    let call = Call::DescribeTable(asked.clone());
    let reply = |arn: &str| {
        let arn = Some(arn.to_owned());
        Reply::Table(Box::new(TableDescription { arn, ..description("orders") }))
    };
    let named = |reply: Reply| reply.into_table().unwrap().name;
    assert_eq!(named(call.accept(reply(ARN)).unwrap()), asked);
    let echo = TableDescription {
        arn: Some(format!("arn:aws:dynamodb:eu-west-1:000000000000:table/{ARN}")),
        ..description(ARN)
    };
    assert_eq!(named(call.accept(Reply::Table(Box::new(echo))).unwrap()), asked);
    let of_an_emulator = "arn:aws:dynamodb:ddblocal:000000000000:table/orders";
    assert_eq!(named(call.accept(reply(of_an_emulator)).unwrap()), asked);
    let other_account = ARN.replace("123456789012", "210987654321");
    let error = call.accept(reply(&other_account)).unwrap_err();
    assert!(error.message.contains(&other_account) && error.message.contains(ARN), "{error}");

    // A replica is the table of that name in its own region.
    let region = "us-east-1".to_owned();
    let replica = Call::DescribeReplica { table: asked.clone(), region: region.clone() };
    assert_eq!(named(replica.accept(reply(&ARN.replace("eu-west-1", &region))).unwrap()), asked);
    assert!(replica.accept(reply(ARN)).is_err());
}

/// A server that knows no regions says of its own what it was asked of another.
#[test]
fn the_answer_of_another_region_is_none() {
    let ask =
        |region: &str| Call::DescribeReplica { table: table("orders"), region: region.to_owned() };
    assert!(ask("eu-west-1").accept(shown(description("orders"))).is_ok());
    let error = ask("us-east-1").accept(shown(description("orders"))).unwrap_err();
    assert_eq!(error.effect, Effect::NotApplied);
    assert!(error.message.contains("us-east-1") && error.message.contains("eu-west-1"), "{error}");
    assert!(ask("us-east-1").accept(shown(description("bookings"))).is_err());
    let nameless = TableDescription { arn: None, ..description("orders") };
    assert!(ask("us-east-1").accept(shown(nameless)).is_ok());
}
