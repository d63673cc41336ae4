//! What others do to the tables, past the limiter and without asking: for tests.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Elapsed;
use crate::model::ControlPlane;
use crate::model::access::AccessRules;
use crate::model::index::FakeIndex;
use crate::model::life::IndexLife;
use crate::model::script::Scripted;
use crate::model::table::{FakeTable, RegionSeat};

impl ControlPlane {
    /// The next requests that fit are answered so.
    pub fn script(&mut self, scripted: Scripted) {
        self.script.push(scripted);
    }

    /// Its regions, its own first.
    #[must_use]
    pub fn regions(&self) -> Vec<String> {
        self.regions.clone()
    }

    /// Nothing is scripted any more.
    pub fn clear_script(&mut self) {
        self.script.clear();
    }

    /// Who may do what.
    pub fn access(&mut self) -> &mut AccessRules {
        &mut self.access
    }

    /// Somebody creates an index, which takes the usual time.
    pub fn create(&mut self, now: Elapsed, table: &str, mut index: FakeIndex) {
        let times = self.times;
        let backfill = if index.is_vector { times.vector_backfill } else { times.backfill };
        let table = self.table(table);
        let base = table.seats[0].region.clone();
        index.lives = table.lives(now, &base, backfill, &times);
        table.indexes.push(index);
        table.changed.push(now);
    }

    /// An index is there all at once, in every region and built.
    pub fn place(&mut self, table: &str, mut index: FakeIndex) {
        let table = self.table(table);
        let regions = table.seats.iter().map(|seat| seat.region.clone());
        index.lives = regions.map(|region| (region, IndexLife::of_old())).collect();
        table.indexes.push(index);
    }

    /// Somebody deletes an index, which takes the usual time.
    pub fn delete(&mut self, now: Elapsed, table: &str, index: &str) {
        let takes = self.times.deletion;
        let table = self.table(table);
        for index in table.indexes.iter_mut().filter(|i| i.name == index) {
            for life in index.lives.values_mut() {
                life.deletion.get_or_insert((now, now + takes));
            }
        }
        table.changed.push(now);
    }

    /// An index vanishes from one region, as if it had never been made there.
    pub fn lose_in(&mut self, table: &str, index: &str, region: &str) {
        let table = self.table(table);
        for index in table.indexes.iter_mut().filter(|i| i.name == index) {
            index.lives.remove(region);
        }
    }

    /// The throughput of an index is being changed for `span`.
    pub fn keep_updating(&mut self, now: Elapsed, table: &str, index: &str, span: Duration) {
        let table = self.table(table);
        for index in table.indexes.iter_mut().filter(|i| i.name == index) {
            index.changes.push((now, now + span));
        }
    }

    /// The table is UPDATING for `span`, for a reason that is no index.
    pub fn keep_busy(&mut self, now: Elapsed, table: &str, span: Duration) {
        self.table(table).busy.push((now, now + span));
    }

    /// The table shows this status in every region from now on, whatever it does
    /// (`INACCESSIBLE_ENCRYPTION_CREDENTIALS`, `ARCHIVED`); `ACTIVE` ends it.
    pub fn set_status(&mut self, now: Elapsed, table: &str, status: &str) {
        for seat in &mut self.table(table).seats {
            seat.status.set(now, status.to_owned());
        }
    }

    /// The table gets a replica, which is CREATING for the usual time.
    pub fn add_replica(&mut self, now: Elapsed, table: &str, region: &str) {
        let ready = now + self.times.replica_creation;
        if !self.regions.iter().any(|known| known == region) {
            self.regions.push(region.to_owned());
        }
        let table = self.table(table);
        let seat = RegionSeat { from: now, ready, ..RegionSeat::new(region) };
        table.seats.push(seat);
        for index in &mut table.indexes {
            let life = IndexLife {
                asked: now,
                shown: now,
                allocated: now,
                active: Some(ready),
                deletion: None,
            };
            index.lives.insert(region.to_owned(), life);
        }
    }

    /// Application Auto Scaling sets the write units of an index from now on, or no more.
    pub fn autoscale(&mut self, table: &str, index: &str, autoscaled: bool) {
        let table = self.table(table);
        for index in table.indexes.iter_mut().filter(|i| i.name == index) {
            index.autoscaled_writes = autoscaled;
        }
    }

    /// Its description shows another value of a member, or one more.
    pub fn set_member(&mut self, table: &str, member: &str, value: Value) {
        self.table(table).members.insert(member.to_owned(), value);
    }

    /// The table is deleted and made again: empty, with another `TableId`.
    pub fn remake(&mut self, table: FakeTable) {
        self.tables.retain(|known| known.name != table.name);
        self.add(table);
    }

    /// # Panics
    /// Where there is no such table: the test is wrong.
    fn table(&mut self, name: &str) -> &mut FakeTable {
        let table = self.tables.iter_mut().find(|table| table.name == name);
        table.unwrap_or_else(|| panic!("the fake has no table {name}"))
    }
}
