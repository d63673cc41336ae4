//! A value that changes at known instants.

use crate::clock::Elapsed;

/// What it was from when on. The first value is there from the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Timeline<T> {
    values: Vec<(Elapsed, T)>,
}

impl<T: Clone> Timeline<T> {
    pub(crate) fn new(first: T) -> Self {
        Self { values: vec![(Elapsed::ZERO, first)] }
    }

    /// What it is at that moment.
    pub(crate) fn at(&self, at: Elapsed) -> T {
        let known = self.values.iter().rev().find(|(from, _)| *from <= at);
        known.unwrap_or(&self.values[0]).1.clone()
    }

    /// Since when it has been what it is at that moment.
    pub(crate) fn since(&self, at: Elapsed) -> Elapsed {
        let known = self.values.iter().rev().find(|(from, _)| *from <= at);
        known.map_or(Elapsed::ZERO, |(from, _)| *from)
    }

    /// What it will be once all changes have come about.
    pub(crate) fn last(&self) -> T {
        self.values[self.values.len() - 1].1.clone()
    }

    pub(crate) fn set(&mut self, from: Elapsed, value: T) {
        self.values.push((from, value));
        self.values.sort_by_key(|(from, _)| *from);
    }
}
