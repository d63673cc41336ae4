//! A state belongs to an account and a region, whatever the endpoint.

use gsictl_fake::Fake;

use crate::world::{STATE, one_index};
use crate::{HOME, OTHER, OnAws, aws, entry_of, table};

fn two_tables() -> OnAws {
    let quickly = |name| table(name).building_for(20, 60);
    OnAws::new(aws().with_table(quickly("orders")).with_table(quickly("carts")), &["orders"])
}

#[test]
fn another_endpoint_of_the_same_account_and_region_is_the_same_place() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    let other = on.fake.endpoint_in(HOME).unwrap();
    // Another file, which sorts first, and another endpoint: the same run goes on.
    on.world
        .write("all.yaml", format!("carts:\n{}", one_index("by-email", "email", "S")).as_bytes());
    let done = on.run(&["apply", "all.yaml", "defs.yaml", "--endpoint-url", &other]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (2, 0), "{}", done.text());
    let state = on.state();
    for name in ["orders", "carts"] {
        assert_eq!(entry_of(&state, name, "by-email").1["owner"], "run");
    }
}

#[test]
fn another_region_is_another_place_which_apply_refuses_and_plan_does_not() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    let elsewhere = ["--region", OTHER];
    on.apply(&elsewhere).exits(5).says(HOME).says(OTHER);
    on.run(&[&["status", "--live"], &elsewhere[..]].concat()).exits(5);
    let planned = on.run(&[&["plan", "defs.yaml"], &elsewhere[..]].concat());
    assert_ne!(planned.code, Some(5), "{}", planned.text());
    assert_eq!(on.done(), 1);
}

const ANOTHER: &str = "444455556666";

/// The account of the fake, as the state recorded it.
fn account_of(on: &OnAws) -> String {
    on.state()["gsictl"]["target"]["account"].as_str().unwrap().to_owned()
}

/// Definitions that name the table `orders` of the fake's account by its ARN.
fn by_arn(on: &OnAws) -> String {
    let arn = format!("arn:aws:dynamodb:{HOME}:{}:table/orders", account_of(on));
    on.world.write(
        "arn.yaml",
        format!("\"{arn}\":\n{}", one_index("by-email", "email", "S")).as_bytes(),
    );
    arn
}

/// The credentials of another account.
fn another(tables: &[&str], on: &OnAws) -> (Fake, String) {
    let others = table("orders").of_account(&account_of(on));
    let plane = aws().with_account(ANOTHER).with_table(others);
    let plane = tables.iter().fold(plane, |plane, name| plane.with_table(table(name)));
    let fake = Fake::start(plane, 100.0).unwrap();
    let endpoint = fake.endpoint_in(HOME).unwrap();
    (fake, endpoint)
}

/// AWS has one endpoint for all accounts: the state names this one from now on. The one
/// that it named is returned.
fn moved(on: &OnAws, endpoint: &str) -> String {
    let mut state = on.state();
    let own = state["gsictl"]["target"]["endpoint"].take();
    state["gsictl"]["target"]["endpoint"] = endpoint.into();
    on.world.write(STATE, state.to_string().as_bytes());
    own.as_str().unwrap().to_owned()
}

#[test]
fn an_arn_of_the_states_account_is_no_table_of_that_name_in_the_callers() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    by_arn(&on);
    let before = on.world.read(STATE);
    let (fake, endpoint) = another(&["orders"], &on);
    let apply = ["apply", "arn.yaml", "--endpoint-url", &endpoint];
    on.run(&apply).exits(5).says(ANOTHER).says(&account_of(&on));
    assert!(fake.calls_of("UpdateTable").is_empty());
    assert_eq!(on.world.read(STATE), before);
    // With the right credentials it is the same table, and the same entry goes on.
    on.run(&["apply", "arn.yaml"]).exits(0);
    assert_eq!(
        (on.done(), entry_of(&on.state(), "orders", "by-email").1["owner"].as_str()),
        (1, Some("run"))
    );
}

#[test]
fn a_rollback_takes_no_missing_table_for_gone_where_nothing_tells_the_account() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    let (_fake, endpoint) = another(&["carts"], &on);
    let own = moved(&on, &endpoint);
    let before = on.world.read(STATE);
    for how in ["--yes", "--dry-run"] {
        on.run(&["rollback", how, "--endpoint-url", &endpoint])
            .exits(5)
            .says("none of the state's tables exists here")
            .says(&account_of(&on))
            .says("gsictl state archive");
    }
    assert_eq!(on.world.read(STATE), before);
    on.run(&["rollback", "--yes", "--endpoint-url", &own]).exits(0);
    assert!(on.indexes(HOME, "orders").is_empty());
}

#[test]
fn a_rebuild_replaces_no_state_of_another_account_or_region() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    let before = on.world.read(STATE);
    let (_fake, endpoint) = another(&["orders"], &on);
    let rebuild = ["state", "rebuild", "defs.yaml"];
    let account = account_of(&on);
    on.run(&[&rebuild[..], &["--endpoint-url", &endpoint]].concat())
        .exits(5)
        .says(ANOTHER)
        .says(&account);
    on.run(&[&rebuild[..], &["--region", OTHER]].concat()).exits(5).says(OTHER).says(HOME);
    assert_eq!(on.world.read(STATE), before);
    // One that says nothing of its place is what it is for.
    on.world.write(STATE, b"{");
    on.run(&[&rebuild[..], &["--endpoint-url", &endpoint]].concat()).exits(0);
}

#[test]
fn an_account_that_no_table_tells_is_told_and_nothing_is_recorded() {
    let on = two_tables();
    on.apply(&["--no-wait"]).exits(0);
    let account = account_of(&on);
    let (_fake, endpoint) = another(&["carts"], &on);
    moved(&on, &endpoint);
    let before = on.world.read(STATE);
    let there = ["--endpoint-url", &endpoint];
    let note = format!(
        "the state belongs to account {account}, and no table tells the account of these \
         credentials; nothing was recorded: check --profile"
    );
    assert!(on.apply(&there).text().contains(&note));
    on.run(&[&["status", "--live"], &there[..]].concat()).exits(0).says(&note);
    let json = ["status", "--live", "--output", "json"];
    let shown = on.run(&[&json[..], &there].concat()).exits(0).document();
    assert_eq!(shown["state"]["unconfirmed_account"], account.as_str());
    let run = on.run(&[&["apply", "defs.yaml", "--output", "json"], &there[..]].concat());
    let told = run.events().into_iter().find(|event| event["event"] == "account_unconfirmed");
    let told = told.expect("the event");
    assert_eq!(
        (told["account"].as_str(), told["recorded"].as_bool()),
        (Some(&*account), Some(false))
    );
    assert_eq!(on.world.read(STATE), before);
}
