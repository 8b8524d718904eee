//! Isolating and releasing machines.

use std::time::Duration;

use offboard_simulator::{Config, OnDuplicate, Simulator, TokenRequest, UserRole};
use serde_json::{Value, json};

use super::{permitted, slow};
use crate::client::{Answer, call, find, get, offboard, offline, post, ready, start};

async fn isolate(simulator: &Simulator, id: &str, isolation: &str) -> Answer {
    let body = json!({"Comment": "alert 1234", "IsolationType": isolation});
    post(simulator, &format!("/api/machines/{id}/isolate"), &body).await
}

async fn unisolate(simulator: &Simulator, id: &str) -> Answer {
    let body = json!({"Comment": "clean"});
    post(simulator, &format!("/api/machines/{id}/unisolate"), &body).await
}

/// Waits for a condition, with a limit that detects a hang.
async fn until(is_met: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_met().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_isolation_has_a_title_and_an_external_id_too() {
    let simulator = permitted(slow()).await;
    let id = ready(&simulator).machine.id;
    let body = json!({"Comment": "why", "Title": "Alert 1234", "ExternalId": "x-1"});
    for route in ["isolate", "unisolate"] {
        let answer = post(&simulator, &format!("/api/machines/{id}/{route}"), &body).await;
        assert_eq!(
            (&answer.json["title"], &answer.json["externalId"]),
            (&json!("Alert 1234"), &json!("x-1")),
            "{route}"
        );
    }
}

#[tokio::test]
async fn a_machine_is_isolated_and_released() {
    let simulator = permitted(slow()).await;
    let id = ready(&simulator).machine.id;
    for isolation in ["Full", "Selective"] {
        let answer = isolate(&simulator, &id, isolation).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        for (member, value) in [
            ("type", json!("Isolate")),
            ("scope", json!(isolation)),
            ("status", json!("Pending")),
            ("machineId", json!(id)),
            ("requestorComment", json!("alert 1234")),
            ("errorHResult", json!(0)),
        ] {
            assert_eq!(answer.json[member], value, "{member}");
        }
        // A second one of any scope gets the pending one.
        let again = isolate(&simulator, &id, "Full").await;
        assert_eq!((again.status, &again.json), (200, &answer.json));
        let action = answer.json["id"].as_str().unwrap();
        let path = format!("/api/machineactions/{action}");
        assert_eq!(get(&simulator, &path).await.json["scope"], isolation);
        let cancel = post(&simulator, &format!("{path}/cancel"), &json!({})).await;
        assert_eq!(cancel.json["status"], "Cancelled");
        assert_eq!(cancel.json["errorHResult"], -2_147_467_260);
    }
    let release = unisolate(&simulator, &id).await;
    assert_eq!(
        (
            release.status,
            &release.json["type"],
            &release.json["scope"]
        ),
        (201, &json!("Unisolate"), &Value::Null)
    );
    // An offboarding is independent of it.
    assert_eq!(offboard(&simulator, &id).await.status, 200);
    let offboardings = get(&simulator, "/_simulator/offboardings").await.json;
    assert_eq!(offboardings.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_truth_shows_an_isolation() {
    let config = Config {
        action_time: Duration::ZERO,
        ..Config::default()
    };
    let simulator = permitted(config).await;
    let id = ready(&simulator).machine.id;
    let isolated = || find(&simulator, |machine| machine.id == id).isolated;
    assert!(!isolated());
    isolate(&simulator, &id, "Full").await;
    // Both end as soon as the clock has advanced.
    until(async || isolated()).await;
    unisolate(&simulator, &id).await;
    until(async || !isolated()).await;
}

#[tokio::test]
async fn isolations_that_are_refused() {
    let simulator = permitted(Config {
        on_duplicate: OnDuplicate::Refuse,
        ..slow()
    })
    .await;
    let id = ready(&simulator).machine.id;
    let path = format!("/api/machines/{id}/isolate");
    for (body, code) in [
        (json!({}), "MissingRequiredParameter"),
        (json!({"IsolationType": "Full"}), "MissingRequiredParameter"),
        (json!({"comment": "why"}), "MissingRequiredParameter"),
        (
            json!({"Comment": "why", "IsolationType": "Half"}),
            "InvalidInput",
        ),
        (
            json!({"Comment": "why", "IsolationType": 1}),
            "InvalidRequestBody",
        ),
    ] {
        let answer = post(&simulator, &path, &body).await;
        assert_eq!(answer.error(), (400, code), "{body}");
    }
    let server = find(&simulator, |machine| {
        machine.supported && machine.os_platform.starts_with("WindowsServer")
    });
    let unmanaged = find(&simulator, |machine| {
        machine.onboarding_status == "CanBeOnboarded"
    });
    let phone = find(&simulator, |machine| machine.os_platform == "iOS");
    for (machine, isolation, code) in [
        (&server.id, "Selective", "OsPlatformNotSupported"),
        (&phone.id, "Full", "OsPlatformNotSupported"),
        (&unmanaged.id, "Full", "BadRequest"),
        (&id, "UnManagedDevice", "BadRequest"),
    ] {
        let answer = isolate(&simulator, machine, isolation).await;
        assert_eq!(answer.error(), (400, code), "{isolation} {answer:?}");
    }
    assert_eq!(
        isolate(&simulator, &unmanaged.id, "UnManagedDevice")
            .await
            .status,
        201
    );
    assert_eq!(unisolate(&simulator, &unmanaged.id).await.status, 201);
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    for answer in [
        isolate(&simulator, unknown, "Full").await,
        unisolate(&simulator, unknown).await,
    ] {
        assert_eq!(answer.error(), (404, "ResourceNotFound"));
    }
    // Without a type, the isolation is full.
    let answer = post(&simulator, &path, &json!({"Comment": "why"})).await;
    assert_eq!(
        (answer.status, &answer.json["scope"]),
        (201, &json!("Full"))
    );
    let again = isolate(&simulator, &id, "Full").await;
    assert_eq!(again.error(), (400, "ActiveRequestAlreadyExists"));
}

#[tokio::test]
async fn a_user_without_the_role_does_not_isolate() {
    let simulator = start(Config {
        user_role: UserRole::None,
        ..slow()
    })
    .await;
    let token = simulator.issue_token(TokenRequest::default().scopes(["Machine.Isolate"]));
    let id = ready(&simulator).machine.id;
    for route in ["isolate", "unisolate"] {
        let path = format!("/api/machines/{id}/{route}");
        let call = call(&simulator, "POST", &path).token(&token);
        let answer = call.json(&json!({"Comment": "why"})).send().await;
        assert_eq!(answer.error(), (403, "Forbidden"), "{route}");
    }
}

#[tokio::test]
async fn an_action_on_an_offline_device_times_out() {
    let simulator = permitted(Config {
        action_deadline: Duration::from_millis(50),
        ..slow()
    })
    .await;
    let id = offline(&simulator).machine.id;
    for action in [
        offboard(&simulator, &id).await,
        isolate(&simulator, &id, "Full").await,
    ] {
        let path = format!(
            "/api/machineactions/{}",
            action.json["id"].as_str().unwrap()
        );
        until(async || get(&simulator, &path).await.json["status"] != "Pending").await;
        let ended = get(&simulator, &path).await.json;
        assert_eq!(ended["status"], "TimeOut");
        assert_eq!(ended["errorHResult"], -2_145_844_840);
        let cancel = post(&simulator, &format!("{path}/cancel"), &json!({})).await;
        assert_eq!(cancel.error(), (400, "BadRequest"));
    }
    // The machine can be tried again.
    assert_eq!(offboard(&simulator, &id).await.json["status"], "Pending");
}
