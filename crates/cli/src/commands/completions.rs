//! `gsictl completions`: for the shell's own completion folder.

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::error::{CliError, Exit};
use crate::view;

pub(crate) fn run(args: &Completions) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "gsictl", &mut text);
    view::out_text(String::from_utf8_lossy(&text).trim_end());
    Ok(Exit::Done)
}
