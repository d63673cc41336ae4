//! Backends: where a [`Call`] is carried out. Every one passes the suite in
//! `tests/conformance.rs`.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::state::Target;

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
}

impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn call(&self, call: Call) -> CallFuture<'_> {
        (**self).call(call)
    }

    fn target(&self) -> Target {
        (**self).target()
    }
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn call(&self, call: Call) -> CallFuture<'_> {
        (**self).call(call)
    }

    fn target(&self) -> Target {
        (**self).target()
    }
}

/// Why a backend cannot be had at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No region, no credentials, or settings that make no sense. The message
    /// says what to set.
    #[error("{}", .0.message)]
    Aws(CallError),
    /// The database of the embedded engine cannot be used.
    #[error("{}: {problem}", .path.display())]
    Local {
        /// The database.
        path: PathBuf,
        /// What is the matter with it.
        problem: String,
    },
}
