//! Backends: where a [`Call`] is carried out. Every one passes the suite in
//! `tests/conformance.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::name::IndexId;
use gsictl_core::probe::Figures;
use gsictl_core::setting::SettingError;
use gsictl_core::state::Target;
use gsictl_core::time::Timestamp;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(any(feature = "aws", feature = "local"))]
mod expression;
pub mod faulty;
#[cfg(feature = "local")]
mod lifecycle;
#[cfg(feature = "local")]
pub mod local;

/// A call on its way. It may be dropped; whether DynamoDB carried the call out
/// is then unknown.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send + 'a>>;

/// A question to CloudWatch on its way.
pub type MetricsFuture<'a> =
    Pin<Box<dyn Future<Output = Result<BTreeMap<IndexId, Figures>, MetricsError>> + Send + 'a>>;

/// How far back the figures go.
pub const METRICS_SPAN: Duration = Duration::from_secs(3_600);

/// Why there are no figures. No verdict depends on them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// An emulator, or the embedded engine.
    #[error("no CloudWatch at this endpoint")]
    NotThere,
    /// It cannot be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// DynamoDB, or something that answers like it.
///
/// One attempt a call: nothing behind this repeats a call that changes a table
/// or an index, so every attempt is counted by the one who makes it.
pub trait Backend: Send + Sync {
    /// Carries out one call. [`CallError::effect`] says whether a failed one may
    /// have been applied.
    fn call(&self, call: Call) -> CallFuture<'_>;

    /// Where the calls go. `account` is not known before a table is described.
    fn target(&self) -> Target;

    /// Regions of global tables in which the user wants nothing asked, nor waited for.
    fn skipped_regions(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Into how many segments a table is best cut to be read as a whole; `None` for
    /// as many as its size asks for.
    fn scan_segments(&self) -> Option<u32> {
        None
    }

    /// What CloudWatch has of each index over the [`METRICS_SPAN`] before `now`;
    /// those of which it has nothing are left out.
    fn metrics(&self, indexes: Vec<IndexId>, now: Timestamp) -> MetricsFuture<'_> {
        let _ = (indexes, now);
        Box::pin(std::future::ready(Err(MetricsError::NotThere)))
    }
}

impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn call(&self, call: Call) -> CallFuture<'_> {
        (**self).call(call)
    }

    fn target(&self) -> Target {
        (**self).target()
    }

    fn skipped_regions(&self) -> BTreeSet<String> {
        (**self).skipped_regions()
    }

    fn scan_segments(&self) -> Option<u32> {
        (**self).scan_segments()
    }

    fn metrics(&self, indexes: Vec<IndexId>, now: Timestamp) -> MetricsFuture<'_> {
        (**self).metrics(indexes, now)
    }
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn call(&self, call: Call) -> CallFuture<'_> {
        (**self).call(call)
    }

    fn target(&self) -> Target {
        (**self).target()
    }

    fn skipped_regions(&self) -> BTreeSet<String> {
        (**self).skipped_regions()
    }

    fn scan_segments(&self) -> Option<u32> {
        (**self).scan_segments()
    }

    fn metrics(&self, indexes: Vec<IndexId>, now: Timestamp) -> MetricsFuture<'_> {
        (**self).metrics(indexes, now)
    }
}

/// Why a backend cannot be had at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No region, no credentials, or settings that make no sense. The message
    /// says what to set.
    #[error("{}", .0.message)]
    Aws(CallError),
    /// A setting that cannot be used, or credentials that cannot be had for a reason that
    /// is known. Nothing was called, but perhaps what hands out credentials.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The database of the embedded engine cannot be used.
    #[error("{}: {problem}", .path.display())]
    Local {
        /// The database.
        path: PathBuf,
        /// What is the matter with it.
        problem: String,
    },
}
