//! The engine, the survey and the watch in virtual time, against a modelled
//! DynamoDB. The world holds the invariants of ARCHITECTURE.md after every step.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and this is compiled for tests alone"
)]

mod support;

mod engine {
    mod airline;
    mod cells;
    mod ending;
    mod errors;
    mod lasting;
    mod ownership;
    mod plans;
    mod polling;
    mod probe;
    mod refusals;
    mod regions;
    mod repeat;
    mod rollback;
    mod sight;
    mod survey;
    mod unseen;
    mod waiting;
    mod watch;
}
