//! Every decision gsictl takes, as plain synchronous values and functions.
//!
//! Nothing here reads a clock, opens a file, calls DynamoDB or prints. The
//! caller (`gsictl-driver`) hands in times and answers, and carries out what it
//! is told. A whole run is therefore a function of its inputs and can be
//! replayed, simulated and tested in virtual time.

mod answer;
pub mod apply;
mod attribute;
pub mod call;
pub mod catalog;
pub mod check;
pub mod classify;
pub mod definition;
#[cfg(test)]
mod drawn;
pub mod encoding;
pub mod endpoint;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod identity;
pub mod index_key;
pub mod json;
pub mod look;
pub mod machine;
pub mod name;
pub mod plan;
pub mod polling;
pub mod probe;
pub mod profile;
pub mod region;
mod reminder;
pub mod report;
pub mod retry;
pub mod rollback;
pub mod setting;
pub mod shell;
pub mod state;
pub mod succession;
pub mod survey;
pub mod text;
pub mod time;
pub mod watch;
