//! The process that holds the ledger for writing, if the system names it.

use std::{fmt, path::Path};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::sidecar::beside;

/// A process that holds the ledger's write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub process: u32,
    /// Whether it is stopped, for example by Ctrl-Z.
    pub stopped: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {}", self.process)?;
        if self.stopped {
            formatter.write_str(", which is stopped")
        } else {
            Ok(())
        }
    }
}

/// The process that holds the ledger for writing.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn holder(path: &Path) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt;
    let inode = |end| std::fs::metadata(beside(path, end)).map(|file| file.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let process = locking(
        &locks,
        inode("-shm").ok(),
        inode("").ok(),
        std::process::id(),
    )?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    let stopped = state.is_some_and(|state| state.trim_start().starts_with(['T', 't']));
    Some(Holder { process, stopped })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn holder(_: &Path) -> Option<Holder> {
    None
}

/// The process that holds SQLite's lock, from the system's list of locks (proc_locks(5)): the
/// lock on the byte of the index that serialises writers (sqlite.org/walformat.html, "locks"),
/// or any other exclusive lock of the index or the file.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn locking(locks: &str, index: Option<u64>, file: Option<u64>, own: u32) -> Option<u32> {
    const WRITE_LOCK_BYTE: &str = "120";
    let mut found = None;
    for line in locks.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // A waiting lock has an arrow before its kind.
        let &[_, "POSIX" | "OFDLCK", _, "WRITE", process, inode, from, ..] = &fields[..] else {
            continue;
        };
        let Ok(process) = process.parse::<u32>() else {
            continue;
        };
        let inode = inode
            .rsplit(':')
            .next()
            .and_then(|inode| inode.parse().ok());
        if inode.is_none() || process == 0 || process == own {
            continue;
        }
        if inode == index && from == WRITE_LOCK_BYTE {
            return Some(process);
        }
        if inode == index || inode == file {
            found = Some(process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_writes_is_found_among_the_locks() {
        let locks = "1: FLOCK  ADVISORY  WRITE 11 fe:00:70 0 EOF\n\
            2: POSIX  ADVISORY  READ  12 fe:00:70 128 128\n\
            3: POSIX  ADVISORY  WRITE 13 fe:00:99 120 120\n\
            4: POSIX  ADVISORY  WRITE 15 fe:00:70 121 121\n\
            5: POSIX  ADVISORY  WRITE 14 fe:00:70 120 120\n\
            5: -> POSIX  ADVISORY  WRITE 16 fe:00:70 120 120\n\
            6: POSIX  ADVISORY  READ  14 fe:00:60 1073741826 1073742335\n";
        assert_eq!(locking(locks, Some(70), Some(60), 1), Some(14));
        assert_eq!(locking(locks, Some(70), Some(60), 14), Some(15));
        assert_eq!(locking(locks, Some(71), Some(60), 1), None);
        assert_eq!(locking(locks, None, Some(99), 1), Some(13));
        assert_eq!(locking("", None, None, 1), None);
    }
}
