//! What AWS refuses for good, in its words.

use gsictl_fake::FakeIndex;
use serde_json::json;

use super::*;

fn provisioned() -> ControlPlane {
    ControlPlane::new(HOME).with_table(FakeTable::provisioned("orders", 5, 5).key("id", "S"))
}

fn refusal(plane: &mut ControlPlane, more: Value) -> (String, String) {
    let body = create_body("by-email", "email", more);
    let refused = plane.perform(seconds(0), HOME, "UpdateTable", &body).unwrap_err();
    (refused.short_code().to_owned(), refused.message)
}

fn units(read: u64, write: u64) -> Value {
    json!({ "ProvisionedThroughput": { "ReadCapacityUnits": read, "WriteCapacityUnits": write } })
}

#[test]
fn throughput_that_does_not_fit_the_table_is_refused() {
    let on_demand_cases = [
        (
            units(5, 5),
            "ProvisionedThroughput should not be specified for index: by-email when BillingMode \
             is PAY_PER_REQUEST",
        ),
        (
            json!({ "OnDemandThroughput": { "MaxReadRequestUnits": -1 } }),
            "Requested MaxReadRequestUnits for OnDemandThroughput for index : by-email is outside \
             of valid range",
        ),
        (
            json!({ "WarmThroughput": { "ReadUnitsPerSecond": 500 } }),
            "Requested ReadUnitsPerSecond for WarmThroughput for index by-email is lower than \
             initial throughput for OnDemand",
        ),
    ];
    for (more, words) in on_demand_cases {
        let refused = refusal(&mut on_demand(), more);
        let words = format!("One or more parameter values were invalid: {words}");
        assert_eq!(refused, ("ValidationException".to_owned(), words));
    }
    let mut with_limit = units(5, 5);
    with_limit["OnDemandThroughput"] = json!({ "MaxReadRequestUnits": 100 });
    let (code, words) = refusal(&mut provisioned(), with_limit);
    assert_eq!(code, "ValidationException");
    assert!(words.ends_with("cannot be specified when table BillingMode is PROVISIONED."));
    let (_, words) = refusal(&mut provisioned(), json!({}));
    assert!(words.ends_with("ProvisionedThroughput must be specified for index: by-email"));
    let (code, words) = refusal(&mut on_demand(), json!({ "WarmThroughput": {} }));
    assert_eq!((&*code, &*words), ("InternalFailure", ""));
}

#[test]
fn a_maximum_of_capacity_is_a_limit_that_never_passes() {
    let (code, words) = refusal(&mut provisioned(), units(10, 60_000));
    assert_eq!(code, "LimitExceededException");
    assert!(words.starts_with(
        "The requested WriteCapacityUnits, 60000, for index by-email, is above the per index \
         maximum for the account in eu-west-1. Per index maximum: 40000."
    ));
    let mut small = provisioned().with_limits(|limits| limits.units_per_account = 20);
    let (code, words) = refusal(&mut small, units(16, 1));
    assert_eq!(code, "LimitExceededException");
    let all = "This request would have caused the ReadCapacityUnits limit to be exceeded for the \
               account";
    assert_eq!(words, all);
    let warm = json!({ "WarmThroughput": { "ReadUnitsPerSecond": 83_411 } });
    let (code, words) = refusal(&mut on_demand(), warm);
    assert_eq!(code, "LimitExceededException");
    assert!(words.contains("exceeds TableMaxReadCapacityUnits of the account"), "{words}");
}

#[test]
fn twenty_indexes_are_the_quota_unless_aws_raised_it() {
    let full = |quota| {
        let mut table = FakeTable::on_demand("orders").key("id", "S");
        for number in 0..20 {
            table = table.index(FakeIndex::new(&format!("by-{number}")).key("day", "S"));
        }
        ControlPlane::new(HOME).with_table(table).with_limits(|l| l.indexes_per_table = quota)
    };
    let refused = create(&mut full(20), 0, "by-email").unwrap_err();
    assert_eq!(refused.short_code(), "LimitExceededException");
    assert!(refused.message.contains("exceeds per-table limit of 20"), "{refused:?}");
    create(&mut full(30), 0, "by-email").unwrap();
}

#[test]
fn the_request_has_to_define_every_key_attribute_even_those_of_the_table() {
    let mut plane = on_demand();
    let mut body = create_body("by-id", "id", json!({}));
    body["AttributeDefinitions"] = json!([]);
    let refused = plane.perform(seconds(0), HOME, "UpdateTable", &body).unwrap_err();
    assert!(refused.message.contains("are not defined in AttributeDefinitions. Keys: [id]"));
}

#[test]
fn so_many_tables_of_the_account_are_in_operation_at_once() {
    let mut plane = ControlPlane::new(HOME).with_limits(|limits| limits.table_operations = 2);
    for name in ["one", "two", "orders"] {
        plane = plane.with_table(FakeTable::on_demand(name).key("id", "S"));
    }
    for name in ["one", "two"] {
        plane.create(seconds(0), name, FakeIndex::new("by-day").key("day", "S"));
    }
    let refused = create(&mut plane, 10, "by-email").unwrap_err();
    assert_eq!(refused.short_code(), "LimitExceededException");
    assert!(refused.message.contains("simultaneously"), "{refused:?}");
    create(&mut plane, 550, "by-email").unwrap();
}
