//! What a seed means: the tables, the faults, the other people and the runs of
//! one history, drawn before anything happens, so that parts can be left out.

mod dice;

use std::time::Duration;

use gsictl_core::definition::{
    Definitions, IndexDefinition, KeyType, Place, Projection, ScalarType,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_driver::store::memory::Loss;

use crate::faults::Rates;
use crate::model::{Hidden, Lasting, Replica, Stale};

use self::dice::Dice;

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
    /// What they do whenever a process of ours has changed an index.
    pub foes: Vec<Foe>,
    /// The runs, one after another.
    pub runs: Vec<Run>,
    /// The runs in a second directory, at the same time.
    pub beside: Vec<Run>,
    /// Copies of the directory that are put back later.
    pub restores: Vec<Restore>,
}

/// Somebody who works against us, as a template engine does.
#[derive(Clone, Debug)]
pub struct Foe {
    /// On which table.
    pub table: usize,
    /// To which of its wanted indexes.
    pub index: usize,
    /// What calls them.
    pub after: Change,
    /// What they do.
    pub what: What,
    /// So much later.
    pub delay: Duration,
    /// So often.
    pub times: u32,
}

/// The other regions, in the order in which tables have them.
pub const REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "ap-south-1"];
/// Where a replica is added.
pub const ADDED_REGION: &str = "sa-east-1";

/// A change of ours that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An index was created.
    Create,
    /// An index was deleted.
    Delete,
    /// A delete of it is on its way, and not yet applied.
    DeleteAsked,
}

/// A copy of the directory is put back.
#[derive(Clone, Debug)]
pub struct Restore {
    /// It is made before this run.
    pub from: usize,
    /// It is put back before this one.
    pub before: usize,
    /// All of the directory is as it was; else the state file alone is, beside the
    /// archives that are there.
    pub whole: bool,
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
    /// No description shows a new index for so long; the table is UPDATING meanwhile.
    pub late: Duration,
    /// The other regions of a global table, one each: an index is ready there so many
    /// seconds later than at home, or sooner.
    pub lags: Vec<i64>,
    /// The index of this number can never be made: why.
    pub lasting: Option<(usize, Lasting)>,
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
    /// Whether the answer to a delete shows the table.
    pub shows_deletes: bool,
    /// So many changes pass at once in the account, and then one every so often.
    pub limiter: Option<(u32, Duration)>,
    /// Whether an index is refused while the capacity of another is being changed.
    pub refuses_while_updating: bool,
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
    /// Build a vector index, which takes the slot for so long; `true` under the name
    /// of an index that we want.
    Vector(bool, Duration),
    /// Change the capacity of an index, which is UPDATING for so long.
    Retune(Duration),
    /// Change something of the table, which stays ACTIVE, for so long.
    Hide(Hidden, Duration),
    /// Add a replica, which is CREATING for so long.
    AddReplica(Duration),
    /// Remove a replica, which is DELETING for so long.
    DropReplica(Duration),
    /// Leave an index without auto scaling, for so long.
    Unscale(Duration),
    /// Make all the changes that the account's limiter lets pass, for so long.
    Crowd(Duration),
    /// Cut off the other regions of the table (or, where `true`, take our permission
    /// there away), for so long.
    CutRegions(bool, Duration),
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
            | Self::FillDisk(_, length)
            | Self::Vector(_, length)
            | Self::Retune(length)
            | Self::Hide(_, length)
            | Self::AddReplica(length)
            | Self::DropReplica(length)
            | Self::Unscale(length)
            | Self::Crowd(length)
            | Self::CutRegions(_, length) => length,
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
    /// A rollback of this archive, from the oldest, and not of the newest state.
    pub of_archive: Option<usize>,
    /// A rollback that asks, and is told no.
    pub declines: bool,
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
    /// No save of it fails.
    pub is_peaceful: bool,
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
        let runs: Vec<_> = (0..1 + dice.low(5)).map(|_| dice.run(&tables)).collect();
        let foes = (0..dice.low(4)).map(|_| dice.foe(&tables)).collect();
        let beside = dice.beside(&tables);
        let restores = dice.restores(runs.len());
        Self { seed, tables, service, rates, deeds, foes, runs, beside, restores }
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

    /// It in its other regions.
    #[must_use]
    pub fn replicas(&self) -> Vec<Replica> {
        let regions = self.lags.iter().zip(REGIONS);
        regions.map(|(lag, region)| Replica::new(region, lag * 1_000)).collect()
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

impl Run {
    /// What the run is about.
    #[must_use]
    pub fn selection(&self, tables: &[Table]) -> Selection {
        let tables = self.table.and_then(|n| tables.get(n)).map(Table::name);
        Selection { tables: tables.into_iter().collect(), indexes: Vec::new() }
    }

    /// What it is, in a line of the trace.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match (self.rollback, self.validates) {
            (_, true) => "validate",
            (None, _) => "apply",
            (Some(false), _) => "rollback",
            (Some(true), _) => "rollback --include-inferred",
        }
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
            of_archive: None,
            declines: false,
            validates: false,
            saved_plan: false,
            retry_failed,
            table: None,
            lacks_last: false,
            call_latency: Duration::from_millis(40),
            save_latency: Duration::from_millis(10),
            end: End::Natural,
            is_peaceful: true,
        }
    }
}
