//! `gsictl check`: what is planted is found, and nothing else. On the embedded engine
//! and on Amazon DynamoDB Local.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gsictl_core::call::{Call, CreateTable, Effect, Item, Value as Attribute};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, ScalarType};
use gsictl_core::name::TableName;
use serde_json::{Value, json};

use crate::place::Place;
use crate::support::fault::Fault;
use crate::support::proxy::{Asked, Chooser, Log};
use crate::support::service::faulty_service;
use crate::support::world::Tables;
use crate::world::{Done, Running, World, one_index, side_by_side, text, wait_for};

mod resume;
mod said;
mod slow;

const TABLE: &str = "things";
const CURSOR: &str = ".gsi_check.json";
/// Items of the tests that plant violations at random. With [`MOST`] they take minutes.
const MANY: usize = 20_000;
const MOST: usize = 100_000;
const SEED: u64 = 7;

/// Five indexes over the table: keys of each type, of one attribute and of several,
/// and one attribute that is a key of two indexes.
const INDEXES: &str = "things:
  - IndexName: by-text
    KeySchema: [{ AttributeName: text, KeyType: HASH }, { AttributeName: size, KeyType: RANGE }]
    AttributeDefinitions: [{ AttributeName: text, AttributeType: S }, { AttributeName: size, AttributeType: N }]
    Projection: { ProjectionType: ALL }
  - IndexName: by-shared
    KeySchema: [{ AttributeName: group, KeyType: HASH }, { AttributeName: text, KeyType: RANGE }]
    AttributeDefinitions: [{ AttributeName: group, AttributeType: S }, { AttributeName: text, AttributeType: S }]
    Projection: { ProjectionType: KEYS_ONLY }
  - IndexName: by-number
    KeySchema: [{ AttributeName: number, KeyType: HASH }, { AttributeName: tail, KeyType: RANGE }]
    AttributeDefinitions: [{ AttributeName: number, AttributeType: N }, { AttributeName: tail, AttributeType: B }]
    Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [rest] }
  - IndexName: by-bytes
    KeySchema: [{ AttributeName: token, KeyType: HASH }]
    AttributeDefinitions: [{ AttributeName: token, AttributeType: B }]
    Projection: { ProjectionType: ALL }
  - IndexName: by-many
    KeySchema:
      - { AttributeName: h1, KeyType: HASH }
      - { AttributeName: h2, KeyType: HASH }
      - { AttributeName: r1, KeyType: RANGE }
      - { AttributeName: r2, KeyType: RANGE }
    AttributeDefinitions:
      - { AttributeName: h1, AttributeType: S }
      - { AttributeName: h2, AttributeType: B }
      - { AttributeName: r1, AttributeType: S }
      - { AttributeName: r2, AttributeType: N }
    Projection: { ProjectionType: KEYS_ONLY }
";

fn item(n: usize) -> Item {
    let text = |text: &str, n: usize| Attribute::S(format!("{text} {n}"));
    let number = |n: usize| Attribute::N(n.to_string());
    let mut item: Item = [
        ("pk", text("thing", n)),
        ("sk", Attribute::N((n % 3).to_string())),
        ("text", text("text", n)),
        ("group", text("group", n % 1_000)),
        ("size", number(n % 100)),
        ("number", Attribute::N(format!("-{n}.5"))),
        ("tail", Attribute::B(vec![0, 1, 255])),
        ("token", Attribute::B(n.to_be_bytes().to_vec())),
        ("h1", text("one", n)),
        ("h2", Attribute::B(vec![7; 4])),
        ("r1", text("two", n)),
        ("r2", number(n)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // Every eleventh lacks a key: no violation.
    if n.is_multiple_of(11) {
        item.remove(["text", "size", "token", "h2", "r1"][n % 5]);
    }
    item
}

/// What is put into an item, and what has to be told: index, attribute, fault, type.
struct Plant {
    values: Vec<(&'static str, Attribute)>,
    told: Vec<(&'static str, &'static str, &'static str, &'static str)>,
    is: Is,
}

/// How engines take it.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    /// A value that any engine refuses in a key of that type.
    Refused,
    /// A value that no key may have and that keeps DynamoDB Local building for ever.
    NoScalar,
    /// Too many bytes.
    Long,
    /// No fault: what just fits.
    Fine,
}

fn s(bytes: usize) -> Attribute {
    Attribute::S("x".repeat(bytes))
}

fn b(bytes: usize) -> Attribute {
    Attribute::B(vec![1; bytes])
}

fn n(number: &str) -> Attribute {
    Attribute::N(number.to_owned())
}

/// Each kind of violation in each kind of key.
fn plants() -> Vec<Plant> {
    let mut plants = Vec::new();
    let mut add = |is, values: Vec<(&'static str, Attribute)>, told: Vec<_>| {
        plants.push(Plant { values, told, is });
    };
    // Which attribute, its type, and the indexes that it is a key of.
    let keys: [(&str, &str, &[&str]); 8] = [
        ("text", "S", &["by-text", "by-shared"]),
        ("size", "N", &["by-text"]),
        ("number", "N", &["by-number"]),
        ("tail", "B", &["by-number"]),
        ("token", "B", &["by-bytes"]),
        ("h1", "S", &["by-many"]),
        ("h2", "B", &["by-many"]),
        ("r2", "N", &["by-many"]),
    ];
    let texts = |texts: [&str; 2]| texts.map(str::to_owned).into();
    let others = [
        Attribute::Bool(true),
        Attribute::L(vec![s(3)]),
        Attribute::M([("a".to_owned(), s(3))].into()),
        Attribute::Ss(texts(["a", "b"])),
        Attribute::Ns(texts(["1", "2"])),
        Attribute::Bs([vec![1], vec![2]].into()),
        Attribute::Null,
    ];
    for (name, wanted, indexes) in keys {
        let mut all = |is, value: Attribute, fault| {
            let found = value.type_name();
            let told = indexes.iter().map(|index| (*index, name, fault, found)).collect();
            add(is, vec![(name, value)], told);
        };
        for value in [s(4), s(0), n("5"), b(2), b(0)] {
            let (empty, found) = (value.size() == 0, value.type_name());
            match (found == wanted, empty) {
                (true, false) => {}
                (true, true) => all(Is::Refused, value, "empty"),
                (false, _) => all(Is::Refused, value, "wrong_type"),
            }
        }
        for value in others.clone() {
            let fault = if value == Attribute::Null { "null" } else { "wrong_type" };
            all(Is::NoScalar, value, fault);
        }
    }
    let (as_hash, as_range) = ("by-text", "by-shared");
    let both = |fault| vec![(as_hash, "text", fault, "S"), (as_range, "text", fault, "S")];
    add(Is::Fine, vec![("text", s(1_024))], vec![]);
    add(Is::Long, vec![("text", s(1_025))], vec![(as_range, "text", "too_long", "S")]);
    add(Is::Long, vec![("text", s(2_048))], vec![(as_range, "text", "too_long", "S")]);
    add(Is::Long, vec![("text", s(2_049))], both("too_long"));
    // It is bytes that count.
    add(Is::Long, vec![("text", Attribute::S("é".repeat(1_025)))], both("too_long"));
    add(Is::Fine, vec![("tail", b(1_024))], vec![]);
    add(Is::Long, vec![("tail", b(1_025))], vec![("by-number", "tail", "too_long", "B")]);
    add(Is::Fine, vec![("token", b(2_048))], vec![]);
    add(Is::Long, vec![("token", b(2_049))], vec![("by-bytes", "token", "too_long", "B")]);
    add(Is::Long, vec![("h1", s(2_049))], vec![("by-many", "h1", "too_long", "S")]);
    add(Is::Long, vec![("r1", s(1_025))], vec![("by-many", "r1", "too_long", "S")]);
    add(Is::Fine, vec![("h1", s(1_024)), ("h2", b(1_024))], vec![]);
    add(
        Is::Long,
        vec![("h1", s(1_024)), ("h2", b(1_025))],
        vec![("by-many", "h1, h2", "too_long_together", "S, B")],
    );
    add(
        Is::Long,
        vec![("r1", s(1_024)), ("r2", n("12345"))],
        vec![("by-many", "r1, r2", "too_long_together", "S, N")],
    );
    // A fault counts where another key is missing.
    add(
        Is::Refused,
        vec![("h1", n("1")), ("r1", Attribute::S("there".to_owned()))],
        vec![("by-many", "h1", "wrong_type", "N")],
    );
    // Two in one item, of one index and of two.
    add(
        Is::Refused,
        vec![("text", n("1")), ("size", s(2)), ("token", s(0))],
        vec![
            ("by-text", "text", "wrong_type", "N"),
            ("by-text", "size", "wrong_type", "S"),
            ("by-shared", "text", "wrong_type", "N"),
            ("by-bytes", "token", "wrong_type", "S"),
        ],
    );
    plants
}

/// A violation as a line of text: index, key, attribute, fault, type.
type Line = String;

fn line(index: &str, key: &Value, attribute: &str, fault: &str, found: &str) -> Line {
    format!("{index} {key} {attribute}: {fault} {found}")
}

/// Items, and what has to be told of them.
struct Crop {
    items: Vec<Item>,
    lines: BTreeSet<Line>,
    /// Items with a violation, by index.
    violating: BTreeMap<&'static str, u64>,
    /// The places of the items with any.
    bad: BTreeSet<usize>,
}

/// Plants each kind at random places: one item of `every` has one.
fn crop(items: usize, every: usize, admits: impl Fn(Is) -> bool) -> Crop {
    let plants: Vec<_> = plants().into_iter().filter(|plant| admits(plant.is)).collect();
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut crop = Crop {
        items: (0..items).map(item).collect(),
        lines: BTreeSet::new(),
        violating: BTreeMap::new(),
        bad: BTreeSet::new(),
    };
    let mut taken = BTreeSet::new();
    for plant in plants.iter().cycle().take((items / every).max(plants.len())) {
        let mut at = random.usize(..items);
        while !taken.insert(at) {
            at = random.usize(..items);
        }
        let values = plant.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        crop.items[at].extend(values);
        let key = key(&crop.items[at]);
        let told = plant.told.iter();
        crop.lines
            .extend(told.map(|(index, name, fault, found)| line(index, &key, name, fault, found)));
        let indexes: BTreeSet<_> = plant.told.iter().map(|(index, ..)| *index).collect();
        for index in indexes {
            *crop.violating.entry(index).or_default() += 1;
            crop.bad.insert(at);
        }
    }
    crop
}

fn key(item: &Item) -> Value {
    json!({ "pk": item["pk"].key_json(), "sk": item["sk"].key_json() })
}

fn create(tables: &Tables) {
    let key = |name: &str, key_type| KeyElement { attribute_name: name.to_owned(), key_type };
    let create = CreateTable {
        table: TableName::new(TABLE).unwrap(),
        key_schema: vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)],
        attributes: [("pk", ScalarType::S), ("sk", ScalarType::N)]
            .map(|(name, scalar)| (name.to_owned(), scalar))
            .into(),
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
    };
    tables.call(Call::CreateTable(Box::new(create))).unwrap();
}

impl Place {
    fn things(self, items: Vec<Item>) -> Self {
        create(self.tables());
        self.world().write("wanted.yaml", INDEXES.as_bytes());
        self.tables().put(TABLE, items);
        self
    }

    /// The violations in a file, as lines, none of them twice.
    fn lines(&self, file: &str) -> BTreeSet<Line> {
        let text = String::from_utf8(self.world().read(file)).unwrap();
        let lines = if file.ends_with(".csv") { csv_lines(&text) } else { json_lines(&text) };
        let number = lines.len();
        let lines: BTreeSet<_> = lines.into_iter().collect();
        assert_eq!(lines.len(), number, "{file} says something twice");
        lines
    }

    /// As a document.
    fn check(&self, exit: i32, more: &[&str]) -> Value {
        let args = ["check", "wanted.yaml", "--output", "json"];
        let done = self.start(&[&args, more].concat()).end().exits(exit);
        done.document()["check"].clone()
    }
}

fn json_lines(text: &str) -> Vec<Line> {
    let read = |text: &str| -> Line {
        let violation: Value = serde_json::from_str(text).unwrap();
        assert_eq!(violation["table"], TABLE);
        let of = |name: &str| crate::world::text(&violation[name]);
        line(of("index"), &violation["key"], of("attribute"), of("fault"), of("found"))
    };
    text.lines().map(read).collect()
}

fn csv_lines(text: &str) -> Vec<Line> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("table,index,key,attribute,fault,found,wanted,bytes"));
    let read = |text: &str| -> Line {
        let cells = cells(text);
        assert_eq!((cells.len(), cells[0].as_str()), (8, TABLE), "{text}");
        line(&cells[1], &serde_json::from_str(&cells[2]).unwrap(), &cells[3], &cells[4], &cells[5])
    };
    lines.map(read).collect()
}

/// One row of CSV, whose cells have no line breaks.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cells.last_mut().unwrap().push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

/// What it counts is what was planted.
#[track_caller]
fn agrees(report: &Value, crop: &Crop) {
    let all = crop.items.len() as u64;
    for index in report["indexes"].as_array().unwrap() {
        let name = text(&index["index"]);
        let items = &index["items"];
        let count = |field: &str| items[field].as_u64().unwrap();
        assert_eq!(count("read"), all, "{index:#}");
        assert_eq!(count("included") + count("sparse") + count("violating"), all, "{name}");
        assert_eq!(count("violating"), crop.violating[name], "{name}");
        assert_eq!(index["outcome"], "violations", "{name}");
        let faults = index["faults"].as_array().unwrap();
        for fault in faults {
            let (attribute, kind) = (text(&fault["attribute"]), text(&fault["fault"]));
            let such = format!("}} {attribute}: {kind} ");
            let of_index =
                |line: &&Line| line.starts_with(&format!("{name} ")) && line.contains(&such);
            let planted = crop.lines.iter().filter(of_index).count();
            assert_eq!(fault["items"], planted, "{name} {fault}");
        }
    }
    assert_eq!(report["totals"]["violations"], crop.violating.len());
    assert_eq!(report["totals"]["violating_items"], crop.violating.values().sum::<u64>());
    let table = &report["tables"][0];
    assert_eq!(table["items"], all);
    assert!(table["read_units"].as_f64().unwrap() > 0.0, "{table}");
}

#[track_caller]
fn same(found: &BTreeSet<Line>, planted: &BTreeSet<Line>) {
    let some = |lines: Vec<&Line>| lines.into_iter().take(5).cloned().collect::<Vec<_>>();
    let missed = some(planted.difference(found).collect());
    let invented = some(found.difference(planted).collect());
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:#?}, invented {invented:#?}");
}

fn every_planted_violation(place: Place, items: usize) {
    let began = Instant::now();
    let crop = crop(items, 200, |_| true);
    let place = place.things(crop.items.clone());
    let loaded = began.elapsed();
    let report = place.check(3, &["--violations", "found.jsonl"]);
    let engine = if place.is_embedded() { "embedded" } else { "DynamoDB Local" };
    eprintln!(
        "{items} items, {engine}: loaded in {loaded:.1?}, checked in {:.1?}",
        began.elapsed() - loaded
    );
    same(&place.lines("found.jsonl"), &crop.lines);
    agrees(&report, &crop);
}

#[test]
fn every_planted_violation_is_found_and_none_other_in_the_embedded_engine() {
    every_planted_violation(Place::embedded(), MANY);
}

#[test]
fn every_planted_violation_is_found_and_none_other_on_a_service() {
    if let Some(place) = Place::service() {
        every_planted_violation(place, MANY);
    }
}

/// What is reported is what the engine refuses once the indexes are there, and what is
/// not reported is what it takes.
fn the_engine_agrees(place: Place) {
    // The embedded engine takes keys that are too long into its indexes; DynamoDB
    // Local never ends the build of an index where a key is of no scalar type.
    let lengths = !place.is_embedded();
    let crop = crop(1_500, 10, |is| is != Is::NoScalar && (lengths || is != Is::Long));
    let place = place.things(crop.items.clone());
    place.check(3, &["--violations", "found.jsonl"]);
    let lines = place.lines("found.jsonl");
    same(&lines, &crop.lines);
    place.run(&["apply", "wanted.yaml"]).exits(0);

    // Once more where the answer was lost: the server closes connections that were
    // idle for long, and the one that was open has waited for the builds.
    let put_once = |item: &Item| {
        let (table, items) = (TableName::new(TABLE).unwrap(), vec![item.clone()]);
        place.tables().call(Call::PutItems { table, items })
    };
    let put = |item: &Item| match put_once(item) {
        Err(error) if error.effect == Effect::Unknown => put_once(item),
        answer => answer,
    };
    for (at, item) in crop.items.iter().enumerate() {
        let reported = crop.bad.contains(&at);
        if !reported && !at.is_multiple_of(5) {
            continue;
        }
        match (put(item), reported) {
            (Err(error), true) => assert_eq!(error.code, "ValidationException", "{item:?}"),
            (Ok(_), false) => {}
            (answer, _) => panic!("reported: {reported}, and the engine says {answer:?}: {item:?}"),
        }
    }

    // And the indexes hold what it said they would.
    let report = place.check(3, &["--existing"]);
    for index in report["indexes"].as_array().unwrap() {
        assert_eq!(index["exists"], true, "{index:#}");
    }
    agrees(&report, &crop);
}

#[test]
fn the_embedded_engine_refuses_what_is_reported_and_takes_the_rest() {
    the_engine_agrees(Place::embedded());
}

#[test]
fn a_service_refuses_what_is_reported_and_takes_the_rest() {
    if let Some(place) = Place::service() {
        the_engine_agrees(place);
    }
}
