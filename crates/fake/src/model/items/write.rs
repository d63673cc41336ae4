//! PutItem and BatchWriteItem.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::index::FakeIndex;
use crate::model::items::{ItemKey, StoredItem, typed};
use crate::model::life::IndexPhase;
use crate::model::table::FakeTable;
use crate::model::{ControlPlane, list, text};
use crate::refusal::{AwsRefusal, invalid, invalid_value};

/// What BatchWriteItem takes at once.
const BATCH: usize = 25;

impl ControlPlane {
    pub(crate) fn put_item(
        &mut self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let put = json!({ "PutRequest": { "Item": body["Item"] } });
        self.write(now, region, text(body, "TableName"), &[put])?;
        Ok(json!({}))
    }

    pub(crate) fn batch_write(
        &mut self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let tables = body["RequestItems"].as_object().into_iter().flatten();
        let tables: Vec<_> = tables.map(|(name, _)| name.clone()).collect();
        let requests = |name: &String| list(&body["RequestItems"], name);
        if tables.iter().map(|name| requests(name).len()).sum::<usize>() > BATCH {
            return Err(invalid("Too many items requested for the BatchWriteItem call"));
        }
        for name in &tables {
            self.write(now, region, name, requests(name))?;
        }
        Ok(json!({ "UnprocessedItems": {} }))
    }

    fn write(
        &mut self,
        now: Elapsed,
        region: &str,
        named: &str,
        requests: &[Value],
    ) -> Result<(), AwsRefusal> {
        let place = self.find_for_items(now, region, named)?;
        let refresh = self.times.count_refresh;
        let table = &mut self.tables[place];
        for request in requests {
            if let Some(item) = request["PutRequest"]["Item"].as_object() {
                admit_item(table, item, region, now)?;
                let keys = table.keys.clone();
                table.store.put(&keys, item.clone());
            } else if let Some(key) = request["DeleteRequest"]["Key"].as_object() {
                let key = ItemKey::of(key, &table.keys);
                let key = key
                    .ok_or_else(|| invalid("The provided key element does not match the schema"))?;
                table.store.items.remove(&key);
            }
        }
        table.counted.set(next(now, refresh), table.store.count());
        Ok(())
    }
}

/// When items are counted next.
fn next(now: Elapsed, refresh: Elapsed) -> Elapsed {
    let passed = now.as_secs_f64() / refresh.as_secs_f64().max(1.0);
    refresh.mul_f64(passed.floor() + 1.0)
}

/// Writes of what an index could not hold are refused once the index is built.
fn admit_item(
    table: &FakeTable,
    item: &StoredItem,
    region: &str,
    now: Elapsed,
) -> Result<(), AwsRefusal> {
    for key in &table.keys {
        let found = item.get(&key.name).and_then(typed).map(|(scalar, _)| scalar);
        let Some(found) = found else {
            return Err(invalid_value(format!("Missing the key {} in the item", key.name)));
        };
        if found != key.scalar {
            return Err(invalid_value(format!(
                "Type mismatch for key {} expected: {} actual: {found}",
                key.name, key.scalar
            )));
        }
    }
    let built = table.indexes.iter().filter(|i| i.phase(region, now) == IndexPhase::Active);
    built.into_iter().try_for_each(|index| admit_in(index, item))
}

fn admit_in(index: &FakeIndex, item: &StoredItem) -> Result<(), AwsRefusal> {
    for key in &index.keys {
        let Some((scalar, value)) = item.get(&key.name).and_then(typed) else { continue };
        if scalar != key.scalar {
            return Err(invalid_value(format!(
                "Type mismatch for Index Key {} Expected: {} Actual: {scalar} IndexName: {}",
                key.name, key.scalar, index.name
            )));
        }
        if value.as_str() == Some("") {
            return Err(invalid_value(format!(
                "One or more parameter values are not valid. A value specified for a secondary \
                 index key is not supported. The AttributeValue for a key attribute cannot \
                 contain an empty string value. IndexName: {}, IndexKey: {}",
                index.name, key.name
            )));
        }
    }
    Ok(())
}
