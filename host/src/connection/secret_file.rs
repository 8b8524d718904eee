//! Files with a secret: read whole, within a bound, and only where nobody else
//! can read them.

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
    Io(#[from] io::Error),
    /// Others can read it.
    #[error(
        "others can read it (mode {0:o}): take that away with chmod 600, and change the secret if they may have read it"
    )]
    Exposed(u32),
    /// Longer than any such secret.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
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

/// The file that was opened is looked at, not its name, which may lead
/// elsewhere a moment later. A pipe is nobody else's.
#[cfg(unix)]
fn check(file: &File) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o777;
    match metadata.is_file() && mode & 0o077 != 0 {
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
