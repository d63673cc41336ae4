//! Which names are one table.
//!
//! A table is named by its name or by its ARN, and both may stand in one file. What it
//! is, its description tells: the ARN in it. Once the tables are described each has one
//! name in the whole run, so that one table is one lane and an index of it stands in the
//! state once:
//!
//! - the name that the state has for it, because an entry keeps its key for life;
//! - else its plain name, where it is of the caller's own account, as descriptions under
//!   plain names tell it in this run: what a state recorded is no proof of whose
//!   credentials these are;
//! - else its ARN: a table of another account is reached by nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::catalog::{Catalog, Sighting};
use crate::definition::{Definitions, Diagnostic, Diagnostics, Place};
use crate::name::{IndexId, TableArn, TableName};
use crate::plan::Selection;
use crate::state::State;

/// The one name that each table of a catalog has in a run.
#[derive(Clone, Debug, Default)]
struct Names(BTreeMap<TableName, TableName>);

/// What a run is about, every table by one name.
#[derive(Clone, Debug)]
pub struct Identified {
    /// What is wanted.
    pub definitions: Definitions,
    /// Which of it the run is about.
    pub selection: Selection,
    /// What was seen.
    pub catalog: Catalog,
}

/// The tables of `state` that stand there by their plain names, and that an ARN among
/// `tables` may mean. They are described too: an ARN is reached from any account, and
/// only a plain name tells whether it is of this one.
pub fn may_be_meant<'a>(
    tables: impl IntoIterator<Item = &'a TableName>,
    state: Option<&State>,
) -> BTreeSet<TableName> {
    let Some(state) = state else { return BTreeSet::new() };
    let arns = tables.into_iter().filter(|table| table.arn().is_some());
    let plain: BTreeSet<_> = arns.map(TableName::to_plain).collect();
    state.entries().map(|(id, _)| &id.table).filter(|of| plain.contains(of)).cloned().collect()
}

/// Gives every table one name. `state` is the one that the run goes on with. What was
/// described only to tell the account ([`may_be_meant`]) is let go.
///
/// # Errors
/// An index that is defined twice, under two names of its table: with both places.
pub fn identify(
    definitions: &Definitions,
    selection: &Selection,
    catalog: Catalog,
    state: Option<&State>,
) -> Result<Identified, Diagnostics> {
    let names = Names::of(&catalog, state);
    let tables = selection.tables.iter().map(|table| names.the(table).clone());
    let selection = Selection { tables: tables.collect(), indexes: selection.indexes.clone() };
    let definitions = names.in_definitions(definitions)?;
    let catalog = names.in_catalog(catalog, &definitions);
    Ok(Identified { definitions, selection, catalog })
}

impl Names {
    fn of(catalog: &Catalog, state: Option<&State>) -> Self {
        let mut groups: BTreeMap<String, Vec<&TableName>> = BTreeMap::new();
        for (table, sighting) in catalog.iter() {
            if let Some(arn) = arn_of(table, sighting) {
                groups.entry(arn).or_default().push(table);
            }
        }
        let account = catalog.account();
        let mut names = Self::default();
        for (arn, tables) in groups {
            let Ok(arn) = TableArn::parse(&arn) else { continue };
            let one = one_of(&tables, &arn, account, state);
            names.0.extend(tables.into_iter().map(|table| (table.clone(), one.clone())));
        }
        names
    }

    fn the<'n>(&'n self, table: &'n TableName) -> &'n TableName {
        self.0.get(table).unwrap_or(table)
    }

    fn in_definitions(&self, definitions: &Definitions) -> Result<Definitions, Diagnostics> {
        let mut definitions = definitions.clone();
        let mut firsts: HashMap<IndexId, (TableName, Place)> = HashMap::new();
        let mut twice = Vec::new();
        for definition in &mut definitions.indexes {
            let named = definition.id.table.clone();
            definition.id.table = self.the(&named).clone();
            match firsts.get(&definition.id) {
                None => {
                    let first = (named, definition.place.clone());
                    firsts.insert(definition.id.clone(), first);
                }
                Some((first, place)) => twice.push(Diagnostic {
                    place: definition.place.clone(),
                    found: definition.id.index.to_string(),
                    message: format!(
                        "index {} is defined twice: {named} and {first} are one table",
                        definition.id.index
                    ),
                    help: Some("keep one of the two".to_owned()),
                    related: Some((place.clone(), "first here".to_owned())),
                    fatal: false,
                }),
            }
        }
        Diagnostics::of(twice).map_or(Ok(definitions), Err)
    }

    /// Of two looks at one table that which found it is kept.
    fn in_catalog(&self, catalog: Catalog, definitions: &Definitions) -> Catalog {
        let wanted: BTreeSet<_> = definitions.tables().collect();
        let mut named = Catalog::default();
        for (table, asked_at, mut sighting) in catalog {
            let name = self.the(&table).clone();
            if !wanted.contains(&name) {
                continue;
            }
            if let Sighting::Found(found) = &mut sighting {
                found.name = name.clone();
            } else if named.get(&name).is_some() {
                continue;
            }
            named.insert(name, asked_at, sighting);
        }
        named
    }
}

/// The ARN that a description tells; where there is none, the one that was asked for.
fn arn_of(table: &TableName, sighting: &Sighting) -> Option<String> {
    let told = sighting.table().and_then(|found| found.arn.clone());
    let told = told.filter(|arn| TableArn::parse(arn).is_ok());
    told.or_else(|| table.arn().map(|arn| arn.to_string()))
}

/// One name for the table of that ARN, which is named by all of `tables`.
fn one_of(
    tables: &[&TableName],
    arn: &TableArn<'_>,
    account: Option<&str>,
    state: Option<&State>,
) -> TableName {
    let own = account == Some(arn.account);
    let by_state = state.and_then(|state| {
        let mut names = state.entries().map(|(id, _)| &id.table);
        names.find(|name| {
            let same = name.arn().is_some_and(|of_state| of_state == *arn);
            same || tables.contains(name)
                || (own && name.arn().is_none() && name.as_str() == arn.name)
        })
    });
    let plain = tables.iter().copied().find(|name| name.arn().is_none());
    let named = by_state.or(plain).cloned();
    let first =
        || tables.first().map(|first| if own { first.to_plain() } else { (*first).clone() });
    named.or_else(first).unwrap_or_else(|| TableName::of(arn))
}

#[cfg(test)]
mod tests;
