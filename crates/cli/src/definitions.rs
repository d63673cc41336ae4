//! Reads definitions files, no more of each than the parser takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gsictl_core::definition::{Definitions, Format, MAX_INPUT_BYTES, Source, foreign_shape, parse};
use gsictl_core::plan::saved::SavedPlan;

use crate::args;
use crate::error::{CliError, Exit};

/// Definitions with the name they are known by.
pub(crate) struct Loaded {
    pub(crate) definitions: Definitions,
    /// The name of the first file.
    pub(crate) script_name: String,
}

/// What `apply` is given: definitions, or a plan that was made of some.
pub(crate) enum Given {
    Definitions(Loaded),
    Plan(Box<SavedPlan>),
}

/// Reads a saved plan where the only file is one, else definitions.
pub(crate) fn load_or_plan(args: &args::Definitions) -> Result<Given, CliError> {
    let [file] = args.files.as_slice() else {
        return load(args).map(Given::Definitions);
    };
    let bytes = read(file)?;
    if SavedPlan::is_one(&bytes) {
        return Ok(Given::Plan(Box::new(SavedPlan::parse(&bytes)?)));
    }
    check(args, vec![bytes]).map(Given::Definitions)
}

/// Reads and checks all files; every mistake of all of them at once.
pub(crate) fn load(args: &args::Definitions) -> Result<Loaded, CliError> {
    let mut texts = Vec::new();
    for file in &args.files {
        texts.push(read(file)?);
        if texts.iter().map(Vec::len).sum::<usize>() > MAX_TOTAL_BYTES {
            let mib = MAX_TOTAL_BYTES / (1024 * 1024);
            let message = format!("the definitions are larger than {mib} MiB together");
            return Err(CliError::new(Exit::Usage, message).hint("give fewer files at once"));
        }
    }
    check(args, texts)
}

fn check(args: &args::Definitions, read: Vec<Vec<u8>>) -> Result<Loaded, CliError> {
    let mut texts = Vec::new();
    for (path, text) in args.files.iter().zip(read) {
        let name = path.display().to_string();
        if SavedPlan::is_one(&text) {
            return Err(CliError::new(Exit::Usage, format!("{name} is a saved plan"))
                .hint("apply it by itself: `gsictl apply FILE`, with --dry-run to look at it"));
        }
        let format = args.format.or_else(|| Format::from_path(&name));
        let format = format.ok_or_else(|| unknown_format(&name, &text))?;
        texts.push((name, format, text));
    }
    let sources: Vec<_> =
        texts.iter().map(|(file, format, text)| Source { file, format: *format, text }).collect();
    let definitions = parse(&sources)?;
    let first = args.files.first().and_then(|path| path.file_name());
    let script_name =
        first.map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Loaded { definitions, script_name })
}

/// The way a file is written is not known; perhaps what it is can be told all the same.
fn unknown_format(name: &str, text: &[u8]) -> CliError {
    if let Some(foreign) = foreign_shape(name, text) {
        return foreign.into();
    }
    let what = if name == "-" { "standard input".to_owned() } else { format!("{name:?}") };
    CliError::new(Exit::Usage, format!("cannot tell how {what} is written"))
        .hint("say it with --format json, yaml or toml")
}

/// The most bytes of all files together.
const MAX_TOTAL_BYTES: usize = 8 * MAX_INPUT_BYTES;

/// The most bytes a saved plan may have: the definitions, and what was seen. One of ten
/// thousand indexes has half of it.
const MAX_PLAN_BYTES: usize = 4 * MAX_INPUT_BYTES;

/// One byte more than the parser takes is enough for it to refuse the file.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Usage, format!("cannot read {}: {error}", path.display()))
    };
    let mut input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = Vec::new();
    let some = &mut input;
    some.take(MAX_INPUT_BYTES as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() > MAX_INPUT_BYTES && SavedPlan::is_one(&text) {
        let rest = (MAX_PLAN_BYTES + 1).saturating_sub(text.len());
        input.take(rest as u64).read_to_end(&mut text).map_err(failed)?;
        if text.len() > MAX_PLAN_BYTES {
            let mib = MAX_PLAN_BYTES / (1024 * 1024);
            let message = format!("{} is larger than {mib} MiB: no saved plan is", path.display());
            return Err(CliError::new(Exit::State, message)
                .hint("make a new one: `gsictl plan DEFS --save FILE`"));
        }
    }
    Ok(text)
}
