//! A table service that holds items and answers Scans as DynamoDB does.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use gsictl_core::call::{
    Call, CallError, Consumed, Effect, ErrorKind, Item, Page, Reply, Scan, Value,
};
use gsictl_core::catalog::{Catalog, Sighting, TableDescription};
use gsictl_core::name::TableName;
use gsictl_core::time::Timestamp;

/// DynamoDB's page.
const PAGE_BYTES: usize = 1_048_576;

/// How a page is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Items,
    Json,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Throttled,
    Server,
    Connection,
    Denied,
    Expired,
    NotFound,
    /// It is answered, without the capacity.
    Untold,
    /// It is answered with what is no page.
    Garbage,
    /// It is answered, with items that lack the primary key.
    Keyless,
    /// It is answered, and the next page begins behind the item of that number.
    Behind(usize),
    /// It is answered, with this figure of the capacity that it took.
    Units(f64),
    /// It is answered as if there were no item.
    Empty,
}

/// A call as a fault sees it.
#[derive(Clone, Debug)]
pub(super) struct Asking<'a> {
    pub(super) now: Timestamp,
    /// From 0, over all tables.
    pub(super) number: usize,
    pub(super) scan: &'a Scan,
}

impl Asking<'_> {
    pub(super) fn segment(&self) -> u32 {
        self.scan.segment.map_or(0, |segment| segment.number)
    }
}

type Faults = Box<dyn Fn(&Asking<'_>) -> Option<Fault>>;

struct Stored {
    hash: u64,
    key: Item,
    item: Item,
    bytes: usize,
}

struct Base {
    description: TableDescription,
    /// In the order in which they are read.
    stored: Vec<Stored>,
}

/// The tables, and how they answer.
pub(super) struct Service {
    tables: BTreeMap<String, Base>,
    pub(super) form: Form,
    pub(super) page_bytes: usize,
    /// Milliseconds that a call takes: so many, and up to so many more.
    pub(super) latency: (u64, u64),
    pub(super) faults: Faults,
}

impl Service {
    pub(super) fn new() -> Self {
        Self {
            tables: BTreeMap::new(),
            form: Form::Json,
            page_bytes: PAGE_BYTES,
            latency: (20, 20),
            faults: Box::new(|_| None),
        }
    }

    /// A table with these items, which its description counts.
    pub(super) fn table(&mut self, description: TableDescription, items: Vec<Item>) {
        self.table_with_ballast(description, items, |_| 0);
    }

    /// Items that are larger than what they hold, so that no memory is needed for
    /// what nobody looks at.
    pub(super) fn table_with_ballast(
        &mut self,
        mut description: TableDescription,
        items: Vec<Item>,
        ballast: impl Fn(usize) -> usize,
    ) {
        let names: Vec<_> =
            description.key_schema.iter().map(|k| k.attribute_name.clone()).collect();
        let store = |(n, item): (usize, Item)| {
            let key: Item = names.iter().map(|name| (name.clone(), item[name].clone())).collect();
            let hash = hash(&item[&names[0]]);
            Stored { hash, key, bytes: size(&item) + ballast(n), item }
        };
        let mut stored: Vec<_> = items.into_iter().enumerate().map(store).collect();
        stored.sort_by_key(|s| s.hash);
        description.item_count = Some(stored.len() as u64);
        description.size_bytes = Some(stored.iter().map(|s| s.bytes as u64).sum());
        self.tables.insert(description.name.to_string(), Base { description, stored });
    }

    pub(super) fn description(&mut self, table: &str) -> &mut TableDescription {
        &mut self.tables.get_mut(table).unwrap().description
    }

    pub(super) fn items(&self, table: &str) -> impl Iterator<Item = &Item> {
        self.tables[table].stored.iter().map(|stored| &stored.item)
    }

    /// All tables as a survey sees them.
    pub(super) fn catalog(&self) -> Catalog {
        let mut catalog = Catalog::default();
        for base in self.tables.values() {
            let found = Sighting::Found(Box::new(base.description.clone()));
            catalog.insert(base.description.name.clone(), Timestamp::from_millis(0), found);
        }
        catalog
    }

    /// The answer to a call, and what it read.
    pub(super) fn answer(&self, now: Timestamp, number: usize, call: &Call) -> Answer {
        let Call::Scan(scan) = call else { panic!("a check only scans: {call:?}") };
        let fault = (self.faults)(&Asking { now, number, scan });
        if let Some(error) = fault.and_then(error) {
            return Answer { reply: Err(error), items: 0, units: 0.0 };
        }
        let mut page = self.scan(scan);
        let (items, units) = (page.items.len(), page.consumed.as_ref().unwrap().table);
        self.change(fault, scan, &mut page);
        let reply = match (fault, self.form) {
            (Some(Fault::Garbage), _) => Reply::Json(b"{\"Items\": [{\"pk\"".to_vec()),
            (_, Form::Items) => Reply::Page(page),
            (_, Form::Json) => Reply::Json(page_json(&scan.table, &page).to_string().into_bytes()),
        };
        Answer { reply: Ok(reply), items, units }
    }

    /// What a fault makes of a page.
    fn change(&self, fault: Option<Fault>, scan: &Scan, page: &mut Page) {
        let base = &self.tables[scan.table.as_str()];
        match fault {
            Some(Fault::Untold) => page.consumed = None,
            Some(Fault::Units(units)) => {
                page.consumed = Some(Consumed { table: units, indexes: BTreeMap::new() });
            }
            Some(Fault::Keyless) => {
                let key = &base.description.key_schema[0].attribute_name;
                page.items.iter_mut().for_each(|item| drop(item.remove(key)));
            }
            Some(Fault::Behind(n)) => page.last_key = Some(base.stored[n].key.clone()),
            Some(Fault::Empty) => {
                *page = Page { consumed: page.consumed.take(), ..Page::default() }
            }
            _ => {}
        }
    }

    fn scan(&self, scan: &Scan) -> Page {
        let stored = &self.tables[scan.table.as_str()].stored;
        let (number, total) = scan.segment.map_or((0, 1), |s| (s.number, s.total));
        assert!(number < total, "{scan:?}");
        let segment_of = |s: &Stored| (u128::from(s.hash) * u128::from(total)) >> 64;
        let first = stored.partition_point(|s| segment_of(s) < u128::from(number));
        let end = stored.partition_point(|s| segment_of(s) <= u128::from(number));
        let begin = scan.after.as_ref().map_or(first, |key| self.after(scan, key));
        assert!((first..=end).contains(&begin), "the key of another segment: {scan:?}");
        let (mut bytes, mut at) = (0, begin);
        let most = begin + scan.limit.map_or(usize::MAX >> 1, |n| n as usize);
        assert!(most > begin, "a limit of 0");
        while at < end.min(most) && (at == begin || bytes + stored[at].bytes <= self.page_bytes) {
            bytes += stored[at].bytes;
            at += 1;
        }
        // As DynamoDB: a page that its limit ended does not know that it was the last.
        let more = at < end || at == most;
        let units = (bytes.div_ceil(4_096) as f64 / 2.0).max(0.5);
        Page {
            items: stored[begin..at].iter().map(|s| projected(&s.item, &scan.attributes)).collect(),
            last_key: (more && at > begin).then(|| stored[at - 1].key.clone()),
            consumed: Some(Consumed { table: units, indexes: BTreeMap::new() }),
        }
    }

    fn after(&self, scan: &Scan, key: &Item) -> usize {
        let base = &self.tables[scan.table.as_str()];
        let hash_name = &base.description.key_schema[0].attribute_name;
        let hash = hash(&key[hash_name]);
        let from = base.stored.partition_point(|s| s.hash < hash);
        let at = base.stored[from..].iter().position(|s| s.key == *key);
        from + at.unwrap() + 1
    }
}

/// What a call came to.
pub(super) struct Answer {
    pub(super) reply: Result<Reply, CallError>,
    pub(super) items: usize,
    pub(super) units: f64,
}

fn error(fault: Fault) -> Option<CallError> {
    let (kind, code, message) = match fault {
        Fault::Throttled => {
            (ErrorKind::Throttled, "ProvisionedThroughputExceededException", "slow down")
        }
        Fault::Server => (ErrorKind::Server, "InternalServerError", "try again"),
        Fault::Connection => (ErrorKind::Connection, "ConnectionFailed", "reset by peer"),
        Fault::Denied => (ErrorKind::AccessDenied, "AccessDeniedException", "not authorized"),
        Fault::Expired => {
            (ErrorKind::CredentialsExpired, "ExpiredTokenException", "the token is expired")
        }
        // What AWS says of a table that is gone.
        Fault::NotFound => {
            (ErrorKind::IndexNotFound, "ResourceNotFoundException", "Requested resource not found")
        }
        Fault::Untold
        | Fault::Garbage
        | Fault::Keyless
        | Fault::Behind(_)
        | Fault::Units(_)
        | Fault::Empty => return None,
    };
    let (code, message) = (code.to_owned(), message.to_owned());
    Some(CallError { kind, effect: Effect::NotApplied, code, message })
}

fn projected(item: &Item, attributes: &[String]) -> Item {
    if attributes.is_empty() {
        return item.clone();
    }
    attributes.iter().filter_map(|n| Some((n.clone(), item.get(n)?.clone()))).collect()
}

pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// FNV-1a, and its bits mixed: the high ones choose the segment.
fn hash(key: &Value) -> u64 {
    let (Value::S(text) | Value::N(text)) = key else { panic!("{key:?}") };
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

/// A page as DynamoDB writes it.
fn page_json(table: &TableName, page: &Page) -> Json {
    let mut json = json!({
        "Count": page.items.len(),
        "ScannedCount": page.items.len(),
        "Items": page.items.iter().map(item_json).collect::<Vec<_>>(),
    });
    if let Some(consumed) = &page.consumed {
        json["ConsumedCapacity"] = json!({ "TableName": table, "CapacityUnits": consumed.table });
    }
    if let Some(key) = &page.last_key {
        json["LastEvaluatedKey"] = item_json(key);
    }
    json
}

pub(super) fn item_json(item: &Item) -> Json {
    Json::Object(item.iter().map(|(name, value)| (name.clone(), value_json(value))).collect())
}

fn value_json(value: &Value) -> Json {
    let binary = |bytes: &Vec<u8>| Value::B(bytes.clone()).key_json()["B"].clone();
    match value {
        Value::S(_) | Value::N(_) | Value::B(_) => value.key_json(),
        Value::Bool(is) => json!({ "BOOL": is }),
        Value::Null => json!({ "NULL": true }),
        Value::L(values) => json!({ "L": values.iter().map(value_json).collect::<Vec<_>>() }),
        Value::M(values) => json!({ "M": item_json(values) }),
        Value::Ss(texts) => json!({ "SS": texts }),
        Value::Ns(numbers) => json!({ "NS": numbers }),
        Value::Bs(all) => json!({ "BS": all.iter().map(binary).collect::<Vec<_>>() }),
    }
}
