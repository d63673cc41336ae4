//! What AWS says when it says no: codes with their namespaces, and its own words
//! (docs/dynamodb.md, "Which refusals pass").

use serde_json::{Value, json};

/// An answer that says no, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRefusal {
    /// Of HTTP.
    pub status: u16,
    /// `__type`: the code with its namespace.
    pub code: String,
    /// AWS's words.
    pub message: String,
}

impl AwsRefusal {
    /// With status 400, or 500 for what is the service's own fault. A code without a
    /// namespace gets the one that AWS gives it.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let status = if code.contains("Internal") { 500 } else { 400 };
        Self { status, code: with_namespace(code), message: message.into() }
    }

    /// The code without its namespace.
    #[must_use]
    pub fn short_code(&self) -> &str {
        self.code.rsplit('#').next().unwrap_or(&self.code)
    }

    /// As the wire carries it. The front door's refusals spell `Message` with a capital.
    pub(crate) fn body(&self) -> Value {
        if self.short_code() == "AccessDeniedException" {
            json!({ "__type": self.code, "Message": self.message })
        } else {
            json!({ "__type": self.code, "message": self.message })
        }
    }
}

fn with_namespace(code: &str) -> String {
    let space = match code {
        _ if code.contains('#') => return code.to_owned(),
        "ValidationException" => "com.amazon.coral.validate",
        "ThrottlingException" => "com.amazon.coral.availability",
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InternalFailure"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SerializationException"
        | "SubscriptionRequiredException"
        | "UnknownOperationException"
        | "UnrecognizedClientException" => "com.amazon.coral.service",
        _ => "com.amazonaws.dynamodb.v20120810",
    };
    format!("{space}#{code}")
}

pub(crate) fn invalid(message: impl Into<String>) -> AwsRefusal {
    AwsRefusal::new("ValidationException", message)
}

/// "One or more parameter values were invalid: ...".
pub(crate) fn invalid_value(what: impl std::fmt::Display) -> AwsRefusal {
    invalid(format!("One or more parameter values were invalid: {what}"))
}

/// "Attempt to change a resource which is still in use: ...".
pub(crate) fn in_use(what: impl std::fmt::Display) -> AwsRefusal {
    let message = format!("Attempt to change a resource which is still in use: {what}");
    AwsRefusal::new("ResourceInUseException", message)
}

/// All that a global table says, whatever it is busy with.
pub(crate) fn in_use_without_details() -> AwsRefusal {
    let message = "The resource which you are attempting to change is in use.";
    AwsRefusal::new("ResourceInUseException", message)
}

/// "Subscriber limit exceeded: ...".
pub(crate) fn over_limit(what: impl std::fmt::Display) -> AwsRefusal {
    let message = format!("Subscriber limit exceeded: {what}");
    AwsRefusal::new("LimitExceededException", message)
}

pub(crate) fn slot_taken() -> AwsRefusal {
    over_limit("Only 1 online index can be created or deleted simultaneously per table")
}

pub(crate) fn no_table(name: &str) -> AwsRefusal {
    let message = format!("Requested resource not found: Table: {name} not found");
    AwsRefusal::new("ResourceNotFoundException", message)
}

pub(crate) fn no_index(table: &str, index: &str) -> AwsRefusal {
    let message = format!("Requested resource not found: Index {index} for table {table}");
    AwsRefusal::new("ResourceNotFoundException", message)
}

pub(crate) fn too_many_changes() -> AwsRefusal {
    let message = "The rate of control plane requests made by this account is too high";
    AwsRefusal::new("ThrottlingException", message)
}

/// What AWS knows and this fake does not play. No code of AWS's, so that no test takes
/// it for one.
pub(crate) fn not_played(what: &str) -> AwsRefusal {
    AwsRefusal {
        status: 400,
        code: "gsictl.fake#NotPlayed".to_owned(),
        message: format!("the fake does not play {what}"),
    }
}
