//! `offboard cancel`: what is cancelled, and its record: who cancelled what, when and why, and
//! what the service answered.

use std::fs;

use offboard_simulator::{Config, FaultPlan, MachineTruth};
use serde_json::{Value, json};

use super::status::first_action;
use crate::support::{Outcome, Reply, Running, Scripted, World, until};

fn world(faults: &'static [&'static str]) -> World {
    World::with(|config: &mut Config| config.faults = FaultPlan::parse(faults).unwrap())
}

/// The machine of an accepted order.
fn ordered(world: &World) -> MachineTruth {
    let truth = world.offline();
    let row = world.run(&[&truth.machine.id]).row();
    assert_eq!(row["state"], "accepted", "{row}");
    truth
}

fn cancel(world: &World, reference: &str) -> Outcome {
    world.offboard(&["cancel", reference, "--comment", "A mistake", "-o", "json"])
}

/// The only cancellation of the only order.
fn cancellation(order: &Value) -> Value {
    let all = order["cancellations"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{order}");
    all[0].clone()
}

/// A later run would otherwise skip the machine as `still-pending`.
#[test]
fn a_cancelled_machine_can_be_ordered_again() {
    let world = World::new();
    for by_action in [false, true] {
        let truth = world.offline();
        let id = truth.machine.id;
        let row = world.run(&[&id]).row();
        assert_eq!(row["state"], "accepted", "{row}");
        let action = row["action"]["id"].as_str().unwrap().to_uppercase();
        let outcome = cancel(&world, if by_action { &action } else { &id });
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let shown = world.offboard(&["show", "last", "-o", "json"]);
        assert_eq!(
            (shown.code, &shown.row()["state"]),
            (1, &json!("cancelled")),
            "{shown:?}"
        );
        assert_eq!(shown.row()["action"]["status"], "Cancelled", "{shown:?}");
    }
    assert!(
        world
            .offboard(&["resume"])
            .stderr
            .contains("no unfinished runs")
    );
}

#[test]
fn a_cancellation_is_shown_with_its_order() {
    let world = World::new();
    let truth = ordered(&world);
    cancel(&world, &truth.machine.computer_dns_name);
    let runs = world.recorded_runs();
    let user = runs[0]["user"].as_str().unwrap();
    let order = world.recorded().remove(0);
    let cancelled = cancellation(&order);
    assert_eq!(cancelled["action"], order["action"]["id"]);
    assert_eq!(cancelled["by"], user);
    assert_eq!(cancelled["comment"], "A mistake");
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["status"], 200, "{cancelled}");
    assert_eq!(cancelled["error"], Value::Null);
    assert!(cancelled["answer"].as_str().unwrap().contains("Cancelled"));
    let times = [&cancelled["sent"], &cancelled["answered"]];
    let times = times.map(|time| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    assert!(times[0] <= times[1], "{times:?}");
    let last = order["moments"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["state"], &last["detail"]),
        (&json!("cancelled"), &json!("Cancelled"))
    );
    let shown = world.offboard(&["show", "last", "-o", "json"]).row();
    assert_eq!(cancellation(&shown), cancelled);
    let table = world.offboard(&["show", "last"]);
    for words in [user, "A mistake", "cancelled"] {
        assert!(table.stderr.contains(words), "{words}: {table:?}");
    }
    let csv = world.offboard(&["export", "last", "-o", "csv"]);
    let (head, line) = csv.stdout.split_once('\n').unwrap();
    assert!(
        head.trim_end()
            .contains(",cancelledBy,cancellationSent,cancellationComment,cancellationState,"),
        "{head}"
    );
    assert!(line.contains("A mistake"), "{line}");
    let page = world.offboard(&["export", "last", "-o", "html"]).stdout;
    assert!(page.contains("A mistake"));
}

/// The order keeps its state until its action is read.
#[test]
fn a_cancellation_without_an_answer_is_on_record_and_decides_nothing() {
    let world = world(&["cancel:1:drop-after-commit"]);
    let truth = ordered(&world);
    let id = truth.machine.id;
    assert_eq!(cancel(&world, &id).code, 4);
    let order = world.recorded().remove(0);
    assert_eq!(order["state"], "accepted", "{order}");
    let cancelled = cancellation(&order);
    assert_eq!(cancelled["state"], "unknown", "{cancelled}");
    assert_eq!(cancelled["error"]["kind"], "outcome-unknown");
    assert_eq!(cancelled["answer"], Value::Null);
    // `status` reads the action and updates the order.
    let status = world.offboard(&["status", &id, "-o", "json"]);
    assert_eq!(status.row()["state"], "cancelled", "{status:?}");
    assert_eq!(world.recorded()[0]["state"], "cancelled");
    assert_eq!(world.run(&[&id]).row()["state"], "accepted");
}

#[test]
fn a_refused_cancellation_is_on_record() {
    let world = world(&["cancel:1-9:status=400"]);
    let truth = ordered(&world);
    assert_eq!(cancel(&world, &truth.machine.id).code, 1);
    let order = world.recorded().remove(0);
    assert_eq!(order["state"], "accepted", "{order}");
    let cancelled = cancellation(&order);
    assert_eq!(
        (&cancelled["state"], &cancelled["status"]),
        (&json!("rejected"), &json!(400))
    );
}

/// Its process ended before the answer.
#[cfg(unix)]
#[test]
fn a_cancellation_is_on_record_before_it_leaves() {
    use crate::support::until_running;
    let world = world(&["cancel:1:delay=600s"]);
    let truth = ordered(&world);
    let mut child = world
        .command(&["cancel", &truth.machine.id, "--comment", "A mistake"])
        .spawn()
        .unwrap();
    until_running(&mut child, "the request", || {
        let posts = world.posts();
        posts
            .iter()
            .any(|post| post["path"].as_str().unwrap().ends_with("/cancel"))
    });
    let order = world.recorded().remove(0);
    child.kill().unwrap();
    child.wait().unwrap();
    for order in [order, world.recorded().remove(0)] {
        let cancelled = cancellation(&order);
        assert_eq!(cancelled["state"], "unknown", "{cancelled}");
        assert_eq!(cancelled["answered"], Value::Null);
        assert_eq!(cancelled["comment"], "A mistake");
    }
}

/// The ledger has no order of that action.
#[test]
fn a_cancellation_without_an_order_is_on_record() {
    let world = World::new();
    let truth = ordered(&world);
    let other = |args: &[&str]| -> Outcome {
        let mut command = world.command(args);
        command.env("OFFBOARD_LEDGER", world.path("other.db"));
        command.output().unwrap().into()
    };
    let none = other(&["export", "--cancellations"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""), "{none:?}");
    let id = &truth.machine.id;
    assert_eq!(other(&["cancel", id, "--comment", "A mistake"]).code, 0);
    let exported = other(&["export", "--cancellations"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let cancelled: Value = serde_json::from_str(&exported.stdout).unwrap();
    assert_eq!(cancelled["comment"], "A mistake");
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["run"], Value::Null);
    assert!(other(&["runs"]).stderr.contains("no runs"));
    let csv = other(&["export", "--cancellations", "-o", "csv"]).stdout;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    // The ledger with the order lists its own cancellations, with the run.
    cancel(&world, id);
    let own = world.offboard(&["export", "--cancellations"]).stdout;
    assert_eq!(
        own, "",
        "that action had already ended, so nothing was sent"
    );
    for wrong in [
        &["export", "--cancellations", "last"][..],
        &["export", "--cancellations", "-o", "html"],
        &["export"],
    ] {
        assert_eq!(world.offboard(wrong).code, 2, "{wrong:?}");
    }
}

/// The export of all cancellations names their orders.
#[test]
fn a_cancellation_names_the_order_of_its_action() {
    let world = World::new();
    let truth = ordered(&world);
    cancel(&world, &truth.machine.id);
    let exported = world.offboard(&["export", "--cancellations"]).stdout;
    let cancelled: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(cancelled["run"], world.recorded_runs()[0]["run"]);
    assert_eq!(cancelled["number"], 1);
}

/// What is not recorded is unknown to every later command.
#[test]
fn a_cancellation_whose_outcome_is_not_recorded_is_reported() {
    let world = world(&["cancel:1:delay-after-commit=3s"]);
    let id = ordered(&world).machine.id;
    let cancel = ["cancel", &id, "--comment", "A mistake", "-o", "json"];
    let running = Running::start(&mut world.command(&cancel));
    until("the service cancelled it", || {
        world.offboardings()[0]["status"] == "Cancelled"
    });
    fs::rename(world.path("ledger.db"), world.path("elsewhere.db")).unwrap();
    let outcome = running.end();
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "cancelled", "{outcome:?}");
    let words = "its outcome could not be recorded";
    assert!(outcome.stderr.contains(words), "{outcome:?}");
}

#[test]
fn a_pending_action_is_cancelled() {
    let world = World::new();
    let action = first_action(&world, &world.offline().machine.id);
    let outcome = world.offboard(&[
        "cancel",
        &action,
        "--comment",
        "A mistake",
        "--output",
        "json",
    ]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, &row["state"]),
        (0, &json!("cancelled")),
        "{outcome:?}"
    );
    assert_eq!(row["action"]["cancellationComment"], "A mistake");
    let after = world.offboard(&["status", &action, "--output", "json"]);
    assert_eq!(
        (after.code, &after.row()["state"]),
        (1, &json!("cancelled"))
    );
}

#[test]
fn an_action_of_another_kind_is_not_cancelled() {
    let id = "11111111-2222-3333-4444-555555555555";
    let server = Scripted::new(move |request, _| {
        let action = json!({"id": id, "type": "Isolate", "status": "Pending"});
        request
            .starts_with("GET /api/machineactions/")
            .then(|| Reply::new(200, &action.to_string()))
    });
    let outcome = server.command(&["cancel", id, "--comment", "x", "--output", "json"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (1, &json!("rejected")),
        "{outcome:?}"
    );
    assert_eq!(server.posts(), 0);
}

#[test]
fn a_cancellation_that_may_have_been_carried_out_is_unknown() {
    let id = "11111111-2222-3333-4444-555555555555";
    for reply in [
        Reply::raw(b""),
        Reply::error(500, "InternalServerError", ""),
        Reply::new(200, "{}"),
    ] {
        let server = Scripted::new(move |request, _| {
            let action = json!({"id": id, "type": "Offboard", "status": "Pending"});
            if request.starts_with("POST ") {
                Some(reply.clone())
            } else {
                Some(Reply::new(200, &action.to_string()))
            }
        });
        let outcome = server.command(&["cancel", id, "--comment", "x", "--output", "json"]);
        assert_eq!(
            (outcome.code, &outcome.row()["state"]),
            (4, &json!("unknown")),
            "{outcome:?}"
        );
        assert_eq!(server.posts(), 1);
    }
}

#[test]
fn a_machine_selects_its_pending_offboarding() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    let action = first_action(&world, &id);
    let outcome = world.offboard(&["cancel", &id, "--comment", "A mistake", "--output", "json"]);
    assert_eq!(
        outcome.row()["action"]["id"],
        action.as_str(),
        "{outcome:?}"
    );
    let again = world.offboard(&["cancel", &id, "--comment", "A mistake", "--output", "json"]);
    assert_eq!(
        (again.code, &again.row()["error"]["kind"]),
        (1, &json!("already-ended"))
    );
}

#[test]
fn what_has_ended_is_not_cancelled() {
    let world = World::with(|config| config.action_time = std::time::Duration::ZERO);
    let action = first_action(&world, &world.online()[0].machine.id);
    let outcome = world.offboard(&[
        "cancel",
        &action,
        "--comment",
        "Too late",
        "--output",
        "json",
    ]);
    assert_eq!(
        (outcome.code, &outcome.row()["error"]["kind"]),
        (1, &json!("already-ended"))
    );
}

/// A row has what was read of the action, whether the user gave the action or its machine.
#[test]
fn a_row_of_an_action_that_has_ended_has_its_machine_and_its_action() {
    let world = World::with(|config| config.action_time = std::time::Duration::ZERO);
    let machine = world.online()[0].machine.clone();
    let action = first_action(&world, &machine.id);
    let posts = world.posts().len();
    for reference in [&action, &machine.id, &machine.computer_dns_name] {
        let args = ["cancel", reference, "--comment", "Too late", "-o", "json"];
        let outcome = world.offboard(&args);
        let row = outcome.row();
        assert_eq!(row["error"]["kind"], "already-ended", "{outcome:?}");
        assert_eq!(row["state"], "rejected", "{outcome:?}");
        assert_eq!(row["machineId"], machine.id.as_str(), "{outcome:?}");
        assert_eq!(row["name"], machine.computer_dns_name.as_str());
        assert_eq!(row["action"]["id"], action.as_str(), "{outcome:?}");
        assert_eq!(row["comment"], "Too late", "{outcome:?}");
        assert_eq!(world.posts().len(), posts, "{outcome:?}");
    }
}

#[test]
fn a_finished_action_is_not_cancelled_but_reported() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id, "--wait"]);
    let outcome = world.offboard(&["cancel", &id, "--comment", "x", "--output", "json"]);
    let error = &outcome.row()["error"];
    assert_eq!(
        (outcome.code, &error["kind"]),
        (1, &json!("already-ended")),
        "{outcome:?}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("Succeeded"),
        "{error}"
    );
}
