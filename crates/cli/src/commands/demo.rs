//! `gsictl demo`: six indexes on five airline tables, with no account and no server.

use std::path::{Path, PathBuf};

use gsictl_core::definition::{Format, Source, parse};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_driver::apply::Request;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::{SharedStore, StopSignal, locked};
use gsictl_driver::{demo, reports, store};

use super::apply::Run;
use crate::args::{Demo, Globals, Output};
use crate::error::{CliError, Exit};
use crate::{context, signals, view};

const DIRECTORY: &str = "gsictl-demo";
const DEFINITIONS: &str = "airline.yaml";
const AIRLINE: &str = include_str!("../../../../examples/airline.yaml");

pub(crate) fn run(globals: &Globals, args: &Demo) -> Result<Exit, CliError> {
    let dir = PathBuf::from(DIRECTORY);
    let clock = Clock::start();
    let request = request(clock)?;
    context::block_on(async {
        let mut stop = signals::listen()?;
        let store = prepare(globals, args, &dir, clock, &mut stop).await?;
        let backend = context::local(&dir.join(context::LOCAL_FILE), globals.local_build_seconds)?;
        let again = "gsictl demo";
        Run { globals, request: &request, dir: &dir, again }
            .apply(&backend, &store, &mut stop)
            .await
    })
}

/// Makes the directory, the definitions and the tables, those that are missing.
/// A demo that runs holds the lock, and keeps its files.
async fn prepare(
    globals: &Globals,
    args: &Demo,
    dir: &Path,
    clock: Clock,
    stop: &mut StopSignal,
) -> Result<SharedStore, CliError> {
    let say = |text: String| {
        if globals.output == Output::Human && !globals.quiet {
            view::err(&text);
        }
    };
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Unexpected, format!("cannot use ./{DIRECTORY}: {error}"))
            .hint("run the demo in a directory that you may write to")
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let shared = context::store(dir);
    locked(&shared).lock(&context::holder(clock))?;
    say(format!(
        "Everything is kept in ./{DIRECTORY}; stop it whenever you like and start it again.\n"
    ));
    if args.fresh {
        remove_leftovers(dir).map_err(failed)?;
    }
    std::fs::write(dir.join(DEFINITIONS), AIRLINE).map_err(failed)?;
    let database = dir.join(context::LOCAL_FILE);
    let made = tokio::select! {
        made = demo::seed(&database, args.items) => made.map_err(|error| {
            CliError::new(Exit::Unexpected, format!("cannot make the tables: {error}"))
        })?,
        () = stop.asked() => return Err(CliError::interrupted()),
    };
    if made > 0 {
        say(format!("Made {made} tables with {} items each.\n", args.items));
    }
    locked(&shared).unlock();
    Ok(shared)
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
        validate: None,
        policy: Policy { visibility: std::time::Duration::ZERO, ..Policy::default() },
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "demo".to_owned(),
    })
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
