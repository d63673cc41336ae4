//! DynamoDB in a file, or in memory, for people without AWS and for tests.
//!
//! The `dynoxide` crate keeps tables and items; `lifecycle` gives its indexes
//! DynamoDB's phases and refusals.
//!
//! Several processes may use one file. A handle of the engine remembers table
//! metadata and never sees what another handle did (two of them erased each
//! other's index), so every call opens the file afresh under the operating
//! system's lock on a file beside it, which a killed holder frees.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use gsictl_core::call::{
    Call, CallError, CreateIndex, CreateTable, Effect, ErrorKind, Page, Query, Reply,
};
use gsictl_core::catalog::TableDescription;
use gsictl_core::endpoint::Endpoint;
use gsictl_core::name::{IndexName, TableName};
use gsictl_core::state::Target;
use gsictl_core::time::Timestamp;
use tokio::sync::RwLock;

pub use super::lifecycle::LocalDurations;
use super::lifecycle::{self, Phase, Record};
use crate::dynamodb::{Backend, CallFuture, ConnectError};
use crate::file;

mod engine;

use engine::Engine;

/// Tells the time. The default is the system's; tests hand in their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The region in the ARNs and the target of the embedded engine.
const REGION: &str = "local";

/// The embedded engine. Clones share one database.
#[derive(Clone)]
pub struct Local {
    shared: Arc<Shared>,
}

struct Shared {
    source: Source,
    /// First come, first served among the calls of this process, so that readers
    /// by the hundred do not keep a writer from the operating system's lock.
    gate: RwLock<()>,
    durations: LocalDurations,
    clock: Clock,
}

enum Source {
    File {
        path: PathBuf,
        lock: PathBuf,
        /// Held while a handle closes. The last one puts the write-ahead log into
        /// the file and removes it; of two that close at once neither is the last,
        /// and both would leave it there.
        closing: Mutex<()>,
    },
    Memory(Mutex<Engine>),
}

/// What a call does to the file.
#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

impl Access {
    fn of(call: &Call) -> Self {
        if call.is_mutating() { Self::Write } else { Self::Read }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local")
            .field("endpoint", &self.shared.source.endpoint())
            .field("durations", &self.shared.durations)
            .finish_non_exhaustive()
    }
}

impl Local {
    /// Opens the database at `path`, which is made where there is none, or one in
    /// memory that lives as long as this value and its clones. `durations` are
    /// those of the builds this value starts; builds that were started before
    /// keep theirs.
    ///
    /// # Errors
    /// [`ConnectError::Local`] where the directory is missing, the file cannot
    /// be opened or is no database. Such a file is left as it is.
    pub fn open(path: Option<&Path>, durations: LocalDurations) -> Result<Self, ConnectError> {
        Self::with_clock(path, durations, Arc::new(system_time))
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// As [`Local::open`].
    pub fn with_clock(
        path: Option<&Path>,
        durations: LocalDurations,
        clock: Clock,
    ) -> Result<Self, ConnectError> {
        let source = match path {
            Some(path) => Source::file(path)?,
            None => Source::memory()?,
        };
        let shared = Shared { source, gate: RwLock::new(()), durations, clock };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Backend for Local {
    /// Runs on a thread that may block: the engine fills a new index before it
    /// answers. A call that is dropped is carried out all the same.
    fn call(&self, call: Call) -> CallFuture<'_> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let access = Access::of(&call);
            let work = move || shared.perform(call);
            let done = match access {
                Access::Read => {
                    let _turn = self.shared.gate.read().await;
                    tokio::task::spawn_blocking(work).await
                }
                Access::Write => {
                    let _turn = self.shared.gate.write().await;
                    tokio::task::spawn_blocking(work).await
                }
            };
            done.unwrap_or_else(|e| Err(failed(Effect::Unknown, &e.to_string())))
        })
    }

    /// The engine has no order by segment: each would read the whole table.
    fn scan_segments(&self) -> Option<u32> {
        Some(1)
    }

    /// The endpoint is the file's absolute path.
    fn target(&self) -> Target {
        Target {
            account: None,
            region: Some(REGION.to_owned()),
            endpoint: Some(self.shared.source.endpoint()),
        }
    }
}

impl Shared {
    fn perform(&self, mut call: Call) -> Result<Reply, CallError> {
        *call.table_mut() = own(call.table())?;
        let reply = |table| Ok(Reply::Table(Box::new(table)));
        self.source.with(Access::of(&call), |engine| {
            let session = Session { engine, durations: self.durations, now: (self.clock)() };
            match call {
                Call::DescribeTable(table) => reply(session.describe(&table)?),
                Call::DescribeReplica { .. } | Call::DescribeScaling(_) => {
                    Err(lifecycle::refusal("UnknownOperationException", "There is one region here"))
                }
                Call::CreateIndex(create) => reply(session.create_index(&create)?),
                Call::DeleteIndex { table, index } => reply(session.delete_index(&table, &index)?),
                Call::CreateTable(create) => reply(session.create_table(*create)?),
                Call::PutItems { table, items } => {
                    session.require(&table)?;
                    engine.put_items(&table, items)?;
                    Ok(Reply::Done)
                }
                Call::Query(query) => Ok(Reply::Page(session.query(*query)?)),
                Call::Scan(scan) => {
                    session.require(&scan.table)?;
                    Ok(Reply::Page(engine.scan(*scan)?))
                }
            }
        })
    }
}

/// The name by which the engine knows a table. It takes no ARNs, and has the tables of
/// one region and account alone.
fn own(table: &TableName) -> Result<TableName, CallError> {
    match table.arn() {
        Some(arn) if (arn.region, arn.account) != (REGION, engine::ACCOUNT) => Err(no_table()),
        _ => Ok(table.to_plain()),
    }
}

fn no_table() -> CallError {
    let message = "Cannot do operations on a non-existent table";
    lifecycle::refusal("ResourceNotFoundException", message)
}

/// One call, under the lock, at one instant.
struct Session<'a> {
    engine: &'a Engine,
    durations: LocalDurations,
    now: Timestamp,
}

impl Session<'_> {
    /// The table as the engine has it. Its own table is nobody's business.
    fn require(&self, table: &TableName) -> Result<TableDescription, CallError> {
        let found = if engine::is_reserved(table) { None } else { self.engine.table(table)? };
        found.ok_or_else(no_table)
    }

    fn describe(&self, table: &TableName) -> Result<TableDescription, CallError> {
        let mut description = self.require(table)?;
        let records = self.engine.records(table)?;
        lifecycle::overlay(&mut description, &records, self.now);
        Ok(description)
    }

    /// An index serves queries once its build is over, and until it is deleted.
    fn query(&self, query: Query) -> Result<Page, CallError> {
        let table = self.describe(&query.table)?;
        if let Some(name) = &query.index {
            lifecycle::admit_query(&table, name)?;
        }
        self.engine.query(query)
    }

    fn create_table(&self, create: CreateTable) -> Result<TableDescription, CallError> {
        let table = create.table.clone();
        if engine::is_reserved(&table) {
            return Err(lifecycle::refusal(
                "ValidationException",
                &format!("The embedded engine uses the table name {table} itself"),
            ));
        }
        self.engine.create_table(create)?;
        self.describe(&table)
    }

    /// The record goes first: killed in between, it is one of an index that never
    /// came, which shows nothing and is dropped by the next change.
    fn create_index(&self, create: &CreateIndex) -> Result<TableDescription, CallError> {
        self.reconcile(&create.table)?;
        let table = self.describe(&create.table)?;
        lifecycle::admit_create(&table, create)?;
        let record = Record::of_create(create, table.table_id, self.now, self.durations);
        self.engine.save_record(&create.table, &record)?;
        if let Err(error) = self.engine.create_index(create) {
            self.engine.drop_record(&create.table, &create.index)?;
            return Err(error);
        }
        self.describe(&create.table)
    }

    /// The record goes first here too: killed in between, the index is shown
    /// DELETING and then gone, and the next change takes it out of the engine.
    fn delete_index(
        &self,
        name: &TableName,
        index: &IndexName,
    ) -> Result<TableDescription, CallError> {
        self.reconcile(name)?;
        let table = self.describe(name)?;
        lifecycle::admit_delete(&table, index)?;
        if let Some(index) = table.index(index) {
            let record = Record::of_delete(index, &table, self.now, self.durations);
            self.engine.save_record(name, &record)?;
        }
        self.engine.delete_index(name, index)?;
        self.describe(name)
    }

    /// Finishes or forgets what a killed process left half done, and drops
    /// records that tell nothing any more.
    fn reconcile(&self, name: &TableName) -> Result<(), CallError> {
        let table = self.require(name)?;
        for record in self.engine.records(name)? {
            let exists = table.index(&record.index).is_some();
            let stale = record.table_id != table.table_id;
            let phase = record.phase(self.now);
            let deleted = matches!(phase, Phase::Deleting | Phase::Gone);
            if !stale && deleted && exists {
                self.engine.delete_index(name, &record.index)?;
            }
            if stale || phase == Phase::Gone || (!deleted && !exists) {
                self.engine.drop_record(name, &record.index)?;
            }
        }
        Ok(())
    }
}

impl Source {
    fn file(path: &Path) -> Result<Self, ConnectError> {
        let problem = |problem: String| ConnectError::Local { path: path.to_owned(), problem };
        let absolute = std::path::absolute(path).map_err(|e| problem(e.to_string()))?;
        let directory = absolute.parent().unwrap_or(Path::new("/"));
        if !directory.is_dir() {
            let directory = directory.display();
            return Err(problem(format!("there is no directory {directory}")));
        }
        for ending in OWN_FILES {
            let own = beside(&absolute, ending);
            let judged = file::plain(&own).map_err(|e| e.to_string());
            judged.map_err(|e| ConnectError::Local { path: own, problem: e })?;
        }
        let lock = beside(&absolute, ".lock");
        make_database(&absolute, &lock).map_err(problem)?;
        let source = Self::File { path: absolute, lock, closing: Mutex::new(()) };
        source.with(Access::Read, |_| Ok(())).map_err(|e| problem(e.message))?;
        Ok(source)
    }

    fn memory() -> Result<Self, ConnectError> {
        let engine = Engine::memory()
            .map_err(|problem| ConnectError::Local { path: PathBuf::from(":memory:"), problem })?;
        Ok(Self::Memory(Mutex::new(engine)))
    }

    /// Runs `action` on the database as it is now, with the lock held.
    fn with<T>(
        &self,
        access: Access,
        action: impl FnOnce(&Engine) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        match self {
            Self::Memory(engine) => action(&engine.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File { path, lock, closing } => {
                let not_applied = |problem: &str| failed(Effect::NotApplied, problem);
                let guard = take_lock(lock, access)
                    .map_err(|e| not_applied(&format!("cannot lock {}: {e}", lock.display())))?;
                let engine = Engine::open(path).map_err(|e| not_applied(&e))?;
                let result = action(&engine);
                // The engine's handle closes before another may open the file.
                let turn = closing.lock().unwrap_or_else(PoisonError::into_inner);
                drop(engine);
                drop(turn);
                drop(guard);
                result
            }
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::File { path, .. } => Endpoint::of_file(path),
            Self::Memory(_) => Endpoint::in_memory(),
        }
    }
}

/// Makes the database where there is none. It gets its name once its own table is
/// in it, for the engine does not make a table in one step: killed in between,
/// it has one that can be neither used nor made again.
fn make_database(path: &Path, lock: &Path) -> Result<(), String> {
    let _guard = lock_to_make(path).map_err(|e| format!("cannot lock {}: {e}", lock.display()))?;
    if path.exists() {
        return Ok(());
    }
    let directory = file::directory(path);
    file::remove_asides(directory);
    let making = file::make_aside(directory).map_err(|e| e.to_string())?;
    let made = making.path().join("database");
    // What the engine makes beside it gets the same mode.
    file::create(&made).map_err(|e| e.to_string())?;
    let engine = Engine::open(&made)?;
    engine.create_records().map_err(|e| e.message)?;
    drop(engine);
    std::fs::rename(&made, path).map_err(|e| e.to_string())?;
    file::sync_directory(directory).map_err(|e| e.to_string())
}

/// `path` with `ending` behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What belongs to a database: its name and these behind it.
pub(crate) const OWN_FILES: [&str; 5] = ["", "-journal", "-wal", "-shm", ".lock"];

/// The lock of the database at `path`, for whoever makes it.
pub(crate) fn lock_to_make(path: &Path) -> io::Result<File> {
    take_lock(&beside(path, ".lock"), Access::Write)
}

/// Waits for the lock, which is held for one call: milliseconds, or as long as
/// it takes to fill an index.
fn take_lock(path: &Path, access: Access) -> io::Result<File> {
    let file = file::open_or_create(path)?;
    match access {
        Access::Read => file.lock_shared()?,
        Access::Write => file.lock()?,
    }
    Ok(file)
}

fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(0) + since.unwrap_or_default()
}

/// The engine itself failed.
fn failed(effect: Effect, problem: &str) -> CallError {
    CallError {
        kind: ErrorKind::Server,
        effect,
        code: "LocalEngineFailure".to_owned(),
        message: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gsictl_core::catalog::{BillingMode, IndexStatus};
    use gsictl_core::definition::{KeyElement, KeyType, Projection, ScalarType};

    use super::*;

    fn hash(attribute: &str) -> KeyElement {
        KeyElement { attribute_name: attribute.to_owned(), key_type: KeyType::Hash }
    }

    fn typed(attribute: &str) -> BTreeMap<String, ScalarType> {
        [(attribute.to_owned(), ScalarType::S)].into()
    }

    fn table() -> CreateTable {
        CreateTable {
            table: TableName::new("bookings").unwrap(),
            key_schema: vec![hash("pk")],
            attributes: typed("pk"),
            billing_mode: BillingMode::PayPerRequest,
            provisioned_throughput: None,
        }
    }

    fn index() -> CreateIndex {
        CreateIndex {
            table: table().table,
            index: IndexName::new("by-aaa").unwrap(),
            key_schema: vec![hash("aaa")],
            projection: Projection::All,
            attributes: typed("aaa"),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
        }
    }

    /// A session on an engine in memory, as another process would have it.
    fn at(engine: &Engine, millis: i64) -> Session<'_> {
        Session {
            engine,
            durations: LocalDurations::of_build(5.0),
            now: Timestamp::from_millis(millis),
        }
    }

    #[test]
    fn a_kill_between_record_and_create_leaves_no_index_and_no_obstacle() {
        let engine = Engine::memory().unwrap();
        let made = at(&engine, 0).create_table(table()).unwrap();
        let durations = LocalDurations::of_build(5.0);
        let armed =
            Record::of_create(&index(), made.table_id, Timestamp::from_millis(0), durations);
        engine.save_record(&made.name, &armed).unwrap();
        assert!(at(&engine, 10).describe(&made.name).unwrap().indexes.is_empty());
        at(&engine, 3_000).create_index(&index()).unwrap();
        // The phases count from the create that happened.
        let shown = at(&engine, 5_500).describe(&made.name).unwrap();
        assert!(shown.indexes[0].backfilling);
        let shown = at(&engine, 8_000).describe(&made.name).unwrap();
        assert!(shown.indexes[0].is_ready());
    }

    #[test]
    fn a_kill_between_record_and_delete_does_not_bring_the_index_back() {
        let engine = Engine::memory().unwrap();
        let made = at(&engine, 0).create_table(table()).unwrap();
        at(&engine, 0).create_index(&index()).unwrap();
        let shown = at(&engine, 9_000).describe(&made.name).unwrap();
        let now = Timestamp::from_millis(9_000);
        let durations = LocalDurations::of_build(5.0);
        let deleted = Record::of_delete(&shown.indexes[0], &shown, now, durations);
        engine.save_record(&made.name, &deleted).unwrap();
        let shown = at(&engine, 9_999).describe(&made.name).unwrap();
        assert_eq!(shown.indexes[0].status, IndexStatus::Deleting);
        assert!(at(&engine, 10_000).describe(&made.name).unwrap().indexes.is_empty());
        let remade = at(&engine, 10_000).create_index(&index()).unwrap();
        assert_eq!(remade.indexes[0].status, IndexStatus::Creating);
    }

    #[test]
    fn records_of_a_table_that_was_made_again_count_for_nothing() {
        let engine = Engine::memory().unwrap();
        let made = at(&engine, 0).create_table(table()).unwrap();
        let old = Some("another table".to_owned());
        let durations = LocalDurations::of_build(5.0);
        let armed = Record::of_create(&index(), old, Timestamp::from_millis(0), durations);
        engine.save_record(&made.name, &armed).unwrap();
        at(&engine, 0).reconcile(&made.name).unwrap();
        assert!(engine.records(&made.name).unwrap().is_empty());
    }

    #[test]
    fn calls_at_once_leave_nothing_beside_the_file() {
        const CALLS: usize = 6;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("local.db");
        let source = Source::file(&path).unwrap();
        let start = std::sync::Barrier::new(CALLS);
        for _ in 0..100 {
            std::thread::scope(|threads| {
                for _ in 0..CALLS {
                    threads.spawn(|| {
                        start.wait();
                        source.with(Access::Read, |engine| engine.table(&table().table))
                    });
                }
            });
            let left = ["-wal", "-shm"].map(|ending| beside(&path, ending).exists());
            assert_eq!(left, [false, false]);
        }
    }
}
