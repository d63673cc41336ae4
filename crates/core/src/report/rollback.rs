//! What a rollback did, as a value that every view prints.

use std::fmt::Write as _;

use serde::Serialize;

use super::markdown::{advice, code, plain};
use super::{Document, Envelope, ended, to_millis};
use crate::engine::{Ended, Outcome, Verdict};
use crate::name::IndexId;
use crate::state::{Attempt, Entry, State, Target};
use crate::time::Timestamp;

/// The kind of these reports.
pub(super) const KIND: &str = "rollback";

/// What a rollback comes to, in a word.
pub(super) const WORDS: [&str; 5] = ["done", "failed", "unfinished", "stopped", "not_saved"];

/// How a rollback ended for one index, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Deleted in this run.
    Deleted,
    /// It was gone already.
    Gone,
    /// Left alone.
    Kept,
    /// Could not be deleted.
    Failed,
    /// Being deleted; the run did not wait for its end.
    Deleting,
    /// Not begun.
    Waiting,
}

/// One index of a rollback.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemovalReport {
    /// The base table.
    pub table: String,
    /// The index.
    pub index: String,
    /// How it ended.
    pub result: Fate,
    /// From the call until it was seen gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Why it was kept, or not deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next_steps: Vec<String>,
    /// The newest failed attempts, oldest first, where it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// Counts of a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemovalTotals {
    /// Indexes it was about.
    pub total: usize,
    /// Deleted in this run.
    pub deleted: usize,
    /// Gone before.
    pub gone: usize,
    /// Left alone.
    pub kept: usize,
    /// Could not be deleted.
    pub failed: usize,
    /// Being deleted, or not begun.
    pub unfinished: usize,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RollbackReport {
    /// What every report says.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The definitions file that the indexes came from.
    pub script_name: String,
    /// Where the tables are.
    pub target: Target,
    /// How it ended: `done`, `stopped`, or why the state could not be saved.
    pub ended: String,
    /// Wall-clock time.
    pub seconds: f64,
    /// Counts.
    pub totals: RemovalTotals,
    /// Each index.
    pub indexes: Vec<RemovalReport>,
    /// DescribeTable calls, the first look at each table included.
    pub describe_table: u64,
    /// UpdateTable calls.
    pub update_table: u64,
}

impl RollbackReport {
    /// The report of a rollback that left `state` behind.
    #[must_use]
    pub fn new(
        times: (Timestamp, Timestamp),
        surveyed: u64,
        outcome: &Outcome,
        state: &State,
    ) -> Self {
        let indexes: Vec<_> =
            outcome.verdicts.iter().map(|(id, v)| removal(id, v, state)).collect();
        let count = |fate| indexes.iter().filter(|i| i.result == fate).count();
        let totals = RemovalTotals {
            total: indexes.len(),
            deleted: count(Fate::Deleted),
            gone: count(Fate::Gone),
            kept: count(Fate::Kept),
            failed: count(Fate::Failed),
            unfinished: count(Fate::Deleting) + count(Fate::Waiting),
        };
        Self {
            envelope: Envelope::new(KIND, KIND, word(&outcome.ended, &totals), times),
            script_name: state.script_name().to_owned(),
            target: state.target().clone(),
            ended: ended(&outcome.ended),
            seconds: to_millis((times.1 - times.0).as_secs_f64()),
            totals,
            describe_table: outcome.stats.describes + surveyed,
            update_table: outcome.stats.deletes,
            indexes,
        }
    }
}

fn word(ended: &Ended, totals: &RemovalTotals) -> &'static str {
    match ended {
        Ended::SaveFailed(_) => "not_saved",
        Ended::Stopped => "stopped",
        Ended::Done if totals.failed > 0 => "failed",
        Ended::Done if totals.unfinished > 0 => "unfinished",
        Ended::Done => "done",
    }
}

fn removal(id: &IndexId, verdict: &Verdict, state: &State) -> RemovalReport {
    let (result, reason, seconds) = match verdict {
        Verdict::Deleted(took) => (Fate::Deleted, None, Some(to_millis(took.as_secs_f64()))),
        Verdict::Gone => (Fate::Gone, None, None),
        Verdict::Kept(kept) => (Fate::Kept, Some(kept.to_string()), None),
        Verdict::Failed { error, .. } => (Fate::Failed, Some(error.clone()), None),
        Verdict::Deleting => (Fate::Deleting, None, None),
        _ => (Fate::Waiting, None, None),
    };
    let next_steps = match verdict {
        Verdict::Failed { remedy, .. } => {
            vec![remedy.clone(), "then run `gsictl rollback` again".to_owned()]
        }
        Verdict::Deleting | Verdict::Waiting => vec!["run `gsictl rollback` again".to_owned()],
        _ => Vec::new(),
    };
    let attempts = state.entry(id).filter(|_| result == Fate::Failed).map(Entry::record);
    RemovalReport {
        table: id.table.to_string(),
        index: id.index.to_string(),
        result,
        seconds,
        reason,
        next_steps,
        attempts: attempts.map(|record| record.attempts.clone()).unwrap_or_default(),
    }
}

impl Document for RollbackReport {
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
        let RemovalTotals { total, deleted, gone, kept, failed, unfinished } = self.totals;
        let mut text = format!(
            "# Rollback of {}\n\n{deleted} of {total} deleted, {gone} gone before, {kept} kept, {failed} failed, \
             {unfinished} unfinished, in {:.1} s, from {} to {}.\n",
            plain(&self.script_name),
            self.seconds,
            self.envelope.started_at,
            self.envelope.ended_at
        );
        section(&mut text, "Deleted", self.of(Fate::Deleted), |i| {
            format!("after {:.1} s", i.seconds.unwrap_or_default())
        });
        section(&mut text, "Gone before", self.of(Fate::Gone), |_| String::new());
        section(&mut text, "Kept", self.of(Fate::Kept), reason);
        section(&mut text, "Failed", self.of(Fate::Failed), failure);
        section(&mut text, "Being deleted", self.of(Fate::Deleting), steps);
        section(&mut text, "Not begun", self.of(Fate::Waiting), steps);
        let _ = write!(
            text,
            "\n{} DescribeTable and {} UpdateTable calls.\n",
            self.describe_table, self.update_table
        );
        text
    }
}

impl RollbackReport {
    fn of(&self, fate: Fate) -> impl Iterator<Item = &RemovalReport> {
        self.indexes.iter().filter(move |i| i.result == fate)
    }
}

fn section<'a>(
    text: &mut String,
    heading: &str,
    indexes: impl Iterator<Item = &'a RemovalReport>,
    about: fn(&RemovalReport) -> String,
) {
    let mut indexes = indexes.peekable();
    if indexes.peek().is_some() {
        let _ = write!(text, "\n## {heading}\n\n");
    }
    for index in indexes {
        let about = about(index);
        let about = if about.is_empty() { about } else { format!(": {about}") };
        let name = code(format_args!("{}.{}", index.table, index.index));
        let _ = writeln!(text, "- {name}{about}");
    }
}

fn reason(index: &RemovalReport) -> String {
    plain(index.reason.as_deref().unwrap_or_default())
}

fn steps(index: &RemovalReport) -> String {
    advice(&index.next_steps.join("; "))
}

fn failure(index: &RemovalReport) -> String {
    let mut text = format!("{}. Next: {}", reason(index), steps(index));
    for attempt in &index.attempts {
        let message = plain(&attempt.message);
        let _ = write!(text, "\n  - {}: {message} ({})", attempt.at, plain(&attempt.strategy));
    }
    text
}
