//! What `status` shows of a state file, and no more of it than that.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Standing;
use super::format::{FORMAT, VERSION};
use crate::name;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    gsis: Standings<'a>,
    gsictl: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    format: u64,
}

/// The members of `gsis` without their keys.
struct Standings<'a>(Vec<Standing<'a>>);

pub(super) fn read(bytes: &[u8]) -> Option<Vec<Standing<'_>>> {
    // Once for the whole file, and not again for every text in it.
    let text = std::str::from_utf8(bytes).ok()?;
    let file: File<'_> = serde_json::from_str(text).ok()?;
    let known = file.version == VERSION && file.gsictl.is_none_or(|own| own.format <= FORMAT);
    let standings = file.gsis.0;
    let legal = |s: &Standing<'_>| name::is_legal(&s.table_name) && name::is_legal(&s.index_name);
    (known && standings.iter().all(legal)).then_some(standings)
}

impl<'de: 'a, 'a> Deserialize<'de> for Standings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StandingsVisitor).map(Self)
    }
}

struct StandingsVisitor;

impl<'de> Visitor<'de> for StandingsVisitor {
    type Value = Vec<Standing<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut standings = Vec::new();
        while let Some((IgnoredAny, standing)) = map.next_entry()? {
            standings.push(standing);
        }
        Ok(standings)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, files};
    use super::super::{State, StatusReport};

    #[test]
    fn a_glance_shows_what_the_whole_file_says() {
        for name in ["midrun_in_progress_kill9.json", "archived_with_failed.json"] {
            let bytes = file(name);
            let state = State::parse(&bytes).unwrap();
            assert_eq!(StatusReport::glance(&bytes), Some(state.report()), "{name}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_newer_gets_no_glance() {
        let whole = file("midrun_in_progress_kill9.json");
        for end in 0..whole.len() - 1 {
            assert_eq!(StatusReport::glance(&whole[..end]), None, "cut off at {end}");
        }
        let newer = String::from_utf8(whole).unwrap().replace("\"1.0\"", "\"9.0\"");
        assert_eq!(StatusReport::glance(newer.as_bytes()), None);
    }

    #[test]
    fn what_is_no_json_gets_no_glance() {
        for damaged in files("damaged") {
            let bytes = std::fs::read(&damaged).unwrap();
            if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
                assert_eq!(StatusReport::glance(&bytes), None, "{}", damaged.display());
            }
        }
    }
}
