//! The assertions with which an application signs in without a secret: signed with its
//! certificate, or issued by an identity provider that it trusts.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, decode_header};
use serde::Deserialize;
use uuid::Uuid;

use super::application::Application;
use super::error::{EntraError, clock_text};
use super::key::signed;

/// The accepted difference between clocks, in seconds. Unsourced: Entra ID's own libraries use
/// five minutes.
const TOLERANCE: i64 = 300;

/// The longest lifetime of an assertion, in seconds. Microsoft's documentation recommends five
/// to ten minutes; the true limit is unsourced, and real clients stay within a day.
const LONGEST: i64 = 24 * 60 * 60;

/// The claims of an assertion that are used.
#[derive(Debug, Deserialize)]
pub(super) struct Assertion {
    #[serde(default)]
    pub(super) aud: String,
    #[serde(default)]
    pub(super) iss: String,
    #[serde(default)]
    pub(super) sub: String,
    exp: Seconds,
    nbf: Option<Seconds>,
    iat: Option<Seconds>,
    jti: Option<String>,
}

/// A time, which some clients write with a fraction.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(from = "f64")]
struct Seconds(i64);

impl From<f64> for Seconds {
    fn from(seconds: f64) -> Self {
        // The conversion saturates at the limits of the range.
        Self(seconds.floor() as i64)
    }
}

impl Assertion {
    /// Checks that `now` is within its lifetime, with the tolerance.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), EntraError> {
        let second = now.as_second();
        let from = self.nbf.or(self.iat).map_or(second, |Seconds(from)| from);
        let Seconds(exp) = self.exp;
        let late = second >= exp.saturating_add(TOLERANCE);
        let early = second.saturating_add(TOLERANCE) < from;
        let too_long = exp.saturating_sub(from) > LONGEST;
        if late || early || too_long {
            let expiry = Timestamp::from_second(exp).unwrap_or(Timestamp::MAX);
            return Err(EntraError::AssertionTime {
                now: clock_text(now),
                expiry: clock_text(expiry),
            });
        }
        Ok(())
    }
}

/// Whether an unchecked assertion names another identity provider as its issuer.
/// An application is an issuer by its id, an identity provider by a URL.
pub(super) fn is_federated(text: &str) -> Result<bool, EntraError> {
    let claimed: Assertion =
        insecure_decode_claims(text).map_err(|_| EntraError::MalformedAssertion)?;
    Ok(claimed.iss.contains("://"))
}

/// Checks an assertion that names one of the application's certificates. `audiences` are the
/// token URLs for which it may be issued.
///
/// Unsourced: the order of the checks.
pub(super) fn check(
    application: &Application,
    client: Uuid,
    text: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<(), EntraError> {
    let header = decode_header(text).map_err(|_| EntraError::MalformedAssertion)?;
    let allowed = [Algorithm::PS256, Algorithm::RS256];
    let assertion: Assertion = application
        .with_certificate(&header, |certificate| {
            signed(text, &certificate.key, &allowed)
        })
        .ok_or(EntraError::UnknownCertificate)?
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => {
                EntraError::AssertionSignature
            }
            _ => EntraError::MalformedAssertion,
        })?;
    let client = client.to_string();
    if [&assertion.iss, &assertion.sub].map(|who| who.to_ascii_lowercase()) != [&*client; 2] {
        return Err(EntraError::AssertionClient);
    }
    if !audiences.contains(&assertion.aud) {
        return Err(EntraError::AssertionAudience(assertion.aud));
    }
    assertion.check_time(now)?;
    let id = assertion
        .jti
        .as_deref()
        .ok_or(EntraError::MalformedAssertion)?;
    let Seconds(exp) = assertion.exp;
    application.use_assertion(id, exp.saturating_add(TOLERANCE), now.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_valid_from_its_beginning_to_its_end() {
        let now = Timestamp::UNIX_EPOCH;
        for (nbf, exp, accepted) in [
            (Some(0), 600, true),
            (None, 600, true),
            (Some(300), 600, true),
            (Some(301), 600, false),
            (Some(-600), -299, true),
            (Some(-600), -300, false),
            (Some(0), LONGEST, true),
            (Some(0), LONGEST + 1, false),
            (None, i64::MAX, false),
        ] {
            let assertion = Assertion {
                aud: String::new(),
                iss: String::new(),
                sub: String::new(),
                exp: Seconds(exp),
                nbf: nbf.map(Seconds),
                iat: None,
                jti: None,
            };
            assert_eq!(assertion.check_time(now).is_ok(), accepted, "{nbf:?} {exp}");
        }
    }

    #[test]
    fn times_may_have_a_fraction() {
        let read = |text: &str| {
            serde_json::from_str::<Seconds>(text)
                .ok()
                .map(|time| time.0)
        };
        assert_eq!(read("1795531713.84"), Some(1_795_531_713));
        assert_eq!(read("1795531713"), Some(1_795_531_713));
        assert_eq!(read("\"1795531713\""), None);
    }
}
