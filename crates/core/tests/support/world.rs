//! Virtual time: runs any machine against the model and a store, step by step.
//!
//! The world plays the driver, the network, the disk and the other people of the
//! account. It never sleeps; the next instant is the next one at which anything
//! happens.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::ops::Range;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Effect, Machine, Snapshot};
use gsictl_core::state::Serial;
use gsictl_core::time::Timestamp;

use super::checks::Checks;
use super::model::Model;
use super::samples::START;

/// What happens to a call on its way.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fault {
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
    /// Applied, and never answered.
    Silence,
}

/// What happens to a save.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum SaveFault {
    #[default]
    None,
    /// Not durable, and said so.
    Fail,
    /// Durable, and yet said to have failed.
    FailAfter,
    /// Durable so much later.
    Slow(Duration),
}

/// A call as it was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) call: Call,
}

/// How a machine's time in the world ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Over,
    /// The crash that was ordered.
    Crashed,
}

/// On its way to the model, the disk or the machine.
enum Packet {
    Arrive(u64, CallId, Call, Fault),
    Reply(u64, CallId, Call, Result<Reply, CallError>),
    Durable(u64, Snapshot),
    Saved(u64, Snapshot, Result<(), String>),
}

/// Asked for every call, with the time and which call of that operation on that
/// table it is, from 1.
pub(crate) type CallFaults = Box<dyn FnMut(&Call, Timestamp, usize) -> Fault>;
type SaveFaults = Box<dyn FnMut(usize) -> SaveFault>;
type Deed = Box<dyn FnOnce(&mut Model, Timestamp)>;

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) model: Model,
    /// There and back.
    pub(crate) call_latency: Duration,
    pub(crate) save_latency: Duration,
    pub(crate) faults: CallFaults,
    /// Asked for every save, with its number in the world, from 1.
    pub(crate) save_faults: SaveFaults,
    /// The machine is told to stop then.
    pub(crate) stop_at: Option<Timestamp>,
    /// The machine is dropped when the world has seen so many steps (calls and
    /// saves handed out, answers handed in).
    pub(crate) crash_after: Option<usize>,
    /// Whether a save that is under way when the process dies becomes durable.
    pub(crate) crash_keeps_saves: bool,
    /// No machine may run longer than until here.
    pub(crate) deadline: Timestamp,
    /// What the disk holds.
    pub(crate) durable: Option<Vec<u8>>,
    pub(crate) calls: Vec<Sent>,
    pub(crate) events: Vec<(Timestamp, Event)>,
    /// The serial of every save that was handed out.
    pub(crate) saves: Vec<(Timestamp, Serial)>,
    pub(crate) checks: Option<Checks>,
    /// Steps that machines have taken in this world.
    pub(crate) steps: usize,
    counts: BTreeMap<(&'static str, String), usize>,
    script: BTreeMap<(Timestamp, usize), Deed>,
    wire: BTreeMap<(Timestamp, usize), Packet>,
    packets: usize,
    run: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: START,
            model: Model::default(),
            call_latency: Duration::from_millis(40),
            save_latency: Duration::from_millis(12),
            faults: Box::new(|_, _, _| Fault::None),
            save_faults: Box::new(|_| SaveFault::None),
            stop_at: None,
            crash_after: None,
            crash_keeps_saves: false,
            deadline: START + Duration::from_secs(60 * 86_400),
            durable: None,
            calls: Vec::new(),
            events: Vec::new(),
            saves: Vec::new(),
            checks: Some(Checks::default()),
            steps: 0,
            counts: BTreeMap::new(),
            script: BTreeMap::new(),
            wire: BTreeMap::new(),
            packets: 0,
            run: 0,
        }
    }

    /// Somebody does this then.
    pub(crate) fn at(&mut self, at: Timestamp, deed: impl FnOnce(&mut Model, Timestamp) + 'static) {
        let order = self.script.len();
        self.script.insert((at, order), Box::new(deed));
    }

    /// Runs `machine` until it is over or the ordered crash.
    ///
    /// # Panics
    /// Where the machine waits for nothing, spins, or outlives the deadline.
    pub(crate) fn run(&mut self, machine: &mut impl Machine) -> Finish {
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
    pub(crate) fn idle(&mut self, length: Duration) {
        let until = self.now + length;
        while let Some((key, _)) = self.wire.first_key_value().filter(|(k, _)| k.0 <= until) {
            let key = *key;
            self.now = self.now.max(key.0);
            let packet = self.wire.remove(&key).unwrap();
            self.deliver_without_machine(packet);
        }
        self.now = until;
        self.do_deeds();
    }

    /// The events of a range of [`World::events`], a line each.
    pub(crate) fn told(&self, range: Range<usize>) -> String {
        let line = |(at, event): &(Timestamp, Event)| {
            let seconds = (*at - START).as_millis();
            format!("{:>8.1}s {event:?}\n", seconds as f64 / 1_000.0)
        };
        self.events[range].iter().map(line).collect()
    }

    fn next_instant(&self, machine: &impl Machine) -> Timestamp {
        let wire = self.wire.keys().next().map(|k| k.0);
        let deed = self.script.keys().next().map(|k| k.0);
        let wakes = [machine.wake_at(), wire, self.stop_at];
        let next = wakes.into_iter().flatten().min();
        let next = next.unwrap_or_else(|| {
            panic!("it waits for nothing at {}:\n{}", self.now, self.told(0..self.events.len()))
        });
        deed.map_or(next, |deed| next.min(deed)).max(self.now)
    }

    /// Carries out what the machine says. True where it crashed.
    fn drain(&mut self, machine: &mut impl Machine) -> bool {
        while let Some(effect) = machine.poll(self.now) {
            match effect {
                Effect::Notify(event) => {
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
        if let Some(checks) = &mut self.checks {
            checks.on_save(snapshot.serial);
        }
        self.saves.push((self.now, snapshot.serial));
        let fault = (self.save_faults)(self.saves.len());
        let (run, mut latency) = (self.run, self.save_latency);
        if let SaveFault::Slow(more) = fault {
            latency += more;
        }
        if !matches!(fault, SaveFault::Fail) {
            self.put(self.now + latency / 2, Packet::Durable(run, snapshot.clone()));
        }
        let result = match fault {
            SaveFault::Fail | SaveFault::FailAfter => Err("No space left on device".to_owned()),
            SaveFault::None | SaveFault::Slow(_) => Ok(()),
        };
        self.put(self.now + latency, Packet::Saved(run, snapshot, result));
    }

    fn send(&mut self, id: CallId, call: Call) {
        if let Some(checks) = &mut self.checks {
            checks.on_call(self.now, id, &call);
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
            machine.on_stop(self.now);
            return false;
        }
        let due = self.wire.first_entry().filter(|e| e.key().0 <= self.now);
        let Some(packet) = due.map(OccupiedEntry::remove) else {
            return false;
        };
        match packet {
            Packet::Reply(run, id, call, result) if run == self.run => {
                if let Some(checks) = &mut self.checks {
                    checks.on_reply(self.now, id, &call, &result);
                }
                machine.on_reply(self.now, id, result);
            }
            Packet::Saved(run, snapshot, result) if run == self.run => {
                if let Some(checks) = &mut self.checks {
                    checks.on_saved(&snapshot, &result);
                }
                machine.on_saved(self.now, snapshot.serial, result);
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
                    Fault::Silence => {
                        let _ = self.model.call(self.now, &call);
                        return;
                    }
                    Fault::Late(more) => {
                        at = at + more;
                        self.model.call(self.now, &call)
                    }
                    Fault::None | Fault::Slow(_) => self.model.call(self.now, &call),
                };
                self.put(at, Packet::Reply(run, id, call, result));
            }
            Packet::Durable(_, snapshot) => self.durable = Some(snapshot.bytes),
            Packet::Reply(..) | Packet::Saved(..) => {}
        }
    }

    fn do_deeds(&mut self) {
        while let Some(entry) = self.script.first_entry().filter(|e| e.key().0 <= self.now) {
            let ((at, _), deed) = entry.remove_entry();
            deed(&mut self.model, at);
        }
    }

    /// The process is gone: calls that are on the wire still arrive, answers do
    /// not, and saves do where the disk had them.
    fn crash(&mut self) -> Finish {
        self.crash_after = None;
        let wire = std::mem::take(&mut self.wire);
        for (key, packet) in wire {
            match packet {
                Packet::Arrive(..) => {
                    self.wire.insert(key, packet);
                }
                Packet::Durable(_, snapshot) if self.crash_keeps_saves => {
                    self.durable = Some(snapshot.bytes);
                }
                Packet::Durable(..) | Packet::Reply(..) | Packet::Saved(..) => {}
            }
        }
        Finish::Crashed
    }
}
