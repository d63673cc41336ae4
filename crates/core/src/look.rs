//! A table as all its regions show it.
//!
//! A global table's indexes are built in each of its regions, and only a region itself
//! says how far it is: what the base region lists of its replicas carries no status
//! (docs/dynamodb.md: replica-status). So a look at such a table is a DescribeTable of the base and, where it matters, one in every
//! other region. [`RegionLook`] asks them and puts the answers into one
//! [`TableDescription`]; [`missing`] says what keeps an index from being ready in all of
//! them; [`Patience`] says how long that is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::{Call, CallError, ErrorKind, Reply};
use crate::catalog::{
    IndexDescription, IndexStatus, OwnRegion, ReplicaDescription, Scaling, Sighting,
    TableDescription,
};
use crate::event::Event;
use crate::machine::CallId;
use crate::name::{IndexName, TableName};
use crate::plan::scaling::must_scale;
use crate::time::Timestamp;

/// Once the base shows an index ready, a region that cannot be asked, or does not show it,
/// is asked for so long. What a region shows being built has no such bound.
pub const REGION_PATIENCE: Duration = Duration::from_secs(600);

/// How an index stands in the region of a replica, where it is not ready there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// It is being built, or deleted.
    InWork {
        /// Its status there, in AWS's words.
        status: String,
    },
    /// The region does not list it.
    Unseen,
    /// The region cannot be asked, or did not answer.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A region in which an index is not ready, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The region.
    pub region: String,
    /// How it stands there.
    pub there: Elsewhere,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let region = &self.region;
        match &self.there {
            Elsewhere::InWork { status } => write!(f, "{region}: {status}"),
            Elsewhere::Unseen => write!(f, "{region}: does not list it"),
            Elsewhere::Unknown { reason } => write!(f, "{region}: cannot be asked ({reason})"),
        }
    }
}

/// The regions in which `index` is not ready, other than the one that was asked first.
#[must_use]
pub fn missing(table: &TableDescription, index: &IndexName) -> Vec<Missing> {
    let in_region = |replica: &ReplicaDescription| {
        let there = elsewhere(replica, index)?;
        Some(Missing { region: replica.region.clone(), there })
    };
    table.replicas.iter().filter(|replica| is_waited_for(replica)).filter_map(in_region).collect()
}

/// The same in a line.
#[must_use]
pub fn missing_text(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The regions that still list `index`.
#[must_use]
pub fn listed_in(table: &TableDescription, index: &IndexName) -> Vec<String> {
    let lists = |replica: &&ReplicaDescription| match &replica.own {
        OwnRegion::Shown { indexes, .. } => indexes.iter().any(|i| i.name == *index),
        OwnRegion::NotAsked | OwnRegion::Skipped | OwnRegion::Unknown { .. } => false,
    };
    table.replicas.iter().filter(lists).map(|replica| replica.region.clone()).collect()
}

/// The regions of `tables` that the user did not want to be asked.
#[must_use]
pub fn skipped_in<'a>(tables: impl IntoIterator<Item = &'a TableDescription>) -> Vec<String> {
    let replicas = tables.into_iter().flat_map(|table| &table.replicas);
    let skipped = replicas.filter(|replica| replica.own == OwnRegion::Skipped);
    let skipped: BTreeSet<_> = skipped.map(|replica| replica.region.clone()).collect();
    skipped.into_iter().collect()
}

/// How many DescribeTable calls in other regions brought `sightings` about.
#[must_use]
pub fn calls_elsewhere<'a>(sightings: impl IntoIterator<Item = &'a Sighting>) -> u64 {
    let asked = |r: &&ReplicaDescription| {
        matches!(r.own, OwnRegion::Shown { .. } | OwnRegion::Unknown { .. })
    };
    let of = |sighting: &Sighting| match sighting {
        Sighting::Found(table) => table.replicas.iter().filter(asked).count() as u64,
        _ => 0,
    };
    sightings.into_iter().map(of).sum()
}

/// Whether a region that matters was not asked how the indexes stand there.
#[must_use]
pub fn is_half(table: &TableDescription) -> bool {
    let matters = |r: &&ReplicaDescription| is_waited_for(r) && r.own == OwnRegion::NotAsked;
    table.replicas.iter().any(|replica| matters(&replica))
}

/// How an index stands, in AWS's words, and where a region of a global table differs.
#[must_use]
pub fn status_text(table: &TableDescription, index: &IndexDescription) -> String {
    let own = phase_text(index);
    let missing = missing(table, &index.name);
    if missing.is_empty() { own } else { format!("{own}; {}", missing_text(&missing)) }
}

fn phase_text(index: &IndexDescription) -> String {
    let phase = if index.backfilling { " (backfilling)" } else { "" };
    format!("{}{phase}", index.status)
}

/// A replica that goes away, or never came, holds nothing back.
fn is_waited_for(replica: &ReplicaDescription) -> bool {
    let gone = matches!(replica.status.as_str(), "DELETING" | "CREATION_FAILED");
    !gone && replica.own != OwnRegion::Skipped
}

fn elsewhere(replica: &ReplicaDescription, index: &IndexName) -> Option<Elsewhere> {
    match &replica.own {
        OwnRegion::Shown { indexes, .. } => match indexes.iter().find(|i| i.name == *index) {
            Some(index) if index.is_ready() => None,
            Some(index) => Some(Elsewhere::InWork { status: phase_text(index) }),
            None => Some(Elsewhere::Unseen),
        },
        OwnRegion::Unknown { reason } => Some(Elsewhere::Unknown { reason: reason.clone() }),
        OwnRegion::NotAsked => Some(Elsewhere::Unknown { reason: "not asked yet".to_owned() }),
        OwnRegion::Skipped => None,
    }
}

/// For how long an index that is ready in the base is waited for elsewhere: since that was
/// first seen, or since a region last showed it being built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    since: Option<Timestamp>,
}

/// What is to be done about regions in which an index is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// This is the first description that shows the base ready.
    WaitFromNow,
    /// Ask again.
    Wait,
    /// No region shows it being built, and those that do not show it were asked for
    /// [`REGION_PATIENCE`].
    GiveUp,
}

impl Patience {
    /// Holds `missing`, which is not empty, against the time.
    pub fn judge(&mut self, now: Timestamp, missing: &[Missing]) -> Then {
        let in_work = missing.iter().any(|m| matches!(m.there, Elsewhere::InWork { .. }));
        let Some(since) = self.since.replace(now) else {
            return Then::WaitFromNow;
        };
        if in_work {
            // One call that fails after a long build is no reason to give up.
            return Then::Wait;
        }
        self.since = Some(since);
        if now - since < REGION_PATIENCE { Then::Wait } else { Then::GiveUp }
    }
}

/// What a run has told of regions, so that each thing is told once.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What one table lacks in a region says nothing about the next.
    unknown: BTreeSet<(TableName, String)>,
    skipped: BTreeSet<String>,
}

impl Told {
    /// What `sightings` show was told by whoever looked.
    pub fn of<'a>(sightings: impl IntoIterator<Item = &'a Sighting>) -> Self {
        let mut told = Self::default();
        for sighting in sightings {
            if let Sighting::Found(table) = sighting {
                told.unknown_in(table);
                told.skipped_in(table);
            }
        }
        told
    }

    /// What is to be told of the regions of `table`, which was asked for as `name`.
    pub fn news(&mut self, name: &TableName, table: &TableDescription) -> Vec<Event> {
        let unknown = self.unknown_in(table).into_iter();
        let unknown = unknown.map(|(region, error)| Event::RegionUnknown {
            table: name.clone(),
            region,
            error,
        });
        let skipped = self.skipped_in(table).into_iter();
        let skipped = skipped.map(|region| Event::RegionSkipped { table: name.clone(), region });
        unknown.chain(skipped).collect()
    }

    /// The regions of `table` that cannot be asked and were not told before, each with
    /// the reason.
    fn unknown_in(&mut self, table: &TableDescription) -> Vec<(String, String)> {
        let unknown = table.replicas.iter().filter_map(|replica| match &replica.own {
            OwnRegion::Unknown { reason } => Some((replica.region.clone(), reason.clone())),
            OwnRegion::NotAsked | OwnRegion::Skipped | OwnRegion::Shown { .. } => None,
        });
        let mut news = |region: &String| self.unknown.insert((table.name.clone(), region.clone()));
        unknown.filter(|(region, _)| news(region)).collect()
    }

    /// The same for regions that are not asked because the user does not want it.
    fn skipped_in(&mut self, table: &TableDescription) -> Vec<String> {
        let skipped = table.replicas.iter().filter(|r| r.own == OwnRegion::Skipped);
        let new = skipped.filter(|replica| self.skipped.insert(replica.region.clone()));
        new.map(|replica| replica.region.clone()).collect()
    }
}

/// A look at one table that the base has answered, and other regions have not.
#[derive(Clone, Debug)]
pub struct RegionLook {
    /// As it was asked for.
    name: TableName,
    table: Box<TableDescription>,
    asked_at: Timestamp,
    asked: BTreeMap<CallId, Asked>,
}

#[derive(Clone, Debug)]
enum Asked {
    Region(String),
    Scaling,
}

/// What is asked of a table besides a description by the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Nothing.
    Base,
    /// How the indexes of a global table stand in its other regions.
    #[default]
    Regions,
    /// That, and what scales the writes of one with provisioned capacity.
    RegionsAndScaling,
}

impl RegionLook {
    /// Begins to ask, after the base has answered with `table`. With its calls, each under
    /// an id that `fresh` gives; there may be none. Regions of `skip` are marked, and not
    /// asked.
    pub fn begin(
        name: TableName,
        mut table: Box<TableDescription>,
        asked_at: Timestamp,
        depth: Depth,
        skip: &BTreeSet<String>,
        mut fresh: impl FnMut() -> CallId,
    ) -> (Self, Vec<(CallId, Call)>) {
        let mut asked = BTreeMap::new();
        let mut calls = Vec::new();
        for replica in &mut table.replicas {
            if skip.contains(&replica.region) {
                replica.own = OwnRegion::Skipped;
            } else if depth != Depth::Base && is_waited_for(replica) {
                let (id, region) = (fresh(), replica.region.clone());
                asked.insert(id, Asked::Region(region.clone()));
                calls.push((id, Call::DescribeReplica { table: name.clone(), region }));
            }
        }
        if depth == Depth::RegionsAndScaling && must_scale(&table) {
            let id = fresh();
            asked.insert(id, Asked::Scaling);
            calls.push((id, Call::DescribeScaling(name.clone())));
        }
        (Self { name, table, asked_at, asked }, calls)
    }

    /// Whether that call is one of its.
    #[must_use]
    pub fn awaits(&self, id: CallId) -> bool {
        self.asked.contains_key(&id)
    }

    /// Takes an answer. One that was not asked for changes nothing.
    pub fn on_reply(&mut self, id: CallId, reply: Result<Reply, CallError>) {
        match self.asked.remove(&id) {
            Some(Asked::Region(region)) => {
                let own = own_region(reply);
                let mut replicas = self.table.replicas.iter_mut();
                if let Some(replica) = replicas.find(|replica| replica.region == region) {
                    replica.own = own;
                }
            }
            Some(Asked::Scaling) => {
                self.table.scaling = scaling(reply);
            }
            None => {}
        }
    }

    /// Whether everything that was asked is answered.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.asked.is_empty()
    }

    /// The table's name as it was asked for, when the base was asked, and the table as
    /// its regions show it.
    #[must_use]
    pub fn into_parts(self) -> (TableName, Timestamp, Box<TableDescription>) {
        (self.name, self.asked_at, self.table)
    }
}

/// What an answer to [`Call::DescribeScaling`] tells.
pub(crate) fn scaling(reply: Result<Reply, CallError>) -> Scaling {
    match reply {
        Ok(Reply::Scaling(regions)) => Scaling::Shown(regions),
        Ok(_) => Scaling::Unknown { reason: "an answer to something else".to_owned() },
        Err(error) => Scaling::Unknown { reason: error.to_string() },
    }
}

fn own_region(reply: Result<Reply, CallError>) -> OwnRegion {
    match reply.and_then(Reply::into_table) {
        Ok(table) => OwnRegion::Shown { status: table.status, indexes: table.indexes },
        Err(error) if error.kind == ErrorKind::TableNotFound => {
            OwnRegion::Unknown { reason: format!("it does not know the table: {error}") }
        }
        Err(error) => OwnRegion::Unknown { reason: error.to_string() },
    }
}

/// Whether an index of the table is ready in the base and not, as far as is known, in
/// another region.
#[must_use]
pub fn waits_for_regions(table: &TableDescription, index: &IndexName) -> bool {
    let ready = |i: &IndexDescription| i.status != IndexStatus::Deleting && i.is_ready();
    table.index(index).is_some_and(ready) && !missing(table, index).is_empty()
}

#[cfg(test)]
mod tests;
