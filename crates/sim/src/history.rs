//! A whole history: trouble, as the scenario has it, and then peace, in which
//! everything must come to its end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use gsictl_core::call::Call;
use gsictl_core::definition::{IndexDefinition, ProvisionedThroughput, ScalarType};
use gsictl_core::engine::Verdict;
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::plan::saved::SavedPlan;
use gsictl_core::probe::{self, IndexValidation};
use gsictl_core::time::Timestamp;

use crate::bugs::Bug;
use crate::coverage::Coverage;
use crate::faults::{FAULTS, expired};
use crate::model::{Model, Truth, refusal};
use crate::process::{Left, plan_ahead, process};
use crate::scenario::{Deed, End, Run, Scenario, Table, What, index};
use crate::world::{CallFaults, Fault, KILLED, START, SaveFault, SaveFaults, World};

/// What histories came to, added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Histories.
    pub seeds: u64,
    /// Runs of the program.
    pub runs: u64,
    /// Runs that were killed, or whose machine went down.
    pub crashes: u64,
    /// Calls, saves and answers.
    pub steps: u64,
    /// Calls that change a table, applied.
    pub creates: u64,
    /// Saves that were handed out.
    pub saves: u64,
    /// Time that passed in the worlds, in seconds.
    pub virtual_seconds: u64,
    /// How often each of [`FAULTS`] happened.
    pub faults: [u64; FAULTS.len()],
    /// Things other people did.
    pub deeds: u64,
    /// The rows that were met.
    pub coverage: Coverage,
}

impl Tally {
    /// Adds what other histories came to.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.steps += other.steps;
        self.creates += other.creates;
        self.saves += other.saves;
        self.virtual_seconds += other.virtual_seconds;
        self.deeds += other.deeds;
        for (mine, theirs) in self.faults.iter_mut().zip(other.faults) {
            *mine += theirs;
        }
        self.coverage.add(&other.coverage);
    }
}

/// Plays `scenario` to its end, in a world that the caller keeps, so that what
/// happened can be told after a panic.
///
/// # Panics
/// Where an invariant is broken.
pub fn play(scenario: &Scenario, bug: Option<Bug>, world: &mut World, tally: &mut Tally) {
    set_up(scenario, world);
    let counts = Counts::default();
    trouble(scenario, bug, world, tally, &counts);
    peace(scenario, bug, world, tally);
    tally.seeds += 1;
    tally.steps += world.steps as u64;
    tally.creates += world.model.log.len() as u64;
    tally.saves += world.saves.len() as u64;
    tally.virtual_seconds += (world.now - START).as_secs();
    tally.deeds += scenario.deeds.len() as u64;
    for (sum, one) in tally.faults.iter_mut().zip(counts.0.borrow().iter()) {
        *sum += one;
    }
    if let Some(checks) = &world.checks {
        tally.coverage.add(&checks.coverage);
    }
}

/// Counts of the faults that happened, shared with the world that draws them.
#[derive(Clone, Default)]
struct Counts(Rc<RefCell<[u64; FAULTS.len()]>>);

fn set_up(scenario: &Scenario, world: &mut World) {
    let service = &scenario.service;
    world.model.allocation = service.allocation;
    world.model.deletion = service.deletion;
    world.model.quota = service.quota;
    world.model.account_limit = service.account_limit.unwrap_or(usize::MAX);
    for table in &scenario.tables {
        let name = table.name();
        make_table(&mut world.model, table);
        world.model.table(&name).ready_at = START + table.creating;
        for n in 0..table.others {
            let theirs = index(&name, &format!("theirs-{n}"), "their-key", ScalarType::S);
            world.model.operator_creates(Timestamp::from_millis(0), &theirs);
        }
    }
    world.model.stale = service.stale;
    for deed in &scenario.deeds {
        if let Some(table) = scenario.tables.iter().find(|t| t.number == deed.table) {
            schedule(world, service.deletion, deed, table);
        }
    }
}

fn make_table(model: &mut Model, table: &Table) {
    let made = model.add_table(&table.name());
    made.backfill = Some(table.backfill);
    made.provisioned = table
        .provisioned
        .then_some(ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 5 });
}

/// Puts into the script what is done to the model. Windows in which calls or
/// saves fail are not in the model.
fn schedule(world: &mut World, deletion: Duration, deed: &Deed, table: &Table) {
    let at = START + deed.at;
    let (what, table) = (deed.what, table.clone());
    let ours = table.definition(deed.index.min(table.wanted - 1));
    let name = table.name();
    match what {
        What::Delete => world.at(at, move |model, now| delete(model, now, &ours)),
        What::Create => world.at(at, move |model, now| begin(model, now, &ours)),
        What::ReKey => {
            let other = index(&name, ours.id.index.as_str(), "other-key", ScalarType::S);
            replace(world, at, deletion, ours, other);
        }
        What::Remake => replace(world, at, deletion, ours.clone(), ours),
        What::CreateTheirs => {
            let theirs = index(
                &name,
                &format!("theirs-at-{}", deed.at.as_secs()),
                "their-key",
                ScalarType::S,
            );
            world.at(at, move |model, now| begin(model, now, &theirs));
        }
        What::CreateOfOtherType => {
            let theirs = index(&name, "theirs-of-other-type", "key-0", ScalarType::B);
            world.at(at, move |model, now| begin(model, now, &theirs));
        }
        What::Update(length) => world.at(at, move |model, now| {
            if model.has_table(&name) {
                model.table(&name).updating_until = now + length;
            }
        }),
        What::Drop => world.at(at, move |model, now| drop_table(model, now, &name)),
        What::MakeAgain => world.at(at, move |model, now| {
            drop_table(model, now, &name);
            if !model.has_table(&name) {
                make_table(model, &table);
            }
        }),
        What::FillAccount(count, length) => {
            world.at(at, move |model, _| model.others += count);
            world.at(at + length, move |model, _| model.others -= count);
        }
        What::Expire(_) | What::Deny(_) | What::FillDisk(..) => {}
    }
}

/// Somebody deletes one index, and creates another when it is gone.
fn replace(
    world: &mut World,
    at: Timestamp,
    deletion: Duration,
    old: IndexDefinition,
    new: IndexDefinition,
) {
    world.at(at, move |model, now| delete(model, now, &old));
    let gone = at + deletion + Duration::from_millis(1);
    world.at(gone, move |model, now| begin(model, now, &new));
}

/// Somebody deletes an index, where DynamoDB would let them.
fn delete(model: &mut Model, now: Timestamp, definition: &IndexDefinition) {
    let id = &definition.id;
    let ready = model.has_table(&id.table)
        && model.status(now, id).is_some_and(|s| s.as_str() == "ACTIVE")
        && model.is_free(now, &id.table);
    if ready {
        model.operator_deletes(now, id);
    }
}

/// Somebody creates it, where DynamoDB would let them.
fn begin(model: &mut Model, now: Timestamp, definition: &IndexDefinition) {
    let id = &definition.id;
    let free = model.has_table(&id.table) && model.is_free(now, &id.table);
    if free && !model.has(now, id) && model.truth(now, definition) == Truth::Absent {
        model.operator_creates(now, definition);
    }
}

fn drop_table(model: &mut Model, now: Timestamp, name: &TableName) {
    if model.has_table(name) && model.is_free(now, name) {
        model.operator_drops(name);
    }
}

/// Times between which something is so.
#[derive(Clone, Debug)]
struct Window<T> {
    from: Timestamp,
    until: Timestamp,
    what: T,
}

impl<T> Window<T> {
    fn of(deed: &Deed, length: Duration, what: T) -> Self {
        let from = START + deed.at;
        Self { from, until: from + length, what }
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

fn windows<T>(scenario: &Scenario, of: impl Fn(&Deed) -> Option<Window<T>>) -> Vec<Window<T>> {
    scenario.deeds.iter().filter_map(of).collect()
}

/// What happens to the calls of this history.
fn call_faults(scenario: &Scenario, counts: &Counts) -> CallFaults {
    let expired_in = windows(scenario, |deed| match deed.what {
        What::Expire(length) => Some(Window::of(deed, length, ())),
        _ => None,
    });
    let denied_in = windows(scenario, |deed| match deed.what {
        What::Deny(length) => {
            let table = scenario.tables.iter().find(|t| t.number == deed.table)?;
            Some(Window::of(deed, length, table.name()))
        }
        _ => None,
    });
    let (seed, rates, counts) = (scenario.seed, scenario.rates, counts.clone());
    Box::new(move |call: &Call, now, nth| {
        if expired_in.iter().any(|w| w.holds(now)) {
            return Fault::Refuse(expired());
        }
        if denied_in.iter().any(|w| w.holds(now) && w.what == *call.table()) {
            let text = "User is not authorized to perform this";
            return Fault::Refuse(refusal("AccessDeniedException", text));
        }
        let Some((kind, mut random)) = rates.draw(seed, call, nth) else {
            return Fault::None;
        };
        if let Some(n) = FAULTS.iter().position(|k| *k == kind) {
            counts.0.borrow_mut()[n] += 1;
        }
        kind.fault(&mut random)
    })
}

/// What happens to the saves of one run.
fn save_faults(scenario: &Scenario, run: &Run, saves_before: usize) -> SaveFaults {
    let full_in = windows(scenario, |deed| match deed.what {
        What::FillDisk(full, length) => {
            let kind =
                if full { io::ErrorKind::StorageFull } else { io::ErrorKind::ReadOnlyFilesystem };
            Some(Window::of(deed, length, kind))
        }
        _ => None,
    });
    let end = run.end;
    let mut random = fastrand::Rng::with_seed(run.seed);
    Box::new(move |nth, now| {
        if let Some(window) = full_in.iter().find(|w| w.holds(now)) {
            return SaveFault::Fail(window.what);
        }
        if let End::PowerLostInSave { save, step, .. } = end
            && nth == saves_before + save
        {
            return SaveFault::Crash(step);
        }
        match random.u32(0..300) {
            0 => SaveFault::Fail(io::ErrorKind::StorageFull),
            1 => SaveFault::FailAfter,
            2..8 => SaveFault::Slow(Duration::from_millis(random.u64(1..20_000))),
            _ => SaveFault::None,
        }
    })
}

fn trouble(
    scenario: &Scenario,
    bug: Option<Bug>,
    world: &mut World,
    tally: &mut Tally,
    counts: &Counts,
) {
    world.faults = call_faults(scenario, counts);
    for run in &scenario.runs {
        let plans = run.saved_plan && run.rollback.is_none() && !run.validates;
        let saved = if plans { plan_ahead(world, scenario, run) } else { None };
        world.idle(run.idle);
        world.skew += run.clock_set * 1_000;
        world.save_faults = save_faults(scenario, run, world.saves.len());
        one(scenario, run, bug, world, tally, saved.as_ref());
    }
}

/// One run, with the end that it is to have.
fn one(
    scenario: &Scenario,
    run: &Run,
    bug: Option<Bug>,
    world: &mut World,
    tally: &mut Tally,
    saved: Option<&SavedPlan>,
) -> Left {
    (world.call_latency, world.save_latency) = (run.call_latency, run.save_latency);
    (world.stop_at, world.crash_after, world.crash_keeps_saves) = (None, None, false);
    world.loss = KILLED;
    match run.end {
        End::Natural | End::PowerLostInArchive { .. } => {}
        End::Stopped(after) => world.stop_at = Some(world.now + after),
        End::Killed { steps, keeps_save } => {
            world.crash_after = Some(world.steps + steps);
            world.crash_keeps_saves = keeps_save;
        }
        End::PowerLost { steps, loss } => {
            world.crash_after = Some(world.steps + steps);
            world.loss = loss;
        }
        End::PowerLostInSave { loss, .. } => world.loss = loss,
    }
    let left = process(world, scenario, run, bug, saved);
    (world.stop_at, world.crash_after) = (None, None);
    tally.runs += 1;
    tally.crashes += u64::from(matches!(left, Left::Crashed));
    left
}

/// Faults and other people stop. A run, one with `--retry-failed` and one more
/// bring everything to its end, and then there is nothing left to do.
fn peace(scenario: &Scenario, bug: Option<Bug>, world: &mut World, tally: &mut Tally) {
    let over = scenario.deeds.iter().map(|d| START + d.at + d.what.length()).max();
    let rest = over.map_or(Duration::ZERO, |over| over - world.now);
    world.idle(rest + Duration::from_secs(400));
    world.faults = Box::new(|_, _, _| Fault::None);
    world.save_faults = Box::new(|_, _| SaveFault::None);
    (world.model.account_limit, world.model.stale) = (usize::MAX, None);
    world.deadline = world.now + Duration::from_secs(60 * 86_400);
    for retry_failed in [false, true, false] {
        let left = one(scenario, &Run::peaceful(retry_failed), bug, world, tally, None);
        assert!(matches!(left, Left::Over(_)), "invariant 6: a run in peace ended as {left:?}");
    }
    all_is_well(scenario, world);
    let calls = world.calls.len();
    let left = one(scenario, &Run::peaceful(false), bug, world, tally, None);
    let changing = world.calls[calls..].iter().filter(|sent| sent.call.is_mutating()).count();
    assert_eq!(changing, 0, "a run over what is done changes nothing");
    agrees(scenario, world, &left);
    let run = Run { validates: true, ..Run::peaceful(false) };
    let left = one(scenario, &run, bug, world, tally, None);
    validates_truly(scenario, world, &left);
    if scenario.seed.is_multiple_of(4) {
        let run = Run { rollback: Some(false), ..Run::peaceful(false) };
        let before = ready(scenario, world);
        let left = one(scenario, &run, bug, world, tally, None);
        took_back(scenario, world, &before, &left);
    }
}

/// In peace an index is functional if it is there as it is wanted, and else not.
fn validates_truly(scenario: &Scenario, world: &World, left: &Left) {
    let Left::Validated(indexes) = left else {
        panic!("invariant 6: a validation in peace ended as {left:?}");
    };
    for wanted in &scenario.definitions(false).indexes {
        let of_it = |i: &&IndexValidation| {
            i.table == wanted.id.table.as_str() && i.index == wanted.id.index.as_str()
        };
        let verdict = indexes.iter().find(of_it).map(|i| i.verdict);
        let truth = world.model.truth(world.now, wanted);
        let agrees = (verdict == Some(probe::Verdict::Functional)) == (truth == Truth::Ready);
        assert!(agrees, "invariant 7: {} is validated {verdict:?} and is {truth:?}", wanted.id);
    }
}

/// The indexes that are there as they are wanted.
fn ready(scenario: &Scenario, world: &World) -> BTreeSet<IndexId> {
    let definitions = scenario.definitions(false).indexes.into_iter();
    let ready = definitions.filter(|d| world.model.truth(world.now, d) == Truth::Ready);
    ready.map(|d| d.id).collect()
}

/// Invariants 3 and 7, of a rollback: what it says that it deleted is gone, and
/// the rest is there as it was.
fn took_back(scenario: &Scenario, world: &World, before: &BTreeSet<IndexId>, left: &Left) {
    let Left::Over(outcome) = left else {
        return;
    };
    let after = ready(scenario, world);
    for id in before {
        let verdict = outcome.verdicts.iter().find(|(of, _)| of == id).map(|(_, v)| v);
        let gone = matches!(verdict, Some(Verdict::Deleted(_) | Verdict::Gone));
        assert_eq!(gone, !after.contains(id), "invariant 7: after a rollback, {id}: {verdict:?}");
    }
}

/// Invariant 6.
fn all_is_well(scenario: &Scenario, world: &World) {
    for wanted in &scenario.definitions(false).indexes {
        let truth = world.model.truth(world.now, wanted);
        let well = matches!(truth, Truth::Ready | Truth::Obstructed(_));
        assert!(well, "invariant 6: {} is {truth:?} when all is over", wanted.id);
    }
}

/// Invariant 7.
fn agrees(scenario: &Scenario, world: &World, left: &Left) {
    let Left::Over(outcome) = left else {
        panic!("invariant 6: a run in peace ended as {left:?}");
    };
    for (id, verdict) in &outcome.verdicts {
        let definitions = scenario.definitions(false);
        let wanted = definitions.indexes.iter().find(|d| d.id == *id).expect("it is wanted");
        let active = matches!(verdict, Verdict::AlreadyActive | Verdict::Activated(_));
        let truth = world.model.truth(world.now, wanted);
        let agrees = active == (truth == Truth::Ready);
        assert!(agrees, "invariant 7: {id} is told {verdict:?} and is {truth:?}");
    }
}
