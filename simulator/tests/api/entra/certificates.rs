//! An application with a certificate.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use offboard_simulator::Config;
use rcgen::{Certificate, CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::client::{start, start_slow};

struct Credential {
    certificate: Certificate,
    key: EncodingKey,
}

impl Credential {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        Self {
            certificate: CertificateParams::default().self_signed(&key).unwrap(),
            key: EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap(),
        }
    }

    fn header(&self, algorithm: Algorithm) -> Header {
        let mut header = Header::new(algorithm);
        let thumbprint =
            |algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, self.certificate.der()));
        if algorithm == Algorithm::RS256 {
            header.x5t = Some(thumbprint(&SHA1_FOR_LEGACY_USE_ONLY));
        } else {
            header.x5t_s256 = Some(thumbprint(&SHA256));
        }
        header
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }

    fn registered(simulator: &Simulator) -> Self {
        let credential = Self::new();
        simulator
            .register_certificate(&credential.certificate.pem())
            .unwrap();
        credential
    }
}

fn claims(simulator: &Simulator) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "aud": format!("{}{}", simulator.authority(), endpoint(simulator, "oauth2/v2.0/token")),
        "iss": simulator.client_id(),
        "sub": simulator.client_id(),
        "jti": Uuid::new_v4(),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    })
}

#[tokio::test]
async fn both_signatures_with_their_thumbprints_are_taken() {
    let simulator = start_slow().await;
    let credential = Credential::registered(&simulator);
    for algorithm in [Algorithm::PS256, Algorithm::RS256] {
        let assertion = credential.sign(&credential.header(algorithm), &claims(&simulator));
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        let token = accepted(&simulator, &answer).await;
        assert_eq!(token["appidacr"], "2");
    }
}

#[tokio::test]
async fn it_may_be_meant_for_either_endpoint_by_either_name() {
    let simulator = start_slow().await;
    let credential = Credential::registered(&simulator);
    let origin = simulator.authority();
    let tenant = simulator.tenant_id();
    for (audience, taken) in [
        (format!("{origin}/{tenant}/oauth2/token"), true),
        (format!("{origin}/contoso.test/oauth2/v2.0/token"), true),
        (format!("{origin}/{tenant}/oauth2/v2.0/token/"), false),
        (
            format!("{origin}/{}/oauth2/token", Uuid::from_u128(7)),
            false,
        ),
        (
            format!("https://login.microsoftonline.com/{tenant}/oauth2/token"),
            false,
        ),
        (origin.to_owned(), false),
        (String::new(), false),
    ] {
        let mut claims = claims(&simulator);
        claims["aud"] = json!(audience);
        let assertion = credential.sign(&credential.header(Algorithm::PS256), &claims);
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        if taken {
            accepted(&simulator, &answer).await;
        } else {
            assert_eq!(
                answer.aadsts(),
                (401, "invalid_client", 700_023),
                "{audience}"
            );
        }
    }
}

#[tokio::test]
async fn an_assertion_is_refused_for_what_is_wrong_in_it() {
    let simulator = start_slow().await;
    let credential = Credential::registered(&simulator);
    let now = Timestamp::now().as_second();
    for (change, expected) in [
        (json!({"iss": Uuid::from_u128(7)}), 700_021),
        (json!({"sub": Uuid::from_u128(7)}), 700_021),
        (json!({"exp": now - 301, "nbf": now - 900}), 700_024),
        (json!({"nbf": now + 400, "exp": now + 900}), 700_024),
        (json!({"exp": now + 86_500}), 700_024),
    ] {
        let mut claims = claims(&simulator);
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let assertion = credential.sign(&credential.header(Algorithm::PS256), &claims);
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        assert_eq!(
            answer.aadsts(),
            (401, "invalid_client", expected),
            "{change}"
        );
    }
    for missing in ["exp", "jti"] {
        let mut claims = claims(&simulator);
        claims.as_object_mut().unwrap().remove(missing);
        let assertion = credential.sign(&credential.header(Algorithm::PS256), &claims);
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        assert_eq!(
            answer.aadsts(),
            (400, "invalid_request", 50027),
            "{missing}"
        );
    }
    for text in ["x", "x.y.z", "e30.e30.", "a b"] {
        let answer = Form::assertion(&simulator, text).send(&simulator).await;
        assert_eq!(answer.aadsts(), (400, "invalid_request", 50027), "{text}");
    }
    assert_eq!(simulator.issued_tokens().client_credentials, 0);
}

#[tokio::test]
async fn only_a_registered_certificate_signs() {
    let simulator = start_slow().await;
    let (registered, other) = (Credential::registered(&simulator), Credential::new());
    let claims = claims(&simulator);
    let name = registered.header(Algorithm::PS256);
    let mut unnamed = name.clone();
    unnamed.x5t_s256 = None;
    let mut weak = name.clone();
    weak.alg = Algorithm::RS512;
    let shared = jsonwebtoken::encode(
        &Header {
            alg: Algorithm::HS256,
            ..name.clone()
        },
        &claims,
        &EncodingKey::from_secret(registered.certificate.der()),
    );
    let signed = registered.sign(&name, &claims);
    let (cut, _) = signed.rsplit_once('.').unwrap();
    for assertion in [
        other.sign(&other.header(Algorithm::PS256), &claims),
        other.sign(&name, &claims),
        registered.sign(&unnamed, &claims),
        registered.sign(&weak, &claims),
        shared.unwrap(),
        format!("{cut}.AAAA"),
    ] {
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        assert_eq!(answer.aadsts(), (401, "invalid_client", 700_027));
    }
    simulator
        .register_certificate(&other.certificate.pem())
        .unwrap();
    let assertion = other.sign(&other.header(Algorithm::PS256), &claims);
    let answer = Form::assertion(&simulator, &assertion)
        .send(&simulator)
        .await;
    accepted(&simulator, &answer).await;
    assert!(simulator.register_certificate("x").is_err());
}

#[tokio::test]
async fn a_replay_is_refused_where_that_is_asked_for() {
    for refuse in [false, true] {
        let simulator = start(Config {
            refuse_replayed_assertions: refuse,
            ..Config::default()
        })
        .await;
        let credential = Credential::registered(&simulator);
        let header = credential.header(Algorithm::PS256);
        let form = Form::assertion(&simulator, &credential.sign(&header, &claims(&simulator)));
        accepted(&simulator, &form.send(&simulator).await).await;
        let again = form.send(&simulator).await;
        if refuse {
            assert_eq!(again.aadsts(), (401, "invalid_client", 700_027));
        } else {
            accepted(&simulator, &again).await;
        }
        let fresh = credential.sign(&header, &claims(&simulator));
        let answer = Form::assertion(&simulator, &fresh).send(&simulator).await;
        accepted(&simulator, &answer).await;
    }
}
