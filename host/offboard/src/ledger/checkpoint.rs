//! Decides when the commits of the log are moved into the file. SQLite's own checkpoints do
//! not check the log. If another program damaged the log, they would destroy older records.

use std::{path::Path, time::Duration};

use sqlx::{SqliteConnection, SqlitePool};

use super::{error::LedgerErrorKind, files::LedgerFiles, log, sidecar::beside};

/// How often a log is read before it counts as damaged, and the pause between the attempts.
const TRIES: usize = 5;
const READ_PAUSE: Duration = Duration::from_millis(20);
/// The number of frames from which a log is checkpointed: about the writes of 30 orders. Before
/// each request, all frames are read again, so a long log costs more than its checkpoints.
/// (SQLite's own default is 1000.)
const LONG_LOG_FRAMES: u32 = 200;

/// Checks that the next process will find all commits, and that the file was not truncated.
pub(super) async fn check_whole(
    pool: &SqlitePool,
    files: &LedgerFiles,
) -> Result<(), LedgerErrorKind> {
    check_log(pool, files).await?;
    match files.check() {
        Ok(size) => {
            let mut connection = pool.acquire().await?;
            check_cut(files, size, &mut connection).await
        }
        // A log that was moved or deleted is still open.
        Err(_) => Ok(()),
    }
}

/// Whether the log beside a ledger is damaged. Another process may write it during the read (a
/// race); then it is read again.
pub(super) async fn is_log_damaged(path: &Path) -> bool {
    let is_damaged = || {
        let log = std::fs::File::open(beside(path, "-wal"))?;
        std::io::Result::Ok(log::content(&log)?.is_damaged)
    };
    for _ in 0..TRIES {
        if !is_damaged().unwrap_or(false) {
            return false;
        }
        tokio::time::sleep(READ_PAUSE).await;
    }
    true
}

/// Checks that the log has all frames that its index names. Returns the number of frames that
/// may be checkpointed.
async fn check_log(pool: &SqlitePool, files: &LedgerFiles) -> Result<u32, LedgerErrorKind> {
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
        // Another process may have restarted the log in between (a race).
        tokio::time::sleep(READ_PAUSE).await;
    }
    Err(LedgerErrorKind::LogLost)
}

/// Checkpoints a long log after the check. SQLite's own checkpoint would skip the check.
pub(super) async fn tidy(pool: &SqlitePool, files: &LedgerFiles) -> Result<(), LedgerErrorKind> {
    if check_log(pool, files).await? >= LONG_LOG_FRAMES {
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(pool)
            .await?;
    }
    Ok(())
}

/// Checks that the file is not shorter than the database, unless it was that short before:
/// SQLite truncates only unused pages.
pub(super) async fn check_cut(
    files: &LedgerFiles,
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
