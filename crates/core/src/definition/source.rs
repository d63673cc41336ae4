//! A definitions file as it was read, and the places in it.

use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use super::Place;
use super::limits::MAX_FOUND_CHARS;
use crate::text::visible;

/// How a definitions file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML 1.2. Unquoted scalars are text: `N`, `no` and `123` mean themselves.
    Yaml,
    /// TOML.
    Toml,
}

/// A format other than `json`, `yaml` (or `yml`) and `toml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format of definitions (json, yaml and toml are)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "yaml" | "yml" => Ok(Self::Yaml),
            "toml" => Ok(Self::Toml),
            _ => Err(UnknownFormat(name.to_owned())),
        }
    }
}

impl Format {
    /// The format that the ending of a file's name says; nothing for other
    /// endings and for `-`.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        Path::new(path).extension()?.to_str()?.parse().ok()
    }

    /// An example in YAML's flow style, whose words need no quotes there, in
    /// this format.
    fn example(self, yaml: &str) -> String {
        let mut shown = String::new();
        let mut rest = yaml;
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
            let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
            let (token, after) = rest.split_at(end);
            rest = after;
            match self {
                Self::Yaml => shown += token,
                Self::Json | Self::Toml if !token.contains(|c: char| c.is_ascii_alphabetic()) => {
                    shown += token;
                }
                Self::Toml if rest.starts_with(':') => {
                    shown += token;
                    shown += " =";
                    rest = &rest[1..];
                }
                Self::Json | Self::Toml => {
                    shown += &format!("\"{token}\"");
                }
            }
        }
        shown
    }

    /// Its name, as [`FromStr`] takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One definitions file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name as the user gave it; `-` is standard input.
    pub file: &'a str,
    /// How it is written.
    pub format: Format,
    /// Its bytes as read, at least the first [`super::MAX_INPUT_BYTES`] + 1.
    pub text: &'a [u8],
}

/// The bytes between two counts of characters; bounds what finding a column costs.
const BLOCK: usize = 256;

/// A file's text, in which byte offsets can be turned into places.
pub(super) struct Text<'a> {
    file: Arc<str>,
    format: Format,
    text: &'a str,
    line_starts: Vec<usize>,
    /// Characters before each [`BLOCK`]. Lines can be megabytes long, and every
    /// mistake needs a column.
    chars_before: Vec<usize>,
}

impl<'a> Text<'a> {
    /// `text` is what of the source can be read as text.
    pub(super) fn new(source: &Source<'_>, text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|&(at, &b)| b == b'\n' || (b == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        let mut chars = 0;
        let counts = bytes.chunks(BLOCK).map(|block| {
            let before = chars;
            chars += characters(block);
            before
        });
        Self {
            file: source.file.into(),
            format: source.format,
            text,
            chars_before: counts.collect(),
            line_starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect(),
        }
    }

    pub(super) fn as_str(&self) -> &'a str {
        self.text
    }

    /// The place of the character at or around byte `at`; behind the end is the end.
    pub(super) fn place(&self, at: usize) -> Place {
        let at = self.text.floor_char_boundary(at);
        let line = self.line_starts.partition_point(|&start| start <= at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        Place {
            file: self.file.clone(),
            line,
            column: self.chars_to(at) - self.chars_to(start) + 1,
        }
    }

    /// The text of `span` as one line for people.
    pub(super) fn found(&self, span: &Range<usize>) -> String {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        one_line(&self.text[start..end])
    }

    /// An example given in YAML, as this file would write it.
    pub(super) fn example(&self, yaml: &str) -> String {
        format!("`{}`", self.format.example(yaml))
    }

    fn chars_to(&self, at: usize) -> usize {
        let block = at / BLOCK;
        let before = self.chars_before.get(block).copied();
        match before {
            Some(before) => before + characters(&self.text.as_bytes()[block * BLOCK..at]),
            // The end of a text that fills its last block.
            None => self.chars_to_end(),
        }
    }

    fn chars_to_end(&self) -> usize {
        let last = self.chars_before.len().saturating_sub(1);
        let before = self.chars_before.last().copied().unwrap_or_default();
        before + characters(&self.text.as_bytes()[last * BLOCK..])
    }
}

/// Characters that begin in `bytes` of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b & 0xC0 != 0x80).count()
}

/// The first line of `text` with nothing hidden, and not too long; an ellipsis stands
/// for what is left out.
pub(super) fn one_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().trim_end();
    let mut shown: Vec<char> = Vec::new();
    let mut cut = lines.any(|line| !line.trim().is_empty());
    for c in first.chars() {
        shown.extend(visible(c.encode_utf8(&mut [0; 4])).chars());
        if shown.len() > MAX_FOUND_CHARS {
            cut = true;
            break;
        }
    }
    if cut {
        shown.truncate(MAX_FOUND_CHARS - 1);
        shown.push('…');
    }
    shown.into_iter().collect()
}

/// A text of the user's inside a message.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text<'_> {
        let format = Format::Yaml;
        Text::new(&Source { file: "f", format, text: b"" }, text)
    }

    #[test]
    fn an_example_is_written_as_the_file_is() {
        let yaml = "bookings: [{ IndexName: passenger-index, KeyType: HASH, Units: 5, ... }]";
        assert_eq!(Format::Yaml.example(yaml), yaml);
        assert_eq!(
            Format::Json.example(yaml),
            r#""bookings": [{ "IndexName": "passenger-index", "KeyType": "HASH", "Units": 5, ... }]"#
        );
        assert_eq!(
            Format::Toml.example(yaml),
            r#"bookings = [{ IndexName = "passenger-index", KeyType = "HASH", Units = 5, ... }]"#
        );
    }

    #[test]
    fn a_format_is_named_by_the_ending_of_the_file() {
        assert_eq!(Format::from_path("a/b.yaml"), Some(Format::Yaml));
        assert_eq!(Format::from_path("b.YML"), Some(Format::Yaml));
        assert_eq!(Format::from_path("b.json"), Some(Format::Json));
        assert_eq!(Format::from_path("b.x.toml"), Some(Format::Toml));
        assert_eq!(Format::from_path("-"), None);
        assert_eq!(Format::from_path("yaml"), None);
        assert_eq!("xml".parse::<Format>(), Err(UnknownFormat("xml".into())));
    }

    #[test]
    fn columns_count_characters_and_lines_end_in_any_way() {
        let text = text("é: ñ\r\nb\rcc\n\nd");
        let place = |at| {
            let place = text.place(at);
            (place.line, place.column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(4), (1, 4));
        assert_eq!(place(5), (1, 4), "inside of a character is the character");
        assert_eq!(place(8), (2, 1));
        assert_eq!(place(11), (3, 2));
        assert_eq!(place(13), (4, 1));
        assert_eq!(place(14), (5, 1));
        assert_eq!(place(99), (5, 2), "behind the end is the end");
    }

    #[test]
    fn a_column_far_into_a_long_line_is_right() {
        let line = "ä".repeat(1_000);
        for line in [&line[..512], &line[..], "", "x"] {
            let end = text(line).place(line.len());
            assert_eq!((end.line, end.column), (1, line.chars().count() + 1));
        }
    }

    #[test]
    fn offending_text_is_one_short_line() {
        assert_eq!(one_line("  a\u{7}b\r\n\n"), "a\\u{7}b");
        assert_eq!(one_line("a\nb"), "a…");
        assert_eq!(one_line(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(one_line(&"x".repeat(61)).chars().count(), 60);
        assert_eq!(one_line(&format!("{}\ny", "x".repeat(60))).chars().count(), 60);
    }
}
