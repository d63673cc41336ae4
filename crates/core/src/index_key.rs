//! What DynamoDB demands of an item whose attributes are keys of an index.
//!
//! An item that does not meet it is left out of the index, and nothing says so, when the
//! index is built, and from then on every write of it to the table is refused
//! ([violations](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.ViolationDetection.html);
//! docs/dynamodb.md: left-out).
//! An item that lacks a key attribute is left out too, and that is fine: but the
//! attributes that it has are held to the same demands.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::attribute::{base64, number_fits};
use crate::call::Value;
use crate::definition::{KeyType, ScalarType};

/// The most bytes that a partition key may have, and a sort key
/// ([limits](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)).
/// The attributes of a multi-attribute key count together (measured on Amazon
/// DynamoDB Local).
#[must_use]
pub fn longest(key_type: KeyType) -> usize {
    match key_type {
        KeyType::Hash => 2_048,
        KeyType::Range => 1_024,
    }
}

/// What is the matter with a value, or with the values of a key together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is of another type than the index's key.
    WrongType,
    /// It is NULL: of another type too, but mostly meant as "there is none".
    Null,
    /// A string or a binary without a byte.
    Empty,
    /// More bytes than the key may have.
    TooLong,
    /// The attributes of a multi-attribute key have more bytes together than the
    /// key may have.
    TooLongTogether,
    /// A number that DynamoDB cannot keep.
    NumberOutOfRange,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::WrongType,
        Self::Null,
        Self::Empty,
        Self::TooLong,
        Self::TooLongTogether,
        Self::NumberOutOfRange,
    ];

    /// As it stands in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongType => "wrong_type",
            Self::Null => "null",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooLongTogether => "too_long_together",
            Self::NumberOutOfRange => "number_out_of_range",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A value as far as a key is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValue<'a> {
    /// A string.
    S(Cow<'a, str>),
    /// A number, in decimal text.
    N(Cow<'a, str>),
    /// A binary, in Base64, with the bytes that it stands for.
    B(Cow<'a, str>, usize),
    /// Anything else, by AWS's word for its type: no key can hold it.
    Other(&'static str),
}

impl<'a> From<&'a Value> for KeyValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::S(text) => Self::S(Cow::Borrowed(text)),
            Value::N(number) => Self::N(Cow::Borrowed(number)),
            Value::B(bytes) => Self::B(Cow::Owned(base64(bytes)), bytes.len()),
            other => Self::Other(other.type_name()),
        }
    }
}

impl KeyValue<'_> {
    /// AWS's word for its type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(..) => "B",
            Self::Other(name) => name,
        }
    }

    /// In DynamoDB's JSON; `None` for what is no scalar.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        match self {
            Self::S(text) | Self::N(text) | Self::B(text, _) => {
                Some(serde_json::json!({ (self.type_name()): text }))
            }
            Self::Other(_) => None,
        }
    }

    /// What keeps this value of `bytes` from being in a key of this sort.
    #[must_use]
    pub fn fault(&self, key_type: KeyType, wanted: ScalarType, bytes: usize) -> Option<Fault> {
        match (self, wanted) {
            (Self::S(_), ScalarType::S) | (Self::B(..), ScalarType::B) if bytes == 0 => {
                Some(Fault::Empty)
            }
            (Self::S(_), ScalarType::S) | (Self::B(..), ScalarType::B) => {
                (bytes > longest(key_type)).then_some(Fault::TooLong)
            }
            (Self::N(number), ScalarType::N) => {
                (!number_fits(number)).then_some(Fault::NumberOutOfRange)
            }
            (Self::Other("NULL"), _) => Some(Fault::Null),
            _ => Some(Fault::WrongType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(value: &Value, key_type: KeyType, wanted: ScalarType) -> Option<Fault> {
        KeyValue::from(value).fault(key_type, wanted, value.size())
    }

    #[test]
    fn each_demand_has_its_fault() {
        use KeyType::{Hash, Range};
        use ScalarType::{B, N, S};
        let text = |n| Value::S("x".repeat(n));
        let bytes = |n| Value::B(vec![0; n]);
        let number = |n: &str| Value::N(n.to_owned());
        let cases = [
            (text(1), Hash, S, None),
            (text(2_048), Hash, S, None),
            (text(2_049), Hash, S, Some(Fault::TooLong)),
            (text(1_024), Range, S, None),
            (text(1_025), Range, S, Some(Fault::TooLong)),
            (Value::S("é".repeat(513)), Range, S, Some(Fault::TooLong)),
            (text(0), Range, S, Some(Fault::Empty)),
            (bytes(2_048), Hash, B, None),
            (bytes(2_049), Hash, B, Some(Fault::TooLong)),
            (bytes(1_025), Range, B, Some(Fault::TooLong)),
            (bytes(0), Hash, B, Some(Fault::Empty)),
            (number("-1.5"), Hash, N, None),
            (number("1e126"), Hash, N, Some(Fault::NumberOutOfRange)),
            (number("1"), Hash, S, Some(Fault::WrongType)),
            (text(1), Hash, N, Some(Fault::WrongType)),
            (text(0), Hash, N, Some(Fault::WrongType)),
            (bytes(1), Hash, S, Some(Fault::WrongType)),
            (text(1), Hash, B, Some(Fault::WrongType)),
            (Value::Null, Range, N, Some(Fault::Null)),
            (Value::Bool(true), Range, S, Some(Fault::WrongType)),
            (Value::L(vec![]), Range, S, Some(Fault::WrongType)),
            (Value::M([].into()), Range, B, Some(Fault::WrongType)),
            (Value::Ss(["a".to_owned()].into()), Hash, S, Some(Fault::WrongType)),
        ];
        for (value, key_type, wanted, expected) in cases {
            let name = value.type_name();
            assert_eq!(fault(&value, key_type, wanted), expected, "{name} {key_type:?} {wanted:?}");
        }
    }
}
