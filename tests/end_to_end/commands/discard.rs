//! `offboard discard`: discards the orders that a run has not sent.

use offboard_simulator::{Config, FaultPlan};
use serde_json::{Value, json};

use crate::support::{ClosedPort, Outcome, World};
#[cfg(unix)]
use crate::support::{python, until_running};

/// A run of five orders: one accepted, one unknown, and three that a resume would send.
fn stopped() -> (World, Vec<String>) {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:2:drop-after-commit",
            "offboard:2:visible-after=1h",
            "offboard:3-6:status=401",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(5);
    let args: Vec<&str> = ids.iter().map(String::as_str).collect();
    let options = ["--grace", "0s", "--jobs", "1", "--request-id", "step-7"];
    world.run(&[&args[..], &options].concat());
    let states = &world.recorded_runs()[0]["states"];
    assert_eq!(
        states,
        &json!({"accepted": 1, "unknown": 1, "not-sent": 1, "planned": 2})
    );
    (world, ids)
}

/// A run of one order that was not sent.
fn not_sent(world: &World) -> String {
    let id = world.online_ids(1).remove(0);
    let mut command = world.command(&["run", &id, "--comment", "x", "--yes"]);
    let closed = ClosedPort::new();
    command.env("OFFBOARD_API_ROOT", closed.root());
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(outcome.code, 5, "{outcome:?}");
    id
}

fn states(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect()
}

#[test]
fn what_was_not_sent_is_given_up_and_the_rest_is_left() {
    let (world, ids) = stopped();
    let posts = world.posts().len();
    let why = ["--yes", "--comment", "INC-2 withdrawn", "-o", "json"];
    let discarded = world.offboard(&[&["discard", "last"], &why[..]].concat());
    assert_eq!(discarded.code, 0, "{discarded:?}");
    let rows = discarded.rows();
    let expected = ["accepted", "unknown", "skipped", "skipped", "skipped"];
    assert_eq!(states(&rows), expected, "{rows:?}");
    let user = world.recorded_runs()[0]["user"].clone();
    for row in &rows[2..] {
        let error = &row["error"];
        assert_eq!(
            (&error["kind"], &error["retry"]),
            (&json!("discarded"), &json!("never")),
            "{row}"
        );
        for words in [user.as_str().unwrap(), "INC-2 withdrawn"] {
            assert!(error["message"].as_str().unwrap().contains(words), "{row}");
        }
    }
    for words in ["Discarded: 3", "1 accepted, 1 unknown"] {
        assert!(discarded.stderr.contains(words), "{words}: {discarded:?}");
    }
    let last = world.recorded()[4]["moments"]
        .as_array()
        .unwrap()
        .last()
        .cloned();
    let last = last.unwrap();
    assert_eq!(
        (&last["state"], &last["detail"]),
        (&json!("skipped"), &json!("discarded"))
    );
    // A resume only queries what is left, and a repeated step does not succeed.
    world.offboard(&["resume", "--yes", "--grace", "0s"]);
    assert_eq!(world.posts().len(), posts);
    let args: Vec<&str> = ids.iter().map(String::as_str).collect();
    let repeated = world.run(&[&args[..], &["--request-id", "step-7", "--grace", "0s"]].concat());
    assert_eq!(
        (repeated.code, world.posts().len()),
        (4, posts),
        "{repeated:?}"
    );
    // Another time, nothing is left to discard.
    let again = world.offboard(&["discard", "last"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stderr.contains("nothing to discard"), "{again:?}");
}

#[test]
fn a_discarded_run_is_finished() {
    let world = World::new();
    let id = not_sent(&world);
    let discarded = world.offboard(&["discard", "last", "--yes"]);
    assert_eq!(discarded.code, 0, "{discarded:?}");
    assert!(discarded.stdout.contains("discarded"), "{discarded:?}");
    let runs = world.recorded_runs();
    assert_eq!(runs[0]["open"], 0);
    assert_eq!(runs[0]["states"], json!({"skipped": 1}));
    let resumed = world.offboard(&["resume", "--yes"]);
    assert!(resumed.stderr.contains("no unfinished runs"), "{resumed:?}");
    let resumed = world.offboard(&["resume", "last", "--yes"]);
    assert!(world.posts().is_empty(), "{resumed:?}");
    // It was not offboarded.
    let shown = world.offboard(&["show", "last"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    assert_eq!(world.run(&[&id]).row()["state"], "accepted");
}

/// No token and no service are needed.
#[test]
fn a_run_is_discarded_without_a_connection() {
    let world = World::new();
    not_sent(&world);
    let mut command = world.command(&["discard", "last", "--yes"]);
    command
        .env_remove("OFFBOARD_TOKEN_FILE")
        .env_remove("OFFBOARD_API_ROOT");
    assert_eq!(Outcome::from(command.output().unwrap()).code, 0);
    assert_eq!(world.recorded_runs()[0]["open"], 0);
    for wrong in ["00000000", "--ledger"] {
        let mut args = vec!["discard", wrong];
        let missing = world.path("missing.db");
        if wrong == "--ledger" {
            args.extend([missing.to_str().unwrap(), "last", "--yes"]);
        }
        let outcome = world.offboard(&args);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(!missing.exists());
    }
}

#[test]
fn nothing_is_discarded_without_a_confirmation() {
    let world = World::new();
    not_sent(&world);
    let outcome = world.offboard(&["discard", "last"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    for words in ["there is no terminal", "add --yes"] {
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
    assert_eq!(world.recorded_runs()[0]["states"], json!({"not-sent": 1}));
}

#[cfg(unix)]
#[test]
fn the_question_names_the_machines() {
    use std::ffi::OsStr;
    let world = World::new();
    let id = not_sent(&world);
    let ledger = world.path("ledger.db");
    for (answer, code, state) in [("no\n", 130, "not-sent"), ("yes\n", 0, "skipped")] {
        let args = [
            "",
            answer,
            env!("CARGO_BIN_EXE_offboard"),
            "discard",
            "last",
        ];
        let environment = [("OFFBOARD_LEDGER", ledger.to_str().unwrap())];
        let output = python::run("terminal.py", &args.map(OsStr::new), &environment, "");
        let output: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(output["code"], code, "{output}");
        assert!(output["shown"].as_str().unwrap().contains(&id), "{output}");
        assert_eq!(world.recorded_runs()[0]["states"], json!({state: 1}));
    }
}

/// The orders of a run that a process is executing are not discarded.
#[cfg(unix)]
#[test]
fn a_run_that_another_process_executes_is_not_discarded() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["offboard:1:delay=600s"]).unwrap();
    });
    let ids = world.online_ids(2);
    let args = ["run", &ids[0], &ids[1], "--comment", "x", "--yes"];
    let mut child = world.command(&args).spawn().unwrap();
    until_running(&mut child, "the request", || {
        let runs = world.offboard(&["runs", "-o", "json"]);
        runs.stdout.contains("sending")
    });
    let outcome = world.offboard(&["discard", "last", "--yes"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("another process"), "{outcome:?}");
    assert_eq!(
        world.recorded_runs()[0]["states"],
        json!({"planned": 1, "sending": 1})
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let outcome = world.offboard(&["discard", "last", "--yes"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(
        world.recorded_runs()[0]["states"],
        json!({"skipped": 1, "unknown": 1})
    );
}
