//! The command's output is valid by its JSON schemas.

use offboard_simulator::FaultPlan;
use serde_json::{Value, json};

use crate::support::{ClosedPort, UNKNOWN_MACHINE, World, offboard, python::faults};

#[test]
fn orders_keep_to_their_schema() {
    let world = World::new();
    let online = world.online()[0].machine.id.clone();
    let offline = world.offline().machine.id.clone();
    let name = world.shared_name();
    let mut rows = world
        .run(&[&online, &offline, UNKNOWN_MACHINE, &name, "--wait=2s"])
        .rows();
    rows.extend(world.run(&[&online, "--dry-run"]).rows());
    rows.extend(
        world
            .offboard(&["status", &online, UNKNOWN_MACHINE, "--output", "json"])
            .rows(),
    );
    let cancel = [
        "cancel",
        &offline,
        &online,
        "--comment",
        "x",
        "--output",
        "json",
    ];
    rows.extend(world.offboard(&cancel).rows());
    assert_eq!(rows.len(), 9, "{rows:?}");
    assert_eq!(faults("order.json", &rows), "");

    rows[0]["state"] = json!("nonsense");
    rows[1]["machineId"] = json!(UNKNOWN_MACHINE.to_uppercase());
    rows[2]["surplus"] = json!(1);
    rows[3]["error"]["retry"] = json!("sometimes");
    assert_eq!(faults("order.json", &rows).lines().count(), 4);
}

/// A run with every kind of order and a tag; one order stays unknown.
fn recorded() -> World {
    let world = World::with(|config| {
        config.roles.push("Machine.ReadWrite.All".to_owned());
        let faults = ["offboard:3:drop-before-commit", "tags:2:status=503"];
        config.faults = FaultPlan::parse(faults).unwrap();
    });
    let ids = world.online_ids(3);
    let args = ["--tag", "Retired", "--grace=0s", "--request-id", "step-7"];
    world.run(&[&args[..], &[&ids[0], &ids[1], &ids[2], UNKNOWN_MACHINE]].concat());
    world.run(&[&world.offline().machine.id]);
    world
}

#[test]
fn runs_keep_to_their_schema() {
    let world = recorded();
    let mut rows = world.recorded_runs();
    assert_eq!(
        rows[0]["states"],
        json!({"accepted": 2, "rejected": 1, "unknown": 1})
    );
    assert_eq!(
        (&rows[0]["tag"], &rows[1]["tag"]),
        (&json!("Retired"), &json!(null))
    );
    assert_eq!(faults("run.json", &rows), "");
    rows[0]["states"]["nonsense"] = json!(1);
    rows[1]["surplus"] = json!(1);
    assert_eq!(faults("run.json", &rows).lines().count(), 2);
}

#[test]
fn exports_keep_to_their_schema() {
    let world = recorded();
    let mut rows = world.recorded();
    let requests = |row: &Value| row["requests"].as_array().unwrap().len();
    let requests: Vec<usize> = rows.iter().map(requests).collect();
    assert_eq!(requests, [2, 2, 2, 0, 1]);
    assert_eq!(faults("export.json", &rows), "");
    rows[0]["requests"][0]["surplus"] = json!(1);
    rows[1]["requests"][0]["error"]["retry"] = json!("sometimes");
    rows[2]["moments"][0]["state"] = json!("nonsense");
    rows[3]["machineId"] = json!(UNKNOWN_MACHINE.to_uppercase());
    rows[4]["requests"][0]["error"] = json!({});
    let faults = faults("export.json", &rows);
    for row in 1..=5 {
        assert!(faults.contains(&format!("{row}: $")), "{row}: {faults}");
    }
}

#[test]
fn cancellations_keep_to_their_schema() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    world.run(&[&id]);
    world.offboard(&["cancel", &id, "--comment", "x"]);
    let exported = world.offboard(&["export", "--cancellations"]);
    let mut rows: Vec<Value> = vec![serde_json::from_str(&exported.stdout).unwrap()];
    assert_eq!(faults("cancellation.json", &rows), "");
    let shown = world.offboard(&["show", "last", "-o", "json"]).rows();
    assert_eq!(shown[0]["cancellations"], json!(rows));
    assert_eq!(faults("order.json", &shown), "");
    assert_eq!(faults("export.json", &world.recorded()), "");
    rows[0]["state"] = json!("nonsense");
    assert_eq!(faults("cancellation.json", &rows).lines().count(), 1);
}

#[test]
fn machines_keep_to_their_schema() {
    let world = World::new();
    let mut rows = world
        .offboard(&["find", &world.shared_name(), "--output", "json"])
        .rows();
    assert_eq!(faults("machine.json", &rows), "");
    rows[0]["tags"] = json!(null);
    assert_eq!(faults("machine.json", &rows).lines().count(), 1);
}

#[test]
fn components_keep_to_their_schema() {
    let outcome = offboard(["inspect", "--output", "json"]);
    let row: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(faults("component.json", &[row]), "");
    assert_ne!(faults("component.json", &[json!({})]), "");
}

#[test]
fn audits_keep_to_their_schema() {
    let world = World::new();
    let truth = world.online().remove(0);
    let online = truth.machine.id.as_str();
    let file = world.path("audit.jsonl");
    let audit = ["--audit", file.to_str().unwrap()];
    world.run(&[&[online, UNKNOWN_MACHINE][..], &audit].concat());
    world.offboard(&[&["find", &world.shared_name()][..], &audit].concat());
    let closed = ClosedPort::new();
    world.run(&[&[online][..], &["--api-root", &closed.root()], &audit].concat());
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 5, "{text}");
    assert_eq!(faults("audit.json", &lines), "");

    lines[0]["decision"] = json!("perhaps");
    lines[1]["bytesSent"] = json!(-1);
    lines[2]["pluginSha256"] = json!("abc");
    lines[3]["status"] = json!("200");
    assert_eq!(faults("audit.json", &lines).lines().count(), 4);
}
