//! AWS's refusals with their namespaces, as they come over the wire, and the kind that each
//! of them is taken for.

use std::time::Duration;

use gsictl_core::call::{Call, CreateIndex, Effect, ErrorKind, PageForm, Scan};
use gsictl_core::definition::{OnDemandThroughput, ProvisionedThroughput, WarmThroughput};
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions, Keys};
use gsictl_fake::{ControlPlane, Fake, FakeIndex, FakeTable, Scripted};

use crate::engines::{index, index_name, table_name};

const KEY: &str = "AKIDEXAMPLE";

fn plane() -> ControlPlane {
    ControlPlane::new("eu-west-1")
}

/// `orders`, on demand.
fn orders() -> FakeTable {
    FakeTable::on_demand("orders").key("id", "S")
}

/// `orders`, provisioned, with an index.
fn provisioned() -> FakeTable {
    let by_day = FakeIndex::new("by-day").key("day", "S").units(5, 5);
    FakeTable::provisioned("orders", 5, 5).key("id", "S").index(by_day)
}

fn create() -> CreateIndex {
    index(&table_name("orders"), "by-email", "email")
}

fn with_units(write: u64) -> CreateIndex {
    let units = ProvisionedThroughput { read_capacity_units: 1, write_capacity_units: write };
    CreateIndex { provisioned_throughput: Some(units), ..create() }
}

fn delete(index: &str) -> Call {
    Call::DeleteIndex { table: table_name("orders"), index: index_name(index) }
}

fn scan() -> Call {
    Call::Scan(Box::new(Scan {
        table: table_name("orders"),
        segment: None,
        attributes: Vec::new(),
        limit: None,
        after: None,
        form: PageForm::Items,
    }))
}

/// The kind of the last of these calls, which alone is refused, as the loop takes it.
async fn kind(plane: ControlPlane, calls: Vec<Call>) -> ErrorKind {
    let fake = Fake::manual(plane).unwrap();
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(fake.endpoint()),
        keys: Some(Keys { access_key_id: KEY.to_owned(), secret_access_key: "s".to_owned() }),
        ..AwsOptions::default()
    };
    let aws = Aws::connect(options).await.unwrap();
    let last = calls.len() - 1;
    for (number, call) in calls.into_iter().enumerate() {
        let answer = aws.call(call.clone()).await.map_err(|error| error.answering(&call));
        if number < last {
            answer.unwrap();
        } else {
            let error = answer.unwrap_err();
            assert_eq!(error.effect, Effect::NotApplied, "{error}");
            return error.kind;
        }
    }
    unreachable!("there is a last call");
}

async fn of_create(plane: ControlPlane, create: CreateIndex) -> ErrorKind {
    kind(plane, vec![Call::CreateIndex(Box::new(create))]).await
}

#[tokio::test]
async fn what_a_table_is_busy_with_passes() {
    let minute = Duration::from_secs(60);
    let making = || plane().with_table(orders());
    let first = Call::CreateIndex(Box::new(create()));
    let second = index(&table_name("orders"), "by-day", "day");
    let second = Call::CreateIndex(Box::new(second));
    let taken = kind(making(), vec![first.clone(), second]).await;
    assert_eq!(taken, ErrorKind::OtherIndexBuilding);
    let early = kind(making(), vec![first, delete("by-email")]).await;
    assert_eq!(early, ErrorKind::IndexBusy);
    let updating = plane().with_table(provisioned()).at(Duration::ZERO, move |plane, now| {
        plane.keep_updating(now, "orders", "by-day", minute);
    });
    assert_eq!(kind(updating, vec![delete("by-day")]).await, ErrorKind::IndexBusy);
    let busy = making().at(Duration::ZERO, move |p, now| p.keep_busy(now, "orders", minute));
    assert_eq!(of_create(busy, create()).await, ErrorKind::TableBusy);
    let global = plane().with_table(orders().in_regions(&["eu-west-1", "us-east-1"]));
    let global = global.at(Duration::ZERO, |p, now| p.add_replica(now, "orders", "ap-south-1"));
    assert_eq!(of_create(global, create()).await, ErrorKind::TableBusy);
}

#[tokio::test]
async fn limits_of_the_account_pass_and_quotas_do_not() {
    let making = || plane().with_table(orders());
    let fast = making().with_limits(|limits| limits.change_burst = 0.0);
    assert_eq!(of_create(fast, create()).await, ErrorKind::ControlPlaneRate);
    let full = making().with_limits(|limits| limits.table_operations = 0);
    assert_eq!(of_create(full, create()).await, ErrorKind::AccountLimit);

    let of_units = |units| of_create(plane().with_table(provisioned()), with_units(units));
    assert_eq!(of_units(60_000).await, ErrorKind::QuotaReached);
    let small = plane().with_table(provisioned()).with_limits(|l| l.units_per_account = 20);
    assert_eq!(of_create(small, with_units(20)).await, ErrorKind::QuotaReached);
    let none = making().with_limits(|limits| limits.indexes_per_table = 0);
    assert_eq!(of_create(none, create()).await, ErrorKind::QuotaReached);
    let limit =
        OnDemandThroughput { max_read_request_units: Some(50_000), max_write_request_units: None };
    let limited = CreateIndex { on_demand_throughput: Some(limit), ..create() };
    assert_eq!(of_create(making(), limited).await, ErrorKind::QuotaReached);
}

#[tokio::test]
async fn what_does_not_fit_is_invalid() {
    let making = || plane().with_table(orders());
    assert_eq!(of_create(making(), with_units(5)).await, ErrorKind::Validation);
    let warm = WarmThroughput { read_units_per_second: Some(500), write_units_per_second: None };
    let warm = CreateIndex { warm_throughput: Some(warm), ..create() };
    assert_eq!(of_create(making(), warm).await, ErrorKind::Validation);
    // A 500 without a word, and no trouble of the service.
    let empty = CreateIndex { warm_throughput: Some(WarmThroughput::default()), ..create() };
    assert_eq!(of_create(making(), empty).await, ErrorKind::Validation);
    let there = plane().with_table(orders().index(FakeIndex::new("by-email").key("email", "S")));
    assert_eq!(of_create(there, create()).await, ErrorKind::IndexExists);
    assert_eq!(kind(making(), vec![delete("by-email")]).await, ErrorKind::IndexNotFound);
    let regions = ["eu-west-1", "us-east-1"];
    let unscaled = plane().with_table(provisioned().in_regions(&regions));
    assert_eq!(of_create(unscaled, with_units(5)).await, ErrorKind::WritesNotAutoscaled);
}

#[tokio::test]
async fn who_may_not_ask_is_told_why() {
    let making = || plane().with_table(orders());
    let denied = making().with_access(|access| access.deny("UpdateTable"));
    assert_eq!(of_create(denied, create()).await, ErrorKind::AccessDenied);
    let expired = making().with_access(|access| access.expire(KEY));
    assert_eq!(of_create(expired, create()).await, ErrorKind::CredentialsExpired);
    let unknown = making().with_access(|access| access.forget(KEY));
    assert_eq!(of_create(unknown, create()).await, ErrorKind::CredentialsInvalid);
    for ahead in [-1_000, 1_000] {
        let skewed = making().with_access(|access| access.set_clock_ahead(ahead));
        assert_eq!(of_create(skewed, create()).await, ErrorKind::ClockSkew);
    }
    for code in ["SubscriptionRequiredException", "OptInRequired"] {
        let scripted = Scripted::on("UpdateTable")
            .refuse(code, "The AWS Access Key Id needs a subscription for the service");
        let account = making().with_scripted(scripted);
        assert_eq!(of_create(account, create()).await, ErrorKind::AccountNotEnabled);
    }
    let lost = making().at(Duration::ZERO, |plane, now| {
        plane.set_status(now, "orders", "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    });
    assert_eq!(kind(lost, vec![scan()]).await, ErrorKind::AccessDenied);
    assert_eq!(kind(plane(), vec![scan()]).await, ErrorKind::TableNotFound);
}
