//! What an index holds beside its keys.

use std::collections::{BTreeMap, BTreeSet};

use super::FileChecker;
use crate::definition::Projection;
use crate::definition::limits::MAX_INCLUDED;
use crate::definition::node::Node;
use crate::definition::shape::{Field, Shape};
use crate::definition::source::quoted;

const PROJECTION: Shape = Shape {
    name: "Projection",
    example: "Projection: { ProjectionType: ALL }",
    fields: &[
        Field::required("ProjectionType", "ProjectionType: ALL"),
        Field::optional("NonKeyAttributes", ""),
    ],
};

const INCLUDED: &str = "NonKeyAttributes: [seat, fare]";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    All,
    KeysOnly,
    Include,
}

impl FileChecker<'_> {
    pub(super) fn projection(&mut self, table: &str, node: &Node) -> Option<Projection> {
        let fields = self.reader.fields(node, &PROJECTION)?;
        let kinds = [("ALL", Kind::All), ("KEYS_ONLY", Kind::KeysOnly), ("INCLUDE", Kind::Include)];
        let kind = fields.get("ProjectionType");
        let kind =
            kind.and_then(|kind| self.reader.choice(kind, "ProjectionType", &kinds, |_| None));
        // Beside ALL and KEYS_ONLY an empty list counts as left out.
        let counts = |node: &&Node| kind == Some(Kind::Include) || !node.is_empty_list();
        let attributes = fields.get("NonKeyAttributes").filter(counts);
        let included = attributes.and_then(|attributes| self.included(table, attributes));
        match (kind?, attributes) {
            (Kind::Include, Some(_)) => Some(Projection::Include { non_key_attributes: included? }),
            (Kind::Include, None) => {
                let example = self.reader.text.example(INCLUDED);
                let message = "ProjectionType INCLUDE needs NonKeyAttributes";
                let mistake = self.reader.mistake(&node.span, message);
                mistake.help = Some(format!("add {example}, or project ALL or KEYS_ONLY"));
                None
            }
            (_, Some(attributes)) => {
                let message = "NonKeyAttributes goes with ProjectionType INCLUDE only";
                let mistake = self.reader.mistake(&attributes.span, message);
                mistake.help =
                    Some("change ProjectionType to INCLUDE, or leave them out".to_owned());
                None
            }
            (Kind::All, None) => Some(Projection::All),
            (Kind::KeysOnly, None) => Some(Projection::KeysOnly),
        }
    }

    fn included(&mut self, table: &str, node: &Node) -> Option<BTreeSet<String>> {
        let items = self.reader.list(node, "NonKeyAttributes", "names", INCLUDED)?;
        let mut seen = BTreeMap::new();
        for item in items {
            let Some((name, span)) = self.attribute_name(item) else {
                continue;
            };
            if let Some(first) = seen.get(name) {
                let message = format!("{} is included twice", quoted(name));
                self.reader.repeated(&span, first, message);
            } else {
                seen.insert(name, span);
            }
        }
        if items.is_empty() {
            let example = self.reader.text.example(INCLUDED);
            let mistake = self.reader.mistake(&node.span, "NonKeyAttributes is empty");
            mistake.help = Some(format!("name the attributes: {example}; or project KEYS_ONLY"));
        } else if let Some(over) = items.get(MAX_INCLUDED) {
            let message = format!("NonKeyAttributes has more than {MAX_INCLUDED} names");
            let help = format!(
                "there are {}: include {MAX_INCLUDED} at most, or project ALL",
                items.len()
            );
            self.reader.mistake(&over.span, message).help = Some(help);
        } else {
            self.count_included(table, &node.span, items.len());
        }
        Some(seen.into_keys().map(str::to_owned).collect())
    }
}
