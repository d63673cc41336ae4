//! What a run came to, for people.

use std::path::Path;

use gsictl_core::engine::Ended;
use gsictl_core::report::{IndexReport, Report, Result};
use gsictl_core::state::Attempt;
use gsictl_driver::apply::Applied;

use super::{Colour, Mark, Page, seconds};

const CROSS: Mark = Mark::new(Colour::Red, "✗");

/// The end of an `apply`.
pub(crate) fn applied(applied: &Applied, report_file: Option<&Path>, again: &str) -> Page {
    let mut page = Page::default();
    let report = &applied.report;
    if !applied.changed && report.totals.already_active == report.totals.total {
        return Page::of("All GSIs are active already; nothing was changed.");
    }
    push_failures(&mut page, report);
    let building = of(report, Result::Building);
    if applied.outcome.ended == Ended::Stopped {
        page.line("State has been saved.");
        push_names(&mut page, "These go on building in DynamoDB:", &building);
        page.line(format_args!("Resume with: {again}"));
    } else {
        push_names(&mut page, "Started, and building in DynamoDB:", &building);
        push_names(&mut page, "Not started yet:", &of(report, Result::Waiting));
        if !(building.is_empty() && of(report, Result::Waiting).is_empty()) {
            page.line(format_args!("Go on with: {again}"));
        }
    }
    push_summary(&mut page, report);
    if let Some(file) = report_file {
        page.line(format_args!("Report: {}", file.display()));
    }
    page
}

fn of(report: &Report, result: Result) -> Vec<&IndexReport> {
    report.indexes.iter().filter(|i| i.result == result).collect()
}

fn push_names(page: &mut Page, heading: &str, indexes: &[&IndexReport]) {
    if indexes.is_empty() {
        return;
    }
    page.line(heading);
    for index in indexes {
        page.line(format_args!("  - {}.{}", index.table, index.index));
    }
}

fn push_failures(page: &mut Page, report: &Report) {
    for index in report.indexes.iter().filter(|i| i.result.is_failure()) {
        let error = index.error.as_deref().unwrap_or("no reason is known");
        page.marked("", CROSS, format_args!("{}.{}: {error}", index.table, index.index));
        for attempt in &index.attempts {
            let Attempt { at, message, strategy, delay_seconds, .. } = attempt;
            // After the last one nothing was waited for.
            let next = match delay_seconds {
                0 => String::new(),
                seconds => format!(" (next after {seconds} s)"),
            };
            page.line(format_args!("    {at}  {message}  {strategy}{next}"));
        }
        if let Some(table) = report.tables.iter().find(|t| t.table == index.table) {
            let indexes: Vec<_> = table.indexes.iter().map(|(n, s)| format!("{n} {s}")).collect();
            page.line(format_args!("    table: {}; indexes: {}", table.status, none(&indexes)));
        }
        for (n, step) in index.next_steps.iter().enumerate() {
            page.line(format_args!("    {}. {step}", n + 1));
        }
    }
}

/// Whether this run began all builds that ended in it: what was under way before took
/// longer than it, or an unknown time.
fn all_began_in_it(report: &Report) -> bool {
    let began = report.envelope.started_at.whole_seconds();
    let here = |i: &IndexReport| match i.result {
        Result::Created => {
            i.build_seconds.is_some() && i.creation_time.is_some_and(|at| at >= began)
        }
        result => result != Result::Adopted,
    };
    report.indexes.iter().all(here)
}

fn none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn push_summary(page: &mut Page, report: &Report) {
    let totals = &report.totals;
    if totals.created + totals.already_active == totals.total && totals.total > 0 {
        page.blank();
        page.line("All GSIs created successfully!");
    }
    page.line(format_args!(
        "{} created, {} already active, {} failed, {} unfinished; success rate {:.0} %",
        totals.created,
        totals.already_active,
        totals.failed,
        totals.unfinished,
        totals.success_rate
    ));
    if totals.created > 1 && all_began_in_it(report) {
        page.line(format_args!(
            "Took {}; the same builds one after the other take {}",
            seconds(report.seconds),
            seconds(report.build_seconds_sum)
        ));
    }
}
