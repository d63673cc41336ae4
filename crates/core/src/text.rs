//! What others wrote, made visible before it leaves the program.
//!
//! Values of items, attribute names, a server's messages, the text of a state file and
//! file names may hold any character. Some of them give a terminal orders, draw a line
//! that is not ours, or turn the direction of what follows. This is the one place that
//! says which ones, and what is shown in their stead. Whoever prints or writes for
//! people passes through one of these functions; values and JSON keep what they have.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether `c` is not seen as itself: it controls the terminal, breaks the line, turns
/// the direction of writing, or takes no room at all.
///
/// These are Unicode's controls (Cc), line and paragraph separators (Zl, Zp), all
/// characters of the direction of writing, and what is ignored where it is drawn
/// ([Default_Ignorable_Code_Point](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point)),
/// with the annotations and the controls of hieroglyphs, which are as good as that.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{13455}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text as one line in which nothing is hidden: `\n`, `\r`, `\t`, and `\u{1b}` for
/// whatever else is. A backslash stays one, so that the result is for people; it is not
/// read back.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// The same for a text whose line breaks and tabs are our own.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

fn shown(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !stays(c);
    let Some(first) = text.find(hidden) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            c if !hidden(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// The text as Markdown that means nothing but itself: on one line with nothing hidden,
/// in a table too, and where it begins a line or an item of a list. GitHub's kind of
/// Markdown, and still to be read where nobody renders it. Addresses stay links.
#[must_use]
pub fn in_markdown(text: &str) -> String {
    let text = visible(text.trim());
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        let escaped = match c {
            '\\' | '`' | '*' | '<' | '|' | '[' | '~' | '$' | '@' => true,
            // `&#x202e;` is a character where it is rendered.
            '&' => next.is_some_and(|next| next == '#' || next.is_alphanumeric()),
            // Inside of a word it stays itself, as in snake_case.
            '_' => {
                !(before.is_some_and(char::is_alphanumeric)
                    && next.is_some_and(char::is_alphanumeric))
            }
            '#' | '>' | '+' | '-' | '=' => before.is_none(),
            '.' | ')' => next.is_none_or(char::is_whitespace) && is_number(&out),
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// An advice as Markdown: commands in backquotes, which have none in them, are code, so
/// that they can be pasted whether or not somebody rendered them.
#[must_use]
pub fn advice_in_markdown(advice: &str) -> String {
    let parts: Vec<_> = advice.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // One is not closed: it is no advice of ours.
        return in_markdown(advice);
    }
    let mut out = String::with_capacity(advice.len() + 8);
    for (n, part) in parts.into_iter().enumerate() {
        if n % 2 == 1 {
            out.push('`');
            out.push_str(&visible(part).replace('|', "\\|"));
            out.push('`');
        } else {
            let trimmed = part.trim_start();
            out.push_str(&part[..part.len() - trimmed.len()]);
            out.push_str(&in_markdown(trimmed));
            out.push_str(&trimmed[trimmed.trim_end().len()..]);
        }
    }
    visible(&out).into_owned()
}

/// What a list would be numbered with.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// JSON of the same value in which nothing is hidden, its own line breaks apart. Outside
/// of strings JSON has none of these characters, and inside each has an escape.
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && c != '\n';
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Makes [`visible`] whatever is written to it, on its way to `.0`.
#[derive(Debug)]
pub struct Visibly<'a>(pub &'a mut String);

impl Write for Visibly<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(&visible(text));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_reader_would_not_see_is_shown() {
        let table = [
            ("plain text, 7 % — ✓ 日ß😀", "plain text, 7 % — ✓ 日ß😀"),
            ("C:\\dir\\new", "C:\\dir\\new"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b]0;owned\x07\x1b[2J", "\\u{1b}]0;owned\\u{7}\\u{1b}[2J"),
            ("\0\x08\x7f", "\\u{0}\\u{8}\\u{7f}"),
            ("\u{85}\u{9b}2J\u{9d}", "\\u{85}\\u{9b}2J\\u{9d}"),
            ("\u{202e}drop\u{202c}", "\\u{202e}drop\\u{202c}"),
            (
                "\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
                "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}",
            ),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            (
                "pk\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}",
                "pk\\u{200b}\\u{200d}\\u{2060}\\u{feff}\\u{ad}",
            ),
            (
                "\u{3164}\u{115f}\u{ffa0}\u{34f}\u{fe0f}",
                "\\u{3164}\\u{115f}\\u{ffa0}\\u{34f}\\u{fe0f}",
            ),
            ("\u{e0041}\u{e0100}\u{fff9}", "\\u{e0041}\\u{e0100}\\u{fff9}"),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown);
            assert_eq!(visible(shown), shown, "what is shown stays as it is");
        }
    }

    #[test]
    fn a_text_with_nothing_hidden_is_not_copied() {
        assert!(matches!(visible("orders.by-status: ACTIVE"), Cow::Borrowed(_)));
        assert!(matches!(visible_json("{\"a\": \"ß\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn text_means_nothing_but_itself_in_markdown() {
        let table = [
            ("a | b\r\nc `d` *e* <f> [g](h) \\", r"a \| b\\r\\nc \`d\` \*e\* \<f> \[g](h) \\"),
            (" snake_case of _it_ ", r"snake_case of \_it\_"),
            ("\u{1b}[31m \u{202e}", r"\\u{1b}\[31m \\u{202e}"),
            ("# no heading", r"\# no heading"),
            ("> no quote", r"\> no quote"),
            ("- no item", r"\- no item"),
            ("1. no item", r"1\. no item"),
            ("1.5 GB of x-1.", "1.5 GB of x-1."),
            ("&lt;b&gt; &#x202e; a & b", r"\&lt;b\&gt; \&#x202e; a & b"),
            ("~~gone~~ $x$ @team", r"\~\~gone\~\~ \$x\$ \@team"),
        ];
        for (text, markdown) in table {
            assert_eq!(in_markdown(text), markdown);
        }
    }

    #[test]
    fn a_command_in_an_advice_can_be_pasted_from_markdown() {
        let table = [
            (
                "create it: `gsictl apply 'it'\\''s *.yaml'`, or not",
                "create it: `gsictl apply 'it'\\''s *.yaml'`, or not",
            ),
            ("a *b* `c` d", "a \\*b\\* `c` d"),
            ("`a|b`", "`a\\|b`"),
            ("one ` alone", "one \\` alone"),
            ("`a\nb` \u{1b}", "`a\\nb` \\\\u{1b}"),
        ];
        for (advice, markdown) in table {
            assert_eq!(advice_in_markdown(advice), markdown);
        }
    }

    #[test]
    fn lines_of_our_own_stay_lines() {
        assert_eq!(visible_lines("a\n\tb\x1b[31m\r\nc"), "a\n\tb\\u{1b}[31m\\r\nc");
    }

    proptest! {
        #![proptest_config(crate::drawn::config(256))]
        #[test]
        fn whatever_goes_in_nothing_hidden_comes_out(text in any::<String>(), extra in "[\\x00-\\x1f\\x7f-\\x9f\u{200b}-\u{202e}\u{2066}-\u{2069}]*") {
            let text = text + &extra;
            prop_assert!(!visible(&text).contains(is_hidden));
            prop_assert!(!in_markdown(&text).contains(is_hidden));
            prop_assert!(!advice_in_markdown(&text).contains(is_hidden));
            let lines = visible_lines(&text);
            prop_assert!(!lines.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')));
            let mut out = String::new();
            let _ = write!(Visibly(&mut out), "{text}");
            prop_assert_eq!(out, visible(&text).into_owned());
        }

        #[test]
        fn json_keeps_its_value_and_hides_nothing(text in any::<String>(), extra in "[\\x00-\\x1f\\x7f-\\x9f\u{200b}-\u{202e}\u{e0000}-\u{e007f}]*") {
            let value = serde_json::json!({ text.clone() + &extra: [extra, text] });
            for json in [value.to_string(), format!("{value:#}")] {
                let shown = visible_json(&json);
                prop_assert!(!shown.contains(|c| is_hidden(c) && c != '\n'));
                let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
                prop_assert_eq!(&read, &value);
            }
        }
    }
}
