//! One table in one region.

use gsictl_fake::FakeIndex;
use serde_json::json;

use super::*;

#[test]
fn a_build_is_allocated_under_an_updating_table_and_backfilled_under_an_active_one() {
    let mut plane = on_demand();
    let answer = create(&mut plane, 0, "by-email").unwrap();
    let allocating = "UPDATING: by-email CREATING not-yet-backfilling";
    assert_eq!(told(&answer["TableDescription"]), allocating);
    assert_eq!(seen(&mut plane, 29, HOME), allocating);
    assert_eq!(seen(&mut plane, 30, HOME), "ACTIVE: by-email CREATING backfilling");
    assert_eq!(seen(&mut plane, 549, HOME), "ACTIVE: by-email CREATING backfilling");
    assert_eq!(seen(&mut plane, 550, HOME), "ACTIVE: by-email ACTIVE");
    // Whoever looks in between, and however often, changes nothing.
    assert_eq!(seen(&mut plane, 29, HOME), allocating);
}

#[test]
fn a_table_has_one_online_slot_which_vector_indexes_share() {
    let mut plane = on_demand();
    plane.create(seconds(0), "orders", FakeIndex::vector("by-meaning", "meaning"));
    let refused = create(&mut plane, 100, "by-email").unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.dynamodb.v20120810#LimitExceededException");
    let words = "Subscriber limit exceeded: Only 1 online index can be created or deleted \
                 simultaneously per table";
    assert_eq!(refused.message, words);
    assert_eq!(seen(&mut plane, 100, HOME), "ACTIVE: by-meaning CREATING backfilling");
    create(&mut plane, 790, "by-email").unwrap();
    let refused = create(&mut plane, 800, "by-other").unwrap_err();
    assert_eq!(refused.message, words);
}

#[test]
fn a_build_is_cancelled_from_its_backfill_on_and_not_before() {
    let mut plane = on_demand();
    create(&mut plane, 0, "by-email").unwrap();
    let refused = delete(&mut plane, 10, "by-email").unwrap_err();
    assert_eq!(refused.code, "com.amazonaws.dynamodb.v20120810#ResourceInUseException");
    assert_eq!(
        refused.message,
        "Attempt to change a resource which is still in use: Index creation is in resource \
         allocation phase. Retry deletion during backfilling phase or when the index is active. \
         Table: orders Index: by-email"
    );
    delete(&mut plane, 40, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 43, HOME), "UPDATING: by-email DELETING");
    let again = delete(&mut plane, 43, "by-email").unwrap_err();
    assert!(again.message.contains("Index is being deleted"), "{again:?}");
    assert_eq!(seen(&mut plane, 44, HOME), "ACTIVE:");
    let gone = delete(&mut plane, 44, "by-email").unwrap_err();
    assert!(gone.message.contains("Index by-email for table orders"), "{gone:?}");
    let attributes = &describe(&mut plane, 44, HOME)["AttributeDefinitions"];
    assert_eq!(attributes.as_array().unwrap().len(), 1, "unused ones go by themselves");
}

#[test]
fn a_late_description_tells_what_was_before_the_change() {
    let mut plane = on_demand().with_times(|times| times.late = seconds(5));
    create(&mut plane, 10, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 14, HOME), "ACTIVE:");
    assert_eq!(seen(&mut plane, 15, HOME), "UPDATING: by-email CREATING not-yet-backfilling");
    delete(&mut plane, 100, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 104, HOME), "ACTIVE: by-email CREATING backfilling");
    assert_eq!(seen(&mut plane, 105, HOME), "ACTIVE:");
    let made = json!({
        "TableName": "new",
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    plane.perform(seconds(200), HOME, "CreateTable", &made).unwrap();
    let ask = json!({ "TableName": "new" });
    let early = plane.perform(seconds(204), HOME, "DescribeTable", &ask).unwrap_err();
    assert_eq!(early.short_code(), "ResourceNotFoundException");
    let told = plane.perform(seconds(205), HOME, "DescribeTable", &ask).unwrap();
    assert_eq!(told["Table"]["TableStatus"], "CREATING");
}

#[test]
fn an_index_that_exists_is_no_second_time_created() {
    let mut plane = on_demand();
    create(&mut plane, 0, "by-email").unwrap();
    let refused = create(&mut plane, 600, "by-email").unwrap_err();
    assert_eq!(refused.code, "com.amazon.coral.validate#ValidationException");
    assert_eq!(refused.message, "Attempting to create an index which already exists");
}

#[test]
fn a_build_that_never_ends_can_be_cancelled() {
    let table = FakeTable::on_demand("orders").key("id", "S").never_built();
    let mut plane = ControlPlane::new(HOME).with_table(table);
    create(&mut plane, 0, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 100_000, HOME), "ACTIVE: by-email CREATING backfilling");
    delete(&mut plane, 100_000, "by-email").unwrap();
    assert_eq!(seen(&mut plane, 100_010, HOME), "ACTIVE:");
}

#[test]
fn what_others_do_happens_at_its_own_moment_whoever_looks() {
    let mut fakes = [true, false].map(|_| {
        let plane = on_demand().at(seconds(100), |plane, now| {
            plane.create(now, "orders", FakeIndex::new("by-day").key("day", "S"));
        });
        gsictl_fake::Fake::manual(plane).unwrap()
    });
    fakes[0].advance(seconds(90));
    assert_eq!(fakes[0].indexes(HOME, "orders").len(), 0);
    fakes[0].advance(seconds(40));
    fakes[1].advance(seconds(130));
    for fake in &mut fakes {
        let table = fake.describe(HOME, "orders").unwrap();
        assert_eq!(told(&table), "ACTIVE: by-day CREATING backfilling");
    }
}
