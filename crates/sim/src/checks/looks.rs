//! What descriptions show, and what they prove.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{CallError, ErrorKind, Reply};
use gsictl_core::catalog::{
    IndexDescription, IndexStatus, ReplicaDescription, TableDescription, TableStatus,
    VectorIndexDescription,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::time::Timestamp;

use super::{Checks, Moment, Sent};
use crate::coverage::Row;

/// An answered look at a table.
#[derive(Debug)]
pub(super) enum Seen {
    Missing,
    Found(Box<TableDescription>),
}

impl Seen {
    /// Nothing that it shows is in the way of a change.
    pub(super) fn is_free(&self) -> bool {
        let Self::Found(table) = self else { return false };
        table.status == TableStatus::Active
            && !table.indexes.iter().any(is_in_flight)
            && !takes_the_slot(table)
            && !table.replicas.iter().any(is_busy)
    }
}

pub(super) fn is_in_flight(index: &IndexDescription) -> bool {
    index.backfilling || matches!(index.status, IndexStatus::Creating | IndexStatus::Deleting)
}

/// A vector index of somebody else has the table's one slot.
pub(super) fn takes_the_slot(table: &TableDescription) -> bool {
    let in_flight = |vector: &VectorIndexDescription| {
        vector.backfilling || matches!(vector.status, IndexStatus::Creating | IndexStatus::Deleting)
    };
    table.vector_indexes.iter().any(in_flight)
}

/// All changes are refused, whatever TableStatus says.
pub(super) fn is_busy(replica: &ReplicaDescription) -> bool {
    matches!(replica.status.as_str(), "CREATING" | "UPDATING" | "DELETING")
}

/// Where indexes of global tables are ready, as the regions themselves say.
#[derive(Debug, Default)]
pub(super) struct Regions {
    ready: BTreeMap<TableName, BTreeSet<(IndexName, String)>>,
}

impl Regions {
    /// What was seen there is older than this index.
    pub(super) fn forget(&mut self, id: &IndexId) {
        if let Some(ready) = self.ready.get_mut(&id.table) {
            ready.retain(|(index, _)| *index != id.index);
        }
    }

    fn show(&mut self, region: &str, table: &TableDescription) {
        let ready = self.ready.entry(table.name.clone()).or_default();
        for index in &table.indexes {
            let at = (index.name.clone(), region.to_owned());
            if is_in_flight(index) {
                ready.remove(&at);
            } else {
                ready.insert(at);
            }
        }
    }

    /// Whether the index is ready in all other regions that its table has and that
    /// matter.
    fn has_all(
        &self,
        table: &TableDescription,
        index: &IndexName,
        skip: &BTreeSet<String>,
    ) -> bool {
        let ready = self.ready.get(&table.name);
        let matters = |r: &&ReplicaDescription| r.status != "DELETING" && !skip.contains(&r.region);
        table.replicas.iter().filter(matters).all(|replica| {
            let at = (index.clone(), replica.region.clone());
            ready.is_some_and(|ready| ready.contains(&at))
        })
    }
}

impl Checks {
    pub(super) fn on_look(
        &mut self,
        table: &TableName,
        asked_at: Moment,
        now: Timestamp,
        result: &Result<Reply, CallError>,
    ) {
        if self.changed.get(table).is_some_and(|at| asked_at.real < *at) {
            return;
        }
        // A look within the minute proves nothing.
        let visibility = self.rules.visibility;
        let proves = |sent: &Sent| sent.shown || asked_at.is_past(sent.at, visibility);
        let seen = match result {
            Ok(Reply::Table(description)) => {
                let updating = description.status == TableStatus::Updating;
                let taken = |sent: &Sent| !(updating && sent.acknowledged && !sent.shown);
                let gone = |id: &IndexId| {
                    id.table == *table && !description.indexes.iter().any(|i| i.name == id.index)
                };
                self.may_exist.retain(|id, sent| !(gone(id) && proves(sent) && taken(sent)));
                // What was seen being deleted is another index afterwards.
                let leaving = |id: &IndexId| {
                    id.table == *table
                        && description
                            .indexes
                            .iter()
                            .any(|i| i.name == id.index && i.status == IndexStatus::Deleting)
                };
                self.may_exist.retain(|id, _| !leaving(id));
                self.show(description, asked_at);
                if !self.stopping {
                    self.claims.look(description, asked_at, visibility);
                    self.note_what_is_left(description);
                }
                self.note_departures(description);
                self.note_hindrances(description);
                let seen = Seen::Found(description.clone());
                if !seen.is_free() || description.indexes.iter().any(is_retuned) {
                    self.refusals.explained(now, table);
                }
                seen
            }
            Err(error) if error.kind == ErrorKind::TableNotFound => {
                self.may_exist.retain(|id, sent| !(id.table == *table && proves(sent)));
                self.claims.doubt_all_on(table);
                self.refusals.all_are_over(table);
                Seen::Missing
            }
            _ => return,
        };
        self.seen.insert(table.clone(), seen);
    }

    /// What the table's replica in another region says of itself.
    pub(super) fn on_look_there(
        &mut self,
        table: &TableName,
        region: &str,
        result: &Result<Reply, CallError>,
    ) {
        let Ok(Reply::Table(description)) = result else {
            return self.coverage.hit(Row::RegionAway);
        };
        self.regions.show(region, description);
        if let Some(Seen::Found(home)) = self.seen.remove(table) {
            self.note_ready(&home);
            self.seen.insert(table.clone(), Seen::Found(home));
        }
    }

    pub(super) fn show(&mut self, table: &TableDescription, asked_at: Moment) {
        for index in &table.indexes {
            let id = IndexId::new(table.name.clone(), index.name.clone());
            // What stands there was created: that attempt did not fail.
            if let Some(failed) = self.backoff.get_mut(&id).filter(|failed| failed.of_create) {
                failed.not_before = Timestamp::default();
            }
            if let Some(sent) = self.may_exist.get_mut(&id) {
                let late = asked_at.real - sent.at.real > self.rules.visibility;
                if sent.acknowledged && !sent.shown && late {
                    self.coverage.hit(Row::LateShown);
                }
                sent.shown = true;
            }
            if !self.rules.rollback {
                self.refusals.is_over(&id);
            }
            self.shown.insert(id);
        }
        self.note_ready(table);
        let made = &self.made;
        let is_other = |id: &IndexId, index: &IndexDescription| {
            table.table_id.is_none()
                || made.get(id).is_none_or(|made| {
                    let recorded = made.table_id.as_ref();
                    made.call.key_schema != index.key_schema
                        || made.call.projection != index.projection
                        || recorded.is_some_and(|id| table.table_id.as_ref() != Some(id))
                })
        };
        self.claims.doubt(table, asked_at, self.rules.visibility, is_other);
        self.note_what_is_left(table);
    }

    /// A rollback has nothing more to do with what is gone, or is another's.
    fn note_what_is_left(&mut self, table: &TableDescription) {
        if self.rules.rollback {
            let stands = |id: &IndexId| table.indexes.iter().any(|i| i.name == id.index);
            let claims = &self.claims;
            let left = |id: &IndexId| stands(id) && claims.is_undoubted(id);
            self.refusals.remain(&table.name, left);
        }
    }

    fn note_hindrances(&mut self, table: &TableDescription) {
        let rows = [
            (takes_the_slot(table), Row::VectorBuilding),
            (table.replicas.iter().any(is_busy), Row::ReplicaBusy),
            (table.indexes.iter().any(is_retuned), Row::Retuned),
        ];
        rows.iter().filter(|(met, _)| *met).for_each(|(_, row)| self.coverage.hit(*row));
    }

    /// An index is ready where its table's home and every other region show it ready.
    fn note_ready(&mut self, table: &TableDescription) {
        for index in table.indexes.iter().filter(|index| !is_in_flight(index)) {
            if self.regions.has_all(table, &index.name, &self.rules.skip_regions) {
                self.shown_ready.insert(IndexId::new(table.name.clone(), index.name.clone()));
            } else {
                self.coverage.hit(Row::ReadyAtHomeAlone);
            }
        }
    }
}

/// The capacity of the index is being changed.
fn is_retuned(index: &IndexDescription) -> bool {
    index.status == IndexStatus::Updating
}
