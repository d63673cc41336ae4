use std::sync::LazyLock;

use super::*;
use crate::call::Consumed;

fn names() -> Vec<String> {
    ["pk", "num", "bin", "absent"].map(str::to_owned).to_vec()
}

static TABLE: LazyLock<TableName> = LazyLock::new(|| TableName::new("things").unwrap());

fn wanted(names: &[String]) -> Wanted<'_> {
    Wanted { table: &TABLE, names, keys: 1 }
}

fn read(json: &str) -> Result<Rest, String> {
    read_json(json.as_bytes(), wanted(&names()), |_| {})
}

fn page() -> Page {
    let nested = Value::M(
        [(
            "list".to_owned(),
            Value::L(vec![Value::S("é".to_owned()), Value::N("-12.50".to_owned())]),
        )]
        .into(),
    );
    let item = Item::from([
        ("pk".to_owned(), Value::S("quote \" and \u{1F600}".to_owned())),
        ("num".to_owned(), Value::N("1234".to_owned())),
        ("bin".to_owned(), Value::B(vec![1, 2, 3, 4])),
        ("nested".to_owned(), nested),
        ("flag".to_owned(), Value::Bool(true)),
        ("texts".to_owned(), Value::Ss(["a".to_owned(), "bc".to_owned()].into())),
        ("numbers".to_owned(), Value::Ns(["1".to_owned(), "100".to_owned()].into())),
        ("binaries".to_owned(), Value::Bs([vec![1], vec![2, 3]].into())),
    ]);
    let bare = Item::from([("pk".to_owned(), Value::N("1".to_owned()))]);
    let last_key = Item::from([("pk".to_owned(), Value::S("x".to_owned()))]);
    Page {
        items: vec![item, bare],
        last_key: Some(last_key),
        consumed: Some(Consumed { table: 12.5, indexes: [].into() }),
    }
}

const JSON: &str = r#"{
        "ConsumedCapacity": {"CapacityUnits": 13.0, "Table": {"CapacityUnits": 12.5}, "TableName": "things"},
        "Count": 2,
        "Items": [
            {"pk": {"S": "quote \" and \ud83d\ude00"}, "num": {"N": "1234"}, "bin": {"B": "AQIDBA=="},
             "nested": {"M": {"list": {"L": [{"S": "é"}, {"N": "-12.50"}]}}}, "flag": {"BOOL": true},
             "texts": {"SS": ["a", "bc"]}, "numbers": {"NS": ["1", "100"]}, "binaries": {"BS": ["AQ==", "AgM="]}},
            {"pk": {"N": "1"}}
        ],
        "LastEvaluatedKey": {"pk": {"S": "x"}},
        "New": [{"of": "tomorrow"}]
    }"#;

/// The cells of each item as text, and its size.
fn shown(row: &Row<'_>) -> (Vec<Option<String>>, usize) {
    let text = |cell: &Cell<'_>| format!("{:?} {}", cell.value, cell.bytes);
    (row.cells.iter().map(|cell| cell.as_ref().map(text)).collect(), row.bytes)
}

#[test]
fn a_page_says_the_same_in_both_forms() {
    let (mut read, mut from_json) = (Vec::new(), Vec::new());
    let names = names();
    read_page(&page(), &names, |row| read.push(shown(row)));
    let rest = rest_of(&page(), wanted(&names)).unwrap();
    let json = read_json(JSON.as_bytes(), wanted(&names), |row| from_json.push(shown(row)));
    assert_eq!(read, from_json);
    assert_eq!(json, Ok(rest.clone()));
    assert_eq!((rest.items, rest.units), (2, Some(12.5)));
    assert_eq!(read[0].0[1].as_deref(), Some("N(\"1234\") 3"));
    assert_eq!(read[1], (vec![Some("N(\"1\") 2".to_owned()), None, None, None], 4));
}

#[test]
fn the_last_page_has_no_key_and_may_have_no_capacity() {
    let rest = read(r#"{"Items":[],"Count":0,"ScannedCount":0}"#);
    assert_eq!(rest, Ok(Rest::default()));
    let rest =
        read(r#"{"LastEvaluatedKey":null,"Items":[],"ConsumedCapacity":{"CapacityUnits":0.5}}"#);
    assert_eq!(rest, Ok(Rest { units: Some(0.5), ..Rest::default() }));
}

#[test]
fn what_is_no_page_is_refused_with_its_place() {
    let broken = [
        "",
        "[]",
        "{",
        r#"{"Items": 1}"#,
        r#"{"Items": [1]}"#,
        r#"{"Items": [{"pk": "x"}]}"#,
        r#"{"Items": [{"pk": {}}]}"#,
        r#"{"Items": [{"pk": {"X": 1}}]}"#,
        r#"{"Items": [{"pk": {"S": 1}}]}"#,
        r#"{"LastEvaluatedKey": {"pk": {"L": []}}}"#,
        r#"{"Items": []} more"#,
    ];
    for json in broken {
        let read = read(json);
        assert!(read.is_err_and(|e| e.contains("column")), "{json}");
    }
}

#[test]
fn an_object_without_items_is_no_page_whatever_else_it_holds() {
    let error =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oops"}"#;
    let portal = r#"{"login":"required"}"#;
    let counted = r#"{"Count":10,"ScannedCount":10}"#;
    for json in ["{}", error, portal, counted, r#"{"LastEvaluatedKey":{"pk":{"S":"x"}}}"#] {
        assert!(read(json).is_err_and(|e| e.contains("it holds no Items")), "{json}");
    }
    assert!(read(r#"{"Items":null}"#).is_err());
    assert!(read(r#"{"Items":[],"Items":[]}"#).is_err_and(|e| e.contains("twice")));
}

#[test]
fn a_page_holds_as_many_items_as_it_counts() {
    let item = r#"{"pk":{"S":"x"}}"#;
    for counts in ["", r#","Count":1"#, r#","Count":1,"ScannedCount":1"#, r#","Count":null"#] {
        assert!(read(&format!(r#"{{"Items":[{item}]{counts}}}"#)).is_ok(), "{counts}");
    }
    for counts in [r#","Count":0"#, r#","Count":10"#, r#","Count":1,"ScannedCount":7"#] {
        let read = read(&format!(r#"{{"Items":[{item}]{counts}}}"#));
        assert!(read.is_err_and(|e| e.contains("and holds 1")), "{counts}");
    }
    for count in ["-1", "1.5", "\"1\"", "[]"] {
        assert!(read(&format!(r#"{{"Items":[{item}],"Count":{count}}}"#)).is_err(), "{count}");
    }
    assert!(read(r#"{"Count":10,"ScannedCount":10,"Items":[]}"#).is_err());
}

#[test]
fn an_item_without_the_primary_key_is_none_of_the_table_in_either_form() {
    for item in [r#"{"id":{"S":"x"}}"#, r#"{"pk":{"NULL":true}}"#, r#"{"pk":{"L":[]}}"#, "{}"] {
        let json = format!(r#"{{"Items":[{{"pk":{{"S":"x"}}}},{item}]}}"#);
        assert!(read(&json).is_err_and(|e| e.contains(KEYLESS)), "{item}");
    }
    for value in [None, Some(Value::Null), Some(Value::L(Vec::new()))] {
        let item = value.map(|value| ("pk".to_owned(), value)).into_iter().collect();
        let page = Page { items: vec![item], ..Page::default() };
        assert_eq!(rest_of(&page, wanted(&names())), Err(KEYLESS.to_owned()));
    }
}

#[test]
fn the_next_page_begins_behind_a_primary_key_of_the_table() {
    for key in [r#"{"id":{"S":"x"}}"#, r#"{"pk":{"S":"x"},"sk":{"S":"y"}}"#] {
        let json = format!(r#"{{"Items":[],"LastEvaluatedKey":{key}}}"#);
        assert!(read(&json).is_err_and(|e| e.contains(NO_KEY)), "{key}");
    }
    let other = [("id".to_owned(), Value::S("x".to_owned()))].into();
    let page = Page { last_key: Some(other), ..Page::default() };
    assert_eq!(rest_of(&page, wanted(&names())), Err(NO_KEY.to_owned()));
    // As DynamoDB's documentation has it, an empty one means the end.
    assert_eq!(read(r#"{"Items":[],"LastEvaluatedKey":{}}"#), Ok(Rest::default()));
}

#[test]
fn a_page_whose_capacity_is_that_of_another_table_is_about_that_table() {
    let page = |table: &str| {
        read(&format!(r#"{{"Items":[],"ConsumedCapacity":{{"TableName":"{table}"}}}}"#))
    };
    assert_eq!(page("things"), Ok(Rest::default()));
    assert!(page("other").is_err_and(|e| e.contains("about another table")));
}

#[test]
fn capacity_that_dynamodb_cannot_mean_counts_as_untold() {
    for units in ["-0.5", "-1e300", "1e300", "1025", "\"NaN\"", "null", "{}"] {
        let capacity = format!(r#"{{"CapacityUnits":{units}}}"#);
        let json = format!(r#"{{"Items":[],"ConsumedCapacity":{capacity}}}"#);
        assert_eq!(read(&json), Ok(Rest::default()), "{units}");
    }
    for units in [-0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let consumed = Consumed { table: units, indexes: [].into() };
        let page = Page { consumed: Some(consumed), ..Page::default() };
        assert_eq!(rest_of(&page, wanted(&names())), Ok(Rest::default()), "{units}");
    }
}
