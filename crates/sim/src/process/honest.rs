//! Invariants 6, 7 and 8 at the end of a run: what it says is what was seen.

use gsictl_core::engine::{Ended, Outcome, Verdict};
use gsictl_core::name::IndexId;

use super::checks;
use crate::world::World;

/// An index is told active.
pub(super) fn was_seen(world: &mut World, id: &IndexId) {
    assert!(checks(world).saw_ready(id), "invariant 7: {id} is told active, and nobody looked");
}

/// What a run says at its end is what was seen, and what was acknowledged.
pub(super) fn is(world: &mut World, outcome: &Outcome) {
    for (id, verdict) in &outcome.verdicts {
        if matches!(verdict, Verdict::Activated(_) | Verdict::AlreadyActive) {
            was_seen(world, id);
        }
        denies_nothing(world, id, verdict);
    }
    let failed = checks(world).save_failed();
    let told = matches!(outcome.ended, Ended::SaveFailed(_));
    assert_eq!(failed, told, "invariant 8: a failed save is told");
    if outcome.ended == Ended::Done {
        assert!(checks(world).all_answered(), "invariant 1: it ended before its calls");
    }
}

fn denies_nothing(world: &mut World, id: &IndexId, verdict: &Verdict) {
    let checks = checks(world);
    if checks.was_deleted(id) {
        let told = matches!(verdict, Verdict::Deleted(_) | Verdict::Deleting);
        assert!(told, "invariant 7: {id} was deleted by this run, which tells {verdict:?}");
    }
    if checks.was_created(id) {
        let denied = matches!(verdict, Verdict::AlreadyActive);
        assert!(!denied, "invariant 7: {id} was created by this run, which tells {verdict:?}");
    }
}
