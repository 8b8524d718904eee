//! Reading and cancelling machine actions.

use std::time::Duration;

use offboard_simulator::Config;
use serde_json::{Value, json};

use crate::client::{call, filter, get, offboard, offline, post, ready, start, start_slow};

#[tokio::test]
async fn an_action_is_read_as_it_was_answered() {
    let simulator = start_slow().await;
    let answered = offboard(&simulator, &ready(&simulator).id).await.json;
    let id = answered["id"].as_str().unwrap();
    for prefix in ["/api", "/api/v1.0"] {
        let read = get(&simulator, &format!("{prefix}/machineactions/{id}")).await;
        assert_eq!((read.status, &read.json), (200, &answered));
    }
    let list = get(&simulator, "/api/machineactions").await;
    let mut entity = answered.as_object().unwrap().clone();
    entity.shift_remove("@odata.context");
    assert_eq!(list.value(), [Value::Object(entity)]);
    assert_eq!(
        list.json["@odata.context"],
        format!("{}/api/$metadata#MachineActions", simulator.api_root())
    );
}

#[tokio::test]
async fn the_list_is_newest_first_and_can_be_asked() {
    let simulator = start_slow().await;
    let machines: Vec<_> = simulator
        .machines()
        .into_iter()
        .filter(|machine| machine.health_status == "Active" && machine.supported)
        .take(4)
        .collect();
    let mut ids = Vec::new();
    for machine in &machines {
        ids.insert(
            0,
            offboard(&simulator, &machine.id).await.json["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(get(&simulator, "/api/machineactions").await.all("id"), ids);
    assert_eq!(
        get(&simulator, "/api/machineactions?$top=2")
            .await
            .all("id"),
        ids[..2]
    );
    assert_eq!(
        get(&simulator, "/api/machineactions?$skip=3")
            .await
            .all("id"),
        ids[3..]
    );
    let mut oldest_first = ids.clone();
    oldest_first.reverse();
    let ascending = get(
        &simulator,
        "/api/machineactions?$orderby=creationDateTimeUtc%20asc",
    )
    .await;
    assert_eq!(ascending.all("id"), oldest_first);

    let (first, second) = (&machines[0].id, &machines[1].id);
    for (written, expected) in [
        (
            format!("machineId eq '{first}' and type eq 'Offboard'"),
            &ids[3..],
        ),
        (
            format!("machineId in ('{first}','{second}') and status in ('Pending','InProgress')"),
            &ids[2..],
        ),
        ("status eq 'Succeeded'".to_owned(), &ids[..0]),
        ("requestor eq 'offboard-simulator-app'".to_owned(), &ids[..]),
        ("creationDateTimeUtc gt 2018-08-01Z".to_owned(), &ids[..]),
        ("creationDateTimeUtc lt 2018-08-01Z".to_owned(), &ids[..0]),
        (format!("id eq '{}'", ids[1]), &ids[1..2]),
        (format!("id eq {}", ids[1]), &ids[1..2]),
    ] {
        assert_eq!(
            filter(&simulator, "machineactions", &written)
                .await
                .all("id"),
            expected,
            "{written}"
        );
    }
}

#[tokio::test]
async fn a_pending_action_can_be_cancelled() {
    let simulator = start_slow().await;
    let machine = offline(&simulator);
    let action = offboard(&simulator, &machine.id).await.json;
    let path = format!(
        "/api/machineactions/{}/cancel",
        action["id"].as_str().unwrap()
    );
    let cancelled = post(&simulator, &path, &json!({"Comment": "wrong machine"})).await;
    assert_eq!(cancelled.status, 200);
    for (member, value) in [
        ("id", &action["id"]),
        ("status", &json!("Cancelled")),
        ("cancellationRequestor", &json!("offboard-simulator-app")),
        ("cancellationComment", &json!("wrong machine")),
        ("requestorComment", &json!("ticket 1234")),
    ] {
        assert_eq!(cancelled.json[member], *value, "{member}");
    }
    assert!(
        cancelled.json["cancellationDateTimeUtc"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    let read = get(
        &simulator,
        &format!("/api/machineactions/{}", action["id"].as_str().unwrap()),
    )
    .await;
    assert_eq!(read.json, cancelled.json);

    let again = post(&simulator, &path, &json!({"Comment": "wrong machine"})).await;
    assert_eq!(again.error(), (400, "BadRequest"));
    assert_ne!(
        offboard(&simulator, &machine.id).await.json["id"],
        action["id"]
    );
}

#[tokio::test]
async fn a_cancellation_needs_no_comment_but_a_readable_one() {
    let simulator = start_slow().await;
    let id = offboard(&simulator, &ready(&simulator).id).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1.0/machineactions/{id}/cancel");
    let unreadable = post(&simulator, &path, &json!({"Comment": 5})).await;
    assert_eq!(unreadable.error(), (400, "InvalidRequestBody"));
    let cancelled = call(&simulator, "POST", &path)
        .token(simulator.token())
        .send()
        .await;
    assert_eq!(
        (cancelled.status, &cancelled.json["cancellationComment"]),
        (200, &Value::Null)
    );
}

#[tokio::test]
async fn a_final_action_cannot_be_cancelled() {
    let simulator = start(Config {
        action_time: Duration::ZERO,
        ..Config::default()
    })
    .await;
    let id = offboard(&simulator, &ready(&simulator).id).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cancel = post(
        &simulator,
        &format!("/api/machineactions/{id}/cancel"),
        &json!({"Comment": "no"}),
    )
    .await;
    assert_eq!(cancel.error(), (400, "BadRequest"));
    assert_eq!(
        get(&simulator, &format!("/api/machineactions/{id}"))
            .await
            .json["status"],
        "Succeeded"
    );
}
