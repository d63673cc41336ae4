//! What the global options stand for: a backend, a store, a clock.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gsictl_core::retry::Policy;
use gsictl_driver::clock::Clock;
use gsictl_driver::drive::{SharedStore, StopSignal};
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions};
use gsictl_driver::dynamodb::local::{Local, LocalDurations};
use gsictl_driver::store::Holder;
use gsictl_driver::store::file::FileStore;

use crate::args::Globals;
use crate::error::{CliError, Exit};

/// The embedded engine's file where none is named.
pub(crate) const LOCAL_FILE: &str = "gsictl-local.db";

/// Threads that still work when a command is over are waited for so long: the
/// embedded engine closes its file, and a name look-up that hangs is left.
const LAST_WORK: Duration = Duration::from_millis(300);

/// Runs one command.
pub(crate) fn block_on<T>(
    command: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Unexpected, format!("cannot start: {error}")))?;
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(LAST_WORK);
    result
}

/// DynamoDB, or the embedded engine.
pub(crate) async fn backend(
    globals: &Globals,
    stop: &mut StopSignal,
) -> Result<Arc<dyn Backend>, CliError> {
    match &globals.local {
        Some(file) => {
            let file = file.clone().unwrap_or_else(|| globals.state_dir.join(LOCAL_FILE));
            local(&file, globals.local_build_seconds)
        }
        None => {
            let options = AwsOptions {
                profile: globals.profile.clone(),
                region: globals.region.clone(),
                endpoint_url: globals.endpoint_url.clone(),
                keys: None,
            };
            tokio::select! {
                aws = Aws::connect(options) => Ok(Arc::new(aws?)),
                () = stop.asked() => Err(CliError::interrupted()),
            }
        }
    }
}

/// The embedded engine on `file`.
pub(crate) fn local(file: &Path, build_seconds: f64) -> Result<Arc<dyn Backend>, CliError> {
    Ok(Arc::new(Local::open(Some(file), LocalDurations::of_build(build_seconds))?))
}

/// The habits of a run on this backend. A description by the embedded engine is
/// never behind, so absence needs no minute to be believed.
pub(crate) fn policy(globals: &Globals) -> Policy {
    let policy = Policy::default();
    if globals.local.is_some() {
        return Policy { visibility: Duration::ZERO, ..policy };
    }
    policy
}

/// The state directory as a store.
pub(crate) fn store(dir: &Path) -> SharedStore {
    Arc::new(Mutex::new(FileStore::new(dir)))
}

/// Who holds the lock, for whoever comes second.
pub(crate) fn holder(clock: Clock) -> Holder {
    let name = |arg: String| if arg.contains("://") { "URL".to_owned() } else { arg };
    let command: Vec<_> = std::env::args().skip(1).map(name).collect();
    Holder::of_this_process(clock.now(), format!("gsictl {}", command.join(" ")))
}

/// A seed that no other run has.
pub(crate) fn seed(clock: Clock) -> u64 {
    let pid = u64::from(std::process::id());
    clock.now().as_millis().unsigned_abs().rotate_left(20) ^ pid
}
