#![no_main]
//! DescribeTable's answers, as bodies of HTTP through the whole AWS backend: the
//! SDK reads them from a server in this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use gsictl_core::call::{Call, CallError, ErrorKind, Reply};
use gsictl_core::catalog::{Catalog, Sighting};
use gsictl_core::definition::{Definitions, Format, Source, parse};
use gsictl_core::name::TableName;
use gsictl_core::plan::{Selection, build_estimate, plan};
use gsictl_core::state::State;
use gsictl_core::time::Timestamp;
use gsictl_driver::dynamodb::Backend;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions, Keys};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

fuzz_target!(|body: &[u8]| WORLD.check(body));

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
/// Longer than any message of DynamoDB; what a proxy says is cut to it.
const LONGEST: usize = 1_100;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

struct World {
    runtime: Runtime,
    aws: Aws,
    answer: Arc<Mutex<Vec<u8>>>,
    table: TableName,
    definitions: Definitions,
}

impl World {
    fn new() -> Self {
        let answer = Arc::new(Mutex::new(Vec::new()));
        let address = serve(Arc::clone(&answer));
        let options = AwsOptions {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(format!("http://{address}")),
            keys: Some(Keys {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: SECRET.to_owned(),
            }),
            ..AwsOptions::default()
        };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let aws = runtime.block_on(Aws::connect(options)).expect("all is given");
        let text = include_bytes!("../../examples/airline.yaml");
        let source = Source { file: "airline.yaml", format: Format::Yaml, text };
        Self {
            runtime,
            aws,
            answer,
            table: TableName::new("bookings").expect("a legal name"),
            definitions: parse(&[source]).expect("the example is right"),
        }
    }

    fn check(&self, body: &[u8]) {
        match self.describe("200 OK", body) {
            Ok(Reply::Table(table)) => self.decide(Sighting::Found(table)),
            Ok(_) => panic!("it is no description"),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Server, "it is no answer: {error:?}");
                is_fit_to_show(&error);
            }
        }
        let error = self.describe("400 Bad Request", body).expect_err("it was refused");
        is_fit_to_show(&error);
        self.decide(Sighting::Denied(error.message));
    }

    fn describe(&self, status: &str, body: &[u8]) -> Result<Reply, CallError> {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) =
            [head.as_bytes(), body].concat();
        let call = Call::DescribeTable(self.table.clone());
        let reply = self.runtime.block_on(self.aws.call(call.clone()))?;
        call.accept(reply)
    }

    /// Whatever is there, a plan is made, and it has every index of the table.
    fn decide(&self, sighting: Sighting) {
        let now = Timestamp::from_millis(1_770_000_000_000);
        if let Sighting::Found(table) = &sighting {
            let _ = (table.is_free(), table.account());
            assert_eq!(table.name, self.table, "nothing is filed under another name");
            for definition in &self.definitions.indexes {
                let _ = build_estimate(definition, table);
            }
        }
        let mut catalog = Catalog::default();
        catalog.insert(self.table.clone(), now, sighting);
        let mut state = State::new("airline.yaml", now, "any".to_owned());
        state.enlist(&self.definitions);
        let plan = plan(&self.definitions, &catalog, &state, &Selection::default(), false);
        let of_table = self.definitions.indexes.iter().filter(|d| d.id.table == self.table);
        assert_eq!(plan.indexes().count(), of_table.count());
    }
}

/// Neither secrets nor a page of HTML.
fn is_fit_to_show(error: &CallError) {
    let shown = error.to_string();
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.chars().count() <= LONGEST, "{shown}");
    assert!(!error.code.is_empty() && !shown.contains('\0'), "{shown}");
}

/// Answers every request with what `answer` holds then.
fn serve(answer: Arc<Mutex<Vec<u8>>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || while talk(&stream, &answer).is_some() {});
        }
    });
    address
}

/// One request and its answer; nothing once the connection is at its end.
fn talk(mut stream: &TcpStream, answer: &Mutex<Vec<u8>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let length = head
        .to_ascii_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())?;
    reader.read_exact(&mut vec![0; length]).ok()?;
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    stream.write_all(&answer).ok()
}
