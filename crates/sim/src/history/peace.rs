//! Faults and other people stop, and everything must come to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use gsictl_core::engine::Verdict;
use gsictl_core::name::IndexId;
use gsictl_core::probe::{self, IndexValidation};

use super::one;
use crate::bugs::Bug;
use crate::checks::{Checks, Saved};
use crate::model::Truth;
use crate::process::Left;
use crate::scenario::{Run, Scenario};
use crate::world::{Fault, START, SaveFault, World};

/// Faults and other people stop. A run, one with `--retry-failed` and one more
/// bring everything to its end, and then there is nothing left to do.
pub(super) fn peace(scenario: &Scenario, bug: Option<Bug>, world: &mut World) {
    all_calm(scenario, world);
    resolve(world);
    if scenario.seed % 4 == 2 {
        take_back(scenario, bug, world);
    }
    for retry_failed in [false, true, false] {
        let left = one(scenario, &Run::peaceful(retry_failed), bug, world, None);
        assert!(matches!(left, Left::Over(_)), "invariant 6: a run in peace ended as {left:?}");
    }
    all_is_well(scenario, world);
    let calls = world.calls.len();
    let left = one(scenario, &Run::peaceful(false), bug, world, None);
    let changing = world.calls[calls..].iter().filter(|sent| sent.call.is_mutating()).count();
    assert_eq!(changing, 0, "a run over what is done changes nothing");
    agrees(scenario, world, &left);
    let run = Run { validates: true, ..Run::peaceful(false) };
    let left = one(scenario, &run, bug, world, None);
    validates_truly(scenario, world, &left);
    if scenario.seed.is_multiple_of(4) {
        take_back(scenario, bug, world);
    }
    if world.has_neighbour() {
        world.change_sides();
        resolve(world);
        take_back(scenario, bug, world);
        world.change_sides();
    }
}

/// Everybody else comes to their end, and nothing goes wrong any more.
fn all_calm(scenario: &Scenario, world: &mut World) {
    world.reactions = None;
    let over = scenario.deeds.iter().map(|d| START + d.at + d.what.length()).max();
    let rest = over.map_or(Duration::ZERO, |over| over - world.now);
    world.idle(rest + Duration::from_secs(400));
    for _ in 0..2 {
        world.faults = Box::new(|_, _, _| Fault::None);
        world.save_faults = Box::new(|_, _| SaveFault::None);
        world.change_sides();
    }
    (world.model.account_limit, world.model.stale) = (usize::MAX, None);
    world.deadline = world.now + Duration::from_secs(60 * 86_400);
    while world.neighbour_is_busy() {
        assert!(world.now < world.deadline, "invariant 6: a run in the other directory goes on");
        world.idle(Duration::from_secs(600));
    }
    world.idle(Duration::from_secs(400));
    world.leave_in_peace();
}

/// Whoever is told that a newer state was archived puts the older one away.
fn resolve(world: &mut World) {
    let Some(bytes) = world.durable() else { return };
    let state = Saved::read(&bytes);
    let newer = |archive: &Vec<u8>| {
        let archive = Saved::read(archive);
        archive.lineage() == state.lineage() && archive.serial() > state.serial()
    };
    if world.archives().iter().any(newer) {
        world.set_durable(None);
    }
}

/// A rollback in peace. What it says is so, and what it has finished is archived.
fn take_back(scenario: &Scenario, bug: Option<Bug>, world: &mut World) {
    let run = Run { rollback: Some(false), ..Run::peaceful(false) };
    let before = ready(scenario, world);
    let left = one(scenario, &run, bug, world, None);
    took_back(scenario, world, &before, &left);
    let left_over = world.durable().filter(|bytes| Saved::read(bytes).is_taken_back());
    assert!(left_over.is_none(), "invariant 6: a rollback that is done leaves its state behind");
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
    let lineage = world.checks.as_ref().map(Checks::lineage).unwrap_or_default();
    for id in before {
        let verdict = outcome.verdicts.iter().find(|(of, _)| of == id).map(|(_, v)| v);
        let gone = matches!(verdict, Some(Verdict::Deleted(_) | Verdict::Gone));
        // Ours was deleted, by an earlier run perhaps, and somebody made it again.
        let of = world.model.maker(id).and_then(|maker| world.ledger.lineage(maker));
        let made_again = gone && of != Some(&lineage);
        let agrees = made_again || gone != after.contains(id);
        assert!(agrees, "invariant 7: after a rollback, {id}: {verdict:?}");
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
