//! Virtual time: runs any machine against the model and a store, step by step.
//!
//! The world plays the driver, the network, the disk and the other people of the
//! account. It never sleeps; the next instant is the next one at which anything
//! happens. One directory acts ([`World`] derefs to its [`Site`]); another may work
//! over the same tables at the same time ([`Neighbour`]).

mod beside;
mod site;
mod wire;

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::io;
use std::ops::{Deref, DerefMut, Range};
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Effect, Machine, Snapshot};
use gsictl_core::name::IndexId;
use gsictl_core::time::Timestamp;
use gsictl_driver::store::memory::{Bytes, Loss};
use gsictl_driver::store::{StateStore, StoreError};

use crate::attempt::seconds;
use crate::coverage::Row;
use crate::ledger::Ledger;
use crate::model::{Maker, Model};
use crate::scenario::Change;

use self::beside::Beside;
use self::wire::{Packet, Sender, named, shown};

pub use self::beside::Neighbour;
pub use self::site::{Backup, CallFaults, SaveFaults, Site};
pub use self::wire::{Fault, Garbled, SAVE_STEPS, SaveFault, Sent, held};

/// When every world begins.
pub const START: Timestamp = Timestamp::from_millis(1_770_000_000_000);

/// What a killed process leaves on its disk: everything that it had written.
pub const KILLED: Loss = Loss { names_kept: usize::MAX, bytes: Bytes::Kept };

/// How a machine's time in the world ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// By itself.
    Over,
    /// The crash that was ordered.
    Crashed,
}

/// Something that is done then; again after so long, where it says so.
pub type ScriptedDeed = Box<dyn FnMut(&mut Model, Timestamp) -> Option<Duration>>;
/// Asked for every change of a process that was applied, and for every delete that is
/// on its way: what somebody does about it, and when.
pub type Reactions = Box<dyn FnMut(Change, &IndexId, Timestamp) -> Vec<(Timestamp, ScriptedDeed)>>;

/// A place for one machine after another, with everything that happens to it.
pub struct World {
    /// The true time.
    pub now: Timestamp,
    /// DynamoDB.
    pub model: Model,
    /// No machine may run longer than until here.
    pub deadline: Timestamp,
    /// What other people do about the changes of processes.
    pub reactions: Option<Reactions>,
    /// Whose calls there were, and what their makers knew.
    pub ledger: Ledger,
    /// Whether a line is kept of everything that happens.
    pub tracing: bool,
    site: Site,
    neighbour: Option<Box<Beside>>,
    lines: Vec<(Timestamp, String)>,
    script: BTreeMap<(Timestamp, usize), ScriptedDeed>,
    scripted: usize,
    wire: BTreeMap<(Timestamp, usize), Packet>,
    packets: usize,
    runs_begun: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: START,
            model: Model::default(),
            deadline: START + Duration::from_secs(60 * 86_400),
            reactions: None,
            ledger: Ledger::default(),
            tracing: false,
            site: Site::default(),
            neighbour: None,
            lines: Vec::new(),
            script: BTreeMap::new(),
            scripted: 0,
            wire: BTreeMap::new(),
            packets: 0,
            runs_begun: 0,
        }
    }
}

impl Deref for World {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}

impl World {
    /// The time on the clock of the machine that acts.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + self.skew)
    }

    /// A process takes the state for itself, and reads it.
    ///
    /// # Panics
    /// Where another process has it.
    pub fn open(&mut self, store: Box<dyn StateStore>) -> Result<Option<Vec<u8>>, StoreError> {
        let since = self.clock();
        self.site.open_at(since, store)
    }

    /// Puts a state file on the disk, or removes it.
    pub fn set_durable(&mut self, bytes: Option<&[u8]>) {
        self.site.put_state(bytes);
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
            let text = format!("{}{}", self.site.name, text());
            self.lines.push((self.now, text));
        }
    }

    /// Somebody does this then.
    pub fn at(&mut self, at: Timestamp, deed: impl FnOnce(&mut Model, Timestamp) + 'static) {
        let mut deed = Some(deed);
        self.script(
            at,
            Box::new(move |model, now| {
                if let Some(deed) = deed.take() {
                    deed(model, now);
                }
                None
            }),
        );
    }

    fn script(&mut self, at: Timestamp, deed: ScriptedDeed) {
        self.scripted += 1;
        self.script.insert((at, self.scripted), deed);
    }

    /// What other people were going to do is not done.
    pub fn leave_in_peace(&mut self) {
        self.reactions = None;
        self.script.clear();
    }

    /// Runs `machine` until it is over or the ordered crash.
    ///
    /// # Panics
    /// Where the machine waits for nothing, spins, or outlives the deadline.
    pub fn run(&mut self, machine: &mut impl Machine) -> Finish {
        self.begin_machine();
        let mut spins = 0;
        loop {
            if self.drain(machine) {
                return self.crash();
            }
            self.neighbour_acts();
            if machine.is_over() {
                return Finish::Over;
            }
            let next = self.next_instant(machine);
            spins = if next == self.now { spins + 1 } else { 0 };
            let told = |world: &Self| world.told(0..world.events.len());
            assert!(spins < 10_000, "it spins at {}:\n{}", self.now, told(self));
            assert!(
                next <= self.deadline,
                "invariant 6: it goes on until {}:\n{}",
                self.deadline,
                told(self)
            );
            self.now = next;
            if self.happen(machine) {
                return self.crash();
            }
        }
    }

    /// How many machines have begun in this world.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.runs_begun
    }

    /// Answers are for the machine that begins now, and no longer for the last.
    pub fn begin_machine(&mut self) {
        self.runs_begun += 1;
        self.site.run = self.runs_begun;
    }

    /// Lets time pass without any machine: what is on the wire arrives.
    pub fn idle(&mut self, length: Duration) {
        let until = self.now + length;
        loop {
            self.neighbour_acts();
            let wire = self.wire.keys().next().map(|k| k.0);
            let deed = self.script.keys().next().map(|k| k.0);
            let next = wire.into_iter().chain(deed).chain(self.next_of_neighbour()).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            self.do_deeds();
            let due = self.wire.first_entry().filter(|e| e.key().0 <= self.now);
            if let Some(packet) = due.map(OccupiedEntry::remove)
                && let Some(packet) = self.hand_over(packet)
            {
                self.deliver_without_machine(packet);
            }
        }
    }

    /// The events of a range of [`Site::events`], a line each.
    pub fn told(&self, range: Range<usize>) -> String {
        let line = |(at, event): &(Timestamp, Event)| {
            let seconds = (*at - START).as_millis();
            format!("{:>8.1}s {event:?}\n", seconds as f64 / 1_000.0)
        };
        self.events[range].iter().map(line).collect()
    }

    fn next_instant(&mut self, machine: &dyn Machine) -> Timestamp {
        let wire = self.wire.keys().next().map(|k| k.0);
        let deed = self.script.keys().next().map(|k| k.0);
        let wakes = [machine.wake_at().map(|at| self.true_time(at)), wire, self.stop_at];
        let next = wakes.into_iter().flatten().min();
        let next = next.unwrap_or_else(|| {
            panic!("it waits for nothing at {}:\n{}", self.now, self.told(0..self.events.len()))
        });
        let others = deed.into_iter().chain(self.next_of_neighbour());
        others.fold(next, Timestamp::min).max(self.now)
    }

    /// Carries out what the machine says. True where it crashed.
    fn drain(&mut self, machine: &mut dyn Machine) -> bool {
        while let Some(effect) = machine.poll(self.clock()) {
            match effect {
                Effect::Notify(event) => {
                    self.note(|| format!("told    {event:?}"));
                    let now = self.now;
                    if let Some(checks) = &mut self.site.checks {
                        checks.on_event(&event);
                    }
                    self.events.push((now, event));
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

    fn put(&mut self, at: Timestamp, packet: Packet) {
        self.packets += 1;
        self.wire.insert((at, self.packets), packet);
    }

    fn save(&mut self, snapshot: Snapshot) {
        self.note(|| format!("save    {} begins", snapshot.serial));
        let (now, site) = (self.now, &mut self.site);
        if let Some(checks) = &mut site.checks {
            checks.on_save(&snapshot);
        }
        site.saves.push((now, snapshot.serial));
        let fault = (site.save_faults)(site.saves.len(), now);
        let later = match fault {
            SaveFault::Slow(more) => more,
            _ => Duration::ZERO,
        };
        let at = now + site.save_latency / 2 + later;
        let run = site.run;
        self.put(at, Packet::Save(run, snapshot, fault));
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
        let maker = self.note_maker(&call);
        let (now, site) = (self.now, &mut self.site);
        if let Some(checks) = &mut site.checks {
            checks.on_call((now, site.skew), id, &call);
        }
        let key = (call.operation(), call.table().as_str().to_owned());
        let nth = site.counts.entry(key).or_default();
        *nth += 1;
        let fault = (site.faults)(&call, now, *nth);
        site.calls.push(Sent { at: now, call: call.clone() });
        let more = match fault {
            Fault::Slow(more) => more,
            _ => Duration::ZERO,
        };
        let at = now + site.call_latency / 2 + more;
        let sender = Sender { run: site.run, id, maker };
        if let Call::DeleteIndex { table, index } = &call {
            self.provoke(Change::DeleteAsked, &IndexId::new(table.clone(), index.clone()));
        }
        self.put(at, Packet::Arrive(sender, call, fault));
    }

    /// Whose call it is, and what they know about the index that it is to change.
    fn note_maker(&mut self, call: &Call) -> Maker {
        let index = match call {
            Call::CreateIndex(create) => IndexId::new(create.table.clone(), create.index.clone()),
            Call::DeleteIndex { table, index } => IndexId::new(table.clone(), index.clone()),
            _ => return Maker::Other,
        };
        let Some(checks) = &self.site.checks else { return Maker::Other };
        let standing = self.model.maker(&index);
        Maker::Call(self.ledger.add(checks.lineage(), standing, checks.evidence(&index)))
    }

    /// Everything that is due. True where the machine crashed.
    fn happen(&mut self, machine: &mut dyn Machine) -> bool {
        self.do_deeds();
        if self.stop_if_due(machine) {
            return false;
        }
        let due = self.wire.first_entry().filter(|e| e.key().0 <= self.now);
        let packet = due.map(OccupiedEntry::remove).and_then(|packet| self.hand_over(packet));
        packet.is_some_and(|packet| self.take(packet, machine))
    }

    fn stop_if_due(&mut self, machine: &mut dyn Machine) -> bool {
        let now = self.now;
        let due = self.stop_at.take_if(|at| *at <= now).is_some();
        if due {
            if let Some(checks) = &mut self.checks {
                checks.on_stop();
            }
            machine.on_stop(self.clock());
        }
        due
    }

    /// A packet of the site that acts. True where the machine crashed.
    fn take(&mut self, packet: Packet, machine: &mut dyn Machine) -> bool {
        if packet.run() != self.site.run {
            self.deliver_without_machine(packet);
            return false;
        }
        match packet {
            Packet::Reply(sender, call, result) => {
                self.note(|| format!("answer  {} {}", sender.id.0, shown(&result)));
                self.hand_in(sender.id, &call, result, machine);
            }
            Packet::Saved(_, snapshot, result) => {
                self.note(|| format!("saved   {} {result:?}", snapshot.serial));
                if let Some(checks) = &mut self.checks {
                    checks.on_saved(&snapshot, &result);
                }
                machine.on_saved(self.clock(), snapshot.serial, result);
            }
            Packet::Save(run, snapshot, fault) => {
                let result = self.write(&snapshot, fault);
                if self.disk.is_down() {
                    return true;
                }
                let at = self.now + self.save_latency / 2;
                self.put(at, Packet::Saved(run, snapshot, result));
                return false;
            }
            other @ Packet::Arrive(..) => {
                self.deliver_without_machine(other);
                return false;
            }
        }
        self.steps_on()
    }

    /// The checks have what can be made use of, by their own judgement; so has a machine
    /// whose driver holds answers against what was asked, by the program's.
    fn hand_in(
        &mut self,
        id: CallId,
        call: &Call,
        result: Result<Reply, CallError>,
        machine: &mut dyn Machine,
    ) {
        let told = result.clone().and_then(|reply| held(call, reply));
        let (now, holds) = (self.now, self.holds_answers);
        if let Some(checks) = &mut self.checks {
            checks.on_reply(now, id, call, &told);
        }
        let accepted = if holds { result.and_then(|reply| call.accept(reply)) } else { result };
        machine.on_reply(self.clock(), id, accepted);
    }

    fn deliver_without_machine(&mut self, packet: Packet) {
        let Packet::Arrive(sender, call, fault) = packet else { return };
        let mut at = self.now + self.call_latency / 2;
        let result = match fault {
            Fault::Refuse(error) => Err(error),
            Fault::RefuseLate(error, more) => {
                at = at + more;
                Err(error)
            }
            Fault::LoseAfter(error) => {
                let _ = self.apply(sender.maker, &call);
                Err(error)
            }
            Fault::TimeOut(error, more) => {
                let late = Packet::Arrive(sender, call.clone(), Fault::Silence);
                self.put(self.now + more, late);
                Err(error)
            }
            Fault::Silence => {
                let _ = self.apply(sender.maker, &call);
                return;
            }
            Fault::Late(more) => {
                at = at + more;
                self.apply(sender.maker, &call)
            }
            Fault::Twice => {
                let _ = self.apply(sender.maker, &call);
                self.apply(sender.maker, &call)
            }
            Fault::NotKept => self.model.pretend(self.now, &call),
            Fault::Garbled(garbled) => {
                let mut result = self.apply(sender.maker, &call);
                if let Ok(reply) = &mut result {
                    garbled.spoil(reply, call.table(), &self.model, self.now);
                }
                result
            }
            Fault::None | Fault::Slow(_) => self.apply(sender.maker, &call),
        };
        self.put(at, Packet::Reply(sender, call, result));
    }

    /// The call comes to DynamoDB. What it changed is held against invariant 3, and
    /// seen by other people.
    fn apply(&mut self, maker: Maker, call: &Call) -> Result<Reply, CallError> {
        let before = self.model.log.len();
        let result = self.model.call_by(self.now, call, maker);
        let Some(applied) = self.model.log.get(before) else { return result };
        if let Some(excused) = self.ledger.judge(applied)
            && let Some(checks) = &mut self.site.checks
        {
            checks.coverage.hit(excused);
        }
        let change = if applied.created { Change::Create } else { Change::Delete };
        let id = applied.id.clone();
        self.note(|| format!("applied {}", named(call)));
        self.provoke(change, &id);
        result
    }

    /// Other people see what a process does, or is about to do.
    fn provoke(&mut self, change: Change, id: &IndexId) {
        let now = self.now;
        let deeds = self.reactions.as_mut().map(|react| react(change, id, now));
        let deeds = deeds.unwrap_or_default();
        if let (Some(checks), false) = (&mut self.site.checks, deeds.is_empty()) {
            checks.coverage.hit(Row::Foes);
        }
        for (at, deed) in deeds {
            self.script(at, deed);
        }
    }

    fn do_deeds(&mut self) {
        while let Some(entry) = self.script.first_entry().filter(|e| e.key().0 <= self.now) {
            let ((at, _), mut deed) = entry.remove_entry();
            if let Some(later) = deed(&mut self.model, at) {
                self.script(at + later, deed);
            }
            for doing in self.model.doings() {
                self.note(|| format!("others  {doing}"));
            }
        }
    }

    /// The process is gone: calls that are on the wire still arrive, answers do
    /// not, and saves are made where `crash_keeps_saves` says so.
    fn crash(&mut self) -> Finish {
        let loss = self.loss;
        self.note(|| format!("crash   {loss:?}"));
        self.crash_after = None;
        let run = self.site.run;
        let wire = std::mem::take(&mut self.wire);
        for (key, packet) in wire {
            match packet {
                Packet::Save(of, snapshot, fault) if of == run => {
                    if self.crash_keeps_saves && !self.disk.is_down() {
                        let _ = self.write(&snapshot, fault);
                    }
                }
                Packet::Reply(sender, ..) if sender.run == run => {}
                Packet::Saved(of, ..) if of == run => {}
                other => {
                    self.wire.insert(key, other);
                }
            }
        }
        self.power_off();
        Finish::Crashed
    }
}
