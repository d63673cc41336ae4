//! What keeps an index from being created, found before any call is made for it.

use std::fmt;

use super::scaling::{self, Unscaled, unscaled, unscaled_text};
use super::throughput::Misfit;
use crate::catalog::{IndexDescription, IndexStatus, Sighting, TableDescription, TableStatus};
use crate::definition::{IndexDefinition, MAX_INCLUDED_OF_A_TABLE, Place, Projection, ScalarType};

/// Indexes a table may have unless AWS raised the quota: more than that is for DynamoDB
/// to refuse (docs/dynamodb.md: index-quota).
pub const INDEX_QUOTA: usize = 20;

/// Attributes that all indexes of a table, local ones too, may include together
/// (the same page). One that two indexes include counts twice; ALL and KEYS_ONLY
/// count nothing.
pub const PROJECTION_QUOTA: usize = MAX_INCLUDED_OF_A_TABLE;

/// What keeps an index from being created, found before any call is made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The base table does not exist.
    NoTable,
    /// The table is in no state to be changed, such as ARCHIVED.
    TableUnusable(TableStatus),
    /// These credentials may not describe the table.
    Denied(String),
    /// Its description says too little, or what cannot be.
    Unreadable(String),
    /// The name is taken by an index with other keys or another projection, which cannot
    /// be changed (docs/dynamodb.md: fixed-keys).
    Conflict {
        /// The schema of the definition.
        wanted: String,
        /// The schema in DynamoDB.
        found: String,
        /// Each difference.
        differences: Vec<String>,
    },
    /// The table uses a key attribute with another type.
    AttributeType {
        /// The attribute.
        attribute: String,
        /// In the definition.
        wanted: ScalarType,
        /// In the table.
        found: ScalarType,
        /// Where the definition names it.
        place: Place,
    },
    /// Neither the definition nor the table says what type a key attribute has.
    AttributeUndefined {
        /// The attribute.
        attribute: String,
        /// Where the definition names it.
        place: Place,
    },
    /// Its throughput is none that the table can have.
    Throughput {
        /// Why.
        misfit: Misfit,
        /// Where the index is defined.
        place: Place,
    },
    /// The table's indexes would include more attributes than they may.
    Projection {
        /// What they include, those of the plan before this one among them.
        others: usize,
        /// What this one includes.
        wanted: usize,
    },
    /// Something of a global table with provisioned capacity has no auto scaling of its
    /// writes: DynamoDB takes no change of the table's indexes.
    WritesNotScaled {
        /// What.
        unscaled: Vec<Unscaled>,
        /// With the commands.
        remedy: String,
    },
    /// A Local Secondary Index has that name.
    LocalIndex,
    /// A vector index has that name.
    VectorIndex,
    /// Items of the table would break with it: a check found them.
    Violations {
        /// How many.
        items: u64,
    },
    /// Its items were to be checked first, and could not be.
    NotChecked {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => write!(f, "the table does not exist"),
            Self::TableUnusable(status) => write!(f, "the table is {status}"),
            Self::Denied(message) => write!(f, "the table cannot be described: {message}"),
            Self::Unreadable(why) => write!(f, "the table's description cannot be read: {why}"),
            Self::Conflict { wanted, found, differences } => write!(
                f,
                "an index of that name exists with another definition ({}); wanted: {wanted}; exists: {found}",
                differences.join(", ")
            ),
            Self::AttributeType { attribute, wanted, found, place } => write!(
                f,
                "{place}: attribute {attribute} is of type {wanted:?} here and of type {found:?} in the table"
            ),
            Self::AttributeUndefined { attribute, place } => write!(
                f,
                "{place}: neither AttributeDefinitions nor the table gives the type of {attribute}"
            ),
            Self::Throughput { misfit, place } => write!(f, "{place}: {misfit}"),
            Self::Projection { others, wanted } => write!(
                f,
                "the indexes of a table may include {PROJECTION_QUOTA} attributes together: the others include {others}, this one {wanted}"
            ),
            Self::WritesNotScaled { unscaled, .. } => write!(
                f,
                "DynamoDB changes no index of a global table while the writes of one are not scaled: {} has no auto scaling",
                unscaled_text(unscaled)
            ),
            Self::LocalIndex => write!(f, "a local secondary index has that name"),
            Self::VectorIndex => write!(f, "a vector index has that name"),
            Self::Violations { items } => {
                let (items, are) = if *items == 1 {
                    ("1 item of the table breaks".to_owned(), "it")
                } else {
                    (format!("{items} items of the table break"), "them")
                };
                write!(f, "{items} its rules: writes of {are} would be refused")
            }
            Self::NotChecked { reason } => write!(f, "its items could not be checked: {reason}"),
        }
    }
}

impl Obstacle {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        match self {
            Self::NoTable => "create the table, or correct its name, the region or the endpoint",
            Self::TableUnusable(status) => {
                status.trouble().map_or("bring the table back to ACTIVE", |trouble| trouble.remedy)
            }
            Self::Denied(_) => "allow dynamodb:DescribeTable on the table for these credentials",
            Self::Unreadable(_) => {
                "see what `aws dynamodb describe-table` shows of it; AWS tells keys, projection and status of every index, an emulator may not"
            }
            Self::Conflict { .. } => {
                "DynamoDB cannot change an index's keys or projection: choose another IndexName, or delete the index first"
            }
            Self::AttributeType { .. } => "give the attribute the type that the table uses",
            Self::AttributeUndefined { .. } => "add the attribute to AttributeDefinitions",
            Self::Throughput { misfit, .. } => misfit.remedy(),
            Self::Projection { .. } => "include fewer attributes, or project ALL or KEYS_ONLY",
            Self::WritesNotScaled { remedy, .. } => remedy,
            Self::LocalIndex | Self::VectorIndex => "choose another IndexName",
            Self::Violations { .. } => {
                "correct these items (`gsictl check DEFS --violations FILE` lists them), or build it all the same with --allow-violations"
            }
            Self::NotChecked { .. } => {
                "see to it that the table can be read, or apply without --check"
            }
        }
    }
}

/// What keeps `table`, which has no index of that name, from getting one.
pub(super) fn obstacle_to_create(
    definition: &IndexDefinition,
    table: &TableDescription,
) -> Option<Obstacle> {
    if table.local_indexes.contains(&definition.id.index) {
        return Some(Obstacle::LocalIndex);
    }
    let vector = table.vector_index(&definition.id.index);
    if vector.is_some_and(|i| i.status != IndexStatus::Deleting) {
        return Some(Obstacle::VectorIndex);
    }
    let keys = definition.key_schema.iter().zip(&definition.key_places);
    for (key, place) in keys {
        let attribute = key.attribute_name.clone();
        let wanted = definition.attributes.get(&attribute).copied();
        match (wanted, table.attributes.get(&attribute).copied()) {
            (Some(wanted), Some(found)) if wanted != found => {
                let place = place.clone();
                return Some(Obstacle::AttributeType { attribute, wanted, found, place });
            }
            (None, None) => {
                return Some(Obstacle::AttributeUndefined { attribute, place: place.clone() });
            }
            _ => {}
        }
    }
    if let Some(misfit) = Misfit::of(definition, table) {
        return Some(Obstacle::Throughput { misfit, place: definition.place.clone() });
    }
    let unscaled = unscaled(table);
    if !unscaled.is_empty() {
        let remedy = scaling::remedy(table, &unscaled);
        return Some(Obstacle::WritesNotScaled { unscaled, remedy });
    }
    Room::of(table).refuses(definition)
}

/// What a table's indexes leave of the attributes that they may include. One that is
/// being deleted takes nothing: a create waits until it is gone.
#[derive(Clone, Debug)]
pub(super) struct Room {
    included: usize,
}

impl Room {
    pub(super) fn of(table: &TableDescription) -> Self {
        let staying = table.indexes.iter().filter(|i| i.status != IndexStatus::Deleting);
        let included = |index: &IndexDescription| included(&index.projection);
        Self { included: staying.map(included).sum::<usize>() + table.local_included }
    }

    pub(super) fn at(sighting: &Sighting) -> Option<Self> {
        match sighting {
            Sighting::Found(table) => Some(Self::of(table)),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        }
    }

    pub(super) fn refuses(&self, definition: &IndexDefinition) -> Option<Obstacle> {
        let (others, wanted) = (self.included, included(&definition.projection));
        let over = wanted > 0 && others + wanted > PROJECTION_QUOTA;
        over.then_some(Obstacle::Projection { others, wanted })
    }

    pub(super) fn take(&mut self, definition: &IndexDefinition) {
        self.included += included(&definition.projection);
    }
}

fn included(projection: &Projection) -> usize {
    match projection {
        Projection::Include { non_key_attributes } => non_key_attributes.len(),
        Projection::All | Projection::KeysOnly => 0,
    }
}
