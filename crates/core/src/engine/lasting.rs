//! Builds that last, and tables that get into trouble meanwhile: what is told of them
//! while they are waited for.

use super::Scene;
use super::job::Job;
use super::lane::Lane;
use crate::catalog::{IndexDescription, Sighting, TableDescription};
use crate::event::Event;
use crate::plan::Outlook;
use crate::reminder::still_building;
use crate::state::Step;

/// How `last_error` begins while the table is in trouble.
const IN_TROUBLE: &str = "the table is";

impl Job {
    /// Says now and then that the index is still being built, what bounds that and what
    /// would help. Until it is backfilling its items are not written, and nobody can
    /// change its throughput (docs/dynamodb.md: allocation, backfill).
    pub(super) fn remind(
        &mut self,
        table: Option<&TableDescription>,
        backfilling: bool,
        scene: &mut Scene<'_>,
    ) {
        let Some((table, index)) = self.shown(table) else {
            return;
        };
        let slow = backfilling && Outlook::of_build(index, table).bound.is_some();
        // Each run speaks anew: whoever looks on has waited since it began.
        let waited = scene.now - self.since;
        if self.reminder.is_due(scene.now - self.since.max(self.begun), slow) {
            scene.tell(still_building(self.id().clone(), index, table, waited));
        }
    }

    /// Says it once more where the run stops waiting, and returns the cause.
    pub(super) fn cause_of_lasting(
        &self,
        table: Option<&TableDescription>,
        scene: &mut Scene<'_>,
    ) -> Option<String> {
        let (table, index) = self.shown(table)?;
        let bound = Outlook::of_build(index, table).bound?;
        let waited = scene.now - self.since;
        scene.tell(still_building(self.id().clone(), index, table, waited));
        Some(bound.to_string())
    }

    /// The table is usable again: what was noted of its trouble holds no longer.
    fn take_heart(&self, scene: &mut Scene<'_>) {
        let noted = scene.state.entry(self.id()).and_then(|entry| entry.last_error());
        if self.is_building() && noted.is_some_and(|noted| noted.starts_with(IN_TROUBLE)) {
            let reason = "its table could not be used for a while, and can be again".to_owned();
            scene.step(self.id(), Step::Obstacle { reason });
        }
    }

    /// As its table shows it being built.
    fn shown<'t>(
        &self,
        table: Option<&'t TableDescription>,
    ) -> Option<(&'t TableDescription, &'t IndexDescription)> {
        let table = table?;
        // Ready here, it is built elsewhere: nothing that is done here would help.
        let index = table.index(&self.id().index).filter(|index| !index.is_ready())?;
        Some((table, index))
    }
}

impl Lane {
    /// Whether the table is in trouble that passes while something of it is on its way:
    /// then it is waited for, and nothing that is shown meanwhile is believed. It is told
    /// once, and once when it is over.
    pub(super) fn waits_out_trouble(&mut self, scene: &mut Scene<'_>) -> bool {
        let Sighting::Found(table) = self.sighting() else {
            return false;
        };
        let status = table.status.to_string();
        let trouble = table.status.trouble().filter(|trouble| trouble.passes);
        let trouble = trouble.filter(|_| self.is_building());
        let Some(trouble) = trouble else {
            if std::mem::take(&mut self.in_trouble) {
                scene.tell(Event::TableBack(self.table.clone()));
                self.jobs.iter().for_each(|job| job.take_heart(scene));
            }
            return false;
        };
        if !std::mem::replace(&mut self.in_trouble, true) {
            scene.tell(Event::TableTrouble {
                table: self.table.clone(),
                status: status.clone(),
                remedy: trouble.remedy.to_owned(),
                passes: true,
            });
        }
        let reason = format!("{IN_TROUBLE} {status}: {}", trouble.remedy);
        for job in self.jobs.iter_mut().filter(|job| job.is_open()) {
            job.bear(&reason, scene);
        }
        true
    }
}
