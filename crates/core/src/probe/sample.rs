//! An item of the base table against what an index should hold of it.

use std::collections::BTreeSet;

use crate::call::{Item, Value};
use crate::definition::{KeyElement, Projection, ScalarType};
use crate::index_key::{Fault, KeyValue, longest};

/// The keys of an index and of its table, with what else it holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// In order; HASH attributes first.
    pub(super) keys: Vec<(KeyElement, ScalarType)>,
    pub(super) table_keys: Vec<String>,
    pub(super) projection: Projection,
}

/// Whether an item belongs in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It carries the keys.
    Carries,
    /// It lacks a key attribute, and is left out: a sparse index, and fine.
    Sparse,
    /// It has the key attributes and cannot be in the index: why.
    Impossible(String),
}

impl Shape {
    pub(super) fn fit(&self, item: &Item) -> Fit {
        let missing = |(key, _): &(KeyElement, _)| !item.contains_key(&key.attribute_name);
        if self.keys.iter().any(missing) {
            return Fit::Sparse;
        }
        let problem = |(key, scalar): &(KeyElement, ScalarType)| {
            problem(key, *scalar, item.get(&key.attribute_name)?)
        };
        self.keys.iter().find_map(problem).map_or(Fit::Carries, Fit::Impossible)
    }

    /// The index's keys of an item that carries them.
    pub(super) fn keys_of(&self, item: &Item) -> Vec<(String, Value)> {
        pairs(item, self.keys.iter().map(|(key, _)| &key.attribute_name))
    }

    /// The table's keys that are none of the index: with the index's own they
    /// tell items of one key apart.
    pub(super) fn further_keys_of(&self, item: &Item) -> Vec<(String, Value)> {
        let of_index = |name: &&String| self.keys.iter().any(|(k, _)| k.attribute_name == **name);
        pairs(item, self.table_keys.iter().filter(|name| !of_index(name)))
    }

    pub(super) fn table_keys_of(&self, item: &Item) -> Vec<(String, Value)> {
        pairs(item, &self.table_keys)
    }

    /// Every item of a table has them, and every entry of its indexes.
    pub(super) fn has_table_keys(&self, item: &Item) -> bool {
        self.table_keys.iter().all(|name| item.contains_key(name))
    }

    /// What the index should hold of an item.
    pub(super) fn copy_of(&self, item: &Item) -> Item {
        let included = match &self.projection {
            Projection::All => return item.clone(),
            Projection::KeysOnly => None,
            Projection::Include { non_key_attributes } => Some(non_key_attributes),
        };
        let keys = self.keys.iter().map(|(key, _)| &key.attribute_name).chain(&self.table_keys);
        pairs(item, keys.chain(included.into_iter().flatten())).into_iter().collect()
    }
}

fn pairs<'a>(item: &Item, names: impl IntoIterator<Item = &'a String>) -> Vec<(String, Value)> {
    let pair = |name: &String| Some((name.clone(), item.get(name)?.clone()));
    names.into_iter().filter_map(pair).collect()
}

/// Why a value cannot be a key of the index.
fn problem(key: &KeyElement, wanted: ScalarType, value: &Value) -> Option<String> {
    let (name, bytes) = (&key.attribute_name, value.size());
    let found = value.type_name();
    match KeyValue::from(value).fault(key.key_type, wanted, bytes)? {
        Fault::WrongType | Fault::Null => {
            Some(format!("attribute {name} is {found}, the index wants {wanted:?}"))
        }
        Fault::Empty => Some(format!("attribute {name} is empty")),
        Fault::TooLong | Fault::TooLongTogether => {
            let longest = longest(key.key_type);
            Some(format!("attribute {name} has {bytes} bytes, a key of an index at most {longest}"))
        }
        Fault::NumberOutOfRange => Some(format!("attribute {name} is out of DynamoDB's range")),
    }
}

/// The attributes in which two items differ.
pub(super) fn differing(one: &Item, other: &Item) -> Vec<String> {
    let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::KeyType;

    fn shape(projection: Projection) -> Shape {
        let key = |name: &str, key_type, scalar| {
            (KeyElement { attribute_name: name.to_owned(), key_type }, scalar)
        };
        Shape {
            keys: vec![
                key("num", KeyType::Hash, ScalarType::N),
                key("txt", KeyType::Range, ScalarType::S),
            ],
            table_keys: vec!["pk".to_owned(), "txt".to_owned()],
            projection,
        }
    }

    fn item(num: Option<Value>, txt: &str) -> Item {
        let mut item = Item::from([
            ("pk".to_owned(), Value::S("1".to_owned())),
            ("txt".to_owned(), Value::S(txt.to_owned())),
            ("more".to_owned(), Value::Bool(true)),
            ("most".to_owned(), Value::Null),
        ]);
        item.extend(num.map(|value| ("num".to_owned(), value)));
        item
    }

    fn number() -> Option<Value> {
        Some(Value::N("7".to_owned()))
    }

    #[test]
    fn an_item_without_a_key_is_sparse_and_one_with_a_wrong_key_impossible() {
        let long = "x".repeat(1_025);
        let cases = [
            (number(), "a", Fit::Carries),
            (None, "a", Fit::Sparse),
            (None, "", Fit::Sparse),
            (number(), "", Fit::Impossible("attribute txt is empty".to_owned())),
            (
                number(),
                &long,
                Fit::Impossible(
                    "attribute txt has 1025 bytes, a key of an index at most 1024".to_owned(),
                ),
            ),
            (
                Some(Value::Null),
                "a",
                Fit::Impossible("attribute num is NULL, the index wants N".to_owned()),
            ),
        ];
        for (num, txt, fit) in cases {
            assert_eq!(shape(Projection::All).fit(&item(num, txt)), fit);
        }
    }

    #[test]
    fn a_copy_holds_the_keys_of_both_and_what_is_projected() {
        let names = |projection| -> Vec<String> {
            shape(projection).copy_of(&item(number(), "a")).into_keys().collect()
        };
        assert_eq!(names(Projection::All), ["more", "most", "num", "pk", "txt"]);
        assert_eq!(names(Projection::KeysOnly), ["num", "pk", "txt"]);
        let non_key_attributes = ["more", "not there"].map(str::to_owned).into();
        let include = Projection::Include { non_key_attributes };
        assert_eq!(names(include), ["more", "num", "pk", "txt"]);
    }

    #[test]
    fn a_key_of_both_is_not_asked_for_twice() {
        let further = shape(Projection::All).further_keys_of(&item(number(), "a"));
        assert_eq!(further, [("pk".to_owned(), Value::S("1".to_owned()))]);
    }
}
