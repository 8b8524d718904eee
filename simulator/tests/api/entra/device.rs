//! A user with a device code, and the refresh tokens after it.

use std::time::Duration;

use offboard_simulator::Config;
use serde_json::json;

use super::*;
use crate::client::{offboard, ready, start, start_slow};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The answer to a request for a code.
struct Begun {
    user_code: String,
    poll: Form,
}

async fn begin(simulator: &Simulator, scope: &str) -> Begun {
    let form = Form::new()
        .with("client_id", simulator.client_id())
        .with("scope", scope);
    let answer = form
        .post(simulator, "/organizations/oauth2/v2.0/devicecode")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
    let page = format!("{}/devicelogin", simulator.authority());
    assert_eq!(text("verification_uri"), page);
    assert!(text("message").contains(&text("user_code")) && text("message").contains(&page));
    Begun {
        user_code: text("user_code"),
        poll: Form::new()
            .with("grant_type", GRANT)
            .with("client_id", simulator.client_id())
            .with("device_code", text("device_code")),
    }
}

async fn say(simulator: &Simulator, user_code: &str, answer: &str) -> Answer {
    let form = Form::new()
        .with("user_code", user_code)
        .with("answer", answer);
    form.post(simulator, "/devicelogin").await
}

async fn impatient() -> Simulator {
    start(Config {
        device_code_interval: Duration::ZERO,
        ..Config::default()
    })
    .await
}

#[tokio::test]
async fn a_person_approves_on_the_page() {
    let simulator = impatient().await;
    let begun = begin(&simulator, SCOPE).await;
    let pending = begun.poll.send(&simulator).await;
    assert_eq!(pending.aadsts(), (400, "authorization_pending", 70016));
    let shown = call(&simulator, "GET", "/_simulator/devicecodes")
        .send()
        .await;
    assert_eq!(
        shown.json,
        json!([{"userCode": begun.user_code, "decision": "pending"}])
    );

    let page = call(&simulator, "GET", "/devicelogin").send().await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    for part in [
        "name=\"user_code\"",
        "value=\"approve\"",
        "analyst@contoso.test",
    ] {
        assert!(page.text.contains(part), "{}", page.text);
    }
    assert_eq!(say(&simulator, "nonsense", "approve").await.status, 400);
    assert_eq!(
        say(&simulator, &begun.user_code, "perhaps").await.status,
        400
    );
    assert_eq!(begun.poll.send(&simulator).await.aadsts().2, 70016);
    assert_eq!(
        say(&simulator, &begun.user_code, "approve").await.status,
        200
    );
    assert_eq!(
        say(&simulator, &begun.user_code, "decline").await.status,
        400
    );

    let answer = begun.poll.send(&simulator).await;
    let claims = accepted(&simulator, &answer).await;
    for (name, value) in [
        ("scp", json!("Machine.Offboard Machine.Read")),
        ("upn", json!("analyst@contoso.test")),
        ("idtyp", json!("user")),
        ("appidacr", json!("0")),
        ("aud", json!(RESOURCE)),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims.get("roles").is_none());
    assert_eq!(
        answer.json["scope"],
        format!("{RESOURCE}/Machine.Offboard {RESOURCE}/Machine.Read")
    );
    for absent in ["refresh_token", "id_token", "client_info"] {
        assert!(answer.json.get(absent).is_none(), "{absent}");
    }
    let again = begun.poll.send(&simulator).await;
    assert_eq!(again.aadsts(), (400, "bad_verification_code", 70018));
    assert_eq!(simulator.issued_tokens().device_code, 1);
}

#[tokio::test]
async fn whoever_polls_too_often_is_slowed_down() {
    let simulator = start_slow().await;
    let begun = begin(&simulator, SCOPE).await;
    assert_eq!(
        begun.poll.send(&simulator).await.aadsts().1,
        "authorization_pending"
    );
    assert_eq!(begun.poll.send(&simulator).await.aadsts().1, "slow_down");
    assert!(simulator.approve_device_code(&begun.user_code));
    accepted(&simulator, &begun.poll.send(&simulator).await).await;
}

#[tokio::test]
async fn a_person_declines() {
    let simulator = impatient().await;
    for page in [true, false] {
        let begun = begin(&simulator, SCOPE).await;
        if page {
            assert_eq!(
                say(&simulator, &begun.user_code, "decline").await.status,
                200
            );
        } else {
            assert!(simulator.decline_device_code(&begun.user_code));
        }
        assert!(!simulator.approve_device_code(&begun.user_code));
        let answer = begun.poll.send(&simulator).await;
        assert_eq!(answer.aadsts(), (400, "authorization_declined", 65004));
    }
}

#[tokio::test]
async fn a_code_expires() {
    let simulator = start(Config {
        device_code_lifetime: Duration::from_millis(50),
        ..Config::default()
    })
    .await;
    let begun = begin(&simulator, SCOPE).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!simulator.approve_device_code(&begun.user_code));
    let answer = begun.poll.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "expired_token", 70020));
}

#[tokio::test]
async fn a_code_is_for_something_that_exists_and_was_consented_to() {
    let simulator = impatient().await;
    for (scope, expected) in [
        (
            "https://graph.microsoft.com/.default",
            (400, "invalid_resource", 500_011),
        ),
        ("openid", (400, "invalid_scope", 70011)),
        ("Machine.Read", (400, "invalid_scope", 70011)),
    ] {
        let form = Form::new()
            .with("client_id", simulator.client_id())
            .with("scope", scope);
        let answer = form
            .post(&simulator, "/common/oauth2/v2.0/devicecode")
            .await;
        assert_eq!(answer.aadsts(), expected, "{scope}");
    }
    let begun = begin(&simulator, &format!("{RESOURCE}/Machine.Isolate")).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let answer = begun.poll.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "invalid_grant", 65001));

    let begun = begin(&simulator, &format!("{RESOURCE}/Machine.Read")).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let claims = accepted(&simulator, &begun.poll.send(&simulator).await).await;
    assert_eq!(claims["scp"], "Machine.Offboard Machine.Read");
}

#[tokio::test]
async fn without_any_consent_a_user_gets_nothing() {
    let simulator = start(Config {
        scopes: Vec::new(),
        ..Config::default()
    })
    .await;
    let begun = begin(&simulator, SCOPE).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let answer = begun.poll.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "invalid_grant", 65001));
}

#[tokio::test]
async fn a_refresh_token_gives_a_new_pair() {
    let simulator = start_slow().await;
    let begun = begin(&simulator, &format!("{SCOPE} openid offline_access")).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let poll = begun.poll.with("client_info", "1");
    let first = poll.send(&simulator).await;
    accepted(&simulator, &first).await;
    let id = part(first.json["id_token"].as_str().unwrap(), 1);
    assert_eq!(id["aud"], json!(simulator.client_id()));
    assert_eq!(id["preferred_username"], "analyst@contoso.test");
    let info = first.json["client_info"].as_str().unwrap();
    let info: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(info).unwrap()).unwrap();
    assert_eq!(
        info,
        json!({"uid": id["oid"], "utid": simulator.tenant_id()})
    );

    let mut refresh = first.json["refresh_token"].as_str().unwrap().to_owned();
    for count in 1..=2 {
        let form = Form::new()
            .with("grant_type", "refresh_token")
            .with("client_id", simulator.client_id())
            .with("scope", format!("{RESOURCE}/Machine.Read"))
            .with("refresh_token", &refresh);
        let answer = form.send(&simulator).await;
        let claims = accepted(&simulator, &answer).await;
        assert_eq!(
            (&claims["scp"], &claims["idtyp"]),
            (&json!("Machine.Offboard Machine.Read"), &json!("user"))
        );
        assert_eq!(simulator.issued_tokens().refresh_token, count);
        let next = answer.json["refresh_token"].as_str().unwrap().to_owned();
        assert_ne!(next, refresh);
        refresh = next;
    }
    let form = Form::new()
        .with("grant_type", "refresh_token")
        .with("client_id", simulator.client_id())
        .with("refresh_token", &refresh);
    let path = endpoint(&simulator, "oauth2/token");
    let answer = form.post(&simulator, &path).await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(claims["scp"], "Machine.Offboard Machine.Read");
    simulator.revoke_refresh_tokens();
    let answer = form.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "invalid_grant", 70000));
    let answer = form.without("refresh_token").send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "invalid_request", 900_144));
}

#[tokio::test]
async fn a_policy_blocks_users_too() {
    let simulator = start(Config {
        conditional_access: true,
        ..Config::default()
    })
    .await;
    let begun = begin(&simulator, SCOPE).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let answer = begun.poll.send(&simulator).await;
    assert_eq!(answer.aadsts(), (400, "interaction_required", 53003));
}

#[tokio::test]
async fn what_a_user_does_is_in_the_users_name() {
    let simulator = start_slow().await;
    let begun = begin(&simulator, SCOPE).await;
    assert!(simulator.approve_device_code(&begun.user_code));
    let answer = begun.poll.send(&simulator).await;
    let machine = ready(&simulator).machine.id;
    let action = call(
        &simulator,
        "POST",
        &format!("/api/machines/{machine}/offboard"),
    )
    .token(answer.json["access_token"].as_str().unwrap())
    .json(&json!({"Comment": "why"}))
    .send()
    .await;
    assert_eq!(action.json["requestor"], "analyst@contoso.test");
    let other = offboard(&simulator, &machine).await;
    assert_eq!(other.json["id"], action.json["id"]);
}
