//! Clients of the regions in which the replicas of global tables are asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::{Client, config};
use gsictl_core::call::{CallError, Effect, ErrorKind};
use gsictl_core::endpoint::Endpoint;

/// A client for each region that was asked, made when it is needed first. All of them
/// have the credentials and the connections of the first region's.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    sdk: SdkConfig,
    /// Of the client's own region, where it is not AWS's own, whole.
    url: Option<String>,
    endpoints: BTreeMap<String, String>,
    made: Arc<Mutex<BTreeMap<String, Client>>>,
}

impl Regions {
    pub(super) fn new(
        sdk: SdkConfig,
        url: Option<String>,
        endpoints: BTreeMap<String, String>,
    ) -> Self {
        Self { sdk, url, endpoints, made: Arc::default() }
    }

    /// # Errors
    /// `Validation` where `region` can be no region's name: it comes from an answer, and
    /// would become a part of a host's name.
    pub(super) fn client(&self, region: &str) -> Result<Client, CallError> {
        if !is_region(region) {
            return Err(CallError {
                kind: ErrorKind::Validation,
                effect: Effect::NotApplied,
                code: "InvalidRegion".to_owned(),
                message: format!("{region:?} is not the name of a region"),
            });
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let client = made.entry(region.to_owned()).or_insert_with(|| self.make(region));
        Ok(client.clone())
    }

    fn make(&self, region: &str) -> Client {
        let own = self.sdk.region().map(AsRef::as_ref).unwrap_or_default();
        let url = match (self.endpoints.get(region), &self.url) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(url)) => elsewhere(url, own, region),
            (None, None) => None,
        };
        let mut config = config::Builder::from(&self.sdk).region(Region::new(region.to_owned()));
        config.set_endpoint_url(url);
        Client::from_conf(config.build())
    }
}

/// Letters, digits and hyphens, as in `eu-west-1`.
fn is_region(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(legal) && !name.starts_with('-')
}

/// What the endpoint `url` of the region `own` is in `region`: an endpoint of AWS's that
/// names its region has a sister there. That of a VPC has none under a name that could be
/// known, so AWS's public one is asked (`None`). Any other server is asked itself; the
/// region stands in the signature.
fn elsewhere(url: &str, own: &str, region: &str) -> Option<String> {
    let endpoint = Endpoint::read(url);
    let host = endpoint.host().unwrap_or_default();
    let labels: Vec<_> = host.split('.').collect();
    if own.is_empty() || !endpoint.is_of_aws() || !labels.contains(&own) {
        return Some(url.to_owned());
    }
    if labels.contains(&"vpce") {
        return None;
    }
    let sister: Vec<_> = labels.iter().map(|l| if *l == own { region } else { l }).collect();
    Some(url.replacen(host, &sister.join("."), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_asked_under_the_name_of_the_other_region() {
        let there = |url| elsewhere(url, "eu-west-1", "us-east-1");
        let said = |url: &str| Some(url.to_owned());
        let cases = [
            ("http://127.0.0.1:8000", said("http://127.0.0.1:8000")),
            (
                "http://user:pw@localhost:8000/eu-west-1",
                said("http://user:pw@localhost:8000/eu-west-1"),
            ),
            (
                "https://dynamodb.eu-west-1.amazonaws.com",
                said("https://dynamodb.us-east-1.amazonaws.com"),
            ),
            (
                "https://dynamodb-fips.eu-west-1.amazonaws.com",
                said("https://dynamodb-fips.us-east-1.amazonaws.com"),
            ),
            ("https://dynamodb.eu-west-1.api.aws", said("https://dynamodb.us-east-1.api.aws")),
            (
                "https://123456789012.ddb.eu-west-1.amazonaws.com",
                said("https://123456789012.ddb.us-east-1.amazonaws.com"),
            ),
            ("https://vpce-0ab1-cd.dynamodb.eu-west-1.vpce.amazonaws.com", None),
        ];
        for (url, expected) in cases {
            assert_eq!(there(url), expected, "{url}");
        }
    }

    #[test]
    fn what_an_answer_calls_a_region_becomes_no_part_of_another_hosts_name() {
        for name in ["us-east-1", "us-gov-west-1", "ddblocal"] {
            assert!(is_region(name), "{name}");
        }
        for name in ["", "-x", "a.evil.example", "a/b", "a@b", "us east", "eu-west-1\n"] {
            assert!(!is_region(name), "{name:?}");
        }
    }
}
