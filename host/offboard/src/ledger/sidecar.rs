//! The names of the files beside a ledger: SQLite's log and index, and the lock files of the
//! sessions.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The path with this suffix.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut beside: OsString = path.as_os_str().to_owned();
    beside.push(end);
    beside.into()
}
