//! `gsictl check`: which items would break with an index, before it is there, and
//! what the index will cost.
//!
//! Each base table is read once for all its indexes, in segments side by side, no
//! more than the key attributes. It reads, takes no lock on the state and changes
//! nothing. Memory does not grow with the table: items are counted page by page and
//! dropped.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{CallError, Effect as Applied, ErrorKind, Reply};
use crate::catalog::{Catalog, Sighting, is_same_table};
use crate::definition::Definitions;
use crate::event::{CheckProgress, Event};
use crate::index_key::Fault;
use crate::machine::{CallId, Effect, Machine, Snapshot};
use crate::name::TableName;
use crate::plan::Selection;
use crate::retry::{Rule, Strategy};
use crate::state::Serial;
use crate::time::Timestamp;

mod budget;
mod circle;
mod cursor;
mod estimate;
mod forecast;
mod hot;
mod pace;
mod page;
mod remembered;
pub(crate) mod report;
mod subject;
mod table;
mod tally;

pub use self::cursor::{Asked, Cursor, CursorError};
pub use self::estimate::Estimate;
pub use self::forecast::{Capacity, EXPLAINED, Forecast, Prices};
pub use self::remembered::{Known, Remembered};
pub use self::report::{
    About, CheckReport, Estimated, HotKey, IndexCheck, Items, Outcome, Skew, TableCheck, Totals,
};
pub use self::tally::{Counts, FaultCount};

use self::cursor::TableCursor;
use self::subject::{Place, Subject, ToRead};
use self::table::{Asked as Page, Came, Table};

/// Pages under way at once, over all tables: each is up to 1 MB, and more as JSON.
const AT_ONCE: usize = 32;
/// A part of a table that is refused so often in a row, but for throttling, is given
/// up, and its table with it.
const ATTEMPTS: u32 = 8;
/// The longest wait before a page is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Credentials are tried again after so long.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(5);
/// How often is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often it is saved where it stands: what a crash costs.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// An item that would break with an index, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The base table.
    pub table: String,
    /// The index.
    pub index: String,
    /// The item's primary key, in DynamoDB's JSON.
    pub key: serde_json::Value,
    /// The attribute, or those of a multi-attribute key together.
    pub attribute: String,
    /// What is the matter with it.
    pub fault: Fault,
    /// AWS's word for the type that was found.
    pub found: String,
    /// The type that the index wants.
    pub wanted: String,
    /// Its size; of `too_long_together` that of all attributes of the key.
    pub bytes: u64,
    /// The value, in DynamoDB's JSON, where values were asked for and it is scalar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
}

/// How tables are read, and what is told of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Indexes that exist are checked too.
    pub existing: bool,
    /// Read capacity units a second and table.
    pub max_rcu: Option<f64>,
    /// Percent of each table.
    pub sample: Option<f64>,
    /// Segments that each table is cut into, of which up to 32 are read at once, over all
    /// tables together. A sample is cut in its own way, and reads up to so many at once.
    pub segments: Option<u32>,
    /// Violations of each index that the report holds.
    pub shown: usize,
    /// Whether violations tell the values.
    pub values: bool,
    /// Whether every violation is told, as [`Event::Violating`].
    pub stream: bool,
    /// Whether the place is saved from time to time, and at a stop.
    pub saves: bool,
    /// From this share of a partition key on a warning is given.
    pub skew: f64,
    /// For the forecast.
    pub prices: Prices,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            existing: false,
            max_rcu: None,
            sample: None,
            segments: None,
            shown: 20,
            values: false,
            stream: false,
            saves: false,
            skew: 0.1,
            prices: Prices::default(),
        }
    }
}

/// What a check is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is wanted.
    pub definitions: &'a Definitions,
    /// What was seen of its tables.
    pub catalog: &'a Catalog,
    /// Which of the definitions.
    pub selection: &'a Selection,
    /// How.
    pub options: &'a Options,
    /// What a later run has to ask for to go on.
    pub asked: &'a Asked,
    /// Into how many segments the backend likes a table to be cut, where it knows
    /// better than the table's size does.
    pub segments: Option<u32>,
    /// Draws the sample, the pages that are read whole, and the jitter.
    pub seed: u64,
}

/// Checks tables; at the end there is an [`IndexCheck`] for each index.
#[derive(Debug)]
pub struct Check {
    subjects: Vec<Subject>,
    tables: Vec<Table>,
    options: Options,
    asked_for: Asked,
    random: fastrand::Rng,
    asked: BTreeMap<CallId, (usize, Page)>,
    next_id: u64,
    /// Pages that came and are not counted yet.
    uncounted: VecDeque<(usize, Page, Reply)>,
    /// Items that were counted, kept until the next page is there. An engine of this
    /// process makes that one meanwhile, and to free items then would have both wait
    /// for the one allocator.
    spent: Option<Reply>,
    /// The table whose turn it is.
    turn: usize,
    events: VecDeque<Event>,
    told: u64,
    tell_at: Timestamp,
    started_at: Timestamp,
    credentials_lost: bool,
    saves: Saves,
    stopped: bool,
}

/// The saving of the place.
#[derive(Debug, Default)]
struct Saves {
    on: bool,
    serial: u64,
    due: bool,
    under_way: bool,
    next_at: Timestamp,
}

impl Check {
    /// A check of the indexes that the order selects. A table that was not surveyed
    /// counts as missing.
    #[must_use]
    pub fn new(order: &Order<'_>, now: Timestamp) -> Self {
        let mut check = Self::uncut(order, now);
        for table in &mut check.tables {
            table.cut(order.options, order.segments, &mut check.random);
        }
        check
    }

    /// Goes on where `cursor` stopped. A table that could not be read then is tried
    /// again from there.
    ///
    /// # Errors
    /// [`CursorError`] where that was a check of something else.
    pub fn resume(order: &Order<'_>, cursor: Cursor, now: Timestamp) -> Result<Self, CursorError> {
        cursor.check_asked(order.asked)?;
        let mut check = Self::uncut(order, now);
        check.started_at = cursor.started_at;
        check.told = cursor.told;
        check.saves.serial = cursor.serial;
        let mut saved: BTreeMap<_, _> =
            cursor.tables.into_iter().map(|table| (table.table.clone(), table)).collect();
        for table in &mut check.tables {
            let changed = |why: &str| CursorError::TableChanged {
                table: table.name.clone(),
                why: why.to_owned(),
            };
            let place = saved.remove(&table.name);
            let place = place.ok_or_else(|| changed("it could not be checked then"))?;
            let shown = table.description.identity();
            if !is_same_table(place.table_id.as_deref(), shown.as_deref()) {
                return Err(changed("it was deleted and made again"));
            }
            if place.indexes != index_names(table) {
                return Err(changed("other indexes of it are to be checked now"));
            }
            if !place.counted.fits(table.shapes.len()) {
                let text = format!("what was counted of table {} does not fit", table.name);
                return Err(CursorError::Damaged(text));
            }
            if place.counted.is_sample() != table.sampled {
                return Err(changed(
                    "a sample of it was read then and not now, or now and not then",
                ));
            }
            table.go_on(place.counted);
        }
        match saved.into_keys().next() {
            Some(table) => {
                Err(CursorError::TableChanged { table, why: "it cannot be checked now".to_owned() })
            }
            None => Ok(check),
        }
    }

    fn uncut(order: &Order<'_>, now: Timestamp) -> Self {
        let Order { definitions, catalog, selection, options, .. } = *order;
        let mut subjects = Vec::new();
        let mut tables: Vec<ToRead> = Vec::new();
        for definition in selection.of(definitions) {
            subjects.push(Subject::new(definition, catalog, options, &mut tables));
        }
        let tables = tables.into_iter().filter_map(|(name, shapes, slots)| {
            let Some((_, Sighting::Found(description))) = catalog.get(&name) else {
                return None;
            };
            Some(Table::new((**description).clone(), shapes, slots, options, now))
        });
        Self {
            subjects,
            tables: tables.collect(),
            options: options.clone(),
            asked_for: order.asked.clone(),
            random: fastrand::Rng::with_seed(order.seed),
            asked: BTreeMap::new(),
            next_id: 0,
            uncounted: VecDeque::new(),
            spent: None,
            turn: 0,
            events: VecDeque::new(),
            told: 0,
            tell_at: now + TELL_EVERY,
            started_at: now,
            credentials_lost: false,
            saves: Saves { on: options.saves, next_at: now + SAVE_EVERY, ..Saves::default() },
            stopped: false,
        }
    }

    /// Whether it was stopped before its end.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.stopped && !self.tables.iter().all(Table::is_over)
    }

    /// Items that were read.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.tables.iter().map(|table| table.counted.items).sum()
    }

    /// The next page to ask for, the tables by turns.
    fn next_page(&mut self, now: Timestamp) -> Option<Effect> {
        if self.asked.len() >= AT_ONCE {
            return None;
        }
        for _ in 0..self.tables.len() {
            let at = self.turn % self.tables.len();
            self.turn = at + 1;
            if let Some((page, call)) = self.tables[at].next(now, &mut self.random) {
                let id = CallId(self.next_id);
                self.next_id += 1;
                self.asked.insert(id, (at, page));
                return Some(Effect::Call(id, call));
            }
        }
        None
    }

    fn on_page(&mut self, now: Timestamp, at: usize, page: Page, reply: Reply) {
        self.spent = None;
        if std::mem::take(&mut self.credentials_lost) {
            self.events.push_back(Event::CredentialsBack);
        }
        if let Reply::Page(items) = &reply
            && let Err(problem) = self.tables[at].put_aside(now, &page, items)
        {
            self.count_all(now);
            return self.give_up(at, CallError::unreadable(Applied::NotApplied, problem));
        }
        self.uncounted.push_back((at, page, reply));
    }

    /// Counts a page that came before; false where there is none.
    fn count_one(&mut self, now: Timestamp) -> bool {
        let Some((at, page, reply)) = self.uncounted.pop_front() else {
            return false;
        };
        let table = &mut self.tables[at];
        let counted = match &reply {
            Reply::Page(_) => Ok(table.count(&page, &reply, &self.options)),
            _ if table.failed.is_some() => return true,
            _ => table.on_page(now, &page, &reply, &self.options),
        };
        match counted {
            Ok(came) => self.tell(came),
            Err(problem) => {
                self.give_up(at, CallError::unreadable(Applied::NotApplied, problem));
            }
        }
        self.tell_end(at);
        self.spent = matches!(reply, Reply::Page(_)).then_some(reply);
        true
    }

    fn count_all(&mut self, now: Timestamp) {
        while self.count_one(now) {}
    }

    fn tell(&mut self, came: Came) {
        self.told += came.violations.len() as u64;
        let events = came.violations.into_iter().map(|v| Event::Violating(Box::new(v)));
        self.events.extend(events);
    }

    fn tell_end(&mut self, at: usize) {
        let table = &mut self.tables[at];
        if table.is_over() && table.failed.is_none() && !table.told_end {
            table.told_end = true;
            let (items, warning) = (table.counted.items, table.too_few());
            let table = table.name.clone();
            self.events.push_back(Event::Checked { table, items, warning });
        }
    }

    fn on_error(&mut self, now: Timestamp, at: usize, page: &Page, error: CallError) {
        let table = &mut self.tables[at];
        let strategy = Rule::of(error.kind).strategy;
        if strategy == Strategy::AwaitCredentials {
            table.put_off(page, now + CREDENTIALS_WAIT);
            return self.lose_credentials(&error);
        }
        let throttled = error.kind == ErrorKind::Throttled;
        let refusals = table.count_refusal(page, throttled);
        if throttled {
            table.pace.on_throttled(now);
        }
        if strategy == Strategy::Permanent || (refusals >= ATTEMPTS && !throttled) {
            table.put_off(page, now);
            // What came before is told before.
            self.count_all(now);
            return self.give_up(at, error);
        }
        let retry_in = backoff(refusals, self.random.f64());
        table.put_off(page, now + retry_in);
        let (table, error) = (table.name.clone(), error.to_string());
        self.events.push_back(Event::PageRefused { table, throttled, error, retry_in });
    }

    fn lose_credentials(&mut self, error: &CallError) {
        if !std::mem::replace(&mut self.credentials_lost, true) {
            let error = error.to_string();
            self.events.push_back(Event::CredentialsLost { error });
        }
    }

    fn give_up(&mut self, at: usize, error: CallError) {
        let table = &mut self.tables[at];
        if table.failed.is_none() {
            let remedy = remedy(&table.name, &error);
            let (table, error) = (table.name.clone(), error.to_string());
            self.events.push_back(Event::NotChecked { table, error, remedy });
        }
        self.tables[at].fail(error);
    }

    fn progress(&mut self, now: Timestamp) {
        self.tell_at = now + TELL_EVERY;
        for table in self.tables.iter().filter(|table| !table.is_over()) {
            let violating = table.counted.tallies.iter().map(|tally| tally.counts.violating);
            self.events.push_back(Event::Checking(Box::new(CheckProgress {
                table: table.name.clone(),
                items: table.counted.items,
                expected: table.expected_items(),
                rate: table.rate(now) as u64,
                violating: violating.sum(),
                segments_done: table.done_parts(),
                segments: table.counted.parts.len(),
                at_once: table.pace.limit(),
                remaining: table.remaining(now),
            })));
        }
    }

    /// Where it stands.
    fn cursor(&self, now: Timestamp) -> Cursor {
        let place = |table: &Table| TableCursor {
            table: table.name.clone(),
            table_id: table.description.identity(),
            indexes: index_names(table),
            counted: table.counted.clone(),
        };
        let tables = self.tables.iter().filter(|table| !table.torn).map(place);
        let times = (self.started_at, now);
        Cursor::new(self.saves.serial, times, &self.asked_for, self.told, tables.collect())
    }
}

fn index_names(table: &Table) -> Vec<String> {
    table.shapes.iter().map(|shape| shape.id.index.to_string()).collect()
}

/// 0.5 s, 1 s, 2 s and so on, each up to a half more.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let wait = Duration::from_millis(500) * 2_u32.pow(failures.clamp(1, 8) - 1);
    wait.min(LONGEST_WAIT).mul_f64(1.0 + jitter / 2.0)
}

/// What a person can do about a table that cannot be read.
fn remedy(table: &TableName, error: &CallError) -> String {
    let about = |kind| Rule::of(kind).remedy.replace("{table}", table.as_str());
    match error.kind {
        ErrorKind::AccessDenied => {
            format!("allow dynamodb:Scan on table {table} for these credentials")
        }
        ErrorKind::Validation => "see what the message says, and check again".to_owned(),
        ErrorKind::Server if error.code == CallError::UNREADABLE => {
            "see whether the endpoint is DynamoDB (--endpoint-url), or leave out --max-rcu if the message names it".to_owned()
        }
        // A Scan names no index: so AWS says it of a table that is gone.
        ErrorKind::IndexNotFound => about(ErrorKind::TableNotFound),
        kind => about(kind),
    }
}

impl Machine for Check {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if self.saves.due && !self.saves.under_way {
            return Some(self.save(now));
        }
        if self.stopped {
            return None;
        }
        if now >= self.tell_at {
            self.progress(now);
        }
        if self.saves.on && !self.saves.under_way && now >= self.saves.next_at {
            self.order_save(now);
        }
        // The next pages are on their way while those that came are counted, which may
        // be what tells where a next one begins.
        while self.events.is_empty() {
            let next = self.next_page(now);
            if next.is_some() || !self.count_one(now) {
                return next;
            }
        }
        self.events.pop_front().map(Effect::Notify)
    }

    fn wake_at(&self) -> Option<Timestamp> {
        if self.stopped {
            return None;
        }
        let tables = self.tables.iter().filter(|_| self.asked.len() < AT_ONCE);
        let saving = (self.saves.on && !self.saves.under_way).then_some(self.saves.next_at);
        let fixed = saving.into_iter().chain([self.tell_at]);
        tables.filter_map(Table::wake_at).chain(fixed).min()
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some((at, page)) = self.asked.remove(&id) else {
            return;
        };
        if self.tables[at].failed.is_some() {
            return;
        }
        match reply {
            Ok(reply) => self.on_page(now, at, page, reply),
            Err(error) => self.on_error(now, at, &page, error),
        }
    }

    fn on_saved(&mut self, now: Timestamp, _: Serial, result: Result<(), String>) {
        self.saves.under_way = false;
        self.saves.next_at = now + SAVE_EVERY;
        if let Err(error) = result {
            self.saves.on = false;
            self.saves.due = false;
            self.events.push_back(Event::CursorNotSaved { error });
        }
    }

    fn on_stop(&mut self, now: Timestamp) {
        self.stopped = true;
        self.asked.clear();
        self.count_all(now);
        if self.saves.on && self.is_interrupted() {
            self.order_save(now);
        }
    }

    fn is_over(&self) -> bool {
        let saved = !(self.saves.due || self.saves.under_way);
        let done = self.stopped || self.tables.iter().all(Table::is_over);
        done && saved && self.events.is_empty()
    }
}

impl Check {
    /// The place is that after all pages that came: they are counted before.
    fn order_save(&mut self, now: Timestamp) {
        self.count_all(now);
        self.saves.due = true;
        self.events.push_back(Event::SavingCursor);
    }

    fn save(&mut self, now: Timestamp) -> Effect {
        self.saves.due = false;
        self.saves.under_way = true;
        self.saves.serial += 1;
        let bytes = self.cursor(now).render();
        Effect::Save(Snapshot { serial: Serial::from(self.saves.serial), bytes })
    }
}
