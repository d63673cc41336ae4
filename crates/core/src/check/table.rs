//! One table of a check: its parts, how fast they are read, and what was counted.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::circle::Circle;
use super::pace::{MOST, Pace};
use super::page::{Rest, Row, Wanted, read_json, read_page, rest_of};
use super::tally::{Counts, Found, Shape, Sizes, Standing, Tally};
use super::{Options, Violation};
use crate::call::{Call, CallError, Item, Page, PageForm, Reply, Scan, Segment};
use crate::catalog::TableDescription;
use crate::index_key::KeyValue;
use crate::name::TableName;
use crate::time::Timestamp;

/// DynamoDB's page of a Scan.
const PAGE_BYTES: u64 = 1_048_576;
/// A table is cut into parts of so many pages, and into so many parts at most.
const PAGES_A_PART: u64 = 4;
const MOST_PARTS: u64 = 64;
/// Into so many where nobody knows how large it is.
const PARTS: u64 = 8;
/// Parts of a sample: more tell the error better, fewer cost less.
const SAMPLED_PARTS: std::ops::RangeInclusive<u64> = 8..=64;
/// DynamoDB takes no more.
const MOST_SEGMENTS: u64 = 1_000_000;
/// For the sizes some pages are read whole: the first ones of a table, so that a small
/// one is known exactly, and later one in so many; each of no more items than these.
const FIRST_WHOLE: u32 = 8;
const WHOLE_PAGES: u32 = 24;
const WHOLE_ITEMS: u32 = 1_000;
/// A table or a sample of fewer items may well have lost or missed most of them. From so
/// many on it is told where less than one in so many was read.
const COUNTED_ITEMS: u64 = 1_000;
const COUNTED_SHARE: u64 = 10;
/// Bytes that a capacity unit reads of a table, eventually consistent.
const UNIT_BYTES: f64 = 8_192.0;

/// A part of the table: one segment of a parallel Scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    number: u32,
    #[serde(default, with = "super::cursor::key", skip_serializing_if = "Option::is_none")]
    after: Option<Item>,
    done: bool,
    /// By index; of a sample only.
    pub(super) counts: Vec<Counts>,
    #[serde(skip)]
    refused: Refused,
    #[serde(skip)]
    circle: Circle,
}

/// How often a part was refused in a row, by what that leads to: throttling uses up
/// no attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Refused {
    throttled: u32,
    failed: u32,
}

/// A page that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) part: usize,
    whole: bool,
    set_aside: f64,
}

/// What is counted of a table, as a cursor keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Segments that the table is cut into.
    pub(super) segments: u32,
    pub(super) parts: Vec<Part>,
    pub(super) items: u64,
    pub(super) pages: u64,
    pub(super) read_units: f64,
    /// By index.
    pub(super) tallies: Vec<Tally>,
    /// The first violations of each index.
    pub(super) first: Vec<Vec<Violation>>,
}

/// What came of a page.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// All that it holds, where they are asked for.
    pub(super) violations: Vec<Violation>,
}

/// One table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) description: TableDescription,
    pub(super) shapes: Vec<Shape>,
    /// The attributes to look for; the table's keys first.
    slots: Vec<String>,
    table_keys: usize,
    /// Those that every page is asked for.
    asked_for: Vec<String>,
    pub(super) counted: Counted,
    pub(super) sampled: bool,
    ready: VecDeque<usize>,
    later: BTreeSet<(Timestamp, usize)>,
    in_flight: usize,
    /// Pages that came and are not counted yet.
    uncounted: usize,
    /// Pages that were asked for whole and not refused, in this run.
    whole: u32,
    pub(super) pace: Pace,
    budget: Option<Budget>,
    units_an_item: f64,
    /// Items that were read before this run.
    before: u64,
    began: Timestamp,
    pub(super) failed: Option<CallError>,
    /// A page was counted in part: what was counted is of no use to anybody.
    pub(super) torn: bool,
    pub(super) told_end: bool,
}

impl Table {
    /// `slots` begin with the table's keys, of which there are `table_keys`.
    pub(super) fn new(
        description: TableDescription,
        shapes: Vec<Shape>,
        slots: Vec<String>,
        options: &Options,
        now: Timestamp,
    ) -> Self {
        let table_keys = description.key_schema.len();
        let mut asked_for = slots[..table_keys].to_vec();
        for part in shapes.iter().flat_map(|shape| &shape.keys) {
            if !asked_for.contains(&part.name) {
                asked_for.push(part.name.clone());
            }
        }
        let fixed = options.segments.map(|n| (n as usize).min(MOST));
        Self {
            name: description.name.clone(),
            units_an_item: units_an_item(&description),
            counted: Counted {
                tallies: vec![Tally::default(); shapes.len()],
                first: vec![Vec::new(); shapes.len()],
                ..Counted::default()
            },
            description,
            shapes,
            slots,
            table_keys,
            asked_for,
            sampled: options.sample.is_some(),
            ready: VecDeque::new(),
            later: BTreeSet::new(),
            in_flight: 0,
            uncounted: 0,
            whole: 0,
            pace: Pace::new(fixed, now),
            budget: options.max_rcu.map(|units| Budget::new(units, now)),
            before: 0,
            began: now,
            failed: None,
            torn: false,
            told_end: false,
        }
    }

    /// Cuts the table into parts, all of which are read, or some for a sample.
    pub(super) fn cut(
        &mut self,
        options: &Options,
        parts: Option<u32>,
        random: &mut fastrand::Rng,
    ) {
        let pages = self.description.size_bytes.filter(|b| *b > 0).map(|b| b.div_ceil(PAGE_BYTES));
        let (segments, numbers) = match options.sample {
            Some(percent) => sample(percent, pages, random),
            None => {
                let by_size = pages.map_or(PARTS, |pages| pages.div_ceil(PAGES_A_PART));
                let wanted = options.segments.or(parts).map_or(by_size.min(MOST_PARTS), u64::from);
                let segments = u32::try_from(wanted.clamp(1, MOST_SEGMENTS)).unwrap_or(1);
                (segments, (0..segments).collect())
            }
        };
        let counts = if self.sampled { self.shapes.len() } else { 0 };
        let part = |number| Part {
            number,
            after: None,
            done: false,
            counts: vec![Counts::default(); counts],
            refused: Refused::default(),
            circle: Circle::default(),
        };
        self.counted.segments = segments;
        self.counted.parts = numbers.into_iter().map(part).collect();
        self.line_up();
    }

    /// Goes on where another run stopped.
    pub(super) fn go_on(&mut self, counted: Counted) {
        self.before = counted.items;
        self.counted = counted;
        self.line_up();
    }

    fn line_up(&mut self) {
        let parts = self.counted.parts.iter().enumerate();
        self.ready = parts.filter(|(_, part)| !part.done).map(|(n, _)| n).collect();
    }

    /// Nothing is left to read, or it cannot be read.
    pub(super) fn is_over(&self) -> bool {
        self.failed.is_some()
            || (self.in_flight + self.uncounted == 0
                && self.ready.is_empty()
                && self.later.is_empty())
    }

    /// The next page to ask for, if one may be asked for now.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        random: &mut fastrand::Rng,
    ) -> Option<(Asked, Call)> {
        if self.failed.is_some() || self.in_flight >= self.pace.limit() {
            return None;
        }
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, part)| part));
        }
        if let Some(budget) = &mut self.budget {
            budget.fill(now);
            if budget.ready_at() > now {
                return None;
            }
        }
        let at = self.ready.pop_front()?;
        let part = &self.counted.parts[at];
        let drawn = self.whole < FIRST_WHOLE || random.u32(..WHOLE_PAGES) == 0;
        let whole = drawn && self.wants_whole();
        self.whole += u32::from(whole);
        let (limit, set_aside) = self.limit(whole);
        if let Some(budget) = &mut self.budget {
            budget.take(set_aside);
        }
        let segments = self.counted.segments;
        let segment = Segment { number: part.number, total: segments };
        let scan = Scan {
            table: self.name.clone(),
            segment: (segments > 1).then_some(segment),
            attributes: if whole { Vec::new() } else { self.asked_for.clone() },
            limit,
            after: part.after.clone(),
            form: PageForm::Json,
        };
        self.in_flight += 1;
        Some((Asked { part: at, whole, set_aside }, Call::Scan(Box::new(scan))))
    }

    /// Whether the keys do not tell the sizes of all indexes.
    fn wants_whole(&self) -> bool {
        self.shapes.iter().any(|shape| !shape.keys_only)
    }

    /// How many items a page may read, and what is set aside for them.
    fn limit(&self, whole: bool) -> (Option<u32>, f64) {
        let for_sizes = whole.then_some(WHOLE_ITEMS);
        let Some(budget) = &self.budget else {
            return (for_sizes, 0.0);
        };
        let affordable = (budget.page_units() / self.units_an_item).clamp(1.0, 1e6) as u32;
        let limit = for_sizes.map_or(affordable, |items| items.min(affordable));
        (Some(limit), f64::from(limit) * self.units_an_item)
    }

    /// When there may be something to ask for, if nothing comes before.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        if self.failed.is_some() || self.in_flight >= self.pace.limit() {
            return None;
        }
        // What is ready waits for nothing else.
        let budget = self.budget.as_ref().filter(|_| !self.ready.is_empty());
        let later = self.later.first().map(|(at, _)| *at);
        budget.map(Budget::ready_at).into_iter().chain(later).min()
    }

    /// A page came, and is counted. What cannot be read ends the table: its items were
    /// counted in part.
    pub(super) fn on_page(
        &mut self,
        now: Timestamp,
        asked: &Asked,
        reply: &Reply,
        options: &Options,
    ) -> Result<Came, String> {
        self.in_flight -= 1;
        let mut came = Came::default();
        let read = self.read(asked, reply, options, &mut came);
        let advanced = read.and_then(|rest| self.advance(now, asked, rest));
        self.torn |= advanced.is_err();
        advanced.map(|()| came)
    }

    /// A page came that says by itself where the next one begins: that may be asked
    /// for before this one is counted.
    pub(super) fn put_aside(
        &mut self,
        now: Timestamp,
        asked: &Asked,
        page: &Page,
    ) -> Result<(), String> {
        self.in_flight -= 1;
        let wanted = Wanted { table: &self.name, names: &self.slots, keys: self.table_keys };
        let rest = rest_of(page, wanted);
        let advanced = rest.and_then(|rest| self.advance(now, asked, rest));
        self.torn |= advanced.is_err();
        self.uncounted += usize::from(advanced.is_ok());
        advanced
    }

    /// Counts a page that was put aside.
    pub(super) fn count(&mut self, asked: &Asked, reply: &Reply, options: &Options) -> Came {
        self.uncounted -= 1;
        let mut came = Came::default();
        // Of a page that is read already nothing is unreadable.
        let _ = self.read(asked, reply, options, &mut came);
        came
    }

    fn advance(&mut self, now: Timestamp, asked: &Asked, rest: Rest) -> Result<(), String> {
        self.counted.items += rest.items;
        self.counted.pages += 1;
        self.counted.read_units += rest.units.unwrap_or(0.0);
        self.pay(asked, &rest)?;
        self.pace.on_page(now, rest.items);
        let part = &mut self.counted.parts[asked.part];
        if rest.last_key.as_ref().is_some_and(|key| part.circle.closes_with(key)) {
            return Err("its pages come round in a circle".to_owned());
        }
        part.refused = Refused::default();
        part.done = rest.last_key.is_none();
        part.after = rest.last_key;
        if !part.done {
            self.ready.push_back(asked.part);
        }
        Ok(())
    }

    fn read(
        &mut self,
        asked: &Asked,
        reply: &Reply,
        options: &Options,
        came: &mut Came,
    ) -> Result<Rest, String> {
        let Self { name, shapes, slots, table_keys, counted, .. } = self;
        let Counted { parts, tallies, first, .. } = counted;
        let of_part = &mut parts[asked.part].counts;
        let mut sizes = vec![Sizes::default(); shapes.len()];
        let each = |row: &Row<'_>| {
            for (n, shape) in shapes.iter().enumerate() {
                let standing = tallies[n].add(shape, row);
                if let Some(counts) = of_part.get_mut(n) {
                    counts.add(&standing);
                }
                match standing {
                    Standing::Included if asked.whole || shape.keys_only => {
                        sizes[n].add(shape, row, slots);
                    }
                    Standing::Violating(found) => {
                        let violation = |found| {
                            violation(name, shape, row, &slots[..*table_keys], found, options)
                        };
                        let violations = found.into_iter().map(violation);
                        let room = options.shown.saturating_sub(first[n].len());
                        if options.stream {
                            let violations: Vec<_> = violations.collect();
                            first[n].extend(violations.iter().take(room).cloned());
                            came.violations.extend(violations);
                        } else {
                            first[n].extend(violations.take(room));
                        }
                    }
                    _ => {}
                }
            }
        };
        let rest = match reply {
            Reply::Json(json) => {
                let wanted = Wanted { table: name, names: slots, keys: *table_keys };
                read_json(json, wanted, each)?
            }
            // What it says beside its items was taken when it was put aside.
            Reply::Page(page) => {
                read_page(page, slots, each);
                Rest::default()
            }
            Reply::Table(_) | Reply::Scaling(_) | Reply::Done => {
                return Err("it is no page of items".to_owned());
            }
        };
        for (tally, sizes) in tallies.iter_mut().zip(sizes) {
            tally.add_sizes(sizes);
        }
        Ok(rest)
    }

    /// Gives the budget what the page did cost, and learns from it.
    fn pay(&mut self, asked: &Asked, rest: &Rest) -> Result<(), String> {
        let Some(budget) = &mut self.budget else {
            return Ok(());
        };
        // Of a page with items the least that DynamoDB bills is half a unit.
        let units = rest.units.filter(|units| rest.items == 0 || *units > 0.0).ok_or(
            "it does not tell the consumed capacity, or none that DynamoDB can mean, so that --max-rcu cannot be held",
        )?;
        budget.settle(asked.set_aside, units);
        if rest.items > 0 {
            self.units_an_item = units / rest.items as f64;
        }
        Ok(())
    }

    /// A page was refused and is asked for again at `at`.
    pub(super) fn put_off(&mut self, asked: &Asked, at: Timestamp) {
        self.in_flight -= 1;
        self.whole = self.whole.saturating_sub(u32::from(asked.whole));
        if let Some(budget) = &mut self.budget {
            budget.settle(asked.set_aside, 0.0);
        }
        self.later.insert((at, asked.part));
    }

    /// How often the part was throttled in a row, or else refused, this time included.
    pub(super) fn count_refusal(&mut self, asked: &Asked, throttled: bool) -> u32 {
        let Refused { throttled: slowed, failed } = &mut self.counted.parts[asked.part].refused;
        let count = if throttled { slowed } else { failed };
        *count = count.saturating_add(1);
        *count
    }

    pub(super) fn fail(&mut self, error: CallError) {
        self.failed.get_or_insert(error);
    }

    /// Segments that were read to their end, of those that are read.
    pub(super) fn done_parts(&self) -> usize {
        self.counted.parts.iter().filter(|part| part.done).count()
    }

    /// How many items there are to read, as far as DynamoDB knows: it counts them
    /// every six hours.
    pub(super) fn expected_items(&self) -> Option<u64> {
        let all = self.description.item_count.filter(|n| *n > 0)?;
        let Counted { segments, parts, .. } = &self.counted;
        let share = parts.len() as f64 / f64::from((*segments).max(1));
        Some((all as f64 * share) as u64)
    }

    /// Why what was read cannot be all that there is to read.
    pub(super) fn too_few(&self) -> Option<String> {
        let expected = self.expected_items()?;
        let items = self.counted.items;
        let none = items == 0 && !self.sampled;
        let hardly_any = expected >= COUNTED_ITEMS && items < expected / COUNTED_SHARE;
        (none || hardly_any).then(|| {
            let item = if items == 1 { "item was" } else { "items were" };
            format!(
                "{items} {item} read where DynamoDB counts {expected} (its count is up to six hours old): unless the others were deleted since, not all of the table was given, and what was not read is not checked"
            )
        })
    }

    /// Items a second of this run.
    pub(super) fn rate(&self, now: Timestamp) -> f64 {
        let seconds = now.since(self.began).as_secs_f64().max(0.001);
        (self.counted.items - self.before) as f64 / seconds
    }

    /// How long it will take, as far as that is known.
    pub(super) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expected_items()?.saturating_sub(self.counted.items);
        let rate = self.rate(now);
        (rate > 0.0 && left > 0).then(|| Duration::from_secs_f64((left as f64 / rate).min(1e9)))
    }
}

impl Counted {
    /// Whether it can be what was counted of a table against so many indexes.
    pub(super) fn fits(&self, indexes: usize) -> bool {
        let of_segments = |part: &Part| part.number < self.segments;
        let increasing = self.parts.windows(2).all(|pair| pair[0].number < pair[1].number);
        self.tallies.len() == indexes
            && self.first.len() == indexes
            && !self.parts.is_empty()
            && increasing
            && self.parts.iter().all(of_segments)
    }

    /// Whether it was counted for a sample, or else for the whole.
    pub(super) fn is_sample(&self) -> bool {
        self.parts.iter().any(|part| !part.counts.is_empty())
    }

    /// Whether all of the table is read, in so far as it is no sample of it.
    pub(super) fn is_whole(&self) -> bool {
        self.parts.len() as u64 >= u64::from(self.segments)
    }
}

impl Counts {
    fn add(&mut self, standing: &Standing) {
        match standing {
            Standing::Included => self.included += 1,
            Standing::Sparse => self.sparse += 1,
            Standing::Violating(_) => self.violating += 1,
        }
    }
}

/// Before a page told it: what the description says of the average, or as if an
/// item were as large as it may be.
fn units_an_item(table: &TableDescription) -> f64 {
    const LARGEST: f64 = 400.0 * 1_024.0;
    let average = match (table.size_bytes, table.item_count) {
        (Some(bytes), Some(items)) if bytes > 0 && items > 0 => bytes as f64 / items as f64,
        _ => LARGEST,
    };
    average / UNIT_BYTES
}

/// How many segments, and which of them are read.
fn sample(percent: f64, pages: Option<u64>, random: &mut fastrand::Rng) -> (u32, Vec<u32>) {
    let (least, most) = (*SAMPLED_PARTS.start(), *SAMPLED_PARTS.end());
    let share = percent / 100.0;
    let wanted = pages.map_or(least, |pages| (pages as f64 * share) as u64).clamp(least, most);
    let segments = ((wanted as f64 / share).round() as u64).clamp(1, MOST_SEGMENTS);
    let read = ((segments as f64 * share).round() as u64).clamp(1, segments);
    let (segments, read) = (segments as u32, read as usize);
    let mut drawn = BTreeSet::new();
    while drawn.len() < read {
        drawn.insert(random.u32(..segments));
    }
    (segments, drawn.into_iter().collect())
}

fn violation(
    table: &TableName,
    shape: &Shape,
    row: &Row<'_>,
    table_keys: &[String],
    found: Found,
    options: &Options,
) -> Violation {
    let cell = |slot: usize| row.cells.get(slot).and_then(Option::as_ref);
    let key = table_keys
        .iter()
        .enumerate()
        .filter_map(|(slot, name)| Some((name.clone(), cell(slot)?.value.json()?)));
    let value = found.slot.filter(|_| options.values).and_then(cell);
    Violation {
        table: table.to_string(),
        index: shape.id.index.to_string(),
        key: serde_json::Value::Object(key.collect()),
        attribute: found.attribute,
        fault: found.fault,
        found: found.found,
        wanted: found.wanted,
        bytes: found.bytes as u64,
        value: value.and_then(|cell| KeyValue::json(&cell.value)),
    }
}
