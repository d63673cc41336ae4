//! Airline tables with items, for `gsictl demo`. Nothing else makes tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use gsictl_core::call::{Call, CallError, CreateTable, ErrorKind, Item, Value};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, ScalarType};
use gsictl_core::name::TableName;

use crate::dynamodb::local::{Local, LocalDurations, lock_to_make};
use crate::dynamodb::{Backend, ConnectError};
use crate::file;

mod leftovers;

pub use leftovers::remove_leftovers;

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
        attributes: &[
            ("aircraft_registration", S, 20),
            ("scheduled_departure", S, 90),
            ("destination_airport_id", S, 12),
            ("scheduled_arrival", S, 90),
            ("total_revenue", N, 70),
        ],
    },
    Sample {
        table: "passengers",
        key: "passenger_id",
        attributes: &[("frequent_flyer_tier_id", N, 5), ("booking_date", S, 60)],
    },
];

/// The base tables that the seeds' indexes of lower priority have beside these.
const MORE: [Sample; 4] = [
    Sample {
        table: "CargoShipments",
        key: "shipment_id",
        attributes: &[
            ("commodity_type_id", S, 8),
            ("temperature_requirement", S, 4),
            ("shipment_value", N, 50),
        ],
    },
    Sample {
        table: "MaintenanceWorkOrders",
        key: "work_order_id",
        attributes: &[("aircraft_registration", S, 20), ("scheduled_date", S, 60)],
    },
    Sample {
        table: "CrewMembers",
        key: "crew_id",
        attributes: &[("aircraft_type_id", S, 6), ("qualification_expiry", S, 30)],
    },
    Sample {
        table: "NOTAMs",
        key: "notam_id",
        attributes: &[("airport_code", S, 12), ("notam_start", S, 60)],
    },
];

/// Which tables are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// The five of the six indexes that the demo builds.
    Demo,
    /// These, and the four that the other examples need.
    All,
}

impl Tables {
    fn samples(self) -> impl Iterator<Item = &'static Sample> {
        let more: &[Sample] = if self == Self::All { &MORE } else { &[] };
        SAMPLES.iter().chain(more)
    }
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The engine cannot open it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The engine refused a table or its items.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its files cannot be moved or removed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Makes the database at `path`: `tables` with `items` items each. Returns how
/// many tables were made, none where the database is there already.
///
/// It gets its name once it is whole, for the engine does not make a table in one
/// step: killed in between, it has one that can be neither used nor made again.
/// The caller sees to it that nobody else does the same at the same time.
///
/// # Errors
/// [`SeedError`]; there is no database then.
pub async fn seed(path: &Path, items: u32, tables: Tables) -> Result<usize, SeedError> {
    let failed = |source| SeedError::Io { path: path.to_owned(), source };
    let directory = file::directory(path);
    let _guard = lock_to_make(path).map_err(failed)?;
    if path.exists() {
        return Ok(0);
    }
    file::remove_asides(directory);
    let making = file::make_aside(directory).map_err(failed)?;
    let made = making.path().join("database");
    let local: Arc<dyn Backend> = Arc::new(Local::open(Some(&made), LocalDurations::default())?);
    for sample in tables.samples() {
        sample.make(&local, items).await?;
    }
    drop(local);
    fs::rename(&made, path).map_err(failed)?;
    file::sync_directory(directory).map_err(failed)?;
    Ok(tables.samples().count())
}

/// The tables that the database at `path` lacks.
///
/// # Errors
/// [`SeedError`]: the engine cannot open or read it.
pub async fn missing(path: &Path, tables: Tables) -> Result<Vec<TableName>, SeedError> {
    let local: Arc<dyn Backend> = Arc::new(Local::open(Some(path), LocalDurations::default())?);
    let names = tables.samples().filter_map(|sample| TableName::new(sample.table).ok());
    let mut missing = Vec::new();
    for name in names {
        match local.call(Call::DescribeTable(name.clone())).await {
            Err(error) if error.kind == ErrorKind::TableNotFound => missing.push(name),
            described => drop(described?),
        }
    }
    Ok(missing)
}

impl Sample {
    async fn make(&self, backend: &Arc<dyn Backend>, items: u32) -> Result<(), CallError> {
        let Ok(table) = TableName::new(self.table) else {
            return Ok(());
        };
        backend.call(Call::CreateTable(Box::new(self.create(table.clone())))).await?;
        let items = (0..items).map(|n| self.item(n)).collect();
        backend.call(Call::PutItems { table, items }).await?;
        Ok(())
    }

    fn create(&self, table: TableName) -> CreateTable {
        CreateTable {
            table,
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
