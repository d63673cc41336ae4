//! What became of a call, out of the SDK's layers of errors.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use gsictl_core::call::{CallError, Effect, ErrorKind};

use super::bounded::Unfit;
use super::credentials::Secrets;

/// The SDK's error as a [`CallError`], without secrets.
pub(super) fn of_call<E>(error: &SdkError<E>, secrets: &Secrets) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(credentials) = find::<CredentialsError>(error) {
        return of_credentials(credentials, secrets);
    }
    if let Some(unfit) = find::<Unfit>(error) {
        return CallError::unreadable(Effect::Unknown, unfit.to_string());
    }
    match error {
        SdkError::ServiceError(context) => {
            let (meta, status) = (context.err().meta(), context.raw().status().as_u16());
            of_service(meta.code(), meta.message(), status, secrets)
        }
        SdkError::ResponseError(_) => failure(
            (ErrorKind::Server, Effect::Unknown),
            CallError::UNREADABLE,
            &chain(error),
            secrets,
        ),
        SdkError::ConstructionFailure(_) => failure(
            (ErrorKind::Validation, Effect::NotApplied),
            "InvalidRequest",
            &chain(error),
            secrets,
        ),
        _ => of_connection(error, secrets),
    }
}

fn of_service(
    code: Option<&str>,
    message: Option<&str>,
    status: u16,
    secrets: &Secrets,
) -> CallError {
    let message = match (code, message) {
        (_, Some(message)) => message,
        (Some(_), None) => "",
        (None, None) => &format!(
            "HTTP status {status} with an answer that is not DynamoDB's (is a proxy between, or \
             the endpoint another service's?)"
        ),
    };
    let mut error = CallError::from_service(code.unwrap_or_default(), message, Some(status));
    error.message = secrets.hide(message);
    if !is_a_word(&error.code) {
        "UnknownError".clone_into(&mut error.code);
    }
    error
}

/// A code is a word. What is no DynamoDB may put anything there, of any length.
fn is_a_word(code: &str) -> bool {
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    code.len() <= 100 && code.chars().all(of_a_word)
}

/// No answer came: a connection that never was, one that broke, or none in time.
fn of_connection(error: &(dyn Error + 'static), secrets: &Secrets) -> CallError {
    let text = chain(error);
    // The client's own words for everything before a request can be sent: no
    // such host, refused, unreachable, no TLS, no connection in time.
    let never_connected = text.contains("client error (Connect)")
        || text.contains("HTTP connect timeout")
        || text.contains("dns error");
    let timed_out = text.contains("timeout") || text.contains("timed out");
    let effect = if never_connected { Effect::NotApplied } else { Effect::Unknown };
    let (kind, code) = match (timed_out, never_connected) {
        (true, _) => (ErrorKind::Timeout, "TimedOut"),
        (false, true) => (ErrorKind::Connection, "ConnectionFailed"),
        (false, false) => (ErrorKind::Connection, "ConnectionLost"),
    };
    failure((kind, effect), code, &text, secrets)
}

/// Credentials could not be had. Where there were some before, they are counted
/// as expired: whoever renews them (a person, a helper, a file being rewritten)
/// may not be done.
pub(super) fn of_credentials(error: &CredentialsError, secrets: &Secrets) -> CallError {
    let text = chain(error);
    let missing = matches!(error, CredentialsError::CredentialsNotLoaded(_));
    let expired = secrets.any() || text.to_ascii_lowercase().contains("expired");
    let (kind, code) = match (expired, missing, error) {
        (true, ..) => (ErrorKind::CredentialsExpired, "CredentialsExpired"),
        (_, true, _) => (ErrorKind::CredentialsInvalid, "NoCredentials"),
        (.., CredentialsError::ProviderTimedOut(_)) => (ErrorKind::Timeout, "TimedOut"),
        _ => (ErrorKind::CredentialsInvalid, "CredentialsNotLoaded"),
    };
    let message = if missing { "no credentials were found" } else { &text };
    failure((kind, Effect::NotApplied), code, message, secrets)
}

fn failure(
    (kind, effect): (ErrorKind, Effect),
    code: &str,
    message: &str,
    secrets: &Secrets,
) -> CallError {
    CallError { kind, effect, code: code.to_owned(), message: secrets.hide(message) }
}

/// The first cause of that type.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|e| e.downcast_ref())
}

/// The causes' own words, outermost first, each once. Never their `Debug` form:
/// that shows requests with their headers.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = plain(&cause.to_string());
        if !words.iter().any(|w| w.contains(&text)) {
            words.push(text);
        }
    }
    words.join(": ")
}

/// The SDK's `Error { code: "AccessDenied", message: "why" }` as `AccessDenied: why`, and
/// the whole of a request, which it shows in backquotes, as `the request`.
fn plain(text: &str) -> String {
    if let Some((before, rest)) = text.split_once("`Request {")
        && let Some((_, after)) = rest.rsplit_once("}`")
    {
        return format!("{}the request{}", before.trim_end_matches("request "), plain(after));
    }
    let parts = || {
        let (before, rest) = text.split_once("Error { code: \"")?;
        let (code, rest) = rest.split_once("\", message: \"")?;
        let (message, _) = rest.split_once('"')?;
        let before = before.strip_suffix(&format!("({code}): ")).map_or(before, |_| "");
        Some(format!("{before}{code}: {message}"))
    };
    parts().unwrap_or_else(|| text.to_owned())
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ConnectorError;
    use aws_sdk_dynamodb::operation::update_table::UpdateTableError;

    type Failure = SdkError<UpdateTableError>;

    fn met(error: &Failure) -> (ErrorKind, Effect) {
        let error = of_call(error, &Secrets::default());
        (error.kind, error.effect)
    }

    #[test]
    fn a_code_that_is_no_word_is_not_shown() {
        let secrets = Secrets::default();
        let code = |code: &str| of_service(Some(code), Some("why"), 400, &secrets).code;
        assert_eq!(
            code("com.amazonaws.dynamodb.v20120810#ValidationException"),
            "ValidationException"
        );
        for bad in ["<html>", "two words", "a\u{1b}[2J", &"x".repeat(200)] {
            assert_eq!(code(bad), "UnknownError", "{bad:?}");
        }
    }

    #[test]
    fn what_the_sdk_shows_of_an_answer_it_does_not_know_becomes_a_sentence() {
        let said = "unhandled error (AccessDenied): Error { code: \"AccessDenied\", message: \"User u is \
                    not authorized\" }";
        assert_eq!(plain(said), "AccessDenied: User u is not authorized");
        let shown =
            "failed to apply endpoint `h` to request `Request { headers: {\"a\": \"b\"} }`: why";
        assert_eq!(plain(shown), "failed to apply endpoint `h` to the request: why");
        for other in ["service error", "Error { code: \"x", ""] {
            assert_eq!(plain(other), other);
        }
    }

    #[test]
    fn only_a_call_that_was_not_sent_is_certainly_not_applied() {
        let connect = ConnectorError::timeout("HTTP connect timeout occurred after 3s".into());
        let read = ConnectorError::timeout("HTTP read timeout occurred after 9s".into());
        let (never, open) = (Effect::NotApplied, Effect::Unknown);
        for (error, expected) in [
            (Failure::dispatch_failure(connect), (ErrorKind::Timeout, never)),
            (Failure::dispatch_failure(read), (ErrorKind::Timeout, open)),
            (Failure::timeout_error("operation"), (ErrorKind::Timeout, open)),
            (Failure::construction_failure("no table"), (ErrorKind::Validation, never)),
        ] {
            assert_eq!(met(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn credentials_that_were_there_once_are_waited_for() {
        let failure = || {
            let lost = CredentialsError::provider_error("the helper could not be run");
            Failure::dispatch_failure(ConnectorError::other(lost.into(), None))
        };
        let secrets = Secrets::default();
        let first = of_call(&failure(), &secrets);
        assert_eq!(first.kind, ErrorKind::CredentialsInvalid);
        assert!(first.message.ends_with("the helper could not be run"), "{first}");
        secrets
            .remember(&aws_sdk_dynamodb::config::Credentials::new("id", "secret", None, None, ""));
        assert_eq!(of_call(&failure(), &secrets).kind, ErrorKind::CredentialsExpired);
    }
}
