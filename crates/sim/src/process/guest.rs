//! The runs in a second directory, one step at a time.

use std::collections::VecDeque;
use std::rc::Rc;

use gsictl_core::engine::Engine;
use gsictl_core::machine::Machine;
use gsictl_core::survey::Survey;
use gsictl_core::time::Timestamp;

use super::{Begun, Launch, Left, Working, begin, close, ended, planned};
use crate::bugs::{Bug, Buggy};
use crate::history::set_out;
use crate::scenario::{Run, Scenario};
use crate::world::{Finish, Neighbour, World};

/// Whoever works in the second directory.
pub(crate) struct Guest {
    scenario: Rc<Scenario>,
    bug: Option<Bug>,
    runs: VecDeque<Run>,
    begins_at: Option<Timestamp>,
    /// Events that were told before the run.
    told: usize,
    run: Option<Run>,
    stage: Stage,
}

enum Stage {
    Away,
    Looking(Box<(Buggy<Survey>, Begun)>),
    Working(Box<Buggy<Engine>>, Working),
}

impl Guest {
    /// The first run begins some time after `now`.
    pub(crate) fn new(scenario: &Scenario, bug: Option<Bug>, now: Timestamp) -> Self {
        let runs: VecDeque<_> = scenario.beside.iter().cloned().collect();
        Self {
            scenario: Rc::new(scenario.clone()),
            bug,
            begins_at: runs.front().map(|run| now + run.idle),
            runs,
            told: 0,
            run: None,
            stage: Stage::Away,
        }
    }

    fn launched<T>(&self, act: impl FnOnce(Launch<'_>) -> T) -> Option<T> {
        let run = self.run.as_ref()?;
        Some(act(Launch { scenario: &self.scenario, run, bug: self.bug, saved: None }))
    }

    fn is_over(&mut self, world: &mut World, left: &Left) {
        close(world, self.told);
        (world.stop_at, world.crash_after) = (None, None);
        world.runs += 1;
        world.crashes += u64::from(matches!(left, Left::Crashed));
        self.stage = Stage::Away;
        self.begins_at = self.runs.front().map(|run| world.now + run.idle);
    }
}

impl Neighbour for Guest {
    fn machine(&mut self) -> Option<&mut dyn Machine> {
        match &mut self.stage {
            Stage::Away => None,
            Stage::Looking(looking) => Some(&mut looking.0),
            Stage::Working(engine, _) => Some(&mut **engine),
        }
    }

    fn begins_at(&self) -> Option<Timestamp> {
        self.begins_at.filter(|_| matches!(self.stage, Stage::Away))
    }

    fn begin(&mut self, world: &mut World) {
        self.begins_at = None;
        self.run = self.runs.pop_front();
        let Some(run) = &self.run else { return };
        world.skew += run.clock_set * 1_000;
        set_out(&self.scenario, run, world);
        self.told = world.events.len();
        match self.launched(|launch| begin(world, launch)) {
            Some(Ok((survey, begun))) => {
                world.begin_machine();
                self.stage = Stage::Looking(Box::new((survey, begun)));
            }
            Some(Err(left)) => self.is_over(world, &left),
            None => {}
        }
    }

    fn goes_on(&mut self, world: &mut World, finish: Finish) {
        let stage = std::mem::replace(&mut self.stage, Stage::Away);
        let left = match (stage, finish) {
            (Stage::Away, _) => return,
            (_, Finish::Crashed) => Left::Crashed,
            (Stage::Looking(looking), Finish::Over) => {
                let (survey, begun) = *looking;
                match self.launched(|launch| planned(world, launch, begun, survey)) {
                    Some(Ok((engine, working))) => {
                        world.begin_machine();
                        self.stage = Stage::Working(Box::new(engine), working);
                        return;
                    }
                    Some(Err(left)) => left,
                    None => return,
                }
            }
            (Stage::Working(engine, working), Finish::Over) => {
                match self.launched(|launch| ended(world, launch, &working, *engine)) {
                    Some(left) => left,
                    None => return,
                }
            }
        };
        self.is_over(world, &left);
    }
}
