//! One validation: a look at the tables, then queries.

use std::sync::Arc;

use gsictl_core::definition::{Definitions, IndexDefinition};
use gsictl_core::engine::{Ended, Outcome, Verdict};
use gsictl_core::event::Event;
use gsictl_core::identity::{Identified, identify};
use gsictl_core::plan::Selection;
use gsictl_core::probe::{About, Order, Probe, Sample, ValidationReport};
use gsictl_core::state::{State, Step};
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;
use gsictl_core::watch::OnTheWay;

use crate::clock::Clock;
use crate::drive::{StopSignal, drive};
use crate::dynamodb::{Backend, METRICS_SPAN};
use crate::survey::{survey, with_meant};

/// What a validation is to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is wanted.
    pub definitions: &'a Definitions,
    /// The name of the definitions file, the first of several.
    pub script_name: &'a str,
    /// Which of the definitions.
    pub selection: &'a Selection,
    /// The state of this place, which has names for the tables.
    pub state: Option<&'a State>,
    /// How many items are looked up in each index.
    pub sample: Sample,
    /// Draws what the sample begins with, and the jitter.
    pub seed: u64,
    /// Whether CloudWatch is asked too.
    pub metrics: bool,
    /// What a state says was asked for a moment ago.
    pub on_the_way: &'a OnTheWay,
}

/// Looks at the tables and asks each index. Changes nothing, anywhere.
///
/// # Errors
/// [`SurveyError`] where a table cannot be described, or a stop came first.
pub async fn validate(
    request: &Request<'_>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut (dyn FnMut(Timestamp, Event) + Send),
) -> Result<ValidationReport, SurveyError> {
    let started_at = clock.now();
    let Request { definitions, script_name, selection, state, sample, seed, metrics, on_the_way } =
        *request;
    let tables = with_meant(selection.tables_of(definitions), state);
    let catalog = survey(&tables, backend, clock, stop, observe).await?;

    let identified = identify(definitions, selection, catalog, state)?;
    let Identified { definitions, selection, catalog } = &identified;
    let order = Order { definitions, catalog, on_the_way, selection, sample, seed };
    let mut probe = Probe::new(&order);
    drive(&mut probe, backend, None, clock, stop, observe).await;
    let (indexes, cost) = probe.into_result().ok_or(SurveyError::Stopped)?;

    let target = backend.target().seen_in(catalog);
    let about = About { script_name, target: &target, started_at, ended_at: clock.now() };
    let report = ValidationReport::new(&about, indexes, cost);
    if !metrics {
        return Ok(report);
    }
    // CloudWatch knows the tables of the caller's account, by their plain names.
    let own = selection.of(definitions).filter(|d| d.id.table.arn().is_none());
    let ids = own.map(|d| d.id.clone()).collect();
    tokio::select! {
        figures = backend.metrics(ids, clock.now()) => {
            Ok(report.with_metrics(METRICS_SPAN, figures.map_err(|e| e.to_string())))
        }
        () = stop.asked() => Err(SurveyError::Stopped),
    }
}

/// The definitions of the indexes that a run left active. What it did not get to,
/// and what it saw to be another index, is not worth a question.
pub(crate) fn active_of(definitions: &Definitions, outcome: &Outcome) -> Definitions {
    let active = |verdict: &Verdict| {
        matches!(verdict, Verdict::Activated(_) | Verdict::AlreadyActive)
            && outcome.ended == Ended::Done
    };
    let ids: Vec<_> =
        outcome.verdicts.iter().filter(|(_, v)| active(v)).map(|(id, _)| id).collect();
    let indexes = definitions.indexes.iter().filter(|d| ids.contains(&&d.id)).cloned();
    Definitions { indexes: indexes.collect() }
}

/// Notes each verdict in the entry of its index.
pub(crate) fn record(state: &mut State, definitions: &Definitions, report: &ValidationReport) {
    for found in &report.indexes {
        let is_it = |d: &&IndexDefinition| {
            d.id.table.as_str() == found.table && d.id.index.as_str() == found.index
        };
        if let Some(definition) = definitions.indexes.iter().find(is_it) {
            let value = found.record(report.envelope.ended_at);
            // An entry that is not active has no verdict to keep.
            let _ = state.apply(&definition.id, Step::Validated { value });
        }
    }
}
