//! The state of the simulated service: everything that the routes read and change.

use std::sync::Mutex;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;

use crate::api::QuotaKey;
use crate::clock::Clock;
use crate::config::Config;
use crate::entra::{Entra, KeyError};
use crate::fault::Faults;
use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::quota::Meter;
use crate::state::State;

/// The state that all routes share.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    pub(crate) entra: Entra,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    /// Scheme, host and port, as the server itself uses them.
    pub(crate) origin: String,
    pub(crate) meter: Mutex<Meter<QuotaKey>>,
}

impl Service {
    pub(crate) fn new(config: Config, origin: String) -> Result<Self, KeyError> {
        let clock = Clock::start(config.clock_skew);
        let fleet = Fleet::new(config.machines, config.seed, clock.origin());
        Ok(Self {
            state: State::new(
                fleet,
                config.action_time,
                config.action_deadline,
                config.on_duplicate,
            )
            .with_external_ids(config.external_ids),
            entra: Entra::new(&config, &origin)?,
            journal: Journal::default(),
            faults: Faults::new(config.faults.clone()),
            meter: Mutex::new(Meter::new(config.quota.clone())),
            clock,
            config,
            origin,
        })
    }

    /// Scheme, host and port as the client uses them: links must use the client's address,
    /// which can be a forwarded port.
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
