//! Validation: what is broken is named, what is healthy never is.

use gsictl_core::call::{Call, Effect, ErrorKind, Item, Query, Value};
use gsictl_core::definition::{
    Definitions, IndexDefinition, KeyType, OnDemandThroughput, ScalarType,
};
use gsictl_core::machine::Machine;
use gsictl_core::plan::Selection;
use gsictl_core::probe::{
    About, Checked, Cost, IndexValidation, Order, Probe, Problem, Sample, ValidationReport, Verdict,
};
use gsictl_core::report::Document;
use gsictl_core::state::{State, Step, Target};
use gsictl_core::survey::Survey;
use gsictl_core::watch::OnTheWay;

use crate::support::apply::Apply;
use crate::support::samples::{
    START, after, by_flight, connection, definitions, expired, hours, index, local, one, secs,
    server_error, table, throttled,
};
use gsictl_sim::model::refusal;
use gsictl_sim::world::{Fault, Finish, World};

/// The tables of the definitions, on which their indexes are active since long.
fn built(definitions: &Definitions) -> World {
    let mut world = World::default();
    for table in definitions.tables() {
        world.model.add_table(table);
    }
    for definition in &definitions.indexes {
        world.model.operator_creates(START, definition);
    }
    world.now = START + hours(1);
    world
}

fn validate_with(
    world: &mut World,
    definitions: &Definitions,
    sample: Sample,
) -> (Vec<IndexValidation>, Cost) {
    validate_while(world, definitions, sample, &OnTheWay::default())
}

/// The same right after a run that a state tells of.
fn validate_while(
    world: &mut World,
    definitions: &Definitions,
    sample: Sample,
    on_the_way: &OnTheWay,
) -> (Vec<IndexValidation>, Cost) {
    let mut survey = Survey::new(definitions.tables());
    assert_eq!(world.run(&mut survey), Finish::Over);
    let catalog = survey.into_catalog().unwrap();
    let selection = Selection::default();
    let order = Order {
        definitions,
        catalog: &catalog,
        on_the_way,
        selection: &selection,
        sample,
        seed: 7,
    };
    let mut probe = Probe::new(&order);
    assert_eq!(world.run(&mut probe), Finish::Over);
    probe.into_result().unwrap()
}

/// The one index, with ten items looked up.
fn validate(world: &mut World, definitions: &Definitions) -> IndexValidation {
    let sample = Sample { items: 10, required: true };
    let (mut verdicts, _) = validate_with(world, definitions, sample);
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

#[track_caller]
fn is_functional(verdict: &IndexValidation) {
    assert_eq!(verdict.verdict, Verdict::Functional, "{verdict:#?}");
    assert!(verdict.reasons.is_empty());
}

#[track_caller]
fn is(verdict: &IndexValidation, wanted: Verdict, reason: &str, next: &str) {
    assert_eq!(verdict.verdict, wanted, "{verdict:#?}");
    assert!(verdict.reasons.join("\n").contains(reason), "{:?}", verdict.reasons);
    assert!(verdict.recommendation.contains(next), "{}", verdict.recommendation);
}

fn flight(n: u32, flight: Option<Value>) -> Item {
    let mut item = Item::from([("pk".to_owned(), Value::S(format!("{n}")))]);
    item.extend(flight.map(|value| ("flight_id".to_owned(), value)));
    item.insert("seat".to_owned(), Value::N(n.to_string()));
    item
}

fn flights(count: u32) -> Vec<Item> {
    (0..count).map(|n| flight(n, Some(Value::S(format!("F{}", n % 3))))).collect()
}

/// One index on bookings, built, with so many items in it.
fn bookings(items: u32) -> World {
    let mut world = built(&one());
    world.model.table(&table("bookings")).contents = flights(items);
    world
}

/// From now on the index shows these items, whatever the table has.
fn show(world: &mut World, items: Vec<Item>) {
    let index = by_flight().index;
    world.model.table(&table("bookings")).shown.insert(index, items);
}

fn queries(world: &World) -> Vec<&Query> {
    fn query(call: &Call) -> Option<&Query> {
        match call {
            Call::Query(query) => Some(query),
            _ => None,
        }
    }
    world.calls.iter().filter_map(|sent| query(&sent.call)).collect()
}

#[test]
fn a_healthy_index_is_functional_and_its_sample_is_found() {
    let mut world = bookings(50);
    let verdict = validate(&mut world, &one());
    is_functional(&verdict);
    let sample = verdict.sample.unwrap();
    assert_eq!((sample.items, sample.found, sample.undecided), (10, 10, 0));
    assert_eq!((verdict.attempts, verdict.capacity_units), (1, Some(0.5)));
    assert!(world.calls.iter().all(|sent| !sent.call.is_mutating()));
    assert!(world.now < START + hours(1) + secs(1), "nothing is waited for");
}

#[test]
fn each_hash_attribute_is_asked_for_with_a_value_of_its_type() {
    let typed = [("num", ScalarType::N), ("bin", ScalarType::B), ("txt", ScalarType::S)];
    let mut definition = index("bookings.by-flight", &["num", "bin", "txt", "range"]);
    for (key, (name, scalar)) in definition.key_schema.iter_mut().zip(typed) {
        key.key_type = KeyType::Hash;
        definition.attributes.insert(name.to_owned(), scalar);
    }
    let wanted = definitions([definition]);
    let mut world = built(&wanted);
    is_functional(&validate(&mut world, &wanted));
    let asked = queries(&world);
    let asked: Vec<_> = asked[0].keys.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let nobody = "gsictl-validate";
    let (number, bytes) = (Value::N("0".to_owned()), Value::B(nobody.as_bytes().to_vec()));
    let text = Value::S(nobody.to_owned());
    assert_eq!(asked, [("num", &number), ("bin", &bytes), ("txt", &text)]);
}

#[test]
fn what_is_not_there_or_not_ready_is_named_without_a_query() {
    let wanted = one();
    type Deed = fn(&mut World);
    let cases: [(Deed, &str, &str); 4] = [
        (|_| (), "it does not exist", "gsictl apply"),
        (
            |world| world.model.operator_creates(world.now, &one().indexes[0]),
            "it is CREATING: it serves no queries yet",
            "gsictl wait bookings by-flight",
        ),
        (
            |world| {
                world.model.operator_creates(START, &one().indexes[0]);
                world.model.operator_deletes(world.now, &by_flight());
            },
            "it is being deleted",
            "gsictl apply",
        ),
        (
            |world| {
                let other = index("bookings.by-flight", &["seat_id"]);
                world.model.operator_creates(START, &other);
            },
            "the keys are seat_id HASH, not flight_id HASH",
            "correct the definition",
        ),
    ];
    for (deed, reason, next) in cases {
        let mut world = World::default();
        world.model.add_table(&table("bookings"));
        world.now = START + hours(1);
        deed(&mut world);
        is(&validate(&mut world, &wanted), Verdict::NonFunctional, reason, next);
        assert!(queries(&world).is_empty());
    }
}

#[test]
fn a_table_that_is_missing_and_one_that_may_not_be_described_are_told_apart() {
    let missing = validate(&mut World::default(), &one());
    is(&missing, Verdict::NonFunctional, "the table does not exist", "create the table");
    assert_eq!(missing.checks.existence, Checked::Failed);
    let mut world = bookings(0);
    world.faults = Box::new(|call, _, _| match call {
        Call::DescribeTable(_) => Fault::Refuse(refusal("AccessDeniedException", "not you")),
        _ => Fault::None,
    });
    let denied = validate(&mut world, &one());
    is(&denied, Verdict::ValidationError, "not you", "dynamodb:DescribeTable");
    assert_eq!(denied.checks.existence, Checked::NotChecked);
}

#[test]
fn an_index_of_the_same_keys_and_another_type_is_named() {
    let mut other = index("bookings.by-flight", &["flight_id"]);
    other.attributes.insert("flight_id".to_owned(), ScalarType::N);
    let mut world = built(&definitions([other]));
    let verdict = validate(&mut world, &one());
    is(
        &verdict,
        Verdict::NonFunctional,
        "attribute flight_id is N, not S",
        "correct the definition",
    );
    assert_eq!(
        (verdict.checks.key_schema, verdict.checks.projection),
        (Checked::Failed, Checked::Ok)
    );
}

#[test]
fn an_index_that_is_remade_after_the_description_is_named_by_the_refusal() {
    let said = [
        ("The table does not have the specified index: by-flight", "gsictl apply"),
        ("Cannot read from backfilling global secondary index: by-flight", "gsictl wait"),
        ("Query condition missed key schema element: seat", "other keys"),
        (
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
            "other keys",
        ),
    ];
    for (message, next) in said {
        let verdict = refused(message, "ValidationException");
        is(&verdict, Verdict::NonFunctional, message, next);
    }
}

/// What comes of a probe that is refused every time.
fn refused(message: &'static str, code: &'static str) -> IndexValidation {
    let mut world = bookings(5);
    world.faults = Box::new(move |call, _, _| match call {
        Call::Query(_) => Fault::Refuse(refusal(code, message)),
        _ => Fault::None,
    });
    validate(&mut world, &one())
}

#[test]
fn a_probe_that_is_refused_for_another_reason_is_an_error_of_the_validation() {
    let denied = refused("not authorized to perform: dynamodb:Query", "AccessDeniedException");
    let next = "allow dynamodb:Query on table/bookings/index/by-flight";
    is(&denied, Verdict::ValidationError, "not authorized", next);
    let invalid = refused("something else is wrong", "ValidationException");
    is(&invalid, Verdict::ValidationError, "something else", "validate again");
    assert_eq!(invalid.attempts, 1, "repeating cannot help");
}

#[test]
fn a_probe_is_asked_three_times_with_a_short_wait() {
    let errors = [
        throttled(),
        server_error(),
        connection(Effect::Unknown),
        local(ErrorKind::Timeout, "TimedOut"),
        expired(),
    ];
    for error in errors {
        for (failing, attempts, verdict) in
            [(2, 3, Verdict::Functional), (3, 3, Verdict::ValidationError)]
        {
            let mut world = bookings(0);
            let (error, mut left) = (error.clone(), failing);
            world.faults = Box::new(move |call, _, _| match call {
                Call::Query(_) if left > 0 => {
                    left -= 1;
                    Fault::Refuse(error.clone())
                }
                _ => Fault::None,
            });
            let found = validate(&mut world, &one());
            assert_eq!((found.verdict, found.attempts), (verdict, attempts), "{found:#?}");
            assert!(world.now < START + hours(1) + secs(25), "{}", world.now);
            assert_eq!(world.events.len(), failing);
        }
    }
}

#[test]
fn an_answer_that_does_not_name_the_index_is_not_used() {
    let mut world = bookings(0);
    world.model.bills = false;
    let verdict = validate(&mut world, &one());
    is(&verdict, Verdict::NotUsed, "does not name the index", "ConsumedCapacity");
}

#[test]
fn an_item_that_the_index_lacks_is_looked_for_three_times_and_named() {
    let mut world = bookings(12);
    show(&mut world, flights(12).into_iter().skip(2).collect());
    let verdict = validate(&mut world, &one());
    is(
        &verdict,
        Verdict::NonFunctional,
        "missing from the index: 2 of 10 sampled items",
        "delete the index",
    );
    let sample = verdict.sample.unwrap();
    assert_eq!((sample.items, sample.found), (10, 8));
    let found: Vec<_> = sample.findings.iter().map(|f| (f.problem, f.key.to_string())).collect();
    let key = |n| (Problem::Missing, format!(r#"{{"pk":{{"S":"{n}"}}}}"#));
    assert_eq!(found, [key(0), key(1)]);
    let looks = queries(&world).iter().filter(|q| q.matching == [first_key()]).count();
    assert_eq!(looks, 3);
}

fn first_key() -> (String, Value) {
    ("pk".to_owned(), Value::S("0".to_owned()))
}

#[test]
fn an_index_that_is_a_little_behind_is_not_named() {
    let mut world = bookings(5);
    show(&mut world, flights(3));
    let now = world.now;
    world.at(now + secs(2), |model, _| model.table(&table("bookings")).shown.clear());
    let verdict = validate(&mut world, &one());
    is_functional(&verdict);
    assert_eq!(verdict.sample.unwrap().found, 5);
}

#[test]
fn other_values_in_the_index_are_stale_and_named() {
    let mut world = bookings(3);
    let mut shown = flights(3);
    shown[1].insert("seat".to_owned(), Value::N("99".to_owned()));
    shown[1].insert("old".to_owned(), Value::Null);
    show(&mut world, shown);
    let verdict = validate(&mut world, &one());
    is(&verdict, Verdict::NonFunctional, "in the index with other values: 1 of 3", "again");
    let finding = &verdict.sample.unwrap().findings[0];
    assert_eq!(finding.problem, Problem::Stale);
    assert_eq!(finding.detail, "the index has other values of old, seat");
}

#[test]
fn an_item_that_goes_away_or_changes_meanwhile_is_not_named() {
    let mut world = bookings(3);
    show(&mut world, Vec::new());
    let now = world.now;
    world.at(now + secs(1), |model, _| {
        let table = model.table(&table("bookings"));
        // One is deleted, one no longer has the key, and one changes as the index does.
        table.contents = vec![flight(1, None), flight(2, Some(Value::S("new".to_owned())))];
        table.shown.clear();
    });
    let verdict = validate(&mut world, &one());
    is_functional(&verdict);
    let sample = verdict.sample.unwrap();
    assert_eq!((sample.items, sample.found), (1, 1));
}

#[test]
fn an_item_that_changes_all_the_time_is_not_decided() {
    let mut world = bookings(1);
    show(&mut world, Vec::new());
    let now = world.now;
    for tenth in 0..100_u32 {
        world.at(now + secs(1) * tenth / 10, move |model, _| {
            model.table(&table("bookings")).contents =
                vec![flight(0, Some(Value::S(format!("F{tenth}"))))];
        });
    }
    let verdict = validate(&mut world, &one());
    is_functional(&verdict);
    assert_eq!(verdict.sample.unwrap().undecided, 1);
}

#[test]
fn sparse_items_do_not_count_and_items_of_another_type_are_named() {
    let mut world = bookings(0);
    let mut contents = vec![flight(1, None), flight(2, Some(Value::N("7".to_owned())))];
    contents.push(flight(3, Some(Value::S(String::new()))));
    contents.extend(flights(1));
    world.model.table(&table("bookings")).contents = contents;
    let verdict = validate(&mut world, &one());
    is(
        &verdict,
        Verdict::NonFunctional,
        "no index takes them: 2 of 3 sampled items",
        "correct the key",
    );
    let sample = verdict.sample.unwrap();
    assert_eq!((sample.looked_at, sample.items, sample.found), (4, 3, 1));
    let details: Vec<_> = sample.findings.iter().map(|f| f.detail.as_str()).collect();
    let wrong = "attribute flight_id is N, the index wants S";
    assert_eq!(details, [wrong, "attribute flight_id is empty"]);
}

#[test]
fn a_key_with_many_items_is_paged_through_and_left_open_in_the_end() {
    let same = |n| flight(n, Some(Value::S("F".to_owned())));
    for (before, found, undecided) in [(9, 1, 0), (10, 0, 1)] {
        let mut world = bookings(0);
        world.model.page = 2;
        world.model.table(&table("bookings")).contents = vec![same(before)];
        show(&mut world, (0..20).map(same).collect());
        let verdict = validate(&mut world, &one());
        is_functional(&verdict);
        let sample = verdict.sample.unwrap();
        assert_eq!((sample.found, sample.undecided), (found, undecided));
    }
}

#[test]
fn the_sample_of_a_table_serves_all_its_indexes_and_stops_in_time() {
    let other = index("bookings.by-seat", &["seat_code"]);
    let wanted = definitions([one().indexes[0].clone(), other]);
    let mut world = built(&wanted);
    world.model.table(&table("bookings")).contents = flights(3_000);
    world.model.page = 25;
    let sample = Sample { items: 10, required: true };
    let (verdicts, cost) = validate_with(&mut world, &wanted, sample);
    let samples: Vec<_> = verdicts.iter().map(|v| v.sample.clone().unwrap()).collect();
    assert_eq!((samples[0].items, samples[0].found), (10, 10));
    assert_eq!((samples[1].items, samples[1].looked_at), (0, 33 * 25));
    verdicts.iter().for_each(is_functional);
    assert_eq!((cost.scans, cost.queries), (40, 12));
}

#[test]
fn a_sample_that_may_not_be_taken_counts_only_where_it_was_asked_for() {
    for (required, verdict) in [(false, Verdict::Functional), (true, Verdict::ValidationError)] {
        let mut world = bookings(5);
        world.faults = Box::new(|call, _, _| match call {
            Call::Scan(_) => Fault::Refuse(refusal("AccessDeniedException", "no Scan for you")),
            _ => Fault::None,
        });
        let sample = Sample { items: 10, required };
        let (found, _) = validate_with(&mut world, &one(), sample);
        assert_eq!(found[0].verdict, verdict);
        let error = found[0].sample.as_ref().and_then(|s| s.error.as_ref());
        assert!(error.unwrap().message.contains("no Scan for you"));
        assert_eq!(required, found[0].recommendation.contains("dynamodb:Scan"));
    }
}

#[test]
fn without_a_sample_no_table_is_scanned() {
    let mut world = bookings(5);
    let sample = Sample { items: 0, required: false };
    let (found, cost) = validate_with(&mut world, &one(), sample);
    is_functional(&found[0]);
    assert_eq!((found[0].sample.as_ref(), cost.scans, cost.queries), (None, 0, 1));
}

#[test]
fn throughput_that_differs_is_a_note_and_no_more() {
    let mut definition: IndexDefinition = one().indexes[0].clone();
    let limits =
        OnDemandThroughput { max_read_request_units: Some(100), max_write_request_units: Some(-1) };
    definition.on_demand_throughput = Some(limits);
    let verdict = validate(&mut bookings(0), &definitions([definition]));
    is_functional(&verdict);
    assert_eq!(verdict.checks.throughput, Checked::Drift);
    assert_eq!(verdict.notes, ["MaxReadRequestUnits is not set, the definition says 100"]);
}

#[test]
fn items_without_the_keys_of_their_table_are_no_sample_of_it() {
    let mut world = bookings(20);
    let contents = &mut world.model.table(&table("bookings")).contents;
    contents.iter_mut().for_each(|item| drop(item.remove("pk")));
    let verdict = validate(&mut world, &one());
    assert_eq!(verdict.verdict, Verdict::ValidationError, "{verdict:#?}");
    assert!(verdict.reasons.join(" ").contains("without the primary key"), "{verdict:#?}");
    assert_eq!(verdict.sample.unwrap().items, 0);
}

#[test]
fn what_was_just_asked_for_is_not_missing() {
    let mut world = Apply::new(one()).world();
    let mut state = State::new("airline.yaml", world.now, "a-lineage".to_owned());
    state.enlist(&one());
    let intent = Step::Intend { at: world.now, table_id: None, spec: "2e".to_owned() };
    state.apply(&by_flight(), intent).unwrap();
    let on_the_way = OnTheWay::of(&state, secs(60));
    let sample = Sample { items: 0, required: false };
    let (verdicts, _) = validate_while(&mut world, &one(), sample, &on_the_way);
    assert_eq!(verdicts[0].verdict, Verdict::NonFunctional);
    assert_eq!(verdicts[0].checks.existence, Checked::NotChecked);
    assert!(verdicts[0].reasons[0].contains("does not show it yet"), "{verdicts:#?}");
    assert!(verdicts[0].recommendation.contains("gsictl wait bookings by-flight"));
    world.now = world.now + secs(61);
    let (verdicts, _) = validate_while(&mut world, &one(), sample, &on_the_way);
    assert_eq!(verdicts[0].checks.existence, Checked::Failed, "a minute later it is");
}

#[test]
fn nor_is_what_was_just_asked_for_on_a_table_that_is_not_visible_yet() {
    let mut world = Apply::new(one()).world();
    world.model.operator_drops(&by_flight().table);
    let mut state = State::new("airline.yaml", world.now, "a-lineage".to_owned());
    state.enlist(&one());
    let intent = Step::Intend { at: world.now, table_id: None, spec: "2e".to_owned() };
    state.apply(&by_flight(), intent).unwrap();
    let sample = Sample { items: 0, required: false };
    for (asked_for, expected) in [(true, Checked::NotChecked), (false, Checked::Failed)] {
        let recent = OnTheWay::of(&state, secs(if asked_for { 60 } else { 0 }));
        let (verdicts, _) = validate_while(&mut world, &one(), sample, &recent);
        assert_eq!(verdicts[0].checks.existence, expected, "{verdicts:#?}");
    }
}

#[test]
fn a_stop_ends_it_without_a_verdict() {
    let mut world = bookings(5);
    let mut survey = Survey::new(one().tables());
    world.run(&mut survey);
    let catalog = survey.into_catalog().unwrap();
    let order = Order {
        definitions: &one(),
        catalog: &catalog,
        on_the_way: &OnTheWay::default(),
        selection: &Selection::default(),
        sample: Sample { items: 10, required: true },
        seed: 1,
    };
    let mut probe = Probe::new(&order);
    assert!(probe.poll(after(1)).is_some());
    probe.on_stop(after(1));
    assert!(probe.is_over());
    assert_eq!(probe.into_result(), None);
}

#[test]
fn the_report_says_the_same_to_programs_and_to_people() {
    let other = index("bookings.by-seat", &["seat_code"]);
    let mut world = bookings(12);
    show(&mut world, flights(12).into_iter().skip(1).collect());
    let wanted = definitions([one().indexes[0].clone(), other]);
    let sample = Sample { items: 3, required: false };
    let (verdicts, cost) = validate_with(&mut world, &wanted, sample);
    let about = About {
        script_name: "airline.yaml",
        target: &Target::default(),
        started_at: START,
        ended_at: after(2),
    };
    let figures = [("ConsumedReadCapacityUnits", 7.5), ("ReadThrottleEvents", 0.0)];
    let figures = figures.map(|(name, value)| (name.to_owned(), value));
    let metrics = [(by_flight(), figures.into())];
    let report = ValidationReport::new(&about, verdicts, cost);
    let report = report.with_metrics(hours(1), Ok(metrics.into()));
    assert!(!report.is_good());
    assert_eq!(report.file_stem().split('_').next(), Some("validate"));
    let json = serde_json::to_string_pretty(&report.json()).unwrap();
    let json = json.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(format!("{}\n{json}", report.markdown()));
}
