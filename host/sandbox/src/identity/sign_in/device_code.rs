//! Device code sign-in (RFC 8628): the user types a code into a browser on any device. The
//! token is a delegated one. Its refresh token is kept only in memory, for the lifetime of the
//! credential.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use azure_core::http::Url;
use bytes::Bytes;
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, DeviceAuthorizationUrl, DeviceCodeErrorResponseType,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl, basic::BasicClient,
    basic::BasicTokenResponse,
};

use super::{
    RETRY_PAUSES,
    app::{App, endpoint, token_endpoint},
    failure::{self, is_busy},
    transport::{Allowed, Client, TransportError},
};
use crate::identity::{
    sign_in_error::SignInError,
    source::Fetched,
    token::{OFFBOARD, Token},
};

/// The permission to read. Without it, machines cannot be looked up and actions cannot
/// be tracked.
const READ_PERMISSION: &str = "Machine.Read";

/// Requests a refresh token as well.
const OFFLINE_ACCESS: &str = "offline_access";

/// The shortest and the longest interval between two polls.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time to wait for the user, regardless of what the authority allows.
const MAX_CODE_WAIT: Duration = Duration::from_secs(30 * 60);

/// The longest code and URL that are shown, in characters.
const MAX_CODE: usize = 32;
const MAX_URL: usize = 200;

/// Assumed lifetime of a token without an expiry.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A callback that shows a URL and a code.
type Show = dyn Fn(&str, &str) + Send + Sync;

/// Shows the user a URL and a code. It is called from the task of a sign-in. It also keeps the
/// refresh token of the last sign-in.
#[derive(Clone)]
pub struct Prompt {
    show: Arc<Show>,
    refresh: Arc<Mutex<Option<RefreshToken>>>,
}

impl Prompt {
    /// A prompt that calls this function with the URL and the code.
    pub fn new(show: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        Self {
            show: Arc::new(show),
            refresh: Arc::default(),
        }
    }

    fn refresh_token(&self) -> Option<RefreshToken> {
        let held = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    fn keep(&self, token: Option<RefreshToken>) {
        *self.refresh.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Prompt").finish_non_exhaustive()
    }
}

type Oauth = BasicClient<EndpointNotSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// One sign-in of a user.
pub struct DeviceCode {
    oauth: Oauth,
    scopes: Vec<Scope>,
    device: Url,
    token: Url,
}

impl DeviceCode {
    pub(super) fn new(authority: &Url, app: &App, resource: &str) -> Result<Self, SignInError> {
        let device = endpoint(authority, app, "devicecode")?;
        let token = token_endpoint(authority, app)?;
        let oauth = BasicClient::new(ClientId::new(app.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_device_authorization_url(DeviceAuthorizationUrl::from_url(device.clone()))
            .set_token_uri(TokenUrl::from_url(token.clone()));
        let resource = resource.trim_end_matches('/');
        let scope = |permission: &str| Scope::new(format!("{resource}/{permission}"));
        Ok(Self {
            oauth,
            scopes: vec![
                scope(OFFBOARD),
                scope(READ_PERMISSION),
                Scope::new(OFFLINE_ACCESS.to_owned()),
            ],
            device,
            token,
        })
    }

    pub(super) fn endpoints(&self) -> Result<Allowed, SignInError> {
        Allowed::service([self.device.clone(), self.token.clone()])
    }

    pub(super) async fn fetch(
        &self,
        client: &Client,
        prompt: &Prompt,
    ) -> Result<Fetched, SignInError> {
        if let Some(refresh) = prompt.refresh_token() {
            let answer = self
                .oauth
                .exchange_refresh_token(&refresh)
                .request_async(client)
                .await;
            match answer {
                Ok(answer) => return take(answer, prompt, Some(refresh)),
                Err(RequestTokenError::Request(error)) => return Err((&error).into()),
                // The refresh token was revoked or has expired: the user has to sign in
                // again.
                Err(_) => prompt.keep(None),
            }
        }
        let code: StandardDeviceAuthorizationResponse = self
            .oauth
            .exchange_device_code()
            .add_scopes(self.scopes.iter().cloned())
            .request_async(client)
            .await
            .map_err(explain)?;
        let (url, typed) = (code.verification_uri().as_str(), code.user_code().secret());
        if !is_shown(url, typed) {
            let message = "the authority returned an unsafe address or code, which is not shown";
            return Err(SignInError::Unreadable(message.to_owned()));
        }
        (prompt.show)(url, typed);
        let pause = |interval: Duration| {
            tokio::time::sleep(interval.clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL))
        };
        let life = code.expires_in().min(MAX_CODE_WAIT);
        let answer = self
            .oauth
            .exchange_device_access_token(&code)
            .request_async(client, pause, Some(life))
            .await
            .map_err(explain_code)?;
        take(answer, prompt, None)
    }
}

/// Whether the URL and the code may be shown: an `https` URL, and a code that can be typed.
/// The authority may be malicious.
fn is_shown(url: &str, code: &str) -> bool {
    let plain = |text: &str, more: &[u8]| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let is_code = (1..=MAX_CODE).contains(&code.len()) && plain(code, b"-");
    url.starts_with("https://") && url.len() <= MAX_URL && plain(url, b"-._~:/?=&%#") && is_code
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeviceCode").finish_non_exhaustive()
    }
}

impl<'c> AsyncHttpClient<'c> for Client {
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(self, request))
    }
}

async fn send(client: &Client, request: HttpRequest) -> Result<HttpResponse, TransportError> {
    let (head, body) = request.into_parts();
    let url = head.uri.to_string();
    let url: Url = url.parse().map_err(|_| TransportError::Forbidden(url))?;
    let request = http::Request::from_parts(head, Bytes::from(body));
    // The library does not try again, and the user would have to enter another code.
    let mut pauses = RETRY_PAUSES.into_iter();
    loop {
        let answer = client.send(&url, request.clone()).await?;
        let status = answer.status();
        match pauses.next() {
            Some(pause) if is_busy(status.as_u16()) => tokio::time::sleep(pause).await,
            None if is_busy(status.as_u16()) => {
                let origin = url.origin().ascii_serialization();
                return Err(TransportError::Unavailable(origin, status));
            }
            _ => return Ok(answer.map(|body| body.to_vec())),
        }
    }
}

fn take(
    answer: BasicTokenResponse,
    prompt: &Prompt,
    before: Option<RefreshToken>,
) -> Result<Fetched, SignInError> {
    prompt.keep(answer.refresh_token().cloned().or(before));
    let token = Token::new(answer.access_token().secret())
        .map_err(|error| SignInError::Unreadable(error.to_string()))?;
    let life = answer.expires_in().unwrap_or(DEFAULT_LIFETIME);
    Ok(Fetched {
        token,
        expires: SystemTime::now().checked_add(life),
    })
}

fn explain<T: oauth2::ErrorResponse>(error: RequestTokenError<TransportError, T>) -> SignInError {
    match error {
        RequestTokenError::Request(error) => (&error).into(),
        RequestTokenError::ServerResponse(answer) => failure::refused(&answer.to_string()),
        RequestTokenError::Parse(..) => SignInError::Unreadable(failure::UNREADABLE.to_owned()),
        RequestTokenError::Other(reason) => SignInError::Setup(reason),
    }
}

fn explain_code(
    error: RequestTokenError<TransportError, oauth2::DeviceCodeErrorResponse>,
) -> SignInError {
    let RequestTokenError::ServerResponse(answer) = &error else {
        return explain(error);
    };
    match answer.error() {
        DeviceCodeErrorResponseType::ExpiredToken => SignInError::Refused {
            codes: Vec::new(),
            message: "the code was not entered in time".to_owned(),
        },
        _ => failure::refused(&answer.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_and_typable_codes_are_shown() {
        let url = "https://microsoft.com/devicelogin";
        assert!(is_shown(url, "ABCD-EFGH"));
        assert!(is_shown("https://127.0.0.1:8443/devicelogin", "ABCDEFGHJ"));
        for (url, code) in [
            ("javascript:alert(1)", "ABCDEFGHJ"),
            ("http://microsoft.com/devicelogin", "ABCDEFGHJ"),
            (&format!("https://{}", "x".repeat(MAX_URL)), "ABCDEFGHJ"),
            ("https://a.test/\nerror: type your password at", "ABCDEFGHJ"),
            (url, "A\nerror: your session ended"),
            (url, "A\u{200b}B"),
            (url, ""),
            (url, &"A".repeat(MAX_CODE + 1)),
        ] {
            assert!(!is_shown(url, code), "{url} {code}");
        }
    }
}
