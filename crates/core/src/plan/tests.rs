//! Plans of tables that were seen in every way.
use super::notes::{NoteKind, notes};
use super::permissions::{permissions, policy};
use super::preview::{Preview, Prospect, Word};
use super::saved::{SavedPlan, Stale, UnreadablePlan};
use super::schedule::Schedule;
use super::*;
use crate::catalog::{
    BillingMode, IndexDescription, ReplicaDescription, Scaling, VectorIndexDescription,
};
use crate::definition::{
    KeyElement, KeyType, OnDemandThroughput, Place, Projection, ProvisionedThroughput, ScalarType,
    WarmThroughput,
};
use crate::endpoint::Endpoint;
use crate::name::IndexId;
use crate::state::{Looked, Step, Target};

mod slow;

fn id(text: &str) -> IndexId {
    let (table, index) = text.split_once('.').unwrap();
    IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
}

fn hash_key(name: &str) -> Vec<KeyElement> {
    vec![KeyElement { attribute_name: name.to_owned(), key_type: KeyType::Hash }]
}

fn units(n: u64) -> ProvisionedThroughput {
    ProvisionedThroughput { read_capacity_units: n, write_capacity_units: n }
}

fn include(count: usize) -> Projection {
    Projection::Include { non_key_attributes: (0..count).map(|n| format!("a{n:02}")).collect() }
}

/// An index with one string as its key.
fn wanted(text: &str, key: &str) -> IndexDefinition {
    let place = Place { file: "airline.yaml".into(), line: 7, column: 9 };
    let keys = [(key, KeyType::Hash, ScalarType::S)];
    IndexDefinition::new(id(text), keys, Projection::All).at(&place)
}

fn with(definition: IndexDefinition, change: impl FnOnce(&mut IndexDefinition)) -> IndexDefinition {
    let mut definition = definition;
    change(&mut definition);
    definition
}

fn index(name: &str, key: &str, status: IndexStatus) -> IndexDescription {
    IndexDescription {
        name: IndexName::new(name).unwrap(),
        status,
        backfilling: false,
        key_schema: hash_key(key),
        projection: Projection::All,
        provisioned_throughput: None,
        on_demand_throughput: None,
        warm_throughput: None,
        item_count: None,
        size_bytes: None,
    }
}

fn active(name: &str, key: &str) -> IndexDescription {
    index(name, key, IndexStatus::Active)
}

/// A table of an account, on demand, with these indexes.
pub(super) fn table(name: &str, indexes: Vec<IndexDescription>) -> TableDescription {
    let keys = indexes.iter().flat_map(|i| &i.key_schema).map(|k| k.attribute_name.clone());
    let attributes = keys.chain(["pk".to_owned()]).map(|name| (name, ScalarType::S)).collect();
    TableDescription {
        name: TableName::new(name).unwrap(),
        table_id: Some(format!("{name}-1")),
        created_at: None,
        arn: Some(format!("arn:aws:dynamodb:eu-west-1:111122223333:table/{name}")),
        status: TableStatus::Active,
        billing_mode: BillingMode::PayPerRequest,
        provisioned_throughput: None,
        attributes,
        key_schema: hash_key("pk"),
        indexes,
        vector_indexes: Vec::new(),
        local_indexes: Vec::new(),
        local_included: 0,
        replicas: Vec::new(),
        scaling: Scaling::NotAsked,
        item_count: None,
        size_bytes: None,
    }
}

fn changed(
    table: &TableDescription,
    change: impl FnOnce(&mut TableDescription),
) -> TableDescription {
    let mut table = table.clone();
    change(&mut table);
    table
}

fn found(table: TableDescription) -> Sighting {
    Sighting::Found(Box::new(table))
}

/// What is wanted, what was seen, and what was recorded.
struct Scene {
    definitions: Definitions,
    catalog: Catalog,
    state: State,
    selection: Selection,
    retry_failed: bool,
}

impl Scene {
    fn of(indexes: Vec<IndexDefinition>, sightings: Vec<(&str, Sighting)>) -> Self {
        let definitions = Definitions { indexes };
        let mut state = State::new("airline.yaml", Timestamp::default(), "1".to_owned());
        state.enlist(&definitions);
        let mut catalog = Catalog::default();
        for (name, sighting) in sightings {
            catalog.insert(TableName::new(name).unwrap(), Timestamp::default(), sighting);
        }
        Self { definitions, catalog, state, selection: Selection::default(), retry_failed: false }
    }

    /// One wanted index, `bookings.by-flight` on `flight`, seen so.
    fn one(sighting: Sighting) -> Self {
        Self::of(vec![wanted("bookings.by-flight", "flight")], vec![("bookings", sighting)])
    }

    fn fail(mut self, index: &str) -> Self {
        let spec = "0".to_owned();
        let intend = Step::Intend { at: Timestamp::default(), table_id: None, spec };
        self.state.apply(&id(index), intend).unwrap();
        let give_up = Step::GiveUp { error: "no".to_owned() };
        self.state.apply(&id(index), give_up).unwrap();
        self
    }

    fn retrying(mut self) -> Self {
        self.retry_failed = true;
        self
    }

    fn only(mut self, index: &str) -> Self {
        self.selection.indexes.push(IndexName::new(index).unwrap());
        self
    }

    fn plan(&self) -> Plan {
        let Self { definitions, catalog, state, selection, retry_failed } = self;
        plan(definitions, catalog, state, selection, *retry_failed)
    }

    fn preview(&self) -> Preview {
        Preview::new(&self.definitions, &self.plan(), &Target::default(), 50)
    }

    fn actions(&self) -> Vec<Action> {
        self.plan().indexes().map(|i| i.action).collect()
    }

    fn save(&self) -> SavedPlan {
        let filters = (&self.selection, self.retry_failed);
        let at = Timestamp::from_millis(1_770_000_000_000);
        let target = target("eu-west-1");
        SavedPlan::new(&self.definitions, "airline.yaml", filters, &target, &self.plan(), at)
    }
}

fn target(region: &str) -> Target {
    Target {
        account: Some("111122223333".to_owned()),
        region: Some(region.to_owned()),
        endpoint: None,
    }
}

#[test]
fn every_way_to_see_an_index_has_a_word_and_a_reason() {
    let bookings = || table("bookings", vec![]);
    let with_index = |index| found(table("bookings", vec![index]));
    let backfilling = IndexDescription {
        backfilling: true,
        ..index("by-flight", "flight", IndexStatus::Creating)
    };
    let undefined = Scene::of(
        vec![with(wanted("bookings.by-flight", "flight"), |d| d.attributes.clear())],
        vec![("bookings", found(bookings()))],
    );
    let cases = [
        ("absent", Scene::one(found(bookings()))),
        ("allocating", Scene::one(with_index(index("by-flight", "flight", IndexStatus::Creating)))),
        ("backfilling", Scene::one(with_index(backfilling))),
        ("active", Scene::one(with_index(active("by-flight", "flight")))),
        ("deleting", Scene::one(with_index(index("by-flight", "seat", IndexStatus::Deleting)))),
        ("other keys", Scene::one(with_index(active("by-flight", "seat")))),
        ("no table", Scene::one(Sighting::Missing)),
        ("denied", Scene::one(Sighting::Denied("AccessDeniedException: no".to_owned()))),
        (
            "archived",
            Scene::one(found(changed(&bookings(), |t| {
                t.status = TableStatus::Other("ARCHIVED".to_owned());
            }))),
        ),
        (
            "another type",
            Scene::one(found(changed(&bookings(), |t| {
                t.attributes.insert("flight".to_owned(), ScalarType::N);
            }))),
        ),
        ("no type", undefined),
        (
            "a local index",
            Scene::one(found(changed(&bookings(), |t| {
                t.local_indexes.push(IndexName::new("by-flight").unwrap());
            }))),
        ),
        ("failed", Scene::one(found(bookings())).fail("bookings.by-flight")),
        ("retried", Scene::one(found(bookings())).fail("bookings.by-flight").retrying()),
        ("not failed", Scene::one(found(bookings())).retrying()),
    ];
    let line = |(case, scene): &(&str, Scene)| {
        let preview = scene.preview();
        let row = &preview.tables[0].indexes[0];
        let next = row.next_step.as_deref().map_or_else(String::new, |n| format!(" -> {n}"));
        let prospect = format!("{:?}", preview.prospect);
        format!("{case:<12} {:<8} {prospect:<9} {}{next}", row.action.as_str(), row.reason)
    };
    let lines: Vec<_> = cases.iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

fn many(count: usize) -> Vec<IndexDescription> {
    (0..count).map(|n| active(&format!("theirs-{n}"), "x")).collect()
}

#[test]
fn more_indexes_than_the_default_quota_are_noted_and_planned() {
    let both = vec![wanted("bookings.one", "a"), wanted("bookings.two", "b")];
    let mut going = many(18);
    going.push(index("old", "old", IndexStatus::Deleting));
    let scene =
        |there| Scene::of(both.clone(), vec![("bookings", found(table("bookings", there)))]);
    for (there, says) in [
        (many(18), None),
        (going, None),
        (many(19), Some("the table has 19 indexes, and would have 21")),
        (many(22), Some("the table has 22 indexes, and would have 24")),
    ] {
        let scene = scene(there);
        assert_eq!(scene.actions(), [Action::Create, Action::Create]);
        assert_eq!(scene.preview().prospect, Prospect::Changes);
        let quota = noted(&scene).into_iter().find(|(kind, _)| *kind == NoteKind::IndexQuota);
        let tail = "; 20 are the default quota, which AWS raises on request: DynamoDB's answer \
                    decides";
        assert_eq!(quota.map(|(_, text)| text), says.map(|says| format!("{says}{tail}")));
    }
    assert_eq!(noted(&scene(many(19)).only("two")), [], "what is not created takes no place");
}

#[test]
fn a_hundred_included_attributes_are_counted_over_all_indexes_in_order() {
    let sized = |name: &str, count| with(wanted(name, "a"), |d| d.projection = include(count));
    let wants = vec![
        sized("bookings.ten", 10),
        sized("bookings.five", 5),
        sized("bookings.one", 1),
        wanted("bookings.all", "a"),
    ];
    let full = |count, local| {
        let mut there = active("theirs", "x");
        there.projection = include(count);
        changed(&table("bookings", vec![there]), |t| t.local_included = local)
    };
    let actions = |t| Scene::of(wants.clone(), vec![("bookings", found(t))]).actions();
    use Action::{Create, Obstructed};
    assert_eq!(actions(full(84, 0)), [Create, Create, Create, Create]);
    assert_eq!(actions(full(90, 0)), [Create, Obstructed, Obstructed, Create]);
    assert_eq!(actions(full(95, 0)), [Obstructed, Create, Obstructed, Create]);
    assert_eq!(actions(full(85, 10)), [Obstructed, Create, Obstructed, Create]);
    assert_eq!(actions(full(100, 0)), [Obstructed, Obstructed, Obstructed, Create]);
    let scene = Scene::of(wants.clone(), vec![("bookings", found(full(95, 0)))]);
    let reason = scene.preview().tables[0].indexes[0].reason.clone();
    let says = "the indexes of a table may include 100 attributes together: the others include 95, this one 10";
    assert_eq!(reason, says);
}

#[test]
fn obstacles_outweigh_changes_and_a_wait_is_a_change() {
    let two = || vec![wanted("bookings.by-flight", "flight"), wanted("nowhere.other", "a")];
    let seen =
        |sighting| vec![("bookings", found(table("bookings", vec![]))), ("nowhere", sighting)];
    let prospect = |scene: Scene| scene.preview().prospect;
    assert_eq!(prospect(Scene::of(two(), seen(Sighting::Missing))), Prospect::Obstacles);
    let there = found(table("nowhere", vec![active("other", "a")]));
    assert_eq!(prospect(Scene::of(two(), seen(there.clone()))), Prospect::Changes);
    assert_eq!(prospect(Scene::of(two(), seen(there)).only("other")), Prospect::Done);
}

#[test]
fn indexes_that_no_definition_names_are_listed_and_filters_do_not_change_that() {
    let there = vec![active("by-flight", "flight"), active("by-seat", "seat")];
    let scene = Scene::of(
        vec![wanted("bookings.by-flight", "flight"), wanted("bookings.other", "a")],
        vec![("bookings", found(table("bookings", there)))],
    );
    let preview = scene.only("other").preview();
    let names: Vec<_> = preview.tables[0].unmanaged.iter().map(|u| u.index.as_str()).collect();
    assert_eq!(names, ["by-seat"]);
    assert_eq!(preview.tables[0].unmanaged[0].schema, "seat S HASH; ALL");
    assert_eq!(preview.tables[0].indexes[0].action, Word::Create);
}

fn vector(name: &str, status: IndexStatus) -> VectorIndexDescription {
    VectorIndexDescription {
        name: IndexName::new(name).unwrap(),
        backfilling: status == IndexStatus::Creating,
        status,
        attribute: Some("embedding".to_owned()),
        dimensions: Some(256),
        distance: Some("COSINE".to_owned()),
    }
}

#[test]
fn a_vector_index_is_unmanaged_is_queued_for_and_keeps_its_name() {
    let seen = |name, status| {
        let with = |t: &mut TableDescription| t.vector_indexes.push(vector(name, status));
        Scene::one(found(changed(&table("bookings", vec![]), with)))
    };
    let building = seen("by-meaning", IndexStatus::Creating);
    let preview = building.preview();
    let unmanaged = &preview.tables[0].unmanaged[0];
    assert_eq!(unmanaged.schema, "vector embedding, 256 dimensions, COSINE");
    assert_eq!(unmanaged.status, "CREATING");
    assert_eq!(building.actions(), [Action::Create]);
    let queue = "vector index by-meaning is CREATING: a table builds or deletes one index at a \
                 time, so the others wait for it";
    assert_eq!(noted(&building), [(NoteKind::Queue, queue.to_owned())]);
    assert_eq!(noted(&seen("by-meaning", IndexStatus::Active)), []);
    let taken = seen("by-flight", IndexStatus::Active);
    assert_eq!(taken.actions(), [Action::Obstructed]);
    assert_eq!(taken.preview().tables[0].indexes[0].reason, "a vector index has that name");
    let going = seen("by-flight", IndexStatus::Deleting);
    assert_eq!(going.actions(), [Action::Create], "its name is free when it is gone");
}

#[test]
fn a_type_that_the_definition_leaves_out_is_shown_as_the_table_has_it() {
    let untyped = with(wanted("bookings.by-flight", "flight"), |d| d.attributes.clear());
    let shown = |attribute: &str| {
        let typed = |t: &mut TableDescription| {
            t.attributes.insert(attribute.to_owned(), ScalarType::N);
        };
        let seen = found(changed(&table("bookings", vec![]), typed));
        let scene = Scene::of(vec![untyped.clone()], vec![("bookings", seen)]);
        scene.preview().tables[0].indexes[0].wanted.clone()
    };
    assert_eq!(shown("flight"), "flight N HASH; ALL");
    assert_eq!(shown("other"), "flight ? HASH; ALL");
}

#[test]
fn tables_build_side_by_side_and_the_longest_is_first() {
    let big = changed(&table("passengers", vec![]), |t| t.item_count = Some(40_000_000));
    let building = index("gate", "gate", IndexStatus::Creating);
    let scene = Scene::of(
        vec![
            wanted("bookings.one", "a"),
            wanted("bookings.gate", "gate"),
            wanted("passengers.tier", "b"),
            wanted("nowhere.some", "c"),
        ],
        vec![
            ("bookings", found(table("bookings", vec![building]))),
            ("passengers", found(big)),
            ("nowhere", Sighting::Missing),
        ],
    );
    let schedule = Schedule::of(&scene.plan(), 50);
    let lanes: Vec<_> = schedule.lanes.iter().map(|lane| lane.table.as_str()).collect();
    assert_eq!(lanes, ["passengers", "bookings"]);
    let order: Vec<_> = schedule.lanes[1].builds.iter().map(IndexName::as_str).collect();
    assert_eq!(order, ["gate", "one"], "what is being built already is first");
    assert_eq!((schedule.at_once, schedule.builds()), (2, 3));
    assert_eq!(schedule.seconds, 540 + 40_000_000 / 4_000);
    assert_eq!(Schedule::of(&scene.plan(), 1).seconds, 540 + 10_000 + 2 * 540);
}

fn noted(scene: &Scene) -> Vec<(NoteKind, String)> {
    let plan = scene.plan();
    notes(&plan.tables[0]).into_iter().map(|note| (note.kind, note.text)).collect()
}

#[test]
fn people_are_told_what_surprises_them() {
    let provisioned = |indexes| {
        changed(&table("bookings", indexes), |t| {
            t.billing_mode = BillingMode::Provisioned;
            t.provisioned_throughput = Some(units(5));
        })
    };
    let replicated = changed(&table("bookings", vec![]), |t| {
        t.replicas = vec![ReplicaDescription::new("us-east-1", "ACTIVE")];
    });
    let drifted = IndexDescription {
        provisioned_throughput: Some(units(7)),
        on_demand_throughput: Some(OnDemandThroughput {
            max_read_request_units: Some(40),
            max_write_request_units: None,
        }),
        ..active("by-flight", "flight")
    };
    let limited = with(wanted("bookings.by-flight", "flight"), |d| {
        d.provisioned_throughput = Some(units(9));
        d.on_demand_throughput = Some(OnDemandThroughput {
            max_read_request_units: Some(80),
            max_write_request_units: Some(-1),
        });
    });
    let one = |definition: &IndexDefinition, t| {
        Scene::of(vec![definition.clone()], vec![("bookings", found(t))])
    };
    let plain = wanted("bookings.by-flight", "flight");
    let warm = |reads| {
        with(plain.clone(), |d| {
            d.warm_throughput = Some(WarmThroughput {
                read_units_per_second: Some(reads),
                write_units_per_second: None,
            });
        })
    };
    let with_units = with(plain.clone(), |d| d.provisioned_throughput = Some(units(9)));
    let other = index("gate", "gate", IndexStatus::Deleting);
    let cases = [
        ("on demand", one(&plain, table("bookings", vec![]))),
        ("provisioned", one(&plain, provisioned(vec![]))),
        ("provisioned, with units", one(&with_units, provisioned(vec![]))),
        ("pre-warmed", one(&warm(83_411), table("bookings", vec![]))),
        ("warm as any", one(&warm(12_000), table("bookings", vec![]))),
        ("does not fit", one(&limited, provisioned(vec![]))),
        ("drifted", one(&limited, provisioned(vec![drifted]))),
        ("global", one(&plain, replicated)),
        ("another's deletion", one(&plain, table("bookings", vec![other]))),
        (
            "updating",
            one(&plain, changed(&table("bookings", vec![]), |t| t.status = TableStatus::Updating)),
        ),
        ("there", one(&plain, provisioned(vec![active("by-flight", "flight")]))),
    ];
    let told: Vec<_> = cases
        .iter()
        .flat_map(|(case, scene)| {
            noted(scene).into_iter().map(move |(kind, text)| format!("{case}: {kind:?}: {text}"))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn permissions_name_each_table_that_is_described_and_each_that_is_changed() {
    let scene = Scene::of(
        vec![
            wanted("bookings.by-flight", "flight"),
            wanted("flights.by-gate", "gate"),
            wanted("nowhere.some", "a"),
        ],
        vec![
            ("bookings", found(table("bookings", vec![]))),
            ("flights", found(table("flights", vec![active("by-gate", "gate")]))),
            ("nowhere", Sighting::Missing),
        ],
    );
    let target = Target { region: Some("cn-north-1".to_owned()), ..Target::default() };
    let needed = permissions(&scene.definitions, &scene.plan(), &target);
    let unknown = "arn:aws-cn:dynamodb:cn-north-1:*:table/nowhere";
    let arn = |name| format!("arn:aws:dynamodb:eu-west-1:111122223333:table/{name}");
    assert_eq!(needed[0].action, "dynamodb:DescribeTable");
    assert_eq!(needed[0].resources, [arn("bookings"), arn("flights"), unknown.to_owned()]);
    assert_eq!(needed[1].action, "dynamodb:UpdateTable");
    assert_eq!(needed[1].resources, [arn("bookings")]);
    let of = |option| needed.iter().filter(move |p| p.with == Some(option));
    let [check] = of("--check").collect::<Vec<_>>()[..] else { panic!("{needed:?}") };
    assert_eq!((check.action, &check.resources[..]), ("dynamodb:Scan", &[arn("bookings")][..]));
    let [query, scan] = of("--validate").collect::<Vec<_>>()[..] else { panic!("{needed:?}") };
    assert_eq!((query.action, scan.action), ("dynamodb:Query", "dynamodb:Scan"));
    assert_eq!(query.resources[..2], [arn("bookings"), format!("{}/index/*", arn("bookings"))]);
    assert_eq!(scan.resources, needed[0].resources);
    let policy = policy(&needed);
    assert_eq!(policy["Statement"][1]["Resource"][0], arn("bookings"));
    assert_eq!(policy["Statement"][1]["Effect"], "Allow");
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2, "what no option takes");
}

/// Two tables: on one an index is to be made beside two of others, on the other
/// there is one already.
fn to_save() -> Scene {
    scene_of(bookings(), table("flights", vec![active("by-gate", "gate")]))
}

fn bookings() -> TableDescription {
    table("bookings", vec![active("theirs", "x"), index("going", "y", IndexStatus::Deleting)])
}

fn scene_of(bookings: TableDescription, flights: TableDescription) -> Scene {
    let rich = with(wanted("bookings.by-flight", "flight"), |d| {
        d.projection = include(3);
        d.on_demand_throughput = Some(OnDemandThroughput {
            max_read_request_units: Some(100),
            max_write_request_units: Some(-1),
        });
        d.description = Some("All of \"it\"".to_owned());
    });
    let bare = with(wanted("bookings.second", "seat"), |d| d.on_demand_throughput = None);
    Scene::of(
        vec![rich, wanted("flights.by-gate", "gate"), bare],
        vec![("bookings", found(bookings)), ("flights", found(flights))],
    )
}

#[test]
fn a_saved_plan_is_read_as_it_was_saved() {
    let scene = to_save().retrying().only("by-flight");
    let saved = scene.save();
    let text = saved.render("gsictl 0.1.0");
    assert!(SavedPlan::is_one(text.as_bytes()));
    assert_eq!(SavedPlan::parse(text.as_bytes()).unwrap(), saved);
    assert_eq!(saved.definitions, scene.definitions);
    assert_eq!(saved.definitions.indexes[0].key_places[0].to_string(), "airline.yaml:7:9");
}

#[test]
fn definitions_are_no_saved_plan_though_they_name_one() {
    for text in ["", "{}", "gsictl-plan:\n  - 1", "{\"tables\": \"gsictl-plan\"}", "\u{ff}"] {
        assert!(!SavedPlan::is_one(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_plan_that_is_not_as_it_was_saved_is_refused() {
    let text = to_save().save().render("gsictl 0.1.0");
    let parse = |text: &str| SavedPlan::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    let cut = &text[..text.len() / 2];
    assert!(SavedPlan::is_one(cut.as_bytes()));
    assert!(matches!(parse(cut), UnreadablePlan::Damaged(_)));
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(parse(&newer), UnreadablePlan::Newer(2)));
    for (from, to) in
        [("by-flight", "by-fright"), ("\"retry_failed\": false", "\"retry_failed\": true")]
    {
        assert!(matches!(parse(&text.replace(from, to)), UnreadablePlan::Changed), "{from}");
    }
    let more = text.replace("\"retry_failed\"", "\"surprise\": 1, \"retry_failed\"");
    assert!(matches!(parse(&more), UnreadablePlan::Damaged(_)));
}

#[test]
fn a_plan_is_carried_out_where_it_was_made() {
    let saved = to_save().save();
    assert_eq!(saved.check_target(&target("eu-west-1"), Looked::Tables), Ok(()));
    let unknown = Target { account: None, ..target("eu-west-1") };
    assert_eq!(saved.check_target(&unknown, Looked::NotYet), Ok(()));
    let elsewhere = saved.check_target(&target("us-east-1"), Looked::NotYet).unwrap_err();
    assert_eq!(
        elsewhere.to_string(),
        "the saved plan was made for region \"eu-west-1\", this run is about \"us-east-1\""
    );
    let local = Target { endpoint: Some(Endpoint::read("http://127.0.0.1:8000")), ..unknown };
    let refused = saved.check_target(&local, Looked::Tables);
    assert!(matches!(refused, Err(Stale::Elsewhere { what: "account", .. })));
    let vpc = Endpoint::read("https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com");
    let inside = Target { endpoint: Some(vpc), ..target("eu-west-1") };
    assert_eq!(saved.check_target(&inside, Looked::Tables), Ok(()));
}

fn flights() -> TableDescription {
    table("flights", vec![active("by-gate", "gate")])
}

#[test]
fn what_comes_and_goes_does_not_outdate_a_plan() {
    let saved = to_save().save();
    let own = |status, backfilling| {
        let projection = include(3);
        IndexDescription { projection, backfilling, ..index("by-flight", "flight", status) }
    };
    let grown = |index| {
        changed(&bookings(), |t| {
            t.indexes.push(index);
            t.attributes.insert("flight".to_owned(), ScalarType::S);
        })
    };
    let cases = [
        ("nothing", bookings()),
        ("items", changed(&bookings(), |t| t.item_count = Some(9))),
        ("updating", changed(&bookings(), |t| t.status = TableStatus::Updating)),
        (
            "throughput",
            changed(&bookings(), |t| t.indexes[0].provisioned_throughput = Some(units(9))),
        ),
        (
            "the deletion ended",
            changed(&bookings(), |t| {
                t.indexes.pop();
                t.attributes.remove("y");
            }),
        ),
        ("its own, allocating", grown(own(IndexStatus::Creating, false))),
        ("its own, backfilling", grown(own(IndexStatus::Creating, true))),
        ("its own, active", grown(own(IndexStatus::Active, false))),
        ("its own, deleting", grown(own(IndexStatus::Deleting, false))),
        ("their update", changed(&bookings(), |t| t.indexes[0].status = IndexStatus::Updating)),
    ];
    for (case, bookings) in cases {
        let now = scene_of(bookings, flights()).plan();
        assert!(saved.confine(now).is_ok(), "{case}");
    }
}

#[test]
fn what_a_plan_rests_on_outdates_it_and_is_named() {
    let saved = to_save().save();
    let lost = |sighting| {
        let mut scene = to_save();
        scene.catalog.insert(TableName::new("bookings").unwrap(), Timestamp::default(), sighting);
        scene
    };
    let on_bookings =
        |change: fn(&mut TableDescription)| scene_of(changed(&bookings(), change), flights());
    let cases = [
        ("deleted", lost(Sighting::Missing)),
        ("denied", lost(Sighting::Denied("no".to_owned()))),
        ("made again", on_bookings(|t| t.table_id = Some("bookings-2".to_owned()))),
        ("one more", on_bookings(|t| t.indexes.push(active("new", "flight")))),
        ("its name on other keys", on_bookings(|t| t.indexes.push(active("by-flight", "seat")))),
        ("one less", on_bookings(|t| drop(t.indexes.remove(0)))),
        ("one going", on_bookings(|t| t.indexes[0].status = IndexStatus::Deleting)),
        ("other keys", on_bookings(|t| t.indexes[0].key_schema = hash_key("y"))),
        ("a projection", on_bookings(|t| t.indexes[0].projection = Projection::KeysOnly)),
        ("a type", on_bookings(|t| *t.attributes.get_mut("x").unwrap() = ScalarType::N)),
        ("billing", on_bookings(|t| t.billing_mode = BillingMode::Provisioned)),
        ("archived", on_bookings(|t| t.status = TableStatus::Other("ARCHIVED".to_owned()))),
        ("a local index", on_bookings(|t| t.local_indexes.push(IndexName::new("lll").unwrap()))),
        (
            "a replica",
            on_bookings(|t| {
                t.replicas.push(ReplicaDescription::new("us-east-1", "ACTIVE"));
            }),
        ),
        ("two tables", scene_of(table("bookings", vec![]), table("flights", vec![]))),
    ];
    let line = |(case, now): (&str, Scene)| {
        let stale = saved.confine(now.plan()).expect_err(case);
        format!("{case}: {stale}")
    };
    let lines: Vec<_> = cases.into_iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_table_that_was_missing_and_is_there_outdates_a_plan() {
    let saved = Scene::one(Sighting::Missing).save();
    assert!(saved.confine(Scene::one(Sighting::Missing).plan()).is_ok());
    let now = Scene::one(found(table("bookings", vec![]))).plan();
    let stale = saved.confine(now).unwrap_err().to_string();
    assert_eq!(stale, "the saved plan is out of date:\n  - bookings: the table exists now");
}

#[test]
fn what_the_plan_did_not_create_is_not_created_by_its_run() {
    let seen = || found(table("bookings", vec![]));
    // It had failed before; then the state was removed.
    let saved = Scene::one(seen()).fail("bookings.by-flight").save();
    let stale = saved.confine(Scene::one(seen()).plan()).unwrap_err().to_string();
    assert!(stale.ends_with("bookings.by-flight would be created now"), "{stale}");

    // It was being built; if it vanishes during the run that is another plan.
    let building =
        || found(table("bookings", vec![index("by-flight", "flight", IndexStatus::Creating)]));
    let saved = Scene::one(building()).save();
    let confined = saved.confine(Scene::one(building()).plan()).unwrap();
    assert!(!confined.tables[0].indexes[0].may_start);

    let saved = Scene::one(seen()).save();
    let confined = saved.confine(Scene::one(building()).plan()).unwrap();
    assert!(confined.tables[0].indexes[0].may_start, "an interrupted run goes on");
}

#[test]
fn the_file_of_a_plan_can_be_read_by_people() {
    insta::assert_snapshot!(to_save().save().render("gsictl 0.1.0"));
}
