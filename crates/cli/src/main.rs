//! `gsictl`: adds Global Secondary Indexes to live DynamoDB tables.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod definitions;
mod error;
mod invocation;
mod signals;
mod view;

use std::process::ExitCode;

use args::{Args, Command};
use error::{CliError, Exit};

fn main() -> ExitCode {
    view::tell_panics();
    let args = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let (output, invocation) = (args.globals.output, args.globals.invocation.clone());
    let exit = run(args).unwrap_or_else(|error| view::show_error(error, output, &invocation));
    ExitCode::from(exit.code())
}

fn run(args: Args) -> Result<Exit, CliError> {
    let globals = &args.globals;
    view::set_up(globals);
    match args.command {
        Command::Demo(demo) => commands::demo::run(globals, &demo),
        Command::Plan(plan) => commands::plan::run(globals, &plan),
        Command::Apply(apply) => commands::apply::run(globals, &apply),
        Command::Rollback(rollback) => commands::rollback::run(globals, &rollback),
        Command::Wait(wait) => commands::wait::run(globals, &wait),
        Command::Validate(validate) => commands::validate::run(globals, &validate),
        Command::Check(check) => commands::check::run(globals, &check),
        Command::Status(status) => commands::status::run(globals, &status),
        Command::State(state) => commands::state::run(globals, &state),
        Command::Export(export) => commands::export::run(globals, &export),
        Command::Report(report) => commands::report::run(globals, &report),
        Command::Schema(schema) => commands::schema::run(&schema),
        Command::Completions(completions) => commands::completions::run(&completions),
        Command::Man => commands::man::run(),
    }
}
