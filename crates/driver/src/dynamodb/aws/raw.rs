//! The body of an answer as it came, past the SDK's own reading.
//!
//! The SDK makes a map of every item and a value of every attribute: two to three times
//! the work of walking through the page once (docs/performance.md). Signing, time-outs,
//! and errors stay the SDK's.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;

/// Takes the place of the SDK's reader where a Scan succeeds, and keeps the body.
///
/// For one call of one attempt: a second attempt would find it in place whatever
/// its answer (the SDK's own retries are off).
#[derive(Clone, Debug, Default)]
pub(super) struct KeptBody(Arc<Mutex<Option<SdkBody>>>);

impl KeptBody {
    /// The body, once the call has succeeded.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        body.bytes().map(<[u8]>::to_vec)
    }
}

impl Intercept for KeptBody {
    fn name(&self) -> &'static str {
        "KeptBody"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            config.interceptor_state().store_put(SharedResponseDeserializer::new(self.clone()));
        }
        Ok(())
    }
}

impl DeserializeResponse for KeptBody {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        // It is in memory by now: the clone is a reference to it.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = response.body().try_clone();
        Ok(Output::erase(ScanOutput::builder().build()))
    }
}
