//! `apply --check`, and forecasts in the plan: what a check found is put to use. On
//! the embedded engine and on Amazon DynamoDB Local.

use gsictl_core::call::{Call, Item, Value as Attribute};
use gsictl_core::definition::ScalarType;
use gsictl_core::name::TableName;
use serde_json::Value;

use crate::place::Place;
use crate::world::{STATE, one_index, statuses, text};

/// On both engines: 40 bookings, of which two have a seat that is a number.
fn on_both(test: impl Fn(&Bookings)) {
    for place in [Some(Place::embedded()), Place::service()].into_iter().flatten() {
        test(&Bookings::at(place));
    }
}

/// The place with its bookings.
struct Bookings(Place);

impl std::ops::Deref for Bookings {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.0
    }
}

impl Bookings {
    fn at(place: Place) -> Self {
        place.tables().create_table("bookings", "pk", ScalarType::S);
        let indexes = one_index("by-seat", "seat", "S") + &one_index("by-flight", "flight", "S");
        place.world().write("wanted.yaml", format!("bookings:\n{indexes}").as_bytes());
        let bookings = Self(place);
        bookings.put((0..40).map(booking).collect());
        bookings
    }

    fn put(&self, items: Vec<Item>) {
        let table = TableName::new("bookings").unwrap();
        self.tables().call(Call::PutItems { table, items }).unwrap();
    }

    /// The forecast of each row of the plan.
    fn forecasts(&self, more: &[&str]) -> Vec<Value> {
        let args = ["plan", "wanted.yaml", "--output", "json"];
        let plan = self.run(&[&args, more].concat()).exits(0).document();
        let rows = plan["plan"]["tables"][0]["indexes"].as_array().unwrap();
        rows.iter().map(|row| row["forecast"].clone()).collect()
    }
}

fn booking(n: u32) -> Item {
    let seat = match n {
        7 | 21 => Attribute::N(n.to_string()),
        _ => Attribute::S(format!("{n}A")),
    };
    Item::from([
        ("pk".to_owned(), Attribute::S(format!("booking {n}"))),
        ("seat".to_owned(), seat),
        ("flight".to_owned(), Attribute::S(format!("F{}", n % 4))),
    ])
}

#[test]
fn an_index_that_items_would_break_with_is_not_built_and_the_others_are() {
    on_both(|place| {
        let done = place.run(&["apply", "wanted.yaml", "--check"]).exits(3);
        done.says("bookings.by-seat")
            .says("2 items of the table break its rules")
            .says("--allow-violations");
        let built = place.tables().indexes("bookings");
        assert_eq!(built.into_keys().collect::<Vec<_>>(), ["bookings.by-flight"]);
        let state = place.world().state();
        let statuses = statuses(&state);
        assert_eq!(statuses["bookings.by-seat"], "pending", "{statuses:?}");
        let error = &state["gsis"]["bookings.by-seat"]["last_error"];
        assert!(text(error).contains("break its rules"), "{error}");

        // Once the items are right it is built, and the state has done its work.
        let right = [7, 21].map(|n| {
            let mut item = booking(n);
            item.insert("seat".to_owned(), Attribute::S(format!("{n}A")));
            item
        });
        place.put(right.to_vec());
        place.run(&["apply", "wanted.yaml", "--check"]).exits(0).says("1 clean");
        assert!(!place.world().exists(STATE));
        place.run(&["apply", "wanted.yaml", "--check"]).exits(0).does_not_say("clean");
    });
}

#[test]
fn violations_may_be_allowed_and_are_told_all_the_same() {
    on_both(|place| {
        let args = ["apply", "wanted.yaml", "--check", "--allow-violations"];
        place.run(&args).exits(0).says("seat: wrong_type in 2 items").says("2 created");
        let built = place.tables().indexes("bookings");
        assert_eq!(built.len(), 2, "{built:?}");
        assert_eq!(place.run(&["report", "list"]).exits(0).text().matches("check").count(), 2);
    });
}

#[test]
fn programs_are_told_what_the_check_found_before_anything_is_created() {
    on_both(|place| {
        let args = ["apply", "wanted.yaml", "--check", "--output", "json"];
        let events = place.run(&args).exits(3).events();
        let place_of = |name: &str| events.iter().position(|e| e["event"] == name).unwrap();
        assert!(place_of("items_checked") < place_of("creating"));
        let found = &events[place_of("items_checked")]["check"];
        assert_eq!(found["totals"]["violating_items"], 2);
        assert_eq!(found["indexes"][0]["outcome"], "violations");
        assert_eq!(events[place_of("obstructed")]["index"], "by-seat");
    });
}

#[test]
fn the_plan_remembers_what_a_check_found() {
    on_both(|place| {
        assert_eq!(place.forecasts(&[]), [Value::Null, Value::Null]);
        place.run(&["check", "wanted.yaml"]).exits(3);
        let known = place.forecasts(&[]);
        assert_eq!(known[0]["violating"], 2);
        assert_eq!(known[1]["items"]["value"], 40.0);
        assert!(known[1].get("storage_cost").is_none());
        let priced = place.forecasts(&["--price-gb", "0.25"]);
        assert!(priced[1]["storage_cost"]["value"].as_f64().is_some_and(|cost| cost > 0.0));
        place
            .run(&["plan", "wanted.yaml"])
            .exits(0)
            .says("forecast: 38 items")
            .says("by the check of")
            .says("2 items would break with it");
        place.run(&["plan", "wanted.yaml", "--markdown"]).exits(0).says("forecast: 40 items");

        // Of other keys it knows nothing.
        let other = one_index("by-seat", "pk", "S");
        place.world().write("wanted.yaml", format!("bookings:\n{other}").as_bytes());
        assert_eq!(place.forecasts(&[]), [Value::Null]);
    });
}

#[test]
fn the_plan_can_take_a_sample_itself() {
    on_both(|place| {
        let known = place.forecasts(&["--sample", "50"]);
        assert_eq!(known[1]["sample"], 50.0);
        let items = &known[1]["items"];
        let (value, margin) = (items["value"].as_f64().unwrap(), items["margin"].as_f64().unwrap());
        assert!((value - 40.0).abs() <= 2.0 * margin, "{items}");
        assert_eq!(place.run(&["report", "list"]).text().matches("check").count(), 0);
        place.run(&["plan", "wanted.yaml", "--explain"]).exits(0).says("How the forecast is made");
        place.run(&["plan", "wanted.yaml", "--sample", "0"]).exits(2).says("0.0001 to 100");
        place.run(&["apply", "wanted.yaml", "--allow-violations"]).exits(2).says("--check");
    });
}
