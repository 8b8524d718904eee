//! Entra ID's refusals, and their bodies.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// Why no token is issued. The numbers are Entra ID's and stable. The texts "can change at any
/// time", so those that are not known are the simulator's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntraError {
    #[error(
        "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
    )]
    UnknownTenant(String),
    #[error(
        "No tenant-identifying information found in either the request or implied by any provided credentials."
    )]
    NoTenant,
    #[error("Application with identifier '{client}' was not found in the directory '{directory}'.")]
    UnknownApplication { client: String, directory: Uuid },
    #[error("The request body must contain the following parameter: '{0}'.")]
    MissingParameter(&'static str),
    #[error(
        "The request body must be 'application/x-www-form-urlencoded', with each parameter at most once."
    )]
    UnreadableForm,
    #[error("The app requested an unsupported grant type '{0}'.")]
    UnsupportedGrant(String),
    #[error(
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
    )]
    NoCredential,
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."
    )]
    WrongSecret,
    #[error("The provided client secret keys for app '{0}' are expired.")]
    ExpiredSecret(Uuid),
    #[error(
        "The client assertion type must be 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'."
    )]
    AssertionType,
    #[error("JWT token is invalid or malformed.")]
    MalformedAssertion,
    #[error(
        "The certificate with identifier used to sign the client assertion is not registered on application."
    )]
    UnknownCertificate,
    #[error("Client assertion failed signature validation.")]
    AssertionSignature,
    #[error("Client assertion application identifier doesn't match 'client_id' parameter.")]
    AssertionClient,
    #[error("Client assertion audience claim does not match Realm issuer: '{0}'.")]
    AssertionAudience(String),
    #[error(
        "Client assertion is not within its valid time range. Current time: {now}, expiry time of assertion {expiry}."
    )]
    AssertionTime { now: String, expiry: String },
    #[error("Client assertion has been used before.")]
    AssertionReplayed,
    #[error("No matching federated identity record found for presented assertion issuer '{0}'.")]
    FederatedIssuer(String),
    #[error("No matching federated identity record found for presented assertion audience '{0}'.")]
    FederatedAudience(String),
    #[error("No matching federated identity record found for presented assertion subject '{0}'.")]
    FederatedSubject(String),
    #[error("The resource principal named {0} was not found in the tenant.")]
    UnknownResource(String),
    #[error("The provided value for the input parameter 'scope' is not valid: {0}.")]
    BadScope(String),
    #[error(
        "The provided value for scope {0} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
    )]
    NotDefaultScope(String),
    #[error("The user or administrator has not consented to use the application with ID '{0}'.")]
    NoConsent(Uuid),
    #[error(
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
    )]
    ConditionalAccess,
    #[error("OAuth 2.0 device flow error. Authorization is pending. Continue polling.")]
    Pending,
    #[error("OAuth 2.0 device flow error. Authorization is pending. Poll less often.")]
    SlowDown,
    #[error(
        "The provided value for the input parameter 'device_code' is not valid. This device code has expired."
    )]
    DeviceCodeExpired,
    #[error("User declined to consent to access the app.")]
    Declined,
    #[error("The provided value for the input parameter 'device_code' is not valid.")]
    UnknownDeviceCode,
    #[error("The provided value for the input parameter 'refresh_token' is not valid.")]
    UnknownRefreshToken,
    #[error("The refresh token has expired due to inactivity.")]
    RefreshTokenExpired,
    #[error("The simulator can't make a key.")]
    Internal,
    /// The answer that a fault plan defines, regardless of the status.
    #[error("A transient error has occurred. Please try again.")]
    Transient(StatusCode),
}

impl EntraError {
    /// The number after `AADSTS`. Unsourced: the numbers of a replayed assertion, of a
    /// declined device code and of one that is polled too often, which are not known.
    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::UnknownTenant(_) => 90002,
            Self::NoTenant => 50059,
            Self::UnknownApplication { .. } => 700_016,
            Self::MissingParameter(_) => 900_144,
            Self::UnreadableForm => 900_144,
            Self::UnsupportedGrant(_) => 70003,
            Self::NoCredential => 7_000_218,
            Self::WrongSecret => 7_000_215,
            Self::ExpiredSecret(_) => 7_000_222,
            Self::AssertionType => 70002,
            Self::MalformedAssertion => 50027,
            Self::UnknownCertificate | Self::AssertionSignature | Self::AssertionReplayed => {
                700_027
            }
            Self::AssertionClient => 700_021,
            Self::AssertionAudience(_) => 700_023,
            Self::AssertionTime { .. } => 700_024,
            Self::FederatedIssuer(_) => 700_211,
            Self::FederatedAudience(_) => 700_212,
            Self::FederatedSubject(_) => 700_213,
            Self::UnknownResource(_) => 500_011,
            Self::BadScope(_) => 70011,
            Self::NotDefaultScope(_) => 1_002_012,
            Self::NoConsent(_) => 65001,
            Self::ConditionalAccess => 53003,
            Self::Pending | Self::SlowDown => 70016,
            Self::DeviceCodeExpired => 70020,
            Self::Declined => 65004,
            Self::UnknownDeviceCode => 70018,
            Self::UnknownRefreshToken => 70000,
            Self::RefreshTokenExpired => 700_082,
            Self::Internal | Self::Transient(_) => 90033,
        }
    }

    /// OAuth's error code. Unsourced: those of a conditional access policy that blocks an
    /// application (captured only for a user) and of a malformed assertion.
    fn word(&self) -> &'static str {
        match self {
            Self::UnknownApplication { .. } => "unauthorized_client",
            Self::UnsupportedGrant(_) => "unsupported_grant_type",
            Self::UnknownTenant(_)
            | Self::NoTenant
            | Self::MissingParameter(_)
            | Self::UnreadableForm
            | Self::MalformedAssertion => "invalid_request",
            Self::UnknownResource(_) => "invalid_resource",
            Self::BadScope(_) | Self::NotDefaultScope(_) => "invalid_scope",
            Self::NoConsent(_) | Self::UnknownRefreshToken | Self::RefreshTokenExpired => {
                "invalid_grant"
            }
            Self::ConditionalAccess => "interaction_required",
            Self::Pending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::DeviceCodeExpired => "expired_token",
            Self::Declined => "authorization_declined",
            Self::UnknownDeviceCode => "bad_verification_code",
            Self::Internal | Self::Transient(_) => "temporarily_unavailable",
            Self::NoCredential
            | Self::WrongSecret
            | Self::ExpiredSecret(_)
            | Self::AssertionType
            | Self::UnknownCertificate
            | Self::AssertionSignature
            | Self::AssertionClient
            | Self::AssertionAudience(_)
            | Self::AssertionTime { .. }
            | Self::AssertionReplayed
            | Self::FederatedIssuer(_)
            | Self::FederatedAudience(_)
            | Self::FederatedSubject(_) => "invalid_client",
        }
    }

    fn status(&self) -> StatusCode {
        if let Self::Transient(status) = self {
            return *status;
        }
        match self.word() {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, with the caller's own correlation id if there is one.
    pub(crate) fn answer(&self, headers: &HeaderMap, now: Timestamp) -> Response {
        let number = self.number();
        let timestamp = clock_text(now);
        let trace = Uuid::new_v4();
        let correlation = correlation_id(headers);
        let mut body = json!({
            "error": self.word(),
            "error_description": format!(
                "AADSTS{number}: {self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        if *self == Self::ConditionalAccess {
            body["suberror"] = "message_only".into();
        }
        let mut response = (self.status(), Json(body)).into_response();
        response.headers_mut().insert(
            CACHE_CONTROL,
            HeaderValue::from_static("no-store, no-cache"),
        );
        response
    }
}

/// A time in the format of Entra ID's errors.
pub(super) fn clock_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn correlation_id(headers: &HeaderMap) -> Uuid {
    let sent = headers
        .get("client-request-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| Uuid::try_parse(value).ok());
    sent.unwrap_or_else(Uuid::new_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_credential_that_fails_is_401() {
        for (error, status, word) in [
            (EntraError::WrongSecret, 401, "invalid_client"),
            (EntraError::NoCredential, 401, "invalid_client"),
            (EntraError::NoTenant, 400, "invalid_request"),
            (EntraError::Pending, 400, "authorization_pending"),
            (EntraError::ConditionalAccess, 400, "interaction_required"),
            (EntraError::Internal, 503, "temporarily_unavailable"),
            (
                EntraError::Transient(StatusCode::BAD_GATEWAY),
                502,
                "temporarily_unavailable",
            ),
        ] {
            assert_eq!((error.status().as_u16(), error.word()), (status, word));
        }
    }

    #[test]
    fn the_callers_correlation_id_comes_back() {
        let mut headers = HeaderMap::new();
        let id = Uuid::from_u128(7);
        assert_ne!(correlation_id(&headers), id);
        if let Ok(value) = id.to_string().parse() {
            headers.insert("client-request-id", value);
        }
        assert_eq!(correlation_id(&headers), id);
        headers.insert("client-request-id", HeaderValue::from_static("x"));
        assert_ne!(correlation_id(&headers), id);
    }
}
