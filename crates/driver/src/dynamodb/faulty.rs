//! Faults in front of any backend, for tests.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect, ErrorKind, Reply};
use gsictl_core::name::IndexId;
use gsictl_core::state::Target;
use gsictl_core::time::Timestamp;

use super::{Backend, CallFuture, MetricsFuture};

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the backend; this is the answer.
    Before(CallError),
    /// The backend carries it out, and then this is the answer.
    After(CallError),
    /// It reaches the backend so much later.
    Delay(Duration),
}

impl Fault {
    /// Refused in the service's own words, not applied.
    #[must_use]
    pub fn refused(code: &str, message: &str) -> Self {
        Self::Before(CallError::from_service(code, message, Some(400)))
    }

    /// The service asks for less speed.
    #[must_use]
    pub fn throttled() -> Self {
        Self::refused("ThrottlingException", "Rate exceeded")
    }

    /// Five hundred, and nothing was applied; the caller cannot know.
    #[must_use]
    pub fn server_error() -> Self {
        Self::Before(CallError::from_service(
            "InternalServerError",
            "The request processing has failed because of an unknown error",
            Some(500),
        ))
    }

    /// The credentials ran out.
    #[must_use]
    pub fn expired() -> Self {
        let message = "The security token included in the request is expired";
        Self::refused("ExpiredTokenException", message)
    }

    /// No connection could be made.
    #[must_use]
    pub fn not_connected() -> Self {
        Self::Before(CallError {
            kind: ErrorKind::Connection,
            effect: Effect::NotApplied,
            code: "ConnectionFailed".to_owned(),
            message: "connection refused".to_owned(),
        })
    }

    /// Applied, and the connection broke before the answer came.
    #[must_use]
    pub fn answer_lost() -> Self {
        Self::After(CallError {
            kind: ErrorKind::Connection,
            effect: Effect::Unknown,
            code: "ConnectionLost".to_owned(),
            message: "connection reset by peer".to_owned(),
        })
    }
}

/// Which calls a fault is for.
pub type Matcher = fn(&Call) -> bool;

struct Rule {
    matcher: Matcher,
    fault: Fault,
    times: usize,
}

/// Faults drawn from a seed.
struct Chance {
    random: fastrand::Rng,
    one_in: u32,
    faults: Vec<Fault>,
}

/// A backend whose calls fail as scripted, or by chance.
pub struct Faulty<B> {
    inner: B,
    script: Mutex<Vec<Rule>>,
    chance: Mutex<Option<Chance>>,
    reached: Mutex<Vec<Call>>,
}

impl<B: Backend> Faulty<B> {
    /// `inner` without faults, so far.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            script: Mutex::default(),
            chance: Mutex::default(),
            reached: Mutex::default(),
        }
    }

    /// The next `times` calls that `matcher` fits suffer `fault`. Rules are tried
    /// in the order in which they were given.
    #[must_use]
    pub fn with(self, matcher: Matcher, fault: Fault, times: usize) -> Self {
        self.inject(matcher, fault, times);
        self
    }

    /// As [`Faulty::with`], later on.
    pub fn inject(&self, matcher: Matcher, fault: Fault, times: usize) {
        lock(&self.script).push(Rule { matcher, fault, times });
    }

    /// One in `one_in` calls that no rule fits suffers one of `faults`. The same
    /// seed and the same calls in the same order meet the same faults.
    #[must_use]
    pub fn by_chance(self, seed: u64, one_in: u32, faults: Vec<Fault>) -> Self {
        *lock(&self.chance) =
            Some(Chance { random: fastrand::Rng::with_seed(seed), one_in, faults });
        self
    }

    /// The calls that change something and reached the backend, in order,
    /// whatever it answered.
    #[must_use]
    pub fn reached(&self) -> Vec<Call> {
        lock(&self.reached).clone()
    }

    /// The backend behind the faults.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    fn draw(&self, call: &Call) -> Option<Fault> {
        let mut script = lock(&self.script);
        if let Some(rule) = script.iter_mut().find(|rule| rule.times > 0 && (rule.matcher)(call)) {
            rule.times -= 1;
            return Some(rule.fault.clone());
        }
        let mut chance = lock(&self.chance);
        let Chance { random, one_in, faults } = chance.as_mut()?;
        let struck = *one_in > 0 && random.u32(0..*one_in) == 0;
        struck.then(|| random.choice(faults.iter()).cloned())?
    }

    async fn pass(&self, call: Call) -> Result<Reply, CallError> {
        if call.is_mutating() {
            lock(&self.reached).push(call.clone());
        }
        self.inner.call(call).await
    }

    async fn perform(&self, call: Call) -> Result<Reply, CallError> {
        match self.draw(&call) {
            None => self.pass(call).await,
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::After(error)) => self.pass(call).await.and(Err(error)),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                self.pass(call).await
            }
        }
    }
}

impl<B: Backend> Backend for Faulty<B> {
    fn call(&self, call: Call) -> CallFuture<'_> {
        Box::pin(self.perform(call))
    }

    fn target(&self) -> Target {
        self.inner.target()
    }

    fn skipped_regions(&self) -> BTreeSet<String> {
        self.inner.skipped_regions()
    }

    fn scan_segments(&self) -> Option<u32> {
        self.inner.scan_segments()
    }

    fn metrics(&self, indexes: Vec<IndexId>, now: Timestamp) -> MetricsFuture<'_> {
        self.inner.metrics(indexes, now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::local::{Local, LocalDurations};
    use super::*;
    use gsictl_core::name::TableName;

    fn describe() -> Call {
        Call::DescribeTable(TableName::new("missing").unwrap())
    }

    #[tokio::test]
    async fn a_rule_strikes_as_often_as_it_says_and_only_what_it_fits() {
        let local = Local::open(None, LocalDurations::of_build(0.0)).unwrap();
        let faulty = Faulty::new(local).with(|call| !call.is_mutating(), Fault::throttled(), 2);
        let put =
            || Call::PutItems { table: TableName::new("missing").unwrap(), items: Vec::new() };
        let mut kinds = Vec::new();
        for call in [describe(), put(), describe(), describe()] {
            kinds.push(faulty.call(call).await.unwrap_err().kind);
        }
        use ErrorKind::{TableNotFound, Throttled};
        assert_eq!(kinds, [Throttled, TableNotFound, Throttled, TableNotFound]);
        assert_eq!(faulty.reached(), [put()]);
    }

    #[tokio::test]
    async fn the_same_seed_meets_the_same_faults() {
        let kinds = async |seed| {
            let local = Local::open(None, LocalDurations::of_build(0.0)).unwrap();
            let faults = vec![Fault::throttled(), Fault::server_error()];
            let faulty = Faulty::new(local).by_chance(seed, 2, faults);
            let mut kinds = Vec::new();
            for _ in 0..20 {
                kinds.push(faulty.call(describe()).await.unwrap_err().kind);
            }
            kinds
        };
        let first = kinds(7).await;
        assert_eq!(first, kinds(7).await);
        assert!(first.contains(&ErrorKind::Throttled) && first.contains(&ErrorKind::TableNotFound));
    }
}
