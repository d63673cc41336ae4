//! What a run makes of descriptions that are late, gone or somebody else's doing.

use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect};
use gsictl_core::definition::Projection;
use gsictl_core::engine::Verdict;
use gsictl_core::event::Event;
use gsictl_core::plan::Obstacle;
use gsictl_core::state::{Owner, Status, Step};

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{
    START, after, by_flight, connection, definitions, hours, id, index, on_creates, one, secs,
    server_error, spec, table,
};
use gsictl_sim::model::Stale;
use gsictl_sim::world::{Fault, World};

fn run_with(prepare: impl FnOnce(&mut World)) -> (World, Ran) {
    let apply = Apply::new(one());
    let mut world = apply.world();
    prepare(&mut world);
    let ran = apply.run(&mut world);
    (world, ran)
}

fn two_on_bookings() -> Apply {
    Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]))
}

// Late.

#[test]
fn an_index_that_descriptions_do_not_show_for_a_minute_is_not_missed() {
    let (world, ran) = run_with(|world| world.model.stale = Some((secs(58), Stale::Old)));
    assert!(ran.all_active());
    assert_eq!(ran.words(&world), ["Creating", "Accepted", "Backfilling", "Activated"]);
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
}

#[test]
fn a_description_knows_nothing_of_what_came_after_it_was_asked_for() {
    // It was asked for a second after the create, and answered a minute later.
    let (world, ran) = run_with(|world| {
        world.model.stale = Some((secs(5), Stale::Old));
        world.faults = Box::new(|call, _, nth| match call {
            Call::DescribeTable(_) if nth == 2 => Fault::Late(secs(62)),
            _ => Fault::None,
        });
    });
    assert!(ran.all_active());
    assert_eq!(ran.words(&world), ["Creating", "Accepted", "Backfilling", "Activated"]);
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
}

#[test]
fn an_index_that_is_still_not_shown_after_a_minute_is_missed() {
    // The create was acknowledged, and undone by somebody before it was seen.
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(0);
        world.model.stale = Some((secs(20), Stale::Old));
        world.at(after(10), |model, now| model.operator_deletes(now, &by_flight()));
        world.at(after(30), |model, _| model.stale = None);
    });
    assert!(ran.all_active());
    assert_eq!(ran.count(&world, "Missing"), 1, "{}", ran.told(&world));
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 2);
    assert!(creates[1] >= after(90) && creates[1] < after(102), "{creates:?}");
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
}

#[test]
fn a_table_that_descriptions_deny_just_after_a_create_is_no_obstacle() {
    let apply = two_on_bookings();
    let mut world = apply.world();
    world.model.stale = Some((secs(40), Stale::NotFound));
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    for definition in &apply.definitions.indexes {
        assert_eq!(world.model.creates_of(&definition.id), 1);
    }
}

#[test]
fn a_table_that_is_denied_after_its_index_was_shown_is_no_obstacle_either() {
    let apply = two_on_bookings();
    let mut world = apply.world();
    world.faults = Box::new(|call, now, _| {
        let blink = now > after(20) && now < after(30);
        if blink && !call.is_mutating() {
            Fault::Refuse(CallError::from_service(
                "ResourceNotFoundException",
                "Requested resource not found: Table: bookings not found",
                Some(400),
            ))
        } else {
            Fault::None
        }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
}

#[test]
fn an_index_that_was_shown_and_is_not_for_a_moment_is_not_missed() {
    let (world, ran) = run_with(|world| {
        // The next description is of before the create again.
        world.at(after(10), |model, now| {
            model.stale = Some((secs(20), Stale::Old));
            model.operator_forgets(now, &by_flight());
        });
    });
    assert!(ran.all_active());
    assert_eq!(ran.count(&world, "Missing"), 0, "{}", ran.told(&world));
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
}

#[test]
fn without_eventual_consistency_an_absent_index_is_created_again_at_once() {
    let apply = Apply::new(one()).policy(|policy| policy.visibility = secs(0));
    let mut world = apply.world();
    world.faults =
        on_creates(|nth| if nth == 1 { Fault::Refuse(server_error()) } else { Fault::None });
    let ran = apply.run(&mut world);
    let creates = ran.creates(&world, &by_flight());
    let wait = creates[1] - creates[0];
    assert!(wait >= secs(30) && wait < secs(34), "backoff alone: {wait:?}");
}

// Other people.

#[test]
fn an_index_that_somebody_deletes_while_it_is_built_is_made_again() {
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(30);
        world.at(after(120), |model, now| model.operator_deletes(now, &by_flight()));
    });
    assert!(ran.all_active());
    assert_eq!(
        ran.words(&world),
        [
            "Creating",
            "Accepted",
            "Backfilling",
            "AwaitingDeletion",
            "AttemptFailed",
            "Missing",
            "Creating",
            "Accepted",
            "Backfilling",
            "Activated"
        ]
    );
    assert_eq!(world.model.creates_of(&by_flight()), 2);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
}

#[test]
fn an_index_that_vanishes_between_two_looks_is_made_again() {
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(0);
        world.at(after(120), |model, now| model.operator_deletes(now, &by_flight()));
    });
    assert!(ran.all_active());
    assert_eq!(ran.count(&world, "Missing"), 1);
    assert_eq!(world.model.creates_of(&by_flight()), 2);
}

#[test]
fn an_index_that_somebody_else_made_again_is_found() {
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(60);
        world.at(after(120), |model, now| model.operator_deletes(now, &by_flight()));
        world.at(after(180), |model, now| {
            model.operator_creates(now, &one().indexes[0]);
        });
    });
    assert!(ran.all_active());
    assert_eq!(world.model.creates_of(&by_flight()), 1);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found), "{}", ran.told(&world));
}

#[test]
fn an_index_that_somebody_made_otherwise_while_ours_was_built_is_an_obstacle() {
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(0);
        world.at(after(120), |model, now| {
            model.operator_deletes(now, &by_flight());
            let mut other = one().indexes.remove(0);
            other.projection = Projection::KeysOnly;
            let _ = model.status(now, &by_flight());
            model.operator_creates(now, &other);
        });
    });
    let verdict = ran.verdict(&by_flight());
    assert!(matches!(verdict, Verdict::Obstructed(Obstacle::Conflict { .. })), "{verdict:?}");
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
    assert_eq!(world.model.creates_of(&by_flight()), 1);
}

#[test]
fn a_table_that_is_deleted_mid_run_stops_its_own_indexes_alone() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
        index("flights.by-date", &["date"]),
    ]));
    let mut world = apply.world();
    world.at(after(100), |model, _| model.operator_drops(&table("bookings")));
    let ran = apply.run(&mut world);
    for gone in ["bookings.by-flight", "bookings.by-name"] {
        assert_eq!(*ran.verdict(&id(gone)), Verdict::Obstructed(Obstacle::NoTable));
        assert_eq!(ran.status(&id(gone)), Status::Pending);
        assert_eq!(ran.entry(&id(gone)).last_error(), Some("the table does not exist"));
    }
    let missed = ran
        .events(&world)
        .any(|event| *event == Event::Missing { id: by_flight(), was: Status::InProgress });
    assert!(missed, "that it is gone is said aloud\n{}", ran.told(&world));
    assert_eq!(ran.status(&id("flights.by-date")), Status::Active);
}

#[test]
fn a_table_that_does_not_exist_is_an_obstacle_and_nothing_is_called_for_it() {
    let apply = Apply::new(one());
    let mut world = World::default();
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Obstructed(Obstacle::NoTable));
    assert_eq!(ran.status(&by_flight()), Status::Pending);
    assert!(world.calls.iter().all(|sent| !sent.call.is_mutating()));
}

#[test]
fn an_obstacle_is_judged_anew_in_every_run() {
    let apply = Apply::new(one());
    let mut world = World::default();
    apply.run(&mut world);
    world.model.add_table(&table("bookings"));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.entry(&by_flight()).last_error(), None);
}

#[test]
fn an_index_on_a_table_that_was_made_again_is_found() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    apply.run(&mut world);
    world.model.operator_drops(&table("bookings"));
    world.model.add_table(&table("bookings"));
    world.model.operator_creates(START, &one().indexes[0]);
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::AlreadyActive);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}

#[test]
fn a_table_that_was_made_again_while_its_index_was_built_disowns_it() {
    let (_, ran) = run_with(|world| {
        world.at(after(120), |model, now| {
            model.operator_drops(&table("bookings"));
            model.add_table(&table("bookings"));
            model.operator_creates(now, &one().indexes[0]);
        });
    });
    assert!(ran.all_active());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}

#[test]
fn a_table_that_is_still_being_created_is_waited_for() {
    let (world, ran) = run_with(|world| {
        world.model.table(&table("bookings")).ready_at = after(50);
    });
    assert!(ran.all_active());
    let creates = ran.creates(&world, &by_flight());
    assert!(creates.len() == 1 && creates[0] >= after(50));
    assert_eq!(ran.count(&world, "Queued"), 1);
}

#[test]
fn a_name_that_a_local_index_has_is_an_obstacle() {
    let (world, ran) = run_with(|world| {
        let names = &mut world.model.table(&table("bookings")).local_indexes;
        names.push(by_flight().index);
    });
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Obstructed(Obstacle::LocalIndex));
    assert_eq!(world.model.log, []);
}

// What an earlier run left behind.

#[test]
fn a_create_that_was_sent_just_before_a_crash_is_waited_for_a_minute() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let mut state = apply.state(START);
    let intend = Step::Intend { at: START, table_id: None, spec: spec() };
    state.apply(&by_flight(), intend).unwrap();
    world.set_durable(Some(&state.render(START).bytes));
    world.now = after(10);
    let ran = apply.run(&mut world);
    let creates = ran.creates(&world, &by_flight());
    assert!(creates.len() == 1 && creates[0] >= after(60), "{creates:?}");
    assert_eq!(ran.count(&world, "Missing"), 1);
}

#[test]
fn an_intent_that_lies_ahead_because_the_clock_was_set_back_is_waited_for_a_minute() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let mut state = apply.state(START);
    let ahead = after(7_200);
    let intend = Step::Intend { at: ahead, table_id: None, spec: spec() };
    state.apply(&by_flight(), intend).unwrap();
    world.set_durable(Some(&state.render(ahead).bytes));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let creates = ran.creates(&world, &by_flight());
    assert!(creates.len() == 1 && creates[0] >= after(60), "{creates:?}");
    assert!(creates[0] < after(70), "{creates:?}");
}

#[test]
fn a_time_out_strikes_though_the_clock_was_set_back_behind_the_intent() {
    let apply = Apply::new(one()).policy(|policy| policy.activation_timeout = Some(secs(60)));
    let mut world = apply.world();
    let table_id = Some(world.model.table(&table("bookings")).id.clone());
    let mut state = apply.state(START);
    let intend = Step::Intend { at: after(7_200), table_id, spec: spec() };
    state.apply(&by_flight(), intend).unwrap();
    world.set_durable(Some(&state.render(after(7_200)).bytes));
    world.model.operator_creates(START, &one().indexes[0]);
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::TimedOut);
    assert!(ran.ended_at < after(70), "{}", ran.ended_at);
}

/// How long the build took, and whether that is the whole of it.
fn activated(ran: &Ran, world: &World) -> (Duration, bool) {
    let found = ran.events(world).find_map(|event| match event {
        Event::Activated { took, whole, .. } => Some((*took, *whole)),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn a_build_that_began_ahead_of_the_clock_is_told_as_long_as_it_was_watched() {
    for (intent, whole) in [(after(7_200), false), (START, true)] {
        let apply = Apply::new(one());
        let mut world = apply.world();
        let table_id = Some(world.model.table(&table("bookings")).id.clone());
        let mut state = apply.state(START);
        let intend = Step::Intend { at: intent, table_id, spec: spec() };
        state.apply(&by_flight(), intend).unwrap();
        world.set_durable(Some(&state.render(START).bytes));
        world.model.operator_creates(START, &one().indexes[0]);
        let ran = apply.run(&mut world);
        let (took, is_whole) = activated(&ran, &world);
        assert_eq!(is_whole, whole, "{intent}");
        assert!(took >= secs(500), "{took:?}");
    }
}

#[test]
fn a_table_that_is_denied_just_after_a_crash_is_looked_at_again() {
    let apply = two_on_bookings();
    let mut world = apply.world();
    let table_id = Some(world.model.table(&table("bookings")).id.clone());
    let mut state = apply.state(START);
    let intend = Step::Intend { at: START, table_id, spec: spec() };
    state.apply(&by_flight(), intend).unwrap();
    world.set_durable(Some(&state.render(START).bytes));
    world.model.stale = Some((secs(30), Stale::NotFound));
    world.model.operator_creates(START, &one().indexes[0]);
    world.now = after(10);
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
    assert_eq!(world.model.creates_of(&by_flight()), 0);
}

#[test]
fn a_create_that_was_sent_just_before_a_crash_and_shows_late_is_recovered() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let table_id = Some(world.model.table(&table("bookings")).id.clone());
    let mut state = apply.state(START);
    let intend = Step::Intend { at: START, table_id, spec: spec() };
    state.apply(&by_flight(), intend).unwrap();
    world.set_durable(Some(&state.render(START).bytes));
    world.now = after(10);
    world.at(after(40), |model, now| model.operator_creates(now, &one().indexes[0]));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.creates(&world, &by_flight()), []);
    assert_eq!(ran.words(&world), ["Recovered", "Backfilling", "Activated"]);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
}

#[test]
fn how_long_an_adopted_build_took_is_counted_from_our_own_intent_only() {
    // Ours of long ago was made again by somebody a minute ago.
    let apply = Apply::new(one());
    let mut world = apply.world();
    apply.run(&mut world);
    world.model.deletion = secs(0);
    let now = world.now + hours(100);
    world.now = now;
    world.model.operator_deletes(now, &by_flight());
    let _ = world.model.status(now, &by_flight());
    world.model.operator_creates(now, &one().indexes[0]);
    let ran = apply.run(&mut world);
    let (took, whole) = activated(&ran, &world);
    assert!(took < secs(560) && !whole, "{took:?} {whole}");
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}

#[test]
fn a_failed_index_that_somebody_began_and_undid_is_told_to_wait_for_the_next_run() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = on_creates(|_| {
        Fault::Refuse(CallError::from_service("ValidationException", "no", Some(400)))
    });
    apply.run(&mut world);
    world.faults = Box::new(|_, _, _| Fault::None);
    world.model.deletion = secs(0);
    let now = world.now;
    world.model.operator_creates(now, &one().indexes[0]);
    world.at(now + secs(100), |model, now| model.operator_deletes(now, &by_flight()));
    let ran = apply.run(&mut world);
    assert_eq!(ran.words(&world), ["Adopted", "Backfilling", "Missing"]);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Waiting);
    assert_eq!(ran.status(&by_flight()), Status::Pending);
}

// A table that cannot be looked at.

#[test]
fn a_table_that_cannot_be_looked_at_holds_no_build_slot() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("flights.by-date", &["date"]),
        index("passengers.by-name", &["name"]),
    ]))
    .policy(|policy| policy.max_builds = 1);
    let mut world = apply.world();
    world.model.table(&table("flights")).items = 3_000_000_000;
    world.model.table(&table("bookings")).items = 2_000_000_000;
    let hour = START + hours(1);
    world.faults = Box::new(move |call, now, _| {
        let blind = now > after(1) && now < hour && call.table().as_str() == "bookings";
        if blind { Fault::Refuse(connection(Effect::NotApplied)) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let first = |text| ran.creates(&world, &id(text))[0];
    assert!(first("flights.by-date") < after(1));
    assert!(first("passengers.by-name") < after(600), "{}", ran.told(&world));
    assert!(first("bookings.by-flight") > hour);
    assert_eq!(world.model.peak, 1);
}
