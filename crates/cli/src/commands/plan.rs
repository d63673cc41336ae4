//! `gsictl plan`: what `apply` would do, and why.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use gsictl_core::check::{CheckReport, EXPLAINED, Options, Remembered};
use gsictl_core::plan::preview::{Preview, Prospect};
use gsictl_core::plan::saved::{HEAD_BYTES, SavedPlan};
use gsictl_core::retry::Policy;
use gsictl_core::shell::gsictl;
use gsictl_driver::apply::{Prepared, Progress, Request, prepare};
use gsictl_driver::check::{self, Ahead, check_ahead};
use gsictl_driver::clock::Clock;
use gsictl_driver::{file, reports};

use super::apply::check_selection;
use crate::args::{Globals, Output, Plan};
use crate::error::{CliError, Exit};
use crate::{context, definitions, signals, view};

pub(crate) fn run(globals: &Globals, args: &Plan) -> Result<Exit, CliError> {
    check_form(globals, args)?;
    let request = request(globals, args)?;
    if let Some(file) = &args.save {
        check_place(file)?;
    }
    let (prepared, sampled) = look(globals, args, &request)?;
    let checks = match &sampled {
        Some(report) => vec![Remembered::from(report)],
        None if prepared.plan.indexes().any(|index| index.action.creates()) => {
            reports::checks(&globals.state_dir)
        }
        None => Vec::new(),
    };
    let prices = args.pricing.prices();
    let mut preview = preview(&request, &prepared).with_forecasts(&prepared.plan, &checks, prices);
    globals.invocation.complete_plan(&mut preview);
    if let Some(file) = &args.save {
        save(file, &request, &prepared)?;
    }
    show(globals, args, &preview);
    Ok(match preview.prospect {
        Prospect::Obstacles if args.exit_code => Exit::Incomplete,
        Prospect::Changes if args.exit_code => Exit::Pending,
        _ => Exit::Done,
    })
}

fn check_form(globals: &Globals, args: &Plan) -> Result<(), CliError> {
    if args.markdown && globals.output == Output::Json {
        let message = "--markdown and --output json are two forms of one answer";
        return Err(CliError::new(Exit::Usage, message).hint("leave one of them out"));
    }
    Ok(())
}

fn request(globals: &Globals, args: &Plan) -> Result<Request, CliError> {
    let loaded = definitions::load(&args.definitions)?;
    let selection = args.filters.selection();
    let selection = check_selection(&selection, &loaded.definitions)?;
    let clock = Clock::start();
    Ok(Request {
        definitions: loaded.definitions,
        script_name: loaded.script_name,
        selection,
        retry_failed: args.retry_failed,
        check: None,
        validate: None,
        resume: false,
        policy: Policy { max_builds: args.max_builds as usize, ..context::policy(globals) },
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "plan".to_owned(),
        saved_plan: None,
        plan_only: true,
    })
}

/// Describes each table once, without a lock: nothing is written. Where a sample is
/// asked for, the tables that get an index are read in part.
fn look(
    globals: &Globals,
    args: &Plan,
    request: &Request,
) -> Result<(Prepared, Option<CheckReport>), CliError> {
    context::block_on(async {
        let mut stop = signals::listen()?;
        let backend = context::backend(globals, &mut stop).await?;
        let store = context::store(&globals.state_dir);
        let mut view = view::for_look(globals);
        let mut observe = |progress: Progress<'_>| view.progress(progress);
        let clock = Clock::start();
        let prepared = prepare(request, &backend, &store, clock, &mut stop, &mut observe).await;
        view.end();
        let prepared = prepared.map_err(|e| CliError::from(e).asked(&backend.target()))?;
        let Some(percent) = args.sample else {
            return Ok((prepared, None));
        };
        let ahead = Ahead {
            plan: &prepared.plan,
            script_name: &request.script_name,
            options: &Options { sample: Some(percent), ..Options::default() },
            seed: request.seed,
        };
        let mut view = view::for_check(globals);
        let mut told = |progress: check::Progress<'_>| view.progress(&progress);
        let sampled = check_ahead(&ahead, &backend, clock, &mut stop, &mut told).await;
        view.end();
        let sampled = sampled.map_err(|e| CliError::from(e).asked(&backend.target()))?;
        Ok((prepared, sampled))
    })
}

/// What `apply --dry-run` shows too.
pub(super) fn preview(request: &Request, prepared: &Prepared) -> Preview {
    let (definitions, target) = (&prepared.definitions, prepared.state.target());
    Preview::new(definitions, &prepared.plan, target, request.policy.max_builds)
}

fn show(globals: &Globals, args: &Plan, preview: &Preview) {
    let invocation = &globals.invocation;
    match globals.output {
        Output::Json => {
            let mut document = view::json_plan(preview);
            document["saved"] = serde_json::json!(args.save);
            view::json(&document);
        }
        Output::Human if args.markdown => {
            view::out_text(view::markdown_plan(preview, invocation).trim_end());
        }
        Output::Human => {
            view::out(&view::show_plan(preview, invocation));
            if args.pricing.explain {
                view::out_text(&format!("\n{EXPLAINED}"));
            }
            if let Some(file) = args.save.as_ref().filter(|_| !globals.quiet) {
                let apply = invocation.complete(&gsictl("apply", &[file]));
                view::out_line(format_args!("Saved to {}: `{apply}`", file.display()));
            }
        }
    }
}

/// A plan takes the place of another one, and of nothing else: a slip of the hand
/// would cost the definitions. No more is read than shows what it is.
fn check_place(path: &Path) -> Result<(), CliError> {
    let failed = |error: io::Error| unsaved(path, &error);
    let Some(there) = file::open(path, OpenOptions::new().read(true)).map_err(failed)? else {
        return Ok(());
    };
    let mut head = Vec::new();
    there.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(failed)?;
    if SavedPlan::begins_one(&head) {
        return Ok(());
    }
    let message = format!("{} exists and is not a saved plan", path.display());
    Err(CliError::new(Exit::Usage, message).hint("name another file with --save"))
}

/// The whole plan or none: what is applied later is what was looked at.
fn save(path: &Path, request: &Request, prepared: &Prepared) -> Result<(), CliError> {
    let filters = (&prepared.selection, request.retry_failed);
    let target = prepared.state.target();
    let plan = SavedPlan::new(
        &prepared.definitions,
        &request.script_name,
        filters,
        target,
        &prepared.plan,
        Clock::start().now(),
    );
    let tool = concat!("gsictl ", env!("CARGO_PKG_VERSION"));
    file::replace(path, plan.render(tool).as_bytes()).map_err(|error| unsaved(path, &error))
}

fn unsaved(file: &Path, error: &io::Error) -> CliError {
    CliError::new(Exit::Usage, format!("the plan cannot be saved to {}: {error}", file.display()))
        .hint("name a file that you may write with --save")
}
