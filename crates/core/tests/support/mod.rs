//! What the tests and the bench of the core share, beside the modelled DynamoDB
//! and its virtual time (`gsictl-sim`).
#![allow(dead_code, reason = "each test binary and the bench use a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and this is compiled for tests alone"
)]

pub(crate) mod apply;
pub(crate) mod samples;
pub(crate) mod stage;
