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

use crate::attribute::{CONTAINER_BYTES, ELEMENT_BYTES, base64_bytes, key_from_json, number_size};
use crate::call::{Item, Page};
use crate::index_key::KeyValue;

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
    /// Capacity units of the table, where the service says so.
    pub(super) units: Option<f64>,
}

/// Hands each item of a page to `each`; `names` are the attributes to look for.
pub(super) fn read_page(page: &Page, names: &[String], mut each: impl FnMut(&Row<'_>)) -> Rest {
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
    rest_of(page)
}

/// What a page that was read already says beside its items.
pub(super) fn rest_of(page: &Page) -> Rest {
    Rest {
        items: page.items.len() as u64,
        last_key: page.last_key.clone(),
        units: page.consumed.as_ref().map(|consumed| consumed.table),
    }
}

/// The same of a page in DynamoDB's JSON.
///
/// # Errors
/// The text of what is no such page. Items before the place were handed over.
pub(super) fn read_json(
    json: &[u8],
    names: &[String],
    each: impl FnMut(&Row<'_>),
) -> Result<Rest, String> {
    // As a whole this is a fraction of what it takes text by text.
    let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let rest = PageSeed { names, each }.deserialize(&mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok(rest)
}

struct PageSeed<'n, F> {
    names: &'n [String],
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

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Rest, A::Error> {
        let mut rest = Rest::default();
        while let Some(field) = map.next_key_seed(TextSeed)? {
            match field.as_ref() {
                "Items" => {
                    rest.items =
                        map.next_value_seed(Items { names: self.names, each: &mut self.each })?;
                }
                "LastEvaluatedKey" => {
                    let key: Option<serde_json::Value> = map.next_value()?;
                    let read = |key| {
                        key_from_json(&key).ok_or_else(|| A::Error::custom("no LastEvaluatedKey"))
                    };
                    rest.last_key = key.map(read).transpose()?;
                }
                "ConsumedCapacity" => rest.units = units(&map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(rest)
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
    names: &'n [String],
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
        while items.next_element_seed(RowSeed { names: self.names, row: &mut row })?.is_some() {
            (self.each)(&row);
            count += 1;
        }
        Ok(count)
    }
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
mod tests {
    use super::*;
    use crate::call::{Consumed, Value};

    fn names() -> Vec<String> {
        ["pk", "num", "bin", "absent"].map(str::to_owned).to_vec()
    }

    fn page() -> Page {
        let nested = Value::M(
            [(
                "list".to_owned(),
                Value::L(vec![Value::S("é".to_owned()), Value::N("-12.50".to_owned())]),
            )]
            .into(),
        );
        let item = Item::from([
            ("pk".to_owned(), Value::S("quote \" and \u{1F600}".to_owned())),
            ("num".to_owned(), Value::N("1234".to_owned())),
            ("bin".to_owned(), Value::B(vec![1, 2, 3, 4])),
            ("nested".to_owned(), nested),
            ("flag".to_owned(), Value::Bool(true)),
            ("texts".to_owned(), Value::Ss(["a".to_owned(), "bc".to_owned()].into())),
            ("numbers".to_owned(), Value::Ns(["1".to_owned(), "100".to_owned()].into())),
            ("binaries".to_owned(), Value::Bs([vec![1], vec![2, 3]].into())),
        ]);
        let bare = Item::from([("pk".to_owned(), Value::Null)]);
        let last_key = Item::from([("pk".to_owned(), Value::S("x".to_owned()))]);
        Page {
            items: vec![item, bare],
            last_key: Some(last_key),
            consumed: Some(Consumed { table: 12.5, indexes: [].into() }),
        }
    }

    const JSON: &str = r#"{
        "ConsumedCapacity": {"CapacityUnits": 13.0, "Table": {"CapacityUnits": 12.5}, "TableName": "t"},
        "Count": 2,
        "Items": [
            {"pk": {"S": "quote \" and \ud83d\ude00"}, "num": {"N": "1234"}, "bin": {"B": "AQIDBA=="},
             "nested": {"M": {"list": {"L": [{"S": "é"}, {"N": "-12.50"}]}}}, "flag": {"BOOL": true},
             "texts": {"SS": ["a", "bc"]}, "numbers": {"NS": ["1", "100"]}, "binaries": {"BS": ["AQ==", "AgM="]}},
            {"pk": {"NULL": true}}
        ],
        "LastEvaluatedKey": {"pk": {"S": "x"}},
        "New": [{"of": "tomorrow"}]
    }"#;

    /// The cells of each item as text, and its size.
    fn shown(row: &Row<'_>) -> (Vec<Option<String>>, usize) {
        let text = |cell: &Cell<'_>| format!("{:?} {}", cell.value, cell.bytes);
        (row.cells.iter().map(|cell| cell.as_ref().map(text)).collect(), row.bytes)
    }

    #[test]
    fn a_page_says_the_same_in_both_forms() {
        let (mut read, mut from_json) = (Vec::new(), Vec::new());
        let rest = read_page(&page(), &names(), |row| read.push(shown(row)));
        let json = read_json(JSON.as_bytes(), &names(), |row| from_json.push(shown(row)));
        assert_eq!(read, from_json);
        assert_eq!(json, Ok(rest.clone()));
        assert_eq!((rest.items, rest.units), (2, Some(12.5)));
        assert_eq!(read[0].0[1].as_deref(), Some("N(\"1234\") 3"));
        assert_eq!(read[1], (vec![Some("Other(\"NULL\") 1".to_owned()), None, None, None], 3));
    }

    #[test]
    fn the_last_page_has_no_key_and_may_have_no_capacity() {
        let rest = read_json(br#"{"Items":[],"Count":0,"ScannedCount":0}"#, &names(), |_| {});
        assert_eq!(rest, Ok(Rest::default()));
        let null =
            br#"{"LastEvaluatedKey":null,"Items":[],"ConsumedCapacity":{"CapacityUnits":0.5}}"#;
        let rest = read_json(null, &names(), |_| {});
        assert_eq!(rest, Ok(Rest { units: Some(0.5), ..Rest::default() }));
    }

    #[test]
    fn what_is_no_page_is_refused_with_its_place() {
        let broken = [
            "",
            "[]",
            "{",
            r#"{"Items": 1}"#,
            r#"{"Items": [1]}"#,
            r#"{"Items": [{"pk": "x"}]}"#,
            r#"{"Items": [{"pk": {}}]}"#,
            r#"{"Items": [{"pk": {"X": 1}}]}"#,
            r#"{"Items": [{"pk": {"S": 1}}]}"#,
            r#"{"LastEvaluatedKey": {"pk": {"L": []}}}"#,
            r#"{"Items": []} more"#,
        ];
        for json in broken {
            let read = read_json(json.as_bytes(), &names(), |_| {});
            assert!(read.is_err_and(|e| e.contains("column")), "{json}");
        }
    }
}
