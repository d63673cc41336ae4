//! The files with profiles, read by the SDK and judged by [`gsictl_core::profile`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_config::profile::{Profile, ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};
use gsictl_core::profile::{Base, Chain, Chosen, KEYS, Profiles, Section};
use gsictl_core::setting::SettingError;

use super::AwsOptions;
use super::error::chain;
use super::settings::{judge_keys, variable};

/// What the files say, and which profile of them is taken.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) chosen: Chosen,
    set: ProfileSet,
    profiles: Profiles,
}

impl Found {
    /// Reads the files anew.
    ///
    /// # Errors
    /// [`SettingError`] where they have a line that nobody understands, and where the
    /// profile that was named is not in them.
    pub(super) async fn read(options: &AwsOptions) -> Result<Self, SettingError> {
        #[expect(deprecated, reason = "its new name is in a crate that is used for nothing else")]
        let files = aws_config::profile::profile_file::ProfileFiles::default();
        let set = load(&Fs::real(), &Env::real(), &files, None).await;
        let set = set.map_err(|error| SettingError {
            message: format!("the profiles cannot be read: {}", chain(&error)),
            next: "correct the file".to_owned(),
            of_option: false,
        })?;
        let section = |name: &str| (name.to_owned(), section(set.get_profile(name)));
        let sections = set.profiles().map(section).collect();
        let found = Self {
            chosen: chosen(options),
            profiles: Profiles { sections, files: files_in_words() },
            set,
        };
        found.profiles.chosen(&found.chosen)?;
        Ok(found)
    }

    /// Of the profile that is taken.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.profiles.sections.get(self.chosen.name())?.get(key).map(String::as_str)
    }

    /// Where the credentials come from; `None` where no profile has to do with it.
    pub(super) fn chain(&self) -> Result<Option<Chain>, SettingError> {
        let named = self.chosen != Chosen::Default;
        let Some(chain) = self.profiles.chain(&self.chosen)? else {
            return Ok(None);
        };
        if let Some(last) = self.set.get_profile(&chain.profile) {
            let key = |name| last.get(name);
            let from = format!("the profile `{}`", chain.profile);
            let (id, secret) = (key("aws_access_key_id"), key("aws_secret_access_key"));
            judge_keys(id, secret, key("aws_session_token"), &from)?;
        }
        Ok(Some(chain).filter(|chain| named || chain.base != Base::Nothing))
    }

    pub(super) fn files(&self) -> &str {
        &self.profiles.files
    }
}

/// As the aws command line looks for it.
fn chosen(options: &AwsOptions) -> Chosen {
    if let Some(name) = &options.profile {
        return Chosen::Option(name.clone());
    }
    let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter();
    let mut named = named.filter_map(|name| Some(Chosen::Variable(name, variable(name)?)));
    named.next().unwrap_or(Chosen::Default)
}

fn section(profile: Option<&Profile>) -> Section {
    let value = |key: &str| Some((key.to_owned(), profile?.get(key)?.to_owned()));
    KEYS.into_iter().filter_map(value).collect()
}

/// Both files, with what is the matter with them. The SDK takes one that it cannot read
/// for an empty one.
fn files_in_words() -> String {
    let of = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    let files = of.map(|(name, file)| {
        let set = variable(name);
        let is_set = set.is_some();
        let path = expanded(&set.unwrap_or_else(|| format!("~/.aws/{file}")));
        let shown = path.display();
        match std::fs::read(&path) {
            Ok(bytes) if std::str::from_utf8(&bytes).is_ok() => (true, shown.to_string()),
            Ok(_) => (true, format!("{shown} (which is not text in UTF-8)")),
            Err(error) if error.kind() == ErrorKind::NotFound && is_set => {
                (true, format!("{shown} ({name}, which does not exist)"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (false, format!("{shown} (which does not exist)"))
            }
            Err(error) => (true, format!("{shown} (which cannot be read: {error})")),
        }
    });
    let there = files.iter().filter(|(there, _)| *there).map(|(_, file)| file.as_str());
    let there: Vec<_> = there.collect();
    if there.is_empty() { files[0].1.clone() } else { there.join(" and ") }
}

fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}
