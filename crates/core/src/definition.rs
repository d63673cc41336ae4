//! What the user wants: Global Secondary Indexes in AWS's own field names.
//!
//! [`parse`] reads definitions files in two steps. A reader of the file's
//! [`Format`] makes a tree in which every node knows its place in the source
//! bytes; one checker walks that tree and collects every mistake it finds, so
//! that a file is put right in one go (README, "Definitions").

use std::collections::{BTreeMap, BTreeSet};

mod check;
mod compare;
mod diagnostic;
mod export;
mod foreign;
mod limits;
mod node;
mod read;
mod schema;
mod shape;
mod source;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod write;

pub use self::check::parse;
pub(crate) use self::compare::{hash, hash_of_bytes, typed_keys_text};
pub use self::diagnostic::{Diagnostic, Diagnostics};
pub use self::export::{Export, Note};
pub use self::foreign::foreign_shape;
pub use self::limits::MAX_INPUT_BYTES;
pub(crate) use self::limits::{
    MAX_INCLUDED_OF_A_TABLE, ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES,
};
pub use self::schema::json_schema;
pub use self::source::{Format, Source, UnknownFormat};
pub use self::write::Remarks;
pub(crate) use self::write::aws_fields;

use serde::{Deserialize, Serialize};

use crate::name::{IndexId, IndexName, TableName};

/// The type of a key attribute. Only these three can be keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScalarType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

/// The part a key attribute plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyType {
    /// Partition key.
    Hash,
    /// Sort key.
    Range,
}

/// One attribute of a key schema; order matters in multi-attribute keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// The attribute.
    pub attribute_name: String,
    /// Partition or sort key.
    pub key_type: KeyType,
}

/// Which attributes an index holds beside the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ProjectionType", rename_all = "UPPERCASE")]
pub enum Projection {
    /// The whole item.
    All,
    /// Only the keys of index and table.
    #[serde(rename = "KEYS_ONLY")]
    KeysOnly,
    /// The keys and these; order does not matter.
    Include {
        /// Attributes that are not keys.
        #[serde(rename = "NonKeyAttributes")]
        non_key_attributes: BTreeSet<String>,
    },
}

/// Read and write capacity units per second of a PROVISIONED table or index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProvisionedThroughput {
    /// Reads, in units of 4 KB.
    pub read_capacity_units: u64,
    /// Writes, in units of 1 KB.
    pub write_capacity_units: u64,
}

/// Upper limits of an on-demand index. In answers AWS writes -1 for none, and in requests
/// it refuses that (docs/dynamodb.md: no-limit).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnDemandThroughput {
    /// Reads, in request units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_read_request_units: Option<i64>,
    /// Writes, in request units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_write_request_units: Option<i64>,
}

impl OnDemandThroughput {
    /// As a request may say it: without what stands for no limit, and nothing where that
    /// leaves no member, which AWS answers with a 500 (docs/dynamodb.md: empty-members).
    #[must_use]
    pub fn requested(self) -> Option<Self> {
        let limit = |limit: Option<i64>| limit.filter(|limit| *limit > 0);
        let requested = Self {
            max_read_request_units: limit(self.max_read_request_units),
            max_write_request_units: limit(self.max_write_request_units),
        };
        (requested != Self::default()).then_some(requested)
    }
}

/// Throughput an index can serve at once, without growing into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WarmThroughput {
    /// Reads, in units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_units_per_second: Option<u64>,
    /// Writes, in units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_units_per_second: Option<u64>,
}

/// Where something stands in a definitions file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The file as the user named it; `-` is standard input.
    pub file: std::sync::Arc<str>,
    /// 1 for the first line.
    pub line: usize,
    /// 1 for the first character.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One index the user wants on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Table and index.
    pub id: IndexId,
    /// One to four HASH attributes, then none to four RANGE attributes.
    pub key_schema: Vec<KeyElement>,
    /// The attribute types the definition states. What the table defines
    /// already may be left out.
    pub attributes: BTreeMap<String, ScalarType>,
    /// What the index holds.
    pub projection: Projection,
    /// As in AWS; on a PROVISIONED table the table's own where it is left out.
    pub provisioned_throughput: Option<ProvisionedThroughput>,
    /// As in AWS.
    pub on_demand_throughput: Option<OnDemandThroughput>,
    /// As in AWS.
    pub warm_throughput: Option<WarmThroughput>,
    /// For people.
    pub description: Option<String>,
    /// For people.
    pub estimated_impact: Option<String>,
    /// For people.
    pub required_by: Option<String>,
    /// Where the definition begins.
    pub place: Place,
    /// Where each key attribute is named, in the order of `key_schema`.
    pub key_places: Vec<Place>,
}

impl IndexDefinition {
    /// An index with these keys, HASH attributes first, and with nothing that may be
    /// left out. It stands in no file.
    #[must_use]
    pub fn new<'k>(
        id: IndexId,
        keys: impl IntoIterator<Item = (&'k str, KeyType, ScalarType)>,
        projection: Projection,
    ) -> Self {
        let mut definition = Self {
            id,
            key_schema: Vec::new(),
            attributes: BTreeMap::new(),
            projection,
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
            description: None,
            estimated_impact: None,
            required_by: None,
            place: Place::default(),
            key_places: Vec::new(),
        };
        for (name, key_type, scalar) in keys {
            definition.attributes.insert(name.to_owned(), scalar);
            definition.key_schema.push(KeyElement { attribute_name: name.to_owned(), key_type });
            definition.key_places.push(Place::default());
        }
        definition
    }

    /// The limits of on-demand throughput that a request for it holds.
    #[must_use]
    pub fn requested_limits(&self) -> Option<OnDemandThroughput> {
        self.on_demand_throughput.and_then(OnDemandThroughput::requested)
    }

    /// The same, as if all of it stood there.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.key_places.fill(place.clone());
        self.place = place.clone();
        self
    }
}

/// Everything the user wants, in the order of the files. An identity stands in
/// it once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// The indexes, in definition order.
    pub indexes: Vec<IndexDefinition>,
}

impl Definitions {
    /// The definition of `id`.
    #[must_use]
    pub fn get(&self, id: &IndexId) -> Option<&IndexDefinition> {
        self.indexes.iter().find(|d| d.id == *id)
    }

    /// The tables in the order in which they first appear.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        let mut seen = BTreeSet::new();
        self.indexes.iter().map(|d| &d.id.table).filter(move |t| seen.insert(*t))
    }

    /// True where any definition is of this table's index.
    #[must_use]
    pub fn names(&self, table: &TableName, index: &IndexName) -> bool {
        self.indexes.iter().any(|d| d.id.table == *table && d.id.index == *index)
    }
}
