//! What a run finds, against what the state says: the tables of docs/state-file.md, a test
//! a cell.

use std::time::Duration;

use gsictl_core::definition::Projection;
use gsictl_core::engine::Verdict;
use gsictl_core::plan::{Action, Obstacle};
use gsictl_core::state::{Attempt, Owner, State, Status, Step};
use gsictl_core::time::Timestamp;

use crate::support::apply::{Apply, Ran};
use crate::support::samples::{START, by_flight, one, secs, spec};
use gsictl_sim::world::World;

/// What an earlier run left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    Pending,
    InProgress,
    Active,
    Failed,
    /// Failed, and now there is `--retry-failed`.
    Retried,
}

/// What DynamoDB shows at the first look.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Building,
    Active,
    Gone,
    BeingDeleted,
    OtherKeys,
}

/// What a cell leads to.
struct Cell {
    status: Status,
    owner: Option<Owner>,
    creates: usize,
    verdict: fn(&Verdict) -> bool,
    action: Action,
    events: &'static [&'static str],
}

const HOUR: Duration = Duration::from_secs(3_600);

fn ago(length: Duration) -> Timestamp {
    let before = i64::try_from(length.as_millis()).unwrap();
    Timestamp::from_millis(START.as_millis() - before)
}

fn steps_to(left: Left, table_id: &str) -> Vec<Step> {
    let table_id = Some(table_id.to_owned());
    let intend = Step::Intend { at: ago(HOUR), table_id: table_id.clone(), spec: spec() };
    let attempt = Attempt {
        at: ago(HOUR),
        kind: "ValidationException".to_owned(),
        message: "ValidationException: no".to_owned(),
        strategy: "permanent".to_owned(),
        delay_seconds: 0,
    };
    match left {
        Left::Pending => vec![],
        Left::InProgress => vec![intend, Step::Acknowledge],
        Left::Active => {
            vec![intend, Step::Acknowledge, Step::SeenActive { at: ago(HOUR), table_id }]
        }
        Left::Failed | Left::Retried => vec![
            intend,
            Step::Refused { attempt },
            Step::GiveUp { error: "ValidationException: no".to_owned() },
        ],
    }
}

fn show(world: &mut World, shown: Shown) {
    let mut definition = one().indexes.remove(0);
    let model = &mut world.model;
    match shown {
        Shown::Gone => {}
        Shown::Building => model.operator_creates(ago(secs(100)), &definition),
        Shown::Active => model.operator_creates(ago(HOUR), &definition),
        Shown::BeingDeleted => {
            model.operator_creates(ago(HOUR), &definition);
            model.operator_deletes(ago(secs(1)), &by_flight());
        }
        Shown::OtherKeys => {
            definition.projection = Projection::KeysOnly;
            model.operator_creates(ago(HOUR), &definition);
        }
    }
}

fn run(left: Left, shown: Shown, retry_failed: bool) -> (World, Ran) {
    let mut apply = Apply::new(one());
    apply.retry_failed = retry_failed;
    let mut world = apply.world();
    let table_id = world.model.table(&by_flight().table).id.clone();
    let mut state: State = apply.state(ago(HOUR));
    for step in steps_to(left, &table_id) {
        state.apply(&by_flight(), step).unwrap();
    }
    world.set_durable(Some(&state.render(ago(HOUR)).bytes));
    show(&mut world, shown);
    let ran = apply.run(&mut world);
    (world, ran)
}

fn check(left: Left, shown: Shown, cell: &Cell) {
    let (world, ran) = run(left, shown, left == Left::Retried);
    let (entry, verdict) = (ran.entry(&by_flight()), ran.verdict(&by_flight()));
    let context = format!("{left:?} x {shown:?}: {verdict:?}\n{}", ran.told(&world));
    assert_eq!(ran.words(&world), cell.events, "{context}");
    assert_eq!(entry.status(), cell.status, "{context}");
    assert_eq!(entry.record().owner, cell.owner, "{context}");
    assert!((cell.verdict)(verdict), "{context}");
    assert_eq!(ran.plan.tables[0].indexes[0].action, cell.action);
    assert_eq!(ran.creates(&world, &by_flight()).len(), cell.creates);
    assert_eq!(world.model.creates_of(&by_flight()), cell.creates);
    let told = matches!(verdict, Verdict::Obstructed(_) | Verdict::LeftFailed);
    assert_eq!(entry.last_error().is_some(), told, "{context}");
    let changed = !matches!(
        (left, shown),
        (Left::Active, Shown::Active) | (Left::Failed, Shown::Gone | Shown::BeingDeleted)
    );
    assert_eq!(ran.saves > 0, changed, "{context}");
}

fn activated(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Activated(_))
}

fn already_active(verdict: &Verdict) -> bool {
    *verdict == Verdict::AlreadyActive
}

fn left_failed(verdict: &Verdict) -> bool {
    *verdict == Verdict::LeftFailed
}

fn conflict(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Obstructed(Obstacle::Conflict { .. }))
}

macro_rules! cells {
    ($($name:ident: $left:ident x $shown:ident => $action:ident, $status:ident, $owner:expr, $creates:literal, $verdict:ident, $events:expr;)+) => {
        $(#[test]
        fn $name() {
            check(Left::$left, Shown::$shown, &Cell {
                status: Status::$status,
                owner: $owner,
                creates: $creates,
                verdict: $verdict,
                action: Action::$action,
                events: &$events,
            });
        })+
    };
}

const RUN: Option<Owner> = Some(Owner::Run);
const FOUND: Option<Owner> = Some(Owner::Found);

#[rustfmt::skip]
cells! {
    pending_and_building_is_adopted_as_found:
        Pending x Building => Adopt, Active, FOUND, 0, activated, ["Adopted", "Activated"];
    pending_and_active_is_found:
        Pending x Active => Keep, Active, FOUND, 0, already_active, ["AlreadyActive"];
    pending_and_gone_is_created:
        Pending x Gone => Create, Active, RUN, 1, activated, ["Creating", "Accepted", "Backfilling", "Activated"];
    pending_and_being_deleted_is_created_afterwards:
        Pending x BeingDeleted => Recreate, Active, RUN, 1, activated, ["AwaitingDeletion", "Creating", "Accepted", "Backfilling", "Activated"];
    pending_and_of_other_keys_is_an_obstacle:
        Pending x OtherKeys => Obstructed, Pending, FOUND, 0, conflict, ["Obstructed"];

    in_progress_and_building_is_adopted_and_stays_ours:
        InProgress x Building => Adopt, Active, RUN, 0, activated, ["Adopted", "Activated"];
    in_progress_and_active_stays_ours:
        InProgress x Active => Keep, Active, RUN, 0, already_active, ["AlreadyActive"];
    in_progress_and_gone_is_missed_and_created_again:
        InProgress x Gone => Create, Active, RUN, 1, activated, ["Missing", "Creating", "Accepted", "Backfilling", "Activated"];
    in_progress_and_being_deleted_is_created_afterwards:
        InProgress x BeingDeleted => Recreate, Active, RUN, 1, activated, ["AwaitingDeletion", "Missing", "Creating", "Accepted", "Backfilling", "Activated"];
    in_progress_and_of_other_keys_is_an_obstacle_and_no_longer_ours:
        InProgress x OtherKeys => Obstructed, InProgress, FOUND, 0, conflict, ["Obstructed"];

    active_and_building_was_made_again_by_somebody:
        Active x Building => Adopt, Active, FOUND, 0, activated, ["Adopted", "Activated"];
    active_and_active_is_left_alone:
        Active x Active => Keep, Active, RUN, 0, already_active, ["AlreadyActive"];
    active_and_gone_is_missed_and_created_again:
        Active x Gone => Create, Active, RUN, 1, activated, ["Missing", "Creating", "Accepted", "Backfilling", "Activated"];
    active_and_being_deleted_is_created_afterwards:
        Active x BeingDeleted => Recreate, Active, RUN, 1, activated, ["AwaitingDeletion", "Missing", "Creating", "Accepted", "Backfilling", "Activated"];
    active_and_of_other_keys_is_an_obstacle_and_no_longer_ours:
        Active x OtherKeys => Obstructed, Active, FOUND, 0, conflict, ["Obstructed"];

    failed_and_building_is_adopted_as_found:
        Failed x Building => Adopt, Active, FOUND, 0, activated, ["Adopted", "Activated"];
    failed_and_active_is_found:
        Failed x Active => Keep, Active, FOUND, 0, already_active, ["AlreadyActive"];
    failed_and_gone_is_left_failed:
        Failed x Gone => LeaveFailed, Failed, None, 0, left_failed, ["LeftFailed"];
    failed_and_being_deleted_is_left_failed:
        Failed x BeingDeleted => LeaveFailed, Failed, None, 0, left_failed, ["AwaitingDeletion", "LeftFailed"];
    failed_and_of_other_keys_is_an_obstacle:
        Failed x OtherKeys => Obstructed, Failed, FOUND, 0, conflict, ["Obstructed"];

    retried_and_building_is_adopted_as_found:
        Retried x Building => Adopt, Active, FOUND, 0, activated, ["Adopted", "Activated"];
    retried_and_active_is_found:
        Retried x Active => Keep, Active, FOUND, 0, already_active, ["AlreadyActive"];
    retried_and_gone_is_created:
        Retried x Gone => Create, Active, RUN, 1, activated, ["Creating", "Accepted", "Backfilling", "Activated"];
    retried_and_being_deleted_is_created_afterwards:
        Retried x BeingDeleted => Recreate, Active, RUN, 1, activated, ["AwaitingDeletion", "Creating", "Accepted", "Backfilling", "Activated"];
    retried_and_of_other_keys_is_an_obstacle:
        Retried x OtherKeys => Obstructed, Failed, FOUND, 0, conflict, ["Obstructed"];
}

#[test]
fn a_retry_counts_failures_anew_and_keeps_the_history() {
    let (_, ran) = run(Left::Retried, Shown::Gone, true);
    let entry = ran.entry(&by_flight());
    assert_eq!((entry.retry_count(), entry.last_error()), (0, None));
    assert_eq!(entry.record().attempts.len(), 1);
}

#[test]
fn a_retry_starts_failed_ones_only() {
    for (left, events) in [
        (Left::Pending, vec![]),
        (Left::InProgress, vec!["Missing"]),
        (Left::Active, vec!["Missing"]),
    ] {
        let (world, ran) = run(left, Shown::Gone, true);
        assert_eq!(ran.words(&world), events, "{left:?}");
        assert_eq!(*ran.verdict(&by_flight()), Verdict::LeftOther);
        assert_eq!(ran.status(&by_flight()), Status::Pending);
        assert_eq!(world.model.log, []);
    }
}

#[test]
fn a_retry_still_waits_for_builds_that_did_not_fail() {
    let (world, ran) = run(Left::InProgress, Shown::Building, true);
    assert_eq!(ran.words(&world), ["Adopted", "Activated"]);
    assert!(ran.all_active());
}

#[test]
fn what_failed_with_its_answers_lost_and_is_there_after_all_is_inferred_to_be_ours() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let table_id = world.model.table(&by_flight().table).id.clone();
    let mut state = apply.state(ago(HOUR));
    let mut steps = steps_to(Left::Failed, &table_id);
    let Step::Refused { attempt } = steps.remove(1) else {
        unreachable!("a failed entry was refused");
    };
    steps.insert(1, Step::Lost { attempt });
    for step in steps {
        state.apply(&by_flight(), step).unwrap();
    }
    world.set_durable(Some(&state.render(ago(HOUR)).bytes));
    show(&mut world, Shown::Building);
    let ran = apply.run(&mut world);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Inferred));
    assert!(ran.all_active());
}
