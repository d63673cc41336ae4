//! The least a scan can cost, for `scripts/bench-check`: pages come in and are thrown
//! away. Of each no more is read than how many items it has and where the next begins.
//!
//! Prints as JSON how many items and pages came. With `--typed` each item is read as the
//! SDK does it, and checked for an index on `customer` (S) and `created` (N).

use std::collections::HashMap;
use std::error::Error;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::interceptors::context;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use clap::Parser;
use gsictl_core::call::{Call, PageForm, Reply, Scan, Segment};
use gsictl_core::name::TableName;
use gsictl_driver::dynamodb::Backend;
use serde_json::{Value, json};
use tokio::task::JoinSet;

mod place;

use place::Place;

#[derive(Debug, Parser)]
#[command(about = "Scans a table and throws the pages away")]
struct Options {
    #[command(flatten)]
    place: Place,
    /// The table
    #[arg(long, value_parser = |name: &str| TableName::new(name))]
    table: TableName,
    /// The attributes to ask for
    #[arg(long, value_delimiter = ',', required = true)]
    attributes: Vec<String>,
    /// Scans side by side
    #[arg(long, default_value_t = 4)]
    segments: u32,
    /// Read the items after all, as the SDK's maps, and check them
    #[arg(long, conflicts_with = "local")]
    typed: bool,
}

/// What came of one segment, or of all.
#[derive(Default)]
struct Counts {
    items: u64,
    pages: u64,
    /// Of those that were checked.
    fit: u64,
    sparse: u64,
    violating: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.pages += other.pages;
        self.fit += other.fit;
        self.sparse += other.sparse;
        self.violating += other.violating;
    }
}

type Attributes = HashMap<String, AttributeValue>;
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Arc::new(Options::parse());
    let mut segments = JoinSet::new();
    if options.place.local.is_some() {
        let backend = options.place.backend().await?;
        for number in 0..options.segments {
            segments.spawn(scan_local(Arc::clone(&backend), Arc::clone(&options), number));
        }
    } else {
        let client = client(&options).await;
        for number in 0..options.segments {
            segments.spawn(scan_server(client.clone(), Arc::clone(&options), number));
        }
    }
    let mut all = Counts::default();
    while let Some(counts) = segments.join_next().await {
        all += counts?.map_err(|e| e as Box<dyn Error>)?;
    }
    print(&all, options.typed);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "its result")]
fn print(counts: &Counts, typed: bool) {
    let Counts { items, pages, fit, sparse, violating } = counts;
    println!(
        "{}",
        if typed {
            json!({ "in": fit, "sparse": sparse, "violating": violating })
        } else {
            json!({ "items": items, "pages": pages })
        }
    );
}

/// The embedded engine through the driver: there is nothing below it that is less work.
async fn scan_local(
    backend: Arc<dyn Backend>,
    options: Arc<Options>,
    number: u32,
) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let mut scan = Scan {
        table: options.table.clone(),
        segment: (options.segments > 1).then_some(Segment { number, total: options.segments }),
        attributes: options.attributes.clone(),
        limit: None,
        after: None,
        form: PageForm::Items,
    };
    loop {
        let Reply::Page(page) = place::call(&*backend, Call::Scan(Box::new(scan.clone()))).await?
        else {
            return Err("a Scan was not answered with a page".into());
        };
        counts.pages += 1;
        counts.items += u64::try_from(page.items.len())?;
        if page.last_key.is_none() {
            return Ok(counts);
        }
        scan.after = page.last_key;
    }
}

async fn client(options: &Options) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(url) = &options.place.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Client::new(&loader.load().await)
}

async fn scan_server(
    client: Client,
    options: Arc<Options>,
    number: u32,
) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let mut after = None;
    loop {
        let request = request(&client, &options, number)?.set_exclusive_start_key(after);
        after = if options.typed {
            let page = request.send().await?;
            page.items().iter().for_each(|item| check(item, &mut counts));
            page.last_evaluated_key
        } else {
            let unread = Unread::default();
            request.customize().interceptor(unread.clone()).send().await?;
            let ends = unread.ends().ok_or("a page without a count")?;
            counts.items += ends.count;
            ends.last_key
        };
        counts.pages += 1;
        if after.is_none() {
            return Ok(counts);
        }
    }
}

fn request(client: &Client, options: &Options, number: u32) -> Result<ScanFluentBuilder, Failure> {
    let mut request = client
        .scan()
        .table_name(options.table.as_str())
        .segment(i32::try_from(number)?)
        .total_segments(i32::try_from(options.segments)?)
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
    let mut places = Vec::new();
    for (number, name) in options.attributes.iter().enumerate() {
        let place = format!("#k{number}");
        request = request.expression_attribute_names(&place, name);
        places.push(place);
    }
    Ok(request.projection_expression(places.join(", ")))
}

/// Takes the place of the SDK's deserializer where the call succeeded. The SDK still reads
/// the body, within its timeouts, and still reads what went wrong.
#[derive(Clone, Debug, Default)]
struct Unread(Arc<Mutex<Option<Ends>>>);

/// What the next request needs of a page, and the count that shows that none was lost.
#[derive(Debug)]
struct Ends {
    count: u64,
    last_key: Option<Attributes>,
}

impl Unread {
    fn ends(&self) -> Option<Ends> {
        self.0.lock().expect("nobody panics with it held").take()
    }
}

impl Intercept for Unread {
    fn name(&self) -> &'static str {
        "Unread"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            let instead = SharedResponseDeserializer::new(self.clone());
            config.interceptor_state().store_put(instead);
        }
        Ok(())
    }
}

impl DeserializeResponse for Unread {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _config: &ConfigBag,
    ) -> Result<context::Output, OrchestratorError<context::Error>> {
        let body = response.body().bytes().unwrap_or_default();
        *self.0.lock().expect("nobody panics with it held") = ends(body);
        Ok(context::Output::erase(ScanOutput::builder().build()))
    }
}

/// All but the items comes before or after them, in a few hundred bytes.
const END: usize = 4_096;

/// An item with attributes of these names could deceive it; those of the benchmark have none.
fn ends(body: &[u8]) -> Option<Ends> {
    let (start, end) = (&body[..body.len().min(END)], &body[body.len().saturating_sub(END)..]);
    let field = |name| value_of(end, name).or_else(|| value_of(start, name));
    let count = field("\"Count\":")?.as_u64()?;
    let last_key = match field("\"LastEvaluatedKey\":") {
        Some(key) => Some(key_from(&key)?),
        None => None,
    };
    Some(Ends { count, last_key })
}

/// What follows the last place where this stands.
fn value_of(text: &[u8], field: &str) -> Option<Value> {
    let at = text.windows(field.len()).rposition(|part| part == field.as_bytes())?;
    let rest = serde_json::Deserializer::from_slice(&text[at + field.len()..]);
    rest.into_iter().next()?.ok()
}

/// `None` for a key that is no string: the benchmark's tables have no such key.
fn key_from(key: &Value) -> Option<Attributes> {
    let value = |value: &Value| Some(AttributeValue::S(value.get("S")?.as_str()?.to_owned()));
    key.as_object()?.iter().map(|(name, v)| Some((name.clone(), value(v)?))).collect()
}

/// What `gsictl check` looks at, on the SDK's types: the table's key, and the index's.
fn check(item: &Attributes, counts: &mut Counts) {
    use AttributeValue::{N, S};
    let text = |value: &AttributeValue| matches!(value, S(text) if fits(text));
    let number = |value: &AttributeValue| matches!(value, N(digits) if is_in_range(digits));
    let customer = item.get("customer").map(text);
    let created = item.get("created").map(number);
    counts.items += 1;
    if item.get("id").map(text) != Some(true) || [customer, created].contains(&Some(false)) {
        counts.violating += 1;
    } else if customer.is_none() || created.is_none() {
        counts.sparse += 1;
    } else {
        counts.fit += 1;
    }
}

/// As a partition key.
fn fits(text: &str) -> bool {
    (1..=2_048).contains(&text.len())
}

/// Near enough: a float holds all that DynamoDB does, to fewer digits.
fn is_in_range(digits: &str) -> bool {
    digits.parse::<f64>().is_ok_and(|n| n == 0.0 || (1e-130..=1e126).contains(&n.abs()))
}
