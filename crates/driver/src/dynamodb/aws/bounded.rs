//! What comes over the wire, before anything reads it: no more of it than there can be,
//! and as it was sent.
//!
//! The SDK collects a body of any length in memory, and does not look at the checksum
//! that DynamoDB sends with every answer. This stands between it and the connection, for
//! DynamoDB, CloudWatch, and those who are asked for credentials. (How deep JSON may be
//! nested is bounded where it is read: 128 levels, in the SDK as in `serde_json`.)

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

/// A page of a Scan or a Query. It holds at most 1 MB of items
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html>), which
/// as JSON is up to nine times as long: a list of empty strings has `{"S":""},` for each
/// byte that DynamoDB counts.
const PAGE_BYTES: usize = 16 << 20;
/// Any other answer. The longest is the description of a table with all the indexes and
/// replicas that it may have: some hundred KB.
const OTHER_BYTES: usize = 4 << 20;
/// A decimal number: the CRC-32 of the body as it was sent.
const CHECKSUM: &str = "x-amz-crc32";

/// An answer that came and is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the answer has more than {0} bytes, which none of AWS has")]
    TooLong(usize),
    #[error("the answer does not fit its checksum (x-amz-crc32): it was changed on its way")]
    WrongChecksum,
}

/// The client that the SDK takes by default, whose answers are bounded and checked, and
/// which trusts whom `trusted` says. It goes through the environment's proxies.
pub(super) fn http_client(trusted: TlsContext) -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let mut connector = ConnectorBuilder::default().tls_provider(tls);
        connector.set_tls_context(trusted.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    });
    SharedHttpClient::new(BoundedClient(client))
}

#[derive(Debug)]
struct BoundedClient(SharedHttpClient);

impl HttpClient for BoundedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let most = bound(request.headers().get("x-amz-target"));
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { collected(answer.await?, most).await })
    }
}

/// How long the answer to an operation may be (`DynamoDB_20120810.Scan`).
fn bound(target: Option<&str>) -> usize {
    let operation = target.and_then(|target| target.rsplit('.').next());
    if matches!(operation, Some("Scan" | "Query")) { PAGE_BYTES } else { OTHER_BYTES }
}

/// The answer with its body in memory.
async fn collected(mut answer: HttpResponse, most: usize) -> Result<HttpResponse, ConnectorError> {
    let number = |name| answer.headers().get(name).and_then(|text: &str| text.parse().ok());
    let length: usize = number("content-length").unwrap_or(0);
    if length > most {
        return Err(unfit(Unfit::TooLong(most)));
    }
    let checksum = answer.headers().get(CHECKSUM).map(|text| text.parse::<u32>().ok());
    let mut stream = ByteStream::new(std::mem::replace(answer.body_mut(), SdkBody::taken()));
    let mut body = Vec::with_capacity(length);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ConnectorError::other(error.into(), None))?;
        if chunk.len() > most - body.len() {
            return Err(unfit(Unfit::TooLong(most)));
        }
        body.extend_from_slice(&chunk);
    }
    if checksum.is_some_and(|told| told != Some(crc32fast::hash(&body))) {
        return Err(unfit(Unfit::WrongChecksum));
    }
    *answer.body_mut() = SdkBody::from(body);
    Ok(answer)
}

fn unfit(why: Unfit) -> ConnectorError {
    ConnectorError::other(why.into(), None)
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;

    use super::*;

    async fn take(body: &[u8], headers: &[(&'static str, &str)], most: usize) -> Option<Unfit> {
        let mut answer =
            HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body.to_vec()));
        for (name, value) in headers {
            answer.headers_mut().insert(*name, (*value).to_owned());
        }
        match collected(answer, most).await {
            Ok(taken) => {
                assert_eq!(taken.body().bytes(), Some(body));
                None
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).unwrap();
                Some(*cause.downcast_ref().unwrap())
            }
        }
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(take(b"12345", &[], 5).await, None);
        assert_eq!(take(b"123456", &[], 5).await, Some(Unfit::TooLong(5)));
        let told = [("content-length", "6")];
        assert_eq!(take(b"", &told, 5).await, Some(Unfit::TooLong(5)), "it is not waited for");
        let nonsense = [("content-length", "99999999999999999999999")];
        assert_eq!(take(b"1", &nonsense, 5).await, None);
    }

    #[tokio::test]
    async fn a_body_fits_its_checksum_where_there_is_one() {
        // The well-known check value of CRC-32.
        let right = [("x-amz-crc32", "3421780262")];
        assert_eq!(take(b"123456789", &right, 100).await, None);
        assert_eq!(take(b"123456780", &right, 100).await, Some(Unfit::WrongChecksum));
        for wrong in ["0", "", "-1", "cbf43926", "99999999999"] {
            let wrong = [("x-amz-crc32", wrong)];
            assert_eq!(take(b"123456789", &wrong, 100).await, Some(Unfit::WrongChecksum));
        }
        assert_eq!(take(b"", &[("x-amz-crc32", "0")], 100).await, None);
    }

    #[test]
    fn pages_may_be_longer_than_other_answers() {
        assert_eq!(bound(Some("DynamoDB_20120810.Scan")), PAGE_BYTES);
        assert_eq!(bound(Some("DynamoDB_20120810.Query")), PAGE_BYTES);
        for other in [Some("DynamoDB_20120810.DescribeTable"), Some("Scanner"), None] {
            assert_eq!(bound(other), OTHER_BYTES);
        }
    }
}
