//! `gsictl-fake`, as people run it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gsictl-fake"))
}

#[test]
fn the_command_says_what_to_set_and_where_each_region_is() {
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/world.yaml");
    let mut child = command().args([world, "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = lines.take(7).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let begins = [
        "# 60 of AWS's seconds pass in one of ours.",
        "export AWS_ACCESS_KEY_ID=",
        "export AWS_SECRET_ACCESS_KEY=",
        "export AWS_REGION=eu-west-1",
        "export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:",
        "# of eu-west-1 alone: http://127.0.0.1:",
        "# of us-east-1 alone: http://127.0.0.1:",
    ];
    for (line, begin) in said.iter().zip(begins) {
        assert!(line.starts_with(begin), "{said:?}");
    }
    assert_eq!(said.len(), begins.len());
}

#[test]
fn a_world_that_is_not_there_or_makes_no_sense_is_named() {
    for args in [&["no-such-world.yaml"][..], &["Cargo.toml"]] {
        let dir = env!("CARGO_MANIFEST_DIR");
        let done = command().args(args).current_dir(dir).output().unwrap();
        assert_eq!(done.status.code(), Some(2));
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(said.starts_with(&format!("error: {}: ", args[0])), "{said}");
    }
}
