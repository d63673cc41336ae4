//! What a large run costs: 2,000 tables with five indexes each, against the
//! modelled DynamoDB in virtual time, and a state of 10,000 entries.
//!
//! `cargo bench -p gsictl-core` prints two tables. CPU is what the engine itself
//! took, without the model and the checks.
#![expect(clippy::print_stdout, reason = "it prints its tables")]
#![expect(clippy::unwrap_used, reason = "a bench may panic; clippy allows it in tests alone")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use gsictl_core::call::{CallError, Reply};
use gsictl_core::engine::{Stats, Verdict};
use gsictl_core::machine::{CallId, Effect, Machine};
use gsictl_core::state::{Serial, State, Step};
use gsictl_core::time::Timestamp;

use gsictl_sim::world::Fault;
use support::apply::Apply;
use support::samples::{START, definitions, index, millis};

const TABLES: usize = 2_000;
const INDEXES: usize = 5;

fn main() {
    println!(
        "{TABLES} tables x {INDEXES} indexes, builds of 9 minutes, calls of 40 to 200 ms, saves of 100 ms"
    );
    println!(
        "{:>10} {:>9} {:>9} {:>8} {:>7} {:>9} {:>7} {:>7} {:>7}",
        "max_builds", "virtual", "describes", "creates", "saves", "saved", "mean", "most", "CPU"
    );
    for max_builds in [50, 500] {
        run(max_builds);
    }
    println!("\na state of {} entries, best of 10", TABLES * INDEXES);
    state();
}

fn apply() -> Apply {
    let keys = ["customer_id", "created_at"];
    let tables = 0..TABLES;
    let of_table = |t| (0..INDEXES).map(move |i| index(&format!("table-{t}.index-{i}"), &keys));
    Apply::new(definitions(tables.flat_map(of_table)))
}

fn run(max_builds: usize) {
    let apply = apply().policy(|policy| policy.max_builds = max_builds);
    let mut world = apply.world();
    world.checks = None;
    world.save_latency = millis(100);
    world.faults = Box::new(|call, _, nth| {
        let odd = call.table().as_str().len() as u64 * 31 + nth as u64 * 17;
        Fault::Late(Duration::from_millis(odd % 160))
    });
    let mut engine = Metered { took: Duration::ZERO, machine: apply.engine(&mut world) };
    world.run(&mut engine);
    let took = engine.took;
    let (_, outcome) = engine.machine.finish();
    let activated = |verdict: &Verdict| matches!(verdict, Verdict::Activated(_));
    assert!(outcome.verdicts.iter().all(|(_, verdict)| activated(verdict)));
    print_run(max_builds, world.now - START, outcome.stats, took);
}

fn print_run(max_builds: usize, length: Duration, stats: Stats, took: Duration) {
    println!(
        "{max_builds:>10} {:>7.1} h {:>9} {:>8} {:>7} {:>6} MB {:>7.1} {:>7} {:>5.2} s",
        length.as_secs_f64() / 3_600.0,
        stats.describes,
        stats.creates,
        stats.saves,
        stats.saved_bytes / 1_000_000,
        stats.transitions as f64 / stats.saves as f64,
        stats.most_transitions,
        took.as_secs_f64(),
    );
}

/// A machine, and how long it took to decide.
struct Metered<M> {
    took: Duration,
    machine: M,
}

impl<M> Metered<M> {
    fn time<T>(&mut self, work: impl FnOnce(&mut M) -> T) -> T {
        let began = Instant::now();
        let done = work(&mut self.machine);
        self.took += began.elapsed();
        done
    }
}

impl<M: Machine> Machine for Metered<M> {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        self.time(|m| m.poll(now))
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.machine.wake_at()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        self.time(|m| m.on_reply(now, id, reply));
    }

    fn on_saved(&mut self, now: Timestamp, serial: Serial, result: Result<(), String>) {
        self.time(|m| m.on_saved(now, serial, result));
    }

    fn on_stop(&mut self, now: Timestamp) {
        self.time(|m| m.on_stop(now));
    }

    fn is_over(&self) -> bool {
        self.machine.is_over()
    }
}

/// Rendering and reading of a state in which every entry has a history of ours.
fn state() {
    let apply = apply();
    let mut state = apply.state(START);
    let ids: Vec<_> = apply.definitions.indexes.iter().map(|d| d.id.clone()).collect();
    for id in &ids {
        let spec = "0123456789abcdef".to_owned();
        let table_id = Some("1f0c5a0e-8d6b-4f43-9a53-0b1d7c4c1a11".to_owned());
        state.apply(id, Step::Intend { at: START, table_id, spec }).unwrap();
        state.apply(id, Step::Acknowledge).unwrap();
    }
    let bytes = state.render(START).bytes;
    println!("{:>34} {:>6.1} MB", "file", bytes.len() as f64 / 1e6);
    let fresh = || State::parse(&bytes).unwrap();
    timed("parse", || None, |parsed| *parsed = Some(fresh()));
    timed("render, every entry anew", fresh, |state| drop(state.render(START)));
    let one_changed = || {
        let mut state = state.clone();
        let step = Step::SeenActive { at: START, table_id: None };
        state.apply(&ids[5_000], step).unwrap();
        state
    };
    timed("render, one entry changed", one_changed, |state| drop(state.render(START)));
    timed("one step", one_changed, |state| {
        state.apply(&ids[7], Step::SeenAbsent).unwrap();
    });
    timed("is_dirty and changed", fresh, |state| {
        std::hint::black_box((state.is_dirty(), state.changed()));
    });
}

/// The best of ten; only `work` is timed.
fn timed<T>(what: &str, mut prepare: impl FnMut() -> T, mut work: impl FnMut(&mut T)) {
    let once = || {
        let mut ready = prepare();
        let began = Instant::now();
        work(&mut ready);
        began.elapsed()
    };
    let best = std::iter::repeat_with(once).take(10).min();
    println!("{what:>34} {:>9.3} ms", best.unwrap().as_secs_f64() * 1_000.0);
}
