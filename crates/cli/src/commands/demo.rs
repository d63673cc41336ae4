//! `gsictl demo`: six indexes on five airline tables, with no account and no server.

use std::path::{Path, PathBuf};

use gsictl_core::definition::{Format, Source, parse};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_driver::apply::Request;
use gsictl_driver::clock::Clock;
use gsictl_driver::{demo, reports, store};

use super::apply::Run;
use crate::args::{Demo, Globals, Output};
use crate::error::{CliError, Exit};
use crate::{context, view};

const DIRECTORY: &str = "gsictl-demo";
const DEFINITIONS: &str = "airline.yaml";
const AIRLINE: &str = include_str!("../../../../examples/airline.yaml");

pub(crate) fn run(globals: &Globals, args: &Demo) -> Result<Exit, CliError> {
    let dir = PathBuf::from(DIRECTORY);
    let clock = Clock::start();
    prepare_directory(&dir, args.fresh, clock)?;
    let request = request(clock)?;
    if globals.output == Output::Human && !globals.quiet {
        view::err(&format!(
            "Everything is kept in ./{DIRECTORY}; stop it whenever you like and start it again.\n"
        ));
    }
    context::runtime()?.block_on(async {
        let database = dir.join(context::LOCAL_FILE);
        let backend = context::local(&database, globals.local_build_seconds)?;
        let made = demo::seed(&backend, args.items).await.map_err(|error| {
            CliError::new(Exit::Unexpected, format!("cannot make the tables: {error}"))
        })?;
        if !made.is_empty() && globals.output == Output::Human && !globals.quiet {
            view::err(&format!("Made {} tables with {} items each.\n", made.len(), args.items));
        }
        let store = context::store(&dir);
        let again = "gsictl demo";
        Run { globals, request: &request, dir: &dir, again }.apply(&backend, &store).await
    })
}

fn request(clock: Clock) -> Result<Request, CliError> {
    let text = AIRLINE.as_bytes();
    let source = Source { file: DEFINITIONS, format: Format::Yaml, text };
    Ok(Request {
        definitions: parse(&[source])?,
        script_name: DEFINITIONS.to_owned(),
        selection: Selection::default(),
        retry_failed: false,
        resume: false,
        policy: Policy { visibility: std::time::Duration::ZERO, ..Policy::default() },
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "demo".to_owned(),
    })
}

fn prepare_directory(dir: &Path, fresh: bool, clock: Clock) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Unexpected, format!("cannot use ./{DIRECTORY}: {error}"))
            .hint("run the demo in a directory that you may write to")
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    if fresh {
        // A demo that runs holds the lock, and keeps its files.
        let store = context::store(dir);
        let mut store = store.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        store.lock(&context::holder(clock))?;
        remove_leftovers(dir).map_err(failed)?;
    }
    std::fs::write(dir.join(DEFINITIONS), AIRLINE).map_err(failed)
}

/// Removes what an earlier demo made, and nothing else.
fn remove_leftovers(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let state = name.starts_with(".gsi_creation_state") && name != store::LOCK_FILE;
        if name.starts_with(context::LOCAL_FILE) || state {
            std::fs::remove_file(entry.path())?;
        } else if name == reports::DIRECTORY {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
