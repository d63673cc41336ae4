//! One live line a table: what is built, in which phase, for how long, what is next.

use std::collections::BTreeMap;

use gsictl_core::event::{Event, Queue};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::plan::{Action, Plan};
use gsictl_core::text::visible;
use gsictl_driver::apply::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::check::CheckBars;
use super::line::Weight;
use super::ticker::Ticker;
use super::{Stream, View, plain};
use crate::invocation::Invocation;

/// No more tables than this have a line of their own; the last line counts all.
const LINES: usize = 16;
/// Longer table names are not padded to.
const NAME_WIDTH: usize = 32;

pub(super) struct Live {
    screen: MultiProgress,
    lanes: BTreeMap<TableName, Lane>,
    /// The longest table name, so that the phases stand below each other.
    width: usize,
    total: ProgressBar,
    ticker: Ticker,
    /// Those of the check before the run.
    checks: CheckBars,
    invocation: Invocation,
}

/// A table that has something to do.
struct Lane {
    bar: Option<ProgressBar>,
    left: Vec<IndexId>,
}

impl Live {
    pub(super) fn new(invocation: Invocation) -> Self {
        let screen = MultiProgress::new();
        let total = screen.add(ProgressBar::new(0));
        total.set_style(style("{bar:24.cyan/dim} {pos}/{len} indexes  {elapsed}"));
        let ticker = Ticker::start();
        let checks = CheckBars::on(screen.clone(), ticker.clone());
        Self { screen, lanes: BTreeMap::new(), width: 0, total, ticker, checks, invocation }
    }

    fn plan(&mut self, plan: &Plan) {
        for table in &plan.tables {
            let builds =
                |action| matches!(action, Action::Create | Action::Adopt | Action::Recreate);
            let left = table.indexes.iter().filter(|i| builds(i.action));
            let left: Vec<_> = left.map(|i| i.definition.id.clone()).collect();
            if !left.is_empty() {
                self.lanes.insert(table.table.clone(), Lane { bar: None, left });
            }
        }
        let names = self.lanes.keys().map(|table| table.as_str().len());
        self.width = names.max().unwrap_or(0).min(NAME_WIDTH);
        self.total.set_length(self.lanes.values().map(|lane| lane.left.len() as u64).sum());
        self.ticker.add(&self.total);
    }

    /// The table's line now says this about that index.
    fn phase(&mut self, id: &IndexId, phase: &str, begins: bool) {
        let shown = self.lanes.values().filter(|lane| lane.bar.is_some()).count();
        let Some(lane) = self.lanes.get_mut(&id.table) else {
            return;
        };
        if lane.bar.is_none() && shown < LINES {
            let bar = self.screen.insert_before(&self.total, ProgressBar::new_spinner());
            bar.set_style(style("{spinner:.cyan} {prefix:.bold} {msg}  {elapsed:.dim}"));
            bar.set_prefix(format!("{:<1$}", id.table, self.width));
            self.ticker.add(&bar);
            lane.bar = Some(bar);
        }
        if let Some(bar) = &lane.bar {
            if begins {
                bar.reset_elapsed();
            }
            let next = lane.left.iter().find(|left| *left != id);
            let next = next.map(|next| format!("  (next: {})", next.index)).unwrap_or_default();
            bar.set_message(visible(&format!("{} {phase}{next}", id.index)).into_owned());
        }
    }

    fn done(&mut self, id: &IndexId) {
        let Some(lane) = self.lanes.get_mut(&id.table) else {
            return;
        };
        let before = lane.left.len();
        lane.left.retain(|left| left != id);
        self.total.inc((before - lane.left.len()) as u64);
        if lane.left.is_empty()
            && let Some(bar) = lane.bar.take()
        {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    fn happened(&mut self, event: &Event) {
        self.checks.happened(event);
        match event {
            Event::Creating { id, .. } => self.phase(id, "creating", true),
            Event::Accepted(id) => self.phase(id, "allocating", false),
            Event::Backfilling(id) | Event::Adopted { id, backfilling: true } => {
                self.phase(id, "backfilling", false);
            }
            Event::AwaitingRegions { id, .. } => self.phase(id, "waits for other regions", false),
            Event::Adopted { id, .. } => self.phase(id, "allocating", true),
            Event::NotShownYet { id, .. } => self.phase(id, "not shown yet", true),
            Event::AwaitingDeletion(id) => self.phase(id, "waits for a deletion", true),
            Event::Queued { id, queue } => self.phase(id, queue_text(queue), true),
            Event::AttemptFailed { id, .. } => self.phase(id, "will be tried again", true),
            Event::Activated { id, .. }
            | Event::Failed { id, .. }
            | Event::Obstructed { id, .. }
            | Event::LeftFailed { id, .. }
            | Event::TimedOut { id, .. }
            | Event::Unconfirmed { id, .. } => self.done(id),
            _ => {}
        }
    }
}

fn queue_text(queue: &Queue) -> &'static str {
    match queue {
        Queue::TableBusy => "waits for its table",
        Queue::OtherIndex(_) | Queue::IndexUpdating(_) => "waits for another index",
        Queue::Replica { .. } => "waits for a replica",
        Queue::LooksIdle { .. } => "refused for now",
        Queue::Decreases { .. } => "waits for the next hour",
        Queue::AccountLimit { .. } | Queue::AccountHeld { .. } => "account limit reached",
    }
}

impl View for Live {
    fn progress(&mut self, progress: Progress<'_>) {
        match &progress {
            Progress::Planned(plan) => self.plan(plan),
            Progress::Happened(_, event) => self.happened(event),
            _ => {}
        }
        let creating = matches!(progress, Progress::Happened(_, Event::Creating { .. }));
        if let Some((weight, page)) = plain::page(&progress, &self.invocation)
            && weight >= Weight::Progress
            && !creating
        {
            let _ = self.screen.println(page.render(Stream::Err));
        }
    }

    fn end(&mut self) {
        self.checks.end();
        for lane in self.lanes.values_mut() {
            if let Some(bar) = lane.bar.take() {
                bar.finish_and_clear();
            }
        }
        self.total.finish_and_clear();
        let _ = self.screen.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
