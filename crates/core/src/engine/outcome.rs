//! What a run came to.

use super::Verdict;
use crate::catalog::TableDescription;
use crate::name::IndexId;

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
