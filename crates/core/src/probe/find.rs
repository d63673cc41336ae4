//! The search for one item in an index.
//!
//! An index follows its table a little later (a GSI is eventually consistent), and
//! the table goes on changing. So an item counts as missing or stale only after
//! three looks, a pause before each repetition, with the item the same in the
//! table all the while.

use std::time::Duration;

use super::report::Problem;
use super::sample::{Fit, Shape, differing};
use crate::call::{Item, Page};

/// Between a look that did not find what it should, and the next.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Looks at an item that does not change.
const LOOKS: u32 = 3;
/// How often the item may change under our eyes.
const CHANGES: u32 = 3;
/// Pages that are read of one key: each is up to 1 MB, and paid for.
const PAGES: u32 = 5;

/// An item on its way through the index.
#[derive(Clone, Debug)]
pub(super) struct Find {
    pub(super) job: usize,
    /// What the index should hold.
    pub(super) item: Item,
    /// The next page of the key.
    pub(super) after: Option<Item>,
    pages: u32,
    looks: u32,
    changes: u32,
    /// What was the matter at the newest look: attributes that differ, or `None`
    /// where the item was not there.
    differs: Option<Vec<String>>,
}

/// What a look at the index came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Same,
    /// The key has more items.
    TurnPage,
    /// The key has more items than are read.
    Undecided,
    /// Missing or stale, so far.
    Differs,
}

/// What follows once the table was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    AskAgain,
    /// It is no longer in the table, or no longer belongs in the index.
    Gone,
    /// It changes too fast.
    Undecided,
    Tell(Problem, String),
}

impl Find {
    pub(super) fn new(job: usize, item: Item) -> Self {
        Self { job, item, after: None, pages: 0, looks: 0, changes: 0, differs: None }
    }

    pub(super) fn on_copy(&mut self, shape: &Shape, page: Page) -> Found {
        self.pages += 1;
        let key = shape.table_keys_of(&self.item);
        let copy = page.items.iter().find(|copy| shape.table_keys_of(copy) == key);
        match (copy, page.last_key) {
            (Some(copy), _) => {
                let names = differing(&self.item, copy);
                if names.is_empty() {
                    return Found::Same;
                }
                self.differs = Some(names);
            }
            (None, Some(_)) if self.pages >= PAGES => return Found::Undecided,
            (None, Some(next)) => {
                self.after = Some(next);
                return Found::TurnPage;
            }
            (None, None) => self.differs = None,
        }
        Found::Differs
    }

    pub(super) fn on_item(&mut self, shape: &Shape, page: &Page) -> Then {
        let Some(now) = page.items.first() else {
            return Then::Gone;
        };
        if shape.fit(now) != Fit::Carries {
            return Then::Gone;
        }
        (self.pages, self.after) = (0, None);
        let now = shape.copy_of(now);
        if now != self.item {
            (self.item, self.looks) = (now, 0);
            self.changes += 1;
            return if self.changes > CHANGES { Then::Undecided } else { Then::AskAgain };
        }
        self.looks += 1;
        if self.looks < LOOKS {
            return Then::AskAgain;
        }
        match &self.differs {
            None => Then::Tell(Problem::Missing, "it is not in the index".to_owned()),
            Some(names) => {
                let detail = format!("the index has other values of {}", names.join(", "));
                Then::Tell(Problem::Stale, detail)
            }
        }
    }
}
