//! An application with a secret.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use offboard_simulator::Config;
use serde_json::json;

use super::*;
use crate::client::{get, start, start_slow};

#[tokio::test]
async fn the_second_version_answers_with_numbers() {
    let simulator = start_slow().await;
    let answer = Form::secret(&simulator).send(&simulator).await;
    let claims = accepted(&simulator, &answer).await;
    let body = answer.json.as_object().unwrap();
    assert_eq!(
        body.keys().collect::<Vec<_>>(),
        ["token_type", "expires_in", "ext_expires_in", "access_token"]
    );
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(3599))
    );
    assert_eq!(answer.headers["cache-control"], "no-store, no-cache");

    let tenant = simulator.tenant_id();
    for (name, value) in [
        ("aud", json!(RESOURCE)),
        ("iss", json!(format!("https://sts.windows.net/{tenant}/"))),
        ("ver", json!("1.0")),
        ("appid", json!(simulator.client_id())),
        ("appidacr", json!("1")),
        ("app_displayname", json!("offboard-simulator-app")),
        ("idtyp", json!("app")),
        ("tid", json!(tenant)),
        ("roles", json!(["Machine.Offboard", "Machine.Read.All"])),
        ("sub", claims["oid"].clone()),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let second = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(second("exp") - second("iat"), 3600);
    assert_eq!(second("nbf"), second("iat"));
    assert!(claims.get("scp").is_none() && claims.get("upn").is_none());
}

#[tokio::test]
async fn the_first_version_answers_with_texts() {
    let simulator = start_slow().await;
    let form = Form::secret(&simulator)
        .without("scope")
        .with("resource", RESOURCE);
    let path = endpoint(&simulator, "oauth2/token");
    let answer = form.post(&simulator, &path).await;
    let claims = accepted(&simulator, &answer).await;
    let body = &answer.json;
    assert_eq!(
        (&body["expires_in"], &body["resource"]),
        (&json!("3599"), &json!(RESOURCE))
    );
    assert_eq!(body["expires_on"], json!(claims["exp"].to_string()));
    assert_eq!(body["not_before"], json!(claims["nbf"].to_string()));
}

#[tokio::test]
async fn the_audience_keeps_the_slash_of_the_request() {
    let simulator = start_slow().await;
    let slash = format!("{RESOURCE}/");
    let second = Form::secret(&simulator).with("scope", format!("{slash}/.default"));
    let claims = accepted(&simulator, &second.send(&simulator).await).await;
    assert_eq!(claims["aud"], json!(slash));
    let first = second.without("scope").with("resource", &slash);
    let path = endpoint(&simulator, "oauth2/token");
    let claims = accepted(&simulator, &first.post(&simulator, &path).await).await;
    assert_eq!(claims["aud"], json!(slash));
}

#[tokio::test]
async fn the_secret_may_come_as_basic_and_the_tenant_by_its_domain() {
    let simulator = start(Config {
        client_secret: Some("a+b:c%&=ü".to_owned()),
        ..Config::default()
    })
    .await;
    let encoded: String =
        form_urlencoded::byte_serialize(simulator.client_secret().as_bytes()).collect();
    let basic = STANDARD.encode(format!("{}:{encoded}", simulator.client_id()));
    let answer = call(&simulator, "POST", "/Contoso.test/oauth2/v2.0/token")
        .header("authorization", &format!("Basic {basic}"))
        .form(&[("grant_type", "client_credentials"), ("scope", SCOPE)])
        .send()
        .await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(claims["tid"], json!(simulator.tenant_id()));
    accepted(&simulator, &Form::secret(&simulator).send(&simulator).await).await;
}

#[tokio::test]
async fn consent_counts_when_the_token_is_issued() {
    let simulator = start_slow().await;
    let old = Form::secret(&simulator).send(&simulator).await;
    simulator.set_roles(["Machine.ReadWrite.All"]);
    let answer = Form::secret(&simulator).send(&simulator).await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(claims["roles"], json!(["Machine.ReadWrite.All"]));
    let claims = accepted(&simulator, &old).await;
    assert_eq!(
        claims["roles"],
        json!(["Machine.Offboard", "Machine.Read.All"])
    );

    simulator.set_roles([] as [&str; 0]);
    let answer = Form::secret(&simulator).send(&simulator).await;
    let token = answer.json["access_token"].as_str().unwrap();
    assert!(part(token, 1).get("roles").is_none());
    let refused = call(&simulator, "GET", "/api/machines")
        .token(token)
        .send()
        .await;
    assert_eq!(refused.error(), (403, "Forbidden"));
}

#[tokio::test]
async fn a_secret_can_be_taken_away() {
    let simulator = start_slow().await;
    let form = Form::secret(&simulator);
    accepted(&simulator, &form.send(&simulator).await).await;
    simulator.revoke_secret();
    assert_eq!(
        form.send(&simulator).await.aadsts(),
        (401, "invalid_client", 7_000_215)
    );
    // Tokens that were issued before are not affected.
    assert_eq!(get(&simulator, "/api/machines?$top=1").await.status, 200);
}

#[tokio::test]
async fn revoked_tokens_are_401_and_new_ones_are_not() {
    let simulator = start_slow().await;
    let form = Form::secret(&simulator);
    let answer = form.send(&simulator).await;
    let token = answer.json["access_token"].as_str().unwrap().to_owned();
    simulator.revoke_tokens();
    for token in [&token, simulator.token()] {
        let refused = call(&simulator, "GET", "/api/machines")
            .token(token)
            .send()
            .await;
        assert_eq!(refused.error(), (401, "Unauthorized"));
        assert!(refused.message().contains("revoked"), "{refused:?}");
    }
    accepted(&simulator, &form.send(&simulator).await).await;
}

#[tokio::test]
async fn tokens_are_counted_and_their_lifetime_is_the_configured_one() {
    let simulator = start(Config {
        token_lifetime: Duration::from_secs(120),
        ..Config::default()
    })
    .await;
    let form = Form::secret(&simulator);
    for count in 1..=2 {
        let answer = form.send(&simulator).await;
        assert_eq!(answer.json["expires_in"], 119);
        assert_eq!(simulator.issued_tokens().client_credentials, count);
    }
    form.with("client_secret", "x").send(&simulator).await;
    let shown = call(&simulator, "GET", "/_simulator/tokens").send().await;
    assert_eq!(
        shown.json,
        json!({"clientCredentials": 2, "deviceCode": 0, "refreshToken": 0, "managedIdentity": 0})
    );
}

#[tokio::test]
async fn another_cloud_has_another_resource() {
    let government = "https://api-gov.securitycenter.microsoft.us";
    let simulator = start(Config {
        accept_resources: vec![government.to_owned()],
        audience: government.to_owned(),
        ..Config::default()
    })
    .await;
    assert_eq!(get(&simulator, "/api/machines?$top=1").await.status, 200);
    let form = Form::secret(&simulator);
    assert_eq!(
        form.send(&simulator).await.aadsts(),
        (400, "invalid_resource", 500_011)
    );
    let answer = form
        .with("scope", format!("{government}/.default"))
        .send(&simulator)
        .await;
    accepted(&simulator, &answer).await;
}

#[tokio::test]
async fn no_secret_is_shown() {
    let simulator = start_slow().await;
    Form::secret(&simulator).send(&simulator).await;
    let assertion = simulator.federated_token(&Default::default()).unwrap();
    Form::assertion(&simulator, &assertion)
        .send(&simulator)
        .await;
    for path in ["requests", "tokens", "application", "devicecodes"] {
        let shown = call(&simulator, "GET", &format!("/_simulator/{path}"))
            .send()
            .await;
        assert_eq!(shown.status, 200, "{path}");
        for secret in [
            simulator.client_secret(),
            &assertion,
            simulator.identity_header(),
        ] {
            assert!(!shown.text.contains(secret), "{path}");
        }
    }
}
