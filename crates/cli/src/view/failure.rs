//! An error with what to do next, in the manner of `cargo`.

use std::fmt::Write as _;

use console::Style;
use gsictl_core::definition::Diagnostic;

use crate::error::CliError;

pub(super) fn text(error: &CliError) -> String {
    let (red, cyan) = (Style::new().for_stderr().red().bold(), Style::new().for_stderr().cyan());
    let mut text = String::new();
    for diagnostic in error.diagnostics.iter().flatten() {
        push_diagnostic(&mut text, diagnostic, &red, &cyan);
    }
    let _ = writeln!(text, "{} {}", red.apply_to("error:"), error.message);
    for hint in &error.hints {
        let _ = writeln!(text, "  {} {hint}", cyan.apply_to("next:"));
    }
    text
}

fn push_diagnostic(text: &mut String, diagnostic: &Diagnostic, red: &Style, cyan: &Style) {
    let Diagnostic { place, found, message, help, related, fatal } = diagnostic;
    let _ = writeln!(text, "{} {message}", red.apply_to("error:"));
    let _ = writeln!(text, "  {} {place}", cyan.apply_to("-->"));
    if !found.is_empty() {
        let _ = writeln!(text, "   {} {found}", cyan.apply_to("|"));
    }
    if let Some(help) = help {
        let _ = writeln!(text, "   {} {help}", cyan.apply_to("= help:"));
    }
    if let Some((place, why)) = related {
        let _ = writeln!(text, "   {} {place}: {why}", cyan.apply_to("= see:"));
    }
    if *fatal {
        let note = "the rest of this file was not checked";
        let _ = writeln!(text, "   {} {note}", cyan.apply_to("= note:"));
    }
    text.push('\n');
}
