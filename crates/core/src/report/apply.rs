//! What an `apply` did.

mod markdown;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::catalog::TableDescription;
use crate::engine::{Ended, Outcome, Verdict};
use crate::look::skipped_in;
use crate::name::{IndexId, TableName};
use crate::plan::Outlook;
use crate::shell::gsictl;
use crate::state::{Attempt, Entry, Owner, State, Target};
use crate::time::Timestamp;

use super::{Document, Envelope, ended, to_millis};

/// The kind of these reports.
const KIND: &str = "apply";

/// How a run ended for one index, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// Became active in this run.
    Created,
    /// Was being built already, and became active in this run.
    Adopted,
    /// Was active before.
    AlreadyActive,
    /// Failed in this run.
    Failed,
    /// Something stands in the way.
    Obstructed,
    /// Failed in an earlier run; not started again.
    LeftFailed,
    /// Not started: only failed ones were to be.
    Left,
    /// The activation time-out struck; it goes on building.
    TimedOut,
    /// Ready in the region that was asked, and not known to be so in every other one.
    Unconfirmed,
    /// Goes on building; the run did not wait.
    Building,
    /// Not started yet.
    Waiting,
}

impl Result {
    /// The index is active.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Created | Self::Adopted | Self::AlreadyActive)
    }

    /// A person has to do something.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Obstructed | Self::LeftFailed | Self::TimedOut | Self::Unconfirmed
        )
    }
}

/// One index of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexReport {
    /// The base table.
    pub table: String,
    /// The index.
    pub index: String,
    /// How it ended.
    pub result: Result,
    /// From the create (or the adoption) until it was seen active; not known where the
    /// clock was set back meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_seconds: Option<f64>,
    /// The first intent to create it.
    pub creation_time: Option<Timestamp>,
    /// When it was first seen active.
    pub activated_at: Option<Timestamp>,
    /// Attempts that failed.
    pub retry_count: u32,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next_steps: Vec<String>,
    /// The newest failed attempts, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Whose index it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// A table of an index that is not active, as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// `TableStatus`.
    pub status: String,
    /// Each index with `IndexStatus`.
    pub indexes: BTreeMap<String, String>,
}

/// Counts of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Indexes the run was about.
    pub total: usize,
    /// Became active in this run.
    pub created: usize,
    /// Were active before.
    pub already_active: usize,
    /// Failed, now or before, or stand before an obstacle.
    pub failed: usize,
    /// Go on building, or wait to be started.
    pub unfinished: usize,
    /// Active ones of all, in percent.
    pub success_rate: f64,
}

/// Calls and saves of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// DescribeTable calls of the run, the first look at each table included.
    pub describe_table: u64,
    /// UpdateTable calls.
    pub update_table: u64,
    /// Saves of the state.
    pub saves: u64,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What every report says.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The definitions file.
    pub script_name: String,
    /// Where the tables are.
    pub target: Target,
    /// How it ended: `done`, `stopped`, or why the state could not be saved.
    pub ended: String,
    /// Wall-clock time of the run.
    pub seconds: f64,
    /// What the builds of this run would take one after the other.
    pub build_seconds_sum: f64,
    /// Counts.
    pub totals: Totals,
    /// Each index.
    pub indexes: Vec<IndexReport>,
    /// The tables of indexes that are not active.
    pub tables: Vec<TableReport>,
    /// Regions of global tables that were neither asked nor waited for (`--skip-region`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped_regions: Vec<String>,
    /// Calls and saves.
    pub cost: Cost,
}

/// What a report is about, beside the run itself.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The command, such as `apply`.
    pub command: &'a str,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// How many tables were described before the run.
    pub surveyed: u64,
}

impl Report {
    /// The report of a run that left `state` behind.
    #[must_use]
    pub fn new(about: &About<'_>, outcome: &Outcome, state: &State) -> Self {
        let indexes: Vec<_> = outcome
            .verdicts
            .iter()
            .map(|(id, verdict)| {
                let table = outcome.tables.iter().find(|table| table.name == id.table);
                index(id, verdict, state, table)
            })
            .collect();
        let unfinished: Vec<_> = indexes.iter().filter(|i| !i.result.is_success()).collect();
        let concerned =
            |t: &&TableDescription| unfinished.iter().any(|i| i.table == t.name.as_str());
        let totals = totals(&indexes);
        let result = in_a_word(&outcome.ended, &totals);
        let times = (about.started_at, about.ended_at);
        Self {
            envelope: Envelope::new(KIND, about.command, result, times),
            script_name: state.script_name().to_owned(),
            target: state.target().clone(),
            ended: ended(&outcome.ended),
            seconds: (about.ended_at - about.started_at).as_secs_f64(),
            build_seconds_sum: to_millis(
                indexes.iter().filter_map(|i| i.build_seconds).fold(0.0, |a, b| a + b),
            ),
            totals,
            tables: outcome.tables.iter().filter(concerned).map(table).collect(),
            skipped_regions: skipped_in(&outcome.tables),
            cost: Cost {
                describe_table: outcome.stats.describes + about.surveyed,
                update_table: outcome.stats.creates,
                saves: outcome.stats.saves,
            },
            indexes,
        }
    }

    /// The longest single build, and how long all of them take one by one.
    #[must_use]
    pub fn longest_lane(&self) -> Option<(TableName, Duration)> {
        let mut lanes: BTreeMap<&str, f64> = BTreeMap::new();
        for index in &self.indexes {
            *lanes.entry(&index.table).or_default() += index.build_seconds.unwrap_or(0.0);
        }
        let (table, seconds) = lanes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((TableName::new(table).ok()?, Duration::from_secs_f64(seconds)))
    }
}

impl Document for Report {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    fn advice(&mut self) -> Vec<&mut String> {
        self.indexes.iter_mut().flat_map(|index| &mut index.next_steps).collect()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn markdown(&self) -> String {
        markdown::of(self)
    }
}

/// The words that `result` may be.
pub(super) const WORDS: [&str; 5] = ["done", "failed", "unfinished", "stopped", "not_saved"];

fn in_a_word(ended: &Ended, totals: &Totals) -> &'static str {
    match ended {
        Ended::SaveFailed(_) => "not_saved",
        Ended::Stopped => "stopped",
        Ended::Done if totals.failed > 0 => "failed",
        Ended::Done if totals.unfinished > 0 => "unfinished",
        Ended::Done => "done",
    }
}

fn index(
    id: &IndexId,
    verdict: &Verdict,
    state: &State,
    table: Option<&TableDescription>,
) -> IndexReport {
    let entry = state.entry(id);
    let record = entry.map(Entry::record);
    let result = result(verdict, record.and_then(|r| r.owner));
    let (begun, activated_at) =
        (entry.and_then(Entry::creation_time), record.and_then(|r| r.activated_at));
    let set_back = begun.zip(activated_at).is_some_and(|(begun, active)| begun > active);
    let took = match verdict {
        Verdict::Activated(took) if !set_back => Some(took.as_secs_f64()),
        _ => None,
    };
    let last_error = entry.and_then(|e| e.last_error()).map(str::to_owned);
    IndexReport {
        table: id.table.to_string(),
        index: id.index.to_string(),
        result,
        build_seconds: took,
        creation_time: begun,
        activated_at,
        retry_count: entry.map_or(0, Entry::retry_count),
        error: last_error.filter(|_| !result.is_success()),
        next_steps: next_steps(id, verdict, table),
        attempts: record.map(|r| r.attempts.clone()).unwrap_or_default(),
        owner: record.and_then(|r| r.owner),
    }
}

fn result(verdict: &Verdict, owner: Option<Owner>) -> Result {
    match verdict {
        Verdict::Activated(_) if owner == Some(Owner::Found) => Result::Adopted,
        Verdict::Activated(_) => Result::Created,
        Verdict::AlreadyActive => Result::AlreadyActive,
        Verdict::Failed { .. } => Result::Failed,
        Verdict::Obstructed(_) => Result::Obstructed,
        Verdict::LeftFailed => Result::LeftFailed,
        Verdict::LeftOther => Result::Left,
        Verdict::TimedOut => Result::TimedOut,
        Verdict::Unconfirmed { .. } => Result::Unconfirmed,
        Verdict::Building => Result::Building,
        Verdict::Waiting => Result::Waiting,
        // What only a rollback comes to, which has a report of its own.
        Verdict::Deleted(_) | Verdict::Gone | Verdict::Kept(_) | Verdict::Deleting => Result::Left,
    }
}

/// The steps that fit how it ended, not a fixed list.
fn next_steps(id: &IndexId, verdict: &Verdict, table: Option<&TableDescription>) -> Vec<String> {
    let retry = || "then run the same command again with --retry-failed".to_owned();
    match verdict {
        Verdict::Failed { remedy, .. } => vec![remedy.clone(), retry()],
        Verdict::Obstructed(obstacle) => {
            vec![obstacle.remedy().to_owned(), "then run the same command again".to_owned()]
        }
        Verdict::LeftFailed => vec!["run the same command again with --retry-failed".to_owned()],
        Verdict::TimedOut => {
            let wait = gsictl("wait", &[id.table.as_str(), id.index.as_str()]);
            let goes_on = format!("it goes on building: `{wait}`, or run the same command again");
            faster(id, table).into_iter().chain([goes_on]).collect()
        }
        Verdict::Unconfirmed { regions } => unconfirmed(id, regions),
        _ => Vec::new(),
    }
}

/// What would make the build faster, where something slows it down.
fn faster(id: &IndexId, table: Option<&TableDescription>) -> Option<String> {
    let table = table?;
    let bound = Outlook::of_build(table.index(&id.index)?, table).bound?;
    Some(format!("{bound}: {}", bound.advice_now(id)))
}

fn unconfirmed(id: &IndexId, regions: &[String]) -> Vec<String> {
    let names = regions.join(", ");
    let skips: Vec<_> = regions.iter().map(|r| format!("--skip-region {r}")).collect();
    vec![
        format!(
            "make {names} answer: allow dynamodb:DescribeTable on {} there, enable the region \
             for the account, or say where it is reached (--region-endpoint REGION=URL); then \
             run the same command again",
            id.table
        ),
        format!("or do without an answer: the same command with {}", skips.join(" ")),
    ]
}

fn totals(indexes: &[IndexReport]) -> Totals {
    let count = |fits: &dyn Fn(Result) -> bool| indexes.iter().filter(|i| fits(i.result)).count();
    let active = count(&Result::is_success);
    Totals {
        total: indexes.len(),
        created: count(&|r| matches!(r, Result::Created | Result::Adopted)),
        already_active: count(&|r| r == Result::AlreadyActive),
        failed: count(&Result::is_failure),
        unfinished: count(&|r| !r.is_success() && !r.is_failure()),
        #[expect(clippy::cast_precision_loss, reason = "no table has 2^52 indexes")]
        success_rate: if indexes.is_empty() {
            100.0
        } else {
            active as f64 * 100.0 / indexes.len() as f64
        },
    }
}

fn table(table: &TableDescription) -> TableReport {
    let status = |i: &crate::catalog::IndexDescription| {
        let phase = if i.backfilling { " (backfilling)" } else { "" };
        (i.name.to_string(), format!("{}{phase}", i.status))
    };
    TableReport {
        table: table.name.to_string(),
        status: table.status.to_string(),
        indexes: table.indexes.iter().map(status).collect(),
    }
}
