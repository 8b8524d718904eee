//! Runs that were recorded without a tenant, because the token could not be read. Another token
//! would have another account, so such a run could never be resumed.

use sqlx::SqliteConnection;

use super::{
    error::{LedgerError, LedgerErrorKind},
    request_key,
    run_id::RunId,
    session::Session,
};

impl Session {
    /// Whether this session may adopt a run: the run has no tenant, the session has one, both
    /// have the same API, and no request of the run was ever sent.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn may_adopt(&self, run: RunId) -> Result<bool, LedgerError> {
        let look = async {
            let mut reading = self.ledger.pool.acquire().await?;
            Ok(is_adoptable(&mut reading, run, self.account).await?)
        };
        look.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Moves such a run to this session's account. Its orders are no longer confirmed: they were
    /// confirmed for an unknown tenant, where a name may be another machine.
    ///
    /// # Errors
    /// The run cannot be adopted (any more), its request id was used again, another process
    /// executes it, or the ledger cannot be written.
    pub(crate) async fn adopt(&self, run: RunId) -> Result<(), LedgerError> {
        let adopt = async {
            let mut writing = self.ledger.write_now().await?;
            if !is_adoptable(&mut writing, run, self.account).await? {
                return Err(LedgerErrorKind::PlanChanged);
            }
            let key: Option<String> = sqlx::query_scalar("SELECT request_id FROM run WHERE id = ?")
                .bind(run.0)
                .fetch_one(&mut *writing)
                .await?;
            request_key::check_unused(&mut writing, self.account, key.as_deref()).await?;
            for update in [
                "UPDATE run SET account = ? WHERE id = ?",
                "UPDATE orders SET account = ?, confirmed = 0 WHERE run = ?",
            ] {
                sqlx::query(update)
                    .bind(self.account)
                    .bind(run.0)
                    .execute(&mut *writing)
                    .await?;
            }
            Ok(writing.commit().await?)
        };
        if self.is_executed_elsewhere(run).await? {
            let row = self.ledger.run_at(run).await?;
            let id = row.map_or_else(String::new, |row| row.uuid.to_string());
            return Err(self.error(LedgerErrorKind::InUse(id)));
        }
        adopt
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

async fn is_adoptable(
    reading: &mut SqliteConnection,
    run: RunId,
    account: i64,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM run JOIN account AS their ON their.id = run.account \
         JOIN account AS own ON own.id = ?2 AND own.api_root = their.api_root \
         WHERE run.id = ?1 AND NOT run.draft AND their.tenant = '' AND own.tenant <> '') \
         AND NOT EXISTS (SELECT 1 FROM orders WHERE run = ?1 AND (attempts > 0 \
         OR state NOT IN ('planned', 'not-sent', 'rejected', 'skipped') \
         OR EXISTS (SELECT 1 FROM request WHERE request.order_id = orders.id)))",
    )
    .bind(run.0)
    .bind(account)
    .fetch_one(reading)
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{claim, ordered, who},
        *,
    };
    use crate::{
        contract::{Problem, Retry},
        ledger::{Ledger, SessionInfo},
        order::Verdict,
    };

    fn with_tenant() -> SessionInfo {
        SessionInfo {
            tenant: Some("contoso".to_owned()),
            ..who()
        }
    }

    #[tokio::test]
    async fn an_unsent_run_without_a_tenant_is_adopted_and_unconfirmed() {
        let ledger = Ledger::in_memory().await.unwrap();
        let unnamed = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&unnamed).await;
        let run = ledger.runs().await.unwrap().remove(0).id;
        let session = Session::begin(&ledger, &with_tenant(), "resume").await;
        let session = session.unwrap();
        assert!(session.may_adopt(run).await.unwrap());
        let refused = session.adopt(run).await.unwrap_err();
        assert!(matches!(refused.kind(), LedgerErrorKind::InUse(_)));
        let problem = Problem::new("unauthorized", Retry::Safe, "x");
        entry.order.settle(Verdict::NotSent(problem));
        unnamed.save(&mut entry).await.unwrap();
        unnamed.end().await.unwrap();

        let elsewhere = SessionInfo {
            api_root: "http://127.0.0.1:2".to_owned(),
            ..with_tenant()
        };
        for other in [who(), elsewhere] {
            let other = Session::begin(&ledger, &other, "resume").await.unwrap();
            assert!(!other.may_adopt(run).await.unwrap());
            other.adopt(run).await.unwrap_err();
        }
        session.adopt(run).await.unwrap();
        assert!(session.owns(run).await.unwrap());
        let adopted = ledger.entries(run, 0, 1).await.unwrap().remove(0);
        assert!(!adopted.confirmed);
        assert!(!session.may_adopt(run).await.unwrap());
    }

    #[tokio::test]
    async fn a_run_without_a_tenant_that_was_sent_is_not_adopted() {
        let ledger = Ledger::in_memory().await.unwrap();
        let unnamed = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&unnamed).await;
        let run = ledger.runs().await.unwrap().remove(0).id;
        claim(&unnamed, &mut entry).await.unwrap();
        unnamed.end().await.unwrap();
        let session = Session::begin(&ledger, &with_tenant(), "resume").await;
        let session = session.unwrap();
        assert!(!session.may_adopt(run).await.unwrap());
        session.adopt(run).await.unwrap_err();
        assert!(!session.owns(run).await.unwrap());
    }
}
