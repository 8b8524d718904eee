//! Discards the orders of a run that were not sent.

use super::{
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    order_record::OrderRecord,
    run::RunRow,
    run_id::RunId,
    session::{Session, SessionInfo},
};
use crate::{
    contract::{Comment, Problem, ProblemKind, Retry},
    order::State,
    user,
};

/// The states of orders that may not have been sent.
const UNSENT_STATES: [State; 2] = [State::Planned, State::NotSent];

impl Ledger {
    /// The orders of a run that a resume would send, and that can be discarded: at most
    /// `limit`, and the number of all.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn unsent(
        &self,
        run: RunId,
        limit: usize,
    ) -> Result<(Vec<OrderRecord>, u64), LedgerError> {
        let (mut first, mut count) = (Vec::new(), 0);
        for state in UNSENT_STATES {
            let mut pages = self.order_pages_in(run, state);
            while let Some(entries) = pages.next().await? {
                count += entries.len() as u64;
                let left = limit.saturating_sub(first.len());
                first.extend(entries.into_iter().take(left));
            }
        }
        Ok((first, count))
    }

    /// Discards the orders of a run that a resume would send. They become `skipped`, with a
    /// problem of kind [`ProblemKind::Discarded`] that names the user and the reason. Orders
    /// that were sent keep their state. Returns the number of orders that were discarded.
    ///
    /// No token is needed: nothing is read from the service or sent to it.
    ///
    /// # Errors
    /// Another process executes the run, or the ledger cannot be written.
    pub async fn discard_unsent(
        &self,
        run: &RunRow,
        comment: Option<&Comment>,
    ) -> Result<u64, LedgerError> {
        let who = SessionInfo {
            tenant: run.tenant.clone(),
            application: run.application.clone(),
            // No plugin runs.
            ..SessionInfo::new(user::name(), "", &run.api_root)
        };
        let session = Session::begin(self, &who, "discard").await?;
        let discarded = session.discard_unsent(run, &reason(&who, comment)).await;
        let ended = session.end().await;
        let discarded = discarded?;
        ended.map(|()| discarded)
    }
}

impl Session {
    /// As [`Ledger::discard_unsent`], in this session.
    ///
    /// # Errors
    /// As [`Ledger::discard_unsent`].
    pub(crate) async fn discard_unsent(
        &self,
        run: &RunRow,
        reason: &Problem,
    ) -> Result<u64, LedgerError> {
        if self.is_executed_elsewhere(run.id).await? {
            let id = run.uuid.to_string();
            return Err(self.error(LedgerErrorKind::InUse(id)));
        }
        let mut discarded = 0;
        for state in UNSENT_STATES {
            let mut pages = self.ledger.order_pages_in(run.id, state);
            while let Some(mut entries) = pages.next().await? {
                for entry in &mut entries {
                    entry.order.discard(reason.clone());
                }
                // An order that another process claimed meanwhile is read again instead.
                self.save_all(&mut entries).await?;
                let is_discarded = |entry: &&OrderRecord| entry.order.is_discarded();
                discarded += entries.iter().filter(is_discarded).count() as u64;
            }
        }
        Ok(discarded)
    }

    /// Whether another session that has not ended created, confirmed or sent this run. Its
    /// planned orders must not be discarded.
    pub(super) async fn is_executed_elsewhere(&self, run: RunId) -> Result<bool, LedgerError> {
        let found: Result<bool, sqlx::Error> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM session WHERE ended IS NULL AND id <> ?1 AND id IN \
             (SELECT session FROM run WHERE id = ?2 \
             UNION SELECT session FROM confirmation WHERE run = ?2 \
             UNION SELECT owner FROM orders WHERE run = ?2 AND owner IS NOT NULL))",
        )
        .bind(self.id)
        .bind(run.0)
        .fetch_one(&self.ledger.pool)
        .await;
        found.map_err(|error| self.error(error))
    }
}

/// The problem of an order that the session of `who` discards.
pub(crate) fn reason(who: &SessionInfo, comment: Option<&Comment>) -> Problem {
    let by = who.user.as_deref().unwrap_or("an unknown user");
    let message = comment.map_or_else(
        || format!("discarded by {by}"),
        |comment| format!("discarded by {by}: {comment}"),
    );
    Problem::new(ProblemKind::Discarded, Retry::Never, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{claim, ordered, who},
        *,
    };

    #[tokio::test]
    async fn a_living_session_keeps_its_orders() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        let run = ledger.runs().await.unwrap().remove(0);
        let error = ledger.discard_unsent(&run, None).await.unwrap_err();
        assert!(matches!(error.kind(), LedgerErrorKind::InUse(_)), "{error}");
        claim(&session, &mut entry).await.unwrap();
        session.end().await.unwrap();
        assert_eq!(ledger.discard_unsent(&run, None).await.unwrap(), 0);
        let read = ledger.entries(run.id, 0, 1).await.unwrap().remove(0);
        assert_eq!(read.order.state(), State::Unknown);
    }

    /// A race: another process plans or claims an order between the read and the write.
    #[tokio::test]
    async fn an_order_that_was_claimed_meanwhile_is_not_discarded() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        let mut stale = entry.clone();
        claim(&session, &mut entry).await.unwrap();
        let other = Session::begin(&ledger, &who(), "discard").await.unwrap();
        stale.order.discard(reason(&who(), None));
        other.save(&mut stale).await.unwrap();
        assert_eq!(stale.order.state(), State::Sending);
        let read = ledger.entries(RunId(1), 0, 1).await.unwrap().remove(0);
        assert_eq!(read.order.state(), State::Sending);
    }
}
