//! No DynamoDB, or one that refuses: a clear word, what to do next, and no secret.

use std::net::TcpListener;

use crate::http::{Answer, Server};
use crate::world::{Done, World, one_index, side_by_side, wait_for};

/// As long as real ones, which are hidden wherever they stand.
const SECRET: &str = "SENTINEL/secretaccesskey/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "SENTINELsessiontokenFwoGZXIvYXdzEBYaDEXAMPLE==";

/// With a region and with credentials that must never be seen.
fn world() -> World {
    let mut world = World::new();
    world
        .set("AWS_REGION", "eu-west-1")
        .set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .set("AWS_SECRET_ACCESS_KEY", SECRET)
        .set("AWS_SESSION_TOKEN", TOKEN);
    definitions(&world);
    world
}

fn definitions(world: &World) {
    let yaml = format!("flights:\n{}", one_index("gate-index", "gate", "S"));
    world.write("gates.yaml", yaml.as_bytes());
}

/// Said in one go, with a next step, and nothing of it a secret.
#[track_caller]
fn refused(world: &World, done: Done, code: i32) -> Done {
    let done = done.exits(code).does_not_say("SENTINEL").does_not_say("backoff");
    assert!(done.text().contains("next: "), "no next step: {}", done.text());
    no_secret_in_files(world);
    done
}

#[track_caller]
fn no_secret_in_files(world: &World) {
    for (name, bytes) in world.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains("SENTINEL"), "a secret in {name}");
    }
}

fn error(code: &str, message: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Answer::Say(400, serde_json::json!({"__type": kind, "message": message}).to_string())
}

/// What `apply` says to a server that answers so.
fn apply_to(answers: Vec<Answer>, code: i32) -> Done {
    let world = world();
    let server = Server::start(answers);
    let done = world.run(&["-v", "apply", "gates.yaml", "--endpoint-url", &server.endpoint()]);
    refused(&world, done, code)
}

#[test]
fn a_port_where_nothing_listens_is_told_at_once_with_its_address() {
    let world = world();
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    for command in
        [&["apply", "gates.yaml"][..], &["wait", "flights"], &["state", "rebuild", "gates.yaml"]]
    {
        let done = world.run(&[command, &["--endpoint-url", &endpoint]].concat());
        let done = refused(&world, done, 1).says(&endpoint).says("Connection refused");
        done.says("check --endpoint-url (or AWS_ENDPOINT_URL), --region and the network");
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_host_that_does_not_exist_is_told_with_its_name() {
    let mut world = world();
    world.set("AWS_ENDPOINT_URL", "http://no-such-host.invalid:8000");
    let done = refused(&world, world.run(&["apply", "gates.yaml"]), 1);
    done.says("http://no-such-host.invalid:8000").says("--endpoint-url");
}

#[test]
fn an_endpoint_that_is_no_url_is_a_mistake_of_usage() {
    let world = world();
    let done = world.run(&["apply", "gates.yaml", "--endpoint-url", "localhost:8000"]);
    refused(&world, done, 2).says("http://127.0.0.1:8000").says("correct --endpoint-url");
}

#[test]
fn a_missing_region_is_told_with_what_to_set() {
    let world = World::new();
    definitions(&world);
    let done = world.run(&["apply", "gates.yaml"]);
    refused(&world, done, 1).says("no region").says("--region").says("AWS_REGION");
}

#[test]
fn missing_credentials_are_told_with_what_to_set() {
    let mut world = World::new();
    definitions(&world);
    world.set("AWS_REGION", "eu-west-1");
    let done = world.run(&["apply", "gates.yaml"]);
    refused(&world, done, 1).says("credentials").says("AWS_ACCESS_KEY_ID").says("--profile");
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let world = world();
    std::fs::create_dir(world.path("home/.aws")).unwrap();
    world.write("home/.aws/config", b"[profile work]\nregion = eu-west-1\n");
    let done = world.run(&["apply", "gates.yaml", "--profile", "wrok"]);
    refused(&world, done, 1).says("wrok");
}

#[test]
fn expired_credentials_are_told_with_how_to_renew_them() {
    let expired = "The security token included in the request is expired";
    let done = apply_to(vec![error("ExpiredTokenException", expired)], 1);
    done.says("is expired").says("renew the credentials");
}

#[test]
fn a_clock_that_stays_wrong_is_told() {
    let late = "Signature expired: 20261122T035638Z is now earlier than 20261122T045138Z";
    let done = apply_to(vec![error("InvalidSignatureException", late); 2], 1);
    done.says("Signature expired").says("clock differs from AWS's");
}

#[test]
fn credentials_that_aws_does_not_know_are_told() {
    let unknown = "The security token included in the request is invalid.";
    let done = apply_to(vec![error("UnrecognizedClientException", unknown)], 1);
    done.says("is invalid").says("AWS_ACCESS_KEY_ID").says("--profile");
}

#[test]
fn an_error_that_quotes_the_request_shows_no_secret() {
    let quoted = format!(
        "The request signature we calculated does not match. The Canonical String for this \
         request should have been 'POST / x-amz-security-token:{TOKEN}' with {SECRET}"
    );
    let done = apply_to(vec![error("InvalidSignatureException", &quoted)], 1);
    done.says("The request signature we calculated does not match.");
}

#[test]
fn a_server_that_is_no_dynamodb_is_told_as_one() {
    for status in [200, 404, 503] {
        let page = "<html><body>hello</body></html>".to_owned();
        let done = apply_to(vec![Answer::Say(status, page)], 1);
        done.says("an answer that is not DynamoDB's").says("check --endpoint-url");
    }
}

#[test]
fn a_run_that_waits_for_a_better_answer_can_be_interrupted() {
    let world = world();
    let down = r#"{"__type":"InternalServerError","message":"oops"}"#;
    let server = Server::start(vec![Answer::Say(500, down.to_owned()); 30]);
    let endpoint = server.endpoint();
    let mut run =
        world.start(&["apply", "gates.yaml", "--output", "json", "--endpoint-url", &endpoint]);
    let look = run.until("look_failed");
    assert!(look["error"].as_str().unwrap().contains("InternalServerError"), "{look}");
    run.signal("INT");
    run.end().exits(130).does_not_say("SENTINEL").says("interrupted; nothing was changed");
}

#[test]
fn a_server_error_is_waited_out() {
    let table = table("flights");
    let down =
        || Answer::Say(500, r#"{"__type":"InternalServerError","message":"oops"}"#.to_owned());
    let world = world();
    let server = Server::start(vec![down(), down(), Answer::Say(200, table)]);
    let endpoint = server.endpoint();
    let done = world.run(&["apply", "gates.yaml", "--dry-run", "--endpoint-url", &endpoint]);
    done.exits(0).says("cannot be described").says("create    gate-index");
    assert_eq!(server.heads().len(), 3);
}

#[test]
fn a_connection_that_breaks_before_the_first_answer_is_told() {
    let done = apply_to(vec![Answer::HangUp], 1);
    done.says("check --endpoint-url (or AWS_ENDPOINT_URL), --region and the network");
}

#[test]
fn a_table_that_may_not_be_described_is_an_obstacle_with_the_action_to_allow() {
    let denied = "User: arn:aws:iam::1:user/u is not authorized to perform: dynamodb:DescribeTable";
    let world = world();
    let server = Server::start(vec![error("AccessDeniedException", denied); 2]);
    let done = world.run(&["apply", "gates.yaml", "--endpoint-url", &server.endpoint()]);
    let done = done.exits(3).does_not_say("SENTINEL").does_not_say("backoff");
    done.says("allow dynamodb:DescribeTable").says("not authorized to perform");
    no_secret_in_files(&world);
}

#[test]
fn an_index_that_may_not_be_created_fails_with_the_action_to_allow() {
    let denied = "User: arn:aws:iam::1:user/u is not authorized to perform: dynamodb:UpdateTable";
    let world = world();
    let server = Server::start(vec![
        Answer::Say(200, table("flights")),
        error("AccessDeniedException", denied),
        Answer::Say(200, table("flights")),
    ]);
    let args = ["-v", "apply", "gates.yaml", "--endpoint-url", &server.endpoint()];
    let done = world.run(&args).exits(3).does_not_say("SENTINEL");
    done.says("allow dynamodb:DescribeTable and dynamodb:UpdateTable on flights")
        .says("not authorized to perform: dynamodb:UpdateTable");
    let entry = world.state()["gsis"]["flights.gate-index"].clone();
    assert_eq!((&entry["status"], &entry["retry_count"]), (&"failed".into(), &1.into()));
    no_secret_in_files(&world);
    let posts = server.heads();
    assert_eq!(posts.iter().filter(|h| h.contains("UpdateTable")).count(), 1);
}

#[test]
fn a_password_in_the_endpoint_is_never_shown_nor_kept() {
    let world = world();
    let server = Server::start(vec![Answer::Say(200, table("flights"))]);
    let endpoint = server.endpoint().replace("http://", "http://me:SENTINELpassword@");
    let args = ["-v", "apply", "gates.yaml", "--no-wait", "--endpoint-url", &endpoint];
    // The server answers no create: it stays unsettled.
    let done = world.run(&args).exits(4).says("Go on with: gsictl -v apply gates.yaml");
    done.does_not_say("SENTINEL");
    no_secret_in_files(&world);
}

#[test]
fn a_token_anywhere_in_the_endpoint_is_never_shown_nor_kept() {
    let server = Server::start(vec![Answer::Say(200, table("flights"))]);
    let place = server.endpoint();
    let url = place.replace("http://", "http://me:SENTINELpassword@")
        + "/SENTINELpath?sig=SENTINELquery#SENTINELpart";
    for by_variable in [false, true] {
        let mut world = world();
        let mut args = vec!["-v", "plan", "gates.yaml", "--save", "plan.json"];
        if by_variable {
            world.set("AWS_ENDPOINT_URL_DYNAMODB", &url);
        } else {
            args.extend(["--endpoint-url", &url]);
        }
        for args in [
            &args[..],
            &["apply", "gates.yaml", "--no-wait", "--output", "json"],
            &["check", "gates.yaml"],
        ] {
            let mut all = args.to_vec();
            if !by_variable && !all.contains(&"--endpoint-url") {
                all.extend(["--endpoint-url", &url]);
            }
            world.run(&all).does_not_say("SENTINEL");
        }
        for (name, bytes) in world.files() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains("SENTINEL"), "{name}: {text}");
        }
    }
}

#[test]
fn an_endpoint_that_does_not_parse_is_not_quoted() {
    for url in [
        "me:SENTINEL@localhost:8000",
        "http://me:SENT/SENTINEL@localhost:8000",
        "http://me:SENTINEL @localhost:8000",
        "http://me:SENTINEL@localhost:port",
        "http://localhost:8000/SENTINEL path",
        "SENTINEL",
    ] {
        let mut world = world();
        let args = ["-v", "apply", "gates.yaml", "--endpoint-url", url];
        let done = world.run(&args).exits(2).says("the endpoint is no URL");
        done.does_not_say("SENTINEL");
        world.set("AWS_ENDPOINT_URL", url);
        let done = world.run(&["apply", "gates.yaml", "--output", "json"]).exits(2);
        done.does_not_say("SENTINEL");
        no_secret_in_files(&world);
    }
}

#[test]
fn an_error_is_one_document_for_programs() {
    let world = world();
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let done = world.run(&["apply", "gates.yaml", "--output", "json", "--endpoint-url", &endpoint]);
    let document = done.exits(1).document();
    assert_eq!((&document["event"], &document["exit_code"]), (&"error".into(), &1.into()));
    assert!(document["message"].as_str().unwrap().contains("Connection refused"));
    assert!(!document["next_steps"].as_array().unwrap().is_empty());
}

#[test]
fn a_stop_before_the_first_answer_ends_the_run_with_nothing_changed() {
    // It listens and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    side_by_side(&["INT", "TERM", "HUP"], |signal| {
        let world = world();
        let run = world.start(&["apply", "gates.yaml", "--endpoint-url", &endpoint]);
        wait_for("the lock", || world.exists(crate::world::LOCK));
        run.signal(signal);
        run.end().exits(130).says("interrupted; nothing was changed");
        assert!(!world.exists(crate::world::STATE));
    });
}

/// DescribeTable's answer for an empty table.
fn table(name: &str) -> String {
    serde_json::json!({"Table": {
        "TableName": name,
        "TableStatus": "ACTIVE",
        "TableArn": format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{name}"),
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    }})
    .to_string()
}
