//! Definitions as text: what [`super::parse`] reads back as the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Definitions, Format, IndexDefinition};
use crate::name::{IndexId, TableName};
use crate::text::is_hidden;

/// What is said in comments, where the format has any: one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Above a table.
    pub tables: BTreeMap<TableName, String>,
    /// Above an index.
    pub indexes: BTreeMap<IndexId, String>,
}

impl Definitions {
    /// The definitions as a file, table by table in the order in which these first
    /// appear. JSON has no comments, so that the remarks are left out of it.
    #[must_use]
    pub fn to_text(&self, format: Format, remarks: &Remarks) -> String {
        match format {
            Format::Json => visible(&format!("{:#}\n", self.to_json())),
            Format::Yaml => self.blocks(remarks, Language::Yaml),
            Format::Toml => self.blocks(remarks, Language::Toml),
        }
    }

    /// The definitions as a tree of AWS's field names.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let table = |table: &TableName| {
            let indexes = self.of(table).map(|d| Value::Object(aws_fields(d)));
            (table.to_string(), indexes.collect())
        };
        Value::Object(self.tables().map(table).collect())
    }

    fn of<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a IndexDefinition> {
        self.indexes.iter().filter(move |d| d.id.table == *table)
    }

    fn blocks(&self, remarks: &Remarks, language: Language) -> String {
        let mut out = String::new();
        for table in self.tables() {
            if !out.is_empty() && language == Language::Yaml {
                out.push('\n');
            }
            push_remark(&mut out, "", remarks.tables.get(table));
            if language == Language::Yaml {
                let _ = writeln!(out, "{}:", language.key(table.as_str()));
            }
            for (n, definition) in self.of(table).enumerate() {
                let remark = remarks.indexes.get(&definition.id);
                match language {
                    Language::Yaml => push_yaml(&mut out, n, definition, remark),
                    Language::Toml => push_toml(&mut out, definition, remark),
                }
            }
        }
        out.truncate(out.trim_end().len());
        out + "\n"
    }
}

fn push_yaml(out: &mut String, n: usize, definition: &IndexDefinition, remark: Option<&String>) {
    if n > 0 {
        out.push('\n');
    }
    push_remark(out, "  ", remark);
    for (n, (name, value)) in aws_fields(definition).iter().enumerate() {
        let start = if n == 0 { "  - " } else { "    " };
        let _ = match rows(value) {
            None => writeln!(out, "{start}{name}: {}", Language::Yaml.inline(value)),
            Some(rows) => {
                let rows = rows.iter().map(|row| Language::Yaml.inline(row));
                let rows: String = rows.map(|row| format!("      - {row}\n")).collect();
                write!(out, "{start}{name}:\n{rows}")
            }
        };
    }
}

fn push_toml(out: &mut String, definition: &IndexDefinition, remark: Option<&String>) {
    push_remark(out, "", remark);
    let _ = writeln!(out, "[[{}]]", Language::Toml.key(definition.id.table.as_str()));
    for (name, value) in &aws_fields(definition) {
        let _ = match rows(value) {
            None => writeln!(out, "{name} = {}", Language::Toml.inline(value)),
            Some(rows) => {
                let rows = rows.iter().map(|row| Language::Toml.inline(row));
                let rows: String = rows.map(|row| format!("  {row},\n")).collect();
                writeln!(out, "{name} = [\n{rows}]")
            }
        };
    }
    out.push('\n');
}

/// A remark stays a comment whatever it holds: a status may come from anywhere.
fn push_remark(out: &mut String, indent: &str, remark: Option<&String>) {
    if let Some(remark) = remark {
        let line: String = remark.chars().map(|c| if is_seen(c) { c } else { ' ' }).collect();
        let _ = writeln!(out, "{indent}# {line}");
    }
}

/// The maps of a list that stand on lines of their own.
fn rows(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().filter(|rows| rows.iter().all(Value::is_object))
}

/// The fields that an index has, in AWS's order.
pub(crate) fn aws_fields(definition: &IndexDefinition) -> Map<String, Value> {
    let d = definition;
    let types = d.attributes.iter();
    let types: Vec<_> =
        types.map(|(name, t)| json!({ "AttributeName": name, "AttributeType": t })).collect();
    let types = if types.is_empty() { Value::Null } else { Value::Array(types) };
    let fields = [
        ("IndexName", json!(d.id.index)),
        ("KeySchema", json!(d.key_schema)),
        ("AttributeDefinitions", types),
        ("Projection", json!(d.projection)),
        ("ProvisionedThroughput", json!(d.provisioned_throughput)),
        ("OnDemandThroughput", json!(d.on_demand_throughput)),
        ("WarmThroughput", json!(d.warm_throughput)),
        ("Description", json!(d.description)),
        ("EstimatedImpact", json!(d.estimated_impact)),
        ("RequiredBy", json!(d.required_by)),
    ];
    let there = fields.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Yaml,
    Toml,
}

impl Language {
    /// A value on one line: YAML's flow style, TOML's inline tables.
    fn inline(self, value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                let is = if self == Self::Yaml { ":" } else { " =" };
                let field = |(name, value)| format!("{name}{is} {}", self.inline(value));
                format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.inline(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::String(text) if self == Self::Yaml && is_plain(text) => text.clone(),
            Value::String(text) => quoted(text),
            other => other.to_string(),
        }
    }

    fn key(self, name: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let without_quotes = match self {
            Self::Yaml => is_plain(name),
            Self::Toml => name.chars().all(bare),
        };
        if without_quotes { name.to_owned() } else { quoted(name) }
    }
}

/// Whether every YAML reader, an old one too, takes the text for itself without
/// quotes, inside of a flow map and outside.
fn is_plain(text: &str) -> bool {
    /// What one YAML or another reads as something else than text.
    const WORDS: [&str; 7] = ["null", "true", "false", "yes", "no", "on", "off"];
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    first && !word && !text.ends_with(' ') && text.chars().all(inside)
}

/// The text in double quotes, with the escapes that YAML and TOML share. What
/// nobody could see is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            c if is_seen(c) => write!(out, "{c}"),
            c if u32::from(c) > 0xFFFF => write!(out, "\\U{:08X}", u32::from(c)),
            c => write!(out, "\\u{:04X}", u32::from(c)),
        };
    }
    out + "\""
}

/// JSON in which what nobody could see is escaped: it stands in strings only.
fn visible(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || is_seen(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// More is escaped in a file than has to be: what is neither a letter nor a digit may
/// look like something else.
fn is_seen(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() && !is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_some_yaml_takes_for_something_else_has_quotes() {
        let text = |text: &str| Language::Yaml.inline(&json!(text));
        for plain in ["passenger_id", "N", "a.b-c", "No7", "two words"] {
            assert_eq!(text(plain), plain);
        }
        for word in ["no", "Off", "NULL", "7", "-a", "a: b", "a ", "", "~", "1e3", "x#y", "naïve"]
        {
            assert_eq!(text(word), format!("\"{word}\""));
        }
    }

    #[test]
    fn quotes_hide_nothing() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
        assert_eq!(quoted("\u{202e}\u{feff}\0"), r#""\u202E\uFEFF\u0000""#);
        assert_eq!(quoted("日ß😀"), r#""日ß\U0001F600""#);
        assert_eq!(Language::Toml.key("a.b"), "\"a.b\"");
        assert_eq!(Language::Toml.key("-a_9"), "-a_9");
        assert_eq!(Language::Yaml.key("007"), "\"007\"");
    }

    #[test]
    fn a_remark_is_one_line_of_comment() {
        let mut out = String::new();
        push_remark(&mut out, "  ", Some(&"ACTIVE\nbookings: []\r\u{2028}".to_owned()));
        assert_eq!(out, "  # ACTIVE bookings: []  \n");
    }
}
