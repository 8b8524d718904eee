//! Requests with full control over every part, and what came of them as text.
//! Without formatting: it would be most of a guest's code.

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

use crate::connection;

/// A request that is about to be sent.
pub struct Ask {
    pub method: Method,
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// A request that is on its way to the host.
pub struct Asked {
    pub body: OutgoingBody,
    pub answer: FutureIncomingResponse,
    told: String,
}

impl Ask {
    /// A read of this path, as the contract's plugin would send it.
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

    /// The very request that was ordered. Each attack changes one thing of it.
    pub fn ordered(machine_id: &str, comment: &str) -> Self {
        let path = ["/api/machines/", machine_id, "/offboard"].concat();
        let body = [r#"{"Comment":""#, comment, r#""}"#].concat();
        Self {
            method: Method::Post,
            ..Self::read(&path)
        }
        .header("content-type", "application/json")
        .body(&body)
    }

    /// The tag that was ordered, in the same way.
    pub fn tagging(machine_id: &str, tag: &str) -> Self {
        Self::ordered(machine_id, "")
            .route(machine_id, "tags")
            .body(&[r#"{"Value":""#, tag, r#"","Action":"Add"}"#].concat())
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

    /// The machine's path with another last part.
    pub fn route(self, machine_id: &str, route: &str) -> Self {
        self.path(&["/api/machines/", machine_id, "/", route].concat())
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

    /// Sends it, and says what came of it.
    pub fn send(self) -> String {
        let content = self.body.clone().unwrap_or_default();
        let trailers = self.trailers.clone();
        match self.start() {
            Ok(asked) => {
                asked.write(&content);
                asked.finish(&trailers)
            }
            Err(told) => told,
        }
    }

    /// Hands the head to the host. Headers that are refused are left out, and
    /// told.
    pub fn start(self) -> Result<Asked, String> {
        let mut told = String::new();
        let headers = Fields::new();
        for (name, value) in &self.headers {
            if let Err(error) = headers.append(name, value) {
                let why = header_error(&error);
                told = [&told, "header ", name, " ", why, "; "].concat();
            }
        }
        let request = OutgoingRequest::new(headers);
        let refused = |what: &str| [told.as_str(), what, " refused"].concat();
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
        let answer = outgoing_handler::handle(request, None)
            .map_err(|error| [told.as_str(), code(&error)].concat())?;
        Ok(Asked { body, answer, told })
    }
}

impl Asked {
    /// Writes as much as the host takes.
    pub fn write(&self, content: &[u8]) {
        if let Ok(stream) = self.body.write() {
            let _ = write(&stream, content);
        }
    }

    /// Ends the body and waits for the answer.
    pub fn finish(self, trailers: &[(String, Vec<u8>)]) -> String {
        let ended = Fields::from_list(trailers)
            .map_err(|error| header_error(&error))
            .and_then(|fields| {
                let fields = (!trailers.is_empty()).then_some(fields);
                OutgoingBody::finish(self.body, fields).map_err(|error| code(&error))
            });
        let told = match ended {
            Ok(()) => self.told,
            Err(why) => [&self.told, "body ", why, "; "].concat(),
        };
        [told, answer_of(&self.answer)].concat()
    }
}

/// Writes all of it, or as much as the host takes.
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

/// Waits for the answer: an error's name, or `answered:` with every header
/// that can be seen, the body and the trailers.
pub fn answer_of(answer: &FutureIncomingResponse) -> String {
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => read(&response),
        Some(Ok(Err(error))) => code(&error).to_owned(),
        Some(Err(())) => "taken already".to_owned(),
        None => "not ready".to_owned(),
    }
}

fn read(response: &IncomingResponse) -> String {
    let mut told = "answered:".to_owned();
    list(&mut told, &response.headers().entries());
    told.push('\n');
    let Ok(body) = response.consume() else {
        return told;
    };
    let mut bytes = Vec::new();
    if let Ok(stream) = body.stream() {
        while let Ok(chunk) = stream.blocking_read(64 * 1024) {
            bytes.extend_from_slice(&chunk);
        }
    }
    told.push_str(&String::from_utf8_lossy(&bytes));
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    if let Some(Ok(Ok(Some(fields)))) = trailers.get() {
        told.push_str("\ntrailers:");
        list(&mut told, &fields.entries());
    }
    told
}

fn list(told: &mut String, entries: &[(String, Vec<u8>)]) {
    for (name, value) in entries {
        told.push(' ');
        told.push_str(name);
        told.push('=');
        told.push_str(&String::from_utf8_lossy(value));
    }
}

/// The names that tests look for.
pub fn code(error: &ErrorCode) -> &'static str {
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
