//! Lists of indexes in the words of other tools.

use super::super::node::{Entry, Node};
use super::terraform::{WORDS, is_index};
use super::{Foreign, has_any, map, maps, or_export};

/// AWS's own fields. Where one of them is used the file is meant as definitions, and
/// what else stands there is a slip of its own.
const AWS: [&str; 4] = ["IndexName", "KeySchema", "Projection", "AttributeDefinitions"];
const CAMEL: [&str; 2] = ["indexName", "keySchema"];
const TERRAFORM: [&str; 4] = ["hash_key", "hashKey", "range_key", "rangeKey"];

pub(super) fn recognise(entries: &[Entry]) -> Option<Foreign> {
    let table = entries.iter().find(|found| maps(&found.value).next().is_some())?;
    let all: Vec<_> = entries.iter().flat_map(|found| maps(&found.value)).collect();
    of(&all, Some(&table.key.text))
}

/// A list that is the whole file.
pub(super) fn of_list(items: &[Node]) -> Option<Foreign> {
    let all: Vec<_> = items.iter().filter_map(map).collect();
    of(&all, None)
}

fn of(indexes: &[&[Entry]], table: Option<&str>) -> Option<Foreign> {
    let sign = indexes.first()?.first()?;
    if indexes.iter().any(|index| has_any(index, &AWS)) {
        return None;
    }
    if indexes.iter().all(|index| CAMEL.iter().all(|word| has_any(index, &[word]))) {
        let part = "write AWS's words: indexName is IndexName there, keySchema is KeySchema, and so \
                    on, with a capital letter in front";
        let shape = "a list of indexes in camelCase, as Kubernetes resources (ACK) have it";
        return Some(Foreign::new(sign, shape, or_export(part, table)));
    }
    let keyed = indexes.iter().any(|index| has_any(index, &TERRAFORM));
    if keyed && indexes.iter().all(|index| is_index(index)) {
        let part = format!("write AWS's words: {WORDS}");
        let shape = "a list of indexes in Terraform's words";
        return Some(Foreign::new(sign, shape, or_export(&part, table)));
    }
    None
}
