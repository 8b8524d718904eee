//! Shared by the steps of a run: the service, the ledger, the rate limiter and the
//! cancellation.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::throttling::longest;
use crate::{
    connection::Connection,
    contract::{Problem, Retry},
    egress::CallRecord,
    external_id::ExternalIdMode,
    grant::Route,
    ledger::{LedgerError, Session},
    policy::Policy,
    rate_limit::{RateLimiter, Slot},
    sandbox::Sandbox,
};

/// The default number of requests in flight at once.
pub const JOBS: usize = 4;

/// The default age up to which a preflight counts: 15 minutes.
pub const PREFLIGHT_AGE: Duration = Duration::from_secs(15 * 60);

/// Executes the orders of one session against one service. Clones share it.
#[derive(Clone)]
pub struct Runner {
    /// Calls the plugin.
    pub(crate) sandbox: Arc<Sandbox>,
    /// The connection to the service.
    pub(crate) connection: Connection,
    /// The session, which records everything.
    pub(crate) session: Arc<Session>,
    /// Decides when the next call may leave.
    pub rate_limiter: Arc<RateLimiter>,
    /// How long the service is queried about a request without an answer.
    pub grace: Duration,
    /// The most requests in flight at once; 0 counts as 1.
    pub jobs: usize,
    /// How long a run waits while the service limits the rate; `None` for the default, which
    /// depends on the number of machines.
    pub throttling: Option<Duration>,
    /// How old the preflight of a machine may be when its request is sent.
    pub preflight_age: Duration,
    /// Whether requests have an external id.
    pub external_id: ExternalIdMode,
    /// The same limit within a run; `None` outside of one: then reads are tried four times.
    pub(super) longest_throttling: Option<Duration>,
    /// The policy. It is applied in the preflight.
    pub(crate) policy: Arc<Policy>,
    stop: CancellationToken,
}

impl Runner {
    /// A runner that ends when `stop` is cancelled: it finishes the requests in
    /// flight and sends nothing more.
    #[must_use]
    pub fn new(
        sandbox: Sandbox,
        connection: Connection,
        rate_limiter: RateLimiter,
        session: Arc<Session>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            sandbox: Arc::new(sandbox),
            connection,
            session,
            rate_limiter: Arc::new(rate_limiter),
            grace: Duration::ZERO,
            jobs: JOBS,
            throttling: None,
            preflight_age: PREFLIGHT_AGE,
            external_id: ExternalIdMode::default(),
            longest_throttling: None,
            policy: Arc::default(),
            stop,
        }
    }

    /// The same runner with a stop of its own. It also ends when this one is stopped.
    pub(crate) fn child(&self) -> Self {
        Self {
            stop: self.stop.child_token(),
            ..self.clone()
        }
    }

    /// The same runner for a run with one or with several machines.
    pub(super) fn for_run(&self, is_batch: bool) -> Self {
        let longest = self.throttling.unwrap_or_else(|| longest(is_batch));
        Self {
            longest_throttling: Some(longest),
            ..self.clone()
        }
    }

    /// Whether the service refused the token, and there is now a new one. One renewal serves
    /// the whole run.
    pub(super) async fn renewed(&self, record: &CallRecord) -> bool {
        let (Some(exchange), Some(credential)) = (&record.exchange, &self.connection.credential)
        else {
            return false;
        };
        if exchange.status != Some(401) {
            return false;
        }
        tokio::select! {
            renewed = credential.renew(exchange.generation) => {
                info!(is_renewed = renewed.is_ok(), "the service refused the token");
                renewed.is_ok()
            }
            () = self.stopping() => false,
        }
    }

    /// The cancellation token. Cancelling it stops the runner.
    #[must_use]
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether the run is to end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits for this time, or until the run is to end.
    pub(super) async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.stopping() => {}
        }
    }

    /// Waits until a call may leave. `None` if the run is to end before.
    pub(super) async fn slot(&self, route: Route) -> Result<Option<Slot<'_>>, LedgerError> {
        tokio::select! {
            slot = self.rate_limiter.slot(route) => slot.map(Some),
            () = self.stopping() => Ok(None),
        }
    }

    /// Waits until a read may leave. A call that cannot be counted is not made.
    pub(super) async fn slot_to_read(&self, route: Route) -> Result<Slot<'_>, Problem> {
        match self.slot(route).await {
            Ok(Some(slot)) => Ok(slot),
            Ok(None) => Err(interrupted("interrupted before the request")),
            Err(error) => Err(unrecorded(&error)),
        }
    }

    /// Waits until the run is to end.
    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

/// The status of the answer that egress saw.
pub(super) fn status_of(record: &CallRecord) -> Option<u16> {
    record
        .exchange
        .as_ref()
        .and_then(|exchange| exchange.status)
}

/// For the log: the whole milliseconds since then.
pub(super) fn duration_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The problem of a call that was not made because the run ends.
pub(super) fn interrupted(reason: &str) -> Problem {
    Problem::new("interrupted", Retry::Safe, reason)
}

/// The problem of a request that was not sent because it could not be recorded.
#[must_use]
pub fn unrecorded(error: &LedgerError) -> Problem {
    Problem::from_error("ledger", Retry::Safe, error.clone())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::ledger::LedgerErrorKind;

    #[test]
    fn a_problem_with_the_ledger_has_its_error_as_the_source() {
        let error = LedgerError::nowhere(LedgerErrorKind::Full);
        let problem = unrecorded(&error);
        let message = error.to_string();
        assert_eq!(problem.message.as_deref(), Some(message.as_str()));
        let source = problem
            .source()
            .and_then(|source| source.downcast_ref::<LedgerError>());
        assert!(source.is_some_and(|source| matches!(source.kind(), LedgerErrorKind::Full)));
    }
}
