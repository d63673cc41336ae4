//! Settings of others (variables, options, profiles, credentials of helpers), judged
//! before anything uses them.
//!
//! The AWS SDK panics on an access key with a line break, and shows the whole request for
//! an endpoint with one. Whoever hands a setting to it asks here first.

use crate::text::is_hidden;

/// Why DynamoDB cannot be asked with the settings that were found. Nothing was called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingError {
    /// What is the matter with which setting, without the value of a secret.
    pub message: String,
    /// What to do: a command or an action.
    pub next: String,
    /// Whether it stands on the command line.
    pub of_option: bool,
}

/// What a setting is, and so which characters it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// It goes into a header of each request.
    AccessKey,
    /// It signs requests. Nothing shows it.
    SecretKey,
    /// It goes into a header of each request.
    SessionToken,
    /// It goes into host names and signatures.
    Region,
    /// A name in a file.
    Profile,
    /// A URL. What else is wrong with it is told by [`crate::endpoint::Endpoint::of_url`].
    Endpoint,
    /// A path of a file.
    Path,
    /// Anything else.
    Value,
}

impl SettingKind {
    fn words(self) -> &'static str {
        match self {
            Self::AccessKey => "the access key",
            Self::SecretKey => "the secret key",
            Self::SessionToken => "the session token",
            Self::Region => "the region",
            Self::Profile => "the profile's name",
            Self::Endpoint => "the endpoint",
            Self::Path => "the path of a file",
            Self::Value => "the value",
        }
    }

    fn may_hold(self, c: char) -> bool {
        match self {
            Self::AccessKey | Self::SessionToken => c.is_ascii_graphic(),
            // Made-up ones for local servers may be a sentence.
            Self::SecretKey => c.is_ascii_graphic() || c == ' ',
            // As a label of a host's name, which the SDK insists on.
            Self::Region => c.is_ascii_alphanumeric() || c == '-',
            Self::Profile | Self::Endpoint | Self::Path | Self::Value => !is_hidden(c),
        }
    }
}

/// Where a setting was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingSource<'a> {
    /// An option of the command line, `--region`.
    Option(&'a str),
    /// A variable of the environment.
    Variable(&'a str),
    /// Anything else, in words: "the profile `work`".
    Elsewhere(&'a str),
}

impl SettingSource<'_> {
    fn words(self) -> String {
        match self {
            Self::Option(name) | Self::Variable(name) => name.to_owned(),
            Self::Elsewhere(words) => words.to_owned(),
        }
    }
}

/// Whether a setting can be used.
///
/// # Errors
/// [`SettingError`] where it holds a character that none of its kind has.
pub fn judge(kind: SettingKind, source: SettingSource<'_>, text: &str) -> Result<(), SettingError> {
    let Some(flaw) = flaw(kind, text) else {
        return Ok(());
    };
    let message = format!("{} (from {}) {flaw}", kind.words(), source.words());
    let next = match source {
        SettingSource::Variable(name) if text.contains('\r') => {
            format!("remove it: export {name}=\"$(printf %s \"${name}\" | tr -d '\\r')\"")
        }
        SettingSource::Variable(name) => format!("set {name} again without it"),
        SettingSource::Option(name) => format!("correct {name}"),
        SettingSource::Elsewhere(words) => format!("correct it in {words}"),
    };
    Err(SettingError { message, next, of_option: matches!(source, SettingSource::Option(_)) })
}

/// A variable whose bytes are no text: nobody can use it.
#[must_use]
pub fn no_text(kind: SettingKind, variable: &str) -> SettingError {
    SettingError {
        message: format!("{} (from {variable}) is not text in UTF-8", kind.words()),
        next: format!("set {variable} again"),
        of_option: false,
    }
}

/// The first thing that is wrong, and how it may have come about. Never a legal
/// character: it may be part of a secret.
fn flaw(kind: SettingKind, text: &str) -> Option<String> {
    let legal = |c: char| kind.may_hold(c);
    let first = text.find(|c| !legal(c));
    let blank = |c: char| kind == SettingKind::SecretKey && c == ' ';
    let first = match first {
        Some(first) => first,
        None if kind == SettingKind::Region && text.starts_with('-') => 0,
        None if kind == SettingKind::Region && text.len() > 63 => {
            return Some("has more than 63 characters".to_owned());
        }
        None if text.starts_with(blank) => 0,
        None if text.ends_with(blank) => text.len() - 1,
        None => return None,
    };
    let rest = &text[first..];
    let c = rest.chars().next()?;
    let ends = first > 0 && !rest.contains(|c| legal(c) && !blank(c));
    let place = match text[..first].chars().count() {
        0 => "begins with".to_owned(),
        _ if ends => "ends in".to_owned(),
        before => format!("has at character {}", before + 1),
    };
    let cause = match c {
        '\r' => ": was it read from a file with Windows line ends?",
        '\n' if ends => ": was the line end of a file read with it?",
        '\u{feff}' => ": was it read from a file that begins with a byte order mark?",
        '"' | '\u{201c}' | '\u{201d}' => ": were the quotation marks copied with it?",
        _ => "",
    };
    Some(format!("{place} {}{cause}", character(c)))
}

fn character(c: char) -> String {
    let name = match c {
        '\r' => "a carriage return",
        '\n' => "a line break",
        '\t' => "a tab",
        ' ' => "a space",
        '\0' => "a NUL character",
        '\u{a0}' => "a no-break space",
        '\u{200b}' => "a zero-width space",
        '\u{feff}' => "a byte order mark",
        '/' => "a slash",
        c if c.is_ascii_control() => {
            return format!("a control character (U+{:04X})", u32::from(c));
        }
        c if c.is_ascii() => return format!("`{c}`"),
        c if is_hidden(c) => {
            return format!("a character that is not seen (U+{:04X})", u32::from(c));
        }
        c => return format!("a character that is not ASCII (U+{:04X})", u32::from(c)),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::SettingKind as Kind;
    use super::*;

    fn said(kind: Kind, text: &str) -> String {
        let judged = judge(kind, SettingSource::Variable("AWS_X"), text);
        judged.map_or_else(|error| error.message, |()| String::new())
    }

    #[test]
    fn a_character_that_a_setting_cannot_hold_is_named_with_its_place_and_its_cause() {
        for (kind, text, told) in [
            (
                Kind::AccessKey,
                "AKIA\r",
                "the access key (from AWS_X) ends in a carriage return: was it read from a file \
                 with Windows line ends?",
            ),
            (Kind::AccessKey, "AKIA\r\n", "the access key (from AWS_X) ends in a carriage return"),
            (Kind::AccessKey, "\u{feff}AKIA", "begins with a byte order mark: was it read from"),
            (Kind::AccessKey, "AK IA", "the access key (from AWS_X) has at character 3 a space"),
            (Kind::AccessKey, "ÄKIA", "begins with a character that is not ASCII (U+00C4)"),
            (Kind::SecretKey, "s3cret\n", "the secret key (from AWS_X) ends in a line break: was"),
            (Kind::SecretKey, "s3cret ", "the secret key (from AWS_X) ends in a space"),
            (Kind::SecretKey, " s3cret", "the secret key (from AWS_X) begins with a space"),
            (Kind::SessionToken, "to\u{7}ken", "has at character 3 a control character (U+0007)"),
            (Kind::SessionToken, "to\u{200b}ken", "has at character 3 a zero-width space"),
            (Kind::Region, "eu-west-1\r", "the region (from AWS_X) ends in a carriage return"),
            (Kind::Region, "eu-west-1/x", "has at character 10 a slash"),
            (Kind::Region, "eu_west", "has at character 3 `_`"),
            (Kind::Region, "-eu", "begins with `-`"),
            (Kind::Region, &"x".repeat(64), "has more than 63 characters"),
            (Kind::Endpoint, "http://h\r", "the endpoint (from AWS_X) ends in a carriage return"),
            (Kind::Profile, "wo\trk", "the profile's name (from AWS_X) has at character 3 a tab"),
            (Kind::Path, "/ca.pem\r", "the path of a file (from AWS_X) ends in a carriage return"),
            (Kind::Value, "a\n", "the value (from AWS_X) ends in a line break"),
        ] {
            let shown = said(kind, text);
            assert!(shown.contains(told), "{text:?}: {shown}");
            assert!(!shown.contains("s3cret") && !shown.contains("AKIA"), "{shown}");
        }
    }

    #[test]
    fn what_people_use_is_legal() {
        for (kind, text) in [
            (Kind::AccessKey, "AKIAIOSFODNN7EXAMPLE"),
            (Kind::AccessKey, "local"),
            (Kind::SecretKey, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            (Kind::SecretKey, "not a secret"),
            (Kind::SessionToken, "FwoGZXIvYXdzEXAMPLE=="),
            (Kind::Region, "us-gov-west-1"),
            (Kind::Region, "localhost"),
            (Kind::Profile, "Müller & Söhne"),
            (Kind::Path, "/home/my files/ça.pem"),
            (Kind::Endpoint, "http://me:pw@h:1/t?k#f"),
            (Kind::Value, ""),
        ] {
            assert_eq!(said(kind, text), "", "{text}");
        }
    }

    #[test]
    fn what_to_do_depends_on_where_it_stands() {
        let next = |source| judge(Kind::Region, source, "eu\r").unwrap_err();
        let option = next(SettingSource::Option("--region"));
        assert_eq!((option.next.as_str(), option.of_option), ("correct --region", true));
        let variable = next(SettingSource::Variable("AWS_REGION"));
        assert_eq!(
            (variable.next.as_str(), variable.of_option),
            ("remove it: export AWS_REGION=\"$(printf %s \"$AWS_REGION\" | tr -d '\\r')\"", false)
        );
        let elsewhere = next(SettingSource::Elsewhere("the profile `work`"));
        assert_eq!(elsewhere.next, "correct it in the profile `work`");
    }
}
