//! The one error type of the command line: what happened, what to do next, and
//! the exit code.

use gsictl_core::call::{CallError, ErrorKind};
use gsictl_core::check::CursorError;
use gsictl_core::definition::Diagnostics;
use gsictl_core::endpoint::Endpoint;
use gsictl_core::plan::saved::{Stale, UnreadablePlan};
use gsictl_core::region::is_opt_in;
use gsictl_core::retry::Rule;
use gsictl_core::state::{Elsewhere, Target};
use gsictl_core::survey::SurveyError;
use gsictl_driver::apply::ApplyError;
use gsictl_driver::check::CheckError;
use gsictl_driver::demo::SeedError;
use gsictl_driver::dynamodb::ConnectError;
use gsictl_driver::rollback::RollbackError;
use gsictl_driver::store::{LockError, STATE_FILE, StoreError};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// Something that should not happen.
    Unexpected,
    /// The command line or the definitions.
    Usage,
    /// Some indexes failed, or cannot be created.
    Incomplete,
    /// Changes are pending.
    Pending,
    /// The state is locked, damaged, or belongs elsewhere; or so it is with a
    /// saved plan, or it is out of date.
    State,
    /// Interrupted; the state is saved.
    Interrupted,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Pending => 4,
            Self::State => 5,
            Self::Interrupted => 130,
        }
    }
}

/// What ends a command early.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// What there is more to say of it, a line each.
    pub(crate) details: Vec<String>,
    pub(crate) hints: Vec<String>,
    /// Mistakes in definitions, each with its place.
    pub(crate) diagnostics: Option<Diagnostics>,
    /// DynamoDB was asked, and it is of interest where.
    contact: bool,
    /// AWS does not know the credentials there.
    unknown_keys: bool,
    /// It is about a saved plan, so that the definitions are not in the file that was
    /// given: no hint names that one.
    pub(crate) of_plan: bool,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            details: Vec::new(),
            hints: Vec::new(),
            diagnostics: None,
            contact: false,
            unknown_keys: false,
            of_plan: false,
        }
    }

    /// A request to stop came before anything was done.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted; nothing was changed")
    }

    /// Says where DynamoDB was asked, if that is what failed.
    pub(crate) fn asked(mut self, target: &Target) -> Self {
        let endpoint = target.endpoint.as_ref().map(Endpoint::as_str);
        if !self.contact {
            return self;
        }
        if let Some(place) = endpoint.or(target.region.as_deref()) {
            self.message = format!("{place}: {}", self.message);
        }
        if let Some(region) = target.region.as_deref() {
            // An emulator has no regions that could be enabled.
            let on_aws = target.endpoint.as_ref().is_none_or(Endpoint::is_of_aws);
            if on_aws && self.unknown_keys && is_opt_in(region) {
                let hint = format!(
                    "see whether the account has enabled {region}, where it knows no credentials \
                     before: `aws account get-region-opt-status --region-name {region}`"
                );
                self.hints.insert(0, hint);
            }
            for hint in &mut self.hints {
                *hint = hint.replace("--region-name REGION", &format!("--region-name {region}"));
            }
        }
        self
    }

    /// Where `of_plan`, the file that was given is a saved plan.
    pub(crate) fn of_plan(mut self, of_plan: bool) -> Self {
        self.of_plan |= of_plan;
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<Diagnostics> for CliError {
    fn from(diagnostics: Diagnostics) -> Self {
        let count = diagnostics.len();
        let mistakes = if count == 1 { "mistake" } else { "mistakes" };
        let message = format!("{count} {mistakes} in the definitions; nothing was called");
        Self { diagnostics: Some(diagnostics), ..Self::new(Exit::Usage, message) }
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let held = matches!(error, LockError::Held { .. });
        let error = Self::new(Exit::State, error.to_string());
        if held {
            error.hint("wait until it ends, or use another --state-dir for other tables")
        } else {
            error
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let state_is_in_the_way = match &error {
            StoreError::NotAFile { path, .. } | StoreError::TooLarge { path, .. } => {
                path.file_name().is_some_and(|name| name == STATE_FILE)
            }
            _ => false,
        };
        let error = Self::new(Exit::State, error.to_string());
        if state_is_in_the_way {
            error.hint(
                "move it away; `gsictl state rebuild DEFS` then makes a new one from DynamoDB",
            )
        } else {
            error
        }
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Aws(error) if error.code == "InvalidEndpoint" => {
                Self::new(Exit::Usage, error.message)
                    .hint("correct --endpoint-url, or AWS_ENDPOINT_URL")
            }
            ConnectError::Setting(error) => {
                let exit = if error.of_option { Exit::Usage } else { Exit::Unexpected };
                Self::new(exit, error.message).hint(error.next)
            }
            ConnectError::Aws(error) => Self { contact: false, ..no_contact(&error, true) },
            ConnectError::Local { .. } => Self::new(Exit::Unexpected, error.to_string())
                .hint("name another database with --local=FILE"),
        }
    }
}

impl From<SeedError> for CliError {
    fn from(error: SeedError) -> Self {
        Self::new(Exit::Unexpected, format!("cannot make the tables: {error}"))
    }
}

impl From<SurveyError> for CliError {
    fn from(error: SurveyError) -> Self {
        match &error {
            SurveyError::Stopped => Self::interrupted(),
            SurveyError::Definitions(mistakes) => {
                let shown = Self::from(mistakes.clone());
                Self {
                    message: shown.message.replace("nothing was called", "nothing was changed"),
                    ..shown
                }
            }
            SurveyError::OtherRegion { table, .. } => {
                let region = table.arn().map_or("REGION", |arn| arn.region);
                Self::new(Exit::Usage, format!("{error}; nothing was called"))
                    .hint(format!("give --region {region}, or leave the table to a run of its own"))
            }
            SurveyError::Call { error: call, first_contact, .. } => {
                let mut shown = no_contact(call, *first_contact);
                shown.message = format!("{error}");
                shown
            }
        }
    }
}

/// DynamoDB cannot be asked: what to set.
pub(crate) fn no_contact(error: &CallError, first_contact: bool) -> CliError {
    let rule = Rule::of(error.kind);
    let said = match error.code.as_str() {
        // Nobody was asked: the message says it all.
        "NoRegion" | "NoCredentials" => error.message.clone(),
        _ => format!("{}: {error}", rule.name),
    };
    let shown = CliError::new(Exit::Unexpected, said);
    let hint = match error.kind {
        _ if certificate_hint(&error.message).is_some() => {
            certificate_hint(&error.message).unwrap_or_default()
        }
        ErrorKind::Connection | ErrorKind::Timeout if first_contact => {
            "check --endpoint-url (or AWS_ENDPOINT_URL), --region and the network"
        }
        // What is no DynamoDB refuses everything, or answers what nobody can read.
        ErrorKind::Validation | ErrorKind::Server if first_contact && !says_internal(error) => {
            "check --endpoint-url (or AWS_ENDPOINT_URL) and --region"
        }
        ErrorKind::CredentialsInvalid => {
            "set AWS_PROFILE or --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or run \
             `aws configure` or `aws sso login` (DynamoDB Local takes any: \
             AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local)"
        }
        ErrorKind::CredentialsExpired => "renew the credentials, for instance with `aws sso login`",
        ErrorKind::ClockSkew => {
            "this machine's clock differs from AWS's by minutes: set it, for instance with `timedatectl set-ntp true`"
        }
        ErrorKind::AccountNotEnabled if error.code.starts_with("Subscription") => {
            "finish the sign-up of the AWS account in its console (payment, identity, support \
             plan); until then none of its credentials are accepted"
        }
        ErrorKind::AccountNotEnabled => {
            "enable the region for the account, which takes some minutes: `aws account \
             enable-region --region-name REGION`; or finish the sign-up of the account"
        }
        ErrorKind::NoRegion => "give --region, or set AWS_REGION, or a region in the profile",
        _ => "nothing was changed: run the same command again",
    };
    let unknown_keys = error.code.starts_with("UnrecognizedClient");
    CliError { contact: true, unknown_keys, ..shown.hint(hint) }
}

/// What to do about a certificate that was refused, in the words of the TLS library.
fn certificate_hint(message: &str) -> Option<&'static str> {
    let (_, problem) = message.split_once("invalid peer certificate: ")?;
    // The signature is bad where another issuer of the same name is trusted.
    Some(if problem.starts_with("UnknownIssuer") || problem.starts_with("BadSignature") {
        "let AWS_CA_BUNDLE (or ca_bundle in the profile) name a PEM file with the certificate of \
         its issuer; that file takes the place of the system's authorities"
    } else if problem.starts_with("certificate not valid for name")
        || problem.starts_with("NotValidForName")
    {
        "correct the host in --endpoint-url (or AWS_ENDPOINT_URL), or see whether a proxy answers in its place"
    } else if problem.starts_with("certificate expired") || problem.starts_with("Expired") {
        "set this machine's clock, or renew the certificate of the server"
    } else {
        "see which certificate answers there, and whether a proxy answers in its place"
    })
}

/// An error of DynamoDB's own, or of the embedded engine's.
fn says_internal(error: &CallError) -> bool {
    matches!(error.code.as_str(), "InternalServerError" | "InternalFailure" | "LocalEngineFailure")
}

/// What makes a plan that is good again.
const NEW_PLAN: &str = "make a new one: `gsictl plan DEFS --save FILE`";

impl From<Stale> for CliError {
    fn from(error: Stale) -> Self {
        let shown = Self { of_plan: true, ..Self::new(Exit::State, error.to_string()) };
        match error {
            Stale::Elsewhere { .. } => {
                shown.hint("give the --profile, --region, --endpoint-url or --local of the plan")
            }
            Stale::Changed(changes) => {
                let message = "the saved plan is out of date:".to_owned();
                Self { message, details: changes, ..shown }
                    .hint("nothing was changed")
                    .hint(NEW_PLAN)
            }
        }
    }
}

impl From<UnreadablePlan> for CliError {
    fn from(error: UnreadablePlan) -> Self {
        let shown = Self { of_plan: true, ..Self::new(Exit::State, error.to_string()) };
        let shown = shown.hint(NEW_PLAN);
        match error {
            UnreadablePlan::Definitions(mistakes) => Self { diagnostics: Some(mistakes), ..shown },
            _ => shown,
        }
    }
}

impl From<ApplyError> for CliError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Lock(error) => error.into(),
            ApplyError::Store(error) => error.into(),
            ApplyError::Survey(error) => error.into(),
            ApplyError::Damaged { .. } => Self::new(Exit::State, error.to_string())
                .hint("the file was left as it is")
                .hint("`gsictl state rebuild DEFS` keeps it under another name and makes a new one from DynamoDB"),
            ApplyError::Stale(error) => error.into(),
            ApplyError::Check(error @ CheckError::Interrupted { .. }) => {
                Self::new(Exit::Interrupted, format!("the check was {error}; nothing was changed"))
            }
            ApplyError::Check(error) => error.into(),
            ApplyError::Elsewhere(error) => Self::new(Exit::State, error.to_string())
                .hint("name the place of the state with --profile, --region, --endpoint-url or --local, or use another --state-dir for this place")
                .hint("or put the state away with `gsictl state archive`: the next run begins anew"),
            ApplyError::Superseded { .. } => Self::new(Exit::State, error.to_string())
                .hint("move the state file away: the next run begins anew, from what DynamoDB shows"),
            ApplyError::NothingToResume => Self::new(Exit::Usage, error.to_string())
                .hint("leave out --resume to begin: the same command resumes by itself"),
        }
    }
}

/// A state that is held against another place than that of its tables.
impl From<Elsewhere> for CliError {
    fn from(error: Elsewhere) -> Self {
        Self::new(Exit::State, error.to_string()).hint(
            "ask the place where the indexes were created: --region, --endpoint-url, --profile or --local",
        )
    }
}

impl From<RollbackError> for CliError {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Lock(error) => error.into(),
            RollbackError::Store(error) => error.into(),
            RollbackError::Survey(error) => error.into(),
            RollbackError::Damaged { .. } => Self::new(Exit::State, error.to_string())
                .hint("the file was left as it is, and nothing was deleted")
                .hint("name an archive that is whole with --state FILE; `gsictl state list` shows them"),
            RollbackError::NoState => Self::new(Exit::State, error.to_string())
                .hint("name the directory of the run with --state-dir, or a file with --state"),
            RollbackError::OtherState { .. } => Self::new(Exit::State, error.to_string())
                .hint("put the state away with `gsictl state archive`, then run the same command again"),
            RollbackError::Superseded { .. } => Self::new(Exit::State, error.to_string())
                .hint("leave out --state, and move an older state file away: `gsictl rollback` takes the newest state")
                .hint("--superseded believes the older one all the same, and may delete an index that somebody made since; see what with --dry-run"),
            RollbackError::UnknownArchive { .. } => Self::new(Exit::State, error.to_string())
                .hint("nothing was deleted; move it away, or name a state with --state FILE --superseded"),
            RollbackError::Nowhere { .. } => Self::new(Exit::State, error.to_string())
                .hint("nothing was deleted; every state that gsictl wrote says it: the file was edited, or is not whole"),
            RollbackError::Unconfirmed { .. } => Self::new(Exit::State, error.to_string())
                .hint("give --profile of that account; if the tables were deleted: `gsictl state archive`"),
            RollbackError::Elsewhere(error) => Self::from(error)
                .hint("or name a state of this place with --state FILE; `gsictl state list` shows what there is"),
        }
    }
}

impl From<CheckError> for CliError {
    fn from(error: CheckError) -> Self {
        let text = error.to_string();
        match error {
            CheckError::Lock(error) => error.into(),
            CheckError::Store(error) => Self::new(Exit::State, error.to_string())
                .hint("keep the place of the check elsewhere with --state-dir"),
            CheckError::Survey(error) => error.into(),
            CheckError::Cursor { source: CursorError::OtherOptions { .. }, .. } => {
                Self::new(Exit::Usage, text).hint("nothing was read; leave out --resume to begin anew")
            }
            CheckError::Cursor { .. } => Self::new(Exit::State, text)
                .hint("nothing was read; leave out --resume to begin anew"),
            CheckError::NothingToResume { .. } => Self::new(Exit::Usage, text)
                .hint("leave out --resume to begin, or name the directory of the check with --state-dir"),
            CheckError::ViolationsStrange { .. } => Self::new(Exit::Usage, text)
                .hint("nothing was read; name another file with --violations"),
            CheckError::ViolationsTaken { .. } => Self::new(Exit::Usage, text)
                .hint("nothing was read; remove it, or name another file with --violations"),
            CheckError::ViolationsChanged { .. } => Self::new(Exit::State, text)
                .hint("nothing was read, and the file was left as it is; leave out --resume to begin anew"),
            CheckError::Violations { .. } => Self::new(Exit::Unexpected, text)
                .hint("make room, or name another file with --violations"),
            CheckError::Interrupted { .. } => Self::new(Exit::Interrupted, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use gsictl_core::call::Effect;

    use super::*;

    /// What is advised where a call ended so, in that region.
    fn advised(code: &str, region: &str, endpoint: Option<&str>) -> Vec<String> {
        let error = CallError::from_service(code, "no", Some(400));
        let target = Target {
            account: None,
            region: Some(region.to_owned()),
            endpoint: endpoint.map(Endpoint::read),
        };
        no_contact(&error, true).asked(&target).hints
    }

    #[test]
    fn unknown_keys_in_a_region_that_has_to_be_enabled_are_told_with_how_to_see_it() {
        let status = "`aws account get-region-opt-status --region-name af-south-1`";
        let unknown = "UnrecognizedClientException";
        assert!(advised(unknown, "af-south-1", None)[0].ends_with(status));
        let vpc = "https://vpce-1.dynamodb.af-south-1.vpce.amazonaws.com";
        assert!(advised(unknown, "af-south-1", Some(vpc))[0].ends_with(status));
        for (code, region, endpoint) in [
            (unknown, "eu-west-1", None),
            (unknown, "af-south-1", Some("http://localhost:8000")),
            ("IncompleteSignature", "af-south-1", None),
        ] {
            let hints = advised(code, region, endpoint);
            assert!(hints.len() == 1 && hints[0].starts_with("set AWS_PROFILE"), "{hints:?}");
        }
    }

    #[test]
    fn a_certificate_that_is_refused_is_told_with_what_makes_it_good() {
        for (problem, advice) in [
            ("UnknownIssuer", "let AWS_CA_BUNDLE"),
            ("BadSignature", "let AWS_CA_BUNDLE"),
            (
                "certificate not valid for name \"h\"; certificate is only valid for x",
                "correct the host",
            ),
            ("certificate expired: verification time 2", "set this machine's clock"),
            ("BadEncoding", "see which certificate answers there"),
        ] {
            let error = CallError {
                kind: ErrorKind::Connection,
                effect: Effect::NotApplied,
                code: "ConnectionFailed".to_owned(),
                message: format!("TLS handshake failed: invalid peer certificate: {problem}"),
            };
            let hints = no_contact(&error, true).hints;
            assert!(hints[0].starts_with(advice), "{problem}: {hints:?}");
        }
    }
}
