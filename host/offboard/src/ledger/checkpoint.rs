//! When the commits of the log may be moved into the file. SQLite would do so by itself,
//! whatever has become of the log. If another program damaged it, that would destroy what
//! was recorded long before.

use std::{path::Path, time::Duration};

use sqlx::{SqliteConnection, SqlitePool};

use super::{error::LedgerErrorKind, files::Files, log, sidecar::beside};

/// How often a log is read before it is taken for damaged, and the pause between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);
/// With so many frames, a log is moved into the file (SQLite's own default).
const FRAMES: u32 = 1000;

/// Checks that the next process finds everything that was committed, and that the file
/// was not cut.
pub(super) async fn check_whole(pool: &SqlitePool, files: &Files) -> Result<(), LedgerErrorKind> {
    check_log(pool, files).await?;
    match files.check() {
        Ok(size) => {
            let mut connection = pool.acquire().await?;
            check_cut(files, size, &mut connection).await
        }
        // One that was moved or deleted is open all the same.
        Err(_) => Ok(()),
    }
}

/// Whether the log beside a ledger is damaged. Another process may be writing it, so that
/// what was read does not fit together: then it is read again.
pub(super) async fn is_log_damaged(path: &Path) -> bool {
    let is_damaged = || {
        let log = std::fs::File::open(beside(path, "-wal"))?;
        std::io::Result::Ok(log::content(&log)?.is_damaged)
    };
    for _ in 0..TRIES {
        if !is_damaged().unwrap_or(false) {
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
    true
}

/// Checks that the log has all frames that its index names. Returns how many there are
/// that may be moved into the file.
async fn check_log(pool: &SqlitePool, files: &Files) -> Result<u32, LedgerErrorKind> {
    for _ in 0..TRIES {
        let (_, in_index, moved): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
            .fetch_one(pool)
            .await?;
        if in_index <= moved {
            return Ok(0);
        }
        let committed = files.committed()?;
        if i64::from(committed) >= in_index {
            return Ok(committed);
        }
        // Another process may have begun the log anew in between.
        tokio::time::sleep(PAUSE).await;
    }
    Err(LedgerErrorKind::LogLost)
}

/// Moves the commits from the log into the file when they are many, as SQLite would do
/// by itself, and without a check.
pub(super) async fn tidy(pool: &SqlitePool, files: &Files) -> Result<(), LedgerErrorKind> {
    if check_log(pool, files).await? >= FRAMES {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(pool)
            .await?;
    }
    Ok(())
}

/// Checks that the file has no less than the database uses, unless it had as little
/// before: SQLite truncates only what it no longer uses.
pub(super) async fn check_cut(
    files: &Files,
    size: u64,
    reading: &mut SqliteConnection,
) -> Result<(), LedgerErrorKind> {
    if files.has_shrunk(size) && size < in_use(reading).await? {
        return Err(LedgerErrorKind::Gone);
    }
    Ok(())
}

/// The size of the part of the file that the database uses, in bytes.
async fn in_use(reading: &mut SqliteConnection) -> Result<u64, LedgerErrorKind> {
    let size: i64 = sqlx::query_scalar(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    )
    .fetch_one(reading)
    .await?;
    Ok(u64::try_from(size).unwrap_or_default())
}
