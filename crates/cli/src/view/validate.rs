//! What a validation came to, for people.

use std::fmt::Write as _;
use std::path::Path;

use console::{Style, StyledObject};
use gsictl_core::probe::{
    IndexValidation, Sampled, Totals, ValidationReport, Verdict, figures_text,
};

/// Items that are named; the report file has more.
const NAMED: usize = 5;

/// A line an index, and below it what is the matter.
pub(crate) fn text(report: &ValidationReport, file: Option<&Path>) -> String {
    let mut text = String::new();
    let length = |i: &IndexValidation| i.table.len() + i.index.len() + 1;
    let width = report.indexes.iter().map(length).max().unwrap_or(0);
    for index in &report.indexes {
        push_index(&mut text, index, width);
    }
    let Totals { functional, non_functional, not_used, validation_error, .. } = report.totals;
    let _ = writeln!(
        text,
        "\n{functional} functional, {non_functional} non-functional, {not_used} not-used, \
         {validation_error} validation-error"
    );
    if let Some(cloudwatch) = &report.cloudwatch {
        let _ = writeln!(text, "{cloudwatch}");
    }
    if let Some(file) = file {
        let _ = writeln!(text, "Report: {}", file.display());
    }
    text.truncate(text.trim_end().len());
    text
}

fn mark(verdict: Verdict) -> StyledObject<&'static str> {
    match verdict {
        Verdict::Functional => Style::new().green().apply_to("✓"),
        Verdict::NonFunctional => Style::new().red().apply_to("✗"),
        Verdict::NotUsed | Verdict::ValidationError => Style::new().yellow().apply_to("!"),
    }
}

fn push_index(text: &mut String, index: &IndexValidation, width: usize) {
    let name = format!("{}.{}", index.table, index.index);
    let sample = index.sample.as_ref().map(sampled).unwrap_or_default();
    let line = format!("{} {name:width$}  {:<16}  {sample}", mark(index.verdict), index.verdict);
    let _ = writeln!(text, "{}", line.trim_end());
    for reason in &index.reasons {
        let _ = writeln!(text, "    {reason}");
    }
    push_findings(text, index.sample.as_ref());
    for note in &index.notes {
        let _ = writeln!(text, "    note: {note}");
    }
    if let Some(metrics) = &index.metrics {
        let _ = writeln!(text, "    CloudWatch: {}", figures_text(metrics));
    }
    if index.verdict != Verdict::Functional {
        let _ = writeln!(text, "    next: {}", index.recommendation);
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

fn push_findings(text: &mut String, sample: Option<&Sampled>) {
    let Some(sample) = sample else {
        return;
    };
    for finding in sample.findings.iter().take(NAMED) {
        let _ = writeln!(text, "      {}: {}", finding.key, finding.detail);
    }
    let all: u32 = sample.problems.values().sum();
    let named = sample.findings.len().min(NAMED);
    if all as usize > named {
        let _ = writeln!(text, "      and {} more", all as usize - named);
    }
}
