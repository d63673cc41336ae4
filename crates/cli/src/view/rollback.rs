//! A rollback: what it will do, what goes on, and what it came to.

use std::fmt::Write as _;
use std::path::Path;

use gsictl_core::report::{Fate, RemovalTotals, RollbackReport};
use gsictl_core::rollback::{RollbackPlan, Standing};
use gsictl_driver::rollback::{Newer, Progress};
use serde_json::{Value, json};

use super::line::{self, Weight};
use super::{err, json as lines, out, seconds};
use crate::args::{Globals, Output};
use crate::error::Exit;

/// Shows a rollback while it goes on: plain lines, or one event a line.
pub(crate) struct RollbackView {
    output: Output,
    least: Weight,
}

impl RollbackView {
    pub(super) fn new(globals: &Globals) -> Self {
        let least = match (globals.verbose, globals.quiet) {
            (true, _) => Weight::Detail,
            (_, true) => Weight::Bad,
            _ => Weight::Progress,
        };
        Self { output: globals.output, least }
    }

    pub(crate) fn progress(&mut self, progress: &Progress<'_>) {
        match self.output {
            Output::Json => out(&document(progress).to_string()),
            Output::Human => self.line(progress),
        }
    }

    fn line(&self, progress: &Progress<'_>) {
        let (weight, text) = match progress {
            Progress::Loaded(from) => (Weight::Progress, format!("Loaded state from {from}")),
            Progress::Archived(name) => {
                (Weight::Progress, format!("State file archived to {name}"))
            }
            Progress::Happened(_, event) => {
                let line = line::of(event);
                (line.weight, line.marked())
            }
        };
        if weight >= self.least {
            err(&text);
        }
    }
}

fn document(progress: &Progress<'_>) -> Value {
    match progress {
        Progress::Loaded(from) => json!({ "event": "state_loaded", "file": from }),
        Progress::Happened(at, event) => lines::event(*at, event),
        Progress::Archived(name) => json!({ "event": "state_archived", "file": name }),
    }
}

/// What a rollback would do, for people.
pub(crate) fn plan(plan: &RollbackPlan) -> String {
    let mut text = String::new();
    for table in &plan.tables {
        let _ = writeln!(text, "{}", table.table);
        for index in &table.indexes {
            let (word, why) = match &index.standing {
                Standing::There { ready: true } => ("delete", String::new()),
                Standing::There { ready: false } => {
                    ("delete", "  when DynamoDB lets it".to_owned())
                }
                Standing::Leaving => ("delete", "  it is being deleted already".to_owned()),
                Standing::Gone => ("gone", "  nothing is to be deleted".to_owned()),
                Standing::Kept(kept) => ("keep", format!("  {kept}")),
            };
            let _ = writeln!(text, "  {word:<7} {}{why}", index.id.index);
        }
    }
    if text.is_empty() {
        text.push_str("No run of this state created an index that is still its own.\n");
    }
    text
}

/// What is risked where an older state is believed.
pub(crate) fn passed_over(newer: &Newer) -> String {
    let mut text = format!(
        "warning: {} is newer than this state; an index that was deleted and made again since is \
         somebody else's and would be deleted\n",
        newer.file
    );
    for (id, what) in &newer.knows {
        let _ = writeln!(text, "  {id}: {what}");
    }
    text
}

/// The same as one document, or for people.
pub(crate) fn show_plan(globals: &Globals, rollback: &RollbackPlan) {
    if globals.output == Output::Human {
        return out(plan(rollback).trim_end());
    }
    let index = |i: &gsictl_core::rollback::PlannedRemoval| {
        let (action, reason) = match &i.standing {
            Standing::There { .. } | Standing::Leaving => ("delete", None),
            Standing::Gone => ("gone", None),
            Standing::Kept(kept) => ("keep", Some(kept.to_string())),
        };
        json!({ "table": i.id.table, "index": i.id.index, "action": action, "reason": reason })
    };
    let indexes: Vec<_> = rollback.indexes().map(index).collect();
    out(&json!({ "event": "planned", "indexes": indexes }).to_string());
}

/// The last line of a rollback.
pub(crate) fn finished(
    report: &RollbackReport,
    file: Option<&Path>,
    archived: Option<&Path>,
    exit: Exit,
) -> Value {
    json!({
        "event": "finished", "exit_code": exit.code(), "report": report,
        "report_file": file, "archived": archived,
    })
}

/// The end of a rollback, for people.
pub(crate) fn result(report: &RollbackReport, file: Option<&Path>) -> String {
    let mut text = String::new();
    for index in report.indexes.iter().filter(|i| i.result == Fate::Failed) {
        let reason = index.reason.as_deref().unwrap_or("no reason is known");
        let _ = writeln!(text, "✗ {}.{}: {reason}", index.table, index.index);
        for (n, step) in index.next_steps.iter().enumerate() {
            let _ = writeln!(text, "    {}. {step}", n + 1);
        }
    }
    if report.totals.unfinished > 0 {
        let _ = writeln!(text, "State has been saved. Go on with: gsictl rollback");
    }
    let RemovalTotals { deleted, gone, kept, failed, unfinished, .. } = report.totals;
    let _ = writeln!(
        text,
        "{deleted} deleted, {gone} gone before, {kept} kept, {failed} failed, {unfinished} unfinished, in {}",
        seconds(report.seconds)
    );
    if let Some(file) = file {
        let _ = writeln!(text, "Report: {}", file.display());
    }
    text.truncate(text.trim_end().len());
    text
}
