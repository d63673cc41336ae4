//! What every backend must do. Each case makes its own table.

use std::collections::BTreeMap;

use gsictl_core::call::{Call, CallError, CreateIndex, CreateTable, Effect, ErrorKind, Value};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, TableDescription, TableStatus,
};
use gsictl_core::definition::{Projection, ProvisionedThroughput, ScalarType};

use crate::engines::{Engine, hash, index, index_name, on_demand, range, table_name};

pub(crate) use crate::reads::*;

/// The kind of a call that was refused and did nothing.
fn kind_of(result: Result<TableDescription, CallError>) -> ErrorKind {
    let error = result.expect_err("it should be refused");
    assert_eq!(error.effect, Effect::NotApplied, "{error}");
    error.kind
}

/// As [`kind_of`], for what is refused during a build. `None`, with a line that
/// says so, where the engine's build was over too soon to meet it.
fn kind_during_build(
    engine: &Engine,
    result: Result<TableDescription, CallError>,
) -> Option<ErrorKind> {
    let too_late = match &result {
        Ok(_) => true,
        Err(error) => error.kind == ErrorKind::IndexExists,
    };
    if too_late && !engine.facts.lasting_builds {
        engine.skip("the build was over before the second call");
        return None;
    }
    Some(kind_of(result))
}

fn status(table: &TableDescription, index: &CreateIndex) -> Option<(IndexStatus, bool)> {
    let index = table.index(&index.index)?;
    Some((index.status.clone(), index.backfilling))
}

fn in_backfill(table: &TableDescription) -> bool {
    table.indexes.iter().any(|i| i.backfilling)
}

fn is_built(table: &TableDescription) -> bool {
    table.indexes.iter().all(IndexDescription::is_ready)
}

pub(crate) async fn a_table_comes_back_as_it_was_made(engine: Engine) {
    let create = CreateTable {
        key_schema: vec![hash("pk"), range("sk")],
        attributes: BTreeMap::from([
            ("pk".to_owned(), ScalarType::S),
            ("sk".to_owned(), ScalarType::N),
        ]),
        ..on_demand("made")
    };
    let call = Call::CreateTable(Box::new(create.clone()));
    let name = engine.make(create.clone()).await;
    let table = engine.describe(&name).await;
    assert_eq!(table.name, create.table);
    assert_eq!(table.status, TableStatus::Active);
    assert_eq!(table.billing_mode, BillingMode::PayPerRequest);
    assert_eq!(table.provisioned_throughput, None);
    assert_eq!(table.key_schema, create.key_schema);
    assert_eq!(table.attributes, create.attributes);
    assert_eq!(table.account(), Some(engine.facts.account));
    assert_eq!(table.table_id.is_some(), engine.facts.table_ids);
    assert!(table.indexes.is_empty() && table.local_indexes.is_empty());
    let again = kind_of(engine.call(call).await);
    // DynamoDB Local says it in words of its own.
    let busy = !engine.facts.as_aws && again == ErrorKind::TableBusy;
    assert!(busy || again == ErrorKind::TableExists, "{again:?}");
}

pub(crate) async fn an_index_is_built_in_phases_and_ends_active(engine: Engine) {
    let table = engine.table("phases").await;
    let create = index(&table, "by-aaa", "aaa");
    let answer = engine.create(&create).await.unwrap();
    assert_eq!(status(&answer, &create), Some((IndexStatus::Creating, false)));
    let mut seen: Vec<_> = engine.watch(&table, is_built).await;
    let ready = seen.last().cloned().unwrap();
    assert_eq!(status(&ready, &create), Some((IndexStatus::Active, false)));
    assert_eq!(ready.status, TableStatus::Active);
    assert_eq!(ready.attributes.get("aaa"), Some(&ScalarType::S));
    seen.dedup_by_key(|t| (t.status.clone(), status(t, &create)));
    let phases: Vec<_> = seen.iter().filter_map(|t| status(t, &create)).collect();
    let mut whole = vec![
        (IndexStatus::Creating, false),
        (IndexStatus::Creating, true),
        (IndexStatus::Active, false),
    ];
    if !engine.facts.lasting_builds {
        whole.retain(|phase| phases.contains(phase));
    }
    assert_eq!(phases, whole);
    if engine.facts.as_aws {
        let tables: Vec<_> = seen.iter().map(|t| t.status.clone()).collect();
        use TableStatus::{Active, Updating};
        assert_eq!(tables, [Updating, Active, Active]);
    }
}

pub(crate) async fn a_second_create_is_told_that_the_slot_is_taken(engine: Engine) {
    let table = engine.table("slot").await;
    let (first, second) = (index(&table, "by-aaa", "aaa"), index(&table, "by-bbb", "bbb"));
    engine.create(&first).await.unwrap();
    let refused = engine.create(&second).await;
    if let Some(kind) = kind_during_build(&engine, refused) {
        assert_eq!(kind, ErrorKind::OtherIndexBuilding);
        engine.settle(&table).await;
        engine.create(&second).await.unwrap();
    }
}

pub(crate) async fn the_same_create_is_told_that_the_index_is_being_created(engine: Engine) {
    let table = engine.table("twice").await;
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    let refused = engine.create(&create).await;
    if let Some(kind) = kind_during_build(&engine, refused) {
        assert_eq!(kind, ErrorKind::IndexBusy);
    }
    if engine.facts.lasting_builds {
        engine.watch(&table, in_backfill).await;
        assert_eq!(kind_of(engine.create(&create).await), ErrorKind::IndexBusy);
    }
}

pub(crate) async fn the_same_create_is_told_that_the_index_exists(engine: Engine) {
    let table = engine.table("exists").await;
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    engine.settle(&table).await;
    assert_eq!(kind_of(engine.create(&create).await), ErrorKind::IndexExists);
    let other = CreateIndex { index: create.index.clone(), ..index(&table, "by-bbb", "bbb") };
    assert_eq!(kind_of(engine.create(&other).await), ErrorKind::IndexExists);
}

pub(crate) async fn the_twenty_first_index_is_refused(engine: Engine) {
    let table = engine.table("quota").await;
    for number in 1..=20 {
        let create = index(&table, &format!("index-{number}"), &format!("attribute{number}"));
        engine.create(&create).await.unwrap();
        engine.settle(&table).await;
    }
    let refused = engine.create(&index(&table, "index-21", "attribute21")).await;
    assert_eq!(kind_of(refused), ErrorKind::QuotaReached);
}

pub(crate) async fn a_key_attribute_has_to_be_in_the_calls_own_definitions(engine: Engine) {
    let table = engine.table("undefined").await;
    let other = BTreeMap::from([("bbb".to_owned(), ScalarType::S)]);
    for attributes in [BTreeMap::new(), other] {
        let create = CreateIndex { attributes, ..index(&table, "by-aaa", "aaa") };
        let refused = engine.create(&create).await;
        assert_eq!(kind_of(refused), ErrorKind::AttributeConflict);
    }
    assert!(engine.describe(&table).await.indexes.is_empty());
    // Even what the table defines already has to be said again.
    let create = CreateIndex {
        key_schema: vec![hash("aaa"), range("pk")],
        ..index(&table, "by-aaa", "aaa")
    };
    match engine.create(&create).await {
        Ok(_) if !engine.facts.as_aws => {
            engine.skip("it takes what the table defines from there");
        }
        refused => assert_eq!(kind_of(refused), ErrorKind::AttributeConflict),
    }
}

/// They are sent with every create, for engines that forget what a call does not name.
pub(crate) async fn the_tables_own_keys_in_a_create_change_nothing(engine: Engine) {
    let table = engine.table("own-keys").await;
    for (name, key) in [("by-aaa", "aaa"), ("by-bbb", "bbb")] {
        let mut create = index(&table, name, key);
        create.attributes.insert("pk".to_owned(), ScalarType::S);
        engine.create(&create).await.expect("a create");
        engine.settle(&table).await;
    }
    let description = engine.describe(&table).await;
    let types = ["aaa", "bbb", "pk"].map(|name| (name.to_owned(), ScalarType::S));
    assert_eq!(description.attributes, BTreeMap::from(types));
    assert_eq!(description.key_schema, [hash("pk")]);
}

pub(crate) async fn an_attribute_keeps_its_type(engine: Engine) {
    let table = engine.table("redefined").await;
    let create = CreateIndex {
        attributes: [("pk".to_owned(), ScalarType::N)].into(),
        ..index(&table, "by-pk", "pk")
    };
    assert_eq!(kind_of(engine.create(&create).await), ErrorKind::AttributeConflict);
}

pub(crate) async fn a_table_that_is_not_there_is_told_apart_from_an_index(engine: Engine) {
    let missing = table_name("missing");
    let described = engine.call(Call::DescribeTable(missing.clone())).await;
    assert_eq!(kind_of(described), ErrorKind::TableNotFound);
    let created = engine.create(&index(&missing, "by-aaa", "aaa")).await;
    assert_eq!(kind_of(created), ErrorKind::TableNotFound);
    let deleted = engine.delete(&missing, &index_name("by-aaa")).await;
    assert_eq!(kind_of(deleted), ErrorKind::TableNotFound);
    let items = vec![[("pk".to_owned(), Value::S("1".to_owned()))].into()];
    let put = Call::PutItems { table: missing, items };
    assert_eq!(engine.put(put).await.unwrap_err().kind, ErrorKind::TableNotFound);
    let table = engine.table("there").await;
    let deleted = engine.delete(&table, &index_name("by-aaa")).await;
    assert_eq!(kind_of(deleted), ErrorKind::IndexNotFound);
}

pub(crate) async fn a_delete_during_the_build_is_refused_or_cancels_it(engine: Engine) {
    let table = engine.table("cancelled").await;
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    if !engine.facts.lasting_builds {
        return engine.skip("its builds are too short to meet one");
    }
    let refused = engine.delete(&table, &create.index).await;
    assert_eq!(kind_of(refused), ErrorKind::IndexBusy);
    engine.watch(&table, in_backfill).await;
    let deleted = engine.delete(&table, &create.index).await;
    if engine.facts.as_aws {
        assert_eq!(status(&deleted.unwrap(), &create), Some((IndexStatus::Deleting, false)));
        engine.watch(&table, |t| t.indexes.is_empty()).await;
    } else {
        assert_eq!(kind_of(deleted), ErrorKind::IndexBusy);
    }
}

pub(crate) async fn a_deleted_index_is_shown_until_it_is_gone(engine: Engine) {
    let table = engine.table("deleted").await;
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    let before = engine.settle(&table).await;
    let answer = engine.delete(&table, &create.index).await.unwrap();
    assert_eq!(status(&answer, &create), Some((IndexStatus::Deleting, false)));
    let shown = answer.index(&create.index).unwrap();
    let known = before.index(&create.index).unwrap();
    assert_eq!(shown.key_schema, known.key_schema);
    assert_eq!(shown.projection, known.projection);
    if engine.facts.lasting_builds {
        let again = engine.delete(&table, &create.index).await;
        assert_eq!(kind_of(again), ErrorKind::IndexBusy);
        assert_eq!(kind_of(engine.create(&create).await), ErrorKind::IndexBusy);
        let other = engine.create(&index(&table, "by-bbb", "bbb")).await;
        assert_eq!(kind_of(other), ErrorKind::OtherIndexBuilding);
    }
    let gone = engine.watch(&table, |t| t.indexes.is_empty()).await.pop().unwrap();
    assert!(!gone.attributes.contains_key("aaa"));
    if engine.facts.slow {
        return;
    }
    let remade = CreateIndex { index: create.index.clone(), ..index(&table, "by-bbb", "bbb") };
    engine.create(&remade).await.unwrap();
    let ready = engine.settle(&table).await;
    assert_eq!(ready.index(&create.index).unwrap().key_schema, [hash("bbb")]);
}

pub(crate) async fn keys_of_every_type_and_number_come_back(engine: Engine) {
    let table = engine.table("keys").await;
    let typed = [("num".to_owned(), ScalarType::N), ("bin".to_owned(), ScalarType::B)];
    let pair = CreateIndex {
        key_schema: vec![hash("num"), range("bin")],
        attributes: typed.into(),
        ..index(&table, "pair", "num")
    };
    let names = ["h1", "h2", "h3", "h4", "r1", "r2", "r3", "r4"];
    let keys = names.map(|n| if n.starts_with('h') { hash(n) } else { range(n) });
    let eight = CreateIndex {
        key_schema: keys.into(),
        attributes: names.map(|n| (n.to_owned(), ScalarType::S)).into(),
        ..index(&table, "eight", "h1")
    };
    for create in [pair, eight] {
        engine.create(&create).await.unwrap();
        let ready = engine.settle(&table).await;
        assert_eq!(ready.index(&create.index).unwrap().key_schema, create.key_schema);
        for (name, scalar) in &create.attributes {
            assert_eq!(ready.attributes.get(name), Some(scalar));
        }
    }
}

pub(crate) async fn projections_come_back(engine: Engine) {
    let table = engine.table("projections").await;
    let include =
        Projection::Include { non_key_attributes: ["two", "one"].map(str::to_owned).into() };
    for (name, projection) in [("include", include), ("keys-only", Projection::KeysOnly)] {
        let create = CreateIndex { projection, ..index(&table, name, "aaa") };
        engine.create(&create).await.unwrap();
        let ready = engine.settle(&table).await;
        assert_eq!(ready.index(&create.index).unwrap().projection, create.projection);
    }
}

fn provisioned(name: &str) -> CreateTable {
    CreateTable {
        billing_mode: BillingMode::Provisioned,
        provisioned_throughput: Some(units(5, 4)),
        ..on_demand(name)
    }
}

fn units(read: u64, write: u64) -> ProvisionedThroughput {
    ProvisionedThroughput { read_capacity_units: read, write_capacity_units: write }
}

pub(crate) async fn a_provisioned_index_keeps_its_throughput(engine: Engine) {
    let table = provisioned("provisioned");
    engine.make(table.clone()).await;
    let create = CreateIndex {
        provisioned_throughput: Some(units(3, 2)),
        ..index(&table.table, "by-aaa", "aaa")
    };
    engine.create(&create).await.unwrap();
    let ready = engine.settle(&table.table).await;
    assert_eq!(ready.billing_mode, BillingMode::Provisioned);
    assert_eq!(ready.provisioned_throughput, Some(units(5, 4)));
    let shown = ready.index(&create.index).unwrap();
    assert_eq!(shown.provisioned_throughput, Some(units(3, 2)));
}

pub(crate) async fn a_provisioned_table_wants_throughput_for_its_index(engine: Engine) {
    let table = provisioned("unpaid");
    engine.make(table.clone()).await;
    let error = engine.create(&index(&table.table, "by-aaa", "aaa")).await.unwrap_err();
    if error.kind == ErrorKind::Server {
        engine.skip("it answers 500 where AWS answers ValidationException");
    } else {
        assert_eq!(error.kind, ErrorKind::Validation, "{error}");
    }
    assert!(engine.describe(&table.table).await.indexes.is_empty());
}

pub(crate) async fn an_index_is_built_over_items(engine: Engine) {
    let table = engine.table("filled").await;
    let item = |number: u32| {
        let list = vec![Value::Bool(true), Value::Null, Value::B(vec![0, 255])];
        BTreeMap::from([
            ("pk".to_owned(), Value::S(format!("item {number}"))),
            ("aaa".to_owned(), Value::S(format!("group {}", number % 7))),
            ("bbb".to_owned(), Value::N(number.to_string())),
            ("ccc".to_owned(), Value::L(list)),
            ("ddd".to_owned(), Value::M([("e".to_owned(), Value::Null)].into())),
        ])
    };
    // More than one request takes.
    let put = Call::PutItems { table: table.clone(), items: (0..60).map(item).collect() };
    engine.put(put).await.unwrap();
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    // Writes go on during a build.
    let put = Call::PutItems { table: table.clone(), items: (30..90).map(item).collect() };
    engine.put(put).await.unwrap();
    assert_eq!(engine.settle(&table).await.indexes.len(), 1);
}
