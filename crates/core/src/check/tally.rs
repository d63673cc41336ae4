//! Items counted against the keys of an index that is to be.

use serde::{Deserialize, Serialize};

use super::estimate::Ratio;
use super::hot::HotKeys;
use super::page::{Cell, Row};
use crate::definition::{IndexDefinition, KeyType, Projection, ScalarType};
use crate::index_key::{Fault, KeyValue, longest};
use crate::name::IndexId;

/// Bytes of a write unit.
const UNIT_BYTES: usize = 1_024;

/// An attribute of an index's key.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its place among the attributes that are read.
    pub(super) slot: usize,
    pub(super) name: String,
    pub(super) key_type: KeyType,
    pub(super) scalar: ScalarType,
}

/// An index by the places of its attributes in a row.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) id: IndexId,
    /// HASH attributes first.
    pub(super) keys: Vec<Part>,
    /// What it holds of an item; `None` for all.
    projected: Option<Vec<usize>>,
    /// Whether the keys alone tell the size of what it holds.
    pub(super) keys_only: bool,
}

/// What is the matter with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The attribute, or those of the key together.
    pub(super) attribute: String,
    pub(super) fault: Fault,
    /// AWS's word for the type that was found.
    pub(super) found: String,
    /// The type that the index wants.
    pub(super) wanted: String,
    pub(super) bytes: usize,
    /// The place of the attribute, where it is one.
    pub(super) slot: Option<usize>,
}

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It will be in the index.
    Included,
    /// It lacks a key attribute, and is left out, which is fine (docs/dynamodb.md: sparse).
    Sparse,
    /// It cannot be in the index, and writes of it will be refused.
    Violating(Vec<Found>),
}

impl Shape {
    /// `None` where the type of a key is known to nobody. Attributes that `slots`
    /// does not have yet are added to it.
    pub(super) fn new(
        definition: &IndexDefinition,
        type_of: impl Fn(&str) -> Option<ScalarType>,
        table_keys: &[String],
        slots: &mut Vec<String>,
    ) -> Option<Self> {
        let part = |key: &crate::definition::KeyElement| {
            let name = key.attribute_name.clone();
            let scalar = type_of(&name)?;
            Some(Part { slot: slot(slots, &name), name, key_type: key.key_type, scalar })
        };
        let keys: Vec<_> = definition.key_schema.iter().map(part).collect::<Option<_>>()?;
        let projected = projected(&definition.projection).map(|included| {
            let of_keys = keys.iter().map(|part| part.slot);
            let others = table_keys.iter().chain(included);
            let mut all: Vec<_> = others.map(|name| slot(slots, name)).chain(of_keys).collect();
            all.sort_unstable();
            all.dedup();
            all
        });
        let keys_only = definition.projection == Projection::KeysOnly;
        Some(Self { id: definition.id.clone(), keys, projected, keys_only })
    }

    /// Where an item stands. Faults go before absence: what an item has is held to
    /// the index's demands even where it lacks another key.
    pub(super) fn judge(&self, row: &Row<'_>) -> Standing {
        let mut complete = true;
        let mut found = Vec::new();
        for part in &self.keys {
            match &row.cells[part.slot] {
                None => complete = false,
                Some(cell) => found.extend(part.judge(cell)),
            }
        }
        if found.is_empty() {
            let together = |key_type| self.judge_together(key_type, row);
            found.extend([KeyType::Hash, KeyType::Range].into_iter().filter_map(together));
        }
        match (found.is_empty(), complete) {
            (false, _) => Standing::Violating(found),
            (true, true) => Standing::Included,
            (true, false) => Standing::Sparse,
        }
    }

    /// The attributes of a multi-attribute key count together.
    fn judge_together(&self, key_type: KeyType, row: &Row<'_>) -> Option<Found> {
        let parts = || self.keys.iter().filter(|part| part.key_type == key_type);
        if parts().count() < 2 {
            return None;
        }
        let cells = || parts().filter_map(|part| Some((part, row.cells[part.slot].as_ref()?)));
        let bytes = cells().map(|(_, cell)| cell.bytes).sum();
        if bytes <= longest(key_type) {
            return None;
        }
        let joined = |texts: Vec<&str>| texts.join(", ");
        Some(Found {
            attribute: joined(cells().map(|(part, _)| part.name.as_str()).collect()),
            fault: Fault::TooLongTogether,
            found: joined(cells().map(|(_, cell)| cell.value.type_name()).collect()),
            wanted: joined(cells().map(|(part, _)| word(part.scalar)).collect()),
            bytes,
            slot: None,
        })
    }

    /// The bytes that the index will hold of an item, its own overhead aside.
    fn entry_bytes(&self, row: &Row<'_>, slots: &[String]) -> usize {
        let Some(projected) = &self.projected else {
            return row.bytes;
        };
        let bytes = |slot: &usize| {
            row.cells[*slot].as_ref().map_or(0, |cell| slots[*slot].len() + cell.bytes)
        };
        projected.iter().map(bytes).sum()
    }

    /// The values of the partition key.
    fn hash_values<'r>(&self, row: &'r Row<'r>) -> impl Iterator<Item = &'r KeyValue<'r>> + Clone {
        let hashes = self.keys.iter().filter(|part| part.key_type == KeyType::Hash);
        hashes.filter_map(|part| row.cells[part.slot].as_ref()).map(|cell| &cell.value)
    }
}

impl Part {
    fn judge(&self, cell: &Cell<'_>) -> Option<Found> {
        let fault = cell.value.fault(self.key_type, self.scalar, cell.bytes)?;
        Some(Found {
            attribute: self.name.clone(),
            fault,
            found: cell.value.type_name().to_owned(),
            wanted: word(self.scalar).to_owned(),
            bytes: cell.bytes,
            slot: Some(self.slot),
        })
    }
}

fn word(scalar: ScalarType) -> &'static str {
    match scalar {
        ScalarType::S => "S",
        ScalarType::N => "N",
        ScalarType::B => "B",
    }
}

/// The place of an attribute among those that are read; a new one at the end.
pub(super) fn slot(slots: &mut Vec<String>, name: &str) -> usize {
    slots.iter().position(|known| known == name).unwrap_or_else(|| {
        slots.push(name.to_owned());
        slots.len() - 1
    })
}

fn projected(projection: &Projection) -> Option<Vec<&String>> {
    match projection {
        Projection::All => None,
        Projection::KeysOnly => Some(Vec::new()),
        Projection::Include { non_key_attributes } => Some(non_key_attributes.iter().collect()),
    }
}

/// How many items have a fault in an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCount {
    /// The attribute, or those of a multi-attribute key together.
    pub attribute: String,
    /// What is the matter with it.
    pub fault: Fault,
    /// In so many items.
    pub items: u64,
}

/// Items by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the index.
    pub included: u64,
    /// Left out, because they lack a key attribute.
    pub sparse: u64,
    /// Left out, and refused when they are written.
    pub violating: u64,
}

/// What is known of one index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    pub(super) faults: Vec<FaultCount>,
    pub(super) hot: HotKeys,
    /// Bytes an entry.
    pub(super) bytes: Ratio,
    /// Write units an entry.
    pub(super) units: Ratio,
}

/// What one page adds to the sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    items: u64,
    bytes: u64,
    units: u64,
}

impl Tally {
    /// Counts an item; what is the matter with it, if anything.
    pub(super) fn add(&mut self, shape: &Shape, row: &Row<'_>) -> Standing {
        let standing = shape.judge(row);
        match &standing {
            Standing::Included => {
                self.counts.included += 1;
                self.hot.add(shape.hash_values(row));
            }
            Standing::Sparse => self.counts.sparse += 1,
            Standing::Violating(found) => {
                self.counts.violating += 1;
                found.iter().for_each(|found| self.count(found));
            }
        }
        standing
    }

    fn count(&mut self, found: &Found) {
        let same = |count: &&mut FaultCount| {
            count.attribute == found.attribute && count.fault == found.fault
        };
        match self.faults.iter_mut().find(same) {
            Some(count) => count.items += 1,
            None => {
                let attribute = found.attribute.clone();
                self.faults.push(FaultCount { attribute, fault: found.fault, items: 1 });
            }
        }
    }

    pub(super) fn add_sizes(&mut self, sizes: Sizes) {
        self.bytes.add(sizes.items, sizes.bytes as f64);
        self.units.add(sizes.items, sizes.units as f64);
    }
}

impl Sizes {
    /// An item that will be in the index.
    pub(super) fn add(&mut self, shape: &Shape, row: &Row<'_>, slots: &[String]) {
        let bytes = shape.entry_bytes(row, slots);
        self.items += 1;
        self.bytes += bytes as u64;
        self.units += bytes.div_ceil(UNIT_BYTES).max(1) as u64;
    }
}
