//! What is made of an index that a description does not show: it is to be created, it is
//! too new to be shown, or somebody took it away.

use super::Scene;
use super::job::{Job, Phase, Task};
use super::outcome::Verdict;
use crate::catalog::TableDescription;
use crate::event::Event;
use crate::state::{Entry, Status, Step};
use crate::time::Timestamp;

impl Job {
    pub(super) fn on_absent(&mut self, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        match &self.phase {
            Phase::New => self.begin_absent(scene),
            Phase::Leaving if self.came => self.on_taken_away(scene),
            Phase::Leaving => self.want_again(scene.now, scene),
            Phase::Refused { .. } => self.settle_refusal(table, scene),
            Phase::Sent { at, lost, retry_at } if !self.may_be_unseen(*at, scene) => {
                let (lost, retry_at) = (*lost, *retry_at);
                self.on_vanished(lost, retry_at, scene);
            }
            Phase::Building { .. } if !self.is_behind(self.since, scene) => {
                self.on_vanished(false, scene.now, scene);
            }
            Phase::Sent { .. } | Phase::Building { .. } | Phase::Wanted(_) | Phase::Done(_) => {}
        }
    }

    /// Just after a change a description may not show it yet (docs/dynamodb.md: stale); on a
    /// global table it may not for as long as the table is UPDATING
    /// (docs/dynamodb.md: unseen).
    pub(super) fn may_be_unseen(&self, sent_at: Timestamp, scene: &Scene<'_>) -> bool {
        self.updating || self.is_behind(sent_at, scene)
    }

    /// The newest description is too young to know of what was at `sent_at`.
    pub(super) fn is_behind(&self, sent_at: Timestamp, scene: &Scene<'_>) -> bool {
        self.seen_at - sent_at < scene.policy.visibility
    }

    /// The first look of this run does not show it.
    fn begin_absent(&mut self, scene: &mut Scene<'_>) {
        let entry = scene.state.entry(self.id());
        let status = entry.map_or(Status::Pending, Entry::status);
        // One that lies ahead was noted before the clock was set back.
        let noted = entry.and_then(|e| e.record().intent_at);
        let intent = noted.map(|at| at.min(scene.now));
        let unseen = entry.is_some_and(|e| self.is_new(e.record(), scene));
        let lost = !entry.is_some_and(|e| e.record().acknowledged);
        match (status, intent) {
            (Status::InProgress, Some(at)) if unseen => {
                self.since = at;
                self.whole = noted == intent;
                self.phase = Phase::Sent { at, lost, retry_at: scene.now };
            }
            _ => self.want_again(scene.now, scene),
        }
    }

    fn on_vanished(&mut self, lost: bool, retry_at: Timestamp, scene: &mut Scene<'_>) {
        if self.came {
            return self.on_taken_away(scene);
        }
        if lost && self.failures >= scene.policy.max_attempts {
            let last = scene.state.entry(self.id()).and_then(|e| e.last_error());
            let error = last.unwrap_or("the answers to all attempts were lost").to_owned();
            let remedy = self.remedy();
            return self.give_up(error, remedy, scene);
        }
        self.want_again(retry_at, scene);
    }

    /// It is not there: to be created, where this run may.
    pub(super) fn want_again(&mut self, not_before: Timestamp, scene: &mut Scene<'_>) {
        let was = self.see_absent(scene);
        let may_start = matches!(self.task, Task::Create { may_start: true, .. });
        if may_start {
            self.phase = Phase::Wanted(not_before);
        } else if was == Status::Failed {
            let error = scene.state.entry(self.id()).and_then(|e| e.last_error());
            let error = error.map(str::to_owned);
            scene.tell(Event::LeftFailed { id: self.id().clone(), error });
            self.end(Verdict::LeftFailed);
        } else if self.phase == Phase::New {
            self.end(Verdict::LeftOther);
        } else {
            // It was found being built, and is gone again: the next run's.
            self.end(Verdict::Waiting);
        }
    }

    /// Takes the absence down, and says it aloud where something was thought to
    /// be there. What the state said is returned.
    pub(super) fn see_absent(&self, scene: &mut Scene<'_>) -> Status {
        let was = scene.state.entry(self.id()).map_or(Status::Pending, Entry::status);
        if matches!(was, Status::InProgress | Status::Active) {
            scene.tell(Event::Missing { id: self.id().clone(), was });
        }
        scene.step(self.id(), Step::SeenAbsent);
        was
    }
}
