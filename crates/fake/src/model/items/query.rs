//! Query of a table or of an index.

use serde_json::Value;

use crate::clock::Elapsed;
use crate::model::index::{FakeIndex, KeyPart};
use crate::model::items::scan::{ItemPage, keys_of};
use crate::model::items::{ItemKey, SortValue, StoredItem, expression, typed};
use crate::model::life::IndexPhase;
use crate::model::table::FakeTable;
use crate::model::{ControlPlane, text};
use crate::refusal::{AwsRefusal, invalid, invalid_value};

/// Longest keys, in bytes: HASH and RANGE.
const LONGEST: [(&str, usize); 2] = [("HASH", 2_048), ("RANGE", 1_024)];

impl ControlPlane {
    pub(crate) fn query(
        &self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let table = self.readable(now, region, body)?;
        let index = match body.get("IndexName").and_then(Value::as_str) {
            Some(name) => Some(queried(table, region, name, now)?),
            None => None,
        };
        if index.is_some() && body["ConsistentRead"].as_bool() == Some(true) {
            return Err(invalid("Consistent reads are not supported on global secondary indexes"));
        }
        let keys = index.map_or(&table.keys, |index| &index.keys);
        let wanted = expression::equalities(body, "KeyConditionExpression")?;
        admit_condition(keys, &wanted)?;
        let filter = expression::equalities(body, "FilterExpression")?;
        if let Some((name, _)) =
            filter.iter().find(|(name, _)| keys.iter().any(|k| k.name == *name))
        {
            return Err(invalid(format!(
                "Filter Expression can only contain non-primary key attributes: Primary key \
                 attribute: {name}"
            )));
        }
        let limit = body["Limit"].as_u64().map_or(usize::MAX, |limit| limit as usize);
        let found = found(table, index, &wanted);
        let after = body.get("ExclusiveStartKey").and_then(Value::as_object);
        let after = after.and_then(|item| standing(item, keys, &table.keys));
        let left =
            found.into_iter().filter(|(at, _)| after.as_ref().is_none_or(|after| at > after));
        let fits = |item: &StoredItem| all_equal(item, &filter);
        let left = left.map(|(_, item)| item);
        let page = ItemPage::fill(left, limit, &key_names(table, index), fits);
        Ok(page.answer(body, table, index.map(|index| &*index.name)))
    }
}

/// Where an item stands in the order of an index.
type IndexOrder = (Vec<SortValue>, ItemKey);

fn standing(item: &StoredItem, keys: &[KeyPart], table: &[KeyPart]) -> Option<IndexOrder> {
    let sort = keys.iter().filter(|key| key.role == "RANGE");
    let values = sort.map(|key| SortValue::of(item.get(&key.name)?)).collect::<Option<_>>()?;
    Some((values, ItemKey::of(item, table)?))
}

fn key_names<'a>(table: &'a FakeTable, index: Option<&'a FakeIndex>) -> Vec<&'a str> {
    let mut names = table.key_names();
    for key in index.into_iter().flat_map(|index| &index.keys) {
        if !names.contains(&&*key.name) {
            names.push(&key.name);
        }
    }
    names
}

/// The index, where it can be asked now.
fn queried<'a>(
    table: &'a FakeTable,
    region: &str,
    name: &str,
    now: Elapsed,
) -> Result<&'a FakeIndex, AwsRefusal> {
    let there = table.indexes.iter().find(|i| i.name == name && i.phase(region, now).is_shown());
    match there.map(|index| (index, index.phase(region, now))) {
        Some((index, IndexPhase::Active)) => Ok(index),
        None | Some((_, IndexPhase::Deleting)) => {
            Err(invalid(format!("The table does not have the specified index: {name}")))
        }
        Some(_) => {
            Err(invalid(format!("Cannot read from backfilling global secondary index: {name}")))
        }
    }
}

/// All HASH attributes, then RANGE attributes from the first on, each with its own type.
fn admit_condition(keys: &[KeyPart], wanted: &[(String, Value)]) -> Result<(), AwsRefusal> {
    let is_wanted = |key: &&KeyPart| wanted.iter().any(|(name, _)| *name == key.name);
    let mut hashes = keys.iter().filter(|key| key.role == "HASH");
    if let Some(missing) = hashes.find(|key| !is_wanted(key)) {
        return Err(if keys.iter().filter(|key| key.role == "HASH").count() > 1 {
            invalid(format!(
                "HASH key attributes {} must have equality conditions specified in the query",
                missing.name
            ))
        } else {
            invalid(format!("Query condition missed key schema element: {}", missing.name))
        });
    }
    let ranges = keys.iter().filter(|key| key.role == "RANGE");
    let mut gap = None;
    for key in ranges {
        match (gap, is_wanted(&key)) {
            (None, false) => gap = Some(&key.name),
            (Some(gap), true) => {
                return Err(invalid(format!("Query condition missed key schema element: {gap}")));
            }
            _ => {}
        }
    }
    for (name, value) in wanted {
        let Some(key) = keys.iter().find(|key| key.name == *name) else {
            return Err(invalid("Query key condition not supported"));
        };
        if typed(value).is_none_or(|(scalar, _)| scalar != key.scalar) {
            return Err(invalid_value("Condition parameter type does not match schema type"));
        }
    }
    Ok(())
}

fn all_equal(item: &StoredItem, wanted: &[(String, Value)]) -> bool {
    let own = |name: &String| item.get(name);
    wanted.iter().all(|(name, value)| own(name).is_some_and(|own| expression::same(own, value)))
}

/// What fits, in order.
fn found(
    table: &FakeTable,
    index: Option<&FakeIndex>,
    wanted: &[(String, Value)],
) -> Vec<(IndexOrder, StoredItem)> {
    let keys = index.map_or(&table.keys, |index| &index.keys);
    let fits = |item: &&StoredItem| all_equal(item, wanted);
    let held = |item: &StoredItem| match index {
        Some(index) => index.holds(item).then(|| index.projected(item, &table.keys)),
        None => Some(item.clone()),
    };
    let all = table.store.items.values().filter(fits).filter_map(held);
    let mut found: Vec<_> =
        all.filter_map(|item| Some((standing(&item, keys, &table.keys)?, item))).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

impl FakeIndex {
    /// Whether the item is in the index: it has all key attributes, each with its type,
    /// not empty and not too long. What has not is left out silently.
    pub(crate) fn holds(&self, item: &StoredItem) -> bool {
        self.keys.iter().all(|key| {
            let Some((scalar, value)) = item.get(&key.name).and_then(typed) else { return false };
            let length = value.as_str().map_or(0, str::len);
            let longest = LONGEST.iter().find(|(role, _)| *role == key.role);
            scalar == key.scalar
                && length > 0
                && longest.is_none_or(|(_, longest)| length <= *longest)
        })
    }

    /// What the index holds of it.
    pub(crate) fn projected(&self, item: &StoredItem, table: &[KeyPart]) -> StoredItem {
        let kind = text(&self.projection, "ProjectionType");
        if kind == "ALL" {
            return item.clone();
        }
        let included = crate::model::list(&self.projection, "NonKeyAttributes");
        let keys = self.keys.iter().chain(table).map(|key| &*key.name);
        let names: Vec<_> = keys.chain(included.iter().filter_map(Value::as_str)).collect();
        keys_of(item, &names)
    }
}
