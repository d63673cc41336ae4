//! When the next page is asked for: while pages wait to be counted, the service should
//! not wait for calls.

use gsictl_core::machine::{Effect, Machine};

use super::run::Wanted;
use super::samples::{Hash, S, by_pk, definitions, id, items, keys_only};
use super::service::{Form, Service};

/// Four pages come together: the items that were counted when each of the next calls
/// goes out.
fn counted_at_each_call(form: Form) -> Vec<u64> {
    let mut service = Service::new();
    service.form = form;
    service.page_bytes = 1_024;
    service.table(by_pk("orders"), items(1_000, |_, _| {}));
    let mut wanted = Wanted::new(definitions([keys_only("orders", "one", &[("kind", Hash, S)])]));
    wanted.options.segments = Some(4);
    let mut run = wanted.begin(&service);
    assert_eq!(run.receive_all(), 4);
    let mut counted = Vec::new();
    while let Some(effect) = run.check.poll(run.now) {
        if let Effect::Call(..) = effect {
            let report = run.report();
            let counts = report.of(&id("orders", "one")).unwrap().items.as_ref().unwrap().counts;
            counted.push(counts.included + counts.sparse + counts.violating);
        }
    }
    counted
}

#[test]
fn a_page_that_says_where_the_next_begins_is_counted_when_that_is_on_its_way() {
    assert_eq!(counted_at_each_call(Form::Items), [0; 4]);
}

#[test]
fn of_pages_that_must_be_read_for_that_one_leads_to_a_call_before_the_next_is_read() {
    let counted = counted_at_each_call(Form::Json);
    assert_eq!(counted.len(), 4);
    assert!(counted[0] > 0 && counted.is_sorted_by(|a, b| a < b), "{counted:?}");
}
