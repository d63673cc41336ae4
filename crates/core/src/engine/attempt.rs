//! Attempts of one index that failed: what was refused, lost, or taken away again.

use std::time::Duration;

use super::Scene;
use super::job::{Job, Phase, Task};
use super::outcome::Verdict;
use super::removal::who_works_against;
use crate::call::{CallError, Effect as Applied, ErrorKind};
use crate::catalog::TableDescription;
use crate::event::{AttemptFailure, Event, Queue};
use crate::retry::{Decision, Rule, Situation, Strategy, Then, busy_delay, remedy_for};
use crate::state::{Attempt, Step};
use crate::time::Timestamp;

/// A delete that was refused for so long during a build is one that the engine does not
/// take then: allocation, in which DynamoDB refuses it, lasts a minute at most
/// (docs/dynamodb.md: allocation).
const UNINTERRUPTED: Duration = Duration::from_secs(120);

/// Refusals in a row of one kind of queue, since something was last seen in the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusals {
    strategy: Strategy,
    since: Timestamp,
    times: u32,
    /// What was said is as true of the table's other indexes.
    of_table: bool,
}

/// One queue, whether a text names the table or an index of it.
fn group(strategy: Strategy) -> Strategy {
    match strategy {
        Strategy::AwaitIndex => Strategy::AwaitTable,
        other => other,
    }
}

/// A table does one thing at a time: busy with one of its indexes it takes no change of
/// another (docs/dynamodb.md: one-slot, in-use).
pub(super) fn is_of_table(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TableBusy | ErrorKind::IndexBusy | ErrorKind::OtherIndexBuilding)
}

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

    /// Our change was refused because something was in its way: what a description of
    /// after the refusal makes of it.
    pub(super) fn settle_refusal(
        &mut self,
        table: Option<&TableDescription>,
        scene: &mut Scene<'_>,
    ) {
        let Phase::Refused { error, at } = &self.phase else {
            return;
        };
        let (error, at) = (error.clone(), *at);
        if table.is_some_and(|table| !self.may_start_on(table)) {
            // That is what it was refused for: its turn comes when it is gone.
            self.refusals = None;
            self.phase = Phase::Wanted(scene.now);
            return;
        }
        match error.kind {
            // What it shows may be older than the refusal (docs/dynamodb.md: stale).
            ErrorKind::IndexExists | ErrorKind::NothingToChange
                if self.may_be_unseen(at, scene) => {}
            ErrorKind::IndexExists | ErrorKind::NothingToChange => {
                self.refused_without_cause(&error, scene);
            }
            ErrorKind::IndexBusy
                if matches!(self.task, Task::Create { .. })
                    && self.is_about_its_index(&error)
                    && self.may_be_unseen(at, scene) => {}
            kind if is_of_table(kind) => self.wait_though_idle(table, scene),
            _ => self.phase = Phase::Wanted(scene.now),
        }
    }

    /// AWS ends such a text with `Table: T Index: I`, and other engines name none.
    fn is_about_its_index(&self, error: &CallError) -> bool {
        let named =
            error.message.rsplit_once("Index: ").map(|(_, name)| name.trim_end_matches('.'));
        named.is_none_or(|name| name.trim() == self.id().index.as_str())
    }

    /// DynamoDB refuses although nothing that it shows is in the way: the table may be busy
    /// while its status is ACTIVE (docs/dynamodb.md: not-idle), and the refusal of a global
    /// table names no reason (docs/dynamodb.md: in-use-global). It waits longer each time,
    /// and not for ever.
    fn wait_though_idle(&mut self, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        let (times, since) = self.refusals.as_ref().map_or((1, scene.now), |r| (r.times, r.since));
        let wait = busy_delay(times);
        self.phase = Phase::Wanted(scene.now + wait);
        self.wait_in(Queue::LooksIdle { wait }, scene);
        if let Task::Delete(removal) = &mut self.task
            && table.is_some_and(|table| table.in_flight().next().is_some())
            && scene.now - since >= UNINTERRUPTED
        {
            // This engine takes no delete during a build: the end of that can be seen.
            removal.may_interrupt = false;
        }
    }

    /// A description shows something that is in the way, which it did not when DynamoDB
    /// refused the change: its turn comes as soon as that is gone.
    pub(super) fn on_cause_seen(&mut self, now: Timestamp) {
        if self.waits_though_idle() {
            self.refusals = None;
            self.phase = Phase::Wanted(now);
        }
    }

    /// It waits for something that no description shows.
    pub(super) fn waits_though_idle(&self) -> bool {
        self.refused_by_table().is_some()
    }

    /// When the table is asked again that refused this index for a reason of its own, and
    /// since when it has.
    pub(super) fn refused_by_table(&self) -> Option<(Timestamp, Refusals)> {
        let refusals = self.refusals.filter(|refusals| refusals.of_table)?;
        match self.phase {
            Phase::Wanted(at) => Some((at, refusals)),
            _ => None,
        }
    }

    /// It waits for what another index of its table was refused for, and has as long. A
    /// wait of its own is neither given up for that, nor given to the others.
    pub(super) fn share(&mut self, refusals: Refusals, now: Timestamp) {
        let Phase::Wanted(at) = self.phase else {
            return;
        };
        if self.refusals.as_ref().map_or(at <= now, |own| own.of_table) {
            self.refusals = Some(refusals);
        }
    }

    /// It waits for the account's limiter, a second or two.
    pub(super) fn waits_for_limiter(&self) -> bool {
        let queue = self.refusals.as_ref().is_some_and(|r| r.strategy == Strategy::SpaceOut);
        queue && matches!(self.phase, Phase::Wanted(_))
    }

    /// No description shows what DynamoDB refuses for: an attempt is used up.
    fn refused_without_cause(&mut self, error: &CallError, scene: &mut Scene<'_>) {
        self.failures += 1;
        let left = self.failures < scene.policy.max_attempts;
        let delay = left.then(|| scene.policy.delay(self.failures));
        self.record(&Failure { error, strategy: "shown-by-no-description", delay }, scene);
        match delay {
            Some(delay) => self.phase = Phase::Wanted(scene.now + delay),
            None => self.give_up(error.to_string(), self.remedy(), scene),
        }
    }

    /// What the decision about a failed change rests on.
    pub(super) fn situation(&self, now: Timestamp, kind: ErrorKind, building: usize) -> Situation {
        let group = group(Rule::of(kind).strategy);
        let refusals = self.refusals.as_ref().filter(|r| r.strategy == group);
        Situation {
            failures: self.failures,
            building,
            repeated: self.last.as_ref().is_some_and(|last| last.kind == kind),
            refused_for: refusals.map_or(Duration::ZERO, |r| now - r.since),
        }
    }

    fn note_refusal(&mut self, kind: ErrorKind, decision: Decision, now: Timestamp) {
        let strategy = group(decision.strategy);
        // A build of ours is in the way, and its end is seen.
        let named = decision.counts || decision.then == Then::AwaitSlot;
        self.refusals = match self.refusals.take() {
            _ if named => None,
            Some(r) if r.strategy == strategy => Some(Refusals { times: r.times + 1, ..r }),
            _ => Some(Refusals { strategy, since: now, times: 1, of_table: is_of_table(kind) }),
        };
    }

    /// Does what was decided about a failed change, as far as it is this index's.
    pub(super) fn on_error(
        &mut self,
        error: &CallError,
        decision: Decision,
        scene: &mut Scene<'_>,
    ) {
        self.failures += u32::from(decision.counts);
        self.note_refusal(error.kind, decision, scene.now);
        self.last = Some(error.clone());
        let failure = Failure {
            error,
            strategy: decision.strategy.as_str(),
            delay: match decision.then {
                Then::Retry(delay)
                | Then::Space(delay)
                | Then::Hold(delay)
                | Then::AwaitCredentials(delay) => Some(delay),
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
        } else {
            self.put_off(error, decision.strategy, scene);
        }
        match decision.then {
            Then::Look => self.phase = Phase::Refused { error: error.clone(), at: scene.now },
            Then::GiveUp => self.give_up(error.to_string(), self.remedy(), scene),
            Then::AwaitSlot | Then::Hold(_) => self.phase = Phase::Wanted(scene.now),
            Then::Retry(delay) | Then::Space(delay) | Then::AwaitCredentials(delay) => {
                self.phase = Phase::Wanted(scene.now + delay);
            }
        }
    }

    /// A refusal that uses up no attempt: AWS's words stand in `last_error` while it
    /// holds, and are told once.
    fn put_off(&mut self, error: &CallError, strategy: Strategy, scene: &mut Scene<'_>) {
        let said = error.to_string();
        let step = match self.task {
            Task::Create { .. } => Step::Queued { said: said.clone() },
            Task::Delete(_) => Step::DeleteQueued { said: said.clone() },
        };
        scene.step(self.id(), step);
        if self.told.insert(said.clone()) {
            let (id, strategy) = (self.id().clone(), strategy.as_str());
            scene.tell(Event::Refused { id, error: said, strategy });
        }
    }

    /// A refusal that used up an attempt: in the history, and told.
    fn record(&self, failure: &Failure<'_>, scene: &mut Scene<'_>) {
        let attempt = failure.attempt(scene.now);
        let step = match self.task {
            Task::Create { .. } => Step::Refused { attempt },
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
        if let Some(known) = &self.known_remedy {
            return known.clone();
        }
        match &self.last {
            Some(error) => remedy_for(error, self.id()),
            None => Rule::of(ErrorKind::Server).remedy_for(self.id()),
        }
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
