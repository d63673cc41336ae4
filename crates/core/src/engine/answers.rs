//! What an answer of DynamoDB means for its lane, and for the run.

use std::time::Duration;

use super::Engine;
use super::attempt::is_of_table;
use super::lane::next_look;
use crate::call::{CallError, Effect as Applied, ErrorKind, Reply};
use crate::catalog::Sighting;
use crate::event::{Event, Queue};
use crate::retry::{
    CREDENTIALS_BOUND, CREDENTIALS_RETRY, Decision, Rule, SKEW_RETRY, Strategy, Then, busy_delay,
    decide, poll_retry,
};
use crate::time::Timestamp;

/// One pass, which does not wait, tries so often to see a table.
const LOOKS_OF_ONE_PASS: u32 = 5;

impl Engine {
    pub(super) fn on_look(
        &mut self,
        now: Timestamp,
        n: usize,
        asked_at: Timestamp,
        reply: Result<Reply, CallError>,
    ) {
        self.looking -= 1;
        let sighting = match reply.and_then(Reply::into_table) {
            Ok(table) => match self.ask_regions(n, asked_at, table) {
                Some(table) => Sighting::Found(table),
                None => return,
            },
            Err(error) if error.kind == ErrorKind::TableNotFound => {
                if self.may_be_unseen(asked_at, n) {
                    return self.rest(n, Some(next_look(now, now)));
                }
                Sighting::Missing
            }
            Err(error) => return self.on_failed_look(now, n, &error),
        };
        self.on_sighting(now, n, asked_at, sighting);
    }

    /// A table was described, in all the regions that matter.
    pub(super) fn on_sighting(
        &mut self,
        now: Timestamp,
        n: usize,
        asked_at: Timestamp,
        sighting: Sighting,
    ) {
        self.credentials_are_good();
        self.lanes[n].look_failures = 0;
        self.lanes[n].failing_since = None;
        if self.lanes[n].see(asked_at, sighting) {
            self.observe(now, n);
        } else {
            self.want_look(n);
        }
    }

    /// A failed look fails no index that is on its way; it is only made less and less
    /// often. Where nothing is, what does not pass by itself ends the wait.
    fn on_failed_look(&mut self, now: Timestamp, n: usize, error: &CallError) {
        let lane = &mut self.lanes[n];
        lane.look_failures = lane.look_failures.saturating_add(1);
        lane.failing_since.get_or_insert(now);
        let mut retry_in = poll_retry(lane.look_failures);
        let healed = error.kind == ErrorKind::ClockSkew && lane.look_failures == 1;
        if healed {
            retry_in = retry_in.max(SKEW_RETRY);
        }
        if Rule::of(error.kind).strategy == Strategy::AwaitCredentials && !healed {
            retry_in = CREDENTIALS_RETRY;
            self.credentials_are_lost(error);
        } else if !retry_in.is_zero() {
            let (table, error) = (lane.table.clone(), error.to_string());
            self.events.push_back(Event::LookFailed { table, error, retry_in });
        }
        if self.looked_in_vain(now, n, error.kind) {
            self.lanes[n].see(now, Sighting::Denied(error.to_string()));
            return self.observe(now, n);
        }
        // Others may build while this table cannot be seen.
        self.settle_slot(n, false);
        self.rest(n, Some(now + retry_in));
    }

    /// Whether a table on which nothing is on its way was looked at for long enough. What
    /// expired is renewed, and what fails in DynamoDB or on the way there passes: that is
    /// waited for, except in one pass.
    fn looked_in_vain(&self, now: Timestamp, n: usize, kind: ErrorKind) -> bool {
        let lane = &self.lanes[n];
        let strategy = Rule::of(kind).strategy;
        let lasts = matches!(strategy, Strategy::AwaitCredentials | Strategy::Permanent)
            && kind != ErrorKind::CredentialsExpired;
        let waited = lane.failing_since.map_or(Duration::ZERO, |since| now - since);
        let over = lasts && waited >= CREDENTIALS_BOUND;
        let passed = !self.policy.wait && lane.look_failures > LOOKS_OF_ONE_PASS;
        !lane.is_building() && (over || passed)
    }

    fn credentials_are_lost(&mut self, error: &CallError) {
        if !std::mem::replace(&mut self.credentials_lost, true) {
            self.events.push_back(Event::CredentialsLost { error: error.to_string() });
        }
    }

    fn credentials_are_good(&mut self) {
        if std::mem::replace(&mut self.credentials_lost, false) {
            self.events.push_back(Event::CredentialsBack);
        }
    }

    pub(super) fn on_created(
        &mut self,
        now: Timestamp,
        n: usize,
        job: usize,
        reply: Result<Reply, CallError>,
    ) {
        self.lanes[n].changed(now);
        match reply {
            Ok(reply) => {
                self.credentials_are_good();
                self.pace.passed();
                let (lanes, mut scene) = self.scene(now);
                lanes[n].jobs[job].on_accepted(&mut scene);
                lanes[n].release(now);
                if let Reply::Table(table) = reply {
                    lanes[n].see(now, Sighting::Found(table));
                }
                let building = self.certainly_building();
                if self.pace.accepted(building) {
                    self.tell_limit();
                }
                self.observe(now, n);
            }
            // Which index it is about stands in no message.
            Err(error)
                if error.kind == ErrorKind::WritesNotAutoscaled && self.stopping.is_none() =>
            {
                self.ask_scaling(now, n, job, error);
            }
            Err(error) => self.on_refused(now, n, job, &error),
        }
    }

    fn certainly_building(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.is_certainly_building()).count()
    }

    pub(super) fn on_refused(&mut self, now: Timestamp, n: usize, job: usize, error: &CallError) {
        self.lanes[n].refused(now);
        let building = self.certainly_building();
        let others = self.pace.taken() - usize::from(self.lanes[n].slot);
        let situation = self.lanes[n].jobs[job].situation(now, error.kind, others);
        let mut decision = decide(error.kind, situation, &self.policy, self.random.f64());
        if self.lanes[n].jobs[job].is_answer(error.kind) {
            decision = Decision { counts: false, then: Then::Look, ..decision };
        }
        match decision.then {
            Then::AwaitSlot => self.lower_concurrency(now, building),
            Then::Hold(wait) => {
                self.lower_concurrency(now, building);
                self.pace.hold(now + wait);
            }
            Then::Space(_) => self.space_starts(now, self.lanes[n].jobs[job].since()),
            Then::AwaitCredentials(_) => self.credentials_are_lost(error),
            Then::Look | Then::Retry(_) | Then::GiveUp => {}
        }
        if is_of_table(error.kind) {
            self.lanes[n].hold(now + busy_delay(1));
        }
        let failed = self.failures(n);
        let (lanes, mut scene) = self.scene(now);
        let job = &mut lanes[n].jobs[job];
        job.on_error(error, decision, &mut scene);
        match decision.then {
            Then::AwaitSlot => job.wait_in(Queue::AccountLimit { building }, &mut scene),
            Then::Hold(wait) => job.wait_in(Queue::AccountHeld { wait }, &mut scene),
            Then::Retry(wait) if decision.strategy == Strategy::AwaitHour => {
                job.wait_in(Queue::Decreases { wait }, &mut scene);
            }
            _ => {}
        }
        if self.policy.fail_fast && self.failures(n) > failed {
            self.start_nothing_more(now);
        }
        self.after_refusal(now, n, error.effect, decision.then);
    }

    fn lower_concurrency(&mut self, now: Timestamp, building: usize) {
        if self.pace.refused(now, building) {
            self.tell_limit();
        }
    }

    /// The account's limiter refused a change that was sent at `sent_at`.
    fn space_starts(&mut self, now: Timestamp, sent_at: Timestamp) {
        if let Some(every) = self.pace.limited(now, sent_at) {
            self.events.push_back(Event::StartsSpaced { every });
        }
    }

    pub(super) fn tell_limit(&mut self) {
        let limit = self.pace.limit();
        self.events.push_back(Event::ConcurrencyChanged { limit });
    }

    fn after_refusal(&mut self, now: Timestamp, n: usize, applied: Applied, then: Then) {
        self.settle_slot(n, false);
        // After a stop, and without waiting, this is as far as the table goes.
        if self.stopping.is_some() {
            return self.pass_by(now, n);
        }
        if then == Then::Look || applied == Applied::Unknown {
            return self.want_look(n);
        }
        // The limiter asks for a second or two, which is no wait for a build.
        if self.policy.wait || matches!(then, Then::Space(_)) {
            self.advance(now, n);
        } else {
            self.pass_by(now, n);
        }
    }
}
