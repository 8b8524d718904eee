//! The confirmation prompt, at a real terminal.
#![cfg(unix)]

use std::ffi::OsStr;

use offboard_simulator::{Config, FaultPlan};
use serde_json::Value;

use crate::support::{World, python, write_secret};

/// Runs `offboard run` at a terminal. `before` is typed before the prompt, `answer` at it.
fn at_a_terminal(world: &World, before: &str, answer: &str, more: &[&str]) -> (i64, String) {
    let id = world.online()[0].machine.id.clone();
    let run = ["run", &id, "--comment", "x"];
    typed(world, before, answer, &[&run, more].concat())
}

/// The same for any command.
fn typed(world: &World, before: &str, answer: &str, more: &[&str]) -> (i64, String) {
    let mut args = vec![before, answer, env!("CARGO_BIN_EXE_offboard")];
    args.extend(more);
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    let token = world.path("token");
    let ledger = world.path("ledger.db");
    let environment = [
        ("OFFBOARD_API_ROOT", world.root()),
        ("OFFBOARD_TOKEN_FILE", token.to_str().unwrap()),
        ("OFFBOARD_LEDGER", ledger.to_str().unwrap()),
    ];
    let output = python::run("terminal.py", &args, &environment, "");
    let output: Value = serde_json::from_str(&output).unwrap();
    (
        output["code"].as_i64().unwrap(),
        output["shown"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn yes_confirms_the_run() {
    let world = World::new();
    let (code, shown) = at_a_terminal(&world, "", "yes\n", &[]);
    assert_eq!((code, world.posts().len()), (0, 1), "{shown}");
    let name = &world.online()[0].machine.computer_dns_name;
    assert!(
        shown.contains(&format!("Offboard {name} from tenant ")),
        "{shown}"
    );
}

#[test]
fn anything_else_sends_nothing() {
    let world = World::new();
    for answer in [
        "n\n",
        "y\n",
        "\n",
        "yes please\n",
        "\u{4}",
        "\u{3}",
        // The first Ctrl-D submits the line, the second ends the input.
        "yes\u{4}\u{4}",
        "yes\u{3}",
        "no\nyes\n",
    ] {
        let (code, shown) = at_a_terminal(&world, "", answer, &[]);
        assert_eq!((code, world.posts().len()), (130, 0), "{answer:?}: {shown}");
        assert!(!shown.contains("network"), "{answer:?}: {shown}");
        assert!(world.recorded_runs().is_empty());
    }
}

#[test]
fn a_no_is_answered_with_one_line_and_programs_get_their_rows() {
    let world = World::new();
    for more in [&[][..], &["--quiet"]] {
        let (code, shown) = at_a_terminal(&world, "", "no\n", more);
        let (_, after) = shown.split_once("Type yes to continue: ").unwrap();
        let lines: Vec<&str> = after.lines().map(str::trim).collect();
        // The terminal echoes the answer.
        assert_eq!(lines, ["no", "Nothing was sent."], "{shown}");
        assert_eq!(code, 130);
    }
    let (_, shown) = at_a_terminal(&world, "", "y\n", &[]);
    let needed = "Nothing was sent. Type the whole word yes to confirm.";
    assert!(shown.contains(needed), "{shown}");
    let (code, shown) = at_a_terminal(&world, "", "no\n", &["--output", "jsonl"]);
    let (_, after) = shown.split_once("Nothing was sent.").unwrap();
    assert!(after.contains(r#""state":"not-sent""#), "{shown}");
    assert_eq!((code, world.posts().len()), (130, 0));
}

/// A plan of more than 25 machines shows only the first of them, but warns about each. Its number
/// confirms it, even if `--max-devices` permits more.
#[test]
fn machines_that_were_not_shown_are_confirmed_by_their_number() {
    let world = World::with(|config: &mut Config| config.machines = 200);
    let old = world.with_version("macOS", &["13.7", "12.6"]);
    let server = world.server();
    let mut ids = world.online_ids(25);
    ids.retain(|id| *id != old);
    ids.truncate(24);
    ids.extend([server, old]);
    let limits = ["--max-devices", "500", "--quota", "1000/60s"];
    let mut run = vec!["run", "--comment", "x"];
    run.extend(limits);
    run.extend(ids.iter().map(String::as_str));
    let (code, shown) = typed(&world, "", "yes\n", &run);
    assert_eq!((code, world.posts().len()), (130, 0), "{shown}");
    assert!(shown.contains("Type the number 26 to confirm."), "{shown}");
    let question = "Offboard these 26 machines, 1 of them a Windows server, from tenant ";
    assert!(shown.contains(question), "{shown}");
    let warning = "note: 1 of them: macOS 1";
    assert!(shown.contains(warning), "{shown}");
    let (code, shown) = typed(&world, "", "yes\n", &run[..run.len() - 1]);
    assert_eq!((code, world.posts().len()), (0, 25), "{shown}");
}

#[test]
fn input_before_the_question_is_not_an_answer() {
    let world = World::new();
    let (code, shown) = at_a_terminal(&world, "yes\n", "no\n", &[]);
    assert_eq!((code, world.posts().len()), (130, 0), "{shown}");
}

#[test]
fn what_is_confirmed_is_shown_even_when_quiet() {
    let world = World::new();
    let (_, shown) = at_a_terminal(&world, "", "no\n", &["--quiet", "nobody"]);
    let truth = &world.online()[0];
    let (plan, _) = shown.split_once("Type yes").unwrap();
    assert!(plan.contains(&truth.machine.id), "{shown}");
    assert!(plan.contains(&truth.machine.computer_dns_name), "{shown}");
    assert!(plan.contains("no machine has the name nobody"), "{shown}");
}

/// A machine that could not be read was not shown to the user, so `--yes` does not
/// confirm it.
#[test]
fn an_order_that_was_not_shown_is_not_resumed_without_confirmation() {
    let id = World::new().online_ids(2).remove(1);
    let world = World::with(|config: &mut Config| {
        let fault = format!("machine/{id}:1-4:status=503");
        config.faults = FaultPlan::parse([fault.as_str()]).unwrap();
    });
    let (_, shown) = at_a_terminal(&world, "", "yes\n", &[&id]);
    let states = |world: &World| {
        let orders = world.recorded();
        let state = |order: &Value| order["state"].as_str().unwrap().to_owned();
        orders.iter().map(state).collect::<Vec<_>>()
    };
    assert_eq!(states(&world), ["accepted", "not-sent"], "{shown}");
    assert_eq!(world.posts().len(), 1, "{shown}");

    let without = world.offboard(&["resume", "last", "--yes", "-o", "json"]);
    assert_eq!(without.code, 5, "{without:?}");
    assert_eq!(without.rows()[1]["state"], "not-sent", "{without:?}");
    assert_eq!(world.posts().len(), 1, "{without:?}");
    // Nor does `--expect` count it.
    let expected = world.offboard(&["resume", "last", "--yes", "--expect", "1"]);
    assert_eq!((expected.code, world.posts().len()), (2, 1), "{expected:?}");

    let (code, shown) = typed(&world, "", "no\n", &["resume", "last"]);
    assert_eq!((code, world.posts().len()), (130, 1), "{shown}");
    let (plan, _) = shown.split_once("Type yes").unwrap();
    assert!(plan.contains(&id), "{shown}");
    // An answer of no is not a consent to a later run.
    let declined = world.offboard(&["resume", "last", "--yes", "-o", "json"]);
    assert_eq!(world.posts().len(), 1, "{declined:?}");
    assert_eq!(declined.rows()[1]["state"], "not-sent", "{declined:?}");
    let (code, shown) = typed(&world, "", "yes\n", &["resume", "last"]);
    assert_eq!((code, world.posts().len()), (0, 2), "{shown}");
    assert_eq!(world.offboardings()[1]["machineId"], id.as_str());
}

/// The token could not be read, so the tenant of the run is unknown. It is resumed in the tenant
/// of another token only if a user confirms it there.
#[test]
fn a_run_without_a_tenant_is_resumed_after_a_new_confirmation() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    let token = world.token().to_owned();
    write_secret(&world.path("token"), "garbage");
    let refused = world.run(&[&id]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(world.recorded_runs()[0]["tenant"], Value::Null);
    write_secret(&world.path("token"), &token);

    let all = world.offboard(&["resume", "--yes"]);
    assert_eq!(all.code, 5, "{all:?}");
    assert!(all.stderr.contains("resume it by its id"), "{all:?}");
    let without = world.offboard(&["resume", "last", "--yes"]);
    assert_eq!((without.code, world.posts().len()), (2, 0), "{without:?}");
    assert!(without.stderr.contains("names no tenant"), "{without:?}");
    let (code, shown) = typed(&world, "", "no\n", &["resume", "last"]);
    assert_eq!((code, world.posts().len()), (130, 0), "{shown}");
    let declined = world.offboard(&["resume", "last", "--yes", "-o", "json"]);
    assert_eq!(declined.row()["state"], "not-sent", "{declined:?}");
    let (code, shown) = typed(&world, "", "yes\n", &["resume", "last"]);
    assert_eq!((code, world.posts().len()), (0, 1), "{shown}");
    let run = &world.recorded_runs()[0];
    assert!(run["tenant"].is_string(), "{run}");
}

/// The user decides by what is shown, because a machine may be offboarded twice.
#[test]
fn what_is_resent_is_shown_before_the_question_and_in_the_result() {
    let world = World::with(|config: &mut Config| {
        let faults = [
            "offboard:1-2:drop-after-commit",
            "offboard:1-2:visible-after=1h",
        ];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let truths: Vec<_> = world.online().into_iter().take(2).collect();
    for (truth, comment) in truths.iter().zip(["Returned, INC-7", "Retired, INC-8"]) {
        let id = &truth.machine.id;
        world.offboard(&["run", id, "--comment", comment, "--yes", "--grace", "0s"]);
    }
    let runs = world.recorded_runs();
    let resume = |answer: &str, run: &Value| {
        let run = run["run"].as_str().unwrap();
        let args = ["resume", run, "--resend-unknown", "--grace", "0s"];
        typed(&world, "", answer, &args)
    };
    let machine = &truths[0].machine;
    let (code, shown) = resume("no\n", &runs[0]);
    assert_eq!((code, world.posts().len()), (130, 2), "{shown}");
    let (plan, _) = shown.split_once("Type yes").unwrap();
    let grant = format!("/api/machines/{}/offboard", machine.id);
    for part in [
        &machine.id,
        &machine.computer_dns_name,
        "Returned, INC-7",
        "Signed in",
        &grant,
        "may already be offboarded",
        "a second time",
        "within the grace time of 0s",
    ] {
        assert!(plan.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("Resent, once"), "{shown}");
    let (code, shown) = resume("yes\n", &runs[0]);
    assert_eq!((code, world.posts().len()), (0, 3), "{shown}");
    let result = format!("Resent, once each: {}", machine.computer_dns_name);
    assert!(shown.contains(&result), "{shown}");
    // An order that was reconciled is not resent, nor reported as resent.
    let (_, shown) = resume("yes\n", &runs[0]);
    assert!(shown.contains("No order was resent."), "{shown}");
    assert_eq!(world.posts().len(), 3, "{shown}");
}

/// `--yes` of the run confirms all of its machines, also those that could not be read.
#[test]
fn a_run_with_yes_is_resumed_with_yes() {
    let id = World::new().online_ids(1).remove(0);
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["machine:1-4:status=503"]).unwrap();
    });
    assert_eq!(world.run(&[&id]).row()["state"], "not-sent");
    let resumed = world.offboard(&["resume", "--yes", "-o", "json"]);
    assert_eq!(resumed.row()["state"], "accepted", "{resumed:?}");
    assert_eq!(world.posts().len(), 1);
}
