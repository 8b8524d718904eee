//! Grants of other functions, used for something else.

use offboard::{
    contract::{CancelError, ReadError},
    egress::CallRecord,
    grant::Refusal,
};

use super::{ACTION, Attack, MACHINE, Scripted, connection, service};

/// The guest's report, and the record of egress.
async fn get_machine(attack: &Attack, server: &Scripted) -> (String, CallRecord) {
    let called = attack
        .sandbox
        .get_machine(&connection(server.root()), &attack.machine)
        .await;
    match called.result {
        Ok(Err(ReadError::Denied(report))) => (report, called.record),
        other => panic!("{other:?}"),
    }
}

async fn list_machines(name: &str, server: &Scripted) -> (String, CallRecord) {
    let attack = Attack::new(name);
    let called = attack
        .sandbox
        .list_machines(&connection(server.root()), None, attack.number)
        .await;
    match called.result {
        Ok(Err(ReadError::Denied(report))) => (report, called.record),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_read_does_not_offboard() {
    let server = service();
    let attack = Attack::new("reads/machine_offboarded").of_numbered_machine();
    let (report, record) = get_machine(&attack, &server).await;
    assert_eq!(report, "HttpRequestDenied");
    let path = format!("/api/machines/{}/offboard", attack.machine);
    assert_eq!(record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_read_has_no_body() {
    let server = service();
    let attack = Attack::new("reads/machine_with_a_body").of_numbered_machine();
    let (report, record) = get_machine(&attack, &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Body]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_read_is_of_the_machine_that_was_asked_for() {
    let server = service();
    let attack = Attack::new("reads/another_machine").of_numbered_machine();
    let (report, record) = get_machine(&attack, &server).await;
    assert_eq!(report, "HttpRequestDenied");
    let path = format!(
        "/api/machines/{}",
        attack.machine.as_str().replace('0', "f")
    );
    assert_eq!(record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_takes_no_other_query() {
    let server = service();
    let (report, record) = list_machines("reads/list_with_an_odd_query", &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_parameter_behind_another_is_seen() {
    let server = service();
    let (report, record) = list_machines("reads/list_with_a_hidden_query", &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_takes_no_endless_query() {
    let server = service();
    let (report, record) = list_machines("reads/list_with_a_huge_query", &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Query]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_has_no_body() {
    let server = service();
    let (report, record) = list_machines("reads/list_with_a_body", &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Body]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_is_of_machines() {
    let server = service();
    let (report, record) = list_machines("reads/list_of_alerts", &server).await;
    assert_eq!(report, "HttpRequestDenied");
    assert_eq!(record.refusals, [Refusal::Path("/api/alerts".to_owned())]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_cancellation_does_not_offboard() {
    let server = service();
    let action = ACTION.parse().unwrap();
    let attack = Attack::new("reads/cancellation_that_offboards");
    let comment = attack.comment.parse().unwrap();
    let called = attack
        .sandbox
        .cancel_action(&connection(server.root()), &action, &comment)
        .await;
    assert!(
        matches!(&called.result, Ok(Err(CancelError::Denied(report))) if report == "HttpRequestDenied"),
        "{called:?}"
    );
    let path = format!("/api/machines/{MACHINE}/offboard");
    assert_eq!(called.record.refusals, [Refusal::Path(path)]);
    assert!(server.seen().is_empty());
}
