//! `gsictl schema`: the JSON Schemas of what is read and written, for editors and
//! programs.

use gsictl_core::{definition, report};

use crate::args::{Schema, SchemaOf};
use crate::error::{CliError, Exit};
use crate::view;

pub(crate) fn run(args: &Schema) -> Result<Exit, CliError> {
    let schema = match args.of {
        SchemaOf::Definitions => definition::json_schema(),
        SchemaOf::Report => report::json_schema(),
    };
    let text = serde_json::to_string_pretty(&schema);
    let text = text.map_err(|error| CliError::new(Exit::Unexpected, error.to_string()))?;
    view::out_text(&text);
    Ok(Exit::Done)
}
