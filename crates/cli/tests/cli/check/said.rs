//! What a check says, of what can be checked and what cannot.

use super::*;

/// Ten items, of which two violate `by-text` and one `by-token`; nine have a text.
fn ten() -> Vec<Item> {
    (0..10)
        .map(|at| {
            let mut item: Item = [
                ("pk".to_owned(), Attribute::S(format!("thing {at}"))),
                ("sk".to_owned(), n("1")),
                ("text".to_owned(), Attribute::S(format!("text {}", at % 3))),
                ("token".to_owned(), b(4)),
            ]
            .into();
            match at {
                3 => item.insert("text".to_owned(), n("42")),
                5 => item.insert("text".to_owned(), s(0)),
                7 => item.insert("token".to_owned(), s(6)),
                8 => item.remove("text"),
                _ => None,
            };
            item
        })
        .collect()
}

fn small() -> Place {
    let place = Place::embedded().things(ten());
    place.define_things(
        &[one_index("by-text", "text", "S"), one_index("by-token", "token", "B")].concat(),
    );
    place
}

impl Place {
    fn define_things(&self, indexes: &str) {
        self.world().write("wanted.yaml", format!("{TABLE}:\n{indexes}").as_bytes());
    }
}

/// Without what differs from run to run.
fn steady(done: &Done) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in done.stdout.lines() {
        let line = match (line.split_once(" read units in "), line.split_once("check_")) {
            (Some((start, _)), _) => format!("{start} read units in N s"),
            (_, Some((start, _))) => format!("{start}check_YYYYMMDD_HHMMSS.json"),
            _ => line.to_owned(),
        };
        lines.push(line);
    }
    lines.join("\n")
}

#[test]
fn what_people_read_names_the_items_and_what_to_do() {
    let place = small();
    let done = place.run(&["check", "wanted.yaml", "--segments", "1"]).exits(3);
    insta::assert_snapshot!(steady(&done));
    let done = place.run(&["check", "wanted.yaml", "--segments", "1", "--quiet"]).exits(3);
    assert_eq!(done.stderr, "");
}

#[test]
fn what_programs_read_is_one_document_as_the_report_is() {
    let place = small();
    let done = place.run(&["check", "wanted.yaml", "--segments", "1", "--output", "json"]).exits(3);
    assert_eq!(done.stderr, "");
    let document = done.document();
    assert_eq!(document["exit_code"], 3);
    let file = text(&document["report_file"]);
    assert_eq!(place.world().json(file), document["check"]);
    let mut shown = document["check"].clone();
    for field in ["started_at", "ended_at", "seconds", "tool"] {
        shown[field] = json!(field);
    }
    shown["target"]["endpoint"] = json!("endpoint");
    insta::assert_snapshot!(format!("{shown:#}"));
}

#[test]
fn a_report_is_left_and_listed_and_shown() {
    let place = small();
    place.run(&["check", "wanted.yaml", "--segments", "1"]).exits(3);
    let names = place.world().named("gsi_creation_reports/check_");
    assert_eq!(names.len(), 2, "{names:?}");
    let listed = place.run(&["report", "list"]).exits(0);
    listed.says("check     ").says("failed      check_");
    let done = place.run(&["report", "show"]).exits(0);
    let (_, rest) = done.stdout.split_once(".yaml, ").unwrap();
    let (time, _) = rest.split_once(')').unwrap();
    insta::assert_snapshot!(done.stdout.replace(time, "TIME"));
}

#[test]
fn values_are_told_only_where_they_are_asked_for() {
    let place = small();
    let args = ["check", "wanted.yaml", "--violations"];
    let done = place.run(&[&args[..], &["without.jsonl"]].concat()).exits(3);
    done.does_not_say("\"42\"");
    let all = |prefix| -> String {
        let names = place.world().named(prefix).into_iter();
        names.map(|name| String::from_utf8(place.world().read(&name)).unwrap()).collect()
    };
    assert!(!all("without.jsonl").contains("\"42\""));
    assert!(!all("gsi_creation_reports/").contains("\"42\""));
    let done = place.run(&[&args[..], &["with.jsonl", "--values"]].concat()).exits(3);
    done.says(r#"text is N, the index wants S: {"N":"42"}"#);
    assert!(all("with.jsonl").contains(r#""value":{"N":"42"}"#));
    place.run(&[&args[..], &["with.CSV", "--values"]].concat()).exits(3);
    let csv = all("with.CSV");
    assert!(csv.starts_with("table,index,key,attribute,fault,found,wanted,bytes,value\n"), "{csv}");
    assert_eq!(csv.lines().count(), 4, "{csv}");
}

#[test]
fn the_report_shows_so_many_and_the_file_all() {
    let place = small();
    let shown = |report: &Value, n: usize| {
        report["indexes"][n]["violations"].as_array().map_or(0, Vec::len)
    };
    let report = place.check(3, &["--show", "1", "--violations", "found.jsonl"]);
    assert_eq!((shown(&report, 0), shown(&report, 1)), (1, 1));
    assert_eq!(place.lines("found.jsonl").len(), 3);
    let report = place.check(3, &["--show", "0"]);
    assert_eq!((shown(&report, 0), shown(&report, 1)), (0, 0));
    assert_eq!(report["totals"]["violating_items"], 3);
}

#[test]
fn options_that_make_no_sense_are_mistakes() {
    let place = small();
    for (options, words) in [
        (["--max-rcu", "0"], "--max-rcu"),
        (["--max-rcu=-1", "--quiet"], "--max-rcu"),
        (["--max-rcu", "many"], "--max-rcu"),
        (["--segments", "0"], "--segments"),
        (["--segments", "1000001"], "--segments"),
        (["--sample", "0"], "--sample"),
        (["--sample", "101"], "--sample"),
        (["--sample", "nan"], "--sample"),
        (["--show", "10001"], "--show"),
        (["--skew", "0"], "--skew"),
        (["--price-gb=-1", "--quiet"], "--price-gb"),
        (["--price-wru", "inf"], "--price-wru"),
        (["--index", "by-txet"], "no index `by-txet`"),
    ] {
        let done = place.run(&[&["check", "wanted.yaml"], &options[..]].concat()).exits(2);
        done.says(words);
    }
    place.run(&["check", "nowhere.yaml"]).exits(2).says("cannot read nowhere.yaml");
    assert!(place.world().named("gsi_creation_reports/").is_empty());
}

#[test]
fn prices_and_rules_of_the_forecast_are_told_where_they_are_asked_for() {
    let place = small();
    let args = ["check", "wanted.yaml", "--price-wru", "0.625", "--price-gb", "0.25"];
    let done = place.run(&args).exits(3);
    done.says("writing it costs").says("a month").does_not_say("How the forecast is made");
    let done = place.run(&["check", "wanted.yaml", "--explain"]).exits(3);
    done.says("How the forecast is made").says("CapacityUnitCalculations.html");
    let report = place.check(3, &["--price-gb", "0.25"]);
    let forecast = &report["indexes"][0]["forecast"];
    assert_eq!(forecast["items"]["value"], 7.0, "{forecast:#}");
    assert_eq!(forecast["write_units"]["value"], 7.0);
    assert!(forecast["storage_cost"]["value"].as_f64().unwrap() > 0.0);
    assert!(forecast["write_cost"].is_null());
}

#[test]
fn a_sample_reads_less_and_says_how_far_it_may_be_off() {
    let crop = crop(20_000, 20, |is| is != Is::Long);
    let place = Place::embedded().things(crop.items.clone());
    let report = place.check(3, &["--sample", "25"]);
    assert_eq!(report["sample"], 25.0);
    let read = report["tables"][0]["items"].as_u64().unwrap();
    assert!((2_000..10_000).contains(&read), "{read}");
    for index in report["indexes"].as_array().unwrap() {
        let name = text(&index["index"]);
        let estimated = &index["items"]["estimated"]["violating"];
        let (value, margin) = (&estimated["value"], &estimated["margin"]);
        let (value, margin) = (value.as_f64().unwrap(), margin.as_f64().unwrap());
        let truth = crop.violating[name] as f64;
        // Twice the interval that holds it 95 times out of 100.
        assert!((value - truth).abs() <= 2.0 * margin, "{name}: {value} +/- {margin}, {truth}");
    }
    place.run(&["check", "wanted.yaml", "--sample", "25"]).exits(3).says("(a sample of 25 %)");
}

#[test]
fn a_clean_table_an_empty_one_and_one_without_the_keys_exit_0() {
    let place = Place::embedded().things(Vec::new());
    place.define_things(&one_index("by-text", "text", "S"));
    let empty = || place.run(&["check", "wanted.yaml"]).exits(0);
    empty().says("no item was read: the table is empty").says("1 clean, 0 with violations");
    let item = || ten().into_iter().filter(|item| !item.contains_key("text"));
    place.tables().put(TABLE, item().collect());
    empty().says("no item has its keys: the index will be empty");
    place.tables().put(TABLE, ten().into_iter().take(3).collect());
    place.run(&["check", "wanted.yaml"]).exits(0).says("3 in the index, 1 without its keys");
}

#[test]
fn keys_of_the_table_cannot_violate() {
    let place = Place::embedded().things(ten());
    place.define_things(&one_index("by-number", "sk", "N"));
    let done = place.run(&["check", "wanted.yaml"]).exits(0);
    done.says("its keys are keys of the table: no item can violate it");
}

#[test]
fn a_table_that_is_missing_and_an_obstacle_are_named_with_what_to_do() {
    let place = Place::embedded().things(ten());
    let yaml = format!(
        "nowhere:\n{}{TABLE}:\n{}{}",
        one_index("by-any", "any", "S"),
        one_index("by-pk", "pk", "N"),
        one_index("by-token", "token", "B")
    );
    place.world().write("wanted.yaml", yaml.as_bytes());
    let done = place.run(&["check", "wanted.yaml"]).exits(3);
    let done = done.says("nowhere.by-any").says("the table does not exist");
    let done = done.says("things.by-pk").says("pk");
    done.says("0 clean, 1 with violations, 2 not checked");
    let report = place.check(3, &[]);
    let outcomes: Vec<_> = report["indexes"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes[0]["outcome"], "not-checked");
    assert!(!outcomes[0]["remedy"].is_null());
    assert_eq!(outcomes[1]["outcome"], "not-checked", "{:#}", outcomes[1]);
    assert!(!outcomes[1]["remedy"].is_null());
    assert_eq!(outcomes[2]["outcome"], "violations");
}

#[test]
fn an_index_that_exists_is_checked_only_where_that_is_asked_for() {
    let place = Place::embedded().things(ten());
    place.define_things(&one_index("by-text", "text", "S"));
    place.run(&["apply", "wanted.yaml"]).exits(0);
    let done = place.run(&["check", "wanted.yaml"]).exits(0);
    done.says("it exists already; --existing checks it too").says("1 there already");
    let done = place.run(&["check", "wanted.yaml", "--existing"]).exits(3);
    done.says("text: wrong_type in 1 item").says("text: empty in 1 item");
    let report = place.check(3, &["--existing"]);
    assert_eq!(report["indexes"][0]["exists"], true);
}

/// Nobody may read the items.
struct NoScan;

impl Chooser for NoScan {
    fn choose(&mut self, request: &Asked, _: &Log) -> Fault {
        if request.operation != "Scan" {
            return Fault::none();
        }
        let message = "User: nobody is not authorized to perform: dynamodb:Scan";
        Fault::refused("no permission", "AccessDeniedException", message)
    }
}

#[test]
fn without_the_permission_to_read_it_says_which_is_missing() {
    let Some(service) = faulty_service(Box::new(NoScan)) else { return };
    let place = Place::Service(Box::new(service)).things(ten());
    let done = place.run(&["check", "wanted.yaml"]).exits(3);
    done.says("AccessDeniedException").says("dynamodb:Scan").says("5 not checked");
    let Place::Service(service) = &place else { return };
    let once = service.proxy.count("Scan");
    assert!(once <= 2, "it asked {once} times for what is not allowed");
}

/// Every other page is refused.
struct Throttles(u32);

impl Chooser for Throttles {
    fn choose(&mut self, request: &Asked, _: &Log) -> Fault {
        self.0 += u32::from(request.operation == "Scan");
        if request.operation == "Scan" && self.0 % 2 == 1 {
            return Fault::throttled();
        }
        Fault::none()
    }
}

#[test]
fn pages_that_are_refused_for_a_while_are_asked_for_again() {
    let Some(service) = faulty_service(Box::new(Throttles(0))) else { return };
    let crop = crop(2_000, 20, |is| is != Is::Long);
    let place = Place::Service(Box::new(service)).things(crop.items.clone());
    let report = place.check(3, &["--violations", "found.jsonl", "--segments", "4"]);
    same(&place.lines("found.jsonl"), &crop.lines);
    agrees(&report, &crop);
}

/// Numbers that no engine keeps, in place of some that it does.
const BEYOND: &[(&str, &str)] =
    &[("\"42424\"", "\"1e126\""), ("\"-4242424\"", "\"-9.9e126\""), ("\"424242\"", "\"1e-131\"")];

struct Exchanged;

impl Chooser for Exchanged {
    fn choose(&mut self, request: &Asked, _: &Log) -> Fault {
        if request.operation == "Scan" { Fault::changed(BEYOND) } else { Fault::none() }
    }
}

#[test]
fn a_number_that_dynamodb_cannot_keep_is_told_though_no_engine_has_one() {
    let Some(service) = faulty_service(Box::new(Exchanged)) else { return };
    let mut crop = crop(500, 50, |is| is == Is::Fine);
    for (at, (number, _)) in [17, 99, 400].into_iter().zip(BEYOND) {
        crop.items[at].insert("number".to_owned(), n(number.trim_matches('"')));
        let key = key(&crop.items[at]);
        crop.lines.insert(line("by-number", &key, "number", "number_out_of_range", "N"));
    }
    let place = Place::Service(Box::new(service)).things(crop.items.clone());
    let report = place.check(3, &["--violations", "found.jsonl"]);
    same(&place.lines("found.jsonl"), &crop.lines);
    assert_eq!(report["totals"]["violating_items"], 3);
}

#[test]
fn where_nothing_answers_it_is_an_error_and_no_report() {
    let mut world = World::new();
    world.write("wanted.yaml", INDEXES.as_bytes());
    world.set("AWS_ACCESS_KEY_ID", "any").set("AWS_SECRET_ACCESS_KEY", "any");
    let endpoint = ["--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:9"];
    let done = world.run(&[&["check", "wanted.yaml"], &endpoint[..]].concat()).exits(1);
    done.says("http://127.0.0.1:9");
    assert!(world.named("gsi_creation_reports/").is_empty());
}

#[test]
fn nothing_but_reads_reaches_the_service() {
    let Some(place) = Place::service() else { return };
    let place = place.things(ten());
    let Place::Service(service) = &place else { return };
    place.run(&["check", "wanted.yaml"]).exits(3);
    let asked =
        service.proxy.asked(|asked| !["DescribeTable", "Scan"].contains(&asked.operation.as_str()));
    assert!(asked.is_empty(), "{asked:?}");
    // One table, five indexes: its items are read once.
    assert_eq!(service.proxy.count("DescribeTable"), 1);
}
