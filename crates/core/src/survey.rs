//! The first look: every table of the definitions is described once.
//!
//! The very first contact fails fast where waiting cannot help (nothing listens,
//! no region, no credentials, a wrong clock): a person is sitting there. Once
//! DynamoDB has answered anything, trouble is waited out for a while.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, ErrorKind, Reply};
use crate::catalog::{Catalog, Sighting};
use crate::event::Event;
use crate::machine::{CallId, Effect, Machine};
use crate::name::TableName;
use crate::state::Serial;
use crate::time::Timestamp;

/// DescribeTable calls under way at once. DynamoDB's control plane takes about
/// 2,500 requests a second, shared with everybody in the account.
const AT_ONCE: usize = 32;
/// How often one table's description is tried.
const TRIES: u32 = 5;

/// Why there is no catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// A description failed for good, or time and again.
    #[error("cannot describe table {table}: {error}")]
    Call {
        /// The table that was asked for.
        table: TableName,
        /// The last error.
        error: CallError,
        /// Whether DynamoDB had answered anything at all before.
        first_contact: bool,
    },
    /// It was interrupted.
    #[error("interrupted")]
    Stopped,
}

/// Describes tables, each once; at the end there is a [`Catalog`].
#[derive(Debug)]
pub struct Survey {
    todo: VecDeque<(TableName, u32)>,
    later: BTreeMap<(Timestamp, TableName), u32>,
    asked: BTreeMap<CallId, (TableName, Timestamp, u32)>,
    next_id: u64,
    answered: bool,
    catalog: Catalog,
    failed: Option<SurveyError>,
    events: VecDeque<Event>,
}

impl Survey {
    /// A survey of `tables`; one named twice is described once.
    pub fn new<'a>(tables: impl IntoIterator<Item = &'a TableName>) -> Self {
        let tables: std::collections::BTreeSet<_> = tables.into_iter().cloned().collect();
        Self {
            todo: tables.into_iter().map(|t| (t, 0)).collect(),
            later: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_id: 0,
            answered: false,
            catalog: Catalog::default(),
            failed: None,
            events: VecDeque::new(),
        }
    }

    /// What was seen.
    ///
    /// # Errors
    /// [`SurveyError`] where a table could not be described.
    pub fn into_catalog(self) -> Result<Catalog, SurveyError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.catalog),
        }
    }

    fn on_error(&mut self, now: Timestamp, table: TableName, tries: u32, error: CallError) {
        match error.kind {
            ErrorKind::TableNotFound | ErrorKind::IndexNotFound => {
                self.answered = true;
                self.catalog.insert(table, now, Sighting::Missing);
            }
            ErrorKind::AccessDenied => {
                self.answered = true;
                self.catalog.insert(table, now, Sighting::Denied(error.message));
            }
            kind if self.is_worth_waiting(kind) && tries < TRIES => {
                let wait = Duration::from_secs(1 << tries.min(4));
                self.events.push_back(Event::LookFailed {
                    table: table.clone(),
                    error: error.to_string(),
                    retry_in: wait,
                });
                self.later.insert((now + wait, table), tries + 1);
            }
            _ => {
                let first_contact = !self.answered;
                let failed = SurveyError::Call { table, error, first_contact };
                self.failed.get_or_insert(failed);
            }
        }
    }

    fn is_worth_waiting(&self, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::Throttled | ErrorKind::Server => true,
            ErrorKind::Connection | ErrorKind::Timeout => self.answered,
            _ => false,
        }
    }
}

impl Machine for Survey {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if self.failed.is_some() || self.asked.len() >= AT_ONCE {
            return None;
        }
        // Before the first answer one call is enough to find out what is wrong.
        if !self.answered && !self.asked.is_empty() {
            return None;
        }
        while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= now) {
            let ((_, table), tries) = entry.remove_entry();
            self.todo.push_back((table, tries));
        }
        let (table, tries) = self.todo.pop_front()?;
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, (table.clone(), now, tries));
        Some(Effect::Call(id, Call::DescribeTable(table)))
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some((table, asked_at, tries)) = self.asked.remove(&id) else {
            return;
        };
        match reply {
            Ok(Reply::Table(description)) => {
                self.answered = true;
                self.catalog.insert(table, asked_at, Sighting::Found(description));
            }
            Ok(Reply::Done) => self.catalog.insert(table, asked_at, Sighting::Missing),
            Err(error) => self.on_error(now, table, tries, error),
        }
    }

    fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}

    fn on_stop(&mut self, _: Timestamp) {
        self.failed.get_or_insert(SurveyError::Stopped);
    }

    fn is_over(&self) -> bool {
        let idle = self.todo.is_empty() && self.later.is_empty() && self.asked.is_empty();
        self.failed.is_some() || idle
    }
}
