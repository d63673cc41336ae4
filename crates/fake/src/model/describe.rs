//! What DescribeTable tells of a table, seen from one region at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::Elapsed;
use crate::model::index::{FakeIndex, KeyPart, Units};
use crate::model::items::size;
use crate::model::life::IndexPhase;
use crate::model::table::{Billing, FakeTable, RegionSeat};

/// From where and when a table is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Vantage<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) at: Elapsed,
    /// What POSIX's clock showed when the fake began.
    pub(crate) epoch: f64,
    /// When items were counted last.
    pub(crate) counted: Elapsed,
}

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn table_description(table: &FakeTable, view: Vantage<'_>) -> Value {
    let Vantage { account, region, at, .. } = view;
    let arn = arn(table, account, region);
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("AttributeDefinitions", attributes(table, region, at));
    tell("TableName", json!(table.name));
    tell("KeySchema", table.keys.iter().map(KeyPart::json).collect());
    tell("TableStatus", json!(table.status(region, at)));
    tell("CreationDateTime", json!(view.epoch + table.creation.0.as_secs_f64() - before(table)));
    tell(
        "ProvisionedThroughput",
        units(table.billing.at(at), table.units.at(at), &table.decreases, at),
    );
    let (items, bytes) = table.counts.unwrap_or_else(|| table.counted.at(at));
    tell("TableSizeBytes", json!(bytes));
    tell("ItemCount", json!(items));
    tell("TableArn", json!(arn));
    tell("TableId", json!(table.id));
    if table.billing.at(at) == Billing::OnDemand {
        tell("BillingModeSummary", json!({ "BillingMode": "PAY_PER_REQUEST" }));
    }
    tell("WarmThroughput", warm(table.billing.at(at), table.units.at(at), None));
    tell("DeletionProtectionEnabled", json!(false));
    let shown = table.indexes.iter().filter(|index| index.phase(region, at).is_shown());
    let (vectors, globals): (Vec<_>, Vec<_>) = shown.partition(|index| index.is_vector);
    let describe = |index: &&FakeIndex| index_description(index, table, &arn, view);
    if !globals.is_empty() || table.is_global(at) {
        tell("GlobalSecondaryIndexes", globals.iter().map(describe).collect());
    }
    if !vectors.is_empty() {
        tell("VectorIndexes", vectors.iter().map(describe).collect());
    }
    for (member, value) in trouble(table, region, view) {
        tell(member, value);
    }
    if table.is_global(at) {
        tell("GlobalTableVersion", json!("2019.11.21"));
        tell("Replicas", replicas(table, region, at));
        tell(
            "StreamSpecification",
            json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" }),
        );
    }
    told.extend(table.members.clone());
    Value::Object(told)
}

/// What stands beside the status of a table whose key is lost, or was for too long.
fn trouble(table: &FakeTable, region: &str, view: Vantage<'_>) -> Vec<(&'static str, Value)> {
    let seat = table.seat(region, view.at);
    let since = seat.map_or(view.at, |seat| seat.status.since(view.at));
    let when = view.epoch + since.as_secs_f64();
    let key = format!("arn:{}:kms:{region}:{}:key/fake", partition(region), view.account);
    match &*table.status(region, view.at) {
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => {
            let told = json!({
                "Status": "ENABLED",
                "SSEType": "KMS",
                "KMSMasterKeyArn": key,
                "InaccessibleEncryptionDateTime": when,
            });
            vec![("SSEDescription", told)]
        }
        "ARCHIVING" | "ARCHIVED" => {
            let reason = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";
            let told = json!({ "ArchivalDateTime": when, "ArchivalReason": reason });
            vec![("ArchivalSummary", told)]
        }
        _ => Vec::new(),
    }
}

/// Those that were there from the beginning are a year old.
fn before(table: &FakeTable) -> f64 {
    let old = table.creation.1 == Elapsed::ZERO;
    if old { 365.0 * DAY.as_secs_f64() } else { 0.0 }
}

pub(crate) fn arn(table: &FakeTable, account: &str, region: &str) -> String {
    let account = table.account.as_deref().unwrap_or(account);
    format!("arn:{}:dynamodb:{region}:{account}:table/{}", partition(region), table.name)
}

fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Those of the table's keys, and of the indexes that are there: unused ones go by
/// themselves.
fn attributes(table: &FakeTable, region: &str, at: Elapsed) -> Value {
    let there = table.indexes.iter().filter(|index| index.phase(region, at).is_there());
    let keys = table.keys.iter().chain(there.flat_map(|index| &index.keys));
    let types: BTreeMap<_, _> = keys.map(|key| (&key.name, &key.scalar)).collect();
    types
        .iter()
        .map(|(name, scalar)| json!({ "AttributeName": name, "AttributeType": scalar }))
        .collect()
}

fn units(billing: Billing, units: Units, decreases: &[Elapsed], at: Elapsed) -> Value {
    let shown = if billing == Billing::Provisioned { units } else { Units::default() };
    json!({
        "NumberOfDecreasesToday": decreases_today(decreases, at).count(),
        "ReadCapacityUnits": shown.read,
        "WriteCapacityUnits": shown.write,
    })
}

/// Those of the last 24 hours. (AWS counts by UTC days.)
pub(crate) fn decreases_today(
    decreases: &[Elapsed],
    at: Elapsed,
) -> impl Iterator<Item = &Elapsed> {
    decreases.iter().filter(move |when| **when <= at && at < **when + DAY)
}

/// It is always told: what an index was given, what AWS computed, or what every one has.
fn warm(billing: Billing, units: Units, own: Option<Units>) -> Value {
    let usual = match billing {
        Billing::OnDemand => Units { read: 12_000, write: 4_000 },
        Billing::Provisioned => units,
    };
    let shown = own.unwrap_or(usual);
    json!({ "ReadUnitsPerSecond": shown.read, "WriteUnitsPerSecond": shown.write, "Status": "ACTIVE" })
}

fn index_description(index: &FakeIndex, table: &FakeTable, arn: &str, view: Vantage<'_>) -> Value {
    let at = view.at;
    let phase = index.phase(view.region, at);
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("IndexName", json!(index.name));
    if !index.keys.is_empty() {
        tell("KeySchema", index.keys.iter().map(KeyPart::json).collect());
    }
    tell("Projection", index.projection.clone());
    tell("IndexStatus", json!(status(phase, index.is_changing(at))));
    match phase {
        IndexPhase::Allocating => drop(tell("Backfilling", json!(false))),
        IndexPhase::Backfilling => drop(tell("Backfilling", json!(true))),
        _ => {}
    }
    if !index.is_vector {
        let billing = table.billing.at(at);
        tell("ProvisionedThroughput", units(billing, index.units.at(at), &index.decreases, at));
        if let Some(on_demand) = &index.on_demand {
            tell("OnDemandThroughput", on_demand.clone());
        }
        tell("WarmThroughput", warm(billing, index.units.at(at), index.warm));
    }
    let (items, bytes) = held(index, table, view);
    tell("IndexSizeBytes", json!(bytes));
    tell("ItemCount", json!(items));
    tell("IndexArn", json!(format!("{arn}/index/{}", index.name)));
    told.extend(index.members.clone());
    Value::Object(told)
}

/// What the index held when it was counted last. One that was built since holds nothing
/// by that count.
fn held(index: &FakeIndex, table: &FakeTable, view: Vantage<'_>) -> (usize, usize) {
    let life = index.lives.get(view.region);
    let counted = life.and_then(|life| life.active).is_some_and(|active| active <= view.counted);
    if !counted {
        return (0, 0);
    }
    let held = table.store.items.values().filter(|item| index.holds(item));
    let sizes = held.map(|item| size::of_item(&index.projected(item, &table.keys)));
    sizes.fold((0, 0), |(items, bytes), size| (items + 1, bytes + size))
}

fn status(phase: IndexPhase, changing: bool) -> &'static str {
    match phase {
        IndexPhase::Deleting => "DELETING",
        _ if changing => "UPDATING",
        IndexPhase::Active => "ACTIVE",
        _ => "CREATING",
    }
}

/// The other regions. An index stands there by its name alone, without a status: only a
/// description in that region tells whether it is ready.
fn replicas(table: &FakeTable, region: &str, at: Elapsed) -> Value {
    let others = table.seats.iter().filter(|seat| seat.is_there(at) && seat.region != region);
    let replica = |seat: &RegionSeat| {
        let seen = |index: &&FakeIndex| {
            !index.is_vector && [region, &seat.region].iter().all(|r| index.phase(r, at).is_shown())
        };
        let indexes = table.indexes.iter().filter(seen).map(|i| json!({ "IndexName": i.name }));
        json!({
            "RegionName": seat.region,
            "ReplicaStatus": seat.replica_status(at),
            "GlobalSecondaryIndexes": indexes.collect::<Value>(),
        })
    };
    others.map(replica).collect()
}
