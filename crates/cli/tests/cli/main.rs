//! What people see: the built program, run from end to end.
//!
//! `GSICTL_REQUIRE_ENGINES=1` makes a missing DynamoDB Local a failure.
//! `cargo test -p gsictl -- --ignored` runs what takes minutes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says where; what is skipped is said"
)]

#[path = "../../../driver/tests/support/dynamodb_local.rs"]
mod dynamodb_local;
#[path = "../../../driver/tests/support/http.rs"]
mod http;

mod apply;
mod contact;
mod definitions;
mod demo;
mod lock;
mod proxy;
mod service;
mod state;
mod words;
mod world;
