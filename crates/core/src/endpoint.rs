//! Where a DynamoDB is, as far as it may be kept and told.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Scheme, host and port of an endpoint, or the file of the embedded engine. It has no
/// place for anything else: a password or a token may stand in the user's part of a
/// URL, in its path, its query or its fragment, and none of them gets as far as a
/// state, a report or a terminal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(String);

/// A text that is no URL of an endpoint. It is not quoted: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint is no URL; write it with its scheme, as in http://127.0.0.1:8000")]
pub struct NoEndpoint;

/// The endpoint of an embedded engine without a file.
const MEMORY: &str = ":memory:";

/// Under these every endpoint of AWS has its name: of each partition what it had first and
/// what its dual-stack endpoints have. FIPS endpoints (`dynamodb-fips.`), those of an
/// account (`123456789012.ddb.`) and those inside of a VPC (`vpce-1.dynamodb.` ...
/// `.vpce.`) stand below them too. (`partitions.json` of AWS's SDKs: aws and aws-us-gov,
/// aws-cn, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f.)
const SUFFIXES_OF_AWS: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

/// What stands for a text in a file that is no endpoint.
const UNREADABLE: &str = "an endpoint that cannot be read";

impl Endpoint {
    /// What may be told of a URL that calls are sent to.
    ///
    /// # Errors
    /// [`NoEndpoint`] where the whole of it is no URL, so that nobody can say where a
    /// password ends.
    pub fn of_url(url: &str) -> Result<Self, NoEndpoint> {
        let stray = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c);
        if url.contains(stray) {
            return Err(NoEndpoint);
        }
        let (scheme, rest) = url.split_once("://").ok_or(NoEndpoint)?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(NoEndpoint);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let place = authority.rsplit('@').next().unwrap_or(authority);
        if !is_host_and_port(place) {
            return Err(NoEndpoint);
        }
        Ok(Self(format!("{scheme}://{}", place.to_ascii_lowercase())))
    }

    /// The embedded engine on a file, by its absolute path.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        Self(path.display().to_string())
    }

    /// The embedded engine in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(MEMORY.to_owned())
    }

    /// As a file has it that was written by any version: the first ones kept paths and
    /// queries too. What is neither a URL nor an absolute path is not kept.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let bytes = text.as_bytes();
        let of_windows = bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic();
        if text.starts_with(['/', '\\']) || of_windows || text == MEMORY {
            return Self(text.to_owned());
        }
        Self::of_url(text).unwrap_or_else(|NoEndpoint| Self(UNREADABLE.to_owned()))
    }

    /// As it is kept and told.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, without its port; `None` for the embedded engine.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let (_, place) = self.0.split_once("://")?;
        let end = if place.ends_with(']') { None } else { place.rfind(':') };
        Some(end.map_or(place, |end| &place[..end]))
    }

    /// Whether it is AWS's own, in any of its partitions. What is not is an emulator, or
    /// something that stands before AWS and that nobody can know.
    #[must_use]
    pub fn is_of_aws(&self) -> bool {
        let host = self.host().unwrap_or_default();
        let before = SUFFIXES_OF_AWS.iter().filter_map(|suffix| host.strip_suffix(suffix));
        before.into_iter().any(|name| name.ends_with('.'))
    }
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let legal = if text.starts_with('[') {
        host.chars().all(of_address)
    } else {
        host.chars().all(of_name)
    };
    let port_is_one =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !host.is_empty() && legal && port.is_none_or(port_is_one)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self::read(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_nothing_is_told_but_scheme_host_and_port() {
        for (url, told) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("HTTPS://LocalHost/", "https://localhost"),
            ("https://me:hunter2@host:8000/x@y", "https://host:8000"),
            ("https://a@b@host", "https://host"),
            ("https://host/tenants/t0ken/db?sig=t0ken#t0ken", "https://host"),
            ("https://host?sig=t0ken", "https://host"),
            ("https://host#t0ken", "https://host"),
            ("http://[::1]:8000/t0ken", "http://[::1]:8000"),
            ("http://me:p@[::1]", "http://[::1]"),
        ] {
            assert_eq!(Endpoint::of_url(url).unwrap().as_str(), told, "{url}");
        }
    }

    #[test]
    fn a_url_whose_password_ends_nobody_knows_where_is_none() {
        for text in [
            "",
            "http://",
            "http:///path",
            "localhost:8000",
            "me:hunter2@host:8000",
            "ftp://host",
            "http://me:hun/ter2@host",
            "http://me:hun?ter2@host",
            "http://me:hun#ter2@host",
            "http://me:hunter2 @host",
            "http://me:hunter2\\@host",
            "http://host:port",
            "http://host:70000",
            "http://host:",
            "http://:8000",
            "http://[::1",
            "http://[::1]x",
            "http://[host]",
            "http://hôst",
            "http://ho st",
            "http://host/a b",
        ] {
            assert_eq!(Endpoint::of_url(text), Err(NoEndpoint), "{text}");
        }
    }

    #[test]
    fn what_a_file_has_is_told_by_the_same_rules() {
        for (text, told) in [
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("http://me:hunter2@host:8000/t0ken", "http://host:8000"),
            ("/home/me@work/gsictl-local.db", "/home/me@work/gsictl-local.db"),
            (r"C:\gsictl-local.db", r"C:\gsictl-local.db"),
            (":memory:", ":memory:"),
            ("me:hunter2@host", UNREADABLE),
            ("http://me:hun/ter2@host", UNREADABLE),
            (UNREADABLE, UNREADABLE),
        ] {
            assert_eq!(Endpoint::read(text).as_str(), told, "{text}");
        }
    }

    #[test]
    fn a_host_has_no_port() {
        let host = |text: &str| Endpoint::read(text).host().map(str::to_owned);
        assert_eq!(host("http://localhost:8000").as_deref(), Some("localhost"));
        assert_eq!(host("https://localhost").as_deref(), Some("localhost"));
        assert_eq!(host("http://[::1]:8000").as_deref(), Some("[::1]"));
        assert_eq!(host("http://[::1]").as_deref(), Some("[::1]"));
        assert_eq!(host("/a.db"), None);
    }

    #[test]
    fn aws_is_known_in_each_of_its_partitions_and_by_each_kind_of_endpoint() {
        let is_of_aws = |host: &str| Endpoint::read(&format!("https://{host}")).is_of_aws();
        for host in [
            "dynamodb.eu-west-1.amazonaws.com",
            "DynamoDB.eu-west-1.amazonaws.com:443",
            "dynamodb.us-gov-west-1.amazonaws.com",
            "dynamodb-fips.us-east-1.amazonaws.com",
            "123456789012.ddb.us-east-1.amazonaws.com",
            "vpce-1-x.dynamodb.eu-west-1.vpce.amazonaws.com",
            "dynamodb.eu-west-1.api.aws",
            "dynamodb.cn-north-1.amazonaws.com.cn",
            "dynamodb.cn-north-1.api.amazonwebservices.com.cn",
            "dynamodb.eusc-de-east-1.amazonaws.eu",
            "dynamodb.us-iso-east-1.c2s.ic.gov",
            "dynamodb.us-isob-east-1.sc2s.sgov.gov",
            "dynamodb.eu-isoe-west-1.cloud.adc-e.uk",
            "dynamodb.us-isof-south-1.csp.hci.ic.gov",
            "dynamodb.us-isof-south-1.api.aws.hci.ic.gov",
        ] {
            assert!(is_of_aws(host), "{host}");
        }
        for host in [
            "localhost",
            "127.0.0.1:8000",
            "amazonaws.com",
            "notamazonaws.com",
            "amazonaws.com.evil",
        ] {
            assert!(!is_of_aws(host), "{host}");
        }
        assert!(!Endpoint::in_memory().is_of_aws());
    }
}
