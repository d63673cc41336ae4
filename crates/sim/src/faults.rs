//! What goes wrong with single calls: one table of kinds, each drawn for itself.

use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect, ErrorKind};

use crate::model::{Lasting, RATE, conflict, no_reason, refusal};
use crate::world::{Fault, Garbled};

/// What may happen to a call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ThrottlingException.
    Throttled,
    /// 500, and nothing was applied.
    ServerBefore,
    /// 500, and it was applied.
    ServerAfter,
    /// No connection: certainly not applied.
    NotConnected,
    /// The connection broke before it was applied, and nobody can know.
    LostBefore,
    /// The connection broke after it was applied, or within the answer.
    LostAfter,
    /// No answer in time, and it is applied late.
    TimedOut,
    /// It arrives late.
    Slow,
    /// Its answer comes late, behind the answers of later calls.
    Late,
    /// ExpiredTokenException, this once.
    Expired,
    /// The description is that of another table.
    OtherTable,
    /// The description lists an index twice.
    ListedTwice,
    /// The description has no TableId.
    NoTableId,
    /// Refused although the table is ACTIVE (changes alone, from here on).
    Busy,
    /// "Index is being created", though it is not.
    IndexBusy,
    /// The table's one slot is taken by what no description shows.
    Slot,
    /// The account's limit.
    Account,
    /// The table's quota.
    Quota,
    /// Attribute definitions conflict, though they do not.
    Attributes,
    /// "Already exists", though it does not.
    Exists,
    /// Another ValidationException.
    Invalid,
    /// AccessDeniedException.
    Denied,
    /// ResourceNotFoundException.
    NotFound,
    /// The network delivers it twice, and the second is answered.
    Twice,
    /// It is acknowledged, and nothing comes of it.
    NotKept,
    /// The account's limiter of changes.
    Rate,
    /// In use, and nothing else is said.
    NoReason,
    /// "Index is being updated", though none is.
    Updating,
    /// A capacity is above a maximum.
    Capacity,
    /// A LimitExceededException of a text that nobody has seen.
    UnknownLimit,
    /// Capacity was decreased too often today.
    Decreases,
}

/// Four decreases a day are free.
const DECREASES: &str = "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds.";

use Kind as K;

/// Every kind.
pub const FAULTS: [Kind; 31] = [
    K::Throttled,
    K::ServerBefore,
    K::ServerAfter,
    K::NotConnected,
    K::LostBefore,
    K::LostAfter,
    K::TimedOut,
    K::Slow,
    K::Late,
    K::Expired,
    K::OtherTable,
    K::ListedTwice,
    K::NoTableId,
    K::Busy,
    K::IndexBusy,
    K::Slot,
    K::Account,
    K::Quota,
    K::Attributes,
    K::Exists,
    K::Invalid,
    K::Denied,
    K::NotFound,
    K::Twice,
    K::NotKept,
    K::Rate,
    K::NoReason,
    K::Updating,
    K::Capacity,
    K::UnknownLimit,
    K::Decreases,
];

/// How often each of [`FAULTS`] happens, in thousandths of the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rates(pub [u32; FAULTS.len()]);

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let some = FAULTS.iter().zip(self.0).filter(|(_, rate)| *rate > 0);
        f.debug_map().entries(some).finish()
    }
}

impl Rates {
    /// It does not happen.
    pub fn silence(&mut self, kind: Kind) {
        let of = FAULTS.iter().zip(&mut self.0).filter(|(of, _)| **of == kind);
        of.for_each(|(_, rate)| *rate = 0);
    }

    /// What happens to the `nth` call of its operation on its table. It depends
    /// on nothing else, so that leaving out a part leaves the rest as it was.
    #[must_use]
    pub fn draw(&self, seed: u64, call: &Call, nth: usize) -> Option<(Kind, fastrand::Rng)> {
        let mut random = fastrand::Rng::with_seed(mix(seed, call, nth));
        let mutating = call.is_mutating();
        let mut drawn = None;
        for (kind, rate) in FAULTS.iter().zip(self.0) {
            let hit = random.u32(0..1_000) < rate;
            let fits = mutating || !kind.is_for_changes();
            if hit && fits && drawn.is_none() {
                drawn = Some(*kind);
            }
        }
        drawn.map(|kind| (kind, random))
    }
}

/// FNV-1a over what names a call.
fn mix(seed: u64, call: &Call, nth: usize) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(nth.to_le_bytes());
    let names = call.operation().bytes().chain(call.table().as_str().bytes());
    bytes.chain(names).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Kind {
    fn is_for_changes(self) -> bool {
        let first = FAULTS.iter().position(|kind| *kind == K::Busy);
        FAULTS.iter().position(|kind| *kind == self) >= first
    }

    /// The fault itself.
    #[must_use]
    pub fn fault(self, random: &mut fastrand::Rng) -> Fault {
        let mut late = || Duration::from_millis(random.u64(1..20_000));
        let server =
            || CallError::from_service("InternalServerError", "Internal server error", Some(500));
        let denied = "User is not authorized to perform: dynamodb:UpdateTable";
        match self {
            K::Throttled => Fault::Refuse(refusal("ThrottlingException", "Rate exceeded")),
            K::ServerBefore => Fault::Refuse(server()),
            K::ServerAfter => Fault::LoseAfter(server()),
            K::NotConnected => Fault::Refuse(connection(Effect::NotApplied)),
            K::LostBefore => Fault::Refuse(connection(Effect::Unknown)),
            K::LostAfter => Fault::LoseAfter(connection(Effect::Unknown)),
            K::TimedOut => Fault::TimeOut(timed_out(), late()),
            K::Slow => Fault::Slow(late()),
            K::Late => Fault::Late(late()),
            K::Expired => Fault::Refuse(expired()),
            K::Busy => Fault::Refuse(refusal("ResourceInUseException", "Table is being updated")),
            K::IndexBusy => {
                Fault::Refuse(refusal("ResourceInUseException", "Index is being created."))
            }
            K::Slot => Fault::Refuse(refusal("LimitExceededException", crate::model::ONE_INDEX)),
            K::Account => Fault::Refuse(refusal(
                "LimitExceededException",
                "Subscriber limit exceeded: Only 5 tables can be created, updated, or deleted simultaneously",
            )),
            K::Quota => Fault::Refuse(refusal(
                "LimitExceededException",
                "Number of global secondary indexes exceeds per-table limit",
            )),
            K::Attributes => Fault::Refuse(conflict()),
            K::Exists => Fault::Refuse(refusal(
                "ValidationException",
                "Attempting to create an index which already exists",
            )),
            K::Invalid => {
                Fault::Refuse(refusal("ValidationException", "1 validation error detected"))
            }
            K::Denied => Fault::Refuse(refusal("AccessDeniedException", denied)),
            K::NotFound => Fault::Refuse(crate::model::no_table()),
            K::Twice => Fault::Twice,
            K::NotKept => Fault::NotKept,
            K::Rate => Fault::Refuse(refusal("ThrottlingException", RATE)),
            K::NoReason => Fault::Refuse(no_reason()),
            K::Updating => Fault::Refuse(refusal(
                "ResourceInUseException",
                "Attempt to change a resource which is still in use: Index is being updated: I",
            )),
            K::Capacity => Fault::Refuse(Lasting::IndexMaximum.refusal()),
            K::UnknownLimit => Fault::Refuse(Lasting::Unknown.refusal()),
            K::Decreases => Fault::Refuse(refusal("LimitExceededException", DECREASES)),
            K::OtherTable => Fault::Garbled(Garbled::OtherTable),
            K::ListedTwice => Fault::Garbled(Garbled::ListedTwice),
            K::NoTableId => Fault::Garbled(Garbled::NoTableId),
        }
    }
}

/// A broken connection.
#[must_use]
pub fn connection(effect: Effect) -> CallError {
    CallError {
        kind: ErrorKind::Connection,
        effect,
        code: "ConnectionFailed".to_owned(),
        message: "connection reset by peer".to_owned(),
    }
}

fn timed_out() -> CallError {
    CallError {
        kind: ErrorKind::Timeout,
        effect: Effect::Unknown,
        code: "TimedOut".to_owned(),
        message: "no answer in time".to_owned(),
    }
}

/// Credentials that ran out.
#[must_use]
pub fn expired() -> CallError {
    let text = "The security token included in the request is expired";
    refusal("ExpiredTokenException", text)
}
