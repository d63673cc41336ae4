//! Throughput: which of it an index may be given, and how it is changed.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::describe::decreases_today;
use crate::model::index::Units;
use crate::model::settings::ServiceLimits;
use crate::model::table::{Billing, FakeTable};
use crate::model::text;
use crate::refusal::{AwsRefusal, invalid, invalid_value, over_limit};

/// Warm throughput that every on-demand index has (docs/dynamodb.md: warm-floor).
const WARM_FLOOR: Units = Units { read: 12_000, write: 4_000 };

/// `ProvisionedThroughput` of a request; `None` where there is none.
pub(crate) fn units_of(throughput: &Value) -> Option<Units> {
    let member = |name: &str| throughput.get(name)?.as_u64();
    Some(Units { read: member("ReadCapacityUnits")?, write: member("WriteCapacityUnits")? })
}

/// Whether the throughput of a new index fits the table, in the order in which AWS looks.
pub(crate) fn admit(
    create: &Value,
    billing: Billing,
    limits: &ServiceLimits,
    region: &str,
) -> Result<(), AwsRefusal> {
    let index = text(create, "IndexName");
    let provisioned = units_of(&create["ProvisionedThroughput"]);
    refuse_empty(create)?;
    match (billing, provisioned) {
        (Billing::OnDemand, Some(_)) => {
            return Err(invalid_value(format!(
                "ProvisionedThroughput should not be specified for index: {index} when \
                 BillingMode is PAY_PER_REQUEST"
            )));
        }
        (Billing::Provisioned, None) => {
            return Err(invalid_value(format!(
                "ProvisionedThroughput must be specified for index: {index}"
            )));
        }
        _ => {}
    }
    admit_on_demand(&create["OnDemandThroughput"], index, billing, limits, region)?;
    admit_warm(&create["WarmThroughput"], index, billing, limits, region)?;
    provisioned.map_or(Ok(()), |units| admit_units(units, index, limits, region))
}

/// An empty structure is more than the service can take.
fn refuse_empty(create: &Value) -> Result<(), AwsRefusal> {
    let empty = |member: &str| create[member].as_object().is_some_and(serde_json::Map::is_empty);
    if ["OnDemandThroughput", "WarmThroughput"].into_iter().any(empty) {
        return Err(AwsRefusal::new("InternalFailure", ""));
    }
    Ok(())
}

fn admit_on_demand(
    wanted: &Value,
    index: &str,
    billing: Billing,
    limits: &ServiceLimits,
    region: &str,
) -> Result<(), AwsRefusal> {
    let members = [
        ("MaxReadRequestUnits", "TableMaxReadCapacityUnits"),
        ("MaxWriteRequestUnits", "TableMaxWriteCapacityUnits"),
    ];
    for (member, maximum) in members {
        let Some(units) = wanted.get(member).and_then(Value::as_i64) else { continue };
        if billing == Billing::Provisioned {
            return Err(invalid_value(format!(
                "{member} for OnDemandThroughput for index: {index} cannot be specified when \
                 table BillingMode is PROVISIONED."
            )));
        }
        if units < 1 {
            return Err(invalid_value(format!(
                "Requested {member} for OnDemandThroughput for index : {index} is outside of \
                 valid range"
            )));
        }
        if units.unsigned_abs() > limits.units_per_index {
            return Err(over_limit(format!(
                "Requested {member} for OnDemandThroughput for index : {index} exceeds {maximum} \
                 of the account in region {region}"
            )));
        }
    }
    Ok(())
}

fn admit_warm(
    wanted: &Value,
    index: &str,
    billing: Billing,
    limits: &ServiceLimits,
    region: &str,
) -> Result<(), AwsRefusal> {
    let members = [
        ("ReadUnitsPerSecond", "TableMaxReadCapacityUnits", WARM_FLOOR.read),
        ("WriteUnitsPerSecond", "TableMaxWriteCapacityUnits", WARM_FLOOR.write),
    ];
    for (member, maximum, floor) in members {
        let Some(units) = wanted.get(member).and_then(Value::as_u64) else { continue };
        if billing == Billing::OnDemand && units < floor {
            return Err(invalid_value(format!(
                "Requested {member} for WarmThroughput for index {index} is lower than initial \
                 throughput for OnDemand"
            )));
        }
        if units > limits.units_per_index {
            return Err(over_limit(format!(
                "Requested {member} for WarmThroughput for index {index} exceeds {maximum} of the \
                 account in region {region}"
            )));
        }
    }
    Ok(())
}

fn admit_units(
    units: Units,
    index: &str,
    limits: &ServiceLimits,
    region: &str,
) -> Result<(), AwsRefusal> {
    let maximum = limits.units_per_index;
    let members = [("ReadCapacityUnits", units.read), ("WriteCapacityUnits", units.write)];
    for (member, wanted) in members {
        if wanted > maximum {
            let message = format!(
                "The requested {member}, {wanted}, for index {index}, is above the per index \
                 maximum for the account in {region}. Per index maximum: {maximum}. Refer to the \
                 Amazon DynamoDB Developer Guide for current limits and how to request higher \
                 limits."
            );
            return Err(AwsRefusal::new("LimitExceededException", message));
        }
    }
    Ok(())
}

/// Whether all that the account has and `more` fit its maximum.
pub(crate) fn admit_account<'a>(
    tables: impl Iterator<Item = &'a FakeTable>,
    more: Units,
    limits: &ServiceLimits,
    at: Elapsed,
) -> Result<(), AwsRefusal> {
    let (mut read, mut write) = (more.read, more.write);
    for table in tables.filter(|table| table.billing.at(at) == Billing::Provisioned) {
        let there = table.indexes.iter().filter(|index| !index.is_vector && index.is_there(at));
        for units in there.map(|index| index.units.last()).chain([table.units.last()]) {
            read += units.read;
            write += units.write;
        }
    }
    for (sum, name) in [(read, "ReadCapacityUnits"), (write, "WriteCapacityUnits")] {
        if sum > limits.units_per_account {
            let message = format!(
                "This request would have caused the {name} limit to be exceeded for the account"
            );
            return Err(AwsRefusal::new("LimitExceededException", message));
        }
    }
    Ok(())
}

/// Whether units may be changed so: not to the same, and not lowered too often.
/// `whose` is `table` or `index by-email`. True where they are lowered.
pub(crate) fn admit_change(
    whose: &str,
    now_has: Units,
    wanted: Units,
    decreases: &[Elapsed],
    at: Elapsed,
    limits: &ServiceLimits,
) -> Result<bool, AwsRefusal> {
    if now_has == wanted {
        return Err(invalid(format!(
            "The provisioned throughput for the {whose} will not change. The requested value \
             equals the current value. Current ReadCapacityUnits provisioned for the {whose}: {}. \
             Requested ReadCapacityUnits: {}. Current WriteCapacityUnits provisioned for the \
             {whose}: {}. Requested WriteCapacityUnits: {}. Refer to the Amazon DynamoDB \
             Developer Guide for current limits and how to request higher limits.",
            now_has.read, wanted.read, now_has.write, wanted.write
        )));
    }
    let lowered = wanted.read < now_has.read || wanted.write < now_has.write;
    let today = decreases_today(decreases, at).count();
    let hour = std::time::Duration::from_secs(3_600);
    let recent = decreases.last().is_some_and(|last| at < *last + hour);
    if lowered && today >= limits.free_decreases && recent {
        return Err(over_limit(format!(
            "Provisioned throughput decreases are limited within a given UTC day. After the first \
             {} decreases, each subsequent decrease in the same UTC day can be performed at most \
             once every 3600 seconds. Number of decreases today: {today}.",
            limits.free_decreases
        )));
    }
    Ok(lowered)
}

/// As descriptions of autoscaling show settings.
pub(crate) fn autoscaling_settings(autoscaled: bool) -> Value {
    if !autoscaled {
        return json!({ "AutoScalingDisabled": true });
    }
    json!({
        "MinimumUnits": 1,
        "MaximumUnits": 10,
        "AutoScalingDisabled": false,
        "ScalingPolicies": [{
            "PolicyName": "write-target",
            "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 70.0 },
        }],
    })
}
