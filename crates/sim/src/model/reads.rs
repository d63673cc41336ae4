//! What is read of the items: a query and a scan, page by page.

use gsictl_core::call::{CallError, Consumed, Item, Page, Query, Reply, Scan, Value};
use gsictl_core::name::IndexName;
use gsictl_core::time::Timestamp;

use super::Model;
use super::text::{WRONG_TYPE, is_of, no_table, refusal};

impl Model {
    pub(super) fn query(&self, now: Timestamp, query: &Query) -> Result<Reply, CallError> {
        let table = self.tables.get(&query.table).ok_or_else(no_table)?;
        let types = table.types();
        let wrong = |(name, value): &(String, Value)| {
            types.get(name).is_some_and(|scalar| !is_of(value, *scalar))
        };
        if query.keys.iter().any(wrong) {
            return Err(refusal("ValidationException", WRONG_TYPE));
        }
        let mut items = match &query.index {
            None => table.contents.clone(),
            Some(name) => table.held_by(now, name)?,
        };
        let fits = |item: &Item, wanted: &[(String, Value)]| {
            wanted.iter().all(|(name, value)| item.get(name) == Some(value))
        };
        items.retain(|item| fits(item, &query.keys));
        // A page is cut before the filter leaves items out.
        let mut page = self.page(items, query.after.as_ref(), query.index.as_ref());
        page.items.retain(|item| fits(item, &query.matching));
        Ok(Reply::Page(page))
    }

    /// The first segment has everything: the others are empty, as they may be.
    pub(super) fn scan(&self, scan: &Scan) -> Result<Reply, CallError> {
        let table = self.tables.get(&scan.table).ok_or_else(no_table)?;
        let first = scan.segment.is_none_or(|segment| segment.number == 0);
        let items = if first { table.contents.clone() } else { Vec::new() };
        Ok(Reply::Page(self.page(items, scan.after.as_ref(), None)))
    }

    /// The key of a page is its last item.
    fn page(&self, mut items: Vec<Item>, after: Option<&Item>, index: Option<&IndexName>) -> Page {
        if let Some(at) = items.iter().position(|item| Some(item) == after) {
            items.drain(..=at);
        }
        let more = items.len() > self.page;
        items.truncate(self.page);
        let indexes = index.map(|name| (name.to_string(), 0.5));
        let table = if index.is_none() { 0.5 } else { 0.0 };
        let consumed = Consumed { table, indexes: indexes.into_iter().collect() };
        Page {
            last_key: items.last().filter(|_| more).cloned(),
            items,
            consumed: self.bills.then_some(consumed),
        }
    }
}
