//! UpdateTable: one index created or deleted, or throughput and billing changed.

use serde_json::{Value, json};

use crate::clock::Elapsed;
use crate::model::admit;
use crate::model::index::FakeIndex;
use crate::model::life::IndexPhase;
use crate::model::table::Billing;
use crate::model::tables::index_of;
use crate::model::throughput::{self, units_of};
use crate::model::{ControlPlane, list, text};
use crate::refusal::{
    AwsRefusal, in_use, invalid_value, no_index, not_played, over_limit, slot_taken,
};

/// What this fake knows to change.
const PLAYED: [&str; 6] = [
    "TableName",
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexUpdates",
    "ProvisionedThroughput",
    "VectorIndexUpdates",
];

impl ControlPlane {
    pub(crate) fn update(
        &mut self,
        now: Elapsed,
        region: &str,
        body: &Value,
    ) -> Result<Value, AwsRefusal> {
        let members = body.as_object().into_iter().flatten();
        if let Some((member, _)) = members.into_iter().find(|(m, _)| !PLAYED.contains(&m.as_str()))
        {
            return Err(not_played(&format!("UpdateTable with {member}")));
        }
        let place = self.find(now, region, text(body, "TableName"))?;
        let of_indexes = list(body, "GlobalSecondaryIndexUpdates");
        let of_vectors = list(body, "VectorIndexUpdates");
        let online = of_indexes.iter().chain(of_vectors).filter(|u| u.get("Update").is_none());
        let online: Vec<_> = online.cloned().collect();
        if online.len() > 1 {
            return Err(slot_taken());
        }
        let of_table = ["BillingMode", "ProvisionedThroughput"];
        if !online.is_empty() && of_table.iter().any(|member| body.get(member).is_some()) {
            return Err(not_played("changes of a table and of its indexes in one call"));
        }
        for update in &online {
            if let Some(create) = update.get("Create") {
                self.create_index(now, region, place, create, body)?;
            } else if let Some(delete) = update.get("Delete") {
                self.delete_index(now, region, place, text(delete, "IndexName"))?;
            }
        }
        for update in of_indexes.iter().filter_map(|u| u.get("Update")) {
            self.change_index(now, region, place, update)?;
        }
        if online.is_empty() && of_indexes.is_empty() {
            self.change_table(now, region, place, body)?;
        }
        Ok(json!({ "TableDescription": self.tell(place, region, now) }))
    }

    fn create_index(
        &mut self,
        now: Elapsed,
        region: &str,
        place: usize,
        create: &Value,
        body: &Value,
    ) -> Result<(), AwsRefusal> {
        let (limits, times) = (self.limits, self.times);
        let mut index = index_of(create, body);
        index.is_vector = create.get("VectorAttribute").is_some();
        let table = &self.tables[place];
        if index.is_vector {
            if table.billing.at(now) == Billing::Provisioned {
                return Err(invalid_value("vector indexes need BillingMode PAY_PER_REQUEST"));
            }
            for member in ["VectorAttribute", "Dimensions", "DistanceFunction", "SearchSchema"] {
                if let Some(value) = create.get(member) {
                    index = index.member(member, value.clone());
                }
            }
        } else {
            admit::create_is_sound(table, create, body, now)?;
            throughput::admit(create, table.billing.at(now), &limits, region)?;
        }
        admit::table_is_free(table, region, now)?;
        admit::create(table, region, &index, &limits, now)?;
        admit::writes_scale(table, now)?;
        self.admit_operation(now, region, place)?;
        let own = self.tables.iter().filter(|t| t.account.is_none());
        let more = units_of(&create["ProvisionedThroughput"]).unwrap_or_default();
        throughput::admit_account(own, more, &limits, now)?;
        let table = &mut self.tables[place];
        admit::complete(&mut index, table, now);
        let backfill = if index.is_vector { times.vector_backfill } else { times.backfill };
        index.lives = table.lives(now, region, backfill, &times);
        table.indexes.push(index);
        table.changed.push(now);
        Ok(())
    }

    /// So many tables of the account may be in operation at once.
    fn admit_operation(&self, now: Elapsed, region: &str, place: usize) -> Result<(), AwsRefusal> {
        let others = self.tables.iter().enumerate().filter(|(other, _)| *other != place);
        let here = others.filter(|(_, table)| table.seats.iter().any(|s| s.region == region));
        let busy = here.filter(|(_, table)| table.is_in_operation(now)).count();
        let limit = self.limits.table_operations;
        if busy >= limit {
            return Err(over_limit(format!(
                "Only {limit} tables can be created, updated, or deleted simultaneously"
            )));
        }
        Ok(())
    }

    fn delete_index(
        &mut self,
        now: Elapsed,
        region: &str,
        place: usize,
        name: &str,
    ) -> Result<(), AwsRefusal> {
        let table = &self.tables[place];
        // Deleting what is being built is the one change that an index in flight lets pass.
        let own = table.indexes.iter().find(|index| index.name == name && index.is_there(now));
        let backfilling = own.is_some_and(|own| own.phase(region, now) == IndexPhase::Backfilling);
        if !backfilling {
            admit::table_is_free(table, region, now)?;
        }
        let index = admit::delete(table, region, name, now)?;
        admit::writes_scale(table, now)?;
        let global = table.is_global(now);
        let times = self.times;
        let table = &mut self.tables[place];
        for (seat, life) in &mut table.indexes[index].lives {
            let takes = match (global, seat == region) {
                (false, _) => times.deletion,
                (true, true) => times.fan_out.base_gone,
                (true, false) => times.fan_out.replica_gone,
            };
            life.deletion = Some((now, now + takes));
        }
        table.changed.push(now);
        Ok(())
    }

    /// Another throughput of an index. It is UPDATING meanwhile, and shows the old one.
    fn change_index(
        &mut self,
        now: Elapsed,
        region: &str,
        place: usize,
        update: &Value,
    ) -> Result<(), AwsRefusal> {
        let (limits, times) = (self.limits, self.times);
        let name = text(update, "IndexName");
        let table = &mut self.tables[place];
        admit::table_is_free(table, region, now)?;
        let table_name = table.name.clone();
        let there = |index: &&mut FakeIndex| index.name == name && index.is_there(now);
        let index = table.indexes.iter_mut().find(there);
        let index = index.ok_or_else(|| no_index(&table_name, name))?;
        if index.is_changing(now) || index.phase(region, now).updates_the_table() {
            let what = format!("Index is being updated. Table: {table_name} Index: {name}");
            return Err(in_use(what));
        }
        let Some(wanted) = units_of(&update["ProvisionedThroughput"]) else {
            return Err(not_played("other changes of an index than of its units"));
        };
        let whose = format!("index {name}");
        let has = index.units.last();
        if throughput::admit_change(&whose, has, wanted, &index.decreases, now, &limits)? {
            index.decreases.push(now);
        }
        index.changes.push((now, now + times.index_update));
        index.units.set(now + times.index_update, wanted);
        table.changed.push(now);
        Ok(())
    }

    fn change_table(
        &mut self,
        now: Elapsed,
        region: &str,
        place: usize,
        body: &Value,
    ) -> Result<(), AwsRefusal> {
        let (limits, times) = (self.limits, self.times);
        let table = &mut self.tables[place];
        admit::table_is_free(table, region, now)?;
        let done = now + times.table_update;
        let wanted = units_of(&body["ProvisionedThroughput"]);
        let has = table.units.last();
        match (text(body, "BillingMode"), wanted) {
            ("PAY_PER_REQUEST", _) => table.billing.set(done, Billing::OnDemand),
            (mode, Some(wanted)) => {
                if mode == "PROVISIONED" {
                    table.billing.set(done, Billing::Provisioned);
                } else if throughput::admit_change(
                    "table",
                    has,
                    wanted,
                    &table.decreases,
                    now,
                    &limits,
                )? {
                    table.decreases.push(now);
                }
                table.units.set(done, wanted);
            }
            _ => {
                let what = "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
                            GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is \
                            required";
                return Err(invalid_value(what));
            }
        }
        table.busy.push((now, done));
        table.changed.push(now);
        Ok(())
    }
}
