//! One check: a look at the tables, then their items; from an interrupted one's
//! place where it is to go on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gsictl_core::catalog::Catalog;
use gsictl_core::check::{About, Asked, Check, CheckReport, Cursor, CursorError, Options, Order};
use gsictl_core::definition::Definitions;
use gsictl_core::event::Event;
use gsictl_core::identity::identify;
use gsictl_core::look::Depth;
use gsictl_core::plan::{Plan, Selection};
use gsictl_core::state::Target;
use gsictl_core::survey::SurveyError;
use gsictl_core::time::Timestamp;

use crate::clock::Clock;
use crate::drive::{SharedStore, StopSignal, drive, locked, stopper};
use crate::dynamodb::Backend;
use crate::store::{FileStore, Holder, LockError, StoreError};
use crate::survey::survey_to;

mod violations;

use violations::Violations;

/// What a check is to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is wanted.
    pub definitions: &'a Definitions,
    /// The name of the definitions file, the first of several.
    pub script_name: &'a str,
    /// Which of the definitions. One that goes on has its own.
    pub selection: &'a Selection,
    /// How. One that goes on has its own `existing`, `sample` and `values`.
    pub options: &'a Options,
    /// Where all violations are written to: CSV by that ending, else JSON Lines.
    /// One that goes on has its own.
    pub violations: Option<&'a Path>,
    /// What was seen of the tables, where they were looked at already.
    pub seen: Option<&'a Catalog>,
    /// Draws the sample and the jitter.
    pub seed: u64,
}

/// Where a check keeps its place, so that it can go on after an interruption.
#[derive(Debug)]
pub struct Keeping<'a> {
    /// The state directory.
    pub directory: &'a Path,
    /// Stands in the lock, for whoever comes second.
    pub holder: &'a Holder,
    /// Go on where an interrupted one stopped.
    pub resume: bool,
}

/// What happens in a check, in order.
#[derive(Debug)]
pub enum Progress<'a> {
    /// An interrupted one goes on.
    Resumed(&'a Cursor),
    /// There is an interrupted one, which this one does not go on with and will
    /// take the place of.
    LeftBehind(&'a Cursor),
    /// The place cannot be kept, and an interruption means to begin anew.
    NotKept(&'a str),
    /// Something happened.
    Happened(Timestamp, Event),
}

/// Who watches a check.
pub type Observer<'a> = dyn FnMut(Progress<'_>) + Send + 'a;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Another check keeps its place there.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The place cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there cannot be gone on with.
    #[error("{}: {source}", path.display())]
    Cursor {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CursorError,
    },
    /// `--resume` without an interrupted check.
    #[error("there is no interrupted check to resume in {}", directory.display())]
    NothingToResume {
        /// The state directory.
        directory: PathBuf,
    },
    /// DynamoDB cannot be asked.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The file of the violations has something in it already.
    #[error("{} is there already", path.display())]
    ViolationsTaken {
        /// The file.
        path: PathBuf,
    },
    /// What has the name of the file of the violations is no plain file.
    #[error("{} is not a plain file: {source}", path.display())]
    ViolationsStrange {
        /// What has the name.
        path: PathBuf,
        /// What it is, and what to do.
        source: io::Error,
    },
    /// The file of the violations is no longer what the interrupted check wrote.
    #[error("{} does not hold what the interrupted check wrote", path.display())]
    ViolationsChanged {
        /// The file.
        path: PathBuf,
    },
    /// The file of the violations cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Violations {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was interrupted.
    #[error("interrupted after {items} items")]
    Interrupted {
        /// Items that were read.
        items: u64,
        /// Whether its place is kept.
        kept: bool,
    },
}

/// Looks at the tables and reads their items. Changes nothing in DynamoDB.
///
/// Where it keeps its place, a crash costs what was read since the last time that it
/// was saved: ten seconds. What stands in the file of violations beyond that place
/// is cut off before it goes on, so that none stands there twice.
///
/// # Errors
/// [`CheckError`]. A table that cannot be read is no error but in the report.
pub async fn check(
    request: &Request<'_>,
    keeping: Option<&Keeping<'_>>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<CheckReport, CheckError> {
    let Begun { store, cursor, asked, options } =
        Begun::new(request, keeping, backend.target(), observe)?;
    let selection = asked.selection();
    let identified;
    let (definitions, selection, catalog) = match request.seen {
        Some(seen) => (request.definitions, &selection, seen),
        None => {
            let tables = selection.tables_of(request.definitions);
            let mut told = |at, event| observe(Progress::Happened(at, event));
            let seen = survey_to(Depth::Base, tables, backend, clock, stop, &mut told).await?;
            identified =
                identify(request.definitions, &selection, seen, None).map_err(SurveyError::from)?;
            (&identified.definitions, &identified.selection, &identified.catalog)
        }
    };

    let order = Order {
        definitions,
        catalog,
        selection,
        options: &options,
        asked: &asked,
        segments: backend.scan_segments(),
        seed: request.seed,
    };
    let told = cursor.as_ref().map(|cursor| cursor.told);
    let mut check = match cursor {
        Some(cursor) => Check::resume(&order, cursor, clock.now())
            .map_err(|source| unusable(store.as_ref(), source))?,
        None => Check::new(&order, clock.now()),
    };
    let file = asked.violations_file.as_deref();
    let mut violations =
        file.map(|file| Violations::open(Path::new(file), told, options.values)).transpose()?;
    run(&mut check, violations.as_mut(), backend, store.as_ref(), clock, stop, observe).await;
    if let Some(violations) = violations {
        violations.finish()?;
    }
    if check.is_interrupted() {
        let kept = store.is_some_and(|store| locked(&store).load().is_ok_and(|b| b.is_some()));
        return Err(CheckError::Interrupted { items: check.items(), kept });
    }
    if let Some(store) = store {
        forget(&store);
    }
    Ok(report(&check, request, backend, catalog, clock, file))
}

/// A check of what a plan creates, before it is created.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The name of the definitions file, the first of several.
    pub script_name: &'a str,
    /// How.
    pub options: &'a Options,
    /// Draws the sample and the jitter.
    pub seed: u64,
}

/// Checks the items of what a plan creates, on the tables as it saw them; `None` where
/// it creates nothing. The place is not kept.
///
/// # Errors
/// As [`check`].
pub async fn check_ahead(
    ahead: &Ahead<'_>,
    backend: &Arc<dyn Backend>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) -> Result<Option<CheckReport>, CheckError> {
    let Ahead { plan, script_name, options, seed } = *ahead;
    let wanted = plan.to_create();
    if wanted.indexes.is_empty() {
        return Ok(None);
    }
    let request = Request {
        definitions: &wanted,
        script_name,
        selection: &Selection::default(),
        options,
        violations: None,
        seen: Some(&plan.seen()),
        seed,
    };
    check(&request, None, backend, clock, stop, observe).await.map(Some)
}

/// What is settled before DynamoDB is asked.
struct Begun {
    store: Option<SharedStore>,
    /// Where to go on.
    cursor: Option<Cursor>,
    asked: Asked,
    options: Options,
}

impl Begun {
    /// A check that goes on has what it was asked for then.
    fn new(
        request: &Request<'_>,
        keeping: Option<&Keeping<'_>>,
        target: Target,
        observe: &mut Observer<'_>,
    ) -> Result<Self, CheckError> {
        let place = keeping.map(|keeping| Kept::open(keeping, observe)).transpose()?.flatten();
        let (store, cursor) =
            place.map_or((None, None), |Kept { store, cursor }| (Some(store), cursor));
        let mut asked = asked(request, target);
        let mut options = request.options.clone();
        if let Some(cursor) = &cursor {
            cursor.check_asked(&asked).map_err(|source| unusable(store.as_ref(), source))?;
            asked = cursor.asked.clone();
            options.existing = asked.existing;
            options.sample = asked.sample;
            options.values = asked.values;
            observe(Progress::Resumed(cursor));
        }
        options.saves = store.is_some();
        options.stream = asked.violations_file.is_some();
        Ok(Self { store, cursor, asked, options })
    }
}

fn report(
    check: &Check,
    request: &Request<'_>,
    backend: &Arc<dyn Backend>,
    catalog: &Catalog,
    clock: Clock,
    violations_file: Option<&str>,
) -> CheckReport {
    let target = backend.target().seen_in(catalog);
    check.report(&About {
        script_name: request.script_name,
        target: &target,
        ended_at: clock.now(),
        violations_file,
    })
}

/// Drives the check; a file of violations that cannot be written ends it.
async fn run(
    check: &mut Check,
    mut violations: Option<&mut Violations>,
    backend: &Arc<dyn Backend>,
    store: Option<&SharedStore>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut Observer<'_>,
) {
    let (stopper, mut stopped) = stopper();
    let mut told = |at, event| {
        let written = match (&mut violations, &event) {
            (Some(file), Event::Violating(violation)) => file.write(violation),
            (Some(file), Event::SavingCursor) => file.sync(),
            _ => true,
        };
        if !written {
            stopper.stop();
        }
        observe(Progress::Happened(at, event));
    };
    // The check stops by its own signal, whoever gives it.
    let pass_on = async {
        stop.asked().await;
        stopper.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = drive(check, backend, store, clock, &mut stopped, &mut told) => {}
        () = pass_on => {}
    }
}

/// What a later run of it has to ask for.
fn asked(request: &Request<'_>, target: Target) -> Asked {
    let Options { existing, sample, values, .. } = *request.options;
    Asked {
        script_name: request.script_name.to_owned(),
        definitions: request.definitions.digest(),
        target,
        tables: request.selection.tables.clone(),
        indexes: request.selection.indexes.clone(),
        existing,
        sample,
        values,
        violations_file: request.violations.map(|path| path.display().to_string()),
    }
}

fn unusable(store: Option<&SharedStore>, source: CursorError) -> CheckError {
    let path = store.map_or_else(PathBuf::new, |store| locked(store).location());
    CheckError::Cursor { path, source }
}

/// A check that came to its end has no place to go on from.
fn forget(store: &SharedStore) {
    let path = locked(store).location();
    // Where it stays, the next check says that it is there.
    let _ = std::fs::remove_file(path);
}

/// The place of an interrupted check, under its lock.
struct Kept {
    store: SharedStore,
    /// Where to go on.
    cursor: Option<Cursor>,
}

impl Kept {
    /// `None` where the place cannot be kept, which is told and is no reason not to
    /// check, unless something is to be resumed.
    fn open(keeping: &Keeping<'_>, observe: &mut Observer<'_>) -> Result<Option<Self>, CheckError> {
        let store: SharedStore = Arc::new(Mutex::new(FileStore::of_check(keeping.directory)));
        let taken = locked(&store).lock(keeping.holder);
        match taken {
            Ok(()) => {}
            Err(error @ LockError::Held { .. }) => return Err(error.into()),
            Err(error) if keeping.resume => return Err(error.into()),
            Err(error) => {
                observe(Progress::NotKept(&error.to_string()));
                return Ok(None);
            }
        }
        let bytes = locked(&store).load()?;
        let found = bytes.map(|bytes| Cursor::parse(&bytes)).transpose();
        if !keeping.resume {
            if let Ok(Some(cursor)) = &found {
                observe(Progress::LeftBehind(cursor));
            }
            return Ok(Some(Self { store, cursor: None }));
        }
        let found = found.map_err(|source| unusable(Some(&store), source))?;
        let nothing = || CheckError::NothingToResume { directory: keeping.directory.to_owned() };
        let cursor = Some(found.ok_or_else(nothing)?);
        Ok(Some(Self { store, cursor }))
    }
}
