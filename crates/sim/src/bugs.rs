//! Deliberate bugs. The simulator is worth something only as long as it finds
//! each of them; a test plants them one by one.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gsictl_core::apply::Prepared;
use gsictl_core::call::{Call, CallError, Effect as Applied, ErrorKind, Reply};
use gsictl_core::catalog::{IndexStatus, TableDescription, TableStatus};
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Outcome, Verdict};
use gsictl_core::machine::{CallId, Effect, Machine};
use gsictl_core::name::{IndexId, IndexName};
use gsictl_core::plan::Action;
use gsictl_core::retry::Policy;
use gsictl_core::rollback::Kept;
use gsictl_core::state::{Entry, Owner, Serial, State, Step};
use gsictl_core::time::Timestamp;
use gsictl_driver::store::disk::{Disk, Locking, Stamp};
use gsictl_driver::store::{FileStore, MemoryDisk, StateStore};

macro_rules! bugs {
    ($($bug:ident = $name:literal: $text:literal),+ $(,)?) => {
        /// One mistake that a program like this could have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $(#[doc = $text] $bug,)+
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }

            /// What is wrong.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$bug => $text,)+ }
            }
        }
    };
}

bugs! {
    CallBeforeSave = "call-before-save": "The create goes out before its intent is durable.",
    BlindRepeat = "blind-repeat": "A create whose answer was lost is repeated without a look.",
    TrustsStaleLook = "trusts-stale-look": "A description just after a create is believed.",
    RenameWithoutSync = "rename-without-sync": "The state is renamed before its bytes are safe.",
    TwoBuilds = "two-builds": "Indexes that others build on the table are overlooked.",
    LostCount = "lost-count": "The count of failed attempts is forgotten between runs.",
    WrongUnit = "wrong-unit": "The waits between attempts are taken for milliseconds.",
    TrustsActive = "trusts-active": "What the state calls active is not looked at.",
    IgnoresFailedSave = "ignores-failed-save": "A save that failed is taken for done.",
    SerialStartsAnew = "serial-starts-anew": "The serial is forgotten between runs.",
    AdoptsAnything = "adopts-anything": "An index of that name is taken for ours, whatever its keys.",
    IgnoresOwner = "rollback-ignores-owner": "A rollback deletes what was there before, too.",
    IgnoresKeys = "rollback-ignores-keys": "A rollback deletes an index of that name, whatever its keys.",
    KeepsOwnership = "delete-keeps-ownership": "What a rollback deleted counts as ours when somebody makes it again.",
    BelievesAnyAnswer = "believes-any-answer": "An answer about another table is believed.",
    BelievesAnOlderState = "believes-an-older-state": "A state is believed beside a newer one of its lineage.",
    RepeatsForEver = "repeats-for-ever": "Attempts are not counted.",
    DeniesWhatWasDone = "denies-what-was-done": "What was deleted is told to have been kept.",
    NeverFinished = "never-finished": "A rollback that was killed before its archive is never archived.",
    WaitsForLasting = "waits-for-lasting": "A refusal that lasts is waited for.",
    WaitOfZero = "wait-of-zero": "After a refusal nothing is waited for.",
    AbsentWhileUpdating = "absent-while-updating": "What was acknowledged and is not shown is taken for gone while its table is UPDATING.",
    OverlooksVectors = "overlooks-vectors": "Vector indexes that are being built are overlooked.",
    ReadyAtHome = "ready-at-home": "An index of a global table is ready where one region says so.",
    ArchivesTooEarly = "archives-too-early": "The state is archived while indexes are missing.",
}

impl Bug {
    /// The store of a run with this bug.
    #[must_use]
    pub fn store(bug: Option<Self>, disk: &MemoryDisk) -> Box<dyn StateStore> {
        if bug == Some(Self::RenameWithoutSync) {
            return Box::new(FileStore::on(Unsynced(disk.clone())));
        }
        Box::new(disk.store())
    }

    /// The state as a run with this bug reads it.
    pub(crate) fn loaded(bug: Option<Self>, bytes: &mut Vec<u8>) {
        let (name, value) = match bug {
            Some(Self::LostCount) => ("\"retry_count\": ", "0"),
            Some(Self::SerialStartsAnew) => ("\"serial\": ", "1"),
            _ => return,
        };
        let text = String::from_utf8_lossy(bytes);
        let mut parts = text.split(name);
        let mut changed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            changed.push_str(name);
            changed.push_str(value);
            changed.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        *bytes = changed.into_bytes();
    }

    /// The policy of a run with this bug.
    #[must_use]
    pub(crate) fn policy(bug: Option<Self>, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        match bug {
            Some(Self::TrustsStaleLook) => policy.visibility = Duration::ZERO,
            Some(Self::RepeatsForEver) => policy.max_attempts = u32::MAX,
            Some(Self::WrongUnit) => policy.backoff.iter_mut().for_each(|wait| *wait /= 1_000),
            _ => {}
        }
        policy
    }

    /// Whose the indexes are, for a rollback with this bug.
    pub(crate) fn owned(bug: Option<Self>, state: &mut State, now: Timestamp) {
        let ours = |entry: &Entry| match bug {
            Some(Self::IgnoresOwner) => entry.record().owner == Some(Owner::Found),
            Some(Self::KeepsOwnership) => {
                entry.record().deleted_at.is_some() && entry.record().owner != Some(Owner::Run)
            }
            _ => false,
        };
        let all = state.entries().filter(|(_, entry)| ours(entry));
        let all: Vec<_> = all.map(|(id, entry)| (id.clone(), entry.clone())).collect();
        for (id, entry) in all {
            let table_id = entry.record().table_id.clone();
            let spec = entry.record().spec.clone().unwrap_or_default();
            for step in
                [Step::SeenAbsent, Step::Intend { at: now, table_id, spec }, Step::Acknowledge]
            {
                let _ = state.apply(&id, step);
            }
        }
    }

    /// What a run with this bug says at its end.
    pub(crate) fn told(bug: Option<Self>, outcome: &mut Outcome) {
        if bug != Some(Self::DeniesWhatWasDone) {
            return;
        }
        for (_, verdict) in &mut outcome.verdicts {
            if let Verdict::Deleted(_) = verdict {
                *verdict = Verdict::Kept(Kept::NotOurs);
            }
        }
    }

    /// What a run with this bug makes of its plan.
    pub(crate) fn prepared(bug: Option<Self>, prepared: &mut Prepared) {
        if bug != Some(Self::TrustsActive) {
            return;
        }
        let state = &prepared.state;
        for table in &mut prepared.plan.tables {
            table
                .indexes
                .retain(|i| i.action == Action::Keep || !state.should_skip(&i.definition.id));
        }
        prepared.plan.tables.retain(|table| !table.indexes.is_empty());
    }
}

/// A machine with a bug, or without.
pub struct Buggy<M> {
    inner: M,
    bug: Option<Bug>,
    /// What the definitions say, where a bug asks.
    wanted: Definitions,
    /// A create to be repeated, under the number of the first.
    again: Option<(CallId, Call)>,
    creates: Vec<(CallId, Call)>,
    /// Changes that are not answered, where a bug asks.
    changes: Vec<(CallId, IndexId)>,
    /// Indexes whose create was acknowledged.
    taken: Vec<IndexId>,
    /// How far the machine takes the time to be.
    ahead: Duration,
}

impl<M: Machine> Buggy<M> {
    /// Puts `bug` into the machine.
    #[must_use]
    pub fn new(inner: M, bug: Option<Bug>, wanted: &Definitions) -> Self {
        let wanted = bug.map(|_| wanted.clone()).unwrap_or_default();
        Self {
            inner,
            bug,
            wanted,
            again: None,
            creates: Vec::new(),
            changes: Vec::new(),
            taken: Vec::new(),
            ahead: Duration::ZERO,
        }
    }

    /// The machine.
    #[must_use]
    pub fn into_inner(self) -> M {
        self.inner
    }

    fn show(&self, mut reply: Result<Reply, CallError>) -> Result<Reply, CallError> {
        if let (Err(error), Some(Bug::WaitsForLasting)) = (&mut reply, self.bug)
            && error.kind == ErrorKind::QuotaReached
        {
            error.kind = ErrorKind::AccountLimit;
        }
        if let Ok(Reply::Table(table)) = &mut reply {
            match self.bug {
                Some(Bug::AbsentWhileUpdating) => self.overlook_the_update(table),
                Some(Bug::OverlooksVectors) => table.vector_indexes.clear(),
                Some(Bug::ReadyAtHome) => table.replicas.retain(|r| r.status != "ACTIVE"),
                Some(Bug::TwoBuilds) => self.overlook_others(table),
                Some(Bug::AdoptsAnything | Bug::IgnoresKeys) => self.overlook_keys(table),
                _ => {}
            }
        }
        reply
    }

    fn overlook_the_update(&self, table: &mut TableDescription) {
        let unseen = |id: &&IndexId| id.table == table.name && table.index(&id.index).is_none();
        if table.status == TableStatus::Updating && self.taken.iter().any(|id| unseen(&id)) {
            table.status = TableStatus::Active;
        }
    }

    /// A change of the machine's is answered.
    fn answered(&mut self, id: CallId, reply: &Result<Reply, CallError>) {
        let Some(n) = self.changes.iter().position(|(of, _)| *of == id) else { return };
        let (_, index) = self.changes.remove(n);
        match (reply, self.bug) {
            (Ok(_), Some(Bug::AbsentWhileUpdating)) => self.taken.push(index),
            // Longer than any wait that follows a refusal but for an hour's.
            (Err(_), Some(Bug::WaitOfZero)) => self.ahead += Duration::from_secs(600),
            _ => {}
        }
    }

    fn overlook_others(&self, table: &mut TableDescription) {
        let wanted = |name: &IndexName| {
            self.wanted.indexes.iter().any(|d| d.id.table == table.name && d.id.index == *name)
        };
        table.indexes.retain(|i| i.status == IndexStatus::Active || wanted(&i.name));
    }

    fn overlook_keys(&self, table: &mut TableDescription) {
        for definition in self.wanted.indexes.iter().filter(|d| d.id.table == table.name) {
            for index in table.indexes.iter_mut().filter(|i| i.name == definition.id.index) {
                index.key_schema.clone_from(&definition.key_schema);
                index.projection = definition.projection.clone();
                table.attributes.extend(definition.attributes.clone());
            }
        }
    }
}

impl<M: Machine> Machine for Buggy<M> {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some((id, call)) = self.again.take() {
            return Some(Effect::Call(id, call));
        }
        let effect = self.inner.poll(now + self.ahead);
        if let (Some(Effect::Call(id, call)), Some(_)) = (&effect, self.bug)
            && let Some(index) = changed_by(call)
        {
            self.changes.push((*id, index));
        }
        match (&effect, self.bug) {
            (Some(Effect::Save(snapshot)), Some(Bug::CallBeforeSave)) => {
                self.inner.on_saved(now, snapshot.serial, Ok(()));
            }
            (Some(Effect::Call(id, call @ Call::CreateIndex(_))), Some(Bug::BlindRepeat)) => {
                self.creates.push((*id, call.clone()));
            }
            _ => {}
        }
        effect
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let early = |at: Timestamp| Timestamp::from_millis(at.as_millis() - millis(self.ahead));
        self.inner.wake_at().map(early)
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let lost = |e: &CallError| e.effect == Applied::Unknown;
        if reply.as_ref().is_err_and(lost)
            && let Some(n) = self.creates.iter().position(|(of, _)| *of == id)
        {
            self.again = Some(self.creates.remove(n));
            return;
        }
        let reply = self.show(reply);
        let ahead = self.ahead;
        self.answered(id, &reply);
        self.inner.on_reply(now + ahead, id, reply);
    }

    fn on_saved(&mut self, now: Timestamp, serial: Serial, result: Result<(), String>) {
        let result = if self.bug == Some(Bug::IgnoresFailedSave) { Ok(()) } else { result };
        self.inner.on_saved(now + self.ahead, serial, result);
    }

    fn on_stop(&mut self, now: Timestamp) {
        self.inner.on_stop(now + self.ahead);
    }

    fn is_over(&self) -> bool {
        self.again.is_none() && self.inner.is_over()
    }
}

/// The index that a call changes.
fn changed_by(call: &Call) -> Option<IndexId> {
    match call {
        Call::CreateIndex(create) => Some(IndexId::new(create.table.clone(), create.index.clone())),
        Call::DeleteIndex { table, index } => Some(IndexId::new(table.clone(), index.clone())),
        _ => None,
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// A disk that nobody syncs.
struct Unsynced(MemoryDisk);

impl Disk for Unsynced {
    type File = <MemoryDisk as Disk>::File;
    type Lock = <MemoryDisk as Disk>::Lock;

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn try_lock(&self, name: &str, text: &str) -> io::Result<Locking<Self::Lock>> {
        self.0.try_lock(name, text)
    }

    fn holds(&self, lock: &Self::Lock, name: &str) -> io::Result<bool> {
        self.0.holds(lock, name)
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        self.0.stamp(name)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        self.0.read(name, limit)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<Self::File> {
        self.0.create(name, bytes)
    }

    fn sync(&self, _: &Self::File) -> io::Result<Stamp> {
        let written = self.names()?.into_iter().find(|name| name.ends_with("-tmp"));
        let stamp = self.0.stamp(&written.unwrap_or_default())?;
        stamp.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.0.sync_names()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }
}
