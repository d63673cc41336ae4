//! A check while it goes on, and what it came to, for people.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use gsictl_core::check::{CheckReport, FaultCount, IndexCheck, Items, Outcome, Totals};
use gsictl_core::event::{CheckProgress, Event};
use gsictl_core::name::TableName;
use gsictl_core::text::visible;
use gsictl_driver::check::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::line::{self, Weight, grouped};
use super::ticker::Ticker;
use super::{Colour, Mark, Page, Stream, err, is_watched, seconds};
use crate::args::{Globals, Output};
use crate::invocation::Invocation;

/// Violations of an index that are named; the report file has more.
const NAMED: usize = 5;
/// Characters of a value that are shown.
const VALUE_WIDTH: usize = 80;
/// Where there is no live line, how far it is is said so often.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Shows a check while it goes on: a live line a table in a terminal, plain lines
/// elsewhere, nothing but trouble where the result is one document.
pub(crate) struct CheckView {
    bars: Option<CheckBars>,
    least: Weight,
    said: BTreeMap<TableName, Instant>,
    invocation: Invocation,
}

impl CheckView {
    pub(super) fn new(globals: &Globals) -> Self {
        let quiet = globals.quiet || globals.output == Output::Json;
        let live = is_watched() && !quiet && !globals.verbose;
        let least = match (quiet, globals.verbose) {
            (true, _) => Weight::Bad,
            (false, true) => Weight::Detail,
            (false, false) => Weight::Progress,
        };
        Self {
            bars: live.then(|| CheckBars::on(MultiProgress::new(), Ticker::start())),
            least,
            said: BTreeMap::new(),
            invocation: globals.invocation.clone(),
        }
    }

    pub(crate) fn progress(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Resumed(cursor) => self.say(
                Weight::Progress,
                format_args!(
                    "Going on with the check of {} after {} items",
                    cursor.saved_at,
                    grouped(cursor.items())
                ),
            ),
            Progress::LeftBehind(cursor) => self.say(
                Weight::Warning,
                format_args!(
                    "  ! A check was interrupted at {} after {} items: --resume goes on with it; this one begins anew and takes its place",
                    cursor.saved_at,
                    grouped(cursor.items())
                ),
            ),
            Progress::NotKept(why) => self.say(
                Weight::Warning,
                format_args!("  ! The place of this check cannot be kept ({why}): interrupted it would begin anew"),
            ),
            Progress::Happened(_, event) => self.happened(event),
        }
    }

    fn happened(&mut self, event: &Event) {
        if let Some(bars) = &mut self.bars {
            bars.happened(event);
        } else if let Event::Checking(progress) = event {
            self.say_now_and_then(progress);
            return;
        }
        let line = line::of(event, &self.invocation);
        self.show(line.weight, &line.marked());
    }

    fn say_now_and_then(&mut self, progress: &CheckProgress) {
        let due = self.said.get(&progress.table).is_none_or(|at| at.elapsed() >= SAY_EVERY);
        if due {
            self.said.insert(progress.table.clone(), Instant::now());
            self.say(Weight::Progress, line::checking(progress));
        }
    }

    fn say(&self, weight: Weight, text: impl Display) {
        self.show(weight, &Page::of(text));
    }

    fn show(&self, weight: Weight, page: &Page) {
        if weight < self.least {
            return;
        }
        match &self.bars {
            Some(bars) => {
                let _ = bars.screen.println(page.render(Stream::Err));
            }
            None => err(page),
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some(bars) = &mut self.bars {
            bars.end();
        }
    }
}

/// A live line a table.
pub(super) struct CheckBars {
    screen: MultiProgress,
    ticker: Ticker,
    bars: BTreeMap<TableName, ProgressBar>,
}

impl CheckBars {
    /// On a screen that others write to, too.
    pub(super) fn on(screen: MultiProgress, ticker: Ticker) -> Self {
        Self { screen, ticker, bars: BTreeMap::new() }
    }

    pub(super) fn happened(&mut self, event: &Event) {
        match event {
            Event::Checking(progress) => {
                let bar = self.bars.entry(progress.table.clone()).or_insert_with(|| {
                    let bar = self.screen.add(ProgressBar::new_spinner());
                    bar.set_style(style(progress.expected.is_some()));
                    self.ticker.add(&bar);
                    bar
                });
                if let Some(expected) = progress.expected {
                    bar.set_length(expected.max(progress.items));
                    bar.set_position(progress.items);
                }
                bar.set_message(visible(&line::checking(progress)).into_owned());
            }
            Event::Checked { table, .. } | Event::NotChecked { table, .. } => {
                if let Some(bar) = self.bars.remove(table) {
                    bar.finish_and_clear();
                    self.screen.remove(&bar);
                }
            }
            _ => {}
        }
    }

    pub(super) fn end(&mut self) {
        for (_, bar) in std::mem::take(&mut self.bars) {
            bar.finish_and_clear();
        }
        let _ = self.screen.clear();
    }
}

fn style(with_bar: bool) -> ProgressStyle {
    let template = if with_bar { "{bar:16.cyan/dim} {msg}" } else { "{spinner:.cyan} {msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A line an index, and below it what is the matter and what it will cost.
pub(crate) fn text(report: &CheckReport, file: Option<&Path>) -> Page {
    let mut page = Page::default();
    let length = |i: &IndexCheck| i.table.len() + i.index.len() + 1;
    let width = report.indexes.iter().map(length).max().unwrap_or(0);
    for index in &report.indexes {
        push_index(&mut page, index, width);
    }
    push_end(&mut page, report);
    for table in &report.tables {
        if let Some(warning) = &table.warning {
            page.line(format_args!("Warning: {}: {warning}", table.table));
        }
    }
    if let Some(violations) = &report.violations_file {
        page.line(format_args!("Violations: {violations}"));
    }
    if let Some(file) = file {
        page.line(format_args!("Report: {}", file.display()));
    }
    page
}

fn mark(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Clean => Mark::new(Colour::Green, "✓"),
        Outcome::Violations => Mark::new(Colour::Red, "✗"),
        Outcome::NotChecked => Mark::new(Colour::Yellow, "!"),
        Outcome::Exists => Mark::new(Colour::Dim, "-"),
    }
}

fn push_index(page: &mut Page, index: &IndexCheck, width: usize) {
    let name = format!("{}.{}", index.table, index.index);
    let items = index.items.as_ref().map(stand).unwrap_or_default();
    let outcome = index.outcome;
    page.marked("", mark(outcome), format_args!("{name:width$}  {outcome:<11}  {items}"));
    if let Some(reason) = &index.reason {
        page.line(format_args!("    {reason}"));
    }
    for FaultCount { attribute, fault, items } in &index.faults {
        page.line(format_args!("    {attribute}: {fault} in {}", counted(*items, "item")));
    }
    push_violations(page, index);
    for note in &index.notes {
        page.line(format_args!("    note: {note}"));
    }
    if let Some(forecast) = &index.forecast {
        page.line(format_args!("    forecast: {forecast}"));
    }
    if index.outcome == Outcome::Violations {
        page.line("    next: correct these items (or remove the attribute from them): once the index is there, writes of them are refused");
    }
    if let Some(remedy) = &index.remedy {
        page.line(format_args!("    next: {remedy}"));
    }
}

/// `1,200 in the index, 34 without its keys, 2 violating`.
fn stand(items: &Items) -> String {
    let counts = &items.counts;
    let mut text = format!("{} in the index", grouped(counts.included));
    if counts.sparse > 0 {
        text += &format!(", {} without its keys", grouped(counts.sparse));
    }
    if counts.violating > 0 {
        text += &format!(", {} violating", grouped(counts.violating));
    }
    if let Some(estimated) = items.estimated {
        text += &format!(" of {} read", grouped(items.read));
        if counts.violating > 0 {
            text += &format!("; in the table {} violating", estimated.violating);
        }
    }
    text
}

fn push_violations(page: &mut Page, index: &IndexCheck) {
    for violation in index.violations.iter().take(NAMED) {
        let value =
            violation.value.as_ref().map(|value| format!(": {}", short(&value.to_string())));
        let value = value.unwrap_or_default();
        page.line(format_args!("      {}: {}{value}", violation.key, violation.words()));
    }
    let all: u64 = index.faults.iter().map(|fault| fault.items).sum();
    let named = index.violations.len().min(NAMED) as u64;
    if all > named {
        page.line(format_args!("      and {} more", grouped(all - named)));
    }
}

/// So much of a value as a line has room for.
fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE_WIDTH) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn push_end(page: &mut Page, report: &CheckReport) {
    let Totals { clean, violations, not_checked, exists, .. } = report.totals;
    let mut sum = format!("{clean} clean, {violations} with violations, {not_checked} not checked");
    if exists > 0 {
        let _ = write!(sum, ", {exists} there already");
    }
    page.blank();
    page.line(sum);
    let items = report.tables.iter().map(|table| table.items).sum();
    let units: f64 = report.tables.iter().map(|table| table.read_units).sum();
    page.line(format_args!(
        "Read {} of {} with {units:.1} read units in {}{}",
        counted(items, "item"),
        counted(report.tables.len() as u64, "table"),
        seconds(report.seconds),
        report.sample.map(|percent| format!(" (a sample of {percent} %)")).unwrap_or_default(),
    ));
}

/// `1 item`, `1,200 items`.
fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}
