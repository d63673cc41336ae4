//! A table in the other regions of a global table.

use std::collections::BTreeMap;

use gsictl_core::call::{CallError, Reply};
use gsictl_core::catalog::{
    IndexStatus, OwnRegion, RegionScaling, ReplicaDescription, TableDescription,
};
use gsictl_core::name::TableName;
use gsictl_core::time::Timestamp;

use super::text::no_table;
use super::{Index, Model, Table};

/// The region in which the calls are made.
pub const HOME: &str = "eu-west-1";

/// A table of the same name in another region, which is kept equal to it.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Its region.
    pub region: String,
    /// An index is ready there so much later than at home, in milliseconds.
    pub lag: i64,
    /// CREATING before this.
    pub made_at: Timestamp,
    /// DELETING, until it is gone then.
    pub gone_at: Option<Timestamp>,
}

impl Replica {
    /// One that has been there for long.
    #[must_use]
    pub fn new(region: &str, lag: i64) -> Self {
        let made_at = Timestamp::from_millis(0);
        Self { region: region.to_owned(), lag, made_at, gone_at: None }
    }

    pub(super) fn is_in_flight(&self, now: Timestamp) -> bool {
        now < self.made_at || self.gone_at.is_some()
    }

    fn status(&self, now: Timestamp) -> &'static str {
        match self.gone_at {
            Some(_) => "DELETING",
            None if now < self.made_at => "CREATING",
            None => "ACTIVE",
        }
    }

    /// Whether an index of the table serves queries there.
    pub(super) fn is_ready(&self, now: Timestamp, index: &Index) -> bool {
        let gone = self.gone_at.is_some();
        gone || (now >= self.made_at && self.copy(index).status(now) != IndexStatus::Creating)
    }

    /// The index as it stands there: shown earlier than at home, and ready at a time
    /// of its own.
    fn copy(&self, index: &Index) -> Index {
        let late = index.shown_at - index.created_at;
        let ready = Timestamp::from_millis(index.active_at.as_millis() + self.lag);
        let mut copy = index.clone();
        copy.shown_at = index.created_at + late / 2;
        copy.active_at = ready.max(index.allocated_at).max(self.made_at);
        copy
    }

    pub(super) fn describe(&self, now: Timestamp, table: &Table) -> ReplicaDescription {
        let shown = table.indexes.iter().filter(|index| index.shown_at <= now);
        ReplicaDescription {
            region: self.region.clone(),
            status: self.status(now).to_owned(),
            indexes: shown.map(|index| index.name.clone()).collect(),
            own: OwnRegion::NotAsked,
        }
    }
}

impl Table {
    /// The table as its replica in that region describes it.
    fn describe_in(&self, now: Timestamp, region: &str) -> Option<TableDescription> {
        let mut there = self.clone();
        let replica = there.replicas.iter_mut().find(|replica| replica.region == region)?;
        let (of, home) = (replica.clone(), Replica::new(HOME, 0));
        *replica = home;
        there.indexes = self.indexes.iter().map(|index| of.copy(index)).collect();
        // Each region's table has an identity of its own.
        there.id = format!("{}-in-{region}", self.id);
        let mut description = there.describe(now);
        description.arn = description.arn.map(|arn| arn.replace(HOME, region));
        Some(description)
    }
}

impl Model {
    /// Writes are scaled everywhere, but for one index while that is in the way.
    pub(super) fn describe_scaling(
        &self,
        now: Timestamp,
        name: &TableName,
    ) -> Result<Reply, CallError> {
        let table = self.tables.get(name).ok_or_else(no_table)?;
        let first = table.indexes.first().filter(|_| now < table.unscaled_until);
        let scaled = |index: &Index| first.is_none_or(|first| first.name != index.name);
        let indexes: BTreeMap<_, _> =
            table.indexes.iter().map(|index| (index.name.clone(), scaled(index))).collect();
        let others = table.replicas.iter().map(|replica| replica.region.as_str());
        let regions = std::iter::once(HOME).chain(others).map(|region| RegionScaling {
            region: region.to_owned(),
            table: true,
            indexes: indexes.clone(),
        });
        Ok(Reply::Scaling(regions.collect()))
    }

    pub(super) fn describe_replica(
        &self,
        now: Timestamp,
        name: &TableName,
        region: &str,
    ) -> Result<Reply, CallError> {
        let there = self.tables.get(name).and_then(|table| table.describe_in(now, region));
        there.map(|table| Reply::Table(Box::new(table))).ok_or_else(no_table)
    }
}
