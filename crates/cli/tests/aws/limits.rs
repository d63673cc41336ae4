//! Limits and quotas: which of them pass, and which never do.

use gsictl_fake::{FakeIndex, FakeTable, Scripted};

use crate::world::{one_index, text};
use crate::{OnAws, aws, entry, quick, table};

const OVER_MAXIMUM: &str = "The requested WriteCapacityUnits, 60000, for index by-email, is above \
                            the per index maximum for the account in eu-west-1.";

/// `big` asks for more write units than the account allows an index; the others for
/// nothing special.
fn one_too_big() -> OnAws {
    let others = ["carts", "orders", "users"];
    let mut plane = aws().with_table(FakeTable::provisioned("big", 5, 5).key("id", "S"));
    let big = one_index("by-email", "email", "S");
    let mut yaml = format!(
        "big:\n{big}    ProvisionedThroughput: {{ ReadCapacityUnits: 10, WriteCapacityUnits: 60000 }}\n"
    );
    for name in others {
        plane = plane.with_table(table(name));
        yaml += &format!("{name}:\n{big}");
    }
    OnAws::with_definitions(plane, &yaml)
}

#[test]
fn a_capacity_maximum_fails_one_table_in_awss_words_and_the_others_finish_undisturbed() {
    let on = one_too_big();
    let done = on.start_apply(&[]).end().exits(3);
    let failed = done.events().into_iter().find(|e| e["event"] == "failed").unwrap();
    assert!(failed.to_string().contains(OVER_MAXIMUM), "{failed}");
    let mut created = done.indexes("activated");
    created.sort();
    assert_eq!(created, ["carts.by-email", "orders.by-email", "users.by-email"]);
    // Nothing was queued, and nobody's pace was lowered.
    assert_eq!(done.indexes("queued"), [""; 0], "{}", done.text());
    assert_eq!((on.refused(), on.done()), (vec!["LimitExceededException".to_owned()], 3));

    let state = on.world.state();
    assert!(text(&entry(&state, "big")["last_error"]).contains(OVER_MAXIMUM), "{state:#}");
    assert_eq!(entry(&state, "big")["status"], "failed");
    assert_eq!(entry(&state, "orders")["status"], "active");
    assert!(on.world.only_report().to_string().contains(OVER_MAXIMUM));
}

#[test]
fn people_read_awss_words_where_a_maximum_is_exceeded() {
    let on = one_too_big();
    on.apply(&["--table", "big"]).exits(3).says(OVER_MAXIMUM).says("1 failed");
}

#[test]
fn a_quota_of_indexes_is_awss_to_enforce() {
    let plane = |quota| {
        let mut full = table("orders");
        for number in 0..20 {
            full = full.index(FakeIndex::new(&format!("by-{number}")).key("day", "S"));
        }
        quick().with_table(full).with_limits(|limits| limits.indexes_per_table = quota)
    };
    let raised = OnAws::new(plane(30), &["orders"]);
    raised.apply(&[]).exits(0);
    assert_eq!(raised.done(), 1);
    let usual = OnAws::new(plane(20), &["orders"]);
    usual.apply(&[]).exits(3).says("exceeds per-table limit of 20");
    assert_eq!(usual.refused(), ["LimitExceededException"]);
}

#[test]
fn a_dozen_tables_pass_the_limiter_of_changes_without_an_attempt_lost() {
    let names: Vec<_> = (0..12).map(|number| format!("table-{number:02}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let plane = names.iter().fold(quick(), |plane, name| plane.with_table(table(name)));
    let on = OnAws::new(plane, &names);
    let done = on.start_apply(&[]).end().exits(0);
    assert_eq!(done.indexes("attempt_failed"), [""; 0], "{}", done.text());
    assert_eq!(on.done(), 12);
    let mut refused = on.refused();
    refused.dedup();
    assert_eq!(refused, ["ThrottlingException"], "the limiter was met");
    let state = on.state();
    for name in &names {
        assert_eq!(entry(&state, name)["retry_count"], 0, "{state:#}");
    }
}

#[test]
fn operations_that_are_too_many_at_once_are_a_queue() {
    let plane = ["one", "two", "three"].iter().fold(quick(), |p, name| p.with_table(table(name)));
    let plane = plane.with_limits(|limits| limits.table_operations = 1);
    let on = OnAws::new(plane, &["one", "two", "three"]);
    let done = on.start_apply(&[]).end().exits(0);
    assert_eq!(on.done(), 3);
    assert_eq!(done.indexes("attempt_failed"), [""; 0], "{}", done.text());
}

#[test]
fn a_limit_that_nobody_knows_is_counted_and_so_it_ends() {
    let words = "Subscriber limit exceeded: Only so many moons are allowed";
    let scripted = Scripted::on("UpdateTable").refuse("LimitExceededException", words);
    let on = OnAws::new(aws().with_table(table("orders")).with_scripted(scripted), &["orders"]);
    on.apply(&["--max-attempts", "2", "--backoff", "1"]).exits(3).says(words);
    assert_eq!(on.refused().len(), 2);
    assert!(text(&entry(&on.world.state(), "orders")["last_error"]).contains(words));
}
