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
pub(super) fn places(definition: &IndexDefinition) -> Vec<String> {
    let keys = definition.key_places.iter();
    std::iter::once(&definition.place).chain(keys).map(Place::to_string).collect()
}

/// Only for people: what is no place leaves those in the plan's own text.
pub(super) fn put_places(definition: &mut IndexDefinition, places: &[String]) {
    let places: Option<Vec<_>> = places.iter().map(|text| place(text)).collect();
    if let Some([first, keys @ ..]) = places.as_deref()
        && keys.len() == definition.key_places.len()
    {
        definition.place = first.clone();
        definition.key_places = keys.to_vec();
    }
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.rsplitn(3, ':');
    let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Place { file: parts.next()?.into(), line, column })
}
