//! What is asked of JSON before it is turned into values, which can be a hundred times
//! as large as its text.

/// The most values (maps, lists, texts, numbers) that a file of JSON may hold where all
/// of them become values in memory: some 200 MB of the worst.
pub const MAX_VALUES: usize = 1_000_000;

/// More characters of an error are not kept: it may quote a text of megabytes.
const LONGEST_ERROR: usize = 300;

/// Whether these bytes may be read as values: no more than `most` of them.
///
/// # Errors
/// A phrase about the file, with the place where it is too much.
pub fn within(bytes: &[u8], most: usize) -> Result<(), String> {
    beyond(bytes, most).map_or(Ok(()), |at| {
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Err(format!("it holds more than {most} values, by line {line}"))
    })
}

/// Where there are more than `most` values. In front of every value but the first is
/// one of four characters; of text that is no JSON it may count too many.
fn beyond(bytes: &[u8], most: usize) -> Option<usize> {
    let (mut values, mut in_text, mut escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' | b',' | b':' if !in_text => {
                values += 1;
                if values > most {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// How many digits the longest whole number has, outside of texts.
pub fn longest_number(bytes: &[u8]) -> usize {
    let (mut longest, mut run, mut whole) = (0, 0, true);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'0'..=b'9' => run += 1,
            b'.' | b'e' | b'E' | b'+' => whole = false,
            _ => {
                if whole {
                    longest = longest.max(run);
                }
                (run, whole) = (0, true);
            }
        }
    }
    longest
}

/// JSON on one line, for a text that is known to be JSON.
#[must_use]
pub fn compact(text: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |c: &char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
        in_text || !c.is_ascii_whitespace()
    };
    text.chars().filter(keep).collect()
}

/// What serde says, and not more of it than anybody reads.
#[must_use]
pub fn said(error: &serde_json::Error) -> String {
    clip(error.to_string())
}

/// The same of any text.
#[must_use]
pub fn clip(text: String) -> String {
    match text.char_indices().nth(LONGEST_ERROR) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_what_stands_in_front_of_them() {
        let text = br#"{"a": [1, 2, "x,[{:\",", {"b": {}}]}"#;
        let count = (0..).find(|most| beyond(text, *most).is_none()).unwrap();
        assert_eq!(count, 9, "two maps and a list, two keys, and what lies between commas");
        assert_eq!(beyond(b"[0,0,0]", 2), Some(4));
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(within(many.as_bytes(), MAX_VALUES).unwrap_err().lines().count(), 1);
    }

    #[test]
    fn the_longest_whole_number_is_none_of_a_text_and_no_fraction() {
        let text = br#"{"12345": "123456", "a": [1, 1.23456789, 1e+100, -1234], "b": 12 }"#;
        assert_eq!(longest_number(text), 4);
    }

    #[test]
    fn compact_json_says_the_same() {
        let text = "{\n  \"a b\": [1, \"x \\\" y\\\\\", null]\n}\n";
        assert_eq!(compact(text), r#"{"a b":[1,"x \" y\\",null]}"#);
    }

    #[test]
    fn an_error_that_quotes_megabytes_is_short() {
        let text = format!("\"{}\"", "x".repeat(1 << 20));
        let error = serde_json::from_str::<u64>(&text).unwrap_err();
        assert!(said(&error).chars().count() <= LONGEST_ERROR + 1);
    }
}
