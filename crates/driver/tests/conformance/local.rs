//! What is particular to the embedded engine: several handles on one file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gsictl_core::call::{Call, CallError, CreateIndex, ErrorKind, Reply};
use gsictl_core::catalog::{IndexStatus, TableDescription};
use gsictl_core::name::TableName;
use gsictl_driver::dynamodb::local::{Local, LocalDurations};
use gsictl_driver::dynamodb::{Backend, ConnectError};

use crate::engines::{index, index_name, on_demand, table_name, virtual_clock};

async fn call(local: &Local, call: Call) -> Result<TableDescription, CallError> {
    match local.call(call).await? {
        Reply::Table(table) => Ok(*table),
        other => panic!("not a table: {other:?}"),
    }
}

async fn describe(local: &Local, table: &TableName) -> TableDescription {
    call(local, Call::DescribeTable(table.clone())).await.unwrap()
}

async fn create(local: &Local, create: CreateIndex) -> TableDescription {
    call(local, Call::CreateIndex(Box::new(create))).await.unwrap()
}

async fn make(local: &Local, name: &str) -> TableName {
    let made = call(local, Call::CreateTable(Box::new(on_demand(name)))).await;
    made.unwrap().name
}

fn problem_of(path: &Path) -> String {
    match Local::open(Some(path), LocalDurations::default()) {
        Err(ConnectError::Local { problem, .. }) => problem,
        other => panic!("it should not open: {other:?}"),
    }
}

#[tokio::test]
async fn two_handles_agree_on_the_phase_at_every_instant() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.db");
    let (millis, clock) = virtual_clock();
    let seconds = LocalDurations::of_build;
    let one = Local::with_clock(Some(&path), seconds(5.0), Arc::clone(&clock)).unwrap();
    let table = make(&one, "bookings").await;
    create(&one, index(&table, "by-aaa", "aaa")).await;
    // Another pace does not move what was begun.
    let two = Local::with_clock(Some(&path), seconds(500.0), clock).unwrap();
    let mut phases = Vec::new();
    for _ in 0..60 {
        let shown = describe(&two, &table).await;
        assert_eq!(describe(&one, &table).await, shown);
        phases.push((shown.indexes[0].status.clone(), shown.indexes[0].backfilling));
        millis.fetch_add(100, Ordering::SeqCst);
    }
    let count = |phase| phases.iter().filter(|p| **p == phase).count();
    assert_eq!(count((IndexStatus::Creating, false)), 10);
    assert_eq!(count((IndexStatus::Creating, true)), 40);
    assert_eq!(count((IndexStatus::Active, false)), 10);
}

#[tokio::test]
async fn creates_of_two_handles_on_two_tables_both_survive() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.db");
    let no_time = LocalDurations::of_build(0.0);
    let one = Local::open(Some(&path), no_time).unwrap();
    let two = Local::open(Some(&path), no_time).unwrap();
    let (left, right) = (make(&one, "left").await, make(&two, "right").await);
    for round in 0..8 {
        let name = format!("index-{round}");
        tokio::join!(
            create(&one, index(&left, &name, "aaa")),
            create(&two, index(&right, &name, "aaa")),
        );
    }
    // And on one table, by turns.
    create(&one, index(&left, "index-8", "bbb")).await;
    create(&two, index(&left, "index-9", "ccc")).await;
    assert_eq!(describe(&two, &left).await.indexes.len(), 10);
    assert_eq!(describe(&one, &right).await.indexes.len(), 8);
}

#[tokio::test]
async fn a_deletion_goes_on_without_the_one_who_began_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.db");
    let (millis, clock) = virtual_clock();
    let durations = LocalDurations::of_build(5.0);
    let one = Local::with_clock(Some(&path), durations, Arc::clone(&clock)).unwrap();
    let table = make(&one, "bookings").await;
    create(&one, index(&table, "by-aaa", "aaa")).await;
    millis.fetch_add(6_000, Ordering::SeqCst);
    let delete = Call::DeleteIndex { table: table.clone(), index: index_name("by-aaa") };
    call(&one, delete).await.unwrap();
    drop(one);
    let two = Local::with_clock(Some(&path), durations, clock).unwrap();
    let status = describe(&two, &table).await.indexes[0].status.clone();
    assert_eq!(status, IndexStatus::Deleting);
    millis.fetch_add(1_000, Ordering::SeqCst);
    assert!(describe(&two, &table).await.indexes.is_empty());
}

#[tokio::test]
async fn the_engines_own_table_is_nobodys() {
    let local = Local::open(None, LocalDurations::of_build(0.0)).unwrap();
    let table = make(&local, "bookings").await;
    create(&local, index(&table, "by-aaa", "aaa")).await;
    let own = table_name("_gsictl.lifecycle");
    let described = call(&local, Call::DescribeTable(own.clone())).await;
    assert_eq!(described.unwrap_err().kind, ErrorKind::TableNotFound);
    let items = Vec::new();
    let put = local.call(Call::PutItems { table: own, items }).await;
    assert_eq!(put.unwrap_err().kind, ErrorKind::TableNotFound);
    let made = call(&local, Call::CreateTable(Box::new(on_demand("_gsictl.lifecycle")))).await;
    assert_eq!(made.unwrap_err().kind, ErrorKind::Validation);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    let words = "Not a database, and long enough to be looked at as one. ".repeat(100);
    std::fs::write(&text, &words).unwrap();
    assert_eq!(problem_of(&text), "this file is not a database of the embedded engine");
    assert_eq!(std::fs::read_to_string(&text).unwrap(), words);
    assert_eq!(problem_of(directory.path()), "it is a directory: name a file, or move it away");
    let nowhere = directory.path().join("no/where.db");
    assert!(problem_of(&nowhere).starts_with("there is no directory "));
}

#[tokio::test]
async fn a_file_that_is_damaged_later_fails_the_call_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.db");
    let local = Local::open(Some(&path), LocalDurations::default()).unwrap();
    let table = make(&local, "bookings").await;
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![7; whole.len()]).unwrap();
    let error = call(&local, Call::DescribeTable(table.clone())).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Server, "LocalEngineFailure"));
    std::fs::write(&path, whole).unwrap();
    assert_eq!(describe(&local, &table).await.name, table);
}

#[test]
fn the_target_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables.db");
    let target = Local::open(Some(&path), LocalDurations::default()).unwrap().target();
    assert_eq!(target.region.as_deref(), Some("local"));
    assert_eq!(
        target.endpoint.as_ref().map(gsictl_core::endpoint::Endpoint::as_str),
        path.to_str()
    );
}
