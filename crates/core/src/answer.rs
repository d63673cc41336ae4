//! An answer of DynamoDB, held against what was asked.
//!
//! A proxy that mixes up two answers, a cache and a mock can each say something right
//! about something else. An answer that does not fit its call is no evidence for
//! anything, least of all for the absence of what it does not name: it counts as one
//! that nobody can read.

use std::collections::BTreeSet;

use crate::call::{
    Call, CallError, Consumed, CreateIndex, Effect, ErrorKind, Page, PageForm, Reply,
};
use crate::catalog::TableDescription;
use crate::definition::{KeyElement, KeyType, OnDemandThroughput, WarmThroughput};
use crate::name::{TableArn, TableName};

/// Capacity units that one page can cost: DynamoDB reads at most 1 MB for it, which is
/// 128 units, 256 where it reads consistently and 512 in a transaction, and as much again
/// of an index. What is more is no figure of DynamoDB's.
const MOST_UNITS: f64 = 1_024.0;

/// A figure of consumed capacity, where DynamoDB can have meant it. One below zero or
/// without an end would let `--max-rcu` read as fast as it can, or never again.
pub(crate) fn believable_units(units: f64) -> Option<f64> {
    (0.0..=MOST_UNITS).contains(&units).then_some(units)
}

impl Call {
    /// The reply, where it is an answer to this call.
    ///
    /// Whoever carries calls out passes every reply through this before a machine has it.
    /// A change may be answered with [`Reply::Done`] by a backend that has nothing to tell.
    /// A table has the name by which it was asked for, its own or its ARN. Figures of consumed capacity that nobody can believe are left out.
    ///
    /// # Errors
    /// [`CallError::unreadable`]: it is of another kind, about another table, or says what
    /// no table can be. A change may have been made all the same.
    pub fn accept(&self, reply: Reply) -> Result<Reply, CallError> {
        let problem = match (self, &reply) {
            (Self::DescribeTable(table), Reply::Table(found)) => problem_of(table, found),
            (Self::DescribeReplica { table, region }, Reply::Table(found)) => {
                let there = table.in_region(region);
                not_of_region(region, found).or_else(|| problem_of(&there, found))
            }
            (Self::DescribeScaling(_), Reply::Scaling(_)) => None,
            (
                Self::CreateIndex(_) | Self::DeleteIndex { .. } | Self::CreateTable(_),
                Reply::Table(found),
            ) => problem_of(self.table(), found),
            (Self::Query(_), Reply::Page(_)) | (Self::Scan(_), Reply::Page(_)) => None,
            (Self::Scan(scan), Reply::Json(_)) if scan.form == PageForm::Json => None,
            (call, Reply::Done) if call.is_mutating() => None,
            (call, other) => {
                Some(format!("the answer to {} is {}", call.operation(), other.words()))
            }
        };
        match problem {
            Some(problem) => Err(CallError::unreadable(self.effect_of_no_answer(), problem)),
            None => Ok(reply.without_impossible_figures().named_as(self.table())),
        }
    }

    /// Whether a call without a usable answer may have changed something.
    fn effect_of_no_answer(&self) -> Effect {
        if self.is_mutating() { Effect::Unknown } else { Effect::NotApplied }
    }
}

impl CallError {
    /// The error as an answer to `call`: what a code and a text mean may depend on what
    /// was asked. Whoever carries calls out passes every error through this.
    #[must_use]
    pub fn answering(self, call: &Call) -> Self {
        match (call, self.kind) {
            // Of a missing index Scan and Query say it otherwise, as a ValidationException,
            // and BatchWriteItem is about no index.
            (Call::Scan(_) | Call::Query(_) | Call::PutItems { .. }, ErrorKind::IndexNotFound)
                if self.code == "ResourceNotFoundException" =>
            {
                Self { kind: ErrorKind::TableNotFound, ..self }
            }
            // The one trace that DynamoDB leaves of it, and it stays for ever.
            (Call::CreateIndex(create), ErrorKind::Server)
                if self.message.is_empty() && create.has_empty_throughput() =>
            {
                let message = "DynamoDB answers so to WarmThroughput or OnDemandThroughput \
                               without a member: leave it out of the definition";
                let message = message.to_owned();
                Self { kind: ErrorKind::Validation, effect: Effect::NotApplied, message, ..self }
            }
            _ => self,
        }
    }
}

impl CreateIndex {
    fn has_empty_throughput(&self) -> bool {
        self.warm_throughput == Some(WarmThroughput::default())
            || self.on_demand_throughput == Some(OnDemandThroughput::default())
    }
}

impl Reply {
    /// The table that it describes.
    ///
    /// # Errors
    /// [`CallError::unreadable`] where it describes none.
    pub fn into_table(self) -> Result<Box<TableDescription>, CallError> {
        match self {
            Self::Table(table) => Ok(table),
            other => Err(other.is_not("a description of a table")),
        }
    }

    /// The page of items, read.
    ///
    /// # Errors
    /// [`CallError::unreadable`] where it is none.
    pub fn into_page(self) -> Result<Page, CallError> {
        match self {
            Self::Page(page) => Ok(page),
            other => Err(other.is_not("a page of items")),
        }
    }

    fn is_not(&self, wanted: &str) -> CallError {
        let problem = format!("the answer is {}, not {wanted}", self.words());
        CallError::unreadable(Effect::Unknown, problem)
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Table(_) => "a description of a table",
            Self::Scaling(_) => "about auto scaling",
            Self::Page(_) | Self::Json(_) => "a page of items",
            Self::Done => "empty",
        }
    }

    /// An answer knows a table that was asked for by its ARN by its name.
    fn named_as(mut self, asked: &TableName) -> Self {
        if let Self::Table(table) = &mut self {
            table.name = asked.clone();
        }
        self
    }

    fn without_impossible_figures(mut self) -> Self {
        if let Self::Page(page) = &mut self {
            page.consumed = page.consumed.take().filter(Consumed::is_believable);
        }
        self
    }
}

impl Consumed {
    fn is_believable(&self) -> bool {
        let mut figures = self.indexes.values().chain([&self.table]);
        figures.all(|units| believable_units(*units).is_some())
    }
}

/// Why a description cannot be that of the table which was asked for.
fn problem_of(asked: &TableName, found: &TableDescription) -> Option<String> {
    let arn = found.arn.as_deref().filter(|arn| !is_made_of(arn, asked));
    let told = [Some(found.name.as_str()), arn.and_then(table_of)];
    let other = told.into_iter().flatten().find(|told| !asked.is_told_as(told));
    if let Some(other) = other {
        // Where the account was not asked for it is not what differs.
        let name = TableArn::parse(other).ok().filter(|_| asked.arn().is_none());
        let other = name.map_or(other, |arn| arn.name);
        return Some(format!("the answer is about table {other}, but table {asked} was asked for"));
    }
    if !are_keys(&found.key_schema) {
        return Some(format!("the answer gives table {asked} keys that no table has"));
    }
    let mut names = BTreeSet::new();
    let indexes = found.indexes.iter().map(|index| &index.name);
    if let Some(twice) = indexes.chain(&found.local_indexes).find(|name| !names.insert(*name)) {
        return Some(format!("the answer lists index {asked}.{twice} twice"));
    }
    let keyless = found.indexes.iter().find(|index| !are_keys(&index.key_schema));
    keyless.map(|i| format!("the answer gives index {asked}.{} keys that no index has", i.name))
}

/// An emulator that knows no ARNs takes the one that was asked for as a name, and makes its
/// ARN of that.
fn is_made_of(arn: &str, asked: &TableName) -> bool {
    arn.strip_suffix(asked.as_str()).is_some_and(|front| front.ends_with(":table/"))
}

/// A server that knows no regions answers for its own in every name. What it says of
/// another is not known then.
fn not_of_region(asked: &str, found: &TableDescription) -> Option<String> {
    let region = found.region().filter(|region| *region != asked)?;
    Some(format!("region {asked} was asked for the table, and the answer is of region {region}"))
}

/// The table that an ARN tells: by its ARN, or by its name out of an ARN that goes on.
/// One of another form says nothing that could be compared.
fn table_of(arn: &str) -> Option<&str> {
    if TableArn::parse(arn).is_ok() {
        return Some(arn);
    }
    let (_, name) = arn.split_once(":table/")?;
    name.split('/').next()
}

/// A HASH attribute, and none twice.
fn are_keys(keys: &[KeyElement]) -> bool {
    let mut names = BTreeSet::new();
    keys.iter().any(|key| key.key_type == KeyType::Hash)
        && keys.iter().all(|key| names.insert(&key.attribute_name))
}

#[cfg(test)]
mod tests;
