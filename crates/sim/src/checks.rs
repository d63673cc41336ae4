//! The invariants of ARCHITECTURE.md, held after every step of every run.
//!
//! Nothing here asks the engine or shares its judgement: it reads the bytes of
//! the saves and the answers of the model for itself. What is broken is a panic
//! that names the invariant.

mod claims;
mod deletion;
mod looks;
mod moment;
mod refusals;
mod saved;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, CreateIndex, Effect, ErrorKind, Reply};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Snapshot};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::state::Serial;
use gsictl_core::time::Timestamp;

use crate::coverage::{Coverage, Row};
use crate::ledger::Evidence;

use self::claims::Claims;
use self::looks::{Regions, Seen};
use self::moment::Moment;
use self::refusals::Refusals;

pub use self::saved::{Saved, SavedEntry};

/// Indexes that a table may have, where AWS has not raised that.
const DEFAULT_QUOTA: usize = 20;

/// How a run goes about its work, as far as it can be held to it.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The least wait before attempt n+1, by n.
    pub backoff: Vec<Duration>,
    /// Whether failed entries are started.
    pub retry_failed: bool,
    /// How long after a create a description may not show the index yet.
    pub visibility: Duration,
    /// It is a rollback.
    pub rollback: bool,
    /// A rollback that deletes what was never acknowledged, too.
    pub include_inferred: bool,
    /// How often a run may try an index; 0 where it is not held to it.
    pub max_attempts: u32,
    /// Regions that nobody waits for.
    pub skip_regions: BTreeSet<String>,
}

/// A create that may have been applied.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Moment,
    /// When its intent was noted: all that a later run knows.
    meant_at: Moment,
    /// A description has shown what it made.
    shown: bool,
    /// It was acknowledged, as far as the state knows.
    acknowledged: bool,
}

/// What a create of ours was about.
#[derive(Debug)]
struct Made {
    call: Box<CreateIndex>,
    table_id: Option<String>,
}

/// What a run has to wait for after failed attempts on one index.
#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    failures: usize,
    not_before: Timestamp,
    /// The newest of them was a create.
    of_create: bool,
}

/// What the world remembers of the machines' calls, saves and answers.
#[derive(Debug, Default)]
pub struct Checks {
    rules: Rules,
    /// The newest state that the run was told is durable.
    confirmed: Option<Arc<Saved>>,
    /// The digest of the state that the run rests on: the one that it read, or saved since.
    rests: Option<u64>,
    /// The newest that was handed out.
    handed_out: Option<Arc<Saved>>,
    /// What the disk may hold: the newest confirmed, and all that came later.
    durable: Vec<Arc<[u8]>>,
    /// What each state that was ever handed out rests on, by its bytes: what the
    /// runs of its lineage had been told by then of the indexes that they made.
    known: BTreeMap<u64, Claims>,
    /// What this run was told, and what its state rests on.
    claims: Claims,
    lineage: Option<Rc<str>>,
    /// A state was confirmed, and nobody archived or removed it since.
    kept: bool,
    save_failed: bool,
    stopping: bool,
    newest: Option<u64>,
    /// Calls that change a table and are not answered.
    unanswered: BTreeMap<TableName, CallId>,
    /// The newest description of each table, if asked after our last change.
    seen: BTreeMap<TableName, Seen>,
    changed: BTreeMap<TableName, Timestamp>,
    asked: BTreeMap<CallId, Moment>,
    /// The intents of the newest state, by index.
    meant: BTreeMap<IndexId, Option<String>>,
    /// The serial of the intent that the last create of an index rested on.
    intents: BTreeMap<IndexId, u64>,
    /// Creates that may have been applied, with no look since that showed the
    /// index absent. They outlive a run.
    may_exist: BTreeMap<IndexId, Sent>,
    backoff: BTreeMap<IndexId, Backoff>,
    /// What our creates were about, the newest of each index.
    made: BTreeMap<IndexId, Made>,
    /// Creates of this run that were acknowledged, by index.
    accepted: BTreeMap<IndexId, u32>,
    /// Indexes of which this run's delete was acknowledged; `true` once a
    /// description showed them gone or going.
    removed: BTreeMap<IndexId, bool>,
    /// Indexes that descriptions of this run showed ready, in every region.
    shown_ready: BTreeSet<IndexId>,
    regions: Regions,
    refusals: Refusals,
    /// Indexes that a description showed since the last save.
    shown: BTreeSet<IndexId>,
    /// The rows that were met.
    pub coverage: Coverage,
}

impl Checks {
    /// No create is under way.
    #[must_use]
    pub fn all_answered(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Whether descriptions of this run showed the index ready, in every region.
    #[must_use]
    pub fn saw_ready(&self, id: &IndexId) -> bool {
        self.shown_ready.contains(id)
    }

    /// Whether the last save of this run failed.
    #[must_use]
    pub fn save_failed(&self) -> bool {
        self.save_failed
    }

    /// Whether a create of this run was acknowledged.
    #[must_use]
    pub fn was_created(&self, id: &IndexId) -> bool {
        self.accepted.contains_key(id)
    }

    /// Whether a delete of this run was acknowledged, and the index was shown gone
    /// or going afterwards.
    #[must_use]
    pub fn was_deleted(&self, id: &IndexId) -> bool {
        self.removed.get(id) == Some(&true)
    }

    /// The lineage of the state that this run works on.
    #[must_use]
    pub fn lineage(&self) -> Rc<str> {
        self.lineage.clone().unwrap_or_else(|| "".into())
    }

    /// Whether the runs of this state may take the index for what they made.
    ///
    /// # Errors
    /// What they were told.
    pub fn evidence(&self, id: &IndexId) -> Evidence {
        self.claims.evidence(id, self.rules.include_inferred)
    }

    /// The newest state that this run was told is durable.
    #[must_use]
    pub fn confirmed(&self) -> Option<&Saved> {
        self.confirmed.as_deref()
    }

    /// A run begins, on what is durable. Invariant 5.
    ///
    /// # Panics
    /// Where that was never saved.
    pub fn begin(&mut self, rules: Rules, loaded: Option<&[u8]>) {
        match loaded {
            Some(bytes) if self.durable.is_empty() => self.durable.push(bytes.into()),
            Some(bytes) => {
                let known = self.durable.iter().any(|saved| **saved == *bytes);
                assert!(known, "invariant 5: the durable state is one that was never saved");
            }
            None => assert!(!self.kept, "invariant 5: a durable state is gone"),
        }
        (self.claims, self.lineage, self.rests) = (Claims::default(), None, None);
        self.meant.clear();
        if let Some(bytes) = loaded {
            self.rests_on(bytes);
        }
        self.confirmed = loaded.map(|bytes| Arc::new(Saved::read(bytes)));
        self.newest = self.confirmed.as_ref().map(|saved| saved.serial());
        self.handed_out = self.confirmed.clone();
        self.rules = rules;
        for (id, sent) in &mut self.may_exist {
            sent.at = sent.meant_at;
            let saved = self.confirmed.as_ref();
            sent.acknowledged &= saved.is_some_and(|saved| saved.owner(id) == Some("run"));
        }
        (self.save_failed, self.stopping) = (false, false);
        self.unanswered.clear();
        self.seen.clear();
        self.changed.clear();
        self.asked.clear();
        self.intents.clear();
        self.backoff.clear();
        self.accepted.clear();
        self.removed.clear();
        self.shown_ready.clear();
        self.shown.clear();
        (self.regions, self.refusals) = (Regions::default(), Refusals::default());
    }

    /// The run works on this state. What it may know is what the newest of its
    /// lineage in the directory knows.
    pub fn rests_on(&mut self, newest: &[u8]) {
        let rests = digest(newest);
        self.claims = self.known.get(&rests).cloned().unwrap_or_default();
        self.rests = Some(rests);
        let saved = Saved::read(newest);
        // An index that is ready where the table was asked, and not in every region, is
        // not active for the state, and a later run knows nothing of it.
        let active = |id: &IndexId| saved.entry(id).is_some_and(|(_, e)| e.status == "active");
        self.claims.remember_active(active);
        self.lineage = Some(saved.lineage().into());
        let intent = |id: &IndexId| saved.record(id).and_then(|record| record.intent_at.clone());
        self.meant = saved.entries().map(|(id, _)| (id.clone(), intent(&id))).collect();
    }

    /// Newer states of other lineages know more of these.
    pub(crate) fn superseded<'a>(&mut self, ids: impl Iterator<Item = &'a IndexId>) {
        ids.for_each(|id| self.claims.give_up(id));
    }

    /// The state was put away before the run began: a new one begins.
    pub fn begin_anew(&mut self) {
        (self.claims, self.lineage, self.rests) = (Claims::default(), None, None);
        self.meant.clear();
        (self.confirmed, self.handed_out, self.newest) = (None, None, None);
    }

    /// These bytes were saved, or archived, and not by a machine. They rest on what
    /// this run was told.
    pub fn saved_outside(&mut self, bytes: &[u8]) {
        self.keeps_what_is_ours(&Saved::read(bytes));
        let claims = self.claims.clone();
        self.known.entry(digest(bytes)).or_insert(claims);
        self.rests = Some(digest(bytes));
        self.durable.push(bytes.into());
        self.kept = true;
    }

    /// The run ended by itself, and what it was told is in its state, if the state
    /// could be saved.
    ///
    /// # Panics
    /// Where something was refused that is not told, or not in the state.
    pub fn ended(&mut self) {
        if let (Some(saved), false, false) = (&self.confirmed, self.save_failed, self.stopping) {
            self.refusals.all_are_told();
            self.refusals.all_stand_in(saved);
            if !self.rules.rollback {
                self.refusals.has_failed_for_good(saved);
            }
        }
        if let (Some(rests), false) = (self.rests, self.save_failed) {
            self.known.insert(rests, self.claims.clone());
        }
    }

    /// An older directory was put back, which knows nothing of what came after it.
    pub fn forget_what_was_sent(&mut self) {
        self.may_exist.clear();
    }

    /// The state is being archived: from now on it may be gone.
    pub fn archiving(&mut self) {
        self.kept = false;
    }

    /// Somebody put another file there, or removed it.
    pub fn forget_disk(&mut self) {
        self.durable.clear();
        self.kept = false;
    }

    /// The run is asked to stop.
    pub(crate) fn on_stop(&mut self) {
        self.stopping = true;
    }

    /// Invariants 5 and 8, and the tables of docs/state-file.md.
    pub(crate) fn on_save(&mut self, snapshot: &Snapshot) {
        let saved = Arc::new(Saved::read(&snapshot.bytes));
        let serial = saved.serial();
        assert_eq!(Serial::get(snapshot.serial), serial, "invariant 5: the serial in the file");
        assert!(
            self.newest.is_none_or(|newest| serial > newest),
            "invariant 5: serial {serial} follows {:?}",
            self.newest
        );
        assert!(!self.save_failed, "invariant 8: a save after a failed one");
        if let Some(before) = self.handed_out.take() {
            for (id, entry) in saved.entries() {
                if let Some((_, old)) = before.entry(&id) {
                    self.moved_as_the_tables_say(&id, old, entry);
                    let intent = |saved: &Saved| Some(saved.record(&id)?.intent_at.clone());
                    let intended = intent(&saved) != intent(&before);
                    self.coverage.moved(&old.status, &entry.status, intended, self.stopping);
                }
            }
        }
        self.newest = Some(serial);
        if self.lineage.is_none() {
            self.lineage = Some(saved.lineage().into());
        }
        self.note_intents(&saved);
        self.keeps_what_is_ours(&saved);
        if !self.stopping {
            self.refusals.all_are_told();
            self.refusals.all_stand_in(&saved);
        }
        self.known.insert(digest(&snapshot.bytes), self.claims.clone());
        self.handed_out = Some(saved);
        self.durable.push(snapshot.bytes.as_slice().into());
        self.shown.clear();
    }

    /// Whoever reads an intent knows that there may be what it means, though its
    /// call may never have been made.
    fn note_intents(&mut self, saved: &Saved) {
        for (id, _) in saved.entries() {
            let intent = saved.record(&id).and_then(|record| record.intent_at.clone());
            let before = self.meant.insert(id.clone(), intent.clone());
            if let Some(at) = intent.filter(|at| before.flatten().as_ref() != Some(at)) {
                let at = Timestamp::parse(&at).expect("invariant 4: a time");
                self.claims.sent(&id, Moment { real: at, by_clock: at }, at);
            }
        }
    }

    /// Invariant 3, the other way round: nothing that was acknowledged is given up
    /// before something was told against it.
    fn keeps_what_is_ours(&self, saved: &Saved) {
        for id in self.claims.undoubted().filter(|id| saved.entry(id).is_some()) {
            let owner = saved.owner(id);
            assert_eq!(owner, Some("run"), "invariant 3: {id} was created by us");
        }
    }

    /// Something is told.
    pub(crate) fn on_event(&mut self, event: &Event) {
        self.refusals.hear(event);
    }

    fn moved_as_the_tables_say(&self, id: &IndexId, old: &SavedEntry, new: &SavedEntry) {
        let shown = self.shown.contains(id);
        let allowed = match (old.status.as_str(), new.status.as_str()) {
            // An intent is saved before the call that could fail.
            ("pending" | "active", "failed") => false,
            ("failed", "pending" | "in_progress") => shown || self.rules.retry_failed,
            (_, "active") => new.status == old.status || self.shown_ready.contains(id),
            _ => true,
        };
        assert!(allowed, "status: {id} went from {} to {}", old.status, new.status);
        let anew = old.status == "failed" && self.rules.retry_failed;
        assert!(
            new.retry_count >= old.retry_count || anew,
            "retry count: that of {id} went from {} to {}",
            old.retry_count,
            new.retry_count
        );
    }

    pub(crate) fn on_saved(&mut self, snapshot: &Snapshot, result: &Result<(), String>) {
        if result.is_err() {
            self.save_failed = true;
            return;
        }
        let confirmed = self.handed_out.clone().filter(|s| s.serial() == snapshot.serial.get());
        self.confirmed = confirmed.or_else(|| Some(Arc::new(Saved::read(&snapshot.bytes))));
        self.rests = Some(digest(&snapshot.bytes));
        let at = self.durable.iter().rposition(|saved| **saved == *snapshot.bytes);
        self.durable.drain(..at.unwrap_or(0));
        self.kept = true;
    }

    pub(crate) fn on_call(&mut self, (now, skew): (Timestamp, i64), id: CallId, call: &Call) {
        assert!(!self.save_failed, "invariant 8: a call after a failed save: {call:?}");
        let at = Moment::new(now, skew);
        self.asked.insert(id, at);
        if let Call::DescribeScaling(table) = call {
            self.refusals.asks_for_the_cause(table);
        }
        if !self.stopping {
            self.refusals.all_are_told();
        }
        if let Call::CreateIndex(create) = call {
            let index = IndexId::new(create.table.clone(), create.index.clone());
            self.refusals.may_be_asked(now, &index, self.rules.max_attempts);
            self.one_at_a_time(id, &index);
            let meant_at = self.intent_is_durable(&index);
            self.is_not_early(now, &index);
            let table_id = match self.seen.get(&index.table) {
                Some(Seen::Found(table)) => table.table_id.clone(),
                _ => None,
            };
            self.made.insert(index.clone(), Made { call: create.clone(), table_id });
            self.claims.sent(&index, at, meant_at);
            self.regions.forget(&index);
            let meant_at = Moment::on_clock(meant_at, skew);
            let sent = Sent { at, meant_at, shown: false, acknowledged: false };
            let before = self.may_exist.insert(index.clone(), sent);
            assert!(
                before.is_none(),
                "invariant 2: {index} is created again, and no look showed it absent since {before:?}"
            );
        } else if let Call::DeleteIndex { table, index } = call {
            let index = IndexId::new(table.clone(), index.clone());
            self.refusals.may_be_asked(now, &index, self.rules.max_attempts);
            self.may_be_deleted(id, &index);
            self.is_not_early(now, &index);
        } else {
            assert!(!call.is_mutating(), "invariant 3: a run changes indexes only: {call:?}");
        }
    }

    /// Invariant 1.
    fn one_at_a_time(&mut self, id: CallId, index: &IndexId) {
        let before = self.unanswered.insert(index.table.clone(), id);
        assert_eq!(before, None, "invariant 1: two unanswered creates on {}", index.table);
        let seen = self.seen.get(&index.table);
        assert!(
            seen.is_some_and(Seen::is_free),
            "invariant 1: {index} is created while its table shows {seen:?}"
        );
    }

    /// Invariant 4; and each create has an intent of its own. Returns its time.
    fn intent_is_durable(&mut self, index: &IndexId) -> Timestamp {
        let saved = self.confirmed.as_ref().expect("invariant 4: a save before a create");
        let (_, entry) = saved.entry(index).expect("invariant 4: an entry");
        assert_eq!(entry.status, "in_progress", "invariant 4: {index}");
        let record = saved.record(index).expect("invariant 4: a record");
        assert_eq!(record.owner.as_deref(), Some("inferred"), "invariant 4: {index}");
        let meant_at = record.intent_at.as_deref().expect("invariant 4: the time of an intent");
        let meant_at = Timestamp::parse(meant_at).expect("invariant 4: a time");
        let serial = saved.serial();
        let last = self.intents.insert(index.clone(), serial);
        assert!(
            last.is_none_or(|last| last < serial),
            "invariant 4: {index} is created twice on one intent"
        );
        meant_at
    }

    /// After a failed attempt there is a wait.
    fn is_not_early(&self, now: Timestamp, index: &IndexId) {
        if let Some(backoff) = self.backoff.get(index) {
            assert!(
                now >= backoff.not_before,
                "backoff: {index} is tried again {:?} early, after {} failures",
                backoff.not_before - now,
                backoff.failures
            );
        }
    }

    pub(crate) fn on_reply(
        &mut self,
        now: Timestamp,
        id: CallId,
        call: &Call,
        result: &Result<Reply, CallError>,
    ) {
        let asked_at = self.asked.remove(&id).expect("a call that was asked");
        match call {
            Call::DescribeTable(table) => self.on_look(table, asked_at, now, result),
            Call::DescribeReplica { table, region } => self.on_look_there(table, region, result),
            Call::DescribeScaling(table) => self.refusals.learns_the_cause(table),
            Call::CreateIndex(create) => {
                self.unanswered.remove(&create.table);
                self.changed.insert(create.table.clone(), now);
                let index = IndexId::new(create.table.clone(), create.index.clone());
                self.claims.answered(&index, asked_at.later(now), result);
                if result.is_ok() {
                    self.took_a_create(&index);
                }
                match result {
                    Ok(Reply::Table(table)) => {
                        self.show(table, asked_at.later(now));
                        let seen = Seen::Found(table.clone());
                        self.seen.insert(create.table.clone(), seen);
                    }
                    Ok(_) => {}
                    Err(error) => self.on_failed_create(now, &index, error),
                }
            }
            Call::DeleteIndex { table, index } => {
                self.unanswered.remove(table);
                self.changed.insert(table.clone(), now);
                self.seen.remove(table);
                let index = IndexId::new(table.clone(), index.clone());
                match result {
                    Err(error) => {
                        self.refusals.refused(now, &index, error);
                        self.wait_after(now, &index, error.kind);
                    }
                    Ok(reply) => {
                        self.refusals.is_over(&index);
                        self.claims.deleted(&index);
                        self.removed.entry(index).or_default();
                        if let Reply::Table(table) = reply {
                            self.show(table, asked_at.later(now));
                            self.note_departures(table);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Invariant 6: what is acknowledged and vanishes is an attempt.
    fn took_a_create(&mut self, index: &IndexId) {
        self.refusals.is_over(index);
        if let Some(sent) = self.may_exist.get_mut(index) {
            sent.acknowledged = true;
        }
        if let Some(Seen::Found(table)) = self.seen.get(&index.table)
            && table.indexes.len() >= DEFAULT_QUOTA
        {
            self.coverage.hit(Row::QuotaRaised);
        }
        let times = self.accepted.entry(index.clone()).or_default();
        *times += 1;
        let allowed = self.rules.max_attempts;
        assert!(
            allowed == 0 || *times <= allowed,
            "invariant 6: {index} was acknowledged {times} times in one run, which may try {allowed} times"
        );
    }

    fn on_failed_create(&mut self, now: Timestamp, index: &IndexId, error: &CallError) {
        let unseen = self.seen.get(&index.table).is_some_and(Seen::is_free);
        self.coverage.refused(error, unseen);
        self.refusals.refused(now, index, error);
        // Of a call that arrived twice the first may have been taken.
        self.seen.remove(&index.table);
        if error.effect == Effect::NotApplied {
            self.may_exist.remove(index);
        }
        self.wait_after(now, index, error.kind);
        if let Some(backoff) = self.backoff.get_mut(index) {
            backoff.of_create = true;
        }
    }

    fn wait_after(&mut self, now: Timestamp, index: &IndexId, kind: ErrorKind) {
        let waits = matches!(
            kind,
            ErrorKind::Throttled | ErrorKind::Server | ErrorKind::Connection | ErrorKind::Timeout
        );
        if waits {
            let failed = self.backoff.entry(index.clone()).or_default();
            (failed.failures, failed.of_create) = (failed.failures + 1, false);
            let wait = self.rules.backoff.get(failed.failures - 1).or(self.rules.backoff.last());
            failed.not_before = now + wait.copied().unwrap_or_default();
        }
    }
}

/// Tells states apart.
fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
