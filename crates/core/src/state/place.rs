//! Where a state's tables are, and when two places are the same.
//!
//! A place is an account and a region, as the tables' ARNs tell them, whatever the
//! endpoint: the VPC, FIPS and dual-stack endpoints of a region lead to the same tables
//! as its public one. Where there is no account (emulators, the embedded engine) it is
//! the endpoint.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::endpoint::Endpoint;
use crate::name::{ACCOUNT_OF_EMULATORS, TableArn};

/// Where the tables are. What is `None` is not known, except that no endpoint
/// means AWS's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The account, out of the tables' ARNs.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The endpoint where it is not AWS's own.
    pub endpoint: Option<Endpoint>,
}

/// What was seen of the tables when two places are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// None was asked for yet: an account that is not known may be any.
    NotYet,
    /// There is none of them.
    NoTable,
    /// Some were seen: where no account is known now, there is none.
    Tables,
}

impl Looked {
    /// What `catalog` has seen.
    #[must_use]
    pub fn at(catalog: &Catalog) -> Self {
        // The table of an ARN may be of another account than the caller's.
        if catalog.own().next().is_some() { Self::Tables } else { Self::NoTable }
    }
}

/// The state belongs to another place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state file belongs to {what} {recorded:?}, this run is about {wanted:?}")]
pub struct Elsewhere {
    /// Which of them differs: `account`, `region` or `endpoint`.
    pub what: &'static str,
    /// As the state has it.
    pub recorded: String,
    /// As this run has it.
    pub wanted: String,
}

impl Target {
    /// The same with the account that the tables tell.
    #[must_use]
    pub fn seen_in(self, catalog: &Catalog) -> Self {
        Self { account: catalog.account().map(str::to_owned), ..self }
    }

    /// Whether `wanted` is the same place. What one side does not know is not compared.
    ///
    /// # Errors
    /// [`Elsewhere`] names both sides.
    pub fn is_at(&self, wanted: &Self, looked: Looked) -> Result<(), Elsewhere> {
        if *self == Self::default() {
            return Ok(());
        }
        differ("region", self.region.as_deref(), wanted.region.as_deref())?;
        let (own, other) = (self.own_endpoint(), wanted.own_endpoint());
        match (self.own_account(), wanted.own_account()) {
            (Some(recorded), Some(wanted)) => differ("account", Some(recorded), Some(wanted)),
            (Some(recorded), None) if wanted.has_no_account(looked, own == other) => {
                let none = format!("no account, but {}", wanted.endpoint_for_people());
                differ("account", Some(recorded), Some(&none))
            }
            (None, Some(account)) if own.is_some() && own != other => {
                let there = format!("account {account}");
                differ("endpoint", Some(self.endpoint_for_people()), Some(&there))
            }
            (None, None) if own != other => {
                let (recorded, wanted) = (self.endpoint_for_people(), wanted.endpoint_for_people());
                differ("endpoint", Some(recorded), Some(wanted))
            }
            _ => Ok(()),
        }
    }

    /// Whether the account that was recorded could not be told by any table: where all
    /// of them are gone, or these are the credentials of another account.
    #[must_use]
    pub fn is_unconfirmed_by(&self, seen: &Self) -> bool {
        self.own_account().is_some() && seen.account.is_none()
    }

    /// Whether a table of that ARN is one of the caller's own here.
    #[must_use]
    pub fn holds(&self, arn: &TableArn<'_>) -> bool {
        let here = (self.account.as_deref(), self.region.as_deref());
        here == (Some(arn.account), Some(arn.region))
    }

    /// The account, unless it is that of emulators.
    #[must_use]
    pub fn own_account(&self) -> Option<&str> {
        self.account.as_deref().filter(|account| *account != ACCOUNT_OF_EMULATORS)
    }

    /// The endpoint where it is none of AWS's.
    #[must_use]
    pub fn own_endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref().filter(|endpoint| !endpoint.is_of_aws())
    }

    /// Whether it is known that there is no account here.
    fn has_no_account(&self, looked: Looked, same_endpoint: bool) -> bool {
        let own = self.own_endpoint();
        match looked {
            Looked::Tables => true,
            Looked::NoTable => own.is_some() && !same_endpoint,
            // Whatever answers at a URL may be a way to AWS; a file is none.
            Looked::NotYet => own.is_some_and(|endpoint| endpoint.host().is_none()),
        }
    }

    /// The endpoint, or that it is AWS's own.
    pub(crate) fn endpoint_for_people(&self) -> &str {
        self.endpoint.as_ref().map_or("that of AWS", Endpoint::as_str)
    }
}

/// `account 111122223333 in eu-west-1`, or `eu-west-1 at http://127.0.0.1:8000`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_deref().unwrap_or("no region");
        match (self.own_account(), self.own_endpoint()) {
            (Some(account), _) => write!(f, "account {account} in {region}"),
            (None, Some(endpoint)) => write!(f, "{region} at {endpoint}"),
            (None, None) => f.write_str(region),
        }
    }
}

fn differ(
    what: &'static str,
    recorded: Option<&str>,
    wanted: Option<&str>,
) -> Result<(), Elsewhere> {
    match (recorded, wanted) {
        (Some(recorded), Some(wanted)) if recorded != wanted => {
            Err(Elsewhere { what, recorded: recorded.to_owned(), wanted: wanted.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "111122223333";
    const TWO: &str = "444455556666";
    const PUBLIC: &str = "https://dynamodb.eu-west-1.amazonaws.com";
    const VPC: &str = "https://vpce-1a-2b.dynamodb.eu-west-1.vpce.amazonaws.com";
    const FIPS: &str = "https://dynamodb-fips.eu-west-1.amazonaws.com";
    const LOCAL: &str = "http://127.0.0.1:8000";
    const OTHER_LOCAL: &str = "http://127.0.0.1:8001";
    const FILE: &str = "/srv/gsictl-local.db";

    fn target(account: Option<&str>, endpoint: Option<&str>) -> Target {
        Target {
            account: account.map(str::to_owned),
            region: Some("eu-west-1".to_owned()),
            endpoint: endpoint.map(Endpoint::read),
        }
    }

    /// What differs.
    fn compared(recorded: &Target, wanted: &Target, looked: Looked) -> Option<&'static str> {
        recorded.is_at(wanted, looked).err().map(|elsewhere| elsewhere.what)
    }

    #[test]
    fn an_account_and_a_region_are_one_place_whatever_the_endpoint() {
        for there in [None, Some(PUBLIC), Some(VPC), Some(LOCAL)] {
            for here in [None, Some(FIPS), Some(VPC), Some(OTHER_LOCAL)] {
                let (recorded, wanted) = (target(Some(ONE), there), target(Some(ONE), here));
                assert_eq!(
                    compared(&recorded, &wanted, Looked::Tables),
                    None,
                    "{there:?} {here:?}"
                );
                let other = target(Some(TWO), here);
                assert_eq!(compared(&recorded, &other, Looked::Tables), Some("account"));
            }
        }
        let elsewhere = Target { region: Some("us-east-1".to_owned()), ..target(Some(ONE), None) };
        let recorded = target(Some(ONE), None);
        assert_eq!(compared(&recorded, &elsewhere, Looked::NotYet), Some("region"));
    }

    #[test]
    fn without_an_account_the_endpoint_is_the_place() {
        for none in [None, Some(ACCOUNT_OF_EMULATORS)] {
            let recorded = target(none, Some(LOCAL));
            for looked in [Looked::NotYet, Looked::NoTable, Looked::Tables] {
                assert_eq!(compared(&recorded, &target(none, Some(LOCAL)), looked), None);
                let other = target(None, Some(OTHER_LOCAL));
                assert_eq!(compared(&recorded, &other, looked), Some("endpoint"));
                assert_eq!(compared(&recorded, &target(None, None), looked), Some("endpoint"));
                assert_eq!(
                    compared(&recorded, &target(None, Some(FILE)), looked),
                    Some("endpoint")
                );
            }
            let aws = target(Some(ONE), None);
            assert_eq!(compared(&recorded, &aws, Looked::Tables), Some("endpoint"));
        }
        let unknown = target(None, None);
        assert_eq!(compared(&unknown, &target(None, Some(VPC)), Looked::NotYet), None);
        assert_eq!(compared(&unknown, &target(Some(ONE), Some(VPC)), Looked::Tables), None);
    }

    #[test]
    fn an_emulator_is_no_account() {
        let recorded = target(Some(ONE), None);
        for (endpoint, account) in
            [(LOCAL, None), (LOCAL, Some(ACCOUNT_OF_EMULATORS)), (FILE, None)]
        {
            let wanted = target(account, Some(endpoint));
            assert_eq!(compared(&recorded, &wanted, Looked::Tables), Some("account"));
            assert_eq!(compared(&recorded, &wanted, Looked::NoTable), Some("account"));
        }
        let not_asked = target(None, Some(LOCAL));
        assert_eq!(compared(&recorded, &not_asked, Looked::NotYet), None, "it may be a way to AWS");
        let embedded = target(None, Some(FILE));
        assert_eq!(compared(&recorded, &embedded, Looked::NotYet), Some("account"));
    }

    #[test]
    fn an_account_that_no_table_tells_is_not_confirmed() {
        let recorded = target(Some(ONE), None);
        assert_eq!(compared(&recorded, &target(None, None), Looked::NoTable), None);
        assert!(recorded.is_unconfirmed_by(&target(None, None)));
        assert!(!recorded.is_unconfirmed_by(&target(Some(ONE), None)));
        assert!(!target(None, Some(LOCAL)).is_unconfirmed_by(&target(None, Some(LOCAL))));
    }

    #[test]
    fn a_place_is_told_by_what_makes_it_one() {
        let told = |account, endpoint| target(account, endpoint).to_string();
        assert_eq!(told(Some(ONE), Some(VPC)), "account 111122223333 in eu-west-1");
        assert_eq!(told(None, Some(LOCAL)), "eu-west-1 at http://127.0.0.1:8000");
        assert_eq!(told(None, None), "eu-west-1");
    }

    #[test]
    fn a_state_that_says_nothing_of_its_place_is_about_any() {
        let anywhere = Target::default();
        assert_eq!(compared(&anywhere, &target(Some(ONE), Some(LOCAL)), Looked::Tables), None);
    }
}
