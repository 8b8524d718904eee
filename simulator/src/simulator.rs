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

use crate::config::{Config, ConfigError};
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

/// How long requests under way may take to end when the simulator stops.
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

/// Without the token.
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
    /// The key that signs tokens can't be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// HTTPS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl Simulator {
    /// Starts a server on the current tokio runtime. It answers as soon as
    /// this returns.
    ///
    /// # Errors
    ///
    /// When the configuration is out of range, asks for an address that isn't
    /// loopback, the address can't be listened on, or no key can be made.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let tls = config.tls.then(Tls::new).transpose()?;
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

    /// Makes another token, valid from now.
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

    /// The certificate of the authority that issued the server's, as PEM, where
    /// it speaks HTTPS.
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

    /// What that endpoint wants in its `X-IDENTITY-HEADER`.
    #[must_use]
    pub fn identity_header(&self) -> &str {
        &self.service.entra.identity_header
    }

    /// The managed identities: the system's, and one that a user made.
    #[must_use]
    pub fn managed_identities(&self) -> &[ManagedIdentity; 2] {
        &self.service.entra.identities
    }

    /// Makes an assertion of the other identity provider, valid for ten
    /// minutes.
    ///
    /// # Errors
    ///
    /// When that provider's key can't be made.
    pub fn federated_token(&self, request: &FederatedRequest) -> Result<String, KeyError> {
        let now = self.service.clock.now();
        self.service.entra.federation.assertion(request, now)
    }

    /// Takes the application's secret away.
    pub fn revoke_secret(&self) {
        self.service.entra.application.revoke_secret();
    }

    /// Revokes all access tokens issued so far, the ready one included: the API
    /// answers them with 401. Refresh tokens stay good.
    pub fn revoke_tokens(&self) {
        self.service.entra.tokens.revoke_all();
    }

    /// Revokes all refresh tokens issued so far.
    pub fn revoke_refresh_tokens(&self) {
        self.service.entra.refresh_tokens.revoke_all();
    }

    /// Changes the roles that were consented to, for tokens issued from now on.
    /// [`issue_token`](Self::issue_token) stays with those of the
    /// configuration.
    pub fn set_roles<I>(&self, roles: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let roles = roles.into_iter().map(Into::into).collect();
        self.service.entra.application.set_roles(roles);
    }

    /// From now on this plan says what goes wrong. Its rules count from 1, even
    /// if it is the same as before; calls under way keep what they met.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.service.faults.replace(plan);
    }

    /// Lets the application sign in with the first certificate of a PEM text.
    ///
    /// # Errors
    ///
    /// When the text has no certificate, or its key isn't RSA.
    pub fn register_certificate(&self, pem: &str) -> Result<(), CertificateError> {
        self.service.entra.application.register_certificate(pem)
    }

    /// How many access tokens Entra ID's routes have issued.
    #[must_use]
    pub fn issued_tokens(&self) -> IssuedTokens {
        self.service.entra.issued.read()
    }

    /// Approves a device code, by what the person would have typed. Gives
    /// whether there was such a code, undecided and not expired.
    pub fn approve_device_code(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Approved)
    }

    /// Declines a device code, as [`approve_device_code`](Self::approve_device_code)
    /// approves it.
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

    /// Stops listening and waits, for two seconds at most, for the requests under
    /// way.
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
        // An error means that the sender was dropped: the same wish.
        let _ = stopped.await;
    });
    tokio::spawn(server.into_future())
}
