//! The README and the pages in docs/ are true: their commands run, and what they
//! show is what comes out.
//!
//! - A ```` ```console ```` block holds commands (`$ ...`) and their whole output,
//!   where `...` stands for anything, on a line of its own for any lines. The exit
//!   code is 0, or what `# exits N` behind the command says. A command without
//!   output lines may print anything.
//! - `<!-- unseen` ... `-->` is the same, hidden: what a section needs beforehand.
//! - The text of a block tagged `file=NAME` lies in every section's directory.
//! - A section (from one heading to the next) has a directory of its own, in which
//!   `examples` leads to the project's.
//! - On a page with the line `<!-- together -->` all sections share one directory.
//! - In ```` ```sh ```` blocks, which are about AWS, only the command lines are checked.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on may panic, and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gsictl_core::call::ErrorKind;
use gsictl_core::retry::Rule;
use tempfile::TempDir;

/// A command with what the page says of it.
#[derive(Debug, Default, PartialEq)]
struct Step {
    command: String,
    exits: i32,
    output: Vec<String>,
}

#[derive(Debug, Default)]
struct Page {
    /// Name and text.
    files: Vec<(String, String)>,
    /// Heading and steps.
    sections: Vec<(String, Vec<Step>)>,
    /// Its sections go on from one another.
    together: bool,
    /// Command lines that are not run.
    lines: Vec<String>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        page.sections.push(("the top".to_owned(), Vec::new()));
        let mut fence: Option<&str> = None;
        for line in text.lines() {
            match fence {
                None if line.starts_with('#') => {
                    page.sections.push((line.trim_start_matches(['#', ' ']).to_owned(), vec![]));
                }
                None if line == "<!-- together -->" => page.together = true,
                None if line == "<!-- unseen" => fence = Some("console"),
                None if line.starts_with("```") => {
                    let tag = line.trim_start_matches('`');
                    if let Some((_, name)) = tag.split_once("file=") {
                        page.files.push((name.to_owned(), String::new()));
                    }
                    fence = Some(tag);
                }
                None => {}
                Some(_) if line == "```" || line == "-->" => fence = None,
                Some(tag) => page.line_in(tag, line),
            }
        }
        assert!(fence.is_none(), "a block has no end: {fence:?}");
        page
    }

    fn line_in(&mut self, tag: &str, line: &str) {
        if tag.contains("file=") {
            let (_, text) = self.files.last_mut().expect("its block has begun");
            text.push_str(&format!("{line}\n"));
        } else if tag == "sh" {
            self.lines.push(line.to_owned());
        } else if tag == "console" {
            let (_, steps) = self.sections.last_mut().expect("there is a first one");
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step::new(command)),
                None => {
                    let step = steps.last_mut().expect("output follows a command");
                    step.output.push(line.to_owned());
                }
            }
        }
    }
}

impl Step {
    fn new(line: &str) -> Self {
        let (command, exits) = match line.split_once("# exits ") {
            Some((command, code)) => (command, code.trim().parse().expect("an exit code")),
            None => (line, 0),
        };
        Self { command: command.trim().to_owned(), exits, output: Vec::new() }
    }

    fn run(&self, dir: &Path) -> Result<(), String> {
        let output = shell(&self.command, dir).output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let got: Vec<_> = printed.trim().lines().map(str::trim_end).collect();
        let want: Vec<_> = self.output.iter().map(|line| line.trim_end()).collect();
        let want = &want[..want.iter().rposition(|line| !line.is_empty()).map_or(0, |n| n + 1)];
        let as_said = want.is_empty() || lines_match(want, &got);
        if as_said && output.status.code() == Some(self.exits) {
            return Ok(());
        }
        let (command, ended, wanted) = (&self.command, output.status, want.join("\n"));
        Err(format!("$ {command}\n--- prints ({ended}):\n{printed}\n--- and should:\n{wanted}\n"))
    }
}

/// A command line in a world of its own, with both outputs as one.
fn shell(command: &str, dir: &Path) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_gsictl"));
    let path = format!("{}:{}", built.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(dir).stdin(Stdio::null());
    shell.env_clear().env("PATH", path).env("HOME", dir).env("LANG", "C.UTF-8");
    shell
}

fn lines_match(want: &[&str], got: &[&str]) -> bool {
    match want.split_first() {
        None => got.is_empty(),
        Some((&"...", rest)) => (0..=got.len()).any(|n| lines_match(rest, &got[n..])),
        Some((line, rest)) => {
            got.first().is_some_and(|first| line_matches(line, first))
                && lines_match(rest, &got[1..])
        }
    }
}

fn line_matches(want: &str, got: &str) -> bool {
    match want.split_once("...") {
        None => want == got,
        Some((start, rest)) => got.strip_prefix(start).is_some_and(|got| {
            got.char_indices().any(|(n, _)| line_matches(rest, &got[n..])) || rest.is_empty()
        }),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn directory(page: &Page) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("examples"), dir.path().join("examples")).unwrap();
    for (name, text) in &page.files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn runs(name: &str) {
    let page = Page::parse(&read(name));
    let mut wrong = Vec::new();
    let mut dir = directory(&page);
    for (heading, steps) in page.sections.iter().filter(|(_, steps)| !steps.is_empty()) {
        if !page.together {
            dir = directory(&page);
        }
        for step in steps {
            if step.command.starts_with("cargo ") {
                println!("skipped: {}", step.command);
            } else if let Err(error) = step.run(dir.path()) {
                wrong.push(format!("in {name}, {heading}:\n{error}"));
                break;
            }
        }
        // What follows stands on what went wrong.
        if page.together && !wrong.is_empty() {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_shows_what_happens() {
    runs("README.md");
}

#[test]
fn the_page_on_the_state_file_shows_what_happens() {
    runs("docs/state-file.md");
}

#[test]
fn the_page_on_credentials_shows_what_happens() {
    runs("docs/credentials.md");
}

#[test]
fn the_page_on_checks_shows_what_happens() {
    runs("docs/check.md");
}

#[test]
fn the_walk_through_gets_where_it_says() {
    runs("docs/walkthrough.md");
}

#[test]
fn command_lines_that_are_not_run_have_options_that_exist() {
    let page = Page::parse(&read("README.md"));
    let dir = directory(&page);
    let commands = page.lines.iter().filter(|line| line.starts_with("gsictl "));
    let mut checked = 0;
    for command in commands {
        let line = command.split(" #").next().unwrap();
        let output = shell(&format!("{line} --help"), dir.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn every_place_that_a_page_links_to_exists() {
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let docs = [
        "docs/state-file.md",
        "docs/errors.md",
        "docs/walkthrough.md",
        "docs/check.md",
        "docs/credentials.md",
        "docs/performance.md",
        "docs/dynamodb.md",
        "docs/reliability.md",
    ];
    for name in pages.into_iter().chain(docs) {
        let text = read(name);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap();
            let place = root().join(name).parent().unwrap().join(file);
            assert!(place.exists(), "{name} links to {link}");
        }
    }
}

/// The words in the first columns of docs/dynamodb.md, without headings.
fn facts(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect()
}

/// Every Rust file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_fact_about_dynamodb_that_the_code_names_stands_on_its_page() {
    let page = read("docs/dynamodb.md");
    let facts = facts(&page);
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split(concat!("docs/", "dynamodb.md: ")).skip(1) {
            let end =
                rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()));
            let fact = rest[..end.unwrap_or(rest.len())].trim_end_matches('-');
            assert!(facts.contains(&fact), "{}: no fact `{fact}`", file.display());
            named += 1;
        }
    }
    assert!(named > 0);
}

#[test]
fn the_page_on_errors_has_the_table_that_the_engine_goes_by() {
    let mut table = String::new();
    for rule in ErrorKind::ALL.iter().map(|kind| Rule::of(*kind)) {
        let (kind, strategy) = (rule.kind, rule.strategy.as_str());
        let counts = if rule.counts { "yes" } else { "no" };
        let remedy = rule.remedy.replace("{table}", "TABLE").replace("{index}", "INDEX");
        let name = rule.name;
        table.push_str(&format!("| {name} | `{kind:?}` | `{strategy}` | {counts} | {remedy} |\n"));
    }
    let page = read("docs/errors.md");
    assert!(page.contains(&table), "docs/errors.md should have these rows:\n{table}");
    for rule in ErrorKind::ALL.iter().map(|kind| Rule::of(*kind)) {
        let strategy = format!("| `{}` | ", rule.strategy.as_str());
        assert!(page.contains(&format!("\n{strategy}")), "docs/errors.md does not say {strategy}");
    }
}

#[test]
fn the_page_on_errors_has_the_texts_that_the_classifier_goes_by() {
    let mut table = String::new();
    for (code, words, kind) in gsictl_core::classify::rows() {
        let said: Vec<_> = words.iter().map(|words| format!("\"{}\"", words.trim())).collect();
        let said = if said.is_empty() { "anything else".to_owned() } else { said.join(", ") };
        table.push_str(&format!("| `{code}` | {said} | `{kind:?}` |\n"));
    }
    let page = read("docs/errors.md");
    assert!(page.contains(&table), "docs/errors.md should have these rows:\n{table}");
}

#[test]
fn the_readme_has_the_exit_codes_of_the_help() {
    let dir = tempfile::tempdir().unwrap();
    let help = shell("gsictl --help", dir.path()).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    let numbers = codes.split([';', '.']).filter_map(|code| code.split_whitespace().next());
    let readme = read("README.md");
    for number in numbers {
        assert!(readme.contains(&format!("\n| {number} | ")), "README.md: exit code {number}");
    }
}

#[test]
fn a_page_that_is_wrong_is_found_out() {
    let said = |step: &str, output: &[&str]| {
        let output = output.iter().map(ToString::to_string).collect();
        Step { output, ..Step::new(step) }.run(&std::env::temp_dir())
    };
    let three = "printf 'one\\ntwo: 17 s\\nthree\\n'";
    assert_eq!(said(three, &["one", "two: ... s", "three"]), Ok(()));
    assert_eq!(said(three, &["...", "three"]), Ok(()));
    assert_eq!(said(three, &[]), Ok(()));
    assert_eq!(said("exit 3  # exits 3", &[]), Ok(()));
    assert!(said(three, &["one", "three"]).is_err());
    assert!(said(three, &["one", "two: ... min", "three"]).is_err());
    assert!(said(three, &["one", "...", "four"]).is_err());
    assert!(said("exit 3", &[]).is_err());
    assert!(said("true  # exits 3", &[]).is_err());
}
