//! A state belongs to an account and a region, whatever the endpoint.

use crate::world::one_index;
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
