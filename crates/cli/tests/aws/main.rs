//! The built program on AWS's control plane as it was recorded: what goes wrong there and
//! nowhere else. `gsictl-fake` plays it, in its own time; the program's waits are real, so
//! every test asks for as little of them as it can, and none is judged by a clock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the other test programs use the rest")]
mod support;

mod access;
mod limits;
mod on_aws;
mod place;
mod queues;
mod regions;
mod restarts;
mod throughput;
mod waits;

use on_aws::{HOME, OTHER, OnAws, aws, entry, entry_of, global, quick, table};
use support::{skipped, world};
