//! Inputs that become more than they are. Each meets the built program in a process
//! that may have no more than 512 MB of data: one that has no bound aborts there.

use std::fs;

use crate::world::{Done, Running, STATE, World, side_by_side};

const CURSOR: &str = ".gsi_check.json";
const MIB: usize = 1 << 20;

/// Runs the program where it may have 512 MB of memory of its own.
fn bounded(world: &World, args: &str) -> Done {
    let line = format!("ulimit -d 524288; exec gsictl {args}");
    Running::new(world.in_shell(&line), format!("gsictl {args}")).end()
}

fn repeated(head: &str, part: &str, bytes: usize, tail: &str) -> Vec<u8> {
    [head, &part.repeat(bytes / part.len()), tail].concat().into_bytes()
}

#[test]
fn definitions_that_become_gigabytes_are_refused_with_their_place() {
    let text = format!("s: &s '{}'\nt: [", "x".repeat(100_000));
    let names = (0..24_900).map(|n| format!("a{n}{}=1\n", ".b".repeat(18)));
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("aliases.yaml", repeated(&text, "*s,", 150_000, "*s]\n"), "32 MiB of text"),
        (
            "keys.yaml",
            repeated("s: &s {'x': 1}\nt: [", "*s,", 8_000_000, "*s]\n"),
            "1000000 values",
        ),
        ("list.json", repeated("[", "0,", 8_000_000, "0]"), "1000000 values"),
        ("deep.yaml", vec![b'['; 8_000_000], "levels of nesting"),
        ("dotted.toml", names.collect::<String>().into_bytes(), "values"),
        ("inline.toml", repeated("a=[", "{b=1},", 8_000_000, "]"), "values"),
        ("large.json", vec![b' '; 9 * MIB], "8 MiB"),
    ];
    side_by_side(&cases, |(name, bytes, says)| {
        let world = World::new();
        world.write(name, bytes);
        bounded(&world, &format!("plan {name} --local")).exits(2).says(says);
    });
}

#[test]
fn input_that_never_ends_is_read_no_further_than_it_takes_to_refuse_it() {
    let world = World::airline();
    bounded(&world, "plan /dev/zero --format json --local").exits(2).says("8 MiB");
    bounded(&world, "plan - --format yaml --local < /dev/zero").exits(2).says("8 MiB");
    for device in ["/dev/zero", "/dev/full"] {
        let plan = format!("plan airline.yaml --local --save {device}");
        bounded(&world, &plan).exits(2).says("it is a device");
        let rollback = format!("rollback --state {device} --dry-run --local");
        bounded(&world, &rollback).exits(2).says("it is a device");
    }
    let large = fs::File::create(world.path("large.json")).unwrap();
    large.set_len(2 << 30).unwrap();
    let plan = "plan airline.yaml --local --save large.json";
    bounded(&world, plan).exits(2).says("is not a saved plan");
    bounded(&world, "apply large.json --local").exits(2).says("8 MiB");
    let check = "check airline.yaml --local --violations large.json";
    bounded(&world, check).exits(2).says("is there already");
}

#[test]
fn a_saved_plan_that_becomes_gigabytes_is_refused() {
    let head = r#"{"format":"gsictl-plan","version":1,"digest":"","plan":{"definitions":["#;
    for (bytes, says) in [(16 * MIB, "values"), (40 * MIB, "32 MiB")] {
        let world = World::airline();
        world.write("plan.json", &repeated(head, "[0],", bytes, "0]}}"));
        bounded(&world, "apply plan.json --local").exits(5).says(says);
    }
}

#[test]
fn large_files_among_the_reports_are_listed_and_not_kept() {
    let world = World::airline();
    fs::create_dir(world.path("gsi_creation_reports")).unwrap();
    let report = r#"{"tool":"gsictl 1","format":1,"kind":"check","command":"check","result":"clean",
        "ended_at":"2026-02-01T10:30:00Z","target":{},"indexes":["#;
    let index = r#"{"table":"","index":"","spec":""},"#;
    world.write("gsi_creation_reports/huge.json", &repeated("[", "0,", 80 * MIB, "0]"));
    world.write("gsi_creation_reports/zeros.json", &repeated("[", "[0],", 60 * MIB, "0]"));
    world.write("gsi_creation_reports/check.json", &repeated(report, index, 60 * MIB, "0]}"));
    let done = bounded(&world, "report list").exits(0);
    done.says("huge.json: it is larger than").says("zeros.json: not a report").says("clean");
    bounded(&world, "report show huge").exits(2).says("it is larger than");
    // A plan asks what earlier checks said.
    bounded(&world, "plan airline.yaml --local").exits(0);
}

/// A state with `gsis`, more of the file, and `entries`.
fn state(gsis: &str, more: &str, entries: &str) -> String {
    let times = r#""created_at":"2026-02-01T10:30:00Z","updated_at":"2026-02-01T10:30:00Z""#;
    format!(
        r#"{{"version":"1.0",{times},"script_name":"airline.yaml","gsis":{{{gsis}}},{more}"gsictl":
        {{"format":1,"lineage":"x","serial":1,"target":{{}},"entries":{{{entries}}}}}}}"#
    )
}

#[test]
fn a_state_that_becomes_gigabytes_is_refused_by_every_command() {
    let zeros = || "0,".repeat(8 * MIB);
    let arrays = || "[0],".repeat(2 * MIB);
    let many = |entry: &str| {
        let mut entries = String::new();
        (0..1_500_000).for_each(|n| entries += &format!("\"{n}\":{entry},"));
        entries + "\"end\":{}"
    };
    type Make<'a> = &'a dyn Fn() -> String;
    let cases: [(&str, Make<'_>); 7] = [
        ("unknown", &|| state("", &format!("\"x\":[{}0],", zeros()), "")),
        ("arrays", &|| state("", &format!("\"x\":[{}0],", arrays()), "")),
        ("keys", &|| state("", &format!("\"summary\":{{{}}},\"x\":0,", many("0")), "")),
        ("records", &|| state("", "", &many("{}"))),
        ("unknown records", &|| state("", "\"x\":0,", &many(r#"{"q":0}"#))),
        ("verdict", &|| state("", "", &format!("\"a\":{{\"validation\":[{}0]}}", arrays()))),
        ("huge", &|| state("", &format!("\"x\":[{}0],", "0,".repeat(40 * MIB)), "")),
    ];
    for (name, make) in cases {
        let text = make();
        let world = World::airline();
        world.write(STATE, text.as_bytes());
        for args in ["status --output json", "apply airline.yaml --local", "rollback --local --yes"]
        {
            let done = bounded(&world, args);
            assert_eq!(done.code, Some(5), "{name}: {}", done.text());
        }
        bounded(&world, "state list").exits(0);
        fs::rename(world.path(STATE), world.path("old.json")).unwrap();
        let done = bounded(&world, "rollback --state old.json --local --dry-run");
        assert!(matches!(done.code, Some(2 | 5)), "{name}: {}", done.text());
    }
}

#[test]
fn a_place_of_a_check_that_becomes_gigabytes_is_refused() {
    let head = r#"{"format":"gsictl-check","version":1,"serial":1,"saved_at":"2026-02-01T10:30:00Z",
        "started_at":"2026-02-01T10:30:00Z","asked":{"script_name":"","definitions":"","target":{},
        "tables":["#;
    let tail = r#""abc"],"indexes":[],"existing":false,"sample":null,"values":false,
        "violations_file":null},"told":0,"tables":[]}"#;
    for part in ["\"abc\",", "[0],"] {
        let world = World::airline();
        world.write(CURSOR, &repeated(head, part, 60 * MIB, tail));
        bounded(&world, "check airline.yaml --resume --local").exits(5);
    }
}
