//! Whole tables: made, deleted, listed, and what the account may have.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::index::{FakeIndex, Units};
use crate::model::table::{Billing, FakeTable};
use crate::model::throughput::units_of;
use crate::model::{ControlPlane, list, text};
use crate::refusal::{AwsRefusal, in_use, invalid_value};

impl ControlPlane {
    pub(crate) fn create_table(
        &mut self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let name = text(body, "TableName");
        if self.find(now, region, name).is_ok() {
            let message = format!("Table already exists: {name}");
            return Err(AwsRefusal::new("ResourceInUseException", message));
        }
        let mut table = table_of(body)?.in_regions(&[region]);
        table.seats[0].from = now;
        table.creation = (now, now + self.times.table_creation);
        table.changed.push(now);
        self.add(table);
        let place = self.tables.len() - 1;
        Ok(json!({ "TableDescription": self.tell(place, region, now) }))
    }

    pub(crate) fn delete_table(
        &mut self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let name = text(body, "TableName");
        let place = self.find(now, region, name)?;
        let table = &mut self.tables[place];
        match &*table.status(region, now) {
            "CREATING" => return Err(in_use(format!("Table is being created: {name}"))),
            "DELETING" => return Err(in_use(format!("Table is being deleted: {name}"))),
            "UPDATING" => return Err(in_use(format!("Table is being updated: {name}"))),
            _ => {}
        }
        if table.indexes.iter().any(|index| index.is_in_flight(now)) {
            let what = format!("Table is being indexed. Table: {name}");
            return Err(in_use(what));
        }
        table.removal = Some((now, now + self.times.table_deletion));
        table.changed.push(now);
        Ok(json!({ "TableDescription": self.tell(place, region, now) }))
    }

    pub(crate) fn list_tables(&self, now: Elapsed, region: &str) -> Value {
        let own = self.tables.iter().filter(|table| table.account.is_none());
        let there = own.filter(|table| table.seat(region, now).is_some());
        let mut names: Vec<_> = there.map(|table| &table.name).collect();
        names.sort();
        json!({ "TableNames": names })
    }

    pub(crate) fn describe_limits(&self) -> Value {
        let limits = &self.limits;
        json!({
            "AccountMaxReadCapacityUnits": limits.units_per_account,
            "AccountMaxWriteCapacityUnits": limits.units_per_account,
            "TableMaxReadCapacityUnits": limits.units_per_index,
            "TableMaxWriteCapacityUnits": limits.units_per_index,
        })
    }
}

/// A table as CreateTable writes it.
///
/// # Errors
/// A provisioned one without units.
pub(crate) fn table_of(body: &Value) -> Result<FakeTable, AwsRefusal> {
    let billing = if text(body, "BillingMode") == "PAY_PER_REQUEST" {
        Billing::OnDemand
    } else {
        Billing::Provisioned
    };
    let units = units_of(&body["ProvisionedThroughput"]);
    if billing == Billing::Provisioned && units.is_none() {
        let what = "ReadCapacityUnits and WriteCapacityUnits must both be specified when \
                    BillingMode is PROVISIONED";
        return Err(invalid_value(what));
    }
    let mut table = FakeTable::new(text(body, "TableName"), billing, units.unwrap_or_default());
    for key in list(body, "KeySchema") {
        let attribute = text(key, "AttributeName");
        let scalar = scalar(body, attribute);
        table = table.part(attribute, text(key, "KeyType"), &scalar);
    }
    for index in list(body, "GlobalSecondaryIndexes") {
        table = table.index(index_of(index, body));
    }
    Ok(table)
}

/// An index as CreateTable and UpdateTable write it; `body` defines its attributes.
pub(crate) fn index_of(create: &Value, body: &Value) -> FakeIndex {
    let mut index = FakeIndex::new(text(create, "IndexName"));
    for key in list(create, "KeySchema") {
        let attribute = text(key, "AttributeName");
        let scalar = scalar(body, attribute);
        index = index.part(attribute, text(key, "KeyType"), &scalar);
    }
    let units = units_of(&create["ProvisionedThroughput"]).unwrap_or_default();
    index = index.units(units.read, units.write);
    if let Some(projection) = create.get("Projection") {
        index.projection = projection.clone();
    }
    index.on_demand = create.get("OnDemandThroughput").cloned();
    if let Some(warm) = create.get("WarmThroughput") {
        let usual = |member: &str, usual| warm[member].as_u64().unwrap_or(usual);
        let (read, write) =
            (usual("ReadUnitsPerSecond", 12_000), usual("WriteUnitsPerSecond", 4_000));
        index.warm = Some(Units { read, write });
    }
    index
}

/// The type that the request gives an attribute.
pub(crate) fn scalar(body: &Value, attribute: &str) -> String {
    let defined = list(body, "AttributeDefinitions").iter();
    let own = |definition: &&Value| text(definition, "AttributeName") == attribute;
    defined.into_iter().find(own).map(|d| text(d, "AttributeType")).unwrap_or_default().to_owned()
}
