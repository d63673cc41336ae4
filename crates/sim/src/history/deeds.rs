//! What other people do, and what goes wrong with calls and saves meanwhile.

use std::io;
use std::time::Duration;

use gsictl_core::call::{Call, Effect};
use gsictl_core::catalog::IndexStatus;
use gsictl_core::definition::{IndexDefinition, ScalarType};
use gsictl_core::name::{IndexId, IndexName, TableName};
use gsictl_core::time::Timestamp;

use super::{Counts, make_table};
use crate::faults::{FAULTS, connection, expired};
use crate::model::{Model, Replica, Truth, refusal};
use crate::scenario::{ADDED_REGION, Change, Deed, End, Foe, Run, Scenario, Table, What, index};
use crate::world::{
    CallFaults, Fault, Reactions, START, SaveFault, SaveFaults, ScriptedDeed, World,
};

/// Puts into the script what is done to the model. Windows in which calls or
/// saves fail are not in the model.
pub(super) fn schedule(world: &mut World, deletion: Duration, deed: &Deed, table: &Table) {
    let at = START + deed.at;
    let (what, table) = (deed.what, table.clone());
    let ours = table.definition(deed.index.min(table.wanted - 1));
    let name = table.name();
    match what {
        What::Delete => world.at(at, move |model, now| delete(model, now, &ours)),
        What::Create => world.at(at, move |model, now| begin(model, now, &ours)),
        What::ReKey => {
            let other = index(&name, ours.id.index.as_str(), "other-key", ScalarType::S);
            replace(world, at, deletion, ours, other);
        }
        What::Remake => replace(world, at, deletion, ours.clone(), ours),
        What::CreateTheirs => {
            let theirs = index(
                &name,
                &format!("theirs-at-{}", deed.at.as_secs()),
                "their-key",
                ScalarType::S,
            );
            world.at(at, move |model, now| begin(model, now, &theirs));
        }
        What::CreateOfOtherType => {
            let theirs = index(&name, "theirs-of-other-type", "key-0", ScalarType::B);
            world.at(at, move |model, now| begin(model, now, &theirs));
        }
        What::Update(length) => world.at(at, move |model, now| {
            if model.has_table(&name) {
                model.table(&name).updating_until = now + length;
            }
        }),
        What::Drop => world.at(at, move |model, now| drop_table(model, now, &name)),
        What::MakeAgain => world.at(at, move |model, now| {
            drop_table(model, now, &name);
            if !model.has_table(&name) {
                make_table(model, &table);
            }
        }),
        What::FillAccount(count, length) => {
            world.at(at, move |model, _| model.others += count);
            world.at(at + length, move |model, _| model.others -= count);
        }
        What::Vector(takes_name, length) => {
            let name = if takes_name {
                ours.id.index.clone()
            } else {
                IndexName::new(&format!("vector-at-{}", deed.at.as_secs())).unwrap()
            };
            world
                .at(at, move |model, now| begin_vector(model, now, &name_in(&name, &ours), length));
        }
        What::Retune(length) => world.at(at, move |model, now| {
            model.operator_retunes(now, &ours.id, length);
        }),
        What::Hide(what, length) => world.at(at, move |model, now| {
            if model.has_table(&name) {
                model.table(&name).hidden = Some((now + length, what));
            }
        }),
        What::AddReplica(length) => {
            world.at(at, move |model, now| add_replica(model, now, &name, length));
        }
        What::DropReplica(length) => {
            world.at(at, move |model, now| drop_replica(model, now, &name, length));
        }
        What::Unscale(length) => world.at(at, move |model, now| {
            if model.has_table(&name) {
                model.table(&name).unscaled_until = now + length;
            }
        }),
        What::Crowd(length) => world.at(at, move |model, now| {
            if let Some(limiter) = &mut model.limiter {
                limiter.crowd(now + length);
            }
        }),
        What::Expire(_) | What::Deny(_) | What::FillDisk(..) | What::CutRegions(..) => {}
    }
}

fn name_in(index: &IndexName, ours: &IndexDefinition) -> IndexId {
    IndexId::new(ours.id.table.clone(), index.clone())
}

/// Somebody builds a vector index, where DynamoDB would let them.
fn begin_vector(model: &mut Model, now: Timestamp, id: &IndexId, length: Duration) {
    let free = model.has_table(&id.table) && model.is_free(now, &id.table);
    if free && !model.has(now, id) {
        model.operator_creates_vector(now, id, length);
    }
}

/// Somebody has the table kept in one more region, where DynamoDB would let them.
fn add_replica(model: &mut Model, now: Timestamp, name: &TableName, length: Duration) {
    let free = model.has_table(name) && model.is_free(now, name);
    let replicas = if free { &mut model.table(name).replicas } else { return };
    if replicas.iter().all(|replica| replica.region != ADDED_REGION) {
        replicas.push(Replica { made_at: now + length, ..Replica::new(ADDED_REGION, 0) });
    }
}

/// Somebody has it kept in one region less.
fn drop_replica(model: &mut Model, now: Timestamp, name: &TableName, length: Duration) {
    let free = model.has_table(name) && model.is_free(now, name);
    let replicas = if free { &mut model.table(name).replicas } else { return };
    if let Some(replica) = replicas.iter_mut().find(|replica| replica.gone_at.is_none()) {
        replica.gone_at = Some(now + length);
    }
}

/// Somebody deletes one index, and creates another when it is gone.
fn replace(
    world: &mut World,
    at: Timestamp,
    deletion: Duration,
    old: IndexDefinition,
    new: IndexDefinition,
) {
    world.at(at, move |model, now| delete(model, now, &old));
    let gone = at + deletion + Duration::from_millis(1);
    world.at(gone, move |model, now| begin(model, now, &new));
}

/// Somebody deletes an index, where DynamoDB would let them.
fn delete(model: &mut Model, now: Timestamp, definition: &IndexDefinition) {
    let id = &definition.id;
    let ready = model.has_table(&id.table)
        && model.status(now, id).is_some_and(|s| s.as_str() == "ACTIVE")
        && model.is_free(now, &id.table);
    if ready {
        model.operator_deletes(now, id);
    }
}

/// Somebody creates it, where DynamoDB would let them.
fn begin(model: &mut Model, now: Timestamp, definition: &IndexDefinition) {
    let id = &definition.id;
    let free = model.has_table(&id.table) && model.is_free(now, &id.table);
    if free && !model.has(now, id) && model.truth(now, definition) == Truth::Absent {
        model.operator_creates(now, definition);
    }
}

fn drop_table(model: &mut Model, now: Timestamp, name: &TableName) {
    if model.has_table(name) && model.is_free(now, name) {
        model.operator_drops(name);
    }
}

/// Times between which something is so.
#[derive(Clone, Debug)]
struct Window<T> {
    from: Timestamp,
    until: Timestamp,
    what: T,
}

impl<T> Window<T> {
    fn of(deed: &Deed, length: Duration, what: T) -> Self {
        let from = START + deed.at;
        Self { from, until: from + length, what }
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

fn windows<T>(scenario: &Scenario, of: impl Fn(&Deed) -> Option<Window<T>>) -> Vec<Window<T>> {
    scenario.deeds.iter().filter_map(of).collect()
}

/// What happens to the calls of this history.
pub(super) fn call_faults(scenario: &Scenario, seed: u64, counts: &Counts) -> CallFaults {
    let expired_in = windows(scenario, |deed| match deed.what {
        What::Expire(length) => Some(Window::of(deed, length, ())),
        _ => None,
    });
    let denied_in = windows(scenario, |deed| match deed.what {
        What::Deny(length) => {
            let table = scenario.tables.iter().find(|t| t.number == deed.table)?;
            Some(Window::of(deed, length, table.name()))
        }
        _ => None,
    });
    let cut_in = windows(scenario, |deed| match deed.what {
        What::CutRegions(denied, length) => {
            let table = scenario.tables.iter().find(|t| t.number == deed.table)?;
            Some(Window::of(deed, length, (table.name(), denied)))
        }
        _ => None,
    });
    let (rates, counts) = (scenario.rates, counts.clone());
    Box::new(move |call: &Call, now, nth| {
        if expired_in.iter().any(|w| w.holds(now)) {
            return Fault::Refuse(expired());
        }
        if denied_in.iter().any(|w| w.holds(now) && w.what == *call.table()) {
            let text = "User is not authorized to perform this";
            return Fault::Refuse(refusal("AccessDeniedException", text));
        }
        if let Call::DescribeReplica { table, .. } = call
            && let Some(cut) = cut_in.iter().find(|w| w.holds(now) && w.what.0 == *table)
        {
            let text = "User is not authorized to perform this there";
            return Fault::Refuse(match cut.what.1 {
                true => refusal("AccessDeniedException", text),
                false => connection(Effect::NotApplied),
            });
        }
        let Some((kind, mut random)) = rates.draw(seed, call, nth) else {
            return Fault::None;
        };
        if let Some(n) = FAULTS.iter().position(|k| *k == kind) {
            counts.0.borrow_mut()[n] += 1;
        }
        kind.fault(&mut random)
    })
}

/// What happens to the saves of one run.
pub(super) fn save_faults(scenario: &Scenario, run: &Run, saves_before: usize) -> SaveFaults {
    let full_in = windows(scenario, |deed| match deed.what {
        What::FillDisk(full, length) => {
            let kind =
                if full { io::ErrorKind::StorageFull } else { io::ErrorKind::ReadOnlyFilesystem };
            Some(Window::of(deed, length, kind))
        }
        _ => None,
    });
    if run.is_peaceful {
        return Box::new(|_, _| SaveFault::None);
    }
    let end = run.end;
    let mut random = fastrand::Rng::with_seed(run.seed);
    Box::new(move |nth, now| {
        if let Some(window) = full_in.iter().find(|w| w.holds(now)) {
            return SaveFault::Fail(window.what);
        }
        if let End::PowerLostInSave { save, step, .. } = end
            && nth == saves_before + save
        {
            return SaveFault::Crash(step);
        }
        match random.u32(0..300) {
            0 => SaveFault::Fail(io::ErrorKind::StorageFull),
            1 => SaveFault::FailAfter,
            2..8 => SaveFault::Slow(Duration::from_millis(random.u64(1..20_000))),
            _ => SaveFault::None,
        }
    })
}

/// How often somebody looks whether they may at last.
const AGAIN: Duration = Duration::from_millis(700);
/// And for how long, with [`AGAIN`] between.
const PATIENCE: u32 = 150;

/// What other people do about our changes.
pub(super) fn reactions(scenario: &Scenario) -> Option<Reactions> {
    let mut foes: Vec<_> = scenario.foes.iter().filter_map(|foe| against(scenario, foe)).collect();
    let react = move |after: Change, changed: &IndexId, now: Timestamp| {
        let called = foes
            .iter_mut()
            .filter(|(id, foe, _)| *id == *changed && foe.after == after && foe.times > 0);
        let deeds = called.map(|(_, foe, ours)| {
            foe.times -= 1;
            (now + foe.delay, patiently(foe, ours.clone()))
        });
        deeds.collect()
    };
    (!scenario.foes.is_empty()).then(|| Box::new(react) as Reactions)
}

fn against(scenario: &Scenario, foe: &Foe) -> Option<(IndexId, Foe, IndexDefinition)> {
    let table = scenario.tables.iter().find(|t| t.number == foe.table)?;
    let ours = table.definition(foe.index.min(table.wanted - 1));
    Some((ours.id.clone(), foe.clone(), ours))
}

/// Somebody who tries again until DynamoDB lets them.
fn patiently(foe: &Foe, ours: IndexDefinition) -> ScriptedDeed {
    let other = index(&ours.id.table, ours.id.index.as_str(), "other-key", ScalarType::S);
    let new = match foe.what {
        What::Create | What::Remake => Some(ours.clone()),
        What::ReKey => Some(other),
        _ => None,
    };
    let (mut deletes, mut left) = (foe.what != What::Create, PATIENCE);
    Box::new(move |model, now| {
        left -= 1;
        let stands = model.has_table(&ours.id.table) && model.has(now, &ours.id);
        if deletes {
            deletes = !interrupt(model, now, &ours.id);
        } else if let Some(new) = new.as_ref().filter(|_| !stands) {
            begin(model, now, new);
            if model.has_table(&ours.id.table) && model.has(now, &ours.id) {
                return None;
            }
        }
        let over = left == 0 || (!deletes && new.is_none());
        (!over).then_some(AGAIN)
    })
}

/// Somebody deletes an index, be it in the second phase of its build. Whether
/// DynamoDB let them.
fn interrupt(model: &mut Model, now: Timestamp, id: &IndexId) -> bool {
    let may = model.has_table(&id.table)
        && !model.is_allocating(now, id)
        && model.status(now, id).is_some_and(|status| status != IndexStatus::Deleting)
        && !model.is_taken(now, id);
    if may {
        model.operator_deletes(now, id);
    }
    may
}
