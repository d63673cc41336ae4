//! What holds for any bytes. Shared with the fuzz targets, so nothing here
//! draws anything.

use std::str::from_utf8;

use gsictl_core::definition::{
    Definitions, Diagnostics, Format, MAX_INPUT_BYTES, Place, Remarks, Source, parse,
};
use gsictl_core::state::{ParseError, State, StatusReport};
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
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
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
/// is not taken is refused with a place inside of the file. A glance never says
/// anything else than the state.
pub fn state(bytes: &[u8]) {
    let glance = StatusReport::glance(bytes);
    match State::parse(bytes) {
        Ok(state) => {
            let report = Some(state.report());
            assert!(glance == report || glance.is_none() && from_utf8(bytes).is_err());
            is_read_back(state);
        }
        Err(ParseError::Corrupt { line, column, message }) => {
            let mut lines = bytes.split(|byte| *byte == b'\n');
            let length = line.checked_sub(1).and_then(|line| lines.nth(line)).map(<[u8]>::len);
            // The line feed counts, and the end is behind it.
            let inside = length.is_some_and(|length| column <= length + 1);
            assert!(inside && !message.is_empty(), "not a place of the file: {line}:{column}");
        }
        Err(ParseError::Newer { .. }) => assert_eq!(glance, None),
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
    assert_eq!(StatusReport::glance(&rendered.bytes), Some(state.report()));
    let (cached, anew) = (state.render(second), read.render(second));
    assert_eq!(String::from_utf8(anew.bytes), String::from_utf8(cached.bytes));
    assert_eq!(anew.serial, cached.serial);
}
