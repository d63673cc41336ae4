//! How long things take and how much there may be of them, as AWS has it.

use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How long AWS takes, in its own time (docs/dynamodb.md: allocation, backfill, deletion,
/// index-updating).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTimes {
    /// Table UPDATING, index CREATING and not yet backfilling: 24 to 56 s.
    pub allocation: Duration,
    /// Table ACTIVE, index CREATING and backfilling: 506 to 539 s on an empty table.
    pub backfill: Duration,
    /// The same of a vector index: 8.5 to 17 min.
    pub vector_backfill: Duration,
    /// Of an index: 3 to 5 s.
    pub deletion: Duration,
    /// An index's new throughput: 2 to 6 s.
    pub index_update: Duration,
    /// A table's new throughput or billing mode.
    pub table_update: Duration,
    /// From CreateTable to ACTIVE.
    pub table_creation: Duration,
    /// From DeleteTable until the table is gone.
    pub table_deletion: Duration,
    /// A new replica, under a table that is ACTIVE: about 5 min.
    pub replica_creation: Duration,
    /// How long after a change a description may still tell what was before. The
    /// default is no time; AWS promises nothing.
    pub late: Duration,
    /// Between two counts of items and bytes: about six hours.
    pub count_refresh: Duration,
    /// LimitExceededException takes its time: 0.8 to 2.9 s.
    pub limit_answer: Duration,
    /// Of a global table.
    pub fan_out: FanOut,
}

/// What happens when in the regions of a global table, after a create or a delete was
/// taken in one of them (the base). As captured (docs/dynamodb.md: fan-out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// The index is CREATING in the base, and in its `Replicas`.
    pub base_shown: Duration,
    /// The base's table is ACTIVE again.
    pub base_allocated: Duration,
    /// The base's index is ACTIVE.
    pub base_active: Duration,
    /// The index is CREATING in the other regions.
    pub replica_shown: Duration,
    /// The other regions' tables are ACTIVE again.
    pub replica_allocated: Duration,
    /// The other regions' indexes are ACTIVE.
    pub replica_active: Duration,
    /// A deleted index is gone in the base.
    pub base_gone: Duration,
    /// A deleted index is gone in the other regions.
    pub replica_gone: Duration,
}

impl Default for FanOut {
    fn default() -> Self {
        Self {
            base_shown: seconds(58),
            base_allocated: seconds(89),
            base_active: seconds(575),
            replica_shown: seconds(31),
            replica_allocated: seconds(62),
            replica_active: seconds(545),
            base_gone: seconds(38),
            replica_gone: seconds(30),
        }
    }
}

impl Default for ServiceTimes {
    fn default() -> Self {
        Self {
            allocation: seconds(30),
            backfill: seconds(520),
            vector_backfill: seconds(760),
            deletion: seconds(4),
            index_update: seconds(4),
            table_update: seconds(10),
            table_creation: seconds(8),
            table_deletion: seconds(6),
            replica_creation: seconds(300),
            late: Duration::ZERO,
            count_refresh: seconds(6 * 3_600),
            limit_answer: Duration::from_millis(1_500),
            fan_out: FanOut::default(),
        }
    }
}

/// How much an account may have (docs/dynamodb.md: limiter, operations, index-quota,
/// maxima).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceLimits {
    /// Changes that pass at once before the limiter holds them back.
    pub change_burst: f64,
    /// Changes a second that pass from then on. In real seconds, whatever the scale:
    /// what waits for it waits in real time.
    pub changes_per_second: f64,
    /// Tables that may be created, updated or deleted at once.
    pub table_operations: usize,
    /// Global secondary indexes a table. AWS raises it on request.
    pub indexes_per_table: usize,
    /// Vector indexes a table.
    pub vector_indexes_per_table: usize,
    /// Attributes that all indexes of a table may project by name.
    pub projected_attributes: usize,
    /// Read or write units that one table or index may have.
    pub units_per_index: u64,
    /// Read or write units that all tables and indexes of the account may have together.
    pub units_per_account: u64,
    /// Decreases of throughput that are free each day.
    pub free_decreases: usize,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            change_burst: 6.0,
            changes_per_second: 1.0,
            table_operations: 500,
            indexes_per_table: 20,
            vector_indexes_per_table: 5,
            projected_attributes: 100,
            units_per_index: 40_000,
            units_per_account: 80_000,
            free_decreases: 4,
        }
    }
}
