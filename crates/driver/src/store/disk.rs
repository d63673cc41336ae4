//! The few steps that a state store takes on a disk, one by one, so that a crash
//! can be tried between any two of them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::file::{self, Strange, identity, plain};

/// A flat directory of plain files, each with one name. Names have no separators;
/// links are not followed ([`strange`] tells them, and hard links too).
pub trait Disk: Send {
    /// A file that was made and can be synced.
    type File;
    /// A lock that is held until it is dropped.
    type Lock: Send;

    /// Where `name` is, for people.
    fn path(&self, name: &str) -> PathBuf;

    /// Takes the lock of the file `name`, making it where it is missing, and
    /// writes `text` into it. Never waits.
    ///
    /// # Errors
    /// What the disk says, or [`strange`].
    fn try_lock(&self, name: &str, text: &str) -> io::Result<Locking<Self::Lock>>;

    /// Whether the file `name` is still the one that was locked.
    ///
    /// # Errors
    /// What the disk says.
    fn holds(&self, lock: &Self::Lock, name: &str) -> io::Result<bool>;

    /// What tells one content of `name` from another; `None` where it is missing.
    ///
    /// # Errors
    /// What the disk says, or [`strange`].
    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>>;

    /// The bytes of `name`, at most `limit` and one more, with their stamp.
    ///
    /// # Errors
    /// What the disk says, or [`strange`].
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<(Vec<u8>, Stamp)>>;

    /// Makes `name` with `bytes`, for the user alone (mode 0600).
    ///
    /// # Errors
    /// `AlreadyExists`, or what the disk says; part of it may then be there.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<Self::File>;

    /// Returns once the bytes of `file` are safe.
    ///
    /// # Errors
    /// What the disk says. A second try would prove nothing: the file is lost.
    fn sync(&self, file: &Self::File) -> io::Result<Stamp>;

    /// Gives `from` the name `to` in one step, replacing what has it.
    ///
    /// # Errors
    /// What the disk says; both are as they were.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes `name`.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns once all names are safe.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_names(&self) -> io::Result<()>;

    /// All names.
    ///
    /// # Errors
    /// What the disk says.
    fn names(&self) -> io::Result<Vec<String>>;
}

/// What became of an attempt to lock.
#[derive(Debug)]
pub enum Locking<L> {
    /// It is ours.
    Taken(L),
    /// Somebody has it, who wrote this text.
    Held(String),
}

/// Tells a file's content from any other it had or will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode.
    pub(super) file: (u64, u64),
    pub(super) len: u64,
    pub(super) modified: Option<SystemTime>,
}

/// The error of a name that is not a plain file's.
#[must_use]
pub fn strange() -> io::Error {
    Strange::Special.into()
}

/// A directory of this machine. It is not made; that it exists shows when it is
/// first used.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn is_at(&self, file: &File, name: &str) -> io::Result<bool> {
        let there = plain(&self.path(name))?;
        let here = file.metadata()?;
        Ok(there.is_some_and(|there| identity(&there) == identity(&here)))
    }
}

/// How often a lock file may be removed between opening and locking it, or have
/// just changed hands.
const LOCK_TRIES: usize = 16;

/// The longest text of a holder that is shown.
const HOLDER_BYTES: u64 = 1024;

impl Disk for Directory {
    type File = File;
    type Lock = DirectoryLock;

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn try_lock(&self, name: &str, text: &str) -> io::Result<Locking<DirectoryLock>> {
        let path = self.path(name);
        let mut held = false;
        for _ in 0..LOCK_TRIES {
            // Nothing is emptied here that is not ours alone: the lock file is written
            // to in place, and might be a second name of anything.
            let mut file = file::open_or_create(&path)?;
            match file.try_lock() {
                Ok(()) if self.is_at(&file, name)? => {
                    rewrite(&mut file, text)?;
                    return Ok(Locking::Taken(DirectoryLock(file)));
                }
                // It was removed between opening and locking.
                Ok(()) => held = false,
                Err(TryLockError::WouldBlock) => {
                    let mut text = Vec::new();
                    // A locked file cannot be read on every system.
                    let _ = file.take(HOLDER_BYTES).read_to_end(&mut text);
                    if !text.is_empty() {
                        return Ok(Locking::Held(String::from_utf8_lossy(&text).into_owned()));
                    }
                    // It is changing hands: who has it now is about to say so.
                    held = true;
                    std::thread::yield_now();
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        if held {
            return Ok(Locking::Held(String::new()));
        }
        Err(io::Error::other("it is removed again and again"))
    }

    fn holds(&self, lock: &DirectoryLock, name: &str) -> io::Result<bool> {
        self.is_at(&lock.0, name)
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        Ok(plain(&self.path(name))?.map(|data| stamp(&data)))
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        let opened = file::open(&self.path(name), OpenOptions::new().read(true))?;
        let Some(file) = opened else { return Ok(None) };
        let data = file.metadata()?;
        let stamp = stamp(&data);
        // One byte more than it has, or reading to the end doubles the room.
        let room = usize::try_from(data.len().min(limit) + 1).unwrap_or(0);
        let mut bytes = Vec::with_capacity(room);
        file.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(Some((bytes, stamp)))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<File> {
        let mut file = file::create(&self.path(name))?;
        file.write_all(bytes)?;
        Ok(file)
    }

    fn sync(&self, file: &File) -> io::Result<Stamp> {
        file.sync_all()?;
        Ok(stamp(&file.metadata()?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        file::sync_directory(&self.path)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.path)? {
            names.extend(file?.file_name().into_string());
        }
        Ok(names)
    }
}

/// The lock of a file of this machine.
#[derive(Debug)]
pub struct DirectoryLock(File);

impl Drop for DirectoryLock {
    /// Takes the holder's text away first: whoever is told of a lock without a
    /// text knows that it has just changed hands.
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

fn rewrite(file: &mut File, text: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

fn stamp(data: &fs::Metadata) -> Stamp {
    Stamp { file: identity(data), len: data.len(), modified: data.modified().ok() }
}
