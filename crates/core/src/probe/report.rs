//! What a validation came to, as a value that every view prints.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::standing::{Checked, Checks};
use crate::attribute::key_json;
use crate::call::{CallError, Consumed, Value};
use crate::name::IndexId;
use crate::report::{Document, Envelope, advice, plain};
use crate::state::Target;
use crate::time::Timestamp;

/// The kind of these reports.
pub(crate) const KIND: &str = "validate";

/// What a validation comes to, in a word.
pub(crate) const WORDS: [&str; 2] = ["done", "failed"];

/// Findings that are told item by item. The rest is counted.
const TOLD: usize = 20;

/// What validation says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A query succeeded, and its consumed capacity names the index.
    Functional,
    /// It is missing, not ACTIVE, another index under its name, refuses queries, or
    /// lacks items.
    NonFunctional,
    /// A query succeeded, but nothing says that the index was read.
    NotUsed,
    /// It could not be found out.
    ValidationError,
}

impl Verdict {
    /// All of them, the good one first.
    pub const ALL: [Self; 4] =
        [Self::Functional, Self::NonFunctional, Self::NotUsed, Self::ValidationError];

    /// As it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Functional => "functional",
            Self::NonFunctional => "non-functional",
            Self::NotUsed => "not-used",
            Self::ValidationError => "validation-error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is the matter with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It carries the keys, and is not in the index.
    Missing,
    /// The index has it with other values.
    Stale,
    /// It has the key attributes, with values that no index takes.
    CannotBeIndexed,
}

/// An item that the index does not hold as it should.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What is the matter.
    pub problem: Problem,
    /// The item's key in the table, in DynamoDB's JSON.
    pub key: serde_json::Value,
    /// What differs.
    pub detail: String,
}

/// Items of the table, looked up in the index.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sampled {
    /// Items of the table that were read for it.
    pub looked_at: u32,
    /// Those of them that have the keys of the index.
    pub items: u32,
    /// Those that the index holds as they are.
    pub found: u32,
    /// Those that changed too fast, or share their key with too many.
    pub undecided: u32,
    /// How many have each problem.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub problems: BTreeMap<Problem, u32>,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Why the sample is not whole.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub error: Option<CallError>,
}

#[expect(clippy::ref_option, reason = "it is what serde hands over")]
fn as_text<S: serde::Serializer>(error: &Option<CallError>, to: S) -> Result<S::Ok, S::Error> {
    match error {
        Some(error) => to.collect_str(error),
        None => to.serialize_none(),
    }
}

impl Sampled {
    pub(super) fn add(&mut self, problem: Problem, key: &[(String, Value)], detail: String) {
        *self.problems.entry(problem).or_default() += 1;
        if self.findings.len() < TOLD {
            self.findings.push(Finding {
                problem,
                key: key_json(key.iter().map(|(name, value)| (name, value))),
                detail,
            });
        }
    }

    fn count(&self, problem: Problem) -> u32 {
        self.problems.get(&problem).copied().unwrap_or(0)
    }

    /// One sentence a problem.
    pub(super) fn reasons(&self) -> Vec<String> {
        let words = |problem| match problem {
            Problem::Missing => "missing from the index",
            Problem::Stale => "in the index with other values",
            Problem::CannotBeIndexed => "such that no index takes them",
        };
        let of = self.items;
        let told = self.problems.iter();
        told.map(|(problem, n)| format!("{}: {n} of {of} sampled items", words(*problem))).collect()
    }

    pub(super) fn recommendation(&self) -> String {
        let rebuild = self.count(Problem::Missing) + self.count(Problem::Stale) > 0;
        let mut steps = Vec::new();
        if self.count(Problem::CannotBeIndexed) > 0 {
            steps.push(
                "correct the key attributes of these items: the index then takes them by itself",
            );
        }
        if rebuild {
            steps.push(
                "validate again in a minute; if items are still missing or stale, delete the index and create it again with `gsictl apply DEFS`",
            );
        }
        steps.join("; ")
    }
}

/// What CloudWatch has of an index: each metric that has values, summed up (of a
/// percentage the highest).
pub type Figures = BTreeMap<String, f64>;

/// How CloudWatch was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CloudWatch {
    /// How far back its figures go.
    pub minutes: u64,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexValidation {
    /// The base table.
    pub table: String,
    /// The index.
    pub index: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why it is not functional.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What a person can do about it.
    pub recommendation: String,
    /// `IndexStatus`, where there is an index.
    pub status: Option<String>,
    /// What its description says.
    pub checks: Checks,
    /// Throughput that differs from the definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Attempts of the probe; 0 where it was not asked.
    pub attempts: u32,
    /// What the probe used up of the index, where the answer names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_units: Option<f64>,
    /// Items that were looked up in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sampled>,
    /// CloudWatch's figures, where they were asked for and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Figures>,
}

impl IndexValidation {
    /// The verdict as the state file keeps it.
    #[must_use]
    pub fn record(&self, at: Timestamp) -> serde_json::Value {
        let mut value = json!({ "verdict": self.verdict, "at": at.whole_seconds() });
        if let Some(object) = value.as_object_mut().filter(|_| !self.reasons.is_empty()) {
            object.insert("reasons".to_owned(), json!(self.reasons));
        }
        value
    }
}

/// How many indexes have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All.
    pub total: usize,
    /// [`Verdict::Functional`].
    pub functional: usize,
    /// [`Verdict::NonFunctional`].
    pub non_functional: usize,
    /// [`Verdict::NotUsed`].
    pub not_used: usize,
    /// [`Verdict::ValidationError`].
    pub validation_error: usize,
}

/// What a validation read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Query calls that were answered with items or none.
    pub queries: u64,
    /// Scan calls that were.
    pub scans: u64,
    /// Capacity units of tables and indexes, as the answers tell them.
    pub read_units: f64,
}

impl Cost {
    pub(super) fn add(&mut self, scan: bool, consumed: Option<&Consumed>) {
        if scan {
            self.scans += 1;
        } else {
            self.queries += 1;
        }
        let units = consumed.map_or(0.0, |c| c.table + c.indexes.values().sum::<f64>());
        self.read_units += units;
    }
}

/// What a report is about, beside the verdicts.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The definitions file, the first of several.
    pub script_name: &'a str,
    /// Where the tables are.
    pub target: &'a Target,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
}

/// What a validation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValidationReport {
    /// What every report says.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The definitions file.
    pub script_name: String,
    /// Where the tables are.
    pub target: Target,
    /// Wall-clock time.
    pub seconds: f64,
    /// Counts.
    pub totals: Totals,
    /// Each index, in definition order.
    pub indexes: Vec<IndexValidation>,
    /// What it read.
    pub cost: Cost,
    /// Whether CloudWatch was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudwatch: Option<CloudWatch>,
}

/// What is said of an index whose table is named by its ARN.
const OTHERS_FIGURES: &str = "CloudWatch was not asked: the table is named by its ARN, and the \
     figures of another account's table are in that account";

impl ValidationReport {
    /// The report of a validation.
    #[must_use]
    pub fn new(about: &About<'_>, indexes: Vec<IndexValidation>, cost: Cost) -> Self {
        let count = |verdict| indexes.iter().filter(|i| i.verdict == verdict).count();
        let good = count(Verdict::Functional) == indexes.len();
        let times = (about.started_at, about.ended_at);
        Self {
            envelope: Envelope::new(KIND, KIND, WORDS[usize::from(!good)], times),
            script_name: about.script_name.to_owned(),
            target: about.target.clone(),
            seconds: (about.ended_at - about.started_at).as_secs_f64(),
            totals: Totals {
                total: indexes.len(),
                functional: count(Verdict::Functional),
                non_functional: count(Verdict::NonFunctional),
                not_used: count(Verdict::NotUsed),
                validation_error: count(Verdict::ValidationError),
            },
            indexes,
            cost,
            cloudwatch: None,
        }
    }

    /// With what CloudWatch said. It changes no verdict.
    #[must_use]
    pub fn with_metrics(
        mut self,
        span: Duration,
        metrics: Result<BTreeMap<IndexId, Figures>, String>,
    ) -> Self {
        let minutes = span.as_secs() / 60;
        let (figures, unavailable) = match metrics {
            Ok(figures) => (figures, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        };
        for (id, figures) in figures {
            let is_it = |i: &&mut IndexValidation| {
                i.table == id.table.as_str() && i.index == id.index.as_str()
            };
            if let Some(index) = self.indexes.iter_mut().find(is_it) {
                index.metrics = Some(figures);
            }
        }
        let others = self.indexes.iter_mut().filter(|i| i.table.starts_with("arn:"));
        for index in others.filter(|_| unavailable.is_none()) {
            index.notes.push(OTHERS_FIGURES.to_owned());
        }
        self.cloudwatch = Some(CloudWatch { minutes, unavailable });
        self
    }

    /// Every index is functional.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.totals.functional == self.totals.total
    }
}

impl Document for ValidationReport {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    fn advice(&mut self) -> Vec<&mut String> {
        self.indexes.iter_mut().map(|index| &mut index.recommendation).collect()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn markdown(&self) -> String {
        let Totals { functional, total, .. } = self.totals;
        let mut text = format!(
            "# gsictl validate\n\n{functional} of {total} indexes are functional ({}, {}).\n\n\
             | index | verdict | status | keys | projection | throughput | sample |\n\
             |---|---|---|---|---|---|---|\n",
            plain(&self.script_name),
            self.envelope.ended_at
        );
        for index in &self.indexes {
            push_row(&mut text, index);
        }
        for index in &self.indexes {
            push_details(&mut text, index);
        }
        if let Some(cloudwatch) = &self.cloudwatch {
            let _ = writeln!(text, "\n{}", plain(&cloudwatch.to_string()));
        }
        text
    }
}

impl fmt::Display for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unavailable {
            Some(why) => write!(f, "CloudWatch: {why}"),
            None => write!(f, "CloudWatch: figures of the last {} minutes", self.minutes),
        }
    }
}

/// `ConsumedReadCapacityUnits 12.5, ReadThrottleEvents 0`.
#[must_use]
pub fn figures_text(figures: &Figures) -> String {
    let figures: Vec<_> = figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
    figures.join(", ")
}

// Writing to a string cannot fail.

fn push_row(text: &mut String, index: &IndexValidation) {
    let checks = &index.checks;
    let sample = index.sample.as_ref().map_or_else(
        || "-".to_owned(),
        |sample| format!("{} of {} found", sample.found, sample.items),
    );
    let _ = writeln!(
        text,
        "| {}.{} | {} | {} | {} | {} | {} | {sample} |",
        index.table,
        index.index,
        index.verdict,
        index.status.as_deref().map_or_else(|| "-".to_owned(), plain),
        word(checks.key_schema),
        word(checks.projection),
        word(checks.throughput),
    );
}

fn word(checked: Checked) -> &'static str {
    match checked {
        Checked::Ok => "ok",
        Checked::Failed => "wrong",
        Checked::Drift => "differs",
        Checked::NotChecked => "-",
    }
}

fn push_details(text: &mut String, index: &IndexValidation) {
    let good = index.verdict == Verdict::Functional;
    if good && index.notes.is_empty() && index.metrics.is_none() {
        return;
    }
    let _ = writeln!(text, "\n## {}.{}: {}\n", index.table, index.index, index.verdict);
    for line in index.reasons.iter().chain(&index.notes) {
        let _ = writeln!(text, "- {}", plain(line));
    }
    let findings = index.sample.iter().flat_map(|sample| &sample.findings);
    for Finding { key, detail, .. } in findings {
        let _ = writeln!(text, "  - {}: {}", plain(&key.to_string()), plain(detail));
    }
    if let Some(figures) = &index.metrics {
        let _ = writeln!(text, "- CloudWatch: {}", plain(&figures_text(figures)));
    }
    if !good {
        let _ = writeln!(text, "\nNext: {}", advice(&index.recommendation));
    }
}
