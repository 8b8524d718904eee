//! Bearer tokens: their making and their checking.
//!
//! They have the shape and the claims of Entra ID's version 1.0 tokens for the
//! service, but are signed with a key that is made at each start. So a real
//! token is worth nothing here, and one from here nothing anywhere else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::config::Config;

/// The audience that the service accepts, with or without a slash at its end.
pub(crate) const AUDIENCE: &str = "https://api.securitycenter.microsoft.com";

/// What a token says. What is `None` is as in the ready token.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TokenRequest {
    /// Application roles. Without any, the claim is left out, as Entra ID does
    /// for an application without consent.
    pub roles: Option<Vec<String>>,
    /// Delegated permissions: makes it a user's token, which has no roles
    /// unless they are given too.
    pub scopes: Option<Vec<String>>,
    /// The user of a delegated token, which is what actions show as their
    /// `requestor`.
    pub user: Option<String>,
    /// The audience.
    pub audience: Option<String>,
    /// The tenant.
    pub tenant: Option<Uuid>,
    /// The client id.
    pub client_id: Option<Uuid>,
    /// The application's display name.
    pub app_name: Option<String>,
    /// How long it is valid, in seconds from now; below zero it has expired.
    pub lifetime: Option<i64>,
}

impl TokenRequest {
    /// Sets [`roles`](Self::roles).
    #[must_use]
    pub fn roles<const N: usize>(mut self, roles: [&str; N]) -> Self {
        self.roles = Some(roles.map(String::from).to_vec());
        self
    }

    /// Sets [`scopes`](Self::scopes).
    #[must_use]
    pub fn scopes<const N: usize>(mut self, scopes: [&str; N]) -> Self {
        self.scopes = Some(scopes.map(String::from).to_vec());
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets [`app_name`](Self::app_name).
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// Sets [`audience`](Self::audience).
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets [`tenant`](Self::tenant).
    #[must_use]
    pub fn tenant(mut self, tenant: Uuid) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Sets [`client_id`](Self::client_id).
    #[must_use]
    pub fn client_id(mut self, client_id: Uuid) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = Some(seconds);
        self
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    typ: String,
    alg: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_displayname: Option<String>,
    appid: String,
    #[serde(default)]
    appidacr: String,
    #[serde(default)]
    idtyp: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scp: Option<String>,
    tid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upn: Option<String>,
    #[serde(default)]
    ver: String,
}

/// Who calls, as a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    /// What an action shows as its `requestor`.
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permissions {
    Application(Vec<String>),
    Delegated(Vec<String>),
}

/// Why a token isn't accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token's signature is invalid")]
    Signature,
    #[error("the token isn't valid yet")]
    Early,
    #[error("the token has expired")]
    Expired,
    #[error("the token's audience is '{0}', which isn't this API's")]
    Audience(String),
}

/// Signs and checks tokens with one key.
pub(crate) struct TokenAuthority {
    key: [u8; 64],
    defaults: Config,
}

impl TokenAuthority {
    pub(crate) fn new(defaults: Config) -> Self {
        // Random UUIDs come from the operating system's generator, and four of
        // them fill one block of the hash.
        let mut key = [0; 64];
        for part in key.chunks_exact_mut(16) {
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        Self { key, defaults }
    }

    pub(crate) fn issue(&self, request: TokenRequest, now: Timestamp) -> String {
        let defaults = &self.defaults;
        let delegated = request.scopes.is_some();
        let tenant = request.tenant.unwrap_or(defaults.tenant).to_string();
        let default_lifetime = i64::try_from(defaults.token_lifetime.as_secs()).unwrap_or(i64::MAX);
        let issued = now.as_second();
        let exp = issued.saturating_add(request.lifetime.unwrap_or(default_lifetime));
        let claims = Claims {
            aud: request
                .audience
                .unwrap_or_else(|| defaults.audience.clone()),
            iss: format!("https://sts.windows.net/{tenant}/"),
            iat: issued.min(exp),
            nbf: issued.min(exp),
            exp,
            app_displayname: Some(
                request
                    .app_name
                    .unwrap_or_else(|| defaults.app_name.clone()),
            ),
            appid: request.client_id.unwrap_or(defaults.client_id).to_string(),
            appidacr: "1".to_owned(),
            idtyp: if delegated { "user" } else { "app" }.to_owned(),
            roles: request.roles.unwrap_or_else(|| {
                if delegated {
                    Vec::new()
                } else {
                    defaults.roles.clone()
                }
            }),
            scp: request.scopes.map(|scopes| scopes.join(" ")),
            upn: delegated.then(|| {
                request
                    .user
                    .unwrap_or_else(|| "analyst@contoso.test".to_owned())
            }),
            tid: tenant,
            ver: "1.0".to_owned(),
        };
        let header = Header {
            typ: "JWT".to_owned(),
            alg: "HS256".to_owned(),
        };
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.mac(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = decode(header).ok_or(TokenError::Malformed)?;
        if header.alg != "HS256" {
            return Err(TokenError::Signature);
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenError::Malformed)?;
        self.mac(signed)
            .verify_slice(&signature)
            .map_err(|_| TokenError::Signature)?;

        let claims: Claims = decode(payload).ok_or(TokenError::Malformed)?;
        if now.as_second() < claims.nbf {
            return Err(TokenError::Early);
        }
        if now.as_second() >= claims.exp {
            return Err(TokenError::Expired);
        }
        if claims.aud.strip_suffix('/').unwrap_or(&claims.aud) != AUDIENCE {
            return Err(TokenError::Audience(claims.aud));
        }
        let app = claims
            .app_displayname
            .unwrap_or_else(|| claims.appid.clone());
        let (name, permissions) = match claims.scp {
            Some(scopes) => (
                claims.upn.unwrap_or(app),
                Permissions::Delegated(scopes.split_whitespace().map(String::from).collect()),
            ),
            None => (app, Permissions::Application(claims.roles)),
        };
        Ok(Caller {
            tenant: claims.tid,
            client_id: claims.appid,
            name,
            permissions,
        })
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&self.key).into());
        mac.update(signed.as_bytes());
        mac
    }
}

fn encode(part: &impl Serialize) -> String {
    // Structs of texts and numbers always serialize.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap_or_default())
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
