//! `gsictl validate`: asks each index whether it does its work.

use gsictl_core::plan::Selection;
use gsictl_core::probe::{Sample, ValidationReport};
use gsictl_core::state::{Looked, State};
use gsictl_driver::apply::{Progress, load};
use gsictl_driver::clock::Clock;
use gsictl_driver::validate::{Request, validate};
use serde_json::json;

use super::apply::check_selection;
use super::write_report;
use crate::args::{Globals, Output, Validate};
use crate::definitions::Loaded;
use crate::error::{CliError, Exit};
use crate::{context, definitions, signals, view};

/// Items of each index that are looked up where no number is given: a page of the
/// table, and a few queries.
const SAMPLE: u32 = 10;

/// So many items as were asked for, which then have to be had; or some, if they can.
pub(super) fn sample(asked: Option<u32>) -> Sample {
    Sample { items: asked.unwrap_or(SAMPLE), required: asked.is_some() }
}

pub(crate) fn run(globals: &Globals, args: &Validate) -> Result<Exit, CliError> {
    let loaded = definitions::load(&args.definitions)?;
    let selection = args.filters.selection();
    let selection = check_selection(&selection, &loaded.definitions)?;
    let mut report = context::block_on(ask(globals, args, &loaded, &selection))?;
    let exit = if report.is_good() { Exit::Done } else { Exit::Incomplete };
    let file = write_report(&globals.state_dir, &mut report, &globals.invocation);
    match globals.output {
        Output::Json => {
            let document = json!({
                "validation": report, "report_file": file, "exit_code": exit.code(),
            });
            view::json(&document);
        }
        Output::Human => view::out(&view::show_validation(&report, file.as_deref())),
    }
    Ok(exit)
}

async fn ask(
    globals: &Globals,
    args: &Validate,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<ValidationReport, CliError> {
    let mut stop = signals::listen()?;
    let backend = context::backend(globals, &mut stop).await?;
    let clock = Clock::start();
    // What cannot be read is told where it is asked what is on its way.
    let state = load(&context::store(&globals.state_dir)).ok().flatten();
    let here = |state: &State| state.check_belongs(&backend.target(), Looked::NotYet).is_ok();
    let state = state.filter(here);
    let request = Request {
        definitions: &loaded.definitions,
        script_name: &loaded.script_name,
        selection,
        state: state.as_ref(),
        sample: sample(args.sample),
        seed: context::seed(clock),
        metrics: args.metrics,
        on_the_way: &super::wait::on_the_way(globals, &backend.target()),
    };
    // The result is one document, so what happens on the way is for people alone.
    let mut view = (globals.output == Output::Human).then(|| view::for_run(globals));
    let mut told = |at, event| {
        if let Some(view) = &mut view {
            view.progress(Progress::Happened(at, event));
        }
    };
    let report = validate(&request, &backend, clock, &mut stop, &mut told).await;
    if let Some(mut view) = view {
        view.end();
    }
    report.map_err(|error| CliError::from(error).asked(&backend.target()))
}
