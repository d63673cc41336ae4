//! One file a command, and what several of them do.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod validate;
pub(crate) mod wait;

use std::path::{Path, PathBuf};

use gsictl_core::report::Document;
use gsictl_driver::reports;

use crate::invocation::Invocation;
use crate::view;

/// A report that cannot be written is told; what it reports stands. The commands in it
/// are complete from now on.
fn write_report(dir: &Path, report: &mut dyn Document, invocation: &Invocation) -> Option<PathBuf> {
    invocation.complete_all(report);
    let written = reports::write(dir, report);
    written
        .inspect_err(|error| {
            view::err_line(format_args!("warning: the report could not be written: {error}"));
        })
        .ok()
}
