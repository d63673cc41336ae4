//! Attempts of one index that failed: what was refused, lost, or taken away again.

use std::time::Duration;

use super::Scene;
use super::job::{Job, Phase, Task};
use super::outcome::Verdict;
use super::removal::who_works_against;
use crate::call::{CallError, Effect as Applied, ErrorKind};
use crate::catalog::TableDescription;
use crate::event::{AttemptFailure, Event, Queue};
use crate::retry::{BUSY_THOUGH_ACTIVE, Decision, Rule, Situation, Then};
use crate::state::{Attempt, Step};
use crate::time::Timestamp;

impl Job {
    /// DynamoDB had acknowledged it, and it is gone: somebody or something else works
    /// against this run. It counts, or two of them would go on for ever.
    pub(super) fn on_taken_away(&mut self, scene: &mut Scene<'_>) {
        self.came = false;
        self.failures += 1;
        let left = self.failures < scene.policy.max_attempts;
        let delay = left.then(|| scene.policy.delay(self.failures));
        let error = CallError {
            kind: ErrorKind::Server,
            effect: Applied::NotApplied,
            code: "Vanished".to_owned(),
            message: "DynamoDB acknowledged its creation, and the index is gone".to_owned(),
        };
        let failure = Failure { error: &error, strategy: "create-again", delay };
        scene.step(self.id(), Step::Vanished { attempt: failure.attempt(scene.now) });
        self.tell_failure(&failure, scene);
        match delay {
            Some(delay) => self.want_again(scene.now + delay, scene),
            None => self.give_up(error.message, self.remedy_against_others(), scene),
        }
    }

    fn remedy_against_others(&self) -> String {
        format!("{}; then run again with --retry-failed", who_works_against(&self.id().table))
    }

    /// Our create was refused because something was in its way, and the
    /// description does not show the index.
    pub(super) fn settle_refusal(
        &mut self,
        table: Option<&TableDescription>,
        scene: &mut Scene<'_>,
    ) {
        let Phase::Refused { error, at } = &self.phase else {
            return;
        };
        let (error, at) = (error.clone(), *at);
        let busy = table.is_some_and(|t| !t.is_free());
        match error.kind {
            _ if busy => self.phase = Phase::Wanted(scene.now),
            ErrorKind::TableBusy => {
                self.refused_without_cause(&error, "busy-though-active", scene);
            }
            // What it shows is older than the refusal.
            ErrorKind::IndexBusy | ErrorKind::IndexExists if self.may_be_unseen(at, scene) => {}
            ErrorKind::IndexBusy | ErrorKind::IndexExists => {
                self.refused_without_cause(&error, "shown-by-no-description", scene);
            }
            // Something has the table's slot that descriptions do not show.
            ErrorKind::OtherIndexBuilding => {
                self.wait_in(Queue::OtherIndex(None), scene);
                self.phase = Phase::Wanted(scene.now + BUSY_THOUGH_ACTIVE);
            }
            _ => self.phase = Phase::Wanted(scene.now),
        }
    }

    /// No description shows what DynamoDB refuses for: an attempt is used up.
    fn refused_without_cause(
        &mut self,
        error: &CallError,
        strategy: &'static str,
        scene: &mut Scene<'_>,
    ) {
        self.failures += 1;
        let delay = (self.failures < scene.policy.max_attempts).then_some(BUSY_THOUGH_ACTIVE);
        self.record(&Failure { error, strategy, delay }, scene);
        match delay {
            Some(delay) => self.phase = Phase::Wanted(scene.now + delay),
            None => self.give_up(error.to_string(), self.remedy(), scene),
        }
    }

    /// What the decision about a failed create rests on.
    pub(super) fn situation(&self, kind: ErrorKind, building: usize) -> Situation {
        Situation { failures: self.failures, building, repeated: self.last_kind == Some(kind) }
    }

    /// Does what was decided about a failed create, as far as it is this index's.
    pub(super) fn on_error(
        &mut self,
        error: &CallError,
        decision: Decision,
        scene: &mut Scene<'_>,
    ) {
        self.failures += u32::from(decision.counts);
        self.last_kind = Some(error.kind);
        let failure = Failure {
            error,
            strategy: decision.strategy.as_str(),
            delay: match decision.then {
                Then::Retry(delay) | Then::Hold(delay) | Then::AwaitCredentials(delay) => {
                    Some(delay)
                }
                Then::Look | Then::AwaitSlot => Some(Duration::ZERO),
                Then::GiveUp => None,
            },
        };
        if error.effect == Applied::Unknown {
            let attempt = failure.attempt(scene.now);
            scene.step(self.id(), self.failed_step(attempt));
            self.tell_failure(&failure, scene);
            let retry_at = scene.now + failure.delay.unwrap_or_default();
            self.phase = Phase::Sent { at: scene.now, lost: true, retry_at };
            return;
        }
        if decision.counts {
            self.record(&failure, scene);
        } else if matches!(self.task, Task::Create { .. }) {
            scene.step(self.id(), Step::Refused { attempt: None, counted: false });
        }
        match decision.then {
            Then::Look => self.phase = Phase::Refused { error: error.clone(), at: scene.now },
            Then::GiveUp => {
                let remedy = Rule::of(error.kind).remedy_for(self.id());
                self.give_up(error.to_string(), remedy, scene);
            }
            Then::AwaitSlot | Then::Hold(_) => self.phase = Phase::Wanted(scene.now),
            Then::Retry(delay) | Then::AwaitCredentials(delay) => {
                self.phase = Phase::Wanted(scene.now + delay);
            }
        }
    }

    /// A refusal that used up an attempt: in the history, and told.
    fn record(&self, failure: &Failure<'_>, scene: &mut Scene<'_>) {
        let attempt = failure.attempt(scene.now);
        let step = match self.task {
            Task::Create { .. } => Step::Refused { attempt: Some(attempt), counted: true },
            Task::Delete(_) => Step::DeleteFailed { attempt },
        };
        scene.step(self.id(), step);
        self.tell_failure(failure, scene);
    }

    /// The answer was lost.
    fn failed_step(&self, attempt: Attempt) -> Step {
        match self.task {
            Task::Create { .. } => Step::Lost { attempt },
            Task::Delete(_) => Step::DeleteFailed { attempt },
        }
    }

    fn tell_failure(&self, failure: &Failure<'_>, scene: &mut Scene<'_>) {
        let failure = AttemptFailure {
            attempt: self.failures,
            max_attempts: scene.policy.max_attempts,
            code: failure.error.code.clone(),
            message: failure.error.to_string(),
            strategy: failure.strategy,
            delay: failure.delay,
        };
        scene.tell(Event::AttemptFailed { id: self.id().clone(), failure });
    }

    pub(super) fn give_up(&mut self, error: String, remedy: String, scene: &mut Scene<'_>) {
        // An index that could not be deleted stands as it did.
        if matches!(self.task, Task::Create { .. }) {
            scene.step(self.id(), Step::GiveUp { error: error.clone() });
        }
        let (id, told, hint) = (self.id().clone(), error.clone(), remedy.clone());
        scene.tell(Event::Failed { id, error: told, remedy: hint });
        self.end(Verdict::Failed { error, remedy });
    }

    pub(super) fn remedy(&self) -> String {
        Rule::of(self.last_kind.unwrap_or(ErrorKind::Server)).remedy_for(self.id())
    }
}

/// One failed attempt, and what was decided about it.
struct Failure<'a> {
    error: &'a CallError,
    strategy: &'static str,
    delay: Option<Duration>,
}

impl Failure<'_> {
    /// As the history keeps it.
    fn attempt(&self, at: Timestamp) -> Attempt {
        Attempt {
            at,
            kind: self.error.code.clone(),
            message: self.error.to_string(),
            strategy: self.strategy.to_owned(),
            delay_seconds: self.delay.map_or(0, |d| d.as_secs()),
        }
    }
}
