//! Invariant 3, as far as the state and the answers tell: what a rollback may delete.
//! The truth is the ledger's.

use gsictl_core::catalog::{IndexDescription, IndexStatus, TableDescription, TableStatus};
use gsictl_core::machine::CallId;
use gsictl_core::name::IndexId;

use super::Checks;
use super::looks::{Seen, is_busy, is_in_flight, takes_the_slot};

impl Checks {
    /// Invariants 1, 3 and 4.
    pub(super) fn may_be_deleted(&mut self, id: CallId, index: &IndexId) {
        let before = self.unanswered.insert(index.table.clone(), id);
        assert_eq!(before, None, "invariant 1: two unanswered changes on {}", index.table);
        let seen = self.seen.get(&index.table);
        let Some(Seen::Found(table)) = seen else {
            panic!("invariant 3: {index} is deleted while its table shows {seen:?}");
        };
        let other = |i: &IndexDescription| i.name != index.index && is_in_flight(i);
        let busy = table.indexes.iter().any(other)
            || takes_the_slot(table)
            || table.replicas.iter().any(is_busy);
        assert!(
            table.status == TableStatus::Active && !busy,
            "invariant 1: {index} is deleted while its table shows {table:?}"
        );
        let saved = self.confirmed.as_ref().expect("invariant 4: a save before a delete");
        let record = saved.record(index).expect("invariant 4: a record");
        let ours = record.owner.as_deref() == Some("run")
            || (self.rules.include_inferred && record.owner.as_deref() == Some("inferred"));
        assert!(self.rules.rollback && ours, "invariant 3: {index} is not ours to delete");
        assert!(record.delete_intent_at.is_some(), "invariant 4: no intent to delete {index}");
        let shown = table.indexes.iter().find(|i| i.name == index.index);
        let shown = shown.expect("invariant 3: it is deleted and not there");
        assert!(
            !self.claims.is_used_up(index),
            "invariant 3: {index} is deleted again, after its delete was acknowledged"
        );
        let Some(made) = self.made.get(index) else {
            let inferred = self.rules.include_inferred;
            assert!(inferred, "invariant 3: {index} is deleted and was never created by us");
            return;
        };
        assert!(
            made.call.key_schema == shown.key_schema
                && made.call.projection == shown.projection
                && (made.table_id.is_none() || made.table_id == table.table_id),
            "invariant 3: {index} is no longer what was created: {shown:?}"
        );
    }

    /// Indexes that this run deleted, and that are shown gone or going.
    pub(super) fn note_departures(&mut self, table: &TableDescription) {
        for (id, gone) in self.removed.iter_mut().filter(|(id, _)| id.table == table.name) {
            let shown = table.indexes.iter().find(|i| i.name == id.index);
            *gone |= shown.is_none_or(|i| i.status == IndexStatus::Deleting);
        }
    }
}
