//! The waiter: it looks, and changes nothing.

use std::time::Duration;

use gsictl_core::call::{Call, CallError, Effect, ErrorKind, Reply};
use gsictl_core::catalog::{TableDescription, TableStatus};
use gsictl_core::event::Event;
use gsictl_core::machine::{Effect as Does, Machine};
use gsictl_core::name::{IndexId, IndexName};
use gsictl_core::plan::Selection;
use gsictl_core::state::{State, Step, Target};
use gsictl_core::time::Timestamp;
use gsictl_core::watch::{IndexWait, OnTheWay, TableWait, Watch, WatchEnd, WatchTrouble, Watched};

use crate::support::apply::{Apply, word};
use crate::support::samples::{
    START, after, airline, by_flight, connection, expired, id, index, local, one, secs,
    server_error, table,
};
use gsictl_sim::world::{Fault, Finish, World};

fn bookings() -> World {
    Apply::new(one()).world()
}

fn watch(world: &mut World, indexes: &[&str], timeout: Option<Duration>) -> Watched {
    watch_for(world, vec![of_bookings(indexes)], OnTheWay::default(), timeout)
}

fn of_bookings(indexes: &[&str]) -> TableWait {
    let indexes = indexes.iter().map(|i| id(&format!("bookings.{i}")).index).collect();
    TableWait::named(table("bookings"), indexes)
}

fn watch_for(
    world: &mut World,
    waits: Vec<TableWait>,
    on_the_way: OnTheWay,
    timeout: Option<Duration>,
) -> Watched {
    let mut watch = Watch::new(world.now, waits, on_the_way, timeout);
    assert_eq!(world.run(&mut watch), Finish::Over);
    watch.into_result()
}

/// How long each index of the only table took.
fn ready(watched: &Watched) -> Vec<(IndexName, Duration)> {
    assert!(watched.is_ready(), "{watched:?}");
    let took = |(name, wait): &(IndexName, IndexWait)| match wait {
        IndexWait::Ready(took) => (name.clone(), *took),
        other => panic!("{name}: {other:?}"),
    };
    watched.tables[0].indexes.iter().map(took).collect()
}

fn standing(watched: &Watched, index: &str) -> IndexWait {
    let index = id(&format!("bookings.{index}")).index;
    let found = watched.tables[0].indexes.iter().find(|(name, _)| *name == index);
    found.expect("an index").1.clone()
}

/// What the state of an `apply --no-wait` says that was meant then, on that table.
fn asked_for(at: Timestamp, table_id: Option<String>) -> OnTheWay {
    let mut state: State = Apply::new(one()).state(at);
    let intent = Step::Intend { at, table_id, spec: "2e".to_owned() };
    state.apply(&by_flight(), intent).unwrap();
    state.apply(&by_flight(), Step::Acknowledge).unwrap();
    OnTheWay::of(&state, secs(60))
}

/// On the table that the world has.
fn asked_for_here(world: &mut World, at: Timestamp) -> OnTheWay {
    let call = Call::DescribeTable(table("bookings"));
    let shown = world.model.call(at, &call).and_then(Reply::into_table).unwrap();
    asked_for(at, shown.identity())
}

fn words(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|(_, event)| word(event)).collect()
}

#[test]
fn it_returns_when_the_index_is_ready_and_tells_each_phase_once() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let ready = ready(&watch(&mut world, &["by-flight"], None));
    assert_eq!(ready[0].0, by_flight().index);
    assert!(ready[0].1 >= secs(540) && ready[0].1 < secs(551), "{ready:?}");
    assert_eq!(words(&world), ["Adopted", "Backfilling", "Activated"]);
    assert!(world.calls.len() < 130, "{}", world.calls.len());
    assert!(world.calls.iter().all(|sent| !sent.call.is_mutating()));
}

#[test]
fn it_waits_for_all_indexes_of_the_table_where_none_is_named() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    world.now = after(600);
    world.model.operator_creates(after(600), &index("bookings.by-name", &["name"]));
    let ready = ready(&watch(&mut world, &[], None));
    assert_eq!(ready.len(), 2);
    assert!(ready[0].1 < secs(1) && ready[1].1 >= secs(540));
    assert_eq!(words(&world), ["AlreadyActive", "Adopted", "Backfilling", "Activated"]);
}

#[test]
fn a_table_without_indexes_is_ready() {
    assert_eq!(ready(&watch(&mut bookings(), &[], None)), []);
}

#[test]
fn it_gives_up_when_the_time_is_over_and_names_what_is_not_ready() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let waited = watch(&mut world, &["by-flight"], Some(secs(60)));
    assert_eq!(waited.ended, WatchEnd::TimedOut);
    assert_eq!(standing(&waited, "by-flight"), IndexWait::Waiting);
    assert_eq!(world.now, after(60));
}

#[test]
fn it_gives_up_in_time_even_where_nothing_answers() {
    let mut world = bookings();
    world.faults = Box::new(|_, _, _| Fault::Silence);
    let waited = watch(&mut world, &["by-flight"], Some(secs(60)));
    assert_eq!(waited.ended, WatchEnd::TimedOut);
    assert_eq!(standing(&waited, "by-flight"), IndexWait::Waiting);
    assert_eq!(world.now, after(60));
}

#[test]
fn there_is_nothing_to_wait_for_without_table_or_index() {
    let waited = watch(&mut World::default(), &[], None);
    assert_eq!(waited.tables[0].trouble, Some(WatchTrouble::NoTable));
    assert!(!waited.is_ready());
    let waited = watch(&mut bookings(), &["by-fligth"], None);
    assert_eq!(standing(&waited, "by-fligth"), IndexWait::Missing);
    assert!(!waited.is_ready());
}

#[test]
fn an_index_that_is_not_there_is_told_and_the_others_are_waited_for() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let waited = watch(&mut world, &["by-flight", "by-fligth"], None);
    assert!(matches!(standing(&waited, "by-flight"), IndexWait::Ready(_)));
    assert_eq!(standing(&waited, "by-fligth"), IndexWait::Missing);
    let told = ["Adopted", "NotShownYet", "Backfilling", "Obstructed", "Activated"];
    assert_eq!(words(&world), told, "while the table is UPDATING nobody knows");
    assert!(!waited.is_ready());
}

#[test]
fn an_index_that_is_deleted_meanwhile_is_no_longer_waited_for() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    world.model.deletion = secs(60);
    world.at(after(100), |model, now| model.operator_deletes(now, &by_flight()));
    let waited = watch(&mut world, &["by-flight"], None);
    assert_eq!(standing(&waited, "by-flight"), IndexWait::Missing);
    assert!(world.now < after(131), "the next look at a build that cannot be over");
}

#[test]
fn the_first_contact_fails_fast_where_waiting_cannot_help() {
    for error in [
        connection(Effect::NotApplied),
        local(ErrorKind::NoRegion, "NoRegion"),
        local(ErrorKind::CredentialsInvalid, "NoCredentials"),
        expired(),
    ] {
        let mut world = bookings();
        let answer = error.clone();
        world.faults = Box::new(move |_, _, _| Fault::Refuse(answer.clone()));
        assert_eq!(watch(&mut world, &[], None).ended, WatchEnd::Failed(error));
        assert_eq!(world.calls.len(), 1);
    }
}

#[test]
fn later_trouble_is_waited_out() {
    for error in [connection(Effect::NotApplied), server_error(), expired()] {
        let mut world = bookings();
        world.model.operator_creates(START, &one().indexes[0]);
        let answer: CallError = error.clone();
        world.faults = Box::new(move |_, now, _| {
            let trouble = now > after(100) && now < after(2_000);
            if trouble { Fault::Refuse(answer.clone()) } else { Fault::None }
        });
        let waited = watch(&mut world, &["by-flight"], None);
        assert!(waited.is_ready(), "{waited:?}");
        assert!(world.now < after(2_061));
        let failed = words(&world).iter().filter(|w| **w == "LookFailed").count();
        assert!(failed > 5 && failed < 45, "{failed}");
    }
}

#[test]
fn permission_that_is_taken_away_ends_it() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let denied = gsictl_sim::model::refusal("AccessDeniedException", "no");
    let answer = denied.clone();
    world.faults =
        Box::new(
            move |_, now, _| {
                if now > after(100) { Fault::Refuse(answer.clone()) } else { Fault::None }
            },
        );
    assert_eq!(watch(&mut world, &[], None).error(), Some(&denied));
}

#[test]
fn it_can_be_interrupted() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    world.stop_at = Some(after(50));
    assert_eq!(watch(&mut world, &[], None).ended, WatchEnd::Stopped);
    assert_eq!(world.now, after(50));
}

#[test]
fn nothing_of_other_tables_is_asked() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    watch(&mut world, &[], None);
    assert!(world.calls.iter().all(|sent| *sent.call.table() == table("bookings")));
}

#[test]
fn an_answer_that_describes_nothing_is_no_table_that_is_missing() {
    let mut watch = Watch::new(START, vec![of_bookings(&[])], OnTheWay::default(), None);
    let Some(Does::Call(call, _)) = watch.poll(START) else {
        panic!("the table is asked for first");
    };
    watch.on_reply(START, call, Ok(Reply::Done));
    let WatchEnd::Failed(error) = watch.into_result().ended else {
        panic!("whoever answers so is no DynamoDB, and not worth waiting for");
    };
    assert_eq!(error.code, CallError::UNREADABLE);
}

#[test]
fn an_index_that_was_asked_for_and_is_not_shown_yet_is_not_missing() {
    for named in [&["by-flight"][..], &[]] {
        let mut world = bookings();
        let on_the_way = asked_for_here(&mut world, START);
        world.at(after(40), |model, now| model.operator_creates(now, &one().indexes[0]));
        let waited = watch_for(&mut world, vec![of_bookings(named)], on_the_way, None);
        assert!(waited.is_ready(), "{waited:?}");
        assert_eq!(words(&world), ["NotShownYet", "Adopted", "Backfilling", "Activated"]);
    }
}

#[test]
fn what_was_asked_for_and_never_comes_is_missing_after_a_minute() {
    let mut world = bookings();
    let on_the_way = asked_for_here(&mut world, START);
    let waited = watch_for(&mut world, vec![of_bookings(&["by-flight"])], on_the_way, None);
    assert_eq!(standing(&waited, "by-flight"), IndexWait::Missing);
    assert!(world.now >= after(60) && world.now < after(75), "{}", world.now);
}

#[test]
fn what_a_state_says_of_another_table_of_that_name_is_not_waited_for() {
    let mut world = bookings();
    let on_the_way = asked_for(START, Some("of another account".to_owned()));
    let waited = watch_for(&mut world, vec![of_bookings(&["by-flight"])], on_the_way, None);
    assert_eq!(standing(&waited, "by-flight"), IndexWait::Missing);
    assert!(world.now < after(10));
}

#[test]
fn what_was_asked_for_by_name_is_on_its_way_by_arn_too_and_the_reverse() {
    let arn = |account: &str, region: &str| {
        table(&format!("arn:aws:dynamodb:{region}:{account}:table/bookings"))
    };
    let (own, plain) = (arn("111122223333", "eu-west-1"), table("bookings"));
    let mut shown = described(START);
    shown.table_id = Some("the table".to_owned());
    shown.status = TableStatus::Active;
    let here = Some("111122223333".to_owned());
    for (asked, account, named, known) in [
        (&plain, &here, &own, true),
        (&own, &here, &plain, true),
        (&plain, &here, &arn("444455556666", "eu-west-1"), false),
        (&plain, &here, &arn("111122223333", "us-east-1"), false),
        (&plain, &here, &table("flights"), false),
        // Emulators look at the name alone.
        (&plain, &None, &own, true),
        (&own, &None, &arn("444455556666", "eu-west-1"), false),
    ] {
        let mut definitions = one();
        definitions.indexes[0].id.table = asked.clone();
        let mut state: State = Apply::new(definitions.clone()).state(START);
        let region = Some("eu-west-1".to_owned());
        state.set_target(Target { account: account.clone(), region, endpoint: None });
        let intent = Step::Intend { at: START, table_id: shown.identity(), spec: "2e".to_owned() };
        state.apply(&definitions.indexes[0].id, intent).unwrap();
        let on_the_way = OnTheWay::of(&state, secs(60));
        let wanted = IndexId::new(named.clone(), by_flight().index);
        assert_eq!(on_the_way.recent(named, START, START).count(), usize::from(known), "{named}");
        assert_eq!(on_the_way.may_be_unseen(&wanted, &shown, START, START), known, "{named}");
        let mut another = shown.clone();
        another.table_id = Some("made again".to_owned());
        assert!(!on_the_way.may_be_unseen(&wanted, &another, START, START), "{named}");
    }
}

#[test]
fn a_table_that_is_being_changed_may_show_the_index_later() {
    let mut shown = described(START);
    shown.status = TableStatus::Updating;
    shown.indexes.clear();
    let mut watch = Watch::new(START, vec![of_bookings(&["by-flight"])], OnTheWay::default(), None);
    assert!(!show(&mut watch, after(300), &shown), "nobody knows what the change brings");
    shown.status = TableStatus::Active;
    assert!(show(&mut watch, after(600), &shown));
    assert_eq!(standing(&watch.into_result(), "by-flight"), IndexWait::Missing);
}

#[test]
fn a_table_that_is_still_being_created_is_waited_for() {
    let mut shown = described(START);
    shown.status = TableStatus::Creating;
    shown.indexes.clear();
    let mut watch = Watch::new(START, vec![of_bookings(&[])], OnTheWay::default(), None);
    assert!(!show(&mut watch, after(30), &shown));
    assert!(show(&mut watch, after(60), &described(after(700))));
    assert_eq!(ready(&watch.into_result()).len(), 1);
}

#[test]
fn what_definitions_name_is_waited_for_on_all_tables_side_by_side() {
    let definitions = airline();
    let mut world = Apply::new(definitions.clone()).world();
    let mut of_table = std::collections::BTreeSet::new();
    // One on each table: DynamoDB builds no more at once.
    let first: Vec<_> =
        definitions.indexes.iter().filter(|d| of_table.insert(&d.id.table)).collect();
    for definition in &first {
        world.model.operator_creates(START, definition);
    }
    let selection = Selection {
        indexes: first.iter().map(|d| d.id.index.clone()).collect(),
        ..Selection::default()
    };
    let waits = TableWait::defined(&definitions, &selection);
    assert!(waits.len() > 1);
    let waited = watch_for(&mut world, waits, OnTheWay::default(), None);
    assert!(waited.is_ready(), "{waited:?}");
    assert!(world.now < after(552), "{}", world.now);
}

#[test]
fn an_index_with_other_keys_is_not_the_one_that_definitions_name() {
    let mut world = bookings();
    world.model.operator_creates(START, &index("bookings.by-flight", &["other"]));
    let waits = TableWait::defined(&one(), &Selection::default());
    let waited = watch_for(&mut world, waits, OnTheWay::default(), None);
    assert!(matches!(standing(&waited, "by-flight"), IndexWait::Conflict(_)), "{waited:?}");
}

#[test]
fn trouble_that_passes_is_told_once_and_the_wait_goes_on() {
    let mut shown = described(after(100));
    let ready = described(after(700));
    shown.status = TableStatus::from("INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let mut watch = Watch::new(START, vec![of_bookings(&["by-flight"])], OnTheWay::default(), None);
    let mut told = Vec::new();
    for second in [100, 200, 300] {
        assert!(!show_and_tell(&mut watch, after(second), &shown, &mut told));
    }
    assert!(show_and_tell(&mut watch, after(700), &ready, &mut told));
    let told: Vec<_> = told.iter().map(word).collect();
    assert_eq!(told, ["TableTrouble", "TableBack", "AlreadyActive"]);
}

#[test]
fn an_archived_table_ends_the_wait_with_what_can_be_done() {
    let mut shown = described(after(100));
    shown.status = TableStatus::from("ARCHIVED");
    let mut watch = Watch::new(START, vec![of_bookings(&["by-flight"])], OnTheWay::default(), None);
    assert!(show(&mut watch, after(100), &shown));
    let waited = watch.into_result();
    let Some(WatchTrouble::Unusable { status, remedy }) = &waited.tables[0].trouble else {
        panic!("{waited:?}");
    };
    assert!(status == "ARCHIVED" && remedy.contains("backup"));
}

/// The table as it is shown then, with its index being built since the start.
fn described(at: Timestamp) -> TableDescription {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let call = Call::DescribeTable(table("bookings"));
    match world.model.call(at, &call) {
        Ok(Reply::Table(shown)) => *shown,
        other => panic!("{other:?}"),
    }
}

/// Answers the next look with `shown`; true where the wait is over then.
fn show(watch: &mut Watch, at: Timestamp, shown: &TableDescription) -> bool {
    show_and_tell(watch, at, shown, &mut Vec::new())
}

fn show_and_tell(
    watch: &mut Watch,
    at: Timestamp,
    shown: &TableDescription,
    told: &mut Vec<Event>,
) -> bool {
    let asked = std::iter::from_fn(|| watch.poll(at)).find_map(|effect| match effect {
        Does::Call(id, _) => Some(id),
        _ => None,
    });
    watch.on_reply(at, asked.expect("a look"), Ok(Reply::Table(Box::new(shown.clone()))));
    while let Some(effect) = watch.poll(at) {
        if let Does::Notify(event) = effect {
            told.push(event);
        }
    }
    watch.is_over()
}

#[test]
fn a_skew_that_its_refusal_heals_is_repeated_once_and_one_that_stays_ends_the_wait() {
    for (refused, calls) in [(1, 2), (1_000, 2)] {
        let mut world = bookings();
        let mut n = 0;
        let skew = local(ErrorKind::ClockSkew, "RequestTimeTooSkewed");
        world.faults = Box::new(move |_, _, _| {
            n += 1;
            if n <= refused { Fault::Refuse(skew.clone()) } else { Fault::None }
        });
        let watched = watch(&mut world, &[], None);
        assert_eq!(world.calls.len(), calls);
        assert!(world.calls[1].at >= after(1), "not at once");
        assert_eq!(watched.error().is_none(), refused == 1, "{watched:?}");
    }
}
