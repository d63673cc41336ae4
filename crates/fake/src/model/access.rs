//! Who may ask: credentials, the signature's date, and what policies allow.

use std::collections::BTreeSet;

use crate::clock::Elapsed;
use crate::date;
use crate::model::{ControlPlane, FakeRequest, short_name, text};
use crate::refusal::AwsRefusal;

/// How far a signature's date may be from AWS's clock, in seconds.
const SKEW_ALLOWED: i64 = 300;

/// An action that is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Denial {
    action: String,
    table: Option<String>,
    region: Option<String>,
}

/// Who may do what. By default everybody may do all, with a signature.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    denials: Vec<Denial>,
    expired: BTreeSet<String>,
    unknown: BTreeSet<String>,
    expires: Vec<(Elapsed, String)>,
    /// How far the fake's clock is ahead of the machine's, in seconds.
    pub(crate) clock_ahead: i64,
}

impl AccessRules {
    /// No policy allows this action (`UpdateTable`) on any table.
    pub fn deny(&mut self, action: &str) {
        self.denials.push(Denial { action: action.to_owned(), table: None, region: None });
    }

    /// No policy allows this action on that table.
    pub fn deny_on(&mut self, action: &str, table: &str) {
        let table = Some(table.to_owned());
        self.denials.push(Denial { action: action.to_owned(), table, region: None });
    }

    /// No policy allows this action in that region.
    pub fn deny_in(&mut self, action: &str, region: &str) {
        let region = Some(region.to_owned());
        self.denials.push(Denial { action: action.to_owned(), table: None, region });
    }

    pub(crate) fn deny_there(
        &mut self,
        action: String,
        table: Option<String>,
        region: Option<String>,
    ) {
        self.denials.push(Denial { action, table, region });
    }

    /// Takes back every denial of that action.
    pub fn allow(&mut self, action: &str) {
        self.denials.retain(|denial| denial.action != action);
    }

    /// Tokens of this access key have expired.
    pub fn expire(&mut self, access_key: &str) {
        self.expired.insert(access_key.to_owned());
    }

    /// Tokens of this access key expire then.
    pub fn expire_at(&mut self, moment: Elapsed, access_key: &str) {
        self.expires.push((moment, access_key.to_owned()));
    }

    /// AWS does not know this access key.
    pub fn forget(&mut self, access_key: &str) {
        self.unknown.insert(access_key.to_owned());
    }

    /// The fake's clock is ahead of this machine's; behind it, below zero.
    pub fn set_clock_ahead(&mut self, seconds: i64) {
        self.clock_ahead = seconds;
    }

    fn has_expired(&self, access_key: &str, now: Elapsed) -> bool {
        let due = |(moment, key): &(Elapsed, String)| *moment <= now && key == access_key;
        self.expired.contains(access_key) || self.expires.iter().any(due)
    }
}

impl ControlPlane {
    pub(crate) fn admit(&self, now: Elapsed, request: &FakeRequest) -> Result<(), AwsRefusal> {
        let Some(access_key) = &request.access_key else {
            let message = "Request is missing Authentication Token";
            return Err(AwsRefusal::new("MissingAuthenticationTokenException", message));
        };
        if self.access.unknown.contains(access_key) {
            let message = "The security token included in the request is invalid.";
            return Err(AwsRefusal::new("UnrecognizedClientException", message));
        }
        if self.access.has_expired(access_key, now) {
            let message = "The security token included in the request is expired";
            return Err(AwsRefusal::new("ExpiredTokenException", message));
        }
        check_date(request.signed_at, request.received_at)?;
        let table = short_name(text(&request.body, "TableName"));
        let denied = |denial: &&Denial| {
            denial.action == request.operation
                && denial.table.as_ref().is_none_or(|of| of == table)
                && denial.region.as_ref().is_none_or(|of| *of == request.region)
        };
        match self.access.denials.iter().find(denied) {
            Some(_) => Err(self.denied(request)),
            None => Ok(()),
        }
    }

    fn denied(&self, request: &FakeRequest) -> AwsRefusal {
        let FakeRequest { region, operation, body, .. } = request;
        let (account, table) = (&self.account, short_name(text(body, "TableName")));
        let message = format!(
            "User: arn:aws:iam::{account}:user/operator is not authorized to perform: \
             dynamodb:{operation} on resource: arn:aws:dynamodb:{region}:{account}:table/{table} \
             because no identity-based policy allows the dynamodb:{operation} action"
        );
        AwsRefusal::new("AccessDeniedException", message)
    }
}

/// What heals a skew reads the answer's `Date` header, and not these words.
fn check_date(signed_at: Option<i64>, now: i64) -> Result<(), AwsRefusal> {
    let Some(signed_at) = signed_at else { return Ok(()) };
    let [signed, clock] = [signed_at, now].map(date::to_signature);
    let bound = |seconds| date::to_signature(now + seconds);
    let message = if signed_at < now - SKEW_ALLOWED {
        let bound = bound(-SKEW_ALLOWED);
        format!("Signature expired: {signed} is now earlier than {bound} ({clock} - 5 min.)")
    } else if signed_at > now + SKEW_ALLOWED {
        let bound = bound(SKEW_ALLOWED);
        format!(
            "Signature not yet current: {signed} is still later than {bound} ({clock} + 5 min.)"
        )
    } else {
        return Ok(());
    };
    Err(AwsRefusal::new("InvalidSignatureException", message))
}
