//! A running simulator.

use std::fmt;
use std::fmt::Debug;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::config::{Config, ConfigError, ExternalIds};
use crate::connection::{PlainListener, Switch};
use crate::entra::{
    APP_SERVICE, CertificateError, Decision, FederatedRequest, IssuedTokens, KeyError,
    ManagedIdentity, TokenRequest,
};
use crate::fault::FaultPlan;
use crate::machine::MachineTruth;
use crate::routes::router;
use crate::service::Service;
use crate::tls::{Tls, TlsError, TlsListener};

/// How long requests in flight may take when the simulator stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running simulator. It stops when this is dropped.
#[must_use = "a simulator stops when it is dropped"]
pub struct Simulator {
    service: Arc<Service>,
    token: String,
    authority_certificate: Option<String>,
    identity_endpoint: String,
    // Dropping it ends the server.
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

/// Prints everything except the token.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("api_root", &self.api_root())
            .finish_non_exhaustive()
    }
}

/// Why a simulator didn't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key that signs tokens can't be created.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// HTTPS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Listening on the address fails.
    #[error("can't listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl Simulator {
    /// Starts a server on the current tokio runtime. It answers as soon as this function
    /// returns.
    ///
    /// # Errors
    ///
    /// The configuration is out of range, the address isn't loopback or can't be listened on,
    /// or a key can't be created.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let tls = config
            .tls
            .then(|| Tls::new(&config.tls_names))
            .transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = listener.local_addr().map_err(listen)?;

        let service = Arc::new(Service::new(config, format!("{scheme}://{address}"))?);
        let token = service
            .entra
            .tokens
            .issue(TokenRequest::default(), service.clock.now());
        let (stop, stopped) = oneshot::channel();
        let authority_certificate = tls.as_ref().map(|tls| tls.authority.clone());
        let server = match tls {
            Some(tls) => run(
                TlsListener::new(listener, tls.acceptor),
                service.clone(),
                stopped,
            ),
            None => run(PlainListener(listener), service.clone(), stopped),
        };
        Ok(Self {
            identity_endpoint: format!("{}{APP_SERVICE}", service.origin),
            service,
            token,
            authority_certificate,
            stop,
            server,
        })
    }

    /// Scheme, host and port, without a path: `http://127.0.0.1:12345`.
    #[must_use]
    pub fn api_root(&self) -> &str {
        &self.service.origin
    }

    /// The ready token, with the roles, audience and lifetime of the
    /// configuration.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Issues another token, valid from now.
    #[must_use]
    pub fn issue_token(&self, claims: TokenRequest) -> String {
        let now = self.service.clock.now();
        self.service.entra.tokens.issue(claims, now)
    }

    /// Entra ID's authority: the same scheme, host and port as the API's root.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.service.origin
    }

    /// The certificate of the authority that issued the server's certificate, as PEM; `None`
    /// without HTTPS.
    #[must_use]
    pub fn authority_certificate(&self) -> Option<&str> {
        self.authority_certificate.as_deref()
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.service.config.tenant
    }

    /// The application's client id.
    #[must_use]
    pub fn client_id(&self) -> Uuid {
        self.service.config.client_id
    }

    /// The secret that the application was registered with.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.service.entra.client_secret
    }

    /// App Service's endpoint for managed identities.
    #[must_use]
    pub fn identity_endpoint(&self) -> &str {
        &self.identity_endpoint
    }

    /// The value that the endpoint requires in `X-IDENTITY-HEADER`.
    #[must_use]
    pub fn identity_header(&self) -> &str {
        &self.service.entra.identity_header
    }

    /// The managed identities: the system-assigned one, and the user-assigned one.
    #[must_use]
    pub fn managed_identities(&self) -> &[ManagedIdentity; 2] {
        &self.service.entra.identities
    }

    /// Issues an assertion of the other identity provider, valid for ten minutes.
    ///
    /// # Errors
    ///
    /// That provider's key can't be created.
    pub fn federated_token(&self, request: &FederatedRequest) -> Result<String, KeyError> {
        let now = self.service.clock.now();
        self.service.entra.federation.assertion(request, now)
    }

    /// Removes the application's secret.
    pub fn revoke_secret(&self) {
        self.service.entra.application.revoke_secret();
    }

    /// Revokes all access tokens issued so far, including the ready token: the API answers
    /// them with 401. Refresh tokens stay valid.
    pub fn revoke_tokens(&self) {
        self.service.entra.tokens.revoke_all();
    }

    /// Revokes all refresh tokens issued so far.
    pub fn revoke_refresh_tokens(&self) {
        self.service.entra.refresh_tokens.revoke_all();
    }

    /// Changes the roles with consent, for tokens issued from now on.
    /// [`issue_token`](Self::issue_token) still uses those of the configuration.
    pub fn set_roles<I>(&self, roles: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let roles = roles.into_iter().map(Into::into).collect();
        self.service.entra.application.set_roles(roles);
    }

    /// Replaces the fault plan. Its rules count from 1, even if it is the same plan. Calls in
    /// flight keep their faults.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.service.faults.replace(plan);
    }

    /// Changes what happens to external ids. Those that were kept are shown accordingly.
    pub fn set_external_ids(&self, external_ids: ExternalIds) {
        self.service.state.set_external_ids(external_ids);
    }

    /// Lets the application sign in with the first certificate of a PEM text.
    ///
    /// # Errors
    ///
    /// The text has no certificate, or its key isn't RSA.
    pub fn register_certificate(&self, pem: &str) -> Result<(), CertificateError> {
        self.service.entra.application.register_certificate(pem)
    }

    /// The number of access tokens that Entra ID's routes have issued.
    #[must_use]
    pub fn issued_tokens(&self) -> IssuedTokens {
        self.service.entra.issued.read()
    }

    /// Approves a device code, by its user code. Returns whether the code existed, undecided
    /// and not expired.
    pub fn approve_device_code(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Approved)
    }

    /// Declines a device code. Arguments and result are those of
    /// [`approve_device_code`](Self::approve_device_code).
    pub fn decline_device_code(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Declined)
    }

    fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let now = self.service.clock.now();
        self.service.entra.devices.decide(user_code, decision, now)
    }

    /// The true state of all machines, in the order of the fleet.
    #[must_use]
    pub fn machines(&self) -> Vec<MachineTruth> {
        self.service.state.truths(self.service.clock.now())
    }

    /// Stops listening and waits, for at most two seconds, for requests in flight.
    pub async fn stop(self) {
        let Self {
            stop, mut server, ..
        } = self;
        drop(stop);
        if timeout(FAREWELL, &mut server).await.is_err() {
            server.abort();
        }
    }
}

fn run<L>(
    listener: L,
    service: Arc<Service>,
    stopped: oneshot::Receiver<()>,
) -> JoinHandle<io::Result<()>>
where
    L: Listener,
    L::Addr: Debug,
    Switch: for<'a> Connected<IncomingStream<'a, L>>,
{
    let routes = router(service).into_make_service_with_connect_info::<Switch>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async {
        // An error means that the sender was dropped, which also stops the server.
        let _ = stopped.await;
    });
    tokio::spawn(server.into_future())
}
