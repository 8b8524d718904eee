//! The part of Entra ID that is needed to sign in to the service: one tenant, one application,
//! one user, two managed identities, and another identity provider that the application
//! trusts.

mod application;
mod assertion;
mod certificate;
mod credential;
mod device;
mod error;
mod federation;
mod form;
mod identity;
mod key;
mod object_id;
mod refresh;
mod request;
mod resource;
pub(crate) mod routes;
mod target;
mod tenant;
mod token_counts;
mod tokens;

use crate::config::Config;
use application::Application;
use device::{DeviceCodes, opaque};
use federation::Federation;
use refresh::RefreshTokens;
use token_counts::Counts;

pub use certificate::CertificateError;
pub(crate) use device::{CodeShown, Decision};
pub(crate) use error::EntraError;
pub use federation::FederatedRequest;
pub(crate) use form::is_form;
pub use identity::ManagedIdentity;
pub(crate) use identity::{APP_SERVICE, IDENTITY_HEADER, VIRTUAL_MACHINE};
pub use key::KeyError;
pub use request::TokenRequest;
pub use token_counts::IssuedTokens;
pub(crate) use tokens::{Caller, Permissions, TokenError, Tokens};

/// The state of Entra ID.
pub(crate) struct Entra {
    pub(crate) tokens: Tokens,
    pub(crate) application: Application,
    pub(crate) federation: Federation,
    pub(crate) devices: DeviceCodes,
    pub(crate) refresh_tokens: RefreshTokens,
    /// The system-assigned identity, and the user-assigned one.
    pub(crate) identities: [ManagedIdentity; 2],
    pub(crate) issued: Counts,
    /// The secret that the application was registered with.
    pub(crate) client_secret: String,
    /// The secret of App Service's endpoint.
    pub(crate) identity_header: String,
}

impl Entra {
    /// Creates the keys and secrets of a simulator that listens at `origin`.
    pub(crate) fn new(config: &Config, origin: &str) -> Result<Self, KeyError> {
        let client_secret = config.client_secret.clone().unwrap_or_else(opaque);
        Ok(Self {
            tokens: Tokens::new(config.clone())?,
            application: Application::new(config, client_secret.clone()),
            federation: Federation::new(origin),
            devices: DeviceCodes::new(config.device_code_lifetime, config.device_code_interval),
            refresh_tokens: RefreshTokens::default(),
            identities: ManagedIdentity::both(config.tenant),
            issued: Counts::default(),
            client_secret,
            identity_header: opaque(),
        })
    }
}
