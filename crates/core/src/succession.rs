//! Which of several states is the newest, and what a newer one knows.
//!
//! Lineage and serial decide, never a name or a time: clocks can be set back. A new
//! state continues the serials of its directory ([`State::continue_after`]), so that
//! states of different lineages are in order too.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::definition::hash_of_bytes;
use crate::name::IndexId;
use crate::state::{Entry, Owner, Serial, State, Target};

/// What places a state among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestry {
    /// Made once for each state; copies and later saves share it.
    pub lineage: String,
    /// Of its newest save.
    pub serial: Serial,
    /// Of its bytes: two copies that went on apart may have one serial.
    pub digest: String,
    /// Where its tables are; nothing where it does not say so, or so that nobody
    /// understands it.
    pub target: Target,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "version")]
    _version: IgnoredAny,
    gsictl: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    lineage: String,
    serial: Serial,
    #[serde(default)]
    target: Value,
}

impl Ancestry {
    /// Out of the bytes of a state file, also of one that is too new to be understood.
    /// `None` where they are not those of a state, or where no serial could follow.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        let (lineage, serial, target) = match file.gsictl {
            Some(own) => {
                (own.lineage, own.serial, serde_json::from_value(own.target).unwrap_or_default())
            }
            None => {
                let state = State::parse(bytes).ok()?;
                (state.lineage().to_owned(), state.serial(), Target::default())
            }
        };
        let digest = hash_of_bytes(bytes);
        serial.is_legal().then_some(Self { lineage, serial, digest, target })
    }

    /// Whether `other` is a later save of the same state, or went another way from the
    /// same save: what this one says may be over.
    #[must_use]
    pub fn is_superseded_by(&self, other: &Self) -> bool {
        let later = other.serial > self.serial;
        let apart = other.serial == self.serial && other.digest != self.digest;
        self.lineage == other.lineage && (later || apart)
    }
}

/// The newest of the states that are named, by serial. Files of one serial, which
/// only states of different lineages have, come in the order of their names.
#[must_use]
pub fn newest(states: &[(String, Ancestry)]) -> Option<&str> {
    let newest = states.iter().max_by_key(|(name, of)| (of.serial, name.as_str()));
    newest.map(|(name, _)| name.as_str())
}

/// The newest of the states that supersede `state`.
#[must_use]
pub fn successor<'a>(
    state: &Ancestry,
    others: &'a [(String, Ancestry)],
) -> Option<&'a (String, Ancestry)> {
    let later = others.iter().filter(|(_, other)| state.is_superseded_by(other));
    later.max_by_key(|(_, other)| other.serial)
}

/// The indexes that runs of `newer` created or deleted, or meant to: an older state
/// of the directory has nothing to say about them any more.
pub fn concerns(newer: &State) -> impl Iterator<Item = &IndexId> {
    let touched = |entry: &Entry| {
        let record = entry.record();
        record.intent_at.is_some() || record.deleted_at.is_some()
    };
    newer.entries().filter(move |(_, entry)| touched(entry)).map(|(id, _)| id)
}

/// What `newer` knows of each index that `older` holds to be its own, in a line.
#[must_use]
pub fn what_changed(older: &State, newer: &State) -> Vec<(IndexId, String)> {
    let owned = older.entries().filter(|(_, entry)| entry.record().is_ours());
    let changed = |(id, entry): (&IndexId, &Entry)| {
        let text = since(entry, newer.entry(id))?;
        Some((id.clone(), text))
    };
    owned.filter_map(changed).collect()
}

fn since(older: &Entry, newer: Option<&Entry>) -> Option<String> {
    let Some(newer) = newer else {
        return Some("the newer state does not know it".to_owned());
    };
    let record = newer.record();
    match (record.deleted_at, record.owner) {
        (Some(at), None) => Some(format!("deleted at {at}")),
        (Some(at), _) => Some(format!("deleted at {at}, and made again since")),
        (None, Some(Owner::Found)) => Some("found to be somebody else's".to_owned()),
        (None, None) => Some(format!("seen gone, or going; it is {}", newer.status())),
        (None, Some(Owner::Run | Owner::Inferred))
            if record.intent_at != older.record().intent_at =>
        {
            Some("created again since".to_owned())
        }
        (None, Some(Owner::Run | Owner::Inferred)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Definitions, IndexDefinition, Projection};
    use crate::name::{IndexName, TableName};
    use crate::state::Step;
    use crate::time::Timestamp;

    fn id() -> IndexId {
        let (table, index) = (TableName::new("bookings"), IndexName::new("by-flight"));
        IndexId::new(table.unwrap(), index.unwrap())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_770_000_000_000 + seconds * 1_000)
    }

    fn created(lineage: &str) -> State {
        let mut state = State::new("airline.yaml", at(0), lineage.to_owned());
        let definition = IndexDefinition::new(id(), [], Projection::All);
        state.enlist(&Definitions { indexes: vec![definition] });
        for step in [
            Step::Intend { at: at(1), table_id: None, spec: "2e".to_owned() },
            Step::Acknowledge,
            Step::SeenActive { at: at(9), table_id: None },
        ] {
            state.apply(&id(), step).unwrap();
        }
        state
    }

    fn deleted(mut state: State) -> State {
        for step in [Step::IntendDelete { at: at(20) }, Step::Deleted { at: at(21) }] {
            state.apply(&id(), step).unwrap();
        }
        state
    }

    /// The bytes of the next save, at a time that the clock says.
    fn saved(state: &mut State, clock: Timestamp) -> Vec<u8> {
        state.render(clock).bytes
    }

    #[test]
    fn the_serial_decides_which_state_is_the_newest_and_not_its_name_or_its_time() {
        let mut state = created("one");
        let before = Ancestry::of(&saved(&mut state, at(100))).unwrap();
        let mut state = deleted(state);
        let after = Ancestry::of(&saved(&mut state, at(50))).unwrap();
        let named = [
            (".gsi_creation_state_20260201_120000.json".to_owned(), before.clone()),
            (".gsi_creation_state_20260201_110000.json".to_owned(), after.clone()),
        ];
        assert_eq!(newest(&named), Some(named[1].0.as_str()));
        assert_eq!(successor(&before, &named), Some(&named[1]));
        assert_eq!(successor(&after, &named), None);
    }

    #[test]
    fn a_new_state_comes_after_all_that_the_directory_has_seen() {
        let mut old = created("one");
        for second in 0..5 {
            saved(&mut old, at(second));
        }
        let first = Ancestry::of(&saved(&mut old, at(5))).unwrap();
        let mut new = State::new("other.yaml", at(0), "two".to_owned());
        new.continue_after(first.serial);
        let second = Ancestry::of(&saved(&mut new, at(1))).unwrap();
        assert!(second.serial > first.serial);
        assert!(!first.is_superseded_by(&second), "they are states of their own");
    }

    #[test]
    fn two_copies_that_went_on_apart_supersede_each_other() {
        let state = created("one");
        let mut here = state.clone();
        let mut there = deleted(state);
        let here = Ancestry::of(&saved(&mut here, at(30))).unwrap();
        let there = Ancestry::of(&saved(&mut there, at(30))).unwrap();
        assert_eq!(here.serial, there.serial);
        assert!(here.is_superseded_by(&there) && there.is_superseded_by(&here));
        assert!(!here.is_superseded_by(&here), "a copy is not newer than itself");
    }

    #[test]
    fn what_a_newer_state_knows_is_told_for_each_index() {
        let older = created("one");
        assert_eq!(what_changed(&older, &older), []);
        let newer = deleted(older.clone());
        let told = what_changed(&older, &newer);
        assert_eq!(told, [(id(), "deleted at 2026-02-02T02:40:21Z".to_owned())]);
        let mut remade = newer;
        remade.apply(&id(), Step::SeenActive { at: at(40), table_id: None }).unwrap();
        let told = what_changed(&older, &remade);
        assert!(told[0].1.ends_with("made again since"), "{told:?}");
        assert_eq!(concerns(&remade).collect::<Vec<_>>(), [&id()]);
    }

    #[test]
    fn what_is_no_state_has_no_ancestry_and_a_newer_format_has_one() {
        assert_eq!(Ancestry::of(b"{}"), None);
        assert_eq!(Ancestry::of(b"[1]"), None);
        let edge = br#"{"version":"1.0","gsictl":{"lineage":"x","serial":9223372036854775806}}"#;
        assert_eq!(Ancestry::of(edge), None, "nothing could follow it");
        let newer = br#"{"version":"9.0","gsictl":{"format":7,"lineage":"x","serial":12}}"#;
        let ancestry = Ancestry::of(newer).unwrap();
        assert_eq!((ancestry.lineage.as_str(), ancestry.serial.get()), ("x", 12));
    }
}
