//! The service's refusals, and their bodies.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

/// A row of the service's error table, with its text. Codes and statuses are those of
/// Microsoft's API documentation. The texts, which "may change without notice", are the
/// simulator's own unless an item says otherwise.
#[derive(Debug)]
pub(crate) struct ServiceError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after: Option<u64>,
}

impl ServiceError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn odata(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ODataError", message)
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidInput", message)
    }

    pub(crate) fn invalid_ip_address(address: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidIpAddress",
            format!("'{address}' isn't an IP address."),
        )
    }

    pub(crate) fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequestBody", message)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "MissingRequiredParameter",
            format!("Required parameter '{name}' is missing. Names are case-sensitive."),
        )
    }

    pub(crate) fn platform(platform: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "OsPlatformNotSupported",
            format!("Action is not supported on the operating system of this machine: {platform}."),
        )
    }

    pub(crate) fn client_version(platform: &str, version: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "ClientVersionNotSupported",
            format!("Action is not supported by the client on this machine: {platform} {version}."),
        )
    }

    /// Code and text as clients match them for isolation. That offboarding uses them, too, is
    /// unsourced.
    pub(crate) fn already_exists() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "ActiveRequestAlreadyExists",
            "Action is already in progress",
        )
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    /// Also the answer to a known route with another method: the documented
    /// table has no row for that.
    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("No API matches {method} {path}."),
        )
    }

    pub(crate) fn no_resource(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    /// An answer that a fault plan defines. Codes outside the documented table are unsourced.
    pub(crate) fn fault(status: StatusCode, retry_after: Option<u64>) -> Self {
        let code = match status {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            StatusCode::BAD_GATEWAY => "BadGateway",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            StatusCode::GATEWAY_TIMEOUT => "GatewayTimeout",
            other if other.is_server_error() => "InternalServerError",
            _ => "BadRequest",
        };
        Self {
            retry_after,
            ..Self::new(status, code, "The request couldn't be processed.")
        }
    }

    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                format!(
                    "The quota of calls to this API is used up. Retry after {seconds} seconds."
                ),
            )
        }
    }
}

impl IntoResponse for ServiceError {
    fn into_response(self) -> Response {
        let body = json!({
            "error": { "code": self.code, "message": self.message, "target": tracking_id() }
        });
        let mut response = (self.status, Json(body)).into_response();
        set_retry_after(&mut response, self.retry_after);
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Sets the retry-after, in seconds.
pub(crate) fn set_retry_after(response: &mut Response, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// An activity id in the format that was observed, not the GUID of the documentation: a client
/// that parses GUIDs must fail here, not in production.
fn tracking_id() -> String {
    let [trace, span] = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string());
    format!("|00-{trace}-{:.16}-01.", span)
}
