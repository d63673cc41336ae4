//! Where each index of the definitions stands in a check: counted, or why not.

use super::Options;
use super::tally::Shape;
use crate::catalog::{Catalog, Sighting, TableDescription};
use crate::definition::{IndexDefinition, ScalarType};
use crate::name::TableName;
use crate::plan::{Finding, Obstacle, judge};

/// A table to read: its name, the shapes of the indexes that are counted, and the
/// attributes to look for.
pub(super) type ToRead = (TableName, Vec<Shape>, Vec<String>);

/// One index of the definitions.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) definition: IndexDefinition,
    /// That it exists, or is being built.
    pub(super) exists: bool,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) enum Place {
    /// It is counted: which table, and which of its tallies.
    Counted(usize, usize),
    /// It exists, and nobody asked for such.
    Exists,
    /// It cannot be checked: why, and what to do.
    Unable(String, String),
}

impl Subject {
    pub(super) fn new(
        definition: &IndexDefinition,
        catalog: &Catalog,
        options: &Options,
        tables: &mut Vec<ToRead>,
    ) -> Self {
        let sighting = catalog.get(&definition.id.table).map_or(&Sighting::Missing, |(_, s)| s);
        let finding = judge(definition, sighting);
        let exists = matches!(finding, Finding::Ready | Finding::Building { .. });
        let place = match (&finding, sighting) {
            (Finding::Ready, _) if !options.existing => Place::Exists,
            (Finding::Obstacle(obstacle), _) if !is_checkable(obstacle) => {
                Place::Unable(obstacle.to_string(), obstacle.remedy().to_owned())
            }
            (_, Sighting::Found(table)) => counted(definition, table, tables),
            _ => Place::Unable("the table was not seen".to_owned(), String::new()),
        };
        Self { definition: definition.clone(), exists, place }
    }
}

/// Finds the index its place among those of its table.
fn counted(
    definition: &IndexDefinition,
    table: &TableDescription,
    tables: &mut Vec<ToRead>,
) -> Place {
    let keys: Vec<_> = table.key_schema.iter().map(|key| key.attribute_name.clone()).collect();
    let at = tables.iter().position(|(name, ..)| *name == table.name).unwrap_or_else(|| {
        tables.push((table.name.clone(), Vec::new(), keys.clone()));
        tables.len() - 1
    });
    let (_, shapes, slots) = &mut tables[at];
    let type_of = |name: &str| -> Option<ScalarType> {
        definition.attributes.get(name).or(table.attributes.get(name)).copied()
    };
    match Shape::new(definition, type_of, &keys, slots) {
        Some(shape) => {
            shapes.push(shape);
            Place::Counted(at, shapes.len() - 1)
        }
        // `judge` found that out before.
        None => Place::Unable("a key has no type".to_owned(), String::new()),
    }
}

/// Whether items can be held against an index that cannot be created.
fn is_checkable(obstacle: &Obstacle) -> bool {
    matches!(obstacle, Obstacle::Projection { .. } | Obstacle::Throughput { .. })
}
