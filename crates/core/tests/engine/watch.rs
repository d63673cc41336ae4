//! The waiter: it looks, and changes nothing.

use std::time::Duration;

use gsictl_core::call::{CallError, Effect, ErrorKind, Reply};
use gsictl_core::catalog::{
    IndexDescription, IndexStatus, OwnRegion, ReplicaDescription, TableStatus,
};
use gsictl_core::machine::{Effect as Does, Machine};
use gsictl_core::watch::{Watch, Watched};

use crate::support::apply::{Apply, word};
use crate::support::samples::{
    START, after, airline, by_flight, connection, expired, id, index, local, millis, one, secs,
    server_error, table,
};
use gsictl_sim::world::{Fault, Finish, World};

fn bookings() -> World {
    Apply::new(one()).world()
}

fn watch(world: &mut World, indexes: &[&str], timeout: Option<Duration>) -> Watched {
    let indexes = indexes.iter().map(|i| id(&format!("bookings.{i}")).index).collect();
    let mut watch = Watch::new(world.now, table("bookings"), indexes, timeout);
    assert_eq!(world.run(&mut watch), Finish::Over);
    watch.into_result()
}

fn words(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|(_, event)| word(event)).collect()
}

#[test]
fn it_returns_when_the_index_is_ready_and_tells_each_phase_once() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let Watched::Ready(ready) = watch(&mut world, &["by-flight"], None) else {
        panic!("not ready");
    };
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
    let Watched::Ready(ready) = watch(&mut world, &[], None) else {
        panic!("not ready");
    };
    assert_eq!(ready.len(), 2);
    assert!(ready[0].1 < secs(1) && ready[1].1 >= secs(540));
    assert_eq!(words(&world), ["AlreadyActive", "Adopted", "Backfilling", "Activated"]);
}

#[test]
fn a_table_without_indexes_is_ready() {
    assert_eq!(watch(&mut bookings(), &[], None), Watched::Ready(vec![]));
}

#[test]
fn it_gives_up_when_the_time_is_over_and_names_what_is_not_ready() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let waited = watch(&mut world, &["by-flight"], Some(secs(60)));
    assert_eq!(waited, Watched::TimedOut(vec![by_flight().index]));
    assert_eq!(world.now, after(60));
}

#[test]
fn it_gives_up_in_time_even_where_nothing_answers() {
    let mut world = bookings();
    world.faults = Box::new(|_, _, _| Fault::Silence);
    let waited = watch(&mut world, &["by-flight"], Some(secs(60)));
    assert_eq!(waited, Watched::TimedOut(vec![by_flight().index]));
    assert_eq!(world.now, after(60));
}

#[test]
fn there_is_nothing_to_wait_for_without_table_or_index() {
    assert_eq!(watch(&mut World::default(), &[], None), Watched::NoTable);
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let missing = vec![id("bookings.by-fligth").index];
    assert_eq!(watch(&mut world, &["by-flight", "by-fligth"], None), Watched::Missing(missing));
}

#[test]
fn an_index_that_is_deleted_meanwhile_is_no_longer_waited_for() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    world.model.deletion = secs(60);
    world.at(after(100), |model, now| model.operator_deletes(now, &by_flight()));
    let waited = watch(&mut world, &["by-flight"], None);
    assert_eq!(waited, Watched::Missing(vec![by_flight().index]));
    assert!(world.now < after(106));
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
        assert_eq!(watch(&mut world, &[], None), Watched::Failed(error));
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
        assert!(matches!(waited, Watched::Ready(_)), "{waited:?}");
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
    assert_eq!(watch(&mut world, &[], None), Watched::Failed(denied));
}

#[test]
fn it_can_be_interrupted() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    world.stop_at = Some(after(50));
    assert_eq!(watch(&mut world, &[], None), Watched::Stopped);
    assert_eq!(world.now, after(50));
}

#[test]
fn on_a_global_table_every_replica_must_be_ready() {
    let mut world = bookings();
    world.model.operator_creates(START, &one().indexes[0]);
    let later = after(600);
    let Ok(Reply::Table(mut shown)) =
        world.model.call(later, &gsictl_core::call::Call::DescribeTable(table("bookings")))
    else {
        panic!("no table");
    };
    let built = shown.indexes.clone();
    let replica = |status: IndexStatus| {
        let index = IndexDescription { status, ..built[0].clone() };
        let own = OwnRegion::Shown { status: TableStatus::Active, indexes: vec![index] };
        ReplicaDescription { own, ..ReplicaDescription::new("us-east-1", "ACTIVE") }
    };
    shown.replicas = vec![replica(IndexStatus::Creating)];
    let mut watch = Watch::new(later, table("bookings"), vec![by_flight().index], None);
    let mut answer = |watch: &mut Watch, at| {
        let asked = std::iter::from_fn(|| watch.poll(at)).find_map(|effect| match effect {
            Does::Call(id, _) => Some(id),
            _ => None,
        });
        watch.on_reply(at, asked.unwrap(), Ok(Reply::Table(shown.clone())));
        shown.replicas = vec![replica(IndexStatus::Active)];
        while watch.poll(at).is_some() {}
        watch.is_over()
    };
    assert!(!answer(&mut watch, later), "the replica is not ready");
    assert!(answer(&mut watch, later + millis(1_000)));
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
    let mut watch = Watch::new(START, table("bookings"), vec![], None);
    let Some(Does::Call(call, _)) = watch.poll(START) else {
        panic!("the table is asked for first");
    };
    watch.on_reply(START, call, Ok(Reply::Done));
    let Watched::Failed(error) = watch.into_result() else {
        panic!("whoever answers so is no DynamoDB, and not worth waiting for");
    };
    assert_eq!(error.code, CallError::UNREADABLE);
}
