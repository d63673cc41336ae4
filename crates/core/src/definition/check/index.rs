//! One index: its fields and its name.

use super::FileChecker;
use crate::definition::IndexDefinition;
use crate::definition::node::Node;
use crate::definition::shape::{Field, Fields, Shape};
use crate::definition::source::quoted;
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
}
