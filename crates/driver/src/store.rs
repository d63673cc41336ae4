//! Where the state lives between runs: one file a state directory, one run at a
//! time, and after a crash at any moment the old bytes or the new ones (docs/state-file.md).
//!
//! [`file::FileStore`] has the rules, over a [`disk::Disk`]: a directory of this
//! machine, or [`memory::MemoryDisk`], which can crash between any two steps.

#[cfg(test)]
pub(crate) mod conformance;
pub mod disk;
pub mod file;
pub mod memory;

use std::fmt;
use std::io;
use std::path::PathBuf;

use gsictl_core::time::Timestamp;

pub use self::disk::Directory;
pub use self::file::FileStore;
pub use self::memory::{MemoryDisk, MemoryStore};

/// The state file; the seeds' name.
pub const STATE_FILE: &str = ".gsi_creation_state.json";
/// The file whose lock means that a run is going on. It is never removed.
pub const LOCK_FILE: &str = ".gsi_creation_state.lock";
/// The same for a check that keeps its place.
pub const CHECK_LOCK_FILE: &str = ".gsi_check.lock";
/// Where an interrupted check stands; `gsictl check --resume` goes on from there.
pub const CURSOR_FILE: &str = ".gsi_check.json";
/// The most that is read, and so the most that is written. Ten thousand indexes, each
/// with twenty attempts that failed with the messages DynamoDB has, take some 50 MB.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The same of the place of a check: a thousand indexes with all of their hot keys.
pub const MAX_CURSOR_BYTES: u64 = 2 * MAX_BYTES;

/// Keeps the bytes of a state. Calls block, on a disk's time.
///
/// Reading needs no lock. What changes anything needs one, and is refused where
/// the state is no longer what this store last read or wrote.
pub trait StateStore: Send {
    /// Takes the state for `holder` alone, until [`StateStore::unlock`], the
    /// store's end, or the end of the process, however it comes. Removes what a
    /// crash left behind half written.
    ///
    /// # Errors
    /// [`LockError::Held`] at once where another run has it.
    fn lock(&mut self, holder: &Holder) -> Result<(), LockError>;

    /// Lets the next run in. Without a lock it does nothing.
    fn unlock(&mut self);

    /// The bytes of the newest save, `None` where there is no state.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the state in one step. Once this returns, the bytes survive a
    /// power failure; until then either the old ones or these do.
    ///
    /// # Errors
    /// [`StoreError`]. The old bytes are still the state, except that after a
    /// failure of the last step (the directory's sync) it may be the new ones.
    fn save(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Gives the state the name `name`, or one like it that is free: an archive
    /// is never written over. There is no state afterwards. Returns the place.
    ///
    /// # Errors
    /// [`StoreError`]; the state is where it was, or archived in full.
    fn archive(&mut self, name: &str) -> Result<PathBuf, StoreError>;

    /// Keeps a damaged state as `.gsi_creation_state.json.SUFFIX`, or under a
    /// name like it that is free, so that a new one can be made.
    ///
    /// # Errors
    /// As with [`StateStore::archive`].
    fn set_aside(&mut self, suffix: &str) -> Result<PathBuf, StoreError>;

    /// The names of the archives, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed.
    fn archives(&mut self) -> Result<Vec<String>, StoreError>;

    /// The bytes of an archive that [`StateStore::archives`] named.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read, or is none.
    fn load_archive(&mut self, name: &str) -> Result<Vec<u8>, StoreError>;

    /// Where the state is or would be, for people.
    fn location(&self) -> PathBuf;
}

/// Who has the lock, for the one who comes second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
    /// When it began.
    pub since: Timestamp,
    /// What it does. It stands in a file: without credentials.
    pub command: String,
}

impl Holder {
    /// This process on this machine.
    #[must_use]
    pub fn of_this_process(since: Timestamp, command: String) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::env::var("HOSTNAME"))
            .or_else(|_| std::env::var("COMPUTERNAME"));
        Self {
            pid: std::process::id(),
            host: host.map_or_else(|_| "this machine".to_owned(), |h| h.trim().to_owned()),
            since: since.whole_seconds(),
            command,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} on {} since {}: {}", self.pid, self.host, self.since, self.command)
    }
}

/// Why the state could not be locked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it; this one waits or ends (exit code 5).
    #[error("another run holds {}: {holder}", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the other run wrote of itself, in one line.
        holder: String,
    },
    /// Locks do not work there, so nothing would keep a second run out.
    #[error(
        "{} cannot be locked ({source}): keep the state on a file system with locks (--state-dir)",
        path.display()
    )]
    Unsupported {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It did not come to the lock.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What went wrong with the state's files, and who must do what about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory is not there. It is not made silently: a misspelt one
    /// would begin a second state.
    #[error(
        "there is no state directory {}: make it, or name another one with --state-dir",
        path.display()
    )]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The disk, or the user's part of it, is full.
    #[error("the disk is full: {} was not written; make room and run again", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// This user may not write there, or nobody may.
    #[error(
        "{} cannot be written ({source}): allow it, or name another directory with --state-dir",
        path.display()
    )]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody removed the state under this run. What it knows is told at its
    /// end; the next run finds the indexes in DynamoDB.
    #[error("{} was removed during this run: nothing more is written", path.display())]
    Vanished {
        /// The state file.
        path: PathBuf,
    },
    /// Somebody else wrote a state there since this store last read or wrote it.
    #[error(
        "{} was changed by another program: nothing is written over it",
        path.display()
    )]
    Replaced {
        /// The state file.
        path: PathBuf,
    },
    /// Somebody removed the lock file, so another run may have begun.
    #[error("{} was removed during this run: nothing more is written", path.display())]
    LockLost {
        /// The lock file.
        path: PathBuf,
    },
    /// The store was not locked: a mistake of the program.
    #[error("{} is changed under a lock only", path.display())]
    NotLocked {
        /// The state file.
        path: PathBuf,
    },
    /// A link, a hard link, a directory or a device has the name: it is neither
    /// followed nor written to ([`crate::file::Strange`]).
    #[error("{} is not a plain file: {source}", path.display())]
    NotAFile {
        /// What has the name.
        path: PathBuf,
        /// What it is, and what to do.
        source: io::Error,
    },
    /// More than [`MAX_BYTES`], or than [`MAX_CURSOR_BYTES`].
    #[error("{} has, or would have, more than {limit} bytes: no file of gsictl has", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most it may have.
        limit: u64,
    },
    /// A later save of the state is archived already.
    #[error(
        "{} is older than {newer}, a later save of it: move it away by hand",
        path.display()
    )]
    Superseded {
        /// The state file.
        path: PathBuf,
        /// The archive.
        newer: String,
    },
    /// There is nothing of that name.
    #[error("there is no {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A name that would leave the directory, or that is no archive's.
    #[error("{name:?} is not the name of an archived state")]
    BadName {
        /// The name.
        name: String,
    },
    /// Anything else.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
