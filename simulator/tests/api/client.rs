//! A small HTTP client, and common requests.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use offboard_simulator::{Config, MachineTruth, Simulator};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A request that hasn't been sent.
pub(crate) struct Call {
    root: String,
    request: hyper::http::request::Builder,
    body: String,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json")
            .text(&body.to_string())
    }

    pub(crate) fn form(self, form: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
            .text(&body)
    }

    pub(crate) async fn send(self) -> Answer {
        let authority = self.root.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(authority).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let mut request = self
            .request
            .body(Full::new(Bytes::from(self.body)))
            .unwrap();
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(authority.parse().unwrap());
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            text,
            json,
        }
    }
}

impl Answer {
    /// The status and the error code, after checking the body's shape.
    pub(crate) fn error(&self) -> (u16, &str) {
        let error = self.json["error"]
            .as_object()
            .unwrap_or_else(|| panic!("no error body: {self:?}"));
        assert_eq!(self.json.as_object().unwrap().len(), 1, "{self:?}");
        assert_eq!(
            error.keys().collect::<Vec<_>>(),
            ["code", "message", "target"],
            "{self:?}"
        );
        assert!(!self.message().is_empty(), "{self:?}");
        let target = error["target"].as_str().unwrap();
        let parts: Vec<_> = target
            .trim_start_matches('|')
            .trim_end_matches('.')
            .split('-')
            .collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [2, 32, 16, 2],
            "{target}"
        );
        (self.status, error["code"].as_str().unwrap())
    }

    /// The status, OAuth's error code and the number of a refusal by Entra ID, after checking
    /// the body's format.
    pub(crate) fn aadsts(&self) -> (u16, &str, u64) {
        let body = &self.json;
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{self:?}"));
        let number = body["error_codes"][0].as_u64().unwrap();
        let (trace, correlation, time) =
            (text("trace_id"), text("correlation_id"), text("timestamp"));
        let description = text("error_description");
        assert!(
            description.starts_with(&format!("AADSTS{number}: ")),
            "{description}"
        );
        assert!(
            description.ends_with(&format!(
                " Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"
            )),
            "{description}"
        );
        assert!(text("error_uri").ends_with(&format!("code={number}")));
        assert_eq!((time.len(), &time[10..11], &time[19..]), (20, " ", "Z"));
        (self.status, text("error"), number)
    }

    pub(crate) fn message(&self) -> &str {
        self.json["error"]["message"].as_str().unwrap()
    }

    pub(crate) fn value(&self) -> &[Value] {
        assert_eq!(self.status, 200, "{self:?}");
        self.json["value"].as_array().unwrap()
    }

    /// One member of each item of the list.
    pub(crate) fn all(&self, member: &str) -> Vec<&str> {
        self.value()
            .iter()
            .map(|item| item[member].as_str().unwrap())
            .collect()
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.headers
            .get("retry-after")
            .map(|value| value.to_str().unwrap().parse().unwrap())
    }
}

pub(crate) async fn start(config: Config) -> Simulator {
    Simulator::start(config).await.unwrap()
}

/// A simulator with actions so slow that they don't advance during a test.
pub(crate) async fn start_slow() -> Simulator {
    start(Config {
        action_time: Duration::from_secs(3600),
        ..Config::default()
    })
    .await
}

pub(crate) fn call(simulator: &Simulator, method: &str, path: &str) -> Call {
    let request = Request::builder().method(method).uri(path);
    Call {
        root: simulator.api_root().to_owned(),
        request,
        body: String::new(),
    }
}

/// A `GET` with the ready token.
pub(crate) async fn get(simulator: &Simulator, path: &str) -> Answer {
    call(simulator, "GET", path)
        .token(simulator.token())
        .send()
        .await
}

/// A `GET` with a filter, and the ready token.
pub(crate) async fn filter(simulator: &Simulator, list: &str, filter: &str) -> Answer {
    let encoded: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    get(simulator, &format!("/api/{list}?$filter={encoded}")).await
}

/// A `POST` with the ready token.
pub(crate) async fn post(simulator: &Simulator, path: &str, body: &Value) -> Answer {
    call(simulator, "POST", path)
        .token(simulator.token())
        .json(body)
        .send()
        .await
}

/// A correct offboarding.
pub(crate) async fn offboard(simulator: &Simulator, id: &str) -> Answer {
    post(
        simulator,
        &format!("/api/machines/{id}/offboard"),
        &json!({"Comment": "ticket 1234"}),
    )
    .await
}

pub(crate) fn find(simulator: &Simulator, what: impl Fn(&MachineTruth) -> bool) -> MachineTruth {
    simulator.machines().into_iter().find(what).unwrap()
}

/// A machine that offboards.
pub(crate) fn ready(simulator: &Simulator) -> MachineTruth {
    find(simulator, |machine| {
        machine.health_status == "Active" && machine.os_platform == "Windows11"
    })
}

/// A machine whose actions stay pending.
pub(crate) fn offline(simulator: &Simulator) -> MachineTruth {
    find(simulator, |machine| {
        !machine.online && machine.supported && machine.onboarding_status == "Onboarded"
    })
}
