//! Whether two definitions are the same, and how they read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Definitions, IndexDefinition, KeyElement, KeyType, Projection, ScalarType};
use crate::catalog::IndexDescription;

/// The types of attributes, by name.
type Types = BTreeMap<String, ScalarType>;

impl IndexDefinition {
    /// Identifies the definition: ordered keys, their types and the projection,
    /// and nothing else (README, "Definitions"); 16 hexadecimal digits. `types` are those of
    /// the table; the definition's own come first.
    #[must_use]
    pub fn digest(&self, types: &Types) -> String {
        let type_of = |name: &str| self.attributes.get(name).or_else(|| types.get(name));
        digest(&self.key_schema, type_of, &self.projection)
    }

    /// What is different about an index of the same name; nothing where it is
    /// the same definition (README, "Definitions"). `table_attributes` are the types that the
    /// table defines; a type that this definition leaves out fits any. Each
    /// phrase reads on its own: "the projection is KEYS_ONLY, not ALL".
    #[must_use]
    pub fn differences(&self, table_attributes: &Types, index: &IndexDescription) -> Vec<String> {
        let mut differences = Vec::new();
        if self.key_schema != index.key_schema {
            let (there, here) = (keys_text(&index.key_schema), keys_text(&self.key_schema));
            differences.push(format!("the keys are {there}, not {here}"));
        }
        for key in &self.key_schema {
            let name = &key.attribute_name;
            if let (Some(there), Some(here)) =
                (table_attributes.get(name), self.attributes.get(name))
                && there != here
            {
                differences.push(format!("attribute {name} is {there:?}, not {here:?}"));
            }
        }
        if self.projection != index.projection {
            let (there, here) =
                (projection_text(&index.projection), projection_text(&self.projection));
            differences.push(format!("the projection is {there}, not {here}"));
        }
        differences
    }

    /// The definition in a line: `passenger_id S HASH, flight_id S RANGE; ALL`,
    /// with `?` for a type it does not state.
    #[must_use]
    pub fn schema_text(&self) -> String {
        schema_text(&self.key_schema, &self.attributes, &self.projection)
    }

    /// The same, where `types` are those of its table: a type that the definition leaves
    /// out is the table's.
    #[must_use]
    pub fn schema_text_on(&self, types: &Types) -> String {
        let mut known = types.clone();
        known.extend(self.attributes.clone());
        schema_text(&self.key_schema, &known, &self.projection)
    }
}

impl IndexDescription {
    /// The index in a line, as [`IndexDefinition::schema_text`] has it, so that
    /// both sides of a conflict can be shown. `types` are the table's.
    #[must_use]
    pub fn schema_text(&self, types: &Types) -> String {
        schema_text(&self.key_schema, types, &self.projection)
    }
}

impl Definitions {
    /// Identifies the whole set: names, keys, types and projections. The order
    /// of the indexes, throughput and the texts for people do not count.
    #[must_use]
    pub fn digest(&self) -> String {
        let one = |d: &IndexDefinition| {
            json!([d.id.table, d.id.index, d.digest(&Types::new())]).to_string()
        };
        let all: BTreeSet<_> = self.indexes.iter().map(one).collect();
        hash(&json!(all).to_string())
    }
}

impl IndexDefinition {
    /// Whether its digest may be `wanted` on a table that tells `types`: one that neither
    /// the definition nor the table tells fits any.
    pub(crate) fn may_have_digest(&self, types: &Types, wanted: &str) -> bool {
        let mut known = types.clone();
        known.extend(self.attributes.clone());
        may_have_digest(&self.key_schema, &known, &self.projection, wanted)
    }
}

impl IndexDescription {
    /// Whether [`IndexDefinition::digest`] of a definition of this index may be `wanted`, on
    /// a table that tells `types`. A type that it does not tell fits any: there are
    /// emulators that keep the definitions of the last call alone.
    pub(crate) fn may_have_digest(&self, types: &Types, wanted: &str) -> bool {
        may_have_digest(&self.key_schema, types, &self.projection, wanted)
    }
}

fn may_have_digest(
    keys: &[KeyElement],
    types: &Types,
    projection: &Projection,
    wanted: &str,
) -> bool {
    let untold = keys.iter().map(|key| &key.attribute_name);
    let untold: Vec<_> = untold.filter(|name| !types.contains_key(*name)).collect();
    let is_wanted = |types: &Types| digest(keys, |name| types.get(name), projection) == wanted;
    is_wanted(types) || any_types(&untold, &mut types.clone(), &is_wanted)
}

/// Whether some types for the attributes `untold` (a key has eight at most) make it fit.
fn any_types(untold: &[&String], types: &mut Types, fits: &impl Fn(&Types) -> bool) -> bool {
    let Some((name, rest)) = untold.split_first() else {
        return fits(types);
    };
    [ScalarType::S, ScalarType::N, ScalarType::B].into_iter().any(|scalar| {
        types.insert((*name).clone(), scalar);
        any_types(rest, types, fits)
    })
}

fn digest<'t>(
    keys: &[KeyElement],
    type_of: impl Fn(&str) -> Option<&'t ScalarType>,
    projection: &Projection,
) -> String {
    let keys: Vec<_> = keys.iter().map(|key| json!([key, type_of(&key.attribute_name)])).collect();
    hash(&json!([keys, projection]).to_string())
}

/// 16 hexadecimal digits that tell `text` from other text.
pub(crate) fn hash(text: &str) -> String {
    hash_of_bytes(text.as_bytes())
}

/// The same for bytes.
pub(crate) fn hash_of_bytes(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(16);
    for byte in Sha256::digest(bytes).iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn schema_text(keys: &[KeyElement], types: &Types, projection: &Projection) -> String {
    format!("{}; {}", typed_keys_text(keys, types), projection_text(projection))
}

/// Keys in a line, with their types: `passenger_id S HASH, flight_id S RANGE`.
pub(crate) fn typed_keys_text(keys: &[KeyElement], types: &Types) -> String {
    let key = |key: &KeyElement| {
        let name = &key.attribute_name;
        let scalar_type = types.get(name).map_or_else(|| "?".to_owned(), |t| format!("{t:?}"));
        format!("{name} {scalar_type} {}", key_type_text(key.key_type))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn keys_text(keys: &[KeyElement]) -> String {
    let key = |key: &KeyElement| format!("{} {}", key.attribute_name, key_type_text(key.key_type));
    let keys: Vec<_> = keys.iter().map(key).collect();
    keys.join(", ")
}

fn key_type_text(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Hash => "HASH",
        KeyType::Range => "RANGE",
    }
}

fn projection_text(projection: &Projection) -> String {
    match projection {
        Projection::All => "ALL".to_owned(),
        Projection::KeysOnly => "KEYS_ONLY".to_owned(),
        Projection::Include { non_key_attributes } => {
            let names: Vec<_> = non_key_attributes.iter().map(String::as_str).collect();
            format!("INCLUDE {}", names.join(", "))
        }
    }
}
