//! A small DynamoDB in virtual time: what is known of tables and indexes, and what
//! a query finds of items, where a test puts some.
//!
//! The phases of an index follow from absolute times, so looking changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use gsictl_core::call::{
    Call, CallError, Consumed, CreateIndex, Item, Page, Query, Reply, Scan, Value,
};
use gsictl_core::catalog::{
    BillingMode, IndexDescription, IndexStatus, TableDescription, TableStatus,
};
use gsictl_core::definition::{
    IndexDefinition, KeyElement, KeyType, Projection, ProvisionedThroughput, ScalarType,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::time::Timestamp;

type Types = BTreeMap<String, ScalarType>;

/// What DynamoDB says while the table's one slot is taken.
pub const ONE_INDEX: &str = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table";

/// What it says to a delete in the first phase of a build.
const ALLOCATING: &str = "Attempt to change a resource which is still in use: Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the index is active.";

/// What it says to a query with a value of another type than the key's.
const WRONG_TYPE: &str = "One or more parameter values were invalid: Condition parameter type does not match schema type";

/// What a stale description looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The table as it was before the change.
    Old,
    /// ResourceNotFoundException.
    NotFound,
}

/// An index of a table, in whatever phase its times say.
#[derive(Clone, Debug)]
pub struct Index {
    name: IndexName,
    key_schema: Vec<KeyElement>,
    projection: Projection,
    attributes: Types,
    allocated_at: Timestamp,
    active_at: Timestamp,
    gone_at: Option<Timestamp>,
}

impl Index {
    fn status(&self, now: Timestamp) -> IndexStatus {
        if self.gone_at.is_some() {
            IndexStatus::Deleting
        } else if now < self.active_at {
            IndexStatus::Creating
        } else {
            IndexStatus::Active
        }
    }

    fn is_in_flight(&self, now: Timestamp) -> bool {
        self.status(now) != IndexStatus::Active
    }

    fn is_allocating(&self, now: Timestamp) -> bool {
        self.gone_at.is_none() && now < self.allocated_at
    }

    fn describe(&self, now: Timestamp) -> IndexDescription {
        let status = self.status(now);
        IndexDescription {
            name: self.name.clone(),
            backfilling: status == IndexStatus::Creating && now >= self.allocated_at,
            status,
            key_schema: self.key_schema.clone(),
            projection: self.projection.clone(),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
            item_count: None,
            size_bytes: None,
        }
    }
}

/// A table with its indexes.
#[derive(Clone, Debug)]
pub struct Table {
    name: TableName,
    /// `TableId`.
    pub id: String,
    /// CREATING before this.
    pub ready_at: Timestamp,
    /// UPDATING before this, for a reason that has nothing to do with indexes.
    pub updating_until: Timestamp,
    /// Types of attributes that the base table defines.
    pub attributes: Types,
    /// Its own capacity; `None` where it is on demand.
    pub provisioned: Option<ProvisionedThroughput>,
    /// Items in it, as DescribeTable counts them.
    pub items: u64,
    /// Items that queries and scans find.
    pub contents: Vec<Item>,
    /// What an index shows instead of what belongs in it.
    pub shown: BTreeMap<IndexName, Vec<Item>>,
    /// Local Secondary Indexes.
    pub local_indexes: Vec<IndexName>,
    /// How long an index takes here; the model's own where it is `None`.
    pub backfill: Option<Duration>,
    indexes: Vec<Index>,
    /// Until then descriptions are stale, and show this.
    before: Option<(Timestamp, Box<Table>)>,
}

impl Table {
    fn settle(&mut self, now: Timestamp) {
        self.indexes.retain(|i| i.gone_at.is_none_or(|at| now < at));
    }

    fn status(&self, now: Timestamp) -> TableStatus {
        if now < self.ready_at {
            TableStatus::Creating
        } else if now < self.updating_until || self.indexes.iter().any(|i| i.is_allocating(now)) {
            TableStatus::Updating
        } else {
            TableStatus::Active
        }
    }

    fn is_in_flight(&self, now: Timestamp) -> bool {
        self.indexes.iter().any(|i| i.is_in_flight(now))
    }

    fn types(&self) -> Types {
        let mut types = self.attributes.clone();
        // DynamoDB Local forgets them when the deletion begins.
        for index in self.indexes.iter().filter(|i| i.gone_at.is_none()) {
            types.extend(index.attributes.clone());
        }
        types
    }

    /// The items of an index that serves queries.
    fn held_by(&self, now: Timestamp, name: &IndexName) -> Result<Vec<Item>, CallError> {
        let Some(index) = self.indexes.iter().find(|i| i.name == *name) else {
            let text = format!("The table does not have the specified index: {name}");
            return Err(refusal("ValidationException", &text));
        };
        if index.is_in_flight(now) {
            let text = format!("Cannot read from backfilling global secondary index: {name}");
            return Err(refusal("ValidationException", &text));
        }
        let belongs = |item: &&Item| {
            index.key_schema.iter().all(|key| {
                let scalar = index.attributes.get(&key.attribute_name);
                let value = item.get(&key.attribute_name);
                value.zip(scalar).is_some_and(|(value, scalar)| is_of(value, *scalar))
            })
        };
        let belonging = || self.contents.iter().filter(belongs).cloned().collect();
        Ok(self.shown.get(name).cloned().unwrap_or_else(belonging))
    }

    fn describe(&self, now: Timestamp) -> TableDescription {
        TableDescription {
            name: self.name.clone(),
            table_id: Some(self.id.clone()),
            created_at: None,
            arn: Some(format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{}", self.name)),
            status: self.status(now),
            billing_mode: if self.provisioned.is_some() {
                BillingMode::Provisioned
            } else {
                BillingMode::PayPerRequest
            },
            provisioned_throughput: self.provisioned,
            attributes: self.types(),
            key_schema: vec![KeyElement {
                attribute_name: "pk".to_owned(),
                key_type: KeyType::Hash,
            }],
            indexes: self.indexes.iter().map(|i| i.describe(now)).collect(),
            local_indexes: self.local_indexes.clone(),
            local_included: 0,
            replicas: Vec::new(),
            item_count: Some(self.items),
            size_bytes: Some(self.items * 100),
        }
    }
}

/// What became of a mutating call, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// When.
    pub at: Timestamp,
    /// To which index.
    pub id: IndexId,
    /// Created, or else deleted.
    pub created: bool,
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
    /// Indexes that a table may have.
    pub quota: usize,
    /// After a change descriptions are stale for so long.
    pub stale: Option<(Duration, Stale)>,
    /// The mutating calls that were applied; what operators do is not in it.
    pub log: Vec<Applied>,
    /// The most tables that had an index in flight after a create.
    pub peak: usize,
    /// Items on a page.
    pub page: usize,
    /// Whether reads say what they consumed.
    pub bills: bool,
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
            quota: 20,
            stale: None,
            log: Vec::new(),
            peak: 0,
            page: 1_000,
            bills: true,
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
            return match (same, now < index.active_at) {
                (false, _) => Truth::Obstructed("other keys"),
                (true, true) => Truth::Building,
                (true, false) => Truth::Ready,
            };
        }
        let types = table.types();
        let other_type = |(k, t): (&String, &ScalarType)| types.get(k).is_some_and(|f| f != t);
        if table.local_indexes.contains(&wanted.id.index) {
            Truth::Obstructed("a local index")
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
        self.add_index(now, &create);
    }

    /// Somebody deletes an index, which exists.
    pub fn operator_deletes(&mut self, now: Timestamp, id: &IndexId) {
        let gone_at = now + self.deletion;
        self.remember(now, &id.table);
        let table = self.table(&id.table);
        let index = table.indexes.iter_mut().find(|i| i.name == id.index);
        index.unwrap().gone_at = Some(gone_at);
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
        self.tables.remove(table);
    }

    // The calls.

    /// Answers a call, at once.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn call(&mut self, now: Timestamp, call: &Call) -> Result<Reply, CallError> {
        if let Some(table) = self.tables.get_mut(call.table()) {
            table.settle(now);
        }
        match call {
            Call::DescribeTable(name) => self.describe(now, name),
            Call::CreateIndex(create) => self.create(now, create),
            Call::DeleteIndex { table, index } => {
                self.delete(now, &IndexId::new(table.clone(), index.clone()))
            }
            Call::CreateTable(_) | Call::PutItems { .. } => Ok(Reply::Done),
            Call::Query(query) => self.query(now, query),
            Call::Scan(scan) => self.scan(scan),
        }
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

    fn create(&mut self, now: Timestamp, create: &CreateIndex) -> Result<Reply, CallError> {
        self.refuse(now, create).map_or(Ok(()), Err)?;
        self.add_index(now, create);
        let id = IndexId::new(create.table.clone(), create.index.clone());
        self.log.push(Applied { at: now, id, created: true });
        self.peak = self.peak.max(self.in_flight(now));
        let table = &self.tables[&create.table];
        Ok(Reply::Table(Box::new(table.describe(now))))
    }

    /// The texts are those of the service and of DynamoDB Local.
    fn refuse(&self, now: Timestamp, create: &CreateIndex) -> Option<CallError> {
        let Some(table) = self.tables.get(&create.table) else {
            return Some(no_table());
        };
        let in_use = |what: &str| {
            refusal(
                "ResourceInUseException",
                &format!("Attempt to change a resource which is still in use: {what}"),
            )
        };
        if let Some(index) = table.indexes.iter().find(|i| i.name == create.index) {
            return Some(match index.status(now) {
                IndexStatus::Deleting => in_use("Index is being deleted."),
                IndexStatus::Creating => in_use("Index is being created."),
                _ => refusal(
                    "ValidationException",
                    "Attempting to create an index which already exists",
                ),
            });
        }
        if table.is_in_flight(now) {
            return Some(refusal("LimitExceededException", ONE_INDEX));
        }
        if table.status(now) != TableStatus::Active {
            return Some(in_use(&format!("Table is being updated: {}", table.name)));
        }
        if self.account_is_full(now) {
            return Some(refusal(
                "LimitExceededException",
                &format!(
                    "Subscriber limit exceeded: Only {} tables with online indexes can be created simultaneously",
                    self.account_limit
                ),
            ));
        }
        if table.indexes.len() >= self.quota {
            return Some(refusal(
                "LimitExceededException",
                "Number of global secondary indexes exceeds per-table limit",
            ));
        }
        refuse_attributes(&table.types(), create).or_else(|| {
            let short = table.provisioned.is_some() && create.provisioned_throughput.is_none();
            short.then(|| CallError::from_service("InternalFailure", "", Some(500)))
        })
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

    fn add_index(&mut self, now: Timestamp, create: &CreateIndex) {
        self.remember(now, &create.table);
        let (allocation, backfill) = (self.allocation, self.backfill);
        let table = self.table(&create.table);
        let allocated_at = now + allocation;
        let keys = create.key_schema.iter().map(|k| &k.attribute_name);
        let typed = |k: &String| Some((k.clone(), *create.attributes.get(k)?));
        let index = Index {
            name: create.index.clone(),
            key_schema: create.key_schema.clone(),
            projection: create.projection.clone(),
            attributes: keys.filter_map(typed).collect(),
            allocated_at,
            active_at: allocated_at + table.backfill.unwrap_or(backfill),
            gone_at: None,
        };
        table.indexes.push(index);
    }

    fn delete(&mut self, now: Timestamp, id: &IndexId) -> Result<Reply, CallError> {
        match self.tables.get(&id.table).map(|t| t.indexes.iter().find(|i| i.name == id.index)) {
            None => return Err(no_table()),
            Some(None) => {
                let text = "Requested resource not found";
                return Err(refusal("ResourceNotFoundException", text));
            }
            Some(Some(index)) if index.is_allocating(now) => {
                return Err(refusal("ResourceInUseException", ALLOCATING));
            }
            Some(Some(_)) if self.is_taken(now, id) => {
                return Err(refusal("LimitExceededException", ONE_INDEX));
            }
            Some(Some(_)) => {}
        }
        self.operator_deletes(now, id);
        self.log.push(Applied { at: now, id: id.clone(), created: false });
        Ok(Reply::Done)
    }

    fn query(&self, now: Timestamp, query: &Query) -> Result<Reply, CallError> {
        let table = self.tables.get(&query.table).ok_or_else(no_table)?;
        let types = table.types();
        let wrong = |(name, value): &(String, Value)| {
            types.get(name).is_some_and(|scalar| !is_of(value, *scalar))
        };
        if query.keys.iter().any(wrong) {
            return Err(refusal("ValidationException", WRONG_TYPE));
        }
        let mut items = match &query.index {
            None => table.contents.clone(),
            Some(name) => table.held_by(now, name)?,
        };
        let fits = |item: &Item, wanted: &[(String, Value)]| {
            wanted.iter().all(|(name, value)| item.get(name) == Some(value))
        };
        items.retain(|item| fits(item, &query.keys));
        // A page is cut before the filter leaves items out.
        let mut page = self.page(items, query.after.as_ref(), query.index.as_ref());
        page.items.retain(|item| fits(item, &query.matching));
        Ok(Reply::Page(page))
    }

    /// The first segment has everything: the others are empty, as they may be.
    fn scan(&self, scan: &Scan) -> Result<Reply, CallError> {
        let table = self.tables.get(&scan.table).ok_or_else(no_table)?;
        let first = scan.segment.is_none_or(|segment| segment.number == 0);
        let items = if first { table.contents.clone() } else { Vec::new() };
        Ok(Reply::Page(self.page(items, scan.after.as_ref(), None)))
    }

    /// The key of a page is its last item.
    fn page(&self, mut items: Vec<Item>, after: Option<&Item>, index: Option<&IndexName>) -> Page {
        if let Some(at) = items.iter().position(|item| Some(item) == after) {
            items.drain(..=at);
        }
        let more = items.len() > self.page;
        items.truncate(self.page);
        let indexes = index.map(|name| (name.to_string(), 0.5));
        let table = if index.is_none() { 0.5 } else { 0.0 };
        let consumed = Consumed { table, indexes: indexes.into_iter().collect() };
        Page {
            last_key: items.last().filter(|_| more).cloned(),
            items,
            consumed: self.bills.then_some(consumed),
        }
    }

    /// Whether another index has the table's one slot.
    fn is_taken(&self, now: Timestamp, id: &IndexId) -> bool {
        let other = |i: &Index| i.name != id.index && i.is_in_flight(now);
        self.tables.get(&id.table).is_some_and(|t| t.indexes.iter().any(other))
    }

    fn remember(&mut self, now: Timestamp, name: &TableName) {
        let Some((length, _)) = self.stale else {
            return;
        };
        let table = self.table(name);
        table.before = None;
        let before = Box::new(table.clone());
        table.before = Some((now + length, before));
    }
}

fn is_of(value: &Value, scalar: ScalarType) -> bool {
    matches!(
        (value, scalar),
        (Value::S(_), ScalarType::S) | (Value::N(_), ScalarType::N) | (Value::B(_), ScalarType::B)
    )
}

fn refuse_attributes(types: &Types, create: &CreateIndex) -> Option<CallError> {
    for key in &create.key_schema {
        let name = &key.attribute_name;
        let Some(wanted) = create.attributes.get(name) else {
            return Some(refusal(
                "ValidationException",
                &format!("Attribute {name} is not defined in AttributeDefinitions"),
            ));
        };
        if types.get(name).is_some_and(|found| found != wanted) {
            return Some(conflict());
        }
    }
    None
}

/// An attribute is given another type than it has.
#[must_use]
pub fn conflict() -> CallError {
    refusal(
        "ValidationException",
        "invalid attribute, SchemaElement redefined should be of same type as previously defined",
    )
}

/// There is no such table.
#[must_use]
pub fn no_table() -> CallError {
    refusal("ResourceNotFoundException", "Cannot do operations on a non-existent table")
}

/// A refusal in the service's own words: certainly not applied.
#[must_use]
pub fn refusal(code: &str, message: &str) -> CallError {
    CallError::from_service(code, message, Some(400))
}
