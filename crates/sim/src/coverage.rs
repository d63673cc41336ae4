//! Which rows of the two tables of the program were met: that of the statuses
//! (docs/state-file.md) and that of the errors (docs/errors.md).

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{CallError, ErrorKind};
use gsictl_core::event::{Event, Queue};
use gsictl_core::name::IndexId;
use gsictl_core::state::Status;
use gsictl_core::time::Timestamp;

macro_rules! rows {
    ($($row:ident = $text:literal),+ $(,)?) => {
        /// One row, or one of the cases that a row has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Row {
            $(#[doc = $text] $row,)+
        }

        /// Every row with its words.
        pub const ROWS: &[(Row, &str)] = &[$((Row::$row, $text),)+];
    };
}

rows! {
    ActiveFromPending = "status: seen ACTIVE, was pending",
    ActiveFromInProgress = "status: seen ACTIVE, was in progress",
    ActiveFromFailed = "status: seen ACTIVE, was failed",
    AdoptedFromPending = "status: seen CREATING, was pending",
    AdoptedFromActive = "status: seen CREATING, was active",
    AdoptedFromFailed = "status: seen CREATING, was failed",
    AbsentFromInProgress = "status: seen absent, was in progress",
    AbsentFromActive = "status: seen absent, was active",
    Deleting = "status: seen DELETING and waited for",
    OtherKeys = "status: other keys under the name, an obstacle",
    Intended = "status: pending to in progress, the intent is saved",
    FailedForGood = "status: in progress to failed, refused for good",
    AttemptsUsedUp = "status: in progress to failed, attempts used up",
    Withdrawn = "status: in progress to pending, stopped before it was applied",
    Retried = "status: failed to in progress, --retry-failed",
    Deleted = "status: active to pending, rollback deleted it",

    TableBusy = "error: table busy, waited for",
    BusyThoughActive = "error: refused though nothing is shown in the way, waited for",
    IndexBusy = "error: the index itself is being created or deleted",
    OtherIndex = "error: another index is being built on the table",
    AccountOurs = "error: too many operations in the account, some ours",
    AccountOthers = "error: too many operations in the account, none ours",
    AccountRaised = "error: the concurrency is raised again",
    QuotaReached = "error: index quota reached",
    AttributesMerged = "error: attribute definitions conflict, merged",
    AttributesForGood = "error: attribute definitions conflict, for good",
    ExistsAdopted = "error: index already exists, adopted",
    ExistsConflict = "error: index already exists, with other keys",
    Validation = "error: another ValidationException",
    AccessDenied = "error: access denied",
    NoTable = "error: no such table",
    Throttled = "error: throttled",
    Server = "error: 5xx",
    Connection = "error: connection lost",
    Timeout = "error: time-out",
    LostAndFound = "error: the answer was lost, and the create was applied",
    LostAndRepeated = "error: the answer was lost, and the create was repeated",
    FirstContact = "error: the first contact fails fast",
    CredentialsLost = "error: credentials expired, waited for",
    CredentialsBack = "error: credentials good again",
    LookFailed = "error: a failed look is repeated less and less often",

    Rate = "error: the account's limiter of changes",
    UnknownLimit = "error: a limit that nobody knows",
    Decreases = "error: capacity was decreased too often",
    NoReason = "error: in use, and no reason is told",
    BusyUnseen = "error: in use, and the newest description shows nothing of it",
    IndexUpdating = "error: the capacity of an index is being changed",

    LateShown = "an acknowledged index was shown after more than a minute",
    VectorBuilding = "a vector index was seen being built",
    ReplicaBusy = "a replica was seen in creation or deletion",
    Retuned = "an index was seen UPDATING",
    ReadyAtHomeAlone = "an index was seen ready at home and not yet everywhere",
    RegionAway = "another region could not be asked",
    QuotaRaised = "an index beyond the default quota was accepted",

    ObstacleNoTable = "obstacle: no such table",
    ObstacleType = "obstacle: an attribute of another type",
    ObstacleDenied = "obstacle: the table may not be described",
    TimedOut = "the activation time-out struck",
    LeftFailed = "a failed index was left alone",
    SaveFailed = "a save failed and the run stopped",
    Stopped = "a polite stop",
    Archived = "the state was archived",
    Kept = "a rollback left an index alone",
    Gone = "a rollback found an index gone",
    Undecidable = "a rollback deleted what others had made again: unseen, or while its call was on the way",
    Superseded = "a state beside a newer one of its lineage, and refused",
    OfArchive = "a rollback of an archive that was named",
    Declined = "a rollback was told no, and kept what it had seen",
    Restored = "a copy of the directory was put back",
    Foes = "somebody undid a change of ours",
    Finished = "what was killed at its end was finished by a later run",
    SavedPlan = "a saved plan was carried out",
    StalePlan = "a saved plan was out of date, and refused",
    Functional = "a validation found an index functional",
    NotFunctional = "a validation found an index not functional",
}

/// How often each row was met.
#[derive(Clone, Debug)]
pub struct Coverage([u64; ROWS.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; ROWS.len()])
    }
}

impl Coverage {
    /// A row was met.
    pub fn hit(&mut self, row: Row) {
        self.0[row as usize] += 1;
    }

    /// How often.
    #[must_use]
    pub fn count(&self, row: Row) -> u64 {
        self.0[row as usize]
    }

    /// Adds what another part has met.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// The rows that were never met.
    pub fn missed(&self) -> impl Iterator<Item = &'static str> {
        ROWS.iter().filter(|(row, _)| self.count(*row) == 0).map(|(_, text)| *text)
    }

    /// An entry went from one status to another between two saves. `intended`
    /// says that a new intent of ours was saved with it, `stopping` that the run
    /// had been asked to stop, and so looked no more.
    pub(crate) fn moved(&mut self, from: &str, to: &str, intended: bool, stopping: bool) {
        let row = match (from, to) {
            ("pending", "active") => Row::ActiveFromPending,
            ("in_progress", "active") => Row::ActiveFromInProgress,
            ("failed", "active") => Row::ActiveFromFailed,
            ("pending", "in_progress") if intended => Row::Intended,
            ("pending", "in_progress") => Row::AdoptedFromPending,
            ("active", "in_progress") if !intended => Row::AdoptedFromActive,
            ("in_progress", "pending") if stopping => Row::Withdrawn,
            ("failed", "in_progress") if intended => Row::Retried,
            ("failed", "in_progress") => Row::AdoptedFromFailed,
            _ => return,
        };
        self.hit(row);
    }

    /// A create was answered with an error. `unseen` says that the newest description
    /// shows nothing in the way.
    pub(crate) fn refused(&mut self, error: &CallError, unseen: bool) {
        if error.code == "ResourceInUseException" {
            let rows = [
                (unseen, Row::BusyUnseen),
                (error.message.contains("attempting to change is in use"), Row::NoReason),
                (error.message.contains("Index is being updated"), Row::IndexUpdating),
            ];
            rows.iter().filter(|(met, _)| *met).for_each(|(_, row)| self.hit(*row));
        }
        let row = match error.kind {
            ErrorKind::ControlPlaneRate => Row::Rate,
            ErrorKind::UnknownLimit => Row::UnknownLimit,
            ErrorKind::DecreaseLimit => Row::Decreases,
            ErrorKind::TableBusy => Row::TableBusy,
            ErrorKind::IndexBusy => Row::IndexBusy,
            ErrorKind::OtherIndexBuilding => Row::OtherIndex,
            ErrorKind::QuotaReached => Row::QuotaReached,
            ErrorKind::Validation => Row::Validation,
            ErrorKind::AccessDenied => Row::AccessDenied,
            ErrorKind::TableNotFound => Row::NoTable,
            ErrorKind::Throttled => Row::Throttled,
            ErrorKind::Server => Row::Server,
            ErrorKind::Connection => Row::Connection,
            ErrorKind::Timeout => Row::Timeout,
            _ => return,
        };
        self.hit(row);
    }

    /// What a run told, from its first event to its last.
    pub(crate) fn told(&mut self, events: &[(Timestamp, Event)]) {
        let mut story = Story::default();
        for (_, event) in events {
            story.goes_on(event, self);
        }
    }
}

/// What the rows need to know of what was told before.
#[derive(Default)]
struct Story {
    limit: Option<usize>,
    last_failure: BTreeMap<IndexId, Failure>,
    begun: BTreeSet<IndexId>,
}

#[derive(Clone)]
struct Failure {
    strategy: &'static str,
    used_up: bool,
}

impl Story {
    fn goes_on(&mut self, event: &Event, met: &mut Coverage) {
        match event {
            Event::Missing { was: Status::InProgress, .. } => met.hit(Row::AbsentFromInProgress),
            Event::Missing { was: Status::Active, .. } => met.hit(Row::AbsentFromActive),
            Event::AwaitingDeletion(_) => met.hit(Row::Deleting),
            Event::Queued { queue: Queue::LooksIdle { .. }, .. } => met.hit(Row::BusyThoughActive),
            Event::Queued { queue: Queue::AccountLimit { .. }, .. } => met.hit(Row::AccountOurs),
            Event::Queued { queue: Queue::AccountHeld { .. }, .. } => met.hit(Row::AccountOthers),
            Event::ConcurrencyChanged { limit } => {
                if self.limit.is_some_and(|before| before < *limit) {
                    met.hit(Row::AccountRaised);
                }
                self.limit = Some(*limit);
            }
            Event::AttemptFailed { id, failure } => {
                let used_up = failure.attempt >= failure.max_attempts;
                let failure = Failure { strategy: failure.strategy, used_up };
                self.last_failure.insert(id.clone(), failure);
            }
            Event::Recovered(_) => met.hit(Row::LostAndFound),
            Event::Creating { id, .. } => {
                let backoff = self.last_failure.get(id).is_some_and(|f| f.strategy == "backoff");
                if backoff {
                    met.hit(Row::LostAndRepeated);
                }
                self.begun.insert(id.clone());
            }
            Event::Accepted(id) => {
                let merged = |f: Failure| f.strategy == "merge-attributes";
                if self.last_failure.remove(id).is_some_and(merged) {
                    met.hit(Row::AttributesMerged);
                }
            }
            Event::Adopted { id, .. } if self.begun.contains(id) => met.hit(Row::ExistsAdopted),
            Event::Failed { id, error, .. } => self.failed(id, error, met),
            Event::Obstructed { reason, .. } => obstacle(reason, met),
            Event::TimedOut { .. } => met.hit(Row::TimedOut),
            Event::LeftFailed { .. } => met.hit(Row::LeftFailed),
            Event::CredentialsLost { .. } => met.hit(Row::CredentialsLost),
            Event::CredentialsBack => met.hit(Row::CredentialsBack),
            Event::LookFailed { .. } => met.hit(Row::LookFailed),
            Event::SaveFailed { .. } => met.hit(Row::SaveFailed),
            Event::Deleted { .. } => met.hit(Row::Deleted),
            Event::Kept { .. } => met.hit(Row::Kept),
            Event::Gone(_) => met.hit(Row::Gone),
            Event::Stopping => met.hit(Row::Stopped),
            _ => {}
        }
    }

    fn failed(&mut self, id: &IndexId, error: &str, met: &mut Coverage) {
        let failure = self.last_failure.get(id);
        let used_up = failure.is_some_and(|f| f.used_up);
        met.hit(if used_up { Row::AttemptsUsedUp } else { Row::FailedForGood });
        if error.contains("redefined") || error.contains("is of type") {
            met.hit(Row::AttributesForGood);
        }
        if error.contains("another definition") {
            met.hit(Row::ExistsConflict);
        }
    }
}

fn obstacle(reason: &str, met: &mut Coverage) {
    let rows = [
        ("does not exist", Row::ObstacleNoTable),
        ("is of type", Row::ObstacleType),
        ("cannot be described", Row::ObstacleDenied),
        ("another definition", Row::OtherKeys),
    ];
    if let Some((_, row)) = rows.iter().find(|(words, _)| reason.contains(words)) {
        met.hit(*row);
    }
}
