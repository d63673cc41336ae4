//! Looks for gsictl's failures in virtual time: `gsictl-sim --seeds 100000`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use gsictl_sim::attempt::{Violation, attempt, catch_violations, shrink, trace};
use gsictl_sim::bugs::Bug;
use gsictl_sim::coverage::ROWS;
use gsictl_sim::faults::FAULTS;
use gsictl_sim::history::Tally;
use gsictl_sim::scenario::Scenario;

/// Plays histories of gsictl against a modelled DynamoDB, in virtual time: runs
/// that are killed, machines that go down, faults of every kind, other people.
/// Each comes from a seed alone.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many histories, from --from on.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This one alone, with all that happens in it.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// With --seed: leaves out whatever is not needed for the failure.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Histories at once; as many as the machine has processors, if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Plants a bug, by name; `list` names them all. The simulator must find it.
    #[arg(long)]
    bug: Option<String>,
    /// Goes on after a failure, and counts what was broken, each with its first seed.
    #[arg(long, conflicts_with = "seed")]
    go_on: bool,
    /// Does not ask that every row of the tables was met.
    #[arg(long)]
    no_coverage: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let bug = match args.bug.as_deref() {
        None => None,
        Some("list") => {
            for bug in Bug::ALL {
                println!("{:<22} {}", bug.name(), bug.text());
            }
            return ExitCode::SUCCESS;
        }
        Some(name) => match Bug::ALL.iter().find(|bug| bug.name() == name) {
            Some(bug) => Some(*bug),
            None => {
                eprintln!("error: there is no bug {name:?}; `--bug list` names them");
                return ExitCode::from(2);
            }
        },
    };
    catch_violations();
    match args.seed {
        Some(seed) => replay(seed, bug, args.shrink),
        None => explore(&args, bug),
    }
}

fn replay(seed: u64, bug: Option<Bug>, small: bool) -> ExitCode {
    let mut scenario = Scenario::draw(seed);
    let result = attempt(&scenario, bug, &mut Tally::default());
    if let (Err(violation), true) = (&result, small) {
        scenario = shrink(&scenario, bug, violation.invariant());
    }
    println!("{scenario:#?}\n\n{}", trace(&scenario, bug));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Every seed, whatever breaks: how often each invariant broke, and where first.
fn count(seeds: Range<u64>, bug: Option<Bug>) -> ExitCode {
    let mut broken: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    for seed in seeds {
        if let Err(violation) = attempt(&Scenario::draw(seed), bug, &mut Tally::default()) {
            // Names and numbers differ from seed to seed; the words do not.
            let words = violation.message.split_whitespace().take(24);
            let words = words.filter(|word| !word.chars().any(|c| c.is_ascii_digit()));
            let words: Vec<_> = words.collect();
            let first = (0, seed, violation.message.chars().take(400).collect());
            broken.entry(words.join(" ")).or_insert(first).0 += 1;
        }
    }
    let failed = !broken.is_empty();
    for (times, seed, message) in broken.into_values() {
        println!("{times:>8}  first seed {seed}: {message}\n");
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn explore(args: &Args, bug: Option<Bug>) -> ExitCode {
    let began = Instant::now();
    let seeds = args.from..args.from.saturating_add(args.seeds);
    if args.go_on {
        return count(seeds, bug);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(processors).max(1);
    let (tally, found) = search(seeds, bug, jobs);
    print!("{}", summary(&tally, began.elapsed(), jobs));
    if let Some((seed, violation)) = found {
        let planted = bug.map_or_else(String::new, |bug| format!(" --bug {}", bug.name()));
        eprintln!("\nseed {seed} breaks {}", violation.message);
        eprintln!("see it: cargo run --release -p gsictl-sim --{planted} --seed {seed} --shrink");
        return ExitCode::FAILURE;
    }
    let missed: Vec<_> = tally.coverage.missed().collect();
    if !missed.is_empty() && !args.no_coverage {
        eprintln!("\nnever met, so not tried:");
        missed.iter().for_each(|row| eprintln!("  {row}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Plays every seed, or until one fails: the lowest of those that were begun.
fn search(seeds: Range<u64>, bug: Option<Bug>, jobs: usize) -> (Tally, Option<(u64, Violation)>) {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return (tally, None);
            }
            if let Err(violation) = attempt(&Scenario::draw(seed), bug, &mut tally) {
                end.fetch_min(seed, Ordering::Relaxed);
                return (tally, Some((seed, violation)));
            }
        }
    };
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut tally = Tally::default();
    parts.iter().for_each(|(part, _)| tally.add(part));
    let found = parts.into_iter().filter_map(|(_, found)| found);
    (tally, found.min_by_key(|(seed, _)| *seed))
}

fn summary(tally: &Tally, took: Duration, jobs: usize) -> String {
    let seconds = took.as_secs_f64();
    let a_core = |n: u64| n as f64 / seconds / jobs as f64;
    let mut text = format!(
        "{} histories of {} runs in {seconds:.1} s on {jobs} processors: {:.0} histories and {:.0} runs a second and processor\n\
         {:.1} virtual years, {} steps, {} saves, {} creates applied\n\
         {} runs killed or their machine down, {} deeds of other people, {} histories with two directories\n\nfaults\n",
        tally.seeds,
        tally.runs,
        a_core(tally.seeds),
        a_core(tally.runs),
        tally.virtual_seconds as f64 / (365.25 * 86_400.0),
        tally.steps,
        tally.saves,
        tally.creates,
        tally.crashes,
        tally.deeds,
        tally.beside,
    );
    for (kind, count) in FAULTS.iter().zip(tally.faults) {
        text.push_str(&format!("{count:>12}  {kind:?}\n"));
    }
    text.push_str("\nmet\n");
    for (row, words) in ROWS {
        text.push_str(&format!("{:>12}  {words}\n", tally.coverage.count(*row)));
    }
    text
}
