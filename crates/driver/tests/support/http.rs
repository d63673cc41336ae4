//! A server that says what it is told to, for what no engine does on purpose.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One answer: status and body, or none at all (the connection is closed).
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Say(u16, String),
    /// In the form that CloudWatch speaks.
    Cbor(Vec<u8>),
    /// With a header more.
    Headed(&'static str, String),
    /// A body that never ends.
    Endless(u16),
    HangUp,
}

/// Answers on 127.0.0.1, one connection a request, in the given order, and then
/// no more.
pub(crate) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                serve(&stream, |_| answer, &log);
            }
        });
        Self { address, heads }
    }

    /// Answers each request, by the operation that it asks for, for ever.
    #[allow(dead_code, reason = "one of the programs that share this needs it")]
    pub(crate) fn by_operation(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&heads), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, |head| answer(operation(head)), &log));
            }
        });
        Self { address, heads }
    }

    /// How often the operation was asked for so far.
    #[allow(dead_code, reason = "one of the programs that share this needs it")]
    pub(crate) fn count(&self, name: &str) -> usize {
        self.heads().iter().filter(|head| operation(head) == name).count()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request lines and headers received so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// `Scan`, of a request with `X-Amz-Target: DynamoDB_20120810.Scan`.
fn operation(head: &str) -> &str {
    let target = head.lines().find(|line| line.to_ascii_lowercase().starts_with("x-amz-target:"));
    target.and_then(|line| line.rsplit('.').next()).unwrap_or_default().trim()
}

fn serve(mut stream: &TcpStream, answer: impl FnOnce(&str) -> Answer, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    let answer = answer(&head);
    log.lock().unwrap().push(head);
    let (status, headers, body) = match &answer {
        Answer::Say(status, body) => {
            (*status, "Content-Type: application/x-amz-json-1.0", body.as_bytes())
        }
        Answer::Cbor(body) => {
            (200, "Content-Type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor", &**body)
        }
        Answer::Headed(header, body) => (200, *header, body.as_bytes()),
        Answer::Endless(status) => return say_for_ever(stream, *status),
        Answer::HangUp => return,
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\n{headers}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// In chunks, until the other side has had enough.
fn say_for_ever(mut stream: &TcpStream, status: u16) {
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = stream.write_all(head.as_bytes());
    while sent.is_ok() {
        sent = stream.write_all(chunk.as_bytes());
    }
}
