//! The fake's time: AWS's seconds, which pass faster than ours, or when they are told to.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// AWS's time since the fake began.
pub type Elapsed = Duration;

/// Where [`Elapsed`] comes from.
#[derive(Debug)]
pub(crate) enum FakeClock {
    /// So many of AWS's seconds pass in one of ours.
    Scaled { began: Instant, scale: f64 },
    /// It stands still until it is moved.
    Manual(Mutex<Elapsed>),
}

impl FakeClock {
    pub(crate) fn scaled(scale: f64) -> Self {
        Self::Scaled { began: Instant::now(), scale }
    }

    pub(crate) fn manual() -> Self {
        Self::Manual(Mutex::new(Elapsed::ZERO))
    }

    pub(crate) fn now(&self) -> Elapsed {
        match self {
            Self::Scaled { began, scale } => began.elapsed().mul_f64(*scale),
            Self::Manual(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Of AWS's seconds in one of ours; 1 where time is moved by hand.
    pub(crate) fn scale(&self) -> f64 {
        match self {
            Self::Scaled { scale, .. } => *scale,
            Self::Manual(_) => 1.0,
        }
    }

    /// How long `span` of AWS's time is here; nothing where time is moved by hand.
    pub(crate) fn here(&self, span: Duration) -> Duration {
        match self {
            Self::Scaled { scale, .. } => span.div_f64(*scale),
            Self::Manual(_) => Duration::ZERO,
        }
    }

    /// Moves a clock that stands still; one that runs goes on as it does.
    pub(crate) fn advance(&self, by: Duration) {
        if let Self::Manual(now) = self {
            *now.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
