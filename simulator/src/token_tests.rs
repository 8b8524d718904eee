#![allow(clippy::unwrap_used)]

use super::*;

fn now() -> Timestamp {
    "2030-01-02T03:04:05Z".parse().unwrap()
}

fn authority() -> TokenAuthority {
    TokenAuthority::new(Config::default())
}

fn claims(token: &str) -> serde_json::Value {
    decode(token.split('.').nth(1).unwrap()).unwrap()
}

/// A token as anyone can write it, with the signature of another.
fn rewritten(token: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
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
        serde_json::json!(["Machine.Offboard", "Machine.Read.All"])
    );
    assert_eq!(
        (claims["nbf"].as_i64(), claims["exp"].as_i64()),
        (Some(second), Some(second + 3600))
    );
    assert_eq!(claims["ver"], "1.0");
    assert!(claims.get("scp").is_none());
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
        claims["roles"] = serde_json::json!(["Machine.Offboard"])
    });
    assert_eq!(authority.verify(&more, now()), Err(TokenError::Signature));

    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(
        authority.verify(&format!("{signed}."), now()),
        Err(TokenError::Signature)
    );
    let payload = token.split('.').nth(1).unwrap();
    let none = encode(&serde_json::json!({"typ": "JWT", "alg": "none"}));
    assert_eq!(
        authority.verify(&format!("{none}.{payload}."), now()),
        Err(TokenError::Signature)
    );
}

#[test]
fn a_good_signature_under_another_algorithm_is_refused() {
    let authority = authority();
    let token = authority.issue(TokenRequest::default(), now());
    let payload = token.split('.').nth(1).unwrap();
    let header = encode(&serde_json::json!({"typ": "JWT", "alg": "RS256"}));
    let signed = format!("{header}.{payload}");
    let signature = URL_SAFE_NO_PAD.encode(authority.mac(&signed).finalize().into_bytes());
    assert_eq!(
        authority.verify(&format!("{signed}.{signature}"), now()),
        Err(TokenError::Signature)
    );
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
fn what_is_no_token_is_malformed() {
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
