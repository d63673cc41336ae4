//! One state directory and the machine that works on it: all that belongs to one
//! process after another, and to nobody else in the world.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::Call;
use gsictl_core::event::Event;
use gsictl_core::state::Serial;
use gsictl_core::time::Timestamp;
use gsictl_driver::store::{Holder, MemoryDisk, STATE_FILE, StateStore, StoreError};

use super::wire::{Fault, SaveFault, Sent};
use super::{KILLED, Loss};
use crate::checks::Checks;

/// Asked for every call, with the time and which call of that operation on that
/// table it is, from 1.
pub type CallFaults = Box<dyn FnMut(&Call, Timestamp, usize) -> Fault>;
/// Asked for every save, with its number in the world, from 1, and the time.
pub type SaveFaults = Box<dyn FnMut(usize, Timestamp) -> SaveFault>;

/// A state directory, its machine, and what happens to both.
pub struct Site {
    /// Which one, in a trace.
    pub name: &'static str,
    /// How far its clock is ahead of the true time, in milliseconds.
    pub skew: i64,
    /// There and back.
    pub call_latency: Duration,
    /// From the order to save until the word that it is durable.
    pub save_latency: Duration,
    /// What happens to calls.
    pub faults: CallFaults,
    /// Asked for every save, with its number in the world, from 1, and the time.
    pub save_faults: SaveFaults,
    /// The machine is told to stop then.
    pub stop_at: Option<Timestamp>,
    /// The machine is dropped when the site has seen so many steps (calls and
    /// saves handed out, answers handed in).
    pub crash_after: Option<usize>,
    /// Whether a save that is under way when the process dies is still made.
    pub crash_keeps_saves: bool,
    /// What a crash leaves of what was not synced.
    pub loss: Loss,
    /// Calls that were handed out.
    pub calls: Vec<Sent>,
    /// What machines told.
    pub events: Vec<(Timestamp, Event)>,
    /// The serial of every save that was handed out.
    pub saves: Vec<(Timestamp, Serial)>,
    /// What is held after every step.
    pub checks: Option<Checks>,
    /// Steps that machines have taken here.
    pub steps: usize,
    /// Whether answers are held against what was asked before a machine has them.
    pub holds_answers: bool,
    /// Runs of the program here.
    pub runs: u64,
    /// Those that were killed, or whose machine went down.
    pub crashes: u64,
    pub(super) disk: MemoryDisk,
    pub(super) store: Option<Box<dyn StateStore>>,
    pub(super) counts: BTreeMap<(&'static str, String), usize>,
    /// The run that answers are for.
    pub(super) run: u64,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            name: "",
            skew: 0,
            call_latency: Duration::from_millis(40),
            save_latency: Duration::from_millis(12),
            faults: Box::new(|_, _, _| Fault::None),
            save_faults: Box::new(|_, _| SaveFault::None),
            stop_at: None,
            crash_after: None,
            crash_keeps_saves: false,
            loss: KILLED,
            calls: Vec::new(),
            events: Vec::new(),
            saves: Vec::new(),
            checks: Some(Checks::default()),
            steps: 0,
            holds_answers: true,
            runs: 0,
            crashes: 0,
            disk: MemoryDisk::default(),
            store: None,
            counts: BTreeMap::new(),
            run: 0,
        }
    }
}

/// A copy of every file of a directory.
#[derive(Clone, Debug, Default)]
pub struct Backup(Vec<(String, Vec<u8>)>);

impl Site {
    /// One that is called so in a trace.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// The bytes of the state file.
    ///
    /// # Panics
    /// Where it cannot be read.
    #[must_use]
    pub fn durable(&self) -> Option<Vec<u8>> {
        self.disk.store().load().expect("the disk can be read")
    }

    /// Puts a state file on the disk, or removes it.
    pub(super) fn put_state(&mut self, bytes: Option<&[u8]>) {
        self.disk.tamper(STATE_FILE, bytes);
        if let Some(checks) = &mut self.checks {
            checks.forget_disk();
        }
    }

    /// The directory of the state.
    #[must_use]
    pub fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    /// A process takes the state for itself, and reads it.
    ///
    /// # Panics
    /// Where another process has it.
    pub(super) fn open_at(
        &mut self,
        since: Timestamp,
        mut store: Box<dyn StateStore>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let command = "gsictl apply".to_owned();
        let holder = Holder { pid: 1, host: "world".to_owned(), since, command };
        store.lock(&holder).expect("one process at a time");
        let loaded = store.load()?;
        self.store = Some(store);
        Ok(loaded)
    }

    /// The bytes of every archive, in the order of their names.
    ///
    /// # Panics
    /// Where one cannot be read.
    #[must_use]
    pub fn archives(&self) -> Vec<Vec<u8>> {
        let mut store = self.disk.store();
        let names = store.archives().expect("the disk can be read");
        let bytes = names.iter().map(|n| store.load_archive(n).expect("an archive can be read"));
        bytes.collect()
    }

    /// The store of the process that runs.
    pub fn store(&mut self) -> Option<&mut dyn StateStore> {
        self.store.as_deref_mut().map(|store| store as &mut dyn StateStore)
    }

    /// The process ends. Its store, for what it does last.
    pub fn close(&mut self) -> Option<Box<dyn StateStore>> {
        self.store.take()
    }

    /// Somebody copies the directory.
    #[must_use]
    pub fn back_up(&self) -> Backup {
        let (mut store, state) = (self.disk.store(), self.durable());
        let state = state.map(|bytes| (STATE_FILE.to_owned(), bytes));
        let names = store.archives().expect("the disk can be read").into_iter();
        let read = |name: String| {
            let bytes = store.load_archive(&name).expect("an archive can be read");
            (name, bytes)
        };
        Backup(names.map(read).chain(state).collect())
    }

    /// Somebody puts a copy back: the state file alone, beside the archives that
    /// are there, or all of the directory as it was.
    ///
    /// # Panics
    /// Where the directory cannot be read.
    pub fn restore(&mut self, backup: &Backup, whole: bool) {
        let archives = self.disk.store().archives().expect("the disk can be read");
        for name in archives.iter().filter(|_| whole) {
            self.disk.tamper(name, None);
        }
        self.put_state(None);
        for (name, bytes) in backup.0.iter().filter(|(name, _)| whole || name == STATE_FILE) {
            self.disk.tamper(name, Some(bytes));
        }
        if let Some(checks) = &mut self.checks {
            checks.forget_what_was_sent();
        }
    }

    /// Whoever had the state is gone, and the disk has what is left.
    pub fn power_off(&mut self) {
        self.store = None;
        self.disk.restart(self.loss);
    }

    pub(super) fn steps_on(&mut self) -> bool {
        self.steps += 1;
        self.crash_after.is_some_and(|after| self.steps >= after)
    }
}
