//! A plan that is kept until it is applied, and what may not have changed by then.
//!
//! It holds the definitions, the filters, and what was seen of each table as far
//! as the plan rests on it. It does not hold what comes and goes (counts, sizes,
//! throughput, ACTIVE or UPDATING), nor the indexes that the plan itself creates:
//! a run of it that was interrupted can go on with it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Plan, PlannedIndex, Selection};
use crate::definition::{Definitions, Diagnostics, Format, Source, hash, parse};
use crate::encoding::{beginning_of, text_of};
use crate::endpoint::Endpoint;
use crate::json::{MAX_VALUES, said, within};
use crate::name::{IndexId, IndexName, TableName};
use crate::state::{Elsewhere, Looked, Target};
use crate::time::Timestamp;

mod form;
mod seen;

use form::aws_form;
use seen::Seen;

/// What the field `format` of a saved plan says.
const FORMAT: &str = "gsictl-plan";
/// Goes up when a plan of before can no longer be read, or means something else.
const VERSION: u32 = 1;
/// What of a file shows that it is a saved plan.
pub const HEAD_BYTES: usize = 80;

/// A plan that was saved, or is about to be.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPlan {
    /// What is wanted.
    pub definitions: Definitions,
    /// The name of the definitions file that the plan was made from: the state
    /// is kept under it, so that an `apply` of that file goes on from there.
    pub script_name: String,
    /// What the run is about.
    pub selection: Selection,
    /// Start the failed ones, and only those.
    pub retry_failed: bool,
    /// Where the tables were seen.
    pub target: Target,
    /// When it was saved.
    pub saved_at: Timestamp,
    tables: BTreeMap<TableName, Seen>,
    actions: IndexMap<IndexId, Action>,
}

/// Why a file is no plan that can be applied.
#[derive(Debug, thiserror::Error)]
pub enum UnreadablePlan {
    /// It is cut off, or holds what this version does not know.
    #[error("the saved plan is damaged: {0}")]
    Damaged(String),
    /// It was made by a newer version.
    #[error("the saved plan has format {0}, this gsictl reads format {VERSION}")]
    Newer(u32),
    /// It no longer has the bytes that were saved.
    #[error("the saved plan was changed after it was saved")]
    Changed,
    /// Its definitions are not good for this version.
    #[error("the definitions in the saved plan have mistakes")]
    Definitions(Diagnostics),
}

/// Why a saved plan is not carried out. Nothing was called but DescribeTable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// It is about tables elsewhere.
    #[error("the saved plan was made for {what} {planned:?}, this run is about {wanted:?}")]
    Elsewhere {
        /// `account`, `region` or `endpoint`.
        what: &'static str,
        /// As the plan has it.
        planned: String,
        /// As this run has it.
        wanted: String,
    },
    /// Something it rests on is no longer so.
    #[error("the saved plan is out of date:\n  - {}", .0.join("\n  - "))]
    Changed(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    /// Of `plan`, as this program writes it.
    digest: String,
    plan: Body,
}

/// Only what any version can read.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    tool: String,
    saved_at: Timestamp,
    script_name: String,
    target: WrittenTarget,
    only_tables: Vec<TableName>,
    only_indexes: Vec<IndexName>,
    retry_failed: bool,
    indexes: Vec<Planned>,
    tables: BTreeMap<TableName, Seen>,
    definitions: Vec<Value>,
    /// `file:line:column` of each definition, and of each of its keys.
    places: Vec<Vec<String>>,
}

/// A target as it was written: the digest is of these very texts, and the first
/// versions wrote more of an endpoint than is kept now.
#[derive(Serialize, Deserialize)]
struct WrittenTarget {
    account: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
}

impl WrittenTarget {
    fn of(target: &Target) -> Self {
        let Target { account, region, endpoint } = target.clone();
        Self { account, region, endpoint: endpoint.map(|endpoint| endpoint.to_string()) }
    }

    fn read(self) -> Target {
        let endpoint = self.endpoint.as_deref().map(Endpoint::read);
        Target { account: self.account, region: self.region, endpoint }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Planned {
    table: TableName,
    index: IndexName,
    action: Action,
}

impl SavedPlan {
    /// Keeps `plan`, which was made of the same definitions, filters and target.
    #[must_use]
    pub fn new(
        definitions: &Definitions,
        script_name: &str,
        (selection, retry_failed): (&Selection, bool),
        target: &Target,
        plan: &Plan,
        now: Timestamp,
    ) -> Self {
        let action = |i: &PlannedIndex| (i.definition.id.clone(), i.action);
        let creates = |i: &&PlannedIndex| i.action.creates();
        let seen = |table: &super::TablePlan| {
            let own = table.indexes.iter().filter(creates).map(|i| &i.definition);
            Seen::of(&table.sighting, &own.collect::<Vec<_>>())
        };
        Self {
            definitions: definitions.clone(),
            script_name: script_name.to_owned(),
            selection: selection.clone(),
            retry_failed,
            target: target.clone(),
            saved_at: now.whole_seconds(),
            tables: plan.tables.iter().map(|t| (t.table.clone(), seen(t))).collect(),
            actions: plan.indexes().map(action).collect(),
        }
    }

    /// Whether a file that begins with these bytes is a saved plan as
    /// [`SavedPlan::render`] writes it: [`HEAD_BYTES`] of them are enough to say so.
    #[must_use]
    pub fn begins_one(bytes: &[u8]) -> bool {
        // A plan that is cut off is still one.
        let begins = beginning_of(&bytes[..bytes.len().min(HEAD_BYTES)]);
        let begins: String = begins.split_whitespace().collect();
        begins.starts_with(&format!("{{\"format\":\"{FORMAT}\""))
    }

    /// Whether a file is a saved plan, of whatever version, and not definitions.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        Self::begins_one(bytes)
            || text_of(bytes).is_ok_and(|text| {
                text.contains(FORMAT)
                    && serde_json::from_str::<Header>(&text).is_ok_and(|h| h.format == FORMAT)
            })
    }

    /// The file of the plan: JSON, with the definitions in AWS's own form.
    #[must_use]
    pub fn render(&self, tool: &str) -> String {
        let body = self.body(tool);
        let digest = digest(&body);
        let file = File { format: FORMAT.to_owned(), version: VERSION, digest, plan: body };
        // Names, texts and numbers: nothing that JSON has no form for.
        serde_json::to_string_pretty(&file).map(|text| text + "\n").unwrap_or_default()
    }

    fn body(&self, tool: &str) -> Body {
        let planned = |(id, action): (&IndexId, &Action)| Planned {
            table: id.table.clone(),
            index: id.index.clone(),
            action: *action,
        };
        let indexes = &self.definitions.indexes;
        Body {
            tool: tool.to_owned(),
            saved_at: self.saved_at,
            script_name: self.script_name.clone(),
            target: WrittenTarget::of(&self.target),
            only_tables: self.selection.tables.clone(),
            only_indexes: self.selection.indexes.clone(),
            retry_failed: self.retry_failed,
            indexes: self.actions.iter().map(planned).collect(),
            tables: self.tables.clone(),
            definitions: indexes.iter().map(aws_form).collect(),
            places: indexes.iter().map(form::places).collect(),
        }
    }

    /// Reads the file of a plan, in any encoding that definitions may have: the digest
    /// is of what it says. Its definitions pass the same checks as any.
    ///
    /// # Errors
    /// [`UnreadablePlan`] where it is not what was saved.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnreadablePlan> {
        let damaged = |e: serde_json::Error| UnreadablePlan::Damaged(said(&e));
        let text = text_of(bytes).map_err(|error| UnreadablePlan::Damaged(error.to_string()))?;
        let bytes = text.as_bytes();
        let header: Header = serde_json::from_slice(bytes).map_err(damaged)?;
        if header.version != VERSION {
            return Err(UnreadablePlan::Newer(header.version));
        }
        // Ten thousand indexes take half of it.
        within(bytes, MAX_VALUES).map_err(UnreadablePlan::Damaged)?;
        let file: File = serde_json::from_slice(bytes).map_err(damaged)?;
        if digest(&file.plan) != file.digest {
            return Err(UnreadablePlan::Changed);
        }
        Self::of(file.plan)
    }

    fn of(body: Body) -> Result<Self, UnreadablePlan> {
        let texts: Vec<_> = body.definitions.iter().map(Value::to_string).collect();
        let texts = texts.iter().map(String::as_bytes);
        let sources: Vec<_> =
            texts.map(|text| Source { file: "plan", format: Format::Json, text }).collect();
        let mut definitions = parse(&sources).map_err(UnreadablePlan::Definitions)?;
        for (definition, places) in definitions.indexes.iter_mut().zip(body.places) {
            form::put_places(definition, &places);
        }
        let action = |p: Planned| (IndexId::new(p.table, p.index), p.action);
        Ok(Self {
            definitions,
            script_name: body.script_name,
            selection: Selection { tables: body.only_tables, indexes: body.only_indexes },
            retry_failed: body.retry_failed,
            target: body.target.read(),
            saved_at: body.saved_at,
            tables: body.tables,
            actions: body.indexes.into_iter().map(action).collect(),
        })
    }

    /// Whether the plan is about tables at `target`, of which `looked` was seen: the
    /// same account and region, or where there is no account the same endpoint.
    ///
    /// # Errors
    /// [`Stale::Elsewhere`] names both sides.
    pub fn check_target(&self, target: &Target, looked: Looked) -> Result<(), Stale> {
        self.target.is_at(target, looked).map_err(|Elsewhere { what, recorded, wanted }| {
            Stale::Elsewhere { what, planned: recorded, wanted }
        })
    }

    /// Holds `now`, a plan that was just made of the same definitions and filters,
    /// against this one. What comes back creates nothing that was not planned,
    /// whatever the run sees later.
    ///
    /// # Errors
    /// [`Stale::Changed`] has a line for each thing that changed.
    pub fn confine(&self, mut now: Plan) -> Result<Plan, Stale> {
        let mut changes = Vec::new();
        for table in &now.tables {
            let own = table.indexes.iter().map(|i| &i.definition);
            let own: Vec<_> = own.filter(|d| self.creates(&d.id)).collect();
            let seen = Seen::of(&table.sighting, &own);
            if let Some(planned) = self.tables.get(&table.table) {
                let differences = planned.differences(&seen);
                changes.extend(differences.into_iter().map(|d| format!("{}: {d}", table.table)));
            }
        }
        if changes.is_empty() {
            let unplanned = now.indexes().map(|i| (&i.definition.id, i.action));
            let unplanned = unplanned.filter(|(id, a)| a.creates() && !self.creates(id));
            changes.extend(unplanned.map(|(id, _)| format!("{id} would be created now")));
        }
        if !changes.is_empty() {
            return Err(Stale::Changed(changes));
        }
        for index in now.tables.iter_mut().flat_map(|t| &mut t.indexes) {
            let planned = self.action(&index.definition.id);
            index.may_start &= !matches!(planned, Some(Action::Keep | Action::Adopt));
        }
        Ok(now)
    }

    fn action(&self, id: &IndexId) -> Option<Action> {
        self.actions.get(id).copied()
    }

    fn creates(&self, id: &IndexId) -> bool {
        self.action(id).is_some_and(Action::creates)
    }
}

fn digest(body: &Body) -> String {
    hash(&serde_json::to_string(body).unwrap_or_default())
}
