//! A directory of its own for each test, and the built binary run in it with an
//! environment that holds nothing but what the test sets.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gsictl_core::call::{Call, CallError, CreateIndex, CreateTable, Effect, Item, Reply};
use gsictl_core::catalog::{BillingMode, IndexDescription, TableDescription};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::local::{Local, LocalDurations};
use serde_json::Value;
use tempfile::TempDir;

/// The state file and its lock.
pub(crate) const STATE: &str = ".gsi_creation_state.json";
pub(crate) const LOCK: &str = ".gsi_creation_state.lock";
/// The new state before it takes the old one's place.
pub(crate) const SAVING: &str = ".gsi_creation_state.gsictl-tmp";
/// The embedded engine's file, where `--local` names none.
pub(crate) const DATABASE: &str = "gsictl-local.db";
/// The six indexes of the examples, in their order.
pub(crate) const AIRLINE: [(&str, &str); 6] = [
    ("bookings", "passenger-flight-index"),
    ("bookings", "flight-status-index"),
    ("Baggage", "location-status-index"),
    ("CrewRoster", "crew-duty-date-index"),
    ("flights", "aircraft-rotation-index"),
    ("passengers", "passenger-elite-tier-index"),
];
/// The same as `table.index`, sorted.
pub(crate) fn airline() -> Vec<String> {
    let mut all: Vec<_> = AIRLINE.iter().map(|(t, i)| format!("{t}.{i}")).collect();
    all.sort();
    all
}

/// The tables of the examples with their keys.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("bookings", "booking_id"),
    ("Baggage", "baggage_id"),
    ("CrewRoster", "roster_id"),
    ("flights", "flight_id"),
    ("passengers", "passenger_id"),
];

/// The width of terminals.
pub(crate) const COLUMNS: usize = 100;

/// Only against hanging for ever; no test is judged by the time it took.
const PATIENCE: Duration = Duration::from_secs(900);

/// A file of the project, by its path from the root.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A directory to work in.
pub(crate) struct World {
    dir: TempDir,
    env: Vec<(String, String)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("gsictl-").tempdir().unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir, env: Vec::new() }
    }

    /// With `airline.yaml` and its five tables in the embedded engine.
    pub(crate) fn airline() -> Self {
        let world = Self::new();
        world.write("airline.yaml", &fs::read(project("examples/airline.yaml")).unwrap());
        world.write(DATABASE, airline_database());
        world.write(&format!("{DATABASE}.lock"), b"");
        world
    }

    /// An empty one, whose commands get the same variables.
    pub(crate) fn alike(&self) -> Self {
        Self { env: self.env.clone(), ..Self::new() }
    }

    /// Every command of this world gets this variable too.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub(crate) fn state(&self) -> Value {
        self.json(STATE)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Every file below the directory but those of `home`, with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| fs::read(self.path(&name)).ok().map(|bytes| (name, bytes));
        self.named("").into_iter().filter_map(read).collect()
    }

    /// The names of files that begin so, in order, and so oldest first.
    pub(crate) fn named(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        collect(self.root(), self.root(), &mut names);
        names.retain(|name| name.starts_with(prefix) && !name.starts_with("home/"));
        names.sort();
        names
    }

    /// The reports below `dir` as programs read them, oldest first.
    pub(crate) fn reports(&self, dir: &str) -> Vec<String> {
        let mut names = self.named(&format!("{dir}gsi_creation_reports/"));
        names.retain(|name| name.ends_with(".json"));
        names
    }

    /// The one report there is.
    pub(crate) fn only_report(&self) -> Value {
        let names = self.reports("");
        assert_eq!(names.len(), 1, "{names:?}");
        self.json(&names[0])
    }

    /// The program, with nothing of this machine's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.other(env!("CARGO_BIN_EXE_gsictl"), args)
    }

    /// A line of shell, in which `gsictl` is found.
    pub(crate) fn in_shell(&self, line: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_gsictl")).parent().unwrap().display();
        self.other("sh", &["-c", &format!("PATH='{program}':$PATH; {line}")])
    }

    /// A line of shell in a terminal of its own, in which `gsictl` is the program;
    /// `None` where there is no util-linux. What the terminal shows is the
    /// command's standard output, and its exit code is the command's.
    pub(crate) fn in_terminal(&self, line: &str) -> Option<Command> {
        let about = Command::new("script").arg("--version").stderr(Stdio::null()).output().ok()?;
        if !String::from_utf8_lossy(&about.stdout).contains("util-linux") {
            return None;
        }
        let program = concat!("'", env!("CARGO_BIN_EXE_gsictl"), "'");
        let line = format!("stty rows 30 cols {COLUMNS}; gsictl() {{ {program} \"$@\"; }}; {line}");
        // Under nohup the end of a terminal would be ignored by all that it runs.
        let env = ["--default-signal=HUP", "script", "-qec", &line, "/dev/null"];
        let mut command = self.other("env", &env);
        command.env("TERM", "xterm").env("SHELL", "/bin/sh");
        Some(command)
    }

    fn other(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.start(args).end()
    }

    /// On the embedded engine, at a test's pace.
    pub(crate) fn local(&self, args: &[&str]) -> Done {
        self.start_local(args).end()
    }

    pub(crate) fn start_local(&self, args: &[&str]) -> Running {
        self.start(&[&["--local", "--local-build-seconds", "0.3"], args].concat())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::new(self.command(args), format!("gsictl {}", args.join(" ")))
    }

    /// The indexes of a table in the embedded engine, with their statuses.
    pub(crate) fn indexes(&self, table: &str) -> BTreeMap<String, String> {
        let table = Embedded::open(&self.path(DATABASE), 0.0).describe(table);
        table.indexes.iter().map(|i| (i.name.to_string(), i.status.to_string())).collect()
    }

    /// Every index of the airline's tables, as `table.index`, with its status.
    pub(crate) fn built(&self) -> BTreeMap<String, String> {
        let engine = Embedded::open(&self.path(DATABASE), 0.0);
        TABLES.iter().flat_map(|(table, _)| engine.indexes(table)).collect()
    }

    /// Every index of the airline's tables, as `table.index`.
    pub(crate) fn all_indexes(&self) -> Vec<String> {
        self.built().into_keys().collect()
    }
}

fn collect(root: &Path, dir: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, names);
        } else {
            names.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
}

/// Made once: five tables without an index.
fn airline_database() -> &'static [u8] {
    static DATABASE: OnceLock<Vec<u8>> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables.db");
        let engine = Embedded::open(&path, 0.0);
        for (table, key) in TABLES {
            engine.create_table(table, key, ScalarType::S);
        }
        fs::read(path).unwrap()
    })
}

/// A backend that a test prepares or looks at by itself.
pub(crate) struct Tables {
    pub(crate) backend: Arc<dyn Backend>,
    runtime: tokio::runtime::Runtime,
}

/// The embedded engine's tables.
pub(crate) struct Embedded;

impl Embedded {
    pub(crate) fn open(path: &Path, build_seconds: f64) -> Tables {
        let local = Local::open(Some(path), LocalDurations::of_build(build_seconds)).unwrap();
        Tables::new(Arc::new(local))
    }
}

impl Tables {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, runtime: runtime() }
    }

    pub(crate) fn call(&self, call: Call) -> Result<Reply, CallError> {
        self.runtime.block_on(self.backend.call(call))
    }

    pub(crate) fn create_table(&self, table: &str, key: &str, kind: ScalarType) {
        let create = CreateTable {
            table: TableName::new(table).unwrap(),
            key_schema: vec![key_element(key, KeyType::Hash)],
            attributes: BTreeMap::from([(key.to_owned(), kind)]),
            billing_mode: BillingMode::PayPerRequest,
            provisioned_throughput: None,
        };
        self.call(Call::CreateTable(Box::new(create))).unwrap();
    }

    /// Writes items, side by side where they are many.
    pub(crate) fn put(&self, table: &str, items: Vec<Item>) {
        const AT_ONCE: usize = 8;
        let table = TableName::new(table).unwrap();
        let share = items.len().div_ceil(AT_ONCE).max(1);
        let mut items = items.into_iter().peekable();
        self.runtime.block_on(async {
            let mut writers = tokio::task::JoinSet::new();
            while items.peek().is_some() {
                let items = items.by_ref().take(share).collect();
                let (backend, table) = (Arc::clone(&self.backend), table.clone());
                writers.spawn(async move { backend.call(Call::PutItems { table, items }).await });
            }
            while let Some(written) = writers.join_next().await {
                written.unwrap().unwrap();
            }
        });
    }

    /// An index with one key, of type S.
    pub(crate) fn create_index(&self, table: &str, index: &str, key: &str) {
        let create = CreateIndex {
            table: TableName::new(table).unwrap(),
            index: IndexName::new(index).unwrap(),
            key_schema: vec![key_element(key, KeyType::Hash)],
            projection: Projection::All,
            attributes: BTreeMap::from([(key.to_owned(), ScalarType::S)]),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
        };
        self.call(Call::CreateIndex(Box::new(create))).unwrap();
    }

    pub(crate) fn delete_index(&self, table: &str, index: &str) {
        let (table, index) = (TableName::new(table).unwrap(), IndexName::new(index).unwrap());
        self.call(Call::DeleteIndex { table, index }).unwrap();
    }

    /// A table's indexes, as `table.index`, with their statuses.
    pub(crate) fn indexes(&self, table: &str) -> BTreeMap<String, String> {
        let table = self.describe(table);
        let named = |i: &IndexDescription| format!("{}.{}", table.name, i.name);
        table.indexes.iter().map(|i| (named(i), i.status.to_string())).collect()
    }

    /// Asked again where the server has troubles of its own, as DynamoDB Local has
    /// when much goes on.
    pub(crate) fn describe(&self, table: &str) -> TableDescription {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.call(Call::DescribeTable(TableName::new(table).unwrap())) {
                Ok(Reply::Table(table)) => return *table,
                Err(error) if error.effect == Effect::Unknown && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                other => panic!("{table}: {other:?}"),
            }
        }
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn key_element(name: &str, key_type: KeyType) -> KeyElement {
    KeyElement { attribute_name: name.to_owned(), key_type }
}

/// A definition of one index with one key, as YAML below its table's name.
pub(crate) fn one_index(index: &str, key: &str, kind: &str) -> String {
    format!(
        "  - IndexName: {index}\n    KeySchema:\n      - {{ AttributeName: {key}, KeyType: HASH }}\n    \
         AttributeDefinitions:\n      - {{ AttributeName: {key}, AttributeType: {kind} }}\n    \
         Projection: {{ ProjectionType: ALL }}\n"
    )
}

/// A process on its way. Its standard output is read line by line, its standard
/// error aside.
pub(crate) struct Running {
    name: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
    seen: String,
    watchdog: Watchdog,
}

/// Ends a process that does not end, so that a test that waits for it fails and says so.
struct Watchdog {
    awake: Option<Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Watchdog {
    fn over(pid: u32) -> Self {
        let (awake, over) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let hangs = over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if hangs {
                signal(pid, "KILL");
            }
            hangs
        });
        Self { awake: Some(awake), thread: Some(thread) }
    }

    /// Whether it was needed. The process has ended.
    fn bit(&mut self) -> bool {
        self.awake.take();
        self.thread.take().is_some_and(|thread| thread.join().unwrap())
    }
}

/// `INT`, `TERM`, `HUP` or `KILL`. The process may be gone already.
pub(crate) fn signal(pid: u32, signal: &str) {
    let kill = format!("kill -{signal} {pid}");
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
}

impl Running {
    pub(crate) fn new(mut command: Command, name: String) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut stderr, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        let stderr = std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut some) {
                heard.lock().unwrap().extend(&some[..read]);
            }
        });
        let watchdog = Watchdog::over(child.id());
        Self { name, child, stdout, stderr: Some(stderr), said, seen: String::new(), watchdog }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The next line of standard output, as JSON.
    pub(crate) fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        self.seen.push_str(&line);
        serde_json::from_str(&line).ok()
    }

    /// Reads on until an event of that name came. It must come.
    pub(crate) fn until(&mut self, name: &str) -> Value {
        loop {
            match self.event() {
                Some(event) if event["event"] == name => return event,
                Some(_) => {}
                None => panic!("{} ended without {name}:\n{}", self.name, self.seen),
            }
        }
    }

    /// What its standard error has so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// `INT`, `TERM`, `HUP` or `KILL`. The process may be gone already.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub(crate) fn kill(mut self) -> Done {
        let _ = self.child.kill();
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let mut rest = Vec::new();
        let _ = self.stdout.read_to_end(&mut rest);
        self.seen.push_str(&String::from_utf8_lossy(&rest));
        let status = self.child.wait().unwrap();
        self.stderr.take().map(JoinHandle::join);
        let done = Done {
            name: std::mem::take(&mut self.name),
            code: status.code(),
            stdout: std::mem::take(&mut self.seen),
            stderr: self.said(),
        };
        assert!(!self.watchdog.bit(), "it does not end: {}", done.text());
        done
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that ended.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    name: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// It ended with that code, and without a panic.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text());
        assert!(!self.stderr.contains("panicked"), "{}", self.text());
        self
    }

    /// Its output or its progress has these words.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(
            self.stdout.contains(words) || self.stderr.contains(words),
            "it does not say {words:?}: {}",
            self.text()
        );
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(self, words: &str) -> Self {
        assert!(
            !self.stdout.contains(words) && !self.stderr.contains(words),
            "it says {words:?}: {}",
            self.text()
        );
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { name, code, stdout, stderr } = self;
        format!("{name}: exit {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Standard output as JSON, one event a line. Of a killed process the last
    /// line may be cut off.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The indexes of the events of that name, as `table.index`.
    pub(crate) fn indexes(&self, event: &str) -> Vec<String> {
        let events = self.events();
        let fits = events.iter().filter(|e| e["event"] == event);
        fits.map(|e| format!("{}.{}", text(&e["table"]), text(&e["index"]))).collect()
    }

    /// The last event.
    #[track_caller]
    pub(crate) fn finished(&self) -> Value {
        let last = self.events().pop().unwrap_or_default();
        assert_eq!(last["event"], "finished", "{}", self.text());
        last
    }
}

/// Looks until it is there. What does not come ends the test and not the patience of
/// who runs it.
pub(crate) fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < end, "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The status of each entry of a state.
pub(crate) fn statuses(state: &Value) -> BTreeMap<String, String> {
    let entries = state["gsis"].as_object().unwrap().iter();
    entries.map(|(key, entry)| (key.clone(), text(&entry["status"]).to_owned())).collect()
}

/// Hands `input` to a command's standard input.
pub(crate) fn with_input(mut command: Command, input: &[u8]) -> Done {
    command.stdin(Stdio::piped());
    let mut running = Running::new(command, "gsictl with input".to_owned());
    let mut stdin = running.child.stdin.take().unwrap();
    let _ = stdin.write_all(input);
    drop(stdin);
    running.end()
}

/// The same test of each case at once: what they wait for is time.
pub(crate) fn side_by_side<C: Sync, T: Send>(cases: &[C], test: impl Fn(&C) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(|| test(case))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}
