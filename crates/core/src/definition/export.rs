//! The other way round: from what DynamoDB has to definitions of it.

use std::collections::BTreeSet;
use std::fmt;

use super::write::Remarks;
use super::{
    Definitions, IndexDefinition, ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES, OnDemandThroughput,
    Place, ProvisionedThroughput,
};
use crate::catalog::{
    BillingMode, Catalog, IndexDescription, IndexStatus, Sighting, TableDescription,
};
use crate::name::{IndexId, IndexName, TableName};

/// The indexes of some tables as definitions, and what is to be said about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The tables in the order in which they were asked for, their indexes by name.
    pub definitions: Definitions,
    /// Statuses, for comments.
    pub remarks: Remarks,
    /// What a reader of the definitions should know.
    pub notes: Vec<Note>,
}

/// Something about an export that the definitions do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// There is no such table.
    NoTable(TableName),
    /// These credentials may not describe it; the message is DynamoDB's.
    Denied(TableName, String),
    /// Its description cannot be read.
    Unreadable(TableName, String),
    /// No table that was asked for has an index of that name.
    NoSuchIndex(IndexName),
    /// Left out: definitions cannot say that a table has no index.
    NoIndex(TableName),
    /// Exported: a plan adopts it.
    Building(IndexId),
    /// Left out: soon there is none.
    Deleting(IndexId),
    /// Left out: they are made with the table and at no other time.
    LocalIndexes(TableName, usize),
    /// Left out: definitions are of Global Secondary Indexes.
    VectorIndex(IndexId),
}

impl Note {
    /// Something that was asked for by name is not there to be exported.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::NoTable(_) | Self::Denied(..) | Self::Unreadable(..) | Self::NoSuchIndex(_)
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable(table) => write!(f, "{table}: there is no such table"),
            Self::Denied(table, message) => {
                write!(f, "{table}: the table cannot be described: {message}")
            }
            Self::Unreadable(table, why) => {
                write!(f, "{table}: the table's description cannot be read: {why}")
            }
            Self::NoSuchIndex(index) => write!(f, "{index}: none of the tables has this index"),
            Self::NoIndex(table) => write!(f, "{table}: the table has no index, and is left out"),
            Self::Building(id) => write!(f, "{id}: is still being built, and is exported"),
            Self::Deleting(id) => write!(f, "{id}: is being deleted, and is left out"),
            Self::LocalIndexes(table, 1) => {
                write!(f, "{table}: its local secondary index is left out")
            }
            Self::LocalIndexes(table, n) => {
                write!(f, "{table}: its {n} local secondary indexes are left out")
            }
            Self::VectorIndex(id) => write!(f, "{id}: is a vector index, and is left out"),
        }
    }
}

impl Export {
    /// Exports `tables` as `catalog` has them, or of each only the indexes that
    /// `only` names, where it names any.
    #[must_use]
    pub fn new<'a>(
        catalog: &Catalog,
        tables: impl IntoIterator<Item = &'a TableName>,
        only: &[IndexName],
    ) -> Self {
        let mut export = Self::default();
        let (mut seen, mut arns) = (BTreeSet::new(), BTreeSet::new());
        let mut missing: BTreeSet<_> = only.iter().collect();
        for table in tables.into_iter().filter(|table| seen.insert(*table)) {
            match catalog.get(table).map(|(_, sighting)| sighting) {
                // By its name and by its ARN it is one table.
                Some(Sighting::Found(table))
                    if table.arn.as_ref().is_some_and(|arn| !arns.insert(arn)) => {}
                Some(Sighting::Found(table)) => {
                    missing.retain(|name| {
                        table.index(name).is_none() && table.vector_index(name).is_none()
                    });
                    export.add(table, only);
                }
                Some(Sighting::Denied(message)) => {
                    export.notes.push(Note::Denied(table.clone(), message.clone()));
                }
                Some(Sighting::Unreadable(why)) => {
                    export.notes.push(Note::Unreadable(table.clone(), why.clone()));
                }
                Some(Sighting::Missing) | None => export.notes.push(Note::NoTable(table.clone())),
            }
        }
        export.notes.extend(missing.into_iter().cloned().map(Note::NoSuchIndex));
        export
    }

    /// Everything that was asked for by name is there, and something is.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.definitions.indexes.is_empty() && !self.notes.iter().any(Note::is_failure)
    }

    fn add(&mut self, table: &TableDescription, only: &[IndexName]) {
        self.remarks.tables.insert(table.name.clone(), remark_on(table));
        let wanted = |i: &&IndexDescription| only.is_empty() || only.contains(&i.name);
        let mut indexes: Vec<_> = table.indexes.iter().filter(wanted).collect();
        // DescribeTable promises no order.
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        for index in indexes {
            self.add_index(table, index);
        }
        if table.indexes.is_empty() {
            self.notes.push(Note::NoIndex(table.name.clone()));
        }
        if !table.local_indexes.is_empty() && only.is_empty() {
            self.notes.push(Note::LocalIndexes(table.name.clone(), table.local_indexes.len()));
        }
        let vectors = table.vector_indexes.iter().map(|index| &index.name);
        let vectors = vectors.filter(|name| only.is_empty() || only.contains(name));
        let id = |name: &IndexName| IndexId::new(table.name.clone(), name.clone());
        self.notes.extend(vectors.map(|name| Note::VectorIndex(id(name))));
    }

    fn add_index(&mut self, table: &TableDescription, index: &IndexDescription) {
        let definition = IndexDefinition::of(table, index);
        let id = definition.id.clone();
        if index.status == IndexStatus::Deleting {
            self.notes.push(Note::Deleting(id));
            return;
        }
        let remarks: Vec<_> = [phase(index), warmth(table, index)].into_iter().flatten().collect();
        if !remarks.is_empty() {
            let remark = format!("{}: {}", index.name, remarks.join("; "));
            self.remarks.indexes.insert(id.clone(), remark);
        }
        if !index.is_ready() {
            self.notes.push(Note::Building(id));
        }
        self.definitions.indexes.push(definition);
    }
}

/// What is above a table: its status, and what the definitions below do not say of it.
fn remark_on(table: &TableDescription) -> String {
    let mut remark = format!("{}: {}", table.name, table.status);
    if table.billing_mode == BillingMode::Provisioned && !table.indexes.is_empty() {
        remark += "; the units are those of now, which auto scaling may move";
    }
    for vector in &table.vector_indexes {
        remark += &format!("; {} is a vector index, and is left out", vector.name);
    }
    remark
}

fn phase(index: &IndexDescription) -> Option<String> {
    let phase = if index.backfilling { " (backfilling)" } else { "" };
    let told = index.status != IndexStatus::Active || index.backfilling;
    told.then(|| format!("{}{phase}", index.status))
}

/// DynamoDB reports a warm throughput for every index, which it computed or somebody asked
/// for, and asking for one costs (docs/dynamodb.md: warm-floor): where it is more than such
/// an index begins with it is told, and never exported.
fn warmth(table: &TableDescription, index: &IndexDescription) -> Option<String> {
    let warm = index.warm_throughput?;
    let begins_with = match table.billing_mode {
        BillingMode::PayPerRequest => (ON_DEMAND_WARM_READS, ON_DEMAND_WARM_WRITES),
        BillingMode::Provisioned => {
            let units = index.provisioned_throughput.or(table.provisioned_throughput);
            units.map_or((0, 0), |units| (units.read_capacity_units, units.write_capacity_units))
        }
    };
    let (reads, writes) = (warm.read_units_per_second?, warm.write_units_per_second?);
    let more = reads > begins_with.0 || writes > begins_with.1;
    more.then(|| {
        format!(
            "warm for {reads} reads and {writes} writes a second, which no definition needs: \
             WarmThroughput is left out"
        )
    })
}

impl IndexDefinition {
    /// What would have to be defined to get this index of this table: a plan finds
    /// nothing to do for it. Throughput that cannot be asked for is left out, and what
    /// DynamoDB computed too.
    #[must_use]
    pub fn of(table: &TableDescription, index: &IndexDescription) -> Self {
        let keys = index.key_schema.iter().map(|key| &key.attribute_name);
        let types = keys.filter_map(|name| Some((name.clone(), *table.attributes.get(name)?)));
        let provisioned = table.billing_mode == BillingMode::Provisioned;
        Self {
            id: IndexId::new(table.name.clone(), index.name.clone()),
            key_schema: index.key_schema.clone(),
            attributes: types.collect(),
            projection: index.projection.clone(),
            provisioned_throughput: index
                .provisioned_throughput
                .filter(|t| provisioned && is_legal(*t)),
            on_demand_throughput: index
                .on_demand_throughput
                .filter(|_| !provisioned)
                .and_then(OnDemandThroughput::requested),
            warm_throughput: None,
            description: None,
            estimated_impact: None,
            required_by: None,
            place: Place::default(),
            key_places: vec![Place::default(); index.key_schema.len()],
        }
    }
}

/// Numbers that AWS takes: from 1 to the greatest of its own type.
fn is_unit(units: u64) -> bool {
    (1..=i64::MAX.unsigned_abs()).contains(&units)
}

fn is_legal(throughput: ProvisionedThroughput) -> bool {
    is_unit(throughput.read_capacity_units) && is_unit(throughput.write_capacity_units)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::{Scaling, TableStatus, VectorIndexDescription};
    use crate::definition::{Format, KeyElement, KeyType, Projection, ScalarType, WarmThroughput};
    use crate::time::Timestamp;

    fn index(name: &str, keys: &[&str]) -> IndexDescription {
        let kinds = [KeyType::Hash, KeyType::Range];
        let key = |(name, key_type): (&&str, KeyType)| KeyElement {
            attribute_name: (*name).to_owned(),
            key_type,
        };
        IndexDescription {
            name: IndexName::new(name).unwrap(),
            status: IndexStatus::Active,
            backfilling: false,
            key_schema: keys.iter().zip(kinds).map(key).collect(),
            projection: Projection::All,
            provisioned_throughput: None,
            on_demand_throughput: None,
            warm_throughput: None,
            item_count: Some(7),
            size_bytes: Some(700),
        }
    }

    fn table(name: &str, indexes: Vec<IndexDescription>) -> TableDescription {
        let keys = indexes.iter().flat_map(|i| &i.key_schema);
        let attributes = keys.map(|key| (key.attribute_name.clone(), ScalarType::S)).collect();
        TableDescription {
            name: TableName::new(name).unwrap(),
            table_id: None,
            created_at: None,
            arn: None,
            status: TableStatus::Active,
            billing_mode: BillingMode::PayPerRequest,
            provisioned_throughput: None,
            attributes,
            key_schema: Vec::new(),
            indexes,
            vector_indexes: Vec::new(),
            local_indexes: Vec::new(),
            local_included: 0,
            replicas: Vec::new(),
            scaling: Scaling::NotAsked,
            item_count: None,
            size_bytes: None,
        }
    }

    /// `tables` as they are; the others that are asked for are not there.
    fn export(tables: Vec<TableDescription>, asked: &[&str], only: &[&str]) -> Export {
        let mut catalog = Catalog::default();
        for table in tables {
            let sighting = Sighting::Found(Box::new(table.clone()));
            catalog.insert(table.name, Timestamp::default(), sighting);
        }
        let asked: Vec<_> = asked.iter().map(|name| TableName::new(name).unwrap()).collect();
        let only: Vec<_> = only.iter().map(|name| IndexName::new(name).unwrap()).collect();
        Export::new(&catalog, &asked, &only)
    }

    fn names(export: &Export) -> Vec<String> {
        export.definitions.indexes.iter().map(|d| d.id.to_string()).collect()
    }

    fn notes(export: &Export) -> Vec<String> {
        export.notes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tables_come_as_they_are_asked_for_and_indexes_by_name() {
        let flights = table("flights", vec![index("b-index", &["b"]), index("a-index", &["a"])]);
        let bookings = table("bookings", vec![index("c-index", &["c", "d"])]);
        let asked = ["flights", "bookings", "flights"];
        let all = export(vec![bookings.clone(), flights.clone()], &asked, &[]);
        assert_eq!(names(&all), ["flights.a-index", "flights.b-index", "bookings.c-index"]);
        assert!(all.notes.is_empty() && all.is_whole());

        let some = export(vec![bookings, flights], &asked, &["c-index", "b-index"]);
        assert_eq!(names(&some), ["flights.b-index", "bookings.c-index"]);
        assert!(some.notes.is_empty() && some.is_whole());
    }

    #[test]
    fn what_definitions_cannot_say_is_said_beside_them() {
        let mut building = index("building-index", &["a"]);
        building.status = IndexStatus::Creating;
        building.backfilling = true;
        let mut deleting = index("deleting-index", &["b"]);
        deleting.status = IndexStatus::Deleting;
        let mut flights = table("flights", vec![building, deleting]);
        flights.local_indexes = vec![IndexName::new("local-index").unwrap()];
        let all = export(vec![flights, table("bookings", vec![])], &["flights", "bookings"], &[]);
        assert_eq!(names(&all), ["flights.building-index"]);
        assert_eq!(
            notes(&all),
            [
                "flights.building-index: is still being built, and is exported",
                "flights.deleting-index: is being deleted, and is left out",
                "flights: its local secondary index is left out",
                "bookings: the table has no index, and is left out",
            ]
        );
        assert!(all.is_whole());
        let yaml = all.definitions.to_text(Format::Yaml, &all.remarks);
        assert!(
            yaml.contains("\n  # building-index: CREATING (backfilling)\n  - IndexName"),
            "{yaml}"
        );
    }

    #[test]
    fn an_export_is_whole_where_all_that_was_named_is_there() {
        let bookings = || table("bookings", vec![index("a-index", &["a"])]);
        let missing = export(vec![bookings()], &["bookings", "flights"], &[]);
        assert_eq!(notes(&missing), ["flights: there is no such table"]);
        assert!(!missing.is_whole());

        let unknown = export(vec![bookings()], &["bookings"], &["a-index", "b-index"]);
        assert_eq!(notes(&unknown), ["b-index: none of the tables has this index"]);
        assert!(!unknown.is_whole());

        let nothing = export(vec![table("bookings", vec![])], &["bookings"], &[]);
        assert!(!nothing.is_whole() && !nothing.notes[0].is_failure());
    }

    #[test]
    fn throughput_that_cannot_be_asked_for_is_left_out() {
        let mut index = index("a-index", &["a"]);
        let units = |read, write| ProvisionedThroughput {
            read_capacity_units: read,
            write_capacity_units: write,
        };
        let limits = |read| OnDemandThroughput {
            max_read_request_units: Some(read),
            max_write_request_units: Some(-1),
        };
        index.provisioned_throughput = Some(units(5, 5));
        index.on_demand_throughput = Some(limits(100));
        index.warm_throughput = Some(warm(83_411, 41_000));
        let mut table = table("bookings", vec![]);
        let on_demand = IndexDefinition::of(&table, &index);
        assert_eq!(on_demand.provisioned_throughput, None);
        let exported = on_demand.on_demand_throughput.unwrap();
        assert_eq!(exported.max_read_request_units, Some(100));
        assert_eq!(exported.max_write_request_units, None);
        assert_eq!(on_demand.warm_throughput, None);
        index.on_demand_throughput = Some(limits(-1));
        assert_eq!(IndexDefinition::of(&table, &index).on_demand_throughput, None);

        table.billing_mode = BillingMode::Provisioned;
        let provisioned = IndexDefinition::of(&table, &index);
        assert_eq!(provisioned.provisioned_throughput, Some(units(5, 5)));
        assert_eq!(provisioned.on_demand_throughput, None);
        index.provisioned_throughput = Some(units(0, 5));
        assert_eq!(IndexDefinition::of(&table, &index).provisioned_throughput, None);
    }

    fn warm(reads: u64, writes: u64) -> WarmThroughput {
        let (reads, writes) = (Some(reads), Some(writes));
        WarmThroughput { read_units_per_second: reads, write_units_per_second: writes }
    }

    #[test]
    fn what_dynamodb_computed_stands_in_a_comment_where_it_is_more_than_any_index_has() {
        let with =
            |warm| IndexDescription { warm_throughput: Some(warm), ..index("w-index", &["w"]) };
        let yaml = |warm| {
            let all = export(vec![table("flights", vec![with(warm)])], &["flights"], &[]);
            all.definitions.to_text(Format::Yaml, &all.remarks)
        };
        assert!(!yaml(warm(12_000, 4_000)).contains("warm"), "that is every index's");
        let told = "\n  # w-index: warm for 83411 reads and 4000 writes a second, which no \
                    definition needs: WarmThroughput is left out\n  - IndexName";
        assert!(yaml(warm(83_411, 4_000)).contains(told), "{}", yaml(warm(83_411, 4_000)));
    }

    #[test]
    fn a_vector_index_is_left_out_and_named() {
        let mut docs = table("docs", vec![index("a-index", &["a"])]);
        docs.vector_indexes = vec![VectorIndexDescription {
            name: IndexName::new("by-meaning").unwrap(),
            status: IndexStatus::Creating,
            backfilling: true,
            attribute: None,
            dimensions: None,
            distance: None,
        }];
        let all = export(vec![docs.clone()], &["docs"], &[]);
        assert_eq!(notes(&all), ["docs.by-meaning: is a vector index, and is left out"]);
        let yaml = all.definitions.to_text(Format::Yaml, &all.remarks);
        assert!(
            yaml.starts_with("# docs: ACTIVE; by-meaning is a vector index, and is left out\n")
        );
        let named = export(vec![docs], &["docs"], &["a-index", "by-meaning"]);
        assert_eq!(notes(&named), notes(&all), "it is there, and cannot be exported");
    }

    /// Two tables that show all that a writer has to do.
    fn example() -> Export {
        let mut odd = index("no-index", &["no", "user:id"]);
        let included = ["-1", "naïve", "two\nlines", "seat"].map(str::to_owned).into();
        odd.projection = Projection::Include { non_key_attributes: included };
        odd.provisioned_throughput =
            Some(ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 10 });
        let mut flights = table("flights", vec![odd, index("a-index", &["a"])]);
        flights.billing_mode = BillingMode::Provisioned;
        flights.attributes = BTreeMap::from([
            ("a".to_owned(), ScalarType::N),
            ("no".to_owned(), ScalarType::S),
            ("user:id".to_owned(), ScalarType::B),
        ]);
        let mut dotted = table("a.1", vec![index("b-index", &["b"])]);
        dotted.status = TableStatus::Updating;
        dotted.indexes[0].status = IndexStatus::Creating;
        export(vec![flights, dotted], &["flights", "a.1"], &[])
    }

    #[test]
    fn an_export_in_yaml() {
        let Export { definitions, remarks, .. } = example();
        insta::assert_snapshot!(definitions.to_text(Format::Yaml, &remarks));
    }

    #[test]
    fn an_export_in_toml() {
        let Export { definitions, remarks, .. } = example();
        insta::assert_snapshot!(definitions.to_text(Format::Toml, &remarks));
    }
}
