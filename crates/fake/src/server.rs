//! The fake on loopback: ports, threads, and the handle that a test holds.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::clock::{Elapsed, FakeClock};
use crate::model::{ControlPlane, FakeRequest};
use crate::refusal::AwsRefusal;
use crate::wire::{self, HttpRequest};

/// One call that came, with what it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// In AWS's time.
    pub at: Elapsed,
    /// Of the endpoint, or of the signature.
    pub region: String,
    /// `UpdateTable`.
    pub operation: String,
    /// What it asked.
    pub body: Value,
    /// The code of the refusal, without its namespace; `None` where it was done.
    pub refused: Option<String>,
}

impl RecordedCall {
    /// The table that it is about: a name or an ARN.
    #[must_use]
    pub fn table(&self) -> &str {
        self.body["TableName"].as_str().unwrap_or_default()
    }
}

/// A control plane on loopback. It ends with the value.
#[derive(Debug)]
pub struct Fake {
    shared: Arc<FakeState>,
    any_region: SocketAddr,
    by_region: Mutex<BTreeMap<String, SocketAddr>>,
}

#[derive(Debug)]
struct FakeState {
    plane: Mutex<ControlPlane>,
    clock: FakeClock,
    calls: Mutex<Vec<RecordedCall>>,
    connections: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Fake {
    /// Serves on a free port of 127.0.0.1. `scale` of AWS's seconds pass in one of ours:
    /// at 100 an index is built in five and a half.
    ///
    /// # Errors
    /// No port is to be had.
    pub fn start(plane: ControlPlane, scale: f64) -> io::Result<Self> {
        Self::serve(plane, FakeClock::scaled(scale), 0)
    }

    /// The same on a port of one's choice.
    ///
    /// # Errors
    /// That port is not to be had.
    pub fn start_on(plane: ControlPlane, scale: f64, port: u16) -> io::Result<Self> {
        Self::serve(plane, FakeClock::scaled(scale), port)
    }

    /// The same with a clock that stands still until [`Self::advance`] moves it.
    ///
    /// # Errors
    /// No port is to be had.
    pub fn manual(plane: ControlPlane) -> io::Result<Self> {
        Self::serve(plane, FakeClock::manual(), 0)
    }

    fn serve(mut plane: ControlPlane, clock: FakeClock, port: u16) -> io::Result<Self> {
        plane.scale = clock.scale();
        plane.epoch = unix_now() as f64;
        let shared = Arc::new(FakeState {
            plane: Mutex::new(plane),
            clock,
            calls: Mutex::default(),
            connections: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let any_region = listen(&shared, None, port)?;
        Ok(Self { shared, any_region, by_region: Mutex::default() })
    }

    /// For `--endpoint-url`: the region is the one that a request is signed for.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.any_region)
    }

    /// An endpoint of that region alone, as AWS's are: what is signed for another one is
    /// refused.
    ///
    /// # Errors
    /// No port is to be had.
    pub fn endpoint_in(&self, region: &str) -> io::Result<String> {
        let mut by_region = lock(&self.by_region);
        let address = match by_region.get(region) {
            Some(address) => *address,
            None => listen(&self.shared, Some(region.to_owned()), 0)?,
        };
        by_region.insert(region.to_owned(), address);
        Ok(format!("http://{address}"))
    }

    /// What a client needs in its environment to come here: credentials, region, endpoint.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "AKIAFAKEFAKEFAKEFAKE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "fake".to_owned()),
            ("AWS_REGION", lock(&self.shared.plane).regions[0].clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint()),
        ]
    }

    /// AWS's time since the beginning.
    #[must_use]
    pub fn now(&self) -> Elapsed {
        self.shared.clock.now()
    }

    /// Moves a clock that stands still.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Does something to the control plane, or looks at it, at this moment.
    pub fn with<T>(&self, deed: impl FnOnce(&mut ControlPlane, Elapsed) -> T) -> T {
        let now = self.now();
        let mut plane = lock(&self.shared.plane);
        plane.catch_up(now);
        deed(&mut plane, now)
    }

    /// Every call so far, in the order in which they were answered.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        lock(&self.shared.calls).clone()
    }

    /// The calls of that operation so far.
    #[must_use]
    pub fn calls_of(&self, operation: &str) -> Vec<RecordedCall> {
        let calls = lock(&self.shared.calls);
        calls.iter().filter(|call| call.operation == operation).cloned().collect()
    }

    /// What a description tells now, as JSON, without counting as a call.
    ///
    /// # Errors
    /// AWS's answer.
    pub fn describe(&self, region: &str, table: &str) -> Result<Value, AwsRefusal> {
        let body = json!({ "TableName": table });
        let told = self.with(|plane, now| plane.perform(now, region, "DescribeTable", &body))?;
        Ok(told["Table"].clone())
    }

    /// The indexes of a table with their statuses, as a description tells them now; none
    /// where there is no such table.
    #[must_use]
    pub fn indexes(&self, region: &str, table: &str) -> BTreeMap<String, String> {
        let told = self.describe(region, table).unwrap_or_default();
        let indexes = told["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        indexes.map(|index| (text(&index["IndexName"]), text(&index["IndexStatus"]))).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let mut addresses = vec![self.any_region];
        addresses.extend(lock(&self.by_region).values());
        for address in addresses {
            // Wakes the thread that waits for a connection.
            drop(TcpStream::connect(address));
        }
        for connection in lock(&self.shared.connections).drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

/// What a panic of one connection left is as good as any: every change is one statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Listens on loopback, for one region or for any.
fn listen(shared: &Arc<FakeState>, region: Option<String>, port: u16) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if let Ok(twin) = stream.try_clone() {
                lock(&shared.connections).push(twin);
            }
            let (shared, region) = (Arc::clone(&shared), region.clone());
            std::thread::spawn(move || converse(&shared, region.as_deref(), stream));
        }
    });
    Ok(address)
}

/// Answers one connection until either side has enough.
fn converse(shared: &FakeState, region: Option<&str>, mut stream: TcpStream) {
    let mut buffer = Vec::new();
    drop(stream.set_nodelay(true));
    while let Ok(Some(request)) = HttpRequest::read(&mut stream, &mut buffer) {
        let Some((status, body)) = shared.answer(&request, region) else { break };
        if wire::write(&mut stream, status, &body, shared.clock_now()).is_err() {
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}

impl FakeState {
    /// AWS's clock, in seconds since 1970: what signatures are held against.
    fn clock_now(&self) -> i64 {
        unix_now() + lock(&self.plane).access.clock_ahead
    }

    /// Status and body; `None` where nothing is said.
    fn answer(&self, http: &HttpRequest, region: Option<&str>) -> Option<(u16, Value)> {
        let request = match self.read(http, region) {
            Ok(request) => request,
            Err(refusal) => return Some((refusal.status, refusal.body())),
        };
        let now = self.clock.now();
        let exchange = {
            let mut plane = lock(&self.plane);
            let exchange = plane.answer(now, &request);
            // Under the same lock, so that calls stand in the order of their effects.
            lock(&self.calls).push(RecordedCall {
                at: now,
                region: request.region,
                operation: request.operation,
                body: request.body,
                refused: exchange.answer.as_ref().err().map(|r| r.short_code().to_owned()),
            });
            exchange
        };
        std::thread::sleep(self.clock.here(exchange.takes));
        match exchange.answer {
            _ if exchange.is_lost => None,
            Ok(body) => Some((200, body)),
            Err(refusal) => Some((refusal.status, refusal.body())),
        }
    }

    fn read(&self, http: &HttpRequest, region: Option<&str>) -> Result<FakeRequest, AwsRefusal> {
        let credential = http.credential();
        let scope = credential.as_ref().map(|(_, scope)| scope.as_str());
        if let (Some(region), Some(scope)) = (region, scope)
            && region != scope
        {
            let message = "Credential should be scoped to a valid region.";
            return Err(AwsRefusal::new("InvalidSignatureException", message));
        }
        if credential.is_none() && http.header("authorization").is_some() {
            let message = "Authorization header requires 'Credential' parameter.";
            return Err(AwsRefusal::new("IncompleteSignatureException", message));
        }
        let operation = http.operation().to_owned();
        if operation.is_empty() {
            return Err(AwsRefusal::new("UnknownOperationException", ""));
        }
        let body = serde_json::from_slice(&http.body);
        let body = body.map_err(|_| AwsRefusal::new("SerializationException", ""))?;
        let own = || lock(&self.plane).regions[0].clone();
        Ok(FakeRequest {
            region: region.or(scope).map_or_else(own, str::to_owned),
            operation,
            body,
            access_key: credential.map(|(key, _)| key),
            signed_at: http.signed_at(),
            received_at: self.clock_now(),
        })
    }
}
