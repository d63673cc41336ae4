//! From the bytes of a file that somebody hands in to its text.
//!
//! Editors and shells of other systems begin a file with a byte order mark, or write it
//! in UTF-16: PowerShell's `>` does both. Every file that is named on the command line
//! passes through here, so that what one command reads every other reads too. Files that
//! this program owns (the state in its directory, a cursor) do not: in them such a
//! change is damage.

use std::borrow::Cow;

/// Bytes that are no text, with what of them can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotText {
    /// What is wrong, as a sentence.
    pub what: String,
    /// What would be right.
    pub help: &'static str,
    /// The text in front of the first bytes that are none.
    pub before: String,
    /// These bytes, at most four.
    pub found: Vec<u8>,
}

const UTF_8: &str = "save it as UTF-8";

/// How the bytes of a file are to be read, and those behind its byte order mark.
enum Encoded<'b> {
    Utf8(&'b [u8]),
    Utf16(&'b [u8], Order),
    Utf32,
}

/// Which byte of a unit of UTF-16 comes first.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn unit(self, pair: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(pair),
            Self::Big => u16::from_be_bytes(pair),
        }
    }
}

impl<'b> Encoded<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => Self::Utf8(rest),
            // A file of UTF-16 does not go on with a NUL, which is no text.
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Self::Utf32,
            [0xFF, 0xFE, rest @ ..] => Self::Utf16(rest, Order::Little),
            [0xFE, 0xFF, rest @ ..] => Self::Utf16(rest, Order::Big),
            _ => Self::Utf8(bytes),
        }
    }
}

/// The text of a file: UTF-8 with or without a byte order mark, or UTF-16 with one. The
/// mark is no part of it, line ends stay as they are.
///
/// # Errors
/// [`NotText`] says what the bytes are instead, as far as can be told.
pub fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    match Encoded::of(bytes) {
        Encoded::Utf8(rest) if is_unmarked_utf16(rest) => Err(NotText {
            what: "the file is UTF-16 without a byte order mark".to_owned(),
            help: "save it as UTF-8, or as UTF-16 with a byte order mark",
            before: String::new(),
            found: rest[..4].to_vec(),
        }),
        Encoded::Utf8(rest) => utf8(rest).map(Cow::Borrowed),
        Encoded::Utf16(rest, order) => utf16(rest, order).map(Cow::Owned),
        Encoded::Utf32 => Err(NotText {
            what: "the file is UTF-32, which is not read".to_owned(),
            help: UTF_8,
            before: String::new(),
            found: bytes[..4].to_vec(),
        }),
    }
}

/// The text that a file begins with, of its first bytes alone: a character that they cut
/// in two is replaced.
#[must_use]
pub fn beginning_of(bytes: &[u8]) -> Cow<'_, str> {
    match Encoded::of(bytes) {
        Encoded::Utf8(rest) => String::from_utf8_lossy(rest),
        Encoded::Utf16(rest, order) => {
            let units: Vec<_> = units(rest, order).collect();
            Cow::Owned(String::from_utf16_lossy(&units))
        }
        Encoded::Utf32 => Cow::Borrowed(""),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, NotText> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        NotText {
            what: "the file is not UTF-8 text".to_owned(),
            help: UTF_8,
            before: String::from_utf8_lossy(valid).into_owned(),
            found: first(rest),
        }
    })
}

fn units(bytes: &[u8], order: Order) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(move |pair| order.unit([pair[0], pair[1]]))
}

fn utf16(bytes: &[u8], order: Order) -> Result<String, NotText> {
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    let broken = |text: String, at: usize| NotText {
        what: "the file begins as UTF-16 and does not go on as such".to_owned(),
        help: UTF_8,
        before: text,
        found: first(&bytes[at.min(bytes.len())..]),
    };
    for character in char::decode_utf16(units(bytes, order)) {
        match character {
            Ok(character) => {
                at += 2 * character.len_utf16();
                text.push(character);
            }
            Err(_) => return Err(broken(text, at)),
        }
    }
    // Half a unit at the end: the file was cut off.
    if bytes.len() % 2 == 1 { Err(broken(text, at)) } else { Ok(text) }
}

fn first(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().take(4).copied().collect()
}

/// Definitions begin with characters of ASCII, of which UTF-16 makes every other byte 0.
fn is_unmarked_utf16(bytes: &[u8]) -> bool {
    let [a, b, c, d, ..] = *bytes else { return false };
    let plain = |x: u8, y: u8| x != 0 && y != 0;
    (plain(a, c) && b == 0 && d == 0) || (plain(b, d) && a == 0 && c == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn a_text_is_the_same_in_every_encoding_that_is_read() {
        let text = "é: 😀\r\n";
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
            utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
        ] {
            assert_eq!(text_of(&bytes).as_deref(), Ok(text), "{bytes:x?}");
            assert_eq!(beginning_of(&bytes), text);
        }
        assert_eq!(text_of(b"").as_deref(), Ok(""));
        assert_eq!(text_of(b"\xEF\xBB\xBF").as_deref(), Ok(""));
        assert_eq!(text_of(b"\xFF\xFE").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_text_is_named_for_what_it_is() {
        let mut cut = utf16("\u{feff}ab", u16::to_le_bytes);
        cut.push(b'c');
        let mut half_a_pair = utf16("\u{feff}ab", u16::to_be_bytes);
        half_a_pair.extend([0xD8, 0, 0, b'x']);
        for (bytes, what, before) in [
            (utf16("{\"a", u16::to_le_bytes), "UTF-16 without a byte order mark", ""),
            (utf16("{\"a", u16::to_be_bytes), "UTF-16 without a byte order mark", ""),
            (b"\xFF\xFE\0\0a\0\0\0".to_vec(), "UTF-32", ""),
            (b"\0\0\xFE\xFF\0\0\0a".to_vec(), "UTF-32", ""),
            (b"ab\xFFc".to_vec(), "not UTF-8", "ab"),
            (cut, "does not go on", "ab"),
            (half_a_pair, "does not go on", "ab"),
        ] {
            let error = text_of(&bytes).unwrap_err();
            assert!(error.what.contains(what), "{error}");
            assert_eq!(error.before, before);
            assert!(error.help.contains("UTF-8"));
        }
    }

    #[test]
    fn the_beginning_of_a_file_may_end_inside_of_a_character() {
        let bytes = utf16("\u{feff}a😀", u16::to_le_bytes);
        assert!(beginning_of(&bytes[..6]).starts_with('a'));
        assert!(beginning_of(&bytes[..5]).starts_with('a'));
        assert!(beginning_of(&"aé".as_bytes()[..2]).starts_with('a'));
    }
}
