//! What a validation came to, for people.

use std::fmt::Write as _;
use std::path::Path;

use gsictl_core::probe::{
    IndexValidation, Sampled, Totals, ValidationReport, Verdict, figures_text,
};

use super::{Colour, Mark, Page};

/// Items that are named; the report file has more.
const NAMED: usize = 5;

/// A line an index, and below it what is the matter.
pub(crate) fn text(report: &ValidationReport, file: Option<&Path>) -> Page {
    let mut page = Page::default();
    let length = |i: &IndexValidation| i.table.len() + i.index.len() + 1;
    let width = report.indexes.iter().map(length).max().unwrap_or(0);
    for index in &report.indexes {
        push_index(&mut page, index, width);
    }
    let Totals { functional, non_functional, not_used, validation_error, .. } = report.totals;
    page.blank();
    page.line(format_args!(
        "{functional} functional, {non_functional} non-functional, {not_used} not-used, \
         {validation_error} validation-error"
    ));
    if let Some(cloudwatch) = &report.cloudwatch {
        page.line(cloudwatch);
    }
    if let Some(file) = file {
        page.line(format_args!("Report: {}", file.display()));
    }
    page
}

fn mark(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Functional => Mark::new(Colour::Green, "✓"),
        Verdict::NonFunctional => Mark::new(Colour::Red, "✗"),
        Verdict::NotUsed | Verdict::ValidationError => Mark::new(Colour::Yellow, "!"),
    }
}

fn push_index(page: &mut Page, index: &IndexValidation, width: usize) {
    let name = format!("{}.{}", index.table, index.index);
    let sample = index.sample.as_ref().map(sampled).unwrap_or_default();
    let verdict = index.verdict;
    page.marked("", mark(verdict), format_args!("{name:width$}  {verdict:<16}  {sample}"));
    for reason in &index.reasons {
        page.line(format_args!("    {reason}"));
    }
    push_findings(page, index.sample.as_ref());
    for note in &index.notes {
        page.line(format_args!("    note: {note}"));
    }
    if let Some(metrics) = &index.metrics {
        page.line(format_args!("    CloudWatch: {}", figures_text(metrics)));
    }
    if index.verdict != Verdict::Functional {
        page.line(format_args!("    next: {}", index.recommendation));
    }
}

fn sampled(sample: &Sampled) -> String {
    let Sampled { looked_at, items, found, undecided, error, .. } = sample;
    let mut text = match (items, error) {
        (_, Some(error)) => return format!("not sampled: {error}"),
        (0, _) => return format!("no item carries its keys ({looked_at} looked at)"),
        _ => format!("{found} of {items} sampled items found"),
    };
    if *undecided > 0 {
        let _ = write!(text, ", {undecided} undecided");
    }
    text
}

fn push_findings(page: &mut Page, sample: Option<&Sampled>) {
    let Some(sample) = sample else {
        return;
    };
    for finding in sample.findings.iter().take(NAMED) {
        page.line(format_args!("      {}: {}", finding.key, finding.detail));
    }
    let all: u32 = sample.problems.values().sum();
    let named = sample.findings.len().min(NAMED);
    if all as usize > named {
        page.line(format_args!("      and {} more", all as usize - named));
    }
}
