//! The seam to DynamoDB, as data: what is asked, what is answered, what went wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{BillingMode, RegionScaling, TableDescription};
use crate::definition::{
    IndexDefinition, KeyElement, OnDemandThroughput, Projection, ProvisionedThroughput, ScalarType,
    WarmThroughput,
};
use crate::name::{IndexName, TableName};

/// An UpdateTable that creates one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    /// The table to change.
    pub table: TableName,
    /// The index to create.
    pub index: IndexName,
    /// Ordered keys of the index.
    pub key_schema: Vec<KeyElement>,
    /// What it holds.
    pub projection: Projection,
    /// `AttributeDefinitions` of the call: the keys of this index, which AWS insists on
    /// (docs/dynamodb.md: own-definitions), and the table's own, for emulators that put
    /// them in the place of those they had. Nothing else: DynamoDB Local stores what no
    /// key uses (docs/dynamodb.md: local-definitions).
    pub attributes: BTreeMap<String, ScalarType>,
    /// Required on a PROVISIONED table, refused on an on-demand one
    /// (docs/dynamodb.md: units-by-mode).
    pub provisioned_throughput: Option<ProvisionedThroughput>,
    /// Limits above 0: AWS takes no others, though its answers show -1 for none
    /// (docs/dynamodb.md: no-limit).
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// Passed through.
    pub warm_throughput: Option<WarmThroughput>,
}

impl CreateIndex {
    /// The call that makes `definition` on the table as it was described.
    #[must_use]
    pub fn of(definition: &IndexDefinition, table: &TableDescription) -> Self {
        let type_of = |name: &String| {
            definition.attributes.get(name).or_else(|| table.attributes.get(name)).copied()
        };
        let own = definition.key_schema.iter().map(|key| &key.attribute_name);
        let of_table = table.key_schema.iter().map(|key| &key.attribute_name);
        let own = own.filter_map(|name| Some((name.clone(), type_of(name)?)));
        // The table's word on the types of its own keys.
        let of_table =
            of_table.filter_map(|name| Some((name.clone(), table.attributes.get(name).copied()?)));
        let provisioned = table.billing_mode == BillingMode::Provisioned;
        Self {
            table: definition.id.table.clone(),
            index: definition.id.index.clone(),
            key_schema: definition.key_schema.clone(),
            projection: definition.projection.clone(),
            attributes: own.chain(of_table).collect(),
            provisioned_throughput: definition
                .provisioned_throughput
                .or(table.provisioned_throughput.filter(|_| provisioned)),
            on_demand_throughput: definition.requested_limits(),
            warm_throughput: definition.warm_throughput,
        }
    }
}

/// A CreateTable. Only `demo` and tests make tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// The table to make.
    pub table: TableName,
    /// Its keys.
    pub key_schema: Vec<KeyElement>,
    /// The types of its keys.
    pub attributes: BTreeMap<String, ScalarType>,
    /// How it is paid for.
    pub billing_mode: BillingMode,
    /// Required where `billing_mode` is PROVISIONED.
    pub provisioned_throughput: Option<ProvisionedThroughput>,
}

/// A value of an attribute. Two of them are equal where DynamoDB holds the same:
/// the order in which a set comes does not count.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// String.
    S(String),
    /// Number, in DynamoDB's decimal text.
    N(String),
    /// Binary.
    B(Vec<u8>),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
    /// List.
    L(Vec<Value>),
    /// Map.
    M(BTreeMap<String, Value>),
    /// Set of strings.
    Ss(BTreeSet<String>),
    /// Set of numbers, each in DynamoDB's decimal text.
    Ns(BTreeSet<String>),
    /// Set of binaries.
    Bs(BTreeSet<Vec<u8>>),
}

/// An item: attribute name to value.
pub type Item = BTreeMap<String, Value>;

/// One page of a Query: items whose attributes have these values.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The table.
    pub table: TableName,
    /// The index to ask. `None` asks the table itself, and reads consistently.
    pub index: Option<IndexName>,
    /// Each key attribute with its value: all HASH attributes, then RANGE
    /// attributes from the first on, as many as are to match.
    pub keys: Vec<(String, Value)>,
    /// Further attributes with their values. They may be keys of the table, never
    /// of the index that is asked. What they leave out is read and paid for.
    pub matching: Vec<(String, Value)>,
    /// The attributes to return; all that the index holds where it is empty.
    pub attributes: Vec<String>,
    /// How many items are looked at, `matching` or not; 1 MB where it is `None`.
    pub limit: Option<u32>,
    /// `last_key` of the page before.
    pub after: Option<Item>,
}

/// One page of a Scan of a base table.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The table.
    pub table: TableName,
    /// A part of the table, for several scans side by side.
    pub segment: Option<Segment>,
    /// The attributes to return; all of them where it is empty.
    pub attributes: Vec<String>,
    /// How many items are read; 1 MB where it is `None`.
    pub limit: Option<u32>,
    /// `last_key` of the page before, of the same segment.
    pub after: Option<Item>,
    /// How the page is wanted.
    pub form: PageForm,
}

/// How a page of items is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageForm {
    /// Read: as [`Reply::Page`].
    #[default]
    Items,
    /// As it came, where it came as DynamoDB's JSON: as [`Reply::Json`], or as
    /// [`Reply::Page`] where that is what the backend has.
    Json,
}

/// One of several parts of a table, which DynamoDB cuts by the hash of the
/// partition key: they need not be of one size, and may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// From 0.
    pub number: u32,
    /// How many there are.
    pub total: u32,
}

/// One page of items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The items.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` where this was the last one.
    pub last_key: Option<Item>,
    /// What it cost (ReturnConsumedCapacity=INDEXES), where the service says so.
    pub consumed: Option<Consumed>,
}

/// Capacity units that a read used up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consumed {
    /// Those of the base table.
    pub table: f64,
    /// Those of each index that was read, named even where they are 0.
    pub indexes: BTreeMap<String, f64>,
}

/// What can be asked of DynamoDB.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// DescribeTable. Answered with [`Reply::Table`].
    DescribeTable(TableName),
    /// DescribeTable of a replica of a global table, in the replica's region. Answered
    /// with [`Reply::Table`].
    DescribeReplica {
        /// The table.
        table: TableName,
        /// The region to ask.
        region: String,
    },
    /// DescribeTableReplicaAutoScaling. Answered with [`Reply::Scaling`].
    DescribeScaling(TableName),
    /// UpdateTable with one index to create. Answered with [`Reply::Table`].
    CreateIndex(Box<CreateIndex>),
    /// UpdateTable with one index to delete. Answered with [`Reply::Table`].
    DeleteIndex {
        /// The table to change.
        table: TableName,
        /// The index to delete.
        index: IndexName,
    },
    /// CreateTable. Answered with [`Reply::Table`].
    CreateTable(Box<CreateTable>),
    /// BatchWriteItem, in as many requests as it takes. Answered with [`Reply::Done`].
    PutItems {
        /// The table to write to.
        table: TableName,
        /// What to write; items of the same key are replaced.
        items: Vec<Item>,
    },
    /// Query. Answered with [`Reply::Page`].
    Query(Box<Query>),
    /// Scan. Answered as [`Scan::form`] says.
    Scan(Box<Scan>),
}

impl Call {
    /// The table it is about.
    #[must_use]
    pub fn table(&self) -> &TableName {
        match self {
            Self::DescribeTable(table)
            | Self::DescribeReplica { table, .. }
            | Self::DescribeScaling(table)
            | Self::DeleteIndex { table, .. }
            | Self::PutItems { table, .. } => table,
            Self::CreateIndex(create) => &create.table,
            Self::CreateTable(create) => &create.table,
            Self::Query(query) => &query.table,
            Self::Scan(scan) => &scan.table,
        }
    }

    /// The same, to be named otherwise.
    pub fn table_mut(&mut self) -> &mut TableName {
        match self {
            Self::DescribeTable(table)
            | Self::DescribeReplica { table, .. }
            | Self::DescribeScaling(table)
            | Self::DeleteIndex { table, .. }
            | Self::PutItems { table, .. } => table,
            Self::CreateIndex(create) => &mut create.table,
            Self::CreateTable(create) => &mut create.table,
            Self::Query(query) => &mut query.table,
            Self::Scan(scan) => &mut scan.table,
        }
    }

    /// True where the call changes a table, an index or items.
    #[must_use]
    pub fn is_mutating(&self) -> bool {
        match self {
            Self::DescribeTable(_)
            | Self::DescribeReplica { .. }
            | Self::DescribeScaling(_)
            | Self::Query(_)
            | Self::Scan(_) => false,
            Self::CreateIndex(_)
            | Self::DeleteIndex { .. }
            | Self::CreateTable(_)
            | Self::PutItems { .. } => true,
        }
    }

    /// The operation's name in AWS's API.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::DescribeTable(_) | Self::DescribeReplica { .. } => "DescribeTable",
            Self::DescribeScaling(_) => "DescribeTableReplicaAutoScaling",
            Self::CreateIndex(_) | Self::DeleteIndex { .. } => "UpdateTable",
            Self::CreateTable(_) => "CreateTable",
            Self::PutItems { .. } => "BatchWriteItem",
            Self::Query(_) => "Query",
            Self::Scan(_) => "Scan",
        }
    }
}

/// What DynamoDB answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The table as it is now (DescribeTable) or as the change left it.
    Table(Box<TableDescription>),
    /// What scales a global table, a region each.
    Scaling(Vec<RegionScaling>),
    /// Items.
    Page(Page),
    /// The body of an answer that holds items, unread.
    Json(Vec<u8>),
    /// Done, with nothing to tell.
    Done,
}

/// Whether a call that failed may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It certainly did not.
    NotApplied,
    /// The answer was lost: only a description can tell.
    Unknown,
}

macro_rules! error_kinds {
    ($($(#[$doc:meta])+ $kind:ident,)+) => {
        /// Why a call failed. One rule each stands in [`crate::retry`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorKind {
            $($(#[$doc])+ $kind,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of docs/errors.md.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];
        }
    };
}

error_kinds! {
    /// ResourceInUseException: the table is being changed.
    TableBusy,
    /// ResourceInUseException: an index of the table is being created, updated or deleted.
    IndexBusy,
    /// LimitExceededException: the table's one online slot is taken.
    OtherIndexBuilding,
    /// LimitExceededException that says "simultaneous" or "concurrent": too many table
    /// operations in the account.
    AccountLimit,
    /// The account's limiter of calls that start work.
    ControlPlaneRate,
    /// LimitExceededException: the throughput was lowered as often as a day allows.
    DecreaseLimit,
    /// LimitExceededException with a text that this program does not know.
    UnknownLimit,
    /// A quota or a maximum of the index, the table or the account: it does not pass.
    QuotaReached,
    /// The call's attribute definitions do not fit the table's.
    AttributeConflict,
    /// An index of that name exists.
    IndexExists,
    /// ValidationException: what was asked for is so already.
    NothingToChange,
    /// A provisioned global table of which an index has no autoscaling of its writes:
    /// DynamoDB then refuses every change of its indexes.
    WritesNotAutoscaled,
    /// ResourceInUseException: a table of that name exists.
    TableExists,
    /// ResourceNotFoundException: no such table.
    TableNotFound,
    /// ResourceNotFoundException: no such index.
    IndexNotFound,
    /// AccessDeniedException.
    AccessDenied,
    /// The account has no access to DynamoDB at all.
    AccountNotEnabled,
    /// Any other ValidationException.
    Validation,
    /// The service asks for less speed.
    Throttled,
    /// InternalServerError, a 5xx, or an answer nobody can read.
    Server,
    /// No connection, or one that broke.
    Connection,
    /// No answer in time.
    Timeout,
    /// The credentials were good and are no longer.
    CredentialsExpired,
    /// There are no credentials, or ones that AWS does not know.
    CredentialsInvalid,
    /// This machine's clock is too far from AWS's.
    ClockSkew,
    /// No region is set.
    NoRegion,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// Which rule applies.
    pub kind: ErrorKind,
    /// Whether it may have been applied.
    pub effect: Effect,
    /// AWS's error code, or a word of the same form for what never got there
    /// (`ConnectionFailed`, `TimedOut`, `NoRegion`, `NoCredentials`).
    pub code: String,
    /// The message, without credentials.
    pub message: String,
}

impl CallError {
    /// The code of an answer that came and cannot be made use of.
    pub const UNREADABLE: &str = "UnreadableAnswer";

    /// An answer that came and cannot be made use of.
    #[must_use]
    pub fn unreadable(effect: Effect, problem: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Server,
            effect,
            code: Self::UNREADABLE.to_owned(),
            message: problem.into(),
        }
    }
}
