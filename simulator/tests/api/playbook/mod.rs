//! What a playbook does around an offboarding: isolating, reading users and alerts, finding
//! machines by tag and address. This module has what all of these routes share.

mod alerts;
mod find;
mod isolation;

use std::time::Duration;

use jiff::Timestamp;
use offboard_simulator::{Config, Simulator, TokenRequest};
use serde_json::json;

use crate::client::{call, get, ready, start};

/// Every role that a playbook needs.
const ROLES: [&str; 5] = [
    "Machine.Offboard",
    "Machine.ReadWrite.All",
    "Machine.Isolate",
    "Alert.Read.All",
    "User.Read.All",
];

async fn permitted(config: Config) -> Simulator {
    start(Config {
        roles: ROLES.map(String::from).to_vec(),
        ..config
    })
    .await
}

fn slow() -> Config {
    Config {
        action_time: Duration::from_secs(3600),
        ..Config::default()
    }
}

#[tokio::test]
async fn each_route_has_its_permission() {
    let simulator = start(slow()).await;
    let id = ready(&simulator).machine.id;
    let now = Timestamp::now();
    let machine = ["Machine.Read.All", "Machine.ReadWrite.All"];
    let alert = ["Alert.Read.All", "Alert.ReadWrite.All"];
    for (method, path, roles) in [
        (
            "POST",
            format!("/api/machines/{id}/isolate"),
            &["Machine.Isolate"][..],
        ),
        (
            "POST",
            format!("/api/machines/{id}/unisolate"),
            &["Machine.Isolate"],
        ),
        (
            "GET",
            format!("/api/machines/{id}/logonusers"),
            &["User.Read.All"],
        ),
        ("GET", format!("/api/machines/{id}/alerts"), &alert),
        ("GET", "/api/alerts?$top=1".to_owned(), &alert),
        ("GET", "/api/machines/findbytag?tag=x".to_owned(), &machine),
        (
            "GET",
            format!("/api/machines/findbyip(ip='::1',timestamp={now})"),
            &machine,
        ),
    ] {
        let send = async |request: TokenRequest| {
            call(&simulator, method, &path)
                .token(&simulator.issue_token(request))
                .json(&json!({"Comment": "why"}))
                .send()
                .await
        };
        let none = send(TokenRequest::default().roles(["Machine.Offboard"])).await;
        assert_eq!(none.error(), (403, "Forbidden"), "{path}");
        assert!(none.message().contains(&roles.join(",")), "{none:?}");
        for role in roles {
            let answer = send(TokenRequest::default().roles([role])).await;
            assert!([200, 201].contains(&answer.status), "{path} {answer:?}");
            let scope = match *role {
                "User.Read.All" => role,
                role => role.strip_suffix(".All").unwrap_or(role),
            };
            let answer = send(TokenRequest::default().scopes([scope])).await;
            assert!([200, 201].contains(&answer.status), "{scope} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_user_sees_only_certain_groups_on_every_route() {
    let simulator = permitted(Config {
        user_groups: Some(vec!["Servers".to_owned()]),
        ..slow()
    })
    .await;
    let token = simulator.issue_token(TokenRequest::default().scopes([
        "Machine.Read",
        "Machine.Isolate",
        "Alert.Read",
        "User.Read.All",
    ]));
    let ask = async |method: &str, path: &str| {
        call(&simulator, method, path)
            .token(&token)
            .json(&json!({"Comment": "why"}))
            .send()
            .await
    };
    let id = ready(&simulator).machine.id;
    for (method, route) in [
        ("POST", "isolate"),
        ("POST", "unisolate"),
        ("GET", "logonusers"),
        ("GET", "alerts"),
    ] {
        let answer = ask(method, &format!("/api/machines/{id}/{route}")).await;
        assert_eq!(answer.error(), (404, "ResourceNotFound"), "{route}");
    }
    let alerts = get(&simulator, "/api/alerts").await;
    let hidden = alerts
        .value()
        .iter()
        .find(|alert| alert["rbacGroupName"] == "Workplaces");
    let path = format!("/api/alerts/{}", hidden.unwrap()["id"].as_str().unwrap());
    assert_eq!(get(&simulator, &path).await.status, 200);
    assert_eq!(ask("GET", &path).await.error(), (404, "ResourceNotFound"));
    let shown = ask("GET", "/api/alerts").await;
    assert!(!shown.value().is_empty() && shown.value().len() < alerts.value().len());
    let machine = ready(&simulator);
    let address = &machine.ip_addresses[0].ip_address;
    let path = format!(
        "/api/machines/findbyip(ip='{address}',timestamp={})",
        Timestamp::now()
    );
    assert_eq!(get(&simulator, &path).await.value().len(), 1);
    assert!(ask("GET", &path).await.value().is_empty());
}

#[tokio::test]
async fn each_route_has_its_own_quota() {
    let simulator = permitted(Config {
        quota: "1/1h".parse().unwrap(),
        ..slow()
    })
    .await;
    let id = ready(&simulator).machine.id;
    let now = Timestamp::now();
    for second in [false, true] {
        for (method, path) in [
            ("POST", format!("/api/machines/{id}/isolate")),
            ("POST", format!("/api/machines/{id}/unisolate")),
            ("GET", format!("/api/machines/{id}/logonusers")),
            ("GET", format!("/api/machines/{id}/alerts")),
            ("GET", "/api/alerts".to_owned()),
            ("GET", "/api/alerts/x".to_owned()),
            ("GET", "/api/machines/findbytag?tag=x".to_owned()),
            (
                "GET",
                format!("/api/machines/findbyip(ip='::1',timestamp={now})"),
            ),
        ] {
            let call = call(&simulator, method, &path).token(simulator.token());
            let answer = call.json(&json!({"Comment": "why"})).send().await;
            assert_eq!(answer.status == 429, second, "{path} {answer:?}");
        }
    }
}
