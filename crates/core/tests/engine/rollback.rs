//! Rollback: what is deleted, what is left alone, and how it ends.

use gsictl_core::call::Call;
use gsictl_core::definition::Projection;
use gsictl_core::engine::{Ended, Engine, Outcome, Verdict};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_core::rollback::{Kept, concerned, is_complete, plan};
use gsictl_core::state::{Owner, State, Status, Step};
use gsictl_core::survey::Survey;
use gsictl_sim::checks::Rules;
use gsictl_sim::model::{Stale, refusal};
use gsictl_sim::world::{Fault, Finish, World};

use crate::support::apply::{Apply, word};
use crate::support::samples::{
    airline, by_flight, connection, definitions, hours, id, index, one, secs, server_error,
    throttled,
};

/// One rollback over what is durable.
#[derive(Default)]
pub(super) struct Rollback {
    pub(super) selection: Selection,
    pub(super) inferred: bool,
}

pub(super) struct Done {
    pub(super) state: State,
    pub(super) outcome: Outcome,
    pub(super) told: Vec<&'static str>,
    pub(super) deletes: Vec<String>,
}

impl Done {
    pub(super) fn verdict(&self, index: &str) -> &Verdict {
        let found = self.outcome.verdicts.iter().find(|(of, _)| *of == id(index));
        &found.expect("a verdict").1
    }

    fn all_deleted(&self) -> bool {
        self.outcome.verdicts.iter().all(|(_, v)| matches!(v, Verdict::Deleted(_)))
    }
}

impl Rollback {
    pub(super) fn try_run(&self, world: &mut World) -> Option<Done> {
        let loaded = world.open(Box::new(world.disk().store())).unwrap().expect("a state");
        let policy = Policy { max_attempts: 3, backoff: vec![secs(30)], ..Policy::default() };
        let rules = Rules {
            backoff: policy.backoff.clone(),
            retry_failed: false,
            visibility: policy.visibility,
            rollback: true,
            include_inferred: self.inferred,
            max_attempts: policy.max_attempts,
            ..Rules::default()
        };
        world.checks.as_mut().unwrap().begin(rules, Some(&loaded));
        let state = State::parse(&loaded).unwrap();
        let (events, calls) = (world.events.len(), world.calls.len());
        let tables: Vec<_> =
            concerned(&state, &self.selection).map(|(id, _)| id.table.clone()).collect();
        let mut survey = Survey::new(&tables);
        if world.run(&mut survey) == Finish::Crashed {
            return None;
        }
        let plan = plan(&state, &survey.into_catalog().unwrap(), &self.selection, self.inferred);
        let mut engine = Engine::rollback(world.clock(), plan, policy, state, 7);
        if world.run(&mut engine) == Finish::Crashed {
            return None;
        }
        world.close();
        let (state, outcome) = engine.finish();
        let deleted = |call: &Call| match call {
            Call::DeleteIndex { table, index } => Some(format!("{table}.{index}")),
            _ => None,
        };
        Some(Done {
            state,
            outcome,
            told: world.events[events..].iter().map(|(_, e)| word(e)).collect(),
            deletes: world.calls[calls..].iter().filter_map(|s| deleted(&s.call)).collect(),
        })
    }

    pub(super) fn run(&self, world: &mut World) -> Done {
        self.try_run(world).expect("no crash was ordered")
    }
}

pub(super) fn built(apply: &Apply) -> World {
    let mut world = apply.world();
    assert!(apply.run(&mut world).all_active());
    world
}

pub(super) fn one_built() -> World {
    built(&Apply::new(one()))
}

pub(super) fn is_gone(world: &mut World, index: &str) -> bool {
    let now = world.now;
    !world.model.has(now, &id(index))
}

#[test]
fn what_a_run_created_is_deleted_the_newest_first_and_one_a_table_at_a_time() {
    let mut world = built(&Apply::new(airline()));
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted(), "{:?}", done.outcome.verdicts);
    assert!(is_complete(&done.state, false));
    for definition in &airline().indexes {
        let now = world.now;
        assert!(!world.model.has(now, &definition.id));
        let entry = done.state.entry(&definition.id).unwrap();
        assert_eq!((entry.status(), entry.record().owner), (Status::Pending, None));
        assert!(entry.record().deleted_at.is_some());
    }
    let bookings: Vec<_> = done.deletes.iter().filter(|d| d.starts_with("bookings")).collect();
    assert_eq!(bookings, ["bookings.flight-status-index", "bookings.passenger-flight-index"]);
    assert_eq!(done.outcome.stats.deletes, 6);
}

#[test]
fn what_was_there_before_is_kept_and_nothing_is_called_for_it() {
    let apply = Apply::new(definitions([
        index("bookings.ours", &["flight_id"]),
        index("bookings.theirs", &["name"]),
    ]));
    let mut world = apply.world();
    world.model.operator_creates(gsictl_sim::world::START, &apply.definitions.indexes[1]);
    world.now = world.now + hours(1);
    assert!(apply.run(&mut world).all_active());
    let done = Rollback::default().run(&mut world);
    assert_eq!(done.deletes, ["bookings.ours"]);
    assert_eq!(*done.verdict("bookings.theirs"), Verdict::Kept(Kept::NotOurs));
    assert!(!is_gone(&mut world, "bookings.theirs"));
}

#[test]
fn an_index_that_was_made_again_with_other_keys_is_left_alone_and_named() {
    let mut world = one_built();
    world.model.deletion = secs(0);
    let mut other = one().indexes.remove(0);
    other.projection = Projection::KeysOnly;
    let now = world.now;
    world.model.operator_deletes(now, &by_flight());
    let _ = world.model.status(now, &by_flight());
    world.model.operator_creates(now, &other);
    let done = Rollback::default().run(&mut world);
    let Verdict::Kept(kept) = done.verdict("bookings.by-flight") else { panic!() };
    assert!(kept.to_string().contains("KEYS_ONLY"), "{kept}");
    assert_eq!(done.deletes, [""; 0]);
    assert!(!is_gone(&mut world, "bookings.by-flight"));
}

#[test]
fn an_index_on_a_table_that_was_made_again_is_left_alone() {
    let mut world = one_built();
    world.model.operator_drops(&by_flight().table);
    world.model.add_table(&by_flight().table);
    let now = world.now;
    world.model.operator_creates(now, &one().indexes[0]);
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Kept(Kept::OtherTable));
    assert_eq!(done.deletes, [""; 0]);
}

#[test]
fn an_index_whose_creation_was_never_acknowledged_is_deleted_only_when_asked_to() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = Box::new(|call, _, nth| match call {
        Call::CreateIndex(_) if nth == 1 => {
            Fault::LoseAfter(connection(gsictl_core::call::Effect::Unknown))
        }
        _ => Fault::None,
    });
    let ran = apply.run(&mut world);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Kept(Kept::Inferred));
    let done = Rollback { inferred: true, ..Rollback::default() }.run(&mut world);
    assert!(done.all_deleted());
}

#[test]
fn a_build_is_interrupted_in_its_second_phase_and_not_in_its_first() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.stop_at = Some(world.now + secs(5));
    apply.run(&mut world);
    let began = world.now;
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted(), "{:?}", done.told);
    // The first phase takes half a minute, the second eight more.
    assert!(world.now - began > secs(24) && world.now - began < secs(60));
    assert_eq!(done.deletes.len(), 1, "nothing was tried in vain");
}

#[test]
fn where_a_build_cannot_be_interrupted_its_end_is_waited_for() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.stop_at = Some(world.now + secs(5));
    apply.run(&mut world);
    let until = world.now + secs(500);
    world.faults = Box::new(move |call, now, _| match call {
        Call::DeleteIndex { .. } if now < until => Fault::Refuse(refusal(
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Index is being created.",
        )),
        _ => Fault::None,
    });
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted(), "{:?}", done.told);
    // Refused for two minutes it is known to be of no use before the end of the build.
    let of = |call: &Call| matches!(call, Call::DeleteIndex { .. });
    let sent: Vec<_> = world.calls.iter().filter(|s| of(&s.call)).map(|s| s.at).collect();
    let waits: Vec<_> = sent.windows(2).map(|two| (two[1] - two[0]).as_secs()).collect();
    assert_eq!(waits[..5], [5, 10, 20, 40, 60], "{waits:?}");
    assert!(waits.len() == 6 && waits[5] > 200, "{waits:?}");
}

#[test]
fn somebody_elses_build_on_the_table_is_waited_for() {
    let mut world = one_built();
    let now = world.now;
    world.model.operator_creates(now, &index("bookings.theirs", &["name"]));
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted());
    assert_eq!(done.deletes.len(), 1);
    assert!(done.told.contains(&"Queued"), "{:?}", done.told);
    assert!(world.now - now > secs(500));
}

#[test]
fn attempts_are_three_and_half_a_minute_apart_and_then_the_index_stands_as_it_did() {
    let mut world = one_built();
    world.faults = Box::new(|call, _, _| match call {
        Call::DeleteIndex { .. } => Fault::Refuse(throttled()),
        _ => Fault::None,
    });
    let began = world.now;
    let done = Rollback::default().run(&mut world);
    assert!(matches!(done.verdict("bookings.by-flight"), Verdict::Failed { .. }));
    assert_eq!(done.deletes.len(), 3);
    assert!(world.now - began >= secs(60) && world.now - began < secs(70));
    let entry = done.state.entry(&by_flight()).unwrap();
    assert_eq!((entry.status(), entry.record().owner), (Status::Active, Some(Owner::Run)));
    assert_eq!(entry.record().attempts.len(), 3);
    assert!(!is_complete(&done.state, false));
    world.faults = Box::new(|_, _, _| Fault::None);
    assert!(Rollback::default().run(&mut world).all_deleted());
}

#[test]
fn a_lost_answer_is_looked_after_and_the_delete_not_repeated() {
    let mut world = one_built();
    world.faults = Box::new(|call, _, nth| match call {
        Call::DeleteIndex { .. } if nth == 1 => Fault::LoseAfter(server_error()),
        _ => Fault::None,
    });
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted());
    assert_eq!(done.deletes.len(), 1);
}

#[test]
fn what_descriptions_still_show_for_a_while_is_not_deleted_again() {
    for form in [Stale::Old, Stale::NotFound] {
        let mut world = one_built();
        world.model.stale = Some((secs(40), form));
        let done = Rollback::default().run(&mut world);
        assert!(done.all_deleted(), "{form:?} {:?}", done.told);
        assert_eq!(done.deletes.len(), 1);
    }
}

#[test]
fn what_somebody_deleted_before_is_gone_and_not_called() {
    let mut world = one_built();
    let now = world.now;
    world.model.operator_deletes(now, &by_flight());
    world.now = now + hours(1);
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Gone);
    assert_eq!(done.deletes, [""; 0]);
    assert_eq!(done.state.entry(&by_flight()).unwrap().status(), Status::Pending);
}

#[test]
fn a_create_that_may_not_be_visible_yet_is_waited_for_before_it_is_taken_for_gone() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.model.stale = Some((secs(30), Stale::Old));
    world.stop_at = Some(world.now + secs(5));
    apply.run(&mut world);
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted(), "{:?}", done.told);
    assert!(is_gone(&mut world, "bookings.by-flight"));
}

#[test]
fn a_selection_limits_what_is_deleted() {
    let mut world = built(&Apply::new(airline()));
    let selection = Selection { tables: vec![by_flight().table], ..Selection::default() };
    let done = Rollback { selection, inferred: false }.run(&mut world);
    assert_eq!(done.deletes.len(), 2);
    assert!(!is_complete(&done.state, false));
}

#[test]
fn a_stop_leaves_deletions_to_dynamodb_and_the_next_rollback_finishes() {
    let mut world = built(&Apply::new(airline()));
    world.model.deletion = secs(60);
    world.stop_at = Some(world.now + secs(10));
    let done = Rollback::default().run(&mut world);
    assert_eq!(done.outcome.ended, Ended::Stopped);
    assert_eq!(*done.verdict("bookings.flight-status-index"), Verdict::Deleting);
    assert_eq!(*done.verdict("bookings.passenger-flight-index"), Verdict::Waiting);
    world.stop_at = None;
    let done = Rollback::default().run(&mut world);
    assert!(done.all_deleted(), "{:?}", done.outcome.verdicts);
    assert_eq!(done.deletes, ["bookings.passenger-flight-index"]);
}

#[test]
fn a_crash_after_any_step_is_resumed_and_each_index_deleted_once() {
    for steps in 1..200 {
        let mut world = built(&Apply::new(airline()));
        let before = world.model.log.len();
        world.crash_after = Some(world.steps + steps);
        if let Some(done) = Rollback::default().try_run(&mut world) {
            assert!(done.all_deleted());
            return;
        }
        world.idle(secs(2));
        let done = Rollback::default().run(&mut world);
        let over = |v: &Verdict| matches!(v, Verdict::Deleted(_) | Verdict::Gone);
        assert!(done.outcome.verdicts.iter().all(|(_, v)| over(v)), "{steps}");
        let deleted = world.model.log[before..].iter().filter(|a| !a.created).count();
        assert_eq!(deleted, 6, "{steps}");
        assert!(is_complete(&done.state, false));
    }
    panic!("it takes more steps than that");
}

#[test]
fn an_apply_after_a_rollback_builds_them_again() {
    let apply = Apply::new(one());
    let mut world = built(&apply);
    Rollback::default().run(&mut world);
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    assert_eq!(world.model.creates_of(&by_flight()), 2);
}

#[test]
fn a_state_of_the_seeds_tool_owns_nothing() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let mut state = apply.state(world.now);
    let seen = Step::SeenActive { at: world.now, table_id: None };
    state.apply(&by_flight(), seen).unwrap();
    world.set_durable(Some(&state.render(world.now).bytes));
    let now = world.now;
    world.model.operator_creates(now, &one().indexes[0]);
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Kept(Kept::NotOurs));
}
