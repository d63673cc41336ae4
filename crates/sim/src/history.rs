//! A whole history: trouble, as the scenario has it, and then peace, in which
//! everything must come to its end.

mod deeds;
mod peace;

use std::cell::RefCell;
use std::rc::Rc;

use gsictl_core::definition::{ProvisionedThroughput, ScalarType};
use gsictl_core::plan::saved::SavedPlan;
use gsictl_core::time::Timestamp;

use crate::bugs::Bug;
use crate::coverage::{Coverage, Row};
use crate::faults::FAULTS;
use crate::model::{Limiter, Model};
use crate::process::{Guest, Left, plan_ahead, process};
use crate::scenario::{End, Run, Scenario, Table, index};
use crate::world::{Backup, KILLED, START, Site, World};

use self::deeds::{call_faults, reactions, save_faults, schedule};
use self::peace::peace;

/// What histories came to, added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Histories.
    pub seeds: u64,
    /// Those with a second directory.
    pub beside: u64,
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
    /// Adds what came to pass in one directory.
    fn add_site(&mut self, site: &Site) {
        self.runs += site.runs;
        self.crashes += site.crashes;
        self.steps += site.steps as u64;
        self.saves += site.saves.len() as u64;
        if let Some(checks) = &site.checks {
            self.coverage.add(&checks.coverage);
        }
    }

    /// Adds what other histories came to.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.beside += other.beside;
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
    set_up(scenario, bug, world);
    let counts = Counts::default();
    world.faults = call_faults(scenario, scenario.seed, &counts);
    world.change_sides();
    if world.has_neighbour() {
        world.faults = call_faults(scenario, !scenario.seed, &counts);
        world.change_sides();
    }
    trouble(scenario, bug, world);
    peace(scenario, bug, world);
    tally.seeds += 1;
    tally.creates += world.model.log.len() as u64;
    tally.virtual_seconds += (world.now - START).as_secs();
    tally.deeds += scenario.deeds.len() as u64;
    for (sum, one) in tally.faults.iter_mut().zip(counts.0.borrow().iter()) {
        *sum += one;
    }
    tally.add_site(world);
    if world.has_neighbour() {
        tally.beside += 1;
        world.change_sides();
        tally.add_site(world);
    }
}

/// Counts of the faults that happened, shared with the world that draws them.
#[derive(Clone, Default)]
struct Counts(Rc<RefCell<[u64; FAULTS.len()]>>);

fn set_up(scenario: &Scenario, bug: Option<Bug>, world: &mut World) {
    let service = &scenario.service;
    world.model.allocation = service.allocation;
    world.model.deletion = service.deletion;
    world.model.quota = service.quota;
    world.model.shows_deletes = service.shows_deletes;
    world.model.account_limit = service.account_limit.unwrap_or(usize::MAX);
    world.model.limiter = service.limiter.map(|(burst, every)| Limiter::new(burst, every));
    world.model.refuses_while_updating = service.refuses_while_updating;
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
    world.reactions = reactions(scenario);
    if !scenario.beside.is_empty() {
        let site = Site::named("      | ");
        world.settle_beside(site, Box::new(Guest::new(scenario, bug, START)));
    }
}

fn make_table(model: &mut Model, table: &Table) {
    let made = model.add_table(&table.name());
    made.backfill = Some(table.backfill);
    made.late = table.late;
    made.replicas = table.replicas();
    let lasting = |(n, why): (usize, _)| (table.definition(n).id.index, why);
    made.lasting = table.lasting.map(lasting).into_iter().collect();
    made.provisioned = table
        .provisioned
        .then_some(ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 5 });
}

fn trouble(scenario: &Scenario, bug: Option<Bug>, world: &mut World) {
    let mut backups: Vec<Option<Backup>> = vec![None; scenario.restores.len()];
    for (n, run) in scenario.runs.iter().enumerate() {
        let plans = run.saved_plan && run.rollback.is_none() && !run.validates;
        let saved = if plans { plan_ahead(world, scenario, run) } else { None };
        for (restore, backup) in scenario.restores.iter().zip(&mut backups) {
            if restore.from == n {
                *backup = Some(world.back_up());
            }
            if let Some(backup) = backup.as_ref().filter(|_| restore.before == n) {
                put_back(world, backup, restore.whole);
            }
        }
        world.idle(run.idle);
        world.skew += run.clock_set * 1_000;
        one(scenario, run, bug, world, saved.as_ref());
    }
}

fn put_back(world: &mut World, backup: &Backup, whole: bool) {
    world.note(|| format!("a copy of the directory is put back, whole: {whole}"));
    world.restore(backup, whole);
    if let Some(checks) = &mut world.checks {
        checks.coverage.hit(Row::Restored);
    }
}

/// One run, with the end that it is to have.
fn one(
    scenario: &Scenario,
    run: &Run,
    bug: Option<Bug>,
    world: &mut World,
    saved: Option<&SavedPlan>,
) -> Left {
    set_out(scenario, run, world);
    let left = process(world, scenario, run, bug, saved);
    (world.stop_at, world.crash_after) = (None, None);
    world.runs += 1;
    world.crashes += u64::from(matches!(left, Left::Crashed));
    left
}

/// What is to happen to a run that begins now in the directory that acts.
pub(crate) fn set_out(scenario: &Scenario, run: &Run, world: &mut World) {
    world.note(|| format!("begins  {}", run.words()));
    world.save_faults = save_faults(scenario, run, world.saves.len());
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
}
