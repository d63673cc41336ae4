//! DynamoDB itself, or a server that speaks its protocol. Only here and in the
//! modules below is the AWS SDK named.
//!
//! The SDK's own retries are off: it takes LimitExceededException for throttling
//! and would repeat a create for minutes, unseen and uncounted (docs/dynamodb.md: sdk-retries).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::ProvideCredentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use gsictl_core::call::{Call, CallError, Effect, ErrorKind, Reply};
use gsictl_core::endpoint::{Endpoint, NoEndpoint};
use gsictl_core::name::IndexId;
use gsictl_core::profile::{Base, Chain, Chosen};
use gsictl_core::setting::{SettingError, SettingKind, SettingSource, judge};
use gsictl_core::state::Target;
use gsictl_core::time::Timestamp;
use tokio::sync::Mutex;

use crate::dynamodb::{Backend, CallFuture, ConnectError, MetricsError, MetricsFuture};

mod bounded;
mod convert;
mod credentials;
mod error;
mod metrics;
mod profiles;
mod raw;
mod regions;
mod request;
mod settings;
mod trust;

use credentials::{Remembered, Secrets};
use profiles::Found;
use regions::Regions;

/// A connection that is not there in this time will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The control plane answers within a second; this is when an answer counts as lost.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// For one question to the instance metadata service, which answers within
/// milliseconds where there is one. Off EC2 its address often answers nothing.
const METADATA_TIMEOUT: Duration = Duration::from_millis(800);

/// What the user set; what is left out is looked up as the AWS command line does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AwsOptions {
    /// `--profile`. As in the AWS command line, a profile named here goes before
    /// the environment's credentials; one named by `AWS_PROFILE` does not.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`, whole: it may hold a password or a token, and is never shown.
    pub endpoint_url: Option<String>,
    /// `--region-endpoint`: where the replicas of global tables are asked in another
    /// region, by its name. Whole, as `endpoint_url`.
    pub region_endpoints: BTreeMap<String, String>,
    /// `--skip-region`: other regions of global tables that are not asked.
    pub skip_regions: BTreeSet<String>,
    /// These and no others, for servers that take any (DynamoDB Local keeps data
    /// apart by access key).
    pub keys: Option<Keys>,
}

impl std::fmt::Debug for AwsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoint = self.endpoint_url.as_deref().map(Endpoint::read);
        f.debug_struct("AwsOptions")
            .field("profile", &self.profile)
            .field("region", &self.region)
            .field("endpoint", &endpoint)
            .field("region_endpoints", &self.region_endpoints.keys())
            .field("skip_regions", &self.skip_regions)
            .field("keys", &self.keys)
            .finish()
    }
}

/// An access key of one's own making.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Letters and digits.
    pub access_key_id: String,
    /// Never shown.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A client of DynamoDB. Cheap to share behind an [`Arc`]; calls run side by side.
///
/// When credentials turn out to be expired or unknown the next call reads them
/// afresh, from files and helpers too, so a run outlives them.
#[derive(Debug)]
pub struct Aws {
    options: AwsOptions,
    target: Target,
    secrets: Arc<Secrets>,
    held: Mutex<Held>,
}

/// The clients in use; `None` once their credentials proved useless.
#[derive(Debug)]
struct Held {
    generation: u64,
    clients: Option<Clients>,
}

#[derive(Clone, Debug)]
struct Clients {
    dynamodb: Client,
    /// `None` where DynamoDB is an emulator: there is no CloudWatch beside it.
    cloudwatch: Option<cloudwatch::Client>,
    regions: Regions,
}

impl Aws {
    /// Finds region, endpoint and credentials. Makes no call to DynamoDB.
    ///
    /// # Errors
    /// [`ConnectError::Setting`] for a setting that cannot be used: a character that none
    /// can have, a profile that does not exist, a role that wants the code of a device.
    /// [`ConnectError::Aws`] of kind `NoRegion`; `CredentialsInvalid` (code
    /// `NoCredentials` where there are none); `CredentialsExpired`; `Validation`
    /// for an endpoint that is no URL. Where nothing is set and the instance
    /// metadata service does not answer, this is known within two seconds.
    pub async fn connect(options: AwsOptions) -> Result<Self, ConnectError> {
        let secrets = Arc::new(Secrets::default());
        let Loaded { clients, region, url } = load(&options, &secrets).await?;
        let endpoint = url.as_deref().map(Endpoint::read);
        let target = Target { account: None, region: Some(region.clone()), endpoint };
        let options = AwsOptions {
            profile: options.profile,
            region: Some(region),
            endpoint_url: url,
            region_endpoints: options.region_endpoints,
            skip_regions: options.skip_regions,
            keys: options.keys,
        };
        let held = Mutex::new(Held { generation: 0, clients: Some(clients) });
        Ok(Self { options, target, secrets, held })
    }

    async fn perform(&self, call: Call) -> Result<Reply, CallError> {
        let (generation, clients) = self.clients().await?;
        if let Call::DescribeReplica { region, .. } = &call {
            // Credentials that are no good there may be good here: a region can be one
            // that the account has not enabled.
            let client = clients.regions.client(region)?;
            return request::send(&client, call, &self.secrets).await;
        }
        let client = clients.dynamodb;
        let result = request::send(&client, call, &self.secrets).await;
        if let Err(error) = &result
            && matches!(error.kind, ErrorKind::CredentialsExpired | ErrorKind::CredentialsInvalid)
        {
            self.forget(generation).await;
        }
        result
    }

    async fn clients(&self) -> Result<(u64, Clients), CallError> {
        let mut held = self.held.lock().await;
        if let Some(clients) = &held.clients {
            return Ok((held.generation, clients.clone()));
        }
        let loaded = load(&self.options, &self.secrets).await.map_err(in_a_run)?;
        held.generation += 1;
        held.clients = Some(loaded.clients.clone());
        Ok((held.generation, loaded.clients))
    }

    /// Drops the clients of that generation, not ones that were made since.
    async fn forget(&self, generation: u64) {
        let mut held = self.held.lock().await;
        if held.generation == generation {
            held.clients = None;
        }
    }
}

impl Backend for Aws {
    fn call(&self, call: Call) -> CallFuture<'_> {
        Box::pin(self.perform(call))
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn skipped_regions(&self) -> BTreeSet<String> {
        self.options.skip_regions.clone()
    }

    fn metrics(&self, indexes: Vec<IndexId>, now: Timestamp) -> MetricsFuture<'_> {
        Box::pin(async move {
            let (_, clients) = self.clients().await?;
            let client = clients.cloudwatch.ok_or(MetricsError::NotThere)?;
            Ok(metrics::ask(&client, &indexes, now, &self.secrets).await?)
        })
    }
}

/// What the environment and the files say.
struct Loaded {
    clients: Clients,
    region: String,
    /// Of the endpoint where it is not AWS's own, whole.
    url: Option<String>,
}

/// Reads settings and credentials from the environment and the files, anew.
async fn load(options: &AwsOptions, secrets: &Arc<Secrets>) -> Result<Loaded, ConnectError> {
    settings::judge_all(options)?;
    credentials::remember_proxies(secrets);
    let found = Found::read(options).await?;
    // One for all services is STS's too, which would be asked first.
    let for_all = settings::variable("AWS_ENDPOINT_URL");
    let for_all = for_all.as_deref().or(found.value("endpoint_url"));
    for_all
        .map_or(Ok(()), |url| Endpoint::of_url(url).map(drop))
        .map_err(|error| ConnectError::Aws(no_endpoint(&error)))?;
    let trusted = trust::trusted(found.value("ca_bundle"), found.chosen.name())?;
    // One client for all: for DynamoDB and CloudWatch, and for those who hand out credentials.
    let http = bounded::http_client(trusted);
    let providers = ProviderConfig::default().with_http_client(http.clone());
    let metadata = imds::Client::builder()
        .configure(&providers)
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_timeout(METADATA_TIMEOUT)
        .build();
    let region = find_region(options, &found, &metadata).await?;
    let providers = providers.with_region(Some(region.clone()));
    let provider = credentials_of(options, &found, &providers, metadata, secrets).await?;
    let sdk = settings(options, &found, region.clone(), provider, http).await;
    let (clients, url) = clients(options, sdk, secrets).map_err(ConnectError::Aws)?;
    Ok(Loaded { clients, region: region.to_string(), url })
}

/// The clients, and the endpoint where it is not AWS's own.
fn clients(
    options: &AwsOptions,
    sdk: SdkConfig,
    secrets: &Secrets,
) -> Result<(Clients, Option<String>), CallError> {
    let url = endpoint_of(&sdk);
    let cloudwatch = cloudwatch_client(&sdk, url.as_deref(), secrets)?;
    for url in url.iter().chain(options.region_endpoints.values()) {
        Endpoint::of_url(url).map_err(|error| no_endpoint(&error))?;
        secrets.remember_url(url);
    }
    let dynamodb = Client::new(&sdk);
    let regions = Regions::new(sdk, url.clone(), options.region_endpoints.clone());
    Ok((Clients { dynamodb, cloudwatch, regions }, url))
}

/// Where credentials come from, asked once.
async fn credentials_of(
    options: &AwsOptions,
    found: &Found,
    providers: &ProviderConfig,
    metadata: imds::Client,
    secrets: &Arc<Secrets>,
) -> Result<Remembered, ConnectError> {
    let of_profile = options.keys.is_none()
        && (options.profile.is_some() || !credentials::are_in_the_environment());
    let chain = if of_profile { found.chain()? } else { None };
    let from = match (&chain, of_profile) {
        (Some(Chain { profile, base, .. }), _) if *base != Base::Nothing => {
            format!("the profile `{profile}`")
        }
        (_, true) => "what hands out the credentials".to_owned(),
        (_, false) => "the environment".to_owned(),
    };
    let provider = credentials::provider(options, &found.chosen, providers, metadata);
    let provider = Remembered::new(provider, Arc::clone(secrets), from);
    match provider.prime().await {
        Ok(()) => Ok(provider),
        Err(error) => Err(no_credentials(&error, chain.as_ref(), found, secrets)),
    }
}

/// Why there are none. What a profile rests on says what to do.
fn no_credentials(
    error: &CredentialsError,
    chain: Option<&Chain>,
    found: &Found,
    secrets: &Secrets,
) -> ConnectError {
    if let Some(setting) = error::find::<SettingError>(error) {
        return setting.clone().into();
    }
    let mut error = error::of_credentials(error, secrets);
    if error.code == "NoCredentials" && found.has_a_file_that_is_not_read() {
        error.message = format!("{} ({})", error.message, found.files());
    }
    if let Err(setting) = settings::judge_token_file() {
        return setting.into();
    }
    match chain.and_then(|chain| chain.advice(&found.chosen, found.files(), &error)) {
        Some(setting) => setting.into(),
        None => ConnectError::Aws(error),
    }
}

/// Settings that were good when the run began: somebody is changing them, and may not be
/// done.
fn in_a_run(error: ConnectError) -> CallError {
    match error {
        ConnectError::Aws(error) => error,
        other => CallError {
            kind: ErrorKind::CredentialsExpired,
            effect: Effect::NotApplied,
            code: "InvalidSetting".to_owned(),
            message: other.to_string(),
        },
    }
}

/// The CloudWatch that belongs to this DynamoDB: at an endpoint of its own
/// (`AWS_ENDPOINT_URL_CLOUDWATCH`), or AWS's where DynamoDB is AWS's too. One endpoint
/// for all services (`AWS_ENDPOINT_URL`) is an emulator's.
fn cloudwatch_client(
    sdk: &SdkConfig,
    dynamodb: Option<&str>,
    secrets: &Secrets,
) -> Result<Option<cloudwatch::Client>, CallError> {
    let own = own_endpoint(sdk, "CloudWatch").filter(|own| Some(&**own) != dynamodb);
    let on_aws = dynamodb.is_none_or(|url| Endpoint::read(url).is_of_aws());
    if own.is_none() && !on_aws {
        return Ok(None);
    }
    if let Some(url) = &own {
        Endpoint::of_url(url).map_err(|error| no_endpoint(&error))?;
        secrets.remember_url(url);
    }
    let mut config = cloudwatch::config::Builder::from(sdk);
    config.set_endpoint_url(own);
    Ok(Some(cloudwatch::Client::from_conf(config.build())))
}

async fn find_region(
    options: &AwsOptions,
    found: &Found,
    metadata: &imds::Client,
) -> Result<Region, ConnectError> {
    let profile = ProfileFileRegionProvider::builder().profile_name(found.chosen.name());
    let metadata = ImdsRegionProvider::builder().imds_client(metadata.clone());
    // One that is blank is not set.
    let region = options.region.clone();
    let region = region.or_else(|| settings::variable("AWS_REGION"));
    let region = region.or_else(|| settings::variable("AWS_DEFAULT_REGION"));
    let region = RegionProviderChain::first_try(region.map(Region::new))
        .or_else(profile.build())
        .or_else(metadata.build())
        .region()
        .await
        .filter(|region| !region.as_ref().is_empty());
    let Some(region) = region else {
        return Err(ConnectError::Aws(CallError {
            kind: ErrorKind::NoRegion,
            effect: Effect::NotApplied,
            code: "NoRegion".to_owned(),
            message: "no region is set".to_owned(),
        }));
    };
    // Those of options and variables were judged before.
    let of_profile = found.value("region") == Some(region.as_ref());
    let source = format!("the profile `{}`", found.chosen.name());
    let source = if of_profile { &source } else { "the instance metadata service" };
    judge(SettingKind::Region, SettingSource::Elsewhere(source), region.as_ref())?;
    Ok(region)
}

async fn settings(
    options: &AwsOptions,
    found: &Found,
    region: Region,
    credentials: impl ProvideCredentials + 'static,
    http: SharedHttpClient,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(CALL_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // It wakes every call some twenty times a second to fail it after 20 s, which
        // the call's time-out does before: a quarter of a scan's CPU (docs/performance.md).
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Ok(name) = AppName::new("gsictl") {
        loader = loader.app_name(name);
    }
    if found.chosen != Chosen::Default {
        loader = loader.profile_name(found.chosen.name());
    }
    if let Some(endpoint) = &options.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    loader.load().await
}

/// The endpoint that the client will use, where it is not AWS's own: the SDK
/// keeps the order option, `AWS_ENDPOINT_URL_DYNAMODB`, the profile's
/// `services`, `AWS_ENDPOINT_URL`, but tells nobody the outcome.
fn endpoint_of(sdk: &SdkConfig) -> Option<String> {
    let of_all = sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        of_all
    } else {
        own_endpoint(sdk, "DynamoDB").or(of_all)
    }
}

/// The endpoint that is set for this service alone.
fn own_endpoint(sdk: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    sdk.service_config()?.load_config(key.ok()?)
}

fn no_endpoint(error: &NoEndpoint) -> CallError {
    CallError {
        kind: ErrorKind::Validation,
        effect: Effect::NotApplied,
        code: "InvalidEndpoint".to_owned(),
        message: error.to_string(),
    }
}
