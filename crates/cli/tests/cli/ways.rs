//! The ways in: profiles, roles, sessions, certificates of one's own, a wrong clock, and
//! settings that nobody can use.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::world::{Done, World, one_index};

mod peer;

use peer::{Habits, Peer};

const DEVICE: &str = "arn:aws:iam::123456789012:mfa/me";
const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

const PROFILES: &str = "[profile base]\naws_access_key_id = AKIABASE\n\
    aws_secret_access_key = secretofthebase\n\
    [profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = base\n\
    [profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = base\n\
    mfa_serial = arn:aws:iam::123456789012:mfa/me\n\
    [profile astray]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = bse\n\
    [profile bare]\noutput = json\n\
    [profile login]\nlogin_session = arn:aws:iam::123456789012:user/me\n\
    [profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
    [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n";

/// With a region, profiles and nothing else.
fn world() -> World {
    let mut world = World::new();
    world.set("AWS_REGION", "eu-west-1").set("AWS_EC2_METADATA_DISABLED", "true");
    let yaml = format!("flights:\n{}", one_index("gate-index", "gate", "S"));
    world.write("gates.yaml", yaml.as_bytes());
    fs::create_dir(world.path("home/.aws")).unwrap();
    world.write("home/.aws/config", PROFILES.as_bytes());
    world
}

/// With keys in the environment, too.
fn with_keys() -> World {
    let mut world = world();
    world.set("AWS_ACCESS_KEY_ID", "AKIAENV").set("AWS_SECRET_ACCESS_KEY", "secretoftheenv");
    world
}

/// One contact with it.
fn plan(world: &World, peer: &Peer, more: &[&str]) -> Done {
    world.run(&[&["plan", "gates.yaml", "--endpoint-url", &peer.url()], more].concat())
}

#[test]
fn a_role_that_wants_a_code_is_told_before_anybody_is_asked() {
    let peer = Peer::start(Habits::default());
    let why =
        format!("the profile `mfa` assumes the role {ROLE} with a code of the device {DEVICE}");
    let command = "`eval \"$(aws configure export-credentials --profile mfa --format env)\"`";
    let mut by_variable = world();
    by_variable.set("AWS_PROFILE", "mfa").set("AWS_ENDPOINT_URL_STS", &peer.url());
    let done = plan(&by_variable, &peer, &[]).exits(1).says(&why).says(command);
    done.says("then run the same command again\n");
    let mut by_option = with_keys();
    by_option.set("AWS_ENDPOINT_URL_STS", &peer.url());
    let done = plan(&by_option, &peer, &["--profile", "mfa"]).exits(1).says(&why).says(command);
    done.says("run the same command again without --profile");
    assert!(peer.heard().is_empty());
}

#[test]
fn what_the_advised_command_sets_goes_before_the_profile_of_the_environment() {
    let peer = Peer::start(Habits::default());
    let mut world = with_keys();
    world.set("AWS_PROFILE", "mfa");
    plan(&world, &peer, &[]).exits(0);
    assert_eq!(peer.signed_by("AKIAENV"), 1);
}

#[test]
fn a_role_without_a_code_is_assumed() {
    let peer = Peer::start(Habits::default());
    let mut world = world();
    world.set("AWS_ENDPOINT_URL_STS", &peer.url());
    plan(&world, &peer, &["--profile", "role"]).exits(0);
    assert_eq!((peer.signed_by("AKIABASE"), peer.signed_by("ASIAOFTHEROLE")), (1, 1));
}

#[test]
fn a_session_of_aws_login_is_taken() {
    let peer = Peer::start(Habits::default());
    let world = world();
    let done = plan(&world, &peer, &["--profile", "login"]).exits(1);
    done.says("the profile `login` gives no credentials").says("`aws login --profile login`");
    // The name is the SHA-256 of the session's.
    let file = "286187707741fc2ccb93cf9e56dbd0ee0a16208feed5fbc8ae1baa86d44c283f.json";
    fs::create_dir_all(world.path("home/.aws/login/cache")).unwrap();
    let token = serde_json::json!({
        "accessToken": {
            "accessKeyId": "ASIALOGIN", "secretAccessKey": "secretofthelogin",
            "sessionToken": "tokenofthelogin", "accountId": "123456789012",
            "expiresAt": "2199-01-01T00:00:00Z",
        },
        "tokenType": "aws_sigv4", "refreshToken": "refresh", "idToken": "id",
        "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "none",
    });
    world.write(&format!("home/.aws/login/cache/{file}"), token.to_string().as_bytes());
    plan(&world, &peer, &["--profile", "login"]).exits(0);
    assert_eq!(peer.signed_by("ASIALOGIN"), 1);
}

#[test]
fn a_session_that_is_not_there_is_told_with_the_command_that_begins_one() {
    let peer = Peer::start(Habits::default());
    let done = plan(&world(), &peer, &["--profile", "sso"]).exits(1);
    done.says("the profile `sso` gives no credentials").says("`aws sso login --profile sso`");
}

#[test]
fn a_profile_that_does_not_exist_is_named_with_those_that_do() {
    let peer = Peer::start(Habits::default());
    let there = "profiles there: astray, bare, base, login, mfa, role, sso";
    let world = world();
    let done = plan(&world, &peer, &["--profile", "nope"]).exits(1).says(there);
    let file = world.path("home/.aws/config").display().to_string();
    done.says(&format!("there is no profile `nope` in {file}; "));
    plan(&world, &peer, &["--profile", "rol"]).exits(1).says("did you mean `role`?");
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        // As with the aws command line: other credentials would not be meant.
        let mut world = with_keys();
        world.set(name, "nope");
        let done = plan(&world, &peer, &[]).exits(1).says(there);
        done.says(&format!("there is no profile `nope` (from {name}) in "));
    }
    assert!(peer.heard().is_empty());
}

#[test]
fn the_files_that_variables_name_are_the_ones_that_are_read() {
    let peer = Peer::start(Habits::default());
    let mut world = world();
    world.write("c", b"[profile other]\nregion = eu-west-1\n");
    world.write("k", b"[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s3cret\n");
    world.set("AWS_CONFIG_FILE", "c").set("AWS_SHARED_CREDENTIALS_FILE", "k");
    plan(&world, &peer, &["--profile", "other"]).exits(0);
    assert_eq!(peer.signed_by("AKIAOTHER"), 1);
    let done = plan(&world, &peer, &["--profile", "role"]).exits(1);
    done.says("there is no profile `role` in c and k; profiles there: other");
    world.write("u", b"[\xff\xfe");
    world.set("AWS_CONFIG_FILE", "u");
    let done = plan(&world, &peer, &[]).exits(1).says("no credentials were found");
    done.says("(u (which is not text in UTF-8) and k)");
    world.write("b", b"\xef\xbb\xbf[default]\nregion = eu-west-1\n");
    world.set("AWS_CONFIG_FILE", "b");
    let done = plan(&world, &peer, &[]).exits(1).says("the profiles cannot be read: ");
    done.says("error parsing b on line 1: Expected a profile").says("without a byte order mark");
    world.set("AWS_CONFIG_FILE", "nowhere");
    let done = plan(&world, &peer, &["--profile", "role"]).exits(1);
    done.says("in nowhere (AWS_CONFIG_FILE, which does not exist) and k");
}

#[test]
fn a_profile_that_leads_nowhere_is_told() {
    let peer = Peer::start(Habits::default());
    let done = plan(&world(), &peer, &["--profile", "astray"]).exits(1);
    done.says("the profile `astray` takes its credentials from `bse` (source_profile), and there")
        .says("did you mean `base`?");
    let done = plan(&world(), &peer, &["--profile", "bare"]).exits(1);
    done.says("the profile `bare` in ").says("has no credentials").says("`aws configure --profile");
}

#[test]
fn a_character_that_no_setting_has_is_told_with_its_variable_and_nothing_is_asked() {
    const WINDOWS: &str =
        "ends in a carriage return: was it read from a file with Windows line ends?";
    let peer = Peer::start(Habits::default());
    for (name, value, told) in [
        (
            "AWS_ACCESS_KEY_ID",
            "fakeKey\r",
            format!("the access key (from AWS_ACCESS_KEY_ID) {WINDOWS}"),
        ),
        (
            "AWS_ACCESS_KEY_ID",
            "ключ",
            "the access key (from AWS_ACCESS_KEY_ID) begins with a character that is not ASCII"
                .to_owned(),
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            "SENTINEL\r\n",
            format!("the secret key (from AWS_SECRET_ACCESS_KEY) {WINDOWS}"),
        ),
        (
            "AWS_SESSION_TOKEN",
            "SENTI\nNEL",
            "the session token (from AWS_SESSION_TOKEN) has at character 6 a line break".to_owned(),
        ),
        ("AWS_EXECUTION_ENV", "lambda\r", format!("the value (from AWS_EXECUTION_ENV) {WINDOWS}")),
        ("AWS_ACCOUNT_ID", "123456789012\r", format!("the value (from AWS_ACCOUNT_ID) {WINDOWS}")),
        (
            "AWS_ENDPOINT_URL",
            "http://127.0.0.1:1\r",
            format!("the endpoint (from AWS_ENDPOINT_URL) {WINDOWS}"),
        ),
        ("AWS_REGION", "eu-west-1\r", format!("the region (from AWS_REGION) {WINDOWS}")),
        ("AWS_PROFILE", "base\r", format!("the profile's name (from AWS_PROFILE) {WINDOWS}")),
        ("AWS_CA_BUNDLE", "ca.pem\r", format!("the path of a file (from AWS_CA_BUNDLE) {WINDOWS}")),
        ("HTTPS_PROXY", "http://h\r", format!("the value (from HTTPS_PROXY) {WINDOWS}")),
    ] {
        let mut world = with_keys();
        world.set(name, value);
        for command in [&["plan", "gates.yaml"][..], &["wait", "flights"]] {
            let done = world.run(command).exits(1).says(&told).says("next: ");
            done.does_not_say("SENTI").does_not_say("Request {");
        }
    }
    for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO"] {
        let mut world = world();
        world.set(name, "SENTINEL");
        let done = plan(&world, &peer, &["--profile", "role"]).exits(1).does_not_say("SENTINEL");
        done.says(&format!("the endpoint (from {name}) is no URL")).does_not_say("Request {");
    }
    let mut without_a_file = world();
    without_a_file.set("AWS_ROLE_ARN", ROLE).set("AWS_WEB_IDENTITY_TOKEN_FILE", "gone");
    let done = plan(&without_a_file, &peer, &[]).exits(1);
    done.says("the token gone (from AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: No such file");
    for (option, name, value) in [
        ("--region", "the region", "eu-west-1\r"),
        ("--endpoint-url", "the endpoint", "http://127.0.0.1:1\r"),
        ("--profile", "the profile's name", "base\r"),
    ] {
        let done = with_keys().run(&["plan", "gates.yaml", option, value]).exits(2);
        done.says(&format!("{name} (from {option}) {WINDOWS}")).says(&format!("correct {option}"));
    }
    assert!(peer.heard().is_empty());
}

#[test]
fn credentials_of_files_and_programs_are_looked_at_too() {
    let peer = Peer::start(Habits::default());
    let world = world();
    let (program, answer) = (world.path("keys"), world.path("keys.json"));
    let json = r#"{"Version":1,"AccessKeyId":"AKIA\r","SecretAccessKey":"SENTINEL"}"#;
    fs::write(&answer, json).unwrap();
    fs::write(&program, format!("#!/bin/sh\ncat '{}'\n", answer.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!(
        "[profile file]\naws_access_key_id = AK\u{7}IA\naws_secret_access_key = SENTINEL\n\
         [profile program]\ncredential_process = {}\n\
         [profile place]\nregion = eu west\n",
        program.display()
    );
    world.write("home/.aws/config", config.as_bytes());
    let done = plan(&world, &peer, &["--profile", "file"]).exits(1).does_not_say("SENTINEL");
    done.says("the access key (from the profile `file`) has at character 3 a control character");
    let done = plan(&world, &peer, &["--profile", "program"]).exits(1).does_not_say("SENTINEL");
    done.says("the access key (from the profile `program`) ends in a carriage return");
    let mut world = world;
    world.set("AWS_REGION", "");
    let done = plan(&world, &peer, &["--profile", "place"]).exits(1);
    done.says("the region (from the profile `place`) has at character 3 a space");
    assert!(peer.heard().is_empty());
}

#[test]
fn a_bundle_of_certificates_takes_the_place_of_the_systems() {
    let mut world = with_keys();
    let peer = Peer::with_tls(&world.path("ca.pem"));
    let done = plan(&world, &peer, &[]).exits(1).says("UnknownIssuer");
    done.says("let AWS_CA_BUNDLE (or ca_bundle in the profile) name a PEM file");
    // Of a profile, and for those who hand out credentials.
    let config = format!("{PROFILES}[default]\nca_bundle = {}\n", world.path("ca.pem").display());
    let role =
        config.replace("source_profile = base\n", "source_profile = base\nca_bundle = ca.pem\n");
    world.write("home/.aws/config", role.as_bytes());
    plan(&world, &peer, &[]).exits(0);
    world.set("AWS_ENDPOINT_URL_STS", &peer.url());
    plan(&world, &peer, &["--profile", "role"]).exits(0);
    assert_eq!((peer.signed_by("AKIABASE"), peer.signed_by("ASIAOFTHEROLE")), (1, 1));
    // The variable goes before the profile.
    world.write("empty.pem", b"");
    world.set("AWS_CA_BUNDLE", "empty.pem");
    let done = plan(&world, &peer, &[]).exits(1).says("next: let AWS_CA_BUNDLE name a file");
    done.says("the CA bundle empty.pem (from AWS_CA_BUNDLE) holds no certificate");
    world.set("AWS_CA_BUNDLE", "ca.pem");
    plan(&world, &peer, &[]).exits(0);
    // And it takes the place of all others: there is none of that server's in it.
    let _other = Peer::with_tls(&world.path("other.pem"));
    world.set("AWS_CA_BUNDLE", "other.pem");
    let done = plan(&world, &peer, &[]).exits(1).says("invalid peer certificate");
    done.says("let AWS_CA_BUNDLE (or ca_bundle in the profile) name a PEM file");
    world.set("AWS_CA_BUNDLE", "/no/such/file.pem");
    let done = plan(&world, &peer, &[]).exits(1).says("(from AWS_CA_BUNDLE) cannot be read");
    done.does_not_say("panicked");
}

#[test]
fn a_certificate_for_another_name_is_told_as_one() {
    let mut world = with_keys();
    let peer = Peer::with_tls(&world.path("ca.pem"));
    world.set("AWS_CA_BUNDLE", "ca.pem");
    let url = peer.url().replace("localhost", "127.0.0.1");
    let done = world.run(&["plan", "gates.yaml", "--endpoint-url", &url]).exits(1);
    done.says("correct the host in --endpoint-url");
}

#[test]
fn a_skewed_clock_is_healed_by_the_time_that_the_refusal_tells() {
    for minutes in [30, 3_000] {
        let ahead = Duration::from_secs(minutes * 60);
        let peer = Peer::start(Habits { ahead, ..Habits::default() });
        let done = plan(&with_keys(), &peer, &[]).exits(0);
        done.says("Signature expired").says("create    gate-index");
        assert_eq!(peer.heard().len(), 2, "the first contact was repeated once");
        let done = with_keys().run(&["wait", "flights", "--endpoint-url", &peer.url()]);
        done.exits(0).says("flights has no index");
    }
}

#[test]
fn a_skew_that_a_repeat_does_not_heal_ends_the_run() {
    let ahead = Duration::from_secs(1_800);
    let peer = Peer::start(Habits { ahead, hides_its_time: true, ..Habits::default() });
    for command in [&["plan", "gates.yaml"][..], &["wait", "flights"]] {
        let before = peer.heard().len();
        let done = with_keys().run(&[command, &["--endpoint-url", &peer.url()]].concat());
        done.exits(1).says("clock differs from AWS's");
        assert_eq!(peer.heard().len() - before, 2);
    }
}

#[test]
fn what_is_about_the_account_or_the_credentials_says_so() {
    for (code, next) in [
        ("SubscriptionRequiredException", "finish the sign-up"),
        ("OptInRequired", "`aws account enable-region --region-name eu-west-1"),
        ("IncompleteSignatureException", "AWS_ACCESS_KEY_ID"),
        ("UnrecognizedClientException", "AWS_ACCESS_KEY_ID"),
    ] {
        let peer = Peer::start(Habits { refuses: Some((code, "no")), ..Habits::default() });
        for command in [&["plan", "gates.yaml"][..], &["wait", "flights"]] {
            let done = with_keys().run(&[command, &["--endpoint-url", &peer.url()]].concat());
            done.exits(1).says(code).says(next).does_not_say("definition");
        }
    }
}

#[test]
fn a_proxy_of_the_environment_is_gone_through_and_no_proxy_is_not() {
    let proxy = Peer::start(Habits::default());
    let mut world = with_keys();
    world.set("HTTP_PROXY", &proxy.url());
    let args = ["plan", "gates.yaml", "--endpoint-url", "http://dynamodb.invalid:8000"];
    world.run(&args).exits(0);
    assert_eq!(proxy.heard().len(), 1);
    world.set("NO_PROXY", ".invalid");
    world.run(&args).exits(1).says("check --endpoint-url");
    assert_eq!(proxy.heard().len(), 1);
}

#[test]
fn the_endpoint_follows_from_the_region_in_every_partition() {
    for (region, more, host) in [
        ("eu-west-1", "", "dynamodb.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "", "dynamodb.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "", "dynamodb.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "", "dynamodb.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "", "dynamodb.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "", "dynamodb.us-isob-east-1.sc2s.sgov.gov"),
        ("eu-isoe-west-1", "", "dynamodb.eu-isoe-west-1.cloud.adc-e.uk"),
        ("us-isof-south-1", "", "dynamodb.us-isof-south-1.csp.hci.ic.gov"),
        ("eu-west-1", "AWS_USE_DUALSTACK_ENDPOINT", "dynamodb.eu-west-1.api.aws"),
        ("us-east-1", "AWS_USE_FIPS_ENDPOINT", "dynamodb-fips.us-east-1.amazonaws.com"),
    ] {
        // Nothing leaves the machine: what the proxy says to CONNECT is no TLS.
        let proxy = Peer::start(Habits::default());
        let mut world = with_keys();
        world.set("HTTPS_PROXY", &proxy.url());
        if !more.is_empty() {
            world.set(more, "true");
        }
        world.run(&["plan", "gates.yaml", "--region", region]).exits(1).says("next: ");
        let heard = proxy.heard();
        assert_eq!(heard[0].header("host"), Some(&*format!("{host}:443")), "{region}");
    }
}
