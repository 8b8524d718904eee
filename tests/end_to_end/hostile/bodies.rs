//! Bodies that are not what was ordered.

use offboard::{grant::Refusal, sandbox::CallError};

use super::{
    MACHINE, assert_as_ordered, assert_denied, assert_nothing_left, attack, attack_briefly, report,
    service,
};

#[tokio::test]
async fn another_comment_is_refused() {
    let server = service();
    let called = attack("bodies/forged_comment", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn a_writer_is_heard_out_before_it_is_refused() {
    let server = service();
    let called = attack("bodies/writes_late", &server).await;
    let path = format!("/api/machines/{MACHINE}/isolate");
    assert_denied(&called, &server, &Refusal::Path(path));
}

#[tokio::test]
async fn a_comment_with_a_space_more_is_refused() {
    let server = service();
    let called = attack("bodies/comment_with_a_space", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn a_second_member_is_refused() {
    let server = service();
    let called = attack("bodies/second_member", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn an_array_is_refused() {
    let server = service();
    let called = attack("bodies/array_body", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn a_member_given_twice_is_refused() {
    let server = service();
    let called = attack("bodies/duplicate_member", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn a_second_object_is_refused() {
    let server = service();
    let called = attack("bodies/two_values", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn another_spelling_of_the_member_is_refused() {
    let server = service();
    let called = attack("bodies/other_spelling_of_comment", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn a_request_without_a_body_is_refused() {
    let server = service();
    let called = attack("bodies/no_body", &server).await;
    assert_denied(&called, &server, &Refusal::Body);
}

#[tokio::test]
async fn whatever_form_the_body_has_the_host_writes_its_own() {
    let server = service();
    let called = attack("bodies/odd_form_of_body", &server).await;
    assert!(report(&called).starts_with("answered:"), "{called:?}");
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_refused() {
    let server = service();
    let called = attack("bodies/huge_body", &server).await;
    assert_eq!(called.record.refusals, [Refusal::BodySize], "{called:?}");
    // The response has the error, even though the stream of the body is closed.
    assert!(report(&called).ends_with("HttpRequestDenied"), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn an_endless_body_is_refused() {
    let server = service();
    let called = attack("bodies/endless_body", &server).await;
    assert_eq!(called.record.refusals, [Refusal::BodySize], "{called:?}");
    // The response has the error, even though the stream of the body is closed.
    assert!(report(&called).ends_with("HttpRequestDenied"), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_body_that_is_never_ended_is_left_at_the_deadline() {
    let server = service();
    let called = attack_briefly("bodies/body_never_ended", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Deadline(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_slow_body_is_left_at_the_deadline() {
    let server = service();
    let called = attack_briefly("bodies/slow_body", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Deadline(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_sent() {
    let server = service();
    let called = attack("bodies/body_abandoned", &server).await;
    assert!(!report(&called).starts_with("answered:"), "{called:?}");
    assert_nothing_left(&called, &server);
}
