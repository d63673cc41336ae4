//! What a check has to find, found once more the slow way, on whole items.

use std::collections::BTreeMap;

use gsictl_core::call::{Item, Value};
use gsictl_core::check::Counts;
use gsictl_core::definition::{IndexDefinition, KeyType, ScalarType};

/// What is expected of one index.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    pub(super) counts: Counts,
    /// By attribute and the fault's word.
    pub(super) faults: BTreeMap<(String, String), u64>,
    /// Item (as its `pk` is written), attribute, fault, type, bytes; sorted.
    pub(super) violations: Vec<(String, String, String, String, u64)>,
}

pub(super) fn expected<'i>(
    definition: &IndexDefinition,
    items: impl Iterator<Item = &'i Item>,
) -> Expected {
    let mut expected = Expected::default();
    for item in items {
        let faults = faults(definition, item);
        let keys = || definition.key_schema.iter().map(|key| &key.attribute_name);
        let count = if !faults.is_empty() {
            &mut expected.counts.violating
        } else if keys().all(|name| item.contains_key(name)) {
            &mut expected.counts.included
        } else {
            &mut expected.counts.sparse
        };
        *count += 1;
        for (attribute, fault, found, bytes) in faults {
            *expected.faults.entry((attribute.clone(), fault.to_owned())).or_default() += 1;
            let key = item["pk"].key_json().to_string();
            expected.violations.push((key, attribute, fault.to_owned(), found, bytes));
        }
    }
    expected.violations.sort_unstable();
    expected
}

type Faulty = (String, &'static str, String, u64);

fn faults(definition: &IndexDefinition, item: &Item) -> Vec<Faulty> {
    let mut faults = Vec::new();
    for key in &definition.key_schema {
        let name = &key.attribute_name;
        let Some(value) = item.get(name) else { continue };
        if let Some(fault) = fault(value, definition.attributes[name], most(key.key_type)) {
            let (found, bytes) = (value.type_name().to_owned(), value.size() as u64);
            faults.push((name.clone(), fault, found, bytes));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    for key_type in [KeyType::Hash, KeyType::Range] {
        let of_type = definition.key_schema.iter().filter(|key| key.key_type == key_type);
        let all: Vec<_> = of_type.map(|key| key.attribute_name.as_str()).collect();
        let there: Vec<_> = all.iter().filter(|name| item.contains_key(**name)).copied().collect();
        let bytes: usize = there.iter().map(|name| item[*name].size()).sum();
        if all.len() > 1 && bytes > most(key_type) {
            let found: Vec<_> = there.iter().map(|name| item[*name].type_name()).collect();
            faults.push((there.join(", "), "too_long_together", found.join(", "), bytes as u64));
        }
    }
    faults
}

fn most(key_type: KeyType) -> usize {
    if key_type == KeyType::Hash { 2048 } else { 1024 }
}

fn fault(value: &Value, wanted: ScalarType, most: usize) -> Option<&'static str> {
    let by_length = |n: usize| match n {
        0 => Some("empty"),
        n if n > most => Some("too_long"),
        _ => None,
    };
    match (value, wanted) {
        (Value::Null, _) => Some("null"),
        (Value::S(text), ScalarType::S) => by_length(text.len()),
        (Value::B(bytes), ScalarType::B) => by_length(bytes.len()),
        // Good for the numbers of these tests: plain ones, and far too large or small.
        (Value::N(number), ScalarType::N) => {
            let magnitude = number.parse::<f64>().unwrap().abs();
            let digits = number.chars().filter(char::is_ascii_digit).count();
            let fits = magnitude == 0.0 || (1e-130..1e126).contains(&magnitude);
            (!fits || (digits > 38 && !number.contains(['e', 'E'])))
                .then_some("number_out_of_range")
        }
        _ => Some("wrong_type"),
    }
}
