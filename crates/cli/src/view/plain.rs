//! Plain lines, for logs and pipes.

use gsictl_core::state::State;
use gsictl_driver::apply::Progress;

use super::line::{self, Weight};
use super::{View, err};

/// Prints every line of at least some weight.
pub(super) struct Plain {
    least: Weight,
}

impl Plain {
    pub(super) fn new(verbose: bool) -> Self {
        Self { least: if verbose { Weight::Detail } else { Weight::Progress } }
    }

    pub(super) fn quiet() -> Self {
        Self { least: Weight::Bad }
    }
}

impl View for Plain {
    fn progress(&mut self, progress: Progress<'_>) {
        if let Some((weight, text)) = text(&progress)
            && weight >= self.least
        {
            err(&text);
        }
    }
}

/// What a step of a run says to people.
pub(super) fn text(progress: &Progress<'_>) -> Option<(Weight, String)> {
    match progress {
        Progress::Loaded(state) => Some((Weight::Progress, loaded(state))),
        Progress::AdoptedForeign(script) => Some((
            Weight::Warning,
            format!(
                "The state was written by another tool for {script}: it is taken over as it is"
            ),
        )),
        Progress::Unnamed(ids) => {
            let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
            let text = format!(
                "In the state but not in the definitions, left alone: {}",
                names.join(", ")
            );
            Some((Weight::Warning, text))
        }
        Progress::Planned(_) => None,
        Progress::Checked(report) => {
            Some((Weight::Progress, format!("{}\n", super::check::text(report, None))))
        }
        Progress::Happened(_, event) => {
            let line = line::of(event);
            Some((line.weight, line.marked()))
        }
        Progress::Archived(name) => {
            Some((Weight::Progress, format!("State file archived to {name}")))
        }
    }
}

fn loaded(state: &State) -> String {
    let summary = state.summary();
    format!(
        "Loaded state from .gsi_creation_state.json\n  Created: {}\n  Updated: {}\n  Summary: {} active, {} failed, {} pending, {} in progress\n",
        state.created_at(),
        state.updated_at(),
        summary.active,
        summary.failed,
        summary.pending,
        summary.in_progress,
    )
}
