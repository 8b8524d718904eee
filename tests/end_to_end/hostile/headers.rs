//! Headers that a request may not carry, and what is on the wire in their place.

use offboard::grant::Refusal;

use super::{assert_as_ordered, assert_denied, assert_nothing_left, attack, report, service};

/// The guest cannot set this header. It gets an error and sends the request without it,
/// and the service receives the ordered request. The attempt is on record.
async fn assert_left_out(name: &str, header: &str) {
    let server = service();
    let called = attack(name, &server).await;
    let expected = format!("header {header} forbidden; answered:");
    assert!(report(&called).starts_with(&expected), "{called:?}");
    let refusal = Refusal::Header(header.to_owned());
    assert_eq!(called.record.refusals, [refusal], "{called:?}");
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_header_for_another_method_is_refused() {
    let server = service();
    let called = attack("headers/method_override", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("x-http-method-override".to_owned()),
    );
}

#[tokio::test]
async fn a_header_for_another_host_is_refused() {
    let server = service();
    let called = attack("headers/forwarded_host", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("x-forwarded-host".to_owned()),
    );
}

#[tokio::test]
async fn a_header_for_another_path_is_refused() {
    let server = service();
    let called = attack("headers/original_url", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("x-original-url".to_owned()),
    );
}

#[tokio::test]
async fn another_header_for_another_path_is_refused() {
    let server = service();
    let called = attack("headers/rewrite_url", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("x-rewrite-url".to_owned()),
    );
}

#[tokio::test]
async fn a_header_for_another_sender_is_refused() {
    let server = service();
    let called = attack("headers/forwarded", &server).await;
    assert_denied(&called, &server, &Refusal::Header("forwarded".to_owned()));
}

#[tokio::test]
async fn a_header_that_has_the_service_wait_is_refused() {
    let server = service();
    let called = attack("headers/expect", &server).await;
    assert_denied(&called, &server, &Refusal::Header("expect".to_owned()));
}

#[tokio::test]
async fn a_header_for_a_piece_of_the_answer_is_refused() {
    let server = service();
    let called = attack("headers/range", &server).await;
    assert_denied(&called, &server, &Refusal::Header("range".to_owned()));
}

#[tokio::test]
async fn a_header_that_calls_the_body_packed_is_refused() {
    let server = service();
    let called = attack("headers/content_encoding", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("content-encoding".to_owned()),
    );
}

#[tokio::test]
async fn a_header_that_nobody_ordered_is_refused() {
    let server = service();
    let called = attack("headers/own_header", &server).await;
    assert_denied(&called, &server, &Refusal::Header("x-anything".to_owned()));
}

#[tokio::test]
async fn a_header_for_another_caller_is_refused() {
    let server = service();
    let called = attack("headers/caller_id", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Header("x-ms-client-principal-id".to_owned()),
    );
}

#[tokio::test]
async fn a_token_of_its_own_is_not_sent() {
    assert_left_out("headers/authorization", "authorization").await;
}

#[tokio::test]
async fn a_cookie_is_not_sent() {
    assert_left_out("headers/cookie", "cookie").await;
}

#[tokio::test]
async fn nothing_is_said_to_a_proxy() {
    assert_left_out("headers/proxy_authorization", "proxy-authorization").await;
}

#[tokio::test]
async fn no_connection_to_a_proxy_is_kept() {
    assert_left_out("headers/proxy_connection", "proxy-connection").await;
}

#[tokio::test]
async fn another_host_is_not_named() {
    assert_left_out("headers/host", "host").await;
}

#[tokio::test]
async fn the_body_is_framed_by_the_host_alone() {
    assert_left_out("headers/transfer_encoding", "transfer-encoding").await;
}

#[tokio::test]
async fn no_other_protocol_is_asked_for() {
    assert_left_out("headers/upgrade", "upgrade").await;
}

#[tokio::test]
async fn the_token_is_not_dropped_on_the_way() {
    assert_left_out("headers/connection", "connection").await;
}

#[tokio::test]
async fn two_lengths_of_a_body_are_not_sent() {
    let server = service();
    let called = attack("headers/content_length_twice", &server).await;
    assert!(
        report(&called).starts_with("header content-length invalid; answered:"),
        "{called:?}"
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_length_that_is_too_small_sends_nothing() {
    let server = service();
    let called = attack("headers/content_length_too_small", &server).await;
    assert!(!report(&called).contains("answered:"), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_length_that_is_too_large_sends_nothing() {
    let server = service();
    let called = attack("headers/content_length_too_large", &server).await;
    assert!(!report(&called).contains("answered:"), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_is_not_sent() {
    let server = service();
    let called = attack("headers/content_length_odd", &server).await;
    assert!(
        report(&called).starts_with("header content-length invalid; answered:"),
        "{called:?}"
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_line_break_in_a_header_s_value_is_impossible() {
    let server = service();
    let called = attack("headers/line_break_in_value", &server).await;
    let refused = "header accept invalid; ".repeat(3);
    assert!(
        report(&called).starts_with(&format!("{refused}answered:")),
        "{called:?}"
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_line_break_in_a_header_s_name_is_impossible() {
    let server = service();
    let called = attack("headers/line_break_in_name", &server).await;
    assert_eq!(
        report(&called).matches(" invalid; ").count(),
        3,
        "{called:?}"
    );
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn thousands_of_headers_are_not_taken() {
    let server = service();
    let called = attack("headers/flood", &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_header_of_megabytes_is_not_taken() {
    let server = service();
    let called = attack("headers/megabytes", &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn headers_behind_the_body_are_not_sent() {
    let server = service();
    let called = attack("headers/trailers", &server).await;
    assert!(report(&called).starts_with("answered:"), "{called:?}");
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_token_of_its_own_behind_the_body_is_not_sent() {
    let server = service();
    let called = attack("headers/forbidden_trailers", &server).await;
    assert!(
        report(&called).starts_with("body forbidden; "),
        "{called:?}"
    );
    assert!(
        matches!(called.record.refusals[0], Refusal::Header(_)),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_finished_request_takes_no_more_headers() {
    let server = service();
    let called = attack("headers/finished_request", &server).await;
    assert_eq!(report(&called), "immutable");
    assert_nothing_left(&called, &server);
}
