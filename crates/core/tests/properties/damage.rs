//! Any bytes, and any damage to a good file: taken for what they are, or refused
//! with a place inside of the file.

use std::ops::Range;

use gsictl_core::definition::Format;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{checks, config, file};

const EXAMPLES: [(Format, &str); 3] = [
    (Format::Yaml, "../../examples/airline.yaml"),
    (Format::Json, "../../examples/airline.json"),
    (Format::Toml, "../../examples/airline.toml"),
];

const STATES: [&str; 3] = [
    "tests/state/ours.json",
    "tests/state/midrun_in_progress_kill9.json",
    "tests/state/archived_with_failed.json",
];

/// Parts of definitions and of states, and what breaks them.
#[rustfmt::skip]
const FRAGMENTS: [&str; 76] = [
    "bookings", "IndexName", "KeySchema", "AttributeName", "Projection", "HASH", "ALL", "5", "-1",
    "&a ", "*a", "<<", "!x ", "~", "null", "{", "}", "[", "]", ":", ": ", ",", "- ", "? ", "| ",
    "> ", "\"", "'", "\"\"\"", "'''", "\\", "\\u", "\\ud800", "#", " #", "=", ".", "[[", "]]", "\n",
    "\n  ", "\n\t", "\r", "---", "...", "%YAML 1.2\n", "é", "😀", "\u{feff}", "\u{7f}", "\u{85}",
    "\u{2028}", "0x", "1e9", "1e999", "2026-01-01", "true", "\0", "{}", "\"\"", "gsis", "gsictl",
    "entries", "\"format\": 2", "pending", "active", "run", "inferred", "9223372036854775807",
    "18446744073709551616", "-0", "0.1", "table_name", "\"1.0\"", "T10:30:00Z", "acknowledged",
];

/// Bytes that mean something to one of the readers, and some that mean nothing.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(FRAGMENTS.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => ".{0,3}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..3),
    ]
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(fragment(), 0..40).prop_map(|parts| parts.concat()), 1 => vec(any::<u8>(), 0..200)]
}

/// One damage: some bytes are gone, and others in their place.
#[derive(Clone, Debug)]
struct Damage {
    from: Index,
    length: usize,
    new: Vec<u8>,
}

impl Damage {
    fn of(&self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes.len());
        bytes.splice(range, self.new.iter().copied());
    }

    fn range(&self, size: usize) -> Range<usize> {
        let from = self.from.index(size + 1);
        from..(from + self.length).min(size)
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let one_byte = (any::<Index>(), Just(1), vec(any::<u8>(), 1)).boxed();
    let some = (any::<Index>(), 0..20_usize, vec(fragment(), 0..3).prop_map(|new| new.concat()));
    let rest = (any::<Index>(), Just(usize::MAX / 2), Just(Vec::new()));
    prop_oneof![4 => one_byte, 4 => some, 1 => rest].prop_map(|(from, length, new)| Damage {
        from,
        length,
        new,
    })
}

fn damaged(path: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = file(path);
    for damage in damages {
        damage.of(&mut bytes);
    }
    bytes
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_bytes_are_definitions_or_refused_where_they_are_none(bytes in anything()) {
        for (format, _) in EXAMPLES {
            checks::definitions(format, &bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_refused_where_they_are_none(bytes in anything()) {
        checks::state(&bytes);
    }

    #[test]
    fn damaged_definitions_are_taken_or_refused_where_they_are_damaged(
        damages in vec(damage(), 1..4),
    ) {
        for (format, path) in EXAMPLES {
            checks::definitions(format, &damaged(path, &damages));
        }
    }

    #[test]
    fn a_damaged_state_is_taken_or_refused_where_it_is_damaged(damages in vec(damage(), 1..4)) {
        for path in STATES {
            checks::state(&damaged(path, &damages));
        }
    }

    #[test]
    fn a_damaged_page_is_counted_or_its_table_is_given_up(damages in vec(damage(), 0..4)) {
        checks::page(&damaged("../../fuzz/seeds/page/page.json", &damages));
    }
}
