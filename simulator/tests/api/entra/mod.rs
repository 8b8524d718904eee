//! Signing in.

mod application;
mod certificates;
mod clock;
mod device;
mod discovery;
mod federation;
mod identity;
mod refusals;
mod third_party;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offboard_simulator::Simulator;
use serde_json::Value;

use crate::client::{Answer, call};

const RESOURCE: &str = "https://api.securitycenter.microsoft.com";
const SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form in which a test changes some parameters.
#[derive(Debug, Clone)]
struct Form(Vec<(&'static str, String)>);

impl Form {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// The form of an application without a credential.
    fn application(simulator: &Simulator) -> Self {
        Self::new()
            .with("grant_type", "client_credentials")
            .with("client_id", simulator.client_id())
            .with("scope", SCOPE)
    }

    fn secret(simulator: &Simulator) -> Self {
        Self::application(simulator).with("client_secret", simulator.client_secret())
    }

    fn assertion(simulator: &Simulator, assertion: &str) -> Self {
        Self::application(simulator)
            .with("client_assertion_type", JWT_BEARER)
            .with("client_assertion", assertion)
    }

    fn with(self, name: &'static str, value: impl ToString) -> Self {
        let mut changed = self.without(name);
        changed.0.push((name, value.to_string()));
        changed
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self
    }

    async fn post(&self, simulator: &Simulator, path: &str) -> Answer {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        call(simulator, "POST", path).form(&pairs).send().await
    }

    /// Sends it to the second version's endpoint.
    async fn send(&self, simulator: &Simulator) -> Answer {
        self.post(simulator, &endpoint(simulator, "oauth2/v2.0/token"))
            .await
    }
}

fn endpoint(simulator: &Simulator, path: &str) -> String {
    format!("/{}/{path}", simulator.tenant_id())
}

/// One part of a token, unchecked.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims of the token in an answer, after the API has accepted it.
async fn accepted(simulator: &Simulator, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json["access_token"].as_str().unwrap();
    let read = call(simulator, "GET", "/api/machines?$top=1")
        .token(token)
        .send()
        .await;
    assert_eq!(read.status, 200, "{read:?}");
    part(token, 1)
}
