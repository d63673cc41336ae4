//! A directory, and AWS beside it.

use gsictl_fake::{ControlPlane, Fake, FakeTable, RecordedCall};
use serde_json::Value;

use crate::world::{Done, Running, STATE, World, one_index};

/// Where the caller is, and where a replica is.
pub(crate) const HOME: &str = "eu-west-1";
pub(crate) const OTHER: &str = "us-east-1";
/// Of AWS's seconds in one of ours: an index is built in five and a half.
const SCALE: f64 = 100.0;
/// The definitions of most tests.
const DEFS: &str = "defs.yaml";

/// AWS, an account of a real one's form: polled as AWS is.
pub(crate) fn aws() -> ControlPlane {
    ControlPlane::new(HOME)
}

/// The same in an account that emulators have: polled every second, where AWS is every ten.
pub(crate) fn quick() -> ControlPlane {
    aws().with_account("000000000000")
}

/// An on-demand table with the key `id`.
pub(crate) fn table(name: &str) -> FakeTable {
    FakeTable::on_demand(name).key("id", "S")
}

/// The same in two regions.
pub(crate) fn global(name: &str) -> FakeTable {
    table(name).in_regions(&[HOME, OTHER])
}

/// A world whose every command reaches the fake.
pub(crate) struct OnAws {
    pub(crate) fake: Fake,
    pub(crate) world: World,
}

impl OnAws {
    /// With definitions of one index on `email` for each of the tables.
    pub(crate) fn new(plane: ControlPlane, tables: &[&str]) -> Self {
        let yaml =
            tables.iter().map(|table| format!("{table}:\n{}", one_index("by-email", "email", "S")));
        Self::with_definitions(plane, &yaml.collect::<String>())
    }

    pub(crate) fn with_definitions(plane: ControlPlane, yaml: &str) -> Self {
        let fake = Fake::start(plane, SCALE).unwrap();
        let mut world = World::new();
        for (name, value) in fake.environment() {
            world.set(name, &value);
        }
        world.write(DEFS, yaml.as_bytes());
        Self { fake, world }
    }

    /// The program with these arguments, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.world.run(args)
    }

    /// `apply` for people, to its end.
    pub(crate) fn apply(&self, more: &[&str]) -> Done {
        self.run(&[&["apply", DEFS], more].concat())
    }

    /// `apply` for programs: one event a line.
    pub(crate) fn start_apply(&self, more: &[&str]) -> Running {
        self.world.start(&[&["apply", DEFS, "--output", "json"], more].concat())
    }

    /// The calls that change something, with what they were told.
    pub(crate) fn changes(&self) -> Vec<RecordedCall> {
        self.fake.calls_of("UpdateTable")
    }

    /// Those of them that were done.
    pub(crate) fn done(&self) -> usize {
        self.changes().iter().filter(|call| call.refused.is_none()).count()
    }

    /// The codes of those that were not.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.changes().into_iter().filter_map(|call| call.refused).collect()
    }

    /// How often a region was described.
    pub(crate) fn described(&self, region: &str) -> usize {
        let calls = self.fake.calls_of("DescribeTable");
        calls.iter().filter(|call| call.region == region).count()
    }

    /// The state, wherever it is: the file, or the newest archive.
    pub(crate) fn state(&self) -> Value {
        if self.world.exists(STATE) {
            return self.world.state();
        }
        let archives = self.world.named(".gsi_creation_state_");
        self.world.json(archives.last().expect("there is neither a state nor an archive"))
    }

    /// Every index of the table in that region, with its status.
    pub(crate) fn indexes(&self, region: &str, table: &str) -> Vec<(String, String)> {
        self.fake.indexes(region, table).into_iter().collect()
    }
}

/// The entry of `table.by-email`.
pub(crate) fn entry(state: &Value, table: &str) -> Value {
    entry_of(state, table, "by-email").0
}

/// The entry of an index, and what this program adds to it.
pub(crate) fn entry_of(state: &Value, table: &str, index: &str) -> (Value, Value) {
    let key = format!("{table}.{index}");
    (state["gsis"][&key].clone(), state["gsictl"]["entries"][&key].clone())
}
