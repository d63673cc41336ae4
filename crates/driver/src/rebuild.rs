//! A new state out of what DynamoDB shows, for when the old one is damaged, lost
//! or out of step.

use std::path::PathBuf;
use std::sync::Arc;

use gsictl_core::catalog::Sighting;
use gsictl_core::definition::IndexDefinition;
use gsictl_core::identity::{Identified, identify};
use gsictl_core::plan::{Finding, judge};
use gsictl_core::state::{Looked, State, Step, Target};
use gsictl_core::succession::Ancestry;
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;

use crate::apply::{ApplyError, Request, lineage};
use crate::archives::Archives;
use crate::clock::Clock;
use crate::drive::{SharedStore, StopSignal, locked};
use crate::dynamodb::Backend;
use crate::survey::survey;

/// A state that was made anew.
#[derive(Debug)]
pub struct Rebuilt {
    /// What was found.
    pub state: State,
    /// Where the old file is now, if there was one.
    pub set_aside: Option<PathBuf>,
}

/// Keeps the old state file under another name and writes a new one in which
/// every index stands as DynamoDB shows it. All of them count as found: nothing
/// in it is ours to roll back. A state of another place is no state of these tables, and
/// is refused before it is touched.
///
/// The new state is described before the old one is touched, and a crash in
/// between leaves no state file, which loses nothing: `apply` then looks too.
///
/// # Errors
/// [`ApplyError`]; the old file is as it was, or under its other name.
pub async fn rebuild(
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
) -> Result<Rebuilt, ApplyError> {
    let old = {
        let mut store = locked(store);
        store.lock(&request.holder)?;
        // What is no file, or cannot be read, cannot be kept under another name.
        store.load()?
    };
    // One that is damaged says nothing of its place, and is what this is for.
    let old = old.and_then(|bytes| State::parse(&bytes).ok());
    let belongs = |target: &Target, looked| {
        old.as_ref().map_or(Ok(()), |state| state.check_belongs(target, looked))
    };
    belongs(&backend.target(), Looked::NotYet)?;
    let tables = request.definitions.tables();
    let catalog = survey(tables, backend, clock, stop, &mut |_, _| {}).await?;

    let target = backend.target().seen_in(&catalog);
    belongs(&target, Looked::at(&catalog))?;
    let mut state = State::new(&request.script_name, clock.now(), lineage(request.seed));
    state.set_target(target);
    let identified = identify(&request.definitions, &request.selection, catalog, Some(&state));
    let Identified { definitions, catalog, .. } = identified.map_err(SurveyError::from)?;
    state.set_definitions_digest(definitions.digest());
    state.enlist(&definitions);
    for definition in &definitions.indexes {
        if let Some((asked_at, sighting)) = catalog.get(&definition.id.table)
            && let Some(step) = seen(definition, sighting, asked_at)
        {
            // An observation may move any entry.
            let _ = state.apply(&definition.id, step);
        }
    }

    let mut store = locked(store);
    state.continue_after(Archives::look(&mut *store)?.highest_serial());
    let old = store.load()?;
    let before = old.as_deref().and_then(Ancestry::of);
    state.continue_after(before.map(|of| of.serial).unwrap_or_default());
    let set_aside = match old {
        None => None,
        Some(_) => Some(store.set_aside(&format!("replaced_{}", clock.now().file_stamp()))?),
    };
    store.save(&state.render(clock.now()).bytes)?;
    Ok(Rebuilt { state, set_aside })
}

fn seen(definition: &IndexDefinition, sighting: &Sighting, at: Timestamp) -> Option<Step> {
    let table_id = match sighting {
        Sighting::Found(table) => table.table_id.clone(),
        Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
    };
    match judge(definition, sighting) {
        Finding::Ready => Some(Step::SeenActive { at, table_id }),
        Finding::Building { .. } => Some(Step::SeenBuilding { table_id }),
        Finding::Obstacle(obstacle) => Some(Step::Obstacle { reason: obstacle.to_string() }),
        Finding::Deleting | Finding::Absent => None,
    }
}
