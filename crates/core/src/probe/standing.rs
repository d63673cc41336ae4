//! What a description says of an index: existence, status, keys, projection,
//! throughput.

use serde::Serialize;

use super::Verdict;
use super::verdict::wait_until_ready;
use crate::catalog::{BillingMode, IndexDescription, Sighting, TableDescription};
use crate::definition::{IndexDefinition, OnDemandThroughput, WarmThroughput};
use crate::look::{Elsewhere, missing, skipped_in, status_text};
use crate::name::IndexId;
use crate::plan::{Finding, Obstacle, judge};

/// What one check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// As the definition has it.
    Ok,
    /// The index cannot be what the definition wants.
    Failed,
    /// It differs, and serves all the same.
    Drift,
    /// There is nothing to look at.
    NotChecked,
}

/// The five checks of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// The table has an index of that name.
    pub existence: Checked,
    /// It is ACTIVE (or UPDATING) and not backfilling, in every region.
    pub status: Checked,
    /// Ordered keys and their types.
    pub key_schema: Checked,
    /// What it holds beside the keys.
    pub projection: Checked,
    /// What the definition says of throughput; it never fails an index.
    pub throughput: Checked,
}

/// Why an index need not be asked anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) verdict: Verdict,
    pub(super) reasons: Vec<String>,
    pub(super) recommendation: String,
}

/// How an index stands by its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) checks: Checks,
    /// In AWS's words; `None` where there is none.
    pub(super) status: Option<String>,
    /// Throughput that differs.
    pub(super) notes: Vec<String>,
    pub(super) blocked: Option<Blocked>,
}

impl Standing {
    pub(super) fn of(definition: &IndexDefinition, sighting: &Sighting) -> Self {
        let finding = judge(definition, sighting);
        let there = match sighting {
            Sighting::Found(table) => table.index(&definition.id.index).map(|i| (&**table, i)),
            Sighting::Missing | Sighting::Denied(_) | Sighting::Unreadable(_) => None,
        };
        let mut notes = there.map(|(table, i)| drift(definition, table, i)).unwrap_or_default();
        let checks = checks(definition, sighting, &finding, there, notes.is_empty());
        let skipped = skipped_in(there.map(|(table, _)| table));
        notes.extend(skipped.iter().map(|region| format!("region {region} was not asked")));
        Self {
            checks,
            status: there.map(|(table, index)| status_text(table, index)),
            notes,
            blocked: blocked(definition, &finding, there),
        }
    }

    /// Where it is not shown: it was just asked for, or its table is being changed, and
    /// that is not "missing".
    pub(super) fn not_shown_yet(mut self, id: &IndexId) -> Self {
        if self.checks.existence == Checked::Failed {
            self.checks.existence = Checked::NotChecked;
            let reason = "DynamoDB does not show it yet: it was just asked for, or its table is \
                          being changed";
            self.blocked = Some(Blocked {
                verdict: Verdict::NonFunctional,
                reasons: vec![reason.to_owned()],
                recommendation: wait_until_ready(id),
            });
        }
        self
    }
}

fn checks(
    definition: &IndexDefinition,
    sighting: &Sighting,
    finding: &Finding,
    there: Option<(&TableDescription, &IndexDescription)>,
    as_defined: bool,
) -> Checks {
    let verdict = |good| if good { Checked::Ok } else { Checked::Failed };
    let Some((table, index)) = there else {
        let existence = match sighting {
            Sighting::Denied(_) | Sighting::Unreadable(_) => Checked::NotChecked,
            Sighting::Found(_) | Sighting::Missing => Checked::Failed,
        };
        let none = Checked::NotChecked;
        return Checks {
            existence,
            status: none,
            key_schema: none,
            projection: none,
            throughput: none,
        };
    };
    let building = matches!(finding, Finding::Building { .. });
    // What is not about the projection is about the keys and their types.
    let same_projection = definition.projection == index.projection;
    let differences = definition.differences(&table.attributes, index).len();
    Checks {
        existence: Checked::Ok,
        status: verdict(index.is_ready() && !building),
        key_schema: verdict(differences == usize::from(!same_projection)),
        projection: verdict(same_projection),
        throughput: if as_defined { Checked::Ok } else { Checked::Drift },
    }
}

fn blocked(
    definition: &IndexDefinition,
    finding: &Finding,
    there: Option<(&TableDescription, &IndexDescription)>,
) -> Option<Blocked> {
    let id = &definition.id;
    let non_functional = |reasons: Vec<String>, recommendation: String| {
        Some(Blocked { verdict: Verdict::NonFunctional, reasons, recommendation })
    };
    match finding {
        Finding::Ready => None,
        Finding::Building { .. } => {
            let status = there.map(|(table, i)| status_text(table, i)).unwrap_or_default();
            let reason = match there.map(|(_, index)| index) {
                Some(index) if index.is_ready() => {
                    format!("it is not known to be ready in every region: {status}")
                }
                _ => format!("it is {status}: it serves no queries yet"),
            };
            match there {
                // It may be ready there, or not: nobody was able to ask.
                Some((table, index)) if index.is_ready() && is_unknown(table, index) => {
                    Some(Blocked {
                        verdict: Verdict::ValidationError,
                        reasons: vec![reason],
                        recommendation: make_it_answer(table, index),
                    })
                }
                _ => non_functional(vec![reason], wait_until_ready(id)),
            }
        }
        Finding::Deleting => non_functional(
            vec!["it is being deleted".to_owned()],
            "create it again once it is gone: `gsictl apply DEFS`".to_owned(),
        ),
        Finding::Absent => non_functional(
            vec!["it does not exist".to_owned()],
            "create it: `gsictl apply DEFS`".to_owned(),
        ),
        Finding::Obstacle(Obstacle::Conflict { wanted, found, differences }) => {
            let mut reasons = differences.clone();
            reasons.push(format!("wanted: {wanted}; exists: {found}"));
            non_functional(
                reasons,
                "DynamoDB cannot change an index's keys or projection: correct the definition, or delete the index and create it again with `gsictl apply DEFS`".to_owned(),
            )
        }
        Finding::Obstacle(obstacle @ (Obstacle::Denied(_) | Obstacle::Unreadable(_))) => {
            Some(Blocked {
                verdict: Verdict::ValidationError,
                reasons: vec![obstacle.to_string()],
                recommendation: obstacle.remedy().to_owned(),
            })
        }
        Finding::Obstacle(obstacle @ (Obstacle::NoTable | Obstacle::TableUnusable(_))) => {
            non_functional(vec![obstacle.to_string()], obstacle.remedy().to_owned())
        }
        Finding::Obstacle(obstacle) => non_functional(
            vec![format!("it does not exist, and cannot be created: {obstacle}")],
            obstacle.remedy().to_owned(),
        ),
    }
}

/// Whether the regions in which the index is not known to be ready could not be asked.
fn is_unknown(table: &TableDescription, index: &IndexDescription) -> bool {
    let missing = missing(table, &index.name);
    missing.iter().all(|m| matches!(m.there, Elsewhere::Unknown { .. }))
}

fn make_it_answer(table: &TableDescription, index: &IndexDescription) -> String {
    let regions: Vec<_> = missing(table, &index.name).into_iter().map(|m| m.region).collect();
    let skips: Vec<_> = regions.iter().map(|region| format!("--skip-region {region}")).collect();
    format!(
        "allow dynamodb:DescribeTable on {} in {}, or say where the region is reached \
         (--region-endpoint REGION=URL); or do without its answer: {}",
        table.name,
        regions.join(", "),
        skips.join(" ")
    )
}

/// Throughput that the definition states and the index does not have.
fn drift(
    definition: &IndexDefinition,
    table: &TableDescription,
    index: &IndexDescription,
) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |what: &str, there: Option<i128>, here: Option<i128>| {
        if here.is_some() && here != there {
            let shown = |n: Option<i128>| n.map_or_else(|| "not set".to_owned(), |n| n.to_string());
            notes.push(format!("{what} is {}, the definition says {}", shown(there), shown(here)));
        }
    };
    let (here, there) = (definition.provisioned_throughput, index.provisioned_throughput);
    // An on-demand table has no use for it, and DynamoDB does not keep it.
    if table.billing_mode == BillingMode::Provisioned {
        let (read, write) = (
            |t: crate::definition::ProvisionedThroughput| i128::from(t.read_capacity_units),
            |t: crate::definition::ProvisionedThroughput| i128::from(t.write_capacity_units),
        );
        note("ReadCapacityUnits", there.map(read), here.map(read));
        note("WriteCapacityUnits", there.map(write), here.map(write));
    }
    let limits = |t: Option<OnDemandThroughput>| {
        let limit = |units: Option<i64>| units.filter(|u| *u >= 0).map(i128::from);
        let t = t.unwrap_or_default();
        (limit(t.max_read_request_units), limit(t.max_write_request_units))
    };
    let (here, there) =
        (limits(definition.on_demand_throughput), limits(index.on_demand_throughput));
    note("MaxReadRequestUnits", there.0, here.0);
    note("MaxWriteRequestUnits", there.1, here.1);
    // Warm throughput grows with use, and engines do not tell it.
    if let (Some(here), Some(there)) = (definition.warm_throughput, index.warm_throughput) {
        let less = |units: fn(WarmThroughput) -> Option<u64>| {
            let (here, there) = (units(here)?, units(there)?);
            (there < here).then_some((i128::from(there), i128::from(here)))
        };
        for (what, units) in [
            ("ReadUnitsPerSecond", less(|t| t.read_units_per_second)),
            ("WriteUnitsPerSecond", less(|t| t.write_units_per_second)),
        ] {
            note(what, units.map(|u| u.0), units.map(|u| u.1));
        }
    }
    notes
}
