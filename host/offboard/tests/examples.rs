//! Runs the examples against the simulator, each in its own process.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use offboard_simulator::FaultPlan;
use offboard_testkit::{Outcome, Running, World, built, isolated, program, request, until};
use serde_json::Value;

/// Starts an example that uses this world.
fn start(world: &World, name: &str, arguments: &[&str]) -> Running {
    let program = program(built(&format!("examples/{name}")));
    let mut example = isolated(program, arguments);
    Running::start(world.authorize(&mut example).stdin(Stdio::piped()))
}

/// Runs an example to its end.
fn run(world: &World, name: &str, arguments: &[&str]) -> Outcome {
    start(world, name, arguments).end()
}

/// The machines that were offboarded.
fn offboarded(world: &World) -> Vec<String> {
    let offboardings = world.offboardings();
    let machine = |one: &Value| one["machineId"].as_str().unwrap().to_owned();
    offboardings.iter().map(machine).collect()
}

#[test]
fn one_machine_is_offboarded_after_a_yes_and_not_before() {
    let world = World::new();
    let machine = world.online_ids(1).remove(0);
    for (answer, count) in [("no\n", 0), ("yes\n", 1)] {
        let mut example = start(&world, "one_machine", &[&machine, "Retired, INC-1"]);
        let mut stdin = example.child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).unwrap();
        drop(stdin);
        let outcome = example.end();
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stdout.contains("1 machine, plan "), "{outcome:?}");
        let is_accepted = outcome.stdout.contains("1 accepted");
        assert_eq!(is_accepted, count == 1, "{outcome:?}");
        assert_eq!(world.offboardings().len(), count, "{outcome:?}");
    }
}

#[test]
fn a_list_is_offboarded_with_its_progress_if_its_length_is_the_expected_one() {
    let world = World::new();
    let machines = world.online_ids(3);
    let list = world.path("list");
    fs::write(&list, machines.join("\n")).unwrap();
    let list = list.to_str().unwrap();
    let refused = run(&world, "list", &[list, "Retired", "2"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.stderr.contains("Unexpected"), "{refused:?}");
    assert!(world.offboardings().is_empty());

    let outcome = run(&world, "list", &[list, "Retired", "3"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // Several requests are in flight at once: they arrive in any order.
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(offboarded(&world)), sorted(machines));
    let lines = outcome.stdout.lines();
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| events.iter().filter(|one| one["event"] == name).count();
    assert_eq!(of("sending"), 1, "{outcome:?}");
    assert!(of("changed") >= 6, "{outcome:?}");
    assert!(outcome.stderr.contains("has ended"), "{outcome:?}");
}

#[test]
fn a_web_server_executes_what_a_person_approved() {
    let world = World::new();
    let machine = world.online_ids(1).remove(0);
    let mut example = start(&world, "axum", &[]);
    let mut line = String::new();
    let mut stdout = BufReader::new(example.child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let root = line.trim();
    let body = format!(r#"["{machine}", ""]"#);
    let (status, answer) = request(root, None, "POST", "/offboardings/ada", &body);
    assert_eq!(status, 422, "{answer}");
    let body = format!(r#"["{machine}", "Retired, CHG-7"]"#);
    let (status, answer) = request(root, None, "POST", "/offboardings/ada", &body);
    assert_eq!((status, answer.len()), (200, 36), "{answer}");
    until("the machine is offboarded", || {
        offboarded(&world) == [machine.as_str()]
    });
}

#[test]
fn after_a_crash_the_rest_is_offboarded_and_nothing_twice() {
    let world = World::with(|config| {
        // Four requests are in flight at the same time, and get no answer.
        config.faults = FaultPlan::parse(["offboard:2-5:delay=1h"]).unwrap();
    });
    let machines = world.online_ids(8);
    let list = world.path("list");
    fs::write(&list, machines.join("\n")).unwrap();
    let example = start(&world, "list", &[list.to_str().unwrap(), "Retired", "8"]);
    until("four requests are in flight", || world.posts().len() == 5);
    example.kill();
    world.simulator.set_faults(FaultPlan::default());
    let outcome = run(&world, "resume", &["1"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // Their outcomes are reconciled or stay unknown; only the other three are sent.
    assert_eq!(world.posts().len(), 8, "{outcome:?}");
    let offboarded = offboarded(&world);
    for machine in &machines {
        let times = offboarded.iter().filter(|one| *one == machine).count();
        let was_in_flight = machines[1..5].contains(machine);
        let is_right = if was_in_flight {
            times <= 1
        } else {
            times == 1
        };
        assert!(is_right, "{machine}: {times}: {outcome:?}");
    }
}
