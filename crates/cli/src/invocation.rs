//! How this program was called, for commands that people paste.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gsictl_core::plan::preview::Preview;
use gsictl_core::report::Document;
use gsictl_core::shell::{in_commands, quoted, with_options};

use crate::args::{Command, Globals, StateCommand};
use crate::context::{place_of, told_args};

/// What other commands need to find the same tables, state and definitions: the options
/// that were given, in words that are quoted for a shell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    profile: Option<String>,
    /// `--region` and `--endpoint-url`, which the aws command line has too.
    place: Vec<String>,
    /// `--region-endpoint` and `--skip-region`, which only this program has.
    regions: Vec<String>,
    local: Option<String>,
    state_dir: Option<String>,
    /// What stands for `DEFS`, with `--format` where it was given.
    definitions: Option<String>,
}

impl Invocation {
    pub(crate) fn new(globals: &Globals, command: &Command) -> Self {
        let mut place = Vec::new();
        if let Some(region) = &globals.region {
            place.push(format!("--region {}", quoted(region)));
        }
        if let Some(endpoint) = &globals.endpoint_url {
            place.push(format!("--endpoint-url {}", quoted(place_of(endpoint))));
        }
        let mut regions: Vec<_> = globals
            .region_endpoint
            .iter()
            .map(|(region, url)| {
                format!("--region-endpoint {}", quoted(format!("{region}={}", place_of(url))))
            })
            .collect();
        regions.extend(globals.skip_region.iter().map(|r| format!("--skip-region {}", quoted(r))));
        let local = globals.local.as_ref().map(|file| match file {
            Some(file) => {
                let mut word = OsString::from("--local=");
                word.push(file);
                quoted(word)
            }
            None => "--local".to_owned(),
        });
        let state_dir =
            (globals.state_dir != Path::new(".")).then(|| state_dir(&globals.state_dir));
        Self {
            profile: globals.profile.as_ref().map(|name| format!("--profile {}", quoted(name))),
            place,
            regions,
            local,
            state_dir,
            definitions: definitions(command),
        }
    }

    /// That of commands on the embedded engine's own file in a directory.
    pub(crate) fn in_directory(directory: &Path, definitions: &Path) -> Self {
        Self {
            local: Some("--local".to_owned()),
            state_dir: Some(state_dir(directory)),
            definitions: Some(quoted(definitions)),
            ..Self::default()
        }
    }

    /// Where the file that was given is a saved plan, it does not stand for definitions.
    pub(crate) fn about(&self, saved_plan: bool) -> Self {
        let definitions = self.definitions.clone().filter(|_| !saved_plan);
        Self { definitions, ..self.clone() }
    }

    /// A command with the options that it needs of these, and the definitions.
    pub(crate) fn complete(&self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let options = match (words.next(), words.next()) {
            // It names the profile that it is about.
            (Some("aws"), _) if command.contains(" --profile ") => Vec::new(),
            (Some("aws"), Some("dynamodb")) => self.of([&self.profile, &None], true),
            (Some("aws"), _) => self.of([&self.profile, &None], false),
            (_, Some("demo" | "schema" | "completions" | "man")) => Vec::new(),
            (_, Some("report" | "status")) => self.of([&self.state_dir, &None], false),
            (_, Some("state")) if words.next() != Some("rebuild") => {
                self.of([&self.state_dir, &None], false)
            }
            _ => self.everything(),
        };
        let whole = with_options(command, &options.join(" "));
        match &self.definitions {
            Some(definitions) => whole.replacen(" DEFS", &format!(" {definitions}"), 1),
            None => whole,
        }
    }

    fn of(&self, options: [&Option<String>; 2], place: bool) -> Vec<String> {
        let place = if place { self.place.as_slice() } else { &[] };
        options.into_iter().flatten().chain(place).cloned().collect()
    }

    fn everything(&self) -> Vec<String> {
        let mut options = self.of([&self.profile, &self.local], true);
        options.extend(self.regions.iter().cloned());
        options.extend(self.state_dir.clone());
        options
    }

    /// An advice with commands that are whole.
    pub(crate) fn completed(&self, advice: &str) -> String {
        in_commands(advice, |command| self.complete(command))
    }

    /// The same for all that a plan advises.
    pub(crate) fn complete_plan(&self, preview: &mut Preview) {
        for advice in preview.advice() {
            *advice = self.completed(advice);
        }
    }

    /// The same for a report that is not finished.
    pub(crate) fn completed_report<R: Document + Clone>(&self, report: &R) -> R {
        let mut report = report.clone();
        self.complete_all(&mut report);
        report
    }

    /// The same for all that a report advises.
    pub(crate) fn complete_all(&self, report: &mut dyn Document) {
        for advice in report.advice() {
            *advice = self.completed(advice);
        }
    }
}

fn state_dir(directory: &Path) -> String {
    format!("--state-dir {}", quoted(directory))
}

/// Standard input cannot be named again.
fn definitions(command: &Command) -> Option<String> {
    let waited;
    let given = match command {
        Command::Plan(plan) => &plan.definitions,
        Command::Apply(apply) => &apply.definitions,
        Command::Validate(validate) => &validate.definitions,
        Command::Check(check) => &check.definitions,
        Command::Wait(wait) => {
            waited = wait.definitions()?;
            &waited
        }
        Command::State(state) => match &state.command {
            StateCommand::Rebuild(definitions) => definitions,
            StateCommand::Archive | StateCommand::List => return None,
        },
        _ => return None,
    };
    if given.files.iter().any(|file| file == Path::new("-")) {
        return None;
    }
    let mut words: Vec<_> = given.files.iter().map(quoted_file).collect();
    words.extend(given.format.map(|format| format!("--format {format}")));
    Some(words.join(" "))
}

/// A name that begins like an option is a file all the same.
fn quoted_file(file: &PathBuf) -> String {
    if file.as_os_str().as_encoded_bytes().starts_with(b"-") {
        return quoted(Path::new(".").join(file));
    }
    quoted(file)
}

/// The command line as it was given, to be given again; but for what an endpoint has
/// beside scheme, host and port.
pub(crate) fn again() -> String {
    again_with(told_args())
}

fn again_with(words: Vec<OsString>) -> String {
    let words = words.into_iter().map(quoted);
    std::iter::once("gsictl".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Args;
    use crate::context::told;

    fn invocation(words: &[&str]) -> Invocation {
        let args = Args::try_parse_from([&["gsictl"], words].concat()).unwrap();
        Invocation::new(&args.globals, &args.command)
    }

    #[test]
    fn a_command_that_is_advised_has_the_options_that_it_needs() {
        let plain = invocation(&["apply", "airline.yaml"]);
        assert_eq!(plain.complete("gsictl wait orders by-day"), "gsictl wait orders by-day");
        assert_eq!(plain.complete("gsictl apply DEFS"), "gsictl apply airline.yaml");
        let given = [
            "--profile",
            "my prod",
            "--region",
            "eu-west-1",
            "--state-dir",
            "it's here",
            "--endpoint-url",
            "http://me:secret@[::1]:8000",
            "apply",
            "$(x).yaml",
            "b.yaml",
            "--format",
            "yaml",
        ];
        let table = [
            (
                "gsictl wait -- -orders by-day",
                "gsictl wait --profile 'my prod' --region eu-west-1 --endpoint-url 'http://[::1]:8000' --state-dir 'it'\\''s here' -- -orders by-day",
            ),
            (
                "gsictl state rebuild DEFS",
                "gsictl state rebuild '$(x).yaml' b.yaml --format yaml --profile 'my prod' --region eu-west-1 --endpoint-url 'http://[::1]:8000' --state-dir 'it'\\''s here'",
            ),
            ("gsictl state list", "gsictl state list --state-dir 'it'\\''s here'"),
            ("gsictl report list", "gsictl report list --state-dir 'it'\\''s here'"),
            (
                "aws dynamodb describe-table --table-name orders",
                "aws dynamodb describe-table --table-name orders --profile 'my prod' --region eu-west-1 --endpoint-url 'http://[::1]:8000'",
            ),
            ("aws sso login", "aws sso login --profile 'my prod'"),
            ("gsictl demo --fresh", "gsictl demo --fresh"),
        ];
        for (command, whole) in table {
            assert_eq!(invocation(&given).complete(command), whole);
        }
    }

    #[test]
    fn a_command_that_is_advised_asks_the_same_regions() {
        let given = [
            "apply",
            "a.yaml",
            "--region-endpoint",
            "us-east-1=http://me:secret@localhost:8000/x",
            "--skip-region",
            "ap-south-1",
        ];
        let wait = invocation(&given).complete("gsictl wait orders");
        let regions =
            "--region-endpoint 'us-east-1=http://localhost:8000' --skip-region ap-south-1";
        assert_eq!(wait, format!("gsictl wait orders {regions}"));
        // The aws command line has no such options.
        let describe = "aws dynamodb describe-table --table-name orders";
        assert_eq!(invocation(&given).complete(describe), describe);
    }

    #[test]
    fn the_embedded_engine_is_named_by_its_file() {
        let named = invocation(&["--local=my db", "apply", "-"]);
        assert_eq!(named.complete("gsictl wait orders"), "gsictl wait orders '--local=my db'");
        assert_eq!(named.complete("gsictl apply DEFS"), "gsictl apply DEFS '--local=my db'");
        let by_directory = invocation(&["--local", "--state-dir", "a b", "wait", "orders"]);
        let wait = by_directory.complete("gsictl wait orders");
        assert_eq!(wait, "gsictl wait orders --local --state-dir 'a b'");
    }

    #[test]
    fn the_command_line_comes_back_without_passwords() {
        let again = |words: &[&str]| again_with(told(words.iter().map(OsString::from)));
        assert_eq!(again(&["apply", "me@work.yaml"]), "gsictl apply me@work.yaml");
        assert_eq!(again(&["apply", "my $(defs).yaml"]), "gsictl apply 'my $(defs).yaml'");
        let url = "http://me:secret@localhost:8000";
        assert_eq!(again(&["--endpoint-url", url]), "gsictl --endpoint-url http://localhost:8000");
        assert_eq!(
            again(&[&format!("--endpoint-url={url}"), "status"]),
            "gsictl --endpoint-url=http://localhost:8000 status"
        );
    }
}
