//! An index of a table: what it is, and its life in each region.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::clock::Elapsed;
use crate::model::history::Timeline;
use crate::model::life::{IndexLife, IndexPhase};

/// Read and write units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) read: u64,
    pub(crate) write: u64,
}

/// An attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPart {
    pub(crate) name: String,
    /// `HASH` or `RANGE`.
    pub(crate) role: String,
    /// Its type: `S`, `N` or `B`.
    pub(crate) scalar: String,
}

impl KeyPart {
    pub(crate) fn new(name: &str, role: &str, scalar: &str) -> Self {
        let [name, role, scalar] = [name, role, scalar].map(str::to_owned);
        Self { name, role, scalar }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "AttributeName": self.name, "KeyType": self.role })
    }
}

/// An index, in the making or there from the beginning.
///
/// ```
/// use gsictl_fake::FakeIndex;
/// let index = FakeIndex::new("by-email").key("email", "S").sorted_by("at", "N");
/// ```
#[derive(Clone, Debug)]
pub struct FakeIndex {
    pub(crate) name: String,
    pub(crate) is_vector: bool,
    pub(crate) keys: Vec<KeyPart>,
    pub(crate) projection: Value,
    pub(crate) units: Timeline<Units>,
    /// When its units were lowered.
    pub(crate) decreases: Vec<Elapsed>,
    /// While its throughput is being changed.
    pub(crate) changes: Vec<(Elapsed, Elapsed)>,
    pub(crate) on_demand: Option<Value>,
    pub(crate) warm: Option<Units>,
    pub(crate) autoscaled_writes: bool,
    /// By region.
    pub(crate) lives: BTreeMap<String, IndexLife>,
    /// Further members of its description, as they are.
    pub(crate) members: Map<String, Value>,
}

impl FakeIndex {
    /// A global secondary index that holds all attributes and has been there all along.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_vector: false,
            keys: Vec::new(),
            projection: json!({ "ProjectionType": "ALL" }),
            units: Timeline::new(Units { read: 5, write: 5 }),
            decreases: Vec::new(),
            changes: Vec::new(),
            on_demand: None,
            warm: None,
            autoscaled_writes: false,
            lives: BTreeMap::new(),
            members: Map::new(),
        }
    }

    /// A vector index over `attribute`.
    #[must_use]
    pub fn vector(name: &str, attribute: &str) -> Self {
        let members = json!({
            "VectorAttribute": { "AttributeName": attribute },
            "Dimensions": 256,
            "DistanceFunction": "COSINE",
        });
        let mut index = Self::new(name);
        index.is_vector = true;
        if let Value::Object(members) = members {
            index.members = members;
        }
        index
    }

    /// One more HASH attribute.
    #[must_use]
    pub fn key(self, attribute: &str, scalar: &str) -> Self {
        self.part(attribute, "HASH", scalar)
    }

    /// One more RANGE attribute.
    #[must_use]
    pub fn sorted_by(self, attribute: &str, scalar: &str) -> Self {
        self.part(attribute, "RANGE", scalar)
    }

    /// `KEYS_ONLY`.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.projection = json!({ "ProjectionType": "KEYS_ONLY" });
        self
    }

    /// `INCLUDE` of these attributes.
    #[must_use]
    pub fn including(mut self, attributes: &[&str]) -> Self {
        self.projection = json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": attributes });
        self
    }

    /// Its units, on a provisioned table.
    #[must_use]
    pub fn units(mut self, read: u64, write: u64) -> Self {
        self.units = Timeline::new(Units { read, write });
        self
    }

    /// Its warm throughput, where AWS raised it.
    #[must_use]
    pub fn warm(mut self, read: u64, write: u64) -> Self {
        self.warm = Some(Units { read, write });
        self
    }

    /// Application Auto Scaling sets its write units.
    #[must_use]
    pub fn autoscaled(mut self) -> Self {
        self.autoscaled_writes = true;
        self
    }

    /// A member of its description more, or another value of one.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn part(mut self, attribute: &str, role: &str, scalar: &str) -> Self {
        self.keys.push(KeyPart::new(attribute, role, scalar));
        self
    }

    pub(crate) fn phase(&self, region: &str, at: Elapsed) -> IndexPhase {
        self.lives.get(region).map_or(IndexPhase::Absent, |life| life.phase(at))
    }

    /// Whether it takes the slot of the table in any region.
    pub(crate) fn is_in_flight(&self, at: Elapsed) -> bool {
        self.lives.values().any(|life| life.phase(at).is_in_flight())
    }

    /// Whether its name is taken in any region.
    pub(crate) fn is_there(&self, at: Elapsed) -> bool {
        self.lives.values().any(|life| life.phase(at).is_there())
    }

    pub(crate) fn is_changing(&self, at: Elapsed) -> bool {
        self.changes.iter().any(|(from, until)| (*from..*until).contains(&at))
    }
}
