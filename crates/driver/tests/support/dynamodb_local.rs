//! Amazon DynamoDB Local as a child process. Other crates' tests take it in by path,
//! with `skipped` beside it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::skipped::skipped;

/// Starting takes a second, much more on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(600);

/// A running server, which ends with this value or with the process, however
/// that ends.
#[derive(Debug)]
pub(crate) struct DynamoDbLocal {
    server: Child,
    port: u16,
}

impl DynamoDbLocal {
    /// Starts one whose indexes take 30 seconds to build.
    ///
    /// `None`, and the test counts as skipped, where there is no engine to start. With
    /// `GSICTL_REQUIRE_ENGINES=1` that is a failure.
    pub(crate) fn start_slow() -> Option<Self> {
        available(directory().map(|directory| Self::run(&directory, true)))
    }

    /// The one whose indexes are built soon; all tests share it. `None` as above, for
    /// each test that asks.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Result<DynamoDbLocal, String>> = OnceLock::new();
        let start = || directory().map(|directory| Self::run(&directory, false));
        available(SERVER.get_or_init(start).as_ref().map_err(Clone::clone))
    }

    /// `http://127.0.0.1:PORT`. Takes any credentials; data is kept apart by
    /// access key (letters and digits) and region.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn run(directory: &Path, delayed: bool) -> Self {
        let port = free_port();
        // The shell ends the server when its own input ends: when this process
        // closes it or is no more.
        let script = r#"java "$@" </dev/null & server=$!; cat; kill $server; wait"#;
        let mut command = Command::new("sh");
        let library = directory.join("DynamoDBLocal_lib");
        command
            .args(["-c", script, "dynamodb-local"])
            .arg(format!("-Djava.library.path={}", library.display()))
            .arg("-jar")
            .arg(directory.join("DynamoDBLocal.jar"))
            .args(["-inMemory", "-disableTelemetry", "-port"])
            .arg(port.to_string())
            .args(delayed.then_some("-delayTransientStatuses"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = command.spawn().expect("sh runs");
        let started = Self { server, port };
        started.await_answer();
        started
    }

    fn await_answer(&self) {
        let end = Instant::now() + START_LIMIT;
        while !answers(self.port) {
            assert!(Instant::now() < end, "DynamoDB Local does not answer on port {}", self.port);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for DynamoDbLocal {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

fn available<T>(server: Result<T, String>) -> Option<T> {
    let required = std::env::var_os("GSICTL_REQUIRE_ENGINES").is_some_and(|v| v == "1");
    server
        .map_err(|why| {
            assert!(!required, "DynamoDB Local is required, but {why}");
            skipped(&why);
        })
        .ok()
}

/// The directory of DynamoDBLocal.jar, or why there is none to run.
fn directory() -> Result<PathBuf, String> {
    let fetched = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.engines/dynamodb-local-3.3.1");
    let directory = std::env::var_os("GSICTL_DYNAMODB_LOCAL")
        .map_or_else(|| PathBuf::from(fetched), PathBuf::from);
    if !directory.join("DynamoDBLocal.jar").is_file() {
        let place = directory.display();
        return Err(format!(
            "there is no DynamoDBLocal.jar in {place}; run: scripts/dynamodb-local fetch"
        ));
    }
    let java =
        Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match java {
        Ok(status) if status.success() => Ok(directory),
        _ => Err("there is no java to run DynamoDB Local; install default-jre-headless".to_owned()),
    }
}

fn free_port() -> u16 {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(any).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read(&mut [0; 1])
    };
    ask().is_ok_and(|read| read > 0)
}
