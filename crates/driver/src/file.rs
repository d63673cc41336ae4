//! The one place that makes, replaces and opens files: what the store, the reports,
//! saved plans, the file of violations and the embedded engine write.
//!
//! A file of ours is a plain file with one name. A link, a hard link, a device or a
//! directory in its place is refused and left alone: whoever may write into the same
//! directory would otherwise choose which file of the user is read, emptied or
//! written over. What is made is made anew (`O_EXCL`), for the user alone (mode 0600,
//! set as it is made, whatever the umask), and what is replaced is replaced in one
//! step from beside it, under a name that nobody can foresee.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Why what has a file's name is not taken for the file. It was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Strange {
    /// Not followed, wherever it leads.
    #[error(
        "it is a symbolic link, which is not followed: name the file itself, or remove the link"
    )]
    Link,
    /// Another name of it may be that of any file of the user.
    #[error(
        "it is a hard link, a file with a second name: put a copy in its place (`cp` to a new \
         name, then `mv`), or remove this name"
    )]
    HardLink,
    /// A directory.
    #[error("it is a directory: name a file, or move it away")]
    Directory,
    /// It may never end, or do anything when it is read or written.
    #[error("it is a device, a pipe or a socket: name a file, or remove it")]
    Special,
    /// Something else got the name between the look and the opening.
    #[error("it is exchanged for another file again and again: see who else writes there")]
    Exchanged,
}

/// How often a name may change hands just while its file is opened.
const TRIES: usize = 16;

impl From<Strange> for io::Error {
    fn from(strange: Strange) -> Self {
        Self::new(io::ErrorKind::InvalidInput, strange)
    }
}

/// The metadata of a plain file with one name; `None` where nothing has the name.
///
/// # Errors
/// [`Strange`], of the kind `InvalidInput`; or what the operating system says.
pub fn plain(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(data) => judge(data).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn judge(data: Metadata) -> io::Result<Metadata> {
    let kind = data.file_type();
    if kind.is_symlink() {
        Err(Strange::Link.into())
    } else if kind.is_dir() {
        Err(Strange::Directory.into())
    } else if !kind.is_file() {
        Err(Strange::Special.into())
    } else if names(&data) > 1 {
        Err(Strange::HardLink.into())
    } else {
        Ok(data)
    }
}

/// Opens a plain file that is there, in the way `options` say, which neither make nor
/// empty it; `None` where nothing has the name.
///
/// The look comes before the opening, since a pipe would be waited for; and after it
/// again, since the name may have changed hands.
///
/// # Errors
/// As [`plain`].
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    for _ in 0..TRIES {
        if plain(path)?.is_none() {
            return Ok(None);
        }
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        let opened = judge(file.metadata()?)?;
        // Another run may just have replaced it by a newer one.
        if plain(path)?.is_some_and(|there| identity(&there) == identity(&opened)) {
            return Ok(Some(file));
        }
    }
    Err(Strange::Exchanged.into())
}

/// The bytes of a plain file, at most `limit`; `None` where nothing has the name.
///
/// # Errors
/// As [`plain`]; and where there is more than `limit`, of the kind `FileTooLarge`.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = open(path, OpenOptions::new().read(true))?;
    file.map(|file| read_up_to(file, limit)).transpose()
}

/// The bytes of a file that the user named, who may name a link; at most `limit`.
///
/// # Errors
/// What the operating system says; [`Strange`] where it is no file; and where there is
/// more than `limit`, of the kind `FileTooLarge`.
pub fn read_named(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let data = fs::metadata(path)?;
    if data.is_dir() {
        return Err(Strange::Directory.into());
    }
    if !data.is_file() {
        return Err(Strange::Special.into());
    }
    read_up_to(File::open(path)?, limit)
}

fn read_up_to(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let too_large =
        || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"));
    if length > limit {
        return Err(too_large());
    }
    // One byte more than it has, or reading to the end doubles the room.
    let mut bytes = Vec::with_capacity(usize::try_from(length + 1).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Makes an empty file where nothing has the name, for the user alone.
///
/// # Errors
/// `AlreadyExists` for whatever has the name, a link that leads nowhere included.
pub fn create(path: &Path) -> io::Result<File> {
    private().create_new(true).open(path)
}

/// Opens a plain file to write into it, or makes it for the user alone. What is in it
/// stays.
///
/// # Errors
/// As [`plain`].
pub fn open_or_create(path: &Path) -> io::Result<File> {
    for _ in 0..TRIES {
        if let Some(file) = open(path, private().read(true))? {
            return Ok(file);
        }
        match private().read(true).create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
    Err(io::Error::other("it is removed again and again"))
}

/// Makes `path` of `bytes`, whole or not at all: after a crash it is there with all of
/// them, or not there. Once this returns it survives a power failure.
///
/// # Errors
/// `AlreadyExists` for whatever has the name.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into()); // known before all is written
    }
    aside(path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(directory(path))
}

/// Puts a file of `bytes` in the place of the plain file `path`, or of nothing, in one
/// step: after a crash it is the old one or the new one. Once this returns the new one
/// survives a power failure.
///
/// # Errors
/// As [`plain`]; it is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    plain(path)?;
    let aside = aside(path, bytes)?;
    // It was a while ago: a rename would replace what came meanwhile.
    plain(path)?;
    aside.persist(path).map_err(|error| error.error)?;
    sync_directory(directory(path))
}

/// A synced file of `bytes` beside `path`, under a name that nobody can foresee, which
/// is removed where it does not get another one.
fn aside(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".gsictl-")
        .suffix(".tmp")
        .rand_bytes(12)
        .tempfile_in(directory(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The directory that a file is in.
#[must_use]
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns once all names in the directory are safe.
///
/// # Errors
/// What the operating system says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(()); // a directory cannot be opened for it; NTFS journals names
    }
    match File::open(path)?.sync_all() {
        // Some network file systems have no such call: there a rename is as
        // safe as it gets once it returns.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

/// Makes a directory for the user alone, where it is missing.
///
/// # Errors
/// What the operating system says; [`Strange::Link`] for a link, which would put what
/// is written somewhere else.
pub fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match fs::symlink_metadata(path) {
        Ok(data) if data.is_symlink() => Err(Strange::Link.into()),
        Ok(data) if data.is_dir() => Ok(()),
        _ => builder.create(path),
    }
}

/// A directory in `parent` for the user alone, under a name that nobody can foresee:
/// `.gsictl-making-` and letters. It goes away with all that is in it.
///
/// # Errors
/// What the operating system says.
#[cfg(feature = "local")]
pub(crate) fn make_aside(parent: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(MAKING).rand_bytes(12);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(parent)
}

#[cfg(feature = "local")]
const MAKING: &str = ".gsictl-making-";

/// Removes what a crash left of [`make_aside`], as far as this user may. Whoever calls
/// it holds the lock under which such directories are made.
#[cfg(feature = "local")]
pub(crate) fn remove_asides(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        // A link is no directory here, and is left.
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && entry.file_name().to_string_lossy().starts_with(MAKING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes every right of others away, where a file of before gave some.
///
/// # Errors
/// What the operating system says.
#[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "it has no modes"))]
pub fn make_private(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Device and inode.
#[cfg(unix)]
pub(crate) fn identity(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (data.dev(), data.ino())
}

/// Elsewhere the standard library does not tell; length and time must do.
#[cfg(not(unix))]
pub(crate) fn identity(_data: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
fn names(data: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(data)
}

#[cfg(not(unix))]
fn names(_data: &Metadata) -> u64 {
    1
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn why(error: &io::Error) -> Option<&Strange> {
        error.get_ref()?.downcast_ref()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Everything that can have a file's name and is none of ours.
    fn strange_things(dir: &Path) -> Vec<(std::path::PathBuf, Strange)> {
        let victim = dir.join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, dir.join("link")).unwrap();
        symlink(dir.join("nowhere"), dir.join("dangling")).unwrap();
        fs::hard_link(&victim, dir.join("second-name")).unwrap();
        fs::create_dir(dir.join("directory")).unwrap();
        drop(UnixListener::bind(dir.join("socket")).unwrap());
        [
            ("link", Strange::Link),
            ("dangling", Strange::Link),
            ("second-name", Strange::HardLink),
            ("directory", Strange::Directory),
            ("socket", Strange::Special),
        ]
        .map(|(name, what)| (dir.join(name), what))
        .into_iter()
        .chain([("/dev/full".into(), Strange::Special)])
        .collect()
    }

    #[test]
    fn what_is_no_plain_file_is_refused_by_every_way_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (path, what) in strange_things(dir.path()) {
            let ways = [
                plain(&path).map(drop),
                open(&path, OpenOptions::new().read(true)).map(drop),
                read(&path, 100).map(drop),
                open_or_create(&path).map(drop),
                replace(&path, b"new"),
            ];
            for result in ways {
                assert_eq!(why(&result.unwrap_err()), Some(&what), "{}", path.display());
            }
            for result in [create(&path).map(drop), write_new(&path, b"new")] {
                let kind = result.unwrap_err().kind();
                // A device's directory may take no file at all.
                let taken = kind == io::ErrorKind::AlreadyExists || path.starts_with("/dev");
                assert!(taken, "{}: {kind:?}", path.display());
            }
        }
        assert_eq!(fs::read(dir.path().join("victim")).unwrap(), b"precious");
        assert!(!dir.path().join("nowhere").exists());
        assert!(dir.path().join("link").is_symlink());
    }

    #[test]
    fn what_is_made_and_what_is_replaced_is_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        create(&path("created")).unwrap();
        open_or_create(&path("lock")).unwrap();
        write_new(&path("new"), b"1").unwrap();
        fs::write(path("replaced"), "0").unwrap();
        fs::set_permissions(path("replaced"), fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path("replaced"), b"1").unwrap();
        for name in ["created", "lock", "new", "replaced"] {
            assert_eq!(mode(&path(name)), 0o600, "{name}");
        }
        assert_eq!(fs::read(path("replaced")).unwrap(), b"1");
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 4, "nothing is left beside them");
    }

    #[test]
    fn more_than_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_named(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let endless = read_named(Path::new("/dev/zero"), 4).unwrap_err();
        assert_eq!(why(&endless), Some(&Strange::Special));
        assert_eq!(read(&dir.path().join("none"), 4).unwrap(), None);
    }
}
