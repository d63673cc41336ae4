//! The calls of a validation.

use super::sample::Shape;
use crate::call::{Call, Item, PageForm, Query, Scan, Segment, Value};
use crate::definition::{KeyType, ScalarType};
use crate::name::{IndexId, TableName};

/// A value that hardly any item has: what it finds is of no interest, only that
/// the index is read.
const NOBODY: &str = "gsictl-validate";

/// Asks the index for one value of the type of each HASH attribute.
pub(super) fn probe(id: &IndexId, shape: &Shape) -> Call {
    let hashes = shape.keys.iter().filter(|(key, _)| key.key_type == KeyType::Hash);
    let keys = hashes.map(|(key, scalar)| (key.attribute_name.clone(), nobody(*scalar)));
    Call::Query(Box::new(Query { limit: Some(1), ..of_index(id, keys.collect()) }))
}

fn nobody(scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::S => Value::S(NOBODY.to_owned()),
        ScalarType::N => Value::N("0".to_owned()),
        ScalarType::B => Value::B(NOBODY.as_bytes().to_vec()),
    }
}

/// Asks the index for its copy of an item.
pub(super) fn copy(id: &IndexId, shape: &Shape, item: &Item, after: Option<Item>) -> Call {
    let matching = shape.further_keys_of(item);
    Call::Query(Box::new(Query { matching, after, ..of_index(id, shape.keys_of(item)) }))
}

/// Asks the table for an item as it is now.
pub(super) fn item(id: &IndexId, shape: &Shape, item: &Item) -> Call {
    let keys = shape.table_keys_of(item);
    Call::Query(Box::new(Query { index: None, ..of_index(id, keys) }))
}

fn of_index(id: &IndexId, keys: Vec<(String, Value)>) -> Query {
    Query {
        table: id.table.clone(),
        index: Some(id.index.clone()),
        keys,
        matching: Vec::new(),
        attributes: Vec::new(),
        limit: None,
        after: None,
    }
}

/// Takes some items out of a part of the table.
pub(super) fn items(table: &TableName, segment: Segment, limit: u32, after: Option<Item>) -> Call {
    Call::Scan(Box::new(Scan {
        table: table.clone(),
        segment: Some(segment),
        attributes: Vec::new(),
        limit: Some(limit),
        after,
        form: PageForm::Items,
    }))
}
