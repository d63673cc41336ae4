//! What CloudWatch has of indexes.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use gsictl_core::call::{CallError, Effect};
use gsictl_core::name::IndexId;
use gsictl_core::probe::Figures;
use gsictl_core::time::Timestamp;

use super::credentials::Secrets;
use super::error;
use crate::dynamodb::METRICS_SPAN;

/// Each metric with what is made of its values. DynamoDB sends them a minute after
/// the fact, and none where there was nothing.
const METRICS: [(&str, Stat); 6] = [
    ("ConsumedReadCapacityUnits", Stat::Sum),
    ("ReadThrottleEvents", Stat::Sum),
    ("WriteThrottleEvents", Stat::Sum),
    ("OnlineIndexConsumedWriteCapacity", Stat::Sum),
    ("OnlineIndexThrottleEvents", Stat::Sum),
    ("OnlineIndexPercentageProgress", Stat::Maximum),
];
/// Seconds of one value.
const PERIOD: i32 = 300;
/// Queries that GetMetricData takes at once.
const AT_ONCE: usize = 500;

/// Answers to one question: all its values are a fraction of what one holds.
const PAGES: u32 = 20;

#[derive(Clone, Copy)]
enum Stat {
    Sum,
    Maximum,
}

impl Stat {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
        }
    }

    fn of(self, values: &[f64], before: f64) -> f64 {
        match self {
            Self::Sum => values.iter().fold(before, |a, b| a + b),
            Self::Maximum => values.iter().copied().fold(before, f64::max),
        }
    }
}

/// The figures of each index that has any, up to `now`.
pub(super) async fn ask(
    client: &Client,
    indexes: &[IndexId],
    now: Timestamp,
    secrets: &Secrets,
) -> Result<BTreeMap<IndexId, Figures>, CallError> {
    let mut figures = BTreeMap::new();
    let batch = AT_ONCE / METRICS.len();
    for indexes in indexes.chunks(batch) {
        let mut token = None;
        for page in 1.. {
            let request = client
                .get_metric_data()
                .set_metric_data_queries(Some(queries(indexes)))
                .start_time(instant(now, METRICS_SPAN))
                .end_time(instant(now, Duration::ZERO))
                .scan_by(ScanBy::TimestampAscending)
                .set_next_token(token.take());
            let answer = request.send().await.map_err(|e| error::of_call(&e, secrets))?;
            add(&mut figures, indexes, answer.metric_data_results());
            token = answer.next_token;
            if token.is_none() {
                break;
            }
            if page >= PAGES {
                let problem = format!("CloudWatch goes on after {PAGES} pages of figures");
                return Err(CallError::unreadable(Effect::NotApplied, problem));
            }
        }
    }
    Ok(figures)
}

fn instant(now: Timestamp, ago: Duration) -> DateTime {
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(now.as_millis().saturating_sub(ago))
}

/// One for each metric of each index; the number in its name says which.
fn queries(indexes: &[IndexId]) -> Vec<MetricDataQuery> {
    let of_index = indexes.iter().flat_map(|id| METRICS.iter().map(move |metric| (id, metric)));
    let query = |(n, (id, (name, stat))): (usize, (&IndexId, &(&str, Stat)))| {
        let metric = Metric::builder()
            .namespace("AWS/DynamoDB")
            .metric_name(*name)
            .dimensions(dimension("TableName", id.table.as_str()))
            .dimensions(dimension("GlobalSecondaryIndexName", id.index.as_str()));
        let stat = MetricStat::builder().metric(metric.build()).period(PERIOD).stat(stat.as_str());
        MetricDataQuery::builder().id(format!("q{n}")).metric_stat(stat.build()).build()
    };
    of_index.enumerate().map(query).collect()
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn add(
    figures: &mut BTreeMap<IndexId, Figures>,
    indexes: &[IndexId],
    results: &[MetricDataResult],
) {
    for result in results {
        // Nothing that is counted is below zero or without an end.
        let possible = |value: &&f64| value.is_finite() && **value >= 0.0;
        let values: Vec<_> = result.values().iter().filter(possible).copied().collect();
        if values.is_empty() {
            continue;
        }
        let number = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
        let Some(number) = number else {
            continue;
        };
        let (name, stat) = METRICS[number % METRICS.len()];
        if let Some(id) = indexes.get(number / METRICS.len()) {
            let value = figures.entry(id.clone()).or_default().entry(name.to_owned()).or_default();
            *value = stat.of(&values, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gsictl_core::name::{IndexName, TableName};

    fn id(index: &str) -> IndexId {
        IndexId::new(TableName::new("bookings").unwrap(), IndexName::new(index).unwrap())
    }

    fn result(id: &str, values: &[f64]) -> MetricDataResult {
        MetricDataResult::builder().id(id).set_values(Some(values.to_vec())).build()
    }

    #[test]
    fn each_metric_of_each_index_is_asked_for_by_table_and_index() {
        let queries = queries(&[id("by-aaa"), id("by-bbb")]);
        assert_eq!(queries.len(), 2 * METRICS.len());
        let last = queries.last().unwrap();
        let stat = last.metric_stat().unwrap();
        let metric = stat.metric().unwrap();
        let name = (metric.namespace(), metric.metric_name(), stat.stat());
        let wanted = ("AWS/DynamoDB", "OnlineIndexPercentageProgress", "Maximum");
        assert_eq!(name, (Some(wanted.0), Some(wanted.1), Some(wanted.2)));
        let values: Vec<_> = metric.dimensions().iter().filter_map(|d| d.value()).collect();
        assert_eq!(values, ["bookings", "by-bbb"]);
        assert_eq!(last.id(), Some("q11"));
    }

    #[test]
    fn values_of_several_pages_are_added_up_where_they_can_be_and_a_percentage_is_the_highest() {
        let indexes = [id("by-aaa"), id("by-bbb")];
        let mut figures = BTreeMap::new();
        let first = [result("q6", &[1.0, 2.0]), result("q11", &[40.0, 90.0]), result("q0", &[])];
        add(&mut figures, &indexes, &first);
        add(&mut figures, &indexes, &[result("q6", &[4.0]), result("q11", &[80.0])]);
        add(&mut figures, &indexes, &[result("q99", &[1.0]), result("what", &[1.0])]);
        let impossible = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -7.0];
        add(&mut figures, &indexes, &[result("q6", &impossible), result("q0", &impossible)]);
        let figure = |name: &str, value| (name.to_owned(), value);
        let wanted = [
            figure("ConsumedReadCapacityUnits", 7.0),
            figure("OnlineIndexPercentageProgress", 90.0),
        ];
        assert_eq!(figures, BTreeMap::from([(id("by-bbb"), wanted.into())]));
    }
}
