//! A table with its indexes, as DynamoDB has it.
//!
//! The phases of an index follow from absolute times, so looking changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{CallError, Item};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, Scaling, TableDescription, TableStatus,
    VectorIndexDescription,
};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use gsictl_core::time::Timestamp;

use super::hindrance::{Hidden, Lasting};
use super::region::{HOME, Replica};
use super::text::{is_of, refusal};

pub(super) type Types = BTreeMap<String, ScalarType>;

/// What a stale description looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The table as it was before the change.
    Old,
    /// ResourceNotFoundException.
    NotFound,
}

/// Who made an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// This call of a process, by its number in the world.
    Call(usize),
    /// Somebody else.
    Other,
}

/// An index of a table, in whatever phase its times say.
#[derive(Clone, Debug)]
pub struct Index {
    pub(super) name: IndexName,
    /// Who made it.
    pub(super) maker: Maker,
    pub(super) key_schema: Vec<KeyElement>,
    pub(super) projection: Projection,
    pub(super) attributes: Types,
    pub(super) created_at: Timestamp,
    /// No description shows it before.
    pub(super) shown_at: Timestamp,
    pub(super) allocated_at: Timestamp,
    pub(super) active_at: Timestamp,
    /// Its capacity is being changed until then.
    pub(super) updating_until: Timestamp,
    pub(super) gone_at: Option<Timestamp>,
}

/// A vector index, which is always somebody else's.
#[derive(Clone, Debug)]
pub struct Vector {
    pub(super) name: IndexName,
    pub(super) allocated_at: Timestamp,
    pub(super) active_at: Timestamp,
}

impl Vector {
    fn describe(&self, now: Timestamp) -> VectorIndexDescription {
        let building = now < self.active_at;
        VectorIndexDescription {
            name: self.name.clone(),
            status: if building { IndexStatus::Creating } else { IndexStatus::Active },
            backfilling: building && now >= self.allocated_at,
            attribute: Some("embedding".to_owned()),
            dimensions: Some(256),
            distance: Some("COSINE".to_owned()),
        }
    }
}

impl Index {
    pub(super) fn status(&self, now: Timestamp) -> IndexStatus {
        if self.gone_at.is_some() {
            IndexStatus::Deleting
        } else if now < self.active_at {
            IndexStatus::Creating
        } else if now < self.updating_until {
            IndexStatus::Updating
        } else {
            IndexStatus::Active
        }
    }

    pub(super) fn is_in_flight(&self, now: Timestamp) -> bool {
        self.gone_at.is_some() || now < self.active_at
    }

    pub(super) fn is_allocating(&self, now: Timestamp) -> bool {
        self.gone_at.is_none() && now < self.allocated_at
    }

    pub(super) fn describe(&self, now: Timestamp) -> IndexDescription {
        let status = self.status(now);
        let backfilling = status == IndexStatus::Creating && now >= self.allocated_at;
        let retuned = backfilling && now < self.updating_until;
        IndexDescription {
            name: self.name.clone(),
            backfilling,
            status: if retuned { IndexStatus::Updating } else { status },
            key_schema: self.key_schema.clone(),
            projection: self.projection.clone(),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
            item_count: None,
            size_bytes: None,
        }
    }
}

/// A table with its indexes.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) name: TableName,
    /// `TableId`.
    pub id: String,
    /// CREATING before this.
    pub ready_at: Timestamp,
    /// UPDATING before this, for a reason that has nothing to do with indexes.
    pub updating_until: Timestamp,
    /// Types of attributes that the base table defines.
    pub attributes: Types,
    /// Its own capacity; `None` where it is on demand.
    pub provisioned: Option<ProvisionedThroughput>,
    /// Items in it, as DescribeTable counts them.
    pub items: u64,
    /// Items that queries and scans find.
    pub contents: Vec<Item>,
    /// What an index shows instead of what belongs in it.
    pub shown: BTreeMap<IndexName, Vec<Item>>,
    /// Local Secondary Indexes.
    pub local_indexes: Vec<IndexName>,
    /// How long an index takes here; the model's own where it is `None`.
    pub backfill: Option<Duration>,
    /// How long no description shows an index that was created; the table is
    /// UPDATING meanwhile.
    pub late: Duration,
    /// The other regions of a global table.
    pub replicas: Vec<Replica>,
    /// ACTIVE, and yet being changed until then.
    pub hidden: Option<(Timestamp, Hidden)>,
    /// An index without auto scaling blocks all changes until then.
    pub unscaled_until: Timestamp,
    /// Indexes that can never be made as they are wanted.
    pub lasting: BTreeMap<IndexName, Lasting>,
    pub(super) vectors: Vec<Vector>,
    pub(super) indexes: Vec<Index>,
    /// Until then descriptions are stale, and show this.
    pub(super) before: Option<(Timestamp, Box<Table>)>,
}

impl Table {
    pub(super) fn settle(&mut self, now: Timestamp) {
        self.indexes.retain(|i| i.gone_at.is_none_or(|at| now < at));
        self.replicas.retain(|r| r.gone_at.is_none_or(|at| now < at));
    }

    pub(super) fn status(&self, now: Timestamp) -> TableStatus {
        if now < self.ready_at {
            TableStatus::Creating
        } else if now < self.updating_until
            || self.indexes.iter().any(|i| i.is_allocating(now))
            || self.vectors.iter().any(|v| now < v.allocated_at)
        {
            TableStatus::Updating
        } else {
            TableStatus::Active
        }
    }

    pub(super) fn is_in_flight(&self, now: Timestamp) -> bool {
        let vector = |v: &Vector| now < v.active_at;
        self.indexes.iter().any(|i| i.is_in_flight(now)) || self.vectors.iter().any(vector)
    }

    /// Whether another index than this one has the table's one slot.
    pub(super) fn is_taken(&self, now: Timestamp, by_other_than: &IndexName) -> bool {
        let other = |i: &Index| i.name != *by_other_than && i.is_in_flight(now);
        let vector = |v: &Vector| now < v.active_at;
        self.indexes.iter().any(other) || self.vectors.iter().any(vector)
    }

    pub(super) fn types(&self) -> Types {
        let mut types = self.attributes.clone();
        // DynamoDB Local forgets them when the deletion begins.
        for index in self.indexes.iter().filter(|i| i.gone_at.is_none()) {
            types.extend(index.attributes.clone());
        }
        types
    }

    /// The items of an index that serves queries.
    pub(super) fn held_by(&self, now: Timestamp, name: &IndexName) -> Result<Vec<Item>, CallError> {
        let Some(index) = self.indexes.iter().find(|i| i.name == *name) else {
            let text = format!("The table does not have the specified index: {name}");
            return Err(refusal("ValidationException", &text));
        };
        if index.is_in_flight(now) {
            let text = format!("Cannot read from backfilling global secondary index: {name}");
            return Err(refusal("ValidationException", &text));
        }
        let belongs = |item: &&Item| {
            index.key_schema.iter().all(|key| {
                let scalar = index.attributes.get(&key.attribute_name);
                let value = item.get(&key.attribute_name);
                value.zip(scalar).is_some_and(|(value, scalar)| is_of(value, *scalar))
            })
        };
        let belonging = || self.contents.iter().filter(belongs).cloned().collect();
        Ok(self.shown.get(name).cloned().unwrap_or_else(belonging))
    }

    pub(super) fn describe(&self, now: Timestamp) -> TableDescription {
        let shown = self.indexes.iter().filter(|i| i.shown_at <= now);
        TableDescription {
            name: self.name.clone(),
            table_id: Some(self.id.clone()),
            created_at: None,
            arn: Some(format!("arn:aws:dynamodb:{HOME}:123456789012:table/{}", self.name)),
            status: self.status(now),
            billing_mode: if self.provisioned.is_some() {
                BillingMode::Provisioned
            } else {
                BillingMode::PayPerRequest
            },
            provisioned_throughput: self.provisioned,
            attributes: self.types(),
            key_schema: vec![KeyElement {
                attribute_name: "pk".to_owned(),
                key_type: KeyType::Hash,
            }],
            indexes: shown.map(|i| i.describe(now)).collect(),
            vector_indexes: self.vectors.iter().map(|v| v.describe(now)).collect(),
            local_indexes: self.local_indexes.clone(),
            local_included: 0,
            replicas: self.replicas.iter().map(|r| r.describe(now, self)).collect(),
            scaling: Scaling::NotAsked,
            item_count: Some(self.items),
            size_bytes: Some(self.items * 100),
        }
    }
}
