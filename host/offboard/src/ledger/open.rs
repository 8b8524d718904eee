//! Opens a ledger for writing, for reading, or in memory.

use std::{
    fs::TryLockError,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    checkpoint,
    database::{KeepOpen, Ledger},
    error::{LedgerError, LedgerErrorKind},
    files::LedgerFiles,
    place,
    schema::{SIGNED_IN_USER, VIEW_WITHOUT_SIGNED_IN_USER, schema, view_of},
    session::open_lock,
    sidecar::beside,
    wait::{self, Waiting},
};

/// How long a reader waits for a process that holds the ledger. Readers are blocked only
/// while another process opens or closes it.
const PATIENCE_TO_READ: Duration = Duration::from_secs(10);
/// How long a task waits for the other tasks of this process. The limit is long because the
/// clock continues while the process is stopped.
const IN_TURN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Size, in bytes, up to which SQLite checks the structure of a ledger when it is opened.
const MAX_CHECKED: u64 = 16 * 1024 * 1024;

impl Ledger {
    /// Opens a ledger. Creates it and its folder if they are missing, readable only by this
    /// user. Waits while another process holds it.
    ///
    /// # Errors
    /// The ledger cannot be written, is damaged, or belongs to a newer version; or two
    /// processes could not lock each other out in this location.
    pub async fn open(path: &Path, waiting: Waiting) -> Result<Self, LedgerError> {
        let failed = |kind| LedgerError::new(path, kind);
        prepare(path).map_err(failed)?;
        // The canonical path, because the locks beside the file are found by its name.
        let whole = std::fs::canonicalize(path).map_err(|error| failed(error.into()))?;
        let path = whole.as_path();
        let failed = |kind| LedgerError::new(path, kind);
        place::check(path).map_err(failed)?;
        let open = || Self::open_now(path, waiting.clone());
        let opened = waiting.for_lock(path, true, open).await.map_err(failed)?;
        opened.ok_or_else(|| failed(LedgerErrorKind::Locked(None)))
    }

    async fn open_now(path: &Path, waiting: Waiting) -> Result<Self, LedgerErrorKind> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // Checkpoints happen only after a check of the log: see `checkpoint::tidy`.
            .pragma("wal_autocheckpoint", "0");
        let mut ledger = Self::connect(options, path, false).await?;
        ledger.waiting = waiting;
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if size <= MAX_CHECKED {
            ledger.quick_check().await?;
        }
        let mut connection = ledger.pool.acquire().await?;
        // If two processes open a new ledger, the second one finds the schema.
        let mut transaction =
            sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
        // Not `run`: with that, the future is not `Send` (sqlx, `Migrator::run_direct`).
        let schema = schema();
        check_unused(path, &schema, &mut transaction).await?;
        schema.run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        drop(connection);
        ledger.files = Some(LedgerFiles::see(path)?);
        ledger.keep_open = Some(Arc::new(KeepOpen(ledger.pool.clone())));
        Ok(ledger)
    }

    /// A ledger in memory, lost with its process: for one machine, if nothing can be written.
    ///
    /// # Errors
    /// SQLite cannot be used at all.
    pub async fn in_memory() -> Result<Self, LedgerError> {
        let path = Path::new(":memory:");
        let failed = |kind| LedgerError::new(path, kind);
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .map_err(|error| failed(error.into()))?;
        let ledger = Self::connect(options, path, true).await.map_err(failed)?;
        let migrated = schema().run(&ledger.pool).await;
        migrated.map_err(|error| failed(error.into()))?;
        Ok(ledger)
    }

    /// A ledger in memory, in place of a file that is still empty.
    async fn empty(path: &Path) -> Result<Self, LedgerErrorKind> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")?;
        let ledger = Self::connect(options, path, false).await?;
        schema().run(&ledger.pool).await?;
        Ok(ledger)
    }

    /// Opens a ledger for reading. Nothing is written, so that read-only media work, too.
    ///
    /// # Errors
    /// The ledger does not exist, is damaged, or belongs to a newer version; or its newest
    /// commits cannot be read in this location.
    pub async fn view(path: &Path) -> Result<Self, LedgerError> {
        // SQLite finds the files beside it by the name of the file, not of a link to it.
        let whole = Self::locate(path)?;
        let path = whole.as_path();
        let failed = |kind| LedgerError::new(path, kind);
        place::check_names(path).map_err(failed)?;
        let waiting = Waiting::default().at_most(PATIENCE_TO_READ);
        let viewed = waiting.for_lock(path, false, || Self::view_now(path));
        let viewed = viewed.await.map_err(failed)?;
        viewed.ok_or_else(|| failed(LedgerErrorKind::Locked(None)))
    }

    /// The canonical path of an existing ledger. Nothing is created.
    ///
    /// # Errors
    /// It does not exist: [`LedgerErrorKind::Missing`], or [`LedgerErrorKind::Moved`] if its log
    /// exists; or its path cannot be read.
    pub fn locate(path: &Path) -> Result<PathBuf, LedgerError> {
        let located = std::fs::canonicalize(path).map_err(|error| {
            if error.kind() != std::io::ErrorKind::NotFound {
                return LedgerErrorKind::Other(error.to_string());
            }
            check_not_moved(path)
                .err()
                .unwrap_or(LedgerErrorKind::Missing)
        });
        located.map_err(|kind| LedgerError::new(path, kind))
    }

    async fn view_now(path: &Path) -> Result<Self, LedgerErrorKind> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let ledger = match Self::view_with_log(path, options.clone()).await {
            Ok(ledger) => ledger,
            Err(LedgerErrorKind::Locked(holder)) => return Err(LedgerErrorKind::Locked(holder)),
            // On a read-only medium, SQLite cannot create its lock. Then the files beside the
            // ledger are not read.
            Err(_) if has_more(path) => return Err(LedgerErrorKind::Beside),
            Err(_) => Self::connect(options.immutable(true), path, false).await?,
        };
        let has_lost_entries = checkpoint::is_log_damaged(path).await;
        // Another process is creating it (a race): it is still empty.
        if is_empty(&ledger.pool).await? {
            return Ok(Self {
                has_lost_entries,
                ..Self::empty(path).await?
            });
        }
        let ledger = Self {
            has_lost_entries,
            ..ledger
        };
        ledger.quick_check().await?;
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&ledger.pool)
            .await?;
        let known = schema().iter().map(|version| version.version).max();
        if version > known {
            return Err(LedgerErrorKind::Newer);
        }
        if let Some(view) = view_of(version.unwrap_or_default()) {
            sqlx::raw_sql(view).execute(&ledger.pool).await?;
        }
        if version < Some(SIGNED_IN_USER) {
            let view = sqlx::raw_sql(VIEW_WITHOUT_SIGNED_IN_USER);
            view.execute(&ledger.pool).await?;
        }
        Ok(ledger)
    }

    async fn view_with_log(
        path: &Path,
        options: SqliteConnectOptions,
    ) -> Result<Self, LedgerErrorKind> {
        // The shared memory of another computer cannot be read, and the log may be written
        // there.
        if let Some(kind) = place::shared(path)? {
            return Err(LedgerErrorKind::Shared(kind));
        }
        let ledger = Self::connect(options, path, false).await?;
        let read = sqlx::query("SELECT count(*) FROM sqlite_schema");
        read.execute(&ledger.pool).await?;
        Ok(ledger)
    }

    async fn connect(
        options: SqliteConnectOptions,
        path: &Path,
        in_memory: bool,
    ) -> Result<Self, LedgerErrorKind> {
        let options = options
            .busy_timeout(wait::TRY)
            .foreign_keys(true)
            // Every commit is synced to the disk.
            .synchronous(SqliteSynchronous::Full)
            .optimize_on_close(false, None);
        let pool = SqlitePoolOptions::new()
            // Writers queue here, in order, instead of polling a lock.
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(IN_TURN)
            .connect_with(options)
            .await?;
        Ok(Self {
            pool,
            keep_open: None,
            path: path.to_owned(),
            in_memory,
            files: None,
            has_lost_entries: false,
            waiting: Waiting::default(),
            queue: Arc::default(),
        })
    }

    /// Checks the structure of the database.
    async fn quick_check(&self) -> Result<(), LedgerErrorKind> {
        let said: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.pool)
            .await?;
        match said.as_str() {
            "ok" => Ok(()),
            _ => Err(LedgerErrorKind::Damaged(said)),
        }
    }
}

/// Checks that no process of an older version uses a ledger that is about to be migrated: it
/// could not record the answers of its requests any more.
async fn check_unused(
    path: &Path,
    schema: &Migrator,
    transaction: &mut Transaction<'_, Sqlite>,
) -> Result<(), LedgerErrorKind> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'session')";
    let tables: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut **transaction)
        .await?;
    if tables < 2 {
        return Ok(());
    }
    let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut **transaction)
        .await?;
    if version >= schema.iter().map(|version| version.version).max() {
        return Ok(());
    }
    let sessions: Vec<String> = sqlx::query_scalar("SELECT uuid FROM session WHERE ended IS NULL")
        .fetch_all(&mut **transaction)
        .await?;
    for session in sessions {
        let lock = open_lock(&beside(path, "-sessions").join(session));
        if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            return Err(LedgerErrorKind::UsedByOlder);
        }
    }
    Ok(())
}

/// Whether a database has no tables.
async fn is_empty(pool: &SqlitePool) -> Result<bool, LedgerErrorKind> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(pool)
        .await?;
    Ok(count == 0)
}

/// Whether a file beside it has commits.
fn has_more(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|file| file.len() > 0)
}

/// Checks that a missing ledger has no log: SQLite would delete it, with the commits in it.
pub(super) fn check_not_moved(path: &Path) -> Result<(), LedgerErrorKind> {
    if has_more(path) {
        return Err(LedgerErrorKind::Moved);
    }
    Ok(())
}

/// Creates the file so that only this user can read it from the beginning. An existing file is
/// not opened: this process may already have it open, and closing it would release SQLite's
/// locks.
fn prepare(path: &Path) -> Result<(), LedgerErrorKind> {
    if path.exists() {
        return Ok(());
    }
    check_not_moved(path)?;
    place::check_folder(place::existing_folder(path))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::sample::open, *};

    #[tokio::test]
    async fn the_log_of_a_ledger_that_was_moved_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let log = folder.path().join("ledger.db-wal");
        std::fs::write(&log, "commits").unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error.kind(), LedgerErrorKind::Moved), "{error}");
        let error = Ledger::probe(&path).await.unwrap_err();
        assert!(matches!(error.kind(), LedgerErrorKind::Moved), "{error}");
        let error = Ledger::view(&path).await.unwrap_err();
        assert!(matches!(error.kind(), LedgerErrorKind::Moved), "{error}");
        assert_eq!(std::fs::read(&log).unwrap(), b"commits");
        assert!(!path.exists());
    }

    /// SQLite would wait forever for the writer of the pipe.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_named_pipe_beside_a_ledger_is_reported_and_not_opened() {
        for end in ["-wal", "-shm", "-journal"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.db");
            open(&path).await.unwrap().close().await;
            rustix::fs::mkfifoat(rustix::fs::CWD, beside(&path, end), 0o600.into()).unwrap();
            for opened in [open(&path).await, Ledger::view(&path).await] {
                let error = opened.unwrap_err();
                let kind = error.kind();
                assert!(
                    matches!(kind, LedgerErrorKind::SidecarNotAFile(_)),
                    "{error}"
                );
            }
            Ledger::probe(&path).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_a_ledger_is_reported_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(
            matches!(error.kind(), LedgerErrorKind::Damaged(_)),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 10_000]);
    }
}
