//! `gsictl plan`, saved plans, and that `apply` does what was planned.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{Call, CreateIndex, CreateTable, ErrorKind, Value as Attribute};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use serde_json::{Value, json};

use crate::support::service::{Service, service, slow_service};
use crate::world::{DATABASE, Done, Embedded, STATE, Tables, World, one_index, text, wait_for};

/// A world on one engine, whichever it is.
enum Engine {
    Embedded(World, Tables),
    Service(Box<Service>),
}

impl Engine {
    fn embedded() -> Self {
        let world = World::new();
        let tables = Embedded::open(&world.path(DATABASE), 0.0);
        Self::Embedded(world, tables)
    }

    /// Both, where there is a server.
    fn both() -> Vec<Self> {
        let service = service().map(|service| Self::Service(Box::new(service)));
        std::iter::once(Self::embedded()).chain(service).collect()
    }

    fn world(&self) -> &World {
        match self {
            Self::Embedded(world, _) => world,
            Self::Service(service) => &service.world,
        }
    }

    fn tables(&self) -> &Tables {
        match self {
            Self::Embedded(_, tables) => tables,
            Self::Service(service) => &service.tables,
        }
    }

    fn run(&self, args: &[&str]) -> Done {
        match self {
            Self::Embedded(world, _) => world.local(args),
            Self::Service(service) => service.world.run(args),
        }
    }

    fn write(&self, yaml: &str) {
        self.world().write("airline.yaml", yaml.as_bytes());
    }

    fn table(&self, name: &str) {
        self.tables().create_table(name, "id", ScalarType::S);
    }

    /// Makes an index of one string, and waits until it is ready.
    fn index(&self, table: &str, index: &str, key: &str) {
        self.create(table, index, key, Projection::All, None);
    }

    fn create(
        &self,
        table: &str,
        index: &str,
        key: &str,
        projection: Projection,
        provisioned_throughput: Option<ProvisionedThroughput>,
    ) {
        let create = CreateIndex {
            table: TableName::new(table).unwrap(),
            index: IndexName::new(index).unwrap(),
            key_schema: hash_key(key),
            projection,
            attributes: BTreeMap::from([(key.to_owned(), ScalarType::S)]),
            provisioned_throughput,
            on_demand_throughput: None,
            warm_throughput: None,
        };
        self.tables().call(Call::CreateIndex(Box::new(create))).unwrap();
        wait_for("the end of the build", || self.tables().describe(table).is_free());
    }

    fn provisioned_table(&self, name: &str) {
        let create = CreateTable {
            table: TableName::new(name).unwrap(),
            key_schema: hash_key("id"),
            attributes: BTreeMap::from([("id".to_owned(), ScalarType::S)]),
            billing_mode: BillingMode::Provisioned,
            provisioned_throughput: Some(units(5)),
        };
        self.tables().call(Call::CreateTable(Box::new(create))).unwrap();
    }

    /// The create calls of all runs so far, as `table.index`; of the embedded
    /// engine those that `done` tells of.
    fn created(&self, done: &Done) -> BTreeSet<String> {
        match self {
            Self::Embedded(..) => done.indexes("accepted").into_iter().collect(),
            Self::Service(service) => service.proxy.creates().into_keys().collect(),
        }
    }
}

fn hash_key(name: &str) -> Vec<KeyElement> {
    vec![KeyElement { attribute_name: name.to_owned(), key_type: KeyType::Hash }]
}

fn units(n: u64) -> ProvisionedThroughput {
    ProvisionedThroughput { read_capacity_units: n, write_capacity_units: n }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("a{n:02}")).collect()
}

fn include(count: usize) -> Projection {
    Projection::Include { non_key_attributes: names(count).into_iter().collect() }
}

/// The same index, with that projection.
fn including(index: &str, key: &str, count: usize) -> String {
    let projection = format!("INCLUDE, NonKeyAttributes: [{}]", names(count).join(", "));
    one_index(index, key, "S").replace("ALL", &projection)
}

/// The words of a plan, as `table.index`.
fn words(document: &Value) -> BTreeMap<String, String> {
    let tables = document["plan"]["tables"].as_array().unwrap();
    let rows = |table: &Value| {
        let (name, rows) = (text(&table["table"]).to_owned(), table["indexes"].clone());
        let rows = rows.as_array().unwrap().clone();
        rows.into_iter().map(move |row| {
            (format!("{name}.{}", text(&row["index"])), text(&row["action"]).to_owned())
        })
    };
    tables.iter().flat_map(rows).collect()
}

fn row(document: &Value, index: &str) -> Value {
    let tables = document["plan"]["tables"].as_array().unwrap();
    let mut rows = tables.iter().flat_map(|t| t["indexes"].as_array().unwrap());
    rows.find(|row| row["index"] == index).unwrap_or_else(|| panic!("no {index}")).clone()
}

const JSON: [&str; 4] = ["plan", "airline.yaml", "--output", "json"];

fn plan(engine: &Engine, more: &[&str]) -> Done {
    engine.run(&[&JSON, more].concat())
}

/// Every way an index can stand, at once.
fn every_row(engine: &Engine) {
    for table in ["bookings", "crowded", "flights", "passengers", "typed", "wide"] {
        engine.table(table);
    }
    engine.index("bookings", "legacy-index", "seat");
    engine.index("passengers", "tier-index", "other");
    for n in 0..19 {
        engine.index("crowded", &format!("theirs-{n:02}"), "x");
    }
    for n in 0..4 {
        engine.create("wide", &format!("theirs-{n}"), "x", include(20), None);
    }
    engine.create("wide", "theirs-4", "x", include(15), None);
    engine.provisioned_table("Baggage");
    engine.create("Baggage", "location-index", "place", Projection::All, Some(units(7)));
    build_for_long(engine);
    let undefined = one_index("untyped-index", "gate", "S").replace(
        "    AttributeDefinitions:\n      - { AttributeName: gate, AttributeType: S }\n",
        "",
    );
    let with_units = |index, key| {
        let index = one_index(index, key, "S");
        format!(
            "{index}    ProvisionedThroughput: {{ ReadCapacityUnits: 9, WriteCapacityUnits: 9 }}\n"
        )
    };
    engine.write(&format!(
        "bookings:\n{}{}flights:\n{}passengers:\n{}nowhere:\n{}crowded:\n{}{}wide:\n{}{}{}typed:\n{}{}Baggage:\n{}{}",
        one_index("one-index", "a", "S"),
        one_index("two-index", "b", "S"),
        one_index("gate-index", "gate", "S"),
        one_index("tier-index", "tier", "S"),
        one_index("some-index", "a", "S"),
        one_index("last-index", "a", "S"),
        with_units("units-index", "b"),
        including("ten-index", "a", 10),
        including("five-index", "a", 5),
        one_index("all-index", "a", "S"),
        one_index("number-index", "id", "N"),
        undefined,
        with_units("location-index", "place"),
        one_index("status-index", "status", "S"),
    ));
}

/// An index that is being built while the test looks at it.
fn build_for_long(engine: &Engine) {
    if let Engine::Service(service) = engine {
        // A NULL in a key attribute keeps this engine building for ever.
        let item = BTreeMap::from([
            ("id".to_owned(), Attribute::S("1".to_owned())),
            ("gate".to_owned(), Attribute::Null),
        ]);
        let table = TableName::new("flights").unwrap();
        service.tables.call(Call::PutItems { table, items: vec![item] }).unwrap();
        return service.tables.create_index("flights", "gate-index", "gate");
    }
    let slow = Embedded::open(&engine.world().path(DATABASE), 600.0);
    slow.create_index("flights", "gate-index", "gate");
}

const EVERY_ROW: [(&str, &str); 14] = [
    ("Baggage.location-index", "there"),
    ("Baggage.status-index", "create"),
    ("bookings.one-index", "create"),
    ("bookings.two-index", "create"),
    ("crowded.last-index", "create"),
    ("crowded.units-index", "obstacle"),
    ("flights.gate-index", "adopt"),
    ("nowhere.some-index", "obstacle"),
    ("passengers.tier-index", "conflict"),
    ("typed.number-index", "obstacle"),
    ("typed.untyped-index", "obstacle"),
    ("wide.all-index", "create"),
    ("wide.five-index", "create"),
    ("wide.ten-index", "obstacle"),
];

#[test]
fn every_row_of_the_plan_is_seen_on_a_real_engine_and_apply_does_what_it_says() {
    for engine in Engine::both() {
        every_row(&engine);
        let before = engine.world().files();
        let described = describes(&engine);
        let done = plan(&engine, &[]).exits(0);
        assert_eq!(describes(&engine) - described, tables_asked(&engine), "one look a table");
        let same = |name: &str| before.get(name) == engine.world().files().get(name);
        assert!(same("airline.yaml") && !engine.world().exists(STATE));
        if let Engine::Service(_) = engine {
            assert_eq!(engine.world().files(), before);
        }

        let document = done.document();
        let expected = EVERY_ROW.map(|(index, word)| (index.to_owned(), word.to_owned()));
        assert_eq!(words(&document), BTreeMap::from(expected));
        reasons_are_told(&document);

        let already = engine.created(&done);
        let apply = ["apply", "airline.yaml", "--output", "json", "--activation-timeout", "2s"];
        let applied = engine.run(&apply).exits(3);
        let created = engine.created(&applied);
        let called: BTreeSet<_> = created.difference(&already).cloned().collect();
        let planned = EVERY_ROW.iter().filter(|(_, word)| *word == "create");
        assert_eq!(
            called,
            planned.map(|(index, _)| (*index).to_owned()).collect(),
            "{}",
            applied.text()
        );
        let obstructed: BTreeSet<_> = applied.indexes("obstructed").into_iter().collect();
        let in_the_way = EVERY_ROW.iter().filter(|(_, w)| matches!(*w, "obstacle" | "conflict"));
        assert_eq!(obstructed, in_the_way.map(|(index, _)| (*index).to_owned()).collect());
    }
}

fn describes(engine: &Engine) -> usize {
    match engine {
        Engine::Embedded(..) => 0,
        Engine::Service(service) => service.proxy.count("DescribeTable"),
    }
}

fn tables_asked(engine: &Engine) -> usize {
    if let Engine::Service(_) = engine { 8 } else { 0 }
}

fn reasons_are_told(document: &Value) {
    let reason = |index| text(&row(document, index)["reason"]).to_owned();
    let conflict = row(document, "tier-index");
    assert_eq!(conflict["wanted"], "tier S HASH; ALL");
    assert_eq!(conflict["found"], "other S HASH; ALL");
    assert_eq!(conflict["differences"], json!(["the keys are other HASH, not tier HASH"]));
    assert_eq!(reason("some-index"), "the table does not exist");
    assert!(reason("units-index").contains("the table is on-demand, where DynamoDB takes no"));
    assert_eq!(
        reason("ten-index"),
        "the indexes of a table may include 100 attributes together: the others include 95, this one 10"
    );
    assert!(reason("number-index").contains("of type N here and of type S in the table"));
    assert!(reason("untyped-index").contains("gives the type of gate"));
    assert!(reason("gate-index").starts_with("it is being built already"));
    let tables = document["plan"]["tables"].as_array().unwrap();
    let about = |name: &str| tables.iter().find(|t| t["table"] == name).unwrap();
    assert_eq!(about("bookings")["unmanaged"][0]["index"], "legacy-index");
    let kinds: Vec<_> =
        about("Baggage")["notes"].as_array().unwrap().iter().map(|n| text(&n["kind"])).collect();
    assert_eq!(kinds, ["table_throughput", "no_auto_scaling", "throughput_drift"]);
    assert_eq!(document["plan"]["prospect"], "obstacles");
}

#[test]
fn people_read_the_plan_table_by_table() {
    let engine = Engine::embedded();
    every_row(&engine);
    let done = engine.run(&["plan", "airline.yaml"]).exits(0);
    insta::assert_snapshot!(done.stdout);
    let dry = engine.run(&["apply", "airline.yaml", "--dry-run"]).exits(3);
    assert_eq!(dry.stdout, done.stdout, "a dry run prints the same");
    let markdown = engine.run(&["plan", "airline.yaml", "--markdown"]).exits(0);
    insta::assert_snapshot!(markdown.stdout);
}

#[test]
fn a_local_indexs_name_is_taken_and_what_it_includes_counts() {
    let Some(service) = service() else { return };
    let body = json!({
        "TableName": "bookings", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "S"},
            {"AttributeName": "seat", "AttributeType": "S"}],
        "LocalSecondaryIndexes": [{
            "IndexName": "seat-index",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "seat", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": names(20)}}],
    });
    service.post("CreateTable", &body.to_string());
    let engine = Engine::Service(Box::new(service));
    for n in 0..4 {
        engine.create("bookings", &format!("theirs-{n}"), "x", include(20), None);
    }
    engine.write(&format!(
        "bookings:\n{}{}",
        one_index("seat-index", "a", "S"),
        including("more-index", "b", 1)
    ));
    let document = plan(&engine, &[]).exits(0).document();
    assert_eq!(row(&document, "seat-index")["reason"], "a local secondary index has that name");
    let says = "the indexes of a table may include 100 attributes together: the others include 100, this one 1";
    assert_eq!(row(&document, "more-index")["reason"], says);
}

#[test]
fn an_index_that_is_being_deleted_is_planned_anew() {
    let engine = Engine::embedded();
    engine.table("bookings");
    engine.index("bookings", "one-index", "old");
    let slow = Embedded::open(&engine.world().path(DATABASE), 10.0);
    slow.delete_index("bookings", "one-index");
    engine.write(&format!("bookings:\n{}", one_index("one-index", "a", "S")));
    let document = plan(&engine, &[]).exits(0).document();
    assert_eq!(row(&document, "one-index")["action"], "recreate");
    let applied = engine.run(&["apply", "airline.yaml", "--output", "json"]).exits(0);
    assert_eq!(applied.indexes("accepted"), ["bookings.one-index"]);
}

/// Where builds and deletions take their time.
#[test]
fn on_a_slow_service_a_build_is_adopted_and_a_deletion_waited_for() {
    let Some(mut service) = slow_service() else { return };
    service.tables.create_table("bookings", "id", ScalarType::S);
    service.tables.create_index("bookings", "one-index", "a");
    let yaml = format!("bookings:\n{}", one_index("one-index", "a", "S"));
    service.world.write("airline.yaml", yaml.as_bytes());
    let word = |service: &Service| {
        let document = service.world.run(&JSON).exits(0).document();
        row(&document, "one-index")["action"].clone()
    };
    assert_eq!(word(&service), "adopt");
    service.world.run(&["wait", "bookings", "one-index"]).exits(0);
    assert_eq!(word(&service), "there");
    service.reconnect();
    service.tables.delete_index("bookings", "one-index");
    assert_eq!(word(&service), "recreate");
}

fn two_tables(engine: &Engine) {
    engine.table("bookings");
    engine.table("flights");
    engine.index("flights", "legacy-index", "old");
    engine.write(&format!(
        "bookings:\n{}{}flights:\n{}",
        one_index("one-index", "a", "S"),
        one_index("two-index", "b", "S"),
        one_index("gate-index", "gate", "S")
    ));
}

#[test]
fn filters_and_the_exit_code_are_those_of_the_run() {
    for engine in Engine::both() {
        two_tables(&engine);
        plan(&engine, &[]).exits(0);
        plan(&engine, &["--exit-code"]).exits(4);
        let one = plan(&engine, &["--table", "bookings", "--index", "two-index"]).exits(0);
        assert_eq!(words(&one.document()).into_keys().collect::<Vec<_>>(), ["bookings.two-index"]);
        plan(&engine, &["--table", "bookigns"]).exits(2).says("bookigns");
        engine.run(&["apply", "airline.yaml", "--table", "bookings"]).exits(0);
        plan(&engine, &["--table", "bookings", "--exit-code"]).exits(0);
        engine.write(&format!(
            "nowhere:\n{}flights:\n{}",
            one_index("some-index", "a", "S"),
            one_index("gate-index", "gate", "S")
        ));
        plan(&engine, &["--exit-code", "--state-dir", "home"]).exits(3);
    }
}

#[test]
fn what_failed_before_is_planned_as_apply_would_treat_it() {
    let engine = Engine::embedded();
    two_tables(&engine);
    let failed = json!({"version": "1.0", "created_at": "2026-02-01T10:30:00Z",
        "updated_at": "2026-02-01T10:35:00Z", "script_name": "create_gsis.py",
        "gsis": {"flights.gate-index": {"table_name": "flights", "index_name": "gate-index",
            "status": "failed", "creation_time": "2026-02-01T10:33:00Z", "retry_count": 5,
            "last_error": "ThrottlingException: Rate exceeded"}},
        "summary": {"total": 1, "pending": 0, "in_progress": 0, "active": 0, "failed": 1}});
    engine.world().write(STATE, failed.to_string().as_bytes());
    let done = plan(&engine, &["--exit-code"]).exits(3);
    let word = |done: &Done, index| row(&done.document(), index)["action"].clone();
    assert_eq!(word(&done, "gate-index"), "leave");
    assert_eq!(word(&done, "one-index"), "create");
    let retry = plan(&engine, &["--retry-failed", "--exit-code"]).exits(4);
    assert_eq!(word(&retry, "gate-index"), "create");
    assert_eq!(word(&retry, "one-index"), "leave");
    assert_eq!(engine.world().read(STATE), failed.to_string().as_bytes());
}

fn save(engine: &Engine) {
    engine
        .run(&["plan", "airline.yaml", "--save", "plan.json"])
        .exits(0)
        .says("gsictl apply plan.json");
}

fn apply_saved(engine: &Engine) -> Done {
    engine.run(&["apply", "plan.json", "--output", "json"])
}

#[test]
fn a_saved_plan_is_applied_after_changes_that_do_not_matter() {
    for engine in Engine::both() {
        two_tables(&engine);
        save(&engine);
        // Items come in, and the definitions move on: the plan holds its own.
        let items = vec![BTreeMap::from([("id".to_owned(), Attribute::S("1".to_owned()))])];
        let table = TableName::new("bookings").unwrap();
        engine.tables().call(Call::PutItems { table, items }).unwrap();
        engine.write("bookings: []\n");
        let done = apply_saved(&engine).exits(0);
        let ours = ["bookings.one-index", "bookings.two-index", "flights.gate-index"];
        let accepted: BTreeSet<_> = done.indexes("accepted").into_iter().collect();
        assert_eq!(accepted, ours.map(str::to_owned).into());
        let archive = engine.world().json(&engine.world().named(".gsi_creation_state_")[0]);
        assert_eq!(archive["script_name"], "airline.yaml");
        let again = apply_saved(&engine).exits(0);
        assert_eq!(again.indexes("already_active").len(), 3, "{}", again.text());
    }
}

/// What somebody does between the plan and its run, and what is said of it.
type Change = (fn(&Engine), &'static str);

#[test]
fn a_saved_plan_is_refused_after_changes_that_matter() {
    let changes: [Change; 5] = [
        (
            |e| e.index("flights", "new-index", "fresh"),
            "flights: index new-index is new: fresh S HASH; ALL",
        ),
        (
            |e| e.index("bookings", "one-index", "seat"),
            "bookings: index one-index is new: seat S HASH; ALL",
        ),
        (
            |e| e.tables().delete_index("flights", "legacy-index"),
            "flights: index legacy-index is gone, or being deleted",
        ),
        (
            |e| {
                e.tables().delete_index("flights", "legacy-index");
                let gone = || e.tables().describe("flights").indexes.is_empty();
                wait_for("the end of the deletion", gone);
                e.index("flights", "legacy-index", "other");
            },
            "flights: index legacy-index was old S HASH; ALL and is other S HASH; ALL",
        ),
        (|e| e.table("nowhere"), "nowhere: the table exists now"),
    ];
    for (change, says) in changes {
        for engine in Engine::both() {
            two_tables(&engine);
            if says.starts_with("nowhere") {
                engine.write(&format!("nowhere:\n{}", one_index("some-index", "a", "S")));
            }
            save(&engine);
            change(&engine);
            let calls = |engine: &Engine| match engine {
                Engine::Embedded(..) => 0,
                Engine::Service(service) => service.proxy.count("UpdateTable"),
            };
            let before = calls(&engine);
            let done = engine.run(&["apply", "plan.json"]).exits(5);
            done.says("the saved plan is out of date").says(says).says("gsictl plan DEFS --save");
            assert_eq!(calls(&engine), before);
            assert!(!engine.world().exists(STATE));
            engine.run(&["apply", "plan.json", "--dry-run"]).exits(5).says(says);
        }
    }
}

#[test]
fn a_saved_plan_that_was_interrupted_goes_on_and_its_definitions_too() {
    for engine in Engine::both() {
        two_tables(&engine);
        save(&engine);
        let apply = ["apply", "plan.json", "--output", "json"];
        let mut running = match &engine {
            Engine::Embedded(world, _) => {
                world.start(&[&["--local", "--local-build-seconds", "2"][..], &apply].concat())
            }
            Engine::Service(service) => service.world.start(&apply),
        };
        running.until("accepted");
        running.kill();
        assert_eq!(engine.world().state()["script_name"], "airline.yaml");
        apply_saved(&engine).exits(0);
        let indexes: Vec<_> = ["bookings", "flights"]
            .iter()
            .flat_map(|table| engine.tables().indexes(table).into_keys())
            .collect();
        let all = [
            "bookings.one-index",
            "bookings.two-index",
            "flights.gate-index",
            "flights.legacy-index",
        ];
        assert_eq!(indexes, all);
        if let Engine::Service(service) = &engine {
            assert!(service.proxy.creates().values().all(|calls| calls.len() == 1));
        }
    }
}

#[test]
fn the_definitions_go_on_with_the_state_of_a_saved_plan() {
    let engine = Engine::embedded();
    two_tables(&engine);
    engine.run(&["plan", "airline.yaml", "--table", "flights", "--save", "plan.json"]).exits(0);
    let done = apply_saved(&engine).exits(0);
    assert_eq!(done.indexes("accepted"), ["flights.gate-index"]);
    assert_eq!(engine.world().state()["summary"]["pending"], 2);
    engine.run(&["apply", "airline.yaml"]).exits(0).says("Loaded state").says("2 created");
}

#[test]
fn a_saved_plan_belongs_to_the_place_it_was_made_for() {
    let engine = Engine::embedded();
    two_tables(&engine);
    save(&engine);
    let other = engine.world().run(&["--local=other.db", "apply", "plan.json"]).exits(5);
    other
        .says("the saved plan was made for endpoint")
        .says("--endpoint-url or --local of the plan");
    assert!(!engine.world().exists(STATE));
}

#[test]
fn a_plan_file_that_is_no_longer_what_was_saved_is_refused() {
    let engine = Engine::embedded();
    two_tables(&engine);
    save(&engine);
    let good = String::from_utf8(engine.world().read("plan.json")).unwrap();
    let damage: [(String, &str); 3] = [
        (good.replace("one-index", "own-index"), "was changed after it was saved"),
        (good.replace("\"version\": 1", "\"version\": 7"), "has format 7"),
        (good[..good.len() / 2].to_owned(), "the saved plan is damaged"),
    ];
    for (text, says) in damage {
        engine.world().write("plan.json", text.as_bytes());
        engine.run(&["apply", "plan.json"]).exits(5).says(says).says("gsictl plan DEFS --save");
    }
    assert!(!engine.world().exists(STATE));
}

#[test]
fn mistakes_with_plans_are_told_before_anything_is_called() {
    let engine = Engine::embedded();
    two_tables(&engine);
    save(&engine);
    let run = |args: &[&str], says: &str| engine.run(args).exits(2).says(says);
    run(&["apply", "plan.json", "--table", "bookings"], "a saved plan has its own --table");
    run(&["apply", "plan.json", "airline.yaml"], "plan.json is a saved plan");
    run(&["plan", "plan.json"], "plan.json is a saved plan");
    run(&["plan", "airline.yaml", "--save", "airline.yaml"], "exists and is not a saved plan");
    run(&["plan", "airline.yaml", "--save", "nowhere/plan.json"], "cannot be saved");
    run(&["plan", "airline.yaml", "--markdown", "--output", "json"], "two forms of one answer");
    run(&["plan", "missing.yaml"], "cannot read missing.yaml");
    engine.run(&["plan", "airline.yaml", "--save", "plan.json"]).exits(0);
    assert!(engine.world().read("airline.yaml").starts_with(b"bookings:"));
    assert_eq!(engine.world().named("plan.json"), ["plan.json"]);
}

#[test]
fn a_dry_run_for_programs_ends_with_the_plan() {
    let engine = Engine::embedded();
    two_tables(&engine);
    let done = engine.run(&["apply", "airline.yaml", "--dry-run", "--output", "json"]).exits(0);
    let last = done.events().pop().unwrap();
    assert_eq!(last["event"], "preview");
    assert_eq!(last["plan"], plan(&engine, &[]).exits(0).document()["plan"]);
}

/// What the service itself says to more than a hundred included attributes.
#[test]
fn the_service_refuses_what_the_plan_says_it_would() {
    let Some(service) = service() else { return };
    let engine = Engine::Service(Box::new(service));
    engine.table("wide");
    for n in 0..5 {
        engine.create("wide", &format!("theirs-{n}"), "x", include(20), None);
    }
    let create = CreateIndex {
        table: TableName::new("wide").unwrap(),
        index: IndexName::new("one-more").unwrap(),
        key_schema: hash_key("a"),
        projection: include(1),
        attributes: BTreeMap::from([("a".to_owned(), ScalarType::S)]),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
    };
    let refusal = engine.tables().call(Call::CreateIndex(Box::new(create))).unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::Validation, "{refusal}");
}

#[test]
fn the_help_and_the_manual_have_the_command() {
    let world = World::new();
    world.run(&["plan", "--help"]).exits(0).says("--exit-code").says("--save").says("--markdown");
    world.run(&["man"]).exits(0).says("GSICTL PLAN");
    world.run(&["completions", "bash"]).exits(0).says("markdown");
}
