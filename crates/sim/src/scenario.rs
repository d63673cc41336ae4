//! What a seed means: the tables, the faults, the other people and the runs of
//! one history, drawn before anything happens, so that parts can be left out.

use std::time::Duration;

use gsictl_core::definition::{
    Definitions, IndexDefinition, KeyType, Place, Projection, ScalarType,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_driver::store::memory::{Bytes, Loss};

use crate::faults::{FAULTS, Rates};
use crate::model::Stale;
use crate::world::SAVE_STEPS;

/// One history, as data.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Draws what is not written here: the faults of single calls.
    pub seed: u64,
    /// The tables and what is wanted of them.
    pub tables: Vec<Table>,
    /// How DynamoDB takes its time.
    pub service: Service,
    /// What goes wrong with calls, each kind with its own rate.
    pub rates: Rates,
    /// What other people do.
    pub deeds: Vec<Deed>,
    /// The runs, one after another.
    pub runs: Vec<Run>,
}

/// One table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its number; part of its name.
    pub number: usize,
    /// The indexes that are wanted.
    pub wanted: usize,
    /// Indexes that are there already and that no definition names.
    pub others: usize,
    /// Whether it has capacity of its own.
    pub provisioned: bool,
    /// How long a backfill takes.
    pub backfill: Duration,
    /// CREATING for so long.
    pub creating: Duration,
}

/// How DynamoDB takes its time.
#[derive(Clone, Debug)]
pub struct Service {
    /// The first phase of a build.
    pub allocation: Duration,
    /// How long a deletion takes.
    pub deletion: Duration,
    /// How long descriptions are behind, and what they show then.
    pub stale: Option<(Duration, Stale)>,
    /// Tables that may have an index in flight at once.
    pub account_limit: Option<usize>,
    /// Indexes that a table may have.
    pub quota: usize,
}

/// Something that other people do.
#[derive(Clone, Debug)]
pub struct Deed {
    /// When, since the beginning.
    pub at: Duration,
    /// On which table.
    pub table: usize,
    /// To which of its wanted indexes.
    pub index: usize,
    /// What.
    pub what: What,
}

/// What other people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Delete an index that we want.
    Delete,
    /// Create it, as we want it.
    Create,
    /// Delete it and create it again, as we want it.
    Remake,
    /// Delete it and create it again with other keys.
    ReKey,
    /// Create an index of their own.
    CreateTheirs,
    /// Create one of their own that uses a key of ours with another type.
    CreateOfOtherType,
    /// Change the table, which is UPDATING for so long.
    Update(Duration),
    /// Drop the table.
    Drop,
    /// Drop it and make it again.
    MakeAgain,
    /// Start so many operations elsewhere in the account, for so long.
    FillAccount(usize, Duration),
    /// Let our credentials run out, for so long.
    Expire(Duration),
    /// Take our permission for the table away, for so long.
    Deny(Duration),
    /// Fill the disk (or make it read-only), for so long.
    FillDisk(bool, Duration),
}

impl What {
    /// How long it lasts, or until it is over.
    #[must_use]
    pub fn length(self) -> Duration {
        match self {
            Self::Update(length)
            | Self::FillAccount(_, length)
            | Self::Expire(length)
            | Self::Deny(length)
            | Self::FillDisk(_, length) => length,
            Self::ReKey | Self::Remake => Duration::from_secs(60),
            _ => Duration::ZERO,
        }
    }
}

/// One run of the program.
#[derive(Clone, Debug)]
pub struct Run {
    /// Time that passes before it.
    pub idle: Duration,
    /// How much the machine's clock is set before it, in seconds.
    pub clock_set: i64,
    /// Draws its jitter.
    pub seed: u64,
    /// Its limits and habits.
    pub policy: Policy,
    /// It takes back what was created, instead of creating; `true` with what was
    /// never acknowledged.
    pub rollback: Option<bool>,
    /// It only validates the indexes.
    pub validates: bool,
    /// It carries out a plan that was saved before the time passed.
    pub saved_plan: bool,
    /// `--retry-failed`.
    pub retry_failed: bool,
    /// `--table`, by number.
    pub table: Option<usize>,
    /// The definitions do not name the last index of every table.
    pub lacks_last: bool,
    /// There and back.
    pub call_latency: Duration,
    /// From the order to save until it is durable.
    pub save_latency: Duration,
    /// How it ends.
    pub end: End,
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// By itself.
    Natural,
    /// Asked to stop after so long.
    Stopped(Duration),
    /// Killed after so many steps.
    Killed {
        /// Calls and saves handed out, answers handed in.
        steps: usize,
        /// Whether a save that is under way is still made.
        keeps_save: bool,
    },
    /// The machine goes down after so many steps.
    PowerLost {
        /// As with a kill.
        steps: usize,
        /// What is lost of what was not synced.
        loss: Loss,
    },
    /// The machine goes down within a save.
    PowerLostInSave {
        /// Which save of this run, from 1.
        save: usize,
        /// Before which step of it.
        step: usize,
        /// What is lost of what was not synced.
        loss: Loss,
    },
    /// The machine goes down while the state is archived.
    PowerLostInArchive {
        /// Before which step of it.
        step: usize,
        /// What is lost of what was not synced.
        loss: Loss,
    },
}

impl Scenario {
    /// The history of `seed`.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        let tables: Vec<_> = (0..1 + dice.low(4)).map(|n| dice.table(n)).collect();
        let service = dice.service();
        let rates = dice.rates();
        let span = dice.secs(60, 900);
        let deeds = (0..dice.low(6)).map(|_| dice.deed(&tables, span)).collect();
        let runs = (0..1 + dice.low(5)).map(|_| dice.run(&tables)).collect();
        Self { seed, tables, service, rates, deeds, runs }
    }

    /// Everything that is wanted, or all but the last index of every table.
    #[must_use]
    pub fn definitions(&self, lacks_last: bool) -> Definitions {
        let of_table = |table: &Table| {
            let count = table.wanted - usize::from(lacks_last && table.wanted > 1);
            (0..count).map(|n| table.definition(n)).collect::<Vec<_>>()
        };
        Definitions { indexes: self.tables.iter().flat_map(of_table).collect() }
    }
}

impl Table {
    /// # Panics
    /// Never: the name is a legal one.
    #[must_use]
    pub fn name(&self) -> TableName {
        TableName::new(&format!("table-{}", self.number)).unwrap()
    }

    /// The `n`-th index that is wanted.
    #[must_use]
    pub fn definition(&self, n: usize) -> IndexDefinition {
        let types = [ScalarType::S, ScalarType::N, ScalarType::B];
        let hash = format!("key-{n}");
        let mut keys = vec![(hash.as_str(), KeyType::Hash, types[n % 3])];
        if n != 1 {
            keys.push(("shared", KeyType::Range, ScalarType::S));
        }
        wanted(&self.name(), &format!("index-{n}"), keys)
    }
}

/// An index of one key.
///
/// # Panics
/// Where the name is not legal.
#[must_use]
pub fn index(table: &TableName, name: &str, hash: &str, kind: ScalarType) -> IndexDefinition {
    wanted(table, name, vec![(hash, KeyType::Hash, kind)])
}

fn wanted(
    table: &TableName,
    name: &str,
    keys: Vec<(&str, KeyType, ScalarType)>,
) -> IndexDefinition {
    let place = Place { file: "simulated.yaml".into(), line: 1, column: 1 };
    let id = IndexId::new(table.clone(), IndexName::new(name).unwrap());
    IndexDefinition::new(id, keys, Projection::All).at(&place)
}

struct Dice(fastrand::Rng);

impl Dice {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    /// 0..n, small ones more often.
    fn low(&mut self, n: usize) -> usize {
        self.0.usize(0..n).min(self.0.usize(0..n))
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.0.u64(from..to))
    }

    fn secs(&mut self, from: u64, to: u64) -> Duration {
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

    fn table(&mut self, number: usize) -> Table {
        Table {
            number,
            wanted: 1 + self.low(4),
            others: match self.0.u32(0..60) {
                0 => 20,
                1..10 => 1 + self.low(3),
                _ => 0,
            },
            provisioned: self.one_in(4),
            backfill: self.long(),
            creating: if self.one_in(12) { self.secs(1, 60) } else { Duration::ZERO },
        }
    }

    fn service(&mut self) -> Service {
        let form = if self.one_in(2) { Stale::Old } else { Stale::NotFound };
        Service {
            allocation: self.secs(0, 20),
            deletion: self.secs(0, 20),
            stale: self.one_in(2).then(|| (self.secs(1, 55), form)),
            account_limit: self.one_in(3).then(|| 1 + self.low(3)),
            quota: if self.one_in(12) { 1 + self.low(4) } else { 20 },
        }
    }

    /// A fault is absent, rare, or common.
    fn rates(&mut self) -> Rates {
        let harsh = self.0.u32(1..6);
        Rates(std::array::from_fn::<_, { FAULTS.len() }, _>(|_| {
            if self.0.u32(0..6) < harsh { 0 } else { self.0.choice([3, 10, 40, 150]).unwrap_or(0) }
        }))
    }

    fn deed(&mut self, tables: &[Table], span: Duration) -> Deed {
        let table = self.0.usize(0..tables.len());
        let what = match self.0.u32(0..15) {
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
            _ => What::FillDisk(self.one_in(2), self.secs(1, 300)),
        };
        let at = Duration::from_millis(self.0.u64(0..u64::try_from(span.as_millis()).unwrap()));
        Deed { at, table, index: self.0.usize(0..tables[table].wanted), what }
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
        policy
    }

    fn run(&mut self, tables: &[Table]) -> Run {
        let clock_set = match self.0.u32(0..12) {
            0 => -self.0.i64(1..90_000),
            1 => self.0.i64(1..90_000),
            2 => self.0.i64(-90..90),
            _ => 0,
        };
        Run {
            idle: if self.one_in(2) { self.secs(0, 120) } else { Duration::ZERO },
            clock_set,
            seed: self.0.u64(..),
            policy: self.policy(),
            rollback: self.one_in(6).then(|| self.one_in(3)),
            validates: self.one_in(12),
            saved_plan: self.one_in(8),
            retry_failed: self.one_in(4),
            table: self.one_in(6).then(|| self.0.usize(0..tables.len())),
            lacks_last: self.one_in(6),
            call_latency: if self.one_in(4) { self.millis(2, 4_000) } else { self.millis(2, 200) },
            save_latency: if self.one_in(4) { self.millis(2, 3_000) } else { self.millis(2, 100) },
            end: self.end(),
        }
    }
}

impl Run {
    /// What the run is about.
    #[must_use]
    pub fn selection(&self, tables: &[Table]) -> Selection {
        let tables = self.table.and_then(|n| tables.get(n)).map(Table::name);
        Selection { tables: tables.into_iter().collect(), indexes: Vec::new() }
    }

    /// One in which nothing goes wrong.
    #[must_use]
    pub fn peaceful(retry_failed: bool) -> Self {
        Self {
            idle: Duration::from_secs(1),
            clock_set: 0,
            seed: 1,
            policy: Policy::default(),
            rollback: None,
            validates: false,
            saved_plan: false,
            retry_failed,
            table: None,
            lacks_last: false,
            call_latency: Duration::from_millis(40),
            save_latency: Duration::from_millis(10),
            end: End::Natural,
        }
    }
}
