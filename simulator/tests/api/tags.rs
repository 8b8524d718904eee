//! Adding and removing tags, and requests that do neither.

use offboard_simulator::{Config, MachineTruth, Simulator, TokenRequest, UserRole};
use serde_json::{Value, json};

use crate::client::{Answer, call, find, get, offboard, ready, start};

const NOBODY: &str = "0123456789abcdef0123456789abcdef01234567";

async fn tagging() -> Simulator {
    start(Config {
        roles: ["Machine.ReadWrite.All", "Machine.Offboard"]
            .map(String::from)
            .into(),
        ..Config::default()
    })
    .await
}

async fn send(simulator: &Simulator, id: &str, body: &Value) -> Answer {
    call(simulator, "POST", &format!("/api/machines/{id}/tags"))
        .token(simulator.token())
        .json(body)
        .send()
        .await
}

async fn change(simulator: &Simulator, id: &str, action: &str, tag: &str) -> Answer {
    send(simulator, id, &json!({"Value": tag, "Action": action})).await
}

/// A machine that has tags at start.
fn tagged(simulator: &Simulator) -> MachineTruth {
    find(simulator, |machine| !machine.machine_tags.is_empty())
}

fn truth(simulator: &Simulator, id: &str) -> Vec<String> {
    find(simulator, |machine| machine.id == id)
        .machine
        .machine_tags
}

#[tokio::test]
async fn a_tag_is_on_the_machine_wherever_that_is_shown() {
    let simulator = tagging().await;
    let machine = tagged(&simulator);
    let mut tags = machine.machine_tags.clone();
    tags.push("Retired".to_owned());
    let answer = change(&simulator, &machine.id, "Add", "Retired").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.json["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#Machines/$entity")
    );
    assert_eq!(answer.json["machineTags"], json!(tags));

    // Nothing else has changed.
    let path = format!("/api/machines/{}", machine.id);
    let mut read = get(&simulator, &path).await.json;
    assert_eq!(read, answer.json);
    read.as_object_mut().unwrap().remove("@odata.context");
    let before = serde_json::to_value(&machine.machine).unwrap();
    read["machineTags"] = before["machineTags"].clone();
    assert_eq!(read, before);

    let list = get(&simulator, "/api/machines").await;
    let others = simulator.machines();
    for (shown, truth) in list.value().iter().zip(&others) {
        assert_eq!(shown["machineTags"], json!(truth.machine_tags));
    }
    assert_eq!(truth(&simulator, &machine.id), tags);
    let with_it = |machine: &&MachineTruth| machine.machine_tags.contains(&"Retired".to_owned());
    assert_eq!(others.iter().filter(with_it).count(), 1);
}

#[tokio::test]
async fn a_tag_is_there_once_and_is_taken_off_again() {
    let simulator = tagging().await;
    let machine = tagged(&simulator);
    let before = machine.machine_tags.clone();
    for _ in 0..2 {
        let answer = change(&simulator, &machine.id, "Add", "Retired").await;
        let tags = answer.json["machineTags"].as_array().unwrap();
        assert_eq!(tags.len(), before.len() + 1, "{tags:?}");
    }
    for _ in 0..2 {
        let answer = change(&simulator, &machine.id, "Remove", "Retired").await;
        assert_eq!(answer.json["machineTags"], json!(before));
    }
    // A tag of the initial fleet can be removed like the others.
    change(&simulator, &machine.id, "Remove", &before[0]).await;
    assert_eq!(truth(&simulator, &machine.id), before[1..]);
}

#[tokio::test]
async fn a_tag_does_not_offboard_and_stays_when_that_is_done() {
    let simulator = tagging().await;
    let id = ready(&simulator).machine.id;
    change(&simulator, &id, "Add", "Retired").await;
    let read = |machine: &MachineTruth| machine.id == id;
    assert!(find(&simulator, read).pending_action_id.is_none());
    assert!(
        get(&simulator, "/api/machineactions")
            .await
            .value()
            .is_empty()
    );
    assert_eq!(offboard(&simulator, &id).await.status, 200);
    let machine = find(&simulator, read);
    assert!(machine.machine_tags.contains(&"Retired".to_owned()));
    assert!(machine.pending_action_id.is_some());
}

#[tokio::test]
async fn an_invalid_tag_changes_nothing() {
    let simulator = tagging().await;
    let machine = tagged(&simulator);
    let long = "x".repeat(201);
    for (body, code) in [
        (json!({}), "MissingRequiredParameter"),
        (json!({"Value": "x"}), "MissingRequiredParameter"),
        (json!({"Action": "Add"}), "MissingRequiredParameter"),
        (
            json!({"value": "x", "action": "Add"}),
            "MissingRequiredParameter",
        ),
        (
            json!({"Value": null, "Action": "Add"}),
            "MissingRequiredParameter",
        ),
        (json!({"Value": 1, "Action": "Add"}), "InvalidRequestBody"),
        (
            json!({"Value": "x", "Action": ["Add"]}),
            "InvalidRequestBody",
        ),
        (json!([]), "InvalidRequestBody"),
        (json!({"Value": "x", "Action": "add"}), "InvalidInput"),
        (json!({"Value": "x", "Action": "Set"}), "InvalidInput"),
        (json!({"Value": " ", "Action": "Add"}), "InvalidInput"),
        (json!({"Value": long, "Action": "Add"}), "InvalidInput"),
    ] {
        let answer = send(&simulator, &machine.id, &body).await;
        assert_eq!(answer.error(), (400, code), "{body}");
    }
    for (id, error) in [
        ("x", (400, "InvalidInput")),
        (&*machine.computer_dns_name, (400, "InvalidInput")),
        (NOBODY, (404, "ResourceNotFound")),
    ] {
        assert_eq!(
            change(&simulator, id, "Add", "x").await.error(),
            error,
            "{id}"
        );
    }
    assert_eq!(truth(&simulator, &machine.id), machine.machine_tags);
    let longest = change(&simulator, &machine.id, "Add", &long[1..]).await;
    assert_eq!(longest.status, 200);
}

#[tokio::test]
async fn without_the_permission_nothing_is_tagged() {
    let simulator = start(Config::default()).await;
    let machine = tagged(&simulator);
    let answer = change(&simulator, &machine.id, "Remove", &machine.machine_tags[0]).await;
    assert_eq!(answer.error(), (403, "Forbidden"));
    assert_eq!(
        answer.message(),
        "Missing application roles. API required roles: Machine.ReadWrite.All, application roles: Machine.Offboard,Machine.Read.All."
    );
    assert_eq!(truth(&simulator, &machine.id), machine.machine_tags);
}

#[tokio::test]
async fn a_user_tags_the_machines_of_the_own_groups_and_needs_the_role() {
    for (role, group, status) in [
        (UserRole::SecuritySettings, "Workplaces", 200),
        (UserRole::SecuritySettings, "Servers", 404),
        (UserRole::None, "Workplaces", 403),
    ] {
        let simulator = start(Config {
            user_groups: Some(vec!["Workplaces".to_owned()]),
            user_role: role,
            ..Config::default()
        })
        .await;
        let machine = find(&simulator, |machine| {
            machine.rbac_group_name.as_deref() == Some(group)
        });
        let user = simulator.issue_token(TokenRequest::default().scopes(["Machine.ReadWrite"]));
        let path = format!("/api/machines/{}/tags", machine.id);
        let answer = call(&simulator, "POST", &path)
            .token(&user)
            .json(&json!({"Value": "Retired", "Action": "Add"}))
            .send()
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
        let is_there = truth(&simulator, &machine.id).contains(&"Retired".to_owned());
        assert_eq!(is_there, status == 200);
    }
}

#[tokio::test]
async fn tags_have_a_quota_of_their_own() {
    let simulator = start(Config {
        roles: ["Machine.ReadWrite.All", "Machine.Offboard"]
            .map(String::from)
            .into(),
        quota: "1/1h".parse().unwrap(),
        ..Config::default()
    })
    .await;
    let id = ready(&simulator).machine.id;
    assert_eq!(offboard(&simulator, &id).await.status, 200);
    assert_eq!(change(&simulator, &id, "Add", "x").await.status, 200);
    let refused = change(&simulator, &id, "Remove", "x").await;
    assert_eq!(refused.error(), (429, "TooManyRequests"));
    assert_eq!(
        get(&simulator, &format!("/api/machines/{id}")).await.status,
        200
    );
    assert!(truth(&simulator, &id).contains(&"x".to_owned()));
}

#[tokio::test]
async fn a_tag_meets_the_faults_that_were_planned_for_it() {
    let simulator = start(Config {
        roles: vec!["Machine.ReadWrite.All".to_owned()],
        ..Config::default()
    })
    .await;
    let id = ready(&simulator).machine.id;
    let plan = [
        format!("tags/{id}:1:status=503"),
        "tags:2:status-after-commit=503".to_owned(),
    ];
    simulator.set_faults(offboard_simulator::FaultPlan::parse(plan).unwrap());
    for (tag, done) in [("one", false), ("two", true)] {
        let answer = change(&simulator, &id, "Add", tag).await;
        assert_eq!(answer.error(), (503, "ServiceUnavailable"));
        assert_eq!(truth(&simulator, &id).contains(&tag.to_owned()), done);
    }
    assert_eq!(change(&simulator, &id, "Add", "three").await.status, 200);
}
