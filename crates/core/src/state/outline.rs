//! A state file without what we know of it: its syntax is sound, no object has a key
//! twice, and what is left are the fields that are kept though they are not ours.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Unknown;
use super::format::ParseError;

const TOP_FIELDS: [&str; 7] =
    ["version", "created_at", "updated_at", "script_name", "gsis", "summary", "gsictl"];
const SEED_FIELDS: [&str; 6] =
    ["table_name", "index_name", "status", "creation_time", "retry_count", "last_error"];
const OWN_FIELDS: [&str; 8] = [
    "format",
    "tool",
    "lineage",
    "serial",
    "target",
    "definitions",
    "rolling_back_since",
    "entries",
];
const RECORD_FIELDS: [&str; 11] = [
    "owner",
    "table_id",
    "intent_at",
    "acknowledged",
    "seen",
    "attempts",
    "activated_at",
    "validation",
    "spec",
    "delete_intent_at",
    "deleted_at",
];

/// Values that are kept though nothing is known of them, each of which can take two
/// hundred bytes: thirty for each of ten thousand indexes.
pub(super) const MAX_UNKNOWN: usize = 300_000;

/// Keys of objects that are open at one place of the file: it is asked of each whether
/// it stood there before.
const MAX_KEYS: usize = 500_000;

/// What a careful look at a file finds.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) is_object: bool,
    /// `version` and `gsictl.format`; null where they are not there.
    pub(super) version: Value,
    pub(super) format: Value,
    /// Beside the fields of the file, and of `gsictl`.
    pub(super) unknown: Unknown,
    /// Beside the fields of an entry of `gsis`, by its key; no map is empty.
    pub(super) entries: HashMap<String, Map<String, Value>>,
    /// The same of `gsictl.entries`.
    pub(super) records: HashMap<String, Map<String, Value>>,
    kept: usize,
    open_keys: usize,
}

impl Outline {
    pub(super) fn of(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut outline = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        Look { part: Part::Top, outline: &mut outline }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(outline)
    }
}

/// Which part of a file a value is.
#[derive(Clone, Debug)]
enum Part {
    Top,
    Own,
    Entries,
    Records,
    Entry(String),
    Record(String),
    /// What we know, and read elsewhere.
    Known,
}

/// Reads one value, keeping of it what is not known.
struct Look<'o> {
    part: Part,
    outline: &'o mut Outline,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Look<'_> {
    /// What the value of `key` in this part is; nothing where it is not known.
    fn part_of(&self, key: &str) -> Option<Part> {
        let known = |fields: &[&str]| fields.contains(&key).then_some(Part::Known);
        match &self.part {
            Part::Top if key == "gsis" => Some(Part::Entries),
            Part::Top if key == "gsictl" => Some(Part::Own),
            Part::Top => known(&TOP_FIELDS),
            Part::Own if key == "entries" => Some(Part::Records),
            Part::Own => known(&OWN_FIELDS),
            Part::Entries => Some(Part::Entry(key.to_owned())),
            Part::Records => Some(Part::Record(key.to_owned())),
            Part::Entry(_) => known(&SEED_FIELDS),
            Part::Record(_) => known(&RECORD_FIELDS),
            Part::Known => Some(Part::Known),
        }
    }

    fn keep(&mut self, key: String, value: Value) {
        let outline = &mut *self.outline;
        let fields = match &self.part {
            Part::Own => &mut outline.unknown.ours,
            Part::Entry(entry) => outline.entries.entry(entry.clone()).or_default(),
            Part::Record(entry) => outline.records.entry(entry.clone()).or_default(),
            _ => &mut outline.unknown.seeds,
        };
        fields.insert(key, value);
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(Look { part: Part::Known, outline: &mut *self.outline })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.outline.is_object |= matches!(self.part, Part::Top);
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.outline.open_keys += 1;
            if self.outline.open_keys > MAX_KEYS {
                return Err(A::Error::custom(format_args!("more than {MAX_KEYS} fields")));
            }
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("{key:?} stands there twice")));
            }
            let kept = match (&self.part, key.as_str()) {
                (Part::Top, "version") => Some(&mut self.outline.version),
                (Part::Own, "format") => Some(&mut self.outline.format),
                _ => None,
            };
            if let Some(kept) = kept {
                *kept = map.next_value_seed(Tree(&mut self.outline.kept))?;
            } else if let Some(part) = self.part_of(&key) {
                map.next_value_seed(Look { part, outline: &mut *self.outline })?;
            } else {
                let value = map.next_value_seed(Tree(&mut self.outline.kept))?;
                self.keep(key.clone(), value);
            }
            keys.insert(key);
        }
        self.outline.open_keys -= keys.len();
        Ok(())
    }
}

/// The verdict of a validation, by the same rules; null is none.
pub(super) fn verdict<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let value = Tree(&mut 0).deserialize(from)?;
    Ok(Some(value).filter(|value| !value.is_null()))
}

/// Any JSON in which no object has a key twice; it counts its values. serde_json itself
/// takes the last of them, and bounds the depth to 128.
struct Tree<'k>(&'k mut usize);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.0 += 1;
        if *self.0 > MAX_UNKNOWN {
            let what = format_args!("more than {MAX_UNKNOWN} values beside what gsictl knows");
            return Err(D::Error::custom(what));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Tree(&mut *self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name:?} stands there twice")));
            }
            let value = map.next_value_seed(Tree(&mut *self.0))?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
