//! What the program says of itself, and how it says it.

use std::io::Read as _;
use std::process::Stdio;

use crate::world::{Done, World};

fn ok(args: &[&str]) -> Done {
    let done = World::new().run(args).exits(0);
    assert_eq!(done.stderr, "", "{}", done.text());
    assert!(!done.stdout.trim().is_empty());
    done
}

#[test]
fn the_schema_is_json_and_names_what_definitions_hold() {
    let schema = ok(&["schema"]).document();
    let text = schema.to_string();
    for field in ["IndexName", "KeySchema", "AttributeDefinitions", "Projection", "$schema"] {
        assert!(text.contains(field), "{field}");
    }
}

#[test]
fn completions_name_the_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish"] {
        ok(&["completions", shell]).says("apply").says("retry-failed").says("gsictl");
    }
    World::new().run(&["completions", "tcl"]).exits(2).says("bash");
}

#[test]
fn the_manual_has_every_command_and_the_exit_codes() {
    let man = ok(&["man"]);
    for part in [
        ".TH",
        "GSICTL APPLY",
        "GSICTL DEMO",
        "GSICTL WAIT",
        "GSICTL STATUS",
        "GSICTL EXPORT",
        "130",
    ] {
        assert!(man.stdout.contains(part), "{part}");
    }
}

#[test]
fn help_and_version_are_results() {
    ok(&["--help"]).says("apply").says("Exit codes: 0 done");
    ok(&["apply", "--help"]).says("--retry-failed").says("--state-dir");
    ok(&["--version"]).says(concat!("gsictl ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_mistake_on_the_command_line_is_one_of_usage() {
    let world = World::new();
    world.run(&[]).exits(2).says("Usage");
    world.run(&["aply"]).exits(2).says("apply");
    world.run(&["apply", "x.yaml", "--max-attempts", "0"]).exits(2);
    world.run(&["apply", "x.yaml", "--backoff", "30,later"]).exits(2).says("later");
    world.run(&["apply", "x.yaml", "--activation-timeout", "soon"]).exits(2).says("90s");
    world.run(&["--local", "--region", "eu-west-1", "status"]).exits(2);
    world.run(&["--skip-region", "eu west", "status"]).exits(2).says("eu-west-1");
    world.run(&["--region-endpoint", "us-east-1", "status"]).exits(2).says("REGION=URL");
    world.run(&["--local", "--skip-region", "eu-west-1", "status"]).exits(2);
    world.run(&["-q", "-v", "status"]).exits(2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [&["schema"][..], &["man"], &["completions", "bash"], &["--help"]] {
        let mut child = World::new().command(args).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().code().is_some(), "{args:?} was killed");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn an_apply_whose_reader_went_away_still_does_its_work() {
    let world = World::airline();
    let mut command =
        world.command(&["--local", "--local-build-seconds", "0.3", "apply", "airline.yaml"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(world.all_indexes().len(), 6);
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let world = World::airline();
    let done = world.local(&["-q", "apply", "airline.yaml"]).exits(0);
    assert_eq!(done.stderr, "");
    world.write("airline.yaml", b"flights: 7\n");
    world.local(&["-q", "apply", "airline.yaml"]).exits(2).says("airline.yaml:1:");
}

#[test]
fn verbose_says_more() {
    let world = World::airline();
    let done = world.local(&["-v", "apply", "airline.yaml"]).exits(0);
    done.says("DynamoDB took the request");
    let world = World::airline();
    let done = world.local(&["apply", "airline.yaml"]).exits(0);
    done.does_not_say("DynamoDB took the request");
}

#[test]
fn there_are_no_colours_where_they_are_not_wanted() {
    let coloured = |env: &[(&str, &str)], args: &[&str]| {
        let mut world = World::new();
        for (name, value) in env {
            world.set(name, value);
        }
        let done = world.run(&[args, &["apply", "nowhere.yaml"]].concat()).exits(2);
        done.stderr.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]), "a pipe is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]), "colours cannot be forced");
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--no-color"]));
}

#[test]
fn the_line_of_every_event_is_json() {
    let world = World::airline();
    let done = world.local(&["apply", "airline.yaml", "--output", "json"]).exits(0);
    for line in done.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["event"].is_string(), "{line}");
    }
    assert_eq!(done.stderr, "");
    assert_eq!(done.finished()["exit_code"], 0);
}
