//! One index of a run: what was done for it, and what each description makes of it.
//! What is particular to deletions is in `removal`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Scene;
use super::attempt::Refusals;
use super::lane::grid;
use super::outcome::Verdict;
use super::removal::{Removal, who_works_against};
use crate::call::{Call, CallError, CreateIndex};
use crate::catalog::{InFlight, IndexDescription, Sighting, TableDescription};
use crate::definition::IndexDefinition;
use crate::event::{Event, Queue};
use crate::evidence::Evidence;
use crate::look::{Missing, Patience};
use crate::name::IndexId;
use crate::plan::{Finding, Obstacle, PlannedIndex, judge};
use crate::polling::{BuildAge, growing};
use crate::reminder::Reminder;
use crate::rollback::PlannedRemoval;
use crate::state::{Entry, Owner, Status, Step};
use crate::time::Timestamp;

/// Where one index is in this run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// Not yet held against a description in this run.
    New,
    /// To be created, not before this.
    Wanted(Timestamp),
    /// Our create may be or is applied, and no description shows it yet.
    Sent { at: Timestamp, lost: bool, retry_at: Timestamp },
    /// Our create was certainly not applied; the next description says what to do.
    Refused { error: CallError, at: Timestamp },
    /// A description shows it being built.
    Building { backfilling: bool },
    /// A description shows it being deleted.
    Leaving,
    /// Over, as far as this run goes.
    Done(Verdict),
}

/// What a job is there for.
#[derive(Debug)]
pub(super) enum Task {
    /// To have the index; whether this run may create it at all.
    Create { definition: Box<IndexDefinition>, may_start: bool, held_back: Option<Box<Obstacle>> },
    /// To be rid of it.
    Delete(Removal),
}

/// One index in the queue of its table.
#[derive(Debug)]
pub(super) struct Job {
    id: IndexId,
    pub(super) task: Task,
    pub(super) phase: Phase,
    pub(super) estimate: Duration,
    /// Attempts that failed in this run.
    pub(super) failures: u32,
    /// When the run began.
    pub(super) begun: Timestamp,
    /// When its build began, as far as is known.
    pub(super) since: Timestamp,
    pub(super) reminder: Reminder,
    /// Whether `since` is when it began, and not when it was found.
    pub(super) whole: bool,
    /// It was found in allocation, which is the first minute of a build.
    young: bool,
    /// When the newest description was asked for: of what came later it knows
    /// nothing, however late its answer came.
    pub(super) seen_at: Timestamp,
    /// It shows the table UPDATING.
    pub(super) updating: bool,
    /// DynamoDB acknowledged a create of this run, or showed the index being built:
    /// where it is gone afterwards, somebody or something else took it away.
    pub(super) came: bool,
    /// The newest error of a change, until one is accepted.
    pub(super) last: Option<CallError>,
    pub(super) refusals: Option<Refusals>,
    /// Refusals that were told, in AWS's words.
    pub(super) told: BTreeSet<String>,
    /// For how long its other regions were waited for.
    pub(super) patience: Patience,
    /// The regions in which it is not ready, where it is in the base.
    pub(super) missing: Vec<Missing>,
    /// It was deleted, and the base showed it gone first then.
    pub(super) gone_here: Option<Timestamp>,
    /// The base has shown it ready, and not every region has.
    pub(super) ready_here: bool,
    /// What a person can do, where more is known than the kind of the error.
    pub(super) known_remedy: Option<String>,
    queue: Option<Queue>,
}

impl Job {
    /// A job that is to have the index of `planned`.
    pub(super) fn to_have(now: Timestamp, planned: PlannedIndex, estimate: Duration) -> Self {
        let id = planned.definition.id.clone();
        let PlannedIndex { definition, may_start, held_back, .. } = planned;
        let (definition, held_back) = (Box::new(definition), held_back.map(Box::new));
        Self { estimate, ..Self::new(now, id, Task::Create { definition, may_start, held_back }) }
    }

    /// A job that is to be rid of the index of `planned`.
    pub(super) fn to_be_rid_of(now: Timestamp, planned: PlannedRemoval, inferred: bool) -> Self {
        let PlannedRemoval { id, standing } = planned;
        Self::new(now, id, Task::Delete(Removal::new(inferred, standing)))
    }

    fn new(now: Timestamp, id: IndexId, task: Task) -> Self {
        Self {
            id,
            task,
            phase: Phase::New,
            estimate: Duration::ZERO,
            failures: 0,
            begun: now,
            since: now,
            reminder: Reminder::default(),
            whole: false,
            young: false,
            seen_at: now,
            updating: false,
            came: false,
            last: None,
            refusals: None,
            told: BTreeSet::new(),
            patience: Patience::default(),
            missing: Vec::new(),
            gone_here: None,
            ready_here: false,
            known_remedy: None,
            queue: None,
        }
    }

    pub(super) fn id(&self) -> &IndexId {
        &self.id
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Done(_))
    }

    /// It holds the table's one slot, or may hold it.
    pub(super) fn is_building(&self) -> bool {
        let leaving = || self.phase == Phase::Leaving && matches!(self.task, Task::Delete(_));
        matches!(self.phase, Phase::Sent { .. } | Phase::Building { .. }) || leaving()
    }

    /// Nothing that `table` shows is in the way of its change. The build of an index that
    /// is to be deleted need not be: DynamoDB takes the delete in the second phase
    /// (docs/dynamodb.md: backfill).
    pub(super) fn may_start_on(&self, table: &TableDescription) -> bool {
        let may_interrupt = matches!(&self.task, Task::Delete(removal) if removal.may_interrupt);
        let own = |i: &InFlight<'_>| {
            may_interrupt && !i.vector && i.backfilling && *i.name == self.id.index
        };
        table.is_free_besides_builds() && table.in_flight().all(|i| own(&i))
    }

    /// DynamoDB said that it is being built: the call was answered, or a
    /// description shows it.
    pub(super) fn is_certainly_building(&self) -> bool {
        matches!(self.phase, Phase::Sent { lost: false, .. } | Phase::Building { .. })
    }

    /// When its build (or the create that may have begun one) began.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// When to look at its build again. The activation time-out strikes when it is due.
    pub(super) fn next_look(&self, account: Option<&str>, scene: &Scene<'_>) -> Timestamp {
        let waited = scene.now - self.since;
        let whole = self.whole || self.young;
        let wait = match self.phase {
            // Ready here, it can be ready in the other regions at any time.
            Phase::Building { .. } if !self.missing.is_empty() => {
                let age = BuildAge { waited, whole: false, backfilling: true };
                scene.policy.polling.of_build(account, age)
            }
            Phase::Building { backfilling } => {
                scene.policy.polling.of_build(account, BuildAge { waited, whole, backfilling })
            }
            Phase::Sent { lost: false, .. } => {
                let age = BuildAge { waited, whole, backfilling: false };
                scene.policy.polling.of_build(account, age)
            }
            _ => growing(waited),
        };
        let at = grid(scene.now, wait);
        let limit = scene.policy.activation_timeout;
        let due = limit.map(|limit| self.since.max(self.begun) + limit);
        due.filter(|due| *due > scene.now).map_or(at, |due| at.min(due))
    }

    /// Holds it against a description that was asked for at `seen_at`.
    pub(super) fn observe(
        &mut self,
        sighting: &Sighting,
        seen_at: Timestamp,
        scene: &mut Scene<'_>,
    ) {
        if !self.is_open() {
            return;
        }
        self.seen_at = seen_at;
        self.updating = sighting.is_updating();
        let table = match sighting {
            Sighting::Found(table) => Some(table.as_ref()),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        };
        let finding = match &self.task {
            Task::Create { definition, held_back, .. } => {
                match (judge(definition, sighting), held_back) {
                    (Finding::Absent | Finding::Deleting, Some(obstacle)) => {
                        Finding::Obstacle((**obstacle).clone())
                    }
                    (finding, _) => finding,
                }
            }
            Task::Delete(_) => return self.observe_to_delete(sighting, scene),
        };
        match finding {
            Finding::Ready => self.on_ready(table, scene),
            Finding::Building { .. } if table.is_some_and(|t| self.wants_regions(t)) => {
                if let Some(table) = table {
                    self.on_ready_in_part(table, scene);
                }
            }
            Finding::Building { backfilling } => {
                self.on_built_again(scene);
                self.on_building(table, backfilling, scene);
            }
            Finding::Deleting => self.on_deleting(scene),
            Finding::Absent => self.on_absent(table, scene),
            Finding::Obstacle(obstacle) => self.on_obstacle(obstacle, scene),
        }
    }

    fn on_ready(&mut self, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        let table_id = table.and_then(TableDescription::identity);
        self.recognise(table, Step::SeenActive { at: scene.now, table_id }, scene);
        if self.phase == Phase::New {
            scene.tell(Event::AlreadyActive(self.id().clone()));
            return self.end(Verdict::AlreadyActive);
        }
        self.tell_recovered(scene);
        let took = scene.now - self.since;
        scene.tell(Event::Activated { id: self.id().clone(), took, whole: self.whole });
        if self.came && self.whole && self.since >= self.begun {
            scene.policy.polling.learn(took);
        }
        self.end(Verdict::Activated(took));
    }

    pub(super) fn on_building(
        &mut self,
        table: Option<&TableDescription>,
        backfilling: bool,
        scene: &mut Scene<'_>,
    ) {
        self.tell_recovered(scene);
        match self.phase {
            Phase::Building { backfilling: was } => {
                if backfilling && !was {
                    scene.tell(Event::Backfilling(self.id().clone()));
                }
            }
            Phase::Sent { .. } => self.adopt(table, scene),
            _ => {
                self.adopt(table, scene);
                let found_by_this_run = self.phase != Phase::New;
                let intent = self.own_intent(scene).filter(|_| !found_by_this_run);
                self.came |= !found_by_this_run && self.is_ours(scene);
                self.since = intent.unwrap_or(scene.now);
                self.whole = intent.is_some();
                self.young = !backfilling;
                scene.tell(Event::Adopted { id: self.id().clone(), backfilling });
            }
        }
        self.phase = Phase::Building { backfilling };
        self.remind(table, backfilling, scene);
        self.check_timeout(table, scene);
    }

    /// The table is in trouble that passes: what is on its way is waited for.
    pub(super) fn bear(&mut self, reason: &str, scene: &mut Scene<'_>) {
        if !self.is_building() {
            return;
        }
        scene.step(self.id(), Step::Obstacle { reason: reason.to_owned() });
        if matches!(self.task, Task::Create { .. }) {
            self.check_timeout(None, scene);
        }
    }

    fn adopt(&self, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        let shown = table.and_then(|table| table.index(&self.id().index));
        let active = scene.state.entry(self.id()).map(Entry::status) == Some(Status::Active);
        if active && shown.is_some_and(IndexDescription::is_ready) {
            // It is what it was, and another region is behind: nobody made it again.
            return;
        }
        let table_id = table.and_then(TableDescription::identity);
        self.recognise(table, Step::SeenBuilding { table_id }, scene);
    }

    /// The index is as the definitions want it. That is not always as the newest intent
    /// wanted it: then it is not what that intent created.
    fn recognise(&self, table: Option<&TableDescription>, step: Step, scene: &mut Scene<'_>) {
        let spec = scene.state.entry(self.id()).and_then(|entry| entry.record().spec.as_ref());
        if let (Task::Create { definition, .. }, Some(spec), Some(table)) =
            (&self.task, spec, table)
            && self.is_ours(scene)
            && !definition.may_have_digest(&table.attributes, spec)
        {
            // What that intent created went away unseen, and this is another.
            scene.step(self.id(), Step::SeenDeleting);
        }
        scene.step(self.id(), step);
    }

    pub(super) fn is_ours(&self, scene: &Scene<'_>) -> bool {
        scene.state.entry(self.id()).is_some_and(|entry| entry.record().is_ours())
    }

    /// When we meant to create what stands there, where it is ours and not noted before
    /// the clock was set back.
    fn own_intent(&self, scene: &Scene<'_>) -> Option<Timestamp> {
        let record = scene.state.entry(self.id())?.record();
        let ours = matches!(record.owner, Some(Owner::Run | Owner::Inferred));
        record.intent_at.filter(|at| ours && *at <= scene.now)
    }

    fn tell_recovered(&self, scene: &mut Scene<'_>) {
        if let Phase::Sent { lost: true, .. } = self.phase {
            scene.tell(Event::Recovered(self.id().clone()));
        }
    }

    fn check_timeout(&mut self, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        // Each run waits as long: the next one picks the build up again.
        let waited = scene.now - self.since.max(self.begun);
        if scene.policy.activation_timeout.is_some_and(|limit| waited >= limit) {
            // It may have begun long before.
            let still = match self.missing.is_empty() {
                true => "still CREATING".to_owned(),
                false => self.ready_in_part(),
            };
            let cause = self.cause_of_lasting(table, scene);
            let cause = cause.map(|cause| format!("; {cause}")).unwrap_or_default();
            let error = format!("{still} after {} s of waiting{cause}", waited.as_secs());
            scene.step(self.id(), Step::TimedOut { error });
            if self.is_unconfirmed() {
                return self.end_unconfirmed(scene);
            }
            scene.tell(Event::TimedOut { id: self.id().clone(), waited });
            self.end(Verdict::TimedOut);
        }
    }

    fn on_deleting(&mut self, scene: &mut Scene<'_>) {
        if self.phase == Phase::Leaving {
            return;
        }
        scene.step(self.id(), Step::SeenDeleting);
        scene.tell(Event::AwaitingDeletion(self.id().clone()));
        self.phase = Phase::Leaving;
    }

    fn on_obstacle(&mut self, obstacle: Obstacle, scene: &mut Scene<'_>) {
        let conflict = matches!(obstacle, Obstacle::Conflict { .. });
        match &self.phase {
            Phase::Sent { at, .. } if !conflict && self.may_be_unseen(*at, scene) => return,
            Phase::Building { .. } if !conflict && self.is_behind(self.since, scene) => return,
            Phase::Refused { .. } => {
                let remedy = obstacle.remedy().to_owned();
                return self.give_up(obstacle.to_string(), remedy, scene);
            }
            _ => {}
        }
        let unwatched = matches!(
            obstacle,
            Obstacle::Denied(_) | Obstacle::Unreadable(_) | Obstacle::TableUnusable(_)
        );
        // What DynamoDB archived is lost with its builds.
        let lost = matches!(&obstacle, Obstacle::TableUnusable(status)
            if status.trouble().is_some_and(|trouble| trouble.lost));
        if self.came && unwatched && !lost {
            return self.on_unwatched(obstacle.to_string(), scene);
        }
        let reason = obstacle.to_string();
        if conflict {
            scene.step(self.id(), Step::SeenConflict { reason: reason.clone() });
        } else {
            // The description shows that the index is not there, whatever else.
            if !unwatched {
                self.see_absent(scene);
            }
            scene.step(self.id(), Step::Obstacle { reason: reason.clone() });
        }
        scene.tell(Event::Obstructed { id: self.id().clone(), reason });
        self.end(Verdict::Obstructed(obstacle));
    }

    /// Its creation was acknowledged, and it cannot be looked at any longer: it goes on
    /// building, and what was done is not denied.
    fn on_unwatched(&mut self, reason: String, scene: &mut Scene<'_>) {
        scene.step(self.id(), Step::Obstacle { reason: reason.clone() });
        scene.tell(Event::Obstructed { id: self.id().clone(), reason });
        self.end(Verdict::Building);
    }

    /// A description speaks against an index that this run was done with: what was told
    /// of it is true no longer.
    pub(super) fn on_news(&mut self, evidence: &Evidence) {
        let told_active =
            matches!(self.phase, Phase::Done(Verdict::Activated(_) | Verdict::AlreadyActive));
        if told_active && *evidence != Evidence::Ready {
            let error =
                "it was active in this run, and somebody deleted it, or made it again".to_owned();
            let remedy = format!("{}; then run again", who_works_against(&self.id().table));
            self.end(Verdict::Failed { error, remedy });
        }
    }

    /// The intent, to be saved before the call.
    pub(super) fn intend(&mut self, table: &TableDescription, scene: &mut Scene<'_>) {
        let at = scene.now;
        let failed = scene.state.entry(self.id()).map(Entry::status) == Some(Status::Failed);
        let table_id = table.identity();
        let step = match &self.task {
            Task::Delete(_) => Step::IntendDelete { at },
            Task::Create { definition, .. } => {
                let spec = definition.digest(&table.attributes);
                if failed {
                    Step::IntendRetry { at, table_id, spec }
                } else {
                    Step::Intend { at, table_id, spec }
                }
            }
        };
        scene.step(self.id(), step);
        self.queue = None;
    }

    /// The call that carries the intent out.
    pub(super) fn call(&self, table: &TableDescription) -> Call {
        match &self.task {
            Task::Create { definition, .. } => {
                Call::CreateIndex(Box::new(CreateIndex::of(definition, table)))
            }
            Task::Delete(_) => {
                Call::DeleteIndex { table: self.id.table.clone(), index: self.id.index.clone() }
            }
        }
    }

    pub(super) fn on_called(&mut self, scene: &mut Scene<'_>) {
        self.since = scene.now;
        self.whole = true;
        self.ready_here &= matches!(self.task, Task::Delete(_));
        self.note_sent();
        let (id, attempt) = (self.id().clone(), self.failures + 1);
        scene.tell(match self.task {
            Task::Create { .. } => Event::Creating { id, attempt },
            Task::Delete(_) => Event::Deleting { id, attempt },
        });
        // Until it is answered it may be applied.
        self.phase = Phase::Sent { at: scene.now, lost: true, retry_at: scene.now };
    }

    /// The call was never made after all.
    pub(super) fn recall(&mut self, now: Timestamp) {
        self.phase = Phase::Wanted(now);
    }

    pub(super) fn on_accepted(&mut self, scene: &mut Scene<'_>) {
        scene.tell(Event::Accepted(self.id().clone()));
        self.last = None;
        self.refusals = None;
        self.told.clear();
        if matches!(self.task, Task::Delete(_)) {
            return self.on_delete_accepted(scene);
        }
        scene.step(self.id(), Step::Acknowledge);
        self.came = true;
        self.phase = Phase::Sent { at: scene.now, lost: false, retry_at: scene.now };
    }

    /// Says once for what it waits.
    pub(super) fn wait_in(&mut self, queue: Queue, scene: &mut Scene<'_>) {
        if self.queue.as_ref() != Some(&queue) {
            scene.tell(Event::Queued { id: self.id().clone(), queue: queue.clone() });
            self.queue = Some(queue);
        }
    }

    /// Nothing more is done for it in this run. What was certainly not applied
    /// goes back to pending.
    pub(super) fn leave(&mut self, scene: &mut Scene<'_>) {
        if let Task::Delete(_) = self.task {
            return self.leave_deletion();
        }
        let verdict = if self.is_building() { Verdict::Building } else { Verdict::Waiting };
        let status = scene.state.entry(self.id()).map(Entry::status);
        let unapplied = matches!(self.phase, Phase::Wanted(_) | Phase::Refused { .. });
        if unapplied && status == Some(Status::InProgress) {
            scene.step(self.id(), Step::Withdraw);
        }
        self.end(verdict);
    }

    pub(super) fn end(&mut self, verdict: Verdict) {
        self.phase = Phase::Done(verdict);
    }
}
