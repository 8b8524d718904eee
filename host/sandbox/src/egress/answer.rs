//! The body of an answer: read whole, within its limit, and without the token.

use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use wasmtime_wasi_http::{Error, Result};

use crate::identity::Token;

/// Reads the whole body of an answer and removes the token from it, or returns why it
/// cannot.
pub(super) async fn receive(
    body: hyper::body::Incoming,
    limit: usize,
    token: &Token,
) -> Result<Bytes, String> {
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => format!("the answer is longer than {limit} bytes"),
            None => format!("the answer ended early: {error}"),
        })?;
    Ok(token.redact(body.to_bytes().to_vec()).into())
}

/// The body without a byte order mark: JSON has none (RFC 8259), but gateways add one.
pub(super) fn without_mark(mut body: Bytes) -> Bytes {
    if body.starts_with(BYTE_ORDER_MARK) {
        return body.split_off(BYTE_ORDER_MARK.len());
    }
    body
}

/// The byte order mark of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The body ended before its first byte.
pub(super) struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>>>> {
        std::task::Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
    }
}
