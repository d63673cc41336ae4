//! `gsictl wait`: the waiter that AWS's own tools lack.

use gsictl_core::state::Target;
use gsictl_core::watch::{Watch, Watched};
use gsictl_driver::apply::Progress;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::drive;
use serde_json::json;

use crate::args::{Globals, Output, Wait};
use crate::error::{CliError, Exit, no_contact};
use crate::{context, signals, view};

pub(crate) fn run(globals: &Globals, args: &Wait) -> Result<Exit, CliError> {
    let (watched, target) = context::block_on(watch(globals, args))?;
    let exit = match &watched {
        Watched::Ready(_) => Exit::Done,
        Watched::TimedOut(_) | Watched::NoTable | Watched::Missing(_) => Exit::Incomplete,
        Watched::Failed(error) => return Err(no_contact(error, true).asked(&target)),
        Watched::Stopped => Exit::Interrupted,
    };
    match globals.output {
        Output::Json => view::json(&document(args, &watched, exit)),
        Output::Human => view::out_line(text(args, &watched)),
    }
    Ok(exit)
}

async fn watch(globals: &Globals, args: &Wait) -> Result<(Watched, Target), CliError> {
    let mut stop = signals::listen()?;
    let backend = context::backend(globals, &mut stop).await?;
    let clock = Clock::start();
    let (table, indexes) = (args.table.clone(), args.indexes.clone());
    let mut watch = Watch::new(clock.now(), table, indexes, args.timeout);
    let mut view = view::for_run(globals);
    let mut told = |at, event| view.progress(Progress::Happened(at, event));
    drive(&mut watch, &backend, None, clock, &mut stop, &mut told).await;
    view.end();
    Ok((watch.into_result(), backend.target()))
}

fn text(args: &Wait, watched: &Watched) -> String {
    let table = &args.table;
    let names = |names: &[gsictl_core::name::IndexName]| {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match watched {
        Watched::Ready(ready) if ready.is_empty() => format!("{table} has no index to wait for."),
        Watched::Ready(ready) => format!(
            "Ready: {} of {table}.",
            names(&ready.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>())
        ),
        Watched::TimedOut(left) => format!("Not ready in time: {} of {table}.", names(left)),
        Watched::NoTable => format!("There is no table {table}."),
        Watched::Missing(missing) => {
            format!("{table} has no {} (or it is being deleted).", names(missing))
        }
        Watched::Failed(error) => error.to_string(),
        Watched::Stopped => "Interrupted by user! Nothing was changed.".to_owned(),
    }
}

fn document(args: &Wait, watched: &Watched, exit: Exit) -> serde_json::Value {
    let (result, indexes) = match watched {
        Watched::Ready(ready) => ("ready", ready.iter().map(|(name, _)| name.clone()).collect()),
        Watched::TimedOut(left) => ("timed_out", left.clone()),
        Watched::NoTable => ("no_table", Vec::new()),
        Watched::Missing(missing) => ("missing", missing.clone()),
        Watched::Failed(_) => ("failed", Vec::new()),
        Watched::Stopped => ("stopped", Vec::new()),
    };
    json!({
        "event": "finished", "exit_code": exit.code(), "table": args.table,
        "result": result, "indexes": indexes,
    })
}
