//! What an `apply` decides around its run: before the engine's first step, and
//! after its last.

use std::time::Duration;

use crate::catalog::Catalog;
use crate::definition::Definitions;
use crate::engine::{Ended, Outcome, Verdict};
use crate::name::{IndexId, TableName};
use crate::plan::{Plan, Selection, plan};
use crate::rollback::take_down;
use crate::state::{Elsewhere, Entry, Looked, State, Status, Target};
use crate::time::Timestamp;

/// What an `apply` was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is wanted.
    pub definitions: &'a Definitions,
    /// The name of the definitions file, the first of several.
    pub script_name: &'a str,
    /// What the run is about; the rest is recorded and left alone.
    pub selection: &'a Selection,
    /// Start the failed ones, and only those.
    pub retry_failed: bool,
    /// How long a new index may be missing from a description.
    pub visibility: Duration,
}

/// State and plan of a run that has not begun.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What is wanted, as the run names the tables.
    pub definitions: Definitions,
    /// Which of it the run is about.
    pub selection: Selection,
    /// The state with every definition enlisted.
    pub state: State,
    /// What would be done.
    pub plan: Plan,
    /// Whether there was a state before.
    pub resumed: bool,
    /// The script of a state that the seeds' tool wrote, which is ours now.
    pub adopted_from: Option<String>,
    /// The definitions file of the runs before, where it was another.
    pub relabelled_from: Option<String>,
    /// The state names an account, and no table tells whether this is it.
    pub unconfirmed: bool,
    /// Entries that the definitions do not name. They are kept, not built.
    pub unnamed: Vec<IndexId>,
}

impl Prepared {
    /// The run would start nothing (every index is active, or something is in its way),
    /// and nobody ever recorded anything: so it stays. Nor is anything recorded where
    /// these may be the credentials of another account.
    #[must_use]
    pub fn is_needless(&self) -> bool {
        self.plan.starts_nothing() && (!self.resumed || self.unconfirmed)
    }
}

/// Works out the state and the plan of a run. `loaded` is what the store had;
/// where it had nothing a state of this `lineage` begins. `target` is where
/// `catalog` was seen; the account is taken from the catalog.
///
/// # Errors
/// [`Elsewhere`] where the state belongs to another place.
pub fn prepare(
    order: &Order<'_>,
    loaded: Option<State>,
    lineage: String,
    target: Target,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Prepared, Elsewhere> {
    let resumed = loaded.is_some();
    let mut state = loaded.unwrap_or_else(|| State::new(order.script_name, now, lineage));
    let target = target.seen_in(catalog);
    state.check_belongs(&target, Looked::at(catalog))?;
    let was = state.script_name().to_owned();
    let (adopted_from, relabelled_from) = match state.foreign() {
        true => (Some(was), None),
        false => (None, Some(was).filter(|was| was != order.script_name)),
    };
    state.adopt(order.script_name);
    // Of tables that are named by their ARNs it is certain which they are.
    let by_name = catalog.iter().any(|(table, _)| table.arn().is_none());
    let unconfirmed = by_name && state.target().is_unconfirmed_by(&target);
    state.set_target(target);
    state.set_definitions_digest(order.definitions.digest());
    state.end_rollback();
    let unnamed = state.enlist(order.definitions).unnamed;
    let plan = plan(order.definitions, catalog, &state, order.selection, order.retry_failed);
    // The run looks after the tables of its plan, and nobody after the others.
    let planned = |table: &TableName| plan.tables.iter().any(|t| t.table == *table);
    take_down(&mut state, catalog, |table| !planned(table), order.visibility, now);
    Ok(Prepared {
        definitions: order.definitions.clone(),
        selection: order.selection.clone(),
        state,
        plan,
        resumed,
        adopted_from,
        relabelled_from,
        unconfirmed,
        unnamed,
    })
}

/// Whether the state has done its work and may be archived: it is saved, every
/// index that the definitions name is active and stands as they want it, and of the
/// others none is unfinished. A create that was meant before the definitions lost its
/// index may still be seen late, and one that failed is somebody's to look at.
#[must_use]
pub fn is_complete(definitions: &Definitions, state: &State, outcome: &Outcome) -> bool {
    let active = |id: &IndexId| state.entry(id).map(Entry::status) == Some(Status::Active);
    let saved = !matches!(outcome.ended, Ended::SaveFailed(_));
    // An index that was made again with other keys leaves its entry active.
    let obstructed = outcome.verdicts.iter().any(|(_, v)| matches!(v, Verdict::Obstructed(_)));
    let unfinished = state.entries().any(|(_, entry)| is_unfinished(entry));
    saved && !obstructed && !unfinished && definitions.indexes.iter().all(|d| active(&d.id))
}

/// Whether something was begun for an index and came to no end. One that was never
/// started is over where no definitions name it any more; so is one that a rollback
/// deleted.
fn is_unfinished(entry: &Entry) -> bool {
    let record = entry.record();
    let deleted = record.deleted_at.is_some() && record.delete_intent_at.is_none();
    let started = entry.creation_time().is_some() || entry.retry_count() > 0;
    match entry.status() {
        Status::Active => false,
        Status::InProgress | Status::Failed => true,
        Status::Pending => started && !deleted,
    }
}
