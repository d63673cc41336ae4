//! Whose an index is: what ends that, durably, and what nobody deletes afterwards.

use gsictl_core::apply::{Order, prepare};
use gsictl_core::call::Call;
use gsictl_core::engine::Verdict;
use gsictl_core::plan::Selection;
use gsictl_core::rollback::{Kept, is_complete, take_down};
use gsictl_core::state::{Owner, Status, Step};
use gsictl_core::survey::Survey;
use gsictl_sim::model::Stale;
use gsictl_sim::world::{Finish, World};

use super::rollback::{Rollback, built, is_gone, one_built};
use crate::support::apply::Apply;
use crate::support::samples::{after, by_flight, definitions, hours, id, index, one, secs};

/// Somebody makes the index as soon as it is not there: every tenth of a second.
fn made_again_at_once(world: &mut World) {
    world.model.allocation = secs(0);
    world.model.backfill = secs(0);
    for tenth in 1..1_200 {
        let at = world.now + std::time::Duration::from_millis(tenth * 100);
        world.at(at, |model, now| {
            if !model.has(now, &by_flight()) {
                model.operator_creates(now, &one().indexes[0]);
            }
        });
    }
}

fn deletes(world: &World) -> usize {
    world.calls.iter().filter(|sent| matches!(sent.call, Call::DeleteIndex { .. })).count()
}

#[test]
fn what_somebody_made_after_our_delete_was_acknowledged_is_left_alone_and_not_ours() {
    let mut world = one_built();
    world.model.deletion = secs(3);
    made_again_at_once(&mut world);
    let done = Rollback::default().run(&mut world);
    assert!(matches!(done.verdict("bookings.by-flight"), Verdict::Deleted(_)), "{:?}", done.told);
    assert!(done.told.contains(&"Kept"), "who made it again is told: {:?}", done.told);
    assert_eq!(done.deletes.len(), 1);
    assert!(!is_gone(&mut world, "bookings.by-flight"));
    assert_eq!(done.state.entry(&by_flight()).unwrap().record().owner, Some(Owner::Found));
    let again = Rollback::default().run(&mut world);
    assert_eq!(*again.verdict("bookings.by-flight"), Verdict::Kept(Kept::NotOurs));
    assert_eq!(deletes(&world), 1);
}

#[test]
fn a_rollback_that_was_killed_after_the_acknowledgement_deletes_nothing_of_that_name_again() {
    let mut tried = 0;
    for steps in 1..300 {
        let mut world = one_built();
        world.model.deletion = secs(3);
        made_again_at_once(&mut world);
        world.crash_after = Some(world.steps + steps);
        if Rollback::default().try_run(&mut world).is_some() {
            assert!(tried > 2, "{tried} crashes after the acknowledgement");
            return;
        }
        let state = gsictl_core::state::State::parse(&world.durable().unwrap()).unwrap();
        if state.entry(&by_flight()).unwrap().record().is_ours() {
            continue;
        }
        tried += 1;
        world.idle(secs(90));
        let before = deletes(&world);
        Rollback::default().run(&mut world);
        assert_eq!(deletes(&world), before, "after {steps} steps");
        assert!(!is_gone(&mut world, "bookings.by-flight"));
    }
    panic!("it takes more steps than that");
}

#[test]
fn an_index_that_was_active_and_is_seen_being_built_is_not_ours_in_the_next_run_either() {
    let mut world = one_built();
    let now = world.now;
    world.model.deletion = secs(0);
    world.model.operator_deletes(now, &by_flight());
    let _ = world.model.status(now, &by_flight());
    world.model.operator_creates(now, &one().indexes[0]);
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Kept(Kept::NotOurs));
    world.idle(secs(1_000));
    let done = Rollback::default().run(&mut world);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Kept(Kept::NotOurs));
    assert_eq!(deletes(&world), 0);
}

#[test]
fn what_a_run_sees_of_an_index_that_it_is_not_about_ends_its_ownership_too() {
    let both = definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]);
    let mut apply = Apply::new(both);
    let mut world = built(&apply);
    let now = world.now;
    world.model.operator_deletes(now, &id("bookings.by-name"));
    apply.selection = Selection { indexes: vec![by_flight().index], ..Selection::default() };
    let ran = apply.run(&mut world);
    assert_eq!(ran.owner(&id("bookings.by-name")), None);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    // Made again with the same keys, and never seen absent by a run.
    world.idle(secs(60));
    let now = world.now;
    world.model.operator_creates(now, &apply.definitions.indexes[1]);
    world.idle(secs(1_000));
    Rollback::default().run(&mut world);
    assert!(!is_gone(&mut world, "bookings.by-name"), "another's index was deleted");
    assert!(is_gone(&mut world, "bookings.by-flight"));
}

#[test]
fn what_a_look_before_the_question_shows_is_recorded_whatever_is_answered() {
    let apply = Apply::new(one());
    let mut world = built(&apply);
    let now = world.now;
    world.model.operator_deletes(now, &by_flight());
    let mut survey = Survey::new(apply.definitions.tables());
    assert_eq!(world.run(&mut survey), Finish::Over);
    let bytes = world.durable().unwrap();
    let mut state = gsictl_core::state::State::parse(&bytes).unwrap();
    let catalog = survey.into_catalog().unwrap();
    assert!(take_down(&mut state, &catalog, |_| true, secs(60), world.now));
    assert_eq!(state.entry(&by_flight()).unwrap().record().owner, None);
}

#[test]
fn a_create_that_is_acknowledged_and_taken_away_again_and_again_ends_the_run() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.model.deletion = secs(0);
    for tick in 1..4_000 {
        world.at(after(tick), |model, now| {
            if model.status(now, &by_flight()).is_some() {
                model.operator_deletes(now, &by_flight());
            }
        });
    }
    let ran = apply.run(&mut world);
    let Verdict::Failed { error, remedy } = ran.verdict(&by_flight()) else {
        panic!("{}", ran.told(&world));
    };
    assert!(error.contains("acknowledged"), "{error}");
    assert!(remedy.contains("template engine") && remedy.contains("another run"), "{remedy}");
    assert_eq!(ran.creates(&world, &by_flight()).len(), 5);
    assert_eq!(ran.entry(&by_flight()).retry_count(), 5);
    assert_eq!((ran.status(&by_flight()), ran.owner(&by_flight())), (Status::Failed, None));
}

#[test]
fn an_already_exists_that_no_description_confirms_is_an_attempt() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = Box::new(|call, _, _| match call {
        Call::CreateIndex(_) => gsictl_sim::world::Fault::Refuse(gsictl_sim::model::refusal(
            "ValidationException",
            "Attempting to create an index which already exists",
        )),
        _ => gsictl_sim::world::Fault::None,
    });
    let ran = apply.run(&mut world);
    assert!(matches!(ran.verdict(&by_flight()), Verdict::Failed { .. }), "{}", ran.told(&world));
    assert_eq!(ran.creates(&world, &by_flight()).len(), 5);
}

#[test]
fn a_deletion_that_was_acknowledged_is_waited_for_though_descriptions_are_behind() {
    let mut world = one_built();
    world.model.stale = Some((secs(50), Stale::Old));
    world.model.deletion = secs(3);
    let done = Rollback::default().run(&mut world);
    assert!(matches!(done.verdict("bookings.by-flight"), Verdict::Deleted(_)), "{:?}", done.told);
    assert_eq!(done.deletes.len(), 1);
    assert!(is_complete(&done.state, false));
}

#[test]
fn an_index_that_is_deleted_while_the_run_goes_on_is_not_reported_as_active() {
    let both = definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]);
    let apply = Apply::new(both);
    let mut world = apply.world();
    world.at(after(900), |model, now| {
        model.operator_deletes(now, &by_flight());
    });
    let ran = apply.run(&mut world);
    assert!(matches!(ran.verdict(&by_flight()), Verdict::Failed { .. }), "{}", ran.told(&world));
    assert!(!ran.state.entry(&by_flight()).unwrap().record().is_ours());
}

#[test]
fn what_the_first_look_shows_of_a_table_that_a_run_is_not_about_ends_an_ownership_too() {
    let both = definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("flights.by-date", &["date"]),
    ]);
    let apply = Apply::new(both);
    let mut world = built(&apply);
    world.model.deletion = secs(0);
    let now = world.now;
    world.model.operator_deletes(now, &by_flight());
    let mut survey = Survey::new(apply.definitions.tables());
    assert_eq!(world.run(&mut survey), Finish::Over);
    let loaded = gsictl_core::state::State::parse(&world.durable().unwrap()).unwrap();
    let selection = Selection { tables: vec![id("flights.by-date").table], ..Selection::default() };
    let order = Order {
        definitions: &apply.definitions,
        script_name: "airline.yaml",
        selection: &selection,
        retry_failed: false,
        visibility: secs(60),
    };
    let (catalog, now) = (survey.into_catalog().unwrap(), world.now);
    let target = gsictl_core::state::Target::default();
    let prepared = prepare(&order, Some(loaded), String::new(), target, &catalog, now).unwrap();
    assert_eq!(prepared.state.entry(&by_flight()).unwrap().record().owner, None);
    assert!(prepared.state.is_dirty(), "the run saves it");
}

#[test]
fn an_index_that_is_not_shown_any_more_is_not_deleted_though_its_create_lies_ahead() {
    let both = definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]);
    let apply = Apply::new(both);
    let mut world = built(&apply);
    // The clock is set back behind both intents.
    world.skew -= 100_000_000;
    world.model.deletion = secs(20);
    // The newer one goes first; the other is deleted by somebody meanwhile.
    world.at(world.now + secs(15), |model, now| {
        model.deletion = secs(0);
        model.operator_deletes(now, &by_flight());
    });
    let done = Rollback::default().run(&mut world);
    assert_eq!(done.deletes, ["bookings.by-name"]);
    assert_eq!(*done.verdict("bookings.by-flight"), Verdict::Gone, "{:?}", done.told);
}

#[test]
fn an_index_that_fits_the_definitions_and_not_the_intent_is_not_ours() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let table_id = Some(world.model.table(&by_flight().table).id.clone());
    let mut state = apply.state(world.now);
    // The definitions have changed since, and somebody made what they want now.
    let intend = Step::Intend { at: world.now, table_id: table_id.clone(), spec: "2e".to_owned() };
    for step in [intend, Step::Acknowledge, Step::SeenActive { at: world.now, table_id }] {
        state.apply(&by_flight(), step).unwrap();
    }
    world.set_durable(Some(&state.render(world.now).bytes));
    let now = world.now;
    world.model.operator_creates(now, &one().indexes[0]);
    world.idle(hours(1));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}
