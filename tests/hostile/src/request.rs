//! Requests with full control over every part, and their results as text. Strings are
//! joined without `format!`, whose code would be most of a guest.

use waki::{
    ErrorCode, Method,
    bindings::wasi::{
        http::{
            outgoing_handler,
            types::{
                Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse,
                OutgoingBody, OutgoingRequest, Scheme,
            },
        },
        io::streams::{OutputStream, StreamError},
    },
};

use crate::{case::machine_path, connection};

/// A request before it is sent.
pub struct Request {
    pub method: Method,
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// A request whose head the host has, and whose body is not finished.
pub struct Started {
    pub body: OutgoingBody,
    pub response: FutureIncomingResponse,
    report: String,
}

impl Request {
    /// A read of this path, as the default plugin would send it.
    pub fn read(path: &str) -> Self {
        let root = connection::api_root();
        let (scheme, authority) = match root.strip_prefix("https://") {
            Some(authority) => (Scheme::Https, authority),
            None => (Scheme::Http, root.get("http://".len()..).unwrap_or("")),
        };
        Self {
            method: Method::Get,
            scheme,
            authority: authority.to_owned(),
            path: path.to_owned(),
            headers: vec![("accept".to_owned(), b"application/json".to_vec())],
            body: None,
            trailers: Vec::new(),
        }
    }

    /// An offboarding of this machine, as the default plugin would send it.
    pub fn offboarding(machine_id: &str, comment: &str) -> Self {
        let body = [r#"{"Comment":""#, comment, r#""}"#].concat();
        Self::post(&machine_path(machine_id, "offboard"), &body)
    }

    /// A tag for this machine, as the default plugin would send it.
    pub fn tagging(machine_id: &str, tag: &str) -> Self {
        let body = [r#"{"Value":""#, tag, r#"","Action":"Add"}"#].concat();
        Self::post(&machine_path(machine_id, "tags"), &body)
    }

    fn post(path: &str, body: &str) -> Self {
        Self {
            method: Method::Post,
            ..Self::read(path)
        }
        .header("content-type", "application/json")
        .body(body)
    }

    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    pub fn authority(self, authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            ..self
        }
    }

    pub fn path(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(self, body: &str) -> Self {
        Self {
            body: Some(body.into()),
            ..self
        }
    }

    /// Sends the request and returns its result.
    pub fn send(self) -> String {
        let content = self.body.clone().unwrap_or_default();
        let trailers = self.trailers.clone();
        self.start_then(|started| {
            started.write(&content);
            started.finish(&trailers)
        })
    }

    /// Starts the request. If the host accepts its head, does this with it.
    pub fn start_then(self, then: impl FnOnce(Started) -> String) -> String {
        match self.start() {
            Ok(started) => then(started),
            Err(report) => report,
        }
    }

    /// Passes the head to the host. A header that the host refuses is left out and
    /// reported.
    pub fn start(self) -> Result<Started, String> {
        let mut report = String::new();
        let headers = Fields::new();
        for (name, value) in &self.headers {
            if let Err(error) = headers.append(name, value) {
                let why = header_error(&error);
                report = [&report, "header ", name, " ", why, "; "].concat();
            }
        }
        let request = OutgoingRequest::new(headers);
        let refused = |what: &str| [report.as_str(), what, " refused"].concat();
        request
            .set_method(&self.method)
            .map_err(|()| refused("method"))?;
        request
            .set_scheme(Some(&self.scheme))
            .map_err(|()| refused("scheme"))?;
        request
            .set_authority(Some(&self.authority))
            .map_err(|()| refused("authority"))?;
        request
            .set_path_with_query(Some(&self.path))
            .map_err(|()| refused("path"))?;
        let body = request.body().map_err(|()| refused("body"))?;
        let response = outgoing_handler::handle(request, None)
            .map_err(|error| [report.as_str(), code(&error)].concat())?;
        Ok(Started {
            body,
            response,
            report,
        })
    }
}

impl Started {
    /// Writes until the host accepts no more.
    pub fn write(&self, content: &[u8]) {
        if let Ok(stream) = self.body.write() {
            let _ = write(&stream, content);
        }
    }

    /// Finishes the body and waits for the response.
    pub fn finish(self, trailers: &[(String, Vec<u8>)]) -> String {
        let ended = Fields::from_list(trailers)
            .map_err(|error| header_error(&error))
            .and_then(|fields| {
                let fields = (!trailers.is_empty()).then_some(fields);
                OutgoingBody::finish(self.body, fields).map_err(|error| code(&error))
            });
        let report = match ended {
            Ok(()) => self.report,
            Err(why) => [&self.report, "body ", why, "; "].concat(),
        };
        [report, response_of(&self.response)].concat()
    }
}

/// Writes all of it, unless the host closes the stream.
pub fn write(stream: &OutputStream, mut content: &[u8]) -> Result<(), StreamError> {
    while !content.is_empty() {
        stream.subscribe().block();
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        let (now, later) = content.split_at(content.len().min(room));
        stream.write(now)?;
        content = later;
    }
    stream.flush()
}

/// Waits for the response. Returns an error's name, or `answered:` with every header that
/// is visible, the body and the trailers.
pub fn response_of(response: &FutureIncomingResponse) -> String {
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => read(&response),
        Some(Ok(Err(error))) => code(&error).to_owned(),
        Some(Err(())) => "taken already".to_owned(),
        None => "not ready".to_owned(),
    }
}

fn read(response: &IncomingResponse) -> String {
    let mut report = "answered:".to_owned();
    list(&mut report, &response.headers().entries());
    report.push('\n');
    let Ok(body) = response.consume() else {
        return report;
    };
    let mut bytes = Vec::new();
    if let Ok(stream) = body.stream() {
        while let Ok(chunk) = stream.blocking_read(64 * 1024) {
            bytes.extend_from_slice(&chunk);
        }
    }
    report.push_str(&String::from_utf8_lossy(&bytes));
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    if let Some(Ok(Ok(Some(fields)))) = trailers.get() {
        report.push_str("\ntrailers:");
        list(&mut report, &fields.entries());
    }
    report
}

fn list(report: &mut String, entries: &[(String, Vec<u8>)]) {
    for (name, value) in entries {
        report.push(' ');
        report.push_str(name);
        report.push('=');
        report.push_str(&String::from_utf8_lossy(value));
    }
}

/// The names that the tests compare.
fn code(error: &ErrorCode) -> &'static str {
    match error {
        ErrorCode::HttpRequestDenied => "HttpRequestDenied",
        ErrorCode::HttpProtocolError => "HttpProtocolError",
        ErrorCode::HttpRequestMethodInvalid => "HttpRequestMethodInvalid",
        ErrorCode::HttpRequestUriInvalid => "HttpRequestUriInvalid",
        ErrorCode::HttpRequestBodySize(_) => "HttpRequestBodySize",
        ErrorCode::DestinationIpProhibited => "DestinationIpProhibited",
        ErrorCode::ConnectionTerminated => "ConnectionTerminated",
        ErrorCode::ConnectionRefused => "ConnectionRefused",
        ErrorCode::InternalError(_) => "InternalError",
        _ => "another error",
    }
}

fn header_error(error: &HeaderError) -> &'static str {
    match error {
        HeaderError::InvalidSyntax => "invalid",
        HeaderError::Forbidden => "forbidden",
        HeaderError::Immutable => "immutable",
    }
}
