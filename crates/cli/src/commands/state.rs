//! `gsictl state`: housekeeping of the state file and its archives.

use gsictl_core::plan::Selection;
use gsictl_core::state::{State as StateFile, Summary, Target};
use gsictl_driver::apply::Request;
use gsictl_driver::archives::put_away;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::locked;
use gsictl_driver::rebuild::rebuild;
use gsictl_driver::store::STATE_FILE;
use serde_json::json;

use crate::args::{Definitions, Globals, Output, State, StateCommand};
use crate::error::{CliError, Exit};
use crate::view::Page;
use crate::{context, definitions, signals, view};

pub(crate) fn run(globals: &Globals, args: &State) -> Result<Exit, CliError> {
    match &args.command {
        StateCommand::Archive => archive(globals),
        StateCommand::List => list(globals),
        StateCommand::Rebuild(definitions) => run_rebuild(globals, definitions),
    }
}

fn archive(globals: &Globals) -> Result<Exit, CliError> {
    let clock = Clock::start();
    let store = context::store(&globals.state_dir);
    let mut store = locked(&store);
    store.lock(&context::holder(clock))?;
    let Some(bytes) = store.load()? else {
        return Err(CliError::new(Exit::Usage, "there is no state file to archive")
            .hint("`gsictl state list` shows what there is"));
    };
    let path = match StateFile::parse(&bytes) {
        Ok(mut state) => put_away(&mut *store, &mut state, clock.now())?,
        // It is put away as it is.
        Err(_) => store.archive(&StateFile::archive_name(clock.now()))?,
    };
    match globals.output {
        Output::Json => view::json(&json!({ "archived": path })),
        Output::Human => view::out_line(format_args!("State file archived to {}", path.display())),
    }
    Ok(Exit::Done)
}

/// One line of `state list`: a file and what it says of itself.
struct Listed {
    name: String,
    about: Result<About, String>,
}

/// What it says.
struct About {
    script: String,
    summary: Summary,
    /// Where its tables are, if it says so.
    place: Option<Target>,
}

fn list(globals: &Globals) -> Result<Exit, CliError> {
    let store = context::store(&globals.state_dir);
    let mut store = locked(&store);
    let read = |bytes: Vec<u8>| match StateFile::parse(&bytes) {
        Ok(state) => Ok(about(&state)),
        Err(error) => Err(error.to_string()),
    };
    let mut listed = Vec::new();
    let current = store.load().map_err(|error| error.to_string());
    if let Some(current) = current.transpose() {
        listed.push(Listed { name: STATE_FILE.to_owned(), about: current.and_then(read) });
    }
    for name in store.archives()?.into_iter().rev() {
        let bytes = store.load_archive(&name).map_err(|error| error.to_string());
        listed.push(Listed { about: bytes.and_then(read), name });
    }
    match globals.output {
        Output::Json => view::json(&document(&listed)),
        Output::Human => view::out(&page(&listed)),
    }
    Ok(Exit::Done)
}

fn about(state: &StateFile) -> About {
    let place = Some(state.target()).filter(|target| **target != Target::default()).cloned();
    About { script: state.script_name().to_owned(), summary: state.summary(), place }
}

/// Where a state belongs, behind what else its line says.
fn placed(place: Option<&Target>) -> String {
    place.map(|place| format!("; {place}")).unwrap_or_default()
}

fn page(listed: &[Listed]) -> Page {
    if listed.is_empty() {
        return Page::of("There is no state file and no archive.");
    }
    let mut page = Page::default();
    for Listed { name, about } in listed {
        match about {
            Ok(About { script, summary, place }) => page.line(format_args!(
                "{name}  {script}: {} active, {} failed, {} pending, {} in progress{}",
                summary.active,
                summary.failed,
                summary.pending,
                summary.in_progress,
                placed(place.as_ref())
            )),
            Err(error) => page.line(format_args!("{name}  damaged: {error}")),
        }
    }
    page
}

fn document(listed: &[Listed]) -> serde_json::Value {
    let value = |listed: &Listed| match &listed.about {
        Ok(About { script, summary, place }) => json!({
            "file": listed.name, "script_name": script, "summary": summary, "target": place,
        }),
        Err(error) => json!({ "file": listed.name, "damaged": error }),
    };
    json!({ "files": listed.iter().map(value).collect::<Vec<_>>() })
}

fn run_rebuild(globals: &Globals, args: &Definitions) -> Result<Exit, CliError> {
    let loaded = definitions::load(args)?;
    let clock = Clock::start();
    let request = Request {
        definitions: loaded.definitions,
        script_name: loaded.script_name,
        selection: Selection::default(),
        retry_failed: false,
        resume: false,
        check: None,
        validate: None,
        policy: context::policy(globals),
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "state rebuild".to_owned(),
        saved_plan: None,
        plan_only: false,
    };
    let rebuilt = context::block_on(async {
        let mut stop = signals::listen()?;
        let backend = context::backend(globals, &mut stop).await?;
        let store = context::store(&globals.state_dir);
        let rebuilt = rebuild(&request, &backend, &store, clock, &mut stop).await;
        rebuilt.map_err(|error| CliError::from(error).asked(&backend.target()))
    })?;
    match globals.output {
        Output::Json => {
            let mut document = view::json_status(&rebuilt.state, None);
            document["set_aside"] = json!(rebuilt.set_aside);
            view::json(&document);
        }
        Output::Human => {
            if let Some(old) = &rebuilt.set_aside {
                view::out_line(format_args!("The old state file is now {}", old.display()));
            }
            view::show_status(&rebuilt.state.report(), None);
        }
    }
    Ok(Exit::Done)
}
