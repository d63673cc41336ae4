//! A check in virtual time, step by step: a step is an answer or a wake-up.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{CallError, Reply, Scan};
use gsictl_core::catalog::Catalog;
use gsictl_core::check::{
    About, Asked, Check, CheckReport, Cursor, CursorError, Options, Order, Violation,
};
use gsictl_core::definition::Definitions;
use gsictl_core::event::{CheckProgress, Event};
use gsictl_core::machine::{CallId, Effect, Machine};
use gsictl_core::plan::Selection;
use gsictl_core::state::{Serial, Target};
use gsictl_core::time::Timestamp;

use super::service::Service;

pub(super) const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// How long a save takes.
const SAVE: Duration = Duration::from_millis(7);

/// What is checked, and how.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) definitions: Definitions,
    pub(super) options: Options,
    pub(super) asked: Asked,
    pub(super) segments: Option<u32>,
    pub(super) seed: u64,
    /// Where it is not what the service has.
    pub(super) catalog: Option<Catalog>,
}

impl Wanted {
    pub(super) fn new(definitions: Definitions) -> Self {
        let options = Options { stream: true, ..Options::default() };
        let asked = Asked { definitions: "a digest".to_owned(), ..Asked::default() };
        Self { definitions, options, asked, segments: None, seed: 1, catalog: None }
    }

    fn with<T>(&self, service: &Service, make: impl FnOnce(&Order<'_>) -> T) -> T {
        let catalog = self.catalog.clone().unwrap_or_else(|| service.catalog());
        make(&Order {
            definitions: &self.definitions,
            catalog: &catalog,
            selection: &Selection::default(),
            options: &self.options,
            asked: &self.asked,
            segments: self.segments,
            seed: self.seed,
        })
    }

    pub(super) fn begin<'s>(&self, service: &'s Service) -> Run<'s> {
        Run::new(service, self.with(service, |order| Check::new(order, START)), START)
    }

    /// Goes on an hour later.
    pub(super) fn resume<'s>(
        &self,
        service: &'s Service,
        cursor: &[u8],
    ) -> Result<Run<'s>, CursorError> {
        let now = START + Duration::from_secs(3_600);
        let cursor = Cursor::parse(cursor)?;
        let check = self.with(service, |order| Check::resume(order, cursor, now))?;
        Ok(Run::new(service, check, now))
    }

    /// From the beginning to the end.
    pub(super) fn run<'s>(&self, service: &'s Service) -> Run<'s> {
        let mut run = self.begin(service);
        run.finish();
        run
    }
}

/// An answered page.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) at: Timestamp,
    pub(super) scan: Scan,
    pub(super) items: usize,
    pub(super) units: f64,
}

/// A place that was saved.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) bytes: Vec<u8>,
    /// Violations that were told before.
    pub(super) told: usize,
    pub(super) durable: bool,
}

enum Delivery {
    Reply(CallId, Result<Reply, CallError>),
    Saved(Serial),
}

pub(super) struct Run<'s> {
    service: &'s Service,
    pub(super) check: Check,
    pub(super) now: Timestamp,
    under_way: BTreeMap<(Timestamp, u64), Delivery>,
    sent: u64,
    random: fastrand::Rng,
    pub(super) events: Vec<(Timestamp, Event)>,
    pub(super) calls: Vec<(Timestamp, Scan)>,
    pub(super) read: Vec<Read>,
    pub(super) saves: Vec<Saved>,
    pub(super) steps: usize,
    pub(super) fail_saves: bool,
}

impl<'s> Run<'s> {
    fn new(service: &'s Service, check: Check, now: Timestamp) -> Self {
        let mut run = Self {
            service,
            check,
            now,
            under_way: BTreeMap::new(),
            sent: 0,
            random: fastrand::Rng::with_seed(99),
            events: Vec::new(),
            calls: Vec::new(),
            read: Vec::new(),
            saves: Vec::new(),
            steps: 0,
            fail_saves: false,
        };
        run.poll();
        run
    }

    pub(super) fn finish(&mut self) {
        while self.step() {
            assert!(self.steps < 2_000_000, "it does not end");
        }
    }

    /// Runs until `until`, or its end.
    pub(super) fn to(&mut self, until: Timestamp) {
        while self.now < until && self.step() {}
    }

    /// Runs so many steps; whether it goes on after them.
    pub(super) fn steps(&mut self, count: usize) -> bool {
        (0..count).all(|_| self.step())
    }

    /// One answer or one wake-up. False where it is over.
    pub(super) fn step(&mut self) -> bool {
        if self.check.is_over() {
            return false;
        }
        self.steps += 1;
        let answer = self.under_way.keys().next().copied();
        let wake = self.check.wake_at();
        assert!(wake.is_none_or(|at| at > self.now), "it spins at {}: {wake:?}", self.now);
        match (answer, wake) {
            (Some((at, n)), wake) if wake.is_none_or(|wake| at <= wake) => {
                self.now = at;
                self.deliver((at, n));
            }
            (_, Some(wake)) => self.now = wake,
            _ => panic!("it waits for nothing"),
        }
        self.poll();
        !self.check.is_over()
    }

    /// All that is under way comes at once, and nothing is made of it yet.
    pub(super) fn receive_all(&mut self) -> usize {
        let all: Vec<_> = self.under_way.keys().copied().collect();
        for which in &all {
            self.now = which.0;
            self.deliver(*which);
        }
        all.len()
    }

    pub(super) fn stop(&mut self) {
        self.check.on_stop(self.now);
        self.poll();
        self.finish();
    }

    fn deliver(&mut self, which: (Timestamp, u64)) {
        match self.under_way.remove(&which).unwrap() {
            Delivery::Reply(id, reply) => self.check.on_reply(self.now, id, reply),
            Delivery::Saved(serial) => {
                let result = if self.fail_saves { Err("disk full".to_owned()) } else { Ok(()) };
                self.saves.last_mut().unwrap().durable = result.is_ok();
                self.check.on_saved(self.now, serial, result);
            }
        }
    }

    fn poll(&mut self) {
        while let Some(effect) = self.check.poll(self.now) {
            match effect {
                Effect::Notify(event) => self.events.push((self.now, event)),
                Effect::Save(snapshot) => {
                    let (bytes, told) = (snapshot.bytes, self.violations().len());
                    self.saves.push(Saved { bytes, told, durable: false });
                    self.send(SAVE, Delivery::Saved(snapshot.serial));
                }
                Effect::Call(id, call) => {
                    let answer = self.service.answer(self.now, self.calls.len(), &call);
                    let gsictl_core::call::Call::Scan(scan) = call else { unreachable!() };
                    self.calls.push((self.now, (*scan).clone()));
                    if answer.reply.is_ok() {
                        let (at, items, units) = (self.now, answer.items, answer.units);
                        self.read.push(Read { at, scan: *scan, items, units });
                    }
                    let (least, more) = self.service.latency;
                    let takes = Duration::from_millis(least + self.random.u64(..=more));
                    self.send(takes, Delivery::Reply(id, answer.reply));
                }
            }
        }
    }

    fn send(&mut self, takes: Duration, delivery: Delivery) {
        self.sent += 1;
        self.under_way.insert((self.now + takes, self.sent), delivery);
    }

    pub(super) fn violations(&self) -> Vec<&Violation> {
        let told = self.events.iter().filter_map(|(_, event)| match event {
            Event::Violating(violation) => Some(&**violation),
            _ => None,
        });
        told.collect()
    }

    pub(super) fn progress(&self) -> Vec<(Timestamp, &CheckProgress)> {
        let told = self.events.iter().filter_map(|(at, event)| match event {
            Event::Checking(progress) => Some((*at, &**progress)),
            _ => None,
        });
        told.collect()
    }

    /// How often an event was told that fits.
    pub(super) fn told(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| fits(event)).count()
    }

    /// The newest place that would be there after a crash now.
    pub(super) fn durable(&self) -> Option<&Saved> {
        self.saves.iter().rev().find(|saved| saved.durable)
    }

    pub(super) fn report(&self) -> CheckReport {
        let target = Target::default();
        self.check.report(&About {
            script_name: "indexes.yaml",
            target: &target,
            ended_at: self.now,
            violations_file: None,
        })
    }
}

/// Violations in an order that does not depend on when they were found.
pub(super) fn sorted<'v>(violations: impl IntoIterator<Item = &'v Violation>) -> Vec<String> {
    let text = |v: &Violation| serde_json::to_string(v).unwrap();
    let mut texts: Vec<_> = violations.into_iter().map(text).collect();
    texts.sort_unstable();
    texts
}
