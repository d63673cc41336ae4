//! One table's queue. DynamoDB builds one online index per table at a time
//! (docs/dynamodb.md: one-slot), so a table is a lane, and lanes run side by side.

use std::time::Duration;

use super::Scene;
use super::job::{Job, Phase};
use super::outcome::Verdict;
use crate::catalog::{InFlight, Scaling, Sighting, TableDescription, TableStatus};
use crate::definition::IndexDefinition;
use crate::event::{Event, Queue};
use crate::evidence::{Evidence, news};
use crate::look::RegionLook;
use crate::machine::CallId;
use crate::name::{IndexId, TableName};
use crate::plan::{TablePlan, build_estimate};
use crate::polling::growing;
use crate::retry::AFTER_REFUSAL;
use crate::rollback::TableRollback;
use crate::state::{State, Status};
use crate::time::Timestamp;

/// A change is sent only on a description that is at most so old.
const FRESH: Duration = Duration::from_secs(10);

/// How often a table is looked at that refuses changes and does not show why.
const LOOK_WHILE_REFUSED: Duration = Duration::from_secs(10);

/// What a lane is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing, until its wake-up.
    Resting,
    /// It waits for a build slot.
    Backlogged,
    /// It waits for its turn to describe the table.
    WantsLook,
    /// A DescribeTable is under way, asked then.
    Looking(CallId, Timestamp),
    /// A change was refused because something of the table lacks auto scaling, and what
    /// does is asked.
    AskingScaling(CallId, usize),
    /// It was described, and its other regions are asked.
    LookingElsewhere,
    /// The intent for this job waits for its save.
    Intending(usize),
    /// The create or delete for this job is under way.
    Changing(CallId, usize),
    /// Nothing is left to do on this table.
    Over,
}

/// What a lane would do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Create this job's index.
    Start(usize),
    /// Describe the table then.
    Look(Timestamp),
    /// Nothing.
    Over,
}

/// One table with its indexes in this run.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) table: TableName,
    pub(super) jobs: Vec<Job>,
    pub(super) doing: Doing,
    /// It holds a build slot.
    pub(super) slot: bool,
    /// The only valid entry for it in the heap of wake-ups.
    pub(super) wake: Option<Timestamp>,
    pub(super) look_failures: u32,
    /// The first of them.
    pub(super) failing_since: Option<Timestamp>,
    /// A description that waits for the answers of other regions.
    pub(super) elsewhere: Option<RegionLook>,
    /// The table got into trouble while something was on its way, and this was told.
    pub(super) in_trouble: bool,
    /// Indexes of the table that the state knows and this run is not about.
    pub(super) bystanders: Vec<IndexId>,
    sighting: Sighting,
    asked_at: Timestamp,
    /// Our last change to the table was answered then; one of an earlier run was
    /// meant then.
    changed_at: Option<Timestamp>,
    waiting_since: Option<Timestamp>,
    /// DynamoDB refused a change for a reason that is the table's: none of any index is
    /// sent before.
    held_until: Option<Timestamp>,
    /// A change was refused, for whatever reason: none is sent before this.
    not_before: Timestamp,
}

impl Lane {
    /// A table on which indexes are wanted.
    pub(super) fn to_have(now: Timestamp, plan: TablePlan, state: &State) -> Self {
        let estimate = |definition: &IndexDefinition| match &plan.sighting {
            Sighting::Found(table) => build_estimate(definition, table),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => Duration::ZERO,
        };
        let jobs = plan.indexes.into_iter().map(|planned| {
            let estimate = estimate(&planned.definition);
            Job::to_have(now, planned, estimate)
        });
        let jobs = jobs.collect();
        Self::new(now, (plan.table, plan.sighting, plan.asked_at), jobs, state)
    }

    /// A table of which indexes are to be deleted.
    pub(super) fn to_be_rid_of(
        now: Timestamp,
        plan: TableRollback,
        inferred: bool,
        state: &State,
    ) -> Self {
        let jobs = plan.indexes.into_iter();
        let jobs = jobs.map(|planned| Job::to_be_rid_of(now, planned, inferred)).collect();
        Self::new(now, (plan.table, plan.sighting, plan.asked_at), jobs, state)
    }

    fn new(
        now: Timestamp,
        (table, sighting, asked_at): (TableName, Sighting, Timestamp),
        jobs: Vec<Job>,
        state: &State,
    ) -> Self {
        let unsettled = jobs.iter().filter_map(|job| {
            let entry = state.entry(job.id())?;
            entry.record().intent_at.filter(|_| entry.status() == Status::InProgress)
        });
        // One that lies ahead was noted before the clock was set back.
        let changed_at = unsettled.max().map(|at| at.min(now));
        Self {
            table,
            jobs,
            doing: Doing::Resting,
            slot: false,
            wake: None,
            look_failures: 0,
            failing_since: None,
            elsewhere: None,
            in_trouble: false,
            bystanders: Vec::new(),
            sighting,
            asked_at,
            changed_at,
            waiting_since: None,
            held_until: None,
            not_before: now,
        }
    }

    /// How long the work that is left will take, roughly: lanes that promise the
    /// longest work start first.
    pub(super) fn remaining(&self) -> Duration {
        self.jobs.iter().filter(|j| j.is_open()).map(|j| j.estimate).sum()
    }

    /// What scales the table became known.
    pub(super) fn learn_scaling(&mut self, scaling: Scaling) {
        if let Sighting::Found(table) = &mut self.sighting {
            table.scaling = scaling;
        }
    }

    /// Whether other regions are to be asked after the base, which shows `table`.
    pub(super) fn wants_regions(&self, table: &TableDescription) -> bool {
        let wants = |job: &Job| job.is_open() && job.wants_regions(table);
        !table.replicas.is_empty() && self.jobs.iter().any(wants)
    }

    pub(super) fn description(&self) -> Option<&TableDescription> {
        match &self.sighting {
            Sighting::Found(table) => Some(table),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        }
    }

    pub(super) fn sighting(&self) -> &Sighting {
        &self.sighting
    }

    /// When its description was asked for.
    pub(super) fn asked_at(&self) -> Timestamp {
        self.asked_at
    }

    /// Just after a change DynamoDB may deny that the table is there at all
    /// (docs/dynamodb.md: stale).
    pub(super) fn may_be_unseen(&self, asked_at: Timestamp, visibility: Duration) -> bool {
        self.changed_at.is_some_and(|changed| asked_at - changed < visibility)
    }

    /// Takes what a description shows, unless it was asked before our last
    /// change to the table. True where it was taken.
    pub(super) fn see(&mut self, asked_at: Timestamp, sighting: Sighting) -> bool {
        let knows = self.knows_the_last_change(asked_at);
        if knows {
            self.sighting = sighting;
            self.asked_at = asked_at;
        }
        knows
    }

    fn knows_the_last_change(&self, asked_at: Timestamp) -> bool {
        self.changed_at.is_none_or(|changed| asked_at >= changed)
    }

    /// Notes that a change of ours was answered (or its answer lost) now.
    pub(super) fn changed(&mut self, now: Timestamp) {
        self.changed_at = Some(now);
        self.waiting_since = None;
    }

    /// Notes that DynamoDB refused a change now: another index of the table may be
    /// refused for the same, and is not tried at once.
    pub(super) fn refused(&mut self, now: Timestamp) {
        self.not_before = now + AFTER_REFUSAL;
    }

    pub(super) fn observe(&mut self, scene: &mut Scene<'_>) {
        if self.waits_out_trouble(scene) {
            return;
        }
        for job in &mut self.jobs {
            job.observe(&self.sighting, self.asked_at, scene);
        }
        let timed_out = |job: &Job| job.phase == Phase::Done(Verdict::TimedOut);
        if self.jobs.iter().any(timed_out) {
            // The table's slot stays taken for nobody knows how long.
            self.leave(scene);
        }
        for id in &self.bystanders {
            witness(id, &self.sighting, self.asked_at, scene);
        }
        for job in self.jobs.iter_mut().filter(|job| !job.is_open()) {
            if let Some(evidence) = witness(job.id(), &self.sighting, self.asked_at, scene) {
                job.on_news(&evidence);
            }
        }
    }

    /// Nothing new is begun on this table.
    pub(super) fn leave(&mut self, scene: &mut Scene<'_>) {
        for job in self.jobs.iter_mut().filter(|j| j.is_open()) {
            job.leave(scene);
        }
    }

    /// Gives up what was not begun, and goes on waiting for what was.
    pub(super) fn start_nothing(&mut self, scene: &mut Scene<'_>) {
        for job in self.jobs.iter_mut().filter(|j| j.is_open() && !j.is_building()) {
            job.leave(scene);
        }
    }

    pub(super) fn is_building(&self) -> bool {
        self.jobs.iter().any(Job::is_building)
    }

    pub(super) fn is_certainly_building(&self) -> bool {
        self.jobs.iter().any(Job::is_certainly_building)
    }

    /// A change may rest on what was last seen. After a refusal it may not: the
    /// network may have delivered the call twice, and only the second was refused.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now - self.asked_at <= FRESH && self.knows_the_last_change(self.asked_at)
    }

    /// Decides by what was last seen. Says for what its indexes wait, once.
    pub(super) fn next(&mut self, scene: &mut Scene<'_>) -> Next {
        if !self.jobs.iter().any(Job::is_open) {
            return Next::Over;
        }
        if self.is_busy() {
            if !self.is_free() {
                self.release(scene.now);
            }
            self.tell_queue(scene);
            let since = *self.waiting_since.get_or_insert(scene.now);
            let account = self.description().and_then(TableDescription::account);
            let builds = self.jobs.iter().filter(|job| job.is_building());
            let build = builds.map(|job| job.next_look(account, scene)).min();
            return Next::Look(build.unwrap_or_else(|| next_look(scene.now, since)));
        }
        self.waiting_since = None;
        self.hold_beside_the_refused(scene.now);
        let first = self.held_until.unwrap_or(scene.now).max(scene.now).max(self.not_before);
        let wanted = self.jobs.iter().enumerate().filter_map(|(n, job)| match job.phase {
            Phase::Wanted(at) if self.admits(job) => Some((at.max(first), n)),
            _ => None,
        });
        match wanted.min() {
            Some((at, n)) if at <= scene.now => Next::Start(n),
            // What it waits for may be shown meanwhile.
            Some((at, n)) if self.jobs[n].waits_though_idle() => {
                Next::Look(at.min(grid(scene.now, LOOK_WHILE_REFUSED)))
            }
            Some((at, _)) => Next::Look(at),
            None => Next::Look(next_look(scene.now, scene.now)),
        }
    }

    /// What the table refused one index for it would refuse the next one for, which is
    /// therefore not sent at once: all of them wait for the same, and within one bound.
    fn hold_beside_the_refused(&mut self, now: Timestamp) {
        let refused = self.jobs.iter().filter_map(Job::refused_by_table);
        if let Some((at, refusals)) = refused.max_by_key(|(at, _)| *at) {
            self.hold(at);
            self.jobs.iter_mut().for_each(|job| job.share(refusals, now));
        }
    }

    /// Nothing is sent before that.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// What the table was busy with is over, or is seen.
    pub(super) fn release(&mut self, now: Timestamp) {
        self.held_until = None;
        self.jobs.iter_mut().for_each(|job| job.on_cause_seen(now));
    }

    fn is_busy(&self) -> bool {
        let unsettled =
            |j: &Job| j.is_building() || matches!(j.phase, Phase::Leaving | Phase::Refused { .. });
        self.jobs.iter().any(unsettled) || !self.is_free()
    }

    /// Nothing is in the way of a change; the build of an index that is to be
    /// deleted need not be.
    fn is_free(&self) -> bool {
        self.jobs.iter().any(|job| job.is_open() && self.admits(job))
    }

    /// While a build goes on only its own index can be deleted (docs/dynamodb.md: one-slot).
    fn admits(&self, job: &Job) -> bool {
        self.description().is_some_and(|table| job.may_start_on(table))
    }

    /// An index that waits for its own table's other indexes in this run is next
    /// in line and needs no word; one that waits for somebody else's does.
    fn tell_queue(&mut self, scene: &mut Scene<'_>) {
        let Some(queue) = self.description().and_then(|table| self.queue(table)) else {
            return;
        };
        for job in &mut self.jobs {
            if matches!(job.phase, Phase::Wanted(_)) {
                job.wait_in(queue.clone(), scene);
            }
        }
    }

    fn queue(&self, table: &TableDescription) -> Option<Queue> {
        let ours = |i: &InFlight<'_>| {
            !i.vector && self.jobs.iter().any(|j| j.is_building() && j.id().index == *i.name)
        };
        if let Some(index) = table.in_flight().find(|i| !ours(i)) {
            return Some(Queue::OtherIndex(Some(index.name.clone())));
        }
        if self.is_building() {
            return None;
        }
        if let Some(index) = table.index_updating() {
            return Some(Queue::IndexUpdating(index.name.clone()));
        }
        if let Some(replica) = table.replica_in_change() {
            let (region, status) = (replica.region.clone(), replica.status.clone());
            return Some(Queue::Replica { region, status });
        }
        (table.status != TableStatus::Active).then_some(Queue::TableBusy)
    }
}

/// Takes down what a description says against an entry that nobody works on (any
/// more). It is returned where it was news.
fn witness(
    id: &IndexId,
    sighting: &Sighting,
    asked_at: Timestamp,
    scene: &mut Scene<'_>,
) -> Option<Evidence> {
    let entry = scene.state.entry(id)?;
    let (begun, visibility) = (scene.begun, scene.policy.visibility);
    let updating = sighting.is_updating();
    let unseen = entry.record().may_be_unseen(updating, asked_at, begun, visibility);
    let evidence = news(id, entry, sighting, unseen)?;
    if evidence == Evidence::Absent {
        scene.tell(Event::Missing { id: id.clone(), was: entry.status() });
    }
    scene.step(id, evidence.step(sighting, id, scene.now));
    Some(evidence)
}

/// The next look at something short that is waited for since then.
pub(super) fn next_look(now: Timestamp, since: Timestamp) -> Timestamp {
    grid(now, growing(now - since))
}

/// Wake-ups lie on a grid of a second, so that lanes look and save together.
pub(super) fn grid(now: Timestamp, wait: Duration) -> Timestamp {
    let down = (now + wait).whole_seconds();
    if down > now { down } else { down + Duration::from_secs(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_lie_on_whole_seconds_and_ahead() {
        let at = Timestamp::from_millis;
        assert_eq!(grid(at(10_300), Duration::from_secs(1)), at(11_000));
        assert_eq!(grid(at(10_000), Duration::from_secs(1)), at(11_000));
        assert_eq!(grid(at(10_000), Duration::from_millis(1_500)), at(11_000));
        assert_eq!(grid(at(10_900), Duration::from_millis(50)), at(11_000));
    }
}
