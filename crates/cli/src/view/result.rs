//! What a run came to, for people.

use std::fmt::Write as _;
use std::path::Path;

use console::Style;
use gsictl_core::engine::Ended;
use gsictl_core::report::{IndexReport, Report, Result};
use gsictl_driver::apply::Applied;

use super::seconds;

/// The end of an `apply`.
pub(crate) fn applied(applied: &Applied, report_file: Option<&Path>, again: &str) -> String {
    let mut text = String::new();
    let report = &applied.report;
    if !applied.changed && report.totals.already_active == report.totals.total {
        return "All GSIs are active already; nothing was changed.".to_owned();
    }
    push_failures(&mut text, report);
    let building = of(report, Result::Building);
    if applied.outcome.ended == Ended::Stopped {
        let _ = writeln!(text, "State has been saved.");
        push_names(&mut text, "These go on building in DynamoDB:", &building);
        let _ = writeln!(text, "Resume with: {again}");
    } else {
        push_names(&mut text, "Started, and building in DynamoDB:", &building);
        push_names(&mut text, "Not started yet:", &of(report, Result::Waiting));
        if !(building.is_empty() && of(report, Result::Waiting).is_empty()) {
            let _ = writeln!(text, "Go on with: {again}");
        }
    }
    push_summary(&mut text, report);
    if let Some(file) = report_file {
        let _ = writeln!(text, "Report: {}", file.display());
    }
    text.truncate(text.trim_end().len());
    text
}

fn of(report: &Report, result: Result) -> Vec<&IndexReport> {
    report.indexes.iter().filter(|i| i.result == result).collect()
}

fn push_names(text: &mut String, heading: &str, indexes: &[&IndexReport]) {
    if indexes.is_empty() {
        return;
    }
    let _ = writeln!(text, "{heading}");
    for index in indexes {
        let _ = writeln!(text, "  - {}.{}", index.table, index.index);
    }
}

fn push_failures(text: &mut String, report: &Report) {
    for index in report.indexes.iter().filter(|i| i.result.is_failure()) {
        let cross = Style::new().red().apply_to("✗");
        let error = index.error.as_deref().unwrap_or("no reason is known");
        let _ = writeln!(text, "{cross} {}.{}: {error}", index.table, index.index);
        for attempt in &index.attempts {
            let _ = writeln!(
                text,
                "    {}  {}  {} (next after {} s)",
                attempt.at, attempt.message, attempt.strategy, attempt.delay_seconds
            );
        }
        if let Some(table) = report.tables.iter().find(|t| t.table == index.table) {
            let indexes: Vec<_> = table.indexes.iter().map(|(n, s)| format!("{n} {s}")).collect();
            let _ = writeln!(text, "    table: {}; indexes: {}", table.status, none(&indexes));
        }
        for (n, step) in index.next_steps.iter().enumerate() {
            let _ = writeln!(text, "    {}. {step}", n + 1);
        }
    }
}

fn none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn push_summary(text: &mut String, report: &Report) {
    let totals = &report.totals;
    if totals.created + totals.already_active == totals.total && totals.total > 0 {
        let _ = writeln!(text, "\nAll GSIs created successfully!");
    }
    let _ = writeln!(
        text,
        "{} created, {} already active, {} failed, {} unfinished; success rate {:.0} %",
        totals.created,
        totals.already_active,
        totals.failed,
        totals.unfinished,
        totals.success_rate
    );
    if totals.created > 1 {
        let _ = writeln!(
            text,
            "Took {}; the same builds one after the other take {}",
            seconds(report.seconds),
            seconds(report.build_seconds_sum)
        );
    }
}
