//! How an index of the embedded engine comes and goes as in DynamoDB.
//!
//! The engine has a new index ready in the answer that creates it and takes
//! requests that DynamoDB refuses (docs/dynamodb.md: dynoxide-active). Here are the phases and the refusals, as
//! functions of what is stored and of the time. A phase is *derived* from
//! instants that were fixed when the index was created, never advanced by being
//! looked at, so two processes always agree and a killed one loses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{CallError, CreateIndex};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, TableDescription, TableStatus,
};
use gsictl_core::definition::{
    KeyElement, OnDemandThroughput, Projection, ProvisionedThroughput, ScalarType, WarmThroughput,
};
use gsictl_core::name::IndexName;
use gsictl_core::plan::INDEX_QUOTA;
use gsictl_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How long the phases last in the embedded engine. They are fixed for an index
/// when its create or delete is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalDurations {
    /// Table UPDATING, index CREATING.
    pub allocation: Duration,
    /// Table ACTIVE, index CREATING and backfilling.
    pub backfill: Duration,
    /// Index DELETING.
    pub deletion: Duration,
}

impl LocalDurations {
    /// For a build of `seconds` in all, at most a day: a fifth of it allocation,
    /// the rest backfill, and a fifth of that time for a deletion. What is no
    /// time (below zero, not a number) is none.
    #[must_use]
    pub fn of_build(seconds: f64) -> Self {
        const DAY: f64 = 86_400.0;
        let whole = Duration::from_secs_f64(seconds.clamp(0.0, DAY).max(0.0));
        let allocation = whole / 5;
        Self { allocation, backfill: whole.saturating_sub(allocation), deletion: allocation }
    }

    /// From the create to ACTIVE.
    #[must_use]
    pub fn build(&self) -> Duration {
        self.allocation + self.backfill
    }
}

impl Default for LocalDurations {
    /// A pace one can watch: four seconds where DynamoDB takes ten minutes.
    fn default() -> Self {
        Self::of_build(4.0)
    }
}

/// What is kept of an index beside the engine's own metadata: the instants of its
/// phases, what the engine does not keep, and what to show while it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) index: IndexName,
    /// Of the table it belongs to; one made again under the same name has another.
    pub(super) table_id: Option<String>,
    allocated_at: Timestamp,
    active_at: Timestamp,
    gone_at: Option<Timestamp>,
    key_schema: Vec<KeyElement>,
    projection: Projection,
    attributes: BTreeMap<String, ScalarType>,
    provisioned_throughput: Option<ProvisionedThroughput>,
    on_demand_throughput: Option<OnDemandThroughput>,
    warm_throughput: Option<WarmThroughput>,
}

/// Where an index is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Allocating,
    Backfilling,
    Active,
    Deleting,
    Gone,
}

impl Record {
    /// An index whose create is accepted `now`.
    pub(super) fn of_create(
        create: &CreateIndex,
        table_id: Option<String>,
        now: Timestamp,
        durations: LocalDurations,
    ) -> Self {
        Self {
            index: create.index.clone(),
            table_id,
            allocated_at: now + durations.allocation,
            active_at: now + durations.build(),
            gone_at: None,
            key_schema: create.key_schema.clone(),
            projection: create.projection.clone(),
            attributes: create.attributes.clone(),
            provisioned_throughput: create.provisioned_throughput,
            on_demand_throughput: create.on_demand_throughput,
            warm_throughput: create.warm_throughput,
        }
    }

    /// An index whose delete is accepted `now`, as `table` shows it.
    pub(super) fn of_delete(
        index: &IndexDescription,
        table: &TableDescription,
        now: Timestamp,
        durations: LocalDurations,
    ) -> Self {
        let typed = |key: &KeyElement| {
            let scalar = table.attributes.get(&key.attribute_name)?;
            Some((key.attribute_name.clone(), *scalar))
        };
        Self {
            index: index.name.clone(),
            table_id: table.table_id.clone(),
            allocated_at: now,
            active_at: now,
            gone_at: Some(now + durations.deletion),
            key_schema: index.key_schema.clone(),
            projection: index.projection.clone(),
            attributes: index.key_schema.iter().filter_map(typed).collect(),
            provisioned_throughput: index.provisioned_throughput,
            on_demand_throughput: index.on_demand_throughput,
            warm_throughput: index.warm_throughput,
        }
    }

    pub(super) fn phase(&self, now: Timestamp) -> Phase {
        match self.gone_at {
            Some(gone_at) if now >= gone_at => Phase::Gone,
            Some(_) => Phase::Deleting,
            None if now < self.allocated_at => Phase::Allocating,
            None if now < self.active_at => Phase::Backfilling,
            None => Phase::Active,
        }
    }

    fn description(&self, phase: Phase) -> IndexDescription {
        IndexDescription {
            name: self.index.clone(),
            status: match phase {
                Phase::Allocating | Phase::Backfilling => IndexStatus::Creating,
                Phase::Active => IndexStatus::Active,
                Phase::Deleting | Phase::Gone => IndexStatus::Deleting,
            },
            backfilling: phase == Phase::Backfilling,
            key_schema: self.key_schema.clone(),
            projection: self.projection.clone(),
            provisioned_throughput: self.provisioned_throughput,
            on_demand_throughput: self.on_demand_throughput,
            warm_throughput: self.warm_throughput,
            item_count: None,
            size_bytes: None,
        }
    }
}

/// Shows `table`, as the engine has it, the way DynamoDB would `now`.
///
/// A record of an index that the engine does not have is one of a create that
/// never happened (the process was killed before), and shows nothing.
pub(super) fn overlay(table: &mut TableDescription, records: &[Record], now: Timestamp) {
    for record in records.iter().filter(|r| r.table_id == table.table_id) {
        let phase = record.phase(now);
        let place = table.indexes.iter().position(|i| i.name == record.index);
        match (phase, place) {
            (Phase::Gone, Some(place)) => {
                table.indexes.remove(place);
            }
            (Phase::Deleting, None) => table.indexes.push(record.description(phase)),
            (_, Some(place)) => table.indexes[place] = record.description(phase),
            (_, None) => {}
        }
        if phase == Phase::Deleting {
            for (name, scalar) in &record.attributes {
                table.attributes.entry(name.clone()).or_insert(*scalar);
            }
        }
        if phase == Phase::Deleting || (phase == Phase::Allocating && place.is_some()) {
            table.status = TableStatus::Updating;
        }
    }
}

/// Whether DynamoDB would query this index, by `table` as it is shown now. One that
/// is not there is the engine's to refuse.
///
/// # Errors
/// AWS's answers.
pub(super) fn admit_query(table: &TableDescription, name: &IndexName) -> Result<(), CallError> {
    let refuse = |message: String| Err(refusal("ValidationException", &message));
    match table.index(name).map(|index| (&index.status, index.is_ready())) {
        Some((IndexStatus::Deleting, _)) => {
            refuse(format!("The table does not have the specified index: {name}"))
        }
        Some((_, false)) => {
            refuse(format!("Cannot read from backfilling global secondary index: {name}"))
        }
        _ => Ok(()),
    }
}

/// Whether DynamoDB would take this create, by `table` as it is shown now.
///
/// # Errors
/// DynamoDB's answer. The texts are those of DynamoDB Local 3.3.1 and of AWS.
pub(super) fn admit_create(
    table: &TableDescription,
    create: &CreateIndex,
) -> Result<(), CallError> {
    check_attributes(table, create)?;
    check_throughput(table, create)?;
    if let Some(index) = table.index(&create.index) {
        return Err(match (&index.status, index.is_in_flight()) {
            (IndexStatus::Deleting, _) => in_use("Index is being deleted."),
            (_, true) => in_use("Index is being created."),
            (_, false) => index_exists(),
        });
    }
    if table.local_indexes.contains(&create.index) || table.vector_index(&create.index).is_some() {
        return Err(index_exists());
    }
    if table.indexes.iter().any(IndexDescription::is_in_flight) {
        return Err(slot_taken());
    }
    if table.indexes.len() >= INDEX_QUOTA {
        return Err(refusal(
            "LimitExceededException",
            "Number of global secondary indexes exceeds per-table limit",
        ));
    }
    Ok(())
}

/// Whether DynamoDB would take this delete, by `table` as it is shown now.
///
/// # Errors
/// DynamoDB's answer.
pub(super) fn admit_delete(table: &TableDescription, name: &IndexName) -> Result<(), CallError> {
    let Some(index) = table.index(name) else {
        return Err(refusal("ResourceNotFoundException", "Requested resource not found"));
    };
    match index.status {
        IndexStatus::Deleting => return Err(in_use("Index is being deleted.")),
        IndexStatus::Creating if !index.backfilling => {
            return Err(in_use(&format!(
                "Index creation is in resource allocation phase. Retry deletion during \
                 backfilling phase or when the index is active. Table: {} Index: {name}",
                table.name
            )));
        }
        _ => {}
    }
    let others = table.indexes.iter().filter(|i| i.name != *name);
    if others.into_iter().any(IndexDescription::is_in_flight) {
        return Err(slot_taken());
    }
    Ok(())
}

fn check_attributes(table: &TableDescription, create: &CreateIndex) -> Result<(), CallError> {
    if create.attributes.is_empty() {
        return Err(refusal("ValidationException", "No Attribute Schema Defined"));
    }
    for key in &create.key_schema {
        let name = &key.attribute_name;
        if !create.attributes.contains_key(name) {
            let message = format!("Attribute {name} is not defined in AttributeDefinitions");
            return Err(refusal("ValidationException", &message));
        }
    }
    let redefined = |(name, scalar): (&String, &ScalarType)| {
        table.attributes.get(name).is_some_and(|known| known != scalar)
    };
    if create.attributes.iter().any(redefined) {
        return Err(refusal(
            "ValidationException",
            "invalid attribute, SchemaElement redefined should be of same type as previously \
             defined",
        ));
    }
    Ok(())
}

fn check_throughput(table: &TableDescription, create: &CreateIndex) -> Result<(), CallError> {
    let index = &create.index;
    let message = match (table.billing_mode, create.provisioned_throughput) {
        (BillingMode::Provisioned, None) => format!(
            "One or more parameter values were invalid: ProvisionedThroughput must be specified \
             for index: {index}"
        ),
        (BillingMode::PayPerRequest, Some(_)) => format!(
            "One or more parameter values were invalid: ProvisionedThroughput should not be \
             specified for index: {index} when BillingMode is PAY_PER_REQUEST"
        ),
        (BillingMode::Provisioned, _) if create.on_demand_throughput.is_some() => format!(
            "One or more parameter values were invalid: MaxReadRequestUnits for \
             OnDemandThroughput for index: {index} cannot be specified when table BillingMode is \
             PROVISIONED."
        ),
        _ => return Ok(()),
    };
    Err(refusal("ValidationException", &message))
}

fn in_use(what: &str) -> CallError {
    let message = format!("Attempt to change a resource which is still in use: {what}");
    refusal("ResourceInUseException", &message)
}

fn index_exists() -> CallError {
    refusal("ValidationException", "Attempting to create an index which already exists")
}

fn slot_taken() -> CallError {
    refusal(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously \
         per table",
    )
}

/// A refusal in DynamoDB's words, classified as if it had come from there.
pub(super) fn refusal(code: &str, message: &str) -> CallError {
    CallError::from_service(code, message, Some(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_time_is_split_and_nonsense_is_no_time() {
        let four = LocalDurations::default();
        assert_eq!(four.build(), Duration::from_secs(4));
        assert_eq!(four.allocation, Duration::from_millis(800));
        for nonsense in [-1.0, f64::NAN, f64::NEG_INFINITY, 0.0] {
            assert_eq!(LocalDurations::of_build(nonsense).build(), Duration::ZERO);
        }
        let day = Duration::from_secs(86_400);
        assert_eq!(LocalDurations::of_build(f64::INFINITY).build(), day);
    }

    #[test]
    fn a_phase_is_a_function_of_the_time_alone() {
        let at = Timestamp::from_millis;
        let name = IndexName::new("iii").unwrap();
        let record = Record {
            index: name,
            table_id: None,
            allocated_at: at(20),
            active_at: at(100),
            gone_at: None,
            key_schema: Vec::new(),
            projection: Projection::All,
            attributes: BTreeMap::new(),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
        };
        let phases = [19, 20, 99, 100].map(|t| record.phase(at(t)));
        use Phase::{Active, Allocating, Backfilling, Deleting, Gone};
        assert_eq!(phases, [Allocating, Backfilling, Backfilling, Active]);
        let deleted = Record { gone_at: Some(at(200)), ..record };
        assert_eq!([199, 200].map(|t| deleted.phase(at(t))), [Deleting, Gone]);
    }
}
