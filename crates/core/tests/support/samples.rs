//! Definitions, times and errors that tests speak in.

use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect, ErrorKind};
use gsictl_core::definition::{
    Definitions, IndexDefinition, KeyType, Place, Projection, ScalarType,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::time::Timestamp;

use gsictl_sim::world::{CallFaults, Fault};

pub(crate) use gsictl_sim::world::START;

pub(crate) fn after(seconds: u64) -> Timestamp {
    START + secs(seconds)
}

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

/// The digest of the index of [`one`], as an intent to create it has it.
pub(crate) fn spec() -> String {
    one().indexes[0].digest(&std::collections::BTreeMap::new())
}

pub(crate) fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

/// The index of `table.index`; the first dot parts them.
pub(crate) fn id(text: &str) -> IndexId {
    let (table, index) = text.split_once('.').unwrap();
    IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
}

/// A definition with these key attributes, all strings; the first is the HASH.
pub(crate) fn index(text: &str, keys: &[&str]) -> IndexDefinition {
    let types = std::iter::once(KeyType::Hash).chain(std::iter::repeat(KeyType::Range));
    let keys = keys.iter().zip(types).map(|(name, key_type)| (*name, key_type, ScalarType::S));
    let place = Place { file: "airline.yaml".into(), line: 1, column: 1 };
    IndexDefinition::new(id(text), keys, Projection::All).at(&place)
}

pub(crate) fn definitions(indexes: impl IntoIterator<Item = IndexDefinition>) -> Definitions {
    Definitions { indexes: indexes.into_iter().collect() }
}

/// One index on one table: what most tests need.
pub(crate) fn one() -> Definitions {
    definitions([index("bookings.by-flight", &["flight_id"])])
}

pub(crate) fn by_flight() -> IndexId {
    id("bookings.by-flight")
}

/// One index on each of `count` tables, `table-0.first` and so on.
pub(crate) fn one_each(count: usize) -> Definitions {
    definitions((0..count).map(|n| index(&format!("table-{n}.first"), &["first_key"])))
}

/// Six indexes on five tables.
pub(crate) fn airline() -> Definitions {
    definitions([
        index("bookings.passenger-flight-index", &["passenger_id", "flight_id"]),
        index("bookings.flight-status-index", &["flight_id", "booking_status"]),
        index("Baggage.location-status-index", &["current_location", "baggage_status"]),
        index("CrewRoster.crew-duty-date-index", &["crew_id", "duty_date"]),
        index("flights.aircraft-rotation-index", &["aircraft_registration", "scheduled_departure"]),
        index("passengers.passenger-elite-tier-index", &["frequent_flyer_tier_id", "booking_date"]),
    ])
}

pub(crate) fn throttled() -> CallError {
    gsictl_sim::model::refusal("ThrottlingException", "Rate exceeded")
}

pub(crate) fn server_error() -> CallError {
    CallError::from_service("InternalServerError", "Internal server error", Some(500))
}

pub(crate) fn connection(effect: Effect) -> CallError {
    CallError {
        kind: ErrorKind::Connection,
        effect,
        code: "ConnectionFailed".to_owned(),
        message: "connection reset by peer".to_owned(),
    }
}

pub(crate) fn local(kind: ErrorKind, code: &str) -> CallError {
    CallError {
        kind,
        effect: Effect::NotApplied,
        code: code.to_owned(),
        message: "it never got there".to_owned(),
    }
}

pub(crate) fn expired() -> CallError {
    gsictl_sim::model::refusal(
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )
}

/// Faults for creates alone: what `answer` says to the n-th create on a table.
pub(crate) fn on_creates(mut answer: impl FnMut(usize) -> Fault + 'static) -> CallFaults {
    Box::new(move |call, _, nth| match call {
        Call::CreateIndex(_) => answer(nth),
        _ => Fault::None,
    })
}
