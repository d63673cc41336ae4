//! The calls that change a table: when DynamoDB refuses them, and what they begin.

use gsictl_core::call::{Call, CallError, CreateIndex, Reply};
use gsictl_core::catalog::{IndexStatus, TableStatus};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::time::Timestamp;

use super::text::{
    ALLOCATING, EXISTS, LEAVING, ONE_INDEX, UNSCALED, in_use, no_reason, no_table, refusal,
    refuse_attributes,
};
use super::{Applied, Index, Maker, Model, Table};

impl Model {
    pub(super) fn create(
        &mut self,
        now: Timestamp,
        create: &CreateIndex,
        by: Maker,
    ) -> Result<Reply, CallError> {
        self.refuse(now, create).map_or(Ok(()), Err)?;
        self.add_index(now, create, by);
        let id = IndexId::new(create.table.clone(), create.index.clone());
        self.log.push(Applied { at: now, id, created: true, by, of: by });
        self.peak = self.peak.max(self.in_flight(now));
        let table = &self.tables[&create.table];
        Ok(Reply::Table(Box::new(table.describe(now))))
    }

    /// The texts are those of the service and of DynamoDB Local.
    fn refuse(&self, now: Timestamp, create: &CreateIndex) -> Option<CallError> {
        let Some(table) = self.tables.get(&create.table) else {
            return Some(no_table());
        };
        if let Some(index) = table.indexes.iter().find(|i| i.name == create.index) {
            return Some(match index.status(now) {
                IndexStatus::Deleting => table.in_use("Index is being deleted."),
                IndexStatus::Creating => table.in_use("Index is being created."),
                _ => refusal("ValidationException", EXISTS),
            });
        }
        if table.vectors.iter().any(|vector| vector.name == create.index) {
            return Some(refusal("ValidationException", EXISTS));
        }
        if table.is_in_flight(now) {
            return Some(table.only_one());
        }
        self.refuse_change(now, table)
            .or_else(|| table.lasting.get(&create.index).map(|lasting| lasting.refusal()))
            .or_else(|| self.refuse_count(now, table))
            .or_else(|| refuse_attributes(&table.types(), create))
            .or_else(|| {
                let short = table.provisioned.is_some() && create.provisioned_throughput.is_none();
                short.then(|| CallError::from_service("InternalFailure", "", Some(500)))
            })
    }

    /// What stands against any change of the table's indexes.
    fn refuse_change(&self, now: Timestamp, table: &Table) -> Option<CallError> {
        if table.status(now) != TableStatus::Active {
            return Some(table.in_use(&format!("Table is being updated: {}", table.name)));
        }
        if table.replicas.iter().any(|replica| replica.is_in_flight(now)) {
            return Some(no_reason());
        }
        if let Some((_, what)) = table.hidden.filter(|(until, _)| now < *until) {
            return Some(table.in_use(&what.words(&table.name)));
        }
        if now < table.unscaled_until {
            return Some(refusal("ValidationException", UNSCALED));
        }
        let retuned = table.indexes.iter().find(|i| now < i.updating_until);
        let retuned = retuned.filter(|_| self.refuses_while_updating)?;
        Some(table.in_use(&format!("Index is being updated: {}", retuned.name)))
    }

    fn refuse_count(&self, now: Timestamp, table: &Table) -> Option<CallError> {
        let limit = |text: &str| Some(refusal("LimitExceededException", text));
        if self.account_is_full(now) {
            return limit(&format!(
                "Subscriber limit exceeded: Only {} tables with online indexes can be created simultaneously",
                self.account_limit
            ));
        }
        if table.indexes.len() >= self.quota {
            return limit("Number of global secondary indexes exceeds per-table limit");
        }
        None
    }

    fn account_is_full(&self, now: Timestamp) -> bool {
        if self.account_limit == usize::MAX {
            return false;
        }
        self.in_flight(now) + self.others >= self.account_limit
    }

    fn in_flight(&self, now: Timestamp) -> usize {
        self.tables.values().filter(|t| t.is_in_flight(now)).count()
    }

    pub(super) fn add_index(&mut self, now: Timestamp, create: &CreateIndex, maker: Maker) {
        self.remember(now, &create.table);
        let (allocation, backfill) = (self.allocation, self.backfill);
        let table = self.table(&create.table);
        let shown_at = now + table.late;
        let allocated_at = shown_at + allocation;
        let keys = create.key_schema.iter().map(|k| &k.attribute_name);
        let typed = |k: &String| Some((k.clone(), *create.attributes.get(k)?));
        let index = Index {
            name: create.index.clone(),
            maker,
            key_schema: create.key_schema.clone(),
            projection: create.projection.clone(),
            attributes: keys.filter_map(typed).collect(),
            created_at: now,
            shown_at,
            allocated_at,
            active_at: allocated_at + table.backfill.unwrap_or(backfill),
            updating_until: now,
            gone_at: None,
        };
        table.indexes.push(index);
    }

    pub(super) fn delete(
        &mut self,
        now: Timestamp,
        id: &IndexId,
        by: Maker,
    ) -> Result<Reply, CallError> {
        let table = self.tables.get(&id.table).ok_or_else(no_table)?;
        let Some(index) = table.indexes.iter().find(|i| i.name == id.index) else {
            return Err(refusal("ResourceNotFoundException", "Requested resource not found"));
        };
        if index.is_allocating(now) {
            return Err(table.in_use(ALLOCATING));
        }
        if table.is_taken(now, &id.index) {
            return Err(table.only_one());
        }
        if index.gone_at.is_some() {
            return Err(table.in_use(LEAVING));
        }
        if now < index.updating_until {
            return Err(table.in_use(&format!("Index is being updated: {}", index.name)));
        }
        self.refuse_change(now, table).map_or(Ok(()), Err)?;
        let of = index.maker;
        self.remove_index(now, id);
        self.log.push(Applied { at: now, id: id.clone(), created: false, by, of });
        if self.shows_deletes {
            return Ok(Reply::Table(Box::new(self.tables[&id.table].describe(now))));
        }
        Ok(Reply::Done)
    }

    pub(super) fn remove_index(&mut self, now: Timestamp, id: &IndexId) {
        let gone_at = now + self.deletion;
        self.remember(now, &id.table);
        let table = self.table(&id.table);
        let index = table.indexes.iter_mut().find(|i| i.name == id.index);
        index.unwrap().gone_at = Some(gone_at);
    }

    pub(super) fn remember(&mut self, now: Timestamp, name: &TableName) {
        let Some((length, _)) = self.stale else {
            return;
        };
        let table = self.table(name);
        table.before = None;
        let before = Box::new(table.clone());
        table.before = Some((now + length, before));
    }

    /// Whether the account's limiter lets a call pass.
    pub(super) fn admit(&mut self, now: Timestamp, call: &Call) -> Result<(), CallError> {
        match (call, &mut self.limiter) {
            (Call::CreateIndex(_) | Call::DeleteIndex { .. }, Some(limiter)) => limiter.admit(now),
            _ => Ok(()),
        }
    }
}

impl Table {
    /// Something is being changed that stands in the way. Of a global table nobody
    /// learns what.
    fn in_use(&self, what: &str) -> CallError {
        if self.replicas.is_empty() { in_use(what) } else { no_reason() }
    }

    /// The table's one slot is taken.
    fn only_one(&self) -> CallError {
        if self.replicas.is_empty() {
            refusal("LimitExceededException", ONE_INDEX)
        } else {
            no_reason()
        }
    }
}
