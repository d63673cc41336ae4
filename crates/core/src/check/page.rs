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
            Some(other) if other != self.wanted.table.as_str() => {
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
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::call::Consumed;

    fn names() -> Vec<String> {
        ["pk", "num", "bin", "absent"].map(str::to_owned).to_vec()
    }

    static TABLE: LazyLock<TableName> = LazyLock::new(|| TableName::new("things").unwrap());

    fn wanted(names: &[String]) -> Wanted<'_> {
        Wanted { table: &TABLE, names, keys: 1 }
    }

    fn read(json: &str) -> Result<Rest, String> {
        read_json(json.as_bytes(), wanted(&names()), |_| {})
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
        let bare = Item::from([("pk".to_owned(), Value::N("1".to_owned()))]);
        let last_key = Item::from([("pk".to_owned(), Value::S("x".to_owned()))]);
        Page {
            items: vec![item, bare],
            last_key: Some(last_key),
            consumed: Some(Consumed { table: 12.5, indexes: [].into() }),
        }
    }

    const JSON: &str = r#"{
        "ConsumedCapacity": {"CapacityUnits": 13.0, "Table": {"CapacityUnits": 12.5}, "TableName": "things"},
        "Count": 2,
        "Items": [
            {"pk": {"S": "quote \" and \ud83d\ude00"}, "num": {"N": "1234"}, "bin": {"B": "AQIDBA=="},
             "nested": {"M": {"list": {"L": [{"S": "é"}, {"N": "-12.50"}]}}}, "flag": {"BOOL": true},
             "texts": {"SS": ["a", "bc"]}, "numbers": {"NS": ["1", "100"]}, "binaries": {"BS": ["AQ==", "AgM="]}},
            {"pk": {"N": "1"}}
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
        let names = names();
        read_page(&page(), &names, |row| read.push(shown(row)));
        let rest = rest_of(&page(), wanted(&names)).unwrap();
        let json = read_json(JSON.as_bytes(), wanted(&names), |row| from_json.push(shown(row)));
        assert_eq!(read, from_json);
        assert_eq!(json, Ok(rest.clone()));
        assert_eq!((rest.items, rest.units), (2, Some(12.5)));
        assert_eq!(read[0].0[1].as_deref(), Some("N(\"1234\") 3"));
        assert_eq!(read[1], (vec![Some("N(\"1\") 2".to_owned()), None, None, None], 4));
    }

    #[test]
    fn the_last_page_has_no_key_and_may_have_no_capacity() {
        let rest = read(r#"{"Items":[],"Count":0,"ScannedCount":0}"#);
        assert_eq!(rest, Ok(Rest::default()));
        let rest = read(
            r#"{"LastEvaluatedKey":null,"Items":[],"ConsumedCapacity":{"CapacityUnits":0.5}}"#,
        );
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
            let read = read(json);
            assert!(read.is_err_and(|e| e.contains("column")), "{json}");
        }
    }

    #[test]
    fn an_object_without_items_is_no_page_whatever_else_it_holds() {
        let error =
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oops"}"#;
        let portal = r#"{"login":"required"}"#;
        let counted = r#"{"Count":10,"ScannedCount":10}"#;
        for json in ["{}", error, portal, counted, r#"{"LastEvaluatedKey":{"pk":{"S":"x"}}}"#] {
            assert!(read(json).is_err_and(|e| e.contains("it holds no Items")), "{json}");
        }
        assert!(read(r#"{"Items":null}"#).is_err());
        assert!(read(r#"{"Items":[],"Items":[]}"#).is_err_and(|e| e.contains("twice")));
    }

    #[test]
    fn a_page_holds_as_many_items_as_it_counts() {
        let item = r#"{"pk":{"S":"x"}}"#;
        for counts in ["", r#","Count":1"#, r#","Count":1,"ScannedCount":1"#, r#","Count":null"#] {
            assert!(read(&format!(r#"{{"Items":[{item}]{counts}}}"#)).is_ok(), "{counts}");
        }
        for counts in [r#","Count":0"#, r#","Count":10"#, r#","Count":1,"ScannedCount":7"#] {
            let read = read(&format!(r#"{{"Items":[{item}]{counts}}}"#));
            assert!(read.is_err_and(|e| e.contains("and holds 1")), "{counts}");
        }
        for count in ["-1", "1.5", "\"1\"", "[]"] {
            assert!(read(&format!(r#"{{"Items":[{item}],"Count":{count}}}"#)).is_err(), "{count}");
        }
        assert!(read(r#"{"Count":10,"ScannedCount":10,"Items":[]}"#).is_err());
    }

    #[test]
    fn an_item_without_the_primary_key_is_none_of_the_table_in_either_form() {
        for item in [r#"{"id":{"S":"x"}}"#, r#"{"pk":{"NULL":true}}"#, r#"{"pk":{"L":[]}}"#, "{}"] {
            let json = format!(r#"{{"Items":[{{"pk":{{"S":"x"}}}},{item}]}}"#);
            assert!(read(&json).is_err_and(|e| e.contains(KEYLESS)), "{item}");
        }
        for value in [None, Some(Value::Null), Some(Value::L(Vec::new()))] {
            let item = value.map(|value| ("pk".to_owned(), value)).into_iter().collect();
            let page = Page { items: vec![item], ..Page::default() };
            assert_eq!(rest_of(&page, wanted(&names())), Err(KEYLESS.to_owned()));
        }
    }

    #[test]
    fn the_next_page_begins_behind_a_primary_key_of_the_table() {
        for key in [r#"{"id":{"S":"x"}}"#, r#"{"pk":{"S":"x"},"sk":{"S":"y"}}"#] {
            let json = format!(r#"{{"Items":[],"LastEvaluatedKey":{key}}}"#);
            assert!(read(&json).is_err_and(|e| e.contains(NO_KEY)), "{key}");
        }
        let other = [("id".to_owned(), Value::S("x".to_owned()))].into();
        let page = Page { last_key: Some(other), ..Page::default() };
        assert_eq!(rest_of(&page, wanted(&names())), Err(NO_KEY.to_owned()));
        // As DynamoDB's documentation has it, an empty one means the end.
        assert_eq!(read(r#"{"Items":[],"LastEvaluatedKey":{}}"#), Ok(Rest::default()));
    }

    #[test]
    fn a_page_whose_capacity_is_that_of_another_table_is_about_that_table() {
        let page = |table: &str| {
            read(&format!(r#"{{"Items":[],"ConsumedCapacity":{{"TableName":"{table}"}}}}"#))
        };
        assert_eq!(page("things"), Ok(Rest::default()));
        assert!(page("other").is_err_and(|e| e.contains("about another table")));
    }

    #[test]
    fn capacity_that_dynamodb_cannot_mean_counts_as_untold() {
        for units in ["-0.5", "-1e300", "1e300", "1025", "\"NaN\"", "null", "{}"] {
            let capacity = format!(r#"{{"CapacityUnits":{units}}}"#);
            let json = format!(r#"{{"Items":[],"ConsumedCapacity":{capacity}}}"#);
            assert_eq!(read(&json), Ok(Rest::default()), "{units}");
        }
        for units in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let consumed = Consumed { table: units, indexes: [].into() };
            let page = Page { consumed: Some(consumed), ..Page::default() };
            assert_eq!(rest_of(&page, wanted(&names())), Ok(Rest::default()), "{units}");
        }
    }
}
