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
mod confirm;
mod entry;
mod error;
mod files;
mod log;
mod orders;
mod place;
mod request;
mod run;
mod session;
mod summary;
mod wait;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sqlx::{
    SqlSafeStr, Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

pub use calls::{CallId, Turn};
pub use claim::{SentOrder, Taken};
pub use confirm::{ConfirmationRow, PlanRow};
pub use entry::Entry;
pub use error::{Fault, LedgerError};
pub use orders::{Counts, Plan};
pub use request::{Evidence, Moment, RequestId};
pub use run::{RunId, RunRow};
pub use session::{Session, Who};
pub use summary::Alike;
pub use wait::{Holder, Waited, Waiting};

use files::{Files, beside};

/// How long a reader waits for a process that holds the ledger. Readers are blocked only
/// while another process opens or closes it.
const PATIENCE_TO_READ: Duration = Duration::from_secs(10);
/// How long a task waits for the other tasks of this process. If the process was stopped,
/// it did not wait, but its clock went on.
const IN_TURN: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often a log is read before it is taken for damaged, and the pause between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);
/// With so many frames, a log is moved into the file (SQLite's own default).
const FRAMES: u32 = 1000;
/// Up to this size, in bytes, a ledger is looked through when it is opened.
const LOOKED_THROUGH: u64 = 16 * 1024 * 1024;

/// An open ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: SqlitePool,
    /// Keeps SQLite from closing it unasked.
    _open: Option<Arc<Open>>,
    path: PathBuf,
    in_memory: bool,
    /// Its files when it was opened for writing.
    files: Option<Files>,
    has_lost_entries: bool,
    waiting: Waiting,
    /// Lets one task of this process at a time try to begin a write.
    queue: Arc<Mutex<()>>,
}

/// The schema's versions, oldest first. What was released is never edited.
fn schema() -> Migrator {
    let versions = [
        ("the ledger", include_str!("schema/0001_ledger.sql")),
        (
            "confirmations",
            include_str!("schema/0002_confirmations.sql"),
        ),
    ];
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
    /// readable by nobody else. Waits while another process holds it.
    ///
    /// # Errors
    /// It cannot be written, is damaged, or is of a newer version; or two processes could
    /// not lock each other out where it is.
    pub async fn open(path: &Path, waiting: Waiting) -> Result<Self, LedgerError> {
        let fault = |fault| LedgerError::new(path, fault);
        prepare(path).map_err(fault)?;
        // However it is spelled: the locks beside it are found by its name.
        let whole = std::fs::canonicalize(path).map_err(|error| fault(error.into()))?;
        let path = whole.as_path();
        let fault = |fault| LedgerError::new(path, fault);
        place::check(path).map_err(fault)?;
        let open = || Self::open_now(path, waiting.clone());
        let opened = waiting.for_lock(path, true, open).await.map_err(fault)?;
        opened.ok_or_else(|| fault(Fault::Locked(None)))
    }

    async fn open_now(path: &Path, waiting: Waiting) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // Only after the log was checked: see `tidy`.
            .pragma("wal_autocheckpoint", "0");
        let mut ledger = Self::connect(options, path, false).await?;
        ledger.waiting = waiting;
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if size <= LOOKED_THROUGH {
            ledger.look_through().await?;
        }
        let mut connection = ledger.pool.acquire().await?;
        // Of two processes that open a new one, the second finds it made.
        let mut transaction =
            sqlx::Connection::begin_with(&mut *connection, "BEGIN IMMEDIATE").await?;
        // Not `run`: with that, the future is not `Send` (sqlx, `Migrator::run_direct`).
        let schema = schema();
        schema.run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        drop(connection);
        ledger.files = Some(Files::see(path)?);
        ledger._open = Some(Arc::new(Open(ledger.pool.clone())));
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

    /// One that stands in for a file that has nothing in it yet.
    async fn empty(path: &Path) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")?;
        let ledger = Self::connect(options, path, false).await?;
        schema().run(&ledger.pool).await?;
        Ok(ledger)
    }

    /// Opens a ledger to look at it: nothing is written, also where nothing can
    /// be.
    ///
    /// # Errors
    /// There is none, or it is damaged or of a newer version; or its newest commits
    /// cannot be found from here.
    pub async fn view(path: &Path) -> Result<Self, LedgerError> {
        let fault = |fault| LedgerError::new(path, fault);
        // SQLite finds the files beside it by the name of the file, not of a link to it.
        let whole =
            std::fs::canonicalize(path).map_err(|error| fault(Fault::Other(error.to_string())))?;
        let path = whole.as_path();
        let fault = |fault| LedgerError::new(path, fault);
        place::check_names(path).map_err(fault)?;
        let waiting = Waiting::default().at_most(PATIENCE_TO_READ);
        let viewed = waiting.for_lock(path, false, || Self::view_now(path));
        let viewed = viewed.await.map_err(fault)?;
        viewed.ok_or_else(|| fault(Fault::Locked(None)))
    }

    async fn view_now(path: &Path) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let ledger = match Self::view_with_log(path, options.clone()).await {
            Ok(ledger) => ledger,
            Err(Fault::Locked(holder)) => return Err(Fault::Locked(holder)),
            // On a medium that is read-only not even the lock can be made. What stands
            // beside the file is not read then.
            Err(_) if has_more(path) => return Err(Fault::Beside),
            Err(_) => Self::connect(options.immutable(true), path, false).await?,
        };
        let has_lost_entries = is_log_damaged(path).await;
        // Another process creates it at this moment: it is still empty.
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
        ledger.look_through().await?;
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&ledger.pool)
            .await?;
        let known = schema().iter().map(|version| version.version).max();
        match version > known {
            true => Err(Fault::Newer),
            false => Ok(ledger),
        }
    }

    async fn view_with_log(path: &Path, options: SqliteConnectOptions) -> Result<Self, Fault> {
        // Another machine's memory cannot be read, and its log may be written there.
        if let Some(kind) = place::shared(path)? {
            return Err(Fault::Shared(kind));
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
    ) -> Result<Self, Fault> {
        let options = options
            .busy_timeout(wait::TRY)
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
            .acquire_timeout(IN_TURN)
            .connect_with(options)
            .await?;
        Ok(Self {
            pool,
            _open: None,
            path: path.to_owned(),
            in_memory,
            files: None,
            has_lost_entries: false,
            waiting: Waiting::default(),
            queue: Arc::default(),
        })
    }

    /// Whether one could be opened there; nothing is left behind where none is.
    ///
    /// # Errors
    /// It could not be written, or what is there is none.
    pub async fn probe(path: &Path) -> Result<(), LedgerError> {
        if path.exists() {
            let probe = || {
                may_write(path)?;
                place::check(&std::fs::canonicalize(path)?)
            };
            probe().map_err(|fault| LedgerError::new(path, fault))?;
            return Self::view(path).await.map(|_| ());
        }
        // Where its folder would be made, if that is missing, too.
        let probe = || {
            let folder = folder_of(path);
            refuse_shared(folder)?;
            tempfile::tempfile_in(folder)?;
            Ok(())
        };
        probe().map_err(|fault| LedgerError::new(path, fault))
    }

    /// Whether it was opened to look at it, and its newest entries cannot be read: another
    /// program changed the log of its newest commits, and SQLite ignores what follows the
    /// damage.
    #[must_use]
    pub fn has_lost_entries(&self) -> bool {
        self.has_lost_entries
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

    /// Ends the use of it, and moves its newest commits from its log into the file if no
    /// other process uses it. If another program damaged the log, it is left as it is, and
    /// the file, too. The same if a ledger is not closed: it then stays open until this
    /// process ends, and the next process moves the commits.
    pub async fn close(&self) {
        if self.files.is_none() || self.check_whole().await.is_ok() {
            self.pool.close().await;
        }
    }

    /// Checks that the next process finds everything that was committed, and that the
    /// file was not cut.
    async fn check_whole(&self) -> Result<(), Fault> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        self.check_log(files).await?;
        match files.check() {
            Ok(size) => {
                let mut connection = self.pool.acquire().await?;
                files.check_cut(size, &mut connection).await
            }
            // One that was moved or deleted is open all the same.
            Err(_) => Ok(()),
        }
    }

    /// Checks that the log has all frames that its index names. Returns how many there
    /// are that may be moved into the file.
    async fn check_log(&self, files: &Files) -> Result<u32, Fault> {
        for _ in 0..TRIES {
            let (_, in_index, moved): (i64, i64, i64) =
                sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
                    .fetch_one(&self.pool)
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
        Err(Fault::LogLost)
    }

    /// Moves the commits from the log into the file when they are many, as SQLite would do
    /// by itself, and without a check.
    async fn tidy(&self, files: &Files) -> Result<(), Fault> {
        if self.check_log(files).await? >= FRAMES {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Waits until this process writes nothing, and blocks its writes until the returned
    /// guard is dropped. A process that is stopped then does not block other processes.
    pub async fn rest(&self) -> impl Drop + Send + use<> {
        Rest(self.pool.acquire().await.ok())
    }

    async fn look_through(&self) -> Result<(), Fault> {
        let said: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.pool)
            .await?;
        match said.as_str() {
            "ok" => Ok(()),
            _ => Err(Fault::Damaged(said)),
        }
    }

    /// A transaction that writes: it waits for its turn at the beginning, so
    /// that what it reads still holds when it writes.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        let writing = self.begin(false).await?;
        writing.ok_or(Fault::Locked(None))
    }

    /// The same before something is sent: does not wait if this process is to stop.
    async fn write_now(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        let writing = self.begin(true).await?;
        writing.ok_or(Fault::Locked(None))
    }

    /// The same; `None` if this process is to stop before the ledger is free.
    async fn write_to_send(&self) -> Result<Option<Transaction<'static, Sqlite>>, Fault> {
        self.begin(true).await
    }

    async fn begin(&self, yields: bool) -> Result<Option<Transaction<'static, Sqlite>>, Fault> {
        if let Some(files) = self.files.as_ref().filter(|files| files.is_due()) {
            self.tidy(files).await?;
        }
        let writing = {
            let _first = self.queue.lock().await;
            let begin = || async { Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?) };
            self.waiting.for_lock(&self.path, yields, begin).await?
        };
        let Some(mut writing) = writing else {
            return Ok(None);
        };
        // A write to files that no other process can find is not on record.
        if let Some(files) = &self.files {
            let size = files.check()?;
            files.check_cut(size, &mut writing).await?;
            files.note_size(size);
        }
        Ok(Some(writing))
    }

    /// Commits what has to be found by the next process before a request leaves.
    async fn commit_to_send(&self, writing: Transaction<'static, Sqlite>) -> Result<(), Fault> {
        writing.commit().await?;
        let Some(files) = &self.files else {
            return Ok(());
        };
        files.check()?;
        self.tidy(files).await
    }

    fn fault(&self, fault: impl Into<Fault>) -> LedgerError {
        LedgerError::new(&self.path, fault.into())
    }
}

/// Whether the log beside a ledger is damaged. Another process may be writing it, so that
/// what was read does not fit together: then it is read again.
async fn is_log_damaged(path: &Path) -> bool {
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

/// Whether a database has nothing in it.
async fn is_empty(pool: &SqlitePool) -> Result<bool, Fault> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(pool)
        .await?;
    Ok(count == 0)
}

/// An open ledger. SQLite checkpoints a log when its last connection is closed, whatever
/// has become of the log: unless the ledger is closed with a check, it stays open.
#[derive(Debug)]
struct Open(SqlitePool);

impl Drop for Open {
    fn drop(&mut self) {
        std::mem::forget(self.0.clone());
    }
}

impl Files {
    /// Checks that the file has no less than the database uses, unless it had as little
    /// before: SQLite truncates only what it no longer uses.
    async fn check_cut(&self, size: u64, reading: &mut SqliteConnection) -> Result<(), Fault> {
        match self.has_shrunk(size) && size < in_use(reading).await? {
            true => Err(Fault::Gone),
            false => Ok(()),
        }
    }
}

/// Holds the only connection.
struct Rest(#[expect(dead_code)] Option<PoolConnection<Sqlite>>);

impl Drop for Rest {
    fn drop(&mut self) {}
}

/// The size of the part of the file that the database uses, in bytes.
async fn in_use(reading: &mut SqliteConnection) -> Result<u64, Fault> {
    let size: i64 = sqlx::query_scalar(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    )
    .fetch_one(reading)
    .await?;
    Ok(u64::try_from(size).unwrap_or_default())
}

/// Whether commits stand in a file beside it.
fn has_more(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|file| file.len() > 0)
}

/// Creates the file so that only this user can read it from the beginning. An existing
/// file is not opened: this process may have it open, and closing it would release its
/// locks.
fn prepare(path: &Path) -> Result<(), Fault> {
    if path.exists() {
        return Ok(());
    }
    refuse_shared(folder_of(path))?;
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

/// The folder of a missing file, or the nearest folder above it that exists.
fn folder_of(path: &Path) -> &Path {
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Rejects a shared file system before anything is created there.
fn refuse_shared(folder: &Path) -> Result<(), Fault> {
    let whole = std::fs::canonicalize(folder)?;
    match place::shared(&whole)? {
        Some(kind) => Err(Fault::Shared(kind)),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn may_write(path: &Path) -> Result<(), Fault> {
    let allowed = rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
    Ok(allowed.map_err(std::io::Error::from)?)
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> Result<(), Fault> {
    std::fs::OpenOptions::new().append(true).open(path)?;
    Ok(())
}

/// The time, as the ledger writes it.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests;
