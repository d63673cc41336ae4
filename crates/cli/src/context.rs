//! What the global options stand for: a backend, a store, a clock.

use std::any::Any;
use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use gsictl_core::endpoint::Endpoint;
use gsictl_core::polling::Polling;
use gsictl_core::retry::Policy;
use gsictl_core::state::{Looked, Target};
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

/// Threads that carry out calls, and that decide.
const WORKERS: usize = 2;

/// As long as a command runs: the thread for work that blocks (a save, a name look-up, the
/// embedded engine) stays once it is there, so that none has to be started later.
const KEPT: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// Runs one command.
pub(crate) fn block_on<T>(
    command: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let cannot_start = |error: io::Error| {
        let text = format!("cannot start: {error}");
        CliError::new(Exit::Unexpected, text)
            .hint("see whether a limit on processes and threads is reached (`ulimit -u`)")
    };
    try_threads(WORKERS + 2).map_err(cannot_start)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_keep_alive(KEPT)
        .enable_all()
        .build()
        .map_err(cannot_start)?;
    drop(runtime.spawn_blocking(|| ()));
    // A call that panicked ends its run: what the run knew is saved, and the lock is free.
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command)));
    runtime.shutdown_timeout(LAST_WORK);
    result.unwrap_or_else(|panic| Err(a_bug(&*panic)))
}

fn a_bug(panic: &(dyn Any + Send)) -> CliError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say which");
    CliError::new(Exit::Unexpected, format!("a bug of this program ended the run: {text}")).hint(
        "nothing was repeated; run the same command again, and report it where it comes again",
    )
}

/// Whether so many threads can be started, all alive at once.
///
/// The runtime panics where it cannot start its own, and work that blocks would wait for
/// ever for a thread that never comes: this finds out before, while it is an error. One
/// more than are needed are tried, because the system may take a moment to forget these.
fn try_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let held = gate.lock();
        let wait = || drop(gate.lock());
        let started = (0..count).map(|_| thread::Builder::new().spawn_scoped(scope, wait));
        let all = started.collect::<io::Result<Vec<_>>>();
        drop(held);
        all.map(drop)
    })
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
        None => connect(options(globals), stop).await,
    }
}

fn options(globals: &Globals) -> AwsOptions {
    AwsOptions {
        profile: globals.profile.clone(),
        region: globals.region.clone(),
        endpoint_url: globals.endpoint_url.clone(),
        region_endpoints: globals.region_endpoint.iter().cloned().collect(),
        skip_regions: globals.skip_region.iter().cloned().collect(),
        ..AwsOptions::default()
    }
}

async fn connect(options: AwsOptions, stop: &mut StopSignal) -> Result<Arc<dyn Backend>, CliError> {
    tokio::select! {
        aws = Aws::connect(options) => Ok(Arc::new(aws?)),
        () = stop.asked() => Err(CliError::interrupted()),
    }
}

/// The place that a state names, where the options do not say otherwise: it is asked, and
/// not what the environment happens to name. Its account has no options: of AWS the region
/// is taken, of an emulator the endpoint too.
pub(crate) async fn backend_of(
    globals: &Globals,
    of_state: &Target,
    stop: &mut StopSignal,
) -> Result<Arc<dyn Backend>, CliError> {
    // What the options name is refused before anything is opened or asked.
    let by_option = Target { region: globals.region.clone(), ..of_state.clone() };
    of_state.is_at(&by_option, Looked::NotYet)?;
    let named = globals.local.is_some() || globals.endpoint_url.is_some();
    // Where there is an account, the endpoint is only a way to it.
    let endpoint = of_state.own_endpoint().filter(|_| of_state.own_account().is_none());
    let file = endpoint.filter(|endpoint| endpoint.host().is_none() && !named);
    if let Some(file) = file.filter(|_| globals.region.is_none() && globals.profile.is_none()) {
        return there(Path::new(file.as_str()), globals.local_build_seconds);
    }
    let url = endpoint.filter(|endpoint| endpoint.host().is_some());
    let options = AwsOptions {
        region: globals.region.clone().or_else(|| of_state.region.clone()),
        endpoint_url: globals.endpoint_url.clone().or_else(|| url.map(ToString::to_string)),
        ..options(globals)
    };
    if globals.local.is_some() {
        return backend(globals, stop).await;
    }
    connect(options, stop).await
}

/// The embedded engine on a file that a state names: none is made in its place.
fn there(file: &Path, build_seconds: f64) -> Result<Arc<dyn Backend>, CliError> {
    if file.exists() {
        return local(file, build_seconds);
    }
    let message = format!("the state is about {}, which is not there", file.display());
    Err(CliError::new(Exit::State, message).hint(
        "name the database with --local=FILE, or put the state away with `gsictl state archive`",
    ))
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
        return Policy { visibility: Duration::ZERO, polling: Polling::emulator(), ..policy };
    }
    policy
}

/// The state directory as a store.
pub(crate) fn store(dir: &Path) -> SharedStore {
    Arc::new(Mutex::new(FileStore::new(dir)))
}

/// Who holds the lock, for whoever comes second.
pub(crate) fn holder(clock: Clock) -> Holder {
    let told = told_args();
    let words: Vec<_> = told.iter().map(|word| word.to_string_lossy()).collect();
    Holder::of_this_process(clock.now(), format!("gsictl {}", words.join(" ")))
}

/// The arguments as they may be told: of an endpoint nothing but scheme, host and port.
pub(crate) fn told_args() -> Vec<OsString> {
    told(std::env::args_os().skip(1))
}

pub(crate) fn told(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const OPTION: &str = "--endpoint-url";
    const OF_REGION: &str = "--region-endpoint";
    let (mut is_endpoint, mut is_of_region) = (false, false);
    let mut told = Vec::new();
    for arg in args {
        let text = arg.to_string_lossy();
        let follows = std::mem::replace(&mut is_endpoint, text == OPTION);
        let after = text.strip_prefix(OPTION).and_then(|rest| rest.strip_prefix('='));
        let of_region = std::mem::replace(&mut is_of_region, text == OF_REGION);
        let after_region = text.strip_prefix(OF_REGION).and_then(|rest| rest.strip_prefix('='));
        let place = match after {
            None if of_region => Some(place_of_region(&text)),
            None if after_region.is_some() => {
                after_region.map(|pair| format!("{OF_REGION}={}", place_of_region(pair)))
            }
            Some(url) => Some(format!("{OPTION}={}", place_of(url))),
            None if follows || text.contains("://") => Some(place_of(&text)),
            None => None,
        };
        told.push(place.map_or_else(|| arg.clone(), OsString::from));
    }
    told
}

/// The same of `REGION=URL`.
pub(crate) fn place_of_region(pair: &str) -> String {
    match pair.split_once('=') {
        Some((region, url)) => format!("{region}={}", place_of(url)),
        None => "REGION=URL".to_owned(),
    }
}

/// What may be told of an endpoint.
pub(crate) fn place_of(url: &str) -> String {
    Endpoint::of_url(url).map_or_else(|_| "URL".to_owned(), |endpoint| endpoint.to_string())
}

/// A seed that no other run has.
pub(crate) fn seed(clock: Clock) -> u64 {
    let pid = u64::from(std::process::id());
    clock.now().as_millis().unsigned_abs().rotate_left(20) ^ pid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_endpoint_on_the_command_line_only_its_place_is_told() {
        for (line, shown) in [
            (
                "plan --region-endpoint us-east-1=http://me:pw@h:1/t a.yaml",
                "plan --region-endpoint us-east-1=http://h:1 a.yaml",
            ),
            (
                "plan --region-endpoint=us-east-1=http://me:pw@h:1/t a.yaml",
                "plan --region-endpoint=us-east-1=http://h:1 a.yaml",
            ),
            (
                "plan a.yaml --endpoint-url http://me:pw@h:1/t?k#f",
                "plan a.yaml --endpoint-url http://h:1",
            ),
            (
                "plan --endpoint-url=http://me:pw@h:1/t a.yaml",
                "plan --endpoint-url=http://h:1 a.yaml",
            ),
            ("plan --endpoint-url me:pw@h a.yaml", "plan --endpoint-url URL a.yaml"),
            ("plan --endpoint-url=me:pw@h a.yaml", "plan --endpoint-url=URL a.yaml"),
            ("plan --endpoint-url http://me:p/w@h a.yaml", "plan --endpoint-url URL a.yaml"),
            ("plan http://me:pw@h/t a.yaml", "plan http://h a.yaml"),
        ] {
            let args = line.split(' ').map(OsString::from);
            let words: Vec<_> = told(args).into_iter().map(|w| w.into_string().unwrap()).collect();
            assert_eq!(words.join(" "), shown, "{line}");
        }
    }

    #[test]
    fn a_panic_ends_a_command_as_an_error_and_not_the_program() {
        let error = block_on::<()>(async { panic!("of {}", 1) }).unwrap_err();
        assert_eq!(error.message, "a bug of this program ended the run: of 1");
        assert_eq!((error.exit.code(), error.hints.len()), (1, 1));
    }
}
