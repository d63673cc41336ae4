//! One run of the program in a world, from the lock to the archive.

mod guest;
mod honest;
mod source;

use gsictl_core::apply::{Order, Prepared, is_complete, prepare};
use gsictl_core::call::{Call, ErrorKind};
use gsictl_core::catalog::Catalog;
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Ended, Engine, Outcome, Verdict};
use gsictl_core::look::Depth;
use gsictl_core::name::IndexId;
use gsictl_core::plan::saved::SavedPlan;
use gsictl_core::plan::{Action, Finding, Plan, PlannedIndex};
use gsictl_core::probe::Verdict::Functional;
use gsictl_core::probe::{IndexValidation, Probe, Sample};
use gsictl_core::rollback::{self, concerned, plan, take_down};
use gsictl_core::state::{Serial, State, Target};
use gsictl_core::survey::{Survey, SurveyError};
use gsictl_core::watch::OnTheWay;
use gsictl_driver::archives;
use gsictl_driver::store::{StateStore, StoreError};

use crate::bugs::{Bug, Buggy};
use crate::checks::{Checks, Rules};
use crate::coverage::Row;
use crate::scenario::{End, Run, Scenario};
use crate::world::{Finish, Site, World};

pub(crate) use self::guest::Guest;
use self::source::Source;

/// What is left of a run.
#[derive(Debug)]
pub enum Left {
    /// Nothing: it was killed, or its machine went down.
    Crashed,
    /// It could not begin.
    NoRun,
    /// It came to its end.
    Over(Box<Outcome>),
    /// It was a validation.
    Validated(Vec<IndexValidation>),
}

/// What a run does after its look at the tables.
pub(crate) enum Begun {
    /// It creates, on the state that was there.
    Apply(Source),
    /// It takes this state back.
    Rollback(Source),
}

/// What is left to do when the engine has done its work.
pub(crate) enum Working {
    /// To archive what is complete; what was planned before a saved plan confined it.
    Apply(Option<Plan>),
    /// The same; the serial of the state when it began, and whether an earlier
    /// rollback had not come to its end.
    Rollback(Serial, bool),
}

/// One run of a history, as all its parts need it.
#[derive(Clone, Copy)]
pub(crate) struct Launch<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) run: &'a Run,
    pub(crate) bug: Option<Bug>,
    pub(crate) saved: Option<&'a SavedPlan>,
}

impl Launch<'_> {
    fn definitions(&self) -> Definitions {
        self.scenario.definitions(self.run.lacks_last)
    }
}

/// A run of `scenario` in `world`, as `run` has it, with a bug or without.
///
/// # Panics
/// Where it breaks an invariant.
pub fn process(
    world: &mut World,
    scenario: &Scenario,
    run: &Run,
    bug: Option<Bug>,
    saved: Option<&SavedPlan>,
) -> Left {
    let definitions = scenario.definitions(run.lacks_last);
    if run.validates {
        return validated(world, scenario, run, &definitions);
    }
    let told = world.events.len();
    let left = whole(world, Launch { scenario, run, bug, saved });
    close(world, told);
    left
}

/// The process is gone; what it told is counted.
pub(crate) fn close(world: &mut World, told: usize) {
    world.close();
    let site: &mut Site = world;
    let coverage = &mut site.checks.as_mut().unwrap().coverage;
    coverage.told(&site.events[told..]);
}

fn whole(world: &mut World, launch: Launch<'_>) -> Left {
    let first_call = world.calls.len();
    let (mut survey, begun) = match begin(world, launch) {
        Ok(begun) => begun,
        Err(left) => return left,
    };
    if world.run(&mut survey) == Finish::Crashed {
        return Left::Crashed;
    }
    let (mut engine, working) = match planned(world, launch, begun, survey) {
        Ok(planned) => planned,
        Err(left) => return left,
    };
    let finish = world.run(&mut engine);
    if let (Some(saved), Working::Apply(Some(now))) = (launch.saved, &working) {
        creates_what_was_planned(world, first_call, saved, now);
    }
    if finish == Finish::Crashed {
        return Left::Crashed;
    }
    ended(world, launch, &working, engine)
}

fn checks(world: &mut World) -> &mut Checks {
    world.checks.as_mut().expect("a simulated world is checked")
}

/// The process takes its state, and looks at the tables.
pub(crate) fn begin(world: &mut World, launch: Launch<'_>) -> Result<(Buggy<Survey>, Begun), Left> {
    let Launch { scenario, run, bug, .. } = launch;
    let Ok(loaded) = world.open(Bug::store(bug, world.disk())) else {
        world.close();
        return Err(Left::NoRun);
    };
    world.holds_answers = bug != Some(Bug::BelievesAnyAnswer);
    checks(world).begin(
        Rules {
            backoff: run.policy.backoff.clone(),
            retry_failed: run.retry_failed,
            visibility: run.policy.visibility,
            rollback: run.rollback.is_some(),
            include_inferred: run.rollback == Some(true),
            max_attempts: run.policy.max_attempts,
            skip_regions: run.policy.skip_regions.clone(),
        },
        loaded.as_deref(),
    );
    let definitions = launch.definitions();
    if run.rollback.is_none() {
        let source = source::to_create(world, launch, loaded)?;
        let bug = bug.filter(|bug| *bug != Bug::IgnoresKeys);
        let skip = run.policy.skip_regions.clone();
        let survey = Survey::new(definitions.tables()).asking(Depth::RegionsAndScaling, skip);
        return Ok((Buggy::new(survey, bug, &definitions), Begun::Apply(source)));
    }
    let mut source = source::to_delete(world, launch, loaded)?;
    let state = source.state.as_mut().ok_or(Left::NoRun)?;
    Bug::owned(bug, state, world.clock());
    let selection = run.selection(&scenario.tables);
    let tables: Vec<_> = concerned(state, &selection).map(|(id, _)| id.table.clone()).collect();
    let survey = Survey::new(&tables).asking(Depth::Regions, run.policy.skip_regions.clone());
    let survey = Buggy::new(survey, bug, &scenario.definitions(false));
    Ok((survey, Begun::Rollback(source)))
}

/// The tables were looked at: what is there to do?
pub(crate) fn planned(
    world: &mut World,
    launch: Launch<'_>,
    begun: Begun,
    survey: Buggy<Survey>,
) -> Result<(Buggy<Engine>, Working), Left> {
    let catalog = match survey.into_inner().into_catalog() {
        Ok(catalog) => catalog,
        Err(error) => return Err(no_run(world, &error)),
    };
    match begun {
        Begun::Apply(source) => to_create(world, launch, source, &catalog),
        Begun::Rollback(source) => to_delete(world, launch, source, &catalog),
    }
}

fn to_create(
    world: &mut World,
    launch: Launch<'_>,
    source: Source,
    catalog: &Catalog,
) -> Result<(Buggy<Engine>, Working), Left> {
    let Launch { scenario, run, saved, .. } = launch;
    let bug = launch.bug.filter(|bug| *bug != Bug::IgnoresKeys);
    let definitions = launch.definitions();
    let order = Order {
        definitions: &definitions,
        script_name: "simulated.yaml",
        selection: &run.selection(&scenario.tables),
        retry_failed: run.retry_failed,
        visibility: run.policy.visibility,
    };
    let region = Some("eu-west-1".to_owned());
    let target = Target { region, ..Target::default() };
    let lineage = format!("{:016x}{:016x}", run.seed, world.begun());
    let loaded = source.state.map(|state| *state);
    let prepared = prepare(&order, loaded, lineage, target, catalog, world.clock());
    let mut prepared = prepared.expect("the state belongs here");
    if !prepared.resumed && launch.bug != Some(Bug::BelievesAnOlderState) {
        prepared.state.continue_after(source::look(world).highest_serial());
    }
    Bug::prepared(bug, &mut prepared);
    let mut unconfined = None;
    if let Some(saved) = saved {
        unconfined = Some(prepared.plan.clone());
        match saved.confine(prepared.plan) {
            Ok(plan) => prepared.plan = plan,
            Err(_) => {
                checks(world).coverage.hit(Row::StalePlan);
                return Err(Left::NoRun);
            }
        }
        checks(world).coverage.hit(Row::SavedPlan);
    }
    if prepared.is_needless() {
        return Err(needless(world, prepared));
    }
    let policy = Bug::policy(bug, &run.policy);
    let Prepared { state, plan, .. } = prepared;
    let engine = Engine::new(world.clock(), plan, policy, state, run.seed);
    Ok((Buggy::new(engine, bug, &definitions), Working::Apply(unconfined)))
}

fn to_delete(
    world: &mut World,
    launch: Launch<'_>,
    source: Source,
    catalog: &Catalog,
) -> Result<(Buggy<Engine>, Working), Left> {
    let Launch { scenario, run, bug, .. } = launch;
    let inferred = run.rollback == Some(true);
    let selection = run.selection(&scenario.tables);
    let mut state = *source.state.ok_or(Left::NoRun)?;
    let mut plan = plan(&state, catalog, &selection, inferred);
    plan.keep_superseded(&mut state, &source.claimed);
    checks(world).superseded(source.claimed.keys());
    let left_over = state.rolling_back_since().is_some();
    let before = state.serial();
    if run.declines {
        return Err(declined(world, launch, state, catalog));
    }
    state.begin_rollback(world.clock());
    let policy = Bug::policy(bug, &run.policy);
    let engine = Engine::rollback(world.clock(), plan, policy, state, run.seed);
    let engine = Buggy::new(engine, bug, &scenario.definitions(false));
    Ok((engine, Working::Rollback(before, left_over)))
}

/// Whoever is asked says no. What was seen is kept all the same.
fn declined(world: &mut World, launch: Launch<'_>, mut state: State, catalog: &Catalog) -> Left {
    let (now, visibility) = (world.clock(), launch.run.policy.visibility);
    checks(world).coverage.hit(Row::Declined);
    if !take_down(&mut state, catalog, |_| true, visibility, now) {
        return Left::NoRun;
    }
    let kept = world.durable().is_some();
    let bytes = state.render(now).bytes;
    let store = world.store().expect("a store");
    if store.save(&bytes).is_err() {
        return Left::NoRun;
    }
    checks(world).saved_outside(&bytes);
    if kept || put_away(world, launch.run, &mut state).is_some() {
        Left::NoRun
    } else {
        Left::Crashed
    }
}

/// The engine has done its work: what it says is held against what was seen, and a
/// state that has done its own is archived.
pub(crate) fn ended(
    world: &mut World,
    launch: Launch<'_>,
    working: &Working,
    engine: Buggy<Engine>,
) -> Left {
    let Launch { run, bug, .. } = launch;
    let (mut state, mut outcome) = engine.into_inner().finish();
    Bug::told(bug, &mut outcome);
    honest::is(world, &outcome);
    checks(world).ended();
    let archived = match working {
        Working::Apply(_) => archive(world, launch, &mut state, &outcome),
        Working::Rollback(before, left_over) => {
            let saved = !matches!(outcome.ended, Ended::SaveFailed(_));
            let changed = state.serial() != *before;
            let finishes = changed || (*left_over && bug != Some(Bug::NeverFinished));
            let complete = rollback::is_complete(&state, run.rollback == Some(true));
            if saved && finishes && complete && world.durable().is_some() {
                put_away(world, run, &mut state)
            } else {
                Some(())
            }
        }
    };
    archived.map_or(Left::Crashed, |()| Left::Over(Box::new(outcome)))
}

/// A saved plan is carried out by what it names, and by nothing else.
fn creates_what_was_planned(world: &World, first_call: usize, saved: &SavedPlan, now: &Plan) {
    for sent in &world.calls[first_call..] {
        let Call::CreateIndex(create) = &sent.call else { continue };
        let id = IndexId::new(create.table.clone(), create.index.clone());
        let named = saved.definitions.indexes.iter().any(|d| d.id == id);
        assert!(named, "saved plan: {id} is created, and it does not name it");
        let there = |i: &&PlannedIndex| i.definition.id == id && i.action == Action::Keep;
        assert!(now.indexes().find(there).is_none(), "saved plan: {id} was there and is created");
    }
}

/// The plan of `run` as it would be saved now. `None` where the tables cannot be
/// looked at.
///
/// # Panics
/// Where that breaks an invariant.
pub fn plan_ahead(world: &mut World, scenario: &Scenario, run: &Run) -> Option<SavedPlan> {
    let definitions = scenario.definitions(run.lacks_last);
    let catalog = look(world, &definitions)?;
    let loaded = world.durable().map(|bytes| State::parse(&bytes).expect("invariant 5: a state"));
    let selection = run.selection(&scenario.tables);
    let order = Order {
        definitions: &definitions,
        script_name: "simulated.yaml",
        selection: &selection,
        retry_failed: run.retry_failed,
        visibility: run.policy.visibility,
    };
    let (target, now) = (Target::default(), world.clock());
    let prepared = prepare(&order, loaded, String::new(), target, &catalog, now).ok()?;
    let filters = (&selection, run.retry_failed);
    let target = prepared.state.target().clone();
    let plan = &prepared.plan;
    Some(SavedPlan::new(&definitions, order.script_name, filters, &target, plan, now))
}

/// A look at the tables that takes no lock.
fn look(world: &mut World, definitions: &Definitions) -> Option<Catalog> {
    let durable = world.durable();
    checks(world).begin(Rules::default(), durable.as_deref());
    let mut survey = Survey::new(definitions.tables());
    if world.run(&mut survey) == Finish::Crashed {
        return None;
    }
    survey.into_catalog().ok()
}

/// A validation: it reads, and calls nothing functional that nobody saw ready.
fn validated(world: &mut World, scenario: &Scenario, run: &Run, wanted: &Definitions) -> Left {
    let Some(catalog) = look(world, wanted) else {
        return Left::NoRun;
    };
    let order = gsictl_core::probe::Order {
        definitions: wanted,
        catalog: &catalog,
        on_the_way: &OnTheWay::default(),
        selection: &run.selection(&scenario.tables),
        sample: Sample { items: 0, required: false },
        seed: run.seed,
    };
    let mut probe = Probe::new(&order);
    if world.run(&mut probe) == Finish::Crashed {
        world.power_off();
        return Left::Crashed;
    }
    let Some((indexes, _)) = probe.into_result() else {
        return Left::NoRun;
    };
    for index in &indexes {
        let good = index.verdict == Functional;
        checks(world).coverage.hit(if good { Row::Functional } else { Row::NotFunctional });
        let id = wanted.indexes.iter().map(|d| &d.id);
        let id = id
            .into_iter()
            .find(|id| id.table.as_str() == index.table && id.index.as_str() == index.index);
        if let (true, Some(id)) = (good, id) {
            honest::was_seen(world, id);
        }
    }
    Left::Validated(indexes)
}

fn no_run(world: &mut World, error: &SurveyError) -> Left {
    if let SurveyError::Call { first_contact: true, error, .. } = error {
        let away = matches!(error.kind, ErrorKind::Connection | ErrorKind::CredentialsExpired);
        if away {
            checks(world).coverage.hit(Row::FirstContact);
        }
    }
    Left::NoRun
}

/// Nothing is recorded, because nothing would be started.
fn needless(world: &mut World, prepared: Prepared) -> Left {
    let mut verdicts = Vec::new();
    for index in prepared.plan.tables.into_iter().flat_map(|table| table.indexes) {
        let id = index.definition.id;
        let verdict = match (index.finding, index.action) {
            (Finding::Obstacle(obstacle), _) => Verdict::Obstructed(obstacle),
            (_, Action::LeaveFailed) => Verdict::LeftFailed,
            (_, Action::LeaveOther) => Verdict::LeftOther,
            _ => {
                honest::was_seen(world, &id);
                Verdict::AlreadyActive
            }
        };
        verdicts.push((id, verdict));
    }
    Left::Over(Box::new(Outcome {
        ended: Ended::Done,
        verdicts,
        tables: Vec::new(),
        stats: gsictl_core::engine::Stats::default(),
    }))
}

fn archive(
    world: &mut World,
    launch: Launch<'_>,
    state: &mut State,
    outcome: &Outcome,
) -> Option<()> {
    let definitions = launch.definitions();
    let complete = is_complete(&definitions, state, outcome);
    let too_early = launch.bug == Some(Bug::ArchivesTooEarly) && outcome.ended == Ended::Done;
    if !(complete || too_early) {
        return Some(());
    }
    let loaded = checks(world).confirmed();
    let all_active = loaded.is_some_and(|saved| {
        let active =
            |id: &IndexId| saved.entries().any(|(of, entry)| of == *id && entry.status == "active");
        definitions.indexes.iter().all(|d| active(&d.id))
    });
    assert!(all_active, "archive: an index is not active in the state");
    put_away(world, launch.run, state)?;
    checks(world).coverage.hit(Row::Archived);
    Some(())
}

/// The state file gets the name of an archive. `None` where the machine goes down.
fn put_away(world: &mut World, run: &Run, state: &mut State) -> Option<()> {
    if let End::PowerLostInArchive { step, loss } = run.end {
        world.loss = loss;
        let at = world.disk().taken() + step;
        world.disk().crash_at(at);
    }
    checks(world).archiving();
    let now = world.clock();
    let archived = archives::put_away(world.store().expect("a store"), state, now);
    if world.disk().is_down() {
        world.close();
        world.power_off();
        if let Some(bytes) = world.durable() {
            checks(world).saved_outside(&bytes);
            checks(world).archiving();
        }
        return None;
    }
    let path = match archived {
        // A bug let a superseded state through; it is not archived.
        Err(StoreError::Superseded { .. }) => return Some(()),
        archived => archived.expect("the state is archived"),
    };
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let bytes = world.disk().store().load_archive(name).expect("an archive can be read");
    checks(world).saved_outside(&bytes);
    checks(world).archiving();
    Some(())
}
