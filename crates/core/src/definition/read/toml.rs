//! TOML: its reader recovers from mistakes, so that several are reported.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::{too_deep, too_many};
use crate::definition::diagnostic::Report;
use crate::definition::limits::{
    MAX_DEPTH, MAX_DIAGNOSTICS, MAX_INLINE_DEPTH, MAX_RECOVERED_BYTES, MAX_TOML_NODES,
    TOML_TABLE_NODES,
};
use crate::definition::node::{Entry, Key, Kind, Node, Scalar, Span, Style};
use crate::definition::source::{Text, quoted};

pub(super) fn tree(text: &Text<'_>, report: &mut Report) -> Option<Node> {
    match beyond_bounds(text.as_str()) {
        Some(Bound::Depth(span)) => {
            too_deep(text, &span, report);
            return None;
        }
        Some(Bound::Nodes(span)) => {
            too_many(MAX_TOML_NODES, text, &span, report);
            return None;
        }
        None => {}
    }
    let (table, errors) = parse(text.as_str());
    let mut converter = Converter { text, too_deep: None };
    let root = Node::new(table.span(), converter.map(table.get_ref(), 0));
    let mut whole = converter.too_deep.is_none();
    if let Some(span) = converter.too_deep {
        too_deep(text, &span, report);
    }
    let listed = &errors[..errors.len().min(MAX_DIAGNOSTICS + 1)];
    let last = listed.iter().rposition(|error| !is_duplicate(error, text));
    for (n, error) in listed.iter().enumerate() {
        let span = error.span().unwrap_or_default();
        if is_duplicate(error, text) {
            duplicate(text, &span, &root, report);
        } else {
            whole = false;
            syntax_error(text, &span, error.message(), report, Some(n) == last);
        }
    }
    report.leave_out(errors.len() - listed.len());
    // A tree with holes would only make mistakes up.
    whole.then_some(root)
}

/// The table and every error, in the order of the file; of a large file the
/// first error only, because the reader keeps gigabytes of them.
fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Error>) {
    if text.len() > MAX_RECOVERED_BYTES {
        return match DeTable::parse(text) {
            Ok(table) => (table, Vec::new()),
            Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
        };
    }
    let (table, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    errors.dedup_by(|a, b| a.span() == b.span() && a.message() == b.message());
    (table, errors)
}

/// A key that stands twice leaves the rest of the tree as it should be.
fn is_duplicate(error: &Error, text: &Text<'_>) -> bool {
    error.message() == "duplicate key" && text.as_str().len() <= MAX_RECOVERED_BYTES
}

fn syntax_error(text: &Text<'_>, span: &Span, what: &str, report: &mut Report, last: bool) {
    let what = match what {
        "recursion limit" => "nested too deeply",
        "string values must be quoted, expected literal string" if span.is_empty() => {
            "a value is missing"
        }
        "string values must be quoted, expected literal string" => "text needs quotes",
        other => other,
    };
    let mistake = report.add(text, span, format!("this is not TOML: {what}"));
    mistake.fatal = last;
}

fn duplicate(text: &Text<'_>, span: &Span, root: &Node, report: &mut Report) {
    let written = &text.as_str()[span.clone()];
    let name = written.trim_matches(['"', '\'']);
    let first = first_of(root, name, span.start).or_else(|| same_header(text.as_str(), span.start));
    let mistake = report.add(text, span, format!("duplicate key {}", quoted(name)));
    mistake.help = Some("keep one of the two".to_owned());
    mistake.related = first.map(|at| (text.place(at), "first here".to_owned()));
}

/// Where the header of the line of `at` stood before: of a table that is
/// defined twice the tree keeps the second.
fn same_header(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let header = text[start..].lines().next()?.trim();
    let mut lines = text[..start].split_inclusive('\n').scan(0, |next, line| {
        let from = *next;
        *next += line.len();
        Some((from, line))
    });
    let (from, line) = lines.find(|(_, line)| line.trim() == header && header.starts_with('['))?;
    Some(from + line.len() - line.trim_start().len() + 1)
}

/// Where the key that is repeated at `before` stood first: the nearest one of
/// that name before it, in a map that is still open there.
fn first_of(node: &Node, name: &str, before: usize) -> Option<usize> {
    let Kind::Map(entries) = &node.kind else {
        let inside = node.children().filter_map(|child| first_of(child, name, before));
        return inside.max();
    };
    let here = entries.iter().map(|entry| &entry.key);
    let here = here.filter(|key| key.text == name && key.span.start < before);
    let here = here.map(|key| key.span.start).max();
    let inside = entries.iter().map(|entry| &entry.value);
    let inside = inside.filter(|value| !is_closed(value, before));
    here.max(inside.filter_map(|value| first_of(value, name, before)).max())
}

fn is_closed(value: &Node, at: usize) -> bool {
    is_inline(value) && !value.span.contains(&at)
}

/// The span of a table with a header is the header, which does not hold its
/// entries; that of an array of such tables is its first header.
fn is_inline(value: &Node) -> bool {
    match &value.kind {
        Kind::Map(entries) => {
            let first = entries.first().map(|entry| entry.key.span.start);
            first.is_none_or(|first| value.span.contains(&first))
        }
        Kind::List(items) => {
            let first = items.first().map(|item| item.span.start);
            first.is_none_or(|first| first > value.span.start)
        }
        Kind::Scalar(_) | Kind::Null | Kind::Bad => true,
    }
}

struct Converter<'r, 't> {
    text: &'r Text<'t>,
    /// The first value that lies too deep; nothing behind it is converted.
    too_deep: Option<Span>,
}

impl Converter<'_, '_> {
    fn map(&mut self, table: &DeTable<'_>, depth: usize) -> Kind {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                key: Key { span: key.span(), text: key.get_ref().to_string() },
                value: self.node(value, depth + 1),
            })
            .collect();
        // The reader sorts by name; the file's order is wanted.
        entries.sort_by_key(|entry| entry.key.span.start);
        Kind::Map(entries)
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
        let span = value.span();
        if depth > MAX_DEPTH {
            self.too_deep.get_or_insert(span.clone());
        }
        if self.too_deep.is_some() {
            return Node::new(span, Kind::Bad);
        }
        let source = &self.text.as_str()[span.clone()];
        let scalar = |text: &str, style| Kind::Scalar(Scalar { text: text.to_owned(), style });
        let kind = match value.get_ref() {
            DeValue::String(text) => scalar(text, Style::Text),
            DeValue::Integer(number) => {
                let decimal = i128::from_str_radix(number.as_str(), number.radix());
                scalar(
                    &decimal.map_or_else(|_| source.to_owned(), |n| n.to_string()),
                    Style::Number,
                )
            }
            DeValue::Float(number) => scalar(number.as_str(), Style::Number),
            DeValue::Boolean(_) => scalar(source, Style::Boolean),
            DeValue::Datetime(_) => scalar(source, Style::Date),
            DeValue::Array(items) => {
                Kind::List(items.iter().map(|item| self.node(item, depth + 1)).collect())
            }
            DeValue::Table(table) => self.map(table, depth),
        };
        Node::new(span, kind)
    }
}

/// What a file has too much of, and where.
enum Bound {
    Depth(Span),
    Nodes(Span),
}

/// Where inline tables and arrays go deeper than [`MAX_INLINE_DEPTH`], or where
/// there may be more values than [`MAX_TOML_NODES`]. This is asked before the file
/// is parsed: the parser's own tree is freed recursively, and can be three hundred
/// times as large as the text.
fn beyond_bounds(text: &str) -> Option<Bound> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0_usize;
    let mut nodes = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' if depth == MAX_INLINE_DEPTH => return Some(Bound::Depth(at..at + 1)),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'#' => at += bytes[at..].iter().take_while(|&&b| b != b'\n').count(),
            b'"' | b'\'' => at = string_end(bytes, at),
            _ => {}
        }
        // In front of every value, and of every part of a dotted key, is one of these.
        nodes += match byte {
            b'{' | b'.' => TOML_TABLE_NODES,
            b'[' | b'=' | b',' => 1,
            _ => 0,
        };
        if nodes > MAX_TOML_NODES {
            return Some(Bound::Nodes(at..at + 1));
        }
        at += 1;
    }
    None
}

/// The last byte of the string that begins at `start`, or of the line it should
/// have ended in.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let long = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if long { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' if !long => return at,
            b'\\' if quote == b'"' && bytes.get(at + 1) != Some(&b'\n') => at += 1,
            _ if long && bytes[at..].starts_with(&[quote; 3]) => return at + 2,
            _ if !long && byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    at
}
