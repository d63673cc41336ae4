//! Global tables: an index is ready where every region says so.

use std::time::Duration;

use gsictl_core::call::{Call, CallError, Reply};
use gsictl_core::catalog::{OwnRegion, ReplicaDescription};
use gsictl_core::definition::{Definitions, ProvisionedThroughput};
use gsictl_core::engine::{Engine, Verdict};
use gsictl_core::event::Event;
use gsictl_core::look::Told;
use gsictl_core::machine::{Effect, Machine};
use gsictl_core::plan::{Action, Obstacle, Selection};
use gsictl_core::retry::Policy;
use gsictl_core::rollback;
use gsictl_core::state::{Owner, Status};
use gsictl_core::survey::Survey;
use gsictl_core::time::Timestamp;
use gsictl_core::watch::{IndexWait, OnTheWay, TableWait, Watch, Watched};
use gsictl_sim::model::{Replica, refusal};
use gsictl_sim::world::{CallFaults, Fault, Finish, World};

use super::rollback::{Rollback, is_gone};
use crate::support::apply::{Apply, Ran};
use crate::support::samples::{START, after, by_flight, definitions, index, one, secs, table};
use crate::support::stage::bare;

const THERE: &str = "us-east-1";

/// `bookings` with a replica, in which indexes are ready so many seconds later.
fn global(apply: &Apply, lag: i64) -> World {
    let mut world = apply.world();
    let bookings = world.model.table(&table("bookings"));
    bookings.replicas = vec![Replica::new(THERE, lag * 1_000)];
    world
}

fn denied() -> CallError {
    refusal("AccessDeniedException", "no identity-based policy allows dynamodb:DescribeTable")
}

fn refusing(refused: fn(&Call) -> bool) -> CallFaults {
    Box::new(move |call, _, _| if refused(call) { Fault::Refuse(denied()) } else { Fault::None })
}

fn abroad(call: &Call) -> bool {
    matches!(call, Call::DescribeReplica { .. })
}

fn asked_abroad(world: &World, ran: &Ran) -> Vec<Timestamp> {
    world.calls[ran.calls.clone()].iter().filter(|s| abroad(&s.call)).map(|s| s.at).collect()
}

fn told_at(world: &World, fits: fn(&Event) -> bool) -> Vec<Timestamp> {
    world.events.iter().filter(|(_, event)| fits(event)).map(|(at, _)| *at).collect()
}

#[test]
fn an_index_is_ready_where_the_last_region_is() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 100);
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    // 540 s at home, 640 s there.
    assert!(ran.ended_at >= after(640) && ran.ended_at <= after(675), "{}", ran.ended_at);
    assert_eq!(ran.count(&world, "AwaitingRegions"), 1);
    // Once before the run, and then not before home is ready.
    let asked = asked_abroad(&world, &ran);
    assert!(asked[0] < after(1) && asked[1] >= after(540), "{asked:?}");
    assert_eq!(asked.iter().filter(|at| **at < after(540)).count(), 1, "{asked:?}");
}

#[test]
fn a_region_that_is_ready_first_holds_nothing_up() {
    let apply = Apply::new(one());
    let mut world = global(&apply, -30);
    let ran = apply.run(&mut world);
    assert!(ran.all_active() && ran.ended_at <= after(575), "{}", ran.told(&world));
    assert_eq!(ran.count(&world, "AwaitingRegions"), 0);
}

/// The fan-out of AWS: no region shows the index for a while, the base last of all.
#[test]
fn what_no_description_shows_for_a_minute_stays_ours() {
    let apply = Apply::new(one());
    let mut world = global(&apply, -30);
    world.model.allocation = secs(89);
    world.model.backfill = secs(486);
    world.model.table(&table("bookings")).late = secs(75);
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
    assert_eq!(ran.entry(&by_flight()).retry_count(), 0);
}

#[test]
fn a_region_that_cannot_be_asked_is_told_at_once_and_not_taken_for_ready() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 0);
    world.faults = refusing(abroad);
    let ran = apply.run(&mut world);
    let told = told_at(&world, |event| matches!(event, Event::RegionUnknown { .. }));
    assert!(told.len() == 1 && told[0] < after(1), "{told:?}");
    let regions = vec![THERE.to_owned()];
    assert_eq!(*ran.verdict(&by_flight()), Verdict::Unconfirmed { regions });
    assert_eq!(ran.status(&by_flight()), Status::InProgress);
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(error.contains(THERE) && error.contains("AccessDeniedException"), "{error}");
    // Ten minutes after home was ready.
    assert!(ran.ended_at >= after(1_140) && ran.ended_at <= after(1_210), "{}", ran.ended_at);

    // The next run picks it up, as what this one made.
    world.faults = Box::new(|_, _, _| Fault::None);
    let next = apply.run(&mut world);
    assert!(next.all_active(), "{}", next.told(&world));
    assert_eq!(next.owner(&by_flight()), Some(Owner::Run));
    assert!(next.creates(&world, &by_flight()).is_empty());
}

#[test]
fn what_one_table_lacks_in_a_region_is_told_of_the_next_too() {
    let shown = |name: &str| {
        let mut shown = bare(&table(name));
        let own = OwnRegion::Unknown { reason: "throttled".to_owned() };
        shown.replicas =
            vec![ReplicaDescription { own, ..ReplicaDescription::new(THERE, "ACTIVE") }];
        shown
    };
    let mut told = Told::default();
    let news = ["bookings", "flights", "bookings"];
    let news = news.map(|name| told.news(&table(name), &shown(name)).len());
    assert_eq!(news, [1, 1, 0]);
}

#[test]
fn a_region_that_goes_on_building_is_waited_for_longer_than_ten_minutes() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 1_500);
    let ran = apply.run(&mut world);
    assert!(ran.all_active() && ran.ended_at >= after(2_040), "{}", ran.told(&world));
}

#[test]
fn an_index_that_is_ready_here_is_not_reminded_of_as_being_built() {
    let mut world = global(&Apply::new(one()), 30_000);
    let ran = Apply::new(one()).run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    let reminded = |event: &Event| matches!(event, Event::StillBuilding { .. });
    assert_eq!(told_at(&world, reminded), [], "{}", ran.told(&world));
    let mut world = global(&Apply::new(one()), 30_000);
    world.model.operator_creates(START, &one().indexes[0]);
    assert!(watch(&mut world, &[]).is_ready());
    assert_eq!(told_at(&world, reminded), []);
}

#[test]
fn the_time_out_of_a_run_holds_for_its_regions_too() {
    let apply = Apply::new(one()).policy(|p| p.activation_timeout = Some(secs(600)));
    let mut world = global(&apply, 1_500);
    let ran = apply.run(&mut world);
    assert_eq!(*ran.verdict(&by_flight()), Verdict::TimedOut);
    let error = ran.entry(&by_flight()).last_error().unwrap();
    assert!(error.contains("us-east-1: CREATING (backfilling)"), "{error}");
}

/// The world holds each save against what the regions have shown.
#[test]
fn a_rollback_takes_nothing_for_active_that_another_region_still_builds() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 3_000);
    world.stop_at = Some(after(700));
    apply.run(&mut world);
    world.stop_at = None;
    let done = Rollback::default().run(&mut world);
    assert_eq!(done.deletes, [by_flight().to_string()]);
}

#[test]
fn a_time_out_before_a_silent_region_has_answered_does_not_say_that_it_builds() {
    let apply = Apply::new(one()).policy(|p| p.activation_timeout = Some(secs(600)));
    let mut world = global(&apply, 0);
    world.faults = refusing(abroad);
    let ran = apply.run(&mut world);
    assert_eq!(
        *ran.verdict(&by_flight()),
        Verdict::Unconfirmed { regions: vec![THERE.to_owned()] }
    );
    assert_eq!((ran.count(&world, "Unconfirmed"), ran.count(&world, "TimedOut")), (1, 0));
    assert!(ran.ended_at < after(700), "{}", ran.ended_at);
}

/// The entry was in progress all the time: other regions had not made it active.
#[test]
fn an_index_that_is_built_again_after_it_was_ready_at_home_is_not_ours() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 500);
    world.at(after(700), |model, now| model.operator_deletes(now, &by_flight()));
    world.at(after(705), |model, now| model.operator_creates(now, &one().indexes[0]));
    // Between the two nobody looks.
    world.faults = Box::new(|call, now, _| {
        let hidden = now > after(699) && now < after(706);
        let unseen =
            hidden && matches!(call, Call::DescribeTable(_) | Call::DescribeReplica { .. });
        let server = CallError::from_service("InternalServerError", "no answer", Some(500));
        if unseen { Fault::Refuse(server) } else { Fault::None }
    });
    let ran = apply.run(&mut world);
    assert!(ran.all_active(), "{}", ran.told(&world));
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Found));
}

/// The answer to the delete was lost, so that it would be repeated.
#[test]
fn a_rollback_deletes_no_index_that_is_built_again_after_it_was_ready_at_home() {
    let apply = Apply::new(one());
    let mut world = global(&apply, 3_000);
    world.stop_at = Some(after(700));
    apply.run(&mut world);
    world.stop_at = None;
    let stopped_at = world.now;
    world.at(stopped_at + secs(6), |model, now| {
        model.operator_creates(now, &one().indexes[0]);
    });
    // From the delete until the new one is there nobody looks.
    world.faults = Box::new(move |call, now, nth| {
        let passed = now.max(stopped_at) - stopped_at;
        let server = CallError::from_service("InternalServerError", "no answer", Some(500));
        match call {
            Call::DeleteIndex { .. } if nth == 2 => Fault::LoseAfter(server),
            Call::DescribeTable(_) if passed > Duration::from_millis(100) && passed < secs(8) => {
                Fault::Refuse(server)
            }
            _ => Fault::None,
        }
    });
    let done = Rollback::default().run(&mut world);
    assert_eq!(done.deletes.len(), 1, "{}", world.told(0..world.events.len()));
    let verdict = done.verdict(&by_flight().to_string());
    assert!(matches!(verdict, Verdict::Deleted(_)), "{verdict:?}");
    assert!(!is_gone(&mut world, &by_flight().to_string()));
}

#[test]
fn a_region_that_is_skipped_is_neither_asked_nor_waited_for() {
    let apply = Apply::new(one());
    let apply = apply.policy(|policy| policy.skip_regions = [THERE.to_owned()].into());
    let mut world = global(&apply, 1_500);
    let ran = apply.run(&mut world);
    assert!(ran.all_active() && ran.ended_at <= after(575), "{}", ran.told(&world));
    assert_eq!(ran.count(&world, "RegionSkipped"), 1);
    assert_eq!(asked_abroad(&world, &ran), []);
}

#[test]
fn a_table_of_one_region_is_asked_nothing_more() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    let ran = apply.run(&mut world);
    let calls = world.calls[ran.calls.clone()].iter();
    let more =
        calls.filter(|s| matches!(s.call, Call::DescribeReplica { .. } | Call::DescribeScaling(_)));
    assert_eq!(more.count(), 0);
}

/// What was active everywhere is ours still where another region cannot be asked later.
#[test]
fn what_was_active_is_whose_it_was_where_a_region_falls_silent() {
    let apply = Apply::new(two());
    let mut world = global(&apply, 0);
    let only = Apply { selection: only("by-flight"), ..apply.clone() };
    assert_eq!(only.run(&mut world).status(&by_flight()), Status::Active);
    world.faults = refusing(abroad);
    let ran = only.run(&mut world);
    assert_eq!(ran.status(&by_flight()), Status::InProgress, "{}", ran.told(&world));
    assert_eq!(ran.owner(&by_flight()), Some(Owner::Run));
    world.faults = Box::new(|_, _, _| Fault::None);
    assert_eq!(only.run(&mut world).owner(&by_flight()), Some(Owner::Run));
}

fn two() -> Definitions {
    definitions([index("bookings.by-flight", &["flight_id"]), index("bookings.by-seat", &["seat"])])
}

fn only(name: &str) -> Selection {
    let name = gsictl_core::name::IndexName::new(name).unwrap();
    Selection { tables: Vec::new(), indexes: vec![name] }
}

/// The same with provisioned capacity, and an index that lacks auto scaling.
fn unscaled(apply: &Apply) -> World {
    let mut world = global(apply, 0);
    world.model.operator_creates(START, &index("bookings.old", &["old"]));
    let bookings = world.model.table(&table("bookings"));
    let units = ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 5 };
    bookings.provisioned = Some(units);
    bookings.unscaled_until = after(1_000_000);
    world.now = after(1_000);
    world
}

#[test]
fn an_index_without_auto_scaling_is_named_before_any_change() {
    let apply = Apply::new(one());
    let mut world = unscaled(&apply);
    let ran = apply.run(&mut world);
    let Verdict::Obstructed(obstacle @ Obstacle::WritesNotScaled { .. }) =
        ran.verdict(&by_flight())
    else {
        panic!("{}", ran.told(&world));
    };
    assert!(ran.creates(&world, &by_flight()).is_empty());
    insta::assert_snapshot!(format!("{obstacle}\n{}", obstacle.remedy()));
}

#[test]
fn a_refusal_for_want_of_auto_scaling_names_the_index_that_lacks_it() {
    let apply = Apply::new(one());
    let mut world = unscaled(&apply);
    // Denied before the run, and answered at the refusal.
    world.faults = Box::new(|call, _, nth| match call {
        Call::DescribeScaling(_) if nth == 1 => Fault::Refuse(denied()),
        _ => Fault::None,
    });
    let ran = apply.run(&mut world);
    assert_eq!(ran.plan.tables[0].indexes[0].action, Action::Create);
    assert_eq!(ran.creates(&world, &by_flight()).len(), 1);
    let Verdict::Failed { error, remedy } = ran.verdict(&by_flight()) else {
        panic!("{}", ran.told(&world));
    };
    assert!(error.contains("Pay-Per-Request or AutoScaled"), "{error}");
    assert!(remedy.starts_with("index old (in eu-west-1, us-east-1) has none: "), "{remedy}");
}

#[test]
fn where_auto_scaling_may_not_be_asked_the_remedy_says_what_to_look_for() {
    let apply = Apply::new(one());
    let mut world = unscaled(&apply);
    world.faults = refusing(|call| matches!(call, Call::DescribeScaling(_)));
    let ran = apply.run(&mut world);
    let Verdict::Failed { remedy, .. } = ran.verdict(&by_flight()) else {
        panic!("{}", ran.told(&world));
    };
    insta::assert_snapshot!(remedy);
}

fn watch(world: &mut World, skip: &[&str]) -> Watched {
    let wait = TableWait::named(table("bookings"), vec![by_flight().index]);
    let watch = Watch::new(world.now, vec![wait], OnTheWay::default(), None);
    let mut watch = watch.skipping(skip.iter().map(ToString::to_string).collect());
    assert_eq!(world.run(&mut watch), Finish::Over);
    watch.into_result()
}

#[test]
fn a_wait_is_over_where_every_region_is_ready() {
    let mut world = global(&Apply::new(one()), 100);
    world.model.operator_creates(START, &one().indexes[0]);
    assert!(watch(&mut world, &[]).is_ready());
    assert!(world.now >= after(640), "{}", world.now);
}

#[test]
fn a_wait_asks_no_region_for_what_it_found_ready_in_all_of_them() {
    let mut world = global(&Apply::new(one()), 0);
    world.model.operator_creates(START, &one().indexes[0]);
    world.now = after(1_000);
    let _ = world.model.status(world.now, &by_flight());
    let now = world.now;
    world.model.operator_creates(now, &index("bookings.later", &["later"]));
    let wait = TableWait::named(
        table("bookings"),
        vec![by_flight().index, index("bookings.later", &["later"]).id.index],
    );
    let mut watch = Watch::new(now, vec![wait], OnTheWay::default(), None);
    assert_eq!(world.run(&mut watch), Finish::Over);
    assert!(watch.into_result().is_ready());
    let asked = world.calls.iter().filter(|sent| abroad(&sent.call)).count();
    assert_eq!(asked, 2, "once for each index, when it is ready here");
}

#[test]
fn a_wait_does_not_take_a_silent_region_for_ready_and_ends() {
    let mut world = global(&Apply::new(one()), 0);
    world.model.operator_creates(START, &one().indexes[0]);
    world.faults = refusing(abroad);
    let watched = watch(&mut world, &[]);
    assert!(!watched.is_ready());
    let [(_, IndexWait::Unconfirmed(regions))] = &watched.tables[0].indexes[..] else {
        panic!("{watched:?}");
    };
    assert!(regions.contains(THERE) && regions.contains("AccessDenied"), "{regions}");
    assert!(world.now >= after(1_140) && world.now <= after(1_210), "{}", world.now);
}

#[test]
fn a_wait_does_without_a_region_that_is_skipped() {
    let mut world = global(&Apply::new(one()), 0);
    world.model.operator_creates(START, &one().indexes[0]);
    world.faults = refusing(abroad);
    assert!(watch(&mut world, &[THERE]).is_ready());
}

/// Runs `machine` on what `answer` says to each call, at once.
fn play(
    machine: &mut impl Machine,
    mut now: Timestamp,
    mut answer: impl FnMut(Timestamp, &Call) -> Reply,
) -> (Timestamp, Vec<Event>) {
    let mut events = Vec::new();
    while !machine.is_over() {
        while let Some(effect) = machine.poll(now) {
            match effect {
                Effect::Notify(event) => events.push(event),
                Effect::Call(id, call) => machine.on_reply(now, id, Ok(answer(now, &call))),
                Effect::Save(snapshot) => machine.on_saved(now, snapshot.serial, Ok(())),
            }
        }
        now = machine.wake_at().map_or(now, |at| at.max(now));
    }
    (now, events)
}

/// A rollback in a world in which the other region lists the index for so long after the
/// base does not.
fn roll_back(lingers: Duration) -> (Vec<Event>, Duration) {
    let apply = Apply::new(one());
    let mut world = global(&apply, 0);
    let made = apply.run(&mut world);
    let (state, mut now) = (made.state, world.now);
    let mut survey = Survey::new([&table("bookings")]);
    now = play(&mut survey, now, |at, call| world.model.call(at, call).unwrap()).0;
    let selection = Selection::default();
    let plan = rollback::plan(&state, &survey.into_catalog().unwrap(), &selection, false);
    let mut engine = Engine::rollback(now, plan, Policy::default(), state, 7);
    let ready = world
        .model
        .call(now, &Call::DescribeReplica { table: table("bookings"), region: THERE.to_owned() });
    let (ready, mut gone_at) = (ready.unwrap(), None);
    let (ended, events) = play(&mut engine, now, |at, call| {
        let reply = world.model.call(at, call).unwrap();
        let Reply::Table(shown) = &reply else { return reply };
        if matches!(call, Call::DescribeTable(_)) && shown.indexes.is_empty() {
            gone_at.get_or_insert(at);
        }
        let still = abroad(call) && gone_at.is_some_and(|gone| at - gone < lingers);
        if still { ready.clone() } else { reply }
    });
    let (_, outcome) = engine.finish();
    assert!(matches!(outcome.verdicts[0].1, Verdict::Deleted(_)), "{outcome:?}");
    (events, ended - gone_at.expect("it was deleted"))
}

#[test]
fn a_deletion_is_over_where_the_index_is_gone_from_every_region() {
    let (events, waited) = roll_back(secs(30));
    assert!(waited >= secs(30) && waited <= secs(45), "{waited:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::StillListed { .. })));
}

/// The region that was asked shows the new one later than the other does.
#[test]
fn an_index_that_is_made_again_while_a_region_lists_it_was_deleted_all_the_same() {
    let apply = Apply::new(one());
    // Its build is not over in every region.
    let mut world = global(&apply, 3_000);
    world.stop_at = Some(after(700));
    apply.run(&mut world);
    world.stop_at = None;
    let deleted_at = world.now;
    world.model.table(&table("bookings")).late = secs(100);
    world.at(deleted_at + secs(6), |model, now| model.operator_creates(now, &one().indexes[0]));
    world.faults = Box::new(move |call, now, _| {
        let silent = now > deleted_at + Duration::from_millis(500) && now < deleted_at + secs(60);
        let hidden = silent && matches!(call, Call::DescribeTable(_));
        let server = CallError::from_service("InternalServerError", "no answer", Some(500));
        if hidden { Fault::Refuse(server) } else { Fault::None }
    });
    let done = Rollback::default().run(&mut world);
    let verdict = done.verdict(&by_flight().to_string());
    assert!(matches!(verdict, Verdict::Deleted(_)), "{verdict:?}");
    assert!(!is_gone(&mut world, &by_flight().to_string()));
}

#[test]
fn an_index_that_a_region_lists_for_ever_is_told_and_not_waited_for() {
    let (events, waited) = roll_back(secs(1_000_000));
    assert!(waited >= secs(600) && waited <= secs(665), "{waited:?}");
    let told = |event: &&Event| match event {
        Event::StillListed { regions, .. } => *regions == [THERE],
        _ => false,
    };
    assert_eq!(events.iter().filter(told).count(), 1);
}
