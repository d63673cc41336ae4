//! The first look: every table of the definitions is described once.
//!
//! The very first contact fails fast where waiting cannot help (nothing listens,
//! no region, no credentials, a wrong clock): a person is sitting there. The clock is
//! wrong for certain when it is refused twice: the client learns AWS's time from the first
//! refusal, and signs with that. Once
//! DynamoDB has answered anything, trouble is waited out for a while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, ErrorKind, Reply};
use crate::catalog::{Catalog, Sighting, TableDescription};
use crate::classify::is_known;
use crate::definition::Diagnostics;
use crate::event::Event;
use crate::look::{Depth, RegionLook, Told};
use crate::machine::{CallId, Effect, Machine};
use crate::name::TableName;
use crate::retry::{Rule, Strategy};
use crate::state::{Serial, Target};
use crate::time::Timestamp;

/// DescribeTable calls under way at once. DynamoDB's control plane takes about
/// 2,500 requests a second, shared with everybody in the account (docs/dynamodb.md: limiter).
const AT_ONCE: usize = 32;
/// How often one table's description is repeated: for half a minute.
const REPEATS: u32 = 5;
/// The same for a description that cannot be read: it may have been damaged on its way,
/// and after this it is what the table has.
const ODD_REPEATS: u32 = 2;
/// So many descriptions that cannot be read, and no answer else, are of something else.
const ODD_TABLES: usize = 3;

/// After so long without an answer to the very first call a person is told so.
const PATIENCE: Duration = Duration::from_millis(1_500);

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
    /// A table's ARN names another region than the one that is asked. Nothing was called.
    #[error("{table} is in region {}, and this run asks region {asked}", .table.arn().map_or("?", |arn| arn.region))]
    OtherRegion {
        /// The table, by its ARN.
        table: TableName,
        /// The region of the client.
        asked: String,
    },
    /// The descriptions show that the definitions have mistakes: two names of one table.
    #[error(transparent)]
    Definitions(#[from] Diagnostics),
    /// It was interrupted.
    #[error("interrupted")]
    Stopped,
}

/// Describes tables, each once; at the end there is a [`Catalog`].
#[derive(Debug)]
pub struct Survey {
    todo: VecDeque<(TableName, u32)>,
    later: BTreeMap<(Timestamp, TableName), u32>,
    /// Tables whose descriptions could not be read before anything else was.
    odd: Vec<(TableName, CallError)>,
    asked: BTreeMap<CallId, (TableName, Timestamp, u32)>,
    depth: Depth,
    skip: BTreeSet<String>,
    /// Global tables whose other regions have not all answered.
    looks: Vec<RegionLook>,
    /// Calls to other regions that were not handed out yet.
    elsewhere: VecDeque<(CallId, Call)>,
    told: Told,
    next_id: u64,
    answered: bool,
    catalog: Catalog,
    failed: Option<SurveyError>,
    /// The clock was refused, and the client has learnt AWS's time.
    skewed: bool,
    told_silence: bool,
    events: VecDeque<Event>,
}

/// Whether all tables are where `target` asks: one endpoint knows the tables of one
/// region alone. An emulator puts a region of its own into ARNs, and takes it.
///
/// # Errors
/// [`SurveyError::OtherRegion`] for the first that is elsewhere.
pub fn check_regions<'a>(
    tables: impl IntoIterator<Item = &'a TableName>,
    target: &Target,
) -> Result<(), SurveyError> {
    let Some(asked) = &target.region else {
        return Ok(());
    };
    for table in tables {
        let Some(arn) = table.arn() else { continue };
        let emulated =
            target.endpoint.is_some() && arn.is_of_an_emulator() && arn.region == DDBLOCAL;
        if arn.region != asked && !emulated {
            return Err(SurveyError::OtherRegion { table: table.clone(), asked: asked.clone() });
        }
    }
    Ok(())
}

/// The region in the ARNs of DynamoDB Local, whichever it is asked for (measured).
const DDBLOCAL: &str = "ddblocal";

impl Survey {
    /// A survey of `tables`; one named twice is described once.
    pub fn new<'a>(tables: impl IntoIterator<Item = &'a TableName>) -> Self {
        let tables: BTreeSet<_> = tables.into_iter().cloned().collect();
        Self {
            todo: tables.into_iter().map(|t| (t, 0)).collect(),
            later: BTreeMap::new(),
            odd: Vec::new(),
            asked: BTreeMap::new(),
            depth: Depth::default(),
            skip: BTreeSet::new(),
            looks: Vec::new(),
            elsewhere: VecDeque::new(),
            told: Told::default(),
            next_id: 0,
            answered: false,
            catalog: Catalog::default(),
            failed: None,
            skewed: false,
            told_silence: false,
            events: VecDeque::new(),
        }
    }

    /// The same, asking so much of each table. Of a global table every other region is
    /// asked once, but for those of `skip`; a region that cannot be asked fails nothing.
    #[must_use]
    pub fn asking(mut self, depth: Depth, skip: BTreeSet<String>) -> Self {
        (self.depth, self.skip) = (depth, skip);
        self
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

    fn on_base(&mut self, name: TableName, asked_at: Timestamp, table: Box<TableDescription>) {
        self.answered = true;
        let fresh = || {
            let id = CallId(self.next_id);
            self.next_id += 1;
            id
        };
        let (look, calls) = RegionLook::begin(name, table, asked_at, self.depth, &self.skip, fresh);
        self.elsewhere.extend(calls);
        self.looks.push(look);
        self.take_whole();
    }

    /// Takes down the tables of which everything is answered.
    fn take_whole(&mut self) {
        for look in self.looks.extract_if(.., |look| look.is_whole()) {
            let (name, asked_at, table) = look.into_parts();
            self.events.extend(self.told.news(&name, &table));
            self.catalog.insert(name, asked_at, Sighting::Found(table));
        }
    }

    fn on_error(&mut self, now: Timestamp, table: TableName, tries: u32, error: CallError) {
        // To be asked for less speed is an answer.
        self.answered |= error.kind == ErrorKind::Throttled;
        match error.kind {
            ErrorKind::TableNotFound | ErrorKind::IndexNotFound => {
                self.answered = true;
                self.catalog.insert(table, now, Sighting::Missing);
            }
            ErrorKind::AccessDenied => {
                self.answered = true;
                self.catalog.insert(table, now, Sighting::Denied(error.message));
            }
            _ if error.code == CallError::UNREADABLE && !self.answered => {
                self.set_aside(table, error);
            }
            _ if error.code == CallError::UNREADABLE && tries >= ODD_REPEATS => {
                self.catalog.insert(table, now, Sighting::Unreadable(error.message));
            }
            _ if self.is_worth_waiting(&error) && tries < REPEATS => {
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

    /// One odd table is no reason to end where others can be read. Where none can, what
    /// answers is not DynamoDB.
    fn set_aside(&mut self, table: TableName, error: CallError) {
        self.odd.push((table, error));
        let open = !(self.todo.is_empty() && self.later.is_empty() && self.asked.is_empty());
        if !open || self.odd.len() >= ODD_TABLES {
            let (table, error) = self.odd.swap_remove(0);
            let failed = SurveyError::Call { table, error, first_contact: true };
            self.failed.get_or_insert(failed);
        }
    }

    /// DynamoDB has answered: what was set aside before is asked for again.
    fn take_up_odd(&mut self) {
        if self.answered {
            self.todo.extend(self.odd.drain(..).map(|(table, _)| (table, 1)));
        }
    }

    /// Before the first answer one call is enough to find out what is wrong.
    fn may_ask(&self) -> bool {
        let at_once = if self.answered { AT_ONCE } else { 1 };
        self.failed.is_none() && self.asked.len() < at_once
    }

    fn is_worth_waiting(&mut self, error: &CallError) -> bool {
        match error.kind {
            ErrorKind::Throttled => true,
            // What answers, but not as DynamoDB does, is the wrong endpoint.
            ErrorKind::Server => self.answered || is_known(&error.code),
            ErrorKind::Connection | ErrorKind::Timeout => self.answered,
            ErrorKind::ClockSkew => self.answered | !std::mem::replace(&mut self.skewed, true),
            kind => self.answered && Rule::of(kind).strategy == Strategy::AwaitCredentials,
        }
    }

    /// When to say that the very first call has no answer yet.
    fn silence_at(&self) -> Option<Timestamp> {
        let waiting = !(self.answered || self.told_silence);
        let (_, asked_at, _) = self.asked.values().next().filter(|_| waiting)?;
        Some(*asked_at + PATIENCE)
    }

    fn tell_silence(&mut self, now: Timestamp) {
        if self.silence_at().is_some_and(|at| at <= now) {
            self.told_silence = true;
            let tables = self.asked.values().map(|(table, ..)| table.clone());
            self.events.extend(tables.map(|table| Event::NoAnswerYet { table, waited: PATIENCE }));
        }
    }
}

impl Machine for Survey {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        self.tell_silence(now);
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if !self.may_ask() {
            return None;
        }
        if let Some((id, call)) = self.elsewhere.pop_front() {
            return Some(Effect::Call(id, call));
        }
        while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= now) {
            let ((_, table), tries) = entry.remove_entry();
            self.todo.push_back((table, tries));
        }
        // Another table would be refused for the clock as well, and that would be the second.
        if self.skewed && !self.answered && !self.later.is_empty() {
            return None;
        }
        let (table, tries) = self.todo.pop_front()?;
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, (table.clone(), now, tries));
        Some(Effect::Call(id, Call::DescribeTable(table)))
    }

    fn wake_at(&self) -> Option<Timestamp> {
        // Where nothing may be asked now, an answer comes first.
        let later = self.later.keys().next().filter(|_| self.may_ask());
        later.map(|(at, _)| *at).into_iter().chain(self.silence_at()).min()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some((table, asked_at, tries)) = self.asked.remove(&id) else {
            if let Some(look) = self.looks.iter_mut().find(|look| look.awaits(id)) {
                look.on_reply(id, reply);
                self.take_whole();
            }
            return;
        };
        match reply.and_then(Reply::into_table) {
            Ok(description) => self.on_base(table, asked_at, description),
            Err(error) => self.on_error(now, table, tries, error),
        }
        self.take_up_odd();
    }

    fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}

    fn on_stop(&mut self, _: Timestamp) {
        self.failed.get_or_insert(SurveyError::Stopped);
    }

    fn is_over(&self) -> bool {
        let asked = self.todo.is_empty() && self.later.is_empty() && self.asked.is_empty();
        let idle = asked && self.looks.is_empty() && self.events.is_empty();
        self.failed.is_some() || idle
    }
}
