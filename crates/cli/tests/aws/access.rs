//! Who may do what, whose tables they are, and clocks.

use gsictl_fake::FakeTable;

use crate::world::one_index;
use crate::{HOME, OnAws, aws, entry, quick, table};

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
fn another_accounts_table_is_reached_by_its_arn() {
    let arn = format!("arn:aws:dynamodb:{HOME}:210987654321:table/orders");
    let theirs = FakeTable::on_demand("orders").key("id", "S").of_account("210987654321");
    let plane = aws().with_table(theirs.building_for(30, 300)).with_table(table("orders"));
    let yaml = format!("\"{arn}\":\n{}", one_index("by-email", "email", "S"));
    let on = OnAws::with_definitions(plane, &yaml);
    on.run(&["plan", "defs.yaml"]).exits(0).says("1 to create");
    on.apply(&[]).exits(0);
    assert_eq!(on.done(), 1);
    assert_eq!(on.changes()[0].body["TableName"], arn);
    assert!(on.indexes(HOME, "orders").is_empty(), "its own table of that name is left alone");
    let theirs = on.fake.describe(HOME, &arn).unwrap();
    assert_eq!(theirs["GlobalSecondaryIndexes"][0]["IndexStatus"], "ACTIVE");
}

#[test]
fn a_table_named_by_its_name_and_by_its_arn_is_one() {
    let arn = format!("arn:aws:dynamodb:{HOME}:123456789012:table/orders");
    let by_email = one_index("by-email", "email", "S");
    let by_day = one_index("by-day", "day", "S");
    let plane = aws().with_table(table("orders"));
    let twice =
        OnAws::with_definitions(plane, &format!("orders:\n{by_email}\"{arn}\":\n{by_email}"));
    twice.apply(&[]).exits(2);
    assert!(twice.changes().is_empty());

    let plane = aws().with_table(table("orders").building_for(20, 60));
    let once = OnAws::with_definitions(plane, &format!("orders:\n{by_email}\"{arn}\":\n{by_day}"));
    once.apply(&[]).exits(0);
    // One lane: the second was never sent while the first one was being built.
    assert_eq!((once.done(), once.refused().len()), (2, 0));
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
