//! Makes a table and fills it, for `scripts/bench-check`. What an item holds
//! follows from the seed and its number alone.
//!
//! Prints as JSON how many items an index on `customer` (S) and `created` (N)
//! takes in, leaves out and cannot take.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use gsictl_core::call::{Call, CallError, CreateTable, Item, Value};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, ScalarType};
use gsictl_core::name::TableName;
use gsictl_driver::dynamodb::Backend;
use tokio::task::JoinSet;

mod place;

use place::Place;

#[derive(Debug, Parser)]
#[command(about = "Makes a table of like items, for benchmarks")]
struct Options {
    #[command(flatten)]
    place: Place,
    /// The table to make
    #[arg(long, value_parser = |name: &str| TableName::new(name))]
    table: TableName,
    /// How many items
    #[arg(long)]
    items: u64,
    /// What each takes in DynamoDB: names and values
    #[arg(long)]
    bytes: usize,
    /// Another seed makes other items
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls side by side
    #[arg(long, default_value_t = 8)]
    tasks: usize,
}

/// Bytes of items in one call: 25 items of 40 KB, or 5,000 of 200 bytes.
const CALL_BYTES: usize = 1_000_000;
/// Every so many items one lacks an attribute of the index, and is not in it.
const SPARSE: u64 = 10;
/// Every so many items one has a value that no key may have.
const VIOLATING: u64 = 10_000;
const CUSTOMERS: u64 = 50_000;
/// Letters of fillers: any stretch of them is another text.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let backend = options.place.backend().await?;
    backend.call(create(&options.table)).await?;
    fill(&backend, &options).await?;
    print_counts(options.items);
    Ok(())
}

fn create(table: &TableName) -> Call {
    Call::CreateTable(Box::new(CreateTable {
        table: table.clone(),
        key_schema: vec![KeyElement { attribute_name: "id".to_owned(), key_type: KeyType::Hash }],
        attributes: BTreeMap::from([("id".to_owned(), ScalarType::S)]),
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
    }))
}

/// Each task takes the next part that nobody has taken.
async fn fill(backend: &Arc<dyn Backend>, options: &Options) -> Result<(), Box<dyn Error>> {
    let (total, bytes, seed) = (options.items, options.bytes, options.seed);
    let part = u64::try_from((CALL_BYTES / bytes).max(1))?;
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..options.tasks {
        let (backend, next) = (Arc::clone(backend), Arc::clone(&next));
        let table = options.table.clone();
        tasks.spawn(async move {
            loop {
                let from = next.fetch_add(part, Ordering::Relaxed);
                if from >= total {
                    return Ok::<(), CallError>(());
                }
                let items = (from..total.min(from + part)).map(|n| item(seed, n, bytes)).collect();
                let put = Call::PutItems { table: table.clone(), items };
                place::call(&*backend, put).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn item(seed: u64, number: u64, bytes: usize) -> Item {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    let id = format!("{:016x}-{number:010}", random.u64(..));
    let customer = format!("customer#{:08}", random.u64(..CUSTOMERS));
    let created = format!("{}.{:03}", 1_700_000_000 + number, random.u64(..1_000));
    let mut item = Item::from([
        ("id".to_owned(), Value::S(id)),
        ("customer".to_owned(), Value::S(customer)),
        ("created".to_owned(), Value::N(created)),
    ]);
    if is_sparse(number) {
        item.remove("customer");
    } else if is_violating(number) {
        let (name, bad) = violation(number / VIOLATING);
        item.insert(name.to_owned(), bad);
    }
    let name = "filler".to_owned();
    let filled: usize = item.iter().map(|(name, value)| name.len() + size(value)).sum();
    let length = bytes.saturating_sub(filled + name.len());
    let start = random.usize(..LETTERS.len());
    let letters = LETTERS.iter().cycle().skip(start).take(length);
    item.insert(name, Value::S(letters.map(|letter| char::from(*letter)).collect()));
    item
}

fn is_sparse(number: u64) -> bool {
    number.is_multiple_of(SPARSE)
}

/// Never one that is sparse.
fn is_violating(number: u64) -> bool {
    number % VIOLATING == 7
}

/// Each way in turn in which an item can be unfit for the index.
fn violation(turn: u64) -> (&'static str, Value) {
    match turn % 5 {
        0 => ("customer", Value::S(String::new())),
        1 => ("customer", Value::N("17".to_owned())),
        2 => ("created", Value::S("yesterday".to_owned())),
        3 => ("customer", Value::Null),
        _ => ("customer", Value::S("c".repeat(2_049))),
    }
}

/// What DynamoDB counts, near enough: a number takes about half its digits.
fn size(value: &Value) -> usize {
    match value {
        Value::S(text) => text.len(),
        Value::N(digits) => digits.len() / 2 + 1,
        _ => 1,
    }
}

#[expect(clippy::print_stdout, reason = "its result")]
fn print_counts(items: u64) {
    let count = |is: fn(u64) -> bool| (0..items).filter(|n| is(*n)).count() as u64;
    let (sparse, violating) = (count(is_sparse), count(is_violating));
    let fit = items - sparse - violating;
    println!("{}", serde_json::json!({ "in": fit, "sparse": sparse, "violating": violating }));
}
