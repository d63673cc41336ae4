//! Ctrl-C, SIGTERM and SIGHUP: once to stop politely, twice to leave now.
//!
//! What divides one request from the next is the answer to the first, and not the time
//! between them: a signal before the answer belongs to the request (`timeout` signals the
//! process and then its group), one after it leaves, however soon it comes. That is
//! decided in the signal's handler, so that no thread of the program has to be free for
//! it: not one that waits for a reader who does not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gsictl_driver::drive::{StopSignal, Stopper, stopper};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::Signals;

use crate::error::{CliError, Exit};

/// A stop takes less than a second. A program that has neither answered nor ended by then
/// hangs (in a write that nobody reads, on a disk that is gone), and is left at the next
/// signal as if it had answered.
const OVERDUE: Duration = Duration::from_secs(1);

/// Begins to listen. The signal is given at the first request to stop; at one more,
/// after the answer, the program ends at once.
pub(crate) fn listen() -> Result<StopSignal, CliError> {
    let failed = |error| CliError::new(Exit::Unexpected, format!("cannot take signals: {error}"));
    let (stopper, stop) = stopper();
    let answered = stopper.answered();
    for signal in [SIGINT, SIGTERM] {
        leave_at(signal, &answered).map_err(failed)?;
    }
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || take(signals, &stopper))
        .map_err(failed)?;
    Ok(stop)
}

/// Hands on the first request, and sees to it that a later one is not waited for.
fn take(mut signals: Signals, stopper: &Stopper) {
    let answered = stopper.answered();
    let Some(first) = signals.forever().next() else {
        return;
    };
    // The end of a terminal is told several times, by the kernel and by its shell, and
    // there is no screen any more on which the first could be answered.
    if first != SIGHUP {
        let _ = leave_at(SIGHUP, &answered);
    }
    // The handler of one that came with it may have been interrupted by this thread.
    std::thread::yield_now();
    stopper.stop();
    std::thread::sleep(OVERDUE);
    answered.store(true, Ordering::SeqCst);
    let _ = leave_at(SIGHUP, &answered);
}

/// From now on this signal ends the program at once where `answered` is true.
fn leave_at(signal: i32, answered: &Arc<AtomicBool>) -> std::io::Result<()> {
    let code = i32::from(Exit::Interrupted.code());
    register_conditional_shutdown(signal, code, Arc::clone(answered)).map(|_| ())
}
