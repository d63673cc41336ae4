//! Scan, in segments and pages, and what both reads have in common.

use std::ops::Bound;

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::items::{ItemKey, StoredItem, expression, size};
use crate::model::table::FakeTable;
use crate::model::{ControlPlane, text};
use crate::refusal::{AwsRefusal, in_use, invalid, not_played};

/// A page: what is on it, where the next one begins, and what it read.
pub(crate) struct ItemPage {
    pub(crate) items: Vec<StoredItem>,
    pub(crate) scanned: usize,
    pub(crate) last_key: Option<StoredItem>,
    pub(crate) bytes: usize,
}

impl ControlPlane {
    pub(crate) fn scan(
        &self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let table = self.readable(now, region, body)?;
        if body.get("IndexName").is_some() || body.get("FilterExpression").is_some() {
            return Err(not_played("Scan of an index or with a filter"));
        }
        let total = body["TotalSegments"].as_u64().unwrap_or(1);
        let segment = body["Segment"].as_u64().unwrap_or(0);
        if total == 0 || segment >= total {
            let what = format!(
                "The Segment parameter is zero-based and must be less than parameter \
                 TotalSegments: Segment: {segment} is not less than TotalSegments: {total}"
            );
            return Err(invalid(what));
        }
        let start = match body.get("ExclusiveStartKey").and_then(Value::as_object) {
            Some(start) => {
                let key = ItemKey::of(start, &table.keys);
                Bound::Excluded(key.ok_or_else(|| invalid("The provided starting key is invalid"))?)
            }
            None => Bound::Unbounded,
        };
        let limit = body["Limit"].as_u64().map_or(usize::MAX, |limit| limit as usize);
        let here = |key: &ItemKey| (u64::from(key.hash) * total) >> 32 == segment;
        let items = table.store.items.range((start, Bound::Unbounded));
        let items = items.filter(|(key, _)| here(key)).map(|(_, item)| item.clone());
        let page = ItemPage::fill(items, limit, &table.key_names(), |_| true);
        Ok(page.answer(body, table, None))
    }

    /// The table of a read, where it can be read.
    pub(crate) fn readable(
        &self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<&FakeTable, AwsRefusal> {
        let place = self.find_for_items(now, region, text(body, "TableName"))?;
        Ok(&self.tables[place])
    }

    /// Reads and writes of items do not say what they did not find.
    pub(crate) fn find_for_items(
        &self,
        now: Elapsed,
        region: &str,
        named: &str,
    ) -> Result<usize, AwsRefusal> {
        let missing =
            || AwsRefusal::new("ResourceNotFoundException", "Requested resource not found");
        let place = self.find(now, region, named).map_err(|_| missing())?;
        match &*self.tables[place].status(region, now) {
            "CREATING" => Err(missing()),
            "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => Err(key_denied()),
            status @ ("ARCHIVING" | "ARCHIVED") => {
                Err(in_use(format!("Table is in {status} status: {named}")))
            }
            _ => Ok(place),
        }
    }
}

/// DynamoDB's own, and not the front door's, whose resource would be the table.
fn key_denied() -> AwsRefusal {
    let message = "KMS key access denied error: The ciphertext refers to a customer master key \
                   that does not exist, does not exist in this region, or you are not allowed to \
                   access.";
    AwsRefusal::new("com.amazonaws.dynamodb.v20120810#AccessDeniedException", message)
}

/// The key attributes of an item.
pub(crate) fn keys_of(item: &StoredItem, names: &[&str]) -> StoredItem {
    let own = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
    names.iter().filter_map(own).collect()
}

impl ItemPage {
    /// Reads `items` until the page is full; what does not `fit` is read and left out. A
    /// full page names where the next one begins, even where nothing is left for it.
    pub(crate) fn fill(
        items: impl Iterator<Item = StoredItem>,
        limit: usize,
        key_names: &[&str],
        fits: impl Fn(&StoredItem) -> bool,
    ) -> Self {
        let mut page = Self { items: Vec::new(), scanned: 0, last_key: None, bytes: 0 };
        for item in items {
            page.scanned += 1;
            page.bytes += size::of_item(&item);
            if page.scanned >= limit || page.bytes >= size::PAGE {
                page.last_key = Some(keys_of(&item, key_names));
            }
            if fits(&item) {
                page.items.push(item);
            }
            if page.last_key.is_some() {
                break;
            }
        }
        page
    }

    /// The page as an answer to `body`; `index` is the one that was read.
    pub(crate) fn answer(self, body: &Value, table: &FakeTable, index: Option<&str>) -> Value {
        let names = expression::projection(body);
        let items: Vec<_> =
            self.items.iter().map(|item| expression::project(item, &names)).collect();
        let mut answer = json!({
            "Count": items.len(),
            "Items": items,
            "ScannedCount": self.scanned,
        });
        if let Some(last_key) = self.last_key {
            answer["LastEvaluatedKey"] = Value::Object(last_key);
        }
        let consistent = body["ConsistentRead"].as_bool().unwrap_or(false);
        let units = size::read_units(self.bytes, consistent);
        if let Some(consumed) = consumed(body, table, index, units) {
            answer["ConsumedCapacity"] = consumed;
        }
        answer
    }
}

fn consumed(body: &Value, table: &FakeTable, index: Option<&str>, units: f64) -> Option<Value> {
    let mut consumed = json!({ "TableName": table.name, "CapacityUnits": units });
    match text(body, "ReturnConsumedCapacity") {
        "TOTAL" => {}
        "INDEXES" => {
            let of_table = if index.is_some() { 0.0 } else { units };
            consumed["Table"] = json!({ "CapacityUnits": of_table });
            if let Some(index) = index {
                consumed["GlobalSecondaryIndexes"] = json!({ index: { "CapacityUnits": units } });
            }
        }
        _ => return None,
    }
    Some(consumed)
}
