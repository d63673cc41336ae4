//! One event as one line, in the wording of the seeds' examples.

use std::time::Duration;

use gsictl_core::event::{AttemptFailure, CheckProgress, Event, Queue};
use gsictl_core::look::missing_text;
use gsictl_core::name::IndexId;

use super::{Colour, Mark, Page, span};
use crate::invocation::Invocation;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Only with `--verbose`.
    Detail,
    /// What goes on.
    Progress,
    /// A good end.
    Good,
    /// Something people should know.
    Warning,
    /// A bad end.
    Bad,
}

pub(super) struct Line {
    pub(super) weight: Weight,
    text: String,
    /// What stands below it.
    below: Option<String>,
}

impl Line {
    fn new(weight: Weight, text: String) -> Self {
        Self { weight, text, below: None }
    }

    fn above(self, below: String) -> Self {
        Self { below: Some(below), ..self }
    }

    /// The line with its mark, and what stands below.
    pub(super) fn marked(&self) -> Page {
        let mut page = Page::default();
        let mark = match self.weight {
            Weight::Progress => None,
            Weight::Detail => Some(Mark::new(Colour::Dim, " ")),
            Weight::Good => Some(Mark::new(Colour::Green, "✓")),
            Weight::Warning => Some(Mark::new(Colour::Yellow, "!")),
            Weight::Bad => Some(Mark::new(Colour::Red, "✗")),
        };
        match mark {
            Some(mark) => page.marked("  ", mark, &self.text),
            None => page.line(&self.text),
        }
        if let Some(below) = &self.below {
            page.line(format_args!("      {below}"));
        }
        page
    }
}

/// What happened, with commands that are whole.
pub(super) fn of(event: &Event, invocation: &Invocation) -> Line {
    use Weight::{Bad, Detail, Good, Progress, Warning};
    match event {
        Event::AlreadyActive(id) => Line::new(Progress, format!("Skipping {id} (already active)")),
        Event::Adopted { id, .. } => {
            Line::new(Progress, format!("Waiting for GSI: {id} (it is being built already)"))
        }
        Event::Creating { id, attempt: 1 } => Line::new(Progress, format!("Creating GSI: {id}")),
        Event::Creating { id, attempt } => {
            Line::new(Progress, format!("Creating GSI: {id} (attempt {attempt})"))
        }
        Event::Accepted(id) => Line::new(Detail, format!("{id}: DynamoDB took the request")),
        Event::Backfilling(id) => Line::new(Detail, format!("{id}: backfilling")),
        Event::StillBuilding { id, backfilling, waited, takes, cause, remedy } => {
            let phase = if *backfilling { "backfilling" } else { "allocating" };
            let mut text = format!("{id}: still {phase} ({} so far", span(*waited));
            if let Some(takes) = takes {
                text.push_str(&format!(", some {} in all", span(*takes)));
            }
            text.push(')');
            if let Some(cause) = cause {
                text.push_str(&format!(": {cause}"));
            }
            match remedy {
                Some(remedy) => Line::new(Warning, text).above(next(remedy, invocation)),
                None => Line::new(Progress, text),
            }
        }
        Event::Activated { id, took, whole } => {
            Line::new(Good, format!("{id}: GSI created successfully ({})", lasted(*took, *whole)))
        }
        Event::Missing { id, was } => Line::new(
            Warning,
            format!("{id}: the state says {was}, but DynamoDB has no such index"),
        ),
        Event::NotShownYet { id, asked_for } => {
            let why = if *asked_for {
                "on its way; DynamoDB does not show it yet"
            } else {
                "not there; its table is being changed and may show it later"
            };
            Line::new(Progress, format!("Waiting for GSI: {id} ({why})"))
        }
        Event::AwaitingTable { table, status } => Line::new(
            Progress,
            format!("{table}: the table is {status}; waiting until it shows its indexes"),
        ),
        Event::TableTrouble { table, status, remedy, passes } => {
            let then =
                if *passes { "waiting until it is ACTIVE again" } else { "this does not pass" };
            Line::new(Warning, format!("{table}: the table is {status}; {then}"))
                .above(next(remedy, invocation))
        }
        Event::TableBack(table) => Line::new(Good, format!("{table}: the table can be used again")),
        Event::AwaitingDeletion(id) => {
            Line::new(Warning, format!("{id}: is being deleted; waiting until it is gone"))
        }
        Event::Queued { id, queue } => Line::new(Warning, queued(id, queue)),
        Event::Refused { id, error, .. } => {
            Line::new(Warning, format!("{id}: refused for now: {error}"))
        }
        Event::AttemptFailed { id, failure } => Line::new(Warning, attempt(id, failure)),
        Event::Recovered(id) => Line::new(
            Detail,
            format!("{id}: the answer was lost, but the index is being built: going on with it"),
        ),
        Event::Failed { id, error, remedy } => {
            Line::new(Bad, format!("{id}: Failed: {error}")).above(next(remedy, invocation))
        }
        Event::Obstructed { id, reason } => Line::new(Bad, format!("{id}: {reason}")),
        Event::LeftFailed { id, error } => {
            let error = error.as_deref().unwrap_or("no reason was recorded");
            Line::new(
                Bad,
                format!("{id}: failed in an earlier run ({error}); --retry-failed starts it again"),
            )
        }
        Event::TimedOut { id, waited } => Line::new(
            Bad,
            format!(
                "{id}: still CREATING after {} of waiting; it goes on in DynamoDB",
                span(*waited)
            ),
        ),
        Event::NoAnswerYet { table, waited } => Line::new(
            Warning,
            format!(
                "{table}: no answer for {}; still waiting (check --endpoint-url, --region and the network)",
                span(*waited)
            ),
        ),
        Event::LookFailed { table, error, retry_in } => Line::new(
            Warning,
            format!("{table}: cannot be described ({error}); again in {}", span(*retry_in)),
        ),
        Event::RegionUnknown { table, region, error } => {
            Line::new(Warning, format!("{table}: region {region} cannot be asked ({error})")).above(
                format!(
                    "Until {region} answers, no index counts as ready there: allow dynamodb:DescribeTable in it, or give its endpoint (--region-endpoint {region}=URL), or do not wait for it (--skip-region {region})."
                ),
            )
        }
        Event::RegionSkipped { table, region } => Line::new(
            Warning,
            format!("{table}: region {region} is not asked, and not waited for (--skip-region)"),
        ),
        Event::AwaitingRegions { id, missing } => Line::new(
            Progress,
            format!("{id}: ready in the region that was asked; waiting for {}", missing_text(missing)),
        ),
        Event::Unconfirmed { id, missing } => Line::new(
            Bad,
            format!(
                "{id}: ready in the region that was asked, and not known to be ready in {}; it is not waited for any longer",
                missing_text(missing)
            ),
        ),
        Event::StillListed { id, regions } => Line::new(
            Warning,
            format!("{id}: gone in the region that was asked, and still listed in {}", regions.join(", ")),
        ),
        Event::ConcurrencyChanged { limit } => {
            Line::new(Warning, format!("Builds at once are now limited to {limit}"))
        }
        Event::StartsSpaced { every } => Line::new(
            Warning,
            format!(
                "The account's rate of changes is at its limit: changes now start {:.1} s apart",
                every.as_secs_f64()
            ),
        ),
        Event::CredentialsLost { error } => Line::new(
            Warning,
            format!(
                "The credentials are no longer good ({error}): renew them; builds go on in DynamoDB, and so does this run once they are good"
            ),
        ),
        Event::CredentialsBack => Line::new(Good, "The credentials are good again".to_owned()),
        Event::SaveFailed { error } => {
            Line::new(Bad, format!("The state cannot be saved: {error}"))
                .above("No further call is made.".to_owned())
        }
        Event::Stopping => Line::new(Progress, "Interrupted by user!".to_owned()),
        Event::Deleting { id, attempt: 1 } => Line::new(Progress, format!("Deleting GSI: {id}")),
        Event::Deleting { id, attempt } => {
            Line::new(Progress, format!("Deleting GSI: {id} (attempt {attempt})"))
        }
        Event::Deleted { id, took, whole } => {
            Line::new(Good, format!("{id}: GSI deleted ({})", lasted(*took, *whole)))
        }
        Event::Gone(id) => Line::new(Progress, format!("Skipping {id} (gone already)")),
        Event::Kept { id, reason } => Line::new(Warning, format!("{id}: kept: {reason}")),
        Event::Checking(progress) => Line::new(Detail, checking(progress)),
        Event::Violating(violation) => Line::new(
            Detail,
            format!(
                "{}.{}: {}: {}",
                violation.table,
                violation.index,
                violation.key,
                violation.words()
            ),
        ),
        Event::PageRefused { table, throttled: true, retry_in, .. } => Line::new(
            Detail,
            format!("{table}: throttled; this segment goes on in {}", span(*retry_in)),
        ),
        Event::PageRefused { table, error, retry_in, .. } => Line::new(
            Warning,
            format!("{table}: a page was refused ({error}); again in {}", span(*retry_in)),
        ),
        Event::Checked { table, warning: Some(warning), .. } => {
            Line::new(Warning, format!("{table}: {warning}"))
        }
        Event::Checked { table, items, warning: None } => {
            Line::new(Progress, format!("Checked {table}: {} items", grouped(*items)))
        }
        Event::NotChecked { table, error, remedy } => {
            Line::new(Bad, format!("{table}: cannot be read: {error}"))
                .above(next(remedy, invocation))
        }
        Event::SavingCursor => Line::new(Detail, "Saving the place of the check".to_owned()),
        Event::CursorNotSaved { error } => Line::new(
            Warning,
            format!(
                "The place of the check cannot be saved ({error}): interrupted it would begin anew"
            ),
        ),
    }
}

/// How long a change took; of one that was under way before, how long it was watched.
fn lasted(took: Duration, whole: bool) -> String {
    if whole { span(took) } else { format!("{} after it was found", span(took)) }
}

fn next(remedy: &str, invocation: &Invocation) -> String {
    format!("next: {}", invocation.completed(remedy))
}

/// How far the check of a table is.
pub(super) fn checking(progress: &CheckProgress) -> String {
    let CheckProgress { table, items, expected, rate, violating, at_once, remaining, .. } =
        progress;
    let mut text = format!("Checking {table}: {}", grouped(*items));
    if let Some(expected) = expected.filter(|expected| expected >= items) {
        text += &format!(" of about {}", grouped(expected));
    }
    text += &format!(" items, {}/s, {at_once} at once", grouped(*rate));
    if *violating > 0 {
        text += &format!(", {} violations", grouped(*violating));
    }
    if let Some(remaining) = remaining {
        text += &format!(", {} left", span(*remaining));
    }
    text
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn queued(id: &IndexId, queue: &Queue) -> String {
    match queue {
        Queue::TableBusy => format!("{id}: the table is being changed; next when it is ACTIVE"),
        Queue::OtherIndex(Some(other)) => {
            format!("{id}: waits until {other} of the same table is done")
        }
        Queue::OtherIndex(None) => format!("{id}: waits until another index of the table is done"),
        Queue::IndexUpdating(other) => {
            format!("{id}: waits until the throughput of {other} is changed (it is UPDATING)")
        }
        Queue::Replica { region, status } => {
            format!("{id}: waits until the replica in {region} is ACTIVE (it is {status})")
        }
        Queue::LooksIdle { wait } => format!(
            "{id}: DynamoDB refuses it, and DescribeTable does not show why; again in {}",
            span(*wait)
        ),
        Queue::Decreases { wait } => {
            format!("{id}: throughput may be lowered once an hour; again in {}", span(*wait))
        }
        Queue::AccountLimit { building } => {
            format!(
                "{id}: queued: the account allows no more builds now ({building} are being built)"
            )
        }
        Queue::AccountHeld { wait } => format!(
            "{id}: the account allows no more table operations now; again in {}",
            span(*wait)
        ),
    }
}

fn attempt(id: &IndexId, failure: &AttemptFailure) -> String {
    let AttemptFailure { attempt, max_attempts, message, strategy, delay, .. } = failure;
    let next = match delay {
        Some(delay) => format!("{strategy}, again in {}", span(*delay)),
        None => format!("{strategy}, no further attempt"),
    };
    format!("{id}: attempt {attempt}/{max_attempts} failed: {message} ({next})")
}
