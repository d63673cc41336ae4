//! Where a benchmark's tables are: options that its programs share.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use gsictl_core::call::{Call, CallError, ErrorKind, Reply};
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions};
use gsictl_driver::dynamodb::local::{Local, LocalDurations};

/// Credentials come from the environment, as for `gsictl` itself.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// A server that speaks DynamoDB's protocol
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// A database of the embedded engine
    #[arg(long, value_name = "FILE")]
    pub(crate) local: Option<PathBuf>,
}

impl Place {
    pub(crate) async fn backend(&self) -> Result<Arc<dyn Backend>, Box<dyn Error>> {
        if let Some(file) = &self.local {
            return Ok(Arc::new(Local::open(Some(file), LocalDurations::default())?));
        }
        let options =
            AwsOptions { endpoint_url: self.endpoint_url.clone(), ..AwsOptions::default() };
        Ok(Arc::new(Aws::connect(options).await?))
    }
}

/// How often a call is made that gets lost or is told to come later. A benchmark
/// loads a busy machine, where an answer may take longer than the time it is given.
const ATTEMPTS: u32 = 5;

/// The reply, from the first attempt that gets one. For reads and puts alone:
/// they may be made twice.
pub(crate) async fn call(backend: &dyn Backend, call: Call) -> Result<Reply, CallError> {
    let mut attempt = 1;
    loop {
        match backend.call(call.clone()).await {
            Err(error) if attempt < ATTEMPTS && passes(error.kind) => attempt += 1,
            result => return result,
        }
    }
}

fn passes(kind: ErrorKind) -> bool {
    use ErrorKind::{Connection, Server, Throttled, Timeout};
    matches!(kind, Connection | Server | Throttled | Timeout)
}
