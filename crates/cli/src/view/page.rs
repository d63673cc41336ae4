//! The gate: whatever is printed for people is put together here.
//!
//! A line holds one of our marks, perhaps, and a text in which nothing is hidden,
//! whoever wrote it. Only a [`Page`] makes line breaks, and colours are added when it is
//! printed, so that no text of others can forge either.

use std::fmt::{Display, Write as _};

use console::Style;
use gsictl_core::text::{Visibly, visible_lines};

/// Where a page goes: colours are settled for each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// How a mark is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    BoldRed,
    Green,
    Yellow,
    Cyan,
    Dim,
}

impl Colour {
    fn style(self) -> Style {
        match self {
            Self::Red => Style::new().red(),
            Self::BoldRed => Style::new().red().bold(),
            Self::Green => Style::new().green(),
            Self::Yellow => Style::new().yellow(),
            Self::Cyan => Style::new().cyan(),
            Self::Dim => Style::new().dim(),
        }
    }
}

/// A sign or a word of our own in front of a text, such as `✓` or `error:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    colour: Colour,
    word: &'static str,
    /// Words below each other have one width.
    width: usize,
}

impl Mark {
    pub(crate) const fn new(colour: Colour, word: &'static str) -> Self {
        Self { colour, word, width: 0 }
    }

    pub(crate) const fn padded(self, width: usize) -> Self {
        Self { width, ..self }
    }
}

/// Lines for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Every line ends with a line break, and has no other.
    text: String,
    /// The marks with their places in `text`, in order.
    marks: Vec<(usize, Mark)>,
}

impl Page {
    /// One line, whatever the text holds.
    pub(crate) fn of(text: impl Display) -> Self {
        let mut page = Self::default();
        page.line(text);
        page
    }

    /// A text whose line breaks and tabs are our own.
    pub(crate) fn of_lines(text: &str) -> Self {
        let mut page = Self::default();
        page.lines(text);
        page
    }

    /// Adds one line, whatever the text holds.
    pub(crate) fn line(&mut self, text: impl Display) {
        // Writing to a string cannot fail, and what cannot be shown is left out.
        let _ = write!(Visibly(&mut self.text), "{text}");
        self.end_line();
    }

    /// Adds one line with a mark: the indentation, the mark, a space and the text.
    pub(crate) fn marked(&mut self, indent: &'static str, mark: Mark, text: impl Display) {
        self.text.push_str(indent);
        self.marks.push((self.text.len(), mark));
        let pad = mark.width.saturating_sub(mark.word.chars().count());
        let _ = write!(Visibly(&mut self.text), "{:pad$} {text}", "");
        self.end_line();
    }

    fn end_line(&mut self) {
        let marked = self.marks.last().map_or(0, |(at, _)| *at);
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length.max(marked));
        self.text.push('\n');
    }

    /// Adds the lines of a text whose line breaks and tabs are our own.
    pub(crate) fn lines(&mut self, text: &str) {
        for line in text.lines() {
            self.text.push_str(&visible_lines(line));
            self.text.push('\n');
        }
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Adds another page below.
    pub(crate) fn append(&mut self, below: &Self) {
        let shift = self.text.len();
        self.text.push_str(&below.text);
        self.marks.extend(below.marks.iter().map(|(at, mark)| (at + shift, *mark)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The page with its colours, if `stream` has any, and without its last line break.
    pub(crate) fn render(&self, stream: Stream) -> String {
        let end = self.text.strip_suffix('\n').unwrap_or(&self.text).len();
        let mut out = String::with_capacity(self.text.len() + 16 * self.marks.len());
        let mut done = 0;
        for (at, mark) in &self.marks {
            out.push_str(&self.text[done..*at]);
            let style = mark.colour.style();
            let style = if stream == Stream::Err { style.for_stderr() } else { style };
            let _ = write!(out, "{}", style.apply_to(mark.word));
            done = *at;
        }
        out.push_str(&self.text[done..end]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROSS: Mark = Mark::new(Colour::Red, "✗");

    /// What a terminal would be sent, colours and all.
    fn forced(page: &Page) -> String {
        console::set_colors_enabled(true);
        page.render(Stream::Out)
    }

    #[test]
    fn a_text_of_others_makes_neither_a_line_nor_a_colour() {
        let hostile = "bad\n  create    by-y\r\x1b[8m\x1b]0;owned\x07\u{9b}2J\u{202e}\u{2028}";
        let mut page = Page::of(hostile);
        page.marked("  ", CROSS, hostile);
        page.lines(&hostile.replace('\n', " "));
        let sent = forced(&page);
        assert_eq!(sent.lines().count(), 3, "{sent:?}");
        let ours = sent.replace("\x1b[31m✗\x1b[0m", "✗");
        assert!(!ours.contains(|c| gsictl_core::text::is_hidden(c) && c != '\n'), "{ours:?}");
    }

    #[test]
    fn a_mark_is_coloured_where_it_stands() {
        let mut page = Page::of("first");
        page.marked("  ", CROSS, "x");
        page.marked("", Mark::new(Colour::Green, "create").padded(9), "by-day");
        page.marked("", CROSS, "");
        let mut whole = Page::of("above");
        whole.append(&page);
        assert_eq!(
            forced(&whole),
            "above\nfirst\n  \x1b[31m✗\x1b[0m x\n\x1b[32mcreate\x1b[0m    by-day\n\x1b[31m✗\x1b[0m"
        );
    }

    #[test]
    fn line_breaks_of_our_own_stay() {
        assert_eq!(Page::of_lines("a\n\tb\r\n\nc\n").render(Stream::Err), "a\n\tb\n\nc");
    }
}
