//! What a build takes, what it waits for, and what would make it faster: the one
//! forecast out of a description, for the order of tables, for plans, and for people who
//! wait.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::catalog::{BillingMode, IndexDescription, TableDescription};
use crate::definition::IndexDefinition;
use crate::name::IndexId;
use crate::shell::quoted;

/// Even an empty table takes about nine minutes (docs/dynamodb.md: backfill).
const EMPTY: Duration = Duration::from_secs(540);
/// Write units a second that an index on demand takes at first.
const ON_DEMAND_AT_FIRST: u64 = 4_000;
/// Write units a second of a table and its indexes, unless AWS raised the quota.
const QUOTA: u64 = 40_000;
/// An advised capacity writes all items within about this time.
const ADVISED: Duration = Duration::from_secs(6 * 3_600);

/// How long a build takes, and what bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// All of it, roughly.
    pub takes: Duration,
    /// What it waits for, where more of it would help by much.
    pub bound: Option<WriteBound>,
}

/// What the writes of a backfill are bounded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBound {
    kind: BoundKind,
    /// Write units a second that it may use now.
    units: u64,
    /// So many would do.
    advised: u64,
    /// What it would take then.
    then: Duration,
    /// Reads are set with writes, and stay as they are.
    read_units: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BoundKind {
    /// The index has its own units.
    OwnUnits,
    /// The index will take the table's units.
    UnitsOfTable,
    /// A limit of its own on demand.
    Limit,
    /// What an index on demand takes before DynamoDB raises it.
    AtFirst,
}

impl Outlook {
    /// That of an index with this definition on `table`; where it is there already, as it
    /// is and not as it is wanted.
    #[must_use]
    pub fn of(definition: &IndexDefinition, table: &TableDescription) -> Self {
        Self::new(Some(definition), table.index(&definition.id.index), table)
    }

    /// That of an index which is being built.
    #[must_use]
    pub fn of_build(index: &IndexDescription, table: &TableDescription) -> Self {
        Self::new(None, Some(index), table)
    }

    /// A backfill writes items x max(average KB, 1) units (docs/dynamodb.md: build-time), as
    /// DescribeTable counted them some hours ago (docs/dynamodb.md: six-hours).
    fn new(
        definition: Option<&IndexDefinition>,
        index: Option<&IndexDescription>,
        table: &TableDescription,
    ) -> Self {
        let items = table.item_count.unwrap_or(0);
        let work = items.max(table.size_bytes.unwrap_or(0) / 1_024);
        let (kind, units, read_units) = capacity(definition, index, table);
        let takes = |units: u64| EMPTY + Duration::from_secs(work / units.max(1));
        let advised = rounded_up(work / ADVISED.as_secs()).min(QUOTA).max(units);
        // Where writing takes no longer than an empty build, and where more would not
        // help by half, there is nothing to advise.
        let slow = work / units.max(1) > EMPTY.as_secs() && advised >= units.saturating_mul(2);
        let then = takes(advised);
        let bound = WriteBound { kind, units, advised, then, read_units };
        Self { takes: takes(units), bound: slow.then_some(bound) }
    }
}

/// What the index may write in a second, and of what kind that is.
fn capacity(
    definition: Option<&IndexDefinition>,
    index: Option<&IndexDescription>,
    table: &TableDescription,
) -> (BoundKind, u64, u64) {
    if table.billing_mode == BillingMode::Provisioned {
        let there = index.and_then(|index| index.provisioned_throughput);
        let own = there.or(definition.and_then(|wanted| wanted.provisioned_throughput));
        let kind = if own.is_some() { BoundKind::OwnUnits } else { BoundKind::UnitsOfTable };
        let units = own.or(table.provisioned_throughput);
        let write = units.map_or(1, |units| units.write_capacity_units.max(1));
        return (kind, write, units.map_or(1, |units| units.read_capacity_units.max(1)));
    }
    let there = index.map(|index| (index.on_demand_throughput, index.warm_throughput));
    let wanted = definition.map(|wanted| (wanted.on_demand_throughput, wanted.warm_throughput));
    let (limit, warm) = there.or(wanted).unwrap_or_default();
    let warm = warm.and_then(|warm| warm.write_units_per_second).unwrap_or(0);
    let at_first = warm.max(ON_DEMAND_AT_FIRST);
    let limit = limit.and_then(|limit| limit.max_write_request_units);
    // -1 says that there is no limit.
    let limit = limit.and_then(|units| u64::try_from(units).ok()).filter(|units| *units > 0);
    match limit.filter(|limit| *limit < at_first) {
        Some(limit) => (BoundKind::Limit, limit, 0),
        None => (BoundKind::AtFirst, at_first, 0),
    }
}

/// To two digits, so that it is read as what it is: a proposal.
fn rounded_up(units: u64) -> u64 {
    let step = 10u64.pow(units.max(1).ilog10().saturating_sub(1));
    units.div_ceil(step) * step
}

impl WriteBound {
    /// How fast the writes would be done with what is advised.
    #[must_use]
    pub fn then(&self) -> Duration {
        self.then
    }

    /// What to change in the definition, before the index is made.
    #[must_use]
    pub fn advice_before(&self) -> String {
        let Self { advised, .. } = self;
        match self.kind {
            BoundKind::OwnUnits => {
                format!(
                    "raise them: WriteCapacityUnits in its definition, for instance {advised}; lower them when it is built"
                )
            }
            BoundKind::UnitsOfTable => format!(
                "raise them: give it ProvisionedThroughput of its own in its definition, for instance with WriteCapacityUnits {advised}; lower them when it is built"
            ),
            BoundKind::Limit => format!(
                "raise it: MaxWriteRequestUnits in its definition, for instance {advised}, or leave it out"
            ),
            BoundKind::AtFirst => format!(
                "DynamoDB raises them while it writes; WarmThroughput in its definition, for instance with WriteUnitsPerSecond {advised}, has them from the beginning (it is paid for once)"
            ),
        }
    }

    /// The command that helps while the index is being built. DynamoDB takes it once the
    /// index is backfilling.
    #[must_use]
    pub fn advice_now(&self, id: &IndexId) -> String {
        let Self { advised, .. } = self;
        let (what, member, rest) = match self.kind {
            BoundKind::OwnUnits | BoundKind::UnitsOfTable => (
                "raise them (once it is backfilling)",
                json!({ "ProvisionedThroughput": {
                    "ReadCapacityUnits": self.read_units, "WriteCapacityUnits": advised } }),
                ", and lower them when it is built",
            ),
            BoundKind::Limit => (
                "raise the limit (once it is backfilling)",
                json!({ "OnDemandThroughput": { "MaxWriteRequestUnits": advised } }),
                "",
            ),
            BoundKind::AtFirst => (
                "DynamoDB raises them while it writes; to have them sooner (it is paid for once)",
                json!({ "WarmThroughput": { "WriteUnitsPerSecond": advised } }),
                "",
            ),
        };
        let mut update = json!({ "IndexName": id.index });
        if let (Some(update), Some(member)) = (update.as_object_mut(), member.as_object()) {
            update.extend(member.clone());
        }
        let updates = quoted(json!([{ "Update": update }]).to_string());
        let table = quoted(id.table.as_str());
        format!(
            "{what}: `aws dynamodb update-table --table-name {table} --global-secondary-index-updates {updates}`{rest}"
        )
    }
}

/// `bounded by the index's 5 write units a second`.
impl fmt::Display for WriteBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.units;
        match self.kind {
            BoundKind::OwnUnits => write!(f, "bounded by the index's {units} write units a second"),
            BoundKind::UnitsOfTable => write!(
                f,
                "bounded by the index's {units} write units a second, which it takes from its table"
            ),
            BoundKind::Limit => {
                write!(f, "bounded by the index's limit of {units} write units a second")
            }
            BoundKind::AtFirst => write!(
                f,
                "bounded by the {units} write units a second that an index on demand takes at first"
            ),
        }
    }
}
