//! The account's limiter of changes: calls that start work share it, descriptions do not
//! (docs/dynamodb.md: limiter).

use std::time::Duration;

use crate::clock::Elapsed;

/// A bucket of tokens, one a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangeLimiter {
    tokens: f64,
    at: Elapsed,
}

impl ChangeLimiter {
    pub(crate) fn full(burst: f64) -> Self {
        Self { tokens: burst, at: Elapsed::ZERO }
    }

    /// Takes a token, where there is one. `per_second` is of AWS's time.
    pub(crate) fn admits(&mut self, now: Elapsed, burst: f64, per_second: f64) -> bool {
        let passed = now.saturating_sub(self.at).max(Duration::ZERO);
        self.tokens = (self.tokens + passed.as_secs_f64() * per_second).min(burst);
        self.at = now;
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_changes_pass_at_once_and_then_one_a_second() {
        let mut limiter = ChangeLimiter::full(6.0);
        let mut passed = |millis| limiter.admits(Duration::from_millis(millis), 6.0, 1.0);
        let burst = (0..10).filter(|_| passed(0)).count();
        assert_eq!(burst, 6);
        assert!(!passed(900));
        assert!(passed(1_000));
        assert!(!passed(1_001));
        let after_a_rest = (0..10).filter(|_| passed(60_000)).count();
        assert_eq!(after_a_rest, 6);
    }
}
