//! What the tests of the state share.

use std::path::PathBuf;

use super::{Attempt, State, Step};
use crate::definition::{Definitions, IndexDefinition, Projection};
use crate::name::{IndexId, IndexName, TableName};
use crate::time::Timestamp;

pub(super) fn id(table: &str, index: &str) -> IndexId {
    IndexId::new(TableName::new(table).unwrap(), IndexName::new(index).unwrap())
}

/// Seconds after an arbitrary beginning.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_770_000_000_000 + seconds * 1000)
}

pub(super) fn definitions(ids: &[IndexId]) -> Definitions {
    let definition = |id: &IndexId| IndexDefinition::new(id.clone(), [], Projection::All);
    Definitions { indexes: ids.iter().map(definition).collect() }
}

pub(super) fn state(ids: &[IndexId]) -> State {
    let mut state = State::new("airline.yaml", at(0), "4f6c1d2e9a7b4c03".to_owned());
    state.enlist(&definitions(ids));
    state
}

pub(super) fn attempt(n: i64) -> Attempt {
    Attempt {
        at: at(n),
        kind: "Throttled".to_owned(),
        message: format!("ThrottlingException: slow down ({n})"),
        strategy: "exponential backoff".to_owned(),
        delay_seconds: 30,
    }
}

pub(super) fn intend(seconds: i64, table_id: Option<&str>) -> Step {
    Step::Intend {
        at: at(seconds),
        table_id: table_id.map(str::to_owned),
        spec: "sha256:2e".to_owned(),
    }
}

pub(super) fn seen_active(seconds: i64, table_id: Option<&str>) -> Step {
    Step::SeenActive { at: at(seconds), table_id: table_id.map(str::to_owned) }
}

pub(super) fn seen_building(table_id: Option<&str>) -> Step {
    Step::SeenBuilding { table_id: table_id.map(str::to_owned) }
}

pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/state");
    let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

pub(super) fn file(name: &str) -> Vec<u8> {
    let found = files("").into_iter().find(|path| path.ends_with(name));
    std::fs::read(found.expect("a file of tests/state")).unwrap()
}
