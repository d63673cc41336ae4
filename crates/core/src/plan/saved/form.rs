//! Definitions as a saved plan holds them: what the reader of JSON takes, and the
//! places in the files they were first read from.

use serde_json::{Map, Value, json};

use crate::definition::{IndexDefinition, Place};

/// One index below its table's name. One map each keeps the order of the files.
pub(super) fn aws_form(definition: &IndexDefinition) -> Value {
    let d = definition;
    let types = d.attributes.iter();
    let types: Vec<_> =
        types.map(|(name, t)| json!({"AttributeName": name, "AttributeType": t})).collect();
    let fields = [
        ("IndexName", json!(d.id.index)),
        ("KeySchema", json!(d.key_schema)),
        ("AttributeDefinitions", if types.is_empty() { Value::Null } else { json!(types) }),
        ("Projection", json!(d.projection)),
        ("ProvisionedThroughput", json!(d.provisioned_throughput)),
        ("OnDemandThroughput", json!(d.on_demand_throughput)),
        ("WarmThroughput", json!(d.warm_throughput)),
        ("Description", json!(d.description)),
        ("EstimatedImpact", json!(d.estimated_impact)),
        ("RequiredBy", json!(d.required_by)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    let index: Map<_, _> = given.map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ d.id.table.as_str(): [index] })
}

/// Where the definition begins, then where each key attribute is named.
pub(super) fn places(definition: &IndexDefinition) -> Vec<Place> {
    let keys = definition.key_places.iter().cloned();
    std::iter::once(definition.place.clone()).chain(keys).collect()
}

pub(super) fn put_places(definition: &mut IndexDefinition, places: Vec<Place>) {
    let mut places = places.into_iter();
    if places.len() == definition.key_places.len() + 1
        && let Some(first) = places.next()
    {
        definition.place = first;
        definition.key_places = places.collect();
    }
}
