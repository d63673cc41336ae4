//! Builds that last, and tables that get into trouble meanwhile.

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, TableDescription, TableStatus,
};
use gsictl_core::definition::{Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::engine::Verdict;
use gsictl_core::event::Event;
use gsictl_core::retry::Policy;
use gsictl_core::state::Status;
use gsictl_core::time::Timestamp;

use crate::support::apply::word;
use crate::support::samples::{by_flight, hours, index, one, secs, table};
use crate::support::stage::{Stage, bare, fresh};

/// `bookings` with the index of [`one`] in this state, where one is given.
fn bookings(status: &str, shown: Option<(IndexStatus, bool)>) -> TableDescription {
    let mut found = bare(&table("bookings"));
    found.status = TableStatus::from(status);
    let units = ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 5 };
    found.billing_mode = BillingMode::Provisioned;
    found.provisioned_throughput = Some(units);
    found.indexes = Vec::from_iter(shown.map(|(status, backfilling)| IndexDescription {
        name: by_flight().index,
        status,
        backfilling,
        key_schema: index("bookings.by-flight", &["flight_id"]).key_schema,
        projection: Projection::All,
        provisioned_throughput: Some(units),
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }));
    found.attributes.insert("flight_id".to_owned(), ScalarType::S);
    found
}

/// A table whose index builds from its create on until `ready`, and which has another
/// status from `from` to `to`, in seconds after the create.
fn build(
    (status, from, to): (&'static str, u64, u64),
    ready: u64,
    items: u64,
) -> impl FnMut(Timestamp, &Call) -> Result<Reply, CallError> {
    let mut created: Option<Timestamp> = None;
    move |now, call| {
        if call.is_mutating() {
            created.get_or_insert(now);
        }
        let shown = created.map(|at| match (now - at).as_secs() {
            0..30 => (IndexStatus::Creating, false),
            since if since < ready => (IndexStatus::Creating, true),
            _ => (IndexStatus::Active, false),
        });
        let since = created.map_or(0, |at| (now - at).as_secs());
        let troubled = created.is_some() && (from..to).contains(&since);
        let mut answer = bookings(if troubled { status } else { "ACTIVE" }, shown);
        answer.item_count = Some(items);
        Ok(Reply::Table(Box::new(answer)))
    }
}

const LOST_KEY: &str = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";

#[test]
fn trouble_that_passes_is_told_once_and_the_build_is_waited_for() {
    let mut stage = Stage::new(build((LOST_KEY, 100, 2_000), 2_500, 0));
    let (state, outcome) = stage.apply(&one(), Policy::default(), fresh());
    let told = stage.told();
    assert!(matches!(outcome.verdicts[0].1, Verdict::Activated(_)), "{told}");
    assert_eq!(told.matches("TableTrouble").count(), 1, "{told}");
    assert_eq!(told.matches("TableBack").count(), 1, "{told}");
    assert_eq!(state.entry(&by_flight()).unwrap().last_error(), None);
}

#[test]
fn a_time_out_strikes_while_a_table_is_in_trouble_too() {
    let policy = Policy { activation_timeout: Some(secs(600)), ..Policy::default() };
    let mut stage = Stage::new(build((LOST_KEY, 100, u64::MAX), 2_500, 0));
    let (state, outcome) = stage.apply(&one(), policy, fresh());
    assert_eq!(outcome.verdicts[0].1, Verdict::TimedOut, "{}", stage.told());
    assert_eq!(state.entry(&by_flight()).unwrap().status(), Status::InProgress);
}

#[test]
fn what_is_archived_with_its_table_is_not_waited_for() {
    let mut stage = Stage::new(build(("ARCHIVED", 100, u64::MAX), 2_500, 0));
    let (state, outcome) = stage.apply(&one(), Policy::default(), fresh());
    assert!(matches!(outcome.verdicts[0].1, Verdict::Obstructed(_)), "{}", stage.told());
    let noted = state.entry(&by_flight()).unwrap().last_error().unwrap_or_default();
    assert!(noted.contains("ARCHIVED"), "{noted}");
}

#[test]
fn a_build_that_is_slow_says_at_once_why_and_then_at_growing_intervals() {
    let policy = Policy { activation_timeout: Some(hours(3)), ..Policy::default() };
    let mut stage = Stage::new(build(("", 0, 0), u64::MAX, 900_000_000));
    let (state, outcome) = stage.apply(&one(), policy, fresh());
    assert_eq!(outcome.verdicts[0].1, Verdict::TimedOut);
    let spoken: Vec<_> = stage
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::StillBuilding { waited, cause, remedy, .. } => {
                assert!(cause.as_ref().unwrap().contains("5 write units"));
                assert!(remedy.as_ref().unwrap().contains("aws dynamodb update-table"));
                Some(waited.as_secs() / 60)
            }
            _ => None,
        })
        .collect();
    assert_eq!(spoken.len(), 8, "{spoken:?} with the one at the time-out");
    assert!(spoken[0] == 0 && spoken.windows(2).all(|pair| pair[1] - pair[0] <= 61), "{spoken:?}");
    let noted = state.entry(&by_flight()).unwrap().last_error().unwrap_or_default().to_owned();
    assert!(noted.starts_with("still CREATING") && noted.contains("5 write units"), "{noted}");
}

#[test]
fn a_build_that_takes_what_builds_take_needs_no_word() {
    let mut stage = Stage::new(build(("", 0, 0), 1_000, 0));
    stage.apply(&one(), Policy::default(), fresh());
    let words: Vec<_> = stage.events.iter().map(|(_, event)| word(event)).collect();
    assert!(!words.contains(&"StillBuilding"), "{words:?}");
}
