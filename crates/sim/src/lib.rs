//! A modelled DynamoDB in virtual time, and the simulator that runs gsictl in it.
//!
//! Everything is drawn from a seed and repeats from it. What breaks an invariant
//! panics; the simulator catches it and says how to see it again.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "only tests and the simulator run this: a panic is how they fail"
)]

pub mod attempt;
pub mod bugs;
pub mod checks;
pub mod coverage;
pub mod faults;
pub mod history;
pub mod ledger;
pub mod model;
pub mod process;
pub mod scenario;
pub mod world;
