//! A machine in virtual time against a service that a test writes out itself: what the
//! modelled DynamoDB has no words for.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::catalog::{Catalog, Sighting, TableDescription};
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Engine, Outcome};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Effect, Machine};
use gsictl_core::name::TableName;
use gsictl_core::plan::{Selection, plan};
use gsictl_core::retry::Policy;
use gsictl_core::state::{Serial, State};
use gsictl_core::time::Timestamp;

use gsictl_sim::model::Model;

use super::samples::{START, hours, millis};

/// How long an answer takes; it tells of the moment at which it is given.
const LATENCY: Duration = millis(45);

/// What happened to one machine.
pub(crate) struct Stage<S> {
    pub(crate) now: Timestamp,
    /// No machine may run longer than until here.
    pub(crate) deadline: Timestamp,
    pub(crate) calls: Vec<(Timestamp, Call)>,
    pub(crate) events: Vec<(Timestamp, Event)>,
    pub(crate) saved: Vec<Vec<u8>>,
    service: S,
    answers: BTreeMap<(Timestamp, u64), Call>,
    /// It is asked to stop then.
    pub(crate) stop_at: Option<Timestamp>,
}

impl<S: FnMut(Timestamp, &Call) -> Result<Reply, CallError>> Stage<S> {
    pub(crate) fn new(service: S) -> Self {
        Self {
            now: START,
            deadline: START + hours(100),
            calls: Vec::new(),
            events: Vec::new(),
            saved: Vec::new(),
            service,
            answers: BTreeMap::new(),
            stop_at: None,
        }
    }

    /// Runs `machine` to its end. Saves become durable at once.
    pub(crate) fn run(&mut self, machine: &mut impl Machine) {
        while !machine.is_over() {
            while let Some(effect) = machine.poll(self.now) {
                self.carry_out(machine, effect);
            }
            if machine.is_over() {
                return;
            }
            let answer = self.answers.keys().next().map(|(at, _)| *at);
            let next = [answer, machine.wake_at(), self.stop_at].into_iter().flatten().min();
            let next = next.expect("nothing would ever happen again");
            assert!(next < self.deadline, "it still runs at {next}:\n{}", self.told());
            self.now = next.max(self.now);
            if self.stop_at.take_if(|at| *at <= self.now).is_some() {
                machine.on_stop(self.now);
            }
            while let Some(entry) = self.answers.first_entry().filter(|e| e.key().0 <= self.now) {
                let ((_, id), call) = entry.remove_entry();
                let reply = (self.service)(self.now, &call);
                let reply = reply.map_err(|error| error.answering(&call));
                machine.on_reply(self.now, CallId(id), reply.and_then(|r| call.accept(r)));
            }
        }
    }

    fn carry_out(&mut self, machine: &mut impl Machine, effect: Effect) {
        match effect {
            Effect::Save(snapshot) => {
                self.saved.push(snapshot.bytes);
                let serial: Serial = snapshot.serial;
                machine.on_saved(self.now, serial, Ok(()));
            }
            Effect::Call(id, call) => {
                self.calls.push((self.now, call.clone()));
                self.answers.insert((self.now + LATENCY, id.0), call);
            }
            Effect::Notify(event) => self.events.push((self.now, event)),
        }
    }

    /// One apply of `definitions`, from what the service shows of their tables.
    pub(crate) fn apply(
        &mut self,
        definitions: &Definitions,
        policy: Policy,
        state: State,
    ) -> (State, Outcome) {
        let mut state = state;
        state.enlist(definitions);
        let catalog = self.catalog(definitions.tables());
        let plan = plan(definitions, &catalog, &state, &Selection::default(), false);
        let mut engine = Engine::new(self.now, plan, policy, state, 7);
        self.run(&mut engine);
        engine.finish()
    }

    pub(crate) fn catalog<'t>(
        &mut self,
        tables: impl IntoIterator<Item = &'t TableName>,
    ) -> Catalog {
        let mut catalog = Catalog::default();
        for table in tables {
            let reply = (self.service)(self.now, &Call::DescribeTable(table.clone()));
            let found = reply.and_then(Reply::into_table).expect("a table");
            catalog.insert(table.clone(), self.now, Sighting::Found(found));
        }
        catalog
    }

    /// When changes were sent, in seconds from the start.
    pub(crate) fn changes(&self) -> Vec<f64> {
        let sent = self.calls.iter().filter(|(_, call)| call.is_mutating());
        sent.map(|(at, _)| (*at - START).as_secs_f64()).collect()
    }

    /// How often a table was described in a span of time.
    pub(crate) fn looks(&self, within: impl RangeBounds<Timestamp>) -> usize {
        let looks = self.calls.iter().filter(|(_, call)| matches!(call, Call::DescribeTable(_)));
        looks.filter(|(at, _)| within.contains(at)).count()
    }

    pub(crate) fn told(&self) -> String {
        let line = |(at, event): &(Timestamp, Event)| {
            format!("{:>9.3} {event:?}\n", (*at - START).as_secs_f64())
        };
        self.events.iter().map(line).collect()
    }
}

/// A table as the modelled DynamoDB describes it: without indexes, free, on demand.
pub(crate) fn bare(name: &TableName) -> TableDescription {
    let mut model = Model::default();
    model.add_table(name);
    let reply = model.call(START, &Call::DescribeTable(name.clone()));
    *reply.and_then(Reply::into_table).expect("a table")
}

/// A state in which nothing was done yet.
pub(crate) fn fresh() -> State {
    State::new("airline.yaml", START, "a-lineage".to_owned())
}
