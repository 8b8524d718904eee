//! An order is tracked by the id of its action, whatever else the service says about it.

use serde_json::{Value, json};

use crate::support::{MACHINE, Outcome, Reply, Scripted};

const ACTION: &str = "5b1f0a52-7e0c-4a0b-9c3d-0f5b6a7c8d90";

/// An action without its machine and its comment, as in a public report.
fn action(status: &str) -> Value {
    json!({
        "id": ACTION,
        "type": "Offboard",
        "requestor": "Fabrikam offboarding app",
        "requestorComment": null,
        "status": status,
        "machineId": null,
        "computerDnsName": null,
        "errorHResult": 0,
    })
}

/// A service that reports its actions without their machines. `is_listed`: they are in lists.
fn service(is_listed: bool, post: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(move |request, posts| {
        if request.starts_with("POST ") {
            return Some(post());
        }
        if request.starts_with(&format!("GET /api/machineactions/{ACTION}")) {
            return Some(Reply::new(200, &action("Succeeded").to_string()));
        }
        let actions = if is_listed && posts > 0 {
            vec![action("Succeeded")]
        } else {
            Vec::new()
        };
        request
            .starts_with("GET /api/machineactions?")
            .then(|| Reply::new(200, &json!({"value": actions}).to_string()))
    })
}

fn accepted() -> Reply {
    Reply::new(200, &action("Pending").to_string())
}

fn assert_succeeded(outcome: &Outcome) {
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (0, &json!("succeeded")),
        "{outcome:?}"
    );
    assert_eq!(row["action"]["id"], ACTION);
    assert_eq!(row["machineId"], MACHINE);
}

#[test]
fn an_action_without_a_machine_is_tracked() {
    for is_listed in [true, false] {
        let server = service(is_listed, accepted);
        assert_succeeded(&server.run(&["--wait=20s"]));
        assert_eq!(server.posts(), 1);
    }
}

/// The ledger keeps the id: another process tracks it, and `status` finds it by the machine.
#[test]
fn the_machine_of_such_an_action_is_known_later() {
    let server = service(false, accepted);
    assert_eq!(server.run(&[]).row()["state"], "accepted");
    let status = server.command(&["status", MACHINE, "-o", "json"]);
    assert_eq!(status.row()["state"], "succeeded", "{status:?}");
    let shown = server.command(&["show", "last", "-o", "json"]);
    assert_eq!(shown.row()["state"], "succeeded", "{shown:?}");
}

/// The answer has only an id. The order tracks the action with that id.
#[test]
fn an_answer_with_only_an_id_is_enough() {
    for answer in [
        json!({"id": ACTION}),
        json!({"id": ACTION, "type": "Offboard", "status": null, "machineId": MACHINE}),
        json!({"id": ACTION, "type": "offboard", "status": {}, "machineId": null}),
    ] {
        for is_listed in [true, false] {
            let reply = Reply::new(200, &answer.to_string());
            let server = service(is_listed, move || reply.clone());
            assert_succeeded(&server.run(&["--wait=20s"]));
            assert_eq!(server.posts(), 1);
        }
    }
}

/// Members in another case, with a byte order mark, and values in another case.
#[test]
fn an_odd_spelling_loses_nothing() {
    let answer = format!(
        "\u{feff}{{\"ID\": {ACTION:?}, \"Type\": \"OFFBOARD\", \"Status\": \"PENDING\", \
         \"errorHResult\": \"0\", \"commands\": null, \"scope\": 1, \
         \"machineId\": \"\"}}"
    );
    let server = service(true, move || Reply::new(201, &answer));
    assert_succeeded(&server.run(&["--wait=20s"]));
}

/// Later, the service shows the action with another machine. Its status proves nothing about the
/// machine of the order.
#[test]
fn the_action_of_another_machine_is_not_the_result_of_an_order() {
    let server = Scripted::new(move |request, posts| {
        let mut other = action("Succeeded");
        other["machineId"] = json!("f".repeat(40));
        if request.starts_with("POST ") {
            return Some(accepted());
        }
        if request.starts_with(&format!("GET /api/machineactions/{ACTION}")) {
            return Some(Reply::new(200, &other.to_string()));
        }
        let actions = if posts > 0 { vec![other] } else { Vec::new() };
        request
            .starts_with("GET /api/machineactions?")
            .then(|| Reply::new(200, &json!({"value": actions}).to_string()))
    });
    let outcome = server.run(&["--wait=3s"]);
    assert_ne!(outcome.row()["state"], "succeeded", "{outcome:?}");
    let status = server.command(&["status", MACHINE, "-o", "json"]);
    assert_ne!(status.row()["state"], "succeeded", "{status:?}");
    let shown = server.command(&["show", "last", "-o", "json"]);
    assert_ne!(shown.row()["state"], "succeeded", "{shown:?}");
}

/// An answer without a machine, with the external id of another order.
#[test]
fn the_action_of_another_order_is_not_an_acceptance() {
    let server = Scripted::new(move |request, _| {
        request.starts_with("POST ").then(|| {
            let mut other = action("Pending");
            other["externalId"] = json!("00000000-0000-4000-8000-000000000001-7");
            Reply::new(200, &other.to_string())
        })
    });
    let outcome = server.run(&["--grace", "0s"]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "unknown", "{outcome:?}");
}
