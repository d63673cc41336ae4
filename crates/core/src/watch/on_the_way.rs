//! What runs of a state asked DynamoDB for, and which descriptions may not show yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalog::{TableDescription, TableStatus, is_same_table};
use crate::name::{IndexId, IndexName, TableName};
use crate::state::{State, Status, Target};
use crate::time::Timestamp;

/// The creates of a state that were meant and are not known to be over. It is read once,
/// without a lock: a wait begins where an `apply --no-wait` ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnTheWay {
    asked_for: BTreeMap<IndexId, Intent>,
    /// Where the state's tables are: which ARN its plain names stand for.
    place: Target,
    visibility: Duration,
}

/// A create that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Intent {
    at: Timestamp,
    /// Of the table then: a state may be about another place.
    table_id: Option<String>,
}

impl OnTheWay {
    /// What `state` says is on its way. `visibility` is how long a new index may be
    /// missing from a description.
    #[must_use]
    pub fn of(state: &State, visibility: Duration) -> Self {
        let intents = state.entries().filter(|(_, entry)| entry.status() == Status::InProgress);
        let asked_for = intents.filter_map(|(id, entry)| {
            let record = entry.record();
            let intent = Intent { at: record.intent_at?, table_id: record.table_id.clone() };
            Some((id.clone(), intent))
        });
        Self { asked_for: asked_for.collect(), place: state.target().clone(), visibility }
    }

    /// Whether an index that a description of `table`, asked for at `asked_at`, does not
    /// show may only be not visible yet: its table is being changed, or it was asked for
    /// a moment ago. `begun` is when the command began: an intent that lies ahead of it
    /// was noted before the clock was set back.
    #[must_use]
    pub fn may_be_unseen(
        &self,
        id: &IndexId,
        table: &TableDescription,
        asked_at: Timestamp,
        begun: Timestamp,
    ) -> bool {
        // Of a global table the base is UPDATING for a minute and a half before it shows
        // an index that was taken (docs/dynamodb.md: fan-out, unseen).
        matches!(table.status, TableStatus::Updating | TableStatus::Creating)
            || self.intents(id).any(|intent| {
                is_same_table(intent.table_id.as_deref(), table.identity().as_deref())
                    && self.is_recent(intent, asked_at, begun)
            })
    }

    /// The indexes of `table` that were asked for a moment ago.
    pub fn recent<'a>(
        &'a self,
        table: &'a TableName,
        asked_at: Timestamp,
        begun: Timestamp,
    ) -> impl Iterator<Item = &'a IndexName> {
        let of_table = self.asked_for.iter().filter(move |(id, _)| self.is_one(&id.table, table));
        let recent = of_table.filter(move |(_, intent)| self.is_recent(intent, asked_at, begun));
        recent.map(|(id, _)| &id.index)
    }

    /// Whether a state says that it was asked for.
    pub(super) fn contains(&self, id: &IndexId) -> bool {
        self.intents(id).next().is_some()
    }

    fn intents<'a>(&'a self, id: &'a IndexId) -> impl Iterator<Item = &'a Intent> {
        let of = |(known, _): &(&'a IndexId, _)| {
            known.index == id.index && self.is_one(&known.table, &id.table)
        };
        self.asked_for.iter().filter(of).map(|(_, intent)| intent)
    }

    /// Whether two names may be one table's: alike, or one by its name and the other by
    /// its ARN at the place of the state. Emulators have one table under all ARNs.
    fn is_one(&self, one: &TableName, other: &TableName) -> bool {
        let ((None, Some(by_arn)) | (Some(by_arn), None)) = (one.arn(), other.arn()) else {
            return one == other;
        };
        one.plain() == other.plain()
            && (self.place.own_account().is_none() || self.place.holds(&by_arn))
    }

    fn is_recent(&self, intent: &Intent, asked_at: Timestamp, begun: Timestamp) -> bool {
        asked_at - intent.at.min(begun) < self.visibility
    }
}
