//! What DynamoDB says exists: tables, their indexes, and what these are doing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::definition::{
    KeyElement, OnDemandThroughput, Projection, ProvisionedThroughput, ScalarType, WarmThroughput,
};
use crate::name::{IndexName, TableName};
use crate::time::Timestamp;

/// `TableStatus` of DescribeTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableStatus {
    /// The table itself is being made.
    Creating,
    /// Something about the table is being changed; no other change is taken.
    Updating,
    /// Ready for calls.
    Active,
    /// The table is going away.
    Deleting,
    /// ARCHIVING, ARCHIVED, INACCESSIBLE_ENCRYPTION_CREDENTIALS, or newer.
    Other(String),
}

/// `IndexStatus` of DescribeTable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexStatus {
    /// Being built; see [`IndexDescription::backfilling`] for the phase.
    Creating,
    /// Its throughput is being changed; it serves queries meanwhile.
    Updating,
    /// Serves queries.
    Active,
    /// Going away.
    Deleting,
    /// A status newer than this program.
    Other(String),
}

macro_rules! status_text {
    ($type:ident: $($variant:ident = $text:literal),+) => {
        impl $type {
            /// AWS's own word for it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

status_text!(TableStatus: Creating = "CREATING", Updating = "UPDATING", Active = "ACTIVE", Deleting = "DELETING");
status_text!(IndexStatus: Creating = "CREATING", Updating = "UPDATING", Active = "ACTIVE", Deleting = "DELETING");

/// What is the matter with a table that is not to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableTrouble {
    /// Whether the table is known to come back to ACTIVE: then what is waited for goes on.
    /// A status that is newer than this program is waited out by nobody.
    pub passes: bool,
    /// Whether what was being built on it is lost.
    pub lost: bool,
    /// What a person can do.
    pub remedy: &'static str,
}

impl TableStatus {
    /// What is the matter with a table of this status; `None` where nothing is.
    ///
    /// A table whose KMS key cannot be used is archived after seven days, and is not
    /// brought back then
    /// ([TableStatus](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html)).
    #[must_use]
    pub fn trouble(&self) -> Option<TableTrouble> {
        let Self::Other(status) = self else {
            return None;
        };
        let (passes, lost, remedy) = match status.as_str() {
            "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => (
                true,
                false,
                "give the table its KMS key back: enable the key or cancel its deletion (the table's \
                 SSEDescription names it), and let the key's policy allow DynamoDB and these \
                 credentials to use it; after seven days without it DynamoDB archives the table",
            ),
            "ARCHIVING" | "ARCHIVED" => (
                false,
                true,
                "DynamoDB archived the table because its KMS key could not be used: restore it from \
                 the backup that the table's ArchivalSummary names, and give that table's name",
            ),
            _ => (false, false, "bring the table back to ACTIVE"),
        };
        Some(TableTrouble { passes, lost, remedy })
    }
}

/// How the table is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BillingMode {
    /// Capacity units per second are reserved.
    Provisioned,
    /// On demand.
    PayPerRequest,
}

/// One index as DescribeTable shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDescription {
    /// Its name.
    pub name: IndexName,
    /// What it is doing.
    pub status: IndexStatus,
    /// True in the second phase of a build. False in the first, and once ACTIVE
    /// (the field is absent there).
    pub backfilling: bool,
    /// Ordered keys.
    pub key_schema: Vec<KeyElement>,
    /// What it holds.
    pub projection: Projection,
    /// Present on PROVISIONED tables.
    pub provisioned_throughput: Option<ProvisionedThroughput>,
    /// Present where limits were set.
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// Present on AWS.
    pub warm_throughput: Option<WarmThroughput>,
    /// Refreshed by DynamoDB about every six hours (docs/dynamodb.md: six-hours).
    pub item_count: Option<u64>,
    /// Refreshed by DynamoDB about every six hours.
    pub size_bytes: Option<u64>,
}

impl IndexDescription {
    /// Ready is ACTIVE (docs/dynamodb.md: ready), or UPDATING, which serves queries
    /// (docs/dynamodb.md: index-updating), and not backfilling.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.status, IndexStatus::Active | IndexStatus::Updating) && !self.backfilling
    }

    /// Being built or deleted: it holds the table's one online slot.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        is_in_flight(&self.status, self.backfilling)
    }
}

/// A vector index as DescribeTable shows it. Definitions do not name any: they are
/// read because they take the table's one online slot (docs/dynamodb.md: vector) and their
/// names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorIndexDescription {
    /// Its name.
    pub name: IndexName,
    /// What it is doing.
    pub status: IndexStatus,
    /// As [`IndexDescription::backfilling`].
    pub backfilling: bool,
    /// The attribute that holds the vectors.
    pub attribute: Option<String>,
    /// How many numbers a vector has.
    pub dimensions: Option<u64>,
    /// `DistanceFunction` in AWS's words, such as COSINE.
    pub distance: Option<String>,
}

impl VectorIndexDescription {
    /// Being built or deleted: it holds the table's one online slot.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        is_in_flight(&self.status, self.backfilling)
    }

    /// The index in a line: `vector embedding, 256 dimensions, COSINE`.
    #[must_use]
    pub fn schema_text(&self) -> String {
        let attribute = self.attribute.as_deref().unwrap_or("index");
        let dimensions = self.dimensions.map(|n| format!(", {n} dimensions")).unwrap_or_default();
        let distance = self.distance.as_ref().map(|d| format!(", {d}")).unwrap_or_default();
        format!("vector {attribute}{dimensions}{distance}")
    }
}

/// An index, of whatever kind, that holds its table's one online slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight<'a> {
    /// Its name.
    pub name: &'a IndexName,
    /// What it is doing.
    pub status: &'a IndexStatus,
    /// In the second phase of a build, in which it may be deleted.
    pub backfilling: bool,
    /// A vector index, which no run of this program made.
    pub vector: bool,
}

fn is_in_flight(status: &IndexStatus, backfilling: bool) -> bool {
    backfilling || matches!(status, IndexStatus::Creating | IndexStatus::Deleting)
}

/// A replica of a global table, other than the one that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaDescription {
    /// Its region.
    pub region: String,
    /// `ReplicaStatus` in AWS's words, such as ACTIVE or CREATING.
    pub status: String,
    /// The indexes that the region which was asked lists for it. There are no statuses
    /// here: of them only the replica's own region knows (docs/dynamodb.md: replica-status).
    pub indexes: BTreeSet<IndexName>,
    /// What the replica's own region says.
    pub own: OwnRegion,
}

impl ReplicaDescription {
    /// A replica without indexes, whose own region was not asked.
    #[must_use]
    pub fn new(region: &str, status: &str) -> Self {
        Self {
            region: region.to_owned(),
            status: status.to_owned(),
            indexes: BTreeSet::new(),
            own: OwnRegion::NotAsked,
        }
    }
}

/// What a DescribeTable in the region of a replica brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnRegion {
    /// Nobody asked there.
    #[default]
    NotAsked,
    /// The user does not want it to be asked, nor waited for.
    Skipped,
    /// It describes the table.
    Shown {
        /// What the table is doing there.
        status: TableStatus,
        /// Its indexes there.
        indexes: Vec<IndexDescription>,
    },
    /// It cannot be asked, or did not answer.
    Unknown {
        /// Why, in the words of AWS where they are from there.
        reason: String,
    },
}

/// What is known of the auto scaling of a table. Only that of a global table with
/// provisioned capacity is asked for: there DynamoDB takes no change of indexes while one
/// of them lacks it for its writes (docs/dynamodb.md: blocks).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// Nobody asked, or it does not matter.
    #[default]
    NotAsked,
    /// Each region as DescribeTableReplicaAutoScaling shows it.
    Shown(Vec<RegionScaling>),
    /// It cannot be asked.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What scales the writes of a table with provisioned capacity in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionScaling {
    /// The region.
    pub region: String,
    /// Whether auto scaling is registered for the writes of the table itself.
    pub table: bool,
    /// The same for each of its indexes.
    pub indexes: BTreeMap<IndexName, bool>,
}

/// A table as DescribeTable shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescription {
    /// Its name.
    pub name: TableName,
    /// Changes when a table is deleted and made again under the same name.
    pub table_id: Option<String>,
    /// When the table was made, where the engine tells it.
    pub created_at: Option<Timestamp>,
    /// Holds region and account.
    pub arn: Option<String>,
    /// What it is doing.
    pub status: TableStatus,
    /// How it is paid for.
    pub billing_mode: BillingMode,
    /// The table's own throughput where it is PROVISIONED.
    pub provisioned_throughput: Option<ProvisionedThroughput>,
    /// The types of all key attributes of table and indexes.
    pub attributes: BTreeMap<String, ScalarType>,
    /// The table's own keys.
    pub key_schema: Vec<KeyElement>,
    /// Global Secondary Indexes.
    pub indexes: Vec<IndexDescription>,
    /// Vector indexes; they share the name space and the one online slot.
    pub vector_indexes: Vec<VectorIndexDescription>,
    /// Names of Local Secondary Indexes; they share the name space.
    pub local_indexes: Vec<IndexName>,
    /// Attributes that the Local Secondary Indexes include, summed up: they count
    /// towards the table's quota.
    pub local_included: usize,
    /// Other replicas of a global table.
    pub replicas: Vec<ReplicaDescription>,
    /// What scales its writes, and those of its indexes.
    pub scaling: Scaling,
    /// Refreshed by DynamoDB about every six hours.
    pub item_count: Option<u64>,
    /// Refreshed by DynamoDB about every six hours.
    pub size_bytes: Option<u64>,
}

impl TableDescription {
    /// The index of that name.
    #[must_use]
    pub fn index(&self, name: &IndexName) -> Option<&IndexDescription> {
        self.indexes.iter().find(|i| i.name == *name)
    }

    /// The vector index of that name.
    #[must_use]
    pub fn vector_index(&self, name: &IndexName) -> Option<&VectorIndexDescription> {
        self.vector_indexes.iter().find(|i| i.name == *name)
    }

    /// How an index of that name stands which the table has not: a vector index, which no
    /// definition names, may have the name or the table's one slot.
    #[must_use]
    pub fn absence_text(&self, name: &IndexName) -> String {
        if self.vector_index(name).is_some() {
            return "absent: a vector index has that name".to_owned();
        }
        match self.in_flight().find(|i| i.vector) {
            Some(vector) => format!("absent: vector index {} is {}", vector.name, vector.status),
            None => "absent".to_owned(),
        }
    }

    /// Indexes that are being built or deleted, whoever's and of whatever kind: each
    /// holds the table's one online slot.
    pub fn in_flight(&self) -> impl Iterator<Item = InFlight<'_>> {
        let global = self.indexes.iter().filter(|i| i.is_in_flight()).map(|i| InFlight {
            name: &i.name,
            status: &i.status,
            backfilling: i.backfilling,
            vector: false,
        });
        let vector = self.vector_indexes.iter().filter(|i| i.is_in_flight()).map(|i| InFlight {
            name: &i.name,
            status: &i.status,
            backfilling: i.backfilling,
            vector: true,
        });
        global.chain(vector)
    }

    /// True where a change would not have to queue: the table is ACTIVE, and no index
    /// and no replica of it is being made, changed or removed, whoever's.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.in_flight().next().is_none() && self.is_free_besides_builds()
    }

    /// The same where an index that is being built or deleted does not count.
    #[must_use]
    pub fn is_free_besides_builds(&self) -> bool {
        self.status == TableStatus::Active
            && self.index_updating().is_none()
            && self.replica_in_change().is_none()
    }

    /// An index whose throughput is being changed: the table says ACTIVE meanwhile.
    #[must_use]
    pub fn index_updating(&self) -> Option<&IndexDescription> {
        self.indexes.iter().find(|i| i.status == IndexStatus::Updating && !i.is_in_flight())
    }

    /// A replica that is being made, changed or removed, which takes minutes: the table
    /// says ACTIVE meanwhile. One that is broken for good is none.
    #[must_use]
    pub fn replica_in_change(&self) -> Option<&ReplicaDescription> {
        let passing = ["CREATING", "UPDATING", "DELETING", "ARCHIVING"];
        self.replicas.iter().find(|replica| passing.contains(&replica.status.as_str()))
    }

    /// What tells this table from an earlier or later one of the same name:
    /// `TableId`, or where an engine tells none the time at which it was made.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        let made = || self.created_at.map(|at| format!("created {at}"));
        self.table_id.clone().or_else(made)
    }

    /// The region out of the ARN (`arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`).
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn.as_deref()?.split(':').nth(3).filter(|region| !region.is_empty())
    }

    /// The account out of the ARN (`arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`).
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn.as_deref()?.split(':').nth(4).filter(|a| !a.is_empty())
    }
}

/// Whether the table whose identity is `shown` is the one whose identity was
/// `recorded`. One that was recorded and is not shown any more is a difference; where
/// none was recorded nothing contradicts.
#[must_use]
pub fn is_same_table(recorded: Option<&str>, shown: Option<&str>) -> bool {
    recorded.is_none() || recorded == shown
}

/// What a DescribeTable of one table brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// The table exists.
    Found(Box<TableDescription>),
    /// There is no such table.
    Missing,
    /// These credentials may not describe it; the message is DynamoDB's.
    Denied(String),
    /// What describes it says too little to judge an index by; why.
    Unreadable(String),
}

impl Sighting {
    /// The table, where it was found.
    #[must_use]
    pub fn table(&self) -> Option<&TableDescription> {
        match self {
            Self::Found(table) => Some(table),
            Self::Missing | Self::Denied(_) | Self::Unreadable(_) => None,
        }
    }

    /// The table says UPDATING: what was acknowledged may not be shown before it is ACTIVE.
    #[must_use]
    pub fn is_updating(&self) -> bool {
        self.table().is_some_and(|table| table.status == TableStatus::Updating)
    }
}

/// Every table of the definitions as it was seen once, with the time of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    tables: BTreeMap<TableName, (Timestamp, Sighting)>,
}

impl Catalog {
    /// Notes what was seen of `table` when it was asked for at `asked_at`.
    pub fn insert(&mut self, table: TableName, asked_at: Timestamp, sighting: Sighting) {
        self.tables.insert(table, (asked_at, sighting));
    }

    /// What was seen of `table`, and when that was asked.
    #[must_use]
    pub fn get(&self, table: &TableName) -> Option<(Timestamp, &Sighting)> {
        self.tables.get(table).map(|(at, sighting)| (*at, sighting))
    }

    /// Each table with what was seen of it, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&TableName, &Sighting)> {
        self.tables.iter().map(|(table, (_, sighting))| (table, sighting))
    }

    /// The tables of the caller's own account that exist: those that are not named by
    /// an ARN, which may be another's.
    pub fn own(&self) -> impl Iterator<Item = &TableDescription> {
        let plain = self.iter().filter(|(table, _)| table.arn().is_none());
        plain.filter_map(|(_, sighting)| sighting.table())
    }

    /// The tables that exist, by name.
    pub fn found(&self) -> impl Iterator<Item = &TableDescription> {
        self.tables.values().filter_map(|(_, sighting)| match sighting {
            Sighting::Found(description) => Some(description.as_ref()),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        })
    }

    /// The caller's account: the one that the ARNs of its own tables name, where they
    /// agree on one. A refusal to describe a table names its ARN too. A table that is
    /// named by its ARN may be of another account.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let own = self.iter().filter(|(table, _)| table.arn().is_none());
        let mut accounts = own.filter_map(|(_, sighting)| match sighting {
            Sighting::Found(table) => table.account(),
            Sighting::Denied(message) => account_in(message),
            Sighting::Missing | Sighting::Unreadable(_) => None,
        });
        let first = accounts.next()?;
        accounts.all(|a| a == first).then_some(first)
    }
}

/// The account of the table that a refusal is about (`User: ... is not authorized to
/// perform: dynamodb:DescribeTable on resource: arn:aws:dynamodb:REGION:ACCOUNT:table/T`).
fn account_in(refusal: &str) -> Option<&str> {
    refusal.split_whitespace().find_map(|word| {
        let mut parts = word.split(':');
        let (arn, service) = (parts.next()?, parts.nth(1)?);
        let account = parts.nth(1)?;
        let of_table = arn == "arn" && service == "dynamodb" && account.len() == 12;
        of_table.then_some(account).filter(|a| a.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl IntoIterator for Catalog {
    type Item = (TableName, Timestamp, Sighting);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        let all: Vec<_> = self.tables.into_iter().map(|(t, (at, seen))| (t, at, seen)).collect();
        all.into_iter()
    }
}
