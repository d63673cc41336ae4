//! Waiting for indexes without touching anything: the waiter that AWS's own
//! tools lack. It reads, takes no lock and keeps no state.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, ErrorKind, Reply};
use crate::catalog::{IndexStatus, TableDescription};
use crate::classify::is_known;
use crate::event::Event;
use crate::machine::{CallId, Effect, Machine};
use crate::name::{IndexId, IndexName, TableName};
use crate::plan::replicas_are_ready;
use crate::retry::{Rule, Strategy, poll_interval, poll_retry};
use crate::state::Serial;
use crate::time::Timestamp;

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// All of them are ready, each after so long from the first look.
    Ready(Vec<(IndexName, Duration)>),
    /// The time-out struck; these are not ready.
    TimedOut(Vec<IndexName>),
    /// There is nothing to wait for: no such table.
    NoTable,
    /// There is nothing to wait for: these do not exist, or are being deleted.
    Missing(Vec<IndexName>),
    /// DynamoDB cannot be asked.
    Failed(CallError),
    /// It was interrupted.
    Stopped,
}

/// Waits until indexes of one table are ready.
#[derive(Debug)]
pub struct Watch {
    table: TableName,
    indexes: Vec<IndexName>,
    began: Timestamp,
    deadline: Option<Timestamp>,
    next_look: Timestamp,
    asked: Option<CallId>,
    next_id: u64,
    failures: u32,
    answered: bool,
    phases: BTreeMap<IndexName, bool>,
    ready: Vec<(IndexName, Duration)>,
    events: VecDeque<Event>,
    waiting: Vec<IndexName>,
    result: Option<Watched>,
}

impl Watch {
    /// Waits for `indexes` of `table`; for all it has where none is named.
    #[must_use]
    pub fn new(
        now: Timestamp,
        table: TableName,
        indexes: Vec<IndexName>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            table,
            waiting: indexes.clone(),
            indexes,
            began: now,
            deadline: timeout.map(|t| now + t),
            next_look: now,
            asked: None,
            next_id: 0,
            failures: 0,
            answered: false,
            phases: BTreeMap::new(),
            ready: Vec::new(),
            events: VecDeque::new(),
            result: None,
        }
    }

    /// How it ended; [`Watched::Stopped`] where it did not.
    #[must_use]
    pub fn into_result(self) -> Watched {
        self.result.unwrap_or(Watched::Stopped)
    }

    fn on_table(&mut self, now: Timestamp, table: &TableDescription) {
        let named = if self.indexes.is_empty() {
            table.indexes.iter().map(|i| i.name.clone()).collect()
        } else {
            self.indexes.clone()
        };
        let gone =
            |name: &&IndexName| table.index(name).is_none_or(|i| i.status == IndexStatus::Deleting);
        let missing: Vec<_> = named.iter().filter(gone).cloned().collect();
        if !missing.is_empty() {
            self.result = Some(Watched::Missing(missing));
            return;
        }
        self.waiting.clear();
        for name in named {
            self.on_index(now, table, name);
        }
        if self.waiting.is_empty() {
            self.result = Some(Watched::Ready(std::mem::take(&mut self.ready)));
        }
        self.next_look = now + poll_interval(now - self.began);
    }

    fn on_index(&mut self, now: Timestamp, table: &TableDescription, name: IndexName) {
        if self.ready.iter().any(|(ready, _)| *ready == name) {
            return;
        }
        let id = IndexId::new(self.table.clone(), name.clone());
        let Some(index) = table.index(&name) else {
            return;
        };
        let before = self.phases.insert(name.clone(), index.backfilling);
        if index.is_ready() && replicas_are_ready(table, &name) {
            let took = now - self.began;
            self.events.push_back(match before {
                None => Event::AlreadyActive(id),
                // It was being built when it was first seen.
                Some(_) => Event::Activated { id, took, whole: false },
            });
            self.ready.push((name, took));
            return;
        }
        match before {
            None => self.events.push_back(Event::Adopted { id, backfilling: index.backfilling }),
            Some(false) if index.backfilling => self.events.push_back(Event::Backfilling(id)),
            Some(_) => {}
        }
        self.waiting.push(name);
    }

    fn on_error(&mut self, now: Timestamp, error: CallError) {
        let hopeless = Rule::of(error.kind).strategy == Strategy::Permanent;
        let worth_waiting = match error.kind {
            ErrorKind::Throttled => true,
            // What answers, but not as DynamoDB does, is the wrong endpoint.
            ErrorKind::Server => is_known(&error.code),
            _ => false,
        };
        if error.kind == ErrorKind::TableNotFound {
            self.result = Some(Watched::NoTable);
        } else if hopeless || !(self.answered || worth_waiting) {
            self.result = Some(Watched::Failed(error));
        } else {
            self.failures = self.failures.saturating_add(1);
            let retry_in = poll_retry(self.failures);
            let table = self.table.clone();
            self.events.push_back(Event::LookFailed { table, error: error.to_string(), retry_in });
            self.next_look = now + retry_in;
        }
    }
}

impl Machine for Watch {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if self.result.is_none() && self.deadline.is_some_and(|at| at <= now) {
            self.result = Some(Watched::TimedOut(self.waiting.clone()));
        }
        if self.result.is_some() || self.asked.is_some() || self.next_look > now {
            return None;
        }
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked = Some(id);
        Some(Effect::Call(id, Call::DescribeTable(self.table.clone())))
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let look = self.asked.is_none().then_some(self.next_look);
        look.into_iter().chain(self.deadline).min()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        if self.asked.take_if(|asked| *asked == id).is_none() || self.result.is_some() {
            return;
        }
        match reply.and_then(Reply::into_table) {
            Ok(table) => {
                (self.answered, self.failures) = (true, 0);
                self.on_table(now, &table);
            }
            Err(error) => self.on_error(now, error),
        }
    }

    fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}

    fn on_stop(&mut self, _: Timestamp) {
        self.result.get_or_insert(Watched::Stopped);
    }

    fn is_over(&self) -> bool {
        self.result.is_some() && self.events.is_empty()
    }
}
