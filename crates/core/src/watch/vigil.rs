//! One table of a wait: what each look at it says of the indexes that are waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::{IndexWait, OnTheWay, TableWait, WatchTrouble, WatchedTable};
use crate::catalog::{IndexDescription, IndexStatus, TableDescription, TableStatus};
use crate::event::Event;
use crate::look::{Patience, Then, missing, missing_text};
use crate::name::{IndexId, IndexName, TableName};
use crate::plan::Outlook;
use crate::polling::{BuildAge, Polling, growing};
use crate::reminder::{Reminder, still_building};
use crate::time::Timestamp;

/// One table that is waited for.
#[derive(Debug)]
pub(super) struct Vigil {
    wait: TableWait,
    began: Timestamp,
    pub(super) next_look: Timestamp,
    /// Looks that failed, in a row.
    pub(super) failures: u32,
    /// The phase of each index that was seen being built.
    phases: BTreeMap<IndexName, bool>,
    standings: BTreeMap<IndexName, IndexWait>,
    /// When each build began, where that is known.
    begun: BTreeMap<IndexName, Timestamp>,
    /// For how long other regions were waited for.
    patience: BTreeMap<IndexName, Patience>,
    /// What was told once already.
    told: BTreeSet<Told>,
    events: VecDeque<Event>,
    reminders: BTreeMap<IndexName, Reminder>,
    trouble: Option<WatchTrouble>,
    over: bool,
}

/// What is told once, until it is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Status(String),
    NotShown(IndexName),
    Absent(IndexName),
}

impl Vigil {
    pub(super) fn new(now: Timestamp, wait: TableWait) -> Self {
        let waiting = wait.indexes.iter().map(|name| (name.clone(), IndexWait::Waiting));
        Self {
            standings: waiting.collect(),
            wait,
            began: now,
            next_look: now,
            failures: 0,
            phases: BTreeMap::new(),
            begun: BTreeMap::new(),
            patience: BTreeMap::new(),
            told: BTreeSet::new(),
            events: VecDeque::new(),
            reminders: BTreeMap::new(),
            trouble: None,
            over: false,
        }
    }

    pub(super) fn table(&self) -> &TableName {
        &self.wait.table
    }

    /// Whether other regions are to be asked after the base, which shows `table`: not
    /// before an index is ready there, and not for one that was found ready in all of them.
    pub(super) fn wants_regions(&self, table: &TableDescription) -> bool {
        let wait = &self.wait.indexes;
        let over = |name: &IndexName| matches!(self.standings.get(name), Some(IndexWait::Ready(_)));
        let wanted = |name: &IndexName| (wait.is_empty() || wait.contains(name)) && !over(name);
        table.indexes.iter().any(|index| index.is_ready() && wanted(&index.name))
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// What there is to tell since the last time.
    pub(super) fn told(&mut self) -> VecDeque<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn end(&mut self, trouble: WatchTrouble) {
        self.trouble = Some(trouble);
        self.over = true;
    }

    pub(super) fn into_result(self) -> WatchedTable {
        let Self { wait, trouble, mut standings, .. } = self;
        let named = wait.indexes.iter();
        let mut indexes: Vec<_> = named.filter_map(|name| standings.remove_entry(name)).collect();
        indexes.extend(standings);
        WatchedTable { table: wait.table, trouble, indexes }
    }

    /// Just after a create DynamoDB may deny that the table is there at all.
    pub(super) fn on_missing(&mut self, now: Timestamp, on_the_way: &OnTheWay, begun: Timestamp) {
        if on_the_way.recent(&self.wait.table, now, begun).next().is_some() {
            self.next_look = now + growing(now - self.began);
        } else {
            self.end(WatchTrouble::NoTable);
        }
    }

    pub(super) fn on_table(
        &mut self,
        now: Timestamp,
        asked_at: Timestamp,
        table: &TableDescription,
        on_the_way: &OnTheWay,
        begun: Timestamp,
    ) {
        self.failures = 0;
        self.next_look = now + growing(now - self.began);
        if !self.is_usable(table) {
            return;
        }
        for name in self.named(table, asked_at, on_the_way, begun) {
            if matches!(self.standings.get(&name), Some(IndexWait::Ready(_))) {
                continue;
            }
            let standing = match table.index(&name) {
                Some(index) if index.status != IndexStatus::Deleting => {
                    self.on_index(now, table, index)
                }
                None if on_the_way.may_be_unseen(&self.id(&name), table, asked_at, begun) => {
                    let id = self.id(&name);
                    let asked_for = on_the_way.contains(&id);
                    let event = Event::NotShownYet { id, asked_for };
                    self.tell_once(Told::NotShown(name.clone()), event);
                    IndexWait::Waiting
                }
                shown => self.on_absent(&name, shown.is_some()),
            };
            self.standings.insert(name, standing);
        }
        self.next_look = now + self.next_look_in(now, table);
        // Nobody knows yet what the change brings.
        let nothing_yet = self.standings.is_empty() && table.status == TableStatus::Updating;
        if nothing_yet {
            self.tell_status(table);
        }
        self.over = !nothing_yet && !self.standings.values().any(|w| *w == IndexWait::Waiting);
    }

    /// Indexes that are being built are looked at as a run does it.
    fn next_look_in(&self, now: Timestamp, table: &TableDescription) -> Duration {
        let waited = now - self.began;
        let waiting = self.standings.iter().filter(|(_, wait)| **wait == IndexWait::Waiting);
        let look = |name: &IndexName| match table.index(name) {
            Some(index) if !index.is_ready() => {
                let begun = self.begun.get(name);
                let waited = begun.map_or(waited, |begun| now - *begun);
                let (whole, backfilling) = (begun.is_some(), index.backfilling);
                let age = BuildAge { waited, whole, backfilling };
                Polling::default().of_build(table.account(), age)
            }
            _ => growing(waited),
        };
        waiting.map(|(name, _)| look(name)).min().unwrap_or_else(|| growing(waited))
    }

    /// Whether what the table shows of its indexes is to be believed. What keeps it from
    /// that is told once.
    fn is_usable(&mut self, table: &TableDescription) -> bool {
        if let Some(trouble) = table.status.trouble() {
            let status = table.status.to_string();
            self.tell_once(
                Told::Status(status.clone()),
                Event::TableTrouble {
                    table: self.wait.table.clone(),
                    status: status.clone(),
                    remedy: trouble.remedy.to_owned(),
                    passes: trouble.passes,
                },
            );
            if !trouble.passes {
                self.end(WatchTrouble::Unusable { status, remedy: trouble.remedy });
            }
            return false;
        }
        let had_trouble = |told: &Told| match told {
            Told::Status(status) => TableStatus::from(status.as_str()).trouble().is_some(),
            Told::NotShown(_) | Told::Absent(_) => false,
        };
        if self.told.iter().any(had_trouble) {
            self.told.retain(|told| !had_trouble(told));
            self.events.push_back(Event::TableBack(self.wait.table.clone()));
        }
        if table.status == TableStatus::Creating {
            self.tell_status(table);
        }
        table.status != TableStatus::Creating
    }

    /// What is waited for: what was named, or all that the table ever showed, and what
    /// was asked for a moment ago.
    fn named(
        &self,
        table: &TableDescription,
        asked_at: Timestamp,
        on_the_way: &OnTheWay,
        begun: Timestamp,
    ) -> Vec<IndexName> {
        if !self.wait.indexes.is_empty() {
            return self.wait.indexes.clone();
        }
        let shown = table.indexes.iter().map(|index| &index.name);
        let recent = on_the_way.recent(&self.wait.table, asked_at, begun);
        let recent =
            recent.filter(|name| on_the_way.may_be_unseen(&self.id(name), table, asked_at, begun));
        let names: BTreeSet<_> = shown.chain(recent).chain(self.standings.keys()).collect();
        let mut names: Vec<_> = names.into_iter().cloned().collect();
        let place = |name: &IndexName| table.indexes.iter().position(|i| i.name == *name);
        names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
        names
    }

    fn on_index(
        &mut self,
        now: Timestamp,
        table: &TableDescription,
        index: &IndexDescription,
    ) -> IndexWait {
        let id = self.id(&index.name);
        let differences = self.differences(table, index);
        if !differences.is_empty() {
            let reason =
                format!("an index of that name has another definition: {}", differences.join(", "));
            self.tell_once(Told::Absent(index.name.clone()), Event::Obstructed { id, reason });
            return IndexWait::Conflict(differences);
        }
        let before = self.phases.insert(index.name.clone(), index.backfilling);
        if before.is_none() && !index.is_ready() && !index.backfilling {
            // In allocation: it began within the last minute.
            self.begun.insert(index.name.clone(), now);
        }
        let missing = missing(table, &index.name);
        if index.is_ready() && missing.is_empty() {
            let took = now - self.began;
            self.events.push_back(match before {
                None if !self.told.contains(&Told::NotShown(index.name.clone())) => {
                    Event::AlreadyActive(id)
                }
                // It was on its way, or being built when it was first seen.
                _ => Event::Activated { id, took, whole: false },
            });
            return IndexWait::Ready(took);
        }
        match before {
            None => self.events.push_back(Event::Adopted { id, backfilling: index.backfilling }),
            Some(false) if index.backfilling => self.events.push_back(Event::Backfilling(id)),
            Some(_) => {}
        }
        if index.is_ready() {
            let patience = self.patience.entry(index.name.clone()).or_default();
            match patience.judge(now, &missing) {
                Then::WaitFromNow => {
                    let id = self.id(&index.name);
                    self.events.push_back(Event::AwaitingRegions { id, missing });
                }
                Then::Wait => {}
                Then::GiveUp => return IndexWait::Unconfirmed(missing_text(&missing)),
            }
        } else {
            self.remind(now, table, index);
        }
        IndexWait::Waiting
    }

    /// Says now and then that it is still being built, and what bounds that.
    fn remind(&mut self, now: Timestamp, table: &TableDescription, index: &IndexDescription) {
        let slow = index.backfilling && Outlook::of_build(index, table).bound.is_some();
        let waited = now - self.began;
        if self.reminders.entry(index.name.clone()).or_default().is_due(waited, slow) {
            let id = self.id(&index.name);
            self.events.push_back(still_building(id, index, table, waited));
        }
    }

    fn differences(&self, table: &TableDescription, index: &IndexDescription) -> Vec<String> {
        let wanted = self.wait.definitions.iter().find(|wanted| wanted.id.index == index.name);
        wanted.map(|wanted| wanted.differences(&table.attributes, index)).unwrap_or_default()
    }

    fn on_absent(&mut self, name: &IndexName, leaving: bool) -> IndexWait {
        let reason = if leaving {
            "it is being deleted: there is nothing to wait for"
        } else {
            "there is no such index, and no run is known to have asked for it"
        };
        let event = Event::Obstructed { id: self.id(name), reason: reason.to_owned() };
        self.tell_once(Told::Absent(name.clone()), event);
        IndexWait::Missing
    }

    fn tell_status(&mut self, table: &TableDescription) {
        let status = table.status.to_string();
        let event = Event::AwaitingTable { table: self.wait.table.clone(), status: status.clone() };
        self.tell_once(Told::Status(status), event);
    }

    fn tell_once(&mut self, told: Told, event: Event) {
        if self.told.insert(told) {
            self.events.push_back(event);
        }
    }

    fn id(&self, name: &IndexName) -> IndexId {
        IndexId::new(self.wait.table.clone(), name.clone())
    }
}
