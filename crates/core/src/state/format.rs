//! Reading a state file: first its syntax, then whether we know its version,
//! then every field with its place, then whether its history is possible.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::num::NonZeroU64;

use indexmap::IndexMap;
use indexmap::map::Entry as MapEntry;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use super::outline::{MAX_UNKNOWN, Outline};
use super::{Changes, Entry, Owner, Record, Serial, Slot, State, Status, Target, Unknown};
use crate::json::clip;
use crate::name::{IndexId, IndexName, TableName};
use crate::time::Timestamp;

/// `version` of the seeds' format.
pub(super) const VERSION: &str = "1.0";
/// `gsictl.format` of ours.
pub(super) const FORMAT: u64 = 1;

/// The first serial that is refused. It leaves as many again below the edge of what
/// readers of JSON take for an integer: no run comes that far.
pub(super) const SERIALS: u64 = i64::MAX.unsigned_abs() / 2;

/// The most entries that a file may have: ten times what this program is made for.
pub(super) const MAX_ENTRIES: usize = 100_000;
/// Bytes of any text in an entry. What DynamoDB says is cut to a thousand characters.
const LONGEST_TEXT: usize = 65_536;
/// Bytes of the definitions file's name, and of the lineage.
const LONGEST_NAME: usize = 4_096;
/// Why a state file was not taken. Nothing may be written over it; `gsictl state
/// rebuild` keeps it under another name and makes a new one (docs/state-file.md).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is no state file, or no longer one.
    #[error("line {line}, column {column}: {message}")]
    Corrupt {
        /// 1 for the first line.
        line: usize,
        /// Bytes into the line, 1 for the first; 0 where a line has none.
        column: usize,
        /// What is wrong, with the key of the entry where it is in one.
        message: String,
    },
    /// It is one of a version that this program does not know.
    #[error("it has {field} {found}, this gsictl knows {known}: use the version that wrote it")]
    Newer {
        /// `version` or `gsictl.format`.
        field: &'static str,
        /// As the file has it.
        found: String,
        /// The one we know.
        known: String,
    },
}

impl From<serde_json::Error> for ParseError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let text = clip(text.strip_suffix(&place).unwrap_or(&text).to_owned());
        let message = match error.classify() {
            Category::Eof => format!("the file ends in the middle ({text})"),
            Category::Data | Category::Syntax | Category::Io => text,
        };
        Self::Corrupt { line, column, message }
    }
}

/// The seeds' fields of an entry, in their order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(expecting = "an entry (an object)")]
pub(super) struct SeedFields<'a> {
    table_name: TableName,
    index_name: IndexName,
    status: Status,
    creation_time: Option<Timestamp>,
    retry_count: u32,
    last_error: Option<Cow<'a, str>>,
}

impl<'a> SeedFields<'a> {
    pub(super) fn of(id: &IndexId, entry: &'a Entry) -> Self {
        Self {
            table_name: id.table.clone(),
            index_name: id.index.clone(),
            status: entry.status,
            creation_time: entry.creation_time,
            retry_count: entry.retry_count,
            last_error: entry.last_error.as_deref().map(Cow::Borrowed),
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a state file (an object)")]
struct File<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    script_name: String,
    #[serde(borrow)]
    gsis: Keyed<SeedFields<'a>>,
    gsictl: Option<Own>,
}

#[derive(Deserialize)]
#[serde(expecting = "what gsictl adds (an object)")]
struct Own {
    format: NonZeroU64,
    lineage: String,
    serial: Serial,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    definitions: Option<String>,
    #[serde(default)]
    rolling_back_since: Option<Timestamp>,
    #[serde(default)]
    entries: Keyed<Record>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<State, ParseError> {
    if let Some(file) = plain(bytes)
        && let Ok(state) = state(bytes, Outline::default(), file)
    {
        return Ok(state);
    }
    let outline = syntax(bytes)?;
    refuse_unknown_versions(&outline)?;
    state(bytes, outline, serde_json::from_slice(bytes)?)
}

/// A file of a version we know in which nothing is unknown or stands twice, as
/// nearly all are: one pass is enough, which is what makes `status` quick. What
/// is wrong or unknown in another file takes the careful way to tell.
fn plain(bytes: &[u8]) -> Option<File<'_>> {
    let mut unknown = false;
    // Once for the whole file, and not again for every text in it.
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let file: File<'_> = serde_ignored::deserialize(&mut reader, |path| {
        unknown |= !matches!(path.to_string().as_str(), "summary" | "gsictl.?.tool");
    })
    .ok()?;
    reader.end().ok()?;
    let format = file.gsictl.as_ref().map_or(FORMAT, |own| own.format.get());
    let once = file.gsictl.as_ref().is_none_or(|own| {
        let mut keys: Vec<_> = own.entries.0.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair[0] != pair[1])
    });
    (!unknown && once && file.version == VERSION && format <= FORMAT).then_some(file)
}

fn state(bytes: &[u8], mut outline: Outline, file: File<'_>) -> Result<State, ParseError> {
    let foreign = file.gsictl.is_none();
    let own = file.gsictl.unwrap_or_else(|| Own::of_foreign(bytes));
    if file.script_name.len() > LONGEST_NAME || own.lineage.len() > LONGEST_NAME {
        return Err(at_start("its script_name, or its lineage, is longer than any name"));
    }
    if !own.serial.is_legal() {
        let what = format!("serial {} is too large: no save can follow it", own.serial);
        return Err(corrupt(bytes, "serial", &what));
    }
    let records: HashMap<String, Record> = own.entries.0.into_iter().collect();
    Ok(State {
        script_name: file.script_name,
        created_at: file.created_at.whole_seconds(),
        updated_at: file.updated_at.whole_seconds(),
        lineage: own.lineage,
        serial: own.serial,
        target: own.target,
        definitions: own.definitions,
        rolling_back_since: own.rolling_back_since.map(Timestamp::whole_seconds),
        foreign,
        unknown: std::mem::take(&mut outline.unknown),
        slots: slots(bytes, outline, file.gsis.0, records)?,
        changes: Changes::default(),
    })
}

impl Own {
    /// For a file that the seeds' tool wrote. Its bytes are as good a lineage as
    /// any: made once, and copies share it.
    fn of_foreign(bytes: &[u8]) -> Self {
        let mut lineage = String::new();
        for byte in &Sha256::digest(bytes)[..16] {
            let _ = write!(lineage, "{byte:02x}");
        }
        Self {
            format: NonZeroU64::MIN,
            lineage,
            serial: Serial::default(),
            target: Target::default(),
            definitions: None,
            rolling_back_since: None,
            entries: Keyed::default(),
        }
    }
}

/// The syntax alone, with every key of an object once.
fn syntax(bytes: &[u8]) -> Result<Outline, ParseError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(at_start("the file is empty"));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(at_start("the file holds nothing but zeros, as after a power failure"));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(at_start("the file begins with a byte order mark, which JSON has not"));
    }
    let outline = Outline::of(bytes)?;
    if outline.is_object {
        return Ok(outline);
    }
    Err(at_start("a state file is an object, this is not"))
}

fn at_start(message: &str) -> ParseError {
    ParseError::Corrupt { line: 1, column: 1, message: message.to_owned() }
}

/// Before anything else is judged: the fields of another version may mean
/// anything.
fn refuse_unknown_versions(outline: &Outline) -> Result<(), ParseError> {
    let newer =
        |field, found: String, known: String| Err(ParseError::Newer { field, found, known });
    match (&outline.version, &outline.format) {
        (Value::String(version), _) if version != VERSION => {
            newer("version", format!("{version:?}"), format!("{VERSION:?}"))
        }
        (Value::String(_), Value::Number(format)) if format.as_u64() > Some(FORMAT) => {
            newer("gsictl.format", format.to_string(), FORMAT.to_string())
        }
        (Value::String(_), _) => Ok(()),
        (Value::Null, _) => Err(at_start("it has no version")),
        (other, _) => Err(at_start(&format!("version is {other}, not {VERSION:?}"))),
    }
}

fn slots(
    bytes: &[u8],
    mut outline: Outline,
    entries: Vec<(String, SeedFields<'_>)>,
    mut records: HashMap<String, Record>,
) -> Result<IndexMap<IndexId, Slot>, ParseError> {
    let mut slots = IndexMap::with_capacity(entries.len());
    for (key, fields) in entries {
        let record = records.remove(&key).unwrap_or_default();
        let owned = matches!(record.owner, Some(Owner::Run | Owner::Inferred));
        if owned && fields.status == Status::Pending {
            let what = format!("{key:?} is pending, so nobody owns it");
            return Err(corrupt(bytes, &key, &what));
        }
        let unknown = Unknown {
            seeds: outline.entries.remove(&key).unwrap_or_default(),
            ours: outline.records.remove(&key).unwrap_or_default(),
        };
        let id = IndexId::new(fields.table_name, fields.index_name);
        let MapEntry::Vacant(place) = slots.entry(id) else {
            let what = format!("{key:?} is an index that has an entry already");
            return Err(corrupt(bytes, &key, &what));
        };
        place.insert(Slot {
            key,
            entry: Entry {
                status: fields.status,
                creation_time: fields.creation_time.map(Timestamp::whole_seconds),
                retry_count: fields.retry_count,
                last_error: fields.last_error.map(Cow::into_owned),
                record: record.tidied(),
            },
            unknown,
            changed: false,
            text: None,
        });
    }
    Ok(slots)
}

impl Record {
    /// As [`State::apply`] would have left it: whole seconds, a bounded history.
    fn tidied(mut self) -> Self {
        let times = [
            &mut self.intent_at,
            &mut self.activated_at,
            &mut self.delete_intent_at,
            &mut self.deleted_at,
        ];
        for time in times.into_iter().flatten() {
            *time = time.whole_seconds();
        }
        for attempt in &mut self.attempts {
            attempt.at = attempt.at.whole_seconds();
        }
        self.forget_old_attempts();
        self
    }
}

/// A mistake that only the whole file shows, at the last place where `key` is.
fn corrupt(bytes: &[u8], key: &str, message: &str) -> ParseError {
    let text = String::from_utf8_lossy(bytes);
    let key = serde_json::to_string(key).unwrap_or_default();
    let before = &text[..text.rfind(&key).unwrap_or(0)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ParseError::Corrupt {
        line: before.matches('\n').count() + 1,
        column: before.len() - line_start + 1,
        message: clip(message.to_owned()),
    }
}

/// What can be judged of one member of `gsis` or `gsictl.entries` by itself.
trait Judge {
    fn judge(&self, key: &str) -> Result<(), &'static str>;

    /// Values in it that nobody has counted yet.
    fn values(&self) -> usize {
        0
    }
}

impl Judge for SeedFields<'_> {
    fn judge(&self, key: &str) -> Result<(), &'static str> {
        if self.last_error.as_ref().is_some_and(|error| error.len() > LONGEST_TEXT) {
            return Err("last_error is longer than any error");
        }
        let table = key.strip_prefix(self.table_name.as_str());
        let index = table.and_then(|rest| rest.strip_prefix(['.', '/']));
        if index == Some(self.index_name.as_str()) {
            Ok(())
        } else {
            Err("the key does not fit table_name and index_name")
        }
    }
}

impl Judge for Record {
    fn judge(&self, _key: &str) -> Result<(), &'static str> {
        let long = |text: &String| text.len() > LONGEST_TEXT;
        let of_attempts = self.attempts.iter().flat_map(|a| [&a.kind, &a.message, &a.strategy]);
        if of_attempts.chain(&self.table_id).chain(&self.spec).any(long) {
            return Err("it has a text that is longer than any error");
        }
        let intended = self.intent_at.is_some();
        match self.owner {
            Some(Owner::Run) if !self.acknowledged => {
                Err("owner is run, but no create was acknowledged")
            }
            Some(Owner::Run | Owner::Inferred) if !intended => {
                Err("it is owned, but there was no intent to create it (intent_at)")
            }
            // Every intent says what it is about, so that nothing else of the name is ours.
            Some(Owner::Run | Owner::Inferred) if self.spec.is_none() => {
                Err("it is owned, but nothing says what was created (spec)")
            }
            _ => Ok(()),
        }
    }

    fn values(&self) -> usize {
        self.validation.as_ref().map_or(0, size)
    }
}

/// How many values a value is.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

/// The members of an object in their order. An error in one names its key.
struct Keyed<T>(Vec<(String, T)>);

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Judge> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeyedVisitor(PhantomData))
    }
}

struct KeyedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Judge> Visitor<'de> for KeyedVisitor<T> {
    type Value = Keyed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keyed<T>, A::Error> {
        let (mut members, mut values) = (Vec::new(), 0);
        while let Some(key) = map.next_key::<String>()? {
            if members.len() == MAX_ENTRIES {
                return Err(A::Error::custom(format_args!("more than {MAX_ENTRIES} entries")));
            }
            let value: T = map
                .next_value()
                .map_err(|error| A::Error::custom(format_args!("{key:?}: {error}")))?;
            value.judge(&key).map_err(|what| A::Error::custom(format_args!("{key:?}: {what}")))?;
            values += value.values();
            if values > MAX_UNKNOWN {
                return Err(A::Error::custom("the verdicts of validations hold too many values"));
            }
            members.push((key, value));
        }
        Ok(Keyed(members))
    }
}
