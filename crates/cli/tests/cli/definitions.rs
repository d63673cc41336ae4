//! Definitions that cannot be used: every mistake at once, nothing called, and
//! no file that makes the program hang or swell.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::world::{DATABASE, Done, Running, World, one_index, project, side_by_side, with_input};

/// Without a database: a call would make one.
fn apply(world: &World, more: &[&str]) -> Done {
    let done = world.run(&[&["--local", "apply"], more].concat());
    assert!(!world.exists(DATABASE), "something was called: {}", done.text());
    done
}

#[test]
fn twelve_mistakes_are_twelve_findings_with_their_places() {
    let world = World::new();
    let file = project("crates/core/tests/definitions/twelve-mistakes.yaml");
    world.write("twelve.yaml", &std::fs::read(file).unwrap());
    let done = apply(&world, &["twelve.yaml"]).exits(2);
    let places = done.stderr.lines().filter(|line| line.contains("--> twelve.yaml:"));
    assert_eq!(places.count(), 12, "{}", done.text());
    done.says("12 mistakes in the definitions; nothing was called");

    let document = apply(&world, &["twelve.yaml", "--output", "json"]).exits(2).document();
    let findings = document["diagnostics"].as_array().unwrap();
    assert_eq!((findings.len(), &document["exit_code"]), (12, &2.into()));
    for finding in findings {
        assert_eq!(finding["file"], "twelve.yaml");
        assert!(finding["line"].as_u64() > Some(0) && finding["column"].as_u64() > Some(0));
        assert!(finding["message"].is_string() && !finding["found"].is_null(), "{finding}");
    }
    assert_eq!(world.files().len(), 1);
}

#[test]
fn files_with_nothing_of_use_are_refused() {
    let binary: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let nothing: [&[u8]; 4] = [b"", b" \n\t\n", &binary, b"\xef\xbb\xbf"];
    for format in ["json", "yaml", "toml"] {
        for bytes in nothing {
            let world = World::new();
            let name = format!("defs.{format}");
            world.write(&name, bytes);
            apply(&world, &[&name]).exits(2).says(&name);
        }
    }
}

#[test]
fn deep_nesting_is_refused_in_bounded_memory() {
    let deep = 100_000;
    let cases = [
        ("deep.json", "[".repeat(deep)),
        ("objects.json", "{\"a\":".repeat(deep)),
        ("deep.yaml", "[".repeat(deep)),
        ("lines.yaml", (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("deep.toml", format!("a = {}", "[".repeat(deep))),
        ("keys.toml", format!("a{} = 1", ".a".repeat(deep))),
    ];
    side_by_side(&cases, |(name, text)| {
        let world = World::new();
        world.write(name, text.as_bytes());
        bounded(&world, name).exits(2).says(name);
    });
}

#[test]
fn a_file_that_refers_to_itself_is_refused_in_bounded_memory() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    let cases = [("loop.yaml", "&a [*a]\n".to_owned()), ("laughs.yaml", laughs)];
    side_by_side(&cases, |(name, text)| {
        let world = World::new();
        world.write(name, text.as_bytes());
        bounded(&world, name).exits(2).says(name);
    });
}

#[test]
fn a_hundred_megabytes_are_refused_in_bounded_memory() {
    side_by_side(&["json", "yaml", "toml"], |format| {
        let world = World::new();
        let name = format!("huge.{format}");
        let mut file = File::create(world.path(&name)).unwrap();
        file.write_all(b"# ").unwrap();
        file.set_len(100 << 20).unwrap();
        bounded(&world, &name).exits(2).says(&name);
    });
}

/// With an address space in which the program fits well, and such a file not.
fn bounded(world: &World, name: &str) -> Done {
    let command = world.command(&["--local", "apply", name]);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -v 150000; exec "$0" "$@""#]);
    limited.arg(command.get_program()).args(command.get_args()).current_dir(world.root());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdin(std::process::Stdio::null());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Running::new(limited, format!("gsictl apply {name}, limited")).end()
}

#[test]
fn a_file_of_an_unknown_kind_asks_for_its_format() {
    let world = World::new();
    world.write("defs.txt", b"{}");
    apply(&world, &["defs.txt"]).exits(2).says("defs.txt").says("--format json, yaml or toml");
    apply(&world, &["-"]).exits(2).says("standard input").says("--format json, yaml or toml");
    apply(&world, &["defs.txt", "--format", "xml"]).exits(2).says("xml");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let world = World::new();
    apply(&world, &["nowhere.yaml"]).exits(2).says("cannot read nowhere.yaml");
    apply(&world, &["."]).exits(2);
    std::fs::create_dir(world.path("dir.yaml")).unwrap();
    apply(&world, &["dir.yaml"]).exits(2).says("dir.yaml");
    apply(&world, &[]).exits(2).says("DEFS");
}

#[test]
fn the_same_index_in_two_files_names_both_places() {
    let world = World::new();
    let yaml = format!("flights:\n{}", one_index("gate-index", "gate", "S"));
    world.write("one.yaml", yaml.as_bytes());
    world.write("two.yaml", yaml.as_bytes());
    apply(&world, &["one.yaml", "two.yaml"]).exits(2).says("one.yaml:2:").says("two.yaml:2:");
}

#[test]
fn standard_input_has_a_name_in_findings() {
    let world = World::new();
    let command = world.command(&["--local", "apply", "-", "--format", "yaml"]);
    with_input(command, b"flights: 7\n").exits(2).says("1:");
}

#[test]
fn every_kind_of_mistake_is_one_document_for_programs() {
    let world = World::new();
    world.write("syntax.json", b"{\"flights\": [");
    world.write("empty.yaml", b"");
    for file in ["syntax.json", "empty.yaml", "nowhere.yaml", "what.txt"] {
        let document = apply(&world, &[file, "--output", "json"]).exits(2).document();
        assert_eq!(document["event"], "error", "{file}");
        assert!(document["message"].is_string(), "{file}: {document}");
    }
}

#[test]
fn a_mistake_in_one_of_many_files_stops_all() {
    let world = World::new();
    world.write("good.yaml", &std::fs::read(project("examples/airline.yaml")).unwrap());
    world.write("bad.toml", b"flights = 7\n");
    let done = apply(&world, &["good.yaml", "bad.toml", "--output", "json"]).exits(2);
    let findings: Vec<Value> = done.document()["diagnostics"].as_array().unwrap().clone();
    assert!(findings.iter().all(|f| f["file"] == "bad.toml"), "{findings:?}");
}

/// Definitions as PowerShell's `>` writes them, and other editors.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    vec![
        marked.as_bytes().to_vec(),
        marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        marked.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ]
}

#[test]
fn every_file_that_is_handed_in_may_have_a_byte_order_mark_or_be_utf_16() {
    let world = World::airline();
    let index = one_index("some-index", "a", "S");
    let definitions = format!("flights:\n{index}");
    world.write("defs.yaml", definitions.as_bytes());
    world.local(&["plan", "defs.yaml", "--save", "plan.json"]).exits(0);
    let plan = String::from_utf8(world.read("plan.json")).unwrap();
    for bytes in encodings(&definitions) {
        world.write("other.yaml", &bytes);
        world.local(&["plan", "other.yaml"]).exits(0).says("create    some-index");
        let piped = world.command(&["--local", "plan", "-", "--format", "yaml"]);
        with_input(piped, &bytes).exits(0).says("create    some-index");
    }
    for bytes in encodings(&plan) {
        world.write("other.json", &bytes);
        world.local(&["apply", "other.json", "--dry-run"]).exits(0).says("create    some-index");
    }
    world.local(&["apply", "other.json"]).exits(0);
    let archive = world.named(".gsi_creation_state_").pop().unwrap();
    let state = String::from_utf8(world.read(&archive)).unwrap();
    let report = String::from_utf8(world.read(&world.reports("")[0])).unwrap();
    for bytes in encodings(&state) {
        world.write("state.json", &bytes);
        let shown = world.local(&["rollback", "--state", "state.json", "--dry-run"]).exits(0);
        shown.says("delete  some-index");
    }
    for bytes in encodings(&report) {
        world.write("report.json", &bytes);
        let shown = world.run(&["report", "show", "report.json", "--output", "json"]).exits(0);
        assert_eq!(shown.document()["kind"], "apply");
    }
}

#[test]
fn the_state_in_its_directory_is_damaged_by_a_byte_order_mark() {
    let world = World::airline();
    let index = one_index("some-index", "a", "S");
    world.write("defs.yaml", format!("flights:\n{index}nowhere:\n{index}").as_bytes());
    world.local(&["apply", "defs.yaml"]).exits(3);
    let state = [b"\xEF\xBB\xBF", &world.read(crate::world::STATE)[..]].concat();
    world.write(crate::world::STATE, &state);
    world.local(&["apply", "defs.yaml"]).exits(5).says("begins with a byte order mark");
    assert_eq!(world.read(crate::world::STATE), state);
}

#[test]
fn a_file_of_another_shape_is_one_mistake_with_a_command_that_can_be_pasted() {
    let world = World::new();
    let answer = br#"{ "Table": { "TableName": "orders", "KeySchema": [] } }"#;
    world.write("orders.json", answer);
    let done = apply(&world, &["orders.json"]).exits(2);
    done.says("this is the answer to DescribeTable, not definitions of indexes")
        .says("--> orders.json:1:3")
        .says("`gsictl export orders --local`");
    let document = apply(&world, &["orders.json", "--output", "json"]).exits(2).document();
    let found = &document["diagnostics"];
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{document}");
    assert!(found[0]["help"].as_str().unwrap().contains("`gsictl export orders --local`"));

    // Terraform's own files, of whose format nothing is known.
    world.write("main.tf", b"resource \"aws_dynamodb_table\" \"orders\" {\n}\n");
    apply(&world, &["main.tf"]).exits(2).says("a file in Terraform's language");
}
