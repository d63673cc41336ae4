//! Tables that are named by their ARNs.

use crate::support::service::service;
use crate::world::{STATE, World, one_index};

/// The table as the embedded engine describes it.
const FLIGHTS: &str = "arn:aws:dynamodb:local:000000000000:table/flights";

fn defined(world: &World, tables: &[(&str, &str)]) {
    let text: String = tables
        .iter()
        .map(|(table, index)| format!("\"{table}\":\n{}", one_index(index, "a", "S")))
        .collect();
    world.write("defs.yaml", text.as_bytes());
}

#[test]
fn an_arn_names_a_table_wherever_a_name_may_stand() {
    let world = World::airline();
    defined(&world, &[(FLIGHTS, "some-index")]);
    world.local(&["plan", "defs.yaml", "--table", FLIGHTS]).exits(0).says("create    some-index");
    world.local(&["plan", "defs.yaml", "--table", "flights"]).exits(0).says("create    some-index");
    world.local(&["check", "defs.yaml"]).exits(0);
    let done = world.local(&["apply", "defs.yaml", "--validate", "--output", "json"]).exits(0);
    assert_eq!(done.indexes("accepted"), [format!("{FLIGHTS}.some-index")]);
    assert_eq!(world.all_indexes(), ["flights.some-index"]);
    world.local(&["validate", "defs.yaml"]).exits(0);
    world.local(&["wait", FLIGHTS, "some-index"]).exits(0);
    world.local(&["wait", "defs.yaml"]).exits(0);
    let exported = world.local(&["export", FLIGHTS, "flights"]).exits(0).stdout;
    assert!(exported.contains(&format!("\"{FLIGHTS}\":")), "{exported}");
    assert_eq!(exported.matches("IndexName").count(), 1, "one table is exported once: {exported}");
    world.write("again.yaml", exported.as_bytes());
    world.local(&["plan", "again.yaml"]).exits(0).says("already active");
    world.local(&["rollback", "--table", "flights", "--yes"]).exits(0);
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn a_table_named_twice_is_one_lane_and_stands_in_the_state_by_one_name() {
    let world = World::airline();
    defined(&world, &[("flights", "one-index"), (FLIGHTS, "two-index"), ("nowhere", "no-index")]);
    let done = world.local(&["apply", "defs.yaml", "--output", "json"]).exits(3);
    let mut accepted = done.indexes("accepted");
    accepted.sort();
    assert_eq!(accepted, ["flights.one-index", "flights.two-index"]);
    let state = world.json(STATE);
    let keys: Vec<_> = state["gsis"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["flights.one-index", "flights.two-index", "nowhere.no-index"]);

    // The state knows the table by its name, so definitions that name it by its ARN go on.
    defined(&world, &[(FLIGHTS, "one-index")]);
    world.local(&["plan", "defs.yaml"]).exits(0).says("there     one-index  already active");
    let dry = world.local(&["rollback", "--table", FLIGHTS, "--dry-run"]).exits(0);
    dry.says("delete  one-index").says("delete  two-index");
}

#[test]
fn the_same_index_under_two_names_of_its_table_is_a_mistake_and_nothing_is_changed() {
    let world = World::airline();
    world.write("a.yaml", format!("flights:\n{}", one_index("one-index", "a", "S")).as_bytes());
    let text = format!("\"{FLIGHTS}\":\n{}", one_index("one-index", "a", "S"));
    world.write("b.yaml", text.as_bytes());
    for command in ["plan", "apply", "validate", "check"] {
        let done = world.local(&[command, "a.yaml", "b.yaml"]).exits(2);
        done.says("index one-index is defined twice")
            .says("--> b.yaml:2:5")
            .says("a.yaml:2:5: first here")
            .says("nothing was changed");
    }
    assert!(!world.exists(STATE));
    assert_eq!(world.all_indexes(), [""; 0]);
}

#[test]
fn an_arn_of_another_region_is_refused_before_anything_is_called() {
    let world = World::airline();
    let elsewhere = FLIGHTS.replace(":local:", ":eu-west-1:");
    defined(&world, &[(&elsewhere, "some-index")]);
    for command in [
        &["plan", "defs.yaml"][..],
        &["apply", "defs.yaml"],
        &["validate", "defs.yaml"],
        &["check", "defs.yaml"],
        &["wait", "defs.yaml"],
        &["state", "rebuild", "defs.yaml"],
        &["export", &elsewhere],
        &["wait", &elsewhere],
    ] {
        let done = world.local(command).exits(2);
        done.says("is in region eu-west-1, and this run asks region local")
            .says("nothing was called");
    }
    let other_account = FLIGHTS.replace("000000000000", "123456789012");
    world.local(&["export", &other_account]).exits(3).says("no such table");
}

#[test]
fn an_arn_that_is_none_of_a_table_is_refused_with_how_one_looks() {
    let world = World::new();
    defined(&world, &[(&format!("{FLIGHTS}/index/by-x"), "some-index"), ("a b c", "some-index")]);
    let done = world.run(&["--local", "plan", "defs.yaml"]).exits(2);
    done.says("goes on behind the table's name")
        .says("arn:aws:dynamodb:REGION:ACCOUNT:table/NAME")
        .says(&format!("help: write {FLIGHTS}"))
        .says("write the table's name as DynamoDB has it")
        .does_not_say("a-b-c");
    let done = world.run(&["--local", "export", "arn:aws:s3:::bucket"]).exits(2);
    done.says("arn:aws:dynamodb:REGION:ACCOUNT:table/NAME");
}

#[test]
fn dynamodb_local_takes_arns_and_has_one_table_for_all_accounts() {
    let Some(service) = service() else { return };
    let service = service.airline();
    let world = &service.world;
    let arn = |account: &str| format!("arn:aws:dynamodb:eu-west-1:{account}:table/flights");
    let (one, two) = (arn("111111111111"), arn("222222222222"));
    defined(world, &[(&one, "one-index"), (&two, "two-index")]);
    let done = world.run(&["apply", "defs.yaml", "--output", "json"]).exits(0);
    let mut accepted = done.indexes("accepted");
    accepted.sort();
    assert_eq!(accepted, [format!("{one}.one-index"), format!("{one}.two-index")]);
    let told = "arn:aws:dynamodb:ddblocal:000000000000:table/flights";
    world.run(&["wait", told, "one-index", "two-index"]).exits(0);
}
