//! The same over the wire: regions, signatures, what is scripted, what is recorded.

use std::io::{Read, Write};
use std::net::TcpStream;

use gsictl_fake::{Fake, Scripted};
use serde_json::json;

use super::*;

/// What a client does, without its signature being right.
struct Client {
    stream: TcpStream,
    region: &'static str,
}

impl Client {
    fn new(endpoint: &str, region: &'static str) -> Self {
        let stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
        Self { stream, region }
    }

    fn ask(&mut self, operation: &str, body: &Value) -> String {
        let scope = format!("AKIDEXAMPLE/20261125/{}/dynamodb/aws4_request", self.region);
        self.ask_with(operation, body, &format!("Credential={scope}, SignedHeaders=host"))
    }

    /// The whole answer; empty where the connection was closed.
    fn ask_with(&mut self, operation: &str, body: &Value, authorization: &str) -> String {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: dynamodb\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             Authorization: AWS4-HMAC-SHA256 {authorization}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && self.stream.read(&mut byte).unwrap_or(0) == 1 {
            answer.push(byte[0]);
        }
        let mut answer = String::from_utf8(answer).unwrap();
        let length = answer.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut rest = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut rest).unwrap();
        answer += std::str::from_utf8(&rest).unwrap();
        answer
    }
}

fn ask() -> Value {
    json!({ "TableName": "orders" })
}

#[test]
fn the_region_is_the_one_that_a_request_is_signed_for() {
    let table = FakeTable::on_demand("orders").key("id", "S").in_regions(&[HOME, OTHER]);
    let fake = Fake::manual(ControlPlane::new(HOME).with_table(table)).unwrap();
    for region in [HOME, OTHER] {
        let told = Client::new(&fake.endpoint(), region).ask("DescribeTable", &ask());
        assert!(told.contains(&format!("arn:aws:dynamodb:{region}:123456789012:table/orders")));
    }
    let regions: Vec<_> = fake.calls().into_iter().map(|call| call.region).collect();
    assert_eq!(regions, [HOME, OTHER]);
    let elsewhere = Client::new(&fake.endpoint(), "ap-south-1").ask("DescribeTable", &ask());
    assert!(elsewhere.contains("ResourceNotFoundException"), "{elsewhere}");
}

#[test]
fn an_endpoint_of_one_region_refuses_what_is_signed_for_another() {
    let table = FakeTable::on_demand("orders").key("id", "S").in_regions(&[HOME, OTHER]);
    let fake = Fake::manual(ControlPlane::new(HOME).with_table(table)).unwrap();
    let endpoint = fake.endpoint_in(OTHER).unwrap();
    assert_eq!(fake.endpoint_in(OTHER).unwrap(), endpoint);
    let told = Client::new(&endpoint, OTHER).ask("DescribeTable", &ask());
    assert!(told.contains("dynamodb:us-east-1:"), "{told}");
    let refused = Client::new(&endpoint, HOME).ask("DescribeTable", &ask());
    assert!(refused.contains("com.amazon.coral.service#InvalidSignatureException"), "{refused}");
}

#[test]
fn answers_carry_a_checksum_and_follow_each_other_on_one_connection() {
    let fake = Fake::manual(on_demand()).unwrap();
    let mut client = Client::new(&fake.endpoint(), HOME);
    for _ in 0..3 {
        let answer = client.ask("DescribeTable", &ask());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"));
        assert!(head.contains(&format!("x-amz-crc32: {}", crc32fast::hash(body.as_bytes()))));
    }
    assert_eq!(fake.calls_of("DescribeTable").len(), 3);
}

#[test]
fn credentials_that_are_missing_unknown_or_expired_are_told_apart() {
    let plane = on_demand().with_access(|access| {
        access.expire_at(seconds(60), "OLDKEY");
        access.forget("NOKEY");
    });
    let fake = Fake::manual(plane).unwrap();
    let mut client = Client::new(&fake.endpoint(), HOME);
    let mut code = |key: &str| {
        let scope = format!("Credential={key}/20261125/eu-west-1/dynamodb/aws4_request, x=y");
        client.ask_with("DescribeTable", &ask(), &scope)
    };
    assert!(code("OLDKEY").contains("200 OK"));
    fake.advance(seconds(60));
    assert!(code("OLDKEY").contains("com.amazon.coral.service#ExpiredTokenException"));
    assert!(code("NOKEY").contains("com.amazon.coral.service#UnrecognizedClientException"));
    assert!(client.ask_with("DescribeTable", &ask(), "Bearer").contains("IncompleteSignature"));
}

#[test]
fn a_denied_action_is_named_with_its_resource() {
    let fake = Fake::manual(on_demand().with_access(|access| access.deny("UpdateTable"))).unwrap();
    let mut client = Client::new(&fake.endpoint(), HOME);
    let refused = client.ask("UpdateTable", &create_body("by-email", "email", json!({})));
    assert!(refused.contains("com.amazon.coral.service#AccessDeniedException"), "{refused}");
    assert!(refused.contains("\"Message\":\"User: arn:aws:iam::123456789012:user/operator"));
    assert!(refused.contains("dynamodb:UpdateTable on resource: arn:aws:dynamodb:eu-west-1"));
    fake.with(|plane, _| plane.access().allow("UpdateTable"));
    let taken = client.ask("UpdateTable", &create_body("by-email", "email", json!({})));
    assert!(taken.contains("CREATING"), "{taken}");
}

#[test]
fn a_lost_answer_leaves_the_deed_and_a_refused_request_none() {
    let fake = Fake::manual(on_demand()).unwrap();
    let create = create_body("by-email", "email", json!({}));
    let code = "InternalServerError";
    fake.with(|plane, _| {
        plane.script(Scripted::on("UpdateTable").of_table("orders").times(1).refuse(code, "oops"));
        plane.script(Scripted::on("UpdateTable").times(1).lose_answer());
    });
    let refused = Client::new(&fake.endpoint(), HOME).ask("UpdateTable", &create);
    assert!(refused.starts_with("HTTP/1.1 500"), "{refused}");
    assert!(fake.indexes(HOME, "orders").is_empty());
    let lost = Client::new(&fake.endpoint(), HOME).ask("UpdateTable", &create);
    assert_eq!(lost, "");
    assert_eq!(fake.indexes(HOME, "orders").len(), 1);
    let refused: Vec<_> = fake.calls().into_iter().map(|call| call.refused).collect();
    assert_eq!(refused, [Some(code.to_owned()), None]);
}

#[test]
fn the_limiter_of_changes_lets_descriptions_pass() {
    let fake = Fake::manual(on_demand()).unwrap();
    let mut client = Client::new(&fake.endpoint(), HOME);
    let change = json!({ "TableName": "nowhere" });
    for _ in 0..6 {
        assert!(client.ask("UpdateTable", &change).contains("ResourceNotFoundException"));
    }
    let refused = client.ask("UpdateTable", &change);
    assert!(refused.contains("com.amazon.coral.availability#ThrottlingException"), "{refused}");
    let words = "The rate of control plane requests made by this account is too high";
    assert!(refused.contains(words), "{refused}");
    assert!(client.ask("DescribeTable", &ask()).contains("200 OK"));
    fake.advance(seconds(1));
    assert!(client.ask("UpdateTable", &change).contains("ResourceNotFoundException"));
}
