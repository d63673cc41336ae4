//! A small DynamoDB in virtual time: what is known of tables and indexes, and what
//! a query finds of items, where a test puts some.

mod change;
mod hindrance;
mod limiter;
mod reads;
mod region;
mod table;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{Call, CallError, CreateIndex, Reply};
use gsictl_core::catalog::{IndexStatus, TableDescription, TableStatus};
use gsictl_core::definition::{IndexDefinition, ScalarType};
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::time::Timestamp;

pub use self::hindrance::{Hidden, Lasting};
pub use self::limiter::Limiter;
pub use self::region::{HOME, Replica};
pub use self::table::{Index, Maker, Stale, Table, Vector};
pub use self::text::{ONE_INDEX, RATE, UNSCALED, conflict, no_reason, no_table, refusal};

use self::table::Types;

/// What became of a mutating call, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// To which index.
    pub id: IndexId,
    /// Created, or else deleted.
    pub created: bool,
    /// Whose call it was.
    pub by: Maker,
    /// Who had made the index that was deleted.
    pub of: Maker,
}

/// How an index that is wanted stands in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Ready, as it is wanted.
    Ready,
    /// On its way there.
    Building,
    /// Not there, or going away; nothing keeps it from being made.
    Absent,
    /// It cannot be made: why.
    Obstructed(&'static str),
}

/// DynamoDB: tables, their indexes, and the rules between them.
#[derive(Debug)]
pub struct Model {
    tables: BTreeMap<TableName, Table>,
    /// Tables made so far; part of a `TableId`.
    made: usize,
    /// The first phase of a build.
    pub allocation: Duration,
    /// The second, where a table has none of its own.
    pub backfill: Duration,
    /// How long a deletion takes.
    pub deletion: Duration,
    /// Tables that may have an index in flight at once.
    pub account_limit: usize,
    /// Operations of other people that count against it.
    pub others: usize,
    /// How many changes the account lets pass.
    pub limiter: Option<Limiter>,
    /// Indexes that a table may have.
    pub quota: usize,
    /// After a change descriptions are stale for so long.
    pub stale: Option<(Duration, Stale)>,
    /// The mutating calls that were applied; what operators do is not in it.
    pub log: Vec<Applied>,
    /// What other people did, for a trace.
    doings: Vec<String>,
    /// The most tables that had an index in flight after a create.
    pub peak: usize,
    /// Items on a page.
    pub page: usize,
    /// Whether reads say what they consumed.
    pub bills: bool,
    /// Whether the answer to a delete shows the table.
    pub shows_deletes: bool,
    /// Whether an index is refused while the capacity of another is being changed.
    pub refuses_while_updating: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            tables: BTreeMap::new(),
            made: 0,
            allocation: Duration::from_secs(30),
            backfill: Duration::from_secs(510),
            deletion: Duration::from_secs(4),
            account_limit: usize::MAX,
            others: 0,
            limiter: None,
            quota: 20,
            stale: None,
            log: Vec::new(),
            doings: Vec::new(),
            peak: 0,
            page: 1_000,
            bills: true,
            shows_deletes: false,
            refuses_while_updating: false,
        }
    }
}

impl Model {
    /// Adds an empty on-demand table that is ACTIVE.
    pub fn add_table(&mut self, name: &TableName) -> &mut Table {
        self.made += 1;
        let long_ago = Timestamp::from_millis(0);
        let table = Table {
            name: name.clone(),
            id: format!("{name}-{}", self.made),
            ready_at: long_ago,
            updating_until: long_ago,
            attributes: Types::from([("pk".to_owned(), ScalarType::S)]),
            provisioned: None,
            items: 0,
            contents: Vec::new(),
            shown: BTreeMap::new(),
            local_indexes: Vec::new(),
            backfill: None,
            late: Duration::ZERO,
            replicas: Vec::new(),
            hidden: None,
            unscaled_until: long_ago,
            lasting: BTreeMap::new(),
            vectors: Vec::new(),
            indexes: Vec::new(),
            before: None,
        };
        self.tables.insert(name.clone(), table);
        self.table(name)
    }

    /// The table, which exists.
    pub fn table(&mut self, name: &TableName) -> &mut Table {
        self.tables.get_mut(name).unwrap()
    }

    /// Whether the index is there, in whatever phase.
    pub fn has(&mut self, now: Timestamp, id: &IndexId) -> bool {
        self.status(now, id).is_some()
    }

    /// Its phase, where it is there.
    pub fn status(&mut self, now: Timestamp, id: &IndexId) -> Option<IndexStatus> {
        let table = self.tables.get_mut(&id.table)?;
        table.settle(now);
        let index = table.indexes.iter().find(|i| i.name == id.index)?;
        Some(index.status(now))
    }

    /// How an index that is wanted stands.
    #[must_use]
    pub fn truth(&self, now: Timestamp, wanted: &IndexDefinition) -> Truth {
        let Some(table) = self.tables.get(&wanted.id.table) else {
            return Truth::Obstructed("no such table");
        };
        let standing = |i: &&Index| i.gone_at.is_none_or(|at| now < at);
        let there: Vec<&Index> = table.indexes.iter().filter(standing).collect();
        let found = there.iter().find(|i| i.name == wanted.id.index);
        if let Some(index) = found
            && index.gone_at.is_none()
        {
            let same = index.key_schema == wanted.key_schema
                && index.projection == wanted.projection
                && wanted.attributes.iter().all(|(k, t)| index.attributes.get(k) == Some(t));
            let ready = |replica: &Replica| replica.is_ready(now, index);
            let building = now < index.active_at || !table.replicas.iter().all(ready);
            return match (same, building) {
                (false, _) => Truth::Obstructed("other keys"),
                (true, true) => Truth::Building,
                (true, false) => Truth::Ready,
            };
        }
        let types = table.types();
        let other_type = |(k, t): (&String, &ScalarType)| types.get(k).is_some_and(|f| f != t);
        if table.local_indexes.contains(&wanted.id.index) {
            Truth::Obstructed("a local index")
        } else if table.vectors.iter().any(|vector| vector.name == wanted.id.index) {
            Truth::Obstructed("a vector index")
        } else if table.lasting.contains_key(&wanted.id.index) {
            Truth::Obstructed("refused for ever")
        } else if wanted.attributes.iter().any(other_type) {
            Truth::Obstructed("another type")
        } else if found.is_none() && there.len() >= self.quota {
            Truth::Obstructed("quota")
        } else {
            Truth::Absent
        }
    }

    /// Whether there is such a table.
    #[must_use]
    pub fn has_table(&self, name: &TableName) -> bool {
        self.tables.contains_key(name)
    }

    /// What other people have done since this was last asked, a line each.
    pub fn doings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.doings)
    }

    /// Who made the index that stands there, or is going away.
    #[must_use]
    pub fn maker(&self, id: &IndexId) -> Option<Maker> {
        let table = self.tables.get(&id.table)?;
        table.indexes.iter().find(|i| i.name == id.index).map(|i| i.maker)
    }

    /// Creates of this index that were applied.
    pub fn creates_of(&self, id: &IndexId) -> usize {
        self.log.iter().filter(|a| a.created && a.id == *id).count()
    }

    /// True where a create on the table would not have to queue.
    pub fn is_free(&mut self, now: Timestamp, table: &TableName) -> bool {
        let table = self.table(table);
        table.settle(now);
        table.status(now) == TableStatus::Active && !table.is_in_flight(now)
    }

    // What other people do.

    /// Somebody creates an index; it is in its first phase.
    pub fn operator_creates(&mut self, now: Timestamp, definition: &IndexDefinition) {
        let create = CreateIndex {
            table: definition.id.table.clone(),
            index: definition.id.index.clone(),
            key_schema: definition.key_schema.clone(),
            projection: definition.projection.clone(),
            attributes: definition.attributes.clone(),
            provisioned_throughput: definition.provisioned_throughput,
            on_demand_throughput: None,
            warm_throughput: None,
        };
        self.doings.push(format!("create {}", definition.id));
        self.add_index(now, &create, Maker::Other);
    }

    /// Somebody deletes an index, which exists.
    pub fn operator_deletes(&mut self, now: Timestamp, id: &IndexId) {
        self.doings.push(format!("delete {id}"));
        self.remove_index(now, id);
    }

    /// Somebody creates a vector index, which takes the table's one slot for so long.
    pub fn operator_creates_vector(&mut self, now: Timestamp, id: &IndexId, length: Duration) {
        self.doings.push(format!("create vector index {id}"));
        self.remember(now, &id.table);
        let allocated_at = now + self.allocation.min(length);
        let vector = Vector { name: id.index.clone(), allocated_at, active_at: now + length };
        self.table(&id.table).vectors.push(vector);
    }

    /// Somebody changes the capacity of an index, where it is there.
    pub fn operator_retunes(&mut self, now: Timestamp, id: &IndexId, length: Duration) {
        let index = self.tables.get_mut(&id.table).and_then(|table| {
            table.indexes.iter_mut().find(|i| i.name == id.index && i.gone_at.is_none())
        });
        if let Some(index) = index.filter(|i| now >= i.allocated_at) {
            index.updating_until = now + length;
            self.doings.push(format!("change the capacity of {id}"));
        }
    }

    /// Descriptions are stale again for a while, and do not show the index.
    pub fn operator_forgets(&mut self, now: Timestamp, id: &IndexId) {
        self.remember(now, &id.table);
        let table = self.table(&id.table);
        if let Some((_, before)) = &mut table.before {
            before.indexes.retain(|i| i.name != id.index);
        }
    }

    /// Somebody deletes the table with everything in it.
    pub fn operator_drops(&mut self, table: &TableName) {
        self.doings.push(format!("drop {table}"));
        self.tables.remove(table);
    }

    // The calls.

    /// Answers a call, at once.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn call(&mut self, now: Timestamp, call: &Call) -> Result<Reply, CallError> {
        self.call_by(now, call, Maker::Other)
    }

    /// Answers a call of somebody, at once.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn call_by(&mut self, now: Timestamp, call: &Call, by: Maker) -> Result<Reply, CallError> {
        if let Some(table) = self.tables.get_mut(call.table()) {
            table.settle(now);
        }
        self.admit(now, call)?;
        match call {
            Call::DescribeTable(name) => self.describe(now, name),
            Call::DescribeReplica { table, region } => self.describe_replica(now, table, region),
            Call::DescribeScaling(table) => self.describe_scaling(now, table),
            Call::CreateIndex(create) => self.create(now, create, by),
            Call::DeleteIndex { table, index } => {
                self.delete(now, &IndexId::new(table.clone(), index.clone()), by)
            }
            Call::CreateTable(_) | Call::PutItems { .. } => Ok(Reply::Done),
            Call::Query(query) => self.query(now, query),
            Call::Scan(scan) => self.scan(scan),
        }
    }

    /// Answers a call as if it were made, and makes nothing of it.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn pretend(&mut self, now: Timestamp, call: &Call) -> Result<Reply, CallError> {
        let (before, told) = (self.tables.get(call.table()).cloned(), self.log.len());
        let reply = self.call(now, call);
        self.log.truncate(told);
        if let Some(before) = before {
            self.tables.insert(call.table().clone(), before);
        }
        reply
    }

    /// The description of a table that is not this one, where there is another.
    #[must_use]
    pub fn describe_another(&self, now: Timestamp, name: &TableName) -> Option<TableDescription> {
        let other = self.tables.iter().find(|(of, _)| *of != name)?;
        Some(other.1.describe(now))
    }

    fn describe(&self, now: Timestamp, name: &TableName) -> Result<Reply, CallError> {
        let table = self.tables.get(name).ok_or_else(no_table)?;
        let stale = table.before.as_ref().filter(|(until, _)| now < *until);
        let shown = match (stale, self.stale) {
            (Some(_), Some((_, Stale::NotFound))) => return Err(no_table()),
            (Some((_, before)), _) => before,
            (None, _) => table,
        };
        Ok(Reply::Table(Box::new(shown.describe(now))))
    }

    /// Whether the index is in the first phase of its build.
    #[must_use]
    pub fn is_allocating(&self, now: Timestamp, id: &IndexId) -> bool {
        let is = |i: &Index| i.name == id.index && i.is_allocating(now);
        self.tables.get(&id.table).is_some_and(|t| t.indexes.iter().any(is))
    }

    /// Whether another index has the table's one slot.
    #[must_use]
    pub fn is_taken(&self, now: Timestamp, id: &IndexId) -> bool {
        self.tables.get(&id.table).is_some_and(|table| table.is_taken(now, &id.index))
    }
}
