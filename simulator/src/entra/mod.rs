//! Entra ID, as far as signing in to the service needs it: one tenant, one
//! application, one user, two managed identities, and an identity provider of
//! somebody else that the application trusts.

mod answer;
mod application;
mod assertion;
mod certificate;
mod credential;
mod device;
mod device_page;
mod discovery;
mod error;
mod federation;
mod form;
mod grants;
mod identity;
mod issued;
mod key;
mod refresh;
mod request;
mod target;
mod tenant;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::config::Config;
use crate::routes::Service;
use application::Application;
use device::{DeviceCodes, opaque};
use federation::Federation;
use issued::Counts;
use refresh::RefreshTokens;

pub use certificate::CertificateError;
pub(crate) use device::{CodeShown, Decision};
pub(crate) use error::EntraError;
pub use federation::FederatedRequest;
pub(crate) use form::is_form;
pub use identity::ManagedIdentity;
pub(crate) use identity::{APP_SERVICE, IDENTITY_HEADER, VIRTUAL_MACHINE};
pub use issued::IssuedTokens;
pub use key::KeyError;
pub use request::TokenRequest;
pub(crate) use tokens::{Caller, Permissions, TokenError, Tokens};

/// All that Entra ID knows.
pub(crate) struct Entra {
    pub(crate) tokens: Tokens,
    pub(crate) application: Application,
    pub(crate) federation: Federation,
    pub(crate) devices: DeviceCodes,
    pub(crate) refresh_tokens: RefreshTokens,
    /// The system's, and one that a user made.
    pub(crate) identities: [ManagedIdentity; 2],
    pub(crate) issued: Counts,
    /// The secret that the application was registered with.
    pub(crate) client_secret: String,
    /// The secret of App Service's endpoint.
    pub(crate) identity_header: String,
}

impl Entra {
    /// Makes the keys and secrets of a simulator that listens at `origin`.
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

/// Entra ID's routes, those of the managed identities, and those of the other
/// identity provider.
pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/{tenant}/oauth2/token", post(grants::token_v1))
        .route("/{tenant}/oauth2/v2.0/token", post(grants::token_v2))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device_page::begin))
        .route(
            device_page::PAGE,
            get(device_page::page).post(device_page::decide),
        )
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(discovery::configuration_v1),
        )
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::configuration_v2),
        )
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/common/discovery/instance", get(discovery::instance))
        .route(VIRTUAL_MACHINE, get(identity::virtual_machine))
        .route(APP_SERVICE, get(identity::app_service))
        .route(
            "/federation/.well-known/openid-configuration",
            get(discovery::federation),
        )
        .route("/federation/keys", get(discovery::federation_keys))
}
