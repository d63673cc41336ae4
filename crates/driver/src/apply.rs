//! One `apply` from the lock to the archive.

use std::path::PathBuf;
use std::sync::Arc;

use gsictl_core::apply::{Order, is_complete};
use gsictl_core::catalog::Sighting;
use gsictl_core::check::{CheckReport, Options};
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Ended, Engine, Outcome, Stats, Verdict};
use gsictl_core::event::Event;
use gsictl_core::identity::{Identified, identify};
use gsictl_core::look::{Depth, calls_elsewhere};
use gsictl_core::name::IndexId;
use gsictl_core::plan::saved::{SavedPlan, Stale};
use gsictl_core::plan::{Action, Finding, Plan, Selection};
use gsictl_core::probe::{Sample, ValidationReport};
use gsictl_core::report::{About, Report};
use gsictl_core::retry::Policy;
use gsictl_core::rollback::is_left_over;
use gsictl_core::state::{Elsewhere, Looked, ParseError, State, Step, Target};
use gsictl_core::succession::{Ancestry, successor};
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;
use gsictl_core::watch::OnTheWay;

use crate::archives::{Archives, put_away};
use crate::check::{self, Ahead, CheckError, check_ahead};
use crate::clock::Clock;
use crate::drive::{SharedStore, StopSignal, drive, locked};
use crate::dynamodb::Backend;
use crate::store::{Holder, LockError, StoreError};
use crate::survey::{survey_to, with_meant};
use crate::validate;

/// What an `apply` is to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is wanted.
    pub definitions: Definitions,
    /// The name of the definitions file, the first of several.
    pub script_name: String,
    /// What the run is about; the rest is recorded and left alone.
    pub selection: Selection,
    /// Start the failed ones, and only those.
    pub retry_failed: bool,
    /// Insist on a state to resume.
    pub resume: bool,
    /// Before the run the items of what it creates are checked.
    pub check: Option<ItemCheck>,
    /// After the run the indexes that are active are validated, so many items each.
    pub validate: Option<Sample>,
    /// Limits and habits.
    pub policy: Policy,
    /// Draws the jitter, and the lineage of a new state.
    pub seed: u64,
    /// Stands in the lock, for whoever comes second.
    pub holder: Holder,
    /// The command, as the report names it.
    pub command: String,
    /// A plan that was saved: the run does what it says, or nothing.
    pub saved_plan: Option<SavedPlan>,
    /// Nothing is meant to follow but a plan: it is made without a state that belongs
    /// elsewhere, or cannot be read, and this is said.
    pub plan_only: bool,
}

/// How the items are checked before anything is created.
#[derive(Clone, Debug)]
pub struct ItemCheck {
    /// How tables are read.
    pub options: Options,
    /// Create also what items would break with.
    pub allow_violations: bool,
}

pub use gsictl_core::apply::Prepared;

/// Why there was no run. Nothing was called but DescribeTable, nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another run holds the state, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state cannot be read or archived.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be understood.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What is the matter with it, and where.
        source: ParseError,
    },
    /// The state belongs to another place.
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    /// An archive is a later save of the state: what it knows would be forgotten.
    #[error("{} is older than {newer}, a later save of it", path.display())]
    Superseded {
        /// The state file.
        path: PathBuf,
        /// The archive.
        newer: String,
    },
    /// `--resume` without a state.
    #[error("there is no state file to resume")]
    NothingToResume,
    /// DynamoDB cannot be asked.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The saved plan is out of date.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The check of the items came to no end.
    #[error(transparent)]
    Check(CheckError),
}

/// What happens in an `apply`, in order.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A state was found and will be resumed.
    Loaded(&'a State),
    /// The state was written by the seeds' tool and is adopted.
    AdoptedForeign(&'a str),
    /// The state is of no use here, and the plan is made without it.
    StateSetAside(&'a ApplyError),
    /// The runs before were about this definitions file; this one is about another, and
    /// goes on with the entries that it names.
    Relabelled(&'a str),
    /// The state belongs to this account, and no table tells whether these are its
    /// credentials.
    Unconfirmed {
        /// The account that the state recorded.
        account: &'a str,
        /// Whether the run records anything all the same: of tables named by their ARNs.
        recorded: bool,
    },
    /// Entries of the state that the definitions do not name: kept, not built.
    Unnamed(&'a [IndexId]),
    /// What will be done.
    Planned(&'a Plan),
    /// What the items of what is to be created came to. Of the plan that was told
    /// before only what they do not keep back is created.
    Checked(&'a CheckReport),
    /// Something happened.
    Happened(Timestamp, Event),
    /// The state file was archived under this name.
    Archived(&'a str),
}

/// Who watches an `apply`.
pub type Observer<'a> = dyn FnMut(Progress<'_>) + Send + 'a;

/// What an `apply` came to.
#[derive(Debug)]
pub struct Applied {
    /// What the run did.
    pub report: Report,
    /// False where nothing changed, so that no state and no report is written.
    pub changed: bool,
    /// Each index the run was about.
    pub outcome: Outcome,
    /// The archived state file, where all entries were active.
    pub archived: Option<PathBuf>,
    /// What the check before the run found, where it was asked for and there was
    /// something to create.
    pub checked: Option<CheckReport>,
    /// What validation says of the active indexes, where it was asked for and the
    /// run came to its end. Without it the run stands all the same.
    pub validation: Option<Result<ValidationReport, SurveyError>>,
}

/// Loads the state, looks at the tables, and works out what is to be done.
///
/// Changes nothing, anywhere.
///
/// # Errors
/// [`ApplyError`] says why there can be no run.
pub async fn prepare(
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Prepared, ApplyError> {
    let loaded = match load(store) {
        Err(error) if request.plan_only => {
            observe(Progress::StateSetAside(&error));
            None
        }
        // A rollback that did its work and did not come to put its state away.
        loaded => loaded?.filter(|state| !is_left_over(state)),
    };
    prepare_on(loaded, request, backend, store, clock, stop, observe).await
}

/// The same on a state that was read already.
async fn prepare_on(
    loaded: Option<State>,
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Prepared, ApplyError> {
    let target = backend.target();
    if let Some(saved) = &request.saved_plan {
        saved.check_target(&target, Looked::NotYet)?;
    }
    if request.resume && loaded.is_none() {
        return Err(ApplyError::NothingToResume);
    }
    let loaded = of_this_place(loaded, &target, Looked::NotYet, request, observe)?;
    if let Some(state) = &loaded {
        observe(Progress::Loaded(state));
    }

    let mut told = |at, event| observe(Progress::Happened(at, event));
    let tables = with_meant(request.definitions.tables(), loaded.as_ref());
    let depth = Depth::RegionsAndScaling;
    let catalog = survey_to(depth, &tables, backend, clock, stop, &mut told).await?;
    let (seen, looked) = (target.clone().seen_in(&catalog), Looked::at(&catalog));
    let loaded = of_this_place(loaded, &seen, looked, request, observe)?;

    let Identified { definitions, selection, catalog } =
        identify(&request.definitions, &request.selection, catalog, loaded.as_ref())
            .map_err(SurveyError::from)?;

    let order = Order {
        definitions: &definitions,
        script_name: &request.script_name,
        selection: &selection,
        retry_failed: request.retry_failed,
        visibility: request.policy.visibility,
    };
    let lineage = lineage(request.seed);
    let mut prepared =
        gsictl_core::apply::prepare(&order, loaded, lineage, target, &catalog, clock.now())?;
    if !prepared.resumed {
        let archives = Archives::look(&mut *locked(store));
        let serial = archives.map(|archives| archives.highest_serial());
        // A plan is shown and not saved as a state: it needs no serial.
        prepared.state.continue_after(if request.plan_only {
            serial.unwrap_or_default()
        } else {
            serial?
        });
    }
    if let Some(saved) = &request.saved_plan {
        saved.check_target(&seen, looked)?;
        prepared.plan = saved.confine(prepared.plan)?;
    }
    tell(&prepared, observe);
    Ok(prepared)
}

/// The state, if it belongs to this place. One that does not is refused; for a plan it is
/// set aside.
fn of_this_place(
    loaded: Option<State>,
    target: &Target,
    looked: Looked,
    request: &Request,
    observe: &mut Observer<'_>,
) -> Result<Option<State>, ApplyError> {
    let belongs = loaded.as_ref().map_or(Ok(()), |state| state.check_belongs(target, looked));
    match belongs.map_err(ApplyError::from) {
        Err(error) if request.plan_only => {
            observe(Progress::StateSetAside(&error));
            Ok(None)
        }
        belongs => belongs.map(|()| loaded),
    }
}

/// Says what became of the state, and what will be done.
fn tell(prepared: &Prepared, observe: &mut Observer<'_>) {
    if let Some(script) = &prepared.adopted_from {
        observe(Progress::AdoptedForeign(script));
    }
    if let Some(script) = &prepared.relabelled_from {
        observe(Progress::Relabelled(script));
    }
    if let Some(account) = prepared.state.target().own_account()
        && prepared.unconfirmed
    {
        observe(Progress::Unconfirmed { account, recorded: !prepared.is_needless() });
    }
    if !prepared.unnamed.is_empty() {
        observe(Progress::Unnamed(&prepared.unnamed));
    }
    observe(Progress::Planned(&prepared.plan));
}

/// Creates what is missing: locks the state, prepares, runs, validates where that
/// was asked for, and archives the state when every index that the definitions name
/// is active.
///
/// A crash at any moment leaves the old state or the new one, and a later
/// `apply` goes on from there and from what DynamoDB shows.
///
/// # Errors
/// [`ApplyError`] says why there was no run. A run that fails is an [`Applied`].
pub async fn apply(
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Applied, ApplyError> {
    let started_at = clock.now();
    locked(store).lock(&request.holder)?;
    let loaded = settle(store, clock, observe)?;
    let described = with_meant(request.definitions.tables(), loaded.as_ref()).len() as u64;
    let prepared = prepare_on(loaded, request, backend, store, clock, stop, observe).await?;
    let elsewhere = calls_elsewhere(prepared.plan.tables.iter().map(|table| &table.sighting));
    let surveyed = described + elsewhere;
    let command = &request.command;
    let mut prepared = prepared;
    let checked = check_items(request, &mut prepared.plan, backend, clock, stop, observe).await?;
    let needless = prepared.is_needless();
    let Prepared { definitions, selection, mut state, plan, .. } = prepared;
    let wanted = (&definitions, &selection);
    if needless {
        let outcome = nothing_to_do(plan, &mut state, clock, observe);
        let about = About { command, started_at, ended_at: clock.now(), surveyed };
        let report = Report::new(&about, &outcome, &state);
        let run = (&outcome, &state);
        let validation = validate_active(request, wanted, run, backend, clock, stop, observe).await;
        return Ok(Applied {
            report,
            changed: false,
            outcome,
            archived: None,
            checked,
            validation,
        });
    }
    let before = state.serial();
    let policy = Policy { skip_regions: backend.skipped_regions(), ..request.policy.clone() };
    let mut engine = Engine::new(clock.now(), plan, policy, state, request.seed);
    let mut told = |at, event| observe(Progress::Happened(at, event));
    drive(&mut engine, backend, Some(store), clock, stop, &mut told).await;
    let (mut state, outcome) = engine.finish();
    let ended_at = clock.now();

    let run = (&outcome, &state);
    let validation = validate_active(request, wanted, run, backend, clock, stop, observe).await;
    if let Some(Ok(found)) = &validation {
        validate::record(&mut state, &definitions, found);
        locked(store).save(&state.render(clock.now()).bytes)?;
    }
    let archived = archive_if_complete(&definitions, &mut state, &outcome, store, clock)?;
    if let Some(name) = archived.as_ref().and_then(|path| path.file_name()) {
        observe(Progress::Archived(&name.to_string_lossy()));
    }
    let about = About { command, started_at, ended_at, surveyed };
    let report = Report::new(&about, &outcome, &state);
    let changed = state.serial() != before;
    Ok(Applied { report, changed, outcome, archived, checked, validation })
}

/// Before anything is asked: a state that an archive supersedes is not believed, and
/// one of a rollback that was killed at its very end is put away. The state that the
/// run goes on with is returned.
fn settle(
    store: &SharedStore,
    clock: Clock,
    observe: &mut Observer<'_>,
) -> Result<Option<State>, ApplyError> {
    let Some(bytes) = locked(store).load()? else {
        return Ok(None);
    };
    let mut state = understand(store, &bytes)?;
    let known = Archives::look(&mut *locked(store))?.known;
    let own = Ancestry::of(&bytes);
    if let Some((newer, _)) = own.as_ref().and_then(|own| successor(own, &known)) {
        let path = locked(store).location();
        return Err(ApplyError::Superseded { path, newer: newer.clone() });
    }
    if is_left_over(&state) {
        let path = put_away(&mut *locked(store), &mut state, clock.now())?;
        if let Some(name) = path.file_name() {
            observe(Progress::Archived(&name.to_string_lossy()));
        }
        return Ok(None);
    }
    Ok(Some(state))
}

/// Holds back what items would break with. `None` where it was not asked for, or
/// nothing is to be created.
async fn check_items(
    request: &Request,
    plan: &mut Plan,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Option<CheckReport>, ApplyError> {
    let Some(ItemCheck { options, allow_violations }) = &request.check else {
        return Ok(None);
    };
    let script_name = &request.script_name;
    let ahead = Ahead { plan, script_name, options, seed: request.seed };
    let mut told = |progress: check::Progress<'_>| {
        if let check::Progress::Happened(at, event) = progress {
            observe(Progress::Happened(at, event));
        }
    };
    let found = check_ahead(&ahead, backend, clock, stop, &mut told).await;
    let found = found.map_err(|error| match error {
        CheckError::Survey(error) => ApplyError::Survey(error),
        error => ApplyError::Check(error),
    })?;
    let Some(found) = found else {
        return Ok(None);
    };
    if !allow_violations {
        plan.hold_back(&found);
    }
    observe(Progress::Checked(&found));
    Ok(Some(found))
}

/// `None` where it was not asked for, or no index is active, or the run was cut short.
async fn validate_active(
    request: &Request,
    (definitions, selection): (&Definitions, &Selection),
    (outcome, state): (&Outcome, &State),
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Option<Result<ValidationReport, SurveyError>> {
    let sample = request.validate?;
    let active = validate::active_of(definitions, outcome);
    if active.indexes.is_empty() {
        return None;
    }
    let asked = validate::Request {
        definitions: &active,
        script_name: &request.script_name,
        selection,
        state: Some(state),
        sample,
        seed: request.seed,
        metrics: false,
        // What is validated was seen active.
        on_the_way: &OnTheWay::default(),
    };
    let mut told = |at, event| observe(Progress::Happened(at, event));
    Some(validate::validate(&asked, backend, clock, stop, &mut told).await)
}

/// Nothing is begun and nothing is recorded; what is in the way is told all the same.
fn nothing_to_do(
    plan: Plan,
    state: &mut State,
    clock: Clock,
    observe: &mut Observer<'_>,
) -> Outcome {
    let tables = plan.tables.iter().filter_map(|table| match &table.sighting {
        Sighting::Found(found) => Some(found.as_ref().clone()),
        Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
    });
    let tables = tables.collect();
    let mut verdicts = Vec::new();
    for index in plan.tables.into_iter().flat_map(|table| table.indexes) {
        let id = index.definition.id;
        let (event, verdict) = match (index.finding, index.action) {
            (Finding::Obstacle(obstacle), _) => {
                let reason = obstacle.to_string();
                // For the report: this state is not saved. Any entry takes an obstacle.
                let _ = state.apply(&id, Step::Obstacle { reason: reason.clone() });
                let event = Event::Obstructed { id: id.clone(), reason };
                (Some(event), Verdict::Obstructed(obstacle))
            }
            (_, Action::LeaveFailed) => {
                let error = state.entry(&id).and_then(|entry| entry.last_error());
                let error = error.map(str::to_owned);
                (Some(Event::LeftFailed { id: id.clone(), error }), Verdict::LeftFailed)
            }
            (_, Action::LeaveOther) => (None, Verdict::LeftOther),
            _ => (Some(Event::AlreadyActive(id.clone())), Verdict::AlreadyActive),
        };
        if let Some(event) = event {
            observe(Progress::Happened(clock.now(), event));
        }
        verdicts.push((id, verdict));
    }
    Outcome { ended: Ended::Done, verdicts, tables, stats: Stats::default() }
}

fn archive_if_complete(
    definitions: &Definitions,
    state: &mut State,
    outcome: &Outcome,
    store: &SharedStore,
    clock: Clock,
) -> Result<Option<PathBuf>, StoreError> {
    if !is_complete(definitions, state, outcome) {
        return Ok(None);
    }
    put_away(&mut *locked(store), state, clock.now()).map(Some)
}

/// Reads the state, if there is one.
///
/// # Errors
/// [`ApplyError::Store`] and [`ApplyError::Damaged`]; the file is as it was.
pub fn load(store: &SharedStore) -> Result<Option<State>, ApplyError> {
    let bytes = locked(store).load()?;
    bytes.map(|bytes| understand(store, &bytes)).transpose()
}

/// Reads a state out of the bytes that `store` had.
///
/// # Errors
/// [`ApplyError::Damaged`], which names the file.
pub fn understand(store: &SharedStore, bytes: &[u8]) -> Result<State, ApplyError> {
    State::parse(bytes)
        .map_err(|source| ApplyError::Damaged { path: locked(store).location(), source })
}

/// Random text that no other state has.
pub(crate) fn lineage(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    format!("{:016x}{:016x}", random.u64(..), random.u64(..))
}
