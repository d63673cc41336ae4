//! Global tables with provisioned capacity. DynamoDB registers auto scaling for the writes
//! of a new index there by itself, and takes no change of indexes while one of them has
//! none (docs/dynamodb.md: registers, blocks). Its refusal does not say which one.

use std::collections::BTreeMap;

use crate::catalog::{BillingMode, RegionScaling, Scaling, TableDescription};
use crate::name::IndexName;

/// Something of a table whose writes nothing scales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unscaled {
    /// Which index; `None` for the table itself.
    pub index: Option<IndexName>,
    /// In these regions.
    pub regions: Vec<String>,
}

impl std::fmt::Display for Unscaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.index {
            Some(index) => write!(f, "index {index}")?,
            None => f.write_str("the table itself")?,
        }
        write!(f, " (in {})", self.regions.join(", "))
    }
}

/// Whether DynamoDB wants the writes of every index of the table scaled.
#[must_use]
pub fn must_scale(table: &TableDescription) -> bool {
    table.billing_mode == BillingMode::Provisioned && !table.replicas.is_empty()
}

/// What of the table lacks auto scaling of its writes, as far as that was told. What an
/// answer does not mention is not taken for lacking.
#[must_use]
pub fn unscaled(table: &TableDescription) -> Vec<Unscaled> {
    let Scaling::Shown(regions) = &table.scaling else {
        return Vec::new();
    };
    let mut lacking: BTreeMap<Option<&IndexName>, Vec<String>> = BTreeMap::new();
    for RegionScaling { region, table: of_table, indexes } in regions {
        let lacks =
            indexes.iter().filter(|(name, scaled)| !**scaled && table.index(name).is_some());
        let lacks = lacks.map(|(name, _)| Some(name));
        for what in lacks.chain((!of_table).then_some(None)) {
            lacking.entry(what).or_default().push(region.clone());
        }
    }
    let unscaled =
        |(index, regions): (Option<&IndexName>, _)| Unscaled { index: index.cloned(), regions };
    lacking.into_iter().map(unscaled).collect()
}

/// The same in a line.
#[must_use]
pub fn unscaled_text(unscaled: &[Unscaled]) -> String {
    unscaled.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What a person does about `unscaled`, with the commands for the first of it.
#[must_use]
pub fn remedy(table: &TableDescription, unscaled: &[Unscaled]) -> String {
    let mut each = unscaled.iter().flat_map(|u| u.regions.iter().map(|r| (u.index.as_ref(), r)));
    let Some((first, region)) = each.next() else {
        return String::new();
    };
    let rest: Vec<_> =
        each.map(|(index, region)| format!("{} in {region}", resource(table, index))).collect();
    let rest =
        if rest.is_empty() { String::new() } else { format!("; the same for {}", rest.join(", ")) };
    format!(
        "register auto scaling of the writes: {}{rest}; or switch the table to on-demand: {}",
        register(table, first, region),
        on_demand(table)
    )
}

/// What a person does where nobody can say what lacks auto scaling: `why`.
#[must_use]
pub fn how_to_look(table: &TableDescription, why: &str) -> String {
    let region = table.region();
    let resources: Vec<_> = std::iter::once(resource(table, None))
        .chain(table.indexes.iter().map(|index| resource(table, Some(&index.name))))
        .collect();
    let regions = table.replicas.iter().map(|replica| replica.region.as_str());
    let regions: Vec<_> = region.into_iter().chain(regions).collect();
    let first = regions.first().map(|r| format!(" --region {r}")).unwrap_or_default();
    let example = table.indexes.first().map(|index| &index.name);
    format!(
        "an index of the table, or the table itself, has no auto scaling of its writes, and which \
         one is not known ({why}): `aws application-autoscaling describe-scalable-targets \
         --service-namespace dynamodb --resource-ids {}{first}` lists what has it (look for a \
         WriteCapacityUnits of each, in {}); register what is missing, for instance {}; or switch \
         the table to on-demand: {}",
        resources.join(" "),
        regions.join(" and "),
        register(table, example, regions.first().copied().unwrap_or("REGION")),
        on_demand(table)
    )
}

/// What a person does about a change that DynamoDB refused because something of the table
/// lacks auto scaling.
#[must_use]
pub fn remedy_of_refusal(table: &TableDescription) -> String {
    let lacking = unscaled(table);
    match &table.scaling {
        Scaling::Shown(_) if !lacking.is_empty() => {
            format!("{} has none: {}", unscaled_text(&lacking), remedy(table, &lacking))
        }
        Scaling::Shown(_) => how_to_look(table, "DescribeTableReplicaAutoScaling shows it for all"),
        Scaling::Unknown { reason } => {
            how_to_look(table, &format!("DescribeTableReplicaAutoScaling: {reason}"))
        }
        Scaling::NotAsked => how_to_look(table, "it was not asked for"),
    }
}

/// As Application Auto Scaling names it.
fn resource(table: &TableDescription, index: Option<&IndexName>) -> String {
    let name = table.name.as_str();
    let name = name.rsplit_once(":table/").map_or(name, |(_, name)| name);
    match index {
        Some(index) => format!("table/{name}/index/{index}"),
        None => format!("table/{name}"),
    }
}

/// The commands that register what AWS itself registers for a new index: 1 to 10 units, or
/// as many as there are now, at 70 %.
fn register(table: &TableDescription, index: Option<&IndexName>, region: &str) -> String {
    let units = match index {
        Some(index) => table.index(index).and_then(|index| index.provisioned_throughput),
        None => table.provisioned_throughput,
    };
    let most = units.map_or(0, |units| units.write_capacity_units).max(10);
    let dimension = if index.is_some() { "index" } else { "table" };
    let what = format!(
        "--service-namespace dynamodb --resource-id {} --scalable-dimension \
         dynamodb:{dimension}:WriteCapacityUnits",
        resource(table, index)
    );
    let target = r#"{"TargetValue":70.0,"PredefinedMetricSpecification":{"PredefinedMetricType":"DynamoDBWriteCapacityUtilization"}}"#;
    format!(
        "`aws application-autoscaling register-scalable-target {what} --min-capacity 1 \
         --max-capacity {most} --region {region}` and `aws application-autoscaling \
         put-scaling-policy {what} --policy-name write-capacity --policy-type \
         TargetTrackingScaling --target-tracking-scaling-policy-configuration '{target}' --region \
         {region}`"
    )
}

fn on_demand(table: &TableDescription) -> String {
    let name = table.name.as_str();
    let join = if name.starts_with('-') { '=' } else { ' ' };
    format!("`aws dynamodb update-table --table-name{join}{name} --billing-mode PAY_PER_REQUEST`")
}
