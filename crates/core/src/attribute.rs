//! Values of attributes as text and as bytes: DynamoDB's JSON, and its sizes.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use crate::call::{Item, Value};

impl Value {
    /// AWS's word for its type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Its size without its name, as DynamoDB counts it
    /// ([item sizes](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)).
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number_size(number),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(values) => {
                CONTAINER_BYTES + values.iter().map(|v| ELEMENT_BYTES + v.size()).sum::<usize>()
            }
            Self::M(values) => {
                let element = |(name, v): (&String, &Self)| ELEMENT_BYTES + name.len() + v.size();
                CONTAINER_BYTES + values.iter().map(element).sum::<usize>()
            }
            Self::Ss(texts) => texts.iter().map(String::len).sum(),
            Self::Ns(numbers) => numbers.iter().map(|n| number_size(n)).sum(),
            Self::Bs(binaries) => binaries.iter().map(Vec::len).sum(),
        }
    }

    /// In DynamoDB's JSON: `{"S":"x"}`. Of what cannot be a key only the type.
    #[must_use]
    pub fn key_json(&self) -> serde_json::Value {
        match self {
            Self::S(text) => json!({ "S": text }),
            Self::N(number) => json!({ "N": number }),
            Self::B(bytes) => json!({ "B": base64(bytes) }),
            other => json!({ (other.type_name()): null }),
        }
    }

    fn from_key_json(value: &serde_json::Value) -> Option<Self> {
        let (name, value) = value.as_object()?.iter().next()?;
        let text = value.as_str()?;
        match name.as_str() {
            "S" => Some(Self::S(text.to_owned())),
            "N" => Some(Self::N(text.to_owned())),
            "B" => Some(Self::B(from_base64(text)?)),
            _ => None,
        }
    }
}

/// What a list or a map takes beside its elements.
pub(crate) const CONTAINER_BYTES: usize = 3;
/// What an element of a list or a map takes beside its value.
pub(crate) const ELEMENT_BYTES: usize = 1;

/// A key as the aws command line takes it: `{"pk":{"S":"x"}}`.
pub(crate) fn key_json<'a>(
    key: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> serde_json::Value {
    let pairs = key.into_iter().map(|(name, value)| (name.clone(), value.key_json()));
    let sorted: BTreeMap<_, _> = pairs.collect();
    json!(sorted)
}

/// The key that [`key_json`] wrote, or DynamoDB; `None` where it is no key.
pub(crate) fn key_from_json(key: &serde_json::Value) -> Option<Item> {
    key_from_map(key.as_object()?)
}

fn key_from_map(key: &Map<String, serde_json::Value>) -> Option<Item> {
    key.iter().map(|(name, value)| Some((name.clone(), Value::from_key_json(value)?))).collect()
}

/// A number in base 100 as DynamoDB keeps it: a byte for the exponent, one for
/// every two significant digits on their side of the point, and one more below
/// zero. Zero takes one. Measured on Amazon DynamoDB Local, which tells the size
/// of a key that is too long; AWS calls it approximate.
pub(crate) fn number_size(number: &str) -> usize {
    let Some(decimal) = Decimal::parse(number) else {
        return number.len();
    };
    if decimal.digits == 0 {
        return 1;
    }
    let first = decimal.magnitude.div_euclid(2);
    let last = (decimal.magnitude + 1 - i64::from(decimal.digits)).div_euclid(2);
    let pairs = usize::try_from(first - last + 1).unwrap_or(usize::MAX);
    1 + pairs + usize::from(decimal.negative)
}

/// Whether DynamoDB can keep a number: up to 38 significant digits, and a magnitude
/// of 1E-130 to 9.99...E+125, or zero
/// ([numbers](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html)).
pub(crate) fn number_fits(number: &str) -> bool {
    const DIGITS: u32 = 38;
    const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;
    Decimal::parse(number).is_some_and(|decimal| {
        decimal.digits == 0 || (decimal.digits <= DIGITS && MAGNITUDES.contains(&decimal.magnitude))
    })
}

/// A number by its significant digits.
struct Decimal {
    negative: bool,
    /// Significant ones: 0 for zero.
    digits: u32,
    /// The power of ten of the first significant digit.
    magnitude: i64,
}

impl Decimal {
    /// `None` for what is no number.
    fn parse(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mut digits, mut exponent) = (0_i64, 0_i64);
        let mut before_point = None;
        // The places of the first and the last digit that is not 0.
        let mut significant = None;
        for (at, byte) in unsigned.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    if byte != b'0' {
                        significant =
                            Some((significant.map_or(digits, |(first, _)| first), digits));
                    }
                    digits += 1;
                }
                b'.' if before_point.is_none() => before_point = Some(digits),
                b'e' | b'E' => {
                    // One that no number of DynamoDB comes near, and that is safe to
                    // reckon with.
                    exponent = unsigned[at + 1..].parse::<i32>().ok()?.into();
                    break;
                }
                _ => return None,
            }
        }
        if digits == 0 {
            return None;
        }
        let Some((first, last)) = significant else {
            return Some(Self { negative, digits: 0, magnitude: 0 });
        };
        let magnitude = before_point.unwrap_or(digits) - 1 - first + exponent;
        Some(Self { negative, digits: u32::try_from(last - first + 1).ok()?, magnitude })
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The standard alphabet with padding (RFC 4648).
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

/// The bytes of such a text; `None` where it is none.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    for chunk in letters.as_bytes().chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut bits = 0_u32;
        for n in 0..4 {
            let letter = chunk.get(n).copied().unwrap_or(b'A');
            let at = ALPHABET.iter().position(|known| *known == letter)?;
            bits = bits << 6 | u32::try_from(at).ok()?;
        }
        let all = bits.to_be_bytes();
        bytes.extend_from_slice(&all[1..chunk.len()]);
    }
    Some(bytes)
}

/// How many bytes such a text stands for, without reading it.
pub(crate) fn base64_bytes(text: &str) -> usize {
    let letters = text.len() - text.bytes().rev().take_while(|b| *b == b'=').count();
    letters * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_what_dynamodb_local_says() {
        let eight = "12345678901234567890123456789012345678";
        let sizes = [
            ("0", 1),
            ("-0.00", 1),
            ("1", 2),
            ("-1", 3),
            ("100", 2),
            ("1234", 3),
            ("1.5e10", 3),
            ("0.5", 2),
            ("0.05", 2),
            ("123", 3),
            (eight, 20),
            ("-12345678901234567890123456789012345678", 21),
        ];
        for (number, size) in sizes {
            assert_eq!(number_size(number), size, "{number}");
        }
    }

    #[test]
    fn numbers_out_of_dynamodbs_range_are_told_from_those_in_it() {
        let nines = "9".repeat(38);
        let fits = ["0", "-0", "1e125", "9.99e125", "1E-130", "-1.5", "00012.500", &nines];
        let not =
            ["1e126", "1e-131", "-1e126", "", "-", ".", "1e", "abc", "1e99999999999999999999"];
        for number in fits {
            assert!(number_fits(number), "{number}");
        }
        for number in not {
            assert!(!number_fits(number), "{number}");
        }
        for number in ["1e9223372036854775807", "-12e-9223372036854775808", "1e2147483647"] {
            assert!(!number_fits(number), "{number}");
            assert!(number_size(number) <= number.len(), "{number}");
        }
        assert!(!number_fits(&"1".repeat(39)));
        assert!(number_fits(&format!("1{}", "0".repeat(60))), "zeros are not significant");
    }

    #[test]
    fn keys_are_shown_as_the_aws_command_line_takes_them_and_read_again() {
        let key = Item::from([
            ("b".to_owned(), Value::B(vec![0, 255])),
            ("n".to_owned(), Value::N("1".to_owned())),
            ("s".to_owned(), Value::S("\"é\n".to_owned())),
        ]);
        let json = key_json(&key);
        assert_eq!(json.to_string(), r#"{"b":{"B":"AP8="},"n":{"N":"1"},"s":{"S":"\"é\n"}}"#);
        assert_eq!(key_from_json(&json), Some(key));
        for none in [json!([]), json!({"a": 1}), json!({"a": {"L": []}}), json!({"a": {"B": "?"}})]
        {
            assert_eq!(key_from_json(&none), None, "{none}");
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (text, coded) in texts.iter().zip(coded) {
            assert_eq!(base64(text.as_bytes()), coded);
            assert_eq!(from_base64(coded).as_deref(), Some(text.as_bytes()));
            assert_eq!(base64_bytes(coded), text.len());
        }
        assert_eq!(from_base64("Z"), None);
        assert_eq!(from_base64("Z*=="), None);
    }

    #[test]
    fn a_size_counts_every_element_of_what_is_nested() {
        let list = Value::L(vec![Value::S("abc".to_owned()), Value::Null]);
        assert_eq!(list.size(), 3 + (1 + 3) + (1 + 1));
        let map = Value::M([("ab".to_owned(), list)].into());
        assert_eq!(map.size(), 3 + (1 + 2 + 9));
        let set = Value::Ns(["1", "22"].map(str::to_owned).into());
        assert_eq!(set.size(), 2 + 2);
    }
}
