//! A bearer token. It cannot be printed: only egress reads it, and only to write the
//! `Authorization` header.

use std::{
    fmt,
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    redaction::redact,
    secret_file::{SecretFileError, read_secret},
};
use crate::encoding::text::{secret_text, trim_secret};

/// Longer than any token that Entra ID issues, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// The permission to offboard, an application's and a user's alike (Microsoft's
/// API documentation).
pub(crate) const OFFBOARD: &str = "Machine.Offboard";

/// A bearer token, zeroised when dropped.
#[derive(Clone)]
pub struct Token(SecretString);

/// Why a text is not a token. The error never holds any of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// The text is empty.
    #[error("the token is empty")]
    Empty,
    /// A character that is not allowed in bearer tokens.
    #[error(
        "the token has a character that is not allowed in bearer tokens; it may be a JSON \
         document, or begin with the word Bearer"
    )]
    Character,
    /// Longer than any token.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// The file cannot be read, or other users can also read it.
    #[error("the token file: {0}")]
    File(SecretFileError),
}

/// The claims of a token. They are for diagnostics, never for a decision: Entra ID
/// tells clients not to rely on them, and a token may not be decodable at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenClaims {
    /// `aud`: the audience; the first if there are several.
    pub audience: Option<String>,
    /// `tid`: the tenant.
    pub tenant: Option<String>,
    /// `appid` (version 1) or `azp` (version 2): the client id of the application that
    /// requested it.
    pub application: Option<String>,
    /// `roles`: the application permissions.
    pub roles: Vec<String>,
    /// `scp`: the delegated permissions, separated by spaces.
    pub scopes: Option<String>,
    /// `exp`: when it ends, in seconds since 1970.
    pub expires: Option<i64>,
    /// `upn` (version 1) or `preferred_username` (version 2): the name of the user of a delegated
    /// token.
    pub user: Option<String>,
    /// `oid`: the object id of the user of a delegated token. Unlike the name, it is never given
    /// to another user.
    pub user_id: Option<String>,
}

impl TokenClaims {
    /// Each claim is read by itself, so that one malformed claim does not hide the
    /// others.
    fn read(claims: &Map<String, Value>) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
            match claims.get(name) {
                Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
                Some(value) => text(value).into_iter().collect(),
                None => Vec::new(),
            }
        };
        let first = |name: &str| texts(name).into_iter().next();
        // Truncated to whole seconds; a JWT may have fractions.
        #[allow(clippy::cast_possible_truncation)]
        let seconds = |value: &Value| {
            value
                .as_i64()
                .or_else(|| value.as_f64().map(|at| at as i64))
        };
        let is_delegated = claims.contains_key("scp");
        let of_user = |names: &[&str]| {
            let names = names.iter().filter(|_| is_delegated);
            names.copied().find_map(first)
        };
        Self {
            audience: first("aud"),
            tenant: first("tid"),
            application: first("appid").or_else(|| first("azp")),
            roles: texts("roles"),
            scopes: is_delegated.then(|| texts("scp").join(" ")),
            expires: claims.get("exp").and_then(seconds),
            user: of_user(&["upn", "preferred_username", "unique_name"]),
            user_id: of_user(&["oid"]),
        }
    }

    /// All permissions, of an application or of a user.
    #[must_use]
    pub fn permissions(&self) -> Vec<String> {
        let scopes = self
            .scopes
            .iter()
            .flat_map(|scopes| scopes.split_whitespace());
        let mut permissions = self.roles.clone();
        permissions.extend(scopes.map(ToOwned::to_owned));
        permissions
    }

    /// Whether a permission allows offboarding.
    #[must_use]
    pub fn may_offboard(&self) -> bool {
        self.permissions().iter().any(|held| held == OFFBOARD)
    }

    /// Whether a permission allows reading machines and actions.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.permissions().iter().any(|held| {
            matches!(
                held.as_str(),
                "Machine.Read.All" | "Machine.ReadWrite.All" | "Machine.Read" | "Machine.ReadWrite"
            )
        })
    }

    /// Whether a permission allows tagging machines.
    #[must_use]
    pub fn may_tag(&self) -> bool {
        self.permissions()
            .iter()
            .any(|held| matches!(held.as_str(), "Machine.ReadWrite.All" | "Machine.ReadWrite"))
    }

    /// The time since the token expired, by this computer's clock; `None` if it has not.
    #[must_use]
    pub fn ended(&self) -> Option<Duration> {
        let end = Duration::from_secs(u64::try_from(self.expires?).ok()?);
        let end = SystemTime::UNIX_EPOCH.checked_add(end)?;
        SystemTime::now().duration_since(end).ok()
    }

    /// Whether the token is delegated. Then the user's role and device groups also limit it.
    #[must_use]
    pub fn is_delegated(&self) -> bool {
        self.scopes.is_some()
    }
}

impl Token {
    /// Parses a token. White space at both ends is removed, as of every secret.
    ///
    /// # Errors
    /// It is empty, too long, or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = trim_secret(text);
        if text.is_empty() {
            Err(InvalidToken::Empty)
        } else if text.len() as u64 > MAX_TOKEN {
            Err(InvalidToken::TooLong)
        } else if !text.bytes().all(is_token_byte) {
            Err(InvalidToken::Character)
        } else {
            Ok(Self(SecretString::from(text)))
        }
    }

    /// Reads a token from a file that no other user can read.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or its content is not a token.
    pub fn from_file(path: &Path) -> Result<Self, InvalidToken> {
        let bytes = read_secret(path, MAX_TOKEN).map_err(InvalidToken::File)?;
        let text = secret_text(bytes.expose_secret()).map_err(|_| InvalidToken::Character)?;
        Self::new(text.expose_secret())
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, InvalidToken> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.expose_secret()))
            .map_err(|_| InvalidToken::Character)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether both are the same token.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }

    /// Whether these bytes contain the token.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, self.0.expose_secret().as_bytes()).is_some()
    }

    /// Removes the token from an answer that echoes it.
    pub(crate) fn redact(&self, bytes: Vec<u8>) -> Vec<u8> {
        redact(bytes, self.0.expose_secret().as_bytes())
    }

    /// The token's claims; `None` if they cannot be decoded.
    #[must_use]
    pub fn claims(&self) -> Option<TokenClaims> {
        let payload = self.0.expose_secret().split('.').nth(1)?;
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(payload.trim_end_matches('='))
            .ok()?;
        match serde_json::from_slice(&json).ok()? {
            Value::Object(claims) => Some(TokenClaims::read(&claims)),
            _ => None,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token([redacted])")
    }
}

/// RFC 6750, `b64token`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::new("abc.def.ghi").unwrap();
        assert_eq!(format!("{token:?}"), "Token([redacted])");
        assert!(!format!("{:?}", token.authorization().unwrap()).contains("abc"));
    }

    #[test]
    fn invalid_tokens_are_refused_and_not_shown() {
        for text in [
            "",
            "  \n",
            "abc def",
            "{\"access_token\": \"abc\"}",
            "abc\r\nX: y",
            "é",
        ] {
            let error = Token::new(text).unwrap_err().to_string();
            assert!(!error.contains("abc"), "{error}");
        }
    }

    #[test]
    fn malformed_claims_are_ignored_individually() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"aud":"a","roles":["Machine.Offboard"]}"#);
        let claims = Token::new(&format!("h.{payload}.s"))
            .unwrap()
            .claims()
            .unwrap();
        assert_eq!(claims.roles, ["Machine.Offboard"]);
        assert_eq!(Token::new("opaque").unwrap().claims(), None);
    }

    #[test]
    fn the_user_is_read_from_a_delegated_token() {
        let claims = |json: &str| {
            let payload = BASE64_URL_SAFE_NO_PAD.encode(json);
            let token = Token::new(&format!("h.{payload}.s")).unwrap();
            token.claims().unwrap()
        };
        for user in [
            r#""upn":"ada@a.test""#,
            r#""preferred_username":"ada@a.test""#,
            r#""upn":7,"unique_name":"ada@a.test""#,
        ] {
            let delegated = claims(&format!(r#"{{"scp":"x","oid":"1",{user}}}"#));
            assert_eq!(delegated.user.as_deref(), Some("ada@a.test"), "{user}");
            assert_eq!(delegated.user_id.as_deref(), Some("1"));
        }
        // The object id of an application's token is the one of its service principal.
        let application = claims(r#"{"roles":["x"],"oid":"1","upn":"ada@a.test"}"#);
        assert_eq!((application.user, application.user_id), (None, None));
    }
}
