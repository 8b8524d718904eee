//! The discovery documents with the endpoints and the keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::device_page::DEVICE_PAGE_PATH;
use super::endpoint::{Named, Version};
use crate::entra::error::EntraError;
use crate::entra::tenant::Tenant;
use crate::entra::tokens::issuer;
use crate::service::Service;

pub(super) async fn configuration_v1(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
) -> Response {
    configuration(&service, Version::One, tenant, &headers)
}

pub(super) async fn configuration_v2(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
) -> Response {
    configuration(&service, Version::Two, tenant, &headers)
}

/// The tenant in the endpoints: its id, regardless of the name in the request, unless the user
/// determines the tenant.
fn found(service: &Service, tenant: Named) -> Result<String, EntraError> {
    let name = tenant.map_or_else(|error| error.body_text(), |Path(name)| name);
    Ok(match Tenant::find(&name, service.config.tenant)? {
        Tenant::Own => service.config.tenant.to_string(),
        Tenant::OfTheUser => name,
    })
}

fn configuration(
    service: &Service,
    version: Version,
    tenant: Named,
    headers: &HeaderMap,
) -> Response {
    let tenant = match found(service, tenant) {
        Ok(tenant) => tenant,
        Err(error) => return error.answer(headers, service.clock.now()),
    };
    let origin = service.origin_for(headers);
    let base = format!("{origin}/{tenant}");
    let (part, issuer) = match version {
        Version::One => ("", issuer(service.config.tenant)),
        Version::Two => ("/v2.0", format!("{origin}/{}/v2.0", service.config.tenant)),
    };
    Json(json!({
        "token_endpoint": format!("{base}/oauth2{part}/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery{part}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/oauth2{part}/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2{part}/devicecode"),
        "verification_uri": format!("{origin}{DEVICE_PAGE_PATH}"),
    }))
    .into_response()
}

pub(super) async fn keys(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
) -> Response {
    if let Err(error) = found(&service, tenant) {
        return error.answer(&headers, service.clock.now());
    }
    let origin = service.origin_for(&headers);
    let issuer = format!("{origin}/{}/v2.0", service.config.tenant);
    let key = service.entra.tokens.key().published(&issuer);
    Json(json!({ "keys": [key] })).into_response()
}

/// The hosts of the same authority: only this one.
pub(super) async fn instance(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Json<Value> {
    let origin = service.origin_for(&headers);
    let host = origin
        .split_once("://")
        .map_or(origin.as_str(), |(_, host)| host);
    let tenant = service.config.tenant;
    Json(json!({
        "tenant_discovery_endpoint":
            format!("{origin}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": host,
            "preferred_cache": host,
            "aliases": [host],
        }],
    }))
}

pub(super) async fn federation(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(service.entra.federation.configuration())
}

pub(super) async fn federation_keys(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(service.entra.federation.keys())
}
