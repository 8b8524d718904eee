//! The edge: sends one request through WASI, and reads one answer up to a limit.
//!
//! `waki` provides the response type and the bindings of WASI. Its function for sending
//! is not used: it fails if the stream of the body is closed, and a host closes that
//! stream both when it refuses the request and when it has received all bytes of
//! `Content-Length`. Only the future of the response has the outcome, so it is read
//! regardless of the stream.

use waki::{
    ErrorCode, Method, Response,
    bindings::wasi::{
        http::{
            outgoing_handler,
            types::{Fields, OutgoingBody, OutgoingRequest, RequestOptions, Scheme},
        },
        io::streams::StreamError,
    },
};

use crate::{
    answer::{Answer, Failure},
    bindings::defender::offboard::connection,
    request::Request,
};

const CHUNK: u64 = 64 * 1024;
const USER_AGENT: &str = concat!("offboard/", env!("CARGO_PKG_VERSION"));

/// Sends the request, once, and reads the whole answer.
pub(crate) fn send(request: &Request) -> Result<Answer, Failure> {
    let authorization = connection::authorization().map_err(Failure::NoCredential)?;
    let outgoing = outgoing(&connection::api_root(), request, authorization)?;
    let response = exchange(outgoing, request.body.as_deref().unwrap_or_default())?;

    let status = response.status_code();
    let retry_after = response
        .header("Retry-After")
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    match read(&response, request.answer_limit) {
        Ok(body) => Ok(Answer {
            status,
            retry_after,
            body,
        }),
        Err(reason) => Err(Failure::Broken {
            status,
            retry_after,
            reason,
        }),
    }
}

fn outgoing(
    root: &str,
    request: &Request,
    authorization: Option<String>,
) -> Result<OutgoingRequest, Failure> {
    let mut headers = vec![
        ("accept".to_owned(), b"application/json".to_vec()),
        ("user-agent".to_owned(), USER_AGENT.into()),
    ];
    if let Some(body) = &request.body {
        // A length, because chunks are refused by some gateways.
        let length = body.len().to_string();
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        headers.push(("content-length".to_owned(), length.into()));
    }
    if let Some(value) = authorization {
        headers.push(("authorization".to_owned(), value.into()));
    }
    let headers = Fields::from_list(&headers)
        .map_err(|error| Failure::Denied(format!("the host refuses a header: {error}")))?;

    let unusable = || Failure::NotSent(format!("the API root {root:?} is not usable"));
    let (scheme, authority) = root.split_once("://").ok_or_else(unusable)?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    let method = match &request.body {
        Some(_) => Method::Post,
        None => Method::Get,
    };
    let outgoing = OutgoingRequest::new(headers);
    outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.target)))
        .map_err(|()| unusable())?;
    Ok(outgoing)
}

fn exchange(request: OutgoingRequest, content: &str) -> Result<Response, Failure> {
    let body = request
        .body()
        .map_err(|()| Failure::NotSent("the request cannot have a body".to_owned()))?;
    let answer =
        outgoing_handler::handle(request, Some(timeouts())).map_err(|error| failure(&error))?;
    if write(&body, content.as_bytes()).is_ok() {
        let _ = OutgoingBody::finish(body, None);
    } else {
        drop(body);
    }
    let lost = || Failure::NoAnswer("the host returned the answer twice".to_owned());
    answer.subscribe().block();
    let answer = answer
        .get()
        .and_then(Result::ok)
        .ok_or_else(lost)?
        .map_err(|error| failure(&error))?;
    Response::try_from(answer).map_err(|error| Failure::NoAnswer(error.to_string()))
}

/// Timeouts for hosts without limits of their own: WASI's defaults are ten minutes
/// each. A host may ignore them.
fn timeouts() -> RequestOptions {
    const SECOND: u64 = 1_000_000_000;
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(30 * SECOND));
    let _ = options.set_first_byte_timeout(Some(60 * SECOND));
    let _ = options.set_between_bytes_timeout(Some(30 * SECOND));
    options
}

fn write(body: &OutgoingBody, mut content: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    while !content.is_empty() {
        stream.subscribe().block();
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        let (now, later) = content.split_at(content.len().min(room));
        stream.write(now)?;
        content = later;
    }
    stream.flush()
}

fn read(response: &Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    // The library's text is that of a resource handle.
    let lost = |_| "the connection was lost while the answer was read".to_owned();
    while let Some(chunk) = response.chunk(CHUNK).map_err(lost)? {
        if body.len() + chunk.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The outcome of a request without an answer. Only an error that cannot occur after
/// sending may count as not sent.
fn failure(error: &ErrorCode) -> Failure {
    let reason = error.to_string().replace("ErrorCode::", "");
    match error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Failure::Denied(reason)
        }
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsCertificateError
        | ErrorCode::HttpRequestUriInvalid => Failure::NotSent(reason),
        _ => Failure::NoAnswer(reason),
    }
}
