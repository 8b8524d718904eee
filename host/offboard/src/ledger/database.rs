//! An open ledger: its connection, and its transactions.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sqlx::{Connection, Sqlite, SqlitePool, Transaction, pool::PoolConnection};
use tokio::sync::Mutex;

use super::{
    checkpoint,
    error::{LedgerError, LedgerErrorKind},
    files::LedgerFiles,
    wait::Waiting,
};

/// An open ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) pool: SqlitePool,
    /// Prevents SQLite from closing the database without a check.
    pub(super) keep_open: Option<Arc<KeepOpen>>,
    pub(super) path: PathBuf,
    pub(super) in_memory: bool,
    /// Its files, if it was opened for writing.
    pub(super) files: Option<LedgerFiles>,
    pub(super) has_lost_entries: bool,
    pub(super) waiting: Waiting,
    /// Only one task of this process at a time tries to begin a write.
    pub(super) queue: Arc<Mutex<()>>,
}

impl Ledger {
    /// Whether it was opened for reading and its newest entries cannot be read: another
    /// program changed the log of its newest commits, and SQLite ignores what follows the
    /// damage.
    #[must_use]
    pub fn has_lost_entries(&self) -> bool {
        self.has_lost_entries
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is in memory and lost with this process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Closes it. Moves the newest commits from the log into the file if no other process uses
    /// the ledger. If another program damaged the log, the log and the file stay unchanged. A
    /// ledger that is dropped without this call stays open until the process ends; the next
    /// process then moves the commits.
    pub async fn close(&self) {
        let is_whole = match &self.files {
            Some(files) => checkpoint::check_whole(&self.pool, files).await.is_ok(),
            None => true,
        };
        if is_whole {
            self.pool.close().await;
        }
    }

    /// Waits until this process writes nothing, and blocks its writes until the returned guard
    /// is dropped. So a process that is stopped does not block other processes.
    pub async fn rest(&self) -> impl Drop + Send + use<> {
        Rest(self.pool.acquire().await.ok())
    }

    /// A transaction that writes. It locks the ledger at its beginning, which prevents a race:
    /// what it reads still holds when it writes.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerErrorKind> {
        let writing = self.begin(false).await?;
        writing.ok_or(LedgerErrorKind::Locked(None))
    }

    /// The same before a request is sent: fails instead of waiting if this process is to stop.
    pub(super) async fn write_now(&self) -> Result<Transaction<'static, Sqlite>, LedgerErrorKind> {
        let writing = self.begin(true).await?;
        writing.ok_or(LedgerErrorKind::Locked(None))
    }

    /// The same; `None` if this process is to stop before the ledger is unlocked.
    pub(super) async fn write_to_send(
        &self,
    ) -> Result<Option<Transaction<'static, Sqlite>>, LedgerErrorKind> {
        self.begin(true).await
    }

    async fn begin(
        &self,
        yields: bool,
    ) -> Result<Option<Transaction<'static, Sqlite>>, LedgerErrorKind> {
        if let Some(files) = self.files.as_ref().filter(|files| files.is_due()) {
            checkpoint::tidy(&self.pool, files).await?;
        }
        let writing = {
            let _first = self.queue.lock().await;
            let begin = || async { self.begin_immediate().await };
            self.waiting.for_lock(&self.path, yields, begin).await?
        };
        let Some(mut writing) = writing else {
            return Ok(None);
        };
        // A write to files that no other process can find is not a durable record.
        if let Some(files) = &self.files {
            let size = files.check()?;
            checkpoint::check_cut(files, size, &mut writing).await?;
            files.note_size(size);
        }
        Ok(Some(writing))
    }

    /// Begins a transaction. When the disk is full or fails, SQLite rolls a transaction back by
    /// itself. The driver's own rollback then fails, the driver still counts the transaction,
    /// and it refuses every later one on that connection.
    async fn begin_immediate(&self) -> Result<Transaction<'static, Sqlite>, LedgerErrorKind> {
        match self.pool.begin_with("BEGIN IMMEDIATE").await {
            Err(sqlx::Error::InvalidSavePointStatement) if !self.in_memory => {
                self.replace_connection().await?;
                Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Opens another connection, and closes the only one then: SQLite removes the log when the
    /// last connection is closed.
    async fn replace_connection(&self) -> Result<(), LedgerErrorKind> {
        let old = self.pool.acquire().await?.detach();
        drop(self.pool.acquire().await?);
        Ok(old.close().await?)
    }

    /// Commits a record that the next process must find, before a request leaves.
    pub(super) async fn commit_to_send(
        &self,
        writing: Transaction<'static, Sqlite>,
    ) -> Result<(), LedgerErrorKind> {
        writing.commit().await?;
        let Some(files) = &self.files else {
            return Ok(());
        };
        files.check()?;
        checkpoint::tidy(&self.pool, files).await
    }

    pub(super) fn error(&self, kind: impl Into<LedgerErrorKind>) -> LedgerError {
        LedgerError::new(&self.path, kind.into())
    }
}

/// An open ledger. SQLite checkpoints a log without a check when its last connection is
/// closed. So unless the ledger is closed with a check, it stays open.
#[derive(Debug)]
pub(super) struct KeepOpen(pub(super) SqlitePool);

impl Drop for KeepOpen {
    fn drop(&mut self) {
        std::mem::forget(self.0.clone());
    }
}

/// Holds the only connection.
struct Rest(#[expect(dead_code)] Option<PoolConnection<Sqlite>>);

impl Drop for Rest {
    fn drop(&mut self) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::{
        super::sample::{open, plan, who},
        *,
    };
    use crate::ledger::Session;

    /// The disk may have space again.
    #[tokio::test]
    async fn a_full_disk_is_reported_each_time_until_it_has_space() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder.path().join("ledger.db")).await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let limit = async |pages: u32| {
            let limit = format!("PRAGMA max_page_count = {pages}");
            let limit = sqlx::raw_sql(sqlx::AssertSqlSafe(limit));
            limit.execute(&ledger.pool).await.unwrap();
        };
        let order = async || {
            let plans = vec![plan(); 2000];
            session
                .plan(uuid::Uuid::new_v4(), None, false, None, plans)
                .await
        };
        limit(1).await;
        for _ in 0..3 {
            let error = order().await.unwrap_err();
            assert!(matches!(error.kind(), LedgerErrorKind::Full), "{error}");
        }
        limit(1_000_000).await;
        order().await.unwrap();
    }

    /// While another process writes, this one reads, and reports which process it waits for.
    #[tokio::test]
    async fn a_locked_ledger_is_read_and_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let other = open(&path).await.unwrap();
        let ledger = open(&path).await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let writing = other.write().await.unwrap();
        let waits = session.end_stale_sessions();
        waits.await.unwrap();
        let viewed = Ledger::view(&path).await.unwrap();
        assert!(viewed.runs().await.unwrap().is_empty());
        let patient = Ledger {
            waiting: Waiting::default().at_most(Duration::from_millis(600)),
            ..ledger.clone()
        };
        let locked = patient.write().await.map(|_| ()).unwrap_err();
        assert!(matches!(locked, LedgerErrorKind::Locked(_)), "{locked}");
        assert!(ledger.runs().await.unwrap().is_empty());
        let rest = tokio::join!(ledger.write(), async {
            drop(writing);
            drop(viewed);
        });
        rest.0.unwrap();
    }
}
