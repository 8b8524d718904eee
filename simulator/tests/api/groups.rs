//! A user who is limited to device groups, or may only read.

use std::collections::BTreeSet;
use std::time::Duration;

use offboard_simulator::{Config, MachineTruth, Simulator, TokenRequest, UserRole};
use serde_json::json;

use crate::client::{Answer, call, find, get, offboard, start};

async fn limited(groups: &[&str]) -> Simulator {
    start(Config {
        action_time: Duration::from_secs(3600),
        user_groups: Some(groups.iter().copied().map(String::from).collect()),
        ..Config::default()
    })
    .await
}

fn user(simulator: &Simulator) -> String {
    simulator.issue_token(TokenRequest::default().scopes(["Machine.Read", "Machine.Offboard"]))
}

async fn ask(simulator: &Simulator, method: &str, path: &str) -> Answer {
    call(simulator, method, path)
        .token(&user(simulator))
        .json(&json!({"Comment": "why"}))
        .send()
        .await
}

fn of_group(simulator: &Simulator, group: &str) -> MachineTruth {
    find(simulator, |machine| {
        machine.rbac_group_name.as_deref() == Some(group)
            && machine.supported
            && machine.onboarding_status == "Onboarded"
    })
}

#[tokio::test]
async fn lists_have_the_machines_of_the_users_groups() {
    for (groups, seen) in [
        (&["Servers"][..], &["Servers"][..]),
        (&["Servers", "Workplaces"], &["Servers", "Workplaces"]),
        (&["Nowhere"], &[]),
        (&[], &[]),
    ] {
        let simulator = limited(groups).await;
        let answer = ask(&simulator, "GET", "/api/machines?$count=true").await;
        let found: BTreeSet<_> = answer.all("rbacGroupName").into_iter().collect();
        assert_eq!(found, seen.iter().copied().collect());
        assert_eq!(answer.json["@odata.count"], answer.value().len());
        assert_eq!(get(&simulator, "/api/machines").await.value().len(), 30);
    }
}

#[tokio::test]
async fn other_machines_and_their_actions_are_not_there() {
    let simulator = limited(&["Workplaces"]).await;
    let (own, other) = (
        of_group(&simulator, "Workplaces"),
        of_group(&simulator, "Servers"),
    );
    let mut actions = Vec::new();
    for (machine, status) in [(&own, 200), (&other, 404)] {
        for name in [&machine.id, &machine.computer_dns_name] {
            let answer = ask(&simulator, "GET", &format!("/api/machines/{name}")).await;
            assert_eq!(answer.status, status, "{name}");
        }
        let path = format!("/api/machines/{}/offboard", machine.id);
        let answer = ask(&simulator, "POST", &path).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 404 {
            assert_eq!(answer.error(), (404, "ResourceNotFound"));
        }
        let answer = offboard(&simulator, &machine.id).await;
        actions.push(answer.json["id"].as_str().unwrap().to_owned());
    }
    let listed = ask(&simulator, "GET", "/api/machineactions").await;
    assert_eq!(listed.all("id"), [&actions[0]]);
    assert_eq!(
        get(&simulator, "/api/machineactions").await.value().len(),
        2
    );
    for (action, status) in actions.iter().zip([200, 404]) {
        let path = format!("/api/machineactions/{action}");
        assert_eq!(ask(&simulator, "GET", &path).await.status, status);
        let answer = ask(&simulator, "POST", &format!("{path}/cancel")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let cancelled = get(&simulator, &path).await.json["status"] == "Cancelled";
        assert_eq!(cancelled, status == 200);
    }
}

#[tokio::test]
async fn a_user_without_the_role_only_reads() {
    let simulator = start(Config {
        user_role: UserRole::None,
        ..Config::default()
    })
    .await;
    let machine = of_group(&simulator, "Workplaces");
    let action = "11111111-2222-3333-4444-555555555555";
    for path in [
        format!("/api/machines/{}/offboard", machine.id),
        format!("/api/machineactions/{action}/cancel"),
    ] {
        let answer = ask(&simulator, "POST", &path).await;
        assert_eq!(answer.error(), (403, "Forbidden"));
        assert!(answer.message().contains("role"), "{answer:?}");
    }
    let path = format!("/api/machines/{}", machine.id);
    assert_eq!(ask(&simulator, "GET", &path).await.status, 200);
    assert_eq!(offboard(&simulator, &machine.id).await.status, 200);
}
