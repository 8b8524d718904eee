//! Managed identities.

use offboard_simulator::Config;
use serde_json::json;

use super::*;
use crate::client::{start, start_slow};

const VM_TOKEN_PATH: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01";
const SERVICE: &str = "/msi/token?api-version=2019-08-01";

async fn machine(simulator: &Simulator, query: &str) -> Answer {
    call(simulator, "GET", &format!("{VM_TOKEN_PATH}{query}"))
        .header("metadata", "true")
        .send()
        .await
}

async fn service(simulator: &Simulator, query: &str) -> Answer {
    call(simulator, "GET", &format!("{SERVICE}{query}"))
        .header("x-identity-header", simulator.identity_header())
        .send()
        .await
}

#[tokio::test]
async fn a_virtual_machine_gets_its_own_token() {
    let simulator = start_slow().await;
    let answer = machine(&simulator, &format!("&resource={RESOURCE}/")).await;
    let claims = accepted(&simulator, &answer).await;
    let [system, _] = simulator.managed_identities();
    assert_eq!(claims["appid"], json!(system.client_id));
    assert_eq!(claims["oid"], json!(system.object_id));
    assert_eq!(claims["aud"], json!(format!("{RESOURCE}/")));
    assert_eq!(
        (&claims["idtyp"], &claims["appidacr"]),
        (&json!("app"), &json!("2"))
    );
    for (name, value) in [
        ("expires_in", json!("3599")),
        ("expires_on", json!(claims["exp"].to_string())),
        ("not_before", json!(claims["nbf"].to_string())),
        ("resource", json!(format!("{RESOURCE}/"))),
        ("token_type", json!("Bearer")),
        ("client_id", json!(system.client_id)),
    ] {
        assert_eq!(answer.json[name], value, "{name}");
    }
}

#[tokio::test]
async fn app_service_answers_in_its_own_shape() {
    let simulator = start_slow().await;
    let endpoint = format!("{}/msi/token", simulator.authority());
    assert_eq!(simulator.identity_endpoint(), endpoint);
    let answer = service(&simulator, &format!("&resource={RESOURCE}")).await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(
        answer.json.as_object().unwrap().keys().collect::<Vec<_>>(),
        [
            "access_token",
            "client_id",
            "expires_on",
            "resource",
            "token_type"
        ]
    );
    assert_eq!(answer.json["expires_on"], json!(claims["exp"].to_string()));
    assert_eq!(simulator.issued_tokens().managed_identity, 1);
}

#[tokio::test]
async fn an_identity_is_found_by_each_of_its_names() {
    let simulator = start_slow().await;
    let [system, user] = simulator.managed_identities();
    for identity in [system, user] {
        let (client, object, resource) = (
            identity.client_id,
            identity.object_id,
            &identity.resource_id,
        );
        for (answer, by) in [
            (
                machine(
                    &simulator,
                    &format!("&resource={RESOURCE}&client_id={client}"),
                )
                .await,
                "client",
            ),
            (
                machine(
                    &simulator,
                    &format!("&resource={RESOURCE}&object_id={object}"),
                )
                .await,
                "object",
            ),
            (
                machine(
                    &simulator,
                    &format!("&resource={RESOURCE}&msi_res_id={resource}"),
                )
                .await,
                "id",
            ),
            (
                service(
                    &simulator,
                    &format!("&resource={RESOURCE}&client_id={client}"),
                )
                .await,
                "client",
            ),
            (
                service(
                    &simulator,
                    &format!("&resource={RESOURCE}&principal_id={object}"),
                )
                .await,
                "object",
            ),
            (
                service(
                    &simulator,
                    &format!("&resource={RESOURCE}&object_id={object}"),
                )
                .await,
                "alias",
            ),
            (
                service(
                    &simulator,
                    &format!("&resource={RESOURCE}&mi_res_id={resource}"),
                )
                .await,
                "id",
            ),
        ] {
            let claims = accepted(&simulator, &answer).await;
            assert_eq!(claims["appid"], json!(client), "{by}");
        }
    }
    let both = format!(
        "&resource={RESOURCE}&client_id={}&object_id={}",
        system.client_id, user.object_id
    );
    assert_eq!(machine(&simulator, &both).await.status, 400);
}

#[tokio::test]
async fn a_virtual_machine_is_refused_for_what_is_wrong() {
    let simulator = start_slow().await;
    let good = format!("{VM_TOKEN_PATH}&resource={RESOURCE}");
    for (path, header, expected) in [
        (good.as_str(), None, "invalid_request"),
        (&good, Some(("metadata", "false")), "invalid_request"),
        (VM_TOKEN_PATH, Some(("metadata", "true")), "invalid_request"),
        (
            "/metadata/identity/oauth2/token?resource=x",
            Some(("metadata", "true")),
            "invalid_request",
        ),
        (
            "/metadata/identity/oauth2/token?api-version=2017-01-01&resource=x",
            Some(("metadata", "true")),
            "invalid_request",
        ),
        (
            &format!("{good}&client_id={}", simulator.client_id()),
            Some(("metadata", "true")),
            "invalid_request",
        ),
        (
            &format!("{VM_TOKEN_PATH}&resource=https://graph.microsoft.com"),
            Some(("metadata", "true")),
            "invalid_resource",
        ),
    ] {
        let mut call = call(&simulator, "GET", path);
        if let Some((name, value)) = header {
            call = call.header(name, value);
        }
        let answer = call.send().await;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        assert_eq!(answer.json["error"], expected, "{path}");
    }
    let forwarded = call(&simulator, "GET", &good)
        .header("metadata", "true")
        .header("x-forwarded-for", "192.0.2.1")
        .send()
        .await;
    assert_eq!(forwarded.status, 400);
    assert_eq!(simulator.issued_tokens().managed_identity, 0);
    accepted(
        &simulator,
        &machine(&simulator, &format!("&resource={RESOURCE}")).await,
    )
    .await;
}

#[tokio::test]
async fn app_service_wants_its_secret() {
    let simulator = start_slow().await;
    let path = format!("{SERVICE}&resource={RESOURCE}");
    let none = call(&simulator, "GET", &path).send().await;
    let wrong = call(&simulator, "GET", &path)
        .header("x-identity-header", "x")
        .send()
        .await;
    for answer in [none, wrong] {
        assert_eq!(
            (answer.status, &answer.json["statusCode"]),
            (401, &json!(401))
        );
    }
    let later = SERVICE.replace("2019-08-01", "2020-08-01");
    let answer = call(&simulator, "GET", &format!("{later}&resource={RESOURCE}"))
        .header("x-identity-header", simulator.identity_header())
        .send()
        .await;
    assert_eq!(answer.status, 400);
    accepted(
        &simulator,
        &service(&simulator, &format!("&resource={RESOURCE}")).await,
    )
    .await;
}

#[tokio::test]
async fn policies_do_not_reach_them_and_roles_do() {
    let simulator = start(Config {
        conditional_access: true,
        roles: vec!["Machine.Read.All".to_owned()],
        ..Config::default()
    })
    .await;
    let answer = machine(&simulator, &format!("&resource={RESOURCE}")).await;
    let claims = accepted(&simulator, &answer).await;
    assert_eq!(claims["roles"], json!(["Machine.Read.All"]));
}
