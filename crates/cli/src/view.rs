//! What people and programs see. Only here is anything printed.
//!
//! Progress goes to standard error, results to standard output. A reader that
//! went away (a closed pipe) is no error.

mod check;
mod failure;
mod json;
mod line;
mod live;
mod plain;
mod plan;
mod result;
mod rollback;
mod status;
mod ticker;
mod validate;

use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

use gsictl_core::state::StatusReport;
use gsictl_driver::apply::Progress;

use crate::args::{Globals, Output};
use crate::commands::status::Live;
use crate::error::{CliError, Exit};

pub(crate) use check::{CheckView, text as show_check};
pub(crate) use json::applied as json_result;
pub(crate) use plan::{document as json_plan, human as show_plan, markdown as markdown_plan};
pub(crate) use result::applied as show_result;
pub(crate) use rollback::{
    RollbackView, finished as json_rollback, passed_over, plan as rollback_plan,
    result as show_rollback, show_plan as show_rollback_plan,
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
    let terminal = std::io::stderr().is_terminal();
    match globals.output {
        Output::Json => Box::new(json::Json),
        Output::Human if globals.quiet => Box::new(plain::Plain::quiet()),
        Output::Human if terminal && !globals.verbose => Box::new(live::Live::new()),
        Output::Human => Box::new(plain::Plain::new(globals.verbose)),
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
    match globals.output {
        Output::Human if !globals.quiet => Box::new(plain::Plain::new(globals.verbose)),
        _ => Box::new(plain::Plain::quiet()),
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
pub(crate) fn show_error(error: &CliError, output: Output) -> Exit {
    if output == Output::Json {
        out(&json::error(error).to_string());
    }
    err(failure::text(error).trim_end());
    error.exit
}

/// One line (or several) of a result.
pub(crate) fn out(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A state, written as it is put together: it may have thousands of lines.
pub(crate) fn show_status(report: &StatusReport<'_>, live: Option<&Live>) {
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let _ = status::human(&mut out, report, live).and_then(|()| out.flush());
}

/// One line (or several) of progress.
pub(crate) fn err(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
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
