//! The model itself, where the facts about DynamoDB are particular.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, CreateIndex, Reply};
use gsictl_core::catalog::{IndexStatus, TableDescription, TableStatus};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ScalarType};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::time::Timestamp;
use gsictl_sim::model::{Hidden, Lasting, Limiter, Model, Replica};

fn table() -> TableName {
    TableName::new("bookings").unwrap_or_else(|_| unreachable!())
}

fn index(name: &str) -> IndexName {
    IndexName::new(name).unwrap_or_else(|_| unreachable!())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_770_000_000_000 + seconds * 1_000)
}

fn model() -> Model {
    let mut model = Model::default();
    model.add_table(&table());
    model
}

/// With a replica in which indexes are ready half a minute before they are at home.
fn global() -> Model {
    let mut model = model();
    let base = model.table(&table());
    base.replicas = vec![Replica::new("us-east-1", -30_000)];
    base.late = Duration::from_secs(58);
    model
}

fn create(model: &mut Model, seconds: i64, name: &str) -> Result<Reply, CallError> {
    let key = KeyElement { attribute_name: "by".to_owned(), key_type: KeyType::Hash };
    let create = CreateIndex {
        table: table(),
        index: index(name),
        key_schema: vec![key],
        projection: Projection::All,
        attributes: BTreeMap::from([("by".to_owned(), ScalarType::S)]),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
    };
    model.call(at(seconds), &Call::CreateIndex(Box::new(create)))
}

fn delete(model: &mut Model, seconds: i64, name: &str) -> Result<Reply, CallError> {
    model.call(at(seconds), &Call::DeleteIndex { table: table(), index: index(name) })
}

fn shown(reply: Result<Reply, CallError>) -> TableDescription {
    *reply.and_then(Reply::into_table).unwrap_or_else(|error| panic!("{error}"))
}

fn home(model: &mut Model, seconds: i64) -> TableDescription {
    shown(model.call(at(seconds), &Call::DescribeTable(table())))
}

fn there(model: &mut Model, seconds: i64) -> TableDescription {
    let region = "us-east-1".to_owned();
    shown(model.call(at(seconds), &Call::DescribeReplica { table: table(), region }))
}

fn said(result: Result<Reply, CallError>) -> String {
    result.err().map_or_else(|| "done".to_owned(), |error| error.to_string())
}

fn is_ready(table: &TableDescription) -> bool {
    table.indexes.iter().any(|index| index.status == IndexStatus::Active)
}

#[test]
fn an_index_of_a_global_table_is_shown_late_and_ready_in_each_region_at_its_own_time() {
    let mut model = global();
    assert!(shown(create(&mut model, 0, "by-day")).indexes.is_empty());
    for seconds in [1, 57] {
        let table = home(&mut model, seconds);
        assert_eq!((table.status, table.indexes.len()), (TableStatus::Updating, 0));
    }
    assert_eq!(there(&mut model, 30).indexes.len(), 1, "the replica shows it earlier");
    let base = home(&mut model, 58);
    assert_eq!(base.indexes.len(), 1);
    assert!(base.replicas[0].indexes.contains(&index("by-day")), "and its regions list it");
    // 58 s until it is shown, 30 s of allocation, 510 s of backfill.
    assert_eq!(home(&mut model, 88).status, TableStatus::Active);
    assert!(!is_ready(&there(&mut model, 567)) && is_ready(&there(&mut model, 568)));
    assert!(!is_ready(&home(&mut model, 597)) && is_ready(&home(&mut model, 598)));
}

#[test]
fn a_global_table_names_no_reason_for_any_refusal() {
    let mut model = global();
    let _ = create(&mut model, 0, "by-day");
    let nothing =
        "ResourceInUseException: The resource which you are attempting to change is in use.";
    assert_eq!(said(create(&mut model, 10, "other")), nothing);
    assert_eq!(said(delete(&mut model, 10, "by-day")), nothing);
    model.table(&table()).replicas[0].made_at = at(2_000);
    assert_eq!(home(&mut model, 1_000).status, TableStatus::Active);
    assert_eq!(said(create(&mut model, 1_000, "other")), nothing);
    assert_eq!(home(&mut model, 1_000).replicas[0].status, "CREATING");
    assert_eq!(said(create(&mut model, 2_000, "other")), "done");
}

#[test]
fn what_is_changed_under_an_active_table_is_refused_with_its_name() {
    let mut model = model();
    model.table(&table()).hidden = Some((at(60), Hidden::Iops));
    assert_eq!(home(&mut model, 0).status, TableStatus::Active);
    assert!(said(create(&mut model, 0, "by-day")).contains("IOPS are being updated: bookings"));
    assert_eq!(said(create(&mut model, 60, "by-day")), "done");
}

#[test]
fn a_vector_index_has_the_slot_and_its_name() {
    let mut model = model();
    let vector = IndexId::new(table(), index("by-vector"));
    model.operator_creates_vector(at(0), &vector, Duration::from_secs(600));
    assert!(said(create(&mut model, 100, "by-day")).contains("Only 1 online index"));
    assert!(home(&mut model, 100).vector_indexes[0].backfilling);
    assert_eq!(said(create(&mut model, 600, "by-day")), "done");
    assert!(said(create(&mut model, 2_000, "by-vector")).contains("already exists"));
}

#[test]
fn an_index_whose_capacity_changes_is_updating_and_cannot_be_deleted() {
    let mut model = model();
    let _ = create(&mut model, 0, "by-day");
    model.operator_retunes(
        at(1_000),
        &IndexId::new(table(), index("by-day")),
        Duration::from_secs(6),
    );
    assert_eq!(home(&mut model, 1_001).indexes[0].status, IndexStatus::Updating);
    assert!(said(delete(&mut model, 1_001, "by-day")).contains("Index is being updated"));
    model.refuses_while_updating = true;
    assert!(said(create(&mut model, 1_001, "other")).contains("Index is being updated"));
    model.refuses_while_updating = false;
    assert_eq!(said(create(&mut model, 1_001, "other")), "done");
}

#[test]
fn one_index_may_be_refused_for_ever_and_the_others_not() {
    let mut model = model();
    model.table(&table()).lasting.insert(index("by-day"), Lasting::IndexMaximum);
    assert!(said(create(&mut model, 0, "by-day")).contains("above the per index maximum"));
    assert_eq!(said(create(&mut model, 0, "other")), "done");
}

#[test]
fn the_limiter_counts_changes_and_no_looks() {
    let mut model = model();
    model.limiter = Some(Limiter::new(1, Duration::from_secs(1)));
    assert_eq!(said(create(&mut model, 0, "by-day")), "done");
    let _ = home(&mut model, 0);
    assert!(said(delete(&mut model, 0, "by-day")).contains("rate of control plane requests"));
    assert!(said(delete(&mut model, 1, "by-day")).contains("resource allocation phase"));
}
