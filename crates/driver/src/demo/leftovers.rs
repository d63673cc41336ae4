//! What an earlier demo left in its directory, and what others put there.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use gsictl_core::state::{State, Target};

use crate::dynamodb::local::OWN_FILES;
use crate::{file, reports, store};

/// Removes what a demo made in `directory`, and returns the names of what stays: what
/// has another name, what is no plain file (links lead out of the directory, and are
/// neither followed nor removed), and states and reports of other places than the
/// embedded engine. `database` is the name of the engine's file, `texts` are the names
/// and texts of the definitions, which stay where they are as this version writes them.
///
/// # Errors
/// What the operating system says; what was removed by then is gone.
pub fn remove_leftovers(
    directory: &Path,
    database: &str,
    texts: &[(&str, &str)],
) -> io::Result<Vec<String>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), name(&entry));
        let of_database = name.strip_prefix(database).is_some_and(|end| OWN_FILES.contains(&end));
        let same_text = || {
            texts
                .iter()
                .any(|(text_name, text)| *text_name == name && holds(&path, text.as_bytes()))
        };
        if name == reports::DIRECTORY && entry.file_type()?.is_dir() {
            left.extend(remove_reports(&path)?);
        } else if is_plain(&path) && (of_database || is_state(&name) && is_of_demo(&path)) {
            fs::remove_file(path)?;
        } else if !(is_kept(&name) && is_plain(&path) || same_text()) {
            left.push(name);
        }
    }
    left.sort();
    Ok(left)
}

fn name(entry: &DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}

fn is_plain(path: &Path) -> bool {
    file::plain(path).is_ok_and(|there| there.is_some())
}

fn holds(path: &Path, text: &[u8]) -> bool {
    file::read(path, text.len() as u64).is_ok_and(|bytes| bytes.as_deref() == Some(text))
}

/// Locks are held while this runs, and are nobody's work.
fn is_kept(name: &str) -> bool {
    [store::LOCK_FILE, store::CHECK_LOCK_FILE].contains(&name)
}

/// The state, and its archives.
fn is_state(name: &str) -> bool {
    name == store::STATE_FILE || store::file::is_archive(name)
}

/// A state that says that it is about the embedded engine. One that is about AWS is
/// all that says which indexes somebody made there.
fn is_of_demo(path: &Path) -> bool {
    let bytes = file::read(path, store::MAX_BYTES).ok().flatten();
    let state = bytes.and_then(|bytes| State::parse(&bytes).ok());
    state.is_some_and(|state| is_embedded(state.target()))
}

fn is_embedded(target: &Target) -> bool {
    target.endpoint.as_ref().is_some_and(|endpoint| endpoint.host().is_none())
}

/// Removes the reports of the embedded engine, and the directory where nothing is left
/// in it.
fn remove_reports(directory: &Path) -> io::Result<Vec<String>> {
    let entries: Vec<_> = fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    for entry in &entries {
        let path = entry.path();
        if reports::target(&path).is_some_and(|target| is_embedded(&target)) {
            let markdown = path.with_extension("md");
            if is_plain(&markdown) {
                fs::remove_file(markdown)?;
            }
            fs::remove_file(path)?;
        }
    }
    let there = entries.iter().filter(|entry| entry.path().symlink_metadata().is_ok());
    let left: Vec<_> =
        there.map(|entry| format!("{}/{}", reports::DIRECTORY, name(entry))).collect();
    if left.is_empty() {
        fs::remove_dir(directory)?;
    }
    Ok(left)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use gsictl_core::endpoint::Endpoint;
    use gsictl_core::time::Timestamp;

    use super::*;

    const TEXTS: [(&str, &str); 1] = [("a.yaml", "bookings: []")];
    const ARCHIVE: &str = ".gsi_creation_state_20260201_103000.json";

    fn state(endpoint: &str) -> Vec<u8> {
        let now = Timestamp::from_millis(0);
        let mut state = State::new("a.yaml", now, "lineage".to_owned());
        let endpoint = Some(Endpoint::read(endpoint));
        state.set_target(Target { endpoint, ..Target::default() });
        state.render(now).bytes
    }

    fn report(endpoint: &str) -> String {
        format!(
            r#"{{"tool":"gsictl 0.1.0","format":1,"command":"apply","ended_at":"2026-02-01T10:30:00Z",
            "target":{{"account":null,"region":"local","endpoint":"{endpoint}"}}}}"#
        )
    }

    #[test]
    fn only_what_a_demo_made_is_removed_and_the_rest_is_named() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("demo");
        let reports = dir.join(reports::DIRECTORY);
        fs::create_dir_all(&reports).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
        for name in ["db", "db-wal", "db-shm", "db-journal", "db.lock", "db.backup", "notes"] {
            write(name, b"");
        }
        write("a.yaml", TEXTS[0].1.as_bytes());
        write(store::STATE_FILE, &state("/x/demo/db"));
        write(ARCHIVE, &state("https://dynamodb.eu-central-1.amazonaws.com"));
        write(store::LOCK_FILE, b"");
        write(".gsi_creation_state_notes.txt", b"mine");
        fs::write(reports.join("apply_1.json"), report("/x/demo/db")).unwrap();
        fs::write(reports.join("apply_1.md"), "").unwrap();
        fs::write(reports.join("apply_2.json"), report("http://127.0.0.1:8000")).unwrap();
        fs::write(reports.join("other.json"), "{}").unwrap();

        let left = remove_leftovers(&dir, "db", &TEXTS).unwrap();
        let directory = reports::DIRECTORY;
        let stay = [
            ".gsi_creation_state_20260201_103000.json".to_owned(),
            ".gsi_creation_state_notes.txt".to_owned(),
            "db.backup".to_owned(),
            format!("{directory}/apply_2.json"),
            format!("{directory}/other.json"),
            "notes".to_owned(),
        ];
        assert_eq!(left, stay);
        assert!(stay.iter().all(|name| dir.join(name).exists()));
        let gone =
            ["db", "db-wal", "db.lock", store::STATE_FILE, "gsi_creation_reports/apply_1.md"];
        assert!(gone.iter().all(|name| !dir.join(name).exists()));
        assert!(dir.join("a.yaml").exists() && dir.join(store::LOCK_FILE).exists());
    }

    #[test]
    fn no_link_leads_out_of_the_directory() {
        let place = tempfile::tempdir().unwrap();
        let (dir, outside) = (place.path().join("demo"), place.path().join("outside"));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("apply_1.json"), report("/x/demo/db")).unwrap();
        fs::write(outside.join("state.json"), state("/x/demo/db")).unwrap();
        symlink(&outside, dir.join(reports::DIRECTORY)).unwrap();
        symlink(outside.join("state.json"), dir.join(store::STATE_FILE)).unwrap();
        fs::hard_link(outside.join("state.json"), dir.join("db")).unwrap();
        let left = remove_leftovers(&dir, "db", &[]).unwrap();
        assert_eq!(left, [store::STATE_FILE, "db", reports::DIRECTORY]);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
    }
}
