//! All requests to the simulator, in the order in which they arrived.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::entra::{IDENTITY_HEADER, is_form};
use crate::paths::is_api;
use crate::timestamp::wire;

const REDACTED: &str = "[redacted]";

/// The parameters of token requests that are secret.
const SECRETS: [&str; 6] = [
    "client_secret",
    "client_assertion",
    "refresh_token",
    "device_code",
    // MSAL's second name for a device code.
    "code",
    "password",
];

/// The part of a body that is kept, in characters.
const MAX_RECORDED_BODY: usize = 8 * 1024;

/// One request, and the status of its answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    method: String,
    path: String,
    /// Null until it is answered; it stays null if the client left before or the connection
    /// was dropped.
    status: Option<u16>,
    headers: Map<String, Value>,
    time: String,
    body: String,
    /// The rules of the fault plan that applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<Entry>>);

/// The position of a request in the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position(usize);

impl Journal {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn arrived(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Position {
        let entry = Entry {
            method: method.to_string(),
            path: uri.query().map_or_else(
                || uri.path().to_owned(),
                |query| format!("{}?{}", uri.path(), without_secrets(query)),
            ),
            status: None,
            headers: without_token(headers),
            time: wire(now),
            body: String::new(),
            faults: Vec::new(),
        };
        let mut entries = self.entries();
        entries.push(entry);
        Position(entries.len() - 1)
    }

    pub(crate) fn body(
        &self,
        Position(index): Position,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) {
        let text = String::from_utf8_lossy(body);
        // Outside the API, bodies may contain secrets, and only in a form their position is
        // known.
        let kept = if is_api(uri.path()) || body.is_empty() {
            text.into_owned()
        } else if is_form(headers) {
            without_secrets(&text)
        } else {
            REDACTED.to_owned()
        };
        if let Some(entry) = self.entries().get_mut(index) {
            entry.body = kept.chars().take(MAX_RECORDED_BODY).collect();
        }
    }

    pub(crate) fn met(&self, Position(index): Position, faults: Vec<String>) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.faults = faults;
        }
    }

    pub(crate) fn answered(&self, Position(index): Position, status: StatusCode) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.status = Some(status.as_u16());
        }
    }

    pub(crate) fn list(&self) -> Vec<Entry> {
        self.entries().clone()
    }
}

/// A form or a query as it was sent, except the values of secrets.
fn without_secrets(form: &str) -> String {
    let shown = form.split('&').map(|parameter| {
        let name = form_urlencoded::parse(parameter.as_bytes())
            .next()
            .map(|(name, _)| name.into_owned());
        match SECRETS
            .iter()
            .find(|secret| name.as_deref() == Some(**secret))
        {
            Some(secret) => format!("{secret}={REDACTED}"),
            None => parameter.to_owned(),
        }
    });
    shown.collect::<Vec<_>>().join("&")
}

/// The headers as JSON; values of a repeated one are joined by a comma.
fn without_token(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys() {
        let value = if name == AUTHORIZATION {
            format!("Bearer {REDACTED}")
        } else if name == IDENTITY_HEADER {
            REDACTED.to_owned()
        } else {
            let values = headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()));
            values.collect::<Vec<_>>().join(", ")
        };
        shown.insert(name.to_string(), Value::String(value));
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn no_token_is_kept() {
        let journal = Journal::default();
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic secret"));
        headers.append("accept", HeaderValue::from_static("a"));
        headers.append("accept", HeaderValue::from_static("b"));
        journal.arrived(
            &Method::GET,
            &Uri::from_static("/api/machines?$top=1"),
            &headers,
            Timestamp::UNIX_EPOCH,
        );
        let Ok(text) = serde_json::to_string(&journal.list()) else {
            panic!("no JSON")
        };
        assert!(!text.contains("secret"), "{text}");
        assert!(
            text.contains(r#""authorization":"Bearer [redacted]""#),
            "{text}"
        );
        assert!(text.contains(r#""accept":"a, b""#), "{text}");
        assert!(
            text.contains(r#""path":"/api/machines?$top=1","status":null"#),
            "{text}"
        );
    }

    #[test]
    fn long_bodies_are_cut() {
        let journal = Journal::default();
        let position = journal.arrived(
            &Method::POST,
            &Uri::from_static("/"),
            &HeaderMap::new(),
            Timestamp::UNIX_EPOCH,
        );
        journal.body(
            position,
            &Uri::from_static("/api/x"),
            &HeaderMap::new(),
            "é".repeat(MAX_RECORDED_BODY + 1).as_bytes(),
        );
        journal.answered(position, StatusCode::OK);
        let entry = journal.list().remove(0);
        assert_eq!(
            (entry.body.chars().count(), entry.status),
            (MAX_RECORDED_BODY, Some(200))
        );
    }

    #[test]
    fn no_secret_of_a_token_request_is_kept() {
        let journal = Journal::default();
        let mut headers = HeaderMap::new();
        headers.insert(IDENTITY_HEADER, HeaderValue::from_static("secret"));
        let uri = Uri::from_static("/t/oauth2/token?client%5Fsecret=secret&x=%20");
        let position = journal.arrived(&Method::POST, &uri, &headers, Timestamp::UNIX_EPOCH);
        journal.body(position, &uri, &headers, b"{\"client_secret\":\"secret\"}");
        assert_eq!(journal.list()[0].body, REDACTED);
        headers.insert(
            axum::http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let form = "grant_type=a+b&client_secret=secret&refresh_token=secret&device_code=secret\
                    &client_assertion=secret&password=secret&code=secret";
        journal.body(position, &uri, &headers, form.as_bytes());
        let kept = &journal.list()[0];
        assert!(
            kept.body
                .starts_with("grant_type=a+b&client_secret=[redacted]&"),
            "{}",
            kept.body
        );
        assert_eq!(kept.path, "/t/oauth2/token?client_secret=[redacted]&x=%20");
        assert_eq!(kept.headers[IDENTITY_HEADER], REDACTED);
        assert!(!kept.body.contains("=secret"), "{}", kept.body);
    }
}
