//! YAML: from the parser's events, which carry byte offsets, to nodes.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    self as granit, ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag,
};

use super::{too_deep, too_large, too_many};
use crate::definition::diagnostic::Report;
use crate::definition::limits::{MAX_DEPTH, MAX_JSON_KEY, MAX_NODES, MAX_TEXT_BYTES};
use crate::definition::node::{Entry, Key, Kind, Node, Scalar, Span, Style};
use crate::definition::source::{Text, quoted};

pub(super) fn tree(text: &Text<'_>, report: &mut Report) -> Option<Node> {
    let options = granit::options! { emit_comments: false, emit_unresolved_aliases: true };
    read(text, report, options, false)
}

/// The tree of a text that is known to be JSON.
pub(super) fn json_tree(text: &Text<'_>, report: &mut Report) -> Option<Node> {
    let options = granit::options! {
        emit_comments: false,
        simple_key_max_lookahead: MAX_JSON_KEY,
    };
    read(text, report, options, true)
}

fn read(
    text: &Text<'_>,
    report: &mut Report,
    options: granit::Options,
    json: bool,
) -> Option<Node> {
    let mut reader = Reader {
        text,
        report,
        json,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        bytes: 0,
        documents: 0,
        root: None,
    };
    for event in Parser::new_from_str_with_options(text.as_str(), options) {
        match event {
            Err(error) => {
                reader.syntax_error(&error);
                return None;
            }
            Ok((event, span)) => {
                let tag = span.tag_span().as_ref().map(bytes);
                match reader.event(event, bytes(&span), tag) {
                    Go::On => {}
                    Go::Stop => return reader.root,
                    Go::GiveUp => return None,
                }
            }
        }
    }
    reader.root
}

fn bytes(span: &granit::Span) -> Span {
    let start = span.start.byte_offset().unwrap_or_default();
    start..span.end.byte_offset().unwrap_or(start).max(start)
}

/// Whether to read on.
enum Go {
    On,
    /// What was read so far is whole.
    Stop,
    GiveUp,
}

/// A map or list whose end was not seen yet.
struct Open {
    start: usize,
    anchor: usize,
    bad: bool,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    /// The key that waits for its value; the inner option is a key that is no text.
    Map(Vec<Entry>, Option<Option<Key>>),
}

struct Reader<'r, 't> {
    text: &'r Text<'t>,
    report: &'r mut Report,
    json: bool,
    open: Vec<Open>,
    /// What is anchored; nothing while the node is still open.
    anchors: HashMap<usize, Option<Node>>,
    /// What the file becomes, aliases and anchors replaced by what they stand for.
    nodes: usize,
    bytes: usize,
    documents: usize,
    root: Option<Node>,
}

impl Reader<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Span, tag_span: Option<Span>) -> Go {
        match event {
            Event::DocumentStart(..) => return self.document(&span),
            Event::Scalar(text, style, anchor, tag) => {
                let bad = self.refuse_tag(tag.as_deref(), tag_span);
                let kind = if bad { Kind::Bad } else { self.scalar(text, style, tag, &span) };
                return self.add(Node::new(span, kind), anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                let bad = self.refuse_tag(tag.as_deref(), tag_span);
                return self.begin(span, anchor, bad, Inside::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                let bad = self.refuse_tag(tag.as_deref(), tag_span);
                return self.begin(span, anchor, bad, Inside::Map(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let kind = match open.inside {
                        _ if open.bad => Kind::Bad,
                        Inside::List(items) => Kind::List(items),
                        Inside::Map(entries, _) => Kind::Map(entries),
                    };
                    return self.add(Node::new(open.start..span.end, kind), open.anchor);
                }
            }
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                let message =
                    format!("no anchor {} stands before this", quoted(&format!("&{name}")));
                self.report.add(self.text, &span, message);
                return self.add(Node::new(span, Kind::Bad), 0);
            }
            _ => {}
        }
        Go::On
    }

    fn document(&mut self, span: &Span) -> Go {
        self.documents += 1;
        if self.documents == 1 {
            return Go::On;
        }
        let mistake = self.report.add(self.text, span, "a second YAML document begins here");
        mistake.help = Some("put all tables into one document, or into several files".to_owned());
        mistake.fatal = true;
        Go::Stop
    }

    fn begin(&mut self, span: Span, anchor: usize, bad: bool, inside: Inside) -> Go {
        if self.open.len() >= MAX_DEPTH {
            too_deep(self.text, &span, self.report);
            return Go::GiveUp;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        let start = span.start;
        self.open.push(Open { start, anchor, bad, inside });
        Go::On
    }

    /// Puts a whole node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Go {
        if let Kind::Scalar(scalar) = &node.kind {
            self.bytes += scalar.text.len();
        }
        self.nodes += 1;
        if anchor != 0 {
            self.nodes += node.size();
            self.bytes += node.bytes();
        }
        if self.is_too_much(&node.span) {
            return Go::GiveUp;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Go {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map(entries, waiting)) => match waiting.take() {
                Some(Some(key)) => entries.push(Entry { key, value: node }),
                Some(None) => {}
                None => *waiting = Some(key(node, self.text, self.report)),
            },
        }
        Go::On
    }

    /// Reports it where the file becomes more than it may.
    fn is_too_much(&mut self, span: &Span) -> bool {
        if self.nodes > MAX_NODES {
            too_many(MAX_NODES, self.text, span, self.report);
        } else if self.bytes > MAX_TEXT_BYTES {
            too_large(self.text, span, self.report);
        } else {
            return false;
        }
        true
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Go {
        let Some(Some(node)) = self.anchors.get(&anchor) else {
            self.report.add(self.text, &span, "this alias stands inside of what it names");
            return self.add(Node::new(span, Kind::Bad), 0);
        };
        if self.open.len() + node.height() > MAX_DEPTH {
            too_deep(self.text, &span, self.report);
            return Go::GiveUp;
        }
        self.nodes += node.size();
        self.bytes += node.bytes();
        // Counted before it is copied, which is what costs.
        if self.is_too_much(&span) {
            return Go::GiveUp;
        }
        let copy = self.anchors.get(&anchor).cloned().flatten();
        self.put(copy.unwrap_or_else(|| Node::new(span, Kind::Bad)))
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        span: &Span,
    ) -> Kind {
        let text = text.into_owned();
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let style = match text.as_str() {
            _ if is_text || style != ScalarStyle::Plain => Style::Text,
            _ if span.is_empty() => return Kind::Null,
            "null" => return Kind::Null,
            "~" | "Null" | "NULL" if !self.json => return Kind::Null,
            "true" | "false" if self.json => Style::Boolean,
            _ if self.json => Style::Number,
            _ => Style::Plain,
        };
        Kind::Scalar(Scalar { text, style })
    }

    /// True where the tag has a meaning that definitions do not know.
    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Option<Span>) -> bool {
        let Some(tag) = tag else { return false };
        let known = ["str", "int", "map", "seq"];
        if known.iter().any(|name| tag.is_yaml_core_schema_tag(name)) || tag.original() == "!" {
            return false;
        }
        let message = format!("the tag {} has no meaning here", quoted(&tag.original()));
        let mistake = self.report.add(self.text, &span.unwrap_or_default(), message);
        mistake.help = Some("write the value itself".to_owned());
        true
    }

    fn syntax_error(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or_default();
        let rest = &self.text.as_str()[self.text.as_str().floor_char_boundary(at)..];
        let end = at + rest.find('\n').unwrap_or(rest.len());
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return too_deep(self.text, &(at..end), self.report);
        }
        // What a JSON reader accepts and this one does not are characters that
        // nobody can see, and halves of them.
        let what = if self.json { "this cannot be read" } else { "this is not YAML" };
        let message = format!("{what}: {}", error.info());
        let mistake = self.report.add(self.text, &(at..end), message);
        mistake.help = help(error.kind()).map(str::to_owned);
        mistake.fatal = true;
    }
}

/// A key's text, as written where it has no quotes.
fn key(node: Node, text: &Text<'_>, report: &mut Report) -> Option<Key> {
    let span = node.span;
    match node.kind {
        Kind::Scalar(scalar) => Some(Key { span, text: scalar.text }),
        Kind::Null => Some(Key { text: text.as_str()[span.clone()].to_owned(), span }),
        Kind::Bad => None,
        Kind::Map(_) | Kind::List(_) => {
            let mistake = report.add(text, &span, "a key must be text");
            mistake.help = Some("write the name of a table or of a field".to_owned());
            None
        }
    }
}

fn help(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
            Some("indent with spaces: YAML takes no tabs there")
        }
        ErrorKind::MappingValueNotAllowed => {
            Some("text that holds `: ` needs quotes; or the indentation is wrong")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => {
            Some("indent what belongs together by the same number of spaces")
        }
        ErrorKind::UnclosedFlowCollection { .. } => Some("close what is open"),
        ErrorKind::InvalidQuotedScalarIndent => Some("was a quote left open before this?"),
        _ => None,
    }
}
