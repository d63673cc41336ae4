//! The tables on Amazon DynamoDB Local, behind a proxy that counts calls.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gsictl_core::definition::ScalarType;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions, Keys};

use crate::support::dynamodb_local::DynamoDbLocal;
use crate::support::proxy::{Chooser, Proxy};
use crate::support::wire::Message;
use crate::support::world::{Done, Running, TABLES, Tables, World, airline, project, runtime};

/// A world whose tables are on a server, behind a proxy that counts calls.
pub(crate) struct Service {
    pub(crate) world: World,
    pub(crate) tables: Tables,
    pub(crate) proxy: Proxy,
    options: AwsOptions,
    /// Lives as long as the test, where it is the test's own.
    _own: Option<DynamoDbLocal>,
}

/// On the server that all tests share; indexes are built at once.
pub(crate) fn service() -> Option<Service> {
    let server = DynamoDbLocal::shared()?.endpoint();
    Some(Service::on(&server, Proxy::before(&server), None))
}

/// The same, with faults on the way.
pub(crate) fn faulty_service(chooser: Box<dyn Chooser>) -> Option<Service> {
    let server = DynamoDbLocal::shared()?.endpoint();
    Some(Service::on(&server, Proxy::with_faults(&server, chooser), None))
}

/// On a server of its own, whose builds last 30 seconds.
pub(crate) fn slow_service() -> Option<Service> {
    let server = DynamoDbLocal::start_slow()?;
    let endpoint = server.endpoint();
    Some(Service::on(&endpoint, Proxy::before(&endpoint), Some(server)))
}

impl Service {
    fn on(endpoint: &str, proxy: Proxy, own: Option<DynamoDbLocal>) -> Self {
        // Data is kept apart by access key.
        static KEYS: AtomicUsize = AtomicUsize::new(0);
        let key = format!("key{}", KEYS.fetch_add(1, Ordering::SeqCst));
        let mut world = World::new();
        world
            .set("AWS_ACCESS_KEY_ID", &key)
            .set("AWS_SECRET_ACCESS_KEY", "local")
            .set("AWS_REGION", "eu-west-1")
            .set("AWS_ENDPOINT_URL", &proxy.endpoint());
        let options = AwsOptions {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(endpoint.to_owned()),
            keys: Some(Keys { access_key_id: key, secret_access_key: "local".to_owned() }),
            ..AwsOptions::default()
        };
        Self { world, tables: connect(&options), options, proxy, _own: own }
    }

    /// Another directory over the same tables, behind a proxy of its own.
    pub(crate) fn other_directory(&self) -> (World, Proxy) {
        let proxy = Proxy::before(self.server());
        let mut world = self.world.alike();
        world.set("AWS_ENDPOINT_URL", &proxy.endpoint());
        (world, proxy)
    }

    pub(crate) fn airline(self) -> Self {
        for (table, key) in TABLES {
            self.tables.create_table(table, key, ScalarType::S);
        }
        let definitions = std::fs::read(project("examples/airline.yaml")).unwrap();
        self.world.write("airline.yaml", &definitions);
        self
    }

    /// After a while: connections of before may have been closed while nobody
    /// used them.
    pub(crate) fn reconnect(&mut self) {
        self.tables = connect(&self.options);
    }

    /// A request that the seam has no form for. The server reads the key out of
    /// the signature, and does not check it.
    pub(crate) fn post(&self, operation: &str, body: &str) {
        let address = self.proxy.endpoint().replace("http://", "");
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = self.request(&address, operation, body);
        stream.write_all(request.as_bytes()).unwrap();
        let answer = Message::read(&mut BufReader::new(stream)).unwrap().unwrap();
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status(), 200, "{said}");
    }

    fn request(&self, address: &str, operation: &str, body: &str) -> String {
        let keys = self.options.keys.as_ref().unwrap();
        format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
             X-Amz-Date: 20260201T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/20260201/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, \
             Signature=0\r\n\r\n{body}",
            body.len(),
            keys.access_key_id
        )
    }

    /// The server itself, past the proxy.
    pub(crate) fn server(&self) -> &str {
        self.options.endpoint_url.as_deref().unwrap()
    }

    /// Puts items that are JSON already into a table, past all that makes it slow: for
    /// those who need very many.
    pub(crate) fn load(&self, table: &str, items: impl Iterator<Item = String> + Send) {
        const BATCH: usize = 25;
        let items = std::sync::Mutex::new(items);
        let writer = || {
            let address = self.server().replace("http://", "");
            let mut stream = BufReader::new(TcpStream::connect(&address).unwrap());
            loop {
                let batch: Vec<_> = items.lock().unwrap().by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    return;
                }
                let puts = batch.join("}},{\"PutRequest\":{\"Item\":");
                let body = format!(
                    r#"{{"RequestItems":{{"{table}":[{{"PutRequest":{{"Item":{puts}}}}}]}}}}"#
                );
                let request = self.request(&address, "BatchWriteItem", &body);
                stream.get_mut().write_all(request.as_bytes()).unwrap();
                let answer = Message::read(&mut stream).unwrap().unwrap();
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                assert_eq!(said, r#"{"UnprocessedItems":{}}"#);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(writer);
            }
        });
    }

    pub(crate) fn apply(&self) -> Done {
        self.start().end()
    }

    pub(crate) fn start(&self) -> Running {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, more: &[&str]) -> Running {
        let apply = ["apply", "airline.yaml", "--output", "json"];
        self.world.start(&[&apply, more].concat())
    }

    /// The indexes that the server has, as `table.index`, with their statuses.
    pub(crate) fn indexes(&self) -> BTreeMap<String, String> {
        // Connections of before may have been closed while nobody used them.
        let tables = connect(&self.options);
        TABLES.iter().flat_map(|(table, _)| tables.indexes(table)).collect()
    }

    /// Every index of the tables is ACTIVE.
    pub(crate) fn all_are_active(&self) {
        let active = airline().into_iter().map(|id| (id, "ACTIVE".to_owned()));
        assert_eq!(self.indexes(), active.collect());
    }
}

fn connect(options: &AwsOptions) -> Tables {
    let backend = runtime().block_on(Aws::connect(options.clone())).unwrap();
    Tables::new(Arc::new(backend))
}
