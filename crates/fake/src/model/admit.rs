//! Whether an UpdateTable that creates or deletes an index is taken, and AWS's words
//! where it is not.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::index::FakeIndex;
use crate::model::life::IndexPhase;
use crate::model::settings::ServiceLimits;
use crate::model::table::{Billing, FakeTable};
use crate::model::tables::scalar;
use crate::model::{list, text};
use crate::refusal::{
    AwsRefusal, in_use, in_use_without_details, invalid, invalid_value, no_index, over_limit,
    slot_taken,
};

/// Key attributes of one kind that an index may have.
const KEYS_OF_A_KIND: usize = 4;

/// Whether the table as a whole may be changed now. A global table says the same
/// whatever it is busy with; another one only that it is made, changed or deleted.
pub(crate) fn table_is_free(
    table: &FakeTable,
    region: &str,
    now: Elapsed,
) -> Result<(), AwsRefusal> {
    let name = &table.name;
    let status = table.status(region, now);
    match &*status {
        "CREATING" => return Err(in_use(format!("Table is being created: {name}"))),
        "DELETING" => return Err(in_use(format!("Table is being deleted: {name}"))),
        "ACTIVE" | "UPDATING" => {}
        other => return Err(in_use(format!("Table is in {other} status: {name}"))),
    }
    let of_index = table.indexes.iter().any(|i| i.is_in_flight(now) || i.is_changing(now));
    if table.is_global(now) && (of_index || table.is_busy(now) || table.replicas_change(now)) {
        return Err(in_use_without_details());
    }
    if table.is_busy(now) {
        return Err(in_use(format!("Table is being updated: {name}")));
    }
    Ok(())
}

/// Whether the request itself makes sense for this table, in whatever state it is.
pub(crate) fn create_is_sound(
    table: &FakeTable,
    create: &Value,
    body: &Value,
    now: Elapsed,
) -> Result<(), AwsRefusal> {
    let keys = list(create, "KeySchema");
    let defined: Vec<_> =
        list(body, "AttributeDefinitions").iter().map(|d| text(d, "AttributeName")).collect();
    let wanted: Vec<_> = keys.iter().map(|key| text(key, "AttributeName")).collect();
    // Even those that the table defines already.
    if wanted.iter().any(|key| !defined.contains(key)) {
        return Err(invalid_value(format!(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], \
             AttributeDefinitions: [{}]",
            wanted.join(", "),
            defined.join(", ")
        )));
    }
    for (role, words) in [("HASH", "partition"), ("RANGE", "sort")] {
        let found = keys.iter().filter(|key| text(key, "KeyType") == role).count();
        if found > KEYS_OF_A_KIND {
            return Err(invalid_value(format!(
                "Too many {words} keys. GSI can have at most {KEYS_OF_A_KIND} {words} keys"
            )));
        }
    }
    let redefined = |name: &&str| {
        let others = table.indexes.iter().filter(|index| index.is_there(now));
        let mut known = others.flat_map(|index| &index.keys).chain(&table.keys);
        known.any(|key| key.name == **name && key.scalar != scalar(body, name))
    };
    if defined.iter().any(redefined) {
        let message = "invalid attribute, SchemaElement redefined should be of same type as \
                       previously defined";
        return Err(invalid(message));
    }
    Ok(())
}

/// Whether the table's indexes leave room for one more of that name now.
pub(crate) fn create(
    table: &FakeTable,
    region: &str,
    index: &FakeIndex,
    limits: &ServiceLimits,
    now: Elapsed,
) -> Result<(), AwsRefusal> {
    let name = &index.name;
    let mut there = table.indexes.iter().filter(|index| index.is_there(now));
    if let Some(same) = there.clone().find(|i| i.name == *name) {
        let busy = |what: &str| {
            in_use(format!("Index is being {what}. Table: {} Index: {name}", table.name))
        };
        return Err(match same.phase(region, now) {
            IndexPhase::Deleting => busy("deleted"),
            IndexPhase::Active if same.is_changing(now) => busy("updated"),
            IndexPhase::Active => invalid("Attempting to create an index which already exists"),
            _ => busy("created"),
        });
    }
    let local = table.members.get("LocalSecondaryIndexes").and_then(Value::as_array);
    if local.is_some_and(|local| local.iter().any(|l| text(l, "IndexName") == name)) {
        return Err(invalid("Attempting to create an index which already exists"));
    }
    if there.clone().any(|index| index.is_in_flight(now)) {
        return Err(slot_taken());
    }
    if let Some(changing) = there.find(|index| index.is_changing(now)) {
        return Err(being_updated(table, changing));
    }
    room(table, index, limits, now)
}

fn room(
    table: &FakeTable,
    index: &FakeIndex,
    limits: &ServiceLimits,
    now: Elapsed,
) -> Result<(), AwsRefusal> {
    let alike = table.indexes.iter().filter(|i| i.is_there(now) && i.is_vector == index.is_vector);
    let (kind, limit) = if index.is_vector {
        ("vector indexes", limits.vector_indexes_per_table)
    } else {
        ("global secondary indexes", limits.indexes_per_table)
    };
    if alike.count() >= limit {
        return Err(over_limit(format!("Number of {kind} exceeds per-table limit of {limit}")));
    }
    let projected = |index: &FakeIndex| list(&index.projection, "NonKeyAttributes").len();
    let there = table.indexes.iter().filter(|index| index.is_there(now));
    let sum = there.map(projected).sum::<usize>() + projected(index);
    if sum > limits.projected_attributes {
        return Err(invalid_value(format!(
            "Number of projected attributes over all indexes of the table, {sum}, exceeds {}",
            limits.projected_attributes
        )));
    }
    Ok(())
}

fn being_updated(table: &FakeTable, index: &FakeIndex) -> AwsRefusal {
    in_use(format!("Index is being updated. Table: {} Index: {}", table.name, index.name))
}

/// On a provisioned global table any index without write autoscaling stands in the way
/// of every change, and the text does not name it.
pub(crate) fn writes_scale(table: &FakeTable, now: Elapsed) -> Result<(), AwsRefusal> {
    let mut there = table.indexes.iter().filter(|i| !i.is_vector && i.is_there(now));
    let concerned = table.is_global(now) && table.billing.at(now) == Billing::Provisioned;
    if concerned && there.any(|index| !index.autoscaled_writes) {
        return Err(invalid("GSI write capacity should either be Pay-Per-Request or AutoScaled."));
    }
    Ok(())
}

/// Whether that index may be deleted now. One that is being built may be from its
/// backfill on.
pub(crate) fn delete(
    table: &FakeTable,
    region: &str,
    name: &str,
    now: Elapsed,
) -> Result<usize, AwsRefusal> {
    let place = table.indexes.iter().position(|i| i.name == name && i.is_there(now));
    let place = place.ok_or_else(|| no_index(&table.name, name))?;
    let index = &table.indexes[place];
    match index.phase(region, now) {
        IndexPhase::Deleting => {
            return Err(in_use(format!(
                "Index is being deleted. Table: {} Index: {name}",
                table.name
            )));
        }
        IndexPhase::Allocating | IndexPhase::Hidden => {
            return Err(in_use(format!(
                "Index creation is in resource allocation phase. Retry deletion during \
                 backfilling phase or when the index is active. Table: {} Index: {name}",
                table.name
            )));
        }
        _ => {}
    }
    if index.is_changing(now) {
        return Err(being_updated(table, index));
    }
    let others = table.indexes.iter().filter(|i| i.name != name);
    if others.into_iter().any(|i| i.is_in_flight(now)) {
        return Err(slot_taken());
    }
    Ok(place)
}

/// What a new index is given that the request did not ask for.
pub(crate) fn complete(index: &mut FakeIndex, table: &FakeTable, now: Elapsed) {
    // AWS registers write autoscaling by itself there, in every region.
    index.autoscaled_writes = table.is_global(now) && table.billing.at(now) == Billing::Provisioned;
    if index.projection.is_null() {
        index.projection = json!({ "ProjectionType": "ALL" });
    }
}
