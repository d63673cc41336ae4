//! `gsictl apply`: creates what is missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gsictl_core::check::Options;
use gsictl_core::engine::{Ended, Verdict};
use gsictl_core::plan::Selection;
use gsictl_core::plan::preview::Totals;
use gsictl_core::report::Document;
use gsictl_core::retry::Policy;
use gsictl_core::survey::SurveyError;
use gsictl_driver::apply::{Applied, ItemCheck, Request, apply, prepare};
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::{SharedStore, StopSignal};
use gsictl_driver::dynamodb::Backend;

use super::{plan, validate, write_report};
use crate::args::{Apply, Globals, Output};
use crate::definitions::{Given, Loaded};
use crate::error::{CliError, Exit};
use crate::invocation::{Invocation, again};
use crate::view::Page;
use crate::{context, definitions, signals, view};

pub(crate) fn run(globals: &Globals, args: &Apply) -> Result<Exit, CliError> {
    let request = request(globals, args)?;
    let of_plan = request.saved_plan.is_some();
    let invocation = &globals.invocation.about(of_plan);
    let done = context::block_on(async {
        let mut stop = signals::listen()?;
        let backend = context::backend(globals, &mut stop).await?;
        let store = context::store(&globals.state_dir);
        if args.dry_run {
            return dry_run(globals, &request, &backend, &store, &mut stop).await;
        }
        let dir = &globals.state_dir;
        let run = Run { globals, request: &request, dir, again: &again(), invocation };
        run.apply(&backend, &store, &mut stop).await
    });
    done.map_err(|error| error.of_plan(of_plan))
}

fn request(globals: &Globals, args: &Apply) -> Result<Request, CliError> {
    let selection = args.filters.selection();
    let (loaded, selection, retry_failed, saved_plan) =
        match definitions::load_or_plan(&args.definitions)? {
            Given::Definitions(loaded) => (loaded, selection, args.retry_failed, None),
            Given::Plan(plan) => {
                refuse_filters(args)?;
                let (definitions, script_name) =
                    (plan.definitions.clone(), plan.script_name.clone());
                let loaded = Loaded { definitions, script_name };
                (loaded, plan.selection.clone(), plan.retry_failed, Some(*plan))
            }
        };
    let selection = check_selection(&selection, &loaded.definitions)?;
    let clock = Clock::start();
    Ok(Request {
        definitions: loaded.definitions,
        script_name: loaded.script_name,
        selection,
        retry_failed,
        resume: args.resume,
        check: args.check.then(|| ItemCheck {
            options: Options { max_rcu: args.max_rcu, ..Options::default() },
            allow_violations: args.allow_violations,
        }),
        validate: args.validate.then(|| validate::sample(None)),
        policy: Policy {
            max_attempts: args.max_attempts,
            backoff: args.backoff.clone(),
            max_builds: args.max_builds as usize,
            activation_timeout: args.activation_timeout,
            fail_fast: args.fail_fast,
            wait: !args.no_wait,
            ..context::policy(globals)
        },
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "apply".to_owned(),
        saved_plan,
        plan_only: false,
    })
}

/// A plan was made with its own.
fn refuse_filters(args: &Apply) -> Result<(), CliError> {
    if args.filters.selection() == Selection::default() && !args.retry_failed {
        return Ok(());
    }
    let message = "a saved plan has its own --table, --index and --retry-failed";
    Err(CliError::new(Exit::Usage, message).hint("leave them out, or make a plan with them"))
}

/// The selection with the tables as the definitions name them.
pub(super) fn check_selection(
    selection: &Selection,
    definitions: &gsictl_core::definition::Definitions,
) -> Result<Selection, CliError> {
    let selection = selection.among(&definitions.tables().collect(), None);
    let unknown = selection.unknown(definitions);
    if !unknown.is_empty() {
        let message = format!("the definitions have no {}", unknown.join(" and no "));
        let error = CliError::new(Exit::Usage, message).hint(
            "--table and --index take names from the definitions; `gsictl plan DEFS` lists them",
        );
        let plain = selection.tables.iter().filter(|table| table.arn().is_some());
        let plain = plain.map(gsictl_core::name::TableName::to_plain);
        let known = plain.filter(|plain| definitions.tables().any(|table| table == plain));
        return Err(known.fold(error, |error, plain| {
            error.hint(format!("the definitions name a table by its name: --table {plain}"))
        }));
    }
    if selection.of(definitions).next().is_some() {
        return Ok(selection);
    }
    let message = "no definition matches both --table and --index";
    Err(CliError::new(Exit::Usage, message).hint("leave one of them out"))
}

async fn dry_run(
    globals: &Globals,
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    stop: &mut StopSignal,
) -> Result<Exit, CliError> {
    let mut view = view::for_run(globals);
    let mut observe = |progress: gsictl_driver::apply::Progress<'_>| view.progress(progress);
    let prepared = prepare(request, backend, store, Clock::start(), stop, &mut observe).await;
    view.end();
    let prepared = prepared.map_err(|e| CliError::from(e).asked(&backend.target()))?;
    let mut preview = plan::preview(request, &prepared);
    let invocation = globals.invocation.about(request.saved_plan.is_some());
    invocation.complete_plan(&mut preview);
    match globals.output {
        Output::Human => view::out(&view::show_plan(&preview, &invocation)),
        Output::Json => {
            let mut document = view::json_plan(&preview);
            document["event"] = "preview".into();
            view::json(&document);
        }
    }
    let Totals { conflict, obstacle, .. } = preview.totals;
    Ok(if conflict + obstacle > 0 { Exit::Incomplete } else { Exit::Done })
}

/// One run with its surroundings; `demo` runs one too.
pub(crate) struct Run<'a> {
    pub(crate) globals: &'a Globals,
    pub(crate) request: &'a Request,
    /// The state directory.
    pub(crate) dir: &'a Path,
    /// The command that goes on with it.
    pub(crate) again: &'a str,
    /// What the commands need that are advised.
    pub(crate) invocation: &'a Invocation,
}

impl Run<'_> {
    pub(crate) async fn apply(
        &self,
        backend: &Arc<dyn Backend>,
        store: &SharedStore,
        stop: &mut StopSignal,
    ) -> Result<Exit, CliError> {
        let mut view = view::for_run(self.globals);
        let mut observe = |progress: gsictl_driver::apply::Progress<'_>| view.progress(progress);
        let clock = Clock::start();
        let applied = apply(self.request, backend, store, clock, stop, &mut observe).await;
        view.end();
        let mut applied = applied.map_err(|e| CliError::from(e).asked(&backend.target()))?;
        let report = if applied.changed { self.write(&mut applied.report) } else { None };
        if let Some(checked) = &mut applied.checked {
            self.write(checked);
        }
        let exit = exit(&applied);
        if self.globals.output == Output::Human {
            view::out(&view::show_result(&applied, report.as_deref(), self.again));
        }
        self.show_validation(&mut applied);
        if self.globals.output == Output::Json {
            view::json(&view::json_result(&applied, report.as_deref(), exit));
        }
        Ok(exit)
    }

    fn write(&self, report: &mut dyn Document) -> Option<PathBuf> {
        write_report(self.dir, report, self.invocation)
    }

    /// The verdicts have a report of their own.
    fn show_validation(&self, applied: &mut Applied) {
        match &mut applied.validation {
            Some(Ok(found)) => {
                let report = self.write(found);
                if self.globals.output == Output::Human {
                    let mut page = Page::default();
                    page.blank();
                    page.append(&view::show_validation(found, report.as_deref()));
                    view::out(&page);
                }
            }
            Some(Err(error)) => {
                view::err_line(format_args!("warning: nothing was validated: {error}"));
            }
            None => {}
        }
    }
}

/// The exit code says how the run ended for what it was about.
fn exit(applied: &Applied) -> Exit {
    let any = |fits: fn(&Verdict) -> bool| applied.outcome.verdicts.iter().any(|(_, v)| fits(v));
    let failed = |v: &Verdict| {
        matches!(
            v,
            Verdict::Failed { .. }
                | Verdict::Obstructed(_)
                | Verdict::LeftFailed
                | Verdict::TimedOut
                | Verdict::Unconfirmed { .. }
        )
    };
    let unproven = match &applied.validation {
        Some(Ok(found)) => !found.is_good(),
        Some(Err(_)) => true,
        None => false,
    };
    match &applied.outcome.ended {
        Ended::SaveFailed(_) => Exit::State,
        Ended::Stopped => Exit::Interrupted,
        Ended::Done if matches!(applied.validation, Some(Err(SurveyError::Stopped))) => {
            Exit::Interrupted
        }
        Ended::Done if unproven || any(failed) => Exit::Incomplete,
        Ended::Done if any(|v| matches!(v, Verdict::Waiting)) => Exit::Pending,
        Ended::Done => Exit::Done,
    }
}
