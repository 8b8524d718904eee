//! CSV: the same rows for a spreadsheet.

use std::collections::HashMap;

use crate::support::{Outcome, Reply, Scripted, UNKNOWN_MACHINE, World, offboard};

fn rows(outcome: &Outcome) -> Vec<HashMap<String, String>> {
    ::csv::Reader::from_reader(outcome.stdout.as_bytes())
        .deserialize()
        .map(|row| row.unwrap())
        .collect()
}

#[test]
fn orders_are_rows_with_a_head() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, UNKNOWN_MACHINE, "--output", "csv"]);
    let rows = rows(&outcome);
    assert_eq!(rows.len(), 2, "{outcome:?}");
    assert_eq!(rows[0]["machineId"], id);
    assert_eq!(rows[0]["comment"], "Retired, INC-1");
    assert_eq!(rows[0]["state"], "accepted");
    let action = &world.offboardings()[0]["actionId"];
    assert_eq!(rows[0]["actionId"], action.as_str().unwrap());
    assert_eq!(rows[1]["errorKind"], "machine-not-found");
    assert_eq!(rows[1]["retry"], "never");

    let outcome = world.offboard(&["status", &id, "--output", "csv"]);
    assert_eq!(self::rows(&outcome)[0]["actionId"], rows[0]["actionId"]);
}

#[test]
fn machines_and_the_plugin_are_rows_too() {
    let world = World::new();
    let name = world.shared_name();
    let found = rows(&world.offboard(&["find", &name, "--output", "csv"]));
    assert!(found.len() > 1 && found.iter().all(|row| row["name"] == name));
    let plugin = rows(&offboard(["inspect", "--output", "csv"]));
    assert!(plugin.iter().any(|row| row["property"] == "sha256"));
}

#[test]
fn what_looks_like_a_formula_is_a_text() {
    let name = "=HYPERLINK(\"https://evil.test\",\"x\")";
    let machine = serde_json::json!({
        "id": UNKNOWN_MACHINE, "computerDnsName": name, "machineTags": ["+1", "a\u{1b}[2J", "=1"],
        "rbacGroupName": "@SUM(A1)\r\n=1",
    });
    let page = serde_json::json!({ "value": [machine] }).to_string();
    let server = Scripted::new(move |_, _| Some(Reply::new(200, &page)));
    let outcome = server.command(&["find", name, "--output", "csv"]);
    let rows = rows(&outcome);
    assert_eq!(rows[0]["name"], format!("'{name}"), "{outcome:?}");
    assert_eq!(rows[0]["tags"], "'+1; a\\u{1b}[2J;' =1");
    assert_eq!(rows[0]["group"], "'@SUM(A1) ' =1");
}
