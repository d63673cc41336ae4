//! What every backend must do when items are read.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::call::{
    Call, CallError, CreateIndex, ErrorKind, Item, Page, PageForm, Query, Reply, Scan, Segment,
    Value,
};
use gsictl_core::definition::{Projection, ScalarType};
use gsictl_core::name::TableName;

use crate::engines::{Engine, hash, index, range};

fn text(value: &str) -> Value {
    Value::S(value.to_owned())
}

fn item(attributes: &[(&str, Value)]) -> Item {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Ten items of the table's key `pk`, in two groups.
fn ten() -> Vec<Item> {
    let group = |n: u32| if n < 7 { "most" } else { "few" };
    let one = |n: u32| item(&[("pk", text(&format!("item {n}"))), ("aaa", text(group(n)))]);
    (0..10).map(one).collect()
}

/// A table with items and a finished index on them.
async fn filled(engine: &Engine, name: &str, create: &CreateIndex, items: Vec<Item>) {
    let table = engine.table(name).await;
    engine.put_items(&table, items).await;
    engine.create(create).await.unwrap();
    engine.settle(&table).await;
}

fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

fn query(create: &CreateIndex, keys: &[(&str, Value)]) -> Query {
    Query {
        table: create.table.clone(),
        index: Some(create.index.clone()),
        keys: keys.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        matching: Vec::new(),
        attributes: Vec::new(),
        limit: None,
        after: None,
    }
}

async fn ask(engine: &Engine, query: Query) -> Result<Page, CallError> {
    engine.read(Call::Query(Box::new(query))).await
}

fn keys(page: &Page) -> BTreeSet<String> {
    let key = |item: &Item| match item.get("pk") {
        Some(Value::S(key)) => key.clone(),
        other => panic!("no key: {other:?}"),
    };
    page.items.iter().map(key).collect()
}

fn is_named(page: &Page, create: &CreateIndex) -> bool {
    let consumed = page.consumed.as_ref().unwrap();
    consumed.indexes.contains_key(create.index.as_str())
}

pub(crate) async fn a_query_finds_what_the_index_holds_and_names_it_in_the_bill(engine: Engine) {
    let create = index(&table("found"), "by-aaa", "aaa");
    filled(&engine, "found", &create, ten()).await;
    let few = ask(&engine, query(&create, &[("aaa", text("few"))])).await.unwrap();
    assert_eq!(keys(&few), ["item 7", "item 8", "item 9"].map(str::to_owned).into());
    assert_eq!(few.last_key, None);
    assert!(is_named(&few, &create), "{few:?}");
    let none = ask(&engine, query(&create, &[("aaa", text("none"))])).await.unwrap();
    assert!(none.items.is_empty());
    assert!(is_named(&none, &create), "{none:?}");
    let short =
        Query { attributes: vec!["aaa".to_owned()], ..query(&create, &[("aaa", text("few"))]) };
    let short = ask(&engine, short).await.unwrap();
    assert_eq!(short.items, vec![item(&[("aaa", text("few"))]); 3]);
}

pub(crate) async fn a_query_pages_through_one_key_and_leaves_out_what_does_not_match(
    engine: Engine,
) {
    let create = index(&table("paged"), "by-aaa", "aaa");
    filled(&engine, "paged", &create, ten()).await;
    let mut seen = BTreeSet::new();
    let mut next = Query { limit: Some(3), ..query(&create, &[("aaa", text("most"))]) };
    let mut pages = 0;
    loop {
        let page = ask(&engine, next.clone()).await.unwrap();
        assert!(page.items.len() <= 3);
        seen.extend(keys(&page));
        pages += 1;
        match page.last_key {
            Some(key) => next.after = Some(key),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (7, 3));
    let matching = vec![("pk".to_owned(), text("item 4"))];
    let one = Query { matching, ..query(&create, &[("aaa", text("most"))]) };
    let page = ask(&engine, one).await.unwrap();
    assert_eq!(keys(&page), ["item 4".to_owned()].into());
}

pub(crate) async fn a_query_by_keys_of_every_type_and_number_finds_its_item(engine: Engine) {
    let typed = [("num", ScalarType::N), ("bin", ScalarType::B), ("txt", ScalarType::S)];
    let create = CreateIndex {
        key_schema: vec![hash("num"), hash("bin"), range("txt")],
        attributes: typed.map(|(name, scalar)| (name.to_owned(), scalar)).into(),
        ..index(&table("typed"), "three", "num")
    };
    let all = |n: u8| {
        item(&[
            ("pk", text(&format!("item {n}"))),
            ("num", Value::N(n.to_string())),
            ("bin", Value::B(vec![0, n, 255])),
            ("txt", text("same")),
        ])
    };
    filled(&engine, "typed", &create, vec![all(1), all(2)]).await;
    let hashes = [("num", Value::N("2".to_owned())), ("bin", Value::B(vec![0, 2, 255]))];
    let whole = [hashes.as_slice(), &[("txt", text("same"))]].concat();
    for keys in [hashes.as_slice(), &whole] {
        let page = ask(&engine, query(&create, keys)).await.unwrap();
        assert_eq!(page.items, [all(2)]);
        assert!(is_named(&page, &create), "{page:?}");
    }
    let other = [("num", Value::N("2".to_owned())), ("bin", Value::B(vec![0, 1, 255]))];
    assert!(ask(&engine, query(&create, &other)).await.unwrap().items.is_empty());
}

pub(crate) async fn a_query_that_does_not_fit_the_index_is_refused(engine: Engine) {
    let create = CreateIndex {
        key_schema: vec![hash("aaa"), hash("bbb")],
        attributes: ["aaa", "bbb"].map(|name| (name.to_owned(), ScalarType::S)).into(),
        ..index(&table("refused"), "two", "aaa")
    };
    filled(&engine, "refused", &create, ten()).await;
    let number = Value::N("1".to_owned());
    let other =
        CreateIndex { index: index(&table("refused"), "other", "aaa").index, ..create.clone() };
    let refused = [
        (query(&create, &[("aaa", text("most"))]), ErrorKind::Validation),
        (query(&create, &[("aaa", number), ("bbb", text("x"))]), ErrorKind::Validation),
        (query(&create, &[("ccc", text("most"))]), ErrorKind::Validation),
        (query(&other, &[("aaa", text("most"))]), ErrorKind::IndexNotFound),
    ];
    for (query, kind) in refused {
        let error = ask(&engine, query.clone()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{query:?}: {error}");
    }
    let nowhere = CreateIndex { table: table("nowhere"), ..create };
    let error = ask(&engine, query(&nowhere, &[("aaa", text("most"))])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TableNotFound, "{error}");
}

pub(crate) async fn a_query_of_the_table_finds_one_item_with_every_type_of_value(engine: Engine) {
    let table = engine.table("values").await;
    let strings = ["b", "a"].map(str::to_owned);
    let whole = item(&[
        ("pk", text("whole")),
        ("number", Value::N("-1.5".to_owned())),
        ("bytes", Value::B(vec![0, 255])),
        ("yes", Value::Bool(true)),
        ("nothing", Value::Null),
        ("list", Value::L(vec![Value::Null, text("in a list")])),
        ("map", Value::M(BTreeMap::from([("dotted.name".to_owned(), Value::Bool(false))]))),
        ("strings", Value::Ss(strings.into())),
        ("numbers", Value::Ns(["7", "10"].map(str::to_owned).into())),
        ("binaries", Value::Bs([vec![1], vec![0, 2]].into())),
    ]);
    engine.put_items(&table, vec![whole.clone()]).await;
    let of_table = Query {
        table,
        index: None,
        keys: vec![("pk".to_owned(), text("whole"))],
        matching: Vec::new(),
        attributes: Vec::new(),
        limit: None,
        after: None,
    };
    let page = ask(&engine, of_table).await.unwrap();
    assert_eq!(page.items, [whole]);
    assert!(page.consumed.unwrap().table > 0.0);
}

pub(crate) async fn the_segments_of_a_scan_are_the_whole_table(engine: Engine) {
    let table = engine.table("scanned").await;
    engine.put_items(&table, ten()).await;
    let mut seen = Vec::new();
    for number in 0..4 {
        let mut scan = Scan {
            table: table.clone(),
            segment: Some(Segment { number, total: 4 }),
            attributes: vec!["pk".to_owned()],
            limit: Some(2),
            after: None,
            form: PageForm::Items,
        };
        loop {
            let page = engine.read(Call::Scan(Box::new(scan.clone()))).await.unwrap();
            assert!(page.items.len() <= 2 && page.consumed.is_some());
            assert!(page.items.iter().all(|item| item.len() == 1));
            seen.extend(keys(&page));
            match page.last_key {
                Some(key) => scan.after = Some(key),
                None => break,
            }
        }
    }
    seen.sort();
    assert_eq!(seen.len(), 10, "each once: {seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 10);
    let whole = Scan {
        table,
        segment: None,
        attributes: Vec::new(),
        limit: None,
        after: None,
        form: PageForm::Items,
    };
    let page = engine.read(Call::Scan(Box::new(whole))).await.unwrap();
    assert_eq!(page.items.len(), 10);
    assert!(page.consumed.unwrap().table > 0.0);
}

/// A page as it came holds what the same page holds read.
pub(crate) async fn a_page_as_it_came_says_the_same(engine: Engine) {
    let table = engine.table("unread").await;
    engine.put_items(&table, ten()).await;
    let mut scan = Scan {
        table,
        segment: None,
        attributes: vec!["pk".to_owned(), "aaa".to_owned()],
        limit: Some(7),
        after: None,
        form: PageForm::Items,
    };
    let read = engine.read(Call::Scan(Box::new(scan.clone()))).await.unwrap();
    scan.form = PageForm::Json;
    match engine.ask(Call::Scan(Box::new(scan.clone()))).await.unwrap() {
        Reply::Page(page) => assert_eq!(page, read),
        Reply::Json(json) => {
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let items = json["Items"].as_array().unwrap();
            let pairs = items.iter().zip(&read.items);
            for (json, item) in pairs {
                assert_eq!(json.as_object().unwrap().len(), item.len());
                assert_eq!(item["pk"], text(json["pk"]["S"].as_str().unwrap()));
            }
            assert_eq!((items.len(), read.items.len()), (7, 7));
            assert!(json["LastEvaluatedKey"].is_object() && read.last_key.is_some());
            let units = json["ConsumedCapacity"]["Table"]["CapacityUnits"].as_f64();
            assert_eq!(units, read.consumed.map(|consumed| consumed.table));
        }
        other => panic!("{other:?}"),
    }
    scan.table = TableName::new("not-there").unwrap();
    let missing = engine.ask(Call::Scan(Box::new(scan))).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::TableNotFound, "{missing}");
}

/// The table holds it, and goes on holding it.
pub(crate) async fn an_item_of_another_type_is_not_in_the_index(engine: Engine) {
    let create =
        CreateIndex { projection: Projection::KeysOnly, ..index(&table("mixed"), "by-aaa", "aaa") };
    let number = item(&[("pk", text("number")), ("aaa", Value::N("1".to_owned()))]);
    let right = item(&[("pk", text("right")), ("aaa", text("1")), ("more", text("left out"))]);
    let sparse = item(&[("pk", text("sparse"))]);
    filled(&engine, "mixed", &create, vec![number, right, sparse]).await;
    let page = ask(&engine, query(&create, &[("aaa", text("1"))])).await.unwrap();
    assert_eq!(page.items, [item(&[("pk", text("right")), ("aaa", text("1"))])]);
}

pub(crate) async fn a_query_during_a_build_is_refused(engine: Engine) {
    let table = engine.table("early").await;
    let create = index(&table, "by-aaa", "aaa");
    engine.create(&create).await.unwrap();
    if !engine.facts.as_aws {
        return engine.skip("it answers 500, or is built already");
    }
    let early = ask(&engine, query(&create, &[("aaa", text("x"))])).await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::IndexBusy, "{early}");
    engine.settle(&table).await;
    ask(&engine, query(&create, &[("aaa", text("x"))])).await.unwrap();
    engine.delete(&table, &create.index).await.unwrap();
    let late = ask(&engine, query(&create, &[("aaa", text("x"))])).await.unwrap_err();
    assert_eq!(late.kind, ErrorKind::IndexNotFound, "{late}");
}
