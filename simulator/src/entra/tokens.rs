//! Bearer tokens: issuing and checking.
//!
//! They have the format and the claims of Entra ID's version 1.0 tokens for the service, but
//! the key that signs them is created at each start. So a real token is not accepted here, and
//! a simulated one is not accepted elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::{KeyError, SigningKey};
use super::object_id::object_id;
use super::request::{Proof, TokenRequest};
use super::resource::is_accepted;
use crate::config::Config;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app_displayname: Option<String>,
    appid: String,
    appidacr: String,
    idtyp: String,
    oid: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scp: Option<String>,
    sub: Uuid,
    tid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upn: Option<String>,
    /// Begins with the generation, which is used to revoke tokens.
    uti: String,
    ver: String,
}

/// The claims of an id token, which is only for the client.
#[derive(Debug, Serialize)]
struct IdClaims<'a> {
    aud: Uuid,
    iss: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    name: &'a str,
    oid: Uuid,
    preferred_username: &'a str,
    sub: Uuid,
    tid: Uuid,
    ver: &'static str,
}

/// The caller, according to a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    /// The name that an action shows as its `requestor`.
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
}

/// The permissions of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permissions {
    Application(Vec<String>),
    Delegated(Vec<String>),
}

/// Why a token is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token's signature is invalid")]
    Signature,
    #[error("the token's issuer is '{0}', which isn't trusted")]
    Issuer(String),
    #[error("the token's tenant '{0}' isn't this one")]
    Tenant(String),
    #[error("the token isn't valid yet")]
    Early,
    #[error("the token has expired")]
    Expired,
    #[error("the token has been revoked")]
    Revoked,
    #[error("the token's audience is '{0}', which isn't this API's")]
    Audience(String),
}

/// The name in the certificate of the key.
const NAME: &str = "Entra ID, simulated";

/// Signs and checks tokens with one key.
pub(crate) struct Tokens {
    key: SigningKey,
    generation: AtomicU64,
    defaults: Config,
}

impl Tokens {
    pub(crate) fn new(defaults: Config) -> Result<Self, KeyError> {
        Ok(Self {
            key: match &defaults.signing_key {
                Some(pem) => SigningKey::from_pem(NAME, pem)?,
                None => SigningKey::generate(NAME)?,
            },
            generation: AtomicU64::new(0),
            defaults,
        })
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The lifetime of a token, in seconds.
    pub(crate) fn lifetime(&self) -> i64 {
        i64::try_from(self.defaults.token_lifetime.as_secs()).unwrap_or(i64::MAX)
    }

    /// The lifetime that a client is given, which is never too long: the token's own times are
    /// whole seconds, and have already begun. Entra ID returns 3599 for an hour.
    pub(crate) fn promised(&self) -> i64 {
        self.lifetime().saturating_sub(1)
    }

    /// Rejects all tokens that were issued until now.
    pub(crate) fn revoke_all(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn issue(&self, request: TokenRequest, now: Timestamp) -> String {
        let defaults = &self.defaults;
        let delegated = request.scopes.is_some();
        let tenant = request.tenant.unwrap_or(defaults.tenant);
        let client = request.client_id.unwrap_or(defaults.client_id);
        let user = delegated.then(|| request.user.unwrap_or_else(|| defaults.user.clone()));
        let (oid, sub) = match &user {
            Some(user) => (object_id(user), object_id(&format!("{user} {client}"))),
            None => [object_id(&client.to_string()); 2].into(),
        };
        let issued = now.as_second();
        let lifetime = request.lifetime.unwrap_or_else(|| self.lifetime());
        let exp = issued.saturating_add(lifetime);
        let default_roles = || {
            if delegated {
                Vec::new()
            } else {
                defaults.roles.clone()
            }
        };
        let claims = Claims {
            aud: request
                .audience
                .unwrap_or_else(|| defaults.audience.clone()),
            iss: issuer(tenant),
            iat: issued.min(exp),
            nbf: issued.min(exp),
            exp,
            app_displayname: Some(
                request
                    .app_name
                    .unwrap_or_else(|| defaults.app_name.clone()),
            ),
            appid: client.to_string(),
            appidacr: request.proof.unwrap_or(Proof::Secret).claim().to_owned(),
            idtyp: if delegated { "user" } else { "app" }.to_owned(),
            oid,
            roles: request.roles.unwrap_or_else(default_roles),
            scp: request.scopes.map(|scopes| scopes.join(" ")),
            sub,
            tid: tenant.to_string(),
            upn: user,
            uti: format!(
                "{}-{}",
                self.generation.load(Ordering::Relaxed),
                Uuid::new_v4().simple()
            ),
            ver: "1.0".to_owned(),
        };
        self.key.sign(&claims)
    }

    /// An id token, which tells the client about the user.
    pub(crate) fn issue_id(&self, user: &str, issuer: &str, now: Timestamp) -> String {
        let (client, issued) = (self.defaults.client_id, now.as_second());
        self.key.sign(&IdClaims {
            aud: client,
            iss: issuer,
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add(self.lifetime()),
            name: user,
            oid: object_id(user),
            preferred_username: user,
            sub: object_id(&format!("{user} {client}")),
            tid: self.defaults.tenant,
            ver: "2.0",
        })
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let claims: Claims = self.key.verify(token).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Signature,
            _ => TokenError::Malformed,
        })?;
        if claims.tid != self.defaults.tenant.to_string() {
            return Err(TokenError::Tenant(claims.tid));
        }
        if claims.iss != issuer(self.defaults.tenant) {
            return Err(TokenError::Issuer(claims.iss));
        }
        if now.as_second() < claims.nbf {
            return Err(TokenError::Early);
        }
        if now.as_second() >= claims.exp {
            return Err(TokenError::Expired);
        }
        let generation = claims.uti.split('-').next().map(str::parse);
        if generation != Some(Ok(self.generation.load(Ordering::Relaxed))) {
            return Err(TokenError::Revoked);
        }
        if !self.accepts(&claims.aud) {
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

    /// Whether the API accepts this resource as its own.
    pub(crate) fn accepts(&self, resource: &str) -> bool {
        is_accepted(&self.defaults.accept_resources, resource)
    }
}

/// The issuer in Entra ID's tokens of version 1.0.
pub(super) fn issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
