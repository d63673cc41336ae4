//! What people see: the built program, run from end to end.
//!
//! `GSICTL_REQUIRE_ENGINES=1` makes a missing DynamoDB Local a failure.
//! `cargo test -p gsictl -- --ignored` runs what takes minutes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says where; what is skipped is said"
)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the other test program uses the rest")]
mod support;

mod answers;
mod apply;
mod bounds;
mod check;
mod contact;
mod definitions;
mod demo;
mod export;
mod files;
mod held_back;
mod hostile;
mod live;
mod lock;
mod names;
mod paste;
mod place;
mod plan;
mod report;
mod rollback;
mod service;
mod signals;
mod state;
mod validate;
mod ways;
mod words;

use support::{http, skipped, world};
