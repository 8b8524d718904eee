#![allow(clippy::unwrap_used)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2030-01-02T03:04:05Z".parse().unwrap()
}

fn authority() -> Tokens {
    Tokens::new(Config::default()).unwrap()
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A token with changed claims and a valid signature.
fn resigned(authority: &Tokens, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(&authority.issue(TokenRequest::default(), now()));
    change(&mut claims);
    authority.key.sign(&claims)
}

/// A token with changed claims and the signature of another token, as an attacker can make it.
fn rewritten(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<_> = token.split('.').map(String::from).collect();
    let mut claims = claims(token);
    change(&mut claims);
    parts[1] = encode(&claims);
    parts.join(".")
}

#[test]
fn the_ready_token_has_the_claims_of_entra_id() {
    let config = Config::default();
    let token = authority().issue(TokenRequest::default(), now());
    let claims = claims(&token);
    let second = now().as_second();
    assert_eq!(claims["aud"], "https://api.securitycenter.microsoft.com");
    assert_eq!(
        claims["iss"],
        format!("https://sts.windows.net/{}/", config.tenant)
    );
    assert_eq!(claims["appid"], config.client_id.to_string());
    assert_eq!(claims["tid"], config.tenant.to_string());
    assert_eq!(
        claims["roles"],
        json!(["Machine.Offboard", "Machine.Read.All"])
    );
    assert_eq!(
        (claims["nbf"].as_i64(), claims["exp"].as_i64()),
        (Some(second), Some(second + 3600))
    );
    assert_eq!(claims["ver"], "1.0");
    assert_eq!(
        (&claims["idtyp"], &claims["appidacr"]),
        (&json!("app"), &json!("1"))
    );
    assert_eq!(claims["oid"], claims["sub"]);
    for name in ["scp", "upn"] {
        assert!(claims.get(name).is_none(), "{name}");
    }
}

#[test]
fn a_valid_token_names_its_caller() {
    let authority = authority();
    let caller = authority
        .verify(&authority.issue(TokenRequest::default(), now()), now())
        .unwrap();
    assert_eq!(caller.tenant, Config::default().tenant.to_string());
    assert_eq!(caller.client_id, Config::default().client_id.to_string());
    assert_eq!(caller.name, "offboard-simulator-app");
    let roles = ["Machine.Offboard", "Machine.Read.All"]
        .map(String::from)
        .to_vec();
    assert_eq!(caller.permissions, Permissions::Application(roles));
}

#[test]
fn a_users_token_has_scopes_and_no_roles() {
    let authority = authority();
    let token = authority.issue(
        TokenRequest::default().scopes(["Machine.Offboard", "Machine.Read"]),
        now(),
    );
    assert!(claims(&token).get("roles").is_none());
    assert_eq!(claims(&token)["scp"], "Machine.Offboard Machine.Read");
    assert_eq!(claims(&token)["upn"], "analyst@contoso.test");
    assert_eq!(claims(&token)["idtyp"], "user");
    let caller = authority.verify(&token, now()).unwrap();
    assert_eq!(caller.name, "analyst@contoso.test");
    let scopes = ["Machine.Offboard", "Machine.Read"]
        .map(String::from)
        .to_vec();
    assert_eq!(caller.permissions, Permissions::Delegated(scopes));
}

#[test]
fn without_consent_there_is_no_roles_claim() {
    let token = authority().issue(TokenRequest::default().roles([]), now());
    assert!(claims(&token).get("roles").is_none());
}

#[test]
fn changed_tokens_are_refused() {
    let authority = authority();
    let token = authority.issue(TokenRequest::default().roles(["Machine.Read.All"]), now());
    assert!(authority.verify(&token, now()).is_ok());
    let more = rewritten(&token, |claims| {
        claims["roles"] = json!(["Machine.Offboard"])
    });
    assert_eq!(authority.verify(&more, now()), Err(TokenError::Signature));

    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(
        authority.verify(&format!("{signed}."), now()),
        Err(TokenError::Signature)
    );
    let payload = token.split('.').nth(1).unwrap();
    let none = encode(&json!({"typ": "JWT", "alg": "none"}));
    assert_eq!(
        authority.verify(&format!("{none}.{payload}."), now()),
        Err(TokenError::Malformed)
    );
}

#[test]
fn another_algorithm_is_refused() {
    let authority = authority();
    let claims = claims(&authority.issue(TokenRequest::default(), now()));
    // A known attack: the public key used as a shared secret (HS256).
    let published = authority.key.published("");
    let secret = published["n"].as_str().unwrap().as_bytes();
    let token = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret),
    );
    assert_eq!(
        authority.verify(&token.unwrap(), now()),
        Err(TokenError::Signature)
    );
}

#[test]
fn another_tenant_or_issuer_is_refused() {
    let authority = authority();
    assert!(
        authority
            .verify(&resigned(&authority, |_| {}), now())
            .is_ok()
    );
    let other = Uuid::from_u128(7);
    let token = authority.issue(TokenRequest::default().tenant(other), now());
    assert_eq!(
        authority.verify(&token, now()),
        Err(TokenError::Tenant(other.to_string()))
    );
    let elsewhere = issuer(other);
    let token = resigned(&authority, |claims| claims["iss"] = json!(elsewhere));
    assert_eq!(
        authority.verify(&token, now()),
        Err(TokenError::Issuer(elsewhere))
    );
}

#[test]
fn revoked_tokens_are_refused_and_later_ones_are_not() {
    let authority = authority();
    let token = authority.issue(TokenRequest::default(), now());
    assert!(authority.verify(&token, now()).is_ok());
    authority.revoke_all();
    assert_eq!(authority.verify(&token, now()), Err(TokenError::Revoked));
    let later = authority.issue(TokenRequest::default(), now());
    assert!(authority.verify(&later, now()).is_ok());
}

#[test]
fn the_header_names_the_key() {
    let authority = authority();
    let header = part(&authority.issue(TokenRequest::default(), now()), 0);
    let published = authority.key.published("i");
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("RS256"), &json!("JWT"))
    );
    for name in ["kid", "x5t"] {
        assert_eq!(header[name], published[name]);
    }
    assert_eq!(published["issuer"], "i");
}

#[test]
fn tokens_of_another_start_are_refused() {
    let token = authority().issue(TokenRequest::default(), now());
    assert_eq!(
        authority().verify(&token, now()),
        Err(TokenError::Signature)
    );
}

#[test]
fn an_invalid_token_is_malformed() {
    let authority = authority();
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "e30.e30.e30",
        "\u{1F600}.x.y",
    ] {
        assert_eq!(
            authority.verify(token, now()),
            Err(TokenError::Malformed),
            "{token}"
        );
    }
}

#[test]
fn a_token_is_valid_from_its_beginning_until_its_end() {
    let authority = authority();
    let token = authority.issue(TokenRequest::default().lifetime(60), now());
    let at = |seconds| Timestamp::from_second(now().as_second() + seconds).unwrap();
    assert_eq!(authority.verify(&token, at(-1)), Err(TokenError::Early));
    assert!(authority.verify(&token, at(0)).is_ok());
    assert!(authority.verify(&token, at(59)).is_ok());
    assert_eq!(authority.verify(&token, at(60)), Err(TokenError::Expired));
    let expired = authority.issue(TokenRequest::default().lifetime(-1), now());
    assert_eq!(authority.verify(&expired, now()), Err(TokenError::Expired));
}

#[test]
fn the_audience_may_end_with_one_slash_and_nothing_else() {
    let authority = authority();
    for (audience, accepted) in [
        ("https://api.securitycenter.microsoft.com", true),
        ("https://api.securitycenter.microsoft.com/", true),
        ("https://api.securitycenter.microsoft.com//", false),
        ("https://api.security.microsoft.com", false),
        ("https://graph.microsoft.com", false),
        ("", false),
    ] {
        let token = authority.issue(TokenRequest::default().audience(audience), now());
        let expected = if accepted {
            None
        } else {
            Some(TokenError::Audience(audience.to_owned()))
        };
        assert_eq!(
            authority.verify(&token, now()).err(),
            expected,
            "{audience}"
        );
    }
}
