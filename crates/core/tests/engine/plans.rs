//! What was planned is what is called, on tables drawn from a seed.

use std::collections::BTreeSet;

use fastrand::Rng;
use gsictl_core::definition::{IndexDefinition, Projection, ScalarType};
use gsictl_core::engine::Verdict;
use gsictl_core::plan::saved::SavedPlan;
use gsictl_core::plan::{Action, Finding, Obstacle, Plan, Selection};
use gsictl_core::state::Target;
use gsictl_sim::world::World;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{START, definitions, index, secs, table};

/// How a wanted index stands when the run begins.
const WAYS: [&str; 8] =
    ["absent", "absent", "absent", "there", "building", "deleting", "conflict", "another type"];

const TABLES: usize = 3;

/// What is wanted, and a world in which others made what they made.
fn draw(seed: u64) -> (Apply, World) {
    let mut random = Rng::with_seed(seed);
    let mut wanted = Vec::new();
    for t in 0..TABLES {
        for n in 0..random.usize(1..5) {
            let mut index = index(&format!("table-{t}.wanted-{n}"), &[&format!("key_{n}")]);
            index.projection = projection(&mut random);
            wanted.push((index, WAYS[random.usize(..WAYS.len())]));
        }
    }
    let apply = Apply::new(definitions(wanted.iter().map(|(index, _)| index.clone())));
    let mut world = apply.world();
    // What DynamoDB refuses no plan foresees.
    world.model.quota = 100;
    for t in 0..TABLES {
        let theirs = [0, 2, 15, 17, 18, 19][random.usize(..6)];
        for n in 0..theirs {
            let mut index = index(&format!("table-{t}.theirs-{n}"), &["their_key"]);
            // Together all but what a table may include.
            index.projection = if n < 5 { include(random.usize(14..20)) } else { Projection::All };
            ready(&mut world, &index);
        }
    }
    let mut busy = BTreeSet::new();
    for (index, way) in &wanted {
        // A table builds or deletes one index at a time.
        let takes_the_slot = matches!(*way, "building" | "deleting");
        if !takes_the_slot || busy.insert(index.id.table.clone()) {
            stand(&mut world, index, way);
        }
    }
    if random.u8(..4) == 0 {
        world.model.operator_drops(&table("table-0"));
    }
    (apply, world)
}

fn projection(random: &mut Rng) -> Projection {
    match random.usize(..3) {
        0 => Projection::All,
        _ => include(random.usize(1..21)),
    }
}

fn include(count: usize) -> Projection {
    Projection::Include { non_key_attributes: (0..count).map(|n| format!("a{n}")).collect() }
}

fn stand(world: &mut World, wanted: &IndexDefinition, way: &str) {
    match way {
        "there" => ready(world, wanted),
        "building" => world.model.operator_creates(START, wanted),
        "deleting" => {
            ready(world, wanted);
            world.model.operator_deletes(START, &wanted.id);
        }
        "conflict" => {
            let other = index(&wanted.id.to_string(), &["other_key"]);
            ready(world, &other);
        }
        "another type" => {
            let key = wanted.key_schema[0].attribute_name.clone();
            world.model.table(&wanted.id.table).attributes.insert(key, ScalarType::N);
        }
        _ => {}
    }
}

/// It was built long ago.
fn ready(world: &mut World, index: &IndexDefinition) {
    let times = (world.model.allocation, world.model.backfill);
    (world.model.allocation, world.model.backfill) = (secs(0), secs(0));
    world.model.operator_creates(START, index);
    (world.model.allocation, world.model.backfill) = times;
}

fn agrees(seed: u64, world: &World, ran: &Ran) {
    for planned in ran.plan.indexes() {
        let (id, action) = (&planned.definition.id, planned.action);
        let creates = ran.creates(world, id).len();
        assert_eq!(creates, usize::from(action.creates()), "seed {seed}: {id}: {action:?}");
        let obstructed = matches!(ran.verdict(id), Verdict::Obstructed(_));
        assert_eq!(obstructed, action == Action::Obstructed, "seed {seed}: {id}: {action:?}");
    }
}

#[test]
fn what_was_planned_is_exactly_what_is_called() {
    let mut seen = BTreeSet::new();
    for seed in 0..60 {
        let (apply, mut world) = draw(seed);
        let ran = apply.run(&mut world);
        agrees(seed, &world, &ran);
        let first_words = |finding: &Finding| match finding {
            Finding::Obstacle(obstacle) => word(obstacle),
            other => word(other),
        };
        seen.extend(ran.plan.indexes().map(|i| first_words(&i.finding)));
    }
    let rows = [
        "Absent",
        "AttributeType",
        "Building",
        "Conflict",
        "Deleting",
        "NoTable",
        "Projection",
        "Ready",
    ];
    assert_eq!(seen, rows.map(str::to_owned).into(), "all of them are drawn");
}

/// The name of a variant.
fn word(of: &impl std::fmt::Debug) -> String {
    let text = format!("{of:?}");
    text.chars().take_while(|c| c.is_alphabetic()).collect()
}

#[test]
fn a_saved_plan_goes_on_after_a_crash_at_any_step() {
    for seed in 0..30 {
        let (apply, mut world) = draw(seed);
        let saved = save(&apply, &apply.run(&mut world).plan);
        let (_, mut world) = draw(seed);
        let steps = Rng::with_seed(seed).usize(1..60);
        let first = apply.try_run_to(&mut world, steps);
        let again = apply.run(&mut world).plan;
        let confined = saved.confine(again);
        assert!(confined.is_ok(), "seed {seed}, crashed: {}: {confined:?}", first.is_none());
    }
}

fn save(apply: &Apply, plan: &Plan) -> SavedPlan {
    let (all, target) = (Selection::default(), Target::default());
    SavedPlan::new(&apply.definitions, "airline.yaml", (&all, false), &target, plan, START)
}

#[test]
fn what_is_held_back_is_not_created_but_waited_for_where_others_build_it() {
    let held = index("bookings.by-seat", &["seat"]);
    let free = index("bookings.by-flight", &["flight"]);
    let mut apply = Apply::new(definitions([held.clone(), free.clone()]));
    apply.held_back = vec![held.id.clone()];
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    let created = &world.calls[ran.calls.clone()];
    let created = created.iter().filter(|sent| sent.call.is_mutating()).count();
    assert_eq!(created, 1);
    let verdict = |ran: &Ran, wanted: &IndexDefinition| {
        ran.outcome.verdicts.iter().find(|(id, _)| *id == wanted.id).map(|(_, v)| v.clone())
    };
    let obstructed = Verdict::Obstructed(Obstacle::Violations { items: 2 });
    assert_eq!(verdict(&ran, &held), Some(obstructed));
    assert!(matches!(verdict(&ran, &free), Some(Verdict::Activated(_))));
    let entry = ran.state.entry(&held.id).unwrap();
    assert!(entry.last_error().unwrap().contains("break its rules"));

    world.model.operator_creates(world.now, &held);
    let ran = apply.run(&mut world);
    assert!(matches!(verdict(&ran, &held), Some(Verdict::Activated(_))), "{:?}", ran.outcome);
}
