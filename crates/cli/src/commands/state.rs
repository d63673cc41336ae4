//! `gsictl state`: housekeeping of the state file and its archives.

use gsictl_core::plan::Selection;
use gsictl_core::state::{State as StateFile, Summary};
use gsictl_driver::apply::Request;
use gsictl_driver::archives::put_away;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::locked;
use gsictl_driver::rebuild::rebuild;
use gsictl_driver::store::STATE_FILE;
use serde_json::json;

use crate::args::{Definitions, Globals, Output, State, StateCommand};
use crate::error::{CliError, Exit};
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
        Output::Json => view::out(&json!({ "archived": path }).to_string()),
        Output::Human => view::out(&format!("State file archived to {}", path.display())),
    }
    Ok(Exit::Done)
}

/// One line of `state list`: a file and what it says of itself.
struct Listed {
    name: String,
    about: Result<(String, Summary), String>,
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
        Output::Json => view::out(&document(&listed).to_string()),
        Output::Human => view::out(text(&listed).trim_end()),
    }
    Ok(Exit::Done)
}

fn about(state: &StateFile) -> (String, Summary) {
    (state.script_name().to_owned(), state.summary())
}

fn text(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "There is no state file and no archive.".to_owned();
    }
    let line = |listed: &Listed| match &listed.about {
        Ok((script, summary)) => format!(
            "{}  {script}: {} active, {} failed, {} pending, {} in progress\n",
            listed.name, summary.active, summary.failed, summary.pending, summary.in_progress
        ),
        Err(error) => format!("{}  damaged: {error}\n", listed.name),
    };
    listed.iter().map(line).collect()
}

fn document(listed: &[Listed]) -> serde_json::Value {
    let value = |listed: &Listed| match &listed.about {
        Ok((script, summary)) => {
            json!({ "file": listed.name, "script_name": script, "summary": summary })
        }
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
            view::out(&document.to_string());
        }
        Output::Human => {
            if let Some(old) = &rebuilt.set_aside {
                view::out(&format!("The old state file is now {}", old.display()));
            }
            view::show_status(&rebuilt.state.report(), None);
        }
    }
    Ok(Exit::Done)
}
