//! Validation: a planted broken index is named, a healthy one never is. On the
//! embedded engine and on Amazon DynamoDB Local.

use std::collections::BTreeMap;

use gsictl_core::call::{Call, CreateIndex, Item, Value as Attribute};
use gsictl_core::definition::{KeyElement, KeyType, Projection, ScalarType};
use gsictl_core::name::{IndexName, TableName};
use serde_json::Value;

use crate::place::Place;
use crate::world::{STATE, World, one_index, text, wait_for};

impl Place {
    /// The table with 30 items, of which every third lacks `rare`.
    fn bookings(self) -> Self {
        self.tables().create_table("bookings", "pk", ScalarType::S);
        self.put((0..30).map(booking).collect());
        self
    }

    fn put(&self, items: Vec<Item>) {
        self.tables().put("bookings", items);
    }

    fn define(&self, indexes: &str) {
        let yaml = format!("bookings:\n{indexes}");
        self.world().write("wanted.yaml", yaml.as_bytes());
    }

    /// Somebody makes an index, and it is built.
    fn plant(&self, create: CreateIndex) {
        self.tables().call(Call::CreateIndex(Box::new(create))).unwrap();
        self.run(&["wait", "bookings"]).exits(0);
    }

    fn delete(&self, index: &str) {
        self.tables().delete_index("bookings", index);
        let gone = || !self.tables().indexes("bookings").contains_key(&format!("bookings.{index}"));
        wait_for("the end of the deletion", gone);
    }

    /// Each index of the document with its verdict.
    fn verdicts(&self, exit: i32, more: &[&str]) -> (BTreeMap<String, String>, Value) {
        let args = ["validate", "wanted.yaml", "--output", "json"];
        let document = self.run(&[&args, more].concat()).exits(exit).document();
        let indexes = document["validation"]["indexes"].as_array().unwrap().iter();
        let verdict = |i: &Value| (text(&i["index"]).to_owned(), text(&i["verdict"]).to_owned());
        let verdicts = indexes.map(verdict).collect();
        (verdicts, document)
    }

    /// The one index is named, with that reason.
    #[track_caller]
    fn names(&self, verdict: &str, reason: &str) {
        let (verdicts, document) = self.verdicts(3, &["--sample", "20"]);
        assert_eq!(verdicts.into_values().collect::<Vec<_>>(), [verdict], "{document:#}");
        let reasons = &document["validation"]["indexes"][0]["reasons"];
        assert!(reasons.to_string().contains(reason), "{reasons}");
    }
}

/// The same on the embedded engine and, where it is there, on DynamoDB Local.
fn on_both(test: impl Fn(Place)) {
    test(Place::embedded().bookings());
    if let Some(place) = Place::service() {
        test(place.bookings());
    }
}

fn booking(n: u8) -> Item {
    let mut item = Item::from([
        ("pk".to_owned(), Attribute::S(format!("booking {n}"))),
        ("flight".to_owned(), Attribute::S(format!("F{}", n % 7))),
        ("fare".to_owned(), Attribute::N((i32::from(n) * 5 - 40).to_string())),
        ("token".to_owned(), Attribute::B(vec![0, n, 255])),
        ("tags".to_owned(), Attribute::Ss(["b", "a"].map(str::to_owned).into())),
    ]);
    if !n.is_multiple_of(3) {
        item.insert("rare".to_owned(), Attribute::S("yes".to_owned()));
    }
    item
}

/// `by-flight` with one key.
fn by_flight(key: &str, scalar: ScalarType) -> CreateIndex {
    CreateIndex {
        table: TableName::new("bookings").unwrap(),
        index: IndexName::new("by-flight").unwrap(),
        key_schema: vec![KeyElement { attribute_name: key.to_owned(), key_type: KeyType::Hash }],
        projection: Projection::All,
        attributes: [(key.to_owned(), scalar)].into(),
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
    }
}

/// One index, as YAML below its table's name.
fn wanted(name: &str, keys: &[(&str, &str, &str)], projection: &str) -> String {
    let key = |(name, role, _): &(&str, &str, &str)| {
        format!("      - {{ AttributeName: {name}, KeyType: {role} }}\n")
    };
    let attribute = |(name, _, scalar): &(&str, &str, &str)| {
        format!("      - {{ AttributeName: {name}, AttributeType: {scalar} }}\n")
    };
    format!(
        "  - IndexName: {name}\n    KeySchema:\n{}    AttributeDefinitions:\n{}    Projection: {projection}\n",
        keys.iter().map(key).collect::<String>(),
        keys.iter().map(attribute).collect::<String>(),
    )
}

const ALL: &str = "{ ProjectionType: ALL }";

/// Keys of every type, of one attribute and of several; every projection; sparse.
fn healthy() -> String {
    let (flight, fare, token) =
        (("flight", "HASH", "S"), ("fare", "HASH", "N"), ("token", "HASH", "B"));
    let range = |(name, _, scalar): (&'static str, &str, &'static str)| (name, "RANGE", scalar);
    [
        wanted("by-text", &[flight], ALL),
        wanted("by-number", &[fare, range(token)], "{ ProjectionType: KEYS_ONLY }"),
        wanted(
            "by-bytes",
            &[token, ("pk", "RANGE", "S")],
            "{ ProjectionType: INCLUDE, NonKeyAttributes: [tags, nowhere] }",
        ),
        wanted("by-three", &[flight, fare, token, ("pk", "RANGE", "S")], ALL),
        wanted("by-rare", &[("rare", "HASH", "S"), range(fare)], ALL),
    ]
    .concat()
}

#[test]
fn healthy_indexes_of_every_kind_are_functional() {
    on_both(|place| {
        place.define(&healthy());
        place.run(&["apply", "wanted.yaml"]).exits(0);
        let (verdicts, document) = place.verdicts(0, &["--sample", "100"]);
        assert_eq!(verdicts.len(), 5);
        for index in document["validation"]["indexes"].as_array().unwrap() {
            assert_eq!(index["verdict"], "functional", "{index:#}");
            let items = if index["index"] == "by-rare" { 20 } else { 30 };
            assert_eq!(index["sample"]["items"], items, "{index:#}");
            assert_eq!(index["sample"]["found"], items, "{index:#}");
            assert_eq!(index["checks"]["key_schema"], "ok");
        }
        assert_eq!(document["exit_code"], 0);
        assert!(!place.world().exists(STATE));
    });
}

#[test]
fn an_index_with_other_keys_type_or_projection_is_named() {
    on_both(|place| {
        place.define(&one_index("by-flight", "flight", "S"));
        place.names("non-functional", "it does not exist");
        place.plant(by_flight("seat", ScalarType::S));
        place.names("non-functional", "the keys are seat HASH, not flight HASH");
        place.delete("by-flight");
        place.plant(CreateIndex {
            projection: Projection::KeysOnly,
            ..by_flight("flight", ScalarType::S)
        });
        place.names("non-functional", "the projection is KEYS_ONLY, not ALL");
        place.delete("by-flight");
        place.plant(by_flight("flight", ScalarType::N));
        place.names("non-functional", "attribute flight is N, not S");
    });
}

#[test]
fn an_index_that_was_made_again_with_other_keys_behind_our_back_is_named() {
    on_both(|place| {
        place.define(&one_index("by-flight", "flight", "S"));
        place.run(&["apply", "wanted.yaml", "--validate"]).exits(0);
        place.delete("by-flight");
        place.plant(by_flight("token", ScalarType::B));
        place.names("non-functional", "the keys are token HASH, not flight HASH");
        place.delete("by-flight");
        place.plant(by_flight("flight", ScalarType::S));
        place.verdicts(0, &[]);
    });
}

#[test]
fn items_of_another_type_are_named_with_their_keys() {
    on_both(|place| {
        let mut wrong = booking(200);
        wrong.insert("flight".to_owned(), Attribute::N("7".to_owned()));
        let mut empty = booking(201);
        empty.insert("flight".to_owned(), Attribute::S(String::new()));
        place.put(vec![wrong, empty]);
        place.define(&one_index("by-flight", "flight", "S"));
        place.plant(by_flight("flight", ScalarType::S));
        let (verdicts, document) = place.verdicts(3, &["--sample", "100"]);
        assert_eq!(verdicts["by-flight"], "non-functional");
        let sample = &document["validation"]["indexes"][0]["sample"];
        assert_eq!((&sample["items"], &sample["found"]), (&32.into(), &30.into()));
        let mut findings: Vec<_> = sample["findings"].as_array().unwrap().iter().collect();
        findings.sort_by_key(|finding| finding["key"].to_string());
        let told = |n: usize| (text(&findings[n]["key"]["pk"]["S"]), text(&findings[n]["detail"]));
        let wrong = "attribute flight is N, the index wants S";
        assert_eq!(told(0), ("booking 200", wrong));
        assert_eq!(told(1), ("booking 201", "attribute flight is empty"));
    });
}

#[test]
fn an_apply_that_validates_keeps_the_verdicts_and_exits_by_them() {
    on_both(|place| {
        let numbered = |n: u8| {
            let mut item = booking(100 + n);
            item.insert("gate".to_owned(), Attribute::N(n.to_string()));
            item
        };
        place.put((0..20).map(numbered).collect());
        let both = [one_index("by-flight", "flight", "S"), one_index("by-gate", "gate", "S")];
        place.define(&both.concat());
        let done = place.run(&["apply", "wanted.yaml", "--validate"]).exits(3);
        let done = done.says("All GSIs created successfully!");
        let done = done.says("1 functional, 1 non-functional, 0 not-used, 0 validation-error");
        done.says("attribute gate is N, the index wants S");
        let archive = place.world().named(".gsi_creation_state_").pop().unwrap();
        let state = place.world().json(&archive);
        let verdict = |key: &str| {
            let entries = &state["gsictl"]["entries"];
            text(&entries[key]["validation"]["verdict"]).to_owned()
        };
        assert_eq!(verdict("bookings.by-flight"), "functional", "{state:#}");
        assert_eq!(verdict("bookings.by-gate"), "non-functional");
        assert_eq!(place.world().named("gsi_creation_reports/validate_").len(), 2);
        assert_eq!(place.world().named("gsi_creation_reports/apply_").len(), 2);

        // Nothing is changed any more, and it is validated all the same.
        let args =
            ["apply", "wanted.yaml", "--validate", "--index", "by-flight", "--output", "json"];
        let done = place.run(&args).exits(0);
        assert_eq!(done.finished()["validation"]["totals"]["functional"], 1);
        assert!(!place.world().exists(STATE));
    });
}

#[test]
fn what_people_read_names_the_broken_and_what_to_do_next() {
    let place = Place::embedded().bookings();
    let names = ["by-flight", "by-gate", "by-fare"];
    let defined = names.map(|name| one_index(name, name.trim_start_matches("by-"), "S"));
    place.define(&defined.concat());
    place.plant(by_flight("flight", ScalarType::S));
    let number = ScalarType::N;
    let by_fare = IndexName::new("by-fare").unwrap();
    place.plant(CreateIndex { index: by_fare, ..by_flight("fare", number) });
    let done = place.run(&["validate", "wanted.yaml", "--sample", "5"]).exits(3);
    let stamp = done.stdout.split("validate_").nth(1).unwrap().split('.').next().unwrap();
    insta::assert_snapshot!(done.stdout.replace(stamp, "YYYYMMDD_HHMMSS"));
    assert_eq!(done.stderr, "");
}

#[test]
fn a_filter_limits_it_and_an_unknown_name_is_a_mistake() {
    let place = Place::embedded().bookings();
    place.define(&[one_index("by-flight", "flight", "S"), one_index("gone", "gate", "S")].concat());
    place.plant(by_flight("flight", ScalarType::S));
    place.run(&["validate", "wanted.yaml", "--index", "by-flight"]).exits(0);
    place
        .run(&["validate", "wanted.yaml", "--index", "by-filght"])
        .exits(2)
        .says("no index `by-filght`");
    place.run(&["validate", "wanted.yaml", "--sample", "many"]).exits(2);
    place.run(&["apply", "wanted.yaml", "--validate", "--dry-run"]).exits(2);
    place.run(&["validate", "nowhere.yaml"]).exits(2).says("cannot read nowhere.yaml");
}

#[test]
fn cloudwatch_is_asked_only_with_metrics_and_is_not_beside_an_emulator() {
    on_both(|place| {
        place.define(&one_index("by-flight", "flight", "S"));
        place.plant(by_flight("flight", ScalarType::S));
        let args = ["validate", "wanted.yaml"];
        place.run(&args).exits(0).does_not_say("CloudWatch");
        let done = place.run(&[&args, ["--metrics"].as_slice()].concat()).exits(0);
        done.says("CloudWatch: no CloudWatch at this endpoint");
    });
}

#[test]
fn without_a_sample_the_table_is_not_scanned() {
    let Some(place) = Place::service().map(Place::bookings) else { return };
    place.define(&one_index("by-flight", "flight", "S"));
    place.plant(by_flight("flight", ScalarType::S));
    place.verdicts(0, &["--sample", "0"]);
    let Place::Service(service) = &place else { return };
    assert_eq!((service.proxy.count("Query"), service.proxy.count("Scan")), (1, 0));
    assert_eq!(service.proxy.count("UpdateTable"), 0);
}

#[test]
fn a_table_that_is_not_there_is_named_and_no_answer_is_an_error() {
    let world = World::new();
    world.write("wanted.yaml", format!("nowhere:\n{}", one_index("by-aaa", "aaa", "S")).as_bytes());
    world.local(&["validate", "wanted.yaml"]).exits(3).says("the table does not exist");
    let mut world = World::new();
    world.write("wanted.yaml", format!("nowhere:\n{}", one_index("by-aaa", "aaa", "S")).as_bytes());
    world.set("AWS_ACCESS_KEY_ID", "any").set("AWS_SECRET_ACCESS_KEY", "any");
    let args = [
        "validate",
        "wanted.yaml",
        "--region",
        "eu-west-1",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ];
    world.run(&args).exits(1).says("http://127.0.0.1:9").says("check --endpoint-url");
    assert!(world.named("gsi_creation_reports/").is_empty());
}
