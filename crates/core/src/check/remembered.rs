//! What an earlier check said of an index, out of its report.

use serde::{Deserialize, Serialize};

use super::Capacity;
use super::forecast::{Forecast, Prices};
use super::report::{CheckReport, KIND};
use super::tally::Counts;
use crate::json::{MAX_VALUES, within};
use crate::name::IndexId;
use crate::report::Glance;
use crate::state::{Looked, Target};
use crate::time::Timestamp;

/// The report of an earlier check, as far as it is of use later.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Remembered {
    target: Target,
    ended_at: Timestamp,
    #[serde(default)]
    sample: Option<f64>,
    indexes: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Index {
    table: String,
    index: String,
    spec: String,
    #[serde(default)]
    forecast: Option<Forecast>,
    #[serde(default)]
    items: Option<Counts>,
}

/// What is known of an index that is not there yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known {
    /// When its table was read.
    pub checked_at: Timestamp,
    /// Percent of the table, where it was a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// Items that would break with it, of those that were read.
    pub violating: u64,
    /// What it will hold and take.
    #[serde(flatten)]
    pub forecast: Forecast,
}

impl Remembered {
    /// Reads a report; `None` where it is none of a check, of a newer version, or of
    /// more indexes than anybody has.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Glance::read(bytes).ok().filter(|glance| glance.kind == KIND)?;
        within(bytes, MAX_VALUES).ok()?;
        serde_json::from_slice(bytes).ok()
    }

    /// How many indexes it is about.
    #[must_use]
    pub fn indexes(&self) -> usize {
        self.indexes.len()
    }

    /// What it says of the index `id` with these keys and projection (`spec`) there.
    #[must_use]
    pub fn known(
        &self,
        target: &Target,
        id: &IndexId,
        spec: &str,
        capacity: Capacity,
        prices: Prices,
    ) -> Option<Known> {
        let same_place = self.target.is_at(target, Looked::NotYet).is_ok();
        let is_it = |i: &&Index| {
            i.table == id.table.as_str() && i.index == id.index.as_str() && i.spec == spec
        };
        let index = self.indexes.iter().filter(|_| same_place).find(is_it)?;
        Some(Known {
            checked_at: self.ended_at,
            sample: self.sample,
            violating: index.items.map_or(0, |counts| counts.violating),
            forecast: index.forecast.as_ref()?.with_capacity(capacity).priced(prices),
        })
    }
}

impl From<&CheckReport> for Remembered {
    fn from(report: &CheckReport) -> Self {
        let index = |index: &super::IndexCheck| Index {
            table: index.table.clone(),
            index: index.index.clone(),
            spec: index.spec.clone(),
            forecast: index.forecast.clone(),
            items: index.items.as_ref().map(|items| items.counts),
        };
        Self {
            target: report.target.clone(),
            ended_at: report.envelope.ended_at,
            sample: report.sample,
            indexes: report.indexes.iter().map(index).collect(),
        }
    }
}
