//! The invariants of ARCHITECTURE.md that a single run can break, held after every step.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{Call, CallError, Effect, ErrorKind, Reply};
use gsictl_core::catalog::TableDescription;
use gsictl_core::machine::{CallId, Snapshot};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::state::{Owner, Serial, State, Status};
use gsictl_core::time::Timestamp;

#[derive(Debug)]
enum Seen {
    Missing,
    Found(Box<TableDescription>),
}

/// What the world remembers of a machine's calls, saves and answers.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// The newest state that the run was told is durable.
    confirmed: Option<State>,
    save_failed: bool,
    newest: Option<Serial>,
    /// Calls that change a table and are not answered.
    unanswered: BTreeMap<TableName, CallId>,
    /// The newest description of each table, if asked after our last change.
    seen: BTreeMap<TableName, Seen>,
    changed: BTreeMap<TableName, Timestamp>,
    asked: BTreeMap<CallId, Timestamp>,
    /// The serial of the intent that the last create of an index rested on.
    intents: BTreeMap<IndexId, Serial>,
    /// Creates that may have been applied, with no look since that showed the
    /// index absent.
    may_exist: BTreeSet<IndexId>,
}

impl Checks {
    /// No create is under way.
    pub(crate) fn all_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// A run begins, on what is durable.
    pub(crate) fn begin(&mut self, state: Option<&State>) {
        self.confirmed = state.cloned();
        self.newest = state.map(State::serial);
        self.save_failed = false;
        self.unanswered.clear();
        self.seen.clear();
        self.changed.clear();
        self.asked.clear();
        self.intents.clear();
    }

    /// Invariant 5.
    pub(crate) fn on_save(&mut self, serial: Serial) {
        assert!(
            self.newest.is_none_or(|newest| serial > newest),
            "serial {serial} follows {:?}",
            self.newest
        );
        assert!(!self.save_failed, "a save after a failed one");
        self.newest = Some(serial);
    }

    pub(crate) fn on_saved(&mut self, snapshot: &Snapshot, result: &Result<(), String>) {
        if result.is_err() {
            self.save_failed = true;
            return;
        }
        let state = State::parse(&snapshot.bytes);
        self.confirmed = Some(state.expect("what was saved can be read"));
    }

    pub(crate) fn on_call(&mut self, now: Timestamp, id: CallId, call: &Call) {
        assert!(!self.save_failed, "a call after a failed save: {call:?}");
        self.asked.insert(id, now);
        if let Call::CreateIndex(create) = call {
            let index = IndexId::new(create.table.clone(), create.index.clone());
            self.one_at_a_time(id, &index);
            self.intent_is_durable(now, &index);
            assert!(
                self.may_exist.insert(index.clone()),
                "{index} is created again, and no look showed it absent"
            );
        } else {
            assert!(!call.is_mutating(), "a run only creates: {call:?}");
        }
    }

    /// Invariant 1.
    fn one_at_a_time(&mut self, id: CallId, index: &IndexId) {
        let before = self.unanswered.insert(index.table.clone(), id);
        assert_eq!(before, None, "two unanswered creates on {}", index.table);
        let seen = self.seen.get(&index.table);
        let free = matches!(seen, Some(Seen::Found(table)) if table.is_free());
        assert!(free, "{index} is created while its table shows {seen:?}");
    }

    /// Invariant 4; and each create has an intent of its own.
    fn intent_is_durable(&mut self, now: Timestamp, index: &IndexId) {
        let state = self.confirmed.as_ref().expect("a save before a create");
        let entry = state.entry(index).expect("an entry");
        assert_eq!(entry.status(), Status::InProgress, "{index}");
        assert_eq!(entry.record().owner, Some(Owner::Inferred), "{index}");
        assert!(entry.record().intent_at.is_some_and(|at| at <= now));
        let serial = state.serial();
        let last = self.intents.insert(index.clone(), serial);
        assert!(last.is_none_or(|last| last < serial), "{index} is created twice on one intent");
    }

    pub(crate) fn on_reply(
        &mut self,
        now: Timestamp,
        id: CallId,
        call: &Call,
        result: &Result<Reply, CallError>,
    ) {
        let asked_at = self.asked.remove(&id).expect("a call that was asked");
        match call {
            Call::DescribeTable(table) => self.on_look(table, asked_at, result),
            Call::CreateIndex(create) => {
                self.unanswered.remove(&create.table);
                self.changed.insert(create.table.clone(), now);
                let index = IndexId::new(create.table.clone(), create.index.clone());
                match result {
                    Ok(Reply::Table(table)) => {
                        let seen = Seen::Found(table.clone());
                        self.seen.insert(create.table.clone(), seen);
                    }
                    Err(error) if error.effect == Effect::NotApplied => {
                        self.may_exist.remove(&index);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn on_look(
        &mut self,
        table: &TableName,
        asked_at: Timestamp,
        result: &Result<Reply, CallError>,
    ) {
        if self.changed.get(table).is_some_and(|at| asked_at < *at) {
            return;
        }
        let seen = match result {
            Ok(Reply::Table(description)) => {
                let gone =
                    |id: &IndexId| id.table == *table && description.index(&id.index).is_none();
                self.may_exist.retain(|id| !gone(id));
                Seen::Found(description.clone())
            }
            Err(error) if error.kind == ErrorKind::TableNotFound => {
                self.may_exist.retain(|id| id.table != *table);
                Seen::Missing
            }
            _ => return,
        };
        self.seen.insert(table.clone(), seen);
    }
}
