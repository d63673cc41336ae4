//! Validation: whether each index that is wanted is there, serves queries, and
//! holds the items it should. It reads, takes no lock and keeps no state.
//!
//! A description tells existence, status, keys, projection and throughput. Then
//! the index is asked for a value of its keys' types: it works where the query
//! succeeds and the consumed capacity names the index. Then a sample of the
//! table's items is looked up in it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::call::{Call, CallError, Effect as Applied, Item, Page, Reply, Segment};
use crate::catalog::{Catalog, Sighting, TableDescription};
use crate::definition::{Definitions, IndexDefinition};
use crate::event::{AttemptFailure, Event};
use crate::machine::{CallId, Effect, Machine};
use crate::name::{IndexId, TableName};
use crate::plan::Selection;
use crate::retry::{Decision, Policy, Situation, Then, decide};
use crate::state::Serial;
use crate::time::Timestamp;
use crate::watch::OnTheWay;

mod ask;
mod find;
pub(crate) mod report;
mod sample;
mod standing;
mod verdict;

use self::find::{Find, Found};
use self::sample::{Fit, Shape};
use self::standing::Standing;

pub use self::report::{
    About, CloudWatch, Cost, Figures, Finding, IndexValidation, Problem, Sampled, Totals,
    ValidationReport, Verdict, figures_text,
};
pub use self::standing::{Checked, Checks};

/// Queries and scans under way at once.
const AT_ONCE: usize = 16;
/// Attempts of one query, and the waits between them: a person is sitting there.
const ATTEMPTS: u32 = 3;
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// The table is cut into so many parts, which give items by turns, so that a sample
/// is not the head of the table.
const SEGMENTS: u32 = 8;
/// Items that a page of a sample reads at least.
const PAGE_ITEMS: u32 = 25;
/// Pages that a sample reads of a table at most: where hardly any item carries the
/// keys it is not worth the whole table.
const PAGES: u32 = 40;

/// How many items of each index's table are looked up in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Items an index; 0 for none.
    pub items: u32,
    /// Whether an index whose sample cannot be taken is a validation-error. Else it
    /// is only said.
    pub required: bool,
}

/// What a validation is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is wanted.
    pub definitions: &'a Definitions,
    /// What was seen of its tables.
    pub catalog: &'a Catalog,
    /// What a state says was asked for a moment ago: it is not missing before DynamoDB
    /// shows it.
    pub on_the_way: &'a OnTheWay,
    /// Which of the definitions.
    pub selection: &'a Selection,
    /// How many items are looked up.
    pub sample: Sample,
    /// Draws the parts of the tables that the sample begins with, and the jitter.
    pub seed: u64,
}

/// Something to ask, with the attempts that failed.
#[derive(Clone, Debug)]
struct Work {
    task: Task,
    failures: u32,
}

#[derive(Clone, Debug)]
enum Task {
    /// The probe of an index.
    Probe(usize),
    /// The next items of a table.
    Items(usize),
    /// An item's copy in the index.
    Copy(Box<Find>),
    /// The item itself, as it is now.
    Item(Box<Find>),
}

/// One index.
#[derive(Clone, Debug)]
struct Job {
    id: IndexId,
    standing: Standing,
    /// Its keys with their types, where it is worth asking.
    shape: Option<Shape>,
    probed: Probed,
    attempts: u32,
    sampled: Sampled,
}

/// What came of the probe.
#[derive(Clone, Debug)]
enum Probed {
    NotYet,
    /// The answer names the index, with so many capacity units.
    Used(f64),
    /// It does not name it.
    NotNamed,
    Failed(CallError),
}

/// The sample of one table.
#[derive(Clone, Debug)]
struct Sampler {
    table: TableName,
    /// Its indexes.
    jobs: Vec<usize>,
    /// Probes that are not answered yet.
    probes: usize,
    /// Parts that have more, and where each goes on.
    parts: VecDeque<(Segment, Option<Item>)>,
    pages: u32,
    /// Where pages began that were asked for before, by part.
    begun: Vec<(u32, Item)>,
}

/// Validates indexes; at the end there is an [`IndexValidation`] for each.
#[derive(Debug)]
pub struct Probe {
    jobs: Vec<Job>,
    samplers: Vec<Sampler>,
    sample: Sample,
    policy: Policy,
    random: fastrand::Rng,
    todo: VecDeque<Work>,
    later: BTreeMap<(Timestamp, u64), Work>,
    asked: BTreeMap<CallId, Work>,
    next_id: u64,
    events: VecDeque<Event>,
    cost: Cost,
    stopped: bool,
}

impl Probe {
    /// A validation of the indexes that the order selects. A table that was not
    /// surveyed counts as missing.
    #[must_use]
    pub fn new(order: &Order<'_>) -> Self {
        let wanted = order.selection.of(order.definitions);
        let jobs: Vec<_> = wanted.map(|definition| Job::new(definition, order)).collect();
        let mut random = fastrand::Rng::with_seed(order.seed);
        let mut probe = Self {
            samplers: samplers(&jobs, &mut random),
            jobs,
            sample: order.sample,
            policy: Policy {
                max_attempts: ATTEMPTS,
                backoff: BACKOFF.to_vec(),
                ..Policy::default()
            },
            random,
            todo: VecDeque::new(),
            later: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_id: 0,
            events: VecDeque::new(),
            cost: Cost::default(),
            stopped: false,
        };
        let asked = (0..probe.jobs.len()).filter(|n| probe.jobs[*n].shape.is_some());
        probe.todo = asked.map(|n| Work { task: Task::Probe(n), failures: 0 }).collect();
        probe
    }

    /// Each index's verdict, in definition order, and what it cost to know.
    /// `None` where it was interrupted.
    #[must_use]
    pub fn into_result(self) -> Option<(Vec<IndexValidation>, Cost)> {
        let sample = self.sample;
        let verdicts = self.jobs.into_iter().map(|job| job.into_validation(sample));
        (!self.stopped).then(|| (verdicts.collect(), self.cost))
    }

    fn call(&self, task: &Task) -> Option<Call> {
        match task {
            Task::Probe(n) => {
                let job = &self.jobs[*n];
                Some(ask::probe(&job.id, job.shape.as_ref()?))
            }
            Task::Items(n) => {
                let sampler = &self.samplers[*n];
                let (segment, after) = sampler.parts.front()?;
                let limit = self.sample.items.max(PAGE_ITEMS);
                Some(ask::items(&sampler.table, *segment, limit, after.clone()))
            }
            Task::Copy(find) => {
                let job = self.sampled_job(find.job)?;
                Some(ask::copy(&job.id, job.shape.as_ref()?, &find.item, find.after.clone()))
            }
            Task::Item(find) => {
                let job = self.sampled_job(find.job)?;
                Some(ask::item(&job.id, job.shape.as_ref()?, &find.item))
            }
        }
    }

    /// The job, unless its sample came to an end.
    fn sampled_job(&self, n: usize) -> Option<&Job> {
        let job = &self.jobs[n];
        job.sampled.error.is_none().then_some(job)
    }

    fn ask_next(&mut self, task: Task) {
        self.todo.push_back(Work { task, failures: 0 });
    }

    /// The page, where it can be the answer: an item without the keys of its table, or
    /// another item than the one that was asked for, proves nothing about any.
    fn hold(&self, task: &Task, page: Page) -> Result<Page, CallError> {
        let n = match task {
            Task::Probe(n) => *n,
            Task::Items(at) => self.samplers[*at].jobs[0],
            Task::Copy(find) | Task::Item(find) => find.job,
        };
        let Some(shape) = &self.jobs[n].shape else {
            return Ok(page);
        };
        let unreadable = |why: &str| Err(CallError::unreadable(Applied::NotApplied, why));
        if !page.items.iter().all(|item| shape.has_table_keys(item)) {
            return unreadable("the answer holds an item without the primary key of the table");
        }
        match task {
            Task::Item(find) => {
                let wanted = shape.table_keys_of(&find.item);
                if page.items.iter().any(|item| shape.table_keys_of(item) != wanted) {
                    return unreadable("the answer holds another item than was asked for");
                }
            }
            Task::Items(at) => {
                let Sampler { parts, begun, .. } = &self.samplers[*at];
                let number = parts.front().map(|(segment, _)| segment.number);
                let again = |(part, key): &(u32, Item)| {
                    Some(*part) == number && page.last_key.as_ref() == Some(key)
                };
                if begun.iter().any(again) {
                    return unreadable("the pages of the table come round in a circle");
                }
            }
            Task::Probe(_) | Task::Copy(_) => {}
        }
        Ok(page)
    }

    fn on_page(&mut self, now: Timestamp, task: Task, page: Page) {
        self.cost.add(matches!(task, Task::Items(_)), page.consumed.as_ref());
        match task {
            Task::Probe(n) => self.on_probe(n, &page),
            Task::Items(n) => self.on_items(n, page),
            Task::Copy(find) => self.on_copy(now, find, page),
            Task::Item(find) => self.on_item(find, &page),
        }
    }

    fn on_probe(&mut self, n: usize, page: &Page) {
        let index = self.jobs[n].id.index.as_str();
        let units = page.consumed.as_ref().and_then(|c| c.indexes.get(index));
        let probed = units.map_or(Probed::NotNamed, |units| Probed::Used(*units));
        self.end_probe(n, probed);
    }

    /// The sample of a table begins when all its indexes have answered.
    fn end_probe(&mut self, n: usize, probed: Probed) {
        self.jobs[n].probed = probed;
        let Some(at) = self.samplers.iter().position(|s| s.jobs.contains(&n)) else {
            return;
        };
        self.samplers[at].probes -= 1;
        if self.samplers[at].probes == 0 && self.wants_items(at) {
            self.ask_next(Task::Items(at));
        }
    }

    /// Whether an index of the table has not had its items yet.
    fn wants_items(&self, at: usize) -> bool {
        let sampler = &self.samplers[at];
        let wants = |n: &usize| self.jobs[*n].wants_items(self.sample.items);
        sampler.pages < PAGES && !sampler.parts.is_empty() && sampler.jobs.iter().any(wants)
    }

    fn on_items(&mut self, at: usize, page: Page) {
        let sampler = &mut self.samplers[at];
        sampler.pages += 1;
        if let (Some((segment, _)), Some(key)) = (sampler.parts.pop_front(), page.last_key) {
            sampler.begun.push((segment.number, key.clone()));
            sampler.parts.push_back((segment, Some(key)));
        }
        for n in sampler.jobs.clone() {
            for item in &page.items {
                self.take_item(n, item);
            }
        }
        if self.wants_items(at) {
            self.ask_next(Task::Items(at));
        }
    }

    fn take_item(&mut self, n: usize, item: &Item) {
        let job = &mut self.jobs[n];
        if !job.wants_items(self.sample.items) {
            return;
        }
        let Some(shape) = &job.shape else {
            return;
        };
        job.sampled.looked_at += 1;
        match shape.fit(item) {
            Fit::Sparse => {}
            Fit::Impossible(reason) => {
                job.sampled.items += 1;
                let key = shape.table_keys_of(item);
                job.sampled.add(Problem::CannotBeIndexed, &key, reason);
            }
            Fit::Carries => {
                job.sampled.items += 1;
                let find = Find::new(n, shape.copy_of(item));
                self.ask_next(Task::Copy(Box::new(find)));
            }
        }
    }

    fn on_copy(&mut self, now: Timestamp, mut find: Box<Find>, page: Page) {
        let n = find.job;
        let Some(shape) = &self.jobs[n].shape else {
            return;
        };
        match find.on_copy(shape, page) {
            Found::Same => self.jobs[n].sampled.found += 1,
            Found::TurnPage => self.ask_next(Task::Copy(find)),
            Found::Undecided => self.jobs[n].sampled.undecided += 1,
            Found::Differs => self.put_off(now + find::PAUSE, Task::Item(find), 0),
        }
    }

    fn on_item(&mut self, mut find: Box<Find>, page: &Page) {
        let n = find.job;
        let Job { shape: Some(shape), sampled, .. } = &mut self.jobs[n] else {
            return;
        };
        match find.on_item(shape, page) {
            find::Then::AskAgain => self.ask_next(Task::Copy(find)),
            find::Then::Gone => sampled.items -= 1,
            find::Then::Undecided => sampled.undecided += 1,
            find::Then::Tell(problem, detail) => {
                sampled.add(problem, &shape.table_keys_of(&find.item), detail);
            }
        }
    }

    fn put_off(&mut self, until: Timestamp, task: Task, failures: u32) {
        self.later.insert((until, self.next_id), Work { task, failures });
        self.next_id += 1;
    }

    fn on_error(&mut self, now: Timestamp, work: Work, error: CallError) {
        let Work { task, failures } = work;
        let situation =
            Situation { failures, building: 0, repeated: false, refused_for: Duration::ZERO };
        let decision = decide(error.kind, situation, &self.policy, self.random.f64());
        let delay = delay(&decision).filter(|_| failures + 1 < ATTEMPTS);
        self.tell(&task, failures + 1, &error, &decision, delay);
        match delay {
            Some(delay) => self.put_off(now + delay, task, failures + 1),
            None => self.give_up(task, error),
        }
    }

    fn tell(
        &mut self,
        task: &Task,
        attempt: u32,
        error: &CallError,
        decision: &Decision,
        delay: Option<Duration>,
    ) {
        let n = match task {
            Task::Probe(n) => *n,
            Task::Items(at) => self.samplers[*at].jobs[0],
            Task::Copy(find) | Task::Item(find) => find.job,
        };
        let failure = AttemptFailure {
            attempt,
            max_attempts: ATTEMPTS,
            code: error.code.clone(),
            message: error.to_string(),
            strategy: decision.strategy.as_str(),
            delay,
        };
        self.events.push_back(Event::AttemptFailed { id: self.jobs[n].id.clone(), failure });
    }

    fn give_up(&mut self, task: Task, error: CallError) {
        match task {
            Task::Probe(n) => self.end_probe(n, Probed::Failed(error)),
            Task::Items(at) => {
                for n in self.samplers[at].jobs.clone() {
                    if self.jobs[n].wants_items(self.sample.items) {
                        self.jobs[n].sampled.error = Some(error.clone());
                    }
                }
            }
            Task::Copy(find) | Task::Item(find) => {
                self.jobs[find.job].sampled.error.get_or_insert(error);
            }
        }
    }
}

/// How long until it is asked again; a query stands in no queue.
fn delay(decision: &Decision) -> Option<Duration> {
    match decision.then {
        Then::Retry(delay) | Then::Space(delay) | Then::AwaitCredentials(delay) => Some(delay),
        Then::Look | Then::AwaitSlot | Then::Hold(_) | Then::GiveUp => None,
    }
}

impl Job {
    fn new(definition: &IndexDefinition, order: &Order<'_>) -> Self {
        let id = definition.id.clone();
        let (asked_at, sighting) =
            order.catalog.get(&id.table).unwrap_or((Timestamp::default(), &Sighting::Missing));
        let unseen = match sighting {
            Sighting::Found(table) => {
                order.on_the_way.may_be_unseen(&id, table, asked_at, asked_at)
            }
            // Just after a create DynamoDB may deny that the table is there at all.
            Sighting::Missing => {
                let mut recent = order.on_the_way.recent(&id.table, asked_at, asked_at);
                recent.any(|index| *index == id.index)
            }
            Sighting::Denied(_) | Sighting::Unreadable(_) => false,
        };
        let standing = match unseen {
            true => Standing::of(definition, sighting).not_shown_yet(&id),
            false => Standing::of(definition, sighting),
        };
        let shape = match sighting {
            Sighting::Found(table) if standing.blocked.is_none() => shape(definition, table),
            _ => None,
        };
        Self {
            id,
            standing,
            shape,
            probed: Probed::NotYet,
            attempts: 0,
            sampled: Sampled::default(),
        }
    }

    fn answers(&self) -> bool {
        matches!(self.probed, Probed::Used(_) | Probed::NotNamed)
    }

    fn wants_items(&self, items: u32) -> bool {
        self.answers() && self.sampled.error.is_none() && self.sampled.items < items
    }
}

/// `None` where a key's type is known to nobody: then the index is not there either.
fn shape(definition: &IndexDefinition, table: &TableDescription) -> Option<Shape> {
    let keys = definition.key_schema.iter().map(|key| {
        let name = &key.attribute_name;
        let scalar = table.attributes.get(name).or(definition.attributes.get(name))?;
        Some((key.clone(), *scalar))
    });
    Some(Shape {
        keys: keys.collect::<Option<_>>()?,
        table_keys: table.key_schema.iter().map(|key| key.attribute_name.clone()).collect(),
        projection: definition.projection.clone(),
    })
}

/// One for each table that has an index to ask.
fn samplers(jobs: &[Job], random: &mut fastrand::Rng) -> Vec<Sampler> {
    let mut samplers: Vec<Sampler> = Vec::new();
    for (n, job) in jobs.iter().enumerate().filter(|(_, job)| job.shape.is_some()) {
        match samplers.iter_mut().find(|s| s.table == job.id.table) {
            Some(sampler) => sampler.jobs.push(n),
            None => samplers.push(Sampler {
                table: job.id.table.clone(),
                jobs: vec![n],
                probes: 0,
                parts: parts(random),
                pages: 0,
                begun: Vec::new(),
            }),
        }
    }
    for sampler in &mut samplers {
        sampler.probes = sampler.jobs.len();
    }
    samplers
}

fn parts(random: &mut fastrand::Rng) -> VecDeque<(Segment, Option<Item>)> {
    let mut numbers: Vec<_> = (0..SEGMENTS).collect();
    random.shuffle(&mut numbers);
    numbers.into_iter().map(|number| (Segment { number, total: SEGMENTS }, None)).collect()
}

impl Machine for Probe {
    fn poll(&mut self, now: Timestamp) -> Option<Effect> {
        if let Some(event) = self.events.pop_front() {
            return Some(Effect::Notify(event));
        }
        if self.stopped || self.asked.len() >= AT_ONCE {
            return None;
        }
        while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= now) {
            self.todo.push_back(entry.remove());
        }
        while let Some(work) = self.todo.pop_front() {
            let Some(call) = self.call(&work.task) else {
                continue;
            };
            if let Task::Probe(n) = work.task {
                self.jobs[n].attempts = work.failures + 1;
            }
            let id = CallId(self.next_id);
            self.next_id += 1;
            self.asked.insert(id, work);
            return Some(Effect::Call(id, call));
        }
        None
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.later.keys().next().filter(|_| self.asked.len() < AT_ONCE).map(|(at, _)| *at)
    }

    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>) {
        let Some(work) = self.asked.remove(&id) else {
            return;
        };
        match reply.and_then(Reply::into_page).and_then(|page| self.hold(&work.task, page)) {
            Ok(page) => self.on_page(now, work.task, page),
            Err(error) => self.on_error(now, work, error),
        }
    }

    fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}

    fn on_stop(&mut self, _: Timestamp) {
        self.stopped = true;
    }

    fn is_over(&self) -> bool {
        let idle = self.todo.is_empty() && self.later.is_empty() && self.asked.is_empty();
        self.stopped || (idle && self.events.is_empty())
    }
}

impl Job {
    fn into_validation(self, sample: Sample) -> IndexValidation {
        let (verdict, reasons, recommendation) = self.judge(sample.required);
        let has_sample = sample.items > 0 && self.answers();
        let Self { id, standing, probed, attempts, sampled, .. } = self;
        IndexValidation {
            table: id.table.to_string(),
            index: id.index.to_string(),
            verdict,
            reasons,
            recommendation,
            status: standing.status,
            checks: standing.checks,
            notes: standing.notes,
            attempts,
            capacity_units: if let Probed::Used(units) = probed { Some(units) } else { None },
            sample: has_sample.then_some(sampled),
            metrics: None,
        }
    }
}
