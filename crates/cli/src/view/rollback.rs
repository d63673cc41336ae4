//! A rollback: what it will do, what goes on, and what it came to.

use std::path::Path;

use gsictl_core::report::{Fate, RemovalTotals, RollbackReport};
use gsictl_core::rollback::{RollbackPlan, Standing};
use gsictl_driver::rollback::{Newer, Progress};
use serde_json::{Value, json};

use super::json as lines;
use super::line::{self, Weight};
use super::{Colour, Mark, Page, err, out, seconds};
use crate::args::{Globals, Output};
use crate::error::Exit;
use crate::invocation::Invocation;

/// Shows a rollback while it goes on: plain lines, or one event a line.
pub(crate) struct RollbackView {
    output: Output,
    least: Weight,
    invocation: Invocation,
}

impl RollbackView {
    pub(super) fn new(globals: &Globals) -> Self {
        let least = match (globals.verbose, globals.quiet) {
            (true, _) => Weight::Detail,
            (_, true) => Weight::Bad,
            _ => Weight::Progress,
        };
        Self { output: globals.output, least, invocation: globals.invocation.clone() }
    }

    pub(crate) fn progress(&mut self, progress: &Progress<'_>) {
        match self.output {
            Output::Json => super::json(&document(progress, &self.invocation)),
            Output::Human => self.line(progress),
        }
    }

    fn line(&self, progress: &Progress<'_>) {
        let (weight, page) = match progress {
            Progress::Loaded(from) => {
                (Weight::Progress, Page::of(format_args!("Loaded state from {from}")))
            }
            Progress::Archived(name) => {
                (Weight::Progress, Page::of(format_args!("State file archived to {name}")))
            }
            Progress::Happened(_, event) => {
                let line = line::of(event, &self.invocation);
                (line.weight, line.marked())
            }
        };
        if weight >= self.least {
            err(&page);
        }
    }
}

fn document(progress: &Progress<'_>, invocation: &Invocation) -> Value {
    match progress {
        Progress::Loaded(from) => json!({ "event": "state_loaded", "file": from }),
        Progress::Happened(at, event) => lines::event(*at, event, invocation),
        Progress::Archived(name) => json!({ "event": "state_archived", "file": name }),
    }
}

/// What a rollback would do, for people.
pub(crate) fn plan(plan: &RollbackPlan) -> Page {
    let mut page = Page::default();
    for table in &plan.tables {
        page.line(&table.table);
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
            page.line(format_args!("  {word:<7} {}{why}", index.id.index));
        }
    }
    if page.is_empty() {
        page.line("No run of this state created an index that is still its own.");
    }
    page
}

/// What is risked where an older state is believed.
pub(crate) fn show_passed_over(globals: &Globals, newer: &Newer) {
    if globals.output == Output::Human {
        return err(&passed_over(newer));
    }
    let knows = newer
        .knows
        .iter()
        .map(|(id, what)| json!({ "table": id.table, "index": id.index, "since": what }));
    let knows: Vec<_> = knows.collect();
    super::json(&json!({ "event": "superseded", "by": newer.file, "knows": knows }));
}

fn passed_over(newer: &Newer) -> Page {
    let mut page = Page::default();
    page.line(format_args!(
        "warning: {} is newer than this state; an index that was deleted and made again since is \
         somebody else's and would be deleted",
        newer.file
    ));
    for (id, what) in &newer.knows {
        page.line(format_args!("  {id}: {what}"));
    }
    page
}

/// The same as one document, or for people.
pub(crate) fn show_plan(globals: &Globals, rollback: &RollbackPlan) {
    if globals.output == Output::Human {
        return out(&plan(rollback));
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
    super::json(&json!({ "event": "planned", "indexes": indexes }));
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

/// The end of a rollback, for people; `again` goes on with it.
pub(crate) fn result(report: &RollbackReport, file: Option<&Path>, again: &str) -> Page {
    let mut page = Page::default();
    for index in report.indexes.iter().filter(|i| i.result == Fate::Failed) {
        let reason = index.reason.as_deref().unwrap_or("no reason is known");
        let cross = Mark::new(Colour::Red, "✗");
        page.marked("", cross, format_args!("{}.{}: {reason}", index.table, index.index));
        for (n, step) in index.next_steps.iter().enumerate() {
            page.line(format_args!("    {}. {step}", n + 1));
        }
    }
    if report.totals.unfinished > 0 {
        page.line(format_args!("State has been saved. Go on with: {again}"));
    }
    let RemovalTotals { deleted, gone, kept, failed, unfinished, .. } = report.totals;
    page.line(format_args!(
        "{deleted} deleted, {gone} gone before, {kept} kept, {failed} failed, {unfinished} unfinished, in {}",
        seconds(report.seconds)
    ));
    if let Some(file) = file {
        page.line(format_args!("Report: {}", file.display()));
    }
    page
}
