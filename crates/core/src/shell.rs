//! Commands that people paste: words that a shell reads as they are meant.
//!
//! An advice of the core names a command in backquotes, such as
//! `` `gsictl wait orders by-day` ``, with `DEFS` for the definitions. It does not know
//! which options find the tables and the state of this run, nor where the definitions
//! are; whoever prints it completes each with [`in_commands`].

use std::ffi::OsStr;
use std::fmt::Write as _;

use crate::text::is_hidden;

/// `word` as a POSIX shell reads it back to the byte, in single quotes where it needs
/// any.
///
/// What would not be seen is given to `printf` in octal, because a text in quotes would
/// carry it to the terminal, and shown escaped it would be another word. So are `` ` ``
/// and `|`, which end a command in an advice and in a table of Markdown. One word is
/// lost: a shell cuts off line breaks at the end of what `printf` says.
#[must_use]
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_encoded_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && is_bare(text) => text.to_owned(),
        Ok(text) if !text.contains(|c| is_hidden(c) || matches!(c, '`' | '|')) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => printed(bytes),
    }
}

/// Whether no shell takes the text for anything but itself. `=` sets a variable or names
/// a command, but not in an option; `~` gets quotes wherever it stands.
fn is_bare(text: &str) -> bool {
    let is_option = text.starts_with('-');
    let itself = |c: char| matches!(c, '-' | '_' | '.' | '/' | ':' | ',' | '+' | '@' | '%');
    text.chars().all(|c| c.is_ascii_alphanumeric() || itself(c) || c == '=' && is_option)
}

fn printed(bytes: &[u8]) -> String {
    let mut out = String::from("\"$(printf '");
    for &byte in bytes {
        // A `%` and a backslash are orders to printf, and a `-` at the beginning an option.
        if byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'.' | b'/') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "\\{byte:03o}");
        }
    }
    out.push_str("')\"");
    out
}

/// The words as one command line.
#[must_use]
pub fn command<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<_> = words.into_iter().map(quoted).collect();
    words.join(" ")
}

/// `gsictl <subcommand> <names>`: names may begin with `-`, which is no option then.
#[must_use]
pub fn gsictl<W: AsRef<OsStr>>(subcommand: &str, names: &[W]) -> String {
    let is_dashed = |name: &W| name.as_ref().as_encoded_bytes().starts_with(b"-");
    let divider = if names.iter().any(is_dashed) { " --" } else { "" };
    let names: String = names.iter().map(|name| format!(" {}", quoted(name))).collect();
    format!("gsictl {subcommand}{divider}{names}")
}

/// A command with more options, which go before a `--`.
#[must_use]
pub fn with_options(command: &str, options: &str) -> String {
    if options.is_empty() {
        return command.to_owned();
    }
    let (head, names) = command.split_at(command.find(" -- ").unwrap_or(command.len()));
    format!("{head} {options}{names}")
}

/// The advice with each of its commands as `complete` makes it.
#[must_use]
pub fn in_commands(advice: &str, complete: impl Fn(&str) -> String) -> String {
    let is_command = |text: &str| text.starts_with("gsictl ") || text.starts_with("aws ");
    let mut out = String::with_capacity(advice.len());
    for (n, part) in advice.split('`').enumerate() {
        if n > 0 {
            out.push('`');
        }
        // Between the first and the second backquote, the third and the fourth, and so on.
        if n % 2 == 1 && is_command(part) {
            out.push_str(&complete(part));
        } else {
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::text::visible;

    /// The words that `sh` makes of a command line.
    fn words(line: &str) -> Vec<Vec<u8>> {
        let script = format!("printf '%s\\0' {line}");
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert!(output.status.success(), "{line}");
        let mut words: Vec<_> = output.stdout.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        assert_eq!(words.pop(), Some(Vec::new()));
        words
    }

    #[test]
    fn a_word_that_needs_no_quotes_has_none() {
        for word in ["gsictl", "--local=a/b.db", "/srv/a-b_c.d", "http://127.0.0.1:8000"] {
            assert_eq!(quoted(word), word);
        }
        assert_eq!(quoted("my dir"), "'my dir'");
        assert_eq!(quoted("a=b"), "'a=b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(rm -rf ~)"), "'$(rm -rf ~)'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\u{1b}[2J"), r#""$(printf 'a\033\1332J')""#);
    }

    #[test]
    fn a_shell_reads_the_words_as_they_were() {
        let all = [
            "",
            " ",
            "my dir",
            "it's",
            "\"quoted\"",
            "$(touch x)",
            "-\u{1}",
            "--help\u{1b}",
            "`touch x`",
            "$HOME",
            "~",
            "a~b",
            "*",
            "?",
            "[a]",
            "{a,b}",
            "a;b",
            "a&b",
            "a|b",
            "a>b",
            "#a",
            "!x",
            "a=b",
            "\\",
            "\\n",
            "a\nb",
            "\x1b[2J",
            "\u{202e}txt",
            "naïve 日",
            "-x",
            "%s",
            "'",
            "''\\''",
        ];
        let read = words(&command(all));
        assert_eq!(read, all.map(|word| word.as_bytes().to_vec()));
        let no_text = OsStr::from_bytes(b"caf\xe9 $x");
        assert_eq!(words(&quoted(no_text)), [no_text.as_bytes()]);
    }

    proptest! {
        #![proptest_config(crate::drawn::config(48))]
        #[test]
        fn any_word_comes_back_and_hides_nothing(text in "[^\\x00]{0,24}") {
            let word = text.trim_end_matches('\n');
            let quoted = quoted(word);
            prop_assert_eq!(visible(&quoted), quoted.clone());
            prop_assert!(!quoted.contains(['`', '|']));
            prop_assert_eq!(words(&quoted), vec![word.as_bytes().to_vec()]);
        }
    }

    #[test]
    fn a_name_that_looks_like_an_option_is_none() {
        assert_eq!(gsictl("wait", &["orders", "by-day"]), "gsictl wait orders by-day");
        assert_eq!(gsictl("wait", &["-orders", "by-day"]), "gsictl wait -- -orders by-day");
        assert_eq!(gsictl::<&str>("rollback", &[]), "gsictl rollback");
        assert_eq!(
            with_options("gsictl wait -- -orders", "--local"),
            "gsictl wait --local -- -orders"
        );
    }

    #[test]
    fn every_command_of_an_advice_is_completed_and_nothing_else() {
        let complete = |command: &str| format!("{command} --state-dir 'my dir'");
        assert_eq!(
            in_commands("run `gsictl wait a` or `aws sso login`, not `UpdateTable`", complete),
            "run `gsictl wait a --state-dir 'my dir'` or `aws sso login --state-dir 'my dir'`, \
             not `UpdateTable`"
        );
        assert_eq!(in_commands("gsictl wait a", complete), "gsictl wait a");
    }
}
