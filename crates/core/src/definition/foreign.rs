//! Files of another shape: what people have at hand, and take for definitions.
//!
//! DescribeTable's answer, a template, Terraform: each names tables and indexes, in
//! other words or one level too deep. Read as definitions it makes a mistake of every
//! line. So it is recognised as a whole, before it is checked, and answered with one
//! message that names the shape and the way out: the part to take, or `gsictl export`,
//! which writes definitions from the live table.
//!
//! What may be definitions is never taken for something else: under the name of a
//! table stands a list, so a shape is told by keys that hold something else, by fields
//! that no definition has, or by `GlobalSecondaryIndexes`, which nobody calls a table.

mod api;
mod own;
mod template;
mod terraform;
mod words;

use super::diagnostic::Report;
use super::node::{Entry, Kind, Node, Span};
use super::source::{Source, Text};
use super::{Diagnostics, Format, read};
use crate::encoding::text_of;
use crate::name::TableName;
use crate::shell::gsictl;

/// A shape that is not that of definitions.
pub(super) struct Foreign {
    /// What tells it.
    span: Span,
    /// `a CloudFormation template`.
    shape: String,
    /// The way out.
    help: String,
}

impl Foreign {
    fn new(at: &Entry, shape: impl Into<String>, help: impl Into<String>) -> Self {
        Self::at(&at.key.span, shape, help)
    }

    fn at(span: &Span, shape: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: span.clone(), shape: shape.into(), help: help.into() }
    }

    /// The one message.
    pub(super) fn tell(self, text: &Text<'_>, report: &mut Report) {
        let message = format!("this is {}, not definitions of indexes", self.shape);
        let mistake = report.add(text, &self.span, message);
        mistake.help = Some(self.help);
        mistake.fatal = true;
    }
}

/// What the values of a file are, where they are no definitions.
pub(super) fn recognise(root: &Node) -> Option<Foreign> {
    match &root.kind {
        Kind::Map(entries) => {
            let ways = [
                own::recognise,
                template::recognise,
                terraform::recognise,
                api::recognise,
                words::recognise,
            ];
            ways.iter().find_map(|way| way(entries))
        }
        Kind::List(items) => api::of_list(items, &root.span).or_else(|| words::of_list(items)),
        Kind::Scalar(_) | Kind::Null | Kind::Bad => None,
    }
}

/// What a text is that no reader of definitions can read.
pub(super) fn recognise_text(text: &str) -> Option<Foreign> {
    terraform::recognise_text(text)
}

/// What a file is whose name does not say how it is written, where that can be told:
/// one mistake, or nothing.
///
/// A template may end in `.template`, Terraform's language in `.tf`.
#[must_use]
pub fn foreign_shape(file: &str, bytes: &[u8]) -> Option<Diagnostics> {
    // JSON is YAML, and whatever else a reader of YAML finds is of no interest here.
    let source = Source { file, format: Format::Yaml, text: bytes };
    let decoded = text_of(bytes);
    let mut unread = Report::default();
    let text = read::text(&source, &decoded, &mut unread)?;
    let foreign = recognise_text(text.as_str()).or_else(|| {
        let root = read::tree(Format::Yaml, &text, &mut unread)?;
        recognise(&root)
    })?;
    let mut report = Report::default();
    foreign.tell(&text, &mut report);
    Some(report.into_diagnostics())
}

fn entry<'n>(entries: &'n [Entry], name: &str) -> Option<&'n Entry> {
    entries.iter().find(|entry| entry.key.text == name)
}

fn map(node: &Node) -> Option<&[Entry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => None,
    }
}

fn list(node: &Node) -> Option<&[Node]> {
    match &node.kind {
        Kind::List(items) => Some(items),
        _ => None,
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}

/// The value at a path of keys.
fn value<'n>(entries: &'n [Entry], path: &[&str]) -> Option<&'n Node> {
    let (first, rest) = path.split_first()?;
    let node = &entry(entries, first)?.value;
    if rest.is_empty() { Some(node) } else { value(map(node)?, rest) }
}

fn text_at<'n>(entries: &'n [Entry], path: &[&str]) -> Option<&'n str> {
    value(entries, path).and_then(text)
}

/// The maps in a list under a key.
fn maps(node: &Node) -> impl Iterator<Item = &[Entry]> {
    list(node).into_iter().flatten().filter_map(map)
}

fn has_any(entries: &[Entry], names: &[&str]) -> bool {
    entries.iter().any(|entry| names.contains(&entry.key.text.as_str()))
}

/// The command that writes definitions of these tables as they are; `TABLE` stands for
/// names that are not known, or are no names.
fn export<'t>(tables: impl IntoIterator<Item = &'t str>) -> String {
    let mut names: Vec<_> =
        tables.into_iter().filter(|name| TableName::new(name).is_ok()).collect();
    names.dedup();
    if names.is_empty() || names.len() > MOST_NAMED {
        names = vec!["TABLE"];
    }
    format!("`{}`", gsictl("export", &names))
}

/// Tables that an advice names, at most: what is longer nobody reads or pastes.
const MOST_NAMED: usize = 10;

/// What to do with a list that holds definitions nearly.
fn take(what: &str, table: Option<&str>) -> String {
    let name = table.filter(|name| TableName::new(name).is_ok()).unwrap_or("TABLE");
    format!("put {what} under the table's name (`{name}: [...]`)")
}

/// The way out that fits every live table.
fn or_export(help: &str, table: Option<&str>) -> String {
    format!("{help}; or have definitions written from the live table: {}", export(table))
}
