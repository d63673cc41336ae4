//! Runs that end in the middle, and answers that are lost.

use std::time::Duration;

use gsictl_fake::Scripted;

use crate::world::{side_by_side, text, wait_for};
use crate::{HOME, OTHER, OnAws, entry_of, global, quick, table};

#[test]
fn a_killed_run_is_taken_up_and_nothing_is_created_twice() {
    let tables = ["carts", "orders"];
    let plane = tables.iter().fold(quick(), |plane, name| plane.with_table(table(name)));
    let on = OnAws::new(plane, &tables);
    let mut running = on.start_apply(&[]);
    running.until("accepted");
    running.kill();
    on.apply(&[]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (2, 0));
    let state = on.state();
    for name in tables {
        let (entry, own) = entry_of(&state, name, "by-email");
        // Where the kill came before the acknowledgement was saved it is inferred.
        assert!(matches!(text(&own["owner"]), "run" | "inferred"), "{own}");
        assert_eq!(text(&entry["status"]), "active");
    }
}

#[test]
fn a_run_killed_while_no_region_shows_the_index_goes_on_with_it() {
    let plane = quick().with_table(global("orders")).with_times(|times| {
        times.fan_out.base_shown = Duration::from_secs(250);
        times.fan_out.base_allocated = Duration::from_secs(300);
    });
    let on = OnAws::new(plane, &["orders"]);
    let mut running = on.start_apply(&[]);
    running.until("accepted");
    running.kill();
    on.apply(&[]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (1, 0), "no second create was sent");
}

#[test]
fn a_lost_answer_is_described_and_what_it_made_is_adopted_as_inferred() {
    let lost = Scripted::on("UpdateTable").times(1).lose_answer();
    let on = OnAws::new(quick().with_table(table("orders")).with_scripted(lost), &["orders"]);
    on.apply(&["--backoff", "1,1"]).exits(0);
    assert_eq!((on.done(), on.refused().len()), (1, 0));
    let (entry, own) = entry_of(&on.state(), "orders", "by-email");
    assert_eq!((text(&entry["status"]), text(&own["owner"])), ("active", "inferred"));
}

/// AWS's seconds after the create, in every phase that a region of a global table has: not
/// shown, allocating in one region, in both, backfilling, ready in one.
const MOMENTS: [u64; 6] = [5, 40, 70, 200, 560, 600];

#[test]
fn a_run_killed_in_any_phase_of_a_global_table_is_finished_by_the_next_with_one_create() {
    side_by_side(&MOMENTS, |moment| {
        let on = OnAws::new(quick().with_table(global("orders")), &["orders"]);
        let mut running = on.start_apply(&[]);
        running.until("accepted");
        let then = on.changes()[0].at + Duration::from_secs(*moment);
        wait_for("that moment", || on.fake.now() >= then);
        running.kill();
        on.apply(&[]).exits(0);
        assert_eq!((on.done(), on.refused().len()), (1, 0), "killed after {moment} s");
        let (entry, own) = entry_of(&on.state(), "orders", "by-email");
        assert_eq!(text(&entry["status"]), "active");
        assert!(matches!(text(&own["owner"]), "run" | "inferred"), "{own}");
        on.run(&["rollback", "--yes", "--include-inferred"]).exits(0);
        assert!(on.indexes(HOME, "orders").is_empty() && on.indexes(OTHER, "orders").is_empty());
    });
}
