//! A control plane written down: YAML or JSON, in AWS's own names where it has any.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::ControlPlane;
use crate::model::index::FakeIndex;
use crate::model::script::Scripted;
use crate::model::settings::{ServiceLimits, ServiceTimes};
use crate::model::tables::{index_of, table_of};

/// What a world file says. [`WorldFile::read`] reads one, [`WorldFile::plane`] makes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct WorldFile {
    /// Of AWS's seconds in one of ours; 60 where it is left out.
    pub scale: Option<f64>,
    /// Where it listens; a free one where it is left out.
    pub port: Option<u16>,
    account: Option<String>,
    region: Option<String>,
    times: WorldTimes,
    limits: WorldLimits,
    tables: Vec<WorldTable>,
    denied: Vec<WorldDenial>,
    refusals: Vec<WorldRefusal>,
    events: Vec<WorldEvent>,
}

/// In AWS's seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct WorldTimes {
    allocation: Option<u64>,
    backfill: Option<u64>,
    deletion: Option<u64>,
    index_update: Option<u64>,
    late: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct WorldLimits {
    change_burst: Option<f64>,
    changes_per_second: Option<f64>,
    table_operations: Option<usize>,
    indexes_per_table: Option<usize>,
    units_per_index: Option<u64>,
    units_per_account: Option<u64>,
}

/// A table as CreateTable has it, and more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldTable {
    table_name: String,
    key_schema: Value,
    attribute_definitions: Value,
    #[serde(default)]
    billing_mode: Option<String>,
    #[serde(default)]
    provisioned_throughput: Value,
    #[serde(default)]
    global_secondary_indexes: Vec<Value>,
    #[serde(default)]
    vector_indexes: Vec<Value>,
    /// More than one make a global table.
    #[serde(default)]
    regions: Vec<String>,
    /// Another account's.
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    item_count: Option<u64>,
    #[serde(default)]
    table_size_bytes: Option<u64>,
    #[serde(default)]
    never_built: bool,
    /// Where builds never end.
    #[serde(default)]
    never_built_in: Vec<String>,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldDenial {
    action: String,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    region: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldRefusal {
    operation: String,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    region: Option<String>,
    /// How often; always where it is left out.
    #[serde(default)]
    times: Option<u32>,
    code: String,
    #[serde(default)]
    message: String,
}

/// What others do, in AWS's seconds after the beginning. One of the last four.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldEvent {
    after: u64,
    table: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    create: Option<WorldIndex>,
    #[serde(default)]
    delete: Option<String>,
    #[serde(default)]
    update: Option<WorldUpdate>,
}

/// An index on one attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldIndex {
    index_name: String,
    attribute_name: String,
    #[serde(default)]
    attribute_type: Option<String>,
}

/// The throughput of an index, which is being changed for so many of AWS's seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WorldUpdate {
    index_name: String,
    seconds: u64,
}

impl WorldFile {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    /// What is wrong with it and where, for people.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    /// The control plane that it describes.
    ///
    /// # Errors
    /// A table that AWS would not make, in AWS's words.
    pub fn plane(self) -> Result<ControlPlane, String> {
        let region = self.region.unwrap_or_else(|| "us-east-1".to_owned());
        let mut plane = ControlPlane::new(&region);
        if let Some(account) = &self.account {
            plane = plane.with_account(account);
        }
        self.times.change(&mut plane.times);
        self.limits.change(&mut plane.limits);
        for table in self.tables {
            table.add_to(&mut plane, &region)?;
        }
        for denial in self.denied {
            plane.access.deny_there(denial.action, denial.table, denial.region);
        }
        for refusal in self.refusals {
            plane.script(refusal.scripted());
        }
        Ok(self.events.into_iter().fold(plane, |plane, event| event.add_to(plane)))
    }
}

impl WorldTimes {
    fn change(&self, times: &mut ServiceTimes) {
        let places = [
            (self.allocation, &mut times.allocation),
            (self.backfill, &mut times.backfill),
            (self.deletion, &mut times.deletion),
            (self.index_update, &mut times.index_update),
            (self.late, &mut times.late),
        ];
        for (seconds, place) in places {
            if let Some(seconds) = seconds {
                *place = Duration::from_secs(seconds);
            }
        }
    }
}

impl WorldLimits {
    fn change(&self, limits: &mut ServiceLimits) {
        fn set<T>(value: Option<T>, place: &mut T) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(self.change_burst, &mut limits.change_burst);
        set(self.changes_per_second, &mut limits.changes_per_second);
        set(self.table_operations, &mut limits.table_operations);
        set(self.indexes_per_table, &mut limits.indexes_per_table);
        set(self.units_per_index, &mut limits.units_per_index);
        set(self.units_per_account, &mut limits.units_per_account);
    }
}

impl WorldTable {
    fn add_to(self, plane: &mut ControlPlane, region: &str) -> Result<(), String> {
        let body = json!({
            "TableName": self.table_name,
            "KeySchema": self.key_schema,
            "AttributeDefinitions": self.attribute_definitions,
            "BillingMode": self.billing_mode.as_deref().unwrap_or("PAY_PER_REQUEST"),
            "ProvisionedThroughput": self.provisioned_throughput,
        });
        let made = table_of(&body).map_err(|refusal| refusal.message)?;
        let mut regions: Vec<_> = self.regions.iter().map(String::as_str).collect();
        if regions.is_empty() {
            regions.push(region);
        }
        let mut table = made.in_regions(&regions);
        for index in &self.global_secondary_indexes {
            let scaled = index["AutoScaled"].as_bool() == Some(true);
            let index = index_of(index, &body);
            table = table.index(if scaled { index.autoscaled() } else { index });
        }
        for index in &self.vector_indexes {
            let name = crate::model::text(index, "IndexName");
            let attribute = crate::model::text(&index["VectorAttribute"], "AttributeName");
            table = table.index(FakeIndex::vector(name, attribute));
        }
        if let Some(account) = &self.account {
            table = table.of_account(account);
        }
        if let Some(items) = self.item_count {
            table = table.counting(items, self.table_size_bytes.unwrap_or_default());
        }
        if self.never_built {
            table = table.never_built();
        }
        for region in &self.never_built_in {
            table = table.never_built_in(region);
        }
        plane.add(table.items(self.items));
        Ok(())
    }
}

impl WorldRefusal {
    fn scripted(self) -> Scripted {
        let mut scripted = Scripted::on(&self.operation);
        if let Some(table) = &self.table {
            scripted = scripted.of_table(table);
        }
        if let Some(region) = &self.region {
            scripted = scripted.in_region(region);
        }
        if let Some(times) = self.times {
            scripted = scripted.times(times);
        }
        scripted.refuse(&self.code, &self.message)
    }
}

impl WorldEvent {
    fn add_to(self, plane: ControlPlane) -> ControlPlane {
        plane.at(Duration::from_secs(self.after), move |plane, now| {
            let table = &self.table;
            if let Some(status) = &self.status {
                plane.set_status(now, table, status);
            }
            if let Some(create) = &self.create {
                let scalar = create.attribute_type.as_deref().unwrap_or("S");
                let index = FakeIndex::new(&create.index_name).key(&create.attribute_name, scalar);
                plane.create(now, table, index);
            }
            if let Some(index) = &self.delete {
                plane.delete(now, table, index);
            }
            if let Some(update) = &self.update {
                let span = Duration::from_secs(update.seconds);
                plane.keep_updating(now, table, &update.index_name, span);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_of_the_readme_is_read_and_what_it_says_happens() {
        let world = WorldFile::read(include_str!("../world.yaml")).unwrap();
        let mut plane = world.plane().unwrap();
        let ask = |plane: &mut ControlPlane, at, table: &str| {
            plane.catch_up(Duration::from_secs(at));
            let body = json!({ "TableName": table });
            let at = Duration::from_secs(at);
            plane.perform(at, "eu-west-1", "DescribeTable", &body).unwrap()["Table"].clone()
        };
        let orders = ask(&mut plane, 0, "orders");
        assert_eq!(orders["Replicas"][0]["RegionName"], "us-east-1");
        assert_eq!(ask(&mut plane, 0, "carts")["GlobalSecondaryIndexes"][0]["IndexName"], "by-day");
        let carts = ask(&mut plane, 60, "carts");
        assert_eq!(carts["GlobalSecondaryIndexes"][0]["IndexStatus"], "UPDATING");
    }

    #[test]
    fn a_word_that_is_none_is_named() {
        let error = WorldFile::read("Region: eu-west-1\nTabels: []\n").unwrap_err();
        assert!(error.contains("Tabels"), "{error}");
        let table = "Tables: [{ TableName: t, KeySchema: [], AttributeDefinitions: [], \
                     BillingMode: PROVISIONED }]";
        let error = WorldFile::read(table).unwrap().plane().unwrap_err();
        assert!(error.contains("must both be specified"), "{error}");
    }
}
