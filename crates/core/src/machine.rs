//! The shape of everything that runs: it is told things and says what to do next.
//!
//! In the manner of a protocol that does no I/O: the driver polls, does the
//! effect, and hands the answer back. One loop drives all machines.

use crate::call::{Call, CallError, Reply};
use crate::event::Event;
use crate::state::Serial;
use crate::time::Timestamp;

/// Names one call of a run, so that answers may come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// The state at one instant, ready to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Which save it is; +1 each.
    pub serial: Serial,
    /// The whole state file.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({:?}, {} bytes)", self.serial, self.bytes.len())
    }
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make this durable, then say so with [`Machine::on_saved`].
    Save(Snapshot),
    /// Ask DynamoDB, then hand the answer to [`Machine::on_reply`].
    Call(CallId, Call),
    /// Tell whoever watches.
    Notify(Event),
}

/// A decision maker without I/O.
pub trait Machine {
    /// The next thing to do, if there is one now. Call until `None`.
    fn poll(&mut self, now: Timestamp) -> Option<Effect>;
    /// When to poll again if nothing else happens before.
    fn wake_at(&self) -> Option<Timestamp>;
    /// The answer to a call. Each call is answered exactly once, or never where
    /// the run ends first.
    fn on_reply(&mut self, now: Timestamp, id: CallId, reply: Result<Reply, CallError>);
    /// Whether a save became durable; the error is for people.
    fn on_saved(&mut self, now: Timestamp, serial: Serial, result: Result<(), String>);
    /// Start nothing new and come to an end.
    fn on_stop(&mut self, now: Timestamp);
    /// Nothing is left to do.
    fn is_over(&self) -> bool;
}
