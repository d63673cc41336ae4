//! The state file as a value: what a run knows about each index, and what it
//! remembers from one run to the next (docs/state-file.md).
//!
//! Entries change through [`State::apply`] alone. [`State::parse`] reads a file
//! of ours or of the seeds' tool, [`State::render`] writes one that both read.
//! Nothing here touches a file: who saves the bytes keeps the promises about
//! crashes (`gsictl-driver`'s `store`).

mod format;
mod outline;
mod place;
mod render;
mod seeds;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transition;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::definition::Definitions;
use crate::name::IndexId;
use crate::time::Timestamp;

pub use format::ParseError;
pub use place::{Elsewhere, Looked, Target};
pub use render::Rendered;
pub use seeds::{Standing, StatusReport};
pub use transition::{IllegalTransition, Step};

/// How many attempts an entry's history keeps. Enough for four runs of the
/// default five attempts; more would only make every save longer.
pub const HISTORY: usize = 20;

/// Where an index stands; the seeds' four words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not there, as far as is known.
    Pending,
    /// An intent to create it is saved, or it was seen being built.
    InProgress,
    /// It was seen ready.
    Active,
    /// Given up for good, until `--retry-failed`.
    Failed,
}

impl Status {
    /// Every status, in the order in which an index meets them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::InProgress, Self::Active, Self::Failed];

    /// The word in the state file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whose index it is. `rollback` deletes what is [`Owner::Run`], and
/// [`Owner::Inferred`] only when asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// It was absent before our saved intent, and our create was acknowledged.
    Run,
    /// It was absent before our saved intent; no acknowledgement came.
    Inferred,
    /// It was there, or somebody made it again, or its table is another one.
    Found,
}

/// One call that failed, as the history keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When the answer came, to the second.
    pub at: Timestamp,
    /// The kind of the error, in the classifier's word.
    pub kind: String,
    /// DynamoDB's code and message.
    pub message: String,
    /// What was decided.
    pub strategy: String,
    /// How long the next attempt was put off.
    pub delay_seconds: u64,
}

/// What we know of an index beyond the seeds' fields. Losing it breaks nothing:
/// ownership falls back to [`Owner::Found`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, expecting = "what gsictl knows of an index (an object)")]
pub struct Record {
    /// Whose index it is; `None` while there is none, or nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// `TableId` of the table when the intent was saved or the index last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// The newest intent to create it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent_at: Option<Timestamp>,
    /// DynamoDB acknowledged the create of that intent, and the index is still
    /// held to be what it made.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
    /// A description has shown the index being built since that intent: from then on
    /// its absence is no lateness.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub seen: bool,
    /// The newest [`HISTORY`] failed attempts, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// When it was first seen ready, since it was last seen otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// The verdict of the newest validation of this build.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "outline::verdict")]
    pub validation: Option<Value>,
    /// Digest of the definition that the newest intent was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// When `rollback` meant to delete it; `None` where it never did, or where the
    /// index was seen gone since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_intent_at: Option<Timestamp>,
    /// When DynamoDB acknowledged that `rollback` deleted it, or when it was seen gone
    /// after that; `None` from the next intent to delete it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl Record {
    /// Whether a description that was asked for at `asked_at` may not show yet what the
    /// newest intent created. `visibility` is how long that may take, and
    /// `begun` when the run began: an intent that lies ahead of it was noted before
    /// the clock was set back, and counts as one of then.
    ///
    /// On a global table it takes as long as the table is UPDATING (`updating`), whatever
    /// the clock says: the index comes up in the replicas first
    /// (docs/dynamodb.md: unseen). What was shown once and is missing is gone all the same.
    #[must_use]
    pub fn may_be_unseen(
        &self,
        updating: bool,
        asked_at: Timestamp,
        begun: Timestamp,
        visibility: Duration,
    ) -> bool {
        let recent = || self.intent_at.is_some_and(|at| asked_at - at.min(begun) < visibility);
        let shown = self.seen || self.activated_at.is_some();
        (updating && self.is_ours() && !shown) || recent()
    }
}

/// What is known about one index. Changed by [`State::apply`] only.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    status: Status,
    creation_time: Option<Timestamp>,
    retry_count: u32,
    last_error: Option<String>,
    record: Record,
}

impl Entry {
    fn pending() -> Self {
        Self {
            status: Status::Pending,
            creation_time: None,
            retry_count: 0,
            last_error: None,
            record: Record::default(),
        }
    }

    /// Where the index stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The first intent to create it; `None` where we never meant to.
    #[must_use]
    pub fn creation_time(&self) -> Option<Timestamp> {
        self.creation_time
    }

    /// Attempts that failed: 0 after a success at the first try. Waiting in a
    /// queue counts none.
    #[must_use]
    pub fn retry_count(&self) -> u32 {
        self.retry_count
    }

    /// The newest failure, or the obstacle that keeps it from being started.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// What we know beyond the seeds' fields.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }
}

/// Counts the saves of one lineage: the next save has a higher one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Serial(u64);

impl Serial {
    /// The number as it stands in the file; 0 before the first save.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether a state of this serial is taken: saves must be able to follow it.
    #[must_use]
    pub const fn is_legal(self) -> bool {
        self.0 < format::SERIALS
    }
}

impl From<u64> for Serial {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many entries stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All entries.
    pub total: usize,
    /// [`Status::Pending`].
    pub pending: usize,
    /// [`Status::InProgress`].
    pub in_progress: usize,
    /// [`Status::Active`].
    pub active: usize,
    /// [`Status::Failed`].
    pub failed: usize,
}

impl Summary {
    fn of(statuses: impl Iterator<Item = Status>) -> Self {
        let mut summary = Self::default();
        for status in statuses {
            summary.total += 1;
            match status {
                Status::Pending => summary.pending += 1,
                Status::InProgress => summary.in_progress += 1,
                Status::Active => summary.active += 1,
                Status::Failed => summary.failed += 1,
            }
        }
        summary
    }
}

/// What [`State::enlist`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enlisted {
    /// Entries that are new, in definition order.
    pub added: Vec<IndexId>,
    /// Entries that the definitions do not name. They are kept, not built.
    pub unnamed: Vec<IndexId>,
}

/// An entry with what is needed to write it again.
#[derive(Clone, Debug)]
struct Slot {
    /// Its key in the file, for life.
    key: String,
    entry: Entry,
    /// Fields of the file's entry and record that are not ours to know.
    unknown: Unknown,
    changed: bool,
    text: Option<render::Text>,
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.entry == other.entry && self.unknown == other.unknown
    }
}

/// Fields that were read and are written again as they were.
#[derive(Clone, Debug, Default, PartialEq)]
struct Unknown {
    /// Beside the seeds' fields.
    seeds: Map<String, Value>,
    /// Beside ours.
    ours: Map<String, Value>,
}

/// The state of every index that runs here were about, at one place. Two are equal when the
/// files they would write are, but for the times of the saves.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    script_name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    lineage: String,
    serial: Serial,
    target: Target,
    definitions: Option<String>,
    rolling_back_since: Option<Timestamp>,
    foreign: bool,
    unknown: Unknown,
    slots: IndexMap<IndexId, Slot>,
    changes: Changes,
}

/// How many slots changed since the last rendering: what a run asks at every
/// step. No part of what a state is, as [`Slot::changed`] is none of an entry's.
#[derive(Clone, Copy, Debug, Default)]
struct Changes(usize);

impl PartialEq for Changes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl State {
    /// An empty state, for the definitions file `script_name`. `lineage` is
    /// random text that no other state has; it stays for life.
    #[must_use]
    pub fn new(script_name: &str, now: Timestamp, lineage: String) -> Self {
        Self {
            script_name: script_name.to_owned(),
            created_at: now.whole_seconds(),
            updated_at: now.whole_seconds(),
            lineage,
            serial: Serial::default(),
            target: Target::default(),
            definitions: None,
            rolling_back_since: None,
            foreign: false,
            unknown: Unknown::default(),
            slots: IndexMap::new(),
            changes: Changes::default(),
        }
    }

    /// Lets the serials go on behind `serial`, the highest that the directory has seen:
    /// then they put its states in order, whatever clocks say.
    pub fn continue_after(&mut self, serial: Serial) {
        self.serial = self.serial.max(serial);
    }

    /// A rollback of this state begins. It is saved with the next change.
    pub fn begin_rollback(&mut self, now: Timestamp) {
        self.rolling_back_since.get_or_insert(now.whole_seconds());
    }

    /// A run creates again what the state is about.
    pub fn end_rollback(&mut self) {
        self.rolling_back_since = None;
    }

    /// When the rollback began that has not put this state away yet.
    #[must_use]
    pub fn rolling_back_since(&self) -> Option<Timestamp> {
        self.rolling_back_since
    }

    /// Reads a state file, ours or one that the seeds' tool wrote. Nothing is
    /// rendered yet, so the first [`State::render`] renders every entry.
    ///
    /// # Errors
    /// [`ParseError`] says where and what. Who gets it must not write over the
    /// file (docs/state-file.md).
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        format::parse(bytes)
    }

    /// True where the seeds' tool wrote the file: it has no `gsictl` object. It
    /// belongs to nobody yet; [`State::adopt`] makes it ours, with a notice.
    #[must_use]
    pub fn foreign(&self) -> bool {
        self.foreign
    }

    /// Makes a foreign file ours, and that of the definitions file `script_name`.
    pub fn adopt(&mut self, script_name: &str) {
        self.foreign = false;
        self.relabel(script_name);
    }

    /// Names the definitions file that the state was last run for. That is a label: a
    /// state belongs to its place and goes on with any definitions. It is saved with the
    /// next change.
    pub fn relabel(&mut self, script_name: &str) {
        script_name.clone_into(&mut self.script_name);
    }

    /// Says whether this state is about tables at `target`, of which `looked` was seen.
    /// What one side does not know is not compared, and a foreign file is about any.
    ///
    /// # Errors
    /// [`Elsewhere`] names both sides.
    pub fn check_belongs(&self, target: &Target, looked: Looked) -> Result<(), Elsewhere> {
        if self.foreign { Ok(()) } else { self.target.is_at(target, looked) }
    }

    /// Sets where the tables are. What `target` does not know stays as it was,
    /// but for the endpoint, where `None` is an answer.
    pub fn set_target(&mut self, target: Target) {
        self.target = Target {
            account: target.account.or(self.target.account.take()),
            region: target.region.or(self.target.region.take()),
            endpoint: target.endpoint,
        };
    }

    /// Sets the digest of the definitions this state was last run for.
    pub fn set_definitions_digest(&mut self, digest: String) {
        self.definitions = Some(digest);
    }

    /// Adds the indexes that `definitions` names and this state does not, as
    /// pending, and puts all into definition order. Entries that are not named
    /// are kept behind them.
    pub fn enlist(&mut self, definitions: &Definitions) -> Enlisted {
        let ids = || definitions.indexes.iter().map(|d| &d.id);
        let rank: HashMap<&IndexId, usize> = ids().enumerate().map(|(n, id)| (id, n)).collect();
        let unnamed = self.slots.keys().filter(|id| !rank.contains_key(id));
        let unnamed = unnamed.cloned().collect();
        let mut keys: HashSet<String> = self.slots.values().map(|s| s.key.clone()).collect();
        let mut added = Vec::new();
        for id in ids().filter(|id| !self.slots.contains_key(*id)).collect::<Vec<_>>() {
            let key = fresh_key(id, &keys);
            keys.insert(key.clone());
            self.slots.insert(id.clone(), Slot::new(key));
            self.changes.0 += 1;
            added.push(id.clone());
        }
        self.slots.sort_by_cached_key(|id, _| rank.get(id).copied().unwrap_or(usize::MAX));
        Enlisted { added, unnamed }
    }

    /// Takes one step with one entry. An observation is always taken, an action
    /// only where the second table of docs/state-file.md has it. A step that changes nothing
    /// leaves the entry clean.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the entry does not exist or may not take the
    /// step; it is then as it was.
    pub fn apply(&mut self, id: &IndexId, step: Step) -> Result<Status, IllegalTransition> {
        let slot = self.slots.get_mut(id).ok_or_else(|| IllegalTransition::NoEntry(id.clone()))?;
        let before = slot.entry.clone();
        let name = step.name();
        let status = slot.entry.take(step).ok_or(IllegalTransition::Refused {
            id: id.clone(),
            from: before.status,
            step: name,
        })?;
        if slot.entry != before {
            self.changes.0 += usize::from(!slot.changed);
            slot.changed = true;
            slot.text = None;
        }
        Ok(status)
    }

    /// Writes the state as the bytes of the next save: the serial goes up by
    /// one, `updated_at` becomes `now`. Entries that did not change since they
    /// were last rendered are copied, not rendered again.
    ///
    /// Every entry counts as unchanged afterwards. Who fails to save the bytes
    /// must render again before anything else is done (ARCHITECTURE.md, "What always holds").
    pub fn render(&mut self, now: Timestamp) -> Rendered {
        render::render(self, now)
    }

    /// True where an entry changed, or was added, since the last
    /// [`State::render`] or since the file was read.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.changes.0 > 0
    }

    /// How many entries changed since the last [`State::render`].
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changes.0
    }

    /// The entry of `id`.
    #[must_use]
    pub fn entry(&self, id: &IndexId) -> Option<&Entry> {
        self.slots.get(id).map(|slot| &slot.entry)
    }

    /// All entries in definition order, those that the definitions do not name
    /// last.
    pub fn entries(&self) -> impl Iterator<Item = (&IndexId, &Entry)> {
        self.slots.iter().map(|(id, slot)| (id, &slot.entry))
    }

    /// How many entries stand where, counted now.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(self.entries().map(|(_, entry)| entry.status))
    }

    /// The name of the definitions file this state was last run for.
    #[must_use]
    pub fn script_name(&self) -> &str {
        &self.script_name
    }

    /// When the state was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the state was last rendered for a save.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The serial of the newest rendering.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// What tells this state from every other; made once. That of a foreign file
    /// is a digest of its bytes.
    #[must_use]
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// Where the tables are.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The digest of the definitions this state was last run for.
    #[must_use]
    pub fn definitions_digest(&self) -> Option<&str> {
        self.definitions.as_deref()
    }
}

/// `table.index`, or `table/index` where another pair has that key: '/' is legal
/// in neither name, so the second form is always free.
fn fresh_key(id: &IndexId, taken: &HashSet<String>) -> String {
    let dotted = id.to_string();
    if taken.contains(&dotted) {
        return format!("{}/{}", id.table, id.index);
    }
    dotted
}

impl Slot {
    fn new(key: String) -> Self {
        Self {
            key,
            entry: Entry::pending(),
            unknown: Unknown::default(),
            changed: true,
            text: None,
        }
    }
}
