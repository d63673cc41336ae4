//! What stands between the definitions and DynamoDB: (Definitions, Catalog, State) -> Plan.
//!
//! [`judge`] is the one place where a description is held against a definition;
//! the plan asks it before anything is called, the engine asks it again with
//! every description of the run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::catalog::{BillingMode, Catalog, IndexStatus, Sighting, TableDescription, TableStatus};
use crate::definition::{Definitions, IndexDefinition, Place, ScalarType};
use crate::name::{IndexId, IndexName, TableName};
use crate::state::{Entry, State, Status};
use crate::time::Timestamp;

/// Indexes a table may have unless AWS raised the quota
/// ([quotas](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html)).
pub const INDEX_QUOTA: usize = 20;

/// What a description shows of one wanted index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Active, not backfilling, same definition, in every replica.
    Ready,
    /// Being built with the same definition.
    Building {
        /// The second phase.
        backfilling: bool,
    },
    /// An index of that name is going away.
    Deleting,
    /// No index of that name, and nothing stands in the way of one.
    Absent,
    /// It cannot be created as things are.
    Obstacle(Obstacle),
}

/// What keeps an index from being created, found before any call is made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The base table does not exist.
    NoTable,
    /// The table is in no state to be changed, such as ARCHIVED.
    TableUnusable(TableStatus),
    /// These credentials may not describe the table.
    Denied(String),
    /// The name is taken by an index with other keys or another projection.
    Conflict {
        /// The schema of the definition.
        wanted: String,
        /// The schema in DynamoDB.
        found: String,
        /// Each difference.
        differences: Vec<String>,
    },
    /// The table uses a key attribute with another type.
    AttributeType {
        /// The attribute.
        attribute: String,
        /// In the definition.
        wanted: ScalarType,
        /// In the table.
        found: ScalarType,
        /// Where the definition names it.
        place: Place,
    },
    /// Neither the definition nor the table says what type a key attribute has.
    AttributeUndefined {
        /// The attribute.
        attribute: String,
        /// Where the definition names it.
        place: Place,
    },
    /// The table has as many indexes as it may have.
    Quota(Vec<IndexName>),
    /// A Local Secondary Index has that name.
    LocalIndex,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => write!(f, "the table does not exist"),
            Self::TableUnusable(status) => write!(f, "the table is {status}"),
            Self::Denied(message) => write!(f, "the table cannot be described: {message}"),
            Self::Conflict { wanted, found, differences } => write!(
                f,
                "an index of that name exists with another definition ({}); wanted: {wanted}; exists: {found}",
                differences.join(", ")
            ),
            Self::AttributeType { attribute, wanted, found, place } => write!(
                f,
                "{place}: attribute {attribute} is of type {wanted:?} here and of type {found:?} in the table"
            ),
            Self::AttributeUndefined { attribute, place } => write!(
                f,
                "{place}: neither AttributeDefinitions nor the table gives the type of {attribute}"
            ),
            Self::Quota(indexes) => {
                let names: Vec<_> = indexes.iter().map(IndexName::as_str).collect();
                write!(f, "the table has {} indexes already: {}", names.len(), names.join(", "))
            }
            Self::LocalIndex => write!(f, "a local secondary index has that name"),
        }
    }
}

impl Obstacle {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoTable => "create the table, or correct its name, the region or the endpoint",
            Self::TableUnusable(_) => "bring the table back to ACTIVE",
            Self::Denied(_) => "allow dynamodb:DescribeTable on the table for these credentials",
            Self::Conflict { .. } => {
                "DynamoDB cannot change an index's keys or projection: choose another IndexName, or delete the index first"
            }
            Self::AttributeType { .. } => "give the attribute the type that the table uses",
            Self::AttributeUndefined { .. } => "add the attribute to AttributeDefinitions",
            Self::Quota(_) => "delete an index that nobody uses, or ask AWS for a higher quota",
            Self::LocalIndex => "choose another IndexName",
        }
    }
}

/// Holds a definition against what was seen of its table.
#[must_use]
pub fn judge(definition: &IndexDefinition, sighting: &Sighting) -> Finding {
    match sighting {
        Sighting::Missing => Finding::Obstacle(Obstacle::NoTable),
        Sighting::Denied(message) => Finding::Obstacle(Obstacle::Denied(message.clone())),
        Sighting::Found(table) => judge_table(definition, table),
    }
}

fn judge_table(definition: &IndexDefinition, table: &TableDescription) -> Finding {
    if let TableStatus::Other(_) = table.status {
        return Finding::Obstacle(Obstacle::TableUnusable(table.status.clone()));
    }
    let Some(index) = table.index(&definition.id.index) else {
        return obstacle_to_create(definition, table).map_or(Finding::Absent, Finding::Obstacle);
    };
    if index.status == IndexStatus::Deleting {
        return Finding::Deleting;
    }
    let differences = definition.differences(&table.attributes, index);
    if !differences.is_empty() {
        return Finding::Obstacle(Obstacle::Conflict {
            wanted: definition.schema_text(),
            found: index.schema_text(&table.attributes),
            differences,
        });
    }
    if index.is_ready() && replicas_are_ready(table, &index.name) {
        return Finding::Ready;
    }
    Finding::Building { backfilling: index.backfilling || index.is_ready() }
}

/// On a global table the index is built in every replica.
pub(crate) fn replicas_are_ready(table: &TableDescription, index: &IndexName) -> bool {
    table.replicas.iter().all(|replica| {
        let busy = matches!(replica.status.as_str(), "CREATING" | "UPDATING");
        let status = replica.indexes.get(index).and_then(Option::as_ref);
        !busy && !matches!(status, Some(IndexStatus::Creating))
    })
}

fn obstacle_to_create(definition: &IndexDefinition, table: &TableDescription) -> Option<Obstacle> {
    if table.local_indexes.contains(&definition.id.index) {
        return Some(Obstacle::LocalIndex);
    }
    let keys = definition.key_schema.iter().zip(&definition.key_places);
    for (key, place) in keys {
        let attribute = key.attribute_name.clone();
        let wanted = definition.attributes.get(&attribute).copied();
        match (wanted, table.attributes.get(&attribute).copied()) {
            (Some(wanted), Some(found)) if wanted != found => {
                let place = place.clone();
                return Some(Obstacle::AttributeType { attribute, wanted, found, place });
            }
            (None, None) => {
                return Some(Obstacle::AttributeUndefined { attribute, place: place.clone() });
            }
            _ => {}
        }
    }
    let staying = table.indexes.iter().filter(|i| i.status != IndexStatus::Deleting);
    let names: Vec<_> = staying.map(|i| i.name.clone()).collect();
    (names.len() >= INDEX_QUOTA).then_some(Obstacle::Quota(names))
}

/// What a run does about one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create it.
    Create,
    /// It is being built: wait for it.
    Adopt,
    /// Wait until an index of that name is deleted, then create it.
    Recreate,
    /// It is active: nothing.
    Keep,
    /// Something is in the way.
    Obstructed,
    /// It failed before; without `--retry-failed` it is not started.
    LeaveFailed,
    /// `--retry-failed` starts failed ones only.
    LeaveOther,
}

/// One index of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedIndex {
    /// What is wanted.
    pub definition: IndexDefinition,
    /// What was seen.
    pub finding: Finding,
    /// What follows.
    pub action: Action,
    /// Whether this run may create it at all, whatever later descriptions show.
    pub may_start: bool,
}

/// One table of the plan, with its indexes in definition order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePlan {
    /// The table.
    pub table: TableName,
    /// What was seen of it.
    pub sighting: Sighting,
    /// When that was asked.
    pub asked_at: Timestamp,
    /// Its indexes.
    pub indexes: Vec<PlannedIndex>,
}

/// What a run will do, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By table, in definition order.
    pub tables: Vec<TablePlan>,
}

impl Plan {
    /// All its indexes, in order of tables.
    pub fn indexes(&self) -> impl Iterator<Item = &PlannedIndex> {
        self.tables.iter().flat_map(|t| &t.indexes)
    }

    /// True where every index is active already: nothing is to be done or recorded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.indexes().all(|i| i.action == Action::Keep)
    }
}

/// Which indexes a run is about. Empty lists let everything through; where both
/// are given, both must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--table`, repeatable.
    pub tables: Vec<TableName>,
    /// `--index`, repeatable.
    pub indexes: Vec<IndexName>,
}

impl Selection {
    /// Whether the run is about this index.
    #[must_use]
    pub fn admits(&self, definition: &IndexDefinition) -> bool {
        self.admits_id(&definition.id)
    }

    /// The same, by its name.
    #[must_use]
    pub fn admits_id(&self, id: &IndexId) -> bool {
        (self.tables.is_empty() || self.tables.contains(&id.table))
            && (self.indexes.is_empty() || self.indexes.contains(&id.index))
    }

    /// The names that no definition has.
    #[must_use]
    pub fn unknown(&self, definitions: &Definitions) -> Vec<String> {
        let ids = || definitions.indexes.iter().map(|d| &d.id);
        let tables = self.tables.iter().filter(|t| ids().all(|id| id.table != **t));
        let indexes = self.indexes.iter().filter(|i| ids().all(|id| id.index != **i));
        tables.map(ToString::to_string).chain(indexes.map(ToString::to_string)).collect()
    }
}

/// Works out what a run does. `retry_failed` starts the failed ones and only those.
#[must_use]
pub fn plan(
    definitions: &Definitions,
    catalog: &Catalog,
    state: &State,
    selection: &Selection,
    retry_failed: bool,
) -> Plan {
    let mut order: Vec<TableName> = Vec::new();
    let mut by_table: BTreeMap<TableName, Vec<PlannedIndex>> = BTreeMap::new();
    for definition in definitions.indexes.iter().filter(|d| selection.admits(d)) {
        let Some((_, sighting)) = catalog.get(&definition.id.table) else {
            continue;
        };
        let failed = state.entry(&definition.id).map(Entry::status) == Some(Status::Failed);
        let planned = plan_index(definition, sighting, failed, retry_failed);
        let indexes = by_table.entry(definition.id.table.clone()).or_insert_with(|| {
            order.push(definition.id.table.clone());
            Vec::new()
        });
        indexes.push(planned);
    }
    let tables = order.into_iter().filter_map(|table| {
        let (asked_at, sighting) = catalog.get(&table)?;
        let indexes = by_table.remove(&table)?;
        Some(TablePlan { table, sighting: sighting.clone(), asked_at, indexes })
    });
    Plan { tables: tables.collect() }
}

fn plan_index(
    definition: &IndexDefinition,
    sighting: &Sighting,
    failed: bool,
    retry_failed: bool,
) -> PlannedIndex {
    let finding = judge(definition, sighting);
    let may_start = failed == retry_failed;
    let leave = if failed { Action::LeaveFailed } else { Action::LeaveOther };
    let action = match &finding {
        Finding::Ready => Action::Keep,
        Finding::Building { .. } => Action::Adopt,
        Finding::Obstacle(_) => Action::Obstructed,
        Finding::Absent | Finding::Deleting if !may_start => leave,
        Finding::Absent => Action::Create,
        Finding::Deleting => Action::Recreate,
    };
    PlannedIndex { definition: definition.clone(), finding, action, may_start }
}

/// Roughly how long DynamoDB will take to build an index on this table. Only the
/// order of the tables rests on it.
///
/// Even an empty table takes about nine minutes (captured). A backfill writes
/// items x max(average KB, 1) units; a PROVISIONED index has its own write
/// capacity, an on-demand one begins with some 4,000 units a second.
#[must_use]
pub fn build_estimate(definition: &IndexDefinition, table: &TableDescription) -> Duration {
    const EMPTY: Duration = Duration::from_secs(540);
    const ON_DEMAND_WRITE_UNITS: u64 = 4_000;
    let items = table.item_count.unwrap_or(0);
    let units = items.max(table.size_bytes.unwrap_or(0) / 1_024);
    let own = definition.provisioned_throughput.or(table.provisioned_throughput);
    let capacity = match (table.billing_mode, own) {
        (BillingMode::Provisioned, Some(own)) => own.write_capacity_units.max(1),
        _ => ON_DEMAND_WRITE_UNITS,
    };
    EMPTY + Duration::from_secs(units / capacity)
}
