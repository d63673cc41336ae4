//! CloudFormation and what becomes it (SAM, CDK, Serverless Framework), Pulumi, and
//! resources of Kubernetes.

use super::super::node::{Entry, Kind, Node};
use super::{Foreign, entry, has_any, list, map, or_export, text, text_at, value};

const TABLES: [&str; 2] = ["AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"];

pub(super) fn recognise(entries: &[Entry]) -> Option<Foreign> {
    serverless(entries)
        .or_else(|| cloudformation(entries))
        .or_else(|| kubernetes(entries))
        .or_else(|| pulumi(entries))
        .or_else(|| resource(entries))
}

fn serverless(entries: &[Entry]) -> Option<Foreign> {
    let service = entry(entries, "service").or_else(|| entry(entries, "frameworkVersion"));
    let service = service.filter(|s| list(&s.value).is_none())?;
    let provider = entry(entries, "provider").filter(|p| list(&p.value).is_none());
    let resources = value(entries, &["resources", "Resources"]).and_then(map);
    (provider.is_some() || resources.is_some()).then(|| {
        let table = resources.and_then(table_of);
        let path = |(name, _): (&str, _)| format!("resources.Resources.{name}.");
        let help = taken(&table.map(path).unwrap_or_default(), table);
        Foreign::new(service, "a configuration of the Serverless Framework (serverless.yml)", help)
    })
}

fn cloudformation(entries: &[Entry]) -> Option<Foreign> {
    let resources = entry(entries, "Resources").filter(|found| map(&found.value).is_some());
    let version = entry(entries, "AWSTemplateFormatVersion").filter(|v| text(&v.value).is_some());
    let of_resources = resources.and_then(|found| map(&found.value));
    let typed = of_resources.is_some_and(|found| found.iter().any(|r| type_of(r).is_some()));
    let sign = version.or_else(|| resources.filter(|_| typed))?;
    let table = of_resources.and_then(table_of);
    let path = |(name, _): (&str, _)| format!("Resources.{name}.");
    let help = taken(&table.map(path).unwrap_or_default(), table);
    Some(Foreign::new(sign, kind(entries, of_resources.unwrap_or_default()), help))
}

fn kind(entries: &[Entry], resources: &[Entry]) -> &'static str {
    let is_sam = |node: &Node| text(node).is_some_and(|t| t.starts_with("AWS::Serverless"));
    let transform = value(entries, &["Transform"]);
    let of_sam = transform.is_some_and(|node| is_sam(node) || node.children().any(is_sam));
    let of_cdk = value(entries, &["Parameters", "BootstrapVersion"]).is_some()
        || resources.iter().any(|r| type_of(r) == Some("AWS::CDK::Metadata"))
        || resources.iter().any(|r| {
            let metadata = map(&r.value).and_then(|r| value(r, &["Metadata"])).and_then(map);
            metadata.is_some_and(|metadata| has_any(metadata, &["aws:cdk:path"]))
        });
    match (of_sam, of_cdk) {
        (true, _) => "a SAM template",
        (_, true) => "a CloudFormation template that CDK made",
        _ => "a CloudFormation template",
    }
}

/// A resource's type, where it is one: `AWS::DynamoDB::Table`.
fn type_of(resource: &Entry) -> Option<&str> {
    text_at(map(&resource.value)?, &["Type"]).filter(|t| t.contains("::"))
}

/// The first table among resources: its logical name, and its properties.
fn table_of(resources: &[Entry]) -> Option<(&str, &[Entry])> {
    let table = resources.iter().find(|r| type_of(r).is_some_and(|t| TABLES.contains(&t)))?;
    let properties = map(&table.value).and_then(|r| value(r, &["Properties"])).and_then(map);
    Some((table.key.text.as_str(), properties.unwrap_or_default()))
}

/// Which part of a template to take.
fn taken(path: &str, table: Option<(&str, &[Entry])>) -> String {
    let name = table.and_then(|(_, properties)| text_at(properties, &["TableName"]));
    let short = name.filter(|name| crate::name::TableName::new(name).is_ok());
    let shown = short.unwrap_or("TABLE");
    let part = format!(
        "take the list at {path}Properties.GlobalSecondaryIndexes under the table's name \
         (`{shown}: [...]`), with values in place of functions such as !Sub"
    );
    or_export(&part, short)
}

/// One resource, cut out of a template.
fn resource(entries: &[Entry]) -> Option<Foreign> {
    let is_table = |e: &&Entry| type_of(e).is_some_and(|t| TABLES.contains(&t));
    if let Some(found) = entries.iter().find(is_table) {
        let help = taken(&format!("{}.", found.key.text), table_of(entries));
        return Some(Foreign::new(found, "a resource of a CloudFormation template", help));
    }
    let own =
        entry(entries, "Type").filter(|t| text(&t.value).is_some_and(|t| TABLES.contains(&t)))?;
    let properties = value(entries, &["Properties"]).and_then(map).unwrap_or_default();
    Some(Foreign::new(
        own,
        "a resource of a CloudFormation template",
        taken("", Some(("", properties))),
    ))
}

fn kubernetes(entries: &[Entry]) -> Option<Foreign> {
    let version = entry(entries, "apiVersion")?;
    let (group, kind) = (text(&version.value)?, text_at(entries, &["kind"])?);
    let of_table = value(entries, &["spec", "globalSecondaryIndexes"]).is_some();
    let by = if group.starts_with("dynamodb.services.k8s.aws") {
        " (ACK)"
    } else if group.contains("upbound.io") || group.contains("crossplane.io") {
        " (Crossplane)"
    } else {
        ""
    };
    let names: [&[&str]; 3] =
        [&["spec", "tableName"], &["spec", "forProvider", "tableName"], &["metadata", "name"]];
    let name = names.iter().find_map(|path| text_at(entries, path));
    let name = name.filter(|_| kind.contains("Table") || of_table);
    let part = "write what stands under globalSecondaryIndexes under the table's name, in AWS's \
                words: indexName is IndexName there, keySchema is KeySchema, projection is Projection";
    let help = or_export(part, name);
    Some(Foreign::new(version, format!("a Kubernetes resource{by}"), help))
}

fn pulumi(entries: &[Entry]) -> Option<Foreign> {
    let resources = entry(entries, "resources")?;
    let tables = map(&resources.value)?;
    let is_table = |e: &&Entry| {
        let of = map(&e.value).and_then(|e| text_at(e, &["type"]));
        of.is_some_and(|t| t.starts_with("aws:dynamodb") || t.starts_with("aws-native:dynamodb"))
    };
    let table = tables.iter().find(is_table);
    let is_pulumi =
        table.is_some() || matches!(entry(entries, "runtime")?.value.kind, Kind::Scalar(_));
    let name = table.and_then(|t| text_at(map(&t.value)?, &["properties", "name"]));
    let part = "write each of globalSecondaryIndexes under the table's name, in AWS's words: name \
                is IndexName there, hashKey and rangeKey are KeySchema, projectionType is Projection";
    is_pulumi.then(|| Foreign::new(resources, "a program of Pulumi", or_export(part, name)))
}
