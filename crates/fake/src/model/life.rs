//! The life of an index in one region, as instants that are fixed when its create or
//! delete is taken. A phase is derived from them and from the time, and never moved by
//! being looked at.

use crate::clock::Elapsed;
use crate::model::settings::ServiceTimes;

/// When what happens to an index in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexLife {
    /// The create was taken.
    pub(crate) asked: Elapsed,
    /// Descriptions show it from now on.
    pub(crate) shown: Elapsed,
    /// Backfill begins.
    pub(crate) allocated: Elapsed,
    /// `None` for a build that never ends.
    pub(crate) active: Option<Elapsed>,
    /// The delete was taken, and the index is gone.
    pub(crate) deletion: Option<(Elapsed, Elapsed)>,
}

/// Where an index is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexPhase {
    /// Nobody asked for it yet.
    Absent,
    /// It was asked for, and no description shows it yet.
    Hidden,
    Allocating,
    Backfilling,
    Active,
    Deleting,
    Gone,
}

impl IndexPhase {
    /// Whether it takes the table's one online slot.
    pub(crate) fn is_in_flight(self) -> bool {
        matches!(self, Self::Hidden | Self::Allocating | Self::Backfilling | Self::Deleting)
    }

    /// Whether the table is UPDATING because of it.
    pub(crate) fn updates_the_table(self) -> bool {
        matches!(self, Self::Hidden | Self::Allocating | Self::Deleting)
    }

    pub(crate) fn is_shown(self) -> bool {
        matches!(self, Self::Allocating | Self::Backfilling | Self::Active | Self::Deleting)
    }

    /// Whether its name is taken.
    pub(crate) fn is_there(self) -> bool {
        self.is_shown() || self == Self::Hidden
    }
}

impl IndexLife {
    /// One that has been there all along.
    pub(crate) fn of_old() -> Self {
        Self {
            asked: Elapsed::ZERO,
            shown: Elapsed::ZERO,
            allocated: Elapsed::ZERO,
            active: Some(Elapsed::ZERO),
            deletion: None,
        }
    }

    /// One that is asked for now, on a table of one region.
    pub(crate) fn of_create(now: Elapsed, allocation: Elapsed, backfill: Option<Elapsed>) -> Self {
        Self {
            asked: now,
            shown: now,
            allocated: now + allocation,
            active: backfill.map(|backfill| now + allocation + backfill),
            deletion: None,
        }
    }

    /// One that is asked for now on a global table, in the region that was asked (the
    /// base) or in another.
    pub(crate) fn of_fan_out(now: Elapsed, times: &ServiceTimes, is_base: bool) -> Self {
        let fan = &times.fan_out;
        let (shown, allocated, active) = if is_base {
            (fan.base_shown, fan.base_allocated, fan.base_active)
        } else {
            (fan.replica_shown, fan.replica_allocated, fan.replica_active)
        };
        Self {
            asked: now,
            shown: now + shown,
            allocated: now + allocated,
            active: Some(now + active),
            deletion: None,
        }
    }

    pub(crate) fn phase(&self, at: Elapsed) -> IndexPhase {
        match self.deletion {
            Some((_, gone)) if at >= gone => return IndexPhase::Gone,
            Some((asked, _)) if at >= asked => return IndexPhase::Deleting,
            _ => {}
        }
        if at < self.asked {
            IndexPhase::Absent
        } else if at < self.shown {
            IndexPhase::Hidden
        } else if at < self.allocated {
            IndexPhase::Allocating
        } else if self.active.is_none_or(|active| at < active) {
            IndexPhase::Backfilling
        } else {
            IndexPhase::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn phases<const N: usize>(life: IndexLife, at: [u64; N]) -> [IndexPhase; N] {
        at.map(|at| life.phase(Duration::from_secs(at)))
    }

    #[test]
    fn a_phase_is_a_function_of_the_time_alone() {
        use IndexPhase::{Absent, Active, Allocating, Backfilling, Deleting, Gone};
        let times = ServiceTimes::default();
        let ten = Duration::from_secs(10);
        let life = IndexLife::of_create(ten, times.allocation, Some(times.backfill));
        let seen = phases(life, [9, 10, 39, 40, 559, 560]);
        assert_eq!(seen, [Absent, Allocating, Allocating, Backfilling, Backfilling, Active]);
        let deletion = Some((Duration::from_secs(100), Duration::from_secs(104)));
        let seen = phases(IndexLife { deletion, ..life }, [99, 100, 103, 104]);
        assert_eq!(seen, [Backfilling, Deleting, Deleting, Gone]);
    }

    #[test]
    fn a_build_that_never_ends_is_backfilling_for_ever() {
        let life = IndexLife::of_create(Duration::ZERO, Duration::ZERO, None);
        assert_eq!(phases(life, [1_000_000]), [IndexPhase::Backfilling]);
    }

    #[test]
    fn a_fan_out_shows_the_index_in_the_other_region_first() {
        let times = ServiceTimes::default();
        let base = IndexLife::of_fan_out(Duration::ZERO, &times, true);
        let replica = IndexLife::of_fan_out(Duration::ZERO, &times, false);
        use IndexPhase::{Active, Allocating, Backfilling, Hidden};
        let at = [30, 31, 58, 89, 545, 575];
        let other = [Hidden, Allocating, Allocating, Backfilling, Active, Active];
        assert_eq!(phases(replica, at), other);
        let base_phases = [Hidden, Hidden, Allocating, Backfilling, Backfilling, Active];
        assert_eq!(phases(base, at), base_phases);
    }
}
