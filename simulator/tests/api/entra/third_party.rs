//! Requests of other clients, all of which Entra ID accepts.

use std::time::Duration;

use offboard_simulator::Config;
use serde_json::json;

use super::*;
use crate::client::{start, start_slow};

const NAMES: [&str; 9] = [
    "https://api.securitycenter.windows.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
    "fc780465-2017-40d4-a0c5-307022471b92",
    "https://api-us.securitycenter.microsoft.com",
    "https://api-eu.securitycenter.microsoft.com",
    "https://api-uk.securitycenter.microsoft.com",
    "https://api-us.securitycenter.windows.com",
    "https://api-eu.securitycenter.windows.com",
    "https://api-uk.securitycenter.windows.com",
];

#[tokio::test]
async fn the_service_has_several_names_as_a_resource() {
    let simulator = start_slow().await;
    let v1 = endpoint(&simulator, "oauth2/token");
    for name in NAMES {
        let form = Form::secret(&simulator).with("scope", format!("{name}/.default"));
        let claims = accepted(&simulator, &form.send(&simulator).await).await;
        assert_eq!(claims["aud"], name);
        let form = form.without("scope").with("resource", format!("{name}/"));
        let claims = accepted(&simulator, &form.post(&simulator, &v1).await).await;
        assert_eq!(claims["aud"], format!("{name}/"));
        let path =
            format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={name}");
        let call = call(&simulator, "GET", &path).header("metadata", "true");
        accepted(&simulator, &call.send().await).await;
    }
}

#[tokio::test]
async fn the_names_of_another_cloud_are_not_known() {
    let government = "https://api-gov.securitycenter.microsoft.us";
    let simulator = start(Config {
        accept_resources: vec![government.to_owned()],
        audience: government.to_owned(),
        ..Config::default()
    })
    .await;
    for name in NAMES {
        let form = Form::secret(&simulator).with("scope", format!("{name}/.default"));
        let answer = form.send(&simulator).await;
        assert_eq!(
            answer.aadsts(),
            (400, "invalid_resource", 500_011),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_token_request_needs_no_content_type() {
    let simulator = start_slow().await;
    let form = Form::secret(&simulator);
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form.0.iter().map(|(name, value)| (*name, value)))
        .finish();
    for path in ["oauth2/v2.0/token", "oauth2/token"] {
        let path = endpoint(&simulator, path);
        let body = format!("{body}&resource={RESOURCE}");
        let answer = call(&simulator, "POST", &path).text(&body).send().await;
        accepted(&simulator, &answer).await;
        let json = call(&simulator, "POST", &path).json(&json!({"grant_type": "x"}));
        assert_eq!(json.send().await.aadsts().2, 900_144);
    }
    let requests = call(&simulator, "GET", "/_simulator/requests").send().await;
    assert!(
        !requests.text.contains(simulator.client_secret()),
        "{}",
        requests.text
    );
}

/// What MSAL for Node.js sends: its own name of the grant, and parameters about itself.
#[tokio::test]
async fn a_device_code_has_a_short_grant_type() {
    let simulator = start(Config {
        device_code_interval: Duration::ZERO,
        ..Config::default()
    })
    .await;
    let about = Form::new()
        .with("client_id", simulator.client_id())
        .with(
            "scope",
            format!("{RESOURCE}/Machine.Read openid profile offline_access"),
        )
        .with("x-client-SKU", "msal.js.node")
        .with("x-ms-lib-capability", "retry-after, h429");
    let begun = about
        .post(&simulator, "/common/oauth2/v2.0/devicecode")
        .await;
    let poll = about
        .with("grant_type", "device_code")
        .with("device_code", begun.json["device_code"].as_str().unwrap())
        .with("client_info", "1");
    assert_eq!(poll.send(&simulator).await.aadsts().2, 70016);
    assert!(simulator.approve_device_code(begun.json["user_code"].as_str().unwrap()));
    let answer = poll.send(&simulator).await;
    let claims = accepted(&simulator, &answer).await;
    // A user's token has all permissions with consent.
    assert_eq!(claims["scp"], "Machine.Offboard Machine.Read");
    assert_eq!(
        answer.json["scope"],
        format!("{RESOURCE}/Machine.Offboard {RESOURCE}/Machine.Read openid profile")
    );
    assert!(answer.json["refresh_token"].is_string());
}

#[tokio::test]
async fn the_first_versions_endpoints_have_device_codes_too() {
    let simulator = start_slow().await;
    let form = Form::new()
        .with("client_id", simulator.client_id())
        .with("resource", RESOURCE);
    let begun = form.post(&simulator, "/common/oauth2/devicecode").await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.json["expires_in"], "900");
    let page = format!("{}/devicelogin", simulator.authority());
    assert_eq!(begun.json["verification_url"], page);
    assert!(simulator.approve_device_code(begun.json["user_code"].as_str().unwrap()));
    let poll = form
        .with("grant_type", "device_code")
        .with("code", begun.json["device_code"].as_str().unwrap());
    let answer = poll.post(&simulator, "/common/oauth2/token").await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(claims["idtyp"], "user");
}
