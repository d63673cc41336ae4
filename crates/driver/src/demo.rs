//! Five airline tables with items, for `gsictl demo`. Nothing else makes tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use gsictl_core::call::{Call, CallError, CreateTable, ErrorKind, Item, Reply, Value};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, ScalarType};
use gsictl_core::name::TableName;

use crate::dynamodb::Backend;

/// A table of the demo: its name, its key, and the attributes its items carry.
struct Sample {
    table: &'static str,
    key: &'static str,
    attributes: &'static [(&'static str, ScalarType, u32)],
}

use ScalarType::{N, S};

/// The base tables of the seeds' six indexes; the numbers say how many different
/// values an attribute takes.
const SAMPLES: [Sample; 5] = [
    Sample {
        table: "bookings",
        key: "booking_id",
        attributes: &[("passenger_id", S, 60), ("flight_id", S, 25), ("booking_status", S, 4)],
    },
    Sample {
        table: "Baggage",
        key: "baggage_id",
        attributes: &[("current_location", S, 12), ("baggage_status", S, 5)],
    },
    Sample {
        table: "CrewRoster",
        key: "roster_id",
        attributes: &[("crew_id", S, 40), ("duty_date", S, 30)],
    },
    Sample {
        table: "flights",
        key: "flight_id",
        attributes: &[("aircraft_registration", S, 20), ("scheduled_departure", S, 90)],
    },
    Sample {
        table: "passengers",
        key: "passenger_id",
        attributes: &[("frequent_flyer_tier_id", N, 5), ("booking_date", S, 60)],
    },
];

/// Makes the tables that are missing and fills those with `items` items each.
/// What is there is left as it is, so that a demo that was stopped goes on.
///
/// # Errors
/// The first call that fails.
pub async fn seed(backend: &Arc<dyn Backend>, items: u32) -> Result<Vec<TableName>, CallError> {
    let mut made = Vec::new();
    for sample in &SAMPLES {
        let Ok(table) = TableName::new(sample.table) else {
            continue;
        };
        if is_filled(backend, &table).await? {
            continue;
        }
        match backend.call(Call::CreateTable(Box::new(sample.create(&table)))).await {
            Ok(_) => made.push(table.clone()),
            Err(error) if error.kind == ErrorKind::TableBusy => {}
            Err(error) => return Err(error),
        }
        let items = (0..items).map(|n| sample.item(n)).collect();
        backend.call(Call::PutItems { table, items }).await?;
    }
    Ok(made)
}

async fn is_filled(backend: &Arc<dyn Backend>, table: &TableName) -> Result<bool, CallError> {
    match backend.call(Call::DescribeTable(table.clone())).await {
        Ok(Reply::Table(description)) => Ok(!description.indexes.is_empty()),
        Ok(Reply::Done) => Ok(false),
        Err(error) if error.kind == ErrorKind::TableNotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Sample {
    fn create(&self, table: &TableName) -> CreateTable {
        CreateTable {
            table: table.clone(),
            key_schema: vec![KeyElement {
                attribute_name: self.key.to_owned(),
                key_type: KeyType::Hash,
            }],
            attributes: BTreeMap::from([(self.key.to_owned(), S)]),
            billing_mode: BillingMode::PayPerRequest,
            provisioned_throughput: None,
        }
    }

    fn item(&self, n: u32) -> Item {
        let value = |name: &str, kind: ScalarType, of: u32| match kind {
            N => Value::N((n % of).to_string()),
            _ => Value::S(format!("{name}-{:04}", n % of)),
        };
        let mut item: Item = self
            .attributes
            .iter()
            .map(|(name, kind, of)| ((*name).to_owned(), value(name, *kind, *of)))
            .collect();
        item.insert(self.key.to_owned(), Value::S(format!("{}-{n:06}", self.key)));
        item
    }
}
