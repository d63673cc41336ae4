//! One look at the tables, before anything else is done.

use std::sync::Arc;

use gsictl_core::catalog::Catalog;
use gsictl_core::event::Event;
use gsictl_core::name::TableName;
use gsictl_core::survey::{Survey, SurveyError};
use gsictl_core::time::Timestamp;

use crate::clock::Clock;
use crate::drive::{StopSignal, drive};
use crate::dynamodb::Backend;

/// Describes `tables`, each once; one named twice too. Changes nothing.
///
/// # Errors
/// [`SurveyError`] where a table cannot be described, or a stop came first.
pub async fn survey<'a>(
    tables: impl IntoIterator<Item = &'a TableName>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut (dyn FnMut(Timestamp, Event) + Send),
) -> Result<Catalog, SurveyError> {
    let mut survey = Survey::new(tables);
    drive(&mut survey, backend, None, clock, stop, observe).await;
    survey.into_catalog()
}
