//! Requests that Entra ID refuses.

use offboard_simulator::Config;
use uuid::Uuid;

use super::*;
use crate::client::{get, start, start_slow};

#[tokio::test]
async fn a_request_is_refused_for_what_is_wrong_in_it() {
    let simulator = start_slow().await;
    let good = Form::secret(&simulator);
    let other = "https://graph.microsoft.com";
    for (form, expected) in [
        (
            good.clone().with("client_secret", "x"),
            (401, "invalid_client", 7_000_215),
        ),
        (
            good.clone().without("client_secret"),
            (401, "invalid_client", 7_000_218),
        ),
        (
            good.clone().with("client_secret", ""),
            (401, "invalid_client", 7_000_218),
        ),
        (
            good.clone().with("client_id", Uuid::from_u128(7)),
            (400, "unauthorized_client", 700_016),
        ),
        (
            good.clone().with("client_id", "x"),
            (400, "unauthorized_client", 700_016),
        ),
        (
            good.clone().without("client_id"),
            (400, "invalid_request", 900_144),
        ),
        (
            good.clone().without("grant_type"),
            (400, "invalid_request", 900_144),
        ),
        (
            good.clone().without("scope"),
            (400, "invalid_request", 900_144),
        ),
        (
            good.clone().with("grant_type", "password"),
            (400, "unsupported_grant_type", 70003),
        ),
        (
            good.clone()
                .with("scope", format!("{RESOURCE}/Machine.Offboard")),
            (400, "invalid_scope", 1_002_012),
        ),
        (
            good.clone().with("scope", "Machine.Offboard"),
            (400, "invalid_scope", 1_002_012),
        ),
        (
            good.clone().with("scope", format!("{SCOPE} openid")),
            (400, "invalid_scope", 1_002_012),
        ),
        (
            good.clone()
                .with("scope", format!("{SCOPE} {other}/.default")),
            (400, "invalid_scope", 70011),
        ),
        (
            good.clone().with("scope", format!("{other}/.default")),
            (400, "invalid_resource", 500_011),
        ),
        (
            good.clone().with("client_assertion", "x.y.z"),
            (401, "invalid_client", 70002),
        ),
    ] {
        let answer = form.send(&simulator).await;
        assert_eq!(answer.aadsts(), expected, "{form:?}");
        assert!(answer.json.get("access_token").is_none());
    }
    assert_eq!(simulator.issued_tokens().client_credentials, 0);
    accepted(&simulator, &good.send(&simulator).await).await;
}

#[tokio::test]
async fn the_first_version_needs_a_resource() {
    let simulator = start_slow().await;
    let path = endpoint(&simulator, "oauth2/token");
    let answer = Form::secret(&simulator).post(&simulator, &path).await;
    assert_eq!(answer.aadsts(), (400, "invalid_request", 900_144));
    assert!(answer.text.contains("'resource'"), "{answer:?}");
}

#[tokio::test]
async fn the_tenant_has_to_be_this_one() {
    let simulator = start_slow().await;
    let form = Form::secret(&simulator);
    for (tenant, expected) in [
        (Uuid::from_u128(7).to_string().as_str(), 90002),
        ("fabrikam.test", 90002),
        ("consumers", 90002),
        ("common", 50059),
        ("organizations", 50059),
    ] {
        let answer = form
            .post(&simulator, &format!("/{tenant}/oauth2/v2.0/token"))
            .await;
        assert_eq!(
            answer.aadsts(),
            (400, "invalid_request", expected),
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn only_a_form_is_read() {
    let simulator = start_slow().await;
    let path = endpoint(&simulator, "oauth2/v2.0/token");
    let json = call(&simulator, "POST", &path)
        .json(&serde_json::json!({"grant_type": "client_credentials"}))
        .send()
        .await;
    assert_eq!(json.aadsts().0, 400);
    let twice = call(&simulator, "POST", &path)
        .form(&[("client_id", "a"), ("client_id", "b")])
        .send()
        .await;
    assert_eq!(twice.aadsts().0, 400);
    let get = call(&simulator, "GET", &path).send().await;
    assert_eq!(get.status, 404);
}

#[tokio::test]
async fn an_expired_secret_is_distinguished_from_a_wrong_one() {
    let simulator = start(Config {
        secret_expired: true,
        ..Config::default()
    })
    .await;
    let form = Form::secret(&simulator);
    let answer = form.send(&simulator).await;
    assert_eq!(answer.aadsts(), (401, "invalid_client", 7_000_222));
    let answer = form.with("client_secret", "x").send(&simulator).await;
    assert_eq!(answer.aadsts(), (401, "invalid_client", 7_000_215));
}

#[tokio::test]
async fn a_policy_blocks_those_whose_credential_is_right() {
    let simulator = start(Config {
        conditional_access: true,
        ..Config::default()
    })
    .await;
    let form = Form::secret(&simulator);
    let answer = form.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "interaction_required", 53003));
    assert_eq!(answer.json["suberror"], "message_only");
    let answer = form.with("client_secret", "x").send(&simulator).await;
    assert_eq!(answer.aadsts().2, 7_000_215);
    assert_eq!(get(&simulator, "/api/machines?$top=1").await.status, 200);
}

#[tokio::test]
async fn the_correlation_id_is_the_callers() {
    let simulator = start_slow().await;
    let id = Uuid::from_u128(7).to_string();
    let answer = call(&simulator, "POST", &endpoint(&simulator, "oauth2/token"))
        .header("client-request-id", &id)
        .form(&[])
        .send()
        .await;
    assert_eq!(answer.aadsts().2, 900_144);
    assert_eq!(answer.json["correlation_id"], id);
    assert_ne!(answer.json["trace_id"], id);
}
