//! Reports on disk: `gsi_creation_reports/` beside the state, two files a run.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gsictl_core::report::Document;

/// The directory beside the state.
pub const DIRECTORY: &str = "gsi_creation_reports";

/// Writes `report` as JSON, and as Markdown beside it, and returns the path of the
/// JSON. Mode 0600, and never over another report: one of the same second gets
/// `_2`, `_3`, ...
///
/// # Errors
/// What the operating system says; a file that was begun is removed.
pub fn write(state_dir: &Path, report: &dyn Document) -> io::Result<PathBuf> {
    let directory = state_dir.join(DIRECTORY);
    make_private(&directory)?;
    let text = serde_json::to_string_pretty(&report.json()).map_err(io::Error::other)?;
    let stem = report.file_stem();
    let path = write_new(&directory, &stem, "json", &text)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(&stem);
    write_new(&directory, stem, "md", report.markdown().trim_end())?;
    Ok(path)
}

fn write_new(directory: &Path, stem: &str, ending: &str, text: &str) -> io::Result<PathBuf> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    for n in 1.. {
        let name = if n == 1 { format!("{stem}.{ending}") } else { format!("{stem}_{n}.{ending}") };
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
