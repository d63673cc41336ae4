//! The `dynoxide` crate behind the seam's values. Only here is it named.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use dynoxide::actions::batch_write_item::{BatchWriteItemRequest, PutRequest, WriteRequest};
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::update_table::{
    CreateGsiAction, DeleteGsiAction, GlobalSecondaryIndexUpdate, UpdateTableRequest,
};
use dynoxide::types as dx;
use dynoxide::{AttributeValue, Database, DynoxideError, TableMetadata};
use gsictl_core::call::{
    CallError, Consumed, CreateIndex, CreateTable, Effect, Item, Page, Query, Scan, Value,
};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, Scaling, TableDescription, TableStatus,
    VectorIndexDescription,
};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use serde::de::DeserializeOwned;

use super::{REGION, failed};
use crate::dynamodb::expression::Expressions;
use crate::dynamodb::lifecycle::Record;

/// The table of the same file that holds the records. Its name is legal, as all
/// names of the engine must be, and refused to everyone else.
const RECORDS: &str = "_gsictl.lifecycle";
/// Its partition key: the table a record is about.
const TABLE: &str = "table";
/// Its sort key: the index.
const INDEX: &str = "index";
/// The record, as JSON.
const RECORD: &str = "record";
/// The account in ARNs.
pub(super) const ACCOUNT: &str = dynoxide::streams::LOCAL_ACCOUNT;
/// What BatchWriteItem takes at once.
const BATCH: usize = 25;
/// Capacity units of a page of 1 MB, eventually consistent.
const PAGE_UNITS: f64 = 128.0;
/// Items that tell how large they are.
const FIRST_ITEMS: u32 = 64;

pub(super) fn is_reserved(table: &TableName) -> bool {
    table.as_str() == RECORDS
}

/// One handle. It is right as long as no other handle changes the file.
pub(super) struct Engine(Database);

impl Engine {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let text = path.to_str().ok_or("the path is not UTF-8")?;
        let opened = Database::new(text).and_then(|database| {
            // `synchronous = NORMAL`: no commit waits for the disk (one item is one
            // commit), and closing the handle, which every call does, syncs them all.
            database.disable_bulk_loading()?;
            Ok(Self(database))
        });
        opened.map_err(|e| match e.to_string() {
            text if text.contains("not a valid SQLite database") => {
                "this file is not a database of the embedded engine".to_owned()
            }
            text => text,
        })
    }

    pub(super) fn memory() -> Result<Self, String> {
        Database::memory().map(Self).map_err(|e| e.to_string())
    }

    /// The table without phases. From the metadata alone: DescribeTable would
    /// count the items (40 ms for 100,000 of them).
    pub(super) fn table(&self, table: &TableName) -> Result<Option<TableDescription>, CallError> {
        let metadata = self.0.get_table_metadata(table.as_str()).map_err(refused)?;
        metadata.map(|m| describe(table, m)).transpose()
    }

    pub(super) fn create_table(&self, create: CreateTable) -> Result<(), CallError> {
        let throughput = create.provisioned_throughput.map(throughput_to);
        let request = CreateTableRequest {
            table_name: create.table.into(),
            key_schema: keys_to(&create.key_schema),
            attribute_definitions: attributes_to(&create.attributes),
            billing_mode: Some(billing_to(create.billing_mode).to_owned()),
            provisioned_throughput: throughput,
            ..CreateTableRequest::default()
        };
        self.0.create_table(request).map_err(refused)?;
        Ok(())
    }

    /// Fills the index before it returns, in one transaction.
    pub(super) fn create_index(&self, create: &CreateIndex) -> Result<(), CallError> {
        let action = CreateGsiAction {
            index_name: create.index.to_string(),
            key_schema: keys_to(&create.key_schema),
            projection: projection_to(&create.projection),
        };
        let update = GlobalSecondaryIndexUpdate {
            create: Some(action),
            ..GlobalSecondaryIndexUpdate::default()
        };
        self.update(&create.table, Some(attributes_to(&create.attributes)), update)
    }

    pub(super) fn delete_index(
        &self,
        table: &TableName,
        index: &IndexName,
    ) -> Result<(), CallError> {
        let action = DeleteGsiAction { index_name: index.to_string() };
        let update = GlobalSecondaryIndexUpdate {
            delete: Some(action),
            ..GlobalSecondaryIndexUpdate::default()
        };
        self.update(table, None, update)
    }

    fn update(
        &self,
        table: &TableName,
        attributes: Option<Vec<dx::AttributeDefinition>>,
        update: GlobalSecondaryIndexUpdate,
    ) -> Result<(), CallError> {
        let request = UpdateTableRequest {
            table_name: table.to_string(),
            attribute_definitions: attributes,
            global_secondary_index_updates: Some(vec![update]),
            ..UpdateTableRequest::default()
        };
        self.0.update_table(request).map_err(refused)?;
        Ok(())
    }

    pub(super) fn put_items(&self, table: &TableName, items: Vec<Item>) -> Result<(), CallError> {
        let mut items = items.into_iter().map(put_request).peekable();
        while items.peek().is_some() {
            let batch: Vec<_> = items.by_ref().take(BATCH).collect();
            let request = BatchWriteItemRequest {
                request_items: HashMap::from([(table.to_string(), batch)]),
                ..BatchWriteItemRequest::default()
            };
            self.0.batch_write_item(request).map_err(refused)?;
        }
        Ok(())
    }

    pub(super) fn query(&self, query: Query) -> Result<Page, CallError> {
        let mut expressions = Expressions::default();
        let request = QueryRequest {
            table_name: query.table.into(),
            consistent_read: Some(query.index.is_none()),
            index_name: query.index.map(String::from),
            scan_index_forward: true,
            key_condition_expression: expressions.all_equal(query.keys),
            filter_expression: expressions.all_equal(query.matching),
            projection_expression: expressions.list(&query.attributes),
            limit: query.limit.map(|limit| limit as usize),
            exclusive_start_key: query.after.map(item_to),
            expression_attribute_names: expressions.names(),
            expression_attribute_values: expressions.values().map(item_to),
            return_consumed_capacity: Some("INDEXES".to_owned()),
            ..QueryRequest::default()
        };
        let answer = self.0.query(request).map_err(refused)?;
        Ok(page_from(answer.items, answer.last_evaluated_key, answer.consumed_capacity))
    }

    /// Where no limit is set the page is put together from small ones: the engine
    /// reads all that is left of the table before it cuts a page off.
    pub(super) fn scan(&self, mut scan: Scan) -> Result<Page, CallError> {
        if scan.limit.is_some() {
            return self.scan_limited(scan);
        }
        let mut page = Page { consumed: Some(Consumed::default()), ..Page::default() };
        let mut limit = FIRST_ITEMS;
        loop {
            scan.limit = Some(limit);
            let part = self.scan_limited(scan.clone())?;
            let units = part.consumed.map_or(0.0, |consumed| consumed.table);
            let read = part.items.len() as f64;
            let consumed = page.consumed.get_or_insert_default();
            consumed.table += units;
            let left = PAGE_UNITS - consumed.table;
            page.items.extend(part.items);
            scan.after = part.last_key;
            if scan.after.is_none() || left <= 0.0 {
                page.last_key = scan.after;
                return Ok(page);
            }
            limit = (left / units.max(0.5) * read).clamp(1.0, 1e5) as u32;
        }
    }

    fn scan_limited(&self, scan: Scan) -> Result<Page, CallError> {
        let mut expressions = Expressions::default();
        let request = ScanRequest {
            table_name: scan.table.into(),
            segment: scan.segment.map(|segment| segment.number),
            total_segments: scan.segment.map(|segment| segment.total),
            projection_expression: expressions.list(&scan.attributes),
            limit: scan.limit.map(|limit| limit as usize),
            exclusive_start_key: scan.after.map(item_to),
            expression_attribute_names: expressions.names(),
            return_consumed_capacity: Some("INDEXES".to_owned()),
            ..ScanRequest::default()
        };
        let answer = self.0.scan(request).map_err(refused)?;
        Ok(page_from(answer.items, answer.last_evaluated_key, answer.consumed_capacity))
    }

    /// The records of the table's indexes, by index.
    pub(super) fn records(&self, table: &TableName) -> Result<Vec<Record>, CallError> {
        if !self.has_records()? {
            return Ok(Vec::new());
        }
        let value = AttributeValue::S(table.to_string());
        let request = QueryRequest {
            table_name: RECORDS.to_owned(),
            key_condition_expression: Some("#t = :t".to_owned()),
            expression_attribute_names: Some(HashMap::from([("#t".into(), TABLE.into())])),
            expression_attribute_values: Some(HashMap::from([(":t".into(), value)])),
            ..QueryRequest::default()
        };
        let answer = self.0.query(request).map_err(refused)?;
        let items = answer.items.unwrap_or_default();
        items.iter().map(record_from).collect()
    }

    pub(super) fn save_record(&self, table: &TableName, record: &Record) -> Result<(), CallError> {
        if !self.has_records()? {
            self.create_records()?;
        }
        let text = serde_json::to_string(record).map_err(|e| damaged(&e.to_string()))?;
        let mut item = record_key(table, &record.index);
        item.insert(RECORD.to_owned(), AttributeValue::S(text));
        let request =
            PutItemRequest { table_name: RECORDS.to_owned(), item, ..PutItemRequest::default() };
        self.0.put_item(request).map_err(refused)?;
        Ok(())
    }

    pub(super) fn drop_record(
        &self,
        table: &TableName,
        index: &IndexName,
    ) -> Result<(), CallError> {
        let request = DeleteItemRequest {
            table_name: RECORDS.to_owned(),
            key: record_key(table, index),
            ..DeleteItemRequest::default()
        };
        self.0.delete_item(request).map_err(refused)?;
        Ok(())
    }

    fn has_records(&self) -> Result<bool, CallError> {
        let metadata = self.0.get_table_metadata(RECORDS).map_err(refused)?;
        Ok(metadata.is_some())
    }

    /// Makes the table of the records. Not in one step: in a database that others
    /// may open it has to be there before.
    pub(super) fn create_records(&self) -> Result<(), CallError> {
        let key = |name: &str, key_type| dx::KeySchemaElement {
            attribute_name: name.to_owned(),
            key_type,
        };
        let definition = |name: &str| dx::AttributeDefinition {
            attribute_name: name.to_owned(),
            attribute_type: dx::ScalarAttributeType::S,
        };
        let request = CreateTableRequest {
            table_name: RECORDS.to_owned(),
            key_schema: vec![key(TABLE, dx::KeyType::HASH), key(INDEX, dx::KeyType::RANGE)],
            attribute_definitions: vec![definition(TABLE), definition(INDEX)],
            billing_mode: Some("PAY_PER_REQUEST".to_owned()),
            ..CreateTableRequest::default()
        };
        self.0.create_table(request).map_err(refused)?;
        Ok(())
    }
}

fn record_key(table: &TableName, index: &IndexName) -> dx::Item {
    HashMap::from([
        (TABLE.to_owned(), AttributeValue::S(table.to_string())),
        (INDEX.to_owned(), AttributeValue::S(index.to_string())),
    ])
}

fn record_from(item: &dx::Item) -> Result<Record, CallError> {
    match item.get(RECORD) {
        Some(AttributeValue::S(text)) => json(text),
        _ => Err(damaged("a record of an index has no text")),
    }
}

/// The engine's answer, in AWS's codes and mostly AWS's words.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn refused(error: DynoxideError) -> CallError {
    CallError::from_service(error.error_type(), &error.to_string(), Some(error.status_code()))
}

fn damaged(problem: &str) -> CallError {
    failed(Effect::NotApplied, &format!("the database is damaged: {problem}"))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, CallError> {
    serde_json::from_str(text).map_err(|e| damaged(&e.to_string()))
}

fn describe(name: &TableName, table: TableMetadata) -> Result<TableDescription, CallError> {
    let list = |text: Option<&str>| text.unwrap_or("[]").to_owned();
    let keys: Vec<dx::KeySchemaElement> = json(&table.key_schema)?;
    let attributes: Vec<dx::AttributeDefinition> = json(&table.attribute_definitions)?;
    let indexes: Vec<dx::GlobalSecondaryIndex> = json(&list(table.gsi_definitions.as_deref()))?;
    let vectors: Vec<dx::VectorIndex> = json(&list(table.vector_index_definitions.as_deref()))?;
    let local: Vec<dx::LocalSecondaryIndex> = json(&list(table.lsi_definitions.as_deref()))?;
    let billing_mode = match table.billing_mode.as_deref() {
        Some("PAY_PER_REQUEST") => BillingMode::PayPerRequest,
        _ => BillingMode::Provisioned,
    };
    let throughput: Option<dx::ProvisionedThroughput> =
        json(table.provisioned_throughput.as_deref().unwrap_or("null"))?;
    Ok(TableDescription {
        name: name.clone(),
        table_id: table.table_id,
        created_at: None,
        arn: Some(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")),
        status: TableStatus::from(table.table_status.as_str()),
        billing_mode,
        provisioned_throughput: throughput
            .filter(|_| billing_mode == BillingMode::Provisioned)
            .map(|t| throughput_from(&t)),
        attributes: attributes.into_iter().map(attribute_from).collect(),
        key_schema: keys.into_iter().map(key_from).collect(),
        indexes: indexes.into_iter().map(index_from).collect::<Result<_, _>>()?,
        vector_indexes: vectors.into_iter().map(vector_index_from).collect::<Result<_, _>>()?,
        local_indexes: local.iter().filter_map(|l| IndexName::new(&l.index_name).ok()).collect(),
        local_included: local
            .iter()
            .map(|l| l.projection.non_key_attributes.as_ref().map_or(0, Vec::len))
            .sum(),
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    })
}

/// Another program made it: its phases pass in the process that does.
fn vector_index_from(index: dx::VectorIndex) -> Result<VectorIndexDescription, CallError> {
    Ok(VectorIndexDescription {
        name: IndexName::new(&index.index_name).map_err(|e| damaged(&e.to_string()))?,
        status: IndexStatus::Active,
        backfilling: false,
        attribute: Some(index.vector_attribute.attribute_name),
        dimensions: Some(index.dimensions.into()),
        distance: Some(index.distance_function),
    })
}

fn index_from(index: dx::GlobalSecondaryIndex) -> Result<IndexDescription, CallError> {
    let name = IndexName::new(&index.index_name).map_err(|e| damaged(&e.to_string()))?;
    Ok(IndexDescription {
        name,
        status: IndexStatus::Active,
        backfilling: false,
        key_schema: index.key_schema.into_iter().map(key_from).collect(),
        projection: projection_from(index.projection),
        provisioned_throughput: index.provisioned_throughput.as_ref().map(throughput_from),
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    })
}

fn keys_to(keys: &[KeyElement]) -> Vec<dx::KeySchemaElement> {
    let key = |key: &KeyElement| dx::KeySchemaElement {
        attribute_name: key.attribute_name.clone(),
        key_type: match key.key_type {
            KeyType::Hash => dx::KeyType::HASH,
            KeyType::Range => dx::KeyType::RANGE,
        },
    };
    keys.iter().map(key).collect()
}

fn key_from(key: dx::KeySchemaElement) -> KeyElement {
    KeyElement {
        attribute_name: key.attribute_name,
        key_type: match key.key_type {
            dx::KeyType::HASH => KeyType::Hash,
            dx::KeyType::RANGE => KeyType::Range,
        },
    }
}

fn attributes_to(attributes: &BTreeMap<String, ScalarType>) -> Vec<dx::AttributeDefinition> {
    let definition = |(name, scalar): (&String, &ScalarType)| dx::AttributeDefinition {
        attribute_name: name.clone(),
        attribute_type: match scalar {
            ScalarType::S => dx::ScalarAttributeType::S,
            ScalarType::N => dx::ScalarAttributeType::N,
            ScalarType::B => dx::ScalarAttributeType::B,
        },
    };
    attributes.iter().map(definition).collect()
}

fn attribute_from(attribute: dx::AttributeDefinition) -> (String, ScalarType) {
    let scalar = match attribute.attribute_type {
        dx::ScalarAttributeType::S => ScalarType::S,
        dx::ScalarAttributeType::N => ScalarType::N,
        dx::ScalarAttributeType::B => ScalarType::B,
    };
    (attribute.attribute_name, scalar)
}

fn projection_to(projection: &Projection) -> dx::Projection {
    let (projection_type, non_key_attributes) = match projection {
        Projection::All => (dx::ProjectionType::ALL, None),
        Projection::KeysOnly => (dx::ProjectionType::KEYS_ONLY, None),
        Projection::Include { non_key_attributes } => {
            (dx::ProjectionType::INCLUDE, Some(non_key_attributes.iter().cloned().collect()))
        }
    };
    dx::Projection { projection_type: Some(projection_type), non_key_attributes }
}

fn projection_from(projection: dx::Projection) -> Projection {
    match projection.projection_type.unwrap_or_default() {
        dx::ProjectionType::ALL => Projection::All,
        dx::ProjectionType::KEYS_ONLY => Projection::KeysOnly,
        dx::ProjectionType::INCLUDE => Projection::Include {
            non_key_attributes: projection
                .non_key_attributes
                .unwrap_or_default()
                .into_iter()
                .collect(),
        },
    }
}

fn billing_to(mode: BillingMode) -> &'static str {
    match mode {
        BillingMode::Provisioned => "PROVISIONED",
        BillingMode::PayPerRequest => "PAY_PER_REQUEST",
    }
}

fn throughput_to(throughput: ProvisionedThroughput) -> dx::ProvisionedThroughput {
    dx::ProvisionedThroughput {
        read_capacity_units: i64::try_from(throughput.read_capacity_units).ok(),
        write_capacity_units: i64::try_from(throughput.write_capacity_units).ok(),
    }
}

fn throughput_from(throughput: &dx::ProvisionedThroughput) -> ProvisionedThroughput {
    let units = |units: Option<i64>| units.and_then(|u| u64::try_from(u).ok()).unwrap_or(0);
    ProvisionedThroughput {
        read_capacity_units: units(throughput.read_capacity_units),
        write_capacity_units: units(throughput.write_capacity_units),
    }
}

fn put_request(item: Item) -> WriteRequest {
    WriteRequest { put_request: Some(PutRequest { item: item_to(item) }), delete_request: None }
}

fn item_to(item: Item) -> dx::Item {
    item.into_iter().map(|(k, v)| (k, value_to(v))).collect()
}

fn value_to(value: Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text),
        Value::N(number) => AttributeValue::N(number),
        Value::B(bytes) => AttributeValue::B(bytes),
        Value::Bool(value) => AttributeValue::BOOL(value),
        Value::Null => AttributeValue::NULL(true),
        Value::L(list) => AttributeValue::L(list.into_iter().map(value_to).collect()),
        Value::M(map) => AttributeValue::M(item_to(map)),
        Value::Ss(set) => AttributeValue::SS(set.into_iter().collect()),
        Value::Ns(set) => AttributeValue::NS(set.into_iter().collect()),
        Value::Bs(set) => AttributeValue::BS(set.into_iter().collect()),
    }
}

fn item_from(item: dx::Item) -> Item {
    item.into_iter().map(|(k, v)| (k, value_from(v))).collect()
}

fn value_from(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(number) => Value::N(number),
        AttributeValue::B(bytes) => Value::B(bytes),
        AttributeValue::BOOL(value) => Value::Bool(value),
        AttributeValue::NULL(_) => Value::Null,
        AttributeValue::L(list) => Value::L(list.into_iter().map(value_from).collect()),
        AttributeValue::M(map) => Value::M(item_from(map)),
        AttributeValue::SS(set) => Value::Ss(set.into_iter().collect()),
        AttributeValue::NS(set) => Value::Ns(set.into_iter().collect()),
        AttributeValue::BS(set) => Value::Bs(set.into_iter().collect()),
    }
}

fn page_from(
    items: Option<Vec<dx::Item>>,
    last_key: Option<dx::Item>,
    consumed: Option<dx::ConsumedCapacity>,
) -> Page {
    Page {
        items: items.unwrap_or_default().into_iter().map(item_from).collect(),
        last_key: last_key.map(item_from),
        consumed: consumed.map(consumed_from),
    }
}

fn consumed_from(consumed: dx::ConsumedCapacity) -> Consumed {
    let indexes = consumed.global_secondary_indexes.unwrap_or_default();
    Consumed {
        table: consumed.table.map_or(0.0, |capacity| capacity.capacity_units),
        indexes: indexes.into_iter().map(|(name, c)| (name, c.capacity_units)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use gsictl_core::plan::{Finding, Obstacle, PROJECTION_QUOTA, judge};

    use super::*;
    use gsictl_core::catalog::Sighting;
    use gsictl_core::definition::{Definitions, Format, Source, parse};

    /// The seam makes no local indexes; other programs do.
    fn with_a_local_index(including: usize) -> TableDescription {
        let engine = Engine::memory().unwrap();
        let element =
            |name: &str, kind: &str| serde_json::json!({"AttributeName": name, "KeyType": kind});
        let typed = |name: &str| serde_json::json!({"AttributeName": name, "AttributeType": "S"});
        let included: Vec<_> = (0..including).map(|n| format!("a{n}")).collect();
        let request = serde_json::json!({
            "TableName": "bookings", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [element("id", "HASH"), element("at", "RANGE")],
            "AttributeDefinitions": [typed("id"), typed("at"), typed("seat")],
            "LocalSecondaryIndexes": [{
                "IndexName": "seat-index",
                "KeySchema": [element("id", "HASH"), element("seat", "RANGE")],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": included}}],
        });
        engine.0.create_table(serde_json::from_value(request).unwrap()).unwrap();
        engine.table(&TableName::new("bookings").unwrap()).unwrap().unwrap()
    }

    fn wanted(yaml: &str) -> Definitions {
        let text = yaml.as_bytes();
        parse(&[Source { file: "airline.yaml", format: Format::Yaml, text }]).unwrap()
    }

    /// The seam makes no vector indexes; other programs do.
    #[test]
    fn a_vector_index_is_read_and_its_name_is_taken() {
        let engine = Engine::memory().unwrap();
        let create = serde_json::json!({
            "TableName": "docs", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]});
        engine.0.create_table(serde_json::from_value(create).unwrap()).unwrap();
        let update = serde_json::json!({
            "TableName": "docs",
            "VectorIndexUpdates": [{"Create": {
                "IndexName": "by-meaning", "VectorAttribute": {"AttributeName": "embedding"},
                "Dimensions": 8, "DistanceFunction": "COSINE",
                "Projection": {"ProjectionType": "KEYS_ONLY"}}}]});
        engine.0.update_table(serde_json::from_value(update).unwrap()).unwrap();
        let table = engine.table(&TableName::new("docs").unwrap()).unwrap().unwrap();
        assert_eq!(table.vector_indexes[0].schema_text(), "vector embedding, 8 dimensions, COSINE");
        let wanted = wanted(
            "docs:\n  - IndexName: by-meaning\n    KeySchema: [{ AttributeName: id, KeyType: HASH }]\n    \
             Projection: { ProjectionType: ALL }\n",
        );
        let taken = judge(&wanted.indexes[0], &Sighting::Found(Box::new(table)));
        assert_eq!(taken, Finding::Obstacle(Obstacle::VectorIndex));
    }

    #[test]
    fn a_local_indexs_name_is_taken_and_what_it_includes_counts() {
        let keys = "KeySchema: [{ AttributeName: a, KeyType: HASH }], AttributeDefinitions: \
                    [{ AttributeName: a, AttributeType: S }]";
        let table = with_a_local_index(20);
        assert_eq!(table.local_included, 20);
        let sighting = Sighting::Found(Box::new(table));
        let same = wanted(&format!(
            "bookings:\n  - {{ IndexName: seat-index, {keys}, Projection: {{ ProjectionType: ALL }} }}\n"
        ));
        let taken = judge(&same.indexes[0], &sighting);
        assert_eq!(taken, Finding::Obstacle(Obstacle::LocalIndex));

        let Sighting::Found(mut table) = sighting else { return };
        table.local_included = PROJECTION_QUOTA;
        let one = wanted(&format!(
            "bookings:\n  - {{ IndexName: more-index, {keys}, Projection: \
             {{ ProjectionType: INCLUDE, NonKeyAttributes: [b] }} }}\n"
        ));
        let over = judge(&one.indexes[0], &Sighting::Found(table));
        let others = PROJECTION_QUOTA;
        assert_eq!(over, Finding::Obstacle(Obstacle::Projection { others, wanted: 1 }));
    }
}
