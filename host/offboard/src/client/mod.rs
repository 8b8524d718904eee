//! A client: the connection to the service with the plugin in its sandbox, the credential, the
//! rate limiter and the ledger.
//!
//! A client plans ([`Client::plan`], [`Client::reopen`]), a user or a program confirms
//! ([`Plan::confirm`](crate::plan::Plan::confirm)), and the client executes
//! ([`Client::execute`]). There is no other way to send an offboarding.

mod actions;
mod connect;
mod error;
mod execute;
mod files;
mod observer;
mod plan;
mod plan_error;
mod request_wait;
mod resume;
mod run_state;
mod select;
#[cfg(test)]
mod sendable;
mod sign_in;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

pub use actions::{Cancellable, NotCancellable};
pub use connect::{ConnectOptions, Recording, component};
pub(crate) use connect::{network, rate_limiter, who};
pub use error::{AuthoritiesError, ConnectError};
pub use execute::{Run, RunError, RunSummary};
pub(crate) use files::check_files;
pub use observer::Observer;
pub(crate) use observer::Recorder;
pub use plan::PlanRequest;
pub use plan_error::PlanError;
pub use resume::{Reopened, ResumeOptions, Unfinished};
pub use select::{RuleSelection, SelectError};
pub(crate) use sign_in::{MissingToken, sign_in};

use crate::{
    advice::KnownToken,
    config::Config,
    contract::{ApiRoot, Problem, ProblemKind, Retry},
    identity::TokenClaims,
    ledger::{Ledger, LedgerError, LedgerErrorKind, Session, SessionInfo},
    run::{Runner, unrecorded},
    selection::MachineReference,
};

/// The longest time for the last writes to the ledger.
const LAST_WRITE: Duration = Duration::from_secs(15);

/// A connection to the service. Clones share it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    runner: Runner,
    claims: Option<TokenClaims>,
    /// Why there is no token. Set once.
    missing: OnceLock<MissingToken>,
    unrecorded: Option<LedgerError>,
    /// The ledger, opened for reading because it cannot be written.
    viewed: Option<Ledger>,
    who: SessionInfo,
    /// Whether a run already has the session's id.
    has_planned: AtomicBool,
    /// Each execution of a run holds this lock for reading.
    executing: Arc<RwLock<()>>,
    /// The request ids of this client's runs.
    requested: Mutex<HashSet<String>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut client = formatter.debug_struct("Client");
        client.field("who", self.who()).finish_non_exhaustive()
    }
}

impl Client {
    /// Loads the plugin, signs in, and opens the ledger.
    ///
    /// A missing token is not an error: [`Client::problem`] returns it, and each order of a
    /// plan is recorded as not sent. The same holds for a ledger that cannot be written.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(config: &Config, options: ConnectOptions) -> Result<Self, ConnectError> {
        let connected = connect::connect(config, options).await?;
        Ok(Self::new(connected))
    }

    /// A client with the caller's own parts: a sandbox, a connection with its credential, a
    /// session, and the limits.
    #[must_use]
    pub fn from_parts(runner: Runner, who: SessionInfo) -> Self {
        Self::new(connect::Connected {
            runner,
            claims: None,
            missing: None,
            unrecorded: None,
            viewed: None,
            who,
        })
    }

    fn new(connected: connect::Connected) -> Self {
        Self(Arc::new(Inner {
            // The caller's token stops the client; the client's does not stop the caller.
            runner: connected.runner.child(),
            claims: connected.claims,
            missing: connected.missing.map_or_else(OnceLock::new, OnceLock::from),
            unrecorded: connected.unrecorded,
            viewed: connected.viewed,
            who: connected.who,
            has_planned: AtomicBool::new(false),
            executing: Arc::default(),
            requested: Mutex::default(),
        }))
    }

    /// The token's claims.
    #[must_use]
    pub fn claims(&self) -> Option<&TokenClaims> {
        self.0.claims.as_ref()
    }

    /// A warning about every machine of a plan: the token does not have the permission to offboard,
    /// so the service will refuse the requests. `None` if it has the permission, or if its claims
    /// cannot be read.
    #[must_use]
    pub fn permission_warning(&self) -> Option<&'static str> {
        let claims = self.claims()?;
        (!claims.may_offboard()).then_some(
            "the token does not have the permission Machine.Offboard: the service will reject the \
             request",
        )
    }

    /// What is known about the token, for [`remedy`](crate::advice::remedy).
    #[must_use]
    pub fn known_token(&self) -> KnownToken<'_> {
        match (self.claims(), self.0.missing.get()) {
            (None, Some(missing)) => missing.known_token(),
            (claims, _) => KnownToken::at_hand(claims),
        }
    }

    /// The session info: user, plugin, service and sign-in.
    #[must_use]
    pub fn who(&self) -> &SessionInfo {
        &self.0.who
    }

    /// The origin of the service's API.
    #[must_use]
    pub fn api_root(&self) -> &ApiRoot {
        &self.0.runner.connection.api_root
    }

    /// The runner, for reads and cancellations.
    #[must_use]
    pub fn runner(&self) -> &Runner {
        &self.0.runner
    }

    /// The session of the ledger. Only the steps of a run write with it, so that no caller can
    /// skip a step.
    pub(crate) fn session(&self) -> &Session {
        &self.0.runner.session
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        self.session().ledger()
    }

    /// Stops the client: requests in flight are finished, and nothing more is sent.
    pub fn stop(&self) {
        self.stop_token().cancel();
    }

    /// The cancellation token of the client. Cancelling it stops the client.
    #[must_use]
    pub fn stop_token(&self) -> &CancellationToken {
        self.0.runner.stop_token()
    }

    /// Why there is no token for the service; `None` if there is one.
    #[must_use]
    pub fn missing_token(&self) -> Option<&Problem> {
        self.0.missing.get().map(|missing| &missing.problem)
    }

    /// Why the ledger cannot be written; `None` if it can, or if nothing is to be recorded.
    #[must_use]
    pub fn unrecorded(&self) -> Option<&LedgerError> {
        self.0.unrecorded.as_ref()
    }

    /// Why nothing can be sent: there is no token, or the ledger cannot be written.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let missing = self.missing_token().cloned();
        missing.or_else(|| self.unrecorded().map(unrecorded))
    }

    /// Restricts the client to the tenant of these machines, if their portal URLs name one. If
    /// it differs from the token's tenant, nothing can be sent: the machine in the user's
    /// browser is not the machine with this id in the token's tenant.
    pub async fn bind_tenant_of(&self, machines: impl IntoIterator<Item = &MachineReference>) {
        let Some(credential) = &self.0.runner.connection.credential else {
            return;
        };
        let tenants: Vec<_> = machines
            .into_iter()
            .filter_map(|machine| machine.tenant)
            .collect();
        for tenant in tenants {
            // All of them: the first may be the tenant of the token.
            if let Err(error) = credential.bind(&tenant.to_string()).await {
                let message = format!("{error}, which the URL of a machine names");
                let problem = Problem::new(ProblemKind::WrongTenant, Retry::Safe, message);
                let _ = self.0.missing.set(problem.into());
            }
        }
    }

    /// Records requests in flight as unknown, for a caller that ends without waiting for them.
    ///
    /// # Errors
    /// The ledger cannot be written within 15 s. The next session does it.
    pub async fn leave_unknown(&self) -> Result<(), LedgerError> {
        let left = self.session().release_as_unknown();
        let left = tokio::time::timeout(LAST_WRITE, left).await;
        left.unwrap_or_else(|_| Err(self.locked()))
    }

    /// Stops the client, waits until its runs have ended, ends the session and closes the
    /// ledger.
    ///
    /// # Errors
    /// The ledger cannot be written. The next session ends this one.
    pub async fn end(&self) -> Result<(), LedgerError> {
        self.stop();
        let _ended = self.0.executing.write().await;
        let ended = async {
            self.0.runner.rate_limiter.flush().await?;
            self.session().end().await
        };
        let ended = tokio::time::timeout(LAST_WRITE, ended).await;
        self.ledger().close().await;
        ended.unwrap_or_else(|_| Err(self.locked()))
    }

    /// The last write took too long.
    fn locked(&self) -> LedgerError {
        LedgerError::new(self.ledger().path(), LedgerErrorKind::Locked(None))
    }
}
