//! What is particular to an index that is to be deleted.

use super::Scene;
use super::job::{Job, Phase, Task};
use super::outcome::Verdict;
use crate::call::ErrorKind;
use crate::catalog::{Sighting, TableDescription};
use crate::event::Event;
use crate::rollback::{Kept, Standing, judge};
use crate::state::{Entry, Step};

/// What a job knows that is to be rid of an index.
#[derive(Debug)]
pub(super) struct Removal {
    /// Indexes whose creation was never acknowledged count as ours.
    inferred: bool,
    /// Its build may be interrupted, as far as is known: DynamoDB takes a delete
    /// in the second phase, and not every engine does.
    pub(super) may_interrupt: bool,
    /// A delete of this run may have been applied.
    sent: bool,
}

impl Removal {
    pub(super) fn new(inferred: bool) -> Self {
        Self { inferred, may_interrupt: true, sent: false }
    }
}

impl Job {
    pub(super) fn observe_to_delete(&mut self, sighting: &Sighting, scene: &mut Scene<'_>) {
        let (Task::Delete(removal), Some(entry)) = (&self.task, scene.state.entry(self.id()))
        else {
            return;
        };
        let standing = judge(self.id(), entry, sighting, removal.inferred);
        let table = match sighting {
            Sighting::Found(table) => Some(table.as_ref()),
            Sighting::Missing | Sighting::Denied(_) => None,
        };
        match standing {
            Standing::Kept(kept) => self.on_kept(kept, scene),
            Standing::Gone => self.on_gone(scene),
            Standing::Leaving => self.on_leaving(scene),
            Standing::There { ready } => self.on_there(ready, table, scene),
        }
    }

    fn on_kept(&mut self, kept: Kept, scene: &mut Scene<'_>) {
        if let Kept::OtherKeys { .. } = &kept {
            scene.step(self.id(), Step::SeenConflict { reason: kept.to_string() });
        }
        scene.tell(Event::Kept { id: self.id().clone(), reason: kept.to_string() });
        self.end(Verdict::Kept(kept));
    }

    /// It is not there: we deleted it, or somebody did.
    fn on_gone(&mut self, scene: &mut Scene<'_>) {
        let record = scene.state.entry(self.id()).map(Entry::record);
        // One that was just created may not be visible yet.
        let created_at = record.and_then(|r| r.intent_at).map(|at| at.min(scene.now));
        if !self.was_sent() && created_at.is_some_and(|at| self.may_be_unseen(at, scene)) {
            return;
        }
        if record.is_some_and(|r| r.delete_intent_at.is_some()) {
            scene.step(self.id(), Step::Deleted { at: scene.now });
            let took = scene.now - self.since;
            scene.tell(Event::Deleted { id: self.id().clone(), took });
            return self.end(Verdict::Deleted(took));
        }
        scene.step(self.id(), Step::SeenAbsent);
        scene.tell(Event::Gone(self.id().clone()));
        self.end(Verdict::Gone);
    }

    fn on_leaving(&mut self, scene: &mut Scene<'_>) {
        if self.phase == Phase::Leaving {
            return;
        }
        let record = scene.state.entry(self.id()).map(Entry::record);
        if record.is_none_or(|r| r.delete_intent_at.is_none()) {
            scene.tell(Event::AwaitingDeletion(self.id().clone()));
        }
        self.phase = Phase::Leaving;
    }

    fn on_there(&mut self, ready: bool, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        self.see(ready, table, scene);
        match &self.phase {
            Phase::New | Phase::Leaving => self.phase = Phase::Wanted(scene.now),
            // Our delete may not show yet.
            Phase::Sent { at, .. } if self.may_be_unseen(*at, scene) => {}
            Phase::Sent { lost: true, .. } if self.failures >= scene.policy.max_attempts => {
                let error = scene.state.entry(self.id()).and_then(Entry::last_error);
                let error = error.unwrap_or("the answers to all attempts were lost").to_owned();
                self.give_up(error, self.remedy(), scene);
            }
            Phase::Sent { retry_at, .. } => self.phase = Phase::Wanted(*retry_at),
            Phase::Refused { error, at } => match error.kind {
                // What it shows is older than the refusal.
                ErrorKind::IndexNotFound | ErrorKind::TableNotFound
                    if self.may_be_unseen(*at, scene) => {}
                ErrorKind::IndexNotFound | ErrorKind::TableNotFound => {
                    let error = error.to_string();
                    self.give_up(error, self.remedy(), scene);
                }
                ErrorKind::IndexBusy => {
                    if let Task::Delete(removal) = &mut self.task {
                        removal.may_interrupt = false;
                    }
                    self.phase = Phase::Wanted(scene.now);
                }
                _ => self.settle_refusal(table, scene),
            },
            Phase::Wanted(_) | Phase::Building { .. } | Phase::Done(_) => {}
        }
    }

    /// The state learns of it as in any run.
    fn see(&self, ready: bool, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        let index = table.and_then(|table| table.index(&self.id().index));
        let table_id = table.and_then(|table| table.table_id.clone());
        let building = index.is_some_and(|index| !index.is_ready());
        if building || !ready {
            scene.step(self.id(), Step::SeenBuilding { table_id });
        } else {
            scene.step(self.id(), Step::SeenActive { at: scene.now, table_id });
        }
    }

    fn was_sent(&self) -> bool {
        matches!(&self.task, Task::Delete(removal) if removal.sent)
    }

    /// A delete was handed out.
    pub(super) fn note_sent(&mut self) {
        if let Task::Delete(removal) = &mut self.task {
            removal.sent = true;
        }
    }

    pub(super) fn leave_deletion(&mut self) {
        let going = matches!(self.phase, Phase::Sent { .. } | Phase::Leaving);
        self.end(if going { Verdict::Deleting } else { Verdict::Waiting });
    }

    /// Whether what was refused is that there is nothing to delete: the next
    /// description tells.
    pub(super) fn is_answer(&self, kind: ErrorKind) -> bool {
        let absent = matches!(kind, ErrorKind::IndexNotFound | ErrorKind::TableNotFound);
        absent && matches!(self.task, Task::Delete(_))
    }
}
