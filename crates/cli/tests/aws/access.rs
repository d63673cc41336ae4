//! Who may do what, whose tables they are, and clocks.

use crate::{OnAws, aws, entry, quick, table};

#[test]
fn a_denied_change_is_told_in_awss_words_with_the_action_to_allow() {
    let plane = aws().with_table(table("orders")).with_access(|access| access.deny("UpdateTable"));
    let on = OnAws::new(plane, &["orders"]);
    on.apply(&[]).exits(3).says("dynamodb:UpdateTable").says("AccessDeniedException");
    assert_eq!(on.refused(), ["AccessDeniedException"]);
}

#[test]
fn a_skewed_clock_is_healed_by_asking_once_more() {
    for ahead in [-1_200, 1_200] {
        let plane = quick().with_table(table("orders")).with_access(|a| a.set_clock_ahead(ahead));
        let on = OnAws::new(plane, &["orders"]);
        on.run(&["plan", "defs.yaml"]).exits(0).says("1 to create");
        on.apply(&[]).exits(0);
        assert_eq!(on.done(), 1);
    }
}

#[test]
fn expired_credentials_at_the_first_contact_end_the_run_and_say_so() {
    let plane = aws().with_table(table("orders"));
    let on = OnAws::new(plane.with_access(|a| a.expire("AKIAFAKEFAKEFAKEFAKE")), &["orders"]);
    on.apply(&[]).exits(1).says("expired");
    assert!(on.changes().is_empty());
}

#[test]
fn an_index_is_validated_with_items_as_aws_reads_them() {
    let items = (0..50).map(|number| {
        serde_json::json!({
            "id": { "S": number.to_string() },
            "email": { "S": format!("{}@example.com", number % 5) },
        })
    });
    let on = OnAws::new(quick().with_table(table("orders").items(items)), &["orders"]);
    on.apply(&["--check", "--validate"]).exits(0).says("functional");
    assert_eq!(entry(&on.state(), "orders")["status"], "active");
    assert!(!on.fake.calls_of("Scan").is_empty() && !on.fake.calls_of("Query").is_empty());
}
