//! Waiting: for what is not shown yet, and through trouble.

use std::time::Duration;

use crate::world::text;
use crate::{HOME, OnAws, entry, quick, table};

/// What a table says whose key in KMS cannot be used any more.
const LOST_KEY: &str = "INACCESSIBLE_ENCRYPTION_CREDENTIALS";

#[test]
fn wait_right_after_an_apply_that_does_not_wait_waits_for_what_is_not_shown_yet() {
    let plane = quick().with_table(table("orders"));
    let on = OnAws::new(plane.with_times(|t| t.late = Duration::from_secs(200)), &["orders"]);
    on.apply(&["--no-wait"]).exits(0);
    on.run(&["wait", "orders", "by-email"]).exits(0).says("by-email");
    assert_eq!(on.indexes(HOME, "orders")[0].1, "ACTIVE");
}

#[test]
fn wait_takes_definitions_and_waits_for_what_they_name() {
    let tables = ["orders", "carts"];
    let plane = tables.iter().fold(quick(), |plane, name| plane.with_table(table(name)));
    let on = OnAws::new(plane.with_times(|t| t.late = Duration::from_secs(200)), &tables);
    on.apply(&["--no-wait"]).exits(0);
    on.run(&["wait", "defs.yaml"]).exits(0).says("by-email");
    for name in tables {
        assert_eq!(on.indexes(HOME, name)[0].1, "ACTIVE");
    }
}

#[test]
fn a_table_whose_key_is_lost_is_told_once_and_the_build_goes_on_when_it_is_back() {
    let on = OnAws::new(quick().with_table(table("orders").building_for(30, 900)), &["orders"]);
    let mut running = on.start_apply(&[]);
    running.until("accepted");
    on.fake.with(|plane, now| plane.set_status(now, "orders", LOST_KEY));
    let told = running.until("table_trouble");
    assert_eq!((text(&told["table"]), text(&told["status"])), ("orders", LOST_KEY));
    on.run(&["status", "--live"]).says(LOST_KEY);
    on.fake.with(|plane, now| plane.set_status(now, "orders", "ACTIVE"));
    let done = running.end().exits(0);
    let named = |name: &str| done.events().iter().filter(|e| e["event"] == name).count();
    assert_eq!((named("table_trouble"), named("table_back")), (1, 1), "{}", done.text());
    assert_eq!(entry(&on.state(), "orders")["status"], "active");
}

#[test]
fn a_wait_tells_the_trouble_of_its_table_and_goes_on_when_that_is_over() {
    let on = OnAws::new(quick().with_table(table("orders").building_for(30, 900)), &["orders"]);
    on.apply(&["--no-wait"]).exits(0);
    on.fake.with(|plane, now| plane.set_status(now, "orders", LOST_KEY));
    let mut running = on.world.start(&["wait", "orders", "by-email", "--output", "json"]);
    running.until("table_trouble");
    on.fake.with(|plane, now| plane.set_status(now, "orders", "ACTIVE"));
    running.until("table_back");
    running.end().exits(0);
}

#[test]
fn a_wait_says_why_a_table_cannot_be_looked_at_and_times_out_none_of_its_indexes() {
    let tables = ["orders", "carts"];
    let plane = tables.iter().fold(quick(), |plane, name| plane.with_table(table(name)));
    let plane = plane.with_access(|access| access.deny_on("DescribeTable", "carts"));
    let on = OnAws::new(plane, &tables);
    on.apply(&["--no-wait", "--table", "orders"]).exits(0);
    let done = on.run(&["wait", "defs.yaml", "--output", "json"]);
    let end = done.events().pop().expect("a document");
    let of = end["tables"].as_array().unwrap().iter().find(|t| t["table"] == "carts").unwrap();
    assert!(text(&of["error"]).contains("AccessDenied"), "{end}");
    assert_eq!((text(&of["result"]), text(&of["indexes"][0]["result"])), ("failed", "failed"));
}

#[test]
fn a_table_that_is_not_active_in_time_is_not_said_to_have_no_index() {
    let plane = quick().with_table(table("orders")).at(Duration::ZERO, |plane, now| {
        plane.set_status(now, "orders", LOST_KEY);
    });
    let on = OnAws::new(plane, &["orders"]);
    let done = on.run(&["wait", "orders", "--timeout", "1"]).exits(3);
    done.says("orders was not ACTIVE in time").does_not_say("no index to wait for");
}

#[test]
fn an_archived_table_is_an_obstacle_and_nothing_is_asked_for() {
    let plane = quick().with_table(table("orders")).at(Duration::ZERO, |plane, now| {
        plane.set_status(now, "orders", "ARCHIVED");
    });
    let on = OnAws::new(plane, &["orders"]);
    on.apply(&["--activation-timeout", "3s"]).exits(3).says("ARCHIVED");
    assert_eq!(on.done(), 0);
}

#[test]
fn a_backfill_that_never_ends_says_so_at_the_timeout_and_is_picked_up_again() {
    let on = OnAws::new(quick().with_table(table("orders").never_built()), &["orders"]);
    on.apply(&["--activation-timeout", "3s"]).exits(3).says("still CREATING");
    let state = on.world.state();
    assert_eq!(entry(&state, "orders")["status"], "in_progress");
    on.apply(&["--activation-timeout", "2s"]).exits(3);
    assert_eq!(on.done(), 1);
}
