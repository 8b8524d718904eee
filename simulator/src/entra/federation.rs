//! Another identity provider, and the application's trust in it.
//!
//! Its key is created on first use: most runs do not need it.

use std::sync::OnceLock;

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::Assertion;
use super::error::EntraError;
use super::key::{KeyError, SigningKey};

/// The subject that the application trusts.
const SUBJECT: &str = "repo:contoso/offboard:environment:simulator";

/// The required audience of assertions, in every cloud except the sovereign ones.
const TOKEN_EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// The lifetime of an assertion of this provider, in seconds.
const ASSERTION_SECONDS: i64 = 600;

/// The claims of an assertion of the other provider. `None` selects the value that the
/// application's registration requires.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FederatedRequest {
    /// The issuer.
    pub issuer: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The audience.
    pub audience: Option<String>,
}

pub(crate) struct Federation {
    issuer: String,
    key: OnceLock<Option<SigningKey>>,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    aud: &'a str,
    exp: i64,
    iat: i64,
    iss: &'a str,
    jti: Uuid,
    nbf: i64,
    sub: &'a str,
}

impl Federation {
    pub(super) fn new(origin: &str) -> Self {
        Self {
            issuer: format!("{origin}/federation"),
            key: OnceLock::new(),
        }
    }

    /// A failure is kept: it would occur again.
    fn key(&self) -> Option<&SigningKey> {
        let make = || SigningKey::generate("Somebody else's provider, simulated").ok();
        self.key.get_or_init(make).as_ref()
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A new assertion, with which the application can sign in.
    pub(crate) fn assertion(
        &self,
        request: &FederatedRequest,
        now: Timestamp,
    ) -> Result<String, KeyError> {
        let key = self.key().ok_or(rcgen::Error::KeyGenerationUnavailable)?;
        let issued = now.as_second();
        Ok(key.sign(&AssertionClaims {
            aud: request
                .audience
                .as_deref()
                .unwrap_or(TOKEN_EXCHANGE_AUDIENCE),
            exp: issued.saturating_add(ASSERTION_SECONDS),
            iat: issued,
            iss: request.issuer.as_deref().unwrap_or(&self.issuer),
            jti: Uuid::new_v4(),
            nbf: issued,
            sub: request.subject.as_deref().unwrap_or(SUBJECT),
        }))
    }

    /// Issuer, subject and audience must match exactly.
    pub(super) fn check(&self, text: &str, now: Timestamp) -> Result<(), EntraError> {
        let key = self.key().ok_or(EntraError::Internal)?;
        let claimed: Assertion =
            insecure_decode_claims(text).map_err(|_| EntraError::MalformedAssertion)?;
        // The issuer comes first: it determines the key.
        if claimed.iss != self.issuer {
            return Err(EntraError::FederatedIssuer(claimed.iss));
        }
        let assertion: Assertion = key
            .verify(text)
            .map_err(|_| EntraError::AssertionSignature)?;
        if assertion.sub != SUBJECT {
            return Err(EntraError::FederatedSubject(assertion.sub));
        }
        if assertion.aud != TOKEN_EXCHANGE_AUDIENCE {
            return Err(EntraError::FederatedAudience(assertion.aud));
        }
        assertion.check_time(now)
    }

    pub(super) fn configuration(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{}/keys", self.issuer),
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }

    pub(super) fn keys(&self) -> Value {
        let keys: Vec<Value> = self
            .key()
            .map(|key| key.published(&self.issuer))
            .into_iter()
            .collect();
        json!({ "keys": keys })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_ends_with_its_time() {
        let federation = Federation::new("http://127.0.0.1:1");
        let now = Timestamp::UNIX_EPOCH;
        let text = federation
            .assertion(&FederatedRequest::default(), now)
            .unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(federation.check(&text, at(0)), Ok(()));
        for second in [-3600, 3600] {
            assert!(matches!(
                federation.check(&text, at(second)),
                Err(EntraError::AssertionTime { .. })
            ));
        }
    }
}
