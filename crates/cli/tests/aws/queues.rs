//! What passes by itself is waited for, told in AWS's words, and costs no attempt.

use std::time::Duration;

use gsictl_fake::{ControlPlane, FakeIndex, FakeTable, Scripted};
use serde_json::Value;

use crate::world::{Done, one_index, text};
use crate::{OnAws, entry, entry_of, quick, table};

/// With an index whose throughput somebody is changing for three and a half seconds.
fn updating() -> ControlPlane {
    let by_day = FakeIndex::new("by-day").key("day", "S");
    quick().with_table(table("orders").index(by_day)).at(Duration::ZERO, |plane, now| {
        plane.keep_updating(now, "orders", "by-day", Duration::from_secs(350));
    })
}

fn no_attempt_was_lost(done: &Done, on: &OnAws) {
    assert_eq!(done.indexes("attempt_failed"), [""; 0], "{}", done.text());
    let entry = entry(&on.state(), "orders");
    assert_eq!((&entry["retry_count"], &entry["last_error"]), (&0.into(), &Value::Null));
}

#[test]
fn an_index_that_is_being_updated_is_waited_for() {
    let on = OnAws::new(updating(), &["orders"]);
    let done = on.start_apply(&[]).end().exits(0);
    no_attempt_was_lost(&done, &on);
    assert_eq!(on.done(), 1);
    // It is described, and not asked for again and again.
    assert!(on.refused().len() <= 1, "{:?}", on.refused());
}

#[test]
fn a_refusal_that_no_description_explains_is_told_and_repeated_in_time() {
    let words = "Attempt to change a resource which is still in use: Table IOPS are being updated";
    let scripted = Scripted::on("UpdateTable").times(1).refuse("ResourceInUseException", words);
    let on = OnAws::new(quick().with_table(table("orders")).with_scripted(scripted), &["orders"]);
    let done = on.start_apply(&[]).end().exits(0);
    no_attempt_was_lost(&done, &on);
    assert!(done.stdout.contains(words), "{}", done.text());
    let changes = on.changes();
    assert_eq!((on.done(), on.refused().len()), (1, 1));
    // A hundred of AWS's seconds are one of ours: it was not repeated at once.
    assert!(changes[1].at > changes[0].at + Duration::from_secs(100), "{changes:?}");
}

#[test]
fn a_vector_index_in_the_making_holds_the_slot_and_no_create_is_sent() {
    let plane = quick().with_table(table("orders")).at(Duration::ZERO, |plane, now| {
        plane.create(now, "orders", FakeIndex::vector("by-meaning", "meaning"));
    });
    let on =
        OnAws::new(plane.with_times(|t| t.vector_backfill = Duration::from_secs(300)), &["orders"]);
    on.run(&["plan", "defs.yaml"]).exits(0).says("by-meaning");
    let done = on.start_apply(&[]).end().exits(0);
    no_attempt_was_lost(&done, &on);
    assert_eq!((on.done(), on.refused().len()), (1, 0));
}

#[test]
fn a_name_that_a_vector_index_has_is_taken() {
    let taken = table("orders").index(FakeIndex::vector("by-email", "meaning"));
    let on = OnAws::new(quick().with_table(taken), &["orders"]);
    on.apply(&[]).exits(3).says("by-email").says("vector index");
    assert!(on.changes().is_empty());
}

#[test]
fn a_table_that_is_being_changed_is_waited_for() {
    let plane = quick().with_table(FakeTable::provisioned("orders", 5, 5).key("id", "S"));
    let plane = plane.at(Duration::ZERO, |plane, now| {
        plane.keep_busy(now, "orders", Duration::from_secs(200));
    });
    let on = OnAws::new(plane, &["orders"]);
    let done = on.start_apply(&[]).end().exits(0);
    no_attempt_was_lost(&done, &on);
    assert_eq!((on.done(), on.refused().len()), (1, 0));
}

#[test]
fn a_rollback_waits_out_the_allocation_and_asks_once() {
    let orders = table("orders").building_for(400, 100_000);
    let on = OnAws::new(quick().with_table(orders), &["orders"]);
    let mut running = on.start_apply(&[]);
    running.until("accepted");
    running.signal("INT");
    running.end().exits(130);
    on.run(&["rollback", "--yes"]).exits(0);
    assert!(on.indexes(crate::HOME, "orders").is_empty());
    // The create and the delete, and at most one that came too early.
    assert_eq!(on.done(), 2);
    assert!(on.refused().len() <= 1, "{:?}", on.refused());
}

#[test]
fn a_rollback_waits_for_an_index_that_is_being_updated() {
    let on = OnAws::new(quick().with_table(table("orders")), &["orders"]);
    on.apply(&[]).exits(0);
    on.fake.with(|plane, now| {
        plane.keep_updating(now, "orders", "by-email", Duration::from_secs(350));
    });
    on.run(&["rollback", "--yes"]).exits(0);
    assert!(on.indexes(crate::HOME, "orders").is_empty());
    assert!(on.refused().len() <= 1, "{:?}", on.refused());
}

#[test]
fn a_description_that_is_late_undoes_neither_a_create_nor_a_delete() {
    let plane = quick().with_table(table("orders"));
    let on = OnAws::new(plane.with_times(|t| t.late = Duration::from_secs(250)), &["orders"]);
    on.apply(&[]).exits(0);
    let (entry, own) = entry_of(&on.state(), "orders", "by-email");
    assert_eq!((text(&entry["status"]), text(&own["owner"])), ("active", "run"));
    on.run(&["rollback", "--yes"]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (2, 0));
}

#[test]
fn a_table_that_refuses_one_index_is_not_asked_for_the_next_one_at_once() {
    let words = "The resource which you are attempting to change is in use.";
    let scripted = Scripted::on("UpdateTable").times(1).refuse("ResourceInUseException", words);
    let yaml = ["by-day", "by-week"].map(|name| one_index(name, name, "S")).concat();
    let plane = quick().with_table(table("orders")).with_scripted(scripted);
    let on = OnAws::with_definitions(plane, &format!("orders:\n{yaml}"));
    on.apply(&[]).exits(0);
    let changes = on.changes();
    assert_eq!((on.done(), on.refused().len()), (2, 1));
    assert!(changes[1].at > changes[0].at + Duration::from_secs(100), "{changes:?}");
}
