//! Names of tables and indexes, checked once and carried as types.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a name was refused. The rule is AWS's own for tables and indexes:
/// 3 to 255 characters out of `a-z A-Z 0-9 _ - .`
/// ([naming rules](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html)).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Fewer than 3 or more than 255 characters.
    #[error("a name has 3 to 255 characters, this one has {0}")]
    Length(usize),
    /// A character outside `a-z A-Z 0-9 _ - .`.
    #[error("{0:?} is not allowed in a name (letters, digits, '_', '-' and '.' are)")]
    Character(char),
}

fn check(name: &str) -> Result<(), NameError> {
    let bad = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if let Some(c) = name.chars().find(bad) {
        return Err(NameError::Character(c));
    }
    match name.len() {
        3..=255 => Ok(()),
        other => Err(NameError::Length(other)),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes a name that keeps AWS's rules.
            ///
            /// # Errors
            /// [`NameError`] says which rule the text breaks.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check(name).map(|()| Self(name.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(&name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name_type! {
    /// The name of a base table. Cheap to clone.
    TableName
}
name_type! {
    /// The name of a Global Secondary Index. Cheap to clone.
    IndexName
}

/// An index's identity: the pair of table and index. Both names may hold dots,
/// so the pair, not the text `table.index`, is what is compared (docs/state-file.md).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId {
    /// The base table.
    pub table: TableName,
    /// The index on it.
    pub index: IndexName,
}

impl IndexId {
    /// The index `index` of `table`.
    #[must_use]
    pub fn new(table: TableName, index: IndexName) -> Self {
        Self { table, index }
    }
}

impl fmt::Display for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.index)
    }
}

impl fmt::Debug for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_aws() {
        assert!(TableName::new("a.b-C_9").is_ok());
        assert_eq!(TableName::new("ab"), Err(NameError::Length(2)));
        assert_eq!(TableName::new(""), Err(NameError::Length(0)));
        assert!(TableName::new(&"x".repeat(255)).is_ok());
        assert_eq!(TableName::new(&"x".repeat(256)), Err(NameError::Length(256)));
        assert_eq!(IndexName::new("a/b"), Err(NameError::Character('/')));
        assert_eq!(IndexName::new("naïve"), Err(NameError::Character('ï')));
    }

    #[test]
    fn two_pairs_that_read_the_same_are_different_indexes() {
        let id =
            |t: &str, i: &str| IndexId::new(TableName::new(t).unwrap(), IndexName::new(i).unwrap());
        assert_eq!(id("aaa.bbb", "ccc").to_string(), id("aaa", "bbb.ccc").to_string());
        assert_ne!(id("aaa.bbb", "ccc"), id("aaa", "bbb.ccc"));
    }
}
