//! The tokens that the API accepts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offboard_simulator::{Config, Simulator, TokenRequest};
use serde_json::json;
use uuid::Uuid;

use crate::client::{Answer, call, get, ready, start, start_slow};

/// Every route of the API, for existing entities if possible.
fn routes(simulator: &Simulator) -> Vec<(&'static str, String)> {
    let id = ready(simulator).machine.id;
    let action = "11111111-2222-3333-4444-555555555555";
    vec![
        ("GET", "/api/machines".to_owned()),
        ("GET", format!("/api/machines/{id}")),
        ("POST", format!("/api/machines/{id}/offboard")),
        ("GET", "/api/machineactions".to_owned()),
        ("GET", format!("/api/v1.0/machineactions/{action}")),
        ("POST", format!("/api/v1.0/machineactions/{action}/cancel")),
        ("POST", format!("/api/machines/{id}/tags")),
    ]
}

async fn send(simulator: &Simulator, (method, path): &(&str, String), token: &str) -> Answer {
    call(simulator, method, path)
        .token(token)
        .json(&json!({"Comment": "why"}))
        .send()
        .await
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_answered() {
    let simulator = start_slow().await;
    let other = start_slow().await;
    let expired = simulator.issue_token(TokenRequest::default().lifetime(-1));
    let (signed, _) = simulator.token().rsplit_once('.').unwrap();
    for route in routes(&simulator) {
        for token in [other.token(), &expired, &format!("{signed}.AAAA"), "x", ""] {
            let answer = send(&simulator, &route, token).await;
            assert_eq!(answer.error(), (401, "Unauthorized"), "{route:?} {token}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        let (method, path) = &route;
        let bare = call(&simulator, method, path).send().await;
        assert_eq!(bare.error(), (401, "Unauthorized"), "{route:?}");
        for value in ["Basic eDp5", "Bearer", simulator.token()] {
            let answer = call(&simulator, method, path)
                .header("authorization", value)
                .send()
                .await;
            assert_eq!(answer.error(), (401, "Unauthorized"), "{route:?}");
        }
        let twice = call(&simulator, method, path)
            .token(simulator.token())
            .token(simulator.token())
            .send()
            .await;
        assert_eq!(twice.error(), (401, "Unauthorized"), "{route:?}");
    }
    assert!(
        simulator
            .machines()
            .iter()
            .all(|machine| machine.pending_action_id.is_none())
    );
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_401() {
    let simulator = start_slow().await;
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Vec<_> = simulator.token().split('.').collect();
    let none = part(json!({"typ": "JWT", "alg": "none"}));
    let mut claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["roles"] = json!(["Machine.ReadWrite.All"]);
    let other_tenant = TokenRequest::default().tenant(Uuid::from_u128(7));
    for (token, reason) in [
        (format!("{none}.{}.", parts[1]), "malformed"),
        (format!("{none}.{}.{}", parts[1], parts[2]), "malformed"),
        (
            format!("{}.{}.{}", parts[0], part(claims), parts[2]),
            "signature",
        ),
        (simulator.issue_token(other_tenant), "tenant"),
        (
            simulator.issue_token(TokenRequest::default().lifetime(-1)),
            "expired",
        ),
    ] {
        for route in routes(&simulator) {
            let answer = send(&simulator, &route, &token).await;
            assert_eq!(answer.error(), (401, "Unauthorized"), "{route:?} {reason}");
            assert!(answer.message().contains(reason), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_audience_is_403() {
    let simulator = start_slow().await;
    for audience in [
        "https://api.security.microsoft.com",
        "https://graph.microsoft.com",
        "",
    ] {
        let token = simulator.issue_token(TokenRequest::default().audience(audience));
        for route in routes(&simulator) {
            let answer = send(&simulator, &route, &token).await;
            assert_eq!(answer.error(), (403, "Forbidden"), "{route:?} {audience}");
            assert!(answer.message().contains("audience"), "{answer:?}");
        }
    }
    let slash = TokenRequest::default().audience("https://api.securitycenter.microsoft.com/");
    let answer = call(&simulator, "GET", "/api/machines")
        .token(&simulator.issue_token(slash))
        .send()
        .await;
    assert_eq!(answer.status, 200);
    let wrong = start(Config {
        audience: "https://graph.microsoft.com".to_owned(),
        ..Config::default()
    })
    .await;
    assert_eq!(
        get(&wrong, "/api/machines").await.error(),
        (403, "Forbidden")
    );
}

#[tokio::test]
async fn each_route_asks_for_its_own_permission() {
    let simulator = start_slow().await;
    let (read, offboard, cancel) = (&[0, 1, 3, 4][..], &[2][..], &[5][..]);
    let read_and_tag = &[0, 1, 3, 4, 6][..];
    let both = [offboard, cancel].concat();
    let roles = |role| TokenRequest::default().roles([role]);
    let scopes = |scope| TokenRequest::default().scopes([scope]);
    for (request, admitted) in [
        (roles("Machine.Read.All"), read),
        (roles("Machine.ReadWrite.All"), read_and_tag),
        (roles("Machine.Read"), &[]),
        (roles("Machine.Offboard"), &both),
        (roles("Machine.Isolate"), cancel),
        (roles("Machine.CollectForensics"), cancel),
        (roles("Machine.RestrictExecution"), cancel),
        (roles("Machine.Scan"), cancel),
        (roles("Machine.StopAndQuarantine"), cancel),
        (roles("Machine.LiveResponse"), cancel),
        (roles("machine.offboard"), &[]),
        (roles("Alert.Read.All"), &[]),
        (TokenRequest::default().roles([]), &[]),
        (scopes("Machine.Read"), read),
        (scopes("Machine.ReadWrite"), read_and_tag),
        (scopes("Machine.Read.All"), &[]),
        (scopes("Machine.Offboard"), &both),
        (scopes("Machine.Isolate"), cancel),
        (
            TokenRequest::default()
                .scopes([])
                .roles(["Machine.Offboard"]),
            &[],
        ),
    ] {
        let token = simulator.issue_token(request.clone());
        for (index, route) in routes(&simulator).iter().enumerate() {
            let answer = send(&simulator, route, &token).await;
            assert_eq!(
                answer.status != 403,
                admitted.contains(&index),
                "{route:?} {request:?}"
            );
            if answer.status == 403 {
                assert_eq!(answer.error(), (403, "Forbidden"));
            }
        }
    }
}

#[tokio::test]
async fn the_refusal_lists_required_and_held_roles() {
    let simulator = start(Config {
        roles: vec!["Machine.Read.All".to_owned()],
        ..Config::default()
    })
    .await;
    let routes = routes(&simulator);
    let answer = send(&simulator, &routes[2], simulator.token()).await;
    assert_eq!(answer.error(), (403, "Forbidden"));
    assert_eq!(
        answer.message(),
        "Missing application roles. API required roles: Machine.Offboard, application roles: Machine.Read.All."
    );
    assert_eq!(
        send(&simulator, &routes[0], simulator.token()).await.status,
        200
    );
}
