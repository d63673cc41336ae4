//! Moves the spinners and clocks of live lines on.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;

const EVERY: Duration = Duration::from_millis(120);

/// One thread for all lines. Where it cannot be started the lines move on when something
/// happens: a spinner that stands still is no reason to end a run. (The ticking of
/// `indicatif` itself takes a thread for each line, and panics without.)
#[derive(Clone)]
pub(super) struct Ticker {
    bars: Arc<Mutex<Vec<ProgressBar>>>,
    /// The thread ends when the last of these is dropped.
    _alive: Sender<()>,
}

impl Ticker {
    pub(super) fn start() -> Self {
        let bars = Arc::<Mutex<Vec<ProgressBar>>>::default();
        let (alive, ended) = mpsc::channel();
        let ticked = Arc::clone(&bars);
        let tick = move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let mut bars = ticked.lock().unwrap_or_else(PoisonError::into_inner);
                bars.retain(|bar| !bar.is_finished());
                bars.iter().for_each(ProgressBar::tick);
            }
        };
        let _ = thread::Builder::new().name("ticker".to_owned()).spawn(tick);
        Self { bars, _alive: alive }
    }

    /// Ticks the line until it is finished.
    pub(super) fn add(&self, bar: &ProgressBar) {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner).push(bar.clone());
    }
}
