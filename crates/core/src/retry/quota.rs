//! Which quota a refusal is about, by its name in Service Quotas.

use super::Rule;
use crate::call::{CallError, ErrorKind};
use crate::name::IndexId;

/// What a person can do about `error`, with the names filled in. Of a quota the text
/// says which it is; the rule of its kind cannot.
#[must_use]
pub fn remedy_for(error: &CallError, id: &IndexId) -> String {
    let rule = Rule::of(error.kind);
    if error.kind == ErrorKind::QuotaReached
        && let Some(remedy) = remedy_of_quota(&error.message.to_ascii_lowercase(), id)
    {
        return remedy;
    }
    rule.remedy_for(id)
}

fn remedy_of_quota(said: &str, id: &IndexId) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let way = if says(&["write"]) { "write" } else { "read" };
    let (table, index) = (&id.table, &id.index);
    let (first, quota) = if says(&["per-table limit", "secondary indexes", "gsi count"]) {
        let first = format!("delete an index of {table} that nobody uses");
        (first, "Global Secondary Indexes per table".to_owned())
    } else if says(&["tables per subscriber"]) {
        ("delete a table that nobody uses".to_owned(), "Maximum number of tables".to_owned())
    } else if says(&["limit to be exceeded for the account"]) {
        let first = format!("ask for fewer {way} units in the definition of {index}");
        (first, format!("Account-level {way} throughput limit (Provisioned)"))
    } else if says(&["per index maximum", "per table maximum", "tablemax"]) {
        let first = format!("ask for fewer {way} units in the definition of {index}");
        (first, format!("Table-level {way} throughput limit"))
    } else {
        return None;
    };
    Some(format!(
        "{first}, or ask AWS to raise the quota \"{quota}\" (Service Quotas, Amazon DynamoDB)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{IndexName, TableName};

    #[test]
    fn the_remedy_of_a_quota_names_it_as_service_quotas_does() {
        let id = IndexId::new(TableName::new("orders").unwrap(), IndexName::new("by-day").unwrap());
        let of = |text: &str| {
            let error = CallError::from_service("LimitExceededException", text, Some(400));
            assert_eq!(error.kind, ErrorKind::QuotaReached, "{text}");
            remedy_for(&error, &id)
        };
        let names = [
            (
                "Number of global secondary indexes exceeds per-table limit of 20",
                "delete an index of orders that nobody uses, or ask AWS to raise the quota \
                 \"Global Secondary Indexes per table\"",
            ),
            (
                "The requested WriteCapacityUnits, 60000, for index by-day, is above the per index maximum",
                "ask for fewer write units in the definition of by-day, or ask AWS to raise the \
                 quota \"Table-level write throughput limit\"",
            ),
            (
                "Requested MaxReadRequestUnits for OnDemandThroughput exceeds TableMaxReadCapacityUnits",
                "ask for fewer read units in the definition of by-day, or ask AWS to raise the \
                 quota \"Table-level read throughput limit\"",
            ),
            (
                "This request would have caused the WriteCapacityUnits limit to be exceeded for the account",
                "ask for fewer write units in the definition of by-day, or ask AWS to raise the \
                 quota \"Account-level write throughput limit (Provisioned)\"",
            ),
            (
                "There is a limit of 2500 tables per subscriber",
                "delete a table that nobody uses, or ask AWS to raise the quota \
                 \"Maximum number of tables\"",
            ),
        ];
        for (said, remedy) in names {
            assert!(of(said).starts_with(remedy), "{said}\n{}", of(said));
        }
    }
}
