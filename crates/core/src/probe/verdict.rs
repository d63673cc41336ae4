//! What an index's description, its probe and its sample come to.

use super::{Job, Probed, Verdict};
use crate::call::{CallError, ErrorKind};
use crate::name::IndexId;
use crate::retry::Rule;
use crate::shell::gsictl;

impl Job {
    /// The verdict, why, and what a person can do.
    pub(super) fn judge(&self, required: bool) -> (Verdict, Vec<String>, String) {
        if let Some(blocked) = &self.standing.blocked {
            let blocked = blocked.clone();
            return (blocked.verdict, blocked.reasons, blocked.recommendation);
        }
        match &self.probed {
            Probed::Failed(error) => {
                let (verdict, recommendation) = refused(&self.id, error);
                let reason = format!("the query was refused: {error}");
                (verdict, vec![reason], recommendation)
            }
            _ if !self.sampled.findings.is_empty() => {
                (Verdict::NonFunctional, self.sampled.reasons(), self.sampled.recommendation())
            }
            Probed::NotYet => (
                Verdict::ValidationError,
                vec!["neither the definition nor the table gives the types of its keys".to_owned()],
                "add its key attributes to AttributeDefinitions".to_owned(),
            ),
            Probed::NotNamed => (
                Verdict::NotUsed,
                vec![
                    "the query succeeded, but its ConsumedCapacity does not name the index"
                        .to_owned(),
                ],
                "see whether the endpoint reports ConsumedCapacity for indexes, and validate again"
                    .to_owned(),
            ),
            Probed::Used(_) => match self.sampled.error.as_ref().filter(|_| required) {
                Some(error) => (
                    Verdict::ValidationError,
                    vec![format!("the sample could not be taken: {error}")],
                    sample_remedy(&self.id, error),
                ),
                None => (Verdict::Functional, Vec::new(), "nothing is to be done".to_owned()),
            },
        }
    }
}

/// Words of refusals that say that the index has other keys than its description.
const ABOUT_KEYS: [&str; 3] = ["schema", "hash key", "key condition"];

/// A query that fits the description was refused: is it the index, or the query?
fn refused(id: &IndexId, error: &CallError) -> (Verdict, String) {
    let message = error.message.to_ascii_lowercase();
    let about_keys = ABOUT_KEYS.iter().any(|words| message.contains(words));
    match error.kind {
        ErrorKind::IndexBusy => (
            Verdict::NonFunctional,
            wait_until_ready(id),
        ),
        ErrorKind::IndexNotFound | ErrorKind::TableNotFound => {
            (Verdict::NonFunctional, "create it: `gsictl apply DEFS`".to_owned())
        }
        ErrorKind::Validation if about_keys => (
            Verdict::NonFunctional,
            "the index takes other keys than its definition has: delete it and create it again with `gsictl apply DEFS`".to_owned(),
        ),
        ErrorKind::AccessDenied => (
            Verdict::ValidationError,
            format!(
                "allow dynamodb:Query on {}/index/{} for these credentials",
                id.table.resource(),
                id.index
            ),
        ),
        ErrorKind::Validation => (
            Verdict::ValidationError,
            "see what the message says, and validate again".to_owned(),
        ),
        kind => (Verdict::ValidationError, Rule::of(kind).remedy_for(id)),
    }
}

/// Names the command that does.
pub(super) fn wait_until_ready(id: &IndexId) -> String {
    let wait = gsictl("wait", &[id.table.as_str(), id.index.as_str()]);
    format!("wait until it is ready: `{wait}`")
}

fn sample_remedy(id: &IndexId, error: &CallError) -> String {
    match error.kind {
        ErrorKind::AccessDenied => format!(
            "allow dynamodb:Scan and dynamodb:Query on {0}, and dynamodb:Query on {0}/index/{1}; or leave out --sample",
            id.table.resource(),
            id.index
        ),
        kind => Rule::of(kind).remedy_for(id),
    }
}
