//! Answers that a test decides: the next ones that fit, and no others.

use std::time::Duration;

use crate::clock::Elapsed;
use crate::model::{ControlPlane, FakeRequest, short_name, text};
use crate::refusal::AwsRefusal;

/// What becomes of a request that a script is about.
#[derive(Clone, Debug)]
pub(crate) enum ScriptedEnd {
    Refuse(AwsRefusal),
    /// Nothing is done and nothing is said.
    HangUp,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is done, and takes its time.
    Take(Duration),
}

/// The next requests that fit are answered so.
///
/// ```
/// use gsictl_fake::Scripted;
/// let twice = Scripted::on("UpdateTable")
///     .of_table("orders")
///     .times(2)
///     .refuse("InternalServerError", "Internal server error");
/// ```
#[derive(Clone, Debug)]
pub struct Scripted {
    operation: String,
    table: Option<String>,
    region: Option<String>,
    holding: Option<String>,
    between: (Elapsed, Elapsed),
    left: Option<u32>,
    end: ScriptedEnd,
}

impl Scripted {
    /// About that operation, for ever, on any table. Without an end it hangs up.
    #[must_use]
    pub fn on(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            table: None,
            region: None,
            holding: None,
            between: (Elapsed::ZERO, Elapsed::MAX),
            left: None,
            end: ScriptedEnd::HangUp,
        }
    }

    /// Only of that table.
    #[must_use]
    pub fn of_table(mut self, table: &str) -> Self {
        self.table = Some(table.to_owned());
        self
    }

    /// Only in that region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only where the body holds this text: `"Delete"` with its quotes tells a delete
    /// of an index from a create.
    #[must_use]
    pub fn holding(mut self, text: &str) -> Self {
        self.holding = Some(text.to_owned());
        self
    }

    /// Only from one moment until before another.
    #[must_use]
    pub fn between(mut self, from: Elapsed, until: Elapsed) -> Self {
        self.between = (from, until);
        self
    }

    /// So often, and then no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Refused, and nothing is done. A code without a namespace gets AWS's.
    #[must_use]
    pub fn refuse(self, code: &str, message: &str) -> Self {
        self.end(ScriptedEnd::Refuse(AwsRefusal::new(code, message)))
    }

    /// The connection is closed, and nothing is done.
    #[must_use]
    pub fn hang_up(self) -> Self {
        self.end(ScriptedEnd::HangUp)
    }

    /// It is done, and the connection is closed before the answer.
    #[must_use]
    pub fn lose_answer(self) -> Self {
        self.end(ScriptedEnd::LoseAnswer)
    }

    /// It is done, and the answer takes so long in AWS's time.
    #[must_use]
    pub fn take(self, span: Duration) -> Self {
        self.end(ScriptedEnd::Take(span))
    }

    fn end(mut self, end: ScriptedEnd) -> Self {
        self.end = end;
        self
    }

    fn fits(&self, now: Elapsed, request: &FakeRequest) -> bool {
        let table = short_name(text(&request.body, "TableName"));
        self.left != Some(0)
            && (self.between.0..self.between.1).contains(&now)
            && self.operation == request.operation
            && self.table.as_ref().is_none_or(|of| of == table)
            && self.region.as_ref().is_none_or(|of| *of == request.region)
            && self.holding.as_ref().is_none_or(|text| request.body.to_string().contains(text))
    }
}

impl ControlPlane {
    /// The first script that fits, which it uses up.
    pub(crate) fn scripted(&mut self, now: Elapsed, request: &FakeRequest) -> Option<ScriptedEnd> {
        let scripted = self.script.iter_mut().find(|s| s.fits(now, request))?;
        if let Some(left) = &mut scripted.left {
            *left -= 1;
        }
        Some(scripted.end.clone())
    }
}
