//! What the command prints is what its schemas promise.

use serde_json::{Value, json};

use crate::support::{NOBODY, World, offboard, python::faults};

#[test]
fn orders_keep_to_their_schema() {
    let world = World::new();
    let online = world.online()[0].machine.id.clone();
    let offline = world.offline().machine.id.clone();
    let name = world.shared_name();
    let mut rows = world
        .run(&[&online, &offline, NOBODY, &name, "--wait=2s"])
        .rows();
    rows.extend(world.run(&[&online, "--dry-run"]).rows());
    rows.extend(
        world
            .offboard(&["status", &online, NOBODY, "--output", "json"])
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
    rows[1]["machineId"] = json!(NOBODY.to_uppercase());
    rows[2]["surplus"] = json!(1);
    rows[3]["error"]["retry"] = json!("sometimes");
    assert_eq!(faults("order.json", &rows).lines().count(), 4);
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
    world.run(&[&[online, NOBODY][..], &audit].concat());
    world.offboard(&[&["find", &world.shared_name()][..], &audit].concat());
    let closed = ["--api-root", "http://127.0.0.1:1"];
    world.run(&[&[online][..], &closed, &audit].concat());
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
