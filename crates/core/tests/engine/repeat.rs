//! Runs that follow other runs.

use gsictl_core::apply::is_complete;
use gsictl_core::engine::Verdict;
use gsictl_core::plan::{Action, Selection};
use gsictl_core::state::{Owner, State, Status, Step};

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{
    START, airline, by_flight, definitions, id, index, on_creates, one, secs, spec, table,
};
use gsictl_sim::model::refusal;
use gsictl_sim::world::{Fault, World};

fn airline_done() -> (Apply, World) {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    assert!(apply.run(&mut world).all_active());
    (apply, world)
}

#[test]
fn a_second_run_over_an_active_state_looks_once_and_changes_nothing() {
    let (apply, mut world) = airline_done();
    let before = world.durable();
    let ran = apply.run(&mut world);
    assert!(ran.plan.is_done());
    assert!(ran.all_active());
    assert_eq!(ran.words(&world), ["AlreadyActive"; 6]);
    assert_eq!((ran.saves, ran.calls.len()), (0, 5));
    assert_eq!(world.durable(), before);
    assert_eq!(world.model.log.len(), 6);
}

#[test]
fn a_run_that_changes_no_entry_saves_nothing() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.faults = on_creates(|_| Fault::Refuse(refusal("ValidationException", "no")));
    apply.run(&mut world);
    world.faults = Box::new(|_, _, _| Fault::None);
    let before = world.durable();
    let ran = apply.run(&mut world);
    assert_eq!(ran.words(&world), ["LeftFailed"]);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::LeftFailed);
    assert_eq!(ran.saves, 0);
    assert_eq!(world.durable(), before);
}

#[test]
fn a_state_that_was_lost_breaks_nothing_and_ownership_falls_back_to_found() {
    let (apply, mut world) = airline_done();
    world.set_durable(None);
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(world.model.log.len(), 6);
    for definition in &apply.definitions.indexes {
        assert_eq!(ran.owner(&definition.id), Some(Owner::Found));
    }
}

#[test]
fn an_index_that_the_definitions_gained_is_created_and_the_others_are_left() {
    let (mut apply, mut world) = airline_done();
    let gained = index("bookings.by-price", &["price"]);
    apply.definitions.indexes.insert(0, gained.clone());
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert_eq!(ran.outcome.stats.creates, 1);
    assert_eq!(ran.owner(&gained.id), Some(Owner::Run));
    assert_eq!(ran.count(&world, "AlreadyActive"), 6);
    let order: Vec<_> = ran.state.entries().map(|(id, _)| id.clone()).collect();
    assert_eq!(order[0], gained.id, "definition order");
}

#[test]
fn an_index_that_the_definitions_lost_is_kept_and_not_built() {
    let (mut apply, mut world) = airline_done();
    let lost = apply.definitions.indexes.remove(2).id;
    world.model.deletion = secs(0);
    let now = world.now;
    world.model.operator_deletes(now, &lost);
    let ran = apply.run(&mut world);
    assert_eq!(ran.status(&lost), Status::Active, "nobody looked");
    assert_eq!(ran.outcome.stats.creates, 0);
}

fn selected(tables: &[&str], indexes: &[&str]) -> (World, Ran) {
    let mut apply = Apply::new(airline());
    apply.selection = Selection {
        tables: tables.iter().map(|t| table(t)).collect(),
        indexes: indexes.iter().map(|i| id(&format!("any.{i}")).index).collect(),
    };
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    (world, ran)
}

#[test]
fn a_selection_limits_what_is_run_and_not_what_is_recorded() {
    let cases: [(&[&str], &[&str], usize); 4] = [
        (&["bookings"], &[], 2),
        (&["bookings", "Baggage"], &[], 3),
        (&[], &["crew-duty-date-index", "flight-status-index"], 2),
        (&["bookings"], &["flight-status-index"], 1),
    ];
    for (tables, indexes, expected) in cases {
        let (world, ran) = selected(tables, indexes);
        assert_eq!(world.model.log.len(), expected, "{tables:?} {indexes:?}");
        assert_eq!(ran.outcome.verdicts.len(), expected);
        assert!(ran.all_active());
        let summary = ran.state.summary();
        assert_eq!((summary.total, summary.pending), (6, 6 - expected));
    }
}

#[test]
fn names_that_no_definition_has_are_found_out() {
    let selection = Selection {
        tables: vec![table("bookings"), table("boookings")],
        indexes: vec![id("any.by-fligth").index],
    };
    assert_eq!(selection.unknown(&one()), ["table `boookings`", "index `by-fligth`"]);
}

#[test]
fn a_retry_starts_the_failed_index_and_nothing_else() {
    let mut apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]));
    let mut world = apply.world();
    world.faults = on_creates(|nth| {
        let refused = Fault::Refuse(refusal("ValidationException", "no"));
        if nth == 1 { refused } else { Fault::None }
    });
    world.stop_at = Some(START + secs(3));
    apply.run(&mut world);
    let now = world.now;
    world.model.operator_deletes(now, &id("bookings.by-name"));
    world.idle(secs(60));
    apply.retry_failed = true;
    let ran = apply.run(&mut world);
    assert!(matches!(ran.verdict(&by_flight()), Verdict::Activated(_)));
    assert_eq!(*ran.verdict(&id("bookings.by-name")), Verdict::LeftOther);
    assert_eq!(ran.plan.tables[0].indexes[1].action, Action::LeaveOther);
    assert_eq!(ran.outcome.stats.creates, 1);
}

#[test]
fn a_state_of_the_seeds_tool_is_resumed() {
    let entry = |status: &str, index: &str| {
        format!(
            r#""bookings.{index}": {{"table_name": "bookings", "index_name": "{index}",
                "status": "{status}", "creation_time": "2026-02-01T10:30:00",
                "retry_count": 0, "last_error": null}}"#
        )
    };
    let file = format!(
        r#"{{"version": "1.0", "created_at": "2026-02-01T10:30:00",
            "updated_at": "2026-02-01T10:30:00", "script_name": "create_gsis.py",
            "gsis": {{ {}, {} }},
            "summary": {{"total": 2, "pending": 0, "in_progress": 1, "active": 1, "failed": 0}}}}"#,
        entry("in_progress", "by-flight"),
        entry("active", "by-name"),
    );
    assert!(State::parse(file.as_bytes()).unwrap().foreign());
    let apply = Apply::new(definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("bookings.by-name", &["name"]),
    ]));
    let mut world = apply.world();
    world.set_durable(Some(&file.into_bytes()));
    world.model.operator_creates(START, &apply.definitions.indexes[0]);
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    assert_eq!(ran.words(&world)[..2], ["Adopted", "Missing"]);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
    assert_eq!(ran.owner(&id("bookings.by-name")), Some(Owner::Run));
}

#[test]
fn a_state_is_done_with_when_no_index_is_on_its_way_named_or_not() {
    let both = definitions([
        index("bookings.by-flight", &["flight_id"]),
        index("flights.by-name", &["name"]),
    ]);
    let mut state = Apply::new(both).state(START);
    let intend = Step::Intend { at: START, table_id: None, spec: spec() };
    state.apply(&id("flights.by-name"), intend).unwrap();
    let apply = Apply::new(one());
    let mut world = apply.world();
    world.set_durable(Some(&state.render(START).bytes));
    let ran = apply.run(&mut world);
    assert!(ran.all_active());
    assert!(!is_complete(&apply.definitions, &ran.state, &ran.outcome));
    world.set_durable(None);
    let ran = apply.run(&mut world);
    assert!(is_complete(&apply.definitions, &ran.state, &ran.outcome));
}
