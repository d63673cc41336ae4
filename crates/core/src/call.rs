//! The seam to DynamoDB, as data: what is asked, what is answered, what went wrong.

use std::collections::BTreeMap;

use crate::catalog::{BillingMode, TableDescription};
use crate::definition::{
    KeyElement, OnDemandThroughput, Projection, ProvisionedThroughput, ScalarType, WarmThroughput,
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
    /// `AttributeDefinitions` of the call: the keys of this index and nothing
    /// else. DynamoDB Local stores what is not needed.
    pub attributes: BTreeMap<String, ScalarType>,
    /// Required on a PROVISIONED table, refused on an on-demand one.
    pub provisioned_throughput: Option<ProvisionedThroughput>,
    /// Passed through.
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// Passed through.
    pub warm_throughput: Option<WarmThroughput>,
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

/// A value of an attribute. Sets are left out: no key and no item here has one.
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
}

/// An item: attribute name to value.
pub type Item = BTreeMap<String, Value>;

/// What can be asked of DynamoDB.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// DescribeTable. Answered with [`Reply::Table`].
    DescribeTable(TableName),
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
}

impl Call {
    /// The table it is about.
    #[must_use]
    pub fn table(&self) -> &TableName {
        match self {
            Self::DescribeTable(table)
            | Self::DeleteIndex { table, .. }
            | Self::PutItems { table, .. } => table,
            Self::CreateIndex(create) => &create.table,
            Self::CreateTable(create) => &create.table,
        }
    }

    /// True where the call changes a table or an index.
    #[must_use]
    pub fn is_mutating(&self) -> bool {
        !matches!(self, Self::DescribeTable(_))
    }

    /// The operation's name in AWS's API.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::DescribeTable(_) => "DescribeTable",
            Self::CreateIndex(_) | Self::DeleteIndex { .. } => "UpdateTable",
            Self::CreateTable(_) => "CreateTable",
            Self::PutItems { .. } => "BatchWriteItem",
        }
    }
}

/// What DynamoDB answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The table as it is now (DescribeTable) or as the change left it.
    Table(Box<TableDescription>),
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

/// Why a call failed. One rule each stands in [`crate::retry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// ResourceInUseException: the table is being changed.
    TableBusy,
    /// ResourceInUseException: this very index is being created or deleted.
    IndexBusy,
    /// LimitExceededException: the table's one online slot is taken.
    OtherIndexBuilding,
    /// LimitExceededException: too many table operations in the account.
    AccountLimit,
    /// The table has all the indexes it may have.
    IndexQuota,
    /// The call's attribute definitions do not fit the table's.
    AttributeConflict,
    /// An index of that name exists.
    IndexExists,
    /// ResourceNotFoundException: no such table.
    TableNotFound,
    /// ResourceNotFoundException: no such index.
    IndexNotFound,
    /// AccessDeniedException.
    AccessDenied,
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
