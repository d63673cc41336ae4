//! What is particular to a connection: settings, credentials, broken answers.

use std::net::TcpListener;
use std::process::Command;

use gsictl_core::call::{Call, CallError, Effect, ErrorKind, PageForm, Scan};
use gsictl_core::catalog::{IndexStatus, TableDescription};
use gsictl_core::name::IndexId;
use gsictl_core::time::Timestamp;
use gsictl_driver::dynamodb::aws::{Aws, AwsOptions, Keys};
use gsictl_driver::dynamodb::{Backend, ConnectError, MetricsError};

use crate::engines::{index, index_name, table_name};
use crate::http::{Answer, Server};

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";

async fn connect(endpoint: &str) -> Aws {
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(endpoint.to_owned()),
        keys: Some(Keys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SECRET.to_owned(),
        }),
        ..AwsOptions::default()
    };
    Aws::connect(options).await.unwrap()
}

fn describe() -> Call {
    Call::DescribeTable(table_name("bookings"))
}

/// What a create meets on a server that answers so.
async fn meet(answer: Answer) -> CallError {
    let server = Server::start(vec![answer]);
    let create = index(&table_name("bookings"), "by-aaa", "aaa");
    let result = connect(&server.endpoint()).await.call(Call::CreateIndex(Box::new(create))).await;
    assert_eq!(server.heads().len(), 1, "one attempt a call");
    result.unwrap_err()
}

fn fault(code: &str, message: &str) -> String {
    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{message}"}}"#)
}

#[tokio::test]
async fn a_refused_connection_was_certainly_not_applied() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = connect(&endpoint).await.call(describe()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Connection, Effect::NotApplied));
    assert_eq!(error.code, "ConnectionFailed");
    assert!(error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_there_was_certainly_not_reached() {
    let aws = connect("http://no-such-host.invalid:8000").await;
    let error = aws.call(describe()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Connection, Effect::NotApplied));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_open() {
    let error = meet(Answer::HangUp).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Connection, Effect::Unknown));
}

#[tokio::test]
async fn an_answer_nobody_can_read_leaves_the_outcome_open() {
    for (status, body) in [(200, "<html>"), (200, "{}"), (500, ""), (502, "<html>"), (503, "{}")] {
        let error = meet(Answer::Say(status, body.to_owned())).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Server, Effect::Unknown), "{error}");
        assert!(!error.message.is_empty());
    }
}

/// A description of `bookings` with one index, with `from` exchanged for `to`.
fn described(from: &str, to: &str) -> String {
    let body = r#"{"TableDescription":{"TableName":"bookings","TableStatus":"ACTIVE",
        "TableArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/bookings",
        "BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},
        "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
        "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"aaa","AttributeType":"S"}],
        "LocalSecondaryIndexes":[{"IndexName":"local"}],
        "GlobalSecondaryIndexes":[{"IndexName":"by-aaa","IndexStatus":"ACTIVE",
            "KeySchema":[{"AttributeName":"aaa","KeyType":"HASH"}],
            "Projection":{"ProjectionType":"ALL"}}]}}"#;
    assert!(body.contains(from), "{from}");
    body.replacen(from, to, 1)
}

#[tokio::test]
async fn what_an_index_is_judged_by_is_never_guessed() {
    let server = Server::start(vec![Answer::Say(200, described("ACTIVE", "NEW"))]);
    let create = Box::new(index(&table_name("bookings"), "by-aaa", "aaa"));
    let aws = connect(&server.endpoint()).await;
    aws.call(Call::CreateIndex(create)).await.expect("a status may be newer than this program");
    let cases = [
        (r#""ProjectionType":"ALL""#, r#""ProjectionType":"SOME""#, "unknown projection"),
        (r#""ProjectionType":"ALL""#, "", "unknown projection"),
        (r#""Projection":{"ProjectionType":"ALL"}"#, r#""N":1"#, "without its projection"),
        (r#""aaa","KeyType":"HASH""#, r#""aaa","KeyType":"HEAP""#, "key of an unknown type"),
        (r#""pk","KeyType":"HASH""#, r#""pk","KeyType":"HEAP""#, "key of an unknown type"),
        (
            r#""KeySchema":[{"AttributeName":"aaa","#,
            r#""N":[{"AttributeName":"a","#,
            "without its keys",
        ),
        (
            r#""KeySchema":[{"AttributeName":"pk","#,
            r#""N":[{"AttributeName":"pk","#,
            "without its keys",
        ),
        (r#""AttributeType":"S""#, r#""AttributeType":"M""#, "attribute of an unknown type"),
        (
            r#"{"AttributeName":"aaa","AttributeType":"S"}"#,
            r#"{"AttributeName":"pk","AttributeType":"N"}"#,
            "two types",
        ),
        ("PAY_PER_REQUEST", "FREE", "unknown billing mode"),
        (r#""IndexName":"by-aaa""#, r#""N":1"#, "index without its name"),
        (r#""IndexName":"local""#, r#""N":1"#, "index without its name"),
    ];
    for (from, to, words) in cases {
        let error = meet(Answer::Say(200, described(from, to))).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Server, Effect::Unknown), "{error}");
        assert_eq!(error.code, CallError::UNREADABLE);
        assert!(error.message.contains(words), "{to}: {error}");
    }
}

/// The table that a create is answered with.
async fn read(body: String) -> TableDescription {
    let server = Server::start(vec![Answer::Say(200, body)]);
    let create = Box::new(index(&table_name("bookings"), "by-aaa", "aaa"));
    let reply = connect(&server.endpoint()).await.call(Call::CreateIndex(create)).await;
    *reply.unwrap().into_table().unwrap()
}

#[tokio::test]
async fn an_index_without_a_status_is_there_where_its_table_is_active() {
    let untold = described(r#""IndexStatus":"ACTIVE","#, "");
    let updating = untold.replace(r#""TableStatus":"ACTIVE""#, r#""TableStatus":"UPDATING""#);
    for (body, status) in [(untold, IndexStatus::Active), (updating, IndexStatus::Creating)] {
        assert_eq!(read(body).await.indexes[0].status, status);
    }
}

#[tokio::test]
async fn a_vector_index_is_read() {
    let vector = r#""VectorIndexes":[{"IndexName":"by-meaning","IndexStatus":"CREATING",
        "Backfilling":true,"Dimensions":256,"DistanceFunction":"COSINE","IndexArn":"arn",
        "VectorAttribute":{"AttributeName":"embedding"},
        "Projection":{"ProjectionType":"KEYS_ONLY"}}],"LocalSecondaryIndexes""#;
    let table = read(described(r#""LocalSecondaryIndexes""#, vector)).await;
    let index = &table.vector_indexes[0];
    assert_eq!((&index.status, index.backfilling), (&IndexStatus::Creating, true));
    assert_eq!(index.schema_text(), "vector embedding, 256 dimensions, COSINE");
    assert!(index.is_in_flight() && !table.is_free());
}

#[tokio::test]
async fn a_body_without_an_end_is_read_up_to_a_bound() {
    for (status, effect) in [(200, Effect::Unknown), (400, Effect::Unknown)] {
        let error = meet(Answer::Endless(status)).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Server, effect));
        let wanted = "UnreadableAnswer: the answer has more than 4194304 bytes";
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_checksum_is_no_answer() {
    const RIGHT: &str = "Content-Type: application/x-amz-json-1.0\r\nx-amz-crc32: 2745614147";
    const WRONG: &str = "Content-Type: application/x-amz-json-1.0\r\nx-amz-crc32: 1";
    let error = meet(Answer::Headed(WRONG, described("by-aaa", "by-aaa"))).await;
    assert_eq!((error.kind, error.effect), (ErrorKind::Server, Effect::Unknown));
    assert!(error.to_string().contains("UnreadableAnswer: the answer does not fit"), "{error}");
    // The checksum of `{}`, which is whole and says nothing.
    let error = meet(Answer::Headed(RIGHT, "{}".to_owned())).await;
    assert!(error.message.contains("holds no table"), "{error}");
}

#[tokio::test]
async fn json_is_read_to_a_bounded_depth() {
    let deep = |begin: &str, end: &str| begin.repeat(500_000) + &end.repeat(500_000);
    let new = described(
        r#""LocalSecondaryIndexes""#,
        &format!(r#""NEW":{},"LocalSecondaryIndexes""#, deep("[", "]")),
    );
    for body in [deep("[", "]"), deep(r#"{"a":"#, "}"), new] {
        let error = meet(Answer::Say(200, body)).await;
        assert_eq!((error.kind, error.effect), (ErrorKind::Server, Effect::Unknown), "{error}");
    }
    let nested = deep(r#"{"L":["#, "]}");
    let body = format!(r#"{{"Count":1,"Items":[{{"pk":{nested}}}]}}"#);
    let server = Server::start(vec![Answer::Say(200, body)]);
    let error = connect(&server.endpoint()).await.call(scan()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Server, "{error}");
}

fn scan() -> Call {
    Call::Scan(Box::new(Scan {
        table: table_name("bookings"),
        segment: None,
        attributes: Vec::new(),
        limit: None,
        after: None,
        form: PageForm::Items,
    }))
}

#[tokio::test]
async fn a_page_holds_items_as_many_as_it_counts_and_of_its_table() {
    let one = r#"{"pk":{"S":"x"}}"#;
    let cases = [
        ("{}".to_owned(), "no Items"),
        (r#"{"Count":1,"ScannedCount":1}"#.to_owned(), "no Items"),
        (format!(r#"{{"Count":2,"Items":[{one}]}}"#), "counts 2 items and holds 1"),
        (r#"{"Count":-1,"Items":[]}"#.to_owned(), "counts -1 items"),
        (
            r#"{"Count":0,"Items":[],"ConsumedCapacity":{"TableName":"other"}}"#.to_owned(),
            "about another table",
        ),
    ];
    for (body, words) in cases {
        let server = Server::start(vec![Answer::Say(200, body)]);
        let error = connect(&server.endpoint()).await.call(scan()).await.unwrap_err();
        assert_eq!(error.code, CallError::UNREADABLE, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_is_classified_and_made_once() {
    let limit = "Subscriber limit exceeded: Only 1 online index can be created or deleted \
                 simultaneously per table";
    let said = [
        ("LimitExceededException", limit, ErrorKind::OtherIndexBuilding),
        ("ThrottlingException", "Rate exceeded", ErrorKind::Throttled),
        ("AccessDeniedException", "not authorized", ErrorKind::AccessDenied),
        ("ExpiredTokenException", "is expired", ErrorKind::CredentialsExpired),
    ];
    for (code, message, kind) in said {
        let error = meet(Answer::Say(400, fault(code, message))).await;
        assert_eq!((error.kind, error.effect), (kind, Effect::NotApplied));
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
    }
}

#[tokio::test]
async fn an_error_never_quotes_the_request_or_its_secrets() {
    let quote = format!(
        "The signature does not match. The Canonical String for this request should have been \
         'POST x-amz-security-token:{SECRET}'"
    );
    let error = meet(Answer::Say(400, fault("InvalidSignatureException", &quote))).await;
    assert_eq!(error.kind, ErrorKind::CredentialsInvalid);
    assert_eq!(error.message, "The signature does not match.");
    let plain = format!("who are you, {SECRET}?");
    let error = meet(Answer::Say(400, fault("ValidationException", &plain))).await;
    assert_eq!(error.message, "who are you, [hidden]?");
}

#[tokio::test]
async fn a_description_is_read_whole() {
    let body = include_str!("global-table.json").to_owned();
    let server = Server::start(vec![Answer::Say(200, body)]);
    let aws = connect(&server.endpoint()).await;
    insta::assert_debug_snapshot!(aws.call(describe()).await);
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_refused_at_once() {
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some("localhost:8000".to_owned()),
        keys: Some(Keys { access_key_id: "any".to_owned(), secret_access_key: "any".to_owned() }),
        ..AwsOptions::default()
    };
    let error = Aws::connect(options).await.unwrap_err();
    assert!(error.to_string().contains("http://127.0.0.1:8000"), "{error}");
}

/// Runs one of the ignored tests below in a process with this environment and
/// no other, and returns what it printed.
fn alone(test: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", test])
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    printed
}

/// Prints what came of connecting with nothing but the environment.
#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn connecting() {
    match Aws::connect(AwsOptions::default()).await {
        Ok(aws) => println!("connected {:?}", aws.target()),
        Err(ConnectError::Aws(error)) => println!("{:?} {error}", error.kind),
        Err(ConnectError::Setting(error)) => println!("{error}"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn without_a_region_the_error_says_so() {
    let keys = [("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")];
    let printed = alone("aws::connecting", &keys);
    assert!(printed.contains("NoRegion NoRegion: no region is set"), "{printed}");
}

#[test]
fn without_credentials_the_error_says_so() {
    let environment = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let printed = alone("aws::connecting", &environment);
    assert!(printed.contains("CredentialsInvalid NoCredentials: no credentials"), "{printed}");
}

#[test]
fn a_profile_that_is_not_defined_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    std::fs::write(&file, credentials("AKIDOTHER")).unwrap();
    let environment = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_PROFILE", "nobody"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
    ];
    let printed = alone("aws::connecting", &environment);
    assert!(printed.contains("there is no profile `nobody` (from AWS_PROFILE) in "), "{printed}");
}

#[test]
fn the_endpoint_of_the_service_goes_before_the_one_of_all() {
    let environment = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2"),
    ];
    let printed = alone("aws::connecting", &environment);
    assert!(printed.contains(r#"endpoint: Some("http://127.0.0.1:2")"#), "{printed}");
}

/// Calls thrice; renews the credentials file before the third.
#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn calling_with_credentials_that_run_out() {
    let aws = Aws::connect(AwsOptions::default()).await.unwrap();
    let delete = Call::DeleteIndex { table: table_name("bookings"), index: index_name("by-aaa") };
    println!("{:?}", aws.call(delete).await.unwrap_err().kind);
    let file = std::env::var("AWS_SHARED_CREDENTIALS_FILE").unwrap();
    std::fs::write(&file, "half of a li").unwrap();
    println!("{:?}", aws.call(describe()).await.unwrap_err().kind);
    std::fs::write(&file, credentials("AKIDNEW")).unwrap();
    println!("{:?}", aws.call(describe()).await.unwrap_err().kind);
}

fn credentials(key: &str) -> String {
    format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n")
}

#[test]
fn expired_credentials_are_read_afresh() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    std::fs::write(&file, credentials("AKIDOLD")).unwrap();
    let server = Server::start(vec![
        Answer::Say(400, fault("ExpiredTokenException", "is expired")),
        Answer::Say(400, fault("ResourceNotFoundException", "no table")),
    ]);
    let environment = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", &server.endpoint()),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
    ];
    let printed = alone("aws::calling_with_credentials_that_run_out", &environment);
    let kinds: Vec<_> = printed.lines().filter(|l| !l.contains(' ')).collect();
    assert!(printed.contains("CredentialsExpired\nCredentialsExpired\nTableNotFound"), "{kinds:?}");
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].contains("Credential=AKIDOLD/") && heads[1].contains("Credential=AKIDNEW/"));
}

fn by_aaa() -> Vec<IndexId> {
    vec![IndexId::new(table_name("bookings"), index_name("by-aaa"))]
}

/// Prints the figures of an index.
#[tokio::test]
#[ignore = "needs an environment of its own"]
async fn asking_cloudwatch() {
    let aws = Aws::connect(AwsOptions::default()).await.unwrap();
    println!("{:?}", aws.metrics(by_aaa(), Timestamp::from_millis(1_790_000_000_000)).await);
}

/// Where no request leaves the machine: the proxy listens nowhere.
fn ask_cloudwatch_through(dynamodb: &str) -> String {
    let environment = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    alone("aws::asking_cloudwatch", &environment)
}

fn ask_cloudwatch(cloudwatch: Option<&str>, dynamodb: &str) -> String {
    let mut environment = vec![
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
        ("AWS_ENDPOINT_URL", dynamodb),
    ];
    environment.extend(cloudwatch.map(|endpoint| ("AWS_ENDPOINT_URL_CLOUDWATCH", endpoint)));
    alone("aws::asking_cloudwatch", &environment)
}

#[test]
fn figures_come_from_cloudwatch_and_errors_are_told() {
    // {"MetricDataResults": [{"Id": "q1", "Values": [2.5, 1.5]}]}
    let half = |number: f64| [&[0xfb], number.to_be_bytes().as_slice()].concat();
    let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
    let result =
        [vec![0xa2], text("Id"), text("q1"), text("Values"), vec![0x82], half(2.5), half(1.5)];
    let body = [vec![0xa1], text("MetricDataResults"), vec![0x81], result.concat()].concat();
    let server = Server::start(vec![Answer::Cbor(body), Answer::Say(503, String::new())]);
    let endpoint = server.endpoint();
    let told = ask_cloudwatch(Some(&endpoint), "http://127.0.0.1:1");
    assert!(told.contains(r#""ReadThrottleEvents": 4.0"#), "{told}");
    let told = ask_cloudwatch(Some(&endpoint), "http://127.0.0.1:1");
    assert!(told.contains("Err(Call(CallError { kind: Server"), "{told}");
    let heads = server.heads();
    assert_eq!(heads.len(), 2, "one attempt each");
    assert!(heads[0].contains("GetMetricData"), "{}", heads[0]);
}

#[test]
fn beside_an_emulator_there_is_no_cloudwatch() {
    let told = ask_cloudwatch(None, "http://127.0.0.1:1");
    assert!(told.contains("Err(NotThere)"), "{told}");
    assert_eq!(MetricsError::NotThere.to_string(), "no CloudWatch at this endpoint");
    let aws = "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com";
    let told = ask_cloudwatch(Some("http://127.0.0.1:1"), aws);
    assert!(told.contains("kind: Connection"), "{told}");
}

#[test]
fn beside_an_endpoint_of_aws_of_any_kind_there_is_a_cloudwatch() {
    for host in ["api.aws", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov"] {
        let told = ask_cloudwatch_through(&format!("https://dynamodb.eu-west-1.{host}"));
        assert!(!told.contains("NotThere") && told.contains("kind: "), "{host}: {told}");
    }
}
