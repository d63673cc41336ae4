//! `gsictl rollback`: deletes what this state's runs created.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use gsictl_core::engine::{Ended, Verdict};
use gsictl_core::name::IndexId;
use gsictl_core::plan::Selection;
use gsictl_core::report::RollbackReport;
use gsictl_core::retry::Policy;
use gsictl_core::rollback::RollbackPlan;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::StopSignal;
use gsictl_driver::file;
use gsictl_driver::rollback::{Progress, Request, RolledBack, Source, prepare, rollback};
use gsictl_driver::store::MAX_BYTES;

use super::write_report;
use crate::args::{Globals, Output, Rollback};
use crate::error::{CliError, Exit};
use crate::invocation::again;
use crate::{context, signals, view};

pub(crate) fn run(globals: &Globals, args: &Rollback) -> Result<Exit, CliError> {
    let clock = Clock::start();
    let request = request(globals, args, clock)?;
    context::block_on(async {
        let mut stop = signals::listen()?;
        let backend = context::backend(globals, &mut stop).await?;
        let store = context::store(&globals.state_dir);
        let mut shown = view::for_rollback(globals);
        let mut observe = |progress: Progress<'_>| shown.progress(&progress);
        let prepared = prepare(&request, &backend, &store, clock, &mut stop, &mut observe).await;
        let mut prepared = prepared.map_err(|e| CliError::from(e).asked(&backend.target()))?;
        check_selection(&request.selection, &prepared.plan)?;
        if let Some(newer) = &prepared.passed_over {
            view::show_passed_over(globals, newer);
        }
        let doomed: Vec<IndexId> = prepared.plan.doomed().cloned().collect();
        if args.dry_run {
            view::show_rollback_plan(globals, &prepared.plan);
            return Ok(Exit::Done);
        }
        if !(args.yes || doomed.is_empty()) {
            prepared.record(&request, &store, clock)?;
            view::err(&view::rollback_plan(&prepared.plan));
            ask(doomed.len(), &mut stop).await?;
        }
        let done = rollback(prepared, &request, &backend, &store, clock, &mut stop, &mut observe);
        let done = done.await?;
        Ok(end(globals, &done))
    })
}

fn request(globals: &Globals, args: &Rollback, clock: Clock) -> Result<Request, CliError> {
    let source = match &args.state {
        Some(path) => Source::File(path.clone(), read(path)?),
        None => Source::Newest,
    };
    Ok(Request {
        source,
        selection: args.filters.selection(),
        include_inferred: args.include_inferred,
        superseded: args.superseded,
        policy: Policy {
            max_attempts: args.max_attempts,
            backoff: args.backoff.clone(),
            ..context::policy(globals)
        },
        seed: context::seed(clock),
        holder: context::holder(clock),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    file::read_named(path, MAX_BYTES).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        CliError::new(Exit::Usage, message).hint("`gsictl state list` names the files there are")
    })
}

/// A name that nothing has is a slip, and nothing is deleted.
fn check_selection(selection: &Selection, plan: &RollbackPlan) -> Result<(), CliError> {
    if *selection == Selection::default() || plan.indexes().next().is_some() {
        return Ok(());
    }
    let message = "the state has no index that was ever there and matches --table and --index";
    Err(CliError::new(Exit::Usage, message).hint("`gsictl status` names the indexes of the state"))
}

/// Bytes of the answer that are read.
const LONGEST_ANSWER: u64 = 1_000;

/// Deletes nothing unless somebody says yes.
async fn ask(count: usize, stop: &mut StopSignal) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() {
        let message = "cannot ask for confirmation (no terminal): nothing was deleted";
        return Err(CliError::new(Exit::Usage, message)
            .hint("pass --yes to delete them without being asked")
            .hint("see what would be deleted with --dry-run"));
    }
    let indexes = if count == 1 { "this index" } else { "these indexes" };
    view::ask(&format!("Delete {indexes}? Only 'yes' is taken for it:"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        // A line that does not end is no yes.
        std::io::stdin().lock().take(LONGEST_ANSWER).read_line(&mut line).map(|_| line)
    });
    let answer = tokio::select! {
        answer = answer => answer.ok().and_then(Result::ok).unwrap_or_default(),
        () = stop.asked() => return Err(CliError::interrupted()),
    };
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(CliError::new(Exit::Usage, "nothing was deleted"))
}

fn end(globals: &Globals, done: &RolledBack) -> Exit {
    let times = (done.started_at, done.ended_at);
    let mut report = RollbackReport::new(times, done.surveyed, &done.outcome, &done.state);
    let file = if done.changed {
        write_report(&globals.state_dir, &mut report, &globals.invocation)
    } else {
        None
    };
    let exit = exit(done);
    match globals.output {
        Output::Json => {
            let archived = done.archived.as_deref();
            view::json(&view::json_rollback(&report, file.as_deref(), archived, exit));
        }
        Output::Human => view::out(&view::show_rollback(&report, file.as_deref(), &again())),
    }
    exit
}

fn exit(done: &RolledBack) -> Exit {
    let any = |fits: fn(&Verdict) -> bool| done.outcome.verdicts.iter().any(|(_, v)| fits(v));
    match &done.outcome.ended {
        Ended::SaveFailed(_) => Exit::State,
        Ended::Stopped => Exit::Interrupted,
        Ended::Done
            if any(|v| {
                matches!(v, Verdict::Failed { .. } | Verdict::Deleting | Verdict::Waiting)
            }) =>
        {
            Exit::Incomplete
        }
        Ended::Done => Exit::Done,
    }
}
