//! Expressions of a Query or a Scan. Every attribute has a placeholder: its name
//! may be a reserved word, or hold dots.

use std::collections::HashMap;

use gsictl_core::call::{Item, Value};

/// The expressions of one request, with the names and values they stand for.
#[derive(Default)]
pub(super) struct Expressions {
    names: HashMap<String, String>,
    values: Item,
}

impl Expressions {
    /// `#n0 = :v0 AND #n1 = :v1`; `None` for nothing.
    pub(super) fn all_equal(&mut self, attributes: Vec<(String, Value)>) -> Option<String> {
        let equal = |(name, value)| {
            let placeholder = format!(":v{}", self.values.len());
            self.values.insert(placeholder.clone(), value);
            format!("{} = {placeholder}", self.name(name))
        };
        let terms: Vec<_> = attributes.into_iter().map(equal).collect();
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    /// `#n0, #n1`; `None` for nothing.
    pub(super) fn list(&mut self, attributes: &[String]) -> Option<String> {
        let names: Vec<_> = attributes.iter().map(|name| self.name(name.clone())).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// `ExpressionAttributeNames`. DynamoDB refuses an empty map.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// `ExpressionAttributeValues`.
    pub(super) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    fn name(&mut self, name: String) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name);
        placeholder
    }
}
