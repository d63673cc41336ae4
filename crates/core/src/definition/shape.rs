//! Asks a node for the shape it should have, and reports it where it has
//! another.

use super::diagnostic::{Diagnostic, Report};
use super::node::{Entry, Kind, Node, Scalar, Span, Style};
use super::source::{Text, quoted};
use super::suggest::nearest;

/// The key of YAML 1.1 that brings in the fields of another map.
const MERGE: &str = "<<";

/// A field that a map may have.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// How it is written, in YAML; for the help.
    pub(super) example: &'static str,
    pub(super) required: bool,
}

impl Field {
    pub(super) const fn required(name: &'static str, example: &'static str) -> Self {
        Self { name, example, required: true }
    }

    pub(super) const fn optional(name: &'static str, example: &'static str) -> Self {
        Self { name, example, required: false }
    }
}

/// A kind of map: what it is called, and what it may hold.
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// One of it, in YAML; for the help.
    pub(super) example: &'static str,
    pub(super) fields: &'static [Field],
}

/// The fields of one map, by the names they should have.
pub(super) struct Fields<'n>(Vec<(&'static str, &'n Node)>);

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, node)| *node)
    }
}

/// A file being read, and where its mistakes go.
pub(super) struct Reader<'c> {
    pub(super) text: &'c Text<'c>,
    pub(super) report: &'c mut Report,
}

impl Reader<'_> {
    pub(super) fn mistake(&mut self, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.report.add(self.text, span, message)
    }

    /// A mistake about something that stands twice.
    pub(super) fn repeated(&mut self, span: &Span, first: &Span, message: impl Into<String>) {
        let first = (self.text.place(first.start), "first here".to_owned());
        let mistake = self.mistake(span, message);
        mistake.help = Some("keep one of the two".to_owned());
        mistake.related = Some(first);
    }

    fn wrong_shape(&mut self, node: &Node, what: &str, wanted: &str, example: &str) {
        if matches!(node.kind, Kind::Bad) {
            return;
        }
        let message = match node.kind {
            Kind::Null => format!("{what} has no value, {wanted} belongs here"),
            _ => format!("{what} must be {wanted}, this is {}", node.describe()),
        };
        let help = format!("for example {}", self.text.example(example));
        self.mistake(&node.span, message).help = Some(help);
    }

    pub(super) fn list<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        of: &str,
        example: &str,
    ) -> Option<&'n [Node]> {
        let Kind::List(items) = &node.kind else {
            self.wrong_shape(node, what, &format!("a list of {of}"), example);
            return None;
        };
        Some(items)
    }

    pub(super) fn map<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        example: &str,
    ) -> Option<&'n [Entry]> {
        let Kind::Map(entries) = &node.kind else {
            self.wrong_shape(node, what, "a map", example);
            return None;
        };
        Some(entries)
    }

    pub(super) fn string<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        example: &str,
    ) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(Scalar { text, style: Style::Text | Style::Plain }) => Some(text),
            _ => {
                self.wrong_shape(node, what, "text", example);
                None
            }
        }
    }

    /// One of the words of `choices`, exactly. `meant` names the word for other
    /// texts that people write for it.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&'static str, T)],
        meant: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let text = self.string(node, what, words.first()?)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = match meant(&text.to_lowercase()).or_else(|| nearest(text, &words)) {
            Some(word) => format!("write {word}"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.mistake(&node.span, format!("{} is not a valid {what}", quoted(text))).help =
            Some(help);
        None
    }

    /// A whole number of `least` or more.
    pub(super) fn number(&mut self, node: &Node, what: &str, least: i64) -> Option<i64> {
        let Kind::Scalar(Scalar { text, style: Style::Plain | Style::Number }) = &node.kind else {
            self.wrong_shape(node, what, "a number", "5");
            return None;
        };
        if let Ok(number) = text.parse::<i64>() {
            if number >= least {
                return Some(number);
            }
            let message = format!("{what} must be {least} or more");
            self.mistake(&node.span, message);
            return None;
        }
        let digits = text.trim_start_matches(['-', '+']);
        let message = if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            format!("{what} is out of range, AWS takes numbers up to {}", i64::MAX)
        } else {
            format!("{what} must be a whole number")
        };
        self.mistake(&node.span, message).help = Some("for example 5".to_owned());
        None
    }

    /// The fields of a map. One that may be left out and has no value is left out, as
    /// DescribeTable's null is. A misspelt field is reported, and then read as what
    /// it was meant to be, so that one slip is one mistake.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        shape: &'static Shape,
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, shape.name, shape.example)?;
        self.repeated_keys(entries);
        let mut found: Vec<(&'static str, &'n Node)> = Vec::new();
        for field in shape.fields {
            if let Some(entry) = entries.iter().find(|entry| entry.key.text == field.name) {
                found.push((field.name, &entry.value));
            }
        }
        for entry in entries {
            if shape.fields.iter().all(|field| field.name != entry.key.text) {
                let meant = self.unknown(entry, shape);
                let meant = meant.filter(|meant| found.iter().all(|(name, _)| *name != meant.name));
                if let Some(Meant { name, same_value }) = meant {
                    found.push((name, if same_value { &entry.value } else { &UNREAD }));
                }
            }
        }
        let is_optional = |name: &str| shape.fields.iter().any(|f| f.name == name && !f.required);
        found.retain(|(name, node)| !(matches!(node.kind, Kind::Null) && is_optional(name)));
        // A merge key was meant to bring some of them.
        if entries.iter().all(|entry| entry.key.text != MERGE) {
            self.missing(node, shape, &found);
        }
        Some(Fields(found))
    }

    fn missing(&mut self, node: &Node, shape: &Shape, found: &[(&str, &Node)]) {
        let missing = shape.fields.iter().filter(|field| field.required);
        for field in missing.filter(|field| found.iter().all(|(name, _)| *name != field.name)) {
            let message = format!("{} has no {}", shape.name, field.name);
            let help = format!("add {}", self.text.example(field.example));
            self.mistake(&node.span, message).help = Some(help);
        }
    }

    pub(super) fn repeated_keys(&mut self, entries: &[Entry]) {
        let mut firsts = std::collections::HashMap::new();
        for Entry { key, .. } in entries {
            match firsts.get(key.text.as_str()) {
                Some(first) => {
                    self.repeated(&key.span, first, format!("duplicate key {}", quoted(&key.text)));
                }
                None => {
                    firsts.insert(key.text.as_str(), key.span.clone());
                }
            }
        }
    }

    /// Reports a field that `shape` has not; the one that it was meant to be.
    fn unknown(&mut self, entry: &Entry, shape: &Shape) -> Option<Meant> {
        let key = &entry.key;
        let names: Vec<_> = shape.fields.iter().map(|field| field.name).collect();
        let near = nearest(&key.text, &names).map(|name| Meant { name, same_value: true });
        let meant = near.or_else(|| in_aws_words(&key.text, &names));
        let help = match &meant {
            Some(Meant { name, .. }) => format!("did you mean {name}?"),
            None if key.text == MERGE => "merge keys are not read: write the fields out".to_owned(),
            None => format!("{} may have {}", shape.name, names.join(", ")),
        };
        let message = format!("{} is not a field of {}", quoted(&key.text), shape.name);
        self.mistake(&key.span, message).help = Some(help);
        meant
    }
}

/// The field that another word stands for.
struct Meant {
    name: &'static str,
    /// Its value can be read as that of the field.
    same_value: bool,
}

/// The value of a field that was written in other words: nothing more is said of it.
static UNREAD: Node = Node { span: 0..0, kind: Kind::Bad };

/// Words of Terraform, Pulumi and CDK, the field of AWS's that holds the same, and
/// whether it holds it in the same form. Case, `_` and `-` do not count.
const OTHER_WORDS: [(&str, &str, bool); 19] = [
    ("name", "IndexName", true),
    ("name", "AttributeName", true),
    ("hashkey", "KeySchema", false),
    ("rangekey", "KeySchema", false),
    ("partitionkey", "KeySchema", false),
    ("sortkey", "KeySchema", false),
    ("keys", "KeySchema", true),
    ("projectiontype", "Projection", false),
    ("nonkeyattributes", "Projection", false),
    ("attributes", "AttributeDefinitions", true),
    ("attribute", "AttributeDefinitions", true),
    ("attribute", "AttributeName", true),
    ("type", "KeyType", true),
    ("type", "AttributeType", true),
    ("type", "ProjectionType", true),
    ("readcapacity", "ProvisionedThroughput", false),
    ("writecapacity", "ProvisionedThroughput", false),
    ("readcapacity", "ReadCapacityUnits", true),
    ("writecapacity", "WriteCapacityUnits", true),
];

fn in_aws_words(text: &str, names: &[&'static str]) -> Option<Meant> {
    let letters = text.chars().filter(|c| !matches!(c, '_' | '-')).take(41);
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    let words = OTHER_WORDS.iter().filter(|(word, ..)| *word == plain);
    words
        .filter_map(|&(_, field, same_value)| {
            let name = names.iter().find(|name| **name == field)?;
            Some(Meant { name, same_value })
        })
        .next()
}
