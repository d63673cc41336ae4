//! Words of others: whatever they hold, nothing of it is an order to the terminal, a
//! line of ours, or hidden from who reads.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use gsictl_core::text::{is_hidden, visible, visible_json};
use serde_json::{Value, json};

use crate::skipped::skipped;
use crate::support::wire::Message;
use crate::world::{Done, LOCK, Running, STATE, World};

/// Sets the title, clears the screen, draws a line that is not ours, hides what follows,
/// and turns it round; in C0, C1, bidi, separators and what takes no room.
const HOSTILE: &str = "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[1A\r\n  create    by-y  harmless\u{1b}[8m\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\u{200b}\u{feff}`|<b>&#x202e;";

/// A service in which everything that it may choose is hostile.
struct Liar {
    port: u16,
}

impl Liar {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let created = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let created = Arc::clone(&created);
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while let Ok(Some(request)) = Message::read(&mut stream) {
                        let (status, body) = answer(&request, &created);
                        let body = body.to_string();
                        let answer = Message::answer(status, "application/x-amz-json-1.0", &body);
                        if stream.get_mut().write_all(&answer.bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port }
    }
}

fn answer(request: &Message, created: &Mutex<Vec<Value>>) -> (u16, Value) {
    let operation = request.header("x-amz-target").unwrap_or_default().rsplit('.').next();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let table = body["TableName"].as_str().unwrap_or_default();
    let refused = |code: &str| (400, json!({ "__type": code, "message": HOSTILE }));
    match (operation.unwrap_or_default(), table) {
        ("DescribeTable", "denied") => refused("AccessDeniedException"),
        ("DescribeTable", "broken") => refused(&format!("Odd{HOSTILE}")),
        ("DescribeTable", _) => (200, json!({ "Table": described(table, created) })),
        ("UpdateTable", "taking") => {
            let create = body["GlobalSecondaryIndexUpdates"][0]["Create"].clone();
            if create.is_null() {
                return refused("ValidationException");
            }
            created.lock().unwrap().push(create);
            (200, json!({ "TableDescription": described(table, created) }))
        }
        ("Scan", _) => {
            let item = |n: u32| json!({ "pk": { "S": format!("{n}{HOSTILE}") }, "hot": { "S": HOSTILE }, "by": { "N": "1" }, HOSTILE: { "S": HOSTILE } });
            let items: Vec<_> = (0..1_200).map(item).collect();
            (200, json!({ "Items": items, "Count": 1_200, "ScannedCount": 1_200 }))
        }
        _ => refused("ValidationException"),
    }
}

fn described(table: &str, created: &Mutex<Vec<Value>>) -> Value {
    let index = |name: &str, status: &str, key: &str| {
        json!({
            "IndexName": name, "IndexStatus": status, "Backfilling": false,
            "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": [HOSTILE] },
        })
    };
    let mut indexes = vec![index("other", "ACTIVE", HOSTILE)];
    if table == "odd" {
        indexes.push(index("by-hot", HOSTILE, HOSTILE));
    }
    if table == "taking" {
        for create in created.lock().unwrap().iter() {
            let mut index = create.clone();
            index["IndexStatus"] = json!("ACTIVE");
            indexes.push(index);
        }
    }
    json!({
        "TableName": table, "TableStatus": if table == "odd" { HOSTILE } else { "ACTIVE" },
        "TableId": HOSTILE, "ItemCount": 1_200, "TableSizeBytes": 100_000,
        "TableArn": format!("arn:aws:dynamodb:eu-west-1:{HOSTILE}:table/{table}"),
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": HOSTILE, "AttributeType": "S" },
        ],
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "GlobalSecondaryIndexes": indexes,
        "Replicas": [{ "RegionName": HOSTILE, "ReplicaStatus": HOSTILE }],
    })
}

fn definitions(tables: &[&str]) -> Vec<u8> {
    let index = |name: &str, key: &str, kind: &str| {
        json!({
            "IndexName": name, "KeySchema": [{ "AttributeName": key, "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": key, "AttributeType": kind }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": [HOSTILE, "a"] },
            "Description": HOSTILE, "RequiredBy": HOSTILE,
        })
    };
    let all = || {
        json!([
            index("by-hot", "hot", "S"),
            index("by-by", "by", "S"),
            index("by-odd", HOSTILE, "S")
        ])
    };
    let tables: serde_json::Map<_, _> = tables.iter().map(|t| ((*t).to_owned(), all())).collect();
    visible_json(&Value::Object(tables).to_string()).into_owned().into_bytes()
}

/// What the program shows is read by people: only line breaks are not seen, and only
/// colours of its own are orders.
#[track_caller]
fn hides_nothing(text: &str, of: &str) {
    let mut plain = text.to_owned();
    for order in ["0", "1", "2", "4", "31", "32", "33", "36", "39"] {
        plain = plain.replace(&format!("\u{1b}[{order}m"), "");
    }
    let hidden: Vec<_> = plain.chars().filter(|c| is_hidden(*c) && *c != '\n').collect();
    assert!(hidden.is_empty(), "{of} shows {hidden:?}: {plain:?}");
    assert!(!plain.lines().any(|line| line.trim_start().starts_with("create    by-y")), "{plain}");
}

fn world() -> (World, Liar) {
    let liar = Liar::start();
    let mut world = World::new();
    world
        .set("AWS_ACCESS_KEY_ID", "key")
        .set("AWS_SECRET_ACCESS_KEY", "secret")
        .set("AWS_REGION", "eu-west-1")
        .set("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", liar.port));
    world.write("all.json", &definitions(&["plain", "odd", "denied", "nowhere"]));
    world.write("two.json", &definitions(&["plain", "odd"]));
    world.write("taking.json", &definitions(&["taking"]));
    world.write("broken.json", &definitions(&["broken"]));
    (world, liar)
}

/// Runs it for people, in colours, at length, and for programs.
#[track_caller]
fn looked_at(world: &World, args: &[&str]) -> [Done; 3] {
    let forced = {
        let mut command = world.command(&[&["-v"], args].concat());
        command.env("CLICOLOR_FORCE", "1");
        Running::new(command, format!("gsictl -v {args:?}")).end()
    };
    let all = [forced, world.run(args), world.run(&[args, &["--output", "json"]].concat())];
    for done in &all {
        let of = format!("{args:?}");
        hides_nothing(&done.stdout, &of);
        hides_nothing(&done.stderr, &of);
        assert!(done.code.is_some(), "{of}");
        assert!(!done.stderr.contains("panicked"), "{}", done.text());
    }
    for line in all[2].stdout.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{args:?}: {line}");
    }
    all
}

fn markdown_hides_nothing(world: &World, at_least: usize) {
    let mut names = world.named("gsi_creation_reports/");
    names.retain(|name| name.ends_with(".md"));
    assert!(names.len() >= at_least, "{names:?}");
    for name in names {
        let text = String::from_utf8(world.read(&name)).unwrap();
        hides_nothing(&text, &name);
        for raw in ["<b>", "&#x202e;"] {
            assert!(!text.replace(&format!("\\{raw}"), "").contains(raw), "{name}: {text}");
        }
    }
}

#[test]
fn what_a_service_says_reaches_no_terminal_and_no_report_unseen() {
    let (world, _liar) = world();
    let mut shown = 0;
    for args in [
        &["plan", "all.json"][..],
        &["plan", "all.json", "--markdown"],
        &["plan", "two.json", "--sample", "100", "--explain"],
        &["plan", "broken.json"],
        &["apply", "all.json", "--dry-run"],
        &["apply", "all.json", "--max-attempts", "1", "--backoff", "0"],
        &["apply", "two.json", "--retry-failed", "--check", "--max-attempts", "1"],
        &["status"],
        &["status", "--live"],
        &["state", "list"],
        &["state", "rebuild", "all.json"],
        &["check", "all.json", "--existing", "--values", "--state-dir", "."],
        &["validate", "all.json", "--sample", "5", "--metrics"],
        &["wait", "odd", "by-hot", "--timeout", "0"],
        &["wait", "broken"],
        &["export", "plain", "odd", "denied"],
        &["export", "plain", "--format", "toml"],
        &["rollback", "--yes"],
        &["report", "list"],
        &["report", "show"],
    ] {
        let [_, for_people, _] = looked_at(&world, args);
        shown += usize::from(for_people.text().contains("\\u{1b}"));
    }
    assert!(shown > 12, "the words of the service are in {shown} outputs only");
    markdown_hides_nothing(&world, 4);
}

#[test]
fn what_is_created_beside_hostile_names_is_told_and_reported_visibly() {
    let (world, _liar) = world();
    // A region of no legal name cannot be asked, which is waited out for ten minutes.
    looked_at(&world, &["apply", "taking.json", "--validate", "--activation-timeout", "2s"]);
    for args in [&["rollback", "--dry-run"][..], &["rollback", "--yes", "--max-attempts", "1"]] {
        looked_at(&world, args);
    }
    looked_at(&world, &["report", "list"]);
    markdown_hides_nothing(&world, 3);
}

#[test]
fn violations_in_a_table_of_text_are_visible_and_no_formulas() {
    let (world, _liar) = world();
    let args = ["check", "two.json", "--table", "plain", "--values", "--violations", "found.csv"];
    world.run(&args).exits(3);
    let text = String::from_utf8(world.read("found.csv")).unwrap();
    assert!(text.lines().count() > 1_000, "{text}");
    hides_nothing(&text, "found.csv");
}

#[test]
fn words_of_files_and_of_the_command_line_are_shown_and_not_obeyed() {
    let (world, _liar) = world();
    let named = HOSTILE.replace('/', "");
    let json = format!("{named}.json");
    world.write(&json, b"{ \"plain\": 7 }");
    for args in [
        &["plan", &json][..],
        &["plan", "nowhere", &json],
        &["apply", &named],
        &["plan", "two.json", "--save", &format!("{named}/plan.json")],
        &["plan", "two.json", "--table", HOSTILE],
        &["plan", "two.json", "--table", "absent"],
        &["status", "--state-dir", &named],
        &["check", "two.json", "--violations", &json],
        &["report", "show", &named],
        &["rollback", "--state", &named],
        &["rollback", "--state", &json],
        &["wait", "plain", "--endpoint-url", &format!("http://{named}")],
        &["wait", "plain", "--region", &named],
        &["wait", "plain", "--profile", &named],
        &["status", "--output", &named],
        &[&named],
        &["apply", "two.json", &format!("--{named}")],
    ] {
        looked_at(&world, args);
    }
}

#[test]
fn words_of_the_state_directory_are_shown_and_not_obeyed() {
    let (world, _liar) = world();
    let entry = json!({
        "table_name": "plain", "index_name": "by-hot", "status": "failed",
        "creation_time": null, "retry_count": 1, "last_error": HOSTILE,
    });
    let state = |key: &str, script: &str| {
        json!({
            "version": "1.0", "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z", "script_name": script,
            "gsis": { key: entry }, "summary": {}, HOSTILE: 1,
        })
        .to_string()
    };
    let good = state("plain.by-hot", HOSTILE);
    let elsewhere = good.replace("\"gsis\"", "\"gsictl\": { \"format\": 1, \"lineage\": \"a\", \"serial\": 1, \"target\": { \"region\": \"\\u202eout\" }, \"entries\": {} }, \"gsis\"");
    let states = [
        good.clone(),
        state(HOSTILE, "two.json"),
        good.replace("\"failed\"", &json!(HOSTILE).to_string()),
        good.replace("\"1.0\"", &json!(HOSTILE).to_string()),
        elsewhere,
        HOSTILE.to_owned(),
    ];
    for bytes in states {
        let commands = [
            &["status"][..],
            &["status", "--live"],
            &["state", "list"],
            &["plan", "two.json"],
            &["apply", "two.json", "--max-attempts", "1"],
            &["rollback", "--yes"],
        ];
        for args in commands {
            world.write(STATE, bytes.as_bytes());
            looked_at(&world, args);
        }
    }
    std::fs::create_dir_all(world.path("gsi_creation_reports")).unwrap();
    let report = json!({ "format": 1, "kind": HOSTILE, "tool": format!("gsictl {HOSTILE}"), "command": HOSTILE, "result": HOSTILE, "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:00Z" });
    world.write("gsi_creation_reports/apply_1.json", report.to_string().as_bytes());
    world.write(&format!("gsi_creation_reports/{}.json", HOSTILE.replace('/', "")), b"{");
    looked_at(&world, &["report", "list"]);
    looked_at(&world, &["report", "show", "apply_1.json"]);
    world.write("gsi_creation_reports/apply_1.md", HOSTILE.as_bytes());
    // A Markdown file is shown line by line, as somebody left it there.
    let shown = world.run(&["report", "show", "apply_1.json"]).exits(0);
    assert!(!shown.stdout.contains(|c| is_hidden(c) && c != '\n'), "{:?}", shown.stdout);
}

#[test]
fn a_holder_of_the_lock_is_named_visibly() {
    let (world, _liar) = world();
    let lock =
        std::fs::OpenOptions::new().create(true).append(true).open(world.path(LOCK)).unwrap();
    lock.lock().unwrap();
    (&lock).write_all(HOSTILE.as_bytes()).unwrap();
    let [_, done, _] = looked_at(&world, &["apply", "two.json"]);
    done.exits(5).says(&visible(HOSTILE.trim()));
}

/// Live lines move the cursor by themselves; of what the service says nothing does.
#[test]
fn what_a_service_says_moves_nothing_among_lines_that_are_drawn_again() {
    let (world, _liar) = world();
    for args in [
        "apply two.json --max-attempts 1",
        "apply taking.json --check --state-dir home --activation-timeout 2s",
        "check two.json",
    ] {
        let line = format!("gsictl {args}");
        let Some(command) = world.in_terminal(&line) else {
            return skipped("there is no script of util-linux");
        };
        let shown = Running::new(command, line).end().stdout;
        assert!(shown.contains("\\u{1b}"), "{shown:?}");
        for order in
            ["\u{1b}]0;", "\u{7}", "\u{1b}[8m", "\u{9b}", "\u{202e}", "\u{2028}", "\u{200b}"]
        {
            assert!(!shown.contains(order), "{args}: {order:?} in {shown:?}");
        }
    }
}
