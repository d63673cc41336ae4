//! A state file, as far as the invariants are about it.

use std::collections::BTreeMap;

use gsictl_core::name::{IndexId, IndexName, TableName};
use serde::Deserialize;

/// A state file, as far as the invariants are about it.
#[derive(Debug, Default, Deserialize)]
pub struct Saved {
    gsis: BTreeMap<String, SavedEntry>,
    gsictl: Option<SavedOwn>,
}

/// One entry of a state file in the seeds' fields.
#[derive(Debug, Deserialize)]
pub struct SavedEntry {
    table_name: String,
    index_name: String,
    /// Its status.
    pub status: String,
    /// Attempts that failed.
    pub retry_count: u64,
    /// What was last wrong with it.
    pub last_error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SavedOwn {
    lineage: String,
    rolling_back_since: Option<String>,
    serial: u64,
    #[serde(default)]
    entries: BTreeMap<String, SavedRecord>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SavedRecord {
    pub(super) owner: Option<String>,
    pub(super) intent_at: Option<String>,
    pub(super) delete_intent_at: Option<String>,
}

impl Saved {
    /// # Panics
    /// Where the bytes are no state file: invariant 5.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).expect("invariant 5: what is durable can be read")
    }

    /// Every entry with its index.
    pub fn entries(&self) -> impl Iterator<Item = (IndexId, &SavedEntry)> {
        self.gsis.values().filter_map(|entry| {
            let table = TableName::new(&entry.table_name).ok()?;
            Some((IndexId::new(table, IndexName::new(&entry.index_name).ok()?), entry))
        })
    }

    /// Whose the index is, as far as it is written.
    #[must_use]
    pub fn owner(&self, id: &IndexId) -> Option<&str> {
        self.record(id)?.owner.as_deref()
    }

    pub(super) fn entry(&self, id: &IndexId) -> Option<(&str, &SavedEntry)> {
        let is =
            |e: &SavedEntry| e.table_name == id.table.as_str() && e.index_name == id.index.as_str();
        self.gsis.iter().find(|(_, e)| is(e)).map(|(key, e)| (key.as_str(), e))
    }

    pub(super) fn record(&self, id: &IndexId) -> Option<&SavedRecord> {
        self.gsictl.as_ref()?.entries.get(self.entry(id)?.0)
    }

    /// Which state it is, of all that ever began. One of the seeds' tool has none.
    #[must_use]
    pub fn lineage(&self) -> &str {
        self.gsictl.as_ref().map_or("", |own| &own.lineage)
    }

    /// Whether a rollback has begun on it, none would find anything to delete, and
    /// nothing is on its way.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        if self.gsictl.as_ref().is_none_or(|own| own.rolling_back_since.is_none()) {
            return false;
        }
        self.entries().all(|(id, entry)| {
            let left =
                |r: &SavedRecord| r.owner.as_deref() == Some("run") || r.delete_intent_at.is_some();
            entry.status != "in_progress" && !self.record(&id).is_some_and(left)
        })
    }

    /// Counts the saves of its lineage.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.gsictl.as_ref().map_or(0, |own| own.serial)
    }
}
