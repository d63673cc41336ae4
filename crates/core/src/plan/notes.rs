//! What people are surprised by, said before it happens.

use serde::Serialize;

use super::scaling::must_scale;
use super::{INDEX_QUOTA, Misfit, PlannedIndex, TablePlan};
use crate::catalog::{
    BillingMode, InFlight, IndexDescription, IndexStatus, OwnRegion, Scaling, Sighting,
    TableDescription, TableStatus,
};
use crate::definition::{
    IndexDefinition, ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES, ProvisionedThroughput,
};
use crate::name::IndexName;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The index takes the throughput of its PROVISIONED table.
    TableThroughput,
    /// Auto scaling does not come with an index.
    NoAutoScaling,
    /// Auto scaling comes with an index, for its writes.
    AutoScaling,
    /// Whether the other indexes have the auto scaling that DynamoDB asks for is not known.
    WriteScaling,
    /// The index is built in every replica.
    GlobalTable,
    /// The index has another throughput than its definition.
    ThroughputDrift,
    /// The index is there, and its definition has a throughput that does not fit its table.
    ThroughputRefused,
    /// More warm throughput is asked for than such an index starts with.
    PreWarming,
    /// The table comes to more indexes than a table may have by default.
    IndexQuota,
    /// Something of others has to end before a build can start.
    Queue,
}

/// One note on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// The indexes it is about.
    pub indexes: Vec<IndexName>,
    /// A sentence for people.
    pub text: String,
}

/// The notes on one table of a plan.
#[must_use]
pub fn notes(plan: &TablePlan) -> Vec<Note> {
    let Sighting::Found(table) = &plan.sighting else {
        return Vec::new();
    };
    let new: Vec<_> = plan.indexes.iter().filter(|i| i.action.creates()).collect();
    let about = [
        queue(table, &new),
        table_throughput(table, &new),
        auto_scaling(table, &new),
        pre_warming(&new),
        index_quota(table, &new),
        write_scaling(table, &new),
        replicas(table, plan),
    ];
    let there = plan.indexes.iter().filter(|i| !i.action.creates());
    let of_throughput = there.flat_map(|i| [drift(table, i), misfit(table, i)]);
    about.into_iter().chain(of_throughput).flatten().collect()
}

fn note(kind: NoteKind, indexes: &[&PlannedIndex], text: String) -> Option<Note> {
    let indexes: Vec<_> = indexes.iter().map(|i| i.definition.id.index.clone()).collect();
    (!indexes.is_empty()).then_some(Note { kind, indexes, text })
}

fn names<'a>(indexes: impl IntoIterator<Item = &'a PlannedIndex>) -> String {
    indexes.into_iter().map(|i| i.definition.id.index.as_str()).collect::<Vec<_>>().join(", ")
}

fn units(throughput: ProvisionedThroughput) -> String {
    let ProvisionedThroughput { read_capacity_units, write_capacity_units } = throughput;
    format!("{read_capacity_units} read and {write_capacity_units} write units")
}

fn queue(table: &TableDescription, new: &[&PlannedIndex]) -> Option<Note> {
    let ours =
        |i: &InFlight<'_>| !i.vector && new.iter().any(|new| new.definition.id.index == *i.name);
    let other = table.in_flight().find(|i| !ours(i));
    let text = match (other, &table.status) {
        (Some(other), _) => format!(
            "{}{} is {}: a table builds or deletes one index at a time, so the others wait for it",
            if other.vector { "vector index " } else { "" },
            other.name,
            other.status
        ),
        (None, TableStatus::Active) => return None,
        (None, status) => format!("the table is {status}: creates wait until it is ACTIVE"),
    };
    note(NoteKind::Queue, new, text)
}

fn table_throughput(table: &TableDescription, new: &[&PlannedIndex]) -> Option<Note> {
    let own = table.provisioned_throughput.filter(|_| is_provisioned(table))?;
    let bare = |i: &&&PlannedIndex| i.definition.provisioned_throughput.is_none();
    let bare: Vec<_> = new.iter().filter(bare).copied().collect();
    let text = format!(
        "the table is provisioned: {} without ProvisionedThroughput takes the table's {}",
        names(bare.iter().copied()),
        units(own)
    );
    note(NoteKind::TableThroughput, &bare, text)
}

/// Application Auto Scaling knows each index as a target of its own
/// ([auto scaling](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html)).
///
/// A global table is different: DynamoDB registers it for the writes of a new index, in
/// every region (docs/dynamodb.md: registers, blocks).
fn auto_scaling(table: &TableDescription, new: &[&PlannedIndex]) -> Option<Note> {
    if must_scale(table) {
        let text = "DynamoDB registers auto scaling for the writes of a new index of this global \
                    table in every region (1 to 10 units, at 70 %); its reads get none, and their \
                    capacity stays as it is until you register it";
        return note(NoteKind::AutoScaling, new, text.to_owned());
    }
    let text = "no auto scaling policy comes with a new index, whatever the table has: its \
                capacity stays as it is until you register it";
    note(NoteKind::NoAutoScaling, new, text.to_owned()).filter(|_| is_provisioned(table))
}

/// What an index starts with is free; more is billed once, and stays
/// (docs/dynamodb.md: warm-floor;
/// [warm throughput](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html)).
fn pre_warming(new: &[&PlannedIndex]) -> Option<Note> {
    let warm = |i: &&&PlannedIndex| {
        i.definition.warm_throughput.is_some_and(|warm| {
            warm.read_units_per_second.is_some_and(|units| units > ON_DEMAND_WARM_READS)
                || warm.write_units_per_second.is_some_and(|units| units > ON_DEMAND_WARM_WRITES)
        })
    };
    let warm: Vec<_> = new.iter().filter(warm).copied().collect();
    let text = format!(
        "AWS bills the WarmThroughput that {} asks for, and never takes it back",
        names(warm.iter().copied())
    );
    note(NoteKind::PreWarming, &warm, text)
}

/// 20 are the default quota, which AWS raises on request: no obstacle, since the
/// service's own answer counts (docs/dynamodb.md: index-quota).
fn index_quota(table: &TableDescription, new: &[&PlannedIndex]) -> Option<Note> {
    let staying = table.indexes.iter().filter(|i| i.status != IndexStatus::Deleting).count();
    let will_have = staying + new.len();
    let has = if staying == 1 { "1 index".to_owned() } else { format!("{staying} indexes") };
    let text = format!(
        "the table has {has}, and would have {will_have}; {INDEX_QUOTA} are the default quota, \
         which AWS raises on request: DynamoDB's answer decides"
    );
    note(NoteKind::IndexQuota, new, text).filter(|_| will_have > INDEX_QUOTA)
}

/// What would be refused (docs/dynamodb.md: blocks), where it cannot be known before.
fn write_scaling(table: &TableDescription, new: &[&PlannedIndex]) -> Option<Note> {
    let Scaling::Unknown { reason } = &table.scaling else {
        return None;
    };
    let text = format!(
        "DynamoDB refuses to change the indexes of this global table while one of them, or the \
         table, has no auto scaling of its writes; whether all have it cannot be asked ({reason})"
    );
    note(NoteKind::WriteScaling, new, text)
}

fn replicas(table: &TableDescription, plan: &TablePlan) -> Option<Note> {
    let built: Vec<_> = plan.indexes.iter().filter(|i| i.action.builds()).collect();
    let all = |fits: fn(&OwnRegion) -> bool| {
        let fitting = table.replicas.iter().filter(|replica| fits(&replica.own));
        fitting.map(|replica| replica.region.as_str()).collect::<Vec<_>>().join(", ")
    };
    let skipped = all(|own| *own == OwnRegion::Skipped);
    let asked = all(|own| *own != OwnRegion::Skipped);
    let waited = format!("each index is built, waited for and paid for in {asked} too");
    let unwaited = format!("in {skipped} it is built and paid for, and not waited for");
    let text = match (asked.is_empty(), skipped.is_empty()) {
        (true, true) => return None,
        (false, true) => format!("a global table: {waited}"),
        (true, false) => format!("a global table: {unwaited}"),
        (false, false) => format!("a global table: {waited}; {unwaited}"),
    };
    note(NoteKind::GlobalTable, &built, text)
}

fn is_provisioned(table: &TableDescription) -> bool {
    table.billing_mode == BillingMode::Provisioned
}

fn drift(table: &TableDescription, planned: &PlannedIndex) -> Option<Note> {
    let definition = &planned.definition;
    let index = table.index(&definition.id.index)?;
    let differs = throughput_differences(definition, table, index);
    let text =
        format!("{}: {}; throughput is left as it is", definition.id.index, differs.join(", "));
    note(NoteKind::ThroughputDrift, &[planned], text).filter(|_| !differs.is_empty())
}

/// Of an index that is there: one that is to be created is obstructed.
fn misfit(table: &TableDescription, planned: &PlannedIndex) -> Option<Note> {
    let definition = &planned.definition;
    table.index(&definition.id.index)?;
    let misfit = Misfit::of(definition, table)?;
    let text = format!(
        "{}: {misfit}; the index is there, and its throughput is left as it is",
        definition.id.index
    );
    note(NoteKind::ThroughputRefused, &[planned], text)
}

/// Warm throughput grows by itself: more than was asked for is no drift.
fn throughput_differences(
    definition: &IndexDefinition,
    table: &TableDescription,
    index: &IndexDescription,
) -> Vec<String> {
    let mut differences = Vec::new();
    if let (Some(wanted), Some(found)) =
        (definition.provisioned_throughput, index.provisioned_throughput)
        && wanted != found
    {
        differences.push(format!("it has {}, the definition {}", units(found), units(wanted)));
    }
    // What does not fit the table has a note of its own.
    if let Some(wanted) = definition.on_demand_throughput.filter(|_| !is_provisioned(table)) {
        let found = index.on_demand_throughput.unwrap_or_default();
        let limit = |n: Option<i64>| n.filter(|n| *n >= 0);
        let both = [
            ("read", wanted.max_read_request_units, found.max_read_request_units),
            ("write", wanted.max_write_request_units, found.max_write_request_units),
        ];
        for (what, wanted, found) in both {
            if wanted.is_some() && limit(wanted) != limit(found) {
                let text = |n| limit(n).map_or_else(|| "none".to_owned(), |n| n.to_string());
                let (found, wanted) = (text(found), text(wanted));
                differences.push(format!("its limit of {what} units is {found}, not {wanted}"));
            }
        }
    }
    if let (Some(wanted), Some(found)) = (definition.warm_throughput, index.warm_throughput) {
        let both = [
            ("read", wanted.read_units_per_second, found.read_units_per_second),
            ("write", wanted.write_units_per_second, found.write_units_per_second),
        ];
        for (what, wanted, found) in both {
            if let (Some(wanted), Some(found)) = (wanted, found)
                && found < wanted
            {
                differences.push(format!("its warm {what} units are {found}, not {wanted}"));
            }
        }
    }
    differences
}
