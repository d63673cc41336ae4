//! Ctrl-C, SIGTERM and SIGHUP: once to stop politely, twice to leave now.

use std::time::Duration;

use gsictl_driver::drive::{StopSignal, stopper};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, Exit};

/// One request may come as several signals at once: a closed terminal sends
/// SIGHUP and SIGTERM, `timeout` signals the process and its group.
const ONE_REQUEST: Duration = Duration::from_millis(300);

/// Begins to listen. The signal is given at the first request to stop; at the
/// second the program ends at once. Must be called inside the runtime.
pub(crate) fn listen() -> Result<StopSignal, CliError> {
    let mut first = Requests::new()?;
    let (stopper, stop) = stopper();
    tokio::spawn(async move {
        first.next().await;
        stopper.stop();
        tokio::time::sleep(ONE_REQUEST).await;
        // New listeners have not seen what came before them.
        if let Ok(mut second) = Requests::new() {
            second.next().await;
        } else {
            first.next().await;
        }
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    Ok(stop)
}

/// The signals that ask to stop.
struct Requests {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Requests {
    fn new() -> Result<Self, CliError> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| CliError::new(Exit::Unexpected, format!("no signals: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
