//! What a list says of a report, whatever its kind and whichever version wrote it.

use serde_json::Value;

use super::FORMAT;
use crate::time::Timestamp;

/// A report at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Its kind, such as `apply`.
    pub kind: String,
    /// The command that made it.
    pub command: String,
    /// What that came to, in a word.
    pub result: String,
    /// When it was over.
    pub ended_at: Timestamp,
}

/// Why a file is no report to this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It cannot be read as JSON; the text says where.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It is JSON, and something else.
    #[error("not a report of gsictl")]
    Foreign,
    /// A newer version wrote it.
    #[error("written by a newer version (format {0}, this one knows {FORMAT})")]
    Newer(u64),
}

impl Glance {
    /// Reads what is wanted, and looks at nothing else.
    ///
    /// # Errors
    /// [`NoReport::Foreign`] and [`NoReport::Newer`].
    pub fn of(document: &Value) -> Result<Self, NoReport> {
        let text = |field: &str| document[field].as_str().map(str::to_owned);
        let ours = text("tool").is_some_and(|tool| tool.starts_with("gsictl "));
        let format = document["format"].as_u64().filter(|_| ours).ok_or(NoReport::Foreign)?;
        if format > u64::from(FORMAT) {
            return Err(NoReport::Newer(format));
        }
        let ended_at = text("ended_at").and_then(|at| Timestamp::parse(&at).ok());
        Ok(Self {
            // The first reports were all of one kind, and did not say so.
            kind: text("kind").unwrap_or_else(|| "apply".to_owned()),
            command: text("command").ok_or(NoReport::Foreign)?,
            result: text("result").unwrap_or_else(|| by_totals(document).to_owned()),
            ended_at: ended_at.ok_or(NoReport::Foreign)?,
        })
    }
}

/// The word that the first reports did not have.
fn by_totals(document: &Value) -> &'static str {
    let some = |count: &str| document["totals"][count].as_u64().is_some_and(|n| n > 0);
    match document["ended"].as_str() {
        Some("stopped") => "stopped",
        Some("done") if some("failed") => "failed",
        Some("done") if some("unfinished") => "unfinished",
        Some("done") => "done",
        _ => "not_saved",
    }
}
