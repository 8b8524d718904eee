//! The service's API.

mod access;
mod actions;
mod body;
mod date;
mod fault;
mod list;
mod machines;
mod offboard;
mod record;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::config::Config;
use crate::entra::{self, Entra, KeyError};
use crate::error::ServiceError;
use crate::fault::Faults;
use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::observe;
use crate::quota::Meter;
use crate::state::State;
use access::QuotaKey;

/// All that the routes work with.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    pub(crate) entra: Entra,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    /// Scheme, host and port, as the server itself knows them.
    pub(crate) origin: String,
    meter: Mutex<Meter<QuotaKey>>,
}

impl Service {
    pub(crate) fn new(config: Config, origin: String) -> Result<Self, KeyError> {
        let clock = Clock::start(config.clock_skew);
        let fleet = Fleet::new(config.machines, config.seed, clock.origin());
        Ok(Self {
            state: State::new(fleet, config.action_time, config.on_duplicate),
            entra: Entra::new(&config, &origin)?,
            journal: Journal::default(),
            faults: Faults::new(config.faults.clone()),
            meter: Mutex::new(Meter::new(config.quota.clone())),
            clock,
            config,
            origin,
        })
    }

    /// Scheme, host and port as the client knows them: links must lead back
    /// the way it came, which can be a forwarded port.
    pub(crate) fn origin_for(&self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        match host.and_then(|host| host.parse::<Authority>().ok()) {
            Some(authority) => {
                let scheme = if self.config.tls { "https" } else { "http" };
                format!("{scheme}://{authority}")
            }
            None => self.origin.clone(),
        }
    }
}

/// All routes: the API with and without its version, Entra ID's, and the
/// simulator's own.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let mut router = observe::router().merge(entra::router());
    for root in ["/api", "/api/v1.0"] {
        router = router
            .route(&format!("{root}/machines"), get(machines::list))
            .route(&format!("{root}/machines/{{id}}"), get(machines::one))
            .route(
                &format!("{root}/machines/{{id}}/offboard"),
                post(offboard::offboard),
            )
            .route(&format!("{root}/machines/{{id}}/tags"), post(machines::tag))
            .route(&format!("{root}/machineactions"), get(actions::list))
            .route(&format!("{root}/machineactions/{{id}}"), get(actions::one))
            .route(
                &format!("{root}/machineactions/{{id}}/cancel"),
                post(actions::cancel),
            );
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            fault::fault,
        ))
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            record::record,
        ))
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            date::date,
        ))
        .with_state(service)
}

async fn no_route(method: Method, uri: Uri) -> ServiceError {
    ServiceError::no_route(method.as_str(), uri.path())
}
