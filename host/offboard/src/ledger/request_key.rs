//! The caller's key for a run. It belongs to the tenant, as the machines do: the same request by
//! another account of the tenant would offboard the machines a second time. Without a tenant, it
//! belongs to the API.

use sqlx::{SqliteConnection, SqliteExecutor};

use super::{
    error::{LedgerError, LedgerErrorKind},
    run_id::RunId,
    session::Session,
};

/// The run of an account's tenant with this key, and whether it is a draft. If several accounts
/// have used the key, the account's own run comes first.
async fn find(
    reading: impl SqliteExecutor<'_>,
    account: i64,
    key: &str,
) -> Result<Option<(i64, bool)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT run.id, run.draft FROM account AS own \
         JOIN account AS their ON their.tenant = own.tenant \
         AND (own.tenant <> '' OR their.api_root = own.api_root) \
         JOIN run ON run.account = their.id AND run.request_id = ?2 WHERE own.id = ?1 \
         ORDER BY their.id = own.id DESC, run.id LIMIT 1",
    )
    .bind(account)
    .bind(key)
    .fetch_optional(reading)
    .await
}

/// Checks that an account's tenant has no run with this key.
pub(super) async fn check_unused(
    writing: &mut SqliteConnection,
    account: i64,
    key: Option<&str>,
) -> Result<(), LedgerErrorKind> {
    let Some(key) = key else {
        return Ok(());
    };
    if find(writing, account, key).await?.is_some() {
        return Err(LedgerErrorKind::Requested);
    }
    Ok(())
}

impl Session {
    /// The run of this session's tenant with this key, if there is one, and whether it is a
    /// draft.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn run_of_request(
        &self,
        key: &str,
    ) -> Result<Option<(RunId, bool)>, LedgerError> {
        let found = find(&self.ledger.pool, self.account, key).await;
        let found = found.map_err(|error| self.error(error))?;
        Ok(found.map(|(id, draft)| (RunId(id), draft)))
    }
}
