//! Headers that a request must not have.

use hostile::{Attack::Report, Case, Fields, Order, OutgoingRequest};

hostile::export!(CASES);

const CASES: &[Case] = &[
    // Headers that a gateway or the service may obey.
    (
        "method_override",
        Report(|order| with(order, "x-http-method-override", "DELETE")),
    ),
    (
        "forwarded_host",
        Report(|order| with(order, "x-forwarded-host", "evil.test")),
    ),
    (
        "original_url",
        Report(|order| with(order, "x-original-url", "/api/indicators")),
    ),
    (
        "rewrite_url",
        Report(|order| with(order, "x-rewrite-url", "/api/indicators")),
    ),
    (
        "forwarded",
        Report(|order| with(order, "forwarded", "for=127.0.0.1;host=evil.test")),
    ),
    (
        "expect",
        Report(|order| with(order, "expect", "100-continue")),
    ),
    ("range", Report(|order| with(order, "range", "bytes=0-0"))),
    (
        "content_encoding",
        Report(|order| with(order, "content-encoding", "gzip")),
    ),
    ("own_header", Report(|order| with(order, "x-anything", "1"))),
    (
        "caller_id",
        Report(|order| with(order, "x-ms-client-principal-id", "admin")),
    ),
    // Headers that a guest cannot set.
    (
        "authorization",
        Report(|order| with(order, "authorization", "Bearer evil")),
    ),
    (
        "cookie",
        Report(|order| with(order, "cookie", "session=evil")),
    ),
    (
        "proxy_authorization",
        Report(|order| with(order, "proxy-authorization", "Basic ZXZpbDpldmls")),
    ),
    (
        "proxy_connection",
        Report(|order| with(order, "proxy-connection", "keep-alive")),
    ),
    ("host", Report(|order| with(order, "host", "evil.test"))),
    // Request smuggling.
    (
        "transfer_encoding",
        Report(|order| with(order, "transfer-encoding", "chunked")),
    ),
    ("upgrade", Report(|order| with(order, "upgrade", "h2c"))),
    // The next hop would remove the token.
    (
        "connection",
        Report(|order| with(order, "connection", "authorization")),
    ),
    // The body's length and another one, for request smuggling.
    (
        "content_length_twice",
        Report(|order| {
            order
                .request()
                .header("content-length", &length(order))
                .header("content-length", "0")
                .send()
        }),
    ),
    (
        "content_length_too_small",
        Report(|order| with(order, "content-length", "2")),
    ),
    (
        "content_length_too_large",
        Report(|order| with(order, "content-length", "4096")),
    ),
    // A length that some parsers accept and others do not.
    (
        "content_length_odd",
        Report(|order| with(order, "content-length", &["+", &length(order)].concat())),
    ),
    (
        "line_break_in_value",
        Report(|order| {
            order
                .request()
                .header("accept", "x\r\nX-Evil: 1")
                .header("accept", "x\nX-Evil: 1")
                .header("accept", "x\0")
                .send()
        }),
    ),
    (
        "line_break_in_name",
        Report(|order| {
            order
                .request()
                .header("accept: x\r\nX-Evil", "1")
                .header("accept ", "1")
                .header("", "1")
                .send()
        }),
    ),
    (
        "flood",
        Report(|order| {
            let mut request = order.request();
            for _ in 0..20_000 {
                request = request.header("accept", "application/json");
            }
            request.send()
        }),
    ),
    (
        "megabytes",
        Report(|order| with(order, "accept", &"a".repeat(2 << 20))),
    ),
    (
        "trailers",
        Report(|order| {
            order
                .request()
                .trailer("x-http-method-override", "DELETE")
                .send()
        }),
    ),
    (
        "forbidden_trailers",
        Report(|order| {
            order
                .request()
                .trailer("authorization", "Bearer evil")
                .send()
        }),
    ),
    ("finished_request", Report(finished_request)),
];

/// The ordered request with one header more.
fn with(order: &Order, name: &str, value: &str) -> String {
    order.request().header(name, value).send()
}

/// The length of the ordered body.
fn length(order: &Order) -> String {
    order.body().len().to_string()
}

/// Adds headers to a request that exists already.
fn finished_request(_: &Order) -> String {
    let request = OutgoingRequest::new(Fields::new());
    let append = |name: &str, value: &[u8]| {
        let headers = request.headers();
        headers.append(&name.to_owned(), &value.to_vec())
    };
    if append("authorization", b"Bearer evil").is_ok() || append("accept", b"x").is_ok() {
        return "added".to_owned();
    }
    "immutable".to_owned()
}
