//! Whatever happened to a state, what is written of it is read back.

use gsictl_core::definition::{Definitions, IndexDefinition, Projection};
use gsictl_core::endpoint::Endpoint;
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::state::{Attempt, HISTORY, Owner, State, Status, Step, Target};
use gsictl_core::time::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use super::{checks, config};

/// Pairs whose texts are the same, and others.
const PAIRS: [(&str, &str); 6] = [
    ("aaa.bbb", "ccc.ddd"),
    ("aaa", "bbb.ccc.ddd"),
    ("aaa.bbb.ccc", "ddd"),
    ("bookings", "x.y"),
    ("bookings", "z_0"),
    ("gsis", "gsictl"),
];

fn ids() -> Vec<IndexId> {
    let id = |(table, index)| {
        IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
    };
    PAIRS.map(id).to_vec()
}

fn definitions(ids: &[IndexId]) -> Definitions {
    let definition = |id: &IndexId| IndexDefinition::new(id.clone(), [], Projection::All);
    Definitions { indexes: ids.iter().map(definition).collect() }
}

/// Any time of four digits of year, with milliseconds.
fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000_i64..253_402_300_800_000).prop_map(Timestamp::from_millis)
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", any::<String>()]
}

/// Any JSON that a validation may say.
fn verdict() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(words(), inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn attempt()(
        at in time(),
        kind in words(),
        message in words(),
        strategy in words(),
        delay_seconds in any::<u64>(),
    ) -> Attempt {
        Attempt { at, kind, message, strategy, delay_seconds }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let table = || option::of(select(vec!["T1".to_owned(), "T2".to_owned()]));
    let intent = || (time(), table(), words());
    prop_oneof![
        (time(), table()).prop_map(|(at, table_id)| Step::SeenActive { at, table_id }),
        table().prop_map(|table_id| Step::SeenBuilding { table_id }),
        Just(Step::SeenAbsent),
        Just(Step::SeenDeleting),
        words().prop_map(|reason| Step::SeenConflict { reason }),
        words().prop_map(|reason| Step::Obstacle { reason }),
        intent().prop_map(|(at, table_id, spec)| Step::Intend { at, table_id, spec }),
        intent().prop_map(|(at, table_id, spec)| Step::IntendRetry { at, table_id, spec }),
        Just(Step::Acknowledge),
        attempt().prop_map(|attempt| Step::Refused { attempt }),
        words().prop_map(|said| Step::Queued { said }),
        words().prop_map(|said| Step::DeleteQueued { said }),
        attempt().prop_map(|attempt| Step::Lost { attempt }),
        words().prop_map(|error| Step::GiveUp { error }),
        Just(Step::Withdraw),
        words().prop_map(|error| Step::TimedOut { error }),
        time().prop_map(|at| Step::Deleted { at }),
        verdict().prop_map(|value| Step::Validated { value }),
        (time(), select(Status::ALL.to_vec()), option::of(any::<u32>()), option::of(words()))
            .prop_map(|(at, status, retry_count, error)| {
                Step::Told { at, status, retry_count, error }
            }),
    ]
}

/// What a run does to a state, and what the next one does.
#[derive(Clone, Debug)]
enum Act {
    Take(usize, Step),
    Enlist(Vec<IndexId>),
    Aim(Target),
    Digest(String),
    Save(Timestamp),
    ReadBack,
}

fn act() -> impl Strategy<Value = Act> {
    let endpoint = prop_oneof![
        words(),
        Just("https://user:word@localhost:8000/?a=@".to_owned()),
        Just("http://localhost:8000".to_owned()),
    ];
    let target = (option::of("[0-9]{12}"), option::of(words()), option::of(endpoint));
    prop_oneof![
        12 => (0..PAIRS.len(), step()).prop_map(|(n, step)| Act::Take(n, step)),
        2 => subsequence(ids(), 0..=PAIRS.len()).prop_shuffle().prop_map(Act::Enlist),
        1 => target.prop_map(|(account, region, endpoint)| {
            let endpoint = endpoint.as_deref().map(Endpoint::read);
            Act::Aim(Target { account, region, endpoint })
        }),
        1 => words().prop_map(Act::Digest),
        2 => time().prop_map(Act::Save),
        1 => Just(Act::ReadBack),
    ]
}

fn perform(state: &mut State, act: Act, ids: &[IndexId]) {
    match act {
        Act::Take(n, step) => {
            // A step that may not be taken leaves the entry as it was.
            let before = state.clone();
            if state.apply(&ids[n], step).is_err() {
                assert_eq!(*state, before);
            }
        }
        Act::Enlist(ids) => {
            let enlisted = state.enlist(&definitions(&ids));
            assert!(enlisted.added.iter().all(|id| ids.contains(id)));
            let first: Vec<_> = state.entries().take(ids.len()).map(|(id, _)| id.clone()).collect();
            assert_eq!(first, ids, "in the order of the definitions");
        }
        Act::Aim(target) => state.set_target(target),
        Act::Digest(digest) => state.set_definitions_digest(digest),
        Act::Save(now) => {
            let before = state.serial();
            let rendered = state.render(now);
            assert!(rendered.serial > before && !state.is_dirty());
            assert_eq!(State::parse(&rendered.bytes).as_ref(), Ok(&*state));
        }
        Act::ReadBack => checks::is_read_back(state.clone()),
    }
}

/// What no sequence of steps may bring about.
fn is_possible(state: &State) {
    for (id, entry) in state.entries() {
        let record = entry.record();
        let owned = matches!(record.owner, Some(Owner::Run | Owner::Inferred));
        assert_eq!(record.acknowledged, record.owner == Some(Owner::Run), "{id}");
        assert!(!owned || (entry.status() != Status::Pending && record.intent_at.is_some()));
        assert!(record.attempts.len() <= HISTORY, "{id}");
    }
    let summary = state.summary();
    let counted = summary.pending + summary.in_progress + summary.active + summary.failed;
    assert_eq!(counted, summary.total);
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_history_is_read_back_the_same(
        script in words(),
        lineage in words(),
        begun in time(),
        first in subsequence(ids(), 0..=PAIRS.len()).prop_shuffle(),
        acts in vec(act(), 0..60),
    ) {
        let ids = ids();
        let mut state = State::new(&script, begun, lineage);
        state.enlist(&definitions(&first));
        for act in acts {
            perform(&mut state, act, &ids);
            is_possible(&state);
        }
        checks::is_read_back(state);
    }
}
