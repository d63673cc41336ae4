//! `gsictl demo`: six indexes on five airline tables, with no account and no server.

use std::path::{Path, PathBuf};

use gsictl_core::definition::{Format, Source, parse};
use gsictl_core::plan::Selection;
use gsictl_core::polling::Polling;
use gsictl_core::retry::Policy;
use gsictl_driver::apply::Request;
use gsictl_driver::clock::Clock;
use gsictl_driver::demo::Tables;
use gsictl_driver::drive::{SharedStore, StopSignal, locked};
use gsictl_driver::{demo, file};
use serde_json::json;

use super::apply::Run;
use crate::args::{Demo, Globals, Output};
use crate::error::{CliError, Exit};
use crate::invocation::Invocation;
use crate::view::Page;
use crate::{context, signals, view};

const DIRECTORY: &str = "gsictl-demo";
const DEFINITIONS: &str = "airline.yaml";
const AIRLINE: &str = include_str!("../../../../examples/airline.yaml");
/// What can be tried on the tables beside it.
const OTHERS: [(&str, &str); 2] = [
    ("priority2.yaml", include_str!("../../../../examples/priority2.yaml")),
    ("priority3.yaml", include_str!("../../../../examples/priority3.yaml")),
];

pub(crate) fn run(globals: &Globals, args: &Demo) -> Result<Exit, CliError> {
    let dir = PathBuf::from(DIRECTORY);
    let clock = Clock::start();
    let request = request(clock)?;
    context::block_on(async {
        let mut stop = signals::listen()?;
        let store = prepare(globals, args, &dir, clock, &mut stop).await?;
        if args.tables_only {
            return show_tables(globals, &dir).await;
        }
        let backend = context::local(&dir.join(context::LOCAL_FILE), globals.local_build_seconds)?;
        let again = "gsictl demo";
        let invocation = &Invocation::in_directory(&dir, &dir.join(DEFINITIONS));
        Run { globals, request: &request, dir: &dir, again, invocation }
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
            let mut page = Page::of(text);
            page.blank();
            view::err(&page);
        }
    };
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Unexpected, format!("cannot use ./{DIRECTORY}: {error}"))
            .hint("run the demo in a directory that you may write to")
    };
    file::make_directory(dir).map_err(failed)?;
    let shared = context::store(dir);
    locked(&shared).lock(&context::holder(clock))?;
    if !args.tables_only {
        say(format!(
            "Everything is kept in ./{DIRECTORY}; stop it whenever you like and start it again."
        ));
    }
    if args.fresh {
        let texts = [&[(DEFINITIONS, AIRLINE)][..], &OTHERS].concat();
        let left = demo::remove_leftovers(dir, context::LOCAL_FILE, &texts).map_err(failed)?;
        if !left.is_empty() {
            say(format!("Left in ./{DIRECTORY}, for no demo made it: {}\n", left.join(", ")));
        }
    }
    let more = OTHERS.iter().filter(|_| args.tables_only);
    for (name, text) in more.chain([&(DEFINITIONS, AIRLINE)]) {
        write_definitions(dir, name, text).map_err(failed)?;
    }
    let database = dir.join(context::LOCAL_FILE);
    let tables = if args.tables_only { Tables::All } else { Tables::Demo };
    let made = tokio::select! {
        made = demo::seed(&database, args.items, tables) => made?,
        () = stop.asked() => return Err(CliError::interrupted()),
    };
    if made > 0 {
        say(format!("Made {made} tables with {} items each.", args.items));
    }
    locked(&shared).unlock();
    Ok(shared)
}

/// Says where the tables are, and what to do with them.
async fn show_tables(globals: &Globals, dir: &Path) -> Result<Exit, CliError> {
    let database = dir.join(context::LOCAL_FILE);
    let missing = demo::missing(&database, Tables::All).await?;
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
        let message = format!("an earlier demo made ./{DIRECTORY} without {}", names.join(", "));
        return Err(CliError::new(Exit::Usage, message)
            .hint("`gsictl demo --tables-only --fresh` removes it and begins anew"));
    }
    match globals.output {
        Output::Json => {
            let files = OTHERS.iter().map(|(name, _)| *name);
            let files: Vec<_> =
                [DEFINITIONS].into_iter().chain(files).map(|f| dir.join(f)).collect();
            let document = json!({ "event": "finished", "exit_code": 0, "database": database, "definitions": files });
            view::json(&document);
        }
        Output::Human => view::out_text(&format!(
            "The tables and the definitions are in ./{DIRECTORY}.\n\
             Next: gsictl plan {DIRECTORY}/{DEFINITIONS} --local --state-dir {DIRECTORY}"
        )),
    }
    Ok(Exit::Done)
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
        check: None,
        validate: None,
        policy: Policy {
            visibility: std::time::Duration::ZERO,
            polling: Polling::emulator(),
            ..Policy::default()
        },
        seed: context::seed(clock),
        holder: context::holder(clock),
        command: "demo".to_owned(),
        saved_plan: None,
        plan_only: false,
    })
}

/// A file that the user changed stays as it is: the demo does not read it.
fn write_definitions(dir: &Path, name: &str, text: &str) -> std::io::Result<()> {
    match file::write_new(&dir.join(name), text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        written => written,
    }
}
