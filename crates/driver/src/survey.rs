//! One look at the tables, before anything else is done.

use std::sync::Arc;

use gsictl_core::catalog::Catalog;
use gsictl_core::event::Event;
use gsictl_core::identity::may_be_meant;
use gsictl_core::look::Depth;
use gsictl_core::name::TableName;
use gsictl_core::state::State;
use gsictl_core::survey::{Survey, SurveyError, check_regions};
use gsictl_core::time::Timestamp;

use crate::clock::Clock;
use crate::drive::{StopSignal, drive};
use crate::dynamodb::Backend;

/// Describes `tables`, each once; one named twice too. Changes nothing. Global tables are
/// described in each of their regions.
///
/// # Errors
/// [`SurveyError`] where a table is in another region or cannot be described, or a stop
/// came first.
pub async fn survey<'a>(
    tables: impl IntoIterator<Item = &'a TableName>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut (dyn FnMut(Timestamp, Event) + Send),
) -> Result<Catalog, SurveyError> {
    survey_to(Depth::Regions, tables, backend, clock, stop, observe).await
}

/// The same, asking so much of each table.
///
/// # Errors
/// As [`survey`].
pub async fn survey_to<'a>(
    depth: Depth,
    tables: impl IntoIterator<Item = &'a TableName>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut (dyn FnMut(Timestamp, Event) + Send),
) -> Result<Catalog, SurveyError> {
    let tables: Vec<_> = tables.into_iter().collect();
    check_regions(tables.iter().copied(), &backend.target())?;
    let mut survey = Survey::new(tables).asking(depth, backend.skipped_regions());
    drive(&mut survey, backend, None, clock, stop, observe).await;
    survey.into_catalog()
}

/// The tables that are described for a run on `state`: its own, and those names of the
/// state that tell whether an ARN is of the caller's account.
pub(crate) fn with_meant<'a>(
    tables: impl IntoIterator<Item = &'a TableName>,
    state: Option<&State>,
) -> Vec<TableName> {
    let mut tables: Vec<_> = tables.into_iter().cloned().collect();
    let named = may_be_meant(&tables, state);
    let besides: Vec<_> = named.into_iter().filter(|name| !tables.contains(name)).collect();
    tables.extend(besides);
    tables
}
