//! One rule for each [`ErrorKind`], and the arithmetic of attempts.
//!
//! [`Rule::of`] is the one table of what is done about an error of DynamoDB
//! (docs/errors.md). [`decide`] applies it and is a pure function; the engine does what
//! it returns and owns no opinion of its own.

mod quota;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::call::ErrorKind;
use crate::polling::Polling;

pub use self::quota::remedy_for;

/// Limits and habits of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Attempts per index and run, the first included.
    pub max_attempts: u32,
    /// Before attempt n+1 the n-th of these; the last one repeats.
    pub backoff: Vec<Duration>,
    /// Indexes building at once, over all tables.
    pub max_builds: usize,
    /// How long one build may take before the run stops waiting for it.
    pub activation_timeout: Option<Duration>,
    /// After the first failure nothing new is started.
    pub fail_fast: bool,
    /// False for one pass: start what can start now, and leave.
    pub wait: bool,
    /// How long after a create its absence from a description means "not visible
    /// yet". DescribeTable is eventually consistent; the embedded engine is not.
    pub visibility: Duration,
    /// How often what is waited for is described.
    pub polling: Polling,
    /// Regions of global tables that are neither asked nor waited for.
    pub skip_regions: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            backoff: [30, 60, 120, 240, 480].map(Duration::from_secs).to_vec(),
            max_builds: 50,
            activation_timeout: None,
            fail_fast: false,
            wait: true,
            visibility: Duration::from_secs(60),
            polling: Polling::default(),
            skip_regions: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// The wait after the `failures`-th failed attempt (from 1), before jitter.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let n = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let delay = self.backoff.get(n).or(self.backoff.last());
        delay.copied().unwrap_or(Duration::from_secs(30))
    }
}

/// What is done about a kind of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A queue: describe, wait until the table is free, then at once.
    AwaitTable,
    /// A queue: wait until the index that is being built, changed or deleted is done. One
    /// with the wanted definition is adopted.
    AwaitIndex,
    /// Describe: adopt what is there. What no description shows is an attempt.
    Look,
    /// A queue: lower our concurrency to what fits.
    LowerConcurrency,
    /// A queue: a second or two, and from then on starts are spaced.
    SpaceOut,
    /// A queue: again in an hour.
    AwaitHour,
    /// Describe again, merge the attribute types, repeat at once.
    MergeAttributes,
    /// Wait longer each time.
    Backoff,
    /// Wait until the credentials are good again.
    AwaitCredentials,
    /// Repeating cannot help.
    Permanent,
}

impl Strategy {
    /// A word for logs and the state file's history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitTable => "await-table",
            Self::AwaitIndex => "await-index",
            Self::Look => "describe",
            Self::LowerConcurrency => "lower-concurrency",
            Self::SpaceOut => "space-out",
            Self::AwaitHour => "await-hour",
            Self::MergeAttributes => "merge-attributes",
            Self::Backoff => "backoff",
            Self::AwaitCredentials => "await-credentials",
            Self::Permanent => "permanent",
        }
    }
}

/// What is done about one kind of error, and what a person can do.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The kind it is about.
    pub kind: ErrorKind,
    /// What the engine does.
    pub strategy: Strategy,
    /// Whether it uses up an attempt by itself. A queue does not.
    pub counts: bool,
    /// A short name of the error for logs.
    pub name: &'static str,
    /// What a person can do where it does not go away. `{table}` and `{index}`
    /// stand for the names.
    pub remedy: &'static str,
}

use ErrorKind as K;
use Strategy as S;

impl Rule {
    /// The rule of `kind`.
    #[must_use]
    #[rustfmt::skip]
    pub const fn of(kind: ErrorKind) -> Self {
        let (strategy, counts, name, remedy) = match kind {
            K::TableBusy => (S::AwaitTable, false, "table busy",
                "wait until `aws dynamodb describe-table --table-name {table}` shows the table, its indexes and its replicas ACTIVE"),
            K::IndexBusy => (S::AwaitIndex, false, "index busy",
                "wait until no index of {table} is being created, updated or deleted: `gsictl wait {table}`"),
            K::OtherIndexBuilding => (S::AwaitIndex, false, "another index is being built",
                "wait for the other index of {table}: `gsictl wait {table}`"),
            K::AccountLimit => (S::LowerConcurrency, false, "account limit",
                "lower --max-builds, or ask AWS for a higher quota of simultaneous table operations"),
            K::ControlPlaneRate => (S::SpaceOut, false, "too many changes at once in the account",
                "something else changes tables of this account all the time: try again later"),
            K::DecreaseLimit => (S::AwaitHour, false, "throughput lowered too often",
                "DynamoDB allows 4 decreases a UTC day, and then one an hour: try again later"),
            K::UnknownLimit => (S::Backoff, true, "a limit that is not known here",
                "see what the message says, and the quotas of DynamoDB in Service Quotas"),
            K::QuotaReached => (S::Permanent, true, "quota reached",
                "ask AWS for a higher quota (Service Quotas, Amazon DynamoDB), or ask for less in the definition of {index}; where it is the number of indexes, delete an index of {table} that nobody uses"),
            K::AttributeConflict => (S::MergeAttributes, true, "attribute definitions conflict",
                "give the key attributes of {index} the types that {table} already uses"),
            K::IndexExists => (S::Look, false, "index exists",
                "compare {index} with its definition: DynamoDB cannot change an index's keys; delete it or choose another name"),
            K::NothingToChange => (S::Look, false, "nothing to change",
                "nothing: it is as the definition of {index} wants it"),
            K::WritesNotAutoscaled => (S::Permanent, true, "an index without autoscaling of writes",
                "give every index of the global table {table} autoscaling of its write capacity, in every region: one without it blocks all changes of its indexes"),
            K::TableExists => (S::Permanent, true, "table exists",
                "choose another name than {table}, or another region"),
            K::TableNotFound => (S::Permanent, true, "no such table",
                "create {table}, or correct its name, the region or the endpoint"),
            K::IndexNotFound => (S::Permanent, true, "no such index",
                "check the name {index} on {table}"),
            K::AccessDenied => (S::Permanent, true, "access denied",
                "allow dynamodb:DescribeTable and dynamodb:UpdateTable on {table} for these credentials"),
            K::AccountNotEnabled => (S::Permanent, true, "account not enabled",
                "finish the sign-up of the AWS account, or enable the region for it (`aws account enable-region --region-name REGION`): its credentials may not use DynamoDB there"),
            K::Validation => (S::Permanent, true, "refused as invalid",
                "correct the definition of {index} as the message says"),
            K::Throttled => (S::Backoff, true, "throttled",
                "something else uses up the account's request rate: try again later"),
            K::Server => (S::Backoff, true, "server error",
                "DynamoDB had trouble: try again later, and see the AWS health dashboard"),
            K::Connection => (S::Backoff, true, "no connection",
                "check the network and --endpoint-url"),
            K::Timeout => (S::Backoff, true, "no answer in time",
                "check the network and --endpoint-url"),
            K::CredentialsExpired => (S::AwaitCredentials, false, "credentials expired",
                "renew them (for instance `aws sso login`): they are read again by themselves"),
            K::CredentialsInvalid => (S::AwaitCredentials, false, "credentials not accepted",
                "check --profile and the AWS_* environment: they are read again by themselves"),
            K::ClockSkew => (S::AwaitCredentials, false, "this machine's clock is wrong",
                "set the clock (for instance `timedatectl set-ntp true`)"),
            K::NoRegion => (S::Permanent, true, "no region",
                "give --region, or set AWS_REGION"),
        };
        Self { kind, strategy, counts, name, remedy }
    }

    /// The remedy with the names filled in.
    #[must_use]
    pub fn remedy_for(&self, id: &crate::name::IndexId) -> String {
        let (table, index) = (id.table.as_str(), id.index.as_str());
        let mut remedy = self.remedy.to_owned();
        if table.starts_with('-') || index.starts_with('-') {
            // Such a name would be read as an option.
            remedy = remedy.replace("--table-name {table}", "--table-name={table}");
            remedy = remedy.replace("gsictl wait {table}", "gsictl wait -- {table}");
        }
        remedy.replace("{table}", table).replace("{index}", index)
    }
}

/// What is known when a create is refused or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Attempts of this run that failed before this one.
    pub failures: u32,
    /// Other builds of this run that are under way or may be: answers can
    /// overtake each other, and get lost.
    pub building: usize,
    /// Whether the same kind of error ended the attempt before.
    pub repeated: bool,
    /// For how long DynamoDB has refused it without a cause that anybody could see, each
    /// time with an error of the same strategy.
    pub refused_for: Duration,
}

/// What to do next about one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Describe the table at once; what it shows decides.
    Look,
    /// Start again when a build of ours ends.
    AwaitSlot,
    /// Start nothing in the account for so long.
    Hold(Duration),
    /// The same call again after so long, on a fresh description.
    Retry(Duration),
    /// The same, and the starts of the whole run are spaced from now on.
    Space(Duration),
    /// Nothing is called for so long; then the credentials are tried again.
    AwaitCredentials(Duration),
    /// Failed for good.
    GiveUp,
}

/// A decision with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule it rests on.
    pub strategy: Strategy,
    /// Whether an attempt was used up.
    pub counts: bool,
    /// What to do.
    pub then: Then,
}

/// How long after a refusal no change of the same table is made, whatever was refused.
pub const AFTER_REFUSAL: Duration = Duration::from_secs(1);
/// How long nothing is started when the account is full of other people's operations.
pub const ACCOUNT_HOLD: Duration = Duration::from_secs(300);
/// How long an index waits for an account that is full of other people's operations.
pub const ACCOUNT_BOUND: Duration = Duration::from_secs(6 * 3_600);
/// How long an index waits for what it is refused for and no description shows, such as a
/// replica that is in creation under an ACTIVE table (docs/dynamodb.md: not-idle).
pub const QUEUE_BOUND: Duration = Duration::from_secs(3_600);
/// How long an index waits until throughput may be lowered again: DynamoDB counts by
/// UTC days (docs/dynamodb.md: decreases).
pub const DECREASE_BOUND: Duration = Duration::from_secs(24 * 3_600);
/// How long a change waits for credentials that DynamoDB does not know, or for the clock
/// to be set. Credentials that have expired are waited for without a bound.
pub const CREDENTIALS_BOUND: Duration = Duration::from_secs(3_600);
/// How long to wait where the account's limiter of changes refused: as long again by
/// chance, so that refused calls do not come back together. What was throttled passes a
/// second later (docs/dynamodb.md: limiter).
pub const LIMITER_WAIT: Duration = Duration::from_secs(1);
/// How long to wait where throughput may be lowered once an hour
/// (docs/dynamodb.md: decreases).
pub const AN_HOUR: Duration = Duration::from_secs(3_600);
/// How often credentials that are not good are tried again.
pub const CREDENTIALS_RETRY: Duration = Duration::from_secs(10);
/// How long after the first refusal for this machine's clock the call is made again. The
/// client has learnt AWS's time from the answer and signs with it from then on
/// (docs/dynamodb.md: clock), so that only a second refusal in a row says that the clock
/// has to be set.
pub const SKEW_RETRY: Duration = Duration::from_secs(1);

/// Decides what follows a create that ended in `kind`.
///
/// `jitter` is drawn from 0..1 and adds up to 10 % to a backoff.
#[must_use]
pub fn decide(kind: ErrorKind, situation: Situation, policy: &Policy, jitter: f64) -> Decision {
    let rule = Rule::of(kind);
    let failures = situation.failures.saturating_add(u32::from(rule.counts));
    let left = failures < policy.max_attempts;
    let within = |bound| situation.refused_for < bound;
    let then = match rule.strategy {
        S::AwaitTable | S::AwaitIndex if within(QUEUE_BOUND) => Then::Look,
        S::Look => Then::Look,
        S::LowerConcurrency if situation.building > 0 => Then::AwaitSlot,
        S::LowerConcurrency if within(ACCOUNT_BOUND) => Then::Hold(ACCOUNT_HOLD),
        S::SpaceOut if within(QUEUE_BOUND) => {
            Then::Space(LIMITER_WAIT + LIMITER_WAIT.mul_f64(jitter.clamp(0.0, 1.0)))
        }
        S::AwaitHour if within(DECREASE_BOUND) => Then::Retry(AN_HOUR),
        S::MergeAttributes if left && !situation.repeated => Then::Look,
        S::Backoff if left => Then::Retry(jittered(policy.delay(failures), jitter)),
        S::AwaitCredentials if kind == K::ClockSkew && !situation.repeated => {
            Then::Retry(SKEW_RETRY)
        }
        S::AwaitCredentials if kind == K::CredentialsExpired || within(CREDENTIALS_BOUND) => {
            Then::AwaitCredentials(CREDENTIALS_RETRY)
        }
        S::AwaitTable
        | S::AwaitIndex
        | S::LowerConcurrency
        | S::SpaceOut
        | S::AwaitHour
        | S::MergeAttributes
        | S::Backoff
        | S::AwaitCredentials
        | S::Permanent => Then::GiveUp,
    };
    // Who waits in a queue until its bound has tried, and failed.
    let counts = rule.counts || then == Then::GiveUp;
    Decision { strategy: rule.strategy, counts, then }
}

/// How long to wait after the `times`-th refusal (from 1) for which no description shows
/// a cause: 5, 10, 20, ... s up to a minute.
#[must_use]
pub fn busy_delay(times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(4);
    Duration::from_secs(5 << doublings).min(Duration::from_secs(60))
}

fn jittered(delay: Duration, jitter: f64) -> Duration {
    delay + delay.mul_f64(0.1 * jitter.clamp(0.0, 1.0))
}

/// How long to wait after the `failures`-th failed DescribeTable in a row: three
/// times at once, then 1, 2, 4, ... s up to a minute. A failed poll never fails
/// an index.
#[must_use]
pub fn poll_retry(failures: u32) -> Duration {
    match failures {
        0..=3 => Duration::ZERO,
        n => Duration::from_secs(1 << (n - 4).min(6)).min(Duration::from_secs(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{IndexId, IndexName, TableName};

    fn after(kind: ErrorKind, failures: u32) -> Decision {
        let situation =
            Situation { failures, building: 0, repeated: false, refused_for: Duration::ZERO };
        decide(kind, situation, &Policy::default(), 0.0)
    }

    #[test]
    fn a_name_that_begins_like_an_option_is_still_a_name_in_a_remedy() {
        let name = |table, index| {
            let (table, index) = (TableName::new(table), IndexName::new(index));
            IndexId::new(table.unwrap(), index.unwrap())
        };
        let remedy = |kind, id| Rule::of(kind).remedy_for(id);
        let (plain, dashed) = (name("orders", "by-day"), name("-orders", "by-day"));
        assert!(remedy(K::OtherIndexBuilding, &plain).ends_with("`gsictl wait orders`"));
        assert!(remedy(K::OtherIndexBuilding, &dashed).ends_with("`gsictl wait -- -orders`"));
        assert!(remedy(K::TableBusy, &plain).contains("--table-name orders` "));
        assert!(remedy(K::TableBusy, &dashed).contains("--table-name=-orders` "));
    }

    #[test]
    fn a_queue_costs_no_attempt_and_never_gives_up() {
        for kind in [K::TableBusy, K::IndexBusy, K::OtherIndexBuilding, K::AccountLimit] {
            let decision = after(kind, 1_000);
            assert!(!decision.counts, "{kind:?}");
            assert_ne!(decision.then, Then::GiveUp, "{kind:?}");
        }
    }

    #[test]
    fn backoff_doubles_and_ends_with_the_last_attempt() {
        let waits: Vec<_> = (0..5).map(|n| after(K::Throttled, n).then).collect();
        let seconds = |s| Then::Retry(Duration::from_secs(s));
        assert_eq!(waits, [seconds(30), seconds(60), seconds(120), seconds(240), Then::GiveUp]);
    }

    #[test]
    fn the_last_delay_repeats_where_attempts_outnumber_delays() {
        let policy = Policy { max_attempts: 9, ..Policy::default() };
        assert_eq!(policy.delay(5), Duration::from_secs(480));
        assert_eq!(policy.delay(8), Duration::from_secs(480));
        assert_eq!(Policy { backoff: vec![], ..policy }.delay(1), Duration::from_secs(30));
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        let with = |jitter| jittered(Duration::from_secs(30), jitter);
        assert_eq!(with(0.0), Duration::from_secs(30));
        assert_eq!(with(1.0), Duration::from_secs(33));
        assert_eq!(with(7.0), Duration::from_secs(33));
    }

    #[test]
    fn a_full_account_waits_for_our_own_builds_or_else_five_minutes() {
        let ours = |building| {
            let situation =
                Situation { failures: 0, building, repeated: false, refused_for: Duration::ZERO };
            decide(K::AccountLimit, situation, &Policy::default(), 0.0).then
        };
        assert_eq!(ours(3), Then::AwaitSlot);
        assert_eq!(ours(0), Then::Hold(Duration::from_secs(300)));
    }

    #[test]
    fn a_skewed_clock_is_repeated_once_and_then_waited_for() {
        let skew = |repeated| {
            let situation =
                Situation { failures: 0, building: 0, repeated, refused_for: Duration::ZERO };
            decide(K::ClockSkew, situation, &Policy::default(), 0.0)
        };
        assert_eq!((skew(false).then, skew(false).counts), (Then::Retry(SKEW_RETRY), false));
        assert_eq!(skew(true).then, Then::AwaitCredentials(CREDENTIALS_RETRY));
    }

    #[test]
    fn a_second_attribute_conflict_in_a_row_is_final() {
        let conflict = |repeated| {
            let situation =
                Situation { failures: 1, building: 0, repeated, refused_for: Duration::ZERO };
            decide(K::AttributeConflict, situation, &Policy::default(), 0.0).then
        };
        assert_eq!(conflict(false), Then::Look);
        assert_eq!(conflict(true), Then::GiveUp);
    }

    #[test]
    fn what_repeating_cannot_help_is_given_up_at_once() {
        for kind in [K::QuotaReached, K::TableNotFound, K::AccessDenied, K::Validation] {
            assert_eq!(after(kind, 0).then, Then::GiveUp, "{kind:?}");
        }
    }

    #[test]
    fn a_failed_poll_is_repeated_three_times_at_once_then_less_often() {
        let waits: Vec<_> = (1..=12).map(|n| poll_retry(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(poll_retry(u32::MAX).as_secs(), 60);
    }
}
