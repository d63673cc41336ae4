//! `gsictl check`: finds what would break with an index, before it is there.

use gsictl_core::check::{CheckReport, Options};
use gsictl_core::plan::Selection;
use gsictl_core::shell::with_options;
use gsictl_driver::check::{CheckError, Keeping, Request, check};
use gsictl_driver::clock::Clock;
use serde_json::json;

use super::apply::check_selection;
use super::write_report;
use crate::args::{Check, Globals, Output};
use crate::definitions::Loaded;
use crate::error::{CliError, Exit};
use crate::invocation::again;
use crate::{context, definitions, signals, view};

pub(crate) fn run(globals: &Globals, args: &Check) -> Result<Exit, CliError> {
    let loaded = definitions::load(&args.definitions)?;
    let selection = check_selection(&args.filters.selection(), &loaded.definitions)?;
    let mut report = context::block_on(ask(globals, args, &loaded, &selection))?;
    let exit = if report.is_good() { Exit::Done } else { Exit::Incomplete };
    let file = write_report(&globals.state_dir, &mut report, &globals.invocation);
    match globals.output {
        Output::Json => {
            let document =
                json!({ "check": report, "report_file": file, "exit_code": exit.code() });
            view::json(&document);
        }
        Output::Human => {
            view::out(&view::show_check(&report, file.as_deref()));
            if args.pricing.explain {
                view::out_text(&format!("\n{}", gsictl_core::check::EXPLAINED));
            }
        }
    }
    Ok(exit)
}

async fn ask(
    globals: &Globals,
    args: &Check,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<CheckReport, CliError> {
    let mut stop = signals::listen()?;
    let backend = context::backend(globals, &mut stop).await?;
    let clock = Clock::start();
    let options = Options {
        existing: args.existing,
        sample: args.sample,
        shown: args.show as usize,
        values: args.values,
        skew: args.skew / 100.0,
        prices: args.pricing.prices(),
        max_rcu: args.max_rcu,
        segments: args.segments,
        ..Options::default()
    };
    let request = Request {
        definitions: &loaded.definitions,
        script_name: &loaded.script_name,
        selection,
        options: &options,
        violations: args.violations.as_deref(),
        seen: None,
        seed: context::seed(clock),
    };
    let holder = context::holder(clock);
    let keeping = Keeping { directory: &globals.state_dir, holder: &holder, resume: args.resume };
    let mut view = view::for_check(globals);
    let mut observe = |progress: gsictl_driver::check::Progress<'_>| view.progress(&progress);
    let report = check(&request, Some(&keeping), &backend, clock, &mut stop, &mut observe).await;
    view.end();
    report.map_err(|error| resumable(error, args).asked(&backend.target()))
}

/// With the command that goes on.
fn resumable(error: CheckError, args: &Check) -> CliError {
    let kept = matches!(error, CheckError::Interrupted { kept: true, .. });
    let shown = CliError::from(error);
    if !kept {
        return shown;
    }
    let resume = if args.resume { "" } else { "--resume" };
    shown.hint(format!("go on with: {}", with_options(&again(), resume)))
}
