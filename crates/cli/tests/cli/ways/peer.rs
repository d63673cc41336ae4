//! AWS on loopback, as far as its ways in need it: DynamoDB with one table, STS, with TLS
//! or without, with a clock of its own.

use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gsictl_core::time::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::wire::Message;

/// What it refuses, and how.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habits {
    /// Its clock, against this machine's; it refuses what is signed minutes beside it.
    pub(crate) ahead: Duration,
    /// It does not tell its time.
    pub(crate) hides_its_time: bool,
    /// The code and the message of its answer to each call of DynamoDB.
    pub(crate) refuses: Option<(&'static str, &'static str)>,
}

pub(crate) struct Peer {
    address: SocketAddr,
    scheme: &'static str,
    heard: Arc<Mutex<Vec<Message>>>,
}

impl Peer {
    pub(crate) fn start(habits: Habits) -> Self {
        Self::listen("http", habits, |stream| Box::new(stream))
    }

    /// With a certificate for `localhost`, whose issuer is written to `ca`.
    pub(crate) fn with_tls(ca: &Path) -> Self {
        let config = Arc::new(certified(ca));
        Self::listen("https", Habits::default(), move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        })
    }

    fn listen(
        scheme: &'static str,
        habits: Habits,
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, wrap) = (Arc::<Mutex<Vec<Message>>>::default(), Arc::new(wrap));
        let log = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, wrap) = (Arc::clone(&log), Arc::clone(&wrap));
                std::thread::spawn(move || serve(wrap(stream), habits, &log));
            }
        });
        Self { address, scheme, heard }
    }

    /// With a name, which the certificate has.
    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// The requests so far.
    pub(crate) fn heard(&self) -> Vec<Message> {
        self.heard.lock().unwrap().clone()
    }

    /// How many requests were signed with this access key.
    pub(crate) fn signed_by(&self, key: &str) -> usize {
        let credential = format!("Credential={key}/");
        let signed =
            |m: &&Message| m.header("authorization").is_some_and(|a| a.contains(&credential));
        self.heard().iter().filter(signed).count()
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn certified(ca: &Path) -> ServerConfig {
    let mut issuer = CertificateParams::default();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(issuer, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

fn serve(stream: Box<dyn Stream>, habits: Habits, log: &Mutex<Vec<Message>>) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut stream) {
        let answer = answer(&request, habits);
        log.lock().unwrap().push(request);
        if stream.get_mut().write_all(&answer).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn answer(request: &Message, habits: Habits) -> Vec<u8> {
    let now = now() + habits.ahead;
    let date = if habits.hides_its_time { String::new() } else { http_date(now) };
    if request.header("x-amz-target").is_none() {
        return said(200, "text/xml", &date, ROLE);
    }
    let json = "application/x-amz-json-1.0";
    let beside = beside(now, request);
    let refusal = if beside.as_secs() > 300 {
        Some(("InvalidSignatureException", "Signature expired: it is now earlier than"))
    } else {
        habits.refuses
    };
    match refusal {
        Some((code, message)) => {
            let kind = format!("com.amazon.coral.service#{code}");
            let body = serde_json::json!({ "__type": kind, "message": message }).to_string();
            said(400, json, &date, &body)
        }
        None => said(200, json, &date, TABLE),
    }
}

fn said(status: u16, kind: &str, date: &str, body: &str) -> Vec<u8> {
    let date = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Whatever\r\n{date}Content-Type: {kind}\r\nContent-Length: {length}\r\n\
         \r\n{body}"
    )
    .into_bytes()
}

/// What an assumed role is given.
const ROLE: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <AssumeRoleResult><Credentials><AccessKeyId>ASIAOFTHEROLE</AccessKeyId>\
    <SecretAccessKey>secretoftherole</SecretAccessKey><SessionToken>tokenoftherole</SessionToken>\
    <Expiration>2199-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser>\
    <Arn>arn:aws:sts::123456789012:assumed-role/deploy/x</Arn><AssumedRoleId>A:x</AssumedRoleId>\
    </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";

const TABLE: &str = r#"{"Table":{"TableName":"flights","TableStatus":"ACTIVE",
    "TableArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/flights",
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"}}}"#;

fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// Between the server's time and that of the signature (`20261125T200000Z`).
fn beside(now: Timestamp, request: &Message) -> Duration {
    let signed = request.header("x-amz-date").unwrap();
    let part = |range: std::ops::Range<usize>| &signed[range];
    let (date, time) = (
        format!("{}-{}-{}", part(0..4), part(4..6), part(6..8)),
        format!("{}:{}:{}", part(9..11), part(11..13), part(13..15)),
    );
    let signed = Timestamp::parse(&format!("{date}T{time}Z")).unwrap();
    now.since(signed).max(signed.since(now))
}

/// `Wed, 25 Nov 2026 20:00:00 GMT`.
fn http_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.whole_seconds().to_string();
    let day = DAYS[usize::try_from(at.as_millis() / 86_400_000 % 7).unwrap()];
    let month = MONTHS[text[5..7].parse::<usize>().unwrap() - 1];
    format!("{day}, {} {month} {} {} GMT", &text[8..10], &text[0..4], &text[11..19])
}

#[test]
fn a_date_is_one_of_http() {
    let at = Timestamp::parse("2026-11-25T20:01:02Z").unwrap();
    assert_eq!(http_date(at), "Wed, 25 Nov 2026 20:01:02 GMT");
}
