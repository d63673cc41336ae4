//! The items of a table, in memory: in the order in which DynamoDB would scan them, by the
//! hash of the partition key and then by sort key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::index::KeyPart;

pub(crate) mod expression;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod size;
pub(crate) mod write;

/// An item, as DynamoDB's JSON has it: attribute to `{ "S": "text" }`.
pub(crate) type StoredItem = Map<String, Value>;

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    /// Decides its segment.
    pub(crate) hash: u32,
    partition: SortValue,
    sort: Option<SortValue>,
}

/// A value of a key, in DynamoDB's order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SortValue {
    Number(SortNumber),
    Bytes(Vec<u8>),
}

/// A number, as near as a double comes. (DynamoDB keeps 38 digits; the tests' fit.)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SortNumber(f64);

impl Eq for SortNumber {}

impl PartialOrd for SortNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The type of a value and its text: `{ "S": "text" }`.
pub(crate) fn typed(value: &Value) -> Option<(&str, &Value)> {
    let (scalar, value) = value.as_object()?.iter().next()?;
    Some((scalar, value))
}

impl SortValue {
    /// `None` where it is no value that a key can have.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let (scalar, value) = typed(value)?;
        let text = value.as_str()?;
        match scalar {
            "N" => text.parse().ok().map(|number| Self::Number(SortNumber(number))),
            // Base64 keeps neither order nor is that ever asked for.
            "S" | "B" => Some(Self::Bytes(text.as_bytes().to_vec())),
            _ => None,
        }
    }
}

impl ItemKey {
    /// `None` where the item lacks a key attribute.
    pub(crate) fn of(item: &StoredItem, keys: &[KeyPart]) -> Option<Self> {
        let value = |role: &str| {
            let key = keys.iter().find(|key| key.role == role)?;
            Some(item.get(&key.name))
        };
        let partition = value("HASH")??;
        let sort = match value("RANGE") {
            Some(value) => Some(SortValue::of(value?)?),
            None => None,
        };
        let hash = crc32fast::hash(partition.to_string().as_bytes());
        Some(Self { hash, partition: SortValue::of(partition)?, sort })
    }
}

/// A table's items.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemStore {
    pub(crate) items: BTreeMap<ItemKey, StoredItem>,
}

impl ItemStore {
    pub(crate) fn put(&mut self, keys: &[KeyPart], item: StoredItem) {
        if let Some(key) = ItemKey::of(&item, keys) {
            self.items.insert(key, item);
        }
    }

    /// How many, and how many bytes.
    pub(crate) fn count(&self) -> (u64, u64) {
        let bytes = self.items.values().map(size::of_item).sum::<usize>();
        (self.items.len() as u64, bytes as u64)
    }
}
