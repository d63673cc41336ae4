//! One JSON object a line, for programs.

use std::path::Path;

use gsictl_core::event::{AttemptFailure, Event, Queue};
use gsictl_core::look::{Elsewhere, Missing};
use gsictl_core::name::IndexId;
use gsictl_core::time::Timestamp;
use gsictl_driver::apply::{Applied, Progress};
use serde_json::{Value, json};

use super::View;
use crate::error::{CliError, Exit};
use crate::invocation::Invocation;

/// Prints every event.
pub(super) struct Json {
    pub(super) invocation: Invocation,
}

impl View for Json {
    fn progress(&mut self, progress: Progress<'_>) {
        super::json(&document(&progress, &self.invocation));
    }
}

fn document(progress: &Progress<'_>, invocation: &Invocation) -> Value {
    match progress {
        Progress::Loaded(state) => json!({
            "event": "state_loaded", "serial": state.serial(), "summary": state.summary(),
            "created_at": state.created_at(), "updated_at": state.updated_at(),
        }),
        Progress::AdoptedForeign(script) => {
            json!({ "event": "foreign_state_adopted", "script_name": script })
        }
        Progress::StateSetAside(error) => {
            json!({ "event": "state_set_aside", "reason": error.to_string() })
        }
        Progress::Relabelled(script) => {
            json!({ "event": "other_definitions", "script_name_before": script })
        }
        Progress::Unconfirmed { account, recorded } => {
            json!({ "event": "account_unconfirmed", "account": account, "recorded": recorded })
        }
        Progress::Unnamed(ids) => {
            let ids: Vec<_> = ids.iter().map(pair).collect();
            json!({ "event": "unnamed_entries", "indexes": ids })
        }
        Progress::Planned(plan) => {
            let indexes: Vec<_> = plan
                .indexes()
                .map(|i| json!({ "table": i.definition.id.table, "index": i.definition.id.index, "action": action(i.action) }))
                .collect();
            json!({ "event": "planned", "indexes": indexes })
        }
        Progress::Checked(report) => {
            let report = invocation.completed_report(*report);
            json!({ "event": "items_checked", "check": report })
        }
        Progress::Happened(at, event) => self::event(*at, event, invocation),
        Progress::Archived(name) => json!({ "event": "state_archived", "file": name }),
    }
}

/// One event with its time, and with commands that are whole.
pub(super) fn event(at: Timestamp, event: &Event, invocation: &Invocation) -> Value {
    let mut value = happened(event);
    if let Some(object) = value.as_object_mut() {
        for name in ["next_step", "remedy"] {
            if let Some(Value::String(advice)) = object.get_mut(name) {
                *advice = invocation.completed(advice);
            }
        }
        object.insert("at".to_owned(), json!(at));
    }
    value
}

pub(super) fn action(action: gsictl_core::plan::Action) -> &'static str {
    use gsictl_core::plan::Action;
    match action {
        Action::Create => "create",
        Action::Adopt => "adopt",
        Action::Recreate => "recreate",
        Action::Keep => "keep",
        Action::Obstructed => "obstructed",
        Action::LeaveFailed => "leave_failed",
        Action::LeaveOther => "leave",
    }
}

fn pair(id: &IndexId) -> Value {
    json!({ "table": id.table, "index": id.index })
}

fn about(event: &str, id: &IndexId, more: Value) -> Value {
    let mut value = json!({ "event": event, "table": id.table, "index": id.index });
    if let (Some(object), Value::Object(more)) = (value.as_object_mut(), more) {
        object.extend(more);
    }
    value
}

/// Each region, and how an index stands there.
fn regions(missing: &[Missing]) -> Value {
    let one = |m: &Missing| match &m.there {
        Elsewhere::InWork { status } => json!({ "region": m.region, "status": status }),
        Elsewhere::Unseen => json!({ "region": m.region, "status": null }),
        Elsewhere::Unknown { reason } => json!({ "region": m.region, "error": reason }),
    };
    missing.iter().map(one).collect()
}

fn happened(event: &Event) -> Value {
    match event {
        Event::AlreadyActive(id) => about("already_active", id, Value::Null),
        Event::Adopted { id, backfilling } => {
            about("adopted", id, json!({ "backfilling": backfilling }))
        }
        Event::Creating { id, attempt } => about("creating", id, json!({ "attempt": attempt })),
        Event::Accepted(id) => about("accepted", id, Value::Null),
        Event::Backfilling(id) => about("backfilling", id, Value::Null),
        Event::StillBuilding { id, backfilling, waited, takes, cause, remedy } => about(
            "still_building",
            id,
            json!({
                "backfilling": backfilling, "seconds": waited.as_secs_f64(),
                "expected_seconds": takes.map(|takes| takes.as_secs()), "cause": cause,
                "next_step": remedy,
            }),
        ),
        Event::Activated { id, took, whole } => {
            about("activated", id, json!({ "seconds": took.as_secs_f64(), "whole": whole }))
        }
        Event::Missing { id, was } => about("missing", id, json!({ "was": was })),
        Event::NotShownYet { id, asked_for } => {
            about("not_shown_yet", id, json!({ "asked_for": asked_for }))
        }
        Event::AwaitingTable { table, status } => {
            json!({ "event": "awaiting_table", "table": table, "status": status })
        }
        Event::TableTrouble { table, status, remedy, passes } => json!({
            "event": "table_trouble", "table": table, "status": status,
            "next_step": remedy, "passes": passes,
        }),
        Event::TableBack(table) => json!({ "event": "table_back", "table": table }),
        Event::AwaitingDeletion(id) => about("awaiting_deletion", id, Value::Null),
        Event::Refused { id, error, strategy } => {
            about("refused", id, json!({ "error": error, "strategy": strategy }))
        }
        Event::StartsSpaced { every } => {
            json!({ "event": "starts_spaced", "every_seconds": every.as_secs_f64() })
        }
        Event::Queued { id, queue } => about("queued", id, queued(queue)),
        Event::AttemptFailed { id, failure } => about("attempt_failed", id, attempt(failure)),
        Event::Recovered(id) => about("recovered", id, Value::Null),
        Event::Failed { id, error, remedy } => {
            about("failed", id, json!({ "error": error, "next_step": remedy }))
        }
        Event::Obstructed { id, reason } => about("obstructed", id, json!({ "reason": reason })),
        Event::LeftFailed { id, error } => about("left_failed", id, json!({ "error": error })),
        Event::TimedOut { id, waited } => {
            about("timed_out", id, json!({ "seconds": waited.as_secs_f64() }))
        }
        Event::NoAnswerYet { table, waited } => json!({
            "event": "no_answer_yet", "table": table, "seconds": waited.as_secs_f64(),
        }),
        Event::LookFailed { table, error, retry_in } => json!({
            "event": "look_failed", "table": table, "error": error, "retry_in_seconds": retry_in.as_secs_f64(),
        }),
        Event::RegionUnknown { table, region, error } => json!({
            "event": "region_unknown", "table": table, "region": region, "error": error,
        }),
        Event::RegionSkipped { table, region } => json!({
            "event": "region_skipped", "table": table, "region": region,
        }),
        Event::AwaitingRegions { id, missing } => {
            about("awaiting_regions", id, json!({ "regions": regions(missing) }))
        }
        Event::Unconfirmed { id, missing } => {
            about("unconfirmed", id, json!({ "regions": regions(missing) }))
        }
        Event::StillListed { id, regions } => {
            about("still_listed", id, json!({ "regions": regions }))
        }
        Event::ConcurrencyChanged { limit } => {
            json!({ "event": "concurrency_changed", "limit": limit })
        }
        Event::CredentialsLost { error } => json!({ "event": "credentials_lost", "error": error }),
        Event::CredentialsBack => json!({ "event": "credentials_back" }),
        Event::SaveFailed { error } => json!({ "event": "save_failed", "error": error }),
        Event::Stopping => json!({ "event": "stopping" }),
        Event::Deleting { id, attempt } => about("deleting", id, json!({ "attempt": attempt })),
        Event::Deleted { id, took, whole } => {
            about("deleted", id, json!({ "seconds": took.as_secs_f64(), "whole": whole }))
        }
        Event::Gone(id) => about("gone", id, Value::Null),
        Event::Kept { id, reason } => about("kept", id, json!({ "reason": reason })),
        Event::Checking(p) => json!({
            "event": "checking", "table": p.table, "items": p.items, "expected": p.expected,
            "rate": p.rate, "violating": p.violating, "segments_done": p.segments_done,
            "segments": p.segments, "at_once": p.at_once,
            "remaining_seconds": p.remaining.map(|left| left.as_secs_f64()),
        }),
        Event::Violating(violation) => json!({ "event": "violating", "violation": violation }),
        Event::PageRefused { table, throttled, error, retry_in } => json!({
            "event": "page_refused", "table": table, "throttled": throttled, "error": error,
            "retry_seconds": retry_in.as_secs_f64(),
        }),
        Event::Checked { table, items, warning } => {
            let mut checked = json!({ "event": "checked", "table": table, "items": items });
            if let Some(warning) = warning {
                checked["warning"] = json!(warning);
            }
            checked
        }
        Event::NotChecked { table, error, remedy } => {
            json!({ "event": "not_checked", "table": table, "error": error, "remedy": remedy })
        }
        Event::SavingCursor => json!({ "event": "saving_cursor" }),
        Event::CursorNotSaved { error } => json!({ "event": "cursor_not_saved", "error": error }),
    }
}

fn queued(queue: &Queue) -> Value {
    match queue {
        Queue::TableBusy => json!({ "for": "table" }),
        Queue::OtherIndex(other) => json!({ "for": "other_index", "other_index": other }),
        Queue::IndexUpdating(index) => json!({ "for": "index_updating", "other_index": index }),
        Queue::Replica { region, status } => {
            json!({ "for": "replica", "region": region, "replica_status": status })
        }
        Queue::LooksIdle { wait } => {
            json!({ "for": "not_shown", "wait_seconds": wait.as_secs_f64() })
        }
        Queue::Decreases { wait } => {
            json!({ "for": "decreases", "wait_seconds": wait.as_secs_f64() })
        }
        Queue::AccountLimit { building } => json!({ "for": "account_limit", "building": building }),
        Queue::AccountHeld { wait } => {
            json!({ "for": "account_limit", "wait_seconds": wait.as_secs_f64() })
        }
    }
}

fn attempt(failure: &AttemptFailure) -> Value {
    json!({
        "attempt": failure.attempt, "max_attempts": failure.max_attempts, "code": failure.code,
        "message": failure.message, "strategy": failure.strategy,
        "delay_seconds": failure.delay.map(|d| d.as_secs_f64()),
    })
}

/// The last line of an `apply`.
pub(crate) fn applied(applied: &Applied, report: Option<&Path>, exit: Exit) -> Value {
    let mut value = json!({
        "event": "finished",
        "exit_code": exit.code(),
        "report": applied.report,
        "report_file": report,
        "archived": applied.archived,
    });
    match &applied.validation {
        Some(Ok(found)) => value["validation"] = json!(found),
        Some(Err(error)) => value["validation"] = json!({ "error": error.to_string() }),
        None => {}
    }
    value
}

/// The last line of a command that ended early.
pub(super) fn error(error: &CliError, hints: &[String]) -> Value {
    let diagnostics: Vec<_> = error
        .diagnostics
        .iter()
        .flatten()
        .map(|d| {
            json!({
                "file": &*d.place.file, "line": d.place.line, "column": d.place.column,
                "message": d.message, "found": d.found, "help": d.help,
                "see": d.related.as_ref().map(|(place, why)| format!("{place}: {why}")),
            })
        })
        .collect();
    let details = error.details.iter().map(|detail| format!("\n  - {detail}"));
    let message: String = std::iter::once(error.message.clone()).chain(details).collect();
    json!({
        "event": "error", "exit_code": error.exit.code(), "message": message,
        "next_steps": hints, "diagnostics": diagnostics,
    })
}
