//! Throughput of an index. What DescribeTable shows where there is none, as people copy
//! it, counts as left out: `{}`, nothing, and zeros of capacity units.

use super::FileChecker;
use crate::definition::node::{Kind, Node, Scalar};
use crate::definition::shape::{Field, Fields, Shape};
use crate::definition::{OnDemandThroughput, ProvisionedThroughput, WarmThroughput};

const PROVISIONED: Shape = Shape {
    name: "ProvisionedThroughput",
    example: "ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 }",
    fields: &[
        Field::required("ReadCapacityUnits", "ReadCapacityUnits: 5"),
        Field::required("WriteCapacityUnits", "WriteCapacityUnits: 5"),
    ],
};

const ON_DEMAND: Shape = Shape {
    name: "OnDemandThroughput",
    example: "OnDemandThroughput: { MaxReadRequestUnits: 100 }",
    fields: &[
        Field::optional("MaxReadRequestUnits", ""),
        Field::optional("MaxWriteRequestUnits", ""),
    ],
};

const WARM: Shape = Shape {
    name: "WarmThroughput",
    example: "WarmThroughput: { ReadUnitsPerSecond: 12000 }",
    fields: &[
        Field::optional("ReadUnitsPerSecond", ""),
        Field::optional("WriteUnitsPerSecond", ""),
    ],
};

impl FileChecker<'_> {
    pub(super) fn provisioned(&mut self, node: Option<&Node>) -> Option<ProvisionedThroughput> {
        let node = node?;
        let entries = self.reader.map(node, PROVISIONED.name, PROVISIONED.example)?;
        if entries.iter().all(|entry| is_zero(&entry.value)) {
            // An empty map too; of others every name is looked at.
            let named = |name| entries.iter().any(|entry| entry.key.text == name);
            if entries.is_empty() || PROVISIONED.fields.iter().all(|field| named(field.name)) {
                return None;
            }
        }
        let fields = self.reader.fields(node, &PROVISIONED)?;
        let read = self.capacity(&fields, "ReadCapacityUnits");
        let write = self.capacity(&fields, "WriteCapacityUnits");
        Some(ProvisionedThroughput { read_capacity_units: read?, write_capacity_units: write? })
    }

    pub(super) fn warm(&mut self, node: Option<&Node>) -> Option<WarmThroughput> {
        let fields = self.reader.fields(node?, &WARM)?;
        let warm = WarmThroughput {
            read_units_per_second: self.units(&fields, "ReadUnitsPerSecond"),
            write_units_per_second: self.units(&fields, "WriteUnitsPerSecond"),
        };
        (warm != WarmThroughput::default()).then_some(warm)
    }

    pub(super) fn on_demand(&mut self, node: Option<&Node>) -> Option<OnDemandThroughput> {
        let fields = self.reader.fields(node?, &ON_DEMAND)?;
        let limits = OnDemandThroughput {
            max_read_request_units: self.limit(&fields, "MaxReadRequestUnits"),
            max_write_request_units: self.limit(&fields, "MaxWriteRequestUnits"),
        };
        (limits != OnDemandThroughput::default()).then_some(limits)
    }

    fn capacity(&mut self, fields: &Fields<'_>, name: &str) -> Option<u64> {
        let node = fields.get(name)?;
        if is_zero(node) {
            let message = format!("{name} must be 1 or more");
            let help = "0 and 0 mean on demand: leave ProvisionedThroughput out";
            self.reader.mistake(&node.span, message).help = Some(help.to_owned());
            return None;
        }
        self.units(fields, name)
    }

    fn units(&mut self, fields: &Fields<'_>, name: &str) -> Option<u64> {
        let number = self.reader.number(fields.get(name)?, name, 1)?;
        u64::try_from(number).ok()
    }

    /// A limit of on-demand throughput: 1 or more, or -1, as DescribeTable shows that
    /// there is none.
    fn limit(&mut self, fields: &Fields<'_>, name: &str) -> Option<i64> {
        let node = fields.get(name)?;
        let number = self.reader.number(node, name, i64::MIN)?;
        if number == -1 || number > 0 {
            return Some(number);
        }
        let message = format!("{name} must be 1 or more");
        self.reader.mistake(&node.span, message).help =
            Some("leave it out where there is to be no limit".to_owned());
        None
    }
}

fn is_zero(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Scalar(Scalar { text, .. }) => text == "0",
        _ => false,
    }
}
