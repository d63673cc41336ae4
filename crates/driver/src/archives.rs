//! The archived states of a directory, placed by lineage and serial.

use std::path::PathBuf;

use gsictl_core::state::{Looked, Serial, State, Target};
use gsictl_core::succession::{Ancestry, newest, successor};
use gsictl_core::time::Timestamp;

use crate::store::{StateStore, StoreError};

/// What the archives of a store say of themselves.
#[derive(Clone, Debug, Default)]
pub struct Archives {
    /// Those that can be read.
    pub known: Vec<(String, Ancestry)>,
    /// Those that cannot: any of them may be the newest.
    pub unknown: Vec<String>,
}

impl Archives {
    /// Looks at every archive of `store`, one after another.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed. One that cannot be read is
    /// [`Archives::unknown`].
    pub fn look(store: &mut dyn StateStore) -> Result<Self, StoreError> {
        let mut archives = Self::default();
        for name in store.archives()? {
            let bytes = store.load_archive(&name).ok();
            match bytes.and_then(|bytes| Ancestry::of(&bytes)) {
                Some(ancestry) => archives.known.push((name, ancestry)),
                None => archives.unknown.push(name),
            }
        }
        Ok(archives)
    }

    /// The name of the newest one that can be read.
    #[must_use]
    pub fn newest(&self) -> Option<&str> {
        newest(&self.known)
    }

    /// The same of those that are about tables at `target`, as far as that is known
    /// before these are asked; where there is none, of all.
    #[must_use]
    pub fn newest_at(&self, target: &Target) -> Option<&str> {
        let here = |(_, of): &&(String, Ancestry)| of.target.is_at(target, Looked::NotYet).is_ok();
        let here: Vec<_> = self.known.iter().filter(here).cloned().collect();
        let newest = newest(&here).and_then(|newest| {
            self.known.iter().map(|(name, _)| name.as_str()).find(|name| *name == newest)
        });
        newest.or_else(|| self.newest())
    }

    /// The highest serial: a new state goes on behind it.
    #[must_use]
    pub fn highest_serial(&self) -> Serial {
        self.known.iter().map(|(_, of)| of.serial).max().unwrap_or_default()
    }
}

/// Archives the state of `store`, which is `state`. Where an archive has its serial
/// already (a copy was put back by hand) it is saved once more before: two archives
/// of one lineage never have one serial, so that one of them is the newest. One that
/// an archive supersedes is refused: it would be the newest by its name alone.
///
/// # Errors
/// [`StoreError`]; the state is where it was, or archived in full.
pub fn put_away(
    store: &mut dyn StateStore,
    state: &mut State,
    now: Timestamp,
) -> Result<PathBuf, StoreError> {
    let archives = Archives::look(store)?.known;
    let own = store.load()?.as_deref().and_then(Ancestry::of);
    if let Some((newer, _)) = own.as_ref().and_then(|own| successor(own, &archives)) {
        return Err(StoreError::Superseded { path: store.location(), newer: newer.clone() });
    }
    if archives.iter().any(|(_, archive)| Some(archive) == own.as_ref()) {
        store.save(&state.render(now).bytes)?;
    }
    store.archive(&State::archive_name(now))
}
