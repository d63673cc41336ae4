//! A state as people and programs see it.

use gsictl_core::name::TableName;
use gsictl_core::state::{Entry, Standing, State, Status, StatusReport};
use serde_json::{Value, json};

use super::{Colour, Mark, Page};
use crate::commands::status::{Live, NOT_SHOWN_YET};

/// The seeds' summary, then a line an index.
pub(crate) fn human(report: &StatusReport<'_>, live: Option<&Live>) -> Page {
    let length = |s: &Standing<'_>| s.table_name.len() + s.index_name.len();
    let width = report.standings().iter().map(length).max().unwrap_or(0);
    let mut page = Page::of_lines(&report.to_string());
    page.blank();
    page.line("Indexes:");
    for standing in report.standings() {
        let Standing { table_name, index_name, status, .. } = standing;
        let pad = width - length(standing);
        let seen = live.and_then(|live| live.indexes.get(&key(table_name, index_name)));
        let seen = seen.map(|seen| compared(*status, seen)).unwrap_or_default();
        page.marked(
            "  ",
            mark(*status),
            format_args!("{table_name}.{index_name}{:pad$}  {status}{seen}", ""),
        );
    }
    for (table, status, remedy) in live.iter().flat_map(|live| &live.troubles) {
        page.blank();
        page.marked("", Mark::new(Colour::Yellow, "!"), format_args!("{table} is {status}"));
        page.marked("  ", Mark::new(Colour::Cyan, "next:"), remedy);
    }
    if let Some(account) = live.and_then(|live| live.unconfirmed.as_deref()) {
        page.blank();
        page.line(super::plain::unconfirmed(account, false));
    }
    page
}

/// What DynamoDB shows, behind what the state says.
fn compared(status: Status, seen: &str) -> String {
    let differs = if agrees(status, seen) { "" } else { "  <- differs" };
    let gap = LONGEST - status.as_str().len();
    format!("{:gap$}  DynamoDB: {seen}{differs}", "")
}

/// The longest word for a status.
const LONGEST: usize = Status::InProgress.as_str().len();

fn key(table: &str, index: &str) -> (String, String) {
    (table.to_owned(), index.to_owned())
}

fn mark(status: Status) -> Mark {
    match status {
        Status::Active => Mark::new(Colour::Green, "✓"),
        Status::Failed => Mark::new(Colour::Red, "✗"),
        Status::InProgress => Mark::new(Colour::Cyan, "…"),
        Status::Pending => Mark::new(Colour::Dim, "·"),
    }
}

/// Whether what DynamoDB shows is what the state says.
fn agrees(status: Status, seen: &str) -> bool {
    match status {
        Status::Active => matches!(seen, "ACTIVE" | "UPDATING"),
        Status::InProgress => seen.starts_with("CREATING") || seen == NOT_SHOWN_YET,
        Status::Pending | Status::Failed => matches!(seen, "absent" | "no such table"),
    }
}

/// The same as one document.
pub(crate) fn document(state: &State, live: Option<&Live>) -> Value {
    let index = |(id, entry): (&gsictl_core::name::IndexId, &Entry)| {
        let seen =
            live.and_then(|live| live.indexes.get(&key(id.table.as_str(), id.index.as_str())));
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
    let troubles = live.map(|live| {
        let trouble = |(table, status, remedy): &(TableName, String, &str)| {
            json!({ "table": table, "status": status, "next_step": remedy })
        };
        live.troubles.iter().map(trouble).collect::<Vec<_>>()
    });
    let mut document = json!({
        "state": {
            "script_name": state.script_name(), "created_at": state.created_at(),
            "updated_at": state.updated_at(), "serial": state.serial(),
            "target": state.target(), "summary": state.summary(),
            "indexes": state.entries().map(index).collect::<Vec<_>>(),
        }
    });
    if let Some(troubles) = troubles.filter(|troubles| !troubles.is_empty()) {
        document["state"]["table_troubles"] = json!(troubles);
    }
    if let Some(account) = live.and_then(|live| live.unconfirmed.as_deref()) {
        document["state"]["unconfirmed_account"] = json!(account);
    }
    document
}
