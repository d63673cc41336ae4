//! What the reports in Markdown are put together from. GitHub's kind, and still to
//! be read where nobody renders it.

use std::fmt::{Display, Write as _};
use std::time::Duration;

pub(crate) use crate::text::{advice_in_markdown as advice, in_markdown as plain};

use crate::state::Attempt;
use crate::time::for_people;

/// A name, which has no character that means anything.
pub(super) fn code(name: impl Display) -> String {
    format!("`{name}`")
}

pub(super) fn heading(out: &mut String, level: usize, text: &str) {
    let _ = writeln!(out, "\n{:#<level$} {text}\n", "");
}

/// A table of cells that are Markdown already.
pub(super) fn table(out: &mut String, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let _ = writeln!(out, "| {} |", head.join(" | "));
    let _ = writeln!(out, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
}

/// One row: an attempt that failed, in the order of [`ATTEMPT`].
pub(super) fn attempt(attempt: &Attempt) -> Vec<String> {
    let wait = match attempt.delay_seconds {
        0 => String::new(),
        seconds => for_people(Duration::from_secs(seconds)),
    };
    let Attempt { at, kind, message, strategy, .. } = attempt;
    vec![at.to_string(), plain(kind), plain(message), plain(strategy), wait]
}

/// The head of a table of attempts.
pub(super) const ATTEMPT: [&str; 5] = ["When", "Kind", "Error", "What was done", "Next after"];
