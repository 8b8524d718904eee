//! The routes of Entra ID, of the managed identities and of the other identity provider.

mod answer;
mod device_page;
mod discovery;
mod endpoint;
mod grants;
mod managed_identity;

use axum::routing::{get, post};

use super::identity::{APP_SERVICE, VIRTUAL_MACHINE};
use crate::paths::Routes;

/// Adds Entra ID's routes, those of the managed identities, and those of the other
/// identity provider.
pub(crate) fn add(routes: Routes) -> Routes {
    routes
        .add("/{tenant}/oauth2/token", post(grants::token_v1))
        .add("/{tenant}/oauth2/v2.0/token", post(grants::token_v2))
        .add("/{tenant}/oauth2/devicecode", post(device_page::begin_v1))
        .add(
            "/{tenant}/oauth2/v2.0/devicecode",
            post(device_page::begin_v2),
        )
        .add(
            device_page::DEVICE_PAGE_PATH,
            get(device_page::page).post(device_page::decide),
        )
        .add(
            "/{tenant}/.well-known/openid-configuration",
            get(discovery::configuration_v1),
        )
        .add(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::configuration_v2),
        )
        .add("/{tenant}/discovery/keys", get(discovery::keys))
        .add("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .add("/common/discovery/instance", get(discovery::instance))
        .add(VIRTUAL_MACHINE, get(managed_identity::virtual_machine))
        .add(APP_SERVICE, get(managed_identity::app_service))
        .add(
            "/federation/.well-known/openid-configuration",
            get(discovery::federation),
        )
        .add("/federation/keys", get(discovery::federation_keys))
}
