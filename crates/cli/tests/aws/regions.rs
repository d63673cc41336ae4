//! Global tables: every region counts, and an index that is not shown yet is not gone.

use std::time::Duration;

use gsictl_fake::{ControlPlane, FakeIndex, FakeTable};

use crate::world::text;
use crate::{HOME, OTHER, OnAws, aws, entry, entry_of, global, quick};

/// A replica that takes twice as long as its base.
fn slow_replica() -> ControlPlane {
    quick().with_table(global("orders")).with_times(|times| {
        times.fan_out.base_active = Duration::from_secs(300);
        times.fan_out.replica_active = Duration::from_secs(700);
    })
}

#[test]
fn a_global_table_is_ready_when_both_regions_are_is_ours_and_rolls_back_cleanly() {
    let on = OnAws::new(slow_replica(), &["orders"]);
    on.apply(&[]).exits(0);
    let ready = vec![("by-email".to_owned(), "ACTIVE".to_owned())];
    for region in [HOME, OTHER] {
        assert_eq!(on.indexes(region, "orders"), ready, "{region}");
        assert!(on.described(region) > 0);
    }
    let (entry, own) = entry_of(&on.state(), "orders", "by-email");
    assert_eq!((&entry["status"], &entry["retry_count"]), (&"active".into(), &0.into()));
    assert_eq!((&own["owner"], &own["acknowledged"]), (&"run".into(), &true.into()));

    on.run(&["rollback", "--yes"]).exits(0);
    for region in [HOME, OTHER] {
        assert!(on.indexes(region, "orders").is_empty(), "{region}");
    }
    assert_eq!((on.done(), on.refused().len()), (2, 0));
}

#[test]
fn an_index_is_not_ready_while_a_region_still_builds_it() {
    let plane = quick().with_table(global("orders").never_built_in(OTHER));
    let on = OnAws::new(plane, &["orders"]);
    let done = on.apply(&["--activation-timeout", "8s"]).exits(3);
    done.says(OTHER);
    let state = on.world.state();
    assert_eq!(entry(&state, "orders")["status"], "in_progress");
    assert!(text(&entry(&state, "orders")["last_error"]).contains(OTHER), "{state:#}");
    assert_eq!(on.indexes(HOME, "orders")[0].1, "ACTIVE");

    // It is not asked for, and so not waited for.
    on.apply(&["--skip-region", OTHER]).exits(0);
    assert_eq!(on.done(), 1, "the same build went on");
    assert_eq!(entry_of(&on.state(), "orders", "by-email").1["owner"], "run");
}

#[test]
fn a_region_has_an_endpoint_of_its_own_where_one_is_named() {
    let on = OnAws::new(quick().with_table(global("orders")), &["orders"]);
    let home = on.fake.endpoint_in(HOME).unwrap();
    let other = format!("{OTHER}={}", on.fake.endpoint_in(OTHER).unwrap());
    on.apply(&["--endpoint-url", &home, "--region-endpoint", &other]).exits(0);
    assert!(on.described(OTHER) > 0);
}

#[test]
fn wait_status_and_validate_look_at_every_region() {
    let item = serde_json::json!({ "id": { "S": "1" }, "email": { "S": "a@b" } });
    let index = FakeIndex::new("by-email").key("email", "S");
    let plane = quick().with_table(global("orders").items([item]).index(index));
    let on = OnAws::new(plane, &["orders"]);
    on.run(&["wait", "orders"]).exits(0);
    on.run(&["validate", "defs.yaml"]).exits(0);
    on.fake.with(|plane, _| plane.lose_in("orders", "by-email", OTHER));
    on.run(&["wait", "orders", "by-email", "--timeout", "2s"]).exits(3).says(OTHER);
    on.run(&["validate", "defs.yaml"]).exits(3).says(OTHER);
}

#[test]
fn a_busy_global_table_that_tells_no_details_is_waited_for_and_told() {
    let plane = quick()
        .with_table(global("orders"))
        .with_times(|times| times.replica_creation = Duration::from_secs(400))
        .at(Duration::ZERO, |plane, now| plane.add_replica(now, "orders", "ap-south-1"));
    let on = OnAws::new(plane, &["orders"]);
    let done = on.start_apply(&[]).end().exits(0);
    assert_eq!(done.indexes("attempt_failed"), [""; 0], "{}", done.text());
    assert_eq!(on.done(), 1);
    assert!(on.refused().len() <= 1, "{:?}", on.refused());
    assert_eq!(entry(&on.state(), "orders")["retry_count"], 0);
    assert_eq!(on.indexes("ap-south-1", "orders")[0].1, "ACTIVE");
}

/// A provisioned global table with an index whose writes nothing scales.
fn blocked() -> ControlPlane {
    let blocking = FakeIndex::new("by-day").key("day", "S");
    let carts = FakeTable::provisioned("carts", 5, 5).key("id", "S").autoscaled().index(blocking);
    aws().with_table(carts.in_regions(&[HOME, OTHER]))
}

#[test]
fn an_index_without_write_autoscaling_is_named_before_any_change() {
    let on = OnAws::new(blocked(), &["carts"]);
    on.run(&["plan", "defs.yaml"]).says("by-day");
    on.apply(&[]).exits(3).says("by-day").does_not_say("correct the definition of by-email");
    assert!(on.changes().is_empty());

    on.fake.with(|plane, _| plane.autoscale("carts", "by-day", true));
    on.apply(&["--no-wait"]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (1, 0));
}

#[test]
fn where_autoscaling_may_not_be_looked_at_awss_refusal_is_told_with_what_to_look_for() {
    let action = "DescribeTableReplicaAutoScaling";
    let on = OnAws::new(blocked().with_access(|access| access.deny(action)), &["carts"]);
    let done = on.apply(&[]).exits(3);
    let done = done.says("GSI write capacity should either be Pay-Per-Request or AutoScaled.");
    done.does_not_say("correct the definition of by-email");
    assert_eq!(on.refused(), ["ValidationException"]);
}

#[test]
fn a_region_that_may_not_be_described_is_told_at_once_and_not_taken_for_ready() {
    let plane = quick().with_table(global("orders"));
    let on = OnAws::new(plane.with_access(|a| a.deny_in("DescribeTable", OTHER)), &["orders"]);
    let mut running = on.start_apply(&["--activation-timeout", "8s"]);
    let told = running.until("region_unknown");
    assert_eq!((text(&told["table"]), text(&told["region"])), ("orders", OTHER));
    running.end().exits(3);
    let entry = entry(&on.world.state(), "orders");
    assert_eq!(entry["status"], "in_progress");
    assert!(text(&entry["last_error"]).contains(OTHER), "{entry}");

    on.fake.with(|plane, _| plane.access().allow("DescribeTable"));
    on.apply(&[]).exits(0);
    assert_eq!(on.done(), 1);
}
