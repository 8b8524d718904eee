//! Writes a file that must not replace another one.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use super::advice::error_with_help;
use offboard::mask;

/// What to do about an existing file.
pub(super) const USE_FORCE: &str = "Use another file name. To replace the file, add --force.";

/// What to do about a missing folder.
pub(super) const CREATE_FOLDER: &str = "Create the folder, or use another file name.";

/// Writes a file. An existing file is replaced only with `force`, unless it already has this
/// content. The file is never incomplete. Like other new files, its mode follows the umask.
///
/// # Errors
/// The file exists or cannot be written.
pub(super) fn write(path: &Path, content: &[u8], force: bool) -> Result<()> {
    let shown = mask::path(path);
    let exists = || error_with_help(format!("{shown} exists"), USE_FORCE);
    let cannot = || format!("{shown} cannot be written");
    let existing = fs::symlink_metadata(path).ok();
    if existing.as_ref().is_some_and(fs::Metadata::is_file)
        && fs::read(path).is_ok_and(|found| found == content)
    {
        return Ok(());
    }
    if fs::metadata(path).is_ok_and(|target| !target.is_file() && !target.is_dir()) {
        // A device or a pipe has no content to lose, and cannot be replaced.
        return fs::write(path, content).with_context(cannot);
    }
    if existing.is_some() && !force {
        return Err(exists());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let error = format!("{shown}: the folder does not exist");
        return Err(error_with_help(error, CREATE_FOLDER));
    }
    let mut builder = tempfile::Builder::new();
    // The system removes what the umask forbids.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file: NamedTempFile = builder.tempfile_in(folder).with_context(cannot)?;
    file.write_all(content).with_context(cannot)?;
    let written = if force {
        file.persist(path)
    } else {
        // Another process may have created a file in the meantime.
        file.persist_noclobber(path)
    };
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(error.error).with_context(cannot),
    }
}
