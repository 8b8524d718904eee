//! Interfaces for scripts: formats, quiet, colour, pipes and signals.

use std::io::Read;
#[cfg(unix)]
use std::time::Duration;

use crate::support::{Outcome, World};
#[cfg(unix)]
use crate::support::{program, signal, until, until_signals_are_caught};

#[test]
fn jsonl_is_one_object_a_line() {
    let world = World::new();
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(2)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    let outcome = world.run(&[&ids[..], &["--output", "jsonl"]].concat());
    let lines: Vec<serde_json::Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["machineId"], ids[0]);
}

#[test]
fn the_action_is_the_service_s_json_unedited() {
    let world = World::new();
    let outcome = world.run(&[&world.online()[0].machine.id]);
    let row = outcome.row();
    let members: Vec<&str> = row["action"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members.len(), 21, "{members:?}");
    assert_eq!(members[0], "@odata.context");
    assert_eq!(members[20], "troubleshootInfo");
}

#[test]
fn quiet_prints_nothing_on_success() {
    let world = World::new();
    let outcome = world.run(&[&world.online()[0].machine.id, "--quiet", "--wait"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn no_escape_sequence_reaches_a_pipe() {
    let world = World::new();
    for args in [
        &["run", "5m", "--comment", "x"][..],
        &["find", "nobody"],
        &["--help"],
    ] {
        let output = world.command(args).env("NO_COLOR", "1").output().unwrap();
        let outcome = Outcome::from(output);
        assert!(
            !format!("{}{}", outcome.stdout, outcome.stderr).contains('\u{1b}'),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_closed_pipe_does_not_stop_a_run() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let run = ["run", &id, "--comment", "x", "--yes", "--wait"];
    for args in [
        &run[..],
        &["inspect"],
        &["--help"],
        &["completions", "bash"],
    ] {
        let mut child = world.command(args).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let status = child.wait().unwrap();
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        assert_eq!(status.code(), Some(0), "{args:?}: {stderr}");
    }
    assert_eq!(world.offboardings().len(), 1);
}

/// Waits until the POST is sent.
#[cfg(unix)]
fn until_sent(world: &World) {
    until("a request", || !world.posts().is_empty());
}

/// Opening a named pipe without a writer blocks.
#[cfg(unix)]
#[test]
fn a_command_that_waits_for_a_file_can_be_ended() {
    let world = World::new();
    let pipe = world.path("pipe");
    let made = program("mkfifo").args(["-m", "600"]).arg(&pipe).status();
    assert!(made.unwrap().success());
    let id = world.online()[0].machine.id.clone();
    for (variable, signals) in [
        ("OFFBOARD_TOKEN_FILE", 1),
        ("OFFBOARD_CONFIG", 3),
        ("OFFBOARD_CA_FILE", 3),
    ] {
        let mut command = world.command(&["run", &id, "--comment", "x", "--yes"]);
        let mut child = command.env(variable, &pipe).spawn().unwrap();
        until_signals_are_caught(&mut child);
        signal(&child, "TERM");
        until("the end of the command", || {
            let is_running = child.try_wait().unwrap().is_none();
            if is_running && signals > 1 {
                // Two signals at once may be delivered as one.
                std::thread::sleep(Duration::from_millis(300));
                signal(&child, "TERM");
            }
            !is_running
        });
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{variable}");
    }
    assert!(world.posts().is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_still_reports_each_machine() {
    for name in ["INT", "TERM"] {
        let world = World::new();
        let id = world.offline().machine.id.clone();
        let run = [
            "run",
            &id,
            "--comment",
            "x",
            "--yes",
            "--wait",
            "--output",
            "json",
        ];
        let child = world.command(&run).spawn().unwrap();
        until_sent(&world);
        signal(&child, name);
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, 130, "{outcome:?}");
        assert_eq!(outcome.row()["state"], "pending");
        assert!(outcome.stderr.contains("offboard status"), "{outcome:?}");
    }
}
