//! Names of tables and indexes, checked once and carried as types.

use std::fmt;
use std::sync::Arc;

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
    /// An ARN, and not that of a table.
    #[error("{0}; the ARN of a table is arn:aws:dynamodb:REGION:ACCOUNT:table/NAME")]
    Arn(ArnError),
}

/// What is wrong with an ARN that should be that of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It has too few parts, or none where one must be.
    #[error("this ARN has no {0}")]
    Lacks(&'static str),
    /// A part is not what it should be.
    #[error("this ARN has the {what} {found:?}, not {wanted}")]
    Other {
        /// The part.
        what: &'static str,
        /// As it stands there.
        found: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// It names an index, a stream or a backup of a table.
    #[error("this ARN goes on behind the table's name ({0:?})")]
    GoesOn(String),
    /// The table's name in it is none.
    #[error("the table's name in this ARN is none: {0}")]
    Name(Box<NameError>),
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
        pub struct $name(Arc<str>);

        impl $name {
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
    /// A base table, by its name or by its ARN: DynamoDB takes either as `TableName` in
    /// every call, and the table of another account by its ARN alone
    /// ([docs](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html)).
    /// Two that differ may be one table, which only a description tells: see
    /// [`crate::identity`]. Cheap to clone.
    TableName
}
name_type! {
    /// The name of a Global Secondary Index. Cheap to clone.
    IndexName
}

impl IndexName {
    /// Takes a name that keeps AWS's rules.
    ///
    /// # Errors
    /// [`NameError`] says which rule the text breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name).map(|()| Self(name.into()))
    }
}

impl TableName {
    /// Takes a name that keeps AWS's rules, or the ARN of a table.
    ///
    /// # Errors
    /// [`NameError`] says which rule the text breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.starts_with(ARN) {
            TableArn::parse(name).map_err(NameError::Arn)?;
        } else {
            check(name)?;
        }
        Ok(Self(name.into()))
    }

    /// The table of an ARN.
    #[must_use]
    pub fn of(arn: &TableArn<'_>) -> Self {
        Self(arn.to_string().into())
    }

    /// The ARN, where it is named by one.
    #[must_use]
    pub fn arn(&self) -> Option<TableArn<'_>> {
        TableArn::parse(&self.0).ok()
    }

    /// The name without region and account: what CloudWatch calls the table, and what
    /// an answer calls it.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.arn().map_or(&self.0, |arn| arn.name)
    }

    /// What a policy of IAM calls it: its ARN, or what its ARN ends in.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.arn().is_some() { self.to_string() } else { format!("table/{self}") }
    }

    /// The table of that plain name in the caller's own account.
    #[must_use]
    pub fn to_plain(&self) -> Self {
        Self(self.plain().into())
    }

    /// The name by which another region's endpoint knows a replica of the table.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        match self.arn() {
            Some(arn) => Self::of(&TableArn { region, ..arn }),
            None => self.clone(),
        }
    }

    /// Whether an answer that calls its table `told` (by name or ARN) may be about this
    /// one. What one of the two does not say is not compared.
    #[must_use]
    pub fn is_told_as(&self, told: &str) -> bool {
        match (self.arn(), TableArn::parse(told)) {
            (Some(asked), Ok(told)) => {
                told.is_of_an_emulator() && asked.name == told.name || asked == told
            }
            (None, Ok(told)) => self.plain() == told.name,
            (_, Err(_)) => self.plain() == told,
        }
    }
}

/// What the ARN of anything begins with. No name holds a colon.
const ARN: &str = "arn:";

/// The account that emulators put into ARNs, whoever asks: it is nobody's.
pub(crate) const ACCOUNT_OF_EMULATORS: &str = "000000000000";

/// The ARN of a table: `arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableArn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov` and so on.
    pub partition: &'a str,
    /// The region. DynamoDB Local says `ddblocal`, whatever it was asked for.
    pub region: &'a str,
    /// Twelve digits; zeros of an emulator.
    pub account: &'a str,
    /// The table's name.
    pub name: &'a str,
}

impl<'a> TableArn<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// [`ArnError`] says what is wrong with it.
    pub fn parse(arn: &'a str) -> Result<Self, ArnError> {
        let mut parts = arn.splitn(6, ':');
        let mut next =
            |what| parts.next().filter(|part| !part.is_empty()).ok_or(ArnError::Lacks(what));
        part("beginning", next("beginning")?, "arn", |text| text == "arn")?;
        let partition =
            part("partition", next("partition")?, "aws, aws-cn or alike", is_partition)?;
        part("service", next("service")?, "dynamodb", |text| text == "dynamodb")?;
        let region = part("region", next("region")?, "letters, digits and '-'", is_words)?;
        let account = part("account", next("account")?, "12 digits", is_account)?;
        let resource = next("resource (table/NAME)")?;
        let Some(name) = resource.strip_prefix("table/") else {
            return Err(ArnError::Other {
                what: "resource",
                found: resource.to_owned(),
                wanted: "table/NAME",
            });
        };
        if let Some(at) = name.find('/') {
            return Err(ArnError::GoesOn(name[at..].to_owned()));
        }
        check(name).map_err(|error| ArnError::Name(Box::new(error)))?;
        Ok(Self { partition, region, account, name })
    }

    /// No account of AWS has zeros alone: emulators say so of every table, whatever
    /// account and region it was asked for in.
    #[must_use]
    pub fn is_of_an_emulator(&self) -> bool {
        self.account == ACCOUNT_OF_EMULATORS
    }
}

impl fmt::Display for TableArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(f, "arn:{partition}:dynamodb:{region}:{account}:table/{name}")
    }
}

fn part<'a>(
    what: &'static str,
    found: &'a str,
    wanted: &'static str,
    fits: impl Fn(&str) -> bool,
) -> Result<&'a str, ArnError> {
    if fits(found) {
        return Ok(found);
    }
    Err(ArnError::Other { what, found: found.to_owned(), wanted })
}

fn is_words(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_partition(text: &str) -> bool {
    is_words(text) && (text == "aws" || text.starts_with("aws-"))
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_OF_EMULATORS.len() && text.bytes().all(|b| b.is_ascii_digit())
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

    const ORDERS: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";

    fn table(text: &str) -> TableName {
        TableName::new(text).unwrap()
    }

    #[test]
    fn an_arn_names_a_table_and_no_index() {
        let orders = table(ORDERS);
        let arn = orders.arn().unwrap();
        assert_eq!(
            (arn.partition, arn.region, arn.account, arn.name),
            ("aws", "eu-west-1", "123456789012", "orders")
        );
        assert_eq!((arn.to_string().as_str(), orders.plain()), (ORDERS, "orders"));
        assert_eq!((table("orders").arn(), table("orders").plain()), (None, "orders"));
        for partition in ["aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"] {
            assert!(TableName::new(&ORDERS.replace(":aws:", &format!(":{partition}:"))).is_ok());
        }
        assert!(TableName::new("arn").is_ok(), "a table may have that name");
        assert!(IndexName::new(ORDERS).is_err());
    }

    #[test]
    fn what_is_wrong_with_an_arn_is_said_and_how_one_looks() {
        for (arn, says) in [
            ("arn:", "no partition"),
            ("arn:aws:dynamodb:eu-west-1", "no account"),
            ("arn:aws:dynamodb::123456789012:table/orders", "no region"),
            ("arn:aws:dynamodb:eu-west-1::table/orders", "no account"),
            ("arn:aws:s3:eu-west-1:123456789012:table/orders", "the service \"s3\", not dynamodb"),
            ("arn:amazon:dynamodb:eu-west-1:123456789012:table/orders", "the partition \"amazon\""),
            (
                "arn:aws:dynamodb:eu-west-1:12345:table/orders",
                "the account \"12345\", not 12 digits",
            ),
            ("arn:aws:dynamodb:EU:123456789012:table/orders", "the region \"EU\""),
            ("arn:aws:dynamodb:eu-west-1:123456789012:orders", "the resource \"orders\""),
            (
                "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/by-email",
                "goes on behind the table's name (\"/index/by-email\")",
            ),
            ("arn:aws:dynamodb:eu-west-1:123456789012:table/or", "3 to 255 characters"),
            ("arn:aws:dynamodb:eu-west-1:123456789012:table/a b c", "' ' is not allowed"),
        ] {
            let said = TableName::new(arn).unwrap_err().to_string();
            assert!(said.contains(says), "{arn}: {said}");
            assert!(said.ends_with("is arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"), "{said}");
        }
    }

    #[test]
    fn an_answer_is_about_a_table_where_what_both_say_agrees() {
        let emulated = "arn:aws:dynamodb:ddblocal:000000000000:table/orders";
        let others = ORDERS.replace('9', "0");
        for (asked, told, fits) in [
            ("orders", "orders", true),
            ("orders", ORDERS, true),
            ("orders", "bookings", false),
            (ORDERS, "orders", true),
            (ORDERS, ORDERS, true),
            (ORDERS, &others, false),
            (ORDERS, emulated, true),
            (ORDERS, &emulated.replace("orders", "others"), false),
        ] {
            assert_eq!(table(asked).is_told_as(told), fits, "{asked}, {told}");
        }
    }

    #[test]
    fn a_replica_has_the_arn_of_its_own_region() {
        let there = table(ORDERS).in_region("us-east-1");
        assert_eq!(there.as_str(), ORDERS.replace("eu-west-1", "us-east-1"));
        assert_eq!(table("orders").in_region("us-east-1"), table("orders"));
    }

    #[test]
    fn two_pairs_that_read_the_same_are_different_indexes() {
        let id =
            |t: &str, i: &str| IndexId::new(TableName::new(t).unwrap(), IndexName::new(i).unwrap());
        assert_eq!(id("aaa.bbb", "ccc").to_string(), id("aaa", "bbb.ccc").to_string());
        assert_ne!(id("aaa.bbb", "ccc"), id("aaa", "bbb.ccc"));
    }
}
