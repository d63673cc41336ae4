//! One `rollback` from the lock to the archive: deletes what this state's runs
//! created, and nothing else. Between [`prepare`] and [`rollback`] somebody is asked.

use std::path::PathBuf;
use std::sync::Arc;

use gsictl_core::engine::{Engine, Outcome};
use gsictl_core::event::Event;
use gsictl_core::name::TableName;
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_core::rollback::{RollbackPlan, concerned, is_complete, plan};
use gsictl_core::state::{Elsewhere, ParseError, State};
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;

use crate::clock::Clock;
use crate::drive::{SharedStore, StopSignal, drive, locked};
use crate::dynamodb::Backend;
use crate::store::{Holder, LockError, StoreError};
use crate::survey::survey;

/// Where the state of a rollback comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The state file, or the newest archive where there is none.
    Newest,
    /// These bytes, which were read from this file.
    File(PathBuf, Vec<u8>),
}

/// What a `rollback` is to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose indexes.
    pub source: Source,
    /// Which of them; the rest is left alone.
    pub selection: Selection,
    /// Delete indexes whose creation was never acknowledged, too.
    pub include_inferred: bool,
    /// Limits and habits.
    pub policy: Policy,
    /// Draws the jitter.
    pub seed: u64,
    /// Stands in the lock, for whoever comes second.
    pub holder: Holder,
}

/// Why there was no rollback. Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Another run holds the state, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state cannot be read, written or archived.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be understood.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is the matter with it, and where.
        source: ParseError,
    },
    /// There is neither a state file nor an archive.
    #[error("there is no state file and no archive: nothing is known to have been created")]
    NoState,
    /// A file was named, and there is a state file that another run made.
    #[error("{} is not the state that {} holds", named.display(), kept.display())]
    OtherState {
        /// The file that was named.
        named: PathBuf,
        /// The state file.
        kept: PathBuf,
    },
    /// The state belongs to another place.
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    /// DynamoDB cannot be asked.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}

/// What happens in a `rollback`, in order.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Where the state came from.
    Loaded(&'a str),
    /// Something happened.
    Happened(Timestamp, Event),
    /// The state file was archived under this name.
    Archived(&'a str),
}

/// What a rollback came to.
#[derive(Debug)]
pub struct RolledBack {
    /// The state that is left.
    pub state: State,
    /// Each index it was about.
    pub outcome: Outcome,
    /// False where nothing was to be deleted, so that nothing is written.
    pub changed: bool,
    /// The archived state, where nothing of it is left to be deleted.
    pub archived: Option<PathBuf>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// How many tables were described before.
    pub surveyed: u64,
}

/// State and plan of a rollback that has not begun. The state stays locked.
#[derive(Debug)]
pub struct Prepared {
    /// What would be done.
    pub plan: RollbackPlan,
    state: State,
    started_at: Timestamp,
}

/// Who watches a `rollback`.
pub type Observer<'a> = dyn FnMut(Progress<'_>) + Send + 'a;

/// Locks the state, reads it or its newest archive, looks at the tables, and works
/// out what is to be deleted. Changes nothing.
///
/// # Errors
/// [`RollbackError`] says why there can be no rollback.
pub async fn prepare(
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Prepared, RollbackError> {
    let started_at = clock.now();
    locked(store).lock(&request.holder)?;
    let (state, from) = load(&request.source, store)?;
    observe(Progress::Loaded(&from));
    let script = state.script_name().to_owned();
    let mut target = backend.target();
    state.check_belongs(&script, &target)?;

    let tables: Vec<TableName> =
        concerned(&state, &request.selection).map(|(id, _)| id.table.clone()).collect();
    let mut told = |at, event| observe(Progress::Happened(at, event));
    let catalog = survey(&tables, backend, clock, stop, &mut told).await?;
    target.account = catalog.account().map(str::to_owned);
    state.check_belongs(&script, &target)?;

    let plan = plan(&state, &catalog, &request.selection, request.include_inferred);
    Ok(Prepared { plan, state, started_at })
}

/// Deletes what `prepared` says, and archives the state when nothing of it is left
/// to be deleted. What came from an archive is kept as the live state meanwhile.
///
/// The intent to delete an index is durable before the call is made, so a crash at
/// any moment is resumed by the next rollback.
///
/// # Errors
/// [`StoreError`] where the state could not be archived; it is kept as it is.
pub async fn rollback(
    prepared: Prepared,
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<RolledBack, StoreError> {
    let Prepared { plan, state, started_at } = prepared;
    let (before, surveyed) = (state.serial(), plan.tables.len() as u64);
    let mut engine =
        Engine::rollback(clock.now(), plan, request.policy.clone(), state, request.seed);
    let mut told = |at, event| observe(Progress::Happened(at, event));
    drive(&mut engine, backend, Some(store), clock, stop, &mut told).await;
    let (state, outcome) = engine.finish();
    let changed = state.serial() != before;
    let archived = archive_if_done(request, &state, changed, store, clock)?;
    if let Some(name) = archived.as_ref().and_then(|path| path.file_name()) {
        observe(Progress::Archived(&name.to_string_lossy()));
    }
    let ended_at = clock.now();
    Ok(RolledBack { state, outcome, changed, archived, started_at, ended_at, surveyed })
}

/// The state that the rollback is about, and what it was read from.
fn load(source: &Source, store: &SharedStore) -> Result<(State, String), RollbackError> {
    let mut store = locked(store);
    let location = store.location();
    let kept = store.load()?;
    let (bytes, path) = match (source, kept) {
        (Source::Newest, Some(bytes)) => (bytes, location),
        (Source::Newest, None) => {
            let newest = store.archives()?.pop().ok_or(RollbackError::NoState)?;
            (store.load_archive(&newest)?, location.with_file_name(newest))
        }
        (Source::File(named, bytes), None) => (bytes.clone(), named.clone()),
        (Source::File(named, bytes), Some(kept)) => {
            if *bytes != kept {
                return Err(RollbackError::OtherState { named: named.clone(), kept: location });
            }
            (kept, named.clone())
        }
    };
    let state = State::parse(&bytes)
        .map_err(|source| RollbackError::Damaged { path: path.clone(), source })?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok((state, name.to_string_lossy().into_owned()))
}

fn archive_if_done(
    request: &Request,
    state: &State,
    changed: bool,
    store: &SharedStore,
    clock: Clock,
) -> Result<Option<PathBuf>, StoreError> {
    let mut store = locked(store);
    let done = is_complete(state, request.include_inferred);
    if !changed || !done || store.load()?.is_none() {
        return Ok(None);
    }
    store.archive(&State::archive_name(clock.now())).map(Some)
}
