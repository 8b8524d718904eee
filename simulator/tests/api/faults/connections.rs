//! Connections that are closed too early.

use std::io::ErrorKind;

use serde_json::{Value, json};

use super::{Wire, carried_out, faulty, length, requests};
use crate::client::{get, offboard, ready};

#[tokio::test]
async fn a_drop_before_the_commit_leaves_nothing() {
    let simulator = faulty(&["offboard:1:drop-before-commit"]).await;
    let id = ready(&simulator).machine.id;
    let mut wire = Wire::to(&simulator).await;
    wire.offboard(&simulator, &id).await;
    let (said, end) = wire.rest().await;
    assert_eq!(said, "");
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(carried_out(&simulator).await, 0);

    assert_eq!(offboard(&simulator, &id).await.status, 200);
    assert_eq!(carried_out(&simulator).await, 1);
    let requests = requests(&simulator).await;
    assert_eq!(
        requests[0]["faults"],
        json!(["offboard:1:drop-before-commit"])
    );
    assert_eq!(requests[0]["status"], Value::Null);
    assert_eq!(requests[0]["body"], r#"{"Comment":"why"}"#);
    assert_eq!(requests[1].get("faults"), None);
    assert_eq!(requests[1]["status"], 200);
}

#[tokio::test]
async fn a_drop_after_the_commit_leaves_an_action() {
    let simulator = faulty(&["offboard:1:drop-after-commit"]).await;
    let id = ready(&simulator).machine.id;
    let mut wire = Wire::to(&simulator).await;
    wire.offboard(&simulator, &id).await;
    let (said, end) = wire.rest().await;
    assert_eq!(said, "");
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(carried_out(&simulator).await, 1);
    assert_eq!(requests(&simulator).await[0]["status"], Value::Null);

    let actions = get(&simulator, "/api/machineactions").await;
    assert_eq!(actions.all("machineId"), [id.as_str()]);
    let again = offboard(&simulator, &id).await;
    assert_eq!(again.json["id"], actions.value()[0]["id"]);
}

#[tokio::test]
async fn a_connection_that_was_used_before_is_dropped_too() {
    for fault in ["drop-before-commit", "drop-after-commit"] {
        let simulator = faulty(&[&format!("machines:2:{fault}")]).await;
        let mut wire = Wire::to(&simulator).await;
        let path = "/api/machines?$top=1";
        wire.send(&simulator, "GET", path, "").await;
        let (head, _) = wire.answer().await;
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        wire.send(&simulator, "GET", path, "").await;
        assert_eq!(wire.rest().await.0, "", "{fault}");
    }
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_the_body() {
    let simulator = faulty(&["offboard:1:reset-in-body"]).await;
    let id = ready(&simulator).machine.id;
    let mut wire = Wire::to(&simulator).await;
    wire.offboard(&simulator, &id).await;
    let (said, end) = wire.rest().await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert_eq!(body.len(), length(head) / 2);
    assert!(body.starts_with(r#"{"@odata.context""#), "{body}");
    assert_eq!(carried_out(&simulator).await, 1);
    assert_eq!(requests(&simulator).await[0]["status"], 200);
}
