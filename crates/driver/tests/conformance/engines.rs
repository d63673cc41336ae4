//! The engines under test, with what they are known to do differently.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use gsictl_core::call::{Call, CallError, CreateIndex, CreateTable, ErrorKind, Item, Page, Reply};
use gsictl_core::catalog::{BillingMode, IndexDescription, TableDescription, TableStatus};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use gsictl_core::time::Timestamp;
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions, Keys};
use gsictl_driver::dynamodb::local::{Clock, Local, LocalDurations};
use gsictl_fake::{ACCOUNT, ControlPlane, Fake};

use crate::dynamodb_local::DynamoDbLocal;

/// Only against hanging for ever; no case is judged by the time it took.
const PATIENCE: usize = 10_000;

/// Something that answers like DynamoDB.
#[derive(Clone)]
pub(crate) struct Engine {
    backend: Arc<dyn Backend>,
    pub(crate) facts: Facts,
    pace: Pace,
    /// Lives as long as the engine.
    _directory: Option<Arc<tempfile::TempDir>>,
}

/// Where engines differ.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    /// A build lasts: what is asked during one meets it.
    pub(crate) lasting_builds: bool,
    /// As AWS: the table is UPDATING during allocation and deletion; a delete is
    /// refused during allocation and cancels the build during backfill; a call has
    /// to define its keys' types even where the table does.
    pub(crate) as_aws: bool,
    /// Builds take half a minute of real time.
    pub(crate) slow: bool,
    /// A table has a `TableId`.
    pub(crate) table_ids: bool,
    /// Whose tables they are.
    pub(crate) account: &'static str,
}

/// What passing time is.
#[derive(Clone)]
enum Pace {
    Virtual(Arc<AtomicI64>),
    /// AWS's own times, on a clock that this moves.
    Fake(Arc<Fake>),
    Real(Duration),
}

const EMBEDDED: Facts = Facts {
    name: "the embedded engine",
    lasting_builds: true,
    as_aws: true,
    slow: false,
    table_ids: true,
    account: "000000000000",
};

const AS_AWS: Facts = Facts {
    name: "the fake of AWS",
    lasting_builds: true,
    as_aws: true,
    slow: false,
    table_ids: true,
    account: ACCOUNT,
};

const DYNAMODB_LOCAL: Facts = Facts {
    name: "DynamoDB Local",
    lasting_builds: false,
    as_aws: false,
    slow: false,
    table_ids: false,
    account: "000000000000",
};

/// A clock that stands still until it is moved.
pub(crate) fn virtual_clock() -> (Arc<AtomicI64>, Clock) {
    let millis = Arc::new(AtomicI64::new(1_790_000_000_000));
    let read = Arc::clone(&millis);
    let clock = Arc::new(move || Timestamp::from_millis(read.load(Ordering::SeqCst)));
    (millis, clock)
}

pub(crate) fn file() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = embedded(Some(&directory.path().join("tables.db")));
    engine._directory = Some(Arc::new(directory));
    engine
}

pub(crate) fn memory() -> Engine {
    embedded(None)
}

fn embedded(path: Option<&std::path::Path>) -> Engine {
    let (millis, clock) = virtual_clock();
    let local = Local::with_clock(path, LocalDurations::of_build(5.0), clock).unwrap();
    Engine {
        backend: Arc::new(local),
        facts: EMBEDDED,
        pace: Pace::Virtual(millis),
        _directory: None,
    }
}

/// One server for all tests; each has its own access key, and so its own data.
/// `None` where there is none to start.
pub(crate) async fn dynamodb_local(key: &str) -> Option<Engine> {
    let server = DynamoDbLocal::shared()?;
    let key = key.replace('_', "");
    let pace = Pace::Real(Duration::from_millis(20));
    Some(connect(&server.endpoint(), &key, DYNAMODB_LOCAL, pace).await)
}

/// AWS's control plane as recorded, each test with one of its own.
pub(crate) async fn fake() -> Engine {
    let fake = Arc::new(Fake::manual(ControlPlane::new("eu-west-1")).unwrap());
    connect(&fake.endpoint(), "AKIDEXAMPLE", AS_AWS, Pace::Fake(Arc::clone(&fake))).await
}

/// A server whose indexes take half a minute to build.
pub(crate) struct Slow {
    server: DynamoDbLocal,
    keys: AtomicUsize,
}

impl Slow {
    pub(crate) fn start() -> Option<Self> {
        Some(Self { server: DynamoDbLocal::start_slow()?, keys: AtomicUsize::new(0) })
    }

    pub(crate) async fn one(&self) -> Engine {
        let key = format!("key{}", self.keys.fetch_add(1, Ordering::SeqCst));
        let facts = Facts {
            name: "DynamoDB Local with slow builds",
            lasting_builds: true,
            slow: true,
            ..DYNAMODB_LOCAL
        };
        connect(&self.server.endpoint(), &key, facts, Pace::Real(Duration::from_millis(200))).await
    }
}

async fn connect(endpoint: &str, key: &str, facts: Facts, pace: Pace) -> Engine {
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(endpoint.to_owned()),
        keys: Some(Keys { access_key_id: key.to_owned(), secret_access_key: "secret".to_owned() }),
        ..AwsOptions::default()
    };
    Engine {
        backend: Arc::new(Aws::connect(options).await.unwrap()),
        facts,
        pace,
        _directory: None,
    }
}

impl Engine {
    pub(crate) async fn call(&self, call: Call) -> Result<TableDescription, CallError> {
        match self.ask(call).await? {
            Reply::Table(table) => Ok(*table),
            other => panic!("not a table: {other:?}"),
        }
    }

    pub(crate) async fn put(&self, call: Call) -> Result<(), CallError> {
        assert_eq!(self.ask(call).await?, Reply::Done);
        Ok(())
    }

    pub(crate) async fn put_items(&self, table: &TableName, items: Vec<Item>) {
        self.put(Call::PutItems { table: table.clone(), items }).await.unwrap();
    }

    pub(crate) async fn read(&self, call: Call) -> Result<Page, CallError> {
        match self.ask(call).await? {
            Reply::Page(page) => Ok(page),
            other => panic!("no page: {other:?}"),
        }
    }

    /// Whatever it answers, as the loop takes it.
    pub(crate) async fn ask(&self, call: Call) -> Result<Reply, CallError> {
        self.backend.call(call.clone()).await.map_err(|error| error.answering(&call))
    }

    pub(crate) async fn create(&self, create: &CreateIndex) -> Result<TableDescription, CallError> {
        self.call(Call::CreateIndex(Box::new(create.clone()))).await
    }

    pub(crate) async fn delete(
        &self,
        table: &TableName,
        index: &IndexName,
    ) -> Result<TableDescription, CallError> {
        let (table, index) = (table.clone(), index.clone());
        self.call(Call::DeleteIndex { table, index }).await
    }

    /// Asks again after a 500: DynamoDB Local answers one in some thousand
    /// descriptions so, where an index changes its status just then.
    pub(crate) async fn describe(&self, table: &TableName) -> TableDescription {
        for _ in 0..5 {
            match self.call(Call::DescribeTable(table.clone())).await {
                Err(error) if error.kind == ErrorKind::Server => self.pass_time().await,
                described => return described.unwrap(),
            }
        }
        panic!("it answers 500 again and again");
    }

    /// Describes until `done`, letting time pass in between, and returns every
    /// description, the last one first fit for `done`.
    pub(crate) async fn watch(
        &self,
        table: &TableName,
        done: impl Fn(&TableDescription) -> bool,
    ) -> Vec<TableDescription> {
        let mut seen = Vec::new();
        for _ in 0..PATIENCE {
            seen.push(self.describe(table).await);
            if seen.last().is_some_and(&done) {
                return seen;
            }
            self.pass_time().await;
        }
        panic!("it never came to that: {:?}", seen.last());
    }

    /// Waits until every index is ready.
    pub(crate) async fn settle(&self, table: &TableName) -> TableDescription {
        let ready = |t: &TableDescription| t.indexes.iter().all(IndexDescription::is_ready);
        self.watch(table, ready).await.pop().unwrap()
    }

    /// Says why a case does not apply.
    pub(crate) fn skip(&self, why: &str) {
        eprintln!("does not apply to {}: {why}", self.facts.name);
    }

    async fn pass_time(&self) {
        match &self.pace {
            Pace::Virtual(millis) => {
                millis.fetch_add(200, Ordering::SeqCst);
            }
            Pace::Fake(fake) => fake.advance(Duration::from_secs(20)),
            Pace::Real(pause) => tokio::time::sleep(*pause).await,
        }
    }

    /// An on-demand table with the partition key `pk` of type S.
    pub(crate) async fn table(&self, name: &str) -> TableName {
        self.make(on_demand(name)).await
    }

    /// Makes a table and waits until it is there: on AWS it is CREATING for some seconds.
    pub(crate) async fn make(&self, create: CreateTable) -> TableName {
        let table = create.table.clone();
        self.call(Call::CreateTable(Box::new(create))).await.unwrap();
        self.watch(&table, |table| table.status == TableStatus::Active).await;
        table
    }
}

pub(crate) fn table_name(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

pub(crate) fn index_name(name: &str) -> IndexName {
    IndexName::new(name).unwrap()
}

pub(crate) fn hash(attribute: &str) -> KeyElement {
    key(attribute, KeyType::Hash)
}

pub(crate) fn range(attribute: &str) -> KeyElement {
    key(attribute, KeyType::Range)
}

fn key(attribute: &str, key_type: KeyType) -> KeyElement {
    KeyElement { attribute_name: attribute.to_owned(), key_type }
}

pub(crate) fn on_demand(name: &str) -> CreateTable {
    CreateTable {
        table: table_name(name),
        key_schema: vec![hash("pk")],
        attributes: [("pk".to_owned(), ScalarType::S)].into(),
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
    }
}

/// An index on one attribute of type S that holds everything.
pub(crate) fn index(table: &TableName, name: &str, attribute: &str) -> CreateIndex {
    CreateIndex {
        table: table.clone(),
        index: index_name(name),
        key_schema: vec![hash(attribute)],
        projection: Projection::All,
        attributes: [(attribute.to_owned(), ScalarType::S)].into(),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
    }
}
