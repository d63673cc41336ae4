//! Refused changes: what is said of them, what follows them, and when.
//!
//! What a refusal means is read from its code and text here, and not from the kind
//! that the program makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gsictl_core::call::{CallError, Effect};
use gsictl_core::event::Event;
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::time::Timestamp;

use super::Saved;

/// No refusal is followed by a call sooner than this.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// So long a refusal is waited out that no description explains, and a little more.
const PATIENCE: Duration = Duration::from_secs(3_600 + 180);

/// What a refusal says about when the same call could pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prospect {
    /// Never.
    Lasting,
    /// When something that is being changed is done.
    Busy,
    /// When somebody else is done, somewhere in the account.
    Queue,
    /// Nobody knows, or perhaps never: it uses up an attempt.
    Unknown,
    /// A description tells.
    Described,
}

fn prospect(error: &CallError) -> Prospect {
    let text = error.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    match error.code.as_str() {
        "ResourceInUseException" => Prospect::Busy,
        "LimitExceededException" if says(&["simultaneously", "concurrent", "decreases"]) => {
            Prospect::Queue
        }
        "LimitExceededException"
            if says(&["maximum", "limit to be exceeded", "exceeds", "per subscriber"]) =>
        {
            Prospect::Lasting
        }
        "ThrottlingException" if says(&["rate of control plane requests"]) => Prospect::Queue,
        "LimitExceededException" | "ThrottlingException" => Prospect::Unknown,
        // Of attributes too a description tells: it is tried once more.
        "ValidationException" if says(&["already exists", "attribute"]) => Prospect::Described,
        "ValidationException" | "AccessDeniedException" => Prospect::Lasting,
        "ExpiredTokenException" => Prospect::Queue,
        _ => Prospect::Described,
    }
}

/// A change that was refused, until it is taken, lost, or shown to be done.
#[derive(Clone, Debug)]
struct Standing {
    message: String,
    prospect: Prospect,
    /// The first refusal of this kind in a row that no description explains.
    since: Timestamp,
    /// The newest of them. In between there may have been no credentials.
    newest: Timestamp,
    /// How many of them used up an attempt, in this run.
    attempts: u32,
}

/// The refusals of one run.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    standing: BTreeMap<IndexId, Standing>,
    /// The newest of each table: when, and of which index.
    newest: BTreeMap<TableName, (Timestamp, IndexId)>,
    told: BTreeSet<(IndexId, String)>,
    untold: Vec<(IndexId, String)>,
    /// Tables of which is being asked what scales them, to say more of a refusal.
    asking: BTreeSet<TableName>,
}

impl Refusals {
    /// A change was answered with an error.
    pub(super) fn refused(&mut self, now: Timestamp, index: &IndexId, error: &CallError) {
        if error.effect == Effect::Unknown {
            self.standing.remove(index);
            return;
        }
        let prospect = prospect(error);
        let before = self.standing.remove(index);
        let since = before.as_ref().filter(|before| before.prospect == prospect);
        let since = since.map_or(now, |before| before.since);
        let attempts = before.map_or(0, |before| before.attempts);
        let attempts = attempts + u32::from(prospect == Prospect::Unknown);
        let message = error.message.clone();
        self.newest.insert(index.table.clone(), (now, index.clone()));
        let told = (index.clone(), message.clone());
        if !message.is_empty() && !self.told.contains(&told) {
            self.untold.push(told);
        }
        self.standing
            .insert(index.clone(), Standing { message, prospect, since, newest: now, attempts });
    }

    /// The cause of a refusal is asked for, and what it says is told then.
    pub(super) fn asks_for_the_cause(&mut self, table: &TableName) {
        self.asking.insert(table.clone());
    }

    /// It was answered.
    pub(super) fn learns_the_cause(&mut self, table: &TableName) {
        self.asking.remove(table);
    }

    /// A change goes out.
    ///
    /// # Panics
    /// Where a refusal speaks against it.
    pub(super) fn may_be_asked(&self, now: Timestamp, index: &IndexId, max_attempts: u32) {
        if let Some((at, of)) = self.newest.get(&index.table) {
            assert!(
                now - *at >= LEAST_WAIT,
                "waits: {index} is changed {:?} after {of} was refused",
                now - *at
            );
        }
        let Some(standing) = self.standing.get(index) else { return };
        assert!(
            standing.prospect != Prospect::Lasting,
            "waits: {index} is changed again after a refusal that lasts: {}",
            standing.message
        );
        assert!(
            standing.prospect != Prospect::Busy || standing.newest - standing.since <= PATIENCE,
            "invariant 6: {index} has been refused for {:?}: {}",
            standing.newest - standing.since,
            standing.message
        );
        assert!(
            max_attempts == 0 || standing.attempts < max_attempts,
            "invariant 6: {index} is changed again after {} attempts: {}",
            standing.attempts,
            standing.message
        );
    }

    /// It was taken, or a description shows that it is done.
    pub(super) fn is_over(&mut self, index: &IndexId) {
        self.standing.remove(index);
    }

    /// The table is gone.
    pub(super) fn all_are_over(&mut self, table: &TableName) {
        self.standing.retain(|id, _| id.table != *table);
    }

    /// Of a rollback: only these indexes of the table are still to be deleted.
    pub(super) fn remain(&mut self, table: &TableName, is_left: impl Fn(&IndexId) -> bool) {
        self.standing.retain(|id, _| id.table != *table || is_left(id));
    }

    /// A description shows what the table's refusals are for.
    pub(super) fn explained(&mut self, now: Timestamp, table: &TableName) {
        for (_, standing) in self.standing.iter_mut().filter(|(id, _)| id.table == *table) {
            (standing.since, standing.newest) = (now, now);
        }
    }

    /// Something is told.
    pub(super) fn hear(&mut self, event: &Event) {
        if let Event::Failed { id, .. } | Event::Obstructed { id, .. } = event {
            // What a queue was waited for is no longer why it is not there.
            let lasts = |s: &Standing| s.prospect == Prospect::Lasting;
            if self.standing.get(id).is_some_and(|standing| !lasts(standing)) {
                self.standing.remove(id);
            }
        }
        if self.untold.is_empty() {
            return;
        }
        let text = format!("{event:?}");
        let told = |(_, message): &(IndexId, String)| {
            // As Debug writes it, without its quotes.
            text.contains(format!("{message:?}").trim_matches('"'))
        };
        let (told, untold) = std::mem::take(&mut self.untold).into_iter().partition(told);
        self.untold = untold;
        self.told.extend::<Vec<_>>(told);
    }

    /// Before anything else is done, what was refused is told.
    ///
    /// # Panics
    /// Where it is not.
    pub(super) fn all_are_told(&self) {
        let due = |(id, _): &&(IndexId, String)| !self.asking.contains(&id.table);
        if let Some((index, message)) = self.untold.iter().find(due) {
            panic!("words: nobody is told that {index} was refused: {message}");
        }
    }

    /// What holds stands in the state, in the words of AWS.
    ///
    /// # Panics
    /// Where it does not.
    pub(super) fn all_stand_in(&self, saved: &Saved) {
        let due = |(id, _): &(&IndexId, &Standing)| !self.asking.contains(&id.table);
        for (id, standing) in self.standing.iter().filter(due) {
            let Some((_, entry)) = saved.entry(id) else { continue };
            let error = entry.last_error.as_deref().unwrap_or_default();
            assert!(
                error.contains(&standing.message),
                "words: the state says {error:?} of {id}, which was refused: {}",
                standing.message
            );
        }
    }

    /// A run that ended by itself has failed with what lasts.
    ///
    /// # Panics
    /// Where it has not.
    pub(super) fn has_failed_for_good(&self, saved: &Saved) {
        let lasting = |s: &&Standing| s.prospect == Prospect::Lasting;
        for (id, standing) in &self.standing {
            let Some((_, entry)) = saved.entry(id) else { continue };
            assert!(
                !lasting(&standing) || entry.status == "failed",
                "waits: {id} is {} at the end, and was refused for good: {}",
                entry.status,
                standing.message
            );
        }
    }
}
