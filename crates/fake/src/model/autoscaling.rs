//! DescribeTableReplicaAutoScaling: which indexes of a provisioned global table have
//! write autoscaling, in which region.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::table::{FakeTable, RegionSeat};
use crate::model::throughput::autoscaling_settings;
use crate::model::{ControlPlane, text};
use crate::refusal::AwsRefusal;

impl ControlPlane {
    pub(crate) fn describe_autoscaling(
        &self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let place = self.find(now, region, text(body, "TableName"))?;
        let table = &self.tables[place];
        let there = table.seats.iter().filter(|seat| seat.is_there(now));
        let replicas: Value = there.map(|seat| replica(table, seat, now)).collect();
        Ok(json!({
            "TableAutoScalingDescription": {
                "TableName": table.name,
                "TableStatus": table.status(region, now),
                "Replicas": replicas,
            },
        }))
    }
}

fn replica(table: &FakeTable, seat: &RegionSeat, now: Elapsed) -> Value {
    let shown = table.indexes.iter().filter(|i| i.phase(&seat.region, now).is_shown());
    let indexes = shown.map(|index| {
        json!({
            "IndexName": index.name,
            "IndexStatus": "ACTIVE",
            "ProvisionedReadCapacityAutoScalingSettings": autoscaling_settings(false),
            "ProvisionedWriteCapacityAutoScalingSettings":
                autoscaling_settings(index.autoscaled_writes),
        })
    });
    json!({
        "RegionName": seat.region,
        "ReplicaStatus": seat.replica_status(now),
        "GlobalSecondaryIndexes": indexes.collect::<Value>(),
        "ReplicaProvisionedReadCapacityAutoScalingSettings": autoscaling_settings(false),
        "ReplicaProvisionedWriteCapacityAutoScalingSettings":
            autoscaling_settings(table.autoscaled_writes),
    })
}
