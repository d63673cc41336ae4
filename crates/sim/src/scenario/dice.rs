//! Draws everything that a history consists of.

use std::time::Duration;

use gsictl_core::retry::Policy;
use gsictl_driver::store::memory::{Bytes, Loss};

use super::{Change, Deed, End, Foe, REGIONS, Restore, Run, Service, Table, What};
use crate::faults::{FAULTS, Kind, Rates};
use crate::model::{Hidden, Lasting, Stale};
use crate::world::SAVE_STEPS;

/// More often than any run may try.
const FOR_EVER: u32 = 60;

/// Draws a history.
pub(super) struct Dice(pub(super) fastrand::Rng);

impl Dice {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    /// 0..n, small ones more often.
    pub(super) fn low(&mut self, n: usize) -> usize {
        self.0.usize(0..n).min(self.0.usize(0..n))
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.0.u64(from..to))
    }

    pub(super) fn secs(&mut self, from: u64, to: u64) -> Duration {
        self.millis(from * 1_000, to * 1_000)
    }

    /// Seconds as a rule, now and then hours or days.
    fn long(&mut self) -> Duration {
        match self.0.u32(0..2_000) {
            0 => self.secs(3_600, 3 * 86_400),
            1..10 => self.secs(600, 3_600),
            10..200 => self.secs(60, 600),
            _ => self.secs(0, 60),
        }
    }

    pub(super) fn table(&mut self, number: usize) -> Table {
        let wanted = 1 + self.low(4);
        let lags = self.lags();
        Table {
            number,
            wanted,
            others: match self.0.u32(0..60) {
                0 => 20,
                1..10 => 1 + self.low(3),
                _ => 0,
            },
            provisioned: self.one_in(4),
            backfill: self.long(),
            creating: if self.one_in(12) { self.secs(1, 60) } else { Duration::ZERO },
            late: self.late(!lags.is_empty()),
            lags,
            lasting: self.lasting(wanted),
        }
    }

    /// The other regions of a table, which few tables have.
    fn lags(&mut self) -> Vec<i64> {
        let regions = if self.one_in(5) { 1 + self.low(2) } else { 0 };
        (0..regions).map(|_| self.0.i64(-120..300)).collect()
    }

    /// How long a new index stays unseen: minutes on a global table.
    fn late(&mut self, is_global: bool) -> Duration {
        match self.0.u32(0..12) {
            0 => self.secs(60, 600),
            1 => self.secs(0, 120),
            _ if is_global => self.secs(0, 90),
            _ => Duration::ZERO,
        }
    }

    fn lasting(&mut self, wanted: usize) -> Option<(usize, Lasting)> {
        let kind = self.0.choice(Lasting::ALL)?;
        self.one_in(15).then(|| (self.0.usize(0..wanted), kind))
    }

    pub(super) fn service(&mut self) -> Service {
        let form = if self.one_in(2) { Stale::Old } else { Stale::NotFound };
        Service {
            allocation: self.secs(0, 20),
            deletion: self.secs(0, 20),
            stale: self.one_in(2).then(|| (self.secs(1, 55), form)),
            account_limit: self.one_in(3).then(|| 1 + self.low(3)),
            quota: match self.0.u32(0..24) {
                0 | 1 => 1 + self.low(4),
                2 | 3 => 40,
                _ => 20,
            },
            shows_deletes: self.one_in(2),
            limiter: self.one_in(3).then(|| (1 + self.0.u32(0..6), self.millis(500, 3_000))),
            refuses_while_updating: self.one_in(2),
        }
    }

    /// A fault is absent, rare, or common.
    pub(super) fn rates(&mut self) -> Rates {
        let harsh = self.0.u32(1..6);
        let mut rates = Rates(std::array::from_fn::<_, { FAULTS.len() }, _>(|_| {
            if self.0.u32(0..6) < harsh { 0 } else { self.0.choice([3, 10, 40, 150]).unwrap_or(0) }
        }));
        // It costs an hour each time.
        if !self.one_in(8) {
            rates.silence(Kind::Decreases);
        }
        rates
    }

    pub(super) fn deed(&mut self, tables: &[Table], span: Duration) -> Deed {
        let table = self.0.usize(0..tables.len());
        let what = match self.0.u32(0..24) {
            0 | 1 => What::Delete,
            2 => What::Create,
            3 => What::ReKey,
            13 | 14 => What::Remake,
            4 | 5 => What::CreateTheirs,
            6 => What::CreateOfOtherType,
            7 => What::Update(self.secs(1, 200)),
            8 => self.0.choice([What::Drop, What::MakeAgain]).unwrap_or(What::Drop),
            9 => What::FillAccount(1 + self.low(4), self.secs(1, 900)),
            10 => What::Expire(if self.one_in(20) {
                self.secs(3_600, 14_400)
            } else {
                self.secs(1, 300)
            }),
            11 => What::Deny(self.secs(1, 300)),
            12 => What::FillDisk(self.one_in(2), self.secs(1, 300)),
            _ => self.hindrance(),
        };
        let at = Duration::from_millis(self.0.u64(0..u64::try_from(span.as_millis()).unwrap()));
        Deed { at, table, index: self.0.usize(0..tables[table].wanted), what }
    }

    /// Something that stands in the way for a while, with a reason that is told or not.
    fn hindrance(&mut self) -> What {
        let length = if self.one_in(40) { self.secs(900, 9_000) } else { self.secs(1, 400) };
        match self.0.u32(0..9) {
            0 | 1 => What::Vector(self.one_in(8), length),
            2 => What::Retune(self.secs(1, 60)),
            3 => What::Hide(self.0.choice(Hidden::ALL).unwrap_or(Hidden::Iops), length),
            4 => What::AddReplica(length),
            5 => What::DropReplica(length),
            6 => What::Unscale(length),
            7 => What::Crowd(length),
            _ => What::CutRegions(self.one_in(2), length),
        }
    }

    fn loss(&mut self) -> Loss {
        let bytes = self.0.choice([Bytes::Lost, Bytes::Torn, Bytes::Kept]).unwrap_or(Bytes::Lost);
        Loss { names_kept: self.0.usize(0..4), bytes }
    }

    fn end(&mut self) -> End {
        match self.0.u32(0..10) {
            0..3 => End::Natural,
            3 | 4 => End::Stopped(self.secs(0, 300)),
            5 | 6 => End::Killed { steps: 1 + self.low(150), keeps_save: self.one_in(2) },
            7 => End::PowerLost { steps: 1 + self.low(150), loss: self.loss() },
            8 => End::PowerLostInSave {
                save: 1 + self.low(12),
                step: self.0.usize(0..SAVE_STEPS),
                loss: self.loss(),
            },
            _ => End::PowerLostInArchive { step: self.0.usize(0..2), loss: self.loss() },
        }
    }

    fn policy(&mut self) -> Policy {
        let (wait, fail_fast) = (!self.one_in(6), self.one_in(6));
        let mut policy = Policy { wait, fail_fast, ..Policy::default() };
        if self.one_in(2) {
            policy.max_builds = 1 + self.low(5);
        }
        if self.one_in(2) {
            policy.max_attempts = self.0.u32(1..6);
        }
        if self.one_in(3) {
            policy.backoff = vec![self.secs(1, 20), self.secs(20, 40)];
        }
        if self.one_in(6) {
            policy.activation_timeout = Some(self.secs(5, 120));
        }
        if self.one_in(12) {
            policy.skip_regions = REGIONS.iter().map(|&region| region.to_owned()).collect();
        }
        policy
    }

    pub(super) fn run(&mut self, tables: &[Table]) -> Run {
        let clock_set = match self.0.u32(0..12) {
            0 | 1 => -self.0.i64(1..90_000),
            2 => self.0.i64(1..90_000),
            3 => self.0.i64(-90..90),
            _ => 0,
        };
        Run {
            idle: if self.one_in(2) { self.secs(0, 120) } else { Duration::ZERO },
            clock_set,
            seed: self.0.u64(..),
            policy: self.policy(),
            rollback: self.one_in(3).then(|| self.one_in(3)),
            of_archive: self.one_in(6).then(|| self.low(3)),
            declines: self.one_in(10),
            validates: self.one_in(12),
            saved_plan: self.one_in(8),
            retry_failed: self.one_in(4),
            table: self.one_in(6).then(|| self.0.usize(0..tables.len())),
            lacks_last: self.one_in(6),
            call_latency: if self.one_in(4) { self.millis(2, 4_000) } else { self.millis(2, 200) },
            save_latency: if self.one_in(4) { self.millis(2, 3_000) } else { self.millis(2, 100) },
            end: self.end(),
            is_peaceful: false,
        }
    }

    pub(super) fn foe(&mut self, tables: &[Table]) -> Foe {
        let table = self.0.usize(0..tables.len());
        let (after, what) = match self.0.u32(0..9) {
            8 => (Change::DeleteAsked, What::Remake),
            0..3 => (Change::Delete, What::Create),
            3 => (Change::Delete, What::Remake),
            4 | 5 => (Change::Create, What::Delete),
            6 => (Change::Create, What::Remake),
            _ => (Change::Create, What::ReKey),
        };
        Foe {
            table,
            index: self.0.usize(0..tables[table].wanted),
            after,
            what,
            delay: match after {
                Change::DeleteAsked => self.millis(0, 50),
                _ if self.one_in(2) => self.millis(0, 1_000),
                _ => self.secs(0, 60),
            },
            times: if self.one_in(4) { FOR_EVER } else { 1 + self.0.u32(0..2) },
        }
    }

    /// A second directory, in one of three histories.
    pub(super) fn beside(&mut self, tables: &[Table]) -> Vec<Run> {
        if !self.one_in(3) {
            return Vec::new();
        }
        let mut runs: Vec<_> = (0..1 + self.low(4)).map(|_| self.run(tables)).collect();
        for run in &mut runs {
            // It tries what happens between the two: the rest is for the first.
            (run.validates, run.saved_plan, run.of_archive) = (false, false, None);
        }
        runs
    }

    pub(super) fn restores(&mut self, runs: usize) -> Vec<Restore> {
        if runs < 3 || !self.one_in(4) {
            return Vec::new();
        }
        let from = self.0.usize(0..runs - 1);
        let before = self.0.usize(from + 1..runs);
        vec![Restore { from, before, whole: !self.one_in(3) }]
    }
}
