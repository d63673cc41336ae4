//! What was acknowledged is not gone while its table is UPDATING: on a global table an
//! index comes up in the replicas first.

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::catalog::{IndexDescription, IndexStatus, TableDescription, TableStatus};
use gsictl_core::definition::Projection;
use gsictl_core::engine::Verdict;
use gsictl_core::retry::Policy;
use gsictl_core::state::{Owner, State, Status, Step};
use gsictl_core::time::Timestamp;

use crate::support::samples::{START, after, by_flight, index, one, secs, spec, table};
use crate::support::stage::{Stage, bare, fresh};

/// `bookings` with the index of [`one`], where a status is given.
fn bookings(status: TableStatus, shown: Option<(IndexStatus, bool)>) -> TableDescription {
    let mut found = bare(&table("bookings"));
    found.status = status;
    found.indexes = Vec::from_iter(shown.map(|(status, backfilling)| IndexDescription {
        name: by_flight().index,
        status,
        backfilling,
        key_schema: index("bookings.by-flight", &["flight_id"]).key_schema,
        projection: Projection::All,
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }));
    found.attributes.insert("flight_id".to_owned(), gsictl_core::definition::ScalarType::S);
    found
}

/// A table whose create at `created` shows nothing until `shown`, and is ready at `ready`.
fn late(created: &mut Option<Timestamp>, now: Timestamp, call: &Call) -> Result<Reply, CallError> {
    if call.is_mutating() {
        created.get_or_insert(now);
    }
    let since = created.map_or(secs(0), |at| now - at);
    let answer = match since.as_secs() {
        _ if created.is_none() => bookings(TableStatus::Active, None),
        // Longer than the minute in which any create may be unseen.
        0..150 => bookings(TableStatus::Updating, None),
        150..200 => bookings(TableStatus::Updating, Some((IndexStatus::Creating, false))),
        200..600 => bookings(TableStatus::Active, Some((IndexStatus::Creating, true))),
        _ => bookings(TableStatus::Active, Some((IndexStatus::Active, false))),
    };
    Ok(Reply::Table(Box::new(answer)))
}

#[test]
fn an_acknowledged_create_is_not_gone_while_its_table_is_updating() {
    let mut created = None;
    let mut stage = Stage::new(|now, call: &Call| late(&mut created, now, call));
    let (state, outcome) = stage.apply(&one(), Policy::default(), fresh());
    let told = stage.told();
    assert!(matches!(outcome.verdicts[0].1, Verdict::Activated(_)), "{told}");
    assert_eq!(outcome.stats.creates, 1, "{told}");
    let entry = state.entry(&by_flight()).unwrap();
    assert_eq!((entry.record().owner, entry.retry_count()), (Some(Owner::Run), 0), "{told}");
    assert!(!told.contains("Missing"), "{told}");
}

fn acknowledged_at_the_start(seen: bool) -> State {
    let mut state = fresh();
    state.enlist(&one());
    let steps = [
        Some(Step::Intend { at: START, table_id: identity(), spec: spec() }),
        Some(Step::Acknowledge),
        seen.then(|| Step::SeenBuilding { table_id: identity() }),
    ];
    for step in steps.into_iter().flatten() {
        state.apply(&by_flight(), step).unwrap();
    }
    let bytes = state.render(START).bytes;
    State::parse(&bytes).unwrap()
}

fn identity() -> Option<String> {
    bare(&table("bookings")).identity()
}

#[test]
fn neither_is_one_that_an_earlier_run_created_and_was_killed_after() {
    let mut created = Some(START);
    let mut stage = Stage::new(|now, call: &Call| late(&mut created, now, call));
    // More than a minute later; the table is still UPDATING.
    stage.now = after(100);
    let (state, outcome) = stage.apply(&one(), Policy::default(), acknowledged_at_the_start(false));
    let told = stage.told();
    assert!(matches!(outcome.verdicts[0].1, Verdict::Activated(_)), "{told}");
    assert_eq!(outcome.stats.creates, 0, "{told}");
    assert_eq!(state.entry(&by_flight()).unwrap().record().owner, Some(Owner::Run), "{told}");
}

#[test]
fn what_was_shown_once_and_is_missing_is_gone_though_the_table_is_updating() {
    let record = |seen| acknowledged_at_the_start(seen);
    let unseen = |state: &State| {
        let record = state.entry(&by_flight()).unwrap().record().clone();
        record.may_be_unseen(true, after(600), after(600), secs(60))
    };
    assert!(unseen(&record(false)));
    assert!(!unseen(&record(true)), "its absence is evidence");
}

#[test]
fn once_the_table_is_active_the_minute_alone_counts() {
    // Acknowledged, and nothing came of it.
    let mut stage =
        Stage::new(|_, _: &Call| Ok(Reply::Table(Box::new(bookings(TableStatus::Active, None)))));
    stage.now = after(100);
    let policy = Policy { wait: false, ..Policy::default() };
    let (state, _) = stage.apply(&one(), policy, acknowledged_at_the_start(false));
    assert!(stage.told().contains("Missing"), "{}", stage.told());
    assert_eq!(state.entry(&by_flight()).unwrap().status(), Status::InProgress, "created again");
}
