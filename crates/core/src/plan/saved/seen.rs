//! What a plan rests on of one table.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::{
    BillingMode, IndexDescription, IndexStatus, Sighting, TableDescription, is_same_table,
};
use crate::definition::{IndexDefinition, KeyElement, ScalarType, typed_keys_text};
use crate::name::IndexName;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Seen {
    Missing,
    Denied,
    Unreadable,
    Found(Box<Facts>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    table_id: Option<String>,
    keys: String,
    types: BTreeMap<String, ScalarType>,
    billing_mode: BillingMode,
    /// A status in which the table cannot be changed, such as ARCHIVED.
    unusable: Option<String>,
    /// Keys and projection in a line.
    indexes: BTreeMap<IndexName, String>,
    local_indexes: BTreeSet<IndexName>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    vector_indexes: BTreeSet<IndexName>,
    local_included: usize,
    replicas: BTreeSet<String>,
}

impl Seen {
    /// Of what `sighting` shows, all that a plan rests on which creates `own`.
    pub(super) fn of(sighting: &Sighting, own: &[&IndexDefinition]) -> Self {
        match sighting {
            Sighting::Missing => Self::Missing,
            Sighting::Denied(_) => Self::Denied,
            Sighting::Unreadable(_) => Self::Unreadable,
            Sighting::Found(table) => Self::Found(Box::new(Facts::of(table, own))),
        }
    }

    /// What is different `now`, each a phrase for people.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let phrase = match (self, now) {
            (Self::Found(before), Self::Found(now)) => return before.differences(now),
            (before, now) if before == now => return Vec::new(),
            (_, Self::Missing) => "the table does not exist any more",
            (_, Self::Denied) => "the table can no longer be described with these credentials",
            (_, Self::Unreadable) => "the table's description cannot be read any more",
            (Self::Denied | Self::Unreadable, _) => "the table can be described now",
            (_, Self::Found(_)) => "the table exists now",
        };
        vec![phrase.to_owned()]
    }
}

impl Facts {
    fn of(table: &TableDescription, own: &[&IndexDefinition]) -> Self {
        let is_left_out = |index: &IndexDescription| {
            let of_plan = |d: &&IndexDefinition| {
                d.id.index == index.name && d.differences(&table.attributes, index).is_empty()
            };
            index.status == IndexStatus::Deleting || own.iter().any(of_plan)
        };
        let (left_out, kept): (Vec<_>, Vec<_>) = table.indexes.iter().partition(|i| is_left_out(i));
        let schema = |i: &&IndexDescription| (i.name.clone(), i.schema_text(&table.attributes));
        Self {
            table_id: table.identity(),
            keys: typed_keys_text(&table.key_schema, &table.attributes),
            types: types(table, own, &left_out, &kept),
            billing_mode: table.billing_mode,
            unusable: match &table.status {
                crate::catalog::TableStatus::Other(status) => Some(status.clone()),
                _ => None,
            },
            indexes: kept.iter().map(schema).collect(),
            local_indexes: table.local_indexes.iter().cloned().collect(),
            vector_indexes: vector_indexes(table),
            local_included: table.local_included,
            replicas: table.replicas.iter().map(|r| r.region.clone()).collect(),
        }
    }

    fn differences(&self, now: &Self) -> Vec<String> {
        if !is_same_table(self.table_id.as_deref(), now.table_id.as_deref()) {
            return vec!["the table was deleted and made again".to_owned()];
        }
        let mut changes = Vec::new();
        for (what, of) in PARTS {
            let (before, now) = (of(self), of(now));
            if before != now {
                changes.push(format!("{what}: before {before}, now {now}"));
            }
        }
        let indexes = pairs(&self.indexes, &now.indexes, |name, before, now| match (before, now) {
            (Some(before), Some(now)) => format!("index {name} was {before} and is {now}"),
            (None, Some(now)) => format!("index {name} is new: {now}"),
            _ => format!("index {name} is gone, or being deleted"),
        });
        // Types come and go with indexes, which say them too.
        let types = pairs(&self.types, &now.types, |name, before, now| match (before, now) {
            (Some(before), Some(now)) => format!("attribute {name} was {before:?} and is {now:?}"),
            (None, Some(now)) => format!("attribute {name} is defined now, as {now:?}"),
            _ => format!("attribute {name} is no longer defined"),
        });
        changes.extend(if indexes.is_empty() { types } else { indexes });
        changes
    }
}

/// A fact's name, and how it reads.
type Part = (&'static str, fn(&Facts) -> String);

/// What a change of is told as it was and as it is.
const PARTS: [Part; 7] = [
    ("the key schema", |facts| facts.keys.clone()),
    ("the billing mode", |facts| billing_text(facts.billing_mode).to_owned()),
    ("the table's status", |facts| facts.unusable.clone().unwrap_or_else(|| "usable".to_owned())),
    ("replicas in other regions", |facts| listed(&facts.replicas)),
    ("local indexes", |facts| listed(&facts.local_indexes)),
    ("vector indexes", |facts| listed(&facts.vector_indexes)),
    ("attributes that local indexes include", |facts| facts.local_included.to_string()),
];

/// One that is being deleted takes its name with it, as other indexes do.
fn vector_indexes(table: &TableDescription) -> BTreeSet<IndexName> {
    let staying = table.vector_indexes.iter().filter(|i| i.status != IndexStatus::Deleting);
    staying.map(|i| i.name.clone()).collect()
}

fn billing_text(mode: BillingMode) -> &'static str {
    match mode {
        BillingMode::Provisioned => "PROVISIONED",
        BillingMode::PayPerRequest => "PAY_PER_REQUEST",
    }
}

fn listed<T: ToString>(names: &BTreeSet<T>) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The attribute types but for those that only come and go with an index that is
/// left out.
fn types(
    table: &TableDescription,
    own: &[&IndexDefinition],
    left_out: &[&IndexDescription],
    kept: &[&IndexDescription],
) -> BTreeMap<String, ScalarType> {
    let is_key =
        |keys: &[KeyElement], name: &String| keys.iter().any(|k| k.attribute_name == *name);
    let comes_and_goes = |name: &String| {
        let stays =
            is_key(&table.key_schema, name) || kept.iter().any(|i| is_key(&i.key_schema, name));
        let goes = left_out.iter().any(|i| is_key(&i.key_schema, name))
            || own.iter().any(|d| is_key(&d.key_schema, name));
        goes && !stays
    };
    let types = table.attributes.iter().filter(|(name, _)| !comes_and_goes(name));
    types.map(|(name, t)| (name.clone(), *t)).collect()
}

/// A phrase for each key that the two maps do not agree on.
fn pairs<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    now: &'a BTreeMap<K, V>,
    phrase: impl Fn(&K, Option<&V>, Option<&V>) -> String,
) -> Vec<String> {
    let keys: BTreeSet<&K> = before.keys().chain(now.keys()).collect();
    let differs = keys.into_iter().filter(|key| before.get(key) != now.get(key));
    differs.map(|key| phrase(key, before.get(key), now.get(key))).collect()
}
