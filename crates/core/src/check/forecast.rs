//! What an index will hold, and what it takes to build it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use crate::catalog::{BillingMode, TableDescription};
use crate::definition::IndexDefinition;
use crate::time::for_people;

/// What DynamoDB keeps beside each entry of an index.
const OVERHEAD_BYTES: f64 = 100.0;
/// Bytes of what AWS bills as a GB.
const GB: f64 = 1_073_741_824.0;
/// Write units a second that an on-demand table takes at once when it is new, and
/// at most unless AWS raised its quota.
const ON_DEMAND_NEW: f64 = 4_000.0;
const ON_DEMAND_QUOTA: f64 = 40_000.0;
/// Write units a second that one partition takes.
const PARTITION: f64 = 1_000.0;
/// What the build of an empty index took, in seconds: mostly, and at times.
const EMPTY_BUILD: (f64, f64) = (506.0, 1_000.0);

/// Prices in a currency of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// `--price-wru`: of a million write request units (on demand).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub million_wru: Option<f64>,
    /// `--price-gb`: of a GB of storage for a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gb_month: Option<f64>,
}

/// How fast an index may be written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Capacity {
    /// Write capacity units a second are reserved.
    Provisioned {
        /// So many.
        wcu: u64,
    },
    /// DynamoDB grows into it.
    OnDemand {
        /// Write units a second that are there at once.
        from: f64,
        /// And at most.
        to: f64,
    },
}

impl Capacity {
    /// That of an index with this definition on this table.
    #[must_use]
    pub fn of(definition: &IndexDefinition, table: &TableDescription) -> Self {
        if table.billing_mode == BillingMode::Provisioned {
            let own = definition.provisioned_throughput.or(table.provisioned_throughput);
            let wcu = own.map_or(1, |throughput| throughput.write_capacity_units.max(1));
            return Self::Provisioned { wcu };
        }
        let warm = definition.warm_throughput.and_then(|warm| warm.write_units_per_second);
        let from = warm.map_or(ON_DEMAND_NEW, |units| (units as f64).max(ON_DEMAND_NEW));
        let limit = definition.on_demand_throughput.and_then(|t| t.max_write_request_units);
        let limit = limit.filter(|units| *units > 0).map_or(f64::INFINITY, |units| units as f64);
        Self::OnDemand { from: from.min(limit), to: ON_DEMAND_QUOTA.max(from).min(limit) }
    }
}

/// What an index will hold and take. All of it is about the table as it was read;
/// what is written meanwhile comes on top.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Items in the index.
    pub items: Estimate,
    /// Bytes of an entry on average, as DynamoDB counts item sizes.
    pub entry_bytes: Estimate,
    /// Bytes of all entries.
    pub bytes: Estimate,
    /// With what DynamoDB adds to each entry; this is what storage is billed for.
    pub storage_bytes: Estimate,
    /// Write units that filling it takes.
    pub write_units: Estimate,
    /// How fast it may be filled.
    pub capacity: Capacity,
    /// The share of the most frequent partition key.
    pub hottest: f64,
    /// Seconds that the build takes at least and at most, by the best guess of
    /// `write_units`.
    pub seconds: (f64, f64),
    /// Whether one partition key is what it waits for.
    pub bound_by_hot_key: bool,
    /// What filling it costs, where a price was given and it is paid by the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_cost: Option<Estimate>,
    /// What a month of its storage costs, where a price was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_cost: Option<Estimate>,
}

/// What a forecast is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis {
    pub(super) items: Estimate,
    /// Bytes of an entry, on average.
    pub(super) entry_bytes: Estimate,
    /// Write units of an entry, on average.
    pub(super) entry_units: Estimate,
    pub(super) capacity: Capacity,
    /// The share of the most frequent partition key.
    pub(super) hottest: f64,
}

impl Forecast {
    pub(super) fn new(basis: &Basis, prices: Prices) -> Self {
        let Basis { items, entry_bytes, entry_units, capacity, hottest } = *basis;
        let bytes = items.times(entry_bytes);
        let bare = Self {
            items,
            entry_bytes,
            bytes,
            storage_bytes: bytes.plus(items.scaled(OVERHEAD_BYTES)),
            write_units: items.times(entry_units),
            capacity,
            hottest,
            seconds: EMPTY_BUILD,
            bound_by_hot_key: false,
            write_cost: None,
            storage_cost: None,
        };
        bare.with_capacity(capacity).priced(prices)
    }

    /// The same at another speed.
    #[must_use]
    pub fn with_capacity(&self, capacity: Capacity) -> Self {
        let units = self.write_units.value;
        let (fastest, slowest) = match capacity {
            Capacity::Provisioned { wcu } => (units / wcu as f64, units / wcu as f64),
            Capacity::OnDemand { from, to } => (units / to, units / from),
        };
        let hot = units * self.hottest / PARTITION;
        Self {
            capacity,
            seconds: (EMPTY_BUILD.0 + fastest.max(hot), EMPTY_BUILD.1 + slowest.max(hot)),
            // Below a second nobody waits for anything.
            bound_by_hot_key: hot > slowest.max(1.0),
            ..self.clone()
        }
    }

    /// The same with other prices.
    #[must_use]
    pub fn priced(&self, prices: Prices) -> Self {
        let on_demand = matches!(self.capacity, Capacity::OnDemand { .. });
        let wru = prices.million_wru.filter(|_| on_demand);
        Self {
            write_cost: wru.map(|price| self.write_units.scaled(price / 1e6)),
            storage_cost: prices.gb_month.map(|price| self.storage_gb().scaled(price)),
            ..self.clone()
        }
    }

    /// Storage in GB, as AWS bills it.
    fn storage_gb(&self) -> Estimate {
        self.storage_bytes.scaled(1.0 / GB)
    }
}

/// `200 items, 41.4 KB stored, 200 write units, 9 m 1 s to 22 m 5 s on demand`.
impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.write(f, if self.items.value == 1.0 { " item" } else { " items" })?;
        let (size, unit) = match self.storage_bytes.value {
            bytes if bytes >= GB => (GB, " GB stored"),
            bytes if bytes >= 1_048_576.0 => (1_048_576.0, " MB stored"),
            bytes if bytes >= 1_024.0 => (1_024.0, " KB stored"),
            _ => (1.0, " bytes stored"),
        };
        f.write_str(", ")?;
        self.storage_bytes.scaled(1.0 / size).write(f, unit)?;
        f.write_str(", ")?;
        self.write_units.write(f, " write units")?;
        let time = |seconds: f64| {
            for_people(Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX))
        };
        write!(f, ", {} to {}", time(self.seconds.0), time(self.seconds.1))?;
        match self.capacity {
            Capacity::Provisioned { wcu } => write!(f, " at {wcu} WCU")?,
            Capacity::OnDemand { .. } => f.write_str(" on demand")?,
        }
        if self.bound_by_hot_key {
            f.write_str(" (it waits for its hottest key)")?;
        }
        if let Some(cost) = self.write_cost {
            write!(f, ", writing it costs {cost}")?;
        }
        if let Some(cost) = self.storage_cost {
            write!(f, ", storing it {cost} a month")?;
        }
        Ok(())
    }
}

/// How a forecast is made, and where the rules come from.
pub const EXPLAINED: &str = "\
How the forecast is made
  items          items of the table that have every key attribute of the index, valid
  entry size     names and values of what the index holds of an item, as DynamoDB counts
                 item sizes; exact for KEYS_ONLY, else from pages that are read whole
  write units    the sum over items of ceil(entry size / 1 KB), at least 1 each; reading
                 the table for the backfill is free, writes of items meanwhile come on top
  time           write units / write capacity units a second where the index is provisioned;
                 on demand write units / 40,000 (the default quota of a table, or its own
                 maximum) to write units / 4,000 (what a new table takes, or its warm
                 throughput); never less than the share of the hottest partition key at
                 1,000 write units a second; and 8 to 17 minutes that DynamoDB takes for an
                 empty index
  storage        entry size + 100 bytes each; 1 GB is 2^30 bytes
  money          write units x --price-wru / 1,000,000 where it is on demand (a provisioned
                 index is paid by the hour, whatever the backfill uses); GB x --price-gb a
                 month
  +/-            half of the interval that holds the truth 95 times out of 100, from the
                 spread between the pages and segments that were read
Sources, under https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
  GSI.html                        entries, their write units and 100 bytes of overhead
  CapacityUnitCalculations.html   item sizes
  ServiceQuotas.html              40,000 write units a table, 1,000 a partition
  on-demand-capacity-mode.html    4,000 write units for a new table
  The time of an empty index was measured on AWS in 2026.";

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(capacity: Capacity) -> Basis {
        Basis {
            items: Estimate::exact(1_000_000.0),
            entry_bytes: Estimate { value: 1_500.0, margin: Some(30.0) },
            entry_units: Estimate { value: 1.9, margin: Some(0.1) },
            capacity,
            hottest: 0.001,
        }
    }

    #[test]
    fn a_provisioned_index_is_filled_at_its_own_rate_and_not_paid_by_the_unit() {
        let prices = Prices { million_wru: Some(0.625), gb_month: Some(0.25) };
        let forecast = Forecast::new(&basis(Capacity::Provisioned { wcu: 500 }), prices);
        assert_eq!(forecast.write_units, Estimate { value: 1.9e6, margin: Some(1e5) });
        assert_eq!(forecast.seconds, (506.0 + 3_800.0, 1_000.0 + 3_800.0));
        assert_eq!(forecast.write_cost, None);
        let storage = forecast.storage_bytes;
        assert_eq!((storage.value, storage.margin), (1.6e9, Some(3e7)));
        let cost = forecast.storage_cost.map(|cost| (cost.value * 1_000.0).round());
        assert_eq!(cost, Some(373.0));
    }

    #[test]
    fn on_demand_there_is_a_range_and_a_price() {
        let capacity = Capacity::OnDemand { from: 4_000.0, to: 40_000.0 };
        let prices = Prices { million_wru: Some(1.25), gb_month: None };
        let forecast = Forecast::new(&basis(capacity), prices);
        assert_eq!(forecast.seconds, (506.0 + 47.5, 1_000.0 + 475.0));
        assert_eq!(forecast.write_cost.map(|cost| cost.value), Some(2.375));
        assert_eq!(forecast.storage_cost, None);
        assert!(!forecast.bound_by_hot_key);
        assert_eq!(forecast.priced(Prices::default()).write_cost, None);
    }

    #[test]
    fn a_hot_key_is_what_the_build_waits_for() {
        let capacity = Capacity::OnDemand { from: 4_000.0, to: 40_000.0 };
        let hot = Basis { hottest: 0.5, ..basis(capacity) };
        let forecast = Forecast::new(&hot, Prices::default());
        assert!(forecast.bound_by_hot_key);
        assert_eq!(forecast.seconds, (506.0 + 950.0, 1_000.0 + 950.0));
    }

    #[test]
    fn nothing_waits_for_the_key_of_a_few_items() {
        let capacity = Capacity::OnDemand { from: 4_000.0, to: 40_000.0 };
        let few = Basis { items: Estimate::exact(7.0), hottest: 0.5, ..basis(capacity) };
        assert!(!Forecast::new(&few, Prices::default()).bound_by_hot_key);
    }

    #[test]
    fn an_empty_index_takes_no_units_and_some_minutes() {
        let none = Estimate::exact(0.0);
        let empty = Basis {
            items: none,
            entry_bytes: none,
            entry_units: none,
            capacity: Capacity::Provisioned { wcu: 1 },
            hottest: 0.0,
        };
        let forecast = Forecast::new(&empty, Prices::default());
        assert_eq!((forecast.write_units, forecast.seconds), (none, EMPTY_BUILD));
    }
}
