//! What `rollback` may delete: what this state's runs created, and nothing else.
//!
//! Ownership needs evidence twice: the state says that our create was
//! acknowledged, and DynamoDB still shows what that create made, on the same
//! table. An index that somebody deleted and made again with the same keys cannot
//! be told from ours where the state did not see it gone.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::{Catalog, IndexStatus, Sighting, TableDescription};
use crate::definition::digest_of;
use crate::name::{IndexId, TableName};
use crate::plan::Selection;
use crate::state::{Entry, Owner, State, Status};
use crate::time::Timestamp;

/// Why an index is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was there, or somebody made it.
    NotOurs,
    /// The acknowledgement of our create was lost, and nobody asked for such ones.
    Inferred,
    /// Its table was deleted and made again since.
    OtherTable,
    /// An index of that name has other keys or another projection.
    OtherKeys {
        /// In DynamoDB, in a line.
        found: String,
    },
    /// The table may not be described.
    Denied(String),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("it was not created by a run of this state"),
            Self::Inferred => f.write_str(
                "its creation was never acknowledged: --include-inferred deletes such ones too",
            ),
            Self::OtherTable => f.write_str("its table was made again since"),
            Self::OtherKeys { found } => {
                write!(f, "it is no longer the index that was created: it has {found}")
            }
            Self::Denied(message) => write!(f, "the table cannot be described: {message}"),
        }
    }
}

/// How an index stands that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there, and ours.
    There {
        /// It can be deleted: ready, or in the second phase of its build.
        ready: bool,
    },
    /// It is being deleted.
    Leaving,
    /// It is not there.
    Gone,
    /// It is left alone.
    Kept(Kept),
}

/// Holds an entry against what was seen of its table.
#[must_use]
pub fn judge(id: &IndexId, entry: &Entry, sighting: &Sighting, inferred: bool) -> Standing {
    let record = entry.record();
    match record.owner {
        Some(Owner::Run) => {}
        Some(Owner::Inferred) if inferred => {}
        Some(Owner::Inferred) => return Standing::Kept(Kept::Inferred),
        Some(Owner::Found) | None => return Standing::Kept(Kept::NotOurs),
    }
    match sighting {
        Sighting::Missing => Standing::Gone,
        Sighting::Denied(message) => Standing::Kept(Kept::Denied(message.clone())),
        Sighting::Found(table) => judge_table(id, entry, table),
    }
}

fn judge_table(id: &IndexId, entry: &Entry, table: &TableDescription) -> Standing {
    let record = entry.record();
    let moved = matches!((&record.table_id, &table.table_id), (Some(a), Some(b)) if a != b);
    let Some(index) = table.index(&id.index) else {
        return Standing::Gone;
    };
    if moved {
        return Standing::Kept(Kept::OtherTable);
    }
    // Its attributes may be gone from the table already, and their types with them.
    if index.status == IndexStatus::Deleting {
        return Standing::Leaving;
    }
    let digest = digest_of(&index.key_schema, &table.attributes, &index.projection);
    if record.spec.as_ref().is_some_and(|spec| *spec != digest) {
        let found = index.schema_text(&table.attributes);
        return Standing::Kept(Kept::OtherKeys { found });
    }
    match index.status {
        // An entry that was active and is being built was made again by somebody.
        IndexStatus::Creating if entry.status() == Status::Active => Standing::Kept(Kept::NotOurs),
        IndexStatus::Creating => Standing::There { ready: index.backfilling },
        _ => Standing::There { ready: true },
    }
}

/// One index that `rollback` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRemoval {
    /// Which.
    pub id: IndexId,
    /// What was seen.
    pub standing: Standing,
}

/// One table of the plan, its newest index first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRollback {
    /// The table.
    pub table: TableName,
    /// What was seen of it.
    pub sighting: Sighting,
    /// When that was asked.
    pub asked_at: Timestamp,
    /// Its indexes.
    pub indexes: Vec<PlannedRemoval>,
}

/// What a rollback will do, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollbackPlan {
    /// By table.
    pub tables: Vec<TableRollback>,
    /// Whether indexes whose creation was never acknowledged count as ours.
    pub include_inferred: bool,
}

impl RollbackPlan {
    /// The indexes that will be deleted, or are being deleted.
    pub fn doomed(&self) -> impl Iterator<Item = &IndexId> {
        let doomed =
            |i: &&PlannedRemoval| matches!(i.standing, Standing::There { .. } | Standing::Leaving);
        self.indexes().filter(doomed).map(|i| &i.id)
    }

    /// The indexes that are left alone, each with the reason.
    pub fn kept(&self) -> impl Iterator<Item = (&IndexId, &Kept)> {
        self.indexes().filter_map(|i| match &i.standing {
            Standing::Kept(kept) => Some((&i.id, kept)),
            _ => None,
        })
    }

    /// All its indexes, in order of tables.
    pub fn indexes(&self) -> impl Iterator<Item = &PlannedRemoval> {
        self.tables.iter().flat_map(|t| &t.indexes)
    }
}

/// The entries that a rollback looks at: those of indexes that are or were there.
pub fn concerned<'a>(
    state: &'a State,
    selection: &'a Selection,
) -> impl Iterator<Item = (&'a IndexId, &'a Entry)> {
    state.entries().filter(|(id, entry)| selection.admits(id) && entry.record().owner.is_some())
}

/// Works out what a rollback does with the indexes of `state`.
#[must_use]
pub fn plan(
    state: &State,
    catalog: &Catalog,
    selection: &Selection,
    include_inferred: bool,
) -> RollbackPlan {
    let mut by_table: BTreeMap<&TableName, Vec<(&IndexId, &Entry)>> = BTreeMap::new();
    for (id, entry) in concerned(state, selection) {
        by_table.entry(&id.table).or_default().push((id, entry));
    }
    let tables = by_table.into_iter().filter_map(|(table, mut entries)| {
        let (asked_at, sighting) = catalog.get(table)?;
        entries.reverse();
        entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.record().intent_at));
        let planned = |(id, entry): (&IndexId, &Entry)| PlannedRemoval {
            id: id.clone(),
            standing: judge(id, entry, sighting, include_inferred),
        };
        let indexes = entries.into_iter().map(planned).collect();
        Some(TableRollback { table: table.clone(), sighting: sighting.clone(), asked_at, indexes })
    });
    RollbackPlan { tables: tables.collect(), include_inferred }
}

/// Whether nothing is left that a rollback of the whole state would delete, and
/// nothing is on its way: a create may still be seen late.
#[must_use]
pub fn is_complete(state: &State, include_inferred: bool) -> bool {
    let ours = |owner: Owner| owner == Owner::Run || (include_inferred && owner == Owner::Inferred);
    let left = |entry: &Entry| entry.record().owner.is_some_and(ours);
    state.summary().in_progress == 0 && !state.entries().any(|(_, entry)| left(entry))
}
