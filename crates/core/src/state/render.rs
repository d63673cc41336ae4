//! Writing the state: the seeds' fields as the seeds' tool writes them, ours in
//! one object behind them.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

use super::format::{FORMAT, SeedFields, VERSION};
use super::{Changes, Record, Serial, Slot, State};
use crate::name::IndexId;
use crate::time::Timestamp;

/// Why serialising cannot fail. If it did, a panic would be better than a save.
const PLAIN: &str = "plain fields with text as keys are always JSON";

/// The bytes of one save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its serial, for the answer to the save.
    pub serial: Serial,
    /// The whole file: JSON in ASCII, as the seeds' tool writes it.
    pub bytes: Vec<u8>,
    /// How many entries were rendered anew; the others were copied.
    pub entries_rendered: usize,
}

/// An entry as it stands in the file, kept until it changes.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// `"key": {...}` in `gsis`.
    seeds: String,
    /// `"key": {...}` in `gsictl.entries`; empty where we know nothing more.
    ours: String,
}

pub(super) fn render(state: &mut State, now: Timestamp) -> Rendered {
    state.serial = Serial(state.serial.0 + 1);
    state.updated_at = now.whole_seconds();
    let entries_rendered = refresh(state);
    Rendered { serial: state.serial, bytes: file(state).into_bytes(), entries_rendered }
}

/// Renders what changed. Returns how many that were.
fn refresh(state: &mut State) -> usize {
    let mut rendered = 0;
    state.changes = Changes::default();
    for (id, slot) in &mut state.slots {
        slot.changed = false;
        if slot.text.is_none() {
            slot.text = Some(text(id, slot));
            rendered += 1;
        }
    }
    rendered
}

fn text(id: &IndexId, slot: &Slot) -> Text {
    let seeds = with_unknown(&SeedFields::of(id, &slot.entry), &slot.unknown.seeds);
    let known = slot.entry.record != Record::default() || !slot.unknown.ours.is_empty();
    Text {
        seeds: format!("{}: {}", json(&slot.key, 4), json(&seeds, 4)),
        ours: if known {
            let ours = with_unknown(&slot.entry.record, &slot.unknown.ours);
            format!("{}: {}", line(&slot.key), line(&ours))
        } else {
            String::new()
        },
    }
}

fn file(state: &State) -> String {
    let texts = || state.slots.values().filter_map(|slot| slot.text.as_ref());
    let size: usize = texts().map(|t| t.seeds.len() + t.ours.len() + 16).sum();
    let mut out = String::with_capacity(size + 2048);
    out.push('{');
    field(&mut out, 2, "version", &VERSION);
    field(&mut out, 2, "created_at", &state.created_at);
    field(&mut out, 2, "updated_at", &state.updated_at);
    field(&mut out, 2, "script_name", &state.script_name);
    object(&mut out, 2, "gsis", texts().map(|t| t.seeds.as_str()));
    field(&mut out, 2, "summary", &state.summary());
    for (key, value) in &state.unknown.seeds {
        field(&mut out, 2, key, value);
    }
    out.push_str(",\n  \"gsictl\": {");
    field(&mut out, 4, "format", &FORMAT);
    let tool = concat!("gsictl ", env!("CARGO_PKG_VERSION"));
    field(&mut out, 4, "tool", &tool);
    field(&mut out, 4, "lineage", &state.lineage);
    field(&mut out, 4, "serial", &state.serial);
    field(&mut out, 4, "target", &state.target);
    field(&mut out, 4, "definitions", &state.definitions);
    if let Some(since) = &state.rolling_back_since {
        field(&mut out, 4, "rolling_back_since", since);
    }
    let ours = texts().map(|t| t.ours.as_str()).filter(|t| !t.is_empty());
    object(&mut out, 4, "entries", ours);
    for (key, value) in &state.unknown.ours {
        field(&mut out, 4, key, value);
    }
    out.push_str("\n  }\n}\n");
    out
}

/// `"key": value` on a line of its own, with the comma that the one before needs.
fn field(out: &mut String, indent: usize, key: &str, value: &impl Serialize) {
    let (key, value) = (json(key, indent), json(value, indent));
    begin_line(out, indent);
    let _ = write!(out, "{key}: {value}");
}

/// `"key": {...}` of members that are rendered already.
fn object<'a, M>(out: &mut String, indent: usize, key: &str, members: M)
where
    M: Iterator<Item = &'a str>,
{
    begin_line(out, indent);
    let _ = write!(out, "{}: {{", json(key, indent));
    let mut empty = true;
    for member in members {
        begin_line(out, indent + 2);
        out.push_str(member);
        empty = false;
    }
    if !empty {
        let _ = write!(out, "\n{:indent$}", "");
    }
    out.push('}');
}

fn begin_line(out: &mut String, indent: usize) {
    let first = out.ends_with('{');
    let _ = write!(out, "{}\n{:indent$}", if first { "" } else { "," }, "");
}

/// The known fields, then those that were read and are not ours to know.
fn with_unknown(known: &impl Serialize, unknown: &Map<String, Value>) -> Value {
    let mut value = serde_json::to_value(known).expect(PLAIN);
    if let Value::Object(fields) = &mut value {
        fields.extend(unknown.clone());
    }
    value
}

/// Pretty JSON whose lines after the first are indented by `indent` more.
fn json(value: &(impl Serialize + ?Sized), indent: usize) -> String {
    ascii(&serde_json::to_string_pretty(value).expect(PLAIN), indent)
}

/// JSON on one line, as our records are: people read the seeds' fields, and every
/// save writes all of them.
fn line(value: &(impl Serialize + ?Sized)) -> String {
    ascii(&serde_json::to_string(value).expect(PLAIN), 0)
}

/// In ASCII: the seeds' tool opens the file in whatever encoding its machine has.
fn ascii(text: &str, indent: usize) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c {
            '\n' => {
                let _ = write!(out, "\n{:indent$}", "");
            }
            c if c.is_ascii() && c != '\u{7f}' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out
}
