//! What `apply` does, without a disk and without AWS: survey, plan, engine.

use std::ops::Range;

use gsictl_core::call::Call;
use gsictl_core::definition::Definitions;
use gsictl_core::engine::{Ended, Engine, Outcome, Verdict};
use gsictl_core::event::Event;
use gsictl_core::look::Depth;
use gsictl_core::name::IndexId;
use gsictl_core::plan::{Obstacle, Plan, Selection, plan};
use gsictl_core::retry::Policy;
use gsictl_core::state::{Entry, Owner, State, Status};
use gsictl_core::survey::{Survey, SurveyError};
use gsictl_core::time::Timestamp;
use gsictl_sim::checks::Rules;

use gsictl_sim::world::{Finish, World};

/// One `apply` with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Apply {
    pub(crate) definitions: Definitions,
    pub(crate) selection: Selection,
    pub(crate) policy: Policy,
    pub(crate) retry_failed: bool,
    pub(crate) seed: u64,
    /// What a check found two items to break with.
    pub(crate) held_back: Vec<IndexId>,
}

impl Apply {
    pub(crate) fn new(definitions: Definitions) -> Self {
        Self {
            definitions,
            selection: Selection::default(),
            policy: Policy::default(),
            retry_failed: false,
            seed: 7,
            held_back: Vec::new(),
        }
    }

    pub(crate) fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// A world in which the tables are there and their indexes are not.
    pub(crate) fn world(&self) -> World {
        let mut world = World::default();
        for table in self.definitions.tables() {
            world.model.add_table(table);
        }
        world
    }

    /// Runs in `world` from what is durable there. `None` where it crashed.
    pub(crate) fn try_run(&self, world: &mut World) -> Option<Ran> {
        self.attempt(world).expect("a catalog")
    }

    /// The same, where the first look may fail.
    pub(crate) fn attempt(&self, world: &mut World) -> Result<Option<Ran>, SurveyError> {
        let loaded = world.open(Box::new(world.disk().store())).expect("the disk can be read");
        if let Some(checks) = &mut world.checks {
            let rules = Rules {
                backoff: self.policy.backoff.clone(),
                retry_failed: self.retry_failed,
                visibility: self.policy.visibility,
                skip_regions: self.policy.skip_regions.clone(),
                ..Rules::default()
            };
            checks.begin(rules, loaded.as_deref());
        }
        let durable = loaded.as_deref().map(State::parse);
        let durable = durable.map(|state| state.expect("what is durable can be read"));
        let (events, calls, saves) = (world.events.len(), world.calls.len(), world.saves.len());
        let begun = self.begin(world, durable);
        let Some((plan, mut engine)) = begun.inspect_err(|_| drop(world.close()))? else {
            return Ok(None);
        };
        if world.run(&mut engine) == Finish::Crashed {
            return Ok(None);
        }
        world.close();
        let (state, outcome) = engine.finish();
        let ran = Ran {
            plan,
            state,
            outcome,
            events: events..world.events.len(),
            calls: calls..world.calls.len(),
            saves: world.saves.len() - saves,
            ended_at: world.now,
        };
        ran.is_durable(world);
        Ok(Some(ran))
    }

    /// Everything before the engine's first step, on no state.
    pub(crate) fn engine(&self, world: &mut World) -> Engine {
        let begun = self.begin(world, None).expect("a catalog");
        begun.expect("no crash was ordered").1
    }

    fn begin(
        &self,
        world: &mut World,
        durable: Option<State>,
    ) -> Result<Option<(Plan, Engine)>, SurveyError> {
        let skip = self.policy.skip_regions.clone();
        let survey = Survey::new(self.definitions.tables());
        let mut survey = survey.asking(Depth::RegionsAndScaling, skip);
        if world.run(&mut survey) == Finish::Crashed {
            return Ok(None);
        }
        let catalog = survey.into_catalog()?;
        let mut state = durable.unwrap_or_else(|| self.state(world.now));
        state.enlist(&self.definitions);
        let mut plan =
            plan(&self.definitions, &catalog, &state, &self.selection, self.retry_failed);
        for index in plan.tables.iter_mut().flat_map(|table| &mut table.indexes) {
            let held_back = self.held_back.contains(&index.definition.id);
            index.held_back = held_back.then_some(Obstacle::Violations { items: 2 });
        }
        let policy = self.policy.clone();
        let engine = Engine::new(world.now, plan.clone(), policy, state, self.seed);
        Ok(Some((plan, engine)))
    }

    /// The same, as one process that is dropped after so many steps.
    pub(crate) fn try_run_to(&self, world: &mut World, steps: usize) -> Option<Ran> {
        world.crash_after = Some(world.steps + steps);
        let ran = self.try_run(world);
        world.crash_after = None;
        ran
    }

    pub(crate) fn run(&self, world: &mut World) -> Ran {
        self.try_run(world).expect("no crash was ordered")
    }

    /// The state after these steps, as a run that ended earlier left it.
    pub(crate) fn state(&self, at: Timestamp) -> State {
        let mut state = State::new("airline.yaml", at, "a-lineage".to_owned());
        state.enlist(&self.definitions);
        state
    }
}

/// What a run was.
pub(crate) struct Ran {
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) outcome: Outcome,
    pub(crate) events: Range<usize>,
    pub(crate) calls: Range<usize>,
    pub(crate) saves: usize,
    pub(crate) ended_at: Timestamp,
}

impl Ran {
    /// What a run that ended well knows is what is on the disk.
    fn is_durable(&self, world: &World) {
        if matches!(self.outcome.ended, Ended::SaveFailed(_)) {
            return;
        }
        let Some(bytes) = world.durable() else {
            assert_eq!(self.saves, 0, "saves came to nothing");
            return;
        };
        let durable = State::parse(&bytes).expect("what is durable can be read");
        for (id, entry) in self.state.entries() {
            assert_eq!(Some(entry), durable.entry(id), "{id} was not saved");
        }
    }

    pub(crate) fn verdict(&self, id: &IndexId) -> &Verdict {
        let found = self.outcome.verdicts.iter().find(|(of, _)| of == id);
        &found.expect("a verdict").1
    }

    /// True where every index of the run is active, new or old.
    pub(crate) fn all_active(&self) -> bool {
        let active = |v: &Verdict| matches!(v, Verdict::Activated(_) | Verdict::AlreadyActive);
        self.outcome.verdicts.iter().all(|(_, v)| active(v))
            && self.outcome.verdicts.iter().all(|(id, _)| self.status(id) == Status::Active)
    }

    pub(crate) fn entry(&self, id: &IndexId) -> &Entry {
        self.state.entry(id).expect("an entry")
    }

    pub(crate) fn status(&self, id: &IndexId) -> Status {
        self.entry(id).status()
    }

    pub(crate) fn owner(&self, id: &IndexId) -> Option<Owner> {
        self.entry(id).record().owner
    }

    /// Times at which creates of `id` were handed out.
    pub(crate) fn creates(&self, world: &World, id: &IndexId) -> Vec<Timestamp> {
        let of = |call: &Call| matches!(call, Call::CreateIndex(c) if c.table == id.table && c.index == id.index);
        let sent = world.calls[self.calls.clone()].iter();
        sent.filter(|s| of(&s.call)).map(|s| s.at).collect()
    }

    pub(crate) fn events<'w>(&self, world: &'w World) -> impl Iterator<Item = &'w Event> {
        world.events[self.events.clone()].iter().map(|(_, event)| event)
    }

    /// The events of the run, a word each.
    pub(crate) fn words(&self, world: &World) -> Vec<&'static str> {
        self.events(world).map(word).collect()
    }

    pub(crate) fn count(&self, world: &World, wanted: &str) -> usize {
        let words = self.words(world);
        words.iter().filter(|w| **w == wanted).count()
    }

    pub(crate) fn told(&self, world: &World) -> String {
        world.told(self.events.clone())
    }
}

pub(crate) fn word(event: &Event) -> &'static str {
    match event {
        Event::AlreadyActive(_) => "AlreadyActive",
        Event::Adopted { .. } => "Adopted",
        Event::Creating { .. } => "Creating",
        Event::Accepted(_) => "Accepted",
        Event::Backfilling(_) => "Backfilling",
        Event::StillBuilding { .. } => "StillBuilding",
        Event::Activated { .. } => "Activated",
        Event::Missing { .. } => "Missing",
        Event::NotShownYet { .. } => "NotShownYet",
        Event::AwaitingTable { .. } => "AwaitingTable",
        Event::TableTrouble { .. } => "TableTrouble",
        Event::TableBack(_) => "TableBack",
        Event::AwaitingDeletion(_) => "AwaitingDeletion",
        Event::Queued { .. } => "Queued",
        Event::Refused { .. } => "Refused",
        Event::StartsSpaced { .. } => "StartsSpaced",
        Event::AttemptFailed { .. } => "AttemptFailed",
        Event::Recovered(_) => "Recovered",
        Event::Failed { .. } => "Failed",
        Event::Obstructed { .. } => "Obstructed",
        Event::LeftFailed { .. } => "LeftFailed",
        Event::TimedOut { .. } => "TimedOut",
        Event::NoAnswerYet { .. } => "NoAnswerYet",
        Event::LookFailed { .. } => "LookFailed",
        Event::RegionUnknown { .. } => "RegionUnknown",
        Event::RegionSkipped { .. } => "RegionSkipped",
        Event::AwaitingRegions { .. } => "AwaitingRegions",
        Event::Unconfirmed { .. } => "Unconfirmed",
        Event::StillListed { .. } => "StillListed",
        Event::ConcurrencyChanged { .. } => "ConcurrencyChanged",
        Event::CredentialsLost { .. } => "CredentialsLost",
        Event::CredentialsBack => "CredentialsBack",
        Event::SaveFailed { .. } => "SaveFailed",
        Event::Stopping => "Stopping",
        Event::Deleting { .. } => "Deleting",
        Event::Deleted { .. } => "Deleted",
        Event::Gone(_) => "Gone",
        Event::Kept { .. } => "Kept",
        Event::Checking(_) => "Checking",
        Event::Violating(_) => "Violating",
        Event::PageRefused { .. } => "PageRefused",
        Event::Checked { .. } => "Checked",
        Event::NotChecked { .. } => "NotChecked",
        Event::SavingCursor => "SavingCursor",
        Event::CursorNotSaved { .. } => "CursorNotSaved",
    }
}
