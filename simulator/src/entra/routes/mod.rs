//! The routes of Entra ID, of the managed identities and of the other identity provider.

mod answer;
mod device_page;
mod discovery;
mod endpoint;
mod grants;
mod managed_identity;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::identity::{APP_SERVICE, VIRTUAL_MACHINE};
use crate::service::Service;

/// Entra ID's routes, those of the managed identities, and those of the other
/// identity provider.
pub(crate) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/{tenant}/oauth2/token", post(grants::token_v1))
        .route("/{tenant}/oauth2/v2.0/token", post(grants::token_v2))
        .route("/{tenant}/oauth2/devicecode", post(device_page::begin_v1))
        .route(
            "/{tenant}/oauth2/v2.0/devicecode",
            post(device_page::begin_v2),
        )
        .route(
            device_page::DEVICE_PAGE_PATH,
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
        .route(VIRTUAL_MACHINE, get(managed_identity::virtual_machine))
        .route(APP_SERVICE, get(managed_identity::app_service))
        .route(
            "/federation/.well-known/openid-configuration",
            get(discovery::federation),
        )
        .route("/federation/keys", get(discovery::federation_keys))
}
