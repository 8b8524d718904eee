//! Known mistakes of other clients, for one machine. Those that the plugin or an order
//! prevents are tested there.

use serde_json::json;

use crate::support::{Reply, Scripted, World};

#[test]
fn trap_endless_429_loop() {
    let throttled = || {
        let body = json!({"error": {"code": "TooManyRequests", "message": "", "target": ""}});
        Reply::with(429, &[("Retry-After", "3600")], &body.to_string())
    };
    let server = Scripted::new(move |_, _| Some(throttled()));
    let outcome = server.run(&[]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (5, &json!("not-sent")),
        "{outcome:?}"
    );
    assert_eq!(server.posts(), 0);
    assert!(server.seen().len() <= 5, "{:?}", server.seen());
}

#[test]
fn trap_whole_list_sent_again_after_one_429() {
    let world = World::with(|config| config.quota = "1/1s".parse().unwrap());
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(3)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    world.run(&ids);
    let posts = world.posts();
    assert!(posts.iter().any(|post| post["status"] == 429), "{posts:?}");
    // Only throttled requests are repeated.
    let mut paths: Vec<String> = posts
        .iter()
        .filter(|post| post["status"] != 429)
        .map(|post| post["path"].as_str().unwrap().to_owned())
        .collect();
    paths.sort();
    let count = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), count, "{paths:?}");
}

#[test]
fn trap_first_match_of_an_ambiguous_name() {
    let world = World::new();
    let name = world.shared_name();
    let outcome = world.run(&[&name]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (1, &json!("rejected")),
        "{outcome:?}"
    );
    let message = row["error"]["message"].as_str().unwrap();
    let found = world.offboard(&["find", &name, "--output", "json"]).rows();
    for machine in found {
        assert!(
            message.contains(machine["machineId"].as_str().unwrap()),
            "{message}"
        );
    }
    assert!(world.posts().is_empty());
}

#[test]
fn trap_whatever_a_search_returns_taken_for_the_name() {
    // A service that ignores the filter.
    let server = Scripted::new(|request, _| {
        let machine = json!({"id": "c".repeat(40), "computerDnsName": "ceo-laptop.example.test"});
        request
            .starts_with("GET /api/machines?")
            .then(|| Reply::new(200, &json!({"value": [machine]}).to_string()))
    });
    let outcome = server.command(&["run", "retired-7", "--comment", "x", "--yes", "-o", "json"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (1, &json!("rejected")),
        "{outcome:?}"
    );
    assert_eq!(server.posts(), 0);
}

#[test]
fn trap_aad_device_id_used_as_the_machine_id() {
    let world = World::new();
    let guid = world.online()[0].machine.aad_device_id;
    let guid = guid.map_or_else(
        || "11111111-2222-3333-4444-555555555555".to_owned(),
        |id| id.to_string(),
    );
    let outcome = world.run(&[&guid]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn trap_error_body_dropped() {
    let server = Scripted::posting(Reply::error(400, "BadRequest", "The very reason."));
    let outcome = server.run(&["--output", "table", "--wide"]);
    assert!(
        outcome
            .stdout
            .contains("BadRequest: The very reason. [tracking id |t-1.]"),
        "{outcome:?}"
    );
}

#[test]
fn trap_timeout_and_cancelled_lumped_under_failed() {
    for (status, state) in [
        ("TimeOut", "timed-out"),
        ("Canceled", "cancelled"),
        ("Failed", "failed"),
    ] {
        let action = json!({
            "id": "11111111-2222-3333-4444-555555555555",
            "type": "Offboard",
            "status": status,
            "machineId": crate::support::MACHINE,
        });
        let server = Scripted::posting(Reply::new(200, &action.to_string()));
        let outcome = server.run(&["--wait"]);
        assert_eq!(
            (outcome.code, &outcome.row()["state"]),
            (1, &json!(state)),
            "{outcome:?}"
        );
    }
}

#[test]
fn trap_results_overwritten_for_each_machine() {
    let world = World::new();
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(3)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    let rows = world.run(&ids).rows();
    let reported: Vec<&str> = rows
        .iter()
        .map(|row| row["machineId"].as_str().unwrap())
        .collect();
    assert_eq!(reported, ids);
}
