//! The run: told what happened, it says what to do next. It does no I/O.
//!
//! A create is handed out only after the save of its intent was confirmed. All
//! intents that wait ride on one save, and so do observations, a second late at
//! most. After a lost answer the table is described before anything is repeated.

mod absence;
mod answers;
mod attempt;
mod job;
mod lane;
mod lasting;
mod outcome;
mod pace;
mod regions;
mod removal;
mod scaling;
mod stopping;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, Reply};
use crate::event::Event;
use crate::look::Told;
use crate::machine::{CallId, Effect, Machine, Snapshot};
use crate::name::IndexId;
use crate::plan::Plan;
use crate::retry::Policy;
use crate::rollback::RollbackPlan;
use crate::state::{Serial, State, Step};
use crate::time::Timestamp;

use lane::{Doing, Lane, Next};
use pace::Pace;
use stopping::GRACE;

pub use outcome::{Ended, Outcome, Stats, Verdict};

/// Observations wait so long for an intent to ride with. One that ends an ownership
/// does not wait: a run that is killed must not believe what this one knew to be over.
const SAVE_WITHIN: Duration = Duration::from_secs(1);
/// DescribeTable calls under way at once; the account shares 2,500 a second
/// (docs/dynamodb.md: limiter).
const LOOKS_AT_ONCE: usize = 64;

/// What a job sees of the run while it takes a step.
struct Scene<'a> {
    now: Timestamp,
    /// When the run began.
    begun: Timestamp,
    policy: &'a mut Policy,
    state: &'a mut State,
    save_by: &'a mut Option<Timestamp>,
    events: &'a mut VecDeque<Event>,
}

impl Scene<'_> {
    fn step(&mut self, id: &IndexId, step: Step) {
        let was_ours = self.is_ours(id);
        let taken = self.state.apply(id, step);
        debug_assert!(taken.is_ok(), "{taken:?}");
        if was_ours && !self.is_ours(id) {
            *self.save_by = Some(self.now);
        } else if self.state.is_dirty() {
            self.save_by.get_or_insert(self.now + SAVE_WITHIN);
        }
    }

    fn is_ours(&self, id: &IndexId) -> bool {
        self.state.entry(id).is_some_and(|entry| entry.record().is_ours())
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }
}

#[derive(Debug)]
struct Saving {
    serial: Serial,
    lanes: Vec<usize>,
}

/// A whole run as a value: a function of plan, policy, state, seed and what it
/// is told.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    state: State,
    lanes: Vec<Lane>,
    pace: Pace,
    random: fastrand::Rng,
    events: VecDeque<Event>,
    calls: VecDeque<(CallId, Call)>,
    asked: BTreeMap<CallId, usize>,
    next_id: u64,
    wakes: BinaryHeap<Reverse<(Timestamp, usize)>>,
    backlog: BinaryHeap<(Duration, Reverse<usize>)>,
    looks: VecDeque<usize>,
    looking: usize,
    open: usize,
    unsaved: Vec<usize>,
    saving: Option<Saving>,
    /// By then what changed is saved; `None` where nothing did.
    save_by: Option<Timestamp>,
    begun: Timestamp,
    credentials_lost: bool,
    told_regions: Told,
    starting: bool,
    stopping: Option<(Timestamp, Ended)>,
    grace_is_over: bool,
    stats: Stats,
}

impl Engine {
    /// A run that carries out `plan`. `seed` draws the jitter.
    #[must_use]
    pub fn new(now: Timestamp, plan: Plan, policy: Policy, state: State, seed: u64) -> Self {
        let lanes = plan.tables.into_iter().map(|t| Lane::to_have(now, t, &state));
        let lanes = lanes.collect();
        Self::run(now, lanes, policy, state, seed)
    }

    /// A run that carries out a rollback: deletions, under the same rules.
    #[must_use]
    pub fn rollback(
        now: Timestamp,
        plan: RollbackPlan,
        policy: Policy,
        state: State,
        seed: u64,
    ) -> Self {
        let inferred = plan.include_inferred;
        let lanes = plan.tables.into_iter();
        let lanes = lanes.map(|t| Lane::to_be_rid_of(now, t, inferred, &state)).collect();
        Self::run(now, lanes, policy, state, seed)
    }

    fn run(now: Timestamp, mut lanes: Vec<Lane>, policy: Policy, state: State, seed: u64) -> Self {
        name_bystanders(&mut lanes, &state);
        let mut engine = Self {
            pace: Pace::new(now, policy.max_builds),
            policy,
            save_by: state.is_dirty().then_some(now + SAVE_WITHIN),
            begun: now,
            state,
            open: lanes.len(),
            lanes,
            random: fastrand::Rng::with_seed(seed),
            events: VecDeque::new(),
            calls: VecDeque::new(),
            asked: BTreeMap::new(),
            next_id: 0,
            wakes: BinaryHeap::new(),
            backlog: BinaryHeap::new(),
            looks: VecDeque::new(),
            looking: 0,
            unsaved: Vec::new(),
            saving: None,
            credentials_lost: false,
            told_regions: Told::default(),
            starting: true,
            stopping: None,
            grace_is_over: false,
            stats: Stats::default(),
        };
        engine.told_regions = Told::of(engine.lanes.iter().map(Lane::sighting));
        engine.begin(now);
        engine
    }

    /// What the plan saw is the first description. All of it is held against the
    /// definitions before anything is decided: a failure may end all starting.
    fn begin(&mut self, now: Timestamp) {
        for n in 0..self.lanes.len() {
            let asked_at = self.lanes[n].asked_at();
            if self.lanes[n].description().is_none() && self.may_be_unseen(asked_at, n) {
                self.want_look(n);
                continue;
            }
            let (lanes, mut scene) = self.scene(now);
            lanes[n].observe(&mut scene);
            self.starting &= !(self.policy.fail_fast && self.failures(n) > 0);
        }
        for n in 0..self.lanes.len() {
            if self.lanes[n].doing == Doing::Resting {
                self.advance(now, n);
            }
        }
    }

    fn may_be_unseen(&self, asked_at: Timestamp, n: usize) -> bool {
        self.lanes[n].may_be_unseen(asked_at, self.policy.visibility)
    }

    /// The state as it is now; what is durable may be a second older.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state and what the run came to, once it is over.
    #[must_use]
    pub fn finish(self) -> (State, Outcome) {
        let verdict = |job: &job::Job| match &job.phase {
            job::Phase::Done(verdict) => verdict.clone(),
            _ if job.is_building() => Verdict::Building,
            _ => Verdict::Waiting,
        };
        let jobs = self.lanes.iter().flat_map(|lane| &lane.jobs);
        let outcome = Outcome {
            ended: self.stopping.map_or(Ended::Done, |(_, ended)| ended),
            verdicts: jobs.map(|job| (job.id().clone(), verdict(job))).collect(),
            tables: self.lanes.iter().filter_map(|l| l.description().cloned()).collect(),
            stats: self.stats,
        };
        (self.state, outcome)
    }

    fn scene(&mut self, now: Timestamp) -> (&mut Vec<Lane>, Scene<'_>) {
        let scene = Scene {
            now,
            policy: &mut self.policy,
            state: &mut self.state,
            begun: self.begun,
            save_by: &mut self.save_by,
            events: &mut self.events,
        };
        (&mut self.lanes, scene)
    }

    /// Holds lane `n` against what was last seen, and goes on from there.
    fn observe(&mut self, now: Timestamp, n: usize) {
        let (failed, was_building) = (self.failures(n), self.lanes[n].is_building());
        let (lanes, mut scene) = self.scene(now);
        lanes[n].observe(&mut scene);
        if was_building {
            // The lane that promises the longest work is next, which may be another.
            self.settle_slot(n, false);
        }
        if self.policy.fail_fast && self.failures(n) > failed {
            self.start_nothing_more(now);
        }
        self.advance(now, n);
    }

    fn failures(&self, n: usize) -> usize {
        let failed = |job: &&job::Job| {
            matches!(job.phase, job::Phase::Done(Verdict::Failed { .. } | Verdict::Obstructed(_)))
        };
        self.lanes[n].jobs.iter().filter(failed).count()
    }

    /// Lets lane `n` do what comes next.
    fn advance(&mut self, now: Timestamp, n: usize) {
        if self.stopping.is_some() {
            return self.pass_by(now, n);
        }
        let starting = self.starting;
        let (lanes, mut scene) = self.scene(now);
        let lane = &mut lanes[n];
        if !starting {
            lane.start_nothing(&mut scene);
        }
        let next = lane.next(&mut scene);
        let reserved = matches!(next, Next::Start(_)) && lane.slot && !lane.is_building();
        self.settle_slot(n, reserved);
        match next {
            Next::Over => self.retire(n),
            Next::Start(job) if reserved => self.intend(now, n, job),
            Next::Start(_) => {
                let lane = &mut self.lanes[n];
                lane.doing = Doing::Backlogged;
                self.backlog.push((lane.remaining(), Reverse(n)));
            }
            Next::Look(at) if self.policy.wait || self.is_unsettled(n) => self.rest(n, Some(at)),
            Next::Look(_) => self.pass_by(now, n),
        }
    }

    /// One pass does not wait, except for what tells whether it was started.
    fn is_unsettled(&self, n: usize) -> bool {
        let unsettled = |job: &job::Job| {
            matches!(job.phase, job::Phase::Refused { .. } | job::Phase::Sent { lost: true, .. })
                || job.waits_for_limiter()
        };
        self.lanes[n].jobs.iter().any(unsettled)
    }

    /// Without waiting this is as far as the table goes.
    fn pass_by(&mut self, now: Timestamp, n: usize) {
        let (lanes, mut scene) = self.scene(now);
        lanes[n].leave(&mut scene);
        self.retire(n);
    }

    /// A lane holds a slot while it builds, or while it is about to.
    fn settle_slot(&mut self, n: usize, reserved: bool) {
        let lane = &mut self.lanes[n];
        let needed = lane.is_building() || reserved;
        match (lane.slot, needed) {
            (false, true) => self.pace.take(),
            (true, false) => self.pace.give_back(),
            _ => {}
        }
        lane.slot = needed;
    }

    fn rest(&mut self, n: usize, until: Option<Timestamp>) {
        let lane = &mut self.lanes[n];
        lane.doing = Doing::Resting;
        lane.wake = until;
        if let Some(at) = until {
            self.wakes.push(Reverse((at, n)));
        }
    }

    fn retire(&mut self, n: usize) {
        let lane = &mut self.lanes[n];
        lane.wake = None;
        if lane.doing != Doing::Over {
            lane.doing = Doing::Over;
            self.open -= 1;
        }
    }

    /// Gives free slots to the lanes that promise the longest work.
    fn start_some(&mut self, now: Timestamp) {
        while self.stopping.is_none() && !self.backlog.is_empty() {
            if !self.pace.has_room() {
                return self.pass_by_backlog(now);
            }
            if !self.pace.may_start(now) {
                return;
            }
            let Some((_, Reverse(n))) = self.backlog.pop() else {
                return;
            };
            if self.lanes[n].doing != Doing::Backlogged {
                continue;
            }
            self.pace.take();
            self.pace.started(now);
            self.lanes[n].slot = true;
            if self.lanes[n].is_fresh(now) {
                self.advance(now, n);
            } else {
                self.want_look(n);
            }
        }
    }

    fn pass_by_backlog(&mut self, now: Timestamp) {
        if self.policy.wait {
            return;
        }
        for (_, Reverse(n)) in std::mem::take(&mut self.backlog) {
            self.pass_by(now, n);
        }
    }

    /// Records the intent; the call goes out when the save is confirmed.
    fn intend(&mut self, now: Timestamp, n: usize, job: usize) {
        let (lanes, mut scene) = self.scene(now);
        let lane = &mut lanes[n];
        if let Some(table) = lane.description().cloned() {
            lane.jobs[job].intend(&table, &mut scene);
        }
        lane.doing = Doing::Intending(job);
        self.unsaved.push(n);
    }

    fn change(&mut self, now: Timestamp, n: usize) {
        let Doing::Intending(job) = self.lanes[n].doing else {
            return;
        };
        let id = self.fresh_id(n);
        let (lanes, mut scene) = self.scene(now);
        let lane = &mut lanes[n];
        let Some(table) = lane.description() else {
            return;
        };
        let call = lane.jobs[job].call(table);
        lane.jobs[job].on_called(&mut scene);
        lane.doing = Doing::Changing(id, job);
        self.calls.push_back((id, call));
    }

    fn fresh_id(&mut self, n: usize) -> CallId {
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, n);
        id
    }

    fn want_look(&mut self, n: usize) {
        self.lanes[n].wake = None;
        self.lanes[n].doing = Doing::WantsLook;
        self.looks.push_back(n);
    }

    fn look_around(&mut self, now: Timestamp) {
        while self.stopping.is_none() && self.looking < LOOKS_AT_ONCE {
            let Some(n) = self.looks.pop_front() else {
                return;
            };
            let id = self.fresh_id(n);
            self.lanes[n].doing = Doing::Looking(id, now);
            self.looking += 1;
            let call = Call::DescribeTable(self.lanes[n].table.clone());
            self.calls.push_back((id, call));
        }
    }

    fn wake_lanes(&mut self, now: Timestamp) {
        while let Some(Reverse((at, n))) = self.wakes.peek().copied().filter(|w| w.0.0 <= now) {
            self.wakes.pop();
            if self.lanes[n].wake == Some(at) {
                self.want_look(n);
            }
        }
    }

    fn save_if_due(&mut self, now: Timestamp) -> Option<Effect> {
        if self.saving.is_some() || matches!(self.stopping, Some((_, Ended::SaveFailed(_)))) {
            return None;
        }
        let last = self.open == 0 || self.stopping.is_some();
        let due = self.save_by.is_some_and(|by| last || by <= now);
        if self.unsaved.is_empty() && !due {
            return None;
        }
        let changed = self.state.changed() as u64;
        let rendered = self.state.render(now);
        self.save_by = None;
        self.saving =
            Some(Saving { serial: rendered.serial, lanes: std::mem::take(&mut self.unsaved) });
        self.stats.saves += 1;
        self.stats.saved_bytes += rendered.bytes.len() as u64;
        self.stats.transitions += changed;
        self.stats.most_transitions = self.stats.most_transitions.max(changed);
        Some(Effect::Save(Snapshot { serial: rendered.serial, bytes: rendered.bytes }))
    }
}

/// Tells each lane of which indexes of its table the state knows, besides those that
/// the run is about.
fn name_bystanders(lanes: &mut [Lane], state: &State) {
    let of_table: HashMap<_, _> =
        lanes.iter().enumerate().map(|(n, lane)| (lane.table.clone(), n)).collect();
    for (id, _) in state.entries() {
        let Some(n) = of_table.get(&id.table) else {
            continue;
        };
        if !lanes[*n].jobs.iter().any(|job| job.id() == id) {
            lanes[*n].bystanders.push(id.clone());
        }
    }
}

impl Machine for Engine {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if let Some((id, call)) = self.calls.pop_front() {
            match call {
                Call::CreateIndex(_) => self.stats.creates += 1,
                Call::DeleteIndex { .. } => self.stats.deletes += 1,
                _ => self.stats.describes += 1,
            }
            return Some(Effect::Call(id, call));
        }
        if let Some((at, _)) = &self.stopping {
            self.grace_is_over = *at + GRACE <= now;
        } else {
            self.wake_lanes(now);
            if !self.backlog.is_empty() && self.pace.tick(now) {
                self.tell_limit();
            }
            self.start_some(now);
            self.look_around(now);
        }
        if !(self.events.is_empty() && self.calls.is_empty()) {
            return self.poll(now);
        }
        self.save_if_due(now)
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let save = self.save_by.filter(|_| self.saving.is_none());
        if let Some((at, _)) = &self.stopping {
            return (!self.grace_is_over).then_some(*at + GRACE);
        }
        let lane = self.wakes.peek().map(|Reverse((at, _))| *at);
        let waits = !self.backlog.is_empty();
        let pace = waits.then(|| self.pace.wake_at()).flatten();
        [lane, save, pace].into_iter().flatten().min()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some(n) = self.asked.remove(&id) else {
            return;
        };
        match self.lanes[n].doing {
            Doing::Looking(asked, asked_at) if asked == id => self.on_look(now, n, asked_at, reply),
            Doing::AskingScaling(asked, job) if asked == id => {
                self.on_scaling(now, n, job, reply);
            }
            Doing::LookingElsewhere => self.on_region(now, n, id, reply),
            Doing::Changing(asked, job) if asked == id => self.on_created(now, n, job, reply),
            _ => {}
        }
    }

    fn on_saved(&mut self, now: Timestamp, serial: Serial, result: Result<(), String>) {
        let Some(saving) = self.saving.take_if(|saving| saving.serial == serial) else {
            return;
        };
        match result {
            Ok(()) if self.stopping.is_none() => {
                for n in saving.lanes {
                    self.change(now, n);
                }
            }
            Ok(()) => {}
            Err(error) => {
                self.events.push_back(Event::SaveFailed { error: error.clone() });
                self.stop(now, Ended::SaveFailed(error));
            }
        }
    }

    fn on_stop(&mut self, now: Timestamp) {
        if self.stopping.is_none() {
            self.events.push_back(Event::Stopping);
            self.stop(now, Ended::Stopped);
        }
    }

    fn is_over(&self) -> bool {
        let told = self.events.is_empty() && self.calls.is_empty();
        let saved = self.saving.is_none() && self.save_by.is_none();
        let answered = || self.grace_is_over || !self.unanswered();
        told && match &self.stopping {
            None => self.open == 0 && saved,
            Some((_, Ended::SaveFailed(_))) => answered(),
            Some(_) => saved && answered(),
        }
    }
}
