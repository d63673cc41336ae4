//! What waiting costs, in virtual time: calls and delay.

use gsictl_core::call::Call;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{START, airline, one, secs};
use gsictl_sim::world::World;

/// AWS's times for empty tables (docs/dynamodb.md, allocation and backfill).
fn on_aws(apply: &Apply) -> (World, Ran) {
    let mut world = apply.world();
    (world.model.allocation, world.model.backfill) = (secs(30), secs(520));
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    (world, ran)
}

#[test]
fn six_indexes_on_five_tables_cost_few_calls_and_little_delay() {
    let apply = Apply::new(airline());
    let (world, ran) = on_aws(&apply);
    // Two of them are on one table, and follow each other.
    let bound = secs(2 * 550);
    let took = ran.ended_at - START;
    let describes = world.calls[ran.calls.clone()].iter();
    let describes = describes.filter(|c| matches!(c.call, Call::DescribeTable(_))).count();
    let each = describes as f64 / 6.0;
    let late = took.as_secs_f64() / bound.as_secs_f64() - 1.0;
    println!(
        "six indexes on five tables: {describes} DescribeTable, {each:.1} an index; took {took:?}, {:.2} % over {bound:?}",
        100.0 * late
    );
    assert!(each <= 45.0, "{each}");
    assert!(late < 0.02, "{late}");
}

#[test]
fn a_build_of_hours_costs_two_calls_a_minute() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    (world.model.allocation, world.model.backfill) = (secs(30), secs(4 * 3_600));
    let ran = apply.run(&mut world);
    let describes = ran.outcome.stats.describes;
    println!("a build of four hours: {describes} DescribeTable");
    assert!(describes < 4 * 120 + 80, "{describes}");
    assert!(ran.ended_at - START < secs(4 * 3_600 + 62));
}

#[test]
fn the_activation_timeout_strikes_when_it_is_due_and_not_at_the_next_look() {
    let apply = Apply::new(one()).policy(|policy| policy.activation_timeout = Some(secs(95)));
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    assert_eq!(ran.count(&world, "TimedOut"), 1, "{}", ran.told(&world));
    let took = ran.ended_at - START;
    assert!((secs(95)..secs(97)).contains(&took), "{took:?}");
}
