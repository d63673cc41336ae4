//! Faults of every kind between the program and Amazon DynamoDB Local, drawn from
//! a seed.
//!
//! `GSICTL_CHAOS_SEEDS=FROM..TO` says which. One in four seeds is patient: its
//! calls get lost before they arrive, each of which costs the minute in which a
//! description may not show an index yet, and its first runs are killed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::aftermath::{self, texts};
use crate::support::fault::{Fault, SLOW};
use crate::support::proxy::{Asked, Chooser, Log};
use crate::support::service::{Service, faulty_service, service};
use crate::support::world::{Done, STATE};
use crate::{Seed, some_at_once};

/// Faulty creates of one index, at most; then one goes through.
const MOST_FAULTS: u64 = 4;
/// Runs of one seed, at most.
const MOST_RUNS: usize = 20;
/// What costs a minute strikes within this time, so that the minutes are one.
const EARLY: Duration = Duration::from_secs(10);
/// So long credentials are expired.
const EXPIRED: Duration = Duration::from_millis(1_500);
/// A slow answer to a create is surely not there yet for so long.
const SURELY_HELD: Duration = Duration::from_millis(100);

/// Draws what becomes of each request from the seed and from how often the same
/// was asked before, so that tables do not disturb each other's luck.
struct Chaos {
    seed: u64,
    began: Instant,
    asked: BTreeMap<String, u64>,
    /// Tables of which a create got lost before it arrived, or had to wait.
    delayed: Vec<String>,
    expired_at: Option<Instant>,
    quota_told: bool,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            began: Instant::now(),
            asked: BTreeMap::new(),
            delayed: Vec::new(),
            expired_at: None,
            quota_told: false,
        }
    }

    fn random(&self, what: &str, n: u64) -> Rng {
        let text = format!("{} {what} {n}", self.seed);
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Rng::with_seed(text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    fn of_look(&mut self, random: &mut Rng) -> Fault {
        if random.u8(0..5) > 0 {
            return Fault::none();
        }
        match random.u8(0..9) {
            0 => Fault::throttled(),
            1 => Fault::server_error(),
            2 => Fault::page(502),
            3 => Fault::page(503),
            4 => Fault::lost_before(),
            5 => Fault::lost_after(),
            6 => Fault::cut_off(),
            7 if !is_patient(self.seed) && self.expired_at.is_none() => {
                self.expired_at = Some(Instant::now());
                Fault::expired()
            }
            _ => Fault::slow(Duration::from_millis(random.u64(100..1_000))),
        }
    }

    fn of_create(&mut self, request: &Asked, n: u64, random: &mut Rng, log: &Log) -> Fault {
        if n >= MOST_FAULTS {
            return Fault::none();
        }
        // Where one is built at a time, minutes would add up.
        if !is_patient(self.seed) && held_beside(&request.table, log) && random.bool() {
            return Fault::account_full(random.bool());
        }
        let early = self.began.elapsed() < EARLY;
        if early && !self.delayed.contains(&request.table) && random.u8(0..3) == 0 {
            self.delayed.push(request.table.clone());
            return self.long_fault(random);
        }
        match random.u8(0..13) {
            0 => Fault::throttled(),
            1 => Fault::server_error_after(),
            2 => Fault::page_after(502),
            3 => Fault::page_after(503),
            4 => Fault::lost_after(),
            5 => Fault::cut_off(),
            6 => Fault::twice(),
            7 if self.seed % 5 == 3 && !std::mem::replace(&mut self.quota_told, true) => {
                Fault::quota()
            }
            8 => Fault::late(Duration::from_millis(random.u64(300..3_000))),
            9..=11 => Fault::slow(Duration::from_millis(random.u64(400..1_200))),
            _ => Fault::none(),
        }
    }

    /// One that costs seconds, or in patient seeds a minute.
    fn long_fault(&self, random: &mut Rng) -> Fault {
        if !is_patient(self.seed) {
            return if random.bool() { Fault::table_busy() } else { Fault::slot_taken() };
        }
        match random.u8(0..6) {
            0 => Fault::server_error(),
            1 => Fault::page(502),
            2 => Fault::page(503),
            3 => Fault::index_busy(),
            4 => Fault::too_slow(Duration::from_secs(16)),
            _ => Fault::lost_before(),
        }
    }

    fn credentials_are_expired(&self) -> bool {
        self.expired_at.is_some_and(|at| at.elapsed() < EXPIRED)
    }
}

/// The account may only be said to be full while a build of this run is surely
/// under way, or the run waits five minutes.
fn held_beside(table: &str, log: &Log) -> bool {
    let held = |asked: &Asked| {
        asked.fault == SLOW && asked.index.is_some() && asked.at.elapsed() < SURELY_HELD
    };
    log.iter().any(|asked| held(asked) && asked.table != table)
}

fn is_patient(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

impl Chooser for Chaos {
    fn choose(&mut self, request: &Asked, log: &Log) -> Fault {
        let index = request.index.as_deref().unwrap_or_default();
        let what = format!("{} {} {index}", request.operation, request.table);
        let times = self.asked.entry(what.clone()).or_default();
        let n = std::mem::replace(times, *times + 1);
        let mut random = self.random(&what, n);
        if self.credentials_are_expired() {
            Fault::expired()
        } else if request.index.is_some() {
            self.of_create(request, n, &mut random, log)
        } else {
            self.of_look(&mut random)
        }
    }
}

/// Runs the program through the faults of one seed until all is done, as a
/// person would, and returns how often each fault was met, and the runs' ends.
fn survive(seed: u64) -> (BTreeMap<&'static str, usize>, Vec<Option<i32>>) {
    let _told = Seed(seed);
    let service = faulty_service(Box::new(Chaos::new(seed))).unwrap().airline();
    let mut random = Rng::with_seed(seed);
    let mut kills = if is_patient(seed) { random.usize(1..4) } else { 0 };
    let mut runs: Vec<Done> = Vec::new();
    loop {
        let failed = runs.last().is_some_and(|run| run.code == Some(3));
        let done = run(&service, failed, (kills > 0).then_some(&mut random));
        kills = kills.saturating_sub(1);
        ended_as_it_may(&service, &done);
        let over = done.code == Some(0) && !service.world.exists(STATE);
        runs.push(done);
        if over {
            break;
        }
        assert!(runs.len() < MOST_RUNS, "{}", texts(&runs));
    }
    aftermath::created_once(&service.proxy, &runs);
    aftermath::all_is_well(&service.world, &service.indexes());
    (service.proxy.faults(), runs.iter().map(|run| run.code).collect())
}

fn run(service: &Service, retry_failed: bool, kill: Option<&mut Rng>) -> Done {
    let mut args = vec!["--backoff", "0,1", "--max-attempts", "30"];
    args.extend(retry_failed.then_some("--retry-failed"));
    let running = service.start_with(&args);
    match kill {
        Some(random) => {
            std::thread::sleep(Duration::from_millis(random.u64(50..4_000)));
            running.kill()
        }
        None => running.end(),
    }
}

/// A run may be killed, end well, or break at the very first contact. It may fail
/// only where DynamoDB told it a quota.
fn ended_as_it_may(service: &Service, done: &Done) {
    assert!(!done.stderr.contains("panicked"), "{}", done.text());
    match done.code {
        None | Some(0) => {}
        Some(1) => {
            assert!(done.stdout.contains("next_steps"), "{}", done.text());
            assert_eq!(done.indexes("creating"), [""; 0], "{}", done.text());
        }
        Some(3) => assert!(service.proxy.faults().contains_key("index quota"), "{}", done.text()),
        _ => panic!("{}", done.text()),
    }
}

fn seeds(default: Range<u64>) -> Vec<u64> {
    let Ok(text) = std::env::var("GSICTL_CHAOS_SEEDS") else {
        return default.collect();
    };
    let (from, to) = text.split_once("..").expect("GSICTL_CHAOS_SEEDS=FROM..TO");
    (from.parse().unwrap()..to.parse().unwrap()).collect()
}

#[test]
fn through_chaos_every_index_is_created_once_and_becomes_active() {
    if service().is_none() {
        return;
    }
    let (began, seeds) = (Instant::now(), seeds(0..8));
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ends: BTreeMap<Option<i32>, usize> = BTreeMap::new();
    for (faults, codes) in some_at_once(&seeds, |seed| survive(*seed)) {
        faults.into_iter().for_each(|(name, n)| *met.entry(name).or_default() += n);
        codes.into_iter().for_each(|code| *ends.entry(code).or_default() += 1);
    }
    eprintln!(
        "chaos: {} seeds, {:.0} s; runs by exit code: {ends:?}; requests by fault: {met:?}",
        seeds.len(),
        began.elapsed().as_secs_f64(),
    );
    if seeds.len() >= 8 {
        assert!(met.len() > 10, "too few kinds of faults: {met:?}");
    }
}
