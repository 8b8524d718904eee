//! Answers that are different, late, slow or missing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use super::{Wire, carried_out, faulty, length, requests};
use crate::client::{call, get, offboard, ready};

#[tokio::test]
async fn a_status_comes_before_the_commit_or_after_it() {
    for (fault, code, committed) in [
        ("status=503", "ServiceUnavailable", 0),
        ("status=500", "InternalServerError", 0),
        ("status=599", "InternalServerError", 0),
        ("status=418", "BadRequest", 0),
        ("status-after-commit=500", "InternalServerError", 1),
        ("status-after-commit=504", "GatewayTimeout", 1),
        ("status-after-commit=429", "TooManyRequests", 1),
    ] {
        let simulator = faulty(&[&format!("offboard:1:{fault}")]).await;
        let id = ready(&simulator).machine.id;
        let answer = offboard(&simulator, &id).await;
        let (_, status) = fault.split_once('=').unwrap();
        assert_eq!(answer.error(), (status.parse().unwrap(), code), "{fault}");
        assert_eq!(answer.retry_after(), None, "{fault}");
        assert_eq!(carried_out(&simulator).await, committed, "{fault}");
        let request = &requests(&simulator).await[0];
        assert_eq!(request["status"], status.parse::<u16>().unwrap());
        assert_eq!(request["faults"], json!([format!("offboard:1:{fault}")]));
        assert_eq!(offboard(&simulator, &id).await.status, 200, "{fault}");
    }
}

#[tokio::test]
async fn a_status_can_say_when_to_come_back() {
    let simulator = faulty(&[
        "api:always:status=429,retry-after=5s",
        "token:always:status=503,retry-after=1m",
    ])
    .await;
    let answer = get(&simulator, "/api/machines").await;
    assert_eq!(answer.error(), (429, "TooManyRequests"));
    assert_eq!(answer.retry_after(), Some(5));
    for path in ["oauth2/v2.0/token", "oauth2/token"] {
        let path = format!("/{}/{path}", simulator.tenant_id());
        let answer = call(&simulator, "POST", &path).form(&[]).send().await;
        assert_eq!(answer.aadsts(), (503, "temporarily_unavailable", 90033));
        assert_eq!(answer.retry_after(), Some(60));
    }
}

#[tokio::test]
async fn garbage_comes_in_place_of_the_body() {
    let simulator = faulty(&["offboard:1:garbage"]).await;
    let id = ready(&simulator).machine.id;
    let answer = offboard(&simulator, &id).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.text.is_empty() && answer.json == Value::Null);
    assert_eq!(
        answer.headers["content-length"],
        answer.text.len().to_string()
    );
    assert_eq!(carried_out(&simulator).await, 1);
}

#[tokio::test]
async fn a_slow_body_comes_byte_by_byte() {
    let simulator = faulty(&["machineactions:1:slow-body=5ms"]).await;
    let begun = Instant::now();
    let mut wire = Wire::to(&simulator).await;
    wire.send(&simulator, "GET", "/api/machineactions", "")
        .await;
    let mut all = Vec::new();
    let mut reads = 0;
    while !all.ends_with(b"[]}") {
        assert!(wire.0.read_buf(&mut all).await.unwrap() > 0);
        reads += 1;
    }
    let text = String::from_utf8(all).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), length(head));
    assert!(serde_json::from_str::<Value>(body).is_ok(), "{body}");
    let pauses = u32::try_from(body.len() - 1).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(5) * pauses);
    // On a busy machine, some bytes arrive together.
    assert!(reads > 5, "{reads} reads for {}", body.len());
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    for fault in ["delay=300ms", "delay-after-commit=300ms"] {
        let simulator = faulty(&[&format!("offboard:1:{fault}")]).await;
        let id = ready(&simulator).machine.id;
        let begun = Instant::now();
        assert_eq!(offboard(&simulator, &id).await.status, 200);
        assert!(begun.elapsed() >= Duration::from_millis(300), "{fault}");
    }
}

#[tokio::test]
async fn who_does_not_wait_has_it_carried_out_or_not() {
    for (fault, committed) in [("delay=4s", 0), ("delay-after-commit=4s", 1)] {
        let simulator = faulty(&[&format!("offboard:1:{fault}")]).await;
        let id = ready(&simulator).machine.id;
        let mut wire = Wire::to(&simulator).await;
        let begun = Instant::now();
        wire.offboard(&simulator, &id).await;
        let early = timeout(Duration::from_millis(200), wire.rest()).await;
        assert!(early.is_err(), "{fault}");
        drop(wire);
        sleep(Duration::from_millis(4500).saturating_sub(begun.elapsed())).await;
        assert_eq!(carried_out(&simulator).await, committed, "{fault}");
        let request = &requests(&simulator).await[0];
        assert_eq!(request["status"], Value::Null, "{fault}");
        assert_eq!(request["faults"], json!([format!("offboard:1:{fault}")]));
    }
}
