//! The one function that owns every transition of an entry.

use serde_json::Value;

use super::{Attempt, Entry, HISTORY, Owner, Record, Status};
use crate::catalog::is_same_table;
use crate::name::IndexId;
use crate::time::Timestamp;

/// What happens to one entry: something a description showed, or something we do.
///
/// Observations (`Seen...`, [`Step::Obstacle`]) may come to any entry in any
/// run; actions only where the second table of docs/state-file.md has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A description shows the index ready, with the wanted definition. It is
    /// ours still if it was and the table is the same one; found otherwise.
    SeenActive {
        /// When it was asked.
        at: Timestamp,
        /// `TableId` of the table, where the engine tells it.
        table_id: Option<String>,
    },
    /// A description shows it being built, with the wanted definition: adopted.
    /// An entry that was active has been made again by somebody, so it is found.
    SeenBuilding {
        /// `TableId` of the table, where the engine tells it.
        table_id: Option<String>,
    },
    /// A description shows that it is not there, and not merely not visible yet.
    /// What was there is gone, and its ownership with it.
    SeenAbsent,
    /// A description shows it going away. The status waits for the absence; the
    /// ownership ends now, since nothing stops a deletion and what stands there
    /// later is another index. An intent of ours to delete it stays until it is
    /// seen gone, so that the next rollback can say whose deletion it was.
    SeenDeleting,
    /// A description shows an index of that name with other keys or projection.
    SeenConflict {
        /// What differs, for `last_error`.
        reason: String,
    },
    /// It cannot be started, whatever we do: an obstacle of docs/errors.md.
    Obstacle {
        /// Which, for `last_error`.
        reason: String,
    },

    /// We are about to create it. Only after a description showed it absent, and
    /// no call before the save of this. A repeated attempt is a new intent.
    Intend {
        /// Now.
        at: Timestamp,
        /// `TableId` of the table that showed it absent.
        table_id: Option<String>,
        /// Digest of the definition that the call will carry.
        spec: String,
    },
    /// The same for a failed entry under `--retry-failed`: the count of failures
    /// starts anew, the history stays.
    IntendRetry {
        /// Now.
        at: Timestamp,
        /// `TableId` of the table that showed it absent.
        table_id: Option<String>,
        /// Digest of the definition that the call will carry.
        spec: String,
    },
    /// DynamoDB acknowledged the create: it is ours, if the intent still stands
    /// alone. Where a description has shown other evidence since, that holds.
    Acknowledge,
    /// DynamoDB refused the create, so it was certainly not applied. It counts.
    Refused {
        /// For the history.
        attempt: Attempt,
    },
    /// The same where the refusal is a place in a queue, which uses up no attempt.
    Queued {
        /// AWS's words: they stand in `last_error` while the refusal holds.
        said: String,
    },
    /// The answer to the create was lost, and it may have been applied.
    Lost {
        /// For the history; it counts.
        attempt: Attempt,
    },
    /// DynamoDB had acknowledged the create, and the index is gone again or never
    /// came: somebody or something else works against it. It counts.
    Vanished {
        /// For the history.
        attempt: Attempt,
    },
    /// Refused for good, or attempts used up.
    GiveUp {
        /// Why, for `last_error`.
        error: String,
    },
    /// The run was stopped, and the intent certainly not applied.
    Withdraw,
    /// `--activation-timeout` struck: the build goes on, and so does the entry. Or nothing
    /// shows it ready in some region of a global table; one that was thought to be active
    /// everywhere is not, and is whose it was.
    TimedOut {
        /// What is said, for `last_error`.
        error: String,
    },
    /// `rollback` is about to delete it, which begins a new deletion. Only where it is ours and still what we
    /// made, and no call before the save of this.
    IntendDelete {
        /// Now.
        at: Timestamp,
    },
    /// An attempt to delete it failed, and may have been applied all the same.
    DeleteFailed {
        /// For the history.
        attempt: Attempt,
    },
    /// DynamoDB refused the delete for now, which uses up no attempt.
    DeleteQueued {
        /// AWS's words: they stand in `last_error` while the refusal holds.
        said: String,
    },
    /// DynamoDB acknowledged our delete. The ownership ends now: whatever bears the
    /// name from here on is not what we made, also after a crash. The status waits
    /// for the absence.
    DeleteAcknowledged {
        /// Now.
        at: Timestamp,
    },
    /// It was seen gone after an intent of ours to delete it.
    Deleted {
        /// Now.
        at: Timestamp,
    },
    /// Validation gave its verdict on the active index.
    Validated {
        /// The verdict, as it is to stand in the file.
        value: Value,
    },
    /// A program that keeps the state itself says where the index stands: the
    /// seeds' `update_gsi_status`. It never makes an index ours.
    Told {
        /// Now.
        at: Timestamp,
        /// Where it stands.
        status: Status,
        /// Attempts that failed, where the program counts them.
        retry_count: Option<u32>,
        /// The newest error.
        error: Option<String>,
    },
}

impl Step {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::SeenActive { .. } => "see it active",
            Self::SeenBuilding { .. } => "see it being built",
            Self::SeenAbsent => "see it absent",
            Self::SeenDeleting => "see it being deleted",
            Self::SeenConflict { .. } => "see another definition",
            Self::Obstacle { .. } => "meet an obstacle",
            Self::Intend { .. } => "record the intent to create it",
            Self::IntendRetry { .. } => "record the intent to create it again",
            Self::Acknowledge => "acknowledge its creation",
            Self::Refused { .. } => "refuse its creation",
            Self::Queued { .. } => "put off its creation",
            Self::Lost { .. } => "lose the answer to its creation",
            Self::Vanished { .. } => "lose what was acknowledged",
            Self::GiveUp { .. } => "give it up",
            Self::Withdraw => "withdraw the intent to create it",
            Self::TimedOut { .. } => "stop waiting for it",
            Self::IntendDelete { .. } => "record the intent to delete it",
            Self::DeleteFailed { .. } => "fail to be deleted",
            Self::DeleteQueued { .. } => "put off its deletion",
            Self::DeleteAcknowledged { .. } => "acknowledge its deletion",
            Self::Deleted { .. } => "record that rollback deleted it",
            Self::Validated { .. } => "record its validation",
            Self::Told { status: Status::Pending, .. } => "be told that it is pending",
            Self::Told { status: Status::InProgress, .. } => "be told that it is in progress",
            Self::Told { status: Status::Active, .. } => "be told that it is active",
            Self::Told { status: Status::Failed, .. } => "be told that it failed",
        }
    }
}

/// A step that an entry may not take. It is a mistake of the caller, never of
/// DynamoDB, and the entry is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// The state has no such entry: it was never enlisted.
    #[error("the state has no entry for {0}")]
    NoEntry(IndexId),
    /// The tables of docs/state-file.md do not have it.
    #[error("{id} is {from}: it cannot {step}")]
    Refused {
        /// The entry.
        id: IndexId,
        /// Where it stands.
        from: Status,
        /// What was tried.
        step: &'static str,
    },
}

/// Both tables of docs/state-file.md in one: where `step` leads from `from`, `None` where it
/// is refused.
fn next_status(from: Status, step: &Step) -> Option<Status> {
    use Status::{Active, Failed, InProgress, Pending};
    match (step, from) {
        (Step::SeenActive { .. }, _) => Some(Active),
        (Step::SeenBuilding { .. }, _) => Some(InProgress),
        (Step::SeenAbsent, Failed) => Some(Failed),
        (Step::SeenAbsent, _) => Some(Pending),
        (Step::SeenDeleting | Step::SeenConflict { .. } | Step::Obstacle { .. }, _) => Some(from),

        (Step::Intend { .. }, Pending | InProgress) => Some(InProgress),
        (Step::IntendRetry { .. }, Failed) => Some(InProgress),
        (Step::Acknowledge, InProgress)
        | (
            Step::Refused { .. } | Step::Queued { .. } | Step::Lost { .. } | Step::Vanished { .. },
            InProgress,
        )
        | (Step::TimedOut { .. }, InProgress | Active) => Some(InProgress),
        (Step::GiveUp { .. }, InProgress) => Some(Failed),
        (Step::Withdraw, InProgress) => Some(Pending),
        (
            Step::IntendDelete { .. }
            | Step::DeleteFailed { .. }
            | Step::DeleteQueued { .. }
            | Step::DeleteAcknowledged { .. },
            InProgress | Active,
        ) => Some(from),
        (Step::Deleted { .. }, InProgress | Active) => Some(Pending),
        (Step::Validated { .. }, Active) => Some(Active),
        (Step::Told { status, .. }, _) => told(from, *status),

        (Step::Intend { .. }, Active | Failed)
        | (Step::IntendRetry { .. }, Pending | InProgress | Active)
        | (
            Step::Acknowledge
            | Step::Refused { .. }
            | Step::Queued { .. }
            | Step::Lost { .. }
            | Step::Vanished { .. }
            | Step::GiveUp { .. }
            | Step::Withdraw,
            Pending | Active | Failed,
        )
        | (
            Step::IntendDelete { .. }
            | Step::DeleteFailed { .. }
            | Step::DeleteQueued { .. }
            | Step::DeleteAcknowledged { .. }
            | Step::Deleted { .. },
            Pending | Failed,
        )
        | (Step::TimedOut { .. }, Pending | Failed)
        | (Step::Validated { .. }, Pending | InProgress | Failed) => None,
    }
}

/// The moves that some step of ours makes too, and staying.
fn told(from: Status, to: Status) -> Option<Status> {
    use Status::{Active, Failed, InProgress, Pending};
    match (from, to) {
        (Pending | Active, Failed) | (Failed, Pending) => None,
        (Pending | InProgress | Active | Failed, _) => Some(to),
    }
}

impl Entry {
    /// Takes `step`. `None`, and nothing is changed, where it is refused.
    pub(super) fn take(&mut self, step: Step) -> Option<Status> {
        let from = self.status;
        let to = next_status(from, &step)?;
        self.status = to;
        match step {
            Step::SeenActive { at, table_id } => {
                self.record.recognise(table_id);
                self.is_active(from, at);
            }
            Step::SeenBuilding { table_id } => self.seen_building(from, table_id),
            Step::SeenDeleting => self.record.end_ownership(),
            Step::SeenAbsent | Step::Withdraw => self.record.disown(),
            Step::SeenConflict { reason } => {
                self.record.disown();
                self.record.owner = Some(Owner::Found);
                self.last_error = Some(reason);
            }
            Step::Obstacle { reason: error } | Step::GiveUp { error } => {
                self.last_error = Some(error);
            }
            Step::TimedOut { error } => {
                self.last_error = Some(error);
                self.record.activated_at = None;
                self.record.validation = None;
            }
            Step::Intend { at, table_id, spec } => self.intend(from, at, table_id, spec),
            Step::IntendRetry { at, table_id, spec } => {
                self.retry_count = 0;
                self.intend(from, at, table_id, spec);
            }
            Step::Acknowledge => {
                self.record.acknowledge();
                // Whatever it was refused for holds no longer.
                self.last_error = None;
            }
            Step::Refused { attempt } | Step::Vanished { attempt } => {
                self.record.disown();
                self.failed_attempt(attempt);
            }
            Step::Queued { said } => {
                self.record.disown();
                self.last_error = Some(said);
            }
            Step::Lost { attempt } => self.failed_attempt(attempt),
            Step::IntendDelete { at } => {
                self.record.delete_intent_at = Some(at.whole_seconds());
                // That of an earlier index of the name.
                self.record.deleted_at = None;
            }
            Step::DeleteFailed { attempt } => {
                self.last_error = Some(attempt.message.clone());
                self.remember(attempt);
            }
            Step::DeleteQueued { said } => self.last_error = Some(said),
            Step::DeleteAcknowledged { at } => {
                self.last_error = None;
                self.record.end_ownership();
                self.record.deleted_at = Some(at.whole_seconds());
            }
            Step::Deleted { at } => {
                self.last_error = None;
                self.record.disown();
                self.record.deleted_at = Some(at.whole_seconds());
            }
            Step::Validated { value } => self.record.validation = Some(value),
            Step::Told { at, retry_count, error, .. } => self.told(from, at, retry_count, error),
        }
        Some(to)
    }

    fn is_active(&mut self, from: Status, at: Timestamp) {
        // Of one that is to be deleted it says why it still stands.
        if self.record.delete_intent_at.is_none() {
            self.last_error = None;
        }
        if from != Status::Active || self.record.activated_at.is_none() {
            self.record.activated_at = Some(at.whole_seconds());
        }
    }

    fn seen_building(&mut self, from: Status, table_id: Option<String>) {
        if from == Status::Active {
            self.record.disown();
        }
        // What was refused, and is there all the same, is refused no longer.
        if from != Status::InProgress || self.record.owner.is_none() {
            self.last_error = None;
        }
        self.record.recognise(table_id);
        self.record.seen = self.record.is_ours();
    }

    fn intend(&mut self, from: Status, at: Timestamp, table_id: Option<String>, spec: String) {
        let at = at.whole_seconds();
        if from != Status::InProgress {
            self.last_error = None;
        }
        self.creation_time.get_or_insert(at);
        self.record.disown();
        self.record.owner = Some(Owner::Inferred);
        self.record.table_id = table_id;
        self.record.intent_at = Some(at);
        self.record.spec = Some(spec);
    }

    fn failed_attempt(&mut self, attempt: Attempt) {
        self.retry_count = self.retry_count.saturating_add(1);
        self.last_error = Some(attempt.message.clone());
        self.remember(attempt);
    }

    fn remember(&mut self, mut attempt: Attempt) {
        attempt.at = attempt.at.whole_seconds();
        self.record.attempts.push(attempt);
        self.record.forget_old_attempts();
    }

    fn told(
        &mut self,
        from: Status,
        at: Timestamp,
        retry_count: Option<u32>,
        error: Option<String>,
    ) {
        match self.status {
            Status::Active => {
                // Being told shows no table, so that it proves nothing about it.
                self.record.owner.get_or_insert(Owner::Found);
                self.is_active(from, at);
            }
            Status::InProgress => {
                self.creation_time.get_or_insert(at.whole_seconds());
                if from == Status::Active {
                    self.record.disown();
                }
            }
            Status::Pending => self.record.disown(),
            Status::Failed => {}
        }
        self.retry_count = retry_count.unwrap_or(self.retry_count);
        if self.status != Status::Active {
            self.last_error = error.or(self.last_error.take());
        }
    }
}

impl Record {
    /// What was there is going, gone, or was never ours: neither ownership nor what
    /// we know of that build holds for whatever is seen next.
    fn end_ownership(&mut self) {
        self.owner = None;
        self.acknowledged = false;
        self.seen = false;
        self.activated_at = None;
        self.validation = None;
    }

    /// The same where nothing of it is left to be waited for either.
    fn disown(&mut self) {
        self.end_ownership();
        self.delete_intent_at = None;
    }

    fn acknowledge(&mut self) {
        if self.owner == Some(Owner::Inferred) {
            self.owner = Some(Owner::Run);
            self.acknowledged = true;
        }
    }

    /// An index is there. It is what we made only if we made one, on this table.
    fn recognise(&mut self, table_id: Option<String>) {
        let moved = !self.is_on(table_id.as_deref());
        if moved {
            self.disown();
        }
        if !self.is_ours() {
            self.owner = Some(Owner::Found);
            // What we meant to delete is not what stands there.
            self.delete_intent_at = None;
        }
        self.table_id = table_id;
    }

    /// Whether the table that shows `table_id` is the one this is about.
    #[must_use]
    pub fn is_on(&self, table_id: Option<&str>) -> bool {
        is_same_table(self.table_id.as_deref(), table_id)
    }

    /// A run of this state made it, acknowledged or not.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self.owner, Some(Owner::Run | Owner::Inferred))
    }

    /// Keeps the newest [`HISTORY`].
    pub(super) fn forget_old_attempts(&mut self) {
        let old = self.attempts.len().saturating_sub(HISTORY);
        self.attempts.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, attempt, id, intend, seen_active, seen_building, state};
    use super::super::{Entry, State};
    use super::*;

    /// Where each step leads from each status; `-` is refused. The observations
    /// are the first table of docs/state-file.md, the actions the second.
    const TABLE: &str = "
        step              pending      in_progress  active       failed
        SeenActive        active       active       active       active
        SeenBuilding      in_progress  in_progress  in_progress  in_progress
        SeenAbsent        pending      pending      pending      failed
        SeenDeleting      pending      in_progress  active       failed
        SeenConflict      pending      in_progress  active       failed
        Obstacle          pending      in_progress  active       failed
        Intend            in_progress  in_progress  -            -
        IntendRetry       -            -            -            in_progress
        Acknowledge       -            in_progress  -            -
        Refused           -            in_progress  -            -
        Queued            -            in_progress  -            -
        Lost              -            in_progress  -            -
        Vanished          -            in_progress  -            -
        GiveUp            -            failed       -            -
        Withdraw          -            pending      -            -
        TimedOut          -            in_progress  in_progress  -
        IntendDelete      -            in_progress  active       -
        DeleteFailed      -            in_progress  active       -
        DeleteQueued      -            in_progress  active       -
        DeleteAcknowledged -           in_progress  active       -
        Deleted           -            pending      pending      -
        Validated         -            -            active       -
        ToldPending       pending      pending      pending      -
        ToldInProgress    in_progress  in_progress  in_progress  in_progress
        ToldActive        active       active       active       active
        ToldFailed        -            failed       -            failed
    ";

    fn step(name: &str) -> Step {
        let told = |status| Step::Told { at: at(9), status, retry_count: None, error: None };
        let text = || "why".to_owned();
        match name {
            "SeenActive" => seen_active(9, None),
            "SeenBuilding" => seen_building(None),
            "SeenAbsent" => Step::SeenAbsent,
            "SeenDeleting" => Step::SeenDeleting,
            "SeenConflict" => Step::SeenConflict { reason: text() },
            "Obstacle" => Step::Obstacle { reason: text() },
            "Intend" => intend(9, None),
            "IntendRetry" => Step::IntendRetry { at: at(9), table_id: None, spec: text() },
            "Acknowledge" => Step::Acknowledge,
            "Refused" => Step::Refused { attempt: attempt(9) },
            "Queued" => Step::Queued { said: text() },
            "Lost" => Step::Lost { attempt: attempt(9) },
            "Vanished" => Step::Vanished { attempt: attempt(9) },
            "DeleteAcknowledged" => Step::DeleteAcknowledged { at: at(9) },
            "GiveUp" => Step::GiveUp { error: text() },
            "Withdraw" => Step::Withdraw,
            "TimedOut" => Step::TimedOut { error: text() },
            "IntendDelete" => Step::IntendDelete { at: at(9) },
            "DeleteQueued" => Step::DeleteQueued { said: text() },
            "DeleteFailed" => Step::DeleteFailed { attempt: attempt(9) },
            "Deleted" => Step::Deleted { at: at(9) },
            "Validated" => Step::Validated { value: "functional".into() },
            "ToldPending" => told(Status::Pending),
            "ToldInProgress" => told(Status::InProgress),
            "ToldActive" => told(Status::Active),
            "ToldFailed" => told(Status::Failed),
            other => panic!("the table has an unknown step {other}"),
        }
    }

    #[test]
    fn a_refusal_is_forgotten_where_the_index_is_seen_being_built() {
        let steps = [
            (Step::Queued { said: "busy".to_owned() }, None),
            (Step::Refused { attempt: attempt(9) }, None),
            (Step::Lost { attempt: attempt(9) }, Some(attempt(9).message)),
            (Step::TimedOut { error: "late".to_owned() }, Some("late".to_owned())),
        ];
        for (step, expected) in steps {
            let mut entry = Entry::pending();
            for step in [intend(1, None), step.clone(), seen_building(None)] {
                entry.take(step).unwrap();
            }
            assert_eq!(entry.last_error, expected, "{step:?}");
        }
    }

    #[test]
    fn every_step_leads_from_every_status_where_the_table_says() {
        let rows = TABLE.lines().map(str::split_whitespace);
        let mut cells = 0;
        for mut row in rows.filter(|row| row.clone().count() == 5).skip(1) {
            let name = row.next().unwrap();
            for (from, expected) in Status::ALL.into_iter().zip(row) {
                let found = next_status(from, &step(name)).map_or("-", Status::as_str);
                assert_eq!(found, expected, "{name} from {from}");
                cells += 1;
            }
        }
        assert_eq!(cells, 26 * 4);
    }

    #[test]
    fn a_refused_step_leaves_the_entry_as_it_was() {
        for status in Status::ALL {
            for name in ["Intend", "IntendRetry", "Lost", "Withdraw", "Deleted"] {
                let mut entry = Entry::pending();
                entry.status = status;
                let before = entry.clone();
                if entry.take(step(name)).is_none() {
                    assert_eq!(entry, before, "{name} from {status}");
                }
            }
        }
    }

    /// One state of one index, told one step after the other.
    fn after(steps: impl IntoIterator<Item = Step>) -> Entry {
        let state = told(steps);
        state.entry(&id("bookings", "by-flight")).unwrap().clone()
    }

    fn told(steps: impl IntoIterator<Item = Step>) -> State {
        let index = id("bookings", "by-flight");
        let mut state = state(std::slice::from_ref(&index));
        for step in steps {
            state.apply(&index, step).unwrap();
        }
        state
    }

    fn owner(steps: impl IntoIterator<Item = Step>) -> Option<Owner> {
        after(steps).record().owner
    }

    #[test]
    fn an_unknown_index_and_an_illegal_step_are_told_apart() {
        let mut state = told([]);
        let stranger = id("bookings", "stranger");
        let error = state.apply(&stranger, Step::SeenAbsent).unwrap_err();
        assert_eq!(error.to_string(), "the state has no entry for bookings.stranger");
        let known = id("bookings", "by-flight");
        let error = state.apply(&known, Step::Withdraw).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bookings.by-flight is pending: it cannot withdraw the intent to create it"
        );
    }

    #[test]
    fn an_acknowledged_create_makes_the_index_ours() {
        let steps = [intend(1, Some("T1")), Step::Acknowledge, seen_active(5, Some("T1"))];
        let entry = after(steps);
        assert_eq!(entry.record().owner, Some(Owner::Run));
        assert_eq!(entry.creation_time(), Some(at(1)));
        assert_eq!(entry.record().activated_at, Some(at(5)));
        assert_eq!(
            (entry.retry_count(), entry.status()),
            (0, Status::Active),
            "success at the first try counts no retry"
        );
    }

    #[test]
    fn without_an_acknowledgement_ownership_is_inferred() {
        assert_eq!(owner([intend(1, None)]), Some(Owner::Inferred));
        let lost = Step::Lost { attempt: attempt(2) };
        let steps = [intend(1, None), lost, seen_building(None)];
        assert_eq!(owner(steps.clone()), Some(Owner::Inferred));
        let active = steps.into_iter().chain([seen_active(9, None)]);
        assert_eq!(owner(active), Some(Owner::Inferred));
    }

    #[test]
    fn what_was_there_before_any_intent_is_found() {
        assert_eq!(owner([seen_active(1, None)]), Some(Owner::Found));
        assert_eq!(owner([seen_building(None)]), Some(Owner::Found));
    }

    #[test]
    fn an_index_on_a_table_with_another_id_is_found() {
        let ours = [intend(1, Some("T1")), Step::Acknowledge, seen_active(5, Some("T1"))];
        let moved = ours.clone().into_iter().chain([seen_active(9, Some("T2"))]);
        let entry = after(moved);
        assert_eq!(entry.record().owner, Some(Owner::Found));
        assert_eq!(entry.record().table_id.as_deref(), Some("T2"));
        assert!(!entry.record().acknowledged);
        let untold = ours.into_iter().chain([seen_active(9, None)]);
        assert_eq!(owner(untold), Some(Owner::Found), "what was told once is missed");
        let never_told = [intend(1, None), Step::Acknowledge, seen_active(9, Some("T1"))];
        assert_eq!(owner(never_told), Some(Owner::Run), "nothing contradicts it");
    }

    #[test]
    fn an_index_that_somebody_made_again_is_found() {
        let ours = || [intend(1, None), Step::Acknowledge, seen_active(5, None)];
        for between in [Step::SeenAbsent, Step::SeenDeleting, seen_building(None)] {
            let steps = ours().into_iter().chain([between.clone(), seen_active(9, None)]);
            assert_eq!(owner(steps), Some(Owner::Found), "{between:?}");
        }
    }

    #[test]
    fn what_rollback_deleted_is_never_owned_by_that_intent_again() {
        let steps = [
            intend(1, None),
            Step::Acknowledge,
            seen_active(5, None),
            Step::Deleted { at: at(7) },
            seen_active(9, None),
        ];
        let entry = after(steps);
        assert_eq!(entry.record().owner, Some(Owner::Found));
        assert_eq!(entry.record().deleted_at, Some(at(7)));
    }

    #[test]
    fn an_acknowledged_delete_ends_the_ownership_before_the_index_is_seen_gone() {
        let deleted = || {
            let ours = [intend(1, None), Step::Acknowledge, seen_active(5, None)];
            let ours = ours.into_iter().chain([Step::IntendDelete { at: at(6) }]);
            ours.chain([Step::DeleteAcknowledged { at: at(7) }])
        };
        let entry = after(deleted());
        assert_eq!((entry.status(), entry.record().owner), (Status::Active, None));
        assert_eq!(entry.record().deleted_at, Some(at(7)));
        assert_eq!(entry.record().delete_intent_at, Some(at(6)), "it is still waited for");
        let another = after(deleted().chain([seen_active(9, None)]));
        assert_eq!(another.record().owner, Some(Owner::Found));
        assert_eq!(another.record().delete_intent_at, None);
    }

    #[test]
    fn what_was_acknowledged_and_is_gone_counts_as_an_attempt_and_is_not_ours() {
        let vanished = Step::Vanished { attempt: attempt(3) };
        let entry = after([intend(1, None), Step::Acknowledge, vanished]);
        assert_eq!((entry.retry_count(), entry.record().owner), (1, None));
        assert_eq!(entry.record().attempts.len(), 1);
    }

    #[test]
    fn an_acknowledgement_without_an_intent_of_ours_makes_nothing_ours() {
        let steps = [seen_building(None), Step::Acknowledge];
        assert_eq!(owner(steps), Some(Owner::Found));
        let moved = [intend(1, Some("T1")), seen_building(Some("T2")), Step::Acknowledge];
        assert_eq!(owner(moved), Some(Owner::Found));
    }

    #[test]
    fn a_refused_create_leaves_nothing_to_own() {
        let refused = Step::Refused { attempt: attempt(2) };
        let steps = [intend(1, None), refused, seen_active(3, None)];
        assert_eq!(owner(steps), Some(Owner::Found));
    }

    #[test]
    fn another_definition_under_the_name_is_told_and_found() {
        let reason = "KeySchema differs".to_owned();
        let entry = after([Step::SeenConflict { reason }]);
        assert_eq!(entry.status(), Status::Pending);
        assert_eq!(entry.last_error(), Some("KeySchema differs"));
        assert_eq!(entry.record().owner, Some(Owner::Found));
    }

    #[test]
    fn only_failures_count_and_success_clears_the_error() {
        let queued = Step::Queued { said: "busy".to_owned() };
        let refused = |n| Step::Refused { attempt: attempt(n) };
        let steps = [
            intend(1, None),
            queued,
            intend(2, None),
            refused(2),
            intend(3, None),
            Step::Lost { attempt: attempt(3) },
        ];
        let entry = after(steps.clone());
        assert_eq!(entry.retry_count(), 2);
        assert_eq!(entry.last_error(), Some("ThrottlingException: slow down (3)"));
        assert_eq!(entry.creation_time(), Some(at(1)), "the first intent stays the creation time");
        assert_eq!(entry.record().intent_at, Some(at(3)));
        let entry = after(steps.into_iter().chain([seen_active(9, None)]));
        assert_eq!((entry.retry_count(), entry.last_error()), (2, None));
    }

    #[test]
    fn a_retry_counts_anew_and_keeps_the_history() {
        let steps = [
            intend(1, None),
            Step::Refused { attempt: attempt(2) },
            Step::GiveUp { error: "gave up".to_owned() },
        ];
        let entry = after(steps.clone());
        assert_eq!((entry.status(), entry.last_error()), (Status::Failed, Some("gave up")));
        let entry = after(steps.into_iter().chain([step("IntendRetry")]));
        assert_eq!((entry.retry_count(), entry.last_error()), (0, None));
        assert_eq!(entry.record().attempts.len(), 1);
        assert_eq!(entry.creation_time(), Some(at(1)));
    }

    #[test]
    fn the_history_keeps_the_newest_attempts() {
        let lost = |n| Step::Lost { attempt: attempt(n) };
        let steps = (0..50).flat_map(|n| [intend(n, None), lost(n)]);
        let entry = after(steps);
        let history = &entry.record().attempts;
        assert_eq!((history.len(), entry.retry_count()), (HISTORY, 50));
        assert_eq!((history[0].at, history[HISTORY - 1].at), (at(30), at(49)));
    }

    #[test]
    fn a_struck_time_out_leaves_the_build_going_on() {
        let error = "still CREATING".to_owned();
        let steps =
            [intend(1, None), Step::Acknowledge, Step::TimedOut { error }, seen_building(None)];
        let entry = after(steps);
        assert_eq!(entry.status(), Status::InProgress);
        assert_eq!(entry.last_error(), Some("still CREATING"));
        assert_eq!(entry.record().owner, Some(Owner::Run));
    }

    #[test]
    fn times_are_kept_in_whole_seconds() {
        let at = Timestamp::from_millis(1_770_000_000_999);
        let entry = after([
            Step::Intend { at, table_id: None, spec: String::new() },
            Step::SeenActive { at, table_id: None },
        ]);
        assert_eq!(entry.creation_time(), Some(at.whole_seconds()));
        assert_eq!(entry.record().activated_at, Some(at.whole_seconds()));
    }

    #[test]
    fn being_told_never_makes_an_index_ours() {
        let told = |status| Step::Told {
            at: at(4),
            status,
            retry_count: Some(2),
            error: Some("slow".to_owned()),
        };
        let entry = after([told(Status::InProgress)]);
        assert_eq!((entry.retry_count(), entry.last_error()), (2, Some("slow")));
        assert_eq!(entry.creation_time(), Some(at(4)));
        let entry = after([told(Status::InProgress), told(Status::Active)]);
        assert_eq!(entry.record().owner, Some(Owner::Found));
        assert_eq!((entry.retry_count(), entry.last_error()), (2, None));
    }
}
