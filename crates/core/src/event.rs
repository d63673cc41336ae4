//! What happened, in the past tense: the one stream that every view consumes.

use std::time::Duration;

use crate::check::Violation;
use crate::look::Missing;
use crate::name::{IndexId, IndexName, TableName};
use crate::state::Status;

/// Why an index waits although nothing is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queue {
    /// The table is being changed.
    TableBusy,
    /// Another index of the table is being built or deleted.
    OtherIndex(Option<IndexName>),
    /// The throughput of an index of the table is being changed.
    IndexUpdating(IndexName),
    /// A replica of the global table is being made, changed or removed.
    Replica {
        /// Its region.
        region: String,
        /// `ReplicaStatus` in AWS's words.
        status: String,
    },
    /// DynamoDB refuses the change, and no description shows what for.
    LooksIdle {
        /// It is tried again after so long.
        wait: Duration,
    },
    /// Throughput may be lowered once an hour.
    Decreases {
        /// It is tried again after so long.
        wait: Duration,
    },
    /// As many builds are under way as the account takes; ours are so many.
    AccountLimit {
        /// Builds of this run under way.
        building: usize,
    },
    /// The account is full of other people's operations.
    AccountHeld {
        /// Nothing is started for so long.
        wait: Duration,
    },
}

/// One failed attempt to create (or delete) an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFailure {
    /// From 1, in this run.
    pub attempt: u32,
    /// How many this run may make.
    pub max_attempts: u32,
    /// AWS's error code.
    pub code: String,
    /// Code and message.
    pub message: String,
    /// What is done about it.
    pub strategy: &'static str,
    /// When it is tried again; `None` where it is not.
    pub delay: Option<Duration>,
}

/// How far the check of a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// The table.
    pub table: TableName,
    /// Items that were read, by earlier runs of the check too.
    pub items: u64,
    /// Items that there are to read, as far as DynamoDB knows.
    pub expected: Option<u64>,
    /// Items a second, in this run.
    pub rate: u64,
    /// Violating items, counted once an index.
    pub violating: u64,
    /// Segments that were read to their end.
    pub segments_done: usize,
    /// Segments that are to be read.
    pub segments: usize,
    /// Segments that are read side by side.
    pub at_once: usize,
    /// How long it will take, as far as that is known.
    pub remaining: Option<Duration>,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The index was active before the run looked.
    AlreadyActive(IndexId),
    /// The index was found being built, by an earlier run or by somebody else.
    Adopted {
        /// Which.
        id: IndexId,
        /// Its phase.
        backfilling: bool,
    },
    /// A create was sent; its intent is durable.
    Creating {
        /// Which.
        id: IndexId,
        /// From 1, in this run.
        attempt: u32,
    },
    /// DynamoDB took the create, or the delete.
    Accepted(IndexId),
    /// The delete goes out.
    Deleting {
        /// Which.
        id: IndexId,
        /// From 1, in this run.
        attempt: u32,
    },
    /// The index was deleted.
    Deleted {
        /// Which.
        id: IndexId,
        /// From the call until it was seen gone.
        took: Duration,
        /// False where an earlier run called: then `took` counts from the first look of
        /// this one.
        whole: bool,
    },
    /// The index was to be deleted, and was gone already.
    Gone(IndexId),
    /// The index is left alone.
    Kept {
        /// Which.
        id: IndexId,
        /// Why.
        reason: String,
    },
    /// The build went from allocation to backfill.
    Backfilling(IndexId),
    /// The index is still being built; told at growing intervals.
    StillBuilding {
        /// Which.
        id: IndexId,
        /// The second phase, which writes its items.
        backfilling: bool,
        /// So long.
        waited: Duration,
        /// All of it takes so long, roughly, where that is more than it uses to.
        takes: Option<Duration>,
        /// What bounds it.
        cause: Option<String>,
        /// What would help.
        remedy: Option<String>,
    },
    /// The index is active.
    Activated {
        /// Which.
        id: IndexId,
        /// From the create (or the adoption) until it was seen active.
        took: Duration,
        /// False where it was being built when it was found, or began at a time that
        /// lies ahead because this machine's clock was set back: then `took` counts from
        /// the first look.
        whole: bool,
    },
    /// The state knew the index, DynamoDB does not.
    Missing {
        /// Which.
        id: IndexId,
        /// What the state said.
        was: Status,
    },
    /// No description shows the index yet, and it is waited for.
    NotShownYet {
        /// Which.
        id: IndexId,
        /// Whether a state says that it was asked for; else its table is being changed,
        /// and nobody knows what it will show.
        asked_for: bool,
    },
    /// A table is being made or changed: what it will show is waited for.
    AwaitingTable {
        /// Which.
        table: TableName,
        /// In AWS's word.
        status: String,
    },
    /// A table that is waited for can no longer be worked on.
    TableTrouble {
        /// Which.
        table: TableName,
        /// In AWS's word.
        status: String,
        /// What a person can do.
        remedy: String,
        /// Whether the wait goes on, because the table can come back.
        passes: bool,
    },
    /// That is over, and what was waited for is waited for again.
    TableBack(TableName),
    /// The index is being deleted by somebody; its turn comes afterwards.
    AwaitingDeletion(IndexId),
    /// The index waits in a queue, which costs no attempt.
    Queued {
        /// Which.
        id: IndexId,
        /// For what.
        queue: Queue,
    },
    /// DynamoDB refused a change for now, which costs no attempt. Told once for each
    /// text; what is waited for follows in [`Event::Queued`].
    Refused {
        /// Which.
        id: IndexId,
        /// AWS's code and message.
        error: String,
        /// What is done about it.
        strategy: &'static str,
    },
    /// An attempt failed.
    AttemptFailed {
        /// Which.
        id: IndexId,
        /// How.
        failure: AttemptFailure,
    },
    /// The answer was lost, and a description shows that the create was applied.
    Recovered(IndexId),
    /// Failed for good.
    Failed {
        /// Which.
        id: IndexId,
        /// All that is known.
        error: String,
        /// What a person can do.
        remedy: String,
    },
    /// Something stands in the way of the index: nothing (more) is done for it.
    Obstructed {
        /// Which.
        id: IndexId,
        /// What.
        reason: String,
    },
    /// The index failed in an earlier run and `--retry-failed` was not given.
    LeftFailed {
        /// Which.
        id: IndexId,
        /// The error then.
        error: Option<String>,
    },
    /// The activation time-out struck; the build goes on in DynamoDB.
    TimedOut {
        /// Which.
        id: IndexId,
        /// So long it was waited for.
        waited: Duration,
    },
    /// The very first call has no answer yet.
    NoAnswerYet {
        /// The table that was asked for.
        table: TableName,
        /// So long it was waited for.
        waited: Duration,
    },
    /// A look at a table failed; it never fails an index.
    LookFailed {
        /// The table.
        table: TableName,
        /// Code and message.
        error: String,
        /// The next look.
        retry_in: Duration,
    },
    /// Another region of a global table cannot be asked; told once a region. Its indexes
    /// are not taken for ready.
    RegionUnknown {
        /// The first table of which it was asked.
        table: TableName,
        /// The region.
        region: String,
        /// Why, in the words of AWS where they are from there.
        error: String,
    },
    /// Another region of a global table is not asked and not waited for, because the user
    /// said so; told once a region.
    RegionSkipped {
        /// The first table that it has a replica of.
        table: TableName,
        /// The region.
        region: String,
    },
    /// The index is ready in the region that was asked first, and not in these.
    AwaitingRegions {
        /// Which.
        id: IndexId,
        /// The regions, and how it stands there.
        missing: Vec<Missing>,
    },
    /// The index is ready in the region that was asked first, and nothing shows it being
    /// built in these. The run does not wait any longer.
    Unconfirmed {
        /// Which.
        id: IndexId,
        /// The regions, and how it stands there.
        missing: Vec<Missing>,
    },
    /// The index is gone from the region that was asked first, and these still list it.
    /// The run does not wait any longer.
    StillListed {
        /// Which.
        id: IndexId,
        /// The regions.
        regions: Vec<String>,
    },
    /// The number of builds at once was changed by what the account takes.
    ConcurrencyChanged {
        /// Now.
        limit: usize,
    },
    /// The account's limiter refused changes: from now on those of this run are spaced.
    StartsSpaced {
        /// At least so long after one another.
        every: Duration,
    },
    /// DynamoDB takes the credentials no longer; they are read again.
    CredentialsLost {
        /// Code and message.
        error: String,
    },
    /// The credentials are good again.
    CredentialsBack,
    /// The state could not be saved; no new call is made.
    SaveFailed {
        /// Why, with the way out.
        error: String,
    },
    /// A check goes on; told every second.
    Checking(Box<CheckProgress>),
    /// An item would break with an index.
    Violating(Box<Violation>),
    /// A page of a table was refused and is asked for again.
    PageRefused {
        /// The table.
        table: TableName,
        /// Whether the service asked for less speed: then it is read more slowly.
        throttled: bool,
        /// Code and message.
        error: String,
        /// Its segment waits for so long.
        retry_in: Duration,
    },
    /// A table was read to its end.
    Checked {
        /// The table.
        table: TableName,
        /// Its items.
        items: u64,
        /// Why these cannot be all of them.
        warning: Option<String>,
    },
    /// A table cannot be read, and is given up.
    NotChecked {
        /// The table.
        table: TableName,
        /// Code and message.
        error: String,
        /// What a person can do.
        remedy: String,
    },
    /// What was told so far is about to be saved as told.
    SavingCursor,
    /// A check cannot save where it stands; it goes on.
    CursorNotSaved {
        /// Why.
        error: String,
    },
    /// A stop was asked for; nothing new is started.
    Stopping,
}
