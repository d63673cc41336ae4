//! `gsictl export`: the indexes that tables have, as definitions.

use gsictl_core::catalog::{Catalog, Sighting};
use gsictl_core::definition::{Export as Exported, Format, Note};
use gsictl_core::look::Depth;
use gsictl_core::name::{IndexId, TableName};
use gsictl_driver::apply::Progress;
use gsictl_driver::clock::Clock;
use gsictl_driver::survey::survey_to;
use serde_json::{Value, json};

use crate::args::{Export, Globals, Output};
use crate::error::{CliError, Exit};
use crate::{context, signals, view};

pub(crate) fn run(globals: &Globals, args: &Export) -> Result<Exit, CliError> {
    if globals.output == Output::Json && args.format.is_some() {
        let message = "--format is for definitions alone, --output json for a document about them";
        return Err(CliError::new(Exit::Usage, message).hint("leave one of the two out"));
    }
    let catalog = context::block_on(look(globals, &args.tables))?;
    let exported = Exported::new(&catalog, &args.tables, &args.index);
    match globals.output {
        Output::Json => view::json(&document(&catalog, args, &exported)),
        Output::Human => show(globals, args.format.unwrap_or(Format::Yaml), &exported)?,
    }
    Ok(exit(&exported))
}

/// Describes each table once.
async fn look(globals: &Globals, tables: &[TableName]) -> Result<Catalog, CliError> {
    let mut stop = signals::listen()?;
    let backend = context::backend(globals, &mut stop).await?;
    // Standard output is for the definitions alone, whatever is told on the way.
    let mut view = (globals.output == Output::Human).then(|| view::for_run(globals));
    let mut told = |at, event| {
        if let Some(view) = &mut view {
            view.progress(Progress::Happened(at, event));
        }
    };
    let catalog =
        survey_to(Depth::Base, tables, &backend, Clock::start(), &mut stop, &mut told).await;
    if let Some(view) = &mut view {
        view.end();
    }
    catalog.map_err(|error| CliError::from(error).asked(&backend.target()))
}

/// The definitions are the result; what they do not say is told beside them.
fn show(globals: &Globals, format: Format, exported: &Exported) -> Result<(), CliError> {
    for note in exported.notes.iter().filter(|note| note.is_failure() || !globals.quiet) {
        let word = if note.is_failure() { "error" } else { "note" };
        view::err_line(format_args!("{word}: {note}"));
    }
    if exported.definitions.indexes.is_empty() {
        return Err(nothing(exported));
    }
    view::out_text(exported.definitions.to_text(format, &exported.remarks).trim_end());
    Ok(())
}

fn nothing(exported: &Exported) -> CliError {
    let hint = if exported.notes.iter().any(Note::is_failure) {
        "correct the names, --region or the endpoint"
    } else {
        "definitions of new indexes are written by hand: README.md, \"Definitions\""
    };
    CliError::new(Exit::Incomplete, "there is nothing to export").hint(hint)
}

fn exit(exported: &Exported) -> Exit {
    if exported.is_whole() { Exit::Done } else { Exit::Incomplete }
}

fn document(catalog: &Catalog, args: &Export, exported: &Exported) -> Value {
    let found = |table: &TableName| match catalog.get(table)?.1 {
        Sighting::Found(table) => Some(table),
        Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
    };
    let tables = args.tables.iter().filter_map(found).map(|table| {
        let index = |i: &gsictl_core::catalog::IndexDescription| {
            let id = IndexId::new(table.name.clone(), i.name.clone());
            let exported = exported.definitions.get(&id).is_some();
            json!({ "index": i.name, "status": i.status.as_str(), "exported": exported })
        };
        let indexes: Vec<_> = table.indexes.iter().map(index).collect();
        json!({ "table": table.name, "status": table.status.as_str(), "indexes": indexes })
    });
    json!({
        "definitions": exported.definitions.to_json(),
        "tables": tables.collect::<Vec<_>>(),
        "notes": exported.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "exit_code": exit(exported).code(),
    })
}
