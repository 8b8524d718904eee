//! Shared by the steps of a run: the service, the ledger, the rate limiter and the
//! cancellation.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

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
    rate_limit::{RateLimiter, Slot, Wait},
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
    /// How long a run waits for the service at a time: for the quota, while the service limits
    /// the rate, and while it cannot be reached. `None` for the defaults.
    pub throttling: Option<Duration>,
    /// How old the preflight of a machine may be when its request is sent.
    pub preflight_age: Duration,
    /// Whether requests have an external id.
    pub external_id: ExternalIdMode,
    /// The same limit within a run; `None` outside of one: then reads are tried four times.
    pub(super) longest_throttling: Option<Duration>,
    /// Receives what was skipped because it cannot be used, as a sentence.
    pub(crate) skipped: Arc<dyn Fn(&str) + Send + Sync>,
    /// Whether the service ignores the case of names, once this is known.
    pub(super) ignores_case: Arc<OnceLock<bool>>,
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
            skipped: Arc::new(|_| {}),
            ignores_case: Arc::default(),
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

    /// Waits until a call may leave, or returns why it may not.
    pub(super) async fn slot(&self, route: Route) -> Result<Result<Slot<'_>, NoSlot>, LedgerError> {
        let longest = self.throttling.unwrap_or(Duration::MAX);
        tokio::select! {
            slot = self.rate_limiter.slot_within(route, longest) => {
                Ok(slot?.map_err(|wait| NoSlot::TooLong(too_long(wait, longest))))
            }
            () = self.stopping() => Ok(Err(NoSlot::Stopped)),
        }
    }

    /// Waits until a read may leave. A call that cannot be counted is not made.
    pub(super) async fn slot_to_read(&self, route: Route) -> Result<Slot<'_>, Problem> {
        match self.slot(route).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(reason)) => Err(Problem {
                reading: true,
                ..reason.into()
            }),
            Err(error) => Err(unrecorded(&error)),
        }
    }

    /// Waits until the run is to end.
    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

/// Why a call may not leave.
pub(super) enum NoSlot {
    /// The run is to end.
    Stopped,
    /// The wait would be longer than the user allows.
    TooLong(Problem),
}

impl From<NoSlot> for Problem {
    fn from(reason: NoSlot) -> Self {
        match reason {
            NoSlot::Stopped => interrupted("interrupted before the request"),
            NoSlot::TooLong(problem) => problem,
        }
    }
}

/// The problem of a call that would have to wait for longer than this.
fn too_long(wait: Wait, longest: Duration) -> Problem {
    let reason = match wait {
        Wait::Quota(_) => "the quota is used up",
        Wait::Requested(_) | Wait::Recorded(_) => "the service requests a pause",
    };
    let seconds = wait.length().as_secs() + 1;
    let left = humantime::format_duration(Duration::from_secs(seconds));
    let longest = humantime::format_duration(longest);
    let message = format!("{reason} for {left}, which is longer than the time limit of {longest}");
    Problem {
        retry_after: Some(seconds),
        ..Problem::new("not-sent", Retry::Safe, message)
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
