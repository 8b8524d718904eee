//! Actions that are visible late or don't succeed.

use std::time::Duration;

use offboard_simulator::{Config, OnDuplicate, Simulator};
use serde_json::json;
use tokio::time::sleep;

use super::{Wire, carried_out, faulty, plan};
use crate::client::{filter, get, offboard, offline, post, ready, start};

#[tokio::test]
async fn an_action_is_there_before_it_shows() {
    let simulator = faulty(&["offboard:1:visible-after=10s"]).await;
    let id = ready(&simulator).machine.id;
    let action = offboard(&simulator, &id).await;
    assert_eq!(
        (action.status, &action.json["status"]),
        (200, &json!("Pending"))
    );
    let one = format!(
        "/api/machineactions/{}",
        action.json["id"].as_str().unwrap()
    );
    let of_machine = format!("machineId eq '{id}'");

    assert_eq!(
        get(&simulator, &one).await.error(),
        (404, "ResourceNotFound")
    );
    assert!(
        get(&simulator, "/api/machineactions")
            .await
            .value()
            .is_empty()
    );
    let listed = filter(&simulator, "machineactions", &of_machine).await;
    assert!(listed.value().is_empty());
    assert_eq!(carried_out(&simulator).await, 1);
    let again = offboard(&simulator, &id).await;
    assert_eq!(again.json["id"], action.json["id"]);
    assert_eq!(carried_out(&simulator).await, 1);

    while get(&simulator, &one).await.status != 200 {
        sleep(Duration::from_millis(500)).await;
    }
    let listed = filter(&simulator, "machineactions", &of_machine).await;
    assert_eq!(listed.value()[0]["id"], action.json["id"]);
}

#[tokio::test]
async fn an_action_that_does_not_show_can_be_cancelled() {
    let simulator = faulty(&["offboard:1:visible-after=1h"]).await;
    let action = offboard(&simulator, &ready(&simulator).id).await;
    let path = format!(
        "/api/machineactions/{}/cancel",
        action.json["id"].as_str().unwrap()
    );
    let cancelled = post(&simulator, &path, &json!({"Comment": "no"})).await;
    assert_eq!(cancelled.json["status"], "Cancelled");
}

/// For a time, a client can't distinguish this from a call that was never carried out: only a
/// second call could.
#[tokio::test]
async fn a_lost_answer_and_an_action_that_does_not_show_come_together() {
    for (on_duplicate, status) in [(OnDuplicate::Return, 200), (OnDuplicate::Refuse, 400)] {
        let simulator = start(Config {
            faults: plan(&[
                "offboard:1:visible-after=1h",
                "offboard:1:drop-after-commit",
            ]),
            action_time: Duration::from_secs(3600),
            on_duplicate,
            ..Config::default()
        })
        .await;
        let id = ready(&simulator).machine.id;
        let mut wire = Wire::to(&simulator).await;
        wire.offboard(&simulator, &id).await;
        assert_eq!(wire.rest().await.0, "");
        assert!(
            get(&simulator, "/api/machineactions")
                .await
                .value()
                .is_empty()
        );
        let again = offboard(&simulator, &id).await;
        assert_eq!(again.status, status);
        if on_duplicate == OnDuplicate::Refuse {
            assert_eq!(again.error(), (400, "ActiveRequestAlreadyExists"));
            assert_eq!(again.message(), "Action is already in progress");
        }
        assert_eq!(carried_out(&simulator).await, 1);
    }
}

async fn quick(rules: &[&str]) -> Simulator {
    start(Config {
        faults: plan(rules),
        action_time: Duration::ZERO,
        ..Config::default()
    })
    .await
}

async fn end(simulator: &Simulator, id: &str) -> String {
    let action = offboard(simulator, id).await;
    sleep(Duration::from_millis(5)).await;
    let path = format!(
        "/api/machineactions/{}",
        action.json["id"].as_str().unwrap()
    );
    let action = get(simulator, &path).await;
    action.json["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn actions_of_named_machines_end_as_planned() {
    let simulator = quick(&[]).await;
    let machines: Vec<_> = simulator
        .machines()
        .into_iter()
        .filter(|machine| {
            machine.health_status == "Active" && machine.os_platform.starts_with("Windows1")
        })
        .collect();
    let offline = offline(&simulator);
    simulator.set_faults(plan(&[
        &format!("offboard/{}:always:ends=Failed", machines[0].id),
        &format!(
            "offboard/{}:always:ends=TimeOut",
            machines[1].computer_dns_name
        ),
        &format!("offboard/{}:1:ends=TimeOut", offline.id),
    ]));
    for (machine, expected) in [
        (&machines[0], "Failed"),
        (&machines[1], "TimeOut"),
        (&machines[2], "Succeeded"),
        (&offline, "TimeOut"),
        // The fault was planned for one call.
        (&offline, "Pending"),
        (&machines[0], "Failed"),
    ] {
        assert_eq!(end(&simulator, &machine.id).await, expected);
    }
    let offboarded = |id: &str| {
        let all = simulator.machines();
        all.iter()
            .any(|machine| machine.id == id && machine.offboarded)
    };
    assert!(!offboarded(&machines[0].id) && !offboarded(&machines[1].id));
    assert!(offboarded(&machines[2].id));
    let listed = filter(&simulator, "machineactions", "status eq 'Failed'").await;
    assert_eq!(listed.value().len(), 2);
}

#[tokio::test]
async fn actions_end_by_chance_and_the_same_for_a_seed() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let simulator = quick(&["offboard:30%:ends=Failed", "offboard:30%:ends=TimeOut"]).await;
        let id = ready(&simulator).machine.id;
        let mut ends = Vec::new();
        for _ in 0..40 {
            ends.push(end(&simulator, &id).await);
        }
        for status in ["Succeeded", "Failed", "TimeOut"] {
            assert!(ends.iter().any(|end| end == status), "{ends:?}");
        }
        seen.push(ends);
    }
    assert_eq!(seen[0], seen[1]);
}
