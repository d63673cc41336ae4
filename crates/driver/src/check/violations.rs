//! All violations of a check, in a file: JSON Lines, or CSV by that ending. A
//! violation is a line, so that the lines of a place that was saved can be counted.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use gsictl_core::check::Violation;
use gsictl_core::text::{is_hidden, visible};

use super::CheckError;
use crate::file;

/// The file. The first thing that goes wrong with it is kept, and ends it.
pub(super) struct Violations {
    path: PathBuf,
    to: Form,
    values: bool,
    failed: Option<io::Error>,
}

enum Form {
    JsonLines(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
}

impl Violations {
    /// A new file, or that of a check that goes on, which told `told` violations.
    pub(super) fn open(path: &Path, told: Option<u64>, values: bool) -> Result<Self, CheckError> {
        let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let file = match told {
            Some(told) => cut(path, told.saturating_add(u64::from(is_csv)))?,
            None => create(path)?,
        };
        let to = if is_csv {
            let writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
            Form::Csv(Box::new(writer))
        } else {
            Form::JsonLines(BufWriter::new(file))
        };
        let mut violations = Self { path: path.to_owned(), to, values, failed: None };
        if told.is_none() && is_csv {
            violations.head();
        }
        Ok(violations)
    }

    fn head(&mut self) {
        const COLUMNS: [&str; 9] =
            ["table", "index", "key", "attribute", "fault", "found", "wanted", "bytes", "value"];
        let columns = &COLUMNS[..COLUMNS.len() - usize::from(!self.values)];
        if let Form::Csv(to) = &mut self.to {
            let written = to.write_record(columns).map_err(io::Error::from);
            self.note(written);
        }
    }

    /// False where it cannot be written.
    pub(super) fn write(&mut self, violation: &Violation) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let written = match &mut self.to {
            Form::JsonLines(to) => serde_json::to_writer(&mut *to, violation)
                .map_err(io::Error::from)
                .and_then(|()| to.write_all(b"\n")),
            Form::Csv(to) => write_row(to, violation, self.values),
        };
        self.note(written)
    }

    /// What was written is on the disk, before the place says so.
    pub(super) fn sync(&mut self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let synced = match &mut self.to {
            Form::JsonLines(to) => to.flush().and_then(|()| to.get_ref().sync_data()),
            Form::Csv(to) => to.flush().and_then(|()| to.get_ref().sync_data()),
        };
        self.note(synced)
    }

    fn note(&mut self, result: io::Result<()>) -> bool {
        let good = result.is_ok();
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
        good
    }

    pub(super) fn finish(mut self) -> Result<(), CheckError> {
        self.sync();
        match self.failed {
            Some(source) => Err(CheckError::Violations { path: self.path, source }),
            None => Ok(()),
        }
    }
}

fn write_row(to: &mut csv::Writer<File>, violation: &Violation, values: bool) -> io::Result<()> {
    let Violation { table, index, key, attribute, fault, found, wanted, bytes, value } = violation;
    let (key, bytes) = (key.to_string(), bytes.to_string());
    let value = value.as_ref().map(ToString::to_string).unwrap_or_default();
    let texts = [table, index, &key, attribute, fault.as_str(), found, wanted];
    let mut fields: Vec<_> = texts.into_iter().map(cell).collect();
    // A number of our own is one.
    fields.push(Cow::Borrowed(&bytes));
    if values {
        fields.push(cell(&value));
    }
    to.write_record(fields.iter().map(|field| field.as_bytes())).map_err(io::Error::from)
}

/// A text as the cell of a table: on one line, so that a row stays one, and no formula
/// for the program that opens the table ([CSV
/// injection](https://owasp.org/www-community/attacks/CSV_Injection)).
fn cell(text: &str) -> Cow<'_, str> {
    // What begins with a tab or a carriage return is a formula to some; neither is left
    // of a text that is visible.
    let hidden_first = text.starts_with(is_hidden);
    let text = visible(text);
    if hidden_first || text.starts_with(['=', '+', '-', '@']) {
        return Cow::Owned(format!("'{text}"));
    }
    text
}

/// A new file, for the user alone: it holds keys of items, and values where they are
/// wanted. An empty one that was there is made anew, since whoever made it may read it.
fn create(path: &Path) -> Result<File, CheckError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => CheckError::ViolationsTaken { path: path.to_owned() },
        io::ErrorKind::InvalidInput => {
            CheckError::ViolationsStrange { path: path.to_owned(), source }
        }
        _ => CheckError::Violations { path: path.to_owned(), source },
    };
    if file::plain(path).map_err(failed)?.is_some_and(|there| there.len() == 0) {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let made = file::create(path).map_err(failed)?;
    file::sync_directory(file::directory(path)).map_err(failed)?;
    Ok(made)
}

/// The file cut after so many lines, ready for more.
fn cut(path: &Path, lines: u64) -> Result<File, CheckError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidInput => {
            CheckError::ViolationsStrange { path: path.to_owned(), source }
        }
        _ => CheckError::Violations { path: path.to_owned(), source },
    };
    let changed = || CheckError::ViolationsChanged { path: path.to_owned() };
    let opened = file::open(path, OpenOptions::new().read(true).append(true)).map_err(failed)?;
    let opened = opened.ok_or_else(changed)?;
    let length = end_of_line(&mut BufReader::new(&opened), lines).map_err(failed)?;
    opened.set_len(length.ok_or_else(changed)?).map_err(failed)?;
    file::make_private(&opened).map_err(failed)?;
    Ok(opened)
}

/// How many bytes so many lines have; `None` where there are fewer. No line is kept,
/// since it may have any length.
fn end_of_line(reader: &mut impl BufRead, lines: u64) -> io::Result<Option<u64>> {
    let (mut length, mut ended) = (0, 0);
    while ended < lines {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let line = bytes.iter().position(|byte| *byte == b'\n');
        ended += u64::from(line.is_some());
        let read = line.map_or(bytes.len(), |at| at + 1);
        length += read as u64;
        reader.consume(read);
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use gsictl_core::index_key::Fault;
    use serde_json::json;

    use super::*;

    fn violation(n: u32) -> Violation {
        Violation {
            table: "bookings".to_owned(),
            index: "by-seat".to_owned(),
            key: json!({ "pk": { "S": format!("a \"{n}\",\nb") } }),
            attribute: "seat".to_owned(),
            fault: Fault::WrongType,
            found: "N".to_owned(),
            wanted: "S".to_owned(),
            bytes: 3,
            value: Some(json!({ "N": "12" })),
        }
    }

    fn written(name: &str, values: bool) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(name);
        let mut file = Violations::open(&path, None, values).unwrap();
        assert!((0..5).all(|n| file.write(&violation(n))));
        file.finish().unwrap();
        (place, path)
    }

    #[test]
    fn json_lines_are_read_again_as_they_were() {
        let (_place, path) = written("found.jsonl", true);
        let text = std::fs::read_to_string(path).unwrap();
        let read: Vec<Violation> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, (0..5).map(violation).collect::<Vec<_>>());
    }

    #[test]
    fn csv_has_a_head_and_a_line_each_whatever_the_values_hold() {
        let (_place, path) = written("found.CSV", true);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 6);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().next_back(), Some("value"));
        let row = reader.records().nth(2).unwrap().unwrap();
        let key: serde_json::Value = serde_json::from_str(&row[2]).unwrap();
        assert_eq!(key, violation(2).key);
        let (_place, path) = written("found.csv", false);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with("table,index,key,attribute,fault,found,wanted,bytes\n"));
    }

    #[test]
    fn no_cell_is_a_formula_or_hides_anything() {
        let table = [
            ("seat", "seat"),
            ("a=b", "a=b"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1+1", "'\\t=1+1"),
            ("\r=1+1", "'\\r=1+1"),
            ("a\nb\u{202e}\u{1b}[2J", "a\\nb\\u{202e}\\u{1b}[2J"),
        ];
        for (text, shown) in table {
            assert_eq!(cell(text), shown);
        }
    }

    #[test]
    fn a_row_with_hostile_names_has_no_formula_and_its_number_is_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("found.csv");
        let mut file = Violations::open(&path, None, true).unwrap();
        let attribute = "=cmd|' /C calc'!A0\r\n".to_owned();
        assert!(file.write(&Violation { attribute, ..violation(1) }));
        file.finish().unwrap();
        let mut reader = csv::Reader::from_path(path).unwrap();
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((&row[3], &row[7]), ("'=cmd|' /C calc'!A0\\r\\n", "3"));
    }

    #[test]
    fn a_check_that_goes_on_cuts_off_what_was_told_after_its_place() {
        for name in ["found.jsonl", "found.csv"] {
            let (_place, path) = written(name, true);
            let whole = std::fs::read_to_string(&path).unwrap();
            let mut file = Violations::open(&path, Some(3), true).unwrap();
            assert!((3..5).all(|n| file.write(&violation(n))));
            file.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_not_what_it_was_is_left_alone() {
        let (_place, path) = written("found.jsonl", true);
        let taken = Violations::open(&path, None, true).err();
        assert!(matches!(taken, Some(CheckError::ViolationsTaken { .. })));
        let changed = Violations::open(&path, Some(6), true).err();
        assert!(matches!(changed, Some(CheckError::ViolationsChanged { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
        std::fs::remove_file(&path).unwrap();
        let gone = Violations::open(&path, Some(1), true).err();
        assert!(matches!(gone, Some(CheckError::ViolationsChanged { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_it_and_choose_no_file_that_is_written_to() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let (place, path) = written("found.jsonl", true);
        assert_eq!(mode(&path), 0o600);
        set(&path, 0o644);
        Violations::open(&path, Some(2), true).unwrap().finish().unwrap();
        assert_eq!(mode(&path), 0o600, "one of before, which goes on");

        let empty = place.path().join("empty.jsonl");
        std::fs::write(&empty, "").unwrap();
        set(&empty, 0o666);
        let planted = File::open(&empty).unwrap();
        let mut file = Violations::open(&empty, None, true).unwrap();
        assert!(file.write(&violation(1)));
        file.finish().unwrap();
        assert_eq!((mode(&empty), planted.metadata().unwrap().len()), (0o600, 0));

        let whole = std::fs::read(&path).unwrap();
        let link = place.path().join("link.jsonl");
        symlink(&path, &link).unwrap();
        let second = place.path().join("second.jsonl");
        std::fs::hard_link(&path, &second).unwrap();
        for (name, told) in [(&link, None), (&link, Some(1)), (&second, None), (&second, Some(1))] {
            let refused = Violations::open(name, told, true).err();
            assert!(matches!(refused, Some(CheckError::ViolationsStrange { .. })), "{refused:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_in_memory() {
        let endless = BufReader::new(io::repeat(b'x').take(1 << 30));
        assert_eq!(end_of_line(&mut { endless }, 1).unwrap(), None);
        let end = |lines| end_of_line(&mut &b"one\ntwo\nthr"[..], lines).unwrap();
        assert_eq!([end(0), end(1), end(2), end(3)], [Some(0), Some(4), Some(8), None]);
    }
}
