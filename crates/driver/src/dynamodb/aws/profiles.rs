//! The files with profiles, read by the SDK and judged by [`gsictl_core::profile`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_config::profile::{Profile, ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};
use gsictl_core::profile::{Base, Chain, Chosen, KEYS, Profiles, Section};
use gsictl_core::setting::SettingError;

use super::error::chain;
use super::settings::judge_keys;
use super::{AwsOptions, settings};

/// What the files say, and which profile of them is taken.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) chosen: Chosen,
    set: ProfileSet,
    profiles: Profiles,
    has_unread: bool,
}

impl Found {
    /// Reads the files anew.
    ///
    /// # Errors
    /// [`SettingError`] where they have a line that nobody understands, and where the
    /// profile that was named is not in them.
    pub(super) async fn read(options: &AwsOptions) -> Result<Self, SettingError> {
        #[expect(deprecated, reason = "its new name is in a crate that is used for nothing else")]
        let places = aws_config::profile::profile_file::ProfileFiles::default();
        let set = load(&Fs::real(), &Env::real(), &places, None).await;
        let files = Files::look();
        let set = set.map_err(|error| SettingError {
            message: format!("the profiles cannot be read: {}", on_one_line(&chain(&error))),
            next: if files.marked {
                "save the file as UTF-8 without a byte order mark".to_owned()
            } else {
                "correct the file".to_owned()
            },
            of_option: false,
        })?;
        let section = |name: &str| (name.to_owned(), section(set.get_profile(name)));
        let sections = set.profiles().map(section).collect();
        let profiles = Profiles { sections, files: files.words };
        let found = Self { chosen: chosen(options), profiles, has_unread: files.unread, set };
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

    /// Whether there is a file that the SDK takes for an empty one.
    pub(super) fn has_a_file_that_is_not_read(&self) -> bool {
        self.has_unread
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
    let mut named =
        named.filter_map(|name| Some(Chosen::Variable(name, settings::variable(name)?)));
    named.next().unwrap_or(Chosen::Default)
}

fn section(profile: Option<&Profile>) -> Section {
    let value = |key: &str| Some((key.to_owned(), profile?.get(key)?.to_owned()));
    KEYS.into_iter().filter_map(value).collect()
}

/// Both files, as far as the SDK does not tell of them: it takes one that it cannot read
/// for an empty one.
#[derive(Debug)]
struct Files {
    /// Each that is there or was named, with what is the matter with it.
    words: String,
    /// One is there and cannot be read.
    unread: bool,
    /// One begins with a byte order mark, which the SDK takes for a part of its first line.
    marked: bool,
}

impl Files {
    fn look() -> Self {
        let mut files = Self { words: String::new(), unread: false, marked: false };
        let of = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        let shown: Vec<_> = of.iter().filter_map(|(name, file)| files.add(name, file)).collect();
        files.words = if shown.is_empty() {
            format!("{} (which does not exist)", expanded("~/.aws/config").display())
        } else {
            shown.join(" and ")
        };
        files
    }

    /// One of them in words; `None` where it is not there and nobody named it.
    fn add(&mut self, variable: &str, file: &str) -> Option<String> {
        let named = settings::variable(variable);
        let path = expanded(&named.clone().unwrap_or_else(|| format!("~/.aws/{file}")));
        let shown = path.display();
        match std::fs::read(&path) {
            Ok(bytes) if std::str::from_utf8(&bytes).is_ok() => {
                self.marked |= bytes.starts_with(b"\xef\xbb\xbf");
                Some(shown.to_string())
            }
            Ok(_) => {
                self.unread = true;
                Some(format!("{shown} (which is not text in UTF-8)"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                named.map(|_| format!("{shown} ({variable}, which does not exist)"))
            }
            Err(error) => {
                self.unread = true;
                Some(format!("{shown} (which cannot be read: {error})"))
            }
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}
