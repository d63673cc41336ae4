//! What a user wants is the same in every format, however it is written.

use std::collections::{BTreeMap, BTreeSet};

use gsictl_core::catalog::{
    BillingMode, Catalog, IndexDescription, IndexStatus, Scaling, Sighting, TableDescription,
    TableStatus,
};
use gsictl_core::definition::{
    Definitions, Export, Format, IndexDefinition, KeyElement, KeyType, OnDemandThroughput, Place,
    Projection, ProvisionedThroughput, ScalarType, WarmThroughput,
};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::plan::{Finding, judge};
use gsictl_core::time::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::forms::Writing;
use super::{checks, config};

/// What some format takes for something else than text.
const NASTY: [&str; 36] = [
    "no",
    "yes",
    "on",
    "off",
    "true",
    "false",
    "null",
    "Null",
    "~",
    "1e3",
    "0x10",
    "0o7",
    "1_000",
    "-1",
    ".inf",
    "nan",
    "2026-01-01",
    "12:30:00",
    "",
    " ",
    " a",
    "a ",
    "- a",
    "-",
    "---",
    "...",
    "a: b",
    "a #b",
    "#",
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "\\",
    "%a",
    "<<",
];

/// Text that is hard to write down.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => select(NASTY.to_vec()).prop_map(str::to_owned),
        2 => "[ -~]{0,8}",
        2 => select(vec!["\n", "\r\n", "\t", "\u{85}", "\u{2028}", "\u{feff}", "\u{7f}", "\0", "{", "}", "[", "]", ",", "&a", "*a", "!t", "|", ">", "?", "@", "`", "ß", "日", "😀", "\u{202e}"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn name() -> impl Strategy<Value = String> {
    let nasty: Vec<_> = NASTY.iter().filter(|name| TableName::new(name).is_ok()).copied().collect();
    prop_oneof![
        1 => select(nasty).prop_map(str::to_owned),
        1 => select(vec!["a.b.c", "a.b", "a..b", "-a-", "_._", "007", "1.0", "..a", "a--b", "IndexName"]).prop_map(str::to_owned),
        2 => "[A-Za-z0-9_.-]{3,12}",
    ]
    .prop_filter("a legal name", |name| TableName::new(name).is_ok())
}

fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-zA-Z_.:-]{1,10}", 1 => text()]
        .prop_filter("a legal attribute", |name| (1..=255).contains(&name.len()))
}

fn projection() -> impl Strategy<Value = Projection> {
    prop_oneof![
        Just(Projection::All),
        Just(Projection::KeysOnly),
        btree_set(attribute(), 1..5)
            .prop_map(|non_key_attributes| Projection::Include { non_key_attributes }),
    ]
}

fn units() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![1..10_u64, Just(i64::MAX.unsigned_abs())]
}

fn limit() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![Just(-1), 1..10_i64, Just(i64::MAX)]
}

/// Both, or one of the two.
fn one_or_both<T: Clone + std::fmt::Debug>(
    unit: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Option<T>, Option<T>)> {
    (option::of(unit.clone()), option::of(unit))
        .prop_filter("not empty", |pair| pair.0.is_some() || pair.1.is_some())
}

prop_compose! {
    fn throughputs()(
        provisioned in option::of((units(), units())),
        on_demand in option::of(one_or_both(limit())),
        warm in option::of(one_or_both(units())),
    ) -> (Option<ProvisionedThroughput>, Option<OnDemandThroughput>, Option<WarmThroughput>) {
        (
            provisioned.map(|(read_capacity_units, write_capacity_units)| {
                ProvisionedThroughput { read_capacity_units, write_capacity_units }
            }),
            on_demand.map(|(max_read_request_units, max_write_request_units)| {
                OnDemandThroughput { max_read_request_units, max_write_request_units }
            }),
            warm.map(|(read_units_per_second, write_units_per_second)| {
                WarmThroughput { read_units_per_second, write_units_per_second }
            }),
        )
    }
}

prop_compose! {
    /// One to four HASH keys and none to four RANGE keys, in any order of names.
    fn keys()(
        names in btree_set(attribute(), 1..=8).prop_map(Vec::from_iter).prop_shuffle(),
        hash in 1..=4_usize,
    ) -> Vec<KeyElement> {
        let kinds = std::iter::repeat_n(KeyType::Hash, hash);
        let kinds = kinds.chain(std::iter::repeat_n(KeyType::Range, 4));
        let key = |(attribute_name, key_type)| KeyElement { attribute_name, key_type };
        names.into_iter().zip(kinds).map(key).collect()
    }
}

prop_compose! {
    /// An index whose table and name are still to be given.
    fn index()(
        key_schema in keys(),
        stated in any::<u8>(),
        projection in projection(),
        throughputs in throughputs(),
        texts in [option::of(text()), option::of(text()), option::of(text())],
    ) -> IndexDefinition {
        // An attribute has one type in all indexes of a table; some leave it out.
        let stated = key_schema.iter().enumerate().filter(|(n, _)| stated >> n & 1 == 1);
        let attributes: BTreeMap<_, _> =
            stated.map(|(_, key)| (key.attribute_name.clone(), scalar(&key.attribute_name))).collect();
        let [description, estimated_impact, required_by] = texts;
        let (provisioned_throughput, on_demand_throughput, warm_throughput) = throughputs;
        IndexDefinition {
            id: id("any", "any"),
            key_schema,
            attributes,
            projection,
            provisioned_throughput,
            on_demand_throughput,
            warm_throughput,
            description,
            estimated_impact,
            required_by,
            place: Place::default(),
            key_places: Vec::new(),
        }
    }
}

fn scalar(name: &str) -> ScalarType {
    [ScalarType::S, ScalarType::N, ScalarType::B][name.len() % 3]
}

fn id(table: &str, index: &str) -> IndexId {
    IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
}

/// Tables in any order, each with indexes in any order.
fn definitions() -> impl Strategy<Value = Definitions> {
    let indexes = btree_map(name(), index(), 1..4).prop_map(Vec::from_iter).prop_shuffle();
    let tables = btree_map(name(), indexes, 1..4).prop_map(Vec::from_iter).prop_shuffle();
    tables.prop_map(|tables| {
        let named = tables.into_iter().flat_map(|(table, indexes)| {
            indexes.into_iter().map(move |(index, definition)| IndexDefinition {
                id: id(&table, &index),
                ..definition
            })
        });
        Definitions { indexes: named.collect() }
    })
}

/// The tables that have what is wanted, as DynamoDB describes them.
fn built(wanted: &Definitions, billing_mode: BillingMode, status: &IndexStatus) -> Catalog {
    let mut catalog = Catalog::default();
    for table in wanted.tables() {
        let indexes: Vec<_> = wanted.indexes.iter().filter(|d| d.id.table == *table).collect();
        let keys = indexes.iter().flat_map(|d| &d.key_schema).map(|key| &key.attribute_name);
        let description = TableDescription {
            name: table.clone(),
            table_id: None,
            created_at: None,
            arn: None,
            status: TableStatus::Active,
            billing_mode,
            provisioned_throughput: None,
            attributes: keys.map(|name| (name.clone(), scalar(name))).collect(),
            key_schema: Vec::new(),
            indexes: indexes.into_iter().map(|d| index_as_built(d, status)).collect(),
            vector_indexes: Vec::new(),
            local_indexes: Vec::new(),
            local_included: 0,
            replicas: Vec::new(),
            scaling: Scaling::NotAsked,
            item_count: None,
            size_bytes: None,
        };
        let sighting = Sighting::Found(Box::new(description));
        catalog.insert(table.clone(), Timestamp::default(), sighting);
    }
    catalog
}

/// Another table of the same kind, on which nothing was created yet.
fn bare(sighting: &Sighting) -> Sighting {
    let Sighting::Found(table) = sighting else { panic!("{sighting:?}") };
    let mut bare = table.clone();
    bare.indexes.clear();
    bare.attributes.clear();
    Sighting::Found(bare)
}

fn index_as_built(definition: &IndexDefinition, status: &IndexStatus) -> IndexDescription {
    IndexDescription {
        name: definition.id.index.clone(),
        status: status.clone(),
        backfilling: false,
        key_schema: definition.key_schema.clone(),
        projection: definition.projection.clone(),
        provisioned_throughput: definition.provisioned_throughput,
        on_demand_throughput: definition.on_demand_throughput,
        warm_throughput: definition.warm_throughput,
        item_count: None,
        size_bytes: None,
    }
}

fn writing() -> impl Strategy<Value = Writing> {
    select(vec![Writing::Plain, Writing::Pretty, Writing::Escaped])
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn definitions_are_the_same_in_every_format(wanted in definitions(), writing in writing()) {
        checks::say_the_same(&wanted, writing);
    }

    #[test]
    fn what_is_exported_needs_no_change(
        wanted in definitions(),
        provisioned in any::<bool>(),
        status in select(vec![
            IndexStatus::Active,
            IndexStatus::Updating,
            IndexStatus::Creating,
            IndexStatus::Other("NEW\nflights: []".to_owned()),
        ]),
    ) {
        let modes = [BillingMode::PayPerRequest, BillingMode::Provisioned];
        let catalog = built(&wanted, modes[usize::from(provisioned)], &status);
        let export = Export::new(&catalog, wanted.tables(), &[]);
        prop_assert!(export.is_whole());
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            let text = export.definitions.to_text(format, &export.remarks);
            let found = checks::read(format, text.as_bytes());
            let found = found.unwrap_or_else(|all| panic!("{all}\n{text}"));
            prop_assert_eq!(found.indexes.len(), wanted.indexes.len());
            for definition in &found.indexes {
                let (_, sighting) = catalog.get(&definition.id.table).unwrap();
                let finding = judge(definition, sighting);
                let kept = match status {
                    IndexStatus::Active | IndexStatus::Updating => Finding::Ready,
                    _ => Finding::Building { backfilling: false },
                };
                prop_assert_eq!(finding, kept, "{}", text);
                let was = wanted.get(&definition.id).unwrap();
                let throughput = was.provisioned_throughput.filter(|_| provisioned);
                prop_assert_eq!(definition.provisioned_throughput, throughput);
                let limits = was.requested_limits().filter(|_| !provisioned);
                prop_assert_eq!(definition.on_demand_throughput, limits);
                prop_assert_eq!(definition.warm_throughput, None);
                prop_assert_eq!(judge(definition, &bare(sighting)), Finding::Absent, "{}", text);
            }
        }
    }

    #[test]
    fn a_digest_depends_on_what_is_built_and_on_nothing_else(
        wanted in definitions(),
        other in definitions(),
    ) {
        let mut plain = wanted.clone();
        plain.indexes.reverse();
        for definition in &mut plain.indexes {
            definition.description = None;
            definition.provisioned_throughput = None;
        }
        prop_assert_eq!(plain.digest(), wanted.digest());
        let built = |all: &Definitions| {
            let parts = |d: &IndexDefinition| {
                let projection = format!("{:?}", d.projection);
                (d.id.clone(), d.key_schema.clone(), d.attributes.clone(), projection)
            };
            all.indexes.iter().map(parts).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(wanted.digest() == other.digest(), built(&wanted) == built(&other));
    }
}
