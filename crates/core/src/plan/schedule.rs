//! Which builds run side by side, and how long that takes, roughly.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::outlook::Outlook;
use super::{Action, Plan, PlannedIndex, TablePlan};
use crate::catalog::{Sighting, TableDescription};
use crate::definition::IndexDefinition;
use crate::name::{IndexName, TableName};

/// The builds of a run. Tables build side by side, the indexes of one table one
/// after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// The tables that build, those that promise the longest work first: so they
    /// are started.
    pub lanes: Vec<Lane>,
    /// Indexes building at once, over all tables.
    pub at_once: usize,
    /// How long all of it takes on AWS, roughly; see [`build_estimate`].
    pub seconds: u64,
}

/// One table's builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// The table.
    pub table: TableName,
    /// Its indexes in the order in which they are built.
    pub builds: Vec<IndexName>,
    /// How long these take on AWS, roughly.
    pub seconds: u64,
}

impl Schedule {
    /// The schedule of a run that has at most `max_builds` indexes building at once.
    #[must_use]
    pub fn of(plan: &Plan, max_builds: usize) -> Self {
        let mut lanes: Vec<_> = plan.tables.iter().filter_map(lane).collect();
        lanes.sort_by_key(|(lane, _)| Reverse(lane.seconds));
        let at_once = lanes.len().min(max_builds.max(1));
        let (lanes, builds): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
        Self { lanes, at_once, seconds: finish(builds, at_once).as_secs() }
    }

    /// How many indexes are built.
    #[must_use]
    pub fn builds(&self) -> usize {
        self.lanes.iter().map(|lane| lane.builds.len()).sum()
    }
}

/// What is being built already has the table's slot; the others follow in order.
fn lane(plan: &TablePlan) -> Option<(Lane, VecDeque<Duration>)> {
    let Sighting::Found(table) = &plan.sighting else {
        return None;
    };
    let is = |fits: fn(Action) -> bool| {
        plan.indexes.iter().filter(move |index: &&PlannedIndex| fits(index.action))
    };
    let order: Vec<_> = is(|a| a == Action::Adopt).chain(is(Action::creates)).collect();
    if order.is_empty() {
        return None;
    }
    let builds = order.iter().map(|index| index.definition.id.index.clone()).collect();
    let estimates: VecDeque<_> =
        order.iter().map(|index| build_estimate(&index.definition, table)).collect();
    let seconds = estimates.iter().sum::<Duration>().as_secs();
    Some((Lane { table: plan.table.clone(), builds, seconds }, estimates))
}

/// When the last build ends, where a free place goes to the lane that promises
/// the longest work, as in the engine.
fn finish(mut lanes: Vec<VecDeque<Duration>>, at_once: usize) -> Duration {
    let left = |lane: &VecDeque<Duration>| lane.iter().sum::<Duration>();
    let mut waiting: BinaryHeap<_> =
        lanes.iter().enumerate().map(|(n, lane)| (left(lane), Reverse(n))).collect();
    let mut running = BinaryHeap::new();
    let mut now = Duration::ZERO;
    loop {
        while running.len() < at_once
            && let Some((_, Reverse(n))) = waiting.pop()
        {
            running.extend(lanes[n].pop_front().map(|build| Reverse((now + build, n))));
        }
        let Some(Reverse((end, n))) = running.pop() else {
            return now;
        };
        now = end;
        if !lanes[n].is_empty() {
            waiting.push((left(&lanes[n]), Reverse(n)));
        }
    }
}

/// Roughly how long DynamoDB will take to build an index on this table. The
/// order of the tables rests on it, and what people are told of the time.
#[must_use]
pub fn build_estimate(definition: &IndexDefinition, table: &TableDescription) -> Duration {
    Outlook::of(definition, table).takes
}
