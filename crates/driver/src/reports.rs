//! Reports on disk: `gsi_creation_reports/` beside the state, two files a run.

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};

use gsictl_core::check::Remembered;
use gsictl_core::encoding::text_of;
use gsictl_core::report::{Document, Glance, NoReport};
use gsictl_core::text::{visible_json, visible_lines};

use crate::file;

/// The directory beside the state.
pub const DIRECTORY: &str = "gsi_creation_reports";

/// The most bytes that are read of a file. A report of ten thousand indexes, each
/// with twenty attempts, has half of it.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Writes `report` as JSON, and as Markdown beside it, and returns the path of the
/// JSON. Mode 0600, and never over another report: one of the same second gets
/// `_2`, `_3`, ...
///
/// # Errors
/// What the operating system says; a file that was begun is removed.
pub fn write(state_dir: &Path, report: &dyn Document) -> io::Result<PathBuf> {
    let directory = state_dir.join(DIRECTORY);
    file::make_directory(&directory)?;
    let text = serde_json::to_string_pretty(&report.json()).map_err(io::Error::other)?;
    let stem = report.file_stem();
    let path = write_new(&directory, &stem, "json", &visible_json(&text))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(&stem);
    // Nothing that others wrote is hidden in either, whatever put it together.
    let markdown = report.markdown();
    write_new(&directory, stem, "md", &visible_lines(markdown.trim_end()))?;
    Ok(path)
}

/// A file among the reports, and what it says of itself.
#[derive(Debug)]
pub struct Listed {
    /// Its name in [`DIRECTORY`].
    pub name: String,
    /// At a glance.
    pub about: Result<Glance, NoReport>,
}

/// Every report in JSON, newest first; then what is no report. Of each file no more is
/// kept than that.
///
/// # Errors
/// The directory cannot be read. Where there is none there is no report.
pub fn list(state_dir: &Path) -> io::Result<Vec<Listed>> {
    let directory = state_dir.join(DIRECTORY);
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let about = load(&path).and_then(|bytes| Glance::read(&bytes));
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Listed { name, about });
        }
    }
    found.sort_by_cached_key(place);
    Ok(found)
}

/// What earlier checks said, the newest first; nothing of what cannot be read, and
/// nothing of checks so old that `MOST_CHECKED` indexes were checked since.
#[must_use]
pub fn checks(state_dir: &Path) -> Vec<Remembered> {
    let directory = state_dir.join(DIRECTORY);
    let listed = list(state_dir).unwrap_or_default();
    let of_checks = listed
        .iter()
        .filter(|listed| listed.about.as_ref().is_ok_and(|glance| glance.kind == "check"));
    let mut indexes = 0;
    let mut checks = Vec::new();
    for listed in of_checks {
        let bytes = load(&directory.join(&listed.name));
        let Some(check) = bytes.ok().and_then(|bytes| Remembered::read(&bytes)) else { continue };
        indexes += check.indexes().max(1);
        checks.push(check);
        if indexes > MOST_CHECKED {
            break;
        }
    }
    checks
}

/// Indexes of which it is remembered what checks said: ten checks of the ten thousand
/// that this program is made for.
const MOST_CHECKED: usize = 100_000;

/// Where the report at `path` was made, whatever its kind.
#[cfg(feature = "local")]
pub(crate) fn target(path: &Path) -> Option<gsictl_core::state::Target> {
    #[derive(serde::Deserialize)]
    struct Placed {
        target: gsictl_core::state::Target,
    }
    let bytes = load(path).ok()?;
    Glance::read(&bytes).ok()?;
    serde_json::from_slice(&bytes).ok().map(|Placed { target }| target)
}

/// Reports by their age, then the rest by name. Of the same second the later has
/// the greater number (`_2`, ..., `_10`), and so the longer name or the greater one.
fn place(listed: &Listed) -> impl Ord + use<> {
    let name = &listed.name;
    let glance = listed.about.as_ref().ok();
    let age = glance.map(|glance| Reverse((glance.ended_at, name.len(), name.clone())));
    (age.is_none(), age, name.clone())
}

/// The report that `name` means: a path, or a file in [`DIRECTORY`], with or without
/// its ending, the Markdown as well as the JSON. The path is that of the JSON.
#[must_use]
pub fn find(state_dir: &Path, name: &str) -> Option<PathBuf> {
    let json = |path: &Path| match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => path.to_owned(),
        Some("md") => path.with_extension("json"),
        _ => PathBuf::from(format!("{}.json", path.display())),
    };
    let given = Path::new(name);
    let kept = state_dir.join(DIRECTORY).join(name);
    let places = [given.to_owned(), json(given), kept.clone(), json(&kept)];
    let found = places.into_iter().find(|path| path.is_file())?;
    let document = json(&found);
    Some(if document.is_file() { document } else { found })
}

/// The bytes of a report's JSON, whatever its kind.
///
/// # Errors
/// [`NoReport::Unreadable`].
pub fn load(path: &Path) -> Result<Vec<u8>, NoReport> {
    let bytes = read(path).map_err(|error| NoReport::Unreadable(error.to_string()))?;
    let text = text_of(&bytes).map_err(|error| NoReport::Unreadable(error.to_string()))?;
    Ok(text.into_owned().into_bytes())
}

/// The Markdown beside a report's JSON; nothing where it is not there.
#[must_use]
pub fn markdown(path: &Path) -> Option<String> {
    let bytes = read(&path.with_extension("md")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    file::read(path, MAX_BYTES)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn write_new(directory: &Path, stem: &str, ending: &str, text: &str) -> io::Result<PathBuf> {
    for n in 1.. {
        let name = if n == 1 { format!("{stem}.{ending}") } else { format!("{stem}_{n}.{ending}") };
        let path = directory.join(name);
        match file::write_new(&path, format!("{text}\n").as_bytes()) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no name is free"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gsictl_core::report::Envelope;
    use gsictl_core::text::is_hidden;
    use gsictl_core::time::Timestamp;
    use serde_json::{Value, json};

    struct Sample(Envelope);

    fn sample(kind: &'static str, seconds: i64) -> Sample {
        let at = Timestamp::from_millis(seconds * 1_000);
        Sample(Envelope::new(kind, kind, "done", (at, at)))
    }

    impl Document for Sample {
        fn advice(&mut self) -> Vec<&mut String> {
            Vec::new()
        }

        fn envelope(&self) -> &Envelope {
            &self.0
        }

        fn json(&self) -> Value {
            json!(self.0)
        }

        fn markdown(&self) -> String {
            format!("# {}\n", self.0.command)
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        list(dir).unwrap().into_iter().map(|listed| listed.name).collect()
    }

    #[test]
    fn reports_are_listed_newest_first_and_what_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(names(dir.path()), [""; 0]);
        for report in [sample("validate", 60), sample("apply", 0), sample("rollback", 120)] {
            write(dir.path(), &report).unwrap();
        }
        for _ in 0..10 {
            write(dir.path(), &sample("apply", 0)).unwrap();
        }
        let directory = dir.path().join(DIRECTORY);
        std::fs::write(directory.join("cut.json"), "{ \"format\": 1,").unwrap();
        std::fs::write(directory.join("other.json"), "{}").unwrap();
        std::fs::write(directory.join("notes.txt"), "mine").unwrap();
        std::fs::create_dir(directory.join("dir.json")).unwrap();

        let names = names(dir.path());
        assert_eq!(
            names[..3],
            [
                "rollback_19700101_000200.json",
                "validate_19700101_000100.json",
                "apply_19700101_000000_11.json"
            ]
        );
        assert_eq!(
            names[12..],
            ["apply_19700101_000000.json", "cut.json", "dir.json", "other.json"]
        );
        let why: Vec<_> =
            list(dir.path()).unwrap().into_iter().filter_map(|l| l.about.err()).collect();
        assert!(matches!(&why[0], NoReport::Damaged(what) if what.contains("line 1")));
        assert!(matches!(&why[1], NoReport::Unreadable(what) if what.contains("directory")));
        assert_eq!(why[2], NoReport::Foreign);
    }

    #[test]
    fn neither_file_of_a_report_hides_anything_and_its_values_are_exact() {
        let dir = tempfile::tempdir().unwrap();
        let mut report = sample("apply", 0);
        report.0.command = "\u{1b}[2J\u{9b}2J\u{202e}".to_owned();
        let path = write(dir.path(), &report).unwrap();
        let json = std::fs::read_to_string(&path).unwrap();
        let markdown = std::fs::read_to_string(path.with_extension("md")).unwrap();
        for text in [&json, &markdown] {
            assert!(!text.contains(|c| is_hidden(c) && c != '\n'), "{text:?}");
        }
        let read: Value = serde_json::from_slice(&load(&path).unwrap()).unwrap();
        assert_eq!(read, report.json());
    }

    #[test]
    fn a_report_is_found_by_its_name_or_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), &sample("apply", 0)).unwrap();
        let stem = "apply_19700101_000000";
        let names = [stem.to_owned(), format!("{stem}.json"), format!("{stem}.md")];
        for name in names.into_iter().chain([path.display().to_string()]) {
            assert_eq!(find(dir.path(), &name), Some(path.clone()), "{name}");
        }
        assert_eq!(find(dir.path(), "apply"), None);
        assert_eq!(Glance::read(&load(&path).unwrap()).unwrap().kind, "apply");
        assert_eq!(markdown(&path).as_deref(), Some("# apply\n"));
        std::fs::remove_file(path.with_extension("md")).unwrap();
        assert_eq!(markdown(&path), None);
    }
}
