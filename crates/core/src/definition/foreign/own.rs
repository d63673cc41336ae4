//! What this program itself writes, beside definitions.

use super::super::node::Entry;
use super::{Foreign, entry, export, map, text, text_at, value};

pub(super) fn recognise(entries: &[Entry]) -> Option<Foreign> {
    state(entries)
        .or_else(|| marked(entries))
        .or_else(|| document(entries))
        .or_else(|| schema(entries))
}

/// The state file, also as the seeds' tool wrote it.
fn state(entries: &[Entry]) -> Option<Foreign> {
    let gsis = entry(entries, "gsis")?;
    let entries_of = map(&gsis.value)?;
    text_at(entries, &["version"])?;
    let tables = entries_of.iter().filter_map(|e| text_at(map(&e.value)?, &["table_name"]));
    let help = format!(
        "give the definitions that it was made from; `gsictl status` shows a state. Or have \
         definitions written from the live tables: {}",
        export(tables)
    );
    Some(Foreign::new(gsis, "a state file of gsictl", help))
}

/// Files that say what they are: a saved plan, a cursor, a report.
fn marked(entries: &[Entry]) -> Option<Foreign> {
    let format = entry(entries, "format")?;
    match text(&format.value)? {
        "gsictl-plan" => {
            let help = "apply it by itself: `gsictl apply FILE`, with --dry-run to look at it; \
                        elsewhere give the definitions that it was made from";
            Some(Foreign::new(format, "a saved plan of gsictl", help))
        }
        "gsictl-check" => {
            let help = "give the definitions that are checked; `gsictl check DEFS --resume` finds \
                        this file by itself";
            Some(Foreign::new(format, "where a check of gsictl stopped", help))
        }
        _ => {
            let tool = text_at(entries, &["tool"]).filter(|tool| tool.starts_with("gsictl "));
            tool.and_then(|_| text_at(entries, &["kind"]).or(text_at(entries, &["command"])))?;
            let help = "give the definitions that the command was given; `gsictl report show` shows \
                        a report";
            Some(Foreign::new(format, "a report of gsictl", help))
        }
    }
}

/// What `--output json` prints.
fn document(entries: &[Entry]) -> Option<Foreign> {
    entry(entries, "exit_code").filter(|code| text(&code.value).is_some())?;
    let definitions = entry(entries, "definitions").filter(|found| map(&found.value).is_some());
    if let Some(definitions) = definitions {
        let help = "take what stands under `definitions`, or leave out --output json";
        return Some(Foreign::new(definitions, "what `export --output json` prints", help));
    }
    let first = entries.first()?;
    let help = "give the definitions that the command was given";
    Some(Foreign::new(first, "what a command of gsictl prints with --output json", help))
}

/// The JSON Schema of definitions.
fn schema(entries: &[Entry]) -> Option<Foreign> {
    let named = entry(entries, "$schema")?;
    text(&named.value).filter(|url| url.contains("json-schema.org"))?;
    ["properties", "patternProperties", "$defs"]
        .iter()
        .find_map(|key| map(value(entries, &[key])?))?;
    let help = "give the file that it describes; editors take this one by its `$schema`";
    Some(Foreign::new(named, "a JSON Schema", help))
}
