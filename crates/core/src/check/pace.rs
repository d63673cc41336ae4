//! How many segments of a table are read at once.
//!
//! It begins low, and goes up as long as that brings items faster. Where the service
//! asks for less speed it is halved, and later raised again one by one.

use std::time::Duration;

use crate::time::Timestamp;

/// Segments at once to begin with, and at most.
const FIRST: usize = 2;
pub(super) const MOST: usize = 32;
/// What a raise has to bring to be kept up.
const WORTH: f64 = 1.05;
/// After so many raises that brought nothing it goes back to the best, and stays.
const TRIES: u32 = 2;
/// A rate is measured over so long at least.
const WINDOW: Duration = Duration::from_millis(500);
/// After throttling it stays low for so long, and is not halved twice in less.
const CALM: Duration = Duration::from_secs(10);
const SAME_TROUBLE: Duration = Duration::from_secs(1);

/// The limit, and how it came about.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    limit: usize,
    /// `--segments`: no more and, but for throttling, no less.
    fixed: Option<usize>,
    window_from: Timestamp,
    window_pages: u64,
    window_items: u64,
    best_rate: f64,
    best_limit: usize,
    in_vain: u32,
    throttled_at: Option<Timestamp>,
}

impl Pace {
    pub(super) fn new(fixed: Option<usize>, now: Timestamp) -> Self {
        Self {
            limit: fixed.unwrap_or(FIRST),
            fixed,
            window_from: now,
            window_pages: 0,
            window_items: 0,
            best_rate: 0.0,
            best_limit: fixed.unwrap_or(FIRST),
            in_vain: 0,
            throttled_at: None,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A page of so many items came.
    pub(super) fn on_page(&mut self, now: Timestamp, items: u64) {
        self.window_pages += 1;
        self.window_items += items;
        let measured = now.since(self.window_from);
        if measured < WINDOW || self.window_pages < 2 * self.limit as u64 {
            return;
        }
        let rate = self.window_items as f64 / measured.as_secs_f64();
        self.begin_window(now);
        self.adapt(now, rate);
    }

    fn adapt(&mut self, now: Timestamp, rate: f64) {
        if self.throttled_at.is_some_and(|at| now.since(at) < CALM) {
            return;
        }
        if self.throttled_at.is_some() {
            self.limit = (self.limit + 1).min(self.fixed.unwrap_or(MOST));
            return;
        }
        if self.fixed.is_some() || self.in_vain >= TRIES {
            return;
        }
        if rate > self.best_rate * WORTH {
            self.in_vain = 0;
            self.best_rate = rate;
            self.best_limit = self.limit;
        } else {
            self.in_vain += 1;
        }
        self.limit = match self.in_vain {
            TRIES.. => self.best_limit,
            _ => (self.limit + self.limit.div_ceil(2)).min(MOST),
        };
    }

    /// The service asks for less speed.
    pub(super) fn on_throttled(&mut self, now: Timestamp) {
        if self.throttled_at.is_some_and(|at| now.since(at) < SAME_TROUBLE) {
            return;
        }
        self.throttled_at = Some(now);
        self.limit = (self.limit / 2).max(1);
        self.begin_window(now);
    }

    fn begin_window(&mut self, now: Timestamp) {
        self.window_from = now;
        self.window_pages = 0;
        self.window_items = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages as a service would give them that serves `servers` at once, a page in
    /// 20 ms each.
    fn run(pace: &mut Pace, from: Timestamp, servers: usize, seconds: u64) -> Timestamp {
        let end = from + Duration::from_secs(seconds);
        let mut now = from;
        while now < end {
            let at_once = pace.limit().min(servers) as u32;
            now = now + Duration::from_millis(20);
            (0..at_once).for_each(|_| pace.on_page(now, 1_000));
        }
        now
    }

    #[test]
    fn it_goes_up_while_that_brings_more() {
        let begin = Timestamp::from_millis(0);
        let mut pace = Pace::new(None, begin);
        run(&mut pace, begin, 64, 60);
        assert_eq!(pace.limit(), MOST);
        let mut pace = Pace::new(None, begin);
        run(&mut pace, begin, 4, 600);
        assert!((4..=10).contains(&pace.limit()), "{}", pace.limit());
    }

    #[test]
    fn throttling_halves_it_once_and_it_comes_back_slowly() {
        let begin = Timestamp::from_millis(0);
        let mut pace = Pace::new(Some(16), begin);
        let now = run(&mut pace, begin, 64, 5);
        (0..5).for_each(|_| pace.on_throttled(now));
        assert_eq!(pace.limit(), 8);
        let now = run(&mut pace, now, 64, 9);
        assert_eq!(pace.limit(), 8);
        run(&mut pace, now, 64, 60);
        assert_eq!(pace.limit(), 16, "as many as were asked for");
        for n in 0..10 {
            pace.on_throttled(now + Duration::from_secs(100 + 2 * n));
        }
        assert_eq!(pace.limit(), 1);
    }
}
