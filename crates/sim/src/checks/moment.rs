//! Times by two clocks.

use std::time::Duration;

use gsictl_core::time::Timestamp;

/// A time, as it is and as it was on the clock of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    pub(super) real: Timestamp,
    pub(super) by_clock: Timestamp,
}

impl Moment {
    pub(super) fn new(now: Timestamp, skew: i64) -> Self {
        Self { real: now, by_clock: Timestamp::from_millis(now.as_millis() + skew) }
    }

    /// The moment at which a clock shows this.
    pub(super) fn on_clock(by_clock: Timestamp, skew: i64) -> Self {
        Self { real: Timestamp::from_millis(by_clock.as_millis() - skew), by_clock }
    }

    /// The same clocks at a later instant.
    pub(super) fn later(self, now: Timestamp) -> Self {
        Self { real: now, by_clock: self.by_clock + (now - self.real) }
    }

    /// Whether so much time has passed since, by both clocks.
    pub(super) fn is_past_by_both(self, earlier: Self, length: Duration) -> bool {
        self.real - earlier.real >= length && self.by_clock - earlier.by_clock >= length
    }

    /// Whether so much time has passed since, by either clock: one may have been
    /// set meanwhile.
    pub(super) fn is_past(self, earlier: Self, length: Duration) -> bool {
        self.real - earlier.real >= length || self.by_clock - earlier.by_clock >= length
    }
}
