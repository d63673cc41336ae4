use super::*;
use crate::catalog::TableStatus;
use crate::definition::{KeyElement, KeyType, Projection};

fn name(index: &str) -> IndexName {
    IndexName::new(index).unwrap()
}

fn index(status: IndexStatus, backfilling: bool) -> IndexDescription {
    IndexDescription {
        name: name("by-day"),
        status,
        backfilling,
        key_schema: vec![KeyElement { attribute_name: "day".to_owned(), key_type: KeyType::Hash }],
        projection: Projection::KeysOnly,
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }
}

fn shows(indexes: Vec<IndexDescription>) -> OwnRegion {
    OwnRegion::Shown { status: TableStatus::Active, indexes }
}

fn replica(status: &str, own: OwnRegion) -> ReplicaDescription {
    ReplicaDescription { own, ..ReplicaDescription::new("us-east-1", status) }
}

#[test]
fn only_a_region_that_shows_an_index_ready_says_that_it_is() {
    let unknown = |reason: &str| OwnRegion::Unknown { reason: reason.to_owned() };
    let cases = [
        (replica("ACTIVE", shows(vec![index(IndexStatus::Active, false)])), None),
        // It serves queries while its throughput is changed.
        (replica("ACTIVE", shows(vec![index(IndexStatus::Updating, false)])), None),
        (
            replica("ACTIVE", shows(vec![index(IndexStatus::Creating, true)])),
            Some("us-east-1: CREATING (backfilling)"),
        ),
        (
            replica("ACTIVE", shows(vec![index(IndexStatus::Updating, true)])),
            Some("us-east-1: UPDATING (backfilling)"),
        ),
        (replica("ACTIVE", shows(vec![])), Some("us-east-1: does not list it")),
        (replica("ACTIVE", unknown("denied")), Some("us-east-1: cannot be asked (denied)")),
        (
            replica("ACTIVE", OwnRegion::NotAsked),
            Some("us-east-1: cannot be asked (not asked yet)"),
        ),
        (replica("ACTIVE", OwnRegion::Skipped), None),
        // A replica that is made, or updated, counts by what its region says.
        (replica("UPDATING", shows(vec![index(IndexStatus::Active, false)])), None),
        (replica("CREATING", unknown("no table")), Some("us-east-1: cannot be asked (no table)")),
        // One that goes away, or never came, holds nothing back.
        (replica("DELETING", OwnRegion::NotAsked), None),
        (replica("CREATION_FAILED", OwnRegion::NotAsked), None),
    ];
    for (replica, expected) in cases {
        let there = is_waited_for(&replica).then(|| elsewhere(&replica, &name("by-day"))).flatten();
        let told = there.map(|there| Missing { region: replica.region.clone(), there }.to_string());
        assert_eq!(told.as_deref(), expected, "{replica:?}");
    }
}

#[test]
fn what_is_being_built_elsewhere_has_no_bound_and_what_nobody_knows_has_one() {
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    let missing = |there| vec![Missing { region: "us-east-1".to_owned(), there }];
    let building = missing(Elsewhere::InWork { status: "CREATING".to_owned() });
    let unseen = missing(Elsewhere::Unseen);
    let mut patience = Patience::default();
    assert_eq!(patience.judge(at(100), &unseen), Then::WaitFromNow);
    assert_eq!(patience.judge(at(699), &unseen), Then::Wait);
    assert_eq!(patience.judge(at(5_000), &building), Then::Wait);
    let both: Vec<_> = unseen.iter().chain(&building).cloned().collect();
    assert_eq!(patience.judge(at(5_000), &both), Then::Wait);
    // The time counts from when a region last showed it being built.
    assert_eq!(patience.judge(at(5_060), &unseen), Then::Wait);
    assert_eq!(patience.judge(at(5_599), &unseen), Then::Wait);
    assert_eq!(patience.judge(at(5_600), &unseen), Then::GiveUp);
}
