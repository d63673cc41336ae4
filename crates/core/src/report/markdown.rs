//! What the reports in Markdown are put together from. GitHub's kind, and still to
//! be read where nobody renders it.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::state::Attempt;
use crate::time::for_people;

/// Text that means nothing but itself, on one line, in a table too.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\\' | '`' | '*' | '<' | '|' | '[' => out.extend(['\\', c]),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_does_not_leave_its_cell() {
        let text = "a | b\r\nc `d` *e* <f> [g](h) \\ \u{1b}[31m";
        assert_eq!(plain(text), r"a \| b  c \`d\` \*e\* \<f> \[g](h) \\  \[31m");
        assert_eq!(plain(" snake_case "), "snake_case");
    }
}
