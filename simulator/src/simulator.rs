//! A running simulator.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::{Config, ConfigError};
use crate::machine::MachineTruth;
use crate::routes::{Service, router};
use crate::token::TokenRequest;

/// How long requests under way may take to end when the simulator stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running simulator. It stops when this is dropped.
#[must_use = "a simulator stops when it is dropped"]
pub struct Simulator {
    service: Arc<Service>,
    token: String,
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
    /// loopback, or the address can't be listened on.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.validate()?;
        let listen = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let origin = format!("http://{}", listener.local_addr().map_err(listen)?);

        let service = Arc::new(Service::new(config, origin));
        let token = service
            .tokens
            .issue(TokenRequest::default(), service.clock.now());
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, router(service.clone())).with_graceful_shutdown(async {
            // An error means that the sender was dropped: the same wish.
            let _ = stopped.await;
        });
        Ok(Self {
            service,
            token,
            stop,
            server: tokio::spawn(server.into_future()),
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
        self.service.tokens.issue(claims, self.service.clock.now())
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
