//! A page of a Scan, read without copying: the attributes that are asked for, and
//! the size of the rest.
//!
//! Most of what a check takes in time is spent here, so that a page in DynamoDB's
//! JSON is walked through once and no item is ever built.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::answer::believable_units;
use crate::attribute::{CONTAINER_BYTES, ELEMENT_BYTES, base64_bytes, key_from_json, number_size};
use crate::call::{Item, Page, Value};
use crate::index_key::KeyValue;
use crate::name::TableName;

/// An attribute of an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell<'a> {
    pub(super) value: KeyValue<'a>,
    /// Without its name.
    pub(super) bytes: usize,
}

/// An item, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Row<'a> {
    /// One for each attribute that is looked for, in their order.
    pub(super) cells: Vec<Option<Cell<'a>>>,
    /// The size of all that was read, names included.
    pub(super) bytes: usize,
}

/// What a page says beside its items.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rest {
    /// Items that were read.
    pub(super) items: u64,
    /// Where the next page begins.
    pub(super) last_key: Option<Item>,
    /// Capacity units of the table, where the service says what it can mean.
    pub(super) units: Option<f64>,
}

/// The page of one table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'n> {
    pub(super) table: &'n TableName,
    /// The attributes to look for; the table's keys first.
    pub(super) names: &'n [String],
    /// How many of them are the table's keys.
    pub(super) keys: usize,
}

impl<'n> Wanted<'n> {
    fn keys(&self) -> &'n [String] {
        &self.names[..self.keys]
    }

    /// Whether it is the key of an item of the table.
    fn is_key(&self, key: &Item) -> bool {
        key.len() == self.keys && self.keys().iter().all(|name| key.contains_key(name))
    }
}

const KEYLESS: &str = "it holds an item without the primary key of the table";
const NO_KEY: &str = "its LastEvaluatedKey is no primary key of the table";

/// Hands each item of a page to `each`. The page was held to its table's demands by
/// [`rest_of`].
pub(super) fn read_page(page: &Page, names: &[String], mut each: impl FnMut(&Row<'_>)) {
    let mut row = Row::default();
    for item in &page.items {
        let cell = |name: &String| {
            let value = item.get(name)?;
            Some(Cell { value: KeyValue::from(value), bytes: value.size() })
        };
        row.cells.clear();
        row.cells.extend(names.iter().map(cell));
        row.bytes = item.iter().map(|(name, value)| name.len() + value.size()).sum();
        each(&row);
    }
}

/// What a page that was read already says beside its items.
///
/// # Errors
/// Why it is no page of the table.
pub(super) fn rest_of(page: &Page, wanted: Wanted<'_>) -> Result<Rest, String> {
    let is_scalar = |value: &Value| matches!(value, Value::S(_) | Value::N(_) | Value::B(_));
    let has = |item: &Item, name: &String| item.get(name).is_some_and(is_scalar);
    if !page.items.iter().all(|item| wanted.keys().iter().all(|name| has(item, name))) {
        return Err(KEYLESS.to_owned());
    }
    if page.last_key.as_ref().is_some_and(|key| !wanted.is_key(key)) {
        return Err(NO_KEY.to_owned());
    }
    let units = page.consumed.as_ref().map(|consumed| consumed.table);
    Ok(Rest {
        items: page.items.len() as u64,
        last_key: page.last_key.clone(),
        units: units.and_then(believable_units),
    })
}

/// The same of a page in DynamoDB's JSON.
///
/// # Errors
/// The text of what is no such page. Items before the place were handed over.
pub(super) fn read_json(
    json: &[u8],
    wanted: Wanted<'_>,
    each: impl FnMut(&Row<'_>),
) -> Result<Rest, String> {
    // As a whole this is a fraction of what it takes text by text.
    let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let rest = PageSeed { wanted, each }.deserialize(&mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok(rest)
}

struct PageSeed<'n, F> {
    wanted: Wanted<'n>,
    each: F,
}

impl<'de, F: FnMut(&Row<'_>)> DeserializeSeed<'de> for PageSeed<'_, F> {
    type Value = Rest;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Rest, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&Row<'_>)> Visitor<'de> for PageSeed<'_, F> {
    type Value = Rest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer to a Scan")
    }

    /// Fields that are not known are newer than this program. A JSON object without
    /// `Items` is none of DynamoDB's pages, whatever else it holds: an error, or what the
    /// log-in page of a network answers in its place.
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Rest, A::Error> {
        let (mut items, mut last_key, mut units) = (None, None, None);
        let (mut count, mut scanned) = (None, None);
        while let Some(field) = map.next_key_seed(TextSeed)? {
            match field.as_ref() {
                "Items" if items.is_some() => {
                    return Err(A::Error::custom("it holds Items twice"));
                }
                "Items" => {
                    items =
                        Some(map.next_value_seed(Items {
                            wanted: self.wanted,
                            each: &mut self.each,
                        })?);
                }
                "Count" => count = map.next_value::<Option<u64>>()?,
                "ScannedCount" => scanned = map.next_value::<Option<u64>>()?,
                "LastEvaluatedKey" => last_key = self.last_key(map.next_value()?)?,
                "ConsumedCapacity" => units = self.units(&map.next_value()?)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let items = items.ok_or_else(|| A::Error::custom("it holds no Items"))?;
        // Nothing is filtered, so that all that was scanned has to be there.
        if let Some(told) = [count, scanned].into_iter().flatten().find(|told| *told != items) {
            let text = format!("it counts {told} items and holds {items}");
            return Err(A::Error::custom(text));
        }
        Ok(Rest { items, last_key, units })
    }
}

impl<F> PageSeed<'_, F> {
    /// An empty one says, like none, that this was the last page.
    fn last_key<E: serde::de::Error>(
        &self,
        key: Option<serde_json::Value>,
    ) -> Result<Option<Item>, E> {
        let Some(key) = key else {
            return Ok(None);
        };
        let key = key_from_json(&key).ok_or_else(|| E::custom(NO_KEY))?;
        if key.is_empty() {
            return Ok(None);
        }
        if self.wanted.is_key(&key) { Ok(Some(key)) } else { Err(E::custom(NO_KEY)) }
    }

    fn units<E: serde::de::Error>(&self, consumed: &serde_json::Value) -> Result<Option<f64>, E> {
        match consumed.get("TableName").and_then(serde_json::Value::as_str) {
            Some(other) if !self.wanted.table.is_told_as(other) => {
                Err(E::custom("it is about another table"))
            }
            _ => Ok(units(consumed).and_then(believable_units)),
        }
    }
}

/// The units of the table; DynamoDB tells them apart from the sum where it was
/// asked for INDEXES.
fn units(consumed: &serde_json::Value) -> Option<f64> {
    let of_table = consumed.pointer("/Table/CapacityUnits");
    of_table.or(consumed.get("CapacityUnits"))?.as_f64()
}

/// Hands over each item and counts them.
struct Items<'n, 'f, F> {
    wanted: Wanted<'n>,
    each: &'f mut F,
}

impl<'de, F: FnMut(&Row<'_>)> DeserializeSeed<'de> for Items<'_, '_, F> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<u64, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&Row<'_>)> Visitor<'de> for Items<'_, '_, F> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut row = Row::default();
        let mut count = 0;
        let Wanted { names, keys, .. } = self.wanted;
        while items.next_element_seed(RowSeed { names, row: &mut row })?.is_some() {
            if !row.cells[..keys].iter().all(is_of_key) {
                return Err(A::Error::custom(KEYLESS));
            }
            (self.each)(&row);
            count += 1;
        }
        Ok(count)
    }
}

/// Whether an attribute of a primary key is there, of a type that it can have.
fn is_of_key(cell: &Option<Cell<'_>>) -> bool {
    cell.as_ref().is_some_and(|cell| !matches!(cell.value, KeyValue::Other(_)))
}

/// Reads an item into a row that was used before.
struct RowSeed<'n, 'r, 'de> {
    names: &'n [String],
    row: &'r mut Row<'de>,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.row.cells.clear();
        self.row.cells.resize(self.names.len(), None);
        self.row.bytes = 0;
        while let Some(name) = map.next_key_seed(TextSeed)? {
            let cell = map.next_value_seed(CellSeed)?;
            self.row.bytes += name.len() + cell.bytes;
            if let Some(at) = self.names.iter().position(|wanted| *wanted == name) {
                self.row.cells[at] = Some(cell);
            }
        }
        Ok(())
    }
}

/// A text, borrowed where it has no escapes.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A value with its type: `{"S":"x"}`.
struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut cell = None;
        while let Some(name) = map.next_key_seed(TextSeed)? {
            cell = Some(typed(&name, &mut map)?);
        }
        cell.ok_or_else(|| A::Error::custom("a value without a type"))
    }
}

fn typed<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Cell<'de>, A::Error> {
    let other = |name, bytes| Cell { value: KeyValue::Other(name), bytes };
    Ok(match name {
        "S" => {
            let text = map.next_value_seed(TextSeed)?;
            Cell { bytes: text.len(), value: KeyValue::S(text) }
        }
        "N" => {
            let number = map.next_value_seed(TextSeed)?;
            Cell { bytes: number_size(&number), value: KeyValue::N(number) }
        }
        "B" => {
            let text = map.next_value_seed(TextSeed)?;
            let bytes = base64_bytes(&text);
            Cell { bytes, value: KeyValue::B(text, bytes) }
        }
        "NULL" | "BOOL" => {
            map.next_value::<IgnoredAny>()?;
            other(if name == "NULL" { "NULL" } else { "BOOL" }, 1)
        }
        "SS" => other("SS", map.next_value_seed(Texts(str::len))?),
        "NS" => other("NS", map.next_value_seed(Texts(number_size))?),
        "BS" => other("BS", map.next_value_seed(Texts(base64_bytes))?),
        "L" => other("L", map.next_value_seed(Elements)?),
        "M" => other("M", map.next_value_seed(Elements)?),
        _ => {
            let text = format!("there is no type {name:?}");
            return Err(A::Error::custom(text));
        }
    })
}

/// The size of a set.
struct Texts(fn(&str) -> usize);

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<usize, A::Error> {
        let mut bytes = 0;
        while let Some(text) = texts.next_element_seed(TextSeed)? {
            bytes += (self.0)(&text);
        }
        Ok(bytes)
    }
}

/// The size of a list or a map.
struct Elements;

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<usize, A::Error> {
        let mut bytes = CONTAINER_BYTES;
        while let Some(cell) = values.next_element_seed(CellSeed)? {
            bytes += ELEMENT_BYTES + cell.bytes;
        }
        Ok(bytes)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<usize, A::Error> {
        let mut bytes = CONTAINER_BYTES;
        while let Some(name) = values.next_key_seed(TextSeed)? {
            bytes += ELEMENT_BYTES + name.len() + values.next_value_seed(CellSeed)?.bytes;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
