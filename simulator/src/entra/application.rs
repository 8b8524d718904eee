//! The registered application: its credentials, and its consents. All of them can change while
//! the simulator runs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use uuid::Uuid;

use super::certificate::{CertificateError, ClientCertificate};
use super::error::EntraError;
use crate::config::Config;

pub(crate) struct Application {
    id: Uuid,
    secret_expired: bool,
    refuse_replays: bool,
    registered: Mutex<Registered>,
}

struct Registered {
    secret: Option<String>,
    certificates: Vec<ClientCertificate>,
    roles: Vec<String>,
    /// The ids of used assertions, and when they expire.
    used: HashMap<String, i64>,
}

impl Application {
    pub(super) fn new(config: &Config, secret: String) -> Self {
        Self {
            id: config.client_id,
            secret_expired: config.secret_expired,
            refuse_replays: config.refuse_replayed_assertions,
            registered: Mutex::new(Registered {
                secret: Some(secret),
                certificates: Vec::new(),
                roles: config.roles.clone(),
                used: HashMap::new(),
            }),
        }
    }

    /// Every step under the lock is a single assignment, so the state is valid after a panic.
    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_secret(&self, presented: &str) -> Result<(), EntraError> {
        let registered = self.registered();
        let right = registered.secret.as_ref().is_some_and(|secret| {
            verify_slices_are_equal(secret.as_bytes(), presented.as_bytes()).is_ok()
        });
        match (right, self.secret_expired) {
            (false, _) => Err(EntraError::WrongSecret),
            (true, true) => Err(EntraError::ExpiredSecret(self.id)),
            (true, false) => Ok(()),
        }
    }

    pub(crate) fn revoke_secret(&self) {
        self.registered().secret = None;
    }

    pub(crate) fn register_certificate(&self, pem: &str) -> Result<(), CertificateError> {
        let certificate = ClientCertificate::from_pem(pem)?;
        self.registered().certificates.push(certificate);
        Ok(())
    }

    /// Calls a function with the certificate that an assertion's header names.
    pub(super) fn with_certificate<T>(
        &self,
        header: &jsonwebtoken::Header,
        what: impl FnOnce(&ClientCertificate) -> T,
    ) -> Option<T> {
        let registered = self.registered();
        let mut certificates = registered.certificates.iter();
        certificates
            .find(|certificate| certificate.is_named_by(header))
            .map(what)
    }

    /// Records an assertion until it expires, if replays are refused.
    pub(super) fn use_assertion(&self, id: &str, expires: i64, now: i64) -> Result<(), EntraError> {
        if !self.refuse_replays {
            return Ok(());
        }
        let mut registered = self.registered();
        registered.used.retain(|_, expires| *expires >= now);
        match registered.used.insert(id.to_owned(), expires) {
            None => Ok(()),
            Some(_) => Err(EntraError::AssertionReplayed),
        }
    }

    pub(crate) fn roles(&self) -> Vec<String> {
        self.registered().roles.clone()
    }

    pub(crate) fn set_roles(&self, roles: Vec<String>) {
        self.registered().roles = roles;
    }
}
