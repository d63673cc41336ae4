//! One index: its fields, its name and its throughput.

use super::FileChecker;
use crate::definition::node::Node;
use crate::definition::shape::{Field, Fields, Shape};
use crate::definition::source::quoted;
use crate::definition::{
    IndexDefinition, OnDemandThroughput, ProvisionedThroughput, WarmThroughput,
};
use crate::name::{IndexId, IndexName, TableName};

const INDEX: Shape = Shape {
    name: "an index",
    example: "{ IndexName: passenger-index, ... }",
    fields: &[
        Field::required("IndexName", "IndexName: passenger-flight-index"),
        Field::required("KeySchema", "KeySchema: [{ AttributeName: passenger_id, KeyType: HASH }]"),
        Field::optional("AttributeDefinitions", ""),
        Field::required("Projection", "Projection: { ProjectionType: ALL }"),
        Field::optional("ProvisionedThroughput", ""),
        Field::optional("OnDemandThroughput", ""),
        Field::optional("WarmThroughput", ""),
        Field::optional("Description", ""),
        Field::optional("EstimatedImpact", ""),
        Field::optional("RequiredBy", ""),
    ],
};

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
    /// The index of `table`, whose name is nothing where it is illegal. Nothing
    /// comes back where a mistake left no definition to make; all were reported.
    pub(super) fn index(
        &mut self,
        table: &str,
        table_name: Option<&TableName>,
        node: &Node,
    ) -> Option<IndexDefinition> {
        let fields = self.reader.fields(node, &INDEX)?;
        let name = fields.get("IndexName").and_then(|name| self.index_name(table, name));
        let keys = fields.get("KeySchema").and_then(|keys| self.key_schema(keys));
        let attributes = self.attributes(table, fields.get("AttributeDefinitions"), keys.as_ref());
        let projection = fields.get("Projection").and_then(|node| self.projection(table, node));
        let provisioned_throughput = self.provisioned(fields.get("ProvisionedThroughput"));
        let on_demand_throughput = self.on_demand(fields.get("OnDemandThroughput"));
        let warm_throughput = self.warm(fields.get("WarmThroughput"));
        let description = self.note(&fields, "Description");
        let estimated_impact = self.note(&fields, "EstimatedImpact");
        let required_by = self.note(&fields, "RequiredBy");
        let keys = keys?;
        let places = keys.spans.iter().map(|span| self.reader.text.place(span.start));
        Some(IndexDefinition {
            key_places: places.collect(),
            place: self.reader.text.place(node.span.start),
            id: IndexId::new(table_name?.clone(), name?),
            key_schema: keys.elements?,
            attributes,
            projection: projection?,
            provisioned_throughput,
            on_demand_throughput,
            warm_throughput,
            description,
            estimated_impact,
            required_by,
        })
    }

    fn index_name(&mut self, table: &str, node: &Node) -> Option<IndexName> {
        let text = self.reader.string(node, "IndexName", "IndexName: passenger-flight-index")?;
        let name = IndexName::new(text);
        if let Err(error) = &name {
            self.bad_name("an index's name", text, &node.span, error);
        }
        let place = self.reader.text.place(node.span.start);
        let known = &mut self.known_table(table).indexes;
        let Some(first) = known.get(text).cloned() else {
            known.insert(text.to_owned(), place);
            return name.ok();
        };
        let message = format!("index {} of table {} is defined twice", quoted(text), quoted(table));
        let mistake = self.reader.mistake(&node.span, message);
        mistake.help = Some("keep one of the two, or give one another name".to_owned());
        mistake.related = Some((first, "first defined here".to_owned()));
        name.ok()
    }

    fn note(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let example = format!("{name}: text");
        self.reader.string(fields.get(name)?, name, &example).map(str::to_owned)
    }

    fn provisioned(&mut self, node: Option<&Node>) -> Option<ProvisionedThroughput> {
        let fields = self.reader.fields(node?, &PROVISIONED)?;
        let read = self.units(&fields, "ReadCapacityUnits");
        let write = self.units(&fields, "WriteCapacityUnits");
        Some(ProvisionedThroughput { read_capacity_units: read?, write_capacity_units: write? })
    }

    fn warm(&mut self, node: Option<&Node>) -> Option<WarmThroughput> {
        let node = node?;
        let fields = self.reader.fields(node, &WARM)?;
        self.not_empty(node, &WARM);
        Some(WarmThroughput {
            read_units_per_second: self.units(&fields, "ReadUnitsPerSecond"),
            write_units_per_second: self.units(&fields, "WriteUnitsPerSecond"),
        })
    }

    fn on_demand(&mut self, node: Option<&Node>) -> Option<OnDemandThroughput> {
        let node = node?;
        let fields = self.reader.fields(node, &ON_DEMAND)?;
        self.not_empty(node, &ON_DEMAND);
        Some(OnDemandThroughput {
            max_read_request_units: self.limit(&fields, "MaxReadRequestUnits"),
            max_write_request_units: self.limit(&fields, "MaxWriteRequestUnits"),
        })
    }

    fn units(&mut self, fields: &Fields<'_>, name: &str) -> Option<u64> {
        let number = self.reader.number(fields.get(name)?, name, 1)?;
        u64::try_from(number).ok()
    }

    /// A limit of on-demand throughput: -1 for none, else 1 or more.
    fn limit(&mut self, fields: &Fields<'_>, name: &str) -> Option<i64> {
        let node = fields.get(name)?;
        let number = self.reader.number(node, name, -1)?;
        if number == 0 {
            let message = format!("{name} must be 1 or more");
            self.reader.mistake(&node.span, message).help = Some("-1 means no limit".to_owned());
            return None;
        }
        Some(number)
    }

    fn not_empty(&mut self, node: &Node, shape: &Shape) {
        if node.children().next().is_none() {
            let names: Vec<_> = shape.fields.iter().map(|field| field.name).collect();
            let help = format!("set {} or both, or leave it out", names.join(" or "));
            self.reader.mistake(&node.span, format!("{} is empty", shape.name)).help = Some(help);
        }
    }
}
