//! Files with a secret, which nobody else may read, and files that are trusted,
//! which nobody else may write. Both are read whole, within a bound.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use secrecy::SecretSlice;
use thiserror::Error;

/// Why a file with a secret is not used. Never holds any of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// Others can read it.
    #[error(
        "others can read it (mode {0:o}): take that away with chmod 600, and change the secret if they may have read it"
    )]
    Exposed(u32),
    /// Longer than any such secret.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The bytes of a file that nobody else can read.
///
/// # Errors
/// It cannot be read, others can read it too, or it is longer than `limit`
/// bytes.
pub fn read_secret(path: &Path, limit: u64) -> Result<SecretSlice<u8>, SecretFileError> {
    let file = File::open(path)?;
    check(&file)?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    let length = bytes.len() as u64;
    let secret = SecretSlice::from(bytes);
    read?;
    match length > limit {
        true => Err(SecretFileError::TooLong(limit)),
        false => Ok(secret),
    }
}

/// Why a file that is to be trusted is not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustedFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// Others can write it.
    #[error("others can write it (mode {0:o}): take that away with chmod go-w")]
    Writable(u32),
    /// Others can put another file into its place.
    #[error("others can write its folder (mode {0:o}): take that away with chmod go-w")]
    Replaceable(u32),
    /// Its folder is somebody else's, who can put another file into its place.
    #[error("its folder belongs to another user (uid {0}): keep it in one of your own")]
    FolderOwner(u32),
    /// It is somebody else's.
    #[error("it belongs to another user (uid {0}): make it your own with chown")]
    Owner(u32),
    /// Longer than any such file.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

impl From<io::Error> for TrustedFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The bytes of a file that nobody but its reader and the superuser can write.
///
/// # Errors
/// It cannot be read, others can write it or replace it, or it is longer than
/// `limit` bytes.
pub fn read_trusted(path: &Path, limit: u64) -> Result<Vec<u8>, TrustedFileError> {
    let file = File::open(path)?;
    check_trusted(path, &file)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(TrustedFileError::TooLong(limit)),
        false => Ok(bytes),
    }
}

/// Where its name leads is looked at for who could have it lead elsewhere.
#[cfg(unix)]
fn check_trusted(path: &Path, file: &File) -> Result<(), TrustedFileError> {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let metadata = file.metadata()?;
    if !can_be_others(&metadata) {
        return Ok(());
    }
    let (own, uid) = (rustix::process::geteuid().as_raw(), metadata.uid());
    let mode = metadata.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(TrustedFileError::Writable(mode));
    }
    if uid != own && uid != 0 {
        return Err(TrustedFileError::Owner(uid));
    }
    let whole = path.canonicalize()?;
    let named = [path.parent(), whole.parent()];
    for folder in named.into_iter().flatten() {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let metadata = folder.metadata()?;
        let mode = metadata.mode() & 0o7777;
        let uid = metadata.uid();
        if uid != own && uid != 0 {
            return Err(TrustedFileError::FolderOwner(uid));
        }
        if mode & 0o022 != 0 && mode & STICKY == 0 {
            return Err(TrustedFileError::Replaceable(mode & 0o777));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_trusted(_: &Path, _: &File) -> Result<(), TrustedFileError> {
    Ok(())
}

/// What has a name that others may reach it by: a file, and a pipe in a folder.
/// A pipe between two processes has none.
#[cfg(unix)]
fn can_be_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    // Linux gives a pipe without a name one link, and keeps it to its user.
    let named = metadata.file_type().is_fifo() && metadata.nlink() > 0;
    metadata.is_file() || named
}

/// The file that was opened is looked at, not its name, which may lead
/// elsewhere a moment later.
#[cfg(unix)]
fn check(file: &File) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    match can_be_others(&metadata) && mode & 0o077 != 0 {
        true => Err(SecretFileError::Exposed(mode)),
        false => Ok(()),
    }
}

/// Elsewhere a file has no such mode; a user's folder is the user's alone.
#[cfg(not(unix))]
fn check(_: &File) -> Result<(), SecretFileError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, os::unix::fs::PermissionsExt};

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_that_others_can_write_or_replace_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offboard.toml");
        let link = folder.path().join("link.toml");
        fs::write(&path, "trusted").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mode = |of: &Path, mode| {
            fs::set_permissions(of, fs::Permissions::from_mode(mode)).unwrap();
        };
        for writable in [0o622, 0o620, 0o602, 0o666] {
            mode(&path, writable);
            let error = read_trusted(&link, 100).unwrap_err();
            assert!(matches!(error, TrustedFileError::Writable(found) if found == writable));
        }
        for readable in [0o600, 0o644, 0o400] {
            mode(&path, readable);
            assert_eq!(read_trusted(&link, 7).unwrap(), b"trusted");
        }
        assert!(matches!(
            read_trusted(&path, 6),
            Err(TrustedFileError::TooLong(6))
        ));
        for (replaceable, taken) in [
            (0o777, false),
            (0o720, false),
            (0o1777, true),
            (0o755, true),
        ] {
            mode(folder.path(), replaceable);
            assert_eq!(read_trusted(&path, 7).is_ok(), taken, "{replaceable:o}");
        }
    }

    #[test]
    fn a_pipe_with_a_name_is_as_others_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let write = |path: std::path::PathBuf| {
            std::thread::spawn(move || {
                let _ = fs::write(path, "hunter2");
            })
        };
        let writer = write(path.clone());
        assert!(matches!(
            read_secret(&path, 100),
            Err(SecretFileError::Exposed(0o666))
        ));
        writer.join().unwrap();
        let writer = write(path.clone());
        assert!(matches!(
            read_trusted(&path, 100),
            Err(TrustedFileError::Writable(0o666))
        ));
        writer.join().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let writer = write(path.clone());
        assert_eq!(read_secret(&path, 7).unwrap().expose_secret(), b"hunter2");
        writer.join().unwrap();
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "hunter2").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_secret(&path, 100).unwrap_err();
            assert!(matches!(error, SecretFileError::Exposed(found) if found == mode));
            assert!(!error.to_string().contains("hunter2"));
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path, 7).unwrap().expose_secret(), b"hunter2");
        }
        assert!(matches!(
            read_secret(&path, 6),
            Err(SecretFileError::TooLong(6))
        ));
        assert!(matches!(
            read_secret(&folder.path().join("missing"), 6),
            Err(SecretFileError::Io(_))
        ));
    }
}
