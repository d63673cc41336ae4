//! The most frequent partition keys of an index that is not there yet, in little
//! memory whatever their number.
//!
//! Misra and Gries' counters (1982), taken down in one go when they run out: what
//! remains of a counter is at most [`HotKeys::missed`] below the truth, and never
//! above it. A value that has no counter occurred at most that often. With
//! [`KEPT`] counters kept each time, that is at most one in [`KEPT`] of all items.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::index_key::KeyValue;

/// Counters that stay when they run out.
const KEPT: usize = 1_024;
/// Counters at most. Half of them go each time, so that it is seldom.
const MOST: usize = 2 * KEPT;
/// Characters of a value that are kept to show it.
const SHOWN: usize = 64;

/// The counters. Values with the same 64-bit hash count as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct HotKeys {
    counters: HashMap<u64, Counter, BuildHasherDefault<AlreadyHashed>>,
    seen: u64,
    missed: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counter {
    count: u64,
    shown: Box<str>,
}

/// A value with its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hot {
    /// The attributes' values, shortened.
    pub(super) value: String,
    /// At least so often.
    pub(super) count: u64,
}

impl HotKeys {
    /// Counts one partition key: the values of its attributes, in order.
    pub(super) fn add<'a>(&mut self, key: impl Iterator<Item = &'a KeyValue<'a>> + Clone) {
        self.seen += 1;
        let mut hasher = DefaultHasher::new();
        for value in key.clone() {
            text(value).hash(&mut hasher);
        }
        match self.counters.entry(hasher.finish()) {
            Entry::Occupied(mut counter) => counter.get_mut().count += 1,
            Entry::Vacant(place) => {
                place.insert(Counter { count: 1, shown: shown(key).into() });
                if self.counters.len() > MOST {
                    self.take_down();
                }
            }
        }
    }

    /// Lowers all counters by as much as leaves [`KEPT`] of them at most.
    fn take_down(&mut self) {
        let mut counts: Vec<_> = self.counters.values().map(|counter| counter.count).collect();
        let (_, by, _) = counts.select_nth_unstable_by(KEPT, |a, b| b.cmp(a));
        let by = *by;
        self.counters.retain(|_, counter| {
            counter.count = counter.count.saturating_sub(by);
            counter.count > 0
        });
        self.missed += by;
    }

    /// All that were counted.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// How far a count may be below the truth.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The most frequent, the first first.
    pub(super) fn top(&self, most: usize) -> Vec<Hot> {
        let mut all: Vec<_> = self.counters.values().collect();
        all.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.shown.cmp(&b.shown)));
        let hot = |c: &&Counter| Hot { value: c.shown.to_string(), count: c.count };
        all.iter().take(most).map(hot).collect()
    }
}

fn text<'a>(value: &'a KeyValue<'_>) -> &'a str {
    match value {
        KeyValue::S(text) | KeyValue::N(text) | KeyValue::B(text, _) => text,
        KeyValue::Other(name) => name,
    }
}

/// `north, 7`, no longer than [`SHOWN`] characters each.
fn shown<'a>(key: impl Iterator<Item = &'a KeyValue<'a>>) -> String {
    let mut all = String::new();
    for value in key {
        if !all.is_empty() {
            all.push_str(", ");
        }
        let text = text(value);
        match text.char_indices().nth(SHOWN) {
            Some((at, _)) => all.extend([&text[..at], "..."]),
            None => all.push_str(text),
        }
    }
    all
}

/// The keys are hashes: they need no other.
#[derive(Clone, Copy, Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(hot: &mut HotKeys, value: &str) {
        let value = KeyValue::S(value.into());
        hot.add([value].iter());
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let mut hot = HotKeys::default();
        for n in 0..1_000 {
            count(&mut hot, if n % 4 == 0 { "north" } else { "south" });
        }
        let top = hot.top(5);
        assert_eq!((hot.seen(), hot.missed()), (1_000, 0));
        assert_eq!(top[0], Hot { value: "south".to_owned(), count: 750 });
        assert_eq!(top[1], Hot { value: "north".to_owned(), count: 250 });
        assert_eq!(top.len(), 2);
    }

    #[test]
    fn among_very_many_values_the_hot_ones_are_found_within_the_bound() {
        let mut hot = HotKeys::default();
        let mut random = fastrand::Rng::with_seed(7);
        let mut truth = [0_u64; 3];
        let all = 300_000;
        for n in 0..all {
            // 20 %, 5 % and 1 % of all, among values that occur once.
            let which = match random.u32(0..100) {
                0..20 => 0,
                20..25 => 1,
                25 => 2,
                _ => {
                    count(&mut hot, &format!("once-{n}"));
                    continue;
                }
            };
            truth[which] += 1;
            count(&mut hot, &format!("hot-{which}"));
        }
        assert!(hot.missed() <= all / KEPT as u64, "{} of {all}", hot.missed());
        assert!(hot.counters.len() <= MOST);
        let top = hot.top(3);
        for (n, truth) in truth.into_iter().enumerate() {
            let found = top.iter().find(|hot| hot.value == format!("hot-{n}")).unwrap();
            assert!(
                found.count <= truth && truth <= found.count + hot.missed(),
                "{found:?} {truth}"
            );
        }
    }

    #[test]
    fn the_attributes_of_a_key_are_told_apart_and_shown_shortened() {
        let mut hot = HotKeys::default();
        let pair =
            |a: &str, b: &str| [KeyValue::S(a.to_owned().into()), KeyValue::N(b.to_owned().into())];
        hot.add(pair("ab", "1").iter());
        hot.add(pair("a", "1").iter());
        hot.add(pair("ab", "1").iter());
        let long = pair(&"é".repeat(100), "12");
        hot.add(long.iter());
        let top = hot.top(3);
        assert_eq!(top[0], Hot { value: "ab, 1".to_owned(), count: 2 });
        assert!(top.iter().any(|h| h.value == format!("{}..., 12", "é".repeat(64))));
    }

    #[test]
    fn it_goes_through_json_unchanged() {
        let mut hot = HotKeys::default();
        for n in 0..5_000 {
            count(&mut hot, &format!("{}", n % 1_700));
        }
        let text = serde_json::to_string(&hot).unwrap();
        assert_eq!(serde_json::from_str::<HotKeys>(&text).unwrap(), hot);
    }
}
