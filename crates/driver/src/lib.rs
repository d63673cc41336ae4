//! Carries out what `gsictl-core` decides.

pub mod apply;
pub mod clock;
pub mod demo;
pub mod drive;
pub mod dynamodb;
pub mod rebuild;
pub mod reports;
pub mod store;
