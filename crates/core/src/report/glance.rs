//! What a list says of a report, whatever its kind and whichever version wrote it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::FORMAT;
use crate::json::said;
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

/// Bytes of what a report says of itself in a word; and of its counts, of which the
/// first reports had fewer.
const LONGEST_WORD: usize = 200;
const LONGEST_TOTALS: usize = 10_000;

/// The fields that a glance looks at, as they stand in the file: nothing of a file
/// that may be large is kept before it is known to be small.
#[derive(Deserialize)]
#[serde(expecting = "a report (an object)")]
struct Head<'a> {
    #[serde(borrow)]
    tool: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    ended_at: Option<&'a RawValue>,
    #[serde(borrow)]
    ended: Option<&'a RawValue>,
    #[serde(borrow)]
    totals: Option<&'a RawValue>,
}

impl Glance {
    /// Reads what is wanted, and keeps nothing else.
    ///
    /// # Errors
    /// [`NoReport::Damaged`], [`NoReport::Foreign`] and [`NoReport::Newer`].
    pub fn read(bytes: &[u8]) -> Result<Self, NoReport> {
        let damaged = |error: serde_json::Error| NoReport::Damaged(said(&error));
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let _: IgnoredAny = serde_json::from_slice(bytes).map_err(damaged)?;
            return Err(NoReport::Foreign);
        }
        let head: Head<'_> = serde_json::from_slice(bytes)
            .map_err(|error| if error.is_data() { NoReport::Foreign } else { damaged(error) })?;
        let text = |field| small::<String>(field, LONGEST_WORD);
        let ours = text(head.tool).is_some_and(|tool| tool.starts_with("gsictl "));
        let format = small(head.format, LONGEST_WORD).filter(|_| ours);
        let format: u64 = format.ok_or(NoReport::Foreign)?;
        if format > u64::from(FORMAT) {
            return Err(NoReport::Newer(format));
        }
        let ended_at = text(head.ended_at).and_then(|at| Timestamp::parse(&at).ok());
        Ok(Self {
            // The first reports were all of one kind, and did not say so.
            kind: text(head.kind).unwrap_or_else(|| "apply".to_owned()),
            command: text(head.command).ok_or(NoReport::Foreign)?,
            result: text(head.result).unwrap_or_else(|| by_totals(&head).to_owned()),
            ended_at: ended_at.ok_or(NoReport::Foreign)?,
        })
    }
}

/// A field that is there, short enough, and what is looked for.
fn small<'a, T: Deserialize<'a>>(field: Option<&'a RawValue>, most: usize) -> Option<T> {
    let text = field.map(RawValue::get).filter(|text| text.len() <= most)?;
    serde_json::from_str(text).ok()
}

/// The word that the first reports did not have.
fn by_totals(head: &Head<'_>) -> &'static str {
    let totals: Option<Value> = small(head.totals, LONGEST_TOTALS);
    let some = |count: &str| {
        totals.as_ref().and_then(|totals| totals[count].as_u64()).is_some_and(|n| n > 0)
    };
    match small::<String>(head.ended, LONGEST_WORD).as_deref() {
        Some("stopped") => "stopped",
        Some("done") if some("failed") => "failed",
        Some("done") if some("unfinished") => "unfinished",
        Some("done") => "done",
        _ => "not_saved",
    }
}
