//! What stands between the definitions and DynamoDB: (Definitions, Catalog, State) -> Plan.
//!
//! [`judge`] is the one place where a description is held against a definition;
//! the plan asks it before anything is called, the engine asks it again with
//! every description of the run.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, IndexStatus, Sighting, TableDescription, TableStatus};
use crate::check::{CheckReport, IndexCheck};
use crate::definition::{Definitions, IndexDefinition};
use crate::look::missing;
use crate::name::{IndexId, IndexName, TableName};
use crate::state::{Entry, State, Status, Target};
use crate::time::Timestamp;

pub mod notes;
mod obstacle;
pub mod outlook;
pub mod permissions;
pub mod preview;
pub mod saved;
pub mod scaling;
pub mod schedule;
#[cfg(test)]
mod tests;
mod throughput;

pub use self::obstacle::{INDEX_QUOTA, Obstacle, PROJECTION_QUOTA};
pub use self::outlook::Outlook;
pub use self::schedule::build_estimate;
pub use self::throughput::{Misfit, Warm};

use self::obstacle::{Room, obstacle_to_create};

/// What a description shows of one wanted index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Active, not backfilling, same definition, in every region of a global table.
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

/// Holds a definition against what was seen of its table.
#[must_use]
pub fn judge(definition: &IndexDefinition, sighting: &Sighting) -> Finding {
    match sighting {
        Sighting::Missing => Finding::Obstacle(Obstacle::NoTable),
        Sighting::Denied(message) => Finding::Obstacle(Obstacle::Denied(message.clone())),
        Sighting::Unreadable(why) => Finding::Obstacle(Obstacle::Unreadable(why.clone())),
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
            wanted: definition.schema_text_on(&table.attributes),
            found: index.schema_text(&table.attributes),
            differences,
        });
    }
    if index.is_ready() && missing(table, &index.name).is_empty() {
        return Finding::Ready;
    }
    Finding::Building { backfilling: index.backfilling || index.is_ready() }
}

/// What a run does about one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    #[serde(rename = "leave")]
    LeaveOther,
}

impl Action {
    /// The index will be made by this run.
    #[must_use]
    pub fn creates(self) -> bool {
        matches!(self, Self::Create | Self::Recreate)
    }

    /// The run waits for a build of the index, its own or another's.
    #[must_use]
    pub fn builds(self) -> bool {
        self.creates() || self == Self::Adopt
    }
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
    /// What no description shows and keeps it from being created all the same.
    pub held_back: Option<Obstacle>,
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

    /// True where nothing is to be begun or waited for: every index is active, or
    /// something keeps it from being created.
    #[must_use]
    pub fn starts_nothing(&self) -> bool {
        !self.indexes().any(|index| index.action.builds())
    }

    /// What was seen of its tables.
    #[must_use]
    pub fn seen(&self) -> Catalog {
        let mut catalog = Catalog::default();
        for TablePlan { table, sighting, asked_at, .. } in &self.tables {
            catalog.insert(table.clone(), *asked_at, sighting.clone());
        }
        catalog
    }

    /// The definitions of what it creates.
    #[must_use]
    pub fn to_create(&self) -> Definitions {
        let created = self.indexes().filter(|index| index.action.creates());
        Definitions { indexes: created.map(|index| index.definition.clone()).collect() }
    }

    /// Creates nothing of what a check found items to break with, or could not check.
    pub fn hold_back(&mut self, check: &CheckReport) {
        let indexes = self.tables.iter_mut().flat_map(|table| &mut table.indexes);
        for index in indexes.filter(|index| index.action.creates()) {
            let obstacle = check.of(&index.definition.id).and_then(IndexCheck::obstacle);
            if let Some(obstacle) = obstacle {
                index.held_back = Some(obstacle.clone());
                index.finding = Finding::Obstacle(obstacle);
                index.action = Action::Obstructed;
            }
        }
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
    pub fn admits(&self, id: &IndexId) -> bool {
        (self.tables.is_empty() || self.tables.contains(&id.table))
            && (self.indexes.is_empty() || self.indexes.contains(&id.index))
    }

    /// The same with each table as one of `tables`, where that names it otherwise: a plain
    /// name finds a table that is named by its ARN, and the ARN of a table at `home`
    /// (where that is known) the plain name. What finds none stays as it is.
    #[must_use]
    pub fn among(&self, tables: &BTreeSet<&TableName>, home: Option<&Target>) -> Self {
        let mut found = IndexSet::new();
        for table in &self.tables {
            let own = table.arn().filter(|arn| home.is_some_and(|home| home.holds(arn)));
            let same = |other: &&&TableName| match table.arn() {
                None => other.plain() == table.as_str(),
                Some(_) => own.is_some_and(|own| other.as_str() == own.name),
            };
            if tables.contains(table) {
                found.insert(table.clone());
            } else {
                let others: Vec<_> = tables.iter().filter(same).map(|t| (*t).clone()).collect();
                let none = others.is_empty().then(|| table.clone());
                found.extend(others.into_iter().chain(none));
            }
        }
        Self { tables: found.into_iter().collect(), indexes: self.indexes.clone() }
    }

    /// The definitions that the run is about.
    pub fn of<'d>(&self, all: &'d Definitions) -> impl Iterator<Item = &'d IndexDefinition> {
        all.indexes.iter().filter(|definition| self.admits(&definition.id))
    }

    /// The tables of these, one for each.
    pub fn tables_of<'d>(&self, all: &'d Definitions) -> impl Iterator<Item = &'d TableName> {
        self.of(all).map(|definition| &definition.id.table)
    }

    /// The tables and indexes that no definition names, each as ``table `orders` ``.
    #[must_use]
    pub fn unknown(&self, definitions: &Definitions) -> Vec<String> {
        let ids = || definitions.indexes.iter().map(|d| &d.id);
        let tables = self.tables.iter().filter(|t| ids().all(|id| id.table != **t));
        let indexes = self.indexes.iter().filter(|i| ids().all(|id| id.index != **i));
        let tables = tables.map(|table| format!("table `{table}`"));
        tables.chain(indexes.map(|index| format!("index `{index}`"))).collect()
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
    let mut by_table: BTreeMap<TableName, (Option<Room>, Vec<PlannedIndex>)> = BTreeMap::new();
    for definition in selection.of(definitions) {
        let Some((_, sighting)) = catalog.get(&definition.id.table) else {
            continue;
        };
        let failed = state.entry(&definition.id).map(Entry::status) == Some(Status::Failed);
        let (room, indexes) = by_table.entry(definition.id.table.clone()).or_insert_with(|| {
            order.push(definition.id.table.clone());
            (Room::at(sighting), Vec::new())
        });
        let mut planned = plan_index(definition, sighting, failed, retry_failed);
        if let Some(room) = room.as_mut().filter(|_| planned.action.creates()) {
            planned = in_turn(planned, room);
        }
        indexes.push(planned);
    }
    let tables = order.into_iter().filter_map(|table| {
        let (asked_at, sighting) = catalog.get(&table)?;
        let (_, indexes) = by_table.remove(&table)?;
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
    let definition = definition.clone();
    PlannedIndex { definition, finding, action, may_start, held_back: None }
}

/// An index finds what those before it in the plan leave of the table's quotas,
/// as the run's descriptions will show it when its turn comes.
fn in_turn(mut planned: PlannedIndex, room: &mut Room) -> PlannedIndex {
    match room.refuses(&planned.definition) {
        None => room.take(&planned.definition),
        Some(obstacle) => {
            planned.finding = Finding::Obstacle(obstacle);
            planned.action = Action::Obstructed;
        }
    }
    planned
}
