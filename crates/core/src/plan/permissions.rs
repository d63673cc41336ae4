//! What the credentials of an `apply` have to allow.

use serde::Serialize;
use serde_json::{Value, json};

use super::scaling::must_scale;
use super::{Plan, TablePlan};
use crate::catalog::{OwnRegion, Sighting};
use crate::definition::Definitions;
use crate::name::TableName;
use crate::region::partition;
use crate::state::Target;

/// One action, and the resources it is needed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// IAM's name for it.
    pub action: &'static str,
    /// ARNs, with `*` for what is not known. An index is created through its table,
    /// and read by an ARN of its own
    /// ([actions](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html)).
    pub resources: Vec<String>,
    /// The option of `apply` that takes it; without one it always does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<&'static str>,
}

/// What `apply` needs for this plan: it describes every table that the
/// definitions name, and changes those where it creates. `--check` reads these,
/// `--validate` reads all of them and their indexes.
#[must_use]
pub fn permissions(definitions: &Definitions, plan: &Plan, target: &Target) -> Vec<Permission> {
    let described: Vec<_> = definitions.tables().map(|table| arn(table, plan, target)).collect();
    let creates = |table: &&TablePlan| table.indexes.iter().any(|i| i.action.creates());
    let changed = plan.tables.iter().filter(creates);
    let changed: Vec<_> = changed.map(|table| arn(&table.table, plan, target)).collect();
    let queried = described.iter().flat_map(|arn| [arn.clone(), format!("{arn}/index/*")]);
    let queried = queried.collect();
    let elsewhere: Vec<_> = plan.tables.iter().flat_map(elsewhere).collect();
    let seen = |table: &&TablePlan| match &table.sighting {
        Sighting::Found(seen) => must_scale(seen),
        _ => false,
    };
    let scaled = plan.tables.iter().filter(seen);
    let scaled = scaled.map(|table| arn(&table.table, plan, target)).collect();
    let all = [
        ("dynamodb:DescribeTable", described.iter().cloned().chain(elsewhere).collect(), None),
        ("dynamodb:DescribeTableReplicaAutoScaling", scaled, None),
        ("dynamodb:UpdateTable", changed.clone(), None),
        ("dynamodb:Scan", changed, Some("--check")),
        ("dynamodb:Query", queried, Some("--validate")),
        ("dynamodb:Scan", described, Some("--validate")),
    ];
    let all = all.map(|(action, resources, with)| Permission { action, resources, with });
    all.into_iter().filter(|needed| !needed.resources.is_empty()).collect()
}

/// What is always needed, as an IAM policy.
#[must_use]
pub fn policy(permissions: &[Permission]) -> Value {
    let statement =
        |p: &Permission| json!({"Effect": "Allow", "Action": p.action, "Resource": p.resources});
    let always = permissions.iter().filter(|p| p.with.is_none());
    let statements: Vec<_> = always.map(statement).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The table in the other regions that are asked how its indexes stand there.
fn elsewhere(table: &TablePlan) -> Vec<String> {
    let Sighting::Found(seen) = &table.sighting else {
        return Vec::new();
    };
    let (Some(arn), Some(region)) = (&seen.arn, seen.region()) else {
        return Vec::new();
    };
    let asked = seen.replicas.iter().filter(|replica| replica.own != OwnRegion::Skipped);
    let there =
        |region_there: &str| arn.replacen(&format!(":{region}:"), &format!(":{region_there}:"), 1);
    asked.map(|replica| there(&replica.region)).collect()
}

fn arn(table: &TableName, plan: &Plan, target: &Target) -> String {
    let seen = plan.tables.iter().find(|t| t.table == *table).map(|t| &t.sighting);
    if let Some(Sighting::Found(seen)) = seen
        && let Some(arn) = &seen.arn
    {
        return arn.clone();
    }
    if let Some(arn) = table.arn() {
        return arn.to_string();
    }
    let region = target.region.as_deref().unwrap_or("*");
    let account = target.account.as_deref().unwrap_or("*");
    format!("arn:{}:dynamodb:{region}:{account}:table/{table}", partition(region))
}
