//! The one way that sign-in has: requests go to exactly the endpoints of a
//! credential, over the host's own connections, and answers are bounded. No
//! redirect is followed.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, HttpClient, Request, Url,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::super::{MAX_HEAD, Network, SignInError, Target, dial};

/// The longest answer, in bytes. A token has a few thousand.
const MAX_ANSWER: usize = 256 * 1024;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The endpoints that a credential has.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    endpoints: Vec<(Url, Target)>,
}

impl Allowed {
    /// An authority's endpoints, by `https`.
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
            SignInError::Setup(format!(
                "the endpoint of the managed identity, {url}, is no address of this machine's"
            ))
        })?;
        Ok(Self {
            endpoints: vec![(url.clone(), target)],
        })
    }

    /// The same, where a test leads the line elsewhere.
    #[cfg(test)]
    pub(super) fn leading(url: Url, target: Target) -> Self {
        Self {
            endpoints: vec![(url, target)],
        }
    }

    /// Where a request goes, if it may. A query is the request's own.
    fn target(&self, asked: &Url) -> Option<&Target> {
        let same = |known: &Url| {
            let bare = |url: &Url| {
                let mut url = url.clone();
                url.set_query(None);
                url.set_fragment(None);
                url
            };
            bare(known) == bare(asked)
        };
        let found = self.endpoints.iter().find(|(known, _)| same(known));
        found.map(|(_, target)| target)
    }
}

/// What a request came to.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{0} is no endpoint of this credential")]
    Forbidden(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0} did not answer within {PATIENCE:?}")]
    Silent(String),
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

    /// Sends a request, and waits for the whole answer.
    pub(super) async fn send(
        &self,
        url: &Url,
        mut request: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let origin = url.origin().ascii_serialization();
        let Some(target) = self.allowed.target(url) else {
            return Err(TransportError::Forbidden(origin));
        };
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().unwrap_or_default();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let headers = request.headers_mut();
        headers.remove(http::header::ACCEPT_ENCODING);
        if let Ok(host) = host.parse() {
            headers.insert(http::header::HOST, host);
        }
        tokio::time::timeout(PATIENCE, self.exchange(target, request))
            .await
            .map_err(|_| TransportError::Silent(origin))?
    }

    async fn exchange(
        &self,
        target: &Target,
        request: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let lost = |error: hyper::Error| {
            let reason = format!(
                "{} does not answer as it should: {error}",
                target.authority()
            );
            TransportError::Unreachable(reason)
        };
        let stream = dial(target, &self.network, &|_| {})
            .await
            .map_err(|error| TransportError::Unreachable(error.to_string()))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(lost)?;
        // Ended with this exchange, also when it is dropped half-way.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let answer = sender.send_request(request).await.map_err(lost)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| {
            let reason = format!("the answer of {} broke off: {error}", target.authority());
            TransportError::Unreachable(reason)
        })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.clone(),
            Body::SeekableStream(_) => {
                let message = "sign-in does not send streams";
                return Err(Error::with_message(ErrorKind::Other, message));
            }
        };
        let mut outgoing = http::Request::builder().method(request.method().as_ref());
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let outgoing = outgoing
            .body(Full::new(body))
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
                let name = HeaderName::from(name.as_str().to_owned());
                Some((name, HeaderValue::from(value.to_owned())))
            })
            .collect();
        let status = answer.status().as_u16().into();
        let body = answer.into_body();
        Ok(AsyncRawResponse::from_bytes(
            status,
            Headers::from(headers),
            body,
        ))
    }
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
    fn a_credential_reaches_its_own_endpoints_alone() {
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
    fn the_metadata_address_is_reached_by_who_is_meant_to_alone() {
        let metadata: Url = super::super::managed_identity::METADATA.parse().unwrap();
        let allowed = Allowed::machine(&metadata).unwrap();
        let mut asked = metadata.clone();
        asked.set_query(Some("api-version=2018-02-01&resource=x"));
        assert!(allowed.target(&asked).is_some());
        assert!(
            allowed
                .target(&"http://169.254.169.254/metadata/instance".parse().unwrap())
                .is_none()
        );
        assert!(Allowed::service([metadata]).is_err());
        assert!(Allowed::machine(&"http://metadata.example.test/".parse().unwrap()).is_err());
    }
}
