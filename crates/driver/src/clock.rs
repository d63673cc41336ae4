//! Real time; the only place that sleeps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gsictl_core::time::Timestamp;

/// The wall clock at the start of the run plus monotonic time since then, so
/// that time only goes on, whatever is done to the wall clock meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started_at: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that starts at the wall clock's time.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at = Timestamp::from_millis(0) + since_epoch;
        Self { started_at, started: Instant::now() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.started_at + self.started.elapsed()
    }

    /// Sleeps until `at`; for ever where there is no such time.
    pub async fn sleep_until(&self, at: Option<Timestamp>) {
        match at {
            // Timestamps are whole milliseconds: never wake before one.
            Some(at) => tokio::time::sleep(at.since(self.now()) + Duration::from_millis(1)).await,
            None => std::future::pending().await,
        }
    }
}
