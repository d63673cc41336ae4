//! Carries out what `gsictl-core` decides.
//!
//! The features `aws` and `local` (both on unless they are switched off) bring the
//! two backends; without them the loop and the stores build in seconds.

pub mod apply;
pub mod archives;
pub mod check;
pub mod clock;
#[cfg(feature = "local")]
pub mod demo;
pub mod drive;
pub mod dynamodb;
pub mod file;
pub mod rebuild;
pub mod reports;
pub mod rollback;
pub mod store;
pub mod survey;
pub mod validate;
