//! The discovery documents, and checks that need only them.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use offboard_simulator::FederatedRequest;
use uuid::Uuid;

use super::*;
use crate::client::start_slow;

async fn read(simulator: &Simulator, path: &str) -> Value {
    let answer = call(simulator, "GET", path).send().await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json
}

/// Follows a link of a document.
async fn follow(simulator: &Simulator, link: &Value) -> Value {
    let link = link.as_str().unwrap();
    read(simulator, link.strip_prefix(simulator.authority()).unwrap()).await
}

/// Checks a token as a library does that knows only the published keys.
fn verify(token: &str, keys: &Value, audience: &str, issuer: &str) -> bool {
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let Some(key) = keys.find(header.kid.as_deref().unwrap()) else {
        return false;
    };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    validation.validate_nbf = true;
    let key = DecodingKey::from_jwk(key).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

#[tokio::test]
async fn the_published_key_verifies_a_token() {
    let (simulator, other) = (start_slow().await, start_slow().await);
    let issuer = format!("https://sts.windows.net/{}/", simulator.tenant_id());
    for version in ["", "v2.0/"] {
        let path = endpoint(
            &simulator,
            &format!("{version}.well-known/openid-configuration"),
        );
        let document = read(&simulator, &path).await;
        let keys = follow(&simulator, &document["jwks_uri"]).await;
        assert!(
            verify(simulator.token(), &keys, RESOURCE, &issuer),
            "{path}"
        );
        assert!(!verify(simulator.token(), &keys, "x", &issuer));
        assert!(!verify(other.token(), &keys, RESOURCE, &issuer));
        let key = &keys["keys"][0];
        assert_eq!((&key["kty"], &key["use"]), (&"RSA".into(), &"sig".into()));
        assert_eq!(key["kid"], part(simulator.token(), 0)["kid"]);
        assert!(key["x5c"][0].as_str().unwrap().len() > 500);
    }
}

#[tokio::test]
async fn each_version_leads_to_its_endpoints() {
    let simulator = start_slow().await;
    let (origin, tenant) = (simulator.authority(), simulator.tenant_id());
    let issuers = [
        ("", format!("https://sts.windows.net/{tenant}/")),
        ("/v2.0", format!("{origin}/{tenant}/v2.0")),
    ];
    for (version, issuer) in issuers {
        for name in [tenant.to_string().as_str(), "contoso.test"] {
            let path = format!("/{name}{version}/.well-known/openid-configuration");
            let document = read(&simulator, &path).await;
            assert_eq!(document["issuer"], issuer.as_str());
            let endpoint = format!("{origin}/{tenant}/oauth2{version}/token");
            assert_eq!(document["token_endpoint"], endpoint);
        }
        let path = format!("/organizations{version}/.well-known/openid-configuration");
        let document = read(&simulator, &path).await;
        let endpoint = format!("{origin}/organizations/oauth2{version}/token");
        assert_eq!(document["token_endpoint"], endpoint);
    }
}

#[tokio::test]
async fn another_tenant_has_no_documents() {
    let simulator = start_slow().await;
    let other = Uuid::from_u128(7);
    for path in [
        "v2.0/.well-known/openid-configuration",
        ".well-known/openid-configuration",
        "discovery/keys",
        "discovery/v2.0/keys",
    ] {
        let answer = call(&simulator, "GET", &format!("/{other}/{path}"))
            .send()
            .await;
        assert_eq!(answer.aadsts(), (400, "invalid_request", 90002), "{path}");
    }
}

#[tokio::test]
async fn the_instance_is_itself_alone() {
    let simulator = start_slow().await;
    let path = "/common/discovery/instance?api-version=1.1&authorization_endpoint=x";
    let document = read(&simulator, path).await;
    let host = simulator.authority().strip_prefix("http://").unwrap();
    assert_eq!(
        document["metadata"][0]["aliases"],
        serde_json::json!([host])
    );
    let found = follow(&simulator, &document["tenant_discovery_endpoint"]).await;
    assert!(found["token_endpoint"].is_string());
}

#[tokio::test]
async fn the_other_provider_publishes_its_key() {
    let simulator = start_slow().await;
    let assertion = simulator
        .federated_token(&FederatedRequest::default())
        .unwrap();
    let path = "/federation/.well-known/openid-configuration";
    let document = read(&simulator, path).await;
    let keys = follow(&simulator, &document["jwks_uri"]).await;
    let issuer = document["issuer"].as_str().unwrap();
    assert!(verify(
        &assertion,
        &keys,
        "api://AzureADTokenExchange",
        issuer
    ));
    assert!(!verify(simulator.token(), &keys, RESOURCE, issuer));
    let shown = read(&simulator, "/_simulator/application").await;
    assert_eq!(shown["federatedIssuer"], issuer);
}
