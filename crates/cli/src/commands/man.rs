//! `gsictl man`: the manual page, with a section for each command.

use clap::CommandFactory;

use crate::args::Args;
use crate::error::{CliError, Exit};
use crate::view;

pub(crate) fn run() -> Result<Exit, CliError> {
    let mut page = Vec::new();
    let mut command = Args::command();
    command.build();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut page).and_then(|()| {
        let mut commands = command.get_subcommands().filter(|c| c.get_name() != "help");
        commands.try_for_each(|c| render_command(c, &mut page))
    });
    rendered.map_err(|error| CliError::new(Exit::Unexpected, error.to_string()))?;
    view::out_text(String::from_utf8_lossy(&page).trim_end());
    Ok(Exit::Done)
}

/// A command's synopsis, description and options under a heading of its own.
fn render_command(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let heading = format!(".SH \"GSICTL {}\"\n", command.get_name().to_uppercase());
    page.extend_from_slice(heading.as_bytes());
    let man = clap_mangen::Man::new(command.clone());
    let mut body = Vec::new();
    man.render_synopsis_section(&mut body)?;
    man.render_description_section(&mut body)?;
    man.render_options_section(&mut body)?;
    let body = String::from_utf8_lossy(&body).replace(".SH ", ".SS ");
    page.extend_from_slice(body.as_bytes());
    Ok(())
}
