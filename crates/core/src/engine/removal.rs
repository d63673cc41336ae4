//! What is particular to an index that is to be deleted.
//!
//! A delete is repeated after a refusal or a lost answer, and never after it was
//! acknowledged: from then on whatever bears the name is another index.

use super::Scene;
use super::job::{Job, Phase, Task};
use super::outcome::Verdict;
use crate::call::ErrorKind;
use crate::catalog::{IndexDescription, Sighting, TableDescription};
use crate::event::Event;
use crate::evidence::{Evidence, evidence};
use crate::look::missing;
use crate::name::TableName;
use crate::rollback::{Kept, Standing, judge};
use crate::state::{Entry, Record, Status, Step};
use crate::time::Timestamp;

/// What a job knows that is to be rid of an index.
#[derive(Debug)]
pub(super) struct Removal {
    /// Indexes whose creation was never acknowledged count as ours.
    inferred: bool,
    /// Why the plan left it alone. The state may know less by now: that it is not
    /// ours any more, and not what showed it.
    planned: Option<Kept>,
    /// Its build may be interrupted, as far as is known: DynamoDB takes a delete
    /// in the second phase (docs/dynamodb.md: backfill), and not every engine does.
    pub(super) may_interrupt: bool,
    /// A delete of this run may have been applied.
    sent: bool,
    /// DynamoDB acknowledged our delete then, in this run or in an earlier one.
    acknowledged_at: Option<Timestamp>,
    /// It was seen going away, by a description that was asked for then.
    seen_leaving_at: Option<Timestamp>,
}

impl Removal {
    pub(super) fn new(inferred: bool, standing: Standing) -> Self {
        let planned = match standing {
            Standing::Kept(kept) => Some(kept),
            Standing::There { .. } | Standing::Leaving | Standing::Gone => None,
        };
        Self {
            inferred,
            planned,
            may_interrupt: true,
            sent: false,
            acknowledged_at: None,
            seen_leaving_at: None,
        }
    }
}

impl Job {
    pub(super) fn observe_to_delete(&mut self, sighting: &Sighting, scene: &mut Scene<'_>) {
        if self.phase == Phase::Leaving {
            return self.watch_it_leave(sighting, scene);
        }
        let (Task::Delete(removal), Some(entry)) = (&self.task, scene.state.entry(self.id()))
        else {
            return;
        };
        let standing = judge(self.id(), entry, sighting, removal.inferred);
        let acknowledged_at = acknowledged(entry.record(), scene.now);
        match standing {
            Standing::Kept(Kept::MadeAgain) if acknowledged_at.is_some() => {
                // An earlier run deleted it, and this may still be a description
                // from before.
                self.begin_leaving(acknowledged_at);
                self.watch_it_leave(sighting, scene);
            }
            Standing::Kept(kept) => self.on_kept(kept, sighting, scene),
            Standing::Gone => self.on_gone(scene),
            Standing::Leaving => self.on_leaving(scene),
            Standing::There { .. } if self.was_made_again(sighting) => {
                self.on_made_again(sighting, scene);
            }
            Standing::There { ready } => self.on_there(ready, sighting, scene),
        }
    }

    /// Whether the base shows it being built, which had shown it ready. The entry cannot
    /// tell where it was not active: not every region had it.
    fn was_made_again(&self, sighting: &Sighting) -> bool {
        let Sighting::Found(table) = sighting else {
            return false;
        };
        self.ready_here && table.index(&self.id().index).is_some_and(|index| !index.is_ready())
    }

    /// Somebody deleted it (or a delete of ours did whose answer was lost), and made it
    /// again.
    fn on_made_again(&mut self, sighting: &Sighting, scene: &mut Scene<'_>) {
        scene.step(self.id(), Step::SeenDeleting);
        let again = Evidence::BuiltAgain.step(sighting, self.id(), scene.now);
        scene.step(self.id(), again);
        if self.was_sent() {
            return self.on_replaced(scene);
        }
        let kept = Kept::MadeAgain;
        scene.tell(Event::Kept { id: self.id().clone(), reason: kept.to_string() });
        self.end(Verdict::Kept(kept));
    }

    fn on_kept(&mut self, kept: Kept, sighting: &Sighting, scene: &mut Scene<'_>) {
        let ours_is_gone = self.take_down(sighting, scene);
        let Task::Delete(removal) = &mut self.task else {
            return;
        };
        let kept = removal.planned.take().unwrap_or(kept);
        if removal.sent && ours_is_gone {
            // The answer to our delete was lost, and what stands there is another.
            return self.on_replaced(scene);
        }
        scene.tell(Event::Kept { id: self.id().clone(), reason: kept.to_string() });
        self.end(Verdict::Kept(kept));
    }

    /// What is shown against our ownership, or in spite of it, is recorded: the next
    /// run must not believe what this one knew to be over. True where another index
    /// bears the name.
    fn take_down(&self, sighting: &Sighting, scene: &mut Scene<'_>) -> bool {
        let Some(entry) = scene.state.entry(self.id()) else {
            return false;
        };
        let Some(evidence) = evidence(self.id(), entry, sighting) else {
            return false;
        };
        let stands = matches!(evidence, Evidence::Ready | Evidence::Building { .. });
        let settles = entry.record().owner.is_none() && stands;
        if settles || evidence.is_news(entry, self.is_new(entry.record(), scene)) {
            scene.step(self.id(), evidence.step(sighting, self.id(), scene.now));
        }
        evidence.is_of_another()
    }

    /// Our create of it may not be visible yet.
    pub(super) fn is_new(&self, record: &Record, scene: &Scene<'_>) -> bool {
        let visibility = scene.policy.visibility;
        record.may_be_unseen(self.updating, self.seen_at, self.begun, visibility)
    }

    /// It is not there: we deleted it, or somebody did.
    fn on_gone(&mut self, scene: &mut Scene<'_>) {
        let record = scene.state.entry(self.id()).map(Entry::record);
        let settled = self.was_sent() || self.acknowledged_at().is_some();
        if !settled && record.is_some_and(|record| self.is_new(record, scene)) {
            // What was seen there before is no reason to delete what is not shown.
            self.phase = Phase::New;
            return;
        }
        if record.is_some_and(|r| r.delete_intent_at.is_some()) {
            return self.on_deleted(scene);
        }
        scene.step(self.id(), Step::SeenAbsent);
        scene.tell(Event::Gone(self.id().clone()));
        self.end(Verdict::Gone);
    }

    fn on_deleted(&mut self, scene: &mut Scene<'_>) {
        scene.step(self.id(), Step::Deleted { at: scene.now });
        let took = scene.now - self.since;
        scene.tell(Event::Deleted { id: self.id().clone(), took, whole: self.whole });
        self.end(Verdict::Deleted(took));
    }

    /// It goes away, and nothing stops that: what stands there later is not ours.
    fn on_leaving(&mut self, scene: &mut Scene<'_>) {
        let record = scene.state.entry(self.id()).map(Entry::record);
        let ours = record.is_some_and(|record| record.delete_intent_at.is_some());
        let acknowledged_at = record.and_then(|record| acknowledged(record, scene.now));
        if !ours {
            scene.tell(Event::AwaitingDeletion(self.id().clone()));
        }
        scene.step(self.id(), Step::SeenDeleting);
        self.begin_leaving(acknowledged_at);
        self.note_leaving();
    }

    /// DynamoDB took our delete.
    pub(super) fn on_delete_accepted(&mut self, scene: &mut Scene<'_>) {
        scene.step(self.id(), Step::DeleteAcknowledged { at: scene.now });
        self.begin_leaving(Some(scene.now));
    }

    fn begin_leaving(&mut self, acknowledged_at: Option<Timestamp>) {
        if let Task::Delete(removal) = &mut self.task {
            removal.acknowledged_at = acknowledged_at;
        }
        self.phase = Phase::Leaving;
    }

    /// Its deletion is acknowledged or was seen. Nothing is deleted any more,
    /// whatever is shown.
    fn watch_it_leave(&mut self, sighting: &Sighting, scene: &mut Scene<'_>) {
        let Some(entry) = scene.state.entry(self.id()) else {
            return;
        };
        let lasts = |table: &TableDescription| table.status.trouble().is_some_and(|t| !t.passes);
        let unwatched = matches!(sighting, Sighting::Found(table) if lasts(table));
        let shown = evidence(self.id(), entry, sighting);
        match shown.filter(|shown| !unwatched || *shown == Evidence::Absent) {
            // It cannot be watched any longer; the deletion goes on.
            None => self.end(Verdict::Deleting),
            // What bears the name from here on is another index.
            Some(Evidence::Absent) if self.lingers_elsewhere(sighting, scene) => {
                self.note_leaving();
            }
            Some(Evidence::Absent) => self.on_gone(scene),
            Some(Evidence::Leaving) => self.note_leaving(),
            Some(shown) => {
                // What was asked for later may still be answered with what was before.
                let went_at = self.acknowledged_at().max(self.seen_leaving_at());
                let behind = went_at.is_some_and(|at| self.may_be_unseen(at, scene));
                if shown.is_of_another() || !behind {
                    self.on_remaining(&shown, sighting, scene);
                }
            }
        }
    }

    /// An index of that name stands although the deletion was acknowledged, or seen
    /// under way. It is not deleted again: somebody else may have made it.
    fn on_remaining(&mut self, shown: &Evidence, sighting: &Sighting, scene: &mut Scene<'_>) {
        let replaced = shown.is_of_another() || self.seen_leaving_at().is_some();
        let meant = scene.state.entry(self.id()).map(Entry::record);
        let meant = meant.is_some_and(|r| r.delete_intent_at.is_some());
        scene.step(self.id(), shown.step(sighting, self.id(), scene.now));
        match (replaced, meant) {
            (true, true) => self.on_replaced(scene),
            // Somebody deleted it, and somebody made it again.
            (_, false) => {
                let kept = Kept::MadeAgain;
                scene.tell(Event::Kept { id: self.id().clone(), reason: kept.to_string() });
                self.end(Verdict::Kept(kept));
            }
            (false, true) => {
                let (error, remedy) = self.stands_in_spite();
                self.give_up(error, remedy, scene);
            }
        }
    }

    fn stands_in_spite(&self) -> (String, String) {
        let (table, index) = (&self.id().table, &self.id().index);
        let error = "DynamoDB acknowledged its deletion, and an index of that name stands: the \
                     deletion did not stay, or somebody made it again at once; it is not deleted \
                     again, because it may be another's"
            .to_owned();
        let who = who_works_against(table);
        (error, format!("{who}; where {index} is nobody's, delete it by hand"))
    }

    /// What we deleted is gone, and another index has its name.
    fn on_replaced(&mut self, scene: &mut Scene<'_>) {
        let took = scene.now - self.since;
        let id = self.id().clone();
        scene.tell(Event::Deleted { id: id.clone(), took, whole: self.whole });
        scene.tell(Event::Kept { id, reason: Kept::MadeAgain.to_string() });
        self.end(Verdict::Deleted(took));
    }

    fn on_there(&mut self, ready: bool, sighting: &Sighting, scene: &mut Scene<'_>) {
        let table = match sighting {
            Sighting::Found(table) => Some(table.as_ref()),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        };
        self.see(ready, table, scene);
        if let Some(trouble) = table.and_then(|table| table.status.trouble())
            && !self.is_building()
        {
            // DynamoDB would refuse the delete, for nobody knows how long.
            let status = table.map(|table| table.status.to_string()).unwrap_or_default();
            return self.give_up(
                format!("the table is {status}"),
                trouble.remedy.to_owned(),
                scene,
            );
        }
        match &self.phase {
            Phase::New => self.phase = Phase::Wanted(scene.now),
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
                _ => self.settle_refusal(table, scene),
            },
            Phase::Wanted(_) | Phase::Building { .. } | Phase::Leaving | Phase::Done(_) => {}
        }
    }

    /// The state learns of it as in any run.
    fn see(&mut self, ready: bool, table: Option<&TableDescription>, scene: &mut Scene<'_>) {
        let index = table.and_then(|table| table.index(&self.id().index));
        let table_id = table.and_then(TableDescription::identity);
        let here = index.is_some_and(IndexDescription::is_ready);
        self.ready_here |= here;
        let everywhere = table.is_none_or(|table| missing(table, &self.id().index).is_empty());
        let active = scene.state.entry(self.id()).map(Entry::status) == Some(Status::Active);
        if active && here && !everywhere {
            // It is what it was, and another region is behind: nobody made it again.
            return;
        }
        let building = index.is_some() && !(here && everywhere);
        if building || !ready {
            scene.step(self.id(), Step::SeenBuilding { table_id });
        } else {
            scene.step(self.id(), Step::SeenActive { at: scene.now, table_id });
        }
    }

    fn was_sent(&self) -> bool {
        matches!(&self.task, Task::Delete(removal) if removal.sent)
    }

    fn acknowledged_at(&self) -> Option<Timestamp> {
        match &self.task {
            Task::Delete(removal) => removal.acknowledged_at,
            Task::Create { .. } => None,
        }
    }

    fn seen_leaving_at(&self) -> Option<Timestamp> {
        match &self.task {
            Task::Delete(removal) => removal.seen_leaving_at,
            Task::Create { .. } => None,
        }
    }

    fn note_leaving(&mut self) {
        let seen_at = self.seen_at;
        if let Task::Delete(removal) = &mut self.task {
            removal.seen_leaving_at = Some(seen_at);
        }
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

/// Where to look for whoever undoes what DynamoDB acknowledged to us.
pub(super) fn who_works_against(table: &TableName) -> String {
    format!(
        "find out who works against it: another run in another state directory, a template engine \
         such as CloudFormation or Terraform, or a person (CloudTrail names who calls UpdateTable \
         on {table})"
    )
}

/// When DynamoDB acknowledged the delete that `record` still waits for. A time that
/// lies ahead was noted before the clock was set back, and counts as now.
fn acknowledged(record: &Record, now: Timestamp) -> Option<Timestamp> {
    record.delete_intent_at?;
    record.deleted_at.map(|at| at.min(now))
}
