//! The JSON Schema of reports, for programs that read them.

use serde_json::{Map, Value, json};

use super::{FORMAT, apply, rollback};
use crate::check::report as check;
use crate::index_key::Fault;
use crate::probe::report;

/// A kind of report, and the fields that it has beside the envelope's.
struct Kind {
    name: &'static str,
    fields: fn() -> Value,
}

/// Every kind there is.
const KINDS: [Kind; 4] = [
    Kind { name: "apply", fields: apply_fields },
    Kind { name: rollback::KIND, fields: rollback_fields },
    Kind { name: report::KIND, fields: validate_fields },
    Kind { name: check::KIND, fields: check_fields },
];

/// The [JSON Schema 2020-12](https://json-schema.org/draft/2020-12) of the reports
/// in `gsi_creation_reports/`. Later versions may add fields without another
/// `format`, so that fields that are not named here are no mistake.
#[must_use]
pub fn json_schema() -> Value {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let choice = |kind: &Kind| {
        json!({
            "if": { "properties": { "kind": { "const": kind.name } } },
            "then": { "$ref": format!("#/$defs/{}", kind.name) }
        })
    };
    let mut parts = shared();
    parts.extend(KINDS.iter().map(|kind| (kind.name.to_owned(), (kind.fields)())));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gsictl report",
        "description": "What a command did, as gsictl leaves it in gsi_creation_reports/.",
        "type": "object",
        "required": ["format", "kind", "tool", "command", "result", "started_at", "ended_at"],
        "properties": {
            "format": {
                "description": "Raised when a field changes its meaning; new fields do not raise it.",
                "const": FORMAT
            },
            "kind": { "description": "Which fields it has beside these.", "enum": names },
            "tool": text("Name and version of the program that wrote it."),
            "command": text("The command; demo makes a report of the kind apply."),
            "result": text("What it came to, in a word."),
            "started_at": time("When the command began."),
            "ended_at": time("When it was over.")
        },
        "allOf": KINDS.iter().map(choice).collect::<Vec<_>>(),
        "$defs": parts
    })
}

fn apply_fields() -> Value {
    json!({
        "type": "object",
        "required": [
            "script_name", "target", "ended", "seconds", "build_seconds_sum", "totals", "indexes",
            "tables", "cost"
        ],
        "properties": {
            "result": { "enum": apply::WORDS },
            "script_name": text("The definitions file, the first of several."),
            "target": { "$ref": "#/$defs/target" },
            "ended": text("done, stopped, or why the state could not be saved."),
            "seconds": number("Wall-clock time of the run."),
            "build_seconds_sum": number("What its builds would take one after the other."),
            "totals": { "$ref": "#/$defs/totals" },
            "indexes": list("Each index that the run was about.", "index"),
            "tables": list("The tables of indexes that are not active, as last seen.", "table"),
            "skipped_regions": {
                "description": "Regions of global tables that were not asked (--skip-region).",
                "type": "array",
                "items": { "type": "string" }
            },
            "cost": {
                "description": "Calls and saves of the run.",
                "type": "object",
                "required": ["describe_table", "update_table", "saves"],
                "properties": {
                    "describe_table": count("DescribeTable calls, the first looks included."),
                    "update_table": count("UpdateTable calls."),
                    "saves": count("Saves of the state.")
                }
            }
        }
    })
}

fn rollback_fields() -> Value {
    json!({
        "type": "object",
        "required": [
            "script_name", "target", "ended", "seconds", "totals", "indexes", "describe_table",
            "update_table"
        ],
        "properties": {
            "result": { "enum": rollback::WORDS },
            "script_name": text("The definitions file that the indexes came from."),
            "target": { "$ref": "#/$defs/target" },
            "ended": text("done, stopped, or why the state could not be saved."),
            "seconds": number("Wall-clock time of the run."),
            "totals": {
                "type": "object",
                "required": ["total", "deleted", "gone", "kept", "failed", "unfinished"],
                "properties": {
                    "total": count("Indexes it was about."),
                    "deleted": count("Deleted in this run."),
                    "gone": count("Gone before."),
                    "kept": count("Left alone."),
                    "failed": count("Could not be deleted."),
                    "unfinished": count("Being deleted, or not begun.")
                }
            },
            "indexes": list("Each index that it was about.", "removal"),
            "describe_table": count("DescribeTable calls, the first looks included."),
            "update_table": count("UpdateTable calls.")
        }
    })
}

fn validate_fields() -> Value {
    json!({
        "type": "object",
        "required": ["script_name", "target", "seconds", "totals", "indexes", "cost"],
        "properties": {
            "result": { "enum": report::WORDS },
            "script_name": text("The definitions file, the first of several."),
            "target": { "$ref": "#/$defs/target" },
            "seconds": number("Wall-clock time."),
            "totals": {
                "type": "object",
                "required": [
                    "total", "functional", "non_functional", "not_used", "validation_error"
                ],
                "properties": {
                    "total": count("Indexes it was about."),
                    "functional": count("A query was answered, and read the index."),
                    "non_functional": count("Missing, not ready, of other keys, or lacking items."),
                    "not_used": count("A query was answered, and nothing says that it read the index."),
                    "validation_error": count("It could not be found out.")
                }
            },
            "indexes": list("Each index, in definition order.", "validation"),
            "cost": {
                "description": "What it read.",
                "type": "object",
                "required": ["queries", "scans", "read_units"],
                "properties": {
                    "queries": count("Query calls that were answered."),
                    "scans": count("Scan calls that were answered."),
                    "read_units": number("Capacity units of tables and indexes.")
                }
            },
            "cloudwatch": {
                "description": "How CloudWatch was asked, where it was.",
                "type": "object",
                "required": ["minutes"],
                "properties": {
                    "minutes": count("How far back its figures go."),
                    "unavailable": text("Why there are none.")
                }
            }
        }
    })
}

fn validation() -> Value {
    let checked = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": [
            "table", "index", "verdict", "recommendation", "status", "checks", "attempts"
        ],
        "properties": {
            "table": text("The base table."),
            "index": text("The index."),
            "verdict": {
                "description": "What it comes to.",
                "enum": ["functional", "non-functional", "not-used", "validation-error"]
            },
            "reasons": {
                "description": "Why it is not functional.",
                "type": "array",
                "items": { "type": "string" }
            },
            "recommendation": text("What a person can do about it."),
            "status": { "description": "IndexStatus.", "type": ["string", "null"] },
            "checks": {
                "description": "What its description says, a word each.",
                "type": "object",
                "required": ["existence", "status", "key_schema", "projection", "throughput"],
                "additionalProperties": checked
            },
            "notes": {
                "description": "Throughput that differs from the definition, and regions that were not asked.",
                "type": "array",
                "items": { "type": "string" }
            },
            "attempts": count("Attempts of the probe; 0 where it was not asked."),
            "capacity_units": number("What the probe used up of the index."),
            "sample": {
                "description": "Items of the table that were looked up in it.",
                "type": "object",
                "required": ["looked_at", "items", "found", "undecided"],
                "properties": {
                    "looked_at": count("Items of the table that were read for it."),
                    "items": count("Those of them that have the keys of the index."),
                    "found": count("Those that the index holds as they are."),
                    "undecided": count("Those that changed too fast to tell."),
                    "problems": {
                        "description": "How many have each problem.",
                        "type": "object",
                        "additionalProperties": { "type": "integer" }
                    },
                    "findings": {
                        "description": "The first of them, with their keys.",
                        "type": "array",
                        "items": { "type": "object", "additionalProperties": true }
                    },
                    "error": text("Why the sample is not whole.")
                }
            },
            "metrics": {
                "description": "CloudWatch's figures, by metric.",
                "type": "object",
                "additionalProperties": { "type": "number" }
            }
        }
    })
}

fn check_fields() -> Value {
    json!({
        "type": "object",
        "required": ["script_name", "target", "seconds", "totals", "indexes", "tables"],
        "properties": {
            "result": { "enum": check::WORDS },
            "script_name": text("The definitions file, the first of several."),
            "target": { "$ref": "#/$defs/target" },
            "seconds": number("Wall-clock time, from the first beginning on where it was interrupted."),
            "sample": number("Percent of each table that was to be read, where it was a sample."),
            "totals": {
                "type": "object",
                "required": [
                    "total", "clean", "violations", "not_checked", "exists", "violating_items"
                ],
                "properties": {
                    "total": count("Indexes it was about."),
                    "clean": count("No item that was read would break."),
                    "violations": count("Some would."),
                    "not_checked": count("The items could not be read, or not be held against it."),
                    "exists": count("Are there, and those were not asked for."),
                    "violating_items": count("Items that would break, counted once an index.")
                }
            },
            "indexes": list("Each index, in definition order.", "checked_index"),
            "tables": list("Each table that was read, or was to be.", "checked_table"),
            "violations_file": text("Where all violations are.")
        }
    })
}

fn checked_index() -> Value {
    json!({
        "type": "object",
        "required": ["table", "index", "spec", "outcome", "exists"],
        "properties": {
            "table": text("The base table."),
            "index": text("The index."),
            "spec": text("Identifies its keys, their types and its projection."),
            "outcome": { "description": "What it comes to.", "enum": check::Outcome::ALL },
            "exists": {
                "description": "Whether it exists, or is being built.",
                "type": "boolean"
            },
            "reason": text("Why it was not checked."),
            "remedy": text("What a person can do about it."),
            "items": {
                "description": "The items that were read, by where they stand.",
                "type": "object",
                "required": ["read", "included", "sparse", "violating"],
                "properties": {
                    "read": count("Items that were read."),
                    "included": count("Will be in the index."),
                    "sparse": count("Lack a key attribute, and are left out: no violation."),
                    "violating": count("Are left out, and refused when they are written."),
                    "estimated": {
                        "description": "What follows for the whole table; of a sample only.",
                        "type": "object",
                        "required": ["included", "sparse", "violating"],
                        "additionalProperties": { "$ref": "#/$defs/estimate" }
                    }
                }
            },
            "faults": {
                "description": "How many have which fault, the most frequent first.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["attribute", "fault", "items"],
                    "properties": {
                        "attribute": text("The attribute, or those of a key together."),
                        "fault": { "description": "What is the matter.", "enum": Fault::ALL },
                        "items": count("The number of items that have it.")
                    }
                }
            },
            "violations": list("The first that were found (--show).", "violation"),
            "skew": {
                "description": "How items spread over its partition keys.",
                "type": "object",
                "required": ["hottest", "error", "threshold", "is_hot"],
                "properties": {
                    "hottest": {
                        "description": "The most frequent ones.",
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["value", "items", "share"],
                            "properties": {
                                "value": text("The values of its attributes, shortened."),
                                "items": count("Items that have it, of those in the index; at least."),
                                "share": number("Their share, 1 for all.")
                            }
                        }
                    },
                    "error": number("By how much each share may be higher."),
                    "threshold": number("From this share on a key is hot (--skew)."),
                    "is_hot": { "description": "Whether one is.", "type": "boolean" }
                }
            },
            "forecast": { "$ref": "#/$defs/forecast" },
            "notes": {
                "description": "What else is of interest.",
                "type": "array",
                "items": { "type": "string" }
            }
        }
    })
}

fn checked_table() -> Value {
    json!({
        "type": "object",
        "required": ["table", "items", "pages", "read_units", "segments", "segments_read"],
        "properties": {
            "table": text("Its name."),
            "items": count("Items that were read."),
            "pages": count("Pages of them."),
            "read_units": number("Read capacity units that the pages cost."),
            "segments": count("Segments that it was cut into."),
            "segments_read": count("Those of them that were to be read."),
            "expected_items": count("Items that there were to read as far as DynamoDB knows."),
            "warning": text("Why what was read cannot be all of them."),
            "error": text("Why it was not read to its end.")
        }
    })
}

fn violation() -> Value {
    json!({
        "description": "An item that would break; a line of the file of all violations is one, too.",
        "type": "object",
        "required": [
            "table", "index", "key", "attribute", "fault", "found", "wanted", "bytes"
        ],
        "properties": {
            "table": text("The base table."),
            "index": text("The index."),
            "key": {
                "description": "The item's primary key, in DynamoDB's JSON.",
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": { "type": "string" }
                }
            },
            "attribute": text("The attribute, or those of a multi-attribute key together."),
            "fault": { "description": "What is the matter with it.", "enum": Fault::ALL },
            "found": text("AWS's word for the type that was found."),
            "wanted": text("The type that the index wants."),
            "bytes": count("Its size; of too_long_together that of all attributes of the key."),
            "value": {
                "description": "The value in DynamoDB's JSON (--values), where it is scalar.",
                "type": "object",
                "additionalProperties": { "type": "string" }
            }
        }
    })
}

fn forecast() -> Value {
    let figure =
        |description: &str| json!({ "description": description, "$ref": "#/$defs/estimate" });
    json!({
        "description": "What the index will hold and take, as gsictl check --explain has it.",
        "type": "object",
        "required": [
            "items", "entry_bytes", "bytes", "storage_bytes", "write_units", "capacity", "hottest",
            "seconds", "bound_by_hot_key"
        ],
        "properties": {
            "items": figure("Items in the index."),
            "entry_bytes": figure("Bytes of an entry, on average."),
            "bytes": figure("Bytes of all entries."),
            "storage_bytes": figure("With 100 bytes for each entry: what storage is billed for."),
            "write_units": figure("Write units that filling it takes."),
            "capacity": {
                "description": "How fast it may be filled.",
                "type": "object",
                "required": ["mode"],
                "properties": {
                    "mode": { "enum": ["provisioned", "on_demand"] },
                    "wcu": count("Write capacity units a second, where they are provisioned."),
                    "from": number("Write units a second that are there at once, on demand."),
                    "to": number("And at most.")
                }
            },
            "hottest": number("The share of the most frequent partition key, 1 for all."),
            "seconds": {
                "description": "What the build takes at least and at most.",
                "type": "array",
                "items": { "type": "number" }
            },
            "bound_by_hot_key": {
                "description": "Whether one partition key is what it waits for.",
                "type": "boolean"
            },
            "write_cost": figure("What filling it costs (--price-wru), on demand."),
            "storage_cost": figure("What a month of its storage costs (--price-gb).")
        }
    })
}

fn estimate() -> Value {
    json!({
        "description": "A figure, and how far the truth may be from it.",
        "type": "object",
        "required": ["value", "margin"],
        "properties": {
            "value": number("The best guess."),
            "margin": {
                "description": "Half of the interval that holds the truth 95 times out of 100; 0 where all was read, null where too little was read to tell.",
                "type": ["number", "null"]
            }
        }
    })
}

fn removal() -> Value {
    json!({
        "type": "object",
        "required": ["table", "index", "result"],
        "properties": {
            "table": text("The base table."),
            "index": text("The index."),
            "result": {
                "description": "How the rollback ended for it.",
                "enum": ["deleted", "gone", "kept", "failed", "deleting", "waiting"]
            },
            "seconds": number("From the call until it was seen gone."),
            "reason": text("Why it was kept, or not deleted."),
            "next_steps": {
                "description": "What a person can do about it, in this order.",
                "type": "array",
                "items": { "type": "string" }
            },
            "attempts": list("The newest failed attempts, oldest first.", "attempt")
        }
    })
}

/// What more than one kind is made of.
fn shared() -> Map<String, Value> {
    let parts = [
        ("target", target()),
        ("totals", totals()),
        ("index", index()),
        ("attempt", attempt()),
        ("table", table()),
        ("removal", removal()),
        ("validation", validation()),
        ("checked_index", checked_index()),
        ("checked_table", checked_table()),
        ("violation", violation()),
        ("forecast", forecast()),
        ("estimate", estimate()),
    ];
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()
}

fn target() -> Value {
    json!({
        "description": "Where the tables are; null for what is not known.",
        "type": "object",
        "properties": {
            "account": { "type": ["string", "null"] },
            "region": { "type": ["string", "null"] },
            "endpoint": { "type": ["string", "null"] }
        }
    })
}

fn totals() -> Value {
    json!({
        "type": "object",
        "required": ["total", "created", "already_active", "failed", "unfinished", "success_rate"],
        "properties": {
            "total": count("Indexes the run was about."),
            "created": count("Became active in this run."),
            "already_active": count("Were active before."),
            "failed": count("Failed, now or before, or stand before an obstacle."),
            "unfinished": count("Go on building, or wait to be started."),
            "success_rate": number("Active ones of all, in percent.")
        }
    })
}

fn index() -> Value {
    json!({
        "type": "object",
        "required": ["table", "index", "result", "creation_time", "activated_at", "retry_count"],
        "properties": {
            "table": text("The base table."),
            "index": text("The index."),
            "result": {
                "description": "How the run ended for it.",
                "enum": [
                    "created", "adopted", "already_active", "failed", "obstructed", "left_failed",
                    "left", "timed_out", "unconfirmed", "building", "waiting"
                ]
            },
            "build_seconds": number("From the create (or the adoption) until it was seen active; absent where the clock was set back meanwhile."),
            "creation_time": time_or_null("The first intent to create it."),
            "activated_at": time_or_null("When it was first seen active."),
            "retry_count": count("Attempts that failed."),
            "error": text("Why it is not active."),
            "next_steps": {
                "description": "What a person can do about it, in this order.",
                "type": "array",
                "items": { "type": "string" }
            },
            "attempts": list("The newest failed attempts, oldest first.", "attempt"),
            "owner": {
                "description": "Whose index it is: a run's with evidence, without, or another's.",
                "enum": ["run", "inferred", "found"]
            }
        }
    })
}

fn attempt() -> Value {
    json!({
        "type": "object",
        "required": ["at", "kind", "message", "strategy", "delay_seconds"],
        "properties": {
            "at": time("When the answer came."),
            "kind": text("The kind of the error, as docs/errors.md has them."),
            "message": text("DynamoDB's code and message."),
            "strategy": text("What was decided, as docs/errors.md has it."),
            "delay_seconds": count("How long the next attempt was put off.")
        }
    })
}

fn table() -> Value {
    json!({
        "type": "object",
        "required": ["table", "status", "indexes"],
        "properties": {
            "table": text("Its name."),
            "status": text("TableStatus."),
            "indexes": {
                "description": "Each index with its IndexStatus, and \" (backfilling)\" in that phase.",
                "type": "object",
                "additionalProperties": { "type": "string" }
            }
        }
    })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string" })
}

fn number(description: &str) -> Value {
    json!({ "description": description, "type": "number", "minimum": 0 })
}

fn count(description: &str) -> Value {
    json!({ "description": description, "type": "integer", "minimum": 0 })
}

fn time(description: &str) -> Value {
    json!({ "description": description, "type": "string", "format": "date-time" })
}

fn time_or_null(description: &str) -> Value {
    json!({ "description": description, "type": ["string", "null"], "format": "date-time" })
}

fn list(description: &str, of: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "items": { "$ref": format!("#/$defs/{of}") }
    })
}
