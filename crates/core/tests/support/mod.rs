//! What the tests and the bench of the core share: a modelled DynamoDB, and a
//! world of virtual time in which any machine runs against it.
#![allow(dead_code, reason = "each test binary and the bench use a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and this is compiled for tests alone"
)]

pub(crate) mod apply;
pub(crate) mod checks;
pub(crate) mod model;
pub(crate) mod samples;
pub(crate) mod world;
