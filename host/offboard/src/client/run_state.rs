//! The state of a run in the ledger.

use std::collections::HashSet;

use super::Client;
use crate::ledger::{LedgerError, PlanRow, RunId, RunRow};

impl Client {
    /// Whether another process is sending orders of this run.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn is_sent_elsewhere(&self, run: RunId) -> Result<bool, LedgerError> {
        self.session().is_busy_elsewhere(run).await
    }

    /// The run of this client's tenant with this request id, if there is one.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn run_of_request(&self, key: &str) -> Result<Option<RunRow>, LedgerError> {
        match self.session().run_of_request(key).await? {
            Some((run, _)) => self.ledger().run_at(run).await,
            None => Ok(None),
        }
    }

    /// The numbers of the run's orders whose outcome was unknown and that this client resent.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn resent(&self, run: RunId) -> Result<HashSet<u64>, LedgerError> {
        self.session().resent(run).await
    }

    /// What a run would send now: its planned orders and, with `resend_unknown`, those
    /// with an unknown outcome.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn remaining_plan(
        &self,
        run: RunId,
        resend_unknown: bool,
    ) -> Result<PlanRow, LedgerError> {
        self.session().plan_of(run, resend_unknown).await
    }
}
