//! `gsictl report`: what earlier commands did.

use std::path::PathBuf;

use gsictl_core::json::compact;
use gsictl_core::report::{Glance, NoReport};
use gsictl_driver::reports::{self, Listed};
use serde_json::{Value, json};

use crate::args::{Globals, Output, Report, ReportCommand};
use crate::error::{CliError, Exit};
use crate::view::{self, Page};

pub(crate) fn run(globals: &Globals, args: &Report) -> Result<Exit, CliError> {
    match &args.command {
        ReportCommand::List => list(globals),
        ReportCommand::Show { file } => show(globals, file.as_deref()),
    }
}

fn listed(globals: &Globals) -> Result<Vec<Listed>, CliError> {
    reports::list(&globals.state_dir).map_err(|error| {
        let directory = globals.state_dir.join(reports::DIRECTORY);
        CliError::new(Exit::Unexpected, format!("cannot read {}: {error}", directory.display()))
            .hint("make it readable, or name another --state-dir")
    })
}

fn list(globals: &Globals) -> Result<Exit, CliError> {
    let listed = listed(globals)?;
    match globals.output {
        Output::Json => {
            let reports: Vec<_> = listed.iter().map(value).collect();
            view::json(&json!({ "reports": reports }));
        }
        Output::Human if listed.is_empty() => view::out_line("There is no report."),
        Output::Human => {
            let mut page = Page::default();
            listed.iter().for_each(|listed| page.line(line(listed)));
            view::out(&page);
        }
    }
    Ok(Exit::Done)
}

fn line(listed: &Listed) -> String {
    let name = &listed.name;
    match &listed.about {
        Ok(Glance { kind, result, ended_at, .. }) => {
            let ended_at = ended_at.whole_seconds();
            format!("{kind:<8}  {ended_at}  {result:<10}  {name}")
        }
        Err(why) => format!("{name}: {why}"),
    }
}

fn value(listed: &Listed) -> Value {
    match &listed.about {
        Ok(Glance { kind, command, result, ended_at }) => json!({
            "file": listed.name, "kind": kind, "command": command, "result": result,
            "ended_at": ended_at,
        }),
        Err(why) => json!({ "file": listed.name, "error": why.to_string() }),
    }
}

fn show(globals: &Globals, file: Option<&str>) -> Result<Exit, CliError> {
    let path = match file {
        Some(name) => reports::find(&globals.state_dir, name).ok_or_else(|| {
            CliError::new(Exit::Usage, format!("there is no report {name}"))
                .hint("`gsictl report list` names those there are, in this --state-dir")
        })?,
        None => newest(globals)?,
    };
    let document = reports::load(&path).and_then(|document| match Glance::read(&document) {
        // Read it can be, if not understood.
        Ok(_) | Err(NoReport::Newer(_)) => Ok(document),
        Err(why) => Err(why),
    });
    let document = document.map_err(|why| {
        CliError::new(Exit::Usage, format!("{}: {why}", path.display()))
            .hint("`gsictl report list` names the reports there are")
    })?;
    let document = String::from_utf8_lossy(&document);
    match globals.output {
        // It is a JSON document already, and stays exact.
        Output::Json => view::json_text(&compact(&document)),
        Output::Human => view::out_text(for_people(&path, &document).trim_end()),
    }
    Ok(Exit::Done)
}

/// The newest that can be read.
fn newest(globals: &Globals) -> Result<PathBuf, CliError> {
    let directory = globals.state_dir.join(reports::DIRECTORY);
    let newest = listed(globals)?.into_iter().find(|listed| listed.about.is_ok());
    let newest = newest.map(|listed| directory.join(listed.name));
    newest.ok_or_else(|| {
        CliError::new(Exit::Usage, format!("there is no report in {}", directory.display()))
            .hint("`apply` leaves one where it changes something; --state-dir says where")
    })
}

/// The Markdown; where somebody removed it, the document.
fn for_people(path: &std::path::Path, document: &str) -> String {
    reports::markdown(path).unwrap_or_else(|| {
        view::err_line("note: its Markdown is gone; this is the JSON");
        document.to_owned()
    })
}
