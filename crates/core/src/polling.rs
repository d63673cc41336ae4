//! How often something that is waited for is described.
//!
//! AWS takes eight minutes and a half for an empty index at the least, so that a build
//! there is looked at seldom until it can be over; an emulator takes seconds. One value
//! says it for every machine that waits (SPEC 3, "Activation").

use std::time::Duration;

/// The account that emulators put into the ARNs of their tables
/// (docs/dynamodb.md: local-account). AWS gives it to nobody.
const EMULATED_ACCOUNT: &str = "000000000000";
/// The shortest build that was ever seen on AWS, of an empty table
/// (docs/dynamodb.md: backfill).
const EARLIEST_END: Duration = Duration::from_secs(506);
/// AWS takes half a minute for allocation alone, and minutes for the rest: whatever
/// builds in less is not AWS.
const NO_AWS: Duration = Duration::from_secs(60);
/// While a build is in allocation, and once it can be over.
const NEAR: Duration = Duration::from_secs(10);
/// While it cannot be over yet, and where it takes long.
const FAR: Duration = Duration::from_secs(30);
/// From then on it takes long.
const LONG: Duration = Duration::from_secs(20 * 60);

/// How often what is waited for is described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polling {
    emulator: bool,
    quickest: Option<Duration>,
}

/// How far a build is, as the newest description shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildAge {
    /// Since it began, or since it was first seen.
    pub waited: Duration,
    /// Whether `waited` counts from when it began: then its earliest end is known.
    pub whole: bool,
    /// In the second phase.
    pub backfilling: bool,
}

impl Polling {
    /// For a backend that is an emulator, whatever its tables' ARNs say.
    #[must_use]
    pub const fn emulator() -> Self {
        Self { emulator: true, quickest: None }
    }

    /// A build of this run took so long.
    pub fn learn(&mut self, took: Duration) {
        self.quickest = Some(self.quickest.map_or(took, |quickest| quickest.min(took)));
    }

    /// How long to wait before the next look at a table on which an index is being built;
    /// `account` is that of the table's ARN.
    #[must_use]
    pub fn of_build(&self, account: Option<&str>, age: BuildAge) -> Duration {
        if self.is_quick(account) {
            return growing(age.waited);
        }
        let earliest = self.quickest.map_or(EARLIEST_END, |quickest| quickest.min(EARLIEST_END));
        match age.waited {
            waited if waited >= LONG => FAR,
            waited if age.whole && age.backfilling && waited < earliest => {
                (earliest - waited).clamp(NEAR, FAR)
            }
            _ => NEAR,
        }
    }

    /// A table without an ARN is not AWS's either.
    fn is_quick(&self, account: Option<&str>) -> bool {
        self.emulator
            || account.is_none_or(|account| account == EMULATED_ACCOUNT)
            || self.quickest.is_some_and(|quickest| quickest < NO_AWS)
    }
}

/// How long to wait before the next look at something short that has been waited for
/// since `waited`, such as a deletion, or a table that is busy: about 5 %, from 1 s to
/// 10 s, so that it costs few calls and little delay.
#[must_use]
pub fn growing(waited: Duration) -> Duration {
    (waited / 20).clamp(Duration::from_secs(1), Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Every look at a build of which allocation takes 30 s, until it has taken `until`.
    fn looks(polling: &Polling, account: &str, until: Duration) -> Vec<u64> {
        let (mut at, mut looks) = (secs(0), Vec::new());
        while at < until {
            let age = BuildAge { waited: at, whole: true, backfilling: at >= secs(30) };
            at += polling.of_build(Some(account), age);
            looks.push(at.as_secs());
        }
        looks
    }

    #[test]
    fn on_aws_a_build_is_looked_at_often_in_allocation_and_again_when_it_can_be_over() {
        let looks = looks(&Polling::default(), "123456789012", secs(550));
        let expected: Vec<_> = [10, 20, 30]
            .into_iter()
            .chain((60..=480).step_by(30))
            .chain([506, 516, 526, 536, 546, 556])
            .collect();
        assert_eq!(looks, expected);
    }

    #[test]
    fn a_long_build_on_aws_costs_two_calls_a_minute() {
        let looks = looks(&Polling::default(), "123456789012", secs(3_600));
        let late: Vec<_> = looks.iter().filter(|at| **at > 1_300).collect();
        assert!(late.windows(2).all(|two| two[1] - two[0] == 30), "{late:?}");
    }

    #[test]
    fn on_an_emulator_looks_begin_at_once_and_grow_with_the_wait() {
        let quick = |polling: &Polling, account| {
            let looks = looks(polling, account, secs(300));
            (looks[..3].to_vec(), *looks.last().unwrap() - looks[looks.len() - 2])
        };
        let expected = (vec![1, 2, 3], 10);
        assert_eq!(quick(&Polling::default(), "000000000000"), expected);
        assert_eq!(quick(&Polling::emulator(), "123456789012"), expected);
        let mut learnt = Polling::default();
        learnt.learn(secs(540));
        assert_eq!(quick(&learnt, "123456789012").0, [10, 20, 30], "that was no emulator");
        learnt.learn(secs(4));
        assert_eq!(quick(&learnt, "123456789012"), expected, "AWS builds nothing in 4 s");
    }

    #[test]
    fn a_build_of_which_the_beginning_is_not_known_can_be_over_at_any_time() {
        let age = BuildAge { waited: secs(60), whole: false, backfilling: true };
        assert_eq!(Polling::default().of_build(Some("123456789012"), age), secs(10));
    }

    #[test]
    fn what_this_runs_own_builds_took_moves_the_earliest_end() {
        let mut learnt = Polling::default();
        learnt.learn(secs(300));
        let looks = looks(&learnt, "123456789012", secs(320));
        assert_eq!(looks[looks.len() - 3..], [300, 310, 320]);
    }

    #[test]
    fn polls_grow_with_the_wait_and_stay_within_their_bounds() {
        let at = |s| growing(secs(s)).as_millis();
        assert_eq!(
            [at(0), at(20), at(30), at(100), at(200), at(86_400)],
            [1_000, 1_000, 1_500, 5_000, 10_000, 10_000]
        );
    }
}
