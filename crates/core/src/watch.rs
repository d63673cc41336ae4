//! Waiting for indexes without touching anything: the waiter that AWS's own
//! tools lack. It reads, takes no lock and keeps no state; what a state says was asked
//! for is handed to it. Tables are waited for side by side.

mod on_the_way;
mod vigil;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, ErrorKind, Reply};
use crate::catalog::TableDescription;
use crate::classify::is_known;
use crate::definition::{Definitions, IndexDefinition};
use crate::event::Event;
use crate::look::{Depth, RegionLook, Told};
use crate::machine::{CallId, Effect, Machine};
use crate::name::{IndexId, IndexName, TableName};
use crate::plan::Selection;
use crate::retry::{Rule, SKEW_RETRY, Strategy, poll_retry};
use crate::state::Serial;
use crate::time::Timestamp;

pub use on_the_way::OnTheWay;

use vigil::Vigil;

/// DescribeTable calls under way at once, as in a survey.
const AT_ONCE: usize = 32;

/// What is waited for on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWait {
    /// The table.
    pub table: TableName,
    /// Its indexes; all it has where none is named.
    pub indexes: Vec<IndexName>,
    /// How definitions want them, where definitions named them: an index with other keys
    /// is not the one that is waited for.
    pub definitions: Vec<IndexDefinition>,
}

impl TableWait {
    /// Indexes of a table by their names.
    #[must_use]
    pub fn named(table: TableName, indexes: Vec<IndexName>) -> Self {
        Self { table, indexes, definitions: Vec::new() }
    }

    /// What the definitions that `selection` lets through name, a table each, in their
    /// order.
    #[must_use]
    pub fn defined(definitions: &Definitions, selection: &Selection) -> Vec<Self> {
        let mut waits: Vec<Self> = Vec::new();
        for definition in selection.of(definitions) {
            let IndexId { table, index } = &definition.id;
            let n = waits.iter().position(|wait| wait.table == *table).unwrap_or_else(|| {
                waits.push(Self::named(table.clone(), Vec::new()));
                waits.len() - 1
            });
            waits[n].indexes.push(index.clone());
            waits[n].definitions.push(definition.clone());
        }
        waits
    }
}

/// What a wait came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// How it ended.
    pub ended: WatchEnd,
    /// What became of each table, in the order in which they were named.
    pub tables: Vec<WatchedTable>,
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEnd {
    /// Nothing is left to wait for.
    Done,
    /// The time-out struck.
    TimedOut,
    /// DynamoDB cannot be asked.
    Failed(CallError),
    /// It was interrupted.
    Stopped,
}

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedTable {
    /// The table.
    pub table: TableName,
    /// Why none of its indexes can be waited for.
    pub trouble: Option<WatchTrouble>,
    /// Its indexes as they were last seen.
    pub indexes: Vec<(IndexName, IndexWait)>,
}

/// Why nothing of a table can be waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchTrouble {
    /// There is no such table.
    NoTable,
    /// It is in a state that does not pass, such as ARCHIVED.
    Unusable {
        /// In AWS's word.
        status: String,
        /// What a person can do.
        remedy: &'static str,
    },
    /// It cannot be described.
    Failed(CallError),
}

/// How an index stood at the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexWait {
    /// It is ready, and was so long after the first look.
    Ready(Duration),
    /// It is ready in the region that was asked, and nothing shows it being built in these.
    Unconfirmed(String),
    /// It is being built, or was asked for and is not shown yet.
    Waiting,
    /// It does not exist and nobody is known to have asked for it, or it is being deleted.
    Missing,
    /// An index of that name has another definition.
    Conflict(Vec<String>),
}

impl Watched {
    /// Whether everything that was waited for is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let ready = |table: &WatchedTable| {
            let all = table.indexes.iter().all(|(_, wait)| matches!(wait, IndexWait::Ready(_)));
            table.trouble.is_none() && all
        };
        self.ended == WatchEnd::Done && self.tables.iter().all(ready)
    }

    /// The error that kept every table from being looked at.
    #[must_use]
    pub fn error(&self) -> Option<&CallError> {
        if let WatchEnd::Failed(error) = &self.ended {
            return Some(error);
        }
        let failed = |table: &WatchedTable| matches!(table.trouble, Some(WatchTrouble::Failed(_)));
        let all = self.tables.iter().all(failed);
        self.tables.iter().filter(|_| all).find_map(|table| match &table.trouble {
            Some(WatchTrouble::Failed(error)) => Some(error),
            _ => None,
        })
    }
}

/// Waits until indexes are ready.
#[derive(Debug)]
pub struct Watch {
    vigils: Vec<Vigil>,
    on_the_way: OnTheWay,
    began: Timestamp,
    deadline: Option<Timestamp>,
    asked: BTreeMap<CallId, (usize, Timestamp)>,
    skip: BTreeSet<String>,
    /// Tables whose base has answered, and whose other regions have not.
    looks: BTreeMap<usize, RegionLook>,
    /// Calls to other regions that were not handed out yet.
    calls: VecDeque<(CallId, Call)>,
    told_regions: Told,
    next_id: u64,
    answered: bool,
    /// The clock was refused before anything was answered.
    skewed: bool,
    events: VecDeque<Event>,
    ended: Option<WatchEnd>,
}

impl Watch {
    /// Waits for what `waits` names. `on_the_way` is what a state says was asked for, so
    /// that it is not taken for missing before DynamoDB shows it.
    #[must_use]
    pub fn new(
        now: Timestamp,
        waits: Vec<TableWait>,
        on_the_way: OnTheWay,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            vigils: waits.into_iter().map(|wait| Vigil::new(now, wait)).collect(),
            on_the_way,
            began: now,
            deadline: timeout.map(|t| now + t),
            asked: BTreeMap::new(),
            skip: BTreeSet::new(),
            looks: BTreeMap::new(),
            calls: VecDeque::new(),
            told_regions: Told::default(),
            next_id: 0,
            answered: false,
            skewed: false,
            events: VecDeque::new(),
            ended: None,
        }
    }

    /// The same without asking these regions of global tables, and without waiting for
    /// them.
    #[must_use]
    pub fn skipping(mut self, regions: BTreeSet<String>) -> Self {
        self.skip = regions;
        self
    }

    /// What it came to; [`WatchEnd::Stopped`] where it did not end.
    #[must_use]
    pub fn into_result(self) -> Watched {
        let tables = self.vigils.into_iter().map(Vigil::into_result).collect();
        Watched { ended: self.ended.unwrap_or(WatchEnd::Stopped), tables }
    }

    /// Before the first answer one call is enough to find out what is wrong.
    fn may_ask(&self) -> bool {
        let at_once = if self.answered { AT_ONCE } else { 1 };
        self.ended.is_none() && self.asked.len() < at_once
    }

    fn end_if_over(&mut self) {
        if self.ended.is_none() && self.vigils.iter().all(Vigil::is_over) {
            self.ended = Some(WatchEnd::Done);
        }
    }

    fn on_error(&mut self, now: Timestamp, n: usize, error: CallError) {
        let hopeless = Rule::of(error.kind).strategy == Strategy::Permanent;
        let worth_waiting = match error.kind {
            ErrorKind::Throttled => true,
            // What answers, but not as DynamoDB does, is the wrong endpoint.
            ErrorKind::Server => is_known(&error.code),
            // The client has learnt AWS's time from it.
            ErrorKind::ClockSkew => !std::mem::replace(&mut self.skewed, true),
            _ => false,
        };
        let vigil = &mut self.vigils[n];
        // These are answers, and about this table alone.
        let of_table = matches!(error.kind, ErrorKind::TableNotFound | ErrorKind::AccessDenied);
        self.answered |= of_table;
        if error.kind == ErrorKind::TableNotFound {
            vigil.on_missing(now, &self.on_the_way, self.began);
        } else if hopeless && self.answered {
            vigil.end(WatchTrouble::Failed(error));
        } else if hopeless || !(self.answered || worth_waiting) {
            self.ended = Some(WatchEnd::Failed(error));
        } else {
            vigil.failures = vigil.failures.saturating_add(1);
            let mut retry_in = poll_retry(vigil.failures);
            if error.kind == ErrorKind::ClockSkew {
                retry_in = retry_in.max(SKEW_RETRY);
            }
            let table = vigil.table().clone();
            self.events.push_back(Event::LookFailed { table, error: error.to_string(), retry_in });
            vigil.next_look = now + retry_in;
        }
    }

    /// The base has answered. Other regions are asked where that matters now.
    fn on_base(
        &mut self,
        now: Timestamp,
        n: usize,
        asked_at: Timestamp,
        table: Box<TableDescription>,
    ) {
        self.answered = true;
        let vigil = &self.vigils[n];
        let depth = if vigil.wants_regions(&table) { Depth::Regions } else { Depth::Base };
        let (next_id, asked) = (&mut self.next_id, &mut self.asked);
        let fresh = || {
            let id = CallId(*next_id);
            *next_id += 1;
            asked.insert(id, (n, asked_at));
            id
        };
        let name = vigil.table().clone();
        let (look, calls) = RegionLook::begin(name, table, asked_at, depth, &self.skip, fresh);
        self.calls.extend(calls);
        self.on_look(now, n, look);
    }

    fn on_look(&mut self, now: Timestamp, n: usize, look: RegionLook) {
        if !look.is_whole() {
            self.looks.insert(n, look);
            return;
        }
        let (name, asked_at, table) = look.into_parts();
        self.events.extend(self.told_regions.news(&name, &table));
        let vigil = &mut self.vigils[n];
        vigil.on_table(now, asked_at, &table, &self.on_the_way, self.began);
        self.events.extend(vigil.told());
    }

    /// The table whose turn it is.
    fn due(&self, now: Timestamp) -> Option<usize> {
        let waits = |(n, vigil): &(usize, &Vigil)| {
            let asked = self.asked.values().any(|(asked, _)| asked == n);
            !vigil.is_over() && !asked && vigil.next_look <= now
        };
        let due = self.vigils.iter().enumerate().filter(waits);
        due.min_by_key(|(_, vigil)| vigil.next_look).map(|(n, _)| n)
    }
}

impl Machine for Watch {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if self.ended.is_none() && self.deadline.is_some_and(|at| at <= now) {
            self.ended = Some(WatchEnd::TimedOut);
        }
        self.end_if_over();
        if let Some((id, call)) = self.calls.pop_front() {
            return Some(Effect::Call(id, call));
        }
        let n = self.due(now).filter(|_| self.may_ask())?;
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, (n, now));
        Some(Effect::Call(id, Call::DescribeTable(self.vigils[n].table().clone())))
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let asked = |n: usize| self.asked.values().any(|(asked, _)| *asked == n);
        let looks = self.vigils.iter().enumerate();
        let looks = looks.filter(|(n, vigil)| !vigil.is_over() && !asked(*n) && self.may_ask());
        looks.map(|(_, vigil)| vigil.next_look).chain(self.deadline).min()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some((n, asked_at)) = self.asked.remove(&id) else {
            return;
        };
        if self.ended.is_some() {
            return;
        }
        if let Some(mut look) = self.looks.remove(&n) {
            look.on_reply(id, reply);
            self.on_look(now, n, look);
            return self.end_if_over();
        }
        match reply.and_then(Reply::into_table) {
            Ok(table) => self.on_base(now, n, asked_at, table),
            Err(error) => self.on_error(now, n, error),
        }
        self.end_if_over();
    }

    fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}

    fn on_stop(&mut self, _: Timestamp) {
        self.ended.get_or_insert(WatchEnd::Stopped);
    }

    fn is_over(&self) -> bool {
        self.ended.is_some() && self.events.is_empty()
    }
}
