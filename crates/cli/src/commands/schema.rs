//! `gsictl schema`: the JSON Schema of definitions, for editors.

use gsictl_core::definition::json_schema;

use crate::error::{CliError, Exit};
use crate::view;

pub(crate) fn run() -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(&json_schema());
    let text = text.map_err(|error| CliError::new(Exit::Unexpected, error.to_string()))?;
    view::out(&text);
    Ok(Exit::Done)
}
