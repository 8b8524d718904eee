//! An application with another identity provider.

use offboard_simulator::FederatedRequest;

use super::*;
use crate::client::start_slow;

async fn send(simulator: &Simulator, request: FederatedRequest) -> Answer {
    let assertion = simulator.federated_token(&request).unwrap();
    Form::assertion(simulator, &assertion).send(simulator).await
}

#[tokio::test]
async fn its_assertion_signs_in_and_may_be_used_again() {
    let simulator = start_slow().await;
    let assertion = simulator
        .federated_token(&FederatedRequest::default())
        .unwrap();
    for _ in 0..2 {
        let answer = Form::assertion(&simulator, &assertion)
            .send(&simulator)
            .await;
        let claims = accepted(&simulator, &answer).await;
        assert_eq!(claims["appidacr"], "2");
    }
}

#[tokio::test]
async fn issuer_subject_and_audience_match_to_the_letter() {
    let simulator = start_slow().await;
    let issuer = format!("{}/federation/", simulator.authority());
    let some = |text: &str| Some(text.to_owned());
    let none = FederatedRequest::default;
    for (request, expected) in [
        (
            FederatedRequest {
                issuer: some(&issuer),
                ..none()
            },
            700_211,
        ),
        (
            FederatedRequest {
                issuer: some("https://other.test"),
                ..none()
            },
            700_211,
        ),
        (
            FederatedRequest {
                subject: some("repo:Contoso/offboard:environment:simulator"),
                ..none()
            },
            700_213,
        ),
        (
            FederatedRequest {
                subject: some(""),
                ..none()
            },
            700_213,
        ),
        (
            FederatedRequest {
                audience: some("api://azureadtokenexchange"),
                ..none()
            },
            700_212,
        ),
        (
            FederatedRequest {
                audience: some("api://AzureADTokenExchangeUSGov"),
                ..none()
            },
            700_212,
        ),
    ] {
        let answer = send(&simulator, request.clone()).await;
        assert_eq!(
            answer.aadsts(),
            (401, "invalid_client", expected),
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn another_provider_of_the_same_name_is_not_a_way_in() {
    let (simulator, other) = (start_slow().await, start_slow().await);
    let assertion = other
        .federated_token(&FederatedRequest {
            issuer: Some(format!("{}/federation", simulator.authority())),
            ..FederatedRequest::default()
        })
        .unwrap();
    let answer = Form::assertion(&simulator, &assertion)
        .send(&simulator)
        .await;
    assert_eq!(answer.aadsts(), (401, "invalid_client", 700_027));
}
