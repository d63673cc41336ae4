//! How many builds may run at once, how fast they may be started, and when nothing may
//! be started at all.

use std::time::Duration;

use crate::time::Timestamp;

/// After so long without a refusal one more build is tried.
const RAISE_AFTER: Duration = Duration::from_secs(60);

/// How far apart starts are once the account's limiter refused one. It sustains about one
/// a second (docs/dynamodb.md: limiter); a little more than that is never refused for the
/// jitter of the network.
const FIRST_SPACING: Duration = Duration::from_millis(1_050);
/// A limiter that lets less pass is not asked more often than that.
const WIDEST_SPACING: Duration = Duration::from_secs(30);
/// Closer than this they need no spacing.
const CLOSEST_SPACING: Duration = Duration::from_millis(50);
/// After so many starts that passed the next ones are closer.
const CLOSER_AFTER: u32 = 20;

/// Slots for builds. A lane takes one before its create and gives it back when
/// the build is over.
#[derive(Debug)]
pub(super) struct Pace {
    max: usize,
    limit: usize,
    taken: usize,
    changed_at: Timestamp,
    held_until: Option<Timestamp>,
    spacing: Option<Spacing>,
    last_start: Option<Timestamp>,
}

/// How far apart starts are, as the limiter taught it.
#[derive(Debug)]
struct Spacing {
    every: Duration,
    /// Refusals of what was sent before are no news.
    since: Timestamp,
    /// Starts in a row that passed.
    passed: u32,
}

impl Pace {
    pub(super) fn new(now: Timestamp, max: usize) -> Self {
        let max = max.max(1);
        Self {
            max,
            limit: max,
            taken: 0,
            changed_at: now,
            held_until: None,
            spacing: None,
            last_start: None,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.taken < self.limit && self.held_until.is_none()
    }

    /// Takes a slot whether or not there is room: a build that runs, runs.
    pub(super) fn take(&mut self) {
        self.taken += 1;
    }

    pub(super) fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// Builds that run, or are about to.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// DynamoDB refused a build while `building` of ours were certainly under
    /// way: so many fit. True where that is news.
    pub(super) fn refused(&mut self, now: Timestamp, building: usize) -> bool {
        self.changed_at = now;
        let fits = building.clamp(1, self.max);
        let lowered = fits < self.limit;
        self.limit = self.limit.min(fits);
        lowered
    }

    /// DynamoDB took one more: `building` of ours fit after all. True where that
    /// is news.
    pub(super) fn accepted(&mut self, building: usize) -> bool {
        let fits = building.min(self.max);
        let raised = fits > self.limit;
        self.limit = self.limit.max(fits);
        raised
    }

    /// Whether the account's limiter will let a start pass now, as far as is known.
    pub(super) fn may_start(&self, now: Timestamp) -> bool {
        self.next_start().is_none_or(|at| at <= now)
    }

    fn next_start(&self) -> Option<Timestamp> {
        Some(self.last_start? + self.spacing.as_ref()?.every)
    }

    /// A change is about to be sent.
    pub(super) fn started(&mut self, now: Timestamp) {
        // Whoever asked for nothing for a minute has the whole burst again.
        if self.last_start.is_some_and(|last| now - last >= RAISE_AFTER) {
            self.spacing = None;
        }
        self.last_start = Some(now);
    }

    /// The limiter let a change pass.
    pub(super) fn passed(&mut self) {
        if let Some(spacing) = &mut self.spacing {
            spacing.passed += 1;
            if spacing.passed.is_multiple_of(CLOSER_AFTER) {
                spacing.every = spacing.every.mul_f64(0.9);
            }
        }
        self.spacing.take_if(|spacing| spacing.every < CLOSEST_SPACING);
    }

    /// The limiter refused a change that was sent at `sent_at`. The new spacing, where
    /// that is news.
    pub(super) fn limited(&mut self, now: Timestamp, sent_at: Timestamp) -> Option<Duration> {
        let every = match &self.spacing {
            None => FIRST_SPACING,
            Some(spacing) if sent_at <= spacing.since => return None,
            Some(spacing) => spacing.every.mul_f64(1.25).min(WIDEST_SPACING),
        };
        let news = self.spacing.as_ref().is_none_or(|spacing| every > spacing.every);
        self.spacing = Some(Spacing { every, since: now, passed: 0 });
        self.last_start = self.last_start.max(Some(now));
        news.then_some(every)
    }

    /// Nothing is started before `until`.
    pub(super) fn hold(&mut self, until: Timestamp) {
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
    }

    /// Ends a hold that is over, and raises the limit by one where a minute went
    /// by without a refusal. True where it did.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        self.held_until = self.held_until.filter(|until| *until > now);
        let held = self.held_until.is_some();
        let due = !held && self.raise_at().is_some_and(|at| at <= now);
        if due {
            self.limit += 1;
            self.changed_at = now;
        }
        due
    }

    /// When room may appear by itself.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let full = self.taken >= self.limit;
        if self.held_until.is_some() {
            return self.held_until;
        }
        if full { self.raise_at() } else { self.next_start() }
    }

    fn raise_at(&self) -> Option<Timestamp> {
        (self.limit < self.max).then_some(self.changed_at + RAISE_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn taken(max: usize, taken: usize) -> Pace {
        let mut pace = Pace::new(at(0), max);
        (0..taken).for_each(|_| pace.take());
        pace
    }

    #[test]
    fn a_refusal_lowers_the_limit_to_what_fits_and_never_below_one() {
        let mut pace = taken(50, 6);
        assert!(pace.refused(at(1), 5));
        assert_eq!(pace.limit(), 5);
        assert!(!pace.refused(at(2), 7), "a late refusal does not raise it");
        assert!(pace.refused(at(3), 0));
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn an_acknowledgement_that_comes_after_a_refusal_raises_it_to_what_runs() {
        let mut pace = taken(50, 20);
        pace.refused(at(1), 2);
        pace.accepted(5);
        assert_eq!(pace.limit(), 5);
        pace.accepted(60);
        assert_eq!(pace.limit(), 50);
    }

    #[test]
    fn a_minute_without_refusal_raises_it_by_one() {
        let mut pace = taken(50, 6);
        pace.refused(at(10), 5);
        assert!(!pace.tick(at(69)));
        assert_eq!(pace.wake_at(), Some(at(70)));
        assert!(pace.tick(at(70)));
        assert!(!pace.tick(at(71)));
        assert_eq!(pace.limit(), 6);
    }

    #[test]
    fn nothing_is_started_while_the_account_is_held() {
        let mut pace = taken(50, 0);
        pace.hold(at(300));
        pace.tick(at(299));
        assert!(!pace.has_room());
        assert_eq!(pace.wake_at(), Some(at(300)));
        pace.tick(at(300));
        assert!(pace.has_room());
        assert_eq!(pace.wake_at(), None);
    }

    #[test]
    fn zero_builds_at_once_is_taken_as_one() {
        assert!(Pace::new(at(0), 0).has_room());
    }
}
