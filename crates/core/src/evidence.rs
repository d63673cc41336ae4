//! What a description says about an index that an entry of the state is about.
//!
//! Ownership rests on what was seen: it ends with the first description that
//! contradicts it, whichever run it was asked for (docs/reliability.md, promise 3).
//! An index has no identity of its own in DynamoDB. What tells it from another of
//! the same name is its table's identity, its keys and projection, and its phases.

use crate::catalog::{IndexStatus, Sighting, TableDescription};
use crate::look::missing;
use crate::name::IndexId;
use crate::state::{Entry, Status, Step};
use crate::time::Timestamp;

/// How an index stands beside what its entry says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The table does not have it.
    Absent,
    /// It is being deleted, by whomever.
    Leaving,
    /// Its table was made again since.
    OtherTable,
    /// It has other keys or another projection than the newest intent.
    OtherKeys {
        /// In DynamoDB, in a line.
        found: String,
    },
    /// The entry saw it active, and it is being built: somebody made it again.
    BuiltAgain,
    /// It is being built, and nothing contradicts the entry.
    Building {
        /// In the second phase, in which DynamoDB takes a delete.
        backfilling: bool,
    },
    /// It is there, and nothing contradicts the entry.
    Ready,
}

/// Holds `entry` against what was seen of its table; `None` where that says nothing.
/// How old the sighting is does not count here: who calls this knows whether it may
/// be behind.
#[must_use]
pub fn evidence(id: &IndexId, entry: &Entry, sighting: &Sighting) -> Option<Evidence> {
    match sighting {
        Sighting::Found(table) => Some(shown(id, entry, table)),
        Sighting::Missing => Some(Evidence::Absent),
        Sighting::Denied(_) | Sighting::Unreadable(_) => None,
    }
}

/// The same for an entry that nobody works on, where the state has to learn of it: what
/// ends its ownership, and whether an index that was on its way has come or is gone.
/// `unseen` says that its absence may only be a description that is behind.
#[must_use]
pub fn news(id: &IndexId, entry: &Entry, sighting: &Sighting, unseen: bool) -> Option<Evidence> {
    evidence(id, entry, sighting).filter(|evidence| evidence.is_news(entry, unseen))
}

fn shown(id: &IndexId, entry: &Entry, table: &TableDescription) -> Evidence {
    let record = entry.record();
    let Some(index) = table.index(&id.index) else {
        return Evidence::Absent;
    };
    if !record.is_on(table.identity().as_deref()) {
        return Evidence::OtherTable;
    }
    // Before its keys: DynamoDB Local takes an index's attributes out of the table
    // as soon as it is being deleted, and their types with them.
    if index.status == IndexStatus::Deleting {
        return Evidence::Leaving;
    }
    let may_be = |spec: &String| index.may_have_digest(&table.attributes, spec);
    if !record.spec.as_ref().is_none_or(may_be) {
        return Evidence::OtherKeys { found: index.schema_text(&table.attributes) };
    }
    let building = index.status == IndexStatus::Creating || index.backfilling;
    match (building, entry.status()) {
        (true, Status::Active) => Evidence::BuiltAgain,
        (true, _) => Evidence::Building { backfilling: index.backfilling },
        // It is built, and as far as is known not in every region.
        (false, Status::Pending | Status::InProgress | Status::Failed)
            if !missing(table, &id.index).is_empty() =>
        {
            Evidence::Building { backfilling: true }
        }
        (false, _) => Evidence::Ready,
    }
}

impl Evidence {
    /// The index that the entry is about is certainly not, or no longer, there,
    /// although one of its name is.
    #[must_use]
    pub fn is_of_another(&self) -> bool {
        matches!(self, Self::OtherTable | Self::OtherKeys { .. } | Self::BuiltAgain)
    }

    /// What the state learns of it.
    #[must_use]
    pub fn step(&self, sighting: &Sighting, id: &IndexId, now: Timestamp) -> Step {
        let table = match sighting {
            Sighting::Found(table) => Some(table.as_ref()),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        };
        let table_id = table.and_then(TableDescription::identity);
        let index = table.and_then(|table| table.index(&id.index));
        let elsewhere = table.is_some_and(|table| !missing(table, &id.index).is_empty());
        match self {
            Self::Absent => Step::SeenAbsent,
            Self::Leaving => Step::SeenDeleting,
            Self::OtherKeys { found } => {
                let reason = format!("it is no longer the index that was created: it has {found}");
                Step::SeenConflict { reason }
            }
            Self::BuiltAgain | Self::Building { .. } => Step::SeenBuilding { table_id },
            Self::OtherTable if index.is_some_and(|index| !index.is_ready()) || elsewhere => {
                Step::SeenBuilding { table_id }
            }
            Self::OtherTable | Self::Ready => Step::SeenActive { at: now, table_id },
        }
    }

    /// Whether the state has to learn of it, as [`news`] says.
    #[must_use]
    pub fn is_news(&self, entry: &Entry, unseen: bool) -> bool {
        let ours = entry.record().is_ours();
        match self {
            Self::Absent => !unseen && (ours || entry.status() == Status::InProgress),
            Self::Leaving | Self::OtherKeys { .. } | Self::OtherTable => ours,
            Self::BuiltAgain => true,
            Self::Ready => entry.status() == Status::InProgress,
            Self::Building { .. } => false,
        }
    }
}
