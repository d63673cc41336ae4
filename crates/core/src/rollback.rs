//! What `rollback` may delete: what this state's runs created, and nothing else.
//!
//! Ownership needs evidence twice: the state says that our create was
//! acknowledged, and DynamoDB still shows what that create made, on the same
//! table. It ends with the acknowledgement of our delete and with the first
//! description that contradicts it. An index that somebody deleted and made again
//! with the same keys cannot be told from ours where no run here saw it gone.

use std::collections::BTreeMap;
use std::fmt;

use std::time::Duration;

use crate::catalog::{Catalog, Sighting};
use crate::evidence::{Evidence, evidence, news};
use crate::name::{IndexId, TableName};
use crate::plan::Selection;
use crate::state::{Entry, Owner, State, Status, Step};
use crate::time::Timestamp;

/// Why an index is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was there, or somebody made it.
    NotOurs,
    /// The one that a run of this state created was deleted; this is another.
    MadeAgain,
    /// A newer state of the same directory knows more about it.
    Superseded {
        /// The file that holds the newer one.
        by: String,
    },
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
    /// Its description cannot be read.
    Unreadable(String),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("it was not created by a run of this state"),
            Self::MadeAgain => {
                f.write_str("the one that was created here was deleted, and somebody made it again")
            }
            Self::Superseded { by } => write!(f, "{by} is newer and knows more about it"),
            Self::Inferred => f.write_str(
                "its creation was never acknowledged: --include-inferred deletes such ones too",
            ),
            Self::OtherTable => f.write_str("its table was made again since"),
            Self::OtherKeys { found } => {
                write!(f, "it is no longer the index that was created: it has {found}")
            }
            Self::Denied(message) => write!(f, "the table cannot be described: {message}"),
            Self::Unreadable(why) => write!(f, "the table's description cannot be read: {why}"),
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
    let owner = entry.record().owner;
    match owner {
        Some(Owner::Found) => return Standing::Kept(Kept::NotOurs),
        Some(Owner::Inferred) if !inferred => return Standing::Kept(Kept::Inferred),
        Some(Owner::Run | Owner::Inferred) | None => {}
    }
    let evidence = match sighting {
        Sighting::Denied(message) => return Standing::Kept(Kept::Denied(message.clone())),
        Sighting::Unreadable(why) => return Standing::Kept(Kept::Unreadable(why.clone())),
        Sighting::Found(_) | Sighting::Missing => evidence(id, entry, sighting),
    };
    match evidence.unwrap_or(Evidence::Absent) {
        Evidence::Absent => Standing::Gone,
        Evidence::Leaving => Standing::Leaving,
        // Its ownership has ended, and this is what came later.
        _ if owner.is_none() && entry.record().delete_intent_at.is_some() => {
            Standing::Kept(Kept::MadeAgain)
        }
        _ if owner.is_none() => Standing::Kept(Kept::NotOurs),
        Evidence::OtherTable => Standing::Kept(Kept::OtherTable),
        Evidence::OtherKeys { found } => Standing::Kept(Kept::OtherKeys { found }),
        Evidence::BuiltAgain => Standing::Kept(Kept::NotOurs),
        Evidence::Building { backfilling } => Standing::There { ready: backfilling },
        Evidence::Ready => Standing::There { ready: true },
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
    /// Leaves alone what newer states of the directory know more about, each with the
    /// name of its file; `state` owns it no longer.
    pub fn keep_superseded(&mut self, state: &mut State, newer: &BTreeMap<IndexId, String>) {
        for index in self.tables.iter_mut().flat_map(|table| &mut table.indexes) {
            let ours = state.entry(&index.id).is_some_and(|entry| entry.record().is_ours());
            let Some(by) = newer.get(&index.id).filter(|_| ours) else {
                continue;
            };
            let kept = Kept::Superseded { by: by.clone() };
            // An observation may move any entry.
            let _ = state.apply(&index.id, Step::SeenConflict { reason: kept.to_string() });
            index.standing = Standing::Kept(kept);
        }
    }

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

/// The entries that a rollback looks at: those of indexes that are or were there,
/// so far as the state knows. One whose ownership has ended and whose absence was
/// not seen yet is among them: a rollback waits for it, and does not delete it.
pub fn concerned<'a>(
    state: &'a State,
    selection: &'a Selection,
) -> impl Iterator<Item = (&'a IndexId, &'a Entry)> {
    let is_or_was_there = |entry: &Entry| {
        let standing = matches!(entry.status(), Status::InProgress | Status::Active);
        standing || entry.record().owner.is_some()
    };
    state.entries().filter(move |(id, entry)| selection.admits(id) && is_or_was_there(entry))
}

/// Takes down in `state` what `catalog` says against its ownerships, also of what
/// a run is not about: the next one must not believe what this one knew to be over. It
/// does so for the tables that `of` names. `visibility` is how long a new index may be
/// missing from a description. True where the state has changed.
pub fn take_down(
    state: &mut State,
    catalog: &Catalog,
    of: impl Fn(&TableName) -> bool,
    visibility: Duration,
    now: Timestamp,
) -> bool {
    let told = |(id, entry): (&IndexId, &Entry)| {
        let (asked_at, sighting) = catalog.get(&id.table)?;
        let record = entry.record();
        let unseen = record.may_be_unseen(sighting.is_updating(), asked_at, now, visibility);
        let evidence = news(id, entry, sighting, unseen)?;
        Some((id.clone(), evidence.step(sighting, id, now)))
    };
    let entries = state.entries().filter(|(id, _)| of(&id.table));
    let steps: Vec<_> = entries.filter_map(told).collect();
    for (id, step) in steps {
        // An observation may move any entry.
        let _ = state.apply(&id, step);
    }
    state.is_dirty()
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

/// Whether a rollback did its work on `state` and did not come to put it away. Any
/// command that holds the lock finishes that.
#[must_use]
pub fn is_left_over(state: &State) -> bool {
    state.rolling_back_since().is_some() && is_complete(state, false)
}

/// Whether nothing is left that a rollback of the whole state would delete, and
/// nothing is on its way: a create may still be seen late, and a deletion that was
/// acknowledged is waited for until it is seen gone.
#[must_use]
pub fn is_complete(state: &State, include_inferred: bool) -> bool {
    let left = |entry: &Entry| {
        let record = entry.record();
        let ours = match record.owner {
            Some(Owner::Run) => true,
            Some(Owner::Inferred) => include_inferred,
            Some(Owner::Found) | None => false,
        };
        ours || record.delete_intent_at.is_some()
    };
    state.summary().in_progress == 0 && !state.entries().any(|(_, entry)| left(entry))
}
