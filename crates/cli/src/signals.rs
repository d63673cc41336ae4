//! Ctrl-C, SIGTERM and SIGHUP: once to stop politely, twice to leave now.

use gsictl_driver::drive::{StopSignal, stopper};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, Exit};

/// Begins to listen. The signal is given at the first request to stop; at the
/// second the program ends at once. Must be called inside the runtime.
pub(crate) fn listen() -> Result<StopSignal, CliError> {
    let on = |kind| {
        signal(kind)
            .map_err(|error| CliError::new(Exit::Unexpected, format!("no signals: {error}")))
    };
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut hangup = on(SignalKind::hangup())?;
    let (stopper, stop) = stopper();
    tokio::spawn(async move {
        any(&mut interrupt, &mut terminate, &mut hangup).await;
        stopper.stop();
        any(&mut interrupt, &mut terminate, &mut hangup).await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    Ok(stop)
}

async fn any(a: &mut Signal, b: &mut Signal, c: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
        _ = c.recv() => {}
    }
}
