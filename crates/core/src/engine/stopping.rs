//! How a run ends before its time: after a failure nothing more is started, after a stop
//! nothing more is asked, and calls that were not handed out are taken back.

use std::time::Duration;

use super::lane::Doing;
use super::{Ended, Engine};
use crate::event::Event;
use crate::time::Timestamp;

/// After a stop, answers that are under way are waited for so long.
pub(super) const GRACE: Duration = Duration::from_millis(500);

impl Engine {
    pub(super) fn start_nothing_more(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.starting, false) {
            return;
        }
        self.backlog.clear();
        for n in 0..self.lanes.len() {
            match self.lanes[n].doing {
                Doing::Backlogged | Doing::Resting => self.advance(now, n),
                // Its save may be under way; the call is not made.
                Doing::Intending(_) => self.advance(now, n),
                Doing::WantsLook
                | Doing::Looking(..)
                | Doing::LookingElsewhere
                | Doing::AskingScaling(..)
                | Doing::Changing(..)
                | Doing::Over => {}
            }
        }
    }

    pub(super) fn stop(&mut self, now: Timestamp, ended: Ended) {
        self.stopping = Some((now, ended));
        self.recall(now);
        self.backlog.clear();
        self.looks.clear();
        self.unsaved.clear();
        for n in 0..self.lanes.len() {
            if matches!(self.lanes[n].doing, Doing::Changing(..)) {
                continue;
            }
            let (lanes, mut scene) = self.scene(now);
            lanes[n].leave(&mut scene);
            self.retire(n);
        }
    }

    /// Takes back the calls that were not handed out.
    fn recall(&mut self, now: Timestamp) {
        for (id, _) in std::mem::take(&mut self.calls) {
            let Some(n) = self.asked.remove(&id) else {
                continue;
            };
            if let Doing::Changing(_, job) = self.lanes[n].doing {
                let (lane, events) = (&mut self.lanes[n], &mut self.events);
                lane.jobs[job].recall(now);
                lane.doing = Doing::Resting;
                let of = lane.jobs[job].id();
                events.retain(|e| {
                    !matches!(e, Event::Creating { id, .. } | Event::Deleting { id, .. } if id == of)
                });
            }
        }
    }

    /// Changes that were handed out and are not answered.
    pub(super) fn unanswered(&self) -> bool {
        self.lanes.iter().any(|lane| matches!(lane.doing, Doing::Changing(..)))
    }
}
