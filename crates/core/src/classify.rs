//! Which [`ErrorKind`] an answer of DynamoDB is: one table, first row that fits.
//!
//! Codes alone do not tell: LimitExceededException means a queue, an account
//! limit or a quota that never goes away. The messages are AWS's and those of the
//! engines it is tested on; a row's words are the part that they share.

use crate::call::{CallError, Effect, ErrorKind};

/// One row: an error code, words its message holds (all of them, any case), the kind.
struct Row(&'static str, &'static [&'static str], ErrorKind);

use ErrorKind::{
    AccessDenied, AccountLimit, AccountNotEnabled, AttributeConflict, ClockSkew, ControlPlaneRate,
    CredentialsExpired, CredentialsInvalid, DecreaseLimit, IndexBusy, IndexExists, IndexNotFound,
    NothingToChange, OtherIndexBuilding, QuotaReached, Server, TableBusy, TableExists,
    TableNotFound, Throttled, Timeout, UnknownLimit, Validation, WritesNotAutoscaled,
};

/// In every code of the service: what a limiter answers, and which code it takes.
const LIMITER: &[&str] = &["rate of control plane requests"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Whatever ResourceInUseException says of a table that is there, it passes
    // (docs/dynamodb.md: in-use). Of a global table it never says more than that it is in
    // use (docs/dynamodb.md: in-use-global). The first two are about another table that is
    // to be made (docs/dynamodb.md: table-exists).
    Row("ResourceInUseException", &["table already exists"], TableExists),
    Row("ResourceInUseException", &["global table with name"], TableExists),
    Row("ResourceInUseException", &["index is being"], IndexBusy),
    Row("ResourceInUseException", &["resource allocation phase"], IndexBusy),
    Row("ResourceInUseException", &[], TableBusy),
    Row("LimitExceededException", LIMITER, ControlPlaneRate),
    // Holds "simultaneously" too, and passes with this table's other index
    // (docs/dynamodb.md: one-slot).
    Row("LimitExceededException", &["only 1 online index"], OtherIndexBuilding),
    // After two seconds (docs/dynamodb.md: tags).
    Row("LimitExceededException", &["table tags are being updated"], TableBusy),
    Row("LimitExceededException", &["decreases are limited"], DecreaseLimit),
    // Quotas (docs/dynamodb.md: maxima), before the words of the queues
    // (docs/dynamodb.md: simultaneous): a text may hold both.
    Row("LimitExceededException", &["above the per index maximum"], QuotaReached),
    Row("LimitExceededException", &["above the per table maximum"], QuotaReached),
    Row("LimitExceededException", &["limit to be exceeded for the account"], QuotaReached),
    Row("LimitExceededException", &["exceeds tablemax"], QuotaReached),
    Row("LimitExceededException", &["tables per subscriber"], QuotaReached),
    Row("LimitExceededException", &["per-table limit"], QuotaReached),
    Row("LimitExceededException", &["number of global secondary indexes"], QuotaReached),
    Row("LimitExceededException", &["gsi count exceeds"], QuotaReached),
    Row("LimitExceededException", &["simultaneous"], AccountLimit),
    Row("LimitExceededException", &["concurrent"], AccountLimit),
    // A text that nobody has seen may be either: it is counted, and so it ends.
    Row("LimitExceededException", &[], UnknownLimit),
    // Not refused for good: it may be our own create, delivered twice
    // (docs/dynamodb.md: exists).
    Row("ValidationException", &["index which already exists"], IndexExists),
    Row("ValidationException", &["index already exists"], IndexExists),
    Row("ValidationException", &["duplicate index name"], IndexExists),
    Row("ValidationException", &["per-table limit"], QuotaReached),
    Row("ValidationException", &["gsi count exceeds"], QuotaReached),
    Row("ValidationException", &["number of global secondary indexes"], QuotaReached),
    Row("ValidationException", &["above the per index maximum"], QuotaReached),
    Row("ValidationException", &["above the per table maximum"], QuotaReached),
    Row("ValidationException", &["limit to be exceeded for the account"], QuotaReached),
    Row("ValidationException", &["exceeds tablemax"], QuotaReached),
    Row("ValidationException", &["schemaelement redefined"], AttributeConflict),
    Row("ValidationException", &["not defined in attributedefinitions"], AttributeConflict),
    Row("ValidationException", &["not specified in attribute defin"], AttributeConflict),
    Row("ValidationException", &["no attribute schema defined"], AttributeConflict),
    Row("ValidationException", &["attribute definitions are inconsistent"], AttributeConflict),
    Row("ValidationException", &["pay-per-request or autoscaled"], WritesNotAutoscaled),
    Row("ValidationException", &["will not change"], NothingToChange),
    Row("ValidationException", &["cannot read from backfilling"], IndexBusy),
    Row("ValidationException", &["does not have the specified index"], IndexNotFound),
    Row("ValidationException", &[], Validation),
    // "Index I for table T": the text of a missing index holds the word table
    // (docs/dynamodb.md: no-index).
    Row("ResourceNotFoundException", &["index ", " for table"], IndexNotFound),
    Row("ResourceNotFoundException", &["table"], TableNotFound),
    // Of a delete. Scan and Query say it of a table (docs/dynamodb.md: no-table): see
    // `CallError::answering`.
    Row("ResourceNotFoundException", &["requested resource not found"], IndexNotFound),
    Row("ResourceNotFoundException", &[], TableNotFound),
    Row("TableNotFoundException", &[], TableNotFound),
    Row("AccessDeniedException", &[], AccessDenied),
    Row("AccessDenied", &[], AccessDenied),
    Row("UnauthorizedOperation", &[], AccessDenied),
    Row("NotAuthorized", &[], AccessDenied),
    Row("NotAuthorizedException", &[], AccessDenied),
    // The definition is not at fault (docs/dynamodb.md: account).
    Row("SubscriptionRequired", &[], AccountNotEnabled),
    Row("SubscriptionRequiredException", &[], AccountNotEnabled),
    Row("OptInRequired", &[], AccountNotEnabled),
    Row("OptInRequiredException", &[], AccountNotEnabled),
    Row("ThrottlingException", LIMITER, ControlPlaneRate),
    Row("ThrottlingException", &[], Throttled),
    Row("Throttling", LIMITER, ControlPlaneRate),
    Row("Throttling", &[], Throttled),
    Row("ThrottledException", LIMITER, ControlPlaneRate),
    Row("ThrottledException", &[], Throttled),
    Row("RequestThrottledException", LIMITER, ControlPlaneRate),
    Row("RequestThrottledException", &[], Throttled),
    Row("ProvisionedThroughputExceededException", &[], Throttled),
    Row("RequestLimitExceeded", LIMITER, ControlPlaneRate),
    Row("RequestLimitExceeded", &[], Throttled),
    Row("TooManyRequestsException", LIMITER, ControlPlaneRate),
    Row("TooManyRequestsException", &[], Throttled),
    Row("SlowDown", &[], Throttled),
    Row("ExpiredTokenException", &[], CredentialsExpired),
    Row("ExpiredToken", &[], CredentialsExpired),
    // With AWS's time, by which the client signs its next call (docs/dynamodb.md: clock).
    Row("RequestExpired", &[], ClockSkew),
    Row("RequestTimeTooSkewed", &[], ClockSkew),
    Row("InvalidSignatureException", &["signature expired"], ClockSkew),
    Row("InvalidSignatureException", &["signature not yet current"], ClockSkew),
    Row("InvalidSignatureException", &[], CredentialsInvalid),
    // Also what a region says that the account has not enabled (docs/dynamodb.md: opt-in).
    Row("UnrecognizedClientException", &[], CredentialsInvalid),
    Row("InvalidClientTokenId", &[], CredentialsInvalid),
    Row("MissingAuthenticationTokenException", &[], CredentialsInvalid),
    Row("MissingAuthenticationToken", &[], CredentialsInvalid),
    Row("IncompleteSignature", &[], CredentialsInvalid),
    Row("IncompleteSignatureException", &[], CredentialsInvalid),
    Row("SignatureDoesNotMatch", &[], CredentialsInvalid),
    Row("RequestTimeout", &[], Timeout),
    Row("RequestTimeoutException", &[], Timeout),
    // A change of throughput while an index is in allocation: it passes with that
    // (docs/dynamodb.md: maintenance).
    Row("InternalServerError", &["under system maintenance"], TableBusy),
    Row("InternalServerError", &[], Server),
    Row("InternalFailure", &["under system maintenance"], TableBusy),
    Row("InternalFailure", &[], Server),
    Row("ServiceUnavailable", &[], Server),
];

/// Each row: the error code, the words (in lower case) that its message holds, the kind.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static [&'static str], ErrorKind)> {
    ROWS.iter().map(|row| (row.0, row.1, row.2))
}

/// The kind of a service error. What stands in no row is [`ErrorKind::Server`]
/// from status 500 on and where there is no status, and else
/// [`ErrorKind::Validation`]: a request that the service understood and refused.
#[must_use]
pub fn classify(code: &str, message: &str, status: Option<u16>) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let fits = |row: &&Row| row.0 == code && row.1.iter().all(|words| message.contains(words));
    match (ROWS.iter().find(fits), status) {
        (Some(row), _) => row.2,
        (None, Some(429)) => Throttled,
        (None, Some(400..=499)) => Validation,
        (None, _) => Server,
    }
}

/// Whether DynamoDB has such an error code. What answers with another, or with
/// none, is perhaps no DynamoDB.
pub(crate) fn is_known(code: &str) -> bool {
    ROWS.iter().any(|row| row.0 == code)
}

impl CallError {
    /// An error that the service answered. `code` may carry a namespace
    /// (`com.amazonaws.dynamodb.v20120810#ResourceInUseException`).
    #[must_use]
    pub fn from_service(code: &str, message: &str, status: Option<u16>) -> Self {
        let code = code.rsplit('#').next().unwrap_or(code);
        let kind = classify(code, message, status);
        let effect = match kind {
            Server | Timeout => Effect::Unknown,
            _ => Effect::NotApplied,
        };
        Self {
            kind,
            effect,
            code: if code.is_empty() { "UnknownError".to_owned() } else { code.to_owned() },
            message: message.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One text a row, as DynamoDB (captured) or an engine (measured) says it.
    #[rustfmt::skip]
    const SAID: &[(&str, &str, ErrorKind)] = &[
        ("ResourceInUseException", "Attempt to change a resource which is still in use: Index is being created.", IndexBusy),
        ("ResourceInUseException", "Attempt to change a resource which is still in use: Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index is active. Table: T Index: I", IndexBusy),
        ("ResourceInUseException", "Attempt to change a resource which is still in use: Table is being updated: bookings", TableBusy),
        ("ResourceInUseException", "Attempt to change a resource which is still in use: Index is being updated. Table: T Index: other", IndexBusy),
        ("ResourceInUseException", "The resource which you are attempting to change is in use.", TableBusy),
        ("ResourceInUseException", "Table already exists: bookings", TableExists),
        ("ResourceInUseException", "Global table with name: 'bookings' already exists", TableExists),
        ("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table", OtherIndexBuilding),
        ("LimitExceededException", "Number of global secondary indexes exceeds per-table limit", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: Number of global secondary indexes of 20 is reached", QuotaReached),
        ("LimitExceededException", "One or more parameter values were invalid: GSI count exceeds the limit of 20", QuotaReached),
        ("LimitExceededException", "The requested WriteCapacityUnits, 60000, for index I, is above the per index maximum for the account in eu-west-1. Per index maximum: 40000.", QuotaReached),
        ("LimitExceededException", "The requested WriteCapacityUnits, 60000, is above the per table maximum for the account in eu-west-1. Per table maximum: 40000.", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: This request would have caused the WriteCapacityUnits limit to be exceeded for the account in eu-west-1", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: Requested MaxReadRequestUnits for OnDemandThroughput for index : I exceeds TableMaxReadCapacityUnits of the account in region eu-west-1", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: Requested ReadUnitsPerSecond for WarmThroughput for index I exceeds TableMaxReadCapacityUnits of the account in region eu-west-1", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber", QuotaReached),
        ("LimitExceededException", "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds.", DecreaseLimit),
        ("LimitExceededException", "Table tags are being updated", TableBusy),
        ("LimitExceededException", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("LimitExceededException", "Subscriber limit exceeded: There are too many concurrent restores", AccountLimit),
        ("LimitExceededException", "Subscriber limit exceeded: a text of tomorrow", UnknownLimit),
        ("LimitExceededException", "Subscriber limit exceeded: Only 5 tables with online indexes can be created simultaneously", AccountLimit),
        ("ValidationException", "Attempting to create an index which already exists", IndexExists),
        ("ValidationException", "One or more parameter values were invalid: Index already exists: I", IndexExists),
        ("ValidationException", "One or more parameter values were invalid: Duplicate index name: I", IndexExists),
        ("ValidationException", "exceeds per-table limit", QuotaReached),
        ("ValidationException", "One or more parameter values were invalid: GSI count exceeds the per-table maximum of 20", QuotaReached),
        ("ValidationException", "Number of global secondary indexes is too high", QuotaReached),
        ("ValidationException", "The requested WriteCapacityUnits, 60000, for index I, is above the per index maximum for the account", QuotaReached),
        ("ValidationException", "The requested WriteCapacityUnits, 60000, is above the per table maximum for the account", QuotaReached),
        ("ValidationException", "This request would have caused the ReadCapacityUnits limit to be exceeded for the account", QuotaReached),
        ("ValidationException", "Requested ReadUnitsPerSecond for WarmThroughput exceeds TableMaxReadCapacityUnits", QuotaReached),
        ("ValidationException", "invalid attribute, SchemaElement redefined should be of same type as previously defined", AttributeConflict),
        ("ValidationException", "Attribute A is not defined in AttributeDefinitions", AttributeConflict),
        ("ValidationException", "Global Secondary Index hash key not specified in Attribute Definitons.Type unknown.", AttributeConflict),
        ("ValidationException", "No Attribute Schema Defined", AttributeConflict),
        ("ValidationException", "Attribute definitions are inconsistent", AttributeConflict),
        ("ValidationException", "GSI write capacity should either be Pay-Per-Request or AutoScaled.", WritesNotAutoscaled),
        ("ValidationException", "The provisioned throughput for the index I will not change. The requested value equals the current value.", NothingToChange),
        ("ValidationException", "Cannot read from backfilling global secondary index: I", IndexBusy),
        ("ValidationException", "The table does not have the specified index: I", IndexNotFound),
        ("ValidationException", "1 validation error detected", Validation),
        ("ResourceNotFoundException", "Cannot do operations on a non-existent table", TableNotFound),
        ("ResourceNotFoundException", "Requested resource not found: Index I for table bookings", IndexNotFound),
        ("ResourceNotFoundException", "Requested resource not found: Table: bookings not found", TableNotFound),
        ("ResourceNotFoundException", "Requested resource not found", IndexNotFound),
        ("ResourceNotFoundException", "gone", TableNotFound),
        ("TableNotFoundException", "", TableNotFound),
        ("AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: dynamodb:UpdateTable", AccessDenied),
        ("AccessDenied", "", AccessDenied),
        ("UnauthorizedOperation", "", AccessDenied),
        ("NotAuthorized", "You do not have permission to perform this action.", AccessDenied),
        ("NotAuthorizedException", "", AccessDenied),
        ("SubscriptionRequired", "", AccountNotEnabled),
        ("SubscriptionRequiredException", "The AWS Access Key Id needs a subscription for the service", AccountNotEnabled),
        ("OptInRequired", "The AWS Access Key Id needs a subscription for the service", AccountNotEnabled),
        ("OptInRequiredException", "", AccountNotEnabled),
        ("ThrottlingException", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("Throttling", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("ThrottledException", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("ThrottledException", "Rate exceeded", Throttled),
        ("RequestThrottledException", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("RequestThrottledException", "Rate exceeded", Throttled),
        ("RequestLimitExceeded", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("TooManyRequestsException", "The rate of control plane requests made by this account is too high", ControlPlaneRate),
        ("ThrottlingException", "Rate exceeded", Throttled),
        ("Throttling", "Rate exceeded", Throttled),
        ("ProvisionedThroughputExceededException", "", Throttled),
        ("RequestLimitExceeded", "", Throttled),
        ("TooManyRequestsException", "", Throttled),
        ("SlowDown", "", Throttled),
        ("ExpiredTokenException", "The security token included in the request is expired", CredentialsExpired),
        ("ExpiredToken", "", CredentialsExpired),
        ("RequestExpired", "", ClockSkew),
        ("RequestTimeTooSkewed", "", ClockSkew),
        ("InvalidSignatureException", "Signature expired: 20261122T035638Z is now earlier than 20261122T045138Z", ClockSkew),
        ("InvalidSignatureException", "Signature not yet current: 20261122T035638Z is still later than", ClockSkew),
        ("InvalidSignatureException", "The request signature we calculated does not match", CredentialsInvalid),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", CredentialsInvalid),
        ("InvalidClientTokenId", "", CredentialsInvalid),
        ("MissingAuthenticationTokenException", "", CredentialsInvalid),
        ("MissingAuthenticationToken", "", CredentialsInvalid),
        ("IncompleteSignature", "Authorization header requires 'Credential' parameter.", CredentialsInvalid),
        ("IncompleteSignatureException", "", CredentialsInvalid),
        ("SignatureDoesNotMatch", "", CredentialsInvalid),
        ("RequestTimeout", "", Timeout),
        ("RequestTimeoutException", "", Timeout),
        ("InternalServerError", "Table is under system maintenance", TableBusy),
        ("InternalFailure", "Table is under system maintenance", TableBusy),
        ("InternalServerError", "", Server),
        ("InternalFailure", "The request processing has failed because of an unknown error", Server),
        ("ServiceUnavailable", "", Server),
    ];

    #[test]
    fn every_row_is_met_by_a_text_that_was_really_said() {
        let fits = |row: &Row, said: &(&str, &str, ErrorKind)| {
            let message = said.1.to_ascii_lowercase();
            row.0 == said.0 && row.1.iter().all(|words| message.contains(words))
        };
        let mut met = vec![false; ROWS.len()];
        for said in SAID {
            assert_eq!(classify(said.0, said.1, Some(400)), said.2, "{said:?}");
            met[ROWS.iter().position(|row| fits(row, said)).unwrap()] = true;
        }
        let missed: Vec<_> =
            ROWS.iter().zip(&met).filter(|(_, met)| !**met).map(|(r, _)| (r.0, r.1)).collect();
        assert!(missed.is_empty(), "rows no text meets: {missed:?}");
    }

    #[test]
    fn what_stands_in_no_row_goes_by_the_status() {
        assert_eq!(classify("Whatever", "", Some(503)), Server);
        assert_eq!(classify("Whatever", "", None), Server);
        assert_eq!(classify("Whatever", "", Some(429)), Throttled);
        assert_eq!(classify("Whatever", "", Some(400)), Validation);
    }

    #[test]
    fn only_a_server_error_or_a_lost_answer_leaves_the_outcome_unknown() {
        let error = CallError::from_service("InternalServerError", "oops", Some(500));
        assert_eq!(error.effect, Effect::Unknown);
        let error = CallError::from_service(
            "com.amazonaws.dynamodb.v20120810#ResourceInUseException",
            "busy",
            Some(400),
        );
        assert_eq!((error.effect, error.kind), (Effect::NotApplied, TableBusy));
        assert_eq!(error.code, "ResourceInUseException");
        assert_eq!(CallError::from_service("", "", None).code, "UnknownError");
    }
}
