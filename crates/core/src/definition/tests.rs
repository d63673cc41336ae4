//! Whole files in, definitions or diagnostics out.

use std::path::{Path, PathBuf};

use super::*;

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Parses texts as files of the given names.
fn parse_all(files: &[(&str, &[u8])]) -> Result<Definitions, Diagnostics> {
    let source = |&(file, text)| {
        let format = Format::from_path(file).expect("a known ending");
        Source { file, format, text }
    };
    parse(&files.iter().map(source).collect::<Vec<_>>())
}

fn parse_one(file: &str, text: &[u8]) -> Result<Definitions, Diagnostics> {
    parse_all(&[(file, text)])
}

fn mistakes(file: &str, text: &[u8]) -> Diagnostics {
    parse_one(file, text).expect_err("the file has mistakes")
}

/// What is wrong with the only mistake of a file.
fn only_mistake(file: &str, text: &[u8]) -> Diagnostic {
    let all = mistakes(file, text);
    assert_eq!(all.len(), 1, "{all}");
    all.into_iter().next().expect("one")
}

fn example(name: &str) -> Definitions {
    let text = std::fs::read(data("../../examples").join(name)).unwrap();
    parse_one(name, &text).unwrap_or_else(|all| panic!("{all}"))
}

fn without_places(mut definitions: Definitions) -> Definitions {
    for definition in &mut definitions.indexes {
        definition.place = Place::default();
        definition.key_places.clear();
    }
    definitions
}

/// `text` as the rest of an index that is right so far.
fn index_with(rest: &str) -> Vec<u8> {
    let start = "bookings:\n  - IndexName: passenger-index\n    KeySchema: \
                 [{ AttributeName: passenger_id, KeyType: HASH }]\n";
    format!("{start}{rest}").into_bytes()
}

fn index_and(rest: &str) -> Vec<u8> {
    index_with(&format!("    Projection: {{ ProjectionType: ALL }}\n{rest}"))
}

#[test]
fn the_examples_of_lower_priority_hold_seven_indexes() {
    let text = |name: &str| {
        let bytes = std::fs::read(data(&format!("../../examples/{name}"))).unwrap();
        let definitions = parse_one(name, &bytes).unwrap();
        let line = |d: &IndexDefinition| format!("{} ({})", d.id, d.schema_text());
        definitions.indexes.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        text("priority2.yaml"),
        [
            "flights.airport-curfew-index (destination_airport_id S HASH, scheduled_arrival S RANGE; ALL)",
            "CargoShipments.cargo-temperature-index (commodity_type_id S HASH, temperature_requirement S RANGE; ALL)",
            "MaintenanceWorkOrders.aircraft-maintenance-date-index (aircraft_registration S HASH, scheduled_date S RANGE; ALL)",
        ]
    );
    assert_eq!(
        text("priority3.yaml"),
        [
            "CargoShipments.cargo-value-index (shipment_value N HASH; ALL)",
            "flights.flight-revenue-index (flight_id S HASH, total_revenue N RANGE; ALL)",
            "CrewMembers.crew-qualification-index (aircraft_type_id S HASH, qualification_expiry S RANGE; ALL)",
            "NOTAMs.notam-validity-index (airport_code S HASH, notam_start S RANGE; ALL)",
        ]
    );
}

#[test]
fn the_examples_say_the_same_in_all_formats() {
    let yaml = example("airline.yaml");
    assert_eq!(yaml.indexes.len(), 6);
    let digest = yaml.digest();
    let places: Vec<_> = yaml.indexes.iter().map(|d| (d.place.line, d.place.column)).collect();
    assert_eq!(places[0], (10, 5));
    let yaml = without_places(yaml);
    for name in ["airline.json", "airline.toml"] {
        let other = example(name);
        assert_eq!(other.digest(), digest);
        assert_eq!(without_places(other), yaml, "{name}");
    }
}

#[test]
fn the_examples_hold_the_six_indexes() {
    let lines = example("airline.yaml").indexes;
    let lines: Vec<_> = lines.iter().map(|d| format!("{}: {}", d.id, d.schema_text())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bookings.passenger-flight-index: passenger_id S HASH, flight_id S RANGE; ALL
    bookings.flight-status-index: flight_id S HASH, booking_status S RANGE; ALL
    Baggage.location-status-index: current_location S HASH, baggage_status S RANGE; ALL
    CrewRoster.crew-duty-date-index: crew_id S HASH, duty_date S RANGE; ALL
    flights.aircraft-rotation-index: aircraft_registration S HASH, scheduled_departure S RANGE; ALL
    passengers.passenger-elite-tier-index: frequent_flyer_tier_id N HASH, booking_date S RANGE; ALL
    "#);
}

#[test]
fn keys_know_their_places() {
    let definitions = example("airline.yaml");
    let places = definitions.indexes[0].key_places.iter();
    let places: Vec<_> = places.map(ToString::to_string).collect();
    assert_eq!(places, ["airline.yaml:13:26", "airline.yaml:14:26"]);
}

#[test]
fn twelve_mistakes_are_twelve_findings() {
    let file = "tests/definitions/twelve-mistakes.yaml";
    let all = mistakes("twelve-mistakes.yaml", &std::fs::read(data(file)).unwrap());
    assert_eq!(all.len(), 12, "{all}");
    insta::assert_snapshot!(all, @r#"
    twelve-mistakes.yaml:4:5: `KeyShema` is not a field of an index
      found: KeyShema
      help: did you mean KeySchema?
    twelve-mistakes.yaml:8:55: `String` is not a valid AttributeType
      found: String
      help: write S
    twelve-mistakes.yaml:12:16: `ab` cannot be an index's name: a name has 3 to 255 characters, this one has 2
      found: ab
      help: make it longer
    twelve-mistakes.yaml:14:7: KeySchema has no HASH key
      found: - { AttributeName: booking_status, KeyType: RANGE }
      help: the first key of an index is its partition key: KeyType HASH
    twelve-mistakes.yaml:15:17: ProjectionType INCLUDE needs NonKeyAttributes
      found: { ProjectionType: INCLUDE }
      help: add `NonKeyAttributes: [seat, fare]`, or project ALL or KEYS_ONLY
    twelve-mistakes.yaml:17:16: index `passenger-flight-index` of table `bookings` is defined twice
      found: passenger-flight-index
      help: keep one of the two, or give one another name
      twelve-mistakes.yaml:3:16: first defined here
    twelve-mistakes.yaml:19:46: `SORT` is not a valid KeyType
      found: SORT
      help: write RANGE
    twelve-mistakes.yaml:21:52: attribute `flight_id` is N here and S in another index of table `bookings`
      found: N
      help: an attribute has one type in all indexes of a table
      twelve-mistakes.yaml:9:52: S here
    twelve-mistakes.yaml:23:5: duplicate key `Projection`
      found: Projection
      help: keep one of the two
      twelve-mistakes.yaml:22:5: first here
    twelve-mistakes.yaml:25:1: `Baggage/2026` cannot be a table's name: '/' is not allowed in a name (letters, digits, '_', '-' and '.' are)
      found: Baggage/2026
      help: write the table's name as DynamoDB has it, or its ARN
    twelve-mistakes.yaml:30:26: attribute `curent_location` is not a key of this index
      found: curent_location
      help: did you mean current_location?
    twelve-mistakes.yaml:34:10: table `flights` must be a list of indexes, this is text
      found: aircraft-rotation-index
      help: for example `bookings: [{ IndexName: passenger-index, ... }]`
    "#);
}

#[test]
fn every_malformed_file_says_what_is_wrong() {
    let mut files: Vec<_> = std::fs::read_dir(data("tests/definitions/malformed"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert!(files.len() >= 40);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(data("tests/definitions/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files {
            let text = std::fs::read(data("tests/definitions/malformed").join(&file)).unwrap();
            let all = mistakes(&file, &text);
            insta::assert_snapshot!(file, all);
        }
    });
}

#[test]
fn unquoted_words_of_yaml_are_text() {
    let text = b"123:\n  - IndexName: yes\n    KeySchema:\n      - { AttributeName: N, KeyType: HASH }\n      \
        - { AttributeName: no, KeyType: RANGE }\n      - { AttributeName: ON, KeyType: RANGE }\n      \
        - { AttributeName: 0x10, KeyType: RANGE }\n    AttributeDefinitions: [{ AttributeName: N, AttributeType: N }]\n    \
        Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [true, 1.50, 2026-01-01] }\n    \
        Description: 50\n    RequiredBy: off\n";
    let all = parse_one("a.yaml", text).unwrap_or_else(|all| panic!("{all}"));
    let d = &all.indexes[0];
    assert_eq!(d.id.to_string(), "123.yes");
    assert_eq!(
        d.schema_text(),
        "N N HASH, no ? RANGE, ON ? RANGE, 0x10 ? RANGE; INCLUDE 1.50, 2026-01-01, true"
    );
    assert_eq!(d.description.as_deref(), Some("50"));
    assert_eq!(d.required_by.as_deref(), Some("off"));
}

#[test]
fn a_block_of_text_and_an_alias_are_read() {
    let text = "bookings:\n  - IndexName: first-index\n    KeySchema: &keys [{ AttributeName: a, KeyType: HASH }]\n    \
        Projection: &all { ProjectionType: ALL }\n    Description: >\n      two\n      lines\n  \
        - { IndexName: second-index, KeySchema: *keys, Projection: *all }\n";
    let all = parse_one("a.yaml", text.as_bytes()).unwrap_or_else(|all| panic!("{all}"));
    assert_eq!(all.indexes[0].description.as_deref(), Some("two lines\n"));
    assert_eq!(all.indexes[1].schema_text(), "a ? HASH; ALL");
}

#[test]
fn throughput_passes_through() {
    let text = index_and(
        "    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 10 }\n    \
         OnDemandThroughput: { MaxReadRequestUnits: -1 }\n    WarmThroughput: { WriteUnitsPerSecond: 4000 }\n",
    );
    let all = parse_one("a.yaml", &text).unwrap_or_else(|all| panic!("{all}"));
    let d = &all.indexes[0];
    let provisioned = ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 10 };
    assert_eq!(d.provisioned_throughput, Some(provisioned));
    assert_eq!(d.on_demand_throughput.unwrap().max_read_request_units, Some(-1));
    assert_eq!(d.on_demand_throughput.unwrap().max_write_request_units, None);
    assert_eq!(d.warm_throughput.unwrap().write_units_per_second, Some(4000));
}

/// Members as answers of AWS and dumps of SDKs show them where there is nothing.
fn left_out() -> serde_json::Value {
    let index = |n: usize, rest: serde_json::Value| {
        let mut index = serde_json::json!({
            "IndexName": format!("by-{n}"),
            "KeySchema": [{ "AttributeName": "kind", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "ALL", "NonKeyAttributes": [] }
        });
        index.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        index
    };
    serde_json::json!({ "orders": [
        index(0, serde_json::json!({
            "ProvisionedThroughput": { "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 },
            "OnDemandThroughput": {}, "WarmThroughput": {}
        })),
        index(1, serde_json::json!({
            "Projection": { "ProjectionType": "KEYS_ONLY", "NonKeyAttributes": null },
            "AttributeDefinitions": null, "ProvisionedThroughput": {}, "OnDemandThroughput": null,
            "WarmThroughput": null, "Description": null
        })),
        index(2, serde_json::json!({
            "ProvisionedThroughput": null,
            "OnDemandThroughput": { "MaxReadRequestUnits": null, "MaxWriteRequestUnits": null },
            "WarmThroughput": { "ReadUnitsPerSecond": null }
        }))
    ] })
}

#[test]
fn what_describe_table_shows_where_there_is_nothing_counts_as_left_out() {
    let all = parse_one("a.json", left_out().to_string().as_bytes());
    for index in all.unwrap_or_else(|all| panic!("{all}")).indexes {
        let throughput = (index.provisioned_throughput, index.on_demand_throughput);
        assert_eq!((throughput, index.warm_throughput), ((None, None), None), "{}", index.id);
        assert!(matches!(index.projection, Projection::All | Projection::KeysOnly));
    }
}

#[test]
fn a_zero_beside_another_number_is_no_throughput_and_says_what_zeros_mean() {
    for units in ["ReadCapacityUnits: 0, WriteCapacityUnits: 5", "ReadCapacityUnits: 0"] {
        let text = index_and(&format!("    ProvisionedThroughput: {{ {units} }}\n"));
        let mistakes = parse_one("a.yaml", &text).unwrap_err().to_string();
        let help = "0 and 0 mean on demand: leave ProvisionedThroughput out";
        assert!(mistakes.contains(help), "{mistakes}");
    }
}

#[test]
fn no_request_says_that_there_is_no_limit() {
    let limits = |read, write| OnDemandThroughput {
        max_read_request_units: read,
        max_write_request_units: write,
    };
    assert_eq!(limits(Some(-1), Some(7)).requested(), Some(limits(None, Some(7))));
    assert_eq!(limits(Some(-1), None).requested(), None);
    assert_eq!(limits(None, None).requested(), None, "AWS answers an empty map with a 500");
}

#[test]
fn a_rule_breaks_one_step_beyond_its_limit() {
    let names = |n: usize| (0..n).map(|n| format!("a{n}")).collect::<Vec<_>>().join(", ");
    let include = |n| {
        let kind = "ProjectionType: INCLUDE, NonKeyAttributes";
        index_with(&format!("    Projection: {{ {kind}: [{}] }}\n", names(n)))
    };
    let keys = |hash: usize, range: usize| {
        let one = |n, kind| format!("{{ AttributeName: {kind}{n}, KeyType: {kind} }}");
        let hash = (0..hash).map(|n| one(n, "HASH"));
        let all: Vec<_> = hash.chain((0..range).map(|n| one(n, "RANGE"))).collect();
        let fields = "Projection: { ProjectionType: ALL }, KeySchema";
        format!("bookings: [{{ IndexName: abc, {fields}: [{}] }}]", all.join(", ")).into_bytes()
    };
    let attribute = |bytes| {
        let name = "x".repeat(bytes);
        let fields = "Projection: { ProjectionType: ALL }, KeySchema";
        format!("bookings: [{{ IndexName: abc, {fields}: [{{ AttributeName: {name}, KeyType: HASH }}] }}]").into_bytes()
    };
    for (right, wrong) in [
        (include(20), include(21)),
        (keys(4, 4), keys(5, 4)),
        (keys(4, 4), keys(4, 5)),
        (keys(1, 0), keys(0, 1)),
        (attribute(255), attribute(256)),
    ] {
        assert!(parse_one("a.yaml", &right).is_ok());
        only_mistake("a.yaml", &wrong);
    }
}

#[test]
fn an_index_in_two_files_names_both_places() {
    let text = index_and("");
    let all = parse_all(&[("a.yaml", &text), ("b.yaml", &text)]).unwrap_err();
    insta::assert_snapshot!(all, @r#"
    b.yaml:2:16: index `passenger-index` of table `bookings` is defined twice
      found: passenger-index
      help: keep one of the two, or give one another name
      a.yaml:2:16: first defined here
    "#);
}

#[test]
fn files_of_one_table_are_put_together() {
    let other = String::from_utf8(index_and("")).unwrap().replace("passenger-index", "other-index");
    let all = parse_all(&[("b.yaml", &index_and("")), ("a.yaml", other.as_bytes())]).unwrap();
    let names: Vec<_> = all.indexes.iter().map(|d| d.id.index.as_str()).collect();
    assert_eq!(names, ["passenger-index", "other-index"]);
}

#[test]
fn types_are_compared_across_files_and_only_within_a_table() {
    let of = |table: &str, index: &str, kind: &str| {
        let text = index_and(&format!(
            "    AttributeDefinitions: [{{ AttributeName: passenger_id, AttributeType: {kind} }}]\n"
        ));
        let text = String::from_utf8(text).unwrap();
        text.replace("passenger-index", index).replace("bookings", table).into_bytes()
    };
    let (first, same, other) =
        (of("bookings", "one", "S"), of("bookings", "two", "N"), of("flights", "two", "N"));
    assert!(parse_all(&[("a.yaml", &first), ("b.yaml", &other)]).is_ok());
    let all = parse_all(&[("a.yaml", &first), ("b.yaml", &same)]).unwrap_err();
    assert_eq!(all.len(), 1);
    insta::assert_snapshot!(all, @r#"
    b.yaml:5:74: attribute `passenger_id` is N here and S in another index of table `bookings`
      found: N
      help: an attribute has one type in all indexes of a table
      a.yaml:5:74: S here
    "#);
}

#[test]
fn a_broken_file_does_not_hide_the_mistakes_of_the_next() {
    let all =
        parse_all(&[("a.json", b"{"), ("b.yaml", b"a: ["), ("c.toml", b"x = 5\n")]).unwrap_err();
    let files: Vec<_> = all.iter().map(|d| (&*d.place.file, d.fatal)).collect();
    assert_eq!(files, [("a.json", true), ("b.yaml", true), ("c.toml", false), ("c.toml", false)]);
}

#[test]
fn a_key_attribute_among_the_included_is_left_to_dynamodb() {
    let text = index_with(
        "    Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [passenger_id, seat] }\n",
    );
    assert!(parse_one("a.yaml", &text).is_ok());
}

#[test]
fn json_may_name_its_schema() {
    let text = std::fs::read_to_string(data("../../examples/airline.json")).unwrap();
    let text = text.replacen('{', "{ \"$schema\": \"gsictl.schema.json\",", 1);
    assert_eq!(parse_one("a.json", text.as_bytes()).unwrap().indexes.len(), 6);
    let mistake = only_mistake("a.json", b"{ \"$schema\": \"x\" }");
    assert_eq!(mistake.message, "there are no tables in this file");
}

#[test]
fn empty_files_are_a_mistake_in_every_format() {
    for file in ["a.json", "a.yaml", "a.toml"] {
        for text in ["", " \n\t \n", "\u{feff}", "\r\n"] {
            let mistake = only_mistake(file, text.as_bytes());
            assert_eq!(mistake.message, "there are no tables in this file", "{file} {text:?}");
            assert_eq!((mistake.place.line, mistake.place.column), (1, 1));
        }
    }
    assert_eq!(parse(&[]), Ok(Definitions::default()));
}

#[test]
fn neither_a_byte_order_mark_nor_utf_16_moves_anything() {
    for name in ["airline.yaml", "airline.json", "airline.toml"] {
        let text = std::fs::read_to_string(data("../../examples").join(name)).unwrap();
        let marked = format!("\u{feff}{text}");
        for windows in [marked.clone(), marked.replace('\n', "\r\n")] {
            let units = || windows.encode_utf16();
            for bytes in [
                windows.as_bytes().to_vec(),
                units().flat_map(u16::to_le_bytes).collect(),
                units().flat_map(u16::to_be_bytes).collect(),
            ] {
                assert_eq!(parse_one(name, &bytes).unwrap(), example(name));
            }
        }
    }
}

#[test]
fn a_mistake_in_utf_16_is_where_an_editor_shows_it() {
    let text = "\u{feff}größe:\r\n  - 😀: x\r\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let all = mistakes("a.yaml", &bytes);
    let places: Vec<_> = all.iter().map(|d| (d.place.line, d.place.column)).collect();
    assert_eq!(places[..2], [(1, 1), (2, 5)], "{all}");
}

#[test]
fn line_ends_of_windows_move_nothing() {
    for name in ["airline.yaml", "airline.json", "airline.toml"] {
        let text = std::fs::read_to_string(data("../../examples").join(name)).unwrap();
        let text = text.replace('\n', "\r\n");
        assert_eq!(parse_one(name, text.as_bytes()).unwrap(), example(name));
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_stand() {
    for file in ["a.json", "a.yaml", "a.toml"] {
        for (text, line, column, found) in [
            (&b"ab\n\xffcd"[..], 2, 1, "\\xff\\x63\\x64"),
            (b"\xff\xfea\0\0\xd8", 1, 2, "\\x00\\xd8"),
            (b"a\0b\0", 1, 1, "\\x61\\x00\\x62\\x00"),
            (b"ab\xc3", 1, 3, "\\xc3"),
            (b"abc\0d", 1, 4, "\\u{0}"),
            (b"\x1b[0m", 1, 1, "\\u{1b}"),
        ] {
            let mistake = only_mistake(file, text);
            assert_eq!((mistake.place.line, mistake.place.column), (line, column), "{file}");
            assert_eq!(mistake.found, found);
            assert!(mistake.fatal);
        }
    }
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    for file in ["a.json", "a.yaml", "a.toml"] {
        let text = vec![0xff; MAX_INPUT_BYTES + 1];
        assert_eq!(only_mistake(file, &text).message, "the file is larger than 8 MiB");
    }
    let text = vec![b'\n'; MAX_INPUT_BYTES];
    assert_eq!(only_mistake("a.json", &text).message, "there are no tables in this file");
}

#[test]
fn deep_nesting_is_refused_and_costs_no_stack() {
    let deep = 100_000;
    let dotted = vec!["a"; 79].join(".");
    let inline = format!("{}1{}", format!("{dotted}={{").repeat(70), "}".repeat(70));
    for (file, text) in [
        ("a.json", "[".repeat(deep) + &"]".repeat(deep)),
        ("a.json", "{\"a\":".repeat(deep) + "1" + &"}".repeat(deep)),
        ("a.yaml", "[".repeat(deep)),
        ("a.yaml", "- ".repeat(deep)),
        ("a.yaml", "? ".repeat(deep)),
        ("a.yaml", "{a: ".repeat(deep)),
        ("a.yaml", "a: ".repeat(100) + "[" + &"[".repeat(100)),
        ("a.toml", format!("a = {}", "[".repeat(deep))),
        ("a.toml", format!("a = {}", "{a=".repeat(deep))),
        ("a.toml", format!("{} = 1", vec!["a"; deep].join("."))),
        ("a.toml", format!("[{}]", vec!["a"; deep].join("."))),
        ("a.toml", inline),
        ("a.toml", format!("{}a=1{}", format!("{dotted}={{").repeat(16), "}".repeat(16))),
    ] {
        let all = mistakes(file, text.as_bytes());
        assert!(all.iter().any(|d| d.fatal), "{file} {}: {all}", &text[..10]);
    }
}

#[test]
fn brackets_in_toml_strings_and_comments_are_no_nesting() {
    let brackets = "[{".repeat(20);
    let text = std::fs::read_to_string(data("../../examples/airline.toml")).unwrap();
    let text = text.replace("All bookings", &format!("\\\"{brackets}"));
    let text = format!("# {brackets} \"\n{text}");
    assert!(parse_one("a.toml", text.as_bytes()).is_ok());
    let text = text.replace("RequiredBy = ", "RequiredBy = '''\n'' [[[[[[[[[[[[[[[[[[[[ '''\n#");
    assert!(parse_one("a.toml", text.as_bytes()).is_ok());
}

#[test]
fn aliases_cannot_make_millions_out_of_a_line() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let of = format!("*a{}", n - 1);
        let line = format!("a{n}: &a{n} [{}]\n", vec![of; 10].join(", "));
        text.push_str(&line);
    }
    let all = mistakes("a.yaml", text.as_bytes());
    assert_eq!(all.len(), 1);
    assert_eq!(all.iter().next().unwrap().message, "the file holds more than 1000000 values");
}

#[test]
fn aliases_cannot_make_gigabytes_of_text_out_of_a_line() {
    for anchored in ["'x'", "{ 'x': 1 }", "['x']"] {
        let anchored = anchored.replace('x', &"x".repeat(900));
        let text = format!("s: &s {anchored}\nt: [{}]\n", ["*s"; 50_000].join(","));
        let mistake = only_mistake("a.yaml", text.as_bytes());
        assert_eq!(mistake.message, "with its aliases the file holds more than 32 MiB of text");
        assert_eq!(mistake.place.line, 2);
        assert!(mistake.fatal);
    }
}

#[test]
fn a_toml_file_of_too_many_values_is_refused_unparsed() {
    for (start, unit, column) in [
        ("aaa = [", "1,", 1_200_005),
        ("aaa = [", "{a=1},", 720_004),
        ("", "[[aaa]]\n", 1),
        ("", "a.b.c.d=1\n", 2),
    ] {
        let text = format!("{start}{}", unit.repeat(700_000));
        let mistake = only_mistake("a.toml", text.as_bytes());
        assert_eq!(mistake.message, "the file holds more than 600000 values", "{unit}");
        assert!(mistake.fatal);
        assert_eq!(mistake.place.column, column, "{unit}");
    }
}

#[test]
fn a_large_toml_file_is_read_up_to_its_first_syntax_error() {
    let mistake = only_mistake("a.toml", "=\n".repeat(140_000).as_bytes());
    assert!(mistake.fatal);
    let text = format!("{}[[bookings]]\nA = 1\nA = 2\nB =\n", "#\n".repeat(140_000));
    let mistake = only_mistake("a.toml", text.as_bytes());
    assert_eq!((mistake.place.line, mistake.place.column), (140_003, 1));
    assert!(mistake.fatal && mistake.message.contains("duplicate key"));
}

#[test]
fn mistakes_beyond_a_thousand_are_counted() {
    for (file, text, rest) in [
        ("a.yaml", format!("bookings: [{}]", "5,".repeat(5_000)), 4_000),
        ("a.toml", "x y\n".repeat(2_500), 1_500),
    ] {
        let all = mistakes(file, text.as_bytes());
        assert_eq!(all.len(), 1_001);
        let last = all.into_iter().last().unwrap();
        assert_eq!(last.message, format!("{rest} more mistakes are not listed"));
    }
}

#[test]
fn what_is_right_in_json_is_read_as_json() {
    let key = "k".repeat(5_000);
    let text = format!(
        "{{\n\t\"bookings\"\n:\t[\r\n{{\"IndexName\" :\"a\\u002db\\/c\\ud83d\\ude00 \u{2028}: # x\",\n\t\"{key}\":-0.5e+3}}]}}"
    );
    let all = mistakes("a.json", text.as_bytes());
    let messages: Vec<_> = all.iter().map(|d| d.message.as_str()).collect();
    assert!(messages[2].contains("a-b/c😀"), "{messages:?}");
    assert!(all.iter().all(|d| !d.fatal), "{all}");
}

mod foreign;

mod comparing {
    use super::*;
    use crate::catalog::{IndexDescription, IndexStatus};

    fn of(text: &str) -> IndexDefinition {
        let all = parse_one("a.yaml", text.as_bytes()).unwrap_or_else(|all| panic!("{all}"));
        all.indexes.into_iter().next().unwrap()
    }

    fn definition() -> IndexDefinition {
        of(
            "bookings: [{ IndexName: abc, KeySchema: [{ AttributeName: a, KeyType: HASH }, { AttributeName: b, KeyType: RANGE }], \
             AttributeDefinitions: [{ AttributeName: a, AttributeType: S }], \
             Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [x, y] } }]",
        )
    }

    fn description(of: &IndexDefinition) -> IndexDescription {
        IndexDescription {
            name: of.id.index.clone(),
            status: IndexStatus::Active,
            backfilling: false,
            key_schema: of.key_schema.clone(),
            projection: of.projection.clone(),
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
            item_count: None,
            size_bytes: None,
        }
    }

    fn types(pairs: &[(&str, ScalarType)]) -> BTreeMap<String, ScalarType> {
        pairs.iter().map(|(name, t)| ((*name).to_owned(), *t)).collect()
    }

    #[test]
    fn an_index_as_defined_has_no_differences() {
        let d = definition();
        let table = types(&[("a", ScalarType::S), ("b", ScalarType::N)]);
        assert_eq!(d.differences(&table, &description(&d)), Vec::<String>::new());
        assert_eq!(d.schema_text(), "a S HASH, b ? RANGE; INCLUDE x, y");
        assert_eq!(description(&d).schema_text(&table), "a S HASH, b N RANGE; INCLUDE x, y");
    }

    #[test]
    fn each_difference_is_a_phrase() {
        let d = definition();
        let mut there = description(&d);
        there.key_schema.swap(0, 1);
        there.projection = Projection::KeysOnly;
        let table = types(&[("a", ScalarType::N), ("b", ScalarType::N)]);
        assert_eq!(
            d.differences(&table, &there),
            [
                "the keys are b RANGE, a HASH, not a HASH, b RANGE",
                "attribute a is N, not S",
                "the projection is KEYS_ONLY, not INCLUDE x, y",
            ]
        );
    }

    #[test]
    fn a_digest_is_of_keys_types_and_projection_only() {
        let d = definition();
        let none = types(&[]);
        let digest = d.digest(&none);
        assert_eq!(digest.len(), 16);
        let mut same = d.clone();
        same.description = Some("words".into());
        same.warm_throughput = Some(WarmThroughput::default());
        same.place.line = 99;
        assert_eq!(same.digest(&none), digest);
        assert_ne!(d.digest(&types(&[("b", ScalarType::N)])), digest);
        assert_eq!(d.digest(&types(&[("z", ScalarType::N)])), digest);
        let mut other = d.clone();
        other.key_schema.reverse();
        assert_ne!(other.digest(&none), digest);
        other = d.clone();
        other.projection = Projection::All;
        assert_ne!(other.digest(&none), digest);
    }

    #[test]
    fn a_type_that_no_table_tells_fits_any_digest() {
        let d = definition();
        let known = types(&[("a", ScalarType::S), ("b", ScalarType::N)]);
        let digest = d.digest(&known);
        let index = description(&d);
        assert!(index.may_have_digest(&known, &digest));
        assert!(index.may_have_digest(&types(&[]), &digest), "as an emulator shows it");
        assert!(d.may_have_digest(&types(&[]), &digest), "b is told by none of the two");
        assert!(!index.may_have_digest(&types(&[("b", ScalarType::B)]), &digest));
        let mut other = description(&d);
        other.key_schema.reverse();
        assert!(!other.may_have_digest(&types(&[]), &digest));
    }

    #[test]
    fn a_digest_never_changes_from_one_version_to_the_next() {
        assert_eq!(definition().digest(&types(&[])), "965ec6423ac10e20");
        assert_eq!(example("airline.yaml").digest(), "7186e0e0365d651b");
    }

    #[test]
    fn the_digest_of_a_set_does_not_depend_on_order() {
        let mut all = example("airline.yaml");
        let digest = all.digest();
        all.indexes.reverse();
        assert_eq!(all.digest(), digest);
        all.indexes.pop();
        assert_ne!(all.digest(), digest);
    }
}

mod properties {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::diagnostic::Report;
    use super::super::node::{Kind, Node, Style};
    use super::super::read;
    use super::super::source::Text;
    use super::*;

    /// Any JSON, but for characters that only JSON takes unescaped.
    fn json() -> impl Strategy<Value = Value> {
        let text = "[ -~äß日😀\\n\\t]{0,12}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn same(node: &Node, value: &Value) -> bool {
        match (&node.kind, value) {
            (Kind::Null, Value::Null) => true,
            (Kind::List(items), Value::Array(values)) => {
                items.len() == values.len() && items.iter().zip(values).all(|(n, v)| same(n, v))
            }
            (Kind::Map(entries), Value::Object(values)) => {
                let pairs = entries.iter().zip(values);
                entries.len() == values.len()
                    && pairs.clone().all(|(entry, (key, value))| {
                        entry.key.text == *key && same(&entry.value, value)
                    })
            }
            (Kind::Scalar(scalar), value) => match scalar.style {
                Style::Text => value.as_str() == Some(&scalar.text),
                _ => serde_json::from_str(&scalar.text).is_ok_and(|read: Value| read == *value),
            },
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(crate::drawn::config(200))]

        #[test]
        fn json_means_what_it_means_to_every_reader_of_json(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap().replace("  ", "\t");
            let value: Value = serde_json::from_str(&text).unwrap();
            let from = Source { file: "a.json", format: Format::Json, text: b"" };
            let mut report = Report::default();
            let tree = read::tree(Format::Json, &Text::new(&from, &text), &mut report);
            prop_assert_eq!(report.count(), 0);
            prop_assert!(tree.is_some_and(|tree| same(&tree, &value)), "{}", text);
        }
    }
}

mod schema {
    use serde_json::Value;

    use super::*;

    /// The part of JSON Schema that [`json_schema`] uses for shapes: types,
    /// properties, items, enums, required fields. Returns what does not fit.
    fn misfit(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
        let schema = match schema["$ref"].as_str() {
            Some(path) => root.pointer(&path[1..])?,
            None => schema,
        };
        let is = |kind: &Value| match kind.as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64(),
            Some("null") => value.is_null(),
            _ => true,
        };
        let fits = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().any(is),
            kind => is(kind),
        };
        let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        if !fits || !listed {
            return Some(format!("{at}: {value}"));
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            if value.get(field.as_str()?).is_none() {
                return Some(format!("{at}: no {field}"));
            }
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{key}");
            let known = schema["properties"].get(key);
            let pattern =
                schema["patternProperties"].as_object().and_then(|all| all.values().next());
            match known.or(pattern) {
                Some(schema) => {
                    if let Some(misfit) = misfit(root, schema, inner, &at) {
                        return Some(misfit);
                    }
                }
                None => return Some(format!("{at} is not known")),
            }
        }
        let items = value.as_array().into_iter().flatten();
        items.filter_map(|item| misfit(root, &schema["items"], item, at)).next()
    }

    #[test]
    fn the_schema_takes_the_examples_and_its_own() {
        let schema = json_schema();
        let text = std::fs::read(data("../../examples/airline.json")).unwrap();
        let airline: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(misfit(&schema, &schema, &airline, ""), None);
        let own = &schema["examples"][0];
        assert_eq!(misfit(&schema, &schema, own, ""), None);
        assert!(parse_one("a.json", own.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn the_schema_takes_what_counts_as_left_out() {
        let schema = json_schema();
        let shown = left_out();
        assert_eq!(misfit(&schema, &schema, &shown, ""), None);
        assert!(parse_one("a.json", shown.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn the_schema_refuses_what_the_parser_refuses() {
        let schema = json_schema();
        let good = schema["examples"][0].clone();
        for (path, value) in [
            ("/bookings", Value::from("x")),
            ("/bookings/0/Projection/ProjectionType", "all".into()),
            ("/bookings/0/KeySchema/0/KeyType", "SORT".into()),
            ("/bookings/0/AttributeDefinitions/0/AttributeType", "String".into()),
            ("/bookings/0/Projection", serde_json::json!({})),
            (
                "/bookings/0/KeySchema/1",
                serde_json::json!({ "AttributeName": "a", "KeyType": "RANGE", "X": 1 }),
            ),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = value;
            assert!(misfit(&schema, &schema, &bad, "").is_some(), "{path}");
            assert!(parse_one("a.json", bad.to_string().as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        fn walk(root: &Value, value: &Value) {
            if let Some(path) = value.get("$ref").and_then(Value::as_str) {
                assert!(root.pointer(&path[1..]).is_some(), "{path}");
            }
            for inner in value.as_object().into_iter().flat_map(serde_json::Map::values) {
                walk(root, inner);
            }
            for inner in value.as_array().into_iter().flatten() {
                walk(root, inner);
            }
        }
        let schema = json_schema();
        walk(&schema, &schema);
    }
}
