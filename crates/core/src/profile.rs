//! The profiles of `~/.aws/config` and `~/.aws/credentials`: what is named and missing,
//! and what the AWS SDK cannot do, is said before it is asked.

use std::collections::BTreeMap;

use crate::call::{CallError, ErrorKind};
use crate::definition::suggest::nearest;
use crate::setting::SettingError;
use crate::shell::quoted;

/// Key to value, of one profile.
pub type Section = BTreeMap<String, String>;

/// The keys that matter here; what else a profile has may be left out.
pub const KEYS: [&str; 14] = [
    "aws_access_key_id",
    "ca_bundle",
    "credential_process",
    "credential_source",
    "endpoint_url",
    "login_session",
    "mfa_serial",
    "region",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// The keys of which one is enough to have credentials.
const CREDENTIALS: [&str; 9] = [
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// How many names a message lists.
const LISTED: usize = 10;

/// Who said which profile to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// `--profile`. It goes before credentials in the environment.
    Option(String),
    /// This variable. Credentials in the environment go before it.
    Variable(&'static str, String),
    /// Nobody: `default`, if there is one.
    Default,
}

impl Chosen {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Option(name) | Self::Variable(_, name) => name,
            Self::Default => "default",
        }
    }
}

/// All profiles of this machine's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// By name.
    pub sections: BTreeMap<String, Section>,
    /// The files in words, as "/home/me/.aws/config and /home/me/.aws/credentials (which
    /// does not exist)".
    pub files: String,
}

/// What the credentials of a profile rest on at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// IAM Identity Center: `aws sso login`.
    Sso,
    /// A session of the console: `aws login`.
    Login,
    /// A program.
    Process,
    /// Anything else.
    Other,
    /// Nothing: the profile has no credentials.
    Nothing,
}

/// Where the chain of `source_profile` ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The last profile.
    pub profile: String,
    /// What it has.
    pub base: Base,
    /// The roles that are assumed one after the other, the last one first.
    pub roles: Vec<String>,
}

impl Profiles {
    /// The profile that was chosen; `None` where nobody chose and there is no default.
    ///
    /// # Errors
    /// [`SettingError`] where the profile that was named does not exist. As in the aws
    /// command line this is one even where the environment has credentials.
    pub fn chosen(&self, chosen: &Chosen) -> Result<Option<&Section>, SettingError> {
        let section = self.sections.get(chosen.name());
        if section.is_some() || *chosen == Chosen::Default {
            return Ok(section);
        }
        let from = match chosen {
            Chosen::Variable(variable, _) => format!(" (from {variable})"),
            Chosen::Option(_) | Chosen::Default => String::new(),
        };
        Err(self.missing(chosen.name(), &from))
    }

    fn missing(&self, name: &str, from: &str) -> SettingError {
        let mut names: Vec<_> = self.sections.keys().map(String::as_str).collect();
        let meant = nearest(name, &names);
        let more = names.len().saturating_sub(LISTED);
        names.truncate(LISTED);
        let there = match (names.is_empty(), more) {
            (true, _) => "there are no profiles".to_owned(),
            (false, 0) => format!("profiles there: {}", names.join(", ")),
            (false, more) => format!("profiles there: {} and {more} more", names.join(", ")),
        };
        let message = format!("there is no profile `{name}`{from} in {}; {there}", self.files);
        let next = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "make one with `aws configure`, or leave the profile out \
                                         and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned(),
            None => "name another profile with --profile or AWS_PROFILE, or make this one with \
                     `aws configure`"
                .to_owned(),
        };
        SettingError { message, next, of_option: false }
    }

    /// Follows `source_profile` to where the credentials come from; `None` where there is
    /// no such profile to begin with.
    ///
    /// # Errors
    /// [`SettingError`] where that leads nowhere, and where a role wants the code of a
    /// device, which only the aws command line asks for.
    pub fn chain(&self, chosen: &Chosen) -> Result<Option<Chain>, SettingError> {
        let mut name = chosen.name();
        let (mut roles, mut seen) = (Vec::new(), Vec::new());
        let Some(mut section) = self.sections.get(name) else {
            return Ok(None);
        };
        loop {
            seen.push(name);
            // After the first, the SDK takes keys before a role.
            let is_role = section.contains_key("role_arn")
                && !section.contains_key("web_identity_token_file")
                && (seen.len() == 1 || !section.contains_key("aws_access_key_id"));
            let Some(role) = section.get("role_arn").filter(|_| is_role) else {
                break;
            };
            if let Some(device) = section.get("mfa_serial") {
                return Err(wants_a_code(chosen, name, role, device));
            }
            roles.push(role.clone());
            let source = section.get("source_profile").map(String::as_str);
            let source = match (source, section.contains_key("credential_source")) {
                (Some(source), false) if source != name => source,
                (Some(_), false) | (None, true) => break,
                (Some(_), true) => return Err(of_role(name, "has both of them: keep one")),
                (None, false) => return Err(of_role(name, "has neither of them: add one")),
            };
            if seen.contains(&source) {
                return Err(circle(&seen, source));
            }
            section = self.sections.get(source).ok_or_else(|| self.no_source(name, source))?;
            name = source;
        }
        Ok(Some(Chain { profile: name.to_owned(), base: base(section), roles }))
    }

    fn no_source(&self, name: &str, source: &str) -> SettingError {
        let missing = self.missing(source, "");
        let message = format!(
            "the profile `{name}` takes its credentials from `{source}` (source_profile), and {}",
            missing.message
        );
        let next = if missing.next.starts_with("did you mean") {
            missing.next
        } else {
            format!("correct source_profile in the profile `{name}`, or add `{source}`")
        };
        SettingError { message, next, of_option: false }
    }
}

impl Chain {
    /// What to do where these credentials cannot be had, as far as the profile tells it.
    /// `files` are [`Profiles::files`].
    #[must_use]
    pub fn advice(&self, chosen: &Chosen, files: &str, error: &CallError) -> Option<SettingError> {
        let (profile, said) = (&self.profile, &error.message);
        let of = quoted(profile);
        if self.base == Base::Nothing {
            // Whatever is asked after the profile has none either.
            return (*chosen != Chosen::Default).then(|| SettingError {
                message: format!("the profile `{profile}` in {files} has no credentials"),
                next: format!("give it some: `aws configure --profile {of}`, `aws login --profile {of}` or `aws configure sso --profile {of}`"),
                of_option: false,
            });
        }
        // It was not answered, or not by who is meant.
        if matches!(error.kind, ErrorKind::Timeout) || is_about_the_way(said) {
            return None;
        }
        let next = match (self.base, self.roles.first()) {
            (_, Some(role)) if said.contains("AccessDenied") => format!(
                "allow sts:AssumeRole on {role} for the credentials of the profile `{profile}`, \
                 in the trust policy of the role too"
            ),
            (Base::Sso, _) => format!("sign in again: `aws sso login --profile {of}`"),
            (Base::Login, _) => format!("sign in again: `aws login --profile {of}`"),
            (Base::Process, _) => {
                format!("run the credential_process of the profile `{profile}` to see what it says")
            }
            (Base::Other | Base::Nothing, _) => return None,
        };
        let message = format!("the profile `{}` gives no credentials: {said}", chosen.name());
        Some(SettingError { message, next, of_option: false })
    }
}

/// Whether an error is about the network, in the words of the SDK.
fn is_about_the_way(said: &str) -> bool {
    ["dispatch failure", "timeout", "invalid peer certificate"].iter().any(|w| said.contains(w))
}

fn base(section: &Section) -> Base {
    // The SDK's order.
    let has = |key: &str| section.contains_key(key);
    if has("credential_source") || has("web_identity_token_file") {
        Base::Other
    } else if has("sso_session") || has("sso_start_url") || has("sso_account_id") {
        Base::Sso
    } else if has("login_session") {
        Base::Login
    } else if has("credential_process") {
        Base::Process
    } else if CREDENTIALS.into_iter().any(has) {
        Base::Other
    } else {
        Base::Nothing
    }
}

fn wants_a_code(chosen: &Chosen, name: &str, role: &str, device: &str) -> SettingError {
    let profile = chosen.name();
    let message = format!(
        "the profile `{name}` assumes the role {role} with a code of the device {device} \
         (mfa_serial), and codes are not asked for here"
    );
    let again = match chosen {
        Chosen::Option(_) => "run the same command again without --profile",
        // Credentials in the environment go before such a profile.
        Chosen::Variable(..) | Chosen::Default => "run the same command again",
    };
    let next = format!(
        "let the aws command line ask: `eval \"$(aws configure export-credentials --profile {} \
         --format env)\"`, then {again}",
        quoted(profile)
    );
    SettingError { message, next, of_option: false }
}

fn of_role(name: &str, flaw: &str) -> SettingError {
    SettingError {
        message: format!(
            "the profile `{name}` assumes a role (role_arn), which needs source_profile or \
             credential_source, and {flaw}"
        ),
        next: format!("correct the profile `{name}`"),
        of_option: false,
    }
}

fn circle(seen: &[&str], next: &str) -> SettingError {
    let names: Vec<_> = seen.iter().chain([&next]).map(|name| format!("`{name}`")).collect();
    SettingError {
        message: format!(
            "the profiles take their credentials from each other (source_profile): {}",
            names.join(" from ")
        ),
        next: "let one of them have credentials of its own".to_owned(),
        of_option: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(text: &str) -> Profiles {
        let mut sections = BTreeMap::<String, Section>::new();
        let mut name = "";
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once('=') {
                Some((key, value)) => {
                    let section = sections.entry(name.to_owned()).or_default();
                    section.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                None => {
                    name = line;
                    sections.entry(name.to_owned()).or_default();
                }
            }
        }
        Profiles { sections, files: "/h/.aws/config".to_owned() }
    }

    fn option(name: &str) -> Chosen {
        Chosen::Option(name.to_owned())
    }

    #[test]
    fn a_profile_that_does_not_exist_is_named_with_those_that_do() {
        let two = profiles("work\nhome");
        let error = two.chosen(&option("wrok")).unwrap_err();
        assert_eq!(
            error.message,
            "there is no profile `wrok` in /h/.aws/config; profiles there: home, work"
        );
        assert_eq!(error.next, "did you mean `work`?");
        let error = two.chosen(&Chosen::Variable("AWS_PROFILE", "nope".to_owned())).unwrap_err();
        assert!(
            error.message.starts_with("there is no profile `nope` (from AWS_PROFILE) in /h"),
            "{error}"
        );
        assert!(error.next.contains("AWS_PROFILE"), "{error:?}");
        let none = Profiles::default().chosen(&option("nope")).unwrap_err();
        assert!(none.message.ends_with("; there are no profiles"), "{none}");
        let many = (0..12).map(|n| format!("p{n}\n")).collect::<String>();
        let many = profiles(&many).chosen(&option("nope")).unwrap_err();
        assert!(many.message.ends_with("p7 and 2 more"), "{many}");
    }

    #[test]
    fn nobody_misses_a_default_that_nobody_named() {
        assert_eq!(Profiles::default().chosen(&Chosen::Default), Ok(None));
        assert_eq!(Profiles::default().chain(&Chosen::Default), Ok(None));
    }

    #[test]
    fn a_role_with_a_device_names_the_command_that_asks_for_the_code() {
        let text = "outer\nrole_arn=arn:outer\nsource_profile=my mfa\n\
                    my mfa\nrole_arn=arn:r\nmfa_serial=arn:device\nsource_profile=base\nbase";
        let error = profiles(text).chain(&option("my mfa")).unwrap_err();
        assert!(error.message.contains(
            "`my mfa` assumes the role arn:r with a code of the device arn:device (mfa_serial)"
        ));
        assert_eq!(
            error.next,
            "let the aws command line ask: `eval \"$(aws configure export-credentials --profile \
             'my mfa' --format env)\"`, then run the same command again without --profile"
        );
        // The whole chain is the command line's, from the profile that was named.
        let outer = Chosen::Variable("AWS_PROFILE", "outer".to_owned());
        let error = profiles(text).chain(&outer).unwrap_err();
        assert!(error.message.contains("the profile `my mfa`"), "{error}");
        assert!(error.next.contains("--profile outer --format env)\"`, then run the same command"));
        assert!(!error.next.contains("without"), "{error:?}");
    }

    #[test]
    fn a_chain_that_leads_nowhere_is_told_with_both_names() {
        for (text, told, next) in [
            (
                "a\nrole_arn=r\nsource_profile=bse\nbase",
                "the profile `a` takes its credentials from `bse` (source_profile), and there is \
                 no profile `bse` in /h/.aws/config; profiles there: a, base",
                "did you mean `base`?",
            ),
            (
                "a\nrole_arn=r\nsource_profile=other",
                "there is no profile `other`",
                "correct source_profile in the profile `a`, or add `other`",
            ),
            (
                "a\nrole_arn=r\nsource_profile=b\nb\nrole_arn=r\nsource_profile=a",
                "from each other (source_profile): `a` from `b` from `a`",
                "let one of them have credentials of its own",
            ),
            ("a\nrole_arn=r", "has neither of them: add one", "correct the profile `a`"),
            (
                "a\nrole_arn=r\nsource_profile=a\ncredential_source=Environment",
                "has both of them: keep one",
                "correct the profile `a`",
            ),
        ] {
            let error = profiles(text).chain(&option("a")).unwrap_err();
            assert!(error.message.contains(told), "{text}: {error}");
            assert_eq!(error.next, next, "{text}");
        }
    }

    #[test]
    fn a_chain_ends_where_the_credentials_are() {
        for (text, profile, base, roles) in [
            ("a\naws_access_key_id=k", "a", Base::Other, 0),
            ("a\nregion=eu", "a", Base::Nothing, 0),
            ("a\nsso_session=s\nmfa_serial=m", "a", Base::Sso, 0),
            ("a\nlogin_session=arn", "a", Base::Login, 0),
            ("a\ncredential_process=p", "a", Base::Process, 0),
            ("a\nrole_arn=r\nweb_identity_token_file=f", "a", Base::Other, 0),
            ("a\nrole_arn=r\ncredential_source=Environment", "a", Base::Other, 1),
            ("a\nrole_arn=r\nsource_profile=a\naws_access_key_id=k", "a", Base::Other, 1),
            ("a\nrole_arn=r\nsource_profile=b\nb\nsso_start_url=u", "b", Base::Sso, 1),
            (
                "a\nrole_arn=r\nsource_profile=b\nb\nrole_arn=q\nsource_profile=c\nc\nlogin_session=s",
                "c",
                Base::Login,
                2,
            ),
            (
                "a\nrole_arn=r\nsource_profile=b\nb\nrole_arn=q\nmfa_serial=m\naws_access_key_id=k",
                "b",
                Base::Other,
                1,
            ),
        ] {
            let chain = profiles(text).chain(&option("a")).unwrap().unwrap();
            let told = (chain.profile.as_str(), chain.base, chain.roles.len());
            assert_eq!(told, (profile, base, roles), "{text}");
        }
    }
}
