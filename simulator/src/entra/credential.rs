//! The credentials with which a client proves that it is the application.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::error::EntraError;
use super::form::Form;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The credential of a request. If it has both an assertion and a secret, the assertion is
/// used (unsourced).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential {
    None,
    Secret(String),
    Assertion(String),
}

/// The client id of a request, and its credential.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presented {
    pub(super) client: String,
    pub(super) credential: Credential,
}

impl Presented {
    /// Reads the form, or else the `Basic` header.
    pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, EntraError> {
        let basic = basic(headers);
        let (named, secret) = match &basic {
            Some((client, secret)) => (Some(client.as_str()), Some(secret.as_str())),
            None => (None, form.get("client_secret")),
        };
        let client = named
            .filter(|client| !client.is_empty())
            .or_else(|| form.get("client_id"))
            .ok_or(EntraError::MissingParameter("client_id"))?;
        let credential = match (form.get("client_assertion"), secret) {
            (Some(assertion), _) => {
                if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                    return Err(EntraError::AssertionType);
                }
                Credential::Assertion(assertion.to_owned())
            }
            (None, Some(secret)) if !secret.is_empty() => Credential::Secret(secret.to_owned()),
            _ => Credential::None,
        };
        Ok(Self {
            client: client.to_owned(),
            credential,
        })
    }

    /// Whether the client id is the application's. Ids may be in either case.
    pub(super) fn is(&self, application: Uuid, directory: Uuid) -> Result<(), EntraError> {
        if Uuid::try_parse(&self.client) == Ok(application) {
            return Ok(());
        }
        Err(EntraError::UnknownApplication {
            client: self.client.clone(),
            directory,
        })
    }
}

/// Client id and secret, each form-encoded before they are joined, as OAuth requires.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = joined.split_once(':')?;
    Some((decoded(client), decoded(secret)))
}

fn decoded(text: &str) -> String {
    // A single value has no unescaped `&` or `=`.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map(|(value, _)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn read(basic: Option<&str>, body: &str) -> Result<Presented, EntraError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(basic) = basic {
            let value = format!("Basic {}", STANDARD.encode(basic));
            if let Ok(value) = value.parse() {
                headers.insert(AUTHORIZATION, value);
            }
        }
        Presented::read(&headers, &Form::read(&headers, body.as_bytes())?)
    }

    #[test]
    fn a_secret_comes_in_the_form_or_in_the_header() {
        for (basic, body) in [
            (None, "client_id=a&client_secret=x%2B%26%3D%20y"),
            (Some("a:x%2B%26%3D+y"), ""),
            (Some("a:x%2B&=+y"), "client_id=a"),
            (Some(":x%2B%26%3D%20y"), "client_id=a"),
        ] {
            let expected = Presented {
                client: "a".to_owned(),
                credential: Credential::Secret("x+&= y".to_owned()),
            };
            assert_eq!(read(basic, body), Ok(expected), "{basic:?} {body}");
        }
    }

    #[test]
    fn an_assertion_needs_its_type() {
        let body = format!(
            "client_id=a&client_assertion=x.y.z&client_assertion_type={}",
            ASSERTION_TYPE.replace(':', "%3A")
        );
        let credential = read(None, &body).map(|presented| presented.credential);
        assert_eq!(credential, Ok(Credential::Assertion("x.y.z".to_owned())));
        for body in [
            "client_id=a&client_assertion=x.y.z",
            "client_id=a&client_assertion=x.y.z&client_assertion_type=jwt",
        ] {
            assert_eq!(read(None, body), Err(EntraError::AssertionType), "{body}");
        }
    }

    #[test]
    fn a_client_without_a_credential_is_public() {
        let presented = read(None, "client_id=a&client_secret=");
        let credential = presented.map(|presented| presented.credential);
        assert_eq!(credential, Ok(Credential::None));
        assert_eq!(
            read(None, ""),
            Err(EntraError::MissingParameter("client_id"))
        );
    }
}
