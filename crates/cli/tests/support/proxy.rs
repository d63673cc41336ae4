//! Stands before a server: notes what is asked for and what the server made of
//! it, and does to it what it is told to.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::support::fault::{Answer, Fault};
use crate::support::wire::Message;

/// A request that came, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) table: String,
    /// Of a create.
    pub(crate) index: Option<String>,
    /// Of a delete.
    pub(crate) deletes: Option<String>,
    /// The fault it met.
    pub(crate) fault: &'static str,
    /// What the server answered, each time that it got it.
    pub(crate) statuses: Vec<u16>,
    pub(crate) at: Instant,
    /// When the server said yes to it, the first time.
    pub(crate) acknowledged: Option<Instant>,
}

impl Asked {
    fn of(request: &Message) -> Self {
        let target = request.header("x-amz-target").unwrap_or_default();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let update = &body["GlobalSecondaryIndexUpdates"][0];
        let index = |action: &str| update[action]["IndexName"].as_str().map(str::to_owned);
        Self {
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            table: body["TableName"].as_str().unwrap_or_default().to_owned(),
            index: index("Create"),
            deletes: index("Delete"),
            fault: "none",
            statuses: Vec::new(),
            at: Instant::now(),
            acknowledged: None,
        }
    }

    /// `table.index` of a create.
    fn creates(&self) -> Option<String> {
        self.index.as_ref().map(|index| format!("{}.{index}", self.table))
    }
}

/// Chooses what becomes of a request, by it and by all that came before.
pub(crate) trait Chooser: Send {
    fn choose(&mut self, request: &Asked, before: &Log) -> Fault;
}

/// Everything that was asked for, in order.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Asked>);

impl Log {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter()
    }
}

/// Listens on a port of its own in front of one server.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    log: Log,
    chooser: Option<Box<dyn Chooser>>,
}

impl Proxy {
    /// Passes everything on. `endpoint` is `http://127.0.0.1:PORT`.
    pub(crate) fn before(endpoint: &str) -> Self {
        Self::start(endpoint, None)
    }

    /// Does what `chooser` says.
    pub(crate) fn with_faults(endpoint: &str, chooser: Box<dyn Chooser>) -> Self {
        Self::start(endpoint, Some(chooser))
    }

    fn start(endpoint: &str, chooser: Option<Box<dyn Chooser>>) -> Self {
        let server: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared { log: Log::default(), chooser }));
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let connection = Connection { server, shared: Arc::clone(&kept) };
                thread::spawn(move || connection.serve(&client));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often the operation was asked for so far.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.asked(|asked| asked.operation == operation).len()
    }

    /// The requests that fit.
    pub(crate) fn asked(&self, fits: impl Fn(&Asked) -> bool) -> Vec<Asked> {
        let shared = self.shared.lock().unwrap();
        shared.log.iter().filter(|asked| fits(asked)).cloned().collect()
    }

    /// The creates of each index in order, each with the server's answers to it.
    pub(crate) fn creates(&self) -> BTreeMap<String, Vec<Vec<u16>>> {
        let mut creates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for asked in self.asked(|asked| asked.index.is_some()) {
            creates.entry(asked.creates().unwrap()).or_default().push(asked.statuses);
        }
        creates
    }

    /// How often each fault was met.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for asked in self.asked(|_| true) {
            *faults.entry(asked.fault).or_default() += 1;
        }
        faults
    }
}

/// One client's.
#[derive(Clone)]
struct Connection {
    server: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Connection {
    /// Serves one request after the other, until either side has had enough.
    fn serve(&self, mut client: &TcpStream) {
        let mut requests = BufReader::new(client);
        while let Ok(Some(request)) = Message::read(&mut requests) {
            let (n, fault) = self.begin(&request);
            let answer = self.carry_out(n, &fault, &request);
            let sent = answer.and_then(|bytes| client.write_all(&bytes));
            if sent.is_err() || matches!(fault.answer, Answer::Half | Answer::Nothing) {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    /// Notes the request and chooses what becomes of it.
    fn begin(&self, request: &Message) -> (usize, Fault) {
        let Shared { log, chooser } = &mut *self.shared.lock().unwrap();
        let mut asked = Asked::of(request);
        let fault = chooser.as_mut().map_or_else(Fault::none, |c| c.choose(&asked, log));
        asked.fault = fault.name;
        log.0.push(asked);
        (log.0.len() - 1, fault)
    }

    /// The bytes that the client gets.
    fn carry_out(&self, n: usize, fault: &Fault, request: &Message) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        if let Some(by) = fault.late {
            let (connection, request) = (self.clone(), request.clone());
            thread::spawn(move || {
                thread::sleep(by);
                connection.deliver(n, &request)
            });
        } else {
            for _ in 0..fault.deliveries {
                answer = self.deliver(n, request)?;
            }
        }
        thread::sleep(fault.wait);
        Ok(match &fault.answer {
            Answer::Servers => answer,
            Answer::Instead(other) => other.bytes(),
            Answer::Changed(texts) => {
                // Whoever changes an answer on its way and is to be believed signs it anew.
                let unsigned = exchange(&answer, "x-amz-crc32", "x-was-crc32");
                texts.iter().fold(unsigned, |answer, (from, to)| exchange(&answer, from, to))
            }
            Answer::Half => answer[..answer.len() / 2].to_vec(),
            Answer::Nothing => Vec::new(),
        })
    }

    /// Hands the request to the server, and notes what it said.
    fn deliver(&self, n: usize, request: &Message) -> io::Result<Vec<u8>> {
        let said = ask(self.server, request)?;
        let asked = &mut self.shared.lock().unwrap().log.0[n];
        asked.statuses.push(said.status());
        if said.status() == 200 {
            asked.acknowledged.get_or_insert_with(Instant::now);
        }
        Ok(said.bytes())
    }
}

/// So that the answer's head is still right.
fn exchange(answer: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "{from} {to}");
    String::from_utf8_lossy(answer).replace(from, to).into_bytes()
}

/// What the server says to it, on a connection of its own: the server may close
/// idle ones at any time, and that would be a fault that nobody chose.
fn ask(server: u16, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server)))?;
    stream.write_all(&request.bytes())?;
    let answer = Message::read(&mut BufReader::new(stream))?;
    answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
