//! Tables, indexes and items that tests speak in.

use gsictl_core::call::{Item, Value};
use gsictl_core::catalog::{BillingMode, Scaling, TableDescription, TableStatus};
use gsictl_core::definition::{
    Definitions, IndexDefinition, KeyElement, KeyType, Place, Projection, ScalarType,
};
use gsictl_core::name::{IndexId, IndexName, TableName};

pub(super) use KeyType::{Hash, Range};
pub(super) use ScalarType::{B, N, S};

pub(super) type Key<'a> = (&'a str, KeyType, ScalarType);

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::S(text.into())
}

pub(super) fn number(number: impl std::fmt::Display) -> Value {
    Value::N(format!("{number}"))
}

pub(super) fn item<const K: usize>(attributes: [(&str, Value); K]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn schema(keys: &[Key<'_>]) -> Vec<KeyElement> {
    let element = |(name, key_type, _): &Key<'_>| KeyElement {
        attribute_name: (*name).to_owned(),
        key_type: *key_type,
    };
    keys.iter().map(element).collect()
}

fn types(keys: &[Key<'_>]) -> std::collections::BTreeMap<String, ScalarType> {
    keys.iter().map(|(name, _, scalar)| ((*name).to_owned(), *scalar)).collect()
}

pub(super) fn id(table: &str, index: &str) -> IndexId {
    IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
}

pub(super) fn index(
    table: &str,
    name: &str,
    keys: &[Key<'_>],
    projection: Projection,
) -> IndexDefinition {
    let place = Place { file: "indexes.yaml".into(), line: 1, column: 1 };
    IndexDefinition::new(id(table, name), keys.iter().copied(), projection).at(&place)
}

pub(super) fn keys_only(table: &str, name: &str, keys: &[Key<'_>]) -> IndexDefinition {
    index(table, name, keys, Projection::KeysOnly)
}

pub(super) fn definitions<const K: usize>(indexes: [IndexDefinition; K]) -> Definitions {
    Definitions { indexes: indexes.into() }
}

pub(super) fn table(name: &str, keys: &[Key<'_>]) -> TableDescription {
    TableDescription {
        name: TableName::new(name).unwrap(),
        table_id: Some("first".to_owned()),
        created_at: None,
        arn: None,
        status: TableStatus::Active,
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
        attributes: types(keys),
        key_schema: schema(keys),
        indexes: Vec::new(),
        vector_indexes: Vec::new(),
        local_indexes: Vec::new(),
        local_included: 0,
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    }
}

/// A table whose key is a string `pk`.
pub(super) fn by_pk(name: &str) -> TableDescription {
    table(name, &[("pk", Hash, S)])
}

/// `count` items with keys of their own; `fill` adds to them.
pub(super) fn items(count: usize, mut fill: impl FnMut(usize, &mut Item)) -> Vec<Item> {
    let make = |n: usize| {
        let mut item = item([("pk", text(format!("item-{n:06}")))]);
        fill(n, &mut item);
        item
    };
    (0..count).map(make).collect()
}

pub(super) fn put(item: &mut Item, name: &str, value: Value) {
    item.insert(name.to_owned(), value);
}
