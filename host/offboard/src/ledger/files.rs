//! The files of an open ledger: the database, the log of its newest commits (WAL), and the
//! index of that log, whose locks exclude other processes. While a connection is open, SQLite
//! neither deletes nor replaces them. If one of them was replaced, the next process would not
//! see the writes of this one.
//!
//! They are checked by name and never opened: a process that closes the file or its index
//! releases all its locks on them (fcntl(2)), including those of SQLite. Only the log has no
//! locks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{error::LedgerErrorKind, log, place, sidecar::beside};

/// The number of writes after which the log is checked.
const WRITES: u64 = 200;

/// Identifies a file, to distinguish it from another one with its name.
type Same = (u64, u64);

/// A file, and its identity when the ledger was opened.
#[derive(Debug, Clone)]
pub(super) struct Known {
    path: PathBuf,
    same: Same,
}

impl Known {
    /// The file that has this name now.
    pub(super) fn see(path: PathBuf) -> io::Result<Self> {
        let same = same(&fs::symlink_metadata(&path)?);
        Ok(Self { path, same })
    }

    /// Its size, if it is still the same file and has no second name.
    pub(super) fn check(&self) -> Result<u64, LedgerErrorKind> {
        let file = fs::symlink_metadata(&self.path).map_err(|_| LedgerErrorKind::Gone)?;
        if !file.is_file() || same(&file) != self.same {
            return Err(LedgerErrorKind::Gone);
        }
        match place::links(&file) {
            1 => Ok(file.len()),
            _ => Err(LedgerErrorKind::Linked),
        }
    }
}

/// The files of an open ledger, in the state in which it was opened.
#[derive(Debug, Clone)]
pub(super) struct LedgerFiles {
    file: Known,
    log: Known,
    index: Known,
    /// The log's open file.
    open_log: Arc<Mutex<fs::File>>,
    /// The number of writes so far.
    writes: Arc<AtomicU64>,
    /// The file's size at the last check.
    size: Arc<AtomicU64>,
}

impl LedgerFiles {
    /// The files of a ledger that a connection has read and written.
    pub(super) fn see(path: &Path) -> Result<Self, LedgerErrorKind> {
        // Without a log, SQLite could not share the ledger here.
        let known = |end| Known::see(beside(path, end)).map_err(|_| LedgerErrorKind::NoLog);
        let open_log = fs::File::open(beside(path, "-wal")).map_err(|_| LedgerErrorKind::NoLog)?;
        let files = Self {
            file: known("")?,
            log: known("-wal")?,
            index: known("-shm")?,
            open_log: Arc::new(Mutex::new(open_log)),
            writes: Arc::default(),
            size: Arc::default(),
        };
        files.note_size(files.check()?);
        Ok(files)
    }

    /// Checks that none of them was replaced, and returns the file's size.
    pub(super) fn check(&self) -> Result<u64, LedgerErrorKind> {
        let size = self.file.check()?;
        self.log.check()?;
        self.index.check()?;
        Ok(size)
    }

    /// The number of frames of its log that the next process finds. Works for a log that was
    /// moved or deleted, too: SQLite still has it open.
    pub(super) fn committed(&self) -> io::Result<u32> {
        let log = self.open_log.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(log::content(&log)?.committed)
    }

    /// Whether the file has shrunk since the last check.
    pub(super) fn has_shrunk(&self, size: u64) -> bool {
        size < self.size.load(Ordering::Relaxed)
    }

    /// Counts a write, and returns whether the log may have grown much since the last check.
    pub(super) fn is_due(&self) -> bool {
        self.writes.fetch_add(1, Ordering::Relaxed) % WRITES == WRITES - 1
    }

    pub(super) fn note_size(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
    }
}

#[cfg(unix)]
fn same(file: &fs::Metadata) -> Same {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn same(_: &fs::Metadata) -> Same {
    (0, 0)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
