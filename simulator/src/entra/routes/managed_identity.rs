//! The token endpoints of managed identities: that of every virtual machine, and that of App
//! Service.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::error::EntraError;
use crate::entra::identity::{IDENTITY_HEADER, ManagedIdentity};
use crate::entra::request::{Proof, TokenRequest};
use crate::entra::token_counts::GrantType;
use crate::service::Service;

/// Why an endpoint issues no token. Texts are the simulator's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum IdentityError {
    #[error("Required metadata header not specified")]
    NoMetadataHeader,
    #[error("Requests with X-Forwarded-For aren't answered")]
    Forwarded,
    #[error("The X-IDENTITY-HEADER isn't this host's")]
    WrongHeader,
    #[error("The api-version '{0}' is missing or not supported")]
    ApiVersion(String),
    #[error("Required query variable 'resource' is missing")]
    NoResource,
    #[error("Identity not found")]
    UnknownIdentity,
    #[error("AADSTS500011: {}", EntraError::UnknownResource(.0.clone()))]
    UnknownResource(String),
}

impl IdentityError {
    /// Unsourced for App Service, for which 401 means a wrong secret.
    fn status(&self) -> StatusCode {
        match self {
            Self::WrongHeader => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::UnknownResource(_) => "invalid_resource",
            _ => "invalid_request",
        }
    }
}

/// The endpoint of a virtual machine.
pub(super) async fn virtual_machine(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let admitted = if headers.contains_key("x-forwarded-for") {
        Err(IdentityError::Forwarded)
    } else if headers
        .get("metadata")
        .is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"true"))
    {
        Err(IdentityError::NoMetadataHeader)
    } else {
        Ok(())
    };
    let answer = admitted.and_then(|()| {
        let names = ["client_id", "object_id", "msi_res_id"];
        issue(&service, &uri, since_2018, names)
    });
    match answer {
        Ok(token) => Json(json!({
            "access_token": token.text,
            "client_id": token.client_id,
            "expires_in": token.promised.to_string(),
            "expires_on": token.expires.to_string(),
            "ext_expires_in": token.promised.to_string(),
            "not_before": token.issued.to_string(),
            "resource": token.resource,
            "token_type": "Bearer",
        }))
        .into_response(),
        Err(refusal) => {
            let body = json!({ "error": refusal.word(), "error_description": refusal.to_string() });
            (refusal.status(), Json(body)).into_response()
        }
    }
}

/// Later versions of the endpoint accept the same requests as the first one.
fn since_2018(version: &str) -> bool {
    let first = jiff::civil::date(2018, 2, 1);
    version
        .parse()
        .is_ok_and(|version: jiff::civil::Date| version >= first)
}

/// The endpoint of App Service. Unsourced: the shape of its errors.
pub(super) async fn app_service(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let secret = headers.get(IDENTITY_HEADER);
    let admitted = if secret
        .is_some_and(|value| value.as_bytes() == service.entra.identity_header.as_bytes())
    {
        Ok(())
    } else {
        Err(IdentityError::WrongHeader)
    };
    let answer = admitted.and_then(|()| {
        let names = ["client_id", "principal_id", "mi_res_id"];
        issue(&service, &uri, |version| version == "2019-08-01", names)
    });
    match answer {
        Ok(token) => Json(json!({
            "access_token": token.text,
            "client_id": token.client_id,
            "expires_on": token.expires.to_string(),
            "resource": token.resource,
            "token_type": "Bearer",
        }))
        .into_response(),
        Err(refusal) => {
            let status = refusal.status();
            let body: Value =
                json!({ "statusCode": status.as_u16(), "message": refusal.to_string() });
            (status, Json(body)).into_response()
        }
    }
}

struct Token {
    text: String,
    client_id: Uuid,
    resource: String,
    issued: i64,
    promised: i64,
    expires: i64,
}

/// Issues a token to the identity that the query names with one of `names`, or to the
/// system-assigned one. Conditional access doesn't cover managed identities.
fn issue(
    service: &Service,
    uri: &Uri,
    is_known: impl Fn(&str) -> bool,
    names: [&str; 3],
) -> Result<Token, IdentityError> {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let get = |name: &str| {
        let found = query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let version = get("api-version").unwrap_or_default();
    if !is_known(version) {
        return Err(IdentityError::ApiVersion(version.to_owned()));
    }
    let resource = get("resource")
        .filter(|resource| !resource.is_empty())
        .ok_or(IdentityError::NoResource)?;

    let entra = &service.entra;
    let [system, user] = &entra.identities;
    let [by_client, by_object, by_resource] = names.map(get);
    // Microsoft's documentation of App Service: an alias of `principal_id`.
    let by_object = by_object.or_else(|| get("object_id"));
    let identity = if by_client.or(by_object).or(by_resource).is_none() {
        system
    } else {
        let fits = |identity: &&ManagedIdentity| {
            let is = |given: Option<&str>, own: String| {
                given.is_none_or(|given| given.eq_ignore_ascii_case(&own))
            };
            is(by_client, identity.client_id.to_string())
                && is(by_object, identity.object_id.to_string())
                && is(by_resource, identity.resource_id.clone())
        };
        [system, user]
            .into_iter()
            .find(fits)
            .ok_or(IdentityError::UnknownIdentity)?
    };
    if !entra.tokens.accepts(resource) {
        return Err(IdentityError::UnknownResource(resource.to_owned()));
    }
    let now = service.clock.now();
    let request = TokenRequest {
        roles: Some(entra.application.roles()),
        audience: Some(resource.to_owned()),
        client_id: Some(identity.client_id),
        app_name: Some(identity.name.clone()),
        proof: Some(Proof::Assertion),
        ..TokenRequest::default()
    };
    let text = entra.tokens.issue(request, now);
    entra.issued.add(GrantType::ManagedIdentity);
    let (issued, lifetime) = (now.as_second(), entra.tokens.lifetime());
    Ok(Token {
        text,
        client_id: identity.client_id,
        resource: resource.to_owned(),
        issued,
        promised: entra.tokens.promised(),
        expires: issued.saturating_add(lifetime),
    })
}
