//! `offboard status`.

use offboard_simulator::{Config, FaultPlan};
use serde_json::json;

use crate::support::{ClosedPort, Outcome, World};
#[cfg(unix)]
use crate::support::{signal, until_running};

pub(super) fn first_action(world: &World, id: &str) -> String {
    world.run(&[id, "--again"]).row()["action"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn an_action_is_followed_to_its_end() {
    let world = World::new();
    let action = first_action(&world, &world.online()[0].machine.id);
    let outcome = world.offboard(&["status", &action, "--wait", "--output", "json"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (0, &json!("succeeded")),
        "{outcome:?}"
    );
    assert_eq!(outcome.row()["action"]["id"], action.as_str());
}

#[test]
fn a_machine_selects_its_newest_offboarding() {
    let world = World::with(|config| config.action_time = std::time::Duration::ZERO);
    let truth = &world.online()[0];
    first_action(&world, &truth.machine.id);
    let newest = first_action(&world, &truth.machine.id);
    for machine in [&truth.machine.id, &truth.machine.computer_dns_name] {
        let outcome = world.offboard(&["status", machine, "--output", "json"]);
        assert_eq!(
            outcome.row()["action"]["id"],
            newest.as_str(),
            "{outcome:?}"
        );
    }
}

#[test]
fn what_has_not_ended_at_the_deadline_is_pending() {
    let world = World::new();
    let action = first_action(&world, &world.offline().machine.id);
    let now = world.offboard(&["status", &action, "--output", "json"]);
    assert_eq!((now.code, &now.row()["state"]), (0, &json!("accepted")));
    let later = world.offboard(&["status", &action, "--wait=1s", "--output", "json"]);
    assert_eq!((later.code, &later.row()["state"]), (4, &json!("pending")));
}

/// The exit code is that of the state, whichever command shows it: 0 for `accepted`, and 4 for
/// `pending`, which is what has not ended at a deadline.
#[test]
fn a_pending_offboarding_has_one_exit_code_for_each_state() {
    let world = World::new();
    let id = world.offline().machine.id;
    let json = ["--output", "json"];
    let assert_state = |args: &[&str], expected: (i32, &str)| {
        let outcome = world.offboard(&[args, &json[..]].concat());
        let state = outcome.row()["state"].clone();
        let found = (outcome.code, state.as_str().unwrap());
        assert_eq!(found, expected, "{args:?}: {outcome:?}");
    };
    assert_state(&["run", &id, "--comment", "x", "--yes"], (0, "accepted"));
    assert_state(&["show", "last"], (0, "accepted"));
    assert_state(&["status", &id], (0, "accepted"));
    assert_state(&["status", &id, "--wait=1s"], (4, "pending"));
    assert_state(&["show", "last"], (0, "accepted"));
    assert_state(&["resume", "last", "--yes", "--wait=1s"], (4, "pending"));
    assert_state(&["show", "last"], (4, "pending"));
    let second = [
        "run",
        &id,
        "--again",
        "--comment",
        "y",
        "--yes",
        "--wait=1s",
    ];
    assert_state(&second, (4, "pending"));
    assert_state(&["show", "last"], (4, "pending"));
    let help = world.offboard(&["status", "--help"]).stdout;
    for words in [
        "accepted without --wait counts as success",
        "pending at the deadline of --wait",
    ] {
        assert!(help.contains(words), "{help}");
    }
}

/// The deadline of a run is a fact of the record. That the action goes on does not change it.
#[test]
fn a_pending_order_stays_pending_until_its_action_ends() {
    let world =
        World::with(|config: &mut Config| config.action_time = std::time::Duration::from_secs(16));
    let id = world.online_ids(1).remove(0);
    assert_eq!(world.run(&[&id, "--wait=1s"]).code, 4);
    crate::support::until("the action is in progress", || {
        world.offboardings()[0]["status"] == "InProgress"
    });
    assert_eq!(world.offboard(&["status", &id]).code, 0);
    let shown = world.offboard(&["show", "last", "-o", "json"]);
    let row = shown.row();
    assert_eq!(
        (shown.code, &row["state"], &row["action"]["status"]),
        (4, &json!("pending"), &json!("InProgress")),
        "{row}"
    );
}

#[test]
fn an_unknown_action_has_no_status_and_is_not_cancelled() {
    let world = World::new();
    let unknown = "11111111-2222-3333-4444-555555555555";
    for (command, state) in [
        (&["status", unknown][..], "unknown"),
        (&["cancel", unknown, "--comment", "x"], "rejected"),
    ] {
        let outcome = world.offboard(&[command, &["--output", "json"]].concat());
        assert_eq!(
            (outcome.code, &outcome.row()["state"]),
            (1, &json!(state)),
            "{outcome:?}"
        );
        assert_eq!(outcome.row()["error"]["code"], "ResourceNotFound");
    }
}

/// A state that is safe to retry would be mistaken for the offboarding's state.
#[test]
fn what_cannot_be_read_is_unknown() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    let action = first_action(&world, &id);
    for subject in [&action, &id] {
        let mut command = world.command(&["status", subject, "--output", "json"]);
        let closed = ClosedPort::new();
        command.env("OFFBOARD_API_ROOT", closed.root());
        let outcome = Outcome::from(command.output().unwrap());
        let row = outcome.row();
        assert_eq!((outcome.code, &row["state"]), (5, &json!("unknown")));
        assert_eq!(row["error"]["kind"], "no-answer");
    }
}

#[test]
fn a_machine_without_an_offboarding_has_no_status() {
    let world = World::new();
    let outcome = world.offboard(&["status", &world.offline().machine.id, "--output", "json"]);
    assert_eq!(
        (outcome.code, &outcome.row()["error"]["kind"]),
        (1, &json!("no-offboarding"))
    );
}

/// The service may list an offboarding late: finding none must not lead to a second one.
#[test]
fn a_machine_with_an_unknown_order_is_not_to_be_ordered_again() {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:1-9:drop-after-commit",
            "offboard:1-9:visible-after=1h",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let truth = world.online().remove(0).machine;
    let run = world.run(&[&truth.id, "--grace", "0s"]);
    assert_eq!(run.row()["state"], "unknown", "{run:?}");
    let runs = world.recorded_runs();
    let id = runs[0]["run"].as_str().unwrap().split('-').next().unwrap();
    let resume = format!("`offboard resume {id}`");
    for command in [
        &["status", &truth.id][..],
        &["status", &truth.computer_dns_name],
        &["cancel", &truth.id, "--comment", "x"],
        &["cancel", &truth.computer_dns_name, "--comment", "x"],
    ] {
        let outcome = world.offboard(&[command, &["-o", "json"]].concat());
        assert_eq!(outcome.code, 4, "{outcome:?}");
        let error = &outcome.row()["error"];
        assert_eq!(error["kind"], "no-offboarding", "{outcome:?}");
        for advice in [error["hint"].as_str().unwrap(), &outcome.stderr] {
            assert!(advice.contains(&resume), "{outcome:?}");
            assert!(!advice.contains("offboard run"), "{outcome:?}");
        }
        // Without the ledger, the state of the order is not known.
        let mut with_other_ledger = world.command(&[command, &["-o", "json"]].concat());
        with_other_ledger.env("OFFBOARD_LEDGER", world.path("other.db"));
        let outcome = Outcome::from(with_other_ledger.output().unwrap());
        assert_eq!(outcome.code, 1, "{outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("may list a recent offboarding later"),
            "{outcome:?}"
        );
        assert!(!outcome.stderr.contains("offboard run"), "{outcome:?}");
    }
}

/// An earlier offboarding does not show the outcome of the newest order.
#[test]
fn an_earlier_action_does_not_hide_an_unknown_order() {
    let world = World::with(|config: &mut Config| {
        config.action_time = std::time::Duration::ZERO;
        let faults = [
            "offboard:2-9:drop-after-commit",
            "offboard:2-9:visible-after=1h",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    first_action(&world, &id);
    let again = world.run(&[&id, "--again", "--grace", "0s"]);
    assert_eq!(again.row()["state"], "unknown", "{again:?}");
    for command in [&["status", &id][..], &["cancel", &id, "--comment", "x"]] {
        let outcome = world.offboard(command);
        assert!(outcome.stderr.contains("`offboard resume "), "{outcome:?}");
    }
}

/// What `status` reads of an order's own action is recorded: `show` and a later run use it.
#[test]
fn the_order_of_an_action_is_brought_up_to_date() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    first_action(&world, &id);
    assert_eq!(world.recorded()[0]["state"], "accepted");
    let status = world.offboard(&["status", &id, "--wait", "-o", "json"]);
    assert_eq!(status.row()["state"], "succeeded", "{status:?}");
    let order = world.recorded().remove(0);
    assert_eq!(order["state"], "succeeded", "{order}");
    assert_eq!(order["action"]["status"], "Succeeded", "{order}");
    assert_ne!(order["actionRead"], json!(null));
    let shown = world.offboard(&["show", "last"]);
    assert!(shown.stdout.contains("succeeded"), "{shown:?}");
    let later = world.run(&[&id]).row();
    assert_eq!(later["error"]["kind"], "already-offboarded", "{later}");
}

/// If the ledger cannot be written, the status is still shown, and the order keeps its recorded
/// state.
#[cfg(unix)]
#[test]
fn a_status_needs_no_ledger_that_can_be_written() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    first_action(&world, &id);
    let ledger = world.path("ledger.db");
    std::fs::hard_link(&ledger, world.path("second.db")).unwrap();
    let status = world.offboard(&["status", &id, "--wait", "-o", "json"]);
    assert_eq!(
        (status.code, &status.row()["state"]),
        (0, &json!("succeeded")),
        "{status:?}"
    );
    std::fs::remove_file(world.path("second.db")).unwrap();
    assert_eq!(world.recorded()[0]["state"], "accepted");
}

/// The ledger is still read: the unknown order of a machine must be reported.
#[test]
fn a_ledger_that_cannot_be_written_is_read_for_the_status() {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:1:drop-after-commit",
            "offboard:1:visible-after=1h",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let id = world.offline().machine.id;
    let run = world.run(&[&id, "--grace", "0s"]);
    assert_eq!(run.row()["state"], "unknown", "{run:?}");
    // In place of the folder of the lock files, so that no session can begin.
    let sessions = world.path("ledger.db-sessions");
    std::fs::remove_dir_all(&sessions).unwrap();
    std::fs::write(&sessions, "").unwrap();
    let status = world.offboard(&["status", &id]);
    assert_eq!(status.code, 4, "{status:?}");
    assert!(status.stderr.contains("`offboard resume "), "{status:?}");
}

/// The service lists the action late. It is then reported as possibly the order's own, not as
/// missing.
#[test]
fn an_action_that_is_listed_is_not_called_missing() {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:1:drop-after-commit",
            "offboard:1:visible-after=2s",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let id = world.offline().machine.id;
    let run = world.run(&[&id, "--grace", "0s"]);
    assert_eq!(run.row()["state"], "unknown", "{run:?}");
    let is_listed = || world.offboard(&["status", &id]).stdout.contains("accepted");
    crate::support::until("the action", is_listed);
    let status = world.offboard(&["status", &id]);
    for wrong in ["does not list it", "an earlier action"] {
        assert!(!status.stderr.contains(wrong), "{status:?}");
    }
    for words in [
        "got no answer",
        "is probably its action",
        "`offboard resume ",
    ] {
        assert!(status.stderr.contains(words), "{words}: {status:?}");
    }
    // An action that was listed before the request is not the order's.
    let resumed = world.offboard(&["resume", "--yes", "-o", "json"]);
    assert_eq!(resumed.row()["state"], "accepted", "{resumed:?}");
    let status = world.offboard(&["status", &id]);
    assert!(!status.stderr.contains("resume"), "{status:?}");
}

/// The device is still onboarded: the user needs to know what to do about it.
#[test]
fn what_to_do_about_an_offboarding_that_did_not_succeed_is_shown() {
    for (end, state, words) in [
        ("offboard:1:ends=Failed", "failed", "failed on the device"),
        (
            "offboard:1:ends=TimeOut",
            "timed-out",
            "Bring the device online",
        ),
    ] {
        let world = World::with(|config: &mut Config| {
            config.faults = FaultPlan::parse([end]).unwrap();
        });
        let id = world.online_ids(1).remove(0);
        let run = world.run(&[&id, "--wait"]);
        assert_eq!(run.row()["state"], state, "{run:?}");
        let show = world.offboard(&["show", "last"]);
        let status = world.offboard(&["status", &id]);
        for outcome in [run, show, status] {
            assert_eq!(outcome.code, 1, "{outcome:?}");
            let help = format!("help: {state}: ");
            for words in [&help, words, "offboarding package", "`offboard run`"] {
                assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
            }
        }
        // As the advice says: neither another comment nor --again is needed.
        assert_eq!(world.run(&[&id]).row()["state"], "accepted");
    }
}

/// Also during the sign-in.
#[cfg(unix)]
#[test]
fn an_interrupted_sign_in_still_returns_a_row_for_each_machine() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let begun = world.path("begun");
    let program = format!("sh -c 'touch \"{}\"; exec sleep 600'", begun.display());
    for args in [
        &["run", &id, "--comment", "x", "--yes", "-o", "json"][..],
        &["status", &id, "-o", "json"],
        &["cancel", &id, "--comment", "x", "-o", "json"],
    ] {
        let mut command = world.command(args);
        command
            .env_remove("OFFBOARD_TOKEN_FILE")
            .env("OFFBOARD_TOKEN_COMMAND", &program);
        let _ = std::fs::remove_file(&begun);
        let mut child = command.spawn().unwrap();
        until_running(&mut child, "the token's command", || begun.exists());
        signal(&child, "TERM");
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, 130, "{outcome:?}");
        let error = &outcome.row()["error"];
        assert_eq!(error["kind"], "interrupted", "{outcome:?}");
        // The machine was never offboarded.
        let hint = error["hint"].as_str().unwrap();
        assert!(!hint.contains("offboarded again"), "{hint}");
    }
    assert!(world.requests().is_empty());
}

/// A playbook queries the orders of its own step.
#[test]
fn a_request_id_selects_the_orders_of_its_run() {
    let world = World::new();
    let ids = world.online_ids(2);
    let unknown = world.offboard(&["status", "--request-id", "K", "-o", "json"]);
    assert_eq!(
        (unknown.code, unknown.stdout.as_str()),
        (1, "[]\n"),
        "{unknown:?}"
    );
    let sent = world.run(&[&ids[0], &ids[1], "--request-id", "K"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let args = ["status", "--request-id", "K", "--wait", "-o", "json"];
    let ended = world.offboard(&args);
    assert_eq!(ended.code, 0, "{ended:?}");
    let rows = ended.rows();
    assert_eq!(rows.len(), 2, "{ended:?}");
    for (row, id) in rows.iter().zip(&ids) {
        assert_eq!(
            (&row["machineId"], &row["state"]),
            (&json!(id), &json!("succeeded"))
        );
        assert_eq!(row["requestId"], "K", "{ended:?}");
    }
    assert_eq!(world.posts().len(), 2);
    let both = world.offboard(&["status", &ids[0], "--request-id", "K"]);
    assert_eq!(both.code, 2, "{both:?}");
}
