//! Ledger errors. After one, nothing more is sent.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::migrate::MigrateError;
use thiserror::Error;

use super::holder::Holder;

/// The ledger cannot be used. Requests that were not recorded before are not sent. If the
/// database reported the error, that is its source.
#[derive(Debug, Clone)]
pub struct LedgerError {
    path: PathBuf,
    kind: LedgerErrorKind,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = crate::mask::path(&self.path);
        write!(formatter, "the ledger {path} {}", self.kind)
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            LedgerErrorKind::Database(error) => Some(error.reported()),
            _ => None,
        }
    }
}

/// An error that SQLite or its driver reported.
#[derive(Debug, Clone)]
pub struct DatabaseError(Arc<sqlx::Error>);

impl DatabaseError {
    /// SQLite's own error, if it is one.
    fn reported(&self) -> &(dyn std::error::Error + 'static) {
        match &*self.0 {
            sqlx::Error::Database(error) => error.as_error(),
            error => error,
        }
    }
}

/// SQLite's message.
impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.reported(), formatter)
    }
}

/// Why the ledger cannot be used.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// Another process holds it for writing.
    #[error("is locked by {}", holder(.0.as_ref()))]
    Locked(Option<Holder>),
    /// The disk is full.
    #[error("cannot grow, because the disk is full")]
    Full,
    /// The file is read-only.
    #[error("cannot be written: {0}")]
    ReadOnly(String),
    /// A newer version of this program wrote it.
    #[error("was written by a newer version of offboard")]
    Newer,
    /// The file is corrupt or is not a ledger.
    #[error("is corrupt or is not a ledger: {0}")]
    Damaged(String),
    /// The file was replaced, moved or deleted.
    #[error(
        "or a file beside it was moved, deleted or replaced while it was in use: nothing more is sent"
    )]
    Gone,
    /// Another program emptied, truncated or changed the log.
    #[error(
        "has lost its newest entries, because another program emptied or changed the file beside it \
         that ends in -wal: nothing more is sent. What was recorded before is kept"
    )]
    LogLost,
    /// The file has another name (a hard link).
    #[error(
        "has more than one name (hard links), and each name would have its own log of the newest \
         requests"
    )]
    Linked,
    /// The file is a mount of its own.
    #[error("is mounted as a single file, and the files beside it are not")]
    Mounted,
    /// Other computers may use the file system.
    #[error(
        "is on a file system that several computers can use at the same time ({0}), where two \
         computers would send the same requests"
    )]
    Shared(&'static str),
    /// It is a device, a socket or a pipe.
    #[error("is not a regular file")]
    NotAFile,
    /// A file beside it is a device, a socket or a pipe.
    #[error("has a file beside it that ends in {0} and is not a regular file")]
    SidecarNotAFile(&'static str),
    /// SQLite cannot keep its log in this location.
    #[error("is in a place where SQLite cannot keep its log and its locks")]
    NoLog,
    /// The newest commits cannot be read in this location.
    #[error(
        "cannot be read where it is, because its newest commits are in the file beside it that ends \
         in -wal"
    )]
    Beside,
    /// Another process ended the session of this one.
    #[error(
        "ended the session of this process, because its lock file disappeared: nothing more is sent"
    )]
    Ended,
    /// The file does not exist.
    #[error("does not exist")]
    Missing,
    /// Its file is missing, and its log is not.
    #[error(
        "is missing, but its log, the file beside it that ends in -wal, has commits: the ledger was \
         moved or removed"
    )]
    Moved,
    /// It has to be migrated, and a process of an older version uses it.
    #[error("is used by a process of an older version: nothing was changed")]
    UsedByOlder,
    /// The run's plan is not the one that was confirmed.
    #[error(
        "has a different plan from the confirmed one, because the run has changed since it was \
         shown: nothing was sent"
    )]
    PlanChanged,
    /// Another process executes the run.
    #[error("has the run {0}, which another process is executing")]
    InUse(String),
    /// Another process used the request id in the meantime.
    #[error("has another run with this request id")]
    Requested,
    /// There is no home directory for the default ledger.
    #[error("has no path, because there is no home directory")]
    NoHome,
    /// No run has this id.
    #[error("has no run {}", shown_id(.0))]
    NoRun(String),
    /// The ids of several runs begin with this text.
    #[error("has several runs whose ids begin with {}", shown_id(.0))]
    ManyRuns(String),
    /// The database reported another error. This does not show that the file is corrupt.
    #[error("cannot be used: {0}")]
    Database(DatabaseError),
    /// Another error of the disk.
    #[error("cannot be used: {0}")]
    Other(String),
}

/// What a user gave as the id of a run. Anything but an id may be a password.
fn shown_id(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        Cow::Borrowed(text)
    } else {
        crate::mask::cell(text)
    }
}

fn holder(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), ToString::to_string)
}

impl LedgerError {
    /// An error of the ledger at this path.
    #[must_use]
    pub fn new(path: &Path, kind: LedgerErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }

    /// An error before the path of the ledger is known.
    #[must_use]
    pub fn nowhere(kind: LedgerErrorKind) -> Self {
        Self::new(Path::new("ledger.db"), kind)
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> &LedgerErrorKind {
        &self.kind
    }
}

impl From<sqlx::Error> for LedgerErrorKind {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => return Self::Locked(None),
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
                return Self::Damaged(error.to_string());
            }
            _ => {}
        }
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok());
        let said = match error.as_database_error() {
            Some(error) => error.message().to_owned(),
            None => error.to_string(),
        };
        // SQLite's primary result codes are the low byte (sqlite.org/rescode.html).
        match code.map(|code| code & 0xff) {
            // 15 (SQLITE_PROTOCOL): it could not read for ten seconds, between a
            // process's writes.
            Some(5 | 6 | 15) => Self::Locked(None),
            Some(8 | 14 | 3 | 23) => Self::ReadOnly(said),
            // SQLITE_CORRUPT and SQLITE_NOTADB. No other code shows that.
            Some(11 | 26) => Self::Damaged(said),
            Some(13) => Self::Full,
            _ => Self::Database(DatabaseError(Arc::new(error))),
        }
    }
}

impl From<MigrateError> for LedgerErrorKind {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Self::Newer,
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<std::io::Error> for LedgerErrorKind {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full,
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::IsADirectory
            | Kind::NotADirectory => Self::ReadOnly(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::error::Error as _;

    use super::*;
    use crate::{contract::with_sources, ledger::Ledger};

    #[tokio::test]
    async fn an_error_of_the_database_is_not_a_corrupt_ledger() {
        let ledger = Ledger::in_memory().await.unwrap();
        let query = sqlx::query("SELECT nope FROM sqlite_schema");
        let error = query.execute(&ledger.pool).await.unwrap_err();
        let error = LedgerError::nowhere(error.into());
        let is_database = matches!(error.kind(), LedgerErrorKind::Database(_));
        assert!(is_database, "{error:?}");
        let said = "no such column: nope";
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.source().unwrap().to_string().contains(said));
        assert_eq!(with_sources(&error).matches(said).count(), 1);
    }
}
