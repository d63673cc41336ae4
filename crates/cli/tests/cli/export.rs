//! What tables have as definitions, which need no change.

use std::collections::BTreeMap;

use gsictl_core::call::{Call, CreateIndex, CreateTable};
use gsictl_core::catalog::BillingMode;
use gsictl_core::definition::{KeyElement, KeyType, Projection, ProvisionedThroughput, ScalarType};
use gsictl_core::name::{IndexName, TableName};

use crate::support::service::{Service, service};
use crate::world::{DATABASE, Done, Embedded, TABLES, Tables, World, airline};

const FORMATS: [&str; 3] = ["yaml", "json", "toml"];

/// Exports the tables to a file, which `apply` then has nothing to do for.
fn needs_no_change(world: &World, run: impl Fn(&[&str]) -> Done, tables: &[&str], indexes: usize) {
    for format in FORMATS {
        let done = run(&[&["export", "--format", format], tables].concat()).exits(0);
        let file = format!("exported.{format}");
        world.write(&file, done.stdout.as_bytes());
        let plan = run(&["plan", "--exit-code", &file]).exits(0);
        let there = plan.stdout.lines().filter(|line| line.starts_with("  there "));
        assert_eq!(there.count(), indexes, "{}\n{}", done.text(), plan.text());
        plan.says(&format!("Plan: 0 to create, {indexes} there already."));
    }
}

/// An index in which everything is out of the ordinary.
fn odd_index(table: &str) -> CreateIndex {
    let keys = ["no", "user:id", "-1", "naïve \"key\""];
    let kinds = [KeyType::Hash, KeyType::Hash, KeyType::Range, KeyType::Range];
    let types = [ScalarType::S, ScalarType::N, ScalarType::B, ScalarType::S];
    let key = |(name, key_type): (&&str, KeyType)| KeyElement {
        attribute_name: (*name).to_owned(),
        key_type,
    };
    let included = ["null", "x: y", "# no comment", "日本", "'"].map(str::to_owned);
    CreateIndex {
        table: TableName::new(table).unwrap(),
        index: IndexName::new("-1.0").unwrap(),
        key_schema: keys.iter().zip(kinds).map(key).collect(),
        projection: Projection::Include { non_key_attributes: included.into() },
        attributes: keys.iter().map(|name| (*name).to_owned()).zip(types).collect(),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
    }
}

/// A table with a name that other YAML takes for a number, and an odd index.
fn odd_table(tables: &Tables) {
    tables.create_table("1e3", "id", ScalarType::S);
    tables.call(Call::CreateIndex(Box::new(odd_index("1e3")))).unwrap();
}

#[test]
fn what_apply_made_is_exported_and_needs_no_change() {
    let world = World::airline();
    world.local(&["apply", "airline.yaml"]).exits(0);
    let before = world.files();
    let tables = TABLES.map(|(table, _)| table);
    let done = world.local(&[&["export"][..], &tables].concat()).exits(0);
    assert_eq!(done.stderr, "");
    assert!(done.stdout.starts_with("# bookings: ACTIVE\nbookings:\n"), "{}", done.text());
    assert_eq!(world.files(), before, "it wrote something");
    needs_no_change(&world, |args| world.local(args), &tables, 6);

    // Under definitions of its own nothing is done and nothing recorded.
    let files = world.files();
    world.local(&["apply", "exported.toml"]).exits(0).says("nothing was changed");
    assert_eq!(world.files(), files);
}

#[test]
fn names_that_formats_take_for_something_else_are_exported() {
    let world = World::new();
    odd_table(&Embedded::open(&world.path(DATABASE), 0.0));
    needs_no_change(&world, |args| world.local(args), &["1e3"], 1);
}

#[test]
fn only_the_indexes_that_are_named_are_exported() {
    let world = World::airline();
    world.local(&["apply", "airline.yaml"]).exits(0);
    let names = ["--index", "flight-status-index", "--index", "crew-duty-date-index"];
    let run = |args: &[&str]| {
        let more: &[&str] = if args[0] == "export" { &names } else { &[] };
        world.local(&[args, more].concat())
    };
    needs_no_change(&world, run, &["bookings", "CrewRoster"], 2);
}

#[test]
fn an_index_that_is_being_built_is_exported_with_a_comment() {
    let world = World::airline();
    let slow =
        |args: &[&str]| world.run(&[&["--local", "--local-build-seconds", "60"], args].concat());
    slow(&["apply", "airline.yaml", "--table", "flights", "--no-wait"]).exits(0);
    let done = slow(&["export", "flights"]).exits(0);
    let done = done.says("note: flights.aircraft-rotation-index: is still being built");
    assert!(done.stdout.contains("  # aircraft-rotation-index: CREATING"), "{}", done.text());
    world.write("exported.yaml", done.stdout.as_bytes());
    slow(&[
        "apply",
        "--dry-run",
        "--state-dir",
        "home",
        "--local=gsictl-local.db",
        "exported.yaml",
    ])
    .exits(0)
    .says("adopt     aircraft-rotation-index");
    assert_eq!(slow(&["-q", "export", "flights"]).exits(0).stderr, "");
}

#[test]
fn what_is_not_there_is_named_and_the_rest_exported() {
    let world = World::airline();
    world.local(&["apply", "airline.yaml", "--table", "flights"]).exits(0);
    let done = world.local(&["export", "nowhere", "flights", "passengers"]).exits(3);
    let done = done.says("error: nowhere: there is no such table");
    let done = done.says("note: passengers: the table has no index, and is left out");
    assert!(done.stdout.contains("aircraft-rotation-index"), "{}", done.text());

    let done = world.local(&["export", "flights", "--index", "other-index"]).exits(3);
    let done = done.says("other-index: none of the tables has this index").says("next: correct");
    assert_eq!(done.stdout, "");
}

#[test]
fn nothing_to_export_prints_nothing() {
    let world = World::airline();
    let done = world.local(&["export", "passengers"]).exits(3);
    let done = done.says("error: there is nothing to export").says("next: definitions of new");
    assert_eq!(done.stdout, "");
    world.run(&["export"]).exits(2).says("<TABLE>");
    world.run(&["export", "flights", "--format", "xml"]).exits(2).says("xml");
    world.run(&["export", "flights", "--format", "yaml", "--output", "json"]).exits(2);
}

#[test]
fn a_program_gets_the_definitions_in_one_document_with_the_statuses() {
    let world = World::airline();
    world.local(&["apply", "airline.yaml"]).exits(0);
    let args = ["export", "bookings", "nowhere", "--index", "flight-status-index"];
    let done = world.local(&[&args[..], &["--output", "json"]].concat()).exits(3);
    let document = done.document();
    assert_eq!(done.stderr, "");
    assert_eq!(document["exit_code"], 3);
    assert_eq!(document["notes"][0], "nowhere: there is no such table");
    assert_eq!(document["definitions"]["bookings"][0]["IndexName"], "flight-status-index");
    let indexes = document["tables"][0]["indexes"].as_array().unwrap();
    let exported = |name: &str| {
        let index = indexes.iter().find(|i| i["index"] == name).unwrap();
        assert_eq!(index["status"], "ACTIVE");
        index["exported"].as_bool().unwrap()
    };
    assert!(exported("flight-status-index") && !exported("passenger-flight-index"));
    // The definitions in it are a file of their own.
    world.write("exported.json", document["definitions"].to_string().as_bytes());
    world.local(&["plan", "--exit-code", "exported.json"]).exits(0).says("there ");
}

#[test]
fn on_dynamodb_local_what_is_exported_needs_no_change() {
    let Some(service) = service().map(Service::airline) else { return };
    service.apply().exits(0);
    odd_table(&service.tables);
    provisioned_table(&service.tables);
    for table in ["1e3", "reserved"] {
        service.world.run(&["wait", table]).exits(0);
    }
    let tables: Vec<_> =
        TABLES.iter().map(|(table, _)| *table).chain(["1e3", "reserved"]).collect();
    let Service { world, .. } = &service;
    needs_no_change(world, |args| world.run(args), &tables, airline().len() + 2);
    let exported = world.read("exported.toml");
    let exported = String::from_utf8(exported).unwrap();
    let units = "ProvisionedThroughput = { ReadCapacityUnits = 3, WriteCapacityUnits = 4 }";
    assert!(exported.contains(units), "{exported}");
}

/// An export is good for making the same again.
#[test]
fn on_dynamodb_local_an_export_makes_the_same_indexes_elsewhere() {
    let (Some(first), Some(second)) = (service(), service()) else { return };
    for service in [&first, &second] {
        service.tables.create_table("1e3", "id", ScalarType::S);
    }
    first.tables.call(Call::CreateIndex(Box::new(odd_index("1e3")))).unwrap();
    first.world.run(&["wait", "1e3"]).exits(0);
    let exported = first.world.run(&["export", "1e3"]).exits(0).stdout;
    second.world.write("exported.yaml", exported.as_bytes());
    second.world.run(&["apply", "exported.yaml"]).exits(0);
    assert_eq!(second.world.run(&["export", "1e3"]).exits(0).stdout, exported);
}

fn provisioned_table(tables: &Tables) {
    let units = |read, write| ProvisionedThroughput {
        read_capacity_units: read,
        write_capacity_units: write,
    };
    let create = CreateTable {
        table: TableName::new("reserved").unwrap(),
        key_schema: vec![KeyElement { attribute_name: "id".to_owned(), key_type: KeyType::Hash }],
        attributes: BTreeMap::from([("id".to_owned(), ScalarType::S)]),
        billing_mode: BillingMode::Provisioned,
        provisioned_throughput: Some(units(1, 2)),
    };
    tables.call(Call::CreateTable(Box::new(create))).unwrap();
    let index = CreateIndex { provisioned_throughput: Some(units(3, 4)), ..odd_index("reserved") };
    tables.call(Call::CreateIndex(Box::new(index))).unwrap();
}
