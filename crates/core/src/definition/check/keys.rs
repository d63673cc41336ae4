//! Key schemas and the types of their attributes.

use std::collections::BTreeMap;

use super::FileChecker;
use crate::definition::limits::{MAX_ATTRIBUTE_NAME_BYTES, MAX_KEYS_OF_A_TYPE};
use crate::definition::node::{Node, Span};
use crate::definition::shape::{Field, Shape};
use crate::definition::source::{one_line, quoted};
use crate::definition::suggest::nearest;
use crate::definition::{KeyElement, KeyType, ScalarType};

const KEY: &str = "{ AttributeName: passenger_id, KeyType: HASH }";
const ATTRIBUTE: &str = "{ AttributeName: passenger_id, AttributeType: S }";
const NAME: Field = Field::required("AttributeName", "AttributeName: passenger_id");

const KEY_ELEMENT: Shape = Shape {
    name: "an element of KeySchema",
    example: KEY,
    fields: &[NAME, Field::required("KeyType", "KeyType: HASH")],
};

const ATTRIBUTE_DEFINITION: Shape = Shape {
    name: "an attribute definition",
    example: ATTRIBUTE,
    fields: &[NAME, Field::required("AttributeType", "AttributeType: S")],
};

/// A key schema as far as it could be read.
pub(super) struct Keys<'n> {
    /// The names of the attributes that have one.
    names: Vec<&'n str>,
    /// Where each name stands.
    pub(super) spans: Vec<Span>,
    /// True where every name could be read.
    names_are_whole: bool,
    /// The schema, where all of it could be read.
    pub(super) elements: Option<Vec<KeyElement>>,
}

/// One element of a key schema, as far as it could be read.
struct Part<'n> {
    name: Option<(&'n str, Span)>,
    key_type: Option<KeyType>,
    span: Span,
}

/// One attribute definition.
struct Attribute<'n> {
    name: &'n str,
    name_span: Span,
    scalar_type: ScalarType,
    type_span: Span,
}

impl FileChecker<'_> {
    pub(super) fn key_schema<'n>(&mut self, node: &'n Node) -> Option<Keys<'n>> {
        let items = self.reader.list(node, "KeySchema", "keys", &format!("KeySchema: [{KEY}]"))?;
        if items.is_empty() {
            let example = self.reader.text.example(KEY);
            let mistake = self.reader.mistake(&node.span, "KeySchema has no keys");
            mistake.help = Some(format!("an index has at least one HASH key: {example}"));
        }
        let parts: Vec<_> = items.iter().map(|item| self.key(item)).collect();
        self.repeated_names(&parts);
        self.order(node, &parts);
        let named: Vec<_> = parts.iter().filter_map(|part| part.name.clone()).collect();
        let element = |part: &Part<'_>| {
            let attribute_name = part.name.as_ref()?.0.to_owned();
            Some(KeyElement { attribute_name, key_type: part.key_type? })
        };
        Some(Keys {
            names_are_whole: named.len() == parts.len(),
            names: named.iter().map(|(name, _)| *name).collect(),
            spans: named.into_iter().map(|(_, span)| span).collect(),
            elements: parts.iter().map(element).collect(),
        })
    }

    fn key<'n>(&mut self, node: &'n Node) -> Part<'n> {
        let span = node.span.clone();
        let Some(fields) = self.reader.fields(node, &KEY_ELEMENT) else {
            return Part { name: None, key_type: None, span };
        };
        let name = fields.get("AttributeName").and_then(|name| self.attribute_name(name));
        let types = [("HASH", KeyType::Hash), ("RANGE", KeyType::Range)];
        let key_type = fields.get("KeyType");
        let key_type =
            key_type.and_then(|kind| self.reader.choice(kind, "KeyType", &types, key_type_meant));
        Part { name, key_type, span }
    }

    /// An attribute's name and where it stands.
    pub(super) fn attribute_name<'n>(&mut self, node: &'n Node) -> Option<(&'n str, Span)> {
        let name = self.reader.string(node, "the name of an attribute", "passenger_id")?;
        let (message, help) = match name.len() {
            0 => ("the name of an attribute is empty".to_owned(), "write its name"),
            1..=MAX_ATTRIBUTE_NAME_BYTES => return Some((name, node.span.clone())),
            _ => (
                format!("the name of an attribute has more than {MAX_ATTRIBUTE_NAME_BYTES} bytes"),
                "DynamoDB indexes no attribute with a longer name",
            ),
        };
        self.reader.mistake(&node.span, message).help = Some(help.to_owned());
        None
    }

    fn repeated_names(&mut self, parts: &[Part<'_>]) {
        let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
        for (name, span) in parts.iter().filter_map(|part| part.name.as_ref()) {
            match seen.get(name) {
                Some(first) => {
                    let message = format!("attribute {} is a key twice", quoted(name));
                    self.reader.repeated(span, first, message);
                }
                None => {
                    seen.insert(name, span);
                }
            }
        }
    }

    /// One to four HASH, then none to four RANGE. Says nothing where a type
    /// could not be read.
    fn order(&mut self, node: &Node, parts: &[Part<'_>]) {
        let typed: Option<Vec<_>> = parts.iter().map(|part| Some((part.key_type?, part))).collect();
        let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
            return;
        };
        for (kind, word) in [(KeyType::Hash, "HASH"), (KeyType::Range, "RANGE")] {
            let mut same = typed.iter().filter(|(key_type, _)| *key_type == kind);
            if let Some((_, fifth)) = same.nth(MAX_KEYS_OF_A_TYPE) {
                let message = format!("KeySchema has more than {MAX_KEYS_OF_A_TYPE} {word} keys");
                let help = format!(
                    "an index has at most {MAX_KEYS_OF_A_TYPE} HASH and {MAX_KEYS_OF_A_TYPE} RANGE keys"
                );
                self.reader.mistake(&fifth.span, message).help = Some(help);
            }
        }
        let range = typed.iter().position(|(key_type, _)| *key_type == KeyType::Range);
        let last_hash = typed.iter().rposition(|(key_type, _)| *key_type == KeyType::Hash);
        match (range, last_hash) {
            (_, None) => {
                let mistake = self.reader.mistake(&node.span, "KeySchema has no HASH key");
                mistake.help =
                    Some("the first key of an index is its partition key: KeyType HASH".to_owned());
            }
            (Some(range), Some(hash)) if range < hash => {
                let span = &typed[range].1.span;
                let mistake = self.reader.mistake(span, "a RANGE key stands before a HASH key");
                mistake.help = Some("put all HASH keys first, then the RANGE keys".to_owned());
            }
            _ => {}
        }
    }

    /// The types that the definition states. A type that the table's other
    /// definitions contradict is reported here.
    pub(super) fn attributes(
        &mut self,
        table: &str,
        node: Option<&Node>,
        keys: Option<&Keys<'_>>,
    ) -> BTreeMap<String, ScalarType> {
        let mut stated: BTreeMap<&str, Attribute<'_>> = BTreeMap::new();
        let list = format!("AttributeDefinitions: [{ATTRIBUTE}]");
        let items = node
            .and_then(|node| self.reader.list(node, "AttributeDefinitions", "attributes", &list));
        for item in items.unwrap_or_default() {
            let Some(attribute) = self.attribute(item, keys) else {
                continue;
            };
            if let Some(first) = stated.get(attribute.name) {
                self.repeated_attribute(first, &attribute);
                continue;
            }
            self.same_type_in_table(table, &attribute);
            stated.insert(attribute.name, attribute);
        }
        stated.into_values().map(|a| (a.name.to_owned(), a.scalar_type)).collect()
    }

    /// One attribute definition that is of use.
    fn attribute<'n>(&mut self, node: &'n Node, keys: Option<&Keys<'_>>) -> Option<Attribute<'n>> {
        let fields = self.reader.fields(node, &ATTRIBUTE_DEFINITION)?;
        let name = fields.get("AttributeName").and_then(|name| self.attribute_name(name));
        let types = [("S", ScalarType::S), ("N", ScalarType::N), ("B", ScalarType::B)];
        let type_node = fields.get("AttributeType");
        let scalar_type =
            type_node.and_then(|t| self.reader.choice(t, "AttributeType", &types, type_meant));
        let (name, name_span) = name?;
        if let Some(keys) = keys.filter(|keys| keys.names_are_whole)
            && !keys.names.contains(&name)
        {
            self.no_key(name, &name_span, keys);
            return None;
        }
        let type_span = type_node?.span.clone();
        Some(Attribute { name, name_span, scalar_type: scalar_type?, type_span })
    }

    fn no_key(&mut self, name: &str, span: &Span, keys: &Keys<'_>) {
        let message = format!("attribute {} is not a key of this index", quoted(name));
        let help = match nearest(name, &keys.names) {
            Some(key) => format!("did you mean {}?", one_line(key)),
            None => "define the types of its keys only; other attributes have no type".to_owned(),
        };
        self.reader.mistake(span, message).help = Some(help);
    }

    fn repeated_attribute(&mut self, first: &Attribute<'_>, second: &Attribute<'_>) {
        let name = quoted(second.name);
        let (above, here) = (first.scalar_type, second.scalar_type);
        if above == here {
            let message = format!("attribute {name} is defined twice");
            self.reader.repeated(&second.name_span, &first.name_span, message);
        } else {
            let message = format!("attribute {name} is {here:?} here and {above:?} above");
            self.reader.repeated(&second.type_span, &first.type_span, message);
        }
    }

    fn same_type_in_table(&mut self, table: &str, attribute: &Attribute<'_>) {
        let &Attribute { name, scalar_type, ref type_span, .. } = attribute;
        let place = self.reader.text.place(type_span.start);
        let known = &mut self.known_table(table).types;
        let Some((first_type, first)) = known.get(name).cloned() else {
            known.insert(name.to_owned(), (scalar_type, place));
            return;
        };
        if first_type != scalar_type {
            let message = format!(
                "attribute {} is {scalar_type:?} here and {first_type:?} in another index of table {}",
                quoted(name),
                quoted(table)
            );
            let mistake = self.reader.mistake(type_span, message);
            mistake.help = Some("an attribute has one type in all indexes of a table".to_owned());
            mistake.related = Some((first, format!("{first_type:?} here")));
        }
    }
}

fn key_type_meant(text: &str) -> Option<&'static str> {
    match text {
        "partition" | "partition_key" | "partitionkey" | "primary" | "pk" | "hash_key" => {
            Some("HASH")
        }
        "sort" | "sort_key" | "sortkey" | "sk" | "range_key" => Some("RANGE"),
        _ => None,
    }
}

fn type_meant(text: &str) -> Option<&'static str> {
    match text {
        "s" | "str" | "string" | "text" => Some("S"),
        "n" | "num" | "number" | "int" | "integer" | "float" => Some("N"),
        "b" | "bin" | "binary" | "bytes" | "blob" => Some("B"),
        _ => None,
    }
}
