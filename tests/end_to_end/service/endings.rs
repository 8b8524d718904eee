//! How actions end: why they failed, and what to do next, in every output.

use offboard_simulator::{Config, FaultPlan};
use serde_json::json;

use crate::support::{MACHINE, Reply, Scripted, World};

const ACTION: &str = "aaaaaaaa-2222-4333-8444-555555555555";

/// A service whose action ends with this status and these members.
fn ending(status: &'static str, members: serde_json::Value) -> Scripted {
    Scripted::new(move |request, posts| {
        let mut action = json!({
            "id": ACTION,
            "type": "Offboard",
            "status": if request.starts_with("POST ") { "Pending" } else { status },
            "machineId": MACHINE,
            "requestorComment": "Retired",
        });
        let object = action.as_object_mut().unwrap();
        object.extend(members.as_object().unwrap().clone());
        if request.starts_with("POST ") || request.starts_with("GET /api/machineactions/") {
            return Some(Reply::new(200, &action.to_string()));
        }
        (request.starts_with("GET /api/machineactions?") && posts > 0)
            .then(|| Reply::new(200, &json!({"value": [action]}).to_string()))
    })
}

#[test]
fn the_reason_of_a_failure_is_in_every_output() {
    for (status, members, words, next) in [
        (
            "Failed",
            json!({"errorHResult": -2_147_024_891}),
            "error 0x80070005 (access denied)",
            "still onboarded",
        ),
        (
            "TimeOut",
            json!({"errorHResult": -2_145_844_840}),
            "error 0x80190198 (HTTP 408, request timeout)",
            "Bring it online",
        ),
        (
            "Cancelled",
            json!({"cancellationRequestor": "eve@corp.test", "cancellationComment": "Wrong one"}),
            "cancelled by eve@corp.test: Wrong one",
            "order it again",
        ),
    ] {
        let server = ending(status, members);
        let report = server.path("report.html");
        let report_arg = format!("--report={}", report.display());
        let outcome = server.run(&["--wait=20s", &report_arg]);
        assert_eq!(outcome.code, 1, "{outcome:?}");
        let note = outcome.row()["note"].as_str().unwrap().to_owned();
        assert!(note.contains(words) && note.contains(next), "{note}");
        // The note has a next step with a command.
        assert!(outcome.stderr.contains("offboard run"), "{outcome:?}");
        let html = std::fs::read_to_string(&report).unwrap();
        assert!(html.contains(words), "{status}: the report");
        for args in [
            &["show", "last", "--wide"][..],
            &["show", "last", "-o", "csv"],
            &["status", ACTION, "--wide"],
            &["status", MACHINE, "-o", "csv"],
        ] {
            let shown = server.command(args);
            assert!(shown.stdout.contains(words), "{args:?}: {shown:?}");
        }
    }
}

/// The type of an action that is not an offboarding is shown.
#[test]
fn the_type_of_another_action_is_shown() {
    let isolation = json!({"type": "Isolate", "errorHResult": -2_147_467_260});
    let server = ending("Failed", isolation);
    for format in ["table", "csv", "json"] {
        let shown = server.command(&["status", ACTION, "--wide", "-o", format]);
        assert!(shown.stdout.contains("Isolate"), "{shown:?}");
        assert!(shown.stdout.contains("0x80004004"), "{shown:?}");
    }
}

/// A pending action has a next step.
#[test]
fn a_pending_action_has_a_next_step() {
    let world = World::new();
    let id = world.offline().machine.id;
    let outcome = world.run(&[&id, "--wait=1s"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (4, &json!("pending")),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("offboard cancel"), "{outcome:?}");
    let status = world.offboard(&["status", &id, "--wait=1s"]);
    assert!(status.stderr.contains("offboard cancel"), "{status:?}");
}

/// A run reads the action of an earlier order before it reports that order as pending.
#[test]
fn an_earlier_order_is_read_before_it_is_called_pending() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["offboard:1:ends=Failed"]).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    let first = world.run(&[&id]);
    assert_eq!(first.row()["state"], "accepted", "{first:?}");
    crate::support::until("the action has failed", || {
        let offboardings = world.offboardings();
        offboardings.iter().any(|one| one["status"] == "Failed")
    });
    let second = world.run(&[&id, "--wait=20s"]);
    assert_eq!(second.row()["state"], "succeeded", "{second:?}");
    // The first order is updated, too.
    let runs = world.recorded_runs();
    assert!(
        runs.iter().any(|run| run["states"]["failed"] == 1),
        "{runs:?}"
    );
}
