//! Both ends of a device code: the endpoint that issues one, and the page on which the user
//! approves it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::endpoint::{Named, Version};
use super::grants::Request;
use crate::entra::device::Decision;
use crate::entra::error::EntraError;
use crate::entra::form::Form;
use crate::service::Service;

/// The path of the page.
pub(super) const DEVICE_PAGE_PATH: &str = "/devicelogin";

pub(super) async fn begin_v1(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    begin(&service, Version::One, tenant, &headers, &body)
}

pub(super) async fn begin_v2(
    State(service): State<Arc<Service>>,
    tenant: Named,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    begin(&service, Version::Two, tenant, &headers, &body)
}

fn begin(
    service: &Service,
    version: Version,
    tenant: Named,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let now = service.clock.now();
    let request = Request::read(service, version, tenant, headers, body, now);
    match request.and_then(|request| begun(&request)) {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.answer(headers, now),
    }
}

/// The first version writes numbers as strings, and has another name for the page.
fn begun(request: &Request<'_>) -> Result<Value, EntraError> {
    request.client()?;
    let target = request.target()?;
    request.exists(&target)?;
    let devices = &request.service.entra.devices;
    let (device_code, user_code) = devices.begin(target, request.now);
    let page = format!("{}{DEVICE_PAGE_PATH}", request.origin());
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
    );
    Ok(match request.version {
        Version::One => json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_url": page,
            "expires_in": devices.lifetime().to_string(),
            "interval": devices.interval().to_string(),
            "message": message,
        }),
        Version::Two => json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": devices.lifetime(),
            "interval": devices.interval(),
            "message": message,
        }),
    })
}

pub(super) async fn page(State(service): State<Arc<Service>>) -> Html<String> {
    let config = &service.config;
    shown(&format!(
        "<p>Signed in as <b>{user}</b> (simulated).</p>\
         <form method=\"post\" action=\"{DEVICE_PAGE_PATH}\">\
         <p><label>Code <input name=\"user_code\" required autofocus autocomplete=\"off\"></label></p>\
         <p>Only approve a code that you have asked for yourself: <b>{app}</b> will act in your name.</p>\
         <p><button name=\"answer\" value=\"approve\">Approve</button> \
         <button name=\"answer\" value=\"decline\">Decline</button></p></form>",
        user = escaped(&config.user),
        app = escaped(&config.app_name),
    ))
}

/// Answers the form: `user_code`, and `answer`, which is `approve` or
/// `decline`.
pub(super) async fn decide(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Html<String>) {
    let form = Form::read(&headers, &body);
    let said = form.as_ref().ok().and_then(|form| {
        let decision = match form.get("answer")? {
            "approve" => Decision::Approved,
            "decline" => Decision::Declined,
            _ => return None,
        };
        Some((form.get("user_code")?, decision))
    });
    let refused = |why: &str| {
        let again = format!("<p>{why}</p><p><a href=\"{DEVICE_PAGE_PATH}\">Again</a></p>");
        (StatusCode::BAD_REQUEST, shown(&again))
    };
    let Some((user_code, decision)) = said else {
        return refused("The form needs a code, and an answer: approve or decline.");
    };
    let now = service.clock.now();
    if !service.entra.devices.decide(user_code, decision, now) {
        return refused("That code doesn't exist, has expired or was used before.");
    }
    let done = match decision {
        Decision::Approved => "Approved. You can close this page.",
        _ => "Declined. You can close this page.",
    };
    (StatusCode::OK, shown(&format!("<p>{done}</p>")))
}

fn shown(body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <title>Sign in to a device</title><h1>Sign in to a device</h1>{body}</html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
