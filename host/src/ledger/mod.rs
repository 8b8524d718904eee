//! The durable record of every order and what became of it, in one SQLite file.
//!
//! What leaves is on the disk before it leaves, and its answer as soon as it is
//! in: whoever comes later, after a crash or a lost line, knows what is certain
//! and asks for the rest. Orders of one machine are claimed in one transaction,
//! so that two processes never send for it at once. The quotas' windows stand
//! here, too, for all processes that share the account.
//!
//! It never holds a token. A ledger that cannot be written stops the run before
//! the next request.

mod calls;
mod claim;
mod entry;
mod error;
mod orders;
mod request;
mod run;
mod session;
mod summary;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use jiff::Timestamp;
use sqlx::{
    SqlSafeStr, Sqlite, SqlitePool, Transaction,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use calls::{CallId, Turn};
pub use claim::Taken;
pub use entry::Entry;
pub use error::{Fault, LedgerError};
pub use orders::{Counts, Plan};
pub use request::{Evidence, Moment, RequestId};
pub use run::{RunId, RunRow};
pub use session::{Session, Who};
pub use summary::Alike;

/// How long another program may hold the ledger for writing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Up to this size, in bytes, a ledger is looked through when it is opened.
const LOOKED_THROUGH: u64 = 16 * 1024 * 1024;

/// An open ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: SqlitePool,
    path: PathBuf,
    in_memory: bool,
    /// Which file it was when it was opened for writing.
    file: Option<Same>,
}

/// What tells a file from another one of its name.
type Same = (u64, u64);

/// The schema's versions, oldest first. What was released is never edited.
fn schema() -> Migrator {
    let versions = [("the ledger", include_str!("schema/0001_ledger.sql"))];
    let migration = |(version, (name, sql)): (i64, (&'static str, &'static str))| {
        let kind = MigrationType::Simple;
        Migration::new(
            version,
            Cow::Borrowed(name),
            kind,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations((1..).zip(versions).map(migration).collect())
}

impl Ledger {
    /// Opens a ledger, and creates it and its folder where they are missing,
    /// readable by nobody else.
    ///
    /// # Errors
    /// It cannot be written, is damaged, or is of a newer version.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let fault = |fault| LedgerError::new(path, fault);
        prepare(path).map_err(|error| fault(error.into()))?;
        // However it is spelled: the locks beside it are found by its name.
        let whole = std::fs::canonicalize(path).map_err(|error| fault(error.into()))?;
        let path = whole.as_path();
        let fault = |fault| LedgerError::new(path, fault);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal);
        let mut ledger = Self::connect(options, path, false).await.map_err(fault)?;
        ledger.file = same(path);
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if size <= LOOKED_THROUGH {
            ledger.look_through().await?;
        }
        let migrated = async {
            let mut connection = ledger.pool.acquire().await?;
            // Of two processes that open a new one, the second finds it made.
            let mut transaction =
                sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
            schema().run(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(())
        };
        migrated.await.map_err(|error: Fault| ledger.fault(error))?;
        Ok(ledger)
    }

    /// A ledger that is gone with its process: for one machine, where nothing
    /// can be written.
    ///
    /// # Errors
    /// SQLite cannot be used at all.
    pub async fn in_memory() -> Result<Self, LedgerError> {
        let path = Path::new(":memory:");
        let fault = |fault| LedgerError::new(path, fault);
        let options = SqliteConnectOptions::from_str("sqlite::memory:")
            .map_err(|error| fault(error.into()))?;
        let ledger = Self::connect(options, path, true).await.map_err(fault)?;
        let migrated = schema().run(&ledger.pool).await;
        migrated.map_err(|error| fault(error.into()))?;
        Ok(ledger)
    }

    /// Opens a ledger to look at it: nothing is written, also where nothing can
    /// be.
    ///
    /// # Errors
    /// There is none, or it is damaged or of a newer version.
    pub async fn view(path: &Path) -> Result<Self, LedgerError> {
        let fault = |fault| LedgerError::new(path, fault);
        if let Err(error) = std::fs::metadata(path) {
            return Err(fault(Fault::Other(error.to_string())));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let ledger = match Self::connect(options.clone(), path, false).await {
            Ok(ledger) if ledger.is_readable().await => ledger,
            // On a medium that is read-only not even the lock can be made. What stands
            // beside the file is not read then.
            _ if has_more(path) => return Err(fault(Fault::Beside)),
            _ => Self::connect(options.immutable(true), path, false)
                .await
                .map_err(fault)?,
        };
        ledger.look_through().await?;
        let version: Result<Option<i64>, sqlx::Error> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
                .fetch_one(&ledger.pool)
                .await;
        let known = schema().iter().map(|version| version.version).max();
        match version {
            Ok(version) if version > known => Err(fault(Fault::Newer)),
            Ok(_) => Ok(ledger),
            Err(error) => Err(fault(error.into())),
        }
    }

    async fn connect(
        options: SqliteConnectOptions,
        path: &Path,
        in_memory: bool,
    ) -> Result<Self, Fault> {
        let options = options
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            // A commit is on the disk.
            .synchronous(SqliteSynchronous::Full)
            .optimize_on_close(false, None);
        let pool = SqlitePoolOptions::new()
            // Writers take turns here, in order, rather than by polling a lock.
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(PATIENCE * 3)
            .connect_with(options)
            .await?;
        Ok(Self {
            pool,
            path: path.to_owned(),
            in_memory,
            file: None,
        })
    }

    /// Whether one could be opened there; nothing is left behind where none is.
    ///
    /// # Errors
    /// It could not be written, or what is there is none.
    pub async fn probe(path: &Path) -> Result<(), LedgerError> {
        if path.exists() {
            std::fs::OpenOptions::new()
                .append(true)
                .open(path)
                .map_err(|error| LedgerError::new(path, error.into()))?;
            return Self::view(path).await.map(|_| ());
        }
        // Where its folder would be made, if that is missing, too.
        let folder = path.ancestors().skip(1).find(|folder| folder.exists());
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
            .map(|_| ())
            .map_err(|error| LedgerError::new(path, error.into()))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is gone with this process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Ends the use of it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn is_readable(&self) -> bool {
        let read = sqlx::query("SELECT count(*) FROM sqlite_schema");
        read.execute(&self.pool).await.is_ok()
    }

    async fn look_through(&self) -> Result<(), LedgerError> {
        let said: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.fault(error))?;
        match said.as_str() {
            "ok" => Ok(()),
            _ => Err(self.fault(Fault::Damaged(said))),
        }
    }

    /// A transaction that writes: it waits for its turn at the beginning, so
    /// that what it reads still holds when it writes.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        // What is written to a file that nobody finds any more is not on record.
        if self.file.is_some() && same(&self.path) != self.file {
            return Err(Fault::Gone);
        }
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    fn fault(&self, fault: impl Into<Fault>) -> LedgerError {
        LedgerError::new(&self.path, fault.into())
    }
}

/// Whether commits stand in a file beside it.
fn has_more(path: &Path) -> bool {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    std::fs::metadata(beside).is_ok_and(|file| file.len() > 0)
}

#[cfg(unix)]
fn same(path: &Path) -> Option<Same> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn same(_: &Path) -> Option<Same> {
    None
}

/// Makes the file, so that it is this user's alone from the beginning.
fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// The time, as the ledger writes it.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests;
