//! A check that was interrupted, as it is kept until it goes on.

use serde::{Deserialize, Serialize};

use super::table::Counted;
use crate::json::{longest_number, said, within};
use crate::name::TableName;
use crate::plan::Selection;
use crate::state::{Looked, Target};
use crate::time::Timestamp;

/// What the field `format` says.
const FORMAT: &str = "gsictl-check";
/// Goes up when a cursor of before can no longer be read, or means something else.
const VERSION: u32 = 1;
/// The most values in it: a thousand indexes with all of their hot keys. They are read
/// as numbers and short texts, most of which take less memory than in the file.
const MAX_VALUES: usize = 8_000_000;
/// Digits of a count. What has more could not be added to.
const LONGEST_COUNT: usize = 16;
/// Bytes of the key that a page begins after. DynamoDB's keys have 3 KB.
const LONGEST_KEY: usize = 65_536;

/// What a check was asked for and a later run of it cannot ask for otherwise: its
/// counts would be of two things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The definitions file, the first of several.
    pub script_name: String,
    /// Which indexes the definitions say, and how.
    pub definitions: String,
    /// Where the tables are; without the account.
    pub target: Target,
    /// `--table`.
    pub tables: Vec<TableName>,
    /// `--index`.
    pub indexes: Vec<crate::name::IndexName>,
    /// `--existing`.
    pub existing: bool,
    /// `--sample`, in percent.
    pub sample: Option<f64>,
    /// `--values`.
    pub values: bool,
    /// `--violations`: where they are written to.
    pub violations_file: Option<String>,
}

impl Asked {
    /// The first option that `later` gives and gives otherwise.
    fn differing(&self, later: &Self) -> Option<&'static str> {
        let file = &later.violations_file;
        let options = [
            ("--table", !later.tables.is_empty() && later.tables != self.tables),
            ("--index", !later.indexes.is_empty() && later.indexes != self.indexes),
            ("--existing", later.existing && !self.existing),
            ("--sample", later.sample.is_some() && later.sample != self.sample),
            ("--values", later.values && !self.values),
            ("--violations", file.is_some() && *file != self.violations_file),
        ];
        options.into_iter().find(|(_, differs)| *differs).map(|(option, _)| option)
    }

    /// Which of the definitions.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection { tables: self.tables.clone(), indexes: self.indexes.clone() }
    }
}

/// Where a check stopped, and what it had counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    format: String,
    version: u32,
    /// How often it was saved.
    pub serial: u64,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// When the check began.
    pub started_at: Timestamp,
    /// What it was asked for.
    pub asked: Asked,
    /// Violations that were told, and so stand in the file of them.
    pub told: u64,
    /// By table.
    pub(super) tables: Vec<TableCursor>,
}

/// Where the check of one table stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TableCursor {
    pub(super) table: TableName,
    /// Another table under the same name has another one.
    pub(super) table_id: Option<String>,
    /// The indexes that were counted, in order.
    pub(super) indexes: Vec<String>,
    pub(super) counted: Counted,
}

/// Why a file is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It is cut off, or is something else.
    #[error("the saved check is damaged: {0}")]
    Damaged(String),
    /// A newer version wrote it.
    #[error("the saved check has format {0}, this gsictl reads format {VERSION}")]
    Newer(u32),
    /// The definitions changed since.
    #[error(
        "the definitions are not those of the interrupted check (of {script}, saved {saved_at})"
    )]
    OtherDefinitions {
        /// The definitions file then.
        script: String,
        /// When.
        saved_at: Timestamp,
    },
    /// The check was of another place.
    #[error("the interrupted check was of {there}, this is {here}")]
    Elsewhere {
        /// Where it was.
        there: String,
        /// Where this one is.
        here: String,
    },
    /// It was asked for with other options.
    #[error("the interrupted check had another {option}, or none: leave it out, it is as it was")]
    OtherOptions {
        /// The first that differs.
        option: &'static str,
    },
    /// A table is no longer the one that was read, or can no longer be checked.
    #[error("table {table} is not as it was when the check was interrupted: {why}")]
    TableChanged {
        /// The table.
        table: TableName,
        /// What about it.
        why: String,
    },
}

impl Cursor {
    pub(super) fn new(
        serial: u64,
        (started_at, saved_at): (Timestamp, Timestamp),
        asked: &Asked,
        told: u64,
        tables: Vec<TableCursor>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            serial,
            saved_at,
            started_at,
            asked: asked.clone(),
            told,
            tables,
        }
    }

    /// The bytes of a file.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Cursor::render`] wrote.
    ///
    /// # Errors
    /// [`CursorError::Damaged`] and [`CursorError::Newer`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CursorError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let damaged = |e: serde_json::Error| CursorError::Damaged(said(&e));
        let head: Head = serde_json::from_slice(bytes).map_err(damaged)?;
        match head {
            Head { format, .. } if format != FORMAT => {
                Err(CursorError::Damaged(format!("its format is {format:?}")))
            }
            Head { version, .. } if version > VERSION => Err(CursorError::Newer(version)),
            _ => {
                within(bytes, MAX_VALUES).map_err(CursorError::Damaged)?;
                if longest_number(bytes) > LONGEST_COUNT {
                    let what = "it has a count that is larger than any check comes to";
                    return Err(CursorError::Damaged(what.to_owned()));
                }
                serde_json::from_slice(bytes).map_err(damaged)
            }
        }
    }

    /// Items that were read.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.tables.iter().map(|table| table.counted.items).sum()
    }

    /// Whether `asked` goes on with what was begun. Options that it leaves out are as
    /// they were.
    ///
    /// # Errors
    /// [`CursorError::OtherDefinitions`], [`CursorError::Elsewhere`],
    /// [`CursorError::OtherOptions`].
    pub fn check_asked(&self, asked: &Asked) -> Result<(), CursorError> {
        if self.asked.definitions != asked.definitions {
            let script = self.asked.script_name.clone();
            return Err(CursorError::OtherDefinitions { script, saved_at: self.saved_at });
        }
        // The account is not known yet; the tables' identities are compared later.
        let (there, here) = (&self.asked.target, &asked.target);
        let known = *there == *here || *there != Target::default();
        if !known || there.is_at(here, Looked::NotYet).is_err() {
            return Err(CursorError::Elsewhere {
                there: self.asked.target.to_string(),
                here: asked.target.to_string(),
            });
        }
        match self.asked.differing(asked) {
            Some(option) => Err(CursorError::OtherOptions { option }),
            None => Ok(()),
        }
    }
}

/// The key that the next page begins after, in DynamoDB's JSON.
pub(super) mod key {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use crate::attribute::{key_from_json, key_json};
    use crate::call::Item;

    #[expect(clippy::ref_option, reason = "it is what serde hands over")]
    pub(in crate::check) fn serialize<S: Serializer>(
        key: &Option<Item>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        key.as_ref().map(key_json).serialize(to)
    }

    pub(in crate::check) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Item>, D::Error> {
        let key: Option<Box<RawValue>> = Option::deserialize(from)?;
        let Some(key) = key else { return Ok(None) };
        // As text first: values are many times as large.
        let value = Some(key.get()).filter(|text| text.len() <= super::LONGEST_KEY);
        let value = value.and_then(|text| serde_json::from_str(text).ok());
        let key = value.and_then(|value: serde_json::Value| key_from_json(&value));
        key.map(Some).ok_or_else(|| D::Error::custom("no key of an item"))
    }
}
