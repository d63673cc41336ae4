//! The command line.

mod value;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use gsictl_core::check::Prices;
use gsictl_core::definition::Format;
use gsictl_core::name::{IndexName, TableName};
use gsictl_core::plan::Selection;
use gsictl_core::text::visible;

use crate::invocation::Invocation;
use crate::view;

use value::{local_seconds, percent, price, rcu, region, region_endpoint, seconds, span};

/// Adds Global Secondary Indexes to live DynamoDB tables: works out what is
/// missing, builds it side by side, and survives every interruption.
#[derive(Debug, Parser)]
#[command(name = "gsictl", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 unexpected; 2 usage or definitions; 3 some indexes failed; \
    4 changes pending; 5 state locked, damaged or belonging elsewhere, or a saved plan out of date; \
    130 interrupted, state saved."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// AWS profile, as in the aws command line
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// AWS region, as in the aws command line
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// DynamoDB endpoint, for instance http://127.0.0.1:8000
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// DynamoDB endpoint of another region of global tables (repeatable)
    ///
    /// Without it a region is asked at AWS's own endpoint, or at --endpoint-url under the
    /// other region's name.
    #[arg(long, global = true, value_name = "REGION=URL", value_parser = region_endpoint)]
    pub(crate) region_endpoint: Vec<(String, String)>,
    /// Do not ask this region of global tables, nor wait for it (repeatable)
    #[arg(long, global = true, value_name = "REGION", value_parser = region)]
    pub(crate) skip_region: Vec<String>,
    /// Use the embedded engine; FILE defaults to gsictl-local.db in the state directory
    #[expect(
        clippy::option_option,
        reason = "absent, without a value and with one are three things"
    )]
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["profile", "region", "endpoint_url", "region_endpoint", "skip_region"])]
    pub(crate) local: Option<Option<PathBuf>>,
    /// How long the embedded engine takes to build an index
    #[arg(long, global = true, value_name = "SECONDS", default_value = "4", value_parser = local_seconds)]
    pub(crate) local_build_seconds: f64,
    /// Where the state file and the reports are
    ///
    /// One run at a time holds the state. Two state directories over the same
    /// tables are not locked against each other.
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub(crate) state_dir: PathBuf,
    /// What to print
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
    /// Say more: every look at a table, every save
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// No colours (also NO_COLOR)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// What of all this other commands need.
    #[arg(skip)]
    pub(crate) invocation: Invocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Human,
    /// For programs: one document, or for `apply` and `demo` one event a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build six indexes on five airline tables in the embedded engine
    ///
    /// Keeps everything in ./gsictl-demo. Stopped and started again it goes on.
    Demo(Demo),
    /// Show what apply would do, and why
    ///
    /// Looks at each table once, changes nothing and writes no state. A plan that
    /// is saved can be applied as it is: apply refuses it where the tables no
    /// longer look as they did.
    Plan(Box<Plan>),
    /// Create the indexes that are missing
    ///
    /// Resumes by itself where a state file exists. Indexes that are there are
    /// left alone; nothing is ever deleted. In place of DEFS it takes a plan that
    /// `plan --save` wrote.
    Apply(Box<Apply>),
    /// Delete the indexes that this state's runs created, and nothing else
    ///
    /// Reads the state file, or the newest archive where there is none. Asks first.
    /// Indexes that were there before, or are no longer what was created, are kept.
    Rollback(Rollback),
    /// Wait until indexes are ready
    ///
    /// For the indexes of a table, or for what definitions name, all tables side by
    /// side. What was just asked for (`apply --no-wait`) is waited for also where
    /// DynamoDB does not show it yet. Reads only, and takes no lock. Exits 3 when the
    /// time-out strikes or there is nothing to wait for.
    Wait(Wait),
    /// Ask each index whether it serves queries and holds its items
    ///
    /// Reads only: no lock, no state. A query each with a value of its keys' types,
    /// and a few items of the table looked up in it. Exits 3 when an index is not
    /// functional.
    Validate(Validate),
    /// Find the items that would break with the indexes, before these are there
    ///
    /// DynamoDB silently leaves items out of a new index where a key attribute
    /// has the wrong type, is empty or too long, and from then on refuses every write
    /// of them to the table. This reads each table once for all its planned indexes,
    /// no more than their keys, and also says how large the indexes will be, how long
    /// their build takes and what it costs. Changes nothing in DynamoDB; reading costs
    /// what a Scan of the table costs (--sample and --max-rcu make it less). Exits 3
    /// when an item would break, or a table cannot be read. Interrupted, it goes on
    /// with --resume.
    Check(Box<Check>),
    /// Show the state, without calling anything
    Status(Status),
    /// Archive, list or rebuild state files
    State(State),
    /// Print the indexes that tables have, as definitions
    ///
    /// Reads only: no lock, no state. `plan` finds no change for what is printed.
    /// An index that is being built is printed, with its status in a comment; one
    /// that is being deleted is not, nor is a table without an index. Exits 3 where
    /// a table or an index that was named is not there, or there is nothing to print.
    Export(Export),
    /// List or show the reports of what was done
    ///
    /// They are in gsi_creation_reports/ of the state directory, each as JSON and as
    /// Markdown. Nothing is called.
    Report(Report),
    /// Print the JSON Schema of definitions files, or of reports
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Begin anew: remove what an earlier demo left
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Items in each table
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) items: u32,
    /// Build nothing: only make the tables of all examples, nine, and their definitions
    ///
    /// For trying the commands by hand, as docs/walkthrough.md does.
    #[arg(long)]
    pub(crate) tables_only: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Plan for the indexes that failed before, and only those
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Indexes building at once, over all tables; for the schedule
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_builds: u32,
    /// Exit 4 if there is something to do, 3 if something is in the way
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print it as Markdown, for a comment on a pull request
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Read only this percentage of each table for a forecast; without it the newest check is used
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) sample: Option<f64>,
    #[command(flatten)]
    pub(crate) pricing: Pricing,
    /// Save the plan, for `gsictl apply FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Start the indexes that failed before, and only those
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Insist that there is a state file to resume
    #[arg(long)]
    pub(crate) resume: bool,
    /// One pass: start what can start now, save, and leave (exit 4 if some wait)
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// First check the items; do not build an index with which items would break
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) check: bool,
    /// Build indexes with which items would break all the same
    #[arg(long, requires = "check")]
    pub(crate) allow_violations: bool,
    /// Read capacity units a second of the check, for each table
    #[arg(long, value_name = "N", value_parser = rcu, requires = "check")]
    pub(crate) max_rcu: Option<f64>,
    /// Then validate the indexes that are active (exit 3 if one is not functional)
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) validate: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// After the first failure start nothing new
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Attempts for each index
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// Seconds between attempts; the last one repeats
    #[arg(long, value_name = "S,S,...", value_delimiter = ',', default_value = "30,60,120,240,480", value_parser = seconds)]
    pub(crate) backoff: Vec<Duration>,
    /// Stop waiting for a build after this time, such as 90m; the build goes on in DynamoDB
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) activation_timeout: Option<Duration>,
    /// Indexes building at once, over all tables
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_builds: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Definitions {
    /// Definitions: JSON, YAML or TOML by their ending; - is standard input
    #[arg(value_name = "DEFS", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to read them, whatever their ending: json, yaml or toml
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Filters {
    /// Only indexes of this table, by its name or its ARN (repeatable)
    #[arg(long, value_name = "TABLE")]
    table: Vec<TableName>,
    /// Only indexes of this name (repeatable); with --table both must match
    #[arg(long, value_name = "INDEX")]
    index: Vec<IndexName>,
}

impl Filters {
    pub(crate) fn selection(&self) -> Selection {
        Selection { tables: self.table.clone(), indexes: self.index.clone() }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Read this state file or archive
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Believe the state of --state although a newer save of it exists
    ///
    /// What the older one holds to be its own may have been deleted since, and made
    /// again by somebody else: that one would be deleted. What the newer state knows
    /// is shown first.
    #[arg(long, requires = "state")]
    pub(crate) superseded: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete indexes whose creation was never acknowledged, too
    #[arg(long)]
    pub(crate) include_inferred: bool,
    /// Attempts for each index
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) max_attempts: u32,
    /// Seconds between attempts; the last one repeats
    #[arg(long, value_name = "S,S,...", value_delimiter = ',', default_value = "30", value_parser = seconds)]
    pub(crate) backoff: Vec<Duration>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gsictl wait orders                        all indexes of the table orders
  gsictl wait orders by-day by-user         two of them
  gsictl wait indexes.yaml                  what the definitions name, on all their tables
  gsictl wait indexes.yaml --table orders --timeout 30m
  gsictl apply indexes.yaml --no-wait; gsictl wait indexes.yaml

`-` and what ends in .json, .yaml, .yml or .toml is a file of definitions.")]
pub(crate) struct Wait {
    /// The base table (its name or ARN), or definitions: - or what ends in .json, .yaml, .yml or .toml
    #[arg(value_name = "TABLE|DEFS")]
    pub(crate) what: PathBuf,
    /// Indexes of the table, all of them if none is named; or more definitions
    #[arg(value_name = "INDEX|DEFS")]
    pub(crate) more: Vec<PathBuf>,
    /// How to read definitions, whatever their ending: json, yaml or toml
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Give up after this time, such as 90s, 30m or 2h
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
}

impl Wait {
    /// The definitions that were given; `None` where a table was named.
    pub(crate) fn definitions(&self) -> Option<Definitions> {
        let files: Vec<_> = std::iter::once(&self.what).chain(&self.more).cloned().collect();
        let format = self.format;
        is_definitions(&self.what).then_some(Definitions { files, format })
    }
}

/// Wherever a table or definitions may stand: whether it is definitions.
pub(crate) fn is_definitions(word: &Path) -> bool {
    word == Path::new("-") || Format::from_path(&word.to_string_lossy()).is_some()
}

#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Items to look up in each index; 0 for none (default: 10, where scanning is allowed)
    ///
    /// They are taken from all parts of the table. Items that the index does not
    /// hold as the table does are named with their keys. Reads a page or a few of
    /// the table, and each item once from the index.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) sample: Option<u32>,
    /// Show what CloudWatch has of each index: reads and throttling of the last hour
    #[arg(long)]
    pub(crate) metrics: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Check indexes that exist already, too
    #[arg(long)]
    pub(crate) existing: bool,
    /// Write all violations to FILE: CSV by that ending, else JSON Lines
    #[arg(long, value_name = "FILE")]
    pub(crate) violations: Option<PathBuf>,
    /// Tell the values that violate, not their type and length alone
    #[arg(long)]
    pub(crate) values: bool,
    /// Violations of each index in the report
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) show: u32,
    /// Read capacity units a second, for each table
    #[arg(long, value_name = "N", value_parser = rcu)]
    pub(crate) max_rcu: Option<f64>,
    /// Cut each table into N segments and read up to 32 of them at once (default: as
    /// many as make it faster); of a --sample, only read up to N at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) segments: Option<u32>,
    /// Read only this percentage of each table, from all over it, and estimate the rest
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) sample: Option<f64>,
    /// Go on where an interrupted check stopped, with the options it had
    #[arg(long)]
    pub(crate) resume: bool,
    /// Warn where one partition key has this share of an index's items
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = percent)]
    pub(crate) skew: f64,
    #[command(flatten)]
    pub(crate) pricing: Pricing,
}

/// What a forecast is told in.
#[derive(Debug, clap::Args)]
pub(crate) struct Pricing {
    /// Price of a million write request units, for the forecast
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price_wru: Option<f64>,
    /// Price of a GB of storage for a month, for the forecast
    #[arg(long, value_name = "PRICE", value_parser = price)]
    price_gb: Option<f64>,
    /// Say how the forecast is made, and where its rules come from
    #[arg(long)]
    pub(crate) explain: bool,
}

impl Pricing {
    pub(crate) fn prices(&self) -> Prices {
        Prices { million_wru: self.price_wru, gb_month: self.price_gb }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Compare the state with DynamoDB
    #[arg(long)]
    pub(crate) live: bool,
    /// Show it again whenever it changes, until every index is active
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct State {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Put the state file away under a name with its time
    Archive,
    /// List the state file and its archives
    List,
    /// Make a new state file from DynamoDB; the old one is kept under another name
    Rebuild(Definitions),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The base tables, by their names or their ARNs
    #[arg(value_name = "TABLE", required = true)]
    pub(crate) tables: Vec<TableName>,
    /// How to write them: yaml, json or toml [default: yaml]
    ///
    /// With --output json they are part of a document that has the statuses too.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Only indexes of this name (repeatable)
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Vec<IndexName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    #[command(subcommand)]
    pub(crate) command: ReportCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// List the reports, the newest first: kind, end, result, file
    List,
    /// Show a report; with --output json its document
    Show {
        /// Its path, or its name as `report list` has it; the newest if none is named
        #[arg(value_name = "FILE")]
        file: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Of which files
    #[arg(value_name = "OF", value_enum, default_value_t = SchemaOf::Definitions)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Definitions files
    Definitions,
    /// Reports in JSON
    Report,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Parses the command line, or says what is wrong with it (exit 2).
pub(crate) fn parse() -> Result<Args, ExitCode> {
    match Args::try_parse() {
        Ok(mut args) => {
            args.globals.invocation = Invocation::new(&args.globals, &args.command);
            Ok(args)
        }
        Err(error) => {
            // A mistake quotes the words that were given: it is told of visible ones.
            let words =
                std::env::args_os().map(|word| visible(&word.to_string_lossy()).into_owned());
            let told = Args::try_parse_from(words).err().unwrap_or(error);
            view::show_usage(&told);
            Err(ExitCode::from(if told.use_stderr() { 2 } else { 0 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
