//! The quotas of callers and APIs.

use std::time::Duration;

use offboard_simulator::{Config, Simulator, TokenRequest};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::client::{call, get, offboard, ready, start};

async fn limited(quota: &str) -> Simulator {
    start(Config {
        quota: quota.parse().unwrap(),
        ..Config::default()
    })
    .await
}

async fn list_status(simulator: &Simulator, token: &str) -> u16 {
    call(simulator, "GET", "/api/machines?$top=1")
        .token(token)
        .send()
        .await
        .status
}

#[tokio::test]
async fn the_call_beyond_the_quota_says_when_to_come_back() {
    let simulator = limited("2/8s").await;
    for _ in 0..2 {
        assert_eq!(get(&simulator, "/api/machines").await.status, 200);
    }
    let refused = get(&simulator, "/api/machines").await;
    assert_eq!(refused.error(), (429, "TooManyRequests"));
    let wait = refused.retry_after().unwrap();
    assert!((1..=8).contains(&wait), "{wait}");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(get(&simulator, "/api/machines").await.status, 429);
    sleep(Duration::from_secs(wait)).await;
    assert_eq!(get(&simulator, "/api/machines").await.status, 200);
}

#[tokio::test]
async fn by_default_the_hundred_and_first_call_of_a_minute_is_refused() {
    let simulator = start(Config::default()).await;
    let id = ready(&simulator).machine.id;
    for call in 0..100 {
        assert_eq!(offboard(&simulator, &id).await.status, 200, "{call}");
    }
    let refused = offboard(&simulator, &id).await;
    assert_eq!(refused.error(), (429, "TooManyRequests"));
    assert!((1..=60).contains(&refused.retry_after().unwrap()));
}

#[tokio::test]
async fn applications_and_apis_are_counted_apart() {
    let simulator = limited("1/1h").await;
    let id = ready(&simulator).machine.id;
    assert_eq!(list_status(&simulator, simulator.token()).await, 200);
    assert_eq!(list_status(&simulator, simulator.token()).await, 429);
    // Another token of the same application doesn't avoid the quota.
    assert_eq!(
        list_status(&simulator, &simulator.issue_token(TokenRequest::default())).await,
        429
    );
    assert_eq!(get(&simulator, "/api/v1.0/machines").await.status, 429);

    let other = TokenRequest::default().client_id(Uuid::from_u128(7));
    assert_eq!(
        list_status(&simulator, &simulator.issue_token(other)).await,
        200
    );
    for path in [
        "/api/machineactions",
        &format!("/api/machines/{id}"),
        "/api/machineactions/00000000-0000-0000-0000-000000000000",
    ] {
        assert_ne!(get(&simulator, path).await.status, 429, "{path}");
        assert_eq!(get(&simulator, path).await.status, 429, "{path}");
    }
    assert_eq!(offboard(&simulator, &id).await.status, 200);
    assert_eq!(offboard(&simulator, &id).await.status, 429);
    let cancel = "/api/machineactions/00000000-0000-0000-0000-000000000000/cancel";
    let mut seen = Vec::new();
    for _ in 0..2 {
        let call = call(&simulator, "POST", cancel)
            .token(simulator.token())
            .json(&json!({}));
        seen.push(call.send().await.status);
    }
    assert_eq!(seen, [404, 429]);
}

#[tokio::test]
async fn without_a_quota_nothing_is_refused() {
    let simulator = limited("none").await;
    for _ in 0..120 {
        assert_eq!(get(&simulator, "/api/machines?$top=1").await.status, 200);
    }
}
