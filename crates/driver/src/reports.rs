//! Reports on disk: `gsi_creation_reports/` beside the state, one file a run.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gsictl_core::report::Report;

/// The directory beside the state.
pub const DIRECTORY: &str = "gsi_creation_reports";

/// Writes `report` as JSON and returns its path. Mode 0600, and never over
/// another report: one of the same second gets `_2`, `_3`, ...
///
/// # Errors
/// What the operating system says; a report that was begun is removed.
pub fn write(state_dir: &Path, report: &Report) -> io::Result<PathBuf> {
    let directory = state_dir.join(DIRECTORY);
    make_private(&directory)?;
    let text = serde_json::to_string_pretty(report).map_err(io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    let stem = report.file_stem();
    for n in 1.. {
        let name = if n == 1 { format!("{stem}.json") } else { format!("{stem}_{n}.json") };
        let path = directory.join(name);
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::Error::other("no name is free"))
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
