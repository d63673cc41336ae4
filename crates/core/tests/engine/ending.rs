//! Stops, saves that fail, and crashes at every step.

use std::io::ErrorKind::StorageFull;

use gsictl_core::engine::{Ended, Engine, Verdict};
use gsictl_core::event::Event;
use gsictl_core::machine::{Effect as Does, Machine};
use gsictl_core::polling::Polling;
use gsictl_core::state::{Owner, State, Status};

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{
    after, airline, by_flight, definitions, id, index, millis, on_creates, one, one_each, secs,
    server_error, throttled,
};
use gsictl_sim::model::Stale;
use gsictl_sim::world::{Fault, SaveFault, World};

/// Six indexes whose builds take seconds, so that every step can be a last one.
fn quick() -> (Apply, World) {
    let apply = Apply::new(airline()).policy(|policy| policy.polling = Polling::emulator());
    let mut world = apply.world();
    world.model.allocation = secs(1);
    for (n, name) in apply.definitions.tables().enumerate() {
        world.model.table(name).backfill = Some(secs(2 + n as u64));
    }
    (apply, world)
}

/// Each index is there, and was created once.
fn is_whole(apply: &Apply, world: &mut World, ran: &Ran) {
    assert!(ran.all_active(), "{}", ran.told(world));
    for definition in &apply.definitions.indexes {
        let (now, id) = (world.now, &definition.id);
        assert!(world.model.has(now, id), "{id}");
        assert_eq!(world.model.creates_of(id), 1, "{id}\n{}", world.told(0..world.events.len()));
    }
}

// Stops.

#[test]
fn after_a_stop_nothing_new_starts_and_builds_go_on() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    world.stop_at = Some(after(200));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.ended, Ended::Stopped);
    assert!(ran.ended_at - after(200) < secs(1));
    assert_eq!(ran.count(&world, "Stopping"), 1);
    assert_eq!(*ran.verdict(&id("bookings.passenger-flight-index")), Verdict::Building);
    assert_eq!(*ran.verdict(&id("bookings.flight-status-index")), Verdict::Waiting);
    assert_eq!(ran.outcome.stats.creates, 5);

    let ran = apply.run(&mut world);
    is_whole(&apply, &mut world, &ran);
    let owner = ran.owner(&id("bookings.passenger-flight-index"));
    assert_eq!(owner, Some(Owner::Run));
}

#[test]
fn a_stop_while_intents_are_being_saved_takes_them_back() {
    let apply = Apply::new(one_each(3));
    let mut world = apply.world();
    world.save_latency = secs(2);
    world.stop_at = Some(after(1));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.ended, Ended::Stopped);
    assert_eq!(ran.outcome.stats.creates, 0);
    assert_eq!(ran.saves, 2, "the one under way, and the one that takes it back");
    for definition in &apply.definitions.indexes {
        assert_eq!(ran.status(&definition.id), Status::Pending);
        assert_eq!(*ran.verdict(&definition.id), Verdict::Waiting);
    }
    let ran = apply.run(&mut world);
    is_whole(&apply, &mut world, &ran);
}

#[test]
fn a_stop_while_backing_off_takes_the_intent_back_and_keeps_the_count() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = on_creates(|_| Fault::Refuse(throttled()));
    world.stop_at = Some(after(40));
    let ran = apply.run(&mut world);
    let entry = ran.entry(&by_flight());
    assert_eq!((entry.status(), entry.retry_count()), (Status::Pending, 2));
    assert_eq!(entry.record().owner, None);
}

#[test]
fn an_answer_that_comes_within_the_grace_is_recorded() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.call_latency = millis(400);
    world.stop_at = Some(after(0) + millis(500));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.stats.creates, 1);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Building);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run), "it was acknowledged");
    assert!(ran.ended_at < after(1));
}

#[test]
fn a_refusal_that_comes_within_the_grace_takes_the_intent_back() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.call_latency = millis(400);
    world.faults = on_creates(|_| Fault::Refuse(throttled()));
    world.stop_at = Some(after(0) + millis(500));
    let ran = apply.run(&mut world);
    assert_eq!(ran.status(&by_flight()), Status::Pending);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Waiting);
}

#[test]
fn an_answer_that_never_comes_does_not_hold_a_stop_up() {
    let apply = Apply::new(one_each(2));
    let mut world = apply.world();
    world.faults = Box::new(|call, _, _| {
        let silent = call.is_mutating() && call.table().as_str() == "table-0";
        if silent { Fault::Silence } else { Fault::None }
    });
    world.stop_at = Some(after(1));
    let ran = apply.run(&mut world);
    assert_eq!(ran.outcome.ended, Ended::Stopped);
    assert_eq!(ran.ended_at, after(1) + millis(500));
    let silent = id("table-0.first");
    assert_eq!(ran.status(&silent), Status::InProgress);
    assert_eq!(ran.owner(&silent), Some(Owner::Inferred));
    assert_eq!(*ran.verdict(&silent), Verdict::Building);

    world.faults = Box::new(|_, _, _| Fault::None);
    let ran = apply.run(&mut world);
    is_whole(&apply, &mut world, &ran);
    assert_eq!(ran.owner(&silent), Some(Owner::Inferred));
}

#[test]
fn a_stop_at_any_moment_ends_within_a_second_and_loses_nothing() {
    for tenth in 0..400 {
        let (apply, mut world) = quick();
        world.save_latency = millis(90);
        world.call_latency = millis(130);
        let at = after(0) + millis(tenth * 77);
        world.stop_at = Some(at);
        // The survey is over after 0.3 s; a stop in it is another test's.
        if tenth < 5 {
            continue;
        }
        let ran = apply.run(&mut world);
        if ran.outcome.ended == Ended::Stopped {
            assert!(ran.ended_at - at < secs(1), "{:?}", ran.ended_at - at);
        }
        world.stop_at = None;
        let ran = apply.run(&mut world);
        is_whole(&apply, &mut world, &ran);
    }
}

#[test]
fn a_create_that_a_stop_overtakes_is_neither_made_nor_told() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let mut engine = apply.engine(&mut world);
    let now = world.now;
    let polled = |engine: &mut Engine| std::iter::from_fn(|| engine.poll(now)).collect::<Vec<_>>();
    let [Does::Save(intent)] = &polled(&mut engine)[..] else {
        panic!("the intent is saved first");
    };
    engine.on_saved(now, intent.serial, Ok(()));
    engine.on_stop(now);
    let effects = polled(&mut engine);
    let [Does::Notify(Event::Stopping), Does::Save(withdrawn)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let state = State::parse(&withdrawn.bytes).unwrap();
    assert_eq!(state.entry(&by_flight()).unwrap().status(), Status::Pending);
    engine.on_saved(now, withdrawn.serial, Ok(()));
    assert!(engine.is_over());
}

#[test]
fn a_stop_is_said_once_however_often_it_is_asked_for() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let mut engine = apply.engine(&mut world);
    engine.on_stop(world.now);
    engine.on_stop(world.now);
    let told = std::iter::from_fn(|| engine.poll(world.now));
    assert_eq!(told.filter(|effect| matches!(effect, Does::Notify(_))).count(), 1);
}

// Saves that fail.

#[test]
fn a_failed_save_stops_all_calls_and_loses_nothing() {
    for (fault, name) in
        [(SaveFault::Fail(StorageFull), "lost"), (SaveFault::FailAfter, "durable after all")]
    {
        let mut nth = 0;
        loop {
            nth += 1;
            let (apply, mut world) = quick();
            world.save_faults =
                Box::new(move |n, _| if n == nth { fault } else { SaveFault::None });
            let before = world.durable();
            let ran = apply.run(&mut world);
            if ran.saves < nth {
                assert!(nth > 6, "only {nth} saves");
                is_whole(&apply, &mut world, &ran);
                break;
            }
            assert!(matches!(ran.outcome.ended, Ended::SaveFailed(_)), "save {nth} {name}");
            assert_eq!(ran.count(&world, "SaveFailed"), 1);
            assert_eq!(ran.saves, nth, "none follows");
            assert!(nth > 1 || world.durable().is_some() || before == world.durable());
            if let Some(bytes) = &world.durable() {
                State::parse(bytes).expect("what is durable can be read");
            }
            world.save_faults = Box::new(|_, _| SaveFault::None);
            let ran = apply.run(&mut world);
            is_whole(&apply, &mut world, &ran);
        }
    }
}

#[test]
fn a_failed_save_is_told_in_the_words_of_the_store() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.save_faults = Box::new(|_, _| SaveFault::Fail(StorageFull));
    let ran = apply.run(&mut world);
    let wanted = Ended::SaveFailed("the disk is full: memory/.gsi_creation_state.gsictl-tmp was not written; make room and run again".to_owned());
    assert_eq!(ran.outcome.ended, wanted);
    assert_eq!(ran.words(&world), ["SaveFailed"]);
    assert_eq!(ran.outcome.stats.creates, 0);
    assert_eq!(world.durable(), None);
}

#[test]
fn creates_whose_answers_are_under_way_are_still_told_when_a_save_fails() {
    let apply = Apply::new(one_each(2));
    let mut world = apply.world();
    world.call_latency = millis(300);
    world.model.table(&id("table-1.first").table).updating_until = after(2);
    world.save_faults =
        Box::new(|nth, _| if nth == 2 { SaveFault::Fail(StorageFull) } else { SaveFault::None });
    let ran = apply.run(&mut world);
    assert!(matches!(ran.outcome.ended, Ended::SaveFailed(_)));
    assert!(ran.ended_at < after(10), "{}", ran.told(&world));
    let words = ran.words(&world);
    assert!(words.contains(&"Accepted"), "{words:?}");
}

// Crashes.

/// Crashes the run at step after step, and resumes each.
fn crash_everywhere(prepare: impl Fn(&mut World), keeps_saves: bool, downtime: u64) -> usize {
    let mut step = 0;
    loop {
        step += 1;
        let (apply, mut world) = quick();
        prepare(&mut world);
        world.crash_keeps_saves = keeps_saves;
        if let Some(ran) = apply.try_run_to(&mut world, step) {
            is_whole(&apply, &mut world, &ran);
            return step;
        }
        world.idle(secs(downtime));
        let ran = apply.run(&mut world);
        is_whole(&apply, &mut world, &ran);
        for definition in &apply.definitions.indexes {
            let owner = ran.owner(&definition.id);
            assert_ne!(
                owner,
                Some(Owner::Found),
                "step {step}\n{}",
                world.told(0..world.events.len())
            );
        }
    }
}

#[test]
fn a_crash_after_any_step_is_resumed_and_each_index_created_once() {
    let steps = crash_everywhere(|_| {}, false, 3);
    assert!(steps > 90, "{steps} steps");
}

#[test]
fn a_crash_that_leaves_its_last_save_behind_is_resumed_too() {
    let steps = crash_everywhere(|_| {}, true, 3);
    assert!(steps > 90, "{steps} steps");
}

#[test]
fn a_crash_is_resumed_after_builds_have_ended_by_themselves() {
    crash_everywhere(|_| {}, false, 3_600);
}

#[test]
fn a_crash_is_resumed_while_descriptions_are_stale() {
    crash_everywhere(|world| world.model.stale = Some((secs(5), Stale::Old)), true, 1);
}

#[test]
fn a_crash_is_resumed_where_calls_are_slow_and_one_answer_in_three_is_lost() {
    crash_everywhere(
        |world| {
            world.call_latency = millis(900);
            world.faults = on_creates({
                let mut nth = 0;
                move |_| {
                    nth += 1;
                    if nth % 3 == 0 { Fault::LoseAfter(server_error()) } else { Fault::None }
                }
            });
        },
        false,
        1,
    );
}

#[test]
fn crashes_in_a_row_are_resumed() {
    for first in (1..160).step_by(7) {
        let (apply, mut world) = quick();
        let mut crashes = 0;
        let ran = loop {
            world.crash_keeps_saves = crashes % 2 == 0;
            crashes += 1;
            if let Some(ran) = apply.try_run_to(&mut world, first + (crashes - 1) * 11) {
                break ran;
            }
            world.idle(secs(2));
        };
        is_whole(&apply, &mut world, &ran);
    }
}

#[test]
fn the_state_that_a_crash_leaves_names_every_create_that_was_sent() {
    let apply = Apply::new(definitions([index("bookings.by-flight", &["flight_id"])]));
    let mut world = apply.world();
    // Survey asked and answered, save asked and done, create asked: five steps.
    assert!(apply.try_run_to(&mut world, 5).is_none());
    assert_eq!(world.calls.len(), 2);
    let state = State::parse(world.durable().as_ref().unwrap()).unwrap();
    let entry = state.entry(&by_flight()).unwrap();
    assert_eq!(entry.status(), Status::InProgress);
    assert_eq!(entry.record().owner, Some(Owner::Inferred));
}
