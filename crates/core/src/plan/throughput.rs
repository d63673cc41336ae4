//! Throughput of a definition held against the table that is to have the index.
//!
//! DynamoDB refuses what does not fit for certain (docs/dynamodb.md: units-by-mode,
//! warm-floor), so that it is known before any call.

use std::fmt;

use crate::catalog::{BillingMode, TableDescription};
use crate::definition::{IndexDefinition, ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES};

/// Why DynamoDB would not create an index with this throughput on this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// ProvisionedThroughput on an on-demand table.
    UnitsOnDemand,
    /// OnDemandThroughput on a PROVISIONED table.
    LimitsOnProvisioned,
    /// WarmThroughput below what any on-demand index starts with.
    WarmOnDemand(Warm),
    /// WarmThroughput below the index's own capacity units.
    WarmBelowUnits(Warm),
}

/// A member of WarmThroughput that is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warm {
    /// Its name.
    pub member: &'static str,
    /// In the definition.
    pub wanted: u64,
    /// What DynamoDB takes.
    pub least: u64,
}

impl Misfit {
    /// The first thing that does not fit.
    #[must_use]
    pub fn of(definition: &IndexDefinition, table: &TableDescription) -> Option<Self> {
        match table.billing_mode {
            BillingMode::PayPerRequest if definition.provisioned_throughput.is_some() => {
                Some(Self::UnitsOnDemand)
            }
            BillingMode::PayPerRequest => {
                let least = (ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES);
                too_low(definition, least).map(Self::WarmOnDemand)
            }
            BillingMode::Provisioned if definition.requested_limits().is_some() => {
                Some(Self::LimitsOnProvisioned)
            }
            BillingMode::Provisioned => {
                let units = definition.provisioned_throughput.or(table.provisioned_throughput)?;
                let least = (units.read_capacity_units, units.write_capacity_units);
                too_low(definition, least).map(Self::WarmBelowUnits)
            }
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::UnitsOnDemand => {
                "leave ProvisionedThroughput out; OnDemandThroughput sets limits on an on-demand table"
            }
            Self::LimitsOnProvisioned => {
                "leave OnDemandThroughput out; ProvisionedThroughput sets the units of an index on a provisioned table"
            }
            Self::WarmOnDemand(_) => {
                "leave WarmThroughput out, or ask for 12000 reads and 4000 writes a second or more, which every on-demand index starts with"
            }
            Self::WarmBelowUnits(_) => {
                "leave WarmThroughput out, or ask for the index's own capacity units or more"
            }
        }
    }
}

fn too_low(definition: &IndexDefinition, (reads, writes): (u64, u64)) -> Option<Warm> {
    let warm = definition.warm_throughput?;
    let members = [
        ("ReadUnitsPerSecond", warm.read_units_per_second, reads),
        ("WriteUnitsPerSecond", warm.write_units_per_second, writes),
    ];
    members.into_iter().find_map(|(member, wanted, least)| {
        let wanted = wanted.filter(|wanted| *wanted < least)?;
        Some(Warm { member, wanted, least })
    })
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnitsOnDemand => {
                write!(f, "the table is on-demand, where DynamoDB takes no ProvisionedThroughput")
            }
            Self::LimitsOnProvisioned => {
                write!(f, "the table is provisioned, where DynamoDB takes no OnDemandThroughput")
            }
            Self::WarmOnDemand(Warm { member, wanted, least }) => write!(
                f,
                "WarmThroughput asks for {member} {wanted}, and an on-demand index has {least} from the start"
            ),
            Self::WarmBelowUnits(Warm { member, wanted, least }) => write!(
                f,
                "WarmThroughput asks for {member} {wanted}, which is less than the index's {least} capacity units"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Sighting;
    use crate::definition::{
        KeyType, OnDemandThroughput, Place, Projection, ProvisionedThroughput, ScalarType,
        WarmThroughput,
    };
    use crate::name::{IndexId, IndexName, TableName};
    use crate::plan::tests::table as on_demand;
    use crate::plan::{Finding, Obstacle, judge};

    fn table(units: Option<u64>) -> TableDescription {
        let units = units.map(|n| provisioned(n, n));
        TableDescription {
            billing_mode: units.map_or(BillingMode::PayPerRequest, |_| BillingMode::Provisioned),
            provisioned_throughput: units,
            ..on_demand("orders", Vec::new())
        }
    }

    fn provisioned(read: u64, write: u64) -> ProvisionedThroughput {
        ProvisionedThroughput { read_capacity_units: read, write_capacity_units: write }
    }

    fn limits(read: i64, write: i64) -> OnDemandThroughput {
        let (read, write) = (Some(read), Some(write));
        OnDemandThroughput { max_read_request_units: read, max_write_request_units: write }
    }

    fn warm(read: u64, write: u64) -> WarmThroughput {
        let (read, write) = (Some(read), Some(write));
        WarmThroughput { read_units_per_second: read, write_units_per_second: write }
    }

    fn index(change: impl FnOnce(&mut IndexDefinition)) -> IndexDefinition {
        let name = IndexName::new("by-kind").unwrap();
        let id = IndexId::new(TableName::new("orders").unwrap(), name);
        let keys = [("kind", KeyType::Hash, ScalarType::S)];
        let place = Place { file: "orders.yaml".into(), line: 2, column: 5 };
        let mut index = IndexDefinition::new(id, keys, Projection::All).at(&place);
        change(&mut index);
        index
    }

    #[test]
    fn what_dynamodb_refuses_for_certain_is_known_before_any_call() {
        let on_demand = || table(None);
        let fits: [(IndexDefinition, TableDescription); 9] = [
            (index(|_| {}), on_demand()),
            (index(|_| {}), table(Some(5))),
            (index(|d| d.on_demand_throughput = Some(limits(100, -1))), on_demand()),
            (index(|d| d.on_demand_throughput = Some(limits(-1, -1))), table(Some(5))),
            (index(|d| d.warm_throughput = Some(warm(12_000, 4_000))), on_demand()),
            (index(|d| d.warm_throughput = Some(warm(5, 5))), table(Some(5))),
            (index(|d| d.provisioned_throughput = Some(provisioned(1, 1))), table(Some(5))),
            (
                index(|d| {
                    d.provisioned_throughput = Some(provisioned(1, 1));
                    d.warm_throughput = Some(warm(1, 1));
                }),
                table(Some(5)),
            ),
            (
                index(|d| {
                    d.warm_throughput = Some(WarmThroughput {
                        read_units_per_second: None,
                        write_units_per_second: Some(4_000),
                    });
                }),
                on_demand(),
            ),
        ];
        for (definition, table) in fits {
            assert_eq!(Misfit::of(&definition, &table), None, "{definition:?}");
        }
        let mut told = Vec::new();
        for (definition, table) in [
            (index(|d| d.provisioned_throughput = Some(provisioned(1, 1))), on_demand()),
            (index(|d| d.on_demand_throughput = Some(limits(-1, 7))), table(Some(5))),
            (index(|d| d.warm_throughput = Some(warm(11_999, 4_000))), on_demand()),
            (index(|d| d.warm_throughput = Some(warm(12_000, 3_999))), on_demand()),
            (index(|d| d.warm_throughput = Some(warm(5, 4))), table(Some(5))),
        ] {
            let finding = judge(&definition, &Sighting::Found(Box::new(table)));
            let Finding::Obstacle(obstacle @ Obstacle::Throughput { .. }) = finding else {
                panic!("{finding:?}");
            };
            told.push(format!("{obstacle}\n  {}", obstacle.remedy()));
        }
        insta::assert_snapshot!(told.join("\n"));
    }
}
