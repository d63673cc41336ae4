//! An `apply`'s report for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Cost, IndexReport, Report, Result, TableReport, Totals};
use crate::endpoint::Endpoint;
use crate::report::markdown::{ATTEMPT, advice, attempt, code, heading, plain, table};
use crate::state::Target;
use crate::time::{Timestamp, for_people};

pub(super) fn of(report: &Report) -> String {
    let mut out = format!(
        "# gsictl {}: {}\n",
        plain(&report.envelope.command),
        words(report.envelope.result)
    );
    summary(&mut out, report);
    created(&mut out, report);
    already_there(&mut out, report);
    failed(&mut out, report);
    not_finished(&mut out, report);
    tables(&mut out, &report.tables);
    calls(&mut out, report.cost);
    out
}

/// `not_saved` is a word for programs.
fn words(result: &str) -> &str {
    if result == "not_saved" { "the state could not be saved" } else { result }
}

fn summary(out: &mut String, report: &Report) {
    let Totals { total, created, already_active, failed, unfinished, success_rate } = report.totals;
    let counts = format!(
        "{total}: {created} created, {already_active} already there, {failed} failed, \
         {unfinished} not finished"
    );
    let mut rows = vec![
        ("Definitions", plain(&report.script_name)),
        ("DynamoDB", place(&report.target)),
        ("Began", report.envelope.started_at.to_string()),
        ("Ended", report.envelope.ended_at.to_string()),
        ("Took", seconds(report.seconds)),
        ("Builds one after the other", one_after_the_other(report)),
        ("Indexes", counts),
        ("Success rate", format!("{success_rate:.0} %")),
        ("Written by", plain(report.envelope.tool)),
    ];
    if !report.skipped_regions.is_empty() {
        let regions = plain(&report.skipped_regions.join(", "));
        rows.push(("Regions not asked, and not waited for", regions));
    }
    if report.envelope.result == "not_saved" {
        rows.push(("The state could not be saved", plain(&report.ended)));
    }
    heading(out, 2, "Summary");
    table(out, &["", ""], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
}

/// What was found being built had begun before.
fn one_after_the_other(report: &Report) -> String {
    let built = |i: &&IndexReport| matches!(i.result, Result::Created | Result::Adopted);
    let whole = |i: &IndexReport| i.result == Result::Created && i.build_seconds.is_some();
    let least = if report.indexes.iter().filter(built).all(whole) { "" } else { "at least " };
    format!("{least}{}", seconds(report.build_seconds_sum))
}

fn place(target: &Target) -> String {
    let Target { account, region, endpoint } = target;
    let endpoint = endpoint.as_ref().map(Endpoint::as_str);
    let parts =
        [("region", region.as_deref()), ("account", account.as_deref()), ("endpoint", endpoint)];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let parts: Vec<_> = parts.map(|(name, value)| format!("{name} {}", plain(value))).collect();
    if parts.is_empty() { "not known".to_owned() } else { parts.join(", ") }
}

fn seconds(seconds: f64) -> String {
    for_people(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn name(index: &IndexReport) -> String {
    code(format_args!("{}.{}", index.table, index.index))
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| at.to_string())
}

/// The heading with how many there are; nothing where there are none.
fn section<'r>(
    out: &mut String,
    title: &str,
    report: &'r Report,
    fits: fn(Result) -> bool,
) -> Option<Vec<&'r IndexReport>> {
    let indexes: Vec<_> = report.indexes.iter().filter(|i| fits(i.result)).collect();
    if indexes.is_empty() {
        return None;
    }
    heading(out, 2, &format!("{title} ({})", indexes.len()));
    Some(indexes)
}

fn created(out: &mut String, report: &Report) {
    let fits = |result| matches!(result, Result::Created | Result::Adopted);
    let Some(indexes) = section(out, "Created", report, fits) else { return };
    let row = |i: &&IndexReport| {
        let found = if i.result == Result::Adopted { " (found being built)" } else { "" };
        // Of what was found nobody knows when it began.
        let since = if found.is_empty() { "" } else { " after it was found" };
        let build = i.build_seconds.map_or_else(String::new, |s| seconds(s) + since);
        let (begun, active) = (time(i.creation_time), time(i.activated_at));
        vec![format!("{}{found}", name(i)), build, begun, active, i.retry_count.to_string()]
    };
    let head = ["Index", "Build", "Begun", "Active", "Failed attempts"];
    table(out, &head, indexes.iter().map(row));
    for index in indexes.iter().filter(|i| !i.attempts.is_empty()) {
        let _ = writeln!(out, "\nAttempts for {} that failed:\n", name(index));
        table(out, &ATTEMPT, index.attempts.iter().map(attempt));
    }
}

fn already_there(out: &mut String, report: &Report) {
    let fits = |result| result == Result::AlreadyActive;
    for index in section(out, "Already there", report, fits).unwrap_or_default() {
        let _ = writeln!(out, "- {}", name(index));
    }
}

fn failed(out: &mut String, report: &Report) {
    for index in section(out, "Failed", report, Result::is_failure).unwrap_or_default() {
        // The heading of the section ends with an empty line.
        out.truncate(out.trim_end_matches('\n').len() + 1);
        heading(out, 3, &name(index));
        let error = index.error.as_deref().unwrap_or("no reason is known");
        let _ = writeln!(out, "{}: {}", how(index.result), plain(error));
        if let Some(begun) = index.creation_time {
            let _ = writeln!(out, "\nBegun {begun}; failed attempts: {}", index.retry_count);
        }
        if !index.attempts.is_empty() {
            let _ = writeln!(out);
            table(out, &ATTEMPT, index.attempts.iter().map(attempt));
        }
        if let Some(seen) = report.tables.iter().find(|t| t.table == index.table) {
            let _ = writeln!(
                out,
                "\nThe table is {}; its indexes: {}",
                plain(&seen.status),
                indexes(seen)
            );
        }
        if !index.next_steps.is_empty() {
            let _ = writeln!(out, "\nWhat to do:\n");
        }
        for (n, step) in index.next_steps.iter().enumerate() {
            let _ = writeln!(out, "{}. {}", n + 1, advice(step));
        }
    }
}

fn how(result: Result) -> &'static str {
    match result {
        Result::Obstructed => "Cannot be created as things are",
        Result::LeftFailed => "Failed in an earlier run, and was not started again",
        Result::TimedOut => "Not ready in time; it goes on building",
        Result::Unconfirmed => "Not known to be ready in every region",
        _ => "Failed",
    }
}

fn not_finished(out: &mut String, report: &Report) {
    let fits = |result: Result| !result.is_success() && !result.is_failure();
    let Some(indexes) = section(out, "Not finished", report, fits) else { return };
    let row = |i: &&IndexReport| {
        let state = match i.result {
            Result::Building => "goes on building in DynamoDB",
            Result::Left => "not started: only failed ones were to be",
            _ => "waits to be started",
        };
        vec![name(i), state.to_owned(), time(i.creation_time), i.retry_count.to_string()]
    };
    table(out, &["Index", "State", "Begun", "Failed attempts"], indexes.iter().map(row));
}

fn tables(out: &mut String, tables: &[TableReport]) {
    if tables.is_empty() {
        return;
    }
    heading(out, 2, "Tables");
    let _ = writeln!(out, "Those with an index that is not active, as they were last seen.\n");
    let row = |t: &TableReport| vec![code(&t.table), plain(&t.status), indexes(t)];
    table(out, &["Table", "Status", "Indexes"], tables.iter().map(row));
}

fn indexes(table: &TableReport) -> String {
    let all = table.indexes.iter();
    let all: Vec<_> =
        all.map(|(name, status)| format!("{} {}", code(name), plain(status))).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn calls(out: &mut String, cost: Cost) {
    heading(out, 2, "Calls");
    let Cost { describe_table, update_table, saves } = cost;
    let rows = [
        ("DescribeTable", describe_table),
        ("UpdateTable", update_table),
        ("Saves of the state", saves),
    ];
    let row = |(name, count): (&str, u64)| vec![name.to_owned(), count.to_string()];
    table(out, &["", ""], rows.into_iter().map(row));
}
