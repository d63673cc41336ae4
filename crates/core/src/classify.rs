//! Which [`ErrorKind`] an answer of DynamoDB is: one table, first row that fits.
//!
//! Codes alone do not tell: LimitExceededException means a queue, an account
//! limit or a quota that never goes away. The messages are AWS's and those of the
//! engines it is tested on; a row's words are the part that they share.

use crate::call::{CallError, Effect, ErrorKind};

/// One row: an error code, words its message holds (all of them, any case), the kind.
struct Row(&'static str, &'static [&'static str], ErrorKind);

use ErrorKind::{
    AccessDenied, AccountLimit, AttributeConflict, ClockSkew, CredentialsExpired,
    CredentialsInvalid, IndexBusy, IndexExists, IndexNotFound, IndexQuota, OtherIndexBuilding,
    Server, TableBusy, TableNotFound, Throttled, Timeout, Validation,
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("ResourceInUseException", &["index is being"], IndexBusy),
    Row("ResourceInUseException", &["resource allocation phase"], IndexBusy),
    Row("ResourceInUseException", &[], TableBusy),
    Row("LimitExceededException", &["only 1 online index"], OtherIndexBuilding),
    Row("LimitExceededException", &["per-table limit"], IndexQuota),
    Row("LimitExceededException", &["number of global secondary indexes"], IndexQuota),
    Row("LimitExceededException", &["gsi count exceeds"], IndexQuota),
    Row("LimitExceededException", &[], AccountLimit),
    Row("ValidationException", &["index which already exists"], IndexExists),
    Row("ValidationException", &["index already exists"], IndexExists),
    Row("ValidationException", &["duplicate index name"], IndexExists),
    Row("ValidationException", &["per-table limit"], IndexQuota),
    Row("ValidationException", &["gsi count exceeds"], IndexQuota),
    Row("ValidationException", &["number of global secondary indexes"], IndexQuota),
    Row("ValidationException", &["schemaelement redefined"], AttributeConflict),
    Row("ValidationException", &["not defined in attributedefinitions"], AttributeConflict),
    Row("ValidationException", &["not specified in attribute defin"], AttributeConflict),
    Row("ValidationException", &["no attribute schema defined"], AttributeConflict),
    Row("ValidationException", &["attribute definitions are inconsistent"], AttributeConflict),
    Row("ValidationException", &["cannot read from backfilling"], IndexBusy),
    Row("ValidationException", &["does not have the specified index"], IndexNotFound),
    Row("ValidationException", &[], Validation),
    Row("ResourceNotFoundException", &["table"], TableNotFound),
    Row("ResourceNotFoundException", &["requested resource not found"], IndexNotFound),
    Row("ResourceNotFoundException", &[], TableNotFound),
    Row("TableNotFoundException", &[], TableNotFound),
    Row("AccessDeniedException", &[], AccessDenied),
    Row("AccessDenied", &[], AccessDenied),
    Row("UnauthorizedOperation", &[], AccessDenied),
    Row("ThrottlingException", &[], Throttled),
    Row("Throttling", &[], Throttled),
    Row("ProvisionedThroughputExceededException", &[], Throttled),
    Row("RequestLimitExceeded", &[], Throttled),
    Row("TooManyRequestsException", &[], Throttled),
    Row("SlowDown", &[], Throttled),
    Row("ExpiredTokenException", &[], CredentialsExpired),
    Row("ExpiredToken", &[], CredentialsExpired),
    Row("RequestExpired", &[], ClockSkew),
    Row("RequestTimeTooSkewed", &[], ClockSkew),
    Row("InvalidSignatureException", &["signature expired"], ClockSkew),
    Row("InvalidSignatureException", &["signature not yet current"], ClockSkew),
    Row("InvalidSignatureException", &[], CredentialsInvalid),
    Row("UnrecognizedClientException", &[], CredentialsInvalid),
    Row("InvalidClientTokenId", &[], CredentialsInvalid),
    Row("MissingAuthenticationTokenException", &[], CredentialsInvalid),
    Row("MissingAuthenticationToken", &[], CredentialsInvalid),
    Row("IncompleteSignatureException", &[], CredentialsInvalid),
    Row("SignatureDoesNotMatch", &[], CredentialsInvalid),
    Row("RequestTimeout", &[], Timeout),
    Row("RequestTimeoutException", &[], Timeout),
    Row("InternalServerError", &[], Server),
    Row("InternalFailure", &[], Server),
    Row("ServiceUnavailable", &[], Server),
];

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
        ("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table", OtherIndexBuilding),
        ("LimitExceededException", "Number of global secondary indexes exceeds per-table limit", IndexQuota),
        ("LimitExceededException", "Subscriber limit exceeded: Number of global secondary indexes of 20 is reached", IndexQuota),
        ("LimitExceededException", "One or more parameter values were invalid: GSI count exceeds the limit of 20", IndexQuota),
        ("LimitExceededException", "Subscriber limit exceeded: Only 5 tables with online indexes can be created simultaneously", AccountLimit),
        ("ValidationException", "Attempting to create an index which already exists", IndexExists),
        ("ValidationException", "One or more parameter values were invalid: Index already exists: I", IndexExists),
        ("ValidationException", "One or more parameter values were invalid: Duplicate index name: I", IndexExists),
        ("ValidationException", "exceeds per-table limit", IndexQuota),
        ("ValidationException", "One or more parameter values were invalid: GSI count exceeds the per-table maximum of 20", IndexQuota),
        ("ValidationException", "Number of global secondary indexes is too high", IndexQuota),
        ("ValidationException", "invalid attribute, SchemaElement redefined should be of same type as previously defined", AttributeConflict),
        ("ValidationException", "Attribute A is not defined in AttributeDefinitions", AttributeConflict),
        ("ValidationException", "Global Secondary Index hash key not specified in Attribute Definitons.Type unknown.", AttributeConflict),
        ("ValidationException", "No Attribute Schema Defined", AttributeConflict),
        ("ValidationException", "Attribute definitions are inconsistent", AttributeConflict),
        ("ValidationException", "Cannot read from backfilling global secondary index: I", IndexBusy),
        ("ValidationException", "The table does not have the specified index: I", IndexNotFound),
        ("ValidationException", "1 validation error detected", Validation),
        ("ResourceNotFoundException", "Cannot do operations on a non-existent table", TableNotFound),
        ("ResourceNotFoundException", "Requested resource not found", IndexNotFound),
        ("ResourceNotFoundException", "gone", TableNotFound),
        ("TableNotFoundException", "", TableNotFound),
        ("AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: dynamodb:UpdateTable", AccessDenied),
        ("AccessDenied", "", AccessDenied),
        ("UnauthorizedOperation", "", AccessDenied),
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
        ("IncompleteSignatureException", "", CredentialsInvalid),
        ("SignatureDoesNotMatch", "", CredentialsInvalid),
        ("RequestTimeout", "", Timeout),
        ("RequestTimeoutException", "", Timeout),
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
