//! The one checker: from the trees of all files to definitions, or to every
//! mistake in them.

mod index;
mod keys;
mod projection;
mod throughput;

use std::collections::HashMap;

use super::diagnostic::{Diagnostics, Report};
use super::limits::MAX_INCLUDED_OF_A_TABLE;
use super::node::{Entry, Node, Span};
use super::shape::Reader;
use super::source::{Source, Text, quoted};
use super::{Definitions, Format, IndexDefinition, Place, ScalarType, foreign, read};
use crate::encoding::text_of;
use crate::name::{ArnError, NameError, TableName};

/// Reads definitions files, all of them and each to its end, and checks them
/// together.
///
/// # Errors
/// Every mistake, in order (README, "Definitions"). Where a file's syntax is broken the rest
/// of that file is not read, and its last diagnostic says so.
pub fn parse(sources: &[Source<'_>]) -> Result<Definitions, Diagnostics> {
    let mut report = Report::default();
    let mut known = Known::default();
    let mut indexes = Vec::new();
    for source in sources {
        let decoded = text_of(source.text);
        if let Some(text) = read::text(source, &decoded, &mut report) {
            file(source.format, &text, &mut report, &mut known, &mut indexes);
        }
        report.next_file();
    }
    if report.count() > 0 {
        return Err(report.into_diagnostics());
    }
    Ok(Definitions { indexes })
}

/// Reads and checks one file, or says that it is none of definitions.
fn file(
    format: Format,
    text: &Text<'_>,
    report: &mut Report,
    known: &mut Known,
    indexes: &mut Vec<IndexDefinition>,
) {
    if let Some(foreign) = foreign::recognise_text(text.as_str()) {
        return foreign.tell(text, report);
    }
    let before = report.count();
    let root = read::tree(format, text, report);
    if let Some(foreign) = root.as_ref().and_then(foreign::recognise) {
        // A template has tags that definitions have not, and one document after the other.
        report.forget_since(before);
        return foreign.tell(text, report);
    }
    let reader = Reader { text, report };
    let mut file = FileChecker { reader, known, indexes };
    let any = root.is_some_and(|root| file.tables(&root));
    if !any && report.count() == before {
        no_tables(text, report);
    }
}

/// What belongs where a table is named.
const OWN_NAME: &str = "write the table's name as DynamoDB has it, or its ARN";

const EXAMPLE: &str = "bookings: [{ IndexName: passenger-index, ... }]";

fn no_tables(text: &Text<'_>, report: &mut Report) {
    let help = format!("a table has a list of indexes: {}", text.example(EXAMPLE));
    report.add(text, &(0..0), "there are no tables in this file").help = Some(help);
}

/// What the files before, and this one so far, say of each table. Names are
/// texts here, so that illegal ones are compared too.
#[derive(Default)]
struct Known(HashMap<String, KnownTable>);

#[derive(Default)]
struct KnownTable {
    indexes: HashMap<String, Place>,
    types: HashMap<String, (ScalarType, Place)>,
    included: usize,
}

struct FileChecker<'c> {
    reader: Reader<'c>,
    known: &'c mut Known,
    indexes: &'c mut Vec<IndexDefinition>,
}

impl FileChecker<'_> {
    /// Checks the tables of a file; whether it has any.
    fn tables(&mut self, root: &Node) -> bool {
        let Some(entries) = self.reader.map(root, "the file", EXAMPLE) else {
            return false;
        };
        self.reader.repeated_keys(entries);
        let mut any = false;
        for entry in entries.iter().filter(|entry| entry.key.text != "$schema") {
            any = true;
            self.table(entry);
        }
        any
    }

    fn table(&mut self, entry: &Entry) {
        let key = &entry.key;
        let name = TableName::new(&key.text);
        if let Err(error) = &name {
            self.bad_name("a table's name", &key.text, &key.span, error);
        }
        let what = format!("table {}", quoted(&key.text));
        let Some(items) = self.reader.list(&entry.value, &what, "indexes", EXAMPLE) else {
            return;
        };
        if items.is_empty() {
            let message = format!("{what} has no indexes");
            let help = "give it an index, or leave the table out";
            self.reader.mistake(&key.span, message).help = Some(help.to_owned());
        }
        for item in items {
            if let Some(definition) = self.index(&key.text, name.as_ref().ok(), item) {
                self.indexes.push(definition);
            }
        }
    }

    fn known_table(&mut self, table: &str) -> &mut KnownTable {
        self.known.0.entry(table.to_owned()).or_default()
    }

    /// Counts projected attributes against what all indexes of the table may have.
    fn count_included(&mut self, table: &str, span: &Span, count: usize) {
        let known = self.known_table(table);
        let before = known.included;
        known.included += count;
        let limit = MAX_INCLUDED_OF_A_TABLE;
        if before <= limit && before + count > limit {
            let message = format!(
                "the indexes of table {} include more than {limit} attributes together",
                quoted(table)
            );
            let help = "include fewer, or project ALL: an attribute counts once for each index";
            self.reader.mistake(span, message).help = Some(help.to_owned());
        }
    }

    fn bad_name(&mut self, what: &str, name: &str, span: &Span, error: &NameError) {
        let message = format!("{} cannot be {what}: {error}", quoted(name));
        // Nothing is made out of an illegal name: DynamoDB has no table of that name.
        let help = match error {
            NameError::Arn(ArnError::GoesOn(more)) => match name.strip_suffix(more.as_str()) {
                Some(table) if TableName::new(table).is_ok() => format!("write {table}"),
                _ => OWN_NAME.to_owned(),
            },
            NameError::Arn(_) => OWN_NAME.to_owned(),
            NameError::Character(_) if what.starts_with("a table") => OWN_NAME.to_owned(),
            NameError::Character(_) => "for example passenger-flight-index".to_owned(),
            NameError::Length(length) if *length < 3 => "make it longer".to_owned(),
            NameError::Length(_) => "make it shorter".to_owned(),
        };
        self.reader.mistake(span, message).help = Some(help);
    }
}
