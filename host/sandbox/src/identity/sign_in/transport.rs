//! The HTTP transport of sign-in. Requests go only to the endpoints of a credential, over the
//! host's own connections. Answers have a size limit. Redirects are not followed.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body as AzureBody, HttpClient, Request, Url,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use secrecy::{ExposeSecret, SecretString};

use super::answer::{BadAnswer, adapt, adapt_error};
use crate::{
    connection::{HttpConnection, Network, Target, dial},
    identity::{redaction::redact, sign_in_error::SignInError},
};

/// The size limit of an answer, in bytes. A token has a few thousand.
const MAX_TOKEN_ANSWER: usize = 256 * 1024;

/// The longest retry-after that is passed to the library, in seconds.
const MAX_RETRY_AFTER: u64 = 5;

/// Timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The endpoints that a credential may use.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    endpoints: Vec<(Url, Target)>,
}

impl Allowed {
    /// An authority's endpoints, with `https`.
    pub(super) fn service<const N: usize>(urls: [Url; N]) -> Result<Self, SignInError> {
        let target = |url: Url| match Target::service(&url) {
            Some(target) => Ok((url, target)),
            None => Err(SignInError::Setup(format!("{url} is not an https URL"))),
        };
        Ok(Self {
            endpoints: urls.into_iter().map(target).collect::<Result<_, _>>()?,
        })
    }

    /// The machine's own endpoint.
    pub(super) fn machine(url: &Url) -> Result<Self, SignInError> {
        let target = Target::machine(url).ok_or_else(|| {
            let origin = url.origin().ascii_serialization();
            SignInError::Setup(format!(
                "the endpoint of the managed identity, {origin}, is not a local address of this \
                 computer"
            ))
        })?;
        Ok(Self {
            endpoints: vec![(url.clone(), target)],
        })
    }

    /// An endpoint whose connection a test redirects.
    #[cfg(test)]
    pub(super) fn leading(url: Url, target: Target) -> Self {
        Self {
            endpoints: vec![(url, target)],
        }
    }

    /// The target of a request, if it is permitted. Any query is permitted.
    fn target(&self, requested: &Url) -> Option<&Target> {
        let same = |known: &Url| {
            let bare = |url: &Url| {
                let mut url = url.clone();
                url.set_query(None);
                url.set_fragment(None);
                url
            };
            bare(known) == bare(requested)
        };
        let found = self.endpoints.iter().find(|(known, _)| same(known));
        found.map(|(_, target)| target)
    }
}

/// Why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{0} is not an endpoint of this credential")]
    Forbidden(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0} did not answer within {REQUEST_TIMEOUT:?}")]
    Timeout(String),
    #[error("the answer of {0} is {1}")]
    Unavailable(String, http::StatusCode),
    #[error("the answer of {0} cannot be read: {1}")]
    Unreadable(String, BadAnswer),
}

/// Shorter than any secret of Entra ID, in bytes. Removing shorter texts would make
/// error messages unreadable.
const MIN_SECRET: usize = 6;

/// The form fields that prove an identity.
const SECRETS: [&str; 6] = [
    "client_secret",
    "client_assertion",
    "assertion",
    "refresh_token",
    "device_code",
    "code",
];

/// The headers that prove an identity.
const SECRET_HEADERS: [&str; 3] = ["authorization", "x-identity-header", "secret"];

/// The secrets of a request, literally and form-encoded. An error message must not
/// quote them.
fn secrets(request: &http::Request<Bytes>) -> Vec<SecretString> {
    let form = request.body();
    let mut secrets = Vec::new();
    for (name, value) in url::form_urlencoded::parse(form) {
        if SECRETS.contains(&&*name) {
            let written: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            secrets.push(SecretString::from(value.into_owned()));
            secrets.push(SecretString::from(written));
        }
    }
    for name in SECRET_HEADERS {
        let value = request.headers().get(name);
        if let Some(value) = value.and_then(|value| value.to_str().ok()) {
            secrets.push(SecretString::from(value));
        }
    }
    secrets.retain(|secret| secret.expose_secret().len() >= MIN_SECRET);
    secrets
}

/// Removes these secrets from an answer, also if they are JSON-escaped.
fn without(body: Bytes, secrets: &[SecretString]) -> Bytes {
    let cut = |body, secret: &SecretString| redact(body, secret.expose_secret().as_bytes());
    secrets.iter().fold(body.to_vec(), cut).into()
}

/// An HTTP client for one credential.
pub(super) struct Client {
    network: Arc<Network>,
    allowed: Allowed,
}

impl Client {
    pub(super) fn new(network: Arc<Network>, allowed: Allowed) -> Self {
        Self { network, allowed }
    }

    /// Sends a request, and reads the whole answer.
    pub(super) async fn send(
        &self,
        url: &Url,
        mut request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let origin = url.origin().ascii_serialization();
        let Some(target) = self.allowed.target(url) else {
            return Err(TransportError::Forbidden(origin));
        };
        let secrets = secrets(&request);
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().unwrap_or_default();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let headers = request.headers_mut();
        headers.remove(http::header::ACCEPT_ENCODING);
        if let Ok(host) = host.parse() {
            headers.insert(http::header::HOST, host);
        }
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(target, request))
            .await
            .map_err(|_| TransportError::Timeout(origin))??;
        if !answer.status().is_success() {
            return Ok(answer.map(|body| without(body, &secrets)));
        }
        let adapted = adapt(answer.body())
            .map_err(|reason| TransportError::Unreadable(target.authority(), reason))?;
        Ok(answer.map(|_| adapted.into()))
    }

    /// Sends one request and reads its answer.
    async fn exchange(
        &self,
        target: &Target,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let request = request.map(Full::new);
        let lost = |error: hyper::Error| {
            let reason = format!("{} sent an invalid answer: {error}", target.authority());
            TransportError::Unreachable(reason)
        };
        let stream = dial(target, &self.network, &|_| {})
            .await
            .map_err(|error| TransportError::Unreachable(error.to_string()))?;
        let mut connection = HttpConnection::open(stream).await.map_err(lost)?;
        let answer = connection.send(request).await.map_err(lost)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_TOKEN_ANSWER).collect().await;
        let body = body.map_err(|error| {
            let reason = format!("the answer of {} ended early: {error}", target.authority());
            TransportError::Unreachable(reason)
        })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            AzureBody::Bytes(bytes) => bytes.clone(),
            AzureBody::SeekableStream(_) => {
                let message = "sign-in does not send streams";
                return Err(Error::with_message(ErrorKind::Other, message));
            }
        };
        let mut outgoing = http::Request::builder().method(request.method().as_ref());
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let outgoing = outgoing
            .body(body)
            .map_err(|error| Error::new(ErrorKind::Other, error))?;
        let answer = self
            .send(request.url(), outgoing)
            .await
            .map_err(|error| Error::new(ErrorKind::Io, error))?;
        let headers: HashMap<HeaderName, HeaderValue> = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let value = value.to_str().ok()?;
                // Without this bound, the library would wait as long as the header
                // says.
                if is_pause(name.as_str()) && !is_short(value) {
                    return None;
                }
                let name = HeaderName::from(name.as_str().to_owned());
                Some((name, HeaderValue::from(value.to_owned())))
            })
            .collect();
        let status = answer.status();
        let body = if status.is_success() {
            answer.into_body()
        } else {
            adapt_error(status, answer.into_body())
        };
        let status = status.as_u16().into();
        Ok(AsyncRawResponse::from_bytes(
            status,
            Headers::from(headers),
            body,
        ))
    }
}

/// Whether this header is a retry-after.
fn is_pause(name: &str) -> bool {
    matches!(
        name,
        "retry-after" | "retry-after-ms" | "x-ms-retry-after-ms"
    )
}

/// Whether this retry-after, in seconds or milliseconds, is within the limit.
fn is_short(pause: &str) -> bool {
    pause
        .trim()
        .parse::<u64>()
        .is_ok_and(|pause| pause <= MAX_RETRY_AFTER)
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_refusal_does_not_quote_what_was_sent() {
        let form = "client_id=app&client_secret=abc%2Fde%20f&device_code=d";
        let request = http::Request::builder()
            .header("X-IDENTITY-HEADER", "hunter2")
            .body(Bytes::from(form))
            .unwrap();
        let secrets = secrets(&request);
        for (answer, shown) in [
            ("bad: abc/de f", "bad: [redacted]"),
            (r#"{"e":"abc\/de\u0020f"}"#, r#"{"e":"[redacted]"}"#),
            ("client_secret=abc%2Fde+f&x", "client_secret=[redacted]&x"),
            ("client_id=app, hunter2", "client_id=app, [redacted]"),
            ("authorization_pending", "authorization_pending"),
        ] {
            let seen = without(Bytes::from(answer), &secrets);
            assert_eq!(std::str::from_utf8(&seen).unwrap(), shown);
        }
    }

    #[test]
    fn only_a_short_retry_after_is_passed_on() {
        assert!(is_short("2") && !is_short("86400") && !is_short("Tue, 01 Jan 2030 00:00:00 GMT"));
    }

    #[test]
    fn a_credential_reaches_only_its_own_endpoints() {
        let token = "https://login.example.test/contoso.test/oauth2/v2.0/token";
        let allowed = Allowed::service([token.parse().unwrap()]).unwrap();
        let reaches = |url: &str| allowed.target(&url.parse().unwrap()).is_some();
        assert!(reaches(token));
        assert!(reaches(
            "https://login.example.test:443/contoso.test/oauth2/v2.0/token?a=b"
        ));
        for url in [
            "https://login.example.test/contoso.test/oauth2/v2.0/token/",
            "https://login.example.test/other.test/oauth2/v2.0/token",
            "https://login.example.test:8443/contoso.test/oauth2/v2.0/token",
            "https://evil.test/contoso.test/oauth2/v2.0/token",
            "http://login.example.test/contoso.test/oauth2/v2.0/token",
            "https://user@login.example.test/contoso.test/oauth2/v2.0/token",
            "http://169.254.169.254/metadata/identity/oauth2/token",
        ] {
            assert!(!reaches(url), "{url}");
        }
    }

    #[test]
    fn only_a_managed_identity_reaches_the_metadata_address() {
        let metadata: Url = super::super::managed_identity::METADATA.parse().unwrap();
        let allowed = Allowed::machine(&metadata).unwrap();
        let mut requested = metadata.clone();
        requested.set_query(Some("api-version=2018-02-01&resource=x"));
        assert!(allowed.target(&requested).is_some());
        assert!(
            allowed
                .target(&"http://169.254.169.254/metadata/instance".parse().unwrap())
                .is_none()
        );
        assert!(Allowed::service([metadata]).is_err());
        assert!(Allowed::machine(&"http://metadata.example.test/".parse().unwrap()).is_err());
    }
}
