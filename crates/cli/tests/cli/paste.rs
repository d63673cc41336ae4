//! Commands that are printed can be pasted: they are whole, and a shell reads the words
//! that were given.

use std::process::Command;

use crate::support::world::Running;
use crate::world::{DATABASE, Done, World};

/// Names that a shell would take apart, or obey.
const DEFINITIONS: &str = "the 'new' $(touch owned) `touch owned`.yaml";
const STATE_DIR: &str = "my states; touch owned";
const PLAN: &str = "plan *$HOME*.json";

fn world() -> World {
    let world = World::airline();
    std::fs::create_dir(world.path(STATE_DIR)).unwrap();
    std::fs::rename(world.path(DATABASE), world.path(STATE_DIR).join(DATABASE)).unwrap();
    let lock = format!("{DATABASE}.lock");
    std::fs::rename(world.path(&lock), world.path(STATE_DIR).join(&lock)).unwrap();
    world.write(DEFINITIONS, &world.read("airline.yaml"));
    world
}

fn run(world: &World, args: &[&str]) -> Done {
    let place = ["--local", "--local-build-seconds", "0.3", "--state-dir", STATE_DIR];
    world.run(&[&place, args].concat())
}

/// Pastes what stands between two texts of an output.
#[track_caller]
fn pasted(world: &World, text: &str, before: &str, behind: &str) -> Done {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?}: {text}"));
    let line = rest.split(behind).next().unwrap_or_default();
    assert!(line.starts_with("gsictl "), "{line}");
    let command: Command = world.in_shell(line);
    let done = Running::new(command, line.to_owned()).end();
    assert!(!world.exists("owned"), "the shell obeyed a name: {line}");
    done
}

#[test]
fn a_saved_plan_is_applied_by_the_command_that_names_it() {
    let world = world();
    let planned = run(&world, &["plan", DEFINITIONS, "--save", PLAN]).exits(0);
    pasted(&world, &planned.stdout, "`", "`\n").exits(0).says("6 created");
}

#[test]
fn a_run_that_is_not_over_goes_on_with_the_command_line_that_it_says() {
    let world = world();
    let begun = run(&world, &["apply", DEFINITIONS, "--no-wait"]).exits(4);
    let again = pasted(&world, &begun.stdout, "Go on with: ", "\n");
    assert!(matches!(again.code, Some(0 | 4)), "{}", again.text());
    again.says("Loaded state from");
}

#[test]
fn a_time_out_says_which_command_waits_for_the_index_in_the_report_too() {
    let world = world();
    let slow = ["--local-build-seconds", "5", "apply", DEFINITIONS, "--table", "flights"];
    let place = ["--local", "--state-dir", STATE_DIR];
    let timed_out = [&place, &slow[..], &["--activation-timeout", "0.1"]].concat();
    let done = world.run(&timed_out).exits(3);
    let says = "it goes on building: `";
    pasted(&world, &done.stdout, says, "`, or").exits(0).says("Ready");
    let shown = run(&world, &["report", "show"]).exits(0);
    pasted(&world, &shown.stdout, says, "`, or").exits(0).says("Ready");
    let document = run(&world, &["report", "show", "--output", "json"]).exits(0).document();
    let step = document["indexes"][0]["next_steps"][0].as_str().unwrap().to_owned();
    pasted(&world, &step, says, "`, or").exits(0).says("Ready");
}

#[test]
fn an_index_that_is_missing_is_created_by_the_command_that_is_advised() {
    let world = world();
    let found = run(&world, &["validate", DEFINITIONS, "--table", "flights"]).exits(3);
    let advised = pasted(&world, &found.stdout, "create it: `", "`\n").exits(0);
    advised.says("6 created");
    run(&world, &["validate", DEFINITIONS]).exits(0);
}

#[test]
fn a_state_that_is_damaged_is_made_anew_by_the_command_that_is_advised() {
    let world = world();
    world.write(&format!("{STATE_DIR}/.gsi_creation_state.json"), b"{");
    let refused = run(&world, &["apply", DEFINITIONS]).exits(5);
    pasted(&world, &refused.stderr, "next: `", "` keeps").exits(0).says("Pending: 6");
}

#[test]
fn of_a_saved_plan_no_advice_takes_the_plan_for_definitions() {
    let world = world();
    run(&world, &["plan", DEFINITIONS, "--save", PLAN]).exits(0);
    world.write(&format!("{STATE_DIR}/.gsi_creation_state.json"), b"{");
    run(&world, &["apply", PLAN]).exits(5).says("`gsictl state rebuild DEFS --local");
}
