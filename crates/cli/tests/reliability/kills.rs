//! Ends the program at random instants, starts it again, and looks at what is
//! there, until all is done.
//!
//! `GSICTL_KILLS` says how often, on each engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::aftermath::{self, Seen, texts};
use crate::support::service::{Service, service};
use crate::support::world::{Done, Running, SAVING, World, airline, side_by_side};

/// A whole run without a kill takes so long.
const WHOLE_RUN: Duration = Duration::from_millis(1_900);
/// Kills in one directory, at most, before a run is left alone.
const IN_A_ROW: u64 = 5;

/// A directory with its tables, wherever they are.
trait Site {
    fn world(&self) -> &World;
    fn start(&self) -> Running;
    /// The indexes that stand, as `table.index`, with their statuses.
    fn built(&self) -> BTreeMap<String, String>;
    /// Each index was created once, by the log of calls.
    fn was_created_once(&self, runs: &[Done]);
}

impl Site for World {
    fn world(&self) -> &World {
        self
    }

    fn start(&self) -> Running {
        self.start_local(&["apply", "airline.yaml", "--output", "json"])
    }

    fn built(&self) -> BTreeMap<String, String> {
        self.built()
    }

    /// The engine keeps no log. But the line of a create is written before the
    /// call, and a call that is not acknowledged is not repeated here.
    fn was_created_once(&self, runs: &[Done]) {
        let accepted = count(runs, "accepted");
        assert!(accepted.values().all(|n| *n == 1), "{accepted:?}");
        let failed = count(runs, "attempt_failed");
        assert!(failed.is_empty(), "{failed:?}: {}", texts(runs));
    }
}

impl Site for Service {
    fn world(&self) -> &World {
        &self.world
    }

    fn start(&self) -> Running {
        self.start()
    }

    fn built(&self) -> BTreeMap<String, String> {
        self.indexes()
    }

    fn was_created_once(&self, runs: &[Done]) {
        aftermath::created_once(&self.proxy, runs);
    }
}

fn count(runs: &[Done], event: &str) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for id in runs.iter().flat_map(|run| run.indexes(event)) {
        *count.entry(id).or_default() += 1;
    }
    count
}

/// When and how a run is ended.
struct End {
    when: When,
    signal: &'static str,
}

/// An instant of a run, or the run's end if that comes first.
enum When {
    /// So long after its start.
    At(Duration),
    /// So long after so many events of that name.
    Behind(&'static str, usize, Duration),
    /// In the middle of its so manieth save.
    Saving(usize),
}

impl End {
    fn draw(random: &mut Rng) -> Self {
        let event = random.choice(["planned", "creating", "accepted", "activated"]);
        let when = match (random.u8(0..10), event) {
            (0..=2, _) => When::Saving(random.usize(1..=4)),
            (3..=5, Some(event)) => {
                let wait = Duration::from_millis(30).mul_f64(random.f64());
                When::Behind(event, random.usize(1..=5), wait)
            }
            _ => When::At(WHOLE_RUN.mul_f64(random.f64())),
        };
        let polite = random.u8(0..5) == 0;
        let signal = if polite { random.choice(["INT", "TERM", "HUP"]) } else { None };
        Self { when, signal: signal.unwrap_or("KILL") }
    }

    fn of(&self, mut running: Running, world: &World) -> Done {
        match self.when {
            When::At(wait) => std::thread::sleep(wait),
            When::Behind(event, times, wait) => {
                await_events(&mut running, event, times);
                std::thread::sleep(wait);
            }
            When::Saving(times) => await_saves(&mut running, world, times),
        }
        if self.signal == "KILL" {
            return running.kill();
        }
        running.signal(self.signal);
        running.end()
    }
}

fn await_events(running: &mut Running, name: &str, times: usize) {
    let mut left = times;
    while left > 0
        && let Some(event) = running.event()
    {
        left -= usize::from(event["event"] == name);
    }
}

/// A save has a file beside the state for as long as it takes.
fn await_saves(running: &mut Running, world: &World, times: usize) {
    let (mut saves, mut was_saving) = (0, false);
    while saves < times && running.is_running() {
        let saving = world.exists(SAVING);
        saves += usize::from(saving && !was_saving);
        was_saving = saving;
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// One directory from its first run to its last.
struct Life<S> {
    site: S,
    seen: Seen,
    built: BTreeMap<String, String>,
    runs: Vec<Done>,
}

impl<S: Site> Life<S> {
    fn new(site: S) -> Self {
        Self { site, seen: Seen::default(), built: BTreeMap::new(), runs: Vec::new() }
    }

    /// Ends runs as they are drawn, and lets the last one go on to its end.
    fn live(mut self, random: &mut Rng, tally: &Tally) {
        for _ in 0..random.u64(1..=IN_A_ROW) {
            let end = End::draw(random);
            let done = end.of(self.site.start(), self.site.world());
            let killed = tally.note(&end, &done);
            self.look(done);
            if !killed {
                break;
            }
            tally.note_left(self.built.len(), self.site.world());
        }
        let last = self.site.start().end().exits(0);
        self.look(last);
        aftermath::all_is_well(self.site.world(), &self.built);
        self.owns_what_it_made();
        self.site.was_created_once(&self.runs);
    }

    fn look(&mut self, done: Done) {
        let stood = std::mem::replace(&mut self.built, self.site.built());
        for id in done.indexes("creating") {
            assert!(!stood.contains_key(&id), "{id} stood already: {}", done.text());
        }
        self.seen.look(self.site.world(), &self.built, &done);
        self.runs.push(done);
    }

    /// Nobody else was there, so none of the indexes may look like somebody's.
    fn owns_what_it_made(&self) {
        let archive = aftermath::archive(self.site.world()).unwrap();
        for id in airline() {
            let owner = &archive["gsictl"]["entries"][&id]["owner"];
            assert!(owner == "run" || owner == "inferred", "{id} {owner}: {}", texts(&self.runs));
        }
    }
}

/// What the lives met, side by side.
#[derive(Default)]
struct Tally {
    left: AtomicUsize,
    killed: AtomicUsize,
    stopped: AtomicUsize,
    lives: AtomicUsize,
    /// Ends that left half a save.
    half_saved: AtomicUsize,
    /// Ends by the number of indexes that stood then.
    built: [AtomicUsize; 7],
}

impl Tally {
    /// Takes the end of a run down. False where the run was over before.
    fn note(&self, end: &End, done: &Done) -> bool {
        assert!(!done.stderr.contains("panicked"), "{}", done.text());
        let counter = match (end.signal, done.code) {
            ("KILL", None) => &self.killed,
            // Before it listened, the signal itself ended it.
            (_, Some(130) | None) => &self.stopped,
            _ => {
                assert_eq!(done.code, Some(0), "{}", done.text());
                return false;
            }
        };
        counter.fetch_add(1, Ordering::SeqCst);
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        true
    }

    fn note_left(&self, built: usize, world: &World) {
        self.built[built].fetch_add(1, Ordering::SeqCst);
        self.half_saved.fetch_add(usize::from(world.exists(SAVING)), Ordering::SeqCst);
    }

    fn next_seed(&self) -> Option<u64> {
        if self.left.load(Ordering::SeqCst) == 0 {
            return None;
        }
        Some(self.lives.fetch_add(1, Ordering::SeqCst) as u64)
    }
}

/// Lives side by side until there were as many kills as asked for.
fn kill_time_and_again<S: Site>(on: &str, kills: usize, site: impl Fn() -> S + Sync) {
    let (began, tally) = (Instant::now(), Tally::default());
    tally.left.store(asked_for(kills), Ordering::SeqCst);
    side_by_side(&[(); crate::AT_ONCE], |()| {
        while let Some(seed) = tally.next_seed() {
            let _told = crate::Seed(seed);
            Life::new(site()).live(&mut Rng::with_seed(seed), &tally);
        }
    });
    let number = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    eprintln!(
        "{on}: {} kills ({} in a save) and {} signals in {} directories, {:.0} s; then there stood \
         0, 1, ... 6 indexes: {:?}",
        number(&tally.killed),
        number(&tally.half_saved),
        number(&tally.stopped),
        number(&tally.lives),
        began.elapsed().as_secs_f64(),
        tally.built.each_ref().map(number),
    );
}

fn asked_for(kills: usize) -> usize {
    std::env::var("GSICTL_KILLS").map_or(kills, |text| text.parse().unwrap())
}

#[test]
fn killed_at_any_instant_on_the_embedded_engine_it_finishes_and_creates_each_index_once() {
    kill_time_and_again("embedded engine", 40, World::airline);
}

#[test]
fn killed_at_any_instant_on_dynamodb_local_it_finishes_and_creates_each_index_once() {
    if service().is_none() {
        return;
    }
    kill_time_and_again("DynamoDB Local", 16, || service().unwrap().airline());
}
