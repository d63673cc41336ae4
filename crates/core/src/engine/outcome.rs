//! What a run came to.

use std::time::Duration;

use crate::catalog::TableDescription;
use crate::name::IndexId;
use crate::plan::Obstacle;
use crate::rollback::Kept;

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was left to do.
    Done,
    /// A stop was asked for. Everything is saved.
    Stopped,
    /// The state could not be saved; the text says why.
    SaveFailed(String),
}

/// How a run ended for one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It became active in this run; so long after the create or the adoption.
    Activated(Duration),
    /// It was active when the run first looked.
    AlreadyActive,
    /// Failed for good in this run.
    Failed {
        /// Why.
        error: String,
        /// What a person can do.
        remedy: String,
    },
    /// Something stands in the way of it: nothing (more) is done.
    Obstructed(Obstacle),
    /// It failed in an earlier run and was not to be started.
    LeftFailed,
    /// Only failed ones were to be started, and this one did not fail.
    LeftOther,
    /// The activation time-out struck; it goes on building in DynamoDB.
    TimedOut,
    /// It is ready in the region that was asked, and nothing shows it being built in
    /// others: the run does not wait any longer.
    Unconfirmed {
        /// These regions.
        regions: Vec<String>,
    },
    /// It is being built; the run did not wait for it, or was stopped.
    Building,
    /// Nothing was started for it, or not yet.
    Waiting,
    /// It was deleted in this run; so long after the call.
    Deleted(Duration),
    /// It was to be deleted, and was gone already.
    Gone,
    /// It was not to be deleted: why.
    Kept(Kept),
    /// It is being deleted; the run was stopped.
    Deleting,
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// DescribeTable calls.
    pub describes: u64,
    /// UpdateTable calls that create an index.
    pub creates: u64,
    /// UpdateTable calls that delete an index.
    pub deletes: u64,
    /// Saves of the state.
    pub saves: u64,
    /// Bytes of all saves.
    pub saved_bytes: u64,
    /// Entries that changed between saves, summed over all saves.
    pub transitions: u64,
    /// The most changed entries that one save carried.
    pub most_transitions: u64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Each index of the plan, in its order.
    pub verdicts: Vec<(IndexId, Verdict)>,
    /// The tables as they were last seen.
    pub tables: Vec<TableDescription>,
    /// What it cost.
    pub stats: Stats,
}
