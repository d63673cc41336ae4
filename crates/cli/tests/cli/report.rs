//! What runs leave behind to be read.

use serde_json::{Value, json};

use crate::support::fault::Fault;
use crate::support::proxy::{Asked, Chooser, Log};
use crate::support::service::{Service, faulty_service};
use crate::world::{World, one_index, project, text};

/// A world in which one index was built and one cannot be.
fn built_and_failed() -> World {
    let world = World::airline();
    let index = one_index("some-index", "a", "S");
    world.write("defs.yaml", format!("flights:\n{index}nowhere:\n{index}").as_bytes());
    world.local(&["apply", "defs.yaml"]).exits(3).says("gsi_creation_reports/apply_");
    world
}

/// What differs from run to run, made the same.
fn steady(world: &World, text: &str) -> String {
    let mut out = String::new();
    let text = text.replace(&world.root().display().to_string(), "DIR");
    // How often it looked depends on how fast it was.
    let (text, _) = text.split_once("\n## Calls").expect("its last section");
    for word in text.split_inclusive([' ', '\n']) {
        let bare = word.trim_end();
        let time = bare.len() >= 20 && bare.ends_with('Z') && bare.starts_with("20");
        let seconds = bare.parse::<f64>().is_ok() && bare.contains('.') && !bare.ends_with('.');
        let shown = if time {
            "TIME"
        } else if seconds {
            "SECONDS"
        } else {
            bare
        };
        out.push_str(shown);
        out.push_str(&word[bare.len()..]);
    }
    out
}

#[test]
fn an_apply_leaves_a_report_that_people_can_read() {
    let world = built_and_failed();
    let shown = world.run(&["report", "show"]).exits(0).stdout;
    insta::assert_snapshot!(steady(&world, &shown));
    let markdown = world.reports("")[0].replace(".json", ".md");
    assert_eq!(String::from_utf8(world.read(&markdown)).unwrap(), shown);
}

/// Takes no create of an index on `flights`.
struct FlightsAreThrottled;

impl Chooser for FlightsAreThrottled {
    fn choose(&mut self, request: &Asked, _: &Log) -> Fault {
        let refused = request.index.is_some() && request.table == "flights";
        if refused { Fault::throttled() } else { Fault::none() }
    }
}

#[test]
fn what_failed_is_reported_with_every_attempt_and_the_table_as_it_is() {
    let chooser = Box::new(FlightsAreThrottled);
    let Some(service) = faulty_service(chooser).map(Service::airline) else { return };
    let world = &service.world;
    let few = ["--max-attempts", "3", "--backoff", "0.1,0.2"];
    world.run(&[&["apply", "airline.yaml"][..], &few].concat()).exits(3);
    let report = world.run(&["report", "show", "--output", "json"]).exits(0).document();
    let indexes = report["indexes"].as_array().unwrap();
    let failed = indexes.iter().find(|i| i["table"] == "flights").unwrap();
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 3, "{failed}");
    assert_eq!((&failed["retry_count"], &failed["result"]), (&json!(3), &json!("failed")));

    let shown = world.run(&["report", "show"]).exits(0).stdout;
    let (_, about) = shown.split_once("### `flights.aircraft-rotation-index`").unwrap();
    let (about, _) = about.split_once("## Tables").unwrap();
    assert_eq!(about.matches("| ThrottlingException: Rate exceeded |").count(), 3, "{shown}");
    for part in
        ["failed attempts: 3", "The table is ACTIVE; its indexes: none", "What to do:\n\n1. "]
    {
        assert!(about.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("| Success rate | 83 % |"), "{shown}");
}

#[test]
fn a_report_is_shown_by_name_by_path_and_as_its_document() {
    let world = built_and_failed();
    let path = &world.reports("")[0];
    let name = path.rsplit('/').next().unwrap();
    let newest = world.run(&["report", "show"]).exits(0).stdout;
    for file in [path, name, name.trim_end_matches(".json")] {
        assert_eq!(world.run(&["report", "show", file]).exits(0).stdout, newest, "{file}");
    }
    let document = world.run(&["report", "show", "--output", "json"]).exits(0).document();
    assert_eq!(document, world.json(path));
    assert_eq!((&document["kind"], &document["result"]), (&json!("apply"), &json!("failed")));

    std::fs::remove_file(world.path(&path.replace(".json", ".md"))).unwrap();
    let done = world.run(&["report", "show"]).exits(0).says("its Markdown is gone");
    assert_eq!(done.document(), document);
}

#[test]
fn reports_are_listed_the_newest_first_with_what_is_none() {
    let world = built_and_failed();
    let one = one_index("other-index", "b", "S");
    world.write("defs.yaml", format!("flights:\n{one}").as_bytes());
    world.run(&["state", "archive"]).exits(0);
    world.local(&["apply", "defs.yaml"]).exits(0);

    // As the first version wrote them: without a kind, and without a result.
    let mut old = world.json(&world.reports("")[0]);
    for field in ["kind", "result"] {
        old.as_object_mut().unwrap().remove(field);
    }
    old["ended_at"] = json!("2025-01-31T23:59:59.250Z");
    let write = |name: &str, bytes: &str| {
        world.write(&format!("gsi_creation_reports/{name}.json"), bytes.as_bytes());
    };
    write("apply_20250131_235959", &old.to_string());
    write("cut", "{ \"format\": 1,");
    write("foreign", "{ \"version\": \"1.0\", \"gsis\": {} }");
    write("newer", &json!({ "tool": "gsictl 9.0.0", "format": 9 }).to_string());

    let done = world.run(&["report", "list"]).exits(0);
    assert_eq!(done.stderr, "");
    let lines: Vec<_> =
        done.stdout.lines().map(|line| line.replace("apply_2025", "old_")).collect();
    let [newest, second, oldest, cut, foreign, newer] = &lines[..] else { panic!("{lines:?}") };
    assert!(
        newest.starts_with("apply     20") && newest.contains("  done        apply_"),
        "{newest}"
    );
    assert!(second.contains("  failed      apply_"), "{second}");
    assert_eq!(oldest, "apply     2025-01-31T23:59:59Z  failed      old_0131_235959.json");
    assert_eq!(newer, "newer.json: written by a newer version (format 9, this one knows 1)");
    assert_eq!(foreign, "foreign.json: not a report of gsictl");
    assert!(cut.starts_with("cut.json: damaged: EOF while parsing"), "{cut}");

    let document = world.run(&["report", "list", "--output", "json"]).exits(0).document();
    let reports = document["reports"].as_array().unwrap();
    let results: Vec<_> = reports.iter().map(|r| r["result"].as_str().unwrap_or("-")).collect();
    assert_eq!(results, ["done", "failed", "failed", "-", "-", "-"]);
    assert_eq!(text(&reports[0]["command"]), "apply");
    assert!(text(&reports[3]["error"]).starts_with("damaged"), "{document}");

    // The newest is shown; the others when they are named, if they are any.
    let shown = world.run(&["report", "show"]).exits(0);
    assert!(shown.stdout.starts_with("# gsictl apply: done\n"), "{}", shown.text());
    world.run(&["report", "show", "cut"]).exits(2).says("cut.json: damaged").says("next:");
    world.run(&["report", "show", "foreign"]).exits(2).says("not a report of gsictl");
    world.run(&["report", "show", "newer"]).exits(0).says("gsictl 9.0.0");
}

#[test]
fn where_there_is_no_report_it_says_so() {
    let world = World::new();
    assert_eq!(world.run(&["report", "list"]).exits(0).stdout, "There is no report.\n");
    let document = world.run(&["report", "list", "--output", "json"]).exits(0).document();
    assert_eq!(document, json!({ "reports": [] }));
    world.run(&["report", "show"]).exits(2).says("there is no report in").says("next: `apply`");
    world.run(&["report", "show", "apply_1"]).exits(2).says("no report apply_1").says("list");
    let document = world.run(&["report", "show", "--output", "json"]).exits(2).document();
    assert_eq!(document["event"], "error");
    assert!(world.files().is_empty());
}

#[test]
fn a_demo_leaves_a_report_of_an_apply() {
    let world = World::new();
    world.run(&["demo", "--items", "3", "--local-build-seconds", "0.2"]).exits(0);
    let args = ["report", "list", "--state-dir", "gsictl-demo", "--output", "json"];
    let document = world.run(&args).exits(0).document();
    let report = &document["reports"][0];
    assert_eq!((&report["kind"], &report["command"]), (&json!("apply"), &json!("demo")));
}

#[test]
fn the_schema_of_reports_is_the_published_one() {
    let schema = World::new().run(&["schema", "report"]).exits(0);
    let published = std::fs::read_to_string(project("docs/report.schema.json")).unwrap();
    assert_eq!(schema.stdout, published);
    let definitions: Value = World::new().run(&["schema"]).exits(0).document();
    assert_eq!(World::new().run(&["schema", "definitions"]).exits(0).document(), definitions);
    World::new().run(&["schema", "state"]).exits(2).says("definitions, report");
}
