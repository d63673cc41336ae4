//! A plan as it is told: the one value behind text, JSON and Markdown.

use std::collections::HashSet;

use serde::Serialize;

use super::notes::{Note, notes};
use super::outlook::Outlook;
use super::permissions::{Permission, permissions};
use super::schedule::Schedule;
use super::{Action, Finding, Obstacle, Plan, PlannedIndex, TablePlan};
use crate::catalog::Sighting;
use crate::check::{Capacity, Known, Prices, Remembered};
use crate::definition::Definitions;
use crate::name::{IndexName, TableName};
use crate::state::Target;

/// What an `apply` would do, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preview {
    /// Where the tables are.
    pub target: Target,
    /// Every table that the run is about.
    pub tables: Vec<TablePreview>,
    /// Which builds run side by side.
    pub schedule: Schedule,
    /// What the credentials have to allow.
    pub permissions: Vec<Permission>,
    /// How many indexes of each kind.
    pub totals: Totals,
    /// What it comes to.
    pub prospect: Prospect,
}

/// One table of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TablePreview {
    /// The table.
    pub table: TableName,
    /// Its indexes in definition order.
    pub indexes: Vec<Row>,
    /// What people are surprised by.
    pub notes: Vec<Note>,
    /// Indexes that no definition names. They are never touched.
    pub unmanaged: Vec<Unmanaged>,
}

/// What becomes of an index, in the words that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It will be created.
    Create,
    /// It will be created once its namesake is deleted.
    Recreate,
    /// It is being built, and will be waited for.
    Adopt,
    /// It is there already.
    There,
    /// It failed before, or others are to be retried.
    Leave,
    /// The name is taken by another index.
    Conflict,
    /// Something else is in the way.
    Obstacle,
}

impl Word {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Recreate => "recreate",
            Self::Adopt => "adopt",
            Self::There => "there",
            Self::Leave => "leave",
            Self::Conflict => "conflict",
            Self::Obstacle => "obstacle",
        }
    }
}

/// One index of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The index.
    pub index: IndexName,
    /// What becomes of it.
    pub action: Word,
    /// Why, in a sentence without an end.
    pub reason: String,
    /// The definition in a line.
    pub wanted: String,
    /// What has the name, where that is something else.
    pub found: Option<String>,
    /// How the two differ.
    pub differences: Vec<String>,
    /// What a person can do.
    pub next_step: Option<String>,
    /// What its build will wait for, where that is much longer than it need be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
    /// What it will hold and take, where its table was checked or sampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Known>,
}

/// Why a build will take long, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slow {
    /// So long, roughly.
    pub seconds: u64,
    /// What bounds it.
    pub cause: String,
    /// What a person can do.
    pub next_step: String,
    /// How long it would take then.
    pub seconds_then: u64,
}

impl Row {
    fn advice(&mut self) -> impl Iterator<Item = &mut String> {
        let slow = self.slow.as_mut().map(|slow| &mut slow.next_step);
        self.next_step.iter_mut().chain(slow)
    }
}

impl Slow {
    /// That of what is to be made, or is being built already.
    fn of(planned: &PlannedIndex, sighting: &Sighting) -> Option<Self> {
        let Sighting::Found(table) = sighting else {
            return None;
        };
        let definition = &planned.definition;
        let outlook = Outlook::of(definition, table);
        let bound = outlook.bound.filter(|_| planned.action.builds())?;
        let next_step = match planned.action {
            Action::Adopt => bound.advice_now(&definition.id),
            _ => bound.advice_before(),
        };
        let (seconds, seconds_then) = (outlook.takes.as_secs(), bound.then().as_secs());
        Some(Self { seconds, cause: bound.to_string(), next_step, seconds_then })
    }
}

/// An index that no definition names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmanaged {
    /// Its name.
    pub index: IndexName,
    /// Keys and projection in a line.
    pub schema: String,
    /// Its status in AWS's words.
    pub status: String,
}

/// How many indexes of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// [`Word::Create`] and [`Word::Recreate`].
    pub create: usize,
    /// [`Word::Adopt`].
    pub adopt: usize,
    /// [`Word::There`].
    pub there: usize,
    /// [`Word::Leave`].
    pub leave: usize,
    /// [`Word::Conflict`].
    pub conflict: usize,
    /// [`Word::Obstacle`].
    pub obstacle: usize,
}

/// What a plan comes to, for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// Nothing is to be done.
    Done,
    /// Indexes are to be created, or waited for.
    Changes,
    /// Some index cannot be, or failed before: `apply` would exit 3.
    Obstacles,
}

impl Preview {
    /// The preview of `plan`, which was made of `definitions` at `target`, with at
    /// most `max_builds` indexes building at once.
    #[must_use]
    pub fn new(definitions: &Definitions, plan: &Plan, target: &Target, max_builds: usize) -> Self {
        let managed = definitions.indexes.iter().map(|d| (&d.id.table, &d.id.index)).collect();
        let tables: Vec<_> = plan.tables.iter().map(|t| table(&managed, t)).collect();
        Self {
            target: target.clone(),
            totals: Totals::of(&tables),
            schedule: Schedule::of(plan, max_builds),
            permissions: permissions(definitions, plan, target),
            prospect: Prospect::of(plan),
            tables,
        }
    }
}

impl Preview {
    /// What it advises to do, as that of a [report](crate::report::Document::advice).
    pub fn advice(&mut self) -> Vec<&mut String> {
        let rows = self.tables.iter_mut().flat_map(|table| &mut table.indexes);
        rows.flat_map(Row::advice).collect()
    }

    /// With what earlier checks say of what is to be created; of two the first.
    #[must_use]
    pub fn with_forecasts(mut self, plan: &Plan, checks: &[Remembered], prices: Prices) -> Self {
        let rows = self.tables.iter_mut().flat_map(|table| &mut table.indexes);
        for (row, planned) in rows.zip(plan.indexes()) {
            let definition = &planned.definition;
            let table = plan.tables.iter().find(|table| table.table == definition.id.table);
            let Some(Sighting::Found(table)) = table.map(|table| &table.sighting) else {
                continue;
            };
            if planned.action.creates() {
                let spec = definition.digest(&table.attributes);
                let capacity = Capacity::of(definition, table);
                let known = |check: &Remembered| {
                    check.known(&self.target, &definition.id, &spec, capacity, prices)
                };
                row.forecast = checks.iter().find_map(known);
            }
        }
        self
    }
}

impl Prospect {
    /// Obstacles outweigh changes, as in `apply`.
    fn of(plan: &Plan) -> Self {
        let any = |fits: fn(Action) -> bool| plan.indexes().any(|i| fits(i.action));
        if any(|a| matches!(a, Action::Obstructed | Action::LeaveFailed)) {
            Self::Obstacles
        } else if any(Action::builds) {
            Self::Changes
        } else {
            Self::Done
        }
    }
}

impl Totals {
    fn of(tables: &[TablePreview]) -> Self {
        let mut totals = Self::default();
        for row in tables.iter().flat_map(|t| &t.indexes) {
            *match row.action {
                Word::Create | Word::Recreate => &mut totals.create,
                Word::Adopt => &mut totals.adopt,
                Word::There => &mut totals.there,
                Word::Leave => &mut totals.leave,
                Word::Conflict => &mut totals.conflict,
                Word::Obstacle => &mut totals.obstacle,
            } += 1;
        }
        totals
    }
}

/// What the definitions name.
type Managed<'a> = HashSet<(&'a TableName, &'a IndexName)>;

fn table(managed: &Managed<'_>, plan: &TablePlan) -> TablePreview {
    TablePreview {
        table: plan.table.clone(),
        indexes: plan.indexes.iter().map(|planned| row(planned, &plan.sighting)).collect(),
        notes: notes(plan),
        unmanaged: unmanaged(managed, plan),
    }
}

fn row(planned: &PlannedIndex, sighting: &Sighting) -> Row {
    let definition = &planned.definition;
    let row = Row {
        index: definition.id.index.clone(),
        action: word(planned),
        reason: reason(planned),
        wanted: match sighting {
            Sighting::Found(table) => definition.schema_text_on(&table.attributes),
            _ => definition.schema_text(),
        },
        found: None,
        differences: Vec::new(),
        next_step: None,
        slow: Slow::of(planned, sighting),
        forecast: None,
    };
    match &planned.finding {
        Finding::Obstacle(obstacle) => in_the_way(row, obstacle),
        _ => row,
    }
}

fn in_the_way(row: Row, obstacle: &Obstacle) -> Row {
    let next_step = Some(obstacle.remedy().to_owned());
    match obstacle {
        Obstacle::Conflict { found, differences, .. } => {
            Row { found: Some(found.clone()), differences: differences.clone(), next_step, ..row }
        }
        _ => Row { next_step, ..row },
    }
}

fn word(planned: &PlannedIndex) -> Word {
    match (planned.action, &planned.finding) {
        (Action::Create, _) => Word::Create,
        (Action::Recreate, _) => Word::Recreate,
        (Action::Adopt, _) => Word::Adopt,
        (Action::Keep, _) => Word::There,
        (Action::LeaveFailed | Action::LeaveOther, _) => Word::Leave,
        (Action::Obstructed, Finding::Obstacle(Obstacle::Conflict { .. })) => Word::Conflict,
        (Action::Obstructed, _) => Word::Obstacle,
    }
}

fn reason(planned: &PlannedIndex) -> String {
    let reason = match (planned.action, &planned.finding) {
        (_, Finding::Obstacle(Obstacle::Conflict { differences, .. })) => {
            let differences = differences.join(", ");
            return format!("an index of that name exists with another definition: {differences}");
        }
        (_, Finding::Obstacle(obstacle)) => return obstacle.to_string(),
        (Action::Create, _) => "it does not exist",
        (Action::Recreate, _) => "an index of that name is being deleted; created when it is gone",
        (Action::Adopt, Finding::Building { backfilling: true }) => {
            "it is being built already (backfilling)"
        }
        (Action::Adopt, _) => "it is being built already",
        (Action::Keep, _) => "already active",
        (Action::LeaveFailed, _) => "it failed before; --retry-failed starts it again",
        (Action::LeaveOther | Action::Obstructed, _) => "--retry-failed starts failed ones only",
    };
    reason.to_owned()
}

fn unmanaged(managed: &Managed<'_>, plan: &TablePlan) -> Vec<Unmanaged> {
    let Sighting::Found(table) = &plan.sighting else {
        return Vec::new();
    };
    let others = table.indexes.iter().filter(|i| !managed.contains(&(&plan.table, &i.name)));
    let others = others.map(|i| Unmanaged {
        index: i.name.clone(),
        schema: i.schema_text(&table.attributes),
        status: i.status.to_string(),
    });
    let vectors = table.vector_indexes.iter().map(|i| Unmanaged {
        index: i.name.clone(),
        schema: i.schema_text(),
        status: i.status.to_string(),
    });
    others.chain(vectors).collect()
}
