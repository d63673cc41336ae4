//! A change that DynamoDB refused because something of a global table lacks auto scaling:
//! what that is stands in no message (docs/dynamodb.md: autoscaled), so it is asked before
//! the failure is told.

use super::Engine;
use super::job::Phase;
use super::lane::Doing;
use crate::call::{Call, CallError, Reply};
use crate::look::scaling;
use crate::machine::CallId;
use crate::plan::scaling::remedy_of_refusal;
use crate::time::Timestamp;

impl Engine {
    /// Asks what of the table lacks auto scaling. Until that is known the change counts as
    /// refused, and its failure is not told.
    pub(super) fn ask_scaling(&mut self, now: Timestamp, n: usize, job: usize, error: CallError) {
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.asked.insert(id, n);
        let lane = &mut self.lanes[n];
        lane.jobs[job].phase = Phase::Refused { error, at: now };
        lane.doing = Doing::AskingScaling(id, job);
        self.calls.push_back((id, Call::DescribeScaling(lane.table.clone())));
    }

    pub(super) fn on_scaling(
        &mut self,
        now: Timestamp,
        n: usize,
        job: usize,
        reply: Result<Reply, CallError>,
    ) {
        let lane = &mut self.lanes[n];
        let Phase::Refused { error, .. } = &lane.jobs[job].phase else {
            return;
        };
        let error = error.clone();
        lane.learn_scaling(scaling(reply));
        let remedy = lane.description().map(remedy_of_refusal);
        lane.jobs[job].known_remedy = remedy;
        self.on_refused(now, n, job, &error);
    }
}
