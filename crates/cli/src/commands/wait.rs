//! `gsictl wait`: the waiter that AWS's own tools lack.

use std::path::Path;

use gsictl_core::name::{IndexName, TableName};
use gsictl_core::plan::Selection;
use gsictl_core::state::{Looked, Target};
use gsictl_core::survey::check_regions;
use gsictl_core::watch::{
    IndexWait, OnTheWay, TableWait, Watch, WatchEnd, WatchTrouble, Watched, WatchedTable,
};
use gsictl_driver::apply::{Progress, load};
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::drive;
use serde_json::{Value, json};

use super::apply::check_selection;
use crate::args::{Globals, Output, Wait, is_definitions};
use crate::error::{CliError, Exit, no_contact};
use crate::view::Page;
use crate::{context, definitions, signals, view};

pub(crate) fn run(globals: &Globals, args: &Wait) -> Result<Exit, CliError> {
    let waits = waits(args)?;
    let (watched, target) = context::block_on(watch(globals, args, waits))?;
    if let Some(error) = watched.error() {
        return Err(no_contact(error, true).asked(&target));
    }
    let exit = match &watched.ended {
        WatchEnd::Stopped => Exit::Interrupted,
        _ if watched.is_ready() => Exit::Done,
        _ => Exit::Incomplete,
    };
    match globals.output {
        Output::Json => view::json(&document(&watched, exit)),
        Output::Human => view::out(&text(&watched)),
    }
    Ok(exit)
}

/// What is waited for: a table with its indexes, or what definitions name.
fn waits(args: &Wait) -> Result<Vec<TableWait>, CliError> {
    let usage = |message: String| CliError::new(Exit::Usage, message);
    let Some(files) = args.definitions() else {
        if args.filters.selection() != Selection::default() || args.format.is_some() {
            return Err(usage("--table, --index and --format go with definitions".to_owned())
                .hint("name the indexes after the table: `gsictl wait TABLE INDEX`"));
        }
        let name = |word: &Path| word.to_string_lossy().into_owned();
        let illegal = |word: &Path, error: &dyn std::fmt::Display| {
            usage(format!("{:?}: {error}", name(word))).hint(
                "give a table and its indexes, or a file that ends in .json, .yaml, .yml or .toml",
            )
        };
        let table = TableName::new(&name(&args.what)).map_err(|e| illegal(&args.what, &e))?;
        let index = |word: &std::path::PathBuf| {
            IndexName::new(&name(word)).map_err(|error| illegal(word, &error))
        };
        let indexes = args.more.iter().map(index).collect::<Result<_, _>>()?;
        return Ok(vec![TableWait::named(table, indexes)]);
    };
    if let Some(word) =
        files.files.iter().find(|word| args.format.is_none() && !is_definitions(word))
    {
        let message = format!("{:?} is not a definitions file", word.display().to_string());
        return Err(usage(message)
            .hint("after a definitions file give more definitions files, or choose indexes with --table and --index"));
    }
    let loaded = definitions::load(&files)?;
    let selection = args.filters.selection();
    let selection = check_selection(&selection, &loaded.definitions)?;
    Ok(TableWait::defined(&loaded.definitions, &selection))
}

async fn watch(
    globals: &Globals,
    args: &Wait,
    waits: Vec<TableWait>,
) -> Result<(Watched, Target), CliError> {
    let mut stop = signals::listen()?;
    let backend = context::backend(globals, &mut stop).await?;
    let target = backend.target();
    check_regions(waits.iter().map(|wait| &wait.table), &target)?;
    let clock = Clock::start();
    let on_the_way = on_the_way(globals, &target);
    let watch = Watch::new(clock.now(), waits, on_the_way, args.timeout);
    let mut watch = watch.skipping(backend.skipped_regions());
    let mut view = view::for_run(globals);
    let mut told = |at, event| view.progress(Progress::Happened(at, event));
    drive(&mut watch, &backend, None, clock, &mut stop, &mut told).await;
    view.end();
    Ok((watch.into_result(), target))
}

/// What the state in the state directory says was asked for, if it is of this place. It
/// is read without a lock: who waits changes nothing and keeps nobody from running.
pub(super) fn on_the_way(globals: &Globals, target: &Target) -> OnTheWay {
    let state = match load(&context::store(&globals.state_dir)) {
        Ok(state) => state,
        Err(error) => {
            view::err_line(format_args!(
                "note: the state cannot be read, so it is not known which indexes earlier runs asked for: {error}"
            ));
            None
        }
    };
    let here = state.filter(|state| state.check_belongs(target, Looked::NotYet).is_ok());
    here.map(|state| OnTheWay::of(&state, context::policy(globals).visibility)).unwrap_or_default()
}

fn text(watched: &Watched) -> Page {
    let mut page = Page::default();
    if watched.ended == WatchEnd::Stopped {
        page.line("Interrupted by user! Nothing was changed.");
        return page;
    }
    for table in &watched.tables {
        for line in lines(table, &watched.ended) {
            page.line(line);
        }
    }
    page
}

/// What became of a table.
fn lines(watched: &WatchedTable, ended: &WatchEnd) -> Vec<String> {
    let WatchedTable { table, trouble, indexes } = watched;
    match trouble {
        Some(WatchTrouble::NoTable) => return vec![format!("There is no table {table}.")],
        Some(WatchTrouble::Unusable { status, remedy }) => {
            return vec![format!("{table} is {status}: {remedy}.")];
        }
        Some(WatchTrouble::Failed(error)) => {
            return vec![format!("{table} cannot be described: {error}")];
        }
        None if indexes.is_empty() && *ended == WatchEnd::TimedOut => {
            return vec![format!(
                "{table} was not ACTIVE in time: its indexes were not looked for."
            )];
        }
        None if indexes.is_empty() => return vec![format!("{table} has no index to wait for.")],
        None => {}
    }
    let names = |fits: fn(&IndexWait) -> bool| {
        let names = indexes.iter().filter(|(_, wait)| fits(wait));
        let names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let ready = names(|wait| matches!(wait, IndexWait::Ready(_)));
    let waiting = names(|wait| *wait == IndexWait::Waiting);
    let missing = names(|wait| *wait == IndexWait::Missing);
    let conflict = names(|wait| matches!(wait, IndexWait::Conflict(_)));
    let unconfirmed = indexes.iter().filter_map(|(name, wait)| match wait {
        IndexWait::Unconfirmed(regions) => Some(format!("{name} ({regions})")),
        _ => None,
    });
    let unconfirmed = unconfirmed.collect::<Vec<_>>().join(", ");
    let unconfirmed = (!unconfirmed.is_empty())
        .then(|| format!("Not known to be ready in every region: {unconfirmed} of {table}."));
    let lines = [
        ready.map(|names| format!("Ready: {names} of {table}.")),
        waiting.map(|names| format!("Not ready in time: {names} of {table}.")),
        unconfirmed,
        missing.map(|names| format!("{table} has no {names} (or it is being deleted).")),
        conflict.map(|names| format!("{table} has {names} with another definition.")),
    ];
    lines.into_iter().flatten().collect()
}

/// One document. A single table stands in it as a whole, too.
fn document(watched: &Watched, exit: Exit) -> Value {
    let results: Vec<_> =
        watched.tables.iter().map(|table| table_result(table, &watched.ended)).collect();
    let tables: Vec<_> = watched
        .tables
        .iter()
        .zip(&results)
        .map(|(table, result)| {
            let indexes = table.indexes.iter().map(|index| index_document(table, index, result));
            let indexes: Vec<_> = indexes.collect();
            let mut document =
                json!({ "table": table.table, "result": result, "indexes": indexes });
            match &table.trouble {
                Some(WatchTrouble::Failed(error)) => document["error"] = json!(error.to_string()),
                Some(WatchTrouble::Unusable { status, remedy }) => {
                    document["status"] = json!(status);
                    document["next_step"] = json!(remedy);
                }
                Some(WatchTrouble::NoTable) | None => {}
            }
            document
        })
        .collect();
    let worst = results.iter().find(|result| **result != "ready");
    let mut document = json!({
        "event": "finished", "exit_code": exit.code(),
        "result": worst.unwrap_or(&"ready"), "tables": tables,
    });
    if let ([table], [result]) = (watched.tables.as_slice(), results.as_slice()) {
        let names = table.indexes.iter().filter(|(_, wait)| word(wait) == *result);
        let names: Vec<_> = names.map(|(name, _)| name).collect();
        document["table"] = json!(table.table);
        document["indexes"] = json!(names);
    }
    document
}

fn table_result(table: &WatchedTable, ended: &WatchEnd) -> &'static str {
    let any = |result| table.indexes.iter().any(|(_, wait)| word(wait) == result);
    match (&table.trouble, ended) {
        (Some(WatchTrouble::NoTable), _) => "no_table",
        (Some(WatchTrouble::Unusable { .. }), _) => "unusable",
        (Some(WatchTrouble::Failed(_)), _) => "failed",
        (None, WatchEnd::Stopped) => "stopped",
        (None, WatchEnd::TimedOut) if any("timed_out") || table.indexes.is_empty() => "timed_out",
        _ if any("unconfirmed") => "unconfirmed",
        _ if any("missing") => "missing",
        _ if any("conflict") => "conflict",
        _ => "ready",
    }
}

/// One that is still waited for was not ready in time.
fn word(wait: &IndexWait) -> &'static str {
    match wait {
        IndexWait::Ready(_) => "ready",
        IndexWait::Waiting => "timed_out",
        IndexWait::Unconfirmed(_) => "unconfirmed",
        IndexWait::Missing => "missing",
        IndexWait::Conflict(_) => "conflict",
    }
}

/// What keeps the table from being looked at keeps it from each index that is waited for.
fn index_document(
    table: &WatchedTable,
    (name, wait): &(IndexName, IndexWait),
    of_table: &str,
) -> Value {
    let unseen = table.trouble.is_some() && *wait == IndexWait::Waiting;
    let mut document =
        json!({ "index": name, "result": if unseen { of_table } else { word(wait) } });
    match wait {
        IndexWait::Ready(after) => document["seconds"] = json!(after.as_secs_f64()),
        IndexWait::Conflict(differences) => document["differences"] = json!(differences),
        IndexWait::Unconfirmed(regions) => document["regions"] = json!(regions),
        IndexWait::Waiting | IndexWait::Missing => {}
    }
    document
}
