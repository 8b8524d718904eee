//! Grants of other functions, used for something else.

use offboard::{
    contract::{CancelError, ReadError},
    egress::CallRecord,
    grant::Refusal,
};

use super::{ACTION, COMMENT, MACHINE, Scripted, connection, machine, sandbox, service};

/// What the guest was told, and what egress saw.
async fn get_machine(guest: &str, server: &Scripted) -> (String, CallRecord) {
    let called = sandbox(guest)
        .get_machine(&connection(server.root()), &machine())
        .await;
    match called.result {
        Ok(Err(ReadError::Denied(told))) => (told, called.record),
        other => panic!("{other:?}"),
    }
}

async fn list_machines(guest: &str, server: &Scripted) -> (String, CallRecord) {
    let called = sandbox(guest)
        .list_machines(&connection(server.root()), None, 10)
        .await;
    match called.result {
        Ok(Err(ReadError::Denied(told))) => (told, called.record),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_read_does_not_offboard() {
    let server = service();
    let (told, record) = get_machine("read_that_offboards", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    let path = format!("/api/machines/{MACHINE}/offboard");
    assert_eq!(record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_read_has_no_body() {
    let server = service();
    let (told, record) = get_machine("read_with_a_body", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Body]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_read_is_of_the_machine_that_was_asked_for() {
    let server = service();
    let (told, record) = get_machine("read_of_another_machine", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    let path = format!("/api/machines/{}", MACHINE.replace('0', "f"));
    assert_eq!(record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_takes_no_other_query() {
    let server = service();
    let (told, record) = list_machines("list_with_an_odd_query", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_parameter_behind_another_is_seen() {
    let server = service();
    let (told, record) = list_machines("list_with_a_hidden_query", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_takes_no_endless_query() {
    let server = service();
    let (told, record) = list_machines("list_with_a_huge_query", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_has_no_body() {
    let server = service();
    let (told, record) = list_machines("list_with_a_body", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Body]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_is_of_machines() {
    let server = service();
    let (told, record) = list_machines("list_of_something_else", &server).await;
    assert_eq!(told, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Path("/api/alerts".to_owned())]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_cancellation_does_not_offboard() {
    let server = service();
    let action = ACTION.parse().unwrap();
    let called = sandbox("cancel_that_offboards")
        .cancel_action(
            &connection(server.root()),
            &action,
            &COMMENT.parse().unwrap(),
        )
        .await;
    assert!(
        matches!(&called.result, Ok(Err(CancelError::Denied(told))) if told == "HttpRequestDenied"),
        "{called:?}"
    );
    let path = format!("/api/machines/{MACHINE}/offboard");
    assert_eq!(called.record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}
