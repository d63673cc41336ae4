//! Every refusal has an end: what passes is waited for in growing steps and within a
//! bound, what lasts fails at once, and both are told in AWS's words.
#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it with --nocapture")]

use std::time::Duration;

use gsictl_core::call::{Call, CallError, ErrorKind, Reply};
use gsictl_core::catalog::{
    Catalog, IndexStatus, ReplicaDescription, Sighting, TableDescription, TableStatus,
};
use gsictl_core::engine::{Engine, Outcome, Verdict};
use gsictl_core::event::{Event, Queue};
use gsictl_core::name::TableName;
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_core::rollback;
use gsictl_core::state::{State, Step};
use gsictl_core::time::Timestamp;

use gsictl_sim::model::{Limiter, Model, RATE, refusal};

use crate::support::samples::{
    START, after, by_flight, definitions, hours, index, one, one_each, secs, spec, table,
};
use crate::support::stage::{Stage, bare, fresh};

fn shown(description: TableDescription) -> Result<Reply, CallError> {
    Ok(Reply::Table(Box::new(description)))
}

/// A DynamoDB whose builds are over at once.
fn instant() -> Model {
    let mut model = Model::default();
    (model.allocation, model.backfill) = (secs(0), secs(0));
    model
}

/// A table that is free, and refuses each change with what `refuse` says of it. With
/// `built` it has the index of [`one`].
fn refusing(
    built: bool,
    mut refuse: impl FnMut(Timestamp, &Call) -> Option<CallError>,
) -> impl FnMut(Timestamp, &Call) -> Result<Reply, CallError> {
    let mut model = instant();
    for name in ["bookings", "orders", "flights"] {
        model.add_table(&table(name));
    }
    if built {
        model.operator_creates(START, &one().indexes[0]);
    }
    move |now, call| match refuse(now, call).filter(|_| call.is_mutating()) {
        Some(error) => Err(error),
        None => model.call(now, call),
    }
}

/// A rollback of the index of [`one`], which an earlier run made.
fn roll_back<S: FnMut(Timestamp, &Call) -> Result<Reply, CallError>>(
    stage: &mut Stage<S>,
    shown: &TableDescription,
    ready: bool,
) -> (State, Outcome) {
    let mut state = fresh();
    state.enlist(&one());
    let table_id = || shown.identity();
    let steps = [
        Step::Intend { at: START, table_id: table_id(), spec: spec() },
        Step::Acknowledge,
        if ready {
            Step::SeenActive { at: START, table_id: table_id() }
        } else {
            Step::SeenBuilding { table_id: table_id() }
        },
    ];
    for step in steps {
        state.apply(&by_flight(), step).unwrap();
    }
    let mut catalog = Catalog::default();
    catalog.insert(table("bookings"), START, Sighting::Found(Box::new(shown.clone())));
    let plan = rollback::plan(&state, &catalog, &Selection::default(), false);
    let mut engine = Engine::rollback(START, plan, Policy::default(), state, 7);
    stage.run(&mut engine);
    engine.finish()
}

/// `bookings` with its index ready, as [`refusing`] shows it.
fn built(
    mut service: impl FnMut(Timestamp, &Call) -> Result<Reply, CallError>,
) -> TableDescription {
    let reply = service(START, &Call::DescribeTable(table("bookings")));
    *reply.and_then(Reply::into_table).unwrap()
}

/// A text of each kind, as it is said to a change.
fn said(kind: ErrorKind) -> CallError {
    use ErrorKind as K;
    let in_use = "Attempt to change a resource which is still in use: ";
    let (code, message) = match kind {
        K::TableBusy => ("ResourceInUseException", format!("{in_use}Table is being updated: bookings")),
        K::IndexBusy => ("ResourceInUseException", format!("{in_use}Index is being updated. Table: bookings Index: other")),
        K::OtherIndexBuilding => ("LimitExceededException", gsictl_sim::model::ONE_INDEX.to_owned()),
        K::AccountLimit => ("LimitExceededException", "Subscriber limit exceeded: Only 500 tables can be updated simultaneously".to_owned()),
        K::ControlPlaneRate => ("ThrottlingException", RATE.to_owned()),
        K::DecreaseLimit => ("LimitExceededException", "Provisioned throughput decreases are limited within a given UTC day".to_owned()),
        K::UnknownLimit => ("LimitExceededException", "a text of tomorrow".to_owned()),
        K::QuotaReached => ("LimitExceededException", "The requested WriteCapacityUnits, 60000, is above the per index maximum for the account".to_owned()),
        K::AttributeConflict => ("ValidationException", "Attribute a is not defined in AttributeDefinitions".to_owned()),
        K::IndexExists => ("ValidationException", "Attempting to create an index which already exists".to_owned()),
        K::NothingToChange => ("ValidationException", "The provisioned throughput will not change".to_owned()),
        K::WritesNotAutoscaled => ("ValidationException", "GSI write capacity should either be Pay-Per-Request or AutoScaled.".to_owned()),
        K::TableExists => ("ResourceInUseException", "Table already exists: bookings".to_owned()),
        K::TableNotFound => ("ResourceNotFoundException", "Cannot do operations on a non-existent table".to_owned()),
        K::IndexNotFound => ("ResourceNotFoundException", "Requested resource not found".to_owned()),
        K::AccessDenied => ("AccessDeniedException", "not authorized".to_owned()),
        K::AccountNotEnabled => ("SubscriptionRequiredException", "needs a subscription".to_owned()),
        K::Validation => ("ValidationException", "1 validation error detected".to_owned()),
        K::Throttled => ("ThrottlingException", "Rate exceeded".to_owned()),
        K::Server => ("InternalServerError", "oops".to_owned()),
        K::CredentialsExpired => ("ExpiredTokenException", "the token is expired".to_owned()),
        K::CredentialsInvalid => ("UnrecognizedClientException", "the token is invalid".to_owned()),
        K::ClockSkew => ("InvalidSignatureException", "Signature expired".to_owned()),
        K::Timeout => ("RequestTimeout", "no answer".to_owned()),
        K::Connection | K::NoRegion => {
            let (code, message) = ("ConnectionFailed".to_owned(), "nobody listens".to_owned());
            let effect = gsictl_core::call::Effect::NotApplied;
            return CallError { kind, effect, code, message };
        }
    };
    let error = refusal(code, &message);
    assert_eq!(error.kind, kind, "{error}");
    error
}

/// How long a change of each kind may be waited for, in a run of which nothing else is
/// under way. `None` where SPEC 3 lets it wait for as long as it takes, and say so.
fn bound(kind: ErrorKind) -> Option<Duration> {
    use ErrorKind as K;
    match kind {
        K::CredentialsExpired => None,
        K::AccountLimit => Some(hours(6) + secs(301)),
        K::DecreaseLimit => Some(hours(25)),
        K::TableBusy
        | K::IndexBusy
        | K::OtherIndexBuilding
        | K::ControlPlaneRate
        | K::CredentialsInvalid
        | K::ClockSkew => Some(hours(1) + secs(61)),
        K::UnknownLimit
        | K::IndexExists
        | K::NothingToChange
        | K::Throttled
        | K::Server
        | K::Connection
        | K::Timeout => Some(secs(900)),
        // Described once more, and that is all.
        K::AttributeConflict
        | K::IndexNotFound
        | K::TableNotFound
        | K::QuotaReached
        | K::WritesNotAutoscaled
        | K::TableExists
        | K::AccessDenied
        | K::AccountNotEnabled
        | K::Validation
        | K::NoRegion => Some(secs(70)),
    }
}

/// A run in which every change was refused with an error of `kind`.
fn ends<S: FnMut(Timestamp, &Call) -> Result<Reply, CallError>>(
    kind: ErrorKind,
    deletes: bool,
    stage: &Stage<S>,
    (state, outcome): &(State, Outcome),
) {
    let (error, told) = (said(kind), stage.told());
    let entry = state.entry(&by_flight()).unwrap();
    let took = stage.now - START;
    let pauses: Vec<_> = stage.changes().windows(2).map(|two| two[1] - two[0]).collect();
    println!(
        "{} {kind:?}: {} calls, ends after {} s",
        if deletes { "delete" } else { "create" },
        stage.changes().len(),
        took.as_secs()
    );
    let now = if kind == ErrorKind::AttributeConflict { 0.0 } else { 0.9 };
    assert!(pauses.iter().all(|pause| *pause > now), "{kind:?} is repeated at once: {pauses:?}");
    let words = if error.message.is_empty() { &error.code } else { &error.message };
    assert!(told.contains(words.as_str()), "{kind:?} is not told in AWS's words:\n{told}");
    let Some(bound) = bound(kind) else {
        assert!(told.contains("CredentialsLost"), "{kind:?} says for what it waits:\n{told}");
        let last = entry.last_error().unwrap_or_default();
        assert!(last.contains(&error.message), "{kind:?} stands in last_error: {last}");
        return;
    };
    assert!(took <= bound, "{kind:?} takes {took:?}:\n{told}");
    let verdict = &outcome.verdicts[0].1;
    let Verdict::Failed { error: shown, remedy } = verdict else {
        panic!("{kind:?} ends as {verdict:?}:\n{told}");
    };
    assert!(shown.contains(&error.message), "{kind:?} fails in AWS's words: {shown}");
    assert!(!remedy.is_empty(), "{kind:?}");
    let last = entry.last_error().unwrap_or_default();
    assert!(last.contains(&error.message), "{kind:?} stands in last_error: {last}");
}

/// SPEC 6: a run ends, or names what it waits for.
#[test]
fn every_kind_of_error_of_a_create_has_an_end() {
    for kind in ErrorKind::ALL.iter().copied() {
        let mut stage = Stage::new(refusing(false, move |_, _| Some(said(kind))));
        stage.stop_at = bound(kind).is_none().then(|| after(100_000));
        let ran = stage.apply(&one(), Policy::default(), fresh());
        ends(kind, false, &stage, &ran);
    }
}

#[test]
fn every_kind_of_error_of_a_delete_has_an_end() {
    for kind in ErrorKind::ALL.iter().copied() {
        let mut stage = Stage::new(refusing(true, move |_, _| Some(said(kind))));
        stage.stop_at = bound(kind).is_none().then(|| after(100_000));
        let ran = roll_back(&mut stage, &built(refusing(true, |_, _| None)), true);
        ends(kind, true, &stage, &ran);
    }
}

/// The change is refused, and so is every look after it.
#[test]
fn what_refuses_every_look_for_good_ends_the_wait_for_a_table() {
    let refused = |kind| {
        let mut changed = false;
        let mut service = refusing(false, move |_, _| Some(said(kind)));
        move |now: Timestamp, call: &Call| {
            let denied = changed && !call.is_mutating();
            changed |= call.is_mutating();
            if denied { Err(said(kind)) } else { service(now, call) }
        }
    };
    for kind in [ErrorKind::CredentialsInvalid, ErrorKind::ClockSkew] {
        let mut stage = Stage::new(refused(kind));
        let (_, outcome) = stage.apply(&one(), Policy::default(), fresh());
        assert!(matches!(outcome.verdicts[0].1, Verdict::Obstructed(_)), "{}", stage.told());
        assert!(stage.now < after(2 * 3_600), "{kind:?}: {}", stage.told());
    }
    // One pass waits for nothing, for expired credentials neither.
    let mut stage = Stage::new(refused(ErrorKind::CredentialsExpired));
    let one_pass = Policy { wait: false, ..Policy::default() };
    stage.apply(&one(), one_pass, fresh());
    assert!(stage.now < after(120), "{}", stage.told());
}

#[test]
fn a_rollback_waits_for_no_table_that_cannot_be_used() {
    for status in ["ARCHIVED", "ARCHIVING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "NEWER"] {
        let shown = TableDescription {
            status: TableStatus::from(status),
            ..built(refusing(true, |_, _| None))
        };
        let answer = shown.clone();
        let mut stage =
            Stage::new(move |_: Timestamp, _: &Call| Ok(Reply::Table(Box::new(answer.clone()))));
        let (_, outcome) = roll_back(&mut stage, &shown, true);
        let Verdict::Failed { error, .. } = &outcome.verdicts[0].1 else {
            panic!("{status}: {}", stage.told());
        };
        assert_eq!(*error, format!("the table is {status}"));
        assert!(stage.changes().is_empty(), "{status}");
    }
}

#[test]
fn a_refusal_stands_in_last_error_while_it_holds_and_not_after() {
    let refuse = |now, _: &Call| (now < after(100)).then(|| said(ErrorKind::TableBusy));
    let mut stage = Stage::new(refusing(false, refuse));
    let (state, _) = stage.apply(&one(), Policy::default(), fresh());
    let errors: Vec<_> = stage
        .saved
        .iter()
        .map(|bytes| {
            State::parse(bytes)
                .unwrap()
                .entry(&by_flight())
                .unwrap()
                .last_error()
                .map(str::to_owned)
        })
        .collect();
    assert!(
        errors.iter().flatten().any(|error| error.contains("Table is being updated")),
        "{errors:?}"
    );
    assert_eq!(state.entry(&by_flight()).unwrap().last_error(), None);
}

/// What it says of the table is as true of the table's other indexes.
#[test]
fn a_table_that_refuses_one_index_is_not_asked_for_the_next_at_once() {
    for kind in [ErrorKind::TableBusy, ErrorKind::IndexBusy, ErrorKind::OtherIndexBuilding] {
        let refuse = |now, _: &Call| (now < after(60)).then(|| said(kind));
        let mut stage = Stage::new(refusing(false, refuse));
        let three = ["by-x", "by-y", "by-z"].map(|name| index(&format!("bookings.{name}"), &["x"]));
        let (_, outcome) = stage.apply(&definitions(three), Policy::default(), fresh());
        let pauses: Vec<_> = stage
            .changes()
            .windows(2)
            .map(|two| two[1] - two[0])
            .take_while(|p| *p >= 4.9)
            .collect();
        // Until it is taken, and then one build after the other.
        assert!(pauses.iter().sum::<f64>() >= 60.0, "{kind:?}: {pauses:?}\n{}", stage.told());
        let made = |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Activated(_));
        assert!(outcome.verdicts.iter().all(made), "{kind:?}");
    }
}

/// `by-x` may be tried again after an hour; the table is busy for a minute of that.
#[test]
fn a_wait_of_one_index_is_neither_given_to_its_table_nor_given_up_for_it() {
    let mut failed = false;
    let refuse = move |now, call: &Call| {
        let Call::CreateIndex(create) = call else {
            return None;
        };
        if create.index.as_str() == "by-x" {
            return (!std::mem::replace(&mut failed, true)).then(|| said(ErrorKind::DecreaseLimit));
        }
        (now < after(60)).then(|| said(ErrorKind::TableBusy))
    };
    let mut stage = Stage::new(refusing(false, refuse));
    let two = ["by-x", "by-y"].map(|name| index(&format!("bookings.{name}"), &["x"]));
    let (_, outcome) = stage.apply(&definitions(two), Policy::default(), fresh());
    let told = stage.told();
    let made = |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Activated(_));
    assert!(outcome.verdicts.iter().all(made), "{told}");
    let of = |name: &str| {
        let creates = stage.calls.iter().filter(
            |(_, call)| matches!(call, Call::CreateIndex(create) if create.index.as_str() == name),
        );
        creates.map(|(at, _)| (*at - START).as_secs_f64()).collect::<Vec<_>>()
    };
    let (x, y) = (of("by-x"), of("by-y"));
    assert_eq!(x.len(), 2, "{told}");
    assert!(x[1] - x[0] >= 3_600.0, "{x:?}");
    assert!(y.last().is_some_and(|last| *last < 140.0), "{y:?}");
}

/// Also where it says nothing about the others.
#[test]
fn no_index_of_a_table_is_tried_within_a_second_of_a_refusal() {
    for kind in [ErrorKind::QuotaReached, ErrorKind::Throttled, ErrorKind::UnknownLimit] {
        let mut first = true;
        let refuse =
            |_, call: &Call| (call.is_mutating() && std::mem::take(&mut first)).then(|| said(kind));
        let mut stage = Stage::new(refusing(false, refuse));
        let two = ["by-x", "by-y"].map(|name| index(&format!("bookings.{name}"), &["x"]));
        let _ = stage.apply(&definitions(two), Policy::default(), fresh());
        let changes = stage.changes();
        assert!(changes[1] - changes[0] >= 1.0, "{kind:?}: {changes:?}");
    }
}

/// What the table is refused for meanwhile, and is seen to be over, changes nothing.
#[test]
fn an_index_that_backs_off_is_not_tried_earlier_for_what_another_was_refused_for() {
    let mut refusals = [ErrorKind::Throttled, ErrorKind::TableBusy].into_iter();
    let refuse = move |_, call: &Call| match call.is_mutating() {
        true => refusals.next().map(said),
        false => None,
    };
    let mut stage = Stage::new(refusing(false, refuse));
    let two = ["by-x", "by-y"].map(|name| index(&format!("bookings.{name}"), &["x"]));
    let (_, outcome) = stage.apply(&definitions(two), Policy::default(), fresh());
    let made = |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Activated(_));
    assert!(outcome.verdicts.iter().all(made), "{}", stage.told());
    let changes = stage.changes();
    assert_eq!(changes.len(), 4, "{changes:?}");
    assert!(changes[2] < 10.0 && changes[3] >= 30.0, "{changes:?}");
}

#[test]
fn indexes_of_a_table_that_refuses_for_ever_share_one_bound() {
    let mut stage = Stage::new(refusing(false, |_, _: &Call| Some(said(ErrorKind::TableBusy))));
    let three = ["by-x", "by-y", "by-z"].map(|name| index(&format!("bookings.{name}"), &["x"]));
    let (_, outcome) = stage.apply(&definitions(three), Policy::default(), fresh());
    let failed = |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Failed { .. });
    assert!(outcome.verdicts.iter().all(failed), "{}", stage.told());
    let changes = stage.changes();
    assert!(changes.windows(2).all(|two| two[1] - two[0] >= 4.9), "{changes:?}");
    assert!((after(3_600)..after(3_700)).contains(&stage.now), "{:?}", changes.last());
}

#[test]
fn a_quota_of_one_table_is_final_and_leaves_the_pace_of_the_others_alone() {
    let refuse =
        |_, call: &Call| (*call.table() == table("orders")).then(|| said(ErrorKind::QuotaReached));
    let mut stage = Stage::new(refusing(false, refuse));
    let three =
        definitions(["bookings", "orders", "flights"].map(|t| index(&format!("{t}.by-x"), &["x"])));
    let (_, outcome) = stage.apply(&three, Policy::default(), fresh());
    let told = stage.told();
    let of =
        |name: &str| &outcome.verdicts.iter().find(|(id, _)| id.table == table(name)).unwrap().1;
    let Verdict::Failed { error, remedy } = of("orders") else { panic!("{told}") };
    assert!(error.contains("above the per index maximum"), "{error}");
    assert!(remedy.contains("Table-level write throughput limit"), "{remedy}");
    for name in ["bookings", "flights"] {
        assert!(matches!(of(name), Verdict::Activated(_)), "{told}");
    }
    assert!(!told.contains("ConcurrencyChanged") && stage.now < after(15), "{told}");
}

/// The table with something in change until 47 s, and what a change is answered then.
fn in_change(
    change: impl Fn(&mut TableDescription),
) -> impl FnMut(Timestamp, &Call) -> Result<Reply, CallError> {
    let mut free = refusing(false, |_, _| None);
    move |now, call| {
        if now >= after(47) {
            return free(now, call);
        }
        if call.is_mutating() {
            return Err(said(ErrorKind::TableBusy));
        }
        let mut table = bare(call.table());
        // It shows after a while, as descriptions do.
        if now >= after(3) {
            change(&mut table);
        }
        shown(table)
    }
}

fn queues<S>(stage: &Stage<S>) -> Vec<Queue> {
    let queue = |(_, event): &(Timestamp, Event)| match event {
        Event::Queued { queue, .. } => Some(queue.clone()),
        _ => None,
    };
    stage.events.iter().filter_map(queue).collect()
}

type Shows = dyn Fn(&mut TableDescription);

#[test]
fn an_index_or_a_replica_in_change_is_waited_for_and_no_longer_than_it_is_shown() {
    let updating = |table: &mut TableDescription| {
        let mut model = instant();
        model.add_table(&table.name);
        model.operator_creates(START, &index("bookings.other", &["other"]));
        let reply = model.call(after(1), &Call::DescribeTable(table.name.clone()));
        *table = *reply.and_then(Reply::into_table).unwrap();
        table.indexes[0].status = IndexStatus::Updating;
    };
    let replica = |table: &mut TableDescription| {
        table.replicas = vec![ReplicaDescription::new("eu-west-3", "CREATING")];
    };
    let table = |table: &mut TableDescription| table.status = TableStatus::Updating;
    let (region, status) = ("eu-west-3".to_owned(), "CREATING".to_owned());
    let name = index("bookings.other", &["other"]).id.index;
    let cases: [(&Shows, Queue); 3] = [
        (&updating, Queue::IndexUpdating(name)),
        (&replica, Queue::Replica { region, status }),
        (&table, Queue::TableBusy),
    ];
    for (change, queue) in cases {
        let mut stage = Stage::new(in_change(change));
        let (state, outcome) = stage.apply(&one(), Policy::default(), fresh());
        let told = stage.told();
        assert!(matches!(outcome.verdicts[0].1, Verdict::Activated(_)), "{told}");
        assert_eq!(state.entry(&by_flight()).unwrap().retry_count(), 0, "{told}");
        let changes = stage.changes();
        let last = changes.last().unwrap();
        assert!((47.0..50.0).contains(last), "{changes:?}\n{told}");
        assert!(queues(&stage).contains(&queue), "{queue:?}\n{told}");
    }
}

#[test]
fn a_deletion_that_is_refused_as_busy_grows_its_waits_as_a_create_does() {
    // The build may be interrupted, as far as can be seen, and DynamoDB takes no delete.
    let refuse = |now, _: &Call| (now < after(60)).then(|| said(ErrorKind::TableBusy));
    let mut service = refusing(true, refuse);
    let mut building = move |now, call: &Call| {
        let mut found = service(now, call)?.into_table()?;
        for index in &mut found.indexes {
            (index.status, index.backfilling) = (IndexStatus::Creating, true);
        }
        shown(*found)
    };
    let first = built(&mut building);
    let mut stage = Stage::new(building);
    stage.stop_at = Some(after(200));
    roll_back(&mut stage, &first, false);
    let pauses: Vec<_> = stage.changes().windows(2).map(|two| (two[1] - two[0]).round()).collect();
    assert_eq!(pauses, [5.0, 10.0, 20.0, 40.0], "{}", stage.told());
}

/// When each index was created at last, and how often creates were refused.
fn under_the_limiter(tables: usize, every: Duration, wait: bool) -> (Vec<f64>, usize, u32) {
    let definitions = one_each(tables);
    let mut model = Model::default();
    model.limiter = Some(Limiter::new(6, every));
    for name in definitions.tables().cloned().collect::<Vec<TableName>>() {
        model.add_table(&name);
    }
    let mut passed = Vec::new();
    let mut refused = 0;
    let mut stage = Stage::new(|now, call: &Call| {
        let reply = model.call(now, call);
        if call.is_mutating() {
            match &reply {
                Ok(_) => passed.push((now - START).as_secs_f64()),
                Err(_) => refused += 1,
            }
        }
        reply
    });
    let policy = Policy { max_builds: tables, wait, ..Policy::default() };
    let (state, _) = stage.apply(&definitions, policy, fresh());
    drop(stage);
    (passed, refused, state.entries().map(|(_, entry)| entry.retry_count()).sum())
}

#[test]
fn sixty_tables_start_in_little_more_than_the_limiters_own_time_and_lose_no_attempt() {
    let (passed, refused, attempts) = under_the_limiter(60, secs(1), true);
    let last = passed.last().unwrap();
    println!(
        "60 tables: last start after {last:.1} s, {refused} refused, {attempts} attempts lost"
    );
    assert_eq!((passed.len(), attempts), (60, 0));
    assert!(*last < 54.0 * 1.15, "{last}");
    assert!(refused < 54 + 12, "{refused}");
}

#[test]
fn a_limiter_that_lets_less_pass_is_learnt() {
    let (passed, refused, attempts) = under_the_limiter(30, secs(3), true);
    let last = passed.last().unwrap();
    println!("30 tables, one every 3 s: last start after {last:.1} s, {refused} refused");
    assert_eq!((passed.len(), attempts), (30, 0));
    assert!(*last < 24.0 * 3.0 * 1.4, "{last}");
}

#[test]
fn one_pass_without_waiting_starts_them_all_too() {
    let (passed, _, attempts) = under_the_limiter(20, secs(1), false);
    assert_eq!((passed.len(), attempts), (20, 0), "{passed:?}");
}
