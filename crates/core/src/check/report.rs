//! What a check came to, as a value that every view prints.

use std::fmt;

use serde::Serialize;

use super::estimate::{Estimate, NONE_OF_MANY, total};
use super::forecast::{Basis, Capacity, Forecast};
use super::table::Table;
use super::tally::{Counts, FaultCount, Shape, Tally};
use super::{Check, Options, Place, Subject, Violation, remedy};
use crate::definition::KeyType;
use crate::index_key::longest;
use crate::plan::Obstacle;
use crate::report::{Document, Envelope};
use crate::state::Target;
use crate::time::Timestamp;

mod markdown;

/// The kind of these reports.
pub(crate) const KIND: &str = "check";

/// What a check comes to, in a word.
pub(crate) const WORDS: [&str; 2] = ["done", "failed"];

/// Partition keys that are told.
const HOTTEST: usize = 5;
/// With fewer items in an index the share of one key says nothing.
const SKEW_ITEMS: u64 = 1_000;

/// What the check says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// No item that was read would break.
    Clean,
    /// Some would.
    Violations,
    /// The items could not be read, or not be held against the index.
    NotChecked,
    /// It exists, and indexes that exist were not asked for.
    Exists,
}

impl Outcome {
    /// All of them, the good one first.
    pub const ALL: [Self; 4] = [Self::Clean, Self::Violations, Self::NotChecked, Self::Exists];

    /// As it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Violations => "violations",
            Self::NotChecked => "not-checked",
            Self::Exists => "exists",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The items that were read, by where they stand, and what that means for all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Items {
    /// Items that were read.
    pub read: u64,
    /// Where they stand.
    #[serde(flatten)]
    pub counts: Counts,
    /// What follows for the whole table; of a sample only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated: Option<Estimated>,
}

/// A sample's figures for the whole table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimated {
    /// In the index.
    pub included: Estimate,
    /// Left out for lack of a key.
    pub sparse: Estimate,
    /// Refused from then on.
    pub violating: Estimate,
}

/// A frequent partition key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HotKey {
    /// The values of its attributes, shortened.
    pub value: String,
    /// Items that have it, of those that were read; at least.
    pub items: u64,
    /// Their share.
    pub share: f64,
}

/// How items spread over the partition keys of an index.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skew {
    /// The most frequent ones.
    pub hottest: Vec<HotKey>,
    /// By how much each share may be higher, and the most that a key has which is
    /// not named.
    pub error: f64,
    /// From this share on a key is hot.
    pub threshold: f64,
    /// Whether one is.
    pub is_hot: bool,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexCheck {
    /// The base table.
    pub table: String,
    /// The index.
    pub index: String,
    /// Identifies its keys, their types and its projection.
    pub spec: String,
    /// What it comes to.
    pub outcome: Outcome,
    /// Whether it exists, or is being built.
    pub exists: bool,
    /// Why it was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The items, where they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// How many have which fault, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultCount>,
    /// The first that were found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// How items spread over its partition keys, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew: Option<Skew>,
    /// What it will hold and take, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// What else is of interest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One table that was read, or was to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableCheck {
    /// Its name.
    pub table: String,
    /// Items that were read.
    pub items: u64,
    /// Pages of them.
    pub pages: u64,
    /// Read capacity units that the pages cost, as their answers tell.
    pub read_units: f64,
    /// Segments that it was cut into.
    pub segments: u32,
    /// Those of them that were to be read.
    pub segments_read: usize,
    /// Items that there were to read as far as DynamoDB knows: it counts them about
    /// every six hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_items: Option<u64>,
    /// Why what was read cannot be all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Why it was not read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How many indexes came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All.
    pub total: usize,
    /// [`Outcome::Clean`].
    pub clean: usize,
    /// [`Outcome::Violations`].
    pub violations: usize,
    /// [`Outcome::NotChecked`].
    pub not_checked: usize,
    /// [`Outcome::Exists`].
    pub exists: usize,
    /// Violating items, counted once an index.
    pub violating_items: u64,
}

/// What a report is about, beside what was found.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The definitions file, the first of several.
    pub script_name: &'a str,
    /// Where the tables are.
    pub target: &'a Target,
    /// When it was over.
    pub ended_at: Timestamp,
    /// Where all violations were written to.
    pub violations_file: Option<&'a str>,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// What every report says.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The definitions file.
    pub script_name: String,
    /// Where the tables are.
    pub target: Target,
    /// Wall-clock time, from the first beginning on.
    pub seconds: f64,
    /// Percent of each table that was to be read, where it was a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// Counts.
    pub totals: Totals,
    /// Each index, in definition order.
    pub indexes: Vec<IndexCheck>,
    /// Each table that was read.
    pub tables: Vec<TableCheck>,
    /// Where all violations are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violations_file: Option<String>,
}

impl Check {
    /// What was found; of what was interrupted as far as it came.
    #[must_use]
    pub fn report(&self, about: &About<'_>) -> CheckReport {
        let indexes: Vec<_> = self.subjects.iter().map(|subject| self.index(subject)).collect();
        let count = |outcome| indexes.iter().filter(|i| i.outcome == outcome).count();
        let totals = Totals {
            total: indexes.len(),
            clean: count(Outcome::Clean),
            violations: count(Outcome::Violations),
            not_checked: count(Outcome::NotChecked),
            exists: count(Outcome::Exists),
            violating_items: indexes
                .iter()
                .filter_map(|i| i.items.as_ref())
                .map(|items| items.counts.violating)
                .sum(),
        };
        let bad = totals.violations + totals.not_checked > 0;
        let times = (self.started_at, about.ended_at);
        CheckReport {
            envelope: Envelope::new(KIND, KIND, WORDS[usize::from(bad)], times),
            script_name: about.script_name.to_owned(),
            target: about.target.clone(),
            seconds: (about.ended_at - self.started_at).as_secs_f64(),
            sample: self.options.sample,
            totals,
            indexes,
            tables: self.tables.iter().map(table).collect(),
            violations_file: about.violations_file.map(str::to_owned),
        }
    }

    fn index(&self, subject: &Subject) -> IndexCheck {
        let Subject { definition, exists, place } = subject;
        let types = match place {
            Place::Counted(at, _) => self.tables[*at].description.attributes.clone(),
            Place::Exists | Place::Unable(..) => [].into(),
        };
        let bare = |outcome| IndexCheck {
            table: definition.id.table.to_string(),
            index: definition.id.index.to_string(),
            spec: definition.digest(&types),
            outcome,
            exists: *exists,
            reason: None,
            remedy: None,
            items: None,
            faults: Vec::new(),
            violations: Vec::new(),
            skew: None,
            forecast: None,
            notes: Vec::new(),
        };
        let told = |reason: String, remedy: String| IndexCheck {
            reason: Some(reason),
            remedy: Some(remedy).filter(|text| !text.is_empty()),
            ..bare(Outcome::NotChecked)
        };
        match place {
            Place::Unable(reason, remedy) => told(reason.clone(), remedy.clone()),
            Place::Exists => IndexCheck {
                notes: vec!["it exists already; --existing checks it too".to_owned()],
                ..bare(Outcome::Exists)
            },
            Place::Counted(at, n) => {
                let table = &self.tables[*at];
                match &table.failed {
                    Some(error) => told(
                        format!("its table could not be read: {error}"),
                        remedy(&table.name, error),
                    ),
                    None => counted(table, *n, subject, &self.options, bare(Outcome::Clean)),
                }
            }
        }
    }
}

fn counted(
    table: &Table,
    n: usize,
    subject: &Subject,
    options: &Options,
    bare: IndexCheck,
) -> IndexCheck {
    let (tally, shape) = (&table.counted.tallies[n], &table.shapes[n]);
    let mut faults = tally.faults.clone();
    faults.sort_by(|a, b| b.items.cmp(&a.items).then_with(|| a.attribute.cmp(&b.attribute)));
    let items = items(table, n);
    let skew = skew(tally, options.skew);
    let capacity = Capacity::of(&subject.definition, &table.description);
    let forecast = forecast(tally, &items, skew.as_ref(), capacity)
        .map(|basis| Forecast::new(&basis, options.prices));
    IndexCheck {
        outcome: if tally.counts.violating > 0 { Outcome::Violations } else { bare.outcome },
        notes: notes(table, shape, &items, skew.as_ref()),
        items: Some(items),
        faults,
        violations: table.counted.first[n].clone(),
        skew,
        forecast,
        ..bare
    }
}

fn items(table: &Table, n: usize) -> Items {
    let of_parts = |count: fn(&Counts) -> u64| {
        let parts = table.counted.parts.iter();
        let read: Vec<_> = parts.filter_map(|part| part.counts.get(n)).map(count).collect();
        total(&read, u64::from(table.counted.segments))
    };
    let estimated = table.sampled.then(|| Estimated {
        included: of_parts(|counts| counts.included),
        sparse: of_parts(|counts| counts.sparse),
        violating: of_parts(|counts| counts.violating),
    });
    Items { read: table.counted.items, counts: table.counted.tallies[n].counts, estimated }
}

fn skew(tally: &Tally, threshold: f64) -> Option<Skew> {
    let all = tally.hot.seen();
    if all == 0 {
        return None;
    }
    let share = |items: u64| items as f64 / all as f64;
    let hottest: Vec<_> = tally
        .hot
        .top(HOTTEST)
        .into_iter()
        .map(|hot| HotKey { value: hot.value, items: hot.count, share: share(hot.count) })
        .collect();
    let highest = hottest.first().map_or(0.0, |hot| hot.share);
    Some(Skew {
        hottest,
        error: share(tally.hot.missed()),
        threshold,
        is_hot: all >= SKEW_ITEMS && highest >= threshold,
    })
}

/// `None` where items will be in the index and none of them was read whole.
fn forecast(
    tally: &Tally,
    items: &Items,
    skew: Option<&Skew>,
    capacity: Capacity,
) -> Option<Basis> {
    let included = items
        .estimated
        .map_or(Estimate::exact(tally.counts.included as f64), |estimated| estimated.included);
    let none = (included.value == 0.0).then_some(Estimate::exact(0.0));
    Some(Basis {
        items: included,
        entry_bytes: tally.bytes.of(included.value).or(none)?,
        entry_units: tally.units.of(included.value).or(none)?,
        capacity,
        hottest: skew.and_then(|skew| skew.hottest.first()).map_or(0.0, |hot| hot.share),
    })
}

fn notes(table: &Table, shape: &Shape, items: &Items, skew: Option<&Skew>) -> Vec<String> {
    let mut notes = Vec::new();
    if table.counted.items == 0 && table.too_few().is_some() {
        notes.push("no item was read: see the warning about its table".to_owned());
    } else if table.counted.items == 0 {
        notes.push("no item was read: the table is empty, as far as it was read".to_owned());
    } else if items.counts.included == 0 && items.counts.violating == 0 {
        notes.push("no item has its keys: the index will be empty".to_owned());
    }
    if needs_no_new_attribute(table, shape) {
        notes.push("its keys are keys of the table: no item can violate it".to_owned());
    }
    if let Some(hot) = skew.filter(|skew| skew.is_hot).and_then(|skew| skew.hottest.first()) {
        notes.push(format!(
            "hot key: {:.1} % of the items have the partition key {}; one partition takes 1,000 write units a second, and what the index cannot take throttles writes to the table",
            hot.share * 100.0,
            hot.value
        ));
    }
    let in_part = table.sampled && !table.counted.is_whole();
    if in_part && items.counts.violating == 0 && items.read > 0 {
        let most = (NONE_OF_MANY / items.read as f64 * 100.0).min(100.0);
        notes.push(format!(
            "a sample of {} items: that it has no violation means fewer than {most:.3} % in the table, where they are spread evenly; only a whole check can rule them out",
            items.read
        ));
    }
    notes
}

/// What is a key of the table has its type and is not empty. Only a part that may
/// have been longer there can be too long.
fn needs_no_new_attribute(table: &Table, shape: &Shape) -> bool {
    let key_of_table =
        |name: &str| table.description.key_schema.iter().find(|key| key.attribute_name == name);
    let several = |key_type| shape.keys.iter().filter(|k| k.key_type == key_type).count() > 1;
    let one_each = !several(KeyType::Hash) && !several(KeyType::Range);
    one_each
        && shape.keys.iter().all(|part| {
            key_of_table(&part.name).is_some_and(|key| {
                part.scalar == crate::definition::ScalarType::N
                    || longest(part.key_type) >= longest(key.key_type)
            })
        })
}

fn table(table: &Table) -> TableCheck {
    let counted = &table.counted;
    TableCheck {
        table: table.name.to_string(),
        items: counted.items,
        pages: counted.pages,
        read_units: counted.read_units,
        segments: counted.segments,
        segments_read: counted.parts.len(),
        expected_items: table.expected_items(),
        warning: table.too_few().filter(|_| table.failed.is_none()),
        error: table.failed.as_ref().map(ToString::to_string),
    }
}

impl IndexCheck {
    /// What keeps the index from being created, where items would break with it.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self.outcome {
            Outcome::Clean | Outcome::Exists => None,
            Outcome::Violations => {
                let items = self.items.as_ref().map_or(0, |items| items.counts.violating);
                Some(Obstacle::Violations { items })
            }
            Outcome::NotChecked => {
                Some(Obstacle::NotChecked { reason: self.reason.clone().unwrap_or_default() })
            }
        }
    }
}

impl CheckReport {
    /// No violation, and everything was checked.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.totals.violations + self.totals.not_checked == 0
    }

    /// What it says of an index.
    #[must_use]
    pub fn of(&self, id: &crate::name::IndexId) -> Option<&IndexCheck> {
        self.indexes.iter().find(|i| i.table == id.table.as_str() && i.index == id.index.as_str())
    }
}

impl Document for CheckReport {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    fn advice(&mut self) -> Vec<&mut String> {
        self.indexes.iter_mut().filter_map(|index| index.remedy.as_mut()).collect()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn markdown(&self) -> String {
        markdown::of(self)
    }
}

impl Violation {
    /// What is the matter, for people.
    #[must_use]
    pub fn words(&self) -> String {
        use crate::index_key::Fault;
        let Self { attribute, found, wanted, bytes, .. } = self;
        match self.fault {
            Fault::WrongType => format!("{attribute} is {found}, the index wants {wanted}"),
            Fault::Null => format!("{attribute} is NULL, the index wants {wanted} or nothing"),
            Fault::Empty => format!("{attribute} is empty"),
            Fault::TooLong => format!("{attribute} has {bytes} bytes, more than a key may have"),
            Fault::TooLongTogether => {
                format!("{attribute} have {bytes} bytes together, more than a key may have")
            }
            Fault::NumberOutOfRange => format!("{attribute} is a number out of DynamoDB's range"),
        }
    }
}
