//! Expressions as gsictl writes them: equalities joined by AND, and lists of names.

use serde_json::{Map, Value};

use crate::model::items::{StoredItem, typed};
use crate::model::text;
use crate::refusal::{AwsRefusal, not_played};

/// `#n0 = :v0 AND #n1 = :v1` of that member, as attributes with their values.
///
/// # Errors
/// Any other expression.
pub(crate) fn equalities(body: &Value, member: &str) -> Result<Vec<(String, Value)>, AwsRefusal> {
    let expression = text(body, member);
    if expression.is_empty() {
        return Ok(Vec::new());
    }
    let term = |term: &str| {
        let (name, value) = term.split_once('=')?;
        let value = body["ExpressionAttributeValues"].get(value.trim())?;
        let plain = !name.contains(['<', '>', '(']);
        plain.then(|| (resolve(body, name.trim()), value.clone()))
    };
    let terms: Option<Vec<_>> = expression.split(" AND ").map(term).collect();
    terms.ok_or_else(|| not_played(&format!("the {member} {expression}")))
}

/// `#n0, #n1` of ProjectionExpression; nothing where all attributes are wanted.
pub(crate) fn projection(body: &Value) -> Vec<String> {
    let names = text(body, "ProjectionExpression").split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(|name| resolve(body, name)).collect()
}

fn resolve(body: &Value, name: &str) -> String {
    let known = body["ExpressionAttributeNames"].get(name).and_then(Value::as_str);
    known.unwrap_or(name).to_owned()
}

/// Only these attributes; all where none is named.
pub(crate) fn project(item: &StoredItem, names: &[String]) -> StoredItem {
    if names.is_empty() {
        return item.clone();
    }
    let own = |name: &String| Some((name.clone(), item.get(name)?.clone()));
    names.iter().filter_map(own).collect::<Map<_, _>>()
}

/// Whether two values are one to DynamoDB: `1` and `1.0` are.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    let number = |value| match typed(value) {
        Some(("N", text)) => text.as_str()?.parse::<f64>().ok(),
        _ => None,
    };
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}
