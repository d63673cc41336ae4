//! What people and programs see. Only here is anything printed.
//!
//! Progress goes to standard error, results to standard output. A reader that
//! went away (a closed pipe) is no error.
//!
//! Three things are printed, each by one function: a [`Page`] for people, in which
//! nothing that others wrote is hidden; JSON, which keeps its value and hides nothing;
//! and texts of our own such as the manual.

mod check;
mod failure;
mod json;
mod line;
mod live;
mod page;
mod plain;
mod plan;
mod result;
mod rollback;
mod status;
mod ticker;
mod validate;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use gsictl_core::state::StatusReport;
use gsictl_core::text;
use gsictl_driver::apply::Progress;
use serde_json::Value;

use crate::args::{Globals, Output};
use crate::commands::status::Live;
use crate::error::{CliError, Exit};
use crate::invocation::Invocation;

pub(crate) use check::{CheckView, text as show_check};
pub(crate) use json::applied as json_result;
use page::Stream;
pub(crate) use page::{Colour, Mark, Page};
pub(crate) use plan::{document as json_plan, human as show_plan, markdown as markdown_plan};
pub(crate) use result::applied as show_result;
pub(crate) use rollback::{
    RollbackView, finished as json_rollback, plan as rollback_plan, result as show_rollback,
    show_passed_over, show_plan as show_rollback_plan,
};
pub(crate) use status::document as json_status;
pub(crate) use validate::text as show_validation;

/// Shows a run while it goes on.
pub(crate) trait View: Send {
    /// Something happened.
    fn progress(&mut self, progress: Progress<'_>);
    /// Nothing more will happen; what is on the screen is left tidy.
    fn end(&mut self) {}
}

/// The view that the global options and the terminal ask for.
pub(crate) fn for_run(globals: &Globals) -> Box<dyn View> {
    let terminal = is_watched();
    let invocation = globals.invocation.clone();
    match globals.output {
        Output::Json => Box::new(json::Json { invocation }),
        Output::Human if globals.quiet => Box::new(plain::Plain::quiet(invocation)),
        Output::Human if terminal && !globals.verbose => Box::new(live::Live::new(invocation)),
        Output::Human => Box::new(plain::Plain::new(globals.verbose, invocation)),
    }
}

/// The view of a check.
pub(crate) fn for_check(globals: &Globals) -> CheckView {
    CheckView::new(globals)
}

/// The view of a rollback.
pub(crate) fn for_rollback(globals: &Globals) -> RollbackView {
    RollbackView::new(globals)
}

/// The view of a look around, which ends in one document: progress only for people.
pub(crate) fn for_look(globals: &Globals) -> Box<dyn View> {
    let invocation = globals.invocation.clone();
    match globals.output {
        Output::Human if !globals.quiet => Box::new(plain::Plain::new(globals.verbose, invocation)),
        _ => Box::new(plain::Plain::quiet(invocation)),
    }
}

/// Settles colours once, for everything that is printed.
pub(crate) fn set_up(globals: &Globals) {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if globals.no_color || no_color {
        console::set_colors_enabled(false);
        console::set_colors_enabled_stderr(false);
    }
}

/// Shows why a command ended early.
pub(crate) fn show_error(mut error: CliError, output: Output, invocation: &Invocation) -> Exit {
    let invocation = invocation.about(error.of_plan);
    let hints: Vec<_> = error.hints.iter().map(|hint| invocation.completed(hint)).collect();
    let mistakes = error.diagnostics.take();
    error.diagnostics = mistakes.map(|all| all.advised(|help| invocation.completed(help)));
    if output == Output::Json {
        json(&json::error(&error, &hints));
    }
    err(&failure::text(&error, &hints));
    error.exit
}

/// Shows what is wrong with a command line, or the help that was asked for, in the
/// parser's own colours where it quotes nothing that is hidden.
pub(crate) fn show_usage(told: &clap::Error) {
    let plain = told.render().to_string();
    if text::visible_lines(&plain) == plain {
        let _ = told.print();
    } else {
        err(&Page::of_lines(&plain));
    }
}

/// A result.
pub(crate) fn out(page: &Page) {
    send(Stream::Out, &(page.render(Stream::Out) + "\n"));
}

/// A result of one line.
pub(crate) fn out_line(text: impl Display) {
    out(&Page::of(text));
}

/// A result for programs.
pub(crate) fn json(document: &Value) {
    json_text(&document.to_string());
}

/// The same, of a document that was read and not made.
pub(crate) fn json_text(document: &str) {
    send(Stream::Out, &(text::visible_json(document) + "\n"));
}

/// A result whose lines are our own: a manual, a schema, definitions.
pub(crate) fn out_text(lines: &str) {
    out(&Page::of_lines(lines));
}

/// A state.
pub(crate) fn show_status(report: &StatusReport<'_>, live: Option<&Live>) {
    out(&status::human(report, live));
}

/// Progress, and whatever is no result.
pub(crate) fn err(page: &Page) {
    send(Stream::Err, &(page.render(Stream::Err) + "\n"));
}

/// One line of it.
pub(crate) fn err_line(text: impl Display) {
    err(&Page::of(text));
}

/// A question, to be answered on the same line.
pub(crate) fn ask(question: &str) {
    send(Stream::Err, &(text::visible(question) + " "));
}

/// Where everything leaves the program, but for what is drawn anew in place and for the
/// help; each of those is made visible where it is handed over.
#[expect(clippy::disallowed_methods, reason = "this is the gate")]
fn send(stream: Stream, text: &str) {
    let _ = match stream {
        Stream::Out => std::io::stdout().lock().write_all(text.as_bytes()),
        Stream::Err => std::io::stderr().lock().write_all(text.as_bytes()),
    };
}

/// Whether what goes on is shown to somebody who looks on.
#[expect(clippy::disallowed_methods, reason = "it is only asked what it is")]
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Says that the program has a mistake, where it would end without a word of its own.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut page = Page::default();
        page.marked("", Mark::new(Colour::BoldRed, "error:"), format_args!("{panic}"));
        let next = "this is a mistake in gsictl: please report it with this text; the same command goes on from the saved state";
        page.marked("  ", Mark::new(Colour::Cyan, "next:"), next);
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            page.lines(&trace.to_string());
        }
        err(&page);
    }));
}

/// A duration for people: `0.4 s`, `12.3 s`, `8 m 20 s`, `1 h 3 m`.
pub(crate) fn span(span: Duration) -> String {
    gsictl_core::time::for_people(span)
}

/// The same from a report's seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_two_units_at_most() {
        let shown = |s| seconds(s);
        assert_eq!(shown(0.44), "0.4 s");
        assert_eq!(shown(59.0), "59.0 s");
        assert_eq!(shown(500.0), "8 m 20 s");
        assert_eq!(shown(3_780.0), "1 h 3 m");
        assert_eq!(shown(-1.0), "0.0 s");
    }
}
