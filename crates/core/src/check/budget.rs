//! `--max-rcu`: read capacity units a second, and no more.
//!
//! A token bucket that is paid afterwards: what a page will cost is guessed from
//! the pages before it and set aside when it is asked for; its answer says what it
//! did cost. While the bucket is in debt nothing is asked.

use std::time::Duration;

use crate::time::Timestamp;

/// So many seconds of capacity may be saved up, and may one page cost.
const BURST_SECONDS: f64 = 1.0;
/// What a page may cost at least: twice the least that DynamoDB bills, so that a page
/// of one item does not make all items look as if each cost that much.
const LEAST_PAGE: f64 = 1.0;

/// The units that may be used up now.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    per_second: f64,
    tokens: f64,
    filled_at: Timestamp,
}

impl Budget {
    /// A bucket that begins empty: the first second costs no more than the others.
    pub(super) fn new(per_second: f64, now: Timestamp) -> Self {
        Self { per_second, tokens: 0.0, filled_at: now }
    }

    /// What a page may cost at most.
    pub(super) fn page_units(&self) -> f64 {
        (self.per_second * BURST_SECONDS).max(LEAST_PAGE)
    }

    /// When a page may be asked for; now or before where it may be now.
    pub(super) fn ready_at(&self) -> Timestamp {
        if self.tokens > 0.0 {
            return self.filled_at;
        }
        // A millisecond more, so that there is something in it by then.
        let wait = -self.tokens / self.per_second + 0.001;
        self.filled_at + Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX)
    }

    /// Fills it up to now.
    pub(super) fn fill(&mut self, now: Timestamp) {
        let gained = now.since(self.filled_at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second * BURST_SECONDS);
        self.filled_at = self.filled_at.max(now);
    }

    /// Sets units aside.
    pub(super) fn take(&mut self, units: f64) {
        self.tokens -= units;
    }

    /// What was set aside turned out to cost this.
    pub(super) fn settle(&mut self, set_aside: f64, units: f64) {
        self.tokens += set_aside - units;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_minute_it_holds_to_a_hundredth_whatever_pages_cost() {
        for (per_second, page) in [(10.0, 3.7), (100.0, 99.0), (5.0, 5.0), (1_000.0, 128.0)] {
            let begin = Timestamp::from_millis(0);
            let mut budget = Budget::new(per_second, begin);
            let mut used = 0.0;
            let mut now = begin;
            let minute = begin + Duration::from_secs(60);
            loop {
                now = now.max(budget.ready_at());
                if now >= minute {
                    break;
                }
                budget.fill(now);
                budget.take(page * 0.5);
                budget.settle(page * 0.5, page);
                used += page;
            }
            let share = used / (60.0 * per_second);
            assert!((0.96..=1.02).contains(&share), "{per_second}/s, pages of {page}: {share}");
        }
    }

    #[test]
    fn a_pause_saves_up_one_second_and_no_more() {
        let begin = Timestamp::from_millis(0);
        let mut budget = Budget::new(10.0, begin);
        assert!(budget.ready_at() > begin);
        budget.fill(begin + Duration::from_secs(3_600));
        budget.take(10.0);
        assert!(budget.ready_at() > begin + Duration::from_secs(3_600));
    }
}
