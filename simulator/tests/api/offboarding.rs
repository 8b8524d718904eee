//! Offboarding machines, and its effects.

use std::time::Duration;

use offboard_simulator::{Config, ExternalIds, OnDuplicate, SuccessStatus, TokenRequest};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::{call, find, get, offboard, offline, post, ready, start, start_slow};

const MEMBERS: [&str; 21] = [
    "@odata.context",
    "id",
    "type",
    "title",
    "requestor",
    "requestorComment",
    "status",
    "machineId",
    "computerDnsName",
    "creationDateTimeUtc",
    "lastUpdateDateTimeUtc",
    "cancellationRequestor",
    "cancellationComment",
    "cancellationDateTimeUtc",
    "errorHResult",
    "scope",
    "externalId",
    "requestSource",
    "relatedFileInfo",
    "commands",
    "troubleshootInfo",
];

#[tokio::test]
async fn the_answer_is_as_captured() {
    let simulator = start(Config {
        app_name: "my-offboarder-app".to_owned(),
        ..Config::default()
    })
    .await;
    let machine = ready(&simulator);
    for prefix in ["/api", "/api/v1.0"] {
        let path = format!("{prefix}/machines/{}/offboard", machine.id);
        let answer = post(
            &simulator,
            &path,
            &json!({"Comment": "Decommissioned, ticket 1234"}),
        )
        .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/json");
        let action = &answer.json;
        assert_eq!(
            action.as_object().unwrap().keys().collect::<Vec<_>>(),
            MEMBERS
        );
        assert_eq!(
            action["@odata.context"],
            format!(
                "{}/api/$metadata#MachineActions/$entity",
                simulator.api_root()
            )
        );
        for (member, value) in [
            ("type", json!("Offboard")),
            ("title", Value::Null),
            ("requestor", json!("my-offboarder-app")),
            ("requestorComment", json!("Decommissioned, ticket 1234")),
            ("status", json!("Pending")),
            ("machineId", json!(machine.id)),
            ("computerDnsName", json!(machine.computer_dns_name)),
            ("cancellationRequestor", Value::Null),
            ("errorHResult", json!(0)),
            ("externalId", Value::Null),
            ("requestSource", json!("PublicApi")),
            ("commands", json!([])),
            ("troubleshootInfo", Value::Null),
        ] {
            assert_eq!(action[member], value, "{member}");
        }
        assert_eq!(action["id"].as_str().unwrap().len(), 36);
        for (member, digits) in [("creationDateTimeUtc", 7), ("lastUpdateDateTimeUtc", 6)] {
            let time = action[member].as_str().unwrap().strip_suffix('Z').unwrap();
            let fraction = time.split_once('.').map_or("", |(_, fraction)| fraction);
            assert!(
                fraction.len() <= digits && !fraction.ends_with('0'),
                "{member} {time}"
            );
        }
    }
}

#[tokio::test]
async fn an_online_device_succeeds_in_time_and_an_offline_one_stays_pending() {
    let simulator = start(Config {
        action_time: Duration::from_secs(6),
        ..Config::default()
    })
    .await;
    let (online, offline) = (ready(&simulator), offline(&simulator));
    let mut paths = Vec::new();
    for machine in [&online, &offline] {
        let answer = offboard(&simulator, &machine.id).await;
        assert_eq!(answer.json["status"], "Pending");
        paths.push(format!(
            "/api/machineactions/{}",
            answer.json["id"].as_str().unwrap()
        ));
    }
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "Succeeded") {
        let status = get(&simulator, &paths[0]).await.json["status"]
            .as_str()
            .unwrap()
            .to_owned();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, ["Pending", "InProgress", "Succeeded"]);
    assert_eq!(get(&simulator, &paths[1]).await.json["status"], "Pending");

    let record = get(&simulator, &format!("/api/machines/{}", online.id))
        .await
        .json;
    assert_eq!(
        (&record["onboardingStatus"], &record["healthStatus"]),
        (&json!("Onboarded"), &json!("Active"))
    );
}

#[tokio::test]
async fn every_machine_that_looks_ready_offboards() {
    let config = Config {
        action_time: Duration::ZERO,
        ..Config::default()
    };
    let simulator = start(config).await;
    let list = crate::client::filter(
        &simulator,
        "machines",
        "onboardingStatus eq 'Onboarded' and healthStatus eq 'Active' and osPlatform in ('Windows10','Windows11')",
    )
    .await;
    let ids = list.all("id");
    assert!(ids.len() >= 10);
    for id in &ids {
        let answer = offboard(&simulator, id).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let path = format!(
            "/api/machineactions/{}",
            answer.json["id"].as_str().unwrap()
        );
        assert_eq!(get(&simulator, &path).await.json["status"], "Succeeded");
    }
    assert_eq!(
        simulator
            .machines()
            .iter()
            .filter(|machine| machine.offboarded)
            .count(),
        ids.len()
    );
}

#[tokio::test]
async fn mac_linux_and_servers_offboard_too() {
    let simulator = start_slow().await;
    for platforms in [
        &["macOS"][..],
        &["Linux", "Ubuntu", "CentOS"],
        &[
            "WindowsServer2019",
            "WindowsServer2022",
            "WindowsServer2025",
        ],
    ] {
        let machine = find(&simulator, |machine| {
            machine.supported && platforms.contains(&&*machine.os_platform)
        });
        assert_eq!(
            offboard(&simulator, &machine.id).await.status,
            200,
            "{platforms:?}"
        );
    }
}

#[tokio::test]
async fn a_duplicate_gets_the_pending_action_with_200() {
    for success_status in [SuccessStatus::Ok, SuccessStatus::Created] {
        let config = Config {
            success_status,
            action_time: Duration::from_secs(60),
            ..Config::default()
        };
        let simulator = start(config).await;
        let id = ready(&simulator).machine.id;
        let first = offboard(&simulator, &id).await;
        assert_eq!(
            first.status,
            if success_status == SuccessStatus::Ok {
                200
            } else {
                201
            }
        );
        let path = format!("/api/machines/{id}/offboard");
        let second = post(&simulator, &path, &json!({"Comment": "another"})).await;
        assert_eq!((second.status, &second.json), (200, &first.json));
    }
}

#[tokio::test]
async fn a_duplicate_can_be_refused() {
    let config = Config {
        on_duplicate: OnDuplicate::Refuse,
        action_time: Duration::from_secs(60),
        ..Config::default()
    };
    let simulator = start(config).await;
    let id = ready(&simulator).machine.id;
    assert_eq!(offboard(&simulator, &id).await.status, 200);
    let second = offboard(&simulator, &id).await;
    assert_eq!(second.error(), (400, "ActiveRequestAlreadyExists"));
    assert_eq!(second.message(), "Action is already in progress");
}

#[tokio::test]
async fn after_a_success_it_is_carried_out_again() {
    let simulator = start(Config {
        action_time: Duration::ZERO,
        ..Config::default()
    })
    .await;
    let id = ready(&simulator).machine.id;
    let (first, second) = (
        offboard(&simulator, &id).await,
        offboard(&simulator, &id).await,
    );
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.json["id"], second.json["id"]);
}

#[tokio::test]
async fn concurrent_requests_make_one_offboarding() {
    let simulator = start_slow().await;
    let id = ready(&simulator).machine.id;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let path = format!("/api/machines/{id}/offboard");
            let call = call(&simulator, "POST", &path)
                .token(simulator.token())
                .json(&json!({"Comment": "why"}));
            tokio::spawn(call.send())
        })
        .collect();
    let mut ids = Vec::new();
    for call in calls {
        ids.push(call.await.unwrap().json["id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(
        get(&simulator, "/_simulator/offboardings")
            .await
            .json
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_blank_comment_is_accepted_and_a_charset_ignored() {
    let simulator = start_slow().await;
    let path = format!("/api/machines/{}/offboard", ready(&simulator).id);
    let call = call(&simulator, "POST", &path).token(simulator.token());
    let answer = call
        .header("content-type", "application/json; charset=utf-8")
        .text(r#"{"Comment":""}"#)
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.json["requestorComment"]),
        (200, &json!(""))
    );
}

#[tokio::test]
async fn a_users_action_shows_the_user() {
    let simulator = start_slow().await;
    let request = TokenRequest::default()
        .scopes(["Machine.Offboard"])
        .user("ana@contoso.test");
    let path = format!("/api/machines/{}/offboard", ready(&simulator).id);
    let call = call(&simulator, "POST", &path).token(&simulator.issue_token(request));
    let answer = call.json(&json!({"Comment": "why"})).send().await;
    assert_eq!(
        (answer.status, &answer.json["requestor"]),
        (200, &json!("ana@contoso.test"))
    );
}

/// Unsourced: the service's metadata declares both as optional parameters.
#[tokio::test]
async fn an_external_id_and_a_title_are_kept_and_shown() {
    let simulator = start(Config::default()).await;
    let machine = ready(&simulator);
    let path = format!("/api/machines/{}/offboard", machine.id);
    let body = json!({"Comment": "why", "ExternalId": "Run-1", "Title": "Retirement"});
    let answer = post(&simulator, &path, &body).await;
    assert_eq!(
        (answer.status, &answer.json["title"]),
        (200, &json!("Retirement"))
    );
    let path = format!(
        "/api/machineactions/{}",
        answer.json["id"].as_str().unwrap()
    );
    let list = get(&simulator, "/api/machineactions").await.json;
    for (external_ids, shown) in [
        (ExternalIds::Echo, json!("Run-1")),
        (ExternalIds::Hide, Value::Null),
        (ExternalIds::UpperCase, json!("RUN-1")),
    ] {
        simulator.set_external_ids(external_ids);
        assert_eq!(get(&simulator, &path).await.json["externalId"], shown);
    }
    assert_eq!(list["value"][0]["externalId"], "Run-1");
    for odd in [json!(1), json!(["Run-1"])] {
        let path = format!("/api/machines/{}/offboard", machine.id);
        let body = json!({"Comment": "why", "ExternalId": odd});
        assert_eq!(post(&simulator, &path, &body).await.status, 400);
    }
}

#[tokio::test]
async fn an_external_id_can_be_refused_or_ignored() {
    for (external_ids, status) in [(ExternalIds::Refuse, 400), (ExternalIds::Ignore, 200)] {
        let simulator = start(Config {
            external_ids,
            ..Config::default()
        })
        .await;
        let path = format!("/api/machines/{}/offboard", ready(&simulator).id);
        let body = json!({"Comment": "why", "ExternalId": "Run-1"});
        let answer = post(&simulator, &path, &body).await;
        assert_eq!(answer.status, status, "{external_ids:?}");
        simulator.set_external_ids(ExternalIds::Echo);
        assert_eq!(answer.json["externalId"], Value::Null);
        let without = post(&simulator, &path, &json!({"Comment": "why"})).await;
        assert_eq!(without.status, 200, "{external_ids:?}");
        assert_eq!(without.json["externalId"], Value::Null);
    }
}
