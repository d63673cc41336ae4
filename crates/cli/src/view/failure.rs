//! An error with what to do next, in the manner of `cargo`.

use gsictl_core::definition::Diagnostic;

use super::{Colour, Mark, Page};
use crate::error::CliError;

const ERROR: Mark = Mark::new(Colour::BoldRed, "error:");
const NEXT: Mark = Mark::new(Colour::Cyan, "next:");

const fn cyan(word: &'static str) -> Mark {
    Mark::new(Colour::Cyan, word)
}

pub(super) fn text(error: &CliError, hints: &[String]) -> Page {
    let mut page = Page::default();
    for diagnostic in error.diagnostics.iter().flatten() {
        push_diagnostic(&mut page, diagnostic);
    }
    page.marked("", ERROR, &error.message);
    for detail in &error.details {
        page.line(format_args!("  - {detail}"));
    }
    for hint in hints {
        page.marked("  ", NEXT, hint);
    }
    page
}

fn push_diagnostic(page: &mut Page, diagnostic: &Diagnostic) {
    let Diagnostic { place, found, message, help, related, fatal } = diagnostic;
    page.marked("", ERROR, message);
    page.marked("  ", cyan("-->"), place);
    if !found.is_empty() {
        page.marked("   ", cyan("|"), found);
    }
    if let Some(help) = help {
        page.marked("   ", cyan("= help:"), help);
    }
    if let Some((place, why)) = related {
        page.marked("   ", cyan("= see:"), format_args!("{place}: {why}"));
    }
    if *fatal {
        page.marked("   ", cyan("= note:"), "the rest of this file was not checked");
    }
    page.blank();
}
