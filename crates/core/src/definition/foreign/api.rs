//! Requests and answers of DynamoDB's API, as the aws command line takes and prints
//! them, and models of NoSQL Workbench, which hold them.

use super::super::node::{Entry, Node, Span};
use crate::name::TableName;

use super::{
    Foreign, MOST_NAMED, entry, export, has_any, list, map, maps, or_export, take, text, text_at,
    value,
};

/// Fields that only an answer about an index has.
const OF_AN_ANSWER: [&str; 5] =
    ["IndexStatus", "IndexArn", "IndexSizeBytes", "ItemCount", "Backfilling"];

/// Fields that only an answer about a table has.
const OF_A_TABLE: [&str; 5] =
    ["TableStatus", "TableArn", "TableId", "CreationDateTime", "TableSizeBytes"];

const INDEXES: &str = "GlobalSecondaryIndexes";
const UPDATES: &str = "GlobalSecondaryIndexUpdates";

pub(super) fn recognise(entries: &[Entry]) -> Option<Foreign> {
    answer(entries)
        .or_else(|| table_names(entries))
        .or_else(|| items(entries))
        .or_else(|| model(entries))
        .or_else(|| request(entries))
        .or_else(|| tables_by_name(entries))
        .or_else(|| indexes_of_answers(entries))
        .or_else(|| updates_by_name(entries))
}

/// A list that is the whole file.
pub(super) fn of_list(items: &[Node], span: &Span) -> Option<Foreign> {
    let first = items.first()?;
    if items.iter().all(|item| text(item).is_some_and(|name| TableName::new(name).is_ok())) {
        let tables = items.iter().filter_map(text);
        return Some(Foreign::at(&(span.start..span.start), "a list of names", from_live(tables)));
    }
    let fields = map(first)?;
    let here = &fields.first()?.key.span;
    if let Some(name) = text_at(fields, &["TableName"]) {
        return Some(Foreign::at(here, "a list of tables", from_live([name])));
    }
    text_at(fields, &["IndexName"])?;
    let help = take("the list", None);
    Some(if has_any(fields, &OF_AN_ANSWER) {
        let shape = "a list of indexes as DescribeTable shows them";
        Foreign::at(here, shape, from_live([]))
    } else {
        Foreign::at(here, "a list of indexes without their table", help)
    })
}

/// What to do where the live table says all that the file says.
fn from_live<'t>(tables: impl IntoIterator<Item = &'t str>) -> String {
    format!("have definitions written from the live table: {}", export(tables))
}

/// `{"Table": ...}`, as DescribeTable answers; `{"TableDescription": ...}`, as the calls
/// that change a table do.
fn answer(entries: &[Entry]) -> Option<Foreign> {
    let ways = [
        ("Table", "the answer to DescribeTable"),
        ("TableDescription", "the answer to UpdateTable or CreateTable"),
    ];
    ways.into_iter().find_map(|(key, shape)| {
        let found = entry(entries, key)?;
        let table = map(&found.value)?;
        has_any(table, &["TableName", "TableStatus", "KeySchema", INDEXES]).then_some(())?;
        Some(Foreign::new(found, shape, from_live(text_at(table, &["TableName"]))))
    })
}

/// The answer to ListTables. A table may have this name, and then a list of indexes.
fn table_names(entries: &[Entry]) -> Option<Foreign> {
    let found = entry(entries, "TableNames")?;
    let names = list(&found.value)?;
    if names.iter().any(|name| text(name).is_none()) {
        return None;
    }
    let some = names.iter().filter_map(text).take(MOST_NAMED);
    Some(Foreign::new(found, "the answer to ListTables", from_live(some)))
}

/// The answer to Scan or Query.
fn items(entries: &[Entry]) -> Option<Foreign> {
    let found = entry(entries, "Items").filter(|items| list(&items.value).is_some())?;
    let count = entry(entries, "ScannedCount").or(entry(entries, "Count"))?;
    text(&count.value)?;
    Some(Foreign::new(found, "the answer to Scan or Query", from_live([])))
}

/// A model of NoSQL Workbench.
fn model(entries: &[Entry]) -> Option<Foreign> {
    let found = entry(entries, "DataModel")?;
    let mut tables = maps(&found.value);
    let named = tables.find_map(|table| text_at(table, &["TableName"]))?;
    let part = "write each of GlobalSecondaryIndexes under the table's name: KeyAttributes is \
                KeySchema there";
    Some(Foreign::new(found, "a model of NoSQL Workbench", or_export(part, Some(named))))
}

/// A bare table: the request of CreateTable or UpdateTable, or the table of an answer.
fn request(entries: &[Entry]) -> Option<Foreign> {
    let name = entry(entries, "TableName").filter(|name| text(&name.value).is_some());
    let table = name.and_then(|name| text(&name.value));
    if let Some(found) = entry(entries, UPDATES) {
        let part = take("what stands in each `Create`, as a list,", table);
        let shape = if name.is_some() {
            "a request of UpdateTable"
        } else {
            "a part of a request of UpdateTable"
        };
        return Some(Foreign::new(name.unwrap_or(found), shape, or_export(&part, table)));
    }
    if let Some(name) = name {
        if has_any(entries, &OF_A_TABLE) {
            let shape = "a table as DescribeTable shows it";
            return Some(Foreign::new(name, shape, from_live(table)));
        }
        if has_any(entries, &["KeySchema", "AttributeDefinitions", "BillingMode", INDEXES]) {
            let part = take(&format!("the list at {INDEXES}"), table);
            return Some(Foreign::new(name, "a request of CreateTable", or_export(&part, table)));
        }
        return Some(Foreign::new(name, "a request or an answer of DynamoDB", from_live(table)));
    }
    // A table may have any of these names, but not two of them in one file.
    let found = entry(entries, INDEXES)?;
    let others = ["KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes", "BillingMode"];
    let alone = entries.iter().all(|e| e.key.text == INDEXES || e.key.text == "$schema");
    let is_part = alone || has_any(entries, &others);
    is_part.then(|| {
        let part = take(&format!("the list at {INDEXES}"), None);
        Foreign::new(found, "a part of a request of CreateTable", part)
    })
}

/// Tables under their names, each with its indexes one level further down.
fn tables_by_name(entries: &[Entry]) -> Option<Foreign> {
    let (found, inside) = entries.iter().find_map(|found| {
        let table = map(&found.value)?;
        let inside = table.iter().find(|e| e.key.text == INDEXES || e.key.text == UPDATES)?;
        Some((found, inside))
    })?;
    let table = Some(found.key.text.as_str());
    let part = take(&format!("the list at {}", inside.key.text), table);
    let shape = format!("a table that holds {} under its name", inside.key.text);
    Some(Foreign::new(inside, shape, or_export(&part, table)))
}

/// Lists of indexes as an answer shows them, under the names of their tables.
fn indexes_of_answers(entries: &[Entry]) -> Option<Foreign> {
    let is_answer = |found: &&Entry| maps(&found.value).any(|index| has_any(index, &OF_AN_ANSWER));
    let answers: Vec<_> = entries.iter().filter(is_answer).collect();
    let mut fields = maps(&answers.first()?.value).flatten();
    let sign = fields.find(|field| OF_AN_ANSWER.contains(&field.key.text.as_str()))?;
    let shape = "a list of indexes as DescribeTable shows them";
    let tables = answers.iter().map(|found| found.key.text.as_str());
    let help = format!(
        "{}; or take IndexName, KeySchema and Projection alone, with AttributeDefinitions",
        from_live(tables)
    );
    Some(Foreign::new(sign, shape, help))
}

/// `[{"Create": {...}}]` under the name of a table.
fn updates_by_name(entries: &[Entry]) -> Option<Foreign> {
    let is_update = |index: &[Entry]| {
        let of = |action: &str| value(index, &[action]).and_then(map);
        ["Create", "Update", "Delete"]
            .iter()
            .any(|action| of(action).is_some_and(|fields| has_any(fields, &["IndexName"])))
    };
    let found = entries.iter().find(|found| maps(&found.value).any(is_update))?;
    let help = take("what stands in each `Create`, as a list,", Some(&found.key.text));
    Some(Foreign::new(found, format!("a list of {UPDATES}"), help))
}
