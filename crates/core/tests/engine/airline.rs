//! The six indexes of the seeds, from nothing to all active.

use gsictl_core::call::Call;
use gsictl_core::engine::Ended;
use gsictl_core::state::Owner;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{START, airline, id, millis, secs};
use gsictl_sim::world::World;

fn airline_run() -> (Apply, World, Ran) {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    (apply, world, ran)
}

#[test]
fn six_indexes_on_five_tables_take_as_long_as_two_builds() {
    let (apply, mut world, ran) = airline_run();
    assert_eq!(ran.outcome.ended, Ended::Done);
    assert!(ran.all_active(), "{}", ran.told(&world));
    let took = ran.ended_at - START;
    assert!(took >= secs(1_080), "two builds of 540 s follow each other");
    assert!(took < secs(1_080 + 25), "{took:?}");
    for definition in &apply.definitions.indexes {
        assert_eq!(world.model.creates_of(&definition.id), 1);
        assert_eq!(ran.owner(&definition.id), Some(Owner::Run));
        assert_eq!(ran.entry(&definition.id).retry_count(), 0);
        assert!(world.model.has(world.now, &definition.id));
    }
}

#[test]
fn the_indexes_of_a_table_follow_each_other_in_definition_order() {
    let (_, world, ran) = airline_run();
    let first = ran.creates(&world, &id("bookings.passenger-flight-index"));
    let second = ran.creates(&world, &id("bookings.flight-status-index"));
    assert!(first[0] - START < secs(1), "{first:?}");
    let waited = second[0] - first[0];
    assert!(
        waited >= secs(540) && waited < secs(552),
        "at once when the first is active, and not before: {waited:?}"
    );
}

#[test]
fn one_look_a_table_serves_all_that_wait_on_it() {
    let (_, world, ran) = airline_run();
    let stats = ran.outcome.stats;
    assert_eq!(stats.creates, 6);
    let looks = world.calls.iter().filter(|c| !c.call.is_mutating());
    let survey = 5;
    assert_eq!(looks.count() as u64, stats.describes + survey);
    assert!(
        (100..=270).contains(&stats.describes),
        "six builds of nine minutes: {} looks",
        stats.describes
    );
}

#[test]
fn intents_that_wait_ride_on_one_save() {
    let (_, world, ran) = airline_run();
    let five = world.calls.iter().filter(|c| c.call.is_mutating()).take(5);
    assert!(five.clone().all(|c| c.at - START < millis(500)));
    let stats = ran.outcome.stats;
    assert!(stats.most_transitions >= 5, "{stats:?}");
    assert!(stats.saves < 40 && stats.saves < stats.transitions, "{stats:?}");
    assert_eq!(stats.saves as usize, ran.saves);
}

#[test]
fn a_create_carries_the_key_attributes_of_index_and_table_and_nothing_else() {
    let (_, world, _) = airline_run();
    let create = world.calls.iter().find_map(|sent| match &sent.call {
        Call::CreateIndex(create) if create.index.as_str() == "flight-status-index" => Some(create),
        _ => None,
    });
    let create = create.unwrap();
    let named: Vec<_> = create.attributes.keys().collect();
    assert_eq!(named, ["booking_status", "flight_id", "pk"]);
    assert_eq!(create.provisioned_throughput, None);
}

#[test]
fn the_story_of_the_run_reads_in_order() {
    let (_, world, ran) = airline_run();
    insta::assert_snapshot!(ran.told(&world));
}

#[test]
fn the_same_run_is_told_the_same_way_twice() {
    let (_, world, ran) = airline_run();
    let (_, again, same) = airline_run();
    assert_eq!(ran.told(&world), same.told(&again));
    assert_eq!(world.durable(), again.durable());
}
