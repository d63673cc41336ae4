//! What is kept does not grow with the table.

use gsictl_core::call::Value;

use super::run::Wanted;
use super::samples::{Hash, Range, S, by_pk, definitions, items, keys_only, number, put, text};
use super::service::{Form, Service};

/// The longest cursor of a check of so many items, all with partition keys of their
/// own, one of three violating.
fn longest_cursor(count: usize) -> usize {
    let mut service = Service::new();
    service.form = Form::Items;
    service.latency = (20_000, 5_000);
    service.page_bytes = count * 2;
    let fill = |n: usize, item: &mut _| {
        put(item, "kind", if n.is_multiple_of(3) { Value::Null } else { text(format!("k{n}")) });
        put(item, "at", if n.is_multiple_of(7) { number(n) } else { text("now") });
    };
    service.table(by_pk("orders"), items(count, fill));
    let mut wanted = Wanted::new(definitions([
        keys_only("orders", "kinds", &[("kind", Hash, S)]),
        keys_only("orders", "items", &[("pk", Hash, S), ("at", Range, S)]),
    ]));
    wanted.options.saves = true;
    wanted.segments = Some(16);
    let mut run = wanted.begin(&service);
    while run.steps(1) {}
    assert!(run.saves.len() > 5, "{}", run.saves.len());
    run.saves.iter().map(|saved| saved.bytes.len()).max().unwrap()
}

#[test]
fn a_place_in_ten_times_the_items_takes_no_more_bytes() {
    let (few, many) = (longest_cursor(5_000), longest_cursor(50_000));
    assert!(many < few * 3 / 2, "{few} bytes of 5,000 items, {many} of 50,000");
}
