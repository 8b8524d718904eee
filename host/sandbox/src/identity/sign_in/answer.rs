//! An adapter between authorities and the libraries of sign-in. Endpoints write the members of
//! an answer in different forms, and leave some out; each library expects one form.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::identity::{
    expiry::{Times, seconds},
    token::Token,
};

/// Assumed lifetime of a token whose expiry is unknown.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Assumed lifetime of a device code, in seconds.
const CODE_LIFETIME: i64 = 15 * 60;

/// Why an answer has no token. The error never holds a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAnswer {
    /// A required member is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A member has another type.
    #[error("its {name} is {found}")]
    Type {
        name: &'static str,
        found: &'static str,
    },
    /// The token has a character that no token has, or is too long.
    #[error("its access token is not a token")]
    Token,
}

/// Rewrites an answer with a token or a device code in the form that the libraries expect. Any
/// other answer stays as it is.
///
/// # Errors
/// An answer without a token.
pub(super) fn adapt(body: &[u8]) -> Result<Vec<u8>, BadAnswer> {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else {
        // The library reports an error for such an answer.
        return Ok(body.to_vec());
    };
    if answer.contains_key("device_code") {
        adapt_code(&mut answer);
    } else {
        adapt_token(&mut answer)?;
    }
    Ok(Value::Object(answer).to_string().into_bytes())
}

/// Replaces an error that is not JSON, such as the page of a proxy, by one that the libraries can
/// read: otherwise, they report only that they cannot read it, and not its status.
pub(super) fn adapt_error(status: StatusCode, body: Bytes) -> Bytes {
    let is_json = serde_json::from_slice::<Map<String, Value>>(&body).is_ok();
    if is_json {
        return body;
    }
    let description = format!("the answer is {status}, and is not an error of Entra ID");
    let error = json!({"error": "unknown", "error_description": description});
    error.to_string().into()
}

/// Rewrites the times of a device code.
fn adapt_code(answer: &mut Map<String, Value>) {
    let life = answer.get("expires_in").and_then(seconds);
    let life = life.filter(|life| *life > 0).unwrap_or(CODE_LIFETIME);
    answer.insert("expires_in".to_owned(), json!(life));
    match answer.get("interval").and_then(seconds) {
        Some(interval) => answer.insert("interval".to_owned(), json!(interval.max(0))),
        // The standard has a default.
        None => answer.remove("interval"),
    };
}

/// Rewrites an answer with a token. The members of both generations of answers are written.
fn adapt_token(answer: &mut Map<String, Value>) -> Result<(), BadAnswer> {
    const NAMES: [&str; 2] = ["access_token", "accessToken"];
    let found = NAMES.into_iter().find_map(|name| {
        let value = answer.get(name).filter(|value| !value.is_null())?;
        Some((name, value))
    });
    let (name, value) = found.ok_or(BadAnswer::Missing("access_token"))?;
    let found = kind(value);
    let text = value.as_str().ok_or(BadAnswer::Type { name, found })?;
    let token = Token::new(text).map_err(|_| BadAnswer::Token)?;
    let token_text = text.to_owned();
    let times = Times::deserialize(&*answer).unwrap_or_default();
    let now = SystemTime::now();
    let expires = times.of(&token).unwrap_or(now + DEFAULT_LIFETIME);
    let left = expires.duration_since(now).unwrap_or_default().as_secs();
    let since_1970 = expires.duration_since(SystemTime::UNIX_EPOCH);
    let on = since_1970.unwrap_or_default().as_secs();
    // The library for the Azure CLI reads a number, the one for managed identities a text.
    let on = if name == "accessToken" {
        json!(on)
    } else {
        json!(on.to_string())
    };
    for (name, value) in [
        ("expires_on", on),
        ("expires_in", json!(left)),
        ("ext_expires_in", json!(left)),
        (name, json!(token_text)),
    ] {
        answer.insert(name.to_owned(), value);
    }
    for (name, default) in [
        ("token_type", "Bearer"),
        ("tokenType", "Bearer"),
        ("resource", ""),
    ] {
        if !answer.get(name).is_some_and(Value::is_string) {
            answer.insert(name.to_owned(), json!(default));
        }
    }
    for name in ["refresh_token", "scope"] {
        if !answer.get(name).is_some_and(Value::is_string) {
            answer.remove(name);
        }
    }
    Ok(())
}

/// The kind of a value, for an error.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn adapted(answer: &Value) -> Result<Value, BadAnswer> {
        let adapted = adapt(answer.to_string().as_bytes())?;
        Ok(serde_json::from_slice(&adapted).unwrap())
    }

    #[test]
    fn a_token_is_used_whatever_members_its_answer_has() {
        for expires_on in [
            json!(1_893_456_000),
            json!("1893456000"),
            json!("2030-01-01 00:00:00Z"),
            json!("1/1/2030 12:00:00 AM +00:00"),
        ] {
            let answer = json!({"access_token": "a.b.c", "expires_on": expires_on});
            let adapted = adapted(&answer).unwrap();
            assert_eq!(adapted["expires_on"], "1893456000", "{answer}");
            assert_eq!(adapted["token_type"], "Bearer");
            assert_eq!(adapted["resource"], "");
        }
        for expires_in in [json!(3600), json!("3600")] {
            let answer = json!({"access_token": "a.b.c", "expires_in": expires_in, "scope": null});
            let adapted = adapted(&answer).unwrap();
            let left = adapted["expires_in"].as_u64().unwrap();
            assert!((3500..=3600).contains(&left), "{adapted}");
            assert!(adapted.get("scope").is_none());
        }
        let cli = json!({"accessToken": "a.b.c", "expiresOn": "2030-01-01 00:00:00.000000"});
        let cli = adapted(&cli).unwrap();
        assert!(cli["expires_on"].is_u64(), "{cli}");
        assert_eq!(cli["tokenType"], "Bearer");
    }

    #[test]
    fn an_answer_without_a_token_is_named_and_not_shown() {
        for (answer, reason) in [
            (json!({}), "it has no access_token"),
            (json!({"access_token": null}), "it has no access_token"),
            (json!({"access_token": 5}), "its access_token is a number"),
            (
                json!({"accessToken": ["hunter2"]}),
                "its accessToken is a list",
            ),
            (
                json!({"access_token": "hunter 2"}),
                "its access token is not a token",
            ),
        ] {
            let refused = adapted(&answer).unwrap_err().to_string();
            assert_eq!(refused, reason, "{answer}");
        }
        for text in ["[]", "rubbish", "\"hunter2\""] {
            assert_eq!(adapt(text.as_bytes()).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn an_error_that_is_not_json_has_its_status() {
        let adapted = adapt_error(StatusCode::FORBIDDEN, Bytes::from("<html>hunter2"));
        let adapted: Value = serde_json::from_slice(&adapted).unwrap();
        let description = "the answer is 403 Forbidden, and is not an error of Entra ID";
        assert_eq!(adapted["error_description"], description);
        let own = Bytes::from(r#"{"error":"x"}"#);
        assert_eq!(adapt_error(StatusCode::FORBIDDEN, own.clone()), own);
    }

    #[test]
    fn the_times_of_a_device_code_are_numbers_within_limits() {
        for (interval, wanted) in [
            (json!("7"), json!(7)),
            (json!(0), json!(0)),
            (json!(-5), json!(0)),
            (json!(u64::MAX - 2), Value::Null),
            (Value::Null, Value::Null),
        ] {
            let answer = json!({"device_code": "d", "expires_in": "600", "interval": interval});
            let adapted = adapted(&answer).unwrap();
            assert_eq!(adapted["interval"], wanted);
            assert_eq!(adapted["expires_in"], 600);
        }
        let endless = json!({"device_code": "d", "expires_in": 1e300});
        assert_eq!(adapted(&endless).unwrap()["expires_in"], 900);
    }
}
