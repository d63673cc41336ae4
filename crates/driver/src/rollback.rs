//! One `rollback` from the lock to the archive: deletes what this state's runs
//! created, and nothing else. Between [`prepare`] and [`rollback`] somebody is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gsictl_core::catalog::Catalog;
use gsictl_core::encoding::text_of;
use gsictl_core::engine::{Ended, Engine, Outcome};
use gsictl_core::event::Event;
use gsictl_core::look::calls_elsewhere;
use gsictl_core::name::{IndexId, TableName};
use gsictl_core::plan::Selection;
use gsictl_core::retry::Policy;
use gsictl_core::rollback::{RollbackPlan, concerned, is_complete, plan, take_down};
use gsictl_core::state::{Elsewhere, Looked, ParseError, State, Target};
use gsictl_core::succession::{Ancestry, concerns, successor, what_changed};
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;

use crate::archives::{Archives, put_away};
use crate::clock::Clock;
use crate::drive::{SharedStore, StopSignal, drive, locked};
use crate::dynamodb::Backend;
use crate::file::directory;
use crate::store::{FileStore, Holder, LockError, STATE_FILE, StateStore, StoreError};
use crate::survey::survey;

/// Where the state of a rollback comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The state file, or the newest archive where there is none.
    Newest,
    /// These bytes, which were read from this file.
    File(PathBuf, Vec<u8>),
}

/// What a `rollback` is to do.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose indexes.
    pub source: Source,
    /// Which of them; the rest is left alone.
    pub selection: Selection,
    /// Delete indexes whose creation was never acknowledged, too.
    pub include_inferred: bool,
    /// Believe a state although a newer one knows more.
    pub superseded: bool,
    /// Limits and habits.
    pub policy: Policy,
    /// Draws the jitter.
    pub seed: u64,
    /// Stands in the lock, for whoever comes second.
    pub holder: Holder,
}

/// Why there was no rollback. Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Another run holds the state, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state cannot be read, written or archived.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be understood.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is the matter with it, and where.
        source: ParseError,
    },
    /// There is neither a state file nor an archive.
    #[error("there is no state file and no archive: nothing is known to have been created")]
    NoState,
    /// A file was named, and there is a state file that another run made.
    #[error("{} is not the state that {} holds", named.display(), kept.display())]
    OtherState {
        /// The file that was named.
        named: PathBuf,
        /// The state file.
        kept: PathBuf,
    },
    /// A newer state of the same lineage is there: what the older one says may be over,
    /// and somebody may have made an index of the same name since.
    #[error("{}", told(named, newer))]
    Superseded {
        /// The file of the older one.
        named: PathBuf,
        /// The newer one.
        newer: Newer,
    },
    /// An archive cannot be read, so that nobody knows which is the newest.
    #[error("{} cannot be read, and it may be the newest state", path.display())]
    UnknownArchive {
        /// The archive.
        path: PathBuf,
    },
    /// The state belongs to another place.
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    /// The state owns indexes and does not say where: no run writes such a one.
    #[error("{} does not say in which account, region or endpoint its indexes are", path.display())]
    Nowhere {
        /// The file.
        path: PathBuf,
    },
    /// No table tells whose credentials these are: that none is there may be because it
    /// is another account.
    #[error(
        "none of the state's tables exists here, so it is not known whether these are the \
         credentials of account {account}; nothing was changed"
    )]
    Unconfirmed {
        /// The account that the state recorded.
        account: String,
    },
    /// DynamoDB cannot be asked.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}

/// A state that supersedes the one in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// Its file.
    pub file: String,
    /// What it knows of the indexes that the older one holds to be its own.
    pub knows: Vec<(IndexId, String)>,
}

fn told(named: &Path, newer: &Newer) -> String {
    let mut text = format!("{} is older than {}, a later save of it", named.display(), newer.file);
    for (id, what) in &newer.knows {
        text.push_str(&format!("; {id}: {what}"));
    }
    text
}

/// What happens in a `rollback`, in order.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Where the state came from.
    Loaded(&'a str),
    /// Something happened.
    Happened(Timestamp, Event),
    /// The state file was archived under this name.
    Archived(&'a str),
}

/// What a rollback came to.
#[derive(Debug)]
pub struct RolledBack {
    /// The state that is left.
    pub state: State,
    /// Each index it was about.
    pub outcome: Outcome,
    /// False where nothing was to be deleted, so that nothing is written.
    pub changed: bool,
    /// The archived state, where nothing of it is left to be deleted.
    pub archived: Option<PathBuf>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Timestamp,
    /// How many tables were described before.
    pub surveyed: u64,
}

/// State and plan of a rollback that has not begun. The state stays locked.
#[derive(Debug)]
pub struct Prepared {
    /// What would be done.
    pub plan: RollbackPlan,
    /// The newer state that was passed over because that was asked for.
    pub passed_over: Option<Newer>,
    state: State,
    catalog: Catalog,
    /// An earlier rollback of this state did not come to put it away.
    left_over: bool,
    started_at: Timestamp,
}

/// The state that a rollback is about, as it was found.
struct Loaded {
    state: State,
    path: PathBuf,
    passed_over: Option<Newer>,
    /// What newer states of other lineages are about, with their files.
    claimed: BTreeMap<IndexId, String>,
}

/// Who watches a `rollback`.
pub type Observer<'a> = dyn FnMut(Progress<'_>) + Send + 'a;

/// Locks the state, reads it or its newest archive, looks at the tables, and works
/// out what is to be deleted. Changes nothing.
///
/// # Errors
/// [`RollbackError`] says why there can be no rollback.
pub async fn prepare(
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Prepared, RollbackError> {
    let started_at = clock.now();
    locked(store).lock(&request.holder)?;
    let Loaded { mut state, path, passed_over, claimed } = load(request, &backend.target(), store)?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    observe(Progress::Loaded(&name.to_string_lossy()));
    let target = backend.target();
    let owned = state.entries().any(|(_, entry)| entry.record().is_ours());
    if owned && *state.target() == Target::default() {
        return Err(RollbackError::Nowhere { path });
    }
    state.check_belongs(&target, Looked::NotYet)?;

    let named = state.entries().map(|(id, _)| &id.table).collect();
    let selection = &request.selection.among(&named, Some(state.target()));
    let tables: Vec<TableName> =
        concerned(&state, selection).map(|(id, _)| id.table.clone()).collect();
    let mut told = |at, event| observe(Progress::Happened(at, event));
    let catalog = survey(&tables, backend, clock, stop, &mut told).await?;
    let seen = target.seen_in(&catalog);
    state.check_belongs(&seen, Looked::at(&catalog))?;
    let by_name = concerned(&state, selection)
        .any(|(id, entry)| entry.record().is_ours() && id.table.arn().is_none());
    if let Some(account) = state.target().own_account()
        && by_name
        && state.target().is_unconfirmed_by(&seen)
    {
        return Err(RollbackError::Unconfirmed { account: account.to_owned() });
    }

    let mut plan = plan(&state, &catalog, selection, request.include_inferred);
    plan.keep_superseded(&mut state, &claimed);
    let left_over = state.rolling_back_since().is_some();
    Ok(Prepared { plan, passed_over, state, catalog, left_over, started_at })
}

impl Prepared {
    /// Saves what the look at the tables says against the ownerships of the state:
    /// before somebody is asked, who may answer much later, or no.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be saved.
    pub fn record(
        &mut self,
        request: &Request,
        store: &SharedStore,
        clock: Clock,
    ) -> Result<(), StoreError> {
        let now = clock.now();
        if !take_down(&mut self.state, &self.catalog, |_| true, request.policy.visibility, now) {
            return Ok(());
        }
        let mut store = locked(store);
        let kept = store.load()?.is_some();
        store.save(&self.state.render(now).bytes)?;
        if !kept {
            // It came from an archive, and nothing of it is on its way.
            put_away(&mut *store, &mut self.state, now)?;
        }
        Ok(())
    }
}

/// Deletes what `prepared` says, and archives the state when nothing of it is left
/// to be deleted. What came from an archive is kept as the live state meanwhile.
///
/// The intent to delete an index is durable before the call is made, so a crash at
/// any moment is resumed by the next rollback.
///
/// # Errors
/// [`StoreError`] where the state could not be archived; it is kept as it is.
pub async fn rollback(
    prepared: Prepared,
    request: &Request,
    backend: &Arc<dyn Backend>,
    store: &SharedStore,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<RolledBack, StoreError> {
    let Prepared { plan, mut state, left_over, started_at, .. } = prepared;
    let elsewhere = calls_elsewhere(plan.tables.iter().map(|table| &table.sighting));
    let (before, surveyed) = (state.serial(), plan.tables.len() as u64 + elsewhere);
    state.begin_rollback(clock.now());
    let policy = Policy { skip_regions: backend.skipped_regions(), ..request.policy.clone() };
    let mut engine = Engine::rollback(clock.now(), plan, policy, state, request.seed);
    let mut told = |at, event| observe(Progress::Happened(at, event));
    drive(&mut engine, backend, Some(store), clock, stop, &mut told).await;
    let (mut state, outcome) = engine.finish();
    let changed = state.serial() != before;
    let saved = !matches!(outcome.ended, Ended::SaveFailed(_));
    let done = saved && (changed || left_over) && is_complete(&state, request.include_inferred);
    let archived = if done { archive(&mut state, store, clock)? } else { None };
    if let Some(name) = archived.as_ref().and_then(|path| path.file_name()) {
        observe(Progress::Archived(&name.to_string_lossy()));
    }
    let ended_at = clock.now();
    Ok(RolledBack { state, outcome, changed, archived, started_at, ended_at, surveyed })
}

/// The state that the rollback is about. Lineage and serial decide which is the
/// newest, never the name of a file, which is made of the clock.
fn load(request: &Request, target: &Target, store: &SharedStore) -> Result<Loaded, RollbackError> {
    let mut store = locked(store);
    let location = store.location();
    let kept = store.load()?;
    let mut archives = Archives::look(&mut *store)?;
    let known_in_full = archives.unknown.is_empty() || kept.is_some() || request.superseded;
    if let Some(unknown) = archives.unknown.first().filter(|_| !known_in_full) {
        return Err(RollbackError::UnknownArchive { path: location.with_file_name(unknown) });
    }
    let (bytes, path) = match (&request.source, kept) {
        (Source::Newest, Some(bytes)) => (bytes, location),
        (Source::Newest, None) => {
            let newest = archives.newest_at(target).ok_or(RollbackError::NoState)?;
            (store.load_archive(newest)?, location.with_file_name(newest))
        }
        (Source::File(named, bytes), None) => {
            archives.known.extend(beside(named));
            (plain(bytes), named.clone())
        }
        (Source::File(named, bytes), Some(kept)) => {
            // An editor that saved a copy in another encoding changed nothing in it.
            if plain(bytes) != plain(&kept) {
                return Err(RollbackError::OtherState { named: named.clone(), kept: location });
            }
            (plain(bytes), named.clone())
        }
    };
    let mut state = State::parse(&bytes)
        .map_err(|source| RollbackError::Damaged { path: path.clone(), source })?;
    let own = Ancestry::of(&bytes);
    let mut read = |name: &str| read_state(&mut *store, &path, name);
    let Some(own) = own else {
        return Ok(Loaded { state, path, passed_over: None, claimed: BTreeMap::new() });
    };
    if request.superseded {
        let newer = successor(&own, &archives.known);
        state.continue_after(newer.map_or(own.serial, |(_, of)| of.serial));
        let passed_over = newer.map(|(name, _)| what_it_knows(&state, name, read(name)));
        return Ok(Loaded { state, path, passed_over, claimed: BTreeMap::new() });
    }
    if let Some((name, _)) = successor(&own, &archives.known) {
        let newer = what_it_knows(&state, name, read(name));
        return Err(RollbackError::Superseded { named: path, newer });
    }
    let claimed = claimed_by_newer(&own, &archives.known, read)
        .map_err(|name| RollbackError::UnknownArchive { path: path.with_file_name(name) })?;
    Ok(Loaded { state, path, passed_over: None, claimed })
}

/// The bytes of a file that was named, as they were saved: in UTF-8, with this program's
/// line ends, which no text in JSON can hold. Otherwise a copy that went through an
/// editor would pass for a state that went another way. What is no text is left for the
/// reader of states to say so.
fn plain(bytes: &[u8]) -> Vec<u8> {
    text_of(bytes).map_or_else(|_| bytes.to_vec(), |text| text.replace("\r\n", "\n").into_bytes())
}

/// The states of the directory in which a file that was named is.
fn beside(named: &Path) -> Vec<(String, Ancestry)> {
    let mut store = FileStore::new(directory(named));
    let archives = Archives::look(&mut store).unwrap_or_default().known;
    let kept = store.load().ok().flatten();
    let kept = kept.and_then(|bytes| Ancestry::of(&bytes)).map(|of| (STATE_FILE.to_owned(), of));
    archives.into_iter().chain(kept).collect()
}

/// A state that [`Archives`] or [`beside`] named.
fn read_state(store: &mut dyn StateStore, named: &Path, name: &str) -> Option<State> {
    let here = store.load_archive(name).ok();
    let bytes = here.or_else(|| match name {
        STATE_FILE => FileStore::new(directory(named)).load().ok().flatten(),
        archive => FileStore::new(directory(named)).load_archive(archive).ok(),
    });
    State::parse(&bytes?).ok()
}

fn what_it_knows(older: &State, name: &str, newer: Option<State>) -> Newer {
    let knows = newer.map(|newer| what_changed(older, &newer)).unwrap_or_default();
    Newer { file: name.to_owned(), knows }
}

/// What newer states of other lineages are about, at the same place. The name of one is the error that
/// cannot be understood, as one of a newer version: nobody knows what it is about.
fn claimed_by_newer(
    own: &Ancestry,
    others: &[(String, Ancestry)],
    mut read: impl FnMut(&str) -> Option<State>,
) -> Result<BTreeMap<IndexId, String>, String> {
    let mut claimed = BTreeMap::new();
    for (name, of) in others {
        if of.lineage == own.lineage || of.serial <= own.serial {
            continue;
        }
        let newer = read(name).ok_or_else(|| name.clone())?;
        if own.target.is_at(newer.target(), Looked::NotYet).is_err() {
            // A table of that name at another place is another table.
            continue;
        }
        claimed.extend(concerns(&newer).map(|id| (id.clone(), name.clone())));
    }
    Ok(claimed)
}

/// Nothing is done where there is no state file: then nothing was saved.
fn archive(
    state: &mut State,
    store: &SharedStore,
    clock: Clock,
) -> Result<Option<PathBuf>, StoreError> {
    let mut store = locked(store);
    if store.load()?.is_none() {
        return Ok(None);
    }
    put_away(&mut *store, state, clock.now()).map(Some)
}
