//! The settings that the SDK takes from the environment, judged before it sees them.

use std::env::VarError;

use aws_sdk_dynamodb::config::Credentials;
use gsictl_core::endpoint::{Endpoint, NoEndpoint};
use gsictl_core::setting::{SettingError, SettingKind as Kind, SettingSource, judge, no_text};

use super::AwsOptions;

/// What the SDK reads, beside the files.
const VARIABLES: &[(&str, Kind)] = &[
    ("AWS_ACCESS_KEY_ID", Kind::AccessKey),
    ("AWS_SECRET_ACCESS_KEY", Kind::SecretKey),
    ("SECRET_ACCESS_KEY", Kind::SecretKey),
    ("AWS_SESSION_TOKEN", Kind::SessionToken),
    ("AWS_REGION", Kind::Region),
    ("AWS_DEFAULT_REGION", Kind::Region),
    ("AWS_PROFILE", Kind::Profile),
    ("AWS_DEFAULT_PROFILE", Kind::Profile),
    ("AWS_ENDPOINT_URL", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_DYNAMODB", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_CLOUDWATCH", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_STS", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_SSO", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_SSO_OIDC", Kind::Endpoint),
    ("AWS_ENDPOINT_URL_SIGNIN", Kind::Endpoint),
    ("AWS_CONFIG_FILE", Kind::Path),
    ("AWS_SHARED_CREDENTIALS_FILE", Kind::Path),
    ("AWS_CA_BUNDLE", Kind::Path),
    ("REQUESTS_CA_BUNDLE", Kind::Path),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Kind::Path),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Kind::Path),
    ("AWS_ROLE_ARN", Kind::Value),
    ("AWS_ROLE_SESSION_NAME", Kind::Value),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Kind::Value),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Kind::Value),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", Kind::Value),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", Kind::Value),
    // Goes into the user agent of each request.
    ("AWS_EXECUTION_ENV", Kind::Value),
    // Goes into host names.
    ("AWS_ACCOUNT_ID", Kind::Value),
    ("HTTP_PROXY", Kind::Value),
    ("http_proxy", Kind::Value),
    ("HTTPS_PROXY", Kind::Value),
    ("https_proxy", Kind::Value),
    ("ALL_PROXY", Kind::Value),
    ("all_proxy", Kind::Value),
    ("NO_PROXY", Kind::Value),
    ("no_proxy", Kind::Value),
];

/// Told with the option, once it is known which of them counts.
const OF_DYNAMODB: [&str; 2] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"];

fn no_url(variable: &str, error: NoEndpoint) -> SettingError {
    let message = error.to_string();
    SettingError {
        message: message.replacen("the endpoint", &format!("the endpoint (from {variable})"), 1),
        next: format!("correct {variable}"),
        of_option: false,
    }
}

/// The value of a variable; `None` where it is not set, or blank.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

/// Options, and those variables that no option stands before.
pub(super) fn judge_all(options: &AwsOptions) -> Result<(), SettingError> {
    for (name, kind, text) in [
        ("--profile", Kind::Profile, &options.profile),
        ("--region", Kind::Region, &options.region),
        ("--endpoint-url", Kind::Endpoint, &options.endpoint_url),
    ] {
        if let Some(text) = text {
            judge(kind, SettingSource::Option(name), text)?;
        }
    }
    for url in options.region_endpoints.values() {
        judge(Kind::Endpoint, SettingSource::Option("--region-endpoint"), url)?;
    }
    for (name, kind) in VARIABLES.iter().filter(|(name, kind)| counts(options, name, *kind)) {
        match std::env::var(name) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                judge(*kind, SettingSource::Variable(name), &text)?;
                if *kind == Kind::Endpoint && !OF_DYNAMODB.contains(name) {
                    Endpoint::of_url(&text).map_err(|error| no_url(name, error))?;
                }
            }
            Err(VarError::NotUnicode(_)) if *kind != Kind::Path => {
                return Err(no_text(*kind, name));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether the token of a web identity is there, where one is named: the SDK does not say
/// which file it misses.
pub(super) fn judge_token_file() -> Result<(), SettingError> {
    const VARIABLE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    let Some(path) = variable(VARIABLE) else {
        return Ok(());
    };
    std::fs::read(&path).map(drop).map_err(|error| SettingError {
        message: format!("the token {path} (from {VARIABLE}) cannot be read: {error}"),
        next: format!("correct {VARIABLE}, or leave it out"),
        of_option: false,
    })
}

/// Whether a variable is used beside these options.
fn counts(options: &AwsOptions, name: &str, kind: Kind) -> bool {
    let given = options.keys.is_some();
    match kind {
        Kind::AccessKey | Kind::SecretKey | Kind::SessionToken => {
            !given && options.profile.is_none()
        }
        Kind::Region => options.region.is_none(),
        Kind::Profile => options.profile.is_none(),
        // AWS_ENDPOINT_URL is CloudWatch's too.
        Kind::Endpoint if name == "AWS_ENDPOINT_URL_DYNAMODB" => options.endpoint_url.is_none(),
        Kind::Endpoint | Kind::Path | Kind::Value => true,
    }
}

/// Credentials, before they become headers; `from` says in words whose they are.
pub(super) fn judge_credentials(credentials: &Credentials, from: &str) -> Result<(), SettingError> {
    let token = credentials.session_token();
    judge_keys(
        Some(credentials.access_key_id()),
        Some(credentials.secret_access_key()),
        token,
        from,
    )
}

/// The same for those of a file.
pub(super) fn judge_keys(
    access_key: Option<&str>,
    secret_key: Option<&str>,
    token: Option<&str>,
    from: &str,
) -> Result<(), SettingError> {
    let source = SettingSource::Elsewhere(from);
    judge(Kind::AccessKey, source, access_key.unwrap_or_default())?;
    judge(Kind::SecretKey, source, secret_key.unwrap_or_default())?;
    judge(Kind::SessionToken, source, token.unwrap_or_default())
}
