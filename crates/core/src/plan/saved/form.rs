//! Definitions as a saved plan holds them: what the reader of JSON takes, and the
//! places in the files they were first read from.

use serde_json::{Value, json};

use crate::definition::{IndexDefinition, Place, aws_fields};

/// One index below its table's name. One map each keeps the order of the files.
pub(super) fn aws_form(definition: &IndexDefinition) -> Value {
    json!({ definition.id.table.as_str(): [aws_fields(definition)] })
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
