//! What stands in the way of a change although the table is shown ACTIVE.

use gsictl_core::call::CallError;
use gsictl_core::name::TableName;

use super::text::refusal;

/// Something is being changed of which TableStatus says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Its capacity.
    Iops,
    /// Its stream.
    Stream,
    /// Its class.
    Class,
    /// Its encryption.
    Encryption,
}

impl Hidden {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Iops, Self::Stream, Self::Class, Self::Encryption];

    pub(super) fn words(self, table: &TableName) -> String {
        let what = match self {
            Self::Iops => "IOPS are",
            Self::Stream => "stream settings are",
            Self::Class => "table class is",
            Self::Encryption => "encryption settings are",
        };
        format!("Table's {what} being updated: {table}")
    }
}

/// Why an index can never be made as its definition has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Its capacity is above what an index may have.
    IndexMaximum,
    /// With its capacity the account would have more than it may.
    AccountMaximum,
    /// Its limit on demand is above the table's.
    OnDemandMaximum,
    /// A text that nobody has seen before.
    Unknown,
}

impl Lasting {
    /// Each of them.
    pub const ALL: [Self; 4] =
        [Self::IndexMaximum, Self::AccountMaximum, Self::OnDemandMaximum, Self::Unknown];

    /// In the words of AWS.
    #[must_use]
    pub fn refusal(self) -> CallError {
        let text = match self {
            Self::IndexMaximum => {
                "The requested WriteCapacityUnits for index I, 50000, is above the per index maximum for the account in eu-west-1. Per index maximum: 40000."
            }
            Self::AccountMaximum => {
                "This request would have caused the WriteCapacityUnits limit to be exceeded for the account in eu-west-1. Current WriteCapacityUnits reserved by the account: 79000. Limit: 80000."
            }
            Self::OnDemandMaximum => {
                "Subscriber limit exceeded: Requested MaxWriteRequestUnits for OnDemandThroughput for index : I exceeds TableMaxWriteCapacityUnits of the account in region eu-west-1"
            }
            Self::Unknown => "Subscriber limit exceeded: a limit that no document names",
        };
        refusal("LimitExceededException", text)
    }
}
