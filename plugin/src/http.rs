//! The edge: one request out through WASI, one answer in, within a bound.

use waki::{Client, ErrorCode, RequestBuilder, Response, bindings::wasi::http::types::HeaderError};

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
    let url = format!("{}{}", connection::api_root(), request.target);
    // Built twice: `waki` does not tell a request that could not be built from
    // one that was lost on its way.
    let build = || builder(&url, request, authorization.as_deref());
    build()
        .build()
        .map_err(|error| Failure::NotSent(error.to_string()))?;
    let response = build().send().map_err(|error| failure(&error))?;

    let status = response.status_code();
    let retry_after = response
        .header("Retry-After")
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    let body = read(&response, request.answer_limit)
        .map_err(|reason| Failure::Broken { status, reason })?;
    Ok(Answer {
        status,
        retry_after,
        body,
    })
}

fn builder(url: &str, request: &Request, authorization: Option<&str>) -> RequestBuilder {
    let builder = match &request.body {
        None => Client::new().get(url),
        // A length, because `waki` would send chunks, which some gateways
        // refuse.
        Some(body) => Client::new()
            .post(url)
            .header("Content-Type", "application/json")
            .header("Content-Length", body.len().to_string())
            .body(body.as_bytes()),
    };
    let builder = builder
        .header("Accept", "application/json")
        .header("User-Agent", USER_AGENT);
    match authorization {
        Some(value) => builder.header("Authorization", value),
        None => builder,
    }
}

fn read(response: &Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk(CHUNK).map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What became of a request that has no answer. Only what cannot happen once
/// the request is on its way may be taken for not sent.
fn failure(error: &anyhow::Error) -> Failure {
    let reason = error.to_string();
    if error.downcast_ref::<HeaderError>().is_some() {
        return Failure::Denied(reason);
    }
    match error.downcast_ref::<ErrorCode>() {
        Some(ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited) => {
            Failure::Denied(reason)
        }
        Some(
            ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsCertificateError
            | ErrorCode::HttpRequestUriInvalid,
        ) => Failure::NotSent(reason),
        _ => Failure::NoAnswer(reason),
    }
}
