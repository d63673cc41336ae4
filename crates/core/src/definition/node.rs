//! A definitions file as a tree of nodes that know their places, the same for
//! all formats.

use std::ops::Range;

/// Bytes of the source text.
pub(super) type Span = Range<usize>;

/// A value in the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From its first byte; in block styles the end may lie behind its last.
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// In the order of the file; a key may stand in it more than once.
    Map(Vec<Entry>),
    List(Vec<Node>),
    Scalar(Scalar),
    /// Nothing, or a word for it.
    Null,
    /// Its mistake has been reported; nothing more is said of it.
    Bad,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) span: Span,
    pub(super) text: String,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: Style,
}

/// What a scalar can be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Text for sure.
    Text,
    /// YAML without quotes: text where text is meant, a number where a number is.
    Plain,
    Number,
    Boolean,
    Date,
}

impl Node {
    pub(super) fn new(span: Span, kind: Kind) -> Self {
        Self { span, kind }
    }

    /// What it is, for a message about what it should be.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Map(_) => "a map",
            Kind::List(_) => "a list",
            Kind::Null | Kind::Bad => "nothing",
            Kind::Scalar(scalar) => match scalar.style {
                Style::Text | Style::Plain => "text",
                Style::Number => "a number",
                Style::Boolean => "true or false",
                Style::Date => "a date",
            },
        }
    }

    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.kind, Kind::List(items) if items.is_empty())
    }

    /// Its children.
    pub(super) fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match &self.kind {
            Kind::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            Kind::List(items) => Box::new(items.iter()),
            Kind::Scalar(_) | Kind::Null | Kind::Bad => Box::new(std::iter::empty()),
        }
    }

    /// Nodes in it, itself counted.
    pub(super) fn size(&self) -> usize {
        1 + self.children().map(Self::size).sum::<usize>()
    }

    /// Bytes of the texts in it, keys included.
    pub(super) fn bytes(&self) -> usize {
        let of_this = match &self.kind {
            Kind::Map(entries) => entries.iter().map(|entry| entry.key.text.len()).sum(),
            Kind::Scalar(scalar) => scalar.text.len(),
            Kind::List(_) | Kind::Null | Kind::Bad => 0,
        };
        of_this + self.children().map(Self::bytes).sum::<usize>()
    }

    /// Levels in it: 1 for a scalar.
    pub(super) fn height(&self) -> usize {
        1 + self.children().map(Self::height).max().unwrap_or(0)
    }
}
