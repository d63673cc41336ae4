//! What commands did, as values that every view prints and that are kept as files.
//!
//! A report has the fields of [`Envelope`] and those of its kind. [`json_schema`]
//! says all of them (docs/report.schema.json); a new kind gets a line there.

mod apply;
mod glance;
mod markdown;
mod rollback;
mod schema;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::apply::{About, Cost, IndexReport, Report, Result, TableReport, Totals};
pub use self::glance::{Glance, NoReport};
pub use self::rollback::{Fate, RemovalReport, RemovalTotals, RollbackReport};
pub use self::schema::json_schema;

pub(crate) use self::markdown::{advice, plain};

use crate::engine::Ended;
use crate::time::Timestamp;

/// The format of the JSON report; raised when a field changes its meaning.
pub const FORMAT: u32 = 1;

/// What a command leaves in `gsi_creation_reports/`, for programs and for people.
pub trait Document {
    /// What it says whatever its kind.
    fn envelope(&self) -> &Envelope;
    /// The whole of it: the fields of [`Envelope`], and its own.
    fn json(&self) -> serde_json::Value;
    /// The same in Markdown, to be read and passed on.
    fn markdown(&self) -> String;

    /// What it advises to do. Whoever knows the options of the run completes the
    /// commands in it (see [`crate::shell`]) before the report is printed or written.
    fn advice(&mut self) -> Vec<&mut String>;

    /// The kind of report, such as `apply`.
    fn kind(&self) -> &str {
        self.envelope().kind
    }

    /// When it was over: part of the file's name.
    fn ended_at(&self) -> Timestamp {
        self.envelope().ended_at
    }

    /// Its file name: `<kind>_YYYYMMDD_HHMMSS`, without an ending.
    fn file_stem(&self) -> String {
        format!("{}_{}", self.kind(), self.ended_at().file_stamp())
    }
}

/// What every report says, whatever its kind; to be flattened into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// [`FORMAT`].
    pub format: u32,
    /// Which fields it has beside these.
    pub kind: &'static str,
    /// Name and version of this program.
    pub tool: &'static str,
    /// The command; `demo` makes a report of the kind `apply`.
    pub command: String,
    /// What it came to, in a word.
    pub result: &'static str,
    /// When the command began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
}

impl Envelope {
    /// The envelope of a report that this program writes.
    #[must_use]
    pub fn new(
        kind: &'static str,
        command: &str,
        result: &'static str,
        (started_at, ended_at): (Timestamp, Timestamp),
    ) -> Self {
        let tool = concat!("gsictl ", env!("CARGO_PKG_VERSION"));
        let command = command.to_owned();
        Self { format: FORMAT, kind, tool, command, result, started_at, ended_at }
    }
}

/// How a run ended: `done`, `stopped`, or why the state could not be saved.
fn ended(ended: &Ended) -> String {
    match ended {
        Ended::Done => "done".to_owned(),
        Ended::Stopped => "stopped".to_owned(),
        Ended::SaveFailed(error) => error.clone(),
    }
}

/// Times are known to the millisecond; a sum of them is no better.
fn to_millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}
