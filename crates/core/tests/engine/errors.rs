//! What is done about each error of DynamoDB: the table of docs/errors.md, row by row.

use std::time::Duration;

use gsictl_core::call::{CallError, Effect};
use gsictl_core::definition::{Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::engine::Verdict;
use gsictl_core::event::{AttemptFailure, Event, Queue};
use gsictl_core::name::IndexId;
use gsictl_core::plan::Obstacle;
use gsictl_core::state::{Owner, Status};
use gsictl_core::time::Timestamp;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{
    START, after, by_flight, connection, definitions, expired, hours, id, index, millis,
    on_creates, one, one_each, secs, server_error, table, throttled,
};
use gsictl_sim::model::refusal;
use gsictl_sim::world::{Fault, World};

/// Between the survey and the first create of a run.
const BEFORE_THE_CREATE: Duration = Duration::from_millis(45);

fn before_the_create() -> Timestamp {
    START + BEFORE_THE_CREATE
}

fn run_with(prepare: impl FnOnce(&mut World)) -> (World, Ran) {
    let apply = Apply::new(one());
    let mut world = apply.world();
    prepare(&mut world);
    let ran = apply.run(&mut world);
    (world, ran)
}

fn run_with_answers(answer: impl FnMut(usize) -> Fault + 'static) -> (World, Ran) {
    run_with(|world| world.faults = on_creates(answer))
}

fn refused_times(times: usize, error: &CallError) -> impl FnMut(usize) -> Fault + 'static {
    let error = error.clone();
    move |nth| {
        if nth <= times { Fault::Refuse(error.clone()) } else { Fault::None }
    }
}

fn always(error: &CallError) -> impl FnMut(usize) -> Fault + 'static {
    refused_times(usize::MAX, error)
}

/// Seconds between one create and the next.
fn waits(ran: &Ran, world: &World) -> Vec<f64> {
    let creates = ran.creates(world, &by_flight());
    let pairs = creates.iter().zip(creates.iter().skip(1));
    pairs.map(|(a, b)| (*b - *a).as_secs_f64()).collect()
}

fn failures(ran: &Ran, world: &World) -> Vec<AttemptFailure> {
    let failure = |event: &Event| match event {
        Event::AttemptFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    };
    ran.events(world).filter_map(failure).collect()
}

fn queues(ran: &Ran, world: &World) -> Vec<Queue> {
    let queue = |event: &Event| match event {
        Event::Queued { queue, .. } => Some(queue.clone()),
        _ => None,
    };
    ran.events(world).filter_map(queue).collect()
}

/// Each change of the number of builds at once.
fn limits(ran: &Ran, world: &World) -> Vec<(Timestamp, usize)> {
    let limit = |(at, event): &(Timestamp, Event)| match event {
        Event::ConcurrencyChanged { limit } => Some((*at, *limit)),
        _ => None,
    };
    world.events[ran.events.clone()].iter().filter_map(limit).collect()
}

fn remedy(ran: &Ran, world: &World) -> String {
    let remedy = |event: &Event| match event {
        Event::Failed { remedy, .. } => Some(remedy.clone()),
        _ => None,
    };
    ran.events(world).find_map(remedy).expect("a failure")
}

/// It ended active, was created once, and no attempt was used up.
fn cost_no_attempt(ran: &Ran, world: &World, id: &IndexId) {
    assert!(ran.all_active(), "{}", ran.told(world));
    assert_eq!(failures(ran, world), [], "{}", ran.told(world));
    assert_eq!(ran.entry(id).retry_count(), 0);
    assert_eq!(ran.entry(id).record().attempts, [], "a place in a queue is no failed attempt");
}

/// It failed for good after so many creates.
fn failed_after(ran: &Ran, world: &World, creates: usize) {
    let told = ran.told(world);
    assert!(matches!(ran.verdict(&by_flight()), Verdict::Failed { .. }), "{told}");
    assert_eq!(ran.status(&by_flight()), Status::Failed, "{told}");
    assert_eq!(ran.creates(world, &by_flight()).len(), creates, "{told}");
    assert!(ran.entry(&by_flight()).last_error().is_some());
}

// Table busy.

#[test]
fn a_table_that_is_updating_is_waited_for_and_costs_no_attempt() {
    let until = after(95);
    let (world, ran) = run_with(|world| {
        world.at(before_the_create(), move |model, _| {
            model.table(&table("bookings")).updating_until = until;
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(queues(&ran, &world), [Queue::TableBusy]);
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 2);
    assert!(creates[1] >= until && creates[1] - until < secs(6));
}

#[test]
fn a_table_found_updating_is_not_tried_before_it_is_active() {
    let until = after(40);
    let (world, ran) = run_with(|world| {
        world.model.table(&table("bookings")).updating_until = until;
    });
    cost_no_attempt(&ran, &world, &by_flight());
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 1);
    assert!(creates[0] >= until);
}

fn busy() -> CallError {
    refusal(
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being updated: bookings",
    )
}

#[test]
fn a_table_that_refuses_though_it_is_active_is_tried_again_less_and_less_often() {
    let (world, ran) = run_with_answers(refused_times(6, &busy()));
    cost_no_attempt(&ran, &world, &by_flight());
    let waits: Vec<_> = waits(&ran, &world).iter().map(|wait| wait.round()).collect();
    assert_eq!(waits, [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]);
    assert_eq!(ran.count(&world, "Refused"), 1, "AWS's words are told once");
    assert_eq!(ran.entry(&by_flight()).last_error(), None);
}

#[test]
fn a_table_that_refuses_for_ever_though_it_is_active_fails_after_an_hour_in_awss_words() {
    let (world, ran) = run_with_answers(always(&busy()));
    failed_after(&ran, &world, 64);
    let last = *ran.creates(&world, &by_flight()).last().unwrap() - START;
    assert!((secs(3_600)..secs(3_670)).contains(&last), "{last:?}");
    let entry = ran.entry(&by_flight());
    assert_eq!((entry.retry_count(), entry.record().attempts.len()), (1, 1));
    assert!(entry.last_error().unwrap().contains("Table is being updated: bookings"));
    assert!(remedy(&ran, &world).contains("describe-table --table-name bookings"));
}

// The index itself is being created or deleted.

#[test]
fn an_index_that_somebody_began_meanwhile_is_adopted() {
    let (world, ran) = run_with(|world| {
        world.at(before_the_create(), |model, now| {
            model.operator_creates(now, &one().indexes[0]);
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
    assert_eq!(ran.words(&world), ["Creating", "Refused", "Adopted", "Backfilling", "Activated"]);
    assert_eq!(world.model.log, []);
}

#[test]
fn an_index_that_is_being_deleted_meanwhile_is_created_afterwards() {
    let (world, ran) = run_with(|world| {
        world.model.deletion = secs(30);
        world.at(before_the_create(), |model, now| {
            model.operator_creates(now, &one().indexes[0]);
            model.operator_deletes(now, &by_flight());
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 2);
    assert!(creates[1] >= after(30) && creates[1] < after(34));
}

#[test]
fn an_index_that_is_busy_but_not_yet_shown_is_looked_for_until_it_is() {
    let (world, ran) = run_with(|world| {
        world.model.stale = Some((secs(20), gsictl_sim::model::Stale::Old));
        world.at(before_the_create(), |model, now| {
            model.operator_creates(now, &one().indexes[0]);
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}

// Another index is being built on the table.

#[test]
fn somebody_elses_build_on_the_table_is_waited_for_and_costs_no_attempt() {
    let theirs = index("bookings.theirs", &["their_key"]);
    let (world, ran) = run_with(|world| {
        let theirs = theirs.clone();
        world.at(before_the_create(), move |model, now| {
            model.operator_creates(now, &theirs);
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    let name = theirs.id.index;
    assert_eq!(queues(&ran, &world), [Queue::OtherIndex(Some(name))]);
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 2);
    assert!(creates[1] >= after(540) && creates[1] < after(552));
}

#[test]
fn a_build_that_no_description_shows_is_waited_for_in_growing_steps_and_named() {
    let taken = refusal(
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    );
    let (world, ran) = run_with_answers(refused_times(3, &taken));
    cost_no_attempt(&ran, &world, &by_flight());
    let waits: Vec<_> = waits(&ran, &world).iter().map(|wait| wait.round()).collect();
    assert_eq!(waits, [5.0, 10.0, 20.0]);
    let told = ran.told(&world);
    assert!(told.contains("Only 1 online index can be created"), "{told}");
    let queues = queues(&ran, &world);
    assert_eq!(queues.first(), Some(&Queue::LooksIdle { wait: secs(5) }));
}

// Too many table operations in the account.

#[test]
fn twenty_tables_under_an_account_limit_of_five_take_as_long_as_eight_builds() {
    let two_each = (0..20).flat_map(|n| {
        [
            index(&format!("table-{n}.first"), &["first_key"]),
            index(&format!("table-{n}.second"), &["second_key"]),
        ]
    });
    let apply = Apply::new(definitions(two_each));
    let mut world = apply.world();
    world.model.account_limit = 5;
    let ran = apply.run(&mut world);
    for definition in &apply.definitions.indexes {
        cost_no_attempt(&ran, &world, &definition.id);
        assert_eq!(world.model.creates_of(&definition.id), 1);
    }
    let eight_builds = 8.0 * 540.0;
    let took = (ran.ended_at - START).as_secs_f64();
    assert!(took >= eight_builds && took < eight_builds * 1.15, "{took}");
    assert_eq!(world.model.peak, 5);
    let refused = ran.outcome.stats.creates - 40;
    assert!(refused < 15 + 80, "a probe a minute: {refused} refusals");
}

#[test]
fn the_limit_that_was_met_is_told_once_and_raised_by_one_a_minute() {
    let apply = Apply::new(one_each(8));
    let mut world = apply.world();
    world.model.account_limit = 5;
    let ran = apply.run(&mut world);
    let limits = limits(&ran, &world);
    assert_eq!((limits[0].1, limits[1].1), (5, 6), "{limits:?}");
    let minute = limits[1].0 - limits[0].0;
    assert!(minute >= secs(60) && minute < secs(62), "{minute:?}");
    let queued = queues(&ran, &world);
    let ours = Queue::AccountLimit { building: 5 };
    assert_eq!(queued.first(), Some(&ours), "{queued:?}");
}

#[test]
fn an_account_full_of_other_peoples_work_is_left_alone_for_five_minutes() {
    let (world, ran) = run_with(|world| {
        (world.model.account_limit, world.model.others) = (5, 5);
        world.at(after(200), |model, _| model.others = 0);
    });
    cost_no_attempt(&ran, &world, &by_flight());
    let waits = waits(&ran, &world);
    assert_eq!(waits.len(), 1);
    assert!((300.0..301.0).contains(&waits[0]), "{waits:?}");
    let wait = secs(300);
    assert_eq!(queues(&ran, &world), [Queue::AccountHeld { wait }]);
}

#[test]
fn refusals_that_overtake_the_acknowledgements_do_not_hold_the_run() {
    let apply = Apply::new(one_each(4));
    let mut world = apply.world();
    world.model.account_limit = 2;
    world.model.table(&table("table-0")).backfill = Some(secs(30));
    world.faults = on_creates({
        let mut nth = 0;
        move |_| {
            nth += 1;
            if nth <= 2 { Fault::Late(secs(2)) } else { Fault::None }
        }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let third = ran.creates(&world, &id("table-2.first"));
    assert!(
        third.iter().any(|at| (after(60)..after(75)).contains(at)),
        "it starts when the first build has ended: {third:?}\n{}",
        ran.told(&world)
    );
    let limits = limits(&ran, &world);
    assert_eq!((limits[0].1, limits[1].1), (1, 2), "acknowledgements raise it");
    assert!(limits[1].0 < after(3), "{limits:?}");
}

#[test]
fn a_create_that_arrived_twice_is_not_sent_again_where_the_second_was_refused() {
    let apply = Apply::new(one_each(2));
    let mut world = apply.world();
    world.model.table(&table("table-0")).backfill = Some(secs(30));
    let full = "Subscriber limit exceeded: Only 5 tables with online indexes can be created simultaneously";
    let full = refusal("LimitExceededException", full);
    world.faults = Box::new(move |call, _, _| {
        let twice = call.is_mutating() && call.table().as_str() == "table-1";
        if twice { Fault::LoseAfter(full.clone()) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let twice = id("table-1.first");
    assert_eq!(queues(&ran, &world), [Queue::AccountLimit { building: 1 }]);
    assert_eq!(ran.creates(&world, &twice).len(), 1, "{}", ran.told(&world));
    cost_no_attempt(&ran, &world, &twice);
}

#[test]
fn a_build_of_ours_that_was_lost_sight_of_is_no_reason_to_hold_the_run() {
    // The answer to the first create is lost, and so is every look until 40 s.
    let apply = Apply::new(one_each(2));
    let mut world = apply.world();
    world.model.account_limit = 1;
    world.model.table(&table("table-0")).backfill = Some(secs(30));
    let mut creates = on_creates({
        let mut nth = 0;
        move |_| {
            nth += 1;
            if nth == 1 { Fault::LoseAfter(server_error()) } else { Fault::None }
        }
    });
    world.faults = Box::new(move |call, now, nth| {
        let blind = !call.is_mutating() && call.table().as_str() == "table-0";
        if blind && now > before_the_create() && now < after(40) {
            return Fault::Refuse(server_error());
        }
        creates(call, now, nth)
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let second = ran.creates(&world, &id("table-1.first"));
    assert!(
        second.iter().any(|at| (after(60)..after(85)).contains(at)),
        "{second:?}\n{}",
        ran.told(&world)
    );
}

// Index quota of the table.

/// So many indexes of others are there already.
fn crowd(world: &mut World, count: usize) {
    let times = (world.model.allocation, world.model.backfill);
    (world.model.allocation, world.model.backfill) = (secs(0), secs(0));
    for n in 0..count {
        let theirs = index(&format!("bookings.theirs-{n}"), &["their_key"]);
        world.model.operator_creates(after(0), &theirs);
    }
    (world.model.allocation, world.model.backfill) = times;
}

#[test]
fn on_a_full_table_dynamodb_is_asked_and_its_answer_is_final() {
    let (world, ran) = run_with(|world| crowd(world, 20));
    failed_after(&ran, &world, 1);
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(error.contains("Number of global secondary indexes exceeds per-table limit"));
}

#[test]
fn where_the_quota_was_raised_an_index_beyond_the_default_is_built() {
    let (_, ran) = run_with(|world| {
        world.model.quota = 30;
        crowd(world, 22);
    });
    assert_eq!(ran.status(&by_flight()), Status::Active);
}

#[test]
fn the_index_that_fills_the_table_is_built_and_the_next_is_refused() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.one-too-many", &["other_id"]),
    ]));
    let mut world = apply.world();
    crowd(&mut world, 19);
    let ran = apply.run(&mut world);
    assert_eq!(ran.status(&by_flight()), Status::Active);
    assert_eq!(ran.status(&id("bookings.one-too-many")), Status::Failed);
}

#[test]
fn a_quota_that_dynamodb_names_is_final_and_the_remedy_names_the_table() {
    let (world, ran) = run_with(|world| world.model.quota = 0);
    failed_after(&ran, &world, 1);
    assert!(remedy(&ran, &world).contains("delete an index of bookings"));
}

// Attribute definitions conflict.

#[test]
fn an_attribute_conflict_is_tried_once_more_on_a_fresh_description() {
    let missing = refusal(
        "ValidationException",
        "Attribute flight_id is not defined in AttributeDefinitions",
    );
    let (world, ran) = run_with_answers(refused_times(1, &missing));
    assert!(ran.all_active());
    assert_eq!(ran.entry(&by_flight()).retry_count(), 1);
    let waits = waits(&ran, &world);
    assert!(waits.len() == 1 && (1.0..2.5).contains(&waits[0]), "{waits:?}");
    let (world, ran) = run_with_answers(always(&missing));
    failed_after(&ran, &world, 2);
    assert!(remedy(&ran, &world).contains("the types that bookings already uses"));
}

#[test]
fn an_attribute_of_another_type_is_caught_before_the_first_call() {
    let (world, ran) = run_with(|world| {
        let types = &mut world.model.table(&table("bookings")).attributes;
        types.insert("flight_id".to_owned(), ScalarType::N);
    });
    let verdict = ran.verdict(&by_flight());
    assert!(
        matches!(
            verdict,
            Verdict::Obstructed(Obstacle::AttributeType { attribute, .. }) if attribute == "flight_id"
        ),
        "{verdict:?}"
    );
    assert_eq!(ran.creates(&world, &by_flight()).len(), 0);
    assert_eq!(ran.status(&by_flight()), Status::Pending);
}

#[test]
fn an_attribute_that_gets_another_type_meanwhile_is_final_after_one_call() {
    let (world, ran) = run_with(|world| {
        world.at(before_the_create(), |model, _| {
            let types = &mut model.table(&table("bookings")).attributes;
            types.insert("flight_id".to_owned(), ScalarType::N);
        });
    });
    failed_after(&ran, &world, 1);
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(error.contains("of type S here and of type N in the table"));
}

#[test]
fn a_type_that_the_definition_leaves_out_is_the_tables() {
    let mut definition = index("bookings.by-flight", &["flight_id"]);
    definition.attributes.clear();
    let apply = Apply::new(definitions([definition]));
    let mut world = apply.world();
    let types = &mut world.model.table(&table("bookings")).attributes;
    types.insert("flight_id".to_owned(), ScalarType::N);
    assert!(apply.run(&mut world).all_active());

    let mut world = apply.world();
    let ran = apply.run(&mut world);
    let verdict = ran.verdict(&by_flight());
    assert!(
        matches!(verdict, Verdict::Obstructed(Obstacle::AttributeUndefined { .. })),
        "{verdict:?}"
    );
    assert_eq!(ran.outcome.stats.creates, 0);
}

#[test]
fn an_index_of_a_provisioned_table_takes_the_tables_throughput() {
    let throughput = ProvisionedThroughput { read_capacity_units: 7, write_capacity_units: 3 };
    let (world, ran) = run_with(|world| {
        world.model.table(&table("bookings")).provisioned = Some(throughput);
    });
    assert!(ran.all_active());
    let create = world.calls.iter().find_map(|sent| match &sent.call {
        gsictl_core::call::Call::CreateIndex(create) => Some(create.provisioned_throughput),
        _ => None,
    });
    assert_eq!(create, Some(Some(throughput)));
}

// The index already exists.

#[test]
fn an_index_that_somebody_finished_meanwhile_is_found() {
    let (world, ran) = run_with(|world| {
        world.at(before_the_create(), |model, _| {
            let long_ago = Timestamp::from_millis(START.as_millis() - 3_600_000);
            model.operator_creates(long_ago, &one().indexes[0]);
        });
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
}

#[test]
fn an_index_that_somebody_made_otherwise_meanwhile_is_final() {
    let (world, ran) = run_with(|world| {
        world.at(before_the_create(), |model, _| {
            let long_ago = Timestamp::from_millis(START.as_millis() - 3_600_000);
            let mut other = one().indexes.remove(0);
            other.projection = Projection::KeysOnly;
            model.operator_creates(long_ago, &other);
        });
    });
    failed_after(&ran, &world, 1);
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(error.contains("the projection is KEYS_ONLY, not ALL"), "{error}");
    assert!(remedy(&ran, &world).contains("choose another IndexName"));
}

/// Such as a vector index whose name a description does not tell.
#[test]
fn an_index_that_exists_and_that_no_description_shows_costs_attempts_and_ends_in_awss_words() {
    let error =
        refusal("ValidationException", "Attempting to create an index which already exists");
    let (world, ran) = run_with_answers(always(&error));
    failed_after(&ran, &world, 5);
    let last = ran.entry(&by_flight()).last_error().unwrap();
    assert!(last.contains("Attempting to create an index which already exists"), "{last}");
    let creates = ran.creates(&world, &by_flight());
    assert!(creates.windows(2).all(|two| two[1] - two[0] >= secs(30)), "{creates:?}");
}

// Permanent.

#[test]
fn what_repeating_cannot_help_fails_at_once_and_says_what_to_do() {
    let cases = [
        ("ValidationException", "1 validation error detected", "correct the definition"),
        (
            "AccessDeniedException",
            "User: u is not authorized to perform: dynamodb:UpdateTable",
            "allow dynamodb:DescribeTable and dynamodb:UpdateTable on bookings",
        ),
        (
            "ResourceNotFoundException",
            "Cannot do operations on a non-existent table",
            "create bookings",
        ),
    ];
    for (code, message, help) in cases {
        let error = refusal(code, message);
        let (world, ran) = run_with_answers(always(&error));
        failed_after(&ran, &world, 1);
        assert!(remedy(&ran, &world).contains(help), "{code}");
        let failures = failures(&ran, &world);
        assert_eq!((failures.len(), failures[0].delay), (1, None));
        assert_eq!(failures[0].strategy, "permanent");
        assert!(ran.ended_at - START < secs(2), "nothing is waited for");
    }
}

#[test]
fn other_indexes_go_on_where_one_fails() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
        index("flights.by-date", &["date"]),
    ]));
    let mut world = apply.world();
    world.faults = Box::new(|call, _, nth| {
        let refused = call.is_mutating() && call.table().as_str() == "bookings" && nth == 1;
        if refused { Fault::Refuse(refusal("ValidationException", "no")) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert_eq!(ran.status(&by_flight()), Status::Failed);
    assert_eq!(ran.status(&id("bookings.by-name")), Status::Active);
    assert_eq!(ran.status(&id("flights.by-date")), Status::Active);
    assert!(ran.ended_at < after(552), "side by side");
}

// Throttled.

#[test]
fn throttling_is_answered_by_exponential_backoff_and_five_attempts() {
    let (world, ran) = run_with_answers(always(&throttled()));
    failed_after(&ran, &world, 5);
    let waits = waits(&ran, &world);
    for (wait, base) in waits.iter().zip([30.0, 60.0, 120.0, 240.0]) {
        let with_the_look = base * 1.1 + 0.2;
        assert!((base..with_the_look).contains(wait), "{waits:?}");
    }
    assert_eq!(waits.len(), 4);
    let entry = ran.entry(&by_flight());
    assert_eq!(entry.retry_count(), 5);
    assert_eq!(entry.last_error(), Some("ThrottlingException: Rate exceeded"));
    let delays: Vec<_> = entry.record().attempts.iter().map(|a| a.delay_seconds).collect();
    assert!((30..=33).contains(&delays[0]) && delays[4] == 0, "{delays:?}");
    insta::assert_snapshot!(ran.told(&world));
}

#[test]
fn an_attempt_that_succeeds_in_the_end_leaves_only_its_count() {
    let (world, ran) = run_with_answers(refused_times(4, &throttled()));
    assert!(ran.all_active(), "{}", ran.told(&world));
    let entry = ran.entry(&by_flight());
    assert_eq!((entry.retry_count(), entry.last_error()), (4, None));
    assert_eq!(entry.record().owner, Some(Owner::Run));
}

#[test]
fn attempts_and_delays_are_the_policys() {
    let apply = Apply::new(one()).policy(|policy| {
        policy.max_attempts = 3;
        policy.backoff = vec![secs(7)];
    });
    let mut world = apply.world();
    world.faults = on_creates(always(&throttled()));
    let ran = apply.run(&mut world);
    failed_after(&ran, &world, 3);
    let waits = waits(&ran, &world);
    assert!(waits.iter().all(|w| (7.0..8.0).contains(w)), "{waits:?}");
}

#[test]
fn attempts_are_budgeted_per_run() {
    let mut apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = on_creates(always(&throttled()));
    failed_after(&apply.run(&mut world), &world, 5);
    apply.retry_failed = true;
    let ran = apply.run(&mut world);
    failed_after(&ran, &world, 5);
    assert_eq!(ran.entry(&by_flight()).retry_count(), 5);
    assert_eq!(ran.entry(&by_flight()).record().attempts.len(), 10);
}

#[test]
fn jitter_comes_from_the_seed_alone() {
    let with_seed = |seed| {
        let mut apply = Apply::new(one());
        apply.seed = seed;
        let mut world = apply.world();
        world.faults = on_creates(always(&throttled()));
        let ran = apply.run(&mut world);
        waits(&ran, &world)
    };
    assert_eq!(with_seed(1), with_seed(1));
    assert_ne!(with_seed(1), with_seed(2));
}

#[test]
fn another_index_of_the_table_is_built_while_one_backs_off() {
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]));
    let mut world = apply.world();
    world.faults = on_creates(refused_times(1, &throttled()));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    let other = ran.creates(&world, &id("bookings.by-name"));
    assert!(other[0] >= after(1) && other[0] < after(3));
    let first = ran.creates(&world, &by_flight());
    assert!(first[1] > other[0] + secs(540));
}

// Answers that were lost.

#[test]
fn a_lost_answer_is_described_before_it_is_repeated() {
    for error in [server_error(), connection(Effect::Unknown)] {
        let (world, ran) = run_with_answers(refused_times(1, &error));
        assert!(ran.all_active(), "{}", ran.told(&world));
        assert_eq!(world.model.creates_of(&by_flight()), 1);
        let waits = waits(&ran, &world);
        assert!(
            waits.len() == 1 && (60.0..65.0).contains(&waits[0]),
            "for a minute it is not visible yet: {waits:?}"
        );
        assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
        assert_eq!(ran.entry(&by_flight()).retry_count(), 1);
    }
}

#[test]
fn a_lost_answer_to_a_create_that_was_applied_is_recovered() {
    for error in [server_error(), connection(Effect::Unknown)] {
        let (world, ran) = run_with_answers(move |_| Fault::LoseAfter(error.clone()));
        assert!(ran.all_active(), "{}", ran.told(&world));
        assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
        assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
        assert_eq!(ran.count(&world, "Recovered"), 1);
        assert_eq!(ran.count(&world, "Adopted"), 0);
        assert_eq!(ran.entry(&by_flight()).last_error(), None);
    }
}

#[test]
fn a_create_that_is_applied_after_its_answer_was_given_up_is_not_repeated() {
    // The client gives up after 2 s; the request arrives after 35 s all the same.
    let (world, ran) = run_with(|world| {
        world.faults = on_creates(|_| Fault::Refuse(connection(Effect::Unknown)));
        world.at(after(35), |model, now| {
            model.operator_creates(now, &one().indexes[0]);
        });
    });
    assert!(ran.all_active());
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
}

#[test]
fn when_every_answer_is_lost_and_nothing_is_applied_the_attempts_run_out() {
    let (world, ran) = run_with_answers(always(&server_error()));
    failed_after(&ran, &world, 5);
    let waits = waits(&ran, &world);
    for (wait, base) in waits.iter().zip([60.0, 60.0, 120.0, 240.0]) {
        assert!((base..base * 1.1 + 5.0).contains(wait), "{waits:?}");
    }
    let entry = ran.entry(&by_flight());
    assert_eq!(entry.retry_count(), 5);
    let error = entry.last_error().unwrap();
    assert!(error.contains("InternalServerError"), "{error}");
    assert!(remedy(&ran, &world).contains("AWS health dashboard"));
}

#[test]
fn a_connection_that_was_certainly_not_made_is_only_backed_off_from() {
    let error = connection(Effect::NotApplied);
    let (world, ran) = run_with_answers(refused_times(1, &error));
    assert!(ran.all_active());
    let waits = waits(&ran, &world);
    assert!((30.0..33.5).contains(&waits[0]), "{waits:?}");
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
}

// Credentials.

fn expire(world: &mut World, from: Timestamp, until: Timestamp) {
    world.faults =
        Box::new(
            move |_, now, _| {
                if now > from && now < until { Fault::Refuse(expired()) } else { Fault::None }
            },
        );
}

#[test]
fn credentials_that_expire_before_the_create_are_waited_for_for_hours() {
    let (world, ran) = run_with(|world| {
        expire(world, before_the_create(), START + hours(3));
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.count(&world, "CredentialsLost"), 1);
    assert_eq!(ran.count(&world, "CredentialsBack"), 1);
    assert_eq!(ran.count(&world, "LookFailed"), 0, "it is said once");
    let creates = ran.creates(&world, &by_flight());
    assert_eq!(creates.len(), 2);
    assert!(creates[1] - (START + hours(3)) < secs(11));
}

#[test]
fn builds_go_on_while_the_credentials_are_expired() {
    let (world, ran) = run_with(|world| {
        expire(world, after(100), START + hours(3));
    });
    cost_no_attempt(&ran, &world, &by_flight());
    assert_eq!(ran.count(&world, "CredentialsLost"), 1);
    assert_eq!(ran.count(&world, "CredentialsBack"), 1);
    assert!(ran.ended_at - (START + hours(3)) < secs(12));
    let calls = world.calls.len() as u64;
    assert!(calls < 3 * 3_600 / 10 + 60, "about one every ten seconds: {calls}");
}

fn skewed() -> CallError {
    let late = "Signature expired: 20261122T035638Z is now earlier than 20261122T045138Z";
    CallError::from_service("InvalidSignatureException", late, Some(400))
}

#[test]
fn a_skewed_clock_costs_a_create_one_second_and_no_attempt() {
    let (world, ran) = run_with_answers(refused_times(1, &skewed()));
    cost_no_attempt(&ran, &world, &by_flight());
    let creates = ran.creates(&world, &by_flight());
    let apart = creates[1] - creates[0];
    assert!(apart >= secs(1) && apart < secs(2), "{apart:?}");
    assert_eq!(ran.count(&world, "CredentialsLost"), 0, "it was healed");
}

#[test]
fn a_clock_that_stays_skewed_is_waited_for_and_told() {
    let (world, ran) = run_with_answers(refused_times(4, &skewed()));
    cost_no_attempt(&ran, &world, &by_flight());
    let creates = ran.creates(&world, &by_flight());
    let apart: Vec<_> = creates.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(apart, [1, 10, 10, 10]);
    assert!(ran.count(&world, "CredentialsLost") > 0);
}

#[test]
fn a_look_that_is_refused_for_the_clock_is_repeated_after_a_second() {
    let mut refused = 0;
    let (world, ran) = run_with(|world| {
        world.faults = Box::new(move |_, now, _| {
            refused += u32::from(now > after(100));
            if now > after(100) && refused == 1 { Fault::Refuse(skewed()) } else { Fault::None }
        });
    });
    assert!(ran.all_active());
    assert_eq!(ran.count(&world, "LookFailed"), 1);
    assert_eq!(ran.count(&world, "CredentialsLost"), 0);
}

#[test]
fn a_lane_in_a_queue_says_so_once_however_long_it_takes() {
    let (world, ran) = run_with(|world| {
        world.model.table(&table("bookings")).updating_until = START + hours(1);
    });
    assert_eq!(queues(&ran, &world).len(), 1);
    assert!(ran.ended_at - START > hours(1) + millis(1));
}
