//! Drives the orders of a run: looks machines up, sends, settles what is unknown
//! by asking, and follows actions to their end. Everything that is known stands
//! in the ledger before the next step, so that a run can be left at any moment
//! and taken up again. A POST whose outcome is not known is never repeated but by
//! the user's own word.

mod batch;
mod cancel;
mod dry_run;
mod event;
mod fleet;
mod preflight;
mod read;
mod reconcile;
mod send;
#[cfg(test)]
mod sendable;
mod since;
mod submit;
mod tag;
mod track;
mod verdict;
mod waits;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    connection::Connection,
    contract::{Problem, Retry},
    egress::CallRecord,
    grant::Route,
    ledger::{LedgerError, Session},
    policy::Policy,
    rate_limit::{RateLimiter, Slot},
    sandbox::Sandbox,
};

pub use dry_run::Rehearsed;
pub use event::{Event, EventStream, Events, OrderSnapshot, events};
pub use read::Listing;
pub use send::Sending;
pub use since::Since;
pub use track::TimeOver;

/// How many calls are in flight at once, where nobody says otherwise.
pub const JOBS: usize = 4;

/// A sandbox, a connection, a ledger, and how patient to be.
pub struct Runner {
    /// Where the plugin is called.
    pub sandbox: Sandbox,
    /// The service.
    pub connection: Connection,
    /// The record.
    pub session: Arc<Session>,
    /// How fast to ask.
    pub rate_limiter: RateLimiter,
    /// How long to ask what became of a request without an answer.
    pub grace: Duration,
    /// How many requests may be in flight at once, at least one.
    pub jobs: usize,
    /// The machines that are not offboarded, whoever orders it; asked when they
    /// are looked up.
    pub policy: Policy,
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
            sandbox,
            connection,
            session,
            rate_limiter,
            grace: Duration::ZERO,
            jobs: JOBS,
            policy: Policy::default(),
            stop,
        }
    }

    /// Whether the service refused the token and another one is there now. One
    /// renewal serves the whole run.
    async fn renewed(&self, record: &CallRecord) -> bool {
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

    fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits, and wakes early when the run is to end.
    async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.stopping() => {}
        }
    }

    /// Waits until a call may leave; none where the run is to end before.
    async fn slot(&self, route: Route) -> Result<Option<Slot<'_>>, LedgerError> {
        tokio::select! {
            slot = self.rate_limiter.slot(route) => slot.map(Some),
            () = self.stopping() => Ok(None),
        }
    }

    /// The same for a read. Calls that cannot be counted are not made.
    async fn slot_to_read(&self, route: Route) -> Result<Slot<'_>, Problem> {
        match self.slot(route).await {
            Ok(Some(slot)) => Ok(slot),
            Ok(None) => Err(interrupted("interrupted before it was asked")),
            Err(error) => Err(unrecorded(&error)),
        }
    }

    /// Comes back when the run is to end.
    async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

/// The status of the answer that egress saw.
fn status_of(record: &CallRecord) -> Option<u16> {
    record
        .exchange
        .as_ref()
        .and_then(|exchange| exchange.status)
}

/// For the log: whole milliseconds since then.
fn duration_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn interrupted(reason: &str) -> Problem {
    Problem::new("interrupted", Retry::Safe, reason)
}

/// What cannot be put on record is not sent.
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
