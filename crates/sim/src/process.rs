//! One run of the program in a world, from the lock to the archive.

use gsictl_core::apply::{Order, Prepared, is_complete, prepare};
use gsictl_core::call::{Call, ErrorKind};
use gsictl_core::catalog::Catalog;
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Ended, Engine, Outcome, Verdict};
use gsictl_core::name::IndexId;
use gsictl_core::plan::saved::SavedPlan;
use gsictl_core::plan::{Action, Plan, PlannedIndex};
use gsictl_core::probe::Verdict::Functional;
use gsictl_core::probe::{IndexValidation, Probe, Sample};
use gsictl_core::rollback::{self, concerned, plan};
use gsictl_core::state::{State, Target};
use gsictl_core::survey::{Survey, SurveyError};

use crate::bugs::{Bug, Buggy};
use crate::checks::{Checks, Rules};
use crate::coverage::Row;
use crate::scenario::{End, Run, Scenario};
use crate::world::{Finish, World};

/// What is left of a run.
#[derive(Debug)]
pub enum Left {
    /// Nothing: it was killed, or its machine went down.
    Crashed,
    /// It could not begin.
    NoRun,
    /// It came to its end.
    Over(Outcome),
    /// It was a validation.
    Validated(Vec<IndexValidation>),
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
    let Ok(loaded) = world.open(Bug::store(bug, world.disk())) else {
        world.close();
        return Left::NoRun;
    };
    checks(world).begin(
        Rules {
            backoff: run.policy.backoff.clone(),
            retry_failed: run.retry_failed,
            visibility: run.policy.visibility,
            rollback: run.rollback.is_some(),
            include_inferred: run.rollback == Some(true),
        },
        loaded.as_deref(),
    );
    let told = world.events.len();
    let left = match run.rollback {
        Some(inferred) => taken_back(world, scenario, run, bug, inferred, loaded),
        None => {
            let bug = bug.filter(|bug| *bug != Bug::IgnoresKeys);
            begun(world, scenario, run, bug, &definitions, (loaded, saved))
        }
    };
    world.close();
    let coverage = &mut world.checks.as_mut().unwrap().coverage;
    coverage.told(&world.events[told..]);
    left
}

fn checks(world: &mut World) -> &mut Checks {
    world.checks.as_mut().expect("a simulated world is checked")
}

fn begun(
    world: &mut World,
    scenario: &Scenario,
    run: &Run,
    bug: Option<Bug>,
    definitions: &Definitions,
    (loaded, saved): (Option<Vec<u8>>, Option<&SavedPlan>),
) -> Left {
    let first_call = world.calls.len();
    let loaded = loaded.map(|mut bytes| {
        Bug::loaded(bug, &mut bytes);
        State::parse(&bytes).expect("invariant 5: what is durable can be read")
    });
    let mut survey = Buggy::new(Survey::new(definitions.tables()), bug, definitions);
    if world.run(&mut survey) == Finish::Crashed {
        return Left::Crashed;
    }
    let catalog = match survey.into_inner().into_catalog() {
        Ok(catalog) => catalog,
        Err(error) => return no_run(world, &error),
    };
    let order = Order {
        definitions,
        script_name: "simulated.yaml",
        selection: &run.selection(&scenario.tables),
        retry_failed: run.retry_failed,
    };
    let region = Some("eu-west-1".to_owned());
    let target = Target { region, ..Target::default() };
    let lineage = format!("{:032x}", run.seed);
    let prepared = prepare(&order, loaded, lineage, target, &catalog, world.clock());
    let mut prepared = prepared.expect("the state belongs here");
    Bug::prepared(bug, &mut prepared);
    let planned = prepared.plan.clone();
    if let Some(saved) = saved {
        match saved.confine(prepared.plan) {
            Ok(plan) => prepared.plan = plan,
            Err(_) => {
                checks(world).coverage.hit(Row::StalePlan);
                return Left::NoRun;
            }
        }
        checks(world).coverage.hit(Row::SavedPlan);
    }
    if prepared.is_needless() {
        return needless(world, &prepared);
    }
    let policy = Bug::policy(bug, &run.policy);
    let Prepared { state, plan, .. } = prepared;
    let engine = Engine::new(world.clock(), plan, policy, state, run.seed);
    let mut engine = Buggy::new(engine, bug, definitions);
    let finish = world.run(&mut engine);
    if let Some(saved) = saved {
        creates_what_was_planned(world, first_call, saved, &planned);
    }
    if finish == Finish::Crashed {
        return Left::Crashed;
    }
    let (state, outcome) = engine.into_inner().finish();
    is_honest(world, &outcome);
    archive(world, run, bug, definitions, &state, &outcome)
        .map_or(Left::Crashed, |()| Left::Over(outcome))
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
            was_seen(world, id);
        }
    }
    Left::Validated(indexes)
}

/// A rollback: of the state, or of its newest archive.
fn taken_back(
    world: &mut World,
    scenario: &Scenario,
    run: &Run,
    bug: Option<Bug>,
    inferred: bool,
    loaded: Option<Vec<u8>>,
) -> Left {
    let Some(bytes) = loaded.or_else(|| world.newest_archive()) else {
        return Left::NoRun;
    };
    let state = State::parse(&bytes).expect("invariant 5: what is durable can be read");
    let selection = run.selection(&scenario.tables);
    let tables: Vec<_> = concerned(&state, &selection).map(|(id, _)| id.table.clone()).collect();
    let definitions = scenario.definitions(false);
    let mut survey = Buggy::new(Survey::new(&tables), bug, &definitions);
    if world.run(&mut survey) == Finish::Crashed {
        return Left::Crashed;
    }
    let catalog = match survey.into_inner().into_catalog() {
        Ok(catalog) => catalog,
        Err(error) => return no_run(world, &error),
    };
    let mut state = state;
    Bug::owned(bug, &mut state, world.clock());
    let (plan, before) = (plan(&state, &catalog, &selection, inferred), state.serial());
    let policy = Bug::policy(bug, &run.policy);
    let engine = Engine::rollback(world.clock(), plan, policy, state, run.seed);
    let mut engine = Buggy::new(engine, bug, &definitions);
    if world.run(&mut engine) == Finish::Crashed {
        return Left::Crashed;
    }
    let (state, outcome) = engine.into_inner().finish();
    is_honest(world, &outcome);
    let saved = !matches!(outcome.ended, Ended::SaveFailed(_));
    if saved && state.serial() != before && rollback::is_complete(&state, inferred) {
        checks(world).archiving();
        if put_away(world, run).is_none() {
            return Left::Crashed;
        }
    }
    Left::Over(outcome)
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

/// Nothing is recorded, because everything was seen to be there.
fn needless(world: &mut World, prepared: &Prepared) -> Left {
    for index in prepared.plan.indexes() {
        was_seen(world, &index.definition.id);
    }
    let verdicts =
        prepared.plan.indexes().map(|i| (i.definition.id.clone(), Verdict::AlreadyActive));
    Left::Over(Outcome {
        ended: Ended::Done,
        verdicts: verdicts.collect(),
        tables: Vec::new(),
        stats: gsictl_core::engine::Stats::default(),
    })
}

fn was_seen(world: &mut World, id: &IndexId) {
    assert!(checks(world).saw_ready(id), "invariant 7: {id} is told active, and nobody looked");
}

/// What a run says at its end is what was seen.
fn is_honest(world: &mut World, outcome: &Outcome) {
    for (id, verdict) in &outcome.verdicts {
        if matches!(verdict, Verdict::Activated(_) | Verdict::AlreadyActive) {
            was_seen(world, id);
        }
    }
    let failed = checks(world).save_failed();
    let told = matches!(outcome.ended, Ended::SaveFailed(_));
    assert_eq!(failed, told, "invariant 8: a failed save is told");
    if outcome.ended == Ended::Done {
        assert!(checks(world).all_answered(), "invariant 1: it ended before its calls");
    }
}

fn archive(
    world: &mut World,
    run: &Run,
    bug: Option<Bug>,
    definitions: &Definitions,
    state: &State,
    outcome: &Outcome,
) -> Option<()> {
    let complete = is_complete(definitions, state, outcome);
    let too_early = bug == Some(Bug::ArchivesTooEarly) && outcome.ended == Ended::Done;
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
    checks(world).archiving();
    put_away(world, run)?;
    checks(world).coverage.hit(Row::Archived);
    Some(())
}

/// The state file gets the name of an archive. `None` where the machine goes down.
fn put_away(world: &mut World, run: &Run) -> Option<()> {
    if let End::PowerLostInArchive { step, loss } = run.end {
        world.loss = loss;
        let at = world.disk().taken() + step;
        world.disk().crash_at(at);
    }
    let name = State::archive_name(world.clock());
    let mut store = world.close().expect("a store");
    let archived = store.archive(&name);
    drop(store);
    if world.disk().is_down() {
        world.power_off();
        return None;
    }
    archived.expect("the state is archived");
    Some(())
}
