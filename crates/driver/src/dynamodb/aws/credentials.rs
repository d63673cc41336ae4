//! Where credentials come from, and what must never be shown of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use gsictl_core::profile::Chosen;

use super::{AwsOptions, settings};

/// The chain of the AWS command line: environment, profile, web identity,
/// container, instance. A profile that was named on the command line goes first
/// and leaves the environment out. An instance metadata service that fails is no error
/// (a proxy may answer in its place).
pub(super) fn provider(
    options: &AwsOptions,
    profile: &Chosen,
    config: &ProviderConfig,
    metadata: imds::Client,
) -> SharedCredentialsProvider {
    if let Some(keys) = &options.keys {
        let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
        return SharedCredentialsProvider::new(Credentials::new(id, secret, None, None, "given"));
    }
    let by_option = matches!(profile, Chosen::Option(_));
    let profile =
        ProfileFileCredentialsProvider::builder().configure(config).profile_name(profile.name());
    let profile = profile.build();
    let identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let container = EcsCredentialsProvider::builder().configure(config).build();
    let instance = ImdsCredentialsProvider::builder().configure(config).imds_client(metadata);
    let instance = Judged { inner: instance.build(), judge: CredentialsError::not_loaded };
    let first = if by_option {
        CredentialsProviderChain::first_try("Profile", profile)
    } else {
        let environment = EnvironmentVariableCredentialsProvider::new();
        CredentialsProviderChain::first_try("Environment", environment).or_else("Profile", profile)
    };
    SharedCredentialsProvider::new(
        first
            .or_else("WebIdentityToken", identity)
            .or_else("EcsContainer", container)
            .or_else("Ec2InstanceMetadata", instance),
    )
}

/// Whether the environment alone has them; the SDK takes a blank variable for none.
pub(super) fn are_in_the_environment() -> bool {
    let set = |name| settings::variable(name).is_some();
    set("AWS_ACCESS_KEY_ID") && (set("AWS_SECRET_ACCESS_KEY") || set("SECRET_ACCESS_KEY"))
}

/// A provider in a chain, whose failures are taken for what `judge` makes of
/// them: a chain goes on only after [`CredentialsError::CredentialsNotLoaded`].
#[derive(Debug)]
struct Judged<P> {
    inner: P,
    judge: fn(CredentialsError) -> CredentialsError,
}

impl<P: ProvideCredentials> ProvideCredentials for Judged<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.inner.provide_credentials().await.map_err(self.judge)
        })
    }
}

/// The secrets last handed to the SDK, to take them out of whatever is shown.
#[derive(Default)]
pub(super) struct Secrets {
    credentials: Mutex<Option<Credentials>>,
    /// What stands in URLs beside scheme, host and port.
    of_urls: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// From here on a message quotes the request, headers and session token included.
const QUOTES: [&str; 4] =
    ["The Canonical String", "x-amz-security-token", "AWS4-HMAC-SHA256", "Authorization="];

/// Enough for every message DynamoDB has; a page of HTML from a proxy is cut.
const LONGEST_MESSAGE: usize = 1_000;

/// AWS's secret keys have 40 characters. What is shorter is made up for a local
/// server ("local", "x"), and its letters stand in every sentence.
const SHORTEST_SECRET: usize = 16;

impl Secrets {
    pub(super) fn remember(&self, credentials: &Credentials) {
        *self.lock() = Some(credentials.clone());
    }

    /// Whatever an endpoint or a proxy has beside scheme, host and port may be a
    /// password or a token, and servers and the SDK quote it.
    pub(super) fn remember_url(&self, url: &str) {
        let parts = parts_of_url(url);
        self.of_urls.lock().unwrap_or_else(PoisonError::into_inner).extend(parts);
    }

    /// True once credentials were found, even if they are of no use any more.
    pub(super) fn any(&self) -> bool {
        self.lock().is_some()
    }

    /// `message` without what it may quote of the request, and without secret
    /// key and session token wherever they stand.
    pub(super) fn hide(&self, message: &str) -> String {
        let end = QUOTES.iter().filter_map(|quote| find(message, quote)).min();
        let mut shown: String =
            message[..end.unwrap_or(message.len())].trim().chars().take(LONGEST_MESSAGE).collect();
        if let Some(credentials) = &*self.lock() {
            let token = credentials.session_token().unwrap_or_default();
            for secret in [credentials.secret_access_key(), token] {
                if secret.len() >= SHORTEST_SECRET {
                    shown = shown.replace(secret, HIDDEN);
                }
            }
        }
        let of_urls = self.of_urls.lock().unwrap_or_else(PoisonError::into_inner);
        // The longest first, for one may be part of another.
        let mut parts: Vec<_> = of_urls.iter().collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.into_iter().fold(shown, |shown, part| shown.replace(part.as_str(), HIDDEN))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const HIDDEN: &str = "[hidden]";

/// Shorter parts of a URL are words such as `dev`, and stand in sentences.
const SHORTEST_PART: usize = 6;

/// User, password, path with its segments, query with its values, and fragment.
fn parts_of_url(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let whole = [user, tail.trim_end_matches('/')];
    let parts = user.split(':').chain(tail.split(['/', '?', '#', '&', '=']));
    let parts = parts.chain(whole).filter(|part| part.len() >= SHORTEST_PART);
    parts.map(str::to_owned).collect()
}

/// The proxies that the SDK goes through, which may have a password.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// Remembers what the environment's proxies have beside their places.
pub(super) fn remember_proxies(secrets: &Secrets) {
    let names = PROXIES.iter().flat_map(|name| [(*name).to_owned(), name.to_lowercase()]);
    for url in names.filter_map(|name| std::env::var(name).ok()) {
        secrets.remember_url(&url);
    }
}

/// The place of `words` in `text`, in any case of letters.
fn find(text: &str, words: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(&words.to_ascii_lowercase())
}

/// A provider that notes what it hands out, and whose first answer was asked for
/// beforehand (so that a helper program is run once, not twice).
#[derive(Debug)]
pub(super) struct Remembered {
    inner: SharedCredentialsProvider,
    secrets: Arc<Secrets>,
    /// Whose they are, in words.
    from: String,
    first: Mutex<Option<Credentials>>,
}

impl Remembered {
    pub(super) fn new(
        inner: SharedCredentialsProvider,
        secrets: Arc<Secrets>,
        from: String,
    ) -> Self {
        Self { inner, secrets, from, first: Mutex::new(None) }
    }

    /// Asks for credentials now and keeps them for the first call.
    pub(super) async fn prime(&self) -> Result<(), CredentialsError> {
        let credentials = self.fetch().await?;
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        Ok(())
    }

    async fn provide(&self) -> Result<Credentials, CredentialsError> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(credentials) = first {
            return Ok(credentials);
        }
        self.fetch().await
    }

    /// Those that the SDK would panic on go no further.
    async fn fetch(&self) -> Result<Credentials, CredentialsError> {
        let credentials = self.inner.provide_credentials().await?;
        settings::judge_credentials(&credentials, &self.from)
            .map_err(CredentialsError::invalid_configuration)?;
        self.secrets.remember(&credentials);
        Ok(credentials)
    }
}

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "FwoGZXIvYXdzEXAMPLETOKEN==";

    fn keys(secret: &str, token: Option<&str>) -> Secrets {
        let secrets = Secrets::default();
        let token = token.map(str::to_owned);
        secrets.remember(&Credentials::new("AKIDEXAMPLE", secret, token, None, "test"));
        secrets
    }

    #[test]
    fn a_message_never_shows_secret_key_or_session_token() {
        let secrets = keys(SECRET, Some(TOKEN));
        let quoted = format!(
            "The signature does not match.\n\nThe Canonical String for this request should have \
             been\n'POST\n/\nx-amz-security-token:{TOKEN}'"
        );
        assert_eq!(secrets.hide(&quoted), "The signature does not match.");
        let header = "bad header AUTHORIZATION=AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE";
        assert_eq!(secrets.hide(header), "bad header");
        let both = format!("key {SECRET}, token {TOKEN}");
        assert_eq!(secrets.hide(&both), "key [hidden], token [hidden]");
        assert!(!format!("{secrets:?}").contains(SECRET));
    }

    #[test]
    fn a_message_shows_nothing_of_an_endpoint_but_its_place() {
        let secrets = Secrets::default();
        secrets.remember_url("https://me:hunter22@host:8000/tenants/t0ken-a?sig=t0ken-b#t0ken-c");
        let said = "no route for https://me:hunter22@host:8000/tenants/t0ken-a?sig=t0ken-b#t0ken-c";
        assert_eq!(secrets.hide(said), "no route for https://[hidden]@host:8000[hidden]");
        let said = "/t0ken-a, t0ken-b and t0ken-c are not known to host:8000; hunter22 is wrong";
        let shown = secrets.hide(said);
        assert!(!shown.contains("t0ken") && !shown.contains("hunter22"), "{shown}");
        assert!(shown.contains("host:8000"), "{shown}");
    }

    #[test]
    fn a_made_up_secret_does_not_tear_words_apart() {
        assert_eq!(keys("s", None).hide("is still in use"), "is still in use");
    }

    #[test]
    fn a_page_of_a_proxy_is_cut() {
        assert_eq!(Secrets::default().hide(&"é".repeat(5_000)).chars().count(), LONGEST_MESSAGE);
    }
}
