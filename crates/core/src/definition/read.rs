//! Readers: from the bytes of a file to a tree of nodes.

mod json;
mod toml;
mod yaml;

use std::borrow::Cow;

use super::diagnostic::Report;
use super::limits::{MAX_DEPTH, MAX_INPUT_BYTES, MAX_TEXT_BYTES};
use super::node::{Node, Span};
use super::source::{Format, Source, Text};
use crate::encoding::NotText;

/// The file's text, or nothing where its bytes are no text to read; that is
/// reported. `decoded` is what `encoding::text_of` made of them.
pub(super) fn text<'a>(
    source: &Source<'_>,
    decoded: &'a Result<Cow<'_, str>, NotText>,
    report: &mut Report,
) -> Option<Text<'a>> {
    let length = decoded.as_ref().map_or(0, |text| text.len());
    if source.text.len().max(length) > MAX_INPUT_BYTES {
        let mib = MAX_INPUT_BYTES / (1024 * 1024);
        let none = Text::new(source, "");
        let mistake = report.add(&none, &(0..0), format!("the file is larger than {mib} MiB"));
        mistake.help = Some("split it into several files; all of them can be given".to_owned());
        mistake.fatal = true;
        return None;
    }
    match decoded {
        Ok(text) => Some(Text::new(source, text)).filter(|text| is_text(text, report)),
        Err(NotText { what, help, before, found }) => {
            let text = Text::new(source, before);
            let end = before.len();
            let mistake = report.add(&text, &(end..end), what.as_str());
            mistake.found = found.iter().map(|b| format!("\\x{b:02x}")).collect();
            mistake.help = Some((*help).to_owned());
            mistake.fatal = true;
            None
        }
    }
}

/// No format has control characters but tab and line ends.
fn is_text(text: &Text<'_>, report: &mut Report) -> bool {
    let stray = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
    let Some((at, c)) = text.as_str().char_indices().find(|&(_, c)| stray(c)) else {
        return true;
    };
    let message = format!("U+{:04X} is a control character, not text", u32::from(c));
    let mistake = report.add(text, &(at..at + c.len_utf8()), message);
    mistake.help = Some("remove it; or this is not a definitions file".to_owned());
    mistake.fatal = true;
    false
}

/// The file's values, or nothing where it has none or its syntax is broken;
/// the latter is reported.
pub(super) fn tree(format: Format, text: &Text<'_>, report: &mut Report) -> Option<Node> {
    match format {
        Format::Json => json::tree(text, report),
        Format::Yaml => yaml::tree(text, report),
        Format::Toml => toml::tree(text, report),
    }
}

fn too_deep(text: &Text<'_>, span: &Span, report: &mut Report) {
    let mistake = report.add(text, span, format!("more than {MAX_DEPTH} levels of nesting"));
    mistake.help = Some("definitions need five".to_owned());
    mistake.fatal = true;
}

fn too_many(most: usize, text: &Text<'_>, span: &Span, report: &mut Report) {
    let message = format!("the file holds more than {most} values");
    let mistake = report.add(text, span, message);
    mistake.help = Some("split it into several files".to_owned());
    mistake.fatal = true;
}

fn too_large(text: &Text<'_>, span: &Span, report: &mut Report) {
    let mib = MAX_TEXT_BYTES / (1024 * 1024);
    let message = format!("with its aliases the file holds more than {mib} MiB of text");
    let mistake = report.add(text, span, message);
    mistake.help = Some("write what is repeated shorter, or split the file".to_owned());
    mistake.fatal = true;
}
