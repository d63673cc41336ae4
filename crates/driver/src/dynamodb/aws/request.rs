//! One [`Call`] as one request of the SDK, or a few for many items.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    PutRequest, ReturnConsumedCapacity, TableDescription, WriteRequest,
};
use gsictl_core::call::{
    Call, CallError, CreateIndex, CreateTable, Effect, ErrorKind, Item, PageForm, Query, Reply,
    Scan,
};
use gsictl_core::name::{IndexName, TableName};

use super::convert::{self, Told};
use super::credentials::Secrets;
use super::error;
use super::raw::KeptBody;
use crate::dynamodb::expression::Expressions;

/// What BatchWriteItem takes at once.
const BATCH: usize = 25;
/// How often what a batch left over is sent again; the waits add up to 6 s.
const BATCH_ATTEMPTS: u32 = 8;

pub(super) async fn send(
    client: &Client,
    call: Call,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    match call {
        // The client is that of the region.
        Call::DescribeTable(table) => describe(client, &table, secrets).await,
        Call::DescribeReplica { table, region } => {
            describe(client, &table.in_region(&region), secrets).await
        }
        Call::DescribeScaling(table) => scaling(client, &table, secrets).await,
        Call::CreateIndex(create) => create_index(client, *create, secrets).await,
        Call::DeleteIndex { table, index } => delete_index(client, &table, &index, secrets).await,
        Call::CreateTable(create) => create_table(client, *create, secrets).await,
        Call::PutItems { table, items } => put_items(client, &table, items, secrets).await,
        Call::Query(ask) => query(client, *ask, secrets).await,
        Call::Scan(ask) => scan(client, *ask, secrets).await,
    }
}

async fn describe(
    client: &Client,
    table: &TableName,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let request = client.describe_table().table_name(table.as_str());
    let answer = request.send().await;
    table_reply(answer.map_err(|e| error::of_call(&e, secrets))?.table)
}

async fn scaling(
    client: &Client,
    table: &TableName,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let request = client.describe_table_replica_auto_scaling().table_name(table.as_str());
    let answer = request.send().await.map_err(|e| error::of_call(&e, secrets))?;
    let table = answer.table_auto_scaling_description;
    let table = table.ok_or_else(|| convert::unreadable("the answer holds no table"))?;
    Ok(Reply::Scaling(convert::scaling_from(table)))
}

async fn create_index(
    client: &Client,
    create: CreateIndex,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let table = create.table.clone();
    let attributes = convert::attributes_to(&create.attributes)?;
    let action = CreateGlobalSecondaryIndexAction::builder()
        .index_name(create.index.as_str())
        .set_key_schema(Some(convert::keys_to(&create.key_schema)?))
        .projection(convert::projection_to(&create.projection))
        .set_provisioned_throughput(
            create.provisioned_throughput.map(convert::throughput_to).transpose()?,
        )
        .set_on_demand_throughput(create.on_demand_throughput.map(convert::on_demand_to))
        .set_warm_throughput(create.warm_throughput.map(convert::warm_to))
        .build()
        .map_err(convert::incomplete)?;
    let update = GlobalSecondaryIndexUpdate::builder().create(action).build();
    let request = client
        .update_table()
        .table_name(table.as_str())
        .set_attribute_definitions(Some(attributes))
        .global_secondary_index_updates(update);
    let answer = request.send().await;
    let answer = answer.map_err(|e| error::of_call(&e, secrets))?;
    table_reply(answer.table_description)
}

async fn delete_index(
    client: &Client,
    table: &TableName,
    index: &IndexName,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let action = DeleteGlobalSecondaryIndexAction::builder()
        .index_name(index.as_str())
        .build()
        .map_err(convert::incomplete)?;
    let update = GlobalSecondaryIndexUpdate::builder().delete(action).build();
    let request =
        client.update_table().table_name(table.as_str()).global_secondary_index_updates(update);
    let answer = request.send().await;
    let answer = answer.map_err(|e| error::of_call(&e, secrets))?;
    table_reply(answer.table_description)
}

async fn create_table(
    client: &Client,
    create: CreateTable,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let throughput = create.provisioned_throughput;
    let request = client
        .create_table()
        .table_name(create.table.as_str())
        .set_key_schema(Some(convert::keys_to(&create.key_schema)?))
        .set_attribute_definitions(Some(convert::attributes_to(&create.attributes)?))
        .billing_mode(convert::billing_to(create.billing_mode))
        .set_provisioned_throughput(throughput.map(convert::throughput_to).transpose()?);
    let answer = request.send().await;
    let answer = answer.map_err(|e| error::of_call(&e, secrets))?;
    table_reply(answer.table_description)
}

async fn put_items(
    client: &Client,
    table: &TableName,
    items: Vec<Item>,
    secrets: &Secrets,
) -> Result<Reply, CallError> {
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        let batch = items.by_ref().take(BATCH).map(put_request).collect::<Result<_, _>>()?;
        put_batch(client, table, batch, secrets).await?;
    }
    Ok(Reply::Done)
}

fn put_request(item: Item) -> Result<WriteRequest, CallError> {
    let put = PutRequest::builder()
        .set_item(Some(convert::item_to(item)))
        .build()
        .map_err(convert::incomplete)?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// Sends a batch, and what it left over again after a wait that doubles: a put
/// of the same item may be repeated.
async fn put_batch(
    client: &Client,
    table: &TableName,
    batch: Vec<WriteRequest>,
    secrets: &Secrets,
) -> Result<(), CallError> {
    let sent = batch.len();
    let mut left = HashMap::from([(table.as_str().to_owned(), batch)]);
    for attempt in 0..BATCH_ATTEMPTS {
        let request = client.batch_write_item().set_request_items(Some(left));
        let answer = request.send().await;
        let answer = answer.map_err(|e| error::of_call(&e, secrets))?;
        left = answer.unprocessed_items.unwrap_or_default();
        if left.keys().any(|name| !table.is_told_as(name)) || count(&left) > sent {
            return Err(convert::unreadable("the answer leaves over what was not sent"));
        }
        if left.values().all(Vec::is_empty) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25) * 2_u32.pow(attempt)).await;
    }
    Err(CallError {
        kind: ErrorKind::Throttled,
        effect: Effect::Unknown,
        code: "UnprocessedItems".to_owned(),
        message: format!(
            "{} items of a batch were not taken after {BATCH_ATTEMPTS} attempts",
            count(&left)
        ),
    })
}

fn count(left: &HashMap<String, Vec<WriteRequest>>) -> usize {
    left.values().map(Vec::len).sum()
}

async fn query(client: &Client, ask: Query, secrets: &Secrets) -> Result<Reply, CallError> {
    let mut expressions = Expressions::default();
    let request = client
        .query()
        .table_name(ask.table.as_str())
        .consistent_read(ask.index.is_none())
        .set_index_name(ask.index.map(String::from))
        .set_key_condition_expression(expressions.all_equal(ask.keys))
        .set_filter_expression(expressions.all_equal(ask.matching))
        .set_projection_expression(expressions.list(&ask.attributes))
        .set_limit(ask.limit.map(convert::limit_to))
        .set_exclusive_start_key(ask.after.map(convert::item_to))
        .set_expression_attribute_names(expressions.names())
        .set_expression_attribute_values(expressions.values().map(convert::item_to))
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
    let answer = request.send().await.map_err(|e| error::of_call(&e, secrets))?;
    let (count, last_key, consumed) =
        (answer.count, answer.last_evaluated_key, answer.consumed_capacity);
    let told = Told { count, last_key, consumed };
    Ok(Reply::Page(convert::page_from(&ask.table, answer.items, told)?))
}

async fn scan(client: &Client, ask: Scan, secrets: &Secrets) -> Result<Reply, CallError> {
    let mut expressions = Expressions::default();
    let request = client
        .scan()
        .table_name(ask.table.as_str())
        .set_segment(ask.segment.map(|s| convert::limit_to(s.number)))
        .set_total_segments(ask.segment.map(|s| convert::limit_to(s.total)))
        .set_projection_expression(expressions.list(&ask.attributes))
        .set_limit(ask.limit.map(convert::limit_to))
        .set_exclusive_start_key(ask.after.map(convert::item_to))
        .set_expression_attribute_names(expressions.names())
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
    if ask.form == PageForm::Json {
        let body = KeptBody::default();
        let answer = request.customize().interceptor(body.clone()).send().await;
        answer.map_err(|e| error::of_call(&e, secrets))?;
        let json = body.take().ok_or_else(|| convert::unreadable("the answer has no body"))?;
        return Ok(Reply::Json(json));
    }
    let answer = request.send().await.map_err(|e| error::of_call(&e, secrets))?;
    let (count, last_key, consumed) =
        (answer.count, answer.last_evaluated_key, answer.consumed_capacity);
    let told = Told { count, last_key, consumed };
    Ok(Reply::Page(convert::page_from(&ask.table, answer.items, told)?))
}

fn table_reply(table: Option<TableDescription>) -> Result<Reply, CallError> {
    let table = table.ok_or_else(|| convert::unreadable("the answer holds no table"))?;
    Ok(Reply::Table(Box::new(convert::table_from(table)?)))
}
