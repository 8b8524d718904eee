//! Sessions: processes that work with a ledger. Each holds the operating system's lock on a
//! file of its own, which is released however the process ends. If the lock of a session is
//! free, the orders that it was sending become `unknown`; no other orders do.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use serde::Serialize;
use sqlx::{Row, Sqlite, Transaction};
use uuid::Uuid;

use super::{
    clock::now,
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    files::Known,
    sidecar::beside,
};
use crate::{
    contract::{Problem, ProblemKind, Retry},
    order::State,
    user,
};

/// The session info: user, program and sign-in.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionInfo {
    /// The id of the process, which the audit has, too.
    pub session: Uuid,
    /// The user of the operating system, according to the system. Where users have no number,
    /// according to the environment.
    pub user: Option<String>,
    /// The user id of the operating system, if it has user ids.
    pub uid: Option<u32>,
    /// This program's version.
    pub version: &'static str,
    /// The plugin's digest.
    pub plugin_sha256: String,
    /// The service's origin.
    pub api_root: String,
    /// The tenant, from the token.
    pub tenant: Option<String>,
    /// The application that the token was issued to: its client id.
    pub application: Option<String>,
    /// The user that the token was issued to, by name; `None` for an application's own token.
    pub signed_in_user: Option<String>,
    /// The object id of that user.
    pub signed_in_user_id: Option<String>,
    /// The kind of credential.
    pub auth: Option<String>,
    /// The configuration's profile.
    pub profile: Option<String>,
}

impl SessionInfo {
    /// A new session of this program, without the data of a sign-in.
    #[must_use]
    pub fn new(user: Option<String>, plugin_sha256: &str, api_root: &str) -> Self {
        Self {
            session: Uuid::new_v4(),
            user,
            uid: user::id(),
            version: env!("CARGO_PKG_VERSION"),
            plugin_sha256: plugin_sha256.to_owned(),
            api_root: api_root.to_owned(),
            tenant: None,
            application: None,
            signed_in_user: None,
            signed_in_user_id: None,
            auth: None,
            profile: None,
        }
    }
}

impl SessionInfo {
    /// The user of the operating system, with the number: names can be set freely.
    #[must_use]
    pub fn system_user(&self) -> Option<String> {
        user::with_number(self.user.as_deref(), self.uid)
    }

    /// The user that the token was issued to, with the object id.
    #[must_use]
    pub fn signed_in(&self) -> Option<String> {
        user::with_id(
            self.signed_in_user.as_deref(),
            self.signed_in_user_id.as_deref(),
        )
    }

    /// The tenant as an account has it; empty without one.
    pub(super) fn tenant_key(&self) -> String {
        self.tenant.as_deref().unwrap_or_default().to_lowercase()
    }
}

/// How long after its last request, in milliseconds, a session without a lock file counts as
/// stale. It cannot begin another request without the file, and no call lasts longer than 10
/// minutes ([`Limits::deadline`](crate::sandbox::Limits::deadline)).
const LONGEST_CALL: i64 = 15 * 60 * 1000;

/// A session. It writes only its own work.
#[derive(Debug)]
pub struct Session {
    pub(super) ledger: Ledger,
    pub(super) id: i64,
    pub(super) account: i64,
    uuid: Uuid,
    /// OS lock, held for the session's lifetime. `None` for an in-memory ledger.
    _lock: Option<File>,
    /// The lock's file.
    lock_file: Option<Known>,
}

impl Session {
    /// Begins a session of this command. Stale sessions are ended: the orders that they were
    /// sending become unknown.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn begin(
        ledger: &Ledger,
        who: &SessionInfo,
        command: &'static str,
    ) -> Result<Self, LedgerError> {
        let failed = |kind: LedgerErrorKind| ledger.error(kind);
        let (lock, lock_file) = if ledger.in_memory {
            (None, None)
        } else {
            let path = ledger.lock_of(who.session);
            let lock = lock(&path).map_err(|error| failed(error.into()))?;
            let known = Known::see(path).map_err(|error| failed(error.into()))?;
            (Some(lock), Some(known))
        };
        let begun = async {
            let mut writing = ledger.write_now().await?;
            let account = account(&mut writing, who).await?;
            let id = sqlx::query_scalar(
                "INSERT INTO session \
                 (uuid, account, command, began, user, uid, version, plugin_sha256, auth, profile, \
                 signed_in_user, signed_in_user_id) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            )
            .bind(who.session.to_string())
            .bind(account)
            .bind(command)
            .bind(now())
            .bind(&who.user)
            .bind(who.uid)
            .bind(who.version)
            .bind(&who.plugin_sha256)
            .bind(&who.auth)
            .bind(&who.profile)
            .bind(&who.signed_in_user)
            .bind(&who.signed_in_user_id)
            .fetch_one(&mut *writing)
            .await?;
            writing.commit().await?;
            Ok((id, account))
        };
        let (id, account) = begun.await.map_err(failed)?;
        let session = Self {
            ledger: ledger.clone(),
            id,
            account,
            uuid: who.session,
            _lock: lock,
            lock_file,
        };
        session.end_stale_sessions().await?;
        Ok(session)
    }

    /// The session's ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends the sessions whose process has ended.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn end_stale_sessions(&self) -> Result<(), LedgerError> {
        let open = async {
            let rows =
                sqlx::query("SELECT id, uuid, began FROM session WHERE ended IS NULL AND id <> ?")
                    .bind(self.id)
                    .fetch_all(&self.ledger.pool)
                    .await?;
            let session = |row: &sqlx::sqlite::SqliteRow| {
                Ok((
                    row.try_get::<i64, _>("id")?,
                    row.try_get::<String, _>("uuid")?,
                    row.try_get::<i64, _>("began")?,
                ))
            };
            rows.iter()
                .map(session)
                .collect::<Result<Vec<_>, sqlx::Error>>()
        };
        let open = open.await.map_err(|error| self.error(error))?;
        for (id, uuid, began) in open {
            let Ok(uuid) = uuid.parse::<Uuid>() else {
                continue;
            };
            let file = self.ledger.lock_of(uuid);
            // The lock is held until the session is ended. This prevents a race with another
            // process that would end it, too.
            let held = match open_lock(&file) {
                Ok(held) => match held.try_lock() {
                    Ok(()) => Some(held),
                    Err(TryLockError::WouldBlock) => continue,
                    Err(TryLockError::Error(error)) => return Err(self.error(error)),
                },
                // The file stays when its process ends. So another program removed it, or the
                // ledger is a copy from before the session ended. A missing file does not prove
                // that the process has ended, but its last request has.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let active = self.last_request_of(id).await?.max(Some(began));
                    // A time in the future was recorded by a wrong clock.
                    let ago = now() - active.unwrap_or(began);
                    if ago.abs() < LONGEST_CALL {
                        continue;
                    }
                    None
                }
                Err(error) => return Err(self.error(error)),
            };
            self.end_one(id).await?;
            let _ = std::fs::remove_file(&file);
            drop(held);
        }
        Ok(())
    }

    /// When a session sent the last of its requests that have no answer yet, in milliseconds
    /// since 1970; `None` if all have one.
    async fn last_request_of(&self, id: i64) -> Result<Option<i64>, LedgerError> {
        let last: Result<Option<i64>, sqlx::Error> = sqlx::query_scalar(
            "SELECT max(at) FROM (SELECT sent AS at FROM orders WHERE owner = ?1 AND state = ?2 \
             UNION ALL SELECT began FROM call WHERE session = ?1 AND answered IS NULL)",
        )
        .bind(id)
        .bind(State::Sending.name())
        .fetch_one(&self.ledger.pool)
        .await;
        last.map_err(|error| self.error(error))
    }

    /// Ends this session. Orders that it was still sending become unknown.
    ///
    /// # Errors
    /// The ledger cannot be written: the next session ends this one.
    pub(crate) async fn end(&self) -> Result<(), LedgerError> {
        self.end_one(self.id).await?;
        if !self.ledger.in_memory {
            let _ = std::fs::remove_file(self.ledger.lock_of(self.uuid));
        }
        Ok(())
    }

    async fn end_one(&self, id: i64) -> Result<(), LedgerError> {
        let end = async {
            let now = now();
            let mut writing = self.ledger.write().await?;
            self.give_up(&mut writing, id).await?;
            // The service counted these calls at an unknown time, at the latest now.
            sqlx::query("UPDATE call SET answered = ? WHERE session = ? AND answered IS NULL")
                .bind(now)
                .bind(id)
                .execute(&mut *writing)
                .await?;
            sqlx::query("DELETE FROM run WHERE draft AND session = ?")
                .bind(id)
                .execute(&mut *writing)
                .await?;
            sqlx::query("UPDATE session SET ended = ? WHERE id = ?")
                .bind(now)
                .bind(id)
                .execute(&mut *writing)
                .await?;
            Ok(writing.commit().await?)
        };
        end.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Checks that no other process has ended this session. Only then may a request leave.
    pub(super) async fn must_live(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
    ) -> Result<(), LedgerErrorKind> {
        // Without the file, other processes would later treat this session as stale.
        if let Some(known) = &self.lock_file {
            known.check().map_err(|_| LedgerErrorKind::Ended)?;
        }
        let ended: Option<Option<i64>> =
            sqlx::query_scalar("SELECT ended FROM session WHERE id = ? AND uuid = ?")
                .bind(self.id)
                .bind(self.uuid.to_string())
                .fetch_optional(&mut **writing)
                .await?;
        match ended {
            Some(None) => Ok(()),
            Some(Some(_)) => Err(LedgerErrorKind::Ended),
            // An older copy of the ledger was put back in its place, and may have another
            // session with this id.
            None => Err(LedgerErrorKind::Gone),
        }
    }

    /// Marks the orders that this session was sending as unknown.
    ///
    /// # Errors
    /// The ledger cannot be written: the next session does it.
    pub(crate) async fn release_as_unknown(&self) -> Result<(), LedgerError> {
        let leave = async {
            let mut writing = self.ledger.write().await?;
            self.give_up(&mut writing, self.id).await?;
            Ok(writing.commit().await?)
        };
        leave
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Marks the orders that a session was sending as unknown.
    async fn give_up(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        id: i64,
    ) -> Result<(), LedgerErrorKind> {
        let now = now();
        let problem = Problem::new(
            ProblemKind::OutcomeUnknown,
            Retry::AskFirst,
            "the process that sent it ended before the answer",
        );
        let problem = serde_json::to_string(&problem).unwrap_or_default();
        sqlx::query(
            "INSERT INTO state_change (order_id, session, at, state, detail) \
             SELECT id, ?, ?, ?, 'its process ended' FROM orders WHERE owner = ? AND state = ?",
        )
        .bind(self.id)
        .bind(now)
        .bind(State::Unknown.name())
        .bind(id)
        .bind(State::Sending.name())
        .execute(&mut **writing)
        .await?;
        sqlx::query("UPDATE orders SET state = ?, problem = ? WHERE owner = ? AND state = ?")
            .bind(State::Unknown.name())
            .bind(problem)
            .bind(id)
            .bind(State::Sending.name())
            .execute(&mut **writing)
            .await?;
        Ok(())
    }

    pub(super) fn error(&self, kind: impl Into<LedgerErrorKind>) -> LedgerError {
        self.ledger.error(kind)
    }
}

impl Ledger {
    /// The lock file of a session.
    fn lock_of(&self, session: Uuid) -> PathBuf {
        beside(&self.path, "-sessions").join(session.to_string())
    }
}

/// Opens a lock file. A named pipe in its place would block the process.
pub(super) fn open_lock(path: &Path) -> std::io::Result<File> {
    if std::fs::symlink_metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(std::io::Error::other("the lock is not a regular file"))
    }
}

/// Creates a file and locks it.
fn lock(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
    }
    let file = File::create_new(path)?;
    file.lock()?;
    Ok(file)
}

/// The account for the quota and the machines; created if it is new.
async fn account(
    writing: &mut Transaction<'static, Sqlite>,
    who: &SessionInfo,
) -> Result<i64, LedgerErrorKind> {
    let tenant = who.tenant_key();
    let application = who
        .application
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    sqlx::query(
        "INSERT INTO account (tenant, application, api_root) VALUES (?, ?, ?) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&tenant)
    .bind(&application)
    .bind(&who.api_root)
    .execute(&mut **writing)
    .await?;
    Ok(sqlx::query_scalar(
        "SELECT id FROM account WHERE tenant = ? AND application = ? AND api_root = ?",
    )
    .bind(tenant)
    .bind(application)
    .bind(&who.api_root)
    .fetch_one(&mut **writing)
    .await?)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
