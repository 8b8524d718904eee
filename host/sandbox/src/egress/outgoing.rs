//! The request that leaves: the host writes its headers and its body.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

/// Company, product and version, in the form that Microsoft requests of partners (its
/// documentation of partner integration).
const USER_AGENT: &str = concat!("MdePartner-offboard-offboard/", env!("CARGO_PKG_VERSION"));

/// Whether a guest can neither set nor see this header.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    const SECRET: [HeaderName; 4] = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::WWW_AUTHENTICATE,
    ];
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || SECRET.contains(name)
        || name.as_str().starts_with("proxy-")
}

/// The request that is sent: in origin form, with the permitted method and target, and
/// with headers and a body that the host writes.
pub(super) fn outgoing(
    head: &http::request::Parts,
    body: Option<String>,
    authorization: HeaderValue,
) -> Request<Full<Bytes>> {
    let has_body = body.is_some();
    let mut request = Request::new(Full::new(body.unwrap_or_default().into()));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head
        .uri
        .path_and_query()
        .map_or_else(http::Uri::default, |path| path.clone().into());
    let headers = request.headers_mut();
    // The runtime sets it from the authority that the grant permitted.
    if let Some(host) = head.headers.get(header::HOST) {
        headers.insert(header::HOST, host.clone());
    }
    let json = HeaderValue::from_static("application/json");
    if has_body {
        headers.insert(header::CONTENT_TYPE, json.clone());
    }
    headers.insert(header::ACCEPT, json);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::AUTHORIZATION, authorization);
    request
}
