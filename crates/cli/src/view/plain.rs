//! Plain lines, for logs and pipes.

use gsictl_core::state::State;
use gsictl_driver::apply::Progress;

use super::line::{self, Weight};
use super::{Page, View, err};
use crate::invocation::Invocation;

/// Prints every line of at least some weight.
pub(super) struct Plain {
    least: Weight,
    invocation: Invocation,
}

impl Plain {
    pub(super) fn new(verbose: bool, invocation: Invocation) -> Self {
        Self { least: if verbose { Weight::Detail } else { Weight::Progress }, invocation }
    }

    pub(super) fn quiet(invocation: Invocation) -> Self {
        Self { least: Weight::Bad, invocation }
    }
}

impl View for Plain {
    fn progress(&mut self, progress: Progress<'_>) {
        if let Some((weight, page)) = page(&progress, &self.invocation)
            && weight >= self.least
        {
            err(&page);
        }
    }
}

/// That these may be the credentials of another account than the state's.
pub(super) fn unconfirmed(account: &str, recorded: bool) -> String {
    let nothing = if recorded { "" } else { "nothing was recorded: " };
    format!(
        "note: the state belongs to account {account}, and no table tells the account of these \
         credentials; {nothing}check --profile"
    )
}

/// What a step of a run says to people.
pub(super) fn page(progress: &Progress<'_>, invocation: &Invocation) -> Option<(Weight, Page)> {
    match progress {
        Progress::Loaded(state) => Some((Weight::Progress, loaded(state))),
        Progress::AdoptedForeign(script) => Some((
            Weight::Warning,
            Page::of(format_args!(
                "The state was written by another tool for {script}: it is taken over as it is"
            )),
        )),
        Progress::StateSetAside(error) => Some((
            Weight::Warning,
            Page::of(format_args!("note: planned without the state: {error}")),
        )),
        Progress::Relabelled(script) => Some((
            Weight::Warning,
            Page::of(format_args!(
                "The state was last run for {script}: going on with the indexes that these definitions name"
            )),
        )),
        Progress::Unconfirmed { account, recorded } => {
            Some((Weight::Warning, Page::of(unconfirmed(account, *recorded))))
        }
        Progress::Unnamed(ids) => {
            let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let names = names.join(", ");
            let text = format_args!("In the state but not in the definitions, left alone: {names}");
            Some((Weight::Warning, Page::of(text)))
        }
        Progress::Planned(_) => None,
        Progress::Checked(report) => {
            let mut page = super::check::text(&invocation.completed_report(*report), None);
            page.blank();
            Some((Weight::Progress, page))
        }
        Progress::Happened(_, event) => {
            let line = line::of(event, invocation);
            Some((line.weight, line.marked()))
        }
        Progress::Archived(name) => {
            Some((Weight::Progress, Page::of(format_args!("State file archived to {name}"))))
        }
    }
}

fn loaded(state: &State) -> Page {
    let summary = state.summary();
    let mut page = Page::of("Loaded state from .gsi_creation_state.json");
    page.line(format_args!("  Created: {}", state.created_at()));
    page.line(format_args!("  Updated: {}", state.updated_at()));
    page.line(format_args!(
        "  Summary: {} active, {} failed, {} pending, {} in progress",
        summary.active, summary.failed, summary.pending, summary.in_progress,
    ));
    page.blank();
    page
}
