//! The first look at all tables.

use gsictl_core::call::{CallError, Effect as Applied, ErrorKind, Page, Reply};
use gsictl_core::catalog::{Catalog, Sighting};
use gsictl_core::machine::{Effect, Machine};
use gsictl_core::survey::{Survey, SurveyError};

use crate::support::apply::{Apply, word};
use crate::support::samples::{
    START, after, airline, connection, expired, local, millis, one, one_each, secs, server_error,
    table, throttled,
};
use gsictl_sim::model::refusal;
use gsictl_sim::world::{CallFaults, Fault, Finish, World};

fn survey(apply: &Apply, world: &mut World) -> Result<Catalog, SurveyError> {
    let mut survey = Survey::new(apply.definitions.tables());
    assert_eq!(world.run(&mut survey), Finish::Over);
    survey.into_catalog()
}

/// The calls with these numbers, from 1, are refused.
fn refuse(world: &mut World, calls: std::ops::Range<usize>, error: &CallError) {
    let (error, mut n) = (error.clone(), 0);
    world.faults = Box::new(move |_, _, _| {
        n += 1;
        if calls.contains(&n) { Fault::Refuse(error.clone()) } else { Fault::None }
    });
}

#[test]
fn each_table_is_described_once_and_side_by_side() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    let catalog = survey(&apply, &mut world).unwrap();
    assert_eq!(world.calls.len(), 5);
    assert_eq!(catalog.found().count(), 5);
    assert_eq!(catalog.account(), Some("123456789012"));
    assert!(world.now - START <= millis(80), "one alone, then all others at once");
}

#[test]
fn many_tables_are_described_a_few_at_a_time() {
    let apply = Apply::new(one_each(100));
    let mut world = apply.world();
    survey(&apply, &mut world).unwrap();
    let at_once = |at| world.calls.iter().filter(|c| c.at == at).count();
    let most = world.calls.iter().map(|c| at_once(c.at)).max().unwrap();
    assert_eq!(most, 32);
    assert!(world.now - START < secs(1));
}

#[test]
fn the_first_contact_fails_fast_where_waiting_cannot_help() {
    let errors = [
        connection(Applied::NotApplied),
        local(ErrorKind::NoRegion, "NoRegion"),
        local(ErrorKind::CredentialsInvalid, "NoCredentials"),
        local(ErrorKind::Timeout, "TimedOut"),
        expired(),
    ];
    for error in errors {
        let apply = Apply::new(airline());
        let mut world = apply.world();
        refuse(&mut world, 1..1_000, &error);
        let failed = survey(&apply, &mut world).unwrap_err();
        let SurveyError::Call { error: told, first_contact, .. } = failed else {
            panic!("{failed:?}");
        };
        assert_eq!((told, first_contact), (error, true));
        assert_eq!(world.calls.len(), 1, "one call finds out what is wrong");
        assert!(world.now - START < secs(1));
    }
}

fn skew() -> CallError {
    local(ErrorKind::ClockSkew, "RequestTimeTooSkewed")
}

#[test]
fn a_skew_that_its_refusal_heals_is_repeated_once_and_told() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    refuse(&mut world, 1..2, &skew());
    let catalog = survey(&apply, &mut world).expect("a catalog");
    assert_eq!(catalog.found().count(), 5);
    assert_eq!(world.calls.len(), 6);
    assert!(world.calls[1].at >= after(1), "not at once, and no other table instead");
    assert_eq!(world.events.iter().filter(|(_, e)| word(e) == "LookFailed").count(), 1);
}

#[test]
fn a_skew_that_its_refusal_does_not_heal_ends_the_first_contact() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    refuse(&mut world, 1..1_000, &skew());
    let failed = survey(&apply, &mut world).unwrap_err();
    assert!(
        matches!(&failed, SurveyError::Call { error, first_contact: true, .. } if *error == skew()),
        "{failed:?}"
    );
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn trouble_after_the_first_answer_is_waited_out() {
    let errors = [
        connection(Applied::NotApplied),
        local(ErrorKind::Timeout, "TimedOut"),
        throttled(),
        server_error(),
        expired(),
    ];
    for error in errors {
        let apply = Apply::new(airline());
        let mut world = apply.world();
        refuse(&mut world, 2..12, &error);
        let catalog = survey(&apply, &mut world);
        assert_eq!(catalog.expect("a catalog").found().count(), 5, "{error:?}");
        assert!(world.now > after(2) && world.now < after(40), "{error:?}");
    }
}

#[test]
fn throttling_is_waited_out_even_at_first() {
    for error in [throttled(), server_error()] {
        let apply = Apply::new(one());
        let mut world = apply.world();
        refuse(&mut world, 1..4, &error);
        assert!(survey(&apply, &mut world).is_ok());
        assert!(world.now >= after(7), "1, 2 and 4 seconds");
        assert_eq!(world.events.len(), 3);
    }
}

#[test]
fn a_repeat_that_is_due_while_another_answer_is_slow_waits_for_it() {
    // The world fails where a machine wants to be woken and then does nothing.
    let apply = Apply::new(airline());
    let mut world = apply.world();
    let mut n = 0;
    world.faults = Box::new(move |_, _, _| {
        n += 1;
        match n {
            1 => Fault::Refuse(server_error()),
            2 => Fault::Late(secs(20)),
            _ => Fault::None,
        }
    });
    assert_eq!(survey(&apply, &mut world).unwrap().found().count(), 5);
    assert!(world.now >= after(20) && world.now < after(21));
}

#[test]
fn trouble_that_does_not_end_is_told_after_half_a_minute() {
    let apply = Apply::new(one());
    let mut world = apply.world();
    refuse(&mut world, 1..1_000, &throttled());
    let failed = survey(&apply, &mut world).unwrap_err();
    assert!(world.now > after(25) && world.now < after(40));
    let SurveyError::Call { first_contact, .. } = failed else {
        panic!("{failed:?}");
    };
    assert!(!first_contact, "DynamoDB answered, if only to be left alone");
}

#[test]
fn an_answer_that_no_dynamodb_gives_fails_fast_at_first_contact_only() {
    let stranger = CallError::from_service("Whatever", "<html>", Some(503));
    let apply = Apply::new(airline());
    let mut world = apply.world();
    refuse(&mut world, 1..1_000, &stranger);
    let failed = survey(&apply, &mut world).unwrap_err();
    assert!(matches!(failed, SurveyError::Call { first_contact: true, .. }), "{failed:?}");
    assert_eq!(world.calls.len(), 1);
    let mut world = apply.world();
    refuse(&mut world, 2..5, &stranger);
    assert!(survey(&apply, &mut world).is_ok());
}

#[test]
fn a_first_call_without_an_answer_is_told_once() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    world.call_latency = secs(5);
    survey(&apply, &mut world).unwrap();
    let told: Vec<_> = world.events.iter().map(|(at, event)| (*at - START, word(event))).collect();
    assert_eq!(told, [(millis(1_500), "NoAnswerYet")]);
}

#[test]
fn a_table_that_is_missing_or_denied_is_a_sighting() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    world.model.operator_drops(&table("bookings"));
    world.faults = Box::new(|call, _, _| match call.table().as_str() {
        "flights" => Fault::Refuse(refusal("AccessDeniedException", "no DescribeTable")),
        _ => Fault::None,
    });
    let catalog = survey(&apply, &mut world).unwrap();
    assert_eq!(catalog.found().count(), 3);
    let of = |name| catalog.get(&table(name)).unwrap().1.clone();
    assert_eq!(of("bookings"), Sighting::Missing);
    assert_eq!(of("flights"), Sighting::Denied("no DescribeTable".to_owned()));
}

/// Of these tables the descriptions say too little.
fn odd(tables: &'static [&'static str]) -> CallFaults {
    Box::new(move |call, _, _| {
        let unreadable = || CallError::unreadable(Applied::Unknown, "an index without its keys");
        let odd = tables.contains(&call.table().as_str());
        if odd { Fault::Refuse(unreadable()) } else { Fault::None }
    })
}

#[test]
fn a_table_that_cannot_be_read_is_a_sighting_and_the_others_are_seen() {
    // The first that is asked for, and one of the others.
    for tables in [&["Baggage"][..], &["passengers"], &["Baggage", "CrewRoster"]] {
        let apply = Apply::new(airline());
        let mut world = apply.world();
        world.faults = odd(tables);
        let catalog = survey(&apply, &mut world).unwrap();
        assert_eq!(catalog.found().count(), 5 - tables.len());
        for name in tables {
            let sighting = catalog.get(&table(name)).unwrap().1;
            let Sighting::Unreadable(why) = sighting else { panic!("{sighting:?}") };
            assert!(why.contains("an index without its keys"), "{why}");
        }
        assert!(world.now - START < secs(5), "it is not asked for half a minute");
    }
}

#[test]
fn where_nothing_can_be_read_the_survey_ends_at_once() {
    for (wanted, calls) in [(one(), 1), (airline(), 3)] {
        let apply = Apply::new(wanted);
        let mut world = apply.world();
        world.faults = odd(&["bookings", "Baggage", "CrewRoster", "flights", "passengers"]);
        let failed = survey(&apply, &mut world).unwrap_err();
        assert!(matches!(failed, SurveyError::Call { first_contact: true, .. }));
        assert_eq!(world.calls.len(), calls);
    }
}

#[test]
fn a_survey_that_is_interrupted_ends_at_once() {
    let apply = Apply::new(airline());
    let mut world = apply.world();
    world.stop_at = Some(START + millis(10));
    let failed = survey(&apply, &mut world).unwrap_err();
    assert_eq!(failed, SurveyError::Stopped);
    assert_eq!(world.now, START + millis(10));
}

#[test]
fn a_survey_of_nothing_is_over_at_once() {
    let apply = Apply::new(gsictl_core::definition::Definitions::default());
    let mut world = World::default();
    assert_eq!(survey(&apply, &mut world).unwrap(), Catalog::default());
}

#[test]
fn an_answer_that_describes_nothing_is_no_table_that_is_missing() {
    for reply in [Reply::Done, Reply::Page(Page::default()), Reply::Json(b"{}".to_vec())] {
        let apply = Apply::new(one());
        let mut survey = Survey::new(apply.definitions.tables());
        let Some(Effect::Call(id, _)) = survey.poll(START) else {
            panic!("a table is asked for first");
        };
        survey.on_reply(START, id, Ok(reply));
        let SurveyError::Call { error, .. } = survey.into_catalog().unwrap_err() else {
            panic!("it was answered");
        };
        assert_eq!(error.code, CallError::UNREADABLE);
    }
}
