//! Polling, limits and order: how long a run waits, and for what.

use std::time::Duration;

use gsictl_core::call::Call;
use gsictl_core::engine::{Ended, Verdict};
use gsictl_core::event::Event;
use gsictl_core::polling::Polling;
use gsictl_core::state::{Owner, Status};
use gsictl_core::time::Timestamp;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{
    START, after, airline, by_flight, definitions, hours, id, index, millis, on_creates, one,
    one_each, secs, server_error, table,
};
use gsictl_sim::model::{Stale, refusal};
use gsictl_sim::world::{Fault, SaveFault, World};

/// Seconds between the looks at a table, from the create on.
fn look_intervals(world: &World, ran: &Ran, from: Timestamp) -> Vec<f64> {
    let calls = world.calls[ran.calls.clone()].iter();
    let looks = calls.filter(|s| matches!(s.call, Call::DescribeTable(_)) && s.at > from);
    let times: Vec<_> = looks.map(|s| s.at).collect();
    times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
}

// Polling.

#[test]
fn on_an_emulator_looks_begin_every_second_and_grow_to_ten() {
    let apply = Apply::new(one()).policy(|policy| policy.polling = Polling::emulator());
    let mut world = apply.world();
    world.model.backfill = secs(1_000);
    let ran = apply.run(&mut world);
    let intervals = look_intervals(&world, &ran, after(0) + millis(200));
    assert!(intervals[..15].iter().all(|i| *i <= 1.1), "{intervals:?}");
    let late = &intervals[intervals.len() - 30..];
    assert!(late.iter().all(|i| (8.9..10.1).contains(i)), "{late:?}");
    let grows = intervals.windows(2).all(|pair| pair[1] >= pair[0] - 1.1);
    assert!(grows, "{intervals:?}");
    assert!(intervals.len() < 180, "{} looks in a thousand seconds", intervals.len());
}

#[test]
fn looks_at_all_tables_fall_on_whole_seconds_together() {
    let apply = Apply::new(one_each(20));
    let mut world = apply.world();
    // Answers come in at odd times.
    world.faults = Box::new(|call, _, nth| {
        let odd = call.table().as_str().len() as u64 * 37 + nth as u64 * 13;
        Fault::Late(Duration::from_millis(odd % 400))
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let later = world.calls.iter().filter(|s| !s.call.is_mutating() && s.at > after(1));
    for sent in later {
        assert_eq!(sent.at, sent.at.whole_seconds(), "{sent:?}");
    }
    assert!(ran.saves < 60, "twenty builds that go in step: {} saves", ran.saves);
}

#[test]
fn failed_looks_are_told_and_fail_nothing() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let (from, until) = (after(100), after(4_000));
    world.faults = Box::new(move |call, now, _| {
        let down = now > from && now < until && !call.is_mutating();
        if down { Fault::Refuse(server_error()) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let waits: Vec<_> = ran
        .events(&world)
        .filter_map(|event| match event {
            Event::LookFailed { retry_in, .. } => Some(retry_in.as_secs()),
            _ => None,
        })
        .collect();
    assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60], "three times at once before that");
    assert!(ran.ended_at < until + secs(61));
    assert_eq!(ran.count(&world, "AttemptFailed"), 0);
    assert_eq!(ran.entry(&by_flight()).retry_count(), 0);
}

#[test]
fn one_failed_look_is_repeated_at_once_and_not_told() {
    let apply = Apply::new(one()).policy(|policy| policy.polling = Polling::emulator());
    let mut world = apply.world();
    world.faults = Box::new(|call, _, nth| {
        let hiccup = matches!(nth, 30..33 | 60..63) && !call.is_mutating();
        if hiccup { Fault::Refuse(server_error()) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.count(&world, "LookFailed"), 0);
    let intervals = look_intervals(&world, &ran, after(1));
    assert_eq!(intervals.iter().filter(|i| **i < 0.1).count(), 6);
}

// The activation time-out.

fn stuck(timeout: Duration) -> (Apply, World) {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
        index("flights.by-date", &["date"]),
    ]))
    .policy(|policy| policy.activation_timeout = Some(timeout));
    let mut world = apply.world();
    world.model.table(&table("bookings")).backfill = Some(hours(10));
    (apply, world)
}

#[test]
fn a_build_that_takes_too_long_is_left_to_itself() {
    let (apply, mut world) = stuck(secs(900));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.ended, Ended::Done);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::TimedOut);
    assert_eq!(ran.status(&by_flight()), Status::InProgress);
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(
        error.starts_with("still CREATING after 90") && error.ends_with(" s of waiting"),
        "{error}"
    );
    assert!(ran.ended_at >= after(900) && ran.ended_at < after(911));
    assert!(world.model.has(world.now, &by_flight()), "nothing is deleted");
    assert_eq!(ran.status(&id("flights.by-date")), Status::Active, "others go on");
}

#[test]
fn what_waits_behind_a_build_that_takes_too_long_stays_pending() {
    let (apply, mut world) = stuck(secs(900));
    let ran = apply.run(&mut world);
    let behind = id("bookings.by-name");
    assert_eq!(*ran.verdict(&behind), Verdict::Waiting);
    assert_eq!(ran.status(&behind), Status::Pending);
    assert_eq!(ran.creates(&world, &behind), []);
}

#[test]
fn the_run_after_a_time_out_waits_as_long_again() {
    let (apply, mut world) = stuck(secs(900));
    let first = apply.run(&mut world).ended_at;
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::TimedOut);
    let waited = ran.ended_at - first;
    assert!(waited >= secs(900) && waited < secs(911), "{waited:?}");
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
}

#[test]
fn the_run_after_a_time_out_picks_the_build_up() {
    let (mut apply, mut world) = stuck(secs(900));
    apply.run(&mut world);
    apply.policy.activation_timeout = None;
    world.model.table(&table("bookings")).backfill = None;
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(world.model.creates_of(&by_flight()), 1);
    assert_eq!(ran.entry(&by_flight()).last_error(), None);
}

#[test]
fn somebody_elses_build_is_timed_from_when_it_was_found() {
    let apply = Apply::new(one()).policy(|policy| policy.activation_timeout = Some(secs(600)));
    let mut world = apply.world();
    world.model.operator_creates(START, &one().indexes[0]);
    world.now = after(500);
    assert!(apply.run(&mut world).all_active());
}

// --fail-fast.

fn refused_on(name: &'static str) -> impl FnMut(&Call, Timestamp, usize) -> Fault {
    move |call, _, _| {
        if call.is_mutating() && call.table().as_str() == name {
            Fault::Refuse(refusal("AccessDeniedException", "not authorized"))
        } else {
            Fault::None
        }
    }
}

#[test]
fn with_fail_fast_nothing_new_is_started_after_a_failure_and_builds_are_awaited() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("flights.by-date", &["date"]),
        index("flights.by-route", &["route"]),
        index("passengers.by-name", &["name"]),
    ]))
    .policy(|policy| {
        policy.fail_fast = true;
        policy.max_builds = 2;
    });
    let mut world = apply.world();
    world.faults = Box::new(refused_on("bookings"));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.ended, Ended::Done);
    assert_eq!(ran.status(&by_flight()), Status::Failed);
    assert!(matches!(ran.verdict(&id("flights.by-date")), Verdict::Activated(_)));
    for waiting in ["flights.by-route", "passengers.by-name"] {
        assert_eq!(*ran.verdict(&id(waiting)), Verdict::Waiting);
        assert_eq!(ran.status(&id(waiting)), Status::Pending);
        assert_eq!(ran.creates(&world, &id(waiting)), []);
    }
}

#[test]
fn with_fail_fast_an_intent_whose_save_is_under_way_is_taken_back() {
    let apply = Apply::new(one_each(2)).policy(|policy| policy.fail_fast = true);
    let mut world = apply.world();
    // The second table is free at 2 s, and its intent is saved until 5 s; the
    // first one's refusal comes between, at 3 s.
    world.model.table(&table("table-1")).updating_until = after(1) + millis(500);
    world.save_faults =
        Box::new(|nth, _| if nth == 2 { SaveFault::Slow(secs(3)) } else { SaveFault::None });
    let denied = refusal("AccessDeniedException", "not authorized");
    world.faults = on_creates(move |_| Fault::RefuseLate(denied.clone(), secs(3)));
    let ran = apply.run(&mut world);
    assert_eq!(ran.status(&id("table-0.first")), Status::Failed);
    let second = id("table-1.first");
    assert_eq!(ran.creates(&world, &second), [], "{}", ran.told(&world));
    assert_eq!(ran.status(&second), Status::Pending);
    assert_eq!(*ran.verdict(&second), Verdict::Waiting);
    assert!(world.saves[1].0 < after(3) && ran.ended_at > after(5), "a save was under way");
}

#[test]
fn with_fail_fast_what_is_there_already_is_still_seen() {
    let apply = Apply::new(definitions([
        index("missing.by-flight", &["flight_id"]),
        index("active.by-date", &["date"]),
        index("building.by-name", &["name"]),
        index("absent.by-route", &["route"]),
    ]))
    .policy(|policy| policy.fail_fast = true);
    let mut world = World::default();
    for name in ["active", "building", "absent"] {
        world.model.add_table(&table(name));
    }
    world.now = after(3_600);
    world.model.operator_creates(START, &apply.definitions.indexes[1]);
    world.model.operator_creates(after(3_500), &apply.definitions.indexes[2]);
    let ran = apply.run(&mut world);
    assert!(matches!(ran.verdict(&id("missing.by-flight")), Verdict::Obstructed(_)));
    assert_eq!(*ran.verdict(&id("active.by-date")), Verdict::AlreadyActive);
    assert!(matches!(ran.verdict(&id("building.by-name")), Verdict::Activated(_)));
    assert_eq!(*ran.verdict(&id("absent.by-route")), Verdict::Waiting);
    assert_eq!(world.model.log, []);
}

// --no-wait.

#[test]
fn without_waiting_every_table_gets_one_start_and_the_run_leaves() {
    let apply = Apply::new(one_each(5)).policy(|policy| policy.wait = false);
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    assert!(ran.ended_at < after(1));
    for definition in &apply.definitions.indexes {
        assert_eq!(*ran.verdict(&definition.id), Verdict::Building);
        assert_eq!(ran.status(&definition.id), Status::InProgress);
        assert_eq!(ran.owner(&definition.id), Some(Owner::Run));
    }
}

#[test]
fn without_waiting_the_second_index_of_a_table_waits_for_the_same_command_later() {
    let apply = Apply::new(airline()).policy(|policy| policy.wait = false);
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    let second = id("bookings.flight-status-index");
    assert_eq!(*ran.verdict(&second), Verdict::Waiting);
    assert_eq!(ran.status(&second), Status::Pending);
    let building = ran.outcome.verdicts.iter().filter(|(_, v)| *v == Verdict::Building);
    assert_eq!(building.count(), 5);

    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.stats.creates, 0, "its table is busy still");
    assert_eq!(*ran.verdict(&second), Verdict::Waiting);

    world.idle(secs(600));
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&second), Verdict::Building);
    world.idle(secs(600));
    assert!(apply.run(&mut world).all_active());
    for definition in &apply.definitions.indexes {
        assert_eq!(world.model.creates_of(&definition.id), 1);
    }
}

#[test]
fn without_waiting_a_refusal_is_not_repeated_and_the_intent_is_taken_back() {
    let apply = Apply::new(one()).policy(|policy| policy.wait = false);
    let mut world = apply.world();
    world.faults = on_creates(|_| Fault::Refuse(refusal("ThrottlingException", "Rate exceeded")));
    let ran = apply.run(&mut world);
    assert!(ran.ended_at < after(1));
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Waiting);
    assert_eq!(ran.status(&by_flight()), Status::Pending);
    assert_eq!(ran.entry(&by_flight()).retry_count(), 1);
}

#[test]
fn without_waiting_a_lost_answer_is_still_cleared_up() {
    let apply = Apply::new(one()).policy(|policy| policy.wait = false);
    let mut world = apply.world();
    world.model.stale = Some((secs(20), Stale::Old));
    world.faults = on_creates(|_| Fault::LoseAfter(server_error()));
    let ran = apply.run(&mut world);
    assert!(ran.ended_at > after(20) && ran.ended_at < after(25));
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Building);
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
}

#[test]
fn without_waiting_a_full_account_is_left_and_the_queue_is_named() {
    let apply = Apply::new(one_each(8)).policy(|policy| policy.wait = false);
    let mut world = apply.world();
    world.model.account_limit = 5;
    let ran = apply.run(&mut world);
    assert!(ran.ended_at < after(1));
    let count = |wanted: &Verdict| {
        ran.outcome.verdicts.iter().filter(|(_, verdict)| verdict == wanted).count()
    };
    assert_eq!((count(&Verdict::Building), count(&Verdict::Waiting)), (5, 3));
    let held = ran.events(&world).any(|event| {
        matches!(event, Event::Queued { queue: gsictl_core::event::Queue::AccountHeld { .. }, .. })
    });
    assert!(!held, "the account is full of our own builds\n{}", ran.told(&world));
}

// --max-builds, and the order.

#[test]
fn no_more_builds_run_at_once_than_the_policy_says() {
    for max in [1, 3] {
        let apply = Apply::new(one_each(7)).policy(|policy| policy.max_builds = max);
        let mut world = apply.world();
        let ran = apply.run(&mut world);
        assert!(ran.all_active());
        assert_eq!(world.model.peak, max);
        let waves = 7_u64.div_ceil(max as u64);
        assert!(ran.ended_at < after(waves * 552), "no slot stays free");
    }
}

#[test]
fn builds_that_were_found_count_against_the_limit() {
    let apply = Apply::new(one_each(4)).policy(|policy| policy.max_builds = 2);
    let mut world = apply.world();
    for found in &apply.definitions.indexes[..2] {
        world.model.operator_creates(START, found);
    }
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(world.model.peak, 2);
}

#[test]
fn the_tables_that_promise_the_longest_work_start_first() {
    let apply = Apply::new(definitions([
        index("small.by-name", &["name"]),
        index("large.by-name", &["name"]),
        index("double.by-name", &["name"]),
        index("double.by-date", &["date"]),
    ]))
    .policy(|policy| policy.max_builds = 1);
    let mut world = apply.world();
    world.model.table(&table("large")).items = 40_000_000;
    let ran = apply.run(&mut world);
    let started: Vec<_> = world.model.log.iter().map(|a| a.id.to_string()).collect();
    // 10,540 s; 1,080 s; then 540 s each, in definition order.
    assert_eq!(started, ["large.by-name", "double.by-name", "small.by-name", "double.by-date"]);
    assert!(ran.all_active());
}

#[test]
fn a_slot_that_becomes_free_is_used_within_a_look() {
    let apply = Apply::new(one_each(2)).policy(|policy| policy.max_builds = 1);
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    let first = ran.creates(&world, &id("table-0.first"))[0];
    let second = ran.creates(&world, &id("table-1.first"))[0];
    assert!(second - first < secs(552));
    let looks = world.calls.iter().filter(|s| !s.call.is_mutating() && s.at < second);
    let looked = looks.filter(|s| s.call.table().as_str() == "table-1").map(|s| s.at).max();
    assert!(second - looked.unwrap() < secs(1), "a create rests on a fresh description");
}
