//! DynamoDB's control plane as a value: what there is, and what it answers at which
//! moment. No I/O and no clock: the time is told.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::refusal::{AwsRefusal, no_table, not_played, too_many_changes};

pub(crate) mod access;
pub(crate) mod admit;
pub(crate) mod autoscaling;
pub(crate) mod describe;
pub(crate) mod history;
pub(crate) mod index;
pub(crate) mod items;
pub(crate) mod life;
pub(crate) mod limiter;
pub(crate) mod operator;
pub(crate) mod script;
pub(crate) mod settings;
pub(crate) mod table;
pub(crate) mod tables;
pub(crate) mod throughput;
pub(crate) mod update;

use access::AccessRules;
use describe::Vantage;
use limiter::ChangeLimiter;
use script::{Scripted, ScriptedEnd};
use settings::{ServiceLimits, ServiceTimes};
use table::FakeTable;

/// The account that owns what no other owns. A real one's form: `000000000000` is an
/// emulator's.
pub const ACCOUNT: &str = "123456789012";

/// What others do, at its own moment.
type OthersDeed = Box<dyn FnOnce(&mut ControlPlane, Elapsed) + Send>;

/// DynamoDB in one account and its regions.
///
/// Built with the methods named `with_...`, and handed to [`crate::Fake`]. What happens
/// later comes from requests, from [`Self::at`], and from what a test does through
/// [`crate::Fake::with`].
pub struct ControlPlane {
    pub(crate) account: String,
    pub(crate) regions: Vec<String>,
    pub(crate) times: ServiceTimes,
    pub(crate) limits: ServiceLimits,
    pub(crate) access: AccessRules,
    pub(crate) tables: Vec<FakeTable>,
    pub(crate) script: Vec<Scripted>,
    pub(crate) epoch: f64,
    /// AWS's seconds in one of ours.
    pub(crate) scale: f64,
    deeds: Vec<(Elapsed, OthersDeed)>,
    limiters: BTreeMap<String, ChangeLimiter>,
    made: u64,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|table| &table.name).collect();
        f.debug_struct("ControlPlane")
            .field("account", &self.account)
            .field("regions", &self.regions)
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}

/// A request, as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FakeRequest {
    /// Of the endpoint, or of the signature.
    pub(crate) region: String,
    /// `UpdateTable`.
    pub(crate) operation: String,
    /// Its JSON.
    pub(crate) body: Value,
    /// Who signed it; `None` where nobody did.
    pub(crate) access_key: Option<String>,
    /// When it was signed, in seconds since 1970.
    pub(crate) signed_at: Option<i64>,
    /// When it came, by AWS's clock, in seconds since 1970.
    pub(crate) received_at: i64,
}

/// What comes of a request.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) answer: Result<Value, AwsRefusal>,
    /// Whether the answer gets through: it may be lost after the deed is done.
    pub(crate) is_lost: bool,
    /// In AWS's time.
    pub(crate) takes: Duration,
}

impl ControlPlane {
    /// An account with nothing in it. Tables without a region stand in this one.
    #[must_use]
    pub fn new(region: &str) -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            regions: vec![region.to_owned()],
            times: ServiceTimes::default(),
            limits: ServiceLimits::default(),
            access: AccessRules::default(),
            tables: Vec::new(),
            script: Vec::new(),
            epoch: 1_790_000_000.0,
            scale: 1.0,
            deeds: Vec::new(),
            limiters: BTreeMap::new(),
            made: 0,
        }
    }

    /// Another account. `000000000000` is what emulators call theirs.
    #[must_use]
    pub fn with_account(mut self, account: &str) -> Self {
        self.account = account.to_owned();
        self
    }

    /// A table that has been there all along.
    #[must_use]
    pub fn with_table(mut self, table: FakeTable) -> Self {
        self.add(table);
        self
    }

    /// Other times.
    #[must_use]
    pub fn with_times(mut self, change: impl FnOnce(&mut ServiceTimes)) -> Self {
        change(&mut self.times);
        self
    }

    /// Other limits.
    #[must_use]
    pub fn with_limits(mut self, change: impl FnOnce(&mut ServiceLimits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Other rules of who may do what.
    #[must_use]
    pub fn with_access(mut self, change: impl FnOnce(&mut AccessRules)) -> Self {
        change(&mut self.access);
        self
    }

    /// Something that goes otherwise than it should.
    #[must_use]
    pub fn with_scripted(mut self, scripted: Scripted) -> Self {
        self.script.push(scripted);
        self
    }

    /// Somebody else does that at that moment of AWS's time, whether anybody asks then
    /// or not.
    #[must_use]
    pub fn at(
        mut self,
        moment: Elapsed,
        deed: impl FnOnce(&mut Self, Elapsed) + Send + 'static,
    ) -> Self {
        self.deeds.push((moment, Box::new(deed)));
        self.deeds.sort_by_key(|(moment, _)| *moment);
        self
    }

    pub(crate) fn add(&mut self, table: FakeTable) {
        self.made += 1;
        let id = format!("{:08x}-0000-4000-8000-{:012x}", self.made, self.made);
        let table = table.settle(&self.regions[0], id);
        for seat in &table.seats {
            if !self.regions.contains(&seat.region) {
                self.regions.push(seat.region.clone());
            }
        }
        self.tables.push(table);
    }

    /// Answers a request as it comes over the wire: who asks, what is scripted, and the
    /// limiter come before the service itself.
    pub(crate) fn answer(&mut self, now: Elapsed, request: &FakeRequest) -> Exchange {
        self.catch_up(now);
        let scripted = self.scripted(now, request);
        let mut exchange =
            Exchange { answer: Ok(Value::Null), is_lost: false, takes: Duration::ZERO };
        match scripted {
            Some(ScriptedEnd::Refuse(refusal)) => exchange.answer = Err(refusal),
            Some(ScriptedEnd::HangUp) => exchange.is_lost = true,
            Some(ScriptedEnd::LoseAnswer) => {
                exchange.answer = self.admitted(now, request);
                exchange.is_lost = true;
            }
            Some(ScriptedEnd::Take(span)) => {
                exchange.answer = self.admitted(now, request);
                exchange.takes = span;
            }
            None => exchange.answer = self.admitted(now, request),
        }
        let limited = |refusal: &AwsRefusal| refusal.short_code() == "LimitExceededException";
        if exchange.answer.as_ref().is_err_and(limited) {
            exchange.takes += self.times.limit_answer;
        }
        exchange
    }

    /// What others did until now, each at its own moment.
    pub(crate) fn catch_up(&mut self, now: Elapsed) {
        while self.deeds.first().is_some_and(|(moment, _)| *moment <= now) {
            let (moment, deed) = self.deeds.remove(0);
            deed(self, moment);
        }
    }

    fn admitted(&mut self, now: Elapsed, request: &FakeRequest) -> Result<Value, AwsRefusal> {
        self.admit(now, request)?;
        let changes = matches!(&*request.operation, "UpdateTable" | "CreateTable" | "DeleteTable");
        if changes && !self.limiter_admits(now, &request.region) {
            return Err(too_many_changes());
        }
        self.perform(now, &request.region, &request.operation, &request.body)
    }

    fn limiter_admits(&mut self, now: Elapsed, region: &str) -> bool {
        let burst = self.limits.change_burst;
        let per_second = self.limits.changes_per_second / self.scale;
        let fresh = || ChangeLimiter::full(burst);
        let limiter = self.limiters.entry(region.to_owned()).or_insert_with(fresh);
        limiter.admits(now, burst, per_second)
    }

    /// One operation of the service, without limiter and access rules: also how a test
    /// plays another operator.
    ///
    /// # Errors
    /// AWS's answer.
    pub fn perform(
        &mut self,
        now: Elapsed,
        region: &str,
        operation: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        match operation {
            "DescribeTable" => self.describe(now, region, body),
            "UpdateTable" => self.update(now, region, body),
            "CreateTable" => self.create_table(now, region, body),
            "DeleteTable" => self.delete_table(now, region, body),
            "ListTables" => Ok(self.list_tables(now, region)),
            "DescribeLimits" => Ok(self.describe_limits()),
            "DescribeTableReplicaAutoScaling" => self.describe_autoscaling(now, region, body),
            "Scan" => self.scan(now, region, body),
            "Query" => self.query(now, region, body),
            "PutItem" => self.put_item(now, region, body),
            "BatchWriteItem" => self.batch_write(now, region, body),
            other => Err(not_played(other)),
        }
    }

    fn describe(&self, now: Elapsed, region: &str, body: &Value) -> Result<Value, AwsRefusal> {
        let named = text(body, "TableName");
        let place = self.find(now, region, named).or_else(|_| {
            // One that was just made, or just went, may be seen late too.
            self.position(region, named).ok_or_else(|| no_table(short_name(named)))
        })?;
        let seen = self.tables[place].seen(now, &self.times);
        self.tables[place].seat(region, seen).ok_or_else(|| no_table(short_name(named)))?;
        Ok(json!({ "Table": self.tell(place, region, seen) }))
    }

    pub(crate) fn tell(&self, place: usize, region: &str, at: Elapsed) -> Value {
        let refresh = self.times.count_refresh.max(Duration::from_secs(1));
        let counted = refresh.mul_f64((at.as_secs_f64() / refresh.as_secs_f64()).floor());
        let view = Vantage { account: &self.account, region, at, epoch: self.epoch, counted };
        describe::table_description(&self.tables[place], view)
    }

    /// The table of that name or ARN, where it is in that region now.
    pub(crate) fn find(
        &self,
        now: Elapsed,
        region: &str,
        named: &str,
    ) -> Result<usize, AwsRefusal> {
        let here = |table: &FakeTable| self.is_named(table, region, named);
        let mut places = self.tables.iter().enumerate().filter(|(_, table)| here(table));
        let there = places.find(|(_, table)| table.seat(region, now).is_some());
        there.map(|(place, _)| place).ok_or_else(|| no_table(short_name(named)))
    }

    fn position(&self, region: &str, named: &str) -> Option<usize> {
        self.tables.iter().rposition(|table| self.is_named(table, region, named))
    }

    fn is_named(&self, table: &FakeTable, region: &str, named: &str) -> bool {
        if named.starts_with("arn:") {
            describe::arn(table, &self.account, region) == named
        } else {
            table.account.is_none() && table.name == named
        }
    }
}

/// The name in an ARN, or the name.
pub(crate) fn short_name(named: &str) -> &str {
    named.rsplit('/').next().unwrap_or(named)
}

/// A member that is a text, or nothing.
pub(crate) fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A member that is a list, or nothing.
pub(crate) fn list<'a>(body: &'a Value, member: &str) -> &'a [Value] {
    body.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
