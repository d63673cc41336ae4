//! JSON: serde_json says whether it is, strictly; then YAML, of which JSON is a
//! part, is read for its places.

use serde::de::IgnoredAny;
use serde_json::error::Category;

use super::yaml;
use crate::definition::diagnostic::Report;
use crate::definition::node::Node;
use crate::definition::source::Text;

pub(super) fn tree(text: &Text<'_>, report: &mut Report) -> Option<Node> {
    if text.as_str().trim().is_empty() {
        return None;
    }
    match serde_json::from_str::<IgnoredAny>(text.as_str()) {
        Ok(_) => yaml::json_tree(text, report),
        Err(error) => {
            syntax_error(&error, text, report);
            None
        }
    }
}

fn syntax_error(error: &serde_json::Error, text: &Text<'_>, report: &mut Report) {
    let at = offset(text.as_str(), error.line(), error.column());
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or(&said);
    let line_end = text.as_str()[at..].find('\n').map_or(text.as_str().len(), |n| at + n);
    let mistake = report.add(text, &(at..line_end), format!("this is not JSON: {what}"));
    mistake.help = help(error, what, &text.as_str()[at..]);
    mistake.fatal = true;
}

fn help(error: &serde_json::Error, what: &str, rest: &str) -> Option<String> {
    let help = if error.classify() == Category::Eof {
        "the file ends too early: close what is open"
    } else if rest.starts_with('/') || rest.starts_with('#') {
        "JSON has no comments; YAML and TOML have"
    } else if rest.starts_with('\'') {
        "JSON takes double quotes"
    } else if rest.starts_with(['}', ']']) && !what.starts_with("expected") {
        "remove the comma before it"
    } else if what.starts_with("trailing characters") {
        "one JSON value is the whole file"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// serde_json counts lines from 1 and columns in bytes, from 1; column 0 is the
/// line's end before.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text.floor_char_boundary(before + column.saturating_sub(1))
}
