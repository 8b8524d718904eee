//! Checks whether a ledger could be opened, without creating or changing it.

use std::path::Path;

use super::{
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    open::check_not_moved,
    place,
    sidecar::beside,
};

impl Ledger {
    /// Checks whether a ledger could be opened. Nothing is created.
    ///
    /// # Errors
    /// The ledger could not be written, or the file is not a ledger.
    pub async fn probe(path: &Path) -> Result<(), LedgerError> {
        if path.exists() {
            let probe = || {
                may_write(path)?;
                let path = std::fs::canonicalize(path)?;
                // SQLite keeps its log and its index beside the file, and each process its lock.
                tempfile::tempfile_in(path.parent().unwrap_or(&path))?;
                let sessions = beside(&path, "-sessions");
                if sessions.exists() {
                    tempfile::tempfile_in(&sessions)?;
                }
                place::check(&path)
            };
            probe().map_err(|kind| LedgerError::new(path, kind))?;
            return Self::view(path).await.map(|_| ());
        }
        // In the folder, or if it is missing, too, where the folder would be created.
        let probe = || {
            check_not_moved(path)?;
            let folder = place::existing_folder(path);
            place::check_folder(folder)?;
            tempfile::tempfile_in(folder)?;
            Ok(())
        };
        probe().map_err(|kind| LedgerError::new(path, kind))
    }
}

#[cfg(unix)]
fn may_write(path: &Path) -> Result<(), LedgerErrorKind> {
    let allowed = rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
    Ok(allowed.map_err(std::io::Error::from)?)
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> Result<(), LedgerErrorKind> {
    std::fs::OpenOptions::new().append(true).open(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::sample::open, *};

    #[tokio::test]
    async fn a_ledger_without_a_place_for_its_locks_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        open(&path).await.unwrap().close().await;
        Ledger::probe(&path).await.unwrap();
        std::fs::write(folder.path().join("ledger.db-sessions"), "").unwrap();
        Ledger::probe(&path).await.unwrap_err();
    }
}
