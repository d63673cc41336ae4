//! The simulator over a bounded number of seeds, and whether it finds anything.
//!
//! The long run is a command: `cargo run --release -p gsictl-sim -- --seeds 100000`.

use std::sync::Once;

use gsictl_sim::attempt::{attempt, catch_violations, shrink, trace};
use gsictl_sim::bugs::Bug;
use gsictl_sim::history::Tally;
use gsictl_sim::scenario::Scenario;

/// Histories in which nothing may break.
const SEEDS: u64 = 600;
/// Within so many seeds every planted bug must show.
const ENOUGH: u64 = 10_000;

fn ready() {
    static ONCE: Once = Once::new();
    ONCE.call_once(catch_violations);
}

fn first_failure(bug: Bug) -> Option<(u64, Scenario, String)> {
    (0..ENOUGH).find_map(|seed| {
        let scenario = Scenario::draw(seed);
        let violation = attempt(&scenario, Some(bug), &mut Tally::default()).err()?;
        Some((seed, scenario, violation.invariant().to_owned()))
    })
}

#[test]
fn no_history_breaks_an_invariant() {
    ready();
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let result = attempt(&Scenario::draw(seed), None, &mut tally);
        assert_eq!(result, Ok(()), "cargo run --release -p gsictl-sim -- --seed {seed} --shrink");
    }
    assert_eq!(tally.seeds, SEEDS);
    assert!(tally.crashes > SEEDS / 10, "{} crashes", tally.crashes);
    assert!(tally.faults.iter().all(|count| *count > 0), "{:?}", tally.faults);
}

#[test]
fn every_planted_bug_is_found() {
    ready();
    std::thread::scope(|scope| {
        for bug in Bug::ALL {
            scope.spawn(|| {
                let found = first_failure(*bug);
                let found = found.map(|(seed, _, invariant)| (seed, invariant));
                assert!(found.is_some(), "nobody noticed {}: {}", bug.name(), bug.text());
                println!("{}: seed {:?}", bug.name(), found);
            });
        }
    });
}

#[test]
fn a_seed_is_always_the_same_history() {
    ready();
    for seed in [3, 14, 15, 92] {
        let scenario = Scenario::draw(seed);
        let once = trace(&scenario, None);
        assert!(once.lines().count() > 20, "{once}");
        assert_eq!(once, trace(&Scenario::draw(seed), None), "seed {seed}");
    }
}

#[test]
fn a_failing_history_is_made_smaller_and_still_fails_alike() {
    ready();
    let (_, scenario, invariant) = first_failure(Bug::TwoBuilds).unwrap_or_else(|| unreachable!());
    let small = shrink(&scenario, Some(Bug::TwoBuilds), &invariant);
    let violation = attempt(&small, Some(Bug::TwoBuilds), &mut Tally::default()).unwrap_err();
    assert_eq!(violation.invariant(), invariant);
    assert!(small.tables.len() <= scenario.tables.len());
    let (parts, before) =
        (small.runs.len() + small.deeds.len(), scenario.runs.len() + scenario.deeds.len());
    assert!(parts <= before);
    assert_eq!(attempt(&small, None, &mut Tally::default()), Ok(()), "it is the bug that fails");
    let told = trace(&small, Some(Bug::TwoBuilds));
    assert!(told.contains("BROKEN"), "{told}");
}
