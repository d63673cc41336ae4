//! Reads definitions files, no more of each than the parser takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gsictl_core::definition::{Definitions, Format, MAX_INPUT_BYTES, Source, parse};

use crate::args;
use crate::error::{CliError, Exit};

/// Definitions with the name they are known by.
pub(crate) struct Loaded {
    pub(crate) definitions: Definitions,
    /// The name of the first file.
    pub(crate) script_name: String,
}

/// Reads and checks all files; every mistake of all of them at once.
pub(crate) fn load(args: &args::Definitions) -> Result<Loaded, CliError> {
    let mut texts = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        let format = args
            .format
            .or_else(|| Format::from_path(&name))
            .ok_or_else(|| unknown_format(&name))?;
        texts.push((name, format, read(path)?));
    }
    let sources: Vec<_> =
        texts.iter().map(|(file, format, text)| Source { file, format: *format, text }).collect();
    let definitions = parse(&sources)?;
    let first = args.files.first().and_then(|path| path.file_name());
    let script_name =
        first.map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Loaded { definitions, script_name })
}

fn unknown_format(name: &str) -> CliError {
    let what = if name == "-" { "standard input".to_owned() } else { format!("{name:?}") };
    CliError::new(Exit::Usage, format!("cannot tell how {what} is written"))
        .hint("say it with --format json, yaml or toml")
}

/// One byte more than the parser takes is enough for it to refuse the file.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Usage, format!("cannot read {}: {error}", path.display()))
    };
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = Vec::new();
    input.take(MAX_INPUT_BYTES as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
