//! Definitions as a user may write them, in all three formats.

use std::fmt::Write as _;

use gsictl_core::definition::{Definitions, Format, IndexDefinition};
use serde_json::{Map, Value, json};

/// How the words are written. Every format has its own means of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// As short as can be: YAML without quotes where it needs none, on one line
    /// where it can be.
    #[default]
    Plain,
    /// For people: indented, with the quotes that escape nothing.
    Pretty,
    /// Every character that is not ASCII is escaped.
    Escaped,
}

/// The definitions as a file.
pub fn write(definitions: &Definitions, format: Format, writing: Writing) -> String {
    let tree = tree(definitions);
    match format {
        Format::Json => {
            let text = match writing {
                Writing::Pretty => serde_json::to_string_pretty(&tree),
                Writing::Plain | Writing::Escaped => serde_json::to_string(&tree),
            };
            escape(&text.expect("a tree is JSON"), writing, Escape::Json)
        }
        Format::Toml => {
            let text = match writing {
                Writing::Pretty => toml::to_string_pretty(&tree),
                Writing::Plain | Writing::Escaped => toml::to_string(&tree),
            };
            text.expect("a tree without null is TOML")
        }
        Format::Yaml => {
            let mut out = String::new();
            yaml(&mut out, &tree, 0, writing);
            out
        }
    }
}

/// The definitions as a tree of AWS's field names.
fn tree(definitions: &Definitions) -> Value {
    let mut tables = Map::new();
    for definition in &definitions.indexes {
        let table = definition.id.table.as_str().to_owned();
        let indexes = tables.entry(table).or_insert_with(|| json!([]));
        indexes.as_array_mut().expect("made as one").push(index(definition));
    }
    Value::Object(tables)
}

fn index(definition: &IndexDefinition) -> Value {
    let d = definition;
    let attributes = d.attributes.iter();
    let attributes: Vec<_> =
        attributes.map(|(name, t)| json!({ "AttributeName": name, "AttributeType": t })).collect();
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    add("Description", json!(d.description));
    add("IndexName", json!(d.id.index));
    add("KeySchema", json!(d.key_schema));
    add("AttributeDefinitions", json!(attributes));
    add("Projection", json!(d.projection));
    add("ProvisionedThroughput", json!(d.provisioned_throughput));
    add("OnDemandThroughput", json!(d.on_demand_throughput));
    add("WarmThroughput", json!(d.warm_throughput));
    add("EstimatedImpact", json!(d.estimated_impact));
    add("RequiredBy", json!(d.required_by));
    Value::Object(fields)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    Json,
    Yaml,
}

/// Escapes what stands in quotes, which is all that is not ASCII: what nobody
/// could see, or everything.
fn escape(text: &str, writing: Writing, how: Escape) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let keep = c == '\n' || c == ' ' || c.is_ascii_graphic();
        if keep || (writing != Writing::Escaped && is_seen(c)) {
            out.push(c);
        } else if how == Escape::Yaml && u32::from(c) > 0xFFFF {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn is_seen(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' '..='~' | '\u{1f300}'..='\u{1f64f}')
}

/// A block of YAML, whose first line the caller has begun.
fn yaml(out: &mut String, value: &Value, indent: usize, writing: Writing) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (n, (key, value)) in fields.iter().enumerate() {
                if n > 0 {
                    let _ = write!(out, "{:indent$}", "");
                }
                let _ = write!(out, "{}:", yaml_text(key, writing));
                yaml_inside(out, value, indent, writing);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    let _ = write!(out, "{:indent$}", "");
                }
                out.push_str("- ");
                yaml(out, item, indent + 2, writing);
            }
        }
        Value::String(text) => {
            let _ = writeln!(out, "{}", yaml_text(text, writing));
        }
        other => {
            let _ = writeln!(out, "{other}");
        }
    }
}

/// What stands behind the key of a map that begins at `indent`.
fn yaml_inside(out: &mut String, value: &Value, indent: usize, writing: Writing) {
    let inside = indent + 2;
    match value {
        Value::String(text) if writing == Writing::Pretty && is_block(text) => {
            out.push_str(" |-\n");
            for line in text.split('\n') {
                let _ = writeln!(out, "{:inside$}{line}", "");
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let _ = write!(out, "\n{:inside$}", "");
            yaml(out, value, inside, writing);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let _ = write!(out, "\n{:inside$}", "");
            yaml(out, value, inside, writing);
        }
        other => {
            out.push(' ');
            yaml(out, other, inside, writing);
        }
    }
}

/// Whether a literal block holds the text, without a word on its indentation.
fn is_block(text: &str) -> bool {
    let mut lines = text.split('\n');
    text.contains('\n')
        && lines.all(|line| !line.is_empty() && !line.starts_with(' ') && line.chars().all(is_seen))
}

fn yaml_text(text: &str, writing: Writing) -> String {
    match writing {
        Writing::Plain if is_plain(text) => text.to_owned(),
        Writing::Pretty if text.chars().all(is_seen) => format!("'{}'", text.replace('\'', "''")),
        _ => escape(&json!(text).to_string(), writing, Escape::Yaml),
    }
}

/// Whether YAML reads the text as itself without quotes: no indicator, no word
/// for nothing.
fn is_plain(text: &str) -> bool {
    let first = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_alphanumeric() || " -_.+/()?".contains(c);
    let word = !["null", "Null", "NULL"].contains(&text);
    first && word && text.trim_end() == text && text.chars().all(inside)
}
