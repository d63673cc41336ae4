//! Files that are no definitions, each with the one message that it gets.

use super::*;

/// A shape's one mistake: message, place, help.
fn told(file: &str, text: &str) -> (String, String, String) {
    let mistake = only_mistake(file, text.as_bytes());
    assert!(mistake.fatal, "{mistake}");
    let place = format!("{}:{}", mistake.place.line, mistake.place.column);
    (mistake.message, place, mistake.help.unwrap_or_default())
}

const GSIS: &str = r#""GlobalSecondaryIndexes": [{ "IndexName": "by-status",
    "KeySchema": [{ "AttributeName": "status", "KeyType": "HASH" }],
    "Projection": { "ProjectionType": "ALL" } }]"#;

#[test]
fn answers_and_requests_of_dynamodb_are_named_with_the_command_that_helps() {
    for (text, shape, help) in [
        (
            format!(r#"{{ "Table": {{ "TableName": "orders", {GSIS} }} }}"#),
            "the answer to DescribeTable",
            "`gsictl export orders`",
        ),
        (
            format!(r#"{{ "TableDescription": {{ "TableName": "orders", {GSIS} }} }}"#),
            "the answer to UpdateTable or CreateTable",
            "`gsictl export orders`",
        ),
        (
            format!(r#"{{ "TableName": "orders", "TableStatus": "ACTIVE", {GSIS} }}"#),
            "a table as DescribeTable shows it",
            "`gsictl export orders`",
        ),
        (
            format!(r#"{{ "TableName": "orders", "BillingMode": "PAY_PER_REQUEST", {GSIS} }}"#),
            "a request of CreateTable",
            "`orders: [...]`",
        ),
        (
            r#"{ "TableName": "orders", "GlobalSecondaryIndexUpdates": [{ "Create": {} }] }"#
                .into(),
            "a request of UpdateTable",
            "each `Create`",
        ),
        (
            r#"{ "TableNames": ["orders", "bookings"] }"#.into(),
            "the answer to ListTables",
            "`gsictl export orders bookings`",
        ),
        (r#"["orders", "bookings"]"#.into(), "a list of names", "`gsictl export orders bookings`"),
        (
            r#"{ "Items": [], "Count": 0, "ScannedCount": 0 }"#.into(),
            "the answer to Scan or Query",
            "`gsictl export TABLE`",
        ),
        (
            r#"{ "orders": [{ "IndexName": "by-status", "IndexStatus": "ACTIVE" }] }"#.into(),
            "a list of indexes as DescribeTable shows them",
            "`gsictl export orders`",
        ),
        (
            r#"[{ "IndexName": "by-status", "IndexArn": "arn" }]"#.into(),
            "a list of indexes as DescribeTable shows them",
            "`gsictl export TABLE`",
        ),
        (
            r#"[{ "IndexName": "by-status" }]"#.into(),
            "a list of indexes without their table",
            "`TABLE: [...]`",
        ),
        (
            format!(r#"{{ "orders": {{ {GSIS} }} }}"#),
            "a table that holds GlobalSecondaryIndexes under its name",
            "`orders: [...]`",
        ),
        (
            format!("{{ {GSIS} }}"),
            "a part of a request of CreateTable",
            "GlobalSecondaryIndexes under the table's name",
        ),
        (
            r#"{ "orders": [{ "Create": { "IndexName": "by-status" } }] }"#.into(),
            "a list of GlobalSecondaryIndexUpdates",
            "each `Create`",
        ),
        (
            r#"{ "ModelName": "m", "DataModel": [{ "TableName": "orders" }] }"#.into(),
            "a model of NoSQL Workbench",
            "`gsictl export orders`",
        ),
    ] {
        for file in ["a.json", "a.yaml"] {
            let (message, _, way_out) = told(file, &text);
            let wanted = format!("this is {shape}, not definitions of indexes");
            assert_eq!(message, wanted, "{text}");
            assert!(way_out.contains(help), "{text}: {way_out}");
        }
    }
}

const TEMPLATE: &str = "\
Resources:
  Other: { Type: AWS::S3::Bucket }
  OrdersTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub \"orders-${Stage}\"
      GlobalSecondaryIndexes: !If [a, b, c]
";

#[test]
fn templates_are_named_with_the_part_to_take() {
    let part = "Resources.OrdersTable.Properties.GlobalSecondaryIndexes";
    for (before, shape) in [
        ("AWSTemplateFormatVersion: '2010-09-09'\n", "a CloudFormation template"),
        ("Parameters: {}\n", "a CloudFormation template"),
        ("Transform: AWS::Serverless-2016-10-31\n", "a SAM template"),
        ("Transform: [ x, AWS::Serverless-2016-10-31 ]\n", "a SAM template"),
        (
            "Parameters: { BootstrapVersion: { Type: x } }\n",
            "a CloudFormation template that CDK made",
        ),
    ] {
        let (message, place, help) = told("a.yaml", &format!("{before}{TEMPLATE}"));
        assert_eq!(message, format!("this is {shape}, not definitions of indexes"));
        let line = if before.starts_with("AWS") { 1 } else { 2 };
        assert_eq!(place, format!("{line}:1"));
        assert!(help.contains(part), "{help}");
    }
    let (message, _, help) = told(
        "serverless.yml",
        &format!(
            "service: shop\nprovider: {{ name: aws }}\nresources:\n  {}",
            TEMPLATE.replace('\n', "\n  ")
        ),
    );
    assert!(message.contains("Serverless Framework"), "{message}");
    assert!(help.contains(&format!("resources.{part}")), "{help}");
    let (message, _, help) = told(
        "a.yaml",
        "Orders:\n  Type: AWS::DynamoDB::GlobalTable\n  Properties: { TableName: orders }\n",
    );
    assert!(message.contains("a resource of a CloudFormation template"), "{message}");
    assert!(
        help.contains("Orders.Properties") && help.contains("`gsictl export orders`"),
        "{help}"
    );
    let (_, _, help) =
        told("a.yaml", "Type: AWS::DynamoDB::Table\nProperties: { TableName: orders }\n");
    assert!(help.contains("at Properties.GlobalSecondaryIndexes"), "{help}");
}

#[test]
fn resources_of_kubernetes_are_named_and_further_documents_are_none_of_a_mistake() {
    let ack = "apiVersion: dynamodb.services.k8s.aws/v1alpha1\nkind: Table\nspec: { tableName: orders }\n";
    for text in [ack.to_owned(), format!("{ack}---\nkind: Service\n")] {
        let (message, place, help) = told("a.yaml", &text);
        assert_eq!(message, "this is a Kubernetes resource (ACK), not definitions of indexes");
        assert_eq!(place, "1:1");
        assert!(help.contains("`gsictl export orders`"), "{help}");
    }
    let (message, ..) = told("a.json", r#"{ "apiVersion": "v1", "kind": "List", "items": [] }"#);
    assert_eq!(message, "this is a Kubernetes resource, not definitions of indexes");
    let (message, ..) = told(
        "a.yaml",
        "orders:\n  - indexName: by-email\n    keySchema: []\n    projection: { projectionType: ALL }\n",
    );
    assert!(message.contains("camelCase"), "{message}");
}

#[test]
fn what_terraform_and_pulumi_write_is_named() {
    let table = r#"{ "orders": { "name": "orders", "hash_key": "pk" } }"#;
    for (file, text, shape) in [
        (
            "a.json",
            format!(r#"{{ "resource": {{ "aws_dynamodb_table": {table} }} }}"#),
            "Terraform's JSON",
        ),
        (
            "a.json",
            format!(r#"{{ "resource": [{{ "aws_dynamodb_table": [{table}] }}] }}"#),
            "Terraform's JSON",
        ),
        ("a.json", format!(r#"{{ "aws_dynamodb_table": {table} }}"#), "Terraform's JSON"),
        (
            "a.json",
            r#"{ "format_version": "1.2", "terraform_version": "1.9", "planned_values": {} }"#.into(),
            "a plan of Terraform",
        ),
        (
            "a.json",
            r#"{ "version": 4, "terraform_version": "1.9", "serial": 1, "lineage": "x", "resources": [] }"#.into(),
            "a state of Terraform",
        ),
        (
            "a.yaml",
            "# ours\nresource \"aws_dynamodb_table\" \"orders\" {\n  name = \"orders\"\n}\n".into(),
            "a file in Terraform's language",
        ),
        (
            "a.toml",
            "terraform {\n}\n".into(),
            "a file in Terraform's language",
        ),
        (
            "a.yaml",
            "orders:\n  - { name: by-email, hash_key: email, projection_type: ALL }\n".into(),
            "a list of indexes in Terraform's words",
        ),
        (
            "a.toml",
            "[[orders]]\nname = \"by-email\"\nhash_key = \"email\"\n".into(),
            "a list of indexes in Terraform's words",
        ),
        (
            "a.yaml",
            "name: shop\nruntime: yaml\nresources:\n  o: { type: aws:dynamodb:Table, properties: { name: orders } }\n".into(),
            "a program of Pulumi",
        ),
    ] {
        let (message, _, help) = told(file, &text);
        assert_eq!(message, format!("this is {shape}, not definitions of indexes"), "{text}");
        assert!(help.contains("`gsictl export "), "{help}");
    }
}

#[test]
fn what_gsictl_writes_beside_definitions_is_named() {
    for (text, shape) in [
        (
            r#"{ "version": "1.0", "gsis": { "orders.by-email": { "table_name": "orders" } } }"#,
            "a state file of gsictl",
        ),
        (r#"{ "format": "gsictl-plan", "version": 1 }"#, "a saved plan of gsictl"),
        (r#"{ "format": "gsictl-check", "version": 1 }"#, "where a check of gsictl stopped"),
        (r#"{ "format": 1, "kind": "apply", "tool": "gsictl 0.1.0" }"#, "a report of gsictl"),
        (
            r#"{ "definitions": { "orders": [] }, "tables": [], "exit_code": 0 }"#,
            "what `export --output json` prints",
        ),
        (
            r#"{ "validation": {}, "exit_code": 0 }"#,
            "what a command of gsictl prints with --output json",
        ),
    ] {
        let (message, ..) = told("a.json", text);
        assert_eq!(message, format!("this is {shape}, not definitions of indexes"));
    }
    let (message, ..) = told("a.json", &json_schema().to_string());
    assert_eq!(message, "this is a JSON Schema, not definitions of indexes");
}

#[test]
fn a_table_may_have_any_name_that_another_shape_uses_for_something_else() {
    let list = "[{ IndexName: by-email, KeySchema: [{ AttributeName: email, KeyType: HASH }], \
                AttributeDefinitions: [{ AttributeName: email, AttributeType: S }], \
                Projection: { ProjectionType: ALL } }]";
    for names in [
        &["Table", "TableName", "TableNames"][..],
        &["Resources", "AWSTemplateFormatVersion", "Parameters"],
        &["resource", "aws_dynamodb_table", "terraform_version", "lineage", "values"],
        &["apiVersion", "kind", "metadata", "spec"],
        &["gsis", "version", "format", "exit_code", "definitions"],
        &["service", "provider", "resources", "runtime"],
        &["Items", "Count", "ScannedCount", "DataModel"],
        &["GlobalSecondaryIndexes", "orders"],
    ] {
        let text: String = names.iter().map(|name| format!("{name}: {list}\n")).collect();
        let read = parse_one("a.yaml", text.as_bytes()).unwrap_or_else(|all| panic!("{all}"));
        assert_eq!(read.indexes.len(), names.len());
    }
}

#[test]
fn the_words_of_other_tools_among_those_of_aws_have_a_hint_each_and_no_second_mistake() {
    let text = "orders:\n  - name: by-email\n    hash_key: email\n    range_key: at\n    \
                projection_type: ALL\n    read_capacity: 5\n    AttributeDefinitions: []\n";
    let all = mistakes("a.yaml", text.as_bytes());
    let said: Vec<_> = all.iter().map(|d| (d.found.as_str(), d.help.as_deref().unwrap())).collect();
    assert_eq!(
        said,
        [
            ("name", "did you mean IndexName?"),
            ("hash_key", "did you mean KeySchema?"),
            ("range_key", "did you mean KeySchema?"),
            ("projection_type", "did you mean Projection?"),
            ("read_capacity", "did you mean ProvisionedThroughput?"),
        ]
    );
}

#[test]
fn other_files_of_a_run_are_checked_beside_one_of_another_shape() {
    let good = std::fs::read(data("../../examples/airline.json")).unwrap();
    let all = parse_all(&[
        ("a.yaml", b"orders: 5"),
        ("b.yaml", format!("X: !Ref Y\n{TEMPLATE}").as_bytes()),
        ("c.json", &good),
        ("d.yaml", b"bookings: 5"),
    ])
    .unwrap_err();
    let said: Vec<_> = all.iter().map(|d| (&*d.place.file, d.fatal)).collect();
    assert_eq!(said, [("a.yaml", false), ("b.yaml", true), ("d.yaml", false)]);
}

#[test]
fn a_file_of_unknown_format_is_named_where_its_shape_can_be_told() {
    for (file, text) in [
        ("main.tf", "resource \"aws_dynamodb_table\" \"orders\" {\n}\n"),
        ("orders.template", TEMPLATE),
        ("terraform.tfstate", r#"{ "terraform_version": "1", "resources": [] }"#),
    ] {
        let told = foreign_shape(file, text.as_bytes()).unwrap();
        assert_eq!(told.len(), 1);
    }
    assert_eq!(foreign_shape("a.txt", b"orders: []"), None);
    assert_eq!(foreign_shape("a.txt", b"\xff"), None);
    assert_eq!(foreign_shape("a.txt", b"{{{"), None);
}
