//! What must hold of a directory and its tables after any run, however it ended.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::proxy::Proxy;
use crate::support::world::{Done, LOCK, STATE, World, airline, text};

/// The newest state that was seen.
#[derive(Default)]
pub(crate) struct Seen {
    lineage: Option<String>,
    serial: u64,
}

impl Seen {
    /// The state is whole and not older than before, and it knows every index
    /// that stands: no create ran ahead of its intent.
    pub(crate) fn look(&mut self, world: &World, built: &BTreeMap<String, String>, after: &Done) {
        let Some(state) = newest_state(world) else {
            assert!(built.is_empty(), "{built:?} and no state: {}", after.text());
            return;
        };
        let lineage = text(&state["gsictl"]["lineage"]).to_owned();
        let serial = state["gsictl"]["serial"].as_u64().unwrap();
        if self.lineage.as_ref() == Some(&lineage) {
            assert!(serial >= self.serial, "{serial} after {}: {}", self.serial, after.text());
        } else {
            assert!(self.lineage.is_none(), "a second state: {}", after.text());
        }
        (self.lineage, self.serial) = (Some(lineage), serial);
        for id in built.keys() {
            let status = text(&state["gsis"][id]["status"]);
            assert!(matches!(status, "in_progress" | "active"), "{id} {status}: {}", after.text());
        }
    }
}

/// The server accepted one create of each index, and none was sent for an index
/// that stood, or might yet: the accepted one is the last that was asked for, and
/// the server had to refuse none.
pub(crate) fn created_once(proxy: &Proxy, runs: &[Done]) {
    let creates = proxy.creates();
    let accepted = |answers: &Vec<u16>| answers.iter().filter(|status| **status == 200).count();
    for id in airline() {
        let asked: Vec<_> = creates[&id].iter().map(accepted).collect();
        let once = asked.iter().sum::<usize>() == 1 && asked.last() == Some(&1);
        assert!(once, "{id}: {creates:?}\n{}", texts(runs));
        let refused = |answers: &Vec<u16>| answers.contains(&400) && accepted(answers) == 0;
        assert!(!creates[&id].iter().any(refused), "{id}: {creates:?}\n{}", texts(runs));
    }
    assert_eq!(creates.len(), airline().len());
}

/// What all of them said.
pub(crate) fn texts(runs: &[Done]) -> String {
    runs.iter().map(Done::text).collect::<Vec<_>>().join("\n---\n")
}

/// Of a life that is over: the archive, which is the only one.
pub(crate) fn archive(world: &World) -> Option<Value> {
    let names = world.named(".gsi_creation_state_");
    assert!(names.len() <= 1, "{names:?}");
    names.first().map(|name| world.json(name))
}

fn newest_state(world: &World) -> Option<Value> {
    if world.exists(STATE) { Some(world.state()) } else { archive(world) }
}

/// Every index is active, and the state that says so is archived; nothing half
/// written is left.
pub(crate) fn all_is_well(world: &World, built: &BTreeMap<String, String>) {
    let active = airline().into_iter().map(|id| (id, "ACTIVE".to_owned()));
    assert_eq!(*built, active.collect());
    let archived = archive(world).expect("an archive");
    for id in airline() {
        assert_eq!(archived["gsis"][&id]["status"], "active", "{id}: {archived}");
    }
    let mut left = world.named(".gsi_creation_state");
    left.retain(|name| name != LOCK && !name.starts_with(".gsi_creation_state_"));
    assert!(left.is_empty(), "{left:?}");
}
