//! The JSON Schema of a definitions file, for editors.

use serde_json::{Value, json};

use super::limits::{MAX_ATTRIBUTE_NAME_BYTES, MAX_INCLUDED, MAX_KEYS_OF_A_TYPE};

/// The rule of [`crate::name`] as a pattern.
const NAME: &str = "^[A-Za-z0-9_.-]{3,255}$";

/// That of a table, which its ARN may name too.
const TABLE: &str = "^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/)?[A-Za-z0-9_.-]{3,255}$";

/// The [JSON Schema 2020-12](https://json-schema.org/draft/2020-12) of a
/// definitions file, so that editors complete and check it. It is a little
/// wider than [`super::parse`]: what one value says about another (an attribute
/// that is defined but no key, an index named twice) a schema cannot tell.
#[must_use]
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gsictl definitions",
        "description": "Global Secondary Indexes to create, by table, in the field names of AWS.",
        "type": "object",
        "minProperties": 1,
        "properties": {
            "$schema": { "type": "string", "description": "Where this schema is; for editors." }
        },
        "patternProperties": { TABLE: table() },
        "additionalProperties": false,
        "examples": [{ "bookings": [example()] }],
        "$defs": {
            "index": index(),
            "keyElement": key_element(),
            "attributeDefinition": attribute_definition(),
            "projection": projection(),
            "attributeName": attribute_name()
        }
    })
}

fn example() -> Value {
    json!({
        "IndexName": "passenger-flight-index",
        "KeySchema": [
            { "AttributeName": "passenger_id", "KeyType": "HASH" },
            { "AttributeName": "flight_id", "KeyType": "RANGE" }
        ],
        "AttributeDefinitions": [
            { "AttributeName": "passenger_id", "AttributeType": "S" },
            { "AttributeName": "flight_id", "AttributeType": "S" }
        ],
        "Projection": { "ProjectionType": "ALL" }
    })
}

fn table() -> Value {
    json!({
        "description": "The indexes of this table.",
        "type": "array",
        "minItems": 1,
        "items": { "$ref": "#/$defs/index" }
    })
}

fn index() -> Value {
    json!({
        "description": "One Global Secondary Index.",
        "type": "object",
        "required": ["IndexName", "KeySchema", "Projection"],
        "additionalProperties": false,
        "properties": {
            "IndexName": {
                "description": "3 to 255 letters, digits, '_', '-' and '.'; unique on the table.",
                "type": "string",
                "pattern": NAME,
                "examples": ["passenger-flight-index"]
            },
            "KeySchema": {
                "description": "One to four HASH keys, then none to four RANGE keys. Order matters.",
                "type": "array",
                "minItems": 1,
                "maxItems": 2 * MAX_KEYS_OF_A_TYPE,
                "items": { "$ref": "#/$defs/keyElement" },
                "contains": { "properties": { "KeyType": { "const": "HASH" } } },
                "maxContains": MAX_KEYS_OF_A_TYPE
            },
            "AttributeDefinitions": {
                "description": "The types of the keys. What the table defines already may be left out.",
                "type": ["array", "null"],
                "items": { "$ref": "#/$defs/attributeDefinition" }
            },
            "Projection": { "$ref": "#/$defs/projection" },
            "ProvisionedThroughput": provisioned_throughput(),
            "OnDemandThroughput": throughput(
                "Upper limits of an index on an on-demand table; a PROVISIONED table takes none.",
                ["MaxReadRequestUnits", "MaxWriteRequestUnits"],
                &json!({
                    "description": "1 or more; left out, or -1 as DescribeTable shows it, where there is to be no limit.",
                    "type": ["integer", "null"],
                    "minimum": -1,
                    "not": { "const": 0 }
                }),
            ),
            "WarmThroughput": throughput(
                "What the index can serve at once, without growing into it, from the start; DynamoDB gives some to every index, and never takes it back.",
                ["ReadUnitsPerSecond", "WriteUnitsPerSecond"],
                &json!({
                    "description": "On an on-demand table not below 12000 reads and 4000 writes; on a PROVISIONED one not below the index's capacity units.",
                    "type": ["integer", "null"],
                    "minimum": 1
                }),
            ),
            "Description": note("What the index is for.", "Passenger booking history"),
            "EstimatedImpact": note("What it changes.", "50x faster"),
            "RequiredBy": note("Who needs it.", "Guest Experience Agent")
        }
    })
}

fn key_element() -> Value {
    json!({
        "type": "object",
        "required": ["AttributeName", "KeyType"],
        "additionalProperties": false,
        "properties": {
            "AttributeName": { "$ref": "#/$defs/attributeName" },
            "KeyType": {
                "description": "HASH for a partition key, RANGE for a sort key.",
                "enum": ["HASH", "RANGE"]
            }
        },
        "examples": [{ "AttributeName": "passenger_id", "KeyType": "HASH" }]
    })
}

fn attribute_definition() -> Value {
    json!({
        "type": "object",
        "required": ["AttributeName", "AttributeType"],
        "additionalProperties": false,
        "properties": {
            "AttributeName": { "$ref": "#/$defs/attributeName" },
            "AttributeType": {
                "description": "S for String, N for Number, B for Binary.",
                "enum": ["S", "N", "B"]
            }
        },
        "examples": [{ "AttributeName": "passenger_id", "AttributeType": "S" }]
    })
}

fn projection() -> Value {
    json!({
        "description": "What the index holds beside its keys and the table's.",
        "type": "object",
        "required": ["ProjectionType"],
        "additionalProperties": false,
        "properties": {
            "ProjectionType": {
                "description": "ALL the item, KEYS_ONLY, or the keys and what NonKeyAttributes INCLUDEs.",
                "enum": ["ALL", "KEYS_ONLY", "INCLUDE"]
            },
            "NonKeyAttributes": {
                "description": "With INCLUDE only: the attributes to hold beside the keys.",
                "type": ["array", "null"],
                "maxItems": MAX_INCLUDED,
                "uniqueItems": true,
                "items": { "$ref": "#/$defs/attributeName" }
            }
        },
        "if": { "properties": { "ProjectionType": { "const": "INCLUDE" } } },
        "then": {
            "required": ["NonKeyAttributes"],
            "properties": { "NonKeyAttributes": { "type": "array", "minItems": 1 } }
        },
        "else": { "properties": { "NonKeyAttributes": { "maxItems": 0 } } },
        "examples": [
            { "ProjectionType": "ALL" },
            { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["seat", "fare"] }
        ]
    })
}

fn attribute_name() -> Value {
    json!({
        "description": "The name of an attribute.",
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ATTRIBUTE_NAME_BYTES
    })
}

fn provisioned_throughput() -> Value {
    let both = |unit: Value| {
        json!({
            "required": ["ReadCapacityUnits", "WriteCapacityUnits"],
            "properties": { "ReadCapacityUnits": unit, "WriteCapacityUnits": unit }
        })
    };
    json!({
        "description": "Capacity of the index on a PROVISIONED table, the table's own where it is left out. An on-demand table takes none: 0 and 0, as DescribeTable shows it there, count as left out.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "ReadCapacityUnits": { "type": "integer" },
            "WriteCapacityUnits": { "type": "integer" }
        },
        "anyOf": [
            both(json!({ "minimum": 1 })),
            both(json!({ "const": 0 })),
            { "maxProperties": 0 }
        ]
    })
}

fn throughput(description: &str, fields: [&str; 2], unit: &Value) -> Value {
    json!({
        "description": description,
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": { fields[0]: unit, fields[1]: unit }
    })
}

fn note(description: &str, example: &str) -> Value {
    json!({ "description": description, "type": ["string", "null"], "examples": [example] })
}
