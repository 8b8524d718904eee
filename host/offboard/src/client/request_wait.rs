//! Waits for another process with the same request id: until it has confirmed its plan, and until
//! it has executed its run.

use std::time::Duration;

use super::{Client, PlanError};
use crate::ledger::OrderCounts;

/// How long another process may take to confirm its plan.
const CONFIRMATION_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long another process that executes its run may leave it unchanged: longer than the hour of
/// the service's longer quota.
const EXECUTION_PATIENCE: Duration = Duration::from_secs(70 * 60);
const PAUSE: Duration = Duration::from_millis(200);

/// How long another process has not changed its run.
#[derive(Default)]
pub(super) struct Waiting {
    waited: Duration,
    /// The number of its orders in each state; `None` for a plan that is not confirmed.
    counts: Option<OrderCounts>,
}

impl Waiting {
    /// Records the state of the other process's run. A change restarts the time limit.
    pub(super) fn observe(&mut self, counts: Option<OrderCounts>) {
        if self.counts != counts {
            self.waited = Duration::ZERO;
            self.counts = counts;
        }
    }
}

impl Client {
    /// Waits a moment for the confirmation of another process. This client does not wait for its
    /// own plan (`is_own`).
    pub(super) async fn wait_for_confirmation(
        &self,
        key: &str,
        waiting: &mut Waiting,
        is_own: bool,
    ) -> Result<(), PlanError> {
        let patience = if is_own {
            Duration::ZERO
        } else {
            CONFIRMATION_PATIENCE
        };
        self.wait_for_other(key, waiting, patience).await
    }

    /// Waits a moment for the execution by another process.
    pub(super) async fn wait_for_execution(
        &self,
        key: &str,
        waiting: &mut Waiting,
    ) -> Result<(), PlanError> {
        self.wait_for_other(key, waiting, EXECUTION_PATIENCE).await
    }

    /// Waits a moment. A session whose process has died is ended.
    async fn wait_for_other(
        &self,
        key: &str,
        waiting: &mut Waiting,
        patience: Duration,
    ) -> Result<(), PlanError> {
        if waiting.waited >= patience {
            return Err(PlanError::RequestIdBusy {
                key: key.to_owned(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => waiting.waited += PAUSE,
            () = self.stop_token().cancelled() => return Err(PlanError::Interrupted),
        }
        Ok(self.session().end_stale_sessions().await?)
    }
}
