//! What is on its way, and what may happen to it there.

use std::io;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect, Reply};
use gsictl_core::machine::{CallId, Snapshot};
use gsictl_core::name::TableName;
use gsictl_core::time::Timestamp;

use crate::model::{Maker, Model};

/// What happens to a call on its way.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// It arrives, and is answered.
    #[default]
    None,
    /// Not applied; this is the answer.
    Refuse(CallError),
    /// The same, answered this much later.
    RefuseLate(CallError, Duration),
    /// Applied, and yet this is the answer.
    LoseAfter(CallError),
    /// Applied, but this much later.
    Slow(Duration),
    /// Applied at once, but answered this much later.
    Late(Duration),
    /// Applied this much later, when this answer has long been given.
    TimeOut(CallError, Duration),
    /// Applied, and never answered.
    Silence,
    /// It arrives twice, and the answer is the second one's.
    Twice,
    /// Answered as if it were applied; it is not.
    NotKept,
    /// Applied; the description in the answer is not what was asked for.
    Garbled(Garbled),
}

/// What is wrong with the description in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbled {
    /// It is that of another table.
    OtherTable,
    /// An index stands in it twice, the second time with other keys.
    ListedTwice,
    /// It has no `TableId`. That is an answer all the same.
    NoTableId,
}

impl Garbled {
    /// Spoils `reply`, which answers a call about `asked`.
    pub(super) fn spoil(self, reply: &mut Reply, asked: &TableName, model: &Model, now: Timestamp) {
        let Reply::Table(table) = reply else { return };
        match self {
            Self::OtherTable => match model.describe_another(now, asked) {
                Some(other) => **table = other,
                None => table.name = TableName::new(&format!("{asked}-other")).unwrap(),
            },
            Self::ListedTwice => {
                if let Some(mut again) = table.indexes.last().cloned() {
                    again.key_schema.truncate(1);
                    table.indexes.push(again);
                }
            }
            Self::NoTableId => table.table_id = None,
        }
    }
}

/// Holds an answer against what was asked, as whoever makes the calls has to.
///
/// # Errors
/// What cannot be made use of is no answer.
pub fn held(call: &Call, reply: Reply) -> Result<Reply, CallError> {
    let Reply::Table(table) = &reply else { return Ok(reply) };
    let twice = |n: usize| table.indexes[n + 1..].iter().any(|i| i.name == table.indexes[n].name);
    let problem = if table.name != *call.table() {
        format!("it is about table {}", table.name)
    } else if (0..table.indexes.len()).any(twice) {
        "it lists an index twice".to_owned()
    } else {
        return Ok(reply);
    };
    let effect = if call.is_mutating() { Effect::Unknown } else { Effect::NotApplied };
    Err(CallError::unreadable(effect, problem))
}

/// What happens to a save.
#[derive(Clone, Copy, Debug, Default)]
pub enum SaveFault {
    /// It becomes durable.
    #[default]
    None,
    /// Its first step fails: not durable, and said so.
    Fail(io::ErrorKind),
    /// Its last step fails: durable perhaps, and yet said to have failed.
    FailAfter,
    /// Durable so much later.
    Slow(Duration),
    /// The machine goes down before this step of it, from 0.
    Crash(usize),
}

/// The steps of a save on the disk.
pub const SAVE_STEPS: usize = 4;

/// A call as it was handed out.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub call: Call,
}

/// Whose call it is: the run, its number there, and who made what it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) run: u64,
    pub(super) id: CallId,
    pub(super) maker: Maker,
}

/// On its way to the model, the disk or the machine.
pub(super) enum Packet {
    Arrive(Sender, Call, Fault),
    Reply(Sender, Call, Result<Reply, CallError>),
    Save(u64, Snapshot, SaveFault),
    Saved(u64, Snapshot, Result<(), String>),
}

impl Packet {
    /// The run that it comes from or goes to.
    pub(super) fn run(&self) -> u64 {
        match self {
            Self::Arrive(sender, ..) | Self::Reply(sender, ..) => sender.run,
            Self::Save(run, ..) | Self::Saved(run, ..) => *run,
        }
    }
}

/// A call in a line of the trace.
pub(super) fn named(call: &Call) -> String {
    match call {
        Call::CreateIndex(create) => format!("create {}.{}", create.table, create.index),
        Call::DeleteIndex { table, index } => format!("delete {table}.{index}"),
        Call::DescribeReplica { table, region } => format!("DescribeTable {table} in {region}"),
        other => format!("{} {}", other.operation(), other.table()),
    }
}

/// An answer in a line of the trace.
pub(super) fn shown(result: &Result<Reply, CallError>) -> String {
    match result {
        Ok(Reply::Table(table)) => {
            let indexes = table.indexes.iter().map(|i| {
                let backfilling = if i.backfilling { " backfilling" } else { "" };
                format!("{} {}{backfilling}", i.name, i.status)
            });
            format!("{} {}: {}", table.name, table.status, indexes.collect::<Vec<_>>().join(", "))
        }
        Ok(Reply::Page(page)) => format!("{} items", page.items.len()),
        Ok(Reply::Json(json)) => format!("{} bytes", json.len()),
        Ok(Reply::Scaling(regions)) => format!("the scaling of {} regions", regions.len()),
        Ok(Reply::Done) => "done".to_owned(),
        Err(error) => format!("{:?} {error}", error.effect),
    }
}
