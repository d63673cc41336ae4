//! The state that a run rests on: the newest of its lineage, or none. As the driver
//! does it, on the driver's own means.

use std::collections::BTreeMap;

use gsictl_core::name::IndexId;
use gsictl_core::rollback::is_left_over;
use gsictl_core::state::State;
use gsictl_core::succession::{Ancestry, concerns, successor};
use gsictl_driver::archives::Archives;

use super::{Launch, Left, checks, put_away};
use crate::bugs::Bug;
use crate::coverage::Row;
use crate::world::World;

/// What a run begins with.
#[derive(Default)]
pub(crate) struct Source {
    /// `None` where there is none, and a new one begins.
    pub(super) state: Option<Box<State>>,
    /// What newer states of other lineages are about, with their files.
    pub(super) claimed: BTreeMap<IndexId, String>,
}

impl Source {
    fn read(bytes: &[u8]) -> Self {
        let state = State::parse(bytes).expect("invariant 5: what is durable can be read");
        Self { state: Some(Box::new(state)), claimed: BTreeMap::new() }
    }
}

/// The state for an `apply`.
pub(super) fn to_create(
    world: &mut World,
    launch: Launch<'_>,
    loaded: Option<Vec<u8>>,
) -> Result<Source, Left> {
    let Some(mut bytes) = loaded else { return Ok(Source::default()) };
    if superseded(world, launch, &bytes) {
        return Err(Left::NoRun);
    }
    Bug::loaded(launch.bug, &mut bytes);
    let mut source = Source::read(&bytes);
    if let Some(state) = source.state.as_mut().filter(|state| is_left_over(state))
        && launch.bug != Some(Bug::NeverFinished)
    {
        checks(world).coverage.hit(Row::Finished);
        put_away(world, launch.run, state).ok_or(Left::Crashed)?;
        checks(world).begin_anew();
        return Ok(Source::default());
    }
    Ok(source)
}

/// The state that a rollback takes back.
pub(super) fn to_delete(
    world: &mut World,
    launch: Launch<'_>,
    loaded: Option<Vec<u8>>,
) -> Result<Source, Left> {
    let archives = look(world);
    let named = launch.run.of_archive.and_then(|n| archives.known.get(n));
    let name = match (named, loaded.is_some()) {
        (Some((name, _)), _) => {
            checks(world).coverage.hit(Row::OfArchive);
            Some(name.as_str())
        }
        (None, true) => None,
        // By its name, which is made of the clock: the order of old.
        (None, false) if launch.bug == Some(Bug::BelievesAnOlderState) => {
            Some(archives.known.last().ok_or(Left::NoRun)?.0.as_str())
        }
        (None, false) => Some(archives.newest().ok_or(Left::NoRun)?),
    };
    let bytes = match (name, loaded) {
        (None, Some(kept)) => kept,
        (Some(name), kept) => {
            let bytes = read(world, name);
            if kept.is_some_and(|kept| kept != bytes) {
                return Err(Left::NoRun);
            }
            bytes
        }
        (None, None) => return Err(Left::NoRun),
    };
    if superseded(world, launch, &bytes) {
        return Err(Left::NoRun);
    }
    let mut source = Source::read(&bytes);
    if let Some(own) = Ancestry::of(&bytes) {
        for (name, of) in &archives.known {
            if of.lineage != own.lineage && of.serial > own.serial {
                let newer = State::parse(&read(world, name)).expect("invariant 5: an archive");
                source.claimed.extend(concerns(&newer).map(|id| (id.clone(), name.clone())));
            }
        }
    }
    Ok(source)
}

/// Whether an archive knows more than the state, which is not believed then.
fn superseded(world: &mut World, launch: Launch<'_>, bytes: &[u8]) -> bool {
    let known = look(world).known;
    let newer = Ancestry::of(bytes).and_then(|own| successor(&own, &known).cloned());
    let newest = newer.as_ref().map_or_else(|| bytes.to_vec(), |(name, _)| read(world, name));
    checks(world).rests_on(&newest);
    if newer.is_some() {
        checks(world).coverage.hit(Row::Superseded);
    }
    newer.is_some() && launch.bug != Some(Bug::BelievesAnOlderState)
}

/// The archives of the directory.
pub(super) fn look(world: &mut World) -> Archives {
    let mut store = world.disk().store();
    Archives::look(&mut store).expect("the disk can be read")
}

fn read(world: &World, name: &str) -> Vec<u8> {
    use gsictl_driver::store::StateStore;

    world.disk().store().load_archive(name).expect("an archive can be read")
}
