//! The question, at a real terminal.
#![cfg(unix)]

use std::ffi::OsStr;

use serde_json::Value;

use crate::support::{World, python};

/// Runs `offboard run` at a terminal; what is typed before the question, and
/// at it.
fn at_a_terminal(world: &World, before: &str, answer: &str, more: &[&str]) -> (i64, String) {
    let id = world.online()[0].machine.id.clone();
    let mut args = vec![
        before,
        answer,
        env!("CARGO_BIN_EXE_offboard"),
        "run",
        &id,
        "--comment",
        "x",
    ];
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
fn yes_goes_ahead() {
    let world = World::new();
    let (code, shown) = at_a_terminal(&world, "", "yes\n", &[]);
    assert_eq!((code, world.posts().len()), (0, 1), "{shown}");
}

#[test]
fn anything_else_sends_nothing() {
    for answer in ["n\n", "y\n", "\n", "yes please\n", "\u{4}", "\u{3}"] {
        let world = World::new();
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
        let (_, after) = shown.split_once("Type yes to go ahead: ").unwrap();
        let lines: Vec<&str> = after.lines().map(str::trim).collect();
        // The first is what was typed.
        assert_eq!(lines, ["no", "Nothing was sent."], "{shown}");
        assert_eq!(code, 130);
    }
    let (code, shown) = at_a_terminal(&world, "", "no\n", &["--output", "jsonl"]);
    let (_, after) = shown.split_once("Nothing was sent.").unwrap();
    assert!(after.contains(r#""state":"not-sent""#), "{shown}");
    assert_eq!((code, world.posts().len()), (130, 0));
}

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
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
