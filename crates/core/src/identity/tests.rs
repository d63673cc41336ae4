use super::*;
use crate::catalog::{BillingMode, Scaling, TableDescription, TableStatus};
use crate::definition::{Format, KeyElement, KeyType, ScalarType, Source, parse};
use crate::name::IndexName;
use crate::state::Target;
use crate::time::Timestamp;

const OWN: &str = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders";
const OTHERS: &str = "arn:aws:dynamodb:eu-west-1:222222222222:table/orders";

fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

fn found(arn: &str) -> Sighting {
    Sighting::Found(Box::new(TableDescription {
        name: table("orders"),
        table_id: None,
        created_at: None,
        arn: Some(arn.to_owned()),
        status: TableStatus::Active,
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
        attributes: [("pk".to_owned(), ScalarType::S)].into(),
        key_schema: vec![KeyElement { attribute_name: "pk".to_owned(), key_type: KeyType::Hash }],
        indexes: Vec::new(),
        vector_indexes: Vec::new(),
        local_indexes: Vec::new(),
        local_included: 0,
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    }))
}

fn catalog(seen: &[(&str, Sighting)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (name, sighting) in seen {
        catalog.insert(table(name), Timestamp::default(), sighting.clone());
    }
    catalog
}

/// Definitions of one index each, one under the other.
fn definitions(indexes: &[(&str, &str)]) -> Definitions {
    let texts: Vec<_> = indexes
        .iter()
        .map(|(table, index)| {
            format!(
                "\"{table}\":\n  - IndexName: {index}\n    KeySchema: [{{ AttributeName: a, \
                 KeyType: HASH }}]\n    AttributeDefinitions: [{{ AttributeName: a, \
                 AttributeType: S }}]\n    Projection: {{ ProjectionType: ALL }}\n"
            )
        })
        .collect();
    let files: Vec<_> = (0..texts.len()).map(|n| format!("{n}.yaml")).collect();
    let source = |(file, text)| Source {
        file: String::as_str(file),
        format: Format::Yaml,
        text: String::as_bytes(text),
    };
    parse(&files.iter().zip(&texts).map(source).collect::<Vec<_>>()).unwrap()
}

/// The tables of the definitions, as the run calls them.
fn called(
    indexes: &[(&str, &str)],
    seen: &[(&str, Sighting)],
    state: Option<&State>,
) -> Vec<String> {
    let all = Selection::default();
    let it = identify(&definitions(indexes), &all, catalog(seen), state).unwrap();
    for table in it.definitions.tables() {
        assert!(it.catalog.get(table).is_some(), "{table} has a description under its name");
    }
    it.definitions.tables().map(ToString::to_string).collect()
}

/// A state of the own account with an entry for an index of `named`.
fn state(named: &str) -> State {
    let mut state = State::new("defs.yaml", Timestamp::default(), "l".to_owned());
    let account = Some("111111111111".to_owned());
    let region = Some("eu-west-1".to_owned());
    state.set_target(Target { account, region, endpoint: None });
    state.enlist(&definitions(&[(named, "by-a")]));
    state
}

#[test]
fn a_table_named_twice_is_one_by_its_plain_name() {
    let both = [("orders", found(OWN)), (OWN, found(OWN))];
    assert_eq!(called(&[("orders", "by-a"), (OWN, "by-b")], &both, None), ["orders"]);
    assert_eq!(called(&[(OWN, "by-b"), ("orders", "by-a")], &both, None), ["orders"]);
}

#[test]
fn the_table_of_another_account_stays_another_though_it_has_the_same_name() {
    let both = [("orders", found(OWN)), (OTHERS, found(OTHERS))];
    assert_eq!(called(&[("orders", "by-a"), (OTHERS, "by-a")], &both, None), ["orders", OTHERS]);
}

#[test]
fn an_own_table_has_its_plain_name_once_the_account_is_known() {
    assert_eq!(called(&[(OWN, "by-a")], &[(OWN, found(OWN))], None), [OWN]);
    let users = OWN.replace("orders", "users");
    let seen = [(OWN, found(OWN)), ("users", found(&users))];
    assert_eq!(called(&[(OWN, "by-a"), ("users", "by-a")], &seen, None), ["orders", "users"]);
}

#[test]
fn an_account_that_only_the_state_knows_makes_no_arn_a_plain_name() {
    for recorded in [state("users"), state("orders")] {
        for sighting in [found(OWN), Sighting::Missing] {
            assert_eq!(called(&[(OWN, "by-a")], &[(OWN, sighting)], Some(&recorded)), [OWN]);
        }
        // The plain name was asked for too, and there is no such table here.
        let seen = [(OWN, found(OWN)), ("orders", Sighting::Missing)];
        assert_eq!(called(&[(OWN, "by-a")], &seen, Some(&recorded)), [OWN]);
    }
}

#[test]
fn a_plain_name_of_the_state_that_an_arn_may_mean_is_asked_for_and_tells_the_account() {
    let recorded = state("orders");
    let (arn, plain) = (table(OWN), table("orders"));
    assert_eq!(may_be_meant([&arn], Some(&recorded)), [plain.clone()].into());
    assert!(may_be_meant([&plain], Some(&recorded)).is_empty());
    assert!(may_be_meant([&arn], Some(&state("users"))).is_empty());
    let both = [(OWN, found(OWN)), ("orders", found(OWN))];
    assert_eq!(called(&[(OWN, "by-a")], &both, Some(&recorded)), ["orders"]);
    // Somebody else's table of that name is another one, and no concern of the run.
    let seen = catalog(&[(OTHERS, found(OTHERS)), ("orders", found(OWN))]);
    let wanted = definitions(&[(OTHERS, "by-a")]);
    let it = identify(&wanted, &Selection::default(), seen, Some(&recorded)).unwrap();
    assert_eq!(it.catalog.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>(), [OTHERS]);
}

#[test]
fn an_entry_of_the_state_keeps_the_name_that_it_has() {
    let by_name = state("orders");
    let both = [(OWN, found(OWN)), ("orders", found(OWN))];
    assert_eq!(called(&[(OWN, "by-a")], &both, Some(&by_name)), ["orders"]);
    let by_arn = state(OWN);
    assert_eq!(called(&[("orders", "by-a")], &[("orders", found(OWN))], Some(&by_arn)), [OWN]);
}

#[test]
fn an_emulator_that_ignores_accounts_has_one_table_under_all_arns() {
    let emulated = "arn:aws:dynamodb:ddblocal:000000000000:table/orders";
    let seen = [(OWN, found(emulated)), (OTHERS, found(emulated))];
    assert_eq!(called(&[(OWN, "by-a"), (OTHERS, "by-b")], &seen, None), [OWN]);
}

#[test]
fn the_same_index_twice_is_a_mistake_with_both_places() {
    let both = [("orders", found(OWN)), (OWN, found(OWN))];
    let twice = definitions(&[("orders", "by-a"), (OWN, "by-a")]);
    let mistakes = identify(&twice, &Selection::default(), catalog(&both), None).unwrap_err();
    let said = mistakes.to_string();
    assert!(said.starts_with("1.yaml:2:5: index by-a is defined twice"), "{said}");
    assert!(said.contains("0.yaml:2:5: first here"), "{said}");
    assert!(said.contains("are one table"), "{said}");
}

#[test]
fn the_account_is_the_callers_and_no_other_tables() {
    let both = [(OTHERS, found(OTHERS)), ("orders", found(OWN))];
    assert_eq!(catalog(&both).account(), Some("111111111111"));
    assert_eq!(catalog(&both[..1]).account(), None);
}

#[test]
fn a_state_with_arns_is_read_as_it_was_written() {
    let mut state = state(OWN);
    // Keys that would be the same, but for the names they are made of.
    let dotted = format!("{OTHERS}.x");
    for (table_name, index) in [(OTHERS, "x.by-a"), (&dotted, "by-a"), ("orders", "by-a")] {
        state.enlist(&definitions(&[(table_name, index)]));
    }
    let bytes = state.render(Timestamp::default()).bytes;
    let read = State::parse(&bytes).unwrap();
    assert_eq!(read, state);
    let text = String::from_utf8(bytes).unwrap();
    for key in [format!("\"{OWN}.by-a\""), format!("\"{dotted}/by-a\"")] {
        assert!(text.contains(&key), "{key}: {text}");
    }
    let id = IndexId::new(table(OTHERS), IndexName::new("x.by-a").unwrap());
    assert!(read.entry(&id).is_some());
}
