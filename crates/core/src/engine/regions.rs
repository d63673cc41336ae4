//! The other regions of a global table: a change in one reaches all, each in its own time
//! (docs/dynamodb.md: fan-out). An index is ready where it is ready in all of them, and
//! gone where it is gone from all of them.

use super::job::{Job, Phase, Task};
use super::lane::Doing;
use super::outcome::Verdict;
use super::{Engine, Scene};
use crate::call::{CallError, Reply};
use crate::catalog::{IndexDescription, Sighting, TableDescription};
use crate::event::Event;
use crate::look::{
    Depth, Elsewhere, Missing, REGION_PATIENCE, RegionLook, Then, is_half, listed_in, missing,
    missing_text,
};
use crate::machine::CallId;
use crate::state::Step;
use crate::time::Timestamp;

impl Engine {
    /// Asks the other regions too, where the base's answer makes that worth a call each.
    /// The table as it is, where nothing more is to be asked.
    pub(super) fn ask_regions(
        &mut self,
        n: usize,
        asked_at: Timestamp,
        table: Box<TableDescription>,
    ) -> Option<Box<TableDescription>> {
        let lane = &mut self.lanes[n];
        if !lane.wants_regions(&table) {
            return Some(table);
        }
        let (next_id, asked) = (&mut self.next_id, &mut self.asked);
        let fresh = || {
            let id = CallId(*next_id);
            *next_id += 1;
            asked.insert(id, n);
            id
        };
        let skip = &self.policy.skip_regions;
        let (look, calls) =
            RegionLook::begin(lane.table.clone(), table, asked_at, Depth::Regions, skip, fresh);
        if look.is_whole() {
            return Some(look.into_parts().2);
        }
        lane.doing = Doing::LookingElsewhere;
        lane.elsewhere = Some(look);
        self.calls.extend(calls);
        None
    }

    /// Another region has answered, or cannot be asked. The description counts once all
    /// of them have.
    pub(super) fn on_region(
        &mut self,
        now: Timestamp,
        n: usize,
        id: CallId,
        reply: Result<Reply, CallError>,
    ) {
        let Some(mut look) = self.lanes[n].elsewhere.take() else {
            return;
        };
        look.on_reply(id, reply);
        if !look.is_whole() {
            self.lanes[n].elsewhere = Some(look);
            return;
        }
        let (table, asked_at, description) = look.into_parts();
        self.events.extend(self.told_regions.news(&table, &description));
        self.on_sighting(now, n, asked_at, Sighting::Found(description));
    }
}

impl Job {
    /// Whether what `table`, as its base shows it, says of the index is only half of it.
    pub(super) fn wants_regions(&self, table: &TableDescription) -> bool {
        let shown = table.index(&self.id().index);
        match self.task {
            Task::Create { .. } => shown.is_some_and(IndexDescription::is_ready),
            Task::Delete(_) => shown.is_none() && self.phase == Phase::Leaving,
        }
    }

    /// The base shows it ready. It is waited for in the other regions: without an end
    /// where they show it being built, and for [`REGION_PATIENCE`] where nobody knows.
    pub(super) fn on_ready_in_part(&mut self, table: &TableDescription, scene: &mut Scene<'_>) {
        if is_half(table) {
            // The answer to our create: the next look asks.
            return self.on_building(Some(table), true, scene);
        }
        self.ready_here = true;
        self.missing = missing(table, &self.id().index);
        let then = self.patience.judge(scene.now, &self.missing);
        self.on_building(Some(table), true, scene);
        if !self.is_open() {
            return;
        }
        let (id, missing) = (self.id().clone(), self.missing.clone());
        match then {
            Then::WaitFromNow => scene.tell(Event::AwaitingRegions { id, missing }),
            Then::Wait => {}
            Then::GiveUp => {
                let error = self.ready_in_part();
                scene.step(&id, Step::TimedOut { error });
                self.end_unconfirmed(scene);
            }
        }
    }

    /// The base shows it being built. Where it was ready there before, and waited for its
    /// other regions, somebody deleted it and made it again: it is not ours any more.
    pub(super) fn on_built_again(&mut self, scene: &mut Scene<'_>) {
        if std::mem::take(&mut self.ready_here) && self.is_ours(scene) {
            scene.step(self.id(), Step::SeenDeleting);
        }
    }

    /// The base has it, and no other region shows it being built.
    pub(super) fn is_unconfirmed(&self) -> bool {
        let in_work = |m: &Missing| matches!(m.there, Elsewhere::InWork { .. });
        !self.missing.is_empty() && !self.missing.iter().any(in_work)
    }

    pub(super) fn end_unconfirmed(&mut self, scene: &mut Scene<'_>) {
        let missing = self.missing.clone();
        let regions = missing.iter().map(|m| m.region.clone()).collect();
        scene.tell(Event::Unconfirmed { id: self.id().clone(), missing });
        self.end(Verdict::Unconfirmed { regions });
    }

    /// For `last_error`.
    pub(super) fn ready_in_part(&self) -> String {
        let elsewhere = missing_text(&self.missing);
        format!("ready in the region that was asked, and not known to be ready in {elsewhere}")
    }

    /// Whether an index that is gone from the base, and was deleted, is still waited for
    /// in other regions. For so long as an index that is to come, and then it is told.
    pub(super) fn lingers_elsewhere(&mut self, sighting: &Sighting, scene: &mut Scene<'_>) -> bool {
        let Sighting::Found(table) = sighting else {
            return false;
        };
        if is_half(table) {
            // The answer to our delete: the next look asks.
            return true;
        }
        let regions = listed_in(table, &self.id().index);
        if regions.is_empty() {
            return false;
        }
        let since = *self.gone_here.get_or_insert(scene.now);
        if scene.now - since < REGION_PATIENCE {
            return true;
        }
        scene.tell(Event::StillListed { id: self.id().clone(), regions });
        false
    }
}
