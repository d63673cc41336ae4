//! A state as people and programs see it.

use std::io::{self, Write};

use console::{Style, StyledObject};
use gsictl_core::state::{Entry, Standing, State, Status, StatusReport};
use serde_json::{Value, json};

use crate::commands::status::Live;

/// The seeds' summary, then a line an index.
///
/// # Errors
/// Those of `out`.
pub(crate) fn human(
    out: &mut impl Write,
    report: &StatusReport<'_>,
    live: Option<&Live>,
) -> io::Result<()> {
    let length = |s: &Standing<'_>| s.table_name.len() + s.index_name.len();
    let width = report.standings().iter().map(length).max().unwrap_or(0);
    writeln!(out, "{report}\nIndexes:")?;
    let marks = Status::ALL.map(|status| mark(status).to_string());
    for standing in report.standings() {
        let Standing { table_name, index_name, status, .. } = standing;
        let mark = &marks[*status as usize];
        let pad = width - length(standing);
        write!(out, "  {mark} {table_name}.{index_name}{:pad$}  {status}", "")?;
        if let Some(seen) = live.and_then(|live| live.get(&key(table_name, index_name))) {
            let differs = if agrees(*status, seen) { "" } else { "  <- differs" };
            let gap = LONGEST - status.as_str().len();
            write!(out, "{:gap$}  DynamoDB: {seen}{differs}", "")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The longest word for a status.
const LONGEST: usize = Status::InProgress.as_str().len();

fn key(table: &str, index: &str) -> (String, String) {
    (table.to_owned(), index.to_owned())
}

fn mark(status: Status) -> StyledObject<&'static str> {
    match status {
        Status::Active => Style::new().green().apply_to("✓"),
        Status::Failed => Style::new().red().apply_to("✗"),
        Status::InProgress => Style::new().cyan().apply_to("…"),
        Status::Pending => Style::new().dim().apply_to("·"),
    }
}

/// Whether what DynamoDB shows is what the state says.
fn agrees(status: Status, seen: &str) -> bool {
    match status {
        Status::Active => matches!(seen, "ACTIVE" | "UPDATING"),
        Status::InProgress => seen.starts_with("CREATING"),
        Status::Pending | Status::Failed => matches!(seen, "absent" | "no such table"),
    }
}

/// The same as one document.
pub(crate) fn document(state: &State, live: Option<&Live>) -> Value {
    let index = |(id, entry): (&gsictl_core::name::IndexId, &Entry)| {
        let seen = live.and_then(|live| live.get(&key(id.table.as_str(), id.index.as_str())));
        let mut value = json!({
            "table": id.table, "index": id.index, "status": entry.status(),
            "creation_time": entry.creation_time(), "retry_count": entry.retry_count(),
            "last_error": entry.last_error(), "owner": entry.record().owner,
        });
        if let (Some(seen), Some(object)) = (seen, value.as_object_mut()) {
            object.insert("live".to_owned(), json!(seen));
            object.insert("differs".to_owned(), json!(!agrees(entry.status(), seen)));
        }
        value
    };
    json!({
        "state": {
            "script_name": state.script_name(), "created_at": state.created_at(),
            "updated_at": state.updated_at(), "serial": state.serial(),
            "target": state.target(), "summary": state.summary(),
            "indexes": state.entries().map(index).collect::<Vec<_>>(),
        }
    })
}
