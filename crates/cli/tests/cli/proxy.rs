//! Passes bytes on to a server and knows which operations were asked for.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the clients sent, a connection each.
type Log = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

/// Listens on a port of its own in front of one server.
pub(crate) struct Proxy {
    port: u16,
    log: Log,
}

impl Proxy {
    /// `endpoint` is `http://127.0.0.1:PORT`.
    pub(crate) fn before(endpoint: &str) -> Self {
        let server: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::default();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let sent = Arc::new(Mutex::new(Vec::new()));
                kept.lock().unwrap().push(Arc::clone(&sent));
                pass_on(client, server, sent);
            }
        });
        Self { port, log }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often the operation was asked for so far.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let target = format!("DynamoDB_20120810.{operation}");
        let connections = self.log.lock().unwrap();
        let of = |sent: &Arc<Mutex<Vec<u8>>>| {
            String::from_utf8_lossy(&sent.lock().unwrap()).matches(&target).count()
        };
        connections.iter().map(of).sum()
    }
}

fn pass_on(client: TcpStream, server: u16, sent: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server))) else {
        return;
    };
    let (from_client, to_client) = (client.try_clone().unwrap(), client);
    let (from_server, to_server) = (server.try_clone().unwrap(), server);
    std::thread::spawn(move || copy(from_client, to_server, Some(&sent)));
    std::thread::spawn(move || copy(from_server, to_client, None));
}

/// Notes what it read before it passes it on.
fn copy(mut from: TcpStream, mut to: TcpStream, note: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if let Some(note) = note {
            note.lock().unwrap().extend_from_slice(&buffer[..read]);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
