//! A state as people and programs see it.

use std::fmt::Write as _;

use console::Style;
use gsictl_core::state::{Entry, State, Status};
use serde_json::{Value, json};

use crate::commands::status::Live;

/// The seeds' summary, then a line an index.
pub(crate) fn human(state: &State, live: Option<&Live>) -> String {
    let mut text = state.report().to_string();
    let width = state.entries().map(|(id, _)| id.to_string().len()).max().unwrap_or(0);
    let _ = writeln!(text, "\nIndexes:");
    for (id, entry) in state.entries() {
        let (mark, style) = mark(entry.status());
        let status = entry.status().as_str();
        let mut line =
            format!("  {} {:<width$}  {status:<11}", style.apply_to(mark), id.to_string());
        if let Some(seen) = live.and_then(|live| live.get(id)) {
            let _ = write!(
                line,
                "  DynamoDB: {seen}{}",
                if agrees(entry, seen) { "" } else { "  <- differs" }
            );
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn mark(status: Status) -> (&'static str, Style) {
    match status {
        Status::Active => ("✓", Style::new().green()),
        Status::Failed => ("✗", Style::new().red()),
        Status::InProgress => ("…", Style::new().cyan()),
        Status::Pending => ("·", Style::new().dim()),
    }
}

/// Whether what DynamoDB shows is what the state says.
fn agrees(entry: &Entry, seen: &str) -> bool {
    match entry.status() {
        Status::Active => matches!(seen, "ACTIVE" | "UPDATING"),
        Status::InProgress => seen.starts_with("CREATING"),
        Status::Pending | Status::Failed => matches!(seen, "absent" | "no such table"),
    }
}

/// The same as one document.
pub(crate) fn document(state: &State, live: Option<&Live>) -> Value {
    let index = |(id, entry): (&gsictl_core::name::IndexId, &Entry)| {
        let seen = live.and_then(|live| live.get(id));
        let mut value = json!({
            "table": id.table, "index": id.index, "status": entry.status(),
            "creation_time": entry.creation_time(), "retry_count": entry.retry_count(),
            "last_error": entry.last_error(), "owner": entry.record().owner,
        });
        if let (Some(seen), Some(object)) = (seen, value.as_object_mut()) {
            object.insert("live".to_owned(), json!(seen));
            object.insert("differs".to_owned(), json!(!agrees(entry, seen)));
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
