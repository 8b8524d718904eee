//! Reads files with a secret, which no other user may read, and trusted files, which no
//! other user may write. Both have a size limit.

use std::{
    io::{self, Read},
    path::Path,
};

use secrecy::SecretSlice;
use thiserror::Error;

use crate::input_file::InputFile;

/// Why a file with a secret is rejected. The error never holds any of its content.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// Other users can read it.
    #[error(
        "other users can read it (mode {0:o}): run chmod 600, and replace the secret if they may have read it"
    )]
    Exposed(u32),
    /// It is larger than the limit.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file that no other user can read.
///
/// # Errors
/// It cannot be read, others can read it too, or it is longer than `limit`
/// bytes.
pub fn read_secret(path: &Path, limit: u64) -> Result<SecretSlice<u8>, SecretFileError> {
    let file = InputFile::open(path)?;
    check(&file)?;
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    let length = bytes.len() as u64;
    let secret = SecretSlice::from(bytes);
    read?;
    if length > limit {
        Err(SecretFileError::TooLong(limit))
    } else {
        Ok(secret)
    }
}

/// Why a file is not trusted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustedFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// Other users can write it.
    #[error("other users can write it (mode {0:o}): run chmod go-w")]
    Writable(u32),
    /// Other users can replace it.
    #[error("other users can write its folder (mode {0:o}): run chmod go-w on the folder")]
    Replaceable(u32),
    /// Another user owns its folder, and can replace the file.
    #[error("its folder belongs to another user (uid {0}): move it to a folder of your own")]
    FolderOwner(u32),
    /// Another user owns it.
    #[error("it belongs to another user (uid {0}): change its owner with chown")]
    Owner(u32),
    /// It is larger than the limit.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
}

impl From<io::Error> for TrustedFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file that only the current user and the superuser can write.
///
/// # Errors
/// It cannot be read, others can write it or replace it, or it is longer than
/// `limit` bytes.
pub fn read_trusted(path: &Path, limit: u64) -> Result<Vec<u8>, TrustedFileError> {
    let file = InputFile::open(path)?;
    check_trusted(path, &file)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        Err(TrustedFileError::TooLong(limit))
    } else {
        Ok(bytes)
    }
}

/// Resolves symbolic links and checks every folder on the way for users who could
/// replace the file.
#[cfg(unix)]
fn check_trusted(path: &Path, file: &InputFile) -> Result<(), TrustedFileError> {
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
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
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
fn check_trusted(_: &Path, _: &InputFile) -> Result<(), TrustedFileError> {
    Ok(())
}

/// Whether other users could have opened it by name: a regular file, or a named pipe.
/// An anonymous pipe has no name.
#[cfg(unix)]
fn can_be_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    // On Linux, an anonymous pipe has one link, and only its own user can open it.
    let named = metadata.file_type().is_fifo() && metadata.nlink() > 0;
    metadata.is_file() || named
}

/// Checks the open file and not its path: an attacker could replace the file between
/// the check and the read.
#[cfg(unix)]
fn check(file: &InputFile) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    if can_be_others(&metadata) && mode & 0o077 != 0 {
        Err(SecretFileError::Exposed(mode))
    } else {
        Ok(())
    }
}

/// Other systems have no such file mode; a user's folder is private to the user.
#[cfg(not(unix))]
fn check(_: &InputFile) -> Result<(), SecretFileError> {
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
    fn a_named_pipe_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let write = |path: std::path::PathBuf| {
            std::thread::spawn(move || {
                let _ = fs::write(path, "hunter2");
            })
        };
        // Nothing is read, so no writer is waited for.
        assert!(matches!(
            read_secret(&path, 100),
            Err(SecretFileError::Exposed(0o666))
        ));
        assert!(matches!(
            read_trusted(&path, 100),
            Err(TrustedFileError::Writable(0o666))
        ));
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
