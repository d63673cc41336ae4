//! A plan for people, for programs, and for a comment on a pull request.

use std::fmt::Write as _;

use gsictl_core::check::Known;
use gsictl_core::plan::permissions::{Permission, policy};
use gsictl_core::plan::preview::{Preview, Row, Slow, TablePreview, Totals, Word};
use gsictl_core::plan::schedule::Schedule;
use gsictl_core::text::{advice_in_markdown, in_markdown};
use serde_json::{Value, json};

use super::{Colour, Mark, Page};
use crate::invocation::Invocation;

/// Names are aligned up to this.
const NAME_WIDTH: usize = 40;

/// One document.
pub(crate) fn document(preview: &Preview) -> Value {
    json!({ "plan": preview })
}

/// Table by table, then the schedule, the permissions and the sum.
pub(crate) fn human(preview: &Preview, invocation: &Invocation) -> Page {
    let mut page = Page::default();
    for table in &preview.tables {
        push_table(&mut page, table, invocation);
    }
    page.blank();
    if preview.schedule.builds() > 0 {
        push_schedule(&mut page, &preview.schedule);
    }
    if !preview.permissions.is_empty() {
        page.line("Permissions that apply needs:");
        for permission in preview.permissions.iter().filter(|p| p.with.is_none()) {
            for (n, resource) in permission.resources.iter().enumerate() {
                let action = if n == 0 { permission.action } else { "" };
                page.line(format_args!("  {action:<22}  {resource}"));
            }
        }
        for (option, what) in with_options(&preview.permissions) {
            page.line(format_args!("  with {option:<17}  {what}"));
        }
        page.blank();
    }
    page.line(format_args!("Plan: {}.", sum(&preview.totals)));
    page
}

/// What options of apply take besides: the option, and what.
fn with_options(
    permissions: &[Permission],
) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    const OF_OPTIONS: &[(&str, &str)] = &[
        ("--check", "dynamodb:Scan on the tables where it creates"),
        ("--validate", "dynamodb:Scan and dynamodb:Query on all tables, and Query on index/*"),
    ];
    OF_OPTIONS.iter().filter(|(option, _)| permissions.iter().any(|p| p.with == Some(*option)))
}

fn push_table(page: &mut Page, table: &TablePreview, invocation: &Invocation) {
    page.line(&table.table);
    let names = table.indexes.iter().map(|row| &row.index);
    let names = names.chain(table.unmanaged.iter().map(|i| &i.index));
    let width = names.map(|name| name.as_str().len()).max().unwrap_or(0).min(NAME_WIDTH);
    for row in &table.indexes {
        let why = if row.action == Word::Create { &row.wanted } else { &row.reason };
        page.marked("  ", mark(row.action), format_args!("{:<width$}  {why}", row.index));
        if let Some(slow) = &row.slow {
            page.line(format_args!("              slow: {}", slow_text(slow)));
            page.line(format_args!("              next: {}", slow.next_step));
        }
        for (name, line) in details(row) {
            page.line(format_args!("              {name} {line}"));
        }
        if let Some(known) = &row.forecast {
            page.line(format_args!("              forecast: {}", forecast(known, invocation)));
        }
    }
    for index in &table.unmanaged {
        let (name, schema) = (&index.index, &index.schema);
        page.line(format_args!("  unmanaged {name:<width$}  {schema}; never touched"));
    }
    for note in &table.notes {
        page.marked("  ", Mark::new(Colour::Yellow, "note:"), &note.text);
    }
}

/// `some 50001 h, bounded by ...; some 7 h with the advised capacity`.
fn slow_text(slow: &Slow) -> String {
    let (takes, then) = (minutes(slow.seconds), minutes(slow.seconds_then));
    format!("some {takes}, {}; some {then} with the advised capacity", slow.cause)
}

/// What a check said of it, and which one.
fn forecast(known: &Known, invocation: &Invocation) -> String {
    let of = match known.sample {
        Some(percent) => format!("a sample of {percent} %"),
        None => "the check".to_owned(),
    };
    let mut text = format!("{} (by {of} of {})", known.forecast, known.checked_at.whole_seconds());
    if known.violating > 0 {
        let check = invocation.complete("gsictl check DEFS");
        let _ = write!(text, "; {} items would break with it: see `{check}`", known.violating);
    }
    text
}

/// What stands below a row.
fn details(row: &Row) -> Vec<(&'static str, &str)> {
    let mut lines = Vec::new();
    if let Some(found) = &row.found {
        lines.push(("wanted:", row.wanted.as_str()));
        lines.push(("exists:", found.as_str()));
    }
    lines.extend(row.next_step.as_deref().map(|step| ("next:", step)));
    lines
}

fn mark(word: Word) -> Mark {
    let colour = match word {
        Word::Create | Word::Recreate => Colour::Green,
        Word::Adopt => Colour::Cyan,
        Word::There | Word::Leave => Colour::Dim,
        Word::Conflict | Word::Obstacle => Colour::Red,
    };
    Mark::new(colour, word.as_str()).padded(9)
}

fn push_schedule(page: &mut Page, schedule: &Schedule) {
    page.line(format_args!("Schedule: {}", headline(schedule)));
    let longest = schedule.lanes.iter().map(|lane| lane.table.as_str().len()).max().unwrap_or(0);
    for lane in &schedule.lanes {
        let builds: Vec<_> = lane.builds.iter().map(ToString::to_string).collect();
        page.line(format_args!("  {:<longest$}  {}", lane.table, builds.join(", then ")));
    }
    page.blank();
}

/// How much runs side by side, and how long that takes.
fn headline(schedule: &Schedule) -> String {
    let Schedule { lanes, at_once, seconds } = schedule;
    let side_by_side = match (lanes.len(), at_once) {
        (1, _) => "on one table".to_owned(),
        (tables, at_once) if tables > *at_once => {
            format!("on {tables} tables, {at_once} at once")
        }
        (tables, _) => format!("on {tables} tables side by side"),
    };
    let longest = lanes.first().map_or_else(String::new, |lane| {
        format!("; the longest is {} with {}", lane.table, counted(lane.builds.len()))
    });
    format!(
        "{} {side_by_side}{longest}; on AWS some {} or more",
        counted(schedule.builds()),
        minutes(*seconds)
    )
}

fn counted(builds: usize) -> String {
    if builds == 1 { "1 build".to_owned() } else { format!("{builds} builds") }
}

/// A rough time, so no seconds.
fn minutes(seconds: u64) -> String {
    match seconds.div_ceil(60) {
        minutes @ 0..=119 => format!("{minutes} min"),
        minutes => format!("{} h", minutes.div_ceil(60)),
    }
}

fn sum(totals: &Totals) -> String {
    let Totals { create, adopt, there, leave, conflict, obstacle } = totals;
    let always = [(create, "to create"), (there, "there already")];
    let maybe = [
        (adopt, "being built"),
        (leave, "left alone"),
        (conflict, if *conflict == 1 { "conflict" } else { "conflicts" }),
        (obstacle, if *obstacle == 1 { "obstacle" } else { "obstacles" }),
    ];
    let maybe = maybe.into_iter().filter(|(count, _)| **count > 0);
    let parts = always.into_iter().chain(maybe).map(|(count, what)| format!("{count} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// For a comment on a pull request.
pub(crate) fn markdown(preview: &Preview, invocation: &Invocation) -> String {
    let mut text = format!("### Index plan\n\n**{}**\n\n", sum(&preview.totals));
    text.push_str("| table | index | | |\n|---|---|---|---|\n");
    for table in &preview.tables {
        for row in &table.indexes {
            push_row(&mut text, table, row, invocation);
        }
    }
    push_list(&mut text, "Notes", preview.tables.iter().flat_map(notes));
    push_list(&mut text, "Not managed here, never touched", preview.tables.iter().flat_map(others));
    if preview.schedule.builds() > 0 {
        let _ = writeln!(text, "\nSchedule: {}.", in_markdown(&headline(&preview.schedule)));
    }
    if !preview.permissions.is_empty() {
        let policy = serde_json::to_string_pretty(&policy(&preview.permissions));
        let policy = policy.unwrap_or_default();
        let _ = write!(
            text,
            "\n<details><summary>Permissions that apply needs</summary>\n\n```json\n{policy}\n```\n\n"
        );
        for (option, what) in with_options(&preview.permissions) {
            let _ = writeln!(text, "- with `{option}` also {what}");
        }
        text.push_str("\n</details>\n");
    }
    text
}

fn push_row(text: &mut String, table: &TablePreview, row: &Row, invocation: &Invocation) {
    let mut why = in_markdown(&row.reason);
    let mut add = |what: &str, line: &str| {
        let _ = write!(why, "<br>{what}: {line}");
    };
    match &row.found {
        Some(found) => {
            add("wanted", &in_markdown(&row.wanted));
            add("exists", &in_markdown(found));
        }
        None => add("keys", &in_markdown(&row.wanted)),
    }
    if let Some(known) = &row.forecast {
        add("forecast", &advice_in_markdown(&forecast(known, invocation)));
    }
    if let Some(slow) = &row.slow {
        add("slow", &in_markdown(&slow_text(slow)));
        add("next", &advice_in_markdown(&slow.next_step));
    }
    if let Some(step) = &row.next_step {
        add("next", &advice_in_markdown(step));
    }
    let (table, index, word) = (&table.table, &row.index, row.action.as_str());
    let _ = writeln!(text, "| `{table}` | `{index}` | **{word}** | {why} |");
}

fn push_list(text: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{heading}:\n");
    }
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
}

fn notes(table: &TablePreview) -> impl Iterator<Item = String> {
    table.notes.iter().map(|note| format!("`{}`: {}", table.table, in_markdown(&note.text)))
}

fn others(table: &TablePreview) -> impl Iterator<Item = String> {
    let line = |i: &gsictl_core::plan::preview::Unmanaged| {
        format!("`{}.{}`: {}", table.table, i.index, in_markdown(&i.schema))
    };
    table.unmanaged.iter().map(line)
}
