//! The seam's values as the SDK's, and back.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types as sdk;
use gsictl_core::call::{CallError, Consumed, Effect, ErrorKind, Item, Page, Value};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, OwnRegion, RegionScaling, ReplicaDescription,
    Scaling, TableDescription, TableStatus, VectorIndexDescription,
};
use gsictl_core::definition::{
    KeyElement, KeyType, OnDemandThroughput, Projection, ProvisionedThroughput, ScalarType,
    WarmThroughput,
};
use gsictl_core::name::{IndexName, TableName};
use gsictl_core::time::Timestamp;

/// A request the SDK would not build. It was not sent.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
pub(super) fn incomplete(error: BuildError) -> CallError {
    CallError {
        kind: ErrorKind::Validation,
        effect: Effect::NotApplied,
        code: "InvalidRequest".to_owned(),
        message: error.to_string(),
    }
}

/// An answer that says yes but not what is now there.
pub(super) fn unreadable(problem: &str) -> CallError {
    CallError::unreadable(Effect::Unknown, problem)
}

pub(super) fn keys_to(keys: &[KeyElement]) -> Result<Vec<sdk::KeySchemaElement>, CallError> {
    let element = |key: &KeyElement| {
        sdk::KeySchemaElement::builder()
            .attribute_name(&key.attribute_name)
            .key_type(match key.key_type {
                KeyType::Hash => sdk::KeyType::Hash,
                KeyType::Range => sdk::KeyType::Range,
            })
            .build()
    };
    keys.iter().map(|key| element(key).map_err(incomplete)).collect()
}

pub(super) fn attributes_to(
    attributes: &BTreeMap<String, ScalarType>,
) -> Result<Vec<sdk::AttributeDefinition>, CallError> {
    let definition = |name: &str, scalar| {
        sdk::AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(match scalar {
                ScalarType::S => sdk::ScalarAttributeType::S,
                ScalarType::N => sdk::ScalarAttributeType::N,
                ScalarType::B => sdk::ScalarAttributeType::B,
            })
            .build()
    };
    attributes.iter().map(|(name, scalar)| definition(name, *scalar).map_err(incomplete)).collect()
}

pub(super) fn projection_to(projection: &Projection) -> sdk::Projection {
    let (kind, attributes) = match projection {
        Projection::All => (sdk::ProjectionType::All, None),
        Projection::KeysOnly => (sdk::ProjectionType::KeysOnly, None),
        Projection::Include { non_key_attributes } => {
            (sdk::ProjectionType::Include, Some(non_key_attributes.iter().cloned().collect()))
        }
    };
    sdk::Projection::builder().projection_type(kind).set_non_key_attributes(attributes).build()
}

pub(super) fn throughput_to(
    throughput: ProvisionedThroughput,
) -> Result<sdk::ProvisionedThroughput, CallError> {
    sdk::ProvisionedThroughput::builder()
        .read_capacity_units(signed(throughput.read_capacity_units))
        .write_capacity_units(signed(throughput.write_capacity_units))
        .build()
        .map_err(incomplete)
}

pub(super) fn on_demand_to(throughput: OnDemandThroughput) -> sdk::OnDemandThroughput {
    sdk::OnDemandThroughput::builder()
        .set_max_read_request_units(throughput.max_read_request_units)
        .set_max_write_request_units(throughput.max_write_request_units)
        .build()
}

pub(super) fn warm_to(throughput: WarmThroughput) -> sdk::WarmThroughput {
    sdk::WarmThroughput::builder()
        .set_read_units_per_second(throughput.read_units_per_second.map(signed))
        .set_write_units_per_second(throughput.write_units_per_second.map(signed))
        .build()
}

pub(super) fn billing_to(mode: BillingMode) -> sdk::BillingMode {
    match mode {
        BillingMode::Provisioned => sdk::BillingMode::Provisioned,
        BillingMode::PayPerRequest => sdk::BillingMode::PayPerRequest,
    }
}

pub(super) fn item_to(item: Item) -> HashMap<String, sdk::AttributeValue> {
    item.into_iter().map(|(k, v)| (k, value_to(v))).collect()
}

fn value_to(value: Value) -> sdk::AttributeValue {
    match value {
        Value::S(text) => sdk::AttributeValue::S(text),
        Value::N(number) => sdk::AttributeValue::N(number),
        Value::B(bytes) => sdk::AttributeValue::B(Blob::new(bytes)),
        Value::Bool(value) => sdk::AttributeValue::Bool(value),
        Value::Null => sdk::AttributeValue::Null(true),
        Value::L(list) => sdk::AttributeValue::L(list.into_iter().map(value_to).collect()),
        Value::M(map) => sdk::AttributeValue::M(item_to(map)),
        Value::Ss(set) => sdk::AttributeValue::Ss(set.into_iter().collect()),
        Value::Ns(set) => sdk::AttributeValue::Ns(set.into_iter().collect()),
        Value::Bs(set) => sdk::AttributeValue::Bs(set.into_iter().map(Blob::new).collect()),
    }
}

/// # Errors
/// A value of a type that is newer than this program.
pub(super) fn item_from(item: HashMap<String, sdk::AttributeValue>) -> Result<Item, CallError> {
    item.into_iter().map(|(k, v)| Ok((k, value_from(v)?))).collect()
}

fn value_from(value: sdk::AttributeValue) -> Result<Value, CallError> {
    Ok(match value {
        sdk::AttributeValue::S(text) => Value::S(text),
        sdk::AttributeValue::N(number) => Value::N(number),
        sdk::AttributeValue::B(bytes) => Value::B(bytes.into_inner()),
        sdk::AttributeValue::Bool(value) => Value::Bool(value),
        sdk::AttributeValue::Null(_) => Value::Null,
        sdk::AttributeValue::L(list) => {
            Value::L(list.into_iter().map(value_from).collect::<Result<_, _>>()?)
        }
        sdk::AttributeValue::M(map) => Value::M(item_from(map)?),
        sdk::AttributeValue::Ss(set) => Value::Ss(set.into_iter().collect()),
        sdk::AttributeValue::Ns(set) => Value::Ns(set.into_iter().collect()),
        sdk::AttributeValue::Bs(set) => Value::Bs(set.into_iter().map(Blob::into_inner).collect()),
        _ => return Err(unreadable("an attribute of an unknown type")),
    })
}

/// What an answer says of its items, beside them.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) count: i32,
    pub(super) last_key: Option<HashMap<String, sdk::AttributeValue>>,
    pub(super) consumed: Option<sdk::ConsumedCapacity>,
}

/// # Errors
/// An answer that is no page of that table: without items, with another number of them
/// than it counts, or about another table.
pub(super) fn page_from(
    table: &TableName,
    items: Option<Vec<HashMap<String, sdk::AttributeValue>>>,
    told: Told,
) -> Result<Page, CallError> {
    let Told { count, last_key, consumed } = told;
    let items = items.ok_or_else(|| unreadable("the answer holds no Items"))?;
    if usize::try_from(count).ok() != Some(items.len()) {
        let found = items.len();
        return Err(unreadable(&format!("the answer counts {count} items and holds {found}")));
    }
    let other = consumed.as_ref().and_then(|consumed| consumed.table_name.as_deref());
    if other.is_some_and(|other| !table.is_told_as(other)) {
        return Err(unreadable("the answer is about another table"));
    }
    let items = items.into_iter().map(item_from);
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        last_key: last_key.filter(|key| !key.is_empty()).map(item_from).transpose()?,
        consumed: consumed.map(consumed_from),
    })
}

fn consumed_from(consumed: sdk::ConsumedCapacity) -> Consumed {
    let units = |capacity: &sdk::Capacity| capacity.capacity_units.unwrap_or(0.0);
    let indexes = consumed.global_secondary_indexes.unwrap_or_default();
    Consumed {
        table: consumed.table.as_ref().map_or(0.0, units),
        indexes: indexes.iter().map(|(name, capacity)| (name.clone(), units(capacity))).collect(),
    }
}

/// DescribeTable's table. Fields that are newer than this program are left out, and
/// statuses are kept in AWS's words.
///
/// # Errors
/// Something that an index is judged by is missing or unknown (keys, types, projection,
/// billing mode): taken for the usual, it would agree with what was never made so.
pub(super) fn table_from(table: sdk::TableDescription) -> Result<TableDescription, CallError> {
    let name = table.table_name.unwrap_or_default();
    let name = TableName::new(&name).map_err(|_| unreadable("a table without its name"))?;
    let own_region = region_of(table.table_arn.as_deref()).map(str::to_owned);
    let status = table.table_status.ok_or_else(|| unreadable("a table without its status"))?;
    let status = TableStatus::from(status.as_str());
    let throughput = table.provisioned_throughput.as_ref();
    let billing_mode = billing_from(table.billing_mode_summary.as_ref(), throughput)?;
    let indexes = table.global_secondary_indexes.unwrap_or_default();
    let vectors = table.vector_indexes.unwrap_or_default();
    let local = table.local_secondary_indexes.unwrap_or_default();
    let replicas = table.replicas.unwrap_or_default();
    Ok(TableDescription {
        name,
        table_id: table.table_id,
        created_at: table
            .creation_date_time
            .and_then(|at| at.to_millis().ok())
            .map(Timestamp::from_millis),
        arn: table.table_arn,
        billing_mode,
        provisioned_throughput: throughput.and_then(throughput_from),
        attributes: attributes_from(table.attribute_definitions.unwrap_or_default())?,
        key_schema: keys_from(table.key_schema)?,
        indexes: indexes.into_iter().map(|i| index_from(i, &status)).collect::<Result<_, _>>()?,
        vector_indexes: vectors.into_iter().map(vector_index_from).collect::<Result<_, _>>()?,
        local_indexes: local
            .iter()
            .map(|l| index_name(l.index_name.as_deref()))
            .collect::<Result<_, _>>()?,
        local_included: local
            .iter()
            .filter_map(|l| Some(l.projection.as_ref()?.non_key_attributes.as_ref()?.len()))
            .sum(),
        replicas: replicas
            .into_iter()
            .map(replica_from)
            .filter(|r| own_region.as_ref() != Some(&r.region))
            .collect(),
        scaling: Scaling::NotAsked,
        status,
        item_count: table.item_count.and_then(unsigned),
        size_bytes: table.table_size_bytes.and_then(unsigned),
    })
}

/// There are emulators that tell no status of an index, which they make at once: it is
/// there where its table is ACTIVE, and otherwise may be on its way.
fn index_from(
    index: sdk::GlobalSecondaryIndexDescription,
    table: &TableStatus,
) -> Result<IndexDescription, CallError> {
    let name = index_name(index.index_name.as_deref())?;
    let untold =
        if *table == TableStatus::Active { IndexStatus::Active } else { IndexStatus::Creating };
    Ok(IndexDescription {
        name,
        status: index.index_status.map_or(untold, |status| IndexStatus::from(status.as_str())),
        backfilling: index.backfilling.unwrap_or(false),
        key_schema: keys_from(index.key_schema)?,
        projection: projection_from(index.projection)?,
        provisioned_throughput: index.provisioned_throughput.as_ref().and_then(throughput_from),
        on_demand_throughput: index.on_demand_throughput.as_ref().and_then(on_demand_from),
        warm_throughput: index.warm_throughput.map(|t| WarmThroughput {
            read_units_per_second: t.read_units_per_second.and_then(unsigned),
            write_units_per_second: t.write_units_per_second.and_then(unsigned),
        }),
        item_count: index.item_count.and_then(unsigned),
        size_bytes: index.index_size_bytes.and_then(unsigned),
    })
}

/// One whose status is missing is taken to be there.
fn vector_index_from(
    index: sdk::VectorIndexDescription,
) -> Result<VectorIndexDescription, CallError> {
    let status = index.index_status.as_ref();
    Ok(VectorIndexDescription {
        name: index_name(index.index_name.as_deref())?,
        status: status.map_or(IndexStatus::Active, |s| IndexStatus::from(s.as_str())),
        backfilling: index.backfilling.unwrap_or(false),
        attribute: index.vector_attribute.map(|attribute| attribute.attribute_name),
        dimensions: index.dimensions.and_then(unsigned),
        distance: index.distance_function.map(|distance| distance.as_str().to_owned()),
    })
}

fn index_name(name: Option<&str>) -> Result<IndexName, CallError> {
    IndexName::new(name.unwrap_or_default()).map_err(|_| unreadable("an index without its name"))
}

/// A table without a summary was never switched to on-demand, unless it has no
/// throughput either (DynamoDB Local leaves the summary out at times).
fn billing_from(
    summary: Option<&sdk::BillingModeSummary>,
    throughput: Option<&sdk::ProvisionedThroughputDescription>,
) -> Result<BillingMode, CallError> {
    Ok(match summary.and_then(|s| s.billing_mode.as_ref()) {
        Some(sdk::BillingMode::PayPerRequest) => BillingMode::PayPerRequest,
        Some(sdk::BillingMode::Provisioned) => BillingMode::Provisioned,
        Some(_) => return Err(unreadable("a table of an unknown billing mode")),
        None if throughput.is_some_and(|t| throughput_from(t).is_none()) => {
            BillingMode::PayPerRequest
        }
        None => BillingMode::Provisioned,
    })
}

/// AWS writes zeros where a table or index is on-demand.
fn throughput_from(
    throughput: &sdk::ProvisionedThroughputDescription,
) -> Option<ProvisionedThroughput> {
    let units = |units: Option<i64>| units.and_then(unsigned).unwrap_or(0);
    let throughput = ProvisionedThroughput {
        read_capacity_units: units(throughput.read_capacity_units),
        write_capacity_units: units(throughput.write_capacity_units),
    };
    let none = throughput.read_capacity_units == 0 && throughput.write_capacity_units == 0;
    (!none).then_some(throughput)
}

/// DynamoDB writes -1 for no limit.
fn on_demand_from(throughput: &sdk::OnDemandThroughput) -> Option<OnDemandThroughput> {
    let limit = |units: Option<i64>| units.filter(|u| *u >= 0);
    let throughput = OnDemandThroughput {
        max_read_request_units: limit(throughput.max_read_request_units),
        max_write_request_units: limit(throughput.max_write_request_units),
    };
    (throughput != OnDemandThroughput::default()).then_some(throughput)
}

/// DescribeTable tells which indexes a replica has, not what they are doing.
fn replica_from(replica: sdk::ReplicaDescription) -> ReplicaDescription {
    let indexes = replica.global_secondary_indexes.unwrap_or_default();
    ReplicaDescription {
        region: replica.region_name.unwrap_or_default(),
        status: replica
            .replica_status
            .map_or_else(|| "UNKNOWN".to_owned(), |s| s.as_str().to_owned()),
        indexes: indexes
            .iter()
            .filter_map(|i| IndexName::new(i.index_name.as_deref()?).ok())
            .collect(),
        own: OwnRegion::NotAsked,
    }
}

/// What DescribeTableReplicaAutoScaling tells of writes: where there are no settings of
/// its own, or they are disabled, nothing scales them.
pub(super) fn scaling_from(table: sdk::TableAutoScalingDescription) -> Vec<RegionScaling> {
    let scales = |settings: Option<&sdk::AutoScalingSettingsDescription>| {
        settings.is_some_and(|s| s.maximum_units.is_some() && s.auto_scaling_disabled != Some(true))
    };
    let of_replica = |replica: sdk::ReplicaAutoScalingDescription| {
        let indexes = replica.global_secondary_indexes.unwrap_or_default();
        RegionScaling {
            region: replica.region_name.unwrap_or_default(),
            table: scales(
                replica.replica_provisioned_write_capacity_auto_scaling_settings.as_ref(),
            ),
            indexes: indexes
                .iter()
                .filter_map(|i| {
                    let writes = i.provisioned_write_capacity_auto_scaling_settings.as_ref();
                    Some((IndexName::new(i.index_name.as_deref()?).ok()?, scales(writes)))
                })
                .collect(),
        }
    };
    table.replicas.unwrap_or_default().into_iter().map(of_replica).collect()
}

fn attributes_from(
    attributes: Vec<sdk::AttributeDefinition>,
) -> Result<BTreeMap<String, ScalarType>, CallError> {
    let mut types = BTreeMap::new();
    for attribute in attributes {
        let scalar = match attribute.attribute_type {
            sdk::ScalarAttributeType::S => ScalarType::S,
            sdk::ScalarAttributeType::N => ScalarType::N,
            sdk::ScalarAttributeType::B => ScalarType::B,
            _ => return Err(unreadable("a key attribute of an unknown type")),
        };
        if types.insert(attribute.attribute_name, scalar).is_some_and(|other| other != scalar) {
            return Err(unreadable("a key attribute of two types"));
        }
    }
    Ok(types)
}

fn keys_from(keys: Option<Vec<sdk::KeySchemaElement>>) -> Result<Vec<KeyElement>, CallError> {
    let element = |key: sdk::KeySchemaElement| {
        let key_type = match key.key_type {
            sdk::KeyType::Hash => KeyType::Hash,
            sdk::KeyType::Range => KeyType::Range,
            _ => return Err(unreadable("a key of an unknown type")),
        };
        Ok(KeyElement { attribute_name: key.attribute_name, key_type })
    };
    let keys = keys.ok_or_else(|| unreadable("a table or an index without its keys"))?;
    keys.into_iter().map(element).collect()
}

fn projection_from(projection: Option<sdk::Projection>) -> Result<Projection, CallError> {
    let projection = projection.ok_or_else(|| unreadable("an index without its projection"))?;
    match projection.projection_type {
        Some(sdk::ProjectionType::All) => Ok(Projection::All),
        Some(sdk::ProjectionType::KeysOnly) => Ok(Projection::KeysOnly),
        Some(sdk::ProjectionType::Include) => Ok(Projection::Include {
            non_key_attributes: projection
                .non_key_attributes
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }),
        _ => Err(unreadable("an index of an unknown projection")),
    }
}

fn region_of(arn: Option<&str>) -> Option<&str> {
    arn?.split(':').nth(3)
}

/// AWS counts in signed numbers.
pub(super) fn limit_to(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}
