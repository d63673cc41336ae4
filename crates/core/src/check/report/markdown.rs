//! A check in Markdown. Keys and values may hold any character.

use std::fmt::Write as _;

use super::{CheckReport, IndexCheck, Totals};
use crate::check::estimate::Estimate;
use crate::check::forecast::Forecast;
use crate::check::tally::{Counts, FaultCount};
use crate::report::{advice, plain};

// Writing to a string cannot fail.

pub(super) fn of(report: &CheckReport) -> String {
    let Totals { total, clean, violations, not_checked, exists, .. } = report.totals;
    let mut text = format!(
        "# gsictl check\n\n{total} indexes: {clean} clean, {violations} with violations, {not_checked} not checked, {exists} that exist ({}, {}).\n",
        plain(&report.script_name),
        report.envelope.ended_at
    );
    if let Some(percent) = report.sample {
        let _ = writeln!(text, "\nA sample of {percent} % of each table.");
    }
    text.push_str(
        "\n| index | outcome | in the index | sparse | violating | bytes | write units |\n|---|---|---:|---:|---:|---:|---:|\n",
    );
    for index in &report.indexes {
        push_row(&mut text, index);
    }
    for table in &report.tables {
        if let Some(warning) = &table.warning {
            let _ = writeln!(text, "\n**Warning:** {}: {}", table.table, plain(warning));
        }
    }
    for index in &report.indexes {
        push_details(&mut text, index);
    }
    if let Some(file) = &report.violations_file {
        let _ = writeln!(text, "\nAll violations: {}", plain(file));
    }
    text
}

fn push_row(text: &mut String, index: &IndexCheck) {
    let count = |count: fn(&Counts) -> u64| {
        index
            .items
            .as_ref()
            .map_or_else(|| "-".to_owned(), |items| count(&items.counts).to_string())
    };
    let figure = |figure: fn(&Forecast) -> Estimate| {
        index.forecast.as_ref().map_or_else(|| "-".to_owned(), |f| figure(f).to_string())
    };
    let _ = writeln!(
        text,
        "| {}.{} | {} | {} | {} | {} | {} | {} |",
        index.table,
        index.index,
        index.outcome,
        count(|counts| counts.included),
        count(|counts| counts.sparse),
        count(|counts| counts.violating),
        figure(|forecast| forecast.bytes),
        figure(|forecast| forecast.write_units),
    );
}

fn push_details(text: &mut String, index: &IndexCheck) {
    let bare = index.reason.is_none() && index.forecast.is_none() && index.notes.is_empty();
    if bare && index.faults.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {}.{}: {}\n", index.table, index.index, index.outcome);
    if let Some(reason) = &index.reason {
        let _ = writeln!(text, "- {}", plain(reason));
    }
    for FaultCount { attribute, fault, items } in &index.faults {
        let s = if *items == 1 { "" } else { "s" };
        let _ = writeln!(text, "- {}: {fault} in {items} item{s}", plain(attribute));
    }
    for violation in &index.violations {
        let _ = writeln!(
            text,
            "  - {}: {}",
            plain(&violation.key.to_string()),
            plain(&violation.words())
        );
    }
    for note in &index.notes {
        let _ = writeln!(text, "- {}", plain(note));
    }
    if let Some(forecast) = &index.forecast {
        let _ = writeln!(text, "- forecast: {}", plain(&forecast.to_string()));
    }
    if let Some(remedy) = &index.remedy {
        let _ = writeln!(text, "\nNext: {}", advice(remedy));
    }
}
