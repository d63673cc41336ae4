//! The store of docs/state-file.md: one state file in one directory.

use std::io;
use std::path::{Path, PathBuf};

use gsictl_core::text::visible;

use super::disk::{Directory, Disk, Locking, Stamp};
use super::{
    CHECK_LOCK_FILE, CURSOR_FILE, Holder, LOCK_FILE, LockError, MAX_BYTES, MAX_CURSOR_BYTES,
    STATE_FILE, StateStore, StoreError,
};

/// The names of the files of a store.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// What is kept.
    kept: &'static str,
    /// Its lock, which is never removed.
    lock: &'static str,
    /// Where a save is written before it gets its name. One name will do, since only
    /// the lock's holder writes.
    temporary: &'static str,
    /// The most bytes that are read and written.
    limit: u64,
}

/// Those of the state; the temporary one is not that of the seeds' tool.
const STATE: Names = Names {
    kept: STATE_FILE,
    lock: LOCK_FILE,
    temporary: ".gsi_creation_state.gsictl-tmp",
    limit: MAX_BYTES,
};

/// Those of a check that was interrupted.
const CURSOR: Names = Names {
    kept: CURSOR_FILE,
    lock: CHECK_LOCK_FILE,
    temporary: ".gsi_check.gsictl-tmp",
    limit: MAX_CURSOR_BYTES,
};

/// How archives are named: this, `YYYYMMDD_HHMMSS`, and a number where two fall
/// into a second.
const ARCHIVE: (&str, &str) = (".gsi_creation_state_", ".json");

/// A state file in a directory of this machine, or of another [`Disk`].
///
/// A save takes four steps: it writes a temporary file beside the state, syncs
/// it, renames it over the state, and syncs the directory. A crash between any
/// two leaves the old state or the new one, and at most a temporary file, which
/// the next lock removes.
#[derive(Debug)]
pub struct FileStore<D: Disk = Directory> {
    disk: D,
    names: Names,
    lock: Option<D::Lock>,
    /// What this store last read or wrote; `None` while it knows of no state.
    seen: Option<Stamp>,
}

impl FileStore {
    /// The state in `directory`, which must exist once the store is used.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self::on(Directory::new(directory))
    }

    /// Not the state in `directory` but the place of a check that was interrupted,
    /// kept by the same rules. It has no archives.
    #[must_use]
    pub fn of_check(directory: &Path) -> Self {
        Self { names: CURSOR, ..Self::new(directory) }
    }
}

impl<D: Disk> FileStore<D> {
    /// The state on `disk`.
    pub fn on(disk: D) -> Self {
        Self { disk, names: STATE, lock: None, seen: None }
    }

    /// Refuses to change anything without the lock.
    fn held(&self) -> Result<(), StoreError> {
        let Some(lock) = &self.lock else {
            return Err(StoreError::NotLocked { path: self.location() });
        };
        match self
            .disk
            .holds(lock, self.names.lock)
            .map_err(self.failed("check", self.names.lock))?
        {
            true => Ok(()),
            false => Err(StoreError::LockLost { path: self.disk.path(self.names.lock) }),
        }
    }

    /// Refuses also where the state is not what it was. A program that keeps no
    /// lock could still come between this and the rename: no call rules it out.
    fn unchanged(&self) -> Result<(), StoreError> {
        self.held()?;
        let now =
            self.disk.stamp(self.names.kept).map_err(self.failed("check", self.names.kept))?;
        match now {
            now if now == self.seen => Ok(()),
            None => Err(StoreError::Vanished { path: self.location() }),
            Some(_) => Err(StoreError::Replaced { path: self.location() }),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<Stamp, StoreError> {
        let writing = || self.failed("write", self.names.temporary);
        let file = match self.disk.create(self.names.temporary, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(self.names.temporary).map_err(writing())?;
                self.disk.create(self.names.temporary, bytes)
            }
            result => result,
        };
        self.disk.sync(&file.map_err(writing())?).map_err(writing())
    }

    /// Moves the state to `stem` + `end`, or to `stem_2`, `stem_3`... Only the
    /// lock's holder does, so a name that is free stays free.
    fn move_away(&mut self, stem: &str, end: &str) -> Result<PathBuf, StoreError> {
        self.unchanged()?;
        if self.seen.is_none() {
            let path = self.disk.path(self.names.kept);
            return Err(StoreError::Missing { path });
        }
        let taken = self.disk.names().map_err(self.failed("list", ""))?;
        let numbered = (2..).map(|n: u64| format!("{stem}_{n}{end}"));
        let mut names = std::iter::once(format!("{stem}{end}")).chain(numbered);
        let name = names.find(|name| !taken.contains(name)).expect("numbers do not run out");
        let moved = self.disk.rename(self.names.kept, &name);
        moved.map_err(self.failed("rename", self.names.kept))?;
        self.seen = None;
        self.sync_names(&name)?;
        Ok(self.disk.path(&name))
    }

    fn sync_names(&self, name: &str) -> Result<(), StoreError> {
        self.disk.sync_names().map_err(self.failed("sync", name))
    }

    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, Stamp)>, StoreError> {
        let reading = || self.failed("read", name);
        let limit = self.names.limit;
        let too_large = || StoreError::TooLarge { path: self.disk.path(name), limit };
        let stamp = self.disk.stamp(name).map_err(reading())?;
        if stamp.is_some_and(|stamp| stamp.len > limit) {
            return Err(too_large());
        }
        match self.disk.read(name, limit).map_err(reading())? {
            Some((bytes, _)) if bytes.len() as u64 > limit => Err(too_large()),
            Some(found) => Ok(Some(found)),
            None => {
                // Nothing there is no state; no directory is a mistake.
                self.disk.names().map_err(self.failed("list", ""))?;
                Ok(None)
            }
        }
    }

    /// Says what an error of the disk means, `doing` something with `name`.
    fn failed(
        &self,
        doing: &'static str,
        name: &str,
    ) -> impl FnOnce(io::Error) -> StoreError + use<D> {
        let (path, directory) = (self.disk.path(name), self.disk.path(""));
        let looking = matches!(doing, "check" | "list" | "read");
        move |source| match source.kind() {
            io::ErrorKind::NotFound if doing != "rename" => {
                StoreError::NoDirectory { path: directory }
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => StoreError::DiskFull { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied if !looking => {
                StoreError::ReadOnly { path, source }
            }
            io::ErrorKind::InvalidInput => StoreError::NotAFile { path, source },
            _ => StoreError::Io { doing, path, source },
        }
    }
}

impl<D: Disk> StateStore for FileStore<D> {
    fn lock(&mut self, holder: &Holder) -> Result<(), LockError> {
        let path = self.disk.path(self.names.lock);
        let lock = match self.disk.try_lock(self.names.lock, &holder.to_string()) {
            Ok(Locking::Taken(lock)) => lock,
            Ok(Locking::Held(text)) => {
                let holder = one_line(&text);
                return Err(LockError::Held { path, holder });
            }
            Err(source) if source.kind() == io::ErrorKind::Unsupported => {
                return Err(LockError::Unsupported { path, source });
            }
            Err(error) => return Err(self.failed("lock", self.names.lock)(error).into()),
        };
        // Whatever has the name, a link included, is removed and not looked into.
        let left = match self.disk.stamp(self.names.temporary) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => true,
            left => left.map_err(self.failed("check", self.names.temporary))?.is_some(),
        };
        if left {
            let removed = self.disk.remove(self.names.temporary);
            removed.map_err(self.failed("remove", self.names.temporary))?;
        }
        self.lock = Some(lock);
        Ok(())
    }

    fn unlock(&mut self) {
        self.lock = None;
    }

    fn load(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.read(self.names.kept)?;
        self.seen = found.as_ref().map(|(_, stamp)| *stamp);
        Ok(found.map(|(bytes, _)| bytes))
    }

    fn save(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.held()?;
        if bytes.len() as u64 > self.names.limit {
            // No run could read it again.
            return Err(StoreError::TooLarge { path: self.location(), limit: self.names.limit });
        }
        let replaced = self.write(bytes).and_then(|stamp| {
            self.unchanged()?;
            let renamed = self.disk.rename(self.names.temporary, self.names.kept);
            renamed.map_err(self.failed("rename", self.names.kept))?;
            Ok(stamp)
        });
        match replaced {
            Ok(stamp) => self.seen = Some(stamp),
            Err(error) => {
                // What is in the way of the next save, or fills the disk. Where
                // it cannot be removed, the next lock will.
                let _ = self.disk.remove(self.names.temporary);
                return Err(error);
            }
        }
        self.sync_names(self.names.kept)
    }

    fn archive(&mut self, name: &str) -> Result<PathBuf, StoreError> {
        let stem = archive_stem(name).ok_or_else(|| bad_name(name))?;
        self.move_away(stem, ARCHIVE.1)
    }

    fn set_aside(&mut self, suffix: &str) -> Result<PathBuf, StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if suffix.is_empty() || !suffix.chars().all(plain) {
            return Err(bad_name(suffix));
        }
        self.move_away(&format!("{}.{suffix}", self.names.kept), "")
    }

    fn archives(&mut self) -> Result<Vec<String>, StoreError> {
        let mut names = self.disk.names().map_err(self.failed("list", ""))?;
        names.retain(|name| archive_stem(name).is_some());
        names.sort_by_cached_key(|name| {
            let stem = archive_stem(name).unwrap_or_default();
            (stem.get(..STAMPED).map(str::to_owned), stem.len(), name.clone())
        });
        Ok(names)
    }

    fn load_archive(&mut self, name: &str) -> Result<Vec<u8>, StoreError> {
        archive_stem(name).ok_or_else(|| bad_name(name))?;
        let path = self.disk.path(name);
        let found = self.read(name)?.ok_or(StoreError::Missing { path })?;
        Ok(found.0)
    }

    fn location(&self) -> PathBuf {
        self.disk.path(self.names.kept)
    }
}

/// The length of a stem without a number.
const STAMPED: usize = ARCHIVE.0.len() + "YYYYMMDD_HHMMSS".len();

/// An archive's name without its ending; `None` for anything else.
fn archive_stem(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(ARCHIVE.1)?;
    let stamp = stem.strip_prefix(ARCHIVE.0)?;
    let plain = stamp.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    (plain && stem.len() >= STAMPED).then_some(stem)
}

/// Whether a file of that name is an archived state.
#[must_use]
pub fn is_archive(name: &str) -> bool {
    archive_stem(name).is_some()
}

fn bad_name(name: &str) -> StoreError {
    StoreError::BadName { name: name.to_owned() }
}

/// A holder's text as one line: somebody else may have written it.
fn one_line(text: &str) -> String {
    match text.trim() {
        "" => "it has not said who it is".to_owned(),
        line => visible(line).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use tempfile::TempDir;

    use super::super::conformance::{Place, conforms, holder};
    use super::*;

    impl Place for TempDir {
        type Store = FileStore;

        fn open(&self) -> FileStore {
            FileStore::new(self.path())
        }

        fn remove_state(&self) {
            fs::remove_file(self.path().join(STATE_FILE)).unwrap();
        }

        fn replace_state(&self, bytes: &[u8]) {
            let beside = self.path().join("beside");
            fs::write(&beside, bytes).unwrap();
            fs::rename(beside, self.path().join(STATE_FILE)).unwrap();
        }

        fn remove_lock(&self) {
            fs::remove_file(self.path().join(LOCK_FILE)).unwrap();
        }
    }

    fn place() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn locked(place: &TempDir) -> FileStore {
        let mut store = place.open();
        store.lock(&holder("gsictl apply")).unwrap();
        store.load().unwrap();
        store
    }

    #[test]
    fn the_store_in_a_directory_conforms() {
        conforms(place);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = place();
        fs::write(place.path().join(STATE_FILE), "of the seeds' tool").unwrap();
        locked(&place).save(b"bytes").unwrap();
        for name in [STATE_FILE, LOCK_FILE] {
            let data = fs::metadata(place.path().join(name)).unwrap();
            assert_eq!(data.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_state_that_was_written_over_in_place_is_noticed() {
        let place = place();
        let mut store = locked(&place);
        store.save(b"one").unwrap();
        fs::write(place.path().join(STATE_FILE), "other").unwrap();
        let error = store.save(b"two").unwrap_err();
        assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    }

    #[test]
    fn what_a_crash_left_half_written_is_removed_and_nothing_else() {
        let place = place();
        let mut others = [".gsi_creation_state.json.tmp", ".gsi_creation_state.tmp", "x"];
        others.iter().for_each(|name| fs::write(place.path().join(name), "theirs").unwrap());
        fs::write(place.path().join(STATE.temporary), "{ half").unwrap();
        drop(locked(&place));
        let mut names = Directory::new(place.path()).names().unwrap();
        names.retain(|name| name != LOCK_FILE);
        names.sort();
        others.sort_unstable();
        assert_eq!(names, others);
    }

    #[test]
    fn a_missing_state_directory_is_named_and_not_made() {
        let place = place();
        let missing = place.path().join("missing");
        let mut store = FileStore::new(&missing);
        let error = store.load().unwrap_err();
        assert!(matches!(error, StoreError::NoDirectory { .. }), "{error}");
        let error = store.lock(&holder("gsictl apply")).unwrap_err();
        assert!(error.to_string().contains("--state-dir"), "{error}");
        assert!(!missing.exists());
    }

    #[test]
    fn a_state_directory_that_goes_away_stops_the_saves() {
        let place = place();
        let inner = place.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let mut store = FileStore::new(&inner);
        store.lock(&holder("gsictl apply")).unwrap();
        store.save(b"one").unwrap();
        fs::remove_dir_all(&inner).unwrap();
        assert!(store.save(b"two").is_err());
        assert!(!inner.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_directories_in_place_of_the_files_are_refused() {
        use std::os::unix::fs::symlink;
        let place = place();
        let elsewhere = place.path().join("elsewhere.json");
        fs::write(&elsewhere, "kept").unwrap();
        symlink(&elsewhere, place.path().join(STATE_FILE)).unwrap();
        let mut store = place.open();
        store.lock(&holder("gsictl apply")).unwrap();
        for error in [store.load().unwrap_err(), store.save(b"x").unwrap_err()] {
            assert!(matches!(error, StoreError::NotAFile { .. }), "{error}");
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"kept");

        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join(LOCK_FILE)).unwrap();
        let error = place.open().lock(&holder("gsictl apply")).unwrap_err();
        assert!(error.to_string().contains("not a plain file"), "{error}");
    }

    #[test]
    fn a_second_name_of_another_file_is_neither_emptied_nor_read_nor_replaced() {
        for name in [LOCK_FILE, STATE_FILE] {
            let place = place();
            let victim = place.path().join("victim");
            fs::write(&victim, "precious").unwrap();
            fs::hard_link(&victim, place.path().join(name)).unwrap();
            let mut store = place.open();
            let refused = match store.lock(&holder("gsictl apply")) {
                Err(error) => error.to_string(),
                Ok(()) => {
                    let error = store.load().unwrap_err();
                    assert!(store.save(b"x").is_err());
                    error.to_string()
                }
            };
            assert!(refused.contains("hard link"), "{name}: {refused}");
            assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_where_a_save_is_written_is_removed_and_not_followed() {
        let place = place();
        let victim = place.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, place.path().join(STATE.temporary)).unwrap();
        locked(&place).save(b"state").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(fs::read(place.path().join(STATE_FILE)).unwrap(), b"state");
    }

    #[test]
    fn a_file_that_is_no_state_by_its_size_is_not_read() {
        let place = place();
        let file = fs::File::create(place.path().join(STATE_FILE)).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let error = place.open().load().unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_may_not_be_written_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = place();
        drop(locked(&place));
        let mode = |mode| {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(place.path(), permissions).unwrap();
        };
        mode(0o500);
        let user_is_bound = fs::write(place.path().join("probe"), "").is_err();
        let result = locked(&place).save(b"x");
        mode(0o700);
        if !user_is_bound {
            println!("skipped: modes do not bind this user, who is root");
            return;
        }
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    }

    #[test]
    fn the_text_of_a_holder_cannot_control_a_terminal() {
        assert_eq!(one_line("pid 1\u{1b}[2J\n"), "pid 1\\u{1b}[2J");
        assert_eq!(one_line("\n"), "it has not said who it is");
    }

    const CHILD: &str = "GSICTL_TEST_HOLDS_THE_LOCK_OF";

    /// Not a rule but the other process of the next test, which starts this
    /// program for it alone.
    #[test]
    fn another_process_that_holds_the_lock_until_it_is_killed() {
        let Ok(directory) = std::env::var(CHILD) else {
            return;
        };
        let mut store = FileStore::new(Path::new(&directory));
        store.lock(&holder("gsictl apply in a child")).unwrap();
        store.load().unwrap();
        store.save(b"of the child").unwrap();
        println!("\nholding");
        std::thread::sleep(std::time::Duration::from_secs(600));
    }

    #[test]
    fn a_killed_process_frees_its_lock_and_leaves_its_state() {
        let place = place();
        let (_, module) = module_path!().split_once("::").unwrap();
        let test = format!("{module}::another_process_that_holds_the_lock_until_it_is_killed");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &test, "--nocapture"])
            .env(CHILD, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "holding"));

        let mut store = place.open();
        let error = store.lock(&holder("gsictl apply")).unwrap_err();
        assert!(error.to_string().contains("in a child"), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        store.lock(&holder("gsictl apply")).unwrap();
        let bytes = store.load().unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"of the child"[..]));
    }
}
