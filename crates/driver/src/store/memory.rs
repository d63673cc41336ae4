//! A disk in memory that forgets what was not synced, for simulations and tests.
//!
//! The store on it is the real [`FileStore`]: what is tried here is the order of
//! its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::disk::{Disk, Locking, Stamp};
use super::file::FileStore;

/// The real store on a disk in memory.
pub type MemoryStore = FileStore<MemoryDisk>;

/// A directory in memory; clones are the same one, as seen by other processes.
///
/// Every [`Step`] that changes it has a number, counted from the disk's making.
/// A crash or a failure can be set for any of them, and [`MemoryDisk::restart`]
/// decides what of the unsynced survives.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    world: Arc<Mutex<World>>,
}

/// What changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file is made with its bytes, none of them safe.
    Create,
    /// The bytes of a file become safe. The name does not.
    Sync,
    /// A file gets another name.
    Rename,
    /// A name is removed.
    Remove,
    /// All names become safe.
    SyncNames,
}

/// What a crash leaves of what was not synced. A real disk keeps any mixture.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// So many of the changes of names that were not synced, oldest first.
    pub names_kept: usize,
    /// The bytes of files that were not synced.
    pub bytes: Bytes,
}

/// What becomes of bytes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// The file is empty.
    Lost,
    /// Half of them.
    Torn,
    /// All of them, by luck.
    Kept,
}

#[derive(Debug, Default)]
struct World {
    steps: Vec<Step>,
    crash_at: Option<usize>,
    failures: BTreeMap<usize, io::ErrorKind>,
    crashed: bool,
    files: BTreeMap<u64, Contents>,
    names: BTreeMap<String, u64>,
    safe_names: BTreeMap<String, u64>,
    unsynced: Vec<Change>,
    locks: BTreeMap<String, (u64, String)>,
    made: u64,
}

#[derive(Debug)]
struct Contents {
    bytes: Arc<[u8]>,
    synced: bool,
}

#[derive(Debug)]
enum Change {
    Add(String, u64),
    Rename(String, String),
    Remove(String),
}

impl Change {
    fn make(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Add(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl World {
    /// Counts a step. An error stands for a step that was not taken.
    fn step(&mut self, step: Step) -> io::Result<()> {
        self.alive()?;
        let number = self.steps.len();
        if self.crash_at == Some(number) {
            self.crashed = true;
            return self.alive();
        }
        self.steps.push(step);
        match self.failures.get(&number) {
            Some(kind) => Err((*kind).into()),
            None => Ok(()),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed {
            return Err(io::Error::other("the machine is down"));
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.make(&mut self.names);
        self.unsynced.push(change);
    }

    fn file(&self, name: &str) -> io::Result<Option<u64>> {
        self.alive()?;
        Ok(self.names.get(name).copied())
    }

    fn stamp(&self, file: u64) -> Option<Stamp> {
        let contents = self.files.get(&file)?;
        Some(Stamp {
            file: (0, file),
            len: contents.bytes.len() as u64,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(file)),
        })
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> u64 {
        self.made += 1;
        let contents = Contents { bytes: bytes.into(), synced: false };
        self.files.insert(self.made, contents);
        self.change(Change::Add(name.to_owned(), self.made));
        self.made
    }

    /// Forgets the files that no name leads to any more.
    fn tidy(&mut self) {
        let named = self.names.values().chain(self.safe_names.values());
        let named: BTreeSet<u64> = named.copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

impl MemoryDisk {
    /// A store on this disk.
    #[must_use]
    pub fn store(&self) -> MemoryStore {
        FileStore::on(self.clone())
    }

    /// The steps taken so far. The next one has their count as its number.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.world().steps.clone()
    }

    /// How many steps were taken: the number of the next one.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.world().steps.len()
    }

    /// Whether the machine went down, and was not started again.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.world().crashed
    }

    /// The machine goes down instead of taking step `number`, and every call
    /// fails until [`MemoryDisk::restart`].
    pub fn crash_at(&self, number: usize) {
        self.world().crash_at = Some(number);
    }

    /// Step `number` fails with `kind` and changes nothing.
    pub fn fail_at(&self, number: usize, kind: io::ErrorKind) {
        self.world().failures.insert(number, kind);
    }

    /// How many changes of names a crash could now undo.
    #[must_use]
    pub fn unsynced_names(&self) -> usize {
        self.world().unsynced.len()
    }

    /// Puts the machine down where it was not, and starts it again: locks are
    /// free, and of what was not synced only what `loss` leaves is there.
    pub fn restart(&self, loss: Loss) {
        let world = &mut *self.world();
        (world.crash_at, world.crashed) = (None, false);
        world.locks.clear();
        let kept = std::mem::take(&mut world.unsynced);
        for change in kept.into_iter().take(loss.names_kept) {
            change.make(&mut world.safe_names);
        }
        world.names = world.safe_names.clone();
        for contents in world.files.values_mut().filter(|c| !c.synced) {
            let kept = match loss.bytes {
                Bytes::Lost => 0,
                Bytes::Torn => contents.bytes.len() / 2,
                Bytes::Kept => contents.bytes.len(),
            };
            contents.bytes = contents.bytes[..kept].into();
            contents.synced = true;
        }
        world.tidy();
    }

    /// Frees the locks, as the end of a process does. Nothing else is lost.
    pub fn kill_process(&self) {
        self.world().locks.clear();
    }

    /// Puts `bytes` under `name` as another program would, all of it safe;
    /// `None` removes it.
    pub fn tamper(&self, name: &str, bytes: Option<&[u8]>) {
        let world = &mut *self.world();
        match bytes {
            Some(bytes) => {
                let file = world.add(name, bytes);
                world.files.entry(file).and_modify(|c| c.synced = true);
            }
            None => world.change(Change::Remove(name.to_owned())),
        }
        world.safe_names = world.names.clone();
        world.unsynced.clear();
        world.tidy();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    type File = u64;
    type Lock = MemoryLock;

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("memory").join(name)
    }

    fn try_lock(&self, name: &str, text: &str) -> io::Result<Locking<MemoryLock>> {
        let world = &mut *self.world();
        world.alive()?;
        if let Some((_, text)) = world.locks.get(name) {
            return Ok(Locking::Held(text.clone()));
        }
        world.made += 1;
        let held = (world.made, text.to_owned());
        world.locks.insert(name.to_owned(), held);
        Ok(Locking::Taken(MemoryLock { disk: self.clone(), token: world.made }))
    }

    fn holds(&self, lock: &MemoryLock, name: &str) -> io::Result<bool> {
        let world = self.world();
        world.alive()?;
        let held = world.locks.get(name);
        Ok(held.is_some_and(|(token, _)| *token == lock.token))
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        let world = self.world();
        Ok(world.file(name)?.and_then(|file| world.stamp(file)))
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        let world = self.world();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(world.file(name)?.and_then(|file| {
            let bytes = &world.files.get(&file)?.bytes;
            let end = bytes.len().min(limit.saturating_add(1));
            Some((bytes[..end].to_vec(), world.stamp(file)?))
        }))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<u64> {
        let world = &mut *self.world();
        world.step(Step::Create)?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(world.add(name, bytes))
    }

    fn sync(&self, file: &u64) -> io::Result<Stamp> {
        let world = &mut *self.world();
        world.step(Step::Sync)?;
        world.files.entry(*file).and_modify(|c| c.synced = true);
        world.stamp(*file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let world = &mut *self.world();
        world.step(Step::Rename)?;
        if !world.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let world = &mut *self.world();
        world.step(Step::Remove)?;
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let world = &mut *self.world();
        world.step(Step::SyncNames)?;
        world.safe_names = world.names.clone();
        world.unsynced.clear();
        world.tidy();
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let world = self.world();
        world.alive()?;
        Ok(world.names.keys().cloned().collect())
    }
}

/// A lock in memory.
#[derive(Debug)]
pub struct MemoryLock {
    disk: MemoryDisk,
    token: u64,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let token = self.token;
        self.disk.world().locks.retain(|_, (t, _)| *t != token);
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{Place, conforms, holder};
    use super::super::{LOCK_FILE, STATE_FILE, StateStore, StoreError};
    use super::*;

    impl Place for MemoryDisk {
        type Store = MemoryStore;

        fn open(&self) -> MemoryStore {
            self.store()
        }

        fn remove_state(&self) {
            self.tamper(STATE_FILE, None);
        }

        fn replace_state(&self, bytes: &[u8]) {
            self.tamper(STATE_FILE, Some(bytes));
        }

        fn remove_lock(&self) {
            self.world().locks.remove(LOCK_FILE);
        }
    }

    const NAME: &str = ".gsi_creation_state_20260201_103000.json";

    fn locked(disk: &MemoryDisk) -> MemoryStore {
        let mut store = disk.store();
        store.lock(&holder("gsictl apply")).unwrap();
        store.load().unwrap();
        store
    }

    fn losses(disk: &MemoryDisk) -> impl Iterator<Item = Loss> + use<> {
        (0..=disk.unsynced_names()).flat_map(|names_kept| {
            [Bytes::Lost, Bytes::Torn, Bytes::Kept]
                .into_iter()
                .map(move |bytes| Loss { names_kept, bytes })
        })
    }

    #[test]
    fn the_store_in_memory_conforms() {
        conforms(MemoryDisk::default);
    }

    #[test]
    fn a_save_takes_its_four_steps_in_order() {
        let disk = MemoryDisk::default();
        locked(&disk).save(b"old").unwrap();
        let order = [Step::Create, Step::Sync, Step::Rename, Step::SyncNames];
        assert_eq!(disk.steps(), order);
    }

    /// Runs `act` on a disk with a saved state, once for every step at which it
    /// can crash and every loss that this can mean.
    fn every_crash(act: impl Fn(&mut MemoryStore) -> bool, check: impl Fn(&MemoryDisk, bool)) {
        for step in 0..=4 {
            for n in 0.. {
                let disk = MemoryDisk::default();
                let mut store = locked(&disk);
                store.save(b"old bytes").unwrap();
                disk.crash_at(disk.steps().len() + step);
                let done = act(&mut store);
                let Some(loss) = losses(&disk).nth(n) else { break };
                disk.restart(loss);
                check(&disk, done);
            }
        }
    }

    #[test]
    fn after_a_crash_at_any_step_of_a_save_the_old_bytes_are_there_or_the_new() {
        every_crash(
            |store| store.save(b"new bytes").is_ok(),
            |disk, done| {
                let mut store = locked(disk);
                let bytes = store.load().unwrap().unwrap();
                assert!(bytes == b"new bytes" || (bytes == b"old bytes" && !done));
                store.save(b"later bytes").unwrap();
                assert_eq!(disk.names().unwrap(), [STATE_FILE], "nothing is left over");
            },
        );
    }

    #[test]
    fn after_a_crash_at_any_step_of_archiving_the_state_is_there_under_one_name() {
        every_crash(
            |store| store.archive(NAME).is_ok(),
            |disk, done| {
                let mut store = locked(disk);
                let names = disk.names().unwrap();
                assert!(names == [NAME] || (names == [STATE_FILE] && !done));
                let archived = store.load_archive(NAME).ok();
                let kept = store.load().unwrap().or(archived);
                assert_eq!(kept.as_deref(), Some(&b"old bytes"[..]));
            },
        );
    }

    #[test]
    fn without_the_syncs_a_crash_would_tear_the_state() {
        let disk = MemoryDisk::default();
        disk.create("temporary", b"bytes").unwrap();
        disk.rename("temporary", STATE_FILE).unwrap();
        let (names_kept, bytes) = (2, Bytes::Torn);
        disk.restart(Loss { names_kept, bytes });
        assert_eq!(disk.store().load().unwrap().as_deref(), Some(&b"by"[..]));
    }

    #[test]
    fn a_step_that_fails_is_told_and_the_next_save_goes_on() {
        let kinds = [
            (io::ErrorKind::StorageFull, "the disk is full"),
            (io::ErrorKind::QuotaExceeded, "the disk is full"),
            (io::ErrorKind::ReadOnlyFilesystem, "cannot be written"),
            (io::ErrorKind::PermissionDenied, "cannot be written"),
            (io::ErrorKind::BrokenPipe, "cannot "),
        ];
        for (kind, text) in kinds {
            for step in 0..4 {
                let disk = MemoryDisk::default();
                let mut store = locked(&disk);
                store.save(b"old bytes").unwrap();
                disk.fail_at(disk.steps().len() + step, kind);
                let error = store.save(b"new bytes").unwrap_err().to_string();
                assert!(error.contains(text), "{error}");
                let there = disk.store().load().unwrap().unwrap();
                let new = if step == 3 { b"new bytes" } else { b"old bytes" };
                assert_eq!(there, new, "only the last step comes after the rename");
                assert_eq!(disk.names().unwrap(), [STATE_FILE]);
                store.save(b"later bytes").unwrap();
            }
        }
    }

    #[test]
    fn a_disk_that_is_full_for_good_keeps_the_old_state() {
        let disk = MemoryDisk::default();
        let mut store = locked(&disk);
        store.save(b"old bytes").unwrap();
        for step in 4..20 {
            disk.fail_at(step, io::ErrorKind::StorageFull);
        }
        for _ in 0..5 {
            let error = store.save(b"new bytes").unwrap_err();
            assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        }
        let kept = disk.store().load().unwrap();
        assert_eq!(kept.as_deref(), Some(&b"old bytes"[..]));
    }

    #[test]
    fn a_killed_process_leaves_the_lock_and_what_it_wrote() {
        let disk = MemoryDisk::default();
        let mut killed = locked(&disk);
        killed.save(b"bytes").unwrap();
        disk.kill_process();
        let mut next = locked(&disk);
        drop(killed);
        next.save(b"next").unwrap();
    }
}
