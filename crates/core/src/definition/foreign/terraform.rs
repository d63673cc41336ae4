//! Terraform: its language, the same as JSON, and what it prints and keeps.

use super::super::node::{Entry, Node};
use super::{Foreign, entry, has_any, list, map, or_export, text, text_at, value};

/// How Terraform's words read in AWS's.
pub(super) const WORDS: &str = "name is IndexName there, hash_key and range_key are KeySchema \
     (and their types AttributeDefinitions), projection_type and non_key_attributes are Projection";

const TABLE: &str = "aws_dynamodb_table";

pub(super) fn recognise(entries: &[Entry]) -> Option<Foreign> {
    let version = entry(entries, "terraform_version").or(entry(entries, "format_version"));
    if let Some(found) = version.filter(|found| text(&found.value).is_some()) {
        if has_any(entries, &["planned_values", "resource_changes"]) {
            return Some(Foreign::new(found, "a plan of Terraform", help(None)));
        }
        if has_any(entries, &["resources", "values", "lineage"]) {
            return Some(Foreign::new(found, "a state of Terraform", help(None)));
        }
    }
    let resource = entry(entries, "resource").or(entry(entries, TABLE))?;
    let tables = if resource.key.text == TABLE {
        Some(&resource.value)
    } else {
        let is_block = |(_, n): &(&str, &Node)| map(n).is_some() || list(n).is_some();
        blocks(&resource.value).into_iter().find(|b| b.0 == TABLE && is_block(b)).map(|(_, n)| n)
    };
    let is_typed = blocks(&resource.value).iter().any(|(kind, _)| kind.starts_with("aws_"));
    if tables.is_none() && !is_typed
        || (resource.key.text == TABLE && map(&resource.value).is_none())
    {
        return None;
    }
    let first = tables.and_then(|node| blocks(node).into_iter().next());
    let first = first.and_then(|(_, node)| map(node).or_else(|| super::maps(node).next()));
    let name = first.and_then(|table| text_at(table, &["name"]));
    Some(Foreign::new(resource, "Terraform's JSON", help(name)))
}

/// The members of a block, which Terraform's JSON writes as a map or as a list of maps.
fn blocks(node: &Node) -> Vec<(&str, &Node)> {
    let all = map(node).into_iter().chain(super::maps(node)).flatten();
    all.map(|entry| (entry.key.text.as_str(), &entry.value)).collect()
}

fn help(table: Option<&str>) -> String {
    let part = "write each global_secondary_index under the table's name, in AWS's words: ";
    or_export(&format!("{part}{WORDS}"), table)
}

/// A file in Terraform's own language. No text in another format begins such a line.
pub(super) fn recognise_text(whole: &str) -> Option<Foreign> {
    let mut start = 0;
    for line in whole.split_inclusive('\n').take(LINES) {
        if is_block(line) {
            let end = start + line.trim_end().len();
            return Some(Foreign::at(&(start..end), "a file in Terraform's language", help(None)));
        }
        start += line.len();
    }
    None
}

/// Lines that are looked at for the first block of a file: comments stand before it.
const LINES: usize = 2_000;

fn is_block(line: &str) -> bool {
    let line = line.trim_end();
    let mut words = line.split_whitespace();
    let Some(first) = words.next().filter(|word| line.starts_with(word) && line.ends_with('{'))
    else {
        return false;
    };
    let labels =
        words.clone().take_while(|word| word.starts_with('"') && word.ends_with('"')).count();
    let whole = words.count() == labels + 1;
    whole
        && match first {
            "resource" | "data" => labels == 2,
            "provider" | "module" | "variable" | "output" => labels == 1,
            "terraform" | "locals" => labels == 0,
            _ => false,
        }
}

/// Whether the fields may be those of an index in Terraform's words.
pub(super) fn is_index(entries: &[Entry]) -> bool {
    has_any(entries, &["hash_key", "hashKey", "projection_type", "projectionType"])
        || value(entries, &["name"]).is_some()
}
