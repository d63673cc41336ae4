//! What the runs of one state were told of the indexes that they made.
//!
//! Told from the answers that were handed to them, and never from the state's word.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use gsictl_core::call::{CallError, Effect, Reply};
use gsictl_core::catalog::{IndexDescription, IndexStatus, TableDescription, TableStatus};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::time::Timestamp;

use super::Moment;
use crate::ledger::Evidence;

/// Our delete was taken: nothing of that name is ours again.
const DELETED: &str = "its own delete was acknowledged";

/// By index, the newest create.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(BTreeMap<IndexId, Claim>);

#[derive(Clone, Debug)]
struct Claim {
    /// When it was answered; when it was sent, where it was not.
    at: Moment,
    /// When it was meant, on the clock of its run: all that a later run knows.
    meant_at: Timestamp,
    acknowledged: bool,
    /// A description has shown it.
    shown: bool,
    shown_active: bool,
    /// Why what stands there is no longer what it made.
    lost: Option<&'static str>,
    /// Something was shown that allows to think so, and does not prove it.
    doubted: bool,
    /// The identity of the table with which it was shown first.
    table_id: Option<Rc<str>>,
}

impl Claim {
    /// It may come late as long as its table is UPDATING.
    fn may_be_late(&self, table: &TableDescription) -> bool {
        table.status == TableStatus::Updating && !self.shown
    }
}

impl Claims {
    /// A create is meant, or goes out.
    pub(super) fn sent(&mut self, id: &IndexId, at: Moment, meant_at: Timestamp) {
        let claim = Claim {
            at,
            meant_at,
            acknowledged: false,
            shown: false,
            shown_active: false,
            lost: None,
            doubted: false,
            table_id: None,
        };
        self.0.insert(id.clone(), claim);
    }

    /// It was answered.
    pub(super) fn answered(&mut self, id: &IndexId, at: Moment, result: &Result<Reply, CallError>) {
        let Some(claim) = self.0.get_mut(id) else { return };
        (claim.at, claim.acknowledged) = (at, result.is_ok());
        if let Ok(Reply::Table(table)) = result {
            claim.shown |= table.indexes.iter().any(|i| i.name == id.index);
        }
        if result.as_ref().is_err_and(|error| error.effect == Effect::NotApplied) {
            claim.lost = Some("its create was refused");
        }
    }

    /// A delete was acknowledged.
    pub(super) fn deleted(&mut self, id: &IndexId) {
        if let Some(claim) = self.0.get_mut(id) {
            claim.lost = Some(DELETED);
        }
    }

    /// Whether nothing of that name may be deleted before it is created again.
    pub(super) fn is_used_up(&self, id: &IndexId) -> bool {
        self.0.get(id).is_some_and(|claim| claim.lost == Some(DELETED))
    }

    /// A description was handed in that was asked for at `asked_at`.
    pub(super) fn look(&mut self, table: &TableDescription, asked_at: Moment, behind: Duration) {
        for (id, claim) in self.0.iter_mut().filter(|(id, _)| id.table == table.name) {
            if claim.lost.is_some() {
                continue;
            }
            // One that is behind shows what was there before our create. A clock that
            // was set back makes it younger than it is, and nobody can tell.
            let settled = asked_at.is_past_by_both(claim.at, behind);
            let shown = table.indexes.iter().find(|i| i.name == id.index);
            let late = claim.may_be_late(table);
            claim.lost = match shown.map(|i| i.status.clone()) {
                None if settled && !late => Some("a description showed it absent"),
                Some(IndexStatus::Deleting) if asked_at.real >= claim.at.real => {
                    Some("a description showed it being deleted")
                }
                Some(IndexStatus::Creating) if claim.shown_active => {
                    Some("a description showed it being built, after it was active")
                }
                _ => None,
            };
            claim.shown |= shown.is_some();
            claim.shown_active |= shown.is_some_and(|i| i.status == IndexStatus::Active);
        }
    }

    /// A description came that was asked for at `asked_at`, or an answer to a change;
    /// `is_other` says of a shown index that it is not what was made.
    pub(super) fn doubt(
        &mut self,
        table: &TableDescription,
        asked_at: Moment,
        behind: Duration,
        is_other: impl Fn(&IndexId, &IndexDescription) -> bool,
    ) {
        for (id, claim) in self.0.iter_mut().filter(|(id, _)| id.table == table.name) {
            let shown = table.indexes.iter().find(|i| i.name == id.index);
            let meant = Moment { by_clock: claim.meant_at, ..claim.at };
            let settled = asked_at.is_past(meant, behind);
            let table_id = table.table_id.as_deref();
            if shown.is_some() && claim.table_id.is_none() {
                claim.table_id = table_id.map(Into::into);
            }
            // The table was made again.
            claim.doubted |= shown.is_some() && claim.table_id.as_deref() != table_id;
            claim.doubted |= match shown {
                None if claim.shown => true,
                None => settled && !(claim.acknowledged && claim.may_be_late(table)),
                Some(index) => index.status == IndexStatus::Deleting || is_other(id, index),
            };
        }
    }

    /// What was shown active is known of these alone.
    pub(super) fn remember_active(&mut self, is_known: impl Fn(&IndexId) -> bool) {
        for (id, claim) in &mut self.0 {
            claim.shown_active &= is_known(id);
        }
    }

    /// A newer state of another lineage knows more of it.
    pub(super) fn give_up(&mut self, id: &IndexId) {
        if let Some(claim) = self.0.get_mut(id) {
            claim.doubted = true;
        }
    }

    /// The table was not there.
    pub(super) fn doubt_all_on(&mut self, table: &TableName) {
        for (_, claim) in self.0.iter_mut().filter(|(id, _)| id.table == *table) {
            claim.doubted = true;
        }
    }

    /// Whether nothing was told against what was made under that name.
    pub(super) fn is_undoubted(&self, id: &IndexId) -> bool {
        self.0.get(id).is_some_and(|claim| claim.lost.is_none() && !claim.doubted)
    }

    /// Indexes whose create was acknowledged, and nothing was told against them.
    pub(super) fn undoubted(&self) -> impl Iterator<Item = &IndexId> {
        let sure = |(_, claim): &(&IndexId, &Claim)| {
            claim.acknowledged && claim.lost.is_none() && !claim.doubted
        };
        self.0.iter().filter(sure).map(|(id, _)| id)
    }

    /// Whether an index of that name may be taken for what we made; `inferred`
    /// where that goes for creates that were never acknowledged, too.
    pub(super) fn evidence(&self, id: &IndexId, inferred: bool) -> Evidence {
        let claim = self.0.get(id).ok_or("no run of this state created it")?;
        if !claim.acknowledged && !inferred {
            return Err("its own create was never acknowledged");
        }
        claim.lost.map_or(Ok(()), Err)
    }
}
