//! Pages that come round: a service whose keys lead back to a page of before would be
//! read for ever, and each of its items counted again and again.

use crate::call::Item;

/// Notices that the keys of a segment's pages repeat, whatever the length of the circle,
/// and keeps one key for it (Brent's way): after twice as many pages as the circle and
/// the way into it have, at most three times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Circle {
    /// A key of before, which moves ahead at growing distances.
    mark: Option<Item>,
    /// Keys that came since it was set.
    since: u64,
    /// After how many it is set anew.
    reach: u64,
}

impl Circle {
    /// Whether `key`, where the next page begins, was met before.
    pub(super) fn closes_with(&mut self, key: &Item) -> bool {
        if self.mark.as_ref() == Some(key) {
            return true;
        }
        self.since += 1;
        if self.since >= self.reach {
            self.mark = Some(key.clone());
            self.since = 0;
            self.reach = (self.reach * 2).max(1);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Value;

    fn key(n: usize) -> Item {
        [("pk".to_owned(), Value::N(n.to_string()))].into()
    }

    /// After how many keys the circle is noticed, on a way of `before` keys into one of
    /// `length`.
    fn noticed(before: usize, length: usize) -> usize {
        let mut circle = Circle::default();
        let keys = (0..before).chain((0..length).map(|n| before + n).cycle());
        keys.take(100_000).position(|n| circle.closes_with(&key(n))).unwrap()
    }

    #[test]
    fn keys_that_come_round_are_noticed_whatever_the_length_of_the_circle() {
        for before in [0, 1, 2, 3, 10, 100] {
            for length in [1, 2, 3, 7, 64, 100] {
                let after = noticed(before, length);
                assert!(after <= 3 * (before + length), "{before} {length}: {after}");
            }
        }
    }

    #[test]
    fn keys_that_do_not_repeat_are_no_circle() {
        let mut circle = Circle::default();
        assert!((0..10_000).all(|n| !circle.closes_with(&key(n))));
    }
}
