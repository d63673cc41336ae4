//! Runs under whatever a seed throws at them: lost answers, crashes, full disks,
//! other people. The world holds the invariants; what is left to check here is
//! that all ends well once the trouble is over.

use std::ops::Range;
use std::time::Duration;

use gsictl_core::call::{Call, Effect};
use gsictl_core::definition::{Definitions, IndexDefinition};
use gsictl_core::engine::Ended;
use gsictl_core::name::TableName;
use gsictl_core::state::Owner;
use gsictl_core::survey::SurveyError;

use crate::support::apply::{Apply, Ran};
use crate::support::model::{Model, Stale, refusal};
use crate::support::samples::{
    connection, definitions, expired, index, millis, secs, server_error, throttled,
};
use crate::support::world::{Fault, SaveFault, World};

struct Chance(fastrand::Rng);

impl Chance {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.u32(0..n) == 0
    }

    fn secs(&mut self, range: Range<u64>) -> Duration {
        millis(self.0.u64(range.start * 1_000..range.end * 1_000))
    }

    fn definitions(&mut self) -> Definitions {
        let mut all = Vec::new();
        for t in 0..self.0.usize(1..5) {
            for i in 0..self.0.usize(1..4) {
                all.push(index(&format!("table-{t}.index-{i}"), &["first", "second"]));
            }
        }
        definitions(all)
    }

    fn model(&mut self, model: &mut Model) {
        model.allocation = self.secs(0..6);
        model.backfill = self.secs(1..60);
        model.deletion = self.secs(0..8);
        if self.one_in(2) {
            let form = if self.one_in(2) { Stale::Old } else { Stale::NotFound };
            model.stale = Some((self.secs(1..50), form));
        }
        if self.one_in(3) {
            model.account_limit = self.0.usize(1..4);
        }
    }

    fn world(&mut self, world: &mut World) {
        world.call_latency = millis(self.0.u64(2..3_000));
        world.save_latency = millis(self.0.u64(2..2_000));
        world.crash_keeps_saves = self.one_in(2);
        let mut calls = Self(self.0.fork());
        world.faults = Box::new(move |call, _, _| calls.fault(call));
        let mut saves = Self(self.0.fork());
        world.save_faults = Box::new(move |_| match saves.0.u32(0..40) {
            0 => SaveFault::Fail,
            1 => SaveFault::FailAfter,
            2..5 => SaveFault::Slow(saves.secs(0..20)),
            _ => SaveFault::None,
        });
    }

    fn fault(&mut self, call: &Call) -> Fault {
        let create = call.is_mutating();
        let busy = refusal("ResourceInUseException", "Table is being updated");
        let slot = refusal(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        );
        match self.0.u32(0..60) {
            0 => Fault::Refuse(throttled()),
            1 => Fault::Refuse(server_error()),
            2 => Fault::Refuse(connection(Effect::NotApplied)),
            3 => Fault::Refuse(connection(Effect::Unknown)),
            4 => Fault::Refuse(expired()),
            5..8 => Fault::Late(self.secs(0..20)),
            8..10 => Fault::Slow(self.secs(0..20)),
            10..16 if create => Fault::LoseAfter(server_error()),
            16..18 if create => Fault::LoseAfter(connection(Effect::Unknown)),
            18..20 if create => Fault::Refuse(busy),
            20..22 if create => Fault::Refuse(slot),
            _ => Fault::None,
        }
    }

    /// Something that other people do, some time.
    fn deed(&mut self, world: &mut World, definitions: &Definitions) {
        let at = world.now + self.secs(0..200);
        let one = definitions.indexes[self.0.usize(0..definitions.indexes.len())].clone();
        let table = one.id.table.clone();
        match self.0.u32(0..5) {
            0 => world.at(at, move |model, now| {
                if model.status(now, &one.id).is_some_and(|s| s.as_str() != "DELETING") {
                    model.operator_deletes(now, &one.id);
                }
            }),
            1 => world.at(at, move |model, now| begin(model, now, &one)),
            2 => {
                let theirs = index(&format!("{table}.theirs-{}", self.0.u8(..)), &["their_key"]);
                world.at(at, move |model, now| begin(model, now, &theirs));
            }
            3 => {
                let length = self.secs(1..90);
                world.at(at, move |model, now| model.table(&table).updating_until = now + length);
            }
            _ => world.at(at, move |model, now| make_again(model, now, &table)),
        }
    }

    fn apply(&mut self, definitions: Definitions) -> Apply {
        let mut apply = Apply::new(definitions).policy(|policy| {
            policy.wait = !self.one_in(5);
            policy.fail_fast = self.one_in(5);
            policy.max_builds = self.0.usize(1..6);
            policy.max_attempts = self.0.u32(1..6);
            if self.one_in(4) {
                policy.activation_timeout = Some(self.secs(5..60));
            }
        });
        apply.retry_failed = self.one_in(4);
        apply.seed = self.0.u64(..);
        apply
    }
}

/// Somebody creates it, where DynamoDB would let them.
fn begin(model: &mut Model, now: gsictl_core::time::Timestamp, definition: &IndexDefinition) {
    if model.is_free(now, &definition.id.table) && !model.has(now, &definition.id) {
        model.operator_creates(now, definition);
    }
}

fn make_again(model: &mut Model, now: gsictl_core::time::Timestamp, table: &TableName) {
    if model.is_free(now, table) {
        model.operator_drops(table);
        model.add_table(table);
    }
}

/// Runs in trouble; each ends as it may.
fn trouble(chance: &mut Chance, world: &mut World, definitions: &Definitions) {
    for _ in 0..chance.0.usize(1..5) {
        for _ in 0..chance.0.usize(0..4) {
            chance.deed(world, definitions);
        }
        chance.world(world);
        let apply = chance.apply(definitions.clone());
        match chance.0.u32(0..4) {
            0 => world.stop_at = Some(world.now + chance.secs(0..200)),
            1 => world.crash_after = Some(world.steps + chance.0.usize(1..400)),
            _ => {}
        }
        match apply.attempt(world) {
            Ok(Some(ran)) => ended_fairly(&ran, world),
            Ok(None) | Err(SurveyError::Stopped | SurveyError::Call { .. }) => {}
        }
        (world.stop_at, world.crash_after) = (None, None);
        let idle = chance.secs(0..100);
        world.idle(idle);
    }
}

fn ended_fairly(ran: &Ran, world: &World) {
    if matches!(ran.outcome.ended, Ended::Done) {
        assert!(world.checks.as_ref().unwrap().all_answered());
    }
}

/// Nothing goes wrong any more: a run, one with `--retry-failed`, and one more
/// bring everything to an end.
fn peace(world: &mut World, definitions: &Definitions) -> Ran {
    world.idle(secs(400));
    world.faults = Box::new(|_, _, _| Fault::None);
    world.save_faults = Box::new(|_| SaveFault::None);
    (world.model.account_limit, world.model.stale) = (usize::MAX, None);
    let mut apply = Apply::new(definitions.clone());
    apply.run(world);
    apply.retry_failed = true;
    apply.run(world);
    apply.retry_failed = false;
    apply.run(world)
}

fn survives(seed: u64) {
    let mut chance = Chance(fastrand::Rng::with_seed(seed));
    let definitions = chance.definitions();
    let mut world = Apply::new(definitions.clone()).world();
    chance.model(&mut world.model);
    trouble(&mut chance, &mut world, &definitions);
    let ran = peace(&mut world, &definitions);
    assert!(ran.all_active(), "seed {seed}\n{}", world.told(0..world.events.len()));
    for definition in &definitions.indexes {
        let now = world.now;
        assert!(world.model.has(now, &definition.id), "seed {seed}: {}", definition.id);
        let made = world.model.creates_of(&definition.id) > 0;
        let claimed = ran.owner(&definition.id) == Some(Owner::Run);
        assert!(made || !claimed, "seed {seed}: {} was never made by us", definition.id);
    }
}

#[test]
fn whatever_happens_all_is_active_once_the_trouble_is_over() {
    let seeds = std::env::var("CHANCE").map_or(0..100, |text| {
        let (from, to) = text.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    });
    for seed in seeds {
        survives(seed);
    }
}
