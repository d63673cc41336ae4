//! Plays histories so that a broken invariant is a value, and makes a failing
//! history small.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::time::Duration;

use gsictl_core::time::Timestamp;

use crate::bugs::Bug;
use crate::history::{Tally, play};
use crate::scenario::{End, Run, Scenario};
use crate::world::World;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What was said.
    pub message: String,
}

impl Violation {
    /// The invariant: what stands before the colon.
    #[must_use]
    pub fn invariant(&self) -> &str {
        let end = self.message.find(':').unwrap_or(self.message.len());
        &self.message[..end]
    }
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics in histories are kept and not printed from here on. To be called once,
/// before the first [`attempt`].
pub fn catch_violations() {
    let usual = std::panic::take_hook();
    set_hook(Box::new(move |info| {
        if !CATCHING.get() {
            return usual(info);
        }
        let text = info.payload_as_str().unwrap_or("a panic without words");
        let place =
            info.location().map_or_else(String::new, |l| format!(" ({}:{})", l.file(), l.line()));
        SAID.set(Some(format!("{text}{place}")));
    }));
}

/// Plays a history. What it came to is added to `tally`, unless it fails.
///
/// # Errors
/// The [`Violation`], where an invariant is broken.
pub fn attempt(scenario: &Scenario, bug: Option<Bug>, tally: &mut Tally) -> Result<(), Violation> {
    let mut world = World::default();
    attempt_in(scenario, bug, &mut world, tally)
}

fn attempt_in(
    scenario: &Scenario,
    bug: Option<Bug>,
    world: &mut World,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let mut own = Tally::default();
    CATCHING.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| play(scenario, bug, world, &mut own)));
    CATCHING.set(false);
    match result {
        Ok(()) => {
            tally.add(&own);
            Ok(())
        }
        Err(_) => {
            let message = SAID.take().unwrap_or_default();
            Err(Violation { message })
        }
    }
}

/// What happened in a history, a line each: calls, saves and events by time.
#[must_use]
pub fn trace(scenario: &Scenario, bug: Option<Bug>) -> String {
    let mut world = World::default();
    world.tracing = true;
    let result = attempt_in(scenario, bug, &mut world, &mut Tally::default());
    let mut text = world.trace();
    if let Err(violation) = result {
        text.push_str(&format!("{:>12}  BROKEN  {}\n", seconds(world.now), violation.message));
    }
    text
}

/// A time as the trace has it.
pub(crate) fn seconds(at: Timestamp) -> String {
    format!("{:.3}", (at - crate::world::START).as_secs_f64())
}

/// The smallest history found that breaks the same invariant: tables, runs,
/// faults and deeds are left out as long as it does.
#[must_use]
pub fn shrink(scenario: &Scenario, bug: Option<Bug>, invariant: &str) -> Scenario {
    let mut smallest = scenario.clone();
    loop {
        let fails = |candidate: &Scenario| {
            attempt(candidate, bug, &mut Tally::default())
                .is_err_and(|violation| violation.invariant() == invariant)
        };
        let Some(smaller) = smaller(&smallest).into_iter().find(fails) else {
            return smallest;
        };
        smallest = smaller;
    }
}

/// Every history that is this one with one thing less.
fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        all.push(candidate);
    };
    if scenario.tables.len() > 1 {
        for n in 0..scenario.tables.len() {
            with(&|s| _ = s.tables.remove(n));
        }
    }
    for n in 0..scenario.runs.len() {
        with(&|s| _ = s.runs.remove(n));
    }
    for n in 0..scenario.deeds.len() {
        with(&|s| _ = s.deeds.remove(n));
    }
    for n in 0..scenario.foes.len() {
        with(&|s| _ = s.foes.remove(n));
    }
    for n in 0..scenario.restores.len() {
        with(&|s| _ = s.restores.remove(n));
    }
    for n in 0..scenario.beside.len() {
        with(&|s| _ = s.beside.remove(n));
    }
    for (n, _) in scenario.rates.0.iter().enumerate().filter(|(_, rate)| **rate > 0) {
        with(&|s| s.rates.0[n] = 0);
    }
    for (n, table) in scenario.tables.iter().enumerate() {
        if table.wanted > 1 {
            with(&|s| s.tables[n].wanted -= 1);
        }
        if table.others > 0 {
            with(&|s| s.tables[n].others = 0);
        }
        if table.provisioned {
            with(&|s| s.tables[n].provisioned = false);
        }
        if !table.late.is_zero() {
            with(&|s| s.tables[n].late = Duration::ZERO);
        }
        for region in 0..table.lags.len() {
            with(&|s| _ = s.tables[n].lags.remove(region));
        }
        if table.lasting.is_some() {
            with(&|s| s.tables[n].lasting = None);
        }
    }
    if scenario.service.stale.is_some() {
        with(&|s| s.service.stale = None);
    }
    if scenario.service.shows_deletes {
        with(&|s| s.service.shows_deletes = false);
    }
    if scenario.service.account_limit.is_some() {
        with(&|s| s.service.account_limit = None);
    }
    if scenario.service.limiter.is_some() {
        with(&|s| s.service.limiter = None);
    }
    if scenario.service.refuses_while_updating {
        with(&|s| s.service.refuses_while_updating = false);
    }
    for (n, run) in scenario.runs.iter().enumerate() {
        for simpler in simpler(run) {
            with(&|s| s.runs[n] = simpler.clone());
        }
    }
    for (n, run) in scenario.beside.iter().enumerate() {
        for simpler in simpler(run) {
            with(&|s| s.beside[n] = simpler.clone());
        }
    }
    all
}

/// The run with one thing less, each.
fn simpler(run: &Run) -> Vec<Run> {
    let mut all = Vec::new();
    if run.clock_set != 0 {
        all.push(Run { clock_set: 0, ..run.clone() });
    }
    if !matches!(run.end, End::Natural) {
        all.push(Run { end: End::Natural, ..run.clone() });
    }
    if !run.is_peaceful {
        all.push(Run { is_peaceful: true, ..run.clone() });
    }
    if run.declines {
        all.push(Run { declines: false, ..run.clone() });
    }
    if run.of_archive.is_some() {
        all.push(Run { of_archive: None, ..run.clone() });
    }
    if run.retry_failed || run.lacks_last || run.table.is_some() {
        all.push(Run { retry_failed: false, lacks_last: false, table: None, ..run.clone() });
    }
    all
}
