//! A table: what it is, its regions, and what keeps it busy.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Elapsed;
use crate::model::history::Timeline;
use crate::model::index::{FakeIndex, KeyPart, Units};
use crate::model::items::{ItemKey, ItemStore};
use crate::model::life::IndexLife;
use crate::model::settings::ServiceTimes;

/// How a table is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing {
    OnDemand,
    Provisioned,
}

/// A table in one of its regions.
#[derive(Clone, Debug)]
pub(crate) struct RegionSeat {
    pub(crate) region: String,
    /// As a replica it is CREATING until then.
    pub(crate) ready: Elapsed,
    /// It takes part from then on.
    pub(crate) from: Elapsed,
    /// DELETING from, and gone at.
    pub(crate) leaving: Option<(Elapsed, Elapsed)>,
    /// A status that the table has there whatever it does; `ACTIVE` ends it.
    pub(crate) status: Timeline<String>,
    /// Overrides [`ServiceTimes::backfill`] there.
    pub(crate) backfill: Option<Option<Duration>>,
}

impl RegionSeat {
    pub(crate) fn new(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ready: Elapsed::ZERO,
            from: Elapsed::ZERO,
            leaving: None,
            status: Timeline::new("ACTIVE".to_owned()),
            backfill: None,
        }
    }

    pub(crate) fn is_there(&self, at: Elapsed) -> bool {
        self.from <= at && self.leaving.is_none_or(|(_, gone)| at < gone)
    }

    pub(crate) fn replica_status(&self, at: Elapsed) -> String {
        match self.leaving {
            Some((from, _)) if at >= from => "DELETING".to_owned(),
            _ if at < self.ready => "CREATING".to_owned(),
            _ => self.status.at(at),
        }
    }
}

/// A table. Without a region it stands in the first one of its control plane.
///
/// ```
/// use gsictl_fake::{FakeIndex, FakeTable};
/// let table = FakeTable::provisioned("orders", 5, 5)
///     .key("id", "S")
///     .index(FakeIndex::new("by-email").key("email", "S"))
///     .in_regions(&["eu-west-1", "us-east-1"]);
/// ```
#[derive(Clone, Debug)]
pub struct FakeTable {
    pub(crate) name: String,
    /// Another account's, if it is one.
    pub(crate) account: Option<String>,
    pub(crate) keys: Vec<KeyPart>,
    pub(crate) billing: Timeline<Billing>,
    pub(crate) units: Timeline<Units>,
    pub(crate) decreases: Vec<Elapsed>,
    pub(crate) autoscaled_writes: bool,
    pub(crate) seats: Vec<RegionSeat>,
    pub(crate) indexes: Vec<FakeIndex>,
    /// CREATING from, and ready at.
    pub(crate) creation: (Elapsed, Elapsed),
    /// DELETING from, and gone at.
    pub(crate) removal: Option<(Elapsed, Elapsed)>,
    /// UPDATING for another reason than an index.
    pub(crate) busy: Vec<(Elapsed, Elapsed)>,
    /// When it was changed: descriptions may be late.
    pub(crate) changed: Vec<Elapsed>,
    pub(crate) allocation: Option<Duration>,
    pub(crate) backfill: Option<Option<Duration>>,
    /// What a description counts, where it is not what the fake holds.
    pub(crate) counts: Option<(u64, u64)>,
    pub(crate) store: ItemStore,
    /// Items and bytes, as they were counted last.
    pub(crate) counted: Timeline<(u64, u64)>,
    pub(crate) id: Option<String>,
    /// Further members of its description, as they are.
    pub(crate) members: Map<String, Value>,
}

impl FakeTable {
    /// Paid per request.
    #[must_use]
    pub fn on_demand(name: &str) -> Self {
        Self::new(name, Billing::OnDemand, Units::default())
    }

    /// With so many units.
    #[must_use]
    pub fn provisioned(name: &str, read: u64, write: u64) -> Self {
        Self::new(name, Billing::Provisioned, Units { read, write })
    }

    pub(crate) fn new(name: &str, billing: Billing, units: Units) -> Self {
        Self {
            name: name.to_owned(),
            account: None,
            keys: Vec::new(),
            billing: Timeline::new(billing),
            units: Timeline::new(units),
            decreases: Vec::new(),
            autoscaled_writes: false,
            seats: Vec::new(),
            indexes: Vec::new(),
            creation: (Elapsed::ZERO, Elapsed::ZERO),
            removal: None,
            busy: Vec::new(),
            changed: Vec::new(),
            allocation: None,
            backfill: None,
            counts: None,
            store: ItemStore::default(),
            counted: Timeline::new((0, 0)),
            id: None,
            members: Map::new(),
        }
    }

    /// The HASH attribute.
    #[must_use]
    pub fn key(self, attribute: &str, scalar: &str) -> Self {
        self.part(attribute, "HASH", scalar)
    }

    /// The RANGE attribute.
    #[must_use]
    pub fn sorted_by(self, attribute: &str, scalar: &str) -> Self {
        self.part(attribute, "RANGE", scalar)
    }

    /// An index that has been there all along.
    #[must_use]
    pub fn index(mut self, index: FakeIndex) -> Self {
        self.indexes.push(index);
        self
    }

    /// In these regions: more than one make a global table (2019.11.21).
    #[must_use]
    pub fn in_regions(mut self, regions: &[&str]) -> Self {
        self.seats = regions.iter().map(|region| RegionSeat::new(region)).collect();
        self
    }

    /// Another account's table: only its ARN reaches it.
    #[must_use]
    pub fn of_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Application Auto Scaling sets its write units.
    #[must_use]
    pub fn autoscaled(mut self) -> Self {
        self.autoscaled_writes = true;
        self
    }

    /// What descriptions count, whatever items the fake holds.
    #[must_use]
    pub fn counting(mut self, items: u64, bytes: u64) -> Self {
        self.counts = Some((items, bytes));
        self
    }

    /// Items that are there from the beginning, in DynamoDB's JSON. The keys of the table
    /// come first.
    ///
    /// # Panics
    /// Where one is no item of this table: the test is wrong.
    #[must_use]
    pub fn items(mut self, items: impl IntoIterator<Item = Value>) -> Self {
        for item in items {
            let Value::Object(item) = item else { panic!("no item: {item}") };
            assert!(ItemKey::of(&item, &self.keys).is_some(), "an item without its key: {item:?}");
            self.store.put(&self.keys, item);
        }
        self
    }

    /// Its builds take this long, in AWS's seconds.
    #[must_use]
    pub fn building_for(mut self, allocation: u64, backfill: u64) -> Self {
        self.allocation = Some(Duration::from_secs(allocation));
        self.backfill = Some(Some(Duration::from_secs(backfill)));
        self
    }

    /// Its builds never end.
    #[must_use]
    pub fn never_built(mut self) -> Self {
        self.backfill = Some(None);
        self
    }

    /// Its builds never end in that region, which has to be one of the table's already.
    #[must_use]
    pub fn never_built_in(mut self, region: &str) -> Self {
        for seat in self.seats.iter_mut().filter(|seat| seat.region == region) {
            seat.backfill = Some(None);
        }
        self
    }

    /// A member of its description more, or another value of one.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn part(mut self, attribute: &str, role: &str, scalar: &str) -> Self {
        self.keys.push(KeyPart::new(attribute, role, scalar));
        self
    }

    /// Gives it a region and an identity, where it has none, and its indexes their lives.
    pub(crate) fn settle(mut self, region: &str, id: String) -> Self {
        if self.seats.is_empty() {
            self.seats.push(RegionSeat::new(region));
        }
        self.id.get_or_insert(id);
        self.counted = Timeline::new(self.store.count());
        for index in &mut self.indexes {
            for seat in &self.seats {
                index.lives.entry(seat.region.clone()).or_insert_with(IndexLife::of_old);
            }
        }
        self
    }

    pub(crate) fn seat(&self, region: &str, at: Elapsed) -> Option<&RegionSeat> {
        let there = at >= self.creation.0 && self.removal.is_none_or(|(_, gone)| at < gone);
        self.seats.iter().filter(|_| there).find(|seat| seat.region == region && seat.is_there(at))
    }

    pub(crate) fn key_names(&self) -> Vec<&str> {
        self.keys.iter().map(|key| &*key.name).collect()
    }

    pub(crate) fn is_global(&self, at: Elapsed) -> bool {
        self.seats.iter().filter(|seat| seat.is_there(at)).count() > 1
    }

    /// Whether a replica comes or goes.
    pub(crate) fn replicas_change(&self, at: Elapsed) -> bool {
        let there = self.seats.iter().filter(|seat| seat.is_there(at));
        there.into_iter().any(|seat| matches!(&*seat.replica_status(at), "CREATING" | "DELETING"))
    }

    pub(crate) fn is_busy(&self, at: Elapsed) -> bool {
        self.busy.iter().any(|(from, until)| (*from..*until).contains(&at))
    }

    pub(crate) fn status(&self, region: &str, at: Elapsed) -> String {
        let fixed = self.seat(region, at).map(|seat| seat.status.at(at));
        if self.removal.is_some_and(|(from, _)| at >= from) {
            return "DELETING".to_owned();
        }
        if at < self.creation.1 {
            return "CREATING".to_owned();
        }
        if let Some(fixed) = fixed.filter(|fixed| fixed != "ACTIVE") {
            return fixed;
        }
        let of_index = self.indexes.iter().any(|i| i.phase(region, at).updates_the_table());
        let status = if of_index || self.is_busy(at) { "UPDATING" } else { "ACTIVE" };
        status.to_owned()
    }

    /// Whether anything goes on that counts as one of the account's table operations.
    pub(crate) fn is_in_operation(&self, at: Elapsed) -> bool {
        let gone = self.removal.is_some_and(|(_, gone)| at >= gone);
        let indexes = self.indexes.iter().any(|index| index.is_in_flight(at));
        !gone && (indexes || self.is_busy(at) || at < self.creation.1 || self.removal.is_some())
    }

    /// The moment that a description at `now` tells of, where changes are seen late.
    pub(crate) fn seen(&self, now: Elapsed, times: &ServiceTimes) -> Elapsed {
        let late = |changed: &&Elapsed| **changed <= now && now < **changed + times.late;
        let first = self.changed.iter().filter(late).min();
        first.map_or(now, |changed| changed.saturating_sub(Duration::from_nanos(1)))
    }

    /// How long a build in that region backfills; `None` for ever.
    pub(crate) fn backfill_in(&self, seat: &RegionSeat, usual: Duration) -> Option<Duration> {
        seat.backfill.or(self.backfill).unwrap_or(Some(usual))
    }

    /// The lives of an index that is created or has been asked for now, by region.
    pub(crate) fn lives(
        &self,
        now: Elapsed,
        base: &str,
        backfill: Duration,
        times: &ServiceTimes,
    ) -> BTreeMap<String, IndexLife> {
        let global = self.is_global(now);
        let there = self.seats.iter().filter(|seat| seat.is_there(now));
        let life = |seat: &RegionSeat| {
            let built = self.backfill_in(seat, backfill);
            let mut life = if global {
                IndexLife::of_fan_out(now, times, seat.region == base)
            } else {
                let allocation = self.allocation.unwrap_or(times.allocation);
                IndexLife::of_create(now, allocation, built)
            };
            if global && (built.is_none() || seat.backfill.or(self.backfill).is_some()) {
                life.active = built.map(|built| life.allocated + built);
            }
            (seat.region.clone(), life)
        };
        there.map(life).collect()
    }
}
