//! The account's limiter of calls that start work.

use std::time::Duration;

use gsictl_core::call::CallError;
use gsictl_core::time::Timestamp;

use super::text::{RATE, refusal};

/// So many changes at once, and from then on one every so often. Reads do not count.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    burst: u32,
    every: Duration,
    /// When all of the burst is there again. A call that passes puts it off.
    full_at: Timestamp,
}

impl Limiter {
    /// One that lets `burst` changes pass at once, and then one every `every`.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst: burst.max(1), every, full_at: Timestamp::from_millis(0) }
    }

    /// A change comes. One that is refused does not put off the next.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<(), CallError> {
        let full_at = self.full_at.max(now);
        if full_at - now > self.every * (self.burst - 1) {
            return Err(refusal("ThrottlingException", RATE));
        }
        self.full_at = full_at + self.every;
        Ok(())
    }

    /// Others make all the changes that pass until then.
    pub fn crowd(&mut self, until: Timestamp) {
        self.full_at = self.full_at.max(until + self.every * (self.burst - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_one_a_second() {
        let mut limiter = Limiter::new(6, Duration::from_secs(1));
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        let passed = (0..10).filter(|_| limiter.admit(at(0)).is_ok()).count();
        assert_eq!(passed, 6);
        assert!(limiter.admit(at(999)).is_err());
        assert!(limiter.admit(at(1_000)).is_ok());
        assert!(limiter.admit(at(1_001)).is_err());
    }

    #[test]
    fn what_others_use_up_is_refused_to_us() {
        let mut limiter = Limiter::new(6, Duration::from_secs(1));
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        limiter.crowd(at(5_000));
        assert!(limiter.admit(at(4_999)).is_err());
        assert!(limiter.admit(at(5_000)).is_ok());
        assert!(limiter.admit(at(5_000)).is_err());
    }
}
