//! Virtual time: runs any machine against the model and a store, step by step.
//!
//! The world plays the driver, the network, the disk and the other people of the
//! account. It never sleeps; the next instant is the next one at which anything
//! happens.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::io;
use std::ops::Range;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Effect, Machine, Snapshot};
use gsictl_core::state::Serial;
use gsictl_core::time::Timestamp;
use gsictl_driver::store::memory::{Bytes, Loss};
use gsictl_driver::store::{Holder, MemoryDisk, STATE_FILE, StateStore, StoreError};

use crate::attempt::seconds;
use crate::checks::Checks;
use crate::model::Model;

/// When every world begins.
pub const START: Timestamp = Timestamp::from_millis(1_770_000_000_000);

/// What a killed process leaves on its disk: everything that it had written.
pub const KILLED: Loss = Loss { names_kept: usize::MAX, bytes: Bytes::Kept };

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

/// How a machine's time in the world ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// By itself.
    Over,
    /// The crash that was ordered.
    Crashed,
}

/// On its way to the model, the disk or the machine.
enum Packet {
    Arrive(u64, CallId, Call, Fault),
    Reply(u64, CallId, Call, Result<Reply, CallError>),
    Save(u64, Snapshot, SaveFault),
    Saved(u64, Snapshot, Result<(), String>),
}

/// Asked for every call, with the time and which call of that operation on that
/// table it is, from 1.
pub type CallFaults = Box<dyn FnMut(&Call, Timestamp, usize) -> Fault>;
/// Asked for every save, with its number in the world, from 1, and the time.
pub type SaveFaults = Box<dyn FnMut(usize, Timestamp) -> SaveFault>;
type Deed = Box<dyn FnOnce(&mut Model, Timestamp)>;

/// A place for one machine after another, with everything that happens to it.
pub struct World {
    /// The true time.
    pub now: Timestamp,
    /// How far the machines' clock is ahead of the true time, in milliseconds.
    pub skew: i64,
    /// DynamoDB.
    pub model: Model,
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
    /// The machine is dropped when the world has seen so many steps (calls and
    /// saves handed out, answers handed in).
    pub crash_after: Option<usize>,
    /// Whether a save that is under way when the process dies is still made.
    pub crash_keeps_saves: bool,
    /// What a crash leaves of what was not synced.
    pub loss: Loss,
    /// No machine may run longer than until here.
    pub deadline: Timestamp,
    /// Calls that were handed out.
    pub calls: Vec<Sent>,
    /// What machines told.
    pub events: Vec<(Timestamp, Event)>,
    /// The serial of every save that was handed out.
    pub saves: Vec<(Timestamp, Serial)>,
    /// What is held after every step.
    pub checks: Option<Checks>,
    /// Steps that machines have taken in this world.
    pub steps: usize,
    /// Whether a line is kept of everything that happens.
    pub tracing: bool,
    lines: Vec<(Timestamp, String)>,
    disk: MemoryDisk,
    store: Option<Box<dyn StateStore>>,
    counts: BTreeMap<(&'static str, String), usize>,
    script: BTreeMap<(Timestamp, usize), Deed>,
    wire: BTreeMap<(Timestamp, usize), Packet>,
    packets: usize,
    run: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: START,
            skew: 0,
            model: Model::default(),
            call_latency: Duration::from_millis(40),
            save_latency: Duration::from_millis(12),
            faults: Box::new(|_, _, _| Fault::None),
            save_faults: Box::new(|_, _| SaveFault::None),
            stop_at: None,
            crash_after: None,
            crash_keeps_saves: false,
            loss: KILLED,
            deadline: START + Duration::from_secs(60 * 86_400),
            calls: Vec::new(),
            events: Vec::new(),
            saves: Vec::new(),
            checks: Some(Checks::default()),
            steps: 0,
            tracing: false,
            lines: Vec::new(),
            disk: MemoryDisk::default(),
            store: None,
            counts: BTreeMap::new(),
            script: BTreeMap::new(),
            wire: BTreeMap::new(),
            packets: 0,
            run: 0,
        }
    }
}

impl World {
    /// The time on the machines' clock.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + self.skew)
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
    pub fn set_durable(&mut self, bytes: Option<&[u8]>) {
        self.disk.tamper(STATE_FILE, bytes);
        if let Some(checks) = &mut self.checks {
            checks.forget_disk();
        }
    }

    /// Everything that happened, a line each, by time, where it was traced.
    #[must_use]
    pub fn trace(&self) -> String {
        let line = |(at, text): &(Timestamp, String)| format!("{:>12}  {text}\n", seconds(*at));
        self.lines.iter().map(line).collect()
    }

    /// Notes something, where it is traced.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        if self.tracing {
            self.lines.push((self.now, text()));
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
    pub fn open(&mut self, mut store: Box<dyn StateStore>) -> Result<Option<Vec<u8>>, StoreError> {
        let command = "gsictl apply".to_owned();
        let holder = Holder { pid: 1, host: "world".to_owned(), since: self.clock(), command };
        store.lock(&holder).expect("one process at a time");
        let loaded = store.load()?;
        self.store = Some(store);
        Ok(loaded)
    }

    /// The bytes of the newest archive of a state.
    ///
    /// # Panics
    /// Where it cannot be read.
    #[must_use]
    pub fn newest_archive(&self) -> Option<Vec<u8>> {
        let mut store = self.disk.store();
        let name = store.archives().expect("the disk can be read").pop()?;
        Some(store.load_archive(&name).expect("an archive can be read"))
    }

    /// The process ends. Its store, for what it does last.
    pub fn close(&mut self) -> Option<Box<dyn StateStore>> {
        self.store.take()
    }

    /// Somebody does this then.
    pub fn at(&mut self, at: Timestamp, deed: impl FnOnce(&mut Model, Timestamp) + 'static) {
        let order = self.script.len();
        self.script.insert((at, order), Box::new(deed));
    }

    /// Runs `machine` until it is over or the ordered crash.
    ///
    /// # Panics
    /// Where the machine waits for nothing, spins, or outlives the deadline.
    pub fn run(&mut self, machine: &mut impl Machine) -> Finish {
        self.run += 1;
        let mut spins = 0;
        loop {
            if self.drain(machine) {
                return self.crash();
            }
            if machine.is_over() {
                return Finish::Over;
            }
            let next = self.next_instant(machine);
            spins = if next == self.now { spins + 1 } else { 0 };
            assert!(
                spins < 10_000,
                "it spins at {}:\n{}",
                self.now,
                self.told(0..self.events.len())
            );
            assert!(
                next <= self.deadline,
                "it outlives {}:\n{}",
                self.deadline,
                self.told(0..self.events.len())
            );
            self.now = next;
            if self.happen(machine) {
                return self.crash();
            }
        }
    }

    /// Lets time pass without any machine: what is on the wire arrives.
    pub fn idle(&mut self, length: Duration) {
        let until = self.now + length;
        loop {
            let wire = self.wire.keys().next().map(|k| k.0);
            let deed = self.script.keys().next().map(|k| k.0);
            let Some(at) = wire.into_iter().chain(deed).min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            self.do_deeds();
            if let Some(entry) = self.wire.first_entry().filter(|e| e.key().0 <= self.now) {
                let packet = entry.remove();
                self.deliver_without_machine(packet);
            }
        }
    }

    /// The events of a range of [`World::events`], a line each.
    pub fn told(&self, range: Range<usize>) -> String {
        let line = |(at, event): &(Timestamp, Event)| {
            let seconds = (*at - START).as_millis();
            format!("{:>8.1}s {event:?}\n", seconds as f64 / 1_000.0)
        };
        self.events[range].iter().map(line).collect()
    }

    fn next_instant(&self, machine: &impl Machine) -> Timestamp {
        let wire = self.wire.keys().next().map(|k| k.0);
        let deed = self.script.keys().next().map(|k| k.0);
        let wakes = [machine.wake_at().map(|at| self.true_time(at)), wire, self.stop_at];
        let next = wakes.into_iter().flatten().min();
        let next = next.unwrap_or_else(|| {
            panic!("it waits for nothing at {}:\n{}", self.now, self.told(0..self.events.len()))
        });
        deed.map_or(next, |deed| next.min(deed)).max(self.now)
    }

    /// Carries out what the machine says. True where it crashed.
    fn drain(&mut self, machine: &mut impl Machine) -> bool {
        while let Some(effect) = machine.poll(self.clock()) {
            match effect {
                Effect::Notify(event) => {
                    self.note(|| format!("told    {event:?}"));
                    self.events.push((self.now, event));
                    continue;
                }
                Effect::Save(snapshot) => self.save(snapshot),
                Effect::Call(id, call) => self.send(id, call),
            }
            if self.steps_on() {
                return true;
            }
        }
        false
    }

    fn steps_on(&mut self) -> bool {
        self.steps += 1;
        self.crash_after.is_some_and(|after| self.steps >= after)
    }

    fn put(&mut self, at: Timestamp, packet: Packet) {
        self.packets += 1;
        self.wire.insert((at, self.packets), packet);
    }

    fn save(&mut self, snapshot: Snapshot) {
        self.note(|| format!("save    {} begins", snapshot.serial));
        if let Some(checks) = &mut self.checks {
            checks.on_save(&snapshot);
        }
        self.saves.push((self.now, snapshot.serial));
        let fault = (self.save_faults)(self.saves.len(), self.now);
        let later = match fault {
            SaveFault::Slow(more) => more,
            _ => Duration::ZERO,
        };
        let at = self.now + self.save_latency / 2 + later;
        self.put(at, Packet::Save(self.run, snapshot, fault));
    }

    /// The store takes its steps. Without a store nothing is kept.
    fn write(&mut self, snapshot: &Snapshot, fault: SaveFault) -> Result<(), String> {
        let first = self.disk.taken();
        match fault {
            SaveFault::Fail(kind) => self.disk.fail_at(first, kind),
            SaveFault::FailAfter => self.disk.fail_at(first + 3, io::ErrorKind::StorageFull),
            SaveFault::Crash(step) => self.disk.crash_at(first + step.min(SAVE_STEPS - 1)),
            SaveFault::None | SaveFault::Slow(_) => {}
        }
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        store.save(&snapshot.bytes).map_err(|error| error.to_string())
    }

    fn true_time(&self, clock: Timestamp) -> Timestamp {
        Timestamp::from_millis(clock.as_millis() - self.skew)
    }

    fn send(&mut self, id: CallId, call: Call) {
        self.note(|| format!("call    {} {}", id.0, named(&call)));
        if let Some(checks) = &mut self.checks {
            checks.on_call(self.now, self.skew, id, &call);
        }
        let key = (call.operation(), call.table().as_str().to_owned());
        let nth = self.counts.entry(key).or_default();
        *nth += 1;
        let fault = (self.faults)(&call, self.now, *nth);
        self.calls.push(Sent { at: self.now, call: call.clone() });
        let more = match fault {
            Fault::Slow(more) => more,
            _ => Duration::ZERO,
        };
        let at = self.now + self.call_latency / 2 + more;
        self.put(at, Packet::Arrive(self.run, id, call, fault));
    }

    /// Everything that is due. True where the machine crashed.
    fn happen(&mut self, machine: &mut impl Machine) -> bool {
        self.do_deeds();
        if self.stop_at.take_if(|at| *at <= self.now).is_some() {
            if let Some(checks) = &mut self.checks {
                checks.on_stop();
            }
            machine.on_stop(self.clock());
            return false;
        }
        let due = self.wire.first_entry().filter(|e| e.key().0 <= self.now);
        let Some(packet) = due.map(OccupiedEntry::remove) else {
            return false;
        };
        match packet {
            Packet::Reply(run, id, call, result) if run == self.run => {
                self.note(|| format!("answer  {} {}", id.0, shown(&result)));
                if let Some(checks) = &mut self.checks {
                    checks.on_reply(self.now, id, &call, &result);
                }
                machine.on_reply(self.clock(), id, result.and_then(|reply| call.accept(reply)));
            }
            Packet::Saved(run, snapshot, result) if run == self.run => {
                self.note(|| format!("saved   {} {result:?}", snapshot.serial));
                if let Some(checks) = &mut self.checks {
                    checks.on_saved(&snapshot, &result);
                }
                machine.on_saved(self.clock(), snapshot.serial, result);
            }
            Packet::Save(run, snapshot, fault) if run == self.run => {
                let result = self.write(&snapshot, fault);
                if self.disk.is_down() {
                    return true;
                }
                let at = self.now + self.save_latency / 2;
                self.put(at, Packet::Saved(run, snapshot, result));
                return false;
            }
            other => {
                self.deliver_without_machine(other);
                return false;
            }
        }
        self.steps_on()
    }

    fn deliver_without_machine(&mut self, packet: Packet) {
        match packet {
            Packet::Arrive(run, id, call, fault) => {
                let mut at = self.now + self.call_latency / 2;
                let result = match fault {
                    Fault::Refuse(error) => Err(error),
                    Fault::RefuseLate(error, more) => {
                        at = at + more;
                        Err(error)
                    }
                    Fault::LoseAfter(error) => {
                        let _ = self.model.call(self.now, &call);
                        Err(error)
                    }
                    Fault::TimeOut(error, more) => {
                        let late = Packet::Arrive(run, id, call.clone(), Fault::Silence);
                        self.put(self.now + more, late);
                        Err(error)
                    }
                    Fault::Silence => {
                        let _ = self.model.call(self.now, &call);
                        return;
                    }
                    Fault::Late(more) => {
                        at = at + more;
                        self.model.call(self.now, &call)
                    }
                    Fault::Twice => {
                        let _ = self.model.call(self.now, &call);
                        self.model.call(self.now, &call)
                    }
                    Fault::None | Fault::Slow(_) => self.model.call(self.now, &call),
                };
                self.put(at, Packet::Reply(run, id, call, result));
            }
            Packet::Save(..) | Packet::Reply(..) | Packet::Saved(..) => {}
        }
    }

    fn do_deeds(&mut self) {
        while let Some(entry) = self.script.first_entry().filter(|e| e.key().0 <= self.now) {
            let ((at, _), deed) = entry.remove_entry();
            deed(&mut self.model, at);
        }
    }

    /// The process is gone: calls that are on the wire still arrive, answers do
    /// not, and saves are made where `crash_keeps_saves` says so.
    fn crash(&mut self) -> Finish {
        let loss = self.loss;
        self.note(|| format!("crash   {loss:?}"));
        self.crash_after = None;
        let wire = std::mem::take(&mut self.wire);
        for (key, packet) in wire {
            match packet {
                Packet::Arrive(..) => {
                    self.wire.insert(key, packet);
                }
                Packet::Save(_, snapshot, fault)
                    if self.crash_keeps_saves && !self.disk.is_down() =>
                {
                    let _ = self.write(&snapshot, fault);
                }
                Packet::Save(..) | Packet::Reply(..) | Packet::Saved(..) => {}
            }
        }
        self.power_off();
        Finish::Crashed
    }

    /// Whoever had the state is gone, and the disk has what is left.
    pub fn power_off(&mut self) {
        self.store = None;
        self.disk.restart(self.loss);
    }
}

fn named(call: &Call) -> String {
    match call {
        Call::CreateIndex(create) => format!("create {}.{}", create.table, create.index),
        other => format!("{} {}", other.operation(), other.table()),
    }
}

fn shown(result: &Result<Reply, CallError>) -> String {
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
        Ok(Reply::Done) => "done".to_owned(),
        Err(error) => format!("{:?} {error}", error.effect),
    }
}
