//! What holds for any bytes. Shared with the fuzz targets, so nothing here
//! draws anything.

use gsictl_core::call::Reply;
use gsictl_core::catalog::{
    BillingMode, Catalog, Scaling, Sighting, TableDescription, TableStatus,
};
use gsictl_core::check::{About, Asked, Check, Cursor, Options, Order, Outcome};
use gsictl_core::definition::{
    Definitions, Diagnostics, Format, KeyElement, KeyType, MAX_INPUT_BYTES, Place, Remarks,
    ScalarType, Source, parse,
};
use gsictl_core::encoding::beginning_of;
use gsictl_core::machine::{Effect, Machine};
use gsictl_core::plan::Selection;
use gsictl_core::report::Document;
use gsictl_core::state::{ParseError, State, Target};
use gsictl_core::text::is_hidden;
use gsictl_core::time::Timestamp;

use super::forms::{self, Writing};

/// Reads `bytes`. What is taken is the same in every other format; what is not
/// taken is refused with places inside of the file.
pub fn definitions(format: Format, bytes: &[u8]) {
    match read(format, bytes) {
        Ok(found) => say_the_same(&found, Writing::default()),
        Err(all) => {
            for mistake in &all {
                let related = mistake.related.iter().map(|(place, _)| place);
                for place in related.chain([&mistake.place]) {
                    assert!(holds(bytes, place), "not a place of the file: {place}\n{mistake}");
                }
                assert!(!mistake.message.is_empty() && !mistake.found.contains('\n'), "{mistake}");
            }
        }
    }
}

/// Every way to write `wanted` down reads as `wanted`.
pub fn say_the_same(wanted: &Definitions, writing: Writing) {
    for format in [Format::Json, Format::Yaml, Format::Toml] {
        let own = wanted.to_text(format, &Remarks::default());
        for text in [forms::write(wanted, format, writing), own] {
            if text.len() > MAX_INPUT_BYTES {
                continue;
            }
            let found = read(format, text.as_bytes());
            let found = found.unwrap_or_else(|all| panic!("{all}\n{text}"));
            assert_eq!(found.digest(), wanted.digest(), "{text}");
            assert_eq!(without_places(&found), without_places(wanted), "{text}");
        }
    }
}

/// What `text` defines.
pub fn read(format: Format, text: &[u8]) -> Result<Definitions, Diagnostics> {
    parse(&[Source { file: "fuzzed", format, text }])
}

fn without_places(definitions: &Definitions) -> Definitions {
    let mut all = definitions.clone();
    for definition in &mut all.indexes {
        definition.place = Place::default();
        definition.key_places.clear();
    }
    all
}

/// Whether the place is one of the file's characters, or its end.
fn holds(bytes: &[u8], place: &Place) -> bool {
    // As a reader of the file sees it, who counts characters and not bytes of UTF-16.
    let text = beginning_of(bytes);
    let mut lengths = vec![0];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        *lengths.last_mut().expect("there is a first line") += 1;
        if c == '\n' || (c == '\r' && chars.peek() != Some(&'\n')) {
            lengths.push(0);
        }
    }
    // Behind the last character is the end.
    *lengths.last_mut().expect("there is a first line") += 1;
    let length = place.line.checked_sub(1).and_then(|line| lengths.get(line));
    length.is_some_and(|length| (1..=*length).contains(&place.column))
}

/// Reads `bytes`. What is taken is read back the same once it was written; what
/// is not taken is refused with a place inside of the file. What is shown of it hides
/// nothing.
pub fn state(bytes: &[u8]) {
    match State::parse(bytes) {
        Ok(state) => {
            let shown = state.report().to_string();
            assert!(!shown.contains(|c| is_hidden(c) && c != '\n'), "{shown:?}");
            is_read_back(state);
        }
        Err(ParseError::Corrupt { line, column, message }) => {
            let mut lines = bytes.split(|byte| *byte == b'\n');
            let length = line.checked_sub(1).and_then(|line| lines.nth(line)).map(<[u8]>::len);
            // The line feed counts, and the end is behind it.
            let inside = length.is_some_and(|length| column <= length + 1);
            assert!(inside && !message.is_empty(), "not a place of the file: {line}:{column}");
        }
        Err(ParseError::Newer { .. }) => {}
    }
}

/// Written, read and written again a state is the same to the byte.
pub fn is_read_back(mut state: State) {
    if state.foreign() {
        let script = state.script_name().to_owned();
        state.adopt(&script);
    }
    let (first, second) = (Timestamp::from_millis(0), Timestamp::from_millis(1_770_000_000_000));
    let rendered = state.render(first);
    let mut read = State::parse(&rendered.bytes).expect("what was written is read");
    assert_eq!(read, state);
    let (cached, anew) = (state.render(second), read.render(second));
    assert_eq!(String::from_utf8(anew.bytes), String::from_utf8(cached.bytes));
    assert_eq!(anew.serial, cached.serial);
}

/// Reads `bytes` as a page of a Scan. Whatever it holds, its items are counted once each
/// or the table is given up; and where the check stands then can be saved and read again.
pub fn page(bytes: &[u8]) {
    let now = Timestamp::from_millis(0);
    let (definitions, catalog) = table_to_check();
    let (options, asked) =
        (Options { saves: true, stream: true, ..Options::default() }, Asked::default());
    let order = Order {
        definitions: &definitions,
        catalog: &catalog,
        selection: &Selection::default(),
        options: &options,
        asked: &asked,
        segments: Some(1),
        seed: 1,
    };
    let mut check = Check::new(&order, now);
    let Some(Effect::Call(id, _)) = check.poll(now) else {
        panic!("a page is asked for first");
    };
    check.on_reply(now, id, Ok(Reply::Json(bytes.to_vec())));
    check.on_stop(now);
    while let Some(effect) = check.poll(now) {
        if let Effect::Save(snapshot) = effect {
            let cursor = Cursor::parse(&snapshot.bytes).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(cursor.render(), snapshot.bytes);
            check.on_saved(now, snapshot.serial, Ok(()));
        }
    }
    let target = Target::default();
    let about = About { script_name: "", target: &target, ended_at: now, violations_file: None };
    let report = check.report(&about);
    for index in &report.indexes {
        let Some(items) = &index.items else {
            assert_eq!(index.outcome, Outcome::NotChecked);
            continue;
        };
        if let Ok(page) = serde_json::from_slice::<serde_json::Value>(bytes) {
            let held = page["Items"].as_array().map(|items| items.len() as u64);
            assert_eq!(held, Some(items.read), "what is not there was read");
        }
        let counts = items.counts;
        assert_eq!(items.read, counts.included + counts.sparse + counts.violating);
        let faults: u64 = index.faults.iter().map(|fault| fault.items).sum();
        assert!(faults >= counts.violating);
    }
    assert!(!report.markdown().is_empty());
}

/// A table and two indexes of it, one of a key of several attributes.
fn table_to_check() -> (Definitions, Catalog) {
    const YAML: &str = "
orders:
  - IndexName: by-customer
    KeySchema: [{ AttributeName: customer, KeyType: HASH }, { AttributeName: created, KeyType: RANGE }]
    AttributeDefinitions: [{ AttributeName: customer, AttributeType: S }, { AttributeName: created, AttributeType: N }]
    Projection: { ProjectionType: ALL }
  - IndexName: by-token
    KeySchema: [{ AttributeName: token, KeyType: HASH }, { AttributeName: pk, KeyType: HASH }]
    AttributeDefinitions: [{ AttributeName: token, AttributeType: B }]
    Projection: { ProjectionType: KEYS_ONLY }
";
    let source = Source { file: "a.yaml", format: Format::Yaml, text: YAML.as_bytes() };
    let definitions = parse(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let name = definitions.indexes[0].id.table.clone();
    let key = KeyElement { attribute_name: "pk".to_owned(), key_type: KeyType::Hash };
    let description = TableDescription {
        name: name.clone(),
        table_id: None,
        created_at: None,
        arn: None,
        status: TableStatus::Active,
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
        attributes: [("pk".to_owned(), ScalarType::S)].into(),
        key_schema: vec![key],
        indexes: Vec::new(),
        vector_indexes: Vec::new(),
        local_indexes: Vec::new(),
        local_included: 0,
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    };
    let mut catalog = Catalog::default();
    catalog.insert(name, Timestamp::from_millis(0), Sighting::Found(Box::new(description)));
    (definitions, catalog)
}
